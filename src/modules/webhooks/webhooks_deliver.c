/* SPDX-License-Identifier: Apache-2.0
 * One attempt of one delivery: sign, send, note what came back, decide when to try again. */
#include "base/id.h"
#include "base/log.h"
#include "base/time.h"

#include "modules/webhooks/webhooks_priv.h"
#include "net/http_client.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"
#include "webhooks_q_sql.h"

#include <inttypes.h>

#define SEND_TIMEOUT_US (15 * US_PER_SECOND)
#define ANSWER_MAX (64 * KIB)
#define RETRY_AFTER_MAX US_PER_DAY
#define GIVE_UP_AFTER (3 * US_PER_DAY)
#define KEEP_DELIVERIES_US (30 * US_PER_DAY)

enum { HTTP_GONE = 410 };

typedef struct Delivery {
    Str id, webhook_id, webhook_name, url, sealed, previous_sealed, event_id, event_type, body,
        status;
    bool enabled;
    int64_t previous_until_us, failing_since_us;
} Delivery;

typedef struct Attempt {
    const char *status; /* of the delivery afterwards */
    int code;           /* 0: no answer */
    int64_t duration_us;
    Str error; /* "" when it succeeded */
    int64_t retry_in_us;
    bool is_last;
} Attempt;

/* ---- reading */

/* RC_NOT_FOUND: the webhook was deleted. */
static Rc read_delivery(Ctx *cx, Str id, Delivery *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(ctx_read_primary(cx));
    TRY(tx_query(cx->tx, &webhooks_q_delivery_read, PARAMS(P_STR(id)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = (Delivery){
        .id = id,
        .webhook_id = rows_dup(rows, 0, cx->arena),
        .url = rows_dup(rows, 1, cx->arena),
        .enabled = rows_i64(rows, 2) != 0,
        .sealed = rows_dup(rows, 3, cx->arena),
        .previous_sealed = rows_dup(rows, 4, cx->arena),
        .previous_until_us = rows_i64(rows, 5),
        .event_id = rows_dup(rows, 6, cx->arena),
        .event_type = rows_dup(rows, 7, cx->arena),
        .body = rows_dup(rows, 8, cx->arena),
        .status = rows_dup(rows, 9, cx->arena),
        .failing_since_us = rows_i64(rows, 10),
        .webhook_name = rows_dup(rows, 11, cx->arena),
    };
    return RC_OK;
}

/* ---- sending */

static Rc sign(Ctx *cx, const Delivery *d, int64_t timestamp_s, Str *ret)
{
    Str secrets[2] = {STR_EMPTY, STR_EMPTY};
    Str context = str_fmt(cx->arena, "webhooks.secret.%.*s", STR_ARG(d->webhook_id));
    Secrets *box = cx->platform->secrets;
    TRY(secrets_open(box, cx->arena, d->sealed, context, &secrets[0], &cx->error));
    if (d->previous_sealed.len && d->previous_until_us > time_now_us()) {
        TRY(secrets_open(box, cx->arena, d->previous_sealed, context, &secrets[1], &cx->error));
    }
    *ret = webhook_signature(cx->arena, secrets, ARRAY_LEN(secrets), d->event_id, timestamp_s,
                             d->body);
    return RC_OK;
}

/* RC_OK for every answer. */
static Rc send_it(Ctx *cx, const Delivery *d, HttpAnswer *ret)
{
    int64_t timestamp_s = time_now_us() / US_PER_SECOND;
    Str allow = settings_str(cx->platform->settings, "webhooks.allow"), signature;
    TRY(sign(cx, d, timestamp_s, &signature));
    const HttpPair headers[] = {
        {STR("Content-Type"),      STR("application/json")},
        {STR("webhook-id"),        d->event_id            },
        {STR("webhook-timestamp"), str_fmt(cx->arena,       "%" PRId64, timestamp_s)},
        {STR("webhook-signature"),            signature                                  },
    };
    HttpCall call = {
        .method = HTTP_POST,
        .url = d->url,
        .headers = headers,
        .n_headers = ARRAY_LEN(headers),
        .body = d->body,
        .timeout_us = SEND_TIMEOUT_US,
        .max_body = ANSWER_MAX,
        .allow = http_allow_listed,
        .allow_user = &allow,
        .no_breaker = true, /* the schedule of attempts is gentler */
        .kind = "webhook",
    };
    return http_client_call(cx->platform->http, &call, cx->arena, ret, &cx->error);
}

/* ---- judging */

static const int64_t waits[WEBHOOK_ATTEMPTS_MAX - 1] = {
    5 * US_PER_SECOND, 5 * US_PER_MINUTE, 30 * US_PER_MINUTE, 2 * US_PER_HOUR,  5 * US_PER_HOUR,
    10 * US_PER_HOUR,  14 * US_PER_HOUR,  20 * US_PER_HOUR,   24 * US_PER_HOUR,
};

/* RFC 9110 section 10.2.3: seconds. The form with a date is rare, and the schedule does for it. */
int64_t webhook_retry_wait(unsigned attempt, Str retry_after)
{
    int64_t seconds;
    if (str_to_i64(retry_after, &seconds) && seconds >= 0) {
        return MIN(MAX(seconds, 1), RETRY_AFTER_MAX / US_PER_SECOND) * US_PER_SECOND;
    }
    return waits[MIN(MAX(attempt, 1), ARRAY_LEN(waits)) - 1];
}

/* Up to a tenth longer: what failed together does not come back together. */
static int64_t with_jitter(int64_t us)
{
    uint16_t random;
    random_bytes(&random, sizeof(random));
    return us + us / 10 * random / UINT16_MAX;
}

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

static Attempt judge(Ctx *cx, const Job *job, Rc rc, const HttpAnswer *answer)
{
    Attempt a = {.status = "succeeded", .duration_us = answer->duration_us, .code = answer->status};
    if (rc == RC_OK && is_success(answer->status)) {
        return a;
    }
    a.error = rc == RC_OK ? str_fmt(cx->arena, "the receiver answered %d", answer->status)
                          : str_dup(cx->arena, str_from(cx->error.message));
    /* An address that is refused, or a URL that is none, stays so until someone changes it. */
    a.is_last = job->attempt >= WEBHOOK_ATTEMPTS_MAX ||
                (rc == RC_OK && answer->status == HTTP_GONE) || rc == RC_DENIED || rc == RC_INVALID;
    a.status = a.is_last ? "dead" : "failed";
    if (!a.is_last) {
        a.retry_in_us = with_jitter(webhook_retry_wait(job->attempt, answer->retry_after));
    }
    return a;
}

/* ---- noting */

static Rc disable(Ctx *cx, const Delivery *d, const char *reason)
{
    int64_t changed;
    TRY(tx_exec(cx->tx, &webhooks_q_disable,
                PARAMS(P_STR(d->webhook_id), P_I64(time_now_us()), P_CSTR(reason)), &changed,
                &cx->error));
    if (changed == 0) {
        return RC_OK;
    }
    log_warn("webhooks.disabled", F_STR("webhook", d->webhook_id), F_CSTR("reason", reason));
    Json *data = json_object(cx->arena);
    json_set_str(cx->arena, data, "name", d->webhook_name);
    json_set_str(cx->arena, data, "reason", str_from(reason));
    return events_emit(cx, "webhooks.disabled", "/api/webhooks", d->webhook_id, data);
}

static Rc note_failure(Ctx *cx, const Delivery *d, const Attempt *a)
{
    int64_t now = time_now_us();
    TRY(tx_exec(cx->tx, &webhooks_q_note_failure, PARAMS(P_STR(d->webhook_id), P_I64(now)), NULL,
                &cx->error));
    if (a->code == HTTP_GONE) {
        return disable(cx, d, "The receiver answered 410 Gone: it wants no more events.");
    }
    if (a->is_last && d->failing_since_us > 0 && now - d->failing_since_us >= GIVE_UP_AFTER) {
        return disable(cx, d, "No delivery has succeeded for three days.");
    }
    return RC_OK;
}

static Rc note(Ctx *cx, const Delivery *d, const Attempt *a)
{
    int64_t now = time_now_us();
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &webhooks_q_delivery_attempted,
                PARAMS(P_STR(d->id), P_I64(now), P_CSTR(a->status),
                       a->code ? P_I64(a->code) : P_NULL, P_I64(a->duration_us / US_PER_MS),
                       P_STR_OR_NULL(a->error),
                       a->retry_in_us ? P_I64(now + a->retry_in_us) : P_NULL),
                NULL, &cx->error));
    if (a->error.len == 0) {
        TRY(tx_exec(cx->tx, &webhooks_q_note_success, PARAMS(P_STR(d->webhook_id)), NULL,
                    &cx->error));
    } else {
        TRY(note_failure(cx, d, a));
    }
    return ctx_commit(cx);
}

static Rc drop(Ctx *cx, const Delivery *d, const char *why)
{
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &webhooks_q_delivery_dropped,
                PARAMS(P_STR(d->id), P_I64(time_now_us()), P_CSTR(why)), NULL, &cx->error));
    return ctx_commit(cx);
}

