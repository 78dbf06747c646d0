/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

#define YEAR_1_US (INT64_C(-62135596800) * US_PER_SECOND)
#define YEAR_9999_END_US (INT64_C(253402300800) * US_PER_SECOND - 1)

static const char weekday_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;

    ASSERT(clock_gettime(clock, &t) == 0);
    return t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

int64_t time_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t time_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Splits us, clamped to the years 0001..9999, into calendar fields; returns the microseconds. */
static int64_t split(int64_t us, struct tm *ret)
{
    us = MAX(MIN(us, YEAR_9999_END_US), YEAR_1_US);
    int64_t fraction = us % US_PER_SECOND;

    if (fraction < 0) {
        fraction += US_PER_SECOND;
    }
    time_t seconds = (us - fraction) / US_PER_SECOND;
    ASSERT(gmtime_r(&seconds, ret) != NULL);
    return fraction;
}

static char *put_digits(char *out, int64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return out + n;
}

static char *put_clock(char *at, const struct tm *t)
{
    at = put_digits(at, t->tm_hour, 2);
    *at++ = ':';
    at = put_digits(at, t->tm_min, 2);
    *at++ = ':';
    return put_digits(at, t->tm_sec, 2);
}

Str time_rfc3339(int64_t us, char out[TIME_RFC3339_SIZE])
{
    struct tm t;
    int64_t fraction = split(us, &t);
    char *at = put_digits(out, t.tm_year + INT64_C(1900), 4);

    *at++ = '-';
    at = put_digits(at, t.tm_mon + 1, 2);
    *at++ = '-';
    at = put_digits(at, t.tm_mday, 2);
    *at++ = 'T';
    at = put_clock(at, &t);
    *at++ = '.';
    if (fraction % US_PER_MS == 0) {
        at = put_digits(at, fraction / US_PER_MS, 3);
    } else {
        at = put_digits(at, fraction, 6);
    }
    *at++ = 'Z';
    *at = '\0';
    return str_of(out, (size_t)(at - out));
}

Str time_rfc3339_dup(Arena *arena, int64_t us)
{
    char out[TIME_RFC3339_SIZE];

    return str_dup(arena, time_rfc3339(us, out));
}

Str time_http_date(int64_t us, char out[TIME_RFC3339_SIZE])
{
    struct tm t;
    IGNORE(split(us, &t) != 0); /* whole seconds only */
    int n = snprintf(out, TIME_RFC3339_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                     weekday_names[t.tm_wday], t.tm_mday, month_names[t.tm_mon], t.tm_year + 1900,
                     t.tm_hour, t.tm_min, t.tm_sec);

    ASSERT(n > 0 && n < TIME_RFC3339_SIZE);
    return str_of(out, (size_t)n);
}

/* Takes exactly n digits off *rest. */
static bool take_digits(Str *rest, size_t n, int *ret)
{
    uint64_t v;

    if (rest->len < n || !str_to_u64(str_sub(*rest, 0, n), &v)) {
        return false;
    }
    *rest = str_from_index(*rest, n);
    *ret = (int)v;
    return true;
}

