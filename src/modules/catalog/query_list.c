/* SPDX-License-Identifier: Apache-2.0
 * GET /entities: everything as one array, or pages by limit and offset. */
#include "base/thread.h"
#include "base/time.h"

#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/query.h"

enum { CHUNK = 500 /* entities read at once for a stream */ };
#define STREAM_AT (MIB)                      /* an answer up to here is sent at once */
#define STREAM_BUFFER (4 * MIB)              /* waiting for a slow client */
#define STREAM_STALL_US (60 * US_PER_SECOND) /* after which it is given up */
#define STREAM_WAIT_US (5 * US_PER_MS)

/* ---- pages */

/* Keys are compared as they stand here, and the index has lower case ones. */
static bool is_plain_key(Str field)
{
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] >= 'A' && field.ptr[i] <= 'Z') {
            return false;
        }
    }
    return true;
}

static void write_key_values(SqlBuild *b, Str field)
{
    Str type;
    bool forward, both;
    if (str_starts(field, STR("relations.")) &&
        predicate_relation(b->kinds, field, &type, &forward, &both)) {
        buf_fmt(&b->sql,
                "(SELECT DISTINCT o.n, r.%s AS value FROM entity_relations r JOIN entities o ON "
                "o.ref = r.%s WHERE r.type = ",
                forward ? "target_ref" : "source_ref", forward ? "source_ref" : "target_ref");
        sql_param(b, P_STR(type));
        buf_char(&b->sql, ')');
        return;
    }
    buf_lit(&b->sql, "(SELECT f.n, f.value FROM entity_fields f WHERE ");
    sql_key(b, "f", is_plain_key(field) ? field : STR(""));
    buf_lit(&b->sql, " AND f.value <> ");
    sql_param(b, P_STR(STR(ENTITY_FIELD_NULL)));
    buf_char(&b->sql, ')');
}

/* Entities without a field come last either way; ties as they were added. */
static void write_list_sql(SqlBuild *b, const EntityList *list)
{
    const EntityQuery *q = &list->query;
    buf_lit(&b->sql, "SELECT e.n, e.ref, e.body, e.errors, e.tail FROM entities e");
    for (size_t i = 0; i < q->n_order; i++) {
        if (!predicate_column(q->order[i].field)) {
            buf_lit(&b->sql, " LEFT JOIN ");
            write_key_values(b, q->order[i].field);
            buf_fmt(&b->sql, " o%zu ON o%zu.n = e.n", i, i);
        }
    }
    buf_lit(&b->sql, " WHERE ");
    query_where(b, q);
    if (list->after_ref.len) {
        buf_lit(&b->sql, " AND e.ref > ");
        sql_param(b, P_STR(list->after_ref));
    }
    buf_lit(&b->sql, " ORDER BY ");
    for (size_t i = 0; i < q->n_order; i++) {
        const char *column = predicate_column(q->order[i].field);
        const char *way = str_is(q->order[i].direction, "desc") ? "DESC" : "ASC";
        if (column) {
            buf_fmt(&b->sql, "%s %s, ", column, way);
        } else {
            buf_fmt(&b->sql, "CASE WHEN o%zu.value IS NULL THEN 1 ELSE 0 END, o%zu.value %s, ", i,
                    i, way);
        }
    }
    buf_put(&b->sql, q->n_order ? STR("e.n") : STR("e.ref"));
}

static void write_limit(SqlBuild *b, int64_t limit, int64_t offset)
{
    buf_lit(&b->sql, " LIMIT ");
    sql_param(b, P_I64(limit));
    if (offset) {
        buf_lit(&b->sql, " OFFSET ");
        sql_param(b, P_I64(offset));
    }
}

static bool row_fits(Arena *scratch, const EntityQuery *q, Str body, Str errors, Str tail)
{
    Json *entity;
    arena_reset(scratch);
    return json_parse(scratch, entity_text(scratch, body, errors, tail), NULL, &entity, NULL) ==
               RC_OK &&
           predicate_matches(q->filter, entity);
}

