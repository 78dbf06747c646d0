/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_priv.h - the parts of the SQLite side and what they share.
 *
 *   sqlite.c             opening, configuration of connections, the read pool, DbOps
 *   sqlite_stmt.c        statements, results, errors
 *   sqlite_group.c       the one writer: turns and group commit
 *   sqlite_tasks.c       transactions that are handed over, and the thread that runs them
 *   sqlite_presence.c    which processes live
 *   sqlite_checkpoint.c  the background checkpointer
 *   sqlite_backup.c      online backup */
#ifndef STORE_SQLITE_PRIV_H
#define STORE_SQLITE_PRIV_H

#include "base/thread.h"

#include "store/stmt_cache.h"
#include "store/store_priv.h"

#include <sqlite3.h>
#include <sys/types.h>

enum {
    SQLITE_PAGE_SIZE = 16384, /* measured: 398 MB against 518 MB with 4 KiB pages for 3 KB rows */
    CHECKPOINT_PAGES = 1000,  /* WAL pages that wake the checkpointer: 16 MiB */
    WAL_KEPT_PAGES = 4000,    /* of a WAL that starts over the file keeps these: 64 MiB */
    WAL_MAX_PAGES = 16000,    /* it is made to start over beyond this: 256 MiB */
    RESTART_BUSY_MS = 100, /* how long a restart may wait for readers while writers wait for it */
    GROUP_MAX_MEMBERS = 256,
    PROGRESS_OPS = 10000, /* instructions between two looks at the clock: some 0.3 ms */
    GROUP_MAX_US = 5000,  /* a group older than this commits though writers are waiting */
};

/* One connection; used by one thread at a time. */
typedef struct SqliteConn {
    sqlite3 *db; /* NULL: not open */
    StmtCache cache;
    Arena *scratch;  /* of fw_lower */
    bool never_wait; /* read by the busy handler */
    int busy_timeout_ms;
    int64_t busy_since_us;
    const atomic_bool *hurry; /* of the Db */
    bool may_cut;             /* a statement of a caller is running, and not a COMMIT */
    bool was_cut, was_hurried;
    int64_t deadline_us;
    int64_t watched_since_us; /* first look at the clock since a statement began; 0: none yet */
} SqliteConn;

typedef struct SqliteStmt {
    Stmt base;
    sqlite3_stmt *stmt;
    unsigned n_params;     /* the highest $N */
    int n_slots;           /* SQLite's own numbering, by first appearance */
    uint16_t slot_param[]; /* slot i+1 takes parameter slot_param[i] */
} SqliteStmt;

typedef struct SqliteRows {
    Rows base;
    SqliteConn *conn;
    SqliteStmt *stmt; /* NULL: closed */
    bool ended;       /* no more rows; stepping again would run the statement anew */
} SqliteRows;

typedef struct SqliteTx {
    Tx base;
    SqliteConn *conn;
    bool ran_script; /* which may have deferred foreign keys */
    bool is_alone;   /* no savepoint: nobody else was in the transaction when it began */
} SqliteTx;

/* Readers lie on cache lines of their own, since every read writes `taken` and `reads`. */
typedef struct Reader {
    _Alignas(64) atomic_bool taken;
    _Atomic uint64_t reads; /* written by the holder only */
    atomic_bool is_open;    /* for the statistics */
    SqliteConn conn;
    SqliteTx tx;
} Reader;

typedef struct Group Group;

/* A thread waiting for its turn; lives on its stack. */
typedef struct Turn {
    struct Turn *next;
    Cond granted_cond;
    bool granted;
} Turn;

typedef struct Writer {
    SqliteConn conn; /* belongs to whoever has the turn */
    Group *group;    /* open group transaction; written by whoever has the turn */
    Mutex lock;      /* guards what follows */
    bool taken;
    Turn *first, *last;
} Writer;

/* See tx_shared. */
typedef struct Shared {
    _Alignas(16) char bytes[DB_SHARED_SIZE];
    DbFlush flush; /* NULL: nothing to bring into the database */
} Shared;

typedef struct Tasks {
    Thread thread;
    Mutex lock; /* guards what follows */
    Cond wake;
    DbTask *first, *last;
    size_t n;
    bool stop;
} Tasks;

typedef struct Checkpointer {
    Thread thread;
    SqliteConn conn; /* belongs to the thread */
    atomic_bool due;
    Mutex lock; /* guards stop and goes with wake */
    Cond wake;
    bool stop;
} Checkpointer;

