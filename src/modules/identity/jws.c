/* SPDX-License-Identifier: Apache-2.0
 * The algorithm decides which kind of key is looked for, so a public key is never taken for the
 * secret of an HMAC, nor a key of one curve for that of another. */
#include "modules/identity/jws.h"

#include "base/buf.h"
#include "base/hash.h"

#include "modules/identity/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

enum {
    HEADER_MAX = 4096,
    PAYLOAD_MAX = 48 * 1024,
    SIGNATURE_MAX = 1024,
    NODES_MAX = 8192,
    JWKS_NODES_MAX = 16384,
    DEPTH_MAX = 8,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192,
    RSA_EXPONENT_MAX = 8,
    P256_SIZE = 32,
    P256_POINT_SIZE = 2 * P256_SIZE + 1,
    ES256_SIZE = 2 * P256_SIZE,
    ES256_DER_MAX = 80,
    SUBJECT_MAX = 255
};

static const struct {
    const char *name, *kty, *crv;
} algorithms[] = {
    [JWS_RS256] = {"RS256", "RSA", NULL     },
    [JWS_ES256] = {"ES256", "EC",  "P-256"  },
    [JWS_EDDSA] = {"EdDSA", "OKP", "Ed25519"},
};

/* ---- the token */

static const Json *parse(Arena *arena, Str text, size_t max_bytes, size_t max_nodes)
{
    const JsonLimits limits = {
        .max_bytes = max_bytes, .max_depth = DEPTH_MAX, .max_nodes = max_nodes};
    Json *v = NULL;
    Error err = {0};
    bool ok = json_parse(arena, text, &limits, &v, &err) == RC_OK && json_is(v, JSON_OBJECT);
    return ok ? v : NULL;
}

static const Json *parse_part(Arena *arena, Str part, size_t max)
{
    Str text;
    return jws_unbase64url(arena, part, max, &text) ? parse(arena, text, max, NODES_MAX) : NULL;
}

static bool algorithm_of(Str name, JwsAlg *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (str_is(name, algorithms[i].name)) {
            *ret = (JwsAlg)i;
            return true;
        }
    }
    return false;
}

const char *jws_parse(Arena *arena, Str token, Jws *ret)
{
    JwsParts parts;
    Jws jws = {0};
    if (!jws_split(token, JWS_TOKEN_MAX, &parts)) {
        return "form";
    }
    const Json *header = parse_part(arena, parts.header, HEADER_MAX);
    if (!header) {
        return "header";
    }
    if (!algorithm_of(json_str_at(header, "alg"), &jws.alg)) {
        return "algorithm";
    }
    Str type = json_str_at(header, "typ");
    if (json_get_c(header, "crit") || (type.len > 0 && !str_eq_nocase(type, STR("JWT")))) {
        return "type";
    }
    jws.kid = json_str_at(header, "kid");
    jws.payload = parse_part(arena, parts.payload, PAYLOAD_MAX);
    if (!jws.payload) {
        return "payload";
    }
    if (!jws_unbase64url(arena, parts.signature, SIGNATURE_MAX, &jws.signature)) {
        return "signature";
    }
    jws.signed_part = parts.signed_part;
    *ret = jws;
    return NULL;
}

