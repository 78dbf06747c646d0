/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_stmt.c - statements, results and errors of SQLite. */
#include "store/sqlite_priv.h"

#include <errno.h>

/* ---- errors ---- */

/* "UNIQUE constraint failed: t.a, t.b" -> table and "a, b". False for another form. */
static bool parse_columns(
    const char *message, char *table, size_t table_size, char *columns, size_t columns_size)
{
    const char *at = strstr(message, "constraint failed: ");
    if (!at) {
        return false;
    }
    Str rest = str_from(at + strlen("constraint failed: "));
    Str part;
    size_t used = 0;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        size_t dot = str_find_char(part, '.');
        if (dot == SIZE_MAX || dot >= table_size) {
            return false;
        }
        snprintf(table, table_size, "%.*s", (int)dot, part.ptr);
        Str column = str_from_index(part, dot + 1);
        int n = snprintf(columns + used, columns_size - used, "%s%.*s", used ? "," : "",
                         STR_ARG(column));
        if (n < 0 || (size_t)n >= columns_size - used) {
            return false;
        }
        used += (size_t)n;
    }
    return used > 0;
}

/* SQLite names the columns, PostgreSQL the constraint. Callers get a name that is the same on both:
 * the index's own, or what PostgreSQL calls a constraint without one. */
static void name_unique(SqliteConn *conn, const char *message, Error *err)
{
    static const char find[] =
        "SELECT l.name, l.origin FROM pragma_index_list(?1) l WHERE l.\"unique\" AND "
        "(SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY "
        "seqno)) = ?2";
    char table[128];
    char columns[256];
    const char *named = strstr(message, "index '");

    if (named) { /* an index on expressions */
        Str name = str_from(named + strlen("index '"));
        error_detail(err, "%.*s", STR_ARG(str_sub(name, 0, str_find_char(name, '\''))));
        return;
    }
    if (!parse_columns(message, table, sizeof(table), columns, sizeof(columns))) {
        error_detail(err, "%s", message);
        return;
    }
    sqlite3_stmt *stmt = NULL;
    bool found = sqlite3_prepare_v2(conn->db, find, -1, &stmt, NULL) == SQLITE_OK &&
                 sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
                 sqlite3_bind_text(stmt, 2, columns, -1, SQLITE_STATIC) == SQLITE_OK &&
                 sqlite3_step(stmt) == SQLITE_ROW;
    const char *name = found ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    const char *origin = found ? (const char *)sqlite3_column_text(stmt, 1) : NULL;
    if (origin && strcmp(origin, "c") == 0) {
        error_detail(err, "%s", name);
    } else if (origin && strcmp(origin, "u") == 0) {
        for (char *c = columns; *c; c++) {
            if (*c == ',') {
                *c = '_';
            }
        }
        error_detail(err, "%s_%s_key", table, columns);
    } else { /* an INTEGER PRIMARY KEY has no index at all */
        error_detail(err, "%s_pkey", table);
    }
    sqlite3_finalize(stmt);
}

static Rc
constraint_error(SqliteConn *conn, int code, const char *what, const char *message, Error *err)
{
    const char *colon;

    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        error_set(err, RC_CONFLICT, "Something with the same identity is already there");
        name_unique(conn, message, err);
        return RC_CONFLICT;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        error_set(err, RC_CONFLICT,
                  "It refers to something that is not there, or is still referred to");
        error_detail(err, "foreign key");
        return RC_CONFLICT;
    case SQLITE_CONSTRAINT_CHECK:
        colon = strstr(message, ": ");
        error_set(err, RC_CONFLICT, "A value breaks a rule of the database");
        error_detail(err, "%s", colon ? colon + 2 : message);
        return RC_CONFLICT;
    case SQLITE_CONSTRAINT_TRIGGER:
        error_set(err, RC_CONFLICT, "The change breaks a rule of the database");
        error_detail(err, "%s", message);
        return RC_CONFLICT;
    default:
        error_set(err, RC_INTERNAL, "The database refused the change");
        error_detail(err, "%s: %s", what, message);
        return RC_INTERNAL;
    }
}

