/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_test.c - what only SQLite has: groups, a disk that fills up, backups. */
#include "base/file.h"
#include "base/time.h"

#include "store/sqlite_priv.h"
#include "store/store_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { WAIT_US = 20 * 1000 * 1000 };

static const Query q_insert = {"insert", "INSERT INTO t(id, body) VALUES ($1, $2)", NULL};

static void make_table(Fixture *f)
{
    run_sql(f, "CREATE TABLE t(id TEXT PRIMARY KEY, body TEXT)");
}

static const char *file_of(const Fixture *f)
{
    return f->url + strlen("sqlite:");
}

/* ---- groups ---- */

/* A thread with one transaction, which it undoes or commits. */
typedef struct Member {
    Thread thread;
    Db *db;
    const char *id, *sql;
    size_t body;     /* bytes */
    int64_t time_us; /* how long its statements may take; 0: no limit */
    bool undo;
    Rc rc;
    Error err;
} Member;

static Rc member_run(Member *m)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(db_begin(m->db, &tx, &m->err));
    tx_deadline(tx, m->time_us ? time_monotonic_us() + m->time_us : 0);
    if (m->sql) {
        TRY(tx_exec_sql(tx, str_from(m->sql), NO_PARAMS, NULL, &m->err));
    }
    if (m->id) {
        char *body = store_alloc(m->body + 1, 1);
        memset(body, 'b', m->body);
        Rc rc = tx_exec(tx, &q_insert, PARAMS(P_CSTR(m->id), P_STR(str_of(body, m->body))), NULL,
                        &m->err);
        free(body);
        TRY(rc);
    }
    if (m->undo) {
        return RC_OK;
    }
    Tx *done = tx;
    tx = NULL;
    return db_commit(done, &m->err);
}

static void *member_main(void *arg)
{
    Member *m = arg;
    m->rc = member_run(m);
    return NULL;
}

static unsigned queued(Db *db)
{
    Writer *writer = &((SqliteDb *)db)->writer;
    unsigned n = 0;
    mutex_lock(&writer->lock);
    for (const Turn *t = writer->first; t; t = t->next) {
        n++;
    }
    mutex_unlock(&writer->lock);
    return n;
}

/* Starts the members in order behind a transaction that is open, so that all join one group. */
static void queue_members(Fixture *f, Member *members, unsigned n)
{
    int64_t deadline = time_monotonic_us() + WAIT_US;
    for (unsigned i = 0; i < n; i++) {
        members[i].db = f->db;
        thread_start(&members[i].thread, "member", member_main, &members[i]);
        while (queued(f->db) != i + 1) {
            assert_true(time_monotonic_us() < deadline);
            thread_sleep_us(100);
        }
    }
}

static void join_members(Member *members, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        thread_join(&members[i].thread);
    }
}

static void begin_first(Fixture *f, Tx **tx)
{
    assert_ok(f, db_begin(f->db, tx, &f->err));
    assert_ok(f, tx_exec(*tx, &q_insert, PARAMS(P_CSTR("first"), P_NULL), NULL, &f->err));
}

static void test_group_shares_a_commit(void **state)
{
    Fixture *f = need_db(state);
    Member members[] = {
        {.id = "a"},
        {.id = "b", .undo = true},
        {.id = "first"        },
        {.id = "c"}
    };
    Tx *tx;
    make_table(f);
    uint64_t before = db_stats(f->db).groups;
    begin_first(f, &tx);
    queue_members(f, members, ARRAY_LEN(members));
    assert_ok(f, db_commit(tx, &f->err));
    join_members(members, ARRAY_LEN(members));
    assert_rc(members[0].rc, RC_OK);
    assert_rc(members[1].rc, RC_OK);
    assert_rc(members[2].rc, RC_CONFLICT); /* undone alone; it sees what the group wrote */
    assert_rc(members[3].rc, RC_OK);
    assert_int_equal(count_rows(f, "t"), 3);
    assert_int_equal(count_rows(f, "t WHERE id = 'b'"), 0);
    /* Mostly one: on a slow machine a group may be full of age before the last. */
    assert_in_range(db_stats(f->db).groups - before, 1, 3);
}

