/* SPDX-License-Identifier: Apache-2.0
 * platform/limits/limits.c - see limits.h.
 *
 * GCRA keeps one time per subject, its TAT: when everything it has taken will be given back. With
 * T = a minute / per_minute, a request moves it on by T, and is allowed while it stays within
 * burst * T from now. So a subject costs one slot and one comparison, and there is nothing to
 * refill or to sweep: a slot whose TAT has passed says nothing any more and is free. */
#include "platform/limits/limits.h"

#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, WAYS = 8, SUBJECT_MAX = 48, FIELD_MAX = 96 };

typedef struct Slot {
    int64_t tat_us;
    int64_t used; /* requests of `day` */
    int32_t day;  /* since 1970, UTC */
    uint8_t kind, len;
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

struct Limits {
    Policy policies[LIMIT_KINDS];
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
    p->given = *given;
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
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        set_policy(&l->policies[kind], &options->policies[kind], kind);
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

/* How much would be forgotten with a slot; 0 when nothing. A request of a quota weighs a second. */
static int64_t weight(const Slot *slot, int64_t now_us, int32_t day)
{
    int64_t rate = MAX(slot->tat_us - now_us, 0);
    return rate + (slot->day == day ? slot->used * US_PER_SECOND : 0);
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

bool limits_take(Limits *limits, LimitKind kind, Str subject, int64_t now_us, LimitResult *ret)
{
    const Policy *p = &limits->policies[kind];
    uint8_t digest[SHA256_SIZE];
    if (p->step_us == 0 && p->given.per_day == 0) {
        *ret = (LimitResult){.allowed = true, .left = INT64_MAX};
        return true;
    }
    if (subject.len > SUBJECT_MAX) {
        sha256(subject, digest);
        subject = str_of((const char *)digest, SHA256_SIZE);
    }
    uint64_t hash = str_hash(subject) + (uint64_t)kind * UINT64_C(0x9e3779b97f4a7c15);
    Shard *shard = &limits->shards[hash % SHARDS];
    size_t set = (size_t)(hash / SHARDS) & (limits->sets - 1);
    int32_t day = (int32_t)(now_us / US_PER_DAY);
    mutex_lock(&shard->lock);
    Slot *slot = find_slot(&shard->slots[set * WAYS], kind, subject, now_us, day);
    bool allowed = take(p, slot, now_us, day, ret);
    mutex_unlock(&shard->lock);
    return allowed;
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
