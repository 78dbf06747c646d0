/* SPDX-License-Identifier: Apache-2.0
 * The module's row, and what changes of users, teams and memberships mean for their entities.
 *
 * The hooks stand in the place of those of identity and access, whose part they call first. After
 * each change the entities say the same as the records; what a source of the catalog says is
 * changed there, and refused here. */
#include "modules/people/people.h"

#include "modules/access/access.h"
#include "modules/catalog/catalog.h"
#include "modules/identity/identity.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"

/* ---- what a source owns */

static bool differs(const Json *before, const Json *after, const char *member)
{
    const Json *a = json_get_c(before, member), *b = json_get_c(after, member);
    bool has_a = a && a->type != JSON_NULL, has_b = b && b->type != JSON_NULL;
    return has_a != has_b || (has_a && !json_equal(a, b));
}

static Rc check_owned(Ctx *cx, const RecordChange *change, const char *const *fields, size_t n)
{
    Str source = json_str_at(change->before, "source");
    if (source.len == 0) {
        return RC_OK;
    }
    if (change->verb == VERB_DELETE) {
        return fail(cx, RC_CONFLICT,
                    "%.*s is managed by %.*s: remove it there, or unregister that location first.",
                    STR_ARG(json_str_at(change->before, "entity_ref")), STR_ARG(source));
    }
    for (size_t i = 0; i < n; i++) {
        if (differs(change->before, change->after, fields[i])) {
            error_field(&cx->error, str_fmt(cx->arena, "/%s", fields[i]), "comes from the source");
            return fail(cx, RC_CONFLICT, "%.*s is managed by %.*s: change %s there.",
                        STR_ARG(json_str_at(change->before, "entity_ref")), STR_ARG(source),
                        fields[i]);
        }
    }
    return RC_OK;
}

static Strs one(Ctx *cx, Str id)
{
    Strs list = {.arena = cx->arena};
    VEC_PUSH(&list, id);
    return list;
}

static Rc lock(Ctx *cx)
{
    TRY(catalog_lock(cx)); /* before access: in the order in which the catalog's reads take them */
    return access_touch(cx);
}

static bool is_gone(const RecordChange *change)
{
    return change->verb == VERB_DELETE;
}

static bool is_new(const RecordChange *change)
{
    return change->verb == VERB_CREATE || change->verb == VERB_RESTORE;
}

/* ---- users */

static const char *const user_fields[] = {"email", "name", "avatar_url"};

static Rc user_prepare(Ctx *cx, RecordChange *change)
{
    Str ref;
    TRY(identity_user_hooks.prepare(cx, change));
    TRY(check_owned(cx, change, user_fields, ARRAY_LEN(user_fields)));
    if (change->verb != VERB_DELETE && json_str_at(change->before, "erased_at").len > 0) {
        return fail(cx, RC_CONFLICT, "The user was erased; that cannot be undone.");
    }
    if (change->verb != VERB_CREATE) {
        return RC_OK;
    }
    ref = str_lower(cx->arena, json_str_at(change->after, "entity_ref"));
    if (ref.len > 0) {
        TRY(people_check_ref_free(cx, ref));
    } else {
        TRY(people_user_ref(cx, json_str_at(change->after, "email"),
                            json_str_at(change->after, "name"), &ref));
    }
    json_set_str(cx->arena, change->after, "entity_ref", ref);
    return RC_OK;
}

static bool may_call(const Json *user)
{
    return user && !str_is(json_str_at(user, "status"), "deactivated") &&
           json_str_at(user, "deleted_at").len == 0;
}

/* Groups made here name members that cannot name the group themselves. */
static Rc write_teams_of(Ctx *cx, Str user_id)
{
    Strs ids = one(cx, user_id), teams;
    TRY(people_read_column(cx, &people_q_own_teams, PARAMS(P_STR(people_list(cx->arena, &ids))),
                           &teams));
    return people_write_teams(cx, &teams);
}

static Rc write_user(Ctx *cx, const RecordChange *change)
{
    Strs ids = one(cx, change->id);
    Str ref = json_str_at(change->before, "entity_ref");
    if (is_gone(change)) {
        TRY(catalog_remove_own(cx, &ref, ref.len ? 1 : 0));
        return write_teams_of(cx, change->id);
    }
    for (size_t i = 0; i < ARRAY_LEN(user_fields); i++) {
        if (is_new(change) || differs(change->before, change->after, user_fields[i])) {
            return people_write_users(cx, &ids);
        }
    }
    return RC_OK;
}

static Rc user_written(Ctx *cx, const RecordChange *change)
{
    TRY(identity_user_hooks.written(cx, change));
    if (may_call(change->before) && !may_call(change->after)) {
        TRY(access_check_administrator_left(cx, change->id));
    } else {
        TRY(tx_exec(cx->tx, &people_q_user_returned, PARAMS(P_STR(change->id)), NULL, &cx->error));
    }
    if (json_str_at(change->before ? change->before : change->after, "source").len > 0) {
        return RC_OK;
    }
    if (change->before && differs(change->before, change->after, "email")) {
        TRY(tx_exec(cx->tx, &people_q_claim_forget, PARAMS(P_STR(change->id)), NULL, &cx->error));
        TRY(people_assign_emails(cx));
    }
    return write_user(cx, change);
}