static void test_group_ended_by_an_undone_member(void **state)
{
    Fixture *f = need_db(state);
    Member last = {.id = "b", .undo = true};
    Tx *tx;
    make_table(f);
    begin_first(f, &tx);
    queue_members(f, &last, 1);
    assert_ok(f, db_commit(tx, &f->err)); /* made durable by the one that undid itself */
    join_members(&last, 1);
    assert_int_equal(count_rows(f, "t"), 1);
}

static void test_deferred_foreign_keys(void **state)
{
    Fixture *f = need_db(state);
    Member members[] = {
        {.sql = "INSERT INTO child VALUES ('x', 'nobody')"}, /* deferred: found at the commit */
        {.id = "a"},
    };
    Tx *tx;
    make_table(f);
    run_sql(f, "CREATE TABLE child(id TEXT PRIMARY KEY, t TEXT REFERENCES t(id) DEFERRABLE "
               "INITIALLY DEFERRED)");
    begin_first(f, &tx);
    assert_ok(f, tx_exec_sql(tx, STR("INSERT INTO child VALUES ('c', 'later')"), NO_PARAMS, NULL,
                             &f->err));
    assert_ok(f, tx_exec(tx, &q_insert, PARAMS(P_CSTR("later"), P_NULL), NULL, &f->err));
    queue_members(f, members, ARRAY_LEN(members));
    assert_ok(f, db_commit(tx, &f->err));
    join_members(members, ARRAY_LEN(members));
    assert_rc(members[0].rc, RC_CONFLICT); /* and harms nobody else */
    assert_rc(members[1].rc, RC_OK);
    assert_int_equal(count_rows(f, "t"), 3);
    assert_int_equal(count_rows(f, "child"), 1);
}

static void test_turn_is_not_waited_for_ever(void **state)
{
    static const DbOptions impatient = {.busy_timeout_ms = 100};
    Fixture *f = need_db(state);
    Member members[] = {{.id = "a"}, {.id = "b"}};
    Tx *tx;
    make_table(f);
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &impatient, &f->db, &f->err));
    begin_first(f, &tx);
    queue_members(f, members, ARRAY_LEN(members));
    join_members(members, ARRAY_LEN(members));
    assert_rc(members[0].rc, RC_BUSY);
    assert_rc(members[1].rc, RC_BUSY);
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(queued(f->db), 0);
    run_sql(f, "INSERT INTO t(id) VALUES ('after')");
}

