/* SPDX-License-Identifier: Apache-2.0
 * data/json_schema_priv.h - the compiled form of a schema, shared by the json_schema_*.c files.
 *
 *   json_schema_refs.c     documents, $id, anchors, vocabularies: from a URI to a place in a tree
 *   json_schema_compile.c  keywords: from a place in a tree to a SchemaNode
 *   json_schema_validate.c the run over an instance
 *   json_schema_issues.c   what the run found, in words and in order
 *   json_schema_regex.c    ECMA-262 patterns under PCRE2
 *   json_schema_uri.c, json_schema_number.c, json_schema_formats.c  what those need
 *
 * Everything here lives in the arena given to json_schema_compile and is not written after it
 * returns, so threads may share it. */
#ifndef DATA_JSON_SCHEMA_PRIV_H
#define DATA_JSON_SCHEMA_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/map.h"
#include "base/vec.h"

#include "data/json_priv.h"
#include "data/json_schema.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCHEMA_MAX_NODES = 200000,                   /* compiled subschemas */
    SCHEMA_MAX_NESTING = 200,                    /* levels of a schema document */
    SCHEMA_MAX_RESOURCES = 10000,                /* documents and parts with an $id */
    SCHEMA_MAX_URI_BYTES = 4096,                 /* of $id and $ref, as written and resolved */
    SCHEMA_MAX_PATTERN_BYTES = 8192,             /* of one pattern as written */
    SCHEMA_MAX_PATTERN_GROUPS = 1000,            /* capturing groups of one pattern */
    SCHEMA_MAX_TRANSLATED_BYTES = 320 * 1024,    /* of one pattern in PCRE2's syntax */
    SCHEMA_MAX_PATTERN_MEMORY = 8 * 1024 * 1024, /* compiled patterns of one schema */
    SCHEMA_MAX_JIT_BYTES = 4096,                 /* larger patterns are interpreted */
    SCHEMA_MAX_EVAL_DEPTH = 800, /* nested subschemas of one run, references included */
    SCHEMA_MATCH_LIMIT = 200000, /* PCRE2 backtracking steps for one string */
    SCHEMA_MATCH_DEPTH = 2000,
    SCHEMA_MATCH_HEAP_KIB = 1024,
};

typedef enum SchemaDraft { DRAFT_07 = 1, DRAFT_2020_12 = 2, DRAFT_ANY = 3 } SchemaDraft;

/* Vocabularies of 2020-12; a schema whose metaschema leaves one out ignores its keywords. */
typedef enum SchemaVocab {
    VOCAB_CORE = 1,
    VOCAB_APPLICATOR = 2,
    VOCAB_UNEVALUATED = 4,
    VOCAB_VALIDATION = 8,
    VOCAB_META_DATA = 16,
    VOCAB_FORMAT_ANNOTATION = 32,
    VOCAB_FORMAT_ASSERTION = 64,
    VOCAB_CONTENT = 128,
    VOCAB_DEFAULT = 255 - VOCAB_FORMAT_ASSERTION,
} SchemaVocab;

/* A place in a schema document, kept as a chain so that long keys are not copied at every level. */
typedef struct SchemaLoc {
    const struct SchemaLoc *up;
    Str name; /* the keyword */
    Str key;  /* the member or index below it */
    bool has_key;
    bool raw; /* name is finished text: "#", "uri#", or the pointer of a reference */
} SchemaLoc;

typedef struct SchemaNode SchemaNode;

typedef struct SchemaNodeList {
    SchemaNode **at;
    size_t n;
} SchemaNodeList;

typedef struct SchemaDynamicAnchor {
    Str name;
    SchemaNode *node;
} SchemaDynamicAnchor;

/* A document, or a part of one that has its own $id. */
typedef struct SchemaResource {
    Str uri; /* absolute without fragment; may be empty */
    const Json *root;
    const SchemaLoc *loc;
    SchemaDraft draft;
    unsigned vocab;
    bool entered;    /* one of its nodes is compiled */
    size_t n_linked; /* of its anchors, those that `dynamic` reflects */
    Map anchors;     /* name -> SchemaAnchor (json_schema_refs.c), used while compiling */
    VEC(SchemaDynamicAnchor) dynamic;
} SchemaResource;

typedef struct SchemaPattern {
    Str text; /* as written */
    pcre2_code *code;
} SchemaPattern;

