/* SPDX-License-Identifier: Apache-2.0
 * The past of an entity: its revisions, one of them, the one of a moment, and what two differ in.
 * Former states are in entity_history, the present one in entities. A name that was deleted and
 * given again has the revisions of both, told apart by uid. */
#include "modules/catalog/history.h"

#include "base/time.h"
#include "base/vec.h"

#include "catalog_query_sql.h"
#include "contract_handlers.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/query.h"
#include "platform/contract/contract.h"

enum { LIMIT_DEFAULT = 50 };

typedef struct State {
    Str uid, by, ended_by, body;
    int64_t revision, from, to; /* to INT64_MAX: still so */
    bool deleted;               /* ended by deletion */
} State;
typedef VEC(State) States;

static Str ref_of(Ctx *cx, const Call *call)
{
    EntityRef parts = {call_path(call, "kind"), call_path(call, "namespace"),
                       call_path(call, "name")};
    return entity_ref_str(cx->arena, parts);
}

static Rc no_entity(Ctx *cx, Str ref)
{
    return fail(cx, RC_NOT_FOUND, "There is and was no entity %.*s.", STR_ARG(ref));
}

static State read_past(Arena *arena, Rows *rows)
{
    return (State){
        .uid = rows_dup(rows, 0, arena),
        .revision = rows_i64(rows, 1),
        .from = rows_i64(rows, 2),
        .to = rows_i64(rows, 3),
        .ended_by = rows_dup(rows, 4, arena),
        .deleted = rows_i64(rows, 5) != 0,
        .body = rows_columns(rows) > 6 ? rows_dup(rows, 6, arena) : STR_EMPTY,
    };
}

static State read_present(Arena *arena, Rows *rows)
{
    return (State){
        .uid = rows_dup(rows, 0, arena),
        .revision = rows_i64(rows, 1),
        .from = rows_i64(rows, 2),
        .by = rows_dup(rows, 3, arena),
        .to = INT64_MAX,
        .body = rows_columns(rows) > 4 ? rows_dup(rows, 4, arena) : STR_EMPTY,
    };
}

/* Who made a state: who ended the one before. */
static Rc find_maker(Ctx *cx, State *state)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    if (state->to == INT64_MAX || state->revision <= 1) {
        return RC_OK;
    }
    TRY(tx_query(cx->tx, &catalog_query_made_by,
                 PARAMS(P_STR(state->uid), P_I64(state->revision - 1)), &rows, &cx->error));
    if (rows_next(rows)) {
        state->by = rows_dup(rows, 0, cx->arena);
    }
    return rows_error(rows, &cx->error);
}

static Rc
find_one(Ctx *cx, const Query *query, const Param *params, size_t n, bool present, State *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, query, params, n, &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = present ? read_present(cx->arena, rows) : read_past(cx->arena, rows);
    return RC_OK;
}

/* revision 0: the present one, or the last there was. uid "": of the newest entity of that name. */
/* Who sees a part of the catalog sees the past of what is in it today. */
static Rc check_seen(Ctx *cx, Str ref)
{
    Rc rc = reach_check_ref(cx, ref);
    return rc == RC_NOT_FOUND ? no_entity(cx, ref) : rc;
}

static Rc find_revision(Ctx *cx, Str ref, int64_t revision, Str uid, State *ret)
{
    Str id = uid.len ? uid : STR("");
    Rc rc = find_one(cx, &catalog_query_current_body,
                     PARAMS(P_STR(ref), P_I64(revision), P_STR(id)), true, ret);
    if (rc == RC_NOT_FOUND) {
        rc = find_one(cx, &catalog_query_revision_of,
                      PARAMS(P_STR(ref), P_I64(revision), P_STR(id)), false, ret);
    }
    if (rc == RC_NOT_FOUND && revision) {
        return fail(cx, RC_NOT_FOUND, "%.*s has no revision %lld.", STR_ARG(ref),
                    (long long)revision);
    }
    TRY(rc == RC_NOT_FOUND ? no_entity(cx, ref) : rc);
    return find_maker(cx, ret);
}

