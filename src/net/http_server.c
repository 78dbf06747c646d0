/* SPDX-License-Identifier: Apache-2.0
 * Life of the server: options, sockets, workers, stopping. */
#include "net/http_server.h"

#include "base/time.h"

#include "net/http_server_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 4096,
    DEFAULT_QUEUE = 1024,
    DEFAULT_IDLE_S = 60,
    DEFAULT_HEAD_S = 10,
    DEFAULT_BODY_RATE = 256,
    DEFAULT_STALL_S = 5,
    DEFAULT_PEER_S = 30,
    MOST_WORKERS = 64,
    WORKERS_PER_CORE = 32, /* they mostly wait for a commit, and as many share one */
    RESERVED_FILES = 128,  /* databases, files being sent, outgoing connections */
    FEWEST_CONNECTIONS = 64,
    MOST_THREADS = 256,
};

/* ---- options */

static unsigned count_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : (unsigned)MIN(n, 64);
}

static unsigned connections_from_limit(void)
{
    struct rlimit limit;

    ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t files = MIN(limit.rlim_cur, (rlim_t)1 << 20);

    return files > RESERVED_FILES + FEWEST_CONNECTIONS ? (unsigned)files - RESERVED_FILES
                                                       : FEWEST_CONNECTIONS;
}

static void set_defaults(HttpServerOptions *options)
{
    unsigned cores = count_cores();

    options->io_threads = options->io_threads ? options->io_threads : cores;
    options->workers =
        options->workers ? options->workers : MIN(cores * WORKERS_PER_CORE, MOST_WORKERS);
    options->queue_max = options->queue_max ? options->queue_max : DEFAULT_QUEUE;
    options->max_connections =
        options->max_connections ? options->max_connections : connections_from_limit();
    options->idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : DEFAULT_IDLE_S;
    options->head_timeout_s = options->head_timeout_s ? options->head_timeout_s : DEFAULT_HEAD_S;
    options->min_body_rate = options->min_body_rate ? options->min_body_rate : DEFAULT_BODY_RATE;
    options->stall_timeout_s =
        options->stall_timeout_s ? options->stall_timeout_s : DEFAULT_STALL_S;
    options->peer_timeout_s = options->peer_timeout_s ? options->peer_timeout_s : DEFAULT_PEER_S;
}

static Rc check_options(const HttpServerOptions *options, const HttpApp *app, Error *err)
{
    ASSERT(app->accept && app->serve && app->refuse);
    if (options->idle_timeout_s < 0 || options->head_timeout_s < 0 ||
        options->stall_timeout_s < 0 || options->peer_timeout_s < 0) {
        return error_set(err, RC_INVALID, "Time-outs of the HTTP server must not be negative");
    }
    if (options->io_threads > MOST_THREADS || options->workers > MOST_THREADS) {
        return error_set(err, RC_INVALID, "The HTTP server takes at most %d threads of a kind",
                         MOST_THREADS);
    }
    if (!options->tls_cert_pem != !options->tls_key_pem) {
        return error_set(err, RC_INVALID, "TLS needs both the certificate and the key");
    }
    if (options->tls_client_ca_pem && !options->tls_cert_pem) {
        return error_set(err, RC_INVALID, "Certificates of clients need TLS");
    }
    if (options->tls_cert_pem && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        return error_set(err, RC_INVALID, "The installed libmicrohttpd was built without TLS");
    }
    return RC_OK;
}

/* ---- sockets */

static int open_socket(const struct addrinfo *at, bool share)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    int off = 0;

    if (fd < 0) {
        return -1;
    }
    ASSERT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    if (share) {
        ASSERT(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
    }
    if (at->ai_family == AF_INET6) { /* "::" serves both families */
        ASSERT(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0);
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || (share && listen(fd, LISTEN_BACKLOG) != 0)) {
        int why = errno;
        IGNORE(close(fd) != 0); /* the first error is the one to tell */
        errno = why;
        return -1;
    }
    return fd;
}

