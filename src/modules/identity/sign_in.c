/* SPDX-License-Identifier: Apache-2.0
 * Signing in by a password. Whatever is wrong, the answer is the same, and so is the time it takes:
 * an account that is not there is looked for, counted, and its password hashed like another's. */
#include "base/log.h"

#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/audit/audit.h"

enum { FREE_FAILURES = 5, DOUBLINGS_MAX = 10 };
#define LOCK_FIRST_US US_PER_SECOND
#define LOCK_MAX_US (15 * US_PER_MINUTE)
#define FAILURES_WINDOW_US US_PER_HOUR

typedef struct SignIn {
    Str email, account; /* account: of sign_in_failures */
    Str user_id, name, status, hash;
    Str new_hash; /* when the parameters have risen */
    int64_t locked_until_us;
    bool is_right;
} SignIn;

static Rc read_account(Ctx *cx, SignIn *s)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    s->locked_until_us = 0;
    Rc rc = tx_one_i64(cx->tx, &identity_q_locked_until, PARAMS(P_STR(s->account)),
                       &s->locked_until_us, &cx->error);
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&cx->error);
    TRY(tx_query(cx->tx, &identity_q_user_by_email, PARAMS(P_STR(s->email)), &rows, &cx->error));
    if (rows_next(rows)) {
        s->user_id = rows_dup(rows, 0, cx->arena);
        s->name = rows_dup(rows, 1, cx->arena);
        s->status = rows_dup(rows, 2, cx->arena);
        s->hash = rows_dup(rows, 3, cx->arena);
    }
    return rows_error(rows, &cx->error);
}

/* Told alike of accounts that exist and of those that do not. */
static Rc refuse_locked(Ctx *cx, int64_t until_us)
{
    int64_t wait_s = (until_us - time_now_us()) / US_PER_SECOND + 1;
    return fail(cx, RC_RATE, "Too many attempts with this address; try again in %lld second%s.",
                (long long)wait_s, wait_s == 1 ? "" : "s");
}

/* Within a place to hash: so no more attempts slip past the lock than there are places. */
static Rc check(Ctx *cx, SignIn *s, Str password)
{
    TRY(ctx_read_primary(cx));
    Rc rc = read_account(cx, s);
    ctx_end(cx);
    TRY(rc);
    if (s->locked_until_us > time_now_us()) {
        return refuse_locked(cx, s->locked_until_us);
    }
    s->is_right = password_verify(s->hash, password) && str_is(s->status, "active");
    if (s->is_right && password_is_outdated(s->hash)) {
        return password_hash(cx, password, &s->new_hash);
    }
    return RC_OK;
}

static Rc note_failure(Ctx *cx, const SignIn *s)
{
    int64_t failures = 0, now = time_now_us();
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(cx->tx, &identity_q_failure_add,
                   PARAMS(P_STR(s->account), P_I64(now), P_I64(now - FAILURES_WINDOW_US)),
                   &failures, &cx->error));
    if (failures >= FREE_FAILURES) {
        int64_t doublings = MIN(failures - FREE_FAILURES, DOUBLINGS_MAX);
        int64_t wait = MIN(LOCK_FIRST_US << doublings, LOCK_MAX_US);
        TRY(tx_exec(cx->tx, &identity_q_failure_lock, PARAMS(P_STR(s->account), P_I64(now + wait)),
                    NULL, &cx->error));
    }
    Json *what = json_object(cx->arena);
    json_set_c(cx->arena, what, "failures", json_int(cx->arena, failures));
    TRY(audit_write(cx, "auth.sign_in_failed", "Account", s->account, NULL, what));
    TRY(ctx_commit(cx));
    return fail(cx, RC_UNAUTH, "The address or the password is wrong.");
}

static Rc begin_session(Ctx *cx, Call *call, const SignIn *s)
{
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &identity_q_failures_forget, PARAMS(P_STR(s->account)), NULL, &cx->error));
    if (s->new_hash.len > 0) {
        TRY(tx_exec(cx->tx, &identity_q_password_rehash,
                    PARAMS(P_STR(s->user_id), P_STR(s->new_hash), P_STR(s->hash)), NULL,
                    &cx->error));
    }
    TRY(session_start(cx, call, s->user_id, s->name));
    return ctx_commit(cx);
}

