/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_priv.h - the parts of the PostgreSQL side and what they share.
 *
 *   postgres.c        opening, transactions, replica, DbOps
 *   postgres_pool.c   connections and the bounded pool of them
 *   postgres_stmt.c   statements, errors
 *   postgres_later.c  statements that share a round trip: the beginning, what can wait, the commit
 *   postgres_many.c   one statement for many rows: packed, pipelined
 *   postgres_copy.c   the same as a COPY
 *   postgres_wait.c   waiting for an answer, and cancelling
 *   postgres_listen.c telling other processes of news, and being told
 *   postgres_rows.c   results */
#ifndef STORE_POSTGRES_PRIV_H
#define STORE_POSTGRES_PRIV_H

#include "base/thread.h"

#include "store/stmt_cache.h"
#include "store/store_priv.h"

#include <libpq-fe.h>

enum {
    PG_CONNECT_WAIT_S = 10, /* db_open waits this long for a server that is away */
    PG_CONNECT_TIMEOUT_S = 5,
    PG_RETRY_MS = 250,            /* after a failed connect, calls fail at once for this long */
    PG_REPLICA_RETRY_MS = 5000,   /* and a replica is left alone for this long */
    PG_STATEMENT_TIMEOUT_S = 600, /* the server's own, for when nobody is left to cancel */
    PG_IDLE_IN_TX_TIMEOUT_S = 60,
    PG_PIPELINE_ROWS = 500,  /* executions per round trip of tx_exec_many */
    PG_PACKED_PARAMS = 2048, /* values in one packed INSERT, about */
    PG_PACKED_LEAST = 8,     /* fewer rows are sent one by one */
    PG_COPY_LEAST = 32,      /* of a plain INSERT, this many are worth a COPY */
    PG_PARAMS_ON_STACK = 64,
};

typedef struct PgPool PgPool;

/* One connection; used by one thread at a time. */
typedef struct PgConn {
    PGconn *pg;
    PgPool *pool;
    StmtCache cache;
    uint64_t next_name;
    char *scratch; /* parameters as text; heap */
    size_t scratch_size;
    bool lost;    /* to be closed: gone, or its plans are stale */
    bool unknown; /* lost without a word from the server on the last statement */
    struct PgConn *next_idle;
} PgConn;

struct PgPool {
    char *url;
    unsigned max;
    int wait_ms;
    int retry_ms;
    Mutex lock; /* guards what follows */
    Cond freed;
    PgConn *idle; /* the one used last first */
    unsigned open, in_use;
    int64_t retry_at_us;
};

typedef enum PoolMode {
    POOL_IDLE_ONLY, /* an open connection that is free, or RC_BUSY: never waits, never connects */
    POOL_NO_WAIT,   /* may connect, does not wait for others */
    POOL_WAIT,      /* waits for others up to the pool's wait_ms */
} PoolMode;

void pool_init(PgPool *pool, const char *url, unsigned max, int wait_ms, int retry_ms);
void pool_done(PgPool *pool); /* all connections have been given back */
MUST_CHECK Rc pool_take(PgPool *pool, PoolMode mode, PgConn **ret, Error *err);
void pool_give(PgConn *conn); /* closes it when it is lost or inside a transaction */
/* Closes the idle connections: when one was lost, the server has most likely gone away under all.
 */
void pool_drop_idle(PgPool *pool);

typedef struct PgListener PgListener;

typedef struct PgDb {
    Db base;
    PgPool primary, replica;
    bool has_replica;
    PgListener *listener; /* NULL: not started; set before the other threads are */
    _Atomic uint64_t reads;
} PgDb;

typedef struct PgTx {
    Tx base;
    PgConn *conn; /* NULL: lost, and no other could be had yet */
    bool inline_only;
    bool was_cut; /* a statement was cancelled: not to be tried again */
    /* of a write transaction */
    bool has_begun; /* BEGIN has been sent */
    bool is_piped;  /* the connection is in pipeline mode: answers have not been read */
} PgTx;

/* postgres_wait.c */
/* Waits until PQgetResult would not block. Cancels the statement when the deadline of the scope has
 * passed, or in a hurry: false then, with err set and the connection lost. */
MUST_CHECK bool pg_wait(PgTx *tx, const char *what, Rc *ret, Error *err);

