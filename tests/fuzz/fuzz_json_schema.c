/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: a schema and an instance, on two lines after a byte of options.
 *
 * Beyond not crashing it asserts that asking for issues does not change the verdict, that a failure
 * comes with an issue, and that every issue leads to a value of the instance. */
#include "data/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ISSUES = 20 };
static const JsonLimits limits = {
    .max_bytes = 64 * 1024, .max_depth = 64, .max_nodes = 10000, .allow_nul = true};

static void check(Arena *arena, const JsonSchema *schema, const Json *instance)
{
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    bool quick = json_schema_validate(schema, instance, arena, 0, NULL, NULL);
    bool full = json_schema_validate(schema, instance, arena, MAX_ISSUES, &issues, &n);
    ASSERT(quick == full);
    ASSERT(full == (n == 0));
    ASSERT(n <= MAX_ISSUES);
    for (size_t i = 0; i < n; i++) {
        ASSERT(json_pointer(instance, issues[i].instance_path) != NULL);
        ASSERT(issues[i].message.len > 0);
        ASSERT(str_ends(issues[i].schema_path, issues[i].keyword));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str text = str_of((const char *)data, size);
    size_t line = str_find_char(text, '\n');
    if (size == 0 || line == 0 || line == SIZE_MAX) {
        return 0;
    }
    Arena *arena = arena_new(0);
    Json *root = NULL;
    Json *instance = NULL;
    const JsonSchema *schema = NULL;
    Error err;
    JsonSchemaOptions options = {.dialect = (data[0] & 1) != 0 ? JSON_SCHEMA_DRAFT_07
                                                               : JSON_SCHEMA_2020_12,
                                 .assert_format = (data[0] & 2) != 0,
                                 .base_uri = STR("https://fuzz.example/a/b")};
    if (json_parse(arena, str_sub(text, 1, line), &limits, &root, &err) == RC_OK &&
        json_parse(arena, str_from_index(text, line + 1), &limits, &instance, &err) == RC_OK) {
        Rc rc = json_schema_compile(arena, root, &options, &schema, &err);
        if (rc == RC_OK) {
            check(arena, schema, instance);
        } else {
            ASSERT(rc == RC_INVALID && schema == NULL && err.message[0] != '\0');
        }
    }
    arena_free(arena);
    return 0;
}
