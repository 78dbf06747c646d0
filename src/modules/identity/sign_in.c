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
static Rc refuse_locked(Ctx *cx, const char *of, int64_t until_us)
{
    int64_t wait_s = (until_us - time_now_us()) / US_PER_SECOND + 1;
    return fail(cx, RC_RATE, "Too many attempts with this %s; try again in %lld second%s.", of,
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
        return refuse_locked(cx, "address", s->locked_until_us);
    }
    s->is_right = password_verify(s->hash, password) && str_is(s->status, "active");
    if (s->is_right && password_is_outdated(s->hash)) {
        return password_hash(cx, password, &s->new_hash);
    }
    return RC_OK;
}

static Rc count_failure(Ctx *cx, Str account, int64_t *ret_failures, int64_t *ret_locked_until_us)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    int64_t now = time_now_us();
    TRY(tx_query(cx->tx, &identity_q_failure_add,
                 PARAMS(P_STR(account), P_I64(now), P_I64(now - FAILURES_WINDOW_US)), &rows,
                 &cx->error));
    if (rows_next(rows)) {
        *ret_failures = rows_i64(rows, 0);
        *ret_locked_until_us = rows_i64(rows, 1);
    }
    return rows_error(rows, &cx->error);
}

Rc failures_add(Ctx *cx, Str account, int64_t *ret_failures)
{
    int64_t locked_until_us = 0;
    TRY(count_failure(cx, account, ret_failures, &locked_until_us));
    return locked_until_us > time_now_us() ? refuse_locked(cx, "second factor", locked_until_us)
                                           : RC_OK;
}

Rc failures_lock(Ctx *cx, Str account, int64_t failures)
{
    int64_t doublings = MIN(failures - FREE_FAILURES, DOUBLINGS_MAX);
    return failures < FREE_FAILURES
               ? RC_OK
               : tx_exec(
                     cx->tx, &identity_q_failure_lock,
                     PARAMS(P_STR(account),
                            P_I64(time_now_us() + MIN(LOCK_FIRST_US << doublings, LOCK_MAX_US))),
                     NULL, &cx->error);
}

static Rc note_failure(Ctx *cx, const SignIn *s)
{
    int64_t failures = 0, locked_until_us;
    TRY(ctx_begin(cx));
    TRY(count_failure(cx, s->account, &failures, &locked_until_us));
    TRY(failures_lock(cx, s->account, failures));
    Json *what = json_object(cx->arena);
    json_set_c(cx->arena, what, "failures", json_int(cx->arena, failures));
    TRY(audit_write(cx, "auth.sign_in_failed", "Account", s->account, NULL, what));
    TRY(ctx_commit(cx));
    return fail(cx, RC_UNAUTH, "The address or the password is wrong.");
}

static Rc go_on(Ctx *cx, Call *call, const SignIn *s)
{
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &identity_q_failures_forget, PARAMS(P_STR(s->account)), NULL, &cx->error));
    if (s->new_hash.len > 0) {
        TRY(tx_exec(cx->tx, &identity_q_password_rehash,
                    PARAMS(P_STR(s->user_id), P_STR(s->new_hash), P_STR(s->hash)), NULL,
                    &cx->error));
    }
    TRY(sign_in_go_on(cx, call, s->user_id, s->name));
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
    return s.is_right ? go_on(cx, call, &s) : note_failure(cx, &s);
}

/* ---- one's own password */

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
    TRY(challenges_forget(cx, s->user_id));
    TRY(audit_write(cx, "auth.password_changed", "User", s->user_id, NULL, NULL));
    TRY(identity_notice_password(cx, s->email, s->name));
    identity_changed(cx);
    return ctx_commit(cx);
}

static Rc find_self(Ctx *cx, SignIn *s)
{
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = read_self(cx, s);
    ctx_end(cx);
    s->account = account_of(cx->arena, s->email);
    return rc;
}

/* Wrong guesses count as at the sign-in: a stolen session must not become a password. */
static Rc verify_own(Ctx *cx, SignIn *s, Str pointer, Str password)
{
    TRY(verify_within_place(cx, s, password));
    if (s->is_right) {
        return RC_OK;
    }
    Rc rc = note_failure(cx, s);
    return rc == RC_UNAUTH ? fail_field(cx, pointer, "is wrong") : rc;
}

Rc sign_in_check_own(Ctx *cx, Str pointer, Str password)
{
    SignIn s = {0};
    TRY(find_self(cx, &s));
    return verify_own(cx, &s, pointer, password);
}

Rc auth_password(Ctx *cx, Call *call)
{
    SignIn s = {0};
    if (cx->actor.kind != ACTOR_USER || cx->actor.session_id.len == 0) {
        return fail(cx, RC_DENIED, "Sign in to change your password; an API key may not.");
    }
    TRY(find_self(cx, &s));
    Str next = json_str_at(call->body, "new_password");
    const Str context[] = {s.email, s.name};
    TRY(password_check(cx, STR("/new_password"), next, context, ARRAY_LEN(context)));
    TRY(verify_own(cx, &s, STR("/current_password"), json_str_at(call->body, "current_password")));
    TRY(password_enter(cx));
    Rc rc = password_hash(cx, next, &s.new_hash);
    password_leave();
    TRY(rc);
    TRY(change_password(cx, &s));
    reply_empty(call, 204);
    return RC_OK;
}

/* ---- who am I */

Rc auth_me(Ctx *cx, Call *call)
{
    Json *me = json_object(cx->arena), *user = NULL;
    json_set_str(cx->arena, me, "kind", str_from(actor_kind_name(cx->actor.kind)));
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
        bool is_limited;
        TRY(ctx_read(cx));
        TRY(record_get(cx, "User", cx->actor.id, &user));
        TRY(factors_session_is_limited(cx, &is_limited));
        json_set_c(cx->arena, me, "user", user);
        if (is_limited) {
            json_set_c(cx->arena, me, "second_factor_missing", json_bool_new(cx->arena, true));
        }
    }
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, me);
    return RC_OK;
}
