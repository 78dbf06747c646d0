/* SPDX-License-Identifier: Apache-2.0
 * The roots that the catalog reads, and the jobs that read them. */
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "base/vec.h"

#include "catalog_sources_sql.h"
#include "data/json.h"
#include "modules/catalog/catalog_priv.h"
#include "platform/settings/settings.h"

#include <stdlib.h>
#include <unistd.h>

enum { REMOVE_BATCH = 10000 };
#define READ_TURN_US (15 * US_PER_MINUTE) /* the longest turn, whatever becomes of its job */
#define WAIT_FOR_TURN_US (200 * US_PER_MS)

typedef VEC(Source) Sources;

static Source source_row(Rows *rows, Arena *arena)
{
    return (Source){
        .id = rows_dup(rows, 0, arena),
        .origin = rows_dup(rows, 1, arena),
        .type = rows_dup(rows, 2, arena),
        .target = rows_dup(rows, 3, arena),
        .entity_ref = rows_dup(rows, 4, arena),
        .rules = rows_dup(rows, 5, arena),
        .state = rows_dup(rows, 6, arena),
        .error = rows_dup(rows, 7, arena),
        .read_at = rows_i64(rows, 8),
        .next_read_at = rows_i64(rows, 9),
    };
}

static Rc query_sources(Ctx *cx, const Query *query, const Param *params, size_t n, Sources *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Sources){.arena = cx->arena};
    TRY(tx_query(cx->tx, query, params, n, &rows, &cx->error));
    while (rows_next(rows)) {
        Source source = source_row(rows, cx->arena);
        VEC_PUSH(ret, source);
    }
    return rows_error(rows, &cx->error);
}

Rc source_find(Ctx *cx, Str id, Source *ret)
{
    Sources found;
    TRY(query_sources(cx, &catalog_sources_find, PARAMS(P_STR(id)), &found));
    if (found.n == 0) {
        return fail(cx, RC_NOT_FOUND, "there is no source %.*s", STR_ARG(id));
    }
    *ret = found.at[0];
    return RC_OK;
}

Rc source_find_by_target(Ctx *cx, Str origin, Str type, Str target, Source *ret)
{
    Sources found;
    TRY(query_sources(cx, &catalog_sources_find_by_target,
                      PARAMS(P_STR(origin), P_STR(type), P_STR(target)), &found));
    if (found.n == 0) {
        return RC_NOT_FOUND;
    }
    *ret = found.at[0];
    return RC_OK;
}

/* The key of the jobs that read a source. */
static Str read_key(Ctx *cx, Str source_id)
{
    return str_fmt(cx->arena, "catalog.read %.*s", STR_ARG(source_id));
}

static Rc queue_read(Ctx *cx, Str source_id, int64_t run_at_us)
{
    Json *payload = json_object(cx->arena);
    json_set_str(cx->arena, payload, "source_id", source_id);
    JobSpec spec = {
        .type = "catalog.read",
        .payload = payload,
        .key = read_key(cx, source_id),
        .run_at_us = run_at_us,
        .priority = 10,
    };
    return jobs_enqueue(cx, &spec, NULL);
}

Rc source_refresh(Ctx *cx, Str source_id)
{
    return queue_read(cx, source_id, 0);
}

Rc source_add(Ctx *cx, Str origin, Str type, Str target, Str rules, Source *ret)
{
    Uuid id = uuid_v4();
    int64_t now = time_now_us();
    Str name = source_entity_name(cx->arena, type, target);
    *ret = (Source){
        .id = str_dup(cx->arena, uuid_str(&id)),
        .origin = origin,
        .type = type,
        .target = target,
        .entity_ref = str_fmt(cx->arena, "location:default/%.*s", STR_ARG(name)),
        .rules = rules,
        .state = STR("new"),
    };
    TRY(tx_exec(cx->tx, &catalog_sources_add,
                PARAMS(P_STR(ret->id), P_STR(origin), P_STR(type), P_STR(target),
                       P_STR(ret->entity_ref), P_STR_OR_NULL(rules), P_I64(now),
                       P_STR_OR_NULL(cx->actor.id), P_I64(now + US_PER_MINUTE)),
                NULL, &cx->error));
    return str_is(origin, "manual") ? RC_OK : source_refresh(cx, ret->id);
}

