/* SPDX-License-Identifier: Apache-2.0
 * The keys that sign access tokens: rows, sealed, and a copy in memory that is a minute old at
 * most.
 *
 * A new key is published before it signs, for longer than others may keep the published set, and an
 * old one stays until the last token it signed has ended. */
#include "base/log.h"
#include "base/thread.h"

#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/audit/audit.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

enum { KEYS_MAX = 16, KID_MAX = 64 };
#define PUBLISH_US (10 * US_PER_MINUTE) /* the published set may be kept for five */
#define ROTATE_US (30 * US_PER_DAY)
#define RETIRE_US (ACCESS_TOKEN_US + 2 * JWT_LEEWAY_S * US_PER_SECOND)
#define KEEP_US US_PER_MINUTE
#define RELOAD_EVERY_US US_PER_SECOND /* for key ids nobody knows */

typedef struct Key {
    char kid[KID_MAX];
    EVP_PKEY *key;
    int64_t active_from_us;
} Key;

static Mutex lock = MUTEX_INIT; /* guards what follows */
static Key keys[KEYS_MAX] GUARDED_BY(lock);
static size_t n_keys GUARDED_BY(lock);
static int64_t read_us GUARDED_BY(lock); /* monotonic; 0: never */
static uint64_t read_in GUARDED_BY(lock);

Str identity_issuer(const Platform *platform)
{
    Str url = settings_str(platform->settings, "server.base_url");
    while (str_ends(url, STR("/"))) {
        url.len--;
    }
    return url.len ? url : STR("urn:fairway");
}

/* ---- memory */

static void empty(void) REQUIRES(lock);
static void empty(void)
{
    for (size_t i = 0; i < n_keys; i++) {
        EVP_PKEY_free(keys[i].key);
    }
    n_keys = 0;
    read_us = 0;
}

void keys_forget(void)
{
    mutex_lock(&lock);
    empty();
    mutex_unlock(&lock);
}

static EVP_PKEY *find(Str kid) REQUIRES(lock);
static EVP_PKEY *find(Str kid)
{
    for (size_t i = 0; i < n_keys; i++) {
        if (str_is(kid, keys[i].kid)) {
            EVP_PKEY_up_ref(keys[i].key);
            return keys[i].key;
        }
    }
    return NULL;
}

/* The newest whose time has come. */
static EVP_PKEY *find_signing(int64_t now_us, char ret_kid[KID_MAX]) REQUIRES(lock);
static EVP_PKEY *find_signing(int64_t now_us, char ret_kid[KID_MAX])
{
    const Key *best = NULL;
    for (size_t i = 0; i < n_keys; i++) {
        bool may = keys[i].active_from_us <= now_us;
        if (may && (!best || keys[i].active_from_us >= best->active_from_us)) {
            best = &keys[i];
        }
    }
    if (!best) {
        return NULL;
    }
    memcpy(ret_kid, best->kid, KID_MAX);
    EVP_PKEY_up_ref(best->key);
    return best->key;
}

static bool is_fresh(int64_t for_us) REQUIRES(lock);
static bool is_fresh(int64_t for_us)
{
    return read_us && read_in == decisions_generation() && time_monotonic_us() - read_us < for_us;
}

/* ---- rows */

/* RC_INTERNAL: sealed with another key, or damaged. */
static Rc unseal(Ctx *cx, Str kid, Str sealed, EVP_PKEY **ret)
{
    Str plain;
    Error err = {0};
    Str context = str_fmt(cx->arena, "signing_keys.private_key.%.*s", STR_ARG(kid));
    Rc rc = secrets_open(cx->platform->secrets, cx->arena, sealed, context, &plain, &err);
    if (rc == RC_OK && plain.len != ED25519_KEY_SIZE) {
        rc = RC_INTERNAL;
    }
    if (rc != RC_OK) {
        log_error("identity.signing_key_unusable", F_STR("kid", kid), F_CSTR("error", err.message));
        return rc;
    }
    *ret = ed25519_private((const uint8_t *)plain.ptr);
    return RC_OK;
}

