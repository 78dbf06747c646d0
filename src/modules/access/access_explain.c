/* SPDX-License-Identifier: Apache-2.0
 * The module's row, and why something is or is not allowed. */
#include "base/time.h"

#include "contract_handlers.h"
#include "modules/access/access_priv.h"
#include "platform/personal/personal.h"

typedef struct Question {
    Ctx *cx;
    AccessPattern permission;
    ScopeKind scope_kind;
    Str scope_id;
    AccessPlace place;
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n_subjects;
} Question;

typedef struct Answer {
    bool is_allowed;
    AccessWhy why;
    Str reason;
} Answer;

static Json *scope_json(Arena *arena, ScopeKind kind, Str id)
{
    Json *scope = json_object(arena);
    json_set_str(arena, scope, "kind", str_from(scope_kind_names[kind]));
    if (kind != SCOPE_PLATFORM) {
        json_set_str(arena, scope, "id", id);
    }
    return scope;
}

static Json *rule_json(Arena *arena, const AccessWhy *why)
{
    const AccessBinding *b = why->binding;
    if (!b) {
        return json_null(arena);
    }
    Json *rule = json_object(arena), *subject = json_object(arena);
    json_set_str(arena, rule, "binding_id", b->id);
    json_set_str(arena, rule, "role", b->role->name);
    json_set_str(arena, rule, "pattern",
                 str_fmt(arena, "%.*s:%.*s", STR_ARG(why->pattern->resource),
                         STR_ARG(why->pattern->action)));
    json_set_str(arena, rule, "effect", b->is_deny ? STR("deny") : STR("allow"));
    json_set_str(arena, subject, "kind", str_from(subject_kind_names[b->subject_kind]));
    json_set_str(arena, subject, "id", b->subject_id);
    json_set_c(arena, rule, "subject", subject);
    json_set_c(arena, rule, "scope", scope_json(arena, b->scope_kind, b->scope_id));
    return rule;
}

/* Where a binding would help, nearest first, and the roles it could be of. */
static Rc needed_json(const Question *q, Str permission, Json **ret)
{
    Arena *arena = q->cx->arena;
    Json *needed = json_object(arena), *scopes = json_array(arena), *names = json_array(arena);
    Map roles;
    for (size_t k = SCOPE_KINDS; k-- > 0;) {
        if (k == SCOPE_PLATFORM || q->place.ids[k].len > 0) {
            json_push(arena, scopes, scope_json(arena, (ScopeKind)k, q->place.ids[k]));
        }
    }
    TRY(access_load_roles(q->cx, &roles));
    for (const MapEntry *e = map_first(&roles); e; e = map_next(&roles, e)) {
        const AccessRole *role = e->value;
        if (access_role_covers(role, q->permission)) {
            json_push(arena, names, json_string(arena, role->name));
        }
    }
    json_set_str(arena, needed, "permission", permission);
    json_set_c(arena, needed, "scopes", scopes);
    json_set_c(arena, needed, "roles", names);
    *ret = needed;
    return RC_OK;
}

/* ---- the question */

static Rc read_subject(Ctx *cx, const Json *subject, Question *q)
{
    if (!subject) {
        q->n_subjects = access_subjects(&cx->actor, q->subjects);
        return RC_OK;
    }
    AccessSubject *s = &q->subjects[0];
    s->id = str_lower(cx->arena, json_str_at(subject, "id"));
    if (!subject_kind_parse(json_str_at(subject, "kind"), &s->kind)) {
        return fail_field(cx, STR("/subject/kind"), "is no kind of subject");
    }
    q->n_subjects = 1;
    return access_check(cx, STR("read"), STR("RoleBinding"),
                        str_from(scope_kind_names[q->scope_kind]), q->scope_id);
}

/* Of what is deployed there. */
static Rc read_environment(Ctx *cx, const Json *id, Question *q)
{
    AccessPlace place;
    bool is_found;
    if (!id) {
        return RC_OK;
    }
    if (q->scope_kind != SCOPE_SERVICE) {
        return fail_field(cx, STR("/environment_id"), "goes with the scope of a service");
    }
    TRY(access_place_of_scope(cx, SCOPE_ENVIRONMENT, json_str(id), &place, &is_found));
    if (!is_found || !str_eq(place.ids[SCOPE_ORGANIZATION], q->place.ids[SCOPE_ORGANIZATION])) {
        return fail_field(cx, STR("/environment_id"),
                          "must be the id of an environment of the service's organization");
    }
    q->place.ids[SCOPE_ENVIRONMENT] = place.ids[SCOPE_ENVIRONMENT];
    return RC_OK;
}

