/* SPDX-License-Identifier: Apache-2.0
 * One's own accounts at sign-in providers. */
#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/providers.h"
#include "platform/audit/audit.h"

enum { IDENTITIES_SHOWN = 100 };

static Json *identity_json(Ctx *cx, Rows *rows)
{
    Json *identity = json_object(cx->arena);
    json_set_str(cx->arena, identity, "id", rows_str(rows, 0));
    json_set_str(cx->arena, identity, "provider", rows_str(rows, 1));
    json_set_str(cx->arena, identity, "issuer", rows_str(rows, 2));
    if (!rows_is_null(rows, 3)) {
        json_set_str(cx->arena, identity, "label", rows_str(rows, 3));
    }
    json_set_str(cx->arena, identity, "created_at", time_rfc3339_dup(cx->arena, rows_i64(rows, 4)));
    json_set_str(cx->arena, identity, "last_used_at",
                 time_rfc3339_dup(cx->arena, rows_i64(rows, 5)));
    return identity;
}

Rc auth_identities_list(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *page = json_object(cx->arena), *items = json_array(cx->arena);
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &identity_q_identities_list,
                 PARAMS(P_STR(cx->actor.id), P_I64(IDENTITIES_SHOWN)), &rows, &cx->error));
    while (rows_next(rows)) {
        json_push(cx->arena, items, identity_json(cx, rows));
    }
    TRY(rows_error(rows, &cx->error));
    json_set_c(cx->arena, page, "items", items);
    reply_json_tree(cx, call, 200, page);
    return RC_OK;
}

/* Whoever takes the last way in away has locked themselves out. Their row is locked, so that of two
 * that go at once the second sees what the first has left. */
static Rc check_way_left(Ctx *cx, Str id)
{
    int64_t ways = 0;
    TRY(tx_one_i64(cx->tx, &identity_q_other_ways_in, PARAMS(P_STR(cx->actor.id), P_STR(id)), &ways,
                   &cx->error));
    return ways > 0 ? RC_OK
                    : fail(cx, RC_CONFLICT,
                           "This is your only way to sign in: link another account first, or ask "
                           "an administrator for a link that sets a password.");
}

/* The provider may have gone from the settings. */
static Str title_of(Str id)
{
    const Provider *provider = provider_find(id);
    return provider ? provider->title : id;
}

Rc auth_identities_unlink(Ctx *cx, Call *call)
{
    Json *what = json_object(cx->arena);
    int64_t locked;
    Str id = str_lower(cx->arena, call_path(call, "id")), provider;
    if (cx->actor.kind != ACTOR_USER || cx->actor.session_id.len == 0) {
        return fail(cx, RC_DENIED, "Sign in to unlink an account; an API key may not.");
    }
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(tx_one_i64(cx->tx, &identity_q_user_lock, PARAMS(P_STR(cx->actor.id)), &locked,
                   &cx->error));
    Rc rc = tx_one_str(cx->tx, &identity_q_identity_delete, PARAMS(P_STR(id), P_STR(cx->actor.id)),
                       cx->arena, &provider, &cx->error);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "You have linked no such account.");
    }
    TRY(rc);
    TRY(check_way_left(cx, id));
    json_set_str(cx->arena, what, "provider", provider);
    TRY(identity_notice_security(cx, cx->actor.id, "auth.identity_unlinked", title_of(provider)));
    TRY(audit_write(cx, "auth.identity_unlinked", "User", cx->actor.id, what, NULL));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}
