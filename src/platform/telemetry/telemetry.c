/* SPDX-License-Identifier: Apache-2.0
 * The queue of spans, between the threads that record and the one that sends.
 *
 * A span is written as JSON by the thread that records it, which costs about a microsecond, so that
 * the queue holds one piece of memory per span and the sender only joins them. */
#include "platform/telemetry/telemetry.h"

#include "platform/settings/settings.h"
#include "platform/telemetry/telemetry_priv.h"

#include <stdlib.h>

static Metric *counter(const Platform *platform, const char *labels)
{
    return metrics_counter(platform->metrics, "fairway_telemetry_spans_total", labels,
                           "Spans by what became of them.");
}

/* A call to another server. Whose request or job it was made for is not known here, so it is a
 * trace of its own. */
static void
trace_call(void *user, const HttpCall *call, const HttpAnswer *answer, Rc rc, int64_t duration_us)
{
    enum { FIRST_ERROR = 400, STATUS_SIZE = 16 };
    char status[STATUS_SIZE];
    Url url = {0};
    if (str_is(str_from(call->kind), TELEMETRY_CALL_KIND) || !url_parse(call->url, &url)) {
        return; /* our own */
    }
    snprintf(status, sizeof(status), "%d", answer ? answer->status : 0);
    const char *error = rc ? rc_slug(rc) : NULL;
    if (answer && answer->status >= FIRST_ERROR) {
        error = status;
    }
    const SpanAttr attrs[] = {
        {.key = "http.request.method",       .text = str_from(http_method_name(call->method))   },
        {.key = "server.address",            .text = url.host                                   },
        {.key = "server.port",               .number = url.port                                 },
        {.key = "fairway.call.kind",         .text = str_from(call->kind ? call->kind : "other")},
        {.key = "http.response.status_code", .number = answer ? answer->status : 0              },
    };
    telemetry_span(user, &(Span){.kind = SPAN_CLIENT,
                                 .name = attrs[0].text,
                                 .duration_us = duration_us,
                                 .error = error,
                                 .attrs = attrs,
                                 .n_attrs = ARRAY_LEN(attrs) - (answer ? 0 : 1)});
}

Rc telemetry_start(Platform *platform, Error *err)
{
    Str given = settings_str(platform->settings, "telemetry.otlp_endpoint");
    Url endpoint;
    if (given.len == 0) {
        return RC_OK;
    }
    while (str_ends(given, STR("/"))) {
        given = str_sub(given, 0, given.len - 1);
    }
    if (!url_parse(given, &endpoint) || endpoint.query.ptr || endpoint.fragment.ptr) {
        return error_set(err, RC_INVALID,
                         "telemetry.otlp_endpoint must be the http or https URL of an OTLP "
                         "collector, such as http://127.0.0.1:4318");
    }
    Telemetry *t = calloc(1, sizeof(*t));
    ASSERT(t);
    t->platform = platform;
    t->arena = arena_new(0);
    t->url = str_fmt(t->arena, "%.*s/v1/traces", STR_ARG(given));
    ASSERT(url_parse(t->url, &t->endpoint));
    t->head = span_head(t->arena, platform);
    random_bytes(&t->seed, sizeof(t->seed));
    mutex_init(&t->lock);
    cond_init(&t->wake);
    t->exported = counter(platform, "result=\"exported\"");
    t->dropped = counter(platform, "result=\"dropped\"");
    t->failed = counter(platform, "result=\"failed\"");
    platform->telemetry = t;
    http_client_observe(platform->http, trace_call, t);
    thread_start(&t->thread, "telemetry", telemetry_main, t);
    return RC_OK;
}

void telemetry_stop(Platform *platform)
{
    Telemetry *t = platform->telemetry;
    if (!t) {
        return;
    }
    mutex_lock(&t->lock);
    t->stopping = true;
    cond_signal(&t->wake);
    mutex_unlock(&t->lock);
    thread_join(&t->thread);
    http_client_observe(platform->http, NULL, NULL);
    platform->telemetry = NULL;
    ASSERT(t->n == 0); /* the thread has emptied it */
    cond_done(&t->wake);
    mutex_done(&t->lock);
    arena_free(t->arena);
    free(t);
}

static bool enqueue(Telemetry *t, SpanText span)
{
    mutex_lock(&t->lock);
    bool fits = t->n < TELEMETRY_QUEUE_MAX;
    if (fits) {
        t->queue[(t->first + t->n++) % TELEMETRY_QUEUE_MAX] = span;
    }
    if (t->n == TELEMETRY_BATCH) {
        cond_signal(&t->wake);
    }
    mutex_unlock(&t->lock);
    return fits;
}

void telemetry_span(Telemetry *telemetry, const Span *span)
{
    enum { USUAL_BYTES = 1024 };
    Buf out = buf_init(NULL, TELEMETRY_SPAN_BYTES);
    buf_reserve(&out, USUAL_BYTES);
    if (!span_write(telemetry, span, &out)) {
        buf_done(&out);
        return;
    }
    if (!buf_ok(&out)) { /* too large even with its texts cut */
        metric_add(telemetry->dropped, 1);
        buf_done(&out);
        return;
    }
    SpanText text = {.len = 0};
    text.text = buf_take(&out, &text.len);
    if (!enqueue(telemetry, text)) {
        metric_add(telemetry->dropped, 1);
        free(text.text);
    }
}
