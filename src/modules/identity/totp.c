/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/identity/totp.h"

#include "base/buf.h"
#include "base/time.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ISSUER "Fairway"

uint32_t hotp(HotpHash hash, Str key, uint64_t counter, unsigned digits)
{
    static const EVP_MD *(*const digests[])(void) = {EVP_sha1, EVP_sha256, EVP_sha512};
    uint8_t message[8], mac[EVP_MAX_MD_SIZE];
    unsigned size = 0, power = 1;
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)(counter >> (56 - 8 * i));
    }
    ASSERT(key.len <= INT32_MAX && digits >= 6 && digits <= 8);
    ASSERT(HMAC(digests[hash](), key.ptr, (int)key.len, message, sizeof(message), mac, &size));
    size_t at = mac[size - 1] & 15;
    uint32_t truncated = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
                         (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    for (unsigned i = 0; i < digits; i++) {
        power *= 10;
    }
    return truncated % power;
}

int64_t totp_step(int64_t now_us)
{
    return now_us / (TOTP_STEP_S * US_PER_SECOND);
}

bool totp_is_code(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len == TOTP_DIGITS;
}

int64_t totp_match(Str key, Str code, int64_t now_us, int64_t last_step)
{
    int64_t now = totp_step(now_us), found = TOTP_NONE;
    for (int64_t step = now - 1; step <= now + 1; step++) {
        char expected[16];
        snprintf(expected, sizeof(expected), "%06u",
                 hotp(HOTP_SHA1, key, (uint64_t)step, TOTP_DIGITS));
        if (str_eq_secret(code, str_from(expected)) && step > last_step) {
            found = step;
        }
    }
    return found;
}

Str base32(Arena *arena, Str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t n = 0, size = (bytes.len * 8 + 4) / 5;
    char *out = arena_alloc(arena, size + 1);
    uint32_t bits = 0, held = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | (uint8_t)bytes.ptr[i]) & 0xfff;
        for (held += 8; held >= 5; held -= 5) {
            out[n++] = digits[bits >> (held - 5) & 31];
        }
    }
    if (held > 0) {
        out[n++] = digits[bits << (5 - held) & 31];
    }
    return str_of(out, n);
}

Str totp_uri(Arena *arena, Str key, Str account)
{
    Buf out = buf_init(arena, 4 * KIB);
    buf_lit(&out, "otpauth://totp/" ISSUER ":");
    buf_url(&out, account);
    buf_lit(&out, "?secret=");
    buf_put(&out, base32(arena, key));
    buf_lit(&out, "&issuer=" ISSUER "&algorithm=SHA1&digits=6&period=30");
    ASSERT(buf_ok(&out)); /* an address has 254 characters */
    return buf_str(&out);
}
