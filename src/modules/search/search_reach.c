/* SPDX-License-Identifier: Apache-2.0
 * Who sees what, as a part of every statement that searches. */
#include "modules/search/search_find_priv.h"

static void put_list(const SearchFind *f, SearchSql *s, const char *column, Str list)
{
    VEC_PUSH(&s->params, P_STR(list));
    buf_fmt(&s->text,
            f->db == DB_POSTGRES ? "%s IN (SELECT jsonb_array_elements_text($%zu::jsonb))"
                                 : "%s IN (SELECT value FROM json_each($%zu))",
            column, s->params.n);
}

static void put_either(const SearchFind *f, SearchSql *s, Str owners, Str ids)
{
    if (owners.len > 0) {
        put_list(f, s, "d.owner_ref", owners);
    }
    if (ids.len > 0) {
        buf_put(&s->text, owners.len ? STR(" OR ") : STR_EMPTY);
        put_list(f, s, "d.auth_id", ids);
    }
    if (owners.len == 0 && ids.len == 0) {
        buf_lit(&s->text, "1 = 0");
    }
}

static void put_part(const SearchFind *f, SearchSql *s, const OwnedPart *p)
{
    if (!p->is_all) {
        buf_lit(&s->text, " AND (");
        put_either(f, s, p->owners, p->ids);
        buf_lit(&s->text, ")");
    }
    if (p->no_owners.len > 0 || p->no_ids.len > 0) { /* NULL, nobody's, is not "no" */
        buf_lit(&s->text, " AND NOT COALESCE(");
        put_either(f, s, p->no_owners, p->no_ids);
        buf_lit(&s->text, ", FALSE)");
    }
}

/* " AND (…)" on a row `d`. */
void search_sql_reach(const SearchFind *f, SearchSql *s)
{
    const SearchQuery *q = f->q;
    for (size_t i = 0; f->is_restricted && i < q->n_sources; i++) {
        buf_put(&s->text, i == 0 ? STR(" AND (") : STR(" OR "));
        VEC_PUSH(&s->params, P_CSTR(q->sources[i]->type));
        buf_fmt(&s->text, "(d.type = $%zu", s->params.n);
        for (size_t k = 0; f->reach[i] && k < f->reach[i]->n_parts; k++) {
            put_part(f, s, &f->reach[i]->parts[k]);
        }
        buf_lit(&s->text, ")");
    }
    buf_put(&s->text, f->is_restricted ? STR(")") : STR_EMPTY);
}

/* What a few owners have is found by their marks, however many documents there are. */
static Str owner_marks_of(SearchFind *f)
{
    enum { OWNERS_MAX = 64 };
    const OwnedReach *reach = f->q->n_sources == 1 ? f->reach[0] : NULL;
    SearchStrs marks = {.arena = f->cx->arena};
    if (!reach || reach->parts[0].is_all || reach->parts[0].ids.len > 0 ||
        !reach->parts[0].sets[0] || reach->parts[0].sets[0]->n_live > OWNERS_MAX) {
        return STR_EMPTY;
    }
    for (const MapEntry *e = map_first(reach->parts[0].sets[0]); e;
         e = map_next(reach->parts[0].sets[0], e)) {
        VEC_PUSH(&marks, search_mark(f->cx->arena, "owner", e->key));
    }
    SearchExpr out = {.arena = f->cx->arena, .db = f->db, .text = buf_init(f->cx->arena, 64 * KIB)};
    search_expr_any(&out, marks.at, marks.n);
    return buf_str(&out.text);
}

Rc search_load_reach(SearchFind *f)
{
    for (size_t i = 0; i < f->q->n_sources; i++) {
        TRY(records_owned(f->cx, str_from(f->q->sources[i]->resource), &f->reach[i]));
        f->is_restricted = f->is_restricted || f->reach[i];
    }
    f->owner_marks = owner_marks_of(f);
    return RC_OK;
}
