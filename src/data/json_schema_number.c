/* SPDX-License-Identifier: Apache-2.0
 * Numbers of any size compared and divided exactly, straight from their JSON text. */
#include "data/json_schema_priv.h"

/* pedantic C has no 128-bit integer, both compilers do */
__extension__ typedef unsigned __int128 U128;

enum {
    DIVISOR_DIGITS_MAX = 18, /* so that a remainder times ten stays within 128 bits */
    SMALL_INT_DIGITS = 18,
};

bool jschema_small_int(Str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t v = 0;
    if (i == s.len || s.len - i > SMALL_INT_DIGITS) {
        return false;
    }
    for (; i < s.len; i++) {
        unsigned digit = (unsigned)s.ptr[i] - '0';
        if (digit > 9) {
            return false;
        }
        v = v * 10 + (int64_t)digit;
    }
    *ret = negative ? -v : v;
    return true;
}

static size_t n_digits(const JsonDecimal *d)
{
    return d->to - d->from;
}

static int magnitude_cmp(const JsonDecimal *a, const JsonDecimal *b)
{
    size_t n_a = n_digits(a);
    size_t n_b = n_digits(b);
    if (n_a == 0 || n_b == 0) {
        return (n_a != 0) - (n_b != 0);
    }
    if (a->point != b->point) {
        return a->point < b->point ? -1 : 1;
    }
    for (size_t i = 0; i < MIN(n_a, n_b); i++) {
        char x = json_decimal_digit(a, a->from + i);
        char y = json_decimal_digit(b, b->from + i);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (n_a > n_b) - (n_a < n_b);
}

int jschema_decimal_cmp(const JsonDecimal *a, const JsonDecimal *b)
{
    bool a_negative = a->negative && n_digits(a) > 0;
    bool b_negative = b->negative && n_digits(b) > 0;
    if (a_negative != b_negative) {
        return a_negative ? -1 : 1;
    }
    int cmp = magnitude_cmp(a, b);
    return a_negative ? -cmp : cmp;
}

static uint64_t mod_mul(uint64_t a, uint64_t b, uint64_t m)
{
    return (uint64_t)((U128)a * b % m);
}

static uint64_t mod_pow10(uint64_t exponent, uint64_t m)
{
    uint64_t result = 1 % m;
    uint64_t base = 10 % m;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) {
            result = mod_mul(result, base, m);
        }
        base = mod_mul(base, base, m);
    }
    return result;
}

/* The digits of d as one number, modulo m; m 0 for no modulus. */
static uint64_t digits_mod(const JsonDecimal *d, uint64_t m)
{
    U128 rest = 0;
    for (size_t i = d->from; i < d->to; i++) {
        rest = rest * 10 + (unsigned)(json_decimal_digit(d, i) - '0');
        rest = m > 0 ? rest % m : rest;
    }
    return (uint64_t)rest;
}

/* value = A * 10^ea, of = B * 10^eb with neither A nor B ending in zero. For ea < eb the quotient
 * would need A to have a factor ten, so the answer is no; else it is A * 10^(ea-eb) mod B == 0. */
bool jschema_decimal_is_multiple(const JsonDecimal *value, const JsonDecimal *of)
{
    if (n_digits(value) == 0) {
        return true;
    }
    int64_t shift = (value->point - (int64_t)n_digits(value)) - (of->point - (int64_t)n_digits(of));
    if (shift < 0) {
        return false;
    }
    if (n_digits(of) > DIVISOR_DIGITS_MAX) {
        /* too long to divide by here: only its own decimal shifts count as multiples */
        JsonDecimal a = *value;
        JsonDecimal b = *of;
        a.point = b.point = 0;
        return magnitude_cmp(&a, &b) == 0;
    }
    uint64_t divisor = digits_mod(of, 0);
    ASSERT(divisor > 0); /* the schema was refused otherwise */
    return mod_mul(digits_mod(value, divisor), mod_pow10((uint64_t)shift, divisor), divisor) == 0;
}
