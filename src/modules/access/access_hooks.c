/* SPDX-License-Identifier: Apache-2.0
 * What must hold when roles, bindings and teams change: nobody grants what they do not hold, what a
 * binding names is there, built-in roles stay as they are, and somebody can always administer. All
 * writers take the row of access_version first, so each decides on what the one before has left. */
#include "base/time.h"

#include "access_q_sql.h"
#include "modules/access/access_priv.h"
#include "modules/organizations/organizations.h"

/* ---- nobody grants what they do not hold */

/* Does everybody that the actor is hold all that the role gives at the scope? */
static Rc check_holds(Ctx *cx, const AccessRole *role, ScopeKind kind, Str scope_id)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n_subjects = access_subjects(&cx->actor, subjects);
    AccessPattern missing = {STR("*"), STR("*")};
    AccessPlace place;
    bool is_found, is_held = n_subjects > 0;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    TRY(access_place_of_scope(cx, kind, scope_id, &place, &is_found));
    for (size_t i = 0; i < n_subjects && is_held; i++) {
        const AccessBinding *bindings;
        size_t n;
        TRY(access_load(cx, subjects[i], &bindings, &n));
        is_held = access_holds_role(bindings, n, role, kind, &place, time_now_us(), &missing);
    }
    return is_held ? RC_OK
                   : fail(cx, RC_DENIED,
                          "Nobody gives or takes what they do not hold: you do not have %.*s:%.*s "
                          "in all of that scope.",
                          STR_ARG(missing.resource), STR_ARG(missing.action));
}

static Rc check_holds_id(Ctx *cx, Str role_id, ScopeKind kind, Str scope_id)
{
    Map roles;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    TRY(access_load_roles(cx, &roles));
    const AccessRole *role = map_get(&roles, role_id);
    return role ? check_holds(cx, role, kind, scope_id) : RC_OK; /* the reference is refused */
}

/* ---- somebody can always administer */

static const AccessPattern everything = {STR_INIT("*"), STR_INIT("*")};

static Rc is_administrator(Ctx *cx, Str user_id, const AccessRole *role, bool *ret)
{
    const AccessBinding *bindings;
    AccessPattern missing;
    AccessPlace platform = {0};
    size_t n;
    TRY(access_load(cx, (AccessSubject){SUBJECT_USER, user_id}, &bindings, &n));
    /* as if the platform had nothing below: a deny in a team leaves an administrator */
    *ret =
        access_holds_role(bindings, n, role, SCOPE_ENVIRONMENT, &platform, time_now_us(), &missing);
    return RC_OK;
}

/* After a change that may have taken an administrator's rights: is there one left, without an end?
 * A deny takes nothing where nobody was one; what gave the rights is proof that somebody was. */
static Rc check_administrator_left(Ctx *cx, bool by_deny)
{
    Map roles;
    bool is_there = false, was_there = !by_deny;
    TRY(access_load_roles(cx, &roles));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &access_q_lasting_users, NO_PARAMS, &rows, &cx->error));
    while (!is_there && rows_next(rows)) {
        const AccessRole *role = map_get(&roles, rows_str(rows, 1));
        if (role && access_role_covers(role, everything)) {
            was_there = true;
            TRY(is_administrator(cx, rows_dup(rows, 0, cx->arena), role, &is_there));
        }
    }
    TRY(rows_error(rows, &cx->error));
    return is_there || !was_there
               ? RC_OK
               : fail(cx, RC_CONFLICT,
                      "This would take away the last administrator: bind a role with *:* to "
                      "somebody else on the platform first, without an end.");
}

/* ---- roles */

static bool gives_everything(Ctx *cx, const Json *role)
{
    AccessRole r = {0};
    return role && access_patterns_of(cx->arena, json_get_c(role, "permissions"), &r) &&
           access_role_covers(&r, everything);
}

