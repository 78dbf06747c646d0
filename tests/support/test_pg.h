/* SPDX-License-Identifier: Apache-2.0
 * tests/support/test_pg.h - a PostgreSQL for C tests.
 *
 * The server is the one named by FAIRWAY_TEST_PG_URL (its user may create schemas), or a private
 * one started by pg.py at the first call and gone with the process, however that ends. */
#ifndef TESTS_SUPPORT_TEST_PG_H
#define TESTS_SUPPORT_TEST_PG_H

#include <stdbool.h>

/* URL of a new empty schema, which is quicker made than a database and as separate; valid until the
 * process ends. NULL when PostgreSQL is not installed: the test is to skip, naming that. */
const char *test_pg_url(void);
/* True when the server is our own, and may be stopped. */
bool test_pg_is_private(void);
/* Stops the private server and returns when it has; crash = without telling its clients. */
void test_pg_stop(bool crash);
void test_pg_start(void); /* returns when it accepts connections */

#endif
