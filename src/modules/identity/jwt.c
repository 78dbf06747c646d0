/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/identity/jwt.h"

#include "base/hash.h"

#include "data/json.h"

enum { SIGNATURE_SIZE = 64, HEADER_MAX = 512, CLAIMS_MAX = 2048, NODES_MAX = 64, DEPTH_MAX = 4 };

/* ---- keys */

EVP_PKEY *ed25519_private(const uint8_t key[ED25519_KEY_SIZE])
{
    EVP_PKEY *made = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_SIZE);
    ASSERT(made); /* any 32 bytes are a key */
    return made;
}

EVP_PKEY *ed25519_public(const uint8_t key[ED25519_KEY_SIZE])
{
    EVP_PKEY *made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_SIZE);
    ASSERT(made);
    return made;
}

void ed25519_public_of(EVP_PKEY *key, uint8_t out[ED25519_KEY_SIZE])
{
    size_t size = ED25519_KEY_SIZE;
    ASSERT(EVP_PKEY_get_raw_public_key(key, out, &size) == 1 && size == ED25519_KEY_SIZE);
}

static Str base64url(Arena *arena, Str bytes)
{
    Buf out = buf_init(arena, 2 * bytes.len + 8);
    buf_base64url(&out, bytes);
    return buf_str(&out);
}

Str jwk_thumbprint(Arena *arena, EVP_PKEY *key)
{
    uint8_t public_key[ED25519_KEY_SIZE], digest[SHA256_SIZE];
    ed25519_public_of(key, public_key);
    Str x = base64url(arena, str_of((const char *)public_key, sizeof(public_key)));
    sha256(str_fmt(arena, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%.*s\"}", STR_ARG(x)),
           digest);
    return base64url(arena, str_of((const char *)digest, sizeof(digest)));
}

/* ---- JWS */

Str jws_sign(Arena *arena, EVP_PKEY *key, Str header, Str payload)
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t size = sizeof(signature);
    Buf out = buf_init(arena, 2 * (header.len + payload.len) + 256);
    buf_base64url(&out, header);
    buf_char(&out, '.');
    buf_base64url(&out, payload);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(md, signature, &size, (const uint8_t *)out.ptr, out.len) == 1;
    EVP_MD_CTX_free(md);
    ASSERT(ok && size == SIGNATURE_SIZE); /* only memory can lack */
    buf_char(&out, '.');
    buf_base64url(&out, str_of((const char *)signature, size));
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}

bool jws_unbase64url(Arena *arena, Str text, size_t max, Str *ret)
{
    Buf out = buf_init(arena, max);
    if (text.len == 0 || text.len > 2 * max || !buf_unbase64(&out, text) || !buf_ok(&out)) {
        return false;
    }
    *ret = buf_str(&out);
    return str_eq(base64url(arena, *ret), text);
}

bool jws_split(Str token, size_t max, JwsParts *ret)
{
    Str rest = token;
    if (token.len > max || !str_split(&rest, '.', &ret->header) || !rest.ptr ||
        !str_split(&rest, '.', &ret->payload) || !rest.ptr ||
        !str_split(&rest, '.', &ret->signature) || rest.ptr) {
        return false;
    }
    ret->signed_part = str_sub(token, 0, ret->header.len + 1 + ret->payload.len);
    return true;
}

