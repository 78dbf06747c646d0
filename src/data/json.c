/* SPDX-License-Identifier: Apache-2.0
 * data/json.c - the value tree: access, comparison, building, merge patch. */
#include "data/json.h"

#include "base/arena.h"

#include "data/json_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SLAB_FIRST = 8,
    SLAB_MAX = 256,
    LINEAR_MAX = 16, /* larger objects are compared by index */
    ITEMS_FIRST = 4,
};

Json *json_slab_node(JsonSlab *slab, JsonType type)
{
    if (slab->left == 0) {
        slab->size = slab->size == 0 ? SLAB_FIRST : MIN(slab->size * 2, (size_t)SLAB_MAX);
        slab->next = ARENA_ARRAY(slab->arena, Json, slab->size);
        slab->left = slab->size;
    }
    slab->left--;
    Json *node = slab->next++;
    node->type = type;
    return node;
}

/* ---- Reading ---- */

const char *json_type_name(JsonType type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };

    return names[type];
}

bool json_is(const Json *v, JsonType type)
{
    return v && v->type == type;
}

static JsonMember *member_of(const Json *object, Str key)
{
    if (!json_is(object, JSON_OBJECT)) {
        return NULL;
    }
    for (uint32_t i = 0; i < object->n; i++) {
        if (str_eq(object->members[i].key, key)) {
            return &object->members[i];
        }
    }
    return NULL;
}

Json *json_get(const Json *object, Str key)
{
    const JsonMember *member = member_of(object, key);

    return member ? member->value : NULL;
}

Json *json_get_c(const Json *object, const char *key)
{
    return json_get(object, str_from(key));
}

/* Access gives back the node it was given, as strchr does: whether the tree may be changed is for
 * the caller to know. */
static Json *unconst(const Json *v)
{
    return (Json *)(uintptr_t)v;
}

Json *json_path(const Json *v, ...)
{
    Json *at = unconst(v);
    va_list ap;

    va_start(ap, v);
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *)) {
        at = json_get_c(at, key);
    }
    va_end(ap);
    return at;
}

/* Compares a key with a reference token, in which ~0 stands for ~ and ~1 for /. */
static bool token_is(Str token, Str key)
{
    size_t k = 0;

    for (size_t i = 0; i < token.len; i++, k++) {
        char c = token.ptr[i];
        if (c == '~') {
            i++;
            if (i == token.len || (token.ptr[i] != '0' && token.ptr[i] != '1')) {
                return false;
            }
            c = token.ptr[i] == '0' ? '~' : '/';
        }
        if (k >= key.len || key.ptr[k] != c) {
            return false;
        }
    }
    return k == key.len;
}

static Json *pointer_step(const Json *v, Str token)
{
    uint64_t index;

    if (json_is(v, JSON_OBJECT)) {
        for (uint32_t i = 0; i < v->n; i++) {
            if (token_is(token, v->members[i].key)) {
                return v->members[i].value;
            }
        }
        return NULL;
    }
    /* Array indexes have no leading zeros and no sign (RFC 6901 section 4). */
    if (!json_is(v, JSON_ARRAY) || token.len == 0 || token.ptr[0] < '0' || token.ptr[0] > '9' ||
        (token.len > 1 && token.ptr[0] == '0') || !str_to_u64(token, &index) || index >= v->n) {
        return NULL;
    }
    return v->items[index];
}

Json *json_pointer(const Json *v, Str pointer)
{
    Str token;

    if (pointer.len == 0) {
        return unconst(v);
    }
    if (pointer.ptr[0] != '/') {
        return NULL;
    }
    Str rest = str_from_index(pointer, 1);
    const Json *at = v;
    while (at && str_split(&rest, '/', &token)) {
        at = pointer_step(at, token);
    }
    return unconst(at);
}

Str json_str(const Json *v)
{
    return json_is(v, JSON_STRING) ? v->text : STR("");
}

Str json_str_at(const Json *object, const char *key)
{
    return json_str(json_get_c(object, key));
}

bool json_bool(const Json *v, bool otherwise)
{
    return json_is(v, JSON_BOOL) ? v->boolean : otherwise;
}

