/* SPDX-License-Identifier: Apache-2.0
 * catalog/predicate.h - what a client may ask of entities: a filter predicate, from Backstage's
 * `filter=` strings or as JSON.
 *
 * A predicate is a JSON tree, as Backstage has it: {"$all": […]}, {"$any": […]}, {"$not": …}, or an
 * object of dotted keys, all of which must hold: {"kind": "component", "spec.type": {"$in": […]}}.
 * Compares ignore case. Pure, but for predicate_sql, which only writes text. */
#ifndef CATALOG_PREDICATE_H
#define CATALOG_PREDICATE_H

#include "base/vec.h"

#include "data/json.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"
#include "store/store.h"

enum {
    PREDICATE_LEAVES_MAX = 500, /* conditions of one predicate */
    PREDICATE_DEPTH_MAX = 32,
    PREDICATE_VALUES_MAX = 10000, /* of one $in */
};

/* `filter=` parameters: "a=b,c" is and, the same key again is or, several parameters are or.
 * *ret is NULL when they say nothing. Fails RC_MALFORMED in Backstage's words. */
MUST_CHECK Rc
filter_parse(Arena *arena, const Str *filters, size_t n, const Json **ret, Error *err);

/* ---- shapes (predicate_check.c): what Backstage's schemas accept, and what they say when not */

typedef enum ShapeName {
    SHAPE_PREDICATE,
    SHAPE_REFS_REQUEST,
    SHAPE_CURSOR,
    SHAPE_LOCATION_INPUT,
    SHAPE_VALIDATE_REQUEST,
    SHAPE_LOCATION_CURSOR,
} ShapeName;
/* v, less what the shape does not know; NULL when it does not fit: then *ret_issues is the list of
 * issues, as JSON. v may be NULL (undefined). */
const Json *shape_check(Arena *arena, ShapeName shape, const Json *v, const Json **ret_issues);
/* "Validation error: Invalid at "$nope"" */
Str shape_message(Arena *arena, const Json *issues);
/* The issues as the list of objects that they are, indented. */
Str shape_list(Arena *arena, const Json *issues);

/* Whether a checked predicate can be answered: operators of values, sizes. Fails RC_MALFORMED in
 * Backstage's words, RC_LIMIT. */
MUST_CHECK Rc predicate_validate(Arena *arena, const Json *predicate, Error *err);

/* Does an entity (with relations) satisfy a validated predicate? NULL holds always. */
bool predicate_matches(const Json *predicate, const Json *entity);

/* ---- full text */

/* SQL's LIKE, with % and _, without an escape character; both lower case. */
bool text_is_like(Str text, Str pattern);

/* ---- SQL */

/* Statement text with bound values. */
typedef struct SqlBuild {
    Arena *arena;
    Buf sql;
    VEC(Param) params;
    DbKind db;
    const Kinds *kinds;
    /* true: conditions are probed entity by entity, for answers that are found soon; false: they
     * are sets, for rare ones */
    bool probe;
    /* out: the text says a little too much; test each entity with predicate_matches */
    bool inexact;
} SqlBuild;

SqlBuild sql_init(Arena *arena, DbKind db, const Kinds *kinds);
void sql_param(SqlBuild *b, Param value); /* "$3" */
/* "(SELECT value FROM json_each($3))": a list of any length is one parameter. */
void sql_list(SqlBuild *b, const Str *list, size_t n);
/* A condition on row `e` of entities; NULL is "1 = 1". Validated before. */
void predicate_sql(SqlBuild *b, const Json *predicate);
/* "e.kind" and the like when a column holds the lower case values of a key, else NULL. */
const char *predicate_column(Str key);
/* May the lower case key name an item of a list of texts, as `metadata.tags.go` does? */
bool predicate_may_be_item(Str key);
/* The stored type behind the key "relations.<type>", both lower case. False when no kind knows it;
 * *ret_both: the relation is its own reverse. */
bool predicate_relation(
    const Kinds *kinds, Str key, Str *ret_type, bool *ret_is_forward, bool *ret_both);
/* "key_id = (SELECT …)" */
void sql_key(SqlBuild *b, const char *alias, Str key);

/* The texts of a value in a filter: JavaScript's String(v), lower case. */
Str predicate_text(Arena *arena, const Json *v);

#endif
