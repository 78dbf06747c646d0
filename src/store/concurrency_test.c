/* SPDX-License-Identifier: Apache-2.0
 * store/concurrency_test.c - many threads at once, and transactions that are handed over. */
#include "base/thread.h"
#include "base/time.h"

#include "store/store_priv.h"
#include "store/store_test.h"

/* ---- threads ---- */

typedef struct Worker {
    Thread thread;
    Db *db;
    int id, rounds;
    int committed, undone;
    Rc rc;
} Worker;

static Rc worker_round(Worker *w, int round, bool undo, Error *err)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    char id[32];
    snprintf(id, sizeof(id), "%d-%d", w->id, round);
    TRY(db_begin(w->db, &tx, err));
    TRY(insert_thing(tx, id, undo ? "undone" : "kept", round, err));
    if (undo) {
        return RC_OK; /* tx_cleanup undoes */
    }
    Tx *done = tx;
    tx = NULL;
    return db_commit(done, err);
}

static void *worker_main(void *arg)
{
    Worker *w = arg;
    Error err;
    for (int i = 0; i < w->rounds && w->rc == RC_OK; i++) {
        bool undo = (i + w->id) % 5 == 0;
        w->rc = worker_round(w, i, undo, &err);
        *(undo ? &w->undone : &w->committed) += 1;
    }
    return NULL;
}

static void test_many_writers(void **state)
{
    enum { WORKERS = 16, ROUNDS = 40 };
    Fixture *f = need_db(state);
    static const Query undone = {"undone", "SELECT count(*) FROM things WHERE name = 'undone'",
                                 NULL};
    Worker workers[WORKERS];
    int committed = 0;
    make_things(f);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (Worker){.db = f->db, .id = i, .rounds = ROUNDS};
        thread_start(&workers[i].thread, "writer", worker_main, &workers[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        thread_join(&workers[i].thread);
        assert_rc(workers[i].rc, RC_OK);
        committed += workers[i].committed;
    }
    assert_int_equal(count_rows(f, "things"), committed);
    Tx *tx;
    int64_t n;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &undone, NO_PARAMS, &n, &f->err));
    assert_int_equal(n, 0);
    db_end(tx);
    DbStats stats = db_stats(f->db);
    assert_int_equal(stats.commits, (uint64_t)committed + 1);
    assert_int_equal(stats.in_use, 0);
    if (f->db->kind == DB_SQLITE) {
        assert_true(stats.groups < stats.commits); /* they shared commits */
    }
}

typedef struct Asker {
    Thread thread;
    Db *db;
    bool inline_only;
    Rc rc;
    int64_t took_us;
} Asker;

static void *asker_main(void *arg)
{
    Asker *a = arg;
    Tx *tx;
    Error err;
    int64_t before = time_monotonic_us();
    a->rc = db_read(a->db, a->inline_only, &tx, &err);
    a->took_us = time_monotonic_us() - before;
    if (a->rc == RC_OK) {
        db_end(tx);
    }
    return NULL;
}

static Asker ask(Db *db, bool inline_only)
{
    Asker a = {.db = db, .inline_only = inline_only};
    thread_start(&a.thread, "asker", asker_main, &a);
    thread_join(&a.thread);
    return a;
}

static void test_no_connection_left(void **state)
{
    static const DbOptions one = {.readers = 1, .busy_timeout_ms = 200};
    Fixture *f = need_db(state);
    Tx *tx;
    db_close(f->db);
    f->db = NULL;
    assert_ok(f, db_open(f->url, &one, &f->db, &f->err));
    assert_rc(ask(f->db, true).rc, RC_OK);
    assert_ok(f, db_read(f->db, true, &tx, &f->err));
    Asker inline_only = ask(f->db, true);
    assert_rc(inline_only.rc, RC_BUSY);
    assert_true(inline_only.took_us < 100 * US_PER_MS); /* did not wait */
    Asker waits = ask(f->db, false);
    assert_rc(waits.rc, RC_BUSY);
    assert_true(waits.took_us >= 200 * US_PER_MS);
    Asker served = {.db = f->db};
    thread_start(&served.thread, "asker", asker_main, &served);
    db_end(tx);
    thread_join(&served.thread);
    assert_rc(served.rc, RC_OK); /* woken by the end of the other */
}

/* ---- tasks ---- */

