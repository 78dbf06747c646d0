/* SPDX-License-Identifier: Apache-2.0
 * The transactions of an ingest. Small sources are one transaction; large ones are written batch by
 * batch, documents keeping an empty hash until the last one, so that a crash in between only means
 * reading again. */
#include "base/time.h"

#include "catalog_ingest_sql.h"
#include "modules/catalog/follow.h"
#include "modules/catalog/ingest.h"
#include "modules/catalog/query.h"
#include "platform/events/events.h"
#include "platform/settings/settings.h"

typedef VEC(Param) Params;
typedef VEC(Str) Strs;

#define RETRY_FIRST_US (5 * US_PER_SECOND)

static Str json_list(Arena *arena, const Strs *items)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_char(&out, '[');
    for (size_t i = 0; i < items->n; i++) {
        if (i) {
            buf_char(&out, ',');
        }
        buf_json_str(&out, items->at[i]);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

/* ---- what is known */

static Rc load_documents(Ingest *ingest, Map *by_number)
{
    Ctx *cx = ingest->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_ingest_documents, PARAMS(P_STR(ingest->source->id)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        Document *d = ARENA_NEW(ingest->arena, Document);
        *d = (Document){
            .n = rows_i64(rows, 0),
            .location = rows_dup(rows, 1, ingest->arena),
            .parent_ref = rows_dup(rows, 2, ingest->arena),
            .hash = rows_dup(rows, 3, ingest->arena),
            .etag = rows_dup(rows, 4, ingest->arena),
            .child_locations = {.arena = ingest->arena},
        };
        Str parts[] = {d->parent_ref, d->location};
        map_put(&ingest->documents, str_join(ingest->arena, parts, 2, STR(" ")), d);
        map_put(by_number, str_fmt(ingest->arena, "%lld", (long long)d->n), d);
    }
    return rows_error(rows, &cx->error);
}

static Rc load_locations(Ingest *ingest, const Map *by_number)
{
    Ctx *cx = ingest->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_ingest_locations, PARAMS(P_STR(ingest->source->id)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        Str ref = rows_dup(rows, 0, ingest->arena);
        Str parts[] = {rows_str(rows, 2), STR("}")};
        Json *entity;
        TRY(json_parse(ingest->arena, str_join(ingest->arena, parts, 2, STR_EMPTY), NULL, &entity,
                       &cx->error));
        map_put(&ingest->located, ref, entity);
        Document *d =
            map_get(by_number, str_fmt(ingest->arena, "%lld", (long long)rows_i64(rows, 1)));
        if (d) {
            VEC_PUSH(&d->child_locations, ref);
        }
    }
    return rows_error(rows, &cx->error);
}

Rc ingest_load(Ingest *ingest)
{
    Map by_number = map_init(ingest->arena);
    TRY(ctx_read(ingest->cx));
    Rc rc = load_documents(ingest, &by_number);
    if (rc == RC_OK) {
        rc = load_locations(ingest, &by_number);
    }
    ctx_end(ingest->cx);
    return rc;
}

/* ---- writing entities */

static Rc number_documents(Ctx *cx, const Ingest *ingest, const IngestBatch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        Document *d = batch->documents[i];
        if (d && !d->n) {
            TRY(tx_one_i64(cx->tx, &catalog_ingest_put_document,
                           PARAMS(P_STR(ingest->source->id), P_STR(d->location),
                                  P_STR(d->parent_ref), P_STR(STR("")), P_NULL,
                                  P_I64(time_now_us())),
                           &d->n, &cx->error));
        }
        batch->upserts[i].document_n = d ? d->n : 0;
    }
    return RC_OK;
}

IngestBatch ingest_batch(const Ingest *ingest)
{
    return (IngestBatch){ingest->upserts.at, ingest->upsert_documents.at, ingest->upserts.n};
}

Rc ingest_apply(Ctx *cx,
                Ingest *ingest,
                const IngestBatch *batch,
                const Str *removed,
                size_t n_removed,
                ApplyResult *ret)
{
    ApplyBatch all = {
        .upserts = batch->upserts,
        .n_upserts = batch->n,
        .remove_refs = removed,
        .n_remove_refs = n_removed,
        .unstitched = ingest->flush != NULL,
    };
    TRY(number_documents(cx, ingest, batch));
    return catalog_apply(cx, ingest->kinds, &all, ret);
}

