/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_priv.h - what the files of the HTTP client, git.c and the tests share.
 *
 * http_client.c      the call: checks, redirects, statistics
 * http_client_io.c   one exchange over libcurl, and the pool of its handles
 * http_client_breaker.c  circuit breaker and counters, both bounded tables
 * http_client_guard.c    which addresses are internal
 * url.c              RFC 3986 */
#ifndef NET_HTTP_CLIENT_PRIV_H
#define NET_HTTP_CLIENT_PRIV_H

#include "base/buf.h"
#include "base/thread.h"

#include "net/http_client.h"

#include <netinet/in.h>

enum {
    URL_MAX = 8192,              /* bytes of an address */
    CALL_HEADERS_MAX = 64,       /* header fields of a call */
    CALL_HEAD_MAX = 32 * 1024,   /* bytes of them together */
    ANSWER_HEAD_MAX = 64 * 1024, /* bytes of an answer's head */
    REDIRECTS_MAX = 5,
    HANDLES_IDLE_MAX = 32, /* libcurl handles kept with their open connections */
    KINDS_MAX = 32,
    BREAKER_ORIGINS_MAX = 512, /* only origins that are failing take a place */
    BREAKER_FAILURES = 5,
    GUARD_ADDRESSES_MAX = 8,
};
#define CALL_TIMEOUT_US (15 * US_PER_SECOND)
#define CALL_BODY_MAX (16 * MIB)
#define BREAKER_PAUSE_US (30 * US_PER_SECOND)

/* ---- url.c */

/* Scheme and host in lower case, no user information, no fragment, default port left out, dot
 * segments removed, bytes outside RFC 3986 percent-encoded: the one form that is both checked and
 * sent. */
Str url_normal(Arena *arena, const Url *url);

/* ---- http_client_guard.c */

bool guard_is_internal(const struct sockaddr *address); /* anything but global IPv4 and IPv6 is */

/* Textual addresses host really has, those refused left out; *ret_n >= 1. Blocks for as long as the
 * resolver does. Fails: RC_DENIED (only internal ones, not allowed), RC_UPSTREAM (the name has
 * none). */
MUST_CHECK Rc guard_resolve(Arena *arena,
                            Str host,
                            uint16_t port,
                            HttpAllow allow,
                            void *allow_user,
                            Str ret[GUARD_ADDRESSES_MAX],
                            size_t *ret_n,
                            Error *err);
Rc guard_refuse(Error *err, Str host, uint16_t port, const char *address);

/* ---- http_client_breaker.c; all functions are thread-safe. */

typedef enum BreakerVerdict { BREAKER_GOOD, BREAKER_BAD, BREAKER_NEUTRAL } BreakerVerdict;

typedef struct BreakerOrigin {
    char *origin; /* NULL: free place */
    uint64_t hash;
    unsigned failures;
    int64_t last_us, open_until_us; /* open_until_us 0: closed */
    bool trying;                    /* the one attempt of a half-open breaker is under way */
} BreakerOrigin;

typedef struct Breaker {
    Mutex lock; /* guards origins */
    BreakerOrigin origins[BREAKER_ORIGINS_MAX];
    int64_t (*now)(void *user); /* monotonic; replaced by tests */
    void *now_user;
} Breaker;

void breaker_init(Breaker *breaker);
void breaker_done(Breaker *breaker);
/* RC_BUSY while open. After RC_OK, breaker_leave must follow. */
MUST_CHECK Rc breaker_enter(Breaker *breaker, Str origin, Error *err);
/* BREAKER_NEUTRAL: the attempt said nothing about the origin (refused by the guard). */
void breaker_leave(Breaker *breaker, Str origin, BreakerVerdict verdict);
size_t breaker_size(Breaker *breaker); /* origins remembered */

typedef struct Counters {
    Mutex lock; /* guards the rest */
    HttpClientStat
        stats[KINDS_MAX];   /* the first is "other": calls without a kind, or one too many */
    char *names[KINDS_MAX]; /* what stats[i].kind points to, for i > 0 */
    size_t n;
} Counters;

void counters_init(Counters *counters);
void counters_done(Counters *counters);
void counters_add(Counters *counters, const char *kind, Rc rc, int64_t duration_us);

/* ---- http_client_io.c */

typedef struct Handle {
    void *easy; /* CURL * */
    uint64_t origin;
} Handle;

struct HttpClient {
    char *user_agent, *proxy, *ca_file;
    Mutex lock; /* guards idle and n_idle */
    Handle idle[HANDLES_IDLE_MAX];
    size_t n_idle;
    Breaker breaker;
    Counters counters;
    HttpObserve observe; /* NULL: nobody */
    void *observe_user;
};

/* One request and its answer; no redirects. */
typedef struct Exchange {
    const HttpCall *call;
    HttpMethod method;
    bool with_body;
    bool with_credentials; /* false once a redirect has left the first origin */
    Str username, password;
    Str url;  /* url_normal */
    Str host; /* lower case, no brackets */
    uint16_t port;
    Str origin; /* "https://host:port" */
    int64_t deadline_us;
} Exchange;

/* Fills status, headers and body of *answer, all in the arena. Failures as http_client_call. */
MUST_CHECK Rc exchange_run(
    HttpClient *client, const Exchange *exchange, Arena *arena, HttpAnswer *answer, Error *err);
void handles_done(HttpClient *client);

/* ---- for tests */
void http_client_set_clock(HttpClient *client, int64_t (*now)(void *user), void *user);
size_t http_client_idle_handles(HttpClient *client);

#endif
