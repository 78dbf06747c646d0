/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_denied.c - what was refused for want of a permission goes into the audit trail,
 * and a flood of refusals does not: of one caller and permission there are two rows a minute at
 * most, one at once and one that counts the rest, and of all callers DENIED_MAX pairs of them.
 * Whoever is beyond that is only counted. Callers that nobody knows are never written down.
 *
 * One thread writes; it starts with the first refusal. */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/api/api_priv.h"
#include "platform/audit/audit.h"

#include <stdlib.h>

enum { DENIED_MAX = 256, TEXT_MAX = 640, TEXTS = 8 };

typedef enum Part {
    PART_ACTOR,
    PART_NAME,
    PART_KEY,
    PART_SESSION,
    PART_ADDRESS,
    PART_REQUEST,
    PART_RESOURCE,
    PART_ACTION
} Part;

typedef struct Denied {
    ActorKind kind;
    uint64_t hash; /* of who and what; 0: free */
    int64_t minute;
    int64_t count, written; /* refusals, and how many of them rows tell of */
    int64_t first_us, last_us;
    const Operation *op; /* of the first one */
    uint16_t lens[TEXTS];
    char text[TEXT_MAX]; /* the parts, one after the other */
} Denied;

struct ApiDenied {
    Platform *platform;
    Metric *total;
    Mutex lock; /* guards what follows */
    Cond wake;
    bool is_stopping, is_started;
    bool has_new; /* something to be written at once */
    size_t n;
    Denied at[DENIED_MAX];
    Thread thread;
};

/* ---- taking note */

static int64_t minute_of(int64_t us)
{
    return us / US_PER_MINUTE;
}

static void fill(Denied *d, const Ctx *cx, const Operation *op, int64_t now)
{
    const Actor *a = &cx->actor;
    const Str parts[TEXTS] = {a->id,       a->name,        a->key_id, a->session_id,
                              cx->address, cx->request_id, op->on,    op->action};
    size_t n = 0;
    d->kind = a->kind;
    d->op = op;
    d->minute = minute_of(now);
    d->count = d->written = 0;
    d->first_us = now;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = MIN(parts[i].len, (size_t)TEXT_MAX / TEXTS);
        memcpy(d->text + n, len ? parts[i].ptr : "", len);
        d->lens[i] = (uint16_t)len;
        n += len;
    }
}

static uint64_t hash_of(const Ctx *cx, const Operation *op)
{
    const Str parts[] = {cx->actor.id, cx->actor.key_id, op->on, op->action};
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        hash = hash * 31 + str_hash(parts[i]);
    }
    return hash ? hash : 1;
}

static void *run(void *user);

static void note(ApiDenied *list, const Ctx *cx, const Operation *op) REQUIRES(list->lock);
static void note(ApiDenied *list, const Ctx *cx, const Operation *op)
{
    int64_t now = time_now_us();
    uint64_t hash = hash_of(cx, op);
    Denied *d = NULL;
    for (size_t i = 0; i < list->n && !d; i++) {
        bool is_same = list->at[i].hash == hash && list->at[i].minute == minute_of(now);
        d = is_same ? &list->at[i] : NULL;
    }
    if (!d && list->n == DENIED_MAX) {
        return;
    }
    if (!d) {
        d = &list->at[list->n++];
        d->hash = hash;
        fill(d, cx, op, now);
        list->has_new = true;
        cond_signal(&list->wake);
    }
    d->count++;
    d->last_us = now;
}

void api_denied_note(ApiDenied *list, const Ctx *cx, const Operation *op)
{
    bool is_known = cx->actor.kind == ACTOR_USER || cx->actor.kind == ACTOR_SERVICE;
    metric_add(list->total, 1);
    if (!is_known || !list->platform->audit) { /* or a test without a database */
        return;
    }
    mutex_lock(&list->lock);
    if (!list->is_started) {
        list->is_started = true;
        thread_start(&list->thread, "denied", run, list);
    }
    note(list, cx, op);
    mutex_unlock(&list->lock);
}

/* ---- writing down */

static Str part_of(const Denied *d, Part part)
{
    size_t at = 0;
    for (size_t i = 0; i < (size_t)part; i++) {
        at += d->lens[i];
    }
    return str_of(d->text + at, d->lens[part]);
}

