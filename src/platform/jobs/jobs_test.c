/* SPDX-License-Identifier: Apache-2.0
 * The job engine on both databases: outcomes, leases, cancellation, schedules, several processes.
 */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "jobs_q_sql.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs_priv.h"
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

static DbKind kind; /* of the test that runs */
static TestPlatform *t;
static Platform *p;
static Ctx *cx;

static void must(Rc rc)
{
    if (rc != RC_OK) {
        fail_msg("%s (%s)", cx->error.message, cx->error.detail);
    }
}

/* ---- what the handlers saw */

enum { MAX_RUNS = 4096 };

typedef struct SeenRun {
    Uuid id;
    int64_t n; /* of the payload */
    unsigned attempt;
    int64_t started_us; /* monotonic */
} SeenRun;

static struct {
    Mutex lock;
    SeenRun runs[MAX_RUNS];
    size_t n;
    unsigned running, most_running;
    bool doubled; /* one job ran twice at a time */
    Uuid now[64];
    bool may_end;
} seen = {.lock = MUTEX_INIT};

static void seen_begin(Job *job)
{
    int64_t n = -1;
    IGNORE(!json_to_i64(json_get_c(job->payload, "n"), &n)); /* -1 when it has none */
    mutex_lock(&seen.lock);
    SeenRun *run = &seen.runs[seen.n++];
    ASSERT(seen.n < MAX_RUNS);
    *run = (SeenRun){.n = n, .attempt = job->attempt, .started_us = time_monotonic_us()};
    memcpy(run->id.text, job->id.ptr, UUID_LEN);
    for (unsigned i = 0; i < seen.running; i++) {
        seen.doubled = seen.doubled || str_eq(uuid_str(&seen.now[i]), job->id);
    }
    seen.now[seen.running++] = run->id;
    seen.most_running = MAX(seen.most_running, seen.running);
    mutex_unlock(&seen.lock);
}

static void seen_end(Job *job)
{
    mutex_lock(&seen.lock);
    for (unsigned i = 0; i < seen.running; i++) {
        if (str_eq(uuid_str(&seen.now[i]), job->id)) {
            seen.now[i] = seen.now[--seen.running];
            break;
        }
    }
    mutex_unlock(&seen.lock);
}

static size_t seen_count(void)
{
    mutex_lock(&seen.lock);
    size_t n = seen.n;
    mutex_unlock(&seen.lock);
    return n;
}

static bool may_end(void)
{
    mutex_lock(&seen.lock);
    bool yes = seen.may_end;
    mutex_unlock(&seen.lock);
    return yes;
}

static Rc run_ok(Ctx *jcx, Job *job)
{
    (void)jcx;
    seen_begin(job);
    seen_end(job);
    return RC_OK;
}

static Rc run_short(Ctx *jcx, Job *job)
{
    (void)jcx;
    seen_begin(job);
    thread_sleep_us(5 * US_PER_MS);
    seen_end(job);
    return RC_OK;
}

static Rc run_flaky(Ctx *jcx, Job *job)
{
    uint32_t dice;
    seen_begin(job);
    random_bytes(&dice, sizeof(dice));
    thread_sleep_us(dice % 3000);
    seen_end(job);
    return job->attempt < 3 && dice % 4 == 0 ? (fail)(jcx, RC_UPSTREAM, "not this time") : RC_OK;
}

static Rc run_fails(Ctx *jcx, Job *job)
{
    seen_begin(job);
    seen_end(job);
    return (fail)(jcx, RC_UPSTREAM, "attempt %u failed", job->attempt);
}

static Rc run_refused(Ctx *jcx, Job *job)
{
    seen_begin(job);
    seen_end(job);
    return (fail)(jcx, RC_INVALID, "it can never work");
}

static Rc run_later(Ctx *jcx, Job *job)
{
    seen_begin(job);
    seen_end(job);
    job_retry_in(job, 300 * US_PER_MS);
    return job->attempt == 1 ? (fail)(jcx, RC_BUSY, "come back in 300 ms") : RC_OK;
}