/* ---- keys */

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, type, NULL), *check = NULL;
    if (!params || !make || EVP_PKEY_fromdata_init(make) != 1 ||
        EVP_PKEY_fromdata(make, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    if (key) {
        check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (!check || EVP_PKEY_public_check(check) != 1) {
            EVP_PKEY_free(key);
            key = NULL;
        }
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(make);
    OSSL_PARAM_free(params);
    ERR_clear_error(); /* what is left in the queue of the thread would be taken for another's */
    return key;
}

static EVP_PKEY *rsa_key(Arena *arena, const Json *jwk)
{
    Str n, e;
    if (!jws_unbase64url(arena, json_str_at(jwk, "n"), RSA_BITS_MAX / 8, &n) ||
        !jws_unbase64url(arena, json_str_at(jwk, "e"), RSA_EXPONENT_MAX, &e)) {
        return NULL;
    }
    EVP_PKEY *key = NULL;
    BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.ptr, (int)n.len, NULL),
           *exponent = BN_bin2bn((const uint8_t *)e.ptr, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool is_usable = modulus && exponent && BN_num_bits(modulus) >= RSA_BITS_MIN &&
                     BN_is_odd(exponent) && !BN_is_one(exponent);
    if (is_usable && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        key = from_parameters("RSA", build);
    }
    OSSL_PARAM_BLD_free(build);
    BN_free(exponent);
    BN_free(modulus);
    return key;
}

static EVP_PKEY *p256_key(Arena *arena, const Json *jwk)
{
    Str x, y;
    uint8_t point[P256_POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    if (!jws_unbase64url(arena, json_str_at(jwk, "x"), P256_SIZE, &x) || x.len != P256_SIZE ||
        !jws_unbase64url(arena, json_str_at(jwk, "y"), P256_SIZE, &y) || y.len != P256_SIZE) {
        return NULL;
    }
    memcpy(point + 1, x.ptr, P256_SIZE);
    memcpy(point + 1 + P256_SIZE, y.ptr, P256_SIZE);
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1) {
        key = from_parameters("EC", build);
    }
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *ed25519_key(Arena *arena, const Json *jwk)
{
    Str x;
    bool ok = jws_unbase64url(arena, json_str_at(jwk, "x"), ED25519_KEY_SIZE, &x) &&
              x.len == ED25519_KEY_SIZE;
    return ok ? ed25519_public((const uint8_t *)x.ptr) : NULL;
}

static bool is_absent_or(const Json *jwk, const char *member, const char *value)
{
    const Json *v = json_get_c(jwk, member);
    return !v || str_is(json_str(v), value);
}

EVP_PKEY *jwk_public_key(Arena *arena, const Json *jwk, JwsAlg alg)
{
    const char *curve = algorithms[alg].crv;
    if (!str_is(json_str_at(jwk, "kty"), algorithms[alg].kty) || !is_absent_or(jwk, "use", "sig") ||
        !is_absent_or(jwk, "alg", algorithms[alg].name) ||
        (curve && !str_is(json_str_at(jwk, "crv"), curve))) {
        return NULL;
    }
    switch (alg) {
    case JWS_RS256:
        return rsa_key(arena, jwk);
    case JWS_ES256:
        return p256_key(arena, jwk);
    case JWS_EDDSA:
        return ed25519_key(arena, jwk);
    }
    return NULL;
}

const Json *jwks_parse(Arena *arena, Str text)
{
    const Json *set = parse(arena, text, JWKS_MAX, JWKS_NODES_MAX);
    const Json *list = json_get_c(set, "keys");
    return json_is(list, JSON_ARRAY) && list->n <= JWKS_KEYS_MAX ? set : NULL;
}

EVP_PKEY *jwks_find(Arena *arena, const Json *jwks, JwsAlg alg, Str kid)
{
    const Json *list = json_get_c(jwks, "keys");
    EVP_PKEY *found = NULL;
    for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
        const Json *jwk = list->items[i];
        if (kid.len > 0 && !str_eq(json_str_at(jwk, "kid"), kid)) {
            continue;
        }
        EVP_PKEY *key = jwk_public_key(arena, jwk, alg);
        if (key && found) { /* which one is meant? */
            EVP_PKEY_free(key);
            EVP_PKEY_free(found);
            return NULL;
        }
        found = key ? key : found;
    }
    return found;
}

/* ---- signatures */

/* JWS has the two numbers one after the other, OpenSSL wants them in DER. */
static bool es256_to_der(Str signature, uint8_t out[ES256_DER_MAX], size_t *ret_size)
{
    if (signature.len != ES256_SIZE) {
        return false;
    }
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, P256_SIZE, NULL),
           *s = BN_bin2bn(bytes + P256_SIZE, P256_SIZE, NULL);
    if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return false;
    }
    uint8_t *at = out;
    int size = i2d_ECDSA_SIG(sig, NULL);
    bool ok = size > 0 && size <= ES256_DER_MAX && i2d_ECDSA_SIG(sig, &at) == size;
    ECDSA_SIG_free(sig);
    *ret_size = ok ? (size_t)size : 0;
    return ok;
}

