/* SPDX-License-Identifier: Apache-2.0
 * What the server promises of single requests, over real sockets. Load, time and stopping are in
 * http_server_stress_test.c. */
#include "net/http_server_test_support.h"

#include <curl/curl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define EXPECT "Expect: 100-continue\r\n"
#define POST(path, fields, body) "POST " path " HTTP/1.1\r\n" HOST fields "\r\n" body

typedef struct Ask {
    const char *request;
    int status;
    const char *body;
} Ask;

#define ASK(request, status, body) ((Ask){(request), (status), (body)})

static void test_answers(void **state)
{
    const Ask asks[] = {
        ASK(GET("/hello?you"), 200, "helloyou"),
        ASK(GET("/work?you"), 200, "helloyou"),
        ASK(GET("/owned"), 200, "owned"),
        ASK(GET("/denied"), 401, "who?"),
        ASK(POST("/echo", "Content-Length: 3\r\n", "abc"), 200, "abc"),
        ASK(POST("/wecho", "Content-Length: 3\r\n", "abc"), 200, "abc"),
        ASK(POST("/echo", "Content-Length: 0\r\n", ""), 200, ""),
        ASK(POST("/wecho", CHUNKED, "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: x\r\n\r\n"), 200,
            "abcde"),
        ASK(POST("/denied", "Content-Length: 3\r\n", "abc"), 401, "who?"),
        ASK("PATCH /facts HTTP/1.1\r\n" HOST "\r\n", 200, "PATCH /facts []\n"),
        ASK("PROPFIND /facts HTTP/1.1\r\n" HOST "\r\n", 200, "OTHER /facts []\n"),
        ASK("GET /facts?a=b%20c+d&&e&f=%zz&%C3%A9=%26 HTTP/1.1\r\n" HOST "x-TEST:  v v \t\r\n\r\n",
            200, "GET /facts [v v]\na=b c d\ne=\nf=%zz\n\xc3\xa9=&\n"),
        ASK("GET http://test/facts?a HTTP/1.1\r\n" HOST "\r\n", 200, "GET /facts []\na=\n"),
        ASK(GET("/facts%2F%00"), 200, "hello"),
        ASK(POST("/upload", "Content-Length: 3\r\n", "abc"), 200, "3 294"),
        ASK(GET("/upload"), 200, "0 0"),
        ASK("\r\n" POST("/upload", CHUNKED, "3\r\nabc\r\n0\r\n\r\n"), 200, "3 294"),
    };
    TestServer server;
    Client client;

    (void)state;
    test_server_start(&server, NULL);
    client = client_open(&server);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) { /* all on one connection */
        Reply reply;
        int status = client_ask(&client, asks[i].request, &reply);
        if (status != asks[i].status || strcmp(reply.body, asks[i].body) != 0) {
            fail_msg("%s: %d %s", asks[i].request, status, reply.body);
        }
        assert_true(reply_has(&reply, "\r\nDate: "));
        assert_false(reply_has(&reply, "\r\nConnection:"));
    }
    test_wait_for(&server, &server.n_done, ARRAY_LEN(asks));
    assert_int_equal(test_value(&server, &server.n_aborted), 0);
    assert_int_equal(http_server_stats(server.http).connections_open, 1);
    assert_int_equal(http_server_stats(server.http).requests, ARRAY_LEN(asks));
    client_close(&client);
    test_server_end(&server, 0);
}

static void test_head(void **state)
{
    TestServer server;
    Client client;
    Reply get;
    Reply head;

    (void)state;
    test_server_start(&server, NULL);
    client = client_open(&server);
    assert_int_equal(client_ask(&client, GET("/work"), &get), 200);
    client_puts(&client, "HEAD /work HTTP/1.1\r\n" HOST "\r\n");
    client_reply(&client, true, &head);
    assert_true(reply_has(&head, "\r\nContent-Length: 5\r\n"));
    assert_int_equal(get.head_len, head.head_len);
    test_wait_for(&server, &server.n_done, 2);
    assert_int_equal(test_value(&server, &server.last_bytes), 0);
    assert_int_equal(client_ask(&client, GET("/hello"), &get), 200); /* nothing was left over */
    client_close(&client);
    test_server_end(&server, 0);
}

