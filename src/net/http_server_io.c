/* SPDX-License-Identifier: Apache-2.0
 * The I/O thread: its loop, its connections, its reaper. The daemon runs in external mode (its own
 * threads stall when exactly 128 sockets become ready at once), and connections are resumed only
 * here, right before the daemon runs (resumed elsewhere, a reply can wait for the next time-out).
 */
#include "base/log.h"
#include "base/time.h"

#include "net/http_server_priv.h"

#include <errno.h>
#include <linux/tcp.h> /* tcpi_bytes_received, which netinet/tcp.h lacks */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REAP_EVERY_US US_PER_SECOND
/* The kernel tells the time of the last byte to the clock tick. */
#define RECEIVE_TIME_SLACK_US (10 * US_PER_MS)
enum { LOG_LINE_MAX = 256, WATCH_BATCH = 64 };

/* ---- wakes */

void io_ring(Io *io)
{
    uint64_t one = 1;

    /* Fails only when the counter is full: then it is readable, which is all we want. */
    IGNORE(write(io->event_fd, &one, sizeof(one)) != sizeof(one));
}

void wake_send(Io *io, Wake *wake, unsigned flags)
{
    bool was_empty;

    mutex_lock(&io->lock);
    was_empty = !io->first_wake;
    wake->flags |= flags;
    if (!wake->is_linked) {
        wake->is_linked = true;
        wake->next = NULL;
        if (io->last_wake) {
            io->last_wake->next = wake;
        } else {
            io->first_wake = wake;
        }
        io->last_wake = wake;
    }
    mutex_unlock(&io->lock);
    if (was_empty) {
        io_ring(io);
    }
}

static Wake *take_wake(Io *io, unsigned *ret_flags)
{
    mutex_lock(&io->lock);
    Wake *wake = io->first_wake;
    if (wake) {
        io->first_wake = wake->next;
        if (!io->first_wake) {
            io->last_wake = NULL;
        }
        wake->is_linked = false;
        *ret_flags = wake->flags;
        wake->flags = 0;
    }
    mutex_unlock(&io->lock);
    return wake;
}

static void read_wakes(Io *io)
{
    unsigned flags;

    for (Wake *wake = take_wake(io, &flags); wake; wake = take_wake(io, &flags)) {
        if (wake->is_stream) {
            stream_on_wake((HttpStream *)(void *)wake, flags);
        } else {
            exchange_on_wake((HttpRequest *)(void *)wake, flags);
        }
    }
}

static void read_event(Io *io)
{
    uint64_t count;

    IGNORE(read(io->event_fd, &count, sizeof(count)) < 0); /* empty already: nothing lost */
    read_wakes(io);
}

static void read_watched(Io *io)
{
    struct epoll_event events[WATCH_BATCH];
    int n = epoll_wait(io->watch_fd, events, WATCH_BATCH, 0);

    for (int i = 0; i < n; i++) {
        const Watch *watch = events[i].data.ptr;
        watch->on_ready(watch->user);
    }
}

/* ---- connections */

static void conn_open(Io *io, struct MHD_Connection *mhd, void **slot)
{
    Conn *conn = calloc(1, sizeof(*conn));

    ASSERT(conn != NULL);
    conn->mhd = mhd;
    tls_begin(io->server, mhd);
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    peer_format(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                conn->peer);
    conn->idle_since_us = time_monotonic_us();
    conn->is_fresh = true;
    conn->next = io->conns;
    if (io->conns) {
        io->conns->prev = conn;
    }
    io->conns = conn;
    *slot = conn;
    peers_add(io->server, conn->peer);
    atomic_fetch_add_explicit(&io->connections_open, 1, memory_order_relaxed);
}

static void conn_close(Io *io, Conn *conn)
{
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        io->conns = conn->next;
    }
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    peers_remove(io->server, conn->peer);
    atomic_fetch_sub_explicit(&io->connections_open, 1, memory_order_relaxed);
    free(conn->client_names);
    free(conn);
}

