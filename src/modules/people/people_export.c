/* SPDX-License-Identifier: Apache-2.0
 * Everything held about a person, as one JSON document of bounded size. Which tables that is, the
 * modules say (Module.personal). */
#include "contract_handlers.h"
#include "modules/catalog/catalog.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"
#include "platform/audit/audit.h"
#include "platform/personal/personal.h"

#define ROWS_MAX INT64_C(10000) /* of one kind */
#define EXPORT_BYTES_MAX (32 * MIB)

typedef struct Export {
    Ctx *cx;
    Str user_id;
    bool is_person;
    Buf out;
    Json *truncated;
} Export;

static bool is_time(Str column)
{
    return str_is(column, "at") || str_ends(column, STR("_at")) || str_ends(column, STR("_until"));
}

static bool is_state(Str column)
{
    return str_ends(column, STR("_state")) || str_is(column, "scopes");
}

static void put_value(Buf *out, Str column, Rows *rows, int i)
{
    char text[TIME_RFC3339_SIZE];
    if (rows_is_null(rows, i)) {
        buf_lit(out, "null");
    } else if (is_time(column)) {
        buf_json_str(out, time_rfc3339(rows_i64(rows, i), text));
    } else if (is_state(column)) { /* JSON as it was stored */
        buf_put(out, rows_str(rows, i));
    } else if (rows_type(rows, i) == PARAM_I64) {
        buf_i64(out, rows_i64(rows, i));
    } else {
        buf_json_str(out, rows_str(rows, i));
    }
}

/* "name":[{…},…] with a comma in front. */
static Rc put_rows(Export *e, Str name, Rows *rows)
{
    int64_t n = 0;
    buf_json_str(&e->out, name);
    buf_lit(&e->out, ":[");
    while (n < ROWS_MAX && rows_next(rows)) {
        buf_put(&e->out, n++ > 0 ? STR(",{") : STR("{"));
        for (int i = 0; i < rows_columns(rows); i++) {
            Str column = str_from(rows_column_name(rows, i));
            buf_put(&e->out, i > 0 ? STR(",") : STR_EMPTY);
            buf_json_str(&e->out, column);
            buf_char(&e->out, ':');
            put_value(&e->out, column, rows, i);
        }
        buf_char(&e->out, '}');
    }
    if (n == ROWS_MAX && rows_next(rows)) {
        json_push(e->cx->arena, e->truncated, json_string(e->cx->arena, name));
    }
    buf_char(&e->out, ']');
    return rows_error(rows, &e->cx->error);
}

static Rc put_table(Export *e, const PersonalTable *t)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str sql =
        str_fmt(e->cx->arena, "SELECT %s FROM %s WHERE %s = $1%s%s ORDER BY 1 DESC LIMIT $2",
                t->columns, t->table, t->owner, t->where ? " AND " : "", t->where ? t->where : "");
    TRY(tx_query_sql(e->cx->tx, sql, PARAMS(P_STR(e->user_id), P_I64(ROWS_MAX + 1)), &rows,
                     &e->cx->error));
    return put_rows(e, str_from(t->name), rows);
}

static Rc put_tables(Export *e)
{
    const Platform *p = e->cx->platform;
    bool is_first = true;
    buf_lit(&e->out, ",\"tables\":{");
    for (size_t m = 0; m < p->n_modules; m++) {
        for (size_t i = 0; i < p->modules[m]->n_personal; i++) {
            const PersonalTable *t = &p->modules[m]->personal[i];
            if (t->columns) {
                buf_put(&e->out, is_first ? STR_EMPTY : STR(","));
                is_first = false;
                TRY(put_table(e, t));
            }
        }
    }
    buf_char(&e->out, '}');
    return RC_OK;
}

static Rc put_trail(Export *e, const char *name, const Query *query)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(e->cx->tx, query, PARAMS(P_STR(e->user_id), P_I64(ROWS_MAX + 1)), &rows,
                 &e->cx->error));
    buf_char(&e->out, ',');
    return put_rows(e, str_from(name), rows);
}

static Rc put_person(Export *e)
{
    Json *user, *entity;
    char now[TIME_RFC3339_SIZE];
    buf_lit(&e->out, "{\"exported_at\":");
    buf_json_str(&e->out, time_rfc3339(time_now_us(), now));
    if (!e->is_person) {
        return RC_OK;
    }
    TRY(record_get(e->cx, "User", e->user_id, &user));
    e->user_id = json_str_at(user, "id");
    buf_lit(&e->out, ",\"user\":");
    json_write(&e->out, user);
    Str ref = json_str_at(user, "entity_ref");
    Rc rc = ref.len > 0 ? catalog_entity(e->cx, ref, &entity) : RC_NOT_FOUND;
    if (rc == RC_OK) {
        buf_lit(&e->out, ",\"entity\":");
        json_write(&e->out, entity);
    } else if (rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&e->cx->error);
    return RC_OK;
}

/* In a write transaction, for it is noted that somebody took the data. */
static Rc export_actor(Ctx *cx, Call *call, Str id, bool is_person)
{
    Export e = {.cx = cx,
                .user_id = str_lower(cx->arena, id),
                .is_person = is_person,
                .out = buf_init(cx->arena, EXPORT_BYTES_MAX),
                .truncated = json_array(cx->arena)};
    TRY(ctx_begin(cx));
    TRY(put_person(&e));
    TRY(put_tables(&e));
    TRY(put_trail(&e, "did", &people_q_export_audit));
    TRY(put_trail(&e, "was_changed", &people_q_export_about));
    buf_lit(&e.out, ",\"truncated\":");
    json_write(&e.out, e.truncated);
    buf_char(&e.out, '}');
    if (!buf_ok(&e.out)) {
        return fail(cx, RC_LIMIT, "There is more about the person than one answer can hold.");
    }
    TRY(audit_write(cx, "users.exported", "User", e.user_id, NULL, NULL));
    TRY(ctx_commit(cx));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_header(call, "Content-Disposition", STR("attachment; filename=\"person.json\""));
    reply_json(call, 200, buf_str(&e.out));
    return RC_OK;
}

Rc users_export(Ctx *cx, Call *call)
{
    return export_actor(cx, call, call_path(call, "id"), true);
}

Rc auth_export(Ctx *cx, Call *call)
{
    return export_actor(cx, call, cx->actor.id, cx->actor.kind == ACTOR_USER);
}