static void test_pipelining(void **state)
{
    TestServer server;
    Client client;
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    client = client_open(&server);
    client_puts(&client, GET("/hello?1") GET("/work?2") POST("/wecho", "Content-Length: 1\r\n", "3")
                             POST("/upload", "Content-Length: 2\r\n", "\1\1")
                                 POST("/denied", "Content-Length: 4\r\n", "GET ") GET("/hello?6"));
    static const char *const bodies[] = {"hello1", "hello2", "3", "2 2", "who?", "hello6"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        client_reply(&client, false, &reply);
        assert_string_equal(reply.body, bodies[i]);
    }
    client_close(&client);
    test_server_end(&server, 0);
}

/* Each is answered 400 in the application's form, and the connection is closed: what follows in
 * the same packet must never be taken for a request. */
#define BAD(label, request)                                                                        \
    {                                                                                              \
        label, request, sizeof(request) - 1                                                        \
    }
static const struct {
    const char *label, *request;
    size_t n;
} bad_requests[] = {
    BAD("no host", "GET /hello HTTP/1.1\r\n\r\n"),
    BAD("two hosts", "GET /hello HTTP/1.1\r\n" HOST HOST "\r\n"),
    BAD("two lengths", POST("/echo", "Content-Length: 3\r\nContent-Length: 5\r\n", "abc")),
    BAD("a length twice", POST("/echo", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
    BAD("length and coding",
        POST("/echo", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    BAD("coding", POST("/echo", "Transfer-Encoding: gzip\r\n", "abc")),
    BAD("codings", POST("/echo", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
    BAD("space before colon", POST("/echo", "Content-Length : 3\r\n", "abc")),
    BAD("fold", "GET /hello HTTP/1.1\r\n" HOST "X-A: b\r\n c\r\n\r\n"),
    BAD("fold that makes a name", POST("/echo", "Content-Len: 3\r\n gth\r\n", "abc")),
    BAD("empty fold", "GET /hello HTTP/1.1\r\n" HOST "X-A: b\r\n \r\n\r\n"),
    BAD("fold of the first line", "GET /hello HTTP/1.1\r\n Host: test\r\n\r\n"),
    BAD("bare line feed", "GET /hello HTTP/1.1\r\n" HOST "X-A: b\nX-B: c\r\n\r\n"),
    BAD("bare line feed first", "GET /hello HTTP/1.1\n" HOST "\r\n"),
    BAD("bare line feed last", "GET /hello HTTP/1.1\r\n" HOST "\n"),
    BAD("bare carriage return", "GET /hello HTTP/1.1\r\n" HOST "X-A: b\rc\r\n\r\n"),
    BAD("NUL in a value", "GET /hello HTTP/1.1\r\n" HOST "X-A: b\0c\r\n\r\n"),
    BAD("NUL in a target", "GET /hel\0lo HTTP/1.1\r\n" HOST "\r\n"),
    BAD("control byte in a value", "GET /hello HTTP/1.1\r\n" HOST "X-A: \x01\r\n\r\n"),
    BAD("control byte in a name", "GET /hello HTTP/1.1\r\n" HOST "X\x01: a\r\n\r\n"),
    BAD("odd name", "GET /hello HTTP/1.1\r\n" HOST "X(y): a\r\n\r\n"),
    BAD("two spaces", "GET  /hello HTTP/1.1\r\n" HOST "\r\n"),
    BAD("space in the target", "GET /hel lo HTTP/1.1\r\n" HOST "\r\n"),
    BAD("another host", "GET http://other/hello HTTP/1.1\r\n" HOST "\r\n"),
};

static void test_bad_requests(void **state)
{
    TestServer server;

    (void)state;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad_requests); i++) {
        Client client = client_open(&server);
        size_t n = bad_requests[i].n;
        char both[1024];
        Reply reply;
        memcpy(both, bad_requests[i].request, n);
        memcpy(both + n, GET("/gate"), sizeof(GET("/gate")) - 1);
        client_send(&client, both, n + sizeof(GET("/gate")) - 1);
        client_reply(&client, false, &reply);
        if (reply.status != 400 || strncmp(reply.body, "refused: ", 9) != 0 ||
            !client_is_closed(&client)) {
            fail_msg("%s: %d %s", bad_requests[i].label, reply.status, reply.body);
        }
        client_close(&client);
    }
    assert_int_equal(test_value(&server, &server.n_at_gate), 0);
    assert_int_equal(http_server_stats(server.http).refused, ARRAY_LEN(bad_requests));
    test_server_end(&server, 0);
}

/* What the library refuses by itself: no form, but the same end. (For a bad length, 0.9 sends the
 * head of its answer twice: hence no reading of the body.) */
static void test_unreadable_requests(void **state)
{
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\nHost\r\n\r\n", "GET /hello\r\n" HOST "\r\n",
        "GET /hello HTTP/3.0\r\n" HOST "\r\n", POST("/echo", "Content-Length: x\r\n", "abc"),
        POST("/echo", CHUNKED, "xyz\r\n"),
    };
    TestServer server;

    (void)state;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        Client client = client_open(&server);
        Reply reply;
        client_puts(&client, requests[i]);
        client_puts(&client, GET("/gate"));
        client_read_head(&client, &reply);
        assert_true(reply.status == 400 || reply.status == 505);
        while (client_fill(&client)) {
        }
        client_close(&client);
    }
    assert_int_equal(test_value(&server, &server.n_at_gate), 0);
    test_server_end(&server, 0);
}

static int ask_with_padding(const TestServer *server, size_t padding, Reply *reply)
{
    static const char before[] = "GET /hello HTTP/1.1\r\n" HOST "X-Padding: ";
    Client client = client_open(server);
    char *text = malloc(padding + 5);
    int status;

    assert_non_null(text);
    memset(text, 'x', padding);
    memcpy(text + padding, "\r\n\r\n", 5);
    client_puts(&client, before);
    client_puts(&client, text);
    client_reply(&client, false, reply);
    status = reply->status;
    free(text);
    client_close(&client);
    return status;
}

static void test_head_size(void **state)
{
    TestServer server;
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    assert_int_equal(ask_with_padding(&server, 15 * KIB, &reply), 200);
    assert_int_equal(ask_with_padding(&server, 17 * KIB, &reply), 431);
    assert_int_equal(test_value(&server, &server.n_refused), 1);
    assert_int_equal(ask_with_padding(&server, 40 * KIB, &reply), 431); /* by the library */
    test_server_end(&server, 0);
}

static void test_expect_continue(void **state)
{
    TestServer server;
    Client client;
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    client = client_open(&server);
    /* wanted: 100 first, also when a worker is the one who wants it */
    static const char *const paths[] = {"echo", "wecho", "upload"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[256];
        snprintf(text, sizeof(text), POST("/%s", "Content-Length: 1\r\n" EXPECT, ""), paths[i]);
        assert_int_equal(client_ask(&client, text, &reply), 100);
        assert_int_equal(client_ask(&client, "\1", &reply), 200);
        assert_string_equal(reply.body, i == 2 ? "1 1" : "\1");
    }
    client_close(&client);
    /* not wanted: answered before the upload */
    const Ask refusals[] = {
        ASK(POST("/echo", "Content-Length: 100001\r\n" EXPECT, ""), 413, NULL),
        ASK(POST("/upload?small", "Content-Length: 100001\r\n" EXPECT, ""), 413, NULL),
        ASK(POST("/denied", "Content-Length: 5\r\n" EXPECT, ""), 401, NULL),
        ASK(POST("/upload-early", "Content-Length: 5\r\n" EXPECT, ""), 403, NULL),
        ASK(POST("/echo", "Content-Length: 999999999\r\n", ""), 413, NULL),
    };
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        client = client_open(&server);
        assert_int_equal(client_ask(&client, refusals[i].request, &reply), refusals[i].status);
        assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
        assert_true(client_is_closed(&client));
        client_close(&client);
    }
    test_server_end(&server, 0);
}

/* A client that reads only after having sent everything still finds its answer: the socket is not
 * reset under it. */
static void test_lingering_close(void **state)
{
    TestServer server;
    Client client;
    Reply reply;
    char *piece = calloc(1, 100000);

    (void)state;
    assert_non_null(piece);
    test_server_start(&server, NULL);
    client = client_open(&server);
    assert_int_equal(client_ask(&client, POST("/echo", "Content-Length: 3000000\r\n", ""), &reply),
                     413);
    assert_true(client_is_closed(&client));
    for (size_t i = 0; i < 30; i++) {
        client_send(&client, piece, 100000);
    }
    client_close(&client);
    client = client_open(&server); /* left open when the server ends */
    assert_int_equal(client_ask(&client, POST("/echo", "Content-Length: 3000000\r\n", ""), &reply),
                     413);
    test_server_end(&server, 0);
    client_close(&client);
    free(piece);
}

/* Sends a chunked body of `total` bytes; stops when the server has closed. */
static void send_chunks(Client *client, size_t total)
{
    char chunk[1000 + 7];

    memcpy(chunk, "3e8\r\n", 5);
    memset(chunk + 5, 'x', 1000);
    memcpy(chunk + 1005, "\r\n", 2);
    for (size_t sent = 0; sent < total; sent += 1000) {
        if (send(client->fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0) {
            return;
        }
    }
    IGNORE(send(client->fd, "0\r\n\r\n", 5, MSG_NOSIGNAL) < 0); /* the same */
}

static void test_body_limits(void **state)
{
    static const char *const heads[] = {
        POST("/echo", CHUNKED, ""),
        POST("/wecho", CHUNKED, ""),
        POST("/upload?small", CHUNKED, ""),
    };
    TestServer server;
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        Client client = client_open(&server);
        client_puts(&client, heads[i]);
        send_chunks(&client, TEST_MAX_BODY);
        client_reply(&client, false, &reply);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body_len, i == 2 ? strlen("100000 12000000") : TEST_MAX_BODY);
        client_puts(&client, heads[i]);
        send_chunks(&client, TEST_MAX_BODY + 1000); /* a little over: read to its end, then 413 */
        client_reply(&client, false, &reply);
        assert_int_equal(reply.status, 413);
        assert_int_equal(client_ask(&client, GET("/hello"), &reply), 200);
        client_puts(&client, heads[i]);
        send_chunks(&client, 20000000); /* far over: cut */
        client_close(&client);
    }
    assert_int_equal(test_value(&server, &server.read_failure), RC_LIMIT);
    test_wait_for(&server, &server.n_aborted, ARRAY_LEN(heads));
    test_server_end(&server, 0);
}