/* ---- answers */

static Json *text_or_null(Arena *arena, Str s)
{
    return s.len ? json_string(arena, s) : json_null(arena);
}

static Json *state_json(Arena *arena, const State *s)
{
    Json *v = json_object(arena);
    bool current = s->to == INT64_MAX;
    json_set_str(arena, v, "uid", s->uid);
    json_set_c(arena, v, "revision", json_int(arena, s->revision));
    json_set_str(arena, v, "valid_from", time_rfc3339_dup(arena, s->from));
    json_set_c(arena, v, "valid_to",
               current ? json_null(arena) : json_string(arena, time_rfc3339_dup(arena, s->to)));
    json_set_c(arena, v, "changed_by", text_or_null(arena, s->by));
    json_set_c(arena, v, "ended_by", text_or_null(arena, s->ended_by));
    json_set_c(arena, v, "deleted", json_bool_new(arena, s->deleted));
    return v;
}

static Rc body_json(Ctx *cx, const State *s, Json **ret)
{
    Str parts[] = {s->body, STR("}")};
    return json_parse(cx->arena, str_join(cx->arena, parts, 2, STR_EMPTY), NULL, ret, &cx->error);
}

static Rc reply_state(Ctx *cx, Call *call, const State *s)
{
    Json *entity, *v = state_json(cx->arena, s);
    TRY(body_json(cx, s, &entity));
    json_set_c(cx->arena, v, "entity", entity);
    reply_json_tree(cx, call, 200, v);
    return RC_OK;
}

/* ---- the list */

static Rc read_place(Ctx *cx, const Call *call, int64_t *ret_to, int64_t *ret_revision)
{
    Str rest = call_query(call, "cursor"), to, revision;
    *ret_to = *ret_revision = INT64_MAX;
    if (rest.len == 0) {
        return RC_OK;
    }
    if (!str_split(&rest, '.', &to) || !str_split(&rest, '.', &revision) ||
        !str_to_i64(to, ret_to) || !str_to_i64(revision, ret_revision)) {
        fail(cx, RC_MALFORMED, "The cursor is not one of this list.");
        error_field(&cx->error, STR("query:cursor"), "is not a cursor of this list");
        return RC_MALFORMED;
    }
    return RC_OK;
}

/* One more than asked for: it tells who made the last one. */
static Rc load(Ctx *cx, Str ref, int64_t to, int64_t revision, int64_t limit, States *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    State present;
    *ret = (States){.arena = cx->arena};
    if (to == INT64_MAX) {
        Rc rc = find_one(cx, &catalog_query_current, PARAMS(P_STR(ref)), true, &present);
        if (rc == RC_OK) {
            VEC_PUSH(ret, present);
        } else if (rc != RC_NOT_FOUND) {
            return rc;
        }
    }
    int64_t left = limit + 1 - (int64_t)ret->n;
    TRY(tx_query(cx->tx, &catalog_query_history,
                 PARAMS(P_STR(ref), P_I64(to), P_I64(revision), P_I64(left)), &rows, &cx->error));
    while (rows_next(rows)) {
        State past = read_past(cx->arena, rows);
        VEC_PUSH(ret, past);
    }
    for (size_t i = 0; i + 1 < ret->n; i++) {
        State *s = &ret->at[i], *before = &ret->at[i + 1];
        if (str_eq(s->uid, before->uid) && s->to != INT64_MAX) {
            s->by = before->ended_by;
        }
    }
    return rows_error(rows, &cx->error);
}

