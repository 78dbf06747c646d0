/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/ctx.h"
#include "platform/module.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first; it has a macro fail(): our function is called (fail)(...) here */
#include <cmocka.h>

static Platform platform;

static int set_up(void **state)
{
    Error err = {0};
    (void)state;
    platform = (Platform){0};
    return db_open("sqlite::memory:", NULL, &platform.db, &err) == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    db_close(platform.db);
    return 0;
}

static Rc exec(Ctx *cx, const char *sql)
{
    int64_t changed;
    return tx_exec_sql(cx->tx, str_from(sql), NO_PARAMS, &changed, &cx->error);
}

static int64_t count(Ctx *cx)
{
    static const Query query = {"count", "SELECT count(*) FROM t", NULL};
    int64_t n = -1;
    assert_int_equal(ctx_read(cx), RC_OK);
    assert_int_equal(tx_one_i64(cx->tx, &query, NO_PARAMS, &n, &cx->error), RC_OK);
    return n;
}

static void test_transactions(void **state)
{
    (void)state;
    Ctx *cx = ctx_new_system(&platform, "test");
    assert_int_equal(ctx_begin(cx), RC_OK);
    assert_int_equal(exec(cx, "CREATE TABLE t(id INTEGER)"), RC_OK);
    assert_int_equal(ctx_commit(cx), RC_OK);
    assert_null(cx->tx);

    assert_int_equal(count(cx), 0);
    Tx *open = cx->tx;
    assert_int_equal(ctx_read(cx), RC_OK); /* the one that is open */
    assert_ptr_equal(cx->tx, open);
    assert_int_equal(ctx_read_primary(cx), RC_OK); /* another in its place */
    assert_non_null(cx->tx);
    assert_int_equal(ctx_begin(cx), RC_OK); /* ends the read scope */
    assert_true(tx_is_write(cx->tx));
    assert_int_equal(exec(cx, "INSERT INTO t VALUES(1)"), RC_OK);
    ctx_end(cx); /* undone */
    assert_null(cx->tx);
    ctx_end(cx);
    assert_int_equal(count(cx), 0);
    ctx_free(cx);
}

static void test_system_context(void **state)
{
    (void)state;
    Ctx *cx = ctx_new_system(&platform, "jobs");
    assert_int_equal(cx->actor.kind, ACTOR_SYSTEM);
    assert_true(str_is(cx->actor.name, "system:jobs"));
    assert_int_equal(cx->deadline_us, INT64_MAX);
    assert_true(uuid_is_valid(cx->request_id));
    assert_int_equal(cx->trace_id.len, 32);
    Uuid before;
    memcpy(before.text, cx->request_id.ptr, UUID_LEN);
    arena_alloc(cx->arena, 1000);
    assert_int_equal((fail)(cx, RC_CONFLICT, "no %d", 7), RC_CONFLICT);
    assert_string_equal(cx->error.message, "no 7");

    ctx_reset(cx);
    assert_int_equal(cx->error.code, RC_OK);
    assert_int_equal(arena_used(cx->arena), 0);
    assert_true(str_is(cx->actor.name, "system:jobs"));
    assert_memory_not_equal(before.text, cx->request_id.ptr, UUID_LEN);
    ctx_free(cx);
    ctx_free(NULL);
}

static void test_field_errors(void **state)
{
    (void)state;
    Ctx *cx = ctx_new_system(&platform, "test");
    assert_int_equal(fail_field(cx, STR("/name"), "must be %s", "unique"), RC_INVALID);
    assert_string_equal(cx->error.message, "/name must be unique");
    assert_int_equal(cx->error.n_fields, 1);
    assert_string_equal(cx->error.fields[0].pointer, "/name");
    assert_string_equal(cx->error.fields[0].message, "must be unique");
    ctx_free(cx);
}

static void test_modules(void **state)
{
    (void)state;
    static const Module catalog = {.name = "catalog"};
    static const Module *const modules[] = {&catalog};
    Platform p = {.modules = modules, .n_modules = 1};
    assert_ptr_equal(platform_module(&p, STR("catalog")), &catalog);
    assert_null(platform_module(&p, STR("cat")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_system_context, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_field_errors, set_up, tear_down),
        cmocka_unit_test(test_modules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
