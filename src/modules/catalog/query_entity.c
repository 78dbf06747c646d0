/* SPDX-License-Identifier: Apache-2.0
 * One entity, or some by their refs: the statement is prepared, the answer is stored text. */
#include "modules/catalog/query_entity.h"

#include "base/map.h"

#include "catalog_query_sql.h"
#include "modules/catalog/catalog.h"
#include "modules/catalog/catalog_priv.h"

Rc entity_by_uid(Ctx *cx, Str uid, Str *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    const OwnedReach *reach;
    TRY(query_reach(cx, &reach));
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &catalog_query_by_uid, PARAMS(P_STR(uid)), &rows, &cx->error));
    if (rows_next(rows) && (!reach || owned_lets(reach, rows_str(rows, 3), uid))) {
        *ret = entity_text(cx->arena, rows_str(rows, 0), rows_str(rows, 1), rows_str(rows, 2));
        return RC_OK;
    }
    TRY(rows_error(rows, &cx->error));
    return RC_NOT_FOUND;
}

Rc catalog_entity(Ctx *cx, Str ref, Json **ret)
{
    EntityRef parts;
    Str text;
    TRY(entity_ref_parse(ref, STR_EMPTY, STR_EMPTY, &parts, &cx->error));
    Rc rc = text_by_ref(cx, entity_ref_str(cx->arena, parts), &text);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "there is no entity %.*s", STR_ARG(ref));
    }
    TRY(rc);
    return json_parse(cx->arena, text, NULL, ret, &cx->error);
}

/* ---- many */

static Rc
write_refs_sql(SqlBuild *b, const Str *refs, size_t n, const Json *filter, const OwnedReach *reach)
{
    Buf list = buf_init(b->arena, 16 * MIB);
    buf_char(&list, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put(&list, i ? STR(",") : STR_EMPTY);
        buf_json_str(&list, refs[i]);
    }
    buf_char(&list, ']');
    bool pg = b->db == DB_POSTGRES;
    buf_put(&b->sql, pg ? STR("SELECT r.key - 1, e.body, e.errors, " ENTITY_TAIL " FROM "
                              "jsonb_array_elements_text(")
                        : STR("SELECT r.key, e.body, e.errors, " ENTITY_TAIL " FROM json_each("));
    sql_param(b, P_STR(buf_str(&list)));
    buf_put(&b->sql, pg ? STR("::jsonb) WITH ORDINALITY AS r (value, key)") : STR(") r"));
    buf_lit(&b->sql, " JOIN entities e ON e.ref = r.value WHERE ");
    predicate_sql(b, filter);
    reach_where(b, reach);
    return buf_ok(&list) ? RC_OK : RC_LIMIT;
}

static Rc filtered_by_refs(Ctx *cx,
                           const Str *refs,
                           size_t n,
                           const Json *filter,
                           const OwnedReach *reach,
                           const FieldList *fields,
                           Buf *out)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str *items = ARENA_ARRAY(cx->arena, Str, n + 1);
    SqlBuild b = sql_init(cx->arena, db_kind(cx->platform->db), catalog_kinds(cx->platform));
    b.probe = true;
    TRY(query_search(cx));
    TRY(write_refs_sql(&b, refs, n, filter, reach));
    TRY(tx_query_sql(cx->tx, buf_str(&b.sql), b.params.at, b.params.n, &rows, &cx->error));
    while (rows_next(rows)) {
        Json *entity;
        size_t at = (size_t)rows_i64(rows, 0);
        Str text = entity_text(cx->arena, rows_str(rows, 1), rows_str(rows, 2), rows_str(rows, 3));
        ASSERT(at < n);
        if (fields->n || b.inexact) {
            TRY(json_parse(cx->arena, text, NULL, &entity, &cx->error));
            if (b.inexact && !predicate_matches(filter, entity)) {
                continue;
            }
            text =
                fields->n ? json_to_str(cx->arena, fields_pick(cx->arena, fields, entity)) : text;
        }
        items[at] = text;
    }
    TRY(rows_error(rows, &cx->error));
    for (size_t i = 0; i < n; i++) {
        buf_put(out, i ? STR(",") : STR_EMPTY);
        buf_put(out, items[i].len ? items[i] : STR("null"));
    }
    return RC_OK;
}

Rc entities_by_refs(
    Ctx *cx, const Str *refs, size_t n, const Json *filter, const FieldList *fields, Buf *out)
{
    int64_t version;
    const OwnedReach *reach;
    TRY(query_reach(cx, &reach));
    buf_lit(out, "{\"items\":[");
    if (filter || reach) {
        TRY(filtered_by_refs(cx, refs, n, filter, reach, fields, out));
    } else {
        TRY(query_version(cx, &version));
        TRY(texts_by_ref(cx, version, refs, n, fields, out));
    }
    buf_lit(out, "]}");
    return RC_OK;
}

/* ---- where it comes from */

typedef struct Ancestor {
    Str ref, text;
} Ancestor;

typedef VEC(Ancestor) Ancestors;

/* The parents of one entity: their refs into the item, the new ones onto the pile. */
static Rc
add_parents(Ctx *cx, Str ref, const OwnedReach *reach, Map *seen, Ancestors *todo, Buf *out)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    bool first = true;
    TRY(tx_query(cx->tx, &catalog_query_parents, PARAMS(P_STR(ref)), &rows, &cx->error));
    while (rows_next(rows)) {
        Str parent = rows_dup(rows, 0, cx->arena);
        if (reach && !owned_lets(reach, rows_str(rows, 4), rows_str(rows, 5))) {
            continue;
        }
        buf_put(out, first ? STR_EMPTY : STR(","));
        buf_json_str(out, parent);
        first = false;
        if (!map_has(seen, parent) && seen->n_live < QUERY_ANCESTORS_MAX) {
            map_put(seen, parent, seen);
            Ancestor ancestor = {parent, entity_text(cx->arena, rows_str(rows, 1),
                                                     rows_str(rows, 2), rows_str(rows, 3))};
            VEC_PUSH(todo, ancestor);
        }
    }
    return rows_error(rows, &cx->error);
}

Rc entity_ancestry(Ctx *cx, Str ref, Buf *out)
{
    Ancestors todo = {.arena = cx->arena};
    Ancestor at = {.ref = ref};
    Map seen = map_init(cx->arena);
    const OwnedReach *reach;
    TRY(query_reach(cx, &reach));
    TRY(reach_check_ref(cx, ref));
    TRY(ctx_read(cx));
    TRY(text_by_ref(cx, ref, &at.text));
    map_put(&seen, ref, &seen);
    VEC_PUSH(&todo, at);
    buf_lit(out, "{\"rootEntityRef\":");
    buf_json_str(out, ref);
    buf_lit(out, ",\"items\":[");
    for (bool first = true; todo.n > 0; first = false) {
        at = todo.at[--todo.n];
        buf_put(out, first ? STR("{\"entity\":") : STR(",{\"entity\":"));
        buf_put(out, at.text);
        buf_lit(out, ",\"parentEntityRefs\":[");
        TRY(add_parents(cx, at.ref, reach, &seen, &todo, out));
        buf_lit(out, "]}");
    }
    buf_lit(out, "]}");
    return RC_OK;
}
