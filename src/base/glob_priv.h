/* SPDX-License-Identifier: Apache-2.0
 * base/glob_priv.h - the pattern automaton that glob_match and file_glob share. */
#ifndef BASE_GLOB_PRIV_H
#define BASE_GLOB_PRIV_H

#include "base/file.h"

enum {
    GLOB_PATTERN_MAX = 4096, /* bytes; a longer pattern matches nothing */
    GLOB_OPS_MAX = 1024,     /* nor does one that compiles to more */
    GLOB_BYTE = 0x1000000,   /* marks a byte that is not UTF-8; above every code point */
};

typedef enum GlobKind {
    GLOB_CHAR,
    GLOB_ANY,
    GLOB_CLASS,
    GLOB_STAR,
    GLOB_GLOBSTAR,
    GLOB_SPLIT, /* goes on, and to `to` */
    GLOB_JUMP,
    GLOB_END,
} GlobKind;

typedef struct GlobOp {
    GlobKind kind;
    uint32_t cp;
    uint16_t to;
    Str class; /* between the brackets; a view of the pattern */
} GlobOp;

typedef struct Glob {
    GlobOp ops[GLOB_OPS_MAX];
    size_t n;
} Glob;

typedef struct GlobStates {
    uint64_t bits[GLOB_OPS_MAX / 64];
} GlobStates;

/* False when the pattern is too long or nests too deep. The pattern must outlive the glob. */
MUST_CHECK bool glob_compile(Glob *glob, Str pattern);
GlobStates glob_start(const Glob *glob);
/* hides: a dot that begins a segment is matched only by a dot in the pattern. */
GlobStates
glob_feed(const Glob *glob, GlobStates states, Str text, bool starts_segment, bool hides);
/* Whether some continuation of the text can still match. */
bool glob_is_alive(const GlobStates *states);
bool glob_accepts(const Glob *glob, const GlobStates *states);

#endif
