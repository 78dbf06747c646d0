/* SPDX-License-Identifier: Apache-2.0
 * GET /api/events: a page as JSON, or a live stream as server-sent events (WHATWG HTML
 * section 9.2). */
#include "base/time.h"

#include "contract_handlers.h"
#include "platform/events/events_priv.h"

/* The AsyncAPI document, embedded at build. */
extern const unsigned char asyncapi_data[];
extern const size_t asyncapi_len;

typedef struct Ask {
    EventFilter filter;
    int64_t after; /* -1: none was given */
    bool is_stream;
} Ask;

/* RFC 9110 section 12.5.1 as far as it concerns two media types: the stream is for those who name
 * it, and do not name JSON before it. */
static bool wants_stream(Str accept)
{
    size_t stream = str_find(accept, STR("text/event-stream"));
    return stream != SIZE_MAX && stream < str_find(accept, STR("application/json"));
}

static Rc read_ask(Ctx *cx, const Call *call, Ask *ret)
{
    Str last = call_header(call, "Last-Event-ID");
    Str after = last.len ? last : call_query(call, "after");
    Ask ask = {.after = -1, .is_stream = wants_stream(call_header(call, "Accept"))};
    if (after.len > 0 && !event_position_parse(after, &ask.after)) {
        return fail_field(cx, last.len ? STR("header:Last-Event-ID") : STR("query:after"),
                          "must be a position");
    }
    if (!event_filter_parse(call_query(call, "types"), call_query(call, "subject"), &ask.filter)) {
        return fail_field(cx, STR("query:types"), "must be at most %d types", EVENT_GLOBS_MAX);
    }
    *ret = ask;
    return RC_OK;
}

/* Whether the stream still has what comes after the position. *ret_from: where it can go on. */
static Rc check_position(Ctx *cx, int64_t after, int64_t *ret_from, bool *ret_ok)
{
    int64_t pruned, head;
    /* A replica may lag behind the position that the client has from the primary. */
    ctx_end(cx); /* who may was read from a replica, perhaps */
    TRY(ctx_read_primary(cx));
    TRY(events_pruned_position(cx->tx, &pruned, &cx->error));
    TRY(events_head_position(cx->tx, &head, &cx->error));
    *ret_ok = after < 0 || (after == 0) || (after >= pruned && after <= head);
    *ret_from = after > head ? head : MAX(after, pruned);
    return RC_OK;
}

/* ---- a page */

static Rc answer_page(Ctx *cx, Call *call, const Ask *ask)
{
    EventPage page;
    int64_t from;
    bool ok;
    char position[EVENT_POSITION_DIGITS + 4];
    TRY(check_position(cx, ask->after, &from, &ok));
    if (!ok) {
        return fail(cx, RC_GONE,
                    "There is no event stream after that position any more; read without `after` "
                    "or go on after %.*s.",
                    STR_ARG(event_position_write(from, position)));
    }
    size_t limit = (size_t)call_query_i64(call, "limit", 50);
    EventFilter filter = ask->filter;
    TRY(events_guard_page(cx, &filter));
    TRY(events_scan(cx->tx, cx->arena, MAX(ask->after, 0), &filter, limit, EVENT_SCAN_MAX, &page,
                    &cx->error));
    Buf out = buf_init(cx->arena, 64 * MIB);
    buf_lit(&out, "{\"items\":[");
    for (size_t i = 0; i < page.n; i++) {
        if (i > 0) {
            buf_char(&out, ',');
        }
        event_write_json(&out, &page.items[i]);
    }
    buf_fmt(&out, "],\"position\":\"%.*s\",\"more\":%s}",
            STR_ARG(event_position_write(page.position, position)), page.is_end ? "false" : "true");
    ASSERT(buf_ok(&out));
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

/* ---- a stream */

/* Tells a client that events are missing before those that follow. */
static Str reset_note(Arena *arena, int64_t after, int64_t from)
{
    char asked[EVENT_POSITION_DIGITS + 4], begins[EVENT_POSITION_DIGITS + 4];
    return str_fmt(arena, "event: stream.reset\ndata: {\"after\":\"%.*s\",\"from\":\"%.*s\"}\n\n",
                   STR_ARG(event_position_write(after, asked)),
                   STR_ARG(event_position_write(from, begins)));
}

static Rc open_stream(Ctx *cx, Call *call, const EventStart *start)
{
    const HttpPair headers[] = {
        {STR("Content-Type"),           STR("text/event-stream")},
        {STR("Cache-Control"),          STR("no-store")         },
        {STR("X-Accel-Buffering"),      STR("no")               }, /* nginx would hold events back */
        {STR("X-Content-Type-Options"), STR("nosniff")          },
        {STR("X-Request-Id"),           cx->request_id          },
    };
    HttpResponse head = {.status = 200, .headers = headers, .n_headers = ARRAY_LEN(headers)};
    if (!call->http) {
        return fail(cx, RC_NOT_ACCEPTABLE,
                    "A stream needs a connection; ask for application/json here.");
    }
    TRY(event_stream_open(cx->platform->events, call->http, &head, start, &cx->error));
    call->reply.status = 200;
    call->reply.sent = true;
    return RC_OK;
}

static Rc answer_stream(Ctx *cx, Call *call, const Ask *ask)
{
    int64_t from = -1;
    bool ok = true;
    Str note = STR_EMPTY;
    if (ask->after >= 0) {
        TRY(check_position(cx, ask->after, &from, &ok));
        ctx_end(cx);
    }
    if (!ok) {
        note = reset_note(cx->arena, ask->after, from);
    }
    const EventStart start = {
        .filter = &ask->filter, .actor = &cx->actor, .after = from, .note = note};
    return open_stream(cx, call, &start);
}

Rc events_list(Ctx *cx, Call *call)
{
    Ask ask;
    TRY(read_ask(cx, call, &ask));
    if (cx->on_io_thread && !(ask.is_stream && ask.after < 0)) {
        return fail(cx, RC_BUSY, "Events are not looked for on this thread");
    }
    return ask.is_stream ? answer_stream(cx, call, &ask) : answer_page(cx, call, &ask);
}

Rc events_changes(Ctx *cx, Call *call)
{
    const EventFilter everything = {0};
    const EventStart start = {
        .filter = &everything, .actor = &cx->actor, .after = -1, .is_brief = true};
    if (!wants_stream(call_header(call, "Accept"))) {
        return fail(cx, RC_NOT_ACCEPTABLE, "There is a stream here: ask for text/event-stream.");
    }
    return open_stream(cx, call, &start);
}

Rc events_asyncapi(Ctx *cx, Call *call)
{
    (void)cx;
    reply_json(call, 200, str_of((const char *)asyncapi_data, asyncapi_len));
    return RC_OK;
}
