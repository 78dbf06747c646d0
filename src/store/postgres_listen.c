/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_listen.c - telling the other processes on one PostgreSQL that there is news.
 *
 * One thread with a connection of its own, which LISTENs and also sends. NOTIFY is not sent by the
 * transactions that write: PostgreSQL holds one lock for the whole server from there until the
 * commit is on disk, and writers would take turns (measured: 560 to 1,300 transactions a second
 * instead of 3,000, with 32 clients). A transaction of nothing but NOTIFY waits for no disk. What
 * many commits ask for while one is under way goes out as one.
 *
 * Nothing depends on a notice: whoever is told looks into the database, and looks now and then
 * anyway. So one that is lost with its process or connection costs time, not news. */
#include "base/time.h"

#include "store/postgres_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RETRY_MAX_MS = 5000, CHANNEL_MAX = 160, ALL_TOPICS = 0xff };

struct PgListener {
    Thread thread;
    const char *url;
    DbOnNotice on_notice;
    void *user;
    int event_fd;
    _Atomic unsigned to_send;
    atomic_bool is_stopping, is_up;
    PGconn *pg;                /* the thread's */
    char channel[CHANNEL_MAX]; /* quoted; one per schema */
};

static void ring(PgListener *l)
{
    uint64_t one = 1;
    /* Fails only when the counter is full: then it is readable, which is all we want. */
    IGNORE(write(l->event_fd, &one, sizeof(one)) != sizeof(one));
}

/* Waits for the eventfd, and for the connection when there is one. */
static void wait_for_news(PgListener *l, int timeout_ms)
{
    uint64_t count;
    struct pollfd fds[] = {
        {.fd = l->event_fd,                  .events = POLLIN},
        {.fd = l->pg ? PQsocket(l->pg) : -1, .events = POLLIN}
    };
    int n = poll(fds, ARRAY_LEN(fds), timeout_ms);
    ASSERT(n >= 0 || errno == EINTR);
    if (n > 0 && fds[0].revents) {
        IGNORE(read(l->event_fd, &count, sizeof(count)) < 0); /* empty already: nothing lost */
    }
}

static bool run(PgListener *l, const char *sql)
{
    PGresult *result = PQexec(l->pg, sql);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return ok;
}

/* Schemas of one database do not hear each other. */
static bool find_channel(PgListener *l)
{
    PGresult *result =
        PQexec(l->pg, "SELECT quote_ident(left('fairway.' || coalesce(current_schema(), ''), 63))");
    bool ok = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
              PQgetlength(result, 0, 0) < CHANNEL_MAX;
    if (ok) {
        IGNORE(snprintf(l->channel, sizeof(l->channel), "%s", PQgetvalue(result, 0, 0)) < 0);
    }
    PQclear(result);
    return ok;
}

static bool connect_and_listen(PgListener *l)
{
    static const char *const keys[] = {"tcp_user_timeout", "keepalives_idle", "application_name",
                                       "dbname",           "connect_timeout", NULL};
    const char *values[] = {"30000", "30", "fairway-listen", l->url, "2", NULL};
    char sql[CHANNEL_MAX + 16];

    l->pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(l->pg) != CONNECTION_OK || !find_channel(l)) {
        return false;
    }
    IGNORE(snprintf(sql, sizeof(sql), "LISTEN %s", l->channel) < 0); /* fits */
    return run(l, sql);
}

static bool send_notices(PgListener *l)
{
    char sql[CHANNEL_MAX + 32];
    unsigned topics = atomic_exchange(&l->to_send, 0);
    if (topics == 0) {
        return true;
    }
    IGNORE(snprintf(sql, sizeof(sql), "NOTIFY %s, '%u'", l->channel, topics) < 0); /* fits */
    if (run(l, sql)) {
        return true;
    }
    atomic_fetch_or(&l->to_send, topics); /* on the next connection */
    return false;
}

static void take_notices(PgListener *l)
{
    unsigned topics = 0;
    PGnotify *notice = PQnotifies(l->pg);
    while (notice) {
        int64_t n;
        if (notice->be_pid != PQbackendPID(l->pg) && str_to_i64(str_from(notice->extra), &n)) {
            topics |= (unsigned)n & ALL_TOPICS;
        }
        PQfreemem(notice);
        notice = PQnotifies(l->pg);
    }
    if (topics) {
        l->on_notice(l->user, topics);
    }
}

/* Until the connection is lost or the listener stops. */
static void serve(PgListener *l)
{
    while (!atomic_load(&l->is_stopping) && send_notices(l)) {
        take_notices(l); /* sending may have read some */
        wait_for_news(l, -1);
        if (PQconsumeInput(l->pg) != 1) {
            return;
        }
        take_notices(l);
    }
}

static void *listener_main(void *user)
{
    PgListener *l = user;
    int retry_ms = PG_RETRY_MS;
    while (!atomic_load(&l->is_stopping)) {
        if (connect_and_listen(l)) {
            retry_ms = PG_RETRY_MS;
            atomic_store(&l->is_up, true);
            l->on_notice(l->user, ALL_TOPICS); /* of what was said before */
            serve(l);
            atomic_store(&l->is_up, false);
            l->on_notice(l->user, ALL_TOPICS); /* to look by itself from now on */
        }
        PQfinish(l->pg);
        l->pg = NULL;
        if (!atomic_load(&l->is_stopping)) {
            wait_for_news(l, retry_ms);
            retry_ms = MIN(retry_ms * 2, RETRY_MAX_MS);
        }
    }
    return NULL;
}

Rc pg_listen(Db *base, DbOnNotice on_notice, void *user, Error *err)
{
    PgDb *db = (PgDb *)base;
    PgListener *l = store_alloc(1, sizeof(*l));
    ASSERT(!db->listener);
    *l = (PgListener){.url = db->primary.url,
                      .on_notice = on_notice,
                      .user = user,
                      .event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (l->event_fd < 0) {
        free(l);
        return error_set(err, RC_INTERNAL, "There are no file descriptors left");
    }
    thread_start(&l->thread, "db-listen", listener_main, l);
    db->listener = l;
    return RC_OK;
}

void pg_listen_stop(Db *base)
{
    PgDb *db = (PgDb *)base;
    PgListener *l = db->listener;
    if (l) {
        atomic_store(&l->is_stopping, true);
        ring(l);
        thread_join(&l->thread);
        IGNORE(close(l->event_fd) != 0);
        free(l);
        db->listener = NULL;
    }
}

void pg_notify(Db *base, unsigned topics)
{
    PgListener *l = ((PgDb *)base)->listener;
    ASSERT((topics & ~(unsigned)ALL_TOPICS) == 0);
    if (l && atomic_fetch_or(&l->to_send, topics) == 0) {
        ring(l);
    }
}

bool pg_is_listening(const Db *base)
{
    const PgListener *l = ((const PgDb *)base)->listener;
    return l && atomic_load_explicit(&l->is_up, memory_order_relaxed);
}