/* postgres.c: another connection for a read whose own was lost. */
MUST_CHECK Rc pg_tx_reconnect(PgTx *tx, Error *err);

/* postgres_stmt.c */
typedef struct PgStmt {
    Stmt base;
    char name[24];
} PgStmt;

/* Parameters as libpq wants them; the texts are in the connection's scratch, so one at a time. */
typedef struct PgBound {
    const char *values[PG_PARAMS_ON_STACK];
    int lengths[PG_PARAMS_ON_STACK];
    int formats[PG_PARAMS_ON_STACK];
    const char **value; /* the arrays above, or heap when they are too short */
    int *length, *format;
} PgBound;
void pg_bound_init(PgBound *b, size_t n);
void pg_bound_done(PgBound *b);
void pg_bind(PgBound *b, PgConn *conn, const Param *params, size_t n);

/* Prepared once per connection; *ret is the connection's. */
MUST_CHECK Rc pg_prepare(PgConn *conn, const StmtKey *key, const PgStmt **ret, Error *err);
MUST_CHECK Rc pg_ensure_conn(PgTx *tx, Error *err);
MUST_CHECK Rc pg_check_result(PgConn *conn, const PGresult *result, const char *what, Error *err);
/* Maps a failed result (may be NULL) and the connection's state to our error; sets conn->lost. */
Rc pg_error(PgConn *conn, const PGresult *result, const char *what, Error *err);
MUST_CHECK Rc pg_run(PgConn *conn, const char *sql, Error *err); /* statements without results */
void pg_conn_forget(PgConn *conn);                               /* frees the cache's records */
Rc pg_exec(
    Tx *tx, const StmtKey *key, const Param *params, size_t n, int64_t *ret_changed, Error *err);
Rc pg_query(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err);
Rc pg_script(Tx *base, const char *sql, Error *err);
Rc pg_check(Db *db, const StmtKey *key, Error *err);

/* postgres_later.c */
/* Is there something that should go out with the next statement? */
bool pg_has_company(const PgTx *tx);
/* As pg_exec, but the answer is read with a later one. */
Rc pg_exec_later(Tx *base, const StmtKey *key, const Param *params, size_t n, Error *err);
/* The statement and all before it, in one round trip. */
MUST_CHECK Rc pg_run_piped(
    PgTx *tx, const StmtKey *key, const Param *params, size_t n, PGresult **ret, Error *err);
/* Has the transaction begun and all answers read. */
MUST_CHECK Rc pg_settle(PgTx *tx, Error *err);
MUST_CHECK Rc pg_commit_piped(PgTx *tx, Error *err);

/* postgres_many.c */
Rc pg_exec_many(
    Tx *base, const StmtKey *key, const Param *params, size_t columns, size_t rows, Error *err);
/* `INSERT … VALUES ($1, …, $columns)…`: where the tuple starts and ends; false for anything else.
 * Not with DO UPDATE, which may not meet a row twice in one statement. */
bool pg_find_tuple(Str text, size_t columns, size_t *ret_start, size_t *ret_end);

/* postgres_copy.c: sends all rows by COPY when the statement is a plain INSERT of its parameters
 * and they are enough; else *ret_done is false and nothing was sent. */
MUST_CHECK Rc pg_copy_rows(PgTx *tx,
                           const StmtKey *key,
                           const Param *params,
                           size_t columns,
                           size_t rows,
                           bool *ret_done,
                           Error *err);

/* postgres_listen.c; see db_listen in store.h */
MUST_CHECK Rc pg_listen(Db *base, DbOnNotice on_notice, void *user, Error *err);
void pg_listen_stop(Db *base);
void pg_notify(Db *base, unsigned topics);
bool pg_is_listening(const Db *base);

/* postgres_rows.c: takes the result. */
Rows *pg_rows_new(PGresult *result);
bool pg_rows_next(Rows *base);
void pg_rows_close(Rows *base);
int pg_rows_columns(const Rows *base);
const char *pg_rows_column_name(const Rows *base, int column);
ParamType pg_rows_type(Rows *base, int column);
int64_t pg_rows_i64(Rows *base, int column);
double pg_rows_f64(Rows *base, int column);
Str pg_rows_str(Rows *base, int column);

#endif
