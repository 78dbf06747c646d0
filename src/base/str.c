/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/id.h"
#include "base/utf8.h"

#include <locale.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wctype.h>

/* Longer decimal numbers are no numbers: a double has 17 significant digits. */
enum { NUMBER_TEXT_MAX = 512 };

Str str_from(const char *cstr)
{
    return cstr ? (Str){cstr, strlen(cstr)} : STR_EMPTY;
}

Str str_of(const char *ptr, size_t len)
{
    return (Str){ptr, len};
}

bool str_eq(Str a, Str b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): what has a length has bytes */
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(Str a, Str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool str_is(Str a, const char *cstr)
{
    return str_eq(a, str_from(cstr));
}

int str_cmp(Str a, Str b)
{
    size_t n = MIN(a.len, b.len);
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(Str s, Str prefix)
{
    return s.len >= prefix.len && str_eq(str_of(s.ptr, prefix.len), prefix);
}

bool str_ends(Str s, Str suffix)
{
    return s.len >= suffix.len && str_eq(str_from_index(s, s.len - suffix.len), suffix);
}

static size_t index_of(Str s, const char *at)
{
    return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

size_t str_find(Str s, Str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    return s.len ? index_of(s, memmem(s.ptr, s.len, needle.ptr, needle.len)) : SIZE_MAX;
}

size_t str_find_char(Str s, char c)
{
    return s.len ? index_of(s, memchr(s.ptr, c, s.len)) : SIZE_MAX;
}

size_t str_rfind_char(Str s, char c)
{
    return s.len ? index_of(s, memrchr(s.ptr, c, s.len)) : SIZE_MAX;
}

Str str_sub(Str s, size_t from, size_t to)
{
    to = MIN(to, s.len);
    from = MIN(from, to);
    return str_of(s.ptr ? s.ptr + from : NULL, to - from);
}

Str str_from_index(Str s, size_t from)
{
    return str_sub(s, from, s.len);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Str str_trim(Str s)
{
    size_t from = 0;
    size_t to = s.len;

    while (from < to && is_space(s.ptr[from])) {
        from++;
    }
    while (to > from && is_space(s.ptr[to - 1])) {
        to--;
    }
    return str_sub(s, from, to);
}

bool str_split(Str *rest, char sep, Str *ret_part)
{
    if (!rest->ptr) {
        return false;
    }
    size_t at = str_find_char(*rest, sep);

    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = STR_EMPTY;
    } else {
        *ret_part = str_sub(*rest, 0, at);
        *rest = str_from_index(*rest, at + 1);
    }
    return true;
}

bool str_to_u64(Str s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit, &v)) {
            return false;
        }
    }
    *ret = v;
    return true;
}

bool str_to_i64(Str s, int64_t *ret)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t v;

    if (!str_to_u64(is_negative ? str_from_index(s, 1) : s, &v)) {
        return false;
    }
    if (is_negative) {
        if (v > (uint64_t)INT64_MAX + 1) {
            return false;
        }
        *ret = v == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)v;
        return true;
    }
    if (v > INT64_MAX) {
        return false;
    }
    *ret = (int64_t)v;
    return true;
}

static size_t skip_digits(Str s, size_t i)
{
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        i++;
    }
    return i;
}

/* [-] digits [. digits] [e [+-] digits]: neither hexadecimal nor "inf", which strtod would take. */
static bool is_decimal(Str s)
{
    size_t start = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t i = skip_digits(s, start);

    if (i == start) {
        return false;
    }
    if (i < s.len && s.ptr[i] == '.') {
        start = i + 1;
        i = skip_digits(s, start);
        if (i == start) {
            return false;
        }
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-')) {
            i++;
        }
        start = i;
        i = skip_digits(s, start);
        if (i == start) {
            return false;
        }
    }
    return i == s.len;
}

/* Locales that this file's conversions use whatever the process has set; never freed. */
static pthread_once_t locales_once = PTHREAD_ONCE_INIT;
static locale_t locale_c;
static locale_t locale_utf8;

static void open_locales(void)
{
    locale_c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    ASSERT(locale_c != (locale_t)0);
    ASSERT(locale_utf8 != (locale_t)0);
}

bool str_to_double(Str s, double *ret)
{
    char text[NUMBER_TEXT_MAX + 1];

    if (s.len > NUMBER_TEXT_MAX || !is_decimal(s)) {
        return false;
    }
    ASSERT(pthread_once(&locales_once, open_locales) == 0);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double v = strtod_l(text, NULL, locale_c);
    if (!__builtin_isfinite(v)) {
        return false;
    }
    *ret = v;
    return true;
}

