/* SPDX-License-Identifier: Apache-2.0
 * TLS of the server: the certificate is handed to each handshake, so that another one can take its
 * place while connections go on; and certificates of clients.
 *
 * GnuTLS keeps pointers into what it was given for as long as a session lives, and sessions are
 * long: pairs that were replaced stay until the server ends. There are few. */
#include "base/buf.h"

#include "net/http_server_priv.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdlib.h>

enum { CHAIN_MAX = 16, NAME_MAX_BYTES = 1024, NAMES_MAX_BYTES = 8 * 1024 };

typedef struct TlsPair {
    struct TlsPair *older;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n_chain;
    gnutls_privkey_t key;
} TlsPair;

struct HttpTls {
    Mutex lock; /* guards now */
    TlsPair *now;
};

/* ---- the server's own */

static void pair_free(TlsPair *pair)
{
    for (unsigned i = 0; i < pair->n_chain; i++) {
        gnutls_pcert_deinit(&pair->chain[i]);
    }
    if (pair->key) {
        gnutls_privkey_deinit(pair->key);
    }
    free(pair);
}

static Rc refuse(Error *err, const char *what, int why)
{
    return error_set(err, RC_INVALID, "%s: %s", what, gnutls_strerror(why));
}

static Rc read_pair(TlsPair *pair, const char *cert_pem, const char *key_pem, Error *err)
{
    gnutls_datum_t cert = {(unsigned char *)(uintptr_t)cert_pem, (unsigned)strlen(cert_pem)};
    gnutls_datum_t key = {(unsigned char *)(uintptr_t)key_pem, (unsigned)strlen(key_pem)};
    unsigned n = CHAIN_MAX;
    int rc = gnutls_pcert_list_import_x509_raw(pair->chain, &n, &cert, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) {
        return refuse(err, "The TLS certificate cannot be used", rc);
    }
    pair->n_chain = n;
    rc = gnutls_privkey_init(&pair->key);
    if (rc < 0) {
        pair->key = NULL;
        return refuse(err, "The TLS key cannot be used", rc);
    }
    rc = gnutls_privkey_import_x509_raw(pair->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    return rc < 0 ? refuse(err, "The TLS key cannot be used", rc) : RC_OK;
}

static Rc use_pair(HttpTls *tls, const char *cert_pem, const char *key_pem, Error *err)
{
    TlsPair *pair = calloc(1, sizeof(*pair));
    ASSERT(pair != NULL);
    Rc rc = read_pair(pair, cert_pem, key_pem, err);
    if (rc != RC_OK) {
        pair_free(pair);
        return rc;
    }
    mutex_lock(&tls->lock);
    pair->older = tls->now;
    tls->now = pair;
    mutex_unlock(&tls->lock);
    return RC_OK;
}

/* A gnutls_certificate_retrieve_function2. */
static int on_handshake(gnutls_session_t session,
                        const gnutls_datum_t *authorities,
                        int n_authorities,
                        const gnutls_pk_algorithm_t *algorithms,
                        int n_algorithms,
                        gnutls_pcert_st **ret_chain,
                        unsigned *ret_n_chain,
                        gnutls_privkey_t *ret_key)
{
    HttpTls *tls = gnutls_session_get_ptr(session);
    (void)authorities, (void)n_authorities, (void)algorithms, (void)n_algorithms;
    if (!tls) {
        return -1;
    }
    mutex_lock(&tls->lock);
    TlsPair *pair = tls->now;
    mutex_unlock(&tls->lock);
    *ret_chain = pair->chain;
    *ret_n_chain = pair->n_chain;
    *ret_key = pair->key;
    return 0;
}

/* ---- clients' */

/* Anything but a chain to server's authorities, for a client and in its time, ends the handshake.
 */
static int on_client_certificate(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned status = 0, n = 0;
    if (!gnutls_certificate_get_peers(session, &n) || n == 0) {
        return 0; /* none: where it is required GnuTLS says so by itself */
    }
    int rc = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    return rc < 0 || status != 0 ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static gnutls_session_t session_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

void tls_begin(HttpServer *server, struct MHD_Connection *mhd)
{
    gnutls_session_t session = server->tls ? session_of(mhd) : NULL;
    if (!session) {
        return;
    }
    gnutls_session_set_ptr(session, server->tls);
    if (server->options.tls_client_ca_pem) {
        gnutls_session_set_verify_function(session, on_client_certificate);
        gnutls_certificate_server_set_request(session, server->options.tls_client_required
                                                           ? GNUTLS_CERT_REQUIRE
                                                           : GNUTLS_CERT_REQUEST);
    }
}

/* A name with a line break in it would look like two. */
static void add_name(Buf *out, const char *kind, Str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f) {
            return;
        }
    }
    if (name.len > 0 && out->len + name.len + strlen(kind) + 1 < NAMES_MAX_BYTES) {
        buf_fmt(out, "%s%s%.*s", out->len ? "\n" : "", kind, STR_ARG(name));
    }
}

