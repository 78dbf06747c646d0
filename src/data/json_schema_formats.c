/* SPDX-License-Identifier: Apache-2.0
 * The formats of JSON Schema Validation section 7.3 that have a clear test. */
#include "base/id.h"

#include "data/json_schema_priv.h"

#include <arpa/inet.h>

enum { HOSTNAME_MAX = 253, LABEL_MAX = 63, LOCAL_PART_MAX = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* n digits at *at as a number; false when there are fewer. */
static bool take_number(Str s, size_t *at, size_t n, unsigned *ret)
{
    unsigned v = 0;
    for (size_t i = 0; i < n; i++, (*at)++) {
        if (*at >= s.len || !is_digit(s.ptr[*at])) {
            return false;
        }
        v = v * 10 + (unsigned)(s.ptr[*at] - '0');
    }
    *ret = v;
    return true;
}

static bool take_char(Str s, size_t *at, char c)
{
    if (*at >= s.len || s.ptr[*at] != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool format_date(Str s)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t at = 0;
    unsigned year;
    unsigned month;
    unsigned day;
    if (!take_number(s, &at, 4, &year) || !take_char(s, &at, '-') ||
        !take_number(s, &at, 2, &month) || !take_char(s, &at, '-') ||
        !take_number(s, &at, 2, &day) || at != s.len) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* The zone at *at in minutes east of UTC. */
static bool take_zone(Str s, size_t *at, int *ret)
{
    unsigned hour;
    unsigned minute;
    *ret = 0;
    if (take_char(s, at, 'Z') || take_char(s, at, 'z')) {
        return true;
    }
    bool west = take_char(s, at, '-');
    if (!west && !take_char(s, at, '+')) {
        return false;
    }
    if (!take_number(s, at, 2, &hour) || !take_char(s, at, ':') ||
        !take_number(s, at, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ret = (int)(hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

static bool format_time(Str s)
{
    size_t at = 0;
    unsigned hour;
    unsigned minute;
    unsigned second;
    int zone;
    if (!take_number(s, &at, 2, &hour) || !take_char(s, &at, ':') ||
        !take_number(s, &at, 2, &minute) || !take_char(s, &at, ':') ||
        !take_number(s, &at, 2, &second)) {
        return false;
    }
    if (take_char(s, &at, '.')) {
        size_t start = at;
        while (at < s.len && is_digit(s.ptr[at])) {
            at++;
        }
        if (at == start) {
            return false;
        }
    }
    if (!take_zone(s, &at, &zone) || at != s.len || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    /* a leap second is the last one of a day in UTC */
    int utc = ((int)(hour * 60 + minute) - zone + 2880) % 1440;
    return second < 60 || utc == 1439;
}

static bool format_date_time(Str s)
{
    return s.len > 11 && (s.ptr[10] == 'T' || s.ptr[10] == 't') && format_date(str_sub(s, 0, 10)) &&
           format_time(str_from_index(s, 11));
}

/* Digits and units from `units`, each but the first directly after its left neighbour. */
static bool take_duration_units(Str s, size_t *at, const char *units)
{
    const char *last = NULL;
    while (*at < s.len && is_digit(s.ptr[*at])) {
        while (*at < s.len && is_digit(s.ptr[*at])) {
            (*at)++;
        }
        const char *unit = *at < s.len && s.ptr[*at] != '\0' ? strchr(units, s.ptr[*at]) : NULL;
        if (unit == NULL || (last != NULL && unit != last + 1)) {
            return false;
        }
        last = unit;
        (*at)++;
    }
    return last != NULL;
}

/* RFC 3339 appendix A. */
static bool format_duration(Str s)
{
    size_t at = 0;
    if (!take_char(s, &at, 'P')) {
        return false;
    }
    if (str_ends(s, STR("W"))) {
        return take_duration_units(s, &at, "W") && at == s.len;
    }
    if (at < s.len && s.ptr[at] != 'T' && !take_duration_units(s, &at, "YMD")) {
        return false;
    }
    if (at == s.len) {
        return s.len > 1;
    }
    return take_char(s, &at, 'T') && take_duration_units(s, &at, "HMS") && at == s.len;
}

/* RFC 1123 section 2.1. */
static bool format_hostname(Str s)
{
    if (s.len == 0 || s.len > HOSTNAME_MAX) {
        return false;
    }
    Str label;
    while (str_split(&s, '.', &label)) {
        if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
            label.ptr[label.len - 1] == '-') {
            return false;
        }
        for (size_t i = 0; i < label.len; i++) {
            if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-') {
                return false;
            }
        }
    }
    return true;
}

static bool address_ok(int family, Str s)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (s.len == 0 || s.len >= sizeof text || str_find_char(s, '\0') != SIZE_MAX) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool format_ipv4(Str s)
{
    return address_ok(AF_INET, s);
}

static bool format_ipv6(Str s)
{
    return address_ok(AF_INET6, s);
}

/* RFC 5321 section 4.1.2: a quoted string. */
static bool quoted_local_part_ok(Str s)
{
    if (s.len < 2 || s.ptr[s.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 2 < s.len) {
            c = s.ptr[++i];
        } else if (c == '"' || c == '\\') {
            return false;
        }
        if (c < ' ' || c > '~') {
            return false;
        }
    }
    return true;
}

static bool dotted_local_part_ok(Str s)
{
    Str atom;
    while (str_split(&s, '.', &atom)) {
        if (atom.len == 0) {
            return false;
        }
        for (size_t i = 0; i < atom.len; i++) {
            char c = atom.ptr[i];
            if (c == '\0' || (!is_alnum(c) && strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)) {
                return false;
            }
        }
    }
    return true;
}

static bool format_email(Str s)
{
    size_t at = str_rfind_char(s, '@');
    if (at == SIZE_MAX || at == 0 || at > LOCAL_PART_MAX) {
        return false;
    }
    Str local = str_sub(s, 0, at);
    Str domain = str_from_index(s, at + 1);
    if (local.ptr[0] == '"' ? !quoted_local_part_ok(local) : !dotted_local_part_ok(local)) {
        return false;
    }
    if (domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']') {
        Str literal = str_sub(domain, 1, domain.len - 1);
        return str_starts(literal, STR("IPv6:")) ? format_ipv6(str_from_index(literal, 5))
                                                 : format_ipv4(literal);
    }
    return format_hostname(domain);
}

static bool format_uri(Str s)
{
    return jschema_uri_ok(s, false, false);
}

static bool format_uri_reference(Str s)
{
    return jschema_uri_ok(s, true, false);
}

static bool format_iri(Str s)
{
    return jschema_uri_ok(s, false, true);
}

static bool format_iri_reference(Str s)
{
    return jschema_uri_ok(s, true, true);
}

static bool format_uuid(Str s)
{
    return uuid_is_valid(s);
}

static bool format_json_pointer(Str s)
{
    if (s.len > 0 && s.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '~' && (i + 1 == s.len || (s.ptr[i + 1] != '0' && s.ptr[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

static bool format_relative_json_pointer(Str s)
{
    size_t n = 0;
    while (n < s.len && is_digit(s.ptr[n])) {
        n++;
    }
    if (n == 0 || (n > 1 && s.ptr[0] == '0')) {
        return false;
    }
    Str rest = str_from_index(s, n);
    return str_is(rest, "#") || format_json_pointer(rest);
}

static bool format_regex(Str s)
{
    Arena *work = arena_new(0);
    Buf out = buf_init(work, SCHEMA_MAX_TRANSLATED_BYTES);
    const char *why = NULL;
    bool ok = jschema_regex_translate(work, s, &out, &why);
    arena_free(work);
    return ok;
}

static const struct {
    Str name;
    SchemaFormatTest test;
} formats[] = {
    {STR_INIT("date"),                  format_date                 },
    {STR_INIT("date-time"),             format_date_time            },
    {STR_INIT("duration"),              format_duration             },
    {STR_INIT("email"),                 format_email                },
    {STR_INIT("hostname"),              format_hostname             },
    {STR_INIT("ipv4"),                  format_ipv4                 },
    {STR_INIT("ipv6"),                  format_ipv6                 },
    {STR_INIT("iri"),                   format_iri                  },
    {STR_INIT("iri-reference"),         format_iri_reference        },
    {STR_INIT("json-pointer"),          format_json_pointer         },
    {STR_INIT("regex"),                 format_regex                },
    {STR_INIT("relative-json-pointer"), format_relative_json_pointer},
    {STR_INIT("time"),                  format_time                 },
    {STR_INIT("uri"),                   format_uri                  },
    {STR_INIT("uri-reference"),         format_uri_reference        },
    {STR_INIT("uuid"),                  format_uuid                 },
};

SchemaFormatTest jschema_format_find(Str name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (str_eq(formats[i].name, name)) {
            return formats[i].test;
        }
    }
    return NULL;
}

bool json_schema_format_ok(Str format, Str s)
{
    SchemaFormatTest test = jschema_format_find(format);
    return test == NULL || test(s);
}
