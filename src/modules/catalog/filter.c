/* SPDX-License-Identifier: Apache-2.0
 * The `filter=` parameter: "kind=component,spec.type=service" becomes a predicate. */
#include "modules/catalog/predicate.h"

typedef struct Condition {
    Str key;
    Json *values; /* NULL: the key must only be there */
} Condition;
typedef VEC(Condition) Conditions;

static Condition *find(Conditions *conditions, Str key)
{
    for (size_t i = 0; i < conditions->n; i++) {
        if (str_eq(conditions->at[i].key, key)) {
            return &conditions->at[i];
        }
    }
    Condition fresh = {.key = key};
    VEC_PUSH(conditions, fresh);
    return &conditions->at[conditions->n - 1];
}

static Rc add_statement(Arena *arena, Conditions *conditions, Str statement, Error *err)
{
    size_t equals = str_find_char(statement, '=');
    Str key = str_trim(str_sub(statement, 0, MIN(equals, statement.len)));
    if (key.len == 0) {
        return error_set(err, RC_MALFORMED,
                         "Invalid filter, '%.*s' is not a valid statement (expected a string on "
                         "the form a=b or a= or a)",
                         STR_ARG(statement));
    }
    if (conditions->n > PREDICATE_LEAVES_MAX) {
        return error_set(err, RC_LIMIT, "The filter has more than %d conditions",
                         PREDICATE_LEAVES_MAX);
    }
    Condition *condition = find(conditions, key);
    if (equals != SIZE_MAX) {
        if (!condition->values) {
            condition->values = json_array(arena);
        }
        json_push(arena, condition->values,
                  json_string(arena, str_trim(str_from_index(statement, equals + 1))));
    }
    return RC_OK;
}

static Json *condition_json(Arena *arena, const Condition *condition)
{
    Json *out = json_object(arena), *value;
    if (!condition->values) {
        value = json_object(arena);
        json_set_c(arena, value, "$exists", json_bool_new(arena, true));
    } else if (condition->values->n == 1) {
        value = condition->values->items[0];
    } else {
        value = json_object(arena);
        json_set_c(arena, value, "$in", condition->values);
    }
    json_set(arena, out, condition->key, value);
    return out;
}

/* The only item, or {"$all": items} and the like; NULL when there is none. */
static Json *combine(Arena *arena, const char *name, Json *items)
{
    if (items->n < 2) {
        return items->n ? items->items[0] : NULL;
    }
    Json *out = json_object(arena);
    json_set_c(arena, out, name, items);
    return out;
}

Rc filter_parse(Arena *arena, const Str *filters, size_t n, const Json **ret, Error *err)
{
    Json *any = json_array(arena);
    for (size_t i = 0; i < n; i++) {
        Conditions conditions = {.arena = arena};
        Str rest = filters[i], part;
        while (str_split(&rest, ',', &part)) {
            part = str_trim(part);
            if (part.len) {
                TRY(add_statement(arena, &conditions, part, err));
            }
        }
        Json *all = json_array(arena);
        for (size_t k = 0; k < conditions.n; k++) {
            json_push(arena, all, condition_json(arena, &conditions.at[k]));
        }
        if (all->n) {
            json_push(arena, any, combine(arena, "$all", all));
        }
    }
    *ret = combine(arena, "$any", any);
    return RC_OK;
}
