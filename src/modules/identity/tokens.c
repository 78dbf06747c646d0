/* SPDX-License-Identifier: Apache-2.0
 * Random tokens. Each has a prefix by which people and scanners know what it is. They have 178 bits
 * and more, so a plain SHA-256 of them is enough to keep. */
#include "base/buf.h"
#include "base/id.h"

#include "modules/identity/identity_priv.h"

#include <zlib.h>

enum { TOKEN_BYTES = 32, KEY_RANDOM = 30, KEY_CHECK = 6, BASE62 = 62 };
static const char digits62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
#define API_KEY_PREFIX "fwk_"

Str token_new(Arena *arena, const char *prefix)
{
    uint8_t bytes[TOKEN_BYTES];
    Buf out = buf_init(arena, 128);
    random_bytes(bytes, sizeof(bytes));
    buf_put(&out, str_from(prefix));
    buf_base64url(&out, str_of((const char *)bytes, sizeof(bytes)));
    return buf_str(&out);
}

Str token_hash(Arena *arena, Str token)
{
    return sha256_hex(arena, token);
}

/* GitHub's form: CRC-32 of the random characters, padded on the left. */
Str api_key_checksum(Arena *arena, Str random)
{
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)random.ptr, (uInt)random.len);
    char *out = arena_alloc(arena, KEY_CHECK + 1);
    for (int i = KEY_CHECK - 1; i >= 0; i--) {
        out[i] = digits62[crc % BASE62];
        crc /= BASE62;
    }
    return str_of(out, KEY_CHECK);
}

/* Bytes of 248 and more would make the first digits likelier than the others. */
Str api_key_new(Arena *arena)
{
    enum { FAIR = 256 - 256 % BASE62 };
    char random[KEY_RANDOM];
    for (size_t n = 0; n < KEY_RANDOM;) {
        uint8_t bytes[KEY_RANDOM];
        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && n < KEY_RANDOM; i++) {
            if (bytes[i] < FAIR) {
                random[n++] = digits62[bytes[i] % BASE62];
            }
        }
    }
    Str r = str_of(random, sizeof(random));
    return str_fmt(arena, API_KEY_PREFIX "%.*s%.*s", STR_ARG(r),
                   STR_ARG(api_key_checksum(arena, r)));
}

bool api_key_is_wellformed(Str key)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(256);
    size_t prefix = sizeof(API_KEY_PREFIX) - 1;
    if (!str_starts(key, STR(API_KEY_PREFIX)) || key.len != prefix + KEY_RANDOM + KEY_CHECK) {
        return false;
    }
    for (size_t i = prefix; i < key.len; i++) {
        if (!key.ptr[i] || !strchr(digits62, key.ptr[i])) {
            return false;
        }
    }
    return str_eq(api_key_checksum(arena, str_sub(key, prefix, prefix + KEY_RANDOM)),
                  str_from_index(key, prefix + KEY_RANDOM));
}

/* Only who has the cookie, or has been told by the server, knows it. */
Str csrf_token(Arena *arena, Str cookie)
{
    uint8_t mac[SHA256_SIZE];
    Buf out = buf_init(arena, 64);
    hmac_sha256(cookie, STR("fairway csrf"), mac);
    buf_base64url(&out, str_of((const char *)mac, sizeof(mac)));
    return buf_str(&out);
}
