/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_test_tls.c - a small https server; one request per connection. */
#include "base/test.h"

#include "net/http_client_test_support.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

struct TlsServer {
    int fd;
    uint16_t port;
    Thread thread;
    atomic_bool stopping;
    SSL_CTX *tls;
};

static X509 *certificate_make(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

    assert_true(X509_set_version(certificate, 2));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test",
                                           -1, -1, 0));
    assert_true(X509_set_issuer_name(certificate, name));
    assert_true(X509_add_ext(certificate, alt, -1));
    assert_true(X509_set_pubkey(certificate, key));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(alt);
    return certificate;
}

static SSL_CTX *context_make(const char *certificate_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_make(key);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    FILE *file = fopen(certificate_file, "we");

    assert_non_null(file);
    assert_true(PEM_write_X509(file, certificate));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(SSL_CTX_use_certificate(tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

static void serve(SSL *ssl)
{
    char request[8192], reply[1024];
    int len = 0, n = 0;

    while ((n = SSL_read(ssl, request + len, (int)sizeof request - len - 1)) > 0) {
        len += n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) {
            break;
        }
    }
    if (n <= 0) {
        return;
    }
    Str target = str_from_index(str_of(request, (size_t)len), 4); /* after "GET " */
    target = str_sub(target, 0, str_find_char(target, ' '));
    if (str_starts(target, STR("/to?"))) {
        target = str_from_index(target, 4);
        n = snprintf(reply, sizeof reply,
                     "HTTP/1.1 302 F\r\nLocation: %.*s\r\nContent-Length: 0\r\n\r\n",
                     STR_ARG(target));
    } else {
        n = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    }
    IGNORE(SSL_write(ssl, reply, n) <= 0); /* the client finds out */
    IGNORE(SSL_shutdown(ssl) < 0);
}

static void *tls_server_main(void *arg)
{
    TlsServer *s = arg;

    while (!atomic_load(&s->stopping)) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        SSL *ssl = SSL_new(s->tls);

        if (fd >= 0 && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
            serve(ssl);
        }
        SSL_free(ssl);
        IGNORE(fd >= 0 && close(fd) != 0);
    }
    return NULL;
}

TlsServer *tls_server_start(const char *certificate_file)
{
    TlsServer *s = calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    s->tls = context_make(certificate_file);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    thread_start(&s->thread, "tls-server", tls_server_main, s);
    return s;
}

uint16_t tls_server_port(const TlsServer *s)
{
    return s->port;
}

void tls_server_stop(TlsServer *s)
{
    atomic_store(&s->stopping, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    thread_join(&s->thread);
    assert_int_equal(close(s->fd), 0);
    SSL_CTX_free(s->tls);
    free(s);
}
