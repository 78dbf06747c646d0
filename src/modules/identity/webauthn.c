/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/identity/webauthn.h"

#include "base/buf.h"
#include "base/hash.h"

#include "data/json.h"
#include "modules/identity/webauthn_cbor.h"
#include "modules/identity/webauthn_cose.h"
#include "net/http_client.h"

const int webauthn_algorithms[3] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

/* authenticator data: hash of the party's id, flags, counter; then what the flags tell of */
enum { AT_FLAGS = SHA256_SIZE, AT_COUNT = 33, AUTH_DATA_MIN = 37, AAGUID_SIZE = 16 };
enum {
    FLAG_PRESENT = 0x01,
    FLAG_VERIFIED = 0x04,
    FLAG_MAY_SYNC = 0x08,
    FLAG_SYNCED = 0x10,
    FLAG_CREDENTIAL = 0x40,
    FLAG_EXTENSIONS = 0x80
};

/* ---- who we are */

static bool is_digits_and_dots(Str host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9')) {
            return false;
        }
    }
    return true;
}

bool webauthn_party(Arena *arena, Str base_url, WebauthnParty *ret)
{
    Url url;
    if (!url_parse(base_url, &url)) {
        return false;
    }
    Str host = str_lower(arena, url.host), scheme = str_lower(arena, url.scheme);
    bool is_ipv6 = str_find_char(host, ':') != SIZE_MAX;
    if ((is_digits_and_dots(host) && str_starts(host, STR("127."))) || str_is(host, "::1")) {
        host = STR("localhost");
    } else if (is_ipv6 || is_digits_and_dots(host)) {
        return false;
    }
    bool is_usual = url.port == (str_is(scheme, "https") ? 443 : 80);
    Str port = is_usual ? STR_EMPTY : str_fmt(arena, ":%u", url.port);
    ret->id = host;
    ret->origin = str_fmt(arena, "%.*s://%.*s%.*s", STR_ARG(scheme), STR_ARG(host), STR_ARG(port));
    return true;
}

/* ---- client data: what the browser says */

static const Json *parse_client_data(Arena *arena, Str text)
{
    static const JsonLimits limits = {
        .max_bytes = WEBAUTHN_CLIENT_DATA_MAX, .max_depth = 6, .max_nodes = 64};
    Json *data = NULL;
    Error err = {0};
    if (json_parse(arena, text, &limits, &data, &err) != RC_OK || !json_is(data, JSON_OBJECT)) {
        return NULL;
    }
    return data;
}

Str webauthn_challenge_of(Arena *arena, Str client_data)
{
    return json_str_at(parse_client_data(arena, client_data), "challenge");
}

/* Our pages are in no frame, so there is no other origin above them. */
static const char *check_client_data(
    Arena *arena, const WebauthnParty *party, Str challenge, Str text, const char *type)
{
    const Json *data = parse_client_data(arena, text);
    if (!data) {
        return "client data";
    }
    if (!str_is(json_str_at(data, "type"), type)) {
        return "type";
    }
    if (challenge.len == 0 || !str_eq_secret(json_str_at(data, "challenge"), challenge)) {
        return "challenge";
    }
    if (!str_eq(json_str_at(data, "origin"), party->origin)) {
        return "origin";
    }
    if (json_bool(json_get_c(data, "crossOrigin"), false) || json_get_c(data, "topOrigin")) {
        return "cross origin";
    }
    return NULL;
}

/* ---- authenticator data */

