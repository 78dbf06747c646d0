/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_test.c - what only PostgreSQL has: a server that goes away and comes back, a
 * replica, and its own words for what went wrong. */
#include "base/thread.h"
#include "base/time.h"

#include "store/store_priv.h"
#include "store/store_test.h"
#include "test_pg.h"

enum { WAIT_US = 20 * 1000 * 1000 };

static const Query q_insert = {"insert", "INSERT INTO t(id) VALUES ($1)", NULL};
static const Query q_count = {"count", "SELECT count(*) FROM t", NULL};
static const Query q_who = {"who", "SELECT name FROM whoami", NULL};
static const Query q_pid = {"pid", "SELECT pg_backend_pid()", NULL};

static Fixture *need_private(void **state)
{
    Fixture *f = need_db(state);
    if (!test_pg_is_private()) {
        print_message("skipped: the server is not ours to stop\n");
        skip();
    }
    run_sql(f, "CREATE TABLE t(id TEXT PRIMARY KEY)");
    return f;
}

static Rc write_one(Fixture *f, const char *id)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(db_begin(f->db, &tx, &f->err));
    TRY(tx_exec(tx, &q_insert, PARAMS(P_CSTR(id)), NULL, &f->err));
    Tx *done = tx;
    tx = NULL;
    return db_commit(done, &f->err);
}

static Rc read_count(Fixture *f, bool inline_only, int64_t *n)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(db_read(f->db, inline_only, &tx, &f->err));
    return tx_one_i64(tx, &q_count, NO_PARAMS, n, &f->err);
}

/* ---- a server that goes away ---- */

static void test_restart_is_not_noticed(void **state)
{
    Fixture *f = need_private(state);
    Tx *tx;
    int64_t n = -1;
    assert_rc(write_one(f, "a"), RC_OK);
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &q_count, NO_PARAMS, &n, &f->err));
    test_pg_stop(false);
    test_pg_start();
    /* The scope was open before; its statements were prepared on a connection that is gone. */
    assert_ok(f, tx_one_i64(tx, &q_count, NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 1);
    db_end(tx);
    test_pg_stop(true);
    test_pg_start();
    assert_rc(write_one(f, "b"), RC_OK); /* nothing had begun: the BEGIN was repeated */
    test_pg_stop(true);
    test_pg_start();
    assert_rc(read_count(f, false, &n), RC_OK);
    assert_int_equal(n, 2);
}

static void test_inline_read_never_reconnects(void **state)
{
    Fixture *f = need_private(state);
    int64_t n;
    assert_rc(read_count(f, true, &n), RC_OK);
    test_pg_stop(false);
    test_pg_start();
    assert_rc(read_count(f, true, &n), RC_BUSY);
    assert_rc(read_count(f, true, &n), RC_BUSY); /* no connection at all */
    assert_rc(read_count(f, false, &n), RC_OK);
    assert_rc(read_count(f, true, &n), RC_OK);
}

static void test_server_away(void **state)
{
    Fixture *f = need_private(state);
    int64_t n;
    Tx *tx;
    test_pg_stop(false);
    int64_t before = time_monotonic_us();
    for (int i = 0; i < 20; i++) {
        assert_rc(read_count(f, false, &n), RC_BUSY);
        assert_rc(db_begin(f->db, &tx, &f->err), RC_BUSY);
        assert_rc(db_ping(f->db, &f->err), RC_BUSY);
    }
    assert_true(time_monotonic_us() - before < 2 * US_PER_SECOND); /* fails fast */
    test_pg_start();
    int64_t deadline = time_monotonic_us() + WAIT_US;
    while (db_ping(f->db, &f->err) != RC_OK) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(US_PER_MS);
    }
    assert_rc(write_one(f, "after"), RC_OK);
    assert_int_equal(db_stats(f->db).in_use, 0);
}

