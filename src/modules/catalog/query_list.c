/* SPDX-License-Identifier: Apache-2.0
 * GET /entities: everything as one array, or pages by limit and offset. */
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 500 /* entities read at once */, LOOK_MORE = 16 };
#define FILE_AT (MIB) /* a shorter answer is made in memory */
#define FILE_BYTES_MAX (8 * (uint64_t)GIB)

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

/* The values of one key as rows (n, NULL …, value, NULL …). */
static void write_values(SqlBuild *b, const EntityQuery *q, size_t at)
{
    Str type = STR_EMPTY, field = q->order[at].field;
    bool forward = false, both,
         related = str_starts(field, STR("relations.")) &&
                   predicate_relation(b->kinds, field, &type, &forward, &both);
    const char *value = !related ? "f.value" : forward ? "r.target_ref" : "r.source_ref";
    buf_put(&b->sql, related ? STR("SELECT o.n AS n") : STR("SELECT f.n AS n"));
    for (size_t i = 0; i < q->n_order; i++) {
        buf_fmt(&b->sql, ", %s AS v%zu", i == at ? value : "CAST(NULL AS TEXT)", i);
    }
    if (related) {
        buf_fmt(&b->sql, " FROM entity_relations r JOIN entities o ON o.ref = r.%s WHERE r.type = ",
                forward ? "source_ref" : "target_ref");
        sql_param(b, P_STR(type));
    } else {
        buf_lit(&b->sql, " FROM entity_fields f WHERE ");
        sql_key(b, "f", is_plain_key(field) ? field : STR(""));
        buf_lit(&b->sql, " AND f.value <> ");
        sql_param(b, P_STR(STR(ENTITY_FIELD_NULL)));
    }
    buf_lit(&b->sql, " UNION ALL ");
}

static bool has_column(const EntityOrder *order)
{
    return predicate_column(order->field) != NULL;
}

static bool is_descending(const EntityOrder *order)
{
    return str_is(order->direction, "desc");
}

/* entities e, and k: per entity its first value of each key to sort by, NULL where it has none.
 * Grouped, because no index leads from an entity to its values. */
