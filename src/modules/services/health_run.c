/* SPDX-License-Identifier: Apache-2.0
 * The job that runs health checks.
 *
 * One run takes what is due, sends it on threads of its own, writes what came back, and goes on for
 * as long as something is due: a slow endpoint holds up one slot and nothing else. At its end it
 * queues the next run for when the next check is due, so a server without checks does nothing; the
 * schedule once a minute is only there for when that chain was cut. */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "modules/services/services_priv.h"
#include "net/http_client.h"
#include "platform/settings/settings.h"

#include <stdlib.h>

enum {
    SLOTS = 16,          /* requests at once */
    ANSWER_MAX = 1 << 20 /* bytes of an answer */
};
#define SESSION_US (30 * US_PER_SECOND) /* nothing new is begun after this */
#define LOOK_US (500 * US_PER_MS)       /* for what became due while others run */
#define RETRY_US US_PER_SECOND
#define RUN_EVERY_US US_PER_MINUTE
#define KEEP_US US_PER_MINUTE
#define RUN_TIMEOUT_US (5 * US_PER_MINUTE)
#define PRUNE_EVERY_US US_PER_HOUR

/* ---- one request */

static Str explain(Arena *arena, Rc rc, const Error *err)
{
    if (rc == RC_DENIED) {
        return str_fmt(arena, "%s; the operator can allow it with the setting health.allow",
                       err->message);
    }
    return str_dup(arena, str_from(err->message));
}

void health_probe_send(Platform *platform,
                       const HealthProbe *probe,
                       Arena *arena,
                       HealthOutcome *ret)
{
    Str allow = settings_str(platform->settings, "health.allow");
    HttpCall call = {
        .method = probe->method,
        .url = probe->endpoint,
        .headers = probe->headers,
        .n_headers = probe->n_headers,
        .timeout_us = probe->timeout_us,
        .max_body = ANSWER_MAX,
        .allow = http_allow_listed,
        .allow_user = &allow,
        .no_breaker = true, /* failures in a row are what is to be seen */
        .kind = "health",
    };
    HttpAnswer answer;
    Error err = {0};
    int64_t started = time_monotonic_us();
    *ret = (HealthOutcome){
        .check_id = probe->check_id, .service_id = probe->service_id, .at_us = time_now_us()};
    Rc rc = http_client_call(platform->http, &call, arena, &answer, &err);
    ret->duration_us = time_monotonic_us() - started;
    if (rc != RC_OK) {
        ret->error = explain(arena, rc, &err);
        return;
    }
    ret->status_code = answer.status;
    ret->ok = answer.status == probe->expected_status;
    if (!ret->ok) {
        ret->error = str_fmt(arena, "answered %d instead of %lld", answer.status,
                             (long long)probe->expected_status);
    }
}

/* ---- a run: one coordinator, threads that send */

typedef struct Task {
    struct Task *next;
    Arena *arena; /* of the task and all it holds */
    HealthProbe probe;
    HealthOutcome outcome;
} Task;

typedef struct Session {
    Platform *platform;
    Ctx *cx; /* the coordinator's */
    Job *job;
    Ctx *job_cx;
    Uuid token;
    int64_t until_us; /* monotonic */
    Thread threads[SLOTS];
    size_t n_threads;
    size_t running; /* taken and not yet written; the coordinator's */
    Error error;    /* the first one; nothing new is begun after it */
    Mutex lock;     /* guards what follows */
    Cond has_work, has_outcome;
    Task *queued, *finished;
    bool closing;
} Session;

static Task *task_new(const HealthProbe *probe)
{
    Arena *arena = arena_new(0);
    Task *task = ARENA_NEW(arena, Task);
    task->arena = arena;
    task->probe = *probe;
    task->probe.check_id = str_dup(arena, probe->check_id);
    task->probe.service_id = str_dup(arena, probe->service_id);
    task->probe.endpoint = str_dup(arena, probe->endpoint);
    for (size_t i = 0; i < probe->n_headers; i++) {
        task->probe.headers[i] = (HttpPair){str_dup(arena, probe->headers[i].name),
                                            str_dup(arena, probe->headers[i].value)};
    }
    return task;
}

static Task *take_task(Session *s)
{
    mutex_lock(&s->lock);
    while (!s->queued && !s->closing) {
        cond_wait(&s->has_work, &s->lock);
    }
    Task *task = s->queued;
    if (task) {
        s->queued = task->next;
    }
    mutex_unlock(&s->lock);
    return task;
}

static void *send_main(void *user)
{
    Session *s = user;
    for (Task *task = take_task(s); task; task = take_task(s)) {
        health_probe_send(s->platform, &task->probe, task->arena, &task->outcome);
        mutex_lock(&s->lock);
        task->next = s->finished;
        s->finished = task;
        cond_signal(&s->has_outcome);
        mutex_unlock(&s->lock);
    }
    return NULL;
}

static void give_out(Session *s, const HealthProbe *probes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Task *task = task_new(&probes[i]);
        mutex_lock(&s->lock);
        task->next = s->queued;
        s->queued = task;
        cond_signal(&s->has_work);
        mutex_unlock(&s->lock);
        s->running++;
    }
    while (s->n_threads < MIN(s->running, SLOTS)) {
        thread_start(&s->threads[s->n_threads++], "health", send_main, s);
    }
}

