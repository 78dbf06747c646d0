/* SPDX-License-Identifier: Apache-2.0
 * Where something lies in the tree of scopes: a service belongs to the team that owns it, a team to
 * its organization. Which fields of a record say so is found in the contract: what refers to a
 * Service by service_id, to a Team by team_id or to an Organization by org_id lies in it. */
#include "access_q_sql.h"
#include "modules/access/access_priv.h"

/* Records that everybody who may read them anywhere may read: they are of no organization. */
static const char *const shared[] = {"Role", "CatalogKind"};

static bool refers(const RecordType *type, const char *field, const char *record)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        if (str_is(type->fields[i].name, field)) {
            return str_is(type->fields[i].references, record);
        }
    }
    return false;
}

PlaceKind access_place_kind(const RecordType *type)
{
    if (!type) {
        return PLACE_PLATFORM;
    }
    static const struct {
        const char *name;
        PlaceKind kind;
    } own[] = {
        {"Organization", PLACE_ORGANIZATION},
        {"Team",         PLACE_TEAM        },
        {"Service",      PLACE_SERVICE     },
        {"Environment",  PLACE_ENVIRONMENT },
        {"ApiKey",       PLACE_OWN         },
        {"RoleBinding",  PLACE_OF_BINDING  }
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (str_is(type->name, own[i].name)) {
            return own[i].kind;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        if (str_is(type->name, shared[i])) {
            return PLACE_SHARED;
        }
    }
    if (refers(type, "service_id", "Service")) {
        return PLACE_IN_SERVICE;
    }
    if (refers(type, "team_id", "Team")) {
        return PLACE_IN_TEAM;
    }
    return refers(type, "org_id", "Organization") ? PLACE_IN_ORGANIZATION : PLACE_PLATFORM;
}

bool access_place_has_environment(const RecordType *type)
{
    for (size_t i = 0; type && i < type->n_fields; i++) {
        if (str_is(type->fields[i].name, "environment")) {
            return access_place_kind(type) == PLACE_IN_SERVICE;
        }
    }
    return false;
}

/* ---- one query */

static void read_place(Ctx *cx, Rows *rows, AccessPlace *ret)
{
    *ret = (AccessPlace){0};
    ret->ids[SCOPE_SERVICE] = rows_dup(rows, 0, cx->arena);
    ret->ids[SCOPE_TEAM] = rows_dup(rows, 1, cx->arena);
    ret->ids[SCOPE_ORGANIZATION] = rows_dup(rows, 2, cx->arena);
    ret->ids[SCOPE_ENVIRONMENT] = rows_dup(rows, 3, cx->arena);
}

static Rc find(Ctx *cx, const Query *query, Str id, AccessPlace *ret, bool *ret_found)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(id)), &rows, &cx->error));
    *ret_found = rows_next(rows);
    if (*ret_found) {
        read_place(cx, rows, ret);
    }
    return rows_error(rows, &cx->error);
}

/* Of a record that lies in something: its table is a name of the contract. */
static Rc
find_within(Ctx *cx, const RecordType *type, PlaceKind kind, Str id, AccessPlace *ret, bool *found)
{
    static const char *const texts[] = {
        [PLACE_IN_ORGANIZATION] = "SELECT NULL, NULL, org_id, NULL FROM \"%.*s\" WHERE id = $1",
        [PLACE_IN_TEAM] =
            "SELECT NULL, t.id, t.org_id, NULL FROM \"%.*s\" r JOIN teams t ON t.id = "
            "r.team_id WHERE r.id = $1",
        [PLACE_IN_SERVICE] = "SELECT s.id, s.owner_team_id, t.org_id, NULL FROM \"%.*s\" r JOIN "
                             "services s ON s.id = r.service_id LEFT JOIN teams t ON t.id = "
                             "s.owner_team_id WHERE r.id = $1",
    };
    static const char in_environment[] =
        "SELECT s.id, s.owner_team_id, t.org_id, v.id FROM \"%.*s\" r JOIN services s ON s.id = "
        "r.service_id LEFT JOIN teams t ON t.id = s.owner_team_id LEFT JOIN environments v ON "
        "v.org_id = t.org_id AND v.name = r.environment AND v.deleted_at IS NULL WHERE r.id = $1";
    Str before = str_from(access_place_has_environment(type) ? in_environment : texts[kind]);
    size_t at = str_find(before, STR("%.*s"));
    Str sql = str_fmt(cx->arena, "%.*s%.*s%.*s", STR_ARG(str_sub(before, 0, at)),
                      STR_ARG(type->table), STR_ARG(str_from_index(before, at + 4)));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(ctx_read(cx));
    TRY(tx_query_sql(cx->tx, sql, PARAMS(P_STR(id)), &rows, &cx->error));
    *found = rows_next(rows);
    if (*found) {
        read_place(cx, rows, ret);
    }
    return rows_error(rows, &cx->error);
}

