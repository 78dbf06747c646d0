/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_test.c - the client against real servers on loopback, good and hostile ones. */
#include "base/test.h"
#include "base/time.h"

#include "net/http_client_priv.h"
#include "net/http_client_test_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

/* ---- plain calls */

static void test_answer(void **state)
{
    Fixture *f = *state;

    assert_int_equal(get(f, "/ok"), RC_OK);
    assert_int_equal(f->answer.status, 200);
    assert_true(str_is(f->answer.body, "hello"));
    assert_true(str_is(f->answer.content_type, "text/plain"));
    assert_true(str_is(f->answer.etag, "\"v1\""));
    assert_true(str_is(f->answer.last_modified, "then"));
    assert_true(str_is(f->answer.retry_after, "7"));
    assert_int_equal(f->answer.location.len, 0);
    assert_true(str_eq(f->answer.final_url, url_of(f, "/ok")));
    assert_true(f->answer.duration_us > 0);
    /* Every complete answer is RC_OK; an interim one leaves no trace; the first of two fields
     * counts. */
    atomic_store(&f->server->status, 404);
    assert_int_equal(get(f, "/status"), RC_OK);
    assert_int_equal(f->answer.status, 404);
    assert_int_equal(get(f, "/early"), RC_OK);
    assert_true(str_is(f->answer.body, "late"));
    assert_int_equal(f->answer.etag.len, 0);
    assert_int_equal(f->answer.location.len, 0);
    assert_true(str_is(f->answer.content_type, "a"));
}

static void test_methods(void **state)
{
    static const struct {
        HttpMethod method;
        const char *body, *line, *length;
    } cases[] = {
        {HTTP_GET,     "",     "GET /echo HTTP/1.1\r\n",     NULL                       },
        {HTTP_POST,    "abc",  "POST /echo HTTP/1.1\r\n",    "\r\nContent-Length: 3\r\n"},
        {HTTP_POST,    "",     "POST /echo HTTP/1.1\r\n",    "\r\nContent-Length: 0\r\n"},
        {HTTP_PUT,     "abcd", "PUT /echo HTTP/1.1\r\n",     "\r\nContent-Length: 4\r\n"},
        {HTTP_PATCH,   "a",    "PATCH /echo HTTP/1.1\r\n",   "\r\nContent-Length: 1\r\n"},
        {HTTP_DELETE,  "",     "DELETE /echo HTTP/1.1\r\n",  NULL                       },
        {HTTP_OPTIONS, "",     "OPTIONS /echo HTTP/1.1\r\n", NULL                       },
    };
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(call(f, (HttpCall){.method = cases[i].method,
                                            .url = url_of(f, "/echo"),
                                            .body = str_from(cases[i].body),
                                            .allow = allow_list}),
                         RC_OK);
        assert_true(str_starts(f->answer.body, str_from(cases[i].line)));
        assert_true(str_ends(f->answer.body, str_fmt(f->arena, "\r\n\r\n%s", cases[i].body)));
        assert_true(cases[i].length == NULL ||
                    str_find(f->answer.body, str_from(cases[i].length)) != SIZE_MAX);
        assert_int_equal(str_find(f->answer.body, STR("Content-Type")), SIZE_MAX);
        assert_int_equal(str_find(f->answer.body, STR("Expect")), SIZE_MAX);
    }
    assert_int_equal(call(f, (HttpCall){.method = HTTP_OTHER, .url = url_of(f, "/echo")}),
                     RC_INVALID);
}

