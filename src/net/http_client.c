/* SPDX-License-Identifier: Apache-2.0
 * net/http_client.c - a call: what may be asked, redirects hop by hop, breaker, counters.
 *
 * Redirects are followed here and not by libcurl, so that each hop is parsed, judged by the guard
 * and the breaker, and stripped of credentials by the same code as a first request. */
#include "base/time.h"

#include "net/http_client_priv.h"

#include <curl/curl.h>
#include <signal.h>

/* ---- life */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    IGNORE(signal(SIGPIPE, SIG_IGN) == SIG_ERR); /* cannot fail for a valid signal */
}

static char *copy_or_null(const char *s)
{
    char *copy = s != NULL ? strdup(s) : NULL;

    ASSERT(s == NULL || copy != NULL);
    return copy;
}

Rc http_client_new(const HttpClientOptions *options, HttpClient **ret, Error *err)
{
    if (pthread_once(&curl_once, curl_start) != 0) {
        return error_set(err, RC_INTERNAL, "libcurl cannot be initialised");
    }
    HttpClient *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    client->user_agent = copy_or_null(options->user_agent != NULL ? options->user_agent
                                                                  : "fairway/" FAIRWAY_VERSION);
    client->proxy = copy_or_null(options->proxy);
    client->ca_file = copy_or_null(options->ca_file);
    mutex_init(&client->lock);
    breaker_init(&client->breaker);
    counters_init(&client->counters);
    *ret = client;
    return RC_OK;
}

void http_client_free(HttpClient *client)
{
    if (client == NULL) {
        return;
    }
    handles_done(client);
    breaker_done(&client->breaker);
    counters_done(&client->counters);
    mutex_done(&client->lock);
    free(client->user_agent);
    free(client->proxy);
    free(client->ca_file);
    free(client);
}

void http_client_set_clock(HttpClient *client, int64_t (*now)(void *user), void *user)
{
    client->breaker.now = now;
    client->breaker.now_user = user;
}

void http_client_observe(HttpClient *client, HttpObserve fn, void *user)
{
    client->observe = fn;
    client->observe_user = user;
}

/* ---- what may be asked */

static bool is_token(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL) {
            return false;
        }
    }
    return s.len > 0;
}