static void write_from(SqlBuild *b, const EntityQuery *q)
{
    size_t n_columns = 0;
    for (size_t i = 0; i < q->n_order; i++) {
        n_columns += has_column(&q->order[i]);
    }
    if (n_columns == q->n_order) {
        buf_lit(&b->sql, " FROM entities e");
        return;
    }
    buf_lit(&b->sql, " FROM (SELECT n");
    for (size_t i = 0; i < q->n_order; i++) {
        buf_fmt(&b->sql, ", %s(v%zu) AS v%zu", is_descending(&q->order[i]) ? "max" : "min", i, i);
    }
    buf_lit(&b->sql, " FROM (");
    for (size_t i = 0; i < q->n_order; i++) {
        if (!has_column(&q->order[i])) {
            write_values(b, q, i);
        }
    }
    buf_lit(&b->sql, "SELECT n");
    for (size_t i = 0; i < q->n_order; i++) {
        buf_lit(&b->sql, ", CAST(NULL AS TEXT)");
    }
    buf_lit(&b->sql, " FROM entities) u GROUP BY n) k JOIN entities e ON e.n = k.n");
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

static void write_order(SqlBuild *b, const EntityQuery *q)
{
    buf_lit(&b->sql, " ORDER BY ");
    for (size_t i = 0; i < q->n_order; i++) {
        const char *column = predicate_column(q->order[i].field);
        const char *way = is_descending(&q->order[i]) ? "DESC" : "ASC";
        if (column) {
            buf_fmt(&b->sql, "%s %s, ", column, way);
        } else {
            buf_fmt(&b->sql, "CASE WHEN k.v%zu IS NULL THEN 1 ELSE 0 END, k.v%zu %s, ", i, i, way);
        }
    }
    buf_put(&b->sql, q->n_order ? STR("e.n") : STR("e.ref"));
}

/* Entities without a field come last either way; ties as they were added. Their texts are read only
 * where they have to be looked at. */
static Str write_list_sql(SqlBuild *b,
                          const EntityList *list,
                          const EntityQuery *q,
                          bool by_row,
                          int64_t limit,
                          int64_t offset)
{
    write_from(b, q);
    buf_lit(&b->sql, " WHERE ");
    query_where(b, q);
    if (list->after_ref.len) {
        buf_lit(&b->sql, " AND e.ref > ");
        sql_param(b, P_STR(list->after_ref));
    }
    write_order(b, q);
    write_limit(b, limit, offset);
    Str parts[] = {STR("SELECT e.n, e.ref"), by_row ? STR(", e.owner_ref, e.id") : STR_EMPTY,
                   b->inexact ? STR(", e.body, e.errors, " ENTITY_TAIL) : STR_EMPTY,
                   buf_str(&b->sql)};
    return str_join(b->arena, parts, ARRAY_LEN(parts), STR_EMPTY);
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

typedef VEC(int64_t) Numbers;

typedef struct ListPage {
    Ctx *cx;
    const EntityList *list;
    Arena *scratch;
    int64_t limit, skip;
    bool by_row;   /* what may be seen is looked at row by row, and not bound */
    int64_t chunk; /* rows looked at at once */
    Numbers numbers;
    Str last;
    bool more;
} ListPage;

static void take_row(ListPage *page, Rows *rows, bool inexact)
{
    const EntityQuery *q = &page->list->query;
    if (page->by_row && !owned_lets(q->reach, rows_str(rows, 2), rows_str(rows, 3))) {
        return;
    }
    int body = page->by_row ? 4 : 2;
    if (inexact && !row_fits(page->scratch, q, rows_str(rows, body), rows_str(rows, body + 1),
                             rows_str(rows, body + 2))) {
        return;
    }
    if (page->skip > 0) {
        page->skip--;
    } else if ((int64_t)page->numbers.n == page->limit) {
        page->more = true;
    } else {
        VEC_PUSH(&page->numbers, rows_i64(rows, 0));
        page->last = rows_dup(rows, 1, page->cx->arena);
    }
}

/* What can be said in SQL takes one statement; else rows from..from+chunk of the whole list are
 * looked at, and *ret_done is false while there may be more. */
static Rc take_rows(ListPage *page, int64_t from, bool inexact, bool *ret_done)
{
    Ctx *cx = page->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    SqlBuild b = sql_init(cx->arena, db_kind(cx->platform->db), catalog_kinds(cx->platform));
    EntityQuery q = page->list->query;
    bool looks = inexact || page->by_row;
    int64_t seen = 0, skip = page->skip;
    b.probe = true;
    q.reach = page->by_row ? NULL : q.reach;
    page->skip = looks ? page->skip : 0;
    Str sql = write_list_sql(&b, page->list, &q, page->by_row,
                             looks ? page->chunk : page->limit + 1, looks ? from : skip);
    TRY(tx_query_sql(cx->tx, sql, b.params.at, b.params.n, &rows, &cx->error));
    for (; !page->more && rows_next(rows); seen++) {
        take_row(page, rows, inexact);
    }
    *ret_done = !looks || page->more || seen < page->chunk;
    return rows_error(rows, &cx->error);
}

static bool is_inexact(Ctx *cx, const EntityQuery *q)
{
    SqlBuild b = sql_init(cx->arena, db_kind(cx->platform->db), catalog_kinds(cx->platform));
    query_where(&b, q);
    return b.inexact;
}

Rc list_page(Ctx *cx, const EntityList *list, Buf *out, bool *ret_more, Str *ret_after)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    int64_t version;
    size_t written;
    bool inexact = is_inexact(cx, &list->query), done = false;
    ListPage page = {
        .cx = cx,
        .list = list,
        .scratch = scratch,
        .limit = list->has_limit ? MIN(list->limit, (int64_t)QUERY_LIMIT_MAX) : QUERY_LIMIT_MAX,
        .skip = list->after_ref.len ? 0 : list->offset,
        .by_row = list->query.reach && list->query.reach->is_large,
        .chunk = CHUNK,
        .numbers = {.arena = cx->arena},
    };
    if (page.by_row && !inexact) { /* most of what is looked at may be seen */
        page.chunk =
            MIN(2 * (page.limit + MIN(page.skip, (int64_t)CHUNK)) + LOOK_MORE, (int64_t)CHUNK);
    }
    TRY(query_version(cx, &version));
    TRY(ctx_read(cx));
    for (int64_t from = 0; !done; from += page.chunk) {
        TRY(take_rows(&page, from, inexact, &done));
    }
    buf_char(out, '[');
    TRY(texts_by_number(cx, version, page.numbers.at, page.numbers.n, &list->fields, out,
                        &written));
    buf_char(out, ']');
    *ret_more = page.more;
    *ret_after = after_text(cx->arena, list, page.limit, (int64_t)page.numbers.n, page.last);
    return written == page.numbers.n
               ? RC_OK
               : fail(cx, RC_LIMIT, "The answer is too long; ask for a smaller page");
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

/* ---- all: a long answer goes through a file without a name, so that it takes no memory, and a
 * slow client holds neither a worker nor a connection of the database */

typedef struct All {
    Ctx *cx;
    const EntityList *list;
    Buf out;
    int fd; /* -1: all is in out */
    uint64_t written;
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

/* Long lists pass through a file in the data folder. */
static Rc no_room(Ctx *cx)
{
    int cause = errno;
    Rc rc = fail(cx, rc_of_write(cause, RC_INTERNAL),
                 "So long a list passes through a file, and %s; ask for pages",
                 rc_of_write(cause, RC_INTERNAL) == RC_FULL
                     ? "the disk of the data folder is full: free some space on it"
                     : "none can be written in the data folder");
    error_detail(&cx->error, "the file of a long list: %s", strerror(cause));
    return rc;
}

static int open_unnamed(Ctx *cx)
{
    const char *folder = cx->platform->data_dir;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system without such files */
        Str path = str_fmt(cx->arena, "%s/list-XXXXXX", folder);
        char *name = arena_dup(cx->arena, path.ptr, path.len + 1);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) {
            IGNORE(unlink(name) != 0); /* then it is found and removed by people */
        }
    }
    return fd;
}

static Rc write_out(All *all)
{
    Str rest = buf_str(&all->out);
    while (rest.len > 0) {
        ssize_t n = write(all->fd, rest.ptr, rest.len);
        if (n < 0 && errno != EINTR) {
            return no_room(all->cx);
        }
        rest = str_from_index(rest, n > 0 ? (size_t)n : 0);
    }
    all->written += all->out.len;
    buf_clear(&all->out);
    return all->written <= FILE_BYTES_MAX
               ? RC_OK
               : fail(all->cx, RC_LIMIT, "The answer is too long; ask for pages");
}

static Rc spill(All *all, const Call *call)
{
    if (all->fd < 0 && (all->out.len < FILE_AT || !call->http)) {
        return RC_OK;
    }
    if (all->fd < 0) {
        all->fd = open_unnamed(all->cx);
    }
    return all->fd < 0 ? no_room(all->cx) : write_out(all);
}

static Rc read_all(All *all, const Call *call)
{
    EntityQuery query = all->list->query;
    EntityScan scan = {.query = &query, .limit = CHUNK, .total = -1};
    query.n_order = MIN(query.n_order, (size_t)1);
    do {
        all->chunk = 0;
        TRY(query_scan(all->cx, &scan, all_row, all));
        TRY(all->rc);
        scan.after = true;
        scan.value = all->value;
        scan.n = all->last;
        TRY(spill(all, call));
    } while (all->chunk == CHUNK);
    buf_put(&all->out, all->n ? STR("]") : STR("[]"));
    return all->fd < 0 ? RC_OK : write_out(all);
}

static void reply_file(All *all, Call *call)
{
    HttpPair headers[] = {
        {STR("Content-Type"),           STR("application/json; charset=utf-8")},
        {STR("X-Request-Id"),           all->cx->request_id                   },
        {STR("X-Content-Type-Options"), STR("nosniff")                        },
        {STR("Cache-Control"),          STR("private, no-cache")              },
    };
    HttpResponse head = {200, headers, ARRAY_LEN(headers), STR_EMPTY};
    call->reply.sent = true;
    call->reply.status = 200;
    http_respond_file(call->http, &head, all->fd, 0, all->written);
    all->fd = -1;
}

Rc list_all(Ctx *cx, Call *call, const EntityList *list)
{
    All all = {.cx = cx, .list = list, .out = buf_init(NULL, 2 * QUERY_REPLY_MAX), .fd = -1};
    Rc rc = read_all(&all, call);
    if (rc == RC_OK && !buf_ok(&all.out)) {
        rc = fail(cx, RC_LIMIT, "The answer is too long; ask for pages");
    } else if (rc == RC_OK && all.fd >= 0) {
        ctx_end(cx);
        reply_file(&all, call);
    } else if (rc == RC_OK) {
        reply_json(call, 200, str_dup(cx->arena, buf_str(&all.out)));
    }
    if (all.fd >= 0) {
        IGNORE(close(all.fd) != 0); /* it had no name and nothing worth keeping */
    }
    buf_done(&all.out);
    return rc;
}
