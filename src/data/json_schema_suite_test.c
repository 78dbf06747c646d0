/* SPDX-License-Identifier: Apache-2.0
 * The official JSON Schema test suite, in $FAIRWAY_SHARED/corpus/json-schema (default ../shared
 * beside the repository). Without it every test here is skipped by name. */
#include "base/file.h"
#include "base/test.h"
#include "base/vec.h"

#include "data/json_schema.h"

static const JsonLimits suite_limits = {
    .max_bytes = 1 << 20, .max_depth = 200, .max_nodes = 100000, .allow_nul = true};

static Json *parse(Arena *arena, Str text)
{
    Json *root = NULL;
    Error err = {0};
    if (json_parse(arena, text, &suite_limits, &root, &err) != RC_OK) {
        print_error("not JSON: %s: %.*s\n", err.message, STR_ARG(text));
        fail();
    }
    return root;
}

/* ---- the official suite ---- */

typedef struct Suite {
    Arena *arena; /* of the suite's own documents */
    Str folder;
    JsonSchemaOptions options;
    size_t passed, failed;
    bool quiet; /* failures are counted, not shown */
} Suite;

static Str suite_folder(Arena *arena)
{
    const char *shared = getenv("FAIRWAY_SHARED");
    return shared ? str_fmt(arena, "%s/corpus/json-schema", shared)
                  : str_fmt(arena, "%s/../shared/corpus/json-schema", TEST_SOURCE_DIR);
}

static void load_remotes(Suite *suite, const char *draft)
{
    const Str patterns[] = {str_fmt(suite->arena, "%s/**/*.json", draft), STR("*.json"),
                            STR("nested/*.json"), STR("baseUriChange*/*.json")};
    VEC(JsonSchemaDocument) found = {.arena = suite->arena};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        Str *paths = NULL;
        size_t n = 0;
        Str glob = str_fmt(suite->arena, "%.*s/remotes/%.*s", STR_ARG(suite->folder),
                           STR_ARG(patterns[i]));
        assert_int_equal(file_glob(suite->arena, glob, 1000, &paths, &n, NULL), RC_OK);
        for (size_t k = 0; k < n; k++) {
            Str text = STR_EMPTY;
            const char *path = str_cstr(suite->arena, paths[k]);
            assert_int_equal(file_read(suite->arena, path, MIB, &text, NULL), RC_OK);
            Str relative = str_from_index(paths[k], suite->folder.len + strlen("/remotes/"));
            JsonSchemaDocument document = {
                .uri = str_fmt(suite->arena, "http://localhost:1234/%.*s", STR_ARG(relative)),
                .root = parse(suite->arena, text)};
            VEC_PUSH(&found, document);
        }
    }
    suite->options.documents = found.at;
    suite->options.n_documents = found.n;
}

static bool suite_init(Suite *suite, Arena *arena, const char *draft)
{
    *suite = (Suite){.arena = arena, .folder = suite_folder(arena)};
    if (!file_exists(str_cstr(arena, str_fmt(arena, "%.*s/tests", STR_ARG(suite->folder))))) {
        print_message("the official suite is not at %.*s\n", STR_ARG(suite->folder));
        return false;
    }
    suite->options.dialect =
        str_is(str_from(draft), "draft7") ? JSON_SCHEMA_DRAFT_07 : JSON_SCHEMA_2020_12;
    load_remotes(suite, draft);
    return true;
}

/* Both ways to ask must agree, and a failure must come with an issue. */
static bool suite_case_passes(const JsonSchema *schema, const Json *test, Arena *arena)
{
    const Json *data = json_get_c(test, "data");
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    bool quick = json_schema_validate(schema, data, arena, 0, NULL, NULL);
    bool full = json_schema_validate(schema, data, arena, 50, &issues, &n);
    return quick == full && full == (n == 0) && full == json_bool(json_get_c(test, "valid"), !full);
}

static void suite_group(Suite *suite, Str file, const Json *group)
{
    Arena *arena = arena_new(0);
    Error err = {0};
    const JsonSchema *schema = NULL;
    const Json *tests = json_get_c(group, "tests");
    Rc rc = json_schema_compile(arena, json_get_c(group, "schema"), &suite->options, &schema, &err);
    for (uint32_t i = 0; i < tests->n; i++) {
        if (rc == RC_OK && suite_case_passes(schema, tests->items[i], arena)) {
            suite->passed++;
            continue;
        }
        suite->failed++;
        if (!suite->quiet) {
            print_error("%.*s: %.*s: %.*s%s%s\n", STR_ARG(path_base(file)),
                        STR_ARG(json_str_at(group, "description")),
                        STR_ARG(json_str_at(tests->items[i], "description")),
                        rc == RC_OK ? "" : ": ", rc == RC_OK ? "" : err.message);
        }
    }
    arena_free(arena);
}