static Str after_text(Arena *arena, const EntityList *list, int64_t limit, int64_t n, Str ref)
{
    int64_t offset = list->offset + n;
    Buf text = buf_init(arena, 8 * KIB), out = buf_init(arena, 16 * KIB);
    buf_fmt(&text, "{\"limit\":%lld,\"offset\":%lld", (long long)limit, (long long)offset);
    if (list->query.n_order == 0) { /* goes on behind it instead of counting rows again */
        buf_lit(&text, ",\"ref\":");
        buf_json_str(&text, ref);
    }
    buf_char(&text, '}');
    buf_base64(&out, buf_str(&text));
    return buf_str(&out);
}

typedef struct ListPage {
    Ctx *cx;
    const EntityList *list;
    Buf *out;
    Arena *scratch;
    int64_t limit, skip, n;
    Str last;
    bool more;
} ListPage;

static Rc take_row(ListPage *page, Rows *rows, bool inexact)
{
    const EntityList *list = page->list;
    Str body = rows_str(rows, 2), errors = rows_str(rows, 3), tail = rows_str(rows, 4);
    if (inexact && !row_fits(page->scratch, &list->query, body, errors, tail)) {
        return RC_OK;
    }
    if (page->skip > 0) {
        page->skip--;
    } else if (page->n == page->limit || page->out->len > QUERY_REPLY_MAX) {
        page->more = true;
    } else {
        buf_put(page->out, page->n++ ? STR(",") : STR_EMPTY);
        page->last = rows_dup(rows, 1, page->cx->arena);
        return entity_write_item(page->cx, page->out, &list->fields, body, errors, tail);
    }
    return RC_OK;
}

/* Rows from..from+count of the whole list; *ret_seen of them were there. */
static Rc take_rows(ListPage *page, int64_t from, int64_t count, int64_t *ret_seen, bool *inexact)
{
    Ctx *cx = page->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    SqlBuild b = sql_init(cx->arena, db_kind(cx->platform->db), catalog_kinds(cx->platform));
    b.probe = true;
    write_list_sql(&b, page->list);
    if (!b.inexact) {
        count = page->limit + 1;
        from = page->skip;
        page->skip = 0;
    }
    write_limit(&b, count, from);
    TRY(tx_query_sql(cx->tx, buf_str(&b.sql), b.params.at, b.params.n, &rows, &cx->error));
    for (*ret_seen = 0; !page->more && rows_next(rows); ++*ret_seen) {
        TRY(take_row(page, rows, b.inexact));
    }
    *inexact = b.inexact;
    return rows_error(rows, &cx->error);
}

Rc list_page(Ctx *cx, const EntityList *list, Buf *out, bool *ret_more, Str *ret_after)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    int64_t seen, from = 0;
    bool inexact;
    ListPage page = {
        .cx = cx,
        .list = list,
        .out = out,
        .scratch = scratch,
        .limit = list->has_limit ? MIN(list->limit, (int64_t)QUERY_LIMIT_MAX) : QUERY_LIMIT_MAX,
        .skip = list->after_ref.len ? 0 : list->offset,
    };
    TRY(ctx_read(cx));
    buf_char(out, '[');
    do {
        TRY(take_rows(&page, from, CHUNK, &seen, &inexact));
        from += seen;
    } while (inexact && !page.more && seen == CHUNK);
    buf_char(out, ']');
    *ret_more = page.more;
    *ret_after = after_text(cx->arena, list, page.limit, page.n, page.last);
    return RC_OK;
}

Rc list_after(Arena *arena, Str text, EntityList *list, Error *err)
{
    Json *v;
    if (json_parse(arena, cursor_text(arena, text), NULL, &v, NULL) != RC_OK) {
        return error_set(err, RC_MALFORMED, "Malformed after cursor, could not be parsed");
    }
    const Json *limit = json_get_c(v, "limit"), *offset = json_get_c(v, "offset");
    if (limit && !json_to_i64(limit, &list->limit)) {
        return error_set(err, RC_MALFORMED, "Malformed after cursor, limit was not an number");
    }
    if (offset && !json_to_i64(offset, &list->offset)) {
        return error_set(err, RC_MALFORMED, "Malformed after cursor, offset was not a number");
    }
    list->has_limit = list->has_limit || limit;
    list->limit = MAX(list->limit, 0);
    list->offset = MAX(list->offset, 0);
    list->after_ref = json_str_at(v, "ref");
    return RC_OK;
}

