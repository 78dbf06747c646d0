/* SPDX-License-Identifier: Apache-2.0
 * Entities as documents of the search index: the type software-catalog. */
#include "base/time.h"

#include "catalog_query_sql.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/search/search.h"

enum { ALIASES_MAX = 2 };

static Str href_of(Arena *a, Rows *rows)
{
    return str_fmt(a, "/catalog/%.*s/%.*s/%.*s", STR_ARG(rows_str(rows, 4)),
                   STR_ARG(rows_str(rows, 3)), STR_ARG(rows_str(rows, 5)));
}

static void add_tags(Arena *a, const Json *entity, SearchDocument *d)
{
    const Json *tags = json_path(entity, "metadata", "tags", NULL);
    Str *list = ARENA_ARRAY(a, Str, json_is(tags, JSON_ARRAY) ? tags->n : 0);
    for (uint32_t i = 0; json_is(tags, JSON_ARRAY) && i < tags->n; i++) {
        if (json_str(tags->items[i]).len > 0) {
            list[d->n_tags++] = json_str(tags->items[i]);
        }
    }
    d->tags = list;
}

/* People and groups are also called what their profile says, which follows their description. */
static void add_profile(Arena *a, const Json *spec, SearchDocument *d)
{
    const Json *profile = json_get_c(spec, "profile");
    bool is_user = str_eq_nocase(d->kind, STR("user"));
    if (!is_user && !str_eq_nocase(d->kind, STR("group"))) {
        return;
    }
    Str *aliases = ARENA_ARRAY(a, Str, ALIASES_MAX);
    Str shown = json_str_at(profile, "displayName");
    Str email = json_str_at(profile, "email"), parts[3];
    size_t n = 0;
    if (d->summary.len > 0) {
        parts[n++] = d->summary;
    }
    if (shown.len > 0) {
        parts[n++] = aliases[d->n_aliases++] = shown;
    }
    if (email.len > 0) {
        aliases[d->n_aliases++] = email;
        if (is_user) {
            parts[n++] = email;
        }
    }
    d->aliases = aliases;
    d->summary = str_join(a, parts, n, STR(" : "));
}

static Rc document_of(Ctx *cx, Rows *rows, SearchDocument *ret)
{
    Arena *a = cx->arena;
    Json *entity;
    Str parts[] = {rows_str(rows, 7), STR("}")};
    TRY(json_parse(a, str_join(a, parts, ARRAY_LEN(parts), STR_EMPTY), NULL, &entity, &cx->error));
    const Json *metadata = json_get_c(entity, "metadata"), *spec = json_get_c(entity, "spec");
    Str space = json_str_at(metadata, "namespace");
    *ret = (SearchDocument){
        .key = rows_dup(rows, 0, a),
        .id = rows_dup(rows, 1, a),
        .owner_ref = rows_dup(rows, 6, a),
        .name = json_str_at(metadata, "name"),
        .title = json_str_at(metadata, "title"),
        .kind = json_str_at(entity, "kind"),
        .namespace_ = space.len ? space : STR("default"),
        .type = json_str_at(spec, "type"),
        .lifecycle = json_str_at(spec, "lifecycle"),
        .owner = json_str_at(spec, "owner"),
        .summary = json_str_at(metadata, "description"),
        .text = json_str_at(spec, "definition"),
        .href = href_of(a, rows),
    };
    add_tags(a, entity, ret);
    add_profile(a, spec, ret);
    return RC_OK;
}

static Rc collect(Ctx *cx, const Query *query, const Param *params, size_t n, SearchDocuments *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, query, params, n, &rows, &cx->error));
    while (rows_next(rows)) {
        SearchDocument document;
        TRY(document_of(cx, rows, &document));
        VEC_PUSH(ret, document);
    }
    return rows_error(rows, &cx->error);
}

static Rc read_documents(Ctx *cx, const Str *keys, size_t n, SearchDocuments *ret)
{
    Buf list = buf_init(cx->arena, SIZE_MAX / 4);
    buf_char(&list, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put(&list, i ? STR(",") : STR_EMPTY);
        buf_json_str(&list, keys[i]);
    }
    buf_char(&list, ']');
    return collect(cx, &catalog_query_documents_of, PARAMS(P_STR(buf_str(&list))), ret);
}

static Rc page_documents(Ctx *cx, Str after, size_t max, SearchDocuments *ret)
{
    return collect(cx, &catalog_query_documents_after,
                   PARAMS(P_STR(after.ptr ? after : STR("")), P_I64(max)), ret);
}

static Rc is_reading(Ctx *cx, bool *ret)
{
    int64_t n;
    TRY(tx_one_i64(cx->tx, &catalog_query_sources_being_read, PARAMS(P_I64(time_now_us())), &n,
                   &cx->error));
    *ret = n > 0;
    return RC_OK;
}

const SearchSource catalog_search_source = {
    .type = "software-catalog",
    .events = "catalog.entity.*",
    .resource = "Entity",
    .read = read_documents,
    .page = page_documents,
    .is_busy = is_reading,
};