static void test_early_answers_to_uploads(void **state)
{
    TestServer server;
    Client client;
    Reply reply;
    char *body = calloc(1, 200000);

    (void)state;
    assert_non_null(body);
    test_server_start(&server, NULL);
    client = client_open(&server);
    static const char *const heads[] = {
        POST("/upload-early", "Content-Length: 200000\r\n", ""),
        POST("/upload-some", "Content-Length: 200000\r\n", ""),
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) { /* the rest is dropped, the connection stays */
        client_puts(&client, heads[i]);
        client_send(&client, body, 200000);
        client_reply(&client, false, &reply);
        assert_int_equal(reply.status, 403);
    }
    client_close(&client);
    test_server_end(&server, 0);
    free(body);
}

static void test_files(void **state)
{
    char path[] = "/tmp/http_server_test.XXXXXX";
    int fd = mkstemp(path);
    static const struct {
        uint64_t offset, size;
    } ranges[] = {
        {0,      300000},
        {0,      1     },
        {299999, 1     },
        {65535,  65537 },
        {1000,   0     }
    };
    TestServer server;
    Client client;
    Reply reply;
    static char bytes[300000];

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < 300000; i++) {
        bytes[i] = (char)(i * 7 / 3);
    }
    assert_int_equal(write(fd, bytes, 300000), 300000);
    assert_int_equal(close(fd), 0);
    test_server_start(&server, NULL);
    server.file = path;
    client = client_open(&server);
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        char text[128];
        snprintf(text, sizeof(text), "GET /file/%u/%u HTTP/1.1\r\n" HOST "\r\n",
                 (unsigned)ranges[i].offset, (unsigned)ranges[i].size);
        assert_int_equal(client_ask(&client, text, &reply), 206);
        assert_int_equal(reply.body_len, ranges[i].size);
        assert_memory_equal(reply.body, bytes + ranges[i].offset, ranges[i].size);
        test_wait_for(&server, &server.n_done, (unsigned)i + 1);
        assert_int_equal(test_value(&server, &server.last_bytes), ranges[i].size);
    }
    client_close(&client);
    test_server_end(&server, 0);
    assert_int_equal(unlink(path), 0);
}

