/* SPDX-License-Identifier: Apache-2.0
 * data/json_schema.h - JSON Schema draft-07 and 2020-12, compiled once, validated often.
 *
 * A compiled schema is immutable and may be used by many threads. The dialect is taken from
 * "$schema" (draft-07, 2020-12, or a metaschema of the registry built on one of them), else from
 * the options. "$ref" resolves inside the document, to other documents given in the registry and to
 * the built-in metaschemas; nothing is ever fetched. Regular expressions have the syntax of
 * ECMA-262 (unicode mode) and run under PCRE2 with limits. "format" is checked when asked for, for
 * date, date-time, duration, email, hostname, ipv4, ipv6, iri, iri-reference, json-pointer, regex,
 * relative-json-pointer, time, uri, uri-reference and uuid; others are not looked at.
 *
 * Schemas and instances may be hostile: nesting, patterns and references are bounded when
 * compiling, and a run that needs more than 2 seconds of CPU, 800 nested subschemas or too many
 * steps of a pattern ends as invalid with an issue that says so. */
#ifndef DATA_JSON_SCHEMA_H
#define DATA_JSON_SCHEMA_H

#include "data/json.h"

typedef struct JsonSchema JsonSchema;

typedef enum JsonSchemaDialect { JSON_SCHEMA_2020_12, JSON_SCHEMA_DRAFT_07 } JsonSchemaDialect;

typedef struct JsonSchemaDocument {
    Str uri; /* absolute, without fragment */
    const Json *root;
} JsonSchemaDocument;

typedef struct JsonSchemaOptions {
    JsonSchemaDialect dialect;           /* where "$schema" is absent */
    const JsonSchemaDocument *documents; /* others that "$ref" may name; roots outlive the schema */
    size_t n_documents;
    bool assert_format; /* "format" is checked, not only noted */
    Str base_uri;       /* of the schema itself; may be empty */
} JsonSchemaOptions;

/* One violation. Paths are JSON Pointers. */
typedef struct JsonSchemaIssue {
    Str instance_path; /* "/spec/owner" */
    Str keyword;       /* "required" */
    Str message;       /* "must have required property 'owner'": ajv's wording, without the path */
    Str schema_path;   /* "#/properties/spec/required"; "uri#/..." in another document */
    /* The property at fault for required, additionalProperties, unevaluatedProperties,
     * propertyNames, dependentRequired and dependencies; else "". */
    Str property;
    const Json *instance; /* the value at the path, or a property's name; may be NULL */
    const Json *schema;   /* where the keyword stands (borrowed) */
    const Json *params; /* the keyword's value in the schema (borrowed); NULL for "false schema" */
} JsonSchemaIssue;

/* Compiles; root must outlive the schema, which lives in the arena. options NULL = 2020-12 without
 * registry. Fails: RC_INVALID (not a valid schema: unknown $ref, bad pattern, wrong keyword type,
 * beyond a limit; the message names the place, line and column are set). */
MUST_CHECK Rc json_schema_compile(Arena *arena,
                                  const Json *root,
                                  const JsonSchemaOptions *options,
                                  const JsonSchema **ret,
                                  Error *err);
/* Compiles the subschema at a JSON Pointer of root, with root as its document (which need not be a
 * schema itself: an OpenAPI document is fine). */
MUST_CHECK Rc json_schema_compile_at(Arena *arena,
                                     const Json *root,
                                     Str pointer,
                                     const JsonSchemaOptions *options,
                                     const JsonSchema **ret,
                                     Error *err);

/* True when valid. Otherwise up to max_issues violations, in scratch, in the order of the instance:
 * an object's own before its members'. scratch holds everything the run needs, which for a valid
 * instance is mostly nothing. ret_issues may be NULL (then it stops at the first), ret_n too. */
MUST_CHECK bool json_schema_validate(const JsonSchema *schema,
                                     const Json *instance,
                                     Arena *scratch,
                                     size_t max_issues,
                                     JsonSchemaIssue **ret_issues,
                                     size_t *ret_n);

/* Instance-independent helpers shared with the contract: does s satisfy the named format?
 * Unknown formats give true. */
bool json_schema_format_ok(Str format, Str s);

#endif
