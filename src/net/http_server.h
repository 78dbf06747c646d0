/* SPDX-License-Identifier: Apache-2.0
 * net/http_server.h - HTTP/1.1 server over libmicrohttpd in external-epoll mode. Knows no domain.
 *
 * I I/O threads each own one MHD daemon, one SO_REUSEPORT listen socket, one eventfd and a
 * done-list; W workers take requests from one bounded queue. No MHD type appears outside
 * http_server*.c. The application is two callbacks. `accept` runs on the I/O thread when the
 * headers are complete (before any body byte is read) and chooses how the request runs; it may
 * answer at once (401, 404, 413). `serve` runs with the whole body in memory, on the I/O thread
 * (HTTP_RUN_INLINE: must be bounded and must never block) or on a worker, and must answer exactly
 * once. With HTTP_RUN_STREAM `serve` runs on a worker as soon as the headers are there and reads
 * the body with http_body_read; back-pressure reaches the client.
 *
 * Refused before `accept`, with 400 and close: Content-Length with Transfer-Encoding, several
 * Content-Length or Host fields, a transfer coding other than chunked, field names outside token,
 * control bytes in values, folded lines, a missing Host in HTTP/1.1. 431 for a head over 16 KiB or
 * of more than 100 fields. A head not complete within 10 s, a body slower than a floor rate or of
 * which nothing comes for 5 s, and a peer whose system is silent for 30 s, are cut off. Queue full:
 * 503 with Retry-After. What libmicrohttpd cannot read at all (a line without a colon, a length
 * that is no number) it answers in its own words, without `refuse`. See
 * docs/internals/net-http-server.md. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef struct HttpStream HttpStream;

typedef enum HttpMethod {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
} HttpMethod;
const char *http_method_name(HttpMethod method);
HttpMethod http_method_parse(Str s); /* case-sensitive; HTTP_OTHER when unknown */

typedef enum HttpRun {
    HTTP_RUN_INLINE,
    HTTP_RUN_WORKER,
    HTTP_RUN_STREAM,
    HTTP_RUN_ANSWERED
} HttpRun;

typedef struct HttpPair {
    Str name, value;
} HttpPair;

typedef struct HttpApp {
    void *user;
    /* Returns HTTP_RUN_ANSWERED after having called http_respond itself. *ret_max_body: bytes this
     * request may send; a larger one is answered 413 through `too_large` (declared size: before
     * upload). */
    HttpRun (*accept)(void *user, HttpRequest *r, size_t *ret_max_body);
    /* On the I/O thread it may call http_serve_on_worker instead of answering: then it is called
     * once more, on a worker. */
    void (*serve)(void *user, HttpRequest *r);
    /* Errors the server itself must answer (400, 413, 431, 503): lets the application give the body
     * its form. Must respond. err is never NULL. */
    void (*refuse)(void *user, HttpRequest *r, const Error *err);
    /* After the response has been handed over completely or the client has gone (aborted); for logs
     * and metrics. On the I/O thread. May be NULL. bytes_sent counts the body, 0 when aborted
     * (streams: what was handed over until then). Not called for a client that left before its
     * request was answered, unless a worker had it. */
    void (*done)(void *user,
                 const HttpRequest *r,
                 int status,
                 size_t bytes_sent,
                 int64_t duration_us,
                 bool aborted);
    /* The grace of http_server_stop is over while handlers still run, and it waits for them: make
     * what they wait for end. On the stopping thread. May be NULL. */
    void (*hurry)(void *user);
} HttpApp;

typedef struct HttpServerOptions {
    Str host;                 /* "127.0.0.1", "::1", "0.0.0.0", "localhost" */
    uint16_t port;            /* 0: any free one, see http_server_port */
    unsigned io_threads;      /* 0 = number of cores */
    unsigned workers;         /* 0 = 32 x cores, at most 64 */
    size_t queue_max;         /* waiting requests; 0 = 1024 */
    unsigned max_connections; /* 0 = from RLIMIT_NOFILE */
    unsigned max_per_address; /* connections of one client address; 0 = unlimited */
    int idle_timeout_s;       /* keep-alive; 0 = 60 */
    int head_timeout_s;       /* 0 = 10 */
    size_t min_body_rate;     /* bytes per second, over windows of head_timeout_s; 0 = 256 */
    int stall_timeout_s;      /* without a byte of a body that is not complete; 0 = 5 */
    int peer_timeout_s;       /* without a sign of life from the peer's system; 0 = 30 */
    const char *tls_cert_pem, *tls_key_pem; /* both or none; TLS 1.3 */
    /* Authorities whose certificates clients may show; NULL: they are not asked for one. Another
     * certificate ends the handshake; with tls_client_required, none does too. Borrowed. */
    const char *tls_client_ca_pem;
    bool tls_client_required;
} HttpServerOptions;

/* Binds, listens and starts threads. app->user is borrowed until http_server_free.
 * Fails: RC_CONFLICT (the address is in use), RC_DENIED (a port that needs privileges),
 * RC_INVALID (options, TLS), RC_INTERNAL. */
MUST_CHECK Rc http_server_start(const HttpServerOptions *options,
                                const HttpApp *app,
                                HttpServer **ret,
                                Error *err);
/* Handshakes from now on show another certificate; connections go on. The server has TLS. Any
 * thread. Fails RC_INVALID, and the one before stays. */
