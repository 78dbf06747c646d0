/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

static void str_eq_compares_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a"), STR("a")));
    assert_false(str_eq(STR("a"), STR("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(str_eq_compares_bytes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
