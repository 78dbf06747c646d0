/* SPDX-License-Identifier: Apache-2.0
 * Keeping the index: what events changed.
 *
 * How far events are in the index is written in the transaction that brings them in. The
 * subscription only wakes: at the first event of many all are read at once, and the others, which
 * come one by one, find that theirs is done. A long backlog, as a large read of the catalog leaves
 * one, goes to a job that waits until no more comes. */
#include "base/file.h"
#include "base/map.h"
#include "base/time.h"

#include "modules/search/search_priv.h"
#include "search_q_sql.h"

#include <stdatomic.h>

#define BACKLOG_WAIT_US (500 * INT64_C(1000))
#define BACKLOG_WAIT_MAX_US US_PER_MINUTE
#define STALE_ASK_US (10 * US_PER_MINUTE)

enum {
    EVENTS_AT_ONCE = 2000,
    BACKLOG_SMALL = 500,
    SAVE_EVENTS = 1000,
    STALE_MIN = 20000,
    TOPICS_MAX = 2000,
};

/* Events up to here are in the index, or a job has them. */
static _Atomic int64_t settled;

int64_t search_position(Str text)
{
    int64_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        v = v * 10 + (text.ptr[i] - '0');
    }
    return v;
}

static Str position_text(Arena *arena, int64_t position)
{
    return str_fmt(arena, "%016lld", (long long)position);
}

static Str topics(Ctx *cx)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n = search_sources(cx->platform, sources, SEARCH_SOURCES_MAX);
    Buf out = buf_init(cx->arena, TOPICS_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_fmt(&out, "%s%s", i ? " " : "", sources[i]->events);
    }
    return buf_str(&out);
}

static bool concerns(const SearchSource *source, Str type)
{
    Str rest = str_from(source->events), glob;
    while (str_split(&rest, ' ', &glob)) {
        if (glob.len > 0 && glob_match(glob, type)) {
            return true;
        }
    }
    return false;
}

/* ---- events */

static Rc put_source(Ctx *cx, int slot, const SearchSource *source, const Event *events, size_t n)
{
    Map seen = map_init(cx->arena);
    SearchStrs keys = {.arena = cx->arena};
    SearchDocuments documents = {.arena = cx->arena};
    for (size_t i = 0; i < n; i++) {
        if (concerns(source, events[i].type) && !map_has(&seen, events[i].subject)) {
            map_put(&seen, events[i].subject, &seen);
            VEC_PUSH(&keys, events[i].subject);
        }
    }
    if (keys.n == 0) {
        return RC_OK;
    }
    TRY(source->read(cx, keys.at, keys.n, &documents));
    return search_put(cx, slot, source, keys.at, keys.n, &documents);
}

Rc search_put_events(Ctx *cx, int slot, int64_t *position, size_t *ret_n)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n_sources = search_sources(cx->platform, sources, SEARCH_SOURCES_MAX);
    Event *events;
    Str head;
    TRY(events_head(cx, &head)); /* before: all up to here that concern us are then read */
    TRY(events_read(cx, position_text(cx->arena, *position), topics(cx), EVENTS_AT_ONCE, &events,
                    ret_n));
    for (size_t i = 0; *ret_n > 0 && i < n_sources; i++) {
        TRY(put_source(cx, slot, sources[i], events, *ret_n));
    }
    /* a page may end before it is full, so only an empty one is the end */
    *position = *ret_n ? search_position(events[*ret_n - 1].position) : search_position(head);
    return RC_OK;
}

/* More is left behind than is there: in a while, since one may run already. */
static Rc check_stale(Ctx *cx, const SearchState *state)
{
    static _Atomic int64_t asked;
    int64_t now = time_monotonic_us(), last = atomic_load(&asked);
    if (state->stale <= state->documents + STALE_MIN || (last > 0 && now - last < STALE_ASK_US)) {
        return RC_OK;
    }
    atomic_store(&asked, now);
    return search_queue_rebuild(cx, NULL);
}

/* Events that are kept no longer cannot be caught up with. */
static Rc check_pruned(Ctx *cx, SearchState *state)
{
    int64_t pruned;
    TRY(tx_one_i64(cx->tx, &search_q_pruned, NO_PARAMS, &pruned, &cx->error));
    if (pruned > state->position) {
        state->position = pruned;
        return search_queue_rebuild(cx, NULL);
    }
    return RC_OK;
}

static void settle(int64_t position)
{
    if (position > atomic_load(&settled)) {
        atomic_store(&settled, position);
    }
}

/* One batch, in a transaction of its own. Without events there is nothing to write but, now and
 * then, how far others have been passed over. */