/* SQLITE_FULL stands for ENOSPC at a write alone. A quota and a limit of the file size come as
 * failed writes, ENOSPC at an fsync or when a file is created as what failed; errno then tells,
 * though for a write SQLite may have cleaned up since, so only EIO speaks against a full disk. */
static bool is_out_of_space(const SqliteConn *conn, int code)
{
    int primary = code & 0xff;
    if (primary == SQLITE_FULL) {
        return true;
    }
    if (!conn->db || (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN)) {
        return false;
    }
    int cause = sqlite3_system_errno(conn->db);
    return rc_of_write(cause, RC_OK) == RC_FULL ||
           ((code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE) && cause != EIO);
}

Rc sqlite_error(SqliteConn *conn, int code, const char *what, Error *err)
{
    char message[300];
    Rc rc;
    /* A failed open may leave no connection to ask. */
    snprintf(message, sizeof(message), "%s",
             conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(code));
    int primary = code & 0xff; /* codes are extended ones, as the connections ask for */

    if (primary == SQLITE_CONSTRAINT) {
        return constraint_error(conn, code, what, message, err);
    }
    if (is_out_of_space(conn, code)) {
        rc = error_set(err, RC_FULL,
                       "The disk that holds the database is full: nothing was changed; free some "
                       "space on it and try again");
    } else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
        rc = error_set(err, RC_BUSY, "The database is busy; try again");
    } else if (primary == SQLITE_TOOBIG) {
        rc = error_set(err, RC_LIMIT, "A value is too large for the database");
    } else if (primary == SQLITE_INTERRUPT) {
        return store_cut(err, conn->was_hurried, what);
    } else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        rc = error_set(err, RC_INTERNAL, "The database file is damaged or not a SQLite database");
    } else if (primary == SQLITE_CANTOPEN) {
        rc = error_set(err, RC_NOT_FOUND, "The database file cannot be opened");
    } else if (primary == SQLITE_READONLY) {
        rc = error_set(err, RC_INTERNAL, "A change was tried where only reading is allowed");
    } else if (primary == SQLITE_IOERR) {
        rc = error_set(err, RC_INTERNAL, "The disk of the database failed");
    } else {
        rc = error_set(err, RC_INTERNAL, "The database could not run a statement");
    }
    error_detail(err, "%s: %s (%d)", what, message, code);
    return rc;
}

/* ---- preparing ---- */

/* "$12" -> 12; 0 when it is anything else. */
static unsigned placeholder_number(const char *name)
{
    int64_t n;
    if (!name || name[0] != '$' || !str_to_i64(str_from(name + 1), &n) || n < 1 ||
        n > STORE_PARAMS_MAX) {
        return 0;
    }
    return (unsigned)n;
}

static bool is_end_of_sql(Str tail)
{
    for (size_t i = 0; i < tail.len; i++) {
        if (!strchr(" \t\r\n;", tail.ptr[i])) {
            return false;
        }
    }
    return true;
}

static void stmt_free(SqliteStmt *stmt)
{
    if (stmt) {
        sqlite3_finalize(stmt->stmt);
        stmt_done(&stmt->base);
        free(stmt);
    }
}

static Rc prepare(SqliteConn *conn, const StmtKey *key, SqliteStmt **ret, Error *err)
{
    Str sql = stmt_key_text(key);
    sqlite3_stmt *prepared = NULL;
    const char *tail = NULL;

    if (sql.len > STORE_VALUE_MAX) {
        return error_set(err, RC_LIMIT, "A statement of %zu bytes is too large", sql.len);
    }
    int code = sqlite3_prepare_v3(conn->db, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                  &prepared, &tail);
    if (code != SQLITE_OK) {
        return sqlite_error(conn, code, stmt_key_name(key), err);
    }
    if (!prepared || !is_end_of_sql(str_of(tail, (size_t)(sql.ptr + sql.len - tail)))) {
        sqlite3_finalize(prepared);
        error_set(err, RC_INTERNAL, "A query must be exactly one statement");
        error_detail(err, "%s", stmt_key_name(key));
        return RC_INTERNAL;
    }
    int n_slots = sqlite3_bind_parameter_count(prepared);
    SqliteStmt *stmt =
        store_alloc(1, sizeof(*stmt) + (size_t)n_slots * sizeof(stmt->slot_param[0]));
    stmt->stmt = prepared;
    stmt->n_slots = n_slots;
    for (int i = 0; i < n_slots; i++) {
        unsigned number = placeholder_number(sqlite3_bind_parameter_name(prepared, i + 1));
        if (number == 0) {
            stmt_free(stmt);
            error_set(err, RC_INTERNAL, "Placeholders are written $1, $2 and so on");
            error_detail(err, "%s", stmt_key_name(key));
            return RC_INTERNAL;
        }
        stmt->slot_param[i] = (uint16_t)number;
        stmt->n_params = MAX(stmt->n_params, number);
    }
    *ret = stmt;
    return RC_OK;
}

