/* SPDX-License-Identifier: Apache-2.0
 * Tokens of other issuers by the RFCs' examples and in every wrong form; PKCE; local paths. The
 * whole way over HTTP is tests/api/test_providers.py. */
#include "base/buf.h"

#include "modules/identity/jws.h"
#include "modules/identity/providers.h"

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define RSA_N                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"                        \
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"                                          \
    "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"                \
    "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"         \
    "DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
/* RFC 7515 appendix A.2 */
static const char rs256_token[] =
    "eyJhbGciOiJSUzI1NiJ9." PAYLOAD
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
    "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
    "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_"
    "dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
    "p0igcN_IoypGlUPQGe77Rw";
static const char rs256_jwk[] = "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}";
/* RFC 7515 appendix A.3 */
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiJ9." PAYLOAD ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
    "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char es256_jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
/* RFC 8037 appendix A.1 and A.2 */
static const char ed25519_private_key[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
static const char ed25519_jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static Json *parse(Arena *arena, const char *text)
{
    Json *v = NULL;
    Error err = {0};
    assert_int_equal(json_parse(arena, str_from(text), NULL, &v, &err), RC_OK);
    return v;
}

static bool is_good(Arena *arena, Str token, const char *jwk, JwsAlg alg)
{
    Jws jws;
    if (jws_parse(arena, token, &jws)) {
        return false;
    }
    EVP_PKEY *key = jwk_public_key(arena, parse(arena, jwk), alg);
    bool ok = key && jws.alg == alg && jws_verify(&jws, key);
    EVP_PKEY_free(key);
    return ok;
}

/* The examples verify; one bit of any part less does not. ASVS 9.1.1 */
static void test_rfc_7515_vectors(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const struct {
        const char *token, *jwk;
        JwsAlg alg;
    } cases[] = {
        {rs256_token, rs256_jwk, JWS_RS256},
        {es256_token, es256_jwk, JWS_ES256}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].token);
        assert_true(is_good(arena, str_from(cases[i].token), cases[i].jwk, cases[i].alg));
        for (size_t at = 0; at < len; at += 7) {
            char *bent = arena_dup(arena, cases[i].token, len + 1);
            bent[at] = bent[at] == 'A' ? 'B' : 'A';
            assert_false(is_good(arena, str_from(bent), cases[i].jwk, cases[i].alg));
        }
    }
}

static Str sign(Arena *arena, const char *header, const char *payload)
{
    Buf bytes = buf_init(arena, ED25519_KEY_SIZE);
    assert_true(buf_unbase64(&bytes, str_from(ed25519_private_key)));
    EVP_PKEY *key = ed25519_private((const uint8_t *)bytes.ptr);
    Str token = jws_sign(arena, key, str_from(header), str_from(payload));
    EVP_PKEY_free(key);
    return token;
}

/* The algorithm is one of three, whatever the token says, and goes with its kind of key only. ASVS
 * 9.1.2 */
static void test_only_known_algorithms(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const char *const bad[] = {"none",  "None",  "",      "HS256", "HS512", "RS1",
                                      "RS512", "PS256", "ES384", "ES512", "EDDSA", "ES256K"};
    Jws jws;
    assert_true(is_good(arena, sign(arena, "{\"alg\":\"EdDSA\"}", "{}"), ed25519_jwk, JWS_EDDSA));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Str header = str_fmt(arena, "{\"alg\":\"%s\"}", bad[i]);
        assert_string_equal(jws_parse(arena, sign(arena, str_cstr(arena, header), "{}"), &jws),
                            "algorithm");
    }
    assert_string_equal(jws_parse(arena, sign(arena, "{\"alg\":[\"EdDSA\"]}", "{}"), &jws),
                        "algorithm");
    assert_null(jwk_public_key(arena, parse(arena, rs256_jwk), JWS_ES256));
    assert_null(jwk_public_key(arena, parse(arena, es256_jwk), JWS_RS256));
    assert_null(jwk_public_key(arena, parse(arena, ed25519_jwk), JWS_RS256));
}

