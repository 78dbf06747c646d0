/* SPDX-License-Identifier: Apache-2.0
 * catalog/query_text.h - the full-text filter of by-query: a substring, with LIKE's wildcards, in
 * any of some fields. Shared by the files of the query engine. */
#ifndef CATALOG_QUERY_TEXT_H
#define CATALOG_QUERY_TEXT_H

#include "modules/catalog/query.h"

typedef struct TextFilter {
    bool active;
    Str pattern;  /* "%term%", lower case */
    Str trigrams; /* for the full-text table: what every match has; "" when it cannot help */
    Str *fields;  /* lower case */
    size_t n_fields;
} TextFilter;

/* order_key: the field that entities are sorted by, lower case, "" none: the default field. */
TextFilter text_filter(Arena *arena, const EntityQuery *q, Str order_key);
/* The condition on `entities e`. */
void text_where(SqlBuild *b, const TextFilter *text);
/* The condition on one value, `what`, that is lower case already. */
void text_where_value(SqlBuild *b, const TextFilter *text, const char *what);
bool text_matches(Arena *arena, const TextFilter *text, const Json *entity);

#endif
