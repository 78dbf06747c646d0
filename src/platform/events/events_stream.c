/* SPDX-License-Identifier: Apache-2.0
 * Live streams (server-sent events). The hub alone decides what a stream gets, so nothing is lost
 * or sent twice where reading from the database ends and live delivery begins:
 *
 *   joining --> fresh, until the guard has let it in (events_guard.c)
 *                 |
 *                 v
 *               behind: its next events are read from the database, a page per turn
 *                 |  ^
 *    caught up    v  |  the client does not take what it is sent
 *               live: gets each batch that the hub reads, formatted once for all
 *
 * A stream is live exactly when its position is the hub's. One that stays behind because its client
 * takes nothing for STALL_US is closed; the client resumes by Last-Event-ID. An idle stream costs
 * its memory and a heartbeat. */
#include "base/time.h"

#include "platform/events/events_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define HEARTBEAT_US (15 * US_PER_SECOND)
#define STALL_US (30 * US_PER_SECOND)
#define RETRY_US (20 * US_PER_MS)
#define STREAM_BUFFER (512 * KIB)
#define CHUNK_BYTES (64 * KIB)

enum { BEHIND_PER_TURN = 32, HEARTBEAT_STEPS = 7 };

/* ---- lists */

static void list_add(StreamList *list, EventStream *s)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->at = realloc(list->at, list->cap * sizeof(EventStream *));
        ASSERT(list->at != NULL);
    }
    s->list = list;
    s->index = list->n;
    list->at[list->n++] = s;
}

static void list_remove(EventStream *s)
{
    StreamList *list = s->list;
    list->at[s->index] = list->at[--list->n];
    list->at[s->index]->index = s->index;
    s->list = NULL;
}

static void move_to(EventStream *s, StreamList *list)
{
    if (s->list != list) {
        list_remove(s);
        list_add(list, s);
    }
}

/* ---- opening (a worker's thread) */

/* With events->lock held. */
static void note_gone(EventStream *s)
{
    Events *events = s->events;
    s->is_gone = true;
    if (s->is_joined) {
        s->prev_gone = NULL;
        s->next_gone = events->gone;
        if (events->gone) {
            events->gone->prev_gone = s;
        }
        events->gone = s;
        events->woken = true;
        cond_signal(&events->hub_wake);
    }
}

static void on_gone(void *user)
{
    EventStream *s = user;
    mutex_lock(&s->events->lock);
    note_gone(s);
    mutex_unlock(&s->events->lock);
}

/* The request's memory goes, the stream stays: one block for all texts. */
static void copy_texts(EventStream *s, const EventStart *start)
{
    s->filter = *start->filter;
    s->actor = *start->actor;
    Str *texts[EVENT_GLOBS_MAX + 5] = {&s->filter.subject, &s->actor.id, &s->actor.name,
                                       &s->actor.key_id, &s->actor.session_id};
    size_t bytes = 0, n = 5;
    for (size_t i = 0; i < s->filter.n_globs; i++) {
        texts[n++] = &s->filter.globs[i];
    }
    for (size_t i = 0; i < n; i++) {
        bytes += texts[i]->len;
    }
    char *out = malloc(bytes + 1);
    ASSERT(out != NULL);
    s->filter_text = out;
    for (size_t i = 0; i < n; i++) {
        size_t len = texts[i]->len;
        if (len > 0) {
            memcpy(out, texts[i]->ptr, len);
        }
        *texts[i] = str_of(out, len);
        out += len;
    }
}

static void join(EventStream *s)
{
    Events *events = s->events;
    mutex_lock(&events->lock);
    s->is_joined = true;
    s->next = events->joining;
    events->joining = s;
    if (s->is_gone) {
        note_gone(s);
    }
    events->woken = true;
    cond_signal(&events->hub_wake);
    mutex_unlock(&events->lock);
}

Rc event_stream_open(
    Events *events, HttpRequest *r, const HttpResponse *head, const EventStart *start, Error *err)
{
    if (atomic_fetch_add(&events->n_streams, 1) >= EVENT_STREAMS_MAX) {
        atomic_fetch_sub(&events->n_streams, 1);
        return error_set(err, RC_BUSY,
                         "The server already has %d open event streams; try again later",
                         EVENT_STREAMS_MAX);
    }
    EventStream *s = calloc(1, sizeof(*s));
    ASSERT(s != NULL);
    s->events = events;
    s->position = start->after;
    s->is_brief = start->is_brief;
    copy_texts(s, start);
    metric_add(events->streams_gauge, 1);
    s->http = http_respond_stream(r, head, STREAM_BUFFER, on_gone, s);
    IGNORE(http_stream_write(s->http, start->note)); /* gone already: the hub will learn it */
    join(s);
    return RC_OK;
}

