/* SPDX-License-Identifier: Apache-2.0
 * The entities that match a query, in order, from any place on: one statement whose order an index
 * gives, and whose place is a key, not a count of rows to skip. What SQL cannot answer (keys that
 * are not indexed) is tested here, row by row. */
#include "base/map.h"

#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/query_text.h"

#include <stdlib.h>

enum {
    BATCH = 5000, /* rows fetched at once: PostgreSQL gives them all in memory */
    TESTED_BATCH = 256,
    ROW_BATCH_MORE = 16,
    /* of a row: n and value; with the text; each with owner and id behind */
    COLUMNS_OWNED = 4,
    COLUMNS_BODY = 5,
    COLUMNS_BODY_OWNED = 7,
    PROBE_FACTOR = 50, /* a match is found within about this many entities */
};

/* Where the order comes from. */
typedef enum SortKind {
    SORT_NUMBER, /* no order: as they were added */
    SORT_COLUMN,
    SORT_FIELD,    /* entity_fields s; several values, several rows */
    SORT_RELATION, /* entity_relations s */
    SORT_NOTHING,  /* no entity has the field */
    SORT_BODY      /* not indexed: sorted here */
} SortKind;

typedef struct Sort {
    SortKind kind;
    Str key;
    const char *value; /* SQL */
    bool descending;
    Str type; /* SORT_RELATION */
    bool forward;
} Sort;

typedef struct Scan {
    Ctx *cx;
    const EntityScan *ask;
    Sort sort;
    TextFilter text;
    bool text_of_row; /* the text is looked for in the value sorted by */
    bool by_text;     /* SQLite: driven by the full-text table */
    bool by_row;      /* what may be seen is looked at row by row, and not bound */
    SqlBuild sql;
} Scan;

static Str tail_or_none(Str tail)
{
    return tail.len ? tail : STR(",\"relations\":[]}");
}

void entity_write(Buf *out, Str body, Str errors, Str tail)
{
    buf_put(out, body);
    if (errors.len) {
        buf_lit(out, ",\"status\":{\"items\":");
        buf_put(out, errors);
        buf_char(out, '}');
    }
    buf_put(out, tail_or_none(tail));
}

Str entity_text(Arena *arena, Str body, Str errors, Str tail)
{
    Str parts[] = {body, errors.len ? STR(",\"status\":{\"items\":") : STR_EMPTY, errors,
                   errors.len ? STR("}") : STR_EMPTY, tail_or_none(tail)};
    return str_join(arena, parts, ARRAY_LEN(parts), STR_EMPTY);
}

/* ---- the order */

static Sort sort_of(Arena *arena, const EntityQuery *q, const Kinds *kinds)
{
    Sort sort = {.kind = SORT_NUMBER, .value = "''"};
    bool both;
    if (q->n_order == 0) {
        return sort;
    }
    sort.key = str_lower_utf8(arena, q->order[0].field);
    sort.descending = str_is(q->order[0].direction, "desc");
    sort.value = predicate_column(sort.key);
    if (sort.value) {
        sort.kind = SORT_COLUMN;
        return sort;
    }
    sort.value = "s.value";
    if (str_starts(sort.key, STR("relations."))) {
        bool known = predicate_relation(kinds, sort.key, &sort.type, &sort.forward, &both);
        sort.kind = known ? SORT_RELATION : SORT_NOTHING;
    } else {
        sort.kind = entity_key_is_indexed(sort.key) ? SORT_FIELD : SORT_BODY;
    }
    return sort;
}

static Scan scan_init(Ctx *cx, const EntityScan *ask, bool probe)
{
    const Kinds *kinds = catalog_kinds(cx->platform);
    Scan s = {.cx = cx, .ask = ask, .sort = sort_of(cx->arena, ask->query, kinds)};
    s.sql = sql_init(cx->arena, db_kind(cx->platform->db), kinds);
    s.sql.probe = probe;
    s.by_row = probe && ask->query->reach && ask->query->reach->is_large;
    s.text = text_filter(cx->arena, ask->query, s.sort.key);
    s.text_of_row = s.text.active && s.sort.kind != SORT_NUMBER && s.text.n_fields == 1 &&
                    str_eq(s.text.fields[0], s.sort.key);
    s.by_text = s.text.trigrams.len && s.sort.kind == SORT_NUMBER && s.sql.db == DB_SQLITE;
    return s;
}