/* Until it is cancelled, or allowed to end. */
static Rc run_waits(Ctx *jcx, Job *job)
{
    bool cancelled = false;
    seen_begin(job);
    while (!cancelled && !may_end()) {
        thread_sleep_us(2 * US_PER_MS);
        cancelled = job_is_cancelled(jcx, job);
    }
    seen_end(job);
    return cancelled ? (fail)(jcx, RC_BUSY, "it was asked to end") : RC_OK;
}

/* Deaf to everything. */
static Rc run_stubborn(Ctx *jcx, Job *job)
{
    (void)jcx;
    seen_begin(job);
    while (!may_end()) {
        thread_sleep_us(2 * US_PER_MS);
    }
    seen_end(job);
    return RC_OK;
}

static Rc run_talks(Ctx *jcx, Job *job)
{
    seen_begin(job);
    for (int i = 0; i < 100; i++) {
        job_log(jcx, job, "line %d", i);
    }
    job_progress(jcx, job, 42, "half of %s", "it");
    while (!may_end()) {
        thread_sleep_us(2 * US_PER_MS);
    }
    for (int i = 0; i < 2 * JOB_LOG_LINES_MAX; i++) {
        job_log(jcx, job, "more %d", i);
        if (i % JOB_LOG_BUFFER == 0) {
            thread_sleep_us(10 * US_PER_MS);
        }
    }
    seen_end(job);
    return RC_OK;
}

/* As if this process had been stopped for longer than its lease. */
static Rc run_robbed(Ctx *jcx, Job *job)
{
    static const Query rob = {
        "test.rob", "UPDATE jobs SET lease_owner = 'thief', attempt = 2 WHERE id = $1", NULL};
    seen_begin(job);
    seen_end(job);
    TRY(ctx_begin(jcx));
    TRY(tx_exec(jcx->tx, &rob, PARAMS(P_STR(job->id)), NULL, &jcx->error));
    return ctx_commit(jcx);
}

static const int64_t short_table[] = {20 * US_PER_MS, 40 * US_PER_MS, 0};
static const JobType types[] = {
    {.name = "test.ok",             .run = run_ok               },
    {.name = "test.single",         .run = run_short,             .concurrency = 1},
    {.name = "test.pair",                             .run = run_short,                                       .concurrency = 2},
    {.name = "test.flaky",             .run = run_flaky,   .backoff_us = 10 * US_PER_MS},
    {.name = "test.fails", .run = run_fails,.max_attempts = 3, .backoff_table = short_table},
    {.name = "test.refused",          .run = run_refused                     },
    {.name = "test.later", .run = run_later                            },
    {.name = "test.waits",  .run = run_waits        },
    {.name = "test.stubborn",             .run = run_stubborn            },
    {.name = "test.talks",            .run = run_talks                               },
    {.name = "test.robbed",.run = run_robbed             },
};
static const Module test_module = {
    .name = "test", .title = "Test", .job_types = types, .n_job_types = ARRAY_LEN(types)};
static const JobSchedule schedules[] = {
    {.name = "test.often",  .type = "test.ok", .every_us = 150 * US_PER_MS},
    {.name = "test.yearly", .type = "test.ok", .cron = "0 0 1 1 *"        },
};
static const Module scheduled_module = {.name = "test",
                                        .title = "Test",
                                        .job_types = types,
                                        .n_job_types = ARRAY_LEN(types),
                                        .schedules = schedules,
                                        .n_schedules = ARRAY_LEN(schedules)};

/* ---- the stage */

static const char *url_now;

static int set_up(DbKind of)
{
    kind = of;
    url_now = test_database_url(of);
    mutex_lock(&seen.lock);
    seen.n = seen.running = seen.most_running = 0;
    seen.doubled = seen.may_end = false;
    mutex_unlock(&seen.lock);
    t = url_now ? test_platform_new(url_now, &test_module) : NULL;
    p = t ? &t->platform : NULL;
    cx = t ? ctx_new_system(p, "test") : NULL;
    return 0;
}

