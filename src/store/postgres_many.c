/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_many.c - one statement for many rows. Many rows of a plain INSERT go as a COPY
 * (postgres_copy.c); an INSERT with ON CONFLICT is sent with hundreds of rows in its VALUES; what
 * is left, and any other statement, goes through a pipeline. */
#include "base/buf.h"

#include "store/postgres_priv.h"

/* ---- one execution after the other, without waiting ---- */

/* Reads the answers up to the sync; the first failure is the one told. */
static Rc pipeline_drain(PgTx *tx, const StmtKey *key, Error *err)
{
    PgConn *conn = tx->conn;
    Rc rc = RC_OK, cut;
    for (;;) {
        if (!pg_wait(tx, stmt_key_name(key), &cut, err)) {
            return cut;
        }
        PGresult *result = PQgetResult(conn->pg);
        if (!result) {
            if (PQstatus(conn->pg) != CONNECTION_OK) {
                return rc != RC_OK ? rc : pg_error(conn, NULL, stmt_key_name(key), err);
            }
            continue; /* ends the answers of one execution */
        }
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_PIPELINE_SYNC && status != PGRES_PIPELINE_ABORTED && rc == RC_OK) {
            rc = pg_check_result(conn, result, stmt_key_name(key), err);
        }
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC) {
            return rc;
        }
    }
}

static Rc pipeline_send(PgTx *tx,
                        const PgStmt *stmt,
                        const StmtKey *key,
                        const Param *params,
                        size_t columns,
                        size_t rows,
                        Error *err)
{
    PgConn *conn = tx->conn;
    PgBound b;
    bool sent = true;

    pg_bound_init(&b, columns);
    for (size_t i = 0; sent && i < rows; i++) {
        pg_bind(&b, conn, params + i * columns, columns);
        sent = PQsendQueryPrepared(conn->pg, stmt->name, (int)columns, b.value, b.length, b.format,
                                   0) == 1;
    }
    pg_bound_done(&b);
    if (!sent || PQpipelineSync(conn->pg) != 1) {
        conn->lost = true;
        return pg_error(conn, NULL, stmt_key_name(key), err);
    }
    return pipeline_drain(tx, key, err);
}

/* ---- rows packed into one INSERT ---- */

bool pg_find_tuple(Str text, size_t columns, size_t *ret_start, size_t *ret_end)
{
    size_t at = str_find(text, STR("VALUES ("));
    if (!str_starts(text, STR("INSERT ")) || at == SIZE_MAX ||
        str_find(text, STR("DO UPDATE")) != SIZE_MAX) {
        return false;
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(KIB);
    Buf tuple = buf_init(arena, 64 * KIB);
    for (size_t i = 0; i < columns; i++) {
        buf_fmt(&tuple, i ? ", $%zu" : "($%zu", i + 1);
    }
    buf_char(&tuple, ')');
    *ret_start = at + strlen("VALUES ");
    *ret_end = *ret_start + tuple.len;
    return str_starts(str_from_index(text, *ret_start), buf_str(&tuple));
}

/* The same INSERT for `rows` rows. */
static Str
packed_text(Arena *arena, Str text, size_t start, size_t end, size_t columns, size_t rows)
{
    Buf out = buf_init(arena, 256 * KIB);
    buf_put(&out, str_sub(text, 0, start));
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++) {
            buf_fmt(&out, "%s$%zu", k ? ", " : i ? ", (" : "(", i * columns + k + 1);
        }
        buf_char(&out, ')');
    }
    buf_put(&out, str_from_index(text, end));
    return buf_str(&out);
}

/* Sends most of the rows in a few statements, each of many rows: the server spends far less on
 * them. What one size leaves, a smaller one takes. *ret_done: how many; 0 when the statement is
 * none that can be packed. */
static Rc exec_packed(PgTx *tx,
                      const StmtKey *key,
                      const Param *params,
                      size_t columns,
                      size_t rows,
                      size_t *ret_done,
                      Error *err)
{
    size_t start, end;
    Str text = stmt_key_text(key);
    *ret_done = 0;
    if (columns == 0 || rows < PG_PACKED_LEAST || !pg_find_tuple(text, columns, &start, &end)) {
        return RC_OK;
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(32 * KIB);
    for (size_t size = PG_PACKED_PARAMS / columns; size >= PG_PACKED_LEAST; size /= 8) {
        if (rows - *ret_done < size) {
            continue;
        }
        Str packed = packed_text(arena, text, start, end, columns, size);
        StmtKey packed_key = {.text = packed.ptr, .len = packed.len};
        for (; rows - *ret_done >= size; *ret_done += size) {
            int64_t inserted;
            TRY(pg_exec(&tx->base, &packed_key, params + *ret_done * columns, columns * size,
                        &inserted, err));
        }
    }
    return RC_OK;
}

Rc pg_exec_many(
    Tx *base, const StmtKey *key, const Param *params, size_t columns, size_t rows, Error *err)
{
    PgTx *tx = (PgTx *)base;
    const PgStmt *stmt;
    bool copied;
    size_t done;

    TRY(pg_ensure_conn(tx, err));
    TRY(pg_copy_rows(tx, key, params, columns, rows, &copied, err));
    if (copied) {
        return RC_OK;
    }
    TRY(exec_packed(tx, key, params, columns, rows, &done, err));
    TRY(pg_prepare(tx->conn, key, &stmt, err));
    if (PQenterPipelineMode(tx->conn->pg) != 1) {
        return pg_error(tx->conn, NULL, stmt_key_name(key), err);
    }
    Rc rc = RC_OK;
    for (size_t at = done; rc == RC_OK && at < rows; at += PG_PIPELINE_ROWS) {
        size_t n = MIN(rows - at, (size_t)PG_PIPELINE_ROWS);
        rc = pipeline_send(tx, stmt, key, params + at * columns, columns, n, err);
    }
    if (PQexitPipelineMode(tx->conn->pg) != 1) {
        tx->conn->lost = true;
    }
    return rc;
}