static void test_write_lock_of_another_process(void **state)
{
    static const DbOptions impatient = {.busy_timeout_ms = 100};
    Fixture *f = need_db(state);
    sqlite3 *other;
    Tx *tx;
    make_table(f);
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &impatient, &f->db, &f->err));
    assert_int_equal(sqlite3_open(file_of(f), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_rc(db_begin(f->db, &tx, &f->err), RC_BUSY);
    assert_int_equal(count_rows(f, "t"), 0); /* readers do not mind */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    run_sql(f, "INSERT INTO t(id) VALUES ('after')");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* ---- a full disk ---- */

/* No file of this process can grow beyond `size`: what a full disk looks like to it. */
static void limit_file_size(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MIN(size, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static rlim_t wal_size(Fixture *f)
{
    struct stat st;
    assert_int_equal(stat(str_fmt(f->arena, "%s-wal", file_of(f)).ptr, &st), 0);
    return (rlim_t)st.st_size;
}

static void assert_nothing_was_written(Fixture *f)
{
    assert_int_equal(count_rows(f, "t"), 0);
    run_sql(f, "INSERT INTO t(id) VALUES ('space is back')");
    assert_int_equal(count_rows(f, "t"), 1);
}

static void test_commit_fails_for_all(void **state)
{
    Fixture *f = need_db(state);
    Member members[] = {{.id = "a"}, {.id = "b"}, {.id = "c"}};
    Tx *tx;
    make_table(f);
    begin_first(f, &tx);
    queue_members(f, members, ARRAY_LEN(members));
    limit_file_size(wal_size(f) +
                    1000); /* the group fits in memory; its commit does not fit on disk */
    Rc rc = db_commit(tx, &f->err);
    join_members(members, ARRAY_LEN(members));
    limit_file_size(RLIM_INFINITY);
    assert_rc(rc, RC_FULL);
    assert_non_null(strstr(f->err.message, "full"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        assert_rc(members[i].rc, RC_FULL);
    }
    assert_nothing_was_written(f);
}

static void test_statement_fails_the_group(void **state)
{
    Fixture *f = need_db(state);
    Member members[] = {
        {.id = "a"  },
        {.id = "big", .body = 30 * MIB},
        {.id = "after"          }
    };
    static const DbOptions patient = {.busy_timeout_ms = 60000}; /* the large one takes its time */
    Tx *tx;
    make_table(f);
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &patient, &f->db, &f->err));
    begin_first(f, &tx);
    queue_members(f, members, ARRAY_LEN(members));
    limit_file_size(wal_size(f) + 4 * MIB);
    Rc rc = db_commit(tx, &f->err);
    join_members(members, ARRAY_LEN(members));
    limit_file_size(RLIM_INFINITY);
    assert_rc(members[1].rc, RC_FULL);
    /* The large statement spilled to the WAL and made SQLite undo everything that was not committed
     * yet. What had been acknowledged is there, what failed is not. */
    int64_t acknowledged = (rc == RC_OK) + (members[0].rc == RC_OK) + (members[2].rc == RC_OK);
    assert_rc(members[2].rc, RC_OK); /* a group of its own */
    assert_int_equal(count_rows(f, "t"), acknowledged);
    assert_int_equal(count_rows(f, "t WHERE id = 'big'"), 0);
    run_sql(f, "INSERT INTO t(id) VALUES ('space is back')");
}

static void test_page_limit(void **state)
{
    Fixture *f = need_db(state);
    Member member = {.db = f->db, .id = "big", .body = 5 * MIB};
    make_table(f);
    run_sql(f, "PRAGMA max_page_count = 20");
    assert_rc(member_run(&member), RC_FULL);
    run_sql(f, "PRAGMA max_page_count = 100000");
    assert_nothing_was_written(f);
}

/* SQLite undoes the whole transaction when it stops a statement that writes. */
static void test_a_cut_member_is_not_the_fault_of_others(void **state)
{
    Fixture *f = need_db(state);
    Member members[] = {
        {.id = "a"                                      },
        {.sql = "INSERT INTO t(id) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
                "SELECT 'x' FROM c WHERE n < 0", .time_us = 300 * 1000},
        {.id = "after"                                              }
    };
    Tx *tx;
    make_table(f);
    begin_first(f, &tx);
    queue_members(f, members, ARRAY_LEN(members));
    Rc first = db_commit(tx, &f->err);
    join_members(members, ARRAY_LEN(members));
    assert_rc(members[1].rc, RC_TIMEOUT);
    assert_rc(members[2].rc, RC_OK);
    assert_true(first == RC_OK ||
                first == RC_BUSY); /* in the group that was undone, or before it */
    assert_true(members[0].rc == RC_OK || members[0].rc == RC_BUSY);
    assert_int_equal(count_rows(f, "t"), (first == RC_OK) + (members[0].rc == RC_OK) + 1);
}

/* ---- the file ---- */

static void test_file(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    struct stat st;
    int64_t n;
    static const Query page_size = {"q", "SELECT page_size FROM pragma_page_size", NULL};
    static const Query fk = {"q", "SELECT foreign_keys FROM pragma_foreign_keys", NULL};
    static const Query sync = {"q", "SELECT synchronous FROM pragma_synchronous", NULL};
    assert_int_equal(stat(file_of(f), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* nobody else's business */
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &page_size, NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 16384);
    assert_ok(f, tx_one_i64(tx, &fk, NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 1);
    assert_ok(f, tx_one_i64(tx, &sync, NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 2); /* FULL: an acknowledged commit is on disk */
}

static void test_not_a_database(void **state)
{
    Fixture *f = need_db(state);
    Db *db = NULL;
    const char *path = test_path("text.db");
    Str text = str_fmt(f->arena, "%05000d", 1);
    assert_ok(f, file_write_atomic(path, text, 0600, &f->err));
    assert_rc(db_open(str_fmt(f->arena, "sqlite:%s", path).ptr, NULL, &db, &f->err), RC_INTERNAL);
    assert_non_null(strstr(f->err.message, "text.db"));
    assert_null(db);
}

static void test_memory(void **state)
{
    Fixture f = {.arena = arena_new(0)};
    Tx *write;
    (void)state;
    assert_ok(&f, db_open("sqlite::memory:", NULL, &f.db, &f.err));
    make_table(&f);
    assert_ok(&f, db_begin(f.db, &write, &f.err));
    assert_ok(&f, tx_exec(write, &q_insert, PARAMS(P_CSTR("a"), P_NULL), NULL, &f.err));
    assert_int_equal(count_rows(&f, "t"),
                     0); /* another connection sees the same database, as on disk */
    assert_ok(&f, db_commit(write, &f.err));
    assert_int_equal(count_rows(&f, "t"), 1);
    const char *dir = str_dup(f.arena, str_from(((SqliteDb *)f.db)->private_dir)).ptr;
    db_close(f.db);
    assert_false(file_exists(dir));
    arena_free(f.arena);
}

static void test_wal_is_bounded(void **state)
{
    enum { TRANSACTIONS = 400 /* MiB, more than a WAL may have */ };
    Fixture *f = need_db(state);
    struct stat st;
    make_table(f);
    for (int i = 0; i < TRANSACTIONS; i++) {
        Member m = {.db = f->db, .id = str_fmt(f->arena, "%d", i).ptr, .body = MIB};
        assert_rc(member_run(&m), RC_OK);
        assert_true(wal_size(f) < 320 * MIB);
    }
    int64_t deadline = time_monotonic_us() + WAIT_US;
    do { /* moved by the checkpointer, since no connection has closed */
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(1000);
        assert_int_equal(stat(file_of(f), &st), 0);
    } while ((size_t)st.st_size < (TRANSACTIONS / 2) * MIB);
    assert_int_equal(count_rows(f, "t"), TRANSACTIONS);
}

/* ---- SQL ---- */

static void test_fw_lower(void **state)
{
    static const struct {
        const char *text, *lower;
    } cases[] = {
        {"ABC-x1",                    "abc-x1"                   },
        {"",                          ""                         },
        {"\xc3\x84\xc3\x96 \xd0\x96", "\xc3\xa4\xc3\xb6 \xd0\xb6"},
    };
    static const Query q = {"q", "SELECT fw_lower($1)", NULL};
    static const Query null = {"q", "SELECT fw_lower(NULL) IS NULL", NULL};
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    Str lower;
    int64_t is_null;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(f, tx_one_str(tx, &q, PARAMS(P_CSTR(cases[i].text)), f->arena, &lower, &f->err));
        assert_str(lower, str_from(cases[i].lower));
    }
    assert_ok(f, tx_one_i64(tx, &null, NO_PARAMS, &is_null, &f->err));
    assert_int_equal(is_null, 1);
    make_table(f);
    run_sql(
        f,
        "CREATE UNIQUE INDEX t_lower ON t(fw_lower(id))"); /* deterministic, so fit for an index */
    run_sql(f, "INSERT INTO t(id) VALUES ('Abc')");
    Member m = {.db = f->db, .id = "aBC"};
    assert_rc(member_run(&m), RC_CONFLICT);
    assert_string_equal(m.err.detail, "t_lower");
}

static void test_full_text(void **state)
{
    static const Query match = {"match", "SELECT count(*) FROM ft WHERE ft MATCH $1", NULL};
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t n;
    make_table(f);
    run_sql(f, "CREATE VIRTUAL TABLE ft USING fts5(body, content='t', content_rowid='rowid', "
               "prefix='2 3')");
    run_sql(f, "CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN INSERT INTO ft(rowid, body) VALUES "
               "(NEW.rowid, NEW.body); END");
    run_sql(f, "INSERT INTO t VALUES ('1', 'the quick brown fox'), ('2', 'a slow turtle')");
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &match, PARAMS(P_CSTR("qui*")), &n, &f->err));
    assert_int_equal(n, 1);
}

static void test_trigger_refuses(void **state)
{
    Fixture *f = need_db(state);
    Member m = {.db = f->db, .id = "x"};
    make_table(f);
    run_sql(f,
            "CREATE TRIGGER t_no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'append only'); END");
    assert_rc(member_run(&m), RC_CONFLICT);
    assert_string_equal(m.err.detail, "append only");
}

static void test_double_quotes_are_names(void **state)
{
    Fixture *f = need_db(state);
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    Rows *rows;
    make_table(f);
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_rc(tx_query_sql(tx, STR("SELECT id FROM t WHERE id = \"x\""), NO_PARAMS, &rows, &f->err),
              RC_INTERNAL);
}

/* ---- backup ---- */

typedef struct Busy {
    Thread thread;
    Db *db;
    atomic_bool stop;
    Rc rc;
} Busy;

static void *keep_writing(void *arg)
{
    Busy *b = arg;
    char id[32];
    for (int i = 0; b->rc == RC_OK && !atomic_load(&b->stop); i++) {
        Member one = {.db = b->db, .id = id, .body = 1000};
        snprintf(id, sizeof(id), "w%d", i);
        b->rc = member_run(&one);
    }
    return NULL;
}

static void test_backup(void **state)
{
    Fixture *f = need_db(state);
    Fixture copy = {.arena = f->arena};
    const char *path = test_path("backup.db");
    struct stat st;
    make_table(f);
    run_sql(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000) "
               "INSERT INTO t SELECT "
               "'row' || n, hex(randomblob(500)) FROM c");
    Busy writer = {.db = f->db};
    thread_start(&writer.thread, "writer", keep_writing, &writer);
    int64_t before = count_rows(f, "t");
    assert_ok(f, db_backup(f->db, path, &f->err));
    int64_t after = count_rows(f, "t");
    atomic_store(&writer.stop, true);
    thread_join(&writer.thread);
    assert_rc(writer.rc, RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(&copy, db_open(str_fmt(f->arena, "sqlite:%s", path).ptr, NULL, &copy.db, &copy.err));
    assert_in_range(count_rows(&copy, "t"), before, after); /* one moment of the writing */
    db_close(copy.db);

    assert_rc(db_backup(f->db, path, &f->err), RC_CONFLICT); /* never overwrites */
    assert_rc(db_backup(f->db, "/nowhere/at/all.db", &f->err), RC_INVALID);
}

static void test_backup_finds_damage(void **state)
{
    Fixture *f = need_db(state);
    const char *path = test_path("damaged-backup.db");
    make_table(f);
    run_sql(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) "
               "INSERT INTO t SELECT "
               "'row' || n, hex(randomblob(100)) FROM c");
    db_close(f->db);
    f->db = NULL;
    FILE *file = fopen(file_of(f), "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 3 * SQLITE_PAGE_SIZE, SEEK_SET), 0);
    for (int i = 0; i < SQLITE_PAGE_SIZE; i++) {
        assert_int_equal(fputc('?', file), '?');
    }
    assert_int_equal(fclose(file), 0);
    assert_ok(f, db_open(f->url, NULL, &f->db, &f->err));
    assert_rc(db_backup(f->db, path, &f->err), RC_INTERNAL);
    assert_non_null(strstr(f->err.message, "damaged"));
    assert_false(file_exists(path));
}

static void test_backup_on_a_full_disk(void **state)
{
    Fixture *f = need_db(state);
    const char *path = test_path("full-backup.db");
    make_table(f);
    Member m = {.db = f->db, .id = "big", .body = 8 * MIB};
    assert_rc(member_run(&m), RC_OK);
    limit_file_size(4 * MIB);
    Rc rc = db_backup(f->db, path, &f->err);
    limit_file_size(RLIM_INFINITY);
    assert_rc(rc, RC_FULL);
    assert_non_null(strstr(f->err.message, path)); /* and not the disk of the database */
    assert_false(file_exists(path));
}

/* ---- the statement cache alone ---- */

static Stmt *cache_text(StmtCache *cache, unsigned i, Stmt **ret_gone)
{
    char text[32];
    snprintf(text, sizeof(text), "SELECT %u", i);
    StmtKey key = {.text = text, .len = strlen(text)};
    assert_null(stmt_cache_find(cache, &key));
    Stmt *stmt = store_alloc(1, sizeof(Stmt));
    *ret_gone = stmt_cache_add(cache, stmt, &key);
    return stmt;
}

static Stmt *find_text(StmtCache *cache, const char *text)
{
    StmtKey key = {.text = text, .len = strlen(text)};
    return stmt_cache_find(cache, &key);
}

static size_t empty_cache(StmtCache *cache)
{
    size_t n = 0;
    for (Stmt *stmt = stmt_cache_pop(cache); stmt; stmt = stmt_cache_pop(cache)) {
        stmt_done(stmt);
        free(stmt);
        n++;
    }
    free(cache);
    return n;
}

static void test_cache_of_dynamic_statements(void **state)
{
    StmtCache *cache = store_alloc(1, sizeof(*cache));
    Stmt *gone;
    unsigned evicted = 0;
    (void)state;
    Stmt *in_use = cache_text(cache, 0, &gone);
    in_use->busy = true;
    for (unsigned i = 1; i < STMT_DYNAMIC_MAX + 50; i++) {
        cache_text(cache, i, &gone);
        if (gone) { /* the one used least recently: neither the one in use nor the favourite */
            char expected[32];
            snprintf(expected, sizeof(expected), "SELECT %u", evicted++ + 2);
            assert_string_equal(gone->text, expected);
            stmt_done(gone);
            free(gone);
        }
        assert_non_null(find_text(cache, "SELECT 1"));
    }
    assert_int_equal(evicted, 50);
    assert_ptr_equal(find_text(cache, "SELECT 0"), in_use);
    assert_int_equal(empty_cache(cache), STMT_DYNAMIC_MAX);
}

static void test_cache_of_named_statements(void **state)
{
    StmtCache *cache = store_alloc(1, sizeof(*cache));
    Query named[3] = {
        {"a", "A", NULL},
        {"b", "B", NULL},
        {"c", "C", NULL}
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        StmtKey key = {.query = &named[i], .text = named[i].sql};
        assert_null(stmt_cache_find(cache, &key));
        assert_null(stmt_cache_add(cache, store_alloc(1, sizeof(Stmt)), &key));
    }
    StmtKey key = {.query = &named[1], .text = named[1].sql};
    assert_ptr_equal(stmt_cache_find(cache, &key)->query, &named[1]);
    assert_null(find_text(cache, "B")); /* the same text, but not as a named one */
    key.text = "another text at the same address";
    assert_null(stmt_cache_find(cache, &key));
    assert_int_equal(empty_cache(cache), 3);
}

#define TEST(fn)                                                                                   \
    {                                                                                              \
#fn, fn, fixture_sqlite, fixture_end, NULL                                                 \
    }

static const struct CMUnitTest tests[] = {
    TEST(test_group_shares_a_commit),
    TEST(test_group_ended_by_an_undone_member),
    TEST(test_deferred_foreign_keys),
    TEST(test_turn_is_not_waited_for_ever),
    TEST(test_write_lock_of_another_process),
    TEST(test_commit_fails_for_all),
    TEST(test_statement_fails_the_group),
    TEST(test_page_limit),
    TEST(test_file),
    TEST(test_not_a_database),
    TEST(test_wal_is_bounded),
    TEST(test_fw_lower),
    TEST(test_full_text),
    TEST(test_trigger_refuses),
    TEST(test_double_quotes_are_names),
    TEST(test_backup),
    TEST(test_backup_finds_damage),
    TEST(test_backup_on_a_full_disk),
    TEST(test_a_cut_member_is_not_the_fault_of_others),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_cache_of_dynamic_statements),
    cmocka_unit_test(test_cache_of_named_statements),
};

int run_sqlite_tests(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignore, NULL); /* writing beyond the limit fails instead of killing */
    return cmocka_run_group_tests_name("store on SQLite", tests, NULL, NULL);
}