Rc access_place_of_scope(Ctx *cx, ScopeKind kind, Str id, AccessPlace *ret, bool *ret_found)
{
    *ret = (AccessPlace){0};
    *ret_found = true;
    if (kind == SCOPE_PLATFORM) {
        return RC_OK;
    }
    id = str_lower(cx->arena, id);
    if (!uuid_is_valid(id)) {
        *ret_found = false;
        return RC_OK;
    }
    switch (kind) {
    case SCOPE_TEAM:
        return find(cx, &access_q_place_of_team, id, ret, ret_found);
    case SCOPE_SERVICE:
        return find(cx, &access_q_place_of_service, id, ret, ret_found);
    case SCOPE_ORGANIZATION:
        ret->ids[SCOPE_ORGANIZATION] = id;
        return RC_OK;
    case SCOPE_ENVIRONMENT:
        return find(cx, &access_q_place_of_environment, id, ret, ret_found);
    case SCOPE_PLATFORM:
    case SCOPE_KINDS:
        break;
    }
    ASSERT(false);
    return RC_INTERNAL;
}

Rc access_place_into_environment(Ctx *cx, Str name, AccessPlace *place)
{
    Str org = place->ids[SCOPE_ORGANIZATION];
    place->ids[SCOPE_ENVIRONMENT] = STR_EMPTY;
    if (org.len == 0) {
        return RC_OK;
    }
    TRY(ctx_read(cx));
    Rc rc = tx_one_str(cx->tx, &access_q_environment_named, PARAMS(P_STR(org), P_STR(name)),
                       cx->arena, &place->ids[SCOPE_ENVIRONMENT], &cx->error);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        return RC_OK;
    }
    return rc;
}

Rc access_key_owner(Ctx *cx, Str id, AccessSubject *ret, bool *ret_found)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    id = str_lower(cx->arena, id);
    *ret_found = false;
    if (!uuid_is_valid(id)) {
        return RC_OK;
    }
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &access_q_owner_of_key, PARAMS(P_STR(id)), &rows, &cx->error));
    if (rows_next(rows)) {
        *ret_found = subject_kind_parse(rows_str(rows, 1), &ret->kind);
        ret->id = rows_dup(rows, 0, cx->arena);
    }
    return rows_error(rows, &cx->error);
}

Rc access_place_of_record(
    Ctx *cx, const RecordType *type, Str id, AccessPlace *ret, bool *ret_found)
{
    PlaceKind kind = access_place_kind(type);
    *ret = (AccessPlace){0};
    *ret_found = true;
    switch (kind) {
    case PLACE_ORGANIZATION:
        return access_place_of_scope(cx, SCOPE_ORGANIZATION, id, ret, ret_found);
    case PLACE_TEAM:
        return access_place_of_scope(cx, SCOPE_TEAM, id, ret, ret_found);
    case PLACE_SERVICE:
        return access_place_of_scope(cx, SCOPE_SERVICE, id, ret, ret_found);
    case PLACE_ENVIRONMENT:
        return access_place_of_scope(cx, SCOPE_ENVIRONMENT, id, ret, ret_found);
    case PLACE_PLATFORM:
    case PLACE_SHARED:
    case PLACE_OWN:
        return RC_OK;
    case PLACE_IN_ORGANIZATION:
    case PLACE_IN_TEAM:
    case PLACE_IN_SERVICE:
    case PLACE_OF_BINDING:
        break;
    }
    id = str_lower(cx->arena, id);
    if (!uuid_is_valid(id)) {
        *ret_found = false;
        return RC_OK;
    }
    return kind == PLACE_OF_BINDING ? find(cx, &access_q_place_of_binding, id, ret, ret_found)
                                    : find_within(cx, type, kind, id, ret, ret_found);
}

