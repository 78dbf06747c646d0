/* SPDX-License-Identifier: Apache-2.0
 * The second step of a sign-in. Who has a second factor gets a challenge for the right password,
 * and a session for the challenge and the factor.
 *
 * Guesses are bounded twice: a challenge takes five attempts, and wrong codes are counted for the
 * account, apart from wrong passwords: the right password, which comes before every challenge,
 * must not wipe out how often the code was wrong. A passkey cannot be guessed and is not locked. */
#include "base/buf.h"
#include "base/id.h"
#include "base/log.h"

#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "identity_q_sql.h"
#include "modules/identity/factors_priv.h"
#include "modules/identity/totp.h"
#include "platform/audit/audit.h"

/* ---- codes */

static Rc use_recovery_code(Ctx *cx, Str user_id, Str code)
{
    int64_t changed = 0;
    Str hash = recovery_code_hash(cx->arena, code);
    if (hash.len == 0) {
        return RC_NOT_FOUND;
    }
    TRY(tx_exec(cx->tx, &factors_q_recovery_code_use,
                PARAMS(P_STR(hash), P_STR(user_id), P_I64(time_now_us())), &changed, &cx->error));
    return changed == 1
               ? identity_notice_security(cx, user_id, "auth.recovery_code_used", STR_EMPTY)
               : RC_NOT_FOUND;
}

/* The row of the failures is held from here to the end of the transaction: of many callers at once
 * one after the other is heard. */
Rc factor_code_use(Ctx *cx, Str user_id, Str code, const char **ret_by)
{
    int64_t failures = 0;
    Str account =
        account_of(cx->arena, str_fmt(cx->arena, "second factor of %.*s", STR_ARG(user_id)));
    TRY(failures_add(cx, account, &failures));
    Rc rc = totp_use(cx, user_id, code);
    *ret_by = "totp";
    if (rc == RC_NOT_FOUND) {
        *ret_by = "recovery_code";
        rc = use_recovery_code(cx, user_id, code);
    }
    if (rc == RC_OK) {
        return tx_exec(cx->tx, &identity_q_failures_forget, PARAMS(P_STR(account)), NULL,
                       &cx->error);
    }
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&cx->error);
    TRY(failures_lock(cx, account, failures));
    Json *what = json_object(cx->arena);
    json_set_c(cx->arena, what, "failures", json_int(cx->arena, failures));
    TRY(audit_write(cx, "auth.second_factor_failed", "User", user_id, NULL, what));
    return RC_UNAUTH;
}

/* ---- challenges */

Rc challenge_new(Ctx *cx, const char *purpose, Str user_id, Challenge *c, Str *ret_token)
{
    uint8_t bytes[WEBAUTHN_CHALLENGE_SIZE];
    Buf text = buf_init(cx->arena, 64);
    int64_t now = time_now_us();
    random_bytes(bytes, sizeof(bytes));
    buf_base64url(&text, str_of((const char *)bytes, sizeof(bytes)));
    *c = (Challenge){.user_id = user_id, .passkey_challenge = buf_str(&text)};
    Str token = ret_token ? token_new(cx->arena, "fwm_") : c->passkey_challenge;
    c->hash = token_hash(cx->arena, token);
    if (ret_token) {
        *ret_token = token;
    }
    return tx_exec(cx->tx, &factors_q_challenge_add,
                   PARAMS(P_STR(c->hash), P_CSTR(purpose), P_STR_OR_NULL(user_id),
                          P_STR(c->passkey_challenge), P_I64(now), P_I64(now + CHALLENGE_US)),
                   NULL, &cx->error);
}

Rc challenge_read(Ctx *cx, const char *purpose, Challenge *c)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &factors_q_challenge_read,
                 PARAMS(P_STR(c->hash), P_CSTR(purpose), P_I64(time_now_us())), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    c->user_id = rows_dup(rows, 0, cx->arena);
    c->passkey_challenge = rows_dup(rows, 1, cx->arena);
    return RC_OK;
}

Rc challenge_take(Ctx *cx, const Challenge *c)
{
    int64_t changed = 0;
    TRY(tx_exec(cx->tx, &factors_q_challenge_take, PARAMS(P_STR(c->hash), P_I64(time_now_us())),
                &changed, &cx->error));
    return changed == 1 ? RC_OK : RC_NOT_FOUND;
}

Rc challenges_forget(Ctx *cx, Str user_id)
{
    return tx_exec(cx->tx, &factors_q_challenges_forget, PARAMS(P_STR(user_id)), NULL, &cx->error);
}

/* ---- asking, after the password */

static Json *methods_of(Ctx *cx, const Factors *f)
{
    Json *methods = json_array(cx->arena);
    const struct {
        bool has;
        const char *name;
    } all[] = {
        {f->passkeys > 0,       "passkey"      },
        {f->has_totp,           "totp"         },
        {f->recovery_codes > 0, "recovery_code"},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].has) {
            json_push(cx->arena, methods, json_string_c(cx->arena, all[i].name));
        }
    }
    return methods;
}

