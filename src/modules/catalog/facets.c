/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/catalog/facets.h"

#include "base/map.h"

#include "modules/catalog/catalog_priv.h"

#include <stdlib.h>

typedef struct Value {
    Str value;
    int64_t count;
} Value;
typedef VEC(Value) Values;

typedef struct Facets {
    Ctx *cx;
    EntityQuery query;
    Buf out;
} Facets;

/* ---- in SQL */

static Rc count_by(Facets *f, SqlBuild *b, Values *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query_sql(f->cx->tx, buf_str(&b->sql), b->params.at, b->params.n, &rows, &f->cx->error));
    while (rows_next(rows)) {
        Value value = {rows_dup(rows, 0, f->cx->arena), rows_i64(rows, 1)};
        VEC_PUSH(ret, value);
    }
    return rows_error(rows, &f->cx->error);
}

static void write_column(SqlBuild *b, const Facets *f, const char *column)
{
    buf_fmt(&b->sql, "SELECT %s, count(*) FROM entities e WHERE ", column);
    query_where(b, &f->query);
    buf_fmt(&b->sql, " GROUP BY %s", column);
}

static void write_relation(SqlBuild *b, const Facets *f, Str key)
{
    Str type;
    bool forward, both;
    if (!predicate_relation(b->kinds, key, &type, &forward, &both)) {
        buf_lit(&b->sql, "SELECT '', 0 FROM entities e WHERE 1 = 0");
        return;
    }
    buf_lit(&b->sql, "SELECT r.value, count(*) FROM (");
    for (int side = 0; side < 2; side++) { /* 0: as stated, 1: read backwards */
        if ((side == 0) != forward && !both) {
            continue;
        }
        buf_put(&b->sql, side && both ? STR(" UNION ") : STR_EMPTY);
        buf_fmt(&b->sql,
                "SELECT DISTINCT %s AS ref, %s AS value FROM entity_relations WHERE type = ",
                side ? "target_ref" : "source_ref", side ? "source_ref" : "target_ref");
        sql_param(b, P_STR(type));
    }
    buf_lit(&b->sql, ") r JOIN entities e ON e.ref = r.ref WHERE ");
    query_where(b, &f->query);
    buf_lit(&b->sql, " GROUP BY r.value");
}

static void write_field(SqlBuild *b, const Facets *f, Str key)
{
    const char *value = b->db == DB_POSTGRES ? "coalesce(f.original, f.value) COLLATE \"C\""
                                             : "coalesce(f.original, f.value)";
    buf_fmt(&b->sql, "SELECT %s, count(*) FROM entity_fields f WHERE ", value);
    sql_key(b, "f", key);
    buf_lit(&b->sql, " AND f.value <> ");
    sql_param(b, P_STR(STR(ENTITY_FIELD_NULL)));
    if (f->query.filter || f->query.reach || f->query.has_text) {
        buf_lit(&b->sql, " AND f.n IN (SELECT e.n FROM entities e WHERE ");
        query_where(b, &f->query);
        buf_char(&b->sql, ')');
    }
    buf_lit(&b->sql, " GROUP BY 1");
}

/* ---- entity by entity: keys that no index holds, and filters on them */

typedef struct Tally {
    const Facets *facets;
    Str key;
    Arena *scratch;
    Map counts; /* value -> int64_t */
} Tally;

static bool tally_row(void *user, const EntityRow *row)
{
    Tally *t = user;
    Json *entity;
    EntityFields values;
    arena_reset(t->scratch);
    Str text = entity_text(t->scratch, row->body, row->errors, row->tail);
    if (json_parse(t->scratch, text, NULL, &entity, NULL) != RC_OK) {
        return true;
    }
    entity_values(entity, t->key, t->scratch, &values);
    for (size_t i = 0; i < values.n; i++) {
        bool wanted = !str_is(values.at[i].value, ENTITY_FIELD_NULL);
        for (size_t k = 0; wanted && k < i; k++) {
            wanted = !str_eq(values.at[k].value, values.at[i].value);
        }
        if (!wanted) {
            continue;
        }
        Str original = values.at[i].original;
        int64_t *count = map_get(&t->counts, original);
        if (!count) {
            Arena *arena = t->facets->cx->arena;
            count = ARENA_NEW(arena, int64_t);
            map_put(&t->counts, str_dup(arena, original), count);
        }
        ++*count;
    }
    return true;
}

static Rc count_bodies(Facets *f, Str key, Values *ret)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    Tally t = {f, key, scratch, map_init(f->cx->arena)};
    EntityScan scan = {.query = &f->query, .limit = INT64_MAX, .total = -1};
    TRY(query_scan(f->cx, &scan, tally_row, &t));
    for (MapEntry *entry = map_first(&t.counts); entry; entry = map_next(&t.counts, entry)) {
        Value value = {entry->key, *(int64_t *)entry->value};
        VEC_PUSH(ret, value);
    }
    return RC_OK;
}

/* ---- one facet */

/* Kinds are kept in lower case: how they are written, their definitions know. */
static void restore_kinds(const Kinds *kinds, Values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        const Kind *kind = kinds_find(kinds, values->at[i].value);
        if (kind) {
            values->at[i].value = kind->name;
        }
    }
}

