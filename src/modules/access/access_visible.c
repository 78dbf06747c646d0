/* SPDX-License-Identifier: Apache-2.0
 * The rows that an actor may read, as a condition of the statement that lists them. The scopes of
 * the actor's bindings become one bound JSON array per level, whatever their number, and the tree
 * is walked by the database. */
#include "base/buf.h"
#include "base/vec.h"

#include "modules/access/access_priv.h"

enum { CONDITION_MAX = 64 * 1024, SETS_MAX = 64 * 1024 * 1024 };

/* Scopes in which a permission is allowed, or denied. */
typedef struct ScopeSet {
    bool is_whole;         /* the platform */
    Buf ids[SCOPE_KINDS];  /* a JSON array, not yet ended */
    Str only[SCOPE_KINDS]; /* the id, when it is one */
    Str list[SCOPE_KINDS]; /* "($3)" or "(SELECT …)", once it is bound */
} ScopeSet;

typedef struct Sets {
    Arena *arena;
    size_t permission;
    ScopeSet allow, deny;
} Sets;

static void add_id(Sets *s, ScopeSet *set, const AccessGrant *grant)
{
    Buf *out = &set->ids[grant->kind];
    if (grant->kind == SCOPE_PLATFORM) {
        set->is_whole = true;
        return;
    }
    if (out->len == 0) {
        *out = buf_init(s->arena, SETS_MAX);
    }
    set->only[grant->kind] = out->len == 0 ? str_dup(s->arena, grant->id) : STR_EMPTY;
    buf_put(out, out->len == 0 ? STR("[") : STR(","));
    buf_json_str(out, grant->id);
}

static void collect(void *user, const AccessGrants *grants)
{
    Sets *s = user;
    for (const MapEntry *e = map_first(&grants->by_scope); e; e = map_next(&grants->by_scope, e)) {
        const AccessGrant *grant = e->value;
        if (access_bit(&grant->allow, s->permission)) {
            add_id(s, &s->allow, grant);
        }
        if (access_bit(&grant->deny, s->permission)) {
            add_id(s, &s->deny, grant);
        }
    }
}

static void end_set(const ScopeSet *set, ScopeIds *ret)
{
    *ret = (ScopeIds){.is_whole = set->is_whole};
    for (size_t k = 0; k < SCOPE_KINDS; k++) {
        Buf ids = set->ids[k];
        if (ids.len > 0) {
            buf_lit(&ids, "]");
            ret->ids[k] = buf_str(&ids);
            ret->n++;
        }
    }
}

typedef struct Collected {
    Sets sets;
    int64_t until;
} Collected;

static void collect_until(void *user, const AccessGrants *grants)
{
    Collected *c = user;
    c->until = grants->valid_until;
    collect(&c->sets, grants);
}

Rc access_scopes_of(Ctx *cx,
                    AccessSubject subject,
                    size_t permission,
                    ScopeIds *ret_allow,
                    ScopeIds *ret_deny,
                    int64_t *ret_until)
{
    Collected c = {
        .sets = {.arena = cx->arena, .permission = permission}
    };
    TRY(access_use_grants(cx, subject, collect_until, &c));
    end_set(&c.sets.allow, ret_allow);
    end_set(&c.sets.deny, ret_deny);
    *ret_until = c.until;
    return RC_OK;
}

/* ---- SQL */

typedef struct Condition {
    Arena *arena;
    Buf sql;
    VEC(Param) params;
    size_t first;
    DbKind db;
    bool in_environment; /* rows name one, too */
} Condition;

/* The set's ids on a level for IN, bound when they are first spoken of: a parameter that no text
 * names is an error. A single one, as most people have, is compared like any value. */
