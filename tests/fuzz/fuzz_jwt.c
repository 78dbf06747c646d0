/* SPDX-License-Identifier: Apache-2.0
 * Access tokens from outside: nobody without the key makes a good one, whatever header and claims
 * it has; and what has a key id has the form of ours. */
#include "modules/identity/identity_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[ED25519_KEY_SIZE] = {1, 2, 3};
    static EVP_PKEY *key;
    Arena *arena = arena_new(0);
    Str input = str_dup(arena, str_of((const char *)data, size));
    JwtClaims claims;
    if (!key) {
        key = ed25519_private(secret);
    }
    ASSERT(jwt_verify(arena, key, input, STR("urn:fairway"), 0, &claims) != NULL);
    Str kid = jwt_kid(arena, input);
    ASSERT(kid.len == 0 || (input.len <= JWT_MAX && str_find_char(input, '.') != SIZE_MAX));
    ASSERT(!api_key_is_wellformed(input) || input.len == 40);
    /* The same text as claims that are signed: whatever they say, nothing breaks. */
    if (size < JWT_MAX / 2) {
        Str header = STR("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\"}");
        Str token = jws_sign(arena, key, header, input);
        const char *why = jwt_verify(arena, key, token, STR("urn:fairway"), 0, &claims);
        ASSERT(why || (claims.subject.len > 0 && claims.session.len > 0));
    }
    arena_free(arena);
    return 0;
}
