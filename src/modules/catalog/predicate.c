/* SPDX-License-Identifier: Apache-2.0
 * What a predicate means: reading its leaves, refusing what cannot be answered, testing one entity.
 */
#include "modules/catalog/predicate_leaf.h"

#include <string.h>

Str predicate_text(Arena *arena, const Json *v)
{
    int64_t whole;
    double number;
    switch (v->type) {
    case JSON_STRING:
        return str_lower_utf8(arena, v->text.ptr ? v->text : STR(""));
    case JSON_BOOL:
        return v->boolean ? STR("true") : STR("false");
    case JSON_NUMBER:
        if (json_to_i64(v, &whole)) {
            return str_fmt(arena, "%lld", (long long)whole);
        }
        return json_to_double(v, &number) ? json_double(arena, number)->text : v->text;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
    default:
        return STR("null");
    }
}

static bool is_primitive(const Json *v)
{
    return json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER) || json_is(v, JSON_BOOL);
}

static void add_texts(Arena *arena, Leaf *leaf, const Json *list)
{
    leaf->values = ARENA_ARRAY(arena, Str, list->n + 1U);
    for (uint32_t i = 0; i < list->n; i++) {
        leaf->values[leaf->n_values++] = predicate_text(arena, list->items[i]);
    }
}

/* {"type": t, "targetRef": string or {"$in": strings}} */
static Leaf relation_leaf(Arena *arena, const Json *target)
{
    Leaf leaf = {.op = LEAF_EXISTS, .wanted = true};
    for (uint32_t i = 0; i < target->n; i++) {
        const Json *v = target->members[i].value;
        if (str_eq_nocase(target->members[i].key, STR("type"))) {
            Str parts[] = {STR("relations."), json_str(v)};
            leaf.key = str_lower_utf8(arena, str_join(arena, parts, 2, STR_EMPTY));
            continue;
        }
        Json *list = json_array(arena);
        const Json *in = json_get_c(v, "$in");
        if (!in) {
            json_push(arena, list, json_clone(arena, v));
        }
        leaf.op = LEAF_IN;
        add_texts(arena, &leaf, in ? in : list);
    }
    return leaf;
}

Leaf leaf_read(Arena *arena, Str key, const Json *v)
{
    Leaf leaf = {.key = str_lower_utf8(arena, key), .op = LEAF_IN};
    const Json *exists = json_get_c(v, "$exists"), *in = json_get_c(v, "$in"),
               *prefix = json_get_c(v, "$hasPrefix"), *contains = json_get_c(v, "$contains");
    if (exists) {
        leaf.op = LEAF_EXISTS;
        leaf.wanted = json_bool(exists, true);
    } else if (in) {
        add_texts(arena, &leaf, in);
    } else if (prefix) {
        leaf.op = LEAF_PREFIX;
        leaf.prefix = str_lower_utf8(arena, json_str(prefix));
    } else if (json_is(contains, JSON_OBJECT)) {
        return relation_leaf(arena, contains);
    } else {
        leaf.values = ARENA_NEW(arena, Str);
        leaf.values[leaf.n_values++] = predicate_text(arena, contains ? contains : v);
    }
    return leaf;
}

/* ---- what cannot be answered */

typedef struct Validate {
    Arena *arena;
    Error *err;
    size_t leaves;
} Validate;

static Rc refuse_primitive(Validate *v, const Json *value)
{
    return error_set(v->err, RC_MALFORMED,
                     "Invalid filter predicate: top-level primitive values are not supported. Wrap "
                     "the value in a field expression, e.g. { \"kind\": %.*s }",
                     STR_ARG(json_to_str(v->arena, value)));
}

static Rc validate_target_ref(Validate *v, const Json *value)
{
    const Json *in = json_get_c(value, "$in");
    bool good = json_is(value, JSON_STRING) || (in && value->n == 1 && in->type == JSON_ARRAY);
    for (uint32_t i = 0; good && in && i < in->n; i++) {
        good = in->items[i]->type == JSON_STRING;
    }
    if (!good) {
        return error_set(v->err, RC_MALFORMED,
                         "Unsupported value in $contains for \"relations\": expected a string or { "
                         "\"$in\": [strings] }, but got %.*s",
                         STR_ARG(json_to_str(v->arena, value)));
    }
    if (in && in->n == 0) {
        return error_set(v->err, RC_MALFORMED,
                         "Empty \"$in\" array for $contains on \"relations\" is not allowed");
    }
    return RC_OK;
}

static Rc no_type(Validate *v)
{
    return error_set(
        v->err, RC_MALFORMED,
        "The $contains operator for \"relations\" requires a \"type\" string property");
}

static Rc validate_relation(Validate *v, const Json *target)
{
    bool has_type = false, has_target = false;
    for (uint32_t i = 0; i < target->n; i++) {
        Str key = target->members[i].key;
        const Json *value = target->members[i].value;
        bool is_type = str_eq_nocase(key, STR("type"));
        if (!is_type && !str_eq_nocase(key, STR("targetRef"))) {
            return error_set(v->err, RC_MALFORMED,
                             "Unsupported key \"%.*s\" in $contains for \"relations\". Only "
                             "\"type\" and \"targetRef\" are supported",
                             STR_ARG(key));
        }
        if (is_type ? has_type : has_target) {
            return error_set(v->err, RC_MALFORMED,
                             "Duplicate key \"%.*s\" in $contains for \"relations\"", STR_ARG(key));
        }
        if (is_type && !json_is(value, JSON_STRING)) {
            return no_type(v);
        }
        if (!is_type) {
            TRY(validate_target_ref(v, value));
        }
        has_type = has_type || (is_type && value->text.len);
        has_target = has_target || !is_type;
    }
    return has_type ? RC_OK : no_type(v);
}

