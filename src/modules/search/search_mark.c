/* SPDX-License-Identifier: Apache-2.0
 * Where a text matches, as places in it; the text itself is never changed, so whoever shows it
 * escapes it as any other. */
#include "modules/search/search_priv.h"

#include <stdlib.h>

enum { SPANS_MAX = 200, WORDS_MAX = 3000, INFIX_MIN = 3, LEAD_BYTES = 60 };

/* What of a word matches: the typed part where its place is certain, else all of it. */
static bool part_of(const SearchWord *word, size_t at, size_t len, SearchSpan *ret)
{
    bool is_same = word->word.len == word->to - word->from;
    *ret = is_same ? (SearchSpan){word->from + at, word->from + at + len}
                   : (SearchSpan){word->from, word->to};
    return true;
}

static bool is_one_of(const SearchStrs *list, Str word)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(list->at[i], word)) {
            return true;
        }
    }
    return false;
}

static bool match_term(const SearchTerm *term, const SearchWord *word, SearchSpan *ret)
{
    if (is_one_of(&term->words, word->word) || is_one_of(&term->synonyms, word->word) ||
        is_one_of(&term->typos, word->word)) {
        return part_of(word, 0, word->word.len, ret);
    }
    Str asked = term->words.at[0];
    size_t at = term->is_phrase ? SIZE_MAX : str_find(word->word, asked);
    if (at == 0 || (at != SIZE_MAX && search_letters(asked) >= INFIX_MIN)) {
        return part_of(word, at, asked.len, ret);
    }
    return false;
}

static int by_place(const void *left, const void *right)
{
    const SearchSpan *a = left, *b = right;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from)
                              : (a->to < b->to) - (a->to > b->to);
}

static void merge(SearchSpans *spans)
{
    size_t n = 0;
    if (spans->n > 1) {
        qsort(spans->at, spans->n, sizeof spans->at[0], by_place);
    }
    for (size_t i = 0; i < spans->n; i++) {
        if (n > 0 && spans->at[i].from < spans->at[n - 1].to) {
            spans->at[n - 1].to = MAX(spans->at[n - 1].to, spans->at[i].to);
        } else {
            spans->at[n++] = spans->at[i];
        }
    }
    spans->n = n;
}

void search_spans(Arena *arena, const SearchQuery *q, Str text, SearchSpans *ret)
{
    SearchWords words;
    *ret = (SearchSpans){.arena = arena};
    if (q->terms.n == 0) {
        return;
    }
    search_words(arena, text, true, WORDS_MAX, &words);
    for (size_t i = 0; i < words.n && ret->n < SPANS_MAX; i++) {
        for (size_t k = 0; k < q->terms.n; k++) {
            SearchSpan span;
            if (!q->terms.at[k].is_excluded && match_term(&q->terms.at[k], &words.at[i], &span)) {
                VEC_PUSH(ret, span);
            }
        }
    }
    merge(ret);
}

/* ---- as JSON */

static void push_piece(Arena *arena, Json *out, Str text, bool is_match)
{
    if (text.len > 0) {
        Json *piece = json_object(arena);
        json_set_str(arena, piece, "text", text);
        json_set_c(arena, piece, "match", json_bool_new(arena, is_match));
        json_push(arena, out, piece);
    }
}

static size_t char_start(Str text, size_t at)
{
    while (at > 0 && at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) {
        at--;
    }
    return MIN(at, text.len);
}

Json *search_pieces(Arena *arena, Str text, const SearchSpans *spans, size_t max)
{
    Json *out = json_array(arena);
    size_t first = spans->n ? spans->at[0].from : 0, from = 0;
    if (text.len > max && first > LEAD_BYTES) {
        from = char_start(text, MIN(first - LEAD_BYTES, text.len - max));
    }
    size_t to = char_start(text, MIN(from + max, text.len)), at = from;
    push_piece(arena, out, from > 0 ? STR("…") : STR_EMPTY, false);
    for (size_t i = 0; i < spans->n && spans->at[i].from < to; i++) {
        size_t begin = MAX(spans->at[i].from, at), end = MIN(spans->at[i].to, to);
        if (begin < end) {
            push_piece(arena, out, str_sub(text, at, begin), false);
            push_piece(arena, out, str_sub(text, begin, end), true);
            at = end;
        }
    }
    push_piece(arena, out, str_sub(text, at, to), false);
    push_piece(arena, out, to < text.len ? STR("…") : STR_EMPTY, false);
    return out;
}
