/* SPDX-License-Identifier: Apache-2.0
 * What needs no database: tokens by the RFCs' examples and in every wrong form, API keys,
 * passwords, scopes. */
#include "base/buf.h"

#include "modules/identity/identity_priv.h"

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

#define ISSUER "https://fairway.example.org"
#define NOW INT64_C(1800000000)

/* RFC 8037 appendix A.1 */
static const char rfc_private[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
static const char rfc_public[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

static EVP_PKEY *key_of(Arena *arena, const char *text, bool is_private)
{
    Buf bytes = buf_init(arena, ED25519_KEY_SIZE);
    assert_true(buf_unbase64(&bytes, str_from(text)));
    assert_int_equal(bytes.len, ED25519_KEY_SIZE);
    return is_private ? ed25519_private((const uint8_t *)bytes.ptr)
                      : ed25519_public((const uint8_t *)bytes.ptr);
}

static void assert_text(Str s, const char *expected)
{
    if (!str_is(s, expected)) {
        fail_msg("'%.*s' is not '%s'", STR_ARG(s), expected);
    }
}

static void test_rfc_8037(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const char token[] =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    EVP_PKEY *key = key_of(arena, rfc_private, true),
             *public_key = key_of(arena, rfc_public, false);
    uint8_t derived[ED25519_KEY_SIZE];
    Buf x = buf_init(arena, 64);
    ed25519_public_of(key, derived);
    buf_base64url(&x, str_of((const char *)derived, sizeof(derived)));
    assert_text(buf_str(&x), rfc_public); /* A.2 */
    assert_text(jwk_thumbprint(arena, public_key),
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); /* A.3 */
    assert_text(jws_sign(arena, key, STR("{\"alg\":\"EdDSA\"}"), STR("Example of Ed25519 signing")),
                token);                                        /* A.4 */
    assert_true(jws_is_signed(arena, public_key, STR(token))); /* A.5 */
    char *bent = arena_dup(arena, token, sizeof(token));
    bent[30] = bent[30] == 'A' ? 'B' : 'A';
    assert_false(jws_is_signed(arena, public_key, str_from(bent)));
    EVP_PKEY_free(key);
    EVP_PKEY_free(public_key);
}

/* RFC 7515 appendix A: other algorithms, and none, are not ours. */
static void test_rfc_7515(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
    static const char *const tokens[] = {
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", /* A.1: HS256 */
        "eyJhbGciOiJFUzI1NiJ9." PAYLOAD
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        "eyJhbGciOiJub25lIn0." PAYLOAD ".", /* A.5: unsecured */
    };
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        assert_int_equal(jwt_kid(arena, str_from(tokens[i])).len, 0);
    }
#undef PAYLOAD
}

#define HEADER "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\"}"
#define CLAIMS(iss, aud, iat, exp)                                                                 \
    "{\"iss\":\"" iss "\",\"aud\":\"" aud "\",\"sub\":\"u\",\"sid\":\"s\",\"iat\":" iat            \
    ",\"exp\":" exp ",\"jti\":\"j\"}"
#define GOOD CLAIMS(ISSUER, "fairway", "1800000000", "1800000900")

/* clang-format off */
static const struct {
    const char *name, *header, *claims, *why; /* why NULL: good */
} token_cases[] = {
    {"good", HEADER, GOOD, NULL},
    {"no algorithm", "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"k\"}", GOOD, "form"},
    {"None", "{\"alg\":\"None\",\"typ\":\"at+jwt\",\"kid\":\"k\"}", GOOD, "form"},
    {"HS256", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k\"}", GOOD, "form"},
    {"RS256", "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k\"}", GOOD, "form"},
    {"an ID token", "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"k\"}", GOOD, "form"},
    {"without a type", "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", GOOD, "form"},
    {"without a key id", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", GOOD, "form"},
    {"jku", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\",\"jku\":\"https://x\"}", GOOD, "form"},
    {"jwk", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\",\"jwk\":{}}", GOOD, "form"},
    {"x5u", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\",\"x5u\":\"https://x\"}", GOOD, "form"},
    {"crit", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k\",\"crit\":[\"b64\"]}", GOOD, "form"},
    {"header twice", "{\"alg\":\"EdDSA\",\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"k\"}", GOOD, "form"},
    {"header no object", "[]", GOOD, "form"},
    {"other issuer", HEADER, CLAIMS("https://evil.example", "fairway", "1800000000", "1800000900"), "issuer"},
    {"other audience", HEADER, CLAIMS(ISSUER, "other", "1800000000", "1800000900"), "audience"},
    {"expired", HEADER, CLAIMS(ISSUER, "fairway", "1799999000", "1799999940"), "expired"},
    {"expired within the leeway", HEADER, CLAIMS(ISSUER, "fairway", "1799999000", "1799999941"), NULL},
    {"issued within the leeway", HEADER, CLAIMS(ISSUER, "fairway", "1800000060", "1800000900"), NULL},
    {"issued in the future", HEADER, CLAIMS(ISSUER, "fairway", "1800000061", "1800000900"), "issued in the future"},
    {"not yet valid", HEADER, "{\"iss\":\"" ISSUER "\",\"aud\":\"fairway\",\"sub\":\"u\",\"sid\":\"s\",\"jti\":\"j\","
     "\"iat\":1800000000,\"nbf\":1800000100,\"exp\":1800000900}", "not yet valid"},
    {"without an end", HEADER, "{\"iss\":\"" ISSUER "\",\"aud\":\"fairway\",\"sub\":\"u\",\"sid\":\"s\",\"jti\":\"j\","
     "\"iat\":1800000000}", "times"},
    {"end is text", HEADER, CLAIMS(ISSUER, "fairway", "1800000000", "\"1800000900\""), "times"},
    {"without a session", HEADER, "{\"iss\":\"" ISSUER "\",\"aud\":\"fairway\",\"sub\":\"u\",\"jti\":\"j\","
     "\"iat\":1800000000,\"exp\":1800000900}", "claims"},
    {"claims no object", HEADER, "\"x\"", "payload"},
};
/* clang-format on */

static void test_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(token_cases); i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        EVP_PKEY *key = key_of(arena, rfc_private, true);
        JwtClaims claims = {0};
        Str token =
            jws_sign(arena, key, str_from(token_cases[i].header), str_from(token_cases[i].claims));
        const char *why = jwt_verify(arena, key, token, STR(ISSUER), NOW, &claims);
        const char *expected = token_cases[i].why;
        if ((why == NULL) != (expected == NULL) || (why && strcmp(why, expected) != 0)) {
            fail_msg("%s: %s instead of %s", token_cases[i].name, why ? why : "good",
                     expected ? expected : "good");
        }
        assert_true(why || str_is(claims.subject, "u"));
        EVP_PKEY_free(key);
    }
}