typedef struct Task {
    DbTask base; /* first */
    const char *id;
    const char *sql; /* instead of a thing */
    Rc gives;        /* what its transaction ends with */
    Error own;
    /* guarded by the lock of the tasks */
    bool is_done, has_error;
    Rc rc;
    char message[sizeof((Error){0}.message)];
    unsigned committed;
} Task;

static Mutex tasks_lock = MUTEX_INIT;
static Cond task_done;

static void note_commit(void *user)
{
    ((Task *)user)->committed++;
}

static Rc task_run(DbTask *base, Tx *tx)
{
    Task *task = (Task *)base;
    assert_true(tx_is_write(tx));
    tx_on_commit(tx, note_commit, task);
    Rc rc = task->sql ? tx_exec_sql(tx, str_from(task->sql), NO_PARAMS, NULL, &task->own)
                      : insert_thing(tx, task->id, "task", 1, &task->own);
    return rc ? rc : task->gives;
}

static void task_ended(DbTask *base, Rc rc, const Error *err)
{
    Task *task = (Task *)base;
    mutex_lock(&tasks_lock);
    assert_false(task->is_done);
    task->is_done = true;
    task->rc = rc;
    task->has_error = err != NULL;
    snprintf(task->message, sizeof(task->message), "%s", err ? err->message : "");
    cond_broadcast(&task_done);
    mutex_unlock(&tasks_lock);
}

static Task task_of(const char *id)
{
    return (Task){
        .base = {.run = task_run, .done = task_ended},
          .id = id
    };
}

static void wait_task(Task *task)
{
    mutex_lock(&tasks_lock);
    while (!task->is_done) {
        cond_wait(&task_done, &tasks_lock);
    }
    mutex_unlock(&tasks_lock);
}

static void test_task_outcomes(void **state)
{
    Fixture *f = need_db(state);
    Task good = task_of("a"), same = task_of("a"), undone = task_of("b"), next = task_of("c");
    make_things(f);
    undone.gives = RC_DENIED;
    Task *all[] = {&good, &same, &undone, &next};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        db_run(f->db, &all[i]->base);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        wait_task(all[i]);
    }
    assert_rc(good.rc, RC_OK);
    assert_rc(same.rc, RC_CONFLICT); /* its own statement failed, and harmed nobody else */
    assert_false(same.has_error);
    assert_rc(undone.rc, RC_DENIED);
    assert_false(undone.has_error);
    assert_rc(next.rc, RC_OK);
    assert_int_equal(count_rows(f, "things"), 2);
    assert_int_equal(good.committed + next.committed, 2);
    assert_int_equal(same.committed + undone.committed, 0);
}

/* It touches many pages, and is not the first in its group: what it changed is brought back. */
static void test_large_task_is_undone(void **state)
{
    Fixture *f = need_db(state);
    Task small = task_of("a"), large = task_of("b"), next = task_of("c");
    Task *all[] = {&small, &large, &next};
    Tx *tx;
    run_sql(f, "CREATE TABLE pages (n BIGINT NOT NULL, text TEXT NOT NULL)");
    run_sql(
        f,
        "WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 6000) "
        "INSERT INTO pages SELECT n, replace('0123456789abcdef', '0', '"
        "........................................................................................"
        "') || replace('0000000000000000', '0', '"
        "........................................................................................"
        "') FROM k");
    make_things(f);
    large.sql = "UPDATE pages SET n = n + 1, text = upper(text)";
    large.gives = RC_DENIED;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        db_run(f->db, &all[i]->base);
    }
    db_end(tx);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        wait_task(all[i]);
    }
    assert_rc(small.rc, RC_OK);
    assert_rc(large.rc, RC_DENIED);
    assert_rc(next.rc, RC_OK);
    assert_int_equal(count_rows(f, "things"), 2);
    assert_int_equal(count_rows(f, "pages WHERE n = 1"), 1);
}

/* A statement failed and run said that all is well: it is undone, and told why. */
static Rc careless_run(DbTask *base, Tx *tx)
{
    Task *task = (Task *)base;
    IGNORE(tx_exec_sql(tx, STR("nonsense"), NO_PARAMS, NULL, &task->own));
    return RC_OK;
}

static void test_careless_task(void **state)
{
    Fixture *f = need_db(state);
    Task task = task_of("a");
    make_things(f);
    task.base.run = careless_run;
    db_run(f->db, &task.base);
    wait_task(&task);
    assert_rc(task.rc, RC_INTERNAL);
    assert_non_null(strstr(task.message, "undone because"));
}

