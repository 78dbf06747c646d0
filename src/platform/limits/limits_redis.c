/* SPDX-License-Identifier: Apache-2.0
 * platform/limits/limits_redis.c - connections are made when they are needed, at most
 * LIMIT_REDIS_CONNECTIONS, and kept; one that has failed is closed. */
#include "platform/limits/limits_redis.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "net/http_client.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_PORT = 6379, DATABASE_MAX = 65535, KEY_SUBJECT_MAX = 128, REPLY_NUMBERS = 5 };

/* Numbers are doubles in Lua: microseconds stay exact below 2^53, until the year 2255. A tenth of
 * what is left is granted at a time, so that processes run dry together. */
static const char script[] =
    "local clock = redis.call('TIME')\n"
    "local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])\n"
    "local step, burst, quota = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local want = tonumber(ARGV[4])\n"
    "local kept = redis.call('HMGET', KEYS[1], 't', 'd', 'u')\n"
    "local tat = math.min(math.max(tonumber(kept[1]) or 0, now), now + burst)\n"
    "local day = math.floor(now / 86400000000)\n"
    "local used = tonumber(kept[2]) == day and tonumber(kept[3]) or 0\n"
    "local end_of_day = (day + 1) * 86400000000 - now\n"
    "local by_rate, by_quota = math.huge, math.huge\n"
    "if step > 0 then by_rate = math.floor((burst - (tat - now)) / step) end\n"
    "if quota > 0 then by_quota = quota - used end\n"
    "if by_quota < 1 then return {0, 1, 0, end_of_day, end_of_day} end\n"
    "if by_rate < 1 then return {0, 0, 0, tat - now, tat + step - burst - now} end\n"
    "local left = math.min(by_rate, by_quota)\n"
    "local grant = math.max(1, math.min(want, math.floor(left / 10)))\n"
    "tat = tat + step * grant\n"
    "used = used + grant\n"
    "local life = tat - now\n"
    "if quota > 0 then life = math.max(life, end_of_day) end\n"
    "redis.call('HSET', KEYS[1], 't', string.format('%.0f', tat), 'd', day, 'u', used)\n"
    "redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(life / 1000) + 1))\n"
    "if by_quota < by_rate then return {grant, 1, left - grant, end_of_day, 0} end\n"
    "return {grant, 0, left - grant, tat - now, 0}\n";

struct LimitsRedis {
    Arena *arena;
    const char *host, *user, *password; /* user and password "" when not given */
    int port, database;
    struct timeval timeout;
    int64_t timeout_us;
    char sha[2 * SHA1_SIZE + 1];
    Mutex lock; /* guards the rest */
    Cond freed;
    redisContext *idle[LIMIT_REDIS_CONNECTIONS];
    size_t n_idle, n_open; /* n_open: idle and lent */
};

/* ---- options */

static Rc refuse_url(Error *err)
{
    return error_set(err, RC_INVALID,
                     "must look like redis://user:password@host:6379/0 (without TLS)");
}

/* url_parse knows http and https: what both find is there, and their ports differ when none is. */
static bool parse_url(Arena *arena, Str text, Url *ret)
{
    static const Str scheme = STR_INIT("redis://");
    Url secure;
    Str rest = str_from_index(text, scheme.len);
    if (!str_starts(text, scheme) ||
        !url_parse(str_fmt(arena, "https://%.*s", STR_ARG(rest)), &secure) ||
        !url_parse(str_fmt(arena, "http://%.*s", STR_ARG(rest)), ret)) {
        return false;
    }
    ret->port = ret->port == secure.port ? ret->port : DEFAULT_PORT;
    return ret->host.len > 0 && !ret->query.ptr && !ret->fragment.ptr;
}

