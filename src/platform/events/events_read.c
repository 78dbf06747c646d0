/* SPDX-License-Identifier: Apache-2.0
 * Positions, filters, reading in order, and the two wire forms of an event. */
#include "base/file.h"
#include "base/time.h"

#include "events_q_sql.h"
#include "platform/events/events_priv.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- positions */

Str event_position_write(int64_t position, char out[EVENT_POSITION_DIGITS + 4])
{
    int n = snprintf(out, EVENT_POSITION_DIGITS + 4, "%0*" PRId64, EVENT_POSITION_DIGITS, position);
    ASSERT(n > 0 && n < EVENT_POSITION_DIGITS + 4);
    return str_of(out, (size_t)n);
}

bool event_position_parse(Str s, int64_t *ret)
{
    int64_t v = 0;
    if (s.len > 0 && (s.len > EVENT_POSITION_DIGITS + 2 || !str_to_i64(s, &v) || v < 0)) {
        return false;
    }
    *ret = v;
    return true;
}

/* ---- filters */

bool event_filter_parse(Str types, Str subject, EventFilter *ret)
{
    EventFilter filter = {.subject = subject};
    if (types.len > EVENT_FILTER_MAX || subject.len > EVENT_FILTER_MAX) {
        return false;
    }
    for (size_t i = 0; i < types.len;) {
        size_t end = i;
        while (end < types.len && types.ptr[end] != ' ' && types.ptr[end] != ',') {
            end++;
        }
        if (end > i) {
            if (filter.n_globs == EVENT_GLOBS_MAX) {
                return false;
            }
            filter.globs[filter.n_globs++] = str_sub(types, i, end);
        }
        i = end + 1;
    }
    *ret = filter;
    return true;
}

/* A subject is often an entity ref with a slash, which "*" would not pass in a glob: without one it
 * is compared as it is. */
static bool subject_match(Str pattern, Str subject)
{
    return str_find_char(pattern, '*') == SIZE_MAX ? str_eq(pattern, subject)
                                                   : glob_match(pattern, subject);
}

/* " services webhooks " has the topic of webhooks.disabled. */
static bool is_hidden(Str hidden, Str type)
{
    Str topic = str_sub(type, 0, MIN(str_rfind_char(type, '.'), type.len));
    for (size_t at = 1; at < hidden.len;) {
        Str rest = str_from_index(hidden, at);
        size_t len = MIN(str_find_char(rest, ' '), rest.len);
        if (str_eq(str_sub(rest, 0, len), topic)) {
            return true;
        }
        at += len + 1;
    }
    return false;
}

bool event_filter_match(const EventFilter *filter, const Event *event)
{
    bool fits = filter->n_globs == 0;
    if (filter->hidden.len > 0 && is_hidden(filter->hidden, event->type)) {
        return false;
    }
    for (size_t i = 0; i < filter->n_globs && !fits; i++) {
        fits = glob_match(filter->globs[i], event->type);
    }
    return fits && (filter->subject.len == 0 || subject_match(filter->subject, event->subject));
}

/* ---- reading */

static Event event_of(Rows *rows, Arena *arena)
{
    char position[EVENT_POSITION_DIGITS + 4];
    return (Event){
        .position = str_dup(arena, event_position_write(rows_i64(rows, 0), position)),
        .id = rows_dup(rows, 1, arena),
        .type = rows_dup(rows, 2, arena),
        .source = rows_dup(rows, 3, arena),
        .subject = rows_dup(rows, 4, arena),
        .actor = rows_dup(rows, 5, arena),
        .time_us = rows_i64(rows, 6),
        .data = rows_dup(rows, 7, arena),
    };
}

static bool row_matches(Rows *rows, const EventFilter *filter)
{
    Event event = {.type = rows_str(rows, 2), .subject = rows_str(rows, 4)};
    return event_filter_match(filter, &event);
}

/* At least what it takes as JSON without its own attributes' names: escapes are up to six bytes. */
static size_t event_size(const Event *event)
{
    return event->data.len +
           6 * (event->subject.len + event->source.len + event->actor.len + event->type.len);
}

static bool is_full(const EventPage *page, size_t max)
{
    return page->n == max || page->bytes > EVENT_PAGE_BYTES;
}

static Rc scan_batch(Tx *tx,
                     Arena *arena,
                     const EventFilter *filter,
                     size_t max,
                     size_t max_rows,
                     EventPage *page,
                     size_t *ret_rows,
                     Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    size_t seen = 0;
    TRY(tx_query(tx, &events_q_after, PARAMS(P_I64(page->position), P_I64(max_rows)), &rows, err));
    while (!is_full(page, max) && rows_next(rows)) {
        seen++;
        page->position = rows_i64(rows, 0);
        if (row_matches(rows, filter)) {
            page->positions[page->n] = page->position;
            page->items[page->n] = event_of(rows, arena);
            page->bytes += event_size(&page->items[page->n++]);
        }
    }
    *ret_rows = seen;
    return is_full(page, max) ? RC_OK : rows_error(rows, err);
}

