/* SPDX-License-Identifier: Apache-2.0
 * store/store_test.c - what both databases must do alike: every case runs on each. */
#include "store/store_test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/thread.h"
#include "base/time.h"

#include "store/store_priv.h"
#include "store_test_sql.h"
#include "test_pg.h"

#include <unistd.h>

/* ---- fixtures ---- */

static char test_dir[] = "/tmp/fairway-store-XXXXXX";

const char *test_path(const char *name)
{
    static Arena *arena;
    arena = arena ? arena : arena_new(0);
    return str_fmt(arena, "%s/%s", test_dir, name).ptr;
}

static int fixture_open(void **state, const char *url)
{
    static const DbOptions options = {.readers = 8, .busy_timeout_ms = 2000};
    Fixture *f = store_alloc(1, sizeof(*f));
    f->arena = arena_new(0);
    f->url = url;
    if (url && db_open(url, &options, &f->db, &f->err) != RC_OK) {
        print_error("%s: %s (%s)\n", url, f->err.message, f->err.detail);
        return -1;
    }
    *state = f;
    return 0;
}

int fixture_sqlite(void **state)
{
    static unsigned n;
    char name[32];
    snprintf(name, sizeof(name), "test%u.db", n++);
    static Arena *arena;
    arena = arena ? arena : arena_new(0);
    return fixture_open(state, str_fmt(arena, "sqlite:%s", test_path(name)).ptr);
}

int fixture_postgres(void **state)
{
    return fixture_open(state, test_pg_url());
}

int fixture_end(void **state)
{
    Fixture *f = *state;
    db_close(f->db);
    arena_free(f->arena);
    free(f);
    return 0;
}

Fixture *need_db(void **state)
{
    Fixture *f = *state;
    if (!f->db) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
    return f;
}

void run_sql(Fixture *f, const char *sql)
{
    Tx *tx;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec_sql(tx, str_from(sql), NO_PARAMS, NULL, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
}

int64_t count_rows(Fixture *f, const char *table)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_query_sql(tx, str_fmt(f->arena, "SELECT count(*) FROM %s", table), NO_PARAMS,
                              &rows, &f->err));
    assert_true(rows_next(rows));
    return rows_i64(rows, 0);
}

void make_things(Fixture *f)
{
    run_sql(f, f->db->kind == DB_POSTGRES ? "CREATE TABLE things(id TEXT PRIMARY KEY, name TEXT "
                                            "NOT NULL, n BIGINT, x DOUBLE PRECISION, data "
                                            "BYTEA, CONSTRAINT n_small CHECK (n < 1000000000000))"
                                          : "CREATE TABLE things(id TEXT PRIMARY KEY, name TEXT "
                                            "NOT NULL, n BIGINT, x DOUBLE PRECISION, data "
                                            "BLOB, CONSTRAINT n_small CHECK (n < 1000000000000))");
}

Rc insert_thing(Tx *tx, const char *id, const char *name, int64_t n, Error *err)
{
    return tx_exec(tx, &store_test_insert,
                   PARAMS(P_CSTR(id), P_CSTR(name), P_I64(n), P_NULL, P_NULL), NULL, err);
}

static void add_thing(Fixture *f, const char *id, const char *name, int64_t n)
{
    Tx *tx;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, insert_thing(tx, id, name, n, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
}

/* ---- values ---- */

static void test_values_round_trip(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    Rows *rows;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    int64_t changed = 0;
    assert_ok(f, tx_exec(tx, &store_test_insert,
                         PARAMS(P_CSTR("1"), P_CSTR("caf\xc3\xa9 $1 'x'"), P_I64(-42), P_F64(0.1),
                                P_BLOB(str_of("\0\xff\x01", 3))),
                         &changed, &f->err));
    assert_int_equal(changed, 1);
    assert_ok(f, tx_exec(tx, &store_test_insert,
                         PARAMS(P_CSTR("2"), P_STR(STR_EMPTY), P_NULL, P_NULL, P_NULL), NULL,
                         &f->err));
    assert_ok(f, db_commit(tx, &f->err));

    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_query(tx, &store_test_all, NO_PARAMS, &rows, &f->err));
    assert_int_equal(rows_columns(rows), 5);
    assert_string_equal(rows_column_name(rows, 1), "name");
    assert_true(rows_next(rows));
    assert_str(rows_str(rows, 0), STR("1"));
    assert_str(rows_dup(rows, 1, f->arena), STR("caf\xc3\xa9 $1 'x'"));
    assert_int_equal(rows_i64(rows, 2), -42);
    assert_int_equal(rows_type(rows, 2), PARAM_I64);
    assert_true(rows_f64(rows, 3) == 0.1);
    assert_int_equal(rows_type(rows, 3), PARAM_DOUBLE);
    assert_int_equal(rows_type(rows, 4), PARAM_BLOB);
    assert_str(rows_str(rows, 4), str_of("\0\xff\x01", 3));
    assert_true(rows_next(rows));
    assert_str(rows_str(rows, 1), STR_EMPTY);
    assert_false(rows_is_null(rows, 1)); /* empty is not NULL */
    assert_true(rows_is_null(rows, 2));
    assert_int_equal(rows_i64(rows, 2), 0);
    assert_str(rows_str(rows, 4), STR_EMPTY);
    assert_false(rows_next(rows));
    assert_false(rows_next(rows));
    assert_int_equal(rows_error(rows, &f->err), RC_OK);
    rows_end(rows);
    db_end(tx);
}