static Rc read_question(Ctx *cx, const Call *call, Question *q)
{
    const Json *scope = json_get_c(call->body, "scope");
    bool is_found;
    q->permission =
        (AccessPattern){json_str_at(call->body, "on"), json_str_at(call->body, "action")};
    q->scope_id = str_lower(cx->arena, json_str_at(scope, "id"));
    if (scope && !scope_kind_parse(json_str_at(scope, "kind"), &q->scope_kind)) {
        return fail_field(cx, STR("/scope/kind"), "is no level of scopes");
    }
    if ((q->scope_kind == SCOPE_PLATFORM) != (q->scope_id.len == 0)) {
        return fail_field(cx, STR("/scope/id"),
                          q->scope_kind == SCOPE_PLATFORM
                              ? "must be left out: there is one platform"
                              : "is required");
    }
    if (!access_pattern_is_known(cx->platform->contract, q->permission)) {
        return fail(cx, RC_INVALID, "No operation needs the permission %.*s:%.*s.",
                    STR_ARG(q->permission.resource), STR_ARG(q->permission.action));
    }
    TRY(access_place_of_scope(cx, q->scope_kind, q->scope_id, &q->place, &is_found));
    TRY(is_found ? read_environment(cx, json_get_c(call->body, "environment_id"), q) : RC_OK);
    TRY(read_subject(cx, json_get_c(call->body, "subject"), q));
    return is_found ? RC_OK
                    : fail_field(cx, STR("/scope/id"), "must be the id of an existing %s",
                                 scope_kind_names[q->scope_kind]);
}

/* ---- the decision */

static Rc decide(const Question *q, Answer *ret)
{
    AccessBuiltIns built_ins;
    *ret = (Answer){0};
    TRY(access_built_ins(q->cx->arena, &built_ins, &q->cx->error));
    if (!access_catalog(q->cx->platform) && q->n_subjects == 0) {
        *ret = (Answer){.is_allowed = true, .reason = STR("This server asks nobody for rights.")};
        return RC_OK;
    }
    if (access_role_covers(&built_ins.everyone, q->permission)) {
        *ret = (Answer){.is_allowed = true, .reason = STR("Whoever has signed in may do it.")};
        return RC_OK;
    }
    for (size_t i = 0; i < q->n_subjects; i++) {
        const AccessBinding *bindings;
        size_t n;
        TRY(access_load(q->cx, q->subjects[i], &bindings, &n));
        ret->is_allowed =
            access_decide(bindings, n, q->permission, &q->place, time_now_us(), &ret->why);
        if (!ret->is_allowed) { /* the key, or its owner, is what refuses */
            return RC_OK;
        }
    }
    return RC_OK;
}

static Str reason_of(Arena *arena, const Answer *a, Str permission)
{
    const AccessBinding *b = a->why.binding;
    if (a->reason.len > 0) {
        return a->reason;
    }
    return b ? str_fmt(arena, "The role %.*s of a binding at the %s %s it.", STR_ARG(b->role->name),
                       scope_kind_names[b->scope_kind], b->is_deny ? "denies" : "allows")
             : str_fmt(arena, "No binding gives %.*s here.", STR_ARG(permission));
}

Rc authz_explain(Ctx *cx, Call *call)
{
    Question q = {.cx = cx};
    Answer a;
    Json *needed = json_null(cx->arena), *out = json_object(cx->arena);
    TRY(ctx_read(cx));
    TRY(read_question(cx, call, &q));
    TRY(decide(&q, &a));
    Str permission = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(q.permission.resource),
                             STR_ARG(q.permission.action));
    if (!a.is_allowed) {
        TRY(needed_json(&q, permission, &needed));
    }
    json_set_str(cx->arena, out, "decision", a.is_allowed ? STR("allow") : STR("deny"));
    json_set_str(cx->arena, out, "permission", permission);
    json_set_str(cx->arena, out, "reason", reason_of(cx->arena, &a, permission));
    json_set_c(cx->arena, out, "rule", rule_json(cx->arena, &a.why));
    json_set_c(cx->arena, out, "needed", needed);
    reply_json_tree(cx, call, 200, out);
    return RC_OK;
}

static const PersonalTable personal[] = {
    {.name = "role_bindings",
     .table = "role_bindings",
     .owner = "subject_id",
     .where = "subject_kind = 'user'",
     .columns = "id, role_id, scope_kind, scope_id, effect, created_at, expires_at"},
};

const Module access_module = {
    .name = "access",
    .title = "Access",
    .requires = "organizations",
    .hooks = access_hooks,
    .n_hooks = ACCESS_HOOKS,
    .personal = personal,
    .n_personal = ARRAY_LEN(personal),
    .start = access_sync_roles,
};
