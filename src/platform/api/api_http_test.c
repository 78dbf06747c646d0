/* SPDX-License-Identifier: Apache-2.0
 * The dispatcher behind a real server: routes that are no operation, the server's own refusals,
 * metrics. */
#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/api/api_test_contract.h"
#include "platform/metrics/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

static TestApi fixture;

static StaticFile serve_page(void *user, HttpRequest *r)
{
    if (!str_is(http_path(r), "/page")) {
        return STATIC_NONE;
    }
    if (http_method(r) != HTTP_GET) {
        return STATIC_WRONG_METHOD;
    }
    HttpPair header = {STR("Content-Type"), STR("text/html")};
    HttpResponse response = {200, &header, 1, str_from(user)};
    http_respond(r, &response);
    return STATIC_ANSWERED;
}

static int set_up(void **state)
{
    static char page[] = "the page";
    Error err = {0};
    (void)state;
    log_configure(LOG_OFF, LOG_TEXT);
    test_api_new(&fixture, &(ApiOptions){.static_files = serve_page, .static_user = page});
    HttpServerOptions options = {.host = STR("127.0.0.1"), .io_threads = 1, .workers = 2};
    Rc rc = http_server_start(&options, api_http_app(fixture.api), &fixture.platform.server, &err);
    return rc == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(fixture.platform.server, US_PER_SECOND);
    http_server_free(fixture.platform.server);
    test_api_free(&fixture);
    return 0;
}

/* Sends one request and reads until the server closes. */
static const char *exchange(Arena *arena, const char *head, const char *body)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(fixture.platform.server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    Str text = str_fmt(arena, "%s\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s", head,
                       strstr(head, "Host:") ? "" : "Host: localhost\r\n", strlen(body), body);
    assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
    Buf out = buf_init(arena, MIB);
    char block[4096];
    ssize_t got;
    while ((got = recv(fd, block, sizeof(block), 0)) > 0) {
        buf_put(&out, str_of(block, (size_t)got));
    }
    close(fd);
    buf_char(&out, '\0');
    return out.ptr;
}

typedef struct WireCase {
    const char *head, *body;
    const char *starts; /* of the answer */
    const char *has[3];
    const char *ends;
} WireCase;

