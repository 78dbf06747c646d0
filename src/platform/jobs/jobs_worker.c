/* SPDX-License-Identifier: Apache-2.0
 * The workers: each runs one job at a time and writes its outcome.
 *
 * The outcome is written only while the lease is still ours (owner and attempt in the WHERE): a
 * process that was stopped for longer than its lease cannot undo what the next owner did. */
#include "base/log.h"

#include "jobs_q_sql.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs_priv.h"
#include "platform/telemetry/telemetry.h"

#include <stdlib.h>
#include <string.h>

typedef struct Outcome {
    const char *state; /* "succeeded" "failed" "dead" "cancelled" "queued" */
    Str error;
    int64_t retry_in_us;
    bool is_attempt_undone;
} Outcome;

/* ---- what becomes of it */

static bool may_retry(Rc rc)
{
    return rc == RC_BUSY || rc == RC_UPSTREAM || rc == RC_TIMEOUT || rc == RC_INTERNAL ||
           rc == RC_FULL;
}

/* Half to one and a half times the wait: those that failed together do not come back together. */
static int64_t with_jitter(int64_t us)
{
    uint32_t random;
    random_bytes(&random, sizeof(random));
    return us / 2 + (int64_t)((double)us * ((double)random / UINT32_MAX));
}

static int64_t table_wait(const int64_t *table, int64_t attempt)
{
    int64_t wait = table[0];
    for (int64_t i = 0; i < attempt && table[i]; i++) {
        wait = table[i];
    }
    return wait;
}

static int64_t retry_wait(const Run *run)
{
    enum { DOUBLINGS_MAX = 20 };
    const JobType *type = run->type;
    if (run->retry_in_us >= 0) {
        return run->retry_in_us;
    }
    if (type->backoff_table) {
        return with_jitter(table_wait(type->backoff_table, run->attempt));
    }
    int64_t first = type->backoff_us ? type->backoff_us : JOB_BACKOFF_US;
    int64_t doublings = MIN(run->attempt - 1, DOUBLINGS_MAX);
    return with_jitter(MIN(first << doublings, JOB_BACKOFF_MAX_US));
}

static int64_t max_attempts(const JobType *type)
{
    return type->max_attempts ? type->max_attempts : JOB_ATTEMPTS_DEFAULT;
}

static Outcome judge(Jobs *jobs, Run *run, const Error *err)
{
    Rc rc = err->code;
    Outcome o = {.state = "succeeded", .error = rc ? str_from(err->message) : STR_EMPTY};
    mutex_lock(&jobs->lock);
    bool cancelled = run->is_cancelled;
    mutex_unlock(&jobs->lock);
    if (rc == RC_OK) {
        return o;
    }
    if (cancelled) {
        o.state = "cancelled";
    } else if (may_retry(rc) && atomic_load(&jobs->is_stopping)) {
        o.state = "queued"; /* it was asked to end: not its fault */
        o.is_attempt_undone = true;
    } else if (may_retry(rc) && run->attempt < max_attempts(run->type)) {
        o.state = "failed";
        o.retry_in_us = retry_wait(run);
    } else {
        o.state = "dead";
    }
    return o;
}

/* ---- writing it */

Rc jobs_wait_again(Ctx *cx, const WaitAgain *w, int64_t *ret_changed)
{
    int64_t now = time_now_us();
    int64_t keep_until = now + jobs_keep_us(cx->platform->jobs, NULL, false);
    return tx_exec(cx->tx, &jobs_q_wait_again,
                   PARAMS(P_STR(w->id), P_STR(w->owner), P_I64(w->attempt), P_CSTR(w->state),
                          P_I64(now), P_STR_OR_NULL(w->error), P_I64(keep_until),
                          P_I64(w->run_at_us), P_I64(w->is_attempt_undone ? 1 : 0)),
                   ret_changed, &cx->error);
}

