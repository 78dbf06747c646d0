/* SPDX-License-Identifier: Apache-2.0
 * base/map.h - hash map from Str to pointer, insertion order kept, in an arena.
 *
 * Keys are borrowed: they must outlive the map. map_put may move entries, so it ends an iteration;
 * map_remove and replacing do not. Not thread-safe. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"
#include "base/str.h"

typedef struct MapEntry {
    Str key;
    void *value;
} MapEntry;

typedef struct Map {
    Arena *arena;
    MapEntry *entries; /* insertion order; n of them; a removed one has key.ptr NULL */
    size_t n, cap, n_live;
    uint32_t *slots; /* index + 1 into entries, 0 = free */
    size_t n_slots;
} Map;

Map map_init(Arena *arena);
void *map_get(const Map *map, Str key); /* NULL when absent */
bool map_has(const Map *map, Str key);
/* Inserts or replaces; returns the previous value or NULL. */
void *map_put(Map *map, Str key, void *value);
bool map_remove(Map *map, Str key);

/* for (MapEntry *e = map_first(&m); e; e = map_next(&m, e)) */
MapEntry *map_first(const Map *map);
MapEntry *map_next(const Map *map, const MapEntry *at);

#endif
