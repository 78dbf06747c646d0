/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM over OpenSSL's EVP. A fresh random nonce per value: at 2^32 values per key the chance
 * of a repeated nonce is still under 2^-32 (NIST SP 800-38D section 8.3), far beyond what one store
 * holds. */
#include "platform/secrets/secrets.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_SIZE = 32, NONCE_SIZE = 12, TAG_SIZE = 16, KEY_FILE_MAX = 1024, SECRET_MAX = 64 * 1024 };

typedef struct Key {
    uint8_t bytes[KEY_SIZE];
    char id[SECRET_KEY_ID_SIZE + 1]; /* hex digits of SHA-256(key) */
} Key;

typedef struct KeyRing {
    Key at[SECRET_KEYS_MAX];
    size_t n;
} KeyRing;

struct Secrets {
    char *path;     /* of the file; NULL: the key is given by the settings */
    Mutex lock;     /* guards the rest */
    KeyRing ring;   /* the first seals */
    KeyRing old;    /* given by secrets_add_old */
    struct stat as; /* the file when it was read */
};

static void wipe(KeyRing *ring)
{
    OPENSSL_cleanse(ring, sizeof(*ring));
}

static bool ring_add(KeyRing *ring, const uint8_t bytes[KEY_SIZE])
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    if (ring->n == SECRET_KEYS_MAX) {
        return false;
    }
    Key *key = &ring->at[ring->n++];
    memcpy(key->bytes, bytes, KEY_SIZE);
    Str digest = sha256_hex(arena, str_of((const char *)bytes, KEY_SIZE));
    memcpy(key->id, digest.ptr, SECRET_KEY_ID_SIZE);
    key->id[SECRET_KEY_ID_SIZE] = '\0';
    return true;
}

