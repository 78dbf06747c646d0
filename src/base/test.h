/* SPDX-License-Identifier: Apache-2.0
 * base/test.h - cmocka with the headers that it needs before it, in the order it needs. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/str.h"

/* Fails unless the Str holds exactly the text; shows both. */
#define assert_str(actual, expected)                                                               \
    do {                                                                                           \
        Str actual_ = (actual);                                                                    \
        Str expected_ = (expected);                                                                \
        if (!str_eq(actual_, expected_)) {                                                         \
            print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual_), STR_ARG(expected_));   \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#endif