/* Takes what is due, unless nothing new is to be begun. */
static Rc take_due(Session *s)
{
    HealthProbe *probes;
    size_t n;
    int64_t due;
    if (s->running >= SLOTS || time_monotonic_us() >= s->until_us ||
        job_is_cancelled(s->job_cx, s->job)) {
        return RC_OK;
    }
    ctx_reset(s->cx);
    TRY(ctx_read_primary(s->cx));
    TRY(health_next_due(s->cx, &due));
    ctx_end(s->cx);
    if (due > time_now_us()) {
        return RC_OK;
    }
    TRY(ctx_begin(s->cx));
    TRY(health_claim(s->cx, uuid_str(&s->token), time_now_us(), SLOTS - s->running, &probes, &n));
    TRY(ctx_commit(s->cx));
    give_out(s, probes, n);
    return RC_OK;
}

/* Waits for outcomes, at most until the next look for what is due. */
static Task *wait_for_outcomes(Session *s)
{
    int64_t deadline = time_monotonic_us() + LOOK_US;
    mutex_lock(&s->lock);
    while (!s->finished && cond_wait_until(&s->has_outcome, &s->lock, deadline)) {
    }
    Task *finished = s->finished;
    s->finished = NULL;
    mutex_unlock(&s->lock);
    return finished;
}

static void free_tasks(Task *task)
{
    while (task) {
        Task *next = task->next;
        arena_free(task->arena);
        task = next;
    }
}

/* The database may be away for a moment; what cannot be written is run again when its time is over.
 */
static Rc write_outcomes(Session *s, Task *finished)
{
    enum { TRIES = 5, PAUSE_MS = 200 };
    HealthOutcome outcomes[SLOTS];
    size_t n = 0;
    Rc rc = RC_BUSY;
    for (Task *task = finished; task && n < SLOTS; task = task->next) {
        outcomes[n++] = task->outcome;
    }
    for (int i = 0; i < TRIES && rc == RC_BUSY; i++) {
        if (i > 0) {
            thread_sleep_us(PAUSE_MS * US_PER_MS);
        }
        ctx_reset(s->cx);
        rc = ctx_begin(s->cx);
        rc = rc == RC_OK ? health_record(s->cx, uuid_str(&s->token), outcomes, n) : rc;
        rc = rc == RC_OK ? ctx_commit(s->cx) : rc;
    }
    s->running -= n;
    return rc;
}

static void note(Session *s, Rc rc)
{
    if (rc != RC_OK && s->error.code == RC_OK) {
        s->error = s->cx->error;
        log_warn("health.run_failed", F_CSTR("error", s->error.message),
                 F_CSTR("detail", s->error.detail));
    }
}

static void go_on(Session *s)
{
    for (;;) {
        if (s->error.code == RC_OK) {
            note(s, take_due(s));
        }
        if (s->running == 0) {
            return;
        }
        Task *finished = wait_for_outcomes(s);
        if (finished) {
            note(s, write_outcomes(s, finished));
            free_tasks(finished);
        }
    }
}

static Rc queue_next(Session *s)
{
    int64_t due;
    ctx_reset(s->cx);
    TRY(ctx_begin(s->cx));
    TRY(health_next_due(s->cx, &due));
    if (due != INT64_MAX) {
        int64_t now = time_now_us(); /* what is overdue is in another process's hands */
        TRY(health_enqueue(s->cx, due > now ? due : now + RETRY_US));
    }
    return ctx_commit(s->cx);
}

static void session_end(Session *s)
{
    mutex_lock(&s->lock);
    s->closing = true;
    cond_broadcast(&s->has_work);
    mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n_threads; i++) {
        thread_join(&s->threads[i]);
    }
    cond_done(&s->has_work);
    cond_done(&s->has_outcome);
    mutex_done(&s->lock);
    ctx_free(s->cx);
}

static Rc run_checks(Ctx *cx, Job *job)
{
    Session s = {
        .platform = cx->platform,
        .cx = ctx_new_system(cx->platform, "health"),
        .job = job,
        .job_cx = cx,
        .token = uuid_v7(),
        .until_us = time_monotonic_us() + SESSION_US,
    };
    mutex_init(&s.lock);
    cond_init(&s.has_work);
    cond_init(&s.has_outcome);
    go_on(&s);
    if (s.error.code == RC_OK) {
        note(&s, queue_next(&s));
    }
    session_end(&s);
    cx->error = s.error;
    return s.error.code;
}

static Rc prune(Ctx *cx, Job *job)
{
    (void)job;
    return health_prune(cx, time_now_us());
}

const JobType health_job_types[2] = {
    {.name = "health.run",
     .run = run_checks,
     .concurrency = 1,
     .max_attempts = 3,
     .backoff_us = RETRY_US,
     .timeout_us = RUN_TIMEOUT_US,
     .keep_us = KEEP_US},
    {.name = "health.prune",    .run = prune},
};

const JobSchedule health_schedules[2] = {
    {.name = "health.run",   .type = "health.run",   .every_us = RUN_EVERY_US  },
    {.name = "health.prune", .type = "health.prune", .every_us = PRUNE_EVERY_US},
};
