/* SPDX-License-Identifier: Apache-2.0
 * catalog/apply.h - the one place that changes entities: a batch of upserts and removals in one
 * transaction.
 *
 * Given what sources now say, apply writes only what differs (input_hash), keeps history,
 * restitches the relations of everything touched, set-based, and emits
 * catalog.entity.created/updated/deleted events. All of it in cx's write transaction: the catalog
 * goes from one consistent state to the next. The number of statements does not depend on the size
 * of the batch. */
#ifndef CATALOG_APPLY_H
#define CATALOG_APPLY_H

#include "base/map.h"

#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"
#include "platform/ctx.h"

/* An entity ready to be written, without the tree it came from: bulk reads keep thousands of these.
 */
typedef struct PreparedEntity {
    Str ref;                    /* lower case */
    Str kind, namespace_, name; /* lower case */
    Str title, description, type, lifecycle, owner_ref, system_ref,
        repository_url; /* "" when absent */
    Str head;           /* '{"apiVersion":…,"kind":…,"metadata":{' */
    Str rest;           /* metadata's members and spec: '"namespace":…},"spec":{…}' */
    Str input_hash;     /* of head, rest and location */
    EntityFields fields;
    EntityRelations relations;
} PreparedEntity;

/* entity: substituted, validated, annotated. Everything in *ret lives in `arena`; scratch may be
 * reset afterwards. Fails RC_INVALID (bad refs, keys that differ only in case) with line and
 * column. */
MUST_CHECK Rc entity_prepare(const Kinds *kinds,
                             const Json *entity,
                             Str location,
                             Arena *arena,
                             Arena *scratch,
                             PreparedEntity *ret,
                             Error *err);

typedef struct ApplyEntity {
    PreparedEntity prepared;
    Str source_id;
    int64_t document_n; /* 0: written by API */
    Str location; /* managed-by-location; an entity belongs to the first location that claims it */
    Str parent_ref;     /* the Location that emits it; "" for a generated root Location */
    bool take_over;     /* the location that had it says so no longer */
    bool is_orphan;     /* no location says so any more: it is only kept, and gets no parent */
    bool conflicted;    /* out: another location keeps it */
    Str owner_location; /* out, when conflicted: whose it is */
    Str problem;        /* out: what a follower finds wrong with it (catalog/follow.h) */
} ApplyEntity;

typedef struct ApplyBatch {
    ApplyEntity *upserts;
    size_t n_upserts;
    const Str *remove_refs; /* entities to delete */
    size_t n_remove_refs;
    /* The relations that entities show are not made anew in the same transaction, only marked as
     * old for catalog_stitch: batches of one large read touch the same hubs again and again. Every
     * batch marks all it touches, for somebody else may stitch between two of them. */
    bool unstitched;
    bool unfollowed; /* written by a follower itself: it is not told of it */
} ApplyBatch;

typedef struct ApplyResult {
    size_t created, updated, unchanged, removed, conflicts;
} ApplyResult;

/* Of two claims in one batch the first wins. Fails RC_BUSY, RC_LIMIT … as the store does; nothing
 * is left half done. */
MUST_CHECK Rc catalog_apply(Ctx *cx, const Kinds *kinds, const ApplyBatch *batch, ApplyResult *ret);

/* Makes anew what some of the entities marked by ApplyBatch.unstitched show of their relations, in
 * cx's write transaction; *ret_more: call again in another. Cheap when nothing is marked. Several
 * threads and processes may do so at once; on PostgreSQL they do not wait for each other. */
MUST_CHECK Rc catalog_stitch(Ctx *cx, const Kinds *kinds, bool *ret_more);

/* The catalog's version: rises with every apply that changed something. */
MUST_CHECK Rc catalog_version(Ctx *cx, int64_t *ret);

#endif
