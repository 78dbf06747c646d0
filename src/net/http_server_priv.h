/* SPDX-License-Identifier: Apache-2.0
 * net/http_server_priv.h - the parts of the HTTP server; nothing outside http_server*.c includes
 * it.
 *
 * Who owns what. An Io (one per I/O thread) owns its daemon, its connections and the request
 * objects; a request is lent to a worker between work_push and the WAKE_SERVED that brings it back,
 * and only then does the I/O thread look at its answer. A connection is suspended and resumed on
 * its I/O thread only: other threads put a Wake on the Io's list and ring its eventfd.
 *
 * Locks: Io.gone_lock, then HttpStream.lock, then nothing; every other lock is taken alone. */
#ifndef NET_HTTP_SERVER_PRIV_H
#define NET_HTTP_SERVER_PRIV_H

#include "base/buf.h"
#include "base/thread.h"

#include "net/http_server.h"
#include "net/http_server_head.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>

/* libmicrohttpd's memory per connection: the head (up to HTTP_HEAD_BYTES_MAX), its own records of
 * the fields and parameters, and the head of the answer. */
#define HTTP_CONNECTION_MEMORY (24 * KIB)
/* What is read and dropped so that an answer given early reaches the client, who may read it only
 * after having sent everything; beyond it the connection is cut. */
#define HTTP_SWALLOW_MAX (256 * KIB)
#define HTTP_BODY_RING (64 * KIB) /* HTTP_RUN_STREAM: between socket and worker */

typedef struct Io Io;
typedef struct Conn Conn;
typedef struct Linger Linger;

/* ---- Wake: a message from any thread to an I/O thread. Embedded in what it is about, so sending
 * never allocates; sent twice before it is read, its flags add up. Guarded by Io.lock. */
enum {
    WAKE_SERVED = 1, /* request: the worker is done with it */
    WAKE_WANT = 2,   /* request: the worker has asked for the body */
    WAKE_SPACE = 4,  /* request: the body ring has room again */
    WAKE_DATA = 8,   /* stream: bytes are waiting */
    WAKE_CLOSED = 16 /* stream: the owner has let go of it */
};

typedef struct Wake {
    struct Wake *next;
    unsigned flags;
    bool is_linked, is_stream;
} Wake;

/* ---- Watch: what an event of Io.watch_fd points to. */
typedef struct Watch {
    void (*on_ready)(void *user);
    void *user;
} Watch;

/* ---- the body of HTTP_RUN_STREAM */
typedef struct BodyPipe {
    Mutex lock; /* guards all that follows */
    Cond ready;
    size_t at, len; /* ring: the first byte held, and how many */
    Rc failure;     /* RC_OK, or why no more will come */
    bool is_complete, is_wanted;
    bool has_suspended; /* the I/O thread waits for room */
    char ring[HTTP_BODY_RING];
} BodyPipe;

/* ---- request */
typedef enum Phase {
    PHASE_HEAD,   /* the request line has been read */
    PHASE_PARKED, /* a worker has it, the body has not been asked for */
    PHASE_BODY,   /* body bytes are coming */
    PHASE_FULL    /* all of the request is here */
} Phase;

struct HttpRequest {
    Wake wake; /* first: wakes are cast back */
    Io *io;
    HttpRequest *next; /* free list of the Io, or queue of the workers */
    Arena *arena;
    Conn *conn; /* NULL once the client has gone while a worker holds the request */

    HttpMethod method;
    Str target, path, query, peer, client_names;
    const char *target_at; /* where the parser has it */
    HttpPair *fields;
    size_t n_fields;
    const HttpPair *query_pairs;
    size_t n_query_pairs;
    void *user;
    int64_t started_us;

    Phase phase;
    HttpRun run;
    HttpFraming framing;
    size_t max_body, body_seen, swallow_left;
    Buf body;       /* INLINE and WORKER */
    BodyPipe *pipe; /* STREAM with a body; heap */
    bool is_accepted, is_at_worker, is_suspended, drops_body;
    bool is_early;            /* answered before the end of the body: the connection closes */
    _Atomic unsigned holders; /* the worker, and who answers later: the last one gives it back */

