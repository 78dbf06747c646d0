/* SPDX-License-Identifier: Apache-2.0
 * What browsers and authenticators send: two bytes say how long the client data is, the rest is the
 * attestation object, or authenticator data and a signature. Nobody but the holder of the key makes
 * a good signature; what is taken from an object lies in it and has our form. */
#include "modules/identity/webauthn.h"
#include "modules/identity/webauthn_cbor.h"
#include "modules/identity/webauthn_cose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const WebauthnParty party = {STR_INIT("example.org"), STR_INIT("https://example.org")};

static void check_registration(Arena *arena, Str challenge, Str client_data, Str object)
{
    WebauthnCredential made;
    const char *why = webauthn_register(arena, &party, challenge, client_data, object, &made);
    if (!why) {
        ASSERT(made.id.len > 0 && made.id.len <= WEBAUTHN_ID_MAX);
        ASSERT(made.id.ptr >= object.ptr && made.id.ptr + made.id.len <= object.ptr + object.len);
        ASSERT(str_find(object, made.public_key) != SIZE_MAX);
        Str rest = made.public_key;
        int algorithm = 0;
        EVP_PKEY *key = cose_take_key(&rest, &algorithm);
        ASSERT(key && rest.len == 0);
        EVP_PKEY_free(key);
    }
}

/* A key of the curve whose private half nobody has. */
static const uint8_t nobodys_key[] = {
    0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20, 0xd7, 0x5a, 0x98, 0x01,
    0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
    0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    Arena *arena = arena_new(0);
    Str all = str_of((const char *)data + 2, size - 2);
    size_t cut = MIN((size_t)data[0] << 8 | data[1], all.len);
    Str client_data = str_sub(all, 0, cut), rest = str_from_index(all, cut);
    Str challenge = webauthn_challenge_of(arena, client_data);
    check_registration(arena, challenge, client_data, rest);

    WebauthnUse use;
    size_t half = rest.len / 2;
    WebauthnAssertion a = {client_data, str_sub(rest, 0, half), str_from_index(rest, half)};
    Str key = str_of((const char *)nobodys_key, sizeof(nobodys_key));
    ASSERT(webauthn_assert(arena, &party, challenge, key, &a, &use) != NULL);
    ASSERT(webauthn_assert(arena, &party, challenge, rest, &a, &use) != NULL);

    Str cbor = all;
    size_t before = cbor.len;
    while (cbor_skip(&cbor)) {
        ASSERT(cbor.len < before);
        before = cbor.len;
    }
    arena_free(arena);
    return 0;
}
