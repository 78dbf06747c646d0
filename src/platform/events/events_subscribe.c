/* SPDX-License-Identifier: Apache-2.0
 * Durable subscriptions: one thread each, so that one that fails holds up nobody else.
 *
 * The row of a subscription has its position and a lease. A thread that sees matching events takes
 * the lease, reads the position anew, hands over the events one by one, and saves how far it came
 * (which renews the lease): every few seconds while there is more, and at the end. Idle
 * subscriptions write nothing. After a crash the events since the last save are delivered again, by
 * whichever process takes the lease once it has run out. A process that lost its lease can no
 * longer save, and stops. */
#include "base/log.h"
#include "base/time.h"

#include "events_q_sql.h"
#include "platform/events/events_priv.h"

#define LEASE_US (15 * US_PER_SECOND)
#define SAVE_EVERY_US (3 * US_PER_SECOND)
#define HANDLE_DEADLINE_US (10 * US_PER_SECOND)
#define BACKOFF_FIRST_US US_PER_SECOND
#define BACKOFF_MAX_US US_PER_MINUTE

enum { HANDLE_BATCH = EVENT_BATCH, SKIP_SAVE_ROWS = 5000, BACKOFF_DOUBLINGS = 6 };

/* One thread's view. */
typedef struct Reader {
    SubscriptionThread *own;
    Events *events;
    Ctx *cx;          /* of the reader; */
    Ctx *handler;     /* of the subscription's handler */
    bool is_leased;   /* the lease is ours, and there was more */
    int64_t seen;     /* nothing up to here concerns us any more */
    int64_t saved;    /* position in the row, as far as we know */
    int64_t saved_us; /* monotonic */
    int64_t failures;
    int64_t pause_us; /* before the next try */
    bool has_lease;   /* had it last time */
} Reader;

static Str name_of(const Reader *r)
{
    return str_from(r->own->subscription->name);
}

/* The modules' subscriptions, then the platform's own; NULL after the last. */
static const Subscription *subscription_at(const Events *events, size_t at)
{
    const Platform *p = events->platform;
    for (size_t m = 0; m < p->n_modules; m++) {
        if (at < p->modules[m]->n_subscriptions) {
            return &p->modules[m]->subscriptions[at];
        }
        at -= p->modules[m]->n_subscriptions;
    }
    return at == 0 && events->amqp ? &events_amqp_subscription : NULL;
}

/* ---- the row */

/* A new reader begins with what happens from now on. */
static Rc register_one(Ctx *cx, Str name)
{
    int64_t position = 0;
    TRY(ctx_read(cx));
    Rc rc = tx_one_i64(cx->tx, &events_q_sub_position, PARAMS(P_STR(name)), &position, &cx->error);
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    TRY(ctx_begin(cx));
    TRY(events_head_position(cx->tx, &position, &cx->error));
    TRY(tx_exec(cx->tx, &events_q_sub_add,
                PARAMS(P_STR(name), P_I64(position), P_I64(time_now_us())), NULL, &cx->error));
    return ctx_commit(cx);
}

Rc subscriptions_register(Events *events, Error *err)
{
    Ctx *cx = ctx_new_system(events->platform, "events");
    Rc rc = RC_OK;
    const Subscription *s = subscription_at(events, 0);
    while (rc == RC_OK && s) {
        rc = register_one(cx, str_from(s->name));
        s = subscription_at(events, ++events->n_subscriptions);
    }
    if (rc != RC_OK) {
        *err = cx->error;
    }
    ctx_free(cx);
    return rc;
}