static void test_placeholders_by_number(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    make_things(f);
    add_thing(f, "1", "a", 5);
    add_thing(f, "2", "b", 7);
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_query(tx, &store_test_by_name, PARAMS(P_CSTR("b"), P_I64(6)), &rows, &f->err));
    assert_true(rows_next(rows));
    assert_str(rows_str(rows, 0), STR("2"));
    assert_false(rows_next(rows));
}

static void test_dialect_variant(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    Str s;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_str(tx, &store_test_dialect, NO_PARAMS, f->arena, &s, &f->err));
    assert_str(s, f->db->kind == DB_POSTGRES ? STR("postgres") : STR("sqlite"));
}

static void test_one_row(void **state)
{
    static const Query n_of = {"n_of", "SELECT n FROM things WHERE id = $1", NULL};
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t n = 1;
    make_things(f);
    add_thing(f, "1", "a", INT64_C(999999999999));
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_rc(tx_one_i64(tx, &n_of, PARAMS(P_CSTR("none")), &n, &f->err), RC_NOT_FOUND);
    assert_int_equal(n, 1); /* untouched */
    assert_ok(f, tx_one_i64(tx, &n_of, PARAMS(P_CSTR("1")), &n, &f->err));
    assert_true(n == INT64_C(999999999999));
}

static void test_changed_counts(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t n = -1;
    make_things(f);
    add_thing(f, "1", "a", 1);
    add_thing(f, "2", "a", 2);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec_sql(tx, STR("UPDATE things SET n = n + 1"), NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 2);
    assert_ok(f, tx_exec_sql(tx, STR("UPDATE things SET n = 0 WHERE id = 'none'"), NO_PARAMS, &n,
                             &f->err));
    assert_int_equal(n, 0);
    assert_ok(f, tx_exec_sql(tx, STR("DELETE FROM things WHERE id = $1"), PARAMS(P_CSTR("1")), &n,
                             &f->err));
    assert_int_equal(n, 1);
    assert_ok(f, tx_exec_sql(tx, STR("SELECT id FROM things"), NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 0);
    assert_ok(f, tx_exec_sql(tx, STR("CREATE TABLE t(a BIGINT)"), NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 0);
}

static void test_insert_returning(void **state)
{
    static const Query q = {
        "q", "INSERT INTO things(id, name, n) VALUES ($1, 'x', 7) RETURNING n * 2", NULL};
    Fixture *f = need_db(state);
    Tx *tx;
    int64_t n = 0;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &q, PARAMS(P_CSTR("r")), &n, &f->err));
    assert_int_equal(n, 14);
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(count_rows(f, "things"), 1);
}

static void test_booleans_and_like(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_query_sql(tx, STR("SELECT 1 = 1, 1 = 2, 'abc' LIKE 'AB%', 'abc' LIKE 'ab%'"),
                              NO_PARAMS, &rows, &f->err));
    assert_true(rows_next(rows));
    assert_int_equal(rows_i64(rows, 0), 1);
    assert_str(rows_str(rows, 0), STR("1"));
    assert_str(rows_str(rows, 1), STR("0"));
    assert_int_equal(rows_type(rows, 0), PARAM_I64);
    assert_int_equal(rows_i64(rows, 2), 0); /* LIKE minds the case */
    assert_int_equal(rows_i64(rows, 3), 1);
}

