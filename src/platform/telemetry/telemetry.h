/* SPDX-License-Identifier: Apache-2.0
 * platform/telemetry/telemetry.h - traces of the server itself, sent to a collector over OTLP/HTTP
 * with JSON (OpenTelemetry protocol 1.x, POST <endpoint>/v1/traces).
 *
 * On when the setting telemetry.otlp_endpoint names a collector; else Platform.telemetry is NULL,
 * and the one comparison with NULL is all that is left of it. Spans wait in a bounded queue; when
 * it is full, new ones are dropped and counted. One thread sends them, every second or 512 at a
 * time, and tries again with growing waits while the collector is away. Nobody waits for it.
 * Metrics: fairway_telemetry_spans_total{result="exported"|"dropped"|"failed"}.
 *
 * Callers test for NULL themselves, so that nothing is prepared in vain:
 *     if (platform->telemetry) { telemetry_span(platform->telemetry, &span); } */
#ifndef PLATFORM_TELEMETRY_H
#define PLATFORM_TELEMETRY_H

#include "platform/ctx.h"

enum {
    TELEMETRY_QUEUE_MAX = 8192, /* spans that wait; more are dropped */
    TELEMETRY_BATCH = 512,      /* spans in one request to the collector */
    TELEMETRY_TEXT_MAX = 512,   /* bytes of a name or an attribute; the rest is cut */
    TELEMETRY_SPAN_BYTES = 16384
};

/* The numbers are those of OTLP's SpanKind. */
typedef enum SpanKind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 } SpanKind;

typedef struct SpanAttr {
    const char *key; /* a literal: "url.path" */
    Str text;
    int64_t number; /* when text.ptr is NULL */
} SpanAttr;

/* A piece of work that has just ended. Everything is borrowed for the call. */
typedef struct Span {
    SpanKind kind;
    Str name;
    Str trace_id; /* 32 hex digits, lower case; "": a new trace */
    /* The W3C header as received, or "". Its span becomes the parent when trace_id came from it;
     * with its flag "sampled" unset nothing is recorded, since its caller recorded nothing. */
    Str traceparent;
    int64_t duration_us;
    const char *error; /* short and of few kinds ("internal"); NULL: it went well */
    const SpanAttr *attrs;
    size_t n_attrs;
} Span;

/* Sets platform->telemetry and starts the thread; neither when the setting is empty. Before any
 * thread that may record spans is started. Fails: RC_INVALID naming the setting. */
MUST_CHECK Rc telemetry_start(Platform *platform, Error *err);
/* Sends what waits and ends the thread; a collector that does not answer holds it up for eight
 * seconds at most. Sets platform->telemetry to NULL. After every thread that may record spans has
 * ended. Harmless when off. */
void telemetry_stop(Platform *platform);

/* Thread-safe; never waits for the collector. */
void telemetry_span(Telemetry *telemetry, const Span *span);

#endif
