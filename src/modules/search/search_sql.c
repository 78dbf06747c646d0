/* SPDX-License-Identifier: Apache-2.0
 * The statements that search, and their rows. */
#include "modules/search/search_find_priv.h"

#include <stdlib.h>

SearchSql search_sql(const SearchFind *f)
{
    return (SearchSql){.text = buf_init(f->cx->arena, MIB), .params = {.arena = f->cx->arena}};
}

void search_sql_param(SearchSql *s, const char *before, Str value, const char *after)
{
    VEC_PUSH(&s->params, P_STR(value));
    buf_fmt(&s->text, "%s$%zu%s", before, s->params.n, after);
}

void search_sql_columns(const SearchFind *f, SearchSql *s)
{
    buf_put(&s->text, f->q->wants_facets
                          ? STR("SELECT d.n, d.label, d.kind, d.type, d.ctype, d.owner, "
                                "d.lifecycle, d.tags FROM ")
                          : STR("SELECT d.n, d.label, d.kind FROM "));
}

/* "… WHERE" and the condition that the words fit. */
void search_sql_match(const SearchFind *f, SearchSql *s, Str expr)
{
    const char *slot = f->found->slot ? "b" : "a";
    if (f->db == DB_POSTGRES) {
        buf_fmt(&s->text, "search_documents_%s d WHERE d.words @@ ", slot);
        search_sql_param(s, "", expr, "::tsquery");
    } else {
        buf_fmt(&s->text,
                "search_words_%s CROSS JOIN search_documents_%s d ON d.n = search_words_%s.rowid "
                "WHERE search_words_%s MATCH ",
                slot, slot, slot, slot);
        search_sql_param(s, "", expr, "");
    }
}

void search_sql_limit(SearchSql *s, size_t limit)
{
    VEC_PUSH(&s->params, P_I64(limit));
    buf_fmt(&s->text, " LIMIT $%zu", s->params.n);
}

static int kind_weight(Str kind)
{
    static const struct {
        const char *kind;
        int weight;
    } weights[] = {
        {"component", 0 },
        {"api",       1 },
        {"system",    1 },
        {"resource",  2 },
        {"domain",    2 },
        {"group",     2 },
        {"user",      2 },
        {"template",  4 },
        {"location",  60},
    };
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        if (str_eq_nocase(kind, str_from(weights[i].kind))) {
            return weights[i].weight;
        }
    }
    return 3;
}

static bool has_one(Str label, const SearchStrs *words)
{
    for (size_t i = 0; i < words->n; i++) {
        if (str_find(label, words->at[i]) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

/* Less is better: words that the name has itself weigh more than its length. */
static int order_of(const SearchQuery *q, Str label, Str kind)
{
    enum { MISSING = 2000, LENGTH_MAX = 1000 };
    Str name = str_sub(label, 0, MIN(str_find_char(label, '\n'), label.len));
    int missing = 0;
    for (size_t i = 0; i < q->terms.n; i++) {
        const SearchTerm *t = &q->terms.at[i];
        bool is_there = t->is_excluded || has_one(label, &t->words) ||
                        has_one(label, &t->synonyms) || has_one(label, &t->typos);
        missing += is_there ? 0 : MISSING;
    }
    return missing + (int)MIN(name.len, (size_t)LENGTH_MAX) + kind_weight(kind);
}

static SearchHit hit_of(const SearchFind *f, Rows *rows, unsigned tier)
{
    Arena *a = f->cx->arena;
    SearchHit hit = {.n = rows_i64(rows, 0),
                     .tier = tier,
                     .label = rows_dup(rows, 1, a),
                     .kind = rows_dup(rows, 2, a)};
    hit.order = order_of(f->q, hit.label, hit.kind);
    if (f->q->wants_facets) {
        hit.source = rows_dup(rows, 3, a);
        hit.type = rows_dup(rows, 4, a);
        hit.owner = rows_dup(rows, 5, a);
        hit.lifecycle = rows_dup(rows, 6, a);
        hit.tags = rows_dup(rows, 7, a);
    }
    return hit;
}

static bool is_new(SearchFind *f, int64_t n)
{
    Str key = str_of((const char *)&n, sizeof n);
    if (map_has(&f->seen, key)) {
        return false;
    }
    map_put(&f->seen, str_dup(f->cx->arena, key), f);
    return true;
}

static int by_order(const void *left, const void *right)
{
    const SearchHit *a = left, *b = right;
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    int order = str_cmp(a->label, b->label);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

Rc search_run(SearchFind *f, const SearchSql *s, unsigned tier, bool sorted)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    size_t before = f->found->hits.n;
    TRY(tx_query_sql(f->cx->tx, buf_str(&s->text), s->params.at, s->params.n, &rows,
                     &f->cx->error));
    while (rows_next(rows)) {
        if (is_new(f, rows_i64(rows, 0))) {
            VEC_PUSH(&f->found->hits, hit_of(f, rows, tier));
        }
    }
    TRY(rows_error(rows, &f->cx->error));
    size_t n = MIN(f->found->hits.n - before, f->q->base);
    if (sorted && n > 1) {
        qsort(f->found->hits.at + before, n, sizeof(SearchHit), by_order);
    }
    return RC_OK;
}

void search_sql_in_label(const SearchFind *f, SearchSql *s, Str word)
{
    if (f->db == DB_POSTGRES) { /* a word has no wildcards */
        search_sql_param(s, " AND d.label LIKE '%' || ", word, " || '%'");
    } else {
        search_sql_param(s, " AND instr(d.label, ", word, ") > 0");
    }
}
