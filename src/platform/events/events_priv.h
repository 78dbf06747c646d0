/* SPDX-License-Identifier: Apache-2.0
 * platform/events/events_priv.h - what the files of the outbox share.
 *
 *   events.c            the Events object, writing events, removing old ones
 *   events_read.c       positions, filters, reading in order, CloudEvents JSON
 *   events_hub.c        the one thread that places (PostgreSQL) and reads new events
 *   events_stream.c     live streams, fed by the hub
 *   events_guard.c      which of them may go on, and with what
 *   events_subscribe.c  durable subscriptions, one thread each
 *   events_amqp.c       the subscription that relays to RabbitMQ
 *   events_api.c        GET /api/events */
#ifndef PLATFORM_EVENTS_PRIV_H
#define PLATFORM_EVENTS_PRIV_H

#include "base/thread.h"

#include "net/http_server.h"
#include "platform/events/events.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"

#include <stdatomic.h>

enum {
    EVENT_GLOBS_MAX = 32,               /* in one filter */
    EVENT_FILTER_MAX = 2048,            /* bytes of types and of subject */
    EVENT_DATA_MAX = 256 * 1024,        /* bytes of one event's data; larger is left out */
    EVENT_BATCH = 256,                  /* rows read at once */
    EVENT_PAGE_BYTES = 4 * 1024 * 1024, /* a page ends early beyond this */
    EVENT_SCAN_MAX = 5000,              /* rows one request looks at; it says where to go on */
    EVENT_POSITION_DIGITS = 16,         /* fixed width: positions compare as text too */
    EVENT_STREAMS_MAX = 100000,
};

/* Which events a reader wants. */
typedef struct EventFilter {
    Str globs[EVENT_GLOBS_MAX];
    size_t n_globs; /* 0: every type */
    Str subject;    /* glob; "": every subject */
    Str hidden;     /* topics, as in EventReader */
} EventFilter;

/* types: globs separated by spaces or commas. Borrows both. False: too long or too many. */
bool event_filter_parse(Str types, Str subject, EventFilter *ret);
bool event_filter_match(const EventFilter *filter, const Event *event);

Str event_position_write(int64_t position, char out[EVENT_POSITION_DIGITS + 4]);
/* "" is 0: before the oldest. */
MUST_CHECK bool event_position_parse(Str s, int64_t *ret);

typedef struct EventPage {
    Event *items; /* in the arena */
    int64_t *positions;
    size_t n, bytes;
    int64_t position; /* everything up to here has been looked at */
    bool is_end;      /* nothing after position when it was read */
} EventPage;

/* At most max events after a position that match, looking at no more than max_scanned (0: no
 * limit). */
MUST_CHECK Rc events_scan(Tx *tx,
                          Arena *arena,
                          int64_t after,
                          const EventFilter *filter,
                          size_t max,
                          size_t max_scanned,
                          EventPage *ret,
                          Error *err);
MUST_CHECK Rc events_head_position(Tx *tx, int64_t *ret, Error *err);
MUST_CHECK Rc events_pruned_position(Tx *tx, int64_t *ret, Error *err);

/* events.c: removes some of the events older than cutoff_us; *ret_done: there were none left. */
MUST_CHECK Rc events_prune_before(Ctx *cx, int64_t cutoff_us, bool *ret_done);

typedef struct EventStream EventStream;
typedef struct EventsAmqp EventsAmqp;

struct EventStream {
    Events *events;
    HttpStream *http;
    EventFilter filter;
    Actor actor;
    bool is_brief;           /* gets the types of what happened, and nothing that it missed */
    int64_t mark;            /* of the guard */
    char *filter_text;       /* heap; what filter and actor point into */
    char *hidden_text;       /* heap; filter.hidden */
    struct StreamList *list; /* NULL until the hub has taken it */
    size_t index;            /* in list */
    int64_t position; /* everything up to here has been sent or does not match; -1: from now on */
    int64_t written_us, retry_us;
    EventStream *next; /* joining */
    /* Guarded by events->lock: */
    bool is_joined, is_gone;
    EventStream *next_gone, *prev_gone;
};

