/* SPDX-License-Identifier: Apache-2.0
 * Filters to SQL, and entries as JSON and CSV. */
#include "base/time.h"

#include "modules/audit/audit_priv.h"

/* Ids begin with the millisecond they were made in, which is that of the row but for this much. */
#define ID_SLACK_MS 60000

/* Rows have no names of people, which may change, or be erased. */
#define ACTOR_NAME                                                                                 \
    "COALESCE(actor_name, (SELECT u.name FROM users u WHERE u.id = audit_logs.actor_id))"

typedef enum Form { FORM_TEXT, FORM_INTEGER, FORM_TIME, FORM_JSON } Form;

/* The columns of every SELECT, in this order, as members of JSON and columns of CSV. */
static const struct {
    const char *name, *column;
    Form form;
    bool only_whole; /* left out of lists */
} members[] = {
    {"id",            "id",            FORM_TEXT,    false},
    {"seq",           "seq",           FORM_INTEGER, false},
    {"at",            "at",            FORM_TIME,    false},
    {"actor_kind",    "actor_kind",    FORM_TEXT,    false},
    {"actor_id",      "actor_id",      FORM_TEXT,    false},
    {"actor_name",    ACTOR_NAME,      FORM_TEXT,    false},
    {"key_id",        "key_id",        FORM_TEXT,    false},
    {"session_id",    "session_id",    FORM_TEXT,    false},
    {"address",       "address",       FORM_TEXT,    false},
    {"request_id",    "request_id",    FORM_TEXT,    false},
    {"action",        "action",        FORM_TEXT,    false},
    {"resource_type", "resource_type", FORM_TEXT,    false},
    {"resource_id",   "resource_id",   FORM_TEXT,    false},
    {"before",        "before_state",  FORM_JSON,    true },
    {"after",         "after_state",   FORM_JSON,    true },
    {"prev_hash",     "prev_hash",     FORM_TEXT,    true },
    {"hash",          "hash",          FORM_TEXT,    false},
};

/* ---- filters */

static void add(AuditQuery *q, const char *comparison, Param param)
{
    ASSERT(q->n < AUDIT_PARAMS_MAX);
    q->params[q->n++] = param;
    buf_fmt(&q->where, " AND %s$%zu", comparison, q->n);
}

static void add_text(AuditQuery *q, const Call *call, const char *name)
{
    Str value = call_query(call, name);
    if (value.len > 0) {
        ASSERT(q->n < AUDIT_PARAMS_MAX);
        q->params[q->n++] = P_STR(value);
        buf_fmt(&q->where, " AND %s = $%zu", name, q->n);
    }
}

static void add_actor(AuditQuery *q, const Call *call)
{
    Str actor = call_query(call, "actor");
    if (actor.len > 0 && uuid_is_valid(actor)) {
        add(q, "actor_id = ", P_STR(actor));
    } else if (actor.len > 0) {
        ASSERT(q->n < AUDIT_PARAMS_MAX);
        q->params[q->n++] = P_STR(actor);
        buf_fmt(&q->where,
                " AND (actor_name = $%zu OR actor_id IN (SELECT u.id FROM users u WHERE u.name = "
                "$%zu))",
                q->n, q->n);
    }
}

/* The index on PostgreSQL compares bytes, as SQLite does. */
static void add_action(Ctx *cx, AuditQuery *q, const Call *call)
{
    Str action = call_query(call, "action");
    bool is_pg = db_kind(cx->platform->db) == DB_POSTGRES;
    const char *column = is_pg ? "action COLLATE \"C\"" : "action";
    if (str_ends(action, STR(".*"))) {
        Str start = str_sub(action, 0, action.len - 1);
        Str past = str_fmt(cx->arena, "%.*s/", STR_ARG(str_sub(action, 0, action.len - 2)));
        add(q, str_cstr(cx->arena, str_fmt(cx->arena, "%s >= ", column)), P_STR(start));
        add(q, str_cstr(cx->arena, str_fmt(cx->arena, "%s < ", column)), P_STR(past));
    } else if (action.len > 0) {
        add(q, str_cstr(cx->arena, str_fmt(cx->arena, "%s = ", column)), P_STR(action));
    }
}

/* The id an entry of that millisecond begins with. */
static Str id_at(Arena *arena, int64_t ms)
{
    uint64_t v = ms > 0 ? (uint64_t)ms : 0;
    return str_fmt(arena, "%08llx-%04llx", (unsigned long long)(v >> 16),
                   (unsigned long long)(v & 0xffff));
}

static Rc add_time(Ctx *cx, AuditQuery *q, const Call *call, const char *name, bool is_from)
{
    int64_t at;
    Str value = call_query(call, name);
    if (value.len == 0) {
        return RC_OK;
    }
    if (!time_parse_rfc3339(value, &at)) {
        return fail_field(cx, str_fmt(cx->arena, "query:%s", name),
                          "must be a time such as 2026-11-20T09:30:00Z");
    }
    int64_t ms = at / US_PER_MS + (is_from ? -ID_SLACK_MS : ID_SLACK_MS);
    add(q, is_from ? "at >= " : "at < ", P_I64(at));
    add(q, is_from ? "id >= " : "id < ", P_STR(id_at(cx->arena, ms)));
    return RC_OK;
}