/* ---- the statement */

/* The kind that a filter asks for, as a condition that must hold; NULL when it does not. */
static const Json *kind_of(const Json *filter)
{
    const Json *all = json_get_c(filter, "$all"), *kind = json_get_c(filter, "kind");
    for (uint32_t i = 0; all && !kind && i < all->n; i++) {
        kind = json_get_c(all->items[i], "kind");
    }
    return json_is(kind, JSON_STRING) ? kind : NULL;
}

/* Full-text matches in the order of their numbers. Most of them may be of another kind: an index
 * tells which, without their rows. */
static void write_from_text(Scan *s)
{
    const Json *kind = kind_of(s->ask->query->filter);
    buf_lit(&s->sql.sql, "entity_text CROSS JOIN entities e WHERE e.n = entity_text.rowid AND "
                         "entity_text MATCH ");
    sql_param(&s->sql, P_STR(s->text.trigrams));
    if (kind) {
        buf_lit(&s->sql.sql, " AND EXISTS (SELECT 1 FROM entities k INDEXED BY entities_by_kind_n "
                             "WHERE k.n = entity_text.rowid AND k.kind = ");
        sql_param(&s->sql, P_STR(str_lower_utf8(s->cx->arena, kind->text)));
        buf_char(&s->sql.sql, ')');
    }
}

static void write_from(Scan *s)
{
    Buf *sql = &s->sql.sql;
    switch (s->sort.kind) {
    case SORT_FIELD:
        buf_lit(sql, "entity_fields s CROSS JOIN entities e WHERE e.n = s.n AND ");
        sql_key(&s->sql, "s", s->sort.key);
        buf_lit(sql, " AND s.value <> ");
        sql_param(&s->sql, P_STR(STR(ENTITY_FIELD_NULL)));
        break;
    case SORT_RELATION:
        buf_fmt(sql, "(SELECT DISTINCT %s AS ref, %s AS value FROM entity_relations WHERE type = ",
                s->sort.forward ? "source_ref" : "target_ref",
                s->sort.forward ? "target_ref" : "source_ref");
        sql_param(&s->sql, P_STR(s->sort.type));
        buf_lit(sql, ") s JOIN entities e ON e.ref = s.ref WHERE 1 = 1");
        break;
    case SORT_NUMBER:
        if (s->by_text) {
            write_from_text(s);
            break;
        }
        buf_lit(sql, "entities e WHERE 1 = 1");
        break;
    case SORT_NOTHING:
        buf_lit(sql, "entities e WHERE 1 = 0");
        break;
    case SORT_COLUMN:
    case SORT_BODY:
    default:
        buf_lit(sql, "entities e WHERE 1 = 1");
        break;
    }
}

static const char *number_of(const Scan *s)
{
    return s->by_text ? "entity_text.rowid" : s->sort.kind == SORT_FIELD ? "s.n" : "e.n";
}

static bool is_descending(const Scan *s)
{
    return s->sort.descending != s->ask->backwards;
}

static void write_place(Scan *s, Str value, int64_t n)
{
    const char *beyond = is_descending(s) ? "<" : ">";
    if (s->sort.kind == SORT_NUMBER) {
        buf_fmt(&s->sql.sql, " AND %s %s ", number_of(s), beyond);
        sql_param(&s->sql, P_I64(n));
        return;
    }
    buf_fmt(&s->sql.sql, " AND (%s, %s) %s (", s->sort.value, number_of(s), beyond);
    sql_param(&s->sql, P_STR(value.ptr ? value : STR("")));
    buf_lit(&s->sql.sql, ", ");
    sql_param(&s->sql, P_I64(n));
    buf_char(&s->sql.sql, ')');
}

