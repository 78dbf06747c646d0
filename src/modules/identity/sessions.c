/* SPDX-License-Identifier: Apache-2.0
 * Sessions: begun by a sign-in, kept alive by a refresh token that changes with each use or by a
 * cookie, ended by their owner, by time, or because a used refresh token came again. */
#include "base/log.h"

#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/audit/audit.h"

enum { SESSIONS_SHOWN = 100, USER_AGENT_MAX = 200 };
#define KEEP_FAILURES_US US_PER_DAY

Str identity_plain_text(Str text, size_t max)
{
    size_t bad = 0;
    text = str_sub(text, 0, max);
    if (!str_is_utf8(text, &bad)) {
        text = str_sub(text, 0, bad);
    }
    return text;
}

Str account_of(Arena *arena, Str email)
{
    return sha256_hex(arena, str_fmt(arena, "account %.*s", STR_ARG(email)));
}

static Rc add_refresh_token(Ctx *cx, Str session_id, Str parent_hash, Str *ret)
{
    int64_t now = time_now_us();
    *ret = token_new(cx->arena, "fwr_");
    return tx_exec(cx->tx, &identity_q_refresh_add,
                   PARAMS(P_STR(token_hash(cx->arena, *ret)), P_STR(session_id),
                          P_STR_OR_NULL(parent_hash), P_I64(now), P_I64(now + REFRESH_IDLE_US)),
                   NULL, &cx->error);
}

static Rc answer(Ctx *cx, Call *call, Json *sign_in, Str user_id)
{
    Json *user;
    TRY(record_get(cx, "User", user_id, &user));
    json_set_c(cx->arena, sign_in, "user", user);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, sign_in);
    return RC_OK;
}

static Rc put_tokens(Ctx *cx, Json *sign_in, Str user_id, Str session_id, Str refresh_token)
{
    Str access;
    TRY(keys_access_token(cx, user_id, session_id, &access));
    json_set_str(cx->arena, sign_in, "token_type", STR("Bearer"));
    json_set_str(cx->arena, sign_in, "access_token", access);
    json_set_c(cx->arena, sign_in, "expires_in",
               json_int(cx->arena, ACCESS_TOKEN_US / US_PER_SECOND));
    json_set_str(cx->arena, sign_in, "refresh_token", refresh_token);
    return RC_OK;
}

static void put_cookie(Ctx *cx, Call *call, Json *sign_in, Str cookie)
{
    reply_header(call, "Set-Cookie",
                 str_fmt(cx->arena,
                         SESSION_COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; "
                                        "Max-Age=%lld",
                         STR_ARG(cookie), (long long)(SESSION_US / US_PER_SECOND)));
    json_set_str(cx->arena, sign_in, "csrf_token", csrf_token(cx->arena, cookie));
}

Str session_cookie_renew(Ctx *cx, Call *call, Json *answer)
{
    Str cookie = token_new(cx->arena, "fws_");
    put_cookie(cx, call, answer, cookie);
    return cookie;
}

Rc session_start(Ctx *cx, Call *call, Str user_id, Str user_name)
{
    Uuid uuid = uuid_v7();
    Str id = str_dup(cx->arena, uuid_str(&uuid)), cookie = STR_EMPTY, refresh = STR_EMPTY;
    bool by_cookie = json_bool(json_get_c(call->body, "cookie"), false);
    int64_t now = time_now_us(), idle = by_cookie ? COOKIE_IDLE_US : REFRESH_IDLE_US;
    Str agent = identity_plain_text(call_header(call, "User-Agent"), USER_AGENT_MAX);
    Json *sign_in = json_object(cx->arena);
    if (by_cookie) {
        cookie = token_new(cx->arena, "fws_");
    }
    TRY(tx_exec(cx->tx, &identity_q_session_add,
                PARAMS(P_STR(id), P_STR(user_id), P_CSTR(by_cookie ? "cookie" : "token"),
                       by_cookie ? P_STR(token_hash(cx->arena, cookie)) : P_NULL,
                       P_STR_OR_NULL(cx->address), P_STR_OR_NULL(agent), P_I64(now),
                       P_I64(now + idle), P_I64(now + SESSION_US)),
                NULL, &cx->error));
    cx->actor = (Actor){.kind = ACTOR_USER, .id = user_id, .name = user_name, .session_id = id};
    TRY(audit_write(cx, "auth.signed_in", "Session", id, NULL, NULL));
    if (by_cookie) {
        put_cookie(cx, call, sign_in, cookie);
    } else {
        TRY(add_refresh_token(cx, id, STR_EMPTY, &refresh));
        TRY(put_tokens(cx, sign_in, user_id, id, refresh));
    }
    return answer(cx, call, sign_in, user_id);
}

