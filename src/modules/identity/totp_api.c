/* SPDX-License-Identifier: Apache-2.0
 * Codes of an authenticator app: setting up, using, removing. The secret is sealed; the step of the
 * newest code that was used is kept, and neither it nor an older one is taken again. */
#include "base/id.h"
#include "base/log.h"

#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "identity_q_sql.h"
#include "modules/identity/factors_priv.h"
#include "modules/identity/totp.h"
#include "platform/secrets/secrets.h"

typedef struct Totp {
    Str key; /* bytes */
    int64_t last_step;
    bool is_confirmed;
} Totp;

static Str context_of(Ctx *cx, Str user_id)
{
    return str_fmt(cx->arena, "user_totp.secret.%.*s", STR_ARG(user_id));
}

/* In cx's open scope. RC_NOT_FOUND. */
static Rc read_totp(Ctx *cx, Str user_id, Totp *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &factors_q_totp_read, PARAMS(P_STR(user_id)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    ret->last_step = rows_i64(rows, 1);
    ret->is_confirmed = !rows_is_null(rows, 2);
    Rc rc = secrets_open(cx->platform->secrets, cx->arena, rows_str(rows, 0),
                         context_of(cx, user_id), &ret->key, &cx->error);
    if (rc != RC_OK) {
        log_error("identity.totp_unusable", F_STR("user", user_id),
                  F_CSTR("error", cx->error.message));
    }
    return rc;
}

/* "123 456" as apps show it. */
static Str digits_of(Arena *arena, Str code)
{
    return str_replace(arena, str_trim(code), STR(" "), STR_EMPTY);
}

Rc totp_use(Ctx *cx, Str user_id, Str code)
{
    Totp t;
    int64_t changed = 0;
    TRY(read_totp(cx, user_id, &t));
    int64_t step = totp_match(t.key, digits_of(cx->arena, code), time_now_us(), t.last_step);
    if (!t.is_confirmed || step == TOTP_NONE) {
        return RC_NOT_FOUND;
    }
    TRY(tx_exec(cx->tx, &factors_q_totp_use, PARAMS(P_STR(user_id), P_I64(step)), &changed,
                &cx->error));
    return changed == 1 ? RC_OK : RC_NOT_FOUND;
}

/* ---- setting up */

static Rc begin(Ctx *cx, Str key)
{
    int64_t changed = 0;
    Str sealed;
    TRY(secrets_seal(cx->platform->secrets, cx->arena, key, context_of(cx, cx->actor.id), &sealed,
                     &cx->error));
    TRY(tx_exec(cx->tx, &factors_q_totp_begin,
                PARAMS(P_STR(cx->actor.id), P_STR(sealed), P_I64(time_now_us())), &changed,
                &cx->error));
    return changed == 1 ? RC_OK
                        : fail(cx, RC_CONFLICT,
                               "Codes of an app are set up already; remove them to begin anew.");
}

static Rc read_email(Ctx *cx, Str *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_user_by_id, PARAMS(P_STR(cx->actor.id)), &rows, &cx->error));
    *ret = rows_next(rows) ? rows_dup(rows, 4, cx->arena) : STR_EMPTY;
    return rows_error(rows, &cx->error);
}

Rc auth_totp_begin(Ctx *cx, Call *call)
{
    uint8_t bytes[TOTP_SECRET_SIZE];
    Json *answer = json_object(cx->arena);
    Str key = str_of((const char *)bytes, sizeof(bytes)), email;
    TRY(factors_need_session(cx));
    random_bytes(bytes, sizeof(bytes));
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(read_email(cx, &email));
    TRY(begin(cx, key));
    TRY(ctx_commit(cx));
    json_set_str(cx->arena, answer, "secret", base32(cx->arena, key));
    json_set_str(cx->arena, answer, "uri", totp_uri(cx->arena, key, email));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* The code that shows that the app has the secret is used up by it. */
static Rc confirm(Ctx *cx, Str code)
{
    Totp t;
    int64_t changed = 0, now = time_now_us();
    Rc rc = read_totp(cx, cx->actor.id, &t);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && t.is_confirmed)) {
        return fail(cx, RC_CONFLICT, "There is nothing to confirm; begin by POST /api/auth/totp.");
    }
    TRY(rc);
    int64_t step = totp_match(t.key, digits_of(cx->arena, code), now, 0);
    if (step == TOTP_NONE) {
        return fail_field(cx, STR("/code"),
                          "is not the code of this moment; look whether the clock of the device is "
                          "right");
    }
    TRY(tx_exec(cx->tx, &factors_q_totp_confirm,
                PARAMS(P_STR(cx->actor.id), P_I64(now), P_I64(step)), &changed, &cx->error));
    return changed == 1 ? RC_OK : fail(cx, RC_CONFLICT, "It has been confirmed meanwhile.");
}

Rc auth_totp_confirm(Ctx *cx, Call *call)
{
    Factors before;
    Json *codes, *answer = json_object(cx->arena);
    TRY(factors_need_session(cx));
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(factors_read(cx, cx->actor.id, &before));
    TRY(confirm(cx, json_str_at(call->body, "code")));
    TRY(recovery_codes_first(cx, cx->actor.id, &before, &codes));
    TRY(factors_changed(cx, "auth.totp_added", NULL));
    TRY(ctx_commit(cx));
    json_set_c(cx->arena, answer, "recovery_codes", codes);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

Rc auth_totp_remove(Ctx *cx, Call *call)
{
    Factors before;
    TRY(factors_need_session(cx));
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(factors_read(cx, cx->actor.id, &before));
    if (!before.has_totp) {
        return fail(cx, RC_NOT_FOUND, "No codes of an app are set up.");
    }
    TRY(factors_may_remove(cx, &before));
    TRY(tx_exec(cx->tx, &factors_q_totp_remove, PARAMS(P_STR(cx->actor.id)), NULL, &cx->error));
    TRY(factors_removed(cx));
    TRY(factors_changed(cx, "auth.totp_removed", NULL));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}
