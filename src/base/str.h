/* SPDX-License-Identifier: Apache-2.0
 * base/str.h - a view of bytes: pointer and length, not terminated, never owned.
 *
 * A Str lives as long as what it points into (an arena, a literal, a row). Contents are UTF-8
 * unless a function says "bytes". No function here allocates except those that take an Arena. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/arena.h"
#include "base/base.h"

typedef struct Str {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;
} Str;

/* A Str of a string literal; usable in static initialisers. */
#define STR(literal) ((Str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define STR_EMPTY ((Str){NULL, 0})
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) ((int)(s).len), ((s).ptr ? (s).ptr : "")

Str str_from(const char *cstr); /* NULL gives the empty Str */
Str str_of(const char *ptr, size_t len);

bool str_eq(Str a, Str b);
bool str_eq_nocase(Str a, Str b); /* ASCII case only */
bool str_is(Str a, const char *cstr);
int str_cmp(Str a, Str b); /* byte order, like memcmp; shorter first */
bool str_starts(Str s, Str prefix);
bool str_ends(Str s, Str suffix);
/* Byte index of the first/last occurrence, or SIZE_MAX. */
size_t str_find(Str s, Str needle);
size_t str_find_char(Str s, char c);
size_t str_rfind_char(Str s, char c);
Str str_sub(Str s, size_t from, size_t to); /* clamped to the bounds of s */
Str str_from_index(Str s, size_t from);
Str str_trim(Str s); /* ASCII white space at both ends */

/* Cuts *rest at the first `sep`; returns false when *rest was already exhausted (ptr NULL).
 * "a,,b" yields "a", "", "b"; "" yields one empty part. */
bool str_split(Str *rest, char sep, Str *ret_part);

/* Whole-string conversions in decimal, of at most 512 bytes, without '+' or white space. Each
 * returns false, output untouched, unless all of s fits the form. */
MUST_CHECK bool str_to_i64(Str s, int64_t *ret);
MUST_CHECK bool str_to_u64(Str s, uint64_t *ret);
MUST_CHECK bool str_to_double(Str s, double *ret);

/* Copies. The result is NUL-terminated after len for the benefit of C libraries. */
Str str_dup(Arena *arena, Str s);
const char *str_cstr(Arena *arena, Str s); /* s must hold no NUL: ASSERTed by callers that care */
Str str_fmt(Arena *arena, const char *fmt, ...) PRINTF_FORMAT(2, 3);
Str str_lower(Arena *arena, Str s); /* ASCII only, other bytes kept */
/* Lower-cases ASCII, Latin, Greek and Cyrillic letters (simple case folding by towlower in the
 * C.UTF-8 locale, which it opens once); invalid UTF-8 bytes are kept. */
Str str_lower_utf8(Arena *arena, Str s);
Str str_join(Arena *arena, const Str *parts, size_t n, Str sep);
Str str_replace(Arena *arena, Str s, Str what, Str with);

/* True if s is well-formed UTF-8 (no overlong forms, surrogates or values over U+10FFFF).
 * On false, *ret_at (may be NULL) is the index of the first offending byte. */
bool str_is_utf8(Str s, size_t *ret_at);
uint64_t str_hash(Str s); /* not for hostile keys that persist; seeded once per process */

/* Constant-time comparison for secrets. */
bool str_eq_secret(Str a, Str b);

#endif
