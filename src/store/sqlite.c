/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite.c - opening SQLite, the configuration of its connections, and the read pool.
 *
 * A read takes a free connection with one atomic exchange; a thread tries the one it had last
 * first, so that it finds its statements and pages there. Connections open when first taken. */
#include "base/file.h"
#include "base/time.h"

#include "store/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    CACHE_DEFAULT_KIB = 16 * 1024,
    CACHE_MIN_KIB = 256,
    BUSY_SLEEP_MAX_MS = 20,
};

/* ---- connections ---- */

/* SQLite's own busy handler cannot be told per read not to wait. */
static int on_busy(void *user, int count)
{
    SqliteConn *conn = user;
    int64_t now = time_monotonic_us();
    if (count == 0) {
        conn->busy_since_us = now;
    }
    if (conn->never_wait || now - conn->busy_since_us > conn->busy_timeout_ms * US_PER_MS) {
        return 0;
    }
    thread_sleep_us(MIN(count + 1, BUSY_SLEEP_MAX_MS) * US_PER_MS);
    return 1;
}

/* Called every PROGRESS_OPS instructions; short statements hardly ever get that far. */
static int on_progress(void *user)
{
    SqliteConn *conn = user;
    if (!conn->may_cut) {
        return 0;
    }
    int64_t now = time_monotonic_us();
    if (conn->watched_since_us == 0) {
        conn->watched_since_us = now;
    }
    conn->was_hurried = atomic_load_explicit(conn->hurry, memory_order_relaxed) &&
                        now - conn->watched_since_us > STORE_PATIENCE_MS * US_PER_MS;
    conn->was_cut = conn->was_hurried || now >= conn->deadline_us;
    return conn->was_cut;
}

/* fw_lower(text): see store.h. */
static void sql_lower(sqlite3_context *cx, int n, sqlite3_value **args)
{
    SqliteConn *conn = sqlite3_user_data(cx);
    (void)n;
    if (sqlite3_value_type(args[0]) == SQLITE_NULL) {
        return;
    }
    const char *text = (const char *)sqlite3_value_text(args[0]);
    if (!text) {
        sqlite3_result_error_nomem(cx);
        return;
    }
    Str lower = str_lower_utf8(conn->scratch, str_of(text, (size_t)sqlite3_value_bytes(args[0])));
    sqlite3_result_text64(cx, lower.len ? lower.ptr : "", lower.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    arena_reset(conn->scratch);
}

static Rc conn_configure(SqliteConn *conn, int cache_kib, Error *err)
{
    char pragmas[256];

    sqlite3_extended_result_codes(conn->db, 1);
    sqlite3_busy_handler(conn->db, on_busy, conn);
    sqlite3_progress_handler(conn->db, PROGRESS_OPS, on_progress, conn);
    sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH,
                  (int)(STORE_VALUE_MAX + MIB)); /* a row around it */
    /* "x" is a name and never a text. The schema stays trusted: full-text tables count as unsafe
     * in triggers otherwise. */
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int code =
        sqlite3_create_function_v2(conn->db, "fw_lower", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   conn, sql_lower, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return sqlite_error(conn, code, "fw_lower", err);
    }
    /* LIKE minds the case on PostgreSQL, so it does here. */
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
             "PRAGMA case_sensitive_like=ON; PRAGMA cache_size=-%d",
             MAX(cache_kib, CACHE_MIN_KIB));
    return sqlite_run(conn, pragmas, err);
}

