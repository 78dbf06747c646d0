/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_stmt.c - statements of PostgreSQL: prepared once per connection, parameters and
 * results as text, types left to the server, so that what db_check_query prepares is what runs. */
#include "store/postgres_priv.h"

enum { NUMBER_SIZE = 32, SCRATCH_KEEP = 1024 * 1024 };

/* ---- errors ---- */

/* A row per SQLSTATE, or per class when it has two characters; the first that fits counts. */
typedef struct StateRow {
    const char *state;
    Rc rc;
    bool lost; /* the connection is of no more use */
    const char *message;
} StateRow;

static const StateRow state_rows[] = {
    {"23505", RC_CONFLICT, false, "Something with the same identity is already there"         },
    {"23503", RC_CONFLICT, false,
     "It refers to something that is not there, or is still referred to"                      },
    {"23514", RC_CONFLICT, false, "A value breaks a rule of the database"                     },
    {"23P01", RC_CONFLICT, false, "It collides with something that is already there"          },
    {"P0001", RC_CONFLICT, false, "The change breaks a rule of the database"                  },
    {"22021", RC_INVALID,  false, "A text holds NUL or bytes that are not UTF-8"              },
    {"22P05", RC_INVALID,  false, "A text holds a character the database cannot store"        },
    {"40",    RC_BUSY,     false, "The change collided with another one; try again"           },
    {"55P03", RC_BUSY,     false, "The database is busy with other changes; try again"        },
    {"57014", RC_TIMEOUT,  false,
     "The database took too long and was stopped; ask for less, or try again later"           },
    {"53100", RC_FULL,     false,
     "The disk of the PostgreSQL server is full: nothing was changed; free some space on it and "
     "try again"                                                                              },
    {"53200", RC_BUSY,     false, "The PostgreSQL server is out of memory; try again"         },
    {"53300", RC_BUSY,     false, "The PostgreSQL server takes no more connections; try again"},
    {"53",    RC_BUSY,     false, "The database has no resources left; try again"             },
    {"54",    RC_LIMIT,    false, "A value is too large for the database"                     },
    {"57P",   RC_BUSY,     true,  "The database is stopping or starting; try again"           },
    {"25P03", RC_BUSY,     true,  "The transaction was left idle for too long; try again"     },
    {"08P01", RC_INTERNAL, false, "A statement was given the wrong number of parameters"      },
    {"08",    RC_BUSY,     true,  "The connection to the database was lost; try again"        },
    {"26000", RC_BUSY,     true,  "The database forgot a prepared statement; try again"       },
    {"25006", RC_INTERNAL, false, "A change was tried where only reading is allowed"          },
};

static const StateRow *find_state(const char *state)
{
    for (size_t i = 0; state && i < ARRAY_LEN(state_rows); i++) {
        if (strncmp(state, state_rows[i].state, strlen(state_rows[i].state)) == 0) {
            return &state_rows[i];
        }
    }
    return NULL;
}

/* A migration changed a table under a plan whose columns were fixed. */
static bool is_stale_plan(const PGresult *result)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return function && strcmp(function, "RevalidateCachedQuery") == 0;
}

Rc pg_error(PgConn *conn, const PGresult *result, const char *what, Error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const StateRow *row = find_state(state);
    Rc rc = RC_INTERNAL;

    conn->unknown = !state; /* no answer from the server at all */
    if (PQstatus(conn->pg) != CONNECTION_OK || is_stale_plan(result)) {
        conn->lost = true;
        rc = error_set(err, RC_BUSY, "The connection to the database was lost; try again");
    } else if (row) {
        conn->lost = conn->lost || row->lost;
        rc = error_set(err, row->rc, "%s", row->message);
    } else {
        rc = error_set(err, RC_INTERNAL, "The database could not run a statement");
    }
    if (rc == RC_CONFLICT && constraint) {
        error_detail(err, "%s", constraint);
    } else {
        error_detail(err, "%s: %s %s", what, state ? state : "",
                     message ? message : PQerrorMessage(conn->pg));
    }
    return rc;
}

Rc pg_check_result(PgConn *conn, const PGresult *result, const char *what, Error *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) {
        return RC_OK;
    }
    return pg_error(conn, result, what, err);
}

Rc pg_run(PgConn *conn, const char *sql, Error *err)
{
    PGresult *result = PQexec(conn->pg, sql);
    Rc rc = pg_check_result(conn, result, "script", err);
    PQclear(result);
    return rc;
}

/* ---- preparing ---- */

