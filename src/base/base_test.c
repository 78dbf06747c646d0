/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"

int main(void)
{
    int failed = 0;

    failed += base_test_memory();
    failed += base_test_text();
    failed += base_test_buf();
    failed += base_test_time();
    failed += base_test_file();
    failed += base_test_process();
    return failed == 0 ? 0 : 1;
}
