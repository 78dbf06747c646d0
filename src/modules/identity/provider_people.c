/* SPDX-License-Identifier: Apache-2.0
 * Who the person of a provider is here. The pair of issuer and subject decides. An address decides
 * only once, when the provider has verified it and is trusted with its domain: else whoever may
 * choose an address there would become its owner here. */
#include "base/log.h"

#include "identity_q_sql.h"
#include "modules/identity/providers.h"
#include "platform/audit/audit.h"

enum {
    NAME_MAX_BYTES = 100,
    EMAIL_MAX = 254,
    LOCAL_PART_MAX = 64,
    AVATAR_MAX = 2000,
    LABEL_MAX = 254
};

bool provider_trusts(const Json *domains, Str email)
{
    size_t at = str_rfind_char(email, '@');
    Str domain = at == SIZE_MAX ? STR_EMPTY : str_from_index(email, at + 1);
    for (uint32_t i = 0; json_is(domains, JSON_ARRAY) && domain.len > 0 && i < domains->n; i++) {
        Str trusted = json_str(domains->items[i]);
        if (str_is(trusted, "*") || str_eq_nocase(trusted, domain)) {
            return true;
        }
    }
    return false;
}

/* ---- rows */

Rc identity_user_of_email(Ctx *cx, Str email, Str *ret_id, Str *ret_name, Str *ret_status)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str lower = str_lower_utf8(cx->arena, email);
    TRY(tx_query(cx->tx, &identity_q_user_by_email, PARAMS(P_STR(lower)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret_id = rows_dup(rows, 0, cx->arena);
    *ret_name = rows_dup(rows, 1, cx->arena);
    *ret_status = rows_dup(rows, 2, cx->arena);
    return RC_OK;
}

typedef struct Linked {
    Str user_id, name, status; /* status "": the user is deleted */
} Linked;

/* RC_NOT_FOUND: nobody. */
static Rc find_linked(Ctx *cx, const ProviderPerson *person, Linked *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_user_by_identity,
                 PARAMS(P_STR(person->issuer), P_STR(person->subject)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    ret->user_id = rows_dup(rows, 0, cx->arena);
    ret->name = rows_dup(rows, 1, cx->arena);
    ret->status = rows_dup(rows, 2, cx->arena);
    return RC_OK;
}

/* A new link, or the one there is, used now. */
static Rc put_identity(ProviderCall *pc, const ProviderPerson *person, Str user_id)
{
    Ctx *cx = pc->cx;
    Uuid id = uuid_v7();
    int64_t changed = 0;
    Str label = identity_plain_text(person->label, LABEL_MAX);
    TRY(tx_exec(cx->tx, &identity_q_identity_put,
                PARAMS(P_STR(uuid_str(&id)), P_STR(user_id), P_STR(person->issuer),
                       P_STR(person->subject), P_STR(pc->provider->id), P_STR_OR_NULL(label),
                       P_I64(time_now_us())),
                &changed, &cx->error));
    /* somebody else has linked it since it was looked for */
    return changed > 0 ? RC_OK : provider_fail(pc, PROVIDER_TAKEN, "linked to somebody else");
}

static Rc write_linked(ProviderCall *pc, const ProviderPerson *person, Str user_id, const char *how)
{
    Ctx *cx = pc->cx;
    Json *what = json_object(cx->arena);
    json_set_str(cx->arena, what, "provider", pc->provider->id);
    json_set_str(cx->arena, what, "issuer", person->issuer);
    json_set_str(cx->arena, what, "subject", person->subject);
    json_set_str(cx->arena, what, "by", str_from(how));
    return audit_write(cx, "auth.identity_linked", "User", user_id, NULL, what);
}

/* An account that was here before can be entered another way now: its owner is told. */
static Rc note_linked(ProviderCall *pc, const ProviderPerson *person, Str user_id, const char *how)
{
    TRY(write_linked(pc, person, user_id, how));
    return identity_notice_security(pc->cx, user_id, "auth.identity_linked", pc->provider->title);
}

/* ---- new people */

/* As the contract has it for users. */
static bool is_address(Str email)
{
    size_t at = str_find_char(email, '@');
    for (size_t i = 0; i < email.len; i++) {
        if ((unsigned char)email.ptr[i] <= ' ' || email.ptr[i] == 0x7f) {
            return false;
        }
    }
    return email.len <= EMAIL_MAX && at != SIZE_MAX && at > 0 && at <= LOCAL_PART_MAX &&
           at + 1 < email.len && at == str_rfind_char(email, '@');
}

static Rc sign_up(ProviderCall *pc, const ProviderPerson *person, Str *ret_id, Str *ret_name)
{
    Ctx *cx = pc->cx;
    Json *values = json_object(cx->arena), *user;
    Str name = str_trim(identity_plain_text(person->name, NAME_MAX_BYTES));
    if (name.len == 0) {
        name = str_sub(person->email, 0, str_find_char(person->email, '@'));
    }
    json_set_str(cx->arena, values, "email", person->email);
    json_set_str(cx->arena, values, "name", name);
    json_set_str(cx->arena, values, "status", STR("active"));
    if (str_starts(person->avatar_url, STR("https://")) && person->avatar_url.len <= AVATAR_MAX) {
        json_set_str(cx->arena, values, "avatar_url", person->avatar_url);
    }
    Rc rc = record_create(cx, "User", values, &user);
    if (rc == RC_INVALID) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "a name or address that cannot be kept");
    }
    TRY(rc);
    *ret_id = json_str_at(user, "id");
    *ret_name = name;
    return write_linked(pc, person, *ret_id, "sign-up");
}

/* Who was invited has come; the link of the invitation is not needed any more. */
static Rc activate(Ctx *cx, Str user_id)
{
    Json *patch = json_object(cx->arena);
    json_set_str(cx->arena, patch, "status", STR("active"));
    TRY(tx_exec(cx->tx, &identity_q_one_time_forget, PARAMS(P_STR(user_id), P_I64(time_now_us())),
                NULL, &cx->error));
    return record_patch(cx, "User", user_id, patch, NULL);
}

/* By the address, or anew. */
static Rc first_time(ProviderCall *pc, const ProviderPerson *person, Str *ret_id, Str *ret_name)
{
    const Provider *p = pc->provider;
    Ctx *cx = pc->cx;
    Str status = STR_EMPTY;
    bool has_address = person->email_is_verified && is_address(person->email);
    Rc rc = has_address ? identity_user_of_email(cx, person->email, ret_id, ret_name, &status)
                        : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        if (!p->sign_up) {
            return provider_fail(pc, PROVIDER_UNKNOWN, "linked to nobody");
        }
        return has_address ? sign_up(pc, person, ret_id, ret_name)
                           : provider_fail(pc, PROVIDER_NO_ADDRESS, "no verified address");
    }
    TRY(rc);
    if (!provider_trusts(p->trusted_domains, person->email)) {
        return provider_fail(pc, PROVIDER_UNKNOWN, "not trusted with the domain of the address");
    }
    if (str_is(status, "deactivated")) {
        return provider_fail(pc, PROVIDER_DEACTIVATED, "deactivated");
    }
    if (str_is(status, "invited")) {
        TRY(activate(cx, *ret_id));
    }
    return note_linked(pc, person, *ret_id, "address");
}