/* Rows of what is new, and of the rest of minutes that are over. Moves into ret what is to be
 * written; forgets what is done. */
static size_t take_due(ApiDenied *list, Denied *ret) REQUIRES(list->lock);
static size_t take_due(ApiDenied *list, Denied *ret)
{
    int64_t minute = minute_of(time_now_us());
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        Denied *d = &list->at[i];
        bool is_over = d->minute != minute || list->is_stopping;
        if (d->written == 0 || (is_over && d->count > d->written)) {
            ret[n] = *d;
            ret[n++].count = d->count - d->written;
            d->written = d->count;
        }
        if (!is_over) {
            list->at[kept++] = *d;
        }
    }
    list->n = kept;
    list->has_new = false;
    return n;
}

static Rc write_one(Ctx *cx, const Denied *d)
{
    Json *after = json_object(cx->arena);
    Str permission = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(part_of(d, PART_RESOURCE)),
                             STR_ARG(part_of(d, PART_ACTION)));
    cx->actor = (Actor){.kind = d->kind,
                        .id = part_of(d, PART_ACTOR),
                        .name = part_of(d, PART_NAME),
                        .key_id = part_of(d, PART_KEY),
                        .session_id = part_of(d, PART_SESSION)};
    cx->address = part_of(d, PART_ADDRESS);
    cx->request_id = part_of(d, PART_REQUEST);
    json_set_str(cx->arena, after, "permission", permission);
    json_set_str(cx->arena, after, "operation", d->op->id);
    json_set_c(cx->arena, after, "count", json_int(cx->arena, d->count));
    json_set_str(cx->arena, after, "first_at", time_rfc3339_dup(cx->arena, d->first_us));
    json_set_str(cx->arena, after, "last_at", time_rfc3339_dup(cx->arena, d->last_us));
    return audit_write(cx, "authz.denied", "Permission", permission, NULL, after);
}

static Rc write_all(Ctx *cx, const Denied *all, size_t n)
{
    TRY(ctx_begin(cx));
    for (size_t i = 0; i < n; i++) {
        TRY(write_one(cx, &all[i]));
    }
    return ctx_commit(cx);
}

static void write_down(Platform *platform, const Denied *all, size_t n)
{
    Ctx *cx = ctx_new_system(platform, "authz");
    if (write_all(cx, all, n) != RC_OK) {
        log_error("authz.denied_not_written", F_I64("rows", (int64_t)n),
                  F_CSTR("error", cx->error.message), F_CSTR("detail", cx->error.detail));
    }
    ctx_free(cx);
}

/* False when the server ends. */
static bool wait_for_due(ApiDenied *list) REQUIRES(list->lock);
static bool wait_for_due(ApiDenied *list)
{
    int64_t left_us = US_PER_MINUTE - time_now_us() % US_PER_MINUTE;
    int64_t until = time_monotonic_us() + left_us;
    bool in_time = true;
    while (!list->has_new && !list->is_stopping && in_time) {
        if (list->n == 0) {
            cond_wait(&list->wake, &list->lock);
        } else {
            in_time = cond_wait_until(&list->wake, &list->lock, until);
        }
    }
    return !list->is_stopping;
}

static void *run(void *user)
{
    ApiDenied *list = user;
    Denied *due = calloc(DENIED_MAX, sizeof(*due));
    bool goes_on;
    ASSERT(due);
    do {
        mutex_lock(&list->lock);
        goes_on = wait_for_due(list);
        size_t n = take_due(list, due);
        mutex_unlock(&list->lock);
        if (n > 0) {
            write_down(list->platform, due, n);
        }
    } while (goes_on);
    free(due);
    return NULL;
}

/* ---- life */

ApiDenied *api_denied_new(Platform *platform)
{
    ApiDenied *list = calloc(1, sizeof(*list));
    ASSERT(list);
    list->platform = platform;
    list->total = metrics_counter(platform->metrics, "fairway_authz_denied_total", "",
                                  "Requests refused for want of a permission.");
    mutex_init(&list->lock);
    cond_init(&list->wake);
    return list;
}

void api_denied_free(ApiDenied *list)
{
    mutex_lock(&list->lock);
    list->is_stopping = true;
    cond_signal(&list->wake);
    mutex_unlock(&list->lock);
    thread_join(&list->thread);
    cond_done(&list->wake);
    mutex_done(&list->lock);
    free(list);
}
