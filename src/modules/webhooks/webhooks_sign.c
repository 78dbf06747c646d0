/* SPDX-License-Identifier: Apache-2.0
 * Standard Webhooks 1.0: symmetric secrets and signatures. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"

#include "modules/webhooks/webhooks_priv.h"

#include <inttypes.h>

enum { SECRET_BYTES = 32, SECRET_BYTES_MIN = 24, SECRET_BYTES_MAX = 64, SECRET_TEXT_MAX = 128 };

static const Str prefix = STR_INIT("whsec_");

Str webhook_new_secret(Arena *arena)
{
    char key[SECRET_BYTES];
    Buf out = buf_init(arena, SECRET_TEXT_MAX);
    random_bytes(key, sizeof(key));
    buf_put(&out, prefix);
    buf_base64(&out, str_of(key, sizeof(key)));
    return buf_str(&out);
}

/* "" when it is none. */
static Str key_of(Arena *arena, Str secret)
{
    Buf key = buf_init(arena, SECRET_TEXT_MAX);
    if (!str_starts(secret, prefix) || secret.len > SECRET_TEXT_MAX ||
        !buf_unbase64(&key, str_from_index(secret, prefix.len))) {
        return STR_EMPTY;
    }
    bool fits = key.len >= SECRET_BYTES_MIN && key.len <= SECRET_BYTES_MAX;
    return fits ? buf_str(&key) : STR_EMPTY;
}

bool webhook_secret_is_valid(Arena *arena, Str secret)
{
    return key_of(arena, secret).len > 0;
}

Str webhook_signature(
    Arena *arena, const Str *secrets, size_t n_secrets, Str id, int64_t timestamp_s, Str body)
{
    enum { SIGNATURE_ROOM = 64 };
    Str text = str_fmt(arena, "%.*s.%" PRId64 ".%.*s", STR_ARG(id), timestamp_s, STR_ARG(body));
    Buf out = buf_init(arena, SIGNATURE_ROOM * (n_secrets + 1));
    for (size_t i = 0; i < n_secrets; i++) {
        Str key = key_of(arena, secrets[i]);
        uint8_t mac[SHA256_SIZE];
        if (key.len == 0) {
            continue;
        }
        hmac_sha256(key, text, mac);
        buf_put(&out, out.len ? STR(" v1,") : STR("v1,"));
        buf_base64(&out, str_of((const char *)mac, sizeof(mac)));
    }
    return buf_str(&out);
}