static void set_port(struct addrinfo *at, uint16_t port)
{
    if (at->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)at->ai_addr)->sin_port = htons(port);
    }
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0};
    socklen_t size = sizeof(address);

    ASSERT(getsockname(fd, (struct sockaddr *)(void *)&address, &size) == 0);
    return ntohs(address.sin6_port); /* at the same place in both families */
}

/* Set on the listening socket, which hands them on to what it accepts: no call per connection. An
 * idle event stream whose client has vanished without a word would otherwise stay for hours, and
 * one that is written to for a quarter of an hour. Streams say something every 15 s, so the probes
 * begin after that. */
static void watch_peers(int fd, int timeout_s)
{
    unsigned unacknowledged_ms = (unsigned)timeout_s * 1000;
    int on = 1, idle_s = MAX(timeout_s * 2 / 3, 1), every_s = MAX(timeout_s / 6, 1), probes = 6;

    ASSERT(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s)) == 0);
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s)) == 0);
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes)) == 0);
    ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
                      sizeof(unacknowledged_ms)) == 0);
}

/* Sockets that share a port would also share it with another instance of this program; one that
 * does not share finds that out. */
static bool is_port_free(const struct addrinfo *at, uint16_t port)
{
    int probe = port == 0 ? -1 : open_socket(at, false);

    if (probe >= 0) {
        IGNORE(close(probe) != 0);
    }
    return port == 0 || probe >= 0;
}

/* One listening socket per I/O thread, all on one port; returns how many could be opened. */
static unsigned open_sockets(HttpServer *server, struct addrinfo *at, int *fds)
{
    server->port = server->options.port;
    set_port(at, server->port);
    if (!is_port_free(at, server->port)) {
        return 0;
    }
    for (unsigned n = 0; n < server->options.io_threads; n++) {
        fds[n] = open_socket(at, true);
        if (fds[n] < 0) {
            return n;
        }
        watch_peers(fds[n], server->options.peer_timeout_s);
        if (n == 0) {
            server->port = port_of(fds[0]);
            set_port(at, server->port);
        }
    }
    return server->options.io_threads;
}

static void close_sockets(const int *fds, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        IGNORE(close(fds[i]) != 0);
    }
}

static Rc refuse_address(const char *host, uint16_t port, int cause, Error *err)
{
    char text[128];
    switch (cause) {
    case EADDRINUSE:
        return error_set(err, RC_CONFLICT,
                         "Port %u of %s is taken by another program: end that one, or choose "
                         "another port",
                         port, host);
    case EACCES:
        return error_set(err, RC_DENIED,
                         "Port %u is reserved for root: choose one from 1024 on, or grant "
                         "CAP_NET_BIND_SERVICE",
                         port);
    case EADDRNOTAVAIL:
        return error_set(err, RC_INVALID,
                         "Cannot listen on %s: it is no address of this machine. 127.0.0.1 is this "
                         "machine alone, 0.0.0.0 all its addresses",
                         host);
    default:
        return error_set(err, RC_INVALID, "Cannot listen on %s port %u: %s", host, port,
                         strerror_r(cause, text, sizeof(text)));
    }
}

static Rc listen_all(HttpServer *server, int *fds, Error *err)
{
    char host[256];
    Str name = server->options.host;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;

    if (name.len == 0 || name.len >= sizeof(host)) {
        return error_set(err, RC_INVALID, "The host to listen on must have 1 to 255 bytes");
    }
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    /* "localhost" is both families; clients that try IPv6 first fall back. */
    hints.ai_family = str_is(name, "localhost") ? AF_INET : AF_UNSPEC;
    int why = getaddrinfo(host, "0", &hints, &found);

    if (why != 0) {
        return error_set(err, RC_INVALID, "Cannot listen on %s: %s", host, gai_strerror(why));
    }
    unsigned n = open_sockets(server, found, fds);
    int cause = errno; /* used only on failure */

    freeaddrinfo(found);
    if (n < server->options.io_threads) {
        close_sockets(fds, 0, n);
        return refuse_address(host, server->options.port, cause, err);
    }
    return RC_OK;
}

/* ---- workers */

/* One at a time; who comes wakes the next if there is more to do. Requests are often served before
 * a thread of their own would have woken up. */
