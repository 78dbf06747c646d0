/* SPDX-License-Identifier: Apache-2.0
 * Expressions over the index of words. Words have letters and digits alone (search_words.c), so
 * they need no escaping, in either form:
 *
 *   SQLite      ("1pay" OR "2pay") AND ("m0123" OR "m4567") NOT ("1old")
 *   PostgreSQL  ('1pay' | '2pay') & ('m0123' | 'm4567') & !('1old') */
#include "modules/search/search_priv.h"

static void put_or(SearchExpr *e, bool *is_first)
{
    buf_put(&e->text, *is_first ? STR("(") : e->db == DB_POSTGRES ? STR(" | ") : STR(" OR "));
    *is_first = false;
}

static void put_and(SearchExpr *e)
{
    if (e->text.len > 0) {
        buf_put(&e->text, e->db == DB_POSTGRES ? STR(" & ") : STR(" AND "));
    }
}

static void put_token(SearchExpr *e, char place, Str word)
{
    char quote = e->db == DB_POSTGRES ? '\'' : '"';
    buf_char(&e->text, quote);
    if (place) {
        buf_char(&e->text, place);
    }
    buf_put(&e->text, word);
    buf_char(&e->text, quote);
}

/* A word at one place; how words begin is stored up to a length. */
static void put_place(SearchExpr *e, bool *is_first, char place, Str word)
{
    bool is_start = place == IN_START || place == IN_BEGIN;
    size_t n = is_start ? search_letters(word) : 0;
    if ((place == IN_START && (n < SEARCH_START_MIN || n > SEARCH_START_MAX)) ||
        (place == IN_BEGIN && n > SEARCH_BEGIN_MAX)) {
        return;
    }
    put_or(e, is_first);
    put_token(e, place, word);
}

static void put_places(SearchExpr *e, bool *is_first, const char *places, const SearchStrs *words)
{
    for (size_t i = 0; i < words->n; i++) {
        for (const char *place = places; *place; place++) {
            put_place(e, is_first, *place, words->at[i]);
        }
    }
}

/* Words beside each other, at places that keep their order. */
static void put_phrase(SearchExpr *e, bool *is_first, const char *places, const SearchStrs *words)
{
    for (const char *place = places; *place; place++) {
        if (*place != IN_NAME && *place != IN_SUMMARY && *place != IN_SIDE) {
            continue;
        }
        put_or(e, is_first);
        for (size_t i = 0; i < words->n; i++) {
            buf_put(&e->text, i == 0 ? STR("(") : e->db == DB_POSTGRES ? STR(" <-> ") : STR(" + "));
            put_token(e, *place, words->at[i]);
        }
        buf_char(&e->text, ')');
    }
}

static bool put_term(SearchExpr *e, const SearchTerm *term, const SearchPlaces *places)
{
    bool is_first = true;
    if (term->only) {
        put_places(e, &is_first, term->only, &term->words);
    } else if (term->is_phrase) {
        put_phrase(e, &is_first, places->words, &term->words);
    } else {
        put_places(e, &is_first, places->words, &term->words);
        put_places(e, &is_first, places->synonyms, &term->synonyms);
        put_places(e, &is_first, places->typos, &term->typos);
        put_places(e, &is_first, places->longer, &term->longer);
    }
    buf_put(&e->text, is_first ? STR_EMPTY : STR(")"));
    return !is_first;
}

static bool put_terms(SearchExpr *e, const SearchQuery *q, const SearchPlaces *places)
{
    bool is_first = true;
    for (size_t i = 0; i < q->terms.n; i++) {
        if (q->terms.at[i].is_excluded) {
            continue;
        }
        if (places->any_term) {
            put_or(e, &is_first);
        } else {
            put_and(e);
        }
        size_t before = e->text.len;
        if (!put_term(e, &q->terms.at[i], places)) {
            if (!places->any_term) {
                return false;
            }
            put_token(e, 0, STR("none")); /* stored nowhere */
        }
        ASSERT(e->text.len > before);
    }
    buf_put(&e->text, places->any_term && !is_first ? STR(")") : STR_EMPTY);
    return true;
}

void search_expr_any(SearchExpr *e, const Str *tokens, size_t n)
{
    bool is_first = true;
    put_and(e);
    for (size_t i = 0; i < n; i++) {
        put_or(e, &is_first);
        put_token(e, 0, tokens[i]);
    }
    buf_char(&e->text, ')');
}

static void put_filter(SearchExpr *e, const SearchFilter *filter)
{
    Str *marks = ARENA_ARRAY(e->arena, Str, filter->values.n);
    for (size_t i = 0; i < filter->values.n; i++) {
        marks[i] = search_mark(e->arena, filter->field, filter->values.at[i]);
    }
    search_expr_any(e, marks, filter->values.n);
}

static void put_sources(SearchExpr *e, const SearchQuery *q)
{
    Str marks[SEARCH_SOURCES_MAX];
    for (size_t i = 0; i < q->n_sources; i++) {
        marks[i] = search_mark(e->arena, "source", str_from(q->sources[i]->type));
    }
    search_expr_any(e, marks, q->n_sources);
}

static void put_not(SearchExpr *e)
{
    buf_put(&e->text, e->db == DB_POSTGRES ? STR(" & !") : STR(" NOT "));
}

static void put_excluded(SearchExpr *e, const SearchQuery *q)
{
    static const SearchPlaces everywhere = {
        .words = "1345", .synonyms = "", .typos = "", .longer = ""};
    for (size_t i = 0; i < q->terms.n; i++) {
        if (q->terms.at[i].is_excluded) {
            put_not(e);
            IGNORE(!put_term(e, &q->terms.at[i], &everywhere)); /* it has a word */
        }
    }
    for (size_t i = 0; i < q->filters.n; i++) {
        if (q->filters.at[i].is_excluded) {
            SearchExpr inner = {
                .arena = e->arena, .db = e->db, .text = buf_init(e->arena, 64 * KIB)};
            put_filter(&inner, &q->filters.at[i]);
            put_not(e);
            buf_put(&e->text, buf_str(&inner.text));
        }
    }
}

/* What is asked besides the terms. SQLite's NOT binds closer than AND, so all before it is put in
 * brackets. */
static void finish(SearchExpr *e, const SearchQuery *q, Str owner_marks)
{
    if (e->text.len == 0 || !q->is_all_sources) {
        put_sources(e, q);
    }
    for (size_t i = 0; i < q->filters.n; i++) {
        if (!q->filters.at[i].is_excluded) {
            put_filter(e, &q->filters.at[i]);
        }
    }
    if (owner_marks.len > 0) {
        put_and(e);
        buf_put(&e->text, owner_marks);
    }
    Str positive = str_dup(e->arena, buf_str(&e->text));
    buf_clear(&e->text);
    buf_char(&e->text, '(');
    buf_put(&e->text, positive);
    buf_char(&e->text, ')');
    put_excluded(e, q);
}

bool search_expr(SearchExpr *e, const SearchQuery *q, const SearchPlaces *places, Str owner_marks)
{
    if (!put_terms(e, q, places)) {
        return false;
    }
    finish(e, q, owner_marks);
    return buf_ok(&e->text);
}

bool search_expr_token(SearchExpr *e, const SearchQuery *q, Str token, Str owner_marks)
{
    if (token.len > 0) {
        search_expr_any(e, &token, 1);
    }
    finish(e, q, owner_marks);
    return buf_ok(&e->text);
}