    bool is_answered, needs_retry_after;
    int status;
    struct MHD_Response *response;
    size_t response_bytes;
    HttpPair *added; /* HTTP_ADDED_FIELDS_MAX of them, made with the first */
    size_t n_added;
    HttpStream *stream;
};

/* ---- stream */
struct HttpStream {
    Wake wake; /* first: wakes are cast back */
    Io *io;
    HttpStream *prev, *next; /* the Io's list, while the response is being sent */
    struct MHD_Connection *mhd;
    int fd;
    Watch watch;
    void (*on_gone)(void *user);
    void *user;
    size_t max_buffered;
    uint64_t bytes_sent;
    bool is_finished;   /* I/O thread: the response is over */
    bool is_close_seen; /* I/O thread: WAKE_CLOSED has arrived, the owner is out */
    bool is_gone_told;  /* I/O thread */
    bool is_listed;     /* I/O thread: in the Io's list and watched */
    Mutex lock;         /* guards what follows */
    Buf pending;        /* heap; from `taken` on not yet sent */
    size_t taken;
    bool is_parked; /* the connection is suspended for want of bytes */
    bool is_closed; /* by the owner */
    bool is_gone;   /* no use writing any more */
    bool is_broken; /* the client has left: end without the last chunk */
};

/* ---- connection */
struct Conn {
    Conn *prev, *next;
    struct MHD_Connection *mhd;
    int fd;
    HttpRequest *active;
    int64_t idle_since_us; /* accepted, or the last answer's end */
    int64_t head_since_us; /* a head is coming in since; 0 = unknown or none */
    int64_t window_us;     /* start of the window in which body bytes are counted */
    size_t window_bytes;
    size_t seen_bytes;      /* window_bytes when the reaper last looked */
    int64_t quiet_since_us; /* it has not changed since */
    bool is_fresh;          /* no request yet */
    bool is_cut;
    char peer[INET6_ADDRSTRLEN];
    bool is_client_read; /* client_names is what its certificate says */
    char *client_names;  /* heap; NULL without one */
};

struct Io {
    HttpServer *server;
    Thread thread;
    struct MHD_Daemon *daemon;
    int listen_fd, event_fd;
    int watch_fd; /* epoll: sockets that the daemon does not look at (streams, lingers) */
    int daemon_fd;
    Conn *conns;
    HttpStream *streams;
    Linger *lingers;
    HttpRequest *spare;
    unsigned n_spare, n_lent, n_lingers; /* lent: at workers */
    int64_t next_reap_us;
    bool is_draining, is_reported;
    Error *start_error; /* while the daemon starts: takes what the library complains of */
    pthread_t self;     /* set by the thread before its first request, constant then */
    _Atomic uint64_t requests, connections_open, streams_open, streams_held, refused;
    Mutex lock; /* guards the wake list and the Wakes on it */
    Wake *first_wake, *last_wake;
    Mutex gone_lock; /* held while on_gone runs, so that http_stream_close can wait for it */
};

typedef struct HttpTls HttpTls;

struct HttpServer {
    HttpApp app;
    HttpServerOptions options;
    HttpTls *tls; /* NULL without */
    Io *ios;
    unsigned n_ios;
    Thread *workers;
    unsigned n_workers;
    uint16_t port;
    bool is_stopped;
    _Atomic bool is_stopping, is_cutting, is_ending;
    Mutex lock; /* guards the queue and the counts below */
    Cond work, drained;
    HttpRequest *first_work, *last_work;
    size_t n_work;
    unsigned n_idle; /* workers that wait for work */
    bool is_waking;  /* one of them has been signalled, and has not come yet */
    unsigned n_busy, n_drained;
    unsigned n_later; /* requests that are answered by other threads than workers */
    bool is_work_over;
    Mutex peers_lock; /* guards peers */
    void *peers;      /* tsearch tree of PeerCount, when max_per_address is set */
};