Rc sources_refresh_all(Ctx *cx)
{
    Sources all;
    TRY(query_sources(cx, &catalog_sources_all, NO_PARAMS, &all));
    for (size_t i = 0; i < all.n; i++) {
        if (!str_is(all.at[i].origin, "manual")) {
            TRY(source_refresh(cx, all.at[i].id));
        }
    }
    return RC_OK;
}

/* Deletes what the source brought, batch by batch so that no statement grows without bound. */
static Rc remove_entities(Ctx *cx, Str source_id)
{
    for (;;) {
        VEC(Str) refs = {.arena = cx->arena};
        CLEANUP(rows_cleanup) Rows *rows = NULL;
        TRY(tx_query(cx->tx, &catalog_sources_entity_refs, PARAMS(P_STR(source_id)), &rows,
                     &cx->error));
        while (rows_next(rows)) {
            VEC_PUSH(&refs, rows_dup(rows, 0, cx->arena));
        }
        TRY(rows_error(rows, &cx->error));
        ApplyBatch batch = {.remove_refs = refs.at, .n_remove_refs = refs.n};
        ApplyResult result;
        if (refs.n) {
            TRY(catalog_apply(cx, catalog_kinds(cx->platform), &batch, &result));
        }
        if (refs.n < REMOVE_BATCH) {
            return RC_OK;
        }
    }
}

Rc source_empty(Ctx *cx, Str source_id)
{
    const Query *const queries[] = {&catalog_sources_remove_documents,
                                    &catalog_sources_remove_problems,
                                    &catalog_sources_remove_parents};
    TRY(remove_entities(cx, source_id));
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        TRY(tx_exec(cx->tx, queries[i], PARAMS(P_STR(source_id)), NULL, &cx->error));
    }
    return RC_OK;
}

Rc source_remove(Ctx *cx, const Source *source)
{
    TRY(source_empty(cx, source->id));
    return tx_exec(cx->tx, &catalog_sources_remove, PARAMS(P_STR(source->id)), NULL, &cx->error);
}

/* ---- the configuration */

/* A file's target is relative to the folder of the configuration that names it. */
static Str absolute_target(Ctx *cx, Str type, Str target)
{
    if (!str_is(type, "file") || (target.len && target.ptr[0] == '/')) {
        return target;
    }
    Str dir = settings_dir(cx->platform->settings, "catalog.locations");
    if (dir.len == 0 || dir.ptr[0] != '/') {
        char *here = getcwd(NULL, 0);
        dir = here ? path_join(cx->arena, str_dup(cx->arena, str_from(here)),
                               dir.len ? dir : STR("."))
                   : STR("/");
        free(here);
    }
    return path_join(cx->arena, dir, target);
}

static Rc configure_one(Ctx *cx, uint32_t i, const Json *row, Map *wanted)
{
    Str type = json_str_at(row, "type"), target = json_str_at(row, "target");
    if (type.len == 0 || target.len == 0) {
        log_error("catalog.location.invalid", F_I64("index", i), F_I64("line", row->line),
                  F_CSTR("mend", "each of catalog.locations needs a type and a target"));
        return RC_OK;
    }
    target = absolute_target(cx, type, target);
    const Json *rules = json_get(row, STR("rules"));
    Str rules_text = rules && rules->type == JSON_ARRAY ? json_to_str(cx->arena, rules) : STR_EMPTY;
    Source source;
    Rc rc = source_find_by_target(cx, STR("config"), type, target, &source);
    if (rc == RC_NOT_FOUND) {
        rc = source_add(cx, STR("config"), type, target, rules_text, &source);
    } else if (rc == RC_OK) {
        if (!str_eq(source.rules, rules_text)) {
            TRY(tx_exec(cx->tx, &catalog_sources_set_rules,
                        PARAMS(P_STR(source.id), P_STR_OR_NULL(rules_text), P_I64(time_now_us())),
                        NULL, &cx->error));
        }
        rc = source_refresh(cx, source.id);
    }
    map_put(wanted, source.id, cx);
    return rc;
}

