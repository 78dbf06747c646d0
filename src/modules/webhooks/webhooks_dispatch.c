/* SPDX-License-Identifier: Apache-2.0
 * From an event to the deliveries it causes.
 *
 * Events come in order, so the list of webhooks is read anew when an event says that one changed:
 * what follows it in the stream sees the change. It is also read anew when it is older than
 * STALE_US, because another process may have handled the events in between. */
#include "base/buf.h"
#include "base/file.h"
#include "base/time.h"
#include "base/vec.h"

#include "modules/webhooks/webhooks_priv.h"
#include "webhooks_q_sql.h"

#define STALE_US (2 * US_PER_SECOND)

typedef struct Hook {
    Str id;
    const Json *types;
} Hook;

/* The last list. Only the subscription's thread uses it, and there is one in a process. */
static struct {
    const Db *of;
    Arena *arena;
    Hook *hooks;
    size_t n;
    int64_t read_us; /* monotonic */
} known;

static Rc read_hooks(Ctx *cx)
{
    typedef VEC(Hook) HookVec;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Arena *arena = arena_new(0);
    HookVec hooks = {.arena = arena};
    Rc rc = ctx_read_primary(cx);
    rc = rc ? rc : tx_query(cx->tx, &webhooks_q_enabled, NO_PARAMS, &rows, &cx->error);
    while (rc == RC_OK && rows_next(rows)) {
        Json *types = NULL;
        rc = json_parse(arena, rows_str(rows, 1), NULL, &types, &cx->error);
        VEC_PUSH(&hooks, ((Hook){rows_dup(rows, 0, arena), types}));
    }
    rc = rc ? rc : rows_error(rows, &cx->error);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    rows_end(rows);
    rows = NULL;
    ctx_end(cx);
    arena_free(known.arena);
    known.arena = arena;
    known.of = cx->platform->db;
    known.hooks = hooks.at;
    known.n = hooks.n;
    known.read_us = time_monotonic_us();
    return RC_OK;
}

static bool wants(const Hook *hook, Str type)
{
    for (uint32_t i = 0; i < hook->types->n; i++) {
        if (glob_match(json_str(hook->types->items[i]), type)) {
            return true;
        }
    }
    return false;
}

/* The ids of the webhooks that want the event, in cx's arena. */
static Rc who_wants(Ctx *cx, const Event *event, Str **ret, size_t *ret_n)
{
    size_t n = 0;
    bool is_stale = known.of != cx->platform->db || str_starts(event->type, STR("webhooks.")) ||
                    time_monotonic_us() - known.read_us > STALE_US;
    if (is_stale) {
        TRY(read_hooks(cx));
    }
    Str *ids = ARENA_ARRAY(cx->arena, Str, known.n);
    for (size_t i = 0; i < known.n; i++) {
        if (wants(&known.hooks[i], event->type)) {
            ids[n++] = str_dup(cx->arena, known.hooks[i].id);
        }
    }
    *ret = ids;
    *ret_n = n;
    return RC_OK;
}

/* ---- queueing */

Rc webhook_queue_job(Ctx *cx, Str delivery_id, bool again)
{
    Json *payload = json_object(cx->arena);
    json_set_str(cx->arena, payload, "delivery", delivery_id);
    json_set_c(cx->arena, payload, "again", json_bool_new(cx->arena, again));
    Str key =
        str_fmt(cx->arena, WEBHOOK_JOB "%s:%.*s", again ? ":again" : "", STR_ARG(delivery_id));
    JobSpec spec = {.type = WEBHOOK_JOB, .payload = payload, .key = key, .priority = again ? 1 : 0};
    return jobs_enqueue(cx, &spec, NULL);
}

/* The CloudEvent, with the time under the name that Standard Webhooks gives it too. */
static Str body_of(Arena *arena, const Event *event)
{
    Buf out = buf_init(arena, 4 * MIB);
    char time[TIME_RFC3339_SIZE];
    Buf plain = buf_init(arena, 4 * MIB);
    event_write_json(&plain, event);
    Str stamp = time_rfc3339(event->time_us, time);
    buf_fmt(&out, "{\"timestamp\":\"%.*s\",", STR_ARG(stamp));
    buf_put(&out, str_from_index(buf_str(&plain), 1));
    ASSERT(buf_ok(&out) && buf_ok(&plain));
    return buf_str(&out);
}

Rc webhook_queue(Ctx *cx, Str webhook_id, const Event *event, Str *ret_id)
{
    Uuid id = uuid_v7();
    int64_t changed;
    bool is_test = str_is(event->type, WEBHOOK_TEST_EVENT);
    TRY(tx_exec(cx->tx, &webhooks_q_delivery_add,
                PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us()), P_STR_OR_NULL(cx->actor.id),
                       P_STR(webhook_id), P_STR(event->id), P_STR(event->type),
                       P_STR(body_of(cx->arena, event))),
                &changed, &cx->error));
    *ret_id = changed == 1 ? str_dup(cx->arena, uuid_str(&id)) : STR_EMPTY;
    return changed == 1 ? webhook_queue_job(cx, *ret_id, is_test) : RC_OK;
}

/* A delivery that dies must not cause another delivery that dies. */
static bool is_about_deliveries(const Event *event)
{
    return str_starts(event->type, STR("jobs.")) &&
           str_find(event->data, STR("\"type\":\"" WEBHOOK_JOB "\"")) != SIZE_MAX;
}

Rc webhooks_on_event(Ctx *cx, const Event *event)
{
    Str *ids;
    size_t n;
    TRY(who_wants(cx, event, &ids, &n));
    if (n == 0 || is_about_deliveries(event)) {
        return RC_OK;
    }
    TRY(ctx_begin(cx));
    for (size_t i = 0; i < n; i++) {
        int64_t exists;
        Str id;
        /* deleted since the list was read */
        TRY(tx_one_i64(cx->tx, &webhooks_q_exists, PARAMS(P_STR(ids[i])), &exists, &cx->error));
        if (exists) {
            TRY(webhook_queue(cx, ids[i], event, &id));
        }
    }
    return ctx_commit(cx);
}
