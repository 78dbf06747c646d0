/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/jobs/jobs_test_stage.h"

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

DbKind kind;
TestPlatform *t;
Platform *p;
Ctx *cx;

void must(Rc rc)
{
    if (rc != RC_OK) {
        fail_msg("%s (%s)", cx->error.message, cx->error.detail);
    }
}

/* ---- what the handlers saw */

Seen seen = {.lock = MUTEX_INIT};

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

size_t seen_count(void)
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
const Module test_module = {
    .name = "test", .title = "Test", .job_types = types, .n_job_types = ARRAY_LEN(types)};
static const JobSchedule schedules[] = {
    {.name = "test.often",  .type = "test.ok", .every_us = 150 * US_PER_MS},
    {.name = "test.yearly", .type = "test.ok", .cron = "0 0 1 1 *"        },
};
const Module scheduled_module = {.name = "test",
                                 .title = "Test",
                                 .job_types = types,
                                 .n_job_types = ARRAY_LEN(types),
                                 .schedules = schedules,
                                 .n_schedules = ARRAY_LEN(schedules)};

/* ---- the stage */

const char *url_now;

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

int on_sqlite(void **state)
{
    (void)state;
    return set_up(DB_SQLITE);
}

int on_postgres(void **state)
{
    (void)state;
    return set_up(DB_POSTGRES);
}

void let_end(void)
{
    mutex_lock(&seen.lock);
    seen.may_end = true;
    mutex_unlock(&seen.lock);
}

int tear_down(void **state)
{
    (void)state;
    let_end();
    ctx_free(cx);
    test_platform_free(t);
    return 0;
}

void need_database(void)
{
    if (!t) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
}

void start(Platform *platform)
{
    Error err = {0};
    if (jobs_start(platform->jobs, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
}

void sql(const char *text)
{
    must(ctx_begin(cx));
    must(tx_exec_sql(cx->tx, str_from(text), NO_PARAMS, NULL, &cx->error));
    must(ctx_commit(cx));
}

int64_t one_i64(const char *text)
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

Uuid enqueue(const JobSpec *spec)
{
    Uuid id = {0};
    ctx_end(cx);
    must(ctx_begin(cx));
    must(jobs_enqueue(cx, spec, &id));
    must(ctx_commit(cx));
    return id;
}

Str state_of(const Uuid *id)
{
    static const Query q = {"test.state", "SELECT state FROM jobs WHERE id = $1", NULL};
    Str state = STR_EMPTY;
    ctx_end(cx);
    must(ctx_read(cx));
    must(tx_one_str(cx->tx, &q, PARAMS(P_STR(uuid_str(id))), cx->arena, &state, &cx->error));
    ctx_end(cx);
    return state;
}

void wait_state(const Uuid *id, const char *state)
{
    int64_t deadline = time_monotonic_us() + 15 * US_PER_SECOND;
    while (!str_is(state_of(id), state) && time_monotonic_us() < deadline) {
        thread_sleep_us(3 * US_PER_MS);
    }
    assert_str(state_of(id), str_from(state));
}

void wait_runs(size_t n)
{
    int64_t deadline = time_monotonic_us() + 15 * US_PER_SECOND;
    while (seen_count() < n && time_monotonic_us() < deadline) {
        thread_sleep_us(2 * US_PER_MS);
    }
    assert_true(seen_count() >= n);
}

const Json *numbered(int64_t n)
{
    Json *payload = json_object(cx->arena);
    json_set_c(cx->arena, payload, "n", json_int(cx->arena, n));
    return payload;
}

void wait_event(const char *type)
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
