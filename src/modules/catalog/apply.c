/* SPDX-License-Identifier: Apache-2.0
 * A batch is worked off in set-based steps, each over all entities at once: what exists → what
 * changed → numbers → history → relations → entities → tails → fields → parents →
 * followers → events. Lists
 * travel as JSON arrays, rows by tx_exec_many. */
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"

#include "catalog_apply_sql.h"
#include "modules/catalog/apply_priv.h"
#include "modules/catalog/query.h"
#include "platform/events/events.h"

#include <stdlib.h>

enum { FIELD_ROWS_AT_ONCE = 4096 }; /* parameters are larger than what they carry: bounded memory */
#define EVENT_SOURCE "/api/catalog/entities"

/* ---- what exists */

static Rc load_existing(Apply *a)
{
    Strs refs = {.arena = a->arena};
    for (size_t i = 0; i < a->batch->n_upserts; i++) {
        VEC_PUSH(&refs, a->batch->upserts[i].prepared.ref);
    }
    for (size_t i = 0; i < a->batch->n_remove_refs; i++) {
        VEC_PUSH(&refs, a->batch->remove_refs[i]);
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str list = apply_refs_json(a->arena, refs.at, refs.n);
    TRY(tx_query(a->cx->tx, &catalog_apply_existing, PARAMS(P_STR(list)), &rows, &a->cx->error));
    while (rows_next(rows)) {
        Existing *old = ARENA_NEW(a->arena, Existing);
        *old = (Existing){
            .n = rows_i64(rows, 1),
            .id = rows_dup(rows, 2, a->arena),
            .revision = rows_i64(rows, 3),
            .input_hash = rows_dup(rows, 4, a->arena),
            .location = rows_dup(rows, 5, a->arena),
            .is_orphan = rows_i64(rows, 6) != 0,
            .created_at = rows_i64(rows, 7),
        };
        map_put(&a->existing, rows_dup(rows, 0, a->arena), old);
    }
    return rows_error(rows, &a->cx->error);
}

static bool is_conflict(const ApplyEntity *e, const Existing *old)
{
    return old && !old->is_orphan && !e->take_over && !str_eq(old->location, e->location);
}

/* Sorts the batch into what is written, what is unchanged and what belongs to somebody else. */
static void classify(Apply *a)
{
    Map claimed = map_init(a->arena);
    a->items = ARENA_ARRAY(a->arena, Item, a->batch->n_upserts);
    for (size_t i = 0; i < a->batch->n_upserts; i++) {
        ApplyEntity *e = &a->batch->upserts[i];
        Existing *old = map_get(&a->existing, e->prepared.ref);
        const ApplyEntity *first = map_get(&claimed, e->prepared.ref);
        e->conflicted = first || is_conflict(e, old);
        if (e->conflicted) {
            e->owner_location = first ? first->location : old->location;
            a->result.conflicts++;
            continue;
        }
        map_put(&claimed, e->prepared.ref, e);
        if (old && !old->is_orphan && str_eq(old->input_hash, e->prepared.input_hash)) {
            a->result.unchanged++;
            continue;
        }
        a->items[a->n_items++] = (Item){.e = e, .old = old};
        if (old) {
            old->state = "updated";
        }
    }
    for (size_t i = 0; i < a->batch->n_remove_refs; i++) {
        Existing *old = map_get(&a->existing, a->batch->remove_refs[i]);
        if (old && !old->state && !map_has(&claimed, a->batch->remove_refs[i])) {
            old->state = "deleted";
            VEC_PUSH(&a->removed, a->batch->remove_refs[i]);
        }
    }
}

/* ---- identity */

static Rc number_items(Apply *a)
{
    size_t created = 0;
    for (size_t i = 0; i < a->n_items; i++) {
        created += a->items[i].old ? 0 : 1;
    }
    int64_t next;
    TRY(tx_one_i64(a->cx->tx, &catalog_apply_lock, PARAMS(P_I64(created)), &next, &a->cx->error));
    next -= (int64_t)created;
    for (size_t i = 0; i < a->n_items; i++) {
        Item *item = &a->items[i];
        item->n = item->old ? item->old->n : next++;
        Uuid id = uuid_v7(); /* those of one read are neighbours in the index */
        item->id = item->old ? item->old->id : str_dup(a->arena, uuid_str(&id));
        int64_t revision = item->old ? item->old->revision + 1 : 1;
        Str seed = str_fmt(a->arena, "%.*s %lld", STR_ARG(item->e->prepared.input_hash),
                           (long long)revision);
        item->etag = sha1_hex(a->arena, seed);
    }
    return RC_OK;
}

/* Refs of entities that change or go, as a JSON array; "[]" when there are none. */
static Str changed_refs(Apply *a, const char *state, size_t *ret_n)
{
    Strs refs = {.arena = a->arena};
    for (MapEntry *entry = map_first(&a->existing); entry; entry = map_next(&a->existing, entry)) {
        const Existing *old = entry->value;
        if (old->state && (!state || str_is(str_from(old->state), state))) {
            VEC_PUSH(&refs, entry->key);
        }
    }
    *ret_n = refs.n;
    return apply_refs_json(a->arena, refs.at, refs.n);
}

static Rc keep_history(Apply *a)
{
    static const char *const states[] = {"updated", "deleted"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        size_t n;
        Str list = changed_refs(a, states[i], &n);
        if (n) {
            TRY(tx_exec(a->cx->tx, &catalog_apply_keep_history,
                        PARAMS(P_STR(list), P_I64(a->now), P_STR_OR_NULL(a->by), P_BOOL(i == 1)),
                        NULL, &a->cx->error));
        }
    }
    return RC_OK;
}

/* The index rows of what is there now come from its body: no index from entity to fields is kept.
 */
static Rc load_old_fields(Apply *a)
{
    size_t n;
    Str list = changed_refs(a, NULL, &n);
    if (n == 0) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(a->cx->tx, &catalog_apply_bodies, PARAMS(P_STR(list)), &rows, &a->cx->error));
    while (rows_next(rows)) {
        Existing *old = map_get(&a->existing, rows_str(rows, 0));
        Json *entity;
        Str parts[] = {rows_str(rows, 2), STR("}")};
        TRY(json_parse(a->arena, str_join(a->arena, parts, 2, STR_EMPTY), NULL, &entity,
                       &a->cx->error));
        TRY(entity_fields(entity, a->arena, &old->fields, &a->cx->error));
        old->name = rows_dup(rows, 3, a->arena);
        old->title = rows_dup(rows, 4, a->arena);
        old->description = rows_dup(rows, 5, a->arena);
    }
    return rows_error(rows, &a->cx->error);
}

