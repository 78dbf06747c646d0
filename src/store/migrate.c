/* SPDX-License-Identifier: Apache-2.0
 * store/migrate.c - forward-only migrations.
 *
 * Each runs in a transaction of its own together with its row in schema_migrations. Whether it has
 * been applied is asked again inside, under a lock that the processes share, so that any number of
 * them may start at once. Applied migrations this program does not know are left alone: a newer
 * release put them there, and migrations are written so that the release before keeps working. */
#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "store/store_priv.h"

/* Another process may be in the middle of a long migration. */
enum { MIGRATE_WAIT_S = 600, APPLIED_MAX = 100000 };

static const Query q_lock = {"migrate.lock",
                             "SELECT 1", /* SQLite: the write transaction is the lock */
                             "SELECT CAST(pg_advisory_xact_lock(4973146293771894137) AS TEXT)"};
static const Query q_no_timeout = {"migrate.no_timeout", "SELECT 1",
                                   "SELECT set_config('statement_timeout', '0', true)"};
static const Query q_lock_timeout = {"migrate.lock_timeout", "SELECT 1",
                                     "SELECT set_config('lock_timeout', '600s', true)"};
static const Query q_has_table = {
    "migrate.has_table",
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'",
    "SELECT CASE WHEN to_regclass('schema_migrations') IS NULL THEN 0 ELSE 1 END"};
static const Query q_applied = {
    "migrate.applied", "SELECT name, sha256 FROM schema_migrations ORDER BY name LIMIT $1", NULL};
static const Query q_applied_one = {"migrate.applied_one",
                                    "SELECT sha256 FROM schema_migrations WHERE name = $1", NULL};
static const Query q_insert = {
    "migrate.insert", "INSERT INTO schema_migrations(name, sha256, applied_at) VALUES ($1, $2, $3)",
    NULL};
static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations("
    "name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)";

static const char *text_of(const Db *db, const Migration *m)
{
    return db->kind == DB_POSTGRES && m->sql_pg ? m->sql_pg : m->sql;
}

static Rc check_digest(const Migration *m, Str applied, Str ours, Error *err)
{
    if (str_eq(applied, ours)) {
        return RC_OK;
    }
    return error_set(
        err, RC_CONFLICT,
        "Migration %s was changed after it had been applied; restore its text and put the change "
        "into a new migration",
        m->name);
}

static Rc has_table(Tx *tx, bool *ret, Error *err)
{
    int64_t n;
    TRY(tx_one_i64(tx, &q_has_table, NO_PARAMS, &n, err));
    *ret = n > 0;
    return RC_OK;
}

/* Marks which are applied; all of them are checked for changes. */
static Rc read_applied(
    Db *db, Tx *tx, Arena *arena, const Migration *migrations, size_t n, bool *applied, Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    bool there;

    TRY(has_table(tx, &there, err));
    if (!there) {
        return RC_OK;
    }
    TRY(tx_query(tx, &q_applied, PARAMS(P_I64(APPLIED_MAX)), &rows, err));
    while (rows_next(rows)) {
        for (size_t i = 0; i < n; i++) {
            if (str_is(rows_str(rows, 0), migrations[i].name)) {
                Str ours = sha256_hex(arena, str_from(text_of(db, &migrations[i])));
                TRY(check_digest(&migrations[i], rows_str(rows, 1), ours, err));
                applied[i] = true;
            }
        }
    }
    return rows_error(rows, err);
}

static Rc
find_applied(Db *db, Arena *arena, const Migration *migrations, size_t n, bool *applied, Error *err)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(db_read_primary(db, &tx, err));
    return read_applied(db, tx, arena, migrations, n, applied, err);
}

static Rc apply_in(Tx *tx, Arena *arena, const Migration *m, bool *ret_applied, Error *err)
{
    Db *db = tx_db(tx);
    Str digest = sha256_hex(arena, str_from(text_of(db, m)));
    Str before = STR_EMPTY;
    Str ignored;

    TRY(tx_one_str(tx, &q_no_timeout, NO_PARAMS, arena, &ignored, err));
    TRY(tx_one_str(tx, &q_lock_timeout, NO_PARAMS, arena, &ignored, err));
    TRY(tx_one_str(tx, &q_lock, NO_PARAMS, arena, &ignored, err));
    TRY(db->ops->script(tx, table_sql, err));
    Rc rc = tx_one_str(tx, &q_applied_one, PARAMS(P_CSTR(m->name)), arena, &before, err);
    if (rc == RC_OK) {
        return check_digest(m, before, digest, err); /* another process was first */
    }
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    rc = db->ops->script(tx, text_of(db, m), err);
    if (rc != RC_OK) {
        error_prefix(err, "Migration %s", m->name);
        return rc;
    }
    *ret_applied = true;
    return tx_exec(tx, &q_insert, PARAMS(P_CSTR(m->name), P_STR(digest), P_I64(time_now_us())),
                   NULL, err);
}

static Rc apply(Db *db, Arena *arena, const Migration *m, size_t *ret_applied, Error *err)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t deadline = time_monotonic_us() + MIGRATE_WAIT_S * US_PER_SECOND;
    bool applied = false;

    Rc rc = db_begin(db, &tx, err);
    while (rc == RC_BUSY && time_monotonic_us() < deadline) {
        thread_sleep_us(10 * US_PER_MS);
        rc = db_begin(db, &tx, err);
    }
    TRY(rc);
    TRY(apply_in(tx, arena, m, &applied, err));
    Tx *done = tx;
    tx = NULL;
    TRY(db_commit(done, err));
    *ret_applied += applied ? 1 : 0;
    return RC_OK;
}

Rc db_migrate(Db *db, const Migration *migrations, size_t n, size_t *ret_applied, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    bool *applied = ARENA_ARRAY(arena, bool, n);
    size_t count = 0;

    TRY(find_applied(db, arena, migrations, n, applied, err));
    for (size_t i = 0; i < n; i++) {
        if (!applied[i]) {
            TRY(apply(db, arena, &migrations[i], &count, err));
        }
    }
    if (ret_applied) {
        *ret_applied = count;
    }
    return RC_OK;
}

Rc db_migrations_pending(
    Db *db, const Migration *migrations, size_t n, size_t *ret_pending, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    bool *applied = ARENA_ARRAY(arena, bool, n);

    TRY(find_applied(db, arena, migrations, n, applied, err));
    *ret_pending = 0;
    for (size_t i = 0; i < n; i++) {
        *ret_pending += applied[i] ? 0 : 1;
    }
    return RC_OK;
}
