/* SPDX-License-Identifier: Apache-2.0
 * catalog/apply.h - the one place that changes entities: a batch of upserts and removals in one
 * transaction.
 *
 * Given what sources now say, apply writes only what differs (input_hash), keeps history,
 * restitches relations of everything touched, set-based, and emits
 * catalog.entity.created/updated/deleted events. All of it in cx's write transaction: the catalog
 * goes from one consistent state to the next. */
#ifndef CATALOG_APPLY_H
#define CATALOG_APPLY_H

#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"
#include "platform/ctx.h"

typedef struct ApplyEntity {
    const Json
        *entity; /* substituted, validated, with location annotations, without uid and etag */
    Str input_hash;
    Str source_id;
    int64_t document_n; /* 0: written by API */
    Str location;
    Str parent_ref; /* "" for a generated root Location */
} ApplyEntity;

typedef struct ApplyBatch {
    const ApplyEntity *upserts;
    size_t n_upserts;
    const Str *remove_refs; /* entities to delete */
    size_t n_remove_refs;
    const Str
        *orphan_refs; /* entities that lost their last parent and are kept: flag and annotation */
    size_t n_orphan_refs;
} ApplyBatch;

typedef struct ApplyResult {
    size_t created, updated, unchanged, removed, conflicts;
} ApplyResult;

/* An entity owned by another source is left alone, counted in conflicts and reported as a problem
 * of the newcomer's source (two sources claiming one entity: the first one keeps it). */
MUST_CHECK Rc catalog_apply(Ctx *cx, const Kinds *kinds, const ApplyBatch *batch, ApplyResult *ret);

#endif