static Rc check_permissions(Ctx *cx, const Json *list, AccessRole *role)
{
    for (uint32_t i = 0; i < list->n; i++) {
        Str text = json_str(list->items[i]);
        AccessPattern p;
        Str pointer = str_fmt(cx->arena, "/permissions/%u", i);
        if (!access_pattern_parse(text, &p)) {
            return fail_field(cx, pointer, "must be <Resource>:<action>, such as Service:read");
        }
        if (!access_pattern_is_known(cx->platform->contract, p)) {
            return fail_field(cx, pointer, "is needed by no operation: %.*s", STR_ARG(text));
        }
    }
    return access_patterns_of(cx->arena, list, role)
               ? RC_OK
               : fail_field(cx, STR("/permissions"), "must be a list");
}

static Rc role_prepare(Ctx *cx, RecordChange *change)
{
    AccessRole role = {0};
    if (json_bool(json_get_c(change->before, "built_in"), false)) {
        return fail(cx, RC_CONFLICT,
                    "The role %.*s comes with the server and cannot be changed; make another one.",
                    STR_ARG(json_str_at(change->before, "name")));
    }
    if (!change->after) {
        return RC_OK;
    }
    json_set_c(cx->arena, change->after, "built_in", json_bool_new(cx->arena, false));
    TRY(check_permissions(cx, json_get_c(change->after, "permissions"), &role));
    return check_holds(cx, &role, SCOPE_PLATFORM, STR_EMPTY);
}

static Rc role_written(Ctx *cx, const RecordChange *change)
{
    return gives_everything(cx, change->before) && !gives_everything(cx, change->after)
               ? check_administrator_left(cx, false)
               : RC_OK;
}

Rc access_make_administrator(Ctx *cx, Str user_id)
{
    Str role_id;
    Json *binding = json_object(cx->arena);
    int64_t n;
    TRY(tx_one_str(cx->tx, &access_q_admin_role, NO_PARAMS, cx->arena, &role_id, &cx->error));
    TRY(tx_one_i64(cx->tx, &access_q_is_bound, PARAMS(P_STR(user_id), P_STR(role_id)), &n,
                   &cx->error));
    if (n > 0) { /* a server that starts anew before its link was followed */
        return RC_OK;
    }
    json_set_str(cx->arena, binding, "subject_kind", str_from(subject_kind_names[SUBJECT_USER]));
    json_set_str(cx->arena, binding, "subject_id", user_id);
    json_set_str(cx->arena, binding, "role_id", role_id);
    json_set_str(cx->arena, binding, "scope_kind", str_from(scope_kind_names[SCOPE_PLATFORM]));
    json_set_str(cx->arena, binding, "effect", STR("allow"));
    json_set_str(cx->arena, binding, "description", STR("The first user of the server."));
    return record_create(cx, "RoleBinding", binding, NULL);
}

/* ---- bindings */

static Rc check_exists(Ctx *cx, const char *field, const Query *query, Str kind, Str id)
{
    int64_t n;
    TRY(tx_one_i64(cx->tx, query, PARAMS(P_STR(kind), P_STR(str_lower(cx->arena, id))), &n,
                   &cx->error));
    return n > 0 ? RC_OK
                 : fail_field(cx, str_from(field), "must be the id of an existing %.*s",
                              STR_ARG(str_replace(cx->arena, kind, STR("_"), STR(" "))));
}

static Rc check_scope(Ctx *cx, const Json *binding)
{
    Str kind = json_str_at(binding, "scope_kind"), id = json_str_at(binding, "scope_id");
    if (str_is(kind, scope_kind_names[SCOPE_PLATFORM])) {
        return id.len == 0
                   ? RC_OK
                   : fail_field(cx, STR("/scope_id"), "must be left out: there is one platform");
    }
    if (id.len == 0) {
        return fail_field(cx, STR("/scope_id"), "is required: the id of the %.*s", STR_ARG(kind));
    }
    return check_exists(cx, "/scope_id", &access_q_scope_exists, kind, id);
}

static bool is_deny(const Json *binding)
{
    return str_is(json_str_at(binding, "effect"), "deny");
}