typedef struct SchemaBound {
    const Json *json; /* NULL: the keyword is absent */
    JsonDecimal decimal;
    int64_t i64; /* when is_i64 */
    bool is_i64;
} SchemaBound;

typedef struct SchemaNumberRules {
    SchemaBound minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
} SchemaNumberRules;

typedef bool (*SchemaFormatTest)(Str s);

typedef struct SchemaStringRules {
    uint64_t min_length, max_length; /* code points */
    const SchemaPattern *pattern;
    SchemaFormatTest format; /* NULL: none, unknown, or not asserted */
} SchemaStringRules;

typedef struct SchemaArrayRules {
    uint64_t min_items, max_items;
    bool unique;
    SchemaNodeList prefix;
    SchemaNode *rest;         /* the items after the prefix */
    const char *rest_keyword; /* "items" or "additionalItems" */
    SchemaNode *contains;
    uint64_t min_contains, max_contains;
} SchemaArrayRules;

/* A name that `properties` or `required` speaks of; found by hash. */
typedef struct SchemaProperty {
    Str name;
    SchemaNode *node; /* NULL: only required */
    bool required;
} SchemaProperty;

typedef struct SchemaPatternProperty {
    const SchemaPattern *pattern;
    SchemaNode *node;
} SchemaPatternProperty;

typedef struct SchemaDependency {
    Str name;
    Str keyword;
    const Json *required; /* array of names, or NULL */
    SchemaNode *node;     /* or NULL */
} SchemaDependency;

typedef struct SchemaObjectRules {
    uint64_t min_properties, max_properties;
    SchemaProperty *properties;
    size_t n_properties;
    uint32_t *slots; /* index + 1 into properties, 0 = free; n_slots is a power of two */
    size_t n_slots;
    const Json *required; /* array of names, or NULL */
    size_t n_required;    /* different names in it */
    SchemaPatternProperty *patterns;
    size_t n_patterns;
    SchemaNode *additional;
    SchemaNode *names;
    SchemaDependency *dependencies;
    size_t n_dependencies;
} SchemaObjectRules;

/* Keywords that apply to every type. */
typedef struct SchemaGeneralRules {
    const Json *constant;
    const Json *one_of_values; /* enum */
    SchemaNode *negated;
    SchemaNodeList all_of, any_of, one_of;
    SchemaNode *condition, *then_node, *else_node;
} SchemaGeneralRules;

typedef struct SchemaDynamicRef {
    SchemaNode *target; /* where it leads when no outer resource has the anchor */
    Str anchor;         /* empty: behaves as $ref */
} SchemaDynamicRef;

typedef enum SchemaKind { SCHEMA_RULES, SCHEMA_TRUE, SCHEMA_FALSE } SchemaKind;

enum { SCHEMA_TYPE_INTEGER = 1U << 6 }; /* beside 1 << JsonType */

struct SchemaNode {
    struct SchemaNodeId { /* what makes a node the same node */
        const Json *json;
        SchemaResource *resource;
    } id;
    const SchemaLoc *loc;
    SchemaKind kind;
    unsigned types; /* bits 1 << JsonType and SCHEMA_TYPE_INTEGER; 0 = any */
    SchemaNode *ref;
    SchemaDynamicRef *dynamic_ref;
    SchemaGeneralRules *general;
    SchemaNumberRules *number;
    SchemaStringRules *string;
    SchemaArrayRules *array;
    SchemaObjectRules *object;
    SchemaNode *unevaluated_items, *unevaluated_properties;
};

struct JsonSchema {
    SchemaNode *root;
    pcre2_match_context *match_context; /* limits; only read by pcre2_match */
};

/* ---- compiling ---- */

typedef VEC(SchemaNode *) SchemaNodeVec;

typedef struct SchemaCompiler {
    Arena *arena; /* of the schema */
    Arena *work;  /* freed when compiling ends */
    Error *err;
    const JsonSchemaOptions *options;
    SchemaDraft draft;   /* where "$schema" is absent */
    Map resources;       /* URI -> SchemaResource */
    Map resource_roots;  /* address of a Json -> SchemaResource */
    Map seen;            /* addresses of Json already looked through for identifiers */
    Map nodes;           /* SchemaNodeId -> SchemaNode */
    Map patterns;        /* text -> SchemaPattern */
    SchemaNodeVec queue; /* nodes in the order of their making; compiled up to next */
    size_t next;
    Str keyword; /* being compiled, for messages */
    bool all_documents_loaded;
    Json *metaschemas; /* the built-in ones by URI, once a reference needed one */
    pcre2_compile_context *pattern_context;
    size_t pattern_bytes; /* compiled */
} SchemaCompiler;

