/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_test_contract.h - a small contract with handlers, and an Api over it. For tests.
 */
#ifndef PLATFORM_API_TEST_CONTRACT_H
#define PLATFORM_API_TEST_CONTRACT_H

#include "platform/api/api.h"

typedef struct TestApi {
    Platform platform;
    Api *api;
} TestApi;

void test_api_new(TestApi *ret, const ApiOptions *options);
void test_api_free(TestApi *test);

#endif
