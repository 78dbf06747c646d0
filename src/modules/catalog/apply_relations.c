/* SPDX-License-Identifier: Apache-2.0
 * Relations of a batch, and the tails made of them. A tail is the end of an entity's text, with its
 * relations both ways. A batch makes those of all it touches at once; a large read, which touches
 * its hubs in every batch, marks them instead and has them made once, by catalog_stitch. */
#include "catalog_apply_sql.h"
#include "modules/catalog/apply_priv.h"
#include "modules/catalog/query.h"

#include <stdlib.h>

enum { STITCH_AT_ONCE = 2000 /* tails made in one go: bounded memory */ };
#define LIMIT_TAIL (4 * MIB)

Str apply_refs_json(Arena *arena, const Str *refs, size_t n)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_char(&out, ',');
        }
        buf_json_str(&out, refs[i]);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

Str apply_map_keys_json(Arena *arena, const Map *map)
{
    Strs keys = {.arena = arena};
    for (MapEntry *entry = map_first(map); entry; entry = map_next(map, entry)) {
        VEC_PUSH(&keys, entry->key);
    }
    return apply_refs_json(arena, keys.at, keys.n);
}

/* ---- relations */

static void touch(Apply *a, Str ref)
{
    map_put(&a->touched, ref, a);
}

static Str relation_key(Arena *arena, int64_t origin, Str source, Str type, Str target)
{
    return str_fmt(arena, "%lld %.*s %.*s %.*s", (long long)origin, STR_ARG(source), STR_ARG(type),
                   STR_ARG(target));
}

typedef struct RelationRow {
    int64_t origin;
    Str source, type, target;
} RelationRow;
typedef VEC(RelationRow) RelationRows;

static int by_target(const void *left, const void *right)
{
    const RelationRow *a = left, *b = right;
    int order = str_cmp(a->target, b->target);
    order = order ? order : str_cmp(a->type, b->type);
    order = order ? order : str_cmp(a->source, b->source);
    return order ? order : (a->origin > b->origin) - (a->origin < b->origin);
}

/* By target: entities of one batch are neighbours in the indexes by origin and by source anyway,
 * while their targets are all over the third one. Each row once. */
static Rc run_relations(Apply *a, const Query *query, RelationRows *rows)
{
    if (rows->n == 0) {
        return RC_OK;
    }
    qsort(rows->at, rows->n, sizeof rows->at[0], by_target);
    Params params = {.arena = a->arena};
    VEC_RESERVE(&params, 4 * rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        if (i && by_target(&rows->at[i - 1], &rows->at[i]) == 0) {
            continue;
        }
        VEC_PUSH(&params, P_I64(rows->at[i].origin));
        VEC_PUSH(&params, P_STR(rows->at[i].source));
        VEC_PUSH(&params, P_STR(rows->at[i].type));
        VEC_PUSH(&params, P_STR(rows->at[i].target));
        touch(a, rows->at[i].source);
        touch(a, rows->at[i].target);
    }
    return tx_exec_many(a->cx->tx, query, params.at, 4, params.n / 4, &a->cx->error);
}

/* Rows that changed entities say no longer are deleted; *ret_kept has the keys of those that stay.
 */
static Rc drop_old_relations(Apply *a, const Map *wanted, Map *ret_kept)
{
    Strs origins = {.arena = a->arena};
    for (MapEntry *entry = map_first(&a->existing); entry; entry = map_next(&a->existing, entry)) {
        const Existing *old = entry->value;
        if (old->state) {
            VEC_PUSH(&origins, str_fmt(a->arena, "%lld", (long long)old->n));
        }
    }
    if (origins.n == 0) {
        return RC_OK;
    }
    Str parts[] = {STR("["), str_join(a->arena, origins.at, origins.n, STR(",")), STR("]")};
    Str list = str_join(a->arena, parts, ARRAY_LEN(parts), STR_EMPTY);
    RelationRows gone = {.arena = a->arena};
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(a->cx->tx, &catalog_apply_relations_of, PARAMS(P_STR(list)), &rows,
                 &a->cx->error));
    while (rows_next(rows)) {
        Str source = rows_dup(rows, 1, a->arena), type = rows_dup(rows, 2, a->arena),
            target = rows_dup(rows, 3, a->arena);
        Str key = relation_key(a->arena, rows_i64(rows, 0), source, type, target);
        if (map_has(wanted, key)) {
            map_put(ret_kept, key, a);
            continue;
        }
        VEC_PUSH(&gone, ((RelationRow){rows_i64(rows, 0), source, type, target}));
    }
    TRY(rows_error(rows, &a->cx->error));
    return run_relations(a, &catalog_apply_delete_relation, &gone);
}