static void test_lost_in_a_transaction(void **state)
{
    Fixture *f = need_private(state);
    Tx *tx;
    int64_t n = -1;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec(tx, &q_insert, PARAMS(P_CSTR("a")), NULL, &f->err));
    test_pg_stop(false);
    test_pg_start();
    assert_rc(tx_exec(tx, &q_insert, PARAMS(P_CSTR("b")), NULL, &f->err), RC_BUSY);
    assert_rc(db_commit(tx, &f->err), RC_BUSY);
    assert_rc(read_count(f, false, &n), RC_OK);
    assert_int_equal(n, 0);

    const Param params[] = {P_CSTR("c"), P_CSTR("d")};
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    test_pg_stop(true);
    test_pg_start();
    assert_rc(tx_exec_many(tx, &q_insert, params, 1, 2, &f->err), RC_BUSY);
    db_end(tx);
    assert_rc(write_one(f, "e"), RC_OK);
}

static void note_call(void *user)
{
    *(bool *)user = true;
}

static void test_commit_with_unknown_outcome(void **state)
{
    Fixture *f = need_private(state);
    Tx *tx;
    bool called = false;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec(tx, &q_insert, PARAMS(P_CSTR("a")), NULL, &f->err));
    tx_on_commit(tx, note_call, &called);
    test_pg_stop(true);
    test_pg_start();
    assert_rc(db_commit(tx, &f->err), RC_BUSY);
    assert_non_null(strstr(f->err.message, "unknown"));
    assert_false(called);
    assert_rc(write_one(f, "b"), RC_OK);
}

static void *start_later(void *arg)
{
    (void)arg;
    thread_sleep_us(300 * US_PER_MS); /* what is waited for is the opener, in its loop meanwhile */
    test_pg_start();
    return NULL;
}

static void test_open_waits_for_the_server(void **state)
{
    Fixture *f = need_private(state);
    Thread starter = {0};
    test_pg_stop(false);
    db_close(f->db);
    f->db = NULL;
    thread_start(&starter, "starter", start_later, NULL);
    Rc rc = db_open(f->url, NULL, &f->db, &f->err);
    thread_join(&starter);
    assert_rc(rc, RC_OK);
}

static void test_open_is_refused(void **state)
{
    Fixture *f = need_db(state);
    Db *db = NULL;
    int64_t before = time_monotonic_us();
    const char *url = str_fmt(f->arena, "%s&dbname=nothing&password=sesame", f->url).ptr;
    assert_rc(db_open(url, NULL, &db, &f->err), RC_INVALID);
    assert_true(time_monotonic_us() - before < 5 * US_PER_SECOND); /* waiting would not help */
    assert_null(strstr(f->err.message, "sesame"));
    assert_null(strstr(f->err.detail, "sesame"));
}

/* ---- the replica ---- */

static void make_whoami(Fixture *f, const char *url, const char *name)
{
    Fixture one = {.arena = f->arena};
    assert_ok(&one, db_open(url, NULL, &one.db, &one.err));
    run_sql(
        &one,
        str_fmt(f->arena, "CREATE TABLE whoami AS SELECT CAST('%s' AS TEXT) AS name", name).ptr);
    db_close(one.db);
}

static void assert_read_from(Fixture *f, Tx *tx, const char *name)
{
    Str who;
    assert_ok(f, tx_one_str(tx, &q_who, NO_PARAMS, f->arena, &who, &f->err));
    assert_str(who, str_from(name));
}

/* Another schema stands for the replica, so that each tells who it is. */
static void test_replica(void **state)
{
    Fixture *f = need_db(state);
    const char *replica = test_pg_url();
    DbOptions options = {.replica_url = replica, .readers = 2};
    Tx *tx;
    make_whoami(f, f->url, "primary");
    make_whoami(f, replica, "replica");
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &options, &f->db, &f->err));
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_read_from(f, tx, "replica");
    Tx *primary; /* one's own writes, from inside a read of the replica */
    assert_ok(f, db_read_primary(f->db, &primary, &f->err));
    assert_read_from(f, primary, "primary");
    db_end(primary);
    db_end(tx);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_read_from(f, tx, "primary");
    db_end(tx);

    /* Its connection is lost in the middle of a scope. */
    int64_t pid;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &q_pid, NO_PARAMS, &pid, &f->err));
    run_sql(f, str_fmt(f->arena, "SELECT pg_terminate_backend(%lld)", (long long)pid).ptr);
    assert_read_from(f, tx, "replica");
    db_end(tx);
}

