/* SPDX-License-Identifier: Apache-2.0
 * One page of by-query: items as they are stored, cursors both ways, the total. */
#include "modules/catalog/query.h"

typedef struct Key {
    int64_t n;
    Str value;
} Key;

typedef struct Page {
    Ctx *cx;
    const EntityQuery *query;
    Buf *out;
    int64_t limit;
    VEC(Key) keys; /* of the items, in order */
    bool more;     /* there is something behind them */
} Page;

Rc entity_write_item(Ctx *cx, Buf *out, const FieldList *fields, Str body, Str errors, Str tail)
{
    Json *entity;
    if (fields->n == 0) {
        entity_write(out, body, errors, tail);
        return RC_OK;
    }
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(16 * KIB);
    TRY(json_parse(scratch, entity_text(scratch, body, errors, tail), NULL, &entity, &cx->error));
    json_write(out, fields_pick(scratch, fields, entity));
    return RC_OK;
}

/* [value, "17"], or ["17"] without an order */
static const Json *place_of(const Page *page, const Key *key)
{
    Arena *arena = page->cx->arena;
    Json *place = json_array(arena);
    if (page->query->n_order) {
        json_push(arena, place, json_string(arena, key->value));
    }
    json_push(arena, place, json_string(arena, str_fmt(arena, "%lld", (long long)key->n)));
    return place;
}

static bool on_row(void *user, const EntityRow *row)
{
    Page *page = user;
    if ((int64_t)page->keys.n == page->limit) {
        page->more = true;
        return false;
    }
    Key key = {row->n, STR("")};
    if (page->query->n_order) {
        key.value = str_dup(page->cx->arena, row->value);
    }
    VEC_PUSH(&page->keys, key);
    return true;
}

/* Where a cursor stands. False when it stands nowhere. */
static bool read_place(const EntityQuery *q, EntityScan *scan)
{
    size_t wanted = q->n_order ? 2 : 1;
    if (!q->values || q->values->n != wanted) {
        return false;
    }
    scan->after = true;
    scan->value = json_str(q->values->items[0]);
    return str_to_i64(json_str(q->values->items[wanted - 1]), &scan->n);
}

/* ---- where the first entity is that the reader may see: thousands of others may lie before it */

static bool is_descending(const EntityQuery *q)
{
    return q->n_order > 0 && str_is(q->order[0].direction, "desc");
}

static Str start_key(Arena *arena, const EntityQuery *q)
{
    return query_key(arena, is_descending(q) ? "start desc " : "start asc ", q);
}

/* "17 value" */
static bool read_start(Page *page, int64_t version, EntityScan *scan)
{
    const EntityQuery *q = page->query;
    Arena *arena = page->cx->arena;
    Buf known = buf_init(arena, 64 * KIB);
    int64_t n;
    if (!q->reach || q->is_cursor ||
        !cache_get(page->cx, CACHE_ANSWERS, version, start_key(arena, q), &known)) {
        return false;
    }
    Str text = buf_str(&known);
    size_t space = MIN(str_find_char(text, ' '), text.len);
    if (!str_to_i64(str_sub(text, 0, space), &n)) {
        return false;
    }
    scan->after = true; /* of its neighbour: with it */
    scan->value = str_from_index(text, space + 1);
    scan->n = is_descending(q) ? n + 1 : n - 1;
    return true;
}

static void keep_start(Page *page, int64_t version)
{
    const EntityQuery *q = page->query;
    Arena *arena = page->cx->arena;
    if (q->reach && !q->is_cursor && q->offset == 0 && page->keys.n > 0) {
        const Key *first = &page->keys.at[0];
        cache_put(page->cx, CACHE_ANSWERS, version, start_key(arena, q), STR_EMPTY,
                  str_fmt(arena, "%lld %.*s", (long long)first->n, STR_ARG(first->value)));
    }
}

static Rc find_keys(Page *page, int64_t version, int64_t total)
{
    const EntityQuery *q = page->query;
    EntityScan scan = {.query = q, .backwards = q->is_previous, .total = total, .keys_only = true};
    scan.limit = q->is_previous ? page->limit : page->limit + 1;
    if (q->is_cursor && !read_place(q, &scan)) {
        return fail(page->cx, RC_MALFORMED,
                    "Malformed cursor: its values do not fit its order fields");
    }
    scan.offset = q->is_cursor ? 0 : q->offset;
    bool is_known = read_start(page, version, &scan);
    TRY(query_scan(page->cx, &scan, on_row, page));
    if (!is_known) {
        keep_start(page, version);
    }
    for (size_t i = 0, n = page->keys.n; q->is_previous && i < n / 2; i++) {
        Key swap = page->keys.at[i];
        page->keys.at[i] = page->keys.at[n - 1 - i];
        page->keys.at[n - 1 - i] = swap;
    }
    return RC_OK;
}

static Rc write_items(Page *page, int64_t version, const FieldList *fields)
{
    size_t n = page->keys.n, done;
    int64_t *ns = ARENA_ARRAY(page->cx->arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        ns[i] = page->keys.at[i].n;
    }
    TRY(texts_by_number(page->cx, version, ns, n, fields, page->out, &done));
    if (done < n && page->query->is_previous) {
        return fail(page->cx, RC_LIMIT, "The page is too long; ask for a smaller one");
    }
    page->more = page->more || done < n;
    page->keys.n = done;
    return RC_OK;
}

static void write_cursor(
    Page *page, const char *name, const Json *at, const Json *first, bool back, int64_t total)
{
    EntityQuery next = *page->query;
    next.is_previous = back;
    next.values = at;
    next.first = first;
    next.total = total;
    buf_fmt(page->out, "\"%s\":", name);
    buf_json_str(page->out, cursor_encode(page->cx->arena, &next));
}