/* Where it can be told that a process has ended, nobody waits for the end of its lease. */
static Rc free_from_the_gone(Reader *r)
{
    Ctx *cx = r->cx;
    Str owner;
    Rc rc = tx_one_str(cx->tx, &events_q_sub_owner, PARAMS(P_STR(name_of(r))), cx->arena, &owner,
                       &cx->error);
    if (rc == RC_OK && db_is_gone(cx->platform->db, owner)) {
        rc = tx_exec(cx->tx, &events_q_sub_free, PARAMS(P_STR(name_of(r)), P_STR(owner)), NULL,
                     &cx->error);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* RC_CONFLICT: another process has it. */
static Rc take_lease(Reader *r, int64_t *ret_position)
{
    Ctx *cx = r->cx;
    int64_t now = time_now_us(), changed = 0;
    TRY(ctx_begin(cx));
    if (db_kind(cx->platform->db) == DB_SQLITE && !r->has_lease) {
        TRY(free_from_the_gone(r));
    }
    TRY(tx_exec(cx->tx, &events_q_sub_lease,
                PARAMS(P_STR(name_of(r)), P_CSTR(cx->platform->instance), P_I64(now + LEASE_US),
                       P_I64(now)),
                &changed, &cx->error));
    TRY(tx_one_i64(cx->tx, &events_q_sub_position, PARAMS(P_STR(name_of(r))), ret_position,
                   &cx->error));
    TRY(ctx_commit(cx));
    r->has_lease = changed == 1;
    return changed == 1 ? RC_OK : RC_CONFLICT;
}

static Rc save(Reader *r, int64_t position, const char *problem)
{
    Ctx *cx = r->cx;
    int64_t now = time_now_us(), changed = 0;
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &events_q_sub_save,
                PARAMS(P_STR(name_of(r)), P_CSTR(cx->platform->instance), P_I64(position),
                       P_I64(now + LEASE_US), P_I64(r->failures), P_STR_OR_NULL(str_from(problem)),
                       P_I64(now)),
                &changed, &cx->error));
    TRY(ctx_commit(cx));
    if (changed != 1) {
        return RC_CONFLICT;
    }
    r->saved = position;
    r->saved_us = time_monotonic_us();
    return RC_OK;
}

static void release(Reader *r)
{
    Ctx *cx = r->cx;
    ctx_reset(cx);
    if (ctx_begin(cx) == RC_OK && tx_exec(cx->tx, &events_q_sub_release,
                                          PARAMS(P_STR(name_of(r)), P_CSTR(cx->platform->instance)),
                                          NULL, &cx->error) == RC_OK) {
        IGNORE(ctx_commit(cx)); /* else the lease runs out */
    }
    ctx_reset(cx);
}

/* ---- handing over */

static bool is_stopping(Events *events)
{
    mutex_lock(&events->lock);
    bool stopping = events->stopping;
    mutex_unlock(&events->lock);
    return stopping;
}

static Rc hand_over(Reader *r, const Event *event)
{
    Ctx *cx = r->handler;
    ctx_reset(cx);
    error_clear(&cx->error);
    cx->deadline_us = time_monotonic_us() + HANDLE_DEADLINE_US;
    Rc rc = r->own->subscription->handle(cx, event);
    ctx_end(cx);
    if (rc == RC_OK) {
        metric_add(r->events->delivered, 1);
        return RC_OK;
    }
    metric_add(r->events->failures, 1);
    log_warn("events.delivery_failed", F_STR("subscription", name_of(r)), F_STR("event", event->id),
             F_STR("type", event->type), F_CSTR("error", cx->error.message),
             F_I64("failures", r->failures + 1));
    return rc;
}

static int64_t backoff_us(int64_t failures)
{
    int64_t wait = BACKOFF_FIRST_US << MIN(failures, BACKOFF_DOUBLINGS);
    return MIN(wait, BACKOFF_MAX_US);
}

/* The events of a page that follows r->seen, until one fails. */
static Rc hand_over_page(Reader *r, const EventPage *page)
{
    for (size_t i = 0; i < page->n && !is_stopping(r->events); i++) {
        if (hand_over(r, &page->items[i]) != RC_OK) {
            r->is_leased = false;
            r->failures++;
            r->pause_us = backoff_us(r->failures - 1);
            return save(r, r->seen, r->handler->error.message);
        }
        r->failures = 0;
        r->seen = page->positions[i];
        if (time_monotonic_us() - r->saved_us > SAVE_EVERY_US) {
            TRY(save(r, r->seen, NULL));
        }
    }
    if (!is_stopping(r->events)) {
        r->seen = page->position;
        if (!page->is_end) {
            return RC_OK;
        }
    }
    r->is_leased = false;
    return save(r, r->seen, NULL);
}

/* Looks for matching events after r->seen; when there are some, takes the lease and starts from the
 * row. *ret_found: there are. */
