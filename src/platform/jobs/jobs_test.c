/* SPDX-License-Identifier: Apache-2.0
 * The job engine on both databases: outcomes, leases, cancellation, schedules, several processes.
 */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "jobs_q_sql.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs_priv.h"
#include "platform/jobs/jobs_test_stage.h"
#include "platform/platform_jobs.h"
#include "test_pg.h"
#include "test_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka has a macro fail(): our function is declared before it, and called (fail)(...) here */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

/* ---- queries */

static void test_queries(void **state)
{
    (void)state;
    need_database();
    for (size_t i = 0; i < jobs_q_n_queries; i++) {
        if (db_check_query(p->db, jobs_q_queries[i], &cx->error) != RC_OK) {
            fail_msg("%s: %s (%s)", jobs_q_queries[i]->name, cx->error.message, cx->error.detail);
        }
    }
}

/* ---- outcomes */

static void test_runs(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.ok", .payload = numbered(7)});
    wait_state(&id, "succeeded");
    assert_int_equal(seen.runs[0].n, 7);
    assert_int_equal(seen.runs[0].attempt, 1);
    assert_int_equal(
        one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.ok' AND keep_until > finished_at"),
        1);
}

/* The queue looks once a minute, and yet the job runs within the time that is waited for it. */
static void test_is_woken(void **state)
{
    (void)state;
    need_database();
    ctx_free(cx);
    test_platform_free(t);
    IGNORE(setenv("FAIRWAY_DATABASE_POLL", "1m", 1)); /* cannot fail */
    t = test_platform_new(url_now, &test_module);
    IGNORE(unsetenv("FAIRWAY_DATABASE_POLL")); /* likewise */
    p = &t->platform;
    cx = ctx_new_system(p, "test");
    start(p);
    for (int i = 0; i < 3; i++) {
        Uuid id = enqueue(&(JobSpec){.type = "test.ok"});
        wait_state(&id, "succeeded");
    }
}

static void test_undone_is_not_run(void **state)
{
    (void)state;
    need_database();
    start(p);
    must(ctx_begin(cx));
    must(jobs_enqueue(cx, &(JobSpec){.type = "test.ok"}, NULL));
    ctx_end(cx);
    Uuid id = enqueue(&(JobSpec){.type = "test.ok"});
    wait_state(&id, "succeeded");
    assert_int_equal(seen_count(), 1);
}

static void test_retries_then_dead(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.fails"});
    wait_state(&id, "dead");
    assert_int_equal(seen_count(), 3);
    assert_true(seen.runs[2].started_us - seen.runs[1].started_us >=
                20 * US_PER_MS); /* 40 ms, jittered */
    assert_int_equal(one_i64("SELECT attempt FROM jobs WHERE type = 'test.fails'"), 3);
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE error = 'attempt 3 failed'"), 1);
    wait_event("jobs.dead");
}

static void test_dead_at_once(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.refused"});
    wait_state(&id, "dead");
    assert_int_equal(seen_count(), 1);
}

static void test_retry_in(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.later"});
    wait_state(&id, "succeeded");
    int64_t waited = seen.runs[1].started_us - seen.runs[0].started_us;
    assert_true(waited >= 300 * US_PER_MS);
}

static void test_run_at(void **state)
{
    (void)state;
    need_database();
    start(p);
    int64_t now = time_monotonic_us();
    Uuid id = enqueue(&(JobSpec){.type = "test.ok", .run_at_us = time_now_us() + 400 * US_PER_MS});
    wait_state(&id, "succeeded");
    int64_t waited = seen.runs[0].started_us - now;
    assert_true(waited >= 390 * US_PER_MS);
}

static void test_priority(void **state)
{
    static const int priorities[] = {0, 5, -1, 9};
    static const int64_t order[] = {3, 1, 0, 2};
    (void)state;
    need_database();
    must(ctx_begin(cx));
    for (size_t i = 0; i < ARRAY_LEN(priorities); i++) {
        must(jobs_enqueue(cx,
                          &(JobSpec){.type = "test.single",
                                     .payload = numbered((int64_t)i),
                                     .priority = priorities[i]},
                          NULL));
    }
    must(ctx_commit(cx));
    start(p);
    wait_runs(ARRAY_LEN(priorities));
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_int_equal(seen.runs[i].n, order[i]);
    }
}

