/* SPDX-License-Identifier: Apache-2.0
 * Rates and quotas with a clock of the test's own. */
/* clang-format off */
#include "platform/limits/limits.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"
/* clang-format on */

#include <stdatomic.h>

#define START_US (INT64_C(20000) * US_PER_DAY) /* midnight of some day */

static Limits *limits_with(LimitPolicy user, size_t subjects)
{
    LimitsOptions options = {
        .policies = {[LIMIT_USER] = user, [LIMIT_KEY] = user},
          .subjects_max = subjects
    };
    Limits *limits = NULL;
    Error err = {0};
    if (limits_new(&options, &limits, &err) != RC_OK) {
        fail_msg("%s", err.message);
    }
    return limits;
}

/* The same with what has no Redis to wait for. */
static bool
limits_now(Limits *limits, LimitKind kind, Str subject, int64_t now_us, LimitResult *ret)
{
    assert_int_equal(limits_take(limits, kind, subject, now_us, false, ret), RC_OK);
    return ret->allowed;
}

static bool takes(Limits *limits, const char *subject, int64_t now_us)
{
    LimitResult result;
    return limits_now(limits, LIMIT_USER, str_from(subject), now_us, &result);
}

/* A burst at once, then one each T; what is refused costs nothing. */
static void test_burst_and_rate(void **state)
{
    (void)state;
    Limits *limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 3}, 0);
    LimitResult r;
    for (int64_t left = 2; left >= 0; left--) {
        assert_true(limits_now(limits, LIMIT_USER, STR("a"), START_US, &r));
        assert_int_equal(r.left, left);
        assert_int_equal(r.reset_us, (3 - left) * US_PER_SECOND);
        assert_int_equal(r.retry_after_us, 0);
    }
    for (int i = 0; i < 5; i++) {
        assert_false(limits_now(limits, LIMIT_USER, STR("a"), START_US + 400000, &r));
        assert_false(r.by_quota);
        assert_int_equal(r.left, 0);
        assert_int_equal(r.retry_after_us, 600000);
        assert_int_equal(r.reset_us, 2600000);
    }
    assert_false(takes(limits, "a", START_US + US_PER_SECOND - 1));
    assert_true(takes(limits, "a", START_US + US_PER_SECOND));
    assert_false(takes(limits, "a", START_US + US_PER_SECOND));
    /* rested, the burst is whole again and not larger */
    for (int i = 0; i < 3; i++) {
        assert_true(takes(limits, "a", START_US + US_PER_HOUR));
    }
    assert_false(takes(limits, "a", START_US + US_PER_HOUR));
    limits_free(limits);
}

static void test_subjects_and_kinds_are_apart(void **state)
{
    (void)state;
    Limits *limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 1}, 0);
    LimitResult r;
    char longer[2][80];
    for (size_t i = 0; i < 2; i++) {
        memset(longer[i], 'x', sizeof(longer[i]));
        longer[i][79] = (char)('0' + i);
        assert_true(
            limits_now(limits, LIMIT_USER, str_of(longer[i], sizeof(longer[i])), START_US, &r));
    }
    assert_false(limits_now(limits, LIMIT_USER, str_of(longer[1], 80), START_US, &r));
    assert_true(takes(limits, "a", START_US));
    assert_true(takes(limits, "b", START_US));
    assert_true(limits_now(limits, LIMIT_KEY, STR("a"), START_US, &r));
    assert_false(takes(limits, "a", START_US));
    for (int i = 0; i < 100; i++) { /* no policy */
        assert_true(limits_now(limits, LIMIT_ADDRESS, STR("a"), START_US, &r));
    }
    assert_str(limits_policy_field(limits, LIMIT_ADDRESS), STR(""));
    limits_free(limits);
}

static void test_quota(void **state)
{
    (void)state;
    Limits *limits = limits_with((LimitPolicy){.per_minute = 6000, .burst = 1000, .per_day = 5}, 0);
    LimitResult r;
    for (int64_t left = 4; left >= 0; left--) {
        assert_true(limits_now(limits, LIMIT_USER, STR("a"), START_US + US_PER_HOUR, &r));
        assert_int_equal(r.left, left);
    }
    assert_false(limits_now(limits, LIMIT_USER, STR("a"), START_US + US_PER_DAY - 1, &r));
    assert_true(r.by_quota);
    assert_int_equal(r.retry_after_us, 1);
    assert_true(takes(limits, "a", START_US + US_PER_DAY)); /* the next day, in UTC */
    assert_str(limits_policy_field(limits, LIMIT_USER),
               STR("\"user\";q=1000;w=10, \"user-day\";q=5;w=86400"));
    limits_free(limits);
}

/* What the rate refuses does not count against the quota. */
static void test_refused_costs_no_quota(void **state)
{
    (void)state;
    Limits *limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 1, .per_day = 2}, 0);
    assert_true(takes(limits, "a", START_US));
    for (int i = 0; i < 10; i++) {
        assert_false(takes(limits, "a", START_US));
    }
    assert_true(takes(limits, "a", START_US + US_PER_SECOND));
    assert_false(takes(limits, "a", START_US + 2 * US_PER_SECOND));
    limits_free(limits);
}