/* ---- of what a body says */

typedef struct Places {
    Ctx *cx;
    AccessPlace *at;
    size_t n;
} Places;

/* What is not there lies in the platform: the handler refuses it, or nobody owns it. */
static Rc add_scope(Places *p, ScopeKind kind, Str id)
{
    bool is_found;
    AccessPlace place;
    ASSERT(p->n < ACCESS_PLACES_MAX);
    TRY(access_place_of_scope(p->cx, kind, id, &place, &is_found));
    p->at[p->n++] = is_found ? place : (AccessPlace){0};
    return RC_OK;
}

static Rc add_field(Places *p, const Json *values, const char *field, ScopeKind kind)
{
    const Json *id = json_get_c(values, field);
    return id ? add_scope(p, json_is(id, JSON_STRING) ? kind : SCOPE_PLATFORM, json_str(id))
              : RC_OK;
}

/* "payments", "group:default/payments": the team that is this group, as the view services finds it.
 */
static Rc add_owner(Places *p, const Json *values)
{
    Str ref = str_lower_utf8(p->cx->arena, str_trim(json_str_at(values, "owner")));
    Str space = str_lower_utf8(p->cx->arena, json_str_at(values, "namespace"));
    AccessPlace place = {0};
    bool is_found;
    if (str_starts(ref, STR("group:"))) {
        ref = str_from_index(ref, sizeof("group:") - 1);
    }
    if (str_find_char(ref, '/') == SIZE_MAX) {
        space = space.len > 0 ? space : STR("default");
        ref = str_fmt(p->cx->arena, "%.*s/%.*s", STR_ARG(space), STR_ARG(ref));
    }
    ref = str_fmt(p->cx->arena, "group:%.*s", STR_ARG(ref));
    TRY(find(p->cx, &access_q_place_of_group, ref, &place, &is_found));
    ASSERT(p->n < ACCESS_PLACES_MAX);
    p->at[p->n++] = place;
    return RC_OK;
}

static Rc add_service(Places *p, const Json *values)
{
    TRY(add_field(p, values, "owner_team_id", SCOPE_TEAM));
    return json_get_c(values, "owner") ? add_owner(p, values) : RC_OK;
}

static Rc add_binding(Places *p, const Json *values)
{
    ScopeKind kind;
    return scope_kind_parse(json_str_at(values, "scope_kind"), &kind)
               ? add_scope(p, kind, json_str_at(values, "scope_id"))
               : RC_OK;
}

Rc access_places_of_values(Ctx *cx,
                           const RecordType *type,
                           const Json *values,
                           AccessPlace ret[ACCESS_PLACES_MAX],
                           size_t *ret_n)
{
    Places p = {cx, ret, 0};
    Rc rc = RC_OK;
    switch (access_place_kind(type)) {
    case PLACE_TEAM:
    case PLACE_ENVIRONMENT:
    case PLACE_IN_ORGANIZATION:
        rc = add_field(&p, values, "org_id", SCOPE_ORGANIZATION);
        break;
    case PLACE_IN_TEAM:
        rc = add_field(&p, values, "team_id", SCOPE_TEAM);
        break;
    case PLACE_IN_SERVICE:
        rc = add_field(&p, values, "service_id", SCOPE_SERVICE);
        break;
    case PLACE_SERVICE:
        rc = add_service(&p, values);
        break;
    case PLACE_OF_BINDING:
        rc = add_binding(&p, values);
        break;
    case PLACE_PLATFORM:
    case PLACE_SHARED:
    case PLACE_OWN:
    case PLACE_ORGANIZATION:
        break;
    }
    *ret_n = p.n;
    return rc;
}
