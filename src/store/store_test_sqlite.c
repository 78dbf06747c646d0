/* SPDX-License-Identifier: Apache-2.0
 * store/store_test_sqlite.c - what only SQLite has: groups, a disk that fills up, backups. */
#include "store/store_test.h"
int run_sqlite_tests(void)
{
    return 0;
}
