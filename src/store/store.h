/* SPDX-License-Identifier: Apache-2.0
 * store/store.h - SQL on SQLite and PostgreSQL behind one interface. Knows no domain.
 *
 * SQL is written once in the common subset with $1.. placeholders; a query may carry a PostgreSQL
 * variant. Values are only ever bound. Times are int64 microseconds, ids are text, booleans are
 * 0/1 integers, JSON is text.
 *
 * Transactions. db_read gives a snapshot-free read connection (autocommit); db_begin gives a write
 * transaction. On SQLite all writes share one connection: writers take turns, each in a savepoint
 * of an open group transaction, and the last one waiting commits the group with one fsync;
 * db_commit returns only when the group is durable (WAL, synchronous=FULL). On PostgreSQL a write
 * transaction is its own connection from the pool. Never do network I/O or wait for another thread
 * inside a write transaction. A Tx belongs to one thread. Read scopes of one thread nest and then
 * share a connection; a second write transaction on one thread is an error, since it would wait for
 * the first.
 *
 * Failures: RC_CONFLICT (unique, foreign key or check; err->detail names the constraint), RC_BUSY
 * (database unreachable, serialization failure, pool exhausted: worth a retry; after db_commit the
 * message tells when the outcome is unknown), RC_FULL (the disk of the database is full; nothing
 * was changed), RC_LIMIT (value too large), RC_INVALID (text with NUL or bytes that are not UTF-8),
 * RC_TIMEOUT (tx_deadline has passed; on PostgreSQL also a statement of more than 10 min),
 * RC_INTERNAL (a defect: bad SQL, a write in a read scope). After a failure inside a write
 * transaction only tx_savepoint_rollback or db_end is allowed. Constraint names are the same on
 * both databases ("t_pkey", "t_a_b_key", the name of a unique index); SQLite has none for foreign
 * keys.
 *
 * The same on both: LIKE minds the case, comparisons give 1 and 0, "x" is a name. Not the same:
 * NULLs sort first on SQLite and last on PostgreSQL (write NULLS FIRST or LAST), and a placeholder
 * whose type nothing tells needs CAST($1 AS BIGINT). */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef struct Db Db;
typedef struct Tx Tx;
typedef struct Rows Rows;

typedef enum DbKind { DB_SQLITE, DB_POSTGRES } DbKind;

/* A named query. Generated from .sql files at build (store/sql files: "-- name: x", "-- for: pg"),
 * or static. */
typedef struct Query {
    const char *name;
    const char *sql;
    const char *sql_pg; /* NULL: the same text */
} Query;

typedef enum ParamType { PARAM_NULL, PARAM_I64, PARAM_DOUBLE, PARAM_TEXT, PARAM_BLOB } ParamType;
typedef struct Param {
    ParamType type;
    int64_t i64;
    double f64;
    Str str; /* borrowed during the call */
} Param;

#define P_NULL ((Param){.type = PARAM_NULL})
#define P_I64(v) ((Param){.type = PARAM_I64, .i64 = (int64_t)(v)})
#define P_BOOL(v) ((Param){.type = PARAM_I64, .i64 = (v) ? 1 : 0})
#define P_F64(v) ((Param){.type = PARAM_DOUBLE, .f64 = (v)})
#define P_STR(v) ((Param){.type = PARAM_TEXT, .str = (v)})
#define P_CSTR(v) ((Param){.type = PARAM_TEXT, .str = str_from(v)})
/* The empty Str becomes NULL. */
#define P_STR_OR_NULL(v) ((v).len ? P_STR(v) : P_NULL)
#define P_BLOB(v) ((Param){.type = PARAM_BLOB, .str = (v)})
#define PARAMS(...)                                                                                \
    ((const Param[]){__VA_ARGS__}), sizeof((const Param[]){__VA_ARGS__}) / sizeof(Param)
#define NO_PARAMS NULL, 0

typedef struct DbOptions {
    unsigned readers;        /* SQLite: read connections; PostgreSQL: pool size. 0 = 16 */
    const char *replica_url; /* PostgreSQL: reads go here when set and reachable */
    size_t cache_bytes;      /* SQLite page cache in all; 0 = 16 MiB */
    int busy_timeout_ms;     /* 0 = 5000 */
    /* PostgreSQL: it is away, and waited for. where: "db.example.com:5432". Once per db_open; may
     * be NULL. */
    void (*on_away)(const char *where);
} DbOptions;

/* "sqlite::memory:" is a file in a private folder of /dev/shm, gone at db_close.
 * url: "sqlite:/path/file.db", "sqlite::memory:" (tests; shared by all connections) or
 * "postgresql://…". A PostgreSQL that is away is waited for up to connect_wait (10 s). */