static Rc tell_end(Ctx *cx, const Run *run, const char *event, Str error)
{
    Json *data = json_object(cx->arena);
    json_set_str(cx->arena, data, "type", str_from(run->type->name));
    json_set_c(cx->arena, data, "attempts", json_int(cx->arena, run->attempt));
    json_set_str(cx->arena, data, "error", error);
    return events_emit(cx, event, "/api/jobs", uuid_str(&run->id), data);
}

static Rc write_end(Ctx *cx, Jobs *jobs, const Run *run, const Outcome *o, int64_t *ret_changed)
{
    int64_t now = time_now_us();
    bool is_good = strcmp(o->state, "succeeded") == 0;
    TRY(tx_exec(cx->tx, &jobs_q_finish,
                PARAMS(P_STR(uuid_str(&run->id)), P_CSTR(cx->platform->instance),
                       P_I64(run->attempt), P_CSTR(o->state), P_I64(now), P_STR_OR_NULL(o->error),
                       P_I64(now + jobs_keep_us(jobs, run->type, is_good))),
                ret_changed, &cx->error));
    if (*ret_changed == 1 && !is_good) {
        return tell_end(cx, run, strcmp(o->state, "dead") == 0 ? "jobs.dead" : "jobs.cancelled",
                        o->error);
    }
    return RC_OK;
}

static Rc write_outcome(Ctx *cx, Jobs *jobs, Run *run, const Outcome *o, int64_t *ret_changed)
{
    bool waits = strcmp(o->state, "failed") == 0 || strcmp(o->state, "queued") == 0;
    TRY(ctx_begin(cx));
    TRY(jobs_flush_run(cx, jobs, run));
    if (waits) {
        WaitAgain w = {.id = uuid_str(&run->id),
                       .owner = str_from(cx->platform->instance),
                       .attempt = run->attempt,
                       .state = o->state,
                       .error = o->error,
                       .run_at_us = time_now_us() + o->retry_in_us,
                       .is_attempt_undone = o->is_attempt_undone};
        TRY(jobs_wait_again(cx, &w, ret_changed));
    } else {
        TRY(write_end(cx, jobs, run, o, ret_changed));
    }
    return ctx_commit(cx);
}

static bool is_lost(Jobs *jobs, const Run *run)
{
    mutex_lock(&jobs->lock);
    bool lost = run->is_lost;
    mutex_unlock(&jobs->lock);
    return lost;
}

/* Lines that could not be written. */
static void drop_lines(Jobs *jobs, Run *run)
{
    mutex_lock(&jobs->lock);
    while (run->n_lines > 0) {
        free(run->lines[--run->n_lines].text);
    }
    mutex_unlock(&jobs->lock);
}

/* The database may be away for a moment: tried until the lease is lost, which the keeper notes. */
static void settle(Ctx *cx, Jobs *jobs, Run *run, Error *result)
{
    enum { PAUSE_MS = 250, TRIES = 100 };
    Outcome o = judge(jobs, run, result);
    int64_t changed = 0;
    Rc rc = RC_BUSY;
    for (int i = 0; i < TRIES && rc != RC_OK && !is_lost(jobs, run); i++) {
        if (i > 0) {
            thread_sleep_us(PAUSE_MS * US_PER_MS);
        }
        ctx_end(cx);
        rc = write_outcome(cx, jobs, run, &o, &changed);
    }
    ctx_end(cx);
    drop_lines(jobs, run);
    bool is_good = result->code == RC_OK;
    metric_add(is_good                        ? jobs->succeeded
               : strcmp(o.state, "dead") == 0 ? jobs->dead
                                              : jobs->failed,
               1);
    if (rc != RC_OK || changed != 1) {
        log_warn("jobs.outcome_lost", F_STR("job", uuid_str(&run->id)),
                 F_CSTR("type", run->type->name), F_CSTR("state", o.state),
                 F_CSTR("error", rc ? cx->error.message : "the lease had run out"));
    } else if (!is_good) {
        log_warn("jobs.attempt_failed", F_STR("job", uuid_str(&run->id)),
                 F_CSTR("type", run->type->name), F_I64("attempt", run->attempt),
                 F_CSTR("state", o.state), F_STR("error", o.error),
                 F_CSTR("detail", result->detail));
    }
}