static void wake_worker(HttpServer *server) REQUIRES(server->lock)
{
    if (server->first_work && server->n_idle > 0 && !server->is_waking) {
        server->is_waking = true;
        cond_signal(&server->work);
    }
}

bool work_push(HttpServer *server, HttpRequest *r)
{
    bool has_room;

    mutex_lock(&server->lock);
    has_room = server->n_work < server->options.queue_max && !server->is_work_over;
    if (has_room) {
        r->next = NULL;
        if (server->last_work) {
            server->last_work->next = r;
        } else {
            server->first_work = r;
        }
        server->last_work = r;
        server->n_work++;
        wake_worker(server);
    }
    mutex_unlock(&server->lock);
    return has_room;
}

static HttpRequest *pop_work(HttpServer *server) REQUIRES(server->lock)
{
    HttpRequest *r = server->first_work;

    if (r) {
        server->first_work = r->next;
        if (!server->first_work) {
            server->last_work = NULL;
        }
        server->n_work--;
    }
    return r;
}

/* NULL when the server ends. */
static HttpRequest *take_work(HttpServer *server)
{
    HttpRequest *r = NULL;

    mutex_lock(&server->lock);
    while (!server->is_work_over && !server->first_work) {
        server->n_idle++;
        cond_wait(&server->work, &server->lock);
        server->n_idle--;
        server->is_waking = false;
    }
    if (!server->is_work_over) {
        r = pop_work(server);
        server->n_busy++;
        wake_worker(server);
    }
    mutex_unlock(&server->lock);
    return r;
}

static void let_go(HttpRequest *r)
{
    if (atomic_fetch_sub(&r->holders, 1) == 1) {
        ASSERT(r->is_answered);
        wake_send(r->io, &r->wake, WAKE_SERVED);
    }
}

static void *worker_main(void *arg)
{
    HttpServer *server = arg;

    for (HttpRequest *r = take_work(server); r; r = take_work(server)) {
        atomic_store_explicit(&r->holders, 1, memory_order_relaxed);
        server->app.serve(server->app.user, r);
        mutex_lock(&server->lock);
        server->n_busy--;
        mutex_unlock(&server->lock);
        let_go(r);
    }
    return NULL;
}

void http_answer_later(HttpRequest *r)
{
    HttpServer *server = r->io->server;

    ASSERT(r->is_at_worker && !r->pipe && !r->is_answered);
    atomic_store_explicit(&r->holders, 2, memory_order_relaxed);
    mutex_lock(&server->lock);
    server->n_later++;
    mutex_unlock(&server->lock);
}

void http_answered(HttpRequest *r)
{
    HttpServer *server = r->io->server;

    let_go(r);
    mutex_lock(&server->lock);
    server->n_later--;
    if (server->is_work_over) {
        cond_broadcast(&server->drained);
    }
    mutex_unlock(&server->lock);
}

/* ---- life */