static void write_conditions(Scan *s)
{
    /* rare matches among many values: the values are gone through by the index alone */
    bool as_set = s->sort.kind == SORT_FIELD && !s->sql.probe;
    if (s->ask->query->filter) {
        buf_put(&s->sql.sql,
                as_set ? STR(" AND s.n IN (SELECT e.n FROM entities e WHERE ") : STR(" AND "));
        predicate_sql(&s->sql, s->ask->query->filter);
        buf_put(&s->sql.sql, as_set ? STR(")") : STR_EMPTY);
    }
    if (!s->by_row) {
        reach_where(&s->sql, s->ask->query->reach);
    }
    if (s->text_of_row && s->sort.kind != SORT_BODY) {
        buf_lit(&s->sql.sql, " AND ");
        text_where_value(&s->sql, &s->text, s->sort.value);
    } else if (s->text.active) {
        bool probe = s->sql.probe;
        s->sql.probe = probe || s->by_text;
        buf_lit(&s->sql.sql, " AND ");
        text_where(&s->sql, &s->text);
        s->sql.probe = probe;
    }
}

void query_where(SqlBuild *b, const EntityQuery *q)
{
    TextFilter text = text_filter(b->arena, q, STR_EMPTY);
    predicate_sql(b, q->filter);
    reach_where(b, q->reach);
    if (text.active) {
        buf_lit(&b->sql, " AND ");
        text_where(b, &text);
    }
}

static void write_order(Scan *s, int64_t limit, int64_t offset)
{
    const char *way = is_descending(s) ? "DESC" : "ASC";
    buf_lit(&s->sql.sql, " ORDER BY ");
    if (s->sort.kind != SORT_NUMBER) {
        buf_fmt(&s->sql.sql, "%s %s, ", s->sort.value, way);
    }
    buf_fmt(&s->sql.sql, "%s %s LIMIT ", number_of(s), way);
    sql_param(&s->sql, P_I64(limit));
    if (offset) {
        buf_lit(&s->sql.sql, " OFFSET ");
        sql_param(&s->sql, P_I64(offset));
    }
}

/* ---- rows */

static EntityRow read_row(Rows *rows)
{
    EntityRow row = {.n = rows_i64(rows, 0), .value = rows_str(rows, 1)};
    int columns = rows_columns(rows);
    if (columns == COLUMNS_OWNED || columns == COLUMNS_BODY_OWNED) {
        row.owner_ref = rows_str(rows, columns - 2);
        row.id = rows_str(rows, columns - 1);
    }
    if (columns >= COLUMNS_BODY) {
        row.body = rows_str(rows, 2);
        row.errors = rows_str(rows, 3);
        row.tail = rows_str(rows, 4);
    }
    return row;
}

static bool row_matches(const Scan *s, Arena *scratch, const EntityRow *row)
{
    Json *entity;
    if (s->by_row && !owned_lets(s->ask->query->reach, row->owner_ref, row->id)) {
        return false;
    }
    if (!scratch) {
        return true;
    }
    arena_reset(scratch);
    Str text = entity_text(scratch, row->body, row->errors, row->tail);
    if (json_parse(scratch, text, NULL, &entity, NULL) != RC_OK) {
        return false;
    }
    return predicate_matches(s->ask->query->filter, entity) &&
           (s->text_of_row || text_matches(scratch, &s->text, entity));
}

typedef struct Place {
    bool after;
    Str value;
    int64_t n;
    int64_t skip, left;
    int64_t batch; /* how many rows were fetched at once */
} Place;