/* ---- teams */

static const char *const team_fields[] = {"name", "description", "parent_id"};

static Rc check_parent(Ctx *cx, const RecordChange *change)
{
    Str parent = str_lower(cx->arena, json_str_at(change->after, "parent_id"));
    int64_t n = 0;
    if (parent.len == 0 || !differs(change->before, change->after, "parent_id")) {
        return RC_OK;
    }
    if (change->before) {
        TRY(tx_one_i64(cx->tx, &people_q_ancestors, PARAMS(P_STR(parent), P_STR(change->id)), &n,
                       &cx->error));
    }
    return n > 0 || str_eq(parent, change->id)
               ? fail_field(cx, STR("/parent_id"), "must not be the team itself or one below it")
               : RC_OK;
}

static Rc team_prepare(Ctx *cx, RecordChange *change)
{
    Str ref;
    TRY(access_team_hooks.prepare(cx, change));
    TRY(check_owned(cx, change, team_fields, ARRAY_LEN(team_fields)));
    if (change->verb == VERB_DELETE) {
        return RC_OK;
    }
    TRY(check_parent(cx, change));
    if (change->verb == VERB_CREATE) {
        TRY(people_team_ref(cx, json_str_at(change->after, "slug"),
                            str_lower(cx->arena, json_str_at(change->after, "org_id")), &ref));
        json_set_str(cx->arena, change->after, "entity_ref", ref);
    }
    return RC_OK;
}

/* The team's own entity, and those that name it: members that were made here, and children. */
static Rc write_team(Ctx *cx, const RecordChange *change)
{
    Strs ids = one(cx, change->id), members, children;
    Str ref = json_str_at(change->before, "entity_ref");
    if (!is_gone(change) && !is_new(change)) {
        return people_write_teams(cx, &ids);
    }
    TRY(people_read_column(cx, &people_q_own_members, PARAMS(P_STR(change->id)), &members));
    TRY(people_read_column(cx, &people_q_own_children, PARAMS(P_STR(change->id)), &children));
    if (is_gone(change)) {
        TRY(catalog_remove_own(cx, &ref, ref.len ? 1 : 0));
        TRY(tx_exec(cx->tx, &people_q_orphan_children, PARAMS(P_STR(change->id)), NULL,
                    &cx->error));
    } else {
        TRY(people_write_teams(cx, &ids));
    }
    TRY(people_write_users(cx, &members));
    return people_write_teams(cx, &children);
}

static Rc team_written(Ctx *cx, const RecordChange *change)
{
    TRY(access_team_hooks.written(cx, change));
    return json_str_at(change->before ? change->before : change->after, "source").len > 0
               ? RC_OK
               : write_team(cx, change);
}

/* ---- memberships */

/* One of the two entities says it: the user's, or that of a group made here. */
static Rc membership_written(Ctx *cx, const RecordChange *change)
{
    const Json *m = change->after ? change->after : change->before;
    Str user_id = json_str_at(m, "user_id"), team_id = json_str_at(m, "team_id"), location;
    Strs users = one(cx, user_id), teams = one(cx, team_id);
    TRY(access_membership_hooks.written(cx, change));
    if (change->before && change->after) {
        return RC_OK; /* the role in the team is the record's alone */
    }
    TRY(people_write_users(cx, &users));
    TRY(people_write_teams(cx, &teams));
    TRY(tx_one_str(cx->tx, &people_q_membership_stated, PARAMS(P_STR(user_id), P_STR(team_id)),
                   cx->arena, &location, &cx->error));
    if (change->after && location.len == 0) {
        return fail(cx, RC_CONFLICT,
                    "Both the user and the team are managed by sources of the catalog: say there "
                    "who is in the team.");
    }
    return !change->after && location.len > 0
               ? fail(cx, RC_CONFLICT, "The membership is managed by %.*s: remove it there.",
                      STR_ARG(location))
               : RC_OK;
}

static Rc membership_prepare(Ctx *cx, RecordChange *change)
{
    return access_membership_hooks.prepare(cx, change);
}

/* ---- the module */

/* Aligned columns would be wider than any screen. */
/* clang-format off */
static const RecordHooks hooks[] = {
    {.record = "User", .lock = catalog_lock, .prepare = user_prepare, .written = user_written},
    {.record = "Team", .lock = lock, .prepare = team_prepare, .written = team_written},
    {.record = "TeamMembership",
     .lock = lock,
     .prepare = membership_prepare,
     .written = membership_written},
};
/* clang-format on */

static const EntityFollower follower = {.kinds = "user group", .follow = people_follow};

const Module people_module = {
    .name = "people",
    .title = "People and teams",
    .requires = "organizations access identity catalog",
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .follower = &follower,
    .start = people_start,
};
