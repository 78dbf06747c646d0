/* SPDX-License-Identifier: Apache-2.0
 * data/json_schema.h - JSON Schema draft-07 and 2020-12, compiled once, validated often.
 *
 * A compiled schema is immutable and may be used by many threads. The dialect is taken from
 * "$schema" (draft-07 or 2020-12), else from the options. "$ref" resolves inside the document, to
 * other documents given in the registry and to the built-in metaschemas; nothing is ever fetched.
 * Regular expressions run under PCRE2 with a match limit. "format" is checked when asked for, for
 * the formats of the specification that have a clear test. Recursion is bounded. */
#ifndef DATA_JSON_SCHEMA_H
#define DATA_JSON_SCHEMA_H

#include "data/json.h"

typedef struct JsonSchema JsonSchema;

typedef enum JsonSchemaDialect { JSON_SCHEMA_2020_12, JSON_SCHEMA_DRAFT_07 } JsonSchemaDialect;

typedef struct JsonSchemaDocument {
    Str uri;          /* absolute, without fragment */
    const Json *root;
} JsonSchemaDocument;

typedef struct JsonSchemaOptions {
    JsonSchemaDialect dialect;            /* where "$schema" is absent */
    const JsonSchemaDocument *documents;  /* others that "$ref" may name; borrowed for the schema's life */
    size_t n_documents;
    bool assert_format;                   /* "format" is checked, not only noted */
    Str base_uri;                         /* of the schema itself; may be empty */
} JsonSchemaOptions;

/* One violation. Paths are JSON Pointers. */
typedef struct JsonSchemaIssue {
    Str instance_path;  /* "/spec/owner" */
    Str keyword;        /* "required" */
    Str message;        /* "must have required property 'owner'" : ajv's wording, without the path */
    Str schema_path;    /* "#/properties/spec/required" */
    Str property;       /* the property at fault for required, additionalProperties, dependentRequired; else "" */
    const Json *instance; /* the value at fault (borrowed), may be NULL */
    const Json *params;   /* the keyword's value in the schema (borrowed) */
} JsonSchemaIssue;

/* Compiles; root must outlive the schema, which lives in the arena. Fails: RC_INVALID (not a valid
 * schema: unknown $ref, bad pattern, wrong keyword type; the message names the place). */
MUST_CHECK Rc json_schema_compile(Arena *arena, const Json *root, const JsonSchemaOptions *options,
                                  const JsonSchema **ret, Error *err);
/* Compiles the subschema at a JSON Pointer of root, with root as its document. */
MUST_CHECK Rc json_schema_compile_at(Arena *arena, const Json *root, Str pointer, const JsonSchemaOptions *options,
                                     const JsonSchema **ret, Error *err);

/* True when valid. Otherwise up to max_issues violations in the arena, document order. scratch holds
 * everything the run needs. ret_issues may be NULL (then it stops at the first). */
MUST_CHECK bool json_schema_validate(const JsonSchema *schema, const Json *instance, Arena *scratch,
                                     size_t max_issues, JsonSchemaIssue **ret_issues, size_t *ret_n);

/* Instance-independent helpers shared with the contract: does s satisfy the named format?
 * Unknown formats give true. */
bool json_schema_format_ok(Str format, Str s);

#endif
