/* SPDX-License-Identifier: Apache-2.0
 * catalog/catalog.h - what other modules may ask of the catalog. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "data/json.h"
#include "platform/ctx.h"
#include "platform/module.h"

extern const Module catalog_module;

/* The entity as the API sends it, or RC_NOT_FOUND. ref is full, any case. */
MUST_CHECK Rc catalog_entity(Ctx *cx, Str ref, Json **ret);

/* Writes an entity by API, in cx's write transaction: validation, relations, index, history, event.
 * The entity belongs to the source 'manual'. Fails RC_INVALID (as Backstage words it), RC_CONFLICT
 * (a source file manages it: the message names the file), RC_PRECONDITION (if_revision is not 0 and
 * does not fit). *ret_id is its uid. */
MUST_CHECK Rc catalog_write(Ctx *cx, const Json *entity, int64_t if_revision, Uuid *ret_id);
/* For a module that follows entities (catalog/follow.h), in cx's write transaction: the entities of
 * its rows, many at once, of which it is not told. Fails as catalog_write does; RC_CONFLICT also
 * when one of them is managed by a source. */
MUST_CHECK Rc catalog_write_own(Ctx *cx, const Json *const *entities, size_t n);
/* The same for removing; refs that are not there do no harm. */
MUST_CHECK Rc catalog_remove_own(Ctx *cx, const Str *refs, size_t n);
/* In cx's write transaction: writers of entities take turns from here on. */
MUST_CHECK Rc catalog_lock(Ctx *cx);
/* Deletes by uid in cx's write transaction; RC_NOT_FOUND when absent. */
MUST_CHECK Rc catalog_delete(Ctx *cx, Str uid);

typedef struct CatalogEdge {
    Str source_ref, type, target_ref; /* forward types */
} CatalogEdge;
/* Breadth-first over relations of `types` (forward names) from ref. upstream follows source→target
 * (what ref needs), downstream target→source (who needs ref). Bounded by depth and max_edges
 * (*ret_truncated). Cycles are handled. */
MUST_CHECK Rc catalog_graph(Ctx *cx,
                            Str ref,
                            const Str *types,
                            size_t n_types,
                            bool upstream,
                            bool downstream,
                            unsigned depth,
                            size_t max_edges,
                            CatalogEdge **ret,
                            size_t *ret_n,
                            bool *ret_truncated);

#endif
