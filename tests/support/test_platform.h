/* SPDX-License-Identifier: Apache-2.0
 * tests/support/test_platform.h - a Platform for C tests: a migrated database, settings, metrics,
 * events and jobs; no contract and no server. Several of them on one database act as the processes
 * of an installation. */
#ifndef TESTS_SUPPORT_TEST_PLATFORM_H
#define TESTS_SUPPORT_TEST_PLATFORM_H

#include "platform/ctx.h"

typedef struct TestPlatform {
    Platform platform;
    const Module *modules[1];
    char instance[64];
} TestPlatform;

/* URL of a new empty database; NULL when there is no PostgreSQL. Valid until test_database_end. */
const char *test_database_url(DbKind kind);
void test_database_end(void); /* removes the files of SQLite databases */

/* module may be NULL. Aborts when something fails. */
TestPlatform *test_platform_new(const char *url, const Module *module);
/* Stops what was started. */
void test_platform_free(TestPlatform *t);

#endif