MUST_CHECK Rc db_open(const char *url, const DbOptions *options, Db **ret, Error *err);
void db_close(Db *db);
DbKind db_kind(const Db *db);
/* A cheap round trip, for readiness. */
MUST_CHECK Rc db_ping(Db *db, Error *err);

/* Read scope. Cheap. inline_only: fail with RC_BUSY instead of waiting for a free connection (I/O
 * threads); on PostgreSQL a statement still takes its round trip, but nothing connects anew and
 * nothing is tried twice. */
MUST_CHECK Rc db_read(Db *db, bool inline_only, Tx **ret, Error *err);
/* As db_read but always from the primary, for reading one's own writes. Same as db_read on SQLite.
 */
MUST_CHECK Rc db_read_primary(Db *db, Tx **ret, Error *err);
/* Write transaction. That the database is away may show at the first statement only. */
MUST_CHECK Rc db_begin(Db *db, Tx **ret, Error *err);
/* Durable on RC_OK. The Tx is finished and freed whatever the result. Runs the on_commit callbacks
 * on success. */
MUST_CHECK Rc db_commit(Tx *tx, Error *err);
/* Ends a read scope or undoes a write transaction; NULL is fine. */
void db_end(Tx *tx);
void tx_cleanup(Tx **tx); /* for CLEANUP(tx_cleanup); set your variable to NULL after db_commit */
/* Statements of the scope that still run when the monotonic clock passes deadline_us fail with
 * RC_TIMEOUT, within 250 ms. Set it right after db_read or db_begin; without it, or with a value
 * that is not positive, there is none. In nested read scopes that of the outermost holds.
 * Beginning, committing and undoing are never cut, and nothing is spent on statements that are
 * short. */
void tx_deadline(Tx *tx, int64_t deadline_us);
/* The process is ending and has waited long enough: from now on every statement that takes more
 * than 250 ms fails with RC_BUSY, with a deadline or without, those that run included. Any thread.
 */
void db_hurry(Db *db);
Db *tx_db(Tx *tx);
bool tx_is_write(const Tx *tx);
/* fn(user) after a successful commit, on the committing thread, in order. For waking readers and
 * caches. */
void tx_on_commit(Tx *tx, void (*fn)(void *user), void *user);

/* A write transaction that is handed over, so that no thread waits for the writers' turn and the
 * disk. run(task, tx) is the transaction: RC_OK commits it, anything else undoes it. done is called
 * once, after the outcome is known: RC_OK is durable; err tells why the store itself failed, and is
 * NULL when rc is what run returned. Neither may block on anything but the database.
 * SQLite: both on the store's own thread, where tasks share commits; db_run returns at once.
 * PostgreSQL: both within db_run. The task is borrowed until done is called. */
typedef struct DbTask DbTask;
struct DbTask {
    Rc (*run)(DbTask *task, Tx *tx);
    void (*done)(DbTask *task, Rc rc, const Error *err);
    /* the store's own */
    DbTask *next;
    Tx *tx;
    Rc rc;
    int64_t queued_us;
    Error *error;
};
void db_run(Db *db, DbTask *task);

/* What write transactions that share a commit would each read and write again, kept in memory
 * between them: DB_SHARED_SIZE bytes, zeroed when a new commit begins. What a transaction changes
 * in it is undone with the transaction. flush brings it into the database before the commit; also
 * before an undo point or a script, which zero it again. One user in a process. NULL on PostgreSQL,
 * where each transaction commits by itself. */
enum { DB_SHARED_SIZE = 256 };
typedef Rc (*DbFlush)(Tx *tx, void *shared, Error *err);
void *tx_shared(Tx *tx, DbFlush flush);
/* Nested undo point inside a write transaction; release and rollback both end the innermost one.
 * A rollback makes a transaction usable again that failed inside it. */
MUST_CHECK Rc tx_savepoint(Tx *tx, Error *err);
MUST_CHECK Rc tx_savepoint_release(Tx *tx, Error *err);
MUST_CHECK Rc tx_savepoint_rollback(Tx *tx, Error *err);

/* Statements. query is prepared once per connection and cached by its address (static) or text
 * (dynamic). */
MUST_CHECK Rc tx_exec(
    Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret_changed, Error *err);
/* As tx_exec, when nobody waits for the result: PostgreSQL gets it together with the next statement
 * or the commit, which then tells of its failure. SQLite runs it at once. */
MUST_CHECK Rc tx_exec_later(Tx *tx, const Query *query, const Param *params, size_t n, Error *err);
/* Starts a result; *ret must be ended with rows_end (also after an error of rows_next). One open
 * result per Tx on PostgreSQL is streamed whole into memory: keep LIMITs. Nested results are fine.
 */
MUST_CHECK Rc
tx_query(Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err);
/* Text built at run time from trusted parts (contract field names, never input). Same placeholders.
 */
