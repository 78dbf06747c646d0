/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_tasks.c - transactions that are handed over (db_run), and the thread that runs them.
 *
 * Threads that take turns on the one writer connection are woken twice for each transaction: for
 * the turn, and for the outcome. With many clients that costs more than the statements. A task
 * costs neither: this thread runs all that wait, one after the other, commits them at once, and
 * tells them of it. What comes while the disk is busy is the next group.
 *
 * To others the thread is a writer like any: it queues for its turn, and joins an open group. */
#include "base/time.h"

#include "store/sqlite_priv.h"

enum { TASKS_MAX = 16 * 1024 }; /* that wait; beyond the connections of a server */

static DbTask *task_pop(Tasks *tasks) REQUIRES(tasks->lock)
{
    DbTask *task = tasks->first;

    if (task) {
        tasks->first = task->next;
        if (!tasks->first) {
            tasks->last = NULL;
        }
        tasks->n--;
    }
    return task;
}

static DbTask *task_take(Tasks *tasks)
{
    mutex_lock(&tasks->lock);
    DbTask *task = task_pop(tasks);
    mutex_unlock(&tasks->lock);
    return task;
}

void tasks_run(Db *base, DbTask *task)
{
    Tasks *tasks = &((SqliteDb *)base)->tasks;
    Error error;

    task->next = NULL;
    task->tx = NULL;
    task->rc = RC_OK;
    task->error = NULL;
    task->queued_us = time_monotonic_us();
    mutex_lock(&tasks->lock);
    bool has_room = tasks->n < TASKS_MAX;
    if (has_room) {
        *(tasks->last ? &tasks->last->next : &tasks->first) = task;
        tasks->last = task;
        if (tasks->n++ == 0) {
            cond_signal(&tasks->wake);
        }
    }
    mutex_unlock(&tasks->lock);
    if (!has_room) {
        error_clear(&error);
        IGNORE(error_set(&error, RC_BUSY, "The database is busy with other changes; try again"));
        atomic_fetch_add_explicit(&base->busy, 1, memory_order_relaxed);
        task->done(task, RC_BUSY, &error);
    }
}

/* One member of the open group. */
static void run_member(SqliteDb *db, DbTask *task)
{
    Error error;
    Rc ran = RC_OK;

    error_clear(&error);
    task->rc = writer_member_begin(db, &task->tx, &error);
    if (task->rc == RC_OK) {
        store_tx_begun(task->tx);
        ran = task->run(task, task->tx);
        Rc ending = store_tx_ending(task->tx, &error);
        task->rc = writer_member_end(task->tx, ran ? ran : ending, &error);
    }
    if (task->rc != RC_OK && ran == RC_OK) {
        task->error = store_alloc(1, sizeof(error));
        *task->error = error;
    }
}

/* rc, err: the outcome of the group, for those who were members. */
static void tell(DbTask *task, Rc rc, const Error *err)
{
    Error *own = task->error;

    if (task->rc != RC_OK) {
        rc = task->rc;
        err = own;
    }
    if (task->tx) {
        IGNORE(store_tx_ended(task->tx, rc)); /* it returns what it is given */
    }
    task->done(task, rc, rc == RC_OK ? NULL : err);
    free(own);
}

static void run_group(SqliteDb *db)
{
    Tasks *tasks = &db->tasks;
    DbTask *done = NULL, **end = &done;
    Error error;

    error_clear(&error);
    for (DbTask *task = task_take(tasks); task;
         task = writer_has_room(db) ? task_take(tasks) : NULL) {
        run_member(db, task);
        task->next = NULL;
        *end = task;
        end = &task->next;
    }
    Rc rc = writer_finish(db, &error);
    while (done) {
        DbTask *task = done;
        done = task->next; /* telling gives it back */
        tell(task, rc, &error);
    }
}

/* There was no turn to be had: those that have waited as long as anyone waits are told so. */
static void refuse_old(SqliteDb *db, Rc rc, const Error *err)
{
    Tasks *tasks = &db->tasks;
    int64_t before = time_monotonic_us() - db->base.busy_timeout_ms * US_PER_MS;

    for (;;) {
        mutex_lock(&tasks->lock);
        bool is_old = tasks->first && (rc != RC_BUSY || tasks->first->queued_us <= before);
        DbTask *task = is_old ? task_pop(tasks) : NULL;
        mutex_unlock(&tasks->lock);
        if (!task) {
            return;
        }
        atomic_fetch_add_explicit(rc == RC_BUSY ? &db->base.busy : &db->base.errors, 1,
                                  memory_order_relaxed);
        task->done(task, rc, err);
    }
}

static void *tasks_main(void *arg)
{
    SqliteDb *db = arg;
    Tasks *tasks = &db->tasks;

    mutex_lock(&tasks->lock);
    while (tasks->first || !tasks->stop) {
        if (!tasks->first) {
            cond_wait(&tasks->wake, &tasks->lock);
            continue;
        }
        mutex_unlock(&tasks->lock);
        Error error;
        error_clear(&error);
        Rc rc = writer_lead(db, &error);
        if (rc == RC_OK) {
            run_group(db);
        } else {
            refuse_old(db, rc, &error);
        }
        mutex_lock(&tasks->lock);
    }
    mutex_unlock(&tasks->lock);
    return NULL;
}

void tasks_init(SqliteDb *db)
{
    mutex_init(&db->tasks.lock);
    cond_init(&db->tasks.wake);
}

void tasks_start(SqliteDb *db)
{
    thread_start(&db->tasks.thread, "fw-writer", tasks_main, db);
}

void tasks_stop(SqliteDb *db)
{
    Tasks *tasks = &db->tasks;

    mutex_lock(&tasks->lock);
    tasks->stop = true;
    cond_signal(&tasks->wake);
    mutex_unlock(&tasks->lock);
    thread_join(&tasks->thread);
    cond_done(&tasks->wake);
    mutex_done(&tasks->lock);
}
