/* SPDX-License-Identifier: Apache-2.0
 * Spans as OTLP JSON, the bounded queue, the setting. What a collector receives is tested by
 * tests/api/test_telemetry.py. */
#include "base/time.h"

#include "data/json.h"
#include "platform/settings/settings.h"
#include "platform/telemetry/telemetry_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants those above first */
#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

/* ---- a span */

static Telemetry *bare(void)
{
    Telemetry *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    return t;
}

static Json *written(Telemetry *t, Arena *arena, const Span *span)
{
    Buf out = buf_init(arena, TELEMETRY_SPAN_BYTES);
    Json *v = NULL;
    Error err = {0};
    if (!span_write(t, span, &out)) {
        return NULL;
    }
    if (json_parse(arena, buf_str(&out), NULL, &v, &err) != RC_OK) {
        fail_msg("%s in %.*s", err.message, STR_ARG(buf_str(&out)));
    }
    return v;
}

static void assert_text(const Json *v, const char *key, const char *want)
{
    Str got = json_str_at(v, key);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_span(void **state)
{
    (void)state;
    Telemetry *t = bare();
    Arena *arena = arena_new(0);
    const SpanAttr attrs[] = {
        {.key = "url.path",                  .text = STR("/a \"b\"")},
        {.key = "http.response.status_code", .number = 503          }
    };
    int64_t before = time_now_us(), start_ns, end_ns;
    Json *v = written(t, arena,
                      &(Span){.kind = SPAN_SERVER,
                              .name = STR("services.get"),
                              .trace_id = STR(TRACE),
                              .traceparent = STR("00-" TRACE "-" PARENT "-01"),
                              .duration_us = 1500,
                              .error = "busy",
                              .attrs = attrs,
                              .n_attrs = ARRAY_LEN(attrs)});
    assert_text(v, "traceId", TRACE);
    assert_text(v, "parentSpanId", PARENT);
    assert_int_equal(json_str_at(v, "spanId").len, SPAN_ID_LEN);
    assert_text(v, "name", "services.get");
    assert_true(json_is(json_get_c(v, "kind"), JSON_NUMBER));
    /* 64-bit integers are text in OTLP */
    assert_true(str_to_i64(json_str_at(v, "startTimeUnixNano"), &start_ns));
    assert_true(str_to_i64(json_str_at(v, "endTimeUnixNano"), &end_ns));
    assert_int_equal(end_ns - start_ns, 1500 * 1000);
    assert_true(end_ns >= before * 1000);
    assert_text(json_path(json_pointer(v, STR("/attributes/0")), "value", NULL), "stringValue",
                "/a \"b\"");
    assert_text(json_path(json_pointer(v, STR("/attributes/1")), "value", NULL), "intValue", "503");
    assert_text(json_pointer(v, STR("/attributes/2")), "key", "error.type");
    assert_non_null(json_path(v, "status", "code", NULL));
    arena_free(arena);
    free(t);
}

static void test_parent(void **state)
{
    (void)state;
    static const struct {
        const char *name, *traceparent, *trace_id;
        bool is_recorded, has_parent;
    } cases[] = {
        {"no header",             "",                                  TRACE,                              true,  false},
        {"sampled",               "00-" TRACE "-" PARENT "-01",        TRACE,                              true,  true },
        {"not sampled by caller", "00-" TRACE "-" PARENT "-00",        TRACE,                              false, false},
        {"flags of later drafts", "00-" TRACE "-" PARENT "-ff",        TRACE,                              true,  true },
        {"a later version",       "01-" TRACE "-" PARENT "-01-future", TRACE,                              true,  true },
        {"a refused header",      "00-" TRACE "-" PARENT "-01",        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true,
         false                                                                                                         },
        {"a short header",        "00-" TRACE,                         TRACE,                              true,  false},
        {"no trace yet",          "",                                  "",                                 true,  false},
    };
    Telemetry *t = bare();
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Json *v = written(t, arena,
                          &(Span){.kind = SPAN_SERVER,
                                  .name = STR("x"),
                                  .trace_id = str_from(cases[i].trace_id),
                                  .traceparent = str_from(cases[i].traceparent)});
        if ((v != NULL) != cases[i].is_recorded ||
            (json_get_c(v, "parentSpanId") != NULL) != cases[i].has_parent ||
            (v && json_str_at(v, "traceId").len != TRACE_ID_LEN)) {
            fail_msg("%s", cases[i].name);
        }
    }
    arena_free(arena);
    free(t);
}

