/* SPDX-License-Identifier: Apache-2.0
 * Keeping the index: what events changed, and building all of it anew.
 *
 * How far events are in the index is written in the transaction that brings them in. The
 * subscription only wakes: at the first event of many all are read at once, and the others, which
 * come one by one, find that theirs is done. A long backlog, as a large read of the catalog leaves
 * one, goes to a job that waits until no more comes.
 *
 * A rebuild fills the other half of the tables, page by page, while the first half is searched and
 * kept; then it brings in what happened meanwhile and takes over, in one transaction. */
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"

#include "modules/search/search_priv.h"
#include "search_q_sql.h"

#include <stdatomic.h>

#define INDEX_JOB "search.index"
#define REBUILD_JOB "search.rebuild"
#define TIDY_JOB "search.tidy"
#define RENEW_JOB "search.renew"
#define BACKLOG_WAIT_US (500 * INT64_C(1000))
#define BACKLOG_WAIT_MAX_US US_PER_MINUTE
#define TIDY_AFTER_US                                                                              \
    (2 * US_PER_MINUTE) /* longer than any request may still read the old half                     \
                         */
#define STALE_ASK_US (10 * US_PER_MINUTE)
#define REBUILD_TIMEOUT_US (2 * 60 * US_PER_MINUTE)

enum { EVENTS_AT_ONCE = 2000, BACKLOG_SMALL = 500, STALE_MIN = 20000, TOPICS_MAX = 2000 };

/* Events up to here are in the index, or a job has them. */
static _Atomic int64_t settled;

static int64_t position_of(Str text)
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

/* Brings what events changed after *position into a slot, in cx's write transaction. */
static Rc put_events(Ctx *cx, int slot, int64_t *position, size_t *ret_n)
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
    int64_t last = *ret_n ? position_of(events[*ret_n - 1].position) : *position;
    bool is_all = *ret_n < EVENTS_AT_ONCE;
    *position = is_all ? MAX(last, position_of(head)) : last;
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

/* One batch, in a transaction of its own. */
static Rc index_batch(Ctx *cx, bool *ret_more)
{
    SearchState state;
    size_t n;
    TRY(ctx_begin(cx));
    TRY(search_state(cx, true, &state));
    TRY(check_pruned(cx, &state));
    TRY(put_events(cx, state.slot, &state.position, &n));
    TRY(tx_exec(cx->tx, &search_q_save_position,
                PARAMS(P_I64(state.position), P_I64(time_now_us())), NULL, &cx->error));
    TRY(check_stale(cx, &state));
    TRY(ctx_commit(cx));
    if (state.position > atomic_load(&settled)) {
        atomic_store(&settled, state.position);
    }
    *ret_more = n > 0;
    return RC_OK;
}