static Str list_of(Condition *c, ScopeSet *set, ScopeKind kind)
{
    Buf *ids = &set->ids[kind];
    if (set->list[kind].len == 0) {
        bool is_one = set->only[kind].len > 0;
        const char *form = "(SELECT value FROM json_each($%))";
        if (is_one) {
            form = "($%)";
        } else if (c->db == DB_POSTGRES) {
            form = "(SELECT jsonb_array_elements_text(CAST($% AS JSONB)))";
        }
        size_t at = c->first + c->params.n;
        buf_lit(ids, "]");
        VEC_PUSH(&c->params, P_STR(is_one ? set->only[kind] : buf_str(ids)));
        set->list[kind] =
            str_replace(c->arena, str_from(form), STR("%"), str_fmt(c->arena, "%zu", at));
    }
    return set->list[kind];
}

static bool has(const ScopeSet *set, ScopeKind kind)
{
    return set->ids[kind].len > 0;
}

static bool has_teams(const ScopeSet *set)
{
    return has(set, SCOPE_ORGANIZATION) || has(set, SCOPE_TEAM);
}

static bool has_services(const ScopeSet *set)
{
    return has_teams(set) || has(set, SCOPE_SERVICE);
}

/* "(a IN (…) OR b IN (…))" grows by one alternative. */
static void either(Condition *c, bool *is_first)
{
    buf_put(&c->sql, *is_first ? STR("(") : STR(" OR "));
    *is_first = false;
}

static void put_in(Condition *c, bool *is_first, const char *column, ScopeSet *set, ScopeKind kind)
{
    if (has(set, kind)) {
        either(c, is_first);
        buf_fmt(&c->sql, "%s IN %.*s", column, STR_ARG(list_of(c, set, kind)));
    }
}

static void end(Condition *c, bool is_first)
{
    buf_put(&c->sql, is_first ? STR("1 = 0") : STR(")"));
}

/* Ids of the teams of the set. */
static void put_teams(Condition *c, ScopeSet *set, const char *what)
{
    bool is_first = true;
    buf_fmt(&c->sql, "(SELECT %s FROM teams WHERE ", what);
    put_in(c, &is_first, "org_id", set, SCOPE_ORGANIZATION);
    put_in(c, &is_first, "id", set, SCOPE_TEAM);
    end(c, is_first);
    buf_lit(&c->sql, ")");
}

/* Columns of the view services. The owner's name is what its index has; the team it leads to is
 * then looked at for the few that are left. */
static void put_services_where(Condition *c, ScopeSet *set)
{
    bool is_first = true;
    put_in(c, &is_first, "id", set, SCOPE_SERVICE);
    if (has_teams(set)) {
        either(c, &is_first);
        buf_lit(&c->sql, "(owner IN ");
        put_teams(c, set, "entity_ref");
        buf_lit(&c->sql, " AND owner_team_id IN ");
        put_teams(c, set, "id");
        buf_lit(&c->sql, ")");
    }
    end(c, is_first);
}

static void put_services(Condition *c, ScopeSet *set)
{
    buf_lit(&c->sql, "(SELECT id FROM services WHERE ");
    put_services_where(c, set);
    buf_lit(&c->sql, ")");
}

static void put_level(Condition *c, bool *is_first, const char *level)
{
    either(c, is_first);
    buf_fmt(&c->sql, "(scope_kind = '%s' AND scope_id IN ", level);
}

/* Ids of the environments of the set. */
static void put_environments(Condition *c, ScopeSet *set)
{
    bool is_first = true;
    buf_lit(&c->sql, "(SELECT id FROM environments WHERE ");
    put_in(c, &is_first, "org_id", set, SCOPE_ORGANIZATION);
    put_in(c, &is_first, "id", set, SCOPE_ENVIRONMENT);
    end(c, is_first);
    buf_lit(&c->sql, ")");
}

/* Rows of a service whose environment is one of the set, of the same organization. */
static void put_deployed_in(Condition *c, bool *is_first, ScopeSet *set)
{
    if (!has(set, SCOPE_ENVIRONMENT)) {
        return;
    }
    Str list = list_of(c, set, SCOPE_ENVIRONMENT);
    either(c, is_first);
    buf_fmt(&c->sql,
            "(environment IN (SELECT v.name FROM environments v WHERE v.id IN %.*s) AND EXISTS "
            "(SELECT 1 FROM services s JOIN teams t ON t.id = s.owner_team_id JOIN environments v "
            "ON v.org_id = t.org_id AND v.name = environment AND v.deleted_at IS NULL "
            "WHERE s.id = service_id AND v.id IN %.*s))",
            STR_ARG(list), STR_ARG(list));
}