/* ---- Comparison ---- */

static bool number_equal(const Json *a, const Json *b)
{
    if (str_eq(a->text, b->text)) {
        return true;
    }
    JsonDecimal da = json_decimal(a->text);
    JsonDecimal db = json_decimal(b->text);
    return json_decimal_equal(&da, &db);
}

static bool object_equal_indexed(const Json *a, const Json *b)
{
    JsonKeySet set = {0};
    bool equal = true;

    json_key_set_build(&set, b->members, b->n);
    for (uint32_t i = 0; i < a->n && equal; i++) {
        size_t at = json_key_set_find(&set, b->members, a->members[i].key);
        equal = at != SIZE_MAX && json_equal(a->members[i].value, b->members[at].value);
    }
    json_key_set_done(&set);
    return equal;
}

static bool object_equal(const Json *a, const Json *b)
{
    uint32_t i = 0;

    /* The usual case: equal objects have the same order. */
    while (i < a->n && str_eq(a->members[i].key, b->members[i].key)) {
        if (!json_equal(a->members[i].value, b->members[i].value)) {
            return false;
        }
        i++;
    }
    if (i == a->n) {
        return true;
    }
    if (a->n > LINEAR_MAX) {
        return object_equal_indexed(a, b);
    }
    for (; i < a->n; i++) {
        const Json *other = json_get(b, a->members[i].key);
        if (!other || !json_equal(a->members[i].value, other)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const Json *a, const Json *b)
{
    if (a == b) {
        return true;
    }
    if (!a || !b || a->type != b->type || a->n != b->n) {
        return false;
    }
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return a->boolean == b->boolean;
    case JSON_NUMBER:
        return number_equal(a, b);
    case JSON_STRING:
        return str_eq(a->text, b->text);
    case JSON_ARRAY:
        for (uint32_t i = 0; i < a->n; i++) {
            if (!json_equal(a->items[i], b->items[i])) {
                return false;
            }
        }
        return true;
    case JSON_OBJECT:
        return object_equal(a, b);
    }
    return false;
}

/* ---- Building ---- */

static Json *node_new(Arena *arena, JsonType type)
{
    Json *node = ARENA_NEW(arena, Json);

    node->type = type;
    return node;
}

static Json *text_new(Arena *arena, JsonType type, Str text)
{
    Json *node = node_new(arena, type);

    node->text = str_dup(arena, text);
    return node;
}

Json *json_null(Arena *arena)
{
    return node_new(arena, JSON_NULL);
}

Json *json_bool_new(Arena *arena, bool v)
{
    Json *node = node_new(arena, JSON_BOOL);

    node->boolean = v;
    return node;
}

Json *json_int(Arena *arena, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, v);

    return text_new(arena, JSON_NUMBER, str_of(text, (size_t)n));
}

Json *json_double(Arena *arena, double v)
{
    char text[JSON_DOUBLE_SIZE];

    if (!isfinite(v)) {
        return json_null(arena);
    }
    return text_new(arena, JSON_NUMBER, json_double_text(v, text));
}

Json *json_number(Arena *arena, Str text)
{
    ASSERT(text.len > 0 && json_number_length(text) == text.len);
    return text_new(arena, JSON_NUMBER, text);
}

Json *json_string(Arena *arena, Str v)
{
    return text_new(arena, JSON_STRING, v);
}

Json *json_string_c(Arena *arena, const char *v)
{
    return json_string(arena, str_from(v));
}

Json *json_array(Arena *arena)
{
    return node_new(arena, JSON_ARRAY);
}

Json *json_object(Arena *arena)
{
    return node_new(arena, JSON_OBJECT);
}

static uint32_t grown_cap(uint32_t cap)
{
    ASSERT(cap <= UINT32_MAX / 2);
    return cap == 0 ? ITEMS_FIRST : cap * 2;
}

void json_push(Arena *arena, Json *array, Json *item)
{
    ASSERT(array->type == JSON_ARRAY && item);
    if (array->n == array->cap) {
        uint32_t cap = grown_cap(array->cap);
        array->items = arena_grow(arena, array->items, array->n * sizeof(array->items[0]),
                                  cap * sizeof(array->items[0]));
        array->cap = cap;
    }
    array->items[array->n++] = item;
}