static void test_queue_full(void **state)
{
    HttpServerOptions options = {.workers = 1, .queue_max = 2};
    TestServer server;
    Client clients[3];
    Client late;
    Reply reply;

    (void)state;
    test_server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(&server);
        client_puts(&clients[i], GET("/wgate"));
        if (i == 0) {
            test_wait_for(&server, &server.n_at_gate, 1);
        }
    }
    int64_t deadline = time_monotonic_us() + TEST_PATIENCE_US;
    while (http_server_stats(server.http).queue_length < 2 && time_monotonic_us() < deadline) {
        thread_sleep_us(1000);
    }
    assert_int_equal(http_server_stats(server.http).busy_workers, 1);
    late = client_open(&server);
    assert_int_equal(client_ask(&late, GET("/work"), &reply), 503);
    assert_true(reply_has(&reply, "\r\nRetry-After: 1\r\n"));
    assert_int_equal(client_ask(&late, POST("/upload", "Content-Length: 1\r\n", "1"), &reply), 503);
    assert_int_equal(client_ask(&late, GET("/hello"), &reply), 200); /* inline needs no worker */
    assert_int_equal(client_ask(&late, GET("/later"), &reply),
                     503); /* until it finds that it does */
    test_gate_set(&server, true);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        client_reply(&clients[i], false, &reply);
        assert_int_equal(reply.status, 200);
        client_close(&clients[i]);
    }
    assert_int_equal(client_ask(&late, GET("/work"), &reply), 200);
    for (int i = 0; i < 2; i++) { /* the connection goes on */
        assert_int_equal(client_ask(&late, POST("/later", "Content-Length: 4\r\n", "body"), &reply),
                         200);
        assert_string_equal(reply.body, "later body");
    }
    client_close(&late);
    test_server_end(&server, 0);
}

