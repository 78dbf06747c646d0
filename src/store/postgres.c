/* SPDX-License-Identifier: Apache-2.0
 * store/postgres.c - PostgreSQL: opening, read scopes, transactions, the replica.
 *
 * A read runs outside transactions, so a statement whose connection was lost is run again on a
 * fresh one. Inside a write transaction nothing is repeated: the server has undone it, the caller
 * may. */
#include "base/time.h"

#include "store/postgres_priv.h"

static const DbOps postgres_ops;

static void postgres_close(Db *base)
{
    PgDb *db = (PgDb *)base;
    pg_listen_stop(base);
    pool_done(&db->primary);
    if (db->has_replica) {
        pool_done(&db->replica);
    }
    free(db);
}

/* A server that answers, but not us, will not change its mind by waiting. */
static bool is_away(const char *url)
{
    const char *keys[] = {"connect_timeout", "dbname", NULL};
    const char *values[] = {"2", url, NULL};
    PGPing ping = PQpingParams(keys, values, 1);
    return ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE;
}

static Rc first_connection(PgPool *pool, Error *err)
{
    int64_t deadline = time_monotonic_us() + PG_CONNECT_WAIT_S * US_PER_SECOND;
    PgConn *conn;
    Rc rc = pool_take(pool, POOL_WAIT, &conn, err);
    while (rc == RC_BUSY && time_monotonic_us() < deadline && is_away(pool->url)) {
        thread_sleep_us(PG_RETRY_MS * US_PER_MS);
        rc = pool_take(pool, POOL_WAIT, &conn, err);
    }
    if (rc == RC_OK) {
        pool_give(conn);
    } else if (rc == RC_BUSY && !is_away(pool->url)) {
        char reason[sizeof(err->detail)];
        snprintf(reason, sizeof(reason), "%s", err ? err->detail : "");
        rc = error_set(err, RC_INVALID,
                       "The PostgreSQL server refuses the connection; check user, password and "
                       "database in the URL, and whether it has connections left");
        error_detail(err, "%s", reason);
    }
    return rc;
}

static Rc check_url(const char *url, Error *err)
{
    char *reason = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &reason);
    PQconninfoFree(parsed);
    PQfreemem(reason); /* may quote the password */
    return parsed ? RC_OK
                  : error_set(err, RC_INVALID,
                              "The database URL is not of the form "
                              "postgresql://user:password@host:port/database");
}

Rc postgres_open(const char *url, const DbOptions *options, Db **ret, Error *err)
{
    TRY(check_url(url, err));
    if (options->replica_url) {
        TRY(check_url(options->replica_url, err));
    }
    PgDb *db = store_alloc(1, sizeof(*db));
    db->base.ops = &postgres_ops;
    db->base.kind = DB_POSTGRES;
    db->base.busy_timeout_ms = options->busy_timeout_ms;
    db->has_replica = options->replica_url != NULL;
    pool_init(&db->primary, url, options->readers, options->busy_timeout_ms, PG_RETRY_MS);
    if (db->has_replica) {
        pool_init(&db->replica, options->replica_url, options->readers, options->busy_timeout_ms,
                  PG_REPLICA_RETRY_MS);
    }
    Rc rc = first_connection(&db->primary, err);
    if (rc != RC_OK) {
        postgres_close(&db->base);
        return rc;
    }
    *ret = &db->base;
    return RC_OK;
}

/* ---- reading ---- */

static Rc take_for_read(PgDb *db, bool may_replica, bool inline_only, PgConn **ret, Error *err)
{
    if (may_replica && db->has_replica &&
        pool_take(&db->replica, inline_only ? POOL_IDLE_ONLY : POOL_NO_WAIT, ret, NULL) == RC_OK) {
        return RC_OK;
    }
    return pool_take(&db->primary, inline_only ? POOL_IDLE_ONLY : POOL_WAIT, ret, err);
}

static Rc postgres_read(Db *base, ReadFrom from, bool inline_only, Tx **ret, Error *err)
{
    PgDb *db = (PgDb *)base;
    PgConn *conn;

    TRY(take_for_read(db, from == READ_ANY, inline_only, &conn, err));
    PgTx *tx = store_alloc(1, sizeof(*tx));
    tx->base.db = base;
    tx->base.is_primary = conn->pool == &db->primary;
    tx->conn = conn;
    tx->inline_only = inline_only;
    atomic_fetch_add_explicit(&db->reads, 1, memory_order_relaxed);
    *ret = &tx->base;
    return RC_OK;
}

static void postgres_read_end(Tx *base)
{
    PgTx *tx = (PgTx *)base;
    if (tx->conn) {
        pool_give(tx->conn);
    }
    free(tx);
}

