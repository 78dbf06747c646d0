/* SPDX-License-Identifier: Apache-2.0
 * Lingering close (RFC 9112 section 9.6). An answer given before the body has been read (413, 401)
 * ends the connection; closing a socket with unread bytes makes the kernel reset it, and a client
 * that is still sending may then never see the answer. So the socket stays open under a second
 * descriptor, already shut for writing by the daemon, and what comes in is dropped until the client
 * has closed, for a short time. */
#include "base/time.h"

#include "net/http_server_priv.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINGER_US (2 * US_PER_SECOND)
#define LINGER_BYTES (32 * MIB)
enum { LINGERS_MAX = 64, LINGER_PIECE = 16384, LINGER_PIECES = 16 };

struct Linger {
    Watch watch;
    Io *io;
    Linger *prev, *next;
    int fd;
    int64_t until_us;
    size_t bytes;
};

static void linger_end(Linger *linger)
{
    Io *io = linger->io;

    if (linger->prev) {
        linger->prev->next = linger->next;
    } else {
        io->lingers = linger->next;
    }
    if (linger->next) {
        linger->next->prev = linger->prev;
    }
    io->n_lingers--;
    IGNORE(close(linger->fd) != 0); /* the last descriptor: also leaves the epoll set */
    free(linger);
}

static void on_ready(void *user)
{
    Linger *linger = user;
    char piece[LINGER_PIECE];

    /* A fast client must not hold the I/O thread: the rest is reported again. */
    for (int i = 0; i < LINGER_PIECES; i++) {
        ssize_t n = recv(linger->fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (n < 0) {
            break; /* nothing more now; a dead connection is reported as ready again, with 0 */
        }
        linger->bytes += (size_t)n;
        if (n == 0 || linger->bytes > LINGER_BYTES) {
            linger_end(linger);
            return;
        }
    }
}

void linger_begin(Io *io, int fd)
{
    Linger *linger;
    struct epoll_event event = {.events = EPOLLIN};
    int own;

    if (io->n_lingers == LINGERS_MAX || io->is_draining) {
        return;
    }
    own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        return; /* out of descriptors: then without */
    }
    linger = calloc(1, sizeof(*linger));
    ASSERT(linger != NULL);
    *linger = (Linger){
        .watch = {.on_ready = on_ready, .user = linger},
        .io = io,
        .next = io->lingers,
        .fd = own,
        .until_us = time_monotonic_us() + LINGER_US,
    };
    if (io->lingers) {
        io->lingers->prev = linger;
    }
    io->lingers = linger;
    io->n_lingers++;
    event.data.ptr = &linger->watch;
    ASSERT(epoll_ctl(io->watch_fd, EPOLL_CTL_ADD, own, &event) == 0);
}

void linger_reap(Io *io, int64_t now_us)
{
    Linger *next;

    for (Linger *linger = io->lingers; linger; linger = next) {
        next = linger->next;
        if (now_us >= linger->until_us) {
            linger_end(linger);
        }
    }
}
