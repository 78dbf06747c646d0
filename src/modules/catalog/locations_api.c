/* SPDX-License-Identifier: Apache-2.0
 * Backstage's locations: list, register, change, unregister; refresh, validate. */
#include "base/time.h"
#include "base/vec.h"

#include "catalog_location_sql.h"
#include "catalog_sources_sql.h"
#include "contract_handlers.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/predicate.h"
#include "modules/catalog/query.h"
#include "platform/contract/contract.h"
#include "platform/settings/settings.h"

enum { LIST_MAX = 10000, PAGE_DEFAULT = 1000 };

typedef struct Location {
    Str id, type, target, entity_ref;
} Location;
typedef VEC(Location) Locations;

static Rc load_locations(Ctx *cx, Locations *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Locations){.arena = cx->arena};
    TRY(tx_query(cx->tx, &catalog_location_list, NO_PARAMS, &rows, &cx->error));
    while (rows_next(rows)) {
        Location location = {rows_dup(rows, 0, cx->arena), rows_dup(rows, 1, cx->arena),
                             rows_dup(rows, 2, cx->arena), rows_dup(rows, 3, cx->arena)};
        VEC_PUSH(ret, location);
    }
    return rows_error(rows, &cx->error);
}

static Json *location_json(Arena *arena, Str id, Str type, Str target, Str entity_ref)
{
    Json *v = json_object(arena);
    json_set_str(arena, v, "id", id);
    json_set_str(arena, v, "type", type);
    json_set_str(arena, v, "target", target);
    json_set_str(arena, v, "entityRef", entity_ref);
    return v;
}

static Rc no_location(Ctx *cx, Str id)
{
    return fail(cx, RC_NOT_FOUND, "Found no location with ID %.*s", STR_ARG(id));
}

/* A location of the API; those of the configuration are not seen here. */
static Rc find_location(Ctx *cx, Str id, Source *ret)
{
    Rc rc = source_find(cx, id, ret);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !str_is(ret->origin, "api"))) {
        return no_location(cx, id);
    }
    return rc;
}

static Rc check_writable(Ctx *cx)
{
    if (settings_bool(cx->platform->settings, "catalog.readonly")) {
        return fail(cx, RC_DENIED, "This operation not allowed in readonly mode");
    }
    return RC_OK;
}

/* What lies on this machine is for the operator to name, in the configuration. */
static Rc check_type(Ctx *cx, Str type, Str target)
{
    Str location = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    if ((!str_is(type, "url") && !str_is(type, "git")) || location_is_local(location)) {
        return fail(cx, RC_MALFORMED, "Registered locations must be of an allowed type [\"url\"]");
    }
    return RC_OK;
}

/* What the contract's schema lets through, but Backstage does not. */
static Rc check_input(Ctx *cx, const Json *input)
{
    const Json *issues;
    if (!shape_check(cx->arena, SHAPE_LOCATION_INPUT, input, &issues)) {
        return fail(cx, RC_MALFORMED, "Malformed request: %.*s",
                    STR_ARG(shape_list(cx->arena, issues)));
    }
    return check_type(cx, json_str_at(input, "type"), json_str_at(input, "target"));
}

/* A switch in a query, as Backstage's parser of such takes it. */
static bool is_yes(Str value)
{
    static const char *const yes[] = {"y", "yes", "t", "true", "on", "1"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq_nocase(str_trim(value), str_from(yes[i]))) {
            return true;
        }
    }
    return false;
}

Rc catalog_locations_list(Ctx *cx, Call *call)
{
    Locations all;
    TRY(ctx_read(cx));
    TRY(load_locations(cx, &all));
    Json *list = json_array(cx->arena);
    for (size_t i = 0; i < all.n; i++) {
        const Location *l = &all.at[i];
        Json *item = json_object(cx->arena);
        json_set(cx->arena, item, STR("data"),
                 location_json(cx->arena, l->id, l->type, l->target, l->entity_ref));
        json_push(cx->arena, list, item);
    }
    reply_json_tree(cx, call, 200, list);
    return RC_OK;
}

