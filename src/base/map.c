/* SPDX-License-Identifier: Apache-2.0
 * Open addressing over indexes into a dense array of entries. A removed entry keeps its slot until
 * the next rebuild, so that probing passes over it; every entry owns at most one slot and there
 * are at least two slots per entry, so probing always ends. */
#include "base/map.h"

#include <string.h>

enum { MAP_FIRST_CAP = 8 };

Map map_init(Arena *arena)
{
    return (Map){.arena = arena};
}

/* The slot that holds key, or the free one where it belongs. Needs n_slots > 0. */
static uint32_t *find_slot(const Map *map, Str key)
{
    size_t mask = map->n_slots - 1;

    for (size_t i = (size_t)str_hash(key) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &map->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const MapEntry *e = &map->entries[*slot - 1];
        if (e->key.ptr && str_eq(e->key, key)) {
            return slot;
        }
    }
}

static MapEntry *find_entry(const Map *map, Str key)
{
    if (map->n_live == 0) {
        return NULL;
    }
    uint32_t at = *find_slot(map, key);

    return at ? &map->entries[at - 1] : NULL;
}

void *map_get(const Map *map, Str key)
{
    const MapEntry *e = find_entry(map, key);

    return e ? e->value : NULL;
}

bool map_has(const Map *map, Str key)
{
    return find_entry(map, key) != NULL;
}

/* Drops removed entries and, when few were removed, doubles the room. */
static void map_rebuild(Map *map)
{
    size_t live = 0;

    ASSERT(map->entries || map->n == 0);
    for (size_t i = 0; i < map->n; i++) {
        if (map->entries[i].key.ptr) {
            map->entries[live++] = map->entries[i];
        }
    }
    map->n = live;
    if (live * 2 >= map->cap) {
        size_t cap = map->cap ? map->cap * 2 : MAP_FIRST_CAP;
        ASSERT(cap < UINT32_MAX / 2);
        map->entries = arena_grow(map->arena, map->entries, map->cap * sizeof(MapEntry),
                                  cap * sizeof(MapEntry));
        map->cap = cap;
        map->n_slots = cap * 2;
        map->slots = ARENA_ARRAY(map->arena, uint32_t, map->n_slots);
    } else {
        memset(map->slots, 0, map->n_slots * sizeof(*map->slots));
    }
    for (size_t i = 0; i < live; i++) {
        *find_slot(map, map->entries[i].key) = (uint32_t)(i + 1);
    }
}

void *map_put(Map *map, Str key, void *value)
{
    MapEntry *e = find_entry(map, key);

    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if (map->n == map->cap) {
        map_rebuild(map);
    }
    ASSERT(map->entries);
    if (!key.ptr) {
        key = STR(""); /* a NULL key marks a removed entry */
    }
    *find_slot(map, key) = (uint32_t)(map->n + 1);
    map->entries[map->n++] = (MapEntry){.key = key, .value = value};
    map->n_live++;
    return NULL;
}

bool map_remove(Map *map, Str key)
{
    MapEntry *e = find_entry(map, key);

    if (!e) {
        return false;
    }
    *e = (MapEntry){0};
    map->n_live--;
    return true;
}

static MapEntry *live_from(const Map *map, size_t i)
{
    while (i < map->n && !map->entries[i].key.ptr) {
        i++;
    }
    return i < map->n ? &map->entries[i] : NULL;
}

MapEntry *map_first(const Map *map)
{
    return live_from(map, 0);
}

MapEntry *map_next(const Map *map, const MapEntry *at)
{
    return live_from(map, (size_t)(at - map->entries) + 1);
}
