/* SPDX-License-Identifier: Apache-2.0
 * A place in a sorted list: the sort values of the last record shown. It is base64url of
 * {"h": hash of type, filters and sort, "v": [values, the id last]}, opaque to clients. It needs no
 * signature: all it can do is begin the same list at another place. */
#include "base/hash.h"

#include "platform/records/records_priv.h"

enum { HASH_DIGITS = 16 };

static Str query_hash(ListQuery *q)
{
    return str_sub(sha256_hex(q->cx->arena, buf_str(&q->canon)), 0, HASH_DIGITS);
}

Rc cursor_make(ListQuery *q, const Row *last, Str *ret)
{
    Arena *arena = q->cx->arena;
    Json *cursor = json_object(arena), *values = json_array(arena);
    for (size_t i = 0; i < q->sort.n; i++) {
        Json *v = json_get(last->json, q->sort.keys[i].column->name);
        json_push(arena, values, v ? v : json_null(arena));
    }
    json_set_str(arena, cursor, "h", query_hash(q));
    json_set_c(arena, cursor, "v", values);
    Buf out = buf_init(arena, RECORD_CURSOR_BYTES_MAX);
    buf_base64url(&out, json_to_str(arena, cursor));
    if (!buf_ok(&out)) {
        return fail(q->cx, RC_LIMIT,
                    "A value to sort by is too long for a cursor; sort by another field.");
    }
    *ret = buf_str(&out);
    return RC_OK;
}

static Rc refuse(ListQuery *q)
{
    return fail_query(q->cx, "cursor", "is not a cursor of this list");
}

static Rc decode(ListQuery *q, Param values[RECORD_SORT_MAX + 1])
{
    Arena *arena = q->cx->arena;
    JsonLimits limits = {.max_bytes = RECORD_CURSOR_BYTES_MAX, .max_depth = 2, .max_nodes = 16};
    Buf text = buf_init(arena, RECORD_CURSOR_BYTES_MAX);
    Json *cursor;
    if (q->cursor.len > RECORD_CURSOR_BYTES_MAX || !buf_unbase64(&text, q->cursor) ||
        !buf_ok(&text) || json_parse(arena, buf_str(&text), &limits, &cursor, NULL) != RC_OK) {
        return refuse(q);
    }
    const Json *v = json_get_c(cursor, "v");
    if (!json_is(v, JSON_ARRAY) || v->n != q->sort.n ||
        !json_is(json_get_c(cursor, "h"), JSON_STRING)) {
        return refuse(q);
    }
    if (!str_eq(json_str_at(cursor, "h"), query_hash(q))) {
        return fail_query(q->cx, "cursor",
                          "belongs to other filters or another sort; leave it out to start again");
    }
    for (size_t i = 0; i < q->sort.n; i++) {
        const Column *column = q->sort.keys[i].column;
        bool is_null = v->items[i]->type == JSON_NULL;
        if (!column_param(arena, column, v->items[i], &values[i]) ||
            (is_null && !column->nullable)) {
            return refuse(q);
        }
    }
    return RC_OK;
}

static void put_key(ListQuery *q, const SortKey *key)
{
    sql_sortable(&q->where, key->column, q->kind);
}

/* Same place in this key. */
static void put_equal(ListQuery *q, const SortKey *key, Param value)
{
    put_key(q, key);
    if (value.type == PARAM_NULL) {
        buf_lit(&q->where, " IS NULL");
    } else {
        buf_lit(&q->where, " = ");
        list_add_param(q, value);
    }
}

/* Later in this key; nulls come last in both directions, so nothing comes after one. */
static void put_later(ListQuery *q, const SortKey *key, Param value)
{
    if (value.type == PARAM_NULL) {
        buf_lit(&q->where, "1 = 0");
        return;
    }
    buf_lit(&q->where, "(");
    put_key(q, key);
    buf_put(&q->where, key->descending ? STR(" < ") : STR(" > "));
    list_add_param(q, value);
    if (key->column->nullable) {
        buf_lit(&q->where, " OR ");
        sql_name(&q->where, key->column->name);
        buf_lit(&q->where, " IS NULL");
    }
    buf_lit(&q->where, ")");
}

/* One row comparison serves an index; it needs one direction and no nulls. */
static bool can_compare_rows(const Sort *sort)
{
    for (size_t i = 0; i < sort->n; i++) {
        if (sort->keys[i].column->nullable ||
            sort->keys[i].descending != sort->keys[0].descending) {
            return false;
        }
    }
    return true;
}

static void put_row_comparison(ListQuery *q, const Param *values)
{
    buf_lit(&q->where, " AND (");
    for (size_t i = 0; i < q->sort.n; i++) {
        buf_put(&q->where, i == 0 ? STR("") : STR(", "));
        put_key(q, &q->sort.keys[i]);
    }
    buf_put(&q->where, q->sort.keys[0].descending ? STR(") < (") : STR(") > ("));
    for (size_t i = 0; i < q->sort.n; i++) {
        buf_put(&q->where, i == 0 ? STR("") : STR(", "));
        list_add_param(q, values[i]);
    }
    buf_lit(&q->where, ")");
}

/* (k1 later) OR (k1 same AND k2 later) OR … */
static void put_alternatives(ListQuery *q, const Param *values)
{
    buf_lit(&q->where, " AND (");
    for (size_t i = 0; i < q->sort.n; i++) {
        buf_put(&q->where, i == 0 ? STR("(") : STR(" OR ("));
        for (size_t k = 0; k < i; k++) {
            put_equal(q, &q->sort.keys[k], values[k]);
            buf_lit(&q->where, " AND ");
        }
        put_later(q, &q->sort.keys[i], values[i]);
        buf_lit(&q->where, ")");
    }
    buf_lit(&q->where, ")");
}

Rc cursor_apply(ListQuery *q)
{
    Param values[RECORD_SORT_MAX + 1];
    if (q->cursor.len == 0) {
        return RC_OK;
    }
    TRY(decode(q, values));
    if (can_compare_rows(&q->sort)) {
        put_row_comparison(q, values);
    } else {
        put_alternatives(q, values);
    }
    return RC_OK;
}