static void on_connection(void *cls,
                          struct MHD_Connection *mhd,
                          void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_open(cls, mhd, slot);
    } else if (*slot) {
        conn_close(cls, *slot);
        *slot = NULL;
    }
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t size)
{
    Io *io = cls;
    char peer[INET6_ADDRSTRLEN];

    (void)size;
    peer_format(address, peer);
    return peers_have_room(io->server, peer) ? MHD_YES : MHD_NO;
}

void conn_watch_body(Conn *conn, int64_t now)
{
    conn->window_us = now;
    conn->window_bytes = 0;
    conn->seen_bytes = 0;
    conn->quiet_since_us = now;
}

void conn_suspend(HttpRequest *r)
{
    r->is_suspended = true;
    MHD_suspend_connection(r->conn->mhd);
}

void conn_resume(HttpRequest *r)
{
    r->is_suspended = false;
    conn_watch_body(r->conn, time_monotonic_us());
    MHD_resume_connection(r->conn->mhd);
}

/* The daemon then finds the socket closed. */
static void conn_cut(Conn *conn)
{
    if (!conn->is_cut) {
        conn->is_cut = true;
        IGNORE(shutdown(conn->fd, SHUT_RDWR) != 0); /* fails when the client has left: as good */
    }
}

/* ---- reaper: the daemon's own time-out starts anew with every byte, so a client that sends one
 * byte a second holds a connection for ever. */

/* Since when a head has been coming in on a connection without a request; 0 when none is. */
static int64_t find_head_start(const Conn *conn, int64_t now)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return 0;
    }
    if (conn->is_fresh) {
        return info.tcpi_bytes_received > 0 ? conn->idle_since_us : 0;
    }
    int64_t received_us = now - (int64_t)info.tcpi_last_data_recv * US_PER_MS;

    return received_us > conn->idle_since_us + RECEIVE_TIME_SLACK_US ? received_us : 0;
}

static bool is_head_too_slow(Conn *conn, int64_t now, int64_t limit_us)
{
    if (conn->head_since_us == 0) {
        conn->head_since_us = conn->active ? conn->active->started_us : find_head_start(conn, now);
    }
    return conn->head_since_us != 0 && now - conn->head_since_us > limit_us;
}

static bool is_body_too_slow(Conn *conn, int64_t now, int64_t window_us, size_t rate)
{
    if (now - conn->window_us < window_us) {
        return false;
    }
    bool is_slow = conn->window_bytes < rate * (size_t)(window_us / US_PER_SECOND);

    conn->window_us = now;
    conn->window_bytes = 0;
    conn->seen_bytes = 0;
    return is_slow;
}

/* Looked at once a second, so that bytes cost nothing. */
static bool is_body_stalled(Conn *conn, int64_t now, int64_t limit_us)
{
    if (conn->window_bytes != conn->seen_bytes) {
        conn->seen_bytes = conn->window_bytes;
        conn->quiet_since_us = now;
    }
    return now - conn->quiet_since_us > limit_us;
}

static void reap_conn(const Io *io, Conn *conn, int64_t now)
{
    const HttpServerOptions *options = &io->server->options;
    int64_t limit_us = options->head_timeout_s * US_PER_SECOND;
    HttpRequest *r = conn->active;

    if (!r || r->phase == PHASE_HEAD) {
        if (is_head_too_slow(conn, now, limit_us)) {
            conn_cut(conn);
        }
    } else if (r->phase == PHASE_BODY && !r->is_suspended &&
               (is_body_stalled(conn, now, options->stall_timeout_s * US_PER_SECOND) ||
                is_body_too_slow(conn, now, limit_us, options->min_body_rate))) {
        if (r->pipe) {
            pipe_fail(r->pipe, RC_TIMEOUT);
        }
        conn_cut(conn);
    }
}

static void reap(Io *io, int64_t now)
{
    for (Conn *conn = io->conns; conn; conn = conn->next) {
        reap_conn(io, conn, now);
    }
    linger_reap(io, now);
    io->next_reap_us = now + REAP_EVERY_US;
}

/* ---- stopping */

