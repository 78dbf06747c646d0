/* SPDX-License-Identifier: Apache-2.0
 * catalog/predicate_leaf.h - one condition of a predicate, read; shared by its two readers, the
 * test of one entity (predicate.c) and the SQL (predicate_sql.c). */
#ifndef CATALOG_PREDICATE_LEAF_H
#define CATALOG_PREDICATE_LEAF_H

#include "modules/catalog/predicate.h"

typedef enum LeafOp { LEAF_IN, LEAF_EXISTS, LEAF_PREFIX } LeafOp;

typedef struct Leaf {
    LeafOp op;
    Str key;     /* lower case; {"relations": {"$contains": …}} gives "relations.<type>" */
    Str *values; /* LEAF_IN: lower case */
    size_t n_values;
    Str prefix;  /* LEAF_PREFIX: lower case */
    bool wanted; /* LEAF_EXISTS */
} Leaf;

/* A validated leaf. */
Leaf leaf_read(Arena *arena, Str key, const Json *value);

#endif