static Rc check_new_binding(Ctx *cx, const Json *binding)
{
    Str expires = json_str_at(binding, "expires_at");
    int64_t at;
    if (str_is(json_str_at(binding, "subject_kind"), subject_kind_names[SUBJECT_API_KEY]) &&
        !is_deny(binding)) {
        return fail_field(
            cx, STR("/effect"),
            "must be deny: an API key has its owner's rights within its scopes, and can "
            "only have less");
    }
    TRY(check_scope(cx, binding));
    TRY(check_exists(cx, "/subject_id", &access_q_subject_exists,
                     json_str_at(binding, "subject_kind"), json_str_at(binding, "subject_id")));
    if (expires.len > 0 && time_parse_rfc3339(expires, &at) && at <= time_now_us()) {
        return fail_field(cx, STR("/expires_at"), "must be in the future");
    }
    return RC_OK;
}

static Rc binding_prepare(Ctx *cx, RecordChange *change)
{
    const Json *binding = change->after ? change->after : change->before;
    ScopeKind kind;
    if (change->verb == VERB_CREATE) {
        TRY(check_new_binding(cx, change->after));
    }
    if (!change->after && !is_deny(binding)) {
        return RC_OK; /* taking a grant away needs no more than the right to */
    }
    if (!scope_kind_parse(json_str_at(binding, "scope_kind"), &kind)) {
        return fail_field(cx, STR("/scope_kind"), "is no level of scopes");
    }
    return check_holds_id(cx, json_str_at(binding, "role_id"), kind,
                          json_str_at(binding, "scope_id"));
}

static Rc binding_written(Ctx *cx, const RecordChange *change)
{
    const Json *binding = change->before ? change->before : change->after;
    Map roles;
    bool is_new_allow = change->verb == VERB_CREATE && !is_deny(binding);
    bool is_gone_deny = !change->after && is_deny(binding);
    if (is_new_allow || is_gone_deny) {
        return RC_OK;
    }
    bool on_platform = str_is(json_str_at(binding, "scope_kind"), "platform");
    if (is_deny(binding)) {
        return on_platform ? check_administrator_left(cx, true) : RC_OK;
    }
    TRY(access_load_roles(cx, &roles));
    const AccessRole *role = map_get(&roles, json_str_at(binding, "role_id"));
    return on_platform && role && access_role_covers(role, everything)
               ? check_administrator_left(cx, false)
               : RC_OK;
}

/* ---- teams and who is in them */

/* The bindings of a team that somebody gets, or is rid of. */
static Rc check_holds_team(Ctx *cx, Str team_id, bool denies)
{
    const AccessBinding *bindings;
    size_t n;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    TRY(access_load(cx, (AccessSubject){SUBJECT_TEAM, team_id}, &bindings, &n));
    for (size_t i = 0; i < n; i++) {
        if (bindings[i].is_deny == denies) {
            TRY(check_holds(cx, bindings[i].role, bindings[i].scope_kind, bindings[i].scope_id));
        }
    }
    return RC_OK;
}

Rc access_check_holds_all_of(Ctx *cx, AccessSubject subject)
{
    const AccessBinding *bindings;
    size_t n;
    TRY(access_load(cx, subject, &bindings, &n));
    for (size_t i = 0; i < n; i++) {
        if (!bindings[i].is_deny) {
            TRY(check_holds(cx, bindings[i].role, bindings[i].scope_kind, bindings[i].scope_id));
        }
    }
    return RC_OK;
}

static Rc check_subject_leaves_administrator(Ctx *cx, AccessSubject subject)
{
    const AccessBinding *bindings;
    size_t n;
    TRY(access_load(cx, subject, &bindings, &n));
    for (size_t i = 0; i < n; i++) {
        const AccessBinding *b = &bindings[i];
        if (!b->is_deny && b->scope_kind == SCOPE_PLATFORM &&
            access_role_covers(b->role, everything)) {
            return check_administrator_left(cx, false);
        }
    }
    return RC_OK;
}

static Rc check_team_leaves_administrator(Ctx *cx, Str team_id)
{
    return check_subject_leaves_administrator(cx, (AccessSubject){SUBJECT_TEAM, team_id});
}

