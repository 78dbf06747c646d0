/* SPDX-License-Identifier: Apache-2.0
 * store/migrate_test.c - migrations: applied once, whoever comes, whatever happens in the middle.
 */
#include "base/thread.h"
#include "base/time.h"

#include "store/store_priv.h"
#include "store/store_test.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static const char first_sql[] =
    "CREATE TABLE m1(a BIGINT); INSERT INTO m1 VALUES (1);\n-- a comment at the end";
static const char second_sqlite[] =
    "CREATE TABLE m2(a BIGINT);\nCREATE TRIGGER m2_t AFTER INSERT ON m2 BEGIN "
    "INSERT INTO m1 VALUES (NEW.a); UPDATE m1 SET a = a + 1; END;";
static const char second_pg[] =
    "CREATE TABLE m2(a BIGINT); CREATE FUNCTION m2_f() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN "
    "INSERT INTO m1 VALUES (NEW.a); UPDATE m1 SET a = a + 1; RETURN NULL; END; $$; "
    "CREATE TRIGGER m2_t AFTER INSERT ON m2 FOR EACH ROW EXECUTE FUNCTION m2_f();";
static const Migration migrations[] = {
    {"0001_first",  first_sql,                   NULL     },
    {"0002_second", second_sqlite,               second_pg},
    {"0003_third",  "INSERT INTO m2 VALUES (5)", NULL     },
};

static void test_migrate(void **state)
{
    Fixture *f = need_db(state);
    size_t n = 99;
    assert_ok(f, db_migrations_pending(f->db, migrations, 3, &n, &f->err));
    assert_int_equal(n, 3);
    assert_ok(f, db_migrate(f->db, migrations, 2, &n, &f->err));
    assert_int_equal(n, 2);
    assert_ok(f, db_migrations_pending(f->db, migrations, 3, &n, &f->err));
    assert_int_equal(n, 1);
    assert_ok(f, db_migrate(f->db, migrations, 3, &n, &f->err));
    assert_int_equal(n, 1);
    assert_ok(f, db_migrate(f->db, migrations, 3, &n, &f->err));
    assert_int_equal(n, 0);
    assert_int_equal(count_rows(f, "m1 WHERE a IN (2, 6)"), 2); /* the trigger ran */
    /* An older program meets a newer database. */
    assert_ok(f, db_migrate(f->db, migrations, 1, &n, &f->err));
    assert_int_equal(n, 0);
}

static void test_migration_changed(void **state)
{
    Fixture *f = need_db(state);
    Migration changed[] = {migrations[0], migrations[1]};
    size_t n;
    changed[0].sql = "CREATE TABLE m1(a BIGINT)";
    assert_ok(f, db_migrate(f->db, migrations, 1, &n, &f->err));
    assert_rc(db_migrate(f->db, changed, 2, &n, &f->err), RC_CONFLICT);
    assert_non_null(strstr(f->err.message, "0001_first"));
    assert_rc(db_migrations_pending(f->db, changed, 2, &n, &f->err), RC_CONFLICT);
    assert_int_equal(count_rows(f, "schema_migrations"), 1);
}

static void test_migration_fails(void **state)
{
    static const Migration broken[] = {
        {"0001_first",  "CREATE TABLE m1(a BIGINT)",                                    NULL},
        {"0002_broken",
         "CREATE TABLE m2(a BIGINT); INSERT INTO m1 VALUES (1); SELECT * FROM nowhere", NULL},
    };
    static const Migration commits[] = {
        {"0001_first", "CREATE TABLE m1(a BIGINT)",           NULL},
        {"0002_ends",  "INSERT INTO m1 VALUES (1); ROLLBACK", NULL},
    };
    Fixture *f = need_db(state);
    size_t n;
    assert_rc(db_migrate(f->db, broken, 2, &n, &f->err), RC_INTERNAL);
    assert_non_null(strstr(f->err.message, "0002_broken"));
    assert_int_equal(count_rows(f, "m1"), 0); /* nothing of it is left, the one before is */
    assert_int_equal(count_rows(f, "schema_migrations"), 1);
    assert_rc(db_migrate(f->db, commits, 2, &n, &f->err), RC_INTERNAL);
    assert_int_equal(count_rows(f, "schema_migrations"), 1);
    assert_ok(f, db_migrate(f->db, migrations, 0, &n, &f->err));
    run_sql(f, "CREATE TABLE m2(a BIGINT)"); /* the database still takes changes */
}

/* ---- other processes ---- */

/* This program again, as a migrator; see main. */
static pid_t spawn_migrator(const char *url, const char *how)
{
    char self[] = "/proc/self/exe";
    char *args[] = {self, strdup("migrate"), strdup(url), strdup(how), NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, self, NULL, NULL, args, environ), 0);
    free(args[1]);
    free(args[2]);
    free(args[3]);
    return pid;
}

