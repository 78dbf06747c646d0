/* SPDX-License-Identifier: Apache-2.0
 * catalog/query.h - reading entities: pages, cursors, totals, projections, caches. What
 * entities_api.c, facets.c and history.c share. */
#ifndef CATALOG_QUERY_H
#define CATALOG_QUERY_H

#include "modules/catalog/predicate.h"
#include "platform/contract/contract.h"
#include "platform/ctx.h"
#include "platform/records/records.h"

enum {
    QUERY_ITEM_BYTES = 2560, /* what an entity may take, for a first guess */
    QUERY_KEYS_MAX = 20000,  /* as many matches of a query are remembered */
    QUERY_LIMIT_DEFAULT = 200,
    QUERY_LIMIT_MAX = 10000, /* more are given page by page */
    QUERY_ORDERS_MAX = 10,
    QUERY_FIELDS_MAX = 200,     /* fields= */
    QUERY_TEXT_FIELDS_MAX = 50, /* fullTextFilterFields */
    QUERY_TERM_MAX = 1000,      /* bytes of fullTextFilterTerm */
    QUERY_SORTED_MAX = 200000,  /* entities sorted by a key that no index holds */
    QUERY_REFS_MAX = 10000,     /* of one by-refs request */
    QUERY_INLINE_MAX = 200,     /* entities of an answer that an I/O thread makes */
    QUERY_ANCESTORS_MAX = 1000,
};
#define QUERY_REPLY_MAX (48 * MIB) /* bytes of one page; the rest is on the next */

typedef struct EntityOrder {
    Str field;
    Str direction; /* "asc", "desc", "": not said, asc */
} EntityOrder;

typedef struct EntityQuery {
    const OwnedReach *reach; /* whose entities may be seen; NULL: all */
    const Json *filter;      /* validated predicate; NULL everything */
    EntityOrder *order;      /* the first one counts */
    size_t n_order;
    bool has_text; /* there is a full-text filter, maybe an empty one */
    Str term;      /* as given */
    const Str *text_fields;
    size_t n_text_fields;
    bool has_text_fields; /* else the order's field */
    int64_t limit, offset;
    bool without_total;
    /* of a cursor */
    bool is_cursor, is_previous;
    const Json *values; /* orderFieldValues: [value, number] or [number]; NULL: from the start */
    const Json *first;  /* firstSortFieldValues; NULL on the first page */
    bool has_total;
    int64_t total;
} EntityQuery;

/* ---- cursors (cursor.c): base64 of JSON, opaque to clients, not signed: all one can do with a
 * made-up one is to ask another question */

/* The query, at a place. */
Str cursor_encode(Arena *arena, const EntityQuery *q);
/* Fails RC_MALFORMED in Backstage's words. */
MUST_CHECK Rc cursor_decode(Arena *arena, Str text, EntityQuery *ret, Error *err);
/* The base64 that JavaScript's Buffer reads (foreign characters are skipped), as text in which
 * bytes that are not UTF-8 are U+FFFD. */
Str cursor_text(Arena *arena, Str base64);

/* ---- fields= (query_fields.c) */

typedef struct FieldList {
    Str *at;
    size_t n; /* 0: whole entities */
} FieldList;
/* Each of `lists` may hold several, separated by commas. */
MUST_CHECK Rc fields_parse(Arena *arena, const Str *lists, size_t n, FieldList *ret, Error *err);
/* The wanted parts of an entity, a new tree that shares them. */
Json *fields_pick(Arena *arena, const FieldList *fields, const Json *entity);

/* ---- rows (query_scan.c) */

typedef struct EntityRow {
    int64_t n;
    Str value;              /* what it is sorted by; "" without an order */
    Str body, errors, tail; /* the entity's text in pieces; borrowed until the next row */
    Str owner_ref, id;      /* likewise, and only where reach is looked at row by row */
} EntityRow;
/* False ends the scan. */
typedef bool (*EntityRowFn)(void *user, const EntityRow *row);

typedef struct EntityScan {
    const EntityQuery *query;
    bool backwards; /* against the query's order */
    bool after;     /* only rows beyond (value, n) */
    Str value;
    int64_t n;
    int64_t offset, limit;
    int64_t total;  /* how many match, -1 not known: decides how the database looks for them */
    bool keys_only; /* rows may come without texts */
} EntityScan;
/* The entities that match, in order. Opens a read scope if there is none. */
MUST_CHECK Rc query_scan(Ctx *cx, const EntityScan *scan, EntityRowFn fn, void *user);
/* How many entities match and, when there is an order, have its field; from the cache when it is
 * known for the present version of the catalog. */
MUST_CHECK Rc query_total(Ctx *cx, const EntityQuery *q, int64_t *ret);
/* What of a query says which entities match, as a key of the cache. */
Str query_key(Arena *arena, const char *prefix, const EntityQuery *q);
/* All conditions of a query on `entities e`: for others' statements. */
void query_where(SqlBuild *b, const EntityQuery *q);

