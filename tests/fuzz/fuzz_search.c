/* SPDX-License-Identifier: Apache-2.0
 * What people type into a search: every text has a meaning, its words are letters and digits of
 * bounded length in UTF-8, its expression is balanced on both databases, and places lie in the
 * text. */
#include "modules/search/search_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_expression(Arena *arena, const SearchQuery *q, DbKind db)
{
    static const SearchPlaces places = {
        .words = "126345", .synonyms = "1", .typos = "1", .longer = "1"};
    SearchExpr e = {.arena = arena, .db = db, .text = buf_init(arena, 16 * MIB)};
    char quote = db == DB_POSTGRES ? '\'' : '"';
    long depth = 0;
    bool in_word = false;
    if (!search_expr(&e, q, &places, STR_EMPTY)) {
        return;
    }
    Str text = buf_str(&e.text);
    for (size_t i = 0; i < text.len; i++) {
        in_word = in_word != (text.ptr[i] == quote);
        depth += in_word ? 0 : (text.ptr[i] == '(') - (text.ptr[i] == ')');
        ASSERT(depth >= 0);
    }
    ASSERT(depth == 0 && !in_word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Str text = str_dup(arena, str_of((const char *)data, size));
    SearchQuery q = {.is_all_sources = true};
    SearchSpans spans;
    size_t bad, end = 0;
    bool is_text = str_is_utf8(text, &bad);
    search_parse(arena, text, true, &q);
    for (size_t i = 0; i < q.terms.n; i++) {
        for (size_t k = 0; k < q.terms.at[i].words.n; k++) {
            Str word = q.terms.at[i].words.at[k];
            ASSERT(word.len > 0 && word.len <= SEARCH_WORD_MAX);
            ASSERT(!is_text || str_is_utf8(word, &bad));
            ASSERT(str_find_char(word, '"') == SIZE_MAX && str_find_char(word, '\'') == SIZE_MAX);
        }
    }
    if (is_text) {
        check_expression(arena, &q, DB_SQLITE);
        check_expression(arena, &q, DB_POSTGRES);
    }
    search_spans(arena, &q, text, &spans);
    for (size_t i = 0; i < spans.n; i++) {
        ASSERT(spans.at[i].from >= end && spans.at[i].from < spans.at[i].to &&
               spans.at[i].to <= text.len);
        end = spans.at[i].to;
    }
    arena_free(arena);
    return 0;
}