static uint32_t read_u32(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static const char *check_auth_data(const WebauthnParty *party, Str data, uint8_t *ret_flags)
{
    uint8_t hash[SHA256_SIZE];
    if (data.len < AUTH_DATA_MIN || data.len > WEBAUTHN_AUTH_DATA_MAX) {
        return "authenticator data";
    }
    sha256(party->id, hash);
    if (memcmp(data.ptr, hash, sizeof(hash)) != 0) {
        return "party";
    }
    uint8_t flags = (uint8_t)data.ptr[AT_FLAGS];
    if (!(flags & FLAG_PRESENT)) {
        return "nobody was present";
    }
    if ((flags & FLAG_SYNCED) && !(flags & FLAG_MAY_SYNC)) {
        return "flags";
    }
    *ret_flags = flags;
    return NULL;
}

/* After the fixed part and the credential: the extensions the flags tell of, and nothing else. */
static bool ends_well(Str rest, uint8_t flags)
{
    if (flags & FLAG_EXTENSIONS) {
        CborItem map;
        Str peek = rest;
        if (!cbor_take_kind(&peek, CBOR_MAP, &map) || !cbor_skip(&rest)) {
            return false;
        }
    }
    return rest.len == 0;
}

static const char *take_credential(Str data, uint8_t flags, WebauthnCredential *ret)
{
    int algorithm;
    Str rest = str_from_index(data, AUTH_DATA_MIN);
    if (!(flags & FLAG_CREDENTIAL) || rest.len < AAGUID_SIZE + 2) {
        return "no credential";
    }
    memcpy(ret->aaguid, rest.ptr, AAGUID_SIZE);
    size_t len = (size_t)(uint8_t)rest.ptr[AAGUID_SIZE] << 8 | (uint8_t)rest.ptr[AAGUID_SIZE + 1];
    rest = str_from_index(rest, AAGUID_SIZE + 2);
    if (len == 0 || len > WEBAUTHN_ID_MAX || len > rest.len) {
        return "credential id";
    }
    ret->id = str_sub(rest, 0, len);
    rest = str_from_index(rest, len);
    Str start = rest;
    EVP_PKEY *key = cose_take_key(&rest, &algorithm);
    if (!key) {
        return "public key";
    }
    EVP_PKEY_free(key);
    ret->public_key = str_sub(start, 0, start.len - rest.len);
    return ends_well(rest, flags) ? NULL : "authenticator data";
}

/* ---- attestation object */

static bool take_attestation(Str rest, Str *ret_auth_data)
{
    enum { MEMBERS_MAX = 8 };
    CborItem map, key, value;
    bool has_format = false, has_statement = false;
    *ret_auth_data = STR_EMPTY;
    if (!cbor_take_kind(&rest, CBOR_MAP, &map) || map.n > MEMBERS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < map.n; i++) {
        Str before;
        if (!cbor_take_kind(&rest, CBOR_TEXT, &key)) {
            return false;
        }
        before = rest;
        if (!cbor_skip(&rest) || !cbor_take(&before, &value)) {
            return false;
        }
        if (str_is(key.bytes, "authData") && value.kind == CBOR_BYTES && !ret_auth_data->ptr) {
            *ret_auth_data = value.bytes;
        } else if (str_is(key.bytes, "fmt") && value.kind == CBOR_TEXT && !has_format) {
            has_format = true;
        } else if (str_is(key.bytes, "attStmt") && value.kind == CBOR_MAP && !has_statement) {
            has_statement = true;
        } else {
            return false;
        }
    }
    return rest.len == 0 && has_format && has_statement && ret_auth_data->ptr;
}

/* ---- the two ceremonies */

const char *webauthn_register(Arena *arena,
                              const WebauthnParty *party,
                              Str challenge,
                              Str client_data,
                              Str attestation,
                              WebauthnCredential *ret)
{
    Str auth_data;
    uint8_t flags = 0;
    WebauthnCredential made = {0};
    const char *why = check_client_data(arena, party, challenge, client_data, "webauthn.create");
    if (why) {
        return why;
    }
    if (attestation.len > WEBAUTHN_ATTESTATION_MAX || !take_attestation(attestation, &auth_data)) {
        return "attestation object";
    }
    why = check_auth_data(party, auth_data, &flags);
    why = why ? why : take_credential(auth_data, flags, &made);
    if (why) {
        return why;
    }
    made.sign_count = read_u32(auth_data.ptr + AT_COUNT);
    made.is_verified = (flags & FLAG_VERIFIED) != 0;
    made.is_synced = (flags & FLAG_SYNCED) != 0;
    *ret = made;
    return NULL;
}

static bool is_signed(Arena *arena, Str public_key, const WebauthnAssertion *a)
{
    int algorithm;
    uint8_t hash[SHA256_SIZE];
    EVP_PKEY *key = cose_take_key(&public_key, &algorithm);
    if (!key) {
        return false;
    }
    sha256(a->client_data, hash);
    Buf message = buf_init(arena, WEBAUTHN_AUTH_DATA_MAX + SHA256_SIZE);
    buf_put(&message, a->auth_data);
    buf_put(&message, str_of((const char *)hash, sizeof(hash)));
    bool ok = buf_ok(&message) && a->signature.len <= WEBAUTHN_SIGNATURE_MAX &&
              cose_is_signed(key, algorithm, buf_str(&message), a->signature);
    EVP_PKEY_free(key);
    return ok;
}

const char *webauthn_assert(Arena *arena,
                            const WebauthnParty *party,
                            Str challenge,
                            Str public_key,
                            const WebauthnAssertion *assertion,
                            WebauthnUse *ret)
{
    uint8_t flags = 0;
    Str data = assertion->auth_data;
    const char *why =
        check_client_data(arena, party, challenge, assertion->client_data, "webauthn.get");
    why = why ? why : check_auth_data(party, data, &flags);
    if (why) {
        return why;
    }
    if ((flags & FLAG_CREDENTIAL) || !ends_well(str_from_index(data, AUTH_DATA_MIN), flags)) {
        return "authenticator data";
    }
    if (!is_signed(arena, public_key, assertion)) {
        return "signature";
    }
    ret->sign_count = read_u32(data.ptr + AT_COUNT);
    ret->is_verified = (flags & FLAG_VERIFIED) != 0;
    ret->is_synced = (flags & FLAG_SYNCED) != 0;
    return NULL;
}
