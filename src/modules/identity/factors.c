/* SPDX-License-Identifier: Apache-2.0
 * What second factors somebody has, whether they must have one, and who may change them: their
 * owner, in a session in which they have shown lately who they are. */
#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "identity_q_sql.h"
#include "modules/identity/factors_priv.h"
#include "modules/identity/identity.h"
#include "platform/audit/audit.h"
#include "platform/settings/settings.h"

static IsAdministrator ask_administrator; /* set before requests are served */

void identity_ask_administrators(IsAdministrator ask)
{
    ask_administrator = ask;
}

/* ---- reading */

Rc factors_read(Ctx *cx, Str user_id, Factors *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &factors_q_of_user, PARAMS(P_STR(user_id)), &rows, &cx->error));
    *ret = (Factors){0};
    if (rows_next(rows)) {
        *ret = (Factors){.has_totp = rows_i64(rows, 0) > 0,
                         .passkeys = rows_i64(rows, 1),
                         .recovery_codes = rows_i64(rows, 2)};
    }
    return rows_error(rows, &cx->error);
}

bool factors_any(const Factors *f)
{
    return f->has_totp || f->passkeys > 0;
}

Rc factors_required(Ctx *cx, Str user_id, bool *ret)
{
    Str who = settings_str(cx->platform->settings, "auth.require_second_factor");
    *ret = str_is(who, "everyone");
    return str_is(who, "admins") && ask_administrator ? ask_administrator(cx, user_id, ret) : RC_OK;
}

/* ---- who may change them */

Rc factors_need_session(Ctx *cx)
{
    return cx->actor.kind == ACTOR_USER && cx->actor.session_id.len > 0
               ? RC_OK
               : fail(cx, RC_DENIED,
                      "Sign in to see or change your second factors; an API key may not.");
}

typedef struct SessionState {
    int64_t confirmed_until_us;
    bool is_limited, is_cookie;
} SessionState;

static Rc read_session(Ctx *cx, SessionState *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (SessionState){0};
    TRY(tx_query(cx->tx, &factors_q_session_state, PARAMS(P_STR(cx->actor.session_id)), &rows,
                 &cx->error));
    if (rows_next(rows)) {
        *ret = (SessionState){.confirmed_until_us = rows_i64(rows, 0) + RECENT_US,
                              .is_limited = rows_i64(rows, 1) != 0,
                              .is_cookie = str_is(rows_str(rows, 2), "cookie")};
    }
    return rows_error(rows, &cx->error);
}

Rc factors_need_recent(Ctx *cx)
{
    SessionState s;
    TRY(read_session(cx, &s));
    return s.confirmed_until_us > time_now_us()
               ? RC_OK
               : fail(cx, RC_DENIED,
                      "Show once more who you are (POST /api/auth/confirm): this needs a sign-in "
                      "of the last ten minutes.");
}

Rc factors_session_is_limited(Ctx *cx, bool *ret)
{
    SessionState s;
    TRY(read_session(cx, &s));
    *ret = s.is_limited;
    return RC_OK;
}

/* ---- after a change */

Rc factors_changed(Ctx *cx, const char *action, Json *what)
{
    Str user = cx->actor.id, session = cx->actor.session_id;
    Factors f;
    TRY(factors_read(cx, user, &f));
    TRY(tx_exec(
        cx->tx, &identity_q_sessions_end_others,
        PARAMS(P_STR(user), P_STR(session), P_I64(time_now_us()), P_CSTR("second_factor_changed")),
        NULL, &cx->error));
    TRY(challenges_forget(cx, user));
    if (factors_any(&f)) {
        TRY(tx_exec(cx->tx, &factors_q_session_limit, PARAMS(P_STR(session), P_I64(0)), NULL,
                    &cx->error));
    }
    identity_changed(cx);
    TRY(identity_notice_security(cx, user, action, STR_EMPTY));
    return audit_write(cx, action, "User", user, NULL, what);
}

Rc factors_may_remove(Ctx *cx, const Factors *before)
{
    bool is_required;
    TRY(factors_required(cx, cx->actor.id, &is_required));
    bool is_last = (before->has_totp ? 1 : 0) + before->passkeys <= 1;
    return is_required && is_last
               ? fail(cx, RC_CONFLICT,
                      "A second factor is required here: set up another before you remove the last "
                      "one.")
               : RC_OK;
}

Rc factors_removed(Ctx *cx)
{
    Factors f;
    TRY(factors_read(cx, cx->actor.id, &f));
    return factors_any(&f) ? RC_OK
                           : tx_exec(cx->tx, &factors_q_recovery_codes_remove,
                                     PARAMS(P_STR(cx->actor.id)), NULL, &cx->error);
}

/* ---- showing */

