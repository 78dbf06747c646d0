/* SPDX-License-Identifier: Apache-2.0
 * Pages: the list of records in one statement (two with a total), and the history of one record. */
#include "base/time.h"

#include "platform/records/records_priv.h"

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024, TARGET_BYTES_MAX = 64 * 1024 };

Rc present(Ctx *cx, const RecordSpec *spec, Json **records, size_t n)
{
    const RecordHooks *hooks = spec->type.hooks;
    return n > 0 && hooks && hooks->present ? hooks->present(cx, records, n) : RC_OK;
}

Str call_target_path(Ctx *cx, const Call *call)
{
    Buf out = buf_init(cx->arena, TARGET_BYTES_MAX);
    Str rest = call->op->path, part;
    bool is_first = true;
    while (str_split(&rest, '/', &part)) {
        buf_put(&out, is_first ? STR("") : STR("/"));
        is_first = false;
        if (str_starts(part, STR("{"))) {
            buf_url(&out, call_path(call, str_cstr(cx->arena, str_sub(part, 1, part.len - 1))));
        } else {
            buf_put(&out, part);
        }
    }
    return buf_str(&out);
}

/* <path?the same query with the next cursor>; rel="next" (RFC 8288) */
static void add_link(Ctx *cx, Call *call, Str cursor)
{
    Buf out = buf_init(cx->arena, TARGET_BYTES_MAX);
    buf_fmt(&out, "<%.*s?", STR_ARG(call_target_path(cx, call)));
    for (size_t i = 0; i < call->n_query; i++) {
        if (!str_is(call->query[i].name, "cursor")) {
            buf_url(&out, call->query[i].name);
            buf_char(&out, '=');
            buf_url(&out, call->query[i].value);
            buf_char(&out, '&');
        }
    }
    buf_lit(&out, "cursor=");
    buf_url(&out, cursor);
    buf_lit(&out, ">; rel=\"next\"");
    if (buf_ok(&out)) {
        reply_header(call, "Link", buf_str(&out));
    }
}

static Rc
answer_page(Ctx *cx, Call *call, Json **items, size_t n, Str next_cursor, const int64_t *total)
{
    Buf out = buf_init(cx->arena, ANSWER_BYTES_MAX);
    buf_lit(&out, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        buf_put(&out, i == 0 ? STR("") : STR(","));
        json_write(&out, items[i]);
    }
    buf_lit(&out, "],\"next_cursor\":");
    if (next_cursor.len > 0) {
        buf_json_str(&out, next_cursor);
        add_link(cx, call, next_cursor);
    } else {
        buf_lit(&out, "null");
    }
    if (total) {
        buf_lit(&out, ",\"total\":");
        buf_i64(&out, *total);
    }
    buf_lit(&out, "}");
    if (!buf_ok(&out)) {
        return fail(cx, RC_LIMIT, "The page is too large; ask for fewer items with limit.");
    }
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

/* ---- lists */

static void put_order(ListQuery *q)
{
    buf_lit(&q->where, " ORDER BY ");
    for (size_t i = 0; i < q->sort.n; i++) {
        const SortKey *key = &q->sort.keys[i];
        buf_put(&q->where, i == 0 ? STR("") : STR(", "));
        sql_sortable(&q->where, key->column, q->kind);
        buf_put(&q->where, key->descending ? STR(" DESC") : STR(" ASC"));
        buf_put(&q->where, key->column->nullable ? STR(" NULLS LAST") : STR(""));
    }
    buf_fmt(&q->where, " LIMIT %zu", q->limit + 1);
}

/* Reads limit rows and learns whether there are more. */
static Rc read_page(ListQuery *q, Row *ret_rows, size_t *ret_n, bool *ret_more)
{
    Ctx *cx = q->cx;
    Str sql = str_fmt(cx->arena, "%.*s%.*s", STR_ARG(sql_for(&q->spec->select, cx->tx)),
                      STR_ARG(buf_str(&q->where)));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Rc rc = RC_OK;
    size_t n = 0;
    TRY(tx_query_sql(cx->tx, sql, q->params.at, q->params.n, &rows, &cx->error));
    while (n < q->limit && rows_next(rows)) {
        ret_rows[n++] = row_read(cx, q->spec, rows, &rc);
        TRY(rc);
    }
    *ret_more = n == q->limit && rows_next(rows);
    *ret_n = n;
    return rows_error(rows, &cx->error);
}

static Rc count_all(ListQuery *q, Str filters, size_t n_params, int64_t *ret)
{
    Ctx *cx = q->cx;
    Str sql =
        str_fmt(cx->arena, "%.*s%.*s", STR_ARG(sql_for(&q->spec->count, cx->tx)), STR_ARG(filters));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query_sql(cx->tx, sql, q->params.at, n_params, &rows, &cx->error));
    if (rows_next(rows)) {
        *ret = rows_i64(rows, 0);
    }
    return rows_error(rows, &cx->error);
}

