/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_guard_test.c - where the client may go: the guard, redirects, certificates. */
#include "base/test.h"
#include "base/time.h"

#include "net/http_client_priv.h"
#include "net/http_client_test_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

/* ---- the guard */

static void test_guard_refuses(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "[::ffff:7f00:1]",
        "[::]",
        "127.0.0.1.",
        "[::127.0.0.1]",
        "0",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[fe80::1]",
    };
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        Str url = str_fmt(f->arena, "http://%s:%u/ok", hosts[i], f->server->port);
        Rc rc = call(f, (HttpCall){.url = url, .timeout_us = 3 * US_PER_SECOND, .kind = "guard"});

        /* RC_UPSTREAM: a resolver that does not take the form at all is as good. */
        if (rc != RC_DENIED && !(rc == RC_UPSTREAM && strstr(f->err.message, "resolved") != NULL)) {
            fail_msg("%s gave %s: %s", hosts[i], rc_name(rc), f->err.message);
        }
        /* A list that names something else does not help. */
        assert_int_not_equal(
            call(f, (HttpCall){.url = url,
                               .allow = allow_list,
                               .allow_user = (void *)(uintptr_t) "other.example 127.0.0.1:1",
                               .timeout_us = 3 * US_PER_SECOND}),
            RC_OK);
    }
    assert_int_equal(atomic_load(&f->server->requests), 0);
    assert_int_equal(atomic_load(&f->server->connections), 0);
}

static void test_guard_allows_by_list(void **state)
{
    Fixture *f = *state;
    char list[64];

    assert_int_equal(
        call(f, (HttpCall){.url = str_fmt(f->arena, "http://LocalHost:%u/ok", f->server->port),
                           .allow = allow_list,
                           .allow_user = (void *)(uintptr_t) "localhost"}),
        RC_OK);
    (void)snprintf(list, sizeof list, "127.0.0.1:%u", f->server->port);
    assert_int_equal(
        call(f, (HttpCall){.url = url_of(f, "/ok"), .allow = allow_list, .allow_user = list}),
        RC_OK);
    (void)snprintf(list, sizeof list, "127.0.0.1:%u", f->server->port == 1 ? 2 : 1);
    assert_int_equal(
        call(f, (HttpCall){.url = url_of(f, "/ok"), .allow = allow_list, .allow_user = list}),
        RC_DENIED);
    expect_message(f, "put 127.0.0.1:");
}

static void test_guard_on_reused_connection(void **state)
{
    Fixture *f = *state;

    assert_int_equal(get(f, "/ok"), RC_OK);
    assert_int_equal(call(f, (HttpCall){.url = url_of(f, "/ok")}), RC_DENIED);
    assert_int_equal(get(f, "/ok"), RC_OK);
    assert_int_equal(atomic_load(&f->server->requests), 2);
}

static void test_guard_ipv6(void **state)
{
    Fixture *f = *state;
    Server *six = server_start_on(AF_INET6);

    if (six == NULL) {
        skip();
        return;
    }
    Str url = str_fmt(f->arena, "http://[::1]:%u/ok", six->port);
    assert_int_equal(call(f, (HttpCall){.url = url}), RC_DENIED);
    assert_int_equal(atomic_load(&six->connections), 0);
    assert_int_equal(
        call(f,
             (HttpCall){.url = url, .allow = allow_list, .allow_user = (void *)(uintptr_t) "::1"}),
        RC_OK);
    assert_true(str_eq(f->answer.final_url, url));
    server_stop(six);
}

static void test_schemes(void **state)
{
    static const struct {
        const char *url;
        Rc rc;
    } cases[] = {
        {"ftp://127.0.0.1/x",           RC_DENIED },
        {"file:///etc/passwd",          RC_DENIED },
        {"gopher://127.0.0.1:25/_HELO", RC_DENIED },
        {"dict://127.0.0.1/",           RC_DENIED },
        {"no url",                      RC_INVALID},
        {"",                            RC_INVALID},
        {"http://",                     RC_INVALID},
        {"http://a@b@c/",               RC_INVALID},
        {"http://good.example\\@evil/", RC_INVALID},
        {"http://%31%32%37.0.0.1/",     RC_INVALID},
        {"http://u%zz@127.0.0.1/",      RC_INVALID},
        {"http://u%00@127.0.0.1/",      RC_INVALID},
    };
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Rc rc = call(f, (HttpCall){.url = str_from(cases[i].url), .allow = allow_list});

        if (rc != cases[i].rc) {
            fail_msg("%s gave %s: %s", cases[i].url, rc_name(rc), f->err.message);
        }
    }
}

