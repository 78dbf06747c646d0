/* SPDX-License-Identifier: Apache-2.0
 * base/base_test.h - the groups of tests that base_test runs; each returns its number of failures.
 */
#ifndef BASE_BASE_TEST_H
#define BASE_BASE_TEST_H

int base_test_memory(void); /* arena, vec, map */
int base_test_text(void);   /* str, utf8, hash, id */
int base_test_buf(void);
int base_test_time(void);
int base_test_file(void);    /* files, paths, globs */
int base_test_process(void); /* error, log, thread */

#endif
