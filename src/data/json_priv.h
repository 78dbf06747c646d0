/* SPDX-License-Identifier: Apache-2.0
 * data/json_priv.h - what the JSON and YAML readers and writers share; private to src/data. */
#ifndef DATA_JSON_PRIV_H
#define DATA_JSON_PRIV_H

#include "base/buf.h"

#include "data/json.h"

/* Readers and writers recurse once per level, so that no limit a caller gives may pass this. */
enum { JSON_DEPTH_CAP = 1000 };

/* Nodes come in slabs: one arena call for many nodes. */
typedef struct JsonSlab {
    Arena *arena;
    Json *next;
    size_t left, size;
} JsonSlab;

/* A zeroed node of that type. */
Json *json_slab_node(JsonSlab *slab, JsonType type);

/* A set of keys with the memory it reuses from object to object; zero it to begin. */
typedef struct JsonKeySet {
    uint32_t *slots; /* index + 1 of a member, 0 = free */
    size_t n_slots, cap;
} JsonKeySet;

void json_key_set_done(JsonKeySet *set);
/* Indexes the members; a later json_key_set_find looks among exactly these. */
void json_key_set_build(JsonKeySet *set, const JsonMember *members, size_t n);
/* Index of the first member with that key, or SIZE_MAX. */
size_t json_key_set_find(const JsonKeySet *set, const JsonMember *members, Str key);
/* True if two members have the same key: *ret_first < *ret_second, the earliest such second. */
bool json_key_set_duplicate(
    JsonKeySet *set, const JsonMember *members, size_t n, size_t *ret_first, size_t *ret_second);
/* Drops members whose key stands earlier already; returns how many are left. */
size_t json_key_set_unique(JsonKeySet *set, JsonMember *members, size_t n);

/* json_parse for a text that starts at this line and column of a larger one. *ret_nodes counts the
 * values read. Neither is written on failure. */
MUST_CHECK Rc json_read(Arena *arena,
                        Str text,
                        const JsonLimits *limits,
                        uint32_t line,
                        uint32_t column,
                        Json **ret,
                        size_t *ret_nodes,
                        Error *err);

/* A number as sign, significant digits and the place of the point: 0.DDD * 10^point. */
typedef struct JsonDecimal {
    bool negative;
    const char *whole, *fraction; /* digits before and after the point, as written */
    size_t n_whole;
    size_t from, to; /* the significant ones, counted over both; none for zero */
    int64_t point;
} JsonDecimal;

/* Length of the JSON number at the start of s; 0 when there is none. */
size_t json_number_length(Str s);
/* text must be a JSON number. */
JsonDecimal json_decimal(Str text);
char json_decimal_digit(const JsonDecimal *d, size_t at);
bool json_decimal_equal(const JsonDecimal *a, const JsonDecimal *b);
/* The same text for every spelling of the same value. */
void json_decimal_write(Buf *out, const JsonDecimal *d);
/* Shortest text that reads back as v; v is finite. */
enum { JSON_DOUBLE_SIZE = 32 };
Str json_double_text(double v, char out[JSON_DOUBLE_SIZE]);

#endif