static void test_proxy(void **state)
{
    Fixture *f = *state;
    HttpClient *direct = f->client;
    Str proxy = url_of(f, "");

    /* The proxy itself may be internal; a literal internal target still may not. The test server,
     * as proxy, sees the whole address in the request line and finds no such path. */
    assert_int_equal(http_client_new(&(HttpClientOptions){.proxy = proxy.ptr}, &f->client, &f->err),
                     RC_OK);
    assert_int_equal(call(f, (HttpCall){.url = STR("http://some.example/ok")}), RC_UPSTREAM);
    assert_int_equal(atomic_load(&f->server->requests), 1);
    assert_int_equal(call(f, (HttpCall){.url = STR("http://169.254.169.254/ok")}), RC_DENIED);
    assert_int_equal(call(f, (HttpCall){.url = STR("http://[::1]/ok")}), RC_DENIED);
    assert_int_equal(atomic_load(&f->server->requests), 1);
    http_client_free(f->client);
    f->client = direct;
    /* And the environment's proxy is nobody's choice. */
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(get(f, "/ok"), RC_OK);
    assert_int_equal(unsetenv("http_proxy"), 0);
}

/* ---- redirects */

static void test_redirects(void **state)
{
    Fixture *f = *state;

    assert_int_equal(get(f, "/chain/5"), RC_OK);
    assert_true(str_is(f->answer.body, "end of chain"));
    assert_true(str_eq(f->answer.final_url, url_of(f, "/chain/0")));
    assert_int_equal(get(f, "/chain/6"), RC_UPSTREAM);
    expect_message(f, "more than 5 times");
    assert_int_equal(
        call(f, (HttpCall){.url = url_of(f, "/chain/3"), .allow = allow_list, .max_redirects = 2}),
        RC_UPSTREAM);
    expect_message(f, "more than 2 times");
    assert_int_equal(get(f, "/loop-a"), RC_UPSTREAM);
    expect_message(f, "127.0.0.1 redirects in a circle");
    /* Not asked to follow: the redirect is the answer. */
    assert_int_equal(call(f, (HttpCall){.url = url_of(f, "/loop-a"), .allow = allow_list}), RC_OK);
    assert_int_equal(f->answer.status, 302);
    assert_true(str_is(f->answer.location, "/loop-b"));
    assert_true(str_is(f->answer.body, "moved"));
}

static void test_redirect_method(void **state)
{
    Fixture *f = *state;
    HttpCall c = {.method = HTTP_POST,
                  .url = url_of(f, "/to?/echo"),
                  .body = STR("payload"),
                  .allow = allow_list,
                  .max_redirects = 1};

    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_starts(f->answer.body, STR("GET /echo ")));
    assert_true(str_ends(f->answer.body, STR("\r\n\r\n")));
    c.url = url_of(f, "/to307?/echo");
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_starts(f->answer.body, STR("POST /echo ")));
    assert_true(str_ends(f->answer.body, STR("\r\n\r\npayload")));
    c.method = HTTP_PUT;
    c.url = url_of(f, "/to?/echo");
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_starts(f->answer.body, STR("PUT /echo ")));
}

static void test_redirect_is_judged_anew(void **state)
{
    static const char *const targets[] = {
        "http://127.0.0.1:%u/ok",          "http://0x7f.1:%u/ok", "//127.0.0.1:%u/ok",
        "http://[::ffff:127.0.0.1]:%u/ok", "file:///etc/passwd",  "gopher://x:%u/"};
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char target[128] = "", *mark = NULL;

        (void)snprintf(target, sizeof target, "%s", targets[i]);
        mark = strstr(target, "%u");
        if (mark != NULL) {
            Str tail = str_dup(f->arena, str_from(mark + 2));

            (void)snprintf(mark, 20, "%u%s", f->server->port, tail.ptr);
        }
        Str url = str_fmt(f->arena, "http://localhost:%u/to?%s", f->server->port, target);
        Rc rc = call(f, (HttpCall){.url = url,
                                   .allow = allow_list,
                                   .allow_user = (void *)(uintptr_t) "localhost",
                                   .max_redirects = 5});

        if (rc != RC_DENIED) {
            fail_msg("%s gave %s: %s", target, rc_name(rc), f->err.message);
        }
    }
    assert_int_equal(atomic_load(&f->server->requests), ARRAY_LEN(targets));
}