static Rc membership_prepare(Ctx *cx, RecordChange *change)
{
    const Json *membership = change->after ? change->after : change->before;
    Str team_id = json_str_at(membership, "team_id");
    TRY(organizations_membership_prepare(cx, change));
    if (change->verb == VERB_CREATE) {
        return check_holds_team(cx, team_id, false);
    }
    return change->after ? RC_OK : check_holds_team(cx, team_id, true);
}

static Rc membership_written(Ctx *cx, const RecordChange *change)
{
    return change->after
               ? RC_OK
               : check_team_leaves_administrator(cx, json_str_at(change->before, "team_id"));
}

/* A team that is deleted takes its members' rights with it, and gives them back when restored. */
static Rc team_prepare(Ctx *cx, RecordChange *change)
{
    if (change->verb == VERB_RESTORE) {
        return check_holds_team(cx, change->id, false);
    }
    return change->verb == VERB_DELETE ? check_holds_team(cx, change->id, true) : RC_OK;
}

static Rc team_written(Ctx *cx, const RecordChange *change)
{
    return change->verb == VERB_DELETE ? check_team_leaves_administrator(cx, change->id) : RC_OK;
}

/* ---- environments */

/* What is denied at an environment is denied by its name there: without it the deny would be gone.
 */
static Rc environment_prepare(Ctx *cx, RecordChange *change)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n_subjects = access_subjects(&cx->actor, subjects);
    if (change->verb != VERB_DELETE || access_is_free(cx)) {
        return RC_OK;
    }
    for (size_t i = 0; i < n_subjects; i++) {
        const AccessBinding *bindings;
        size_t n;
        TRY(access_load(cx, subjects[i], &bindings, &n));
        for (size_t k = 0; k < n; k++) {
            if (bindings[k].is_deny && bindings[k].scope_kind == SCOPE_ENVIRONMENT &&
                str_eq(bindings[k].scope_id, change->id)) {
                return fail(cx, RC_DENIED,
                            "Nobody takes a deny away that holds for themselves: the role %.*s is "
                            "denied to you at that environment.",
                            STR_ARG(bindings[k].role->name));
            }
        }
    }
    return RC_OK;
}

Rc access_check_administrator_left(Ctx *cx, Str user_id)
{
    TRY(access_touch(cx));
    return check_subject_leaves_administrator(cx, (AccessSubject){SUBJECT_USER, user_id});
}

/* A deny may take it from one of them: they are too many, never too few, for who must be kept. */
Rc access_administrators(Ctx *cx, Map *ret)
{
    Map roles;
    *ret = map_init(cx->arena);
    TRY(access_load_roles(cx, &roles));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &access_q_lasting_users, NO_PARAMS, &rows, &cx->error));
    while (rows_next(rows)) {
        const AccessRole *role = map_get(&roles, rows_str(rows, 1));
        if (role && access_role_covers(role, everything)) {
            map_put(ret, rows_dup(rows, 0, cx->arena), ret);
        }
    }
    return rows_error(rows, &cx->error);
}

const RecordHooks access_team_hooks = {
    .record = "Team", .lock = access_touch, .prepare = team_prepare, .written = team_written};
const RecordHooks access_membership_hooks = {.record = "TeamMembership",
                                             .lock = access_touch,
                                             .prepare = membership_prepare,
                                             .written = membership_written};

/* Aligned columns would be wider than any screen. */
/* clang-format off */
const RecordHooks access_hooks[ACCESS_HOOKS] = {
    {.record = "Role", .lock = access_touch, .prepare = role_prepare, .written = role_written},
    {.record = "RoleBinding",
     .lock = access_touch,
     .prepare = binding_prepare,
     .written = binding_written},
    {.record = "TeamMembership",
     .lock = access_touch,
     .prepare = membership_prepare,
     .written = membership_written},
    {.record = "Team", .lock = access_touch, .prepare = team_prepare, .written = team_written},
    {.record = "Environment", .prepare = environment_prepare},
};
/* clang-format on */