/* A statement that is busy (the same query nested in itself) gets a twin that is not cached. */
static Rc stmt_take(SqliteConn *conn, const StmtKey *key, SqliteStmt **ret, Error *err)
{
    SqliteStmt *stmt = (SqliteStmt *)stmt_cache_find(&conn->cache, key);
    if (!stmt || stmt->base.busy) {
        bool cache = !stmt;
        TRY(prepare(conn, key, &stmt, err));
        if (cache) {
            stmt_free((SqliteStmt *)stmt_cache_add(&conn->cache, &stmt->base, key));
        }
    }
    stmt->base.busy = true;
    *ret = stmt;
    return RC_OK;
}

static void stmt_give(SqliteStmt *stmt)
{
    if (!stmt->base.cached) {
        stmt_free(stmt);
        return;
    }
    sqlite3_reset(stmt->stmt);
    sqlite3_clear_bindings(stmt->stmt);
    stmt->base.busy = false;
}

void sqlite_conn_forget(SqliteConn *conn)
{
    SqliteStmt *stmt = (SqliteStmt *)stmt_cache_pop(&conn->cache);
    while (stmt) {
        stmt_free(stmt);
        stmt = (SqliteStmt *)stmt_cache_pop(&conn->cache);
    }
}

static int bind_one(sqlite3_stmt *stmt, int slot, const Param *p, sqlite3_destructor_type copy)
{
    /* A NULL pointer would bind NULL, not the empty text. */
    const char *bytes = p->str.ptr ? p->str.ptr : "";
    switch (p->type) {
    case PARAM_I64:
        return sqlite3_bind_int64(stmt, slot, p->i64);
    case PARAM_DOUBLE:
        return sqlite3_bind_double(stmt, slot, p->f64);
    case PARAM_TEXT:
        return sqlite3_bind_text64(stmt, slot, bytes, p->str.len, copy, SQLITE_UTF8);
    case PARAM_BLOB:
        return sqlite3_bind_blob64(stmt, slot, bytes, p->str.len, copy);
    case PARAM_NULL:
    default:
        return sqlite3_bind_null(stmt, slot);
    }
}

static Rc bind(SqliteConn *conn,
               SqliteStmt *stmt,
               const StmtKey *key,
               const Param *params,
               size_t n,
               sqlite3_destructor_type copy,
               Error *err)
{
    if (n != stmt->n_params) {
        error_set(err, RC_INTERNAL, "A statement takes %u parameters but was given %zu",
                  stmt->n_params, n);
        error_detail(err, "%s", stmt_key_name(key));
        return RC_INTERNAL;
    }
    conn->watched_since_us = 0; /* this execution has not begun */
    for (int i = 0; i < stmt->n_slots; i++) {
        int code = bind_one(stmt->stmt, i + 1, &params[stmt->slot_param[i] - 1], copy);
        if (code != SQLITE_OK) {
            return sqlite_error(conn, code, stmt_key_name(key), err);
        }
    }
    return RC_OK;
}

/* ---- running ---- */

static SqliteConn *conn_of(Tx *tx)
{
    return ((SqliteTx *)tx)->conn;
}