typedef struct StreamList {
    EventStream **at; /* heap */
    size_t n, cap;
} StreamList;

typedef struct SubscriptionThread {
    Events *events;
    const Subscription *subscription;
    EventFilter filter;
    Thread thread;
} SubscriptionThread;

struct Events {
    Platform *platform;
    Arena *arena;
    Mutex lock; /* guards the next fields, up to the blank line */
    Cond hub_wake, news;
    bool woken, stopping;
    int64_t position;     /* up to which the hub has published; written by the hub only */
    EventStream *joining; /* new streams */
    EventStream *gone;    /* whose client has left */

    /* the hub's thread */
    Thread hub;
    StreamList fresh; /* joined, and not yet let in by the guard */
    StreamList live, behind;
    uint64_t epoch; /* of the guard, when it was last asked about all */
    int64_t guarded_us;
    size_t next_heartbeat, next_behind; /* where the next round begins in each */
    bool is_failing;
    int64_t poll_us;

    EventsGuard guard; /* NULL: everybody reads everything */
    uint64_t (*guard_epoch)(void);

    EventsAmqp *amqp; /* NULL when the setting amqp.url is empty */
    SubscriptionThread *subscriptions;
    size_t n_subscriptions;
    bool is_started;
    _Atomic size_t n_streams;
    Metric *emitted, *streams_gauge, *delivered, *failures;
};

/* events_hub.c */
void *events_hub_main(void *events);

/* events_subscribe.c */
MUST_CHECK Rc subscriptions_register(Events *events, Error *err);
void subscriptions_start(Events *events);
void subscriptions_join(Events *events);

/* events_amqp.c: *ret in arena, or NULL when the setting amqp.url is empty. Fails: RC_INVALID. */
MUST_CHECK Rc events_amqp_new(const Platform *platform, Arena *arena, EventsAmqp **ret, Error *err);
void events_amqp_free(EventsAmqp *amqp); /* closes the connection; NULL is fine */
extern const Subscription events_amqp_subscription;

/* events_stream.c */
typedef struct EventStart {
    const EventFilter *filter;
    const Actor *actor;
    int64_t after; /* a position, or -1 for only what is new */
    Str note;      /* sent first */
    bool is_brief;
} EventStart;
/* Takes over the answer of r. Fails RC_BUSY, without having answered, when there are too many
 * streams. */
MUST_CHECK Rc event_stream_open(
    Events *events, HttpRequest *r, const HttpResponse *head, const EventStart *start, Error *err);
/* The rest is for the hub's thread only. */
void streams_take_new(Events *events);
/* Lets a fresh one begin. */
void stream_let_in(EventStream *s);
void stream_close(EventStream *s);
void streams_drop_gone(Events *events);
/* A batch that follows events->position. */
void streams_publish(Events *events, Arena *arena, const EventPage *page);
/* Gives some of those that are behind their next events from the database. *ret_more: there is more
 * to do at once. */
MUST_CHECK Rc streams_catch_up(Events *events, Ctx *cx, bool *ret_more);
void streams_heartbeat(Events *events);
void streams_close_all(Events *events);

/* events_guard.c: lets fresh streams in, closes those that may not go on. */
MUST_CHECK Rc streams_admit(Events *events, Ctx *cx);
/* The same for one who asks for a page: fails RC_DENIED; sets filter->hidden. */
MUST_CHECK Rc events_guard_page(Ctx *cx, EventFilter *filter);

/* The event as one server-sent event. */
void event_write_frame(Buf *out, const Event *event);
/* {"types":[…]} of a page as one server-sent event without a name; ["*"] for very many. */
void event_write_types(Buf *out, const EventPage *page);

#endif
