/* SPDX-License-Identifier: Apache-2.0
 * May the actor? Of the operation's permission at the place of what it is about, answered from
 * memory and one indexed query at most.
 *
 * What reads records (list, get, history) is let through when its permission is held anywhere: the
 * statements themselves carry which rows it may see (access_visible.c). Elsewhere what cannot be
 * seen is answered like what is not there, so that ids cannot be tried out; to somebody who can
 * read no such thing anywhere both are a 403. */
#include "base/log.h"

#include "access_q_sql.h"
#include "modules/access/access_priv.h"

typedef struct Ask {
    size_t permission;
    const AccessPlace *place; /* NULL: anywhere */
    bool is_allowed;
    bool is_denied; /* on the platform */
} Ask;

static void answer(void *user, const AccessGrants *grants)
{
    Ask *q = user;
    q->is_allowed = q->place ? access_grants_allow(grants, q->permission, q->place)
                             : access_grants_anywhere(grants, q->permission);
    q->is_denied = access_grants_deny(grants, q->permission);
}

/* Everybody the actor is must be allowed to: the owner, and the key. */
Rc access_ask(Asker *a, size_t permission, const AccessPlace *place, bool *ret)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&a->cx->actor, subjects);
    Ask q = {.permission = permission, .place = place};
    *ret = false;
    if (permission == ACCESS_NONE || n == 0) {
        return RC_OK;
    }
    if (access_bit(&a->catalog->everyone, permission)) {
        *ret = true;
        return RC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(access_use_grants(a->cx, subjects[i], answer, &q));
        if (!q.is_allowed) {
            return RC_OK;
        }
    }
    *ret = true;
    return RC_OK;
}

Rc access_ask_denied(Asker *a, size_t permission, bool *ret)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&a->cx->actor, subjects);
    Ask q = {.permission = permission};
    *ret = permission == ACCESS_NONE || n == 0;
    for (size_t i = 0; i < n && !*ret; i++) {
        TRY(access_use_grants(a->cx, subjects[i], answer, &q));
        *ret = q.is_denied;
    }
    return RC_OK;
}

/* ---- refusals */

static const char here[] = "here", elsewhere[] = "where it would move the thing to";

Rc access_deny(Asker *a, const Call *call, const char *where)
{
    const Operation *op = call->op;
    a->is_refused = true;
    log_warn("access.denied", F_STR("operation", op->id), F_STR("action", op->action),
             F_STR("on", op->on), F_STR("actor", a->cx->actor.id),
             F_STR("request_id", a->cx->request_id));
    return fail(a->cx, RC_DENIED, "This needs the permission %.*s:%.*s, which you do not have %s.",
                STR_ARG(op->on), STR_ARG(op->action), where);
}

Rc access_not_there(Asker *a, const Call *call, const RecordType *type, const char *parameter)
{
    if (type && str_is(str_from(parameter), "id")) {
        return record_not_found(a->cx, type, str_lower(a->cx->arena, call_path(call, parameter)));
    }
    return fail(a->cx, RC_NOT_FOUND,
                "There is nothing under this path: its parent does not exist.");
}

/* ---- what the operation is about */