void pg_conn_forget(PgConn *conn)
{
    Stmt *stmt = stmt_cache_pop(&conn->cache);
    while (stmt) {
        stmt_done(stmt);
        free(stmt);
        stmt = stmt_cache_pop(&conn->cache);
    }
}

static void deallocate(PgConn *conn, Stmt *evicted)
{
    if (evicted) {
        char sql[64];
        snprintf(sql, sizeof(sql), "DEALLOCATE %s", ((PgStmt *)evicted)->name);
        /* If it fails the connection is gone, which the next statement tells. */
        IGNORE(pg_run(conn, sql, NULL));
        stmt_done(evicted);
        free(evicted);
    }
}

/* libpq wants terminated text; a named query's is. */
static Rc prepare_as(PgConn *conn, const char *name, const StmtKey *key, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = key->query ? NULL : arena_new(key->len + 1);
    const char *sql = key->query ? key->text : str_cstr(arena, str_of(key->text, key->len));
    PGresult *result = PQprepare(conn->pg, name, sql, 0, NULL);
    Rc rc = pg_check_result(conn, result, stmt_key_name(key), err);
    PQclear(result);
    return rc;
}

Rc pg_prepare(PgConn *conn, const StmtKey *key, const PgStmt **ret, Error *err)
{
    PgStmt *stmt = (PgStmt *)stmt_cache_find(&conn->cache, key);
    if (!stmt) {
        char name[sizeof(stmt->name)];
        snprintf(name, sizeof(name), "q%llu", (unsigned long long)++conn->next_name);
        TRY(prepare_as(conn, name, key, err));
        stmt = store_alloc(1, sizeof(*stmt));
        memcpy(stmt->name, name, sizeof(name));
        deallocate(conn, stmt_cache_add(&conn->cache, &stmt->base, key));
    }
    *ret = stmt;
    return RC_OK;
}

/* ---- parameters ---- */

void pg_bound_init(PgBound *b, size_t n)
{
    bool heap = n > PG_PARAMS_ON_STACK;
    b->value = heap ? store_alloc(n, sizeof(b->value[0])) : b->values;
    b->length = heap ? store_alloc(n, sizeof(b->length[0])) : b->lengths;
    b->format = heap ? store_alloc(n, sizeof(b->format[0])) : b->formats;
}

void pg_bound_done(PgBound *b)
{
    if (b->value != b->values) {
        free(b->value);
        free(b->length);
        free(b->format);
    }
}

static char *scratch(PgConn *conn, const Param *params, size_t n)
{
    size_t need = 1;
    for (size_t i = 0; i < n; i++) {
        need += params[i].type == PARAM_TEXT ? params[i].str.len + 1 : NUMBER_SIZE;
    }
    /* One large value must not stay in memory for the life of every connection. */
    if (need > conn->scratch_size || (conn->scratch_size > SCRATCH_KEEP && need <= SCRATCH_KEEP)) {
        free(conn->scratch);
        conn->scratch_size = MAX(need, 4 * KIB);
        conn->scratch = store_alloc(conn->scratch_size, 1);
    }
    return conn->scratch;
}

void pg_bind(PgBound *b, PgConn *conn, const Param *params, size_t n)
{
    char *at = scratch(conn, params, n);
    for (size_t i = 0; i < n; i++) {
        const Param *p = &params[i];
        b->value[i] = at;
        b->length[i] = 0;
        b->format[i] = 0;
        switch (p->type) {
        case PARAM_I64:
            at += snprintf(at, NUMBER_SIZE, "%lld", (long long)p->i64) + 1;
            break;
        case PARAM_DOUBLE:
            at += snprintf(at, NUMBER_SIZE, "%.17g", p->f64) + 1;
            break;
        case PARAM_TEXT:
            if (p->str.len > 0) {
                memcpy(at, p->str.ptr, p->str.len);
            }
            at += p->str.len;
            *at++ = '\0';
            break;
        case PARAM_BLOB: /* binary: as it is */
            b->value[i] = p->str.ptr ? p->str.ptr : "";
            b->length[i] = (int)p->str.len;
            b->format[i] = 1;
            break;
        case PARAM_NULL:
        default:
            b->value[i] = NULL;
            break;
        }
    }
}

/* ---- running ---- */

/* What PQexecPrepared would return, which waits without end. *ret NULL: the connection is at
 * fault, or the statement was cut. */
