/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract_priv.h - inside of the contract: shared by contract*.c only. */
#ifndef PLATFORM_CONTRACT_PRIV_H
#define PLATFORM_CONTRACT_PRIV_H

#include "base/map.h"
#include "base/thread.h"

#include "platform/contract/contract.h"

#include <stdatomic.h>

/* One segment of the paths. */
typedef struct RouteNode RouteNode;
struct RouteNode {
    Str segment;          /* "" for the root and for parameters */
    RouteNode **children; /* static ones, sorted by (length, bytes) */
    uint32_t n_children, cap_children;
    RouteNode *param;                       /* any segment */
    const Operation *by_method[HTTP_OTHER]; /* HTTP_GET.. HTTP_OPTIONS */
    Str allow; /* "GET, HEAD, OPTIONS"; "" when no operation ends here */
};

/* Compiled schemas by the address of their node. Readers take no lock: an entry's schema is written
 * before its key, tables only grow and an old one stays valid (it lives in the arena). */
typedef struct SchemaSlot {
    _Atomic(const Json *) key;
    _Atomic(const JsonSchema *) schema;
} SchemaSlot;

typedef struct SchemaTable {
    size_t mask, used; /* `used` belongs to the writer */
    SchemaSlot *slots;
} SchemaTable;

struct Contract {
    Arena *arena;
    Json *doc;
    Operation *operations;
    size_t n_operations;
    ContractVersion *older;
    size_t n_older;
    Map by_id;
    RouteNode *root;
    _Atomic(SchemaTable *) schemas;
    Mutex lock; /* guards arena after load, growth of schemas, published */
    ContractText published;
};

void schemas_init(Contract *contract);

RouteNode *route_new(Arena *arena);
/* False when the same method is already there. */
bool route_add(Arena *arena, RouteNode *root, const Operation *op);

#endif