typedef enum SchemaShape { /* where subschemas are in a keyword's value */
                           SHAPE_NONE,
                           SHAPE_SCHEMA,
                           SHAPE_LIST,
                           SHAPE_MAP,
                           SHAPE_ITEMS,        /* a schema or a list of them */
                           SHAPE_DEPENDENCIES, /* a map to schemas or lists of names */
} SchemaShape;

typedef struct SchemaKeyword {
    Str name;
    SchemaDraft drafts;
    SchemaVocab vocab;
    SchemaShape shape;
    Rc (*compile)(SchemaCompiler *c, SchemaNode *node, const Json *value);
} SchemaKeyword;

typedef struct SchemaTarget { /* where a reference leads */
    const Json *json;
    SchemaResource *resource;
    const SchemaLoc *loc;
    Str dynamic_anchor; /* its name when the fragment named a $dynamicAnchor, else empty */
} SchemaTarget;

/* NULL when the name is no keyword of the resource's draft and vocabularies. */
const SchemaKeyword *jschema_keyword_find(const SchemaResource *resource, Str name);
/* RC_INVALID "Schema at <loc>: ..." with the line and column of `at`. */
Rc jschema_fail(SchemaCompiler *c, const SchemaLoc *loc, const Json *at, const char *fmt, ...)
    PRINTF_FORMAT(4, 5);
/* The node of a place, queued for compiling when new. */
MUST_CHECK Rc jschema_node_of(SchemaCompiler *c, const SchemaTarget *target, SchemaNode **ret);
const SchemaLoc *jschema_loc_below(Arena *arena, const SchemaLoc *up, Str keyword, const Str *key);
void jschema_loc_write(Buf *out, const SchemaLoc *loc);

/* Makes root a document of the compiler under `uri`. */
MUST_CHECK Rc jschema_document_add(
    SchemaCompiler *c, Str uri, const Json *root, Str loc_text, SchemaResource **ret);
/* The resource that a subschema belongs to: its own when it has an $id, else its parent's. */
SchemaResource *jschema_resource_of(SchemaCompiler *c, const Json *json, SchemaResource *parent);
/* Follows a JSON Pointer from a resource's root. err says why it leads nowhere; when the place is
 * no schema, c->err does. */
MUST_CHECK Rc jschema_pointer_follow(
    SchemaCompiler *c, SchemaResource *resource, Str pointer, SchemaTarget *ret, Error *err);
MUST_CHECK Rc jschema_ref_resolve(SchemaCompiler *c,
                                  const SchemaNode *from,
                                  const Json *ref,
                                  SchemaTarget *ret);
/* Makes nodes of the dynamic anchors of every entered resource; more of them may be known later. */
MUST_CHECK Rc jschema_dynamic_anchors_link(SchemaCompiler *c);

/* json_schema_metaschemas.json, embedded by the build: an object from URI to metaschema. */
extern const unsigned char jschema_metaschemas_data[];
extern const size_t jschema_metaschemas_len;

/* ---- parts ---- */

/* False with a reason when the ECMA-262 pattern (unicode mode) is malformed. */
bool jschema_regex_translate(Arena *work, Str ecma, Buf *out, const char **ret_why);
MUST_CHECK Rc jschema_pattern_compile(SchemaCompiler *c,
                                      Str text,
                                      const SchemaPattern **ret,
                                      const char **ret_why);

/* RFC 3986 section 5.2, fragment of ref kept. */
Str jschema_uri_resolve(Arena *arena, Str base, Str ref);
/* Cuts at '#'; the fragment is empty when there is none. */
Str jschema_uri_cut_fragment(Str uri, Str *ret_fragment);
bool jschema_uri_ok(Str s, bool allow_relative, bool allow_unicode);

int jschema_decimal_cmp(const JsonDecimal *a, const JsonDecimal *b);
/* of is above zero. With more than 18 digits only its decimal shifts count as multiples. */
bool jschema_decimal_is_multiple(const JsonDecimal *value, const JsonDecimal *of);
/* True for an optional minus and 1 to 18 digits. */
bool jschema_small_int(Str json_number, int64_t *ret);

SchemaFormatTest jschema_format_find(Str name); /* NULL when unknown */

#endif
