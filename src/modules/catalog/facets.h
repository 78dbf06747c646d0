/* SPDX-License-Identifier: Apache-2.0
 * catalog/facets.h - how often each value of a field occurs among the entities of a filter. */
#ifndef CATALOG_FACETS_H
#define CATALOG_FACETS_H

#include "modules/catalog/query.h"

enum { FACETS_MAX = 50 };

/* {"facets":{"kind":[{"value":"API","count":2},…]}}; from the cache when it is known for the
 * present version of the catalog. Values are as written, sorted by bytes. Of `query` the filter and
 * the text count. */
MUST_CHECK Rc
facets_answer(Ctx *cx, const Str *facets, size_t n, const EntityQuery *query, Str *ret);

#endif