static Rc failed(Tx *tx, Rc rc, Error *err)
{
    if (rc != RC_OK && tx->is_write) {
        writer_note_failure(tx, err);
    }
    return rc;
}

/* tx NULL: what must not be cut, since others depend on it. */
static int step(const Tx *tx, SqliteConn *conn, SqliteStmt *stmt)
{
    conn->may_cut = tx != NULL;
    conn->was_cut = false;
    conn->deadline_us = tx ? tx->deadline_us : INT64_MAX;
    int code = sqlite3_step(stmt->stmt);
    conn->may_cut = false;
    return code;
}

static Rc
step_to_end(const Tx *tx, SqliteConn *conn, SqliteStmt *stmt, const StmtKey *key, Error *err)
{
    int code;
    do {
        code = step(tx, conn, stmt);
    } while (code == SQLITE_ROW);
    Rc rc = code == SQLITE_DONE ? RC_OK : sqlite_error(conn, code, stmt_key_name(key), err);
    sqlite3_reset(stmt->stmt);
    return rc;
}

Rc sqlite_exec_stmt(
    Tx *tx, const StmtKey *key, const Param *params, size_t n, int64_t *ret, Error *err)
{
    SqliteConn *conn = conn_of(tx);
    SqliteStmt *stmt;
    Error local;
    err = err ? err : &local;

    Rc rc = stmt_take(conn, key, &stmt, err);
    if (rc != RC_OK) {
        return failed(tx, rc, err);
    }
    sqlite3_int64 before = sqlite3_total_changes64(conn->db);
    rc = bind(conn, stmt, key, params, n, SQLITE_STATIC, err);
    if (rc == RC_OK) {
        rc = step_to_end(tx, conn, stmt, key, err);
    }
    stmt_give(stmt);
    if (rc == RC_OK) {
        /* sqlite3_changes keeps its old value over a statement that changes no row. */
        *ret = sqlite3_total_changes64(conn->db) == before ? 0 : sqlite3_changes64(conn->db);
    }
    return failed(tx, rc, err);
}

Rc sqlite_exec_many(
    Tx *tx, const StmtKey *key, const Param *params, size_t columns, size_t rows, Error *err)
{
    SqliteConn *conn = conn_of(tx);
    SqliteStmt *stmt;
    Error local;
    err = err ? err : &local;

    Rc rc = stmt_take(conn, key, &stmt, err);
    if (rc != RC_OK) {
        return failed(tx, rc, err);
    }
    for (size_t i = 0; rc == RC_OK && i < rows; i++) {
        rc = bind(conn, stmt, key, params + i * columns, columns, SQLITE_STATIC, err);
        if (rc == RC_OK) {
            rc = step_to_end(tx, conn, stmt, key, err);
        }
    }
    stmt_give(stmt);
    return failed(tx, rc, err);
}

Rc sqlite_query(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err)
{
    SqliteConn *conn = conn_of(tx);
    SqliteStmt *stmt;
    Error local;
    err = err ? err : &local;

    Rc rc = stmt_take(conn, key, &stmt, err);
    if (rc != RC_OK) {
        return failed(tx, rc, err);
    }
    /* Rows are stepped after this call, when params are gone: SQLite keeps copies. */
    rc = bind(conn, stmt, key, params, n, SQLITE_TRANSIENT, err);
    if (rc != RC_OK) {
        stmt_give(stmt);
        return failed(tx, rc, err);
    }
    SqliteRows *rows = store_alloc(1, sizeof(*rows));
    rows->conn = conn;
    rows->stmt = stmt;
    *ret = &rows->base;
    return RC_OK;
}

Rc sqlite_run(SqliteConn *conn, const char *sql, Error *err)
{
    int code = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : sqlite_error(conn, code, "script", err);
}

Rc sqlite_run_query(SqliteConn *conn, const Query *query, Error *err)
{
    StmtKey key = {.query = query, .text = query->sql};
    SqliteStmt *stmt;
    TRY(stmt_take(conn, &key, &stmt, err));
    Rc rc = step_to_end(NULL, conn, stmt, &key, err);
    stmt_give(stmt);
    return rc;
}

