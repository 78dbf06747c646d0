/* SPDX-License-Identifier: Apache-2.0
 * platform/limits/limits.h - how often somebody may call: rates with bursts, quotas of a day.
 *
 * A rate is a GCRA: a subject may do `burst` requests at once and gets `per_minute` of them back in
 * a minute, evenly. A quota is a count of a UTC day. Both are taken in one step: what is refused
 * has cost nothing. Times are integer microseconds of the wall clock; a clock that jumps back
 * delays nobody for longer than it takes to fill a burst.
 *
 * With a Redis, several processes share their limits (ADR 0011): a process takes several requests
 * of a subject at once and gives them out within LIMIT_LEASE_US. While the Redis is away each
 * process counts by itself, sign-ins by a fifth of their limit.
 *
 * What a process knows is in a table of fixed size: sets of eight, a lock per shard. A new subject
 * takes the place of one that has everything back, else of the one of its set that is nearest to
 * it. All functions may be called from any thread and block on nothing but such a lock, except
 * limits_take where it says so. */
#ifndef PLATFORM_LIMITS_H
#define PLATFORM_LIMITS_H

#include "base/error.h"
#include "base/str.h"
#include "base/time.h"

#include "platform/ctx.h"

#define LIMIT_LEASE_US (5 * US_PER_SECOND)
#define LIMIT_REDIS_RETRY_US US_PER_SECOND /* how often an absent Redis is asked anew */

typedef struct Limits Limits;

/* Which policy counts: of a user or service account, of an API key, of a client's address, of the
 * same at operations that sign in (contract: `x-rate: auth`). */
typedef enum LimitKind { LIMIT_USER, LIMIT_KEY, LIMIT_ADDRESS, LIMIT_AUTH, LIMIT_KINDS } LimitKind;

enum {
    LIMIT_RATE_MAX = 1000000,       /* per_minute and burst */
    LIMIT_QUOTA_MAX = 1000000000,   /* per_day */
    LIMIT_SUBJECTS_DEFAULT = 65536, /* 128 bytes each */
    LIMIT_SUBJECTS_MAX = 16777216,
};

typedef struct LimitPolicy {
    int64_t per_minute; /* 0: no limit of the rate */
    int64_t burst;      /* at least 1 when there is a rate */
    int64_t per_day;    /* 0: no quota */
} LimitPolicy;

typedef struct LimitResult {
    bool allowed;
    bool by_quota;          /* what follows is of the quota of the day, which is scarcer */
    int64_t left;           /* requests that would be allowed now */
    int64_t reset_us;       /* until all of it is back */
    int64_t retry_after_us; /* until the next one is allowed; 0 when allowed */
} LimitResult;

typedef struct LimitsOptions {
    LimitPolicy policies[LIMIT_KINDS];
    size_t subjects_max;      /* 0: LIMIT_SUBJECTS_DEFAULT; rounded up */
    Str redis_url;            /* "": each process by itself */
    int64_t redis_timeout_us; /* of each step with the Redis */
    Metrics *metrics;         /* may be NULL */
} LimitsOptions;

/* Fails: RC_INVALID naming the policy that is out of bounds, or the URL. */
MUST_CHECK Rc limits_new(const LimitsOptions *options, Limits **ret, Error *err);
void limits_free(Limits *limits);

/* One request of a subject ("018f…", "192.0.2.7") under the policy of a kind. Subjects of two kinds
 * are two subjects. ret->allowed tells. Only with a Redis: it may have to be asked, which blocks
 * for up to three times redis_timeout_us; without may_block the answer is then RC_BUSY. Does not
 * fail otherwise. */
MUST_CHECK Rc limits_take(
    Limits *limits, LimitKind kind, Str subject, int64_t now_us, bool may_block, LimitResult *ret);

/* The policy of one subject that has bounds of its own (0: none): never more than its kind's. */
LimitPolicy limits_narrow(const Limits *limits, LimitKind kind, int64_t per_minute, int64_t burst);
/* The same as limits_take under such a policy, which must be the subject's at every call. */
MUST_CHECK Rc limits_take_under(Limits *limits,
                                LimitKind kind,
                                const LimitPolicy *policy,
                                Str subject,
                                int64_t now_us,
                                bool may_block,
                                LimitResult *ret);

/* "user", "key", "address", "auth": as in settings, answers and metrics. */
const char *limit_name(LimitKind kind);
const LimitPolicy *limits_policy(const Limits *limits, LimitKind kind);
/* The field RateLimit-Policy of a kind's answers, as in draft-ietf-httpapi-ratelimit-headers-10:
 * "user";q=200;w=10, "user-day";q=10000;w=86400. "" when the kind has no limit. */
Str limits_policy_field(const Limits *limits, LimitKind kind);
/* The same of a narrowed policy. */
Str limits_narrow_field(Arena *arena, LimitKind kind, const LimitPolicy *policy);

/* What counts as one client of an address: an IPv4 address (also when it is written as IPv6), the
 * /64 of an IPv6 address. Other texts are kept. In the arena or borrowed. */
Str limit_address(Arena *arena, Str address);

#endif