static void test_replica_away(void **state)
{
    Fixture *f = need_db(state);
    DbOptions options = {.replica_url = "postgresql://app@127.0.0.1:1/postgres"};
    Tx *tx;
    make_whoami(f, f->url, "primary");
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &options, &f->db, &f->err));
    for (int i = 0; i < 3; i++) {
        assert_ok(f, db_read(f->db, false, &tx, &f->err));
        assert_read_from(f, tx, "primary");
        db_end(tx);
    }
    assert_ok(f, db_read(f->db, true, &tx, &f->err));
    assert_read_from(f, tx, "primary");
    db_end(tx);
}

/* ---- errors ---- */

static void test_sqlstates(void **state)
{
    static const struct {
        const char *state;
        Rc rc;
    } cases[] = {
        {"23505", RC_CONFLICT},
        {"23503", RC_CONFLICT},
        {"23514", RC_CONFLICT},
        {"P0001", RC_CONFLICT},
        {"40001", RC_BUSY    },
        {"40P01", RC_BUSY    },
        {"55P03", RC_BUSY    },
        {"57014", RC_TIMEOUT },
        {"57P01", RC_BUSY    },
        {"57P03", RC_BUSY    },
        {"08006", RC_BUSY    },
        {"53100", RC_FULL    },
        {"53200", RC_BUSY    },
        {"53300", RC_BUSY    },
        {"54000", RC_LIMIT   },
        {"22021", RC_INVALID },
        {"42601", RC_INTERNAL},
        {"23502", RC_INTERNAL},
        {"XX000", RC_INTERNAL},
    };
    Fixture *f = need_db(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Tx *tx;
        Str sql = str_fmt(f->arena,
                          "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = 'secret', "
                          "CONSTRAINT = 'its_name'; END $$",
                          cases[i].state);
        assert_ok(f, db_begin(f->db, &tx, &f->err));
        Rc rc = tx_exec_sql(tx, sql, NO_PARAMS, NULL, &f->err);
        if (rc != cases[i].rc || strstr(f->err.message, "secret") ||
            (rc == RC_CONFLICT && strcmp(f->err.detail, "its_name") != 0)) {
            fail_msg("%s: %s %s", cases[i].state, rc_name(rc), f->err.detail);
        }
        assert_rc(db_commit(tx, &f->err), cases[i].rc);
    }
    run_sql(f, "CREATE TABLE t(id TEXT)");
}

static void test_statement_timeout(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f,
              tx_exec_sql(tx, STR("SET LOCAL statement_timeout = 30"), NO_PARAMS, NULL, &f->err));
    assert_rc(tx_exec_sql(tx, STR("SELECT pg_sleep(20)"), NO_PARAMS, NULL, &f->err), RC_TIMEOUT);
    db_end(tx);
}

typedef struct Updater {
    Thread thread;
    Db *db;
    Rc rc;
} Updater;

static void *update_main(void *arg)
{
    Updater *u = arg;
    Error err;
    Tx *tx;
    u->rc = db_begin(u->db, &tx, &err);
    if (u->rc == RC_OK) {
        u->rc = tx_exec_sql(tx, STR("UPDATE t SET id = 'x' WHERE id = 'a'"), NO_PARAMS, NULL, &err);
        db_end(tx);
    }
    return NULL;
}

static void test_row_lock_is_not_waited_for_ever(void **state)
{
    static const DbOptions impatient = {.busy_timeout_ms = 100};
    Fixture *f = need_db(state);
    Tx *tx;
    run_sql(f, "CREATE TABLE t(id TEXT PRIMARY KEY)");
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &impatient, &f->db, &f->err));
    assert_rc(write_one(f, "a"), RC_OK);
    Updater updater = {.db = f->db};
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(
        f, tx_exec_sql(tx, STR("UPDATE t SET id = 'y' WHERE id = 'a'"), NO_PARAMS, NULL, &f->err));
    thread_start(&updater.thread, "updater", update_main, &updater);
    thread_join(&updater.thread);
    assert_rc(updater.rc, RC_BUSY);
    assert_ok(f, db_commit(tx, &f->err));
}

typedef struct Heard {
    atomic_uint topics, calls;
} Heard;

