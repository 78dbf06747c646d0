/* SPDX-License-Identifier: Apache-2.0
 * store/store.c - what is the same on both databases.
 *
 * A thread keeps a list of its open scopes. It lets nested read scopes share one connection (two
 * would starve each other when every thread holds one and waits for a second), and turns a write
 * inside a write, which would wait for itself, into an error. */
#include "store/store.h"

#include "base/buf.h"

#include "store/store_priv.h"

static _Thread_local Tx *open_scopes;

void *store_alloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    ASSERT(p != NULL);
    return p;
}

const char *stmt_key_name(const StmtKey *key)
{
    return key->query ? key->query->name : "dynamic statement";
}

Str stmt_key_text(const StmtKey *key)
{
    return key->query ? str_from(key->text) : str_of(key->text, key->len);
}

/* ---- database ---- */

Rc db_open(const char *url, const DbOptions *options, Db **ret, Error *err)
{
    static const DbOptions none;
    Str s = str_from(url);
    DbOptions o = options ? *options : none;

    o.readers = o.readers ? MIN(o.readers, (unsigned)STORE_READERS_MAX) : STORE_READERS_DEFAULT;
    o.busy_timeout_ms = o.busy_timeout_ms > 0 ? o.busy_timeout_ms : STORE_BUSY_TIMEOUT_MS;
    if (str_starts(s, STR("sqlite://"))) {
        return sqlite_open(url + strlen("sqlite://"), &o, ret, err);
    }
    if (str_starts(s, STR("sqlite:"))) {
        return sqlite_open(url + strlen("sqlite:"), &o, ret, err);
    }
    if (str_starts(s, STR("postgresql://")) || str_starts(s, STR("postgres://"))) {
        return postgres_open(url, &o, ret, err);
    }
    /* The URL itself may hold a password. */
    return error_set(err, RC_INVALID, "The database URL must begin with sqlite: or postgresql://");
}

void db_close(Db *db)
{
    if (db) {
        db->ops->close(db);
    }
}

DbKind db_kind(const Db *db)
{
    return db->kind;
}

static Rc count_failure(Db *db, Rc rc)
{
    if (rc == RC_BUSY) {
        atomic_fetch_add_explicit(&db->busy, 1, memory_order_relaxed);
    } else if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_NOT_FOUND && rc != RC_NOT_IMPLEMENTED) {
        atomic_fetch_add_explicit(&db->errors, 1, memory_order_relaxed);
    }
    return rc;
}

Rc db_ping(Db *db, Error *err)
{
    return count_failure(db, db->ops->ping(db, err));
}

void db_hurry(Db *db)
{
    atomic_store(&db->is_hurried, true);
}

Rc store_cut(Error *err, bool is_hurried, const char *what)
{
    Rc rc = is_hurried
                ? error_set(err, RC_BUSY, "The server is stopping; try again")
                : error_set(err, RC_TIMEOUT,
                            "The database took too long and was stopped; ask for less, or try "
                            "again later");
    error_detail(err, "%s was cut", what);
    return rc;
}

Rc db_backup(Db *db, const char *to_path, Error *err)
{
    return count_failure(db, db->ops->backup(db, to_path, err));
}

Rc db_appear(Db *db, Str name, Error *err)
{
    return db->ops->appear ? db->ops->appear(db, name, err) : RC_OK;
}

bool db_is_gone(const Db *db, Str name)
{
    return db->ops->is_gone && db->ops->is_gone(db, name);
}

Rc db_listen(Db *db, DbOnNotice on_notice, void *user, Error *err)
{
    return db->ops->listen ? db->ops->listen(db, on_notice, user, err) : RC_OK;
}

void db_listen_stop(Db *db)
{
    if (db->ops->listen_stop) {
        db->ops->listen_stop(db);
    }
}

void db_notify(Db *db, unsigned topics)
{
    if (db->ops->notify) {
        db->ops->notify(db, topics);
    }
}

