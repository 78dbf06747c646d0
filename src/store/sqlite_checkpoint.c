/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_checkpoint.c - moves committed pages from the WAL to the database file.
 *
 * SQLite would do it inside the commit that makes the WAL pass a size, which then takes some 10 ms.
 * Here a thread does it beside the writers. Writers start the WAL over by themselves once all of it
 * is moved and no reader is in it; under steady load that moment may never come, so beyond
 * WAL_MAX_PAGES the thread takes the writers' turn for the last pages and restarts it. */
#include "base/time.h"

#include "store/sqlite_priv.h"

static int on_wal(void *user, sqlite3 *writer, const char *schema, int pages)
{
    Checkpointer *cp = user;
    (void)writer;
    (void)schema;
    if (pages >= CHECKPOINT_PAGES && !atomic_exchange(&cp->due, true)) {
        mutex_lock(&cp->lock);
        cond_signal(&cp->wake);
        mutex_unlock(&cp->lock);
    }
    return SQLITE_OK;
}

static void checkpoint(SqliteDb *db)
{
    Checkpointer *cp = &db->checkpointer;
    int in_wal = 0;
    int moved = 0;

    /* A failure is not lost: the WAL keeps what was not moved, and the next commit asks again. */
    int code =
        sqlite3_wal_checkpoint_v2(cp->conn.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
    if (code != SQLITE_OK || in_wal < WAL_MAX_PAGES) {
        return;
    }
    if (writer_exclusive(db, db->base.busy_timeout_ms * US_PER_MS, NULL) == RC_OK) {
        /* A reader of old pages makes this SQLITE_BUSY; then the next round tries again. */
        IGNORE(sqlite3_wal_checkpoint_v2(cp->conn.db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL));
        writer_exclusive_end(db);
    }
}

static void *checkpointer_main(void *arg)
{
    SqliteDb *db = arg;
    Checkpointer *cp = &db->checkpointer;

    mutex_lock(&cp->lock);
    while (!cp->stop) {
        if (!atomic_exchange(&cp->due, false)) {
            cond_wait(&cp->wake, &cp->lock);
            continue;
        }
        mutex_unlock(&cp->lock);
        checkpoint(db);
        mutex_lock(&cp->lock);
    }
    mutex_unlock(&cp->lock);
    return NULL;
}

Rc checkpointer_start(SqliteDb *db, Error *err)
{
    Checkpointer *cp = &db->checkpointer;

    TRY(sqlite_conn_open(&cp->conn, db, false, 0, err));
    cp->conn.busy_timeout_ms = RESTART_BUSY_MS;
    mutex_init(&cp->lock);
    cond_init(&cp->wake);
    sqlite3_wal_hook(db->writer.conn.db, on_wal, cp); /* replaces the automatic checkpoint */
    thread_start(&cp->thread, "fw-checkpoint", checkpointer_main, db);
    return RC_OK;
}

void checkpointer_stop(SqliteDb *db)
{
    Checkpointer *cp = &db->checkpointer;

    if (cp->thread.started) {
        mutex_lock(&cp->lock);
        cp->stop = true;
        cond_signal(&cp->wake);
        mutex_unlock(&cp->lock);
        thread_join(&cp->thread);
        cond_done(&cp->wake);
        mutex_done(&cp->lock);
    }
    sqlite_conn_close(&cp->conn);
}
