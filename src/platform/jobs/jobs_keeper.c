/* SPDX-License-Identifier: Apache-2.0
 * The keeper: the one thread of the process that talks to the queue. It claims jobs for idle
 * workers, renews the leases of running ones, writes their progress, passes on cancellations,
 * queues what schedules make due, and takes back jobs whose owner is gone.
 *
 * It sleeps until the next job is due, or a commit in this process wakes it, and looks every
 * JOB_POLL_US for what other processes did: they tell of it on PostgreSQL, but a notice can be
 * lost. */
#include "base/log.h"

#include "jobs_q_sql.h"
#include "platform/jobs/jobs_priv.h"
#include "platform/settings/settings.h"

#include <stdlib.h>
#include <string.h>

#define FAILURE_PAUSE_US US_PER_SECOND
#define LOOK_FOR_GONE_US (2 * US_PER_SECOND)

typedef struct Keeper {
    Jobs *jobs;
    Ctx *cx;
    int64_t renewed_us, flushed_us; /* monotonic */
    int64_t next_look_us;           /* monotonic: for owners that are gone */
    int64_t stop_us; /* monotonic: when running jobs lose their leases; 0 = not stopping */
    bool is_failing;
} Keeper;

/* ---- progress and log */

/* Takes what is to be written out of the run. */
static size_t take_lines(Jobs *jobs, Run *run, LogLine *lines, Run *ret_copy)
{
    mutex_lock(&jobs->lock);
    size_t n = run->n_lines;
    memcpy(lines, run->lines, n * sizeof(LogLine));
    memcpy(ret_copy->progress_text, run->progress_text, sizeof(run->progress_text));
    ret_copy->percent = run->percent;
    ret_copy->log_lines = run->log_lines;
    run->n_lines = 0;
    run->log_lines += (int64_t)n;
    run->is_dirty = false;
    mutex_unlock(&jobs->lock);
    return n;
}

static Rc write_lines(Ctx *cx, const Run *run, const Run *copy, const LogLine *lines, size_t n)
{
    Str id = uuid_str(&run->id);
    for (size_t i = 0; i < n; i++) {
        TRY(tx_exec(cx->tx, &jobs_q_log_add,
                    PARAMS(P_STR(id), P_I64(copy->log_lines + (int64_t)i + 1),
                           P_I64(lines[i].at_us), P_I64(run->attempt), P_CSTR(lines[i].text)),
                    NULL, &cx->error));
    }
    Str text = str_from(copy->progress_text);
    return tx_exec(cx->tx, &jobs_q_progress,
                   PARAMS(P_STR(id), P_CSTR(cx->platform->instance), P_I64(run->attempt),
                          P_I64(time_now_us()), copy->percent >= 0 ? P_I64(copy->percent) : P_NULL,
                          P_STR_OR_NULL(text), P_I64(copy->log_lines + (int64_t)n)),
                   NULL, &cx->error);
}

Rc jobs_flush_run(Ctx *cx, Jobs *jobs, Run *run)
{
    mutex_lock(&jobs->lock);
    bool is_dirty = run->is_dirty;
    mutex_unlock(&jobs->lock);
    if (!is_dirty) {
        return RC_OK;
    }
    Run *copy = ARENA_NEW(cx->arena, Run);
    LogLine *lines = ARENA_ARRAY(cx->arena, LogLine, JOB_LOG_BUFFER);
    size_t n = take_lines(jobs, run, lines, copy);
    Rc rc = write_lines(cx, run, copy, lines, n);
    for (size_t i = 0; i < n; i++) {
        free(lines[i].text);
    }
    return rc;
}

static bool has_dirty(Jobs *jobs)
{
    bool dirty = false;
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        dirty |= jobs->workers[i].state == WORKER_BUSY && jobs->workers[i].run.is_dirty;
    }
    mutex_unlock(&jobs->lock);
    return dirty;
}

static bool is_busy(Jobs *jobs, const Worker *worker)
{
    mutex_lock(&jobs->lock);
    bool busy = worker->state == WORKER_BUSY;
    mutex_unlock(&jobs->lock);
    return busy;
}