/* ---- closing (from here on: the hub's thread) */

static void unlink_gone(EventStream *s)
{
    Events *events = s->events;
    mutex_lock(&events->lock);
    if (s->is_gone) {
        *(s->prev_gone ? &s->prev_gone->next_gone : &events->gone) = s->next_gone;
        if (s->next_gone) {
            s->next_gone->prev_gone = s->prev_gone;
        }
    }
    mutex_unlock(&events->lock);
}

/* Not under events->lock: closing waits for an on_gone that is running. */
void stream_close(EventStream *s)
{
    http_stream_close(s->http);
    unlink_gone(s);
    if (s->list) {
        list_remove(s);
    }
    atomic_fetch_sub(&s->events->n_streams, 1);
    metric_add(s->events->streams_gauge, -1);
    free(s->filter_text);
    free(s->hidden_text);
    free(s);
}

static EventStream *first_gone(Events *events)
{
    mutex_lock(&events->lock);
    EventStream *s = events->gone;
    mutex_unlock(&events->lock);
    return s;
}

void streams_drop_gone(Events *events)
{
    for (EventStream *s = first_gone(events); s; s = first_gone(events)) {
        if (!s->list) {
            return; /* it is still among the joining; its turn comes after it has joined */
        }
        stream_close(s);
    }
}

void streams_close_all(Events *events)
{
    streams_take_new(events);
    while (events->fresh.n > 0) {
        stream_close(events->fresh.at[events->fresh.n - 1]);
    }
    while (events->live.n > 0) {
        stream_close(events->live.at[events->live.n - 1]);
    }
    while (events->behind.n > 0) {
        stream_close(events->behind.at[events->behind.n - 1]);
    }
}

/* ---- writing */

static bool is_filtered(const EventStream *s)
{
    return s->filter.n_globs > 0 || s->filter.subject.len > 0 || s->filter.hidden.len > 0;
}

/* What the client does not take it gets later, from the database, after s->position. */
static bool write_or_fall_behind(EventStream *s, Str bytes)
{
    Rc rc = http_stream_write(s->http, bytes);
    int64_t now = time_monotonic_us();
    if (rc == RC_OK) {
        s->written_us = now;
        return true;
    }
    s->retry_us = now + RETRY_US;
    move_to(s, &s->events->behind);
    return false;
}

/* Sends the events of the page that come after what the stream has. frames: one text per event, all
 * in one block, so that neighbours go out in one write. */
static void give(EventStream *s, const EventPage *page, const Str *frames)
{
    Str run = STR_EMPTY;
    for (size_t i = 0; i < page->n; i++) {
        if (page->positions[i] <= s->position ||
            (is_filtered(s) && !event_filter_match(&s->filter, &page->items[i]))) {
            continue;
        }
        bool follows = run.len > 0 && run.ptr + run.len == frames[i].ptr &&
                       run.len + frames[i].len <= CHUNK_BYTES;
        if (follows) {
            run.len += frames[i].len;
            continue;
        }
        if (run.len > 0) {
            if (!write_or_fall_behind(s, run)) {
                return;
            }
            s->position = page->positions[i] - 1;
        }
        run = frames[i];
    }
    if (run.len == 0 || write_or_fall_behind(s, run)) {
        s->position = MAX(s->position, page->position);
    }
}

/* What it misses it reads anew from where it comes: it is told that there is something. */
static void give_types(EventStream *s, const EventPage *page, Str types)
{
    if (page->position > s->position && write_or_fall_behind(s, types)) {
        s->position = page->position;
    }
}

static const Str *write_frames(Arena *arena, const EventPage *page)
{
    enum { FRAME_OVERHEAD = 1024 }; /* names, times, positions */
    size_t *ends = ARENA_ARRAY(arena, size_t, page->n);
    Str *frames = ARENA_ARRAY(arena, Str, page->n);
    Buf text = buf_init(arena, 2 * page->bytes + page->n * FRAME_OVERHEAD + 1);
    for (size_t i = 0; i < page->n; i++) {
        event_write_frame(&text, &page->items[i]);
        ends[i] = text.len;
    }
    ASSERT(buf_ok(&text));
    for (size_t i = 0; i < page->n; i++) {
        frames[i] = str_sub(buf_str(&text), i ? ends[i - 1] : 0, ends[i]);
    }
    return frames;
}