static void test_forged(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const uint8_t other_bytes[ED25519_KEY_SIZE] = {7};
    EVP_PKEY *key = key_of(arena, rfc_private, true), *other = ed25519_private(other_bytes);
    JwtClaims claims = {STR(ISSUER), STR("u"), STR("s"), STR("j"), NOW, NOW + 900}, read;
    Str token = jwt_sign(arena, key, STR("k"), &claims);
    assert_null(jwt_verify(arena, key, token, STR(ISSUER), NOW, &read));
    assert_text(read.session, "s");
    assert_text(jwt_kid(arena, token), "k");
    assert_string_equal(jwt_verify(arena, other, token, STR(ISSUER), NOW, &read), "signature");
    /* one bit of each part, a part too many, one too few, padding, white space, nothing */
    for (size_t i = 0; i < token.len; i += 7) {
        char *bent = arena_dup(arena, token.ptr, token.len);
        bent[i] = bent[i] == 'x' ? 'y' : 'x';
        if (memcmp(bent, token.ptr, token.len) != 0) {
            assert_non_null(
                jwt_verify(arena, key, str_of(bent, token.len), STR(ISSUER), NOW, &read));
        }
    }
    static const char *const forms[] = {"%.*s.", "%.*s.x", "%.*s=", "%.*s ", " %.*s", ".%.*s"};
    assert_non_null(jwt_verify(arena, key, STR_EMPTY, STR(ISSUER), NOW, &read));
    assert_non_null(jwt_verify(arena, key, STR(".."), STR(ISSUER), NOW, &read));
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char text[JWT_MAX];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int n = snprintf(text, sizeof(text), forms[i], STR_ARG(token));
#pragma GCC diagnostic pop
        assert_non_null(jwt_verify(arena, key, str_of(text, (size_t)n), STR(ISSUER), NOW, &read));
    }
    char *large = arena_alloc(arena, JWT_MAX + 1);
    memset(large, 'a', JWT_MAX + 1);
    assert_non_null(jwt_verify(arena, key, str_of(large, JWT_MAX + 1), STR(ISSUER), NOW, &read));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_api_keys(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    /* GitHub's published example of the form */
    assert_text(api_key_checksum(arena, STR("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")), "0mLq17");
    Str key = api_key_new(arena);
    assert_int_equal(key.len, 40);
    assert_true(api_key_is_wellformed(key));
    assert_false(str_eq(key, api_key_new(arena)));
    for (size_t i = 0; i < key.len; i++) {
        char *bent = arena_dup(arena, key.ptr, key.len);
        bent[i] = bent[i] == 'a' ? 'b' : 'a';
        assert_false(api_key_is_wellformed(str_of(bent, key.len)));
    }
    assert_false(api_key_is_wellformed(str_sub(key, 0, key.len - 1)));
    assert_false(api_key_is_wellformed(STR_EMPTY));
}

