/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* Fetched once: EVP_sha256() in OpenSSL 3 repeats a locked provider search on every use. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *md_sha1;
static EVP_MD *md_sha256;

static void fetch_digests(void)
{
    md_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ASSERT(md_sha1 != NULL && md_sha256 != NULL);
}

static void digest(EVP_MD *const *md, Str bytes, uint8_t *out)
{
    ASSERT(pthread_once(&fetch_once, fetch_digests) == 0);
    ASSERT(EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, out, NULL, *md, NULL) == 1);
}

void sha1(Str bytes, uint8_t out[SHA1_SIZE])
{
    digest(&md_sha1, bytes, out);
}

void sha256(Str bytes, uint8_t out[SHA256_SIZE])
{
    digest(&md_sha256, bytes, out);
}

void hmac_sha256(Str key, Str bytes, uint8_t out[SHA256_SIZE])
{
    unsigned size = 0;

    ASSERT(key.len <= INT32_MAX);
    const unsigned char *mac =
        HMAC(EVP_sha256(), key.ptr ? key.ptr : "", (int)key.len,
             (const unsigned char *)(bytes.ptr ? bytes.ptr : ""), bytes.len, out, &size);
    ASSERT(mac != NULL && size == SHA256_SIZE);
}

static Str hex(Arena *arena, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(arena, 2 * n + 1);

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return str_of(out, 2 * n);
}

Str sha1_hex(Arena *arena, Str bytes)
{
    uint8_t out[SHA1_SIZE];

    sha1(bytes, out);
    return hex(arena, out, sizeof(out));
}

Str sha256_hex(Arena *arena, Str bytes)
{
    uint8_t out[SHA256_SIZE];

    sha256(bytes, out);
    return hex(arena, out, sizeof(out));
}
