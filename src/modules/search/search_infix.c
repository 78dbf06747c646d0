/* SPDX-License-Identifier: Apache-2.0
 * Parts of names: trigrams say which may have them, the label says which do. */
#include "modules/search/search_find_priv.h"

enum { INFIX_MIN = 3, GRAMS_MAX = 3, GRAMS_DIGITS = 2, CANDIDATES_MAX = 1000 };

typedef struct Grams {
    Buf text;
    size_t n;
} Grams;

static bool has_digit(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9') {
            return true;
        }
    }
    return false;
}

/* The trigram of a word at a place, moved back to the last one that it has. */
static void put_gram(Grams *g, Str word, size_t at, bool only_digits)
{
    size_t n = search_letters(word);
    size_t first = MIN(at, n - INFIX_MIN);
    size_t from = search_prefix(word, first).len, to = search_prefix(word, first + INFIX_MIN).len;
    Str gram = str_sub(word, from, to);
    if (at < n && g->n < GRAMS_MAX && (!only_digits || has_digit(gram))) {
        buf_fmt(&g->text, "%s\"%.*s\"", g->n++ ? " " : "", STR_ARG(gram));
    }
}

static void put_round(Grams *g, const SearchQuery *q, size_t at, bool only_digits)
{
    for (size_t i = 0; i < q->terms.n; i++) {
        if (!q->terms.at[i].is_excluded) {
            put_gram(g, q->terms.at[i].words.at[0], at, only_digits);
        }
    }
}

/* A few: the label has the last word, and each costs as much as there are names that have it.
 * Digits say more than letters. */
static Str grams_of(const SearchFind *f)
{
    Grams g = {.text = buf_init(f->cx->arena, 4 * KIB)};
    for (size_t at = 0; at < SEARCH_WORD_MAX; at += INFIX_MIN) {
        put_round(&g, f->q, at, true);
    }
    for (size_t at = 0; at < SEARCH_WORD_MAX && g.n < GRAMS_DIGITS; at += INFIX_MIN) {
        put_round(&g, f->q, at, false);
    }
    return buf_str(&g.text);
}

static bool can_be_infix(const SearchQuery *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->terms.n; i++) {
        const SearchTerm *term = &q->terms.at[i];
        if (!term->is_excluded) {
            n++;
            if (term->is_phrase || term->only || search_letters(term->words.at[0]) < INFIX_MIN) {
                return false;
            }
        }
    }
    return n > 0;
}

static bool has_excluded(const SearchQuery *q)
{
    for (size_t i = 0; i < q->terms.n; i++) {
        if (q->terms.at[i].is_excluded) {
            return true;
        }
    }
    return false;
}

bool search_has_conditions(const SearchQuery *q)
{
    return q->filters.n > 0 || has_excluded(q) || !q->is_all_sources;
}

/* A value in a pattern stands for itself. */
static Str escaped(Arena *arena, Str value)
{
    value = str_replace(arena, value, STR("\\"), STR("\\\\"));
    value = str_replace(arena, value, STR("%"), STR("\\%"));
    return str_replace(arena, value, STR("_"), STR("\\_"));
}

static void put_column(Arena *arena, SearchSql *s, const char *field, Str value)
{
    if (str_is(str_from(field), "owner")) { /* as written, in full, or its bare name */
        search_sql_param(s, "(fw_lower(d.owner) = ", value, "");
        search_sql_param(s, " OR d.owner_ref = ", value, "");
        search_sql_param(s, " OR d.owner_ref LIKE '%/' || ", escaped(arena, value),
                         " ESCAPE '\\')");
    } else if (str_is(str_from(field), "tag")) {
        search_sql_param(s, "(' ' || fw_lower(d.tags) || ' ') LIKE '% ' || ", escaped(arena, value),
                         " || ' %' ESCAPE '\\'");
    } else {
        const char *column = str_is(str_from(field), "type")       ? "ctype"
                             : str_is(str_from(field), "location") ? "href"
                                                                   : field;
        buf_fmt(&s->text, "fw_lower(d.%s)", column);
        search_sql_param(s, " = ", value, "");
    }
}

/* The filters on a row `d`, for the tier that does not ask the index of words. */
static void put_filters(const SearchFind *f, SearchSql *s)
{
    for (size_t i = 0; i < f->q->filters.n; i++) {
        const SearchFilter *filter = &f->q->filters.at[i];
        buf_put(&s->text, filter->is_excluded ? STR(" AND NOT COALESCE(") : STR(" AND ("));
        for (size_t k = 0; k < filter->values.n; k++) {
            buf_put(&s->text, k ? STR(" OR ") : STR_EMPTY);
            put_column(f->cx->arena, s, filter->field,
                       str_lower_utf8(f->cx->arena, filter->values.at[k]));
        }
        buf_put(&s->text, filter->is_excluded ? STR(", FALSE)") : STR(")"));
    }
    for (size_t i = 0; !f->q->is_all_sources && i < f->q->n_sources; i++) {
        search_sql_param(s, i ? ", " : " AND d.type IN (", str_from(f->q->sources[i]->type), "");
    }
    buf_put(&s->text, f->q->is_all_sources ? STR_EMPTY : STR(")"));
}

static void put_infix_terms(const SearchFind *f, SearchSql *s)
{
    for (size_t i = 0; i < f->q->terms.n; i++) {
        const SearchTerm *term = &f->q->terms.at[i];
        if (!term->is_excluded) {
            search_sql_in_label(f, s, term->words.at[0]);
        }
    }
}

static Rc run_rest(SearchFind *f, SearchSql *s, unsigned at)
{
    put_infix_terms(f, s);
    put_filters(f, s);
    search_sql_reach(f, s);
    search_sql_limit(s, f->found->hits.n + f->q->base);
    return search_run(f, s, at, true);
}

/* Among some documents that an index of SQLite gives. */
static Rc run_among(SearchFind *f, unsigned at, const char *table, Str expr, bool is_bounded)
{
    const char *slot = f->found->slot ? "b" : "a";
    SearchSql s = search_sql(f);
    search_sql_columns(f, &s);
    buf_fmt(&s.text, "(SELECT rowid AS n FROM search_%s_%s WHERE search_%s_%s MATCH ", table, slot,
            table, slot);
    search_sql_param(&s, "", expr, "");
    if (is_bounded) {
        search_sql_limit(&s, CANDIDATES_MAX);
    }
    buf_fmt(&s.text, ") c CROSS JOIN search_documents_%s d ON d.n = c.n WHERE 1 = 1", slot);
    return run_rest(f, &s, at);
}

Rc search_run_infix(SearchFind *f, unsigned at)
{
    bool is_narrow = search_has_conditions(f->q) || f->is_restricted;
    if (!can_be_infix(f->q) || has_excluded(f->q)) {
        return RC_OK;
    }
    if (f->db == DB_POSTGRES) {
        SearchSql s = search_sql(f);
        search_sql_columns(f, &s);
        buf_fmt(&s.text, "search_documents_%s d WHERE 1 = 1", f->found->slot ? "b" : "a");
        return run_rest(f, &s, at);
    }
    TRY(run_among(f, at, "grams", grams_of(f), is_narrow));
    SearchExpr e = {.arena = f->cx->arena, .db = f->db, .text = buf_init(f->cx->arena, MIB)};
    if (!is_narrow || f->found->hits.n >= f->want ||
        !search_expr_token(&e, f->q, STR_EMPTY, f->owner_marks)) {
        return RC_OK;
    }
    return run_among(f, at, "words", buf_str(&e.text), true); /* few may fit the filters */
}
