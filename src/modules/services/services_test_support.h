/* SPDX-License-Identifier: Apache-2.0
 * services/services_test_support.h - a platform with the tables of the module, on either database,
 * and rows for its tests. */
#ifndef SERVICES_TEST_SUPPORT_H
#define SERVICES_TEST_SUPPORT_H

#include "modules/services/services_priv.h"
#include "test_platform.h"

/* Migrated; NULL when there is no PostgreSQL. Freed by test_platform_free. */
TestPlatform *test_services_new(DbKind kind);
/* Another process on the database of the last one. */
TestPlatform *test_services_again(void);

/* Aborts with the message when rc is a failure. */
void must(Rc rc, const Ctx *cx);
/* Statements with values pasted in: the tests' own. */
void run_sql(Platform *p, const char *fmt, ...) PRINTF_FORMAT(2, 3);
int64_t number_of_sql(Platform *p, const char *fmt, ...) PRINTF_FORMAT(2, 3);
/* The one text that the statement gives; valid until the next call. */
const char *text_of_sql(Platform *p, const char *fmt, ...) PRINTF_FORMAT(2, 3);

/* An entity with the id "id-<name>". */
void add_entity(Platform *p, const char *kind, const char *name, const char *owner);
/* A check that is due at due_us; its id is its name. */
void add_check(
    Platform *p, const char *service, const char *name, int64_t interval_s, int64_t due_us);
void add_relation(Platform *p, const char *source, const char *type, const char *target);

#endif
