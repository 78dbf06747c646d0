/* SPDX-License-Identifier: Apache-2.0
 * API keys: of a person or a service account, for a time, no further than their scopes. The record
 * is the engine's; the key itself is shown once and kept as its hash. */
#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/settings/settings.h"

enum { PREFIX_SHOWN = 12 };
#define LIFE_US (90 * US_PER_DAY)
#define LIFE_MAX_US (366 * US_PER_DAY)
#define OVERLAP_S (24 * 3600)

static Rc check_expiry(Ctx *cx, const Json *key)
{
    int64_t at = 0, now = time_now_us();
    if (!time_parse_rfc3339(json_str_at(key, "expires_at"), &at) || at <= now) {
        return fail_field(cx, STR("/expires_at"), "must lie in the future");
    }
    return at > now + LIFE_MAX_US
               ? fail_field(cx, STR("/expires_at"), "must be at most 366 days from now")
               : RC_OK;
}

Rc identity_key_scopes(Ctx *cx, Str key_id, Json **ret)
{
    Str text;
    TRY(tx_one_str(cx->tx, &identity_q_api_key_scopes, PARAMS(P_STR(key_id)), cx->arena, &text,
                   &cx->error));
    return json_parse(cx->arena, text, NULL, ret, &cx->error);
}

static Rc check_at_most(Ctx *cx, const Json *rate, const char *member, const char *setting)
{
    int64_t n = 0, most = settings_int(cx->platform->settings, setting);
    const Json *given = json_get_c(rate, member);
    return !given || most == 0 || (json_to_i64(given, &n) && n <= most)
               ? RC_OK
               : fail_field(cx, str_fmt(cx->arena, "/rate_limit/%s", member),
                            "must be at most %lld, which every key has (%s)", (long long)most,
                            setting);
}

static Rc check_rate(Ctx *cx, const Json *key)
{
    const Json *rate = json_get_c(key, "rate_limit");
    if (!json_is(rate, JSON_OBJECT)) {
        return RC_OK;
    }
    TRY(check_at_most(cx, rate, "per_minute", "limits.key_per_minute"));
    return check_at_most(cx, rate, "burst", "limits.key_burst");
}

/* A key that was shown may not make one that reaches further. */
static Rc check_reach(Ctx *cx, const Json *scopes)
{
    Json *own;
    if (cx->actor.key_id.len == 0) {
        return RC_OK;
    }
    TRY(identity_key_scopes(cx, cx->actor.key_id, &own));
    for (uint32_t i = 0; json_is(scopes, JSON_ARRAY) && i < scopes->n; i++) {
        Str scope = json_str(scopes->items[i]);
        size_t colon = MIN(str_find_char(scope, ':'), scope.len);
        if (!identity_scopes_allow(own, str_from_index(scope, colon + 1),
                                   str_sub(scope, 0, colon))) {
            return fail_field(cx, str_fmt(cx->arena, "/scopes/%u", i),
                              "reaches further than the API key that asks");
        }
    }
    return RC_OK;
}

Rc api_key_prepare(Ctx *cx, RecordChange *change)
{
    if (change->verb != VERB_DELETE) {
        const Json *scopes = json_get_c(change->after, "scopes");
        bool same_expiry = change->before && str_eq(json_str_at(change->before, "expires_at"),
                                                    json_str_at(change->after, "expires_at"));
        TRY(same_expiry ? RC_OK : check_expiry(cx, change->after));
        TRY(check_rate(cx, change->after));
        TRY(change->before && json_equal(json_get_c(change->before, "scopes"), scopes)
                ? RC_OK
                : check_reach(cx, scopes));
    }
    if (change->before) {
        identity_changed(cx);
    }
    return RC_OK;
}

/* Whose it is: a service account that is named, else the caller's own. */
static Rc set_owner(Ctx *cx, const Call *call, Json *values)
{
    Str service = json_str_at(call->body, "service_account_id");
    if (service.len > 0) {
        json_set_str(cx->arena, values, "service_account_id", service);
    } else if (cx->actor.kind == ACTOR_SERVICE) {
        json_set_str(cx->arena, values, "service_account_id", cx->actor.id);
    } else if (cx->actor.kind == ACTOR_USER) {
        json_set_str(cx->arena, values, "user_id", cx->actor.id);
    } else {
        return fail_field(cx, STR("/service_account_id"),
                          "is required: without sign-in nobody else could own the key");
    }
    return RC_OK;
}

static void answer_with_key(Ctx *cx, Call *call, int status, const Json *record, Str key)
{
    Json *answer = json_object(cx->arena);
    json_set_str(cx->arena, answer, "key", key);
    json_set_c(cx->arena, answer, "api_key", json_clone(cx->arena, record));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, status, answer);
}

Rc api_keys_create(Ctx *cx, Call *call)
{
    Json *values = json_object(cx->arena), *record;
    Str key = api_key_new(cx->arena), expires = json_str_at(call->body, "expires_at");
    json_set_str(cx->arena, values, "name", json_str_at(call->body, "name"));
    json_set_c(cx->arena, values, "scopes", json_get_c(call->body, "scopes"));
    json_set_str(cx->arena, values, "prefix", str_sub(key, 0, PREFIX_SHOWN));
    json_set_str(cx->arena, values, "expires_at",
                 expires.len ? expires : time_rfc3339_dup(cx->arena, time_now_us() + LIFE_US));
    if (json_get_c(call->body, "rate_limit")) {
        json_set_c(cx->arena, values, "rate_limit", json_get_c(call->body, "rate_limit"));
    }
    TRY(set_owner(cx, call, values));
    TRY(ctx_begin(cx));
    TRY(record_create(cx, "ApiKey", values, &record));
    Str id = json_str_at(record, "id");
    TRY(tx_exec(cx->tx, &identity_q_api_key_set,
                PARAMS(P_STR(id), P_STR(token_hash(cx->arena, key))), NULL, &cx->error));
    TRY(ctx_commit(cx));
    reply_header(call, "Location", str_fmt(cx->arena, "/api/api-keys/%.*s", STR_ARG(id)));
    answer_with_key(cx, call, 201, record, key);
    return RC_OK;
}

Rc api_keys_rotate(Ctx *cx, Call *call)
{
    Json *patch = json_object(cx->arena), *record;
    int64_t overlap_s = OVERLAP_S;
    Str key = api_key_new(cx->arena);
    const Json *asked = json_get_c(call->body, "overlap_seconds");
    if (asked && !json_to_i64(asked, &overlap_s)) {
        return fail_field(cx, STR("/overlap_seconds"), "must be an integer");
    }
    int64_t until = time_now_us() + overlap_s * US_PER_SECOND;
    json_set_str(cx->arena, patch, "prefix", str_sub(key, 0, PREFIX_SHOWN));
    json_set_c(cx->arena, patch, "previous_until",
               overlap_s > 0 ? json_string(cx->arena, time_rfc3339_dup(cx->arena, until))
                             : json_null(cx->arena));
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "ApiKey", call_path(call, "id"), &record));
    TRY(check_reach(cx, json_get_c(record, "scopes")));
    TRY(record_patch(cx, "ApiKey", call_path(call, "id"), patch, &record));
    TRY(tx_exec(cx->tx, &identity_q_api_key_rotate,
                PARAMS(P_STR(json_str_at(record, "id")), P_STR(token_hash(cx->arena, key)),
                       P_I64(overlap_s)),
                NULL, &cx->error));
    identity_changed(cx);
    TRY(ctx_commit(cx));
    answer_with_key(cx, call, 200, record, key);
    return RC_OK;
}