static Rc queue_index(Ctx *cx, int64_t wait_us)
{
    JobSpec spec = {.type = INDEX_JOB,
                    .key = STR(INDEX_JOB),
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
    int64_t position = position_of(event->position);
    bool more = true;
    if (position <= atomic_load(&settled)) {
        return RC_OK;
    }
    TRY(ctx_read_primary(cx));
    TRY(search_state(cx, false, &state));
    TRY(events_head(cx, &head));
    ctx_end(cx);
    if (position_of(head) - state.position > BACKLOG_SMALL) {
        TRY(queue_index(cx, BACKLOG_WAIT_US));
        atomic_store(&settled, position_of(head));
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

static Rc index_run(Ctx *cx, Job *job)
{
    Ctx *own = ctx_new_system(cx->platform, "search");
    Rc rc = index_loop(cx, own, job);
    ctx_free(own);
    return rc;
}

/* ---- rebuild */

typedef struct Rebuild {
    Ctx *cx; /* reset for each step */
    Job *job;
    Str builder;
    int slot;
    int64_t position;
    size_t n;
} Rebuild;

Rc search_queue_rebuild(Ctx *cx, Uuid *ret_id)
{
    JobSpec spec = {.type = REBUILD_JOB, .key = STR(REBUILD_JOB)};
    return jobs_enqueue(cx, &spec, ret_id);
}

static Rc rebuild_begin(Rebuild *r)
{
    SearchState state;
    Str head;
    TRY(ctx_begin(r->cx));
    TRY(search_state(r->cx, true, &state));
    TRY(events_head(r->cx, &head));
    r->slot = 1 - state.slot;
    r->position = position_of(head);
    TRY(search_clear(r->cx, r->slot, r->builder));
    return ctx_commit(r->cx);
}

/* In cx's write transaction: nobody else has begun to fill this half. */
static Rc check_builder(Rebuild *r)
{
    Str builder;
    TRY(tx_one_str(r->cx->tx, &search_q_builder, PARAMS(P_STR(search_slot_name(r->slot))),
                   r->cx->arena, &builder, &r->cx->error));
    return str_eq(builder, r->builder)
               ? RC_OK
               : fail(r->cx, RC_CONFLICT, "Another rebuild of the search index has begun.");
}

static Rc
rebuild_page(Rebuild *r, const SearchSource *source, Arena *keep, Str *after, bool *ret_more)
{
    SearchDocuments documents = {.arena = r->cx->arena};
    ctx_reset(r->cx);
    documents.arena = r->cx->arena;
    TRY(ctx_begin(r->cx));
    TRY(check_builder(r));
    TRY(source->page(r->cx, *after, SEARCH_BATCH, &documents));
    *ret_more = documents.n > 0;
    if (*ret_more) {
        TRY(search_put(r->cx, r->slot, source, NULL, 0, &documents));
        *after = str_dup(keep, documents.at[documents.n - 1].key);
    }
    r->n += documents.n;
    return ctx_commit(r->cx);
}

static Rc rebuild_source(Ctx *job_cx, Rebuild *r, const SearchSource *source)
{
    CLEANUP(arena_cleanup) Arena *keep = arena_new(0);
    Str after = STR_EMPTY;
    bool more = true;
    while (more) {
        if (job_is_cancelled(job_cx, r->job)) {
            return fail(r->cx, RC_BUSY, "The rebuild was asked to end.");
        }
        TRY(rebuild_page(r, source, keep, &after, &more));
        job_progress(job_cx, r->job, -1, "%zu documents", r->n);
    }
    return RC_OK;
}

static Rc rebuild_end(Rebuild *r, bool *ret_done)
{
    SearchState state;
    size_t n;
    int64_t now = time_now_us();
    JobSpec tidy = {.type = TIDY_JOB, .key = STR(TIDY_JOB), .run_at_us = now + TIDY_AFTER_US};
    ctx_reset(r->cx);
    TRY(ctx_begin(r->cx));
    TRY(search_state(r->cx, true, &state));
    TRY(check_builder(r));
    TRY(put_events(r->cx, r->slot, &r->position, &n));
    *ret_done = n < EVENTS_AT_ONCE;
    if (*ret_done) {
        TRY(tx_exec(r->cx->tx, &search_q_swap,
                    PARAMS(P_STR(search_slot_name(r->slot)), P_I64(r->position),
                           P_I64(SEARCH_FORMAT), P_I64(now)),
                    NULL, &r->cx->error));
        TRY(tx_exec(r->cx->tx, &search_q_built, PARAMS(P_STR(search_slot_name(r->slot))), NULL,
                    &r->cx->error));
        TRY(jobs_enqueue(r->cx, &tidy, NULL));
    }
    return ctx_commit(r->cx);
}

static Rc rebuild(Ctx *job_cx, Rebuild *r)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n = search_sources(job_cx->platform, sources, SEARCH_SOURCES_MAX);
    bool done = false;
    TRY(rebuild_begin(r));
    for (size_t i = 0; i < n; i++) {
        TRY(rebuild_source(job_cx, r, sources[i]));
    }
    while (!done) {
        TRY(rebuild_end(r, &done));
    }
    log_info("search.rebuilt", F_I64("documents", r->n));
    return RC_OK;
}

static Rc rebuild_run(Ctx *cx, Job *job)
{
    Rebuild r = {.cx = ctx_new_system(cx->platform, "search"),
                 .job = job,
                 .builder = str_fmt(cx->arena, "%.*s/%u", STR_ARG(job->id), job->attempt)};
    Rc rc = rebuild(cx, &r);
    if (rc != RC_OK) {
        cx->error = r.cx->error;
    }
    ctx_free(r.cx);
    return rc;
}

/* The half that is searched no more, unless it is being filled again. */
static Rc tidy_run(Ctx *cx, Job *job)
{
    SearchState state;
    Str builder;
    (void)job;
    TRY(ctx_begin(cx));
    TRY(search_state(cx, true, &state));
    TRY(tx_one_str(cx->tx, &search_q_builder, PARAMS(P_STR(search_slot_name(1 - state.slot))),
                   cx->arena, &builder, &cx->error));
    if (builder.len == 0) {
        TRY(search_clear(cx, 1 - state.slot, STR_EMPTY));
    }
    return ctx_commit(cx);
}

/* What was left behind of documents that changed or went, words of people who were erased among
 * them, is gone within a week. */
static Rc renew_run(Ctx *cx, Job *job)
{
    SearchState state;
    (void)job;
    TRY(ctx_begin(cx));
    TRY(search_state(cx, false, &state));
    TRY(state.stale > 0 ? search_queue_rebuild(cx, NULL) : RC_OK);
    return ctx_commit(cx);
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

const Subscription search_subscriptions[] = {
    {.name = "search", .types = "catalog.entity.*", .handle = on_event},
};
const JobType search_job_types[] = {
    {.name = INDEX_JOB,   .run = index_run,   .concurrency = 1,         .keep_us = US_PER_MINUTE        },
    {.name = REBUILD_JOB, .run = rebuild_run, .concurrency = 1,         .timeout_us = REBUILD_TIMEOUT_US},
    {.name = RENEW_JOB,   .run = renew_run,   .concurrency = 1        },
    {.name = TIDY_JOB,    .run = tidy_run,   .concurrency = 1, .keep_us = US_PER_MINUTE                                },
};
const JobSchedule search_schedules[] = {
    {.name = RENEW_JOB, .type = RENEW_JOB, .cron = "30 3 * * 0"},
};