static void put_bindings_where(Condition *c, ScopeSet *set)
{
    bool is_first = true;
    if (has(set, SCOPE_ORGANIZATION)) {
        put_level(c, &is_first, "organization");
        buf_fmt(&c->sql, "%.*s)", STR_ARG(list_of(c, set, SCOPE_ORGANIZATION)));
    }
    if (has_teams(set)) {
        put_level(c, &is_first, "team");
        put_teams(c, set, "id");
        buf_lit(&c->sql, ")");
    }
    if (has_services(set)) {
        put_level(c, &is_first, "service");
        put_services(c, set);
        buf_lit(&c->sql, ")");
    }
    if (has(set, SCOPE_ORGANIZATION) || has(set, SCOPE_ENVIRONMENT)) {
        put_level(c, &is_first, "environment");
        put_environments(c, set);
        buf_lit(&c->sql, ")");
    }
    end(c, is_first);
}

/* With whole organizations much of the table may be seen: SQLite would fetch all of that by both
 * indexes and sort it (1.5 ms for 2,600 of 5,000 teams), instead of reading the list's own index
 * until the page is full (0.5 ms). The plus takes a column out of the choice of indexes. */
static void put_teams_where(Condition *c, ScopeSet *set)
{
    bool is_first = true;
    bool walks = c->db == DB_SQLITE && has(set, SCOPE_ORGANIZATION) && has(set, SCOPE_TEAM);
    put_in(c, &is_first, walks ? "+org_id" : "org_id", set, SCOPE_ORGANIZATION);
    put_in(c, &is_first, walks ? "+id" : "id", set, SCOPE_TEAM);
    end(c, is_first);
}

/* A row lies in the set. */
static void put_lies_in(Condition *c, PlaceKind kind, ScopeSet *set)
{
    bool is_first = true;
    switch (kind) {
    case PLACE_ORGANIZATION:
        put_in(c, &is_first, "id", set, SCOPE_ORGANIZATION);
        break;
    case PLACE_TEAM:
        put_teams_where(c, set);
        return;
    case PLACE_ENVIRONMENT:
        put_in(c, &is_first, "org_id", set, SCOPE_ORGANIZATION);
        put_in(c, &is_first, "id", set, SCOPE_ENVIRONMENT);
        break;
    case PLACE_IN_ORGANIZATION:
        put_in(c, &is_first, "org_id", set, SCOPE_ORGANIZATION);
        break;
    case PLACE_IN_TEAM:
        if (has_teams(set)) {
            either(c, &is_first);
            buf_lit(&c->sql, "team_id IN ");
            put_teams(c, set, "id");
        }
        break;
    case PLACE_SERVICE:
        put_services_where(c, set);
        return;
    case PLACE_IN_SERVICE:
        if (has_services(set)) {
            either(c, &is_first);
            buf_lit(&c->sql, "service_id IN ");
            put_services(c, set);
        }
        if (c->in_environment) {
            put_deployed_in(c, &is_first, set);
        }
        break;
    case PLACE_OF_BINDING:
        put_bindings_where(c, set);
        return;
    case PLACE_PLATFORM:
    case PLACE_SHARED:
    case PLACE_OWN:
        break;
    }
    end(c, is_first);
}

static bool is_empty(const ScopeSet *set)
{
    for (size_t k = 0; k < SCOPE_KINDS; k++) {
        if (set->ids[k].len > 0) {
            return false;
        }
    }
    return true;
}

