/* SPDX-License-Identifier: Apache-2.0
 * The module: its kinds, what other modules may write, start and stop. */
#include "modules/catalog/catalog.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/thread.h"

#include "catalog_apply_sql.h"
#include "catalog_sources_sql.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/ingest.h"

#include <stdlib.h>
#include <string.h>

/* The present kinds. Former ones are kept until the process ends: somebody may still be using them.
 */
typedef struct KindsList {
    struct KindsList *next;
    Kinds *kinds;
    char mark[SHA256_SIZE * 2 + 1];
} KindsList;

static Mutex kinds_lock = MUTEX_INIT; /* guards kinds_now and the list behind it */
static KindsList *kinds_now;

const Kinds *catalog_kinds(Platform *platform)
{
    (void)platform;
    mutex_lock(&kinds_lock);
    const Kinds *kinds = kinds_now ? kinds_now->kinds : NULL;
    mutex_unlock(&kinds_lock);
    ASSERT(kinds != NULL);
    return kinds;
}

Str catalog_kinds_mark(Platform *platform)
{
    (void)platform;
    mutex_lock(&kinds_lock);
    Str mark = kinds_now ? str_from(kinds_now->mark) : STR_EMPTY;
    mutex_unlock(&kinds_lock);
    return mark;
}

static Rc read_definitions(Ctx *cx, const Json ***ret, size_t *ret_n, Str *ret_text)
{
    static const char *const columns[] = {"name",   "title",     "description", "api_versions",
                                          "schema", "relations", "properties"};
    VEC(const Json *) definitions = {.arena = cx->arena};
    Buf text = buf_init(cx->arena, 64 * MIB);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    buf_lit(&text, FAIRWAY_VERSION);
    TRY(tx_query(cx->tx, &catalog_sources_kinds, NO_PARAMS, &rows, &cx->error));
    while (rows_next(rows)) {
        Json *definition = json_object(cx->arena);
        for (int i = 0; i < (int)ARRAY_LEN(columns); i++) {
            Json *value = json_string(cx->arena, rows_str(rows, i));
            if (i >= 3 && json_parse(cx->arena, value->text, NULL, &value, NULL) != RC_OK) {
                value = json_null(cx->arena);
            }
            json_set_c(cx->arena, definition, columns[i], value);
        }
        json_write(&text, definition);
        VEC_PUSH(&definitions, definition);
    }
    *ret = definitions.at;
    *ret_n = definitions.n;
    *ret_text = buf_str(&text);
    return rows_error(rows, &cx->error);
}

Rc catalog_kinds_reload(Ctx *cx)
{
    const Json **definitions;
    size_t n;
    Str text;
    Kinds *kinds;
    TRY(ctx_read(cx));
    TRY(read_definitions(cx, &definitions, &n, &text));
    Str mark = sha256_hex(cx->arena, text);
    if (str_eq(catalog_kinds_mark(cx->platform), mark)) {
        return RC_OK;
    }
    TRY(kinds_new(definitions, n, &kinds, &cx->error));
    KindsList *entry = calloc(1, sizeof *entry);
    ASSERT(entry != NULL);
    entry->kinds = kinds;
    memcpy(entry->mark, mark.ptr, mark.len);
    mutex_lock(&kinds_lock);
    entry->next = kinds_now;
    kinds_now = entry;
    mutex_unlock(&kinds_lock);
    return RC_OK;
}

static void free_kinds(void)
{
    mutex_lock(&kinds_lock);
    while (kinds_now) {
        KindsList *entry = kinds_now;
        kinds_now = entry->next;
        kinds_free(entry->kinds);
        free(entry);
    }
    mutex_unlock(&kinds_lock);
}

/* ---- entities written by API */

/* The one source that holds what is written by API. */
static Rc manual_source(Ctx *cx, Source *ret)
{
    Rc rc = source_find_by_target(cx, STR("manual"), STR("api"), STR("api"), ret);
    return rc == RC_NOT_FOUND
               ? source_add(cx, STR("manual"), STR("api"), STR("api"), STR_EMPTY, ret)
               : rc;
}

typedef struct Known {
    Str id, location;
    int64_t revision;
    bool exists;
} Known;

static Rc find_known(Ctx *cx, Str ref, Known *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Known){0};
    TRY(tx_query(cx->tx, &catalog_sources_entity_by_ref, PARAMS(P_STR(ref)), &rows, &cx->error));
    if (rows_next(rows)) {
        *ret = (Known){rows_dup(rows, 0, cx->arena), rows_dup(rows, 2, cx->arena),
                       rows_i64(rows, 3), true};
    }
    return rows_error(rows, &cx->error);
}

static Rc check_writable(Ctx *cx, Str ref, const Known *known, int64_t if_revision)
{
    if (known->exists && !str_starts(known->location, STR("api:"))) {
        return fail(cx, RC_CONFLICT,
                    "%.*s is managed by %.*s: change it there, or unregister that location first",
                    STR_ARG(ref), STR_ARG(known->location));
    }
    if (if_revision && (!known->exists || known->revision != if_revision)) {
        return fail(cx, RC_PRECONDITION,
                    "%.*s has changed meanwhile: read it again and repeat your change",
                    STR_ARG(ref));
    }
    return RC_OK;
}