static void test_clock_set_back(void **state)
{
    (void)state;
    Limits *limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 2}, 0);
    assert_true(takes(limits, "a", START_US + US_PER_DAY));
    assert_true(takes(limits, "a", START_US + US_PER_DAY));
    assert_false(takes(limits, "a", START_US));
    limits_free(limits);
    limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 2}, 0);
    LimitResult r;
    assert_true(takes(limits, "a", START_US + US_PER_DAY));
    assert_false(limits_now(limits, LIMIT_USER, STR("a"), START_US, &r));
    assert_int_equal(r.retry_after_us, US_PER_SECOND); /* and not a day */
    assert_true(takes(limits, "a", START_US + US_PER_SECOND));
    limits_free(limits);
}

static void test_bounds(void **state)
{
    (void)state;
    static const LimitPolicy wrong[] = {
        {.per_minute = -1,                 .burst = 1},
        {.per_minute = 1,                                .burst = 0},
        {.per_minute = LIMIT_RATE_MAX + 1,.burst = 1},
        {.per_minute = 1, .burst = LIMIT_RATE_MAX + 1},
        {.burst = -1                               },
        {.per_day = -1    },
        {.per_day = (int64_t)LIMIT_QUOTA_MAX + 1                     },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        LimitsOptions options = {.policies = {[LIMIT_AUTH] = wrong[i]}};
        Limits *limits = NULL;
        Error err = {0};
        assert_int_equal(limits_new(&options, &limits, &err), RC_INVALID);
        assert_non_null(strstr(err.message, "auth"));
    }
    LimitsOptions many = {.subjects_max = (size_t)LIMIT_SUBJECTS_MAX + 1};
    Limits *limits = NULL;
    assert_int_equal(limits_new(&many, &limits, NULL), RC_INVALID);
}

/* A flood of new subjects takes the places of others like it: who has used much stays known. */
static void test_flood(void **state)
{
    (void)state;
    enum { FLOOD = 20000 };
    Limits *limits = limits_with((LimitPolicy){.per_minute = 60, .burst = 20}, 512);
    for (int i = 0; i < 20; i++) {
        assert_true(takes(limits, "heavy", START_US));
    }
    for (int i = 0; i < FLOOD; i++) {
        char subject[32];
        snprintf(subject, sizeof(subject), "new-%d", i);
        assert_true(takes(limits, subject, START_US));
    }
    assert_false(takes(limits, "heavy", START_US));
    limits_free(limits);
}

/* ---- against a model that is too simple to be wrong: a bucket counted in requests * T */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void run_model(uint64_t seed)
{
    int64_t rates[] = {1, 7, 60, 600, 59999};
    int64_t rate = rates[next_random(&seed) % ARRAY_LEN(rates)];
    int64_t burst = 1 + (int64_t)(next_random(&seed) % 20);
    int64_t step = (US_PER_MINUTE + rate - 1) / rate;
    int64_t bucket = burst * step; /* microseconds of credit */
    int64_t now = START_US;
    Limits *limits = limits_with((LimitPolicy){.per_minute = rate, .burst = burst}, 0);
    for (int i = 0; i < 2000; i++) {
        int64_t pause = (int64_t)(next_random(&seed) % (uint64_t)(2 * step));
        pause = next_random(&seed) % 3 ? 0 : pause;
        now += pause;
        bucket = MIN(bucket + pause, burst * step);
        bool wanted = bucket >= step;
        bucket -= wanted ? step : 0;
        LimitResult r;
        assert_int_equal(limits_now(limits, LIMIT_USER, STR("a"), now, &r), wanted);
        assert_int_equal(r.left, wanted ? bucket / step : 0);
        assert_int_equal(r.reset_us, burst * step - bucket);
        assert_int_equal(r.retry_after_us, wanted ? 0 : step - bucket);
    }
    limits_free(limits);
}

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run_model(seed);
    }
}

/* ---- threads */

enum { THREADS = 64, TRIES = 2000, BURST = 5000 };

typedef struct Crowd {
    Limits *limits;
    _Atomic int64_t allowed;
} Crowd;

static void *crowd_main(void *arg)
{
    Crowd *crowd = arg;
    for (int i = 0; i < TRIES; i++) {
        if (takes(crowd->limits, "a", START_US)) {
            atomic_fetch_add(&crowd->allowed, 1);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    LimitPolicy policies[] = {
        {.per_minute = 600, .burst = BURST  },
        {                                   .per_day = BURST                },
        { .per_minute = 600,                 .burst = 2 * BURST, .per_day = BURST},
    };
    for (size_t k = 0; k < ARRAY_LEN(policies); k++) {
        Crowd crowd = {.limits = limits_with(policies[k], 0)};
        Thread threads[THREADS] = {0};
        for (size_t i = 0; i < THREADS; i++) {
            thread_start(&threads[i], "crowd", crowd_main, &crowd);
        }
        for (size_t i = 0; i < THREADS; i++) {
            thread_join(&threads[i]);
        }
        assert_int_equal(atomic_load(&crowd.allowed), BURST);
        limits_free(crowd.limits);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"192.0.2.7",            "192.0.2.7"     },
        {"::ffff:192.0.2.7",     "192.0.2.7"     },
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:2::",       "2001:db8:1:2::"},
        {"::1",                  "::"            },
        {"",                     ""              },
        {"a:b",                  "a:b"           },
    };
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(limit_address(arena, str_from(cases[i][0])), str_from(cases[i][1]));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_and_rate), cmocka_unit_test(test_subjects_and_kinds_are_apart),
        cmocka_unit_test(test_quota),          cmocka_unit_test(test_refused_costs_no_quota),
        cmocka_unit_test(test_clock_set_back), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_flood),          cmocka_unit_test(test_model),
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
