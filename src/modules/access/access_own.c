/* SPDX-License-Identifier: Apache-2.0
 * Everybody's own API keys: made, listed, changed, rotated and deleted without a role, as long as
 * nothing is denied. Their scopes reach no further than who makes them. Those of others take the
 * permission on the platform, and nobody makes a key of somebody who may do more than themselves.
 */
#include "modules/access/access_priv.h"

static bool is_self(const Ctx *cx, AccessSubject owner)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    return access_subjects(&cx->actor, subjects) > 0 && subjects[0].kind == owner.kind &&
           str_eq(subjects[0].id, owner.id);
}

/* Whose key the call is about; a new one is the caller's unless it names a service account. */
static Rc find_owner(Ctx *cx, const Call *call, bool has_id, AccessSubject *ret, bool *ret_found)
{
    Str service = json_str_at(call->body, "service_account_id");
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    if (has_id) {
        return access_key_owner(cx, call_path(call, "id"), ret, ret_found);
    }
    *ret_found = access_subjects(&cx->actor, subjects) > 0;
    *ret = subjects[0];
    if (service.len > 0) {
        *ret = (AccessSubject){SUBJECT_SERVICE_ACCOUNT, str_lower(cx->arena, service)};
    }
    return RC_OK;
}

/* ---- scopes */

/* The first permission of the contract that the scope reaches and the actor holds nowhere. */
static Rc find_lacking(Asker *a, AccessPattern scope, const AccessPattern **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < a->catalog->n && !*ret; i++) {
        const AccessPattern *p = &a->catalog->permissions[i];
        bool is_held = str_is(p->resource, "ApiKey"); /* their own */
        if (!is_held && access_pattern_covers(scope, *p)) {
            TRY(access_ask(a, i, NULL, &is_held));
            *ret = is_held ? NULL : p;
        }
    }
    return RC_OK;
}

static Rc check_scopes(Asker *a, const Json *scopes)
{
    for (uint32_t i = 0; json_is(scopes, JSON_ARRAY) && i < scopes->n; i++) {
        AccessPattern scope;
        const AccessPattern *lacking;
        if (!access_pattern_parse(json_str(scopes->items[i]), &scope)) {
            continue; /* the contract has refused it */
        }
        TRY(find_lacking(a, scope, &lacking));
        if (lacking) {
            return fail_field(a->cx, str_fmt(a->cx->arena, "/scopes/%u", i),
                              "reaches further than you do: you have %.*s:%.*s nowhere",
                              STR_ARG(lacking->resource), STR_ARG(lacking->action));
        }
    }
    return RC_OK;
}

/* ---- */

static Rc authorize_others(Asker *a,
                           const Call *call,
                           const struct AccessOperation *op,
                           const AccessSubject *owner)
{
    static const AccessPlace platform = {0};
    bool is_allowed, may_read;
    TRY(access_ask(a, op->permission, &platform, &is_allowed));
    TRY(access_ask(a, op->read, &platform, &may_read));
    bool has_id = call->op->method != HTTP_POST || call->n_path > 0;
    if (has_id && !may_read) {
        a->is_refused = owner != NULL;
        return access_not_there(a, call, op->type, "id");
    }
    if (!is_allowed) {
        return access_deny(a, call, "here");
    }
    return owner && call->op->verb != VERB_DELETE ? access_check_holds_all_of(a->cx, *owner)
                                                  : RC_OK;
}

Rc access_authorize_own(Asker *a, const Call *call, const struct AccessOperation *op)
{
    AccessSubject owner;
    bool is_found, is_denied;
    RecordVerb verb = call->op->record ? call->op->verb : VERB_NONE;
    if (verb == VERB_LIST || verb == VERB_GET || verb == VERB_HISTORY) {
        return RC_OK; /* the statements show what may be seen */
    }
    TRY(find_owner(a->cx, call, call->n_path > 0, &owner, &is_found));
    if (!is_found || !is_self(a->cx, owner)) {
        return authorize_others(a, call, op, is_found ? &owner : NULL);
    }
    TRY(access_ask_denied(a, op->permission, &is_denied));
    return is_denied ? access_deny(a, call, "here")
                     : check_scopes(a, json_get_c(call->body, "scopes"));
}
