/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_wait.c - waiting for the answer to a statement, and cancelling it.
 *
 * Deadlines cost no round trip: the client waits no longer, and then asks the server, over a
 * connection of its own, to cancel. Most answers come within the first wait, so the clock is not
 * even read. A request to cancel may arrive after the statement has ended and would hit the next
 * one, so the connection is given up. */
#include "base/time.h"

#include "store/postgres_priv.h"

#include <errno.h>
#include <poll.h>

static void cancel(PgConn *conn)
{
    char ignored[256];
    PGcancel *request = PQgetCancel(conn->pg);
    if (request) {
        /* If it fails the server is away, or ends the statement by its own time-out. */
        IGNORE(PQcancel(request, ignored, sizeof(ignored)));
        PQfreeCancel(request);
    }
    conn->lost = true;
}

/* False: nothing to read yet. */
static bool wait_readable(PgConn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};
    int n = poll(&fd, 1, STORE_PATIENCE_MS);
    ASSERT(n >= 0 || errno == EINTR);
    return n > 0;
}

bool pg_wait(PgTx *tx, const char *what, Rc *ret, Error *err)
{
    PgConn *conn = tx->conn;
    const Db *db = tx->base.db;

    while (PQisBusy(conn->pg)) {
        if (PQsocket(conn->pg) < 0) {
            return true; /* PQgetResult tells */
        }
        if (wait_readable(conn)) {
            if (PQconsumeInput(conn->pg) != 1) {
                return true; /* likewise */
            }
            continue;
        }
        bool is_hurried = atomic_load_explicit(&db->is_hurried, memory_order_relaxed);
        if (is_hurried || time_monotonic_us() >= tx->base.deadline_us) {
            cancel(conn);
            tx->was_cut = true;
            *ret = store_cut(err, is_hurried, what);
            return false;
        }
    }
    return true;
}
