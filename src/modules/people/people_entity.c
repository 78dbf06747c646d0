/* SPDX-License-Identifier: Apache-2.0
 * Record to entity. Like a service's, an entity is changed where the record says something else:
 * labels, links and whatever else people put into it stay. */
#include "modules/catalog/catalog.h"
#include "modules/catalog/entity.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"

#include <string.h>

enum { NAME_MAX_LEN = 63, REF_TRIES = 20 };

Str people_list(Arena *arena, const Strs *items)
{
    Json *list = json_array(arena);
    for (size_t i = 0; i < items->n; i++) {
        json_push(arena, list, json_string(arena, items->at[i]));
    }
    return json_to_str(arena, list);
}

Rc people_read_column(Ctx *cx, const Query *query, const Param *params, size_t n, Strs *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Strs){.arena = cx->arena};
    TRY(tx_query(cx->tx, query, params, n, &rows, &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(ret, rows_dup(rows, 0, cx->arena));
    }
    return rows_error(rows, &cx->error);
}

/* ---- names */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits, single separators between them: what any entity may be called. */
static Str entity_name(Arena *arena, Str text)
{
    Buf out = buf_init(arena, KIB);
    text = str_lower(arena, text);
    for (size_t i = 0; i < text.len && out.len < NAME_MAX_LEN - 8; i++) {
        char c = text.ptr[i];
        bool is_separator = c == '.' || c == '_' || c == '-' || c == ' ';
        if (is_alnum(c)) {
            buf_char(&out, c);
        } else if (is_separator && out.len > 0 && is_alnum(out.ptr[out.len - 1])) {
            buf_char(&out, c == ' ' ? '-' : c);
        }
    }
    Str name = buf_str(&out);
    while (name.len > 0 && !is_alnum(name.ptr[name.len - 1])) {
        name.len--;
    }
    return name.len > 0 ? name : STR("user");
}

static Rc is_taken(Ctx *cx, Str ref, bool *ret)
{
    int64_t n;
    TRY(tx_one_i64(cx->tx, &people_q_ref_taken, PARAMS(P_STR(ref)), &n, &cx->error));
    *ret = n > 0;
    return RC_OK;
}

Rc people_user_ref(Ctx *cx, Str email, Str name, Str *ret)
{
    Str local = str_sub(email, 0, str_find_char(email, '@'));
    Str base = entity_name(cx->arena, local.len > 0 ? local : name);
    bool taken = true;
    for (int i = 1; taken && i <= REF_TRIES; i++) {
        Uuid random = uuid_v4();
        Str suffix = i == 1 ? STR_EMPTY
                     : i < REF_TRIES / 2
                         ? str_fmt(cx->arena, "-%d", i)
                         : str_fmt(cx->arena, "-%.*s", STR_ARG(str_sub(uuid_str(&random), 0, 6)));
        *ret = str_fmt(cx->arena, "user:default/%.*s%.*s", STR_ARG(base), STR_ARG(suffix));
        TRY(is_taken(cx, *ret, &taken));
    }
    return taken ? fail(cx, RC_BUSY, "No free name was found; try again.") : RC_OK;
}

/* Of teams with one slug in several organizations the first has the plain name. */
Rc people_team_ref(Ctx *cx, Str slug, Str org_id, Str *ret)
{
    bool taken = true;
    Str org;
    TRY(tx_one_str(cx->tx, &people_q_organization_slug, PARAMS(P_STR(org_id)), cx->arena, &org,
                   &cx->error));
    Str base = str_sub(slug, 0, NAME_MAX_LEN - 8);
    for (int i = 0; taken && i < REF_TRIES; i++) {
        *ret = i == 0   ? str_fmt(cx->arena, "group:default/%.*s", STR_ARG(slug))
               : i == 1 ? str_fmt(cx->arena, "group:%.*s/%.*s", STR_ARG(org), STR_ARG(slug))
                        : str_fmt(cx->arena, "group:default/%.*s-%d", STR_ARG(base), i);
        TRY(is_taken(cx, *ret, &taken));
    }
    return taken ? fail(cx, RC_CONFLICT,
                        "The catalog has too many groups called %.*s; give the team another slug.",
                        STR_ARG(slug))
                 : RC_OK;
}

