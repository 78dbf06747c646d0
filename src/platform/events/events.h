/* SPDX-License-Identifier: Apache-2.0
 * platform/events/events.h - the transactional outbox and its readers.
 *
 * events_emit writes a CloudEvents 1.0 event in the same transaction as the change. Committed
 * events have one total order; a position in it is an opaque text that compares as text
 * ("0000000000001234"): after the last one seen, none is ever missed, also while other transactions
 * are still open. Readers: in-process subscriptions (durable position per name, at least once, in
 * order, one process at a time by lease), live server-sent events (GET /api/events, Last-Event-ID),
 * signed webhooks. Retention by settings events.retention. */
#ifndef PLATFORM_EVENTS_H
#define PLATFORM_EVENTS_H

#include "data/json.h"
#include "platform/ctx.h"

typedef struct Subscription Subscription;

typedef struct Event {
    Str id;       /* UUIDv7 */
    Str position; /* order in the stream */
    Str type;     /* "services.updated" */
    Str source;   /* "/api/services" */
    Str subject;  /* id or entity ref of what changed */
    Str actor;    /* UUID or name; "" for none */
    int64_t time_us;
    Str data; /* JSON text */
} Event;

/* In cx's write transaction. subject and data are copied. */
MUST_CHECK Rc
events_emit(Ctx *cx, const char *type, const char *source, Str subject, const Json *data);
/* Many at once, one statement (bulk ingest). types as in each Event; id, position, time and actor
 * are filled in. */
MUST_CHECK Rc events_emit_many(Ctx *cx, const Event *events, size_t n);

struct Subscription {
    const char *name;  /* durable identity */
    const char *types; /* globs separated by spaces: "services.* catalog.entity.deleted" */
    /* One event; delivered again (with backoff) until it returns RC_OK. Runs on the events thread
     * with its own Ctx. */
    Rc (*handle)(Ctx *cx, const Event *event);
};

MUST_CHECK Rc events_new(Platform *platform, Events **ret, Error *err);
/* Starts the dispatcher threads with the subscriptions of the enabled modules. */
MUST_CHECK Rc events_start(Events *events, Error *err);
void events_stop(Events *events);
void events_free(Events *events);
/* Has what is new looked for at once; events is an Events. Any thread, never blocks. */
void events_wake(void *events);

/* ---- who may read events over HTTP */

/* A type without its last part ("services" of services.updated) is its topic. */
typedef struct EventReader {
    const Actor *actor;
    int64_t *mark; /* the guard's own, 0 at first */
    bool is_brief; /* in: is told of types only, for which signing in is enough */
    bool is_out;   /* may not read, or not any more */
    Str hidden;    /* topics that it may not read, each with a space before and behind; "" none */
} EventReader;
/* Fills is_out and hidden, which live in cx->arena. With cx's open read scope. */
typedef Rc (*EventsGuard)(Ctx *cx, EventReader *readers, size_t n);
/* From now on live streams and pages show what the guard lets through. It is asked for a stream
 * before it begins, for all streams when epoch gives another number than before (within a second;
 * events_wake makes it at once), and now and then. Before events_start. */
void events_set_guard(Events *events, EventsGuard guard, uint64_t (*epoch)(void));

/* Events after a position ("" = from the oldest kept), matching a space-separated glob list ("" =
 * all), at most max. */
MUST_CHECK Rc events_read(Ctx *cx, Str after, Str types, size_t max, Event **ret, size_t *ret_n);
/* Position of the newest committed event. */
MUST_CHECK Rc events_head(Ctx *cx, Str *ret);
/* The event as CloudEvents JSON (structured mode). */
void event_write_json(Buf *out, const Event *event);

#endif
