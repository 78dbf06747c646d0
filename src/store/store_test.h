/* SPDX-License-Identifier: Apache-2.0
 * store/store_test.h - what the files of the store's tests share. */
#ifndef STORE_STORE_TEST_H
#define STORE_STORE_TEST_H

#include "base/test.h"

#include "store/store.h"

/* An open, empty database on a URL that lives until the process ends. */
typedef struct Fixture {
    Db *db;
    const char *url;
    Arena *arena;
    Error err;
} Fixture;

/* Fails with the error's own words. */
#define assert_ok(fixture, call)                                                                   \
    do {                                                                                           \
        Rc rc_ = (call);                                                                           \
        if (rc_ != RC_OK) {                                                                        \
            print_error("%s: %s (%s)\n", rc_name(rc_), (fixture)->err.message,                     \
                        (fixture)->err.detail);                                                    \
            fail();                                                                                \
        }                                                                                          \
    } while (0)
#define assert_rc(call, expected) assert_string_equal(rc_name(call), rc_name(expected))

/* One statement in a transaction of its own. */
void run_sql(Fixture *f, const char *sql);
int64_t count_rows(Fixture *f, const char *table);
/* Table things: id, name, n, x, data. */
void make_things(Fixture *f);
MUST_CHECK Rc insert_thing(Tx *tx, const char *id, const char *name, int64_t n, Error *err);
/* A folder of this process's own, removed at its end; a path in it lives until then. */
const char *test_path(const char *name);

int fixture_sqlite(void **state);
int fixture_postgres(void **state); /* leaves db NULL when PostgreSQL is not installed */
int fixture_end(void **state);
/* At the beginning of a test that needs the fixture's database. */
Fixture *need_db(void **state);

/* Rows of a table of tests: the case on SQLite and on PostgreSQL. */
#define ON_BOTH(fn)                                                                                \
    {#fn "/sqlite", fn, fixture_sqlite, fixture_end, NULL},                                        \
    {                                                                                              \
#fn "/postgres", fn, fixture_postgres, fixture_end, NULL                                   \
    }

/* What the program does as a child of test_two_processes_migrate and the like. */
int migrator_main(const char *url, const char *how);

int run_concurrency_tests(void);
int run_deadline_tests(void);
int run_migrate_tests(void);
int run_sqlite_tests(void);
int run_postgres_tests(void);

#endif