/* A column of `entities e`: how its text ends. NULL while it is not stitched. */
#define ENTITY_TAIL "(SELECT t.tail FROM entity_tails t WHERE t.n = e.n)"
/* `{"apiVersion":…}` of a row; without a tail it has no relations. */
void entity_write(Buf *out, Str body, Str errors, Str tail);
Str entity_text(Arena *arena, Str body, Str errors, Str tail);
/* Into a list that is being written: whole, or its fields. RC_INTERNAL when the text is no JSON. */
MUST_CHECK Rc
entity_write_item(Ctx *cx, Buf *out, const FieldList *fields, Str body, Str errors, Str tail);

/* ---- what the actor may see (query_reach.c) */

/* Whose entities they may read; NULL: all. RC_BUSY on an I/O thread when it is not in memory. */
MUST_CHECK Rc query_reach(Ctx *cx, const OwnedReach **ret);
/* " AND (…)" on `entities e`; nothing when reach is NULL. */
void reach_where(SqlBuild *b, const OwnedReach *reach);
/* RC_NOT_FOUND, without a message, for an entity they may not see, and one that is not there to
 * those who see a part. */
MUST_CHECK Rc reach_check_ref(Ctx *cx, Str ref);

/* ---- one page (query.c) */

/* {"items":[…],"totalItems":…,"pageInfo":{…}} */
MUST_CHECK Rc query_page(Ctx *cx, const EntityQuery *q, const FieldList *fields, Buf *out);

/* An empty buffer for the answer, the request's until its arena ends. expected: bytes, a guess. Any
 * thread. (query_reply.c) */
Buf *reply_buf(Ctx *cx, size_t expected);

/* ---- GET /entities (query_list.c) */

typedef struct EntityList {
    EntityQuery query; /* filter, order */
    FieldList fields;
    bool is_paged;
    bool has_limit;
    int64_t limit, offset;
    Str after_ref; /* the last one of the page before; "" none */
} EntityList;
/* A page as an array; *ret_more, and then *ret_after is what follows it. */
MUST_CHECK Rc list_page(Ctx *cx, const EntityList *list, Buf *out, bool *ret_more, Str *ret_after);
/* `after` of a request. Fails RC_MALFORMED in Backstage's words. */
MUST_CHECK Rc list_after(Arena *arena, Str text, EntityList *list, Error *err);
/* All of them as an array: a short one from memory, a long one from a file. */
MUST_CHECK Rc list_all(Ctx *cx, Call *call, const EntityList *list);

/* ---- caches (query_cache.c): texts that hold for one version of the catalog. All threads. */

typedef enum CacheName { CACHE_ANSWERS, CACHE_ENTITIES, CACHE_COUNT } CacheName;
/* The catalog's version, no older than the last commit of this process; on PostgreSQL what another
 * process commits may show up to QUERY_VERSION_LEASE_US later. Read before what is to be cached. */
#define QUERY_VERSION_LEASE_US (50 * INT64_C(1000))
MUST_CHECK Rc query_version(Ctx *cx, int64_t *ret);
/* Before looking for entities in the database: opens a read scope. RC_BUSY on an I/O thread, where
 * only what the caches have is answered; the operation then runs anew on a worker. */
MUST_CHECK Rc query_search(Ctx *cx);
/* The same for an answer whose making alone would keep an I/O thread for too long. */
MUST_CHECK Rc query_short(Ctx *cx, size_t n_entities, const FieldList *fields);
/* use(user, value) while the value is sure to be there: shortly, other threads wait. False when it
 * is not there. */
bool cache_use(Ctx *cx,
               CacheName cache,
               int64_t version,
               Str key,
               void (*use)(void *user, Str value),
               void *user);
/* Appends the text to out. False, and nothing is appended, when it is not there. */
bool cache_get(Ctx *cx, CacheName cache, int64_t version, Str key, Buf *out);
/* One text under one or two keys; other (may be "") is the second. */
void cache_put(Ctx *cx, CacheName cache, int64_t version, Str key, Str other, Str value);
/* A change of what entities show that catalog_apply did not make, in cx's write transaction: gives
 * the catalog a new version. */
MUST_CHECK Rc query_touch(Ctx *cx);
/* The catalog has changed: for tx_on_commit. */
void query_changed(void *unused);

/* ---- texts of entities (query_texts.c), from the cache as far as it has them */

/* Items of a JSON list, separated by commas, in the order asked for. By number: those that are gone
 * are left out, and it ends early once out is longer than QUERY_REPLY_MAX; *ret_n is how many of ns
 * were looked at. By ref: "null" for those that are not there. */
MUST_CHECK Rc texts_by_number(Ctx *cx,
                              int64_t version,
                              const int64_t *ns,
                              size_t n,
                              const FieldList *fields,
                              Buf *out,
                              size_t *ret_n);
MUST_CHECK Rc texts_by_ref(
    Ctx *cx, int64_t version, const Str *refs, size_t n, const FieldList *fields, Buf *out);
/* RC_NOT_FOUND without a message. */
MUST_CHECK Rc text_by_ref(Ctx *cx, Str ref, Str *ret);

#endif