static Json *project(ListQuery *q, const Json *record)
{
    Json *out = json_object(q->cx->arena);
    for (size_t i = 0; i < q->n_fields; i++) {
        Json *v = json_get(record, q->field_names[i]);
        if (v) {
            json_set(q->cx->arena, out, q->field_names[i], v);
        }
    }
    return out;
}

/* An empty list may mean that what it lies under is not there; only then is that worth a query. */
static Rc check_parent(Ctx *cx, const RecordSpec *spec, const HttpPair *fixed, size_t n)
{
    Json *record = json_object(cx->arena);
    for (size_t i = 0; i < n; i++) {
        json_set_str(cx->arena, record, str_cstr(cx->arena, fixed[i].name), fixed[i].value);
    }
    Rc rc = check_references(cx, spec, NULL, record);
    if (rc == RC_INVALID) {
        error_clear(&cx->error);
        return fail(cx, RC_NOT_FOUND,
                    "There is nothing under this path: its parent does not exist.");
    }
    return rc;
}

/* Part of the statement, so that pages, totals and cursors are of what is visible. It is no part of
 * what a cursor is bound to: rights may change between two pages. */
static Rc add_visible(ListQuery *q)
{
    RecordsVisible visible = q->cx->platform->records->visible;
    RecordFilter filter = {0};
    if (!visible) {
        return RC_OK;
    }
    TRY(visible(q->cx, &q->spec->type, q->params.n + 1, &filter));
    for (size_t i = 0; i < filter.n; i++) {
        VEC_PUSH(&q->params, filter.params[i]);
    }
    if (filter.sql.len > 0) {
        buf_fmt(&q->where, " AND (%.*s)", STR_ARG(filter.sql));
    }
    return buf_ok(&q->where) ? RC_OK : fail(q->cx, RC_LIMIT, "The query is too long.");
}

Rc read_visible(Ctx *cx, const RecordSpec *spec, Str id, Row *ret)
{
    RecordsVisible visible = cx->platform->records->visible;
    RecordFilter filter = {0};
    if (!uuid_is_valid(id)) {
        return RC_NOT_FOUND;
    }
    TRY(ctx_read(cx));
    Str sql = sql_for(&spec->get, cx->tx);
    if (!visible) {
        return row_query(cx, spec, sql, PARAMS(P_STR(id)), ret);
    }
    TRY(visible(cx, &spec->type, 2, &filter));
    Param *params = ARENA_ARRAY(cx->arena, Param, filter.n + 1);
    params[0] = P_STR(id);
    for (size_t i = 0; i < filter.n; i++) {
        params[i + 1] = filter.params[i];
    }
    if (filter.sql.len > 0) {
        sql = str_fmt(cx->arena, "%.*s AND (%.*s)", STR_ARG(sql), STR_ARG(filter.sql));
    }
    return row_query(cx, spec, sql, params, filter.n + 1, ret);
}

Rc list_serve(Ctx *cx, Call *call, const RecordSpec *spec, const HttpPair *fixed, size_t n_fixed)
{
    ListQuery q = {
        .cx = cx, .spec = spec, .kind = db_kind(cx->platform->db), .params = {.arena = cx->arena}};
    int64_t total = 0;
    q.where = buf_init(cx->arena, RECORD_SQL_MAX);
    q.canon = buf_init(cx->arena, RECORD_SQL_MAX);
    buf_put(&q.canon, spec->type.name);
    TRY(list_parse(&q, call, fixed, n_fixed));
    TRY(ctx_read(cx));
    TRY(add_visible(&q));
    if (q.want_total) {
        TRY(count_all(&q, str_dup(cx->arena, buf_str(&q.where)), q.params.n, &total));
    }
    TRY(cursor_apply(&q));
    put_order(&q);

    Row *rows = ARENA_ARRAY(cx->arena, Row, q.limit);
    size_t n;
    bool more;
    TRY(read_page(&q, rows, &n, &more));
    if (n == 0 && n_fixed > 0) {
        TRY(check_parent(cx, spec, fixed, n_fixed));
    }
    Str next = STR_EMPTY;
    if (more) {
        TRY(cursor_make(&q, &rows[n - 1], &next));
    }
    Json **items = ARENA_ARRAY(cx->arena, Json *, n);
    for (size_t i = 0; i < n; i++) {
        items[i] = rows[i].json;
    }
    TRY(present(cx, spec, items, n));
    for (size_t i = 0; i < n && q.n_fields > 0; i++) {
        items[i] = project(&q, items[i]);
    }
    return answer_page(cx, call, items, n, next, q.want_total ? &total : NULL);
}