static Rc start_ios(HttpServer *server, Error *err)
{
    unsigned n = server->options.io_threads;
    unsigned share = MAX(server->options.max_connections / n, 1);
    int fds[MOST_THREADS] = {0};

    TRY(listen_all(server, fds, err));
    for (unsigned i = 0; i < n; i++) {
        Rc rc = io_init(&server->ios[i], server, fds[i], share, err);
        server->n_ios++; /* it owns its socket now, started or not */
        if (rc != RC_OK) {
            close_sockets(fds, i + 1, n);
            return rc;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        io_start(&server->ios[i], i);
    }
    return RC_OK;
}

static void start_workers(HttpServer *server)
{
    for (unsigned i = 0; i < server->n_workers; i++) {
        char name[32];
        IGNORE(snprintf(name, sizeof(name), "http-work-%u", i) < 0); /* fits */
        thread_start(&server->workers[i], name, worker_main, server);
    }
}

Rc http_server_start(const HttpServerOptions *options,
                     const HttpApp *app,
                     HttpServer **ret,
                     Error *err)
{
    HttpServer *server;
    Rc rc;

    TRY(check_options(options, app, err));
    server = calloc(1, sizeof(*server));
    ASSERT(server != NULL);
    server->app = *app;
    server->options = *options;
    set_defaults(&server->options);
    mutex_init(&server->lock);
    mutex_init(&server->peers_lock);
    cond_init(&server->work);
    cond_init(&server->drained);
    server->n_workers = server->options.workers;
    server->ios = calloc(server->options.io_threads, sizeof(*server->ios));
    server->workers = calloc(server->n_workers, sizeof(*server->workers));
    ASSERT(server->ios && server->workers);
    rc = options->tls_cert_pem ? tls_new(&server->options, &server->tls, err) : RC_OK;
    if (rc == RC_OK) {
        rc = start_ios(server, err);
    }
    if (rc != RC_OK) {
        server->is_stopped = true; /* nothing runs yet */
        http_server_free(server);
        return rc;
    }
    start_workers(server);
    *ret = server;
    return RC_OK;
}

uint16_t http_server_port(const HttpServer *server)
{
    return server->port;
}

static void ring_all(HttpServer *server)
{
    for (unsigned i = 0; i < server->n_ios; i++) {
        io_ring(&server->ios[i]);
    }
}

/* Ends the workers; what they have not begun goes back unserved and is cut off. */
static void end_workers(HttpServer *server)
{
    HttpRequest *left = NULL;

    mutex_lock(&server->lock);
    server->is_work_over = true;
    left = server->first_work;
    server->first_work = NULL;
    server->last_work = NULL;
    server->n_work = 0;
    cond_broadcast(&server->work);
    mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->n_workers; i++) {
        thread_join(&server->workers[i]);
    }
    mutex_lock(&server->lock);
    while (server->n_later > 0) {
        cond_wait(&server->drained, &server->lock);
    }
    mutex_unlock(&server->lock);
    while (left) {
        HttpRequest *r = left;
        left = r->next;
        wake_send(r->io, &r->wake, WAKE_SERVED);
    }
}

void http_server_stop(HttpServer *server, int64_t grace_us)
{
    int64_t deadline = time_monotonic_us() + grace_us;

    if (server->is_stopped) {
        return;
    }
    server->is_stopped = true;
    atomic_store(&server->is_stopping, true);
    ring_all(server);
    mutex_lock(&server->lock);
    while (server->n_drained < server->n_ios &&
           cond_wait_until(&server->drained, &server->lock, deadline)) {
    }
    bool is_drained = server->n_drained == server->n_ios;
    mutex_unlock(&server->lock);
    atomic_store(&server->is_cutting, true);
    ring_all(server);
    if (!is_drained && server->app.hurry) {
        server->app.hurry(server->app.user);
    }
    end_workers(server);
    atomic_store(&server->is_ending, true);
    ring_all(server);
    for (unsigned i = 0; i < server->n_ios; i++) {
        thread_join(&server->ios[i].thread);
    }
}

void http_server_free(HttpServer *server)
{
    if (!server) {
        return;
    }
    http_server_stop(server, 0);
    for (unsigned i = 0; i < server->n_ios; i++) {
        io_done(&server->ios[i]);
    }
    peers_done(server);
    tls_free(server->tls);
    free(server->ios);
    free(server->workers);
    cond_done(&server->work);
    cond_done(&server->drained);
    mutex_done(&server->lock);
    mutex_done(&server->peers_lock);
    free(server);
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

HttpServerStats http_server_stats(const HttpServer *server)
{
    HttpServer *mutable = (HttpServer *)(uintptr_t)server; /* for its lock */
    HttpServerStats stats = {0};

    for (unsigned i = 0; i < server->n_ios; i++) {
        const Io *io = &server->ios[i];
        stats.requests += read_count(&io->requests);
        stats.connections_open += read_count(&io->connections_open);
        stats.streams_open += read_count(&io->streams_open);
        stats.refused += read_count(&io->refused);
    }
    mutex_lock(&mutable->lock);
    stats.queue_length = server->n_work;
    stats.busy_workers = server->n_busy + server->n_later;
    mutex_unlock(&mutable->lock);
    return stats;
}
