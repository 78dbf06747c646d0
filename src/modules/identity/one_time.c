/* SPDX-License-Identifier: Apache-2.0
 * Links that work once, within an hour: for the first administrator, for who is invited, for who
 * has lost the password. Only the hash of what stands in the link is kept. */
#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/audit/audit.h"

#define FIRST_EMAIL "admin@fairway.invalid"
#define FIRST_NAME "Administrator"

typedef struct OneTime {
    Str hash, user_id, purpose;
    Str email, name, status; /* of the user, as they will be */
} OneTime;

/* ---- making */

Rc one_time_new(Ctx *cx, Str user_id, const char *purpose, Str *ret_token)
{
    return one_time_new_for(cx, user_id, purpose, ONE_TIME_US, ret_token);
}

Rc one_time_new_for(Ctx *cx, Str user_id, const char *purpose, int64_t lifetime_us, Str *ret_token)
{
    int64_t now = time_now_us();
    Json *what = json_object(cx->arena);
    *ret_token = token_new(cx->arena, "fwo_");
    TRY(tx_exec(cx->tx, &identity_q_one_time_forget, PARAMS(P_STR(user_id), P_I64(now)), NULL,
                &cx->error));
    TRY(tx_exec(cx->tx, &identity_q_one_time_add,
                PARAMS(P_STR(token_hash(cx->arena, *ret_token)), P_STR(user_id), P_CSTR(purpose),
                       P_I64(now), P_I64(now + lifetime_us)),
                NULL, &cx->error));
    json_set_str(cx->arena, what, "purpose", str_from(purpose));
    return audit_write(cx, "auth.one_time_link_made", "User", user_id, NULL, what);
}

/* Behind the #: browsers do not send it, so it stands in no log of a server or proxy. */
Str one_time_link(Ctx *cx, Str token)
{
    Str base = cx->platform->base_url;
    return str_fmt(cx->arena, "%.*s/#one-time=%.*s", STR_ARG(base), STR_ARG(token));
}

Rc users_one_time_link(Ctx *cx, Call *call)
{
    Json *user, *answer = json_object(cx->arena);
    Str token;
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "User", call_path(call, "id"), &user));
    Str status = json_str_at(user, "status");
    if (str_is(status, "deactivated")) {
        return fail(cx, RC_CONFLICT, "The user is deactivated; activate them first.");
    }
    TRY(one_time_new(cx, json_str_at(user, "id"), str_is(status, "invited") ? "invite" : "reset",
                     &token));
    TRY(ctx_commit(cx));
    json_set_str(cx->arena, answer, "token", token);
    json_set_str(cx->arena, answer, "url", one_time_link(cx, token));
    json_set_str(cx->arena, answer, "expires_at",
                 time_rfc3339_dup(cx->arena, time_now_us() + ONE_TIME_US));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- following */

static Rc refuse(Ctx *cx)
{
    return fail(cx, RC_UNAUTH, "The link has been used or is too old; ask for a new one.");
}

static Rc read_user(Ctx *cx, OneTime *o)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_user_by_id, PARAMS(P_STR(o->user_id)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return refuse(cx);
    }
    o->name = rows_dup(rows, 1, cx->arena);
    o->status = rows_dup(rows, 2, cx->arena);
    o->email = rows_dup(rows, 4, cx->arena);
    return str_is(o->status, "deactivated") ? refuse(cx) : RC_OK;
}

static Rc read_link(Ctx *cx, OneTime *o)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_one_time_read, PARAMS(P_STR(o->hash), P_I64(time_now_us())),
                 &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return refuse(cx);
    }
    o->user_id = rows_dup(rows, 0, cx->arena);
    o->purpose = rows_dup(rows, 1, cx->arena);
    rows_end(rows);
    rows = NULL;
    return read_user(cx, o);
}

/* Who is not here yet may say their name; the first administrator also the address. */
static Rc take_profile(Ctx *cx, const Call *call, OneTime *o)
{
    Str name = json_str_at(call->body, "name"), email = json_str_at(call->body, "email");
    if (name.len > 0 && !str_is(o->status, "invited")) {
        return fail_field(cx, STR("/name"), "is not changed by a link that sets a password");
    }
    if (email.len > 0 && !str_is(o->purpose, "bootstrap")) {
        return fail_field(cx, STR("/email"), "is not changed by a link that sets a password");
    }
    o->name = name.len ? name : o->name;
    o->email = email.len ? str_lower_utf8(cx->arena, email) : o->email;
    return RC_OK;
}

static Rc hash_new(Ctx *cx, Str password, Str *ret)
{
    TRY(password_enter(cx));
    Rc rc = password_hash(cx, password, ret);
    password_leave();
    return rc;
}

