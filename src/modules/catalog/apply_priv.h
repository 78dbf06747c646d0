/* SPDX-License-Identifier: Apache-2.0
 * catalog/apply_priv.h - a batch while it is worked off: apply.c (entities, index rows, history,
 * events) and apply_relations.c (relations and what is served of them). */
#ifndef CATALOG_APPLY_PRIV_H
#define CATALOG_APPLY_PRIV_H

#include "base/map.h"

#include "modules/catalog/apply.h"

typedef VEC(Param) Params;
typedef VEC(Str) Strs;

typedef struct Existing {
    int64_t n, revision, created_at;
    Str id, input_hash, location;
    bool is_orphan;
    const char *state;   /* what becomes of it: NULL, "updated", "deleted" */
    EntityFields fields; /* of its present body, for the difference */
    Str name, title, description;
} Existing;

typedef struct Item {
    ApplyEntity *e;
    Existing *old; /* NULL: new */
    int64_t n;
    Str id, etag;
} Item;

typedef struct Apply {
    Ctx *cx;
    const Kinds *kinds;
    const ApplyBatch *batch;
    Arena *arena;
    int64_t now;
    Str by;
    Map existing; /* ref -> Existing */
    Item *items;  /* what is written: new and changed */
    size_t n_items;
    Strs removed; /* refs that exist and go */
    Map touched;  /* refs whose tail must be made anew */
    Map keys;     /* key -> int64_t id */
    ApplyResult result;
} Apply;

/* A list as one JSON array: a batch of any size is one parameter. */
Str apply_refs_json(Arena *arena, const Str *refs, size_t n);
Str apply_map_keys_json(Arena *arena, const Map *map);

/* Rows of entity_relations become what the batch says; notes in `touched` whose relations changed.
 */
MUST_CHECK Rc apply_relations(Apply *a);
/* Tells the modules that follow entities (follow.c). */
MUST_CHECK Rc catalog_follow(Apply *a);
/* What is served of the relations of all that is touched: made now, or marked to be made. */
MUST_CHECK Rc apply_tails(Apply *a);

#endif
