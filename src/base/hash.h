/* SPDX-License-Identifier: Apache-2.0
 * base/hash.h - digests and MACs over OpenSSL's EVP. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/base.h"
#include "base/str.h"

enum { SHA1_SIZE = 20, SHA256_SIZE = 32 };

void sha1(Str bytes, uint8_t out[SHA1_SIZE]);
void sha256(Str bytes, uint8_t out[SHA256_SIZE]);
void hmac_sha256(Str key, Str bytes, uint8_t out[SHA256_SIZE]);
/* Lower-case hex in the arena. */
Str sha1_hex(Arena *arena, Str bytes);
Str sha256_hex(Arena *arena, Str bytes);

#endif