/* http_server.c: workers */
MUST_CHECK bool work_push(HttpServer *server, HttpRequest *r); /* false: full */

/* http_server_tls.c */
enum { TLS_OPTIONS_MAX = 3 };
MUST_CHECK Rc tls_new(const HttpServerOptions *options, HttpTls **ret, Error *err);
void tls_free(HttpTls *tls);
/* Writes the daemon's options for TLS; at most TLS_OPTIONS_MAX. */
size_t tls_options(HttpServer *server, struct MHD_OptionItem *items);
/* Of a connection that has been accepted, before its handshake. */
void tls_begin(HttpServer *server, struct MHD_Connection *mhd);
/* After it: the names in the client's certificate, one a line; heap, NULL without one. */
char *tls_client_names(struct MHD_Connection *mhd);

/* http_server_io.c: the loop and the connections */
MUST_CHECK Rc
io_init(Io *io, HttpServer *server, int listen_fd, unsigned max_connections, Error *err);
void io_start(Io *io, unsigned index);
void io_done(Io *io); /* after the thread has ended */
void io_ring(Io *io); /* makes the loop turn; any thread */
void wake_send(Io *io, Wake *wake, unsigned flags);
void conn_watch_body(Conn *conn, int64_t now); /* a body is, or goes on, coming in */
void conn_suspend(HttpRequest *r);
void conn_resume(HttpRequest *r);

/* http_server_peers.c: connections per client address */
bool peers_have_room(HttpServer *server, const char *peer);
void peers_add(HttpServer *server, const char *peer);
void peers_remove(HttpServer *server, const char *peer);
void peers_done(HttpServer *server);
void peer_format(const struct sockaddr *address, char out[INET6_ADDRSTRLEN]);

/* http_server_exchange.c: one request from head to answer; callbacks of the daemon */
/* True with libmicrohttpd 0.x, whose parse must be checked byte by byte; from 1.0 on the library
 * lays the head out differently, and refuses by itself (strict mode) what the check is for. */
bool exchange_judges_layout(void);
void *exchange_on_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_request(void *cls,
                                    struct MHD_Connection *mhd,
                                    const char *url,
                                    const char *method,
                                    const char *version,
                                    const char *data,
                                    size_t *size,
                                    void **slot);
void exchange_on_completed(void *cls,
                           struct MHD_Connection *mhd,
                           void **slot,
                           enum MHD_RequestTerminationCode why);
void exchange_on_wake(HttpRequest *r, unsigned flags);

/* http_server_request.c */
HttpRequest *request_new(Io *io, Conn *conn);
void request_recycle(HttpRequest *r);
void request_free(HttpRequest *r);
void pipe_free(BodyPipe *pipe);
BodyPipe *pipe_new(void);
/* Returns how many bytes were taken; fewer than n: the caller must suspend. */
size_t pipe_put(BodyPipe *pipe, const char *data, size_t n);
void pipe_complete(BodyPipe *pipe);
void pipe_fail(BodyPipe *pipe, Rc why); /* the first reason stays */

/* http_server_response.c */
void response_refuse(HttpRequest *r, const Error *err);
/* An answer of unknown length whose bytes `read` gives, on the I/O thread. */
void response_from_reader(HttpRequest *r,
                          const HttpResponse *head,
                          size_t block,
                          MHD_ContentReaderCallback read,
                          void *user);
/* Hands the answer to the daemon; MHD_NO when it will not take it. */
enum MHD_Result response_queue(HttpRequest *r);

/* http_server_stream.c; all on the I/O thread */
void stream_begin(HttpStream *stream, Conn *conn);
void stream_finish(HttpStream *stream);
void stream_end(HttpStream *stream); /* the server is stopping */
void stream_on_wake(HttpStream *stream, unsigned flags);

/* http_server_linger.c; all on the I/O thread */
void linger_begin(Io *io, int fd);        /* keeps the socket under a descriptor of its own */
void linger_reap(Io *io, int64_t now_us); /* INT64_MAX: ends all */

#endif
