/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/contract/contract_publish.h"

#include "base/map.h"

static bool is_internal(Str key)
{
    static const char *const keys[] = {"x-run",    "x-strict-query", "x-mount",
                                       "x-errors", "x-max-body",     "x-module"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_is(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static bool is_internal_of_record(Str key)
{
    return str_is(key, "table") || str_is(key, "where") || str_is(key, "unique");
}

/* Members of these are names chosen by an author, which may look like keys. */
static bool holds_names(Str key)
{
    return str_is(key, "properties") || str_is(key, "patternProperties") || str_is(key, "$defs");
}

typedef enum Inside { INSIDE_KEYS, INSIDE_NAMES, INSIDE_RECORD } Inside;

static Inside inside_of(Str key, Inside around)
{
    if (around == INSIDE_NAMES) {
        return INSIDE_KEYS;
    }
    return str_is(key, "x-record") ? INSIDE_RECORD : holds_names(key) ? INSIDE_NAMES : INSIDE_KEYS;
}

static bool is_dropped(Str key, Inside around)
{
    return (around == INSIDE_KEYS && is_internal(key)) ||
           (around == INSIDE_RECORD && is_internal_of_record(key));
}

static Json *publish(Arena *arena, const Json *v, Inside inside)
{
    if (v->type == JSON_ARRAY) {
        Json *copy = json_array(arena);
        for (uint32_t i = 0; i < v->n; i++) {
            json_push(arena, copy, publish(arena, v->items[i], INSIDE_KEYS));
        }
        return copy;
    }
    if (v->type != JSON_OBJECT) {
        return json_clone(arena, v);
    }
    Json *copy = json_object(arena);
    for (uint32_t i = 0; i < v->n; i++) {
        Str key = v->members[i].key;
        if (!is_dropped(key, inside)) {
            json_set(arena, copy, key, publish(arena, v->members[i].value, inside_of(key, inside)));
        }
    }
    return copy;
}

/* ---- components that nothing leads to */

/* Marks what v refers to, and what that refers to: a component is entered once. */
static void mark(const Json *doc, const Json *v, Map *seen)
{
    if (v->type != JSON_ARRAY && v->type != JSON_OBJECT) {
        return;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        const Json *child = v->type == JSON_ARRAY ? v->items[i] : v->members[i].value;
        bool is_ref = v->type == JSON_OBJECT && str_is(v->members[i].key, "$ref") &&
                      child->type == JSON_STRING && str_starts(child->text, STR("#/components/"));
        if (!is_ref) {
            mark(doc, child, seen);
        } else if (!map_has(seen, child->text)) {
            Json *to = json_pointer(doc, str_from_index(child->text, 1));
            map_put(seen, child->text, to);
            if (to) {
                mark(doc, to, seen);
            }
        }
    }
}

/* For instance the write form of a record that clients only read. */
static void drop_unused(Arena *arena, Json *doc)
{
    static const char *const sections[] = {"schemas", "parameters", "responses", "headers"};
    Map seen = map_init(arena);
    const Json *paths = json_get_c(doc, "paths");
    if (paths) {
        mark(doc, paths, &seen);
    }
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        Json *all = json_path(doc, "components", sections[i], NULL);
        for (uint32_t j = json_is(all, JSON_OBJECT) ? all->n : 0; j-- > 0;) {
            Str key = all->members[j].key;
            Str ref = str_fmt(arena, "#/components/%s/%.*s", sections[i], STR_ARG(key));
            if (!map_has(&seen, ref)) {
                IGNORE(!json_remove(all, key)); /* it is there */
            }
        }
    }
}

Json *contract_publish(Arena *arena, const Json *document)
{
    Json *copy = publish(arena, document, INSIDE_KEYS);
    drop_unused(arena, copy);
    return copy;
}