static Rc answer(PgTx *tx, const StmtKey *key, PGresult **ret, Error *err)
{
    Rc rc;
    *ret = NULL;
    for (;;) {
        if (!pg_wait(tx, stmt_key_name(key), &rc, err)) {
            PQclear(*ret);
            *ret = NULL;
            return rc;
        }
        PGresult *next = PQgetResult(tx->conn->pg);
        if (!next) {
            return RC_OK;
        }
        PQclear(*ret);
        *ret = next;
    }
}

static Rc
run_once(PgTx *tx, const StmtKey *key, const Param *params, size_t n, PGresult **ret, Error *err)
{
    PgConn *conn = tx->conn;
    PGresult *result = NULL;
    const PgStmt *stmt;
    PgBound b;
    Rc rc = RC_OK;

    TRY(pg_prepare(conn, key, &stmt, err));
    pg_bound_init(&b, n);
    pg_bind(&b, conn, params, n);
    if (PQsendQueryPrepared(conn->pg, stmt->name, (int)n, b.value, b.length, b.format, 0) == 1) {
        rc = answer(tx, key, &result, err);
    }
    pg_bound_done(&b);
    TRY(rc);
    rc = pg_check_result(conn, result, stmt_key_name(key), err);
    if (rc != RC_OK) {
        PQclear(result);
        return rc;
    }
    *ret = result;
    return RC_OK;
}

/* A read is worth a second try when only the connection was at fault. */
static bool may_retry(const PgTx *tx)
{
    return !tx->base.is_write && !tx->inline_only && tx->conn && tx->conn->lost && !tx->was_cut;
}

/* A read goes on after a statement that was cut, on another connection. */
static Rc ensure_conn(PgTx *tx, Error *err)
{
    if (tx->conn && !(tx->was_cut && !tx->base.is_write)) {
        return RC_OK;
    }
    tx->was_cut = false;
    return pg_tx_reconnect(tx, err);
}

Rc pg_ensure_conn(PgTx *tx, Error *err)
{
    TRY(ensure_conn(tx, err));
    return tx->base.is_write ? pg_settle(tx, err) : RC_OK;
}

static Rc
run(Tx *base, const StmtKey *key, const Param *params, size_t n, PGresult **ret, Error *err)
{
    PgTx *tx = (PgTx *)base;
    bool is_first = base->is_write && !tx->has_begun;

    TRY(ensure_conn(tx, err));
    if (pg_has_company(tx)) {
        Rc rc = pg_run_piped(tx, key, params, n, ret, err);
        if (rc == RC_OK || !is_first || !tx->conn->lost || tx->was_cut) {
            return rc;
        }
        TRY(pg_tx_reconnect(tx, err)); /* nothing was begun: a fresh connection may serve */
        return pg_run_piped(tx, key, params, n, ret, err);
    }
    Rc rc = run_once(tx, key, params, n, ret, err);
    if (rc != RC_OK && may_retry(tx)) {
        TRY(pg_tx_reconnect(tx, err));
        rc = run_once(tx, key, params, n, ret, err);
    }
    return rc;
}

Rc pg_exec(
    Tx *tx, const StmtKey *key, const Param *params, size_t n, int64_t *ret_changed, Error *err)
{
    PGresult *result;
    TRY(run(tx, key, params, n, &result, err));
    /* A SELECT counts its rows there, and changes none. */
    bool changes = strncmp(PQcmdStatus(result), "SELECT", 6) != 0;
    *ret_changed = changes ? strtoll(PQcmdTuples(result), NULL, 10) : 0;
    PQclear(result);
    return RC_OK;
}

Rc pg_query(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err)
{
    PGresult *result;
    TRY(run(tx, key, params, n, &result, err));
    *ret = pg_rows_new(result);
    return RC_OK;
}

/* ---- the rest ---- */

Rc pg_script(Tx *base, const char *sql, Error *err)
{
    PgTx *tx = (PgTx *)base;

    TRY(pg_ensure_conn(tx, err));
    TRY(pg_run(tx->conn, sql, err));
    if (base->is_write && PQtransactionStatus(tx->conn->pg) != PQTRANS_INTRANS) {
        return error_set(err, RC_INTERNAL, "The SQL text ended the transaction it ran in");
    }
    return RC_OK;
}

Rc pg_check(Db *db, const StmtKey *key, Error *err)
{
    Tx *tx;
    TRY(db_read_primary(db, &tx, err));
    Rc rc = pg_ensure_conn((PgTx *)tx, err);
    if (rc == RC_OK) {
        rc = prepare_as(((PgTx *)tx)->conn, "", key, err);
    }
    db_end(tx);
    return rc;
}
