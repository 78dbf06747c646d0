/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_pool.c - connections to PostgreSQL and the bounded pool of them. */
#include "base/time.h"

#include "store/postgres_priv.h"

/* ---- one connection ---- */

static void on_notice(void *user, const PGresult *result)
{
    (void)user; /* libpq would print it on standard error */
    (void)result;
}

static void conn_free(PgConn *conn)
{
    pg_conn_forget(conn);
    PQfinish(conn->pg);
    free(conn->scratch);
    free(conn);
}

/* Reads cannot write by mistake: a session is read-only unless a transaction says otherwise. */
static Rc conn_configure(PgConn *conn, Error *err)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "SET default_transaction_read_only = on; SET statement_timeout = '%ds'; "
             "SET lock_timeout = '%dms'; SET idle_in_transaction_session_timeout = '%ds'; "
             "SET TimeZone = 'UTC'; SET client_min_messages = warning; SET bytea_output = hex; "
             "SET standard_conforming_strings = on; SET jit = off",
             PG_STATEMENT_TIMEOUT_S, conn->pool->wait_ms, PG_IDLE_IN_TX_TIMEOUT_S);
    return pg_run(conn, sql, err);
}

static Rc conn_open(PgPool *pool, PgConn **ret, Error *err)
{
    char timeout[16];
    snprintf(timeout, sizeof(timeout), "%d", PG_CONNECT_TIMEOUT_S);
    /* What stands before dbname may be said otherwise by the URL. */
    const char *keys[] = {"connect_timeout",
                          "tcp_user_timeout",
                          "keepalives_idle",
                          "application_name",
                          "dbname",
                          "client_encoding",
                          NULL};
    const char *values[] = {timeout, "30000", "30", "fairway", pool->url, "UTF8", NULL};

    PgConn *conn = store_alloc(1, sizeof(*conn));
    conn->pool = pool;
    conn->pg = PQconnectdbParams(keys, values, 1);
    Rc rc = RC_OK;
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        rc = error_set(err, RC_BUSY,
                       "The PostgreSQL server cannot be reached or takes no more connections; try "
                       "again");
        error_detail(err, "%s", PQerrorMessage(conn->pg));
    } else {
        PQsetNoticeReceiver(conn->pg, on_notice, NULL);
        rc = conn_configure(conn, err);
    }
    if (rc != RC_OK) {
        conn_free(conn);
        return rc;
    }
    *ret = conn;
    return RC_OK;
}

/* ---- the pool ---- */

void pool_init(PgPool *pool, const char *url, unsigned max, int wait_ms, int retry_ms)
{
    *pool = (PgPool){.url = strdup(url), .max = max, .wait_ms = wait_ms, .retry_ms = retry_ms};
    ASSERT(pool->url != NULL);
    mutex_init(&pool->lock);
    cond_init(&pool->freed);
}

void pool_done(PgPool *pool)
{
    pool_drop_idle(pool);
    ASSERT(pool->open == 0); /* else a scope is still open */
    cond_done(&pool->freed);
    mutex_done(&pool->lock);
    free(pool->url);
}

/* A place in the pool is taken already; gives it up again when there is no connection. */
static Rc open_in_place(PgPool *pool, PgConn **ret, Error *err)
{
    Rc rc = conn_open(pool, ret, err);

    mutex_lock(&pool->lock);
    if (rc == RC_OK) {
        pool->in_use++;
        pool->retry_at_us = 0;
    } else {
        pool->open--;
        pool->retry_at_us = time_monotonic_us() + pool->retry_ms * US_PER_MS;
        cond_signal(&pool->freed);
    }
    mutex_unlock(&pool->lock);
    return rc;
}

typedef enum Place { PLACE_CONN, PLACE_FREE, PLACE_NONE, PLACE_AWAY } Place;

static Place find_place(PgPool *pool, PoolMode mode, PgConn **ret) REQUIRES(pool->lock)
{
    int64_t deadline = time_monotonic_us() + pool->wait_ms * US_PER_MS;
    for (;;) {
        if (pool->idle) {
            *ret = pool->idle;
            pool->idle = (*ret)->next_idle;
            pool->in_use++;
            return PLACE_CONN;
        }
        if (mode == POOL_IDLE_ONLY) {
            return PLACE_NONE;
        }
        if (pool->open < pool->max) {
            if (time_monotonic_us() < pool->retry_at_us) {
                return PLACE_AWAY;
            }
            pool->open++;
            return PLACE_FREE;
        }
        if (mode == POOL_NO_WAIT || !cond_wait_until(&pool->freed, &pool->lock, deadline)) {
            return PLACE_NONE;
        }
    }
}

Rc pool_take(PgPool *pool, PoolMode mode, PgConn **ret, Error *err)
{
    mutex_lock(&pool->lock);
    Place place = find_place(pool, mode, ret);
    mutex_unlock(&pool->lock);
    switch (place) {
    case PLACE_CONN:
        return RC_OK;
    case PLACE_FREE:
        return open_in_place(pool, ret, err);
    case PLACE_AWAY:
        return error_set(err, RC_BUSY, "The PostgreSQL server cannot be reached; try again");
    case PLACE_NONE:
    default:
        return error_set(err, RC_BUSY, "All connections to the database are in use; try again");
    }
}

void pool_give(PgConn *conn)
{
    PgPool *pool = conn->pool;
    bool keep = !conn->lost && PQstatus(conn->pg) == CONNECTION_OK &&
                PQtransactionStatus(conn->pg) == PQTRANS_IDLE;

    if (!keep) {
        conn_free(conn);
    }
    mutex_lock(&pool->lock);
    pool->in_use--;
    if (keep) {
        conn->next_idle = pool->idle;
        pool->idle = conn;
    } else {
        pool->open--;
    }
    cond_signal(&pool->freed);
    mutex_unlock(&pool->lock);
}

void pool_drop_idle(PgPool *pool)
{
    mutex_lock(&pool->lock);
    PgConn *idle = pool->idle;
    pool->idle = NULL;
    for (PgConn *c = idle; c; c = c->next_idle) {
        pool->open--;
    }
    cond_broadcast(&pool->freed);
    mutex_unlock(&pool->lock);
    while (idle) {
        PgConn *next = idle->next_idle;
        conn_free(idle);
        idle = next;
    }
}