static void test_request_headers(void **state)
{
    static const HttpPair good[] = {
        {STR_INIT("X-Token"),      STR_INIT("a b")             },
        {STR_INIT("X-Empty"),      STR_INIT("")                },
        {STR_INIT("Content-Type"), STR_INIT("application/json")},
    };
    static const HttpPair bad[] = {
        {STR_INIT("X-A"),               STR_INIT("a\r\nX-Injected: 1")},
        {STR_INIT("X-A"),               STR_INIT("a\nb")              },
        {STR_INIT("X-A"),               STR_INIT("a\0b")              },
        {STR_INIT("X A"),               STR_INIT("a")                 },
        {STR_INIT("X-A:"),              STR_INIT("a")                 },
        {STR_INIT(""),                  STR_INIT("a")                 },
        {STR_INIT("X\r\nY"),            STR_INIT("a")                 },
        {STR_INIT("host"),              STR_INIT("other.example")     },
        {STR_INIT("Content-Length"),    STR_INIT("3")                 },
        {STR_INIT("Transfer-Encoding"), STR_INIT("chunked")           },
    };
    Fixture *f = *state;
    HttpCall c = {.method = HTTP_POST,
                  .url = url_of(f, "/echo"),
                  .body = STR("{}"),
                  .allow = allow_list,
                  .headers = good,
                  .n_headers = ARRAY_LEN(good)};

    assert_int_equal(call(f, c), RC_OK);
    assert_true(str_find(f->answer.body, STR("\r\nX-Token: a b\r\n")) != SIZE_MAX);
    assert_true(str_find(f->answer.body, STR("\r\nX-Empty:\r\n")) != SIZE_MAX);
    assert_true(str_find(f->answer.body, STR("\r\nContent-Type: application/json\r\n")) !=
                SIZE_MAX);
    assert_true(str_find(f->answer.body, STR("\r\nUser-Agent: fairway/")) != SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        c.headers = &bad[i];
        c.n_headers = 1;
        assert_int_equal(call(f, c), RC_INVALID);
    }
    c.n_headers = CALL_HEADERS_MAX + 1;
    assert_int_equal(call(f, c), RC_INVALID);
}

static void test_credentials(void **state)
{
    Fixture *f = *state;

    /* "bob:pa:ss" and "bob:in-url" in base64. */
    assert_int_equal(call(f, (HttpCall){.url = url_of(f, "/echo"),
                                        .allow = allow_list,
                                        .username = STR("bob"),
                                        .password = STR("pa:ss")}),
                     RC_OK);
    assert_true(str_find(f->answer.body, STR("\r\nAuthorization: Basic Ym9iOnBhOnNz\r\n")) !=
                SIZE_MAX);
    Str url = str_fmt(f->arena, "http://bob:in%%2Durl@127.0.0.1:%u/echo", f->server->port);
    assert_int_equal(call(f, (HttpCall){.url = url, .allow = allow_list}), RC_OK);
    assert_true(str_find(f->answer.body, STR("\r\nAuthorization: Basic Ym9iOmluLXVybA==\r\n")) !=
                SIZE_MAX);
    assert_true(str_eq(f->answer.final_url, url_of(f, "/echo")));
    /* No credentials: none are left over on the pooled handle. */
    assert_int_equal(get(f, "/echo"), RC_OK);
    assert_int_equal(str_find(f->answer.body, STR("Authorization")), SIZE_MAX);
}

static void test_messages_hide_credentials(void **state)
{
    static const struct {
        const char *path;
        Rc rc;
    } cases[] = {
        {"/close",   RC_UPSTREAM},
        {"/silence", RC_TIMEOUT },
        {"/endless", RC_LIMIT   },
        {"/a b",     RC_INVALID },
        {"/loop-a",  RC_UPSTREAM},
    };
    Fixture *f = *state;

    for (size_t i = 0; i <= ARRAY_LEN(cases); i++) { /* the last without the allow-list */
        bool refused = i == ARRAY_LEN(cases);
        Str url = str_fmt(f->arena, "http://alice:hunter2@127.0.0.1:%u%s", f->server->port,
                          refused ? "/ok" : cases[i].path);

        assert_int_equal(call(f, (HttpCall){.url = url,
                                            .allow = refused ? NULL : allow_list,
                                            .max_redirects = 5,
                                            .max_body = 1000,
                                            .timeout_us = 300 * US_PER_MS}),
                         refused ? RC_DENIED : cases[i].rc);
        assert_true(strlen(f->err.message) > 20);
        assert_null(strstr(f->err.message, "hunter2"));
        assert_null(strstr(f->err.message, "alice"));
        assert_null(strstr(f->err.detail, "hunter2"));
    }
}

/* ---- limits */