void ingest_count(Ingest *ingest, const IngestBatch *batch, const ApplyResult *result)
{
    for (size_t i = 0; i < batch->n; i++) {
        const ApplyEntity *e = &batch->upserts[i];
        if (e->conflicted) {
            Str message = str_fmt(
                ingest->cx->arena,
                "Detected conflicting entityRef %.*s already referenced by %.*s and now also %.*s",
                STR_ARG(e->prepared.ref), STR_ARG(e->owner_location), STR_ARG(e->location));
            ingest_problem(ingest, batch->documents[i], e->prepared.ref, "ConflictError", message,
                           0, 0);
        } else if (e->problem.len > 0) {
            ingest_problem(ingest, batch->documents[i], e->prepared.ref, "InputError", e->problem,
                           0, 0);
        }
    }
    ApplyResult *total = &ingest->report->applied;
    total->created += result->created;
    total->updated += result->updated;
    total->unchanged += result->unchanged;
    total->removed += result->removed;
    total->conflicts += result->conflicts;
}

static Rc apply(Ingest *ingest, const Strs *removed)
{
    IngestBatch batch = ingest_batch(ingest);
    ApplyResult result;
    TRY(ingest_apply(ingest->cx, ingest, &batch, removed ? removed->at : NULL,
                     removed ? removed->n : 0, &result));
    ingest_count(ingest, &batch, &result);
    return RC_OK;
}

Rc ingest_check_source(Ctx *cx, const Ingest *ingest)
{
    const Source *source = ingest->source;
    int64_t n;
    TRY(tx_one_i64(cx->tx, &catalog_ingest_source_is,
                   PARAMS(P_STR(source->id), P_STR(source->type), P_STR(source->target)), &n,
                   &cx->error));
    return n == 1 ? RC_OK : fail(cx, RC_GONE, "the source was changed while it was read");
}

/* ---- what is gone */

/* Documents that are named no more, and those whose text changed: entities of theirs may be gone.
 */
static void collect_suspects(Ingest *ingest, Strs *numbers, Strs *forgotten)
{
    for (MapEntry *entry = map_first(&ingest->documents); entry;
         entry = map_next(&ingest->documents, entry)) {
        Document *d = entry->value;
        bool gone = !d->seen && !map_has(&ingest->kept, d->parent_ref);
        if (!d->n || (!gone && (d->failed || !d->changed))) {
            continue;
        }
        Str number = str_fmt(ingest->arena, "%lld", (long long)d->n);
        VEC_PUSH(numbers, number);
        if (gone) {
            VEC_PUSH(forgotten, number);
        }
    }
}

static void take_over(Ingest *ingest, Str ref)
{
    for (size_t i = 0; i < ingest->upserts.n; i++) {
        if (str_eq(ingest->upserts.at[i].prepared.ref, ref)) {
            ingest->upserts.at[i].take_over = true;
        }
    }
}

static Rc find_gone(Ingest *ingest, const Strs *numbers, Strs *ret_gone)
{
    Ctx *cx = ingest->cx;
    if (numbers->n == 0) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_ingest_entities_of_documents,
                 PARAMS(P_STR(ingest->source->id), P_STR(json_list(ingest->arena, numbers))), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        Str ref = rows_str(rows, 0);
        const Document *by = map_get(&ingest->emitted, ref);
        if (!by) {
            VEC_PUSH(ret_gone, str_dup(ingest->arena, ref));
        } else if ((const void *)by != (const void *)ingest && by->n != rows_i64(rows, 1)) {
            take_over(ingest, ref); /* it moved from one document to another */
        }
    }
    return rows_error(rows, &cx->error);
}

static bool keeps_orphans(const Ingest *ingest)
{
    return str_is(settings_str(ingest->cx->platform->settings, "catalog.orphan_strategy"), "keep");
}