Rc apply_relations(Apply *a)
{
    Map wanted = map_init(a->arena), kept = map_init(a->arena);
    for (size_t i = 0; i < a->n_items; i++) {
        const EntityRelations *relations = &a->items[i].e->prepared.relations;
        for (size_t k = 0; a->items[i].old && k < relations->n; k++) {
            const EntityRelation *r = &relations->at[k];
            map_put(&wanted,
                    relation_key(a->arena, a->items[i].n, r->source_ref, r->type, r->target_ref),
                    a);
        }
    }
    TRY(drop_old_relations(a, &wanted, &kept));
    RelationRows fresh = {.arena = a->arena};
    size_t n_relations = 0;
    for (size_t i = 0; i < a->n_items; i++) {
        n_relations += a->items[i].e->prepared.relations.n;
    }
    VEC_RESERVE(&fresh, n_relations);
    for (size_t i = 0; i < a->n_items; i++) {
        const Item *item = &a->items[i];
        const EntityRelations *relations = &item->e->prepared.relations;
        for (size_t k = 0; k < relations->n; k++) {
            const EntityRelation *r = &relations->at[k];
            if (item->old && map_has(&kept, relation_key(a->arena, item->n, r->source_ref, r->type,
                                                         r->target_ref))) {
                continue;
            }
            VEC_PUSH(&fresh, ((RelationRow){item->n, r->source_ref, r->type, r->target_ref}));
        }
    }
    return run_relations(a, &catalog_apply_insert_relation, &fresh);
}

/* ---- tails */

typedef struct Stitched {
    int64_t n;
    Strs out; /* "type\0target" of its relations, unsorted */
} Stitched;

typedef struct Stitch {
    Ctx *cx;
    const Kinds *kinds;
    Arena *arena;
    Map entities; /* ref -> Stitched */
} Stitch;

/* Refs that dangle have no entity and no tail. */
static Rc find_entities(Stitch *s, Str refs)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(s->cx->tx, &catalog_apply_numbers, PARAMS(P_STR(refs)), &rows, &s->cx->error));
    while (rows_next(rows)) {
        Stitched *entity = ARENA_NEW(s->arena, Stitched);
        *entity = (Stitched){.n = rows_i64(rows, 1), .out = {.arena = s->arena}};
        map_put(&s->entities, rows_dup(rows, 0, s->arena), entity);
    }
    return rows_error(rows, &s->cx->error);
}

/* One direction of the relations: columns are whose, type, other. */
static Rc collect_relations(Stitch *s, const Query *query, Str refs, bool is_forward)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(s->cx->tx, query, PARAMS(P_STR(refs)), &rows, &s->cx->error));
    while (rows_next(rows)) {
        Str forward, reverse, type = rows_str(rows, 1);
        bool type_is_forward;
        Stitched *entity = map_get(&s->entities, rows_str(rows, 0));
        if (!entity || !kinds_relation(s->kinds, type, &forward, &reverse, &type_is_forward)) {
            continue; /* a pair whose kind was removed shows no more */
        }
        Str parts[] = {is_forward ? forward : reverse, rows_str(rows, 2)};
        VEC_PUSH(&entity->out, str_join(s->arena, parts, 2, str_of("\0", 1)));
    }
    return rows_error(rows, &s->cx->error);
}

static int by_bytes(const void *left, const void *right)
{
    return str_cmp(*(const Str *)left, *(const Str *)right);
}

/* ,"relations":[{"type":…,"targetRef":…},…]} sorted by type, then target. */
static Str make_tail(Arena *arena, Stitched *entity)
{
    Buf out = buf_init(arena, LIMIT_TAIL);
    const Strs *list = &entity->out;
    if (list->n) {
        qsort(list->at, list->n, sizeof list->at[0], by_bytes);
    }
    buf_lit(&out, ",\"relations\":[");
    bool first = true;
    for (size_t i = 0; i < list->n; i++) {
        if (i && str_eq(list->at[i], list->at[i - 1])) {
            continue;
        }
        size_t nul = str_find_char(list->at[i], '\0');
        size_t before = out.len;
        buf_put(&out, first ? STR("{\"type\":") : STR(",{\"type\":"));
        buf_json_str(&out, str_sub(list->at[i], 0, nul));
        buf_lit(&out, ",\"targetRef\":");
        buf_json_str(&out, str_from_index(list->at[i], nul + 1));
        buf_char(&out, '}');
        if (!buf_ok(&out) || out.len > LIMIT_TAIL - 8) {
            out.len =
                before; /* more relations than an answer should carry: the first ones are shown */
            out.failed = false;
            break;
        }
        first = false;
    }
    buf_lit(&out, "]}");
    return buf_str(&out);
}

