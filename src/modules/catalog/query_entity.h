/* SPDX-License-Identifier: Apache-2.0
 * catalog/query_entity.h - single entities as stored text. All open a read scope if there is none.
 */
#ifndef CATALOG_QUERY_ENTITY_H
#define CATALOG_QUERY_ENTITY_H

#include "modules/catalog/query.h"

/* RC_NOT_FOUND without a message when it is not there. */
MUST_CHECK Rc entity_by_uid(Ctx *cx, Str uid, Str *ret);
/* {"items":[entity or null, …]} in the order of refs, which are compared as they stand. */
MUST_CHECK Rc entities_by_refs(
    Ctx *cx, const Str *refs, size_t n, const Json *filter, const FieldList *fields, Buf *out);
/* {"rootEntityRef":…,"items":[{"entity":…,"parentEntityRefs":[…]},…]}: the Locations it comes from.
 * RC_NOT_FOUND without a message. */
MUST_CHECK Rc entity_ancestry(Ctx *cx, Str ref, Buf *out);

#endif