static Rc read_rows(Ctx *cx, Key list[KEYS_MAX], size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    size_t n = 0;
    TRY(tx_query(cx->tx, &identity_q_signing_keys, NO_PARAMS, &rows, &cx->error));
    while (n < KEYS_MAX && rows_next(rows)) {
        Key *key = &list[n];
        Str kid = rows_dup(rows, 0, cx->arena);
        *key = (Key){.active_from_us = rows_i64(rows, 3)};
        if (kid.len < KID_MAX && unseal(cx, kid, rows_str(rows, 1), &key->key) == RC_OK) {
            memcpy(key->kid, kid.ptr, kid.len);
            n++;
        }
    }
    *ret_n = n;
    return rows_error(rows, &cx->error);
}

/* A read scope of its own, unless a transaction is open. */
static Rc load(Ctx *cx)
{
    Key list[KEYS_MAX];
    size_t n = 0;
    bool is_own = cx->tx == NULL;
    uint64_t generation = decisions_generation();
    if (is_own) {
        TRY(cx->on_io_thread ? ctx_read(cx) : ctx_read_primary(cx));
    }
    Rc rc = read_rows(cx, list, &n);
    if (is_own) {
        ctx_end(cx);
    }
    if (rc != RC_OK) {
        return rc;
    }
    mutex_lock(&lock);
    empty();
    memcpy(keys, list, sizeof(keys));
    n_keys = n;
    read_us = time_monotonic_us();
    read_in = generation;
    mutex_unlock(&lock);
    return RC_OK;
}

Rc keys_find(Ctx *cx, Str kid, EVP_PKEY **ret)
{
    mutex_lock(&lock);
    *ret = is_fresh(KEEP_US) ? find(kid) : NULL;
    bool is_known = *ret || is_fresh(RELOAD_EVERY_US);
    mutex_unlock(&lock);
    if (is_known) {
        return RC_OK;
    }
    TRY(load(cx));
    mutex_lock(&lock);
    *ret = find(kid);
    mutex_unlock(&lock);
    return RC_OK;
}

static Rc find_for_signing(Ctx *cx, EVP_PKEY **ret, char ret_kid[KID_MAX])
{
    mutex_lock(&lock);
    *ret = is_fresh(KEEP_US) ? find_signing(time_now_us(), ret_kid) : NULL;
    mutex_unlock(&lock);
    if (*ret) {
        return RC_OK;
    }
    TRY(load(cx));
    mutex_lock(&lock);
    *ret = find_signing(time_now_us(), ret_kid);
    mutex_unlock(&lock);
    return *ret ? RC_OK
                : fail(cx, RC_INTERNAL, "There is no key to sign access tokens with; rotate them.");
}

Rc keys_access_token(Ctx *cx, Str user_id, Str session_id, Str *ret)
{
    EVP_PKEY *key = NULL;
    char kid[KID_MAX];
    Uuid id = uuid_v4();
    int64_t now_s = time_now_us() / US_PER_SECOND;
    TRY(find_for_signing(cx, &key, kid));
    JwtClaims claims = {.issuer = identity_issuer(cx->platform),
                        .subject = user_id,
                        .session = session_id,
                        .id = uuid_str(&id),
                        .issued_s = now_s,
                        .expires_s = now_s + ACCESS_TOKEN_US / US_PER_SECOND};
    *ret = jwt_sign(cx->arena, key, str_from(kid), &claims);
    EVP_PKEY_free(key);
    return RC_OK;
}

/* ---- making and ending */

/* In cx's write transaction. */
static Rc add_key(Ctx *cx, int64_t active_from_us, Str *ret_kid)
{
    uint8_t bytes[ED25519_KEY_SIZE];
    Str sealed;
    random_bytes(bytes, sizeof(bytes));
    EVP_PKEY *key = ed25519_private(bytes);
    *ret_kid = jwk_thumbprint(cx->arena, key);
    EVP_PKEY_free(key);
    Str context = str_fmt(cx->arena, "signing_keys.private_key.%.*s", STR_ARG(*ret_kid));
    Rc rc = secrets_seal(cx->platform->secrets, cx->arena,
                         str_of((const char *)bytes, sizeof(bytes)), context, &sealed, &cx->error);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    TRY(rc);
    TRY(tx_exec(cx->tx, &identity_q_signing_key_add,
                PARAMS(P_STR(*ret_kid), P_STR(sealed), P_I64(time_now_us()), P_I64(active_from_us)),
                NULL, &cx->error));
    identity_changed(cx);
    return audit_write(cx, "auth.signing_key_added", "SigningKey", *ret_kid, NULL, NULL);
}

