/* SPDX-License-Identifier: Apache-2.0
 * identity/webauthn.h - passkeys: the checks of a relying party (WebAuthn Level 3, sections 7.1 and
 * 7.2). Pure: no database, no clock. The caller keeps challenges and counters.
 *
 * Attestation is not asked for: a statement has to be well-formed and is not verified, so nothing
 * is concluded from the model an authenticator says it is. */
#ifndef MODULES_IDENTITY_WEBAUTHN_H
#define MODULES_IDENTITY_WEBAUTHN_H

#include "base/arena.h"
#include "base/str.h"

enum {
    WEBAUTHN_CHALLENGE_SIZE = 32,
    WEBAUTHN_ID_MAX = 1023,
    WEBAUTHN_CLIENT_DATA_MAX = 4096,
    WEBAUTHN_ATTESTATION_MAX = 32768,
    WEBAUTHN_AUTH_DATA_MAX = 4096,
    WEBAUTHN_SIGNATURE_MAX = 1024
};
/* COSE: ES256, EdDSA with Ed25519, RS256. In the order in which we like them. */
extern const int webauthn_algorithms[3];

typedef struct WebauthnParty {
    Str id;     /* "fairway.example.org" */
    Str origin; /* "https://fairway.example.org" */
} WebauthnParty;
/* From the URL by which people reach the server; a loopback address is localhost. False when there
 * can be no passkeys, since the host is another address. */
MUST_CHECK bool webauthn_party(Arena *arena, Str base_url, WebauthnParty *ret);

typedef struct WebauthnCredential {
    Str id, public_key; /* public_key: COSE. Both borrow the attestation object. */
    uint8_t aaguid[16];
    uint32_t sign_count;
    bool is_verified; /* by PIN or biometry (UV) */
    bool is_synced;   /* backed up (BS) */
} WebauthnCredential;
typedef struct WebauthnUse {
    uint32_t sign_count;
    bool is_verified, is_synced;
} WebauthnUse;

/* The challenge, in base64url, that a browser says it was given: to find ours by; "" when it is no
 * client data. */
Str webauthn_challenge_of(Arena *arena, Str client_data);
/* NULL when good; else what is wrong, for logs and tests. challenge: in base64url, without padding.
 * Inputs may be anything; they are measured against the limits above. */
const char *webauthn_register(Arena *arena,
                              const WebauthnParty *party,
                              Str challenge,
                              Str client_data,
                              Str attestation,
                              WebauthnCredential *ret);
typedef struct WebauthnAssertion {
    Str client_data, auth_data, signature;
} WebauthnAssertion;
const char *webauthn_assert(Arena *arena,
                            const WebauthnParty *party,
                            Str challenge,
                            Str public_key,
                            const WebauthnAssertion *assertion,
                            WebauthnUse *ret);

#endif
