/* SPDX-License-Identifier: Apache-2.0
 * platform/limits/limits.c - see limits.h.
 *
 * GCRA keeps one time per subject, its TAT: when everything it has taken will be given back. With
 * T = a minute / per_minute, a request moves it on by T, and is allowed while it stays within
 * burst * T from now. So a subject costs one slot and one comparison, and there is nothing to
 * refill or to sweep: a slot whose TAT has passed says nothing any more and is free.
 *
 * With a Redis the time is kept there, and a slot holds what the Redis has granted and not been
 * used yet (the lease), or until when it refuses: either answers without asking. */
#include "platform/limits/limits.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/thread.h"

#include "platform/limits/limits_redis.h"
#include "platform/metrics/metrics.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, WAYS = 8, SUBJECT_MAX = 48, FIELD_MAX = 96, AWAY_SHARE = 5 };

typedef struct Slot {
    int64_t tat_us;
    int64_t used; /* requests of `day` */
    int32_t day;  /* since 1970, UTC */
    uint8_t kind, len;
    bool by_quota; /* of the last answer of the Redis, as left, reset_at_us, retry_at_us */
    int32_t lease; /* granted and not used, until lease_until_us */
    int64_t lease_until_us, refused_until_us;
    int64_t left, reset_at_us, retry_at_us;
    char subject[SUBJECT_MAX]; /* longer ones by their SHA-256 */
} Slot;

typedef struct Shard {
    Mutex lock; /* guards slots */
    Slot *slots;
} Shard;

typedef struct Policy {
    LimitPolicy given;
    int64_t step_us;  /* T; 0 without a rate */
    int64_t burst_us; /* T * burst */
    char field[FIELD_MAX];
} Policy;

typedef struct Shared {
    LimitsRedis *redis; /* NULL: none */
    _Atomic bool is_away;
    _Atomic int64_t retry_at_us; /* monotonic; while it is away */
    Metric *up, *asked, *alone;  /* NULL without metrics */
} Shared;

struct Limits {
    Policy policies[LIMIT_KINDS];
    Policy alone[LIMIT_KINDS]; /* while the Redis is away */
    Shared shared;
    size_t sets; /* per shard, a power of two */
    Shard shards[SHARDS];
};

const char *limit_name(LimitKind kind)
{
    static const char *const names[LIMIT_KINDS] = {"user", "key", "address", "auth"};
    ASSERT(kind < LIMIT_KINDS);
    return names[kind];
}

/* ---- building */

static Rc check_policy(const LimitPolicy *p, LimitKind kind, Error *err)
{
    if (p->per_minute < 0 || p->per_minute > LIMIT_RATE_MAX || p->burst > LIMIT_RATE_MAX ||
        p->burst < (p->per_minute > 0 ? 1 : 0)) {
        return error_set(err, RC_INVALID,
                         "the limit %s needs a rate of 0 to %d and a burst of 1 to %d",
                         limit_name(kind), LIMIT_RATE_MAX, LIMIT_RATE_MAX);
    }
    if (p->per_day < 0 || p->per_day > LIMIT_QUOTA_MAX) {
        return error_set(err, RC_INVALID, "the limit %s needs a quota of 0 to %d", limit_name(kind),
                         LIMIT_QUOTA_MAX);
    }
    return RC_OK;
}

static int64_t up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

static void set_policy(Policy *p, const LimitPolicy *given, LimitKind kind)
{
    const char *name = limit_name(kind);
    int n = 0;
    *p = (Policy){.given = *given};
    if (given->per_minute > 0) {
        p->step_us = up(US_PER_MINUTE, given->per_minute); /* rounded: never more than was said */
        p->burst_us = p->step_us * given->burst;
        n = snprintf(p->field, FIELD_MAX, "\"%s\";q=%lld;w=%lld", name, (long long)given->burst,
                     (long long)up(p->burst_us, US_PER_SECOND));
    }
    if (given->per_day > 0) {
        n += snprintf(p->field + n, (size_t)(FIELD_MAX - n), "%s\"%s-day\";q=%lld;w=86400",
                      n ? ", " : "", name, (long long)given->per_day);
    }
    ASSERT(n < FIELD_MAX);
}