static void on_notice(void *user, unsigned topics)
{
    Heard *heard = user;
    atomic_fetch_or(&heard->topics, topics);
    atomic_fetch_add(&heard->calls, 1);
}

static void wait_heard(Heard *heard, unsigned topics)
{
    int64_t until = time_monotonic_us() + 20 * US_PER_SECOND;
    while ((atomic_load(&heard->topics) & topics) != topics) {
        assert_true(time_monotonic_us() < until);
        thread_sleep_us(US_PER_MS);
    }
}

static void wait_listening(Db *db, bool wanted)
{
    int64_t until = time_monotonic_us() + 20 * US_PER_SECOND;
    while (db_is_listening(db) != wanted) {
        assert_true(time_monotonic_us() < until);
        thread_sleep_us(US_PER_MS);
    }
}

/* Two handles stand for two processes. */
static void test_notices(void **state)
{
    enum { BURST = 1000 };
    Fixture *f = need_db(state);
    Heard one = {0}, two = {0};
    Db *other = NULL;
    assert_ok(f, db_open(f->url, NULL, &other, &f->err));
    db_notify(f->db, 1); /* nobody is there */
    assert_ok(f, db_listen(f->db, on_notice, &one, &f->err));
    assert_ok(f, db_listen(other, on_notice, &two, &f->err));
    wait_heard(&one, 0xff); /* to look at what was said before */
    wait_heard(&two, 0xff);
    assert_true(db_is_listening(f->db) && db_is_listening(other));
    atomic_store(&one.topics, 0);
    atomic_store(&two.topics, 0);
    db_notify(other, 2);
    wait_heard(&one, 2);
    assert_int_equal(atomic_load(&one.topics), 2);
    unsigned before = atomic_load(&one.calls);
    for (int i = 0; i < BURST; i++) {
        db_notify(other, 1);
    }
    wait_heard(&one, 1);
    db_notify(other, 4); /* comes after the last of the burst */
    wait_heard(&one, 4);
    assert_in_range(atomic_load(&one.calls) - before, 1, BURST / 2); /* sent together */
    assert_int_equal(atomic_load(&two.topics), 0);                   /* nobody is told of its own */
    db_listen_stop(other);
    db_close(other);
    db_listen_stop(f->db);
    assert_false(db_is_listening(f->db));
}

static void test_notices_after_an_outage(void **state)
{
    Fixture *f = need_db(state);
    Heard heard = {0};
    if (!test_pg_is_private()) {
        skip();
    }
    assert_ok(f, db_listen(f->db, on_notice, &heard, &f->err));
    wait_heard(&heard, 0xff);
    atomic_store(&heard.topics, 0);
    test_pg_stop(true);
    wait_heard(&heard, 0xff); /* to look more often */
    wait_listening(f->db, false);
    atomic_store(&heard.topics, 0);
    db_notify(f->db, 1); /* does not block; goes out later */
    test_pg_start();
    wait_listening(f->db, true);
    wait_heard(&heard, 0xff); /* something may have been missed */
    db_listen_stop(f->db);
}

static void test_backup_names_the_tool(void **state)
{
    Fixture *f = need_db(state);
    assert_rc(db_backup(f->db, "/x", &f->err), RC_NOT_IMPLEMENTED);
    assert_non_null(strstr(f->err.message, "pg_dump"));
}

#define TEST(fn)                                                                                   \
    {                                                                                              \
#fn, fn, fixture_postgres, fixture_end, NULL                                               \
    }

static const struct CMUnitTest tests[] = {
    TEST(test_restart_is_not_noticed),
    TEST(test_inline_read_never_reconnects),
    TEST(test_server_away),
    TEST(test_lost_in_a_transaction),
    TEST(test_commit_with_unknown_outcome),
    TEST(test_open_waits_for_the_server),
    TEST(test_open_is_refused),
    TEST(test_replica),
    TEST(test_replica_away),
    TEST(test_sqlstates),
    TEST(test_statement_timeout),
    TEST(test_row_lock_is_not_waited_for_ever),
    TEST(test_backup_names_the_tool),
    TEST(test_notices),
    TEST(test_notices_after_an_outage),
};

int run_postgres_tests(void)
{
    return cmocka_run_group_tests_name("store on PostgreSQL", tests, NULL, NULL);
}
