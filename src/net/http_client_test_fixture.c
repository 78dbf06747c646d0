/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client_test_fixture.h"

#include "base/time.h"

#include <sys/socket.h>

static int64_t fixture_now(void *user)
{
    return ((const Fixture *)user)->now_us;
}

int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);

    f->arena = arena_new(0);
    f->server = server_start_on(AF_INET);
    f->now_us = US_PER_HOUR;
    assert_non_null(f->server);
    assert_int_equal(http_client_new(&(HttpClientOptions){0}, &f->client, &f->err), RC_OK);
    http_client_set_clock(f->client, fixture_now, f);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    Fixture *f = *state;

    http_client_free(f->client);
    server_stop(f->server);
    arena_free(f->arena);
    free(f);
    return 0;
}

bool allow_list(void *user, Str host, uint16_t port)
{
    Str rest = str_from(user), one;
    char with_port[300];

    (void)snprintf(with_port, sizeof with_port, "%.*s:%u", STR_ARG(host), port);
    while (str_split(&rest, ' ', &one)) {
        if (str_eq(one, host) || str_is(one, with_port)) {
            return true;
        }
    }
    return user == NULL;
}

Str url_of(const Fixture *f, const char *path)
{
    return str_fmt(f->arena, "http://127.0.0.1:%u%s", f->server->port, path);
}

Rc call(Fixture *f, HttpCall c)
{
    error_clear(&f->err);
    f->answer = (HttpAnswer){0};
    return http_client_call(f->client, &c, f->arena, &f->answer, &f->err);
}

Rc get(Fixture *f, const char *path)
{
    return call(f, (HttpCall){.url = url_of(f, path), .allow = allow_list, .max_redirects = 5});
}

void expect_message(const Fixture *f, const char *part)
{
    if (strstr(f->err.message, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", f->err.message, part);
    }
}
