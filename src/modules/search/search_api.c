/* SPDX-License-Identifier: Apache-2.0
 * GET /api/search. */
#include "base/map.h"

#include "contract_handlers.h"
#include "modules/search/search_priv.h"

#include <stdlib.h>

enum { SUMMARY_BYTES = 240, TITLE_BYTES = 300, FACET_VALUES_MAX = 50, LIMIT_DEFAULT = 20 };

/* ---- the question */

static void read_types(Ctx *cx, const Call *call, SearchQuery *q)
{
    size_t n;
    const Str *types = call_query_all(cx, call, "types", &n);
    if (n == 0) {
        q->n_sources = search_sources(cx->platform, q->sources, SEARCH_SOURCES_MAX);
        q->is_all_sources = true;
    }
    for (size_t i = 0; i < n && q->n_sources < SEARCH_SOURCES_MAX; i++) {
        const SearchSource *source = search_source(cx->platform, types[i]);
        if (source) {
            q->sources[q->n_sources++] = source;
        }
    }
}

/* A cursor is the place and what was asked. */
static Str question_mark(Ctx *cx, const Call *call)
{
    static const char *const names[] = {"q", "types", "kinds"};
    Buf all = buf_init(cx->arena, 64 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n;
        const Str *values = call_query_all(cx, call, names[i], &n);
        for (size_t k = 0; k < n; k++) {
            buf_fmt(&all, "%s=%.*s\n", names[i], STR_ARG(values[k]));
        }
    }
    return str_sub(search_mark(cx->arena, "cursor", buf_str(&all)), 1, 17);
}

static Rc read_cursor(Ctx *cx, const Call *call, SearchQuery *q)
{
    Str cursor = call_query(call, "cursor");
    Buf text = buf_init(cx->arena, KIB);
    if (cursor.len == 0) {
        return RC_OK;
    }
    bool is_good = buf_unbase64(&text, cursor);
    Str rest = buf_str(&text), mark;
    is_good = is_good && str_split(&rest, ' ', &mark) && str_eq(mark, question_mark(cx, call)) &&
              str_to_i64(rest, &q->offset) && q->offset > 0 && q->offset <= SEARCH_DEPTH_MAX;
    if (!is_good) {
        fail(cx, RC_MALFORMED,
             "The cursor does not belong to this question: begin again without it.");
        error_field(&cx->error, STR("query:cursor"), "is not a cursor of this question");
        return RC_MALFORMED;
    }
    return RC_OK;
}

static Rc read_query(Ctx *cx, const Call *call, SearchQuery *q)
{
    size_t n;
    search_parse(cx->arena, call_query(call, "q"), true, q);
    const Str *kinds = call_query_all(cx, call, "kinds", &n);
    for (size_t i = 0; i < n; i++) {
        if (!search_add_filter(q, "kind", kinds[i], false)) {
            return fail_field(cx, STR("query:q"), "has too many filters");
        }
    }
    q->limit = call_query_i64(call, "limit", LIMIT_DEFAULT);
    q->wants_facets = call_has_query(call, "facets");
    q->wants_total = q->wants_facets || call_query_bool(call, "total", false);
    read_types(cx, call, q);
    return read_cursor(cx, call, q);
}

/* ---- facets */

typedef struct Count {
    Str value;
    int64_t n;
} Count;

static void count_value(Map *counts, Str value)
{
    Count *count = value.len ? map_get(counts, value) : NULL;
    if (!count && value.len > 0) {
        count = ARENA_NEW(counts->arena, Count);
        count->value = value;
        map_put(counts, value, count);
    }
    if (count) {
        count->n++;
    }
}

static void count_hit(Map *counts, Str facet, const SearchHit *hit)
{
    Str rest = hit->tags, tag;
    if (str_is(facet, "kind")) {
        count_value(counts, hit->kind);
    } else if (str_is(facet, "type")) {
        count_value(counts, hit->type);
    } else if (str_is(facet, "owner")) {
        count_value(counts, hit->owner);
    } else if (str_is(facet, "lifecycle")) {
        count_value(counts, hit->lifecycle);
    } else {
        while (rest.len > 0 && str_split(&rest, ' ', &tag)) {
            count_value(counts, tag);
        }
    }
}

static int more_first(const void *left, const void *right)
{
    const Count *a = *(Count *const *)left, *b = *(Count *const *)right;
    return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : str_cmp(a->value, b->value);
}