bool db_is_listening(const Db *db)
{
    return db->ops->is_listening && db->ops->is_listening(db);
}

DbStats db_stats(Db *db)
{
    DbStats stats = {
        .writes = atomic_load(&db->writes),
        .commits = atomic_load(&db->commits),
        .groups = atomic_load(&db->groups),
        .busy = atomic_load(&db->busy),
        .errors = atomic_load(&db->errors),
    };
    db->ops->stats(db, &stats);
    return stats;
}

/* ---- scopes ---- */

static void scope_push(Tx *tx)
{
    tx->depth = 1;
    tx->deadline_us = INT64_MAX;
    tx->next_open = open_scopes;
    open_scopes = tx;
}

static void scope_remove(Tx *tx)
{
    Tx **at = &open_scopes;
    while (*at && *at != tx) {
        at = &(*at)->next_open;
    }
    ASSERT(*at == tx); /* else it was begun by another thread, or ended twice */
    *at = tx->next_open;
}

static Rc read_scope(Db *db, ReadFrom from, bool inline_only, Tx **ret, Error *err)
{
    for (Tx *tx = open_scopes; tx; tx = tx->next_open) {
        if (tx->db == db && !tx->is_write && (from == READ_ANY || tx->is_primary)) {
            tx->depth++;
            *ret = tx;
            return RC_OK;
        }
    }
    Rc rc = db->ops->read(db, from, inline_only, ret, err);
    if (rc != RC_OK) {
        return count_failure(db, rc);
    }
    scope_push(*ret);
    return RC_OK;
}

Rc db_read(Db *db, bool inline_only, Tx **ret, Error *err)
{
    return read_scope(db, READ_ANY, inline_only, ret, err);
}

Rc db_read_primary(Db *db, Tx **ret, Error *err)
{
    return read_scope(db, READ_PRIMARY, false, ret, err);
}

Rc db_begin(Db *db, Tx **ret, Error *err)
{
    for (Tx *tx = open_scopes; tx; tx = tx->next_open) {
        if (tx->db == db && tx->is_write) {
            return count_failure(
                db,
                error_set(err, RC_INTERNAL, "A write transaction is already open on this thread"));
        }
    }
    Rc rc = db->ops->begin(db, ret, err);
    if (rc != RC_OK) {
        return count_failure(db, rc);
    }
    store_tx_begun(*ret);
    return RC_OK;
}

void store_tx_begun(Tx *tx)
{
    tx->is_write = true;
    atomic_fetch_add_explicit(&tx->db->writes, 1, memory_order_relaxed);
    scope_push(tx);
}

static void rows_unlink(Rows *rows)
{
    if (rows->tx) {
        *(rows->prev ? &rows->prev->next : &rows->tx->open) = rows->next;
        if (rows->next) {
            rows->next->prev = rows->prev;
        }
        rows->tx = NULL;
    }
}

/* Results that outlive their transaction become empty; rows_end still frees them. */
static void close_results(Tx *tx)
{
    while (tx->open) {
        Rows *rows = tx->open;
        tx->db->ops->rows_close(rows);
        rows_unlink(rows);
    }
}

Rc store_tx_ending(Tx *tx, Error *err)
{
    close_results(tx);
    scope_remove(tx);
    if (tx->failed) {
        return error_set(err, tx->failure,
                         "The transaction was undone because a statement in it had failed");
    }
    if (tx->savepoints > 0) {
        return error_set(err, RC_INTERNAL, "The transaction was undone: a savepoint is still open");
    }
    return RC_OK;
}

Rc store_tx_ended(Tx *tx, Rc rc)
{
    Db *db = tx->db;
    if (rc == RC_OK) {
        atomic_fetch_add_explicit(&db->commits, 1, memory_order_relaxed);
        for (size_t i = 0; i < tx->n_on_commit; i++) {
            tx->on_commit[i].fn(tx->on_commit[i].user);
        }
    }
    free(tx->on_commit);
    free(tx);
    return count_failure(db, rc);
}