static Rc check_entity(Ctx *cx, const Kinds *kinds, const Json *entity)
{
    EntityProblem problem;
    if (!entity_validate(kinds, entity, cx->arena, &problem)) {
        error_field(&cx->error, problem.pointer, "%.*s",
                    STR_ARG(problem.cause_message.len ? problem.cause_message : problem.message));
        return fail(cx, RC_INVALID, "%.*s", STR_ARG(problem.message));
    }
    return RC_OK;
}

static Rc prepare_manual(
    Ctx *cx, const Kinds *kinds, const Source *source, const Json *entity, ApplyEntity *ret)
{
    Str location = str_fmt(cx->arena, "api:%.*s", STR_ARG(entity_ref_of_str(cx->arena, entity)));
    Json *copy = json_clone(cx->arena, entity);
    ingest_annotate(reader_new(cx, cx->arena), copy, location, location, cx->arena);
    kind_calculate(kinds_find(kinds, json_str_at(copy, "kind")), copy, cx->arena);
    *ret = (ApplyEntity){.source_id = source->id, .location = location, .parent_ref = STR("")};
    return entity_prepare(kinds, copy, location, cx->arena, cx->arena, &ret->prepared, &cx->error);
}

Rc catalog_write(Ctx *cx, const Json *entity, int64_t if_revision, Uuid *ret_id)
{
    const Kinds *kinds = catalog_kinds(cx->platform);
    Known known;
    Source source;
    TRY(check_entity(cx, kinds, entity));
    Str ref = entity_ref_of_str(cx->arena, entity);
    TRY(find_known(cx, ref, &known));
    TRY(check_writable(cx, ref, &known, if_revision));
    TRY(manual_source(cx, &source));
    ApplyEntity upsert;
    TRY(prepare_manual(cx, kinds, &source, entity, &upsert));
    ApplyBatch batch = {.upserts = &upsert, .n_upserts = 1};
    ApplyResult result;
    TRY(catalog_apply(cx, kinds, &batch, &result));
    if (upsert.problem.len > 0) {
        return fail(cx, RC_INVALID, "%.*s", STR_ARG(upsert.problem));
    }
    TRY(find_known(cx, ref, &known));
    ASSERT(known.exists && known.id.len == UUID_LEN);
    memcpy(ret_id->text, known.id.ptr, UUID_LEN);
    ret_id->text[UUID_LEN] = 0;
    return RC_OK;
}

Rc catalog_write_own(Ctx *cx, const Json *const *entities, size_t n)
{
    const Kinds *kinds = catalog_kinds(cx->platform);
    Source source;
    ApplyResult result;
    ApplyEntity *upserts = ARENA_ARRAY(cx->arena, ApplyEntity, n);
    ApplyBatch batch = {.upserts = upserts, .n_upserts = n, .unfollowed = true};
    TRY(manual_source(cx, &source));
    for (size_t i = 0; i < n; i++) {
        TRY(check_entity(cx, kinds, entities[i]));
        TRY(prepare_manual(cx, kinds, &source, entities[i], &upserts[i]));
    }
    TRY(catalog_apply(cx, kinds, &batch, &result));
    for (size_t i = 0; i < n; i++) {
        if (upserts[i].conflicted) {
            return fail(cx, RC_CONFLICT, "%.*s is managed by %.*s: change it there.",
                        STR_ARG(upserts[i].prepared.ref), STR_ARG(upserts[i].owner_location));
        }
    }
    return RC_OK;
}

Rc catalog_remove_own(Ctx *cx, const Str *refs, size_t n)
{
    ApplyBatch batch = {.remove_refs = refs, .n_remove_refs = n, .unfollowed = true};
    ApplyResult result;
    return n ? catalog_apply(cx, catalog_kinds(cx->platform), &batch, &result) : RC_OK;
}

Rc catalog_lock(Ctx *cx)
{
    int64_t next;
    return tx_one_i64(cx->tx, &catalog_apply_turn, NO_PARAMS, &next, &cx->error);
}

Rc catalog_delete(Ctx *cx, Str uid)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str ref = STR_EMPTY;
    TRY(tx_query(cx->tx, &catalog_sources_entity_by_uid, PARAMS(P_STR(uid)), &rows, &cx->error));
    if (rows_next(rows)) {
        ref = rows_dup(rows, 0, cx->arena);
    }
    TRY(rows_error(rows, &cx->error));
    if (ref.len == 0) {
        return fail(cx, RC_NOT_FOUND, "there is no entity with uid %.*s", STR_ARG(uid));
    }
    /* Its document is looked at again at its next turn: an entity that a source still names comes
     * back. */
    TRY(tx_exec(cx->tx, &catalog_sources_forget_hash, PARAMS(P_STR(uid)), NULL, &cx->error));
    ApplyBatch batch = {.remove_refs = &ref, .n_remove_refs = 1};
    ApplyResult result;
    return catalog_apply(cx, catalog_kinds(cx->platform), &batch, &result);
}

/* ---- the module */

static Rc start(Ctx *cx)
{
    TRY(catalog_kinds_reload(cx));
    ctx_end(cx);
    return sources_configure(cx);
}

static void stop(Platform *platform)
{
    (void)platform;
    free_kinds();
}

const Module catalog_module = {
    .name = "catalog",
    .title = "Service catalog",
    .hooks = catalog_kind_hooks,
    .n_hooks = ARRAY_LEN(catalog_kind_hooks),
    .job_types = source_job_types,
    .n_job_types = ARRAY_LEN(source_job_types),
    .schedules = source_schedules,
    .n_schedules = ARRAY_LEN(source_schedules),
    .searched = &catalog_search_source,
    .start = start,
    .stop = stop,
};
