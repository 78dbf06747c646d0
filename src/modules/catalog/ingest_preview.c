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
} Preview;

static Rc read_include(void *user, Str base, Str target, Arena *arena, Str *ret, Error *err)
{
    Str location;
    ReadText text;
    TRY(reader_resolve(user, base, target, arena, &location, err));
    Rc rc = reader_read(user, location, STR_EMPTY, arena, &text, err);
    if (rc == RC_OK) {
        *ret = text.text;
    }
    return rc;
}

static Rc
preview_location(Preview *p, const Json *entity, Str location, unsigned depth, Error *err);

static Rc take(Preview *p, Json *entity, Str location, unsigned depth, Error *err)
{
    EntityProblem problem;
    Arena *arena = p->cx->arena;
    if (entity->type == JSON_NULL) {
        return RC_OK;
    }
    bool fine = entity_validate_envelope(entity, arena, &problem);
    if (fine) {
        Rc rc = entity_substitute(&entity, location, read_include, p->reader, arena, err);
        if (rc != RC_OK) {
            error_prefix(err, PLACEHOLDER_FAILED);
            error_detail(err, "InputError");
            return rc;
        }
        ingest_annotate(p->reader, entity, location, p->origin, arena);
        fine = entity_validate(p->kinds, entity, arena, &problem) &&
               entity_check_relations(p->kinds, entity, arena, &problem);
    }
    if (!fine) {
        error_detail(err, "%.*s", STR_ARG(problem.name));
        Rc rc = error_set_at(err, RC_INVALID, problem.line, problem.column, "%.*s",
                             STR_ARG(problem.message));
        error_detail(err, "%.*s", STR_ARG(problem.name));
        return rc;
    }
    const Json *rules = settings_json(p->cx->platform->settings, "catalog.rules");
    if (!rules_allow(rules, NULL, STR("api"), location, entity)) {
        Rc rc = error_set(err, RC_DENIED,
                          "Entity %.*s at %.*s is not of an allowed kind for that location",
                          STR_ARG(entity_ref_of_str(arena, entity)), STR_ARG(location));
        error_detail(err, "NotAllowedError");
        return rc;
    }
    if (p->entities->n >= PREVIEW_ENTITIES_MAX) {
        return error_set(err, RC_LIMIT, "a preview shows at most %d entities",
                         PREVIEW_ENTITIES_MAX);
    }
    json_push(arena, p->entities, entity);
    return str_eq_nocase(json_str_at(entity, "kind"), STR("location"))
               ? preview_location(p, entity, location, depth + 1, err)
               : RC_OK;
}

static Rc preview_text(Preview *p, Str location, unsigned depth, Error *err)
{
    ReadText read;
    YamlDocument *docs;
    size_t n;
    TRY(reader_read(p->reader, location, STR_EMPTY, p->cx->arena, &read, err));
    if (yaml_parse_all(p->cx->arena, read.text, NULL, &docs, &n, err) != RC_OK) {
        error_prefix(err, "YAML error at %.*s, line %u, column %u", STR_ARG(location), err->line,
                     err->column);
        return RC_MALFORMED;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(take(p, docs[i].root, location, depth, err));
    }
    return RC_OK;
}

static Rc preview_location(Preview *p, const Json *entity, Str location, unsigned depth, Error *err)
{
    const Json *spec = json_get(entity, STR("spec")), *many = json_get(spec, STR("targets"));
    size_t n_many = many && many->type == JSON_ARRAY ? many->n : 0;
    Str one = json_str_at(spec, "target");
    if (depth > INGEST_DEPTH_MAX) {
        return error_set(err, RC_LIMIT, "Locations are nested too deeply, or in a circle");
    }
    for (size_t i = 0; i < n_many + 1; i++) {
        Str target = i == 0 ? one : json_str(many->items[i - 1]);
        Str resolved, *found;
        size_t n;
        if (target.len == 0) {
            continue;
        }
        TRY(reader_target(p->reader, entity, location, target, p->cx->arena, &resolved, err));
        TRY(reader_expand(p->reader, resolved, p->cx->arena, &found, &n, err));
        for (size_t k = 0; k < n; k++) {
            TRY(preview_text(p, found[k], depth, err));
        }
    }
    return RC_OK;
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
    return entity_validate(kinds, entity, arena, ret) &&
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