/* ---- history */

static const Query select_history = {
    .name = "records.history",
    .sql = "SELECT id, at, action, actor_id, actor_name, request_id, before_state, after_state "
           "FROM audit_logs "
           "WHERE resource_type = $1 AND resource_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
};

static Rc json_column(Ctx *cx, Rows *rows, int i, Json *entry, const char *name)
{
    Json *v = json_null(cx->arena);
    if (!rows_is_null(rows, i)) {
        TRY(json_parse(cx->arena, rows_str(rows, i), NULL, &v, &cx->error));
    }
    json_set_c(cx->arena, entry, name, v);
    return RC_OK;
}

static void text_column(Ctx *cx, Rows *rows, int i, Json *entry, const char *name)
{
    json_set_c(cx->arena, entry, name,
               rows_is_null(rows, i) ? json_null(cx->arena)
                                     : json_string(cx->arena, rows_str(rows, i)));
}

static Rc read_entry(Ctx *cx, Rows *rows, Json **ret)
{
    Json *entry = json_object(cx->arena);
    text_column(cx, rows, 0, entry, "id");
    json_set_str(cx->arena, entry, "at", time_rfc3339_dup(cx->arena, rows_i64(rows, 1)));
    text_column(cx, rows, 2, entry, "action");
    text_column(cx, rows, 3, entry, "actor_id");
    text_column(cx, rows, 4, entry, "actor_name");
    text_column(cx, rows, 5, entry, "request_id");
    TRY(json_column(cx, rows, 6, entry, "before"));
    TRY(json_column(cx, rows, 7, entry, "after"));
    *ret = entry;
    return RC_OK;
}

/* The cursor is the base64url of the last entry's id, which is a place in any history. */
static Rc parse_place(Ctx *cx, Str cursor, Str *ret)
{
    Buf id = buf_init(cx->arena, 64);
    if (cursor.len > 0 &&
        (cursor.len > 64 || !buf_unbase64(&id, cursor) || !uuid_is_valid(buf_str(&id)))) {
        return fail_query(cx, "cursor", "is not a cursor of this list");
    }
    *ret = cursor.len > 0 ? buf_str(&id) : STR("g"); /* after every hexadecimal digit */
    return RC_OK;
}

Rc history_serve(Ctx *cx, Call *call, const RecordSpec *spec, const HttpPair *fixed, size_t n_fixed)
{
    Str id = str_lower(cx->arena, call_path(call, "id")), place;
    int64_t limit = call_query_i64(call, "limit", RECORD_LIMIT_DEFAULT);
    Row row;
    limit = limit < 1 ? 1 : MIN(limit, RECORD_LIMIT_MAX);
    TRY(parse_place(cx, call_query(call, "cursor"), &place));
    Rc rc = read_visible(cx, spec, id, &row);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !row_fits_path(spec, &row, fixed, n_fixed))) {
        return fail_not_found(cx, spec, id);
    }
    TRY(rc);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &select_history,
                 PARAMS(P_STR(spec->type.name), P_STR(id), P_STR(place), P_I64(limit + 1)), &rows,
                 &cx->error));
    Json **items = ARENA_ARRAY(cx->arena, Json *, (size_t)limit);
    size_t n = 0;
    while (n < (size_t)limit && rows_next(rows)) {
        TRY(read_entry(cx, rows, &items[n]));
        n++;
    }
    bool more = n == (size_t)limit && rows_next(rows);
    TRY(rows_error(rows, &cx->error));
    RecordsNames names = cx->platform->records->names;
    TRY(names && n ? names(cx, items, n) : RC_OK);
    Buf next = buf_init(cx->arena, KIB);
    if (more) {
        buf_base64url(&next, json_str_at(items[n - 1], "id"));
    }
    return answer_page(cx, call, items, n, buf_str(&next), NULL);
}
