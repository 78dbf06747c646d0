/* SPDX-License-Identifier: Apache-2.0
 * The relations that an entity's spec states, by the rows of its kind. */
#include "base/map.h"

#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"

enum { RELATIONS_PER_ENTITY_MAX = 10000 };

typedef struct Emit {
    Arena *arena;
    const Json *entity;
    Str self, processor;
    EntityRelations *out;
    Map seen;
} Emit;

static const Json *follow(const Json *entity, const KindRelation *rule)
{
    const Json *at = entity;
    for (size_t i = 0; at && i < rule->n_path; i++) {
        at = json_get(at, rule->path[i]);
    }
    return at;
}

static Rc emit_one(Emit *emit, const KindRelation *rule, const Json *target, Error *err)
{
    EntityRef ref;
    if (target->type != JSON_STRING || target->text.len == 0) {
        return RC_OK; /* the schema of the kind has the last word on types */
    }
    Rc rc = entity_ref_parse(target->text, rule->default_kind,
                             entity_ref_of(emit->entity).namespace_, &ref, err);
    if (rc != RC_OK) {
        error_prefix(err, "Processor %.*s threw an error while postprocessing; caused by TypeError",
                     STR_ARG(emit->processor));
        if (err) {
            err->line = target->line;
            err->column = target->column;
        }
        return rc;
    }
    Str other = entity_ref_str(emit->arena, ref);
    EntityRelation relation = {
        .source_ref = rule->is_inverse ? other : emit->self,
        .type = rule->pair.forward,
        .target_ref = rule->is_inverse ? emit->self : other,
    };
    Str parts[] = {relation.source_ref, relation.type, relation.target_ref};
    Str key = str_join(emit->arena, parts, 3, STR(" "));
    if (!map_put(&emit->seen, key, emit)) {
        if (emit->out->n >= RELATIONS_PER_ENTITY_MAX) {
            return error_set(err, RC_LIMIT, "an entity may state at most %d relations",
                             RELATIONS_PER_ENTITY_MAX);
        }
        VEC_PUSH(emit->out, relation);
    }
    return RC_OK;
}

Rc entity_relations(
    const Kinds *kinds, const Json *entity, Arena *arena, EntityRelations *ret, Error *err)
{
    *ret = (EntityRelations){.arena = arena};
    const Kind *kind = kinds_find(kinds, json_str_at(entity, "kind"));
    if (!kind) {
        return RC_OK;
    }
    Emit emit = {.arena = arena, .entity = entity, .out = ret, .seen = map_init(arena)};
    emit.self = entity_ref_of_str(arena, entity);
    emit.processor = kind->processor;
    for (size_t i = 0; i < kind->n_relations; i++) {
        const Json *targets = follow(entity, &kind->relations[i]);
        if (!targets) {
            continue;
        }
        if (targets->type != JSON_ARRAY) {
            TRY(emit_one(&emit, &kind->relations[i], targets, err));
            continue;
        }
        for (size_t k = 0; k < targets->n; k++) {
            TRY(emit_one(&emit, &kind->relations[i], targets->items[k], err));
        }
    }
    return RC_OK;
}

bool entity_check_relations(const Kinds *kinds,
                            const Json *entity,
                            Arena *arena,
                            EntityProblem *ret)
{
    Error err = {0};
    EntityRelations relations;
    Str mark = STR("caused by TypeError: ");
    if (entity_relations(kinds, entity, arena, &relations, &err) == RC_OK) {
        return true;
    }
    Str message = str_dup(arena, str_from(err.message));
    size_t cause = str_find(message, mark);
    *ret = (EntityProblem){
        .name = STR("InputError"),
        .message = message,
        .cause_name = cause == SIZE_MAX ? STR_EMPTY : STR("TypeError"),
        .cause_message = cause == SIZE_MAX ? STR_EMPTY : str_from_index(message, cause + mark.len),
        .line = err.line,
        .column = err.column,
    };
    return false;
}
