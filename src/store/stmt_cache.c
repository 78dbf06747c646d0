/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stmt_cache.h"

static uint64_t key_hash(const StmtKey *key)
{
    if (!key->query) {
        return str_hash(str_of(key->text, key->len));
    }
    /* Addresses of constants differ in their middle bits: multiply them up (golden ratio). */
    return ((uint64_t)(uintptr_t)key->query * UINT64_C(0x9E3779B97F4A7C15)) >> 16;
}

static bool matches(const Stmt *stmt, const StmtKey *key)
{
    if (key->query) {
        /* The text too: a Query on the stack may take the address of one that is gone. */
        return stmt->query == key->query && stmt->text == key->text;
    }
    return !stmt->query && stmt->len == key->len && memcmp(stmt->text, key->text, key->len) == 0;
}

static void lru_unlink(StmtCache *cache, Stmt *stmt)
{
    *(stmt->newer ? &stmt->newer->older : &cache->newest) = stmt->older;
    *(stmt->older ? &stmt->older->newer : &cache->oldest) = stmt->newer;
    stmt->newer = NULL;
    stmt->older = NULL;
}

static void lru_push(StmtCache *cache, Stmt *stmt)
{
    stmt->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = stmt;
    cache->newest = stmt;
}

static void take_out(StmtCache *cache, Stmt *stmt)
{
    Stmt **at = &cache->buckets[stmt->hash % STMT_BUCKETS];
    while (*at != stmt) {
        at = &(*at)->chain;
    }
    *at = stmt->chain;
    if (!stmt->query) {
        lru_unlink(cache, stmt);
        cache->n_dynamic--;
    }
    cache->n--;
    stmt->cached = false;
}

Stmt *stmt_cache_find(StmtCache *cache, const StmtKey *key)
{
    uint64_t hash = key_hash(key);
    for (Stmt *stmt = cache->buckets[hash % STMT_BUCKETS]; stmt; stmt = stmt->chain) {
        if (stmt->hash == hash && matches(stmt, key)) {
            if (!stmt->query && stmt != cache->newest) {
                lru_unlink(cache, stmt);
                lru_push(cache, stmt);
            }
            return stmt;
        }
    }
    return NULL;
}

static Stmt *evict(StmtCache *cache)
{
    for (Stmt *stmt = cache->oldest; stmt; stmt = stmt->newer) {
        if (!stmt->busy) {
            take_out(cache, stmt);
            return stmt;
        }
    }
    return NULL;
}

Stmt *stmt_cache_add(StmtCache *cache, Stmt *stmt, const StmtKey *key)
{
    Stmt *evicted = NULL;

    stmt->query = key->query;
    stmt->text = key->text;
    stmt->len = key->len;
    stmt->hash = key_hash(key);
    stmt->cached = true;
    if (!key->query) {
        if (cache->n_dynamic >= STMT_DYNAMIC_MAX) {
            evicted = evict(cache);
        }
        stmt->owned = store_alloc(key->len + 1, 1);
        memcpy(stmt->owned, key->text, key->len);
        stmt->text = stmt->owned;
        lru_push(cache, stmt);
        cache->n_dynamic++;
    }
    Stmt **bucket = &cache->buckets[stmt->hash % STMT_BUCKETS];
    stmt->chain = *bucket;
    *bucket = stmt;
    cache->n++;
    return evicted;
}

Stmt *stmt_cache_pop(StmtCache *cache)
{
    for (size_t i = 0; cache->n > 0 && i < STMT_BUCKETS; i++) {
        if (cache->buckets[i]) {
            Stmt *stmt = cache->buckets[i];
            take_out(cache, stmt);
            return stmt;
        }
    }
    return NULL;
}

void stmt_done(Stmt *stmt)
{
    free(stmt->owned);
    stmt->owned = NULL;
}
