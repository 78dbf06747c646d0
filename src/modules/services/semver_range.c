/* SPDX-License-Identifier: Apache-2.0
 * Ranges in the syntax of npm's node-semver. Every form is taken apart into comparators: a range is
 * a list of alternatives, an alternative a list of comparators that must all hold.
 *
 *   ^1.2.3   >=1.2.3 <2.0.0-0        ~1.2.3   >=1.2.3 <1.3.0-0        1.2.x   >=1.2.0 <1.3.0-0
 *   ^0.2.3   >=0.2.3 <0.3.0-0        >1.2     >=1.3.0                 <=1.2   <1.3.0-0
 *
 * An upper bound "<2.0.0-0" also shuts out the pre-releases of 2.0.0, "0" being the lowest there
 * is. */
#include "base/vec.h"

#include "modules/services/semver.h"

#include <string.h>

enum { ALTERNATIVES_MAX = 32, COMPARATORS_MAX = 64 };

typedef enum Op { OP_LT, OP_LTE, OP_GT, OP_GTE, OP_EQ, OP_TILDE, OP_CARET } Op;

typedef struct Comparator {
    Op op; /* OP_LT … OP_EQ */
    Semver version;
} Comparator;

typedef struct Alternative {
    VEC(Comparator) all;
} Alternative;

struct SemverRange {
    VEC(Alternative) any;
};

/* A version of which the last parts may be missing or wild cards. */
typedef struct Partial {
    Semver version;
    size_t n; /* how many parts are numbers: 0 is "*", 3 a whole version */
} Partial;

typedef struct Reader {
    Arena *arena;
    Error *err;
    Alternative *alternative;
} Reader;

static Rc refuse(Reader *r, Str part)
{
    return error_set(r->err, RC_INVALID,
                     "\"%.*s\" is no version range: write for instance ^1.2.3, ~1.2, >=1 <3, "
                     "1.x || 2.x or 1.2 - 2.3",
                     STR_ARG(str_sub(part, 0, 64)));
}

/* ---- partial versions */

static bool is_wildcard(Str s)
{
    return str_is(s, "x") || str_is(s, "X") || str_is(s, "*");
}

/* Missing parts are 0, so that a Semver comes of it. */
static Semver filled(const Partial *p)
{
    Semver v = p->version;
    for (size_t i = p->n; i < SEMVER_PARTS; i++) {
        v.number[i] = STR("0");
    }
    return v;
}

static bool split_parts(Str text, Partial *ret)
{
    Str part;
    size_t n_parts = 0;
    bool is_wild = false;
    *ret = (Partial){0};
    while (str_split(&text, '.', &part)) {
        if (n_parts++ == SEMVER_PARTS) {
            return false;
        }
        int64_t ignored;
        if (is_wildcard(part)) {
            is_wild = true;
        } else if (!is_wild) {
            ret->version.number[ret->n++] = part;
        } else if (!str_to_i64(part, &ignored)) { /* "1.x.3" is "1.x" */
            return false;
        }
    }
    return true;
}

static Rc read_partial(Reader *r, Str text, Partial *ret)
{
    Semver whole;
    Str core = text;
    if (str_starts(core, STR("v")) || str_starts(core, STR("V"))) {
        core = str_from_index(core, 1);
    }
    if (semver_parse(core, &whole)) {
        *ret = (Partial){.version = whole, .n = SEMVER_PARTS};
        return RC_OK;
    }
    core = str_sub(core, 0, str_find_char(core, '+'));
    if (core.len == 0 || !split_parts(core, ret) || ret->n == SEMVER_PARTS) {
        return refuse(r, text);
    }
    Semver zeros = filled(ret);
    Str joined = str_join(r->arena, zeros.number, SEMVER_PARTS, STR("."));
    return semver_parse(joined, &zeros) ? RC_OK : refuse(r, text);
}

