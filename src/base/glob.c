/* SPDX-License-Identifier: Apache-2.0
 * A pattern becomes a small nondeterministic automaton, and matching keeps the set of states that
 * the text read so far can be in. Time is bounded by pattern length times text length, whatever
 * the pattern: there is no backtracking that a hostile pattern could blow up. */
#include "base/glob_priv.h"
#include "base/utf8.h"

#include <string.h>

enum { GLOB_BRACE_DEPTH = 8, GLOB_BRANCHES = 64 };

typedef struct Compiler {
    Glob *glob;
    Str text;
    size_t at;
    unsigned depth;
    bool at_start; /* of a path segment */
} Compiler;

static bool emit(Glob *glob, GlobOp op)
{
    if (glob->n == GLOB_OPS_MAX - 1) {
        return false;
    }
    glob->ops[glob->n++] = op;
    return true;
}

/* Index just after the ']' that closes the class at `at`, or 0. */
static size_t class_end(Str text, size_t at)
{
    size_t i = at + 1;

    if (i < text.len && (text.ptr[i] == '!' || text.ptr[i] == '^')) {
        i++;
    }
    /* ']' in the first place is a member. */
    for (size_t k = i; k < text.len && text.ptr[k] != '/'; k++) {
        if (text.ptr[k] == ']' && k > i) {
            return k + 1;
        }
    }
    return 0;
}

/* Index of the '}' that closes the brace at `at`, or 0 when there is none or no comma in it. */
static size_t brace_end(Str text, size_t at)
{
    unsigned depth = 0;
    bool has_comma = false;

    for (size_t i = at; i < text.len; i++) {
        char c = text.ptr[i];
        size_t skip = c == '[' ? class_end(text, i) : 0;
        if (skip) {
            i = skip - 1;
        } else if (c == '{') {
            depth++;
        } else if (c == ',' && depth == 1) {
            has_comma = true;
        } else if (c == '}' && --depth == 0) {
            return has_comma ? i : 0;
        }
    }
    return 0;
}

static bool compile_until(Compiler *c, size_t end);

/* Index of the ',' or '}' that ends the alternative at `at`. */
static size_t alternative_end(Str text, size_t at, size_t close)
{
    unsigned depth = 0;
    size_t i = at;

    while (i < close && (depth > 0 || text.ptr[i] != ',')) {
        size_t skip = text.ptr[i] == '[' ? class_end(text, i) : 0;
        if (text.ptr[i] == '{') {
            depth++;
        } else if (text.ptr[i] == '}') {
            depth--;
        }
        i = skip ? skip : i + 1;
    }
    return i;
}

/* {a,b}: SPLIT to each alternative, each but the last followed by a JUMP behind the last. */
static bool compile_brace(Compiler *c, size_t close)
{
    Glob *glob = c->glob;
    size_t jumps[GLOB_BRANCHES];
    size_t n_jumps = 0;
    bool started = c->at_start;
    bool all_at_start = true;

    if (++c->depth > GLOB_BRACE_DEPTH) {
        return false;
    }
    do {
        size_t end = alternative_end(c->text, ++c->at, close);
        size_t split = glob->n;
        bool is_last = end == close;
        c->at_start = started;
        if ((!is_last && !emit(glob, (GlobOp){.kind = GLOB_SPLIT})) || !compile_until(c, end)) {
            return false;
        }
        if (!is_last) {
            if (n_jumps == GLOB_BRANCHES || !emit(glob, (GlobOp){.kind = GLOB_JUMP})) {
                return false;
            }
            jumps[n_jumps++] = glob->n - 1;
            glob->ops[split].to = (uint16_t)glob->n;
        }
        all_at_start = all_at_start && c->at_start;
    } while (c->at < close);
    for (size_t i = 0; i < n_jumps; i++) {
        glob->ops[jumps[i]].to = (uint16_t)glob->n;
    }
    c->at = close + 1;
    c->at_start = all_at_start;
    c->depth--;
    return true;
}