Rc db_commit(Tx *tx, Error *err)
{
    ASSERT(tx && tx->is_write);
    Rc rc = store_tx_ending(tx, err);
    if (rc == RC_OK) {
        rc = tx->db->ops->commit(tx, err);
    } else {
        tx->db->ops->rollback(tx);
    }
    return store_tx_ended(tx, rc);
}

void db_run(Db *db, DbTask *task)
{
    Error error;
    Tx *tx;

    if (db->ops->run) {
        db->ops->run(db, task);
        return;
    }
    error_clear(&error);
    Rc rc = db_begin(db, &tx, &error);
    if (rc != RC_OK) {
        task->done(task, rc, &error);
        return;
    }
    rc = task->run(task, tx);
    if (rc != RC_OK) {
        db_end(tx);
        task->done(task, rc, NULL);
        return;
    }
    rc = db_commit(tx, &error);
    task->done(task, rc, rc == RC_OK ? NULL : &error);
}

void *tx_shared(Tx *tx, DbFlush flush)
{
    ASSERT(tx->is_write);
    return tx->db->ops->shared ? tx->db->ops->shared(tx, flush) : NULL;
}

void db_end(Tx *tx)
{
    if (!tx || --tx->depth > 0) {
        return;
    }
    close_results(tx);
    scope_remove(tx);
    if (!tx->is_write) {
        tx->db->ops->read_end(tx);
        return;
    }
    tx->db->ops->rollback(tx);
    free(tx->on_commit);
    free(tx);
}

void tx_cleanup(Tx **tx)
{
    db_end(*tx);
    *tx = NULL;
}

void tx_deadline(Tx *tx, int64_t deadline_us)
{
    if (tx->depth == 1) {
        tx->deadline_us = deadline_us > 0 ? deadline_us : INT64_MAX;
    }
}

Db *tx_db(Tx *tx)
{
    return tx->db;
}

bool tx_is_write(const Tx *tx)
{
    return tx->is_write;
}

void tx_on_commit(Tx *tx, void (*fn)(void *user), void *user)
{
    ASSERT(tx->is_write);
    if (tx->n_on_commit == tx->cap_on_commit) {
        tx->cap_on_commit = tx->cap_on_commit ? tx->cap_on_commit * 2 : 4;
        tx->on_commit = realloc(tx->on_commit, tx->cap_on_commit * sizeof(tx->on_commit[0]));
        ASSERT(tx->on_commit != NULL);
    }
    tx->on_commit[tx->n_on_commit++] = (OnCommit){fn, user};
}

/* ---- statements ---- */

static Rc not_after_failure(const Tx *tx, Error *err)
{
    if (tx->failed) {
        return error_set(err, RC_INTERNAL, "The transaction has failed and can only be undone");
    }
    return RC_OK;
}

static Rc note_failure(Tx *tx, Rc rc)
{
    if (rc != RC_OK && tx->is_write && !tx->failed) {
        tx->failed = true;
        tx->failure = rc;
    }
    return count_failure(tx->db, rc);
}

/* Both databases get the same answer for text that only one of them would store. */
static Rc check_params(const Param *params, size_t n, Error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (params[i].type != PARAM_TEXT && params[i].type != PARAM_BLOB) {
            continue;
        }
        Str s = params[i].str;
        if (s.len > STORE_VALUE_MAX) {
            return error_set(err, RC_LIMIT, "A value of %zu bytes is too large: the limit is %zu",
                             s.len, STORE_VALUE_MAX);
        }
        if (params[i].type == PARAM_TEXT && s.len > 0 &&
            (memchr(s.ptr, 0, s.len) || !str_is_utf8(s, NULL))) {
            return error_set(err, RC_INVALID, "A text holds NUL or bytes that are not UTF-8");
        }
    }
    return RC_OK;
}

