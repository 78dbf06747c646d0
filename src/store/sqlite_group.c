/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_group.c - the one writer of SQLite: turns, and group commit.
 *
 * A durable commit costs one fsync, some 0.6 ms, while a small transaction costs some 20 us. So
 * transactions share a commit. Each waits for its turn on the one writer connection (first come,
 * first served), runs inside a savepoint of an open group transaction, and at its commit either
 * - hands the turn to the next in the queue and waits for the outcome of the group, or
 * - is the last (nobody waits, or the group is large or old enough), commits the group, and wakes
 *   its members.
 * No thread exists for this: the leader is whoever happens to be last.
 *
 *   turn:   A begins  A releases | B begins  B releases | C begins  C releases  COMMIT (fsync)
 *   A:                waits ----------------------------------------------------> done
 *   B:                                       waits -----------------------------> done
 *
 * The first member needs no savepoint: while nobody else is in the transaction, undoing it is a
 * ROLLBACK. So a bulk read, which is mostly alone, keeps no copies of the pages it changes. Any
 * other member that is undone rolls back to its savepoint and harms nobody. Foreign keys it
 * deferred are checked when it releases, not at the COMMIT, where they would fail the others. If
 * the COMMIT fails, or SQLite itself undoes the whole transaction (disk full, I/O error, a write
 * that was cut at its deadline), every member is told so: none of them has been acknowledged yet.
 */
#include "base/time.h"

#include "store/sqlite_priv.h"

struct Group {
    /* Of whoever has the turn: */
    int64_t opened_us;
    unsigned members; /* released, not yet durable */
    bool failed;      /* SQLite has no transaction any more */
    Error error;      /* why; also read by members once done */
    Shared shared;    /* with what the member that runs has changed */
    Shared released;  /* without */
    /* Guarded by a lock of the group's own: its members wake all at once, and must not meet those
     * who take turns in the next group. */
    Mutex lock;
    Cond done_cond;
    bool done;
    Rc rc;
    _Atomic unsigned refs;
};

static const Query q_begin = {"group begin", "BEGIN IMMEDIATE", NULL};
static const Query q_member = {"group savepoint", "SAVEPOINT member", NULL};
static const Query q_release = {"group release", "RELEASE SAVEPOINT member", NULL};
static const Query q_undo = {"group undo", "ROLLBACK TO SAVEPOINT member", NULL};
static const Query q_immediate_fks = {"group foreign keys", "PRAGMA defer_foreign_keys=OFF", NULL};
static const Query q_commit = {"group commit", "COMMIT", NULL};
static const Query q_rollback = {"group rollback", "ROLLBACK", NULL};

/* ---- turns ---- */

static void turn_pass(Writer *writer) REQUIRES(writer->lock)
{
    Turn *next = writer->first;
    if (!next) {
        writer->taken = false;
        return;
    }
    writer->first = next->next;
    if (!writer->first) {
        writer->last = NULL;
    }
    next->granted = true;
    cond_signal(&next->granted_cond);
}

static void turn_unqueue(Writer *writer, Turn *turn) REQUIRES(writer->lock)
{
    Turn *before = NULL;
    for (Turn *t = writer->first; t != turn; t = t->next) {
        before = t;
    }
    *(before ? &before->next : &writer->first) = turn->next;
    if (writer->last == turn) {
        writer->last = before;
    }
}

static bool turn_wait(Writer *writer, int64_t deadline_us) REQUIRES(writer->lock)
{
    Turn turn = {0};

    cond_init(&turn.granted_cond);
    *(writer->last ? &writer->last->next : &writer->first) = &turn;
    writer->last = &turn; /* cppcheck-suppress autoVariables ; it leaves the queue before it ends */
    while (!turn.granted && cond_wait_until(&turn.granted_cond, &writer->lock, deadline_us)) {
    }
    if (!turn.granted) {
        turn_unqueue(writer, &turn);
    }
    cond_done(&turn.granted_cond);
    return turn.granted;
}

static Rc writer_turn(Writer *writer, int64_t timeout_us, Error *err)
{
    bool granted = true;

    mutex_lock(&writer->lock);
    if (writer->taken) {
        granted = turn_wait(writer, time_monotonic_us() + timeout_us);
    }
    writer->taken = writer->taken || granted;
    mutex_unlock(&writer->lock);
    return granted ? RC_OK
                   : error_set(err, RC_BUSY, "The database is busy with other changes; try again");
}

/* ---- groups ---- */

static Rc group_open(Writer *writer, Error *err)
{
    TRY(sqlite_run_query(&writer->conn, &q_begin, err));
    Group *group = store_alloc(1, sizeof(*group));
    group->opened_us = time_monotonic_us();
    group->refs = 1;
    mutex_init(&group->lock);
    cond_init(&group->done_cond);
    writer->group = group;
    return RC_OK;
}

