/* SPDX-License-Identifier: Apache-2.0
 * identity/totp.h - one-time codes by counter (RFC 4226) and by time (RFC 6238). Pure: no database,
 * no clock. */
#ifndef MODULES_IDENTITY_TOTP_H
#define MODULES_IDENTITY_TOTP_H

#include "base/arena.h"
#include "base/str.h"

enum { TOTP_SECRET_SIZE = 20, TOTP_DIGITS = 6, TOTP_STEP_S = 30, TOTP_NONE = -1 };

typedef enum HotpHash { HOTP_SHA1, HOTP_SHA256, HOTP_SHA512 } HotpHash;

/* digits: 6 to 8. */
uint32_t hotp(HotpHash hash, Str key, uint64_t counter, unsigned digits);
/* The step of a moment: how many times 30 seconds have passed since 1970. */
int64_t totp_step(int64_t now_us);
/* The step whose code this is: that of now, the one before or the one after, if it is newer than
 * last_step, since a code works once; else TOTP_NONE. By SHA-1 with six digits, as the apps do. */
int64_t totp_match(Str key, Str code, int64_t now_us, int64_t last_step);
bool totp_is_code(Str text); /* six digits */

/* What apps read from a QR code ("otpauth://totp/…"). */
Str totp_uri(Arena *arena, Str key, Str account);

/* RFC 4648 section 6, without padding. */
Str base32(Arena *arena, Str bytes);

#endif