bool jws_verify(const Jws *jws, EVP_PKEY *key)
{
    uint8_t der[ES256_DER_MAX];
    const uint8_t *signature = (const uint8_t *)jws->signature.ptr;
    size_t size = jws->signature.len;
    if (jws->alg == JWS_ES256) {
        if (!es256_to_der(jws->signature, der, &size)) {
            return false;
        }
        signature = der;
    }
    const EVP_MD *digest = jws->alg == JWS_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && EVP_DigestVerifyInit(md, NULL, digest, NULL, key) == 1 &&
              EVP_DigestVerify(md, signature, size, (const uint8_t *)jws->signed_part.ptr,
                               jws->signed_part.len) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return ok;
}

/* ---- the claims of an ID token */

static bool is_audience(const Json *payload, Str client_id)
{
    const Json *aud = json_get_c(payload, "aud"), *azp = json_get_c(payload, "azp");
    bool is_named = str_eq(json_str(aud), client_id);
    for (uint32_t i = 0; json_is(aud, JSON_ARRAY) && i < aud->n; i++) {
        is_named = is_named || str_eq(json_str(aud->items[i]), client_id);
    }
    bool is_shared = json_is(aud, JSON_ARRAY) && aud->n > 1;
    return is_named && (azp || !is_shared) && (!azp || str_eq(json_str(azp), client_id));
}

/* NumericDate may have a fraction. */
static bool time_at(const Json *payload, const char *claim, double *ret)
{
    return json_to_double(json_get_c(payload, claim), ret);
}

/* OpenID Connect Core 3.1.3.6: the left half of the hash that goes with the algorithm. */
static bool is_hash_of(Arena *arena, JwsAlg alg, Str at_hash, Str access_token)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const EVP_MD *md = alg == JWS_EDDSA ? EVP_sha512() : EVP_sha256();
    Buf half = buf_init(arena, 2 * EVP_MAX_MD_SIZE);
    if (EVP_Digest(access_token.ptr, access_token.len, digest, &size, md, NULL) != 1) {
        return false;
    }
    buf_base64url(&half, str_of((const char *)digest, size / 2));
    return str_eq(at_hash, buf_str(&half));
}

static const char *check_times(const Json *payload, int64_t now_s)
{
    double now = (double)now_s, expires, issued, not_before;
    if (!time_at(payload, "exp", &expires) || !time_at(payload, "iat", &issued)) {
        return "times";
    }
    if (expires + JWT_LEEWAY_S <= now) {
        return "expired";
    }
    if (issued > now + JWT_LEEWAY_S) {
        return "issued in the future";
    }
    if (json_get_c(payload, "nbf") &&
        (!time_at(payload, "nbf", &not_before) || not_before > now + JWT_LEEWAY_S)) {
        return "not yet valid";
    }
    return NULL;
}

const char *id_token_check(Arena *arena, const Jws *jws, const IdTokenExpected *expected)
{
    const Json *payload = jws->payload, *at_hash = json_get_c(payload, "at_hash");
    Str subject = json_str_at(payload, "sub");
    if (!str_eq(json_str_at(payload, "iss"), expected->issuer)) {
        return "issuer";
    }
    if (!is_audience(payload, expected->client_id)) {
        return "audience";
    }
    if (subject.len == 0 || subject.len > SUBJECT_MAX) {
        return "subject";
    }
    const char *why = check_times(payload, expected->now_s);
    if (why) {
        return why;
    }
    if (!str_eq_secret(json_str_at(payload, "nonce"), expected->nonce)) {
        return "nonce";
    }
    if (at_hash && !is_hash_of(arena, jws->alg, json_str(at_hash), expected->access_token)) {
        return "at_hash";
    }
    return NULL;
}