static StmtKey key_of(const Tx *tx, const Query *query)
{
    bool pg = tx->db->kind == DB_POSTGRES && query->sql_pg;
    return (StmtKey){.query = query, .text = pg ? query->sql_pg : query->sql};
}

static StmtKey key_of_text(Str sql)
{
    return (StmtKey){.text = sql.ptr ? sql.ptr : "", .len = sql.len};
}

/* n parameters for each of `times` executions. */
static Rc check_call(const Tx *tx, const Param *params, size_t n, size_t times, Error *err)
{
    TRY(not_after_failure(tx, err));
    if (n > STORE_PARAMS_MAX) {
        return error_set(err, RC_INTERNAL, "A statement was given %zu parameters, more than %d", n,
                         STORE_PARAMS_MAX);
    }
    return check_params(params, n * times, err);
}

static Rc
exec_key(Tx *tx, const StmtKey *key, const Param *params, size_t n, int64_t *ret, Error *err)
{
    int64_t changed = 0;
    Rc rc = check_call(tx, params, n, 1, err);
    if (rc == RC_OK) {
        rc = tx->db->ops->exec(tx, key, params, n, &changed, err);
    }
    if (rc == RC_OK && ret) {
        *ret = changed;
    }
    return note_failure(tx, rc);
}

static Rc
query_key(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err)
{
    Rows *rows = NULL;
    Rc rc = check_call(tx, params, n, 1, err);
    if (rc == RC_OK) {
        rc = tx->db->ops->query(tx, key, params, n, &rows, err);
    }
    if (rc != RC_OK) {
        return note_failure(tx, rc);
    }
    rows->ops = tx->db->ops;
    rows->tx = tx;
    rows->next = tx->open;
    if (tx->open) {
        tx->open->prev = rows;
    }
    tx->open = rows;
    *ret = rows;
    return RC_OK;
}

Rc tx_exec(
    Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret_changed, Error *err)
{
    StmtKey key = key_of(tx, query);
    return exec_key(tx, &key, params, n, ret_changed, err);
}

Rc tx_exec_later(Tx *tx, const Query *query, const Param *params, size_t n, Error *err)
{
    if (!tx->db->ops->exec_later || !tx->is_write) {
        return tx_exec(tx, query, params, n, NULL, err);
    }
    StmtKey key = key_of(tx, query);
    Rc rc = check_call(tx, params, n, 1, err);
    if (rc == RC_OK) {
        rc = tx->db->ops->exec_later(tx, &key, params, n, err);
    }
    return note_failure(tx, rc);
}

Rc tx_query(Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err)
{
    StmtKey key = key_of(tx, query);
    return query_key(tx, &key, params, n, ret, err);
}

Rc tx_exec_sql(Tx *tx, Str sql, const Param *params, size_t n, int64_t *ret_changed, Error *err)
{
    StmtKey key = key_of_text(sql);
    return exec_key(tx, &key, params, n, ret_changed, err);
}

Rc tx_query_sql(Tx *tx, Str sql, const Param *params, size_t n, Rows **ret, Error *err)
{
    StmtKey key = key_of_text(sql);
    return query_key(tx, &key, params, n, ret, err);
}

Rc tx_exec_many(
    Tx *tx, const Query *query, const Param *params, size_t columns, size_t rows, Error *err)
{
    StmtKey key = key_of(tx, query);
    Rc rc = check_call(tx, params, columns, rows, err);
    if (rc == RC_OK && rows > 0) {
        rc = tx->db->ops->exec_many(tx, &key, params, columns, rows, err);
    }
    return note_failure(tx, rc);
}

Rc tx_savepoint(Tx *tx, Error *err)
{
    ASSERT(tx->is_write);
    TRY(not_after_failure(tx, err));
    Rc rc = tx->db->ops->script(tx, "SAVEPOINT nested", err);
    if (rc == RC_OK) {
        tx->savepoints++;
    }
    return note_failure(tx, rc);
}