static void test_hostile_text(void **state)
{
    static const struct {
        const char *what;
        Str text;
        Rc rc;
    } cases[] = {
        {"NUL",                    {"a\0b", 3},                      RC_INVALID},
        {"not UTF-8",              {"a\xff", 2},                     RC_INVALID},
        {"cut sequence",           {"\xe2\x82", 2},                  RC_INVALID},
        {"surrogate",              {"\xed\xa0\x80", 3},              RC_INVALID},
        {"quotes",                 {"'; DROP TABLE things; --", 24}, RC_OK     },
        {"the largest code point", {"\xf4\x8f\xbf\xbf", 4},          RC_OK     },
    };
    Fixture *f = need_db(state);
    make_things(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Tx *tx;
        assert_ok(f, db_begin(f->db, &tx, &f->err));
        Rc rc = tx_exec(tx, &store_test_insert,
                        PARAMS(P_CSTR("x"), P_STR(cases[i].text), P_NULL, P_NULL, P_NULL), NULL,
                        &f->err);
        if (rc != cases[i].rc) {
            fail_msg("%s: %s", cases[i].what, rc_name(rc));
        }
        if (rc == RC_OK) {
            Str got;
            static const Query name_of = {"name_of", "SELECT name FROM things WHERE id = 'x'",
                                          NULL};
            assert_ok(f, tx_one_str(tx, &name_of, NO_PARAMS, f->arena, &got, &f->err));
            assert_str(got, cases[i].text);
        }
        db_end(tx);
    }
    assert_int_equal(count_rows(f, "things"), 0);
}

static void test_big_values(void **state)
{
    static const Query q = {"q", "SELECT name, data FROM things WHERE id = $1", NULL};
    Fixture *f = need_db(state);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    make_things(f);
    size_t size = 5 * MIB;
    char *big = store_alloc(size, 1);
    memset(big, 'x', size);
    Tx *tx;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec(tx, &store_test_insert,
                         PARAMS(P_CSTR("big"), P_STR(str_of(big, size)), P_NULL, P_NULL,
                                P_BLOB(str_of(big, size))),
                         NULL, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_query(tx, &q, PARAMS(P_CSTR("big")), &rows, &f->err));
    assert_true(rows_next(rows));
    assert_true(str_eq(rows_str(rows, 0), str_of(big, size)));
    assert_true(str_eq(rows_str(rows, 1), str_of(big, size)));
    rows_end(rows);
    rows = NULL;
    /* Beyond the limit: refused before a byte of it is read. */
    assert_rc(tx_query(tx, &q, PARAMS(P_STR(str_of(big, STORE_VALUE_MAX + 1))), &rows, &f->err),
              RC_LIMIT);
    db_end(tx);
    free(big);
}

/* ---- statements ---- */

static void test_nested_rows(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    char id[16];
    make_things(f);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_thing(f, id, "same", i);
    }
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    CLEANUP(rows_cleanup) Rows *outer = NULL;
    int pairs = 0;
    assert_ok(f, tx_query(tx, &store_test_all, NO_PARAMS, &outer, &f->err));
    while (rows_next(outer)) {
        CLEANUP(rows_cleanup) Rows *inner = NULL; /* the same statement, while it is open */
        assert_ok(f, tx_query(tx, &store_test_all, NO_PARAMS, &inner, &f->err));
        while (rows_next(inner)) {
            pairs++;
        }
    }
    assert_int_equal(pairs, 25);
}

static void test_dynamic_statements(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    /* More texts than are kept, twice over, with one that stays in use throughout. */
    CLEANUP(rows_cleanup) Rows *held = NULL;
    assert_ok(f, tx_query_sql(tx, STR("SELECT 0 UNION ALL SELECT 1"), NO_PARAMS, &held, &f->err));
    assert_true(rows_next(held));
    for (int i = 0; i < 600; i++) {
        Rows *rows;
        Str sql = str_fmt(f->arena, "SELECT CAST($1 AS BIGINT) + %d", i % 300);
        assert_ok(f, tx_query_sql(tx, sql, PARAMS(P_I64(i)), &rows, &f->err));
        assert_true(rows_next(rows));
        assert_int_equal(rows_i64(rows, 0), i + i % 300);
        rows_end(rows);
    }
    assert_true(rows_next(held));
    assert_int_equal(rows_i64(held, 0), 1);
}