static void suite_file(Suite *suite, Str path)
{
    Arena *arena = arena_new(0);
    Str text = STR_EMPTY;
    assert_int_equal(file_read(arena, str_cstr(arena, path), MIB, &text, NULL), RC_OK);
    const Json *groups = parse(arena, text);
    for (uint32_t i = 0; i < groups->n; i++) {
        suite_group(suite, path, groups->items[i]);
    }
    arena_free(arena);
}

static void suite_files(Suite *suite, const char *draft, const char *pattern)
{
    Str *paths = NULL;
    size_t n = 0;
    Str glob = str_fmt(suite->arena, "%.*s/tests/%s/%s", STR_ARG(suite->folder), draft, pattern);
    assert_int_equal(file_glob(suite->arena, glob, 1000, &paths, &n, NULL), RC_OK);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        suite_file(suite, paths[i]);
    }
}

static void run_required(const char *draft, size_t at_least)
{
    Suite suite;
    Arena *arena = arena_new(0);
    if (!suite_init(&suite, arena, draft)) {
        arena_free(arena);
        skip();
    }
    suite_files(&suite, draft, "*.json");
    print_message("%s: %zu required tests passed, %zu failed\n", draft, suite.passed, suite.failed);
    assert_int_equal(suite.failed, 0);
    assert_true(suite.passed >= at_least);
    arena_free(arena);
}

static void suite_draft7_required(void **state)
{
    (void)state;
    run_required("draft7", 900);
}

static void suite_2020_12_required(void **state)
{
    (void)state;
    run_required("draft2020-12", 1200);
}

/* Files of optional/ that speak of what we do not have. */
static const char *const optional_left_out[] = {
    "cross-draft.json", /* refers to a schema in draft 2019-09 */
    "content.json",     /* contentEncoding and contentMediaType as assertions */
};

static void run_optional(const char *draft)
{
    Suite suite;
    Arena *arena = arena_new(0);
    if (!suite_init(&suite, arena, draft)) {
        arena_free(arena);
        skip();
    }
    Str *paths = NULL;
    size_t n = 0;
    Str glob = str_fmt(arena, "%.*s/tests/%s/optional/*.json", STR_ARG(suite.folder), draft);
    assert_int_equal(file_glob(arena, glob, 1000, &paths, &n, NULL), RC_OK);
    for (size_t i = 0; i < n; i++) {
        bool left_out = false;
        for (size_t k = 0; k < ARRAY_LEN(optional_left_out); k++) {
            left_out = left_out || str_is(path_base(paths[i]), optional_left_out[k]);
        }
        if (!left_out) {
            suite_file(&suite, paths[i]);
        }
    }
    print_message("%s: %zu optional tests passed, %zu failed\n", draft, suite.passed, suite.failed);
    assert_int_equal(suite.failed, 0);
    assert_true(suite.passed > 0);
    arena_free(arena);
}

static void suite_draft7_optional(void **state)
{
    (void)state;
    run_optional("draft7");
}

static void suite_2020_12_optional(void **state)
{
    (void)state;
    run_optional("draft2020-12");
}

/* Every format we check. hostname: the suite wants the Unicode rules of IDNA 2008 applied to what
 * an xn-- label decodes to; we check the label's own form only. */
enum { HOSTNAME_IDNA_TESTS = 23 };
static const char *const suite_formats[] = {
    "date",
    "date-time",
    "duration",
    "ecmascript-regex",
    "email",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "uri-reference",
    "relative-json-pointer",
    "time",
    "unknown",
    "uri",
    "uuid",
    "hostname",
};

static void run_formats(const char *draft)
{
    Suite suite;
    Arena *arena = arena_new(0);
    if (!suite_init(&suite, arena, draft)) {
        arena_free(arena);
        skip();
    }
    suite.options.assert_format = true;
    for (size_t i = 0; i < ARRAY_LEN(suite_formats); i++) {
        Str path = str_fmt(arena, "%.*s/tests/%s/optional/format/%s.json", STR_ARG(suite.folder),
                           draft, suite_formats[i]);
        bool hostname = str_is(str_from(suite_formats[i]), "hostname");
        suite.quiet = hostname;
        if (file_exists(str_cstr(arena, path))) { /* draft-07 has no duration, no uuid */
            suite_file(&suite, path);
        }
        assert_int_equal(suite.failed, hostname ? HOSTNAME_IDNA_TESTS : 0);
    }
    print_message("%s: %zu format tests passed, %zu failed\n", draft, suite.passed, suite.failed);
    arena_free(arena);
}

static void suite_draft7_formats(void **state)
{
    (void)state;
    run_formats("draft7");
}

static void suite_2020_12_formats(void **state)
{
    (void)state;
    run_formats("draft2020-12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_draft7_required), cmocka_unit_test(suite_2020_12_required),
        cmocka_unit_test(suite_draft7_optional), cmocka_unit_test(suite_2020_12_optional),
        cmocka_unit_test(suite_draft7_formats),  cmocka_unit_test(suite_2020_12_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