static void begin_drain(Io *io)
{
    io->is_draining = true;
    MHD_quiesce_daemon(io->daemon);
    /* The daemon leaves it open, and clients would hang in its backlog. */
    IGNORE(close(io->listen_fd) != 0);
    io->listen_fd = -1;
    for (HttpStream *stream = io->streams; stream; stream = stream->next) {
        stream_end(stream);
    }
}

static void drain(Io *io)
{
    HttpServer *server = io->server;
    bool is_cutting = atomic_load(&server->is_cutting);

    if (!io->is_draining) {
        begin_drain(io);
    }
    for (Conn *conn = io->conns; conn; conn = conn->next) {
        bool is_idle = !conn->active || conn->active->phase == PHASE_HEAD;
        if (is_cutting || is_idle) {
            conn_cut(conn);
        }
    }
    if (!io->is_reported && !io->conns && io->n_lent == 0) {
        io->is_reported = true;
        mutex_lock(&server->lock);
        server->n_drained++;
        cond_broadcast(&server->drained);
        mutex_unlock(&server->lock);
    }
}

/* All workers have ended: every request is back or on the wake list. */
static void end_daemon(Io *io)
{
    if (!io->is_draining) {
        begin_drain(io);
    }
    read_wakes(io);
    ASSERT(io->n_lent == 0);
    for (Conn *conn = io->conns; conn; conn = conn->next) {
        if (conn->active && conn->active->is_suspended) {
            conn_resume(conn->active);
        }
    }
    linger_reap(io, INT64_MAX);
    MHD_stop_daemon(io->daemon);
    io->daemon = NULL;
}

/* ---- loop */

static int poll_timeout_ms(const Io *io, int64_t now)
{
    int64_t wait_ms = MAX(io->next_reap_us - now, 0) / US_PER_MS + 1;
    MHD_UNSIGNED_LONG_LONG daemon_ms;

    if (MHD_get_timeout(io->daemon, &daemon_ms) == MHD_YES &&
        daemon_ms < (MHD_UNSIGNED_LONG_LONG)wait_ms) {
        return (int)daemon_ms;
    }
    return (int)wait_ms;
}

static void *io_main(void *arg)
{
    Io *io = arg;
    HttpServer *server = io->server;
    int64_t now = time_monotonic_us();

    io->self = pthread_self();
    io->next_reap_us = now + REAP_EVERY_US;
    while (!atomic_load(&server->is_ending)) {
        struct pollfd fds[] = {
            {.fd = io->daemon_fd, .events = POLLIN},
            {.fd = io->event_fd,  .events = POLLIN},
            {.fd = io->watch_fd,  .events = POLLIN},
        };
        int n = poll(fds, ARRAY_LEN(fds), poll_timeout_ms(io, now));
        ASSERT(n >= 0 || errno == EINTR);
        if (n > 0 && fds[1].revents) {
            read_event(io);
        }
        if (n > 0 && fds[2].revents) {
            read_watched(io);
        }
        IGNORE(MHD_run(io->daemon) != MHD_YES); /* fails only after MHD_stop_daemon */
        now = time_monotonic_us();
        if (now >= io->next_reap_us) {
            reap(io, now);
        }
        if (atomic_load_explicit(&server->is_stopping, memory_order_acquire)) {
            drain(io);
        }
    }
    end_daemon(io);
    return NULL;
}

/* ---- life */

static void PRINTF_FORMAT(2, 0) on_log(void *cls, const char *format, va_list args)
{
    Io *io = cls;
    char line[LOG_LINE_MAX];

    if (!io->start_error && !log_enabled(LOG_DEBUG)) {
        return;
    }
    IGNORE(vsnprintf(line, sizeof(line), format, args) < 0); /* then it is what it is */
    if (io->start_error) {
        error_detail(io->start_error, "%s", line);
    } else {
        log_debug("http.library", F_CSTR("message", line));
    }
}