Rc sqlite_conn_open(SqliteConn *conn, const SqliteDb *db, bool read_only, int cache_kib, Error *err)
{
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    conn->busy_timeout_ms = db->base.busy_timeout_ms;
    conn->hurry = &db->base.is_hurried;
    conn->scratch = arena_new(0);
    int code = sqlite3_open_v2(db->path, &conn->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    Rc rc = code == SQLITE_OK ? RC_OK : sqlite_error(conn, code, "open", err);
    if (rc == RC_OK) {
        rc = conn_configure(conn, cache_kib, err);
    }
    if (rc != RC_OK) {
        sqlite_conn_close(conn);
    }
    return rc;
}

void sqlite_conn_close(SqliteConn *conn)
{
    sqlite_conn_forget(conn);
    if (conn->db) {
        ASSERT(sqlite3_close(conn->db) == SQLITE_OK); /* else a statement was left open */
        conn->db = NULL;
    }
    arena_free(conn->scratch);
    conn->scratch = NULL;
}

/* ---- opening ---- */

/* Pages that a savepoint may have to bring back are kept by SQLite in pieces of 1 KiB, some 200 for
 * a small change, that come and go with every transaction: some of them are kept. */
enum { PIECE = 1024, PIECES_MAX = 1024 };
typedef struct Piece {
    struct Piece *next;
} Piece;
static sqlite3_mem_methods plain_memory;
static atomic_flag pieces_taken = ATOMIC_FLAG_INIT;
static Piece *pieces; /* guarded by pieces_taken; whoever does not get that goes without */
static unsigned n_pieces;

static void *piece_malloc(int size)
{
    Piece *piece = NULL;
    if (size == PIECE && !atomic_flag_test_and_set_explicit(&pieces_taken, memory_order_acquire)) {
        piece = pieces;
        if (piece) {
            pieces = piece->next;
            n_pieces--;
        }
        atomic_flag_clear_explicit(&pieces_taken, memory_order_release);
    }
    return piece ? piece : plain_memory.xMalloc(size);
}

static void piece_free(void *p)
{
    bool is_kept = false;
    if (plain_memory.xSize(p) / 16 == PIECE / 16 &&
        !atomic_flag_test_and_set_explicit(&pieces_taken, memory_order_acquire)) {
        is_kept = n_pieces < PIECES_MAX;
        if (is_kept) {
            Piece *piece = p;
            piece->next = pieces;
            pieces = piece;
            n_pieces++;
        }
        atomic_flag_clear_explicit(&pieces_taken, memory_order_release);
    }
    if (!is_kept) {
        plain_memory.xFree(p);
    }
}

static void configure_savepoints(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain_memory) != SQLITE_OK) {
        return;
    }
    sqlite3_mem_methods memory = plain_memory;
    memory.xMalloc = piece_malloc;
    memory.xFree = piece_free;
    IGNORE(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory)); /* then without */
}

static void configure_library(void)
{
    configure_savepoints();
    /* No connection is shared between threads at one time, and counting allocations takes a lock at
     * every one. Both fail when SQLite is in use already, and then stay as they are. */
    IGNORE(sqlite3_config(SQLITE_CONFIG_MULTITHREAD));
    IGNORE(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0));
    IGNORE(sqlite3_initialize());
}

/* A database in memory is a file in memory: the same WAL and locks as on disk, and all connections
 * see it. */
static Rc make_private_dir(SqliteDb *db, Error *err)
{
    const char *fallback = getenv("TMPDIR");
    const char *roots[] = {"/dev/shm", fallback && fallback[0] ? fallback : "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        Str template = str_fmt(arena, "%s/fairway-XXXXXX", roots[i]);
        db->private_dir = strdup(template.ptr);
        ASSERT(db->private_dir != NULL);
        if (mkdtemp(db->private_dir)) {
            db->path = strdup(str_fmt(arena, "%s/memory.db", db->private_dir).ptr);
            return RC_OK;
        }
        free(db->private_dir);
        db->private_dir = NULL;
    }
    return error_set(err, rc_of_write(errno, RC_INTERNAL),
                     "There is no folder for a database in memory: %s", strerror(errno));
}

static Rc choose_path(SqliteDb *db, const char *path, Error *err)
{
    if (strcmp(path, ":memory:") == 0) {
        return make_private_dir(db, err);
    }
    if (path[0] == '\0') {
        return error_set(err, RC_INVALID,
                         "The database URL names no file: write sqlite:/path/file.db");
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    /* "./" keeps SQLite from reading "file:" as the beginning of a URI. */
    db->path = strdup(str_fmt(arena, "%s%s", path[0] == '/' ? "" : "./", path).ptr);
    ASSERT(db->path != NULL);
    /* SQLite would create it readable by everybody. Only ever created here, never opened: closing a
     * descriptor of a database drops all locks this process has on it. */
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST) {
        return error_set(err, rc_of_write(errno, RC_INVALID),
                         "The database file %s cannot be created: %s", db->path, strerror(errno));
    }
    return RC_OK;
}

static Rc set_wal(SqliteConn *conn, Error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
    code = code == SQLITE_OK ? sqlite3_step(stmt) : code;
    Rc rc = RC_OK;
    if (code != SQLITE_ROW) {
        rc = sqlite_error(conn, code, "journal_mode", err);
    } else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0) {
        rc = error_set(
            err, RC_INVALID,
            "The file system of the database cannot hold a write-ahead log; use a local disk");
    }
    sqlite3_finalize(stmt);
    return rc;
}

