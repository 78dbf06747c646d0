/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM over OpenSSL's EVP. A fresh random nonce per value: at 2^32 values per key the chance
 * of a repeated nonce is still under 2^-32 (NIST SP 800-38D section 8.3), far beyond what one store
 * holds. */
#include "platform/secrets/secrets.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_SIZE = 32,
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    KEY_ID_SIZE = 8, /* hex digits of SHA-256(key) */
    KEY_FILE_MAX = 256,
    SECRET_MAX = 64 * 1024
};

struct Secrets {
    uint8_t key[KEY_SIZE];
    char key_id[KEY_ID_SIZE + 1];
};

static Secrets *secrets_of_key(const uint8_t key[KEY_SIZE])
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *s = calloc(1, sizeof(*s));
    ASSERT(s);
    memcpy(s->key, key, KEY_SIZE);
    Str digest = sha256_hex(arena, str_of((const char *)key, KEY_SIZE));
    memcpy(s->key_id, digest.ptr, KEY_ID_SIZE);
    return s;
}

static bool decode_key(Str text, uint8_t key[KEY_SIZE])
{
    Buf out = buf_init(NULL, KEY_FILE_MAX);
    bool ok = buf_unbase64(&out, str_trim(text)) && buf_ok(&out) && out.len == KEY_SIZE;
    if (ok) {
        memcpy(key, out.ptr, KEY_SIZE);
    }
    if (out.ptr) {
        OPENSSL_cleanse(out.ptr, out.len);
    }
    buf_done(&out);
    return ok;
}

/* link(2) decides which of two processes that start at once has made the key. */
static Rc make_key_file(const char *path, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    uint8_t key[KEY_SIZE];
    Uuid unique = uuid_v4();
    const char *draft = str_cstr(arena, str_fmt(arena, "%s.%s", path, unique.text));
    Buf text = buf_init(arena, KEY_FILE_MAX);

    random_bytes(key, sizeof(key));
    buf_base64(&text, str_of((const char *)key, sizeof(key)));
    buf_char(&text, '\n');
    OPENSSL_cleanse(key, sizeof(key));
    Rc rc = file_write_atomic(draft, buf_str(&text), 0600, err);
    OPENSSL_cleanse(text.ptr, text.len);
    TRY(rc);
    int linked = link(draft, path);
    int cause = errno;
    unlink(draft);
    if (linked != 0 && cause != EEXIST) {
        return error_set(err, RC_INTERNAL, "The secret key %s cannot be made: %s", path,
                         strerror(cause));
    }
    return RC_OK;
}

static Rc read_key_file(const char *path, uint8_t key[KEY_SIZE], Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    struct stat st;
    Str text;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
        return error_set(err, RC_INVALID,
                         "The secret key %s can be read by others; run: chmod 600 %s", path, path);
    }
    TRY(file_read(arena, path, KEY_FILE_MAX, &text, err));
    bool ok = decode_key(text, key);
    if (!ok) {
        return error_set(err, RC_INVALID,
                         "The secret key %s must hold 32 bytes in base64; restore it from a backup",
                         path);
    }
    return RC_OK;
}

Rc secrets_new(const char *data_dir, Str key_base64, Secrets **ret, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    uint8_t key[KEY_SIZE];
    if (key_base64.len > 0) {
        if (!decode_key(key_base64, key)) {
            return error_set(err, RC_INVALID,
                             "secret.key must be 32 bytes in base64; make one with: openssl rand "
                             "-base64 32");
        }
    } else {
        const char *path = str_cstr(arena, str_fmt(arena, "%s/secret.key", data_dir));
        if (!file_exists(path)) {
            TRY(make_key_file(path, err));
        }
        TRY(read_key_file(path, key, err));
    }
    *ret = secrets_of_key(key);
    OPENSSL_cleanse(key, sizeof(key));
    return RC_OK;
}

void secrets_free(Secrets *secrets)
{
    if (secrets) {
        OPENSSL_cleanse(secrets->key, sizeof(secrets->key));
        free(secrets);
    }
}

static const uint8_t *bytes_of(Str s)
{
    return s.ptr ? (const uint8_t *)s.ptr : (const uint8_t *)"";
}

/* out: room for plain.len + TAG_SIZE. */
static bool encrypt(const Secrets *s, const uint8_t *nonce, Str plain, Str context, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int n = 0, tail = 0;
    bool ok = cipher && EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &n, bytes_of(context), (int)context.len) == 1 &&
              EVP_EncryptUpdate(cipher, out, &n, bytes_of(plain), (int)plain.len) == 1 &&
              EVP_EncryptFinal_ex(cipher, out + n, &tail) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + plain.len) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

static bool decrypt(const Secrets *s, Str sealed, Str context, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    const uint8_t *nonce = bytes_of(sealed), *body = nonce + NONCE_SIZE;
    int body_len = (int)(sealed.len - NONCE_SIZE - TAG_SIZE), n = 0, tail = 0;
    uint8_t tag[TAG_SIZE];
    memcpy(tag, body + body_len, TAG_SIZE);
    bool ok = cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
              EVP_DecryptUpdate(cipher, NULL, &n, bytes_of(context), (int)context.len) == 1 &&
              EVP_DecryptUpdate(cipher, out, &n, body, body_len) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
              EVP_DecryptFinal_ex(cipher, out + n, &tail) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

Rc secrets_seal(Secrets *secrets, Arena *arena, Str plain, Str context, Str *ret, Error *err)
{
    if (plain.len > SECRET_MAX || context.len > SECRET_MAX) {
        return error_set(err, RC_LIMIT, "A secret may have at most %d bytes", SECRET_MAX);
    }
    size_t size = NONCE_SIZE + plain.len + TAG_SIZE;
    uint8_t *bytes = arena_alloc(arena, size);
    random_bytes(bytes, NONCE_SIZE);
    if (!encrypt(secrets, bytes, plain, context, bytes + NONCE_SIZE)) {
        return error_set(err, RC_INTERNAL, "The secret could not be sealed");
    }
    Buf out = buf_init(arena, 2 * size + 64);
    buf_fmt(&out, "v1:%s:", secrets->key_id);
    buf_base64url(&out, str_of((const char *)bytes, size));
    *ret = buf_str(&out);
    return RC_OK;
}

Rc secrets_open(Secrets *secrets, Arena *arena, Str sealed, Str context, Str *ret, Error *err)
{
    Str rest = sealed, version, key_id;
    Buf bytes = buf_init(arena, 2 * SECRET_MAX);
    if (!str_split(&rest, ':', &version) || !str_is(version, "v1") ||
        !str_split(&rest, ':', &key_id) || !buf_unbase64(&bytes, rest) || !buf_ok(&bytes) ||
        bytes.len < NONCE_SIZE + TAG_SIZE) {
        return error_set(err, RC_INTERNAL, "A sealed secret is damaged; set it again");
    }
    if (!str_is(key_id, secrets->key_id)) {
        return error_set(err, RC_INTERNAL,
                         "A secret was sealed with another key (%.*s); start with that key, or set "
                         "the secret again",
                         STR_ARG(str_sub(key_id, 0, KEY_ID_SIZE)));
    }
    size_t size = bytes.len - NONCE_SIZE - TAG_SIZE;
    uint8_t *plain = arena_alloc(arena, size + 1);
    if (!decrypt(secrets, buf_str(&bytes), context, plain)) {
        return error_set(err, RC_INTERNAL,
                         "A sealed secret does not belong here or was altered; set it again");
    }
    *ret = str_of((const char *)plain, size);
    return RC_OK;
}