static void test_statement_mistakes(void **state)
{
    static const struct {
        const char *what, *sql;
        size_t n;
    } cases[] = {
        {"syntax",              "SELEKT 1",                                          0},
        {"no such table",       "SELECT * FROM nowhere",                             0},
        {"too few parameters",  "SELECT id FROM things WHERE id = $1 AND name = $2", 1},
        {"too many parameters", "SELECT id FROM things WHERE id = $1",               2},
        {"two statements",      "SELECT 1; SELECT 2",                                0},
    };
    static const Param params[2] = {{.type = PARAM_TEXT}, {.type = PARAM_TEXT}};
    Fixture *f = need_db(state);
    make_things(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(tx_cleanup) Tx *tx = NULL;
        Rows *rows;
        Query query = {"mistake", cases[i].sql, NULL};
        assert_ok(f, db_read(f->db, false, &tx, &f->err));
        Rc rc = tx_query(tx, &query, params, cases[i].n, &rows, &f->err);
        if (rc != RC_INTERNAL || f->err.detail[0] == '\0') {
            fail_msg("%s: %s %s", cases[i].what, rc_name(rc), f->err.detail);
        }
    }
}

static void test_read_scope_cannot_write(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    make_things(f);
    assert_ok(f, db_read_primary(f->db, &tx, &f->err));
    assert_false(tx_is_write(tx));
    assert_ptr_equal(tx_db(tx), f->db);
    assert_rc(insert_thing(tx, "1", "a", 1, &f->err), RC_INTERNAL);
    assert_int_equal(count_rows(f, "things"), 0);
}

static void test_check_query(void **state)
{
    static const Query bad = {"bad.query", "SELECT nothing FROM things", NULL};
    Fixture *f = need_db(state);
    make_things(f);
    for (size_t i = 0; i < store_test_n_queries; i++) {
        assert_ok(f, db_check_query(f->db, store_test_queries[i], &f->err));
    }
    assert_int_equal(count_rows(f, "things"), 0); /* prepared, not run */
    assert_rc(db_check_query(f->db, &bad, &f->err), RC_INTERNAL);
    assert_non_null(strstr(f->err.message, "bad.query"));
}

static void test_exec_many(void **state)
{
    enum { ROWS = 1203, COLUMNS = 5 };
    Fixture *f = need_db(state);
    Tx *tx;
    make_things(f);
    Param *params = ARENA_ARRAY(f->arena, Param, ROWS * COLUMNS);
    for (int i = 0; i < ROWS; i++) {
        Param *row = params + i * COLUMNS;
        row[0] = P_STR(str_fmt(f->arena, "id%05d", i));
        row[1] = P_CSTR("many");
        row[2] = P_I64(i);
        row[3] = P_F64(i / 4.0);
        row[4] = P_NULL;
    }
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec_many(tx, &store_test_insert, params, COLUMNS, ROWS, &f->err));
    assert_ok(f, tx_exec_many(tx, &store_test_insert, params, COLUMNS, 0, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(count_rows(f, "things"), ROWS);
    /* Every value where it belongs, however the rows were sent. */
    assert_int_equal(count_rows(f, "things WHERE name = 'many' AND data IS NULL AND x * 4 = n AND "
                                   "CAST(substr(id, 3) AS BIGINT) = n"),
                     ROWS);

    /* One of many fails: all of the transaction is undone, and the connection is of use again. */
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec_sql(tx, STR("DELETE FROM things WHERE id < 'id00600'"), NO_PARAMS, NULL,
                             &f->err));
    assert_rc(tx_exec_many(tx, &store_test_insert, params, COLUMNS, ROWS, &f->err), RC_CONFLICT);
    assert_string_equal(f->err.detail, "things_pkey");
    db_end(tx);
    assert_int_equal(count_rows(f, "things"), ROWS);
}

