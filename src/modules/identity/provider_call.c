/* SPDX-License-Identifier: Apache-2.0
 * Requests to a provider: by the guarded client, no redirect followed, a bound on every answer, and
 * one deadline for all that a step asks. */
#include "base/buf.h"
#include "base/log.h"

#include "modules/identity/providers.h"
#include "platform/settings/settings.h"

#include <stdatomic.h>

enum { TALKS_MAX = 8, JSON_DEPTH_MAX = 12, JSON_NODES_MAX = 40000, FORM_MAX = 16 * KIB };
#define TALK_MIN_US (10 * US_PER_MS)

static atomic_int talks; /* requests under way: a provider that is slow must not hold all workers */

#define FAILURE_ROW(name, word, rc, text) {word, rc, text},
static const struct {
    const char *word;
    Rc rc;
    const char *text;
} failures[] = {PROVIDER_FAILURES(FAILURE_ROW)};

ProviderCall provider_call(Ctx *cx, const Provider *provider)
{
    return (ProviderCall){
        .cx = cx,
        .provider = provider,
        .redirect_uri = str_fmt(cx->arena, "%.*s/api/auth/providers/%.*s/callback",
                                STR_ARG(cx->platform->base_url), STR_ARG(provider->id)),
        .deadline_us = MIN(cx->deadline_us, time_monotonic_us() + PROVIDER_TIME_US),
    };
}

Rc provider_fail(ProviderCall *pc, ProviderFailure failure, const char *why)
{
    pc->failure = failure;
    pc->why = why;
    return fail(pc->cx, failures[failure].rc, "%s", failures[failure].text);
}

const char *provider_failure_word(ProviderFailure failure)
{
    return failures[failure].word;
}

/* The client's words name the host and what happened; they are for the log. */
static Rc fail_by(ProviderCall *pc, Rc rc, const Error *err)
{
    log_warn("identity.provider_failed", F_STR("provider", pc->provider->id),
             F_CSTR("error", err->message), F_STR("request_id", pc->cx->request_id));
    switch ((int)rc) {
    case RC_DENIED:
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an internal address");
    case RC_LIMIT:
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an answer that is too large");
    case RC_INVALID:
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an address that is no URL");
    case RC_TIMEOUT:
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "no answer in time");
    default:
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "no answer");
    }
}

Rc provider_fetch(ProviderCall *pc, const ProviderRequest *request, HttpAnswer *ret)
{
    Ctx *cx = pc->cx;
    Settings *settings = cx->platform->settings;
    Str allowed = settings_str(settings, "auth.allow");
    int64_t left_us = pc->deadline_us - time_monotonic_us();
    HttpPair headers[3] = {
        {STR("Accept"), STR("application/json")}
    };
    size_t n = 1;
    Error err = {0};
    ASSERT(!cx->tx);
    if (!provider_url_is_usable(settings, request->url)) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an address without https");
    }
    if (left_us < TALK_MIN_US) {
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "no answer in time");
    }
    if (request->authorization.len > 0) {
        headers[n++] = (HttpPair){STR("Authorization"), request->authorization};
    }
    if (request->method == HTTP_POST) {
        headers[n++] = (HttpPair){STR("Content-Type"), STR("application/x-www-form-urlencoded")};
    }
    HttpCall call = {.method = request->method,
                     .url = request->url,
                     .headers = headers,
                     .n_headers = n,
                     .body = request->body,
                     .timeout_us = left_us,
                     .max_body = PROVIDER_BODY_MAX,
                     .allow = http_allow_listed,
                     .allow_user = &allowed,
                     .kind = "sign-in"};
    if (atomic_fetch_add(&talks, 1) >= TALKS_MAX) {
        atomic_fetch_sub(&talks, 1);
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "too many sign-ins at once");
    }
    Rc rc = http_client_call(cx->platform->http, &call, cx->arena, ret, &err);
    atomic_fetch_sub(&talks, 1);
    return rc == RC_OK ? RC_OK : fail_by(pc, rc, &err);
}

Json *provider_json(Arena *arena, Str text)
{
    const JsonLimits limits = {
        .max_bytes = PROVIDER_BODY_MAX, .max_depth = JSON_DEPTH_MAX, .max_nodes = JSON_NODES_MAX};
    Json *v = NULL;
    Error err = {0};
    bool ok = json_parse(arena, text, &limits, &v, &err) == RC_OK &&
              (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY));
    return ok ? v : NULL;
}

Rc provider_fetch_json(ProviderCall *pc, const ProviderRequest *request, Json **ret)
{
    enum { FAILED_FROM = 500, TOO_MANY = 429, GOOD = 200 };
    HttpAnswer answer;
    TRY(provider_fetch(pc, request, &answer));
    if (answer.status >= FAILED_FROM || answer.status == TOO_MANY) {
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "the provider has an error");
    }
    if (answer.status != GOOD) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an answer that is not 200");
    }
    *ret = provider_json(pc->cx->arena, answer.body);
    return *ret ? RC_OK : provider_fail(pc, PROVIDER_UNTRUSTED, "an answer that is not JSON");
}

Str pkce_challenge(Arena *arena, Str verifier)
{
    uint8_t digest[SHA256_SIZE];
    Buf out = buf_init(arena, 64);
    sha256(verifier, digest);
    buf_base64url(&out, str_of((const char *)digest, sizeof(digest)));
    return buf_str(&out);
}

Str provider_form(Arena *arena, const ProviderParam *params, size_t n)
{
    Buf out = buf_init(arena, FORM_MAX);
    for (size_t i = 0; i < n; i++) {
        if (params[i].value.len == 0) {
            continue;
        }
        buf_put(&out, out.len > 0 ? STR("&") : STR_EMPTY);
        buf_put(&out, str_from(params[i].name));
        buf_char(&out, '=');
        buf_url(&out, params[i].value);
    }
    return buf_ok(&out) ? buf_str(&out) : STR_EMPTY;
}
