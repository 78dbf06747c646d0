/* SPDX-License-Identifier: Apache-2.0
 * What was found out about one version of the catalog: totals, facets, and on PostgreSQL, where
 * asking costs a round trip, whole entities. Each cache is an arena with a map; another version, or
 * a full arena, empties it. Something newer than its version may get in (it is read after the
 * version was), something older never. */
#include "base/map.h"
#include "base/thread.h"
#include "base/time.h"

#include "catalog_query_sql.h"
#include "modules/catalog/query.h"

#define ANSWERS_BYTES (8 * MIB)
#define ENTITIES_BYTES (32 * MIB)
#define VALUE_BYTES_MAX (MIB)

typedef struct Cache {
    Arena *arena;
    Map map;
    int64_t version;
} Cache;

static Mutex lock = MUTEX_INIT; /* guards everything below */
static Cache caches[CACHE_COUNT] GUARDED_BY(lock);
static const Db *owner GUARDED_BY(lock);     /* the database all this is about */
static int64_t known GUARDED_BY(lock);       /* its version, 0: must be read */
static int64_t known_until GUARDED_BY(lock); /* monotonic */
static uint64_t changes GUARDED_BY(lock);    /* commits of this process */

static void empty(Cache *cache) REQUIRES(lock);
static void empty(Cache *cache)
{
    if (!cache->arena) {
        cache->arena = arena_new(64 * KIB);
    }
    arena_reset(cache->arena);
    cache->map = map_init(cache->arena);
}

/* Tests have several databases in one process. */
static void belong_to(const Db *db) REQUIRES(lock);
static void belong_to(const Db *db)
{
    if (owner == db) {
        return;
    }
    owner = db;
    known = 0;
    for (size_t i = 0; i < CACHE_COUNT; i++) {
        empty(&caches[i]);
        caches[i].version = 0;
    }
}

Rc query_version(Ctx *cx, int64_t *ret)
{
    const Db *db = cx->platform->db;
    bool leased = db_kind(db) == DB_POSTGRES;
    int64_t now = leased ? time_monotonic_us() : 0;
    mutex_lock(&lock);
    belong_to(db);
    int64_t version = leased && now < known_until ? known : 0;
    uint64_t before = changes;
    mutex_unlock(&lock);
    if (version) {
        *ret = version;
        return RC_OK;
    }
    TRY(ctx_read(cx));
    TRY(tx_one_i64(cx->tx, &catalog_query_version, NO_PARAMS, ret, &cx->error));
    if (leased) {
        mutex_lock(&lock);
        if (changes == before && owner == db) { /* else it may be old already */
            known = *ret;
            known_until = now + QUERY_VERSION_LEASE_US;
        }
        mutex_unlock(&lock);
    }
    return RC_OK;
}

Rc query_search(Ctx *cx)
{
    return cx->on_io_thread ? fail(cx, RC_BUSY, "The catalog is not searched on this thread")
                            : ctx_read(cx);
}

Rc query_short(Ctx *cx, size_t n_entities, const FieldList *fields)
{
    bool is_short = n_entities <= QUERY_INLINE_MAX && fields->n == 0;
    return cx->on_io_thread && !is_short ? query_search(cx) : RC_OK;
}

Rc query_touch(Ctx *cx)
{
    tx_on_commit(cx->tx, query_changed, NULL);
    return tx_exec(cx->tx, &catalog_query_touch, NO_PARAMS, NULL, &cx->error);
}

void query_changed(void *unused)
{
    (void)unused;
    mutex_lock(&lock);
    known = 0;
    changes++;
    mutex_unlock(&lock);
}

bool cache_use(Ctx *cx,
               CacheName name,
               int64_t version,
               Str key,
               void (*use)(void *user, Str value),
               void *user)
{
    mutex_lock(&lock);
    const Cache *cache = &caches[name];
    bool mine = owner == cx->platform->db && cache->arena && cache->version == version;
    const Str *found = mine ? map_get(&cache->map, key) : NULL;
    if (found) {
        use(user, *found);
    }
    mutex_unlock(&lock);
    return found != NULL;
}

static void append(void *user, Str value)
{
    buf_put(user, value);
}

bool cache_get(Ctx *cx, CacheName name, int64_t version, Str key, Buf *out)
{
    return cache_use(cx, name, version, key, append, out);
}

void cache_put(Ctx *cx, CacheName name, int64_t version, Str key, Str other, Str value)
{
    size_t most = name == CACHE_ENTITIES ? ENTITIES_BYTES : ANSWERS_BYTES;
    if (key.len + value.len > VALUE_BYTES_MAX) {
        return;
    }
    mutex_lock(&lock);
    belong_to(cx->platform->db);
    Cache *cache = &caches[name];
    if (version > cache->version || !cache->arena ||
        arena_used(cache->arena) + key.len + value.len > most) {
        empty(cache);
        cache->version = version;
    }
    if (version == cache->version && !map_has(&cache->map, key)) {
        Str *copy = ARENA_NEW(cache->arena, Str);
        *copy = str_dup(cache->arena, value);
        map_put(&cache->map, str_dup(cache->arena, key), copy);
        if (other.len) {
            map_put(&cache->map, str_dup(cache->arena, other), copy);
        }
    }
    mutex_unlock(&lock);
}