static const Key *ring_find(const KeyRing *ring, Str id)
{
    for (size_t i = 0; i < ring->n; i++) {
        if (str_is(id, ring->at[i].id)) {
            return &ring->at[i];
        }
    }
    return NULL;
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

/* Keys separated by sep; empty parts are passed over. False: one of them is none, or too many. */
static bool decode_keys(Str text, char sep, KeyRing *ring)
{
    uint8_t key[KEY_SIZE];
    Str part;
    bool ok = true;
    while (ok && str_split(&text, sep, &part)) {
        if (str_trim(part).len > 0) {
            ok = decode_key(part, key) && ring_add(ring, key);
        }
    }
    OPENSSL_cleanse(key, sizeof(key));
    return ok;
}

static Rc read_key_file(const char *path, KeyRing *ring, struct stat *as, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str text;
    if (stat(path, as) == 0 && (as->st_mode & 077) != 0) {
        return error_set(err, RC_INVALID,
                         "The secret key %s can be read by others; run: chmod 600 %s", path, path);
    }
    TRY(file_read(arena, path, KEY_FILE_MAX, &text, err));
    bool ok = decode_keys(text, '\n', ring) && ring->n > 0;
    if (!ok) {
        return error_set(err, RC_INVALID,
                         "The secret key %s must hold 32 bytes in base64, one to %d lines of that; "
                         "restore it from a backup",
                         path, SECRET_KEYS_MAX);
    }
    return RC_OK;
}

/* Under the lock, or before other threads. On failure the keys are what they were. */
static Rc reload(Secrets *s, Error *err)
{
    KeyRing ring = {.n = 0};
    struct stat as = {0};
    Rc rc = read_key_file(s->path, &ring, &as, err);
    if (rc == RC_OK) {
        s->ring = ring;
        s->as = as;
    }
    wipe(&ring);
    return rc;
}

/* Under the lock: follows a file that has been replaced. */
static void reload_if_changed(Secrets *s)
{
    struct stat now;
    Error err = {0};
    if (!s->path || stat(s->path, &now) != 0 ||
        (now.st_ino == s->as.st_ino && now.st_mtim.tv_sec == s->as.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == s->as.st_mtim.tv_nsec && now.st_size == s->as.st_size)) {
        return;
    }
    if (reload(s, &err) == RC_OK) {
        log_info("secrets.keys_read", F_I64("keys", (int64_t)s->ring.n));
    } else {
        log_error("secrets.keys_unreadable", F_CSTR("error", err.message));
        s->as = now; /* said once */
    }
}

Rc secrets_new(const char *data_dir, Str key_base64, Secrets **ret, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *s = calloc(1, sizeof(*s));
    Rc rc = RC_OK;
    ASSERT(s);
    mutex_init(&s->lock);
    if (key_base64.len > 0) {
        uint8_t key[KEY_SIZE];
        bool ok = decode_key(key_base64, key) && ring_add(&s->ring, key);
        OPENSSL_cleanse(key, sizeof(key));
        if (!ok) {
            rc = error_set(err, RC_INVALID,
                           "secret.key must be 32 bytes in base64; make one with: openssl rand "
                           "-base64 32");
        }
    } else {
        Str path = str_fmt(arena, "%s/" SECRET_KEY_FILE, data_dir);
        s->path = strndup(path.ptr, path.len);
        ASSERT(s->path);
        rc = file_exists(s->path) ? RC_OK : make_key_file(s->path, err);
        rc = rc ? rc : reload(s, err);
    }
    if (rc != RC_OK) {
        secrets_free(s);
        return rc;
    }
    *ret = s;
    return RC_OK;
}

void secrets_free(Secrets *secrets)
{
    if (secrets) {
        wipe(&secrets->ring);
        wipe(&secrets->old);
        mutex_done(&secrets->lock);
        free(secrets->path);
        free(secrets);
    }
}

Rc secrets_add_old(Secrets *secrets, Str keys_base64, Error *err)
{
    if (keys_base64.len > 0 && !decode_keys(keys_base64, ',', &secrets->old)) {
        return error_set(err, RC_INVALID,
                         "secret.old_keys must be at most %d keys of 32 bytes in base64, separated "
                         "by commas",
                         SECRET_KEYS_MAX);
    }
    return RC_OK;
}

/* ---- the keys */

static Key key_that_seals(Secrets *s)
{
    mutex_lock(&s->lock);
    reload_if_changed(s);
    Key key = s->ring.at[0];
    mutex_unlock(&s->lock);
    return key;
}

static bool key_with_id(Secrets *s, Str id, Key *ret)
{
    mutex_lock(&s->lock);
    const Key *key = ring_find(&s->ring, id);
    if (!key) { /* another process may have sealed with a key that is new */
        reload_if_changed(s);
        key = ring_find(&s->ring, id);
    }
    key = key ? key : ring_find(&s->old, id);
    if (key) {
        *ret = *key;
    }
    mutex_unlock(&s->lock);
    return key != NULL;
}

Str secrets_key_id(Secrets *secrets, char out[SECRET_KEY_ID_SIZE + 1])
{
    Key key = key_that_seals(secrets);
    memcpy(out, key.id, sizeof(key.id));
    OPENSSL_cleanse(&key, sizeof(key));
    return str_of(out, SECRET_KEY_ID_SIZE);
}

size_t secrets_n_keys(Secrets *secrets)
{
    mutex_lock(&secrets->lock);
    reload_if_changed(secrets);
    size_t n = secrets->ring.n + secrets->old.n;
    mutex_unlock(&secrets->lock);
    return n;
}

bool secrets_is_file(const Secrets *secrets)
{
    return secrets->path != NULL;
}

static Rc write_ring(Secrets *s, const KeyRing *ring, Error *err)
{
    Buf text = buf_init(NULL, KEY_FILE_MAX);
    buf_reserve(&text, KEY_FILE_MAX / 2); /* no copies of keys are left behind by growing */
    for (size_t i = 0; i < ring->n; i++) {
        buf_base64(&text, str_of((const char *)ring->at[i].bytes, KEY_SIZE));
        buf_char(&text, '\n');
    }
    ASSERT(buf_ok(&text));
    Rc rc = file_write_atomic(s->path, buf_str(&text), 0600, err);
    OPENSSL_cleanse(text.ptr, text.len);
    buf_done(&text);
    return rc ? rc : reload(s, err);
}

Rc secrets_file_add_key(Secrets *secrets, Error *err)
{
    KeyRing ring = {.n = 0};
    uint8_t key[KEY_SIZE];
    ASSERT(secrets->path);
    mutex_lock(&secrets->lock);
    Rc rc = RC_OK;
    if (secrets->ring.n == SECRET_KEYS_MAX) {
        rc = error_set(err, RC_CONFLICT, "%s holds %d keys already; run: fairway secrets retire",
                       secrets->path, SECRET_KEYS_MAX);
    } else {
        random_bytes(key, sizeof(key));
        IGNORE(!ring_add(&ring, key)); /* there is room */
        OPENSSL_cleanse(key, sizeof(key));
        memcpy(&ring.at[1], secrets->ring.at, secrets->ring.n * sizeof(Key));
        ring.n += secrets->ring.n;
        rc = write_ring(secrets, &ring, err);
    }
    mutex_unlock(&secrets->lock);
    wipe(&ring);
    return rc;
}

Rc secrets_file_drop_old(Secrets *secrets, Error *err)
{
    ASSERT(secrets->path);
    mutex_lock(&secrets->lock);
    KeyRing ring = {.n = 1};
    ring.at[0] = secrets->ring.at[0];
    Rc rc = write_ring(secrets, &ring, err);
    mutex_unlock(&secrets->lock);
    wipe(&ring);
    return rc;
}

/* ---- sealing */

static const uint8_t *bytes_of(Str s)
{
    return s.ptr ? (const uint8_t *)s.ptr : (const uint8_t *)"";
}

/* out: room for plain.len + TAG_SIZE. */
static bool encrypt(const Key *key, const uint8_t *nonce, Str plain, Str context, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int n = 0, tail = 0;
    bool ok = cipher &&
              EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &n, bytes_of(context), (int)context.len) == 1 &&
              EVP_EncryptUpdate(cipher, out, &n, bytes_of(plain), (int)plain.len) == 1 &&
              EVP_EncryptFinal_ex(cipher, out + n, &tail) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + plain.len) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

