/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server_test_support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- application */

static void respond_text(HttpRequest *r, int status, Str body)
{
    HttpPair type = {STR("Content-Type"), STR("text/plain")};

    http_respond(r,
                 &(HttpResponse){.status = status, .headers = &type, .n_headers = 1, .body = body});
}

static void pass_gate(TestServer *server)
{
    mutex_lock(&server->lock);
    server->n_at_gate++;
    cond_broadcast(&server->changed);
    while (!server->is_gate_open) {
        cond_wait(&server->changed, &server->lock);
    }
    mutex_unlock(&server->lock);
}

static void serve_facts(HttpRequest *r)
{
    size_t n;
    const HttpPair *pairs = http_query_pairs(r, &n);
    Str text = str_fmt(http_arena(r), "%s %.*s [%.*s]\n", http_method_name(http_method(r)),
                       STR_ARG(http_path(r)), STR_ARG(http_header(r, "x-test")));

    for (size_t i = 0; i < n; i++) {
        text = str_fmt(http_arena(r), "%.*s%.*s=%.*s\n", STR_ARG(text), STR_ARG(pairs[i].name),
                       STR_ARG(pairs[i].value));
    }
    respond_text(r, 200, text);
}

static void serve_file(TestServer *server, HttpRequest *r)
{
    Str rest = str_from_index(http_path(r), strlen("/file/"));
    Str from = STR_EMPTY;
    uint64_t offset = 0;
    uint64_t size = 0;
    int fd = open(server->file, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && str_split(&rest, '/', &from));
    assert_true(str_to_u64(from, &offset) && str_to_u64(rest, &size));
    http_respond_file(r, &(HttpResponse){.status = 206}, fd, offset, size);
}

static void serve_upload(TestServer *server, HttpRequest *r)
{
    char piece[32768];
    uint64_t total = 0;
    uint64_t sum = 0;
    size_t n = 1;
    Error err = {0};

    while (n > 0) {
        Rc rc = http_body_read(r, piece, sizeof(piece), &n, &err);
        if (rc != RC_OK) {
            mutex_lock(&server->lock);
            server->read_failure = rc;
            mutex_unlock(&server->lock);
            respond_text(r, rc_status(rc), str_dup(http_arena(r), str_from(err.message)));
            return;
        }
        total += n;
        for (size_t i = 0; i < n; i++) {
            sum += (unsigned char)piece[i];
        }
    }
    respond_text(
        r, 200,
        str_fmt(http_arena(r), "%llu %llu", (unsigned long long)total, (unsigned long long)sum));
}

static void on_gone(void *user)
{
    TestServer *server = user;

    mutex_lock(&server->lock);
    server->n_gone++;
    cond_broadcast(&server->changed);
    mutex_unlock(&server->lock);
}

static void serve_stream(TestServer *server, HttpRequest *r, bool write_first)
{
    HttpPair type = {STR("Content-Type"), STR("text/event-stream")};
    HttpStream *stream =
        http_respond_stream(r, &(HttpResponse){.status = 200, .headers = &type, .n_headers = 1},
                            64 * KIB, on_gone, server);

    if (write_first) {
        assert_int_equal(http_stream_write(stream, STR("first")), RC_OK);
    }
    mutex_lock(&server->lock);
    assert_true(server->n_streams < TEST_STREAMS_MAX);
    server->streams[server->n_streams++] = stream;
    cond_broadcast(&server->changed);
    mutex_unlock(&server->lock);
}

static void serve_owned(HttpRequest *r)
{
    char *body = strdup("owned");

    assert_non_null(body);
    http_respond_owned(r, &(HttpResponse){.status = 200, .body = str_from(body)}, body);
}

static void serve(void *user, HttpRequest *r)
{
    TestServer *server = user;
    Str path = http_path(r);

    if (str_is(path, "/echo") || str_is(path, "/wecho")) {
        respond_text(r, 200, str_dup(http_arena(r), http_body(r)));
    } else if (str_is(path, "/later") && http_is_inline(r)) {
        http_serve_on_worker(r);
    } else if (str_is(path, "/later")) {
        respond_text(r, 200, str_fmt(http_arena(r), "later %.*s", STR_ARG(http_body(r))));
    } else if (str_is(path, "/gate") || str_is(path, "/wgate")) {
        pass_gate(server);
        respond_text(r, 200, STR("passed"));
    } else if (str_is(path, "/facts")) {
        serve_facts(r);
    } else if (str_is(path, "/upload-gate")) {
        pass_gate(server);
        serve_upload(server, r);
    } else if (str_is(path, "/upload")) {
        serve_upload(server, r);
    } else if (str_is(path, "/upload-early")) {
        respond_text(r, 403, STR("no"));
    } else if (str_is(path, "/upload-some")) {
        char piece[16];
        size_t n;
        assert_int_equal(http_body_read(r, piece, sizeof(piece), &n, NULL), RC_OK);
        respond_text(r, 403, STR("no"));
    } else if (str_starts(path, STR("/file/"))) {
        serve_file(server, r);
    } else if (str_is(path, "/owned")) {
        serve_owned(r);
    } else if (str_is(path, "/big")) {
        respond_text(r, 200, str_of(arena_alloc(http_arena(r), 1000000), 1000000));
    } else if (str_is(path, "/stream") || str_is(path, "/wstream")) {
        serve_stream(server, r, str_is(path, "/wstream"));
    } else {
        respond_text(r, 200, str_fmt(http_arena(r), "hello%.*s", STR_ARG(http_query(r))));
    }
}

