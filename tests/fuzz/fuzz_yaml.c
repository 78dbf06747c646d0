/* SPDX-License-Identifier: Apache-2.0
 * Any bytes to the YAML reader. What it accepts is within its limits, aliases expanded, and
 * survives being written and read again; a JSON text means in YAML what it means in JSON. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include "data/yaml.h"

static const YamlLimits limits = {
    .max_bytes = 1 << 20,
    .max_depth = 20,
    .max_nodes = 5000,
    .max_documents = 100,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t check_tree(const Json *v, size_t depth)
{
    size_t n = 1;

    ASSERT(depth <= limits.max_depth);
    if (v->type == JSON_STRING || v->type == JSON_NUMBER) {
        ASSERT(str_is_utf8(v->text, NULL) && str_find_char(v->text, '\0') == SIZE_MAX);
    }
    for (uint32_t i = 0; v->type == JSON_ARRAY && i < v->n; i++) {
        n += check_tree(v->items[i], depth + 1);
    }
    for (uint32_t i = 0; v->type == JSON_OBJECT && i < v->n; i++) {
        ASSERT(json_get(v, v->members[i].key) == v->members[i].value);
        n += check_tree(v->members[i].value, depth + 1);
    }
    return n;
}

static void check_round_trip(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    Json *back = NULL;

    yaml_write(&out, v);
    ASSERT(yaml_parse(arena, buf_str(&out), NULL, &back, NULL) == RC_OK);
    ASSERT(str_eq(json_to_str(arena, v), json_to_str(arena, back)));
}

static void check_json_is_yaml(Arena *arena, Str text)
{
    const JsonLimits json_limits = {
        .max_bytes = limits.max_bytes,
        .max_depth = limits.max_depth,
        .max_nodes = limits.max_nodes,
    };
    Json *from_json = NULL;
    Json *from_yaml = NULL;

    if (json_parse(arena, text, &json_limits, &from_json, NULL) == RC_OK &&
        (json_is(from_json, JSON_OBJECT) || json_is(from_json, JSON_ARRAY))) {
        ASSERT(yaml_parse(arena, text, &limits, &from_yaml, NULL) == RC_OK);
        ASSERT(str_eq(json_to_str(arena, from_json), json_to_str(arena, from_yaml)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Str text = str_of((const char *)data, size);
    YamlDocument *documents = NULL;
    Error err = {0};
    size_t n = 0, n_nodes = 0;

    Rc rc = yaml_parse_all(arena, text, &limits, &documents, &n, &err);
    ASSERT(rc == RC_OK || rc == RC_MALFORMED || rc == RC_LIMIT);
    ASSERT(n <= limits.max_documents);
    if (rc != RC_OK) {
        ASSERT(err.message[0] != '\0');
        ASSERT(err.line <= size + 2 && err.column <= size + 2);
    }
    for (size_t i = 0; i < n; i++) {
        ASSERT(documents[i].line >= 1 && documents[i].line <= size + 1);
        n_nodes += check_tree(documents[i].root, 0);
        check_round_trip(arena, documents[i].root);
    }
    ASSERT(n_nodes <= limits.max_nodes);
    check_json_is_yaml(arena, text);
    arena_free(arena);
    return 0;
}
