/* SPDX-License-Identifier: Apache-2.0
 * People's own kinds: a definition is tried before it is stored, and takes effect with the next
 * read of every source. */
#include "modules/catalog/catalog_priv.h"
#include "platform/records/records.h"

/* Parts that are absent or null count as empty. */
static Json *definition_of(Arena *arena, const Json *record)
{
    Json *definition = json_object(arena);
    for (size_t i = 0; i < record->n; i++) {
        if (record->members[i].value->type != JSON_NULL) {
            json_set(arena, definition, record->members[i].key, record->members[i].value);
        }
    }
    return definition;
}

static Rc prepare(Ctx *cx, RecordChange *change)
{
    if (!change->after) {
        return RC_OK;
    }
    const Json *definitions[] = {definition_of(cx->arena, change->after)};
    Kinds *kinds;
    Error err = {0};
    Rc rc = kinds_new(definitions, 1, &kinds, &err);
    if (rc != RC_OK) {
        return fail(cx, rc == RC_CONFLICT ? RC_CONFLICT : RC_INVALID, "%s", err.message);
    }
    kinds_free(kinds);
    if (!json_is(json_get(change->after, STR("schema")), JSON_OBJECT)) {
        json_set(cx->arena, change->after, STR("schema"), json_object(cx->arena));
    }
    if (!json_is(json_get(change->after, STR("relations")), JSON_ARRAY)) {
        json_set(cx->arena, change->after, STR("relations"), json_array(cx->arena));
    }
    return RC_OK;
}

/* All sources are looked at again: with other kinds their texts may mean something else. */
static Rc written(Ctx *cx, const RecordChange *change)
{
    (void)change;
    return sources_refresh_all(cx);
}

const RecordHooks catalog_kind_hooks[1] = {
    {.record = "CatalogKind", .prepare = prepare, .written = written}
};