/* The key is borrowed. */
static void object_append(Arena *arena, Json *object, Str key, Json *value)
{
    if (object->n == object->cap) {
        uint32_t cap = grown_cap(object->cap);
        object->members = arena_grow(arena, object->members, object->n * sizeof(object->members[0]),
                                     cap * sizeof(object->members[0]));
        object->cap = cap;
    }
    object->members[object->n++] = (JsonMember){key, value};
}

void json_set(Arena *arena, Json *object, Str key, Json *value)
{
    ASSERT(object->type == JSON_OBJECT && value);
    JsonMember *member = member_of(object, key);
    if (member) {
        member->value = value;
    } else {
        object_append(arena, object, str_dup(arena, key), value);
    }
}

void json_set_c(Arena *arena, Json *object, const char *key, Json *value)
{
    json_set(arena, object, str_from(key), value);
}

void json_set_str(Arena *arena, Json *object, const char *key, Str value)
{
    json_set_c(arena, object, key, json_string(arena, value));
}

Json *json_member_object(Arena *arena, Json *object, const char *key)
{
    Json *found = json_get_c(object, key);
    if (!json_is(found, JSON_OBJECT)) {
        found = json_object(arena);
        json_set_c(arena, object, key, found);
    }
    return found;
}

bool json_remove(Json *object, Str key)
{
    JsonMember *member = member_of(object, key);

    if (!member) {
        return false;
    }
    size_t after = (size_t)(object->members + object->n - member) - 1;
    memmove(member, member + 1, after * sizeof(*member));
    object->n--;
    return true;
}

Json *json_clone(Arena *arena, const Json *v)
{
    Json *copy = ARENA_NEW(arena, Json);

    *copy = *v;
    copy->cap = v->n;
    switch (v->type) {
    case JSON_NULL:
    case JSON_BOOL:
        break;
    case JSON_NUMBER:
    case JSON_STRING:
        copy->text = str_dup(arena, v->text);
        break;
    case JSON_ARRAY:
        copy->items = ARENA_ARRAY(arena, Json *, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            copy->items[i] = json_clone(arena, v->items[i]);
        }
        break;
    case JSON_OBJECT:
        copy->members = ARENA_ARRAY(arena, JsonMember, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            copy->members[i].key = str_dup(arena, v->members[i].key);
            copy->members[i].value = json_clone(arena, v->members[i].value);
        }
        break;
    }
    return copy;
}

/* A patched member, or NULL when the patch removes it. target may be NULL. */
static Json *merge_value(Arena *arena, const Json *target, const Json *patch)
{
    return json_is(patch, JSON_NULL) ? NULL : json_merge_patch(arena, target, patch);
}

Json *json_merge_patch(Arena *arena, const Json *target, const Json *patch)
{
    JsonKeySet set = {0};

    if (!json_is(patch, JSON_OBJECT)) {
        return unconst(patch);
    }
    Json *result = json_object(arena);
    uint32_t n_target = json_is(target, JSON_OBJECT) ? target->n : 0;
    json_key_set_build(&set, patch->members, patch->n);
    for (uint32_t i = 0; i < n_target; i++) {
        const JsonMember *member = &target->members[i];
        size_t at = json_key_set_find(&set, patch->members, member->key);
        Json *value = at == SIZE_MAX ? member->value
                                     : merge_value(arena, member->value, patch->members[at].value);
        if (value) {
            object_append(arena, result, member->key, value);
        }
    }
    if (n_target > 0) {
        json_key_set_build(&set, target->members, n_target);
    }
    for (uint32_t i = 0; i < patch->n; i++) {
        const JsonMember *member = &patch->members[i];
        if (n_target > 0 && json_key_set_find(&set, target->members, member->key) != SIZE_MAX) {
            continue;
        }
        Json *value = merge_value(arena, NULL, member->value);
        if (value) {
            object_append(arena, result, member->key, value);
        }
    }
    json_key_set_done(&set);
    return result;
}