/* What must be understood is not, and an access token is no ID token. ASVS 9.2.2 */
static void test_headers(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const struct {
        const char *header, *expected;
    } cases[] = {
        {"{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",                  NULL    },
        {"{\"alg\":\"EdDSA\",\"typ\":\"jwt\"}",                  NULL    },
        {"{\"alg\":\"EdDSA\",\"jku\":\"https://evil.example\"}", NULL    },
        {"{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}",               "type"  },
        {"{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"b64\":false}", "type"  },
        {"{\"alg\":\"EdDSA\",\"alg\":\"none\"}",                 "header"},
        {"[]",                                                   "header"},
    };
    Jws jws;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = jws_parse(arena, sign(arena, cases[i].header, "{}"), &jws);
        assert_true(cases[i].expected ? why && strcmp(why, cases[i].expected) == 0 : !why);
    }
    assert_string_equal(jws_parse(arena, STR("a.b"), &jws), "form");
    assert_string_equal(jws_parse(arena, STR("a.b.c.d"), &jws), "form");
    char *long_one = arena_alloc(arena, JWS_TOKEN_MAX + 2);
    memset(long_one, 'a', JWS_TOKEN_MAX + 1);
    assert_string_equal(jws_parse(arena, str_of(long_one, JWS_TOKEN_MAX + 1), &jws), "form");
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const struct {
        const char *jwk;
        JwsAlg alg;
    } cases[] = {
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}",                                       JWS_RS256},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",                        JWS_RS256}, /* far too short */
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}",                     JWS_RS256}, /* 1 signs anything */
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"use\":\"enc\"}",   JWS_RS256},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"RS512\"}", JWS_RS256},
        {"{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}",                               JWS_RS256},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",       JWS_ES256},
 /* not on the curve */
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",        JWS_ES256},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",        JWS_ES256},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",        JWS_EDDSA},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_null(jwk_public_key(arena, parse(arena, cases[i].jwk), cases[i].alg));
    }
}

/* A key is named, or there is only one it can be. */
static void test_key_of_a_set(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str text = str_fmt(arena,
                       "{\"keys\":[%s,%s,{\"kty\":\"OKP\",\"kid\":\"b\",\"crv\":\"Ed25519\","
                       "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},%s,7]}",
                       rs256_jwk, es256_jwk, ed25519_jwk);
    const Json *set = jwks_parse(arena, text);
    assert_non_null(set);
    const struct {
        JwsAlg alg;
        const char *kid;
        bool is_found;
    } cases[] = {
        {JWS_RS256, "",  true },
        {JWS_ES256, "",  true },
        {JWS_EDDSA, "",  false}, /* which of the two? */
        {JWS_EDDSA, "b", true },
        {JWS_RS256, "b", false},
        {JWS_RS256, "c", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *key = jwks_find(arena, set, cases[i].alg, str_from(cases[i].kid));
        assert_int_equal(key != NULL, cases[i].is_found);
        EVP_PKEY_free(key);
    }
    assert_null(jwks_parse(arena, STR("[]")));
    assert_null(jwks_parse(arena, STR("{\"keys\":{}}")));
    Buf many = buf_init(arena, KIB);
    buf_lit(&many, "{\"keys\":[0");
    for (int i = 0; i < JWKS_KEYS_MAX; i++) {
        buf_lit(&many, ",0");
    }
    buf_lit(&many, "]}");
    assert_null(jwks_parse(arena, buf_str(&many)));
}

#define NOW INT64_C(1800000000)
#define GOOD                                                                                       \
    "\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\",\"nonce\":\"n\","                 \
    "\"iat\":1800000000,\"exp\":1800000300"

/* OpenID Connect Core 3.1.3.7. ASVS 10.5.1, 10.5.2, 10.5.4, 9.2.1, 9.2.3 */
static void test_id_token_claims(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const IdTokenExpected expected = {STR("https://op.example"), STR("us"), STR("n"), STR("token"),
                                      NOW};
    const struct {
        const char *claims, *why;
    } cases[] = {
        {"{" GOOD "}",                                                                       NULL                  },
        {"{" GOOD ",\"azp\":\"us\"}",                                                        NULL                  },
        {"{" GOOD ",\"azp\":\"them\"}",                                                      "audience"            },
        {"{\"iss\":\"https://op.example/\",\"aud\":\"us\"}",                                 "issuer"              },
        {"{\"aud\":\"us\"}",                                                                 "issuer"              },
        {"{\"iss\":\"https://op.example\",\"aud\":\"them\"}",                                "audience"            },
        {"{\"iss\":\"https://op.example\",\"aud\":[\"them\"]}",                              "audience"            },
        {"{\"iss\":\"https://op.example\",\"aud\":[\"us\",\"them\"]}",                       "audience"            },
        {"{\"iss\":\"https://op.example\",\"aud\":[\"us\",\"them\"],\"azp\":\"us\"}",        "subject"             },
        {"{\"iss\":\"https://op.example\"}",                                                 "audience"            },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":7}",                        "subject"             },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\"}",                    "times"               },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\",\"exp\":1800000300}",
         "times"                                                                                                   },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\",\"exp\":1799999940,"
         "\"iat\":1799999000}",                                                     "expired"             },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\",\"exp\":1799999941,"
         "\"iat\":1799999000}",                                                     "nonce"               },
        {"{\"iss\":\"https://op.example\",\"aud\":\"us\",\"sub\":\"7\",\"exp\":1800000300,"
         "\"iat\":1800000061}",                                                     "issued in the future"},
        {"{" GOOD ",\"nbf\":1800000061}",                                                    "not yet valid"       },
        {"{" GOOD ",\"at_hash\":\"x\"}",                                                     "at_hash"             },
        {"{" GOOD ",\"at_hash\":7}",                                                         "at_hash"             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Jws jws;
        Str token = sign(arena, "{\"alg\":\"EdDSA\"}", cases[i].claims);
        assert_null(jws_parse(arena, token, &jws));
        const char *why = id_token_check(arena, &jws, &expected);
        if (cases[i].why ? !why || strcmp(why, cases[i].why) != 0 : why != NULL) {
            fail_msg("%s: %s", cases[i].claims, why ? why : "good");
        }
    }
}

