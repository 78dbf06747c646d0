/* SPDX-License-Identifier: Apache-2.0
 * fields=kind,metadata.annotations.backstage.io/orphan: parts of an entity by dotted paths, in
 * which keys may themselves have dots. */
#include "modules/catalog/query.h"

enum { PATH_MAX_PARTS = 64, PICKED_ITEMS_MAX = 10000 };

Rc fields_parse(Arena *arena, const Str *lists, size_t n, FieldList *ret, Error *err)
{
    *ret = (FieldList){.at = ARENA_ARRAY(arena, Str, QUERY_FIELDS_MAX)};
    for (size_t i = 0; i < n; i++) {
        Str rest = lists[i], part;
        while (str_split(&rest, ',', &part)) {
            part = str_trim(part);
            bool known = part.len == 0;
            for (size_t k = 0; k < ret->n && !known; k++) {
                known = str_eq(ret->at[k], part);
            }
            if (known) {
                continue;
            }
            if (ret->n == QUERY_FIELDS_MAX) {
                return error_set(err, RC_LIMIT, "More than %d fields are asked for",
                                 QUERY_FIELDS_MAX);
            }
            ret->at[ret->n++] = part;
        }
    }
    for (size_t i = 0; i < ret->n; i++) {
        if (str_find_char(ret->at[i], '[') != SIZE_MAX) {
            return error_set(err, RC_MALFORMED,
                             "Invalid field \"%.*s\", array type fields are not supported",
                             STR_ARG(ret->at[i]));
        }
    }
    return RC_OK;
}

/* "0", "17": what may stand for an item of a list. */
static bool is_index(Str s, size_t *ret)
{
    int64_t v;
    if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0') || !str_to_i64(s, &v) || v < 0 ||
        v >= PICKED_ITEMS_MAX) {
        return false;
    }
    *ret = (size_t)v;
    return true;
}

static Json *child(const Json *v, Str name)
{
    size_t index;
    if (json_is(v, JSON_ARRAY)) {
        return is_index(name, &index) && index < v->n ? v->items[index] : NULL;
    }
    return json_get(v, name);
}

/* The longest steps are tried last: a part that is no key is joined with the next one. */
static Json *resolve(const Json *entity, Str field, Str parts[PATH_MAX_PARTS], size_t *ret_n)
{
    const Json *at = entity;
    size_t from = 0;
    *ret_n = 0;
    for (size_t i = 0; i <= field.len; i++) {
        if (i < field.len && field.ptr[i] != '.') {
            continue;
        }
        Str part = str_sub(field, from, i);
        Json *next = child(at, part);
        if (next && *ret_n < PATH_MAX_PARTS) {
            parts[(*ret_n)++] = part;
            at = next;
            from = i + 1;
            if (i == field.len) {
                return next;
            }
        }
    }
    return NULL;
}

static void put(Arena *arena, Json *container, Str name, Json *value)
{
    size_t index;
    if (container->type == JSON_OBJECT) {
        json_set(arena, container, name, value);
    } else if (container->type == JSON_ARRAY && is_index(name, &index)) {
        while (container->n <= index) {
            json_push(arena, container, json_null(arena));
        }
        container->items[index] = value;
    }
}

/* Puts a value at a path, making what is missing. `made` tells own containers from the entity's,
 * which must not be changed: what lies in them is there already. */
static void set_path(Arena *arena, Json *out, const Str *parts, size_t n, Json *value)
{
    Json *at = out;
    size_t index;
    for (size_t i = 0; i + 1 < n; i++) {
        Json *next = child(at, parts[i]);
        if (next && next->line == 0 && (next->type == JSON_OBJECT || next->type == JSON_ARRAY)) {
            at = next;
            continue;
        }
        if (next && next->type != JSON_NULL) {
            return; /* a whole part of the entity is there */
        }
        next = is_index(parts[i + 1], &index) ? json_array(arena) : json_object(arena);
        put(arena, at, parts[i], next);
        at = next;
    }
    put(arena, at, parts[n - 1], value);
}

Json *fields_pick(Arena *arena, const FieldList *fields, const Json *entity)
{
    Json *out = json_object(arena);
    for (size_t i = 0; i < fields->n; i++) {
        Str parts[PATH_MAX_PARTS];
        size_t n;
        Json *value = resolve(entity, fields->at[i], parts, &n);
        if (value) {
            set_path(arena, out, parts, n, value);
        }
    }
    return out;
}
