/* SPDX-License-Identifier: Apache-2.0
 * catalog/kinds.h - kinds and relation types as data: the built-in ones (catalog/kinds/ *.yaml,
 * embedded) and people's own (table catalog_kinds). A Kinds is an immutable snapshot; a change
 * makes a new one. */
#ifndef CATALOG_KINDS_H
#define CATALOG_KINDS_H

#include "data/json.h"
#include "data/json_schema.h"

typedef struct Kinds Kinds;

typedef struct RelationPair {
    Str forward, reverse; /* "dependsOn", "dependencyOf" */
} RelationPair;

/* Where relations of a kind are stated: spec path → pair. */
typedef struct KindRelation {
    Str *path; /* "spec.dependsOn", split at the dots; leads to a string or an array of strings */
    size_t n_path;
    RelationPair pair;
    bool is_inverse;  /* the field says the pair's reverse of this entity (dependencyOf, children,
                         members) */
    Str default_kind; /* "": refs must name their kind */
} KindRelation;

typedef struct Kind {
    Str name; /* "Component" */
    Str title, description;
    Str *api_versions;
    size_t n_api_versions;
    const JsonSchema *schema; /* of the whole entity, beyond the envelope */
    const Json *schema_json;
    KindRelation *relations;
    size_t n_relations;
    const Json *properties; /* calculated properties; NULL none */
    Str processor;          /* who refuses entities of it, in messages */
    bool is_builtin;
} Kind;

/* definitions: people's kinds as read from catalog_kinds (JSON objects of the CatalogKind record),
 * may be 0. A broken one fails with its name. */
MUST_CHECK Rc kinds_new(const Json *const *definitions, size_t n, Kinds **ret, Error *err);
void kinds_free(Kinds *kinds);
const Kind *kinds_find(const Kinds *kinds, Str name); /* any case; NULL when unknown */
const Kind *kinds_list(const Kinds *kinds, size_t *ret_n);
/* The other name of a relation type, and whether `type` is the forward one. False when unknown. */
bool kinds_relation(
    const Kinds *kinds, Str type, Str *ret_forward, Str *ret_reverse, bool *ret_is_forward);

/* Sets spec.calculated to the kind's calculated properties ({"from": path}, {"count": path},
 * {"template": text}); nothing when it has none. Values live in the arena. */
void kind_calculate(const Kind *kind, Json *entity, Arena *arena);

#endif