static Rc index_batch(Ctx *cx, bool *ret_more)
{
    SearchState state;
    size_t n;
    TRY(ctx_begin(cx));
    TRY(search_state(cx, true, &state));
    int64_t before = state.position;
    TRY(check_pruned(cx, &state));
    TRY(search_put_events(cx, state.slot, &state.position, &n));
    if (n > 0 || state.position > before + SAVE_EVENTS) {
        TRY(tx_exec(cx->tx, &search_q_save_position,
                    PARAMS(P_I64(state.position), P_I64(time_now_us())), NULL, &cx->error));
    }
    TRY(check_stale(cx, &state));
    TRY(ctx_commit(cx));
    settle(state.position);
    *ret_more = n > 0;
    return RC_OK;
}

static Rc queue_index(Ctx *cx, int64_t wait_us)
{
    JobSpec spec = {.type = SEARCH_INDEX_JOB,
                    .key = STR(SEARCH_INDEX_JOB),
                    .run_at_us = time_now_us() + wait_us,
                    .priority = 1};
    TRY(ctx_begin(cx));
    TRY(jobs_enqueue(cx, &spec, NULL));
    return ctx_commit(cx);
}

static Rc on_event(Ctx *cx, const Event *event)
{
    SearchState state;
    Str head;
    int64_t position = search_position(event->position);
    bool more = true;
    if (position <= atomic_load(&settled)) {
        return RC_OK;
    }
    TRY(ctx_read_primary(cx));
    TRY(search_state(cx, false, &state));
    TRY(events_head(cx, &head));
    ctx_end(cx);
    if (search_position(head) - state.position > BACKLOG_SMALL) {
        TRY(queue_index(cx, BACKLOG_WAIT_US));
        settle(search_position(head));
        return RC_OK;
    }
    while (more && position > atomic_load(&settled)) {
        TRY(index_batch(cx, &more));
    }
    return RC_OK;
}

static Rc is_busy(Ctx *cx, bool *ret)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n = search_sources(cx->platform, sources, SEARCH_SOURCES_MAX);
    SearchState state;
    int64_t at = 0;
    *ret = false;
    TRY(ctx_read_primary(cx));
    TRY(search_state(cx, false, &state));
    Rc rc = tx_one_i64(cx->tx, &search_q_ago, PARAMS(P_I64(state.position)), &at, &cx->error);
    if (rc == RC_NOT_FOUND || time_now_us() - at > BACKLOG_WAIT_MAX_US) {
        return RC_OK;
    }
    TRY(rc);
    for (size_t i = 0; i < n && !*ret; i++) {
        TRY(sources[i]->is_busy ? sources[i]->is_busy(cx, ret) : RC_OK);
    }
    return RC_OK;
}

static Rc index_loop(Ctx *cx, Ctx *own, Job *job)
{
    bool busy, more = true;
    Rc rc = is_busy(own, &busy);
    ctx_end(own);
    if (rc == RC_OK && busy) {
        return queue_index(cx, BACKLOG_WAIT_US);
    }
    while (rc == RC_OK && more && !job_is_cancelled(cx, job)) {
        ctx_reset(own);
        rc = index_batch(own, &more);
    }
    if (rc != RC_OK) {
        cx->error = own->error;
    }
    return rc == RC_OK && more ? fail(cx, RC_BUSY, "The process is ending.") : rc;
}

Rc search_index_run(Ctx *cx, Job *job)
{
    Ctx *own = ctx_new_system(cx->platform, "search");
    Rc rc = index_loop(cx, own, job);
    ctx_free(own);
    return rc;
}

Rc search_lag(Ctx *cx, int64_t position, int64_t *ret)
{
    Event *events;
    size_t n;
    TRY(events_read(cx, position_text(cx->arena, position), topics(cx), EVENTS_AT_ONCE, &events,
                    &n));
    TRY(tx_one_i64(cx->tx, &search_q_unplaced, NO_PARAMS, ret, &cx->error));
    *ret += (int64_t)n;
    return RC_OK;
}

/* ---- at the start */

Rc search_check(Ctx *cx)
{
    SearchState state;
    Event *events;
    size_t n;
    atomic_store(&settled, 0);
    TRY(ctx_read_primary(cx));
    TRY(search_state(cx, false, &state));
    TRY(events_read(cx, position_text(cx->arena, state.position), topics(cx), 1, &events, &n));
    ctx_end(cx);
    if (n > 0) {
        TRY(queue_index(cx, 0));
    }
    if (state.format != SEARCH_FORMAT) {
        TRY(ctx_begin(cx));
        TRY(search_queue_rebuild(cx, NULL));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}

/* Nothing of theirs stays, neither in words that are left behind nor in the half before. */
static Rc on_erased(Ctx *cx, const Event *event)
{
    (void)event;
    TRY(ctx_begin(cx));
    TRY(search_queue_rebuild(cx, NULL));
    return ctx_commit(cx);
}

const Subscription search_subscriptions[] = {
    {.name = "search-erased", .types = "users.erased",     .handle = on_erased},
    {.name = "search",        .types = "catalog.entity.*", .handle = on_event },
};
