/* SPDX-License-Identifier: Apache-2.0
 * Versions: the grammar and the precedence of Semantic Versioning 2.0.0. */
#include "modules/services/semver.h"

#include "base/buf.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool is_digits(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_number(Str s)
{
    return is_digits(s) && (s.len == 1 || s.ptr[0] != '0');
}

/* Dot-separated identifiers; numeric ones of a pre-release have no leading zero (section 9). */
static bool are_identifiers(Str s, bool is_prerelease)
{
    Str part;
    while (str_split(&s, '.', &part)) {
        for (size_t i = 0; i < part.len; i++) {
            if (!is_identifier_char(part.ptr[i])) {
                return false;
            }
        }
        if (part.len == 0 || (is_prerelease && is_digits(part) && !is_number(part))) {
            return false;
        }
    }
    return true;
}

static bool cut_tail(Str *s, char mark, bool is_prerelease, Str *ret)
{
    size_t at = str_find_char(*s, mark);
    *ret = STR_EMPTY;
    if (at == SIZE_MAX) {
        return true;
    }
    *ret = str_from_index(*s, at + 1);
    *s = str_sub(*s, 0, at);
    return are_identifiers(*ret, is_prerelease) && ret->len > 0;
}

bool semver_parse(Str text, Semver *ret)
{
    Semver v;
    Str part;
    size_t n = 0;
    if (text.len > SEMVER_TEXT_MAX || text.len == 0 || !cut_tail(&text, '+', false, &v.build) ||
        !cut_tail(&text, '-', true, &v.prerelease)) {
        return false;
    }
    while (str_split(&text, '.', &part)) {
        if (n == SEMVER_PARTS || !is_number(part)) {
            return false;
        }
        v.number[n++] = part;
    }
    if (n != SEMVER_PARTS) {
        return false;
    }
    *ret = v;
    return true;
}

static int compare_numbers(Str a, Str b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return memcmp(a.ptr, b.ptr, a.len);
}

/* Section 11.4: numeric ones by value and below the others, those in ASCII order. */
static int compare_identifiers(Str a, Str b)
{
    bool a_is_number = is_digits(a), b_is_number = is_digits(b);
    if (a_is_number && b_is_number) {
        return compare_numbers(a, b);
    }
    if (a_is_number != b_is_number) {
        return a_is_number ? -1 : 1;
    }
    return str_cmp(a, b);
}

static int compare_prereleases(Str a, Str b)
{
    Str x, y;
    if (a.len == 0 || b.len == 0) {
        return (a.len == 0) - (b.len == 0); /* a release is above its pre-releases */
    }
    for (;;) {
        bool has_x = str_split(&a, '.', &x), has_y = str_split(&b, '.', &y);
        if (!has_x || !has_y) {
            return has_x - has_y; /* the longer one is above */
        }
        int order = compare_identifiers(x, y);
        if (order != 0) {
            return order;
        }
    }
}

int semver_compare(const Semver *a, const Semver *b)
{
    for (size_t i = 0; i < SEMVER_PARTS; i++) {
        int order = compare_numbers(a->number[i], b->number[i]);
        if (order != 0) {
            return order;
        }
    }
    return compare_prereleases(a->prerelease, b->prerelease);
}

/* Its length comes first, so that longer numbers sort above shorter ones. */
static void put_number(Buf *out, Str digits)
{
    buf_fmt(out, "%03zu", digits.len);
    buf_put(out, digits);
}

/* After the three numbers: "." ends a pre-release, "0" begins a number of it, "1" a word, "~" says
 * that there is none; their order as bytes is that of section 11. A word ends with a space, which
 * is below all that words are made of, so that "a" comes before "a-b". */
Str semver_sort_key(Arena *arena, const Semver *version)
{
    Buf out = buf_init(arena, 8 * KIB);
    Str rest = version->prerelease, part;
    for (size_t i = 0; i < SEMVER_PARTS; i++) {
        put_number(&out, version->number[i]);
    }
    if (rest.len == 0) {
        buf_char(&out, '~');
        return buf_str(&out);
    }
    while (str_split(&rest, '.', &part)) {
        if (is_digits(part)) {
            buf_char(&out, '0');
            put_number(&out, part);
        } else {
            buf_char(&out, '1');
            buf_put(&out, part);
            buf_char(&out, ' ');
        }
    }
    buf_char(&out, '.');
    return buf_str(&out);
}
