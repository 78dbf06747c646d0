/* SPDX-License-Identifier: Apache-2.0
 * The product as a whole, on both databases: its migrations run, every named query can be prepared,
 * every record of the contract has the columns it says. */
#include "base/id.h"

#include "all_queries.h"
#include "app/app.h"
#include "contract_handlers.h"
#include "migrations.h"
#include "platform/contract/contract.h"
#include "platform/records/records.h"
#include "test_pg.h"

/* The tests' own `fail` is cmocka's; the platform's is not called here. */
#include "base/test.h"

typedef struct QueryList {
    const char *name;
    const Query *const *queries;
    size_t n;
} QueryList;

static Db *open_database(const char *url)
{
    Db *db;
    Error err = {0};
    size_t applied;
    if (db_open(url, NULL, &db, &err) != RC_OK ||
        db_migrate(db, fairway_migrations, fairway_n_migrations, &applied, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
    assert_int_equal(applied, fairway_n_migrations);
    return db;
}

static void check_queries(Db *db)
{
#define X(prefix) {#prefix, prefix##_queries, prefix##_n_queries},
    const QueryList lists[] = {ALL_QUERIES(X)};
#undef X
    size_t checked = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (db_kind(db) == DB_SQLITE && str_is(str_from(lists[i].name), "events_place")) {
            continue; /* how PostgreSQL orders events; SQLite orders them by itself */
        }
        for (size_t k = 0; k < lists[i].n; k++) {
            Error err = {0};
            if (db_check_query(db, lists[i].queries[k], &err) != RC_OK) {
                fail_msg("%s: %s: %s (%s)", lists[i].name, lists[i].queries[k]->name, err.message,
                         err.detail);
            }
            checked++;
        }
    }
    assert_true(checked > 50);
}

static void check_records(Db *db)
{
    Contract *contract;
    Records *records;
    Error err = {0};
    Str text = str_of((const char *)contract_data, contract_len);
    if (contract_load(text, contract_handlers, contract_n_handlers, records_serve, &contract,
                      &err) != RC_OK ||
        records_new(contract, app_modules, app_n_modules, &records, &err) != RC_OK ||
        records_check(records, db, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
    records_free(records);
    contract_free(contract);
}

static void works_on_sqlite(void **state)
{
    (void)state;
    Db *db = open_database("sqlite::memory:");
    check_queries(db);
    check_records(db);
    db_close(db);
}

static void works_on_postgresql(void **state)
{
    (void)state;
    const char *url = test_pg_url();
    if (!url) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
    Db *db = open_database(url);
    check_queries(db);
    check_records(db);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(works_on_sqlite),
                                       cmocka_unit_test(works_on_postgresql)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