/* s with room for a terminator, which arena memory already is. */
static char *dup_bytes(Arena *arena, Str s)
{
    char *copy = arena_alloc(arena, s.len + 1);

    if (s.len) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

Str str_dup(Arena *arena, Str s)
{
    return str_of(dup_bytes(arena, s), s.len);
}

const char *str_cstr(Arena *arena, Str s)
{
    return dup_bytes(arena, s);
}

Str str_fmt(Arena *arena, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_list again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    char *out = arena_alloc(arena, (size_t)n + 1);
    if ((size_t)n < sizeof(small)) {
        memcpy(out, small, (size_t)n);
    } else {
        ASSERT(vsnprintf(out, (size_t)n + 1, fmt, again) == n);
    }
    va_end(again);
    return str_of(out, (size_t)n);
}

Str str_lower(Arena *arena, Str s)
{
    char *out = arena_alloc(arena, s.len + 1);

    for (size_t i = 0; i < s.len; i++) {
        out[i] = lower(s.ptr[i]);
    }
    return str_of(out, s.len);
}

Str str_lower_utf8(Arena *arena, Str s)
{
    ASSERT(pthread_once(&locales_once, open_locales) == 0);
    ASSERT(s.len < SIZE_MAX / 4);
    /* A two-byte letter may become a three-byte one (U+023A); no letter more than doubles. */
    char *out = arena_alloc(arena, 2 * s.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        size_t len = utf8_decode(s.ptr + i, s.len - i, &cp);
        if (len <= 1) {
            out[n++] = lower(s.ptr[i++]);
            continue;
        }
        n += utf8_encode((uint32_t)towlower_l((wint_t)cp, locale_utf8), out + n);
        i += len;
    }
    return str_of(out, n);
}

Str str_join(Arena *arena, const Str *parts, size_t n, Str sep)
{
    size_t total = n > 1 ? sep.len * (n - 1) : 0;

    for (size_t i = 0; i < n; i++) {
        total += parts[i].len;
    }
    char *out = arena_alloc(arena, total + 1);
    char *at = out;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && sep.len) {
            at = mempcpy(at, sep.ptr, sep.len);
        }
        if (parts[i].len) {
            at = mempcpy(at, parts[i].ptr, parts[i].len);
        }
    }
    return str_of(out, total);
}

Str str_replace(Arena *arena, Str s, Str what, Str with)
{
    size_t n = 0;

    if (what.len == 0) {
        return str_dup(arena, s);
    }
    Str rest = s;
    for (size_t next = str_find(s, what); next != SIZE_MAX; next = str_find(rest, what)) {
        rest = str_from_index(rest, next + what.len);
        n++;
    }
    char *out = arena_array(arena, s.len - n * what.len + n * with.len + 1, 1);
    char *at = out;
    for (size_t next = str_find(s, what); next != SIZE_MAX; next = str_find(s, what)) {
        at = mempcpy(at, s.ptr, next);
        if (with.len) {
            at = mempcpy(at, with.ptr, with.len);
        }
        s = str_from_index(s, next + what.len);
    }
    if (s.len) {
        at = mempcpy(at, s.ptr, s.len);
    }
    return str_of(out, (size_t)(at - out));
}

bool str_is_utf8(Str s, size_t *ret_at)
{
    size_t i = 0;

    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof(eight)) {
            memcpy(&eight, s.ptr + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t len = utf8_decode(s.ptr + i, s.len - i, NULL);
        if (len == 0) {
            if (ret_at) {
                *ret_at = i;
            }
            return false;
        }
        i += len;
    }
    return true;
}

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seeds[2];

static void make_seeds(void)
{
    random_bytes(seeds, sizeof(seeds));
    seeds[1] |= 1; /* a multiplier of zero would forget everything */
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 U128;
    U128 product = (U128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold with two secret words: quick, and a client that does not know them cannot aim
 * keys at one slot. */
uint64_t str_hash(Str s)
{
    ASSERT(pthread_once(&seed_once, make_seeds) == 0);
    uint64_t h = seeds[0] ^ s.len;
    size_t i = 0;
    uint64_t word;

    for (; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        h = mix(h ^ word, seeds[1]);
    }
    if (i < s.len) {
        word = 0;
        memcpy(&word, s.ptr + i, s.len - i);
        h = mix(h ^ word, seeds[1]);
    }
    return mix(h ^ seeds[1], seeds[0] | 1);
}

bool str_eq_secret(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