Rc events_scan(Tx *tx,
               Arena *arena,
               int64_t after,
               const EventFilter *filter,
               size_t max,
               size_t max_scanned,
               EventPage *ret,
               Error *err)
{
    EventPage page = {
        .items = ARENA_ARRAY(arena, Event, max),
        .positions = ARENA_ARRAY(arena, int64_t, max),
        .position = after,
    };
    size_t scanned = 0, seen = 0;
    bool is_done = false;
    do {
        size_t rows =
            filter->n_globs || filter->subject.len ? EVENT_BATCH : MIN(max - page.n, EVENT_BATCH);
        TRY(scan_batch(tx, arena, filter, max, rows, &page, &seen, err));
        scanned += seen;
        page.is_end = seen < rows && !is_full(&page, max);
        is_done = page.is_end || is_full(&page, max) || (max_scanned > 0 && scanned >= max_scanned);
    } while (!is_done);
    *ret = page;
    return RC_OK;
}

Rc events_head_position(Tx *tx, int64_t *ret, Error *err)
{
    return tx_one_i64(tx, &events_q_head, NO_PARAMS, ret, err);
}

Rc events_pruned_position(Tx *tx, int64_t *ret, Error *err)
{
    return tx_one_i64(tx, &events_q_pruned, NO_PARAMS, ret, err);
}

Rc events_read(Ctx *cx, Str after, Str types, size_t max, Event **ret, size_t *ret_n)
{
    int64_t position;
    EventFilter filter;
    EventPage page;
    if (!event_position_parse(after, &position)) {
        return fail(cx, RC_INVALID, "\"%.*s\" is no position in the event stream",
                    STR_ARG(str_sub(after, 0, 64)));
    }
    if (!event_filter_parse(types, STR_EMPTY, &filter)) {
        return fail(cx, RC_INVALID, "An event filter has at most %d types", EVENT_GLOBS_MAX);
    }
    TRY(ctx_read(cx));
    TRY(events_scan(cx->tx, cx->arena, position, &filter, max, 0, &page, &cx->error));
    *ret = page.items;
    *ret_n = page.n;
    return RC_OK;
}

Rc events_head(Ctx *cx, Str *ret)
{
    int64_t position;
    char text[EVENT_POSITION_DIGITS + 4];
    TRY(ctx_read(cx));
    TRY(events_head_position(cx->tx, &position, &cx->error));
    *ret = str_dup(cx->arena, event_position_write(position, text));
    return RC_OK;
}

/* ---- wire forms */

static void attribute(Buf *out, const char *name, Str value)
{
    if (value.len > 0) {
        buf_fmt(out, ",\"%s\":", name);
        buf_json_str(out, value);
    }
}

void event_write_json(Buf *out, const Event *event)
{
    char time[TIME_RFC3339_SIZE];
    buf_lit(out, "{\"specversion\":\"1.0\"");
    attribute(out, "id", event->id);
    attribute(out, "source", event->source);
    attribute(out, "type", event->type);
    attribute(out, "subject", event->subject);
    attribute(out, "time", time_rfc3339(event->time_us, time));
    attribute(out, "actor", event->actor);
    attribute(out, "sequence", event->position);
    buf_lit(out, ",\"datacontenttype\":\"application/json\",\"data\":");
    buf_put(out, event->data.len ? event->data : STR("null"));
    buf_char(out, '}');
}

static bool is_named_before(const EventPage *page, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (str_eq(page->items[i].type, page->items[at].type)) {
            return true;
        }
    }
    return false;
}

void event_write_types(Buf *out, const EventPage *page)
{
    enum { TYPES_MAX = 32 };
    size_t n = 0, start = out->len;
    buf_lit(out, "data: {\"types\":[");
    for (size_t i = 0; i < page->n && n <= TYPES_MAX; i++) {
        if (!is_named_before(page, i)) {
            buf_put(out, n++ ? STR(",") : STR_EMPTY);
            buf_json_str(out, page->items[i].type);
        }
    }
    if (n > TYPES_MAX) {
        out->len = start;
        buf_lit(out, "data: {\"types\":[\"*\"");
    }
    buf_lit(out, "]}\n\n");
}

/* WHATWG HTML section 9.2: JSON on one line, since ours is written compactly. */
void event_write_frame(Buf *out, const Event *event)
{
    buf_fmt(out, "id: %.*s\nevent: %.*s\ndata: ", STR_ARG(event->position), STR_ARG(event->type));
    event_write_json(out, event);
    buf_lit(out, "\n\n");
}