static Str incremented(Arena *arena, Str digits)
{
    char *out = arena_alloc(arena, digits.len + 2);
    size_t i = digits.len;
    out[0] = '0';
    memcpy(out + 1, digits.ptr, digits.len);
    while (out[i] == '9') {
        out[i--] = '0';
    }
    out[i]++;
    return out[0] == '0' ? str_of(out + 1, digits.len) : str_of(out, digits.len + 1);
}

/* The lowest version whose part `at` is one higher: 1.2.3 at the minor part gives 1.3.0. */
static Semver next_after(Arena *arena, const Semver *v, size_t at)
{
    Semver next = {
        .number = {v->number[0], v->number[1], v->number[2]}
    };
    next.number[at] = incremented(arena, v->number[at]);
    for (size_t i = at + 1; i < SEMVER_PARTS; i++) {
        next.number[i] = STR("0");
    }
    return next;
}

/* ---- comparators */

static void add(Reader *r, Op op, Semver version)
{
    VEC_PUSH(&r->alternative->all, ((Comparator){op, version}));
}

static void add_below(Reader *r, Semver version)
{
    version.prerelease = STR("0");
    version.build = STR_EMPTY;
    add(r, OP_LT, version);
}

static void add_nothing(Reader *r)
{
    add_below(r, (Semver){
                     .number = {STR("0"), STR("0"), STR("0")}
    });
}

/* The first part that is not 0 may not change; with none, the last one that is given. */
static size_t caret_part(const Partial *p)
{
    size_t at = 0;
    while (at + 1 < p->n && str_is(p->version.number[at], "0")) {
        at++;
    }
    return at;
}

static void add_span(Reader *r, const Partial *p, size_t fixed)
{
    Semver from = filled(p);
    if (p->n == 0) {
        return; /* "*": anything */
    }
    add(r, OP_GTE, from);
    add_below(r, next_after(r->arena, &from, fixed));
}

static void add_primitive(Reader *r, Op op, const Partial *p)
{
    Semver v = filled(p);
    bool is_whole = p->n == SEMVER_PARTS;
    if (p->n == 0) {
        if (op == OP_LT || op == OP_GT) {
            add_nothing(r);
        }
        return;
    }
    if (is_whole || op == OP_GTE) {
        add(r, op, v);
    } else if (op == OP_LT) {
        add_below(r, v);
    } else if (op == OP_GT) {
        add(r, OP_GTE, next_after(r->arena, &v, p->n - 1));
    } else {
        add_below(r, next_after(r->arena, &v, p->n - 1)); /* <=1.2 */
    }
}

static void add_simple(Reader *r, Op op, const Partial *p)
{
    switch (op) {
    case OP_CARET:
        add_span(r, p, caret_part(p));
        break;
    case OP_TILDE:
        add_span(r, p, MIN(p->n, 2) - (p->n > 0));
        break;
    case OP_EQ:
        if (p->n == SEMVER_PARTS) {
            add(r, OP_EQ, p->version);
        } else {
            add_span(r, p, p->n - (p->n > 0));
        }
        break;
    case OP_LT:
    case OP_LTE:
    case OP_GT:
    case OP_GTE:
        add_primitive(r, op, p);
        break;
    }
}

typedef struct OpRow {
    const char *text;
    Op op;
} OpRow;

/* Longer ones first. */
static const OpRow ops[] = {
    {"<=", OP_LTE  },
    {">=", OP_GTE  },
    {"~>", OP_TILDE},
    {"<",  OP_LT   },
    {">",  OP_GT   },
    {"=",  OP_EQ   },
    {"~",  OP_TILDE},
    {"^",  OP_CARET},
};

static Op cut_op(Str *s)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        Str text = str_from(ops[i].text);
        if (str_starts(*s, text)) {
            *s = str_trim(str_from_index(*s, text.len));
            return ops[i].op;
        }
    }
    return OP_EQ;
}

/* ---- alternatives */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static Str cut_word(Str *s)
{
    size_t n = 0;
    while (n < s->len && !is_space(s->ptr[n])) {
        n++;
    }
    Str word = str_sub(*s, 0, n);
    *s = str_trim(str_from_index(*s, n));
    return word;
}

