/* SPDX-License-Identifier: Apache-2.0
 * Placeholders: an object with the one key $text, $json or $yaml is replaced by what its location
 * holds. */
#include "base/file.h"

#include "data/yaml.h"
#include "modules/catalog/entity.h"
#include "net/http_client.h"

enum { SUBSTITUTE_DEPTH_MAX = 64, PLACEHOLDERS_MAX = 1000 };

typedef struct Substitute {
    Str base;
    EntityRead read;
    void *user;
    Arena *arena;
    unsigned n; /* placeholders met */
} Substitute;

static bool has_scheme(Str target, const char *scheme)
{
    return str_starts(target, str_from(scheme));
}

Rc location_resolve(Arena *arena, Str base_location, Str target, Str *ret_location, Error *err)
{
    size_t colon = str_find_char(base_location, ':');
    if (colon == SIZE_MAX || target.len == 0) {
        return error_set(err, RC_INVALID,
                         "a location must look like url:https://host/path or file:/path");
    }
    Str type = str_sub(base_location, 0, colon), base = str_from_index(base_location, colon + 1);
    Str resolved;
    if (has_scheme(target, "http://") || has_scheme(target, "https://")) {
        type = STR("url");
        resolved = target;
    } else if (str_is(type, "url")) {
        resolved = url_resolve(arena, base, target);
    } else if (target.ptr[0] == '/') {
        resolved = path_join(arena, STR("/"), target);
    } else {
        resolved = path_join(arena, path_dir(base), target);
    }
    *ret_location = str_fmt(arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(resolved));
    return RC_OK;
}

/* Where in the file that was read it went wrong is part of the message: line and column of the
 * problem are those of the placeholder. */
static Rc unparsable(Substitute *s, const char *what, const Json *value, Rc rc, Error *err)
{
    if (!err) {
        return rc;
    }
    Str why = str_dup(s->arena, str_from(err->message));
    return error_set_at(err, rc, value->line, value->column,
                        "Placeholder %s data at %.*s, line %u, column %u: %.*s", what,
                        STR_ARG(value->text), err->line, err->column, STR_ARG(why));
}

static Rc parse_yaml(Substitute *s, Str text, const Json *value, Json **ret, Error *err)
{
    YamlDocument *docs;
    size_t n;
    Rc rc = yaml_parse_all(s->arena, text, NULL, &docs, &n, err);
    if (rc != RC_OK) {
        return unparsable(s, "$yaml failed to parse YAML", value, rc, err);
    }
    if (n != 1) {
        return error_set_at(
            err, RC_INVALID, value->line, value->column,
            "Placeholder $yaml expected to find exactly one document of data at %.*s, found %zu",
            STR_ARG(value->text), n);
    }
    *ret = docs[0].root;
    return RC_OK;
}

static Rc
bundle(Substitute *s, Str key, Str text, Str location, const Json *value, Json **ret, Error *err)
{
    Str whole;
    Rc rc = entity_bundle(text, location, s->read, s->user, s->arena, &whole, err);
    if (rc != RC_OK) {
        error_prefix(err, "Placeholder %.*s", STR_ARG(key));
        if (err) {
            err->line = value->line;
            err->column = value->column;
        }
        return rc;
    }
    *ret = json_string(s->arena, whole);
    return RC_OK;
}

static Rc unreadable(Substitute *s, Str key, const Json *value, Rc rc, Error *err)
{
    if (!err) {
        return rc;
    }
    Str why = str_dup(s->arena, str_from(err->message)),
        name = str_dup(s->arena, err->detail[0] ? str_from(err->detail) : STR("Error"));
    return error_set_at(err, rc, value->line, value->column,
                        "Placeholder %.*s could not read location %.*s, %.*s: %.*s", STR_ARG(key),
                        STR_ARG(value->text), STR_ARG(name), STR_ARG(why));
}

static Rc resolve(Substitute *s, Str key, const Json *value, Json **ret, Error *err)
{
    if (value->type != JSON_STRING) {
        return error_set_at(err, RC_INVALID, value->line, value->column,
                            "Placeholder %.*s expected a string value parameter, in the form of an "
                            "absolute URL or a "
                            "relative path",
                            STR_ARG(key));
    }
    if (++s->n > PLACEHOLDERS_MAX) {
        return error_set(err, RC_LIMIT, "an entity may hold at most %d placeholders",
                         PLACEHOLDERS_MAX);
    }
    Str text, location;
    Rc rc = s->read(s->user, s->base, value->text, s->arena, &text, &location, err);
    if (rc != RC_OK) {
        return unreadable(s, key, value, rc, err);
    }
    if (str_is(key, "$yaml")) {
        return parse_yaml(s, text, value, ret, err);
    }
    if (str_is(key, "$json")) {
        rc = json_parse(s->arena, text, NULL, ret, err);
        return rc == RC_OK ? rc : unparsable(s, "$json failed to parse JSON", value, rc, err);
    }
    if (!str_is(key, "$text")) {
        return bundle(s, key, text, location, value, ret, err);
    }
    *ret = json_string(s->arena, text);
    return RC_OK;
}

static bool is_placeholder(const Json *node)
{
    if (node->type != JSON_OBJECT || node->n != 1) {
        return false;
    }
    static const char *const known[] = {"$text", "$json", "$yaml", "$openapi", "$asyncapi"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_is(node->members[0].key, known[i])) {
            return true;
        }
    }
    return false;
}

/* An object with a key that begins with $ is somebody else's business (a JSON Schema, say), with
 * all that is in it. */
static bool is_left_alone(const Json *node)
{
    for (uint32_t i = 0; node->type == JSON_OBJECT && i < node->n; i++) {
        if (str_starts(node->members[i].key, STR("$"))) {
            return true;
        }
    }
    return false;
}

static Rc walk(Substitute *s, Json **node, unsigned depth, Error *err)
{
    Json *at = *node;
    if (depth > SUBSTITUTE_DEPTH_MAX) {
        return error_set(err, RC_LIMIT, "the entity is nested deeper than %d",
                         SUBSTITUTE_DEPTH_MAX);
    }
    if (is_placeholder(at)) {
        Json *value = NULL;
        TRY(resolve(s, at->members[0].key, at->members[0].value, &value, err));
        ASSERT(value);
        Json *copy = ARENA_NEW(s->arena, Json);
        *copy = *value;
        copy->line = at->line;
        copy->column = at->column;
        *node = copy;
        return RC_OK;
    }
    if (is_left_alone(at)) {
        return RC_OK;
    }
    for (uint32_t i = 0; i < at->n && at->type == JSON_OBJECT; i++) {
        TRY(walk(s, &at->members[i].value, depth + 1, err));
    }
    for (uint32_t i = 0; i < at->n && at->type == JSON_ARRAY; i++) {
        TRY(walk(s, &at->items[i], depth + 1, err));
    }
    return RC_OK;
}

Rc entity_substitute(
    Json **entity, Str base_location, EntityRead read, void *user, Arena *arena, Error *err)
{
    Substitute s = {.base = base_location, .read = read, .user = user, .arena = arena};
    return walk(&s, entity, 0, err);
}
