/* SPDX-License-Identifier: Apache-2.0
 * identity/jwt.h - access tokens: JWS compact (RFC 7515) by Ed25519 (RFC 8037), with the claims of
 * RFC 9068. Pure: no database, no clock. One algorithm, chosen here and never by the token. */
#ifndef MODULES_IDENTITY_JWT_H
#define MODULES_IDENTITY_JWT_H

#include "base/arena.h"
#include "base/str.h"

#include <openssl/evp.h>

enum { ED25519_KEY_SIZE = 32, JWT_MAX = 4096 };
#define JWT_LEEWAY_S 60
#define JWT_AUDIENCE "fairway"

typedef struct JwtClaims {
    Str issuer, subject, session, id; /* iss, sub, sid, jti */
    int64_t issued_s, expires_s;      /* iat, exp */
} JwtClaims;

EVP_PKEY *ed25519_private(const uint8_t key[ED25519_KEY_SIZE]); /* EVP_PKEY_free */
EVP_PKEY *ed25519_public(const uint8_t key[ED25519_KEY_SIZE]);
void ed25519_public_of(EVP_PKEY *key, uint8_t out[ED25519_KEY_SIZE]);
/* RFC 7638, base64url: the kid. */
Str jwk_thumbprint(Arena *arena, EVP_PKEY *key);

/* RFC 7515 section 2: no padding, no other alphabet, no bits that do not count, so that a text has
 * one form. False also for more than max bytes. */
MUST_CHECK bool jws_unbase64url(Arena *arena, Str text, size_t max, Str *ret);
typedef struct JwsParts {
    Str header, payload, signature, signed_part; /* the last as written, the others in base64url */
} JwsParts;
/* The three parts of a compact JWS of at most max bytes. Borrows token. */
MUST_CHECK bool jws_split(Str token, size_t max, JwsParts *ret);

/* header and payload are JSON texts. */
Str jws_sign(Arena *arena, EVP_PKEY *key, Str header, Str payload);
/* Is the signature of a compact JWS that of the key? */
bool jws_is_signed(Arena *arena, EVP_PKEY *key, Str token);

Str jwt_sign(Arena *arena, EVP_PKEY *key, Str kid, const JwtClaims *claims);

/* The key id a token names, with all checks of its form and header; "" when it is none of ours. */
Str jwt_kid(Arena *arena, Str token);
/* NULL when the token is good at now_s, and then *ret holds its claims; else what is wrong with it,
 * for tests and logs: clients are told one sentence. */
const char *
jwt_verify(Arena *arena, EVP_PKEY *key, Str token, Str issuer, int64_t now_s, JwtClaims *ret);

#endif