enum { SLOW_MIGRATIONS = 8 };
static const Migration slow_migrations[SLOW_MIGRATIONS] = {
    {"0001_a", "CREATE TABLE slow(a BIGINT); INSERT INTO slow VALUES (1)", NULL},
    {"0002_b", "INSERT INTO slow VALUES (2)",                              NULL},
    {"0003_c", "INSERT INTO slow VALUES (3)",                              NULL},
    {"0004_d", "INSERT INTO slow VALUES (4)",                              NULL},
    {"0005_e", "CREATE TABLE slower(a BIGINT)",                            NULL},
    {"0006_f", "INSERT INTO slower SELECT a FROM slow",                    NULL},
    {"0007_g", "INSERT INTO slow VALUES (7)",                              NULL},
    {"0008_h", "INSERT INTO slow VALUES (8)",                              NULL},
};

/* Recursive enough to take many seconds. */
static const Migration endless[] = {
    {"0001_endless",
     "CREATE TABLE half(a BIGINT); INSERT INTO half VALUES (1); CREATE TABLE hang AS WITH "
     "RECURSIVE c(n) AS (SELECT 1 "
     "UNION ALL SELECT n + 1 FROM c WHERE n < 10000000000) SELECT count(*) AS n FROM c", NULL},
};

int migrator_main(const char *url, const char *how)
{
    Db *db;
    Error err;
    size_t n;
    bool hang = strcmp(how, "hang") == 0;
    if (db_open(url, NULL, &db, &err) != RC_OK ||
        db_migrate(db, hang ? endless : slow_migrations,
                   hang ? ARRAY_LEN(endless) : SLOW_MIGRATIONS, &n, &err) != RC_OK) {
        fprintf(stderr, "migrator: %s (%s)\n", err.message, err.detail);
        return 1;
    }
    db_close(db);
    return 0;
}

static void test_two_processes_migrate(void **state)
{
    enum { PROCESSES = 4 };
    Fixture *f = need_db(state);
    pid_t pids[PROCESSES];
    size_t n = 99;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = spawn_migrator(f->url, "all");
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_ok(f, db_migrations_pending(f->db, slow_migrations, SLOW_MIGRATIONS, &n, &f->err));
    assert_int_equal(n, 0);
    assert_int_equal(count_rows(f, "slow"), 6); /* each was applied once */
    assert_int_equal(count_rows(f, "slower"), 4);
}

static bool is_migrating(Fixture *f)
{
    static const Query active = {
        "active", "SELECT 0",
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%half%' AND state = 'active' "
        "AND pid <> pg_backend_pid()"};
    Tx *tx;
    int64_t n = 0;
    if (f->db->kind == DB_POSTGRES) {
        assert_ok(f, db_read(f->db, false, &tx, &f->err));
        assert_ok(f, tx_one_i64(tx, &active, NO_PARAMS, &n, &f->err));
        db_end(tx);
        return n > 0;
    }
    Rc rc = db_begin(f->db, &tx, &f->err); /* the other has the write lock */
    if (rc == RC_OK) {
        db_end(tx);
    }
    return rc == RC_BUSY;
}

static void test_interrupted_migration(void **state)
{
    static const DbOptions quick = {.busy_timeout_ms = 50};
    Fixture *f = need_db(state);
    size_t n;
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &quick, &f->db, &f->err));
    pid_t pid = spawn_migrator(f->url, "hang");
    int64_t deadline = time_monotonic_us() + 20 * US_PER_SECOND;
    while (!is_migrating(f)) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(5 * US_PER_MS);
    }
    kill(pid, SIGKILL);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    if (f->db->kind == DB_POSTGRES) { /* the server notices the loss only when the statement ends */
        run_sql(f, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
                   "'%half%' AND datname = "
                   "current_database() AND pid <> pg_backend_pid()");
    }
    assert_ok(f, db_migrations_pending(f->db, endless, 1, &n, &f->err));
    assert_int_equal(n, 1);
    assert_ok(f, db_migrate(f->db, slow_migrations, SLOW_MIGRATIONS, &n, &f->err));
    assert_int_equal(n, SLOW_MIGRATIONS);
    run_sql(f, "CREATE TABLE half(a BIGINT)"); /* nothing was left behind */
}

static const struct CMUnitTest tests[] = {
    ON_BOTH(test_migrate),
    ON_BOTH(test_migration_changed),
    ON_BOTH(test_migration_fails),
    ON_BOTH(test_two_processes_migrate),
    ON_BOTH(test_interrupted_migration),
};

int run_migrate_tests(void)
{
    return cmocka_run_group_tests_name("store migrations", tests, NULL, NULL);
}
