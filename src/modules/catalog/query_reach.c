/* SPDX-License-Identifier: Apache-2.0
 * What of the catalog the actor may read, as far as that is less than all: by the owner of an
 * entity, and by its id. Access says it (records_owned); here it becomes part of statements. */
#include "catalog_query_sql.h"
#include "modules/catalog/query.h"

Rc query_reach(Ctx *cx, const OwnedReach **ret)
{
    return records_owned(cx, STR("Entity"), ret);
}

/* Where most rows are seen SQLite must not fetch them by these columns and sort them: the plus
 * takes a column out of the choice of indexes. */
static void write_in(SqlBuild *b, const char *column, Str list)
{
    bool pg = b->db == DB_POSTGRES;
    buf_fmt(&b->sql, "%s%s IN (SELECT %s", b->probe && !pg ? "+" : "", column,
            pg ? "jsonb_array_elements_text(" : "value FROM json_each(");
    sql_param(b, P_STR(list));
    buf_put(&b->sql, pg ? STR("::jsonb))") : STR("))"));
}

static void write_either(SqlBuild *b, Str owners, Str ids)
{
    if (owners.len > 0) {
        write_in(b, "e.owner_ref", owners);
    }
    if (ids.len > 0) {
        buf_put(&b->sql, owners.len ? STR(" OR ") : STR_EMPTY);
        write_in(b, "e.id", ids);
    }
    if (owners.len == 0 && ids.len == 0) {
        buf_lit(&b->sql, "1 = 0");
    }
}

void reach_where(SqlBuild *b, const OwnedReach *reach)
{
    for (size_t i = 0; reach && i < reach->n_parts; i++) {
        const OwnedPart *p = &reach->parts[i];
        if (!p->is_all) {
            buf_lit(&b->sql, " AND (");
            write_either(b, p->owners, p->ids);
            buf_lit(&b->sql, ")");
        }
        if (p->no_owners.len > 0 || p->no_ids.len > 0) { /* NULL, nobody's, is not "no" */
            buf_lit(&b->sql, " AND NOT COALESCE(");
            write_either(b, p->no_owners, p->no_ids);
            buf_lit(&b->sql, ", FALSE)");
        }
    }
}

Rc reach_check_ref(Ctx *cx, Str ref)
{
    const OwnedReach *reach;
    TRY(query_reach(cx, &reach));
    if (!reach) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &catalog_query_owner_of, PARAMS(P_STR(ref)), &rows, &cx->error));
    if (rows_next(rows) && owned_lets(reach, rows_str(rows, 0), rows_str(rows, 1))) {
        return RC_OK;
    }
    TRY(rows_error(rows, &cx->error));
    return RC_NOT_FOUND;
}
