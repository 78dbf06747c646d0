/* SPDX-License-Identifier: Apache-2.0
 * store/store_priv.h - what store.c shares with the two databases behind it.
 *
 * store.c owns what is the same on both: the checks of parameters, the state of a transaction,
 * the list of open scopes of a thread, callbacks and counters. A database fills in DbOps. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include "store/store.h"

#include <stdatomic.h>

/* A larger value is refused with RC_LIMIT before it reaches a database. */
#define STORE_VALUE_MAX (64 * MIB)
enum {
    STORE_PARAMS_MAX = 32767, /* the smaller of the two databases' limits, rounded down */
    STORE_READERS_DEFAULT = 16,
    STORE_READERS_MAX = 1024,
    STORE_BUSY_TIMEOUT_MS = 5000,
    STORE_PATIENCE_MS = 250, /* a statement is not looked at before, nor cut in a hurry */
    STORE_PING_MS = 5000,    /* what db_ping may take */
};

/* Names a statement: a Query by its address, or a text. */
typedef struct StmtKey {
    const Query *query; /* NULL: dynamic */
    const char *text;   /* the text for this database; terminated when query is set */
    size_t len;         /* of a dynamic text */
} StmtKey;

/* For messages. */
const char *stmt_key_name(const StmtKey *key);
Str stmt_key_text(const StmtKey *key);

typedef enum ReadFrom { READ_ANY, READ_PRIMARY } ReadFrom;

typedef struct DbOps {
    void (*close)(Db *db);
    Rc (*ping)(Db *db, Error *err);
    Rc (*read)(Db *db, ReadFrom from, bool inline_only, Tx **ret, Error *err);
    void (*read_end)(Tx *tx); /* frees tx */
    Rc (*begin)(Db *db, Tx **ret, Error *err);
    Rc (*commit)(Tx *tx, Error *err);  /* both end the database's part whatever happens; */
    void (*rollback)(Tx *tx);          /* store.c frees tx */
    void (*run)(Db *db, DbTask *task); /* NULL, both: there is nothing to share */
    void *(*shared)(Tx *tx, DbFlush flush);
    Rc (*exec)(Tx *tx,
               const StmtKey *key,
               const Param *params,
               size_t n,
               int64_t *ret_changed,
               Error *err);
    /* NULL: as exec */
    Rc (*exec_later)(Tx *tx, const StmtKey *key, const Param *params, size_t n, Error *err);
    Rc (*exec_many)(
        Tx *tx, const StmtKey *key, const Param *params, size_t columns, size_t rows, Error *err);
    Rc (*query)(Tx *tx, const StmtKey *key, const Param *params, size_t n, Rows **ret, Error *err);
    /* Several statements without parameters. Fails if the text ended the transaction. */
    Rc (*script)(Tx *tx, const char *sql, Error *err);
    Rc (*check)(Db *db, const StmtKey *key, Error *err);
    Rc (*backup)(Db *db, const char *to_path, Error *err);
    /* NULL, both: it cannot be told. */
    Rc (*appear)(Db *db, Str name, Error *err);
    bool (*is_gone)(const Db *db, Str name);
    /* NULL, all four: there is nobody to tell. */
    Rc (*listen)(Db *db, DbOnNotice on_notice, void *user, Error *err);
    void (*listen_stop)(Db *db);
    void (*notify)(Db *db, unsigned topics);
    bool (*is_listening)(const Db *db);
    void (*stats)(Db *db, DbStats *stats); /* adds connections, in_use and what it counts itself */

    bool (*rows_next)(Rows *rows);
    void (*rows_close)(Rows *rows); /* gives back the statement; may come twice */
    int (*rows_columns)(const Rows *rows);
    const char *(*rows_column_name)(const Rows *rows, int column);
    ParamType (*rows_type)(Rows *rows, int column);
    int64_t (*rows_i64)(Rows *rows, int column);
    double (*rows_f64)(Rows *rows, int column);
    Str (*rows_str)(Rows *rows, int column);
} DbOps;

/* First member of a database's own struct. */
struct Db {
    const DbOps *ops;
    DbKind kind;
    int busy_timeout_ms;
    atomic_bool is_hurried;
    _Atomic uint64_t writes, commits, groups, busy, errors;
};

typedef struct OnCommit {
    void (*fn)(void *user);
    void *user;
} OnCommit;

/* First member of a database's own struct; all fields belong to the thread of the Tx. */
struct Tx {
    Db *db;
    bool is_write, is_primary;
    bool failed;         /* only a rollback is allowed */
    Rc failure;          /* what failed first */
    unsigned depth;      /* read scopes of one thread share a Tx: how many are open */
    int64_t deadline_us; /* monotonic; INT64_MAX: none */
    unsigned savepoints; /* nested undo points open */
    Rows *open;          /* results not ended */
    OnCommit *on_commit;
    size_t n_on_commit, cap_on_commit;
    Tx *next_open; /* the thread's open scopes, newest first */
};

/* First member of a database's own struct, which the database allocates and store.c frees. */
struct Rows {
    const DbOps *ops;
    Tx *tx; /* NULL once the transaction has ended */
    Rows *next, *prev;
    Rc rc;
    Error *error; /* heap, when rc is a failure */
};

/* The error of a statement that was cut: by its deadline, or because the process is ending. */
Rc store_cut(Error *err, bool is_hurried, const char *what);

/* The life of a write transaction, for those who run tasks: */
void store_tx_begun(Tx *tx);
/* No statement follows. RC_OK: it may be committed; else it is to be undone. */
MUST_CHECK Rc store_tx_ending(Tx *tx, Error *err);
/* Its outcome is known: callbacks, counters; frees it. Returns rc. */
Rc store_tx_ended(Tx *tx, Rc rc);

/* Marks rows as failed with a copy of err. */
void rows_fail(Rows *rows, const Error *err);

Rc sqlite_open(const char *path, const DbOptions *options, Db **ret, Error *err);
Rc postgres_open(const char *url, const DbOptions *options, Db **ret, Error *err);

void *store_alloc(size_t n, size_t size); /* zeroed; aborts when memory is gone */

#endif
