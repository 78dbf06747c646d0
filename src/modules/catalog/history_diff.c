/* SPDX-License-Identifier: Apache-2.0
 * What differs between two states of an entity: operations as in RFC 6902, each with the old value
 * too, and the same as lines of text. metadata.etag is left out: it always differs. */
#include "modules/catalog/history.h"

typedef struct Diff {
    Arena *arena;
    Json *changes;
    Buf text;
    bool truncated;
} Diff;

static Str below(Arena *arena, Str path, Str key)
{
    Str escaped =
        str_replace(arena, str_replace(arena, key, STR("~"), STR("~0")), STR("/"), STR("~1"));
    return str_fmt(arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(escaped));
}

static Str below_index(Arena *arena, Str path, uint32_t index)
{
    return str_fmt(arena, "%.*s/%u", STR_ARG(path), index);
}

/* old or new is NULL: it was added or removed. */
static void add_change(Diff *d, Str path, const Json *old, const Json *new)
{
    const char *op = old && new ? "replace" : new ? "add" : "remove";
    if (d->changes->n >= HISTORY_CHANGES_MAX) {
        d->truncated = true;
        return;
    }
    Json *change = json_object(d->arena);
    json_set_str(d->arena, change, "op", str_from(op));
    json_set_str(d->arena, change, "path", path);
    buf_fmt(&d->text, "%c %.*s: ", old && new ? '~' : new ? '+' : '-', STR_ARG(path));
    if (old) {
        json_set_c(d->arena, change, "from", json_clone(d->arena, old));
        json_write(&d->text, old);
    }
    if (old && new) {
        buf_lit(&d->text, " -> ");
    }
    if (new) {
        json_set_c(d->arena, change, "value", json_clone(d->arena, new));
        json_write(&d->text, new);
    }
    buf_char(&d->text, '\n');
    json_push(d->arena, d->changes, change);
}

static void compare(Diff *d, Str path, const Json *old, const Json *new);

static void compare_objects(Diff *d, Str path, const Json *old, const Json *new)
{
    for (uint32_t i = 0; i < old->n; i++) {
        Str at = below(d->arena, path, old->members[i].key);
        const Json *other = json_get(new, old->members[i].key);
        if (str_is(at, "/metadata/etag")) {
            continue;
        }
        if (other) {
            compare(d, at, old->members[i].value, other);
        } else {
            add_change(d, at, old->members[i].value, NULL);
        }
    }
    for (uint32_t i = 0; i < new->n; i++) {
        if (!json_get(old, new->members[i].key)) {
            add_change(d, below(d->arena, path, new->members[i].key), NULL, new->members[i].value);
        }
    }
}

/* By place; what is too much goes from the end, so that the places of the rest stay right. */
static void compare_arrays(Diff *d, Str path, const Json *old, const Json *new)
{
    for (uint32_t i = 0; i < MIN(old->n, new->n); i++) {
        compare(d, below_index(d->arena, path, i), old->items[i], new->items[i]);
    }
    for (uint32_t i = old->n; i > new->n; i--) {
        add_change(d, below_index(d->arena, path, i - 1), old->items[i - 1], NULL);
    }
    for (uint32_t i = old->n; i < new->n; i++) {
        add_change(d, below_index(d->arena, path, i), NULL, new->items[i]);
    }
}

static void compare(Diff *d, Str path, const Json *old, const Json *new)
{
    if (old->type == JSON_OBJECT && new->type == JSON_OBJECT) {
        compare_objects(d, path, old, new);
    } else if (old->type == JSON_ARRAY && new->type == JSON_ARRAY) {
        compare_arrays(d, path, old, new);
    } else if (!json_equal(old, new)) {
        add_change(d, path, old, new);
    }
}

bool history_diff(Arena *arena, const Json *old, const Json *new, Json **ret_changes, Str *ret_text)
{
    Diff d = {.arena = arena, .changes = json_array(arena), .text = buf_init(arena, 16 * MIB)};
    compare(&d, STR(""), old, new);
    *ret_changes = d.changes;
    *ret_text = d.text.len ? buf_str(&d.text) : STR("");
    return !d.truncated && buf_ok(&d.text);
}