/* A fifth for sign-ins: guessing must not become cheaper by taking the Redis away, and people must
 * still get in. */
static LimitPolicy policy_alone(const LimitPolicy *given, LimitKind kind)
{
    LimitPolicy p = *given;
    if (kind == LIMIT_AUTH) {
        p.per_minute = p.per_minute ? MAX(p.per_minute / AWAY_SHARE, 1) : 0;
        p.burst = p.burst ? MAX(p.burst / AWAY_SHARE, 1) : 0;
        p.per_day = p.per_day ? MAX(p.per_day / AWAY_SHARE, 1) : 0;
    }
    return p;
}

static Rc init_shared(Shared *s, const LimitsOptions *options, Error *err)
{
    if (options->redis_url.len == 0) {
        return RC_OK;
    }
    TRY(limits_redis_new(options->redis_url, options->redis_timeout_us, &s->redis, err));
    if (options->metrics) {
        s->up = metrics_gauge(options->metrics, "fairway_limits_redis_up", "",
                              "1 while the Redis of the limits answers.");
        s->asked = metrics_counter(options->metrics, "fairway_limits_redis_asked_total", "",
                                   "Questions to the Redis of the limits.");
        s->alone = metrics_counter(options->metrics, "fairway_limits_alone_total", "",
                                   "Requests counted by this process alone, its Redis being away.");
        metric_set(s->up, 1);
    }
    return RC_OK;
}

Rc limits_new(const LimitsOptions *options, Limits **ret, Error *err)
{
    size_t subjects = options->subjects_max ? options->subjects_max : LIMIT_SUBJECTS_DEFAULT;
    size_t sets = 1;
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        TRY(check_policy(&options->policies[kind], kind, err));
    }
    if (subjects > LIMIT_SUBJECTS_MAX) {
        return error_set(err, RC_INVALID, "limits are kept for at most %d subjects",
                         LIMIT_SUBJECTS_MAX);
    }
    while (sets * SHARDS * WAYS < subjects) {
        sets *= 2;
    }
    Limits *l = calloc(1, sizeof(*l));
    ASSERT(l != NULL);
    l->sets = sets;
    Rc rc = init_shared(&l->shared, options, err);
    if (rc != RC_OK) {
        free(l);
        return rc;
    }
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        LimitPolicy alone = policy_alone(&options->policies[kind], kind);
        set_policy(&l->policies[kind], &options->policies[kind], kind);
        set_policy(&l->alone[kind], &alone, kind);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        mutex_init(&l->shards[i].lock);
        l->shards[i].slots = calloc(sets * WAYS, sizeof(Slot));
        ASSERT(l->shards[i].slots != NULL);
    }
    *ret = l;
    return RC_OK;
}

void limits_free(Limits *limits)
{
    if (!limits) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        mutex_done(&limits->shards[i].lock);
        free(limits->shards[i].slots);
    }
    limits_redis_free(limits->shared.redis);
    free(limits);
}

const LimitPolicy *limits_policy(const Limits *limits, LimitKind kind)
{
    return &limits->policies[kind].given;
}

Str limits_policy_field(const Limits *limits, LimitKind kind)
{
    return str_from(limits->policies[kind].field);
}

/* ---- the table */

static bool is_of(const Slot *slot, LimitKind kind, Str subject)
{
    return slot->len == subject.len && slot->kind == (uint8_t)kind &&
           memcmp(slot->subject, subject.ptr, subject.len) == 0;
}

/* Not when it is far ahead: the clock has been set back. A little ahead is the lease of a thread
 * that has read the clock later. */
static bool has_lease(const Slot *slot, int64_t now_us)
{
    return slot->lease > 0 && slot->lease_until_us > now_us &&
           slot->lease_until_us <= now_us + 2 * LIMIT_LEASE_US;
}