static void wait_until_alone(const TestServer *server, uint64_t n_connections)
{
    int64_t deadline = time_monotonic_us() + TEST_PATIENCE_US;

    while (http_server_stats(server->http).connections_open > n_connections) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(1000);
    }
}

static void test_clients_that_leave(void **state)
{
    static const char *const unanswered[] = {
        "GET /hel",
        "GET /hello HTTP/1.1\r\nHo",
        POST("/echo", "Content-Length: 10\r\n", "abc"),
        POST("/echo", CHUNKED, "3\r\nab"),
    };
    TestServer server;
    Client client;

    (void)state;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < ARRAY_LEN(unanswered); i++) {
        client = client_open(&server);
        client_puts(&client, unanswered[i]);
        client_close(&client);
    }
    wait_until_alone(&server, 0);
    assert_int_equal(test_value(&server, &server.n_done), 0);
    /* A worker that reads the body learns of it; its answer goes nowhere. */
    client = client_open(&server);
    client_puts(&client, POST("/upload", "Content-Length: 10\r\n", "abc"));
    client_close(&client);
    test_wait_for(&server, &server.n_done, 1);
    assert_int_equal(test_value(&server, &server.n_aborted), 1);
    assert_int_equal(test_value(&server, &server.read_failure), RC_MALFORMED);
    /* A worker that does not look ends undisturbed (its answer may even seem to have been sent). */
    client = client_open(&server);
    client_puts(&client, GET("/wgate"));
    test_wait_for(&server, &server.n_at_gate, 1);
    client_close(&client);
    test_gate_set(&server, true);
    test_wait_for(&server, &server.n_done, 2);
    wait_until_alone(&server, 0);
    test_server_end(&server, 0);
}

static void test_http_1_0(void **state)
{
    TestServer server;
    Client client;
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    client = client_open(&server);
    assert_int_equal(client_ask(&client, "GET /hello HTTP/1.0\r\n\r\n", &reply), 200);
    assert_true(client_is_closed(&client));
    client_close(&client);
    client = client_open(&server);
    client_puts(&client, "GET /wstream HTTP/1.0\r\n\r\n"); /* no chunks: ends with the connection */
    client_read_head(&client, &reply);
    while (client.len < 5) {
        assert_true(client_fill(&client));
    }
    assert_memory_equal(client.buf, "first", 5);
    HttpStream *stream = test_stream(&server, 0);
    assert_int_equal(http_stream_write(stream, STR("second")), RC_OK);
    http_stream_close(stream);
    server.streams[0] = NULL;
    while (client_fill(&client)) {
    }
    assert_memory_equal(client.buf, "firstsecond", 11);
    client_close(&client);
    test_server_end(&server, 0);
}

static void test_address_limit(void **state)
{
    HttpServerOptions options = {.max_per_address = 3, .io_threads = 3};
    TestServer server;
    Client clients[3];
    Client extra;
    Reply reply;

    (void)state;
    test_server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(&server);
        assert_int_equal(client_ask(&clients[i], GET("/hello"), &reply), 200);
    }
    extra = client_open(&server);
    assert_true(client_is_closed(&extra));
    client_close(&extra);
    client_close(&clients[0]);
    wait_until_alone(&server, 2);
    extra = client_open(&server);
    assert_int_equal(client_ask(&extra, GET("/hello"), &reply), 200);
    client_close(&extra);
    client_close(&clients[1]);
    client_close(&clients[2]);
    test_server_end(&server, 0);
}