static void test_body_limit(void **state)
{
    Fixture *f = *state;
    HttpCall c = {.url = url_of(f, "/ok"), .allow = allow_list, .max_body = 5};

    assert_int_equal(call(f, c), RC_OK);
    c.max_body = 4;
    assert_int_equal(call(f, c), RC_LIMIT);
    expect_message(f, "larger than the 4 bytes");
    assert_int_equal(get(f, "/endless"), RC_LIMIT);
    expect_message(f, "16777216 bytes");
    assert_int_equal(get(f, "/endless-head"), RC_LIMIT);
    expect_message(f, "head");
}

static void test_decompression(void **state)
{
    Fixture *f = *state;
    HttpCall c = {.url = url_of(f, "/gzip-bomb"), .allow = allow_list, .max_body = MIB};

    assert_int_equal(call(f, c), RC_LIMIT); /* 64 KB on the wire */
    c.max_body = 64 * MIB;
    assert_int_equal(call(f, c), RC_OK);
    assert_int_equal(f->answer.body.len, 64 * MIB);
    assert_int_equal(f->answer.body.ptr[64 * MIB - 1], 0);
    assert_int_equal(get(f, "/bad-gzip"), RC_UPSTREAM);
}

static void test_deadline(void **state)
{
    static const char *const paths[] = {"/silence", "/drip", "/drip-head"};
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int64_t start = time_monotonic_us();

        assert_int_equal(call(f, (HttpCall){.url = url_of(f, paths[i]),
                                            .allow = allow_list,
                                            .timeout_us = 200 * US_PER_MS}),
                         RC_TIMEOUT);
        int64_t took = time_monotonic_us() - start;
        assert_true(took >= 190 * US_PER_MS && took < 5 * US_PER_SECOND);
        assert_string_equal(f->err.message, "127.0.0.1 did not answer completely within 0.2 s");
    }
    /* The deadline covers all hops together. */
    assert_int_equal(call(f, (HttpCall){.url = url_of(f, "/to?/to?/drip"),
                                        .allow = allow_list,
                                        .max_redirects = 5,
                                        .timeout_us = 200 * US_PER_MS}),
                     RC_TIMEOUT);
}

static void test_broken_answers(void **state)
{
    static const char *const paths[] = {"/close", "/short", "/garbage"};
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(get(f, paths[i]), RC_UPSTREAM);
        expect_message(f, "the call to 127.0.0.1 failed: ");
    }
    assert_int_equal(call(f, (HttpCall){.url = STR("http://127.0.0.1:1/"), .allow = allow_list}),
                     RC_UPSTREAM);
    expect_message(f, "does not accept connections on port 1");
    assert_int_equal(call(f, (HttpCall){.url = STR("http://no.such.name.invalid/")}), RC_UPSTREAM);
    expect_message(f, "cannot be resolved");
}

/* ---- connections */

static void test_connections_are_reused(void **state)
{
    Fixture *f = *state;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(get(f, "/ok"), RC_OK);
    }
    assert_int_equal(atomic_load(&f->server->requests), 10);
    assert_int_equal(atomic_load(&f->server->connections), 1);
    assert_int_equal(http_client_idle_handles(f->client), 1);
}

typedef struct Nested {
    Fixture *f;
    HttpCall inner;
    Rc rc;
} Nested;

/* A second call while the first is under way takes a second handle. */
static bool allow_after_inner_call(void *user, Str host, uint16_t port)
{
    Nested *n = user;
    HttpAnswer answer;

    (void)host;
    (void)port;
    n->rc = http_client_call(n->f->client, &n->inner, n->f->arena, &answer, NULL);
    return true;
}

static void test_handle_of_the_same_origin_is_taken(void **state)
{
    Fixture *f = *state;
    Server *other = server_start_on(AF_INET);
    Str url = str_fmt(f->arena, "http://127.0.0.1:%u/ok", other->port);
    Nested nested = {
        .f = f, .inner = {.url = url, .allow = allow_list},
             .rc = RC_INTERNAL
    };

    assert_int_equal(call(f, (HttpCall){.url = url_of(f, "/ok"),
                                        .allow = allow_after_inner_call,
                                        .allow_user = &nested}),
                     RC_OK);
    assert_int_equal(nested.rc, RC_OK);
    assert_int_equal(http_client_idle_handles(f->client), 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(call(f, (HttpCall){.url = url, .allow = allow_list}), RC_OK);
        assert_int_equal(get(f, "/ok"), RC_OK);
    }
    assert_int_equal(atomic_load(&other->connections), 1);
    assert_int_equal(atomic_load(&f->server->connections), 1);
    server_stop(other);
}

