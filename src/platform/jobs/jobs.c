/* SPDX-License-Identifier: Apache-2.0
 * The Jobs object, queueing, and what a handler calls while it runs. */
#include "jobs_q_sql.h"
#include "platform/jobs/jobs_priv.h"
#include "platform/mail/mail.h"
#include "platform/platform_jobs.h"
#include "platform/settings/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the platform's own work */

/* Aligned columns would be wider than any screen. */
/* clang-format off */
static const JobType platform_types[] = {
    {.name = "events.prune", .run = events_prune_run, .concurrency = 1},
    {.name = "jobs.prune", .run = jobs_prune_run, .concurrency = 1},
    {.name = "mail.send",
     .run = mail_send_run,
     .max_attempts = MAIL_ATTEMPTS,
     .backoff_table = mail_backoff,
     .keep_us = US_PER_HOUR},
};
/* clang-format on */
static const JobSchedule platform_schedules[] = {
    {.name = "events.prune", .type = "events.prune", .every_us = US_PER_HOUR       },
    {.name = "jobs.prune",   .type = "jobs.prune",   .every_us = 10 * US_PER_MINUTE},
};

Rc jobs_prune_run(Ctx *cx, Job *job)
{
    enum { PRUNE_BATCH = 500 };
    int64_t removed = PRUNE_BATCH;
    while (removed == PRUNE_BATCH && !job_is_cancelled(cx, job)) {
        TRY(ctx_begin(cx));
        TRY(tx_exec(cx->tx, &jobs_q_prune, PARAMS(P_I64(time_now_us()), P_I64(PRUNE_BATCH)),
                    &removed, &cx->error));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}

/* ---- types */

const JobType *jobs_type(const Jobs *jobs, Str name)
{
    for (size_t i = 0; i < jobs->n_types; i++) {
        if (str_is(name, jobs->types[i].type->name)) {
            return jobs->types[i].type;
        }
    }
    return NULL;
}

int64_t jobs_keep_us(const Jobs *jobs, const JobType *type, bool succeeded)
{
    if (succeeded) {
        return type && type->keep_us ? type->keep_us : JOB_KEEP_US;
    }
    return settings_duration_us(jobs->platform->settings, "jobs.retention");
}

/* ---- queueing */

void jobs_wake(Jobs *jobs)
{
    mutex_lock(&jobs->lock);
    if (!jobs->woken) {
        jobs->woken = true;
        cond_signal(&jobs->keeper_wake);
    }
    mutex_unlock(&jobs->lock);
}

void jobs_wake_all(void *user)
{
    Jobs *jobs = user;
    jobs_wake(jobs);
    db_notify(jobs->platform->db, TOPIC_JOBS);
}

static void give_id(Str text, Uuid *ret)
{
    if (ret) {
        ASSERT(text.len == UUID_LEN);
        memcpy(ret->text, text.ptr, UUID_LEN);
        ret->text[UUID_LEN] = '\0';
    }
}

Rc jobs_insert(Ctx *cx,
               const JobSpec *spec,
               const char *schedule,
               int64_t due_us,
               Uuid *ret_id,
               bool *ret_queued)
{
    Uuid id = uuid_v7();
    int64_t now = time_now_us(), changed = 0;
    Str payload = spec->payload ? json_to_str(cx->arena, spec->payload) : STR("{}");
    ASSERT(cx->tx && tx_is_write(cx->tx));
    ASSERT(!spec->payload || spec->payload->type == JSON_OBJECT);
    ASSERT(spec->key.len <= JOB_KEY_MAX);
    if (payload.len > JOB_PAYLOAD_MAX) {
        return fail(cx, RC_LIMIT,
                    "The payload of a job of type %s has %zu bytes; at most %d are allowed",
                    spec->type, payload.len, JOB_PAYLOAD_MAX);
    }
    TRY(tx_exec(cx->tx, &jobs_q_insert,
                PARAMS(P_STR(uuid_str(&id)), P_I64(now), P_STR_OR_NULL(cx->actor.id),
                       P_CSTR(spec->type), P_I64(spec->priority), P_STR(payload),
                       P_STR_OR_NULL(spec->key), P_I64(spec->run_at_us ? spec->run_at_us : now),
                       schedule ? P_CSTR(schedule) : P_NULL, schedule ? P_I64(due_us) : P_NULL),
                &changed, &cx->error));
    *ret_queued = changed == 1;
    if (changed == 1) {
        tx_on_commit(cx->tx, jobs_wake_all, cx->platform->jobs);
        give_id(uuid_str(&id), ret_id);
    }
    return RC_OK;
}

Rc jobs_enqueue(Ctx *cx, const JobSpec *spec, Uuid *ret_id)
{
    enum { TRIES = 5 };
    for (int i = 0; i < TRIES; i++) {
        bool queued;
        Str id;
        TRY(jobs_insert(cx, spec, NULL, 0, ret_id, &queued));
        if (queued) {
            return RC_OK;
        }
        Rc rc = tx_one_str(cx->tx, &jobs_q_waiting_by_key, PARAMS(P_STR(spec->key)), cx->arena, &id,
                           &cx->error);
        if (rc == RC_OK) {
            give_id(id, ret_id);
        }
        if (rc != RC_NOT_FOUND) {
            return rc;
        }
        /* A worker took it in between: then there is room for a new one. */
    }
    return fail(cx, RC_BUSY, "A job with the key %.*s changes all the time; try again",
                STR_ARG(spec->key));
}

/* ---- from inside a job */

void job_retry_in(Job *job, int64_t us)
{
    Run *run = job->priv;
    run->retry_in_us = MAX(us, 0);
}

bool job_is_cancelled(Ctx *cx, Job *job)
{
    Jobs *jobs = cx->platform->jobs;
    Run *run = job->priv;
    if (atomic_load_explicit(&jobs->is_stopping, memory_order_relaxed)) {
        return true;
    }
    mutex_lock(&jobs->lock);
    bool yes = run->is_cancelled || run->is_lost;
    mutex_unlock(&jobs->lock);
    return yes;
}

/* Cut at a character: what is stored is UTF-8. */
PRINTF_FORMAT(3, 0)
static Str format_line(char *out, size_t size, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, size, fmt, ap);
    Str text = str_of(out, MIN((size_t)MAX(n, 0), size - 1));
    size_t bad;
    if (!str_is_utf8(text, &bad)) {
        text.len = bad;
        out[bad] = '\0';
    }
    return text;
}