/* ---- the jobs */

Rc webhook_deliver_run(Ctx *cx, Job *job)
{
    Delivery d;
    HttpAnswer answer = {0};
    Rc rc = read_delivery(cx, json_str_at(job->payload, "delivery"), &d);
    ctx_end(cx);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        return RC_OK; /* deleted, and its deliveries with it */
    }
    TRY(rc);
    bool is_again = json_bool(json_get_c(job->payload, "again"), false);
    if (str_is(d.status, "succeeded") && !is_again) {
        return RC_OK; /* sent before, but the job's end could not be written */
    }
    if (!d.enabled && !str_is(d.event_type, WEBHOOK_TEST_EVENT)) {
        return drop(cx, &d, "The webhook is disabled.");
    }
    int64_t started = time_monotonic_us();
    rc = send_it(cx, &d, &answer);
    answer.duration_us = time_monotonic_us() - started;
    Attempt a = judge(cx, job, rc, &answer);
    job_log(cx, job, "%.*s: %.*s", STR_ARG(d.url),
            STR_ARG(a.error.len ? a.error : STR("delivered")));
    TRY(note(cx, &d, &a));
    if (a.error.len == 0 || a.code == HTTP_GONE) {
        return RC_OK;
    }
    job_retry_in(job, a.retry_in_us);
    return fail(cx, a.is_last ? RC_GONE : RC_UPSTREAM, "%.*s", STR_ARG(a.error));
}

Rc webhooks_prune_run(Ctx *cx, Job *job)
{
    enum { PRUNE_BATCH = 500 };
    int64_t removed = PRUNE_BATCH, cutoff = time_now_us() - KEEP_DELIVERIES_US;
    while (removed == PRUNE_BATCH && !job_is_cancelled(cx, job)) {
        TRY(ctx_begin(cx));
        TRY(tx_exec(cx->tx, &webhooks_q_prune, PARAMS(P_I64(cutoff), P_I64(PRUNE_BATCH)), &removed,
                    &cx->error));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}