static Rc flush_all(Keeper *k)
{
    Jobs *jobs = k->jobs;
    if (!has_dirty(jobs)) {
        return RC_OK;
    }
    TRY(ctx_begin(k->cx));
    for (size_t i = 0; i < jobs->n_workers; i++) {
        if (is_busy(jobs, &jobs->workers[i])) {
            TRY(jobs_flush_run(k->cx, jobs, &jobs->workers[i].run));
        }
    }
    return ctx_commit(k->cx);
}

/* ---- leases */

static size_t running_ids(Jobs *jobs, Arena *arena, Json **ret)
{
    Json *ids = json_array(arena);
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        if (jobs->workers[i].state == WORKER_BUSY && !jobs->workers[i].run.is_lost) {
            json_push(arena, ids, json_string(arena, uuid_str(&jobs->workers[i].run.id)));
        }
    }
    mutex_unlock(&jobs->lock);
    *ret = ids;
    return ids->n;
}

static Rc renew(Keeper *k, const Json *ids)
{
    Ctx *cx = k->cx;
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &jobs_q_renew,
                PARAMS(P_CSTR(cx->platform->instance), P_I64(time_now_us() + JOB_LEASE_US),
                       P_STR(json_to_str(cx->arena, ids))),
                NULL, &cx->error));
    return ctx_commit(cx);
}

/* What the rows say of our jobs: a row that is not ours any more, or one to be cancelled. */
static void compare(Jobs *jobs, const Json *ids, const Json *ours)
{
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        Run *run = &jobs->workers[i].run;
        Str id = uuid_str(&run->id);
        if (jobs->workers[i].state != WORKER_BUSY) {
            continue;
        }
        for (uint32_t j = 0; j < ids->n; j++) { /* one that was claimed since was not asked for */
            if (str_eq(json_str(ids->items[j]), id)) {
                const Json *cancel = json_get(ours, id);
                run->is_lost = run->is_lost || !cancel;
                run->is_cancelled = run->is_cancelled || json_bool(cancel, false);
            }
        }
    }
    mutex_unlock(&jobs->lock);
}

