/* SPDX-License-Identifier: Apache-2.0
 * Live streams on a real server: clients that come and go while events are written. What the wire
 * looks like is tests/api/test_events.py; this one is for the threads. */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/events/events_priv.h"
#include "test_platform.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

enum { CLIENTS = 8, EVENTS = 600, LINE_MAX_ = 4096 };

static TestPlatform *t;
static HttpServer *server;

/* ---- the server: every request is a stream; its path is the position to begin after */

static HttpRun accept_any(void *user, HttpRequest *r, size_t *ret_max_body)
{
    (void)user;
    (void)r;
    *ret_max_body = 0;
    return HTTP_RUN_WORKER;
}

static void serve_stream(void *user, HttpRequest *r)
{
    static const HttpPair headers[] = {
        {STR_INIT("Content-Type"), STR_INIT("text/event-stream")}
    };
    HttpResponse head = {.status = 200, .headers = headers, .n_headers = ARRAY_LEN(headers)};
    EventFilter filter;
    Error err = {0};
    int64_t after = 0;
    (void)user;
    ASSERT(event_position_parse(str_from_index(http_path(r), 1), &after));
    ASSERT(event_filter_parse(STR("test.*"), STR_EMPTY, &filter));
    static const Actor nobody = {.kind = ACTOR_ANONYMOUS};
    EventStart start = {.filter = &filter, .actor = &nobody, .after = after};
    ASSERT(event_stream_open(t->platform.events, r, &head, &start, &err) == RC_OK);
}

static void refuse(void *user, HttpRequest *r, const Error *err)
{
    (void)user;
    http_respond(r, &(HttpResponse){.status = rc_status(err->code)});
}

static const HttpApp app = {.accept = accept_any, .serve = serve_stream, .refuse = refuse};

/* ---- a client */

typedef struct Client {
    Thread thread;
    int64_t last;    /* position */
    int64_t next;    /* number of the next event it expects */
    bool is_wrong;   /* something was missing, double or out of order */
    unsigned visits; /* connections made */
} Client;

static FILE *connect_after(int64_t position)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    char request[128];
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    int n = snprintf(request, sizeof(request), "GET /%lld HTTP/1.0\r\nHost: x\r\n\r\n",
                     (long long)position);
    ASSERT(send(fd, request, (size_t)n, 0) == n);
    FILE *in = fdopen(fd, "r");
    ASSERT(in != NULL);
    return in;
}

/* Takes up to max events. Asked for as HTTP/1.0: no chunk sizes between the lines. */
static void visit(Client *c, int max)
{
    FILE *in = connect_after(c->last);
    char line[LINE_MAX_];
    static const char number_key[] = "\"data\":{\"n\":";
    long long id = -1;
    c->visits++;
    while (max > 0 && c->next < EVENTS && fgets(line, sizeof(line), in)) {
        if (strncmp(line, "id: ", 4) == 0) {
            id = strtoll(line + 4, NULL, 10);
            continue;
        }
        const char *data = strncmp(line, "data: ", 6) == 0 ? strstr(line, number_key) : NULL;
        if (data) {
            long long number = strtoll(data + sizeof(number_key) - 1, NULL, 10);
            c->is_wrong = c->is_wrong || number != c->next || id <= c->last;
            c->next = number + 1;
            c->last = id;
            max--;
        }
    }
    fclose(in);
}

static void *client_main(void *user)
{
    Client *c = user;
    unsigned seed = (unsigned)(uintptr_t)c;
    while (c->next < EVENTS && c->visits < EVENTS) {
        visit(c, 1 + rand_r(&seed) % 60);
    }
    return NULL;
}

static void *writer_main(void *user)
{
    Ctx *cx = ctx_new_system(&t->platform, "test");
    (void)user;
    for (int i = 0; i < EVENTS; i++) {
        Json *data = json_object(cx->arena);
        json_set_c(cx->arena, data, "n", json_int(cx->arena, i));
        ASSERT(ctx_begin(cx) == RC_OK);
        ASSERT(events_emit(cx, i % 3 ? "test.a" : "test.b", "/t", STR("s"), data) == RC_OK);
        ASSERT(events_emit(cx, "other.thing", "/t", STR("s"), data) == RC_OK);
        ASSERT(ctx_commit(cx) == RC_OK);
        ctx_reset(cx);
    }
    ctx_free(cx);
    return NULL;
}

static void run_clients(DbKind kind)
{
    const char *url = test_database_url(kind);
    Client clients[CLIENTS] = {0};
    Thread writer;
    Error err = {0};
    if (!url) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
    t = test_platform_new(url, NULL);
    HttpServerOptions options = {.host = STR("127.0.0.1"), .io_threads = 2, .workers = 4};
    assert_int_equal(events_start(t->platform.events, &err), RC_OK);
    assert_int_equal(http_server_start(&options, &app, &server, &err), RC_OK);
    for (size_t i = 0; i < CLIENTS; i++) {
        thread_start(&clients[i].thread, "client", client_main, &clients[i]);
    }
    thread_start(&writer, "writer", writer_main, NULL);
    thread_join(&writer);
    for (size_t i = 0; i < CLIENTS; i++) {
        thread_join(&clients[i].thread);
        assert_false(clients[i].is_wrong);
        assert_int_equal(clients[i].next, EVENTS);
        assert_true(clients[i].visits > 1);
    }
    FILE *open = connect_after(0); /* one that is there when the server stops */
    char line[LINE_MAX_];
    assert_non_null(fgets(line, sizeof(line), open));
    http_server_stop(server, US_PER_SECOND);
    fclose(open);
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    while (atomic_load(&t->platform.events->n_streams) > 0 && time_monotonic_us() < deadline) {
        thread_sleep_us(US_PER_MS);
    }
    assert_int_equal(atomic_load(&t->platform.events->n_streams), 0); /* none is forgotten */
    events_stop(t->platform.events);
    http_server_free(server);
    test_platform_free(t);
}

static void test_clients_on_sqlite(void **state)
{
    (void)state;
    run_clients(DB_SQLITE);
}

static void test_clients_on_postgres(void **state)
{
    (void)state;
    run_clients(DB_POSTGRES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_on_sqlite),
        cmocka_unit_test(test_clients_on_postgres),
    };
    log_configure(LOG_OFF, LOG_TEXT);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    test_database_end();
    return rc;
}