static void test_concurrency(void **state)
{
    enum { N = 12 };
    (void)state;
    need_database();
    start(p);
    for (int i = 0; i < N; i++) {
        enqueue(&(JobSpec){.type = "test.pair"});
    }
    wait_runs(N);
    assert_int_equal(seen.most_running, 2);
}

/* ---- keys */

static void test_key(void **state)
{
    (void)state;
    need_database();
    JobSpec spec = {.type = "test.ok", .key = STR("a")};
    Uuid first = enqueue(&spec);
    Uuid second = enqueue(&spec);
    assert_string_equal(first.text, second.text);
    JobSpec other = {.type = "test.ok", .key = STR("b")};
    Uuid third = enqueue(&other);
    assert_string_not_equal(first.text, third.text);
    start(p);
    wait_state(&first, "succeeded");
    Uuid fourth = enqueue(&spec);
    assert_string_not_equal(first.text, fourth.text);
    wait_state(&fourth, "succeeded");
    assert_int_equal(seen_count(), 3);
}

/* A job that fails while a newer one waits with its key gives way to it. */
static void test_key_superseded(void **state)
{
    (void)state;
    need_database();
    start(p);
    JobSpec spec = {.type = "test.waits", .key = STR("k")};
    Uuid first = enqueue(&spec);
    wait_state(&first, "running");
    spec.run_at_us = time_now_us() + US_PER_HOUR;
    Uuid second = enqueue(&spec);
    assert_string_not_equal(first.text, second.text);
    jobs_stop(p->jobs); /* the first returns RC_BUSY, to be queued again */
    assert_str(state_of(&first), STR("cancelled"));
    assert_str(state_of(&second), STR("queued"));
}

/* ---- cancelling, stopping, leases */

static void test_cancel_running(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.waits"});
    wait_runs(1);
    sql("UPDATE jobs SET cancel_requested = 1");
    jobs_wake(p->jobs);
    wait_state(&id, "cancelled");
    wait_event("jobs.cancelled");
}

static void test_stop_gives_back(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.waits"});
    wait_runs(1);
    jobs_stop(p->jobs);
    assert_str(state_of(&id), STR("queued"));
    assert_int_equal(one_i64("SELECT attempt FROM jobs WHERE type = 'test.waits'"),
                     0); /* the attempt does not count */
    let_end();
    TestPlatform *next = test_platform_new(url_now, &test_module);
    start(&next->platform);
    wait_state(&id, "succeeded");
    test_platform_free(next);
}

/* A stop at any moment leaves no job behind that nobody runs. */
static void test_stop_at_any_moment(void **state)
{
    enum { ROUNDS = 12, EACH = 3 };
    (void)state;
    need_database();
    for (int i = 0; i < ROUNDS; i++) {
        TestPlatform *short_lived = test_platform_new(url_now, &test_module);
        start(&short_lived->platform);
        for (int k = 0; k < EACH; k++) {
            enqueue(&(JobSpec){.type = "test.ok"});
        }
        jobs_stop(short_lived->platform.jobs);
        assert_int_equal(
            one_i64("SELECT COUNT(*) FROM jobs WHERE state NOT IN ('queued', 'succeeded')"), 0);
        test_platform_free(short_lived);
    }
}

static void *stop_jobs(void *jobs)
{
    jobs_stop(jobs);
    return NULL;
}

/* One that does not listen loses its lease after the grace, and its outcome counts no more. */
static void test_stop_stubborn(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.stubborn"});
    wait_runs(1);
    Thread stopper;
    thread_start(&stopper, "stopper", stop_jobs, p->jobs);
    wait_state(&id, "queued");
    let_end();
    thread_join(&stopper);
    assert_str(state_of(&id), STR("queued"));
}

