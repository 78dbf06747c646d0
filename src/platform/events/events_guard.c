/* SPDX-License-Identifier: Apache-2.0
 * Who may read: the guard is asked about a stream before it begins, and about all of them when
 * sessions, keys or rights have changed. While it cannot answer (the database is away, which has no
 * events to give either) new streams wait and others go on. */
#include "base/time.h"

#include "platform/events/events_priv.h"

#include <stdlib.h>
#include <string.h>

#define ASK_EVERY_US (15 * US_PER_SECOND)       /* sessions and roles end by themselves, too */
#define ASK_EVERY_UNTOLD_US (2 * US_PER_SECOND) /* other processes cannot tell */

enum { GUARD_BATCH = 500 };

void events_set_guard(Events *events, EventsGuard guard, uint64_t (*epoch)(void))
{
    events->guard = guard;
    events->guard_epoch = epoch;
}

static void set_hidden(EventStream *s, Str hidden)
{
    if (str_eq(s->filter.hidden, hidden)) {
        return;
    }
    free(s->hidden_text);
    s->hidden_text = malloc(hidden.len + 1);
    ASSERT(s->hidden_text != NULL);
    memcpy(s->hidden_text, hidden.len ? hidden.ptr : "", hidden.len);
    s->filter.hidden = str_of(s->hidden_text, hidden.len);
}

static Rc ask_some(Events *events, Ctx *cx, EventStream **streams, size_t n)
{
    EventReader *readers = ARENA_ARRAY(cx->arena, EventReader, n);
    for (size_t i = 0; i < n; i++) {
        readers[i] = (EventReader){.actor = &streams[i]->actor,
                                   .mark = &streams[i]->mark,
                                   .is_brief = streams[i]->is_brief};
    }
    TRY(ctx_read_primary(cx));
    Rc rc = events->guard(cx, readers, n);
    ctx_end(cx);
    TRY(rc);
    for (size_t i = 0; i < n; i++) {
        EventStream *s = streams[i];
        if (readers[i].is_out) {
            stream_close(s);
            continue;
        }
        set_hidden(s, readers[i].hidden);
        if (s->list == &events->fresh) {
            stream_let_in(s);
        }
    }
    return RC_OK;
}

/* The list changes while it is worked on: a copy of it. */
static Rc ask_list(Events *events, Ctx *cx, const StreamList *list)
{
    size_t n = list->n;
    EventStream **all = ARENA_ARRAY(cx->arena, EventStream *, n + 1);
    for (size_t i = 0; i < n; i++) {
        all[i] = list->at[i];
    }
    for (size_t done = 0; done < n; done += GUARD_BATCH) {
        TRY(ask_some(events, cx, all + done, MIN(n - done, (size_t)GUARD_BATCH)));
    }
    return RC_OK;
}

static void let_all_in(Events *events)
{
    while (events->fresh.n > 0) {
        stream_let_in(events->fresh.at[events->fresh.n - 1]);
    }
}

Rc streams_admit(Events *events, Ctx *cx)
{
    if (!events->guard) {
        let_all_in(events);
        return RC_OK;
    }
    const Db *db = events->platform->db;
    int64_t now = time_monotonic_us();
    uint64_t epoch = events->guard_epoch();
    bool is_told = db_kind(db) == DB_SQLITE || db_is_listening(db);
    if (epoch != events->epoch ||
        now - events->guarded_us > (is_told ? ASK_EVERY_US : ASK_EVERY_UNTOLD_US)) {
        TRY(ask_list(events, cx, &events->live));
        TRY(ask_list(events, cx, &events->behind));
        events->epoch = epoch;
        events->guarded_us = now;
    }
    return ask_list(events, cx, &events->fresh);
}

Rc events_guard_page(Ctx *cx, EventFilter *filter)
{
    Events *events = cx->platform->events;
    int64_t mark = 0;
    EventReader reader = {.actor = &cx->actor, .mark = &mark};
    if (!events->guard) {
        return RC_OK;
    }
    TRY(ctx_read(cx));
    TRY(events->guard(cx, &reader, 1));
    filter->hidden = reader.hidden;
    return reader.is_out ? fail(cx, RC_DENIED, "You may not read events any more.") : RC_OK;
}
