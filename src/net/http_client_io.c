/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_io.c - one request and its answer over libcurl, and the pool of its handles.
 *
 * A handle keeps its own connections, so reuse comes from handing a call the handle that last spoke
 * to the same origin; libcurl's own sharing of connections between threads is not relied on.
 *
 * The guard sits at two places. CURLOPT_OPENSOCKETFUNCTION sees every address before a new
 * connection is made to it. CURLOPT_PREREQFUNCTION sees the peer's address before each request,
 * also on a connection that an earlier call with a wider allow-list left open. */
#include "base/time.h"

#include "net/http_client_priv.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Transfer {
    const Exchange *exchange;
    Arena *arena;
    HttpAnswer *answer;
    Buf body; /* heap */
    size_t head_bytes;
    bool too_large, head_too_large;
    bool proxied;
    bool allow_known, allowed; /* asked once, and only if an internal address turns up */
    unsigned opened, refused;  /* connections the guard let through and did not */
    char refused_address[INET6_ADDRSTRLEN];
} Transfer;

/* ---- pool */

static CURL *handle_take(HttpClient *client, uint64_t origin)
{
    CURL *easy = NULL;

    mutex_lock(&client->lock);
    if (client->n_idle > 0) {
        size_t at = client->n_idle;

        while (at > 0 && client->idle[at - 1].origin != origin) {
            at--;
        }
        at = at > 0 ? at - 1 : 0; /* none has spoken to it: the one idle for longest */
        easy = client->idle[at].easy;
        client->n_idle--;
        memmove(&client->idle[at], &client->idle[at + 1],
                (client->n_idle - at) * sizeof client->idle[0]);
    }
    mutex_unlock(&client->lock);
    if (easy == NULL) {
        easy = curl_easy_init();
        ASSERT(easy != NULL);
    }
    return easy;
}

static void handle_give(HttpClient *client, CURL *easy, uint64_t origin)
{
    bool kept = false;

    curl_easy_reset(easy); /* keeps connections and resolved names */
    mutex_lock(&client->lock);
    if (client->n_idle < HANDLES_IDLE_MAX) {
        client->idle[client->n_idle++] = (Handle){easy, origin};
        kept = true;
    }
    mutex_unlock(&client->lock);
    if (!kept) {
        curl_easy_cleanup(easy);
    }
}

void handles_done(HttpClient *client)
{
    for (size_t i = 0; i < client->n_idle; i++) {
        curl_easy_cleanup(client->idle[i].easy);
    }
    client->n_idle = 0;
}

size_t http_client_idle_handles(HttpClient *client)
{
    mutex_lock(&client->lock);
    size_t n = client->n_idle;
    mutex_unlock(&client->lock);
    return n;
}

/* ---- callbacks, all on the calling thread */

