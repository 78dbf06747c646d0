/* SPDX-License-Identifier: Apache-2.0
 * Teams that follow from groups of a provider. A membership says where it comes from, and only
 * those of this provider are added and taken away here. */
#include "base/log.h"
#include "base/map.h"

#include "identity_q_sql.h"
#include "modules/identity/providers.h"

enum { TEAMS_MAX = 2000, MEMBERSHIPS_MAX = 5000 };

typedef struct Team {
    Str id, slug, name, organization; /* the last: its slug */
} Team;

/* ---- which teams are meant */

static bool is_listed(const Json *list, Str text)
{
    for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
        if (str_eq_nocase(json_str(list->items[i]), text)) {
            return true;
        }
    }
    return false;
}

/* What a group is called here; "" when nothing is meant. Anybody can make an organization with a
 * team of any name at GitHub: equal names count in the organizations of the setting only. */
static Str target_of(const Provider *p, Str group)
{
    Str mapped = json_str(json_get(p->teams, group));
    if (mapped.len > 0 || !p->teams_by_name) {
        return mapped;
    }
    if (p->kind != PROVIDER_GITHUB) {
        return group;
    }
    size_t slash = MIN(str_find_char(group, '/'), group.len);
    return is_listed(p->organizations, str_sub(group, 0, slash)) ? str_from_index(group, slash + 1)
                                                                 : STR_EMPTY;
}

static void push_text(Arena *arena, Json *list, Map *seen, Str text)
{
    if (text.len > 0 && !map_has(seen, text)) {
        map_put(seen, text, list);
        json_push(arena, list, json_string(arena, text));
    }
}

/* A target is the slug or name of a team, or organization/slug. */
static bool is_meant(Arena *arena, const Team *team, Str target)
{
    return str_eq(target, team->slug) || str_eq(target, team->name) ||
           str_eq(target,
                  str_fmt(arena, "%.*s/%.*s", STR_ARG(team->organization), STR_ARG(team->slug)));
}

static Rc read_teams(Ctx *cx, const Json *names, Team **ret, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Team *teams = ARENA_ARRAY(cx->arena, Team, TEAMS_MAX);
    size_t n = 0;
    TRY(tx_query(cx->tx, &identity_q_teams_named,
                 PARAMS(P_STR(json_to_str(cx->arena, names)), P_I64(TEAMS_MAX)), &rows,
                 &cx->error));
    while (n < TEAMS_MAX && rows_next(rows)) {
        teams[n++] = (Team){rows_dup(rows, 0, cx->arena), rows_dup(rows, 1, cx->arena),
                            rows_dup(rows, 2, cx->arena), rows_dup(rows, 3, cx->arena)};
    }
    *ret = teams;
    *ret_n = n;
    return rows_error(rows, &cx->error);
}

/* The one team that is meant; NULL when there is none, or when it is not clear which. */
static const Team *choose(ProviderCall *pc, const Team *teams, size_t n, Str target)
{
    const Team *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!is_meant(pc->cx->arena, &teams[i], target)) {
            continue;
        }
        if (found) {
            log_warn("identity.provider_team_unclear", F_STR("provider", pc->provider->id),
                     F_STR("team", target));
            return NULL;
        }
        found = &teams[i];
    }
    return found;
}

/* The ids of the teams, as keys. */
static Rc wanted_teams(ProviderCall *pc, const ProviderPerson *person, Map *ret)
{
    Ctx *cx = pc->cx;
    Arena *arena = cx->arena;
    Json *targets = json_array(arena), *names = json_array(arena);
    Map seen_targets = map_init(arena), seen_names = map_init(arena);
    Team *teams;
    size_t n;
    *ret = map_init(arena);
    for (size_t i = 0; i < person->n_groups; i++) {
        Str target = target_of(pc->provider, person->groups[i]);
        size_t slash = str_rfind_char(target, '/');
        push_text(arena, targets, &seen_targets, target);
        push_text(arena, names, &seen_names, target);
        push_text(arena, names, &seen_names,
                  slash == SIZE_MAX ? STR_EMPTY : str_from_index(target, slash + 1));
    }
    if (targets->n == 0) {
        return RC_OK;
    }
    TRY(read_teams(cx, names, &teams, &n));
    for (uint32_t i = 0; i < targets->n; i++) {
        const Team *team = choose(pc, teams, n, json_str(targets->items[i]));
        if (team) {
            map_put(ret, team->id, targets->items[i]);
        }
    }
    return RC_OK;
}

/* ---- memberships */

static Rc add(ProviderCall *pc, Str user_id, Str team_id)
{
    Ctx *cx = pc->cx;
    Json *values = json_object(cx->arena);
    json_set_str(cx->arena, values, "team_id", team_id);
    json_set_str(cx->arena, values, "user_id", user_id);
    json_set_str(cx->arena, values, "role", STR("member"));
    json_set_str(cx->arena, values, "source", pc->provider->id);
    return record_create(cx, "TeamMembership", values, NULL);
}

/* Takes out of *wanted what is there already; gone: ids of memberships that the provider does not
 * say any more. */
static Rc compare(ProviderCall *pc, Str user_id, Map *wanted, Json *gone)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Ctx *cx = pc->cx;
    TRY(tx_query(cx->tx, &identity_q_memberships_of_user,
                 PARAMS(P_STR(user_id), P_I64(MEMBERSHIPS_MAX)), &rows, &cx->error));
    while (rows_next(rows)) {
        bool is_ours = str_eq(rows_str(rows, 2), pc->provider->id);
        bool is_wanted = map_remove(wanted, rows_str(rows, 1));
        if (is_ours && !is_wanted) {
            json_push(cx->arena, gone, json_string(cx->arena, rows_str(rows, 0)));
        }
    }
    return rows_error(rows, &cx->error);
}

static Rc change(ProviderCall *pc, Str user_id, const Map *wanted, const Json *gone)
{
    for (const MapEntry *e = map_first(wanted); e; e = map_next(wanted, e)) {
        TRY(add(pc, user_id, e->key));
    }
    for (uint32_t i = 0; i < gone->n; i++) {
        TRY(record_delete(pc->cx, "TeamMembership", json_str(gone->items[i])));
    }
    return RC_OK;
}

Rc provider_sync_teams(ProviderCall *pc, const ProviderPerson *person, Str user_id)
{
    Ctx *cx = pc->cx;
    Json *gone = json_array(cx->arena);
    Map wanted;
    if (!person->has_groups || !records_type(cx->platform->records, STR("TeamMembership"))) {
        return RC_OK;
    }
    TRY(wanted_teams(pc, person, &wanted));
    TRY(compare(pc, user_id, &wanted, gone));
    TRY(tx_savepoint(cx->tx, &cx->error));
    Rc rc = change(pc, user_id, &wanted, gone);
    if (rc == RC_CONFLICT) { /* the last administrator, or a sign-in at the same moment */
        log_warn("identity.provider_teams_kept", F_STR("provider", pc->provider->id),
                 F_STR("user", user_id), F_CSTR("why", cx->error.message));
        error_clear(&cx->error);
        return tx_savepoint_rollback(cx->tx, &cx->error);
    }
    TRY(rc);
    return tx_savepoint_release(cx->tx, &cx->error);
}
