/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_test_support.h - a server on loopback that answers by path, well or badly.
 *
 *   /ok /echo /status /chain/N /to?URL /to307?URL /loop-a /early /gzip-bomb      good manners
 *   /silence /drip /drip-head /endless /endless-head /short /bad-gzip /garbage   hostile
 *   anything else                                                                closed without a
 * word */
#ifndef NET_HTTP_CLIENT_TEST_SUPPORT_H
#define NET_HTTP_CLIENT_TEST_SUPPORT_H

#include "base/thread.h"

#include <stdatomic.h>

enum { CONNECTIONS_MAX = 256 };

typedef struct Server Server;

typedef struct Peer {
    Server *server;
    int fd;
    Thread thread;
} Peer;

struct Server {
    int fd;
    uint16_t port;
    Thread thread;
    atomic_bool stopping;
    atomic_uint connections, requests;
    atomic_int status; /* what /status answers */
    Peer peers[CONNECTIONS_MAX];
};

/* AF_INET or AF_INET6; NULL when this machine does not have the family. */
Server *server_start_on(int family);
void server_stop(Server *server);

/* Answers https with a certificate of its own for 127.0.0.1: /ok, and /to?URL as above. */
typedef struct TlsServer TlsServer;
TlsServer *tls_server_start(const char *certificate_file); /* writes the certificate there, PEM */
uint16_t tls_server_port(const TlsServer *server);
void tls_server_stop(TlsServer *server);

#endif