static const WireCase cases[] = {
    {"GET /api/things?limit=2 HTTP/1.1",
     "",                                                                                        "HTTP/1.1 200",
     {"Content-Type: application/json\r\n", "{\"query\":\"limit=2\"}", "X-Request-Id: "},
     NULL                                                                                                                                                     },
    {"GET /api/things HTTP/1.1\r\nX-Request-Id: from-the-proxy.1",
     "",                                                                                        "HTTP/1.1 200",
     {"X-Request-Id: from-the-proxy.1\r\n"},
     NULL                                                                                                                                                     },
    {"GET /api/things/x HTTP/1.1",                                                          "", "HTTP/1.1 200", {"ETag: \"7\"\r\n"},               "{\"a\":1}"},
    {"HEAD /api/things/x HTTP/1.1",                                                         "", "HTTP/1.1 200", {"Content-Length: 7\r\n"},         "\r\n\r\n" },
    {"GET /api/things/x HTTP/1.1\r\nIf-None-Match: \"7\"",
     "",                                                                                        "HTTP/1.1 304",
     {"ETag: \"7\"\r\n"},
     "\r\n\r\n"                                                                                                                                               },
    {"POST /api/things HTTP/1.1\r\nContent-Type: application/json",
     "{\"a\":2}",                                                                               "HTTP/1.1 201",
     {"Location: /api/things/1\r\n"},
     "{\"a\":2}"                                                                                                                                              },
    {"POST /api/things HTTP/1.1\r\nContent-Type: application/json",
     "{\"a\":2                                                                            }",   "HTTP/1.1 413",
     {"application/problem+json", "\"code\":\"too-large\""},
     NULL                                                                                                                                                     },
    {"OPTIONS /api/things HTTP/1.1",
     "",                                                                                        "HTTP/1.1 204",
     {"Allow: GET, HEAD, POST, OPTIONS\r\n"},
     NULL                                                                                                                                                     },
    {"DELETE /api/things HTTP/1.1",
     "",                                                                                        "HTTP/1.1 405",
     {"Allow: GET, HEAD, POST, OPTIONS\r\n", "method-not-allowed"},
     NULL                                                                                                                                                     },
    {"PROPFIND /api/things HTTP/1.1",
     "",                                                                                        "HTTP/1.1 405",
     {"Allow: GET, HEAD, POST, OPTIONS\r\n", "\"detail\":\"That is not among the methods"},
     NULL                                                                                                                                                     },
    {"POST /page HTTP/1.1",
     "",                                                                                        "HTTP/1.1 405",
     {"Allow: GET, HEAD, OPTIONS\r\n", "application/problem+json"},
     NULL                                                                                                                                                     },
    {"OPTIONS /page HTTP/1.1",                                                              "", "HTTP/1.1 204", {"Allow: GET, HEAD, OPTIONS\r\n"}, NULL       },
    {"POST /api/things HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: br",
     "{\"a\":2}",                                                                               "HTTP/1.1 415",
     {"Content-Encoding br is not taken"},
     NULL                                                                                                                                                     },
    {"GET /api/things HTTP/1.1",
     "{}",                                                                                      "HTTP/1.1 413",
     {"This takes no request body; leave it out"},
     NULL                                                                                                                                                     },
    {"GET /api/things/x/y/z HTTP/1.1",
     "",                                                                                        "HTTP/1.1 404",
     {"application/problem+json", "\"instance\":\"/api/things/x/y/z\""},
     NULL                                                                                                                                                     },
 /* Backstage: nothing but the status */
    {"GET /api/back/nothing HTTP/1.1",                                                      "", "HTTP/1.1 404", {NULL},                            "\r\n\r\n" },
    {"POST /api/back/entities HTTP/1.1\r\nContent-Type: application/json",
     "{}",                                                                                      "HTTP/1.1 404",
     {NULL},
     "\r\n\r\n"                                                                                                                                               },
    {"GET /api/nothing/here HTTP/1.1",                                                      "", "HTTP/1.1 404", {NULL},                            "\r\n\r\n" },
    {"GET /api/back/entities?limit=x&b=%20 HTTP/1.1",
     "",                                                                                        "HTTP/1.1 400",
     {"application/json; charset=utf-8\r\n", "Unknown query parameter 'b'",
      "\"url\":\"/entities?limit=x&b=%20\""},
     NULL                                                                                                                                                     },
    {"GET /api/things HTTP/1.1\r\nHost: 127.0.0.1:80",                                      "", "HTTP/1.1 200", {NULL},                            NULL       },
    {"GET /api/things HTTP/1.1\r\nHost: [::1]:80",                                          "", "HTTP/1.1 200", {NULL},                            NULL       },
    {"GET /api/things HTTP/1.1\r\nHost: fairway.localhost:80",                              "", "HTTP/1.1 200", {NULL},                            NULL       },
    {"GET /api/things HTTP/1.1\r\nHost: rebound.example",
     "",                                                                                        "HTTP/1.1 403",
     {"localhost and addresses only"},
     NULL                                                                                                                                                     },
    {"GET /page HTTP/1.1",                                                                  "", "HTTP/1.1 200", {"text/html"},                     "the page" },
    {"GET /nopage HTTP/1.1",                                                                "", "HTTP/1.1 404", {"application/problem+json"},      NULL       },
    {"GET /api/things HTTP/1.1\r\nBad Name: x",
     "",                                                                                        "HTTP/1.1 400",
     {"application/problem+json"},
     NULL                                                                                                                                                     },
};

static void test_wire(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const WireCase *c = &cases[i];
        const char *answer = exchange(arena, c->head, c->body);
        if (strncmp(answer, c->starts, strlen(c->starts)) != 0) {
            fail_msg("%s: %s", c->head, answer);
        }
        for (size_t k = 0; k < ARRAY_LEN(c->has) && c->has[k]; k++) {
            if (!strstr(answer, c->has[k])) {
                fail_msg("%s: no %s in %s", c->head, c->has[k], answer);
            }
        }
        if (c->ends && !str_ends(str_from(answer), str_from(c->ends))) {
            fail_msg("%s: does not end with %s: %s", c->head, c->ends, answer);
        }
    }
    arena_free(arena);
}

static void test_requests_are_counted(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    exchange(arena, "GET /api/things HTTP/1.1", "");
    exchange(arena, "GET /api/things?limit=x HTTP/1.1", "");
    exchange(arena, "GET /nopage HTTP/1.1", "");
    static const char *const lines[] = {
        "fairway_http_requests_total{operation=\"things.list\",status=\"2xx\"} 1\n",
        "fairway_http_requests_total{operation=\"things.list\",status=\"4xx\"} 1\n",
        "fairway_http_requests_total{operation=\"other\",status=\"4xx\"} 1\n",
        "fairway_http_request_duration_seconds_count{operation=\"things.list\"} 2\n",
        "process_resident_memory_bytes ",
        "fairway_http_connections ",
    };
    /* counted after the last byte is handed over, which the client may see first */
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    size_t missing = 0;
    do {
        Buf out = buf_init(arena, MIB);
        metrics_write(fixture.platform.metrics, &out);
        missing = ARRAY_LEN(lines);
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            missing -= str_find(buf_str(&out), str_from(lines[i])) != SIZE_MAX;
        }
        if (missing) {
            thread_sleep_us(US_PER_MS);
        }
    } while (missing && time_monotonic_us() < deadline);
    assert_int_equal(missing, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
