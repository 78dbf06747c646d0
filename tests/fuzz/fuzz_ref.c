/* SPDX-License-Identifier: Apache-2.0
 * Entity references and whole entities: what parses prints and parses again as the same; whatever
 * an entity looks like, the checks end, and what passes them can be related, indexed and matched.
 */
#include "base/arena.h"

#include "data/yaml.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ref(Arena *arena, Str text)
{
    EntityRef ref, again;
    Error err = {0};
    if (entity_ref_parse(text, STR("component"), STR("ns"), &ref, &err) != RC_OK) {
        ASSERT(err.message[0] != 0);
        return;
    }
    Str printed = entity_ref_str(arena, ref);
    ASSERT(entity_ref_parse(printed, STR_EMPTY, STR_EMPTY, &again, &err) == RC_OK);
    ASSERT(str_eq(entity_ref_str(arena, again), printed));
}

static void check_entity(const Kinds *kinds, Arena *arena, const Json *entity)
{
    EntityProblem problem;
    EntityRelations relations;
    EntityFields fields;
    if (!entity_validate(kinds, entity, arena, &problem)) {
        ASSERT(problem.message.len > 0);
        return;
    }
    check_ref(arena, entity_ref_of_str(arena, entity));
    if (entity_relations(kinds, entity, arena, &relations, NULL) != RC_OK ||
        entity_fields(entity, arena, &fields, NULL) != RC_OK) {
        return;
    }
    for (size_t i = 0; i < fields.n && i < 32; i++) {
        ASSERT(fields.at[i].key.len <= 400);
        bool is_null = str_is(fields.at[i].value, ENTITY_FIELD_NULL);
        ASSERT(is_null || entity_matches(entity, fields.at[i].key, &fields.at[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Kinds *kinds;
    if (!kinds) {
        ASSERT(kinds_new(NULL, 0, &kinds, NULL) == RC_OK);
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str text = str_of((const char *)data, size);
    check_ref(arena, text);
    Json *entity;
    if (yaml_parse(arena, text, NULL, &entity, NULL) == RC_OK) {
        check_entity(kinds, arena, entity);
    }
    return 0;
}