static bool has_path(const Call *call, const char *name)
{
    for (size_t i = 0; i < call->n_path; i++) {
        if (str_is(call->path[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* The path parameter that names a scope: "service_id" in /services/{service_id}/versions. */
static bool scope_in_path(const Call *call, ScopeKind *ret_kind, const char **ret_name)
{
    static const struct {
        const char *name;
        ScopeKind kind;
    } names[] = {
        {"service_id", SCOPE_SERVICE     },
        {"team_id",    SCOPE_TEAM        },
        {"org_id",     SCOPE_ORGANIZATION}
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (has_path(call, names[i].name)) {
            *ret_kind = names[i].kind;
            *ret_name = names[i].name;
            return true;
        }
    }
    return false;
}

typedef struct About {
    AccessPlace places[ACCESS_PLACES_MAX];
    size_t n;
    bool is_found;
    const char *parameter; /* of the path that names it; NULL: nothing that is there yet */
} About;

static Rc find_about(Asker *a, const Call *call, const struct AccessOperation *op, About *ret)
{
    const RecordType *type = op->type;
    ScopeKind kind;
    *ret = (About){.n = 1, .is_found = true};
    if (op->kind == PLACE_PLATFORM || op->kind == PLACE_SHARED) {
        return RC_OK;
    }
    if (has_path(call, "id")) {
        ret->parameter = "id";
        return access_place_of_record(a->cx, type, call_path(call, "id"), &ret->places[0],
                                      &ret->is_found);
    }
    if (scope_in_path(call, &kind, &ret->parameter)) {
        TRY(access_place_of_scope(a->cx, kind, call_path(call, ret->parameter), &ret->places[0],
                                  &ret->is_found));
        const Json *environment = json_get_c(call->body, "environment");
        return op->in_environment && environment
                   ? access_place_into_environment(a->cx, json_str(environment), &ret->places[0])
                   : RC_OK;
    }
    TRY(access_places_of_values(a->cx, type, call->body, ret->places, &ret->n));
    ret->n = MAX(ret->n, (size_t)1); /* what does not say lies in the platform */
    return RC_OK;
}

static Rc
ask_all(Asker *a, size_t permission, const AccessPlace *places, size_t n, bool *ret_allowed)
{
    *ret_allowed = true;
    for (size_t i = 0; i < n && *ret_allowed; i++) {
        TRY(access_ask(a, permission, &places[i], ret_allowed));
    }
    return RC_OK;
}

/* A change that puts the record elsewhere needs the permission there, too. */
static Rc
check_target(Asker *a, const Call *call, const struct AccessOperation *op, const AccessPlace *about)
{
    AccessPlace places[ACCESS_PLACES_MAX];
    const Json *environment = json_get_c(call->body, "environment");
    size_t n;
    bool is_allowed;
    if (!call->op->record || (call->op->verb != VERB_PATCH && call->op->verb != VERB_REPLACE)) {
        return RC_OK;
    }
    TRY(access_places_of_values(a->cx, op->type, call->body, places, &n));
    if (op->in_environment && environment) { /* of the same service, which cannot change */
        places[0] = *about;
        n = 1;
        TRY(access_place_into_environment(a->cx, json_str(environment), &places[0]));
    }
    TRY(ask_all(a, op->permission, places, n, &is_allowed));
    return is_allowed ? RC_OK : access_deny(a, call, elsewhere);
}

/* Which rows it reads is decided by the statements. */
static bool is_filtered(const Call *call, PlaceKind kind)
{
    RecordVerb verb = call->op->verb;
    if (!call->op->record || kind == PLACE_PLATFORM) {
        return false;
    }
    /* a list below something hidden must not be an empty list */
    return verb == VERB_GET || verb == VERB_HISTORY || (verb == VERB_LIST && call->n_path == 0);
}

/* The list of a service for somebody who has the permission in an environment of its organization:
 * its statement shows them what is there. */
static Rc ask_environments(Asker *a, const Call *call, size_t permission, About *about, bool *ret)
{
    Ctx *cx = a->cx;
    AccessPlace place = about->places[0];
    Str org = place.ids[SCOPE_ORGANIZATION];
    *ret = false;
    if (call->op->verb != VERB_LIST || !about->is_found || org.len == 0) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &access_q_environments_of, PARAMS(P_STR(org)), &rows, &cx->error));
    while (!*ret && rows_next(rows)) {
        place.ids[SCOPE_ENVIRONMENT] = rows_dup(rows, 0, cx->arena);
        TRY(access_ask(a, permission, &place, ret));
    }
    return rows_error(rows, &cx->error);
}

static Rc authorize(Asker *a, const Call *call, const struct AccessOperation *op)
{
    bool is_allowed, may_read = false, may_see = false;
    About about;
    if (op->kind == PLACE_OWN) {
        return access_authorize_own(a, call, op);
    }
    if (op->reads_owned || is_filtered(call, op->kind)) {
        TRY(access_ask(a, op->permission, NULL, &is_allowed));
        return is_allowed ? RC_OK : access_deny(a, call, here);
    }
    TRY(find_about(a, call, op, &about));
    TRY(ask_all(a, op->permission, about.places, about.n, &is_allowed));
    if (!is_allowed && op->in_environment) {
        TRY(ask_environments(a, call, op->permission, &about, &is_allowed));
    }
    if (is_allowed && about.is_found) {
        return check_target(a, call, op, &about.places[0]);
    }
    if (!about.parameter) {
        return access_deny(a, call, here);
    }
    if (!str_is(str_from(about.parameter), "id")) { /* the parent is not in what a body names */
        about.places[0].ids[SCOPE_ENVIRONMENT] = STR_EMPTY;
    }
    TRY(access_ask(a, op->read, NULL, &may_read));
    TRY(ask_all(a, op->read, about.places, about.n, &may_see));
    if (may_read && !(about.is_found && may_see)) {
        a->is_refused = about.is_found;
        return access_not_there(a, call, op->type, about.parameter);
    }
    return access_deny(a, call, here);
}

Rc access_authorize(Ctx *cx, Call *call)
{
    Asker a = {.cx = cx, .catalog = access_catalog(cx->platform)};
    if (cx->actor.kind == ACTOR_SYSTEM) {
        return RC_OK;
    }
    if (!a.catalog) { /* a server that asks for credentials always enforces */
        return fail(cx, RC_DENIED, "The server is not ready to decide on permissions.");
    }
    Rc rc = authorize(&a, call, &a.catalog->operations[call->op->index]);
    call->is_refused = a.is_refused;
    return rc;
}

Rc access_check(Ctx *cx, Str action, Str resource, Str scope_kind, Str scope_id)
{
    Asker a = {.cx = cx, .catalog = access_catalog(cx->platform)};
    ScopeKind kind;
    AccessPlace place;
    bool is_found, is_allowed;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    ASSERT(scope_kind_parse(scope_kind, &kind));
    TRY(access_place_of_scope(cx, kind, scope_id, &place, &is_found));
    TRY(access_ask(&a, access_permission(a.catalog, resource, action), &place, &is_allowed));
    return is_allowed && is_found
               ? RC_OK
               : fail(cx, RC_DENIED,
                      "This needs the permission %.*s:%.*s, which you do not have here.",
                      STR_ARG(resource), STR_ARG(action));
}
