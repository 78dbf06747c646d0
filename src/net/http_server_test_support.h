/* SPDX-License-Identifier: Apache-2.0
 * net/http_server_test_support.h - a server with a small application, and a client made of a socket
 * and a deadline, for the tests of the HTTP server. */
#ifndef NET_HTTP_SERVER_TEST_SUPPORT_H
#define NET_HTTP_SERVER_TEST_SUPPORT_H

#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"

#include "net/http_server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

enum { TEST_STREAMS_MAX = 2048, TEST_MAX_BODY = 100000 };
#define TEST_PATIENCE_US                                                                           \
    (20 * US_PER_SECOND) /* a failing test ends; a passing one never waits it out */

/* What the routes do:
 *   /hello /work        "hello" plus the query, inline or on a worker
 *   /echo /wecho        the body, inline or on a worker; at most TEST_MAX_BODY
 *   /gate /wgate        waits for the gate, inline or on a worker
 *   /facts              method, path, query pairs and the field X-Test, one per line
 *   /denied             401 from accept
 *   /upload             streamed; answers with the number of bytes and the sum of all
 *   /upload-gate        as /upload, reads nothing before the gate opens
 *   /upload-early       streamed; answers 403 without reading
 *   /upload-some        streamed; reads once, answers 403
 *   /file/<from>/<size> from TestServer.file
 *   /owned /big         a malloc'ed body; 1 MB from the arena
 *   /stream             a stream, kept in TestServer.streams
 *   /wstream            the same from a worker, with "first" written at once */
typedef struct TestServer {
    HttpServer *http;
    uint16_t port;
    const char *file;
    Mutex lock; /* guards the rest */
    Cond changed;
    bool is_gate_open;
    unsigned n_at_gate;
    HttpStream *streams[TEST_STREAMS_MAX];
    unsigned n_streams, n_gone;
    unsigned n_done, n_aborted, n_refused;
    unsigned last_bytes;   /* of the last call of done */
    unsigned read_failure; /* of the last http_body_read that failed: an Rc */
} TestServer;

void test_server_start(TestServer *server, const HttpServerOptions *options); /* NULL: defaults */
void test_server_end(TestServer *server, int64_t grace_us); /* closes the streams, frees */
void test_gate_set(TestServer *server, bool is_open);
/* Waits until *value (guarded by server->lock) is at least `wanted`; fails the test if it never is.
 */
void test_wait_for(TestServer *server, const unsigned *value, unsigned wanted);
unsigned test_value(TestServer *server, const unsigned *value);
HttpStream *test_stream(TestServer *server, unsigned index); /* waits for it */

typedef struct Client {
    int fd;
    char *buf;
    size_t len, cap;
    char *body; /* of the last reply */
} Client;

typedef struct Reply {
    int status;
    size_t head_len;
    char head[4096];
    const char *body; /* terminated; valid until the client's next reply */
    size_t body_len;
} Reply;

Client client_open(const TestServer *server);
bool client_try_open(const TestServer *server, Client *ret); /* false: refused */
void client_close(Client *client);
void client_send(Client *client, const char *bytes, size_t n);
void client_puts(Client *client, const char *text);
/* Reads more; false at the end of the connection. Fails the test when nothing comes in time. */
bool client_fill(Client *client);
/* One answer with Content-Length or chunks; 1xx answers are returned as they are. */
void client_reply(Client *client, bool is_head, Reply *ret);
/* Puts, then reads the answer; returns its status. */
int client_ask(Client *client, const char *text, Reply *ret);
/* True when the server has closed, with nothing more sent. Waits for at most TEST_PATIENCE_US. */
bool client_is_closed(Client *client);
/* Reads n bytes of the body of a chunked answer, whose head has been read; fewer at its end. */
size_t client_read_chunks(Client *client, char *out, size_t n, bool *ret_is_end);
void client_read_head(Client *client, Reply *ret);
bool reply_has(const Reply *reply, const char *text); /* in the head, any case */

size_t test_rss_bytes(void);
void test_want_files(unsigned n); /* raises the limit on open files, or skips the test */

#endif