/* OpenID Connect Core appendix A.3: c_hash and at_hash by SHA-256. */
static void test_at_hash(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Jws jws = {.alg = JWS_RS256,
               .payload = parse(arena, "{" GOOD ",\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"}")};
    IdTokenExpected expected = {STR("https://op.example"), STR("us"), STR("n"),
                                STR("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), NOW};
    assert_null(id_token_check(arena, &jws, &expected));
    jws.alg = JWS_EDDSA; /* SHA-512 then */
    assert_string_equal(id_token_check(arena, &jws, &expected), "at_hash");
    jws.alg = JWS_RS256;
    expected.access_token = STR("another");
    assert_string_equal(id_token_check(arena, &jws, &expected), "at_hash");
}

/* RFC 7636 appendix B. ASVS 10.2.1 */
static void test_pkce_rfc_7636(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str challenge = pkce_challenge(arena, STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    assert_true(str_is(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
}

static void test_local_paths(void **state)
{
    (void)state;
    static const char *const good[] = {"/",     "/catalog",         "/catalog?kind=API#top",
                                       "/a//b", "/%2F/example.com", "/@example.com"};
    static const char *const bad[] = {
        "",
        "catalog",
        "//example.com",
        "/\\example.com",
        "\\/example.com",
        "/a\\b",
        "/\texample",
        "/a\nb",
        "/a b",
        "https://example.com",
        "/a\x7f!",
        "javascript:alert(1)",
        "/caf\xc3\xa9",
        " /catalog",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(is_local_path(str_from(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(is_local_path(str_from(bad[i])));
    }
    assert_false(is_local_path(str_of("/\0a", 3)));
}

static void test_trusted_domains(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const Json *list = parse(arena, "[\"example.org\", 7]"), *all = parse(arena, "[\"*\"]");
    assert_true(provider_trusts(list, STR("ada@Example.ORG")));
    assert_false(provider_trusts(list, STR("ada@mail.example.org")));
    assert_false(provider_trusts(list, STR("ada@example.org@evil.example")));
    assert_false(provider_trusts(list, STR("example.org")));
    assert_false(provider_trusts(list, STR("ada@")));
    assert_false(provider_trusts(NULL, STR("ada@example.org")));
    assert_true(provider_trusts(all, STR("ada@anywhere.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_7515_vectors), cmocka_unit_test(test_only_known_algorithms),
        cmocka_unit_test(test_headers),          cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_key_of_a_set),     cmocka_unit_test(test_id_token_claims),
        cmocka_unit_test(test_at_hash),          cmocka_unit_test(test_pkce_rfc_7636),
        cmocka_unit_test(test_local_paths),      cmocka_unit_test(test_trusted_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