static bool internal_allowed(Transfer *t)
{
    const Exchange *x = t->exchange;

    if (!t->allow_known) {
        t->allow_known = true;
        t->allowed =
            x->call->allow != NULL && x->call->allow(x->call->allow_user, x->host, x->port);
    }
    return t->allowed;
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    Transfer *t = user;
    const void *raw =
        address->family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr;

    (void)purpose;
    /* The proxy is the operator's own choice. */
    if (!t->proxied && guard_is_internal(&address->addr) && !internal_allowed(t)) {
        t->refused++;
        IGNORE(inet_ntop(address->family, raw, t->refused_address, sizeof t->refused_address) ==
               NULL); /* "" then */
        return CURL_SOCKET_BAD;
    }
    t->opened++;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int
on_before_request(void *user, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
    Transfer *t = user;

    (void)local_ip;
    (void)peer_port;
    (void)local_port;
    if (!t->proxied && address_is_internal(str_from(peer_ip)) && !internal_allowed(t)) {
        t->refused++;
        t->opened = 0;
        (void)snprintf(t->refused_address, sizeof t->refused_address, "%s", peer_ip);
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *user)
{
    Transfer *t = user;

    (void)one; /* always 1 */
    buf_put(&t->body, str_of(bytes, n));
    t->too_large = !buf_ok(&t->body);
    return t->too_large ? CURL_WRITEFUNC_ERROR : n;
}

static const struct {
    Str name;
    size_t offset;
} captured[] = {
    {STR_INIT("Content-Type"),  offsetof(HttpAnswer, content_type) },
    {STR_INIT("ETag"),          offsetof(HttpAnswer, etag)         },
    {STR_INIT("Last-Modified"), offsetof(HttpAnswer, last_modified)},
    {STR_INIT("Location"),      offsetof(HttpAnswer, location)     },
    {STR_INIT("Retry-After"),   offsetof(HttpAnswer, retry_after)  },
};

static Str *captured_at(HttpAnswer *answer, size_t i)
{
    return (Str *)(void *)((char *)answer + captured[i].offset);
}

static size_t on_header(char *bytes, size_t one, size_t n, void *user)
{
    Transfer *t = user;
    Str line = str_of(bytes, n);
    size_t colon = str_find_char(line, ':');

    (void)one;
    t->head_bytes += n;
    if (t->head_bytes > ANSWER_HEAD_MAX) {
        t->head_too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (str_starts(line, STR("HTTP/"))) { /* forget what an interim (1xx) answer said */
        for (size_t i = 0; i < ARRAY_LEN(captured); i++) {
            *captured_at(t->answer, i) = STR_EMPTY;
        }
    } else if (colon != SIZE_MAX) {
        for (size_t i = 0; i < ARRAY_LEN(captured); i++) {
            Str *value = captured_at(t->answer, i);

            if (value->ptr == NULL && str_eq_nocase(str_sub(line, 0, colon), captured[i].name)) {
                *value = str_dup(t->arena, str_trim(str_from_index(line, colon + 1)));
            }
        }
    }
    return n;
}

/* ---- options */

/* What may follow a redirect to another origin: nothing that could be a credential. */
static bool header_is_harmless(Str name)
{
    static const char *const names[] = {"Accept",        "Accept-Language",   "Content-Type",
                                        "If-None-Match", "If-Modified-Since", "User-Agent"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static struct curl_slist *list_add(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);

    ASSERT(longer != NULL);
    return longer;
}

static struct curl_slist *head_list(const Exchange *x, Arena *arena)
{
    struct curl_slist *list = list_add(NULL, "Expect:"); /* no waiting for 100 Continue */
    bool typed = false;

    for (size_t i = 0; i < x->call->n_headers; i++) {
        const HttpPair *h = &x->call->headers[i];

        if (!x->with_credentials && !header_is_harmless(h->name)) {
            continue;
        }
        typed = typed || str_eq_nocase(h->name, STR("Content-Type"));
        /* "Name;" is how libcurl is told to send an empty field; "Name:" would remove it. */
        Str line = h->value.len == 0
                       ? str_fmt(arena, "%.*s;", STR_ARG(h->name))
                       : str_fmt(arena, "%.*s: %.*s", STR_ARG(h->name), STR_ARG(h->value));
        list = list_add(list, line.ptr);
    }
    return typed ? list : list_add(list, "Content-Type:");
}

#define SET(option, value) (ok = curl_easy_setopt(easy, (option), (value)) == CURLE_OK && ok)

static bool set_common(CURL *easy, const HttpClient *client, Transfer *t, char *message)
{
    bool ok = true;

    SET(CURLOPT_NOSIGNAL, 1L);
    /* A resolver that hangs must not hold the call beyond its deadline: its thread is left behind.
     */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY,
        client->proxy != NULL ? client->proxy : ""); /* "": also not the environment's */
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_USERAGENT, client->user_agent);
    SET(CURLOPT_ERRORBUFFER, message);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_before_request);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    if (client->ca_file != NULL) {
        SET(CURLOPT_CAINFO, client->ca_file);
    }
    return ok;
}

static bool set_request(CURL *easy, const Exchange *x, Arena *arena, struct curl_slist *head)
{
    bool ok = true;
    bool with_body =
        x->with_body || x->method == HTTP_POST || x->method == HTTP_PUT || x->method == HTTP_PATCH;
    int64_t left_ms = (x->deadline_us - time_monotonic_us()) / US_PER_MS;

    SET(CURLOPT_URL, x->url.ptr);
    SET(CURLOPT_TIMEOUT_MS, (long)MAX(left_ms, 1));
    SET(CURLOPT_HTTPHEADER, head);
    if (with_body) {
        Str body = x->with_body ? x->call->body : STR("");

        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        SET(CURLOPT_POSTFIELDS, body.ptr != NULL ? body.ptr : "");
    }
    if (x->method == HTTP_HEAD) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        SET(CURLOPT_CUSTOMREQUEST, http_method_name(x->method));
    }
    if (x->with_credentials && x->username.len > 0) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, str_cstr(arena, x->username));
        SET(CURLOPT_PASSWORD, str_cstr(arena, x->password));
    }
    return ok;
}