static Rc preview(Ctx *cx, Call *call, Str type, Str target)
{
    Source known;
    Json *entities;
    TRY(ctx_read(cx));
    Rc rc = source_find_by_target(cx, STR("api"), type, target, &known);
    bool exists = rc == RC_OK;
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        return rc;
    }
    ctx_end(cx);
    Error err = {0};
    rc = ingest_preview(cx, type, target, &entities, &err);
    if (rc != RC_OK) {
        return fail(cx, RC_MALFORMED, "%s%s%s", err.detail, err.detail[0] ? ": " : "", err.message);
    }
    Str id = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    Str ref = str_fmt(cx->arena, "location:default/%.*s",
                      STR_ARG(source_entity_name(cx->arena, type, target)));
    Json *answer = json_object(cx->arena);
    json_set(cx->arena, answer, STR("exists"), json_bool_new(cx->arena, exists));
    json_set(cx->arena, answer, STR("location"), location_json(cx->arena, id, type, target, ref));
    json_set(cx->arena, answer, STR("entities"), entities);
    reply_json_tree(cx, call, 201, answer);
    return RC_OK;
}

Rc catalog_locations_create(Ctx *cx, Call *call)
{
    Str type = json_str_at(call->body, "type"), target = json_str_at(call->body, "target");
    Source source;
    TRY(check_input(cx, call->body));
    if (is_yes(call_query(call, "dryRun"))) {
        return preview(cx, call, type, target);
    }
    TRY(check_writable(cx));
    TRY(ctx_begin(cx));
    Rc rc = source_find_by_target(cx, STR("api"), type, target, &source);
    if (rc == RC_OK && !str_is(call_query(call, "onConflict"), "refresh")) {
        return fail(cx, RC_CONFLICT, "Location %.*s:%.*s already exists", STR_ARG(type),
                    STR_ARG(target));
    }
    if (rc == RC_OK) {
        TRY(source_refresh(cx, source.id));
    } else if (rc == RC_NOT_FOUND) {
        TRY(source_add(cx, STR("api"), type, target, STR_EMPTY, &source));
    } else {
        return rc;
    }
    TRY(ctx_commit(cx));
    Json *answer = json_object(cx->arena);
    json_set(cx->arena, answer, STR("location"),
             location_json(cx->arena, source.id, type, target, source.entity_ref));
    json_set(cx->arena, answer, STR("entities"), json_array(cx->arena));
    reply_json_tree(cx, call, 201, answer);
    return RC_OK;
}

Rc catalog_locations_get(Ctx *cx, Call *call)
{
    Source s;
    TRY(ctx_read(cx));
    TRY(find_location(cx, call_path(call, "id"), &s));
    reply_json_tree(cx, call, 200, location_json(cx->arena, s.id, s.type, s.target, s.entity_ref));
    return RC_OK;
}

Rc catalog_locations_update(Ctx *cx, Call *call)
{
    Str type = json_str_at(call->body, "type"), target = json_str_at(call->body, "target");
    Source s;
    TRY(check_writable(cx));
    TRY(check_input(cx, call->body));
    TRY(ctx_begin(cx));
    TRY(find_location(cx, call_path(call, "id"), &s));
    TRY(source_empty(cx, s.id)); /* what the old target brought goes at once */
    TRY(tx_exec(cx->tx, &catalog_sources_set_target,
                PARAMS(P_STR(s.id), P_STR(type), P_STR(target), P_I64(time_now_us()),
                       P_STR_OR_NULL(cx->actor.id)),
                NULL, &cx->error));
    TRY(source_refresh(cx, s.id));
    TRY(ctx_commit(cx));
    reply_json_tree(cx, call, 200, location_json(cx->arena, s.id, type, target, s.entity_ref));
    return RC_OK;
}

Rc catalog_locations_delete(Ctx *cx, Call *call)
{
    Source s;
    TRY(check_writable(cx));
    TRY(ctx_begin(cx));
    TRY(find_location(cx, call_path(call, "id"), &s));
    TRY(source_remove(cx, &s));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

Rc catalog_locations_by_entity(Ctx *cx, Call *call)
{
    EntityRef parts = {call_path(call, "kind"), call_path(call, "namespace"),
                       call_path(call, "name")};
    Str ref = entity_ref_str(cx->arena, parts), source_id = STR_EMPTY;
    TRY(ctx_read(cx));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_source_of_entity, PARAMS(P_STR(ref)), &rows, &cx->error));
    if (rows_next(rows)) {
        source_id = rows_dup(rows, 0, cx->arena);
    }
    TRY(rows_error(rows, &cx->error));
    if (source_id.len == 0) {
        return fail(cx, RC_NOT_FOUND, "found no entity for ref %.*s", STR_ARG(ref));
    }
    Source s;
    if (source_find(cx, source_id, &s) != RC_OK || !str_is(s.origin, "api")) {
        return fail(cx, RC_NOT_FOUND, "found no location for ref %.*s", STR_ARG(ref));
    }
    reply_json_tree(cx, call, 200, location_json(cx->arena, s.id, s.type, s.target, s.entity_ref));
    return RC_OK;
}

