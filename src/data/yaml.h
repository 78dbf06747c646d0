/* SPDX-License-Identifier: Apache-2.0
 * data/yaml.h - YAML 1.2 (core schema) into Json trees, over libyaml's event API.
 *
 * The result is what the same document means as JSON: null ~ and empty, true/false in three cases,
 * decimal, 0o and 0x integers, floats (.inf and .nan are refused: JSON has none), everything else
 * strings; `no`, `yes`, `on`, dates and 017-like... stay what the core schema says (017 is the
 * integer 17). Numbers keep their text where it is JSON syntax. Anchors and aliases are resolved by
 * sharing nodes and counted; merge keys (<<) are applied: own members first, then those merged in.
 * The tags !!str !!int !!float !!bool !!null !!map !!seq are honoured; any other tag changes
 * nothing but that a plain scalar under it is a string. Mapping keys must be scalars, are strings
 * spelled as written, and unique: both places are named. Bounded: bytes, depth, nodes, alias
 * expansion, documents. Errors carry line and column (1-based, columns count characters).
 * docs/reference/yaml.md lists what is read differently from the letter of YAML 1.2. */
#ifndef DATA_YAML_H
#define DATA_YAML_H

#include "data/json.h"

typedef struct YamlLimits {
    size_t max_bytes; /* of the text */
    size_t max_depth; /* of nesting, aliases expanded; a scalar is depth 0; at most 1000 counts */
    size_t max_nodes; /* per text, aliases counted at their expanded size */
    size_t max_documents;
} YamlLimits;

/* 16 MiB, depth 64, 1,000,000 nodes, 100,000 documents. */
extern const YamlLimits yaml_default_limits;

typedef struct YamlDocument {
    Json *root;    /* JSON null for an empty document */
    uint32_t line; /* where its content starts, 1-based */
} YamlDocument;

/* All documents of a stream, in order. An error in one document fails the whole text; documents
 * parsed before the error are still given in *ret and *ret_n, so that a caller can keep them.
 * The trees borrow nothing from text. limits NULL = default. Fails: RC_MALFORMED (line, column),
 * RC_LIMIT. */
Rc yaml_parse_all(Arena *arena,
                  Str text,
                  const YamlLimits *limits,
                  YamlDocument **ret,
                  size_t *ret_n,
                  Error *err);
/* Exactly one document. *ret is written on success only. */
MUST_CHECK Rc yaml_parse(Arena *arena, Str text, const YamlLimits *limits, Json **ret, Error *err);
/* A block-style YAML text of v; strings are quoted whenever they would read back as another type.
 */
void yaml_write(Buf *out, const Json *v);

#endif