static int on_sqlite(void **state)
{
    (void)state;
    return set_up(DB_SQLITE);
}

static int on_postgres(void **state)
{
    (void)state;
    return set_up(DB_POSTGRES);
}

static void let_end(void)
{
    mutex_lock(&seen.lock);
    seen.may_end = true;
    mutex_unlock(&seen.lock);
}

static int tear_down(void **state)
{
    (void)state;
    let_end();
    ctx_free(cx);
    test_platform_free(t);
    return 0;
}

static void need_database(void)
{
    if (!t) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
}

static void start(Platform *platform)
{
    Error err = {0};
    if (jobs_start(platform->jobs, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
}

static void sql(const char *text)
{
    must(ctx_begin(cx));
    must(tx_exec_sql(cx->tx, str_from(text), NO_PARAMS, NULL, &cx->error));
    must(ctx_commit(cx));
}

static int64_t one_i64(const char *text)
{
    int64_t v = 0;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    ctx_end(cx);
    must(ctx_read(cx));
    must(tx_query_sql(cx->tx, str_from(text), NO_PARAMS, &rows, &cx->error));
    if (rows_next(rows)) {
        v = rows_i64(rows, 0);
    }
    return v;
}

static Uuid enqueue(const JobSpec *spec)
{
    Uuid id = {0};
    ctx_end(cx);
    must(ctx_begin(cx));
    must(jobs_enqueue(cx, spec, &id));
    must(ctx_commit(cx));
    return id;
}

static Str state_of(const Uuid *id)
{
    static const Query q = {"test.state", "SELECT state FROM jobs WHERE id = $1", NULL};
    Str state = STR_EMPTY;
    ctx_end(cx);
    must(ctx_read(cx));
    must(tx_one_str(cx->tx, &q, PARAMS(P_STR(uuid_str(id))), cx->arena, &state, &cx->error));
    ctx_end(cx);
    return state;
}

static void wait_state(const Uuid *id, const char *state)
{
    int64_t deadline = time_monotonic_us() + 15 * US_PER_SECOND;
    while (!str_is(state_of(id), state) && time_monotonic_us() < deadline) {
        thread_sleep_us(3 * US_PER_MS);
    }
    assert_str(state_of(id), str_from(state));
}

static void wait_runs(size_t n)
{
    int64_t deadline = time_monotonic_us() + 15 * US_PER_SECOND;
    while (seen_count() < n && time_monotonic_us() < deadline) {
        thread_sleep_us(2 * US_PER_MS);
    }
    assert_true(seen_count() >= n);
}

static const Json *numbered(int64_t n)
{
    Json *payload = json_object(cx->arena);
    json_set_c(cx->arena, payload, "n", json_int(cx->arena, n));
    return payload;
}

static void wait_event(const char *type)
{
    Error err = {0};
    Event *events;
    size_t n = 0;
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    assert_int_equal(events_start(p->events, &err), RC_OK); /* on PostgreSQL it places them */
    while (n == 0 && time_monotonic_us() < deadline) {
        ctx_end(cx);
        must(events_read(cx, STR_EMPTY, str_from(type), 10, &events, &n));
    }
    assert_int_equal(n, 1);
}

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
    int64_t queued_us = time_monotonic_us();
    Uuid id = enqueue(&(JobSpec){.type = "test.ok", .payload = numbered(7)});
    wait_state(&id, "succeeded");
    assert_int_equal(seen.runs[0].n, 7);
    assert_int_equal(seen.runs[0].attempt, 1);
    assert_true(seen.runs[0].started_us - queued_us < 500 * US_PER_MS); /* woken, not polled */
    assert_int_equal(
        one_i64("SELECT COUNT(*) FROM jobs WHERE type = 'test.ok' AND keep_until > finished_at"),
        1);
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
    assert_true(waited >= 300 * US_PER_MS && waited < 2 * US_PER_SECOND);
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
    assert_true(waited >= 390 * US_PER_MS && waited < 900 * US_PER_MS);
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