static Rc look_after_running(Keeper *k, const Json *ids)
{
    Ctx *cx = k->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *ours = json_object(cx->arena);
    TRY(ctx_read_primary(cx));
    TRY(tx_query(cx->tx, &jobs_q_running, PARAMS(P_CSTR(cx->platform->instance)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        json_set(cx->arena, ours, rows_dup(rows, 0, cx->arena),
                 json_bool_new(cx->arena, rows_i64(rows, 1) != 0));
    }
    TRY(rows_error(rows, &cx->error));
    compare(k->jobs, ids, ours);
    return RC_OK;
}

static void warn_overdue(Jobs *jobs, int64_t now)
{
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        Run *run = &jobs->workers[i].run;
        if (jobs->workers[i].state == WORKER_BUSY && now > run->overdue_us) {
            log_warn("jobs.overdue", F_STR("job", uuid_str(&run->id)),
                     F_CSTR("type", run->type->name));
            run->overdue_us = now + US_PER_MINUTE;
        }
    }
    mutex_unlock(&jobs->lock);
}

/* At most once a second, and only while something runs. */
static Rc tend(Keeper *k)
{
    Json *ids;
    int64_t now = time_monotonic_us();
    if (running_ids(k->jobs, k->cx->arena, &ids) == 0) {
        k->renewed_us = now;
        return RC_OK;
    }
    warn_overdue(k->jobs, now);
    if (now - k->renewed_us >= JOB_RENEW_US) {
        TRY(renew(k, ids));
        k->renewed_us = now;
    }
    TRY(look_after_running(k, ids));
    ctx_end(k->cx);
    if (now - k->flushed_us >= JOB_FLUSH_US) {
        k->flushed_us = now;
        TRY(flush_all(k));
    }
    return RC_OK;
}

/* A lease that could not be renewed in time is not ours any more: say so before another process can
 * have taken the job. */
static void drop_stale_leases(Keeper *k)
{
    if (time_monotonic_us() - k->renewed_us < JOB_LEASE_US - JOB_RENEW_US / 2) {
        return;
    }
    mutex_lock(&k->jobs->lock);
    for (size_t i = 0; i < k->jobs->n_workers; i++) {
        k->jobs->workers[i].run.is_lost = true;
    }
    mutex_unlock(&k->jobs->lock);
}

/* ---- jobs whose owner is gone */

static Rc take_back_one(Ctx *cx, Rows *rows)
{
    const JobType *type = jobs_type(cx->platform->jobs, rows_str(rows, 3));
    int64_t changed;
    bool was_cancelled = rows_i64(rows, 4) != 0;
    WaitAgain w = {
        .id = rows_dup(rows, 0, cx->arena),
        .owner = rows_dup(rows, 1, cx->arena),
        .attempt = rows_i64(rows, 2),
        .state = was_cancelled ? "cancelled" : "failed",
        .error = STR("The process that ran it ended or could not reach the database."),
        .run_at_us = time_now_us(),
    };
    TRY(ctx_begin(cx));
    TRY(jobs_wait_again(cx, &w, &changed));
    TRY(ctx_commit(cx));
    if (changed == 1) {
        log_warn("jobs.taken_back", F_STR("job", w.id),
                 F_CSTR("type", type ? type->name : "unknown"), F_I64("attempt", w.attempt));
    }
    return RC_OK;
}

static Rc read_owners(Ctx *cx, Json **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = json_array(cx->arena);
    TRY(ctx_read_primary(cx));
    TRY(tx_query(cx->tx, &jobs_q_owners, PARAMS(P_CSTR(cx->platform->instance)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        json_push(cx->arena, *ret, json_string(cx->arena, rows_str(rows, 0)));
    }
    return rows_error(rows, &cx->error);
}

/* Where it can be told that a process has ended, nobody waits for the end of its leases. */
static Rc end_leases_of_the_gone(Keeper *k)
{
    Ctx *cx = k->cx;
    int64_t now = time_monotonic_us();
    Json *owners;
    if (db_kind(cx->platform->db) != DB_SQLITE || now < k->next_look_us) {
        return RC_OK;
    }
    k->next_look_us = now + LOOK_FOR_GONE_US;
    ctx_end(cx);
    TRY(read_owners(cx, &owners));
    ctx_end(cx);
    for (uint32_t i = 0; i < owners->n; i++) {
        Str owner = json_str(owners->items[i]);
        if (db_is_gone(cx->platform->db, owner)) {
            TRY(ctx_begin(cx));
            TRY(tx_exec(cx->tx, &jobs_q_end_leases, PARAMS(P_STR(owner)), NULL, &cx->error));
            TRY(ctx_commit(cx));
        }
    }
    return RC_OK;
}

/* One transaction each: two with the same key must not undo each other. */
static Rc take_back_expired(Ctx *cx)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    int64_t first, now = time_now_us();
    TRY(db_read_primary(cx->platform->db, &tx, &cx->error));
    TRY(tx_one_i64(tx, &jobs_q_next_lease_end, NO_PARAMS, &first, &cx->error));
    if (first < 0 || first >= now) {
        return RC_OK;
    }
    TRY(tx_query(tx, &jobs_q_expired, PARAMS(P_I64(now)), &rows, &cx->error));
    while (rows_next(rows)) {
        TRY(take_back_one(cx, rows));
    }
    return rows_error(rows, &cx->error);
}

/* ---- claiming */

static Worker *idle_worker(Jobs *jobs)
{
    Worker *found = NULL;
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers && !found && !jobs->stopping; i++) {
        found = jobs->workers[i].state == WORKER_IDLE ? &jobs->workers[i] : NULL;
    }
    mutex_unlock(&jobs->lock);
    return found;
}

/* The types of which another one may run, as a JSON array. */
static Str open_types(Jobs *jobs, Arena *arena)
{
    Json *names = json_array(arena);
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_types; i++) {
        const TypeState *t = &jobs->types[i];
        if (t->type->concurrency == 0 || t->running < t->type->concurrency) {
            json_push(arena, names, json_string_c(arena, t->type->name));
        }
    }
    mutex_unlock(&jobs->lock);
    return json_to_str(arena, names);
}