MUST_CHECK Rc http_server_renew_tls(HttpServer *server,
                                    const char *cert_pem,
                                    const char *key_pem,
                                    Error *err);
uint16_t http_server_port(const HttpServer *server);
/* Graceful: stops accepting, closes idle connections, ends open streams, lets running requests
 * finish for at most grace_us, then cuts off. Blocks until all threads have ended. */
void http_server_stop(HttpServer *server, int64_t grace_us);
/* Stops at once if it still runs. All streams must have been closed by their owners. NULL is fine.
 */
void http_server_free(HttpServer *server);

/* busy_workers: also requests that are answered later (http_answer_later). */
typedef struct HttpServerStats {
    uint64_t requests, connections_open, streams_open, queue_length, busy_workers, refused;
} HttpServerStats;
HttpServerStats http_server_stats(const HttpServer *server); /* any thread */

/* ---- request; valid until the response is complete. Strs live as long as the request. */
Arena *http_arena(HttpRequest *r);
HttpMethod http_method(const HttpRequest *r);
Str http_path(const HttpRequest *r);   /* as received: not decoded, without the query */
Str http_query(const HttpRequest *r);  /* as received, without '?', "" when none */
Str http_target(const HttpRequest *r); /* path[?query] as received */
Str http_header(const HttpRequest *r,
                const char *name); /* first value, trimmed; "" when absent; any case */
bool http_has_header(const HttpRequest *r, const char *name);
/* All values of a field that may be there several times, joined by commas; in the arena. */
Str http_header_all(HttpRequest *r, const char *name);
/* What the verified certificate of the client says it is, one name a line: "CN=robot",
 * "DNS:robot.internal", "URI:spiffe://example.org/robot". "" without one. */
Str http_client_names(const HttpRequest *r);
Str http_peer(const HttpRequest *r);           /* client address without port */
Str http_body(const HttpRequest *r);           /* INLINE and WORKER */
int64_t http_started_us(const HttpRequest *r); /* monotonic */
void http_set_user(HttpRequest *r,
                   void *user); /* the application's own pointer, e.g. the matched route */
void *http_user(const HttpRequest *r);
/* Decoded query parameters in order, in the request's arena. A malformed percent-escape is kept as
 * written. */
const HttpPair *http_query_pairs(HttpRequest *r, size_t *ret_n);

/* Whether `serve` runs on the I/O thread, where it must not block. */
bool http_is_inline(const HttpRequest *r);
/* Instead of an answer, from `serve` on the I/O thread: what this request needs would block. */
void http_serve_on_worker(HttpRequest *r);

/* Instead of an answer, from `serve` on a worker: it comes later, from any thread, which answers
 * and then says so with http_answered, once. Between the two the request belongs to that thread, so
 * `serve` touches it no more; http_server_stop waits for it. Not for HTTP_RUN_STREAM. */
void http_answer_later(HttpRequest *r);
void http_answered(HttpRequest *r);

/* ---- body of HTTP_RUN_STREAM, on the worker. Up to `max` bytes into out; *ret_n 0 at the end.
 * Blocks. Fails: RC_TIMEOUT, RC_LIMIT, RC_MALFORMED (client gone). */
MUST_CHECK Rc http_body_read(HttpRequest *r, void *out, size_t max, size_t *ret_n, Error *err);

/* A field of whatever answer this request gets, by whom ever; after those of the answer itself. At
 * most HTTP_ADDED_FIELDS_MAX. Name and value live as long as the request. Before the answer, on the
 * thread that will give it. */
enum { HTTP_ADDED_FIELDS_MAX = 12 };
void http_add_field(HttpRequest *r, Str name, Str value);

/* ---- response; exactly one of these, once. */
typedef struct HttpResponse {
    int status;
    /* Names and values are copied; CR, LF and NUL in values are refused (ASSERT). Fields without a
     * value, and Content-Length, which follows from the body, are left out. */
    const HttpPair *headers;
    size_t n_headers;
    Str body; /* see below for who owns it */
} HttpResponse;

/* body lives in the request's arena (or longer); it is sent without a copy. */
void http_respond(HttpRequest *r, const HttpResponse *response);
/* body was malloc'ed: the server frees it. */
void http_respond_owned(HttpRequest *r, const HttpResponse *response, char *body);
/* Sends a regular file by descriptor (sendfile when possible); the server closes fd. */
void http_respond_file(
    HttpRequest *r, const HttpResponse *response, int fd, uint64_t offset, uint64_t size);

/* An open-ended answer (server-sent events, live logs). After this call the request belongs to the
 * server; the stream belongs to the caller, who must end it with http_stream_close exactly once
 * (from any thread, also after on_gone, also within it). on_gone(user) is called at most once, on
 * the I/O thread, when the client has left or the server is stopping, and never after
 * http_stream_close has returned: closing waits for an on_gone that is running, so on_gone must not
 * block, nor take a lock that is held while closing. Chunked transfer coding. */
HttpStream *http_respond_stream(HttpRequest *r,
                                const HttpResponse *head,
                                size_t max_buffered,
                                void (*on_gone)(void *user),
                                void *user);
/* Queues bytes (copied) for the client; any thread, but not after http_stream_close. RC_BUSY when
 * more than max_buffered would wait (slow client: close it), RC_GONE when the client has left.
 * Never blocks. */
Rc http_stream_write(HttpStream *stream, Str bytes);
void http_stream_close(HttpStream *stream);

#endif
