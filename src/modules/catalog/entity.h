/* SPDX-License-Identifier: Apache-2.0
 * catalog/entity.h - the entity model: refs, envelope, kinds, validation, relations, index rows.
 * Pure: no I/O.
 *
 * The rules are Backstage's (catalog-model), kinds are data (catalog/kinds.h). Errors carry
 * Backstage's wording, so that people find them in its documentation; line and column come from the
 * parsed nodes. */
#ifndef CATALOG_ENTITY_H
#define CATALOG_ENTITY_H

#include "base/vec.h"

#include "data/json.h"

typedef struct Kinds Kinds; /* catalog/kinds.h */

typedef struct EntityRef {
    Str kind, namespace_, name; /* as written; compare through entity_ref_str */
} EntityRef;

/* [kind:][namespace/]name. Missing parts are taken from the defaults ("" default kind: kind is
 * required). Fails RC_INVALID with Backstage's message. */
MUST_CHECK Rc
entity_ref_parse(Str text, Str default_kind, Str default_namespace, EntityRef *ret, Error *err);
/* "component:default/cart", lower case. */
Str entity_ref_str(Arena *arena, EntityRef ref);
EntityRef entity_ref_of(const Json *entity); /* namespace "default" when absent */
Str entity_ref_of_str(Arena *arena, const Json *entity);

/* Why an entity is refused, in Backstage's words. */
typedef struct EntityProblem {
    Str name;       /* "InputError", "TypeError" */
    Str message;    /* whole sentence, the cause included ("…; caused by Error: …") */
    Str cause_name; /* "" when there is no cause */
    Str cause_message;
    Str pointer; /* JSON Pointer to the value at fault, "" the root */
    uint32_t line, column;
} EntityProblem;

/* Envelope and kind checks in Backstage's order, stopping at the first failure. True when the
 * entity is fine. The problem's texts live in the arena. An unknown kind or apiVersion is "No
 * processor recognized the entity …". */
MUST_CHECK bool
entity_validate(const Kinds *kinds, const Json *entity, Arena *arena, EntityProblem *ret);
/* Only the envelope (apiVersion, kind, metadata.name are there and strings): what is needed before
 * anything can be said about an entity by name. */
MUST_CHECK bool entity_validate_envelope(const Json *entity, Arena *arena, EntityProblem *ret);

/* One emitted pair, normalised to the forward type of its pair. Refs are full and lower case. */
typedef struct EntityRelation {
    Str source_ref, type, target_ref;
} EntityRelation;
typedef VEC(EntityRelation) EntityRelations;
/* All pairs an entity's spec states, per its kind. De-duplicated, in spec order. Bad refs fail
 * RC_INVALID. */
MUST_CHECK Rc entity_relations(
    const Kinds *kinds, const Json *entity, Arena *arena, EntityRelations *ret, Error *err);

/* Are they all fine? False fills *ret. */
MUST_CHECK bool
entity_check_relations(const Kinds *kinds, const Json *entity, Arena *arena, EntityProblem *ret);

/* Rows for filters: key and value lower case, original as written (facets show it). A value that is
 * null or too long to index is ENTITY_FIELD_NULL: it exists, and equals nothing. */
#define ENTITY_FIELD_NULL "\x01"
typedef struct EntityField {
    Str key, value, original;
} EntityField;
typedef VEC(EntityField) EntityFields;
/* The rules of Backstage's search index, less what columns of `entities` hold (kind,
 * metadata.namespace, name, uid), less long texts (metadata.description, spec.definition) which
 * filters answer from body, and less the `path.item = true` rows of arrays of strings: those are
 * asked for as path = item (a filter on "a.b.c" exists, or is true, when a.b.c does, or a.b has the
 * item "c", or a the item "b.c"). Keys differing only in case fail RC_INVALID. */
MUST_CHECK Rc entity_fields(const Json *entity, Arena *arena, EntityFields *ret, Error *err);
/* Is this filter key answered from entity_fields (true) or from the body (false)? key is lower
 * case. */
bool entity_key_is_indexed(Str key);
/* Does the entity satisfy key[=value] by the same rules? For keys that are not indexed and for
 * tests. */
bool entity_matches(const Json *entity, Str key, const Str *value);
/* All values at a lower case key, indexed or not, by the same rules; doubles are kept. They live in
 * the arena. */
void entity_values(const Json *entity, Str key, Arena *arena, EntityFields *ret);

/* What target, as it is written at base ("url:https://…" or "file:/…"), leads to: its text and its
 * own location. err->detail names the kind of error ("NotFoundError"). */
typedef Rc (*EntityRead)(
    void *user, Str base, Str target, Arena *arena, Str *ret_text, Str *ret_location, Error *err);
/* {"$text": "./x"} and friends ($json, $yaml, $openapi, $asyncapi), replaced in place before
 * validation. */
MUST_CHECK Rc entity_substitute(
    Json **entity, Str base_location, EntityRead read, void *user, Arena *arena, Error *err);

/* The description of an API with what it refers to in other files put in; text itself when it
 * refers to none. (entity_bundle.c) */
MUST_CHECK Rc entity_bundle(
    Str text, Str location, EntityRead read, void *user, Arena *arena, Str *ret, Error *err);

/* Resolves a Location's relative target against the location it was read from: "url:…/a.yaml" +
 * "./b.yaml". */
MUST_CHECK Rc
location_resolve(Arena *arena, Str base_location, Str target, Str *ret_location, Error *err);

#endif