static Rc
start(Scan *s, const Place *place, bool keys_only, int64_t limit, int64_t offset, Rows **ret)
{
    buf_clear(&s->sql.sql);
    s->sql.params.n = 0;
    buf_fmt(&s->sql.sql, "SELECT %s, %s", number_of(s), s->sort.value);
    buf_put(&s->sql.sql, keys_only ? STR_EMPTY : STR(", e.body, e.errors, " ENTITY_TAIL));
    buf_put(&s->sql.sql, s->by_row ? STR(", e.owner_ref, e.id FROM ") : STR(" FROM "));
    write_from(s);
    write_conditions(s);
    if (place->after) {
        write_place(s, place->value, place->n);
    }
    write_order(s, limit, offset);
    if (!buf_ok(&s->sql.sql)) {
        return fail(s->cx, RC_LIMIT, "The query is too long");
    }
    return tx_query_sql(s->cx->tx, buf_str(&s->sql.sql), s->sql.params.at, s->sql.params.n, ret,
                        &s->cx->error);
}

/* One batch; *ret_more is false when there is nothing behind it that is wanted. Tested: the rows
 * may match; otherwise they do. */
static Rc scan_batch(Scan *s, Place *place, bool tested, EntityRowFn fn, void *user, bool *ret_more)
{
    CLEANUP(arena_cleanup) Arena *scratch = tested ? arena_new(64 * KIB) : NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    int64_t seen = 0, size = MIN(place->left, (int64_t)BATCH);
    bool keys_only = s->ask->keys_only && !tested, skips = !tested && !s->by_row;
    if (tested) {
        size = TESTED_BATCH;
    } else if (s->by_row) { /* more and more where few of many are seen */
        int64_t wanted = s->sql.db == DB_POSTGRES ? 2 * size : size; /* a round trip costs more */
        size = MIN(MAX(2 * place->batch, wanted + ROW_BATCH_MORE), (int64_t)BATCH);
    }
    place->batch = size;
    TRY(start(s, place, keys_only, size, skips ? place->skip : 0, &rows));
    place->skip = skips ? 0 : place->skip;
    *ret_more = true;
    while (*ret_more && rows_next(rows)) {
        EntityRow row = read_row(rows);
        place->after = true;
        place->n = row.n;
        if (++seen == size) {
            place->value = str_dup(s->cx->arena, row.value);
        }
        if (!skips && !row_matches(s, scratch, &row)) {
            continue;
        }
        if (place->skip > 0) {
            place->skip--;
        } else {
            *ret_more = fn(user, &row) && --place->left > 0;
        }
    }
    *ret_more = *ret_more && seen == size;
    return rows_error(rows, &s->cx->error);
}

static Rc scan_rows(Scan *s, bool tested, EntityRowFn fn, void *user)
{
    const EntityScan *ask = s->ask;
    Place place = {.after = ask->after,
                   .value = ask->value,
                   .n = ask->n,
                   .skip = ask->offset,
                   .left = ask->limit};
    bool more = ask->limit > 0;
    while (more) {
        TRY(scan_batch(s, &place, tested, fn, user, &more));
    }
    return RC_OK;
}

/* ---- by a key that no index holds */

typedef struct Sorted {
    Str value;
    int64_t n;
} Sorted;

typedef struct Collect {
    const Scan *scan;
    Arena *arena, *scratch;
    VEC(Sorted) list;
    size_t seen;
} Collect;

