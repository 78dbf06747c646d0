/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_scalar.c - plain scalars by the core schema, numbers turned into JSON syntax. */
#include "base/arena.h"
#include "base/buf.h"

#include "data/json_priv.h"
#include "data/yaml_priv.h"

#include <inttypes.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_any(Str s, const char *a, const char *b, const char *c)
{
    return str_is(s, a) || str_is(s, b) || str_is(s, c);
}

/* Value of a digit in bases up to 16; 16 when it is none. */
static unsigned digit_value(char c)
{
    if (is_digit(c)) {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a' + 10);
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned)(c - 'A' + 10);
    }
    return 16;
}

/* 0o17 and 0x1F. */
static YamlScalar resolve_based(Arena *arena, Str s, unsigned base)
{
    YamlScalar scalar = {.form = YAML_FORM_NUMBER, .is_integer = true};
    uint64_t v = 0;

    for (size_t i = 2; i < s.len; i++) {
        unsigned digit = digit_value(s.ptr[i]);
        if (digit >= base) {
            return (YamlScalar){.form = YAML_FORM_STRING};
        }
        if (v > (UINT64_MAX - digit) / base) {
            scalar.form = YAML_FORM_TOO_LARGE;
        } else {
            v = v * base + digit;
        }
    }
    if (arena && scalar.form == YAML_FORM_NUMBER) {
        scalar.number = str_fmt(arena, "%" PRIu64, v);
    }
    return scalar;
}

/* The parts of [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
typedef struct Parts {
    bool negative, has_point;
    Str whole, fraction, exponent; /* exponent with its letter */
} Parts;

static Str take_digits(Str s, size_t *at)
{
    size_t from = *at;

    while (*at < s.len && is_digit(s.ptr[*at])) {
        *at += 1;
    }
    return str_sub(s, from, *at);
}

static bool split_number(Str s, Parts *ret)
{
    Parts parts = {.negative = s.ptr[0] == '-'};
    size_t at = s.ptr[0] == '-' || s.ptr[0] == '+' ? 1 : 0;

    parts.whole = take_digits(s, &at);
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        parts.has_point = true;
        parts.fraction = take_digits(s, &at);
    }
    if (parts.whole.len == 0 && parts.fraction.len == 0) {
        return false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        size_t from = at++;
        if (at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+')) {
            at++;
        }
        if (take_digits(s, &at).len == 0) {
            return false;
        }
        parts.exponent = str_sub(s, from, at);
    }
    *ret = parts;
    return at == s.len;
}

/* "+.5" -> "0.5", "017" -> "17", "1." -> "1.0" */
static Str json_spelling(Arena *arena, const Parts *parts)
{
    Str whole = parts->whole;
    Str fraction = parts->has_point && parts->fraction.len == 0 ? STR("0") : parts->fraction;

    while (whole.len > 1 && whole.ptr[0] == '0') {
        whole = str_from_index(whole, 1);
    }
    if (whole.len == 0) {
        whole = STR("0");
    }
    const Str texts[] = {
        parts->negative ? STR("-") : STR(""),
        whole,
        parts->has_point ? STR(".") : STR(""),
        fraction,
        parts->exponent,
    };
    return str_join(arena, texts, ARRAY_LEN(texts), STR(""));
}

static YamlScalar resolve_number(Arena *arena, Str s)
{
    YamlScalar scalar = {.form = YAML_FORM_NUMBER, .number = s};
    Parts parts;

    if (s.len > 2 && s.ptr[0] == '0' && s.ptr[1] == 'x') {
        return resolve_based(arena, s, 16);
    }
    if (s.len > 2 && s.ptr[0] == '0' && s.ptr[1] == 'o') {
        return resolve_based(arena, s, 8);
    }
    if (!split_number(s, &parts)) {
        return (YamlScalar){.form = YAML_FORM_STRING};
    }
    scalar.is_integer = !parts.has_point && parts.exponent.len == 0;
    if (arena && json_number_length(s) != s.len) {
        scalar.number = json_spelling(arena, &parts);
    }
    return scalar;
}

/* Forms that begin with a point or a sign: numbers, .inf, .nan. */
static YamlScalar resolve_signed(Arena *arena, Str s)
{
    Str rest = s.ptr[0] == '.' ? s : str_from_index(s, 1);

    if (is_any(rest, ".inf", ".Inf", ".INF") ||
        (s.ptr[0] == '.' && is_any(s, ".nan", ".NaN", ".NAN"))) {
        return (YamlScalar){.form = YAML_FORM_NOT_FINITE};
    }
    return resolve_number(arena, s);
}

YamlScalar yaml_scalar_resolve(Arena *arena, Str s)
{
    YamlScalar string = {.form = YAML_FORM_STRING};

    if (s.len == 0) {
        return (YamlScalar){.form = YAML_FORM_NULL};
    }
    switch (s.ptr[0]) {
    case '~':
        string.form = s.len == 1 ? YAML_FORM_NULL : YAML_FORM_STRING;
        return string;
    case 'n':
    case 'N':
        string.form = is_any(s, "null", "Null", "NULL") ? YAML_FORM_NULL : YAML_FORM_STRING;
        return string;
    case 't':
    case 'T':
        string.boolean = is_any(s, "true", "True", "TRUE");
        string.form = string.boolean ? YAML_FORM_BOOL : YAML_FORM_STRING;
        return string;
    case 'f':
    case 'F':
        string.form = is_any(s, "false", "False", "FALSE") ? YAML_FORM_BOOL : YAML_FORM_STRING;
        return string;
    case '.':
    case '-':
    case '+':
        return resolve_signed(arena, s);
    default:
        return is_digit(s.ptr[0]) ? resolve_number(arena, s) : string;
    }
}