static void fill_run(Jobs *jobs, Run *run, Rows *rows)
{
    Arena *arena = run->arena;
    arena_reset(arena);
    *run = (Run){.arena = arena, .retry_in_us = -1, .percent = -1};
    memcpy(run->id.text, rows_str(rows, 0).ptr, UUID_LEN);
    run->type = jobs_type(jobs, rows_str(rows, 1));
    run->payload = rows_dup(rows, 2, arena);
    run->attempt = rows_i64(rows, 3);
    run->log_lines = rows_i64(rows, 4);
    run->overdue_us =
        time_monotonic_us() + 2 * (run->type->timeout_us ? run->type->timeout_us : JOB_TIMEOUT_US);
}

/* RC_NOT_FOUND: nothing is due. */
static Rc claim(Keeper *k, Run *run)
{
    Ctx *cx = k->cx;
    int64_t now = time_now_us();
    Str types = open_types(k->jobs, cx->arena);
    TRY(ctx_begin(cx));
    {
        CLEANUP(rows_cleanup) Rows *rows = NULL;
        TRY(tx_query(cx->tx, &jobs_q_claim,
                     PARAMS(P_I64(now), P_CSTR(cx->platform->instance), P_I64(now + JOB_LEASE_US),
                            P_STR(types)),
                     &rows, &cx->error));
        if (!rows_next(rows)) {
            TRY(rows_error(rows, &cx->error));
            return RC_NOT_FOUND;
        }
        fill_run(k->jobs, run, rows);
        while (rows_next(rows)) {
        }
        TRY(rows_error(rows, &cx->error));
    }
    return ctx_commit(cx);
}

static void hand_to(Jobs *jobs, Worker *worker)
{
    mutex_lock(&jobs->lock);
    worker->state = WORKER_BUSY;
    for (size_t i = 0; i < jobs->n_types; i++) {
        if (jobs->types[i].type == worker->run.type) {
            jobs->types[i].running++;
        }
    }
    cond_signal(&worker->has_work);
    mutex_unlock(&jobs->lock);
    metric_add(jobs->running, 1);
}

/* *ret_next_us: wall clock of the next waiting job that could run here; INT64_MAX when there is
 * none. */
static Rc next_due(Keeper *k, int64_t *ret_next_us)
{
    Ctx *cx = k->cx;
    Str types = open_types(k->jobs, cx->arena);
    TRY(ctx_read_primary(cx));
    Rc rc = tx_one_i64(cx->tx, &jobs_q_next_run_at, PARAMS(P_STR(types)), ret_next_us, &cx->error);
    ctx_end(cx);
    if (rc == RC_NOT_FOUND) {
        *ret_next_us = INT64_MAX;
        return RC_OK;
    }
    return rc;
}

/* Looking costs a read; only when something is due does it write. */
static Rc claim_all(Keeper *k, int64_t *ret_next_us)
{
    Worker *worker = idle_worker(k->jobs);
    *ret_next_us = INT64_MAX;
    while (worker) {
        TRY(next_due(k, ret_next_us));
        if (*ret_next_us > time_now_us()) {
            return RC_OK;
        }
        Rc rc = claim(k, &worker->run);
        ctx_end(k->cx);
        if (rc == RC_NOT_FOUND) { /* another process was faster */
            error_clear(&k->cx->error);
            return RC_OK;
        }
        TRY(rc);
        hand_to(k->jobs, worker);
        worker = idle_worker(k->jobs);
    }
    *ret_next_us = INT64_MAX; /* a worker that becomes idle wakes us */
    return RC_OK;
}

/* ---- stopping */

static bool all_idle(Jobs *jobs)
{
    bool idle = true;
    mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->n_workers; i++) {
        idle = idle && (jobs->workers[i].state == WORKER_IDLE || jobs->workers[i].run.is_lost);
    }
    mutex_unlock(&jobs->lock);
    return idle;
}

static Rc give_back(Ctx *cx, const Run *run)
{
    int64_t changed;
    WaitAgain w = {
        .id = uuid_str(&run->id),
        .owner = str_from(cx->platform->instance),
        .attempt = run->attempt,
        .state = "queued",
        .error = STR("The process that ran it was stopped."),
        .run_at_us = time_now_us(),
        .is_attempt_undone = true,
    };
    TRY(ctx_begin(cx));
    TRY(jobs_wait_again(cx, &w, &changed));
    return ctx_commit(cx);
}

