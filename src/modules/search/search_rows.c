/* SPDX-License-Identifier: Apache-2.0
 * What a page shows of its hits. */
#include "modules/search/search_priv.h"

static Str numbers_json(Arena *arena, const SearchFound *found, size_t from, size_t n)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_fmt(&out, "%s%lld", i ? "," : "", (long long)found->hits.at[from + i].n);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

static SearchRow row_of(Rows *rows, Arena *a)
{
    return (SearchRow){
        .type = rows_dup(rows, 1, a),
        .key = rows_dup(rows, 2, a),
        .name = rows_dup(rows, 3, a),
        .title = rows_dup(rows, 4, a),
        .alias = rows_dup(rows, 5, a),
        .kind = rows_dup(rows, 6, a),
        .namespace_ = rows_dup(rows, 7, a),
        .ctype = rows_dup(rows, 8, a),
        .lifecycle = rows_dup(rows, 9, a),
        .owner = rows_dup(rows, 10, a),
        .tags = rows_dup(rows, 11, a),
        .summary = rows_dup(rows, 12, a),
        .href = rows_dup(rows, 13, a),
    };
}

Rc search_rows(Ctx *cx, const SearchFound *found, size_t from, size_t n, SearchRow **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    bool pg = db_kind(cx->platform->db) == DB_POSTGRES;
    *ret = ARENA_ARRAY(cx->arena, SearchRow, n);
    if (n == 0) {
        return RC_OK;
    }
    Str sql = str_fmt(cx->arena,
                      "SELECT n, type, key, name, title, alias, kind, namespace, ctype, lifecycle, "
                      "owner, tags, summary, href FROM search_documents_%s WHERE %s",
                      found->slot ? "b" : "a",
                      pg ? "n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))"
                         : "n IN (SELECT value FROM json_each($1))");
    TRY(tx_query_sql(cx->tx, sql, PARAMS(P_STR(numbers_json(cx->arena, found, from, n))), &rows,
                     &cx->error));
    while (rows_next(rows)) {
        for (size_t i = 0; i < n; i++) {
            if (found->hits.at[from + i].n == rows_i64(rows, 0)) {
                (*ret)[i] = row_of(rows, cx->arena);
                break;
            }
        }
    }
    return rows_error(rows, &cx->error);
}
