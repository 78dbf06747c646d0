/* SPDX-License-Identifier: Apache-2.0
 * One page of by-query: items as they are stored, cursors both ways, the total. */
#include "modules/catalog/query.h"

typedef struct Page {
    Ctx *cx;
    const EntityQuery *query;
    const FieldList *fields;
    Buf *out;
    int64_t limit;
    int64_t n;                /* items so far */
    VEC(Str) reversed;        /* items, when they come backwards */
    const Json *first, *last; /* places of the first and the last item of the page */
    bool more;
    Rc rc;
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
static const Json *place_of(const Page *page, const EntityRow *row)
{
    Arena *arena = page->cx->arena;
    Json *place = json_array(arena);
    if (page->query->n_order) {
        json_push(arena, place, json_string(arena, row->value));
    }
    json_push(arena, place, json_string(arena, str_fmt(arena, "%lld", (long long)row->n)));
    return place;
}

static bool on_row(void *user, const EntityRow *row)
{
    Page *page = user;
    if (page->n == page->limit || page->out->len > QUERY_REPLY_MAX) {
        page->more = true;
        return false;
    }
    const Json **place = page->n ? &page->last : &page->first;
    if (page->n == 0 || page->n + 1 == page->limit || page->query->is_previous) {
        *place = place_of(page, row);
    } else {
        page->last = NULL; /* made when it turns out to be the last */
    }
    if (page->query->is_previous) {
        Buf item = buf_init(page->cx->arena, QUERY_REPLY_MAX);
        page->rc =
            entity_write_item(page->cx, &item, page->fields, row->body, row->errors, row->tail);
        VEC_PUSH(&page->reversed, buf_str(&item));
    } else {
        buf_put(page->out, page->n ? STR(",") : STR_EMPTY);
        page->rc =
            entity_write_item(page->cx, page->out, page->fields, row->body, row->errors, row->tail);
    }
    page->n++;
    return page->rc == RC_OK;
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

static Rc fetch(Page *page, int64_t total)
{
    const EntityQuery *q = page->query;
    EntityScan scan = {.query = q, .backwards = q->is_previous, .total = total};
    scan.limit = q->is_previous ? page->limit : page->limit + 1;
    if (q->is_cursor && !read_place(q, &scan)) {
        return fail(page->cx, RC_MALFORMED,
                    "Malformed cursor: its values do not fit its order fields");
    }
    scan.offset = q->is_cursor ? 0 : q->offset;
    TRY(query_scan(page->cx, &scan, on_row, page));
    TRY(page->rc);
    for (size_t i = page->reversed.n; i > 0; i--) {
        buf_put(page->out, i == page->reversed.n ? STR_EMPTY : STR(","));
        buf_put(page->out, page->reversed.at[i - 1]);
    }
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
    const Json *top = page->first, *bottom = page->last ? page->last : page->first;
    if (q->is_previous) {
        const Json *swap = top;
        top = bottom;
        bottom = swap;
    }
    const Json *first = q->first ? q->first : top;
    bool next = page->n > 0 && (page->more || q->is_previous);
    bool previous = q->first && page->n > 0 && !json_equal(top, q->first);
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

static Rc total_of(Ctx *cx, const EntityQuery *q, int64_t *ret, int64_t *ret_hint)
{
    *ret = q->is_cursor && q->has_total ? q->total : 0;
    *ret_hint = q->is_cursor && q->has_total && q->total > 0 ? q->total : -1;
    if (!q->is_cursor && !q->without_total) {
        TRY(query_total(cx, q, ret));
        *ret_hint = *ret;
    }
    return RC_OK;
}

Rc query_page(Ctx *cx, const EntityQuery *q, const FieldList *fields, Buf *out)
{
    int64_t total, hint;
    Page page = {
        .cx = cx,
        .query = q,
        .fields = fields,
        .out = out,
        .limit = MIN(q->limit, (int64_t)QUERY_LIMIT_MAX),
        .reversed = {.arena = cx->arena},
    };
    TRY(ctx_read(cx));
    TRY(total_of(cx, q, &total, &hint));
    buf_lit(out, "{\"items\":[");
    if (page.limit > 0) {
        TRY(fetch(&page, hint));
    }
    buf_fmt(out, "],\"totalItems\":%lld", (long long)total);
    write_page_info(&page, total);
    return RC_OK;
}