static Rc writer_open(SqliteDb *db, int cache_kib, Error *err)
{
    SqliteConn *conn = &db->writer.conn;
    char pragmas[160];
    int64_t deadline = time_monotonic_us() + db->base.busy_timeout_ms * US_PER_MS;

    TRY(sqlite_conn_open(conn, db, false, cache_kib, err));
    snprintf(pragmas, sizeof(pragmas), "PRAGMA page_size=%d", SQLITE_PAGE_SIZE);
    TRY(sqlite_run(conn, pragmas, err)); /* has an effect on an empty file only, and before WAL */
    Rc rc = set_wal(conn, err);
    /* SQLite does not call the busy handler for this one, and two processes may start at once. */
    while (rc == RC_BUSY && time_monotonic_us() < deadline) {
        thread_sleep_us(5 * US_PER_MS);
        rc = set_wal(conn, err);
    }
    TRY(rc);
    snprintf(pragmas, sizeof(pragmas), "PRAGMA synchronous=%s; PRAGMA journal_size_limit=%d",
             db->private_dir ? "OFF" : "FULL", WAL_KEPT_PAGES * SQLITE_PAGE_SIZE);
    return sqlite_run(conn, pragmas, err);
}

static void sqlite_db_close(Db *base)
{
    SqliteDb *db = (SqliteDb *)base;

    tasks_stop(db);
    checkpointer_stop(db);
    for (unsigned i = 0; i < db->n_readers; i++) {
        ASSERT(!atomic_load(&db->readers[i].taken));
        sqlite_conn_close(&db->readers[i].conn);
    }
    ASSERT(!db->writer.group);
    sqlite_conn_close(&db->writer.conn); /* the last one: moves the WAL into the file */
    mutex_done(&db->writer.lock);
    mutex_done(&db->reader_lock);
    cond_done(&db->reader_free);
    if (db->private_dir) {
        IGNORE(file_remove_tree(db->private_dir, NULL)); /* memory is given back at the next boot */
    }
    if (db->presence_fd >= 0) {
        close(db->presence_fd); /* and is gone for others */
    }
    free(db->readers);
    free(db->private_dir);
    free(db->path);
    free(db);
}

static const DbOps sqlite_ops;

Rc sqlite_open(const char *path, const DbOptions *options, Db **ret, Error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Atomic uint64_t last_id;
    pthread_once(&once, configure_library);

    SqliteDb *db = store_alloc(1, sizeof(*db));
    db->base.ops = &sqlite_ops;
    db->base.kind = DB_SQLITE;
    db->base.busy_timeout_ms = options->busy_timeout_ms;
    db->id = atomic_fetch_add(&last_id, 1) + 1;
    db->n_readers = options->readers;
    db->presence_fd = -1;
    db->readers = aligned_alloc(_Alignof(Reader), db->n_readers * sizeof(Reader));
    ASSERT(db->readers != NULL);
    memset(db->readers, 0, db->n_readers * sizeof(Reader));
    mutex_init(&db->reader_lock);
    cond_init(&db->reader_free);
    mutex_init(&db->writer.lock);
    tasks_init(db);

    /* A quarter of the cache for the writer, the rest for the readers together. */
    size_t cache_kib =
        options->cache_bytes ? MIN(options->cache_bytes, 64 * GIB) / KIB : CACHE_DEFAULT_KIB;
    db->reader_cache_kib = (int)(cache_kib * 3 / 4 / db->n_readers);
    Rc rc = choose_path(db, path, err);
    if (rc == RC_OK) {
        rc = writer_open(db, (int)(cache_kib / 4), err);
    }
    if (rc == RC_OK) {
        rc = checkpointer_start(db, err);
    }
    if (rc == RC_OK) {
        tasks_start(db);
    }
    if (rc != RC_OK) {
        error_prefix(err, "Opening %s", db->path ? db->path : path);
        sqlite_db_close(&db->base);
        return rc;
    }
    *ret = &db->base;
    return RC_OK;
}

/* ---- reading ---- */

static _Thread_local struct {
    uint64_t db_id;
    unsigned index;
} last_reader;

static Reader *reader_try(SqliteDb *db)
{
    unsigned at = last_reader.db_id == db->id ? last_reader.index : 0;
    for (unsigned i = 0; i < db->n_readers; i++) {
        Reader *reader = &db->readers[at];
        if (!atomic_load_explicit(&reader->taken, memory_order_relaxed) &&
            !atomic_exchange(&reader->taken, true)) {
            last_reader.db_id = db->id;
            last_reader.index = at;
            return reader;
        }
        at = at + 1 == db->n_readers ? 0 : at + 1;
    }
    return NULL;
}