Rc tx_savepoint_release(Tx *tx, Error *err)
{
    ASSERT(tx->savepoints > 0);
    TRY(not_after_failure(tx, err));
    tx->savepoints--;
    return note_failure(tx, tx->db->ops->script(tx, "RELEASE SAVEPOINT nested", err));
}

Rc tx_savepoint_rollback(Tx *tx, Error *err)
{
    ASSERT(tx->savepoints > 0);
    tx->savepoints--;
    Rc rc = tx->db->ops->script(tx, "ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested", err);
    if (rc == RC_OK) {
        /* No statement runs after a failure, so it happened inside this savepoint. */
        tx->failed = false;
    }
    return note_failure(tx, rc);
}

/* ---- results ---- */

void rows_fail(Rows *rows, const Error *err)
{
    rows->rc = err->code;
    rows->error = store_alloc(1, sizeof(*rows->error));
    *rows->error = *err;
    if (rows->tx) {
        IGNORE(note_failure(rows->tx, err->code)); /* told by rows_error */
    }
}

bool rows_next(Rows *rows)
{
    return rows->tx && rows->rc == RC_OK && rows->ops->rows_next(rows);
}

Rc rows_error(Rows *rows, Error *err)
{
    if (rows->rc != RC_OK && err) {
        *err = *rows->error;
    }
    return rows->rc;
}

void rows_end(Rows *rows)
{
    if (!rows) {
        return;
    }
    rows->ops->rows_close(rows);
    rows_unlink(rows);
    free(rows->error);
    free(rows);
}

void rows_cleanup(Rows **rows)
{
    rows_end(*rows);
    *rows = NULL;
}

int rows_columns(const Rows *rows)
{
    return rows->tx ? rows->ops->rows_columns(rows) : 0;
}

const char *rows_column_name(const Rows *rows, int column)
{
    return rows->tx ? rows->ops->rows_column_name(rows, column) : "";
}

ParamType rows_type(Rows *rows, int column)
{
    return rows->tx ? rows->ops->rows_type(rows, column) : PARAM_NULL;
}

bool rows_is_null(Rows *rows, int column)
{
    return rows_type(rows, column) == PARAM_NULL;
}

int64_t rows_i64(Rows *rows, int column)
{
    return rows->tx ? rows->ops->rows_i64(rows, column) : 0;
}

double rows_f64(Rows *rows, int column)
{
    return rows->tx ? rows->ops->rows_f64(rows, column) : 0;
}

Str rows_str(Rows *rows, int column)
{
    return rows->tx ? rows->ops->rows_str(rows, column) : STR_EMPTY;
}

Str rows_dup(Rows *rows, int column, Arena *arena)
{
    return str_dup(arena, rows_str(rows, column));
}

static Rc
first_row(Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err)
{
    TRY(tx_query(tx, query, params, n, ret, err));
    if (rows_next(*ret)) {
        return RC_OK;
    }
    TRY(rows_error(*ret, err));
    return error_set(err, RC_NOT_FOUND, "There is no such row");
}

Rc tx_one_i64(Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret, Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(first_row(tx, query, params, n, &rows, err));
    *ret = rows_i64(rows, 0);
    return RC_OK;
}

Rc tx_one_str(
    Tx *tx, const Query *query, const Param *params, size_t n, Arena *arena, Str *ret, Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(first_row(tx, query, params, n, &rows, err));
    *ret = rows_dup(rows, 0, arena);
    return RC_OK;
}

Rc db_check_query(Db *db, const Query *query, Error *err)
{
    bool pg = db->kind == DB_POSTGRES && query->sql_pg;
    StmtKey key = {.query = query, .text = pg ? query->sql_pg : query->sql};
    Rc rc = db->ops->check(db, &key, err);
    if (rc != RC_OK) {
        error_prefix(err, "%s", query->name);
    }
    return count_failure(db, rc);
}