static Rc configure(Ctx *cx)
{
    const Json *locations = settings_json(cx->platform->settings, "catalog.locations");
    Map wanted = map_init(cx->arena);
    for (uint32_t i = 0; json_is(locations, JSON_ARRAY) && i < locations->n; i++) {
        TRY(configure_one(cx, i, locations->items[i], &wanted));
    }
    Sources known;
    TRY(query_sources(cx, &catalog_sources_of_origin, PARAMS(P_STR(STR("config"))), &known));
    for (size_t i = 0; i < known.n; i++) {
        if (!map_has(&wanted, known.at[i].id)) {
            log_info("catalog.source.removed", F_STR("target", known.at[i].target));
            TRY(source_remove(cx, &known.at[i]));
        }
    }
    return RC_OK;
}

Rc sources_configure(Ctx *cx)
{
    TRY(ctx_begin(cx));
    TRY(configure(cx));
    return ctx_commit(cx);
}

/* ---- jobs */

/* Takes the source's turn, or queues another try when somebody else has it. */
static Rc take_turn(Ctx *cx, Str source_id, Str job_id, bool *ret_taken)
{
    int64_t now = time_now_us(), changed;
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &catalog_sources_claim,
                PARAMS(P_STR(source_id), P_I64(now + READ_TURN_US), P_I64(now),
                       P_STR(read_key(cx, source_id)), P_STR(job_id)),
                &changed, &cx->error));
    *ret_taken = changed == 1;
    if (!*ret_taken) {
        TRY(queue_read(cx, source_id, now + WAIT_FOR_TURN_US));
    }
    return ctx_commit(cx);
}

static Rc give_turn_back(Ctx *cx, Str source_id)
{
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &catalog_sources_release, PARAMS(P_STR(source_id)), NULL, &cx->error));
    return ctx_commit(cx);
}

static Rc run_read(Ctx *cx, Job *job)
{
    Source source;
    IngestReport report = {0};
    bool taken;
    Str id = json_str_at(job->payload, "source_id");
    TRY(ctx_read(cx));
    Rc rc = source_find(cx, id, &source);
    ctx_end(cx);
    if (rc != RC_OK) {
        return rc == RC_NOT_FOUND ? RC_OK : rc; /* removed meanwhile: nothing to do */
    }
    TRY(take_turn(cx, id, job->id, &taken));
    if (!taken) {
        return RC_OK;
    }
    rc = catalog_kinds_reload(cx);
    if (rc == RC_OK) {
        rc = source_find(cx, id, &source); /* as it is now that it is our turn */
    }
    ctx_end(cx);
    if (rc == RC_OK) {
        rc = ingest_source(cx, job, &source, &report);
    }
    ctx_end(cx);
    Error first = cx->error;
    Rc released = give_turn_back(cx, id);
    if (rc == RC_GONE || rc == RC_NOT_FOUND) {
        return released; /* whoever changed or removed it has queued what must follow */
    }
    if (rc != RC_OK) {
        cx->error = first;
        return rc;
    }
    TRY(released);
    job_log(
        cx, job,
        "%zu documents, %zu changed; %zu entities created, %zu updated, %zu removed; %zu problems",
        report.documents, report.changed_documents, report.applied.created, report.applied.updated,
        report.applied.removed, report.problems);
    return RC_OK;
}