/* Fields that decide where a request ends or to whom it speaks belong to libcurl. */
static bool header_is_ours(Str name)
{
    static const char *const names[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                        "Connection", "Expect",         "Proxy-Authorization"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static Rc check_headers(const HttpCall *call, Error *err)
{
    size_t total = 0;

    if (call->n_headers > CALL_HEADERS_MAX) {
        return error_set(err, RC_INVALID, "a call may have at most %d header fields",
                         CALL_HEADERS_MAX);
    }
    for (size_t i = 0; i < call->n_headers; i++) {
        const HttpPair *h = &call->headers[i];

        total += h->name.len + h->value.len + 4;
        if (!is_token(h->name) || header_is_ours(h->name)) {
            return error_set(err, RC_INVALID,
                             "the header field name in place %zu is not one that can be set; "
                             "use letters, digits and dashes, and not Host, Content-Length or "
                             "another field of the connection",
                             i + 1);
        }
        for (size_t k = 0; k < h->value.len; k++) {
            unsigned char c = (unsigned char)h->value.ptr[k];

            if ((c < ' ' && c != '\t') || c == 0x7f) {
                return error_set(err, RC_INVALID,
                                 "the value of header field %.*s has a control byte; remove it",
                                 STR_ARG(h->name));
            }
        }
    }
    return total <= CALL_HEAD_MAX
               ? RC_OK
               : error_set(err, RC_INVALID,
                           "the header fields of a call may have at most %d bytes together",
                           CALL_HEAD_MAX);
}

/* ---- hops */

static Rc hop_set_url(Exchange *x, Arena *arena, Str url, Url *parsed, Error *err)
{
    size_t scheme = str_find(url, STR("://"));

    if (!url_parse(url, parsed)) {
        if (scheme != SIZE_MAX && !str_eq_nocase(str_sub(url, 0, scheme), STR("http")) &&
            !str_eq_nocase(str_sub(url, 0, scheme), STR("https"))) {
            return error_set(err, RC_DENIED, "only http and https addresses may be called");
        }
        return error_set(
            err, RC_INVALID,
            "the address is not a valid http or https URL; write it like https://host/path");
    }
    x->url = url_normal(arena, parsed);
    x->host = str_lower(arena, parsed->host);
    x->port = parsed->port;
    x->origin = str_fmt(arena, "%s://%.*s:%u",
                        str_eq_nocase(parsed->scheme, STR("https")) ? "https" : "http",
                        STR_ARG(x->host), x->port);
    return RC_OK;
}

/* User name and password as given by the call, else by the address. */
static Rc hop_set_credentials(Exchange *x, Arena *arena, const Url *url, Error *err)
{
    Buf name = buf_init(arena, URL_MAX), password = buf_init(arena, URL_MAX);
    size_t colon = str_find_char(url->userinfo, ':');

    x->username = x->call->username;
    x->password = x->call->password;
    if (x->username.len == 0 && url->userinfo.len > 0) {
        if (!buf_unurl(&name, str_sub(url->userinfo, 0, colon), false) ||
            (colon != SIZE_MAX &&
             !buf_unurl(&password, str_from_index(url->userinfo, colon + 1), false))) {
            return error_set(
                err, RC_INVALID,
                "the user name or password in the address of %.*s is badly percent-encoded",
                STR_ARG(x->host));
        }
        x->username = buf_str(&name);
        x->password = buf_str(&password);
    }
    if (str_find_char(x->username, '\0') != SIZE_MAX ||
        str_find_char(x->password, '\0') != SIZE_MAX ||
        str_find_char(x->username, ':') != SIZE_MAX) {
        return error_set(
            err, RC_INVALID,
            "the user name for %.*s may not have a colon, nor name or password a zero byte",
            STR_ARG(x->host));
    }
    return RC_OK;
}

static bool is_redirect(const HttpAnswer *answer)
{
    int s = answer->status;

    return answer->location.len > 0 && (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

/* RFC 9110 section 15.4: what becomes of the method. */
static void hop_change_method(Exchange *x, int status)
{
    bool becomes_get = (status == 303 && x->method != HTTP_HEAD) ||
                       ((status == 301 || status == 302) && x->method == HTTP_POST);

    if (becomes_get) {
        x->method = HTTP_GET;
        x->with_body = false;
    }
}

static Rc hop_next(Exchange *x, Arena *arena, const HttpAnswer *answer, Error *err)
{
    Str from_origin = x->origin, from_host = x->host, from_url = x->url;
    Url parsed;
    Rc rc = hop_set_url(x, arena, url_resolve(arena, from_url, answer->location), &parsed, err);

    if (rc != RC_OK) {
        error_prefix(err, "%.*s redirects to an address that cannot be followed",
                     STR_ARG(from_host));
        return rc;
    }
    if (str_starts(from_url, STR("https:")) && str_starts(x->url, STR("http:"))) {
        return error_set(err, RC_DENIED, "%.*s redirects from https to http, which is not followed",
                         STR_ARG(from_host));
    }
    x->with_credentials = x->with_credentials && str_eq(from_origin, x->origin);
    hop_change_method(x, answer->status);
    return RC_OK;
}

static BreakerVerdict verdict_of(Rc rc, const HttpAnswer *answer)
{
    if (rc == RC_OK) {
        return answer->status >= 500 ? BREAKER_BAD : BREAKER_GOOD;
    }
    if (rc == RC_TIMEOUT || rc == RC_UPSTREAM) {
        return BREAKER_BAD;
    }
    return BREAKER_NEUTRAL;
}

static Rc
hop_run(HttpClient *client, const Exchange *x, Arena *arena, HttpAnswer *answer, Error *err)
{
    if (time_monotonic_us() >= x->deadline_us) {
        return error_set(err, RC_TIMEOUT, "no time was left to call %.*s", STR_ARG(x->host));
    }
    if (x->call->no_breaker) {
        return exchange_run(client, x, arena, answer, err);
    }
    TRY(breaker_enter(&client->breaker, x->origin, err));
    Rc rc = exchange_run(client, x, arena, answer, err);
    breaker_leave(&client->breaker, x->origin, verdict_of(rc, answer));
    return rc;
}

/* A visited address asked again with the same method can only come back here. */
static bool was_visited(const Str *visited, const HttpMethod *methods, size_t n, const Exchange *x)
{
    for (size_t i = 0; i < n; i++) {
        if (methods[i] == x->method && str_eq(visited[i], x->url)) {
            return true;
        }
    }
    return false;
}

static Rc call_run(HttpClient *client, Exchange *x, Arena *arena, HttpAnswer *answer, Error *err)
{
    Str visited[REDIRECTS_MAX + 1];
    HttpMethod methods[REDIRECTS_MAX + 1];
    size_t limit = MIN(x->call->max_redirects, (unsigned)REDIRECTS_MAX);

    for (size_t n = 0;; n++) {
        visited[n] = x->url;
        methods[n] = x->method;
        *answer = (HttpAnswer){0};
        TRY(hop_run(client, x, arena, answer, err));
        if (x->call->max_redirects == 0 || !is_redirect(answer)) {
            answer->final_url = x->url;
            return RC_OK;
        }
        TRY(hop_next(x, arena, answer, err));
        if (was_visited(visited, methods, n + 1, x)) {
            return error_set(err, RC_UPSTREAM, "%.*s redirects in a circle", STR_ARG(x->host));
        }
        if (n == limit) {
            return error_set(err, RC_UPSTREAM,
                             "the call was redirected more than %zu times, lastly to %.*s", limit,
                             STR_ARG(x->host));
        }
    }
}

static Rc
call_start(HttpClient *client, const HttpCall *call, Arena *arena, HttpAnswer *answer, Error *err)
{
    Exchange x = {.call = call,
                  .method = call->method,
                  .with_body = call->body.len > 0,
                  .with_credentials = true};
    Url parsed;

    x.deadline_us =
        time_monotonic_us() + (call->timeout_us != 0 ? call->timeout_us : CALL_TIMEOUT_US);
    if (call->method == HTTP_OTHER) {
        return error_set(
            err, RC_INVALID,
            "the method of a call must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
    }
    TRY(check_headers(call, err));
    TRY(hop_set_url(&x, arena, call->url, &parsed, err));
    TRY(hop_set_credentials(&x, arena, &parsed, err));
    return call_run(client, &x, arena, answer, err);
}

Rc http_client_call(
    HttpClient *client, const HttpCall *call, Arena *arena, HttpAnswer *ret, Error *err)
{
    int64_t start = time_monotonic_us();
    HttpAnswer answer = {0};
    Rc rc = call_start(client, call, arena, &answer, err);

    answer.duration_us = time_monotonic_us() - start;
    counters_add(&client->counters, call->kind, rc, answer.duration_us);
    if (client->observe) {
        client->observe(client->observe_user, call, rc ? NULL : &answer, rc, answer.duration_us);
    }
    if (rc == RC_OK) {
        *ret = answer;
    }
    return rc;
}