static Rc let_go(Ingest *ingest, const Strs *gone)
{
    Ctx *cx = ingest->cx;
    if (gone->n == 0) {
        return RC_OK;
    }
    Str list = json_list(ingest->arena, gone);
    TRY(tx_exec(cx->tx, &catalog_ingest_forget_parents,
                PARAMS(P_STR(ingest->source->id), P_STR(list)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &catalog_ingest_wake_losers, PARAMS(P_STR(list)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &catalog_ingest_wake_sources, PARAMS(P_STR(list), P_I64(time_now_us())),
                NULL, &cx->error));
    if (!keeps_orphans(ingest)) {
        return RC_OK;
    }
    TRY(tx_exec(cx->tx, &catalog_ingest_mark_orphans, PARAMS(P_STR(list)), NULL, &cx->error));
    return catalog_follow_orphans(cx, gone->at, gone->n);
}

/* ---- documents, problems, the source */

static Rc write_documents(Ingest *ingest, const Strs *forgotten)
{
    Ctx *cx = ingest->cx;
    int64_t now = time_now_us();
    Params marks = {.arena = ingest->arena}, forget = {.arena = ingest->arena};
    for (MapEntry *entry = map_first(&ingest->documents); entry;
         entry = map_next(&ingest->documents, entry)) {
        Document *d = entry->value;
        if (!d->seen || (str_eq(d->hash, d->new_hash) && str_eq(d->etag, d->new_etag) && d->n)) {
            continue;
        }
        if (!d->n) {
            TRY(tx_one_i64(cx->tx, &catalog_ingest_put_document,
                           PARAMS(P_STR(ingest->source->id), P_STR(d->location),
                                  P_STR(d->parent_ref), P_STR(STR("")), P_NULL, P_I64(now)),
                           &d->n, &cx->error));
        }
        bool held = d->failed; /* read again next time */
        VEC_PUSH(&marks, P_I64(d->n));
        VEC_PUSH(&marks, P_STR(held || !d->new_hash.ptr ? STR("") : d->new_hash));
        VEC_PUSH(&marks, held ? P_NULL : P_STR_OR_NULL(d->new_etag));
        VEC_PUSH(&marks, P_I64(now));
    }
    for (size_t i = 0; i < forgotten->n; i++) {
        int64_t n = 0;
        IGNORE(!str_to_i64(forgotten->at[i], &n)); /* made above from a number */
        VEC_PUSH(&forget, P_I64(n));
    }
    if (marks.n) {
        TRY(tx_exec_many(cx->tx, &catalog_ingest_mark_document, marks.at, 4, marks.n / 4,
                         &cx->error));
    }
    return forget.n ? tx_exec_many(cx->tx, &catalog_ingest_forget_document, forget.at, 1, forget.n,
                                   &cx->error)
                    : RC_OK;
}

static Str status_items(Arena *arena, const Problem *p)
{
    Buf out = buf_init(arena, MIB);
    buf_char(&out, '[');
    ingest_status_item(&out, p);
    buf_char(&out, ']');
    return buf_str(&out);
}

static Rc write_problems(Ingest *ingest, const Strs *forgotten)
{
    Ctx *cx = ingest->cx;
    Strs looked_at = {.arena = ingest->arena};
    for (size_t i = 0; i < forgotten->n; i++) {
        VEC_PUSH(&looked_at, forgotten->at[i]);
    }
    for (MapEntry *entry = map_first(&ingest->documents); entry;
         entry = map_next(&ingest->documents, entry)) {
        const Document *d = entry->value;
        if (d->seen && d->n && (d->changed || d->failed)) {
            VEC_PUSH(&looked_at, str_fmt(ingest->arena, "%lld", (long long)d->n));
        }
    }
    Str list = json_list(ingest->arena, &looked_at);
    TRY(tx_exec(cx->tx, &catalog_ingest_forget_problems,
                PARAMS(P_STR(ingest->source->id), P_STR(list)), NULL, &cx->error));
    int64_t cleared;
    TRY(tx_exec(cx->tx, &catalog_ingest_clear_errors,
                PARAMS(P_STR(ingest->source->id), P_STR(list)), &cleared, &cx->error));
    Params rows = {.arena = ingest->arena}, refused = {.arena = ingest->arena};
    for (size_t i = 0; i < ingest->problems.n; i++) {
        const Problem *p = &ingest->problems.at[i];
        const Param row[] = {
            P_STR(ingest->source->id),
            p->document && p->document->n ? P_I64(p->document->n) : P_NULL,
            P_STR(p->location),
            P_STR_OR_NULL(p->entity_ref),
            p->line ? P_I64(p->line) : P_NULL,
            p->column ? P_I64(p->column) : P_NULL,
            P_STR(p->name),
            P_STR(p->message),
            P_I64(time_now_us()),
        };
        for (size_t k = 0; k < ARRAY_LEN(row); k++) {
            VEC_PUSH(&rows, row[k]);
        }
        if (p->entity_ref.len && !str_is(p->name, "ConflictError")) {
            VEC_PUSH(&refused, P_STR(p->entity_ref));
            VEC_PUSH(&refused, P_STR(status_items(ingest->arena, p)));
            VEC_PUSH(&refused, P_STR(ingest->source->id));
        }
    }
    if (rows.n) {
        TRY(tx_exec_many(cx->tx, &catalog_ingest_add_problem, rows.at, 9, rows.n / 9, &cx->error));
    }
    if (refused.n) {
        TRY(tx_exec_many(cx->tx, &catalog_ingest_refuse_entity, refused.at, 3, refused.n / 3,
                         &cx->error));
    }
    bool shown;
    TRY(ingest_show_on_locations(ingest, &shown));
    return refused.n || cleared || shown ? query_touch(cx) : RC_OK;
}

/* When to look again: soon and ever later while it fails, else at the interval, spread by a tenth.
 * 0: only on demand. */
static int64_t next_read(const Ingest *ingest, int64_t now)
{
    int64_t interval =
        settings_duration_us(ingest->cx->platform->settings, "catalog.processing_interval");
    const Source *source = ingest->source;
    if (!ingest->report->complete) {
        bool failed_before = str_is(source->state, "failing") && source->read_at;
        int64_t wait =
            failed_before ? MAX(2 * (now - source->read_at), RETRY_FIRST_US) : RETRY_FIRST_US;
        return now + (interval > 0 ? MIN(wait, MAX(interval, RETRY_FIRST_US)) : wait);
    }
    return interval > 0 ? now + interval - interval / 20 +
                              (int64_t)(str_hash(source->id) % (uint64_t)(interval / 10 + 1))
                        : 0;
}

static Rc write_source(Ingest *ingest)
{
    Ctx *cx = ingest->cx;
    const ApplyResult *r = &ingest->report->applied;
    int64_t now = time_now_us(), next = next_read(ingest, now);
    bool changed = r->created || r->updated || r->removed;
    const char *state = ingest->report->complete ? "ok" : "failing";
    Str error = ingest->report->complete ? STR_EMPTY : ingest->report->first_problem;
    TRY(tx_exec(cx->tx, &catalog_ingest_source_read,
                PARAMS(P_STR(ingest->source->id), P_CSTR(state), P_STR_OR_NULL(error), P_I64(now),
                       next ? P_I64(next) : P_NULL, changed ? P_I64(now) : P_NULL),
                NULL, &cx->error));
    if (str_is(ingest->source->state, state)) {
        return RC_OK;
    }
    Json *data = json_object(cx->arena);
    json_set_str(cx->arena, data, "target", ingest->source->target);
    json_set_str(cx->arena, data, "state", str_from(state));
    return events_emit(cx, "sources.state_changed", "/api/sources", ingest->source->id, data);
}

/* Nothing at all differs from last time: then nothing is written but the time, and that only when
 * somebody could care. */
static bool is_unchanged(const Ingest *ingest, const Strs *numbers)
{
    if (ingest->upserts.n != 1 || numbers->n || ingest->problems.n || !ingest->report->complete ||
        !str_is(ingest->source->state, "ok")) {
        return false;
    }
    for (MapEntry *entry = map_first(&ingest->documents); entry;
         entry = map_next(&ingest->documents, entry)) {
        const Document *d = entry->value;
        if (!d->seen || !d->n || !str_eq(d->hash, d->new_hash) || !str_eq(d->etag, d->new_etag)) {
            return false;
        }
    }
    return map_has(&ingest->located, ingest->source->entity_ref);
}

static Rc write_changes(Ingest *ingest, const Strs *numbers, const Strs *forgotten)
{
    Strs gone = {.arena = ingest->arena};
    TRY(find_gone(ingest, numbers, &gone));
    TRY(apply(ingest, keeps_orphans(ingest) ? NULL : &gone));
    TRY(let_go(ingest, &gone));
    TRY(write_documents(ingest, forgotten));
    return write_problems(ingest, forgotten);
}

static Rc finish(Ingest *ingest)
{
    Strs numbers = {.arena = ingest->arena}, forgotten = {.arena = ingest->arena};
    collect_suspects(ingest, &numbers, &forgotten);
    if (!is_unchanged(ingest, &numbers)) {
        TRY(write_changes(ingest, &numbers, &forgotten));
    }
    if (ingest->flush) { /* the source has been read when its relations show */
        TRY(ctx_commit(ingest->cx));
        TRY(ingest_stitch(ingest));
        TRY(ctx_begin(ingest->cx));
        TRY(ingest_check_source(ingest->cx, ingest));
    }
    return write_source(ingest);
}

Rc ingest_finish(Ingest *ingest)
{
    TRY(ingest_flushed(ingest));
    TRY(ctx_begin(ingest->cx));
    TRY(ingest_check_source(ingest->cx, ingest));
    TRY(finish(ingest));
    return ctx_commit(ingest->cx);
}
