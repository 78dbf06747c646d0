/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/records/idempotency.h"

#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/records/records_priv.h"

#include <stdatomic.h>

enum { KEY_BYTES_MAX = 255, PURGE_EVERY = 32 };
#define KEEP_US (24 * US_PER_HOUR)

static const Query claim_key = {
    .name = "idempotency.claim",
    .sql = "INSERT INTO idempotency_keys (actor, target, key, fingerprint, created_at) "
           "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (actor, target, key) DO UPDATE SET "
           "fingerprint = excluded.fingerprint, created_at = excluded.created_at, status = NULL, "
           "headers = NULL, "
           "body = NULL WHERE idempotency_keys.created_at < $6",
};
static const Query read_key = {
    .name = "idempotency.read",
    .sql = "SELECT fingerprint, status, headers, body FROM idempotency_keys "
           "WHERE actor = $1 AND target = $2 AND key = $3",
};
static const Query keep_answer = {
    .name = "idempotency.keep",
    .sql = "UPDATE idempotency_keys SET status = $4, headers = $5, body = $6 "
           "WHERE actor = $1 AND target = $2 AND key = $3",
};
/* A few at a time, so that no request pays for a backlog; rows another transaction holds are left
 * to it. */
static const Query purge_keys = {
    .name = "idempotency.purge",
    .sql = "DELETE FROM idempotency_keys WHERE rowid IN "
           "(SELECT rowid FROM idempotency_keys WHERE created_at < $1 LIMIT 256)",
    .sql_pg =
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys "
        "WHERE created_at < $1 LIMIT 256 FOR UPDATE SKIP LOCKED))",
};

static Mutex running_lock = MUTEX_INIT; /* guards running */
static Idempotency *running;            /* requests of this process, a handful at a time */

static bool same_request(const Idempotency *a, const Idempotency *b)
{
    return str_eq(a->key, b->key) && str_eq(a->target, b->target) && str_eq(a->actor, b->actor);
}

static bool start_running(Idempotency *idem)
{
    mutex_lock(&running_lock);
    const Idempotency *at = running;
    while (at && !same_request(at, idem)) {
        at = at->next;
    }
    if (!at) {
        idem->next = running;
        running = idem;
        idem->is_running = true;
    }
    mutex_unlock(&running_lock);
    return !at;
}

void idempotency_done(Idempotency *idem)
{
    if (!idem->is_running) {
        return;
    }
    mutex_lock(&running_lock);
    Idempotency **link = &running;
    while (*link != idem) {
        link = &(*link)->next;
    }
    *link = idem->next;
    idem->is_running = false;
    mutex_unlock(&running_lock);
}

/* A structured-field string ("…") or a bare token, as clients send both. */
static bool parse_key(Str header, Str *ret)
{
    Str key = str_trim(header);
    if (key.len >= 2 && key.ptr[0] == '"' && key.ptr[key.len - 1] == '"') {
        key = str_sub(key, 1, key.len - 1);
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < 0x20 || key.ptr[i] > 0x7e || key.ptr[i] == '"') {
            return false;
        }
    }
    *ret = key;
    return key.len > 0 && key.len <= KEY_BYTES_MAX;
}

static Str fingerprint_of(Ctx *cx, const Call *call)
{
    Buf canonical = buf_init(cx->arena, SIZE_MAX / 2);
    if (call->body) {
        json_write_canonical(&canonical, call->body);
    } else {
        buf_put(&canonical, call->raw_body);
    }
    return sha256_hex(cx->arena, buf_str(&canonical));
}

Rc idempotency_begin(Ctx *cx, Call *call, Idempotency *idem)
{
    Str header = call_header(call, "Idempotency-Key");
    if (header.len == 0 || !call->op->idempotent_key) {
        return RC_OK;
    }
    if (!parse_key(header, &idem->key)) {
        fail(cx, RC_MALFORMED, "Idempotency-Key must be 1 to %d visible ASCII characters.",
             KEY_BYTES_MAX);
        error_field(&cx->error, STR("header:Idempotency-Key"), "is not a key");
        return RC_MALFORMED;
    }
    idem->actor = cx->actor.id;
    idem->target = str_fmt(cx->arena, "%s %.*s", http_method_name(call->op->method),
                           STR_ARG(call_target_path(cx, call)));
    idem->fingerprint = fingerprint_of(cx, call);
    if (!start_running(idem)) {
        call->retry_after_s = 1;
        return fail(
            cx, RC_CONFLICT,
            "A request with this Idempotency-Key is still running; repeat it a moment later.");
    }
    return RC_OK;
}

static Rc replay(Ctx *cx, Call *call, Rows *rows)
{
    Json *headers;
    TRY(json_parse(cx->arena, rows_str(rows, 2), NULL, &headers, &cx->error));
    int status = (int)rows_i64(rows, 1);
    if (rows_is_null(rows, 3)) {
        reply_empty(call, status);
    } else {
        reply_json(call, status, rows_dup(rows, 3, cx->arena));
    }
    for (uint32_t i = 0; i < headers->n; i++) {
        reply_header(call, str_cstr(cx->arena, headers->members[i].key),
                     json_str(headers->members[i].value));
    }
    reply_header(call, "Idempotent-Replayed", STR("true"));
    return RC_OK;
}

static Rc purge_sometimes(Ctx *cx)
{
    static _Atomic unsigned count;
    if (atomic_fetch_add(&count, 1) % PURGE_EVERY != 0) {
        return RC_OK;
    }
    return tx_exec(cx->tx, &purge_keys, PARAMS(P_I64(time_now_us() - KEEP_US)), NULL, &cx->error);
}

Rc idempotency_claim(Ctx *cx, Call *call, Idempotency *idem, bool *ret_replayed)
{
    int64_t now = time_now_us(), claimed = 0;
    *ret_replayed = false;
    if (idem->key.len == 0) {
        return RC_OK;
    }
    TRY(purge_sometimes(cx));
    TRY(tx_exec(cx->tx, &claim_key,
                PARAMS(P_STR(idem->actor), P_STR(idem->target), P_STR(idem->key),
                       P_STR(idem->fingerprint), P_I64(now), P_I64(now - KEEP_US)),
                &claimed, &cx->error));
    if (claimed > 0) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &read_key,
                 PARAMS(P_STR(idem->actor), P_STR(idem->target), P_STR(idem->key)), &rows,
                 &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return fail(cx, RC_BUSY, "The first answer is just expiring; try again.");
    }
    if (!str_eq(rows_str(rows, 0), idem->fingerprint)) {
        fail(cx, RC_INVALID,
             "This Idempotency-Key was used with another body; take a new key for a new request.");
        error_field(&cx->error, STR("header:Idempotency-Key"), "was used with another body");
        return RC_INVALID;
    }
    *ret_replayed = true;
    return replay(cx, call, rows);
}

Rc idempotency_keep(Ctx *cx, const Call *call, const Idempotency *idem)
{
    if (idem->key.len == 0) {
        return RC_OK;
    }
    Json *headers = json_object(cx->arena);
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        json_set(cx->arena, headers, call->reply.headers[i].name,
                 json_string(cx->arena, call->reply.headers[i].value));
    }
    return tx_exec(cx->tx, &keep_answer,
                   PARAMS(P_STR(idem->actor), P_STR(idem->target), P_STR(idem->key),
                          P_I64(call->reply.status), P_STR(json_to_str(cx->arena, headers)),
                          P_STR_OR_NULL(call->reply.body)),
                   NULL, &cx->error);
}
