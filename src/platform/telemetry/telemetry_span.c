/* SPDX-License-Identifier: Apache-2.0
 * A span as OTLP JSON: keys in lowerCamelCase, ids in hex, enumerations as numbers, 64-bit integers
 * as text. */
#include "base/time.h"

#include "platform/telemetry/telemetry_priv.h"

#include <inttypes.h>

enum { STATUS_ERROR = 2, PARENT_AT = 36, FLAGS_AT = 53, TRACE_AT = 3, SAMPLED = 1 };

static Str cut(Str s)
{
    size_t bad;
    Str part = str_sub(s, 0, TELEMETRY_TEXT_MAX);
    return part.len < s.len && !str_is_utf8(part, &bad) ? str_sub(part, 0, bad) : part;
}

/* SplitMix64 (Steele, Lea, Flood 2014): different for each number, and no system call. */
static uint64_t new_span_id(Telemetry *telemetry)
{
    uint64_t n = atomic_fetch_add_explicit(&telemetry->n_ids, 1, memory_order_relaxed);
    uint64_t z = telemetry->seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return z ? z : 1; /* all zeros would be no id */
}

static void write_trace_id(Str given, Buf *out)
{
    if (given.len == TRACE_ID_LEN) {
        buf_put(out, given);
        return;
    }
    unsigned char id[TRACE_ID_LEN / 2];
    random_bytes(id, sizeof(id));
    buf_hex(out, str_of((const char *)id, sizeof(id)));
}

static void write_attrs(const Span *span, Buf *out)
{
    buf_lit(out, ",\"attributes\":[");
    for (size_t i = 0; i < span->n_attrs; i++) {
        const SpanAttr *a = &span->attrs[i];
        buf_fmt(out, "%s{\"key\":\"%s\",\"value\":{", i ? "," : "", a->key);
        if (a->text.ptr) {
            buf_lit(out, "\"stringValue\":");
            buf_json_str(out, cut(a->text));
        } else {
            buf_fmt(out, "\"intValue\":\"%" PRId64 "\"", a->number);
        }
        buf_lit(out, "}}");
    }
    if (span->error) {
        buf_fmt(out,
                "%s{\"key\":\"error.type\",\"value\":{\"stringValue\":", span->n_attrs ? "," : "");
        buf_json_str(out, str_from(span->error));
        buf_lit(out, "}}");
    }
    buf_char(out, ']');
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

bool span_write(Telemetry *telemetry, const Span *span, Buf *out)
{
    Str parent = span->traceparent;
    int64_t end = time_now_us();
    /* The dispatcher takes a trace id over only from a header it found well-formed. */
    bool has_parent = parent.len > FLAGS_AT + 1 && span->trace_id.len == TRACE_ID_LEN &&
                      str_eq(str_sub(parent, TRACE_AT, TRACE_AT + TRACE_ID_LEN), span->trace_id);
    if (has_parent && !(hex_digit(parent.ptr[FLAGS_AT + 1]) & SAMPLED)) {
        return false;
    }
    buf_lit(out, "{\"traceId\":\"");
    write_trace_id(span->trace_id, out);
    buf_fmt(out, "\",\"spanId\":\"%016" PRIx64 "\"", new_span_id(telemetry));
    if (has_parent) {
        buf_fmt(out, ",\"parentSpanId\":\"%.*s\"",
                STR_ARG(str_sub(parent, PARENT_AT, PARENT_AT + SPAN_ID_LEN)));
    }
    buf_lit(out, ",\"name\":");
    buf_json_str(out, cut(span->name));
    buf_fmt(out,
            ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "000\",\"endTimeUnixNano\":\"%" PRId64
            "000\"",
            (int)span->kind, end - span->duration_us, end);
    write_attrs(span, out);
    if (span->error) {
        buf_fmt(out, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    }
    buf_char(out, '}');
    return true;
}

static void write_resource(Buf *out, const char *key, Str value, bool is_last)
{
    buf_fmt(out, "{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    buf_json_str(out, value);
    buf_put(out, is_last ? STR("}}") : STR("}},"));
}

Str span_head(Arena *arena, const Platform *platform)
{
    enum { HEAD_MAX = 4096 };
    Buf out = buf_init(arena, HEAD_MAX);
    buf_lit(&out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    write_resource(&out, "service.name", STR("fairway"), false);
    write_resource(&out, "service.version", STR(FAIRWAY_VERSION), false);
    write_resource(&out, "service.instance.id", str_from(platform->instance), true);
    buf_lit(&out,
            "]},\"scopeSpans\":[{\"scope\":{\"name\":\"fairway\",\"version\":\"" FAIRWAY_VERSION
            "\"},\"spans\":[");
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}
