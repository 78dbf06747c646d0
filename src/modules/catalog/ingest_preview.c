/* SPDX-License-Identifier: Apache-2.0
 * A dry run: what registering a location would bring, without writing anything. The first failure
 * is the answer. */
#include "data/yaml.h"
#include "modules/catalog/ingest.h"
#include "platform/settings/settings.h"

enum { PREVIEW_ENTITIES_MAX = 10000 };

typedef struct Preview {
    Ctx *cx;
    Reader *reader;
    const Kinds *kinds;
    Str origin;
    Json *entities;
    Map seen; /* refs of them */
} Preview;

/* An entity as it stands in a document, and where that is. */
typedef struct Found {
    Json *entity;
    Str location;
} Found;
typedef VEC(Found) FoundList;

static Rc read_include(
    void *user, Str base, Str target, Arena *arena, Str *ret, Str *ret_location, Error *err)
{
    Str location;
    ReadText text;
    TRY(reader_resolve(user, base, target, arena, &location, err));
    *ret_location = location;
    Rc rc = reader_read(user, location, STR_EMPTY, arena, &text, err);
    if (rc == RC_OK) {
        *ret = text.text;
    }
    return rc;
}

static Rc named(Error *err, const char *name, Rc rc)
{
    error_detail(err, "%s", name);
    return rc;
}

static Rc
preview_location(Preview *p, const Json *entity, Str location, unsigned depth, Error *err);

static Rc check_entity(Preview *p, Json **entity, Str location, Error *err)
{
    EntityProblem problem;
    Arena *arena = p->cx->arena;
    Rc rc = entity_substitute(entity, location, read_include, p->reader, arena, err);
    if (rc != RC_OK) {
        error_prefix(err, PLACEHOLDER_FAILED);
        return named(err, "InputError", rc);
    }
    ingest_annotate(p->reader, *entity, location, p->origin, arena);
    if (entity_validate(p->kinds, *entity, arena, &problem) &&
        entity_check_relations(p->kinds, *entity, arena, &problem)) {
        return RC_OK;
    }
    rc = error_set_at(err, RC_INVALID, problem.line, problem.column, "%.*s",
                      STR_ARG(problem.message));
    return named(err, str_cstr(arena, problem.name), rc);
}

static Rc take(Preview *p, Json *entity, Str location, unsigned depth, Error *err)
{
    Arena *arena = p->cx->arena;
    TRY(check_entity(p, &entity, location, err));
    Str ref = entity_ref_of_str(arena, entity);
    if (map_put(&p->seen, ref, p)) {
        return error_set(err, RC_CONFLICT, "Duplicate nested entity: %.*s", STR_ARG(ref));
    }
    if (p->entities->n >= PREVIEW_ENTITIES_MAX) {
        return named(
            err, "Error",
            error_set(err, RC_LIMIT, "a preview shows at most %d entities", PREVIEW_ENTITIES_MAX));
    }
    json_push(arena, p->entities, entity);
    return str_eq_nocase(json_str_at(entity, "kind"), STR("location"))
               ? preview_location(p, entity, location, depth + 1, err)
               : RC_OK;
}

/* The entities that a document holds are added to `found`. */
static Rc preview_text(Preview *p, Str location, FoundList *found, Error *err)
{
    ReadText read;
    YamlDocument *docs;
    EntityProblem problem;
    size_t n;
    Arena *arena = p->cx->arena;
    const Json *rules = settings_json(p->cx->platform->settings, "catalog.rules");
    TRY(reader_read(p->reader, location, STR_EMPTY, arena, &read, err));
    if (yaml_parse_all(arena, read.text, NULL, &docs, &n, err) != RC_OK) {
        error_prefix(err, "YAML error at %.*s, line %u, column %u", STR_ARG(location), err->line,
                     err->column);
        return named(err, "Error", RC_MALFORMED);
    }
    for (size_t i = 0; i < n; i++) {
        Json *entity = docs[i].root;
        if (entity->type == JSON_NULL) {
            continue;
        }
        if (entity->type != JSON_OBJECT) {
            return named(err, "Error",
                         error_set(err, RC_INVALID, NOT_AN_OBJECT, javascript_type(entity)));
        }
        if (!entity_validate_envelope(entity, arena, &problem)) {
            Rc rc = error_set_at(err, RC_INVALID, problem.line, problem.column, "%.*s",
                                 STR_ARG(problem.message));
            return named(err, str_cstr(arena, problem.name), rc);
        }
        if (!rules_allow(rules, NULL, STR("api"), location, entity)) {
            Rc rc = error_set(err, RC_DENIED,
                              "Entity %.*s at %.*s is not of an allowed kind for that location",
                              STR_ARG(entity_ref_of_str(arena, entity)), STR_ARG(location));
            return named(err, "NotAllowedError", rc);
        }
        VEC_PUSH(found, ((Found){entity, location}));
    }
    return RC_OK;
}

static Rc
read_target(Preview *p, const Json *entity, Str location, Str target, FoundList *found, Error *err)
{
    Str resolved, *expanded;
    size_t n;
    TRY(reader_target(p->reader, entity, location, target, p->cx->arena, &resolved, err));
    TRY(reader_expand(p->reader, resolved, p->cx->arena, &expanded, &n, err));
    for (size_t i = 0; i < n; i++) {
        TRY(preview_text(p, expanded[i], found, err));
    }
    return RC_OK;
}

