/* SPDX-License-Identifier: Apache-2.0
 * data/json.h - the value tree that JSON and YAML parse into, its strict reader and its writer.
 *
 * A tree lives in one arena, borrows nothing from the parsed text, and is immutable by convention
 * once built (the json_set functions are for building). Object members keep their order; numbers
 * keep their text, so that a document prints as it was written. Every node parsed from a text
 * carries line and column. The reader is RFC 8259, strict: UTF-8 only, no duplicate keys, no NUL in
 * strings unless allowed, bounded size, depth and node count; errors carry line and column. */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

typedef enum JsonType {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonType;

typedef struct Json Json;
typedef struct JsonMember {
    Str key;
    Json *value;
} JsonMember;

struct Json {
    JsonType type;
    bool boolean;          /* JSON_BOOL */
    uint32_t line, column; /* 1-based; 0 when made in memory */
    uint32_t n, cap;       /* items or members */
    union {
        Str text;            /* JSON_STRING: the value; JSON_NUMBER: the number in JSON syntax */
        Json **items;        /* JSON_ARRAY */
        JsonMember *members; /* JSON_OBJECT */
    };
};

typedef struct JsonLimits {
    size_t max_bytes; /* of the text */
    size_t max_depth; /* of nesting; a scalar is depth 0; at most 1000 counts */
    size_t max_nodes;
    bool allow_nul; /* accept \u0000 inside strings */
} JsonLimits;

/* 16 MiB, depth 64, 1,000,000 nodes, no NUL. */
extern const JsonLimits json_default_limits;

/* limits NULL = default. *ret is written on success only. Fails: RC_MALFORMED (with line and
 * column, which counts characters), RC_LIMIT. */
MUST_CHECK Rc json_parse(Arena *arena, Str text, const JsonLimits *limits, Json **ret, Error *err);

/* Reading. All accept a NULL node and answer as if absent. */
const char *json_type_name(JsonType type); /* "null" "boolean" "number" "string" "array" "object" */
bool json_is(const Json *v, JsonType type);
Json *json_get(const Json *object, Str key); /* NULL when absent or not an object */
Json *json_get_c(const Json *object, const char *key);
/* Follows object keys: json_path(e, "metadata", "name", NULL). */
Json *json_path(const Json *v, ...) __attribute__((sentinel));
/* RFC 6901; "" is v itself. NULL when it leads nowhere. */
Json *json_pointer(const Json *v, Str pointer);
Str json_str(const Json *v); /* "" unless a string */
Str json_str_at(const Json *object, const char *key);
bool json_bool(const Json *v, bool otherwise);
bool json_to_i64(const Json *v, int64_t *ret); /* exact integers only: 3 and 3.0 and 3e0, not 3.5 */
bool json_to_double(const Json *v, double *ret); /* false also when it is too large for one */
bool json_is_integer(const Json *v); /* a number with zero fractional part, of any size */
/* JSON Schema equality: numbers by value (1 == 1.0), objects without order. */
bool json_equal(const Json *a, const Json *b);

/* Building. Keys and strings are copied into the arena. */
Json *json_null(Arena *arena);
Json *json_bool_new(Arena *arena, bool v);
Json *json_int(Arena *arena, int64_t v);
/* Shortest text that reads back the same; NaN and infinities become null. */
Json *json_double(Arena *arena, double v);
Json *json_number(Arena *arena, Str text); /* text must be a JSON number */
Json *json_string(Arena *arena, Str v);
Json *json_string_c(Arena *arena, const char *v);
Json *json_array(Arena *arena);
Json *json_object(Arena *arena);
void json_push(Arena *arena, Json *array, Json *item);
/* Replaces in place, else appends. */
void json_set(Arena *arena, Json *object, Str key, Json *value);
void json_set_c(Arena *arena, Json *object, const char *key, Json *value);
void json_set_str(Arena *arena, Json *object, const char *key, Str value);
/* The member; a new empty object in its place when it is no object. */
Json *json_member_object(Arena *arena, Json *object, const char *key);
bool json_remove(Json *object, Str key);
Json *json_clone(Arena *arena, const Json *v); /* deep */
/* RFC 7396 merge patch: a new tree that shares unchanged parts with target and patch. */
Json *json_merge_patch(Arena *arena, const Json *target, const Json *patch);

/* Writing. Compact, members in their order. */
void json_write(Buf *out, const Json *v);
/* Two-space indentation, for people. */
void json_write_pretty(Buf *out, const Json *v);
/* Members sorted by key bytes, numbers by value: equal trees give equal text. For hashing and
 * diffs. */
void json_write_canonical(Buf *out, const Json *v);
Str json_to_str(Arena *arena, const Json *v); /* compact */

#endif
