/* SPDX-License-Identifier: Apache-2.0
 * services/semver.h - Semantic Versioning 2.0.0 (semver.org) and the ranges of npm's node-semver.
 *
 * Pure. Numbers have no upper bound: they stay decimal text and are compared as such. */
#ifndef SERVICES_SEMVER_H
#define SERVICES_SEMVER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { SEMVER_TEXT_MAX = 256, SEMVER_RANGE_TEXT_MAX = 512 };

typedef enum SemverPart { SEMVER_MAJOR, SEMVER_MINOR, SEMVER_PATCH, SEMVER_PARTS } SemverPart;

/* Strs borrow the text that was parsed. */
typedef struct Semver {
    Str number[SEMVER_PARTS]; /* digits without leading zeros */
    Str prerelease;           /* "rc.1"; "" for a release */
    Str build;                /* ignored by comparisons (section 10) */
} Semver;

/* Exactly as section 2, 9 and 10 say: no "v", no missing parts, at most SEMVER_TEXT_MAX bytes. */
MUST_CHECK bool semver_parse(Str text, Semver *ret);
/* Precedence, section 11: negative, 0, positive. */
int semver_compare(const Semver *a, const Semver *b);
/* A text whose byte order is the order of precedence, for sorting in a database. */
Str semver_sort_key(Arena *arena, const Semver *version);

typedef struct SemverRange SemverRange;
/* What package.json takes: comparators (< <= > >= =), x-ranges (1.x, *, 1.2), hyphen ranges
 * (1.2 - 2), tilde, caret, || between alternatives; "" is any release. The range lives in the
 * arena. Fails RC_INVALID naming the part that cannot be read. */
MUST_CHECK Rc semver_range_parse(Arena *arena, Str text, SemverRange **ret, Error *err);
/* Does it let this version in? A pre-release only where the range names one of the same numbers. */
bool semver_range_accepts(const SemverRange *range, const Semver *version);

#endif