static int by_value(const void *left, const void *right)
{
    return str_cmp(((const Value *)left)->value, ((const Value *)right)->value);
}

/* A list of texts also has each of its items as a key, which is true: `metadata.tags.go`. The index
 * keeps no rows of those; a filter on the key knows. */
static Rc count_item(Facets *f, Str key, Values *ret)
{
    Arena *arena = f->cx->arena;
    Json *wanted = json_object(arena), *both = json_array(arena), *all = json_object(arena);
    json_set_str(arena, wanted, str_cstr(arena, key), STR("true"));
    json_push(arena, both, wanted);
    if (f->query.filter) {
        json_push(arena, both, json_clone(arena, f->query.filter));
    }
    json_set_c(arena, all, "$all", both);
    EntityQuery query = f->query;
    query.filter = all;
    Value value = {.value = STR("true")};
    TRY(query_total(f->cx, &query, &value.count));
    for (size_t i = 0; i < ret->n; i++) {
        if (str_eq(ret->at[i].value, value.value)) {
            ret->at[i].count = value.count;
            return RC_OK;
        }
    }
    if (value.count > 0) {
        VEC_PUSH(ret, value);
    }
    return RC_OK;
}

static Rc count_facet(Facets *f, Str key, Values *ret)
{
    SqlBuild b =
        sql_init(f->cx->arena, db_kind(f->cx->platform->db), catalog_kinds(f->cx->platform));
    const char *column = predicate_column(key);
    bool in_sql = true;
    if (column && !str_is(key, "metadata.name")) {
        write_column(&b, f, column);
    } else if (str_starts(key, STR("relations."))) {
        write_relation(&b, f, key);
    } else if (entity_key_is_indexed(key)) {
        write_field(&b, f, key);
    } else {
        in_sql = false;
    }
    if (in_sql && !b.inexact) {
        TRY(count_by(f, &b, ret));
    } else {
        TRY(count_bodies(f, key, ret));
    }
    if (in_sql && predicate_may_be_item(key)) {
        TRY(count_item(f, key, ret));
    }
    if (in_sql && !b.inexact && str_is(key, "kind")) {
        restore_kinds(b.kinds, ret);
    }
    if (ret->n) {
        qsort(ret->at, ret->n, sizeof ret->at[0], by_value);
    }
    return RC_OK;
}

static void write_values(Facets *f, const Values *values)
{
    buf_char(&f->out, '[');
    for (size_t i = 0; i < values->n; i++) {
        buf_put(&f->out, i ? STR(",{\"value\":") : STR("{\"value\":"));
        buf_json_str(&f->out, values->at[i].value);
        buf_fmt(&f->out, ",\"count\":%lld}", (long long)values->at[i].count);
    }
    buf_char(&f->out, ']');
}

static Rc answer(Facets *f, const Str *facets, size_t n)
{
    Map done = map_init(f->cx->arena);
    buf_lit(&f->out, "{\"facets\":{");
    for (size_t i = 0; i < n; i++) {
        if (map_has(&done, facets[i])) {
            continue;
        }
        Values values = {.arena = f->cx->arena};
        TRY(count_facet(f, str_lower_utf8(f->cx->arena, facets[i]), &values));
        buf_put(&f->out, done.n_live ? STR(",") : STR_EMPTY);
        buf_json_str(&f->out, facets[i]);
        buf_char(&f->out, ':');
        write_values(f, &values);
        map_put(&done, facets[i], f);
    }
    buf_lit(&f->out, "}}");
    return buf_ok(&f->out) ? RC_OK : fail(f->cx, RC_LIMIT, "The answer is too long");
}

static Str cache_key(Arena *arena, const Str *facets, size_t n, const EntityQuery *query)
{
    Buf out = buf_init(arena, 4 * MIB);
    buf_lit(&out, "facets ");
    for (size_t i = 0; i < n; i++) {
        buf_json_str(&out, facets[i]);
    }
    buf_put(&out, query_key(arena, "\n", query));
    return buf_str(&out);
}

Rc facets_answer(Ctx *cx, const Str *facets, size_t n, const EntityQuery *query, Str *ret)
{
    int64_t version;
    if (n > FACETS_MAX) {
        return fail(cx, RC_LIMIT, "More than %d facets are asked for", FACETS_MAX);
    }
    Facets f = {.cx = cx, .query = *query, .out = buf_init(cx->arena, QUERY_REPLY_MAX)};
    TRY(query_reach(cx, &f.query.reach));
    Str key = cache_key(cx->arena, facets, n, &f.query);
    TRY(query_version(cx, &version));
    if (cache_get(cx, CACHE_ANSWERS, version, key, &f.out)) {
        *ret = buf_str(&f.out);
        return RC_OK;
    }
    TRY(query_search(cx));
    TRY(answer(&f, facets, n));
    *ret = buf_str(&f.out);
    cache_put(cx, CACHE_ANSWERS, version, key, STR_EMPTY, *ret);
    return RC_OK;
}