/* Targets stay as received: http_path and http_query_pairs decode what is asked for. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(Io *io, unsigned max_connections)
{
    HttpServerOptions *options = &io->server->options;
    unsigned flags = MHD_USE_ERROR_LOG | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_EXTERNAL_LOGGER,         (intptr_t)on_log,                 io  },
        {MHD_OPTION_LISTEN_SOCKET,           io->listen_fd,                    NULL},
        {MHD_OPTION_CONNECTION_LIMIT,        (intptr_t)max_connections,        NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT,      options->idle_timeout_s,          NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)HTTP_CONNECTION_MEMORY, NULL},
 /* 0.9 would answer a missing Host itself; the judge finds it, and the answer gets its form.
  */
        {MHD_OPTION_STRICT_FOR_CLIENT,       exchange_judges_layout() ? 0 : 1, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED,        (intptr_t)exchange_on_completed,  io  },
        {MHD_OPTION_NOTIFY_CONNECTION,       (intptr_t)on_connection,          io  },
        {MHD_OPTION_URI_LOG_CALLBACK,        (intptr_t)exchange_on_target,     io  },
        {MHD_OPTION_UNESCAPE_CALLBACK,       (intptr_t)keep_escapes,           NULL},
 /* thread_start blocks all signals; without this the library avoids sendfile. */
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP,  1,                                NULL},
        {MHD_OPTION_END,                     0,                                NULL},
        {MHD_OPTION_END,                     0,                                NULL},
        {MHD_OPTION_END,                     0,                                NULL},
        {MHD_OPTION_END,                     0,                                NULL},
    };

    if (options->tls_cert_pem) {
        flags |= MHD_USE_TLS;
        size_t n = tls_options(io->server, &items[ARRAY_LEN(items) - 1 - TLS_OPTIONS_MAX]);
        ASSERT(n <= TLS_OPTIONS_MAX);
    }
    return MHD_start_daemon(flags, 0, on_accept, io, exchange_on_request, io, MHD_OPTION_ARRAY,
                            items, MHD_OPTION_END);
}

Rc io_init(Io *io, HttpServer *server, int listen_fd, unsigned max_connections, Error *err)
{
    Error complaint = {0};

    *io = (Io){.server = server, .listen_fd = listen_fd, .event_fd = -1, .watch_fd = -1};
    mutex_init(&io->lock);
    mutex_init(&io->gone_lock);
    io->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    io->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->event_fd < 0 || io->watch_fd < 0) {
        return error_set(err, RC_INTERNAL, "The HTTP server has no file descriptors left");
    }
    io->start_error = &complaint;
    io->daemon = start_daemon(io, max_connections);
    io->start_error = NULL;
    if (!io->daemon) {
        Rc rc = server->options.tls_cert_pem
                    ? error_set(err, RC_INVALID,
                                "The HTTP server cannot start; check that TLS certificate and key "
                                "are PEM and belong together")
                    : error_set(err, RC_INTERNAL, "The HTTP server cannot start");
        error_detail(err, "%s", complaint.detail);
        return rc;
    }
    io->daemon_fd = MHD_get_daemon_info(io->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return RC_OK;
}

void io_start(Io *io, unsigned index)
{
    char name[32];

    IGNORE(snprintf(name, sizeof(name), "http-io-%u", index) < 0); /* fits */
    thread_start(&io->thread, name, io_main, io);
}

void io_done(Io *io)
{
    if (io->daemon) { /* never ran */
        MHD_stop_daemon(io->daemon);
    } else if (io->listen_fd >= 0) {
        IGNORE(close(io->listen_fd) != 0);
    }
    read_wakes(io); /* owners that let go of their streams after the end */
    ASSERT(atomic_load(&io->streams_held) == 0);
    while (io->spare) {
        HttpRequest *r = io->spare;
        io->spare = r->next;
        request_free(r);
    }
    if (io->event_fd >= 0) {
        IGNORE(close(io->event_fd) != 0);
    }
    if (io->watch_fd >= 0) {
        IGNORE(close(io->watch_fd) != 0);
    }
    mutex_done(&io->lock);
    mutex_done(&io->gone_lock);
}