/* As the user: they are who follows the link. */
static Rc use(Ctx *cx, Call *call, const OneTime *o, Str password_phc)
{
    int64_t taken, now = time_now_us();
    Json *patch = json_object(cx->arena);
    TRY(tx_exec(cx->tx, &identity_q_one_time_take, PARAMS(P_STR(o->hash), P_I64(now)), &taken,
                &cx->error));
    if (taken == 0) {
        return refuse(cx);
    }
    cx->actor = (Actor){.kind = ACTOR_USER, .id = o->user_id, .name = o->name};
    json_set_str(cx->arena, patch, "status", STR("active"));
    if (str_is(o->status, "invited")) {
        json_set_str(cx->arena, patch, "name", o->name);
        json_set_str(cx->arena, patch, "email", o->email);
    }
    TRY(record_patch(cx, "User", o->user_id, patch, NULL)); /* first: it takes the locks */
    TRY(sessions_end_user(cx, o->user_id, "password_reset"));
    TRY(tx_exec(cx->tx, &identity_q_password_set,
                PARAMS(P_STR(o->user_id), P_STR(password_phc), P_I64(now)), NULL, &cx->error));
    Str account = account_of(cx->arena, o->email);
    TRY(tx_exec(cx->tx, &identity_q_failures_forget, PARAMS(P_STR(account)), NULL, &cx->error));
    TRY(audit_write(cx, "auth.password_set", "User", o->user_id, NULL, NULL));
    if (!str_is(o->status, "invited")) {
        TRY(identity_notice_password(cx, o->email, o->name));
    }
    return sign_in_go_on(cx, call, o->user_id, o->name);
}

Rc auth_one_time(Ctx *cx, Call *call)
{
    OneTime o = {.hash = token_hash(cx->arena, json_str_at(call->body, "token"))};
    Str password = json_str_at(call->body, "password"), phc;
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = read_link(cx, &o);
    ctx_end(cx);
    TRY(rc);
    TRY(take_profile(cx, call, &o));
    const Str context[] = {o.email, o.name};
    TRY(password_check(cx, STR("/password"), password, context, ARRAY_LEN(context)));
    TRY(hash_new(cx, password, &phc));
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    TRY(use(cx, call, &o, phc));
    return ctx_commit(cx);
}

/* ---- the first administrator, and the one who is locked out */

static Rc first_user(Ctx *cx, Str *ret_id)
{
    Json *values = json_object(cx->arena), *user;
    Rc rc =
        tx_one_str(cx->tx, &identity_q_bootstrap_user, NO_PARAMS, cx->arena, ret_id, &cx->error);
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&cx->error);
    json_set_str(cx->arena, values, "email", STR(FIRST_EMAIL));
    json_set_str(cx->arena, values, "name", STR(FIRST_NAME));
    TRY(record_create(cx, "User", values, &user));
    *ret_id = json_str_at(user, "id");
    return RC_OK;
}

Rc identity_bootstrap(Ctx *cx, Rc (*grant)(Ctx *cx, Str user_id), Str *ret_link)
{
    int64_t people = 0;
    Str id, token;
    *ret_link = STR_EMPTY;
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(cx->tx, &identity_q_active_users, NO_PARAMS, &people, &cx->error));
    if (people > 0) {
        ctx_end(cx);
        return RC_OK;
    }
    Rc rc = first_user(cx, &id);
    if (rc == RC_CONFLICT) { /* another process did it at the same moment, and prints the link */
        ctx_end(cx);
        error_clear(&cx->error);
        return RC_OK;
    }
    TRY(rc);
    TRY(grant(cx, id));
    TRY(one_time_new(cx, id, "bootstrap", &token));
    TRY(ctx_commit(cx));
    *ret_link = one_time_link(cx, token);
    return RC_OK;
}

/* Whoever runs this has the database: they may let anybody in. */
static Rc activate(Ctx *cx, Str id)
{
    Json *user, *patch = json_object(cx->arena);
    TRY(record_get(cx, "User", id, &user));
    if (!str_is(json_str_at(user, "status"), "deactivated")) {
        return RC_OK;
    }
    json_set_str(cx->arena, patch, "status", STR("active"));
    return record_patch(cx, "User", id, patch, NULL);
}

Rc identity_reset_link(Ctx *cx, Str email, Str *ret_link)
{
    Str id, token;
    Str lower = str_lower_utf8(cx->arena, email);
    TRY(ctx_begin(cx));
    Rc rc = tx_one_str(cx->tx, &identity_q_user_by_email, PARAMS(P_STR(lower)), cx->arena, &id,
                       &cx->error);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "There is no user with the address %.*s.", STR_ARG(email));
    }
    TRY(rc);
    TRY(activate(cx, id));
    TRY(one_time_new(cx, id, "reset", &token));
    TRY(ctx_commit(cx));
    *ret_link = one_time_link(cx, token);
    return RC_OK;
}
