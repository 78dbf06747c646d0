/* SPDX-License-Identifier: Apache-2.0
 * The one thread that sends spans.
 *
 * A batch that the collector could not take for now (no answer, 429, 502, 503, 504) is sent again
 * with growing waits, as the protocol asks; any other refusal is final. Meanwhile the queue fills,
 * and beyond its end spans are dropped: memory stays bounded however long the collector is away. */
#include "base/log.h"
#include "base/time.h"

#include "data/json.h"
#include "platform/telemetry/telemetry_priv.h"

#include <stdlib.h>

#define SEND_EVERY_US US_PER_SECOND
#define SEND_TIMEOUT_US (5 * US_PER_SECOND)
#define LAST_TIMEOUT_US (3 * US_PER_SECOND)
#define WAIT_FIRST_US US_PER_SECOND
#define WAIT_MAX_US (30 * US_PER_SECOND)

enum { TRIES = 6, ANSWER_MAX = 256 * 1024 };

typedef struct Batch {
    SpanText spans[TELEMETRY_BATCH];
    size_t n;
} Batch;

/* Waits for spans until a batch is full or its time has come. False: stop, with what is left. */
static bool take(Telemetry *t, Batch *ret)
{
    mutex_lock(&t->lock);
    int64_t until = time_monotonic_us() + SEND_EVERY_US;
    while (!t->stopping && t->n < TELEMETRY_BATCH && cond_wait_until(&t->wake, &t->lock, until)) {
    }
    ret->n = MIN(t->n, (size_t)TELEMETRY_BATCH);
    for (size_t i = 0; i < ret->n; i++) {
        ret->spans[i] = t->queue[t->first];
        t->first = (t->first + 1) % TELEMETRY_QUEUE_MAX;
    }
    t->n -= ret->n;
    bool go_on = !t->stopping;
    mutex_unlock(&t->lock);
    return go_on;
}

static void release(Batch *batch)
{
    while (batch->n > 0) {
        free(batch->spans[--batch->n].text);
    }
}

/* False: stop. */
static bool pause_for(Telemetry *t, int64_t us)
{
    int64_t until = time_monotonic_us() + us;
    mutex_lock(&t->lock);
    while (!t->stopping && cond_wait_until(&t->wake, &t->lock, until)) {
    }
    bool go_on = !t->stopping;
    mutex_unlock(&t->lock);
    return go_on;
}

static Str body_of(Arena *arena, const Telemetry *t, const Batch *batch)
{
    Buf out = buf_init(arena, t->head.len + TELEMETRY_BATCH * (size_t)TELEMETRY_SPAN_BYTES + KIB);
    buf_put(&out, t->head);
    for (size_t i = 0; i < batch->n; i++) {
        if (i > 0) {
            buf_char(&out, ',');
        }
        buf_put(&out, str_of(batch->spans[i].text, batch->spans[i].len));
    }
    buf_lit(&out, SPAN_TAIL);
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}

/* Only the collector the operator named may be at an internal address. */
static bool allow_endpoint(void *user, Str host, uint16_t port)
{
    const Telemetry *t = user;
    return str_eq_nocase(host, t->endpoint.host) && port == t->endpoint.port;
}

/* A collector may take a batch and refuse some of its spans: they must not be sent again. */
static int64_t rejected_spans(Arena *arena, Str answer)
{
    Json *root;
    int64_t n = 0;
    if (answer.len == 0 || json_parse(arena, answer, NULL, &root, NULL) != RC_OK) {
        return 0;
    }
    const Json *rejected = json_path(root, "partialSuccess", "rejectedSpans", NULL);
    if (!json_to_i64(rejected, &n)) {
        IGNORE(str_to_i64(json_str(rejected), &n)); /* a number or its text; else none */
    }
    return n;
}

typedef struct Attempt {
    bool is_done; /* taken or refused for good */
    int64_t rejected;
    int64_t wait_us; /* what the collector asks for; 0: nothing */
    Error error;     /* code RC_OK: it went well */
} Attempt;