static void group_unref(Group *group)
{
    if (atomic_fetch_sub(&group->refs, 1) == 1) {
        cond_done(&group->done_cond);
        mutex_done(&group->lock);
        free(group);
    }
}

static void group_fail(Writer *writer, const Error *error)
{
    Group *group = writer->group;
    group->failed = true;
    group->error = *error;
    if (!sqlite3_get_autocommit(writer->conn.db)) {
        /* Nothing is left to try if even this fails: closing the connection would undo it too. */
        IGNORE(sqlite_run_query(&writer->conn, &q_rollback, NULL));
    }
}

/* ---- what members share ---- */

static Group *group_of(Tx *tx)
{
    return ((SqliteDb *)tx->db)->writer.group;
}

void *writer_shared(Tx *tx, DbFlush flush)
{
    Group *group = group_of(tx);
    group->shared.flush = flush;
    return group->shared.bytes;
}

static Rc flush_shared(Group *group, Tx *tx, Error *err)
{
    DbFlush flush = group->shared.flush;
    group->shared.flush = NULL;
    return flush && !group->failed && !tx->failed ? flush(tx, group->shared.bytes, err) : RC_OK;
}

Rc writer_unshare(Tx *tx, Error *err)
{
    Group *group = group_of(tx);
    TRY(flush_shared(group, tx, err));
    group->shared = (Shared){.flush = NULL};
    return RC_OK;
}

/* In the group's own transaction, after all members. */
static Rc flush_at_end(SqliteDb *db, Error *err)
{
    SqliteTx tx = {
        .base = {.db = &db->base, .is_write = true, .is_primary = true, .deadline_us = INT64_MAX},
        .conn = &db->writer.conn,
    };
    return flush_shared(db->writer.group, &tx.base, err);
}

/* ---- the end of a group ---- */

static void group_end_transaction(SqliteDb *db)
{
    Writer *writer = &db->writer;
    Group *group = writer->group;
    Error error;

    if (group->failed) {
        return;
    }
    if (group->members == 0) {
        IGNORE(sqlite_run_query(&writer->conn, &q_rollback, NULL)); /* there is nothing in it */
        return;
    }
    error_clear(&error);
    if (flush_at_end(db, &error) != RC_OK ||
        sqlite_run_query(&writer->conn, &q_commit, &error) != RC_OK) {
        group_fail(writer, &error);
    }
}

/* Commits the open group, tells its members and passes the turn on. Returns the group's outcome. */
static Rc group_finish(SqliteDb *db, Error *err)
{
    Writer *writer = &db->writer;
    Group *group = writer->group;

    group_end_transaction(db);
    Rc rc = group->failed ? group->error.code : RC_OK;
    if (rc == RC_OK && group->members > 0) {
        atomic_fetch_add_explicit(&db->base.groups, 1, memory_order_relaxed);
    }
    if (rc != RC_OK && err) {
        *err = group->error;
    }
    mutex_lock(&writer->lock);
    writer->group = NULL;
    turn_pass(writer);
    mutex_unlock(&writer->lock);
    mutex_lock(&group->lock);
    group->done = true;
    group->rc = rc;
    cond_broadcast(&group->done_cond);
    mutex_unlock(&group->lock);
    group_unref(group);
    return rc;
}

static bool group_has_room(const Group *group)
{
    return !group->failed && group->members < GROUP_MAX_MEMBERS &&
           time_monotonic_us() - group->opened_us < GROUP_MAX_US;
}

static bool group_goes_on(Writer *writer) REQUIRES(writer->lock)
{
    return writer->first && group_has_room(writer->group);
}

/* Hands the turn on with the group open, and waits for its outcome. False when the caller is to
 * finish the group itself. */
static bool group_wait(Writer *writer, Rc *ret, Error *err)
{
    Group *group = writer->group;

    mutex_lock(&writer->lock);
    if (!group_goes_on(writer)) {
        mutex_unlock(&writer->lock);
        return false;
    }
    atomic_fetch_add(&group->refs, 1);
    turn_pass(writer);
    mutex_unlock(&writer->lock);
    mutex_lock(&group->lock);
    while (!group->done) {
        cond_wait(&group->done_cond, &group->lock);
    }
    mutex_unlock(&group->lock);
    *ret = group->rc;
    if (group->rc != RC_OK && err) {
        *err = group->error;
    }
    group_unref(group);
    return true;
}

/* Gives up the turn without being a member. The last one commits for those who are. */
static void writer_leave(SqliteDb *db)
{
    Writer *writer = &db->writer;

    mutex_lock(&writer->lock);
    bool pass = !writer->group || group_goes_on(writer);
    if (pass) {
        turn_pass(writer);
    }
    mutex_unlock(&writer->lock);
    if (!pass) {
        IGNORE(group_finish(db, NULL)); /* its members are told */
    }
}

/* ---- transactions ---- */

Rc writer_lead(SqliteDb *db, Error *err)
{
    Writer *writer = &db->writer;

    TRY(writer_turn(writer, db->base.busy_timeout_ms * US_PER_MS, err));
    Rc rc = writer->group ? RC_OK : group_open(writer, err);
    if (rc != RC_OK) {
        writer_leave(db);
    }
    return rc;
}