/* ---- breaker and counters */

static void test_breaker(void **state)
{
    static const char *const failing[] = {"/status", "/close"}; /* 500, and no answer */
    Fixture *f = *state;
    Str origin = url_of(f, "");

    for (size_t k = 0; k < ARRAY_LEN(failing); k++) {
        Rc failed = k == 0 ? RC_OK : RC_UPSTREAM;

        atomic_store(&f->server->status, 503);
        for (int i = 0; i < BREAKER_FAILURES - 1; i++) {
            assert_int_equal(get(f, failing[k]), failed);
        }
        assert_int_equal(get(f, "/ok"), RC_OK); /* not in a row */
        for (int i = 0; i < BREAKER_FAILURES; i++) {
            assert_int_equal(get(f, failing[k]), failed);
        }
        unsigned before = atomic_load(&f->server->requests);
        assert_int_equal(get(f, "/ok"), RC_BUSY);
        expect_message(f, "next try is in 31 s");
        expect_message(f, str_cstr(f->arena, origin));
        f->now_us += BREAKER_PAUSE_US - 1;
        assert_int_equal(get(f, "/ok"), RC_BUSY);
        assert_int_equal(atomic_load(&f->server->requests), before);

        f->now_us += 1; /* half open: the try fails, all is closed again */
        assert_int_equal(get(f, failing[k]), failed);
        assert_int_equal(get(f, "/ok"), RC_BUSY);
        f->now_us += BREAKER_PAUSE_US; /* and succeeds */
        assert_int_equal(get(f, "/ok"), RC_OK);
        assert_int_equal(get(f, "/ok"), RC_OK);
        assert_int_equal(breaker_size(&f->client->breaker), 0);
    }
}

static void test_breaker_lets_one_through(void **state)
{
    Fixture *f = *state;
    Breaker *b = &f->client->breaker;
    Str origin = STR("http://a:80");

    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_int_equal(breaker_enter(b, origin, &f->err), RC_OK);
        breaker_leave(b, origin, BREAKER_BAD);
    }
    assert_int_equal(breaker_enter(b, origin, &f->err), RC_BUSY);
    assert_int_equal(breaker_enter(b, STR("http://a:81"), &f->err), RC_OK); /* another origin */
    f->now_us += BREAKER_PAUSE_US;
    assert_int_equal(breaker_enter(b, origin, &f->err), RC_OK);
    assert_int_equal(breaker_enter(b, origin, &f->err), RC_BUSY);
    expect_message(f, "a try is under way");
    breaker_leave(b, origin, BREAKER_NEUTRAL); /* it told nothing: the next may try */
    assert_int_equal(breaker_enter(b, origin, &f->err), RC_OK);
    breaker_leave(b, origin, BREAKER_GOOD);
    assert_int_equal(breaker_enter(b, origin, &f->err), RC_OK);
}

static void test_breaker_is_bounded(void **state)
{
    Fixture *f = *state;
    Breaker *b = &f->client->breaker;

    for (int i = 0; i < BREAKER_ORIGINS_MAX + 50; i++) {
        f->now_us++;
        breaker_leave(b, str_fmt(f->arena, "http://h%d:80", i), BREAKER_BAD);
    }
    assert_int_equal(breaker_size(b), BREAKER_ORIGINS_MAX);
    /* The newest are known: four more failures open the breaker; the oldest has been forgotten. */
    Str newest = str_fmt(f->arena, "http://h%d:80", BREAKER_ORIGINS_MAX + 49),
        oldest = STR("http://h0:80");
    for (int i = 0; i < BREAKER_FAILURES - 1; i++) {
        breaker_leave(b, newest, BREAKER_BAD);
        breaker_leave(b, oldest, BREAKER_BAD);
    }
    assert_int_equal(breaker_enter(b, newest, &f->err), RC_BUSY);
    assert_int_equal(breaker_enter(b, oldest, &f->err), RC_OK);
}