static int by_value(const void *left, const void *right)
{
    const Sorted *a = left, *b = right;
    int order = str_cmp(a->value, b->value);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static bool collect_row(void *user, const EntityRow *row)
{
    Collect *c = user;
    Json *entity;
    EntityFields values;
    arena_reset(c->scratch);
    Str text = entity_text(c->scratch, row->body, row->errors, row->tail);
    c->seen++;
    if (json_parse(c->scratch, text, NULL, &entity, NULL) != RC_OK) {
        return true;
    }
    entity_values(entity, c->scan->sort.key, c->scratch, &values);
    for (size_t i = 0; i < values.n; i++) {
        Sorted item = {values.at[i].value, row->n};
        bool wanted = !str_is(item.value, ENTITY_FIELD_NULL) &&
                      (!c->scan->text_of_row || text_is_like(item.value, c->scan->text.pattern));
        for (size_t k = 0; wanted && k < i; k++) {
            wanted = !str_eq(values.at[k].value, item.value);
        }
        if (wanted) {
            item.value = str_dup(c->arena, item.value);
            VEC_PUSH(&c->list, item);
        }
    }
    return true;
}

static Rc collect(Scan *s, Collect *c)
{
    EntityQuery plain = *s->ask->query;
    plain.n_order = 0;
    if (s->text_of_row) {
        plain.has_text = false;
    } else if (plain.has_text && !plain.has_text_fields) {
        plain.has_text_fields = true;
        plain.text_fields = &s->sort.key;
        plain.n_text_fields = 1;
    }
    EntityScan all = {.query = &plain, .limit = QUERY_SORTED_MAX + 1, .total = -1};
    TRY(query_scan(s->cx, &all, collect_row, c));
    if (c->seen > QUERY_SORTED_MAX) {
        return fail(s->cx, RC_LIMIT,
                    "Sorting by %.*s works for at most %d entities; add a filter or sort by "
                    "another field",
                    STR_ARG(s->sort.key), QUERY_SORTED_MAX);
    }
    if (c->list.n) {
        qsort(c->list.at, c->list.n, sizeof c->list.at[0], by_value);
    }
    return RC_OK;
}

static Rc emit_sorted(Scan *s, const Sorted *item, EntityRowFn fn, void *user, bool *ret_more)
{
    static const Query by_number = {
        "catalog_query_by_number",
        "SELECT e.n, '', e.body, e.errors, " ENTITY_TAIL " FROM entities e WHERE e.n = $1", NULL};
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(s->cx->tx, &by_number, PARAMS(P_I64(item->n)), &rows, &s->cx->error));
    if (rows_next(rows)) {
        EntityRow row = read_row(rows);
        row.value = item->value;
        *ret_more = fn(user, &row);
    }
    return rows_error(rows, &s->cx->error);
}

static Rc scan_sorted(Scan *s, EntityRowFn fn, void *user)
{
    const EntityScan *ask = s->ask;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    Collect c = {.scan = s, .arena = arena, .scratch = scratch, .list = {.arena = arena}};
    TRY(collect(s, &c));
    Sorted place = {ask->value, ask->n};
    int64_t skip = ask->offset, left = ask->limit;
    bool more = true;
    for (size_t i = 0; i < c.list.n && left > 0 && more; i++) {
        const Sorted *item = &c.list.at[is_descending(s) ? c.list.n - 1 - i : i];
        int order = by_value(item, &place);
        if (ask->after && (is_descending(s) ? order >= 0 : order <= 0)) {
            continue;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        TRY(emit_sorted(s, item, fn, user, &more));
        left--;
    }
    return RC_OK;
}

Rc query_scan(Ctx *cx, const EntityScan *ask, EntityRowFn fn, void *user)
{
    int64_t all = 0;
    TRY(query_search(cx));
    if (ask->total >= 0 && (ask->query->filter || ask->query->reach)) {
        EntityQuery everything = {0};
        TRY(query_total(cx, &everything, &all));
    }
    bool probe = ask->total < 0 || ask->total > all / PROBE_FACTOR;
    Scan s = scan_init(cx, ask, probe);
    if (s.sort.kind == SORT_BODY) {
        return scan_sorted(&s, fn, user);
    }
    write_conditions(&s); /* to learn whether they are exact */
    return scan_rows(&s, s.sql.inexact, fn, user);
}

/* ---- totals */

static bool count_row(void *user, const EntityRow *row)
{
    int64_t *n = user;
    (void)row;
    ++*n;
    return true;
}

/* One by one; those with several values of the order's field count once. */
static Rc count_sorted(Scan *s, int64_t *ret)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    Collect c = {.scan = s, .arena = arena, .scratch = scratch, .list = {.arena = arena}};
    Map seen = map_init(arena);
    TRY(collect(s, &c));
    for (size_t i = 0; i < c.list.n; i++) {
        map_put(&seen, str_fmt(arena, "%lld", (long long)c.list.at[i].n), arena);
    }
    *ret = (int64_t)seen.n_live;
    return RC_OK;
}