/* ---- entities */

static Str make_body(Apply *a, const Item *item)
{
    Str parts[] = {
        item->e->prepared.head, STR("\"uid\":\""), item->id,
        STR("\",\"etag\":\""),  item->etag,        STR("\","),
        item->e->prepared.rest,
    };
    return str_join(a->arena, parts, ARRAY_LEN(parts), STR_EMPTY);
}

static void push_insert(Apply *a, Params *params, const Item *item)
{
    const PreparedEntity *p = &item->e->prepared;
    const Param row[] = {
        P_I64(item->n),
        P_STR(item->id),
        P_STR(p->ref),
        P_STR(p->kind),
        P_STR(p->namespace_),
        P_STR(p->name),
        P_STR_OR_NULL(p->title),
        P_STR_OR_NULL(p->description),
        P_STR_OR_NULL(p->type),
        P_STR_OR_NULL(p->lifecycle),
        P_STR_OR_NULL(p->owner_ref),
        P_STR_OR_NULL(p->system_ref),
        P_STR_OR_NULL(p->repository_url),
        P_STR(make_body(a, item)),
        P_STR(item->etag),
        P_STR(p->input_hash),
        P_STR(item->e->source_id),
        item->e->document_n ? P_I64(item->e->document_n) : P_NULL,
        P_STR(item->e->location),
        P_I64(a->now),
        P_I64(a->now),
        P_STR_OR_NULL(a->by),
        P_STR_OR_NULL(a->by),
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        VEC_PUSH(params, row[i]);
    }
}