/* Nothing in a value is taken for the format that many of them are sent in. */
static void test_exec_many_hostile(void **state)
{
    enum { ROWS = 50, COLUMNS = 5 };
    Fixture *f = need_db(state);
    Tx *tx;
    Str hostile = STR("\\N\ttab\nline\r\\.\\x41\\\n\\.\n\\"), bytes = STR("\\\0\xff\n\\.");
    make_things(f);
    Param *params = ARENA_ARRAY(f->arena, Param, ROWS * COLUMNS);
    for (int i = 0; i < ROWS; i++) {
        const Param row[COLUMNS] = {P_STR(str_fmt(f->arena, "%d", i)),
                                    P_STR(i % 2 ? hostile : STR("\\N")), P_I64(INT64_MIN + i),
                                    P_F64(1 / 3.0), P_BLOB(i % 2 ? bytes : STR(""))};
        memcpy(params + i * COLUMNS, row, sizeof(row));
    }
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_exec_many(tx, &store_test_insert, params, COLUMNS, ROWS, &f->err));
    int64_t n;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    assert_ok(f, tx_query_sql(tx,
                              STR("SELECT count(*) FROM things WHERE (name = $1 AND data = $2) OR "
                                  "(name = $3 AND data = $4)"),
                              PARAMS(P_STR(hostile), P_BLOB(bytes), P_CSTR("\\N"), P_BLOB(STR(""))),
                              &rows, &f->err));
    assert_true(rows_next(rows));
    n = rows_i64(rows, 0);
    rows_end(rows);
    rows = NULL;
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(n, ROWS);
    assert_int_equal(count_rows(f, "things WHERE n < -9223372036854775758 AND x * 3 = 1"), ROWS);
}

static void test_schema_change_under_statements(void **state)
{
    static const Query star = {"star", "SELECT * FROM things", NULL};
    Fixture *f = need_db(state);
    make_things(f);
    add_thing(f, "1", "a", 1);
    for (int columns = 5; columns <= 6; columns++) {
        CLEANUP(tx_cleanup) Tx *tx = NULL;
        CLEANUP(rows_cleanup) Rows *rows = NULL;
        assert_ok(f, db_read(f->db, false, &tx, &f->err));
        assert_ok(f, tx_query(tx, &star, NO_PARAMS, &rows, &f->err));
        assert_true(rows_next(rows));
        assert_int_equal(rows_columns(rows), columns);
        rows_end(rows);
        rows = NULL;
        db_end(tx);
        tx = NULL;
        if (columns == 5) {
            run_sql(f, "ALTER TABLE things ADD COLUMN more TEXT");
        }
    }
}

/* ---- transactions ---- */

static void test_commit_and_rollback(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_true(tx_is_write(tx));
    assert_ok(f, insert_thing(tx, "1", "a", 1, &f->err));
    assert_int_equal(count_rows(f, "things"), 0); /* not seen by others before the commit */
    db_end(tx);
    assert_int_equal(count_rows(f, "things"), 0);
    add_thing(f, "1", "a", 1);
    assert_int_equal(count_rows(f, "things"), 1);
    db_end(NULL);
}

static void test_failed_transaction(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, insert_thing(tx, "1", "a", 1, &f->err));
    assert_rc(insert_thing(tx, "1", "b", 1, &f->err), RC_CONFLICT);
    assert_rc(insert_thing(tx, "2", "b", 1, &f->err), RC_INTERNAL); /* nothing but a rollback */
    assert_rc(db_commit(tx, &f->err), RC_CONFLICT);
    assert_int_equal(count_rows(f, "things"), 0);
}

static void test_conflicts(void **state)
{
    static const struct {
        const char *sql, *detail;
    } cases[] = {
        {"INSERT INTO parents VALUES ('p', 'other', 1, 1)",  "parents_pkey"   },
        {"INSERT INTO parents VALUES ('q', 'slug', 1, 1)",   "parents_slug"   },
        {"INSERT INTO parents VALUES ('q', 'other', 7, 8)",  "parents_a_b_key"},
        {"INSERT INTO parents VALUES ('q', 'other', -1, 8)", "a_positive"     },
        {"INSERT INTO children VALUES ('c2', 'nobody')",     NULL             },
        {"DELETE FROM parents WHERE id = 'p'",               NULL             },
    };
    Fixture *f = need_db(state);
    run_sql(f, "CREATE TABLE parents(id TEXT PRIMARY KEY, slug TEXT NOT NULL, a BIGINT, b BIGINT, "
               "UNIQUE(a, b), "
               "CONSTRAINT a_positive CHECK (a > 0))");
    run_sql(f, "CREATE UNIQUE INDEX parents_slug ON parents(slug)");
    run_sql(
        f,
        "CREATE TABLE children(id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parents(id))");
    run_sql(f, "INSERT INTO parents VALUES ('p', 'slug', 7, 8)");
    run_sql(f, "INSERT INTO children VALUES ('c', 'p')");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(tx_cleanup) Tx *tx = NULL;
        assert_ok(f, db_begin(f->db, &tx, &f->err));
        Rc rc = tx_exec_sql(tx, str_from(cases[i].sql), NO_PARAMS, NULL, &f->err);
        if (rc != RC_CONFLICT || (cases[i].detail && strcmp(f->err.detail, cases[i].detail) != 0)) {
            fail_msg("%s: %s %s", cases[i].sql, rc_name(rc), f->err.detail);
        }
    }
}