static void test_no_breaker(void **state)
{
    Fixture *f = *state;

    for (int i = 0; i < BREAKER_FAILURES * 2; i++) {
        assert_int_equal(
            call(f,
                 (HttpCall){.url = url_of(f, "/close"), .allow = allow_list, .no_breaker = true}),
            RC_UPSTREAM);
    }
    assert_int_equal(get(f, "/ok"), RC_OK);
}

static void find_stat(void *user, const HttpClientStat *stat)
{
    HttpClientStat *wanted = user;

    if (strcmp(stat->kind, wanted->kind) == 0) {
        *wanted = *stat;
    }
}

static void test_counters(void **state)
{
    Fixture *f = *state;
    HttpCall c = {.url = url_of(f, "/ok"), .allow = allow_list, .kind = "webhook"};
    HttpClientStat webhook = {.kind = "webhook"}, other = {.kind = "other"};
    char kind[32];

    assert_int_equal(call(f, c), RC_OK);
    assert_int_equal(call(f, c), RC_OK);
    c.allow = NULL;
    assert_int_equal(call(f, c), RC_DENIED);
    c.allow = allow_list;
    c.url = url_of(f, "/close");
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_int_equal(call(f, c), RC_UPSTREAM);
    }
    assert_int_equal(call(f, c), RC_BUSY);
    http_client_stats(f->client, find_stat, &webhook);
    assert_int_equal(webhook.calls, 9);
    assert_int_equal(webhook.failures, 7);
    assert_int_equal(webhook.refused_by_guard, 1);
    assert_int_equal(webhook.breaker_open, 1);
    assert_true(webhook.duration_us_total > 0);
    /* More kinds than places are gathered in one. */
    for (int i = 0; i < KINDS_MAX + 5; i++) {
        (void)snprintf(kind, sizeof kind, "kind-%d", i);
        c.kind = kind;
        assert_int_equal(call(f, c), RC_BUSY);
    }
    http_client_stats(f->client, find_stat, &other);
    assert_int_equal(other.calls, 7); /* all but 30 */
}

/* ---- threads */

typedef struct Worker {
    Fixture *f;
    Thread thread;
    unsigned bad;
} Worker;

static void *work(void *arg)
{
    static const struct {
        const char *path;
        Rc rc;
    } calls[] = {
        {"/ok",      RC_OK      },
        {"/chain/3", RC_OK      },
        {"/short",   RC_UPSTREAM},
        {"/loop-a",  RC_UPSTREAM},
        {"/endless", RC_LIMIT   },
    };
    Worker *w = arg;
    Arena *arena = arena_new(0);

    for (unsigned i = 0; i < 20; i++) {
        size_t k = i % ARRAY_LEN(calls);
        HttpCall c = {.allow = i % 7 == 6 ? NULL : allow_list,
                      .kind = "many",
                      .max_redirects = 5,
                      .max_body = 100000,
                      .no_breaker = true};
        HttpAnswer a;
        Error err = {0};

        c.url = str_fmt(arena, "http://127.0.0.1:%u%s", w->f->server->port, calls[k].path);
        w->bad += http_client_call(w->f->client, &c, arena, &a, &err) !=
                  (c.allow == NULL ? RC_DENIED : calls[k].rc);
    }
    arena_free(arena);
    return NULL;
}

static void test_threads(void **state)
{
    Fixture *f = *state;
    Worker workers[8];
    HttpClientStat many = {.kind = "many"};

    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (Worker){.f = f};
        thread_start(&workers[i].thread, "worker", work, &workers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        thread_join(&workers[i].thread);
        assert_int_equal(workers[i].bad, 0);
    }
    http_client_stats(f->client, find_stat, &many);
    assert_int_equal(many.calls, 160);
    assert_true(http_client_idle_handles(f->client) <= ARRAY_LEN(workers));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answer),
        TEST(test_methods),
        TEST(test_request_headers),
        TEST(test_credentials),
        TEST(test_messages_hide_credentials),
        TEST(test_body_limit),
        TEST(test_decompression),
        TEST(test_deadline),
        TEST(test_broken_answers),
        TEST(test_connections_are_reused),
        TEST(test_handle_of_the_same_origin_is_taken),
        TEST(test_breaker),
        TEST(test_breaker_lets_one_through),
        TEST(test_breaker_is_bounded),
        TEST(test_no_breaker),
        TEST(test_counters),
        TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) + run_guard_tests();
}