static Rc read_url(LimitsRedis *r, Str text, Error *err)
{
    Url url;
    int64_t database = 0;
    if (!parse_url(r->arena, text, &url)) {
        return refuse_url(err);
    }
    Str path = str_starts(url.path, STR("/")) ? str_from_index(url.path, 1) : url.path;
    if (path.len > 0 && (!str_to_i64(path, &database) || database < 0 || database > DATABASE_MAX)) {
        return refuse_url(err);
    }
    Buf user = buf_init(r->arena, KIB);
    Buf password = buf_init(r->arena, KIB);
    size_t colon = str_find_char(url.userinfo, ':');
    if (!buf_unurl(&user, str_sub(url.userinfo, 0, MIN(colon, url.userinfo.len)), false) ||
        (colon != SIZE_MAX &&
         !buf_unurl(&password, str_from_index(url.userinfo, colon + 1), false))) {
        return refuse_url(err);
    }
    r->host = str_cstr(r->arena, url.host);
    r->user = str_cstr(r->arena, buf_str(&user));
    r->password = str_cstr(r->arena, buf_str(&password));
    r->port = url.port;
    r->database = (int)database;
    return RC_OK;
}

Rc limits_redis_new(Str url, int64_t timeout_us, LimitsRedis **ret, Error *err)
{
    Arena *arena = arena_new(0);
    LimitsRedis *r = ARENA_NEW(arena, LimitsRedis);
    r->arena = arena;
    r->timeout_us = timeout_us;
    r->timeout = (struct timeval){timeout_us / US_PER_SECOND, timeout_us % US_PER_SECOND};
    Rc rc = read_url(r, url, err);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    Str sha = sha1_hex(arena, STR(script));
    memcpy(r->sha, sha.ptr, sha.len);
    mutex_init(&r->lock);
    cond_init(&r->freed);
    *ret = r;
    return RC_OK;
}

void limits_redis_free(LimitsRedis *redis)
{
    if (!redis) {
        return;
    }
    for (size_t i = 0; i < redis->n_idle; i++) {
        redisFree(redis->idle[i]);
    }
    cond_done(&redis->freed);
    mutex_done(&redis->lock);
    arena_free(redis->arena);
}

/* ---- connections */

static Rc complain(const redisContext *c, const redisReply *reply, Error *err)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        return error_set(err, RC_UPSTREAM, "Redis refused: %.200s", reply->str);
    }
    return error_set(err, RC_UPSTREAM, "Redis does not answer: %s",
                     c && c->err ? c->errstr : "not as expected");
}

/* Takes the reply. */
static Rc check(const redisContext *c, redisReply *reply, Error *err)
{
    Rc rc = reply && reply->type != REDIS_REPLY_ERROR ? RC_OK : complain(c, reply, err);
    freeReplyObject(reply);
    return rc;
}

static Rc greet(const LimitsRedis *r, redisContext *c, Error *err)
{
    if (r->user[0] && r->password[0]) {
        TRY(check(c, redisCommand(c, "AUTH %s %s", r->user, r->password), err));
    } else if (r->password[0]) {
        TRY(check(c, redisCommand(c, "AUTH %s", r->password), err));
    }
    if (r->database > 0) {
        TRY(check(c, redisCommand(c, "SELECT %d", r->database), err));
    }
    return RC_OK;
}

static Rc open_connection(const LimitsRedis *r, redisContext **ret, Error *err)
{
    redisContext *c = redisConnectWithTimeout(r->host, r->port, r->timeout);
    Rc rc =
        c && !c->err && redisSetTimeout(c, r->timeout) == REDIS_OK ? RC_OK : complain(c, NULL, err);
    if (rc == RC_OK) {
        rc = greet(r, c, err);
    }
    if (rc != RC_OK) {
        redisFree(c);
        return rc;
    }
    *ret = c;
    return RC_OK;
}

static void give_back(LimitsRedis *r, redisContext *c)
{
    mutex_lock(&r->lock);
    if (c) {
        r->idle[r->n_idle++] = c;
    } else {
        r->n_open--;
    }
    cond_signal(&r->freed);
    mutex_unlock(&r->lock);
}

/* They are as old as one that turned out to be dead. */
static void drop_idle(LimitsRedis *r)
{
    mutex_lock(&r->lock);
    while (r->n_idle > 0) {
        redisFree(r->idle[--r->n_idle]);
        r->n_open--;
    }
    mutex_unlock(&r->lock);
}

