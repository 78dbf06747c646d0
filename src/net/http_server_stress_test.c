/* SPDX-License-Identifier: Apache-2.0
 * The server under load, against slow clients, with streams, and while it stops. */
#include "net/http_server_test_support.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: test\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* ---- load */

/* libmicrohttpd's own threads stall when a wait returns exactly 128 ready sockets. Here the only
 * I/O thread is held while that many requests arrive, then let go. */
static void test_many_ready_at_once(void **state)
{
    static const unsigned counts[] = {127, 128, 129, 256};
    HttpServerOptions options = {.io_threads = 1};
    TestServer server;

    (void)state;
    test_want_files(1024);
    test_server_start(&server, &options);
    for (size_t round = 0; round < ARRAY_LEN(counts); round++) {
        Client clients[256];
        Client holder = client_open(&server);
        Reply reply;
        test_gate_set(&server, false);
        for (unsigned i = 0; i < counts[round]; i++) { /* accepted and polled before the hold */
            clients[i] = client_open(&server);
            assert_int_equal(client_ask(&clients[i], GET("/hello"), &reply), 200);
        }
        client_puts(&holder, GET("/gate"));
        test_wait_for(&server, &server.n_at_gate, (unsigned)round + 1);
        for (unsigned i = 0; i < counts[round]; i++) {
            client_puts(&clients[i], GET("/hello"));
        }
        int64_t from = time_monotonic_us();
        test_gate_set(&server, true);
        for (unsigned i = 0; i < counts[round]; i++) {
            client_reply(&clients[i], false, &reply);
            assert_int_equal(reply.status, 200);
            client_close(&clients[i]);
        }
        assert_true(time_monotonic_us() - from < 10 * US_PER_SECOND);
        client_close(&holder);
    }
    test_server_end(&server, 0);
}

enum { RACERS = 8, RACES = TEST_SANITIZED ? 400 : 2000 };

typedef struct Racer {
    Thread thread;
    TestServer *server;
    unsigned n_slow;
} Racer;

static void *race(void *arg)
{
    Racer *racer = arg;
    Client client = client_open(racer->server);
    Reply reply;

    for (unsigned i = 0; i < RACES; i++) {
        int64_t from = time_monotonic_us();
        assert_int_equal(client_ask(&client, GET("/work"), &reply), 200);
        racer->n_slow += time_monotonic_us() - from > 900 * US_PER_MS;
    }
    client_close(&client);
    return NULL;
}

/* A lost wake-up shows as an answer that waits for the loop's next turn, a second later. */
static void test_resume_race(void **state)
{
    HttpServerOptions options = {.io_threads = 2};
    TestServer server;
    Racer racers[RACERS] = {0};
    unsigned n_slow = 0;

    (void)state;
    test_server_start(&server, &options);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i].server = &server;
        thread_start(&racers[i].thread, "racer", race, &racers[i]);
    }
    for (size_t i = 0; i < RACERS; i++) {
        thread_join(&racers[i].thread);
        n_slow += racers[i].n_slow;
    }
    test_wait_for(&server, &server.n_done, RACERS * RACES);
    assert_in_range(n_slow, 0, RACERS * RACES / 200); /* a busy machine may stall some */
    test_server_end(&server, 0);
}

/* ---- slow clients */

/* Sends a byte of text every 50 ms until the server closes; returns how long that took. */
static int64_t drip(Client *client, const char *text)
{
    int64_t from = time_monotonic_us();

    for (size_t i = 0; time_monotonic_us() - from < TEST_PATIENCE_US; i++) {
        char byte = text[i % strlen(text)];
        char in;
        if (send(client->fd, &byte, 1, MSG_NOSIGNAL) < 0 ||
            recv(client->fd, &in, 1, MSG_DONTWAIT) == 0) {
            return time_monotonic_us() - from;
        }
        thread_sleep_us(50 * US_PER_MS);
    }
    fail_msg("a slow client was not cut off");
    return 0;
}