static Rc ask(Ctx *cx, Call *call, Str user_id, const Factors *f)
{
    Challenge c;
    Str token;
    Json *answer = json_object(cx->arena), *options;
    TRY(challenge_new(cx, "second_factor", user_id, &c, &token));
    json_set_c(cx->arena, answer, "second_factor_required", json_bool_new(cx->arena, true));
    json_set_str(cx->arena, answer, "challenge", token);
    json_set_c(cx->arena, answer, "methods", methods_of(cx, f));
    json_set_c(cx->arena, answer, "expires_in", json_int(cx->arena, CHALLENGE_US / US_PER_SECOND));
    if (f->passkeys > 0) {
        TRY(passkeys_request(cx, user_id, c.passkey_challenge, &options));
        json_set_c(cx->arena, answer, "passkey_options", options);
    }
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

Rc sign_in_go_on(Ctx *cx, Call *call, Str user_id, Str user_name)
{
    Factors f;
    bool is_required;
    TRY(factors_read(cx, user_id, &f));
    if (factors_any(&f)) {
        return ask(cx, call, user_id, &f);
    }
    TRY(factors_required(cx, user_id, &is_required));
    TRY(session_start(cx, call, user_id, user_name));
    return is_required ? tx_exec(cx->tx, &factors_q_session_limit,
                                 PARAMS(P_STR(cx->actor.session_id), P_I64(1)), NULL, &cx->error)
                       : RC_OK;
}

/* ---- the answer */

static Rc refuse_challenge(Ctx *cx)
{
    return fail(cx, RC_UNAUTH,
                "This sign-in has taken too long, was tried too often or is finished; sign in with "
                "your password again.");
}

/* What came is not what was asked for: it is counted, and written down, all the same. */
static Rc refuse_factor(Ctx *cx, const Challenge *c, bool by_passkey)
{
    if (by_passkey) { /* factor_code_use has written of codes */
        Json *what = json_object(cx->arena);
        json_set_str(cx->arena, what, "by", STR("passkey"));
        TRY(audit_write(cx, "auth.second_factor_failed", "User", c->user_id, NULL, what));
    }
    TRY(ctx_commit(cx));
    return fail(cx, RC_UNAUTH, "The code or the passkey is wrong, or has been used.");
}

static Rc take_attempt(Ctx *cx, Challenge *c)
{
    Rc rc = tx_one_str(cx->tx, &factors_q_challenge_attempt,
                       PARAMS(P_STR(c->hash), P_I64(time_now_us()), P_I64(CHALLENGE_ATTEMPTS)),
                       cx->arena, &c->user_id, &cx->error);
    return rc == RC_NOT_FOUND ? refuse_challenge(cx) : rc;
}

/* Before the transaction: a signature is checked without holding anybody up. RC_UNAUTH is the
 * answer of the passkey, not of the challenge. */
static Rc check_passkey(Ctx *cx, const Json *passkey, Challenge *c, PasskeyProof *ret)
{
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = challenge_read(cx, "second_factor", c);
    ctx_end(cx);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        return RC_UNAUTH;
    }
    TRY(rc);
    TRY(passkey_check(cx, passkey, c->passkey_challenge, false, ret));
    return str_eq(ret->user_id, c->user_id) ? RC_OK : RC_UNAUTH;
}

static Rc read_name(Ctx *cx, Str user_id, Str *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_user_by_id, PARAMS(P_STR(user_id)), &rows, &cx->error));
    *ret = rows_next(rows) ? rows_dup(rows, 1, cx->arena) : STR_EMPTY;
    return rows_error(rows, &cx->error);
}

static Rc begin_session(Ctx *cx, Call *call, const Challenge *c, const char *by)
{
    Json *what = json_object(cx->arena);
    Str name;
    Rc rc = challenge_take(cx, c);
    if (rc == RC_NOT_FOUND) {
        return refuse_challenge(cx);
    }
    TRY(rc);
    TRY(read_name(cx, c->user_id, &name));
    cx->actor = (Actor){.kind = ACTOR_USER, .id = c->user_id, .name = name};
    json_set_str(cx->arena, what, "by", str_from(by));
    TRY(audit_write(cx, "auth.second_factor_passed", "User", c->user_id, NULL, what));
    return session_start(cx, call, c->user_id, name);
}

Rc auth_second_factor(Ctx *cx, Call *call)
{
    Challenge c = {.hash = token_hash(cx->arena, json_str_at(call->body, "challenge"))};
    const Json *passkey = json_get_c(call->body, "passkey");
    Str code = json_str_at(call->body, "code");
    PasskeyProof proof;
    const char *by = "passkey";
    Rc rc = RC_OK;
    if ((passkey != NULL) == (code.len > 0)) {
        return fail(cx, RC_INVALID, "Give either a code or a passkey.");
    }
    if (passkey) {
        rc = check_passkey(cx, passkey, &c, &proof);
        TRY(rc == RC_UNAUTH ? RC_OK : rc);
    }
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    TRY(take_attempt(cx, &c));
    if (rc == RC_OK) {
        rc = passkey ? passkey_use(cx, &proof) : factor_code_use(cx, c.user_id, code, &by);
    }
    if (rc == RC_UNAUTH) {
        return refuse_factor(cx, &c, passkey != NULL);
    }
    TRY(rc);
    TRY(begin_session(cx, call, &c, by));
    return ctx_commit(cx);
}
