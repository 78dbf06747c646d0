/* SPDX-License-Identifier: Apache-2.0
 * The index built anew, and the jobs of the module.
 *
 * A rebuild fills the other half of the tables, page by page, while the first half is searched and
 * kept; then it brings in what happened meanwhile and takes over, in one transaction. */
#include "base/log.h"
#include "base/time.h"

#include "modules/search/search_priv.h"
#include "search_q_sql.h"

#define REBUILD_JOB "search.rebuild"
#define TIDY_JOB "search.tidy"
#define RENEW_JOB "search.renew"
/* Longer than any request may still read the old half. */
#define TIDY_AFTER_US (5 * US_PER_SECOND) /* who searches it still has long ended */
#define REBUILD_TIMEOUT_US (2 * 60 * US_PER_MINUTE)

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
    r->position = search_position(head);
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
    TRY(search_put_events(r->cx, r->slot, &r->position, &n));
    *ret_done = n == 0;
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

/* clang-format off */
const JobType search_job_types[] = {
    {.name = SEARCH_INDEX_JOB, .run = search_index_run, .concurrency = 1, .keep_us = US_PER_MINUTE},
    {.name = REBUILD_JOB, .run = rebuild_run, .concurrency = 1, .timeout_us = REBUILD_TIMEOUT_US},
    {.name = TIDY_JOB, .run = tidy_run, .concurrency = 1, .keep_us = US_PER_MINUTE},
    {.name = RENEW_JOB, .run = renew_run, .concurrency = 1},
};
/* clang-format on */
const JobSchedule search_schedules[] = {
    {.name = RENEW_JOB, .type = RENEW_JOB, .cron = "30 3 * * 0"},
};