static void push_update(Apply *a, Params *params, const Item *item)
{
    const PreparedEntity *p = &item->e->prepared;
    const Param row[] = {
        P_I64(item->n),
        P_STR_OR_NULL(p->title),
        P_STR_OR_NULL(p->description),
        P_STR_OR_NULL(p->type),
        P_STR_OR_NULL(p->lifecycle),
        P_STR_OR_NULL(p->owner_ref),
        P_STR_OR_NULL(p->system_ref),
        P_STR_OR_NULL(p->repository_url),
        P_STR(make_body(a, item)),
        P_STR(item->etag),
        P_STR(p->input_hash),
        P_STR(item->e->source_id),
        item->e->document_n ? P_I64(item->e->document_n) : P_NULL,
        P_STR(item->e->location),
        P_I64(a->now),
        P_STR_OR_NULL(a->by),
        P_I64(item->e->is_orphan ? 2 : 0), /* 1: let go, but not annotated yet */
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        VEC_PUSH(params, row[i]);
    }
}

static Rc write_entities(Apply *a)
{
    enum { INSERT_COLUMNS = 23, UPDATE_COLUMNS = 17 };
    Params inserts = {.arena = a->arena}, updates = {.arena = a->arena};
    size_t created = 0;
    for (size_t i = 0; i < a->n_items; i++) {
        created += a->items[i].old ? 0 : 1;
    }
    VEC_RESERVE(&inserts, created * INSERT_COLUMNS);
    for (size_t i = 0; i < a->n_items; i++) {
        if (a->items[i].old) {
            push_update(a, &updates, &a->items[i]);
        } else {
            push_insert(a, &inserts, &a->items[i]);
        }
    }
    Tx *tx = a->cx->tx;
    if (inserts.n) {
        TRY(tx_exec_many(tx, &catalog_apply_insert_entity, inserts.at, INSERT_COLUMNS,
                         inserts.n / INSERT_COLUMNS, &a->cx->error));
    }
    if (updates.n) {
        TRY(tx_exec_many(tx, &catalog_apply_update_entity, updates.at, UPDATE_COLUMNS,
                         updates.n / UPDATE_COLUMNS, &a->cx->error));
    }
    if (a->removed.n) {
        Str list = apply_refs_json(a->arena, a->removed.at, a->removed.n);
        TRY(tx_exec(tx, &catalog_apply_delete_parents, PARAMS(P_STR(list)), NULL, &a->cx->error));
        TRY(tx_exec(tx, &catalog_apply_delete_tails_of, PARAMS(P_STR(list)), NULL, &a->cx->error));
        TRY(tx_exec(tx, &catalog_apply_delete_entities, PARAMS(P_STR(list)), NULL, &a->cx->error));
    }
    a->result.created = inserts.n / INSERT_COLUMNS;
    a->result.updated = updates.n / UPDATE_COLUMNS;
    a->result.removed = a->removed.n;
    return RC_OK;
}

/* The trigram table follows the columns it reads. SQLite only: PostgreSQL's index does so by
 * itself. Called twice: before the entities are written to take out what they were, and afterwards
 * to put in what they are. */
