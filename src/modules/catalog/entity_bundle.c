/* SPDX-License-Identifier: Apache-2.0
 * $openapi and $asyncapi: a description of an API spread over files becomes one text. What another
 * file holds is put where it is first referred to; later references, those of a circle too, point
 * there. References within the first file stay. */
#include "base/map.h"

#include "data/yaml.h"
#include "modules/catalog/entity.h"

enum { BUNDLE_DEPTH_MAX = 64, BUNDLE_REFERENCES_MAX = 1000 };
#define LIMIT_BUNDLE (16 * MIB)

typedef struct Bundle {
    Arena *arena;
    EntityRead read;
    void *user;
    Str root;   /* location of the first file */
    Map files;  /* location -> Json */
    Map placed; /* "location#pointer" -> Str: where in the result it stands */
    size_t bytes;
} Bundle;

typedef struct Target {
    Str location, fragment;
    Json *file;
} Target;

static Rc parse(Bundle *b, Str text, Str location, Json **ret, Error *err)
{
    Rc rc = yaml_parse(b->arena, text, NULL, ret, err);
    if (rc != RC_OK) {
        error_prefix(err, "could not be parsed: %.*s, line %u, column %u", STR_ARG(location),
                     err ? err->line : 0, err ? err->column : 0);
        return rc;
    }
    Json **kept = ARENA_NEW(b->arena, Json *);
    *kept = *ret;
    map_put(&b->files, location, kept);
    return RC_OK;
}

/* Files are read once; one that is named in two ways is still read once for each. */
static Rc find_target(Bundle *b, Str base, Str reference, Target *ret, Error *err)
{
    size_t hash = str_find_char(reference, '#');
    Str file = str_sub(reference, 0, MIN(hash, reference.len)), text = STR_EMPTY;
    ret->fragment = hash == SIZE_MAX ? STR_EMPTY : str_from_index(reference, hash + 1);
    ret->location = base;
    if (file.len) {
        Rc rc = b->read(b->user, base, file, b->arena, &text, &ret->location, err);
        if (rc != RC_OK) {
            error_prefix(err, "could not read location %.*s", STR_ARG(file));
            return rc;
        }
    }
    Json **known = map_get(&b->files, ret->location);
    if (known) {
        ret->file = *known;
        return RC_OK;
    }
    return parse(b, text, ret->location, &ret->file, err);
}

static Rc take(Bundle *b, const Target *target, Json **ret, Error *err)
{
    Buf pointer = buf_init(b->arena, target->fragment.len + 1);
    const Json *value = buf_unurl(&pointer, target->fragment, false)
                            ? json_pointer(target->file, buf_str(&pointer))
                            : NULL;
    if (!value) {
        return error_set(err, RC_NOT_FOUND, "%.*s has nothing at #%.*s", STR_ARG(target->location),
                         STR_ARG(target->fragment));
    }
    b->bytes += json_to_str(b->arena, value).len;
    if (b->bytes > LIMIT_BUNDLE || b->placed.n_live >= BUNDLE_REFERENCES_MAX) {
        return error_set(err, RC_LIMIT,
                         "refers to more than %d parts of other files, or to more than %d MiB",
                         BUNDLE_REFERENCES_MAX, (int)(LIMIT_BUNDLE / MIB));
    }
    *ret = json_clone(b->arena, value);
    return RC_OK;
}

static Json *reference_to(Bundle *b, Str pointer)
{
    Json *v = json_object(b->arena);
    json_set_str(b->arena, v, "$ref", str_fmt(b->arena, "#%.*s", STR_ARG(pointer)));
    return v;
}

static Rc walk(Bundle *b, Json **node, Str location, Str pointer, unsigned depth, Error *err);

static Rc
follow(Bundle *b, Json **node, Str reference, Str location, Str pointer, unsigned depth, Error *err)
{
    Target target;
    TRY(find_target(b, location, reference, &target, err));
    if (str_eq(target.location, b->root)) {
        *node = reference_to(b, target.fragment);
        return RC_OK;
    }
    Str parts[] = {target.location, target.fragment};
    Str key = str_join(b->arena, parts, 2, STR("#"));
    const Str *at = map_get(&b->placed, key);
    if (at) {
        *node = reference_to(b, *at);
        return RC_OK;
    }
    TRY(take(b, &target, node, err));
    Str *here = ARENA_NEW(b->arena, Str);
    *here = pointer;
    map_put(&b->placed, key, here);
    return walk(b, node, target.location, pointer, depth, err);
}

static Str below(Bundle *b, Str pointer, Str key)
{
    key =
        str_replace(b->arena, str_replace(b->arena, key, STR("~"), STR("~0")), STR("/"), STR("~1"));
    return str_fmt(b->arena, "%.*s/%.*s", STR_ARG(pointer), STR_ARG(key));
}

static Rc walk(Bundle *b, Json **node, Str location, Str pointer, unsigned depth, Error *err)
{
    Json *at = *node;
    if (depth > BUNDLE_DEPTH_MAX) {
        return error_set(err, RC_LIMIT, "is nested deeper than %d", BUNDLE_DEPTH_MAX);
    }
    Str reference = json_str_at(at, "$ref");
    bool is_inside = str_starts(reference, STR("#")) && str_eq(location, b->root);
    if (reference.len && !is_inside) {
        return follow(b, node, reference, location, pointer, depth + 1, err);
    }
    for (uint32_t i = 0; at->type == JSON_OBJECT && i < at->n; i++) {
        Str next = below(b, pointer, at->members[i].key);
        TRY(walk(b, &at->members[i].value, location, next, depth + 1, err));
    }
    for (uint32_t i = 0; at->type == JSON_ARRAY && i < at->n; i++) {
        Str next = str_fmt(b->arena, "%.*s/%u", STR_ARG(pointer), i);
        TRY(walk(b, &at->items[i], location, next, depth + 1, err));
    }
    return RC_OK;
}

Rc entity_bundle(
    Str text, Str location, EntityRead read, void *user, Arena *arena, Str *ret, Error *err)
{
    Json *root;
    Bundle b = {
        .arena = arena,
        .read = read,
        .user = user,
        .root = location,
        .files = map_init(arena),
        .placed = map_init(arena),
    };
    if (str_find(text, STR("$ref")) == SIZE_MAX) {
        *ret = text;
        return RC_OK;
    }
    TRY(parse(&b, text, location, &root, err));
    TRY(walk(&b, &root, location, STR_EMPTY, 0, err));
    if (b.placed.n_live == 0) {
        *ret = text; /* as its author wrote it */
        return RC_OK;
    }
    Buf out = buf_init(arena, 2 * LIMIT_BUNDLE);
    yaml_write(&out, root);
    if (!buf_ok(&out)) {
        return error_set(err, RC_LIMIT, "is larger than %d MiB", (int)(2 * LIMIT_BUNDLE / MIB));
    }
    *ret = buf_str(&out);
    return RC_OK;
}