static Json *facet_json(Arena *a, Str facet, const SearchFound *found)
{
    Map counts = map_init(a);
    Json *out = json_array(a);
    size_t n = 0;
    for (size_t i = 0; i < found->hits.n; i++) {
        count_hit(&counts, facet, &found->hits.at[i]);
    }
    Count **sorted = ARENA_ARRAY(a, Count *, counts.n_live);
    for (const MapEntry *e = map_first(&counts); e; e = map_next(&counts, e)) {
        sorted[n++] = e->value;
    }
    qsort(sorted, n, sizeof sorted[0], more_first);
    for (size_t i = 0; i < n && i < FACET_VALUES_MAX; i++) {
        Json *row = json_object(a);
        json_set_str(a, row, "value", sorted[i]->value);
        json_set_c(a, row, "count", json_int(a, sorted[i]->n));
        json_push(a, out, row);
    }
    return out;
}

/* ---- the answer */

static void set_text(Arena *a, Json *out, const char *key, Str text)
{
    if (text.len > 0) {
        json_set_str(a, out, key, text);
    }
}

static Str title_of(const SearchRow *row)
{
    bool is_name = row->alias.len > 0 && str_find_char(row->alias, '@') == SIZE_MAX;
    return row->title.len ? row->title : is_name ? row->alias : row->name;
}

static Json *tags_json(Arena *a, Str tags)
{
    Json *out = json_array(a);
    Str tag;
    while (tags.len > 0 && str_split(&tags, ' ', &tag)) {
        json_push(a, out, json_string(a, tag));
    }
    return out;
}

static Json *item_json(Arena *a, const SearchQuery *q, const SearchRow *row, double score)
{
    Json *out = json_object(a);
    SearchSpans title, summary;
    Str text = title_of(row);
    search_spans(a, q, text, &title);
    search_spans(a, q, row->summary, &summary);
    json_set_str(a, out, "type", row->type);
    json_set_str(a, out, "ref", row->key);
    json_set_str(a, out, "name", row->name);
    json_set_str(a, out, "title", text);
    json_set_c(a, out, "title_pieces", search_pieces(a, text, &title, TITLE_BYTES));
    json_set_str(a, out, "kind", row->kind);
    json_set_str(a, out, "namespace", row->namespace_);
    set_text(a, out, "entity_type", row->ctype);
    set_text(a, out, "owner", row->owner);
    set_text(a, out, "lifecycle", row->lifecycle);
    json_set_c(a, out, "tags", tags_json(a, row->tags));
    json_set_c(a, out, "summary", search_pieces(a, row->summary, &summary, SUMMARY_BYTES));
    json_set_str(a, out, "href", row->href);
    json_set_c(a, out, "score", json_double(a, score));
    return out;
}

static Json *cursor_json(Ctx *cx, const Call *call, const SearchQuery *q, const SearchFound *found)
{
    int64_t next = q->offset + q->limit;
    Buf out = buf_init(cx->arena, KIB);
    if ((int64_t)found->hits.n <= next || next > SEARCH_DEPTH_MAX) {
        return json_null(cx->arena);
    }
    buf_base64url(
        &out, str_fmt(cx->arena, "%.*s %lld", STR_ARG(question_mark(cx, call)), (long long)next));
    return json_string(cx->arena, buf_str(&out));
}

static void set_counts(Ctx *cx, const Call *call, const SearchFound *found, Json *out)
{
    Arena *a = cx->arena;
    size_t n;
    const Str *facets = call_query_all(cx, call, "facets", &n);
    json_set_c(a, out, "total", json_int(a, found->total));
    json_set_c(a, out, "total_is_exact", json_bool_new(a, found->is_exact));
    Json *counts = json_object(a);
    for (size_t i = 0; i < n; i++) {
        json_set(a, counts, facets[i], facet_json(a, facets[i], found));
    }
    if (n > 0) {
        json_set_c(a, out, "facets", counts);
    }
}

Rc search_query(Ctx *cx, Call *call)
{
    Arena *a = cx->arena;
    SearchQuery q = {0};
    SearchFound found;
    SearchRow *rows;
    TRY(read_query(cx, call, &q));
    TRY(search_find(cx, &q, &found));
    size_t from = MIN((size_t)q.offset, found.hits.n);
    size_t n = MIN((size_t)q.limit, found.hits.n - from);
    TRY(search_rows(cx, &found, from, n, &rows));
    Json *out = json_object(a), *items = json_array(a);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].key.len > 0) {
            json_push(a, items, item_json(a, &q, &rows[i], search_score(&found.hits.at[from + i])));
        }
    }
    json_set_c(a, out, "items", items);
    json_set_c(a, out, "next_cursor", cursor_json(cx, call, &q, &found));
    if (q.wants_total) {
        set_counts(cx, call, &found, out);
    }
    reply_json_tree(cx, call, 200, out);
    return RC_OK;
}