static Rc queue_due(Ctx *cx)
{
    VEC(Str) due = {.arena = cx->arena};
    int64_t now = time_now_us();
    TRY(ctx_read(cx));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_due, PARAMS(P_I64(now)), &rows, &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&due, rows_dup(rows, 0, cx->arena));
    }
    TRY(rows_error(rows, &cx->error));
    rows_end(rows);
    rows = NULL;
    if (due.n == 0) {
        return RC_OK;
    }
    TRY(ctx_begin(cx));
    for (size_t i = 0; i < due.n; i++) {
        /* The read itself sets the next time; until then it is not queued again. */
        TRY(tx_exec(cx->tx, &catalog_sources_postpone,
                    PARAMS(P_STR(due.at[i]), P_I64(now + US_PER_MINUTE)), NULL, &cx->error));
        TRY(source_refresh(cx, due.at[i]));
    }
    return ctx_commit(cx);
}

/* From the row of an entity that no location names any more to what apply writes of it. */
static Rc take_orphan(Ctx *cx, Rows *rows, ApplyEntity *ret)
{
    Json *entity;
    Str parts[] = {rows_str(rows, 0), STR("}")};
    TRY(json_parse(cx->arena, str_join(cx->arena, parts, 2, STR_EMPTY), NULL, &entity, &cx->error));
    Json *annotations = json_path(entity, "metadata", "annotations", NULL);
    if (!annotations) {
        annotations = json_object(cx->arena);
        json_set(cx->arena, json_get(entity, STR("metadata")), STR("annotations"), annotations);
    }
    json_set_str(cx->arena, annotations, "backstage.io/orphan", STR("true"));
    *ret = (ApplyEntity){
        .source_id = rows_dup(rows, 1, cx->arena),
        .document_n = rows_i64(rows, 2),
        .location = rows_dup(rows, 3, cx->arena),
        .is_orphan = true,
    };
    return entity_prepare(catalog_kinds(cx->platform), entity, ret->location, cx->arena, cx->arena,
                          &ret->prepared, &cx->error);
}

/* Mostly there are none, and then no writer is kept waiting. */
static Rc has_orphans(Ctx *cx, int64_t before, bool *ret)
{
    TRY(ctx_read_primary(cx));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_orphans_to_mark, PARAMS(P_I64(before)), &rows,
                 &cx->error));
    *ret = rows_next(rows);
    return rows_error(rows, &cx->error);
}

/* An orphan shows as one once its own turn has come, an interval after it was let go. */
static Rc mark_orphans(Ctx *cx)
{
    int64_t before =
        time_now_us() - settings_duration_us(cx->platform->settings, "catalog.processing_interval");
    VEC(ApplyEntity) orphans = {.arena = cx->arena};
    bool any = false;
    Rc rc = has_orphans(cx, before, &any);
    ctx_end(cx);
    if (rc != RC_OK || !any) {
        return rc;
    }
    TRY(ctx_begin(cx));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_orphans_to_mark, PARAMS(P_I64(before)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        ApplyEntity orphan;
        TRY(take_orphan(cx, rows, &orphan));
        VEC_PUSH(&orphans, orphan);
    }
    TRY(rows_error(rows, &cx->error));
    rows_end(rows);
    rows = NULL;
    ApplyBatch batch = {.upserts = orphans.at, .n_upserts = orphans.n};
    ApplyResult result;
    if (orphans.n) {
        TRY(catalog_apply(cx, catalog_kinds(cx->platform), &batch, &result));
    }
    return ctx_commit(cx);
}

static Rc run_schedule(Ctx *cx, Job *job)
{
    (void)job;
    TRY(queue_due(cx));
    ctx_end(cx);
    return mark_orphans(cx);
}

const JobType source_job_types[2] = {
    {.name = "catalog.read",
     .run = run_read,
     .max_attempts = 3,
     .timeout_us = US_PER_HOUR,
     .keep_us = US_PER_HOUR},
    {.name = "catalog.schedule",                      .run = run_schedule, .max_attempts = 1, .keep_us = US_PER_MINUTE},
};

const JobSchedule source_schedules[1] = {
    {.name = "catalog.schedule", .type = "catalog.schedule", .every_us = 5 * US_PER_SECOND},
};
