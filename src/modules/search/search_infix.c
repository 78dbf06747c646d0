/* SPDX-License-Identifier: Apache-2.0
 * Parts of names: trigrams say which may have them, the label says which do. */
#include "modules/search/search_find_priv.h"

enum { INFIX_MIN = 3 };

static void put_grams(Buf *out, Str word)
{
    size_t n = search_letters(word);
    for (size_t i = 0; i < n; i += INFIX_MIN) { /* few that do not overlap, and the last one */
        size_t from = search_prefix(word, MIN(i, n - INFIX_MIN)).len;
        size_t to = search_prefix(word, MIN(i, n - INFIX_MIN) + INFIX_MIN).len;
        buf_fmt(out, "%s\"%.*s\"", out->len ? " " : "", STR_ARG(str_sub(word, from, to)));
    }
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

Rc search_run_infix(SearchFind *f, unsigned at)
{
    const char *slot = f->found->slot ? "b" : "a";
    Buf grams = buf_init(f->cx->arena, 64 * KIB);
    SearchSql s = search_sql(f);
    if (!can_be_infix(f->q) || has_excluded(f->q)) {
        return RC_OK;
    }
    for (size_t i = 0; i < f->q->terms.n; i++) {
        if (!f->q->terms.at[i].is_excluded) {
            put_grams(&grams, f->q->terms.at[i].words.at[0]);
        }
    }
    search_sql_columns(f, &s);
    if (f->db == DB_POSTGRES) {
        buf_fmt(&s.text, "search_documents_%s d WHERE 1 = 1", slot);
    } else {
        buf_fmt(&s.text,
                "search_grams_%s CROSS JOIN search_documents_%s d ON d.n = search_grams_%s.rowid "
                "WHERE search_grams_%s MATCH ",
                slot, slot, slot, slot);
        search_sql_param(&s, "", buf_str(&grams), "");
    }
    put_infix_terms(f, &s);
    put_filters(f, &s);
    search_sql_reach(f, &s);
    search_sql_limit(&s, f->found->hits.n + f->q->base);
    return search_run(f, &s, at, true);
}