/* How much would be forgotten with a slot; 0 when nothing. A request of a quota, or of a lease,
 * weighs a second. */
static int64_t weight(const Slot *slot, int64_t now_us, int32_t day)
{
    int64_t rate = MAX(slot->tat_us - now_us, 0);
    int64_t lease = has_lease(slot, now_us) ? slot->lease * US_PER_SECOND : 0;
    return rate + lease + (slot->day == day ? slot->used * US_PER_SECOND : 0);
}

/* The subject's slot, or the one of its set that is missed least, made its own. */
static Slot *find_slot(Slot *set, LimitKind kind, Str subject, int64_t now_us, int32_t day)
{
    Slot *least = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_of(&set[i], kind, subject)) {
            return &set[i];
        }
        if (weight(&set[i], now_us, day) < weight(least, now_us, day)) {
            least = &set[i];
        }
    }
    *least = (Slot){.kind = (uint8_t)kind, .len = (uint8_t)subject.len};
    memcpy(least->subject, subject.ptr, subject.len);
    return least;
}

/* ---- taking */

static bool take_rate(const Policy *p, Slot *slot, int64_t now_us, LimitResult *ret)
{
    /* no further ahead than a full burst: the clock may have been set back */
    int64_t tat = MIN(MAX(slot->tat_us, now_us), now_us + p->burst_us);
    int64_t next = tat + p->step_us;
    int64_t wait_us = next - p->burst_us - now_us;
    slot->tat_us = tat;
    if (wait_us > 0) {
        *ret = (LimitResult){.reset_us = tat - now_us, .retry_after_us = wait_us};
        return false;
    }
    slot->tat_us = next;
    *ret = (LimitResult){.allowed = true, .left = -wait_us / p->step_us, .reset_us = next - now_us};
    return true;
}

static bool take(const Policy *p, Slot *slot, int64_t now_us, int32_t day, LimitResult *ret)
{
    int64_t quota = p->given.per_day;
    int64_t end_of_day_us = ((int64_t)day + 1) * US_PER_DAY - now_us;
    if (slot->day != day) {
        slot->day = day;
        slot->used = 0;
    }
    if (quota > 0 && slot->used >= quota) {
        *ret = (LimitResult){
            .by_quota = true, .reset_us = end_of_day_us, .retry_after_us = end_of_day_us};
        return false;
    }
    *ret = (LimitResult){.allowed = true, .left = INT64_MAX, .reset_us = end_of_day_us};
    if (p->step_us > 0 && !take_rate(p, slot, now_us, ret)) {
        return false;
    }
    if (quota > 0) {
        slot->used++;
        if (quota - slot->used < ret->left) {
            *ret = (LimitResult){.allowed = true,
                                 .by_quota = true,
                                 .left = quota - slot->used,
                                 .reset_us = end_of_day_us};
        }
    }
    return true;
}

/* ---- the subject of a question and where it is kept */

typedef struct Place {
    LimitKind kind;
    Str subject;
    uint8_t digest[SHA256_SIZE]; /* what subject points to when it was too long */
    Shard *shard;
    size_t set;
    int64_t now_us;
    int32_t day;
} Place;

static void find_place(Limits *l, LimitKind kind, Str subject, int64_t now_us, Place *ret)
{
    *ret = (Place){
        .kind = kind, .subject = subject, .now_us = now_us, .day = (int32_t)(now_us / US_PER_DAY)};
    if (subject.len > SUBJECT_MAX) {
        sha256(subject, ret->digest);
        ret->subject = str_of((const char *)ret->digest, SHA256_SIZE);
    }
    uint64_t hash = str_hash(ret->subject) + (uint64_t)kind * UINT64_C(0x9e3779b97f4a7c15);
    ret->shard = &l->shards[hash % SHARDS];
    ret->set = (size_t)(hash / SHARDS) & (l->sets - 1);
}

