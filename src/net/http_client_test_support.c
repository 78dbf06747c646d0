/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_test_support.c - one thread accepts, one per connection answers. */
#include "net/http_client_test_support.h"

#include "base/test.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

enum { REQUEST_MAX = 128 * 1024 };

static bool send_all(int fd, Str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        bytes = str_from_index(bytes, (size_t)n);
    }
    return true;
}

static bool answer(int fd, const char *status, const char *headers, Str body)
{
    char head[2048];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
                     body.len, headers);

    return n > 0 && (size_t)n < sizeof head && send_all(fd, str_of(head, (size_t)n)) &&
           send_all(fd, body);
}

/* Nothing at all until the client gives up or the server stops. */
static void serve_silence(const Peer *peer)
{
    struct pollfd fd = {.fd = peer->fd, .events = POLLIN};

    while (!atomic_load(&peer->server->stopping) && poll(&fd, 1, 20) == 0) {
    }
}

static void serve_drip(const Peer *peer)
{
    bool going = send_all(peer->fd, STR("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));

    while (going && !atomic_load(&peer->server->stopping)) {
        thread_sleep_us(10 * US_PER_MS);
        going = send_all(peer->fd, STR("x"));
    }
}

static void serve_drip_head(const Peer *peer)
{
    bool going = send_all(peer->fd, STR("HTTP/1.1 200 OK\r\n"));

    while (going && !atomic_load(&peer->server->stopping)) {
        thread_sleep_us(10 * US_PER_MS);
        going = send_all(peer->fd, STR("X-A: b\r\n"));
    }
}

static void serve_endless(const Peer *peer, const char *head, Str piece)
{
    bool going = send_all(peer->fd, str_from(head));

    while (going && !atomic_load(&peer->server->stopping)) {
        going = send_all(peer->fd, piece);
    }
}

/* 64 MiB of zeros in about 64 KB. */
static bool serve_bomb(int fd)
{
    size_t size = 64 * MIB, cap = MIB;
    unsigned char *zeros = calloc(1, MIB), *packed = malloc(cap);
    z_stream z = {0};

    assert_true(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_out = packed;
    z.avail_out = (uInt)cap;
    for (size_t done = 0; done < size; done += MIB) {
        z.next_in = zeros;
        z.avail_in = (uInt)MIB;
        assert_true(deflate(&z, done + MIB == size ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR);
    }
    size_t n = cap - z.avail_out;
    assert_true(deflateEnd(&z) == Z_OK);
    bool ok = answer(fd, "200 OK", "Content-Encoding: gzip\r\n", str_of((const char *)packed, n));
    free(zeros);
    free(packed);
    return ok;
}

static bool redirect(int fd, const char *status, Str to)
{
    char headers[1024];

    (void)snprintf(headers, sizeof headers, "Location: %.*s\r\n", STR_ARG(to));
    return answer(fd, status, headers, STR("moved"));
}

/* "/chain/3" -> "/chain/2" ... "/chain/0" answers. */
static bool serve_chain(int fd, Str path)
{
    char next[32];
    int64_t left = 0;

    if (!str_to_i64(str_from_index(path, 7), &left) || left == 0) {
        return answer(fd, "200 OK", "", STR("end of chain"));
    }
    (void)snprintf(next, sizeof next, "%d", (int)left - 1);
    return redirect(fd, "301 Moved", str_from(next)); /* relative */
}

/* False: the connection is to be closed. */
static bool serve(Peer *peer, Str path, Str request)
{
    static const char big_head[] = "HTTP/1.1 200 OK\r\n";
    static char piece[4096];
    char status[32];
    int fd = peer->fd;

    if (str_is(path, "/ok")) {
        return answer(fd, "200 OK",
                      "Content-Type: text/plain\r\neTag: \"v1\"\r\nLast-Modified:  then "
                      "\r\nRetry-After: 7\r\n",
                      STR("hello"));
    }
    if (str_starts(path, STR("/echo"))) {
        return answer(fd, "200 OK", "", request);
    }
    if (str_is(path, "/status")) {
        (void)snprintf(status, sizeof status, "%d X", atomic_load(&peer->server->status));
        return answer(fd, status, "", STR("status"));
    }
    if (str_starts(path, STR("/to?"))) {
        return redirect(fd, "302 Found", str_from_index(path, 4));
    }
    if (str_starts(path, STR("/to307?"))) {
        return redirect(fd, "307 Temporary", str_from_index(path, 7));
    }
    if (str_starts(path, STR("/chain/"))) {
        return serve_chain(fd, path);
    }
    if (str_is(path, "/loop-a") || str_is(path, "/loop-b")) {
        return redirect(fd, "302 Found", str_is(path, "/loop-a") ? STR("/loop-b") : STR("/loop-a"));
    }
    if (str_is(path, "/early")) {
        return send_all(fd,
                        STR("HTTP/1.1 103 Early Hints\r\nETag: early\r\nLocation: /x\r\n\r\n")) &&
               answer(fd, "200 OK", "Content-Type: a\r\nContent-Type: b\r\n", STR("late"));
    }
    if (str_is(path, "/gzip-bomb")) {
        return serve_bomb(fd);
    }
    if (str_is(path, "/silence")) {
        serve_silence(peer);
    } else if (str_is(path, "/drip")) {
        serve_drip(peer);
    } else if (str_is(path, "/drip-head")) {
        serve_drip_head(peer);
    } else if (str_is(path, "/endless")) {
        serve_endless(peer, "HTTP/1.1 200 OK\r\n\r\n", str_of(piece, sizeof piece));
    } else if (str_is(path, "/endless-head")) {
        serve_endless(peer, big_head,
                      STR("X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"));
    } else if (str_is(path, "/short")) {
        (void)send_all(fd, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"));
    } else if (str_is(path, "/bad-gzip")) {
        (void)answer(fd, "200 OK", "Content-Encoding: gzip\r\n", STR("not gzip at all"));
    } else if (str_is(path, "/garbage")) {
        (void)send_all(fd, STR("\x16\x03\x01 not http\r\n\r\n"));
    }
    return false; /* "/close" and unknown paths: gone without a word */
}

/* Reads one request, head and body; 0 when the client has gone. */
static size_t read_request(const Peer *peer, char *out)
{
    size_t len = 0, want = SIZE_MAX;

    while (len < want && len < REQUEST_MAX) {
        ssize_t n = recv(peer->fd, out + len, REQUEST_MAX - len, 0);

        if (n <= 0) {
            return 0;
        }
        len += (size_t)n;
        Str text = str_of(out, len);
        size_t head = str_find(text, STR("\r\n\r\n")),
               at = str_find(text, STR("\r\nContent-Length: "));
        if (head != SIZE_MAX) {
            Str rest = at < head ? str_from_index(text, at + 18) : STR("0\r\n");
            uint64_t body = 0;

            assert_true(str_to_u64(str_sub(rest, 0, str_find_char(rest, '\r')), &body));
            want = head + 4 + (size_t)body;
        }
    }
    return len;
}

static void *peer_main(void *arg)
{
    Peer *peer = arg;
    char *request = malloc(REQUEST_MAX);
    size_t n = 0;
    bool open = true;

    while (open && (n = read_request(peer, request)) > 0) {
        Str text = str_of(request, n);
        size_t from = str_find_char(text, ' ') + 1;
        Str path = str_from_index(text, from);

        atomic_fetch_add(&peer->server->requests, 1);
        open = serve(peer, str_sub(path, 0, str_find_char(path, ' ')), text);
    }
    (void)shutdown(peer->fd, SHUT_RDWR);
    free(request);
    return NULL;
}

static void *server_main(void *arg)
{
    Server *s = arg;

    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        unsigned at = atomic_load(&s->connections);

        if (fd < 0 || at == CONNECTIONS_MAX) {
            return NULL;
        }
        s->peers[at] = (Peer){.server = s, .fd = fd};
        atomic_store(&s->connections, at + 1);
        thread_start(&s->peers[at].thread, "peer", peer_main, &s->peers[at]);
    }
}

Server *server_start_on(int family)
{
    Server *s = calloc(1, sizeof *s);
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;

    memcpy(&bound, family == AF_INET ? (const void *)&a4 : (const void *)&a6,
           family == AF_INET ? sizeof a4 : sizeof a6);
    s->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    atomic_store(&s->status, 200);
    if (s->fd < 0 ||
        bind(s->fd, (const struct sockaddr *)&bound, sizeof bound) != 0) { /* no IPv6 here */
        free(s);
        return NULL;
    }
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&bound, &len), 0);
    memcpy(&a4, &bound, sizeof a4); /* the port is at the same place in both */
    s->port = ntohs(a4.sin_port);
    thread_start(&s->thread, "server", server_main, s);
    return s;
}

void server_stop(Server *s)
{
    atomic_store(&s->stopping, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    thread_join(&s->thread);
    for (unsigned i = 0; i < atomic_load(&s->connections); i++) {
        (void)shutdown(s->peers[i].fd, SHUT_RDWR);
        thread_join(&s->peers[i].thread);
        assert_int_equal(close(s->peers[i].fd), 0);
    }
    assert_int_equal(close(s->fd), 0);
    free(s);
}