static Reader *reader_wait(SqliteDb *db)
{
    int64_t deadline = time_monotonic_us() + db->base.busy_timeout_ms * US_PER_MS;

    mutex_lock(&db->reader_lock);
    /* Counted before looking again: a reader given back from here on signals. */
    atomic_fetch_add(&db->readers_waiting, 1);
    Reader *reader = reader_try(db);
    while (!reader && cond_wait_until(&db->reader_free, &db->reader_lock, deadline)) {
        reader = reader_try(db);
    }
    atomic_fetch_sub(&db->readers_waiting, 1);
    mutex_unlock(&db->reader_lock);
    return reader;
}

static void reader_give(SqliteDb *db, Reader *reader)
{
    atomic_store(&reader->taken, false);
    if (atomic_load(&db->readers_waiting) > 0) {
        mutex_lock(&db->reader_lock);
        cond_signal(&db->reader_free);
        mutex_unlock(&db->reader_lock);
    }
}

static Rc sqlite_read(Db *base, ReadFrom from, bool inline_only, Tx **ret, Error *err)
{
    SqliteDb *db = (SqliteDb *)base;
    (void)from;

    Reader *reader = reader_try(db);
    if (!reader && !inline_only) {
        reader = reader_wait(db);
    }
    if (!reader) {
        return error_set(err, RC_BUSY, "All connections for reading are in use; try again");
    }
    if (!reader->conn.db) {
        Rc rc = sqlite_conn_open(&reader->conn, db, true, db->reader_cache_kib, err);
        if (rc != RC_OK) {
            reader_give(db, reader);
            return rc;
        }
        atomic_store(&reader->is_open, true);
    }
    reader->conn.never_wait = inline_only;
    reader->tx = (SqliteTx){
        .base = {.db = base, .is_primary = true},
          .conn = &reader->conn
    };
    atomic_store_explicit(&reader->reads,
                          atomic_load_explicit(&reader->reads, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    *ret = &reader->tx.base;
    return RC_OK;
}

static void sqlite_read_end(Tx *tx)
{
    SqliteDb *db = (SqliteDb *)tx->db;
    Reader *reader = (Reader *)((char *)tx - offsetof(Reader, tx));
    reader_give(db, reader);
}

static Rc sqlite_ping(Db *base, Error *err)
{
    static const Query one = {"ping", "SELECT 1", NULL};
    Tx *tx;
    TRY(db_read(base, false, &tx, err));
    Rc rc = sqlite_run_query(((SqliteTx *)tx)->conn, &one, err);
    db_end(tx);
    return rc;
}

static Rc sqlite_check_query(Db *base, const StmtKey *key, Error *err)
{
    Tx *tx;
    TRY(db_read(base, false, &tx, err));
    Rc rc = sqlite_check(((SqliteTx *)tx)->conn, key, err);
    db_end(tx);
    return rc;
}

static void sqlite_stats(Db *base, DbStats *stats)
{
    SqliteDb *db = (SqliteDb *)base;
    stats->connections = 2; /* the writer's and the checkpointer's */
    for (unsigned i = 0; i < db->n_readers; i++) {
        stats->reads += atomic_load_explicit(&db->readers[i].reads, memory_order_relaxed);
        stats->connections += atomic_load(&db->readers[i].is_open) ? 1 : 0;
        stats->in_use += atomic_load(&db->readers[i].taken) ? 1 : 0;
    }
    mutex_lock(&db->writer.lock);
    stats->in_use += db->writer.taken ? 1 : 0;
    mutex_unlock(&db->writer.lock);
}

static const DbOps sqlite_ops = {
    .close = sqlite_db_close,
    .ping = sqlite_ping,
    .read = sqlite_read,
    .read_end = sqlite_read_end,
    .begin = writer_begin,
    .commit = writer_commit,
    .rollback = writer_rollback,
    .run = tasks_run,
    .shared = writer_shared,
    .exec = sqlite_exec_stmt,
    .exec_many = sqlite_exec_many,
    .query = sqlite_query,
    .script = sqlite_script,
    .check = sqlite_check_query,
    .backup = sqlite_backup,
    .appear = sqlite_appear,
    .is_gone = sqlite_is_gone,
    .stats = sqlite_stats,
    .rows_next = sqlite_rows_next,
    .rows_close = sqlite_rows_close,
    .rows_columns = sqlite_rows_columns,
    .rows_column_name = sqlite_rows_column_name,
    .rows_type = sqlite_rows_type,
    .rows_i64 = sqlite_rows_i64,
    .rows_f64 = sqlite_rows_f64,
    .rows_str = sqlite_rows_str,
};
