/* SPDX-License-Identifier: Apache-2.0
 * The module's row, the hooks of the record, and the operations of api/webhooks.yaml. */
#include "modules/webhooks/webhooks.h"

#include "base/time.h"

#include "contract_handlers.h"
#include "modules/webhooks/webhooks_priv.h"
#include "net/http_client.h"
#include "platform/records/records.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"
#include "webhooks_q_sql.h"

#define SECRET_OVERLAP_US US_PER_DAY
#define DELIVER_TIMEOUT_US US_PER_MINUTE

/* ---- hooks */

static Rc check_url(Ctx *cx, Str text)
{
    Url url;
    Str allow = settings_str(cx->platform->settings, "webhooks.allow");
    if (!url_parse(text, &url)) {
        return fail_field(cx, STR("/url"), "must be an http or https URL");
    }
    if (url.userinfo.len > 0) {
        return fail_field(cx, STR("/url"),
                          "must not hold credentials: the signature says who sends");
    }
    bool is_internal = str_eq_nocase(url.host, STR("localhost")) || address_is_internal(url.host);
    if (is_internal && !http_allow_listed(&allow, str_lower(cx->arena, url.host), url.port)) {
        return fail_field(
            cx, STR("/url"),
            "is an internal address; the operator can allow it with the setting webhooks.allow");
    }
    return RC_OK;
}

static bool is_mask(Str secret)
{
    return str_is(secret, SECRET_MASK);
}

/* The secret before goes on signing for a while. */
static Rc keep_old_secret(Ctx *cx, RecordChange *change)
{
    char until[TIME_RFC3339_SIZE];
    TRY(tx_exec(cx->tx, &webhooks_q_keep_secret, PARAMS(P_STR(change->id)), NULL, &cx->error));
    json_set_str(cx->arena, change->after, "previous_secret_until",
                 time_rfc3339(time_now_us() + SECRET_OVERLAP_US, until));
    return RC_OK;
}

static Rc prepare_secret(Ctx *cx, RecordChange *change)
{
    Str secret = json_str_at(change->after, "secret");
    if (change->before && is_mask(secret)) {
        return RC_OK;
    }
    if (change->before && secret.len == 0) {
        return fail_field(cx, STR("/secret"), "cannot be removed; rotate it instead");
    }
    if (secret.len == 0) {
        json_set_str(cx->arena, change->after, "secret", webhook_new_secret(cx->arena));
        return RC_OK;
    }
    if (!webhook_secret_is_valid(cx->arena, secret)) {
        return fail_field(cx, STR("/secret"), "must be whsec_ and 24 to 64 bytes in base64");
    }
    return change->before ? keep_old_secret(cx, change) : RC_OK;
}

static Rc webhook_prepare(Ctx *cx, RecordChange *change)
{
    if (change->verb == VERB_DELETE) {
        return tx_exec(cx->tx, &webhooks_q_forget_deliveries, PARAMS(P_STR(change->id)), NULL,
                       &cx->error);
    }
    TRY(check_url(cx, json_str_at(change->after, "url")));
    if (json_bool(json_get_c(change->after, "enabled"), true)) {
        json_remove(change->after, STR("disabled_reason"));
        if (change->before && !json_bool(json_get_c(change->before, "enabled"), true)) {
            json_remove(change->after, STR("failing_since"));
        }
    }
    return prepare_secret(cx, change);
}

/* ---- operations */

/* The only answers that hold a secret in clear text. */
static void answer_with_secret(Ctx *cx, Call *call, int status, Json *webhook, Str secret)
{
    json_set_str(cx->arena, webhook, "secret", secret);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, status, webhook);
}

Rc webhooks_create(Ctx *cx, Call *call)
{
    Json *webhook;
    Str secret = json_str_at(call->body, "secret");
    if (secret.len == 0) {
        secret = webhook_new_secret(cx->arena);
        json_set_str(cx->arena, call->body, "secret", secret);
    }
    TRY(ctx_begin(cx));
    TRY(record_create(cx, "Webhook", call->body, &webhook));
    TRY(ctx_commit(cx));
    Str id = json_str_at(webhook, "id");
    reply_header(call, "Location", str_fmt(cx->arena, "/api/webhooks/%.*s", STR_ARG(id)));
    reply_header(call, "ETag", STR("\"1\""));
    answer_with_secret(cx, call, 201, webhook, secret);
    return RC_OK;
}

