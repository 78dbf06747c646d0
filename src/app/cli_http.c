/* SPDX-License-Identifier: Apache-2.0
 * One call of the command line over libcurl. */
#include "base/time.h"

#include "app/app.h"
#include "app/cli.h"
#include "net/http_client.h"

#include <curl/curl.h>

enum { CONNECT_TIMEOUT_MS = 10000 };
static const size_t body_max = 512 * MIB;

typedef struct Transfer {
    const CliCall *call;
    Arena *arena;
    CliAnswer *answer;
    Buf body;
    bool streaming, stopped;
    CURL *easy;
} Transfer;

static Str field_value(Arena *arena, Str line, const char *name)
{
    size_t n = strlen(name);
    if (line.len <= n || line.ptr[n] != ':' ||
        !str_eq_nocase(str_sub(line, 0, n), str_from(name))) {
        return STR_EMPTY;
    }
    return str_dup(arena, str_trim(str_from_index(line, n + 1)));
}

static void keep(Str value, Str *ret)
{
    if (value.len) {
        *ret = value;
    }
}

/* curl's signature */
static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
    Transfer *t = user;
    Str line = str_trim(str_of(bytes, size * n));
    if (str_starts(line, STR("HTTP/"))) { /* of a proxy or a redirect before this one */
        *t->answer = (CliAnswer){0};
        return size * n;
    }
    keep(field_value(t->arena, line, "X-Request-Id"), &t->answer->request_id);
    keep(field_value(t->arena, line, "Location"), &t->answer->location);
    keep(field_value(t->arena, line, "ETag"), &t->answer->etag);
    Str type = field_value(t->arena, line, "Content-Type");
    type = str_trim(str_sub(type, 0, str_find_char(type, ';')));
    keep(str_lower(t->arena, type), &t->answer->content_type);
    return size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    Transfer *t = user;
    Str piece = str_of(bytes, size * n);
    if (t->call->on_chunk && str_is(t->answer->content_type, "text/event-stream")) {
        t->streaming = true;
        if (!t->call->on_chunk(t->call->user, piece)) {
            t->stopped = true;
            return CURL_WRITEFUNC_ERROR;
        }
        return piece.len;
    }
    buf_put(&t->body, piece);
    return buf_ok(&t->body) ? piece.len : CURL_WRITEFUNC_ERROR;
}

static struct curl_slist *add_header(Arena *arena, struct curl_slist *list, Str name, Str value)
{
    Str line = str_fmt(arena, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    struct curl_slist *longer = curl_slist_append(list, str_cstr(arena, line));
    ASSERT(longer); /* out of memory, as everywhere */
    return longer;
}

static struct curl_slist *headers_of(Transfer *t)
{
    const CliRequest *r = t->call->request;
    struct curl_slist *list = NULL;
    bool accepts = false;
    for (size_t i = 0; i < r->n_headers; i++) {
        accepts = accepts || str_eq_nocase(r->headers[i].name, STR("Accept"));
        list = add_header(t->arena, list, r->headers[i].name, r->headers[i].value);
    }
    if (!accepts) {
        list = add_header(t->arena, list, STR("Accept"),
                          t->call->on_chunk
                              ? STR("text/event-stream")
                              : STR("application/json, application/problem+json, */*;q=0.5"));
    }
    if (t->call->token.len) {
        list = add_header(t->arena, list, STR("Authorization"),
                          str_fmt(t->arena, "Bearer %.*s", STR_ARG(t->call->token)));
    }
    return add_header(t->arena, list, STR("Expect"), STR_EMPTY); /* no 100-continue round trip */
}

static void set_options(Transfer *t, struct curl_slist *headers, Str url)
{
    const CliCall *call = t->call;
    const CliRequest *r = call->request;
    long timeout_ms = (long)(call->timeout_us / US_PER_MS);
    curl_easy_setopt(t->easy, CURLOPT_URL, str_cstr(t->arena, url));
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "fairway/" FAIRWAY_VERSION);
    curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, MIN(timeout_ms, (long)CONNECT_TIMEOUT_MS));
    if (!call->on_chunk) {
        curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    }
    curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    if (r->body.len || r->method == HTTP_POST || r->method == HTTP_PUT || r->method == HTTP_PATCH) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.ptr ? r->body.ptr : "");
    }
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, http_method_name(r->method));
}

static Rc explain(const Transfer *t, CURLcode code, const char *reason, Error *err)
{
    if (t->body.failed) {
        return error_set(err, RC_LIMIT, "the answer is longer than %zu MiB", body_max / MIB);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return error_set(err, RC_TIMEOUT, "%.*s did not answer in time (--timeout)",
                         STR_ARG(t->call->url));
    }
    return error_set(err, RC_UPSTREAM,
                     "no server at %.*s: %s. Is it running? (--server, FAIRWAY_URL)",
                     STR_ARG(t->call->url), reason[0] ? reason : curl_easy_strerror(code));
}

/* "localhost:3001/" -> "http://localhost:3001" */
static Rc server_url(Arena *arena, Str *url, Error *err)
{
    Url parts;
    Str base = *url;
    while (str_ends(base, STR("/"))) {
        base.len--;
    }
    if (str_find(base, STR("://")) == SIZE_MAX) {
        base = str_fmt(arena, "http://%.*s", STR_ARG(base));
    }
    if (!url_parse(base, &parts) || parts.host.len == 0 ||
        !(str_is(parts.scheme, "http") || str_is(parts.scheme, "https"))) {
        return error_set(err, RC_INVALID,
                         "'%.*s' is no URL of a server: give one such as http://127.0.0.1:3001 "
                         "(--server, FAIRWAY_URL)",
                         STR_ARG(*url));
    }
    *url = base;
    return RC_OK;
}

int cli_http_exit_code(Rc rc)
{
    if (rc == RC_OK) {
        return EXIT_OK;
    }
    return rc == RC_INVALID ? EXIT_USAGE : rc == RC_LIMIT ? EXIT_FAILED : EXIT_UNREACHABLE;
}

Rc cli_http(Arena *arena, const CliCall *call, CliAnswer *ret, Error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    long status = 0;
    CliAnswer answer = {0};
    Str base = call->url;
    TRY(server_url(arena, &base, err));
    Transfer t = {
        .call = call, .arena = arena, .answer = &answer, .body = buf_init(arena, body_max)};
    t.easy = curl_easy_init();
    ASSERT(t.easy);
    struct curl_slist *headers = headers_of(&t);
    set_options(&t, headers,
                str_fmt(arena, "%.*s%.*s", STR_ARG(base), STR_ARG(call->request->target)));
    curl_easy_setopt(t.easy, CURLOPT_ERRORBUFFER, reason);
    CURLcode code = curl_easy_perform(t.easy);
    curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(t.easy);
    curl_slist_free_all(headers);
    if (code != CURLE_OK && !t.stopped) {
        return explain(&t, code, reason, err);
    }
    answer.status = (int)status;
    answer.body = buf_str(&t.body);
    *ret = answer;
    return RC_OK;
}
