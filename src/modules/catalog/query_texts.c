/* SPDX-License-Identifier: Apache-2.0
 * Entities as they are sent. The cache holds each under its number and its ref; what it lacks is
 * read in one statement. */
#include "base/map.h"

#include "catalog_query_sql.h"
#include "modules/catalog/query.h"

#include <string.h>

typedef struct Texts {
    Ctx *cx;
    int64_t version;
    const FieldList *fields;
    Buf *out;
    size_t n; /* written */
} Texts;

typedef VEC(Str) Strs;

/* Numbers and refs share one map: a number is a zero and eight bytes, which no ref is. */
typedef struct NumberKey {
    char bytes[1 + sizeof(int64_t)];
} NumberKey;

static Str number_key(NumberKey *room, int64_t n)
{
    room->bytes[0] = 0;
    memcpy(room->bytes + 1, &n, sizeof n);
    return str_of(room->bytes, sizeof room->bytes);
}

static bool is_number(Str key)
{
    return key.len == 1 + sizeof(int64_t) && key.ptr[0] == 0;
}

static Rc write_text(Texts *t, Str text)
{
    Json *entity;
    buf_put(t->out, t->n++ ? STR(",") : STR_EMPTY);
    if (t->fields->n == 0 || str_is(text, "null")) {
        buf_put(t->out, text);
        return RC_OK;
    }
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(16 * KIB);
    TRY(json_parse(scratch, text, NULL, &entity, &t->cx->error));
    json_write(t->out, fields_pick(scratch, t->fields, entity));
    return RC_OK;
}

/* Straight from the cache, without a copy in between. */
static bool write_cached(Texts *t, Str key)
{
    size_t before = t->out->len;
    if (t->fields->n) {
        return false;
    }
    buf_put(t->out, t->n ? STR(",") : STR_EMPTY);
    if (!cache_get(t->cx, CACHE_ENTITIES, t->version, key, t->out)) {
        t->out->len = before;
        return false;
    }
    t->n++;
    return true;
}

static Str missing_json(Arena *arena, const Strs *keys)
{
    Buf out = buf_init(arena, 16 * MIB);
    buf_char(&out, '[');
    for (size_t i = 0; i < keys->n; i++) {
        buf_put(&out, i ? STR(",") : STR_EMPTY);
        if (is_number(keys->at[i])) {
            int64_t n;
            memcpy(&n, keys->at[i].ptr + 1, sizeof n);
            buf_i64(&out, n);
        } else {
            buf_json_str(&out, keys->at[i]);
        }
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

/* Reads what the cache lacks, for it and for `found`. */
static Rc read_missing(Texts *t, const Strs *keys, Map *found)
{
    Ctx *cx = t->cx;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    if (keys->n == 0) {
        return RC_OK;
    }
    bool by_number = is_number(keys->at[0]);
    TRY(query_search(cx));
    TRY(tx_query(cx->tx, by_number ? &catalog_query_by_numbers : &catalog_query_by_refs,
                 PARAMS(P_STR(missing_json(cx->arena, keys))), &rows, &cx->error));
    while (rows_next(rows)) {
        NumberKey room;
        Str number = number_key(&room, rows_i64(rows, 0)), ref = rows_str(rows, 1);
        Str *text = ARENA_NEW(cx->arena, Str);
        *text = entity_text(cx->arena, rows_str(rows, 2), rows_str(rows, 3), rows_str(rows, 4));
        cache_put(cx, CACHE_ENTITIES, t->version, number, ref, *text);
        map_put(found, str_dup(cx->arena, by_number ? number : ref), text);
    }
    return rows_error(rows, &cx->error);
}

/* The rest of the keys, some of which the cache lacks. */
static Rc write_rest(Texts *t, const Str *keys, size_t n, size_t *ret_n)
{
    Arena *arena = t->cx->arena;
    Map found = map_init(arena);
    Strs missing = {.arena = arena};
    for (size_t i = 0; i < n; i++) {
        Buf text = buf_init(arena, QUERY_REPLY_MAX);
        if (!cache_get(t->cx, CACHE_ENTITIES, t->version, keys[i], &text)) {
            VEC_PUSH(&missing, keys[i]);
            continue;
        }
        Str *copy = ARENA_NEW(arena, Str);
        *copy = buf_str(&text);
        map_put(&found, keys[i], copy);
    }
    TRY(read_missing(t, &missing, &found));
    for (*ret_n = 0; *ret_n < n && t->out->len <= QUERY_REPLY_MAX; ++*ret_n) {
        const Str *text = map_get(&found, keys[*ret_n]);
        if (text || !is_number(keys[*ret_n])) {
            TRY(write_text(t, text ? *text : STR("null")));
        }
    }
    return RC_OK;
}

static Rc write_all(Texts *t, const Str *keys, size_t n, size_t *ret_n)
{
    size_t done = 0, rest = 0;
    while (done < n && t->out->len <= QUERY_REPLY_MAX && write_cached(t, keys[done])) {
        done++;
    }
    if (done < n && t->out->len <= QUERY_REPLY_MAX) {
        TRY(write_rest(t, keys + done, n - done, &rest));
    }
    *ret_n = done + rest;
    return RC_OK;
}

Rc texts_by_number(Ctx *cx,
                   int64_t version,
                   const int64_t *ns,
                   size_t n,
                   const FieldList *fields,
                   Buf *out,
                   size_t *ret_n)
{
    Texts t = {cx, version, fields, out, 0};
    NumberKey *rooms = ARENA_ARRAY(cx->arena, NumberKey, n + 1);
    Str *keys = ARENA_ARRAY(cx->arena, Str, n + 1);
    for (size_t i = 0; i < n; i++) {
        keys[i] = number_key(&rooms[i], ns[i]);
    }
    return write_all(&t, keys, n, ret_n);
}

Rc texts_by_ref(
    Ctx *cx, int64_t version, const Str *refs, size_t n, const FieldList *fields, Buf *out)
{
    Texts t = {cx, version, fields, out, 0};
    size_t done;
    TRY(write_all(&t, refs, n, &done));
    return done == n ? RC_OK : fail(cx, RC_LIMIT, "The answer is too long; ask for fewer entities");
}

Rc text_by_ref(Ctx *cx, Str ref, Str *ret)
{
    int64_t version = 0;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    bool cached = !cx->tx || !tx_is_write(cx->tx); /* a transaction sees what it wrote */
    if (cached) {
        Buf text = buf_init(cx->arena, QUERY_REPLY_MAX);
        TRY(query_version(cx, &version));
        if (cache_get(cx, CACHE_ENTITIES, version, ref, &text)) {
            *ret = buf_str(&text);
            return RC_OK;
        }
    }
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &catalog_query_by_ref, PARAMS(P_STR(ref)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = entity_text(cx->arena, rows_str(rows, 2), rows_str(rows, 3), rows_str(rows, 4));
    if (cached) {
        NumberKey room;
        cache_put(cx, CACHE_ENTITIES, version, number_key(&room, rows_i64(rows, 0)), ref, *ret);
    }
    return RC_OK;
}