static void put_subject(Condition *c, Sets *s, PlaceKind kind)
{
    if (s->deny.is_whole) {
        buf_lit(&c->sql, "1 = 0");
        return;
    }
    if (s->allow.is_whole) {
        buf_lit(&c->sql, "1 = 1");
    } else {
        put_lies_in(c, kind, &s->allow);
    }
    if (!is_empty(&s->deny)) { /* a row without an owner lies in none, and NULL is not "no" */
        buf_lit(&c->sql, " AND NOT COALESCE(");
        put_lies_in(c, kind, &s->deny);
        buf_lit(&c->sql, ", FALSE)");
    }
}

static bool is_everything(const Sets *s)
{
    return s->allow.is_whole && !s->deny.is_whole && is_empty(&s->deny);
}

/* Nothing below the platform: the whole table or none of it. */
static Rc all_or_none(Ctx *cx,
                      const AccessSubject *subjects,
                      size_t n,
                      size_t permission,
                      PlaceKind kind,
                      RecordFilter *ret)
{
    for (size_t i = 0; i < n; i++) {
        Sets s = {.arena = cx->arena, .permission = permission};
        TRY(access_use_grants(cx, subjects[i], collect, &s));
        bool somewhere = s.allow.is_whole || (kind == PLACE_SHARED && !is_empty(&s.allow));
        if (!somewhere || s.deny.is_whole) {
            ret->sql = STR("1 = 0");
        }
    }
    return RC_OK;
}

/* All of them for who may read them on the platform, else one's own. */
static Rc own_rows(Ctx *cx,
                   const AccessSubject *subjects,
                   size_t n,
                   size_t permission,
                   size_t first,
                   RecordFilter *ret)
{
    TRY(all_or_none(cx, subjects, n, permission, PLACE_OWN, ret));
    if (ret->sql.len == 0) {
        return RC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        Sets s = {.arena = cx->arena, .permission = permission};
        TRY(access_use_grants(cx, subjects[i], collect, &s));
        if (s.deny.is_whole) {
            return RC_OK; /* none */
        }
    }
    Param *owner = ARENA_NEW(cx->arena, Param);
    *owner = P_STR(subjects[0].id);
    bool is_user = subjects[0].kind == SUBJECT_USER;
    ret->sql = str_fmt(cx->arena, "%s = $%zu", is_user ? "user_id" : "service_account_id", first);
    ret->params = owner;
    ret->n = 1;
    return RC_OK;
}

Rc access_visible(Ctx *cx, const RecordType *type, size_t first, RecordFilter *ret)
{
    const AccessCatalog *catalog = access_catalog(cx->platform);
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&cx->actor, subjects);
    PlaceKind kind = access_place_kind(type);
    *ret = (RecordFilter){0};
    if (access_is_free(cx)) {
        return RC_OK;
    }
    size_t permission = access_permission(catalog, type->name, STR("read"));
    if (permission == ACCESS_NONE || n == 0) {
        ret->sql = STR("1 = 0");
        return RC_OK;
    }
    if (access_bit(&catalog->everyone, permission)) {
        return RC_OK;
    }
    if (kind == PLACE_PLATFORM || kind == PLACE_SHARED) {
        return all_or_none(cx, subjects, n, permission, kind, ret);
    }
    if (kind == PLACE_OWN) {
        return own_rows(cx, subjects, n, permission, first, ret);
    }
    Condition c = {.arena = cx->arena,
                   .params = {.arena = cx->arena},
                   .first = first,
                   .in_environment = access_place_has_environment(type)};
    c.sql = buf_init(cx->arena, CONDITION_MAX);
    c.db = db_kind(cx->platform->db);
    for (size_t i = 0; i < n; i++) {
        Sets s = {.arena = cx->arena, .permission = permission};
        TRY(access_use_grants(cx, subjects[i], collect, &s));
        if (!is_everything(&s)) {
            buf_put(&c.sql, c.sql.len > 0 ? STR(" AND ") : STR(""));
            put_subject(&c, &s, kind);
        }
    }
    ASSERT(buf_ok(&c.sql));
    *ret = (RecordFilter){buf_str(&c.sql), c.params.at, c.params.n};
    return RC_OK;
}