/* ---- by-query */

typedef struct LocationQuery {
    const Json *predicate;
    Str after_id;
    int64_t limit;
} LocationQuery;

static Rc read_cursor(Ctx *cx, Str cursor, LocationQuery *ret)
{
    Json *v;
    const Json *issues, *checked;
    if (cursor.len == 0) {
        return fail(cx, RC_MALFORMED, "Cursor cannot be empty");
    }
    if (json_parse(cx->arena, cursor_text(cx->arena, cursor), NULL, &v, NULL) != RC_OK) {
        return fail(cx, RC_MALFORMED, "Malformed cursor, unknown encoding");
    }
    checked = shape_check(cx->arena, SHAPE_LOCATION_CURSOR, v, &issues);
    if (!checked) {
        return fail(cx, RC_MALFORMED, "Malformed cursor: %.*s",
                    STR_ARG(shape_message(cx->arena, issues)));
    }
    ret->predicate = json_get_c(checked, "query");
    ret->after_id = json_str_at(checked, "afterId");
    return json_to_i64(json_get_c(checked, "limit"), &ret->limit) && ret->limit >= 1
               ? RC_OK
               : fail(cx, RC_MALFORMED, "Malformed cursor, its limit is not a number of items");
}

static Rc read_query(Ctx *cx, const Json *body, LocationQuery *ret)
{
    const Json *cursor = json_get_c(body, "cursor"), *limit = json_get_c(body, "limit"),
               *query = json_get_c(body, "query"), *issues;
    *ret = (LocationQuery){.limit = PAGE_DEFAULT};
    if (cursor) {
        TRY(read_cursor(cx, json_str(cursor), ret));
    } else {
        if (limit && (!json_to_i64(limit, &ret->limit) || ret->limit < 1)) {
            return fail(cx, RC_MALFORMED, "Limit must be a positive integer >= 1");
        }
        ret->predicate = query ? shape_check(cx->arena, SHAPE_PREDICATE, query, &issues) : NULL;
        if (query && !ret->predicate) {
            return fail(cx, RC_MALFORMED, "Invalid query: %.*s",
                        STR_ARG(shape_message(cx->arena, issues)));
        }
    }
    return predicate_validate(cx->arena, ret->predicate, &cx->error);
}

static Str next_cursor(Ctx *cx, const LocationQuery *query, Str last_id)
{
    Json *v = json_object(cx->arena);
    Buf out = buf_init(cx->arena, MIB);
    json_set(cx->arena, v, STR("limit"), json_int(cx->arena, query->limit));
    json_set_str(cx->arena, v, "afterId", last_id);
    if (query->predicate) {
        json_set(cx->arena, v, STR("query"), json_clone(cx->arena, query->predicate));
    }
    buf_base64(&out, json_to_str(cx->arena, v));
    return buf_str(&out);
}

Rc catalog_locations_query(Ctx *cx, Call *call)
{
    Locations all;
    LocationQuery query;
    TRY(read_query(cx, call->body, &query));
    TRY(ctx_read(cx));
    TRY(load_locations(cx, &all));
    Json *items = json_array(cx->arena), *page = json_object(cx->arena),
         *answer = json_object(cx->arena);
    int64_t total = 0;
    bool started = query.after_id.len == 0;
    for (size_t i = 0; i < all.n; i++) {
        const Location *l = &all.at[i];
        Json *location = location_json(cx->arena, l->id, l->type, l->target, l->entity_ref);
        if (predicate_matches(query.predicate, location)) {
            total++;
            if (started && (int64_t)items->n < query.limit) {
                json_push(cx->arena, items, location);
            } else if (started && page->n == 0) {
                Str last = json_str_at(items->items[items->n - 1], "id");
                json_set_str(cx->arena, page, "nextCursor", next_cursor(cx, &query, last));
            }
        }
        started = started || str_eq(l->id, query.after_id);
    }
    json_set(cx->arena, answer, STR("items"), items);
    json_set(cx->arena, answer, STR("totalItems"), json_int(cx->arena, total));
    json_set(cx->arena, answer, STR("pageInfo"), page);
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- refresh */

static Rc sources_above(Ctx *cx, Str ref, Str **ret, size_t *ret_n)
{
    VEC(Str) ids = {.arena = cx->arena};
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_ancestors, PARAMS(P_STR(ref)), &rows, &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&ids, rows_dup(rows, 0, cx->arena));
    }
    *ret = ids.at;
    *ret_n = ids.n;
    return rows_error(rows, &cx->error);
}

