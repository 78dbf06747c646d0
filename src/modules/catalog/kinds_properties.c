/* SPDX-License-Identifier: Apache-2.0
 * Calculated properties of a kind: values made from an entity's own fields, shown under
 * spec.calculated. */
#include "modules/catalog/kinds.h"

enum { TEMPLATE_MAX = 4096 };

static const Json *at_path(const Json *entity, Str path)
{
    Str part;
    while (entity && str_split(&path, '.', &part)) {
        entity = json_get(entity, part);
    }
    return entity;
}

static Json *from_template(Arena *arena, const Json *entity, Str text)
{
    Buf out = buf_init(arena, TEMPLATE_MAX);
    for (;;) {
        size_t open = str_find(text, STR("${"));
        size_t close = open == SIZE_MAX ? SIZE_MAX : str_find_char(str_from_index(text, open), '}');
        if (close == SIZE_MAX) {
            buf_put(&out, text);
            break;
        }
        buf_put(&out, str_sub(text, 0, open));
        const Json *value = at_path(entity, str_trim(str_sub(text, open + 2, open + close)));
        if (value && value->type == JSON_STRING) {
            buf_put(&out, value->text);
        } else if (value && value->type != JSON_NULL) {
            json_write(&out, value);
        }
        text = str_from_index(text, open + close + 1);
    }
    return buf_ok(&out) ? json_string(arena, buf_str(&out)) : json_null(arena);
}

static Json *calculate(Arena *arena, const Json *entity, const Json *rule)
{
    Str from = json_str_at(rule, "from"), count = json_str_at(rule, "count"),
        text = json_str_at(rule, "template");
    if (text.len) {
        return from_template(arena, entity, text);
    }
    const Json *value = at_path(entity, from.len ? from : count);
    if (from.len) {
        return value ? json_clone(arena, value) : json_null(arena);
    }
    bool is_list = value && (value->type == JSON_ARRAY || value->type == JSON_OBJECT);
    return json_int(arena, is_list ? value->n : value && value->type != JSON_NULL ? 1 : 0);
}

void kind_calculate(const Kind *kind, Json *entity, Arena *arena)
{
    Json *spec = json_get(entity, STR("spec"));
    if (!kind->properties || !json_is(spec, JSON_OBJECT)) {
        return;
    }
    Json *calculated = json_object(arena);
    for (size_t i = 0; i < kind->properties->n; i++) {
        const JsonMember *rule = &kind->properties->members[i];
        json_set(arena, calculated, rule->key, calculate(arena, entity, rule->value));
    }
    json_set(arena, spec, STR("calculated"), calculated);
}
