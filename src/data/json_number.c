/* SPDX-License-Identifier: Apache-2.0
 * data/json_number.c - numbers as decimal text: grammar, exact comparison, conversion.
 *
 * Nothing is rounded on the way: 1, 1.0 and 10e-1 are one value, and 0.1 differs from
 * 0.1000000000000000000001, as JSON Schema has it. */
#include "data/json_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The point is held within this many places: beyond it all values of the same digits count as one.
 */
#define POINT_MAX INT64_C(1000000000000000)

enum {
    PLAIN_WHOLE_MAX = 21,   /* canonical text: longest number of digits before the point ... */
    PLAIN_FRACTION_MIN = -6 /* ... and smallest place of the point, without an exponent */
};

static size_t skip_digits(Str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
        at++;
    }
    return at;
}

size_t json_number_length(Str s)
{
    size_t at = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t whole = at;

    if (at < s.len && s.ptr[at] == '0') {
        at++;
    } else {
        at = skip_digits(s, at);
    }
    if (at == whole) {
        return 0;
    }
    if (at + 1 < s.len && s.ptr[at] == '.') {
        size_t end = skip_digits(s, at + 1);
        if (end > at + 1) {
            at = end;
        }
    }
    if (at + 1 < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        size_t digits = at + 1 + (s.ptr[at + 1] == '+' || s.ptr[at + 1] == '-' ? 1 : 0);
        size_t end = skip_digits(s, digits);
        if (end > digits) {
            at = end;
        }
    }
    return at;
}

static int64_t exponent_value(Str s)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    int64_t v = 0;

    for (size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0; i < s.len; i++) {
        v = MIN(v * 10 + (s.ptr[i] - '0'), 2 * POINT_MAX); /* more than digits can take back */
    }
    return negative ? -v : v;
}

char json_decimal_digit(const JsonDecimal *d, size_t at)
{
    return at < d->n_whole ? d->whole[at] : d->fraction[at - d->n_whole];
}

JsonDecimal json_decimal(Str text)
{
    JsonDecimal d = {.negative = text.len > 0 && text.ptr[0] == '-', .fraction = ""};
    size_t whole = d.negative ? 1 : 0;
    size_t at = skip_digits(text, whole);
    size_t n_fraction = 0;
    int64_t exponent = 0;

    d.whole = text.ptr + whole;
    d.n_whole = at - whole;
    if (at < text.len && text.ptr[at] == '.') {
        d.fraction = text.ptr + at + 1;
        size_t end = skip_digits(text, at + 1);
        n_fraction = end - at - 1;
        at = end;
    }
    if (at < text.len) {
        exponent = exponent_value(str_from_index(text, at + 1));
    }
    d.to = d.n_whole + n_fraction;
    while (d.from < d.to && json_decimal_digit(&d, d.from) == '0') {
        d.from++;
    }
    while (d.to > d.from && json_decimal_digit(&d, d.to - 1) == '0') {
        d.to--;
    }
    int64_t point = (int64_t)d.n_whole - (int64_t)d.from + exponent;
    d.point = d.from == d.to ? 0 : MAX(MIN(point, POINT_MAX), -POINT_MAX);
    return d;
}

bool json_decimal_equal(const JsonDecimal *a, const JsonDecimal *b)
{
    size_t n = a->to - a->from;

    if (n != b->to - b->from) {
        return false;
    }
    if (n == 0) {
        return true; /* zero, of either sign */
    }
    if (a->negative != b->negative || a->point != b->point) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (json_decimal_digit(a, a->from + i) != json_decimal_digit(b, b->from + i)) {
            return false;
        }
    }
    return true;
}

static bool decimal_is_integer(const JsonDecimal *d)
{
    return d->from == d->to || d->point >= (int64_t)(d->to - d->from);
}

static void write_digits(Buf *out, const JsonDecimal *d, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        buf_char(out, json_decimal_digit(d, i));
    }
}

static void write_zeros(Buf *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        buf_char(out, '0');
    }
}

void json_decimal_write(Buf *out, const JsonDecimal *d)
{
    int64_t n = (int64_t)(d->to - d->from);

    if (n == 0) {
        buf_char(out, '0');
        return;
    }
    if (d->negative) {
        buf_char(out, '-');
    }
    if (n <= d->point && d->point <= PLAIN_WHOLE_MAX) {
        write_digits(out, d, d->from, d->to);
        write_zeros(out, d->point - n);
    } else if (d->point > 0 && d->point <= PLAIN_WHOLE_MAX) {
        write_digits(out, d, d->from, d->from + (size_t)d->point);
        buf_char(out, '.');
        write_digits(out, d, d->from + (size_t)d->point, d->to);
    } else if (d->point <= 0 && d->point > PLAIN_FRACTION_MIN) {
        buf_lit(out, "0.");
        write_zeros(out, -d->point);
        write_digits(out, d, d->from, d->to);
    } else {
        write_digits(out, d, d->from, d->from + 1);
        if (n > 1) {
            buf_char(out, '.');
            write_digits(out, d, d->from + 1, d->to);
        }
        buf_char(out, 'e');
        buf_i64(out, d->point - 1);
    }
}

bool json_is_integer(const Json *v)
{
    if (!json_is(v, JSON_NUMBER)) {
        return false;
    }
    JsonDecimal d = json_decimal(v->text);
    return decimal_is_integer(&d);
}

bool json_to_i64(const Json *v, int64_t *ret)
{
    if (!json_is(v, JSON_NUMBER)) {
        return false;
    }
    if (str_to_i64(v->text, ret)) {
        return true; /* the usual spelling */
    }
    JsonDecimal d = json_decimal(v->text);
    uint64_t magnitude = 0;
    uint64_t max = d.negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (!decimal_is_integer(&d) || d.point > 19) {
        return false;
    }
    /* At most 19 digits: no overflow of 64 bits. */
    for (int64_t i = 0; i < d.point; i++) {
        size_t at = d.from + (size_t)i;
        magnitude = magnitude * 10 + (at < d.to ? (uint64_t)(json_decimal_digit(&d, at) - '0') : 0);
    }
    if (magnitude > max) {
        return false;
    }
    *ret = d.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool json_to_double(const Json *v, double *ret)
{
    double d;

    if (!json_is(v, JSON_NUMBER) || !str_to_double(v->text, &d) || !isfinite(d)) {
        return false;
    }
    *ret = d;
    return true;
}

Str json_double_text(double v, char out[JSON_DOUBLE_SIZE])
{
    int n = 0;

    for (int precision = 15; precision <= 17; precision++) {
        double back;
        n = snprintf(out, JSON_DOUBLE_SIZE, "%.*g", precision, v);
        Str text = str_of(out, (size_t)n);
        if (str_to_double(text, &back) && back == v) {
            return text;
        }
    }
    return str_of(out, (size_t)n);
}