Rc catalog_refresh_create(Ctx *cx, Call *call)
{
    EntityRef parts;
    Str *sources, text = json_str_at(call->body, "entityRef");
    size_t n;
    Error err = {0};
    if (entity_ref_parse(text, STR_EMPTY, STR_EMPTY, &parts, &err) != RC_OK) {
        return fail(cx, RC_MALFORMED, "%s", err.message);
    }
    Str ref = entity_ref_str(cx->arena, parts);
    TRY(ctx_begin(cx));
    TRY(sources_above(cx, ref, &sources, &n));
    if (n == 0) {
        return fail(cx, RC_NOT_FOUND, "Entity %.*s not found", STR_ARG(ref));
    }
    for (size_t i = 0; i < n; i++) {
        TRY(source_refresh(cx, sources[i]));
    }
    TRY(ctx_commit(cx));
    reply_empty(call, 200);
    return RC_OK;
}

/* ---- validate */

static Json *error_json(Arena *arena, Str name, Str message)
{
    Json *v = json_object(arena);
    json_set_str(arena, v, "name", name);
    json_set_str(arena, v, "message", message);
    return v;
}

static Rc refuse(Ctx *cx, Call *call, const EntityProblem *problem)
{
    Json *answer = json_object(cx->arena), *errors = json_array(cx->arena);
    Json *error = error_json(cx->arena, problem->name, problem->message);
    if (problem->cause_name.len) {
        json_set(cx->arena, error, STR("cause"),
                 error_json(cx->arena, problem->cause_name, problem->cause_message));
    }
    json_push(cx->arena, errors, error);
    json_set(cx->arena, answer, STR("errors"), errors);
    reply_json_tree(cx, call, 400, answer);
    return RC_OK;
}

/* Backstage's words for what is no reference to a location by URL; "" when it is one. */
static Str location_problem(Ctx *cx, Str ref)
{
    size_t colon = str_find_char(ref, ':');
    Str type = str_trim(str_sub(ref, 0, MIN(colon, ref.len)));
    if (colon == SIZE_MAX || type.len == 0 || str_trim(str_from_index(ref, colon + 1)).len == 0) {
        return str_fmt(cx->arena,
                       "Unable to parse location ref '%.*s', expected '<type>:<target>', e.g. "
                       "'url:https://host/path'",
                       STR_ARG(ref));
    }
    if (str_is(type, "http") || str_is(type, "https")) {
        return str_fmt(cx->arena,
                       "Invalid location ref '%.*s', please prefix it with 'url:', e.g. "
                       "'url:%.*s'",
                       STR_ARG(ref), STR_ARG(ref));
    }
    return str_is(type, "url")
               ? STR_EMPTY
               : str_fmt(cx->arena,
                         "Invalid location ref %.*s, only 'url:<target>' is supported, e.g. "
                         "url:https://host/path",
                         STR_ARG(ref));
}

/* This operation tells of every mistake in its own form, the body's included. */
static bool check_validate_request(Ctx *cx, const Json *body, EntityProblem *ret)
{
    const Json *issues;
    *ret = (EntityProblem){.name = STR("InputError")};
    if (body->n == 0) {
        ret->message = STR("Empty request body");
        return false;
    }
    if (!shape_check(cx->arena, SHAPE_VALIDATE_REQUEST, body, &issues)) {
        ret->message =
            str_fmt(cx->arena, "Malformed request: %.*s", STR_ARG(shape_list(cx->arena, issues)));
        return false;
    }
    const Json *entity = json_get(body, STR("entity"));
    if (!entity_validate_envelope(entity ? entity : json_null(cx->arena), cx->arena, ret)) {
        return false;
    }
    ret->name = STR("TypeError");
    ret->message = location_problem(cx, json_str_at(body, "location"));
    return ret->message.len == 0;
}

Rc catalog_validate_create(Ctx *cx, Call *call)
{
    EntityProblem problem;
    if (!check_validate_request(cx, call->body, &problem)) {
        return refuse(cx, call, &problem);
    }
    Json *entity = json_clone(cx->arena, json_get(call->body, STR("entity")));
    if (!ingest_check(cx, entity, json_str_at(call->body, "location"), &problem)) {
        return refuse(cx, call, &problem);
    }
    reply_empty(call, 200);
    return RC_OK;
}