static void test_savepoints(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, insert_thing(tx, "1", "a", 1, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_ok(f, insert_thing(tx, "2", "a", 1, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_rc(insert_thing(tx, "1", "a", 1, &f->err), RC_CONFLICT);
    assert_rc(tx_savepoint_release(tx, &f->err), RC_INTERNAL);
    db_end(tx);
    assert_int_equal(count_rows(f, "things"), 0);

    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, insert_thing(tx, "1", "a", 1, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_ok(f, insert_thing(tx, "2", "a", 1, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_rc(insert_thing(tx, "1", "a", 1, &f->err), RC_CONFLICT);
    assert_ok(f, tx_savepoint_rollback(tx, &f->err)); /* makes it usable again */
    assert_ok(f, insert_thing(tx, "3", "a", 1, &f->err));
    assert_ok(f, tx_savepoint_release(tx, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_ok(f, insert_thing(tx, "4", "a", 1, &f->err));
    assert_ok(f, tx_savepoint_rollback(tx, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(count_rows(f, "things"), 3);

    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_rc(db_commit(tx, &f->err), RC_INTERNAL); /* one left open is a mistake */
}

static void note_call(void *user)
{
    Buf *calls = user;
    buf_char(calls, (char)('a' + calls->len));
}

static void test_on_commit(void **state)
{
    Fixture *f = need_db(state);
    Buf calls = buf_init(f->arena, 100);
    Tx *tx;
    make_things(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    for (int i = 0; i < 6; i++) {
        tx_on_commit(tx, note_call, &calls);
    }
    assert_int_equal(calls.len, 0);
    assert_ok(f, db_commit(tx, &f->err));
    assert_str(buf_str(&calls), STR("abcdef"));

    assert_ok(f, db_begin(f->db, &tx, &f->err));
    tx_on_commit(tx, note_call, &calls);
    db_end(tx);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    tx_on_commit(tx, note_call, &calls);
    assert_rc(tx_exec_sql(tx, STR("nonsense"), NO_PARAMS, NULL, &f->err), RC_INTERNAL);
    assert_rc(db_commit(tx, &f->err), RC_INTERNAL);
    assert_int_equal(calls.len, 6); /* neither an end nor a failed commit calls */
}

static void test_scopes_of_one_thread(void **state)
{
    Fixture *f = need_db(state);
    Tx *outer;
    Tx *inner;
    Tx *write;
    Tx *second;
    Rows *rows;
    make_things(f);
    add_thing(f, "1", "a", 1);
    assert_ok(f, db_read(f->db, false, &outer, &f->err));
    assert_ok(f, tx_query(outer, &store_test_all, NO_PARAMS, &rows, &f->err));
    assert_ok(f, db_read(f->db, true, &inner, &f->err));
    assert_int_equal(db_stats(f->db).in_use, 1); /* nested reads share a connection */
    db_end(inner);
    assert_true(rows_next(rows)); /* the end of an inner scope leaves the outer's results alone */
    rows_end(rows);
    assert_ok(f, db_begin(f->db, &write, &f->err));
    assert_rc(db_begin(f->db, &second, &f->err), RC_INTERNAL); /* would wait for itself */
    db_end(write);
    db_end(outer);
    assert_int_equal(db_stats(f->db).in_use, 0);
}

static void test_rows_outlive_scope(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    Rows *rows;
    make_things(f);
    add_thing(f, "1", "a", 1);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_query(tx, &store_test_all, NO_PARAMS, &rows, &f->err));
    assert_true(rows_next(rows));
    assert_ok(f, db_commit(tx, &f->err));
    assert_false(rows_next(rows)); /* empty, not a read of freed memory */
    assert_str(rows_str(rows, 0), STR_EMPTY);
    assert_int_equal(rows_columns(rows), 0);
    rows_end(rows);
}

/* ---- the rest ---- */

static void test_ping_and_stats(void **state)
{
    Fixture *f = need_db(state);
    assert_ok(f, db_ping(f->db, &f->err));
    DbStats stats = db_stats(f->db);
    assert_true(stats.reads >= 1);
    assert_true(stats.connections >= 1);
    assert_int_equal(stats.errors, 0);
    assert_int_equal(db_kind(f->db), f->db->kind);
}

static void test_bad_urls(void **state)
{
    static const struct {
        const char *url;
        Rc rc;
    } cases[] = {
        {"",                                                   RC_INVALID},
        {"mysql://x",                                          RC_INVALID},
        {"sqlite:",                                            RC_INVALID},
        {"sqlite:/nowhere/at/all/x.db",                        RC_INVALID},
        {"postgresql://a:b:c:d@[",                             RC_INVALID},
        {"postgresql://u:p@127.0.0.1:notaport/db",             RC_INVALID},
        {"postgresql://u:p@127.0.0.1:5432:1/db",               RC_INVALID},
        {"postgresql://u:p@127.0.0.1:65536/db",                RC_INVALID},
        {"postgresql://u:p@ss@127.0.0.1:1/db",                 RC_INVALID},
        {"postgresql://u@127.0.0.1:1/db?connect_timeout=soon", RC_INVALID},
    };
    (void)state;
    int64_t before = time_monotonic_us();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Db *db = NULL;
        Error err = {0};
        Rc rc = db_open(cases[i].url, NULL, &db, &err);
        if (rc != cases[i].rc || db || !err.message[0]) {
            fail_msg("%s: %s %s", cases[i].url, rc_name(rc), err.message);
        }
    }
    assert_true(time_monotonic_us() - before < 5 * US_PER_SECOND); /* none is waited for */
}

static char away[64];

static void note_away(const char *where)
{
    assert_string_equal(away, ""); /* once */
    snprintf(away, sizeof(away), "%s", where);
}

static void test_a_server_that_is_away(void **state)
{
    static const DbOptions options = {.on_away = note_away};
    Db *db = NULL;
    Error err = {0};
    (void)state;
    assert_rc(db_open("postgresql://u:secret@127.0.0.1:9/db", &options, &db, &err), RC_BUSY);
    assert_string_equal(away, "127.0.0.1:9");
}

static const struct CMUnitTest tests[] = {
    ON_BOTH(test_values_round_trip),
    ON_BOTH(test_placeholders_by_number),
    ON_BOTH(test_dialect_variant),
    ON_BOTH(test_one_row),
    ON_BOTH(test_changed_counts),
    ON_BOTH(test_insert_returning),
    ON_BOTH(test_booleans_and_like),
    ON_BOTH(test_hostile_text),
    ON_BOTH(test_big_values),
    ON_BOTH(test_nested_rows),
    ON_BOTH(test_dynamic_statements),
    ON_BOTH(test_statement_mistakes),
    ON_BOTH(test_read_scope_cannot_write),
    ON_BOTH(test_check_query),
    ON_BOTH(test_exec_many),
    ON_BOTH(test_exec_many_hostile),
    ON_BOTH(test_schema_change_under_statements),
    ON_BOTH(test_commit_and_rollback),
    ON_BOTH(test_failed_transaction),
    ON_BOTH(test_conflicts),
    ON_BOTH(test_savepoints),
    ON_BOTH(test_on_commit),
    ON_BOTH(test_scopes_of_one_thread),
    ON_BOTH(test_rows_outlive_scope),
    ON_BOTH(test_ping_and_stats),
    cmocka_unit_test(test_bad_urls),
    cmocka_unit_test(test_a_server_that_is_away),
};

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "migrate") == 0) {
        return migrator_main(argv[2], argv[3]);
    }
    if (argc == 2) {
        cmocka_set_test_filter(argv[1]);
    }
    if (!mkdtemp(test_dir)) {
        perror(test_dir);
        return 1;
    }
    int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    failed += run_concurrency_tests();
    failed += run_deadline_tests();
    failed += run_migrate_tests();
    failed += run_sqlite_tests();
    failed += run_postgres_tests();
    IGNORE(file_remove_tree(test_dir, NULL)); /* a leftover in the temporary folder harms nobody */
    return failed;
}