static Rc verify_within_place(Ctx *cx, SignIn *s, Str password)
{
    ctx_end(cx);
    TRY(password_enter(cx));
    Rc rc = check(cx, s, password);
    password_leave();
    return rc;
}

Rc auth_login(Ctx *cx, Call *call)
{
    SignIn s = {.email = str_lower_utf8(cx->arena, json_str_at(call->body, "email"))};
    s.account = account_of(cx->arena, s.email);
    TRY(verify_within_place(cx, &s, json_str_at(call->body, "password")));
    return s.is_right ? begin_session(cx, call, &s) : note_failure(cx, &s);
}

/* ---- one's own password */

/* By its id: status and hash as they stand. */
static Rc read_self(Ctx *cx, SignIn *s)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_user_by_id, PARAMS(P_STR(cx->actor.id)), &rows, &cx->error));
    if (rows_next(rows)) {
        s->user_id = rows_dup(rows, 0, cx->arena);
        s->name = rows_dup(rows, 1, cx->arena);
        s->email = rows_dup(rows, 4, cx->arena);
    }
    return rows_error(rows, &cx->error);
}

static Rc change_password(Ctx *cx, const SignIn *s)
{
    int64_t now = time_now_us();
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &identity_q_password_set,
                PARAMS(P_STR(s->user_id), P_STR(s->new_hash), P_I64(now)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &identity_q_sessions_end_others,
                PARAMS(P_STR(s->user_id), P_STR(cx->actor.session_id), P_I64(now),
                       P_CSTR("password_changed")),
                NULL, &cx->error));
    TRY(audit_write(cx, "auth.password_changed", "User", s->user_id, NULL, NULL));
    TRY(identity_notice_password(cx, s->email, s->name));
    identity_changed(cx);
    return ctx_commit(cx);
}

/* Wrong guesses count as at the sign-in: a stolen session must not become a password. */
Rc auth_password(Ctx *cx, Call *call)
{
    SignIn s = {0};
    if (cx->actor.kind != ACTOR_USER || cx->actor.session_id.len == 0) {
        return fail(cx, RC_DENIED, "Sign in to change your password; an API key may not.");
    }
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = read_self(cx, &s);
    ctx_end(cx);
    TRY(rc);
    s.account = account_of(cx->arena, s.email);
    Str next = json_str_at(call->body, "new_password");
    const Str context[] = {s.email, s.name};
    TRY(password_check(cx, STR("/new_password"), next, context, ARRAY_LEN(context)));
    TRY(verify_within_place(cx, &s, json_str_at(call->body, "current_password")));
    if (!s.is_right) {
        rc = note_failure(cx, &s);
        return rc == RC_UNAUTH ? fail_field(cx, STR("/current_password"), "is wrong") : rc;
    }
    TRY(password_enter(cx));
    rc = password_hash(cx, next, &s.new_hash);
    password_leave();
    TRY(rc);
    TRY(change_password(cx, &s));
    reply_empty(call, 204);
    return RC_OK;
}

/* ---- who am I */

static const char *kind_name(ActorKind kind)
{
    static const char *const names[] = {
        [ACTOR_ANONYMOUS] = "anonymous",
        [ACTOR_USER] = "user",
        [ACTOR_SERVICE] = "service",
        [ACTOR_SYSTEM] = "system",
    };
    return names[kind];
}

Rc auth_me(Ctx *cx, Call *call)
{
    Json *me = json_object(cx->arena), *user = NULL;
    json_set_str(cx->arena, me, "kind", str_from(kind_name(cx->actor.kind)));
    json_set_str(cx->arena, me, "id", cx->actor.id);
    json_set_str(cx->arena, me, "name", cx->actor.name);
    if (cx->actor.session_id.len > 0) {
        json_set_str(cx->arena, me, "session_id", cx->actor.session_id);
    }
    if (cx->actor.key_id.len > 0) {
        json_set_str(cx->arena, me, "api_key_id", cx->actor.key_id);
    }
    Str cookie = session_cookie(call);
    if (cookie.len > 0 && call_header(call, "Authorization").len == 0) {
        json_set_str(cx->arena, me, "csrf_token", csrf_token(cx->arena, cookie));
    }
    if (cx->actor.kind == ACTOR_USER) {
        TRY(ctx_read(cx));
        TRY(record_get(cx, "User", cx->actor.id, &user));
        json_set_c(cx->arena, me, "user", user);
    }
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, me);
    return RC_OK;
}