void streams_publish(Events *events, Arena *arena, const EventPage *page)
{
    if (events->live.n == 0) {
        return;
    }
    const Str *frames = NULL;
    Buf types = buf_init(arena, 64 * KIB);
    event_write_types(&types, page);
    for (size_t i = events->live.n;
         i-- > 0;) { /* downwards: one that falls behind leaves the list */
        EventStream *s = events->live.at[i];
        if (s->is_brief) {
            give_types(s, page, buf_str(&types));
            continue;
        }
        frames = frames ? frames : write_frames(arena, page);
        give(s, page, frames);
    }
}

/* ---- from joining to live */

static void greet(EventStream *s)
{
    char position[EVENT_POSITION_DIGITS + 4], text[96];
    if (s->is_brief) {
        write_or_fall_behind(s, STR("retry: 2000\n: connected\n\n"));
        return;
    }
    Str at = event_position_write(s->position, position);
    int n = snprintf(text, sizeof(text), "retry: 2000\n: connected\nid: %.*s\n\n", STR_ARG(at));
    write_or_fall_behind(s, str_of(text, (size_t)n));
}

void streams_take_new(Events *events)
{
    mutex_lock(&events->lock);
    EventStream *s = events->joining;
    events->joining = NULL;
    mutex_unlock(&events->lock);
    while (s) {
        EventStream *next = s->next;
        if (s->position < 0) {
            s->position = events->position;
        }
        list_add(&events->fresh, s);
        s = next;
    }
}

void stream_let_in(EventStream *s)
{
    Events *events = s->events;
    move_to(s, s->position >= events->position ? &events->live : &events->behind);
    greet(s);
}

/* One that did not take what it was told. */
static void catch_up_brief(EventStream *s, int64_t now)
{
    s->retry_us = 0;
    if (write_or_fall_behind(s, STR("data: {\"types\":[\"*\"]}\n\n"))) {
        s->position = MAX(s->position, s->events->position);
        move_to(s, &s->events->live);
    } else if (now - s->written_us > STALL_US) {
        stream_close(s);
    }
}

/* One page; *ret_closed: it has stalled. */
static Rc catch_up_one(EventStream *s, Ctx *cx, Tx *tx, int64_t now)
{
    EventPage page;
    Events *events = s->events;
    TRY(events_scan(tx, cx->arena, s->position, &s->filter, EVENT_BATCH, EVENT_SCAN_MAX, &page,
                    &cx->error));
    s->retry_us = 0;
    give(s, &page, write_frames(cx->arena, &page));
    if (s->retry_us > now) {
        if (now - s->written_us > STALL_US) {
            stream_close(s);
        }
        return RC_OK;
    }
    if (page.is_end || s->position >= events->position) {
        s->position = MAX(s->position, events->position);
        move_to(s, &events->live);
    }
    return RC_OK;
}

Rc streams_catch_up(Events *events, Ctx *cx, bool *ret_more)
{
    int64_t now = time_monotonic_us();
    size_t turns = MIN(events->behind.n, BEHIND_PER_TURN);
    *ret_more = false;
    if (turns == 0) {
        return RC_OK;
    }
    TRY(ctx_read_primary(cx));
    for (size_t i = 0; i < turns && events->behind.n > 0; i++) {
        EventStream *s = events->behind.at[events->next_behind++ % events->behind.n];
        if (s->retry_us <= now && s->is_brief) {
            catch_up_brief(s, now);
        } else if (s->retry_us <= now) {
            TRY(catch_up_one(s, cx, cx->tx, now));
        }
    }
    ctx_end(cx);
    for (size_t i = 0; i < events->behind.n && !*ret_more; i++) {
        *ret_more = events->behind.at[i]->retry_us <= now;
    }
    return RC_OK;
}

/* A part of the live streams at each step (once a second), so that none is silent for HEARTBEAT_US.
 * The id tells a filtered stream how far the whole has come: it resumes from there. */
void streams_heartbeat(Events *events)
{
    char position[EVENT_POSITION_DIGITS + 4], text[64];
    int64_t now = time_monotonic_us();
    Str at = event_position_write(events->position, position);
    int n = snprintf(text, sizeof(text), ":\nid: %.*s\n\n", STR_ARG(at));
    size_t count = (events->live.n + HEARTBEAT_STEPS - 1) / HEARTBEAT_STEPS;
    for (size_t i = 0; i < count && events->live.n > 0; i++) {
        EventStream *s = events->live.at[events->next_heartbeat++ % events->live.n];
        if (now - s->written_us > HEARTBEAT_US - (HEARTBEAT_STEPS + 1) * US_PER_SECOND) {
            write_or_fall_behind(s, s->is_brief ? STR(":\n\n") : str_of(text, (size_t)n));
        }
    }
}