/* "*" and "**"; a "**" that begins a segment before '/' also matches no segment at all. */
static bool compile_star(Compiler *c)
{
    Glob *glob = c->glob;
    size_t at = c->at;
    size_t end = at;

    while (end < c->text.len && c->text.ptr[end] == '*') {
        end++;
    }
    c->at = end;
    if (end - at == 1) {
        c->at_start = false;
        return emit(glob, (GlobOp){.kind = GLOB_STAR});
    }
    if (!c->at_start || end == c->text.len || c->text.ptr[end] != '/') {
        c->at_start = false;
        return emit(glob, (GlobOp){.kind = GLOB_GLOBSTAR});
    }
    size_t split = glob->n;
    if (!emit(glob, (GlobOp){.kind = GLOB_SPLIT}) || !emit(glob, (GlobOp){.kind = GLOB_GLOBSTAR}) ||
        !emit(glob, (GlobOp){.kind = GLOB_CHAR, .cp = '/'})) {
        return false;
    }
    glob->ops[split].to = (uint16_t)glob->n;
    c->at = end + 1;
    return true;
}

static bool compile_char(Compiler *c)
{
    uint32_t cp = 0;
    size_t len = utf8_decode(c->text.ptr + c->at, c->text.len - c->at, &cp);

    if (len == 0) {
        len = 1;
        cp = GLOB_BYTE | (unsigned char)c->text.ptr[c->at];
    }
    c->at += len;
    c->at_start = cp == '/';
    return emit(c->glob, (GlobOp){.kind = GLOB_CHAR, .cp = cp});
}

static bool compile_class(Compiler *c, size_t end)
{
    Str class = str_sub(c->text, c->at + 1, end - 1);

    c->at = end;
    c->at_start = false;
    return emit(c->glob, (GlobOp){.kind = GLOB_CLASS, .class = class});
}

static bool compile_any(Compiler *c)
{
    c->at++;
    c->at_start = false;
    return emit(c->glob, (GlobOp){.kind = GLOB_ANY});
}

/* One piece of the pattern; a bracket or brace that nothing closes stands for itself. */
static bool compile_piece(Compiler *c)
{
    char first = c->text.ptr[c->at];
    size_t end = 0;

    if (first == '*') {
        return compile_star(c);
    }
    if (first == '?') {
        return compile_any(c);
    }
    if (first == '[') {
        end = class_end(c->text, c->at);
        return end ? compile_class(c, end) : compile_char(c);
    }
    if (first == '{') {
        end = brace_end(c->text, c->at);
        return end ? compile_brace(c, end) : compile_char(c);
    }
    return compile_char(c);
}

static bool compile_until(Compiler *c, size_t end)
{
    while (c->at < end) {
        if (!compile_piece(c)) {
            return false;
        }
    }
    return true;
}

/* Adds a state and all that it reaches without reading. */
static void add_state(const Glob *glob, GlobStates *states, size_t at)
{
    while (!(states->bits[at / 64] >> (at % 64) & 1)) {
        states->bits[at / 64] |= UINT64_C(1) << (at % 64);
        GlobKind kind = glob->ops[at].kind;
        if (kind == GLOB_JUMP) {
            at = glob->ops[at].to;
        } else if (kind == GLOB_SPLIT) {
            /* The branch lies ahead, so the depth is bounded by the number of operations. */
            add_state(glob, states, glob->ops[at].to);
            at++;
        } else if (kind == GLOB_STAR || kind == GLOB_GLOBSTAR) {
            at++;
        } else {
            return;
        }
    }
}

bool glob_compile(Glob *glob, Str pattern)
{
    Compiler c = {.glob = glob, .text = pattern, .at_start = true};

    glob->n = 0;
    if (pattern.len > GLOB_PATTERN_MAX || !compile_until(&c, pattern.len)) {
        return false;
    }
    glob->ops[glob->n++] = (GlobOp){.kind = GLOB_END};
    return true;
}