static void write_has_order(Scan *s)
{
    Buf *sql = &s->sql.sql;
    if (s->sort.kind == SORT_FIELD) {
        buf_lit(sql, " AND e.n IN (SELECT s.n FROM entity_fields s WHERE ");
        sql_key(&s->sql, "s", s->sort.key);
        buf_lit(sql, " AND s.value <> ");
        sql_param(&s->sql, P_STR(STR(ENTITY_FIELD_NULL)));
        buf_char(sql, ')');
    } else if (s->sort.kind == SORT_RELATION) {
        buf_fmt(sql, " AND e.ref IN (SELECT %s FROM entity_relations WHERE type = ",
                s->sort.forward ? "source_ref" : "target_ref");
        sql_param(&s->sql, P_STR(s->sort.type));
        buf_char(sql, ')');
    } else if (s->sort.kind == SORT_NOTHING) {
        buf_lit(sql, " AND 1 = 0");
    }
}

static Rc count_sql(Scan *s, int64_t *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query_sql(s->cx->tx, buf_str(&s->sql.sql), s->sql.params.at, s->sql.params.n, &rows,
                     &s->cx->error));
    *ret = rows_next(rows) ? rows_i64(rows, 0) : 0;
    return rows_error(rows, &s->cx->error);
}

static Rc count(Ctx *cx, const EntityQuery *q, int64_t *ret)
{
    EntityScan ask = {.query = q, .limit = INT64_MAX, .total = -1};
    Scan s = scan_init(cx, &ask, false);
    *ret = 0;
    if (s.sort.kind == SORT_BODY) {
        return count_sorted(&s, ret);
    }
    buf_lit(&s.sql.sql, "SELECT count(*) FROM entities e WHERE 1 = 1");
    s.by_text = false;
    if (q->filter) {
        buf_lit(&s.sql.sql, " AND ");
        predicate_sql(&s.sql, q->filter);
    }
    if (s.text.active) {
        buf_lit(&s.sql.sql, " AND ");
        text_where(&s.sql, &s.text);
    }
    reach_where(&s.sql, q->reach);
    write_has_order(&s);
    if (!s.sql.inexact) {
        return count_sql(&s, ret);
    }
    return q->n_order ? count_sorted(&s, ret) : query_scan(cx, &ask, count_row, ret);
}

Str query_key(Arena *arena, const char *prefix, const EntityQuery *q)
{
    Buf out = buf_init(arena, 4 * MIB);
    buf_put(&out, str_from(prefix));
    if (q->filter) {
        json_write_canonical(&out, q->filter);
    }
    buf_char(&out, '\n');
    if (q->n_order) {
        buf_json_str(&out, q->order[0].field);
    }
    if (q->has_text && str_trim(q->term).len) {
        buf_json_str(&out, str_trim(q->term));
        for (size_t i = 0; i < q->n_text_fields; i++) {
            buf_json_str(&out, q->text_fields[i]);
        }
        buf_char(&out, q->has_text_fields ? '.' : '-');
    }
    buf_char(&out, '\n');
    buf_put(&out, q->reach ? q->reach->mark : STR_EMPTY);
    return buf_str(&out);
}

Rc query_total(Ctx *cx, const EntityQuery *q, int64_t *ret)
{
    int64_t version;
    Str key = query_key(cx->arena, "total ", q);
    Buf known = buf_init(cx->arena, KIB);
    TRY(query_version(cx, &version));
    if (cache_get(cx, CACHE_ANSWERS, version, key, &known) && str_to_i64(buf_str(&known), ret)) {
        return RC_OK;
    }
    TRY(query_search(cx));
    TRY(count(cx, q, ret));
    Str text = str_fmt(cx->arena, "%lld", (long long)*ret);
    cache_put(cx, CACHE_ANSWERS, version, key, STR_EMPTY, text);
    return RC_OK;
}