/* for_us: how old what is in memory may be; 0: it has just been read. Another change may have come
 * since: that is no reason to make a key. */
static bool can_sign(int64_t for_us)
{
    char kid[KID_MAX];
    mutex_lock(&lock);
    bool may = for_us == 0 || is_fresh(for_us);
    EVP_PKEY *key = may ? find_signing(time_now_us(), kid) : NULL;
    mutex_unlock(&lock);
    EVP_PKEY_free(key);
    return key != NULL;
}

Rc keys_ensure(Ctx *cx)
{
    Str kid;
    if (can_sign(KEEP_US)) {
        return RC_OK;
    }
    TRY(load(cx));
    if (can_sign(0)) {
        return RC_OK;
    }
    TRY(ctx_begin(cx));
    TRY(add_key(cx, time_now_us(), &kid));
    return ctx_commit(cx);
}

Rc keys_rotate_run(Ctx *cx, Job *job)
{
    int64_t newest = 0, now = time_now_us(), forgotten = 0;
    Str kid;
    (void)job;
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(cx->tx, &identity_q_signing_keys_newest, NO_PARAMS, &newest, &cx->error));
    if (newest > 0 && now - newest > ROTATE_US) { /* the first is made when it is needed */
        TRY(add_key(cx, now + PUBLISH_US, &kid));
    }
    TRY(tx_exec(cx->tx, &identity_q_signing_keys_forget, PARAMS(P_I64(now - RETIRE_US)), &forgotten,
                &cx->error));
    if (forgotten > 0) {
        identity_changed(cx);
    }
    return ctx_commit(cx);
}

/* ---- operations */

Rc auth_keys_rotate(Ctx *cx, Call *call)
{
    bool at_once = json_bool(json_get_c(call->body, "at_once"), false);
    int64_t now = time_now_us(), active_from = at_once ? now : now + PUBLISH_US;
    Json *answer = json_object(cx->arena);
    Str kid;
    TRY(ctx_begin(cx));
    TRY(add_key(cx, active_from, &kid));
    if (at_once) {
        TRY(tx_exec(cx->tx, &identity_q_signing_keys_forget_others, PARAMS(P_STR(kid)), NULL,
                    &cx->error));
    }
    TRY(ctx_commit(cx));
    json_set_str(cx->arena, answer, "kid", kid);
    json_set_str(cx->arena, answer, "signs_from", time_rfc3339_dup(cx->arena, active_from));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

static Json *jwk_of(Arena *arena, const Key *key)
{
    uint8_t public_key[ED25519_KEY_SIZE];
    Buf x = buf_init(arena, 64);
    Json *jwk = json_object(arena);
    ed25519_public_of(key->key, public_key);
    buf_base64url(&x, str_of((const char *)public_key, sizeof(public_key)));
    json_set_str(arena, jwk, "kty", STR("OKP"));
    json_set_str(arena, jwk, "crv", STR("Ed25519"));
    json_set_str(arena, jwk, "alg", STR("EdDSA"));
    json_set_str(arena, jwk, "use", STR("sig"));
    json_set_str(arena, jwk, "kid", str_from(key->kid));
    json_set_str(arena, jwk, "x", buf_str(&x));
    return jwk;
}

Rc auth_jwks(Ctx *cx, Call *call)
{
    Json *answer = json_object(cx->arena), *list = json_array(cx->arena);
    mutex_lock(&lock);
    bool fresh = is_fresh(KEEP_US);
    mutex_unlock(&lock);
    if (!fresh) {
        TRY(load(cx));
    }
    mutex_lock(&lock);
    for (size_t i = 0; i < n_keys; i++) {
        json_push(cx->arena, list, jwk_of(cx->arena, &keys[i]));
    }
    mutex_unlock(&lock);
    json_set_c(cx->arena, answer, "keys", list);
    reply_header(call, "Cache-Control", STR("public, max-age=300"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}
