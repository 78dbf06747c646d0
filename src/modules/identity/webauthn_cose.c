/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/identity/webauthn_cose.h"

#include "modules/identity/webauthn_cbor.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

enum {
    LABEL_KTY = 1,
    LABEL_ALG = 3,
    LABEL_CRV = -1,
    LABEL_X = -2,
    LABEL_Y = -3,
    LABEL_RSA_N = -1,
    LABEL_RSA_E = -2
};
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, CRV_P256 = 1, CRV_ED25519 = 6 };
enum { COORDINATE = 32, RSA_MIN = 256, RSA_MAX = 512, EXPONENT_MAX = 4, MEMBERS_MAX = 16 };

/* Members with the labels 1, 3, -1, -2, -3; others are passed over. */
typedef struct Members {
    CborItem kty, alg, a, b, c;
} Members;

static CborItem *member(Members *m, int64_t label)
{
    switch (label) {
    case LABEL_KTY:
        return &m->kty;
    case LABEL_ALG:
        return &m->alg;
    case LABEL_CRV:
        return &m->a;
    case LABEL_X:
        return &m->b;
    case LABEL_Y:
        return &m->c;
    default:
        return NULL;
    }
}

static bool take_members(Str *rest, Members *ret)
{
    CborItem map, label;
    if (!cbor_take_kind(rest, CBOR_MAP, &map) || map.n > MEMBERS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < map.n; i++) {
        if (!cbor_take_kind(rest, CBOR_INTEGER, &label)) {
            return false;
        }
        CborItem *into = member(ret, label.integer);
        if (into ? into->kind != CBOR_REFUSED || !cbor_take(rest, into) : !cbor_skip(rest)) {
            return false; /* or twice the same */
        }
    }
    return true;
}

static bool is_integer(const CborItem *item, int64_t v)
{
    return item->kind == CBOR_INTEGER && item->integer == v;
}

static bool is_bytes(const CborItem *item, size_t min, size_t max)
{
    return item->kind == CBOR_BYTES && item->bytes.len >= min && item->bytes.len <= max;
}

/* ---- keys for OpenSSL, which checks that a point lies on its curve */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ASSERT(params && ctx);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *p256_key(Str x, Str y)
{
    uint8_t point[1 + 2 * COORDINATE] = {4}; /* uncompressed */
    memcpy(point + 1, x.ptr, COORDINATE);
    memcpy(point + 1 + COORDINATE, y.ptr, COORDINATE);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    ASSERT(build &&
           OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
           OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)));
    EVP_PKEY *key = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *rsa_key(Str n, Str e)
{
    BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.ptr, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const uint8_t *)e.ptr, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    ASSERT(modulus && exponent && build);
    EVP_PKEY *key = NULL;
    /* leading zeros would make it shorter than it looks; an even number is none of two primes */
    bool is_sound = BN_num_bits(modulus) > 8 * (RSA_MIN - 1) && BN_is_odd(modulus) &&
                    BN_is_odd(exponent) && !BN_is_one(exponent);
    if (is_sound) {
        ASSERT(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
               OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent));
        key = from_params("RSA", build);
    }
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

EVP_PKEY *cose_take_key(Str *rest, int *ret_algorithm)
{
    Members m = {0};
    if (!take_members(rest, &m)) {
        return NULL;
    }
    if (is_integer(&m.kty, KTY_EC2) && is_integer(&m.alg, COSE_ES256) &&
        is_integer(&m.a, CRV_P256) && is_bytes(&m.b, COORDINATE, COORDINATE) &&
        is_bytes(&m.c, COORDINATE, COORDINATE)) {
        *ret_algorithm = COSE_ES256;
        return p256_key(m.b.bytes, m.c.bytes);
    }
    if (is_integer(&m.kty, KTY_OKP) && is_integer(&m.alg, COSE_EDDSA) &&
        is_integer(&m.a, CRV_ED25519) && is_bytes(&m.b, COORDINATE, COORDINATE)) {
        *ret_algorithm = COSE_EDDSA;
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)m.b.bytes.ptr,
                                           COORDINATE);
    }
    if (is_integer(&m.kty, KTY_RSA) && is_integer(&m.alg, COSE_RS256) &&
        is_bytes(&m.a, RSA_MIN, RSA_MAX) && is_bytes(&m.b, 1, EXPONENT_MAX)) {
        *ret_algorithm = COSE_RS256;
        return rsa_key(m.a.bytes, m.b.bytes);
    }
    return NULL;
}

bool cose_is_signed(EVP_PKEY *key, int algorithm, Str message, Str signature)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    ASSERT(md);
    const EVP_MD *digest = algorithm == COSE_EDDSA ? NULL : EVP_sha256();
    bool ok = EVP_DigestVerifyInit(md, NULL, digest, NULL, key) == 1 &&
              EVP_DigestVerify(md, (const uint8_t *)signature.ptr, signature.len,
                               (const uint8_t *)message.ptr, message.len) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}