static void test_lease_expiry(void **state)
{
    (void)state;
    need_database();
    Uuid id = enqueue(&(JobSpec){.type = "test.ok"});
    Uuid exhausted = enqueue(&(JobSpec){.type = "test.fails"});
    sql("UPDATE jobs SET state = 'running', attempt = 9, lease_owner = 'gone', lease_until = 1 "
        "WHERE type = 'test.ok'");
    sql("UPDATE jobs SET state = 'running', attempt = 10, lease_owner = 'gone', lease_until = 1 "
        "WHERE type = 'test.fails'");
    start(p);
    wait_state(&id, "succeeded");
    assert_int_equal(seen.runs[0].attempt, 10); /* more than may fail */
    wait_state(&exhausted, "dead");             /* it took its process along each time: enough */
    assert_int_equal(seen_count(), 1);
}

static void test_lost_lease(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.robbed"});
    wait_runs(1);
    jobs_stop(p->jobs);
    assert_str(state_of(&id), STR("running")); /* the thief's */
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE lease_owner = 'thief'"), 1);
}

static void test_log_and_progress(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.talks"});
    int64_t deadline = time_monotonic_us() + 10 * US_PER_SECOND;
    while (one_i64("SELECT COUNT(*) FROM job_logs") < 100 && time_monotonic_us() < deadline) {
        thread_sleep_us(5 * US_PER_MS);
    }
    assert_int_equal(one_i64("SELECT COUNT(*) FROM job_logs"), 100); /* while it runs */
    assert_int_equal(one_i64("SELECT progress FROM jobs WHERE type = 'test.talks'"), 42);
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE progress_text = 'half of it'"), 1);
    assert_int_equal(
        one_i64("SELECT COUNT(*) FROM job_logs WHERE message = 'line 99' AND line = 100"), 1);
    let_end();
    wait_state(&id, "succeeded");
    assert_true(one_i64("SELECT COUNT(*) FROM job_logs") <= JOB_LOG_LINES_MAX);
}

static void test_prune(void **state)
{
    (void)state;
    need_database();
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.ok"});
    Uuid dead = enqueue(&(JobSpec){.type = "test.refused"});
    wait_state(&id, "succeeded");
    wait_state(&dead, "dead");
    sql("UPDATE jobs SET keep_until = 1 WHERE state = 'succeeded'");
    Uuid prune = enqueue(&(JobSpec){.type = "jobs.prune"});
    wait_state(&prune, "succeeded");
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.ok'"), 0);
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.refused'"), 1);
}

/* The database crashes while a job runs: its outcome is written once the database is back. */
static void test_database_away(void **state)
{
    (void)state;
    need_database();
    if (!test_pg_is_private()) {
        skip(); /* not ours to stop */
    }
    start(p);
    Uuid id = enqueue(&(JobSpec){.type = "test.stubborn"});
    wait_runs(1);
    test_pg_stop(true);
    let_end();
    thread_sleep_us(200 * US_PER_MS);
    test_pg_start();
    int64_t deadline = time_monotonic_us() + 20 * US_PER_SECOND;
    while (db_ping(p->db, &cx->error) != RC_OK && time_monotonic_us() < deadline) {
        thread_sleep_us(20 * US_PER_MS);
    }
    wait_state(&id, "succeeded");
    assert_int_equal(seen_count(), 1);
}

/* ---- several processes */