/* ---- running */

static Rc run_handler(Ctx *cx, Run *run)
{
    Job job = {.id = uuid_str(&run->id),
               .type = str_from(run->type->name),
               .attempt = (unsigned)run->attempt,
               .priv = run};
    Json *payload;
    if (run->attempt > MAX(max_attempts(run->type), (int64_t)JOB_CRASHES_MAX)) {
        return fail(cx, RC_CONFLICT, "Its process ended %lld times while it ran",
                    (long long)run->attempt - 1);
    }
    TRY(json_parse(cx->arena, run->payload, NULL, &payload, &cx->error));
    job.payload = payload;
    cx->deadline_us =
        time_monotonic_us() + (run->type->timeout_us ? run->type->timeout_us : JOB_TIMEOUT_US);
    return run->type->run(cx, &job);
}

/* Each run is a trace of its own: what queued the job has long ended. */
static void trace_run(Telemetry *telemetry, const Run *run, const Error *result, int64_t duration)
{
    const SpanAttr attrs[] = {
        {.key = "job.id",      .text = uuid_str(&run->id)       },
        {.key = "job.type",    .text = str_from(run->type->name)},
        {.key = "job.attempt", .number = run->attempt           }
    };
    telemetry_span(telemetry, &(Span){.kind = SPAN_INTERNAL,
                                      .name = str_from(run->type->name),
                                      .duration_us = duration,
                                      .error = result->code ? rc_slug(result->code) : NULL,
                                      .attrs = attrs,
                                      .n_attrs = ARRAY_LEN(attrs)});
}

static void run_job(Ctx *cx, Jobs *jobs, Run *run)
{
    int64_t started = time_monotonic_us();
    ctx_reset(cx);
    error_clear(&cx->error);
    Rc rc = run_handler(cx, run);
    ctx_end(cx);
    Error result = {0};
    if (rc != RC_OK) {
        result = cx->error;
        if (result.code != rc) { /* the handler returned a code without saying why */
            error_set(&result, rc, "%s", rc_title(rc));
        }
    }
    int64_t duration = time_monotonic_us() - started;
    metric_observe_us(jobs->duration, duration);
    if (cx->platform->telemetry) {
        trace_run(cx->platform->telemetry, run, &result, duration);
    }
    cx->deadline_us = INT64_MAX;
    settle(cx, jobs, run, &result);
}

static bool next_work(Worker *worker)
{
    Jobs *jobs = worker->jobs;
    mutex_lock(&jobs->lock);
    while (worker->state == WORKER_IDLE && !jobs->closing) {
        cond_wait(&worker->has_work, &jobs->lock);
    }
    bool busy = worker->state == WORKER_BUSY;
    mutex_unlock(&jobs->lock);
    return busy;
}

static void rest(Worker *worker)
{
    Jobs *jobs = worker->jobs;
    mutex_lock(&jobs->lock);
    worker->state = WORKER_IDLE;
    for (size_t i = 0; i < jobs->n_types; i++) {
        if (jobs->types[i].type == worker->run.type) {
            jobs->types[i].running--;
        }
    }
    jobs->woken = true;
    cond_signal(&jobs->keeper_wake);
    mutex_unlock(&jobs->lock);
    metric_add(jobs->running, -1);
}

void *jobs_worker_main(void *user)
{
    Worker *worker = user;
    Ctx *cx = ctx_new_system(worker->jobs->platform, "jobs");
    while (next_work(worker)) {
        run_job(cx, worker->jobs, &worker->run);
        rest(worker);
    }
    ctx_free(cx);
    return NULL;
}
