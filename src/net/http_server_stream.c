/* SPDX-License-Identifier: Apache-2.0
 * Open-ended answers. While there is nothing to send the connection is suspended: the daemon then
 * neither polls nor times it out, and an idle stream costs memory only. Since the daemon does not
 * see a suspended client leave either, the socket is also in the Io's own epoll set.
 *
 * A stream has two holders, its owner and the I/O thread. Only the I/O thread frees it, once the
 * response is over and the owner's WAKE_CLOSED has been read: after that nobody else can reach it.
 */
#include "net/http_server_priv.h"

#include <sys/epoll.h>

/* libmicrohttpd's buffer for clients that cannot take chunks (HTTP/1.0). */
enum { STREAM_BLOCK = 1024 };

static void stream_free(HttpStream *stream)
{
    atomic_fetch_sub_explicit(&stream->io->streams_held, 1, memory_order_relaxed);
    buf_done(&stream->pending);
    mutex_done(&stream->lock);
    free(stream);
}

/* The daemon asks for bytes. */
static ssize_t stream_read(void *cls, uint64_t position, char *out, size_t max)
{
    HttpStream *stream = cls;
    ssize_t result = 0;

    IGNORE(position != stream->bytes_sent); /* the daemon counts as we do */
    mutex_lock(&stream->lock);
    size_t n = MIN(max, stream->pending.len - stream->taken);
    if (stream->is_broken) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n > 0) {
        memcpy(out, stream->pending.ptr + stream->taken, n);
        stream->taken += n;
        if (stream->taken == stream->pending.len) {
            buf_done(&stream->pending); /* idle streams hold no buffer */
            stream->taken = 0;
        }
        result = (ssize_t)n;
    } else if (stream->is_closed || stream->is_gone) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->is_parked = true;
    }
    mutex_unlock(&stream->lock);
    stream->bytes_sent += result > 0 ? (uint64_t)result : 0;
    if (result == 0) {
        MHD_suspend_connection(stream->mhd);
    }
    return result;
}

HttpStream *http_respond_stream(HttpRequest *r,
                                const HttpResponse *head,
                                size_t max_buffered,
                                void (*on_gone)(void *user),
                                void *user)
{
    HttpStream *stream = calloc(1, sizeof(*stream));

    ASSERT(stream != NULL);
    ASSERT(!r->is_answered);
    stream->wake.is_stream = true;
    stream->io = r->io;
    stream->on_gone = on_gone;
    stream->user = user;
    stream->max_buffered = max_buffered;
    mutex_init(&stream->lock);
    /* Twice: what has been taken is cut off only when it is the larger part. */
    stream->pending = buf_init(NULL, 2 * max_buffered);
    r->stream = stream;
    atomic_fetch_add_explicit(&r->io->streams_open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->io->streams_held, 1, memory_order_relaxed);
    response_from_reader(r, head, STREAM_BLOCK, stream_read, stream);
    return stream;
}

Rc http_stream_write(HttpStream *stream, Str bytes)
{
    bool must_wake = false;
    Rc rc = RC_OK;

    mutex_lock(&stream->lock);
    ASSERT(!stream->is_closed);
    size_t waiting = stream->pending.len - stream->taken;
    if (stream->is_gone) {
        rc = RC_GONE;
    } else if (bytes.len > stream->max_buffered || waiting > stream->max_buffered - bytes.len) {
        rc = RC_BUSY;
    } else if (bytes.len > 0) {
        if (stream->taken > waiting) {
            memmove(stream->pending.ptr, stream->pending.ptr + stream->taken, waiting);
            stream->pending.len = waiting;
            stream->taken = 0;
        }
        buf_put(&stream->pending, bytes);
        ASSERT(buf_ok(&stream->pending));
        must_wake = stream->is_parked;
    }
    mutex_unlock(&stream->lock);
    if (must_wake) {
        wake_send(stream->io, &stream->wake, WAKE_DATA);
    }
    return rc;
}

static void mark_closed(HttpStream *stream)
{
    mutex_lock(&stream->lock);
    ASSERT(!stream->is_closed);
    stream->is_closed = true;
    mutex_unlock(&stream->lock);
}

void http_stream_close(HttpStream *stream)
{
    Io *io = stream->io;

    if (pthread_equal(pthread_self(), io->self)) {
        mark_closed(stream); /* on_gone runs on this thread: not now, or it is our caller */
    } else {
        mutex_lock(&io->gone_lock); /* lets an on_gone that is running end */
        mark_closed(stream);
        mutex_unlock(&io->gone_lock);
    }
    wake_send(io, &stream->wake, WAKE_CLOSED);
}

/* Lets the daemon ask again. */
static void unpark(HttpStream *stream)
{
    mutex_lock(&stream->lock);
    bool was_parked = stream->is_parked;
    stream->is_parked = false;
    mutex_unlock(&stream->lock);
    if (was_parked) {
        MHD_resume_connection(stream->mhd);
    }
}

static void tell_gone(HttpStream *stream)
{
    Io *io = stream->io;

    mutex_lock(&io->gone_lock);
    mutex_lock(&stream->lock);
    bool must_tell = !stream->is_closed && !stream->is_gone_told;
    stream->is_gone = true;
    mutex_unlock(&stream->lock);
    stream->is_gone_told = true;
    if (must_tell && stream->on_gone) {
        stream->on_gone(stream->user);
    }
    mutex_unlock(&io->gone_lock);
}

static void on_hangup(void *user)
{
    HttpStream *stream = user;

    mutex_lock(&stream->lock);
    stream->is_broken = true;
    mutex_unlock(&stream->lock);
    unpark(stream);
}

void stream_begin(HttpStream *stream, Conn *conn)
{
    Io *io = stream->io;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = &stream->watch};

    stream->mhd = conn->mhd;
    stream->fd = conn->fd;
    stream->watch = (Watch){.on_ready = on_hangup, .user = stream};
    stream->next = io->streams;
    if (io->streams) {
        io->streams->prev = stream;
    }
    io->streams = stream;
    stream->is_listed = true;
    ASSERT(epoll_ctl(io->watch_fd, EPOLL_CTL_ADD, stream->fd, &event) == 0);
    if (io->is_draining) {
        stream_end(stream);
    }
}

void stream_finish(HttpStream *stream)
{
    Io *io = stream->io;

    if (stream->is_listed) {
        IGNORE(epoll_ctl(io->watch_fd, EPOLL_CTL_DEL, stream->fd, NULL) !=
               0); /* it closes anyway */
        if (stream->prev) {
            stream->prev->next = stream->next;
        } else {
            io->streams = stream->next;
        }
        if (stream->next) {
            stream->next->prev = stream->prev;
        }
        stream->is_listed = false;
    }
    atomic_fetch_sub_explicit(&io->streams_open, 1, memory_order_relaxed);
    tell_gone(stream);
    stream->is_finished = true;
    if (stream->is_close_seen) {
        stream_free(stream);
    }
}

void stream_end(HttpStream *stream)
{
    tell_gone(stream);
    unpark(stream);
}

void stream_on_wake(HttpStream *stream, unsigned flags)
{
    if (flags & WAKE_CLOSED) {
        stream->is_close_seen = true;
        if (stream->is_finished) {
            stream_free(stream);
            return;
        }
    }
    if (!stream->is_finished) {
        unpark(stream);
    }
}