static void test_redirect_drops_credentials(void **state)
{
    static const HttpPair headers[] = {
        {STR_INIT("Private-Token"), STR_INIT("t0ken")        },
        {STR_INIT("Authorization"), STR_INIT("Bearer b3arer")},
        {STR_INIT("Accept"),        STR_INIT("text/x-kept")  },
    };
    Fixture *f = *state;
    Server *other = server_start_on(AF_INET);
    HttpCall c = {.allow = allow_list, .max_redirects = 5, .headers = headers, .n_headers = 3};

    /* The same origin keeps them. */
    c.url = url_of(f, "/to?/echo");
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_find(f->answer.body, STR("b3arer")) != SIZE_MAX);
    assert_true(str_find(f->answer.body, STR("t0ken")) != SIZE_MAX);
    /* Another host, and another port, lose them, and do not get them back on the way home. */
    const char *const hops[] = {"/to?http://localhost:%u/echo", "/to?http://127.0.0.1:%u/echo"};
    for (size_t i = 0; i < ARRAY_LEN(hops); i++) {
        unsigned port = i == 0 ? f->server->port : other->port;
        Str hop =
            str_replace(f->arena, str_from(hops[i]), STR("%u"), str_fmt(f->arena, "%u", port));

        c.url = url_of(f, str_cstr(f->arena, hop));
        assert_int_equal(call(f, c), RC_OK);
        assert_int_equal(str_find(f->answer.body, STR("b3arer")), SIZE_MAX);
        assert_int_equal(str_find(f->answer.body, STR("t0ken")), SIZE_MAX);
        assert_true(str_find(f->answer.body, STR("\r\nAccept: text/x-kept\r\n")) != SIZE_MAX);
    }
    c = (HttpCall){
        .allow = allow_list, .max_redirects = 5, .username = STR("bob"), .password = STR("x")};
    c.url = url_of(f, str_fmt(f->arena, "/to?http://localhost:%u/to?http://127.0.0.1:%u/echo",
                              f->server->port, f->server->port)
                          .ptr);
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_eq(f->answer.final_url, url_of(f, "/echo")));
    assert_int_equal(str_find(f->answer.body, STR("Authorization")), SIZE_MAX);
    server_stop(other);
}

static void test_tls(void **state)
{
    Fixture *f = *state;
    char file[] = "/tmp/fairway-ca-XXXXXX";
    int fd = mkstemp(file);
    TlsServer *tls = tls_server_start(file);
    Str base = str_fmt(f->arena, "https://127.0.0.1:%u", tls_server_port(tls));
    HttpClient *plain = f->client;

    assert_true(fd >= 0 && close(fd) == 0);
    /* A certificate that nobody vouches for. */
    HttpCall c = {.url = str_fmt(f->arena, "%.*s/ok", STR_ARG(base)),
                  .allow = allow_list,
                  .max_redirects = 5};
    assert_int_equal(call(f, c), RC_UPSTREAM);
    expect_message(f, "the certificate of 127.0.0.1 is not trusted");

    assert_int_equal(http_client_new(&(HttpClientOptions){.ca_file = file}, &f->client, &f->err),
                     RC_OK);
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_is(f->answer.body, "secret"));
    /* From https only to https; from http to https is welcome. */
    c.url = str_fmt(f->arena, "%.*s/to?%.*s/ok", STR_ARG(base), STR_ARG(base));
    assert_int_equal(call(f, c), RC_OK);
    c.url = str_fmt(f->arena, "%.*s/to?%.*s", STR_ARG(base), STR_ARG(url_of(f, "/ok")));
    assert_int_equal(call(f, c), RC_DENIED);
    expect_message(f, "from https to http");
    assert_int_equal(atomic_load(&f->server->requests), 0);
    c.url = url_of(f, str_fmt(f->arena, "/to?%.*s/ok", STR_ARG(base)).ptr);
    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_is(f->answer.body, "secret"));

    http_client_free(f->client);
    f->client = plain;
    tls_server_stop(tls);
    assert_int_equal(unlink(file), 0);
}

static void test_allowed_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool ok;
    } cases[] = {
        {"",                         "127.0.0.1",       80,   false},
        {"127.0.0.1",                "127.0.0.1",       80,   true },
        {"127.0.0.1",                "127.0.0.2",       80,   false},
        {"127.0.0.1:9000",           "127.0.0.1",       9000, true },
        {"127.0.0.1:9000",           "127.0.0.1",       9001, false},
        {"a.test, *.corp.internal ", "x.corp.internal", 443,  true },
        {"*.corp.internal",          "corp.internal",   443,  false},
        {"*",                        "anything",        1,    true },
        {",,",                       "anything",        1,    false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str list = str_from(cases[i].list);
        assert_int_equal(http_allow_listed(&list, str_from(cases[i].host), cases[i].port),
                         cases[i].ok);
    }
}

int run_guard_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guard_refuses),
        TEST(test_guard_allows_by_list),
        TEST(test_guard_on_reused_connection),
        TEST(test_guard_ipv6),
        TEST(test_schemes),
        TEST(test_proxy),
        TEST(test_redirects),
        TEST(test_redirect_method),
        TEST(test_redirect_is_judged_anew),
        TEST(test_redirect_drops_credentials),
        TEST(test_tls),
        cmocka_unit_test(test_allowed_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