static Rc read_hyphen(Reader *r, Str low, Str high)
{
    Partial from, to;
    TRY(read_partial(r, str_trim(low), &from));
    TRY(read_partial(r, str_trim(high), &to));
    add_primitive(r, OP_GTE, &from);
    add_primitive(r, OP_LTE, &to);
    return RC_OK;
}

static Rc read_alternative(Reader *r, Str text)
{
    Str rest = str_trim(text);
    size_t hyphen = str_find(rest, STR(" - "));
    if (hyphen != SIZE_MAX) {
        return read_hyphen(r, str_sub(rest, 0, hyphen), str_from_index(rest, hyphen + 3));
    }
    while (rest.len > 0) {
        Partial partial;
        Op op = cut_op(&rest); /* there may be spaces after it */
        TRY(read_partial(r, cut_word(&rest), &partial));
        if (r->alternative->all.n + 2 > COMPARATORS_MAX) {
            return error_set(r->err, RC_INVALID, "The version range has more than %d comparators.",
                             COMPARATORS_MAX);
        }
        add_simple(r, op, &partial);
    }
    return RC_OK;
}

Rc semver_range_parse(Arena *arena, Str text, SemverRange **ret, Error *err)
{
    SemverRange *range = ARENA_NEW(arena, SemverRange);
    Reader r = {.arena = arena, .err = err};
    Str rest = str_dup(arena, text);
    range->any.arena = arena;
    if (text.len > SEMVER_RANGE_TEXT_MAX) {
        return error_set(err, RC_INVALID, "A version range has at most %d characters.",
                         SEMVER_RANGE_TEXT_MAX);
    }
    for (bool is_last = false; !is_last;) {
        size_t at = str_find(rest, STR("||"));
        Alternative alternative = {.all = {.arena = arena}};
        is_last = at == SIZE_MAX;
        r.alternative = &alternative;
        if (range->any.n == ALTERNATIVES_MAX) {
            return error_set(err, RC_INVALID, "The version range has more than %d alternatives.",
                             ALTERNATIVES_MAX);
        }
        TRY(read_alternative(&r, str_sub(rest, 0, at)));
        VEC_PUSH(&range->any, alternative);
        rest = is_last ? STR_EMPTY : str_from_index(rest, at + 2);
    }
    *ret = range;
    return RC_OK;
}

/* ---- matching */

static bool holds(const Comparator *c, const Semver *v)
{
    int order = semver_compare(v, &c->version);
    switch (c->op) {
    case OP_LT:
        return order < 0;
    case OP_LTE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GTE:
        return order >= 0;
    case OP_EQ:
    case OP_TILDE:
    case OP_CARET:
        break;
    }
    return order == 0;
}

static bool is_same_release(const Semver *a, const Semver *b)
{
    for (size_t i = 0; i < SEMVER_PARTS; i++) {
        if (!str_eq(a->number[i], b->number[i])) {
            return false;
        }
    }
    return true;
}

/* Who asks for 1.2.3-rc.1 or later has shown to take pre-releases of 1.2.3, and of nothing else. */
static bool takes_prerelease(const Alternative *alternative, const Semver *v)
{
    for (size_t i = 0; i < alternative->all.n; i++) {
        const Semver *named = &alternative->all.at[i].version;
        if (named->prerelease.len > 0 && is_same_release(named, v)) {
            return true;
        }
    }
    return v->prerelease.len == 0;
}

static bool alternative_accepts(const Alternative *alternative, const Semver *v)
{
    for (size_t i = 0; i < alternative->all.n; i++) {
        if (!holds(&alternative->all.at[i], v)) {
            return false;
        }
    }
    return takes_prerelease(alternative, v);
}

bool semver_range_accepts(const SemverRange *range, const Semver *version)
{
    for (size_t i = 0; i < range->any.n; i++) {
        if (alternative_accepts(&range->any.at[i], version)) {
            return true;
        }
    }
    return false;
}