static void write_page_info(Page *page, int64_t total)
{
    const EntityQuery *q = page->query;
    size_t n = page->keys.n;
    const Json *top = n ? place_of(page, &page->keys.at[0]) : NULL;
    const Json *bottom = n ? place_of(page, &page->keys.at[n - 1]) : NULL;
    const Json *first = q->first ? q->first : top;
    bool next = n > 0 && (page->more || q->is_previous);
    bool previous = q->first && n > 0 && !json_equal(top, q->first);
    buf_lit(page->out, ",\"pageInfo\":{");
    if (next) {
        write_cursor(page, "nextCursor", bottom, first, false, total);
    }
    if (previous) {
        buf_put(page->out, next ? STR(",") : STR_EMPTY);
        write_cursor(page, "prevCursor", top, q->first, true, total);
    }
    buf_lit(page->out, "}}");
}

/* ---- remembered matches: the numbers of all entities that match, ascending */

typedef struct Slice {
    Page *page;
    int64_t total;
} Slice;

static size_t first_beyond(const int64_t *ns, size_t n, int64_t place, bool inclusive)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ns[middle] < place || (!inclusive && ns[middle] == place)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void take_slice(Page *page, const int64_t *ns, size_t n)
{
    const EntityQuery *q = page->query;
    EntityScan place = {0};
    bool placed = q->is_cursor && read_place(q, &place);
    size_t from =
        placed ? first_beyond(ns, n, place.n, q->is_previous) : (size_t)MIN(q->offset, (int64_t)n);
    size_t to = n;
    if (q->is_previous) {
        to = from;
        from = to - MIN(to, (size_t)page->limit);
    } else if (to - from > (size_t)page->limit) {
        to = from + (size_t)page->limit;
        page->more = true;
    }
    for (size_t i = from; i < to; i++) {
        Key key = {ns[i], STR("")};
        VEC_PUSH(&page->keys, key);
    }
}

/* What is remembered of a query with too many matches. */
#define TOO_MANY "+"

/* Values of the cache are aligned for anything. */
static void on_remembered(void *user, Str value)
{
    Slice *slice = user;
    if (str_is(value, TOO_MANY)) {
        return;
    }
    slice->total = (int64_t)(value.len / sizeof(int64_t));
    take_slice(slice->page, (const int64_t *)(const void *)value.ptr, (size_t)slice->total);
}

typedef VEC(int64_t) Numbers;

static bool collect_number(void *user, const EntityRow *row)
{
    Numbers *numbers = user;
    VEC_PUSH(numbers, row->n);
    return true;
}

/* The page from what is remembered, or after having found all matches once. *ret_total is -1 when
 * they are too many for that, or are not worth it. */
static Rc find_remembered(Page *page, int64_t version, int64_t *ret_total)
{
    Ctx *cx = page->cx;
    const EntityQuery *q = page->query;
    Slice slice = {page, -1};
    EntityScan place;
    *ret_total = -1;
    if (q->n_order || (q->is_cursor && !read_place(q, &place))) {
        return RC_OK;
    }
    Str key = query_key(cx->arena, "keys ", q);
    if (cache_use(cx, CACHE_ANSWERS, version, key, on_remembered, &slice)) {
        *ret_total = slice.total;
        return RC_OK;
    }
    bool few = q->is_cursor ? q->has_total && q->total > 0 && q->total <= QUERY_KEYS_MAX
                            : !q->without_total;
    if (!few) {
        return RC_OK;
    }
    Numbers numbers = {.arena = cx->arena};
    EntityScan scan = {.query = q,
                       .limit = QUERY_KEYS_MAX + 1,
                       .total = q->is_cursor ? q->total : 0,
                       .keys_only = true};
    TRY(query_scan(cx, &scan, collect_number, &numbers));
    bool many = numbers.n > QUERY_KEYS_MAX;
    Str bytes = str_of((const char *)numbers.at, numbers.n * sizeof(int64_t));
    cache_put(cx, CACHE_ANSWERS, version, key, STR_EMPTY, many ? STR(TOO_MANY) : bytes);
    if (!many) {
        take_slice(page, numbers.at, numbers.n);
        *ret_total = (int64_t)numbers.n;
    }
    return RC_OK;
}

/* ---- the page */

static Rc find_page(Page *page, int64_t version, int64_t *ret_total)
{
    const EntityQuery *q = page->query;
    int64_t remembered;
    bool counted = !q->is_cursor && !q->without_total;
    TRY(find_remembered(page, version, &remembered));
    *ret_total = q->is_cursor && q->has_total ? q->total : 0;
    if (counted && remembered >= 0) {
        *ret_total = remembered;
    } else if (counted) {
        TRY(query_total(page->cx, q, ret_total));
    }
    if (remembered >= 0 || page->limit <= 0) {
        return RC_OK;
    }
    return find_keys(page, version, *ret_total > 0 || counted ? *ret_total : -1);
}

Rc query_page(Ctx *cx, const EntityQuery *q, const FieldList *fields, Buf *out)
{
    int64_t version, total;
    Page page = {
        .cx = cx,
        .query = q,
        .out = out,
        .limit = MAX(MIN(q->limit, (int64_t)QUERY_LIMIT_MAX), 0),
        .keys = {.arena = cx->arena},
    };
    TRY(query_version(cx, &version));
    TRY(find_page(&page, version, &total));
    buf_lit(out, "{\"items\":[");
    TRY(write_items(&page, version, fields));
    buf_fmt(out, "],\"totalItems\":%lld", (long long)total);
    write_page_info(&page, total);
    return RC_OK;
}