Rc auth_second_factors(Ctx *cx, Call *call)
{
    Factors f;
    SessionState s;
    WebauthnParty party;
    bool is_required;
    Json *answer = json_object(cx->arena);
    TRY(factors_need_session(cx));
    TRY(ctx_read(cx));
    TRY(factors_read(cx, cx->actor.id, &f));
    TRY(factors_required(cx, cx->actor.id, &is_required));
    TRY(read_session(cx, &s));
    bool may = webauthn_party(cx->arena, cx->platform->base_url, &party);
    json_set_c(cx->arena, answer, "totp", json_bool_new(cx->arena, f.has_totp));
    json_set_c(cx->arena, answer, "passkeys", json_int(cx->arena, f.passkeys));
    json_set_c(cx->arena, answer, "recovery_codes", json_int(cx->arena, f.recovery_codes));
    json_set_c(cx->arena, answer, "is_required", json_bool_new(cx->arena, is_required));
    json_set_c(cx->arena, answer, "passkeys_possible", json_bool_new(cx->arena, may));
    json_set_str(cx->arena, answer, "confirmed_until",
                 time_rfc3339_dup(cx->arena, s.confirmed_until_us));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- showing once more who one is */

/* A new cookie: whoever has the one before does not come along. */
static Rc renew_session(Ctx *cx, Call *call)
{
    SessionState s;
    Str cookie = STR_EMPTY;
    int64_t now = time_now_us();
    Json *answer = json_object(cx->arena);
    TRY(read_session(cx, &s));
    if (s.is_cookie) {
        cookie = session_cookie_renew(cx, call, answer);
        identity_changed(cx);
    }
    TRY(tx_exec(cx->tx, &factors_q_session_confirm,
                PARAMS(P_STR(cx->actor.session_id), P_I64(now),
                       cookie.len ? P_STR(token_hash(cx->arena, cookie)) : P_NULL),
                NULL, &cx->error));
    json_set_str(cx->arena, answer, "confirmed_until",
                 time_rfc3339_dup(cx->arena, now + RECENT_US));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

static Rc refuse(Ctx *cx, const char *field)
{
    TRY(ctx_commit(cx)); /* what was counted */
    return fail_field(cx, str_fmt(cx->arena, "/%s", field), "is wrong");
}

static Rc confirm_by_code(Ctx *cx, Str code)
{
    const char *by;
    TRY(ctx_begin(cx));
    Rc rc = factor_code_use(cx, cx->actor.id, code, &by);
    return rc == RC_UNAUTH ? refuse(cx, "code") : rc;
}

static Rc confirm_by_passkey(Ctx *cx, const Json *passkey)
{
    Challenge c;
    PasskeyProof proof;
    Rc rc = passkey_challenge(cx, passkey, "passkey_sign_in", &c);
    if (rc == RC_OK) {
        rc = passkey_check(cx, passkey, c.passkey_challenge, true, &proof);
    }
    if (rc == RC_UNAUTH || (rc == RC_OK && !str_eq(proof.user_id, cx->actor.id))) {
        return fail_field(cx, STR("/passkey"), "is wrong");
    }
    TRY(rc);
    TRY(ctx_begin(cx));
    rc = challenge_take(cx, &c);
    if (rc == RC_NOT_FOUND) {
        return fail_field(cx, STR("/passkey"), "is wrong");
    }
    TRY(rc);
    rc = passkey_use(cx, &proof);
    return rc == RC_UNAUTH ? refuse(cx, "passkey") : rc;
}

/* Who has a second factor shows that: a password that was stolen together with the session is not
 * enough. */
static Rc confirm(Ctx *cx, const Call *call, bool has_factors)
{
    Str password = json_str_at(call->body, "password"), code = json_str_at(call->body, "code");
    const Json *passkey = json_get_c(call->body, "passkey");
    if ((password.len > 0) + (code.len > 0) + (passkey != NULL) != 1) {
        return fail(cx, RC_INVALID, "Give one of password, code and passkey.");
    }
    if (password.len > 0 && has_factors) {
        return fail_field(cx, STR("/password"),
                          "is not enough: confirm with your second factor or a recovery code");
    }
    if (password.len > 0) {
        TRY(sign_in_check_own(cx, STR("/password"), password));
        return ctx_begin(cx);
    }
    return code.len > 0 ? confirm_by_code(cx, code) : confirm_by_passkey(cx, passkey);
}

Rc auth_confirm(Ctx *cx, Call *call)
{
    Factors f;
    TRY(factors_need_session(cx));
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = factors_read(cx, cx->actor.id, &f);
    ctx_end(cx);
    TRY(rc);
    TRY(confirm(cx, call, factors_any(&f))); /* leaves a transaction open */
    TRY(renew_session(cx, call));
    TRY(audit_write(cx, "auth.confirmed", "User", cx->actor.id, NULL, NULL));
    return ctx_commit(cx);
}

/* ---- for somebody who has lost them */

static Rc reset(Ctx *cx, Str id)
{
    const Query *const steps[] = {&factors_q_totp_remove, &factors_q_passkeys_remove,
                                  &factors_q_recovery_codes_remove, &factors_q_challenges_forget};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        TRY(tx_exec(cx->tx, steps[i], PARAMS(P_STR(id)), NULL, &cx->error));
    }
    TRY(tx_exec(
        cx->tx, &identity_q_sessions_end_others,
        PARAMS(P_STR(id), P_STR(STR_EMPTY), P_I64(time_now_us()), P_CSTR("second_factor_reset")),
        NULL, &cx->error));
    identity_changed(cx);
    TRY(identity_notice_security(cx, id, "auth.second_factors_reset", STR_EMPTY));
    return audit_write(cx, "auth.second_factors_reset", "User", id, NULL, NULL);
}

Rc users_second_factors_reset(Ctx *cx, Call *call)
{
    Json *user;
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "User", call_path(call, "id"), &user));
    Str id = json_str_at(user, "id");
    if (str_eq(id, cx->actor.id)) {
        return fail(cx, RC_CONFLICT,
                    "Your own second factors are changed in your settings (/api/auth).");
    }
    TRY(reset(cx, id));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

Rc identity_reset_second_factors(Ctx *cx, Str email)
{
    Str id, lower = str_lower_utf8(cx->arena, email);
    TRY(ctx_begin(cx));
    Rc rc = tx_one_str(cx->tx, &identity_q_user_by_email, PARAMS(P_STR(lower)), cx->arena, &id,
                       &cx->error);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "There is no user with the address %.*s.", STR_ARG(email));
    }
    TRY(rc);
    TRY(reset(cx, id));
    return ctx_commit(cx);
}