Rc people_check_ref_free(Ctx *cx, Str ref)
{
    bool taken;
    TRY(is_taken(cx, ref, &taken));
    if (taken) {
        error_field(&cx->error, STR("/entity_ref"), "is taken");
        return fail(cx, RC_CONFLICT, "The catalog has %.*s already.", STR_ARG(ref));
    }
    return RC_OK;
}

/* ---- entities */

static void put(Arena *arena, Json *object, const char *member, Str value)
{
    if (value.len > 0) {
        json_set_str(arena, object, member, value);
    } else {
        json_remove(object, str_from(member));
    }
}

/* The entity as it stands (its body ends before the last brace), or a new one. */
static Rc begin_entity(Ctx *cx, Str ref, Str body, const char *kind, Json **ret)
{
    if (body.len > 0) {
        Str parts[] = {body, STR("}")};
        return json_parse(cx->arena, str_join(cx->arena, parts, 2, STR_EMPTY), NULL, ret,
                          &cx->error);
    }
    Json *entity = json_object(cx->arena);
    size_t colon = str_find_char(ref, ':'), slash = str_find_char(ref, '/');
    json_set_str(cx->arena, entity, "apiVersion", STR("backstage.io/v1alpha1"));
    json_set_str(cx->arena, entity, "kind", str_from(kind));
    Json *metadata = json_member_object(cx->arena, entity, "metadata");
    json_set_str(cx->arena, metadata, "namespace", str_sub(ref, colon + 1, slash));
    json_set_str(cx->arena, metadata, "name", str_from_index(ref, slash + 1));
    *ret = entity;
    return RC_OK;
}

static Json *list_of(Arena *arena, const Strs *items)
{
    Json *list = json_array(arena);
    for (size_t i = 0; items && i < items->n; i++) {
        json_push(arena, list, json_string(arena, items->at[i]));
    }
    return list;
}

static Strs *group_of(Map *map, Str key)
{
    Strs *list = map_get(map, key);
    if (!list) {
        list = ARENA_NEW(map->arena, Strs);
        *list = (Strs){.arena = map->arena};
        map_put(map, str_dup(map->arena, key), list);
    }
    return list;
}

typedef VEC(Json *) Entities;

static Rc write_all(Ctx *cx, const Entities *entities)
{
    return entities->n ? catalog_write_own(cx, (const Json *const *)entities->at, entities->n)
                       : RC_OK;
}

/* ---- users */

static Rc load_teams(Ctx *cx, Str list, Map *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = map_init(cx->arena);
    TRY(tx_query(cx->tx, &people_q_user_teams, PARAMS(P_STR(list)), &rows, &cx->error));
    while (rows_next(rows)) {
        Strs *teams = group_of(ret, rows_str(rows, 0));
        VEC_PUSH(teams, rows_dup(rows, 1, cx->arena));
    }
    return rows_error(rows, &cx->error);
}

static Rc user_entity(Ctx *cx, Rows *rows, const Map *teams, Json **ret)
{
    TRY(begin_entity(cx, rows_dup(rows, 1, cx->arena), rows_str(rows, 5), "User", ret));
    Json *spec = json_member_object(cx->arena, *ret, "spec"),
         *profile = json_member_object(cx->arena, spec, "profile");
    put(cx->arena, profile, "displayName", rows_dup(rows, 2, cx->arena));
    put(cx->arena, profile, "email", rows_dup(rows, 3, cx->arena));
    put(cx->arena, profile, "picture", rows_dup(rows, 4, cx->arena));
    json_set_c(cx->arena, spec, "memberOf", list_of(cx->arena, map_get(teams, rows_str(rows, 0))));
    return RC_OK;
}

Rc people_write_users(Ctx *cx, const Strs *ids)
{
    Map teams;
    Entities entities = {.arena = cx->arena};
    Str list = people_list(cx->arena, ids);
    if (ids->n == 0) {
        return RC_OK;
    }
    TRY(load_teams(cx, list, &teams));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &people_q_user_rows, PARAMS(P_STR(list)), &rows, &cx->error));
    while (rows_next(rows)) {
        Json *entity;
        TRY(user_entity(cx, rows, &teams, &entity));
        VEC_PUSH(&entities, entity);
    }
    TRY(rows_error(rows, &cx->error));
    rows_end(rows);
    rows = NULL;
    return write_all(cx, &entities);
}

