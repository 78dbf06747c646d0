/* SPDX-License-Identifier: Apache-2.0
 * Schedules: each due time queues one job, whatever the number of processes.
 *
 * The row of a schedule holds the next due time. Whoever moves it on (an UPDATE that names the old
 * time) queues the job, in the same transaction; the others find it moved. Due times that passed
 * while no process ran become one job, not many. */
#include "base/log.h"

#include "jobs_q_sql.h"
#include "platform/jobs/jobs_priv.h"

#include <string.h>

static bool due_after(const Schedule *s, int64_t after_us, int64_t *ret)
{
    if (s->def->cron) {
        *ret = cron_next(&s->cron, after_us);
        return *ret != INT64_MAX;
    }
    *ret = after_us + s->def->every_us;
    return true;
}

/* The next due time after now, on the grid that last lies on. */
static int64_t following(const Schedule *s, int64_t last_us, int64_t now_us)
{
    int64_t next = INT64_MAX;
    if (!s->def->cron && last_us + s->def->every_us <= now_us) {
        return last_us + ((now_us - last_us) / s->def->every_us + 1) * s->def->every_us;
    }
    return due_after(s, s->def->cron ? MAX(last_us, now_us) : last_us, &next) ? next : INT64_MAX;
}

typedef struct Stored {
    Str type, cron;
    int64_t every_us, next_us;
} Stored;

static Rc read_stored(Ctx *cx, const char *name, Stored *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &jobs_q_schedule_read, PARAMS(P_CSTR(name)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = (Stored){rows_dup(rows, 0, cx->arena), rows_dup(rows, 1, cx->arena), rows_i64(rows, 2),
                    rows_i64(rows, 3)};
    return RC_OK;
}

static bool is_as_declared(const Stored *row, const JobSchedule *def)
{
    return str_is(row->type, def->type) && str_is(row->cron, def->cron ? def->cron : "") &&
           row->every_us == (def->cron ? 0 : def->every_us);
}

/* A new interval is due at once, a new cron expression at its next time. */
static int64_t first_due(const Schedule *s)
{
    int64_t now = time_now_us();
    return s->def->cron ? cron_next(&s->cron, now) : now;
}

static Rc declare(Ctx *cx, Schedule *s)
{
    const JobSchedule *def = s->def;
    Stored row;
    Rc rc = read_stored(cx, def->name, &row);
    if (rc == RC_OK && is_as_declared(&row, def)) {
        s->next_us = row.next_us;
        return RC_OK;
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        return rc;
    }
    Uuid id = uuid_v7();
    Param cron = def->cron ? P_CSTR(def->cron) : P_NULL;
    Param every = def->cron ? P_NULL : P_I64(def->every_us);
    Param seconds = def->cron ? P_NULL : P_F64((double)def->every_us / (double)US_PER_SECOND);
    s->next_us = first_due(s);
    TRY(ctx_begin(cx));
    if (rc == RC_NOT_FOUND) {
        TRY(tx_exec(cx->tx, &jobs_q_schedule_add,
                    PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us()), P_CSTR(def->name),
                           P_CSTR(def->type), cron, every, seconds, P_I64(s->next_us)),
                    NULL, &cx->error));
    } else {
        TRY(tx_exec(cx->tx, &jobs_q_schedule_change,
                    PARAMS(P_CSTR(def->name), P_I64(time_now_us()), P_CSTR(def->type), cron, every,
                           seconds, P_I64(s->next_us)),
                    NULL, &cx->error));
    }
    return ctx_commit(cx);
}

Rc schedules_prepare(Jobs *jobs, Ctx *cx)
{
    for (size_t i = 0; i < jobs->n_schedules; i++) {
        TRY(ctx_read_primary(cx));
        TRY(declare(cx, &jobs->schedules[i]));
        ctx_end(cx);
    }
    return RC_OK;
}

/* Moves the schedule on and queues its job; *ret_changed 0: another process has done it. */
static Rc queue_due(Ctx *cx, Schedule *s, int64_t *ret_changed)
{
    int64_t now = time_now_us();
    int64_t next = following(s, s->next_us, now);
    bool queued;
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &jobs_q_schedule_advance,
                PARAMS(P_CSTR(s->def->name), P_I64(s->next_us), P_I64(next), P_I64(now)),
                ret_changed, &cx->error));
    if (*ret_changed == 1) {
        JobSpec spec = {.type = s->def->type,
                        .key = str_fmt(cx->arena, "schedule:%s", s->def->name)};
        /* Not queued when the one before still waits: it stands for both. */
        TRY(jobs_insert(cx, &spec, s->def->name, s->next_us, NULL, &queued));
    }
    TRY(ctx_commit(cx));
    s->next_us = *ret_changed == 1 ? next : s->next_us;
    return RC_OK;
}

static Rc reread(Ctx *cx, Schedule *s)
{
    Stored row;
    TRY(ctx_read_primary(cx));
    TRY(read_stored(cx, s->def->name, &row));
    ctx_end(cx);
    s->next_us = row.next_us;
    return RC_OK;
}

Rc schedules_run(Jobs *jobs, Ctx *cx, int64_t *ret_next_us)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < jobs->n_schedules; i++) {
        Schedule *s = &jobs->schedules[i];
        int64_t changed;
        if (s->next_us <= time_now_us()) {
            TRY(queue_due(cx, s, &changed));
            if (changed == 0) {
                TRY(reread(cx, s));
            }
        }
        next = MIN(next, s->next_us);
    }
    *ret_next_us = next;
    return RC_OK;
}