static Rc write_tails(Stitch *s)
{
    Params params = {.arena = s->arena};
    Strs numbers = {.arena = s->arena};
    for (MapEntry *entry = map_first(&s->entities); entry; entry = map_next(&s->entities, entry)) {
        Stitched *entity = entry->value;
        VEC_PUSH(&numbers, str_fmt(s->arena, "%lld", (long long)entity->n));
        VEC_PUSH(&params, P_I64(entity->n));
        VEC_PUSH(&params, P_STR(make_tail(s->arena, entity)));
    }
    if (numbers.n == 0) {
        return RC_OK;
    }
    Str parts[] = {STR("["), str_join(s->arena, numbers.at, numbers.n, STR(",")), STR("]")};
    Str list = str_join(s->arena, parts, ARRAY_LEN(parts), STR_EMPTY);
    TRY(tx_exec(s->cx->tx, &catalog_apply_delete_tails, PARAMS(P_STR(list)), NULL, &s->cx->error));
    return tx_exec_many(s->cx->tx, &catalog_apply_insert_tail, params.at, 2, params.n / 2,
                        &s->cx->error);
}

static Rc stitch(Ctx *cx, const Kinds *kinds, Arena *arena, const Str *refs, size_t n)
{
    Stitch s = {.cx = cx, .kinds = kinds, .arena = arena, .entities = map_init(arena)};
    TRY(find_entities(&s, apply_refs_json(arena, refs, n)));
    Str list = apply_map_keys_json(arena, &s.entities);
    TRY(collect_relations(&s, &catalog_apply_stitch_out, list, true));
    TRY(collect_relations(&s, &catalog_apply_stitch_in, list, false));
    return write_tails(&s);
}

static Rc mark_unstitched(Apply *a, const Strs *refs)
{
    Params params = {.arena = a->arena};
    for (size_t i = 0; i < refs->n; i++) {
        VEC_PUSH(&params, P_STR(refs->at[i]));
    }
    return params.n ? tx_exec_many(a->cx->tx, &catalog_apply_mark_unstitched, params.at, 1,
                                   params.n, &a->cx->error)
                    : RC_OK;
}

Rc apply_tails(Apply *a)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    Strs refs = {.arena = a->arena};
    for (size_t i = 0; i < a->n_items; i++) {
        touch(a, a->items[i].e->prepared.ref);
    }
    for (MapEntry *entry = map_first(&a->touched); entry; entry = map_next(&a->touched, entry)) {
        VEC_PUSH(&refs, entry->key);
    }
    if (a->batch->unstitched) {
        return mark_unstitched(a, &refs);
    }
    for (size_t from = 0; from < refs.n; from += STITCH_AT_ONCE) {
        size_t n = MIN(refs.n - from, (size_t)STITCH_AT_ONCE);
        TRY(stitch(a->cx, a->kinds, arena, refs.at + from, n));
        arena_reset(arena);
    }
    return RC_OK;
}

Rc catalog_stitch(Ctx *cx, const Kinds *kinds, bool *ret_more)
{
    ASSERT(cx->tx && tx_is_write(cx->tx));
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Strs refs = {.arena = arena};
    TRY(tx_query(cx->tx, &catalog_apply_unstitched, PARAMS(P_I64(STITCH_AT_ONCE)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&refs, rows_dup(rows, 0, arena));
    }
    TRY(rows_error(rows, &cx->error));
    *ret_more = refs.n == STITCH_AT_ONCE;
    if (refs.n == 0) {
        return RC_OK;
    }
    TRY(stitch(cx, kinds, arena, refs.at, refs.n));
    TRY(tx_exec(cx->tx, &catalog_apply_forget_unstitched,
                PARAMS(P_STR(apply_refs_json(arena, refs.at, refs.n))), NULL, &cx->error));
    return query_touch(cx);
}