typedef struct Giver {
    Thread thread;
    Db *db;
    Task tasks[40];
    char ids[40][16];
} Giver;

static void *giver_main(void *arg)
{
    Giver *g = arg;
    for (size_t i = 0; i < ARRAY_LEN(g->tasks); i++) {
        db_run(g->db, &g->tasks[i].base);
    }
    return NULL;
}

/* Tasks and threads that take turns share the writer and its commits. */
static void test_tasks_beside_writers(void **state)
{
    enum { GIVERS = 4, WORKERS = 4, ROUNDS = 40 };
    Fixture *f = need_db(state);
    Giver *givers = store_alloc(GIVERS, sizeof(*givers));
    Worker workers[WORKERS];
    int64_t expected = 0;
    make_things(f);
    for (int i = 0; i < GIVERS; i++) {
        givers[i].db = f->db;
        for (size_t k = 0; k < ARRAY_LEN(givers[i].tasks); k++) {
            snprintf(givers[i].ids[k], sizeof(givers[i].ids[k]), "t%d-%zu", i, k);
            givers[i].tasks[k] = task_of(givers[i].ids[k]);
            givers[i].tasks[k].gives = k % 7 == 0 ? RC_DENIED : RC_OK;
            expected += k % 7 == 0 ? 0 : 1;
        }
        thread_start(&givers[i].thread, "giver", giver_main, &givers[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (Worker){.db = f->db, .id = i, .rounds = ROUNDS};
        thread_start(&workers[i].thread, "writer", worker_main, &workers[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        thread_join(&workers[i].thread);
        assert_rc(workers[i].rc, RC_OK);
        expected += workers[i].committed;
    }
    for (int i = 0; i < GIVERS; i++) {
        thread_join(&givers[i].thread);
        for (size_t k = 0; k < ARRAY_LEN(givers[i].tasks); k++) {
            wait_task(&givers[i].tasks[k]);
            assert_rc(givers[i].tasks[k].rc, givers[i].tasks[k].gives);
        }
    }
    assert_int_equal(count_rows(f, "things"), expected);
    free(givers);
}

/* What waits when the database is closed is still done. */
static void test_tasks_before_the_end(void **state)
{
    Fixture *f = need_db(state);
    Task tasks[] = {task_of("a"), task_of("b"), task_of("c")};
    make_things(f);
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        db_run(f->db, &tasks[i].base);
    }
    db_close(f->db);
    f->db = NULL;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        assert_true(tasks[i].is_done);
        assert_rc(tasks[i].rc, RC_OK);
    }
}

/* ---- what those share that share a commit ---- */

typedef struct Total {
    bool is_read;
    int64_t sum;
} Total;

static const Query q_total = {"total", "SELECT sum FROM total", NULL};
static const Query q_write_total = {"write total", "UPDATE total SET sum = $1", NULL};
static _Atomic int flushes;
static atomic_bool flush_fails;

static Rc flush_total(Tx *tx, void *shared, Error *err)
{
    Total *total = shared;
    flushes++;
    if (flush_fails) {
        return error_set(err, RC_INTERNAL, "No total today");
    }
    return tx_exec(tx, &q_write_total, PARAMS(P_I64(total->sum)), NULL, err);
}

static Rc add_to_total(Tx *tx, int64_t n, Error *err)
{
    Total *total = tx_shared(tx, flush_total);
    if (!total->is_read) {
        TRY(tx_one_i64(tx, &q_total, NO_PARAMS, &total->sum, err));
        total->is_read = true;
    }
    total->sum += n;
    return RC_OK;
}

static Rc adder_run(DbTask *base, Tx *tx)
{
    Task *task = (Task *)base;
    TRY(add_to_total(tx, 1, &task->own));
    return task->gives;
}

static int64_t total_of(Fixture *f)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    int64_t sum = -1;
    assert_ok(f, db_read(f->db, false, &tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &q_total, NO_PARAMS, &sum, &f->err));
    return sum;
}

static void make_total(Fixture *f)
{
    run_sql(f, "CREATE TABLE total(sum BIGINT NOT NULL)");
    run_sql(f, "INSERT INTO total VALUES (100)");
    flushes = 0;
    flush_fails = false;
}

/* n tasks that run in one group, because the turn is held until all wait. */
static void run_adders(Fixture *f, Task *tasks, size_t n)
{
    Tx *tx;
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    for (size_t i = 0; i < n; i++) {
        tasks[i].base.run = adder_run;
        db_run(f->db, &tasks[i].base);
    }
    db_end(tx);
    for (size_t i = 0; i < n; i++) {
        wait_task(&tasks[i]);
    }
}

static void test_shared_is_written_once(void **state)
{
    Fixture *f = need_db(state);
    Task tasks[] = {task_of("a"), task_of("b"), task_of("c"), task_of("d")};
    make_total(f);
    tasks[1].gives = RC_DENIED; /* takes its part back */
    tasks[3].gives = RC_DENIED;
    run_adders(f, tasks, ARRAY_LEN(tasks));
    assert_rc(tasks[0].rc, RC_OK);
    assert_rc(tasks[1].rc, RC_DENIED);
    assert_int_equal(total_of(f), 102);
    assert_true(flushes >= 1 && flushes <= 2); /* the first may not have waited for the others */
}

static void test_shared_before_an_undo_point(void **state)
{
    Fixture *f = need_db(state);
    Tx *tx;
    int64_t sum;
    make_total(f);
    assert_ok(f, db_begin(f->db, &tx, &f->err));
    assert_ok(f, add_to_total(tx, 5, &f->err));
    assert_ok(f, tx_savepoint(tx, &f->err));
    assert_ok(f, tx_one_i64(tx, &q_total, NO_PARAMS, &sum, &f->err));
    assert_int_equal(sum, 105);
    assert_ok(f, add_to_total(tx, 7, &f->err));
    assert_ok(f, tx_savepoint_rollback(tx, &f->err));
    assert_ok(f, add_to_total(tx, 1, &f->err));
    assert_ok(f, db_commit(tx, &f->err));
    assert_int_equal(total_of(f), 106);
}

static void test_shared_that_cannot_be_written(void **state)
{
    Fixture *f = need_db(state);
    Task task = task_of("a"), later = task_of("b");
    make_total(f);
    flush_fails = true;
    run_adders(f, &task, 1);
    assert_rc(task.rc, RC_INTERNAL);
    assert_string_equal(task.message, "No total today");
    assert_int_equal(total_of(f), 100);
    flush_fails = false;
    run_adders(f, &later, 1);
    assert_rc(later.rc, RC_OK);
    assert_int_equal(total_of(f), 101);
}

/* ---- who lives ---- */

static void test_who_lives(void **state)
{
    Fixture *f = need_db(state);
    Db *other;
    assert_ok(f, db_open(f->url, NULL, &other, &f->err));
    assert_false(db_is_gone(f->db, STR("nobody"))); /* it has not appeared itself */
    assert_ok(f, db_appear(f->db, STR("one"), &f->err));
    assert_ok(f, db_appear(other, STR("two"), &f->err));
    assert_false(db_is_gone(f->db, STR("one")));
    assert_false(db_is_gone(f->db, STR("two")));
    assert_false(db_is_gone(other, STR("one")));
    assert_int_equal(db_is_gone(f->db, STR("nobody")), f->db->kind == DB_SQLITE);
    db_close(other);
    assert_int_equal(db_is_gone(f->db, STR("two")), f->db->kind == DB_SQLITE);
    assert_false(db_is_gone(f->db, STR("one")));
}

#define ON_SQLITE(fn)                                                                              \
    {                                                                                              \
#fn "/sqlite", fn, fixture_sqlite, fixture_end, NULL                                       \
    }

static const struct CMUnitTest tests[] = {
    ON_BOTH(test_many_writers),
    ON_BOTH(test_no_connection_left),
    ON_BOTH(test_task_outcomes),
    ON_SQLITE(test_large_task_is_undone),
    ON_BOTH(test_careless_task),
    ON_BOTH(test_tasks_beside_writers),
    ON_BOTH(test_tasks_before_the_end),
    ON_BOTH(test_who_lives),
    ON_SQLITE(test_shared_is_written_once),
    ON_SQLITE(test_shared_before_an_undo_point),
    ON_SQLITE(test_shared_that_cannot_be_written),
};

int run_concurrency_tests(void)
{
    cond_init(&task_done);
    int failed = cmocka_run_group_tests_name("store concurrency", tests, NULL, NULL);
    cond_done(&task_done);
    return failed;
}
