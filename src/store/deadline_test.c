/* SPDX-License-Identifier: Apache-2.0
 * store/deadline_test.c - statements that do not end by themselves. */
#include "base/thread.h"
#include "base/time.h"

#include "store/store_test.h"

#define WAIT_US (20 * US_PER_SECOND)
#define SHORT_US (50 * US_PER_MS)

/* Without a deadline these take minutes; what is cut in time is cut long before WAIT_US. */
#define ENDLESS "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
static const Query q_read = {"endless read", ENDLESS "SELECT count(*) FROM c",
                             "SELECT CAST(pg_sleep(300) AS TEXT)"};
static const Query q_write = {"endless write",
                              "INSERT INTO t(id) " ENDLESS "SELECT 'x' FROM c WHERE n < 0",
                              "INSERT INTO t(id) SELECT 'x' FROM pg_sleep(300)"};
static const Query q_write_many = {"endless writes",
                                   "INSERT INTO t(id) " ENDLESS "SELECT $1 FROM c WHERE n < 0",
                                   "INSERT INTO t(id) SELECT CAST($1 AS TEXT) FROM pg_sleep(300)"};
static const Query q_slow = {"slow read", ENDLESS "SELECT n FROM c WHERE n > 3000000 LIMIT 1",
                             "SELECT 3000001 FROM pg_sleep(0.6)"};
static const Query q_one = {"one", "SELECT 1", NULL};
static const Query q_insert = {"insert", "INSERT INTO t(id) VALUES ('a')", NULL};

static int64_t soon(void)
{
    return time_monotonic_us() + SHORT_US;
}

static void make_table(Fixture *f)
{
    run_sql(f, "CREATE TABLE t(id TEXT)");
}

static void assert_all_is_well(Fixture *f, int64_t rows)
{
    assert_int_equal(db_stats(f->db).in_use, 0);
    run_sql(f, "INSERT INTO t(id) VALUES ('after')");
    assert_int_equal(count_rows(f, "t"), rows + 1);
}

static void test_read_is_cut(void **state)
{
    Fixture *f = need_db(state);
    int64_t n, started = time_monotonic_us();
    Tx *tx;
    make_table(f);
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    tx_deadline(tx, soon());
    assert_rc(tx_one_i64(tx, &q_read, NO_PARAMS, &n, &f->err), RC_TIMEOUT);
    assert_non_null(strstr(f->err.message, "too long"));
    assert_true(time_monotonic_us() - started < WAIT_US);
    assert_ok(f, tx_one_i64(tx, &q_one, NO_PARAMS, &n, &f->err)); /* a short one still runs */
    assert_int_equal(n, 1);
    db_end(tx);
    assert_all_is_well(f, 0);
}

static void test_write_is_cut_and_undone(void **state)
{
    static const Query *const endless[] = {&q_read, &q_write};
    Fixture *f = need_db(state);
    make_table(f);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        Tx *tx;
        assert_ok(f, db_begin(f->db, &tx, &f->err));
        tx_deadline(tx, soon());
        assert_ok(f, tx_exec(tx, &q_insert, NO_PARAMS, NULL, &f->err));
        assert_rc(tx_exec(tx, endless[i], NO_PARAMS, NULL, &f->err), RC_TIMEOUT);
        assert_rc(db_commit(tx, &f->err), RC_TIMEOUT);
        assert_int_equal(count_rows(f, "t"), 0);
    }
    assert_all_is_well(f, 0);
}

static void test_many_are_cut(void **state)
{
    Fixture *f = need_db(state);
    const Param params[] = {P_CSTR("a"), P_CSTR("b"), P_CSTR("c")};
    Tx *tx;
    make_table(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    tx_deadline(tx, soon());
    assert_rc(tx_exec_many(tx, &q_write_many, params, 1, ARRAY_LEN(params), &f->err), RC_TIMEOUT);
    db_end(tx);
    assert_all_is_well(f, 0);
}

static void test_slow_is_not_cut_without_need(void **state)
{
    Fixture *f = need_db(state);
    const int64_t deadlines[] = {0, INT64_MAX, time_monotonic_us() + 10 * US_PER_MINUTE};
    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        Tx *tx;
        int64_t n;
        assert_ok(f, db_read(f->db, false, &tx, &f->err));
        tx_deadline(tx, deadlines[i]);
        assert_ok(f, tx_one_i64(tx, &q_slow, NO_PARAMS, &n, &f->err));
        assert_int_equal(n, 3000001);
        db_end(tx);
    }
}

/* What a deadline was for must not last: connections are used again. */
static void test_a_deadline_ends_with_its_scope(void **state)
{
    Fixture *f = need_db(state);
    Tx *outer, *inner;
    int64_t n;
    assert_ok(f, db_read(f->db, false, &outer, &f->err));
    tx_deadline(outer, 1); /* long past */
    db_end(outer);
    assert_ok(f, db_read(f->db, false, &outer, &f->err));
    assert_ok(f, db_read(f->db, false, &inner, &f->err));
    tx_deadline(inner, 1); /* the outer one's holds */
    assert_ok(f, tx_one_i64(inner, &q_slow, NO_PARAMS, &n, &f->err));
    db_end(inner);
    db_end(outer);
}

typedef struct Endless {
    Thread thread;
    Db *db;
    bool write;
    Rc rc;
    Error err;
} Endless;

static void *endless_main(void *arg)
{
    Endless *e = arg;
    Tx *tx;
    e->rc = e->write ? db_begin(e->db, &tx, &e->err) : db_read(e->db, false, &tx, &e->err);
    if (e->rc == RC_OK) {
        e->rc = tx_exec(tx, e->write ? &q_write : &q_read, NO_PARAMS, NULL, &e->err);
        db_end(tx);
    }
    return NULL;
}

static void test_hurry_cuts_what_runs(void **state)
{
    Fixture *f = need_db(state);
    Endless endless[] = {
        {.db = f->db   },
        { .db = f->db, .write = true}
    };
    int64_t started = time_monotonic_us();
    make_table(f);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        thread_start(&endless[i].thread, "endless", endless_main, &endless[i]);
    }
    while (db_stats(f->db).in_use < ARRAY_LEN(endless)) {
        assert_true(time_monotonic_us() - started < WAIT_US);
        thread_sleep_us(US_PER_MS);
    }
    db_hurry(f->db);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        thread_join(&endless[i].thread);
        assert_rc(endless[i].rc, RC_BUSY);
        assert_non_null(strstr(endless[i].err.message, "stopping"));
    }
    assert_true(time_monotonic_us() - started < WAIT_US);
    assert_all_is_well(f, 0); /* short ones still run */
}

static const struct CMUnitTest tests[] = {
    ON_BOTH(test_read_is_cut),
    ON_BOTH(test_write_is_cut_and_undone),
    ON_BOTH(test_many_are_cut),
    ON_BOTH(test_slow_is_not_cut_without_need),
    ON_BOTH(test_a_deadline_ends_with_its_scope),
    ON_BOTH(test_hurry_cuts_what_runs),
};

int run_deadline_tests(void)
{
    return cmocka_run_group_tests_name("store deadlines", tests, NULL, NULL);
}