/* ---- teams */

typedef struct Members {
    Map of;   /* team id -> Strs of members whose entity cannot say it */
    Map pair; /* "team ref" of every membership */
} Members;

static Str pair_key(Arena *arena, Str team, Str ref)
{
    return str_fmt(arena, "%.*s %.*s", STR_ARG(team), STR_ARG(ref));
}

static Rc load_members(Ctx *cx, Str list, Members *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Members){map_init(cx->arena), map_init(cx->arena)};
    TRY(tx_query(cx->tx, &people_q_team_members, PARAMS(P_STR(list)), &rows, &cx->error));
    while (rows_next(rows)) {
        Str ref = rows_dup(rows, 1, cx->arena);
        map_put(&ret->pair, pair_key(cx->arena, rows_str(rows, 0), ref), ret);
        if (rows_i64(rows, 2)) {
            Strs *members = group_of(&ret->of, rows_str(rows, 0));
            VEC_PUSH(members, ref);
        }
    }
    return rows_error(rows, &cx->error);
}

/* A list that somebody wrote keeps whom it names, as long as they are members. */
static Json *members_list(Ctx *cx, Str team_id, const Json *entity, const Members *members)
{
    const Json *old = json_get_c(json_get_c(entity, "spec"), "members");
    Str space = entity_ref_of(entity).namespace_;
    Strs refs = {.arena = cx->arena};
    Map named = map_init(cx->arena);
    for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++) {
        EntityRef ref;
        if (entity_ref_parse(json_str(old->items[i]), STR("user"), space, &ref, NULL) != RC_OK) {
            continue;
        }
        Str full = entity_ref_str(cx->arena, ref);
        if (map_has(&members->pair, pair_key(cx->arena, team_id, full)) && !map_has(&named, full)) {
            map_put(&named, full, cx);
            VEC_PUSH(&refs, full);
        }
    }
    const Strs *others = map_get(&members->of, team_id);
    for (size_t i = 0; others && i < others->n; i++) {
        if (!map_has(&named, others->at[i])) {
            VEC_PUSH(&refs, others->at[i]);
        }
    }
    return refs.n ? list_of(cx->arena, &refs) : NULL;
}

static Rc team_entity(Ctx *cx, Rows *rows, const Members *members, Json **ret)
{
    TRY(begin_entity(cx, rows_dup(rows, 1, cx->arena), rows_str(rows, 5), "Group", ret));
    Json *spec = json_member_object(cx->arena, *ret, "spec");
    put(cx->arena, json_member_object(cx->arena, spec, "profile"), "displayName",
        rows_dup(rows, 2, cx->arena));
    put(cx->arena, json_member_object(cx->arena, *ret, "metadata"), "description",
        rows_dup(rows, 3, cx->arena));
    put(cx->arena, spec, "parent", rows_dup(rows, 4, cx->arena));
    if (json_str_at(spec, "type").len == 0) {
        json_set_str(cx->arena, spec, "type", STR("team"));
    }
    if (!json_get_c(spec, "children")) {
        json_set_c(cx->arena, spec, "children", json_array(cx->arena));
    }
    Json *list = members_list(cx, rows_dup(rows, 0, cx->arena), *ret, members);
    if (list) {
        json_set_c(cx->arena, spec, "members", list);
    } else {
        json_remove(spec, STR("members"));
    }
    return RC_OK;
}

Rc people_write_teams(Ctx *cx, const Strs *ids)
{
    Members members;
    Entities entities = {.arena = cx->arena};
    Str list = people_list(cx->arena, ids);
    if (ids->n == 0) {
        return RC_OK;
    }
    TRY(load_members(cx, list, &members));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &people_q_team_rows, PARAMS(P_STR(list)), &rows, &cx->error));
    while (rows_next(rows)) {
        Json *entity;
        TRY(team_entity(cx, rows, &members, &entity));
        VEC_PUSH(&entities, entity);
    }
    TRY(rows_error(rows, &cx->error));
    rows_end(rows);
    rows = NULL;
    return write_all(cx, &entities);
}
