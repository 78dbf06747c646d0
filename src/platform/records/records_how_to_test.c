/* SPDX-License-Identifier: Apache-2.0
 * The how-to is true: what docs/how-to/add-a-record.md shows, one block of YAML and one migration,
 * is all that a new record takes. The blocks are taken from the page, the contract is made by the
 * build's own tool. */
#include "base/file.h"

#include "platform/records/records_test.h"

#include <spawn.h>
#include <sys/wait.h>

static Str page_block(Arena *arena, const char *language)
{
    Str page;
    assert_int_equal(
        file_read(arena, TEST_SOURCE_DIR "/docs/how-to/add-a-record.md", MIB, &page, NULL), RC_OK);
    Str fence = str_fmt(arena, "```%s\n", language);
    size_t from = str_find(page, fence);
    assert_true(from != SIZE_MAX);
    Str rest = str_from_index(page, from + fence.len);
    return str_sub(rest, 0, str_find(rest, STR("```")));
}

/* Memberships of teams name users, whose own contract has operations that are not here. */
#define USERS                                                                                      \
    "x-module: organizations\ncomponents:\n  schemas:\n    User:\n      description: Somebody.\n"  \
    "      x-record: { table: users }\n      type: object\n      required: [name]\n"               \
    "      additionalProperties: false\n      properties:\n"                                       \
    "        name: { type: string, description: The name. }\n"

/* fairway-contract FOLDER api/common.yaml api/organizations.yaml FOLDER/users.yaml
 * FOLDER/runbooks.yaml */
static const char *make_contract(Arena *arena, const char *folder)
{
    char *name = arena_dup(arena, CONTRACT_TOOL, sizeof(CONTRACT_TOOL));
    const char *const files[] = {folder, TEST_SOURCE_DIR "/api/common.yaml",
                                 TEST_SOURCE_DIR "/api/organizations.yaml",
                                 str_cstr(arena, str_fmt(arena, "%s/users.yaml", folder)),
                                 str_cstr(arena, str_fmt(arena, "%s/runbooks.yaml", folder))};
    char *argv[ARRAY_LEN(files) + 2] = {name};
    char *no_environment[] = {NULL};
    pid_t pid;
    int status;
    assert_int_equal(file_write_atomic(files[3], STR(USERS), 0600, NULL), RC_OK);
    assert_int_equal(
        file_write_atomic(files[ARRAY_LEN(files) - 1], page_block(arena, "yaml"), 0600, NULL),
        RC_OK);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        argv[i + 1] = arena_dup(arena, files[i], strlen(files[i]) + 1);
    }
    assert_int_equal(posix_spawn(&pid, name, NULL, NULL, argv, no_environment), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return str_cstr(arena, str_fmt(arena, "%s/contract.json", folder));
}

static int bench_of_page(void **state, bool on_postgres)
{
    static Arena *arena; /* of the migrations' text, until the process ends */
    arena = arena ? arena : arena_new(0);
    /* clang-format off */
    BenchOptions options = {
        .on_postgres = on_postgres,
        .contract = make_contract(arena, bench_folder()),
        .migrations = {"0003_organizations", "0010_catalog", "0020_services", "0030_identity",
                       "0031_access", "0034_sign_in_providers", "0035_second_factors",
                       "0036_people", "0037_key_limits", "0038_environments"},
        .extra = {.name = "0100_runbooks", .sql = str_cstr(arena, page_block(arena, "sql"))},
    };
    /* clang-format on */
    return bench_new(state, &options);
}

static int page_sqlite(void **state)
{
    return bench_of_page(state, false);
}

static int page_postgres(void **state)
{
    return bench_of_page(state, true);
}

static void expect(Bench *b, Arena *arena, Str call, const char *body, int status, const char *has)
{
    Answer a = bench_call(b, arena, str_cstr(arena, call), NULL, body);
    if (a.status != status || (has && str_find(a.body, str_from(has)) == SIZE_MAX)) {
        fail_msg("%.*s: %d %.*s", STR_ARG(call), a.status, STR_ARG(a.body));
    }
}

static void test_how_to(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Error err = {0};
    assert_int_equal(records_check(b->platform.records, b->platform.db, &err), RC_OK);
    expect(b, arena, STR("GET /api/organizations"), NULL, 200, "\"slug\":\"default\"");
    Answer a = bench_call(
        b, arena, "POST /api/teams", NULL,
        "{\"name\":\"Ops\",\"slug\":\"ops\",\"org_id\":\"00000000-0000-7000-8000-000000000001\"}");
    assert_int_equal(a.status, 201);
    Str team = answer_id(arena, &a);

    Str body = str_fmt(
        arena, "{\"title\":\"Disk is full\",\"team_id\":\"%.*s\",\"webhook_token\":\"hunter2\"}",
        STR_ARG(team));
    a = bench_call(b, arena, "POST /api/runbooks", "Idempotency-Key: 1", str_cstr(arena, body));
    assert_int_equal(a.status, 201);
    assert_true(str_find(a.body, STR("\"severity\":\"low\"")) != SIZE_MAX);
    assert_true(str_find(a.body, STR("hunter2")) == SIZE_MAX);
    Str item = str_fmt(arena, "/api/runbooks/%.*s", STR_ARG(answer_id(arena, &a)));

    expect(b, arena, STR("POST /api/runbooks"), str_cstr(arena, body), 409, "/title");
    expect(b, arena, STR("POST /api/runbooks"),
           "{\"title\":\"x\",\"team_id\":\"" ID_OF_NOTHING "\"}", 422, "/team_id");
    expect(b, arena, str_fmt(arena, "PATCH %.*s", STR_ARG(item)),
           "{\"severity\":\"high\",\"links\":[\"https://x.example/\"]}", 200,
           "\"severity\":\"high\"");
    expect(b, arena, str_fmt(arena, "PATCH %.*s", STR_ARG(item)), "{\"severity\":\"worst\"}", 422,
           "/severity");
    expect(b, arena, STR("GET /api/runbooks?severity=high&sort=-updated_at&total=true&q=disk"),
           NULL, 200, "\"total\":1");
    expect(b, arena, str_fmt(arena, "DELETE %.*s", STR_ARG(item)), NULL, 204, NULL);
    expect(b, arena, str_fmt(arena, "GET %.*s", STR_ARG(item)), NULL, 404, "There is no runbook");
    expect(b, arena, str_fmt(arena, "POST %.*s/restore", STR_ARG(item)), NULL, 200, "Disk is full");
    expect(b, arena, str_fmt(arena, "GET %.*s/history", STR_ARG(item)), NULL, 200,
           "\"action\":\"runbooks.restored\"");
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events WHERE type LIKE 'runbooks.%'"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"test_how_to/sqlite",   test_how_to, page_sqlite,   bench_free, NULL},
        {"test_how_to/postgres", test_how_to, page_postgres, bench_free, NULL},
    };
    return cmocka_run_group_tests(tests, bench_make_folder, bench_remove_folder);
}
