/* SPDX-License-Identifier: Apache-2.0
 * What a sign-in provider answers: ID tokens and key sets from outside. Nobody without the key
 * makes a good token; what is taken for a key is one; claims that pass are the ones that are
 * wanted. The input is a token, or a key set, or the claims of a token that is signed. */
#include "modules/identity/identity_priv.h"
#include "modules/identity/jws.h"
#include "modules/identity/providers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;

static void as_token(Arena *arena, Str input)
{
    Jws jws;
    if (!jws_parse(arena, input, &jws)) {
        ASSERT(jws.alg <= JWS_EDDSA && json_is(jws.payload, JSON_OBJECT));
        ASSERT(jws.signature.len > 0 && jws.signed_part.len < input.len);
        ASSERT(jws.alg != JWS_EDDSA || !jws_verify(&jws, key));
    }
}

static void as_key_set(Arena *arena, Str input)
{
    static const JwsAlg algorithms[] = {JWS_RS256, JWS_ES256, JWS_EDDSA};
    static const char *const types[] = {"RSA", "EC", "ED25519"};
    const Json *set = jwks_parse(arena, input);
    for (size_t i = 0; set && i < ARRAY_LEN(algorithms); i++) {
        EVP_PKEY *found = jwks_find(arena, set, algorithms[i], STR_EMPTY);
        ASSERT(!found || EVP_PKEY_is_a(found, types[i]));
        EVP_PKEY_free(found);
    }
}

static void as_claims(Arena *arena, Str input)
{
    const IdTokenExpected expected = {STR("https://op.example"), STR("us"), STR("n"), STR("at"),
                                      INT64_C(1800000000)};
    Jws jws;
    Str token = jws_sign(arena, key, STR("{\"alg\":\"EdDSA\"}"), input);
    if (jws_parse(arena, token, &jws)) {
        return;
    }
    ASSERT(jws_verify(&jws, key));
    if (!id_token_check(arena, &jws, &expected)) {
        ASSERT(str_eq(json_str_at(jws.payload, "iss"), expected.issuer));
        ASSERT(str_eq(json_str_at(jws.payload, "nonce"), expected.nonce));
        ASSERT(json_str_at(jws.payload, "sub").len > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[ED25519_KEY_SIZE] = {3, 1, 4};
    Arena *arena = arena_new(0);
    Str input = str_dup(arena, str_of((const char *)data, size));
    if (!key) {
        key = ed25519_private(secret);
    }
    as_token(arena, input);
    as_key_set(arena, input);
    if (size < JWS_TOKEN_MAX / 2) {
        as_claims(arena, input);
    }
    ASSERT(!is_local_path(input) ||
           (input.ptr[0] == '/' && str_find_char(input, '\\') == SIZE_MAX));
    arena_free(arena);
    return 0;
}