static HttpRun accept_request(void *user, HttpRequest *r, size_t *ret_max_body)
{
    Str path = http_path(r);

    (void)user;
    http_set_user(r, user);
    *ret_max_body = TEST_MAX_BODY;
    if (str_is(path, "/denied")) {
        respond_text(r, 401, STR("who?"));
        return HTTP_RUN_ANSWERED;
    }
    if (str_starts(path, STR("/upload"))) {
        *ret_max_body = str_is(http_query(r), "small") ? TEST_MAX_BODY : 1 * GIB;
        return HTTP_RUN_STREAM;
    }
    return str_starts(path, STR("/w")) ? HTTP_RUN_WORKER : HTTP_RUN_INLINE;
}

static void refuse(void *user, HttpRequest *r, const Error *err)
{
    TestServer *server = user;

    assert_true(err->message[0] != '\0');
    mutex_lock(&server->lock);
    server->n_refused++;
    mutex_unlock(&server->lock);
    respond_text(r, rc_status(err->code), str_fmt(http_arena(r), "refused: %s", err->message));
}

static void done(void *user,
                 const HttpRequest *r,
                 int status,
                 size_t bytes,
                 int64_t duration_us,
                 bool is_aborted)
{
    TestServer *server = user;

    assert_true(status >= 200 && duration_us >= 0 && http_started_us(r) > 0 &&
                http_target(r).len > 0);
    mutex_lock(&server->lock);
    server->n_done++;
    server->n_aborted += is_aborted;
    server->last_bytes = (unsigned)bytes;
    cond_broadcast(&server->changed);
    mutex_unlock(&server->lock);
}

/* ---- server */