void job_progress(Ctx *cx, Job *job, int percent, const char *fmt, ...)
{
    Jobs *jobs = cx->platform->jobs;
    Run *run = job->priv;
    va_list ap;
    mutex_lock(&jobs->lock);
    va_start(ap, fmt);
    format_line(run->progress_text, sizeof(run->progress_text), fmt, ap);
    va_end(ap);
    run->percent = MIN(percent, 100);
    run->is_dirty = true;
    mutex_unlock(&jobs->lock);
}

static void add_line(Run *run, Str text)
{
    if (run->n_lines == JOB_LOG_BUFFER || run->was_cut) {
        return;
    }
    if (run->log_lines + (int64_t)run->n_lines >= JOB_LOG_LINES_MAX - 1) {
        run->was_cut = true;
        text = STR("The log is full; what follows is not kept.");
    }
    char *copy = malloc(text.len + 1);
    ASSERT(copy != NULL);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    run->lines[run->n_lines++] = (LogLine){time_now_us(), copy};
    run->is_dirty = true;
}

void job_log(Ctx *cx, Job *job, const char *fmt, ...)
{
    Jobs *jobs = cx->platform->jobs;
    char text[JOB_LOG_LINE_MAX];
    va_list ap;
    va_start(ap, fmt);
    Str line = format_line(text, sizeof(text), fmt, ap);
    va_end(ap);
    mutex_lock(&jobs->lock);
    add_line(job->priv, line);
    mutex_unlock(&jobs->lock);
}

/* ---- life */

static size_t count_types(const Platform *p)
{
    size_t n = ARRAY_LEN(platform_types);
    for (size_t i = 0; i < p->n_modules; i++) {
        n += p->modules[i]->n_job_types;
    }
    return n;
}

static size_t count_schedules(const Platform *p)
{
    size_t n = ARRAY_LEN(platform_schedules);
    for (size_t i = 0; i < p->n_modules; i++) {
        n += p->modules[i]->n_schedules;
    }
    return n;
}

static Rc add_types(Jobs *jobs, const JobType *types, size_t n, Error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (jobs_type(jobs, str_from(types[i].name))) {
            return error_set(err, RC_INTERNAL, "Two modules have a job type %s", types[i].name);
        }
        jobs->types[jobs->n_types++] = (TypeState){.type = &types[i]};
    }
    return RC_OK;
}

static Rc add_schedules(Jobs *jobs, const JobSchedule *defs, size_t n, Error *err)
{
    for (size_t i = 0; i < n; i++) {
        Schedule schedule = {.def = &defs[i]};
        bool is_good = defs[i].cron ? cron_parse(str_from(defs[i].cron), &schedule.cron)
                                    : defs[i].every_us > 0;
        if (!is_good || !jobs_type(jobs, str_from(defs[i].type))) {
            return error_set(err, RC_INTERNAL, "The schedule %s has no valid time or job type",
                             defs[i].name);
        }
        jobs->schedules[jobs->n_schedules++] = schedule;
    }
    return RC_OK;
}

static Rc collect(Jobs *jobs, Error *err)
{
    const Platform *p = jobs->platform;
    jobs->types = ARENA_ARRAY(jobs->arena, TypeState, count_types(p));
    jobs->schedules = ARENA_ARRAY(jobs->arena, Schedule, count_schedules(p));
    TRY(add_types(jobs, platform_types, ARRAY_LEN(platform_types), err));
    for (size_t i = 0; i < p->n_modules; i++) {
        TRY(add_types(jobs, p->modules[i]->job_types, p->modules[i]->n_job_types, err));
    }
    TRY(add_schedules(jobs, platform_schedules, ARRAY_LEN(platform_schedules), err));
    for (size_t i = 0; i < p->n_modules; i++) {
        TRY(add_schedules(jobs, p->modules[i]->schedules, p->modules[i]->n_schedules, err));
    }
    return RC_OK;
}