static Rc look(Reader *r, bool *ret_found, bool *ret_more)
{
    Ctx *cx = r->cx;
    EventPage page;
    int64_t position;
    TRY(ctx_read_primary(cx));
    TRY(events_scan(cx->tx, cx->arena, r->seen, &r->own->filter, 1, SKIP_SAVE_ROWS, &page,
                    &cx->error));
    ctx_end(cx);
    *ret_found = page.n > 0 || page.position - r->saved >= SKIP_SAVE_ROWS;
    if (!*ret_found) {
        *ret_more = !page.is_end;
        r->seen = page.position;
        return RC_OK;
    }
    TRY(take_lease(r, &position));
    r->is_leased = true;
    r->saved = r->seen = position;
    r->saved_us = time_monotonic_us();
    return RC_OK;
}

/* The next page. *ret_more: there may be another. */
static Rc read_on(Reader *r, bool *ret_more)
{
    Ctx *cx = r->cx;
    EventPage page;
    bool found = true;
    if (!r->is_leased || time_monotonic_us() - r->saved_us > LEASE_US / 2) {
        TRY(look(r, &found, ret_more));
    }
    if (!found) {
        return RC_OK;
    }
    TRY(ctx_read_primary(cx));
    TRY(events_scan(cx->tx, cx->arena, r->seen, &r->own->filter, HANDLE_BATCH, SKIP_SAVE_ROWS,
                    &page, &cx->error));
    ctx_end(cx);
    *ret_more = !page.is_end;
    return hand_over_page(r, &page);
}

/* ---- the thread */

/* Until there is news after r->seen, or r->pause_us is over. False: stop. */
static bool wait_for_news(Reader *r, bool has_more)
{
    Events *events = r->events;
    int64_t until = time_monotonic_us() + r->pause_us;
    mutex_lock(&events->lock);
    if (r->pause_us > 0) {
        while (!events->stopping && cond_wait_until(&events->news, &events->lock, until)) {
        }
    } else {
        while (!events->stopping && !has_more && events->position <= r->seen) {
            cond_wait(&events->news, &events->lock);
        }
    }
    bool go_on = !events->stopping;
    mutex_unlock(&events->lock);
    r->pause_us = 0;
    return go_on;
}

static void *subscription_main(void *user)
{
    SubscriptionThread *own = user;
    Platform *platform = own->events->platform;
    Reader r = {.own = own, .events = own->events};
    r.cx = ctx_new_system(platform, "events");
    r.handler = ctx_new_system(platform, own->subscription->name);
    bool has_more = true;
    if (ctx_read(r.cx) == RC_OK &&
        tx_one_i64(r.cx->tx, &events_q_sub_position, PARAMS(P_STR(name_of(&r))), &r.saved,
                   &r.cx->error) == RC_OK) {
        r.seen = r.saved;
    }
    while (wait_for_news(&r, has_more)) {
        ctx_reset(r.cx);
        error_clear(&r.cx->error);
        Rc rc = read_on(&r, &has_more);
        r.is_leased = r.is_leased && rc == RC_OK;
        if (rc ==
            RC_CONFLICT) { /* another process delivers; look again when its lease may be over */
            r.pause_us = LEASE_US / 3;
            has_more = true;
        } else if (rc != RC_OK) {
            log_warn("events.subscription_failed", F_STR("subscription", name_of(&r)),
                     F_CSTR("error", r.cx->error.message), F_CSTR("detail", r.cx->error.detail));
            r.pause_us = BACKOFF_FIRST_US;
            has_more = true;
        } else if (r.failures > 0) {
            has_more = true;
        }
    }
    release(&r);
    ctx_free(r.handler);
    ctx_free(r.cx);
    return NULL;
}

void subscriptions_start(Events *events)
{
    events->subscriptions = ARENA_ARRAY(events->arena, SubscriptionThread, events->n_subscriptions);
    for (size_t i = 0; i < events->n_subscriptions; i++) {
        SubscriptionThread *own = &events->subscriptions[i];
        own->events = events;
        own->subscription = subscription_at(events, i);
        ASSERT(event_filter_parse(str_from(own->subscription->types), STR_EMPTY, &own->filter));
        thread_start(&own->thread, "subscription", subscription_main, own);
    }
}

void subscriptions_join(Events *events)
{
    for (size_t i = 0; events->subscriptions && i < events->n_subscriptions; i++) {
        thread_join(&events->subscriptions[i].thread);
    }
    events->subscriptions = NULL;
}
