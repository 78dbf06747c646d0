/* SPDX-License-Identifier: Apache-2.0
 * identity/jws.h - signed tokens of others: JWS compact (RFC 7515) by RS256, ES256 or EdDSA with
 * the keys of a JSON Web Key Set (RFC 7517, 7518, 8037), and the claims of an ID token (OpenID
 * Connect Core). Pure: no database, no network, no clock. All input is hostile and bounded. */
#ifndef MODULES_IDENTITY_JWS_H
#define MODULES_IDENTITY_JWS_H

#include "base/arena.h"
#include "base/str.h"

#include "data/json.h"

#include <openssl/evp.h>

enum { JWS_TOKEN_MAX = 64 * 1024, JWKS_MAX = 256 * 1024, JWKS_KEYS_MAX = 64 };

typedef enum JwsAlg { JWS_RS256, JWS_ES256, JWS_EDDSA } JwsAlg;

typedef struct Jws {
    JwsAlg alg;
    Str kid; /* "" when it names none */
    const Json *payload;
    Str signed_part, signature; /* the signature decoded */
} Jws;

/* NULL when the token has the form of one that may be verified, and then *ret is it; else what is
 * wrong. "none", HMAC and every other algorithm are refused here, and so is what must be understood
 * (crit). Keys that the header brings along (jwk, jku, x5c, x5u) are never looked at. */
const char *jws_parse(Arena *arena, Str token, Jws *ret);

/* A key set of at most JWKS_MAX bytes; NULL when it is none. */
const Json *jwks_parse(Arena *arena, Str text);
/* The key of the set that fits kid and algorithm; without a kid, the only one that fits the
 * algorithm. NULL when there is none; EVP_PKEY_free. */
EVP_PKEY *jwks_find(Arena *arena, const Json *jwks, JwsAlg alg, Str kid);
/* NULL when it is no public key that the algorithm may be used with (RSA of 2048 to 8192 bits,
 * P-256, Ed25519). */
EVP_PKEY *jwk_public_key(Arena *arena, const Json *jwk, JwsAlg alg);
bool jws_verify(const Jws *jws, EVP_PKEY *key);

typedef struct IdTokenExpected {
    Str issuer, client_id, nonce;
    Str access_token; /* that came with it: at_hash */
    int64_t now_s;
} IdTokenExpected;

/* The claims of a verified ID token. NULL when all are as they must be; else which one is not. */
const char *id_token_check(Arena *arena, const Jws *jws, const IdTokenExpected *expected);

#endif