static void declare_metrics(Jobs *jobs)
{
    static const char help[] = "Attempts of jobs by how they ended.";
    Metrics *m = jobs->platform->metrics;
    jobs->succeeded = metrics_counter(m, "fairway_jobs_total", "outcome=\"succeeded\"", help);
    jobs->failed = metrics_counter(m, "fairway_jobs_total", "outcome=\"failed\"", help);
    jobs->dead = metrics_counter(m, "fairway_jobs_total", "outcome=\"dead\"", help);
    jobs->running = metrics_gauge(m, "fairway_jobs_running", "", "Jobs running in this process.");
    jobs->duration =
        metrics_histogram(m, "fairway_jobs_duration_seconds", "", "Duration of attempts of jobs.");
}

Rc jobs_new(Platform *platform, Jobs **ret, Error *err)
{
    Arena *arena = arena_new(0);
    Jobs *jobs = ARENA_NEW(arena, Jobs);
    jobs->arena = arena;
    jobs->platform = platform;
    mutex_init(&jobs->lock);
    cond_init(&jobs->keeper_wake);
    cond_init(&jobs->keeper_gone);
    declare_metrics(jobs);
    Rc rc = collect(jobs, err);
    if (rc != RC_OK) {
        jobs_free(jobs);
        return rc;
    }
    *ret = jobs;
    return RC_OK;
}

Rc jobs_start(Jobs *jobs, Error *err)
{
    size_t n = (size_t)settings_int(jobs->platform->settings, "jobs.workers");
    if (n == 0) {
        return RC_OK;
    }
    Ctx *cx = ctx_new_system(jobs->platform, "jobs");
    Rc rc = schedules_prepare(jobs, cx);
    if (rc != RC_OK) {
        *err = cx->error;
    }
    ctx_free(cx);
    TRY(rc);
    jobs->poll_us =
        MAX(settings_duration_us(jobs->platform->settings, "database.poll"), JOB_POLL_US);
    jobs->workers = ARENA_ARRAY(jobs->arena, Worker, n);
    jobs->n_workers = n;
    for (size_t i = 0; i < n; i++) {
        Worker *worker = &jobs->workers[i];
        worker->jobs = jobs;
        worker->run.arena = arena_new(0);
        cond_init(&worker->has_work);
        thread_start(&worker->thread, "job", jobs_worker_main, worker);
    }
    thread_start(&jobs->keeper, "jobs", jobs_keeper_main, jobs);
    jobs->is_started = true;
    return RC_OK;
}

/* The keeper ends when the workers are idle, or have lost their leases. A statement that does not
 * end would keep it, or a worker, for ever. */
static void end_keeper(Jobs *jobs)
{
    int64_t deadline = time_monotonic_us() + JOB_GIVE_BACK_US +
                       settings_duration_us(jobs->platform->settings, "server.shutdown_grace");
    bool is_idle = true;
    mutex_lock(&jobs->lock);
    while (!jobs->is_keeper_gone && cond_wait_until(&jobs->keeper_gone, &jobs->lock, deadline)) {
    }
    for (size_t i = 0; i < jobs->n_workers; i++) {
        is_idle = is_idle && jobs->workers[i].state == WORKER_IDLE;
    }
    bool is_gone = jobs->is_keeper_gone;
    mutex_unlock(&jobs->lock);
    if (!is_gone || !is_idle) {
        db_hurry(jobs->platform->db);
    }
    thread_join(&jobs->keeper);
}

void jobs_stop(Jobs *jobs)
{
    if (!jobs || !jobs->is_started) {
        return;
    }
    mutex_lock(&jobs->lock);
    jobs->stopping = true;
    jobs->woken = true;
    atomic_store(&jobs->is_stopping, true);
    cond_signal(&jobs->keeper_wake);
    mutex_unlock(&jobs->lock);
    end_keeper(jobs);
    mutex_lock(&jobs->lock);
    jobs->closing = true; /* only now: the keeper may have been about to hand out a job */
    for (size_t i = 0; i < jobs->n_workers; i++) {
        cond_signal(&jobs->workers[i].has_work);
    }
    mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        Worker *worker = &jobs->workers[i];
        thread_join(&worker->thread);
        cond_done(&worker->has_work);
        arena_free(worker->run.arena);
    }
    jobs->is_started = false;
}

void jobs_free(Jobs *jobs)
{
    if (!jobs) {
        return;
    }
    cond_done(&jobs->keeper_gone);
    cond_done(&jobs->keeper_wake);
    mutex_done(&jobs->lock);
    arena_free(jobs->arena);
}