/* ---- outcome */

static Rc failure(const Transfer *t, CURLcode code, const char *message, Error *err)
{
    const Exchange *x = t->exchange;
    Rc rc = RC_UPSTREAM;

    if (t->refused > 0 && t->opened == 0) {
        return guard_refuse(err, x->host, x->port, t->refused_address);
    }
    if (t->too_large) {
        return error_set(err, RC_LIMIT,
                         "the answer of %.*s is larger than the %zu bytes permitted here",
                         STR_ARG(x->host), t->body.max);
    }
    if (t->head_too_large) {
        return error_set(err, RC_LIMIT, "the answer of %.*s has a head of more than %d bytes",
                         STR_ARG(x->host), ANSWER_HEAD_MAX);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        rc = error_set(
            err, RC_TIMEOUT, "%.*s did not answer completely within %.1f s", STR_ARG(x->host),
            (double)(x->call->timeout_us != 0 ? x->call->timeout_us : CALL_TIMEOUT_US) / 1e6);
    } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
        rc = error_set(err, RC_UPSTREAM, "the name %.*s cannot be resolved", STR_ARG(x->host));
    } else if (code == CURLE_COULDNT_CONNECT) {
        rc = error_set(err, RC_UPSTREAM, "%.*s does not accept connections on port %u",
                       STR_ARG(x->host), x->port);
    } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
        rc =
            error_set(err, RC_UPSTREAM, "the certificate of %.*s is not trusted", STR_ARG(x->host));
    } else {
        rc = error_set(err, RC_UPSTREAM, "the call to %.*s failed: %s", STR_ARG(x->host),
                       curl_easy_strerror(code));
    }
    error_detail(err, "%s", message[0] != '\0' ? message : curl_easy_strerror(code));
    return rc;
}

static void body_to_arena(Transfer *t)
{
    size_t len = 0;
    char *bytes = t->body.len > 0 ? buf_take(&t->body, &len) : NULL;

    if (bytes != NULL) {
        arena_defer(t->arena, free, bytes); /* handed over, not copied: it may be large */
    }
    t->answer->body = str_of(bytes, len);
}

Rc exchange_run(HttpClient *client, const Exchange *x, Arena *arena, HttpAnswer *answer, Error *err)
{
    char message[CURL_ERROR_SIZE] = "";
    uint64_t origin = str_hash(x->origin);
    Transfer t = {
        .exchange = x, .arena = arena, .answer = answer, .proxied = client->proxy != NULL};
    CURL *easy = handle_take(client, origin);
    struct curl_slist *head = head_list(x, arena);
    Rc rc = RC_OK;
    long status = 0;

    t.body = buf_init(NULL, x->call->max_body != 0 ? x->call->max_body : CALL_BODY_MAX);
    if (!set_common(easy, client, &t, message) || !set_request(easy, x, arena, head)) {
        rc = error_set(
            err, RC_INTERNAL,
            "libcurl lacks an option that outbound calls need; version 7.87 or later is needed");
    } else if (t.proxied && address_is_internal(x->host) && !internal_allowed(&t)) {
        /* The proxy resolves names; of the address really used only a literal one is visible here.
         */
        rc = guard_refuse(err, x->host, x->port, "as written, for the proxy");
    } else {
        CURLcode code = curl_easy_perform(easy);

        rc = code == CURLE_OK ? RC_OK : failure(&t, code, message, err);
        IGNORE(
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status)); /* 0 when there was none */
    }
    answer->status = (int)status;
    if (rc == RC_OK) {
        body_to_arena(&t);
    }
    buf_done(&t.body);
    curl_slist_free_all(head);
    handle_give(client, easy, origin);
    return rc;
}
