/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_rate.c - counts each request once: by API key, else by user, else by address. A
 * request with credentials that are not accepted counts by address, so that guessing has an end. */
#include "base/time.h"

#include "platform/api/api_priv.h"

void api_rate_init(Api *api)
{
    for (LimitKind kind = 0; api->options.limits && kind < LIMIT_KINDS; kind++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "policy=\"%s\"", limit_name(kind));
        api->refused[kind] = metrics_counter(api->platform->metrics, "fairway_rate_limited_total",
                                             labels, "Requests refused by a limit, by policy.");
    }
}

static const char *subject_name(LimitKind kind)
{
    static const char *const names[LIMIT_KINDS] = {"one user", "one API key", "one address",
                                                   "one address at sign-in"};
    return names[kind];
}

static int64_t seconds(int64_t us)
{
    return (us + US_PER_SECOND - 1) / US_PER_SECOND;
}

/* RateLimit: what is left of the scarcer of rate and quota. */
static Str state_field(Arena *arena, LimitKind kind, const LimitResult *result)
{
    int64_t t = seconds(result->allowed ? result->reset_us : result->retry_after_us);
    return str_fmt(arena, "\"%s%s\";r=%lld;t=%lld", limit_name(kind),
                   result->by_quota ? "-day" : "", (long long)result->left, (long long)t);
}

static Rc refuse(const Api *api,
                 Ctx *cx,
                 Call *call,
                 LimitKind kind,
                 const LimitPolicy *policy,
                 const LimitResult *result)
{
    long long most = result->by_quota ? policy->per_day : policy->per_minute;
    call->rate.retry_after_s = MAX(seconds(result->retry_after_us), 1);
    metric_add(api->refused[kind], 1);
    return fail(cx, RC_RATE,
                "At most %lld request%s a %s %s taken of %s; try again in %lld second%s.", most,
                most == 1 ? "" : "s", result->by_quota ? "day" : "minute", most == 1 ? "is" : "are",
                subject_name(kind), (long long)call->rate.retry_after_s,
                call->rate.retry_after_s == 1 ? "" : "s");
}

static void tell(Ctx *cx, Call *call, LimitKind kind, Str policy, const LimitResult *result)
{
    call->rate.counted = true;
    call->rate.policy = policy;
    if (call->rate.policy.len > 0) {
        call->rate.state = state_field(cx->arena, kind, result);
        if (call->http) {
            http_add_field(call->http, STR("RateLimit-Policy"), call->rate.policy);
            http_add_field(call->http, STR("RateLimit"), call->rate.state);
        }
    }
}

static Rc count(const Api *api, Ctx *cx, Call *call, LimitKind kind, Str subject)
{
    Limits *limits = api->options.limits;
    LimitResult result;
    TRY(limits_take(limits, kind, subject, time_now_us(), !cx->on_io_thread, &result));
    tell(cx, call, kind, limits_policy_field(limits, kind), &result);
    return result.allowed ? RC_OK
                          : refuse(api, cx, call, kind, limits_policy(limits, kind), &result);
}

/* A key may have less than all keys have. */
static Rc count_key(const Api *api, Ctx *cx, Call *call)
{
    Limits *limits = api->options.limits;
    const Actor *actor = &cx->actor;
    LimitResult result;
    if (actor->key_per_minute == 0) {
        return count(api, cx, call, LIMIT_KEY, actor->key_id);
    }
    LimitPolicy own = limits_narrow(limits, LIMIT_KEY, actor->key_per_minute, actor->key_burst);
    TRY(limits_take_under(limits, LIMIT_KEY, &own, actor->key_id, time_now_us(), !cx->on_io_thread,
                          &result));
    tell(cx, call, LIMIT_KEY, limits_narrow_field(cx->arena, LIMIT_KEY, &own), &result);
    return result.allowed ? RC_OK : refuse(api, cx, call, LIMIT_KEY, &own, &result);
}

static bool is_uncounted(const Api *api, const Call *call)
{
    return !api->options.limits || call->rate.counted || call->op->rate == RATE_NONE;
}

Rc api_count_address(const Api *api, Ctx *cx, Call *call)
{
    bool signs_in = call->op->rate == RATE_AUTH;
    if (is_uncounted(api, call) || (!signs_in && !call->op->public_)) {
        return RC_OK;
    }
    return count(api, cx, call, signs_in ? LIMIT_AUTH : LIMIT_ADDRESS,
                 limit_address(cx->arena, cx->address));
}

Rc api_count_caller(const Api *api, Ctx *cx, Call *call, Rc who)
{
    if (is_uncounted(api, call) || (who != RC_OK && who != RC_UNAUTH)) {
        return who;
    }
    if (who == RC_OK && cx->actor.key_id.len > 0) {
        return count_key(api, cx, call);
    }
    if (who == RC_OK && cx->actor.id.len > 0) {
        return count(api, cx, call, LIMIT_USER, cx->actor.id);
    }
    TRY(count(api, cx, call, LIMIT_ADDRESS, limit_address(cx->arena, cx->address)));
    return who;
}