bool writer_has_room(const SqliteDb *db)
{
    return group_has_room(db->writer.group);
}

Rc writer_member_begin(SqliteDb *db, Tx **ret, Error *err)
{
    Writer *writer = &db->writer;

    bool is_alone = writer->group->members == 0;
    if (!is_alone) {
        TRY(sqlite_run_query(&writer->conn, &q_member, err));
    }
    writer->group->released = writer->group->shared;
    SqliteTx *tx = store_alloc(1, sizeof(*tx));
    tx->is_alone = is_alone;
    tx->base.db = &db->base;
    tx->conn = &writer->conn;
    *ret = &tx->base;
    return RC_OK;
}

Rc writer_begin(Db *base, Tx **ret, Error *err)
{
    SqliteDb *db = (SqliteDb *)base;

    TRY(writer_lead(db, err));
    Rc rc = writer_member_begin(db, ret, err);
    if (rc != RC_OK) {
        writer_leave(db);
    }
    return rc;
}

/* Undoes the caller's own part. */
static void member_undo(SqliteTx *tx, Writer *writer)
{
    Error error;

    error_clear(&error);
    writer->group->shared = writer->group->released;
    if (writer->group->failed) {
        return;
    }
    if (tx->is_alone) {
        if (sqlite_run_query(&writer->conn, &q_rollback, &error) != RC_OK ||
            sqlite_run_query(&writer->conn, &q_begin, &error) != RC_OK) {
            group_fail(writer, &error);
        }
        return;
    }
    if (sqlite_run_query(&writer->conn, &q_undo, &error) != RC_OK ||
        sqlite_run_query(&writer->conn, &q_release, &error) != RC_OK ||
        (tx->ran_script && sqlite_run_query(&writer->conn, &q_immediate_fks, &error) != RC_OK)) {
        group_fail(writer, &error);
    }
}

/* Earlier members left none behind, so what is violated here is this member's. */
static bool has_dangling_keys(Writer *writer)
{
    int now = 0;
    int high = 0;
    return sqlite3_db_status(writer->conn.db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0) ==
               SQLITE_OK &&
           now != 0;
}

Rc writer_member_end(Tx *base, Rc rc, Error *err)
{
    SqliteTx *tx = (SqliteTx *)base;
    Writer *writer = &((SqliteDb *)base->db)->writer;
    Error error;

    if (rc == RC_OK && !writer->group->failed && has_dangling_keys(writer)) {
        rc = error_set(err, RC_CONFLICT,
                       "It refers to something that is not there, or is still referred to");
        error_detail(err, "foreign key");
    }
    if (rc != RC_OK) {
        member_undo(tx, writer);
        return rc;
    }
    error_clear(&error);
    if (!writer->group->failed &&
        ((!tx->is_alone && sqlite_run_query(&writer->conn, &q_release, &error) != RC_OK) ||
         (tx->ran_script && sqlite_run_query(&writer->conn, &q_immediate_fks, &error) != RC_OK))) {
        group_fail(writer, &error);
    }
    writer->group->members++;
    return RC_OK;
}

Rc writer_commit(Tx *tx, Error *err)
{
    SqliteDb *db = (SqliteDb *)tx->db;
    Rc rc = writer_member_end(tx, RC_OK, err);

    if (rc != RC_OK) {
        writer_leave(db);
        return rc;
    }
    return group_wait(&db->writer, &rc, err) ? rc : group_finish(db, err);
}

Rc writer_finish(SqliteDb *db, Error *err)
{
    return group_finish(db, err);
}

void writer_rollback(Tx *base)
{
    SqliteDb *db = (SqliteDb *)base->db;
    member_undo((SqliteTx *)base, &db->writer);
    writer_leave(db);
}

void writer_note_failure(Tx *tx, const Error *err)
{
    Writer *writer = &((SqliteDb *)tx->db)->writer;
    if (writer->group->failed || !sqlite3_get_autocommit(writer->conn.db)) {
        return;
    }
    if (!writer->conn.was_cut) {
        group_fail(writer, err);
        return;
    }
    Error others = {0}; /* the one that was cut has its own; the others were quick enough */
    IGNORE(error_set(&others, RC_BUSY,
                     "A change that shared its commit with this one took too long, so both were "
                     "undone; try again"));
    group_fail(writer, &others);
}

Rc writer_exclusive(SqliteDb *db, int64_t timeout_us, Error *err)
{
    Writer *writer = &db->writer;
    TRY(writer_turn(writer, timeout_us, err));
    while (writer->group) {
        IGNORE(group_finish(db, NULL)); /* its members are told */
        TRY(writer_turn(writer, timeout_us, err));
    }
    return RC_OK;
}

void writer_exclusive_end(SqliteDb *db)
{
    writer_leave(db);
}