static bool is_signed(Arena *arena, EVP_PKEY *key, const JwsParts *parts)
{
    Str signature;
    if (!jws_unbase64url(arena, parts->signature, SIGNATURE_SIZE, &signature) ||
        signature.len != SIGNATURE_SIZE) {
        return false;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok =
        md && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(md, (const uint8_t *)signature.ptr, signature.len,
                         (const uint8_t *)parts->signed_part.ptr, parts->signed_part.len) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}

bool jws_is_signed(Arena *arena, EVP_PKEY *key, Str token)
{
    JwsParts parts;
    return jws_split(token, JWT_MAX, &parts) && is_signed(arena, key, &parts);
}

/* ---- JWT */

Str jwt_sign(Arena *arena, EVP_PKEY *key, Str kid, const JwtClaims *claims)
{
    Json *payload = json_object(arena);
    Str header =
        str_fmt(arena, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%.*s\"}", STR_ARG(kid));
    json_set_str(arena, payload, "iss", claims->issuer);
    json_set_str(arena, payload, "aud", STR(JWT_AUDIENCE));
    json_set_str(arena, payload, "sub", claims->subject);
    json_set_str(arena, payload, "sid", claims->session);
    json_set_c(arena, payload, "iat", json_int(arena, claims->issued_s));
    json_set_c(arena, payload, "exp", json_int(arena, claims->expires_s));
    json_set_str(arena, payload, "jti", claims->id);
    return jws_sign(arena, key, header, json_to_str(arena, payload));
}

static Json *parse(Arena *arena, Str part, size_t max)
{
    const JsonLimits limits = {.max_bytes = max, .max_depth = DEPTH_MAX, .max_nodes = NODES_MAX};
    Json *v = NULL;
    Str text;
    Error err = {0};
    if (!jws_unbase64url(arena, part, max, &text) ||
        json_parse(arena, text, &limits, &v, &err) != RC_OK || !json_is(v, JSON_OBJECT)) {
        return NULL;
    }
    return v;
}

/* A header member we do not know could want a key from elsewhere (jku, jwk, x5u, x5c) or change
 * what is signed (crit, b64): all but ours are refused. */
static bool has_only_ours(const Json *header)
{
    for (uint32_t i = 0; i < header->n; i++) {
        Str key = header->members[i].key;
        if (!str_is(key, "alg") && !str_is(key, "typ") && !str_is(key, "kid")) {
            return false;
        }
    }
    return true;
}

Str jwt_kid(Arena *arena, Str token)
{
    JwsParts parts;
    if (!jws_split(token, JWT_MAX, &parts)) {
        return STR_EMPTY;
    }
    const Json *header = parse(arena, parts.header, HEADER_MAX);
    if (!header || !has_only_ours(header) || !str_is(json_str_at(header, "alg"), "EdDSA") ||
        !str_is(json_str_at(header, "typ"), "at+jwt")) {
        return STR_EMPTY;
    }
    return json_str_at(header, "kid");
}

static const char *check_claims(const Json *payload, Str issuer, int64_t now_s, JwtClaims *c)
{
    *c = (JwtClaims){.issuer = json_str_at(payload, "iss"),
                     .subject = json_str_at(payload, "sub"),
                     .session = json_str_at(payload, "sid"),
                     .id = json_str_at(payload, "jti")};
    if (!str_eq(c->issuer, issuer)) {
        return "issuer";
    }
    if (!str_is(json_str_at(payload, "aud"), JWT_AUDIENCE)) {
        return "audience";
    }
    if (c->subject.len == 0 || c->session.len == 0 || c->id.len == 0) {
        return "claims";
    }
    if (!json_to_i64(json_get_c(payload, "iat"), &c->issued_s) ||
        !json_to_i64(json_get_c(payload, "exp"), &c->expires_s)) {
        return "times";
    }
    if (c->issued_s > now_s + JWT_LEEWAY_S) {
        return "issued in the future";
    }
    int64_t not_before = c->issued_s;
    const Json *nbf = json_get_c(payload, "nbf");
    if (nbf && (!json_to_i64(nbf, &not_before) || not_before > now_s + JWT_LEEWAY_S)) {
        return "not yet valid";
    }
    return c->expires_s + JWT_LEEWAY_S <= now_s ? "expired" : NULL;
}

const char *
jwt_verify(Arena *arena, EVP_PKEY *key, Str token, Str issuer, int64_t now_s, JwtClaims *ret)
{
    JwsParts parts;
    JwtClaims claims;
    if (jwt_kid(arena, token).len == 0 || !jws_split(token, JWT_MAX, &parts)) {
        return "form";
    }
    if (!is_signed(arena, key, &parts)) {
        return "signature";
    }
    const Json *payload = parse(arena, parts.payload, CLAIMS_MAX);
    if (!payload) {
        return "payload";
    }
    const char *why = check_claims(payload, issuer, now_s, &claims);
    if (!why) {
        *ret = claims;
    }
    return why;
}
