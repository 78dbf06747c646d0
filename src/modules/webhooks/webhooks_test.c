/* SPDX-License-Identifier: Apache-2.0
 * Signatures, waits and the allow-list; the whole way over HTTP is tests/api/test_webhooks.py. */
#include "base/time.h"

#include "modules/webhooks/webhooks_priv.h"

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

#define VECTOR_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* The published example of Standard Webhooks. */
static void test_vector(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const Str secrets[] = {STR(VECTOR_SECRET)};
    Str signature = webhook_signature(arena, secrets, 1, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                                      1614265330, STR("{\"test\": 2432232314}"));
    assert_str(signature, STR("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    arena_free(arena);
}

static void test_two_secrets(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Str other = webhook_new_secret(arena);
    const Str one[] = {STR(VECTOR_SECRET)}, two[] = {STR(VECTOR_SECRET), other},
              none[] = {STR_EMPTY, other};
    Str id = STR("i"), body = STR("b");
    Str first = webhook_signature(arena, one, 1, id, 1, body);
    Str second = webhook_signature(arena, &other, 1, id, 1, body);
    Str both = webhook_signature(arena, two, 2, id, 1, body);
    assert_str(both, str_fmt(arena, "%.*s %.*s", STR_ARG(first), STR_ARG(second)));
    assert_str(webhook_signature(arena, none, 2, id, 1, body), second);
    assert_false(str_eq(first, webhook_signature(arena, one, 1, id, 2, body)));
    assert_false(str_eq(first, webhook_signature(arena, one, 1, STR("j"), 1, body)));
    arena_free(arena);
}

static void test_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        bool ok;
    } cases[] = {
        {VECTOR_SECRET,                            true },
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",       false},
        {"whsec_",                                 false},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La",     false}, /* 21 bytes */
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS%", false},
        {"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  false},
        {"",                                       false},
    };
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(webhook_secret_is_valid(arena, str_from(cases[i].secret)), cases[i].ok);
    }
    Str a = webhook_new_secret(arena), b = webhook_new_secret(arena);
    assert_true(webhook_secret_is_valid(arena, a));
    assert_false(str_eq(a, b));
    arena_free(arena);
}

static void test_waits(void **state)
{
    (void)state;
    static const struct {
        unsigned attempt;
        const char *retry_after;
        int64_t wait_us;
    } cases[] = {
        {1,  "",          5 * US_PER_SECOND},
        {2,  "",          5 * US_PER_MINUTE},
        {9,  "",          24 * US_PER_HOUR },
        {50, "",          24 * US_PER_HOUR },
        {1,  "120",       2 * US_PER_MINUTE},
        {3,  "0",         US_PER_SECOND    },
        {3,  "999999999", US_PER_DAY       },
        {1,  "-5",        5 * US_PER_SECOND},
        {1,  "soon",      5 * US_PER_SECOND},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(webhook_retry_wait(cases[i].attempt, str_from(cases[i].retry_after)),
                         cases[i].wait_us);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_two_secrets),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
