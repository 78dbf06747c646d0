/* SPDX-License-Identifier: Apache-2.0
 * What people type. Whatever it is, it means something: there is no question that cannot be asked,
 * only ones without answers. */
#include "modules/search/search_priv.h"

const char *const search_fields[] = {"kind",  "namespace", "type",     "lifecycle",
                                     "owner", "tag",       "location", NULL};

const char *search_field(Str name)
{
    for (size_t i = 0; search_fields[i]; i++) {
        if (str_eq_nocase(name, str_from(search_fields[i]))) {
            return search_fields[i];
        }
    }
    return NULL;
}

SearchFilter *search_add_filter(SearchQuery *q, const char *field, Str value, bool is_excluded)
{
    SearchFilter *filter = NULL;
    for (size_t i = 0; i < q->filters.n && !filter; i++) {
        SearchFilter *f = &q->filters.at[i];
        filter = str_is(str_from(f->field), field) && f->is_excluded == is_excluded ? f : NULL;
    }
    if (!filter && q->filters.n < SEARCH_FILTERS_MAX) {
        VEC_PUSH(&q->filters, ((SearchFilter){.field = field,
                                              .values = {.arena = q->filters.arena},
                                              .is_excluded = is_excluded}));
        filter = &q->filters.at[q->filters.n - 1];
    }
    if (filter && filter->values.n < SEARCH_VALUES_MAX) {
        VEC_PUSH(&filter->values, value);
    }
    return filter;
}

/* One piece of the text: what is between spaces, or quotes. */
typedef struct Piece {
    Str field; /* what stands before a colon */
    Str text;
    bool is_quoted, is_excluded;
} Piece;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static Str take_quoted(Str text, size_t *at)
{
    size_t from = *at + 1;
    size_t len = MIN(str_find_char(str_from_index(text, from), '"'), text.len - from);
    *at = MIN(from + len + 1, text.len);
    return str_sub(text, from, from + len);
}

static Str take_plain(Str text, size_t *at, bool until_colon)
{
    size_t from = *at;
    while (*at < text.len && !is_space(text.ptr[*at]) && text.ptr[*at] != '"' &&
           !(until_colon && text.ptr[*at] == ':')) {
        ++*at;
    }
    return str_sub(text, from, *at);
}

static bool take_piece(Str text, size_t *at, Piece *ret)
{
    *ret = (Piece){0};
    while (*at < text.len && is_space(text.ptr[*at])) {
        ++*at;
    }
    if (*at >= text.len) {
        return false;
    }
    if (text.ptr[*at] == '-' && *at + 1 < text.len && !is_space(text.ptr[*at + 1])) {
        ret->is_excluded = true;
        ++*at;
    }
    size_t begin = *at;
    Str head = take_plain(text, at, true);
    if (*at < text.len && text.ptr[*at] == ':' && search_field(head)) {
        ret->field = head;
        begin = ++*at;
    } else {
        *at = begin;
    }
    ret->is_quoted = begin < text.len && text.ptr[begin] == '"';
    ret->text = ret->is_quoted ? take_quoted(text, at) : take_plain(text, at, false);
    if (*at == begin) {
        ++*at; /* whatever it is, there is an end */
    }
    return true;
}

static void add_term(SearchQuery *q, const SearchWord *words, size_t n, const Piece *piece)
{
    Arena *arena = q->terms.arena;
    SearchTerm term = {.words = {.arena = arena},
                       .is_phrase = piece->is_quoted,
                       .is_excluded = piece->is_excluded,
                       .synonyms = {.arena = arena},
                       .typos = {.arena = arena},
                       .longer = {.arena = arena}};
    for (size_t i = 0; i < n; i++) {
        VEC_PUSH(&term.words, words[i].word);
    }
    if (n > 0 && q->terms.n < SEARCH_TERMS_MAX) {
        VEC_PUSH(&q->terms, term);
    }
}

static void add_piece(SearchQuery *q, const Piece *piece, Buf *wanted)
{
    SearchWords words;
    search_words(q->terms.arena, piece->text, false, SEARCH_TERMS_MAX, &words);
    if (piece->is_quoted) {
        add_term(q, words.at, words.n, piece);
    }
    for (size_t i = 0; !piece->is_quoted && i < words.n; i++) {
        add_term(q, &words.at[i], 1, piece);
    }
    if (!piece->is_excluded) {
        buf_put(wanted, piece->text);
        buf_char(wanted, ' ');
    }
}

void search_add_words(SearchQuery *q, Str text, bool in_name)
{
    SearchWords words;
    search_words(q->terms.arena, text, false, SEARCH_TERMS_MAX, &words);
    for (size_t i = 0; i < words.n; i++) {
        size_t before = q->terms.n;
        add_term(q, &words.at[i], 1, &(Piece){0});
        for (size_t k = before; k < q->terms.n; k++) {
            q->terms.at[k].only = in_name ? "1" : "14";
        }
    }
}

void search_parse(Arena *arena, Str text, bool operators, SearchQuery *ret)
{
    Buf wanted = buf_init(arena, SIZE_MAX / 4);
    Piece piece;
    size_t at = 0;
    ret->terms.arena = arena;
    ret->filters.arena = arena;
    while (operators && take_piece(text, &at, &piece)) {
        if (piece.field.len == 0) {
            add_piece(ret, &piece, &wanted);
        } else if (piece.text.len > 0) {
            IGNORE(!search_add_filter(ret, search_field(piece.field), piece.text,
                                      piece.is_excluded)); /* there are enough */
        }
    }
    if (!operators) {
        add_piece(ret, &(Piece){.text = text}, &wanted);
    }
    ret->joined = search_joined(arena, buf_str(&wanted));
}
