/* SPDX-License-Identifier: Apache-2.0
 * The module's row, its state, and the operations on the index as a whole. */
#include "modules/search/search.h"

#include "base/time.h"

#include "contract_handlers.h"
#include "modules/search/search_priv.h"
#include "platform/settings/settings.h"
#include "search_q_sql.h"

#include <stdlib.h>

/* Made at the start, read-only afterwards. */
static Arena *synonyms_arena;
static SearchSynonyms *synonyms;

void search_synonyms(Str word, SearchStrs *ret)
{
    if (synonyms) {
        search_synonyms_of(synonyms, word, ret);
    }
}

size_t search_sources(const Platform *platform, const SearchSource **ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < platform->n_modules && n < max; i++) {
        if (platform->modules[i]->searched) {
            ret[n++] = platform->modules[i]->searched;
        }
    }
    return n;
}

const SearchSource *search_source(const Platform *platform, Str type)
{
    for (size_t i = 0; i < platform->n_modules; i++) {
        const SearchSource *source = platform->modules[i]->searched;
        if (source && str_is(type, source->type)) {
            return source;
        }
    }
    return NULL;
}

Rc search_state(Ctx *cx, bool for_update, SearchState *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, for_update ? &search_q_turn : &search_q_state, NO_PARAMS, &rows,
                 &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return fail(cx, RC_INTERNAL, "The search index has no state.");
    }
    *ret = (SearchState){
        .slot = str_is(rows_str(rows, 0), "b") ? 1 : 0,
        .generation = rows_i64(rows, 1),
        .position = rows_i64(rows, 2),
        .format = rows_i64(rows, 3),
        .built_at = rows_i64(rows, 4),
        .indexed_at = rows_i64(rows, 5),
        .documents = rows_i64(rows, 6),
        .stale = rows_i64(rows, 7),
    };
    return RC_OK;
}

/* ---- operations */

static Json *time_or_null(Arena *arena, int64_t us)
{
    return us ? json_string(arena, time_rfc3339_dup(arena, us)) : json_null(arena);
}

Rc search_status(Ctx *cx, Call *call)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n = search_sources(cx->platform, sources, SEARCH_SOURCES_MAX);
    Arena *a = cx->arena;
    Json *out = json_object(a), *types = json_array(a);
    bool pg = db_kind(cx->platform->db) == DB_POSTGRES;
    SearchState state;
    int64_t lag;
    TRY(ctx_read_primary(cx));
    TRY(search_state(cx, false, &state));
    TRY(search_lag(cx, state.position, &lag));
    for (size_t i = 0; i < n; i++) {
        json_push(a, types, json_string_c(a, sources[i]->type));
    }
    json_set_c(a, out, "engine", json_string_c(a, pg ? "postgresql" : "sqlite"));
    json_set_c(a, out, "generation", json_int(a, state.generation));
    json_set_c(a, out, "documents", json_int(a, state.documents));
    json_set_c(a, out, "lag", json_int(a, lag));
    json_set_c(a, out, "is_current", json_bool_new(a, lag == 0 && state.format == SEARCH_FORMAT));
    json_set_c(a, out, "indexed_at", time_or_null(a, state.indexed_at));
    json_set_c(a, out, "built_at", time_or_null(a, state.built_at));
    json_set_c(a, out, "types", types);
    reply_json_tree(cx, call, 200, out);
    return RC_OK;
}

Rc search_rebuild(Ctx *cx, Call *call)
{
    Json *out = json_object(cx->arena);
    Uuid id;
    TRY(ctx_begin(cx));
    TRY(search_queue_rebuild(cx, &id));
    TRY(ctx_commit(cx));
    json_set_str(cx->arena, out, "job_id", uuid_str(&id));
    reply_header(call, "Location", str_fmt(cx->arena, "/api/jobs/%.*s", STR_ARG(uuid_str(&id))));
    reply_json_tree(cx, call, 202, out);
    return RC_OK;
}

/* ---- the module */

static void stop(Platform *platform)
{
    (void)platform;
    arena_free(synonyms_arena);
    synonyms_arena = NULL;
    synonyms = NULL;
}

static Rc start(Ctx *cx)
{
    stop(cx->platform);
    synonyms_arena = arena_new(64 * KIB);
    synonyms = search_synonyms_new(
        synonyms_arena,
        str_dup(synonyms_arena, settings_str(cx->platform->settings, "search.synonyms")));
    return search_check(cx);
}

const Module search_module = {
    .name = "search",
    .title = "Search",
    .job_types = search_job_types,
    .n_job_types = ARRAY_LEN(search_job_types),
    .schedules = search_schedules,
    .n_schedules = ARRAY_LEN(search_schedules),
    .subscriptions = search_subscriptions,
    .n_subscriptions = ARRAY_LEN(search_subscriptions),
    .start = start,
    .stop = stop,
};