static Slot *slot_at(const Place *at)
{
    return find_slot(&at->shard->slots[at->set * WAYS], at->kind, at->subject, at->now_us, at->day);
}

static void take_alone(const Policy *p, const Place *at, LimitResult *ret)
{
    mutex_lock(&at->shard->lock);
    take(p, slot_at(at), at->now_us, at->day, ret);
    mutex_unlock(&at->shard->lock);
}

/* ---- with a Redis */

/* What the last answer of the Redis still says. */
static bool take_known(const Place *at, LimitResult *ret)
{
    bool is_known = true;
    mutex_lock(&at->shard->lock);
    Slot *slot = slot_at(at);
    if (has_lease(slot, at->now_us)) {
        slot->lease--;
        *ret = (LimitResult){.allowed = true,
                             .by_quota = slot->by_quota,
                             .left = slot->left + slot->lease,
                             .reset_us = MAX(slot->reset_at_us - at->now_us, 0)};
    } else if (slot->refused_until_us > at->now_us &&
               slot->refused_until_us <= at->now_us + 2 * LIMIT_REDIS_RETRY_US) {
        *ret = (LimitResult){.by_quota = slot->by_quota,
                             .reset_us = MAX(slot->reset_at_us - at->now_us, 0),
                             .retry_after_us = MAX(slot->retry_at_us - at->now_us, 1)};
    } else {
        is_known = false;
    }
    mutex_unlock(&at->shard->lock);
    return is_known;
}

/* The first of the granted requests is the one that asked. */
static void keep_grant(const Place *at, const RedisGrant *grant, LimitResult *ret)
{
    int64_t now_us = at->now_us;
    mutex_lock(&at->shard->lock);
    Slot *slot = slot_at(at);
    slot->by_quota = grant->by_quota;
    slot->left = grant->left;
    slot->reset_at_us = now_us + grant->reset_us;
    slot->retry_at_us = now_us + grant->retry_after_us;
    if (grant->granted > 0) {
        int32_t rest = has_lease(slot, now_us) ? slot->lease : 0;
        slot->lease = rest + (int32_t)grant->granted - 1;
        slot->lease_until_us = now_us + LIMIT_LEASE_US;
        slot->refused_until_us = 0;
    } else {
        slot->refused_until_us = now_us + MIN(grant->retry_after_us, LIMIT_REDIS_RETRY_US);
    }
    *ret = (LimitResult){.allowed = grant->granted > 0,
                         .by_quota = grant->by_quota,
                         .left = grant->granted > 0 ? slot->left + slot->lease : 0,
                         .reset_us = grant->reset_us,
                         .retry_after_us = grant->retry_after_us};
    mutex_unlock(&at->shard->lock);
}

/* While the Redis is away one request a second asks whether it is back. */
static bool may_ask(Shared *s)
{
    int64_t now = time_monotonic_us();
    int64_t at = atomic_load(&s->retry_at_us);
    return !atomic_load(&s->is_away) ||
           (at <= now &&
            atomic_compare_exchange_strong(&s->retry_at_us, &at, now + LIMIT_REDIS_RETRY_US));
}

static void note_state(Shared *s, bool is_away, const Error *err)
{
    if (is_away) {
        atomic_store(&s->retry_at_us, time_monotonic_us() + LIMIT_REDIS_RETRY_US);
    }
    if (atomic_exchange(&s->is_away, is_away) == is_away) {
        return;
    }
    if (s->up) {
        metric_set(s->up, is_away ? 0 : 1);
    }
    if (is_away) {
        log_warn("limits.redis_away", F_CSTR("error", err->message));
    } else {
        log_info("limits.redis_back", F_BOOL("ok", true));
    }
}

static bool ask_redis(Shared *s, const Policy *p, const Place *at, LimitResult *ret)
{
    RedisAsk ask = {limit_name(at->kind), at->subject, p->step_us, p->burst_us, p->given.per_day};
    RedisGrant grant;
    Error err = {0};
    bool was_away = atomic_load(&s->is_away);
    if (s->asked) {
        metric_add(s->asked, 1);
    }
    if (limits_redis_ask(s->redis, &ask, &grant, &err) != RC_OK) {
        note_state(s, true, &err);
        return false;
    }
    if (was_away) { /* an answer from before it went away says nothing */
        note_state(s, false, &err);
    }
    keep_grant(at, &grant, ret);
    return true;
}

