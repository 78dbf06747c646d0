/* SPDX-License-Identifier: Apache-2.0
 * The transactional outbox: writing events, removing old ones, and the life of the Events object.
 *
 * An event is a row written in the transaction of the change it tells of, so both are there or
 * neither. What reads them is woken after the commit; see events_hub.c. */
#include "base/log.h"
#include "base/time.h"

#include "events_q_sql.h"
#include "platform/events/events_priv.h"
#include "platform/platform_jobs.h"
#include "platform/settings/settings.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- writing */

enum { EVENT_COLUMNS = 7, EVENT_WRITE_BATCH = 500 };

static Str actor_of(const Ctx *cx)
{
    return cx->actor.id.len ? cx->actor.id : cx->actor.name;
}

static bool is_event_type(Str type)
{
    for (size_t i = 0; i < type.len; i++) {
        unsigned char c = (unsigned char)type.ptr[i];
        if (!isalnum(c) && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return type.len > 0;
}

/* One line, as server-sent events need it: JSON has line breaks only between its tokens. */
static Str on_one_line(Arena *arena, Str data)
{
    if (data.len == 0) {
        return STR("null");
    }
    if (!memchr(data.ptr, '\n', data.len) && !memchr(data.ptr, '\r', data.len)) {
        return data;
    }
    data = str_replace(arena, data, STR("\n"), STR(" "));
    return str_replace(arena, data, STR("\r"), STR(" "));
}

/* The change itself must not fail because its event is large: readers still learn of it. */
static Str data_of(Arena *arena, Str data)
{
    if (data.len > EVENT_DATA_MAX) {
        return str_fmt(arena, "{\"omitted\":\"The data has %zu bytes; events hold at most %d.\"}",
                       data.len, EVENT_DATA_MAX);
    }
    return on_one_line(arena, data);
}

static void event_params(Ctx *cx, const Event *event, int64_t now, Param out[EVENT_COLUMNS])
{
    Uuid id = uuid_v7();
    ASSERT(is_event_type(event->type));
    out[0] = P_STR(str_dup(cx->arena, uuid_str(&id)));
    out[1] = P_STR(event->type);
    out[2] = P_STR(event->source);
    out[3] = P_STR(event->subject);
    out[4] = P_STR(actor_of(cx));
    out[5] = P_I64(now);
    out[6] = P_STR(data_of(cx->arena, event->data));
}

static void written(Ctx *cx, size_t n)
{
    Events *events = cx->platform->events;
    tx_on_commit(cx->tx, events_wake, events);
    metric_add(events->emitted, (int64_t)n);
}

Rc events_emit(Ctx *cx, const char *type, const char *source, Str subject, const Json *data)
{
    Event event = {.type = str_from(type), .source = str_from(source), .subject = subject};
    Param params[EVENT_COLUMNS];
    ASSERT(cx->tx && tx_is_write(cx->tx));
    if (data) {
        event.data = json_to_str(cx->arena, data);
    }
    event_params(cx, &event, time_now_us(), params);
    TRY(tx_exec_later(cx->tx, &events_q_insert, params, EVENT_COLUMNS, &cx->error));
    written(cx, 1);
    return RC_OK;
}

Rc events_emit_many(Ctx *cx, const Event *events, size_t n)
{
    int64_t now = time_now_us();
    ASSERT(cx->tx && tx_is_write(cx->tx));
    Param *params = ARENA_ARRAY(cx->arena, Param, MIN(n, EVENT_WRITE_BATCH) * EVENT_COLUMNS);
    for (size_t from = 0; from < n; from += EVENT_WRITE_BATCH) {
        size_t rows = MIN(n - from, EVENT_WRITE_BATCH);
        for (size_t i = 0; i < rows; i++) {
            event_params(cx, &events[from + i], now, &params[i * EVENT_COLUMNS]);
        }
        TRY(tx_exec_many(cx->tx, &events_q_insert, params, EVENT_COLUMNS, rows, &cx->error));
    }
    if (n > 0) {
        written(cx, n);
    }
    return RC_OK;
}

/* ---- removing */

enum { PRUNE_BATCH = 2000 };

Rc events_prune_before(Ctx *cx, int64_t cutoff_us, bool *ret_done)
{
    int64_t up_to;
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(cx->tx, &events_q_prune_bound, PARAMS(P_I64(cutoff_us), P_I64(PRUNE_BATCH)),
                   &up_to, &cx->error));
    *ret_done = up_to == 0;
    if (up_to > 0) {
        TRY(tx_exec(cx->tx, &events_q_prune_note, PARAMS(P_I64(up_to)), NULL, &cx->error));
        TRY(tx_exec(cx->tx, &events_q_prune, PARAMS(P_I64(up_to)), NULL, &cx->error));
    }
    return ctx_commit(cx);
}

Rc events_prune_run(Ctx *cx, Job *job)
{
    int64_t cutoff =
        time_now_us() - settings_duration_us(cx->platform->settings, "events.retention");
    bool is_done = false;
    while (!is_done && !job_is_cancelled(cx, job)) {
        TRY(events_prune_before(cx, cutoff, &is_done));
    }
    return RC_OK;
}

/* ---- life */

Rc events_new(Platform *platform, Events **ret, Error *err)
{
    Arena *arena = arena_new(0);
    Events *events = ARENA_NEW(arena, Events);
    events->arena = arena;
    events->platform = platform;
    mutex_init(&events->lock);
    cond_init(&events->hub_wake);
    cond_init(&events->news);
    events->emitted = metrics_counter(platform->metrics, "fairway_events_emitted_total", "",
                                      "Events written to the outbox, undone ones included.");
    events->delivered = metrics_counter(platform->metrics, "fairway_events_delivered_total", "",
                                        "Events taken by durable subscriptions.");
    events->failures = metrics_counter(platform->metrics, "fairway_events_delivery_failures_total",
                                       "", "Attempts of durable subscriptions that failed.");
    events->streams_gauge =
        metrics_gauge(platform->metrics, "fairway_events_streams", "", "Open live streams.");
    Rc rc = events_amqp_new(platform, arena, &events->amqp, err);
    rc = rc ? rc : subscriptions_register(events, err);
    if (rc != RC_OK) {
        events_free(events);
        return rc;
    }
    *ret = events;
    return RC_OK;
}

Rc events_start(Events *events, Error *err)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(db_read_primary(events->platform->db, &tx, err));
    TRY(events_head_position(tx, &events->position, err));
    events->poll_us = settings_duration_us(events->platform->settings, "database.poll");
    events->is_started = true;
    thread_start(&events->hub, "events", events_hub_main, events);
    subscriptions_start(events);
    return RC_OK;
}

void events_stop(Events *events)
{
    if (!events || !events->is_started) {
        return;
    }
    mutex_lock(&events->lock);
    events->stopping = true;
    cond_broadcast(&events->news);
    cond_signal(&events->hub_wake);
    mutex_unlock(&events->lock);
    thread_join(&events->hub);
    subscriptions_join(events);
    events->is_started = false;
}

void events_free(Events *events)
{
    if (!events) {
        return;
    }
    events_amqp_free(events->amqp);
    free(events->fresh.at);
    free(events->live.at);
    free(events->behind.at);
    cond_done(&events->news);
    cond_done(&events->hub_wake);
    mutex_done(&events->lock);
    arena_free(events->arena);
}
