/* SPDX-License-Identifier: Apache-2.0
 * Who counts as one caller, and what a refused one is told. */
#include "base/log.h"

#include "platform/api/api_test_contract.h"
#include "platform/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first; it has a macro fail(): our function is called (fail)(...) here */
#include <cmocka.h>

static TestApi fixture;
static Limits *limits;

/* "user:1", "key:1" (of user 1), anything else is nobody. */
static Rc authenticate(Ctx *cx, const Call *call)
{
    Str who = call_header(call, "X-Who");
    cx->actor = (Actor){.kind = ACTOR_USER, .name = who};
    if (str_starts(who, STR("user:"))) {
        cx->actor.id = str_from_index(who, sizeof("user:") - 1);
        return RC_OK;
    }
    if (str_starts(who, STR("key:"))) {
        cx->actor.id = STR("1");
        cx->actor.key_id = str_from_index(who, sizeof("key:") - 1);
        return RC_OK;
    }
    return (fail)(cx, RC_UNAUTH, "Who are you?");
}

static int set_up(void **state)
{
    static const LimitsOptions options = {
        .policies =
            {
                       [LIMIT_USER] = {.per_minute = 1, .burst = 2, .per_day = 100},
                       [LIMIT_KEY] = {.per_minute = 1, .burst = 3},
                       [LIMIT_ADDRESS] = {.per_minute = 1, .burst = 1},
                       },
    };
    Error err = {0};
    (void)state;
    log_configure(LOG_OFF, LOG_TEXT);
    if (limits_new(&options, &limits, &err) != RC_OK) {
        return 1;
    }
    test_api_new(&fixture, &(ApiOptions){.authenticate = authenticate, .limits = limits});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_api_free(&fixture);
    limits_free(limits);
    return 0;
}

/* The status; the reply's field into ret, "" when it has none. */
static int call(Arena *arena, const char *who, const char *address, const char *field, Str *ret)
{
    Ctx cx = {.arena = arena,
              .platform = &fixture.platform,
              .request_id = STR("req-00001"),
              .address = str_from(address)};
    HttpPair header = {STR("X-Who"), str_from(who)};
    Call reply;
    api_call(fixture.api, &cx, HTTP_GET, STR("/api/things"), &header, 1, STR_EMPTY, &reply);
    *ret = STR("");
    for (size_t i = 0; i < reply.reply.n_headers; i++) {
        if (str_is(reply.reply.headers[i].name, field)) {
            *ret = reply.reply.headers[i].value;
        }
    }
    return reply.reply.status;
}

static void test_callers(void **state)
{
    static const struct {
        const char *who, *address;
        int status;
    } calls[] = {
        {"user:1", "192.0.2.1", 200},
        {"user:1", "192.0.2.2", 200}, /* one user from two addresses
  is one */
        {"user:1", "192.0.2.1", 429},
        {"user:2", "192.0.2.1", 200}, /* two users of one address are
  two */
        {"key:1",  "192.0.2.1", 200}, /* a key is not its user, nor the user of the same id */
        {"key:1",  "192.0.2.1", 200},
        {"key:1",  "192.0.2.1", 200},
        {"key:1",  "192.0.2.1", 429},
        {"key:2",  "192.0.2.1", 200},
        {"",       "192.0.2.1", 401}, /* guesses count by address */
        {"other",  "192.0.2.1", 429},
        {"user:2", "192.0.2.1", 200}, /* and not against those who are
  known */
        {"",       "192.0.2.2", 401},
    };
    Arena *arena = arena_new(0);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        Str value;
        int status = call(arena, calls[i].who, calls[i].address, "RateLimit", &value);
        if (status != calls[i].status || value.len == 0) {
            fail_msg("call %zu: %d, RateLimit %.*s", i, status, STR_ARG(value));
        }
    }
    arena_free(arena);
}

static void test_fields(void **state)
{
    Arena *arena = arena_new(0);
    Str value;
    (void)state;
    assert_int_equal(call(arena, "user:9", "", "RateLimit-Policy", &value), 200);
    assert_true(str_is(value, "\"user\";q=2;w=120, \"user-day\";q=100;w=86400"));
    assert_int_equal(call(arena, "user:9", "", "RateLimit", &value), 200);
    assert_true(str_starts(value, STR("\"user\";r=0;t=")));
    assert_int_equal(call(arena, "user:9", "", "Retry-After", &value), 429);
    int64_t wait = 0;
    assert_true(str_to_i64(value, &wait) && wait > 0 && wait <= 60);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