static HttpRun never_accept(void *user, HttpRequest *r, size_t *ret_max_body)
{
    (void)user;
    (void)r;
    *ret_max_body = 0;
    return HTTP_RUN_INLINE;
}

static void never_serve(void *user, HttpRequest *r)
{
    (void)user;
    (void)r;
}

static void never_refuse(void *user, HttpRequest *r, const Error *err)
{
    (void)user;
    (void)r;
    (void)err;
}

static void test_start_failures(void **state)
{
    HttpApp app = {.accept = never_accept, .serve = never_serve, .refuse = never_refuse};
    TestServer server;
    HttpServer *other = NULL;
    Error err = {0};

    (void)state;
    test_server_start(&server, NULL);
    HttpServerOptions options[] = {
        {.host = STR("127.0.0.1"),    .port = server.port                       },
        {.host = STR("host.invalid")},
        {.host = STR("")                          },
        {.host = STR("192.0.2.1")   }, /* not ours */
        {.host = STR("127.0.0.1"),    .tls_cert_pem = "x"                                          },
        {.host = STR("127.0.0.1"),                           .tls_cert_pem = "x",                    .tls_key_pem = "y"},
        {.host = STR("127.0.0.1"),                           .head_timeout_s = -1                       },
        {.host = STR("127.0.0.1"),                           .workers = 100000},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        Rc expected = options[i].port ? RC_CONFLICT : RC_INVALID;
        assert_int_equal(http_server_start(&options[i], &app, &other, &err), expected);
        assert_true(strlen(err.message) > 20);
        assert_null(other);
    }
    test_server_end(&server, 0);
}

static void test_hosts(void **state)
{
    static const char *const hosts[] = {"localhost", "0.0.0.0", "::"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        HttpServerOptions options = {.host = str_from(hosts[i])};
        TestServer server;
        Reply reply;
        test_server_start(&server, &options);
        Client client = client_open(&server);
        assert_int_equal(client_ask(&client, GET("/hello"), &reply), 200);
        client_close(&client);
        test_server_end(&server, 0);
    }
}

/* A self-signed certificate of this minute. */
static void make_certificate(char *cert, char *key, size_t size)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    assert_true(pair && x509 && bio);
    assert_int_equal(X509_set_version(x509, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
    assert_int_equal(X509_set_pubkey(x509, pair), 1);
    assert_true(X509_sign(x509, pair, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    n = BIO_read(bio, cert, (int)size - 1);
    assert_true(n > 0);
    cert[n] = '\0';
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_read(bio, key, (int)size - 1);
    assert_true(n > 0);
    key[n] = '\0';
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(pair);
}

static size_t collect(char *bytes, size_t size, size_t n, void *user)
{
    char *out = user;
    size_t at = strlen(out);

    assert_true(at + size * n < 64);
    memcpy(out + at, bytes, size * n);
    out[at + size * n] = '\0';
    return size * n;
}

static void test_tls(void **state)
{
    char cert[4096];
    char key[4096];
    char url[64];
    char body[64] = "";
    HttpServerOptions options = {.tls_cert_pem = cert, .tls_key_pem = key};
    TestServer server;
    CURL *curl = curl_easy_init();
    static const struct {
        long version;
        CURLcode code;
    } cases[] = {
        {CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2, CURLE_SSL_CONNECT_ERROR},
        {CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3, CURLE_OK               },
    };

    (void)state;
    assert_non_null(curl);
    make_certificate(cert, key, sizeof(cert));
    test_server_start(&server, &options);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/wecho", server.port);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        body[0] = '\0';
        curl_easy_reset(curl);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_URL, url), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_SSLVERSION, cases[i].version), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_PROXY, ""), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "secret"), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect), CURLE_OK);
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_WRITEDATA, body), CURLE_OK);
        assert_int_equal(curl_easy_perform(curl), cases[i].code);
        assert_string_equal(body, cases[i].code == CURLE_OK ? "secret" : "");
    }
    curl_easy_cleanup(curl);
    test_server_end(&server, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_unreadable_requests),
        cmocka_unit_test(test_head_size),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_lingering_close),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_early_answers_to_uploads),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_clients_that_leave),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_address_limit),
        cmocka_unit_test(test_start_failures),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