void test_server_start(TestServer *server, const HttpServerOptions *options)
{
    HttpServerOptions chosen = options ? *options : (HttpServerOptions){0};
    HttpApp app = {
        .user = server,
        .accept = accept_request,
        .serve = serve,
        .refuse = refuse,
        .done = done,
    };
    Error err = {0};

    *server = (TestServer){.file = NULL};
    mutex_init(&server->lock);
    cond_init(&server->changed);
    if (chosen.host.len == 0) {
        chosen.host = STR("127.0.0.1");
    }
    if (http_server_start(&chosen, &app, &server->http, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
    server->port = http_server_port(server->http);
}

void test_server_end(TestServer *server, int64_t grace_us)
{
    test_gate_set(server, true);
    http_server_stop(server->http, grace_us);
    for (unsigned i = 0; i < server->n_streams; i++) {
        if (server->streams[i]) {
            http_stream_close(server->streams[i]);
        }
    }
    http_server_free(server->http);
    cond_done(&server->changed);
    mutex_done(&server->lock);
}

void test_gate_set(TestServer *server, bool is_open)
{
    mutex_lock(&server->lock);
    server->is_gate_open = is_open;
    cond_broadcast(&server->changed);
    mutex_unlock(&server->lock);
}

void test_wait_for(TestServer *server, const unsigned *value, unsigned wanted)
{
    int64_t deadline = time_monotonic_us() + TEST_PATIENCE_US;
    bool is_in_time = true;

    mutex_lock(&server->lock);
    while (*value < wanted && is_in_time) {
        is_in_time = cond_wait_until(&server->changed, &server->lock, deadline);
    }
    unsigned reached = *value;
    mutex_unlock(&server->lock);
    assert_true(reached >= wanted);
}

unsigned test_value(TestServer *server, const unsigned *value)
{
    mutex_lock(&server->lock);
    unsigned now = *value;
    mutex_unlock(&server->lock);
    return now;
}

HttpStream *test_stream(TestServer *server, unsigned index)
{
    test_wait_for(server, &server->n_streams, index + 1);
    mutex_lock(&server->lock);
    HttpStream *stream = server->streams[index];
    mutex_unlock(&server->lock);
    return stream;
}

/* ---- client */

bool client_try_open(const TestServer *server, Client *ret)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *ret = (Client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(ret->fd >= 0);
    if (connect(ret->fd, (struct sockaddr *)(void *)&to, sizeof(to)) != 0) {
        client_close(ret);
        return false;
    }
    assert_int_equal(setsockopt(ret->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    return true;
}

Client client_open(const TestServer *server)
{
    Client client;

    assert_true(client_try_open(server, &client));
    return client;
}

void client_close(Client *client)
{
    assert_int_equal(close(client->fd), 0);
    free(client->buf);
    free(client->body);
    *client = (Client){.fd = -1};
}

void client_send(Client *client, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(client->fd, bytes, n, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        n -= (size_t)sent;
    }
}

void client_puts(Client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

bool client_fill(Client *client)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    ssize_t n;

    if (client->cap - client->len < 65536) {
        client->cap = client->cap * 2 + 65536;
        client->buf = realloc(client->buf, client->cap + 1);
        assert_non_null(client->buf);
    }
    if (poll(&ready, 1, (int)(TEST_PATIENCE_US / US_PER_MS)) <= 0) {
        fail_msg("the server has not sent anything in time");
    }
    n = recv(client->fd, client->buf + client->len, client->cap - client->len, 0);
    if (n <= 0) {
        return false; /* closed or reset */
    }
    client->len += (size_t)n;
    client->buf[client->len] = '\0';
    return true;
}

static void consume(Client *client, size_t n)
{
    memmove(client->buf, client->buf + n, client->len - n + 1);
    client->len -= n;
}

void client_read_head(Client *client, Reply *ret)
{
    const char *end = NULL;

    while (!end) {
        end = client->len > 0 ? strstr(client->buf, "\r\n\r\n") : NULL;
        if (!end && !client_fill(client)) {
            fail_msg("closed before an answer: %.*s", (int)client->len, client->buf);
        }
    }
    ret->head_len = (size_t)(end - client->buf) + 4;
    assert_true(ret->head_len < sizeof(ret->head));
    memcpy(ret->head, client->buf, ret->head_len);
    ret->head[ret->head_len] = '\0';
    assert_int_equal(strncmp(ret->head, "HTTP/1.1 ", 9), 0);
    ret->status = (int)strtol(ret->head + 9, NULL, 10);
    ret->body = "";
    ret->body_len = 0;
    consume(client, ret->head_len);
}

void client_reply(Client *client, bool is_head, Reply *ret)
{
    const char *length;

    client_read_head(client, ret);
    length = strcasestr(ret->head, "\r\nContent-Length:");
    if (is_head || ret->status < 200 || ret->status == 304 || ret->status == 204 || !length) {
        return;
    }
    ret->body_len = (size_t)strtoull(length + 17, NULL, 10);
    while (client->len < ret->body_len) {
        assert_true(client_fill(client));
    }
    client->body = realloc(client->body, ret->body_len + 1);
    assert_non_null(client->body);
    memcpy(client->body, client->buf, ret->body_len);
    client->body[ret->body_len] = '\0';
    ret->body = client->body;
    consume(client, ret->body_len);
}

int client_ask(Client *client, const char *text, Reply *ret)
{
    client_puts(client, text);
    client_reply(client, false, ret);
    return ret->status;
}

bool client_is_closed(Client *client)
{
    return client->len == 0 && !client_fill(client);
}

size_t client_read_chunks(Client *client, char *out, size_t n, bool *ret_is_end)
{
    size_t got = 0;

    *ret_is_end = false;
    while (got < n) {
        char *line = client->len > 0 ? strstr(client->buf, "\r\n") : NULL;
        if (!line) {
            if (!client_fill(client)) {
                return got;
            }
            continue;
        }
        size_t size = (size_t)strtoull(client->buf, NULL, 16);
        size_t head = (size_t)(line - client->buf) + 2;
        while (client->len < head + size + 2) {
            if (!client_fill(client)) {
                return got;
            }
        }
        if (size == 0) {
            *ret_is_end = true;
            return got;
        }
        assert_true(got + size <= n);
        memcpy(out + got, client->buf + head, size);
        got += size;
        consume(client, head + size + 2);
    }
    return got;
}

bool reply_has(const Reply *reply, const char *text)
{
    return strcasestr(reply->head, text) != NULL;
}

/* ---- the process */

size_t test_rss_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    size_t kib = 0;

    assert_non_null(status);
    while (fgets(line, sizeof(line), status)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = (size_t)strtoull(line + 6, NULL, 10);
        }
    }
    assert_int_equal(fclose(status), 0);
    return kib * KIB;
}

void test_want_files(unsigned n)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < n) {
        skip();
    }
    limit.rlim_cur = MAX(limit.rlim_cur, n);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
