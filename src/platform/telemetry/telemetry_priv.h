/* SPDX-License-Identifier: Apache-2.0
 * platform/telemetry/telemetry_priv.h - the parts of telemetry.
 *
 *   telemetry.c         the queue and its life
 *   telemetry_span.c    a span as OTLP JSON
 *   telemetry_export.c  the thread that sends */
#ifndef PLATFORM_TELEMETRY_PRIV_H
#define PLATFORM_TELEMETRY_PRIV_H

#include "base/buf.h"
#include "base/thread.h"

#include "net/http_client.h"
#include "platform/metrics/metrics.h"
#include "platform/telemetry/telemetry.h"

#include <stdatomic.h>

enum { SPAN_ID_LEN = 16, TRACE_ID_LEN = 32 };
#define TELEMETRY_CALL_KIND "telemetry" /* of the calls that send spans */

/* A span in the queue: its JSON, on the heap. */
typedef struct SpanText {
    char *text;
    size_t len;
} SpanText;

struct Telemetry {
    Platform *platform;
    Arena *arena;
    Str url;                /* of the collector, with /v1/traces */
    Url endpoint;           /* the same in pieces: the one host that may be internal */
    Str head;               /* what stands before the spans in each request */
    uint64_t seed;          /* of span ids */
    _Atomic uint64_t n_ids; /* made so far */
    bool is_failing;        /* the sender's: the last request failed */
    Mutex lock;             /* guards the rest */
    Cond wake;
    bool stopping;
    size_t first, n; /* the ring's */
    SpanText queue[TELEMETRY_QUEUE_MAX];

    Thread thread;
    Metric *exported, *dropped, *failed;
};

/* telemetry_span.c: false when it is not to be recorded. */
bool span_write(Telemetry *telemetry, const Span *span, Buf *out);
/* The resource and the scope: {"resourceSpans":[…"spans":[ */
Str span_head(Arena *arena, const Platform *platform);
#define SPAN_TAIL "]}]}]}"

/* telemetry_export.c */
void *telemetry_main(void *telemetry);

#endif
