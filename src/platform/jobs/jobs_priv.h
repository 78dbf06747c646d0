/* SPDX-License-Identifier: Apache-2.0
 * platform/jobs/jobs_priv.h - what the files of the job engine share.
 *
 *   jobs.c           the Jobs object, queueing, what a handler calls while it runs
 *   jobs_keeper.c    the keeper: the one thread that claims, renews leases, keeps schedules
 *   jobs_worker.c    the workers: run one job at a time and write its outcome
 *   jobs_schedule.c  cron and interval schedules
 *   jobs_api.c       the operations of api/jobs.yaml */
#ifndef PLATFORM_JOBS_PRIV_H
#define PLATFORM_JOBS_PRIV_H

#include "base/thread.h"
#include "base/time.h"

#include "platform/jobs/jobs.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"

#include <stdatomic.h>

enum {
    JOB_PAYLOAD_MAX = 256 * 1024,
    JOB_KEY_MAX = 512,
    JOB_LOG_LINES_MAX = 1000, /* kept per job, over all attempts */
    JOB_LOG_LINE_MAX = 2000,  /* bytes */
    JOB_LOG_BUFFER = 200,     /* lines waiting to be written; more are counted out */
    JOB_ATTEMPTS_DEFAULT = 8,
    JOB_CRASHES_MAX = 10, /* a job whose process ends is rarely to blame, but may be */
};

#define JOB_LEASE_US (30 * US_PER_SECOND)
#define JOB_RENEW_US (10 * US_PER_SECOND)
#define JOB_FLUSH_US US_PER_SECOND
#define JOB_POLL_US US_PER_SECOND
#define JOB_GIVE_BACK_US (2 * US_PER_SECOND) /* for what the keeper writes after the grace */
#define JOB_TIMEOUT_US (5 * US_PER_MINUTE)
#define JOB_KEEP_US US_PER_DAY
#define JOB_BACKOFF_US (5 * US_PER_SECOND)
#define JOB_BACKOFF_MAX_US US_PER_HOUR

typedef struct LogLine {
    int64_t at_us;
    char *text; /* heap */
} LogLine;

/* One attempt of one job, in the worker that has it. */
typedef struct Run {
    Uuid id;
    const JobType *type;
    Arena *arena; /* payload; reset when the worker is idle again */
    Str payload;
    int64_t attempt;
    int64_t overdue_us;  /* monotonic: when to say in the log that it does not end */
    int64_t retry_in_us; /* of job_retry_in; -1 when not called; the worker's own */
    /* Guarded by jobs->lock: */
    bool is_cancelled; /* someone asked */
    bool is_lost;      /* the lease is not ours any more: the outcome will not be written */
    bool is_dirty;     /* progress to write */
    int percent;
    char progress_text[256];
    LogLine lines[JOB_LOG_BUFFER];
    size_t n_lines;
    int64_t log_lines; /* written, of all attempts */
    bool was_cut;      /* the log is full and has said so */
} Run;

typedef enum WorkerState { WORKER_IDLE, WORKER_BUSY } WorkerState;

typedef struct Worker {
    Jobs *jobs;
    Thread thread;
    Cond has_work;
    WorkerState state; /* guarded by jobs->lock, as is whether run belongs to the keeper (idle) or
                          to the worker (busy) */
    Run run;
} Worker;

/* A schedule of this process. The keeper's. */
typedef struct Schedule {
    const JobSchedule *def;
    Cron cron;
    int64_t next_us; /* as the row said when last read */
} Schedule;

typedef struct TypeState {
    const JobType *type;
    unsigned running; /* guarded by jobs->lock */
} TypeState;

struct Jobs {
    Platform *platform;
    Arena *arena;
    TypeState *types;
    size_t n_types;
    Schedule *schedules;
    size_t n_schedules;
    Mutex lock; /* guards woken, stopping, closing and what says so above */
    Cond keeper_wake, keeper_gone;
    bool woken, stopping, is_keeper_gone;
    bool closing;             /* no more jobs come: idle workers end */
    _Atomic bool is_stopping; /* the same, for handlers that ask often */
    Thread keeper;
    Worker *workers;
    size_t n_workers;
    bool is_started;
    int64_t poll_us; /* how often to look for what other processes did */
    Metric *succeeded, *failed, *dead, *running, *duration;
};

const JobType *jobs_type(const Jobs *jobs, Str name); /* NULL when no enabled module has it */
int64_t jobs_keep_us(const Jobs *jobs, const JobType *type, bool succeeded);

/* jobs.c: after a commit: the workers of this process, and those of others; jobs is a Jobs. */
void jobs_wake_all(void *jobs);
/* jobs.c: as jobs_enqueue, for a due time of a schedule. *ret_queued false: it was there. */
MUST_CHECK Rc jobs_insert(Ctx *cx,
                          const JobSpec *spec,
                          const char *schedule,
                          int64_t due_us,
                          Uuid *ret_id,
                          bool *ret_queued);

/* jobs_keeper.c */
void *jobs_keeper_main(void *jobs);
/* Writes progress and log lines of a run; in cx's write transaction. */
MUST_CHECK Rc jobs_flush_run(Ctx *cx, Jobs *jobs, Run *run);

/* jobs_worker.c */
void *jobs_worker_main(void *worker);
/* Gives a running job back to the queue: its lease ran out, or the process stops. */
typedef struct WaitAgain {
    Str id, owner;
    int64_t attempt;
    const char *state; /* "failed" or "queued" */
    Str error;
    int64_t run_at_us;
    bool is_attempt_undone;
} WaitAgain;
MUST_CHECK Rc jobs_wait_again(Ctx *cx, const WaitAgain *w, int64_t *ret_changed);

/* jobs_schedule.c; on the keeper's thread */
MUST_CHECK Rc schedules_prepare(Jobs *jobs, Ctx *cx);
/* Queues what is due; *ret_next_us: wall clock of the next due time, INT64_MAX when there is none.
 */
MUST_CHECK Rc schedules_run(Jobs *jobs, Ctx *cx, int64_t *ret_next_us);

#endif