Rc pg_tx_reconnect(PgTx *tx, Error *err)
{
    PgDb *db = (PgDb *)tx->base.db;
    bool was_primary = tx->base.is_primary;

    if (tx->conn) {
        PgPool *pool = tx->conn->pool;
        pool_give(tx->conn);
        tx->conn = NULL;
        pool_drop_idle(pool);
    }
    TRY(take_for_read(db, !was_primary, false, &tx->conn, err));
    tx->base.is_primary = tx->conn->pool == &db->primary;
    return RC_OK;
}

static Rc postgres_ping(Db *db, Error *err)
{
    static const Query one = {"ping", "SELECT 1", NULL};
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t ignored;
    TRY(db_read_primary(db, &tx, err));
    tx_deadline(tx, time_monotonic_us() + STORE_PING_MS * US_PER_MS);
    return tx_one_i64(tx, &one, NO_PARAMS, &ignored, err);
}

/* ---- writing ---- */

static Rc begin_on(PgConn *conn, Error *err)
{
    return pg_run(conn, "BEGIN READ WRITE", err);
}

static Rc postgres_begin(Db *base, Tx **ret, Error *err)
{
    PgDb *db = (PgDb *)base;
    PgConn *conn;

    TRY(pool_take(&db->primary, POOL_WAIT, &conn, err));
    Rc rc = begin_on(conn, err);
    if (rc != RC_OK && conn->lost) { /* nothing was begun: a fresh connection may serve */
        pool_give(conn);
        pool_drop_idle(&db->primary);
        TRY(pool_take(&db->primary, POOL_WAIT, &conn, err));
        rc = begin_on(conn, err);
    }
    if (rc != RC_OK) {
        pool_give(conn);
        return rc;
    }
    PgTx *tx = store_alloc(1, sizeof(*tx));
    tx->base.db = base;
    tx->base.is_primary = true;
    tx->conn = conn;
    *ret = &tx->base;
    return RC_OK;
}

static Rc commit_on(PgConn *conn, Error *err)
{
    PGresult *result = PQexec(conn->pg, "COMMIT");
    Rc rc = RC_OK;
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        rc = pg_error(conn, result, "commit", err);
        if (conn->lost || conn->unknown) {
            rc = error_set(err, RC_BUSY,
                           "The connection to the database was lost during the commit: it is "
                           "unknown whether the "
                           "change was made; look before you try again");
            error_detail(err, "%s", PQerrorMessage(conn->pg));
        }
    } else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        rc = error_set(err, RC_INTERNAL, "The database undid the transaction at its commit");
    }
    PQclear(result);
    return rc;
}

static Rc postgres_commit(Tx *base, Error *err)
{
    PgTx *tx = (PgTx *)base;
    Rc rc = commit_on(tx->conn, err);
    pool_give(tx->conn);
    tx->conn = NULL;
    return rc;
}

static void postgres_rollback(Tx *base)
{
    PgTx *tx = (PgTx *)base;
    if (!tx->conn->lost) {
        IGNORE(pg_run(tx->conn, "ROLLBACK", NULL)); /* pool_give closes it unless this worked */
    }
    pool_give(tx->conn);
    tx->conn = NULL;
}

static Rc postgres_backup(Db *db, const char *to_path, Error *err)
{
    (void)db;
    return error_set(err, RC_NOT_IMPLEMENTED,
                     "A PostgreSQL database is backed up with pg_dump --format=custom --file=%s",
                     to_path);
}

static void postgres_stats(Db *base, DbStats *stats)
{
    PgDb *db = (PgDb *)base;
    PgPool *pools[] = {&db->primary, db->has_replica ? &db->replica : NULL};

    stats->reads = atomic_load(&db->reads);
    for (size_t i = 0; i < ARRAY_LEN(pools) && pools[i]; i++) {
        mutex_lock(&pools[i]->lock);
        stats->connections += pools[i]->open;
        stats->in_use += pools[i]->in_use;
        mutex_unlock(&pools[i]->lock);
    }
}

static const DbOps postgres_ops = {
    .close = postgres_close,
    .ping = postgres_ping,
    .read = postgres_read,
    .read_end = postgres_read_end,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .exec = pg_exec,
    .exec_many = pg_exec_many,
    .query = pg_query,
    .script = pg_script,
    .check = pg_check,
    .backup = postgres_backup,
    .listen = pg_listen,
    .listen_stop = pg_listen_stop,
    .notify = pg_notify,
    .is_listening = pg_is_listening,
    .stats = postgres_stats,
    .rows_next = pg_rows_next,
    .rows_close = pg_rows_close,
    .rows_columns = pg_rows_columns,
    .rows_column_name = pg_rows_column_name,
    .rows_type = pg_rows_type,
    .rows_i64 = pg_rows_i64,
    .rows_f64 = pg_rows_f64,
    .rows_str = pg_rows_str,
};