static void add_names(Buf *out, gnutls_x509_crt_t cert)
{
    char text[NAME_MAX_BYTES];
    size_t size = sizeof(text);
    if (gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size) >= 0) {
        add_name(out, "CN=", str_of(text, size));
    }
    for (unsigned i = 0;; i++) {
        size = sizeof(text);
        int kind = gnutls_x509_crt_get_subject_alt_name(cert, i, text, &size, NULL);
        if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            return;
        }
        if (kind == GNUTLS_SAN_DNSNAME || kind == GNUTLS_SAN_URI) {
            add_name(out, kind == GNUTLS_SAN_URI ? "URI:" : "DNS:", str_of(text, size));
        } else if (kind < 0 && kind != GNUTLS_E_SHORT_MEMORY_BUFFER) {
            return;
        }
    }
}

/* The handshake has verified it: nobody gets here with another. */
char *tls_client_names(struct MHD_Connection *mhd)
{
    gnutls_session_t session = session_of(mhd);
    unsigned n = 0;
    const gnutls_datum_t *chain = session ? gnutls_certificate_get_peers(session, &n) : NULL;
    gnutls_x509_crt_t cert;
    char *ret = NULL;
    if (!chain || n == 0 || gnutls_x509_crt_init(&cert) < 0) {
        return NULL;
    }
    if (gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) >= 0) {
        Buf out = buf_init(NULL, NAMES_MAX_BYTES);
        add_names(&out, cert);
        ret = buf_ok(&out) && out.len > 0 ? strndup(out.ptr, out.len) : NULL;
        buf_done(&out);
    }
    gnutls_x509_crt_deinit(cert);
    return ret;
}

/* ---- options and life */

size_t tls_options(HttpServer *server, struct MHD_OptionItem *items)
{
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
    const HttpServerOptions *options = &server->options;
    size_t n = 0;
    items[n++] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)on_handshake};
    items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
    if (options->tls_client_ca_pem) {
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0,
                                             (void *)(uintptr_t)options->tls_client_ca_pem};
    }
    return n;
}

Rc tls_new(const HttpServerOptions *options, HttpTls **ret, Error *err)
{
    HttpTls *tls = calloc(1, sizeof(*tls));
    ASSERT(tls != NULL);
    mutex_init(&tls->lock);
    Rc rc = use_pair(tls, options->tls_cert_pem, options->tls_key_pem, err);
    if (rc != RC_OK) {
        tls_free(tls);
        return rc;
    }
    *ret = tls;
    return RC_OK;
}

void tls_free(HttpTls *tls)
{
    if (!tls) {
        return;
    }
    while (tls->now) {
        TlsPair *pair = tls->now;
        tls->now = pair->older;
        pair_free(pair);
    }
    mutex_done(&tls->lock);
    free(tls);
}

Rc http_server_renew_tls(HttpServer *server, const char *cert_pem, const char *key_pem, Error *err)
{
    ASSERT(server->tls != NULL);
    return use_pair(server->tls, cert_pem, key_pem, err);
}
