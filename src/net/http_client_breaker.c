/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_breaker.c - circuit breaker per origin, and counters per kind of call.
 *
 * Only origins whose last call failed are remembered, so the table stays small however many origins
 * are spoken to; when it is full, the origin that failed longest ago gives way. States of an
 * origin:
 *
 *   absent --failure--> counted --BREAKER_FAILURES in a row--> open --pause over--> one attempt
 *     ^                    |                                     ^                      |
 *     +------success-------+-------------------------------------+------failure---------+ */
#include "base/time.h"

#include "net/http_client_priv.h"

static int64_t monotonic(void *user)
{
    (void)user;
    return time_monotonic_us();
}

void breaker_init(Breaker *breaker)
{
    *breaker = (Breaker){.now = monotonic};
    mutex_init(&breaker->lock);
}

void breaker_done(Breaker *breaker)
{
    for (size_t i = 0; i < BREAKER_ORIGINS_MAX; i++) {
        free(breaker->origins[i].origin);
    }
    mutex_done(&breaker->lock);
}

static BreakerOrigin *find(Breaker *breaker, Str origin) REQUIRES(breaker->lock)
{
    uint64_t hash = str_hash(origin);

    for (size_t i = 0; i < BREAKER_ORIGINS_MAX; i++) {
        BreakerOrigin *o = &breaker->origins[i];

        if (o->origin != NULL && o->hash == hash && str_is(origin, o->origin)) {
            return o;
        }
    }
    return NULL;
}

static BreakerOrigin *take_place(Breaker *breaker, Str origin) REQUIRES(breaker->lock)
{
    BreakerOrigin *place = &breaker->origins[0];

    for (size_t i = 0; i < BREAKER_ORIGINS_MAX && place->origin != NULL; i++) {
        BreakerOrigin *o = &breaker->origins[i];

        if (o->origin == NULL || o->last_us < place->last_us) {
            place = o;
        }
    }
    free(place->origin);
    *place = (BreakerOrigin){.origin = strndup(origin.ptr, origin.len), .hash = str_hash(origin)};
    ASSERT(place->origin != NULL);
    return place;
}

static void forget(BreakerOrigin *o)
{
    free(o->origin);
    *o = (BreakerOrigin){0};
}

Rc breaker_enter(Breaker *breaker, Str origin, Error *err)
{
    int64_t now = breaker->now(breaker->now_user);
    int64_t wait_us = 0;
    bool busy = false;

    mutex_lock(&breaker->lock);
    BreakerOrigin *o = find(breaker, origin);
    if (o != NULL && o->open_until_us != 0) {
        wait_us = o->open_until_us - now;
        busy = wait_us > 0 || o->trying;
        o->trying = o->trying || !busy;
    }
    mutex_unlock(&breaker->lock);
    if (!busy) {
        return RC_OK;
    }
    if (wait_us > 0) {
        return error_set(
            err, RC_BUSY,
            "calls to %.*s are paused after %d failures in a row; the next try is in %d s",
            STR_ARG(origin), BREAKER_FAILURES, (int)(wait_us / US_PER_SECOND) + 1);
    }
    return error_set(err, RC_BUSY,
                     "calls to %.*s are paused after %d failures in a row; a try is under way",
                     STR_ARG(origin), BREAKER_FAILURES);
}

void breaker_leave(Breaker *breaker, Str origin, BreakerVerdict verdict)
{
    int64_t now = breaker->now(breaker->now_user);

    mutex_lock(&breaker->lock);
    BreakerOrigin *o = find(breaker, origin);
    if (o != NULL) {
        o->trying = false;
    }
    if (verdict == BREAKER_GOOD && o != NULL) {
        forget(o);
    }
    if (verdict == BREAKER_BAD) {
        o = o != NULL ? o : take_place(breaker, origin);
        o->last_us = now;
        o->failures++;
        if (o->failures >= BREAKER_FAILURES) {
            o->open_until_us = now + BREAKER_PAUSE_US;
        }
    }
    mutex_unlock(&breaker->lock);
}

size_t breaker_size(Breaker *breaker)
{
    size_t n = 0;

    mutex_lock(&breaker->lock);
    for (size_t i = 0; i < BREAKER_ORIGINS_MAX; i++) {
        n += breaker->origins[i].origin != NULL ? 1 : 0;
    }
    mutex_unlock(&breaker->lock);
    return n;
}

void counters_init(Counters *counters)
{
    *counters = (Counters){.stats = {{.kind = "other"}}, .n = 1};
    mutex_init(&counters->lock);
}

void counters_done(Counters *counters)
{
    for (size_t i = 1; i < counters->n; i++) {
        free(counters->names[i]);
    }
    mutex_done(&counters->lock);
}

static HttpClientStat *counter_of(Counters *counters, const char *kind) REQUIRES(counters->lock)
{
    for (size_t i = 0; i < counters->n; i++) {
        if (strcmp(counters->stats[i].kind, kind) == 0) {
            return &counters->stats[i];
        }
    }
    if (counters->n == KINDS_MAX) {
        return &counters->stats[0];
    }
    HttpClientStat *stat = &counters->stats[counters->n];
    counters->names[counters->n] = strdup(kind);
    ASSERT(counters->names[counters->n] != NULL);
    stat->kind = counters->names[counters->n];
    counters->n++;
    return stat;
}

void counters_add(Counters *counters, const char *kind, Rc rc, int64_t duration_us)
{
    mutex_lock(&counters->lock);
    HttpClientStat *stat = counter_of(counters, kind != NULL ? kind : "other");
    stat->calls++;
    stat->failures += rc != RC_OK ? 1 : 0;
    stat->refused_by_guard += rc == RC_DENIED ? 1 : 0;
    stat->breaker_open += rc == RC_BUSY ? 1 : 0;
    stat->duration_us_total += duration_us;
    mutex_unlock(&counters->lock);
}

void http_client_stats(HttpClient *client,
                       void (*fn)(void *user, const HttpClientStat *stat),
                       void *user)
{
    HttpClientStat copy[KINDS_MAX];
    Counters *counters = &client->counters;

    mutex_lock(&counters->lock);
    size_t n = counters->n;
    memcpy(copy, counters->stats, sizeof copy);
    mutex_unlock(&counters->lock);
    for (size_t i = 0; i < n; i++) {
        fn(user, &copy[i]);
    }
}