/* The grace is over: another process may run them. What the handlers still return is not written.
 */
static void give_back_leases(Keeper *k)
{
    for (size_t i = 0; i < k->jobs->n_workers; i++) {
        Worker *worker = &k->jobs->workers[i];
        if (!is_busy(k->jobs, worker)) {
            continue;
        }
        mutex_lock(&k->jobs->lock);
        worker->run.is_lost = true;
        mutex_unlock(&k->jobs->lock);
        log_warn("jobs.given_back", F_STR("job", uuid_str(&worker->run.id)),
                 F_CSTR("type", worker->run.type->name));
        if (give_back(k->cx, &worker->run) != RC_OK) { /* else its lease runs out */
            ctx_end(k->cx);
        }
    }
}

/* False: the thread may end. */
static bool go_on_stopping(Keeper *k)
{
    int64_t now = time_monotonic_us();
    if (k->stop_us == 0) {
        k->stop_us =
            now + settings_duration_us(k->jobs->platform->settings, "server.shutdown_grace");
    }
    if (all_idle(k->jobs)) {
        return false;
    }
    if (now >= k->stop_us) {
        give_back_leases(k);
        return false;
    }
    return true;
}

/* ---- the loop */

/* Returns whether the process is stopping. */
static bool keeper_wait(Jobs *jobs, int64_t until_us)
{
    mutex_lock(&jobs->lock);
    while (!jobs->woken && cond_wait_until(&jobs->keeper_wake, &jobs->lock, until_us)) {
    }
    jobs->woken = false;
    bool stopping = jobs->stopping;
    mutex_unlock(&jobs->lock);
    return stopping;
}

static Rc round_of(Keeper *k, bool stopping, int64_t *ret_next_us)
{
    int64_t next_schedule = INT64_MAX;
    *ret_next_us = INT64_MAX;
    TRY(tend(k));
    if (stopping) {
        return RC_OK;
    }
    TRY(schedules_run(k->jobs, k->cx, &next_schedule));
    TRY(end_leases_of_the_gone(k));
    TRY(take_back_expired(k->cx));
    TRY(claim_all(k, ret_next_us));
    *ret_next_us = MIN(*ret_next_us, next_schedule);
    return RC_OK;
}

static int64_t sleep_until(const Keeper *k, int64_t next_us)
{
    /* What runs is tended to every second, whatever the setting. */
    int64_t poll_us = all_idle(k->jobs) ? k->jobs->poll_us : JOB_POLL_US;
    int64_t now = time_monotonic_us();
    if (k->is_failing) {
        return now + FAILURE_PAUSE_US;
    }
    int64_t wait = next_us == INT64_MAX ? poll_us : next_us - time_now_us();
    return now + MAX(MIN(wait, poll_us), US_PER_MS);
}

static void note_outcome(Keeper *k, Rc rc)
{
    if (rc != RC_OK && !k->is_failing) {
        log_error("jobs.queue_failed", F_CSTR("error", k->cx->error.message),
                  F_CSTR("detail", k->cx->error.detail));
    } else if (rc == RC_OK && k->is_failing) {
        log_info("jobs.queue_again", F_BOOL("ok", true));
    }
    k->is_failing = rc != RC_OK;
}

void *jobs_keeper_main(void *user)
{
    Jobs *jobs = user;
    Keeper k = {.jobs = jobs,
                .cx = ctx_new_system(jobs->platform, "jobs"),
                .renewed_us = time_monotonic_us()};
    int64_t until_us = 0, next_us;
    for (;;) {
        bool stopping = keeper_wait(jobs, until_us);
        if (stopping && !go_on_stopping(&k)) {
            break;
        }
        note_outcome(&k, round_of(&k, stopping, &next_us));
        drop_stale_leases(&k);
        ctx_reset(k.cx);
        error_clear(&k.cx->error);
        until_us = stopping ? time_monotonic_us() + 50 * US_PER_MS : sleep_until(&k, next_us);
    }
    ctx_free(k.cx);
    mutex_lock(&jobs->lock);
    jobs->is_keeper_gone = true;
    cond_signal(&jobs->keeper_gone);
    mutex_unlock(&jobs->lock);
    return NULL;
}