Rc catalog_history_list(Ctx *cx, Call *call)
{
    Str ref = ref_of(cx, call);
    int64_t to, revision, limit = call_query_i64(call, "limit", LIMIT_DEFAULT);
    States states;
    TRY(read_place(cx, call, &to, &revision));
    TRY(check_seen(cx, ref));
    TRY(ctx_read(cx));
    TRY(load(cx, ref, to, revision, limit, &states));
    if (states.n == 0 && to == INT64_MAX) {
        return no_entity(cx, ref);
    }
    Json *items = json_array(cx->arena), *answer = json_object(cx->arena);
    size_t n = MIN(states.n, (size_t)limit);
    for (size_t i = 0; i < n; i++) {
        json_push(cx->arena, items, state_json(cx->arena, &states.at[i]));
    }
    json_set_c(cx->arena, answer, "items", items);
    Json *next = json_null(cx->arena);
    if (states.n > n) { /* behind the present state everything past comes */
        const State *last = &states.at[n - 1];
        int64_t at = last->to == INT64_MAX ? INT64_MAX - 1 : last->to;
        next = json_string(
            cx->arena, str_fmt(cx->arena, "%lld.%lld", (long long)at, (long long)last->revision));
    }
    json_set_c(cx->arena, answer, "next_cursor", next);
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- one state */

Rc catalog_history_get(Ctx *cx, Call *call)
{
    State state;
    int64_t revision;
    if (!str_to_i64(call_path(call, "revision"), &revision) || revision < 1) {
        return fail(cx, RC_NOT_FOUND, "There is no revision %.*s.",
                    STR_ARG(call_path(call, "revision")));
    }
    TRY(check_seen(cx, ref_of(cx, call)));
    TRY(ctx_read(cx));
    TRY(find_revision(cx, ref_of(cx, call), revision, call_query(call, "uid"), &state));
    return reply_state(cx, call, &state);
}

Rc catalog_history_at(Ctx *cx, Call *call)
{
    Str ref = ref_of(cx, call);
    int64_t at;
    State state;
    if (!time_parse_rfc3339(call_query(call, "at"), &at)) {
        fail(cx, RC_MALFORMED, "The moment asked for is not a time.");
        error_field(&cx->error, STR("query:at"), "must be an RFC 3339 time");
        return RC_MALFORMED;
    }
    TRY(check_seen(cx, ref));
    TRY(ctx_read(cx));
    Rc rc = find_one(cx, &catalog_query_current_body, PARAMS(P_STR(ref), P_I64(0), P_STR(STR(""))),
                     true, &state);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && state.from > at)) {
        rc = find_one(cx, &catalog_query_state_at, PARAMS(P_STR(ref), P_I64(at)), false, &state);
    }
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "%.*s was not there at that time.", STR_ARG(ref));
    }
    TRY(rc);
    TRY(find_maker(cx, &state));
    return reply_state(cx, call, &state);
}

/* ---- what two differ in */

Rc catalog_history_diff(Ctx *cx, Call *call)
{
    Str ref = ref_of(cx, call), uid = call_query(call, "uid"), text;
    State old, new;
    Json *before, *after, *changes, *answer = json_object(cx->arena);
    TRY(check_seen(cx, ref));
    TRY(ctx_read(cx));
    TRY(find_revision(cx, ref, call_query_i64(call, "to", 0), uid, &new));
    int64_t from = call_query_i64(call, "from", new.revision - 1);
    if (from < 1) {
        return fail(cx, RC_NOT_FOUND, "%.*s has only one revision.", STR_ARG(ref));
    }
    TRY(find_revision(cx, ref, from, uid.len ? uid : new.uid, &old));
    TRY(body_json(cx, &old, &before));
    TRY(body_json(cx, &new, &after));
    bool complete = history_diff(cx->arena, before, after, &changes, &text);
    json_set_c(cx->arena, answer, "from", state_json(cx->arena, &old));
    json_set_c(cx->arena, answer, "to", state_json(cx->arena, &new));
    json_set_c(cx->arena, answer, "changes", changes);
    json_set_str(cx->arena, answer, "text", text);
    json_set_c(cx->arena, answer, "complete", json_bool_new(cx->arena, complete));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}