static void test_processes(void **state)
{
    enum { N = 150, PROCESSES = 3 };
    (void)state;
    need_database();
    TestPlatform *more[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        more[i] = test_platform_new(url_now, &test_module);
        start(&more[i]->platform);
    }
    for (int i = 0; i < N; i++) {
        enqueue(&(JobSpec){.type = "test.flaky", .payload = numbered(i)});
    }
    int64_t deadline = time_monotonic_us() + 40 * US_PER_SECOND;
    while (one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.flaky' AND state = 'succeeded'") <
               N &&
           time_monotonic_us() < deadline) {
        thread_sleep_us(20 * US_PER_MS);
    }
    assert_int_equal(
        one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.flaky' AND state = 'succeeded'"), N);
    /* Each attempt ran exactly once, never two of one job at a time. */
    assert_int_equal(one_i64("SELECT SUM(attempt) FROM jobs WHERE type = 'test.flaky'"),
                     seen_count());
    assert_false(seen.doubled);
    for (size_t i = 0; i < PROCESSES; i++) {
        test_platform_free(more[i]);
    }
}

/* Each due time once, whatever the number of schedulers. */
static void test_schedules(void **state)
{
    (void)state;
    need_database();
    TestPlatform *a = test_platform_new(url_now, &scheduled_module);
    TestPlatform *b = test_platform_new(url_now, &scheduled_module);
    start(&a->platform);
    start(&b->platform);
    wait_runs(12);
    test_platform_free(a);
    test_platform_free(b);
    int64_t queued = one_i64("SELECT COUNT(*) FROM jobs WHERE schedule = 'test.often'");
    assert_true(queued >= 12);
    assert_int_equal(
        one_i64("SELECT COUNT(DISTINCT due_at) FROM jobs WHERE schedule = 'test.often'"), queued);
    assert_int_equal(
        one_i64("SELECT COUNT(*) FROM jobs WHERE schedule = 'test.often' AND state = 'succeeded'"),
        seen_count());
    /* On the grid of the first due time. */
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE schedule = 'test.often' AND "
                             "(due_at - (SELECT MIN(due_at) FROM jobs WHERE schedule = "
                             "'test.often')) % 150000 <> 0"),
                     0);
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE schedule = 'test.yearly'"), 0);
    assert_true(one_i64("SELECT next_at FROM job_schedules WHERE name = 'test.yearly'") >
                time_now_us());
}

/* Due times that passed while nothing ran become one job. */
static void test_missed(void **state)
{
    (void)state;
    need_database();
    TestPlatform *a = test_platform_new(url_now, &scheduled_module);
    start(&a->platform);
    test_platform_free(a);
    sql("UPDATE job_schedules SET next_at = next_at - 94608000000000 WHERE name = 'test.yearly'"); /* three years */
    a = test_platform_new(url_now, &scheduled_module);
    start(&a->platform);
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    while (one_i64(
               "SELECT COUNT(*) FROM jobs WHERE schedule = 'test.yearly' AND state = 'succeeded'") <
               1 &&
           time_monotonic_us() < deadline) {
        thread_sleep_us(5 * US_PER_MS);
    }
    test_platform_free(a);
    assert_int_equal(one_i64("SELECT COUNT(*) FROM jobs WHERE schedule = 'test.yearly'"), 1);
    assert_true(one_i64("SELECT next_at FROM job_schedules WHERE name = 'test.yearly'") >
                time_now_us());
}

#define ON_BOTH(test)                                                                              \
    {#test " on SQLite", test, on_sqlite, tear_down, NULL},                                        \
    {                                                                                              \
#test " on PostgreSQL", test, on_postgres, tear_down, NULL                                 \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ON_BOTH(test_queries),
        ON_BOTH(test_runs),
        ON_BOTH(test_is_woken),
        ON_BOTH(test_undone_is_not_run),
        ON_BOTH(test_retries_then_dead),
        ON_BOTH(test_dead_at_once),
        ON_BOTH(test_retry_in),
        ON_BOTH(test_run_at),
        ON_BOTH(test_priority),
        ON_BOTH(test_concurrency),
        ON_BOTH(test_key),
        ON_BOTH(test_key_superseded),
        ON_BOTH(test_cancel_running),
        ON_BOTH(test_stop_gives_back),
        ON_BOTH(test_stop_at_any_moment),
        ON_BOTH(test_stop_stubborn),
        ON_BOTH(test_lease_expiry),
        ON_BOTH(test_lost_lease),
        ON_BOTH(test_log_and_progress),
        ON_BOTH(test_prune),
        ON_BOTH(test_processes),
        ON_BOTH(test_schedules),
        ON_BOTH(test_missed),
        {"test_database_away on PostgreSQL", test_database_away, on_postgres, tear_down, NULL},
    };
    log_configure(LOG_OFF, LOG_TEXT);
    IGNORE(setenv("FAIRWAY_SERVER_SHUTDOWN_GRACE", "300ms", 1)); /* cannot fail */
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    test_database_end();
    return rc;
}