/* ---- refresh */

static Rc refuse_refresh(Ctx *cx)
{
    return fail(cx, RC_UNAUTH, "The refresh token is not valid any more; sign in.");
}

/* Somebody has shown it before: whoever of the two is the thief, neither goes on. */
static Rc end_family(Ctx *cx, Str hash)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    int64_t ended = 0;
    TRY(tx_query(cx->tx, &identity_q_refresh_used, PARAMS(P_STR(hash)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return refuse_refresh(cx);
    }
    Str session = rows_dup(rows, 0, cx->arena), user = rows_dup(rows, 1, cx->arena);
    rows_end(rows);
    rows = NULL;
    TRY(tx_exec(cx->tx, &identity_q_family_end, PARAMS(P_STR(session), P_I64(time_now_us())),
                &ended, &cx->error));
    if (ended > 0) {
        Json *what = json_object(cx->arena);
        json_set_str(cx->arena, what, "user_id", user);
        TRY(audit_write(cx, "auth.refresh_reuse", "Session", session, NULL, what));
        identity_changed(cx);
        log_warn("identity.refresh_reuse", F_STR("session", session), F_STR("user", user));
    }
    TRY(ctx_commit(cx));
    return refuse_refresh(cx);
}

/* RC_NOT_FOUND: the session, or its owner, has ended. */
static Rc renew(Ctx *cx, Str session, Str *ret_user)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_one_str(cx->tx, &identity_q_refresh_session,
                   PARAMS(P_STR(session), P_I64(time_now_us()), P_I64(REFRESH_IDLE_US)), cx->arena,
                   ret_user, &cx->error));
    TRY(tx_query(cx->tx, &identity_q_user_by_id, PARAMS(P_STR(*ret_user)), &rows, &cx->error));
    bool is_active = rows_next(rows) && str_is(rows_str(rows, 2), "active");
    TRY(rows_error(rows, &cx->error));
    if (!is_active) {
        return RC_NOT_FOUND;
    }
    cx->actor = (Actor){.kind = ACTOR_USER,
                        .id = *ret_user,
                        .name = rows_dup(rows, 1, cx->arena),
                        .session_id = session};
    return RC_OK;
}

Rc auth_refresh(Ctx *cx, Call *call)
{
    Str session = STR_EMPTY, user, next, hash;
    Json *sign_in = json_object(cx->arena);
    hash = token_hash(cx->arena, json_str_at(call->body, "refresh_token"));
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    Rc rc = tx_one_str(cx->tx, &identity_q_refresh_take, PARAMS(P_STR(hash), P_I64(time_now_us())),
                       cx->arena, &session, &cx->error);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        return end_family(cx, hash);
    }
    TRY(rc);
    rc = renew(cx, session, &user);
    if (rc == RC_NOT_FOUND) {
        return refuse_refresh(cx);
    }
    TRY(rc);
    TRY(add_refresh_token(cx, session, hash, &next));
    TRY(put_tokens(cx, sign_in, user, session, next));
    TRY(answer(cx, call, sign_in, user));
    return ctx_commit(cx);
}

/* ---- ending */

static Rc end_one(Ctx *cx, Str id, const char *reason, int64_t *ret_ended)
{
    TRY(tx_exec(cx->tx, &identity_q_session_end,
                PARAMS(P_STR(id), P_STR(cx->actor.id), P_I64(time_now_us()), P_CSTR(reason)),
                ret_ended, &cx->error));
    if (*ret_ended > 0) {
        identity_changed(cx);
        TRY(audit_write(cx, "auth.session_ended", "Session", id, NULL, NULL));
    }
    return RC_OK;
}

