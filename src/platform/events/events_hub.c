/* SPDX-License-Identifier: Apache-2.0
 * The hub: the one thread that reads new events, once, for everyone in the process.
 *
 * On PostgreSQL it first places what has been committed. A sequence says in which order rows were
 * written; but a transaction that wrote early may commit late, and a reader that had gone past
 * would never see it. So a committed row gets its position afterwards, from whichever process holds
 * the lock of the stream's one row: positions become visible in their order, without gaps that fill
 * later, and a long transaction delays its own events only. Two events about one row keep their
 * order, because the second was written after the first was committed.
 *
 * On SQLite writers take turns, so the key of the row is the position.
 *
 * The thread sleeps until it is woken by a commit in this process, or by a notice that another has
 * placed events. A notice can be lost, and a process can end between its commit and placing: so the
 * thread looks anyway, every database.poll, and less often while notices come. */
#include "base/log.h"
#include "base/time.h"

#include "events_place_sql.h"
#include "platform/events/events_priv.h"

#define POLL_LISTENING_US US_PER_SECOND
#define POLL_SQLITE_US US_PER_SECOND
#define HEARTBEAT_STEP_US US_PER_SECOND
#define BLOCKED_RETRY_US (20 * US_PER_MS)
#define FAILURE_PAUSE_US US_PER_SECOND

enum { PLACE_BATCH = 2000 };

void events_wake(void *user)
{
    Events *events = user;
    mutex_lock(&events->lock);
    if (!events->woken) {
        events->woken = true;
        cond_signal(&events->hub_wake);
    }
    mutex_unlock(&events->lock);
}

/* ---- placing (PostgreSQL) */

/* *ret_placed 0: there was nothing to place. */
static Rc place_batch(Ctx *cx, int64_t *ret_placed)
{
    int64_t position, seq;
    Str done;
    *ret_placed = 0;
    TRY(ctx_begin(cx));
    TRY(tx_one_str(cx->tx, &events_place_plan, NO_PARAMS, cx->arena, &done, &cx->error));
    Rc rc = tx_one_i64(cx->tx, &events_place_pending, NO_PARAMS, &seq, &cx->error);
    if (rc == RC_NOT_FOUND) {
        ctx_end(cx);
        return RC_OK;
    }
    TRY(rc);
    TRY(tx_one_i64(cx->tx, &events_place_lock, NO_PARAMS, &position, &cx->error));
    TRY(tx_exec(cx->tx, &events_place_batch, PARAMS(P_I64(position), P_I64(PLACE_BATCH)),
                ret_placed, &cx->error));
    TRY(tx_exec(cx->tx, &events_place_advance, PARAMS(P_I64(*ret_placed)), NULL, &cx->error));
    return ctx_commit(cx);
}

static Rc place_committed(Ctx *cx)
{
    int64_t n;
    do {
        TRY(place_batch(cx, &n));
        if (n > 0) {
            db_notify(cx->platform->db, TOPIC_EVENTS); /* only now can others read them */
        }
    } while (n == PLACE_BATCH);
    return RC_OK;
}

/* ---- reading */

static void announce(Events *events, int64_t position)
{
    mutex_lock(&events->lock);
    events->position = position;
    cond_broadcast(&events->news);
    mutex_unlock(&events->lock);
}

/* Nobody here wants to see the events themselves; those who look for them are told that there are
 * some. */
static Rc skip_new(Events *events, Ctx *cx)
{
    int64_t position;
    TRY(ctx_read_primary(cx));
    TRY(events_head_position(cx->tx, &position, &cx->error));
    ctx_end(cx);
    if (position > events->position) {
        announce(events, position);
    }
    return RC_OK;
}

/* One batch of what is new; *ret_more: it was full. */
static Rc read_new(Events *events, Ctx *cx, bool *ret_more)
{
    static const EventFilter everything = {0};
    EventPage page;
    if (events->live.n == 0) {
        return skip_new(events, cx);
    }
    TRY(ctx_read_primary(cx));
    TRY(events_scan(cx->tx, cx->arena, events->position, &everything, EVENT_BATCH, 0, &page,
                    &cx->error));
    ctx_end(cx);
    if (page.n > 0) {
        streams_publish(events, cx->arena, &page);
        announce(events, page.position);
    }
    *ret_more = !page.is_end;
    return RC_OK;
}

/* *ret_busy: there is more to do at once. */
static Rc work(Events *events, Ctx *cx, bool *ret_busy)
{
    bool more_news = false, more_behind = false;
    if (db_kind(cx->platform->db) == DB_POSTGRES) {
        TRY(place_committed(cx));
    }
    TRY(streams_admit(events, cx));
    TRY(read_new(events, cx, &more_news));
    TRY(streams_catch_up(events, cx, &more_behind));
    *ret_busy = more_news || more_behind;
    return RC_OK;
}

/* Says so once per outage. */
static void note_outcome(Events *events, const Ctx *cx, Rc rc)
{
    if (rc != RC_OK && !events->is_failing) {
        log_error("events.read_failed", F_CSTR("error", cx->error.message),
                  F_CSTR("detail", cx->error.detail));
    } else if (rc == RC_OK && events->is_failing) {
        log_info("events.read_again", F_I64("position", events->position));
    }
    events->is_failing = rc != RC_OK;
}

/* ---- the loop */

/* Returns whether it was woken for news (or must look anyway). */
static bool hub_wait(Events *events, int64_t until_us)
{
    mutex_lock(&events->lock);
    while (!events->woken && !events->stopping &&
           cond_wait_until(&events->hub_wake, &events->lock, until_us)) {
    }
    events->woken = false;
    bool go_on = !events->stopping;
    mutex_unlock(&events->lock);
    return go_on;
}

static int64_t next_look_us(const Events *events, bool is_busy)
{
    int64_t now = time_monotonic_us();
    if (is_busy) {
        return now;
    }
    if (events->is_failing) {
        return now + FAILURE_PAUSE_US;
    }
    if (events->behind.n > 0) {
        return now + BLOCKED_RETRY_US;
    }
    if (db_kind(events->platform->db) == DB_SQLITE) {
        return now + POLL_SQLITE_US;
    }
    bool is_told = db_is_listening(events->platform->db);
    return now + (is_told ? MAX(events->poll_us, POLL_LISTENING_US) : events->poll_us);
}

void *events_hub_main(void *user)
{
    Events *events = user;
    Ctx *cx = ctx_new_system(events->platform, "events");
    int64_t heartbeat_us = time_monotonic_us() + HEARTBEAT_STEP_US;
    int64_t until_us = 0;
    while (hub_wait(events, MIN(until_us, heartbeat_us))) {
        bool is_busy = false;
        streams_take_new(events);
        note_outcome(events, cx, work(events, cx, &is_busy));
        if (time_monotonic_us() >= heartbeat_us) {
            streams_heartbeat(events);
            heartbeat_us = time_monotonic_us() + HEARTBEAT_STEP_US;
        }
        streams_drop_gone(events);
        ctx_reset(cx);
        error_clear(&cx->error);
        until_us = next_look_us(events, is_busy);
    }
    streams_close_all(events);
    ctx_free(cx);
    return NULL;
}