static void test_slow_clients(void **state)
{
    HttpServerOptions options = {.head_timeout_s = 1, .min_body_rate = 1000};
    TestServer server;
    Client client;
    Reply reply;

    (void)state;
    test_server_start(&server, &options);
    client = client_open(&server); /* first head */
    client_puts(&client, "GET /hello HTTP/1.1\r\nX: ");
    assert_in_range(drip(&client, "x"), 900 * US_PER_MS, 10 * US_PER_SECOND);
    client_close(&client);
    client = client_open(&server); /* not even a line */
    assert_in_range(drip(&client, "x"), 900 * US_PER_MS, 10 * US_PER_SECOND);
    client_close(&client);
    client = client_open(&server); /* a later head */
    assert_int_equal(client_ask(&client, GET("/hello"), &reply), 200);
    thread_sleep_us(50 * US_PER_MS);
    assert_in_range(drip(&client, "x"), 900 * US_PER_MS, 10 * US_PER_SECOND);
    client_close(&client);
    client = client_open(&server); /* a beginning, then silence */
    client_puts(&client, "GET /hel");
    assert_true(client_is_closed(&client));
    client_close(&client);
    client = client_open(&server); /* body in memory */
    client_puts(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
    assert_in_range(drip(&client, "x"), 900 * US_PER_MS, 10 * US_PER_SECOND);
    client_close(&client);
    client = client_open(&server); /* streamed body */
    client_puts(&client, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
    assert_in_range(drip(&client, "x"), 900 * US_PER_MS, 10 * US_PER_SECOND);
    client_close(&client);
    test_wait_for(&server, &server.n_done, 2);
    assert_int_equal(test_value(&server, &server.read_failure), RC_TIMEOUT);
    test_server_end(&server, 0);
}

/* Half a body and then nothing, long before its rate is looked at; a byte now and then is enough.
 */
static void test_stalled_body(void **state)
{
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60\r\n\r\nhalf",
        "POST /wecho HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 60\r\n\r\nhalf",
    };
    HttpServerOptions options = {.head_timeout_s = 3600, .stall_timeout_s = 1};
    TestServer server;
    Client client, steady;
    Reply reply;

    (void)state;
    test_server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        client = client_open(&server);
        client_puts(&client, heads[i]);
        assert_true(client_is_closed(&client));
        client_close(&client);
    }
    test_wait_for(&server, &server.n_done, 1); /* of the upload, whose worker was told */
    assert_int_equal(test_value(&server, &server.read_failure), RC_TIMEOUT);
    steady = client_open(&server);
    client_puts(&steady, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60\r\n\r\n");
    for (int i = 0; i < 60; i++) { /* 3 s in all */
        client_puts(&steady, "x");
        thread_sleep_us(50 * US_PER_MS);
    }
    client_reply(&steady, false, &reply);
    assert_int_equal(reply.status, 200);
    client_close(&steady);
    test_server_end(&server, 0);
}

/* From now on nothing reaches the client's system, and so it acknowledges nothing: what a machine
 * looks like that was switched off, or lost its network. */
static void fall_silent(const Client *client)
{
    struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {.len = ARRAY_LEN(drop_all), .filter = drop_all};

    assert_int_equal(
        setsockopt(client->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* Event streams on an idle server: nothing is written that could fail. */
static void test_silent_peers(void **state)
{
    HttpServerOptions options = {.peer_timeout_s = 2};
    TestServer server;
    Client clients[3];
    Reply reply;

    (void)state;
    test_server_start(&server, &options);
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(&server);
        client_puts(&clients[i], GET("/stream"));
        client_read_head(&clients[i], &reply);
        IGNORE(test_stream(&server, i));
    }
    fall_silent(&clients[0]);
    fall_silent(&clients[1]);
    assert_int_equal(http_stream_write(test_stream(&server, 1), STR("heartbeat")), RC_OK);
    test_wait_for(&server, &server.n_gone, 2);
    int64_t until = time_monotonic_us() + TEST_PATIENCE_US;
    while (http_server_stats(server.http).connections_open > 1) {
        assert_true(time_monotonic_us() < until);
        thread_sleep_us(US_PER_MS);
    }
    assert_int_equal(test_value(&server, &server.n_gone), 2); /* the third answers its probes */
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
        client_close(&clients[i]);
    }
    test_server_end(&server, 0);
}

/* Idle connections, bodies at a fair rate and workers that take their time are left alone. */
static void test_patient_server(void **state)
{
    HttpServerOptions options = {.head_timeout_s = 1, .min_body_rate = 1000};
    char piece[500];
    TestServer server;
    Client fresh;
    Client idle;
    Client sender;
    Client waiter;
    Client blocked;
    Reply reply;

    (void)state;
    memset(piece, 1, sizeof(piece));
    test_server_start(&server, &options);
    fresh = client_open(&server);
    idle = client_open(&server);
    assert_int_equal(client_ask(&idle, GET("/hello"), &reply), 200);
    waiter = client_open(&server);
    client_puts(&waiter, GET("/wgate"));
    blocked = client_open(&server); /* its body waits in the sockets and the ring */
    client_puts(&blocked, "POST /upload-gate HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n");
    for (size_t i = 0; i < 400; i++) {
        client_send(&blocked, piece, sizeof(piece));
    }
    sender = client_open(&server);
    client_puts(&sender, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\n");
    for (size_t i = 0; i < 40; i++) { /* 4 s at 5 kB/s */
        client_send(&sender, piece, sizeof(piece));
        thread_sleep_us(100 * US_PER_MS);
    }
    client_reply(&sender, false, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_len, 20000);
    test_gate_set(&server, true);
    client_reply(&waiter, false, &reply);
    assert_int_equal(reply.status, 200);
    client_reply(&blocked, false, &reply);
    assert_string_equal(reply.body, "200000 200000");
    assert_int_equal(client_ask(&idle, GET("/hello"), &reply), 200);
    assert_int_equal(client_ask(&fresh, GET("/hello"), &reply), 200);
    Client *all[] = {&fresh, &idle, &sender, &waiter, &blocked};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        client_close(all[i]);
    }
    test_server_end(&server, 0);
}

/* ---- large bodies */

static void test_large_upload(void **state)
{
    const size_t total = (TEST_SANITIZED ? 32 : 500) * MIB;
    const size_t piece_size = 256 * KIB;
    char *piece = malloc(piece_size);
    char text[128];
    TestServer server;
    Client client;
    Reply reply;

    (void)state;
    assert_non_null(piece);
    memset(piece, 3, piece_size);
    test_server_start(&server, NULL);
    client = client_open(&server);
    assert_int_equal(client_ask(&client, GET("/hello"), &reply), 200);
    size_t before = test_rss_bytes();
    size_t most = before;
    snprintf(text, sizeof(text), "PUT /upload HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
             total);
    client_puts(&client, text);
    for (size_t sent = 0; sent < total; sent += piece_size) {
        client_send(&client, piece, piece_size);
        if (sent % (16 * MIB) == 0) {
            most = MAX(most, test_rss_bytes());
        }
    }
    client_reply(&client, false, &reply);
    snprintf(text, sizeof(text), "%zu %zu", total, total * 3);
    assert_string_equal(reply.body, text);
    assert_in_range(most - before, 0, 16 * MIB);
    client_close(&client);
    test_server_end(&server, 0);
    free(piece);
}

/* An answer far larger than the socket's buffer, from the arena, to a client that reads late. */
static void test_large_answer(void **state)
{
    TestServer server;
    Client clients[4];
    Reply reply;

    (void)state;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(&server);
        client_puts(&clients[i], GET("/big"));
    }
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        client_reply(&clients[i], false, &reply);
        assert_int_equal(reply.body_len, 1000000);
        client_close(&clients[i]);
    }
    test_wait_for(&server, &server.n_done, ARRAY_LEN(clients));
    assert_int_equal(test_value(&server, &server.last_bytes), 1000000);
    test_server_end(&server, 0);
}