/* All targets are read before any entity is looked at, and what is wrong with each is told; the
 * entity found last comes first, and what hangs on it before the next: in Backstage they are taken
 * from a stack. */
static Rc preview_location(Preview *p, const Json *entity, Str location, unsigned depth, Error *err)
{
    const Json *spec = json_get(entity, STR("spec")), *many = json_get(spec, STR("targets"));
    size_t n_many = many && many->type == JSON_ARRAY ? many->n : 0;
    FoundList found = {.arena = p->cx->arena};
    VEC(Str) failures = {.arena = p->cx->arena};
    if (depth > INGEST_DEPTH_MAX) {
        return named(err, "InputError",
                     error_set(err, RC_LIMIT, "Locations are nested too deeply, or in a circle"));
    }
    bool is_optional = str_is(json_str_at(spec, "presence"), "optional");
    for (size_t i = 0; i < n_many + 1; i++) {
        Str target = i == 0 ? json_str_at(spec, "target") : json_str(many->items[i - 1]);
        Rc rc = target.len ? read_target(p, entity, location, target, &found, err) : RC_OK;
        if (rc != RC_OK && !(is_optional && rc == RC_NOT_FOUND)) {
            VEC_PUSH(&failures, str_fmt(p->cx->arena, "%s: %s",
                                        err->detail[0] ? err->detail : "Error", err->message));
        }
    }
    if (failures.n) {
        Str all = str_join(p->cx->arena, failures.at, failures.n, STR(", "));
        return error_set(err, RC_INVALID, "%.*s", STR_ARG(all));
    }
    for (size_t i = found.n; i > 0; i--) {
        TRY(take(p, found.at[i - 1].entity, found.at[i - 1].location, depth, err));
    }
    return RC_OK;
}

/* A Location is only as good as what it names. */
static bool
check_targets(Ctx *cx, Reader *reader, const Json *entity, Str location, EntityProblem *ret)
{
    const Json *spec = json_get(entity, STR("spec")), *many = json_get(spec, STR("targets"));
    size_t n_many = many && many->type == JSON_ARRAY ? many->n : 0;
    bool is_optional = str_is(json_str_at(spec, "presence"), "optional");
    for (size_t i = 0; i < n_many + 1; i++) {
        Str target = i == 0 ? json_str_at(spec, "target") : json_str(many->items[i - 1]);
        Str resolved = STR_EMPTY, *found = NULL;
        Error err = {0};
        ReadText text;
        size_t n = 0;
        Rc rc = target.len == 0
                    ? RC_OK
                    : reader_target(reader, entity, location, target, cx->arena, &resolved, &err);
        if (rc == RC_OK && target.len) {
            rc = reader_expand(reader, resolved, cx->arena, &found, &n, &err);
        }
        for (size_t k = 0; rc == RC_OK && k < n; k++) {
            rc = reader_read(reader, found[k], STR_EMPTY, cx->arena, &text, &err);
        }
        if (rc != RC_OK && !(is_optional && rc == RC_NOT_FOUND)) {
            *ret = (EntityProblem){
                .name = str_dup(cx->arena, str_from(err.detail[0] ? err.detail : "Error")),
                .message = str_dup(cx->arena, str_from(err.message)),
            };
            return false;
        }
    }
    return true;
}

bool ingest_check(Ctx *cx, Json *entity, Str location, EntityProblem *ret)
{
    Arena *arena = cx->arena;
    const Kinds *kinds = catalog_kinds(cx->platform);
    Reader *reader = reader_new(cx, arena);
    Error err = {0};
    if (entity_substitute(&entity, location, read_include, reader, arena, &err) != RC_OK) {
        *ret = (EntityProblem){
            .name = STR("InputError"),
            .message = str_fmt(arena, PLACEHOLDER_FAILED ": %s", err.message),
            .cause_name = STR("Error"),
            .cause_message = str_dup(arena, str_from(err.message)),
        };
        return false;
    }
    ingest_annotate(reader, entity, location, location, arena);
    bool is_location = str_is(json_str_at(entity, "kind"), "Location");
    return entity_validate(kinds, entity, arena, ret) &&
           (!is_location || check_targets(cx, reader, entity, location, ret)) &&
           entity_check_relations(kinds, entity, arena, ret);
}

Rc ingest_preview(Ctx *cx, Str type, Str target, Json **ret_entities, Error *err)
{
    Str location = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    Preview p = {
        .cx = cx,
        .reader = reader_new(cx, cx->arena),
        .kinds = catalog_kinds(cx->platform),
        .origin = location,
        .entities = json_array(cx->arena),
        .seen = map_init(cx->arena),
    };
    Str ref = str_fmt(cx->arena, "location:default/%.*s",
                      STR_ARG(source_entity_name(cx->arena, type, target)));
    Json *root = source_entity(cx->arena, type, target, ref);
    ingest_annotate(p.reader, root, location, location, cx->arena);
    json_push(cx->arena, p.entities, root);
    TRY(preview_location(&p, root, location, 0, err));
    *ret_entities = p.entities;
    return RC_OK;
}