typedef struct SqliteDb {
    Db base;
    uint64_t id;
    char *path;
    char *private_dir; /* of a database in memory: removed at the end */
    int reader_cache_kib;
    int presence_fd; /* -1: this process has not appeared */
    off_t presence_at;
    Reader *readers;
    unsigned n_readers;
    Mutex reader_lock; /* held while waiting for a reader and while signalling one */
    Cond reader_free;
    _Atomic unsigned readers_waiting;
    Writer writer;
    Tasks tasks;
    Checkpointer checkpointer;
} SqliteDb;

/* sqlite.c */
MUST_CHECK Rc
sqlite_conn_open(SqliteConn *conn, const SqliteDb *db, bool read_only, int cache_kib, Error *err);
void sqlite_conn_close(SqliteConn *conn);

/* sqlite_stmt.c */
/* Maps a result code of SQLite and the connection's message to our error. */
Rc sqlite_error(SqliteConn *conn, int code, const char *what, Error *err);
MUST_CHECK Rc sqlite_run(SqliteConn *conn,
                         const char *sql,
                         Error *err); /* statements without results */
MUST_CHECK Rc sqlite_run_query(SqliteConn *conn,
                               const Query *query,
                               Error *err); /* the same, cached */
void sqlite_conn_forget(SqliteConn *conn);  /* finalizes the cached statements */
Rc sqlite_exec_stmt(
    Tx *tx, const StmtKey *key, const Param *params, size_t n, int64_t *ret, Error *err);
Rc sqlite_exec_many(
    Tx *tx, const StmtKey *key, const Param *params, size_t columns, size_t rows, Error *err);
Rc sqlite_query(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err);
Rc sqlite_script(Tx *tx, const char *sql, Error *err);
Rc sqlite_check(SqliteConn *conn, const StmtKey *key, Error *err);
bool sqlite_rows_next(Rows *base);
void sqlite_rows_close(Rows *base);
int sqlite_rows_columns(const Rows *base);
const char *sqlite_rows_column_name(const Rows *base, int column);
ParamType sqlite_rows_type(Rows *base, int column);
int64_t sqlite_rows_i64(Rows *base, int column);
double sqlite_rows_f64(Rows *base, int column);
Str sqlite_rows_str(Rows *base, int column);

/* sqlite_group.c */
Rc writer_begin(Db *base, Tx **ret, Error *err);
Rc writer_commit(Tx *base, Error *err);
void writer_rollback(Tx *base);
/* Called after every failure on the writer connection: if SQLite undid the whole transaction, the
 * group fails with err. */
void writer_note_failure(Tx *tx, const Error *err);
/* For whoever runs one member after the other in one turn: takes the turn and opens a group unless
 * one is open; members while there is room; then the commit, whose outcome is that of all. */
MUST_CHECK Rc writer_lead(SqliteDb *db, Error *err);
bool writer_has_room(const SqliteDb *db);
MUST_CHECK Rc writer_member_begin(SqliteDb *db, Tx **ret, Error *err);
/* rc: what the member itself came to; other than RC_OK undoes it. */
Rc writer_member_end(Tx *tx, Rc rc, Error *err);
MUST_CHECK Rc writer_finish(SqliteDb *db, Error *err);
void *writer_shared(Tx *tx, DbFlush flush);
/* Brings it into the database, and forgets it. */
MUST_CHECK Rc writer_unshare(Tx *tx, Error *err);
/* The turn alone, with no transaction open: keeps all writers waiting until the end of it. */
MUST_CHECK Rc writer_exclusive(SqliteDb *db, int64_t timeout_us, Error *err);
void writer_exclusive_end(SqliteDb *db);

/* sqlite_tasks.c */
void tasks_init(SqliteDb *db);
void tasks_start(SqliteDb *db);
void tasks_stop(SqliteDb *db); /* runs what waits */
void tasks_run(Db *base, DbTask *task);

/* sqlite_presence.c; see db_appear in store.h */
Rc sqlite_appear(Db *base, Str name, Error *err);
bool sqlite_is_gone(const Db *base, Str name);

/* sqlite_checkpoint.c */
MUST_CHECK Rc checkpointer_start(SqliteDb *db, Error *err);
void checkpointer_stop(SqliteDb *db);

/* sqlite_backup.c */
Rc sqlite_backup(Db *base, const char *to_path, Error *err);

#endif