Rc auth_logout(Ctx *cx, Call *call)
{
    int64_t ended;
    if (cx->actor.session_id.len > 0) {
        TRY(ctx_begin(cx));
        TRY(end_one(cx, cx->actor.session_id, "signed_out", &ended));
        TRY(ctx_commit(cx));
    }
    reply_header(call, "Set-Cookie",
                 STR(SESSION_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
    reply_empty(call, 204);
    return RC_OK;
}

Rc auth_sessions_end(Ctx *cx, Call *call)
{
    int64_t ended;
    Str id = str_lower(cx->arena, call_path(call, "id"));
    TRY(ctx_begin(cx));
    bool is_other = cx->actor.kind == ACTOR_USER && !str_eq(id, cx->actor.session_id);
    TRY(is_other ? factors_need_recent(cx) : RC_OK);
    TRY(end_one(cx, id, "ended_by_owner", &ended));
    if (ended == 0) {
        return fail(cx, RC_NOT_FOUND, "You have no such session.");
    }
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

static Rc end_others(Ctx *cx, Str user_id, Str but, const char *reason)
{
    int64_t ended;
    TRY(tx_exec(cx->tx, &identity_q_sessions_end_others,
                PARAMS(P_STR(user_id), P_STR(but), P_I64(time_now_us()), P_CSTR(reason)), &ended,
                &cx->error));
    if (ended > 0) {
        Json *what = json_object(cx->arena);
        json_set_c(cx->arena, what, "ended", json_int(cx->arena, ended));
        identity_changed(cx);
        TRY(audit_write(cx, "auth.sessions_ended", "User", user_id, NULL, what));
    }
    return RC_OK;
}

Rc auth_sessions_end_others(Ctx *cx, Call *call)
{
    TRY(ctx_begin(cx));
    TRY(cx->actor.kind == ACTOR_USER ? factors_need_recent(cx) : RC_OK);
    TRY(end_others(cx, cx->actor.id, cx->actor.session_id, "ended_by_owner"));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

Rc users_sign_out(Ctx *cx, Call *call)
{
    Json *user;
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "User", call_path(call, "id"), &user));
    TRY(end_others(cx, json_str_at(user, "id"), STR_EMPTY, "ended_by_another"));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

Rc sessions_end_user(Ctx *cx, Str user_id, const char *reason)
{
    int64_t now = time_now_us();
    TRY(end_others(cx, user_id, STR_EMPTY, reason));
    TRY(challenges_forget(cx, user_id));
    TRY(tx_exec(cx->tx, &identity_q_one_time_forget, PARAMS(P_STR(user_id), P_I64(now)), NULL,
                &cx->error));
    TRY(tx_exec(cx->tx, &identity_q_keys_expire_of_user, PARAMS(P_STR(user_id), P_I64(now)), NULL,
                &cx->error));
    identity_changed(cx);
    return RC_OK;
}

/* ---- showing */

static Json *session_json(Ctx *cx, Rows *rows)
{
    Json *session = json_object(cx->arena);
    Str id = rows_dup(rows, 0, cx->arena);
    json_set_str(cx->arena, session, "id", id);
    json_set_str(cx->arena, session, "kind", rows_str(rows, 1));
    json_set_c(cx->arena, session, "is_current",
               json_bool_new(cx->arena, str_eq(id, cx->actor.session_id)));
    if (!rows_is_null(rows, 2)) {
        json_set_str(cx->arena, session, "address", rows_str(rows, 2));
    }
    if (!rows_is_null(rows, 3)) {
        json_set_str(cx->arena, session, "user_agent", rows_str(rows, 3));
    }
    json_set_str(cx->arena, session, "created_at", time_rfc3339_dup(cx->arena, rows_i64(rows, 4)));
    json_set_str(cx->arena, session, "last_used_at",
                 time_rfc3339_dup(cx->arena, rows_i64(rows, 5)));
    json_set_str(cx->arena, session, "expires_at", time_rfc3339_dup(cx->arena, rows_i64(rows, 6)));
    return session;
}

Rc auth_sessions_list(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *page = json_object(cx->arena), *items = json_array(cx->arena);
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &identity_q_sessions_list,
                 PARAMS(P_STR(cx->actor.id), P_I64(time_now_us()), P_I64(SESSIONS_SHOWN)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        json_push(cx->arena, items, session_json(cx, rows));
    }
    TRY(rows_error(rows, &cx->error));
    json_set_c(cx->arena, page, "items", items);
    reply_json_tree(cx, call, 200, page);
    return RC_OK;
}

/* ---- the job that clears away what has ended */

Rc identity_prune_run(Ctx *cx, Job *job)
{
    int64_t now = time_now_us(), day_ago = now - KEEP_FAILURES_US;
    const struct {
        const Query *query;
        int64_t before_us;
    } steps[] = {
        {&factors_q_prune_challenges, now    },
        {&identity_q_prune_failures,  day_ago},
        {&identity_q_prune_refresh,   day_ago},
        {&identity_q_prune_sessions,  day_ago},
        {&identity_q_prune_one_time,  day_ago},
        {&identity_q_prune_states,    now    },
        {&identity_q_prune_resets,    day_ago},
    };
    (void)job;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        TRY(ctx_begin(cx));
        TRY(tx_exec(cx->tx, steps[i].query, PARAMS(P_I64(steps[i].before_us)), NULL, &cx->error));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}
