/* SPDX-License-Identifier: Apache-2.0
 * The product as a whole, on both databases: its migrations run, every named query can be prepared,
 * every record of the contract has the columns it says. */
#include "base/id.h"

#include "all_queries.h"
#include "app/app.h"
#include "contract_handlers.h"
#include "migrations.h"
#include "platform/contract/contract.h"
#include "platform/personal/personal.h"
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

static bool is_declared(Str table)
{
    for (size_t m = 0; m < app_n_modules; m++) {
        for (size_t i = 0; i < app_modules[m]->n_personal; i++) {
            if (str_is(table, app_modules[m]->personal[i].table)) {
                return true;
            }
        }
    }
    return false;
}

/* Columns and conditions of Module.personal are there. */
static void check_personal_columns(Db *db)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (size_t m = 0; m < app_n_modules; m++) {
        for (size_t i = 0; i < app_modules[m]->n_personal; i++) {
            const PersonalTable *t = &app_modules[m]->personal[i];
            Str sql = str_fmt(arena, "SELECT %s FROM %s WHERE %s = $1 AND %s",
                              t->columns ? t->columns : "1", t->table, t->owner,
                              t->where ? t->where : "1 = 1");
            Query query = {.name = t->name, .sql = str_cstr(arena, sql)};
            Error err = {0};
            if (db_check_query(db, &query, &err) != RC_OK) {
                fail_msg("Module.personal of %s: %s (%s)", app_modules[m]->name, err.message,
                         err.detail);
            }
        }
    }
}

/* What names a user is exported and erased with them: Module.personal. */
static void check_personal_tables(Db *db)
{
    static const Query tables = {
        .name = "test.user_tables",
        .sql = "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
               "WHERE m.type = 'table' AND c.name = 'user_id'",
    };
    Error err = {0};
    Tx *tx;
    Rows *rows;
    size_t n = 0;
    assert_int_equal(db_read(db, false, &tx, &err), RC_OK);
    assert_int_equal(tx_query(tx, &tables, NO_PARAMS, &rows, &err), RC_OK);
    while (rows_next(rows)) {
        n++;
        if (!is_declared(rows_str(rows, 0))) {
            fail_msg("the table %.*s has rows of users: declare it in Module.personal "
                     "(platform/personal/personal.h)",
                     STR_ARG(rows_str(rows, 0)));
        }
    }
    assert_true(n >= 4);
    rows_end(rows);
    db_end(tx);
}

static void works_on_sqlite(void **state)
{
    (void)state;
    Db *db = open_database("sqlite::memory:");
    check_queries(db);
    check_records(db);
    check_personal_columns(db);
    check_personal_tables(db);
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
    check_personal_columns(db);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(works_on_sqlite),
                                       cmocka_unit_test(works_on_postgresql)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
