/* SPDX-License-Identifier: Apache-2.0
 * platform/limits/limits_redis.h - the counting of limits.c in a Redis that several processes
 * share: one script per question, by the clock of the Redis. Inside of platform/limits. */
#ifndef PLATFORM_LIMITS_REDIS_H
#define PLATFORM_LIMITS_REDIS_H

#include "base/error.h"
#include "base/str.h"

typedef struct LimitsRedis LimitsRedis;

enum {
    LIMIT_REDIS_CONNECTIONS = 8,
    LIMIT_REDIS_BATCH = 32, /* requests that one answer may grant */
};

typedef struct RedisAsk {
    const char *policy;
    Str subject;
    int64_t step_us, burst_us, per_day; /* as in limits.c; 0: none */
} RedisAsk;

typedef struct RedisGrant {
    int64_t granted; /* 0: refused */
    bool by_quota;
    int64_t left, reset_us, retry_after_us;
} RedisGrant;

/* url: redis://[[user]:password@]host[:port][/database]. timeout_us bounds each step: waiting for a
 * free connection, connecting, a command. Does not connect yet. Fails: RC_INVALID. */
MUST_CHECK Rc limits_redis_new(Str url, int64_t timeout_us, LimitsRedis **ret, Error *err);
void limits_redis_free(LimitsRedis *redis);
/* Blocks. Any thread. Fails with RC_UPSTREAM when the Redis does not answer as it should; the
 * message is for the log. */
MUST_CHECK Rc limits_redis_ask(LimitsRedis *redis,
                               const RedisAsk *ask,
                               RedisGrant *ret,
                               Error *err);

#endif
