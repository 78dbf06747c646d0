/* SPDX-License-Identifier: Apache-2.0
 * Other words for those of a question: what means the same, what a word that is being typed may
 * become, what a mistyped one may mean. */
#include "modules/search/search_find_priv.h"

static SearchTerm *last_term(SearchQuery *q)
{
    for (size_t i = q->terms.n; i > 0; i--) {
        if (!q->terms.at[i - 1].is_excluded) {
            return q->terms.at[i - 1].is_phrase ? NULL : &q->terms.at[i - 1];
        }
    }
    return NULL;
}

/* Known words that begin like the last one, which may not be typed to its end yet. */
Rc search_look_up_longer(SearchFind *f)
{
    enum { LONGER_MIN = 3, LONGER_MAX = 12 };
    SearchTerm *term = last_term(f->q);
    if (!term || search_letters(term->words.at[0]) < LONGER_MIN) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str word = term->words.at[0];
    Str end = str_fmt(f->cx->arena, "%.*s\xf4\x8f\xbf\xbf", STR_ARG(word));
    SearchSql s = search_sql(f);
    buf_fmt(&s.text, "SELECT term FROM search_terms_%s", f->found->slot ? "b" : "a");
    search_sql_param(&s, " WHERE term > ", word, "");
    search_sql_param(&s, " AND term < ", end, " ORDER BY term");
    search_sql_limit(&s, LONGER_MAX);
    TRY(tx_query_sql(f->cx->tx, buf_str(&s.text), s.params.at, s.params.n, &rows, &f->cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&term->longer, rows_dup(rows, 0, f->cx->arena));
    }
    return rows_error(rows, &f->cx->error);
}

static Str keys_json(SearchFind *f)
{
    Buf out = buf_init(f->cx->arena, 64 * KIB);
    for (size_t i = 0; i < f->q->terms.n; i++) {
        const SearchTerm *term = &f->q->terms.at[i];
        unsigned distance = term->is_phrase ? 0 : search_tolerance(term->words.at[0]);
        SearchKeys keys;
        if (term->is_excluded || distance == 0) {
            continue;
        }
        search_typo_keys(f->cx->arena, term->words.at[0], distance, &keys);
        for (size_t k = 0; k < keys.n; k++) {
            buf_fmt(&out, "%s%lld", out.len ? "," : "[", (long long)keys.at[k]);
        }
    }
    buf_put(&out, out.len ? STR("]") : STR_EMPTY);
    return buf_str(&out);
}

/* Those nearest to the word; words that are near it with fewer errors hide the others. */
static void add_typo(SearchTerm *term, Str candidate, unsigned *nearest)
{
    enum { TYPOS_MAX = 8 };
    Str word = term->words.at[0];
    unsigned most = search_tolerance(word);
    unsigned distance = most ? search_distance(word, candidate, most) : 1;
    if (most == 0 || distance > MIN(most, *nearest)) {
        return;
    }
    if (distance == 0) { /* it is a word itself, and means no other */
        *nearest = 0;
        term->typos.n = 0;
        return;
    }
    if (distance < *nearest) {
        *nearest = distance;
        term->typos.n = 0;
    }
    if (term->typos.n < TYPOS_MAX) {
        VEC_PUSH(&term->typos, candidate);
    }
}

Rc search_look_up_typos(SearchFind *f)
{
    enum { CANDIDATES_MAX = 1000 };
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str keys = keys_json(f);
    unsigned nearest[SEARCH_TERMS_MAX];
    SearchSql s = search_sql(f);
    if (keys.len == 0) {
        return RC_OK;
    }
    for (size_t i = 0; i < SEARCH_TERMS_MAX; i++) {
        nearest[i] = UINT32_MAX;
    }
    buf_fmt(&s.text, "SELECT DISTINCT term FROM search_typos_%s", f->found->slot ? "b" : "a");
    search_sql_param(&s,
                     f->db == DB_POSTGRES
                         ? " WHERE key = ANY (ARRAY(SELECT jsonb_array_elements_text("
                         : " WHERE key IN (SELECT value FROM json_each(",
                     keys, f->db == DB_POSTGRES ? "::jsonb)::bigint))" : "))");
    search_sql_limit(&s, CANDIDATES_MAX);
    TRY(tx_query_sql(f->cx->tx, buf_str(&s.text), s.params.at, s.params.n, &rows, &f->cx->error));
    while (rows_next(rows)) {
        Str candidate = rows_dup(rows, 0, f->cx->arena);
        for (size_t i = 0; i < f->q->terms.n; i++) {
            SearchTerm *term = &f->q->terms.at[i];
            if (!term->is_phrase && !term->is_excluded) {
                add_typo(term, candidate, &nearest[i]);
            }
        }
    }
    return rows_error(rows, &f->cx->error);
}

void search_look_up_synonyms(SearchFind *f)
{
    for (size_t i = 0; i < f->q->terms.n; i++) {
        SearchTerm *term = &f->q->terms.at[i];
        if (!term->is_phrase && !term->is_excluded) {
            search_synonyms(term->words.at[0], &term->synonyms);
        }
    }
}
