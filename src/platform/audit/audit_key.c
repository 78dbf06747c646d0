/* SPDX-License-Identifier: Apache-2.0
 * Ed25519 over OpenSSL's EVP. The private half lies in the database, sealed by platform/secrets:
 * whoever has the database alone can sign nothing, and all processes of an installation sign with
 * the same key. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"
#include "platform/secrets/secrets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static Str seal_context(Arena *arena, Str id)
{
    return str_fmt(arena, "audit_keys.private_key.%.*s", STR_ARG(id));
}

/* Fills in the public half. */
static bool derive_public(AuditKey *key)
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->private_bytes, AUDIT_KEY_SIZE);
    size_t size = AUDIT_KEY_SIZE;
    bool ok = pkey && EVP_PKEY_get_raw_public_key(pkey, key->public_bytes, &size) == 1 &&
              size == AUDIT_KEY_SIZE;
    EVP_PKEY_free(pkey);
    if (ok) {
        Buf text = buf_init(NULL, sizeof(key->public_key) - 1);
        buf_base64url(&text, str_of((const char *)key->public_bytes, AUDIT_KEY_SIZE));
        ASSERT(buf_ok(&text));
        memcpy(key->public_key, text.ptr, text.len);
        key->public_key[text.len] = '\0';
        buf_done(&text);
    }
    return ok;
}

static bool open_key(Secrets *secrets, Arena *arena, Rows *rows, AuditKey *ret)
{
    Str plain;
    Error ignored = {0};
    AuditKey key = {{0}, {0}, {0}};
    bool ok = secrets_open(secrets, arena, rows_str(rows, 2),
                           seal_context(arena, rows_str(rows, 0)), &plain, &ignored) == RC_OK &&
              plain.len == AUDIT_KEY_SIZE;
    if (ok) {
        memcpy(key.private_bytes, plain.ptr, AUDIT_KEY_SIZE);
        ok = derive_public(&key);
        *ret = key;
        OPENSSL_cleanse(&key, sizeof(key));
    }
    return ok;
}

Rc audit_keys_read(Tx *tx,
                   Secrets *secrets,
                   Arena *arena,
                   AuditKey **ret,
                   size_t *ret_n,
                   size_t *ret_sealed,
                   Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    AuditKey *keys = ARENA_ARRAY(arena, AuditKey, AUDIT_KEYS_MAX);
    size_t n = 0, sealed = 0;
    TRY(tx_query(tx, &audit_q_keys, PARAMS(P_I64(AUDIT_KEYS_MAX)), &rows, err));
    while (rows_next(rows) && sealed < AUDIT_KEYS_MAX) {
        sealed++;
        n += open_key(secrets, arena, rows, &keys[n]) ? 1 : 0;
    }
    TRY(rows_error(rows, err));
    *ret = keys;
    *ret_n = n;
    *ret_sealed = sealed;
    return RC_OK;
}

void audit_keys_wipe(AuditKey *keys, size_t n)
{
    OPENSSL_cleanse(keys, n * sizeof(keys[0]));
}

Rc audit_key_make(Ctx *cx, AuditKey *ret)
{
    AuditKey key = {{0}, {0}, {0}};
    Uuid id = uuid_v7();
    Str sealed;
    random_bytes(key.private_bytes, AUDIT_KEY_SIZE);
    if (!derive_public(&key)) {
        return fail(cx, RC_INTERNAL, "The signing key of the audit trail cannot be made");
    }
    TRY(secrets_seal(cx->platform->secrets, cx->arena,
                     str_of((const char *)key.private_bytes, AUDIT_KEY_SIZE),
                     seal_context(cx->arena, uuid_str(&id)), &sealed, &cx->error));
    TRY(tx_exec(
        cx->tx, &audit_q_key_add,
        PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us()), P_CSTR(key.public_key), P_STR(sealed)),
        NULL, &cx->error));
    *ret = key;
    OPENSSL_cleanse(&key, sizeof(key));
    return RC_OK;
}

bool audit_sign(const AuditKey *key, Str text, uint8_t out[AUDIT_SIGNATURE_SIZE])
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->private_bytes, AUDIT_KEY_SIZE);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t size = AUDIT_SIGNATURE_SIZE;
    bool ok = pkey && md && EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(md, out, &size, (const uint8_t *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
    return ok;
}

bool audit_signature_fits(const AuditKey *key, Str text, Str signature)
{
    Buf bytes = buf_init(NULL, 2 * AUDIT_SIGNATURE_SIZE);
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_bytes, AUDIT_KEY_SIZE);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = buf_unbase64(&bytes, signature) && buf_ok(&bytes) &&
              bytes.len == AUDIT_SIGNATURE_SIZE && pkey && md &&
              EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(md, (const uint8_t *)bytes.ptr, bytes.len, (const uint8_t *)text.ptr,
                               text.len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
    buf_done(&bytes);
    return ok;
}