static Rc validate_leaf(Validate *v, Str key, const Json *value)
{
    static const char *const operators[] = {"$exists", "$in", "$hasPrefix", "$contains"};
    Str lower = str_lower_utf8(v->arena, key);
    const Json *in = json_get_c(value, "$in"), *contains = json_get_c(value, "$contains");
    if (++v->leaves > PREDICATE_LEAVES_MAX || (in && in->n > PREDICATE_VALUES_MAX)) {
        return error_set(v->err, RC_LIMIT, "The query has more than %d conditions or %d values",
                         PREDICATE_LEAVES_MAX, PREDICATE_VALUES_MAX);
    }
    bool known = is_primitive(value);
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        known = known || json_get_c(value, operators[i]);
    }
    if (!known) {
        return error_set(v->err, RC_MALFORMED,
                         "Invalid filter predicate value for field \"%.*s\": expected a primitive "
                         "value, $exists, $in, $hasPrefix, or $contains operator, but got %.*s",
                         STR_ARG(lower), STR_ARG(json_to_str(v->arena, value)));
    }
    if (!json_is(contains, JSON_OBJECT)) {
        return RC_OK;
    }
    if (!str_is(lower, "relations")) {
        return error_set(v->err, RC_MALFORMED,
                         "Object form of $contains is not supported for field \"%.*s\"",
                         STR_ARG(lower));
    }
    return validate_relation(v, contains);
}

static Rc validate(Validate *v, const Json *p, unsigned depth)
{
    if (!json_is(p, JSON_OBJECT)) {
        return refuse_primitive(v, p);
    }
    if (depth > PREDICATE_DEPTH_MAX) {
        return error_set(v->err, RC_LIMIT, "The query is nested deeper than %d",
                         PREDICATE_DEPTH_MAX);
    }
    const Json *inner = json_get_c(p, "$not");
    if (inner) {
        return validate(v, inner, depth + 1);
    }
    inner = json_get_c(p, "$all");
    inner = inner ? inner : json_get_c(p, "$any");
    if (inner && inner->type != JSON_ARRAY) { /* a `filter=` whose key is an operator */
        return refuse_primitive(v, inner);
    }
    for (uint32_t i = 0; inner && i < inner->n; i++) {
        TRY(validate(v, inner->items[i], depth + 1));
    }
    if (inner && (v->leaves += inner->n) > PREDICATE_LEAVES_MAX) {
        return error_set(v->err, RC_LIMIT, "The query has more than %d conditions",
                         PREDICATE_LEAVES_MAX);
    }
    for (uint32_t i = 0; !inner && i < p->n; i++) {
        TRY(validate_leaf(v, p->members[i].key, p->members[i].value));
    }
    return RC_OK;
}

Rc predicate_validate(Arena *arena, const Json *predicate, Error *err)
{
    Validate v = {.arena = arena, .err = err};
    return predicate ? validate(&v, predicate, 0) : RC_OK;
}

/* ---- one entity */

static bool value_fits(const Leaf *leaf, Str value)
{
    if (str_is(value, ENTITY_FIELD_NULL)) {
        return false;
    }
    if (leaf->op == LEAF_PREFIX) {
        return str_starts(value, leaf->prefix);
    }
    for (size_t i = 0; i < leaf->n_values; i++) {
        if (str_eq(value, leaf->values[i])) {
            return true;
        }
    }
    return false;
}

static bool leaf_matches(Arena *arena, const Leaf *leaf, const Json *entity)
{
    EntityFields values;
    entity_values(entity, leaf->key, arena, &values);
    if (leaf->op == LEAF_EXISTS) {
        return (values.n > 0) == leaf->wanted;
    }
    for (size_t i = 0; i < values.n; i++) {
        if (value_fits(leaf, values.at[i].value)) {
            return true;
        }
    }
    return false;
}

static bool matches(Arena *arena, const Json *p, const Json *entity)
{
    const Json *inner = json_get_c(p, "$not");
    if (inner) {
        return !matches(arena, inner, entity);
    }
    const Json *all = json_get_c(p, "$all"), *any = json_get_c(p, "$any");
    if (!all && any) {
        for (uint32_t i = 0; i < any->n; i++) {
            if (matches(arena, any->items[i], entity)) {
                return true;
            }
        }
        return false;
    }
    for (uint32_t i = 0; all && i < all->n; i++) {
        if (!matches(arena, all->items[i], entity)) {
            return false;
        }
    }
    for (uint32_t i = 0; !all && i < p->n; i++) {
        Leaf leaf = leaf_read(arena, p->members[i].key, p->members[i].value);
        if (!leaf_matches(arena, &leaf, entity)) {
            return false;
        }
    }
    return true;
}

bool predicate_matches(const Json *predicate, const Json *entity)
{
    if (!predicate) {
        return true;
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    return matches(arena, predicate, entity);
}

/* ---- LIKE */

static size_t char_len(Str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

bool text_is_like(Str text, Str pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, resume = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            star = ++p;
            resume = t;
        } else if (p < pattern.len && pattern.ptr[p] == '_') {
            t += char_len(text, t);
            p++;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            t++;
            p++;
        } else if (star != SIZE_MAX) {
            resume += char_len(text, resume);
            t = resume;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%') {
        p++;
    }
    return p == pattern.len;
}