static bool take_char(Str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = str_from_index(*rest, 1);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* full-date of RFC 3339. */
static bool take_date(Str *rest, struct tm *ret)
{
    int year;
    int month;
    int day;

    if (!take_digits(rest, 4, &year) || !take_char(rest, '-') || !take_digits(rest, 2, &month) ||
        !take_char(rest, '-') || !take_digits(rest, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    ret->tm_year = year - 1900;
    ret->tm_mon = month - 1;
    ret->tm_mday = day;
    return true;
}

/* partial-time of RFC 3339; digits beyond the microsecond are dropped. */
static bool take_clock(Str *rest, struct tm *ret, int64_t *ret_fraction)
{
    if (!take_digits(rest, 2, &ret->tm_hour) || !take_char(rest, ':') ||
        !take_digits(rest, 2, &ret->tm_min) || !take_char(rest, ':') ||
        !take_digits(rest, 2, &ret->tm_sec)) {
        return false;
    }
    if (ret->tm_hour > 23 || ret->tm_min > 59 || ret->tm_sec > 60) {
        return false;
    }
    *ret_fraction = 0;
    if (take_char(rest, '.')) {
        int64_t unit = US_PER_SECOND;
        int digit;
        if (!take_digits(rest, 1, &digit)) {
            return false;
        }
        do {
            unit /= 10;
            *ret_fraction += digit * unit;
        } while (take_digits(rest, 1, &digit));
    }
    return true;
}

static bool take_offset(Str *rest, int64_t *ret_us)
{
    int hours;
    int minutes;

    if (take_char(rest, 'Z') || take_char(rest, 'z')) {
        *ret_us = 0;
        return true;
    }
    bool is_west = take_char(rest, '-');
    if (!is_west && !take_char(rest, '+')) {
        return false;
    }
    if (!take_digits(rest, 2, &hours) || !take_char(rest, ':') || !take_digits(rest, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *ret_us = (hours * US_PER_HOUR + minutes * US_PER_MINUTE) * (is_west ? -1 : 1);
    return true;
}

bool time_parse_rfc3339(Str s, int64_t *ret_us)
{
    struct tm t = {0};
    int64_t fraction;
    int64_t offset;

    if (!take_date(&s, &t) || !(take_char(&s, 'T') || take_char(&s, 't')) ||
        !take_clock(&s, &t, &fraction) || !take_offset(&s, &offset) || s.len != 0) {
        return false;
    }
    bool is_leap_second = t.tm_sec == 60;
    int64_t us = timegm(&t) * US_PER_SECOND - offset;

    /* A leap second is inserted only at the end of a day of UTC. */
    if (is_leap_second && us % US_PER_DAY != 0) {
        return false;
    }
    us += fraction;
    if (us < YEAR_1_US || us > YEAR_9999_END_US) {
        return false;
    }
    *ret_us = us;
    return true;
}

/* Digits at the start of *rest; at least one. */
static bool take_number(Str *rest, int64_t *ret)
{
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '9') {
        n++;
    }
    if (!str_to_i64(str_sub(*rest, 0, n), ret)) {
        return false;
    }
    *rest = str_from_index(*rest, n);
    return true;
}

static bool add_scaled(int64_t *sum, int64_t n, int64_t unit)
{
    int64_t us;

    return !__builtin_mul_overflow(n, unit, &us) && !__builtin_add_overflow(*sum, us, sum);
}

static bool parse_iso_duration(Str s, int64_t *ret_us)
{
    /* Years and months have no fixed length, so they are no durations here. Order matters. */
    static const struct {
        char letter;
        bool is_after_t;
        int64_t unit;
    } parts[] = {
        {'W', false, 7 * US_PER_DAY},
        {'D', false, US_PER_DAY    },
        {'H', true,  US_PER_HOUR   },
        {'M', true,  US_PER_MINUTE },
        {'S', true,  US_PER_SECOND },
    };
    int64_t sum = 0;
    bool is_after_t = false;
    size_t next = 0;

    do {
        int64_t n;
        is_after_t = is_after_t || take_char(&s, 'T');
        if (!take_number(&s, &n)) {
            return false;
        }
        while (next < ARRAY_LEN(parts) &&
               (parts[next].is_after_t != is_after_t || !take_char(&s, parts[next].letter))) {
            next++;
        }
        if (next == ARRAY_LEN(parts) || !add_scaled(&sum, n, parts[next].unit)) {
            return false;
        }
        next++;
    } while (s.len > 0);
    *ret_us = sum;
    return true;
}

bool time_parse_duration(Str s, int64_t *ret_us)
{
    static const struct {
        Str suffix;
        int64_t unit;
    } units[] = {
        {STR_INIT("ms"), US_PER_MS    },
        {STR_INIT("s"),  US_PER_SECOND},
        {STR_INIT("m"),  US_PER_MINUTE},
        {STR_INIT("h"),  US_PER_HOUR  },
        {STR_INIT("d"),  US_PER_DAY   },
    };
    int64_t n;
    int64_t sum = 0;

    if (take_char(&s, 'P')) {
        return parse_iso_duration(s, ret_us);
    }
    if (!take_number(&s, &n)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(s, units[i].suffix) && add_scaled(&sum, n, units[i].unit)) {
            *ret_us = sum;
            return true;
        }
    }
    return false;
}

typedef struct CronField {
    int least, most;
    const char (*names)[4]; /* NULL: numbers only */
    int n_names, first_name;
} CronField;

static const CronField cron_minute = {0, 59, NULL, 0, 0};
static const CronField cron_hour = {0, 23, NULL, 0, 0};
static const CronField cron_day = {1, 31, NULL, 0, 0};
static const CronField cron_month = {1, 12, month_names, 12, 1};
static const CronField cron_weekday = {0, 7, weekday_names, 7, 0};

static bool cron_value(const CronField *field, Str s, int *ret)
{
    uint64_t v;

    for (int i = 0; i < field->n_names; i++) {
        if (str_eq_nocase(s, str_from(field->names[i]))) {
            *ret = field->first_name + i;
            return true;
        }
    }
    if (!str_to_u64(s, &v) || v < (uint64_t)field->least || v > (uint64_t)field->most) {
        return false;
    }
    *ret = (int)v;
    return true;
}

/* One element of a list: "*", "5", "1-9", each but the single value with an optional "/step". */
static bool cron_element(const CronField *field, Str s, uint64_t *bits)
{
    size_t slash = str_find_char(s, '/');
    Str range = str_sub(s, 0, slash);
    size_t dash = str_find_char(range, '-');
    int from = field->least;
    int to = field->most;
    uint64_t step = 1;

    if (slash != SIZE_MAX && (!str_to_u64(str_from_index(s, slash + 1), &step) || step == 0)) {
        return false;
    }
    if (dash != SIZE_MAX) {
        if (!cron_value(field, str_sub(range, 0, dash), &from) ||
            !cron_value(field, str_from_index(range, dash + 1), &to) || from > to) {
            return false;
        }
    } else if (!str_is(range, "*")) {
        if (slash != SIZE_MAX || !cron_value(field, range, &from)) {
            return false;
        }
        to = from;
    }
    for (uint64_t v = (uint64_t)from; v <= (uint64_t)to; v += MIN(step, (uint64_t)64)) {
        *bits |= UINT64_C(1) << v;
    }
    return true;
}

static bool cron_field(const CronField *field, Str s, uint64_t *ret)
{
    uint64_t bits = 0;
    Str element;

    while (str_split(&s, ',', &element)) {
        if (!cron_element(field, element, &bits)) {
            return false;
        }
    }
    *ret = bits;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of *rest; empty at its end. */
static Str take_word(Str *rest)
{
    size_t from = 0;

    while (from < rest->len && is_blank(rest->ptr[from])) {
        from++;
    }
    size_t to = from;
    while (to < rest->len && !is_blank(rest->ptr[to])) {
        to++;
    }
    Str word = str_sub(*rest, from, to);
    *rest = str_from_index(*rest, to);
    return word;
}

bool cron_parse(Str s, Cron *ret)
{
    Cron cron = {0};
    const struct {
        const CronField *field;
        uint64_t *bits;
        bool *any;
    } parts[] = {
        {&cron_minute,  &cron.minute,  NULL             },
        {&cron_hour,    &cron.hour,    NULL             },
        {&cron_day,     &cron.day,     &cron.day_any    },
        {&cron_month,   &cron.month,   NULL             },
        {&cron_weekday, &cron.weekday, &cron.weekday_any},
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        Str word = take_word(&s);
        if (word.len == 0 || !cron_field(parts[i].field, word, parts[i].bits)) {
            return false;
        }
        if (parts[i].any) {
            *parts[i].any = word.ptr[0] == '*';
        }
    }
    if (take_word(&s).len != 0) {
        return false;
    }
    if (cron.weekday & 1U << 7) {
        cron.weekday |= 1; /* 7 is Sunday too */
    }
    *ret = cron;
    return true;
}

static bool has_bit(uint64_t bits, int i)
{
    return (bits >> i & 1) != 0;
}

/* As in cron since 1987: when both day fields are restricted, either one is enough. */
static bool cron_day_matches(const Cron *cron, const struct tm *t)
{
    bool day = has_bit(cron->day, t->tm_mday);
    bool weekday = has_bit(cron->weekday, t->tm_wday);

    if (!has_bit(cron->month, t->tm_mon + 1)) {
        return false;
    }
    return cron->day_any || cron->weekday_any ? day && weekday : day || weekday;
}

/* The first matching minute of a day at or after minute `from`, or -1. */
static int cron_minute_of_day(const Cron *cron, int from)
{
    for (int m = from; m < 24 * 60; m++) {
        if (has_bit(cron->hour, m / 60) && has_bit(cron->minute, m % 60)) {
            return m;
        }
    }
    return -1;
}

int64_t cron_next(const Cron *cron, int64_t after_us)
{
    enum { DAYS_AHEAD = 5 * 366 };

    if (after_us < YEAR_1_US || after_us > YEAR_9999_END_US - DAYS_AHEAD * US_PER_DAY) {
        return INT64_MAX;
    }
    int64_t time_of_day = after_us % US_PER_DAY;
    if (time_of_day < 0) {
        time_of_day += US_PER_DAY;
    }
    int64_t day_us = after_us - time_of_day;
    int from = (int)(time_of_day / US_PER_MINUTE) + 1;
    for (int i = 0; i <= DAYS_AHEAD; i++) {
        struct tm t;
        IGNORE(split(day_us, &t) != 0); /* midnight has no fraction */
        int minute = cron_day_matches(cron, &t) ? cron_minute_of_day(cron, from) : -1;
        if (minute >= 0) {
            return day_us + minute * US_PER_MINUTE;
        }
        day_us += US_PER_DAY;
        from = 0;
    }
    return INT64_MAX;
}
