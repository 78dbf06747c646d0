/* SPDX-License-Identifier: Apache-2.0
 * Connections per client address, over all I/O threads: the daemons' own limit would count each
 * thread by itself, and the kernel spreads a client's connections unevenly. Touched once per
 * connection, never per request. */
#include "net/http_server_priv.h"

#include <search.h>

typedef struct PeerCount {
    char peer[INET6_ADDRSTRLEN]; /* first: the key */
    unsigned n;
} PeerCount;

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static PeerCount *find(HttpServer *server, const char *peer)
{
    void *node = tfind(peer, &server->peers, compare);

    return node ? *(PeerCount **)node : NULL;
}

bool peers_have_room(HttpServer *server, const char *peer)
{
    unsigned max = server->options.max_per_address;

    if (max == 0) {
        return true;
    }
    mutex_lock(&server->peers_lock);
    const PeerCount *count = find(server, peer);
    bool has_room = !count || count->n < max;
    mutex_unlock(&server->peers_lock);
    return has_room;
}

void peers_add(HttpServer *server, const char *peer)
{
    if (server->options.max_per_address == 0) {
        return;
    }
    mutex_lock(&server->peers_lock);
    PeerCount *count = find(server, peer);
    if (!count) {
        count = calloc(1, sizeof(*count));
        ASSERT(count != NULL);
        memcpy(count->peer, peer, strlen(peer) + 1);
        ASSERT(tsearch(count, &server->peers, compare) != NULL);
    }
    count->n++;
    mutex_unlock(&server->peers_lock);
}

void peers_remove(HttpServer *server, const char *peer)
{
    if (server->options.max_per_address == 0) {
        return;
    }
    mutex_lock(&server->peers_lock);
    PeerCount *count = find(server, peer);
    ASSERT(count != NULL && count->n > 0);
    count->n--;
    if (count->n == 0) {
        tdelete(count, &server->peers, compare);
        free(count);
    }
    mutex_unlock(&server->peers_lock);
}

void peers_done(HttpServer *server)
{
    tdestroy(server->peers, free);
    server->peers = NULL;
}

void peer_format(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    static const char mapped[] = "::ffff:";
    const void *bytes = NULL;

    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (address->sa_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    }
    if (!bytes || !inet_ntop(address->sa_family, bytes, out, INET6_ADDRSTRLEN)) {
        return;
    }
    /* A dual-stack socket shows IPv4 clients in this form; one client must have one name. */
    if (strncmp(out, mapped, sizeof(mapped) - 1) == 0 && strchr(out, '.')) {
        memmove(out, out + sizeof(mapped) - 1, strlen(out) - (sizeof(mapped) - 1) + 1);
    }
}