static void test_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    enum { LEN = 2 * TELEMETRY_TEXT_MAX };
    Telemetry *t = bare();
    Arena *arena = arena_new(0);
    char text[LEN];
    for (size_t i = 0; i < LEN; i++) { /* "a" and then two-byte characters */
        text[i] = i == 0 ? 'a' : i % 2 ? (char)0xc3 : (char)0xa9;
    }
    const SpanAttr attr = {.key = "url.path", .text = str_of(text, LEN - 1)};
    Json *v = written(t, arena, &(Span){.name = STR("x"), .attrs = &attr, .n_attrs = 1});
    Str got = json_str_at(json_pointer(v, STR("/attributes/0/value")), "stringValue");
    assert_int_equal(got.len, TELEMETRY_TEXT_MAX - 1);
    arena_free(arena);
    free(t);
}

/* ---- the queue */

typedef struct Bench {
    Platform platform;
} Bench;

static void bench_init(Bench *b, const char *endpoint)
{
    Error err = {0};
    SettingsSource source = {0};
    *b = (Bench){0};
    b->platform.instance = "0192f0a0-0000-7000-8000-000000000000";
    assert_int_equal(setenv("FAIRWAY_TELEMETRY_OTLP_ENDPOINT", endpoint, 1), 0);
    assert_int_equal(settings_load(&source, &b->platform.settings, &err), RC_OK);
    assert_int_equal(metrics_new(&b->platform.metrics, &err), RC_OK);
    assert_int_equal(http_client_new(&(HttpClientOptions){0}, &b->platform.http, &err), RC_OK);
}

static void bench_done(Bench *b)
{
    http_client_free(b->platform.http);
    metrics_free(b->platform.metrics);
    settings_free(b->platform.settings);
}

static int64_t counted(const Bench *b, const char *result)
{
    char line[128];
    int64_t n = -1;
    Arena *arena = arena_new(0);
    Buf out = buf_init(arena, MIB);
    metrics_write(b->platform.metrics, &out);
    snprintf(line, sizeof(line), "fairway_telemetry_spans_total{result=\"%s\"} ", result);
    size_t at = str_find(buf_str(&out), str_from(line));
    assert_true(at != SIZE_MAX);
    Str rest = str_from_index(buf_str(&out), at + strlen(line));
    assert_true(str_to_i64(str_sub(rest, 0, str_find_char(rest, '\n')), &n));
    arena_free(arena);
    return n;
}

enum { RECORDERS = 4, EACH = 4000 };

static void *record(void *platform)
{
    const Platform *p = platform;
    for (int i = 0; i < EACH; i++) {
        telemetry_span(p->telemetry, &(Span){.kind = SPAN_INTERNAL, .name = STR("work")});
    }
    return NULL;
}

/* Nobody listens: the recorders go on, the queue stays bounded, and each span is counted once. */
static void test_collector_away(void **state)
{
    (void)state;
    Bench b;
    Thread threads[RECORDERS] = {0};
    Error err = {0};
    bench_init(&b, "http://127.0.0.1:1");
    assert_int_equal(telemetry_start(&b.platform, &err), RC_OK);
    assert_non_null(b.platform.telemetry);
    for (size_t i = 0; i < RECORDERS; i++) {
        thread_start(&threads[i], "recorder", record, &b.platform);
    }
    for (size_t i = 0; i < RECORDERS; i++) {
        thread_join(&threads[i]);
    }
    int64_t dropped = counted(&b, "dropped");
    assert_true(dropped >= RECORDERS * EACH - TELEMETRY_QUEUE_MAX - TELEMETRY_BATCH);
    int64_t started = time_monotonic_us();
    telemetry_stop(&b.platform);
    assert_true(time_monotonic_us() - started < 5 * US_PER_SECOND);
    assert_null(b.platform.telemetry);
    assert_int_equal(counted(&b, "exported"), 0);
    assert_int_equal(counted(&b, "failed") + dropped, RECORDERS * EACH);
    bench_done(&b);
}

static void test_setting(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        Rc rc;
    } cases[] = {
        {"",                         RC_OK     },
        {"collector:4318",           RC_INVALID},
        {"ftp://collector",          RC_INVALID},
        {"http://collector/x?key=1", RC_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Bench b;
        Error err = {0};
        bench_init(&b, cases[i].endpoint);
        assert_int_equal(telemetry_start(&b.platform, &err), cases[i].rc);
        assert_null(b.platform.telemetry);
        telemetry_stop(&b.platform); /* harmless when off */
        bench_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_parent),
        cmocka_unit_test(test_long_text_is_cut_at_a_character),
        cmocka_unit_test(test_collector_away),
        cmocka_unit_test(test_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
