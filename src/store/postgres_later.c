/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_later.c - statements of a write transaction that share a round trip.
 *
 * BEGIN goes out with the first statement, and what nobody waits for with the next one or with
 * COMMIT: a change of one row with its audit row and event takes two round trips instead of five.
 * The connection is in pipeline mode from the first of these until their answers are read. A
 * failure aborts what follows it up to there, and is told by whoever reads the answers. */
#include "store/postgres_priv.h"

bool pg_has_company(const PgTx *tx)
{
    return tx->base.is_write && (!tx->has_begun || tx->is_piped);
}

static Rc send_failed(PgTx *tx, const char *what, Error *err)
{
    tx->conn->lost = true;
    return pg_error(tx->conn, NULL, what, err);
}

/* Reads the answers to all that was sent, and leaves pipeline mode. The first failure is told; when
 * there is none, *ret is the last answer (ret may be NULL). */
static Rc read_all(PgTx *tx, const char *what, bool may_cut, PGresult **ret, Error *err)
{
    PgConn *conn = tx->conn;
    PGresult *last = NULL;
    Rc rc = RC_OK, cut;
    bool is_end = false;

    if (PQpipelineSync(conn->pg) != 1) {
        return send_failed(tx, what, err);
    }
    while (!is_end) {
        if (may_cut && !pg_wait(tx, what, &cut, err)) {
            PQclear(last);
            return cut;
        }
        PGresult *result = PQgetResult(conn->pg);
        if (!result) { /* ends the answers to one statement */
            is_end = PQstatus(conn->pg) != CONNECTION_OK;
            continue;
        }
        ExecStatusType status = PQresultStatus(result);
        is_end = status == PGRES_PIPELINE_SYNC;
        if (!is_end && rc == RC_OK && status != PGRES_PIPELINE_ABORTED) {
            rc = pg_check_result(conn, result, what, err);
        }
        PGresult *done = is_end ? result : last;
        last = is_end ? last : result;
        PQclear(done);
    }
    tx->is_piped = false;
    if (PQstatus(conn->pg) != CONNECTION_OK && rc == RC_OK) {
        rc = pg_error(conn, NULL, what, err);
    }
    if (PQexitPipelineMode(conn->pg) != 1) {
        conn->lost = true;
    }
    if (rc == RC_OK && ret) {
        *ret = last;
    } else {
        PQclear(last);
    }
    return rc;
}

/* Sends nothing when the transaction has begun. */
static Rc open_pipe(PgTx *tx, Error *err)
{
    PGconn *pg = tx->conn->pg;
    if (!tx->is_piped && PQenterPipelineMode(pg) != 1) {
        return send_failed(tx, "pipeline", err);
    }
    tx->is_piped = true;
    if (tx->has_begun) {
        return RC_OK;
    }
    tx->has_begun = true;
    return PQsendQueryParams(pg, "BEGIN READ WRITE", 0, NULL, NULL, NULL, NULL, 0) == 1
               ? RC_OK
               : send_failed(tx, "begin", err);
}

/* A statement can only be prepared outside of pipeline mode; once per connection. */
static Rc prepare(PgTx *tx, const StmtKey *key, const PgStmt **ret, Error *err)
{
    *ret = (const PgStmt *)stmt_cache_find(&tx->conn->cache, key);
    if (*ret) {
        return RC_OK;
    }
    if (tx->is_piped) {
        TRY(read_all(tx, stmt_key_name(key), true, NULL, err));
    }
    return pg_prepare(tx->conn, key, ret, err);
}

static Rc send(PgTx *tx, const StmtKey *key, const Param *params, size_t n, Error *err)
{
    const PgStmt *stmt;
    PgBound b;

    TRY(prepare(tx, key, &stmt, err));
    TRY(open_pipe(tx, err));
    pg_bound_init(&b, n);
    pg_bind(&b, tx->conn, params, n);
    bool sent =
        PQsendQueryPrepared(tx->conn->pg, stmt->name, (int)n, b.value, b.length, b.format, 0) == 1;
    pg_bound_done(&b);
    return sent ? RC_OK : send_failed(tx, stmt_key_name(key), err);
}

Rc pg_exec_later(Tx *base, const StmtKey *key, const Param *params, size_t n, Error *err)
{
    PgTx *tx = (PgTx *)base;
    int64_t changed;
    /* The first one is waited for: it tells whether the connection is still good. */
    return tx->conn && tx->has_begun ? send(tx, key, params, n, err)
                                     : pg_exec(base, key, params, n, &changed, err);
}

Rc pg_run_piped(
    PgTx *tx, const StmtKey *key, const Param *params, size_t n, PGresult **ret, Error *err)
{
    TRY(send(tx, key, params, n, err));
    return read_all(tx, stmt_key_name(key), true, ret, err);
}

Rc pg_settle(PgTx *tx, Error *err)
{
    if (!pg_has_company(tx)) {
        return RC_OK;
    }
    TRY(open_pipe(tx, err));
    return read_all(tx, "begin", true, NULL, err);
}

/* The answer to COMMIT, if the server has given one. */
static Rc judge_commit(const PGresult *result, Error *err)
{
    return strcmp(PQcmdStatus((PGresult *)(uintptr_t)result), "COMMIT") == 0
               ? RC_OK
               : error_set(err, RC_INTERNAL, "The database undid the transaction at its commit");
}

Rc pg_commit_piped(PgTx *tx, Error *err)
{
    PgConn *conn = tx->conn;
    PGresult *result = NULL;
    Rc rc = open_pipe(tx, err);

    if (rc == RC_OK && PQsendQueryParams(conn->pg, "COMMIT", 0, NULL, NULL, NULL, NULL, 0) != 1) {
        rc = send_failed(tx, "commit", err);
    }
    if (rc == RC_OK) {
        rc = read_all(tx, "commit", false, &result, err);
    }
    if (rc != RC_OK && (conn->lost || conn->unknown)) {
        rc = error_set(err, RC_BUSY,
                       "The connection to the database was lost during the commit: it is unknown "
                       "whether the change was made; look before you try again");
        error_detail(err, "%s", PQerrorMessage(conn->pg));
    } else if (rc == RC_OK) {
        rc = judge_commit(result, err);
    }
    PQclear(result);
    return rc;
}
