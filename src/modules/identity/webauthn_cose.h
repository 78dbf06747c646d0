/* SPDX-License-Identifier: Apache-2.0
 * identity/webauthn_cose.h - public keys as authenticators give them (RFC 9052, RFC 9053). */
#ifndef MODULES_IDENTITY_WEBAUTHN_COSE_H
#define MODULES_IDENTITY_WEBAUTHN_COSE_H

#include "base/str.h"

#include <openssl/evp.h>

enum { COSE_ES256 = -7, COSE_EDDSA = -8, COSE_RS256 = -257 };

/* Takes a key off *rest. NULL when it is none, or of an algorithm, curve or size that is not
 * ours; EVP_PKEY_free. */
EVP_PKEY *cose_take_key(Str *rest, int *ret_algorithm);
bool cose_is_signed(EVP_PKEY *key, int algorithm, Str message, Str signature);

#endif