static Attempt attempt(Telemetry *t, Arena *arena, Str body, int64_t timeout_us)
{
    static const HttpPair headers[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/json")}
    };
    Attempt a = {0};
    HttpAnswer answer;
    HttpCall call = {.method = HTTP_POST,
                     .url = t->url,
                     .headers = headers,
                     .n_headers = ARRAY_LEN(headers),
                     .body = body,
                     .timeout_us = timeout_us,
                     .max_body = ANSWER_MAX,
                     .allow = allow_endpoint,
                     .allow_user = t,
                     .no_breaker = true, /* it waits by itself */
                     .kind = TELEMETRY_CALL_KIND};
    if (http_client_call(t->platform->http, &call, arena, &answer, &a.error) != RC_OK) {
        return a;
    }
    if (answer.status / 100 == 2) {
        a.is_done = true;
        a.rejected = rejected_spans(arena, answer.body);
        return a;
    }
    error_set(&a.error, RC_UPSTREAM, "the collector answered %d", answer.status);
    a.is_done = answer.status != 429 && answer.status != 502 && answer.status != 503 &&
                answer.status != 504;
    if (str_to_i64(answer.retry_after, &a.wait_us)) {
        a.wait_us = MIN(MAX(a.wait_us, 0), WAIT_MAX_US / US_PER_SECOND) * US_PER_SECOND;
    }
    return a;
}

/* Said once when it begins and once when it is over. */
static void note(Telemetry *t, const Error *err)
{
    bool is_failing = err->code != RC_OK;
    if (is_failing && !t->is_failing) {
        log_warn("telemetry.export_failed", F_STR("host", t->endpoint.host),
                 F_I64("port", t->endpoint.port), F_CSTR("error", err->message));
    } else if (!is_failing && t->is_failing) {
        log_info("telemetry.export_resumed", F_STR("host", t->endpoint.host),
                 F_I64("port", t->endpoint.port));
    }
    t->is_failing = is_failing;
}

static void count(Telemetry *t, size_t n, const Attempt *a)
{
    int64_t sent = (int64_t)n;
    int64_t lost = a->error.code == RC_OK ? MIN(MAX(a->rejected, 0), sent) : sent;
    metric_add(t->exported, sent - lost);
    metric_add(t->failed, lost);
}

static void send_batch(Telemetry *t, Arena *arena, const Batch *batch, bool is_last)
{
    Str body = body_of(arena, t, batch);
    int64_t wait = WAIT_FIRST_US;
    Attempt a;
    for (int tries = 1;; tries++) {
        a = attempt(t, arena, body, is_last ? LAST_TIMEOUT_US : SEND_TIMEOUT_US);
        note(t, &a.error);
        if (a.is_done || is_last || tries == TRIES) {
            break;
        }
        /* When asked to stop while it waits, one attempt is left. */
        is_last = !pause_for(t, a.wait_us ? a.wait_us : wait);
        wait = MIN(wait * 2, WAIT_MAX_US);
    }
    count(t, batch->n, &a);
}

/* What is left at the end: sent while that works within the time. */
static void send_rest(Telemetry *t, Arena *arena, Batch *batch)
{
    int64_t until = time_monotonic_us() + LAST_TIMEOUT_US;
    do {
        if (batch->n > 0 && !t->is_failing && time_monotonic_us() < until) {
            send_batch(t, arena, batch, true);
        } else {
            metric_add(t->failed, (int64_t)batch->n);
        }
        release(batch);
        arena_reset(arena);
        IGNORE(take(t, batch)); /* false: that it stops is known */
    } while (batch->n > 0);
}

void *telemetry_main(void *user)
{
    Telemetry *t = user;
    Arena *arena = arena_new(0);
    Batch *batch = calloc(1, sizeof(*batch));
    ASSERT(batch);
    while (take(t, batch)) {
        if (batch->n > 0) {
            send_batch(t, arena, batch, false);
            release(batch);
            arena_reset(arena);
        }
    }
    send_rest(t, arena, batch);
    free(batch);
    arena_free(arena);
    return NULL;
}