GlobStates glob_start(const Glob *glob)
{
    GlobStates states = {{0}};

    add_state(glob, &states, 0);
    return states;
}

static uint32_t next_cp(Str text, size_t *at)
{
    uint32_t cp = 0;
    size_t len = utf8_decode(text.ptr + *at, text.len - *at, &cp);

    if (len == 0) {
        cp = GLOB_BYTE | (unsigned char)text.ptr[*at];
        len = 1;
    }
    *at += len;
    return cp;
}

static bool class_has(Str class, uint32_t cp)
{
    bool is_negated = class.len > 0 && (class.ptr[0] == '!' || class.ptr[0] == '^');
    bool is_member = false;

    for (size_t i = is_negated ? 1 : 0; i < class.len;) {
        uint32_t from = next_cp(class, &i);
        uint32_t to = from;
        if (i + 1 < class.len && class.ptr[i] == '-') {
            i++;
            to = next_cp(class, &i);
        }
        is_member = is_member || (cp >= from && cp <= to);
    }
    return is_member != is_negated;
}

static bool op_takes(const GlobOp *op, uint32_t cp, bool is_hidden_dot)
{
    switch (op->kind) {
    case GLOB_CHAR:
        return cp == op->cp;
    case GLOB_ANY:
    case GLOB_STAR:
        return cp != '/' && !is_hidden_dot;
    case GLOB_GLOBSTAR:
        return !is_hidden_dot;
    case GLOB_CLASS:
        return cp != '/' && !is_hidden_dot && class_has(op->class, cp);
    case GLOB_SPLIT:
    case GLOB_JUMP:
    case GLOB_END:
        return false;
    }
    return false;
}

GlobStates glob_feed(const Glob *glob, GlobStates states, Str text, bool starts_segment, bool hides)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t cp = next_cp(text, &i);
        bool is_hidden_dot = hides && starts_segment && cp == '.';
        GlobStates next = {{0}};
        for (size_t at = 0; at < glob->n; at++) {
            if (!(states.bits[at / 64] >> (at % 64) & 1)) {
                continue;
            }
            const GlobOp *op = &glob->ops[at];
            if (op_takes(op, cp, is_hidden_dot)) {
                bool stays = op->kind == GLOB_STAR || op->kind == GLOB_GLOBSTAR;
                add_state(glob, &next, stays ? at : at + 1);
            }
        }
        starts_segment = cp == '/';
        states = next;
    }
    return states;
}

bool glob_is_alive(const GlobStates *states)
{
    for (size_t i = 0; i < ARRAY_LEN(states->bits); i++) {
        if (states->bits[i]) {
            return true;
        }
    }
    return false;
}

bool glob_accepts(const Glob *glob, const GlobStates *states)
{
    size_t end = glob->n - 1;

    return (states->bits[end / 64] >> (end % 64) & 1) != 0;
}

static __attribute__((noinline)) bool automaton_match(Str pattern, Str text)
{
    Glob glob;

    if (!glob_compile(&glob, pattern)) {
        return false;
    }
    GlobStates states = glob_feed(&glob, glob_start(&glob), text, true, false);
    return glob_accepts(&glob, &states);
}

/* Most patterns are a name, or how names begin: no automaton for these. */
bool glob_match(Str pattern, Str text)
{
    size_t plain = 0; /* bytes that stand for themselves */

    while (plain < pattern.len && !strchr("*?[{", pattern.ptr[plain])) {
        plain++;
    }
    if (!str_starts(text, str_sub(pattern, 0, plain))) {
        return false;
    }
    if (plain == pattern.len && plain < GLOB_OPS_MAX - 1) {
        return plain == text.len;
    }
    if (plain + 1 == pattern.len && pattern.ptr[plain] == '*' && plain < GLOB_OPS_MAX - 2) {
        return str_find_char(str_from_index(text, plain), '/') == SIZE_MAX;
    }
    return automaton_match(pattern, text);
}
