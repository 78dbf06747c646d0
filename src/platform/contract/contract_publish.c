/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/contract/contract_publish.h"

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

static Json *publish(Arena *arena, const Json *v, bool of_record)
{
    if (v->type == JSON_ARRAY) {
        Json *copy = json_array(arena);
        for (uint32_t i = 0; i < v->n; i++) {
            json_push(arena, copy, publish(arena, v->items[i], false));
        }
        return copy;
    }
    if (v->type != JSON_OBJECT) {
        return json_clone(arena, v);
    }
    Json *copy = json_object(arena);
    for (uint32_t i = 0; i < v->n; i++) {
        Str key = v->members[i].key;
        if (of_record ? !is_internal_of_record(key) : !is_internal(key)) {
            Json *value = publish(arena, v->members[i].value, str_is(key, "x-record"));
            json_set(arena, copy, key, value);
        }
    }
    return copy;
}

Json *contract_publish(Arena *arena, const Json *document)
{
    return publish(arena, document, false);
}