Rc provider_user(ProviderCall *pc, const ProviderPerson *person, Str *ret_id, Str *ret_name)
{
    Linked linked;
    Rc rc = find_linked(pc->cx, person, &linked);
    if (rc == RC_OK) {
        if (!str_is(linked.status, "active")) {
            return provider_fail(pc, PROVIDER_DEACTIVATED, "deactivated");
        }
        *ret_id = linked.user_id;
        *ret_name = linked.name;
    } else if (rc == RC_NOT_FOUND) {
        error_clear(&pc->cx->error);
        TRY(first_time(pc, person, ret_id, ret_name));
    } else {
        return rc;
    }
    return put_identity(pc, person, *ret_id);
}

Rc provider_link(ProviderCall *pc, const ProviderPerson *person, Str user_id)
{
    Ctx *cx = pc->cx;
    Linked linked = {0};
    Json *user;
    Rc rc = find_linked(cx, person, &linked);
    if (rc == RC_OK && !str_eq(linked.user_id, user_id)) {
        return provider_fail(pc, PROVIDER_TAKEN, "linked to somebody else");
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&cx->error);
    TRY(record_get(cx, "User", user_id, &user));
    if (!str_is(json_str_at(user, "status"), "active")) {
        return provider_fail(pc, PROVIDER_DEACTIVATED, "deactivated");
    }
    TRY(put_identity(pc, person, user_id));
    return rc == RC_OK ? RC_OK : note_linked(pc, person, user_id, "its owner");
}