/* ---- all */

typedef struct All {
    Ctx *cx;
    Call *call;
    const EntityList *list;
    Buf out;
    HttpStream *stream; /* NULL until the answer is long */
    int64_t n, chunk;
    Str value;
    int64_t last;
    Rc rc;
} All;

static bool all_row(void *user, const EntityRow *row)
{
    All *all = user;
    buf_put(&all->out, all->n++ ? STR(",") : STR("["));
    all->chunk++;
    all->last = row->n;
    if (all->chunk == CHUNK) {
        all->value = str_dup(all->cx->arena, row->value);
    }
    all->rc = entity_write_item(all->cx, &all->out, &all->list->fields, row->body, row->errors,
                                row->tail);
    return all->rc == RC_OK;
}

/* Waits while the client is slow; RC_GONE when it has left or takes nothing any more. */
static Rc push(All *all)
{
    int64_t until = time_monotonic_us() + STREAM_STALL_US;
    Rc rc;
    while ((rc = http_stream_write(all->stream, buf_str(&all->out))) == RC_BUSY &&
           time_monotonic_us() < until) {
        thread_sleep_us(STREAM_WAIT_US);
    }
    buf_clear(&all->out);
    return rc == RC_OK ? RC_OK : RC_GONE;
}

static Rc send(All *all)
{
    if (!all->stream && (all->out.len < STREAM_AT || !all->call->http)) {
        return RC_OK;
    }
    if (!all->stream) {
        HttpPair headers[] = {
            {STR("Content-Type"),           STR("application/json; charset=utf-8")},
            {STR("X-Request-Id"),           all->cx->request_id                   },
            {STR("X-Content-Type-Options"), STR("nosniff")                        },
            {STR("Cache-Control"),          STR("private, no-cache")              },
        };
        HttpResponse head = {200, headers, ARRAY_LEN(headers), STR_EMPTY};
        all->call->reply.sent = true;
        all->call->reply.status = 200;
        all->stream = http_respond_stream(all->call->http, &head, STREAM_BUFFER, NULL, NULL);
    }
    return push(all);
}

static Rc read_all(All *all)
{
    EntityQuery query = all->list->query;
    EntityScan scan = {.query = &query, .limit = CHUNK, .total = -1};
    query.n_order = MIN(query.n_order, (size_t)1);
    do {
        all->chunk = 0;
        TRY(ctx_read(all->cx));
        TRY(query_scan(all->cx, &scan, all_row, all));
        TRY(all->rc);
        ctx_end(all->cx); /* a slow client must not hold a connection of the database */
        scan.after = true;
        scan.value = all->value;
        scan.n = all->last;
        TRY(send(all));
    } while (all->chunk == CHUNK);
    return RC_OK;
}

Rc list_all(Ctx *cx, Call *call, const EntityList *list)
{
    All all = {.cx = cx, .call = call, .list = list, .out = buf_init(NULL, QUERY_REPLY_MAX)};
    Rc rc = read_all(&all);
    buf_put(&all.out, all.n ? STR("]") : STR("[]"));
    if (all.stream) {
        if (rc == RC_OK) {
            IGNORE(push(&all)); /* a client that has left misses nothing */
        }
        http_stream_close(all.stream);
        rc = RC_OK; /* an answer that breaks off is not JSON: that is how the client knows */
    } else if (rc == RC_OK && !buf_ok(&all.out)) {
        rc = fail(cx, RC_LIMIT, "The answer is too long; ask for pages");
    } else if (rc == RC_OK) {
        reply_json(call, 200, str_dup(cx->arena, buf_str(&all.out)));
    }
    buf_done(&all.out);
    return rc;
}
