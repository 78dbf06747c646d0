/* SPDX-License-Identifier: Apache-2.0
 * store/stmt_cache.h - the prepared statements of one connection.
 *
 * Named queries are found by address and stay for the connection's life: there is a fixed number of
 * them. Dynamic texts are found by content; of those only the STMT_DYNAMIC_MAX used last are kept.
 * Not thread-safe: it belongs to whoever holds the connection. */
#ifndef STORE_STMT_CACHE_H
#define STORE_STMT_CACHE_H

#include "store/store_priv.h"

enum { STMT_DYNAMIC_MAX = 256, STMT_BUCKETS = 512 };

/* First member of a database's own struct. */
typedef struct Stmt Stmt;
struct Stmt {
    const Query *query;
    const char *text; /* named: as in the Query; dynamic: owned */
    char *owned;      /* the copy of a dynamic text */
    size_t len;
    uint64_t hash;
    bool busy; /* a result of it is open */
    bool cached;
    Stmt *chain;
    Stmt *newer, *older; /* dynamic ones by last use */
};

typedef struct StmtCache {
    Stmt *buckets[STMT_BUCKETS];
    Stmt *newest, *oldest;
    size_t n, n_dynamic;
} StmtCache;

/* The cached statement, or NULL. A dynamic one becomes the newest. */
Stmt *stmt_cache_find(StmtCache *cache, const StmtKey *key);
/* Adds a statement that was just prepared and keeps a copy of a dynamic text. Returns a statement
 * that had to make room, already taken out, for the caller to finish and free; or NULL. */
Stmt *stmt_cache_add(StmtCache *cache, Stmt *stmt, const StmtKey *key);
/* Takes one out, any: for emptying the cache. NULL when there is none. */
Stmt *stmt_cache_pop(StmtCache *cache);
/* Frees what the cache added to a statement that was taken out. */
void stmt_done(Stmt *stmt);

#endif