/* *ret_is_used: it has been idle, and may be dead without knowing it. */
static Rc lend(LimitsRedis *r, redisContext **ret, bool *ret_is_used, Error *err)
{
    int64_t deadline_us = time_monotonic_us() + r->timeout_us;
    bool in_time = true;
    *ret = NULL;
    mutex_lock(&r->lock);
    while (r->n_idle == 0 && r->n_open == LIMIT_REDIS_CONNECTIONS && in_time) {
        in_time = cond_wait_until(&r->freed, &r->lock, deadline_us);
    }
    bool is_full = r->n_idle == 0 && r->n_open == LIMIT_REDIS_CONNECTIONS;
    if (r->n_idle > 0) {
        *ret = r->idle[--r->n_idle];
    } else if (!is_full) {
        r->n_open++;
    }
    mutex_unlock(&r->lock);
    *ret_is_used = *ret != NULL;
    if (is_full) {
        return error_set(err, RC_UPSTREAM, "all %d connections to Redis are waiting",
                         LIMIT_REDIS_CONNECTIONS);
    }
    if (*ret) {
        return RC_OK;
    }
    Rc rc = open_connection(r, ret, err);
    if (rc != RC_OK) {
        give_back(r, NULL);
    }
    return rc;
}

/* ---- asking */

static redisReply *
run_script(redisContext *c, const char *how, const char *text, Str key, const RedisAsk *ask)
{
    return redisCommand(c, "%s %s 1 %b %lld %lld %lld %d", how, text, key.ptr, key.len,
                        (long long)ask->step_us, (long long)ask->burst_us, (long long)ask->per_day,
                        LIMIT_REDIS_BATCH);
}

static bool read_grant(const redisReply *reply, RedisGrant *ret)
{
    int64_t n[REPLY_NUMBERS];
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != REPLY_NUMBERS) {
        return false;
    }
    for (size_t i = 0; i < REPLY_NUMBERS; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER || reply->element[i]->integer < 0) {
            return false;
        }
        n[i] = reply->element[i]->integer;
    }
    *ret = (RedisGrant){n[0], n[1] != 0, n[2], n[3], n[4]};
    return n[0] <= LIMIT_REDIS_BATCH;
}

/* *ret_is_dead: the other end had closed the connection. */
static Rc ask_on(const LimitsRedis *r,
                 redisContext *c,
                 Str key,
                 const RedisAsk *ask,
                 RedisGrant *ret,
                 bool *ret_is_dead,
                 Error *err)
{
    redisReply *reply = run_script(c, "EVALSHA", r->sha, key, ask);
    *ret_is_dead = c->err == REDIS_ERR_EOF || (c->err == REDIS_ERR_IO && errno != EAGAIN);
    if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
        freeReplyObject(reply); /* it has been restarted, or its scripts flushed */
        reply = run_script(c, "EVAL", script, key, ask);
    }
    Rc rc = read_grant(reply, ret) ? RC_OK : complain(c, reply, err);
    freeReplyObject(reply);
    return rc;
}

Rc limits_redis_ask(LimitsRedis *redis, const RedisAsk *ask, RedisGrant *ret, Error *err)
{
    char text[64 + KEY_SUBJECT_MAX];
    redisContext *c;
    ASSERT(ask->subject.len <= KEY_SUBJECT_MAX);
    int n = snprintf(text, sizeof(text), "fairway:limit:%s:", ask->policy);
    memcpy(text + n, ask->subject.ptr, ask->subject.len); /* bytes: it may be a digest */
    Str key = str_of(text, (size_t)n + ask->subject.len);
    for (;;) {
        bool is_used, is_dead;
        TRY(lend(redis, &c, &is_used, err));
        ASSERT(c != NULL);
        Rc rc = ask_on(redis, c, key, ask, ret, &is_dead, err);
        if (rc == RC_OK) {
            give_back(redis, c);
            return RC_OK;
        }
        redisFree(c);
        give_back(redis, NULL);
        drop_idle(redis);
        if (!is_used || !is_dead) { /* else Redis has been restarted meanwhile: once more */
            return rc;
        }
    }
}
