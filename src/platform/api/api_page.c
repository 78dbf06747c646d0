/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_page.c - pages that are made per request, on a worker, out of what the API's own
 * operations answer to whoever asks for the page. */
#include "base/time.h"

#include "platform/api/api_priv.h"

void api_ask(Api *api, Ctx *cx, HttpRequest *r, Str target, Call *ret)
{
    ApiRequest *state = http_user(r);
    HttpPair headers[2];
    size_t n = 0;
    if (http_has_header(r, "Authorization")) {
        headers[n++] = (HttpPair){STR("Authorization"), http_header(r, "Authorization")};
    }
    if (http_has_header(r, "Cookie")) {
        headers[n++] = (HttpPair){STR("Cookie"), http_header_all(r, "Cookie")};
    }
    api_call_counted(api, cx, HTTP_GET, target, headers, n, STR_EMPTY, state->rate, ret);
    if (!state->rate.counted && ret->rate.policy.len > 0) {
        http_add_field(r, STR("RateLimit-Policy"), ret->rate.policy);
        http_add_field(r, STR("RateLimit"), ret->rate.state);
    }
    state->rate = ret->rate;
    state->actor = cx->actor.id.len ? cx->actor.id : cx->actor.name;
    ret->headers = NULL; /* they were this frame's */
    ret->n_headers = 0;
}

void api_serve_page(Api *api, HttpRequest *r)
{
    ApiRequest *state = http_user(r);
    Ctx cx = {.arena = http_arena(r),
              .platform = api->platform,
              .deadline_us = time_monotonic_us() + api->request_time_us,
              .request_id = state->request_id,
              .trace_id = state->trace_id,
              .address = state->address};
    state->rc = api_check_host(api, &cx, r);
    if (state->rc != RC_OK) {
        api_respond_problem(api, r, &cx.error, STR_EMPTY, state->request_id);
        return;
    }
    api->options.page(api->options.static_user, api, &cx, r);
    ctx_end(&cx);
}