static Rc write_text(Apply *a, bool before)
{
    static const Query remove_text = {"catalog_text_remove",
                                      "INSERT INTO entity_text (entity_text, rowid, name, title, "
                                      "description) VALUES ('delete', $1, $2, $3, $4)",
                                      NULL};
    static const Query add_text = {
        "catalog_text_add",
        "INSERT INTO entity_text (rowid, name, title, description) VALUES ($1, $2, $3, $4)", NULL};
    if (db_kind(tx_db(a->cx->tx)) != DB_SQLITE) {
        return RC_OK;
    }
    Params params = {.arena = a->arena};
    for (MapEntry *entry = map_first(&a->existing); before && entry;
         entry = map_next(&a->existing, entry)) {
        const Existing *old = entry->value;
        if (old->state) {
            VEC_PUSH(&params, P_I64(old->n));
            VEC_PUSH(&params, P_STR(old->name));
            VEC_PUSH(&params, P_STR_OR_NULL(old->title));
            VEC_PUSH(&params, P_STR_OR_NULL(old->description));
        }
    }
    VEC_RESERVE(&params, before ? 0 : 4 * a->n_items);
    for (size_t i = 0; !before && i < a->n_items; i++) {
        const PreparedEntity *p = &a->items[i].e->prepared;
        VEC_PUSH(&params, P_I64(a->items[i].n));
        VEC_PUSH(&params, P_STR(p->name));
        VEC_PUSH(&params, P_STR_OR_NULL(p->title));
        VEC_PUSH(&params, P_STR_OR_NULL(p->description));
    }
    return params.n ? tx_exec_many(a->cx->tx, before ? &remove_text : &add_text, params.at, 4,
                                   params.n / 4, &a->cx->error)
                    : RC_OK;
}

/* ---- fields */

static Rc read_keys(Apply *a, Str list)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(a->cx->tx, &catalog_apply_keys, PARAMS(P_STR(list)), &rows, &a->cx->error));
    while (rows_next(rows)) {
        int64_t *id = map_get(&a->keys, rows_str(rows, 0));
        if (id) {
            *id = rows_i64(rows, 1);
        }
    }
    return rows_error(rows, &a->cx->error);
}

static void want_keys(Apply *a, const EntityFields *fields)
{
    for (size_t i = 0; i < fields->n; i++) {
        if (!map_has(&a->keys, fields->at[i].key)) {
            map_put(&a->keys, fields->at[i].key, ARENA_NEW(a->arena, int64_t));
        }
    }
}

/* Numbers for all keys of the batch; new ones are added. */
static Rc load_keys(Apply *a)
{
    for (size_t i = 0; i < a->n_items; i++) {
        want_keys(a, &a->items[i].e->prepared.fields);
    }
    for (MapEntry *entry = map_first(&a->existing); entry; entry = map_next(&a->existing, entry)) {
        want_keys(a, &((Existing *)entry->value)->fields);
    }
    if (a->keys.n_live == 0) {
        return RC_OK;
    }
    TRY(read_keys(a, apply_map_keys_json(a->arena, &a->keys)));
    Strs missing = {.arena = a->arena};
    for (MapEntry *entry = map_first(&a->keys); entry; entry = map_next(&a->keys, entry)) {
        if (*(int64_t *)entry->value == 0) {
            VEC_PUSH(&missing, entry->key);
        }
    }
    if (missing.n == 0) {
        return RC_OK;
    }
    Str list = apply_refs_json(a->arena, missing.at, missing.n);
    TRY(tx_exec(a->cx->tx, &catalog_apply_add_keys, PARAMS(P_STR(list)), NULL, &a->cx->error));
    return read_keys(a, list);
}

static bool has_field(const EntityFields *fields, const EntityField *wanted)
{
    for (size_t i = 0; i < fields->n; i++) {
        if (str_eq(fields->at[i].key, wanted->key) && str_eq(fields->at[i].value, wanted->value)) {
            return true;
        }
    }
    return false;
}

typedef struct FieldRow {
    int64_t key_id, n;
    Str value, original;
} FieldRow;

