/* SPDX-License-Identifier: Apache-2.0
 * net/http_client.h - outbound HTTP over libcurl, guarded. Thread-safe; one client per process.
 *
 * Every call has a deadline, a size limit and an address guard: after name resolution, addresses
 * that are loopback, private, link-local, multicast or otherwise not global are refused (RC_DENIED)
 * unless the caller's allow-list names the host. The guard is applied to the address really
 * connected to (CURLOPT_OPENSOCKETFUNCTION), so rebinding does not pass. Redirects are followed
 * only when asked, at most 5, each checked anew, never from https to http. Another origin (scheme,
 * host, port) gets no credentials and of the caller's header fields only Accept, Accept-Language,
 * Content-Type, If-* and User-Agent. User name and password in the URL are basic authentication.
 * Answers may be compressed; max_body counts what comes out. With a proxy the proxy resolves names:
 * the guard then judges only literal addresses, and the proxy must do the rest. A circuit breaker
 * per origin opens after 5 failures in a row (connection, timeout, 5xx) and answers RC_BUSY at once
 * for 30 s, then lets one attempt through. Only http and https.
 *
 * The first http_client_new sets SIGPIPE to ignored in the whole process: TLS writes can raise it.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include "net/http_server.h" /* HttpPair, HttpMethod */

typedef struct HttpClient HttpClient;

/* Does the allow-list permit an internal address for this host:port? The host as written in the
 * URL, in lower case, an IPv6 address without brackets; port always given. Called on the calling
 * thread, per hop. */
typedef bool (*HttpAllow)(void *user, Str host, uint16_t port);
/* An HttpAllow: list is a Str as settings have it, "host" and "host:port" separated by commas, "*"
 * for any text. */
bool http_allow_listed(void *list, Str host, uint16_t port);

typedef struct HttpClientOptions {
    const char *user_agent;
    const char *proxy;   /* NULL: none (environment proxies are not read) */
    const char *ca_file; /* NULL: the system's */
} HttpClientOptions;

typedef struct HttpCall {
    HttpMethod method;
    Str url;
    const HttpPair *headers;
    size_t n_headers;
    Str body;
    int64_t timeout_us;     /* whole call; 0 = 15 s */
    size_t max_body;        /* of the answer; 0 = 16 MiB; more is RC_LIMIT */
    unsigned max_redirects; /* 0 = do not follow */
    HttpAllow allow;        /* NULL: no internal address at all */
    void *allow_user;
    Str username, password; /* basic authentication; empty = none */
    bool no_breaker;        /* health checks count failures themselves */
    const char *kind;       /* short label for metrics: "catalog", "webhook", "health" */
} HttpCall;

typedef struct HttpAnswer {
    int status;
    Str body; /* in the caller's arena */
    Str content_type, etag, last_modified, location, retry_after;
    Str final_url;
    int64_t duration_us;
} HttpAnswer;

MUST_CHECK Rc http_client_new(const HttpClientOptions *options, HttpClient **ret, Error *err);
void http_client_free(HttpClient *client); /* no call may be under way; NULL is fine */

/* RC_OK for every complete answer, whatever its status. Fails: RC_INVALID (URL), RC_DENIED (address
 * guard, scheme), RC_TIMEOUT, RC_LIMIT, RC_BUSY (breaker open), RC_UPSTREAM (anything else on the
 * way). Messages name the host and what happened, never credentials. */
MUST_CHECK Rc http_client_call(
    HttpClient *client, const HttpCall *call, Arena *arena, HttpAnswer *ret, Error *err);

/* Calls fn after every call, on its thread, with the answer or, when there was none, NULL and why.
 * For traces; set before the first call. */
typedef void (*HttpObserve)(
    void *user, const HttpCall *call, const HttpAnswer *answer, Rc rc, int64_t duration_us);
void http_client_observe(HttpClient *client, HttpObserve fn, void *user);

/* Counters per kind for /metrics: calls fn for each. failures counts every call without an answer,
 * those refused by the guard or an open breaker included. Kinds beyond 31, and calls without one,
 * are counted as "other". */
typedef struct HttpClientStat {
    const char *kind;
    uint64_t calls, failures, refused_by_guard, breaker_open;
    int64_t duration_us_total;
} HttpClientStat;
void http_client_stats(HttpClient *client,
                       void (*fn)(void *user, const HttpClientStat *stat),
                       void *user);

/* RFC 3986 pieces of an absolute http(s) URL of at most 8 KiB. False when it is not one, or its
 * host is neither a plain name (letters, digits, - . _) nor an IP literal. Strs borrow url; query
 * and fragment have ptr NULL when absent; host has no brackets. Bytes over 0x7f are taken in path
 * and query. */
typedef struct Url {
    Str scheme, userinfo, host, path, query, fragment;
    uint16_t port; /* default of the scheme when absent */
} Url;
MUST_CHECK bool url_parse(Str url, Url *ret);
/* Resolves a reference against an absolute URL (RFC 3986 section 5.2), dot segments removed. */
Str url_resolve(Arena *arena, Str base, Str reference);
/* Is this textual IPv4/IPv6 address (also octal, hexadecimal and short IPv4 forms, as resolvers
 * take them) outside the global unicast range (RFC 6890 and the IANA registries)? Non-addresses
 * give false. */
bool address_is_internal(Str address);

#endif