/* ---- streams */

static HttpStream *open_stream(TestServer *server, Client *client, unsigned index)
{
    Reply reply;

    *client = client_open(server);
    client_puts(client, GET("/stream"));
    client_read_head(client, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "\r\nTransfer-Encoding: chunked\r\n"));
    return test_stream(server, index);
}

static void close_stream(TestServer *server, unsigned index)
{
    http_stream_close(server->streams[index]);
    server->streams[index] = NULL;
}

static void test_stream_life(void **state)
{
    TestServer server;
    Client client;
    Client other;
    Reply reply;
    char bytes[64];
    bool is_end;

    (void)state;
    test_server_start(&server, NULL);
    HttpStream *stream = open_stream(&server, &client, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(http_stream_write(stream, STR("event")), RC_OK);
        assert_int_equal(client_read_chunks(&client, bytes, 5, &is_end), 5);
        assert_memory_equal(bytes, "event", 5);
    }
    assert_int_equal(http_server_stats(server.http).streams_open, 1);
    assert_int_equal(http_stream_write(stream, STR("last")), RC_OK);
    close_stream(&server, 0);
    assert_int_equal(client_read_chunks(&client, bytes, sizeof(bytes), &is_end), 4);
    assert_true(is_end);
    test_wait_for(&server, &server.n_done, 1);
    assert_int_equal(test_value(&server, &server.last_bytes), 19);
    assert_int_equal(test_value(&server, &server.n_gone), 0);
    assert_int_equal(test_value(&server, &server.n_aborted), 0);
    client_close(&client);
    /* written before the head is out; then the client leaves while nothing is being sent */
    other = client_open(&server);
    client_puts(&other, GET("/wstream"));
    client_read_head(&other, &reply);
    assert_int_equal(client_read_chunks(&other, bytes, 5, &is_end), 5);
    assert_memory_equal(bytes, "first", 5);
    stream = test_stream(&server, 1);
    client_close(&other);
    test_wait_for(&server, &server.n_gone, 1);
    assert_int_equal(http_stream_write(stream, STR("late")), RC_GONE);
    close_stream(&server, 1);
    test_wait_for(&server, &server.n_aborted, 1);
    /* HEAD gets the head; its stream is over at once */
    client = client_open(&server);
    client_puts(&client, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    client_reply(&client, true, &reply);
    assert_int_equal(reply.status, 200);
    test_wait_for(&server, &server.n_gone, 2);
    client_close(&client);
    test_server_end(&server, 0);
}

typedef struct Writer {
    Thread thread;
    HttpStream *stream;
    size_t n_written;
    Rc last;
} Writer;

static void *write_until_refused(void *arg)
{
    Writer *writer = arg;
    char piece[4096];

    memset(piece, 'w', sizeof(piece));
    do {
        writer->last = http_stream_write(writer->stream, str_of(piece, sizeof(piece)));
        writer->n_written += writer->last == RC_OK ? sizeof(piece) : 0;
    } while (writer->last == RC_OK && writer->n_written < 64 * MIB);
    return NULL;
}

/* Several threads write to one stream whose client does not read: they are told so, memory stays
 * bounded, and what was accepted arrives. */
static void test_stream_slow_reader(void **state)
{
    TestServer server;
    Client client;
    Writer writers[3] = {0};
    size_t accepted = 0;
    bool is_end;

    (void)state;
    test_server_start(&server, NULL);
    HttpStream *stream = open_stream(&server, &client, 0);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        writers[i].stream = stream;
        thread_start(&writers[i].thread, "writer", write_until_refused, &writers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        thread_join(&writers[i].thread);
        assert_int_equal(writers[i].last, RC_BUSY);
        accepted += writers[i].n_written;
    }
    assert_true(accepted >= 64 * KIB);
    assert_int_equal(http_stream_write(stream, str_of(NULL, 0)), RC_OK);
    close_stream(&server, 0);
    char *bytes = malloc(accepted + 1);
    assert_non_null(bytes);
    assert_int_equal(client_read_chunks(&client, bytes, accepted + 1, &is_end), accepted);
    assert_true(is_end);
    for (size_t i = 0; i < accepted; i++) {
        assert_int_equal(bytes[i], 'w');
    }
    free(bytes);
    assert_int_equal(test_value(&server, &server.n_gone), 0);
    client_close(&client);
    test_server_end(&server, 0);
}

typedef struct Closer {
    Thread thread;
    TestServer *server;
    unsigned from, to;
} Closer;

static void *close_all(void *arg)
{
    Closer *closer = arg;

    for (unsigned i = closer->from; i < closer->to; i++) {
        IGNORE(http_stream_write(closer->server->streams[i], STR("bye")) == RC_OK); /* or gone */
        close_stream(closer->server, i);
    }
    return NULL;
}

/* Owner and client end the same streams at the same time. */
static void test_stream_close_race(void **state)
{
    enum { N = 200 };
    TestServer server;
    Client clients[N];
    Closer closers[2] = {
        {.from = 0,     .to = N / 2},
        {.from = N / 2, .to = N    }
    };

    (void)state;
    test_want_files(1024);
    test_server_start(&server, NULL);
    for (unsigned i = 0; i < N; i++) {
        IGNORE(open_stream(&server, &clients[i], i) == NULL); /* kept by the server */
    }
    for (size_t i = 0; i < ARRAY_LEN(closers); i++) {
        closers[i].server = &server;
        thread_start(&closers[i].thread, "closer", close_all, &closers[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        client_close(&clients[N - 1 - i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(closers); i++) {
        thread_join(&closers[i].thread);
    }
    test_wait_for(&server, &server.n_done, N);
    assert_in_range(test_value(&server, &server.n_gone), 0, N);
    assert_int_equal(http_server_stats(server.http).streams_open, 0);
    test_server_end(&server, 0);
}

static void test_idle_streams(void **state)
{
    enum { N = 1000 };
    TestServer server;
    Client *clients = calloc(N, sizeof(*clients));
    char bytes[8];
    bool is_end;

    (void)state;
    assert_non_null(clients);
    test_want_files(3 * N);
    test_server_start(&server, NULL);
    IGNORE(open_stream(&server, &clients[0], 0) == NULL); /* threads and lists are warm */
    size_t before = test_rss_bytes();
    for (unsigned i = 1; i < N; i++) {
        clients[i] = client_open(&server);
        client_puts(&clients[i], GET("/stream"));
        IGNORE(test_stream(&server, i) == NULL); /* kept by the server */
    }
    size_t each = (test_rss_bytes() - before) / (N - 1);
    print_message("%zu bytes per idle stream\n", each);
    if (!TEST_SANITIZED) {
        assert_in_range(each, 1, 40 * KIB);
    }
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(http_stream_write(server.streams[i], STR("wake")), RC_OK);
    }
    for (unsigned i = 0; i < N; i++) {
        Reply reply;
        if (i > 0) {
            client_read_head(&clients[i], &reply);
        }
        assert_int_equal(client_read_chunks(&clients[i], bytes, 4, &is_end), 4);
        client_close(&clients[i]);
    }
    test_wait_for(&server, &server.n_gone, N);
    test_server_end(&server, 0);
    free(clients);
}

/* ---- stopping */

typedef struct Stopper {
    Thread thread;
    TestServer *server;
    int64_t grace_us, took_us;
} Stopper;

static void *stop(void *arg)
{
    Stopper *stopper = arg;
    int64_t from = time_monotonic_us();

    http_server_stop(stopper->server->http, stopper->grace_us);
    stopper->took_us = time_monotonic_us() - from;
    return NULL;
}

static void test_graceful_stop(void **state)
{
    TestServer server;
    Stopper stopper = {.server = &server, .grace_us = TEST_PATIENCE_US};
    Client idle;
    Client half;
    Client busy;
    Client stream_client;
    Client late;
    Reply reply;
    char bytes[16];
    bool is_end;

    (void)state;
    test_server_start(&server, NULL);
    idle = client_open(&server);
    assert_int_equal(client_ask(&idle, GET("/hello"), &reply), 200);
    half = client_open(&server);
    client_puts(&half, "GET /hello HTTP/1.1\r\nHost:");
    busy = client_open(&server);
    client_puts(&busy, GET("/wgate"));
    test_wait_for(&server, &server.n_at_gate, 1);
    HttpStream *stream = open_stream(&server, &stream_client, 0);
    assert_int_equal(http_stream_write(stream, STR("before")), RC_OK);
    thread_start(&stopper.thread, "stopper", stop, &stopper);
    assert_int_equal(client_read_chunks(&stream_client, bytes, sizeof(bytes), &is_end), 6);
    assert_true(is_end); /* in order: the last chunk was sent */
    test_wait_for(&server, &server.n_gone, 1);
    assert_int_equal(http_stream_write(stream, STR("after")), RC_GONE);
    assert_true(client_is_closed(&idle));
    assert_true(client_is_closed(&half));
    int64_t deadline = time_monotonic_us() + TEST_PATIENCE_US;
    while (client_try_open(&server, &late)) { /* the last I/O thread may be about to close */
        client_close(&late);
        assert_true(time_monotonic_us() < deadline);
    }
    test_gate_set(&server, true);
    client_reply(&busy, false, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    assert_true(client_is_closed(&busy));
    thread_join(&stopper.thread);
    assert_true(stopper.took_us < TEST_PATIENCE_US / 2);
    client_close(&idle);
    client_close(&half);
    client_close(&busy);
    client_close(&stream_client);
    test_server_end(&server, 0);
}

/* Past the grace, what waits for its client is cut off; a worker in the middle of something is
 * waited for, and requests that no worker has begun are dropped. */
static void test_stop_cuts_off(void **state)
{
    HttpServerOptions options = {.workers = 2};
    TestServer server;
    Stopper stopper = {.server = &server, .grace_us = 200 * US_PER_MS};
    Client uploader;
    Client busy;
    Client queued;
    Client half;

    (void)state;
    test_server_start(&server, &options);
    busy = client_open(&server);
    client_puts(&busy, GET("/wgate"));
    uploader = client_open(&server);
    client_puts(&uploader, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
    test_wait_for(&server, &server.n_at_gate, 1);
    int64_t deadline = time_monotonic_us() + TEST_PATIENCE_US;
    while (http_server_stats(server.http).busy_workers < 2) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(1000);
    }
    queued = client_open(&server);
    client_puts(&queued, GET("/work"));
    half = client_open(&server);
    client_puts(&half, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
    while (http_server_stats(server.http).queue_length < 1) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(1000);
    }
    thread_start(&stopper.thread, "stopper", stop, &stopper);
    assert_true(client_is_closed(&uploader));
    assert_true(client_is_closed(&half));
    test_gate_set(&server, true);
    thread_join(&stopper.thread);
    assert_true(stopper.took_us < TEST_PATIENCE_US / 2);
    assert_int_equal(test_value(&server, &server.read_failure), RC_MALFORMED);
    IGNORE(client_is_closed(&busy)); /* with or without its answer */
    IGNORE(client_is_closed(&queued));
    Client *all[] = {&busy, &uploader, &queued, &half};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        client_close(all[i]);
    }
    test_server_end(&server, 0);
}

/* Started and stopped again and again under traffic, at once. */
static void test_stop_under_load(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        TestServer server;
        Client clients[32];
        test_server_start(&server, NULL);
        for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
            static const char *const requests[] = {
                GET("/work"),
                GET("/wstream"),
                GET("/stream"),
                "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
            };
            clients[i] = client_open(&server);
            client_puts(&clients[i], requests[i % ARRAY_LEN(requests)]);
        }
        http_server_stop(server.http, round % 2 ? 10 * US_PER_MS : 0);
        for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
            while (client_fill(&clients[i])) {
            }
            client_close(&clients[i]);
        }
        test_server_end(&server, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_streams),       cmocka_unit_test(test_large_upload),
        cmocka_unit_test(test_large_answer),       cmocka_unit_test(test_many_ready_at_once),
        cmocka_unit_test(test_resume_race),        cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_patient_server),     cmocka_unit_test(test_stream_life),
        cmocka_unit_test(test_stream_slow_reader), cmocka_unit_test(test_stream_close_race),
        cmocka_unit_test(test_graceful_stop),      cmocka_unit_test(test_stop_cuts_off),
        cmocka_unit_test(test_stop_under_load),    cmocka_unit_test(test_stalled_body),
        cmocka_unit_test(test_silent_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
