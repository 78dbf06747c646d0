/* SPDX-License-Identifier: Apache-2.0
 * What protects the API, from the settings: limits, origins, proxies, TLS. */
#include "base/file.h"

#include "app/app.h"
#include "platform/settings/settings.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static const size_t pem_max = MIB;

/* ---- limits */

static LimitPolicy policy_of(Settings *settings, LimitKind kind)
{
    static const char *const names[LIMIT_KINDS][3] = {
        {"limits.user_per_minute",    "limits.user_burst",    "limits.user_per_day"},
        {"limits.key_per_minute",     "limits.key_burst",     "limits.key_per_day" },
        {"limits.address_per_minute", "limits.address_burst", NULL                 },
        {"limits.auth_per_minute",    "limits.auth_burst",    NULL                 },
    };
    const char *const *of = names[kind];
    return (LimitPolicy){
        .per_minute = settings_int(settings, of[0]),
        .burst = settings_int(settings, of[1]),
        .per_day = of[2] ? settings_int(settings, of[2]) : 0,
    };
}

static bool is_limited(Settings *settings)
{
    Str mode = settings_str(settings, "limits.mode");
    return str_is(mode, "on") ||
           (str_is(mode, "auto") && !str_is(settings_str(settings, "auth.mode"), "open"));
}

Rc app_gateway(const Platform *platform, ApiOptions *options, Error *err)
{
    Settings *settings = platform->settings;
    LimitsOptions limits = {.redis_url = settings_str(settings, "redis.url"),
                            .redis_timeout_us = settings_duration_us(settings, "redis.timeout"),
                            .metrics = platform->metrics};
    options->cors_origins = settings_str(settings, "server.cors.origins");
    options->trusted_proxies = settings_str(settings, "server.trusted_proxies");
    options->is_https = settings_str(settings, "server.tls.cert").len > 0 ||
                        str_starts(settings_str(settings, "server.base_url"), STR("https://"));
    if (!is_limited(settings)) {
        return RC_OK;
    }
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        limits.policies[kind] = policy_of(settings, kind);
    }
    /* the bounds of the other settings are those of the policies */
    return app_blame_setting(settings, "redis.url", limits_new(&limits, &options->limits, err),
                             err);
}

/* ---- TLS */

static Rc read_pem(Settings *settings, Arena *arena, const char *name, Str *ret, Error *err)
{
    const char *path = str_cstr(arena, settings_str(settings, name));
    Rc rc = file_read(arena, path, pem_max, ret, err);
    if (rc != RC_OK) {
        rc = error_set(err, RC_INVALID, "%s",
                       err->message); /* whatever it is, the setting is wrong */
    }
    return app_blame_setting(settings, name, rc, err);
}

static BIO *bio_of(Str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    ASSERT(bio != NULL);
    return bio;
}

/* No terminal is asked for the passphrase of a key. */
static int no_passphrase(char *buf, int size, int writes, void *user)
{
    (void)buf, (void)size, (void)writes, (void)user;
    return -1;
}

static Rc check_pair(Settings *settings, Str cert, Str key, Error *err)
{
    BIO *cert_bio = bio_of(cert);
    BIO *key_bio = bio_of(key);
    X509 *x509 = PEM_read_bio_X509(cert_bio, NULL, no_passphrase, NULL);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL);
    Rc rc = RC_OK;
    if (!x509) {
        rc = error_set(err, RC_INVALID, "the file has no certificate in PEM");
        rc = app_blame_setting(settings, "server.tls.cert", rc, err);
    } else if (!pkey) {
        rc = error_set(err, RC_INVALID, "the file has no private key in PEM without a passphrase");
        rc = app_blame_setting(settings, "server.tls.key", rc, err);
    } else if (X509_check_private_key(x509, pkey) != 1) {
        rc =
            error_set(err, RC_INVALID, "the key is not that of the certificate in server.tls.cert");
        rc = app_blame_setting(settings, "server.tls.key", rc, err);
    }
    X509_free(x509);
    EVP_PKEY_free(pkey);
    IGNORE(BIO_free(cert_bio) + BIO_free(key_bio)); /* memory: nothing to lose */
    return rc;
}

static Rc read_client_ca(Settings *settings, Arena *arena, HttpServerOptions *options, Error *err)
{
    Str mode = settings_str(settings, "server.tls.clients"), pem;
    if (str_is(mode, "off")) {
        return RC_OK;
    }
    if (settings_str(settings, "server.tls.client_ca").len == 0) {
        return error_set(err, RC_INVALID,
                         "server.tls.clients needs the authorities in server.tls.client_ca");
    }
    TRY(read_pem(settings, arena, "server.tls.client_ca", &pem, err));
    BIO *bio = bio_of(pem);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    bool is_there = x509 != NULL;
    X509_free(x509);
    IGNORE(BIO_free(bio)); /* memory: nothing to lose */
    if (!is_there) {
        Rc rc = error_set(err, RC_INVALID, "the file has no certificate in PEM");
        return app_blame_setting(settings, "server.tls.client_ca", rc, err);
    }
    options->tls_client_ca_pem = str_cstr(arena, pem);
    options->tls_client_required = str_is(mode, "required");
    return RC_OK;
}

Rc app_read_tls(Settings *settings, Arena *arena, HttpServerOptions *options, Error *err)
{
    bool has_cert = settings_str(settings, "server.tls.cert").len > 0;
    bool has_key = settings_str(settings, "server.tls.key").len > 0;
    Str cert, key;
    if (!has_cert && !has_key) {
        return RC_OK;
    }
    if (!has_cert || !has_key) {
        return error_set(err, RC_INVALID,
                         "TLS needs both server.tls.cert and server.tls.key; %s is missing",
                         has_cert ? "server.tls.key" : "server.tls.cert");
    }
    TRY(read_pem(settings, arena, "server.tls.cert", &cert, err));
    TRY(read_pem(settings, arena, "server.tls.key", &key, err));
    TRY(check_pair(settings, cert, key, err));
    options->tls_cert_pem = str_cstr(arena, cert);
    options->tls_key_pem = str_cstr(arena, key);
    return read_client_ca(settings, arena, options, err);
}

Rc app_renew_tls(Settings *settings, HttpServer *server, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    HttpServerOptions options = {0};
    TRY(app_read_tls(settings, arena, &options, err));
    return options.tls_cert_pem
               ? http_server_renew_tls(server, options.tls_cert_pem, options.tls_key_pem, err)
               : RC_OK;
}