static bool decrypt(const Key *key, Str sealed, Str context, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    const uint8_t *nonce = bytes_of(sealed), *body = nonce + NONCE_SIZE;
    int body_len = (int)(sealed.len - NONCE_SIZE - TAG_SIZE), n = 0, tail = 0;
    uint8_t tag[TAG_SIZE];
    memcpy(tag, body + body_len, TAG_SIZE);
    bool ok = cipher &&
              EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
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
    Key key = key_that_seals(secrets);
    bool is_sealed = encrypt(&key, bytes, plain, context, bytes + NONCE_SIZE);
    OPENSSL_cleanse(key.bytes, sizeof(key.bytes));
    if (!is_sealed) {
        return error_set(err, RC_INTERNAL, "The secret could not be sealed");
    }
    Buf out = buf_init(arena, 2 * size + 64);
    buf_fmt(&out, "v1:%s:", key.id);
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
    Key key;
    if (!key_with_id(secrets, key_id, &key)) {
        return error_set(err, RC_INTERNAL,
                         "A secret was sealed with another key (%.*s); start with that key, or set "
                         "the secret again",
                         STR_ARG(str_sub(key_id, 0, SECRET_KEY_ID_SIZE)));
    }
    size_t size = bytes.len - NONCE_SIZE - TAG_SIZE;
    uint8_t *plain = arena_alloc(arena, size + 1);
    bool is_open = decrypt(&key, buf_str(&bytes), context, plain);
    OPENSSL_cleanse(&key, sizeof(key));
    if (!is_open) {
        return error_set(err, RC_INTERNAL,
                         "A sealed secret does not belong here or was altered; set it again");
    }
    *ret = str_of((const char *)plain, size);
    return RC_OK;
}
