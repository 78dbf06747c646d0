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

/* "" when the URL does not say. */
static const char *option_of(const PQconninfoOption *parsed, const char *name)
{
    for (const PQconninfoOption *o = parsed; o && o->keyword; o++) {
        if (strcmp(o->keyword, name) == 0 && o->val) {
            return o->val;
        }
    }
    return "";
}

static void tell_away(const char *url, void (*on_away)(const char *where))
{
    char where[256];
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    const char *host = option_of(parsed, "host"), *port = option_of(parsed, "port");
    snprintf(where, sizeof(where), "%s:%s", host[0] ? host : "localhost", port[0] ? port : "5432");
    PQconninfoFree(parsed);
    on_away(where);
}

/* A server that answers, but not us, will not change its mind by waiting. */
static bool is_away(const char *url)
{
    const char *keys[] = {"connect_timeout", "dbname", NULL};
    const char *values[] = {"2", url, NULL};
    PGPing ping = PQpingParams(keys, values, 1);
    return ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE;
}

static Rc first_connection(PgPool *pool, void (*on_away)(const char *where), Error *err)
{
    int64_t deadline = time_monotonic_us() + PG_CONNECT_WAIT_S * US_PER_SECOND;
    PgConn *conn;
    Rc rc = pool_take(pool, POOL_WAIT, &conn, err);
    if (rc == RC_BUSY && on_away && is_away(pool->url)) {
        tell_away(pool->url, on_away);
    }
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

/* libpq looks at ports when it connects, and then says no more than for a server that is away. */
static bool are_ports(const char *list)
{
    Str rest = str_from(list), port;
    while (rest.len > 0 && str_split(&rest, ',', &port)) {
        int64_t n;
        if (port.len > 0 && (!str_to_i64(port, &n) || n < 1 || n > UINT16_MAX)) {
            return false;
        }
    }
    return true;
}

static Rc check_options(const PQconninfoOption *parsed, Error *err)
{
    const char *timeout = option_of(parsed, "connect_timeout");
    int64_t seconds;
    if (strchr(option_of(parsed, "host"), '@')) {
        return error_set(err, RC_INVALID,
                         "The database URL has two \"@\": write the one in the password as %%40");
    }
    if (!are_ports(option_of(parsed, "port"))) {
        return error_set(err, RC_INVALID,
                         "The port in the database URL must be a number from 1 to 65535");
    }
    if (timeout[0] && !str_to_i64(str_from(timeout), &seconds)) {
        return error_set(err, RC_INVALID,
                         "connect_timeout in the database URL must be a number of seconds");
    }
    return RC_OK;
}

static Rc check_url(const char *url, Error *err)
{
    char *reason = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &reason);
    PQfreemem(reason); /* may quote the password */
    Rc rc = parsed ? check_options(parsed, err)
                   : error_set(err, RC_INVALID,
                               "The database URL is not of the form "
                               "postgresql://user:password@host:port/database");
    PQconninfoFree(parsed);
    return rc;
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
    Rc rc = first_connection(&db->primary, options->on_away, err);
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
    tx->has_begun = false;
    tx->is_piped = false;
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

/* BEGIN goes out with the first statement. */
static Rc postgres_begin(Db *base, Tx **ret, Error *err)
{
    PgDb *db = (PgDb *)base;
    PgConn *conn;

    TRY(pool_take(&db->primary, POOL_WAIT, &conn, err));
    PgTx *tx = store_alloc(1, sizeof(*tx));
    tx->base.db = base;
    tx->base.is_primary = true;
    tx->conn = conn;
    *ret = &tx->base;
    return RC_OK;
}

/* pool_give closes the connection unless this works. */
static void undo(PgTx *tx)
{
    if (tx->is_piped && !tx->conn->lost) {
        IGNORE(pg_settle(tx, NULL));
    }
    if (!tx->conn->lost && PQtransactionStatus(tx->conn->pg) != PQTRANS_IDLE) {
        IGNORE(pg_run(tx->conn, "ROLLBACK", NULL));
    }
}

static Rc postgres_commit(Tx *base, Error *err)
{
    PgTx *tx = (PgTx *)base;
    Rc rc = tx->has_begun ? pg_commit_piped(tx, err) : RC_OK;
    if (tx->conn) {
        undo(tx); /* harmless after a commit that worked */
        pool_give(tx->conn);
    }
    tx->conn = NULL;
    return rc;
}

static void postgres_rollback(Tx *base)
{
    PgTx *tx = (PgTx *)base;
    if (tx->conn) {
        undo(tx);
        pool_give(tx->conn);
    }
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
    .exec_later = pg_exec_later,
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
