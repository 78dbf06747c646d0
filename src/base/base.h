/* SPDX-License-Identifier: Apache-2.0
 * base/base.h - the handful of macros that every file may use.
 *
 * ASSERT stays on in release builds: a broken invariant must stop the process before it can
 * damage data. Expected failures are never asserted; they are `Rc` codes (base/error.h). */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_FORMAT(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Drops a result on purpose; say why in a comment beside it. */
#define IGNORE(expr)                                                                               \
    do {                                                                                           \
        if (expr) {                                                                                \
        }                                                                                          \
    } while (0)

/* Stops the process with file, line and the broken claim. Never returns. */
NORETURN void assert_failed(const char *file, int line, const char *claim);

#define ASSERT(claim)                                                                              \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            assert_failed(__FILE__, __LINE__, #claim);                                             \
        }                                                                                          \
    } while (0)

#endif