static void test_password_rules(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        bool ok;
    } cases[] = {
        {"correct horse battery staple",  true },
        {"k7#Vq",                         false}, /* short */
        {"drömmerüß",                  true }, /* nine characters */
        {"aaaaaaaaaaaa",                  false},
        {"abcabcabcabc",                  false},
        {"password",                      false},
        {"Password1",                     false},
        {"P@ssw0rd2026!",                 false},
        {"qwertyuiop",                    false},
        {"1234567890",                    false},
        {"Fairway2026",                   false},
        {"lovelace99",                    false}, /* the name */
        {"ada.lovelace",                  false}, /* the address */
        {"lovelace rides the violet bus", true },
        {"example1!",                     false}, /* the domain */
        {"no rules of composition",       true },
    };
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const Str context[] = {STR("ada.lovelace@example.org"), STR("Ada Lovelace")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *problem = password_problem(arena, str_from(cases[i].password), context, 2);
        if ((problem == NULL) != cases[i].ok) {
            fail_msg("%s: %s", cases[i].password, problem ? problem : "taken");
        }
    }
    char *longest = arena_alloc(arena, PASSWORD_MAX + 1);
    for (int i = 0; i <= PASSWORD_MAX; i++) {
        longest[i] = (char)('a' + i * i % 23);
    }
    assert_null(password_problem(arena, str_of(longest, PASSWORD_MAX), context, 2));
    assert_non_null(password_problem(arena, str_of(longest, PASSWORD_MAX + 1), context, 2));
}

static void test_password_hash(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Ctx cx = {.arena = arena, .deadline_us = time_monotonic_us() + US_PER_MINUTE};
    Str hash, again;
    assert_int_equal(password_enter(&cx), RC_OK);
    assert_int_equal(password_hash(&cx, STR("violet bus"), &hash), RC_OK);
    assert_int_equal(password_hash(&cx, STR("violet bus"), &again), RC_OK);
    assert_true(str_starts(hash, STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_false(str_eq(hash, again)); /* salted */
    assert_true(password_verify(hash, STR("violet bus")));
    assert_false(password_verify(hash, STR("Violet bus")));
    assert_false(password_verify(hash, STR_EMPTY));
    assert_false(password_verify(STR_EMPTY, STR("violet bus"))); /* nobody */
    assert_false(password_is_outdated(hash));
    assert_true(password_is_outdated(STR("$argon2id$v=19$m=7168,t=5,p=1$Zmlyc3QgY29tZSBzYWx0eQ$"
                                         "bm8gcGFzc3dvcmQgaGFzaGVzIHRvIHRoaXMsIG5vLiE")));
    password_leave();
}

/* Nobody's hash takes the time of a real one: what is off by a factor gives an account away. */
static void test_unknown_takes_as_long(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Ctx cx = {.arena = arena, .deadline_us = time_monotonic_us() + US_PER_MINUTE};
    int64_t known = INT64_MAX, unknown = INT64_MAX;
    Str hash;
    assert_int_equal(password_enter(&cx), RC_OK);
    assert_int_equal(password_hash(&cx, STR("violet bus"), &hash), RC_OK);
    for (int i = 0; i < 5; i++) { /* the least of five: what else runs can only add */
        int64_t start = time_monotonic_us();
        assert_false(password_verify(hash, STR("wrong")));
        int64_t middle = time_monotonic_us();
        assert_false(password_verify(STR_EMPTY, STR("wrong")));
        known = MIN(known, middle - start);
        unknown = MIN(unknown, time_monotonic_us() - middle);
    }
    password_leave();
    assert_true(unknown > known / 2 && unknown < known * 2);
}

static void test_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *scopes, *on, *action;
        bool ok;
    } cases[] = {
        {"[\"Service:read\"]",                "Service", "read",   true },
        {"[\"Service:read\"]",                "Service", "update", false},
        {"[\"Service:*\"]",                   "Service", "update", true },
        {"[\"*:read\"]",                      "Team",    "read",   true },
        {"[\"*:read\"]",                      "Team",    "delete", false},
        {"[\"*:*\"]",                         "Team",    "delete", true },
        {"[\"Serv:*\"]",                      "Service", "read",   false},
        {"[\"Team:read\", \"Service:read\"]", "Service", "read",   true },
        {"[]",                                "Service", "read",   false},
        {"[\"nothing\"]",                     "Service", "read",   false},
        {"[]",                                "Self",    "read",   true },
        {"[]",                                "Self",    "update", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        Json *scopes = NULL;
        Error err = {0};
        assert_int_equal(json_parse(arena, str_from(cases[i].scopes), NULL, &scopes, &err), RC_OK);
        assert_int_equal(
            identity_scopes_allow(scopes, str_from(cases[i].action), str_from(cases[i].on)),
            cases[i].ok);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_8037),      cmocka_unit_test(test_rfc_7515),
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_api_keys),      cmocka_unit_test(test_password_rules),
        cmocka_unit_test(test_password_hash), cmocka_unit_test(test_unknown_takes_as_long),
        cmocka_unit_test(test_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
