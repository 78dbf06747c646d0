/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_copy.c - many rows of a plain INSERT as a COPY: no statement to plan, no parameter
 * to bind, and the server writes a page of rows at once. Constraints, defaults and triggers are
 * those of the INSERT, and so are the errors. */
#include "base/buf.h"

#include "store/postgres_priv.h"

enum { COPY_CHUNK = 256 * 1024 };

/* "COPY t (columns) FROM STDIN" of "INSERT INTO t (columns) VALUES ($1, …)" with nothing behind it;
 * "" for anything else. */
static Str copy_text(Arena *arena, Str text, size_t columns)
{
    static const char insert[] = "INSERT INTO ", values[] = "VALUES ";
    size_t start, end;
    if (!str_starts(text, STR("INSERT INTO ")) || !pg_find_tuple(text, columns, &start, &end)) {
        return STR_EMPTY;
    }
    Str behind = str_trim(str_from_index(text, end));
    if (behind.len > 0 && !str_is(behind, ";")) {
        return STR_EMPTY;
    }
    Str table = str_sub(text, sizeof(insert) - 1, start - (sizeof(values) - 1));
    return str_fmt(arena, "COPY %.*s FROM STDIN", STR_ARG(table));
}

/* ---- values in COPY's text format ---- */

static void put_text(Buf *out, Str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        char escaped = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : 0;
        if (escaped) {
            buf_put(out, str_sub(s, from, i));
            buf_char(out, '\\');
            buf_char(out, escaped);
            from = i + 1;
        }
    }
    buf_put(out, str_from_index(s, from));
}

static void put_value(Buf *out, const Param *p)
{
    switch (p->type) {
    case PARAM_I64:
        buf_i64(out, p->i64);
        break;
    case PARAM_DOUBLE:
        buf_fmt(out, "%.17g", p->f64);
        break;
    case PARAM_TEXT:
        put_text(out, p->str);
        break;
    case PARAM_BLOB:
        buf_lit(out, "\\\\x");
        buf_hex(out, p->str);
        break;
    case PARAM_NULL:
    default:
        buf_lit(out, "\\N");
        break;
    }
}

/* ---- sending ---- */

/* The answer to COPY: the server is ready for rows, or says why not. */
static Rc copy_begin(PgTx *tx, const StmtKey *key, const char *sql, Error *err)
{
    PgConn *conn = tx->conn;
    const char *what = stmt_key_name(key);
    Rc rc = RC_OK;
    if (PQsendQuery(conn->pg, sql) != 1) {
        return pg_error(conn, NULL, what, err);
    }
    if (!pg_wait(tx, what, &rc, err)) {
        return rc;
    }
    PGresult *result = PQgetResult(conn->pg);
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        rc = pg_error(conn, result, what, err);
    }
    PQclear(result);
    for (; rc != RC_OK && (result = PQgetResult(conn->pg)) != NULL;) {
        PQclear(result);
    }
    return rc;
}

/* The outcome; the first failure is the one told. */
static Rc copy_end(PgTx *tx, const StmtKey *key, bool is_sent, Error *err)
{
    PgConn *conn = tx->conn;
    const char *what = stmt_key_name(key);
    Rc rc = RC_OK, cut;
    if (!is_sent || PQputCopyEnd(conn->pg, NULL) != 1) {
        conn->lost = true;
        return pg_error(conn, NULL, what, err);
    }
    for (;;) {
        if (!pg_wait(tx, what, &cut, err)) {
            return cut;
        }
        PGresult *result = PQgetResult(conn->pg);
        if (!result) {
            return rc;
        }
        rc = rc != RC_OK ? rc : pg_check_result(conn, result, what, err);
        PQclear(result);
    }
}

static void put_row(Buf *out, const Param *row, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        if (i) {
            buf_char(out, '\t');
        }
        put_value(out, &row[i]);
    }
    buf_char(out, '\n');
}

static bool send_rows(PgConn *conn, const Param *params, size_t columns, size_t rows)
{
    Buf out = buf_init(NULL, SIZE_MAX / 4);
    bool sent = true;
    for (size_t at = 0; sent && at < rows;) {
        buf_clear(&out);
        for (; at < rows && out.len < COPY_CHUNK; at++) {
            put_row(&out, params + at * columns, columns);
        }
        sent = PQputCopyData(conn->pg, out.ptr, (int)out.len) == 1;
    }
    buf_done(&out);
    return sent;
}

Rc pg_copy_rows(PgTx *tx,
                const StmtKey *key,
                const Param *params,
                size_t columns,
                size_t rows,
                bool *ret_done,
                Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = NULL;
    *ret_done = false;
    if (rows < PG_COPY_LEAST || columns == 0) {
        return RC_OK;
    }
    arena = arena_new(4 * KIB);
    Str sql = copy_text(arena, stmt_key_text(key), columns);
    if (sql.len == 0) {
        return RC_OK;
    }
    TRY(copy_begin(tx, key, str_cstr(arena, sql), err));
    *ret_done = true;
    return copy_end(tx, key, send_rows(tx->conn, params, columns, rows), err);
}