Rc audit_query_read(Ctx *cx, const Call *call, AuditQuery *ret)
{
    *ret = (AuditQuery){.where = buf_init(cx->arena, AUDIT_SQL_MAX)};
    add_actor(ret, call);
    add_action(cx, ret, call);
    add_text(ret, call, "resource_type");
    add_text(ret, call, "resource_id");
    add_text(ret, call, "request_id");
    TRY(add_time(cx, ret, call, "from", true));
    return add_time(cx, ret, call, "to", false);
}

static void select_columns(Buf *sql)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        buf_fmt(sql, "%s%s", i ? ", " : "SELECT ", members[i].column);
    }
    buf_lit(sql, " FROM audit_logs WHERE id ");
}

Rc audit_query_run(
    Ctx *cx, const AuditQuery *query, Str after, bool newest_first, int64_t limit, Rows **ret)
{
    AuditQuery q = *query;
    Buf sql = buf_init(cx->arena, 2 * AUDIT_SQL_MAX);
    Str start = newest_first ? STR("g") : STR(""); /* after and before every hexadecimal digit */
    ASSERT(q.n + 2 <= AUDIT_PARAMS_MAX);
    q.params[q.n++] = P_STR(after.len > 0 ? after : start);
    q.params[q.n++] = P_I64(limit);
    select_columns(&sql);
    buf_fmt(&sql, "%c $%zu", newest_first ? '<' : '>', q.n - 1);
    buf_put(&sql, buf_str(&query->where));
    buf_fmt(&sql, " ORDER BY id%s LIMIT $%zu", newest_first ? " DESC" : "", q.n);
    ASSERT(buf_ok(&sql));
    return tx_query_sql(cx->tx, buf_str(&sql), q.params, q.n, ret, &cx->error);
}

Rc audit_query_one(Ctx *cx, Str id, Rows **ret)
{
    Buf sql = buf_init(cx->arena, AUDIT_SQL_MAX);
    select_columns(&sql);
    buf_lit(&sql, "= $1");
    return tx_query_sql(cx->tx, buf_str(&sql), PARAMS(P_STR(id)), ret, &cx->error);
}

Str audit_entry_id(Rows *rows)
{
    return rows_str(rows, 0);
}

/* ---- entries */

static void put_time(Buf *out, int64_t at)
{
    char text[TIME_RFC3339_SIZE];
    buf_put(out, time_rfc3339(at, text));
}

static void put_json(Buf *out, Rows *rows, int i)
{
    if (rows_is_null(rows, i)) {
        buf_lit(out, "null");
        return;
    }
    switch (members[i].form) {
    case FORM_TEXT:
        buf_json_str(out, rows_str(rows, i));
        break;
    case FORM_INTEGER:
        buf_i64(out, rows_i64(rows, i));
        break;
    case FORM_TIME:
        buf_char(out, '"');
        put_time(out, rows_i64(rows, i));
        buf_char(out, '"');
        break;
    case FORM_JSON: /* as it was stored: on one line */
        buf_put(out, rows_str(rows, i));
        break;
    }
}

void audit_write_json(Buf *out, Rows *rows, bool whole)
{
    bool is_first = true;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (whole || !members[i].only_whole) {
            buf_fmt(out, "%c\"%s\":", is_first ? '{' : ',', members[i].name);
            put_json(out, rows, (int)i);
            is_first = false;
        }
    }
    buf_char(out, '}');
}

void audit_write_csv_head(Buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        buf_fmt(out, "%s%s", i ? "," : "", members[i].name);
    }
    buf_lit(out, "\r\n");
}

/* RFC 4180. A spreadsheet takes what begins with = + - @, a tab or a line break for a formula. */
static void put_csv(Buf *out, Str value)
{
    buf_char(out, '"');
    if (value.len > 0 && memchr("=+-@\t\r\n", value.ptr[0], 7)) {
        buf_char(out, '\'');
    }
    Str part;
    bool is_first = true;
    while (value.len > 0 && str_split(&value, '"', &part)) {
        buf_put(out, is_first ? STR("") : STR("\"\""));
        buf_put(out, part);
        is_first = false;
    }
    buf_char(out, '"');
}

void audit_write_csv(Buf *out, Rows *rows)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        int column = (int)i;
        if (i > 0) {
            buf_char(out, ',');
        }
        if (rows_is_null(rows, column)) {
            continue;
        }
        if (members[i].form == FORM_TIME) {
            put_time(out, rows_i64(rows, column));
        } else if (members[i].form == FORM_INTEGER) {
            buf_i64(out, rows_i64(rows, column));
        } else {
            put_csv(out, rows_str(rows, column));
        }
    }
    buf_lit(out, "\r\n");
}