static int by_key_value(const void *left, const void *right)
{
    const FieldRow *a = left, *b = right;
    if (a->key_id != b->key_id) {
        return a->key_id < b->key_id ? -1 : 1;
    }
    int order = str_cmp(a->value, b->value);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

typedef VEC(FieldRow) FieldRows;

/* In key order, so that a bulk load fills the index from left to right; each row once. */
static void sort_fields(FieldRows *rows)
{
    size_t n = 0;
    if (rows->n == 0) {
        return;
    }
    qsort(rows->at, rows->n, sizeof rows->at[0], by_key_value);
    for (size_t i = 0; i < rows->n; i++) {
        if (n == 0 || by_key_value(&rows->at[n - 1], &rows->at[i]) != 0) {
            rows->at[n++] = rows->at[i];
        }
    }
    rows->n = n;
}

static void push_fields(
    Apply *a, FieldRows *rows, int64_t n, const EntityFields *fields, const EntityFields *but)
{
    for (size_t i = 0; i < fields->n; i++) {
        const EntityField *f = &fields->at[i];
        if (but && has_field(but, f)) {
            continue;
        }
        const int64_t *key_id = map_get(&a->keys, f->key);
        bool same = !f->original.len || str_eq(f->original, f->value);
        VEC_PUSH(rows, ((FieldRow){.key_id = *key_id,
                                   .n = n,
                                   .value = f->value,
                                   .original = same ? STR_EMPTY : f->original}));
    }
}

static Rc run_fields(Apply *a, const Query *query, FieldRows *rows, size_t columns)
{
    sort_fields(rows);
    Param *params =
        ARENA_ARRAY(a->arena, Param, MIN(rows->n, (size_t)FIELD_ROWS_AT_ONCE) * columns);
    for (size_t from = 0; from < rows->n; from += FIELD_ROWS_AT_ONCE) {
        size_t n = MIN(rows->n - from, (size_t)FIELD_ROWS_AT_ONCE);
        for (size_t i = 0; i < n; i++) {
            const FieldRow *row = &rows->at[from + i];
            params[i * columns] = P_I64(row->key_id);
            params[i * columns + 1] = P_STR(row->value);
            params[i * columns + 2] = P_I64(row->n);
            if (columns == 4) {
                params[i * columns + 3] = P_STR_OR_NULL(row->original);
            }
        }
        TRY(tx_exec_many(a->cx->tx, query, params, columns, n, &a->cx->error));
    }
    return RC_OK;
}

static Rc write_fields(Apply *a)
{
    FieldRows gone = {.arena = a->arena}, fresh = {.arena = a->arena}, more = {.arena = a->arena};
    size_t n_fields = 0;
    TRY(load_keys(a));
    for (size_t i = 0; i < a->n_items; i++) {
        n_fields += a->items[i].old ? 0 : a->items[i].e->prepared.fields.n;
    }
    VEC_RESERVE(&fresh, n_fields);
    for (size_t i = 0; i < a->n_items; i++) {
        const Item *item = &a->items[i];
        const EntityFields *fields = &item->e->prepared.fields;
        if (item->old) {
            push_fields(a, &more, item->n, fields, &item->old->fields);
            push_fields(a, &gone, item->n, &item->old->fields, fields);
        } else {
            push_fields(a, &fresh, item->n, fields, NULL);
        }
    }
    for (size_t i = 0; i < a->removed.n; i++) {
        const Existing *old = map_get(&a->existing, a->removed.at[i]);
        push_fields(a, &gone, old->n, &old->fields, NULL);
    }
    TRY(run_fields(a, &catalog_apply_delete_field, &gone, 3));
    TRY(run_fields(a, &catalog_apply_put_field, &more, 4));
    return run_fields(a, &catalog_apply_insert_field, &fresh, 4);
}

/* ---- parents and events */

static Rc write_parents(Apply *a)
{
    Params params = {.arena = a->arena};
    VEC_RESERVE(&params, 3 * a->batch->n_upserts);
    for (size_t i = 0; i < a->batch->n_upserts; i++) {
        const ApplyEntity *e = &a->batch->upserts[i];
        if (!e->conflicted && !e->is_orphan) {
            VEC_PUSH(&params, P_STR(e->prepared.ref));
            VEC_PUSH(&params, P_STR(e->parent_ref.ptr ? e->parent_ref : STR("")));
            VEC_PUSH(&params, P_STR(e->source_id));
        }
    }
    return params.n ? tx_exec_many(a->cx->tx, &catalog_apply_insert_parent, params.at, 3,
                                   params.n / 3, &a->cx->error)
                    : RC_OK;
}

static Str event_data(Arena *arena, Str ref, Str id, int64_t revision)
{
    Buf out = buf_init(arena, 4 * KIB);
    buf_lit(&out, "{\"entityRef\":");
    buf_json_str(&out, ref);
    buf_lit(&out, ",\"uid\":");
    buf_json_str(&out, id);
    buf_fmt(&out, ",\"revision\":%lld}", (long long)revision);
    return buf_str(&out);
}

static Rc emit_events(Apply *a)
{
    size_t n = 0;
    Event *events = ARENA_ARRAY(a->arena, Event, a->n_items + a->removed.n);
    for (size_t i = 0; i < a->n_items; i++) {
        const Item *item = &a->items[i];
        events[n++] = (Event){
            .type = item->old ? STR("catalog.entity.updated") : STR("catalog.entity.created"),
            .source = STR(EVENT_SOURCE),
            .subject = item->e->prepared.ref,
            .data = event_data(a->arena, item->e->prepared.ref, item->id,
                               item->old ? item->old->revision + 1 : 1),
        };
    }
    for (size_t i = 0; i < a->removed.n; i++) {
        const Existing *old = map_get(&a->existing, a->removed.at[i]);
        events[n++] = (Event){
            .type = STR("catalog.entity.deleted"),
            .source = STR(EVENT_SOURCE),
            .subject = a->removed.at[i],
            .data = event_data(a->arena, a->removed.at[i], old->id, old->revision),
        };
    }
    return n ? events_emit_many(a->cx, events, n) : RC_OK;
}

static Rc run(Apply *a)
{
    TRY(load_existing(a));
    classify(a);
    if (a->n_items == 0 && a->removed.n == 0) {
        TRY(write_parents(a));
        return catalog_follow(a);
    }
    TRY(number_items(a));
    tx_on_commit(a->cx->tx, query_changed, NULL);
    TRY(keep_history(a));
    TRY(load_old_fields(a));
    TRY(apply_relations(a));
    TRY(write_text(a, true));
    TRY(write_entities(a));
    TRY(write_text(a, false));
    TRY(apply_tails(a));
    TRY(write_fields(a));
    TRY(write_parents(a));
    TRY(catalog_follow(a));
    return emit_events(a);
}

Rc catalog_apply(Ctx *cx, const Kinds *kinds, const ApplyBatch *batch, ApplyResult *ret)
{
    ASSERT(cx->tx && tx_is_write(cx->tx));
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    Apply apply = {
        .cx = cx,
        .kinds = kinds,
        .batch = batch,
        .arena = arena,
        .now = time_now_us(),
        .by = cx->actor.id,
        .existing = map_init(arena),
        .removed = {.arena = arena},
        .touched = map_init(arena),
        .keys = map_init(arena),
    };
    TRY(run(&apply));
    for (size_t i = 0; i < batch->n_upserts; i++) { /* what points into the arena must outlive it */
        if (batch->upserts[i].conflicted) {
            batch->upserts[i].owner_location = str_dup(cx->arena, batch->upserts[i].owner_location);
        }
    }
    *ret = apply.result;
    return RC_OK;
}

Rc catalog_version(Ctx *cx, int64_t *ret)
{
    return tx_one_i64(cx->tx, &catalog_apply_version, NO_PARAMS, ret, &cx->error);
}
