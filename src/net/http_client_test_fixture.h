/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_test_fixture.h - what each test of the client has: a client, and a server on
 * loopback that it may call. */
#ifndef NET_HTTP_CLIENT_TEST_FIXTURE_H
#define NET_HTTP_CLIENT_TEST_FIXTURE_H

#include "base/test.h"

#include "net/http_client_priv.h"
#include "net/http_client_test_support.h"

typedef struct Fixture {
    Arena *arena;
    HttpClient *client;
    Server *server;
    int64_t now_us; /* the breaker's clock */
    Error err;
    HttpAnswer answer;
} Fixture;

int setup(void **state);
int teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The list: user is "host host ..."; a host may carry :port. NULL permits all. */
bool allow_list(void *user, Str host, uint16_t port);
Str url_of(const Fixture *f, const char *path);
/* Into f->answer, f->err. */
Rc call(Fixture *f, HttpCall c);
Rc get(Fixture *f, const char *path);
void expect_message(const Fixture *f, const char *part);

int run_guard_tests(void);

#endif