Rc sqlite_script(Tx *tx, const char *sql, Error *err)
{
    SqliteConn *conn = conn_of(tx);
    Error local;
    err = err ? err : &local;

    ((SqliteTx *)tx)->ran_script = true;
    Rc rc = tx->is_write ? writer_unshare(tx, err) : RC_OK;
    if (rc == RC_OK) {
        rc = sqlite_run(conn, sql, err);
    }
    if (rc == RC_OK && tx->is_write && sqlite3_get_autocommit(conn->db)) {
        rc = error_set(err, RC_INTERNAL, "The SQL text ended the transaction it ran in");
    }
    return failed(tx, rc, err);
}

Rc sqlite_check(SqliteConn *conn, const StmtKey *key, Error *err)
{
    SqliteStmt *stmt;
    TRY(prepare(conn, key, &stmt, err));
    stmt_free(stmt);
    return RC_OK;
}

/* ---- results ---- */

bool sqlite_rows_next(Rows *base)
{
    SqliteRows *rows = (SqliteRows *)base;
    if (!rows->stmt || rows->ended) {
        return false;
    }
    int code = step(base->tx, rows->conn, rows->stmt);
    if (code == SQLITE_ROW) {
        return true;
    }
    rows->ended = true;
    if (code != SQLITE_DONE) {
        Error err;
        StmtKey key = {.query = rows->stmt->base.query};
        error_clear(&err);
        Rc rc = sqlite_error(rows->conn, code, stmt_key_name(&key), &err);
        IGNORE(failed(base->tx, rc, &err)); /* told by rows_error */
        rows_fail(base, &err);
    }
    /* Ends the read at once, so that a result nobody has ended yet does not hold back the WAL. */
    sqlite3_reset(rows->stmt->stmt);
    return false;
}

void sqlite_rows_close(Rows *base)
{
    SqliteRows *rows = (SqliteRows *)base;
    if (rows->stmt) {
        stmt_give(rows->stmt);
        rows->stmt = NULL;
    }
}

int sqlite_rows_columns(const Rows *base)
{
    const SqliteRows *rows = (const SqliteRows *)base;
    return rows->stmt ? sqlite3_column_count(rows->stmt->stmt) : 0;
}

const char *sqlite_rows_column_name(const Rows *base, int column)
{
    const SqliteRows *rows = (const SqliteRows *)base;
    const char *name = rows->stmt ? sqlite3_column_name(rows->stmt->stmt, column) : NULL;
    return name ? name : "";
}

ParamType sqlite_rows_type(Rows *base, int column)
{
    SqliteRows *rows = (SqliteRows *)base;
    switch (rows->stmt ? sqlite3_column_type(rows->stmt->stmt, column) : SQLITE_NULL) {
    case SQLITE_INTEGER:
        return PARAM_I64;
    case SQLITE_FLOAT:
        return PARAM_DOUBLE;
    case SQLITE_TEXT:
        return PARAM_TEXT;
    case SQLITE_BLOB:
        return PARAM_BLOB;
    default:
        return PARAM_NULL;
    }
}

int64_t sqlite_rows_i64(Rows *base, int column)
{
    SqliteRows *rows = (SqliteRows *)base;
    return rows->stmt ? sqlite3_column_int64(rows->stmt->stmt, column) : 0;
}

double sqlite_rows_f64(Rows *base, int column)
{
    SqliteRows *rows = (SqliteRows *)base;
    return rows->stmt ? sqlite3_column_double(rows->stmt->stmt, column) : 0;
}

Str sqlite_rows_str(Rows *base, int column)
{
    SqliteRows *rows = (SqliteRows *)base;
    if (!rows->stmt) {
        return STR_EMPTY;
    }
    sqlite3_stmt *stmt = rows->stmt->stmt;
    const char *bytes = sqlite3_column_type(stmt, column) == SQLITE_BLOB
                            ? sqlite3_column_blob(stmt, column)
                            : (const char *)sqlite3_column_text(stmt, column);
    int len = sqlite3_column_bytes(stmt, column);
    return bytes && len > 0 ? str_of(bytes, (size_t)len) : STR_EMPTY;
}