Rc webhooks_rotate_secret(Ctx *cx, Call *call)
{
    Json *webhook, *patch = json_object(cx->arena);
    Str secret = webhook_new_secret(cx->arena);
    json_set_str(cx->arena, patch, "secret", secret);
    TRY(ctx_begin(cx));
    TRY(record_patch(cx, "Webhook", call_path(call, "id"), patch, &webhook));
    TRY(ctx_commit(cx));
    answer_with_secret(cx, call, 200, webhook, secret);
    return RC_OK;
}

static Rc answer_delivery(Ctx *cx, Call *call, Str id)
{
    Json *delivery;
    TRY(record_get(cx, "WebhookDelivery", id, &delivery));
    TRY(ctx_commit(cx));
    reply_json_tree(cx, call, 202, delivery);
    return RC_OK;
}

/* Straight to the one webhook: it is no event of the stream. */
Rc webhooks_test(Ctx *cx, Call *call)
{
    Json *webhook;
    Str delivery;
    Uuid id = uuid_v7();
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "Webhook", call_path(call, "id"), &webhook));
    Event event = {
        .id = uuid_str(&id),
        .type = STR(WEBHOOK_TEST_EVENT),
        .source = STR("/api/webhooks"),
        .subject = json_str_at(webhook, "id"),
        .actor = cx->actor.id.len ? cx->actor.id : cx->actor.name,
        .time_us = time_now_us(),
        .data = STR("{\"message\":\"This is a test.\"}"),
    };
    TRY(webhook_queue(cx, event.subject, &event, &delivery));
    return answer_delivery(cx, call, delivery);
}

Rc webhooks_deliveries_redeliver(Ctx *cx, Call *call)
{
    Str webhook = str_lower(cx->arena, call_path(call, "webhook_id"));
    Str id = str_lower(cx->arena, call_path(call, "id"));
    int64_t changed;
    TRY(ctx_begin(cx));
    TRY(tx_exec(
        cx->tx, &webhooks_q_delivery_again,
        PARAMS(P_STR(id), P_STR(webhook), P_I64(time_now_us()), P_STR_OR_NULL(cx->actor.id)),
        &changed, &cx->error));
    if (changed == 0) {
        return fail(cx, RC_NOT_FOUND, "There is no such delivery of this webhook.");
    }
    TRY(webhook_queue_job(cx, id, true));
    return answer_delivery(cx, call, id);
}

/* ---- the module */

static const RecordHooks hooks[] = {
    {.record = "Webhook", .prepare = webhook_prepare},
};
static const JobType job_types[] = {
    {.name = WEBHOOK_JOB,
     .run = webhook_deliver_run,
     .max_attempts = WEBHOOK_ATTEMPTS_MAX,
     .timeout_us = DELIVER_TIMEOUT_US,
     .concurrency = 2, /* receivers that do not answer must not take all workers */
     .keep_us = US_PER_HOUR},
    {.name = "webhooks.prune",    .run = webhooks_prune_run, .concurrency = 1},
};
static const JobSchedule schedules[] = {
    {.name = "webhooks.prune", .type = "webhooks.prune", .every_us = US_PER_HOUR},
};
static const Subscription subscriptions[] = {
    {.name = "webhooks", .types = "*", .handle = webhooks_on_event},
};

static const SealedColumn sealed[] = {
    {.table = "webhooks", .column = "previous_secret", .context = "secret"},
};

const Module webhooks_module = {
    .name = "webhooks",
    .title = "Webhooks",
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .job_types = job_types,
    .n_job_types = ARRAY_LEN(job_types),
    .schedules = schedules,
    .n_schedules = ARRAY_LEN(schedules),
    .subscriptions = subscriptions,
    .n_subscriptions = ARRAY_LEN(subscriptions),
    .sealed = sealed,
    .n_sealed = ARRAY_LEN(sealed),
};
