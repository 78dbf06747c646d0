/* SPDX-License-Identifier: Apache-2.0
 * platform/jobs/jobs.h - durable background work.
 *
 * A job is a row: queued in the transaction that causes it, taken by a worker under a lease that is
 * renewed while it runs, retried with exponential backoff and jitter, dead-lettered after
 * max_attempts, cancellable, with progress and a log. A crash leaves a lease to expire: the job
 * runs again, so handlers are idempotent. States: queued, running, succeeded, failed (will retry),
 * dead, cancelled. Scheduled jobs (cron or interval) are queued by whichever process holds the
 * scheduler lease, at most once per due time. */
#ifndef PLATFORM_JOBS_H
#define PLATFORM_JOBS_H

#include "data/json.h"
#include "platform/ctx.h"

typedef struct JobType JobType;
typedef struct JobSchedule JobSchedule;

typedef struct Job {
    Str id, type;
    const Json *payload;
    unsigned attempt; /* from 1 */
    void *priv;
} Job;

struct JobType {
    const char *name; /* "webhook.deliver" */
    /* RC_OK: done. RC_BUSY, RC_UPSTREAM, RC_TIMEOUT, RC_FULL, RC_INTERNAL: retry. Any other code:
     * dead at once. cx has no open transaction; cx->error says why. */
    Rc (*run)(Ctx *cx, Job *job);
    unsigned max_attempts; /* that fail; 0 = 8. More may end with their process, which is rarely
                              the job's fault: dead after ten attempts (or max_attempts). */
    int64_t backoff_us;    /* first retry; doubles, at most 1 h. 0 = 5 s */
    const int64_t
        *backoff_table;   /* instead: waits before attempt 2, 3, …; ends with 0. NULL: doubling */
    int64_t timeout_us;   /* deadline of one attempt; 0 = 5 min */
    unsigned concurrency; /* at once in this process; 0 = no own limit */
    int64_t keep_us; /* how long succeeded ones stay visible; 0 = 24 h. Dead and cancelled ones stay
                        for the setting jobs.retention. */
};

struct JobSchedule {
    const char *name; /* unique: "events.prune" */
    const char *type; /* job type */
    const char *cron; /* "0 3 * * *" or NULL */
    int64_t every_us; /* interval, when cron is NULL */
};

typedef struct JobSpec {
    const char *type;
    const Json *payload; /* NULL = {} */
    Str key; /* at most one waiting job (queued, or to be retried) with this key: a second enqueue
                is a no-op; "" none */
    int64_t run_at_us; /* 0 = now */
    int priority;      /* larger first; 0 normal */
} JobSpec;

/* Inside cx's write transaction. *ret_id (may be NULL) is the new or the already queued job. */
MUST_CHECK Rc jobs_enqueue(Ctx *cx, const JobSpec *spec, Uuid *ret_id);

/* From inside run: cheap, written at most once a second. percent 0..100 or -1. */
void job_progress(Ctx *cx, Job *job, int percent, const char *fmt, ...) PRINTF_FORMAT(4, 5);
void job_log(Ctx *cx, Job *job, const char *fmt, ...) PRINTF_FORMAT(3, 4);
bool job_is_cancelled(Ctx *cx, Job *job); /* also true when the server is stopping */
/* The next attempt, if this one fails, waits this long instead of what the type says. */
void job_retry_in(Job *job, int64_t us);

MUST_CHECK Rc jobs_new(Platform *platform, Jobs **ret, Error *err);
/* Starts workers (settings jobs.workers) and the scheduler for the enabled modules' types and
 * schedules. */
MUST_CHECK Rc jobs_start(Jobs *jobs, Error *err);
void jobs_stop(Jobs *jobs); /* running jobs get 10 s, then their leases are given back */
void jobs_free(Jobs *jobs);
/* Wakes the workers of this process. */
void jobs_wake(Jobs *jobs);

#endif
