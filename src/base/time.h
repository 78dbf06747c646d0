/* SPDX-License-Identifier: Apache-2.0
 * base/time.h - instants and durations: int64_t microseconds, UTC; on the wire RFC 3339. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/arena.h"
#include "base/base.h"
#include "base/str.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)

int64_t time_now_us(void);       /* wall clock since 1970-01-01T00:00:00Z */
int64_t time_monotonic_us(void); /* for measuring and deadlines within the process */

enum { TIME_RFC3339_SIZE = 32 };
/* "2026-11-20T23:37:46.123456Z"; trailing zeros of the fraction are kept to 3 or 6 digits (3 when
 * the instant is whole milliseconds). Years 0001..9999. Returns out as a Str. */
Str time_rfc3339(int64_t us, char out[TIME_RFC3339_SIZE]);
Str time_rfc3339_dup(Arena *arena, int64_t us);
/* RFC 3339 date-time with offset. False unless the whole of s is one. */
MUST_CHECK bool time_parse_rfc3339(Str s, int64_t *ret_us);
/* RFC 9110 IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT". */
Str time_http_date(int64_t us, char out[TIME_RFC3339_SIZE]);
/* Durations: "250ms" "30s" "5m" "2h" "7d", or ISO 8601 "PT5M", "P1DT12H". */
MUST_CHECK bool time_parse_duration(Str s, int64_t *ret_us);

/* Cron: five fields (minute hour day month weekday) with * , - / and names, in UTC.
 * False when the text is not one. */
typedef struct Cron {
    uint64_t minute, hour, day, month, weekday; /* bit sets */
    bool day_any, weekday_any;
} Cron;
MUST_CHECK bool cron_parse(Str s, Cron *ret);
/* The first match strictly after `after_us`; INT64_MAX when there is none within five years. */
int64_t cron_next(const Cron *cron, int64_t after_us);

#endif