MUST_CHECK Rc
tx_exec_sql(Tx *tx, Str sql, const Param *params, size_t n, int64_t *ret_changed, Error *err);
MUST_CHECK Rc tx_query_sql(Tx *tx, Str sql, const Param *params, size_t n, Rows **ret, Error *err);
/* Many executions of one statement: PostgreSQL pipelines them, and takes a plain INSERT of its
 * parameters as a COPY. params: rows x columns, row by row. */
MUST_CHECK Rc tx_exec_many(
    Tx *tx, const Query *query, const Param *params, size_t columns, size_t rows, Error *err);

/* True when a row is there. On failure returns false and rows_error tells. */
bool rows_next(Rows *rows);
MUST_CHECK Rc rows_error(Rows *rows, Error *err);
void rows_end(Rows *rows);
void rows_cleanup(Rows **rows);
int rows_columns(const Rows *rows);
const char *rows_column_name(const Rows *rows, int column);
bool rows_is_null(Rows *rows, int column);
int64_t rows_i64(Rows *rows, int column);
double rows_f64(Rows *rows, int column);
Str rows_str(Rows *rows, int column); /* valid until the next rows_next/rows_end; NULL gives "" */
Str rows_dup(Rows *rows, int column, Arena *arena);
ParamType rows_type(Rows *rows, int column);

/* One row, one call. fn of the columns is up to the caller: returns RC_NOT_FOUND without a row. */
MUST_CHECK Rc
tx_one_i64(Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret, Error *err);
MUST_CHECK Rc tx_one_str(
    Tx *tx, const Query *query, const Param *params, size_t n, Arena *arena, Str *ret, Error *err);

/* Migrations: forward only, each in a transaction, recorded in schema_migrations with its SHA-256.
 * Safe when many processes start at once (advisory lock on PostgreSQL, BEGIN IMMEDIATE on SQLite);
 * an interrupted one leaves nothing behind. A changed text of an applied migration is an error that
 * names it. */
typedef struct Migration {
    const char *name; /* "0001_platform" */
    const char *sql;
    const char *sql_pg; /* NULL: the same */
} Migration;
MUST_CHECK Rc
db_migrate(Db *db, const Migration *migrations, size_t n, size_t *ret_applied, Error *err);
/* Unapplied count, for `doctor` and readiness. */
MUST_CHECK Rc db_migrations_pending(
    Db *db, const Migration *migrations, size_t n, size_t *ret_pending, Error *err);

/* SQLite only: a consistent copy while in use (online backup API), verified with integrity_check.
 * PostgreSQL: RC_NOT_IMPLEMENTED with a message that names pg_dump (the CLI runs it). */
MUST_CHECK Rc db_backup(Db *db, const char *to_path, Error *err);
/* SQLite: from now on other processes on the same database can tell that the one of this name
 * lives, until it closes the database or ends, however it ends. Once per Db, before other threads
 * use it. PostgreSQL: does nothing. */
MUST_CHECK Rc db_appear(Db *db, Str name, Error *err);
/* True when it is certain that the process of that name has ended: whatever it held may be taken.
 * Never before db_appear, and never on PostgreSQL. Any thread. */
bool db_is_gone(const Db *db, Str name);
/* News between the processes on one PostgreSQL (LISTEN and NOTIFY, on one connection and thread of
 * its own). on_notice gets the topics, bits 1 to 128 with the caller's meaning, that another
 * process has told of; all of them whenever the connection comes or goes, since something may have
 * been missed. It runs on that thread and must not block. A notice says "look"; one may be lost, so
 * go on looking now and then, and more often while db_is_listening is false. SQLite: does nothing.
 */
typedef void (*DbOnNotice)(void *user, unsigned topics);
/* Once, before other threads use db; until db_listen_stop, after which on_notice is not called. */
MUST_CHECK Rc db_listen(Db *db, DbOnNotice on_notice, void *user, Error *err);
void db_listen_stop(
    Db *db); /* no other thread may call db_notify any more; harmless when not listening */
/* Tells the others, soon; calls that come close together go out as one. After the commit, and never
 * within a transaction. Any thread; never blocks. Without db_listen nobody is told. */
void db_notify(Db *db, unsigned topics);
bool db_is_listening(const Db *db);
/* Prepares every query without running it: for the test that keeps both dialects honest. */
MUST_CHECK Rc db_check_query(Db *db, const Query *query, Error *err);

typedef struct DbStats {
    uint64_t reads, writes, commits, groups, busy, errors;
    unsigned connections, in_use;
} DbStats;
DbStats db_stats(Db *db);

/* Registered on every SQLite connection; PostgreSQL migrations create the same names:
 *   fw_lower(text) -> text lower-cased by Unicode simple case mapping. */

#endif