/* alone: what counts while the Redis is away. */
static Rc take_by(Limits *limits,
                  const Policy *p,
                  const Policy *alone,
                  LimitKind kind,
                  Str subject,
                  int64_t now_us,
                  bool may_block,
                  LimitResult *ret)
{
    Shared *s = &limits->shared;
    Place at;
    if (p->step_us == 0 && p->given.per_day == 0) {
        *ret = (LimitResult){.allowed = true, .left = INT64_MAX};
        return RC_OK;
    }
    find_place(limits, kind, subject, now_us, &at);
    if (!s->redis) {
        take_alone(p, &at, ret);
        return RC_OK;
    }
    if (take_known(&at, ret)) {
        return RC_OK;
    }
    if (!may_block &&
        !(atomic_load(&s->is_away) && atomic_load(&s->retry_at_us) > time_monotonic_us())) {
        return RC_BUSY;
    }
    if (may_block && may_ask(s) && ask_redis(s, p, &at, ret)) {
        return RC_OK;
    }
    if (s->alone) {
        metric_add(s->alone, 1);
    }
    take_alone(alone, &at, ret);
    return RC_OK;
}

Rc limits_take(
    Limits *limits, LimitKind kind, Str subject, int64_t now_us, bool may_block, LimitResult *ret)
{
    return take_by(limits, &limits->policies[kind], &limits->alone[kind], kind, subject, now_us,
                   may_block, ret);
}

/* ---- subjects with bounds of their own */

/* 0 is "as many as one likes" on both sides. */
static int64_t narrower(int64_t own, int64_t of_kind)
{
    return own > 0 && (of_kind == 0 || own < of_kind) ? own : of_kind;
}

LimitPolicy limits_narrow(const Limits *limits, LimitKind kind, int64_t per_minute, int64_t burst)
{
    LimitPolicy p = limits->policies[kind].given;
    p.per_minute = narrower(per_minute, p.per_minute);
    if (p.per_minute > 0) {
        p.burst = MAX(narrower(burst > 0 ? burst : per_minute, p.burst), (int64_t)1);
    }
    return p;
}

Rc limits_take_under(Limits *limits,
                     LimitKind kind,
                     const LimitPolicy *policy,
                     Str subject,
                     int64_t now_us,
                     bool may_block,
                     LimitResult *ret)
{
    Policy p, alone;
    LimitPolicy policy_then = policy_alone(policy, kind);
    set_policy(&p, policy, kind);
    set_policy(&alone, &policy_then, kind);
    return take_by(limits, &p, &alone, kind, subject, now_us, may_block, ret);
}

Str limits_narrow_field(Arena *arena, LimitKind kind, const LimitPolicy *policy)
{
    Policy p;
    set_policy(&p, policy, kind);
    return str_dup(arena, str_from(p.field));
}

/* ---- addresses */

Str limit_address(Arena *arena, Str address)
{
    enum { NETWORK_BYTES = 8 };
    struct in6_addr in6;
    char text[INET6_ADDRSTRLEN];
    if (str_find_char(address, ':') == SIZE_MAX ||
        inet_pton(AF_INET6, str_cstr(arena, address), &in6) != 1) {
        return address;
    }
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
        ASSERT(inet_ntop(AF_INET, &in6.s6_addr[12], text, sizeof(text)) != NULL);
    } else {
        memset(&in6.s6_addr[NETWORK_BYTES], 0, sizeof(in6.s6_addr) - NETWORK_BYTES);
        ASSERT(inet_ntop(AF_INET6, &in6, text, sizeof(text)) != NULL);
    }
    return str_dup(arena, str_from(text));
}
