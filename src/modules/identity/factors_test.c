/* SPDX-License-Identifier: Apache-2.0
 * Second factors without a database: codes by the examples of RFC 4226 and RFC 6238, recovery
 * codes, passkeys by the test vectors of WebAuthn Level 3 and in wrong forms. */
#include "base/buf.h"
#include "base/time.h"

#include "modules/identity/factors_priv.h"
#include "modules/identity/totp.h"
#include "modules/identity/webauthn_cbor.h"
#include "modules/identity/webauthn_cose.h"
#include "modules/identity/webauthn_test_vectors.h"

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

static Str unhex(Arena *arena, const char *text)
{
    Buf out = buf_init(arena, 64 * KIB);
    assert_true(buf_unhex(&out, str_from(text)));
    return str_dup(arena, buf_str(&out));
}

static Str as_base64url(Arena *arena, Str bytes)
{
    Buf out = buf_init(arena, 64 * KIB);
    buf_base64url(&out, bytes);
    return buf_str(&out);
}

/* ---- codes */

/* RFC 4226 appendix D. */
static void test_rfc_4226(void **state)
{
    (void)state;
    static const uint32_t codes[] = {755224, 287082, 359152, 969429, 338314,
                                     254676, 287922, 162583, 399871, 520489};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        assert_int_equal(hotp(HOTP_SHA1, STR("12345678901234567890"), i, 6), codes[i]);
    }
}

/* RFC 6238 appendix B. */
static void test_rfc_6238(void **state)
{
    (void)state;
    static const char seed[] = "1234567890123456789012345678901234567890123456789012345678901234";
    static const size_t sizes[] = {20, 32, 64};
    static const struct {
        int64_t time_s;
        uint32_t codes[3];
    } cases[] = {
        {59,          {94287082, 46119246, 90693936}},
        {1111111109,  {7081804, 68084774, 25091201} },
        {1111111111,  {14050471, 67062674, 99943326}},
        {1234567890,  {89005924, 91819424, 93441116}},
        {2000000000,  {69279037, 90698825, 38618901}},
        {20000000000, {65353130, 77737706, 47863826}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t step = (uint64_t)totp_step(cases[i].time_s * US_PER_SECOND);
        for (size_t h = 0; h < 3; h++) {
            assert_int_equal(hotp((HotpHash)h, str_of(seed, sizes[h]), step, 8), cases[i].codes[h]);
        }
    }
}

static Str code_of(Arena *arena, Str key, int64_t step)
{
    return str_fmt(arena, "%06u", hotp(HOTP_SHA1, key, (uint64_t)step, TOTP_DIGITS));
}

/* ASVS 6.5.1 (once), 6.5.5 (30 seconds), 6.5.8 (the server's clock): one step to both sides, and
 * never again one that was used, nor one before it. */
static void test_steps(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str key = STR("12345678901234567890");
    int64_t now = INT64_C(1800000010) * US_PER_SECOND, step = totp_step(now);
    for (int64_t off = -3; off <= 3; off++) {
        int64_t expected = off >= -1 && off <= 1 ? step + off : TOTP_NONE;
        assert_int_equal(totp_match(key, code_of(arena, key, step + off), now, 0), expected);
    }
    assert_int_equal(totp_match(key, code_of(arena, key, step), now, step), TOTP_NONE);
    assert_int_equal(totp_match(key, code_of(arena, key, step - 1), now, step), TOTP_NONE);
    assert_int_equal(totp_match(key, code_of(arena, key, step + 1), now, step), step + 1);
    assert_int_equal(totp_match(key, code_of(arena, key, step), now, step - 1), step);
    static const char *const wrong[] = {"", "00000", "1234567", "+12345", "٣٣٣٣٣٣"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(totp_match(key, str_from(wrong[i]), now, 0), TOTP_NONE);
    }
}

/* RFC 4648 section 10, without the padding. */
static void test_base32(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const char *const cases[][2] = {
        {"",       ""          },
        {"f",      "MY"        },
        {"fo",     "MZXQ"      },
        {"foo",    "MZXW6"     },
        {"foob",   "MZXW6YQ"   },
        {"fooba",  "MZXW6YTB"  },
        {"foobar", "MZXW6YTBOI"}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(str_is(base32(arena, str_from(cases[i][0])), cases[i][1]));
    }
    assert_true(str_is(totp_uri(arena, STR("12345678901234567890"), STR("a&b@example.org")),
                       "otpauth://totp/Fairway:a%26b%40example.org?secret="
                       "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Fairway&algorithm=SHA1&digits=6&"
                       "period=30"));
}

/* ASVS 6.5.2, 6.5.3, 6.5.4: 120 bits of the system's generator; a hash of them is kept. */
static void test_recovery_codes(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str code = recovery_code_new(arena), other = recovery_code_new(arena);
    assert_int_equal(code.len, 29);
    assert_false(str_eq(code, other));
    Str hash = recovery_code_hash(arena, code);
    assert_int_equal(hash.len, 2 * SHA256_SIZE);
    Str typed = str_replace(arena, str_lower(arena, code), STR("-"), STR(" "));
    assert_true(str_eq(recovery_code_hash(arena, typed), hash));
    assert_true(
        str_eq(recovery_code_hash(arena, str_replace(arena, code, STR("-"), STR_EMPTY)), hash));
    assert_int_equal(recovery_code_hash(arena, str_from_index(code, 1)).len, 0);
    assert_int_equal(recovery_code_hash(arena, str_fmt(arena, "%.*sA", STR_ARG(code))).len, 0);
    assert_int_equal(recovery_code_hash(arena, STR("0000-0000-0000-0000-0000-0000")).len, 0);
    assert_int_equal(recovery_code_hash(arena, STR_EMPTY).len, 0);
}

/* ---- CBOR */

static void test_cbor(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const struct {
        const char *hex;
        bool is_good;
    } cases[] = {
        {"a0",                     true }, /* {} */
        {"83010203",               true }, /* [1, 2, 3] */
        {"a1016161",               true },
        {"f5",                     true }, /* true */
        {"fb3ff0000000000000",     true }, /* 1.0 */
        {"818181818180",           true }, /* nested six deep */
        {"81818181818180",         true },
        {"8181818181818180",       false}, /* too deep */
        {"9f0102ff",               false}, /* of indefinite length */
        {"bf0102ff",               false},
        {"5f4101ff",               false},
        {"c001",                   false}, /* a tag */
        {"ff",                     false},
        {"5b7fffffffffffffff00",   false}, /* bytes that are not there */
        {"9bffffffffffffffff",     false}, /* items that are not there */
        {"bb7fffffffffffffff0101", false},
        {"1bffffffffffffffff",     false}, /* too large for us */
        {"a101",                   false},
        {"1c",                     false}, /* reserved */
        {"",                       false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str rest = unhex(arena, cases[i].hex);
        bool is_good = cbor_skip(&rest) && rest.len == 0;
        if (is_good != cases[i].is_good) {
            fail_msg("%s", cases[i].hex);
        }
    }
}

/* ---- passkeys */

static const WebauthnParty party = {STR_INIT("example.org"), STR_INIT("https://example.org")};

/* What we refuse of the vectors, and why: our pages are in no frame, and three algorithms do. */
static const char *refused_for(const char *section)
{
    static const char *const cases[][2] = {
        {"none-es256-crossOrigin", "cross origin"},
        {"none-es256-topOrigin",   "cross origin"},
        {"packed-es384",           "public key"  },
        {"packed-es512",           "public key"  },
        {"packed-ed448",           "public key"  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (str_is(str_from(section), cases[i][0])) {
            return cases[i][1];
        }
    }
    return NULL;
}

static void assert_why(const char *why, const char *expected, const char *of)
{
    bool is_same = why && expected ? str_is(str_from(why), expected) : why == expected;
    if (!is_same) {
        fail_msg("%s: '%s', not '%s'", of, why ? why : "good", expected ? expected : "good");
    }
}

/* WebAuthn Level 3, "Test Vectors" (sctn-test-vectors). */
static void test_webauthn_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        WebauthnCredential made = {0};
        WebauthnUse use = {0};
        const char *expected = refused_for(vectors[i].section);
        Str object = unhex(arena, vectors[i].attestation);
        const char *why = webauthn_register(
            arena, &party, as_base64url(arena, unhex(arena, vectors[i].create_challenge)),
            unhex(arena, vectors[i].create_client_data), object, &made);
        assert_why(why, expected, vectors[i].section);
        if (why) {
            continue;
        }
        WebauthnAssertion shown = {unhex(arena, vectors[i].get_client_data),
                                   unhex(arena, vectors[i].auth_data),
                                   unhex(arena, vectors[i].signature)};
        Str challenge = as_base64url(arena, unhex(arena, vectors[i].get_challenge));
        assert_true(str_eq(webauthn_challenge_of(arena, shown.client_data), challenge));
        why = webauthn_assert(arena, &party, challenge, made.public_key, &shown, &use);
        assert_why(why, NULL, vectors[i].section);
        for (size_t byte = 0; byte < shown.signature.len; byte += 7) {
            char *bent = arena_dup(arena, shown.signature.ptr, shown.signature.len);
            bent[byte] ^= 1;
            WebauthnAssertion forged = shown;
            forged.signature = str_of(bent, shown.signature.len);
            assert_why(webauthn_assert(arena, &party, challenge, made.public_key, &forged, &use),
                       "signature", vectors[i].section);
        }
    }
}

/* The first vector: no attestation, ES256. */
typedef struct Known {
    Arena *arena;
    Str create_challenge, create_data, object, get_challenge, public_key;
    WebauthnAssertion shown;
} Known;

static Known known_new(Arena *arena)
{
    WebauthnCredential made;
    Known k = {
        .arena = arena,
        .create_challenge = as_base64url(arena, unhex(arena, vectors[0].create_challenge)),
        .create_data = unhex(arena, vectors[0].create_client_data),
        .object = unhex(arena, vectors[0].attestation),
        .get_challenge = as_base64url(arena, unhex(arena, vectors[0].get_challenge)),
        .shown = {unhex(arena, vectors[0].get_client_data), unhex(arena, vectors[0].auth_data),
                  unhex(arena, vectors[0].signature)},
    };
    assert_null(
        webauthn_register(arena, &party, k.create_challenge, k.create_data, k.object, &made));
    assert_true(made.is_synced && !made.is_verified && made.sign_count == 0);
    assert_int_equal(made.id.len, 32);
    k.public_key = made.public_key;
    return k;
}

static const char *register_with(const Known *k, Str data, Str object)
{
    WebauthnCredential made;
    return webauthn_register(k->arena, &party, k->create_challenge, data, object, &made);
}

/* Everything that is cut short or longer is refused, and every bit of what is hashed counts. */
static void test_registration_forms(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Known k = known_new(arena);
    for (size_t len = 0; len < k.object.len; len++) {
        assert_non_null(
            register_with(&k, k.create_data, str_dup(arena, str_sub(k.object, 0, len))));
    }
    Buf more = buf_init(arena, 4 * KIB);
    buf_put(&more, k.object);
    buf_char(&more, 0);
    assert_why(register_with(&k, k.create_data, buf_str(&more)), "attestation object",
               "a byte more");
    static const struct {
        const char *what, *with, *why;
    } changes[] = {
        {"webauthn.create",       "webauthn.get",                          "type"        },
        {"https://example.org",   "http://example.org",                    "origin"      },
        {"https://example.org",   "https://example.org.x",                 "origin"      },
        {"AMMPt4Ux",              "BMMPt4Ux",                              "challenge"   },
        {"\"crossOrigin\":false", "\"crossOrigin\":true",                  "cross origin"},
        {"\"crossOrigin\":false", "\"topOrigin\":\"https://example.com\"", "cross origin"},
        {"{\"type\"",             "[\"type\"",                             "client data" },
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        Str data =
            str_replace(arena, k.create_data, str_from(changes[i].what), str_from(changes[i].with));
        assert_why(register_with(&k, data, k.object), changes[i].why, changes[i].with);
    }
    WebauthnCredential made;
    WebauthnParty other = {STR_INIT("example.com"), STR_INIT("https://example.org")};
    assert_why(webauthn_register(arena, &other, k.create_challenge, k.create_data, k.object, &made),
               "party", "other party");
    assert_why(webauthn_register(arena, &party, STR_EMPTY, k.create_data, k.object, &made),
               "challenge", "no challenge");
}

/* authData stands at this place of the object of the first vector. */
enum { OBJECT_AUTH_DATA = 30 };

static Str with_byte(const Known *k, size_t at, uint8_t value)
{
    char *bent = arena_dup(k->arena, k->object.ptr, k->object.len);
    bent[at] = (char)value;
    return str_of(bent, k->object.len);
}

static void test_registration_flags(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Known k = known_new(arena);
    size_t flags = OBJECT_AUTH_DATA + 32, length = OBJECT_AUTH_DATA + 53;
    assert_int_equal((uint8_t)k.object.ptr[flags], 0x59);
    static const struct {
        uint8_t flags;
        const char *why;
    } cases[] = {
        {0x59, NULL                }, /* present, may sync, synced, credential */
        {0x5d, NULL                }, /* verified too */
        {0x49, NULL                },
        {0x41, NULL                },
        {0x58, "nobody was present"},
        {0x51, "flags"             }, /* synced and may not be */
        {0x19, "no credential"     },
        {0xd9, "authenticator data"}, /* extensions that are not there */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_why(register_with(&k, k.create_data, with_byte(&k, flags, cases[i].flags)),
                   cases[i].why, "flags");
    }
    assert_why(register_with(&k, k.create_data, with_byte(&k, length, 4)), "credential id", "1056");
    assert_why(register_with(&k, k.create_data, with_byte(&k, length + 1, 0)), "credential id",
               "none");
    assert_why(register_with(&k, k.create_data, with_byte(&k, k.object.len - 1, 0x21)),
               "public key", "a point beside the curve");
}

/* ASVS 6.7.2: an assertion counts for one challenge, one type, one page, one party. */
static void test_assertion_forms(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Known k = known_new(arena);
    WebauthnUse use;
    assert_null(webauthn_assert(arena, &party, k.get_challenge, k.public_key, &k.shown, &use));
    assert_true(use.is_synced && !use.is_verified && use.sign_count == 0);
    assert_why(webauthn_assert(arena, &party, k.create_challenge, k.public_key, &k.shown, &use),
               "challenge", "another challenge");
    WebauthnAssertion a = k.shown;
    a.client_data = k.create_data;
    assert_why(webauthn_assert(arena, &party, k.create_challenge, k.public_key, &a, &use), "type",
               "a registration");
    a = k.shown;
    a.client_data = str_replace(arena, k.shown.client_data, STR("\"crossOrigin\":false"),
                                STR("\"crossOrigin\": false"));
    assert_why(webauthn_assert(arena, &party, k.get_challenge, k.public_key, &a, &use), "signature",
               "other bytes that say the same");
    a = k.shown;
    char *data = arena_dup(arena, a.auth_data.ptr, a.auth_data.len);
    data[36] = 1;
    a.auth_data = str_of(data, a.auth_data.len);
    assert_why(webauthn_assert(arena, &party, k.get_challenge, k.public_key, &a, &use), "signature",
               "another counter");
    a = k.shown;
    a.auth_data = str_sub(a.auth_data, 0, 36);
    assert_why(webauthn_assert(arena, &party, k.get_challenge, k.public_key, &a, &use),
               "authenticator data", "short");
    a = k.shown;
    a.signature = STR_EMPTY;
    assert_why(webauthn_assert(arena, &party, k.get_challenge, k.public_key, &a, &use), "signature",
               "none");
    assert_why(webauthn_assert(arena, &party, k.get_challenge, STR_EMPTY, &k.shown, &use),
               "signature", "no key");
    WebauthnParty other = {STR_INIT("example.org"), STR_INIT("https://example.org:8443")};
    assert_why(webauthn_assert(arena, &other, k.get_challenge, k.public_key, &k.shown, &use),
               "origin", "another port");
}

static void test_keys(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const char *const wrong[] = {
        "a0",
        "a301022007", /* cut short */
        "a2010126f5",
        /* Ed25519: an algorithm twice, then another curve */
        "a501010327032720062158200000000000000000000000000000000000000000000000000000000000000000",
        "a401010327200721582000000000000000000000000000000000000000000000000000000000000000aabb",
        /* RSA of 16 bits, and of an even number */
        "a401030339010020420f012143010001",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        Str rest = unhex(arena, wrong[i]);
        int algorithm;
        assert_null(cose_take_key(&rest, &algorithm));
    }
}

static void test_party(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    static const struct {
        const char *url, *id, *origin;
    } cases[] = {
        {"https://Fairway.Example.org",         "fairway.example.org", "https://fairway.example.org"},
        {"https://fairway.example.org:443/x/y", "fairway.example.org",
         "https://fairway.example.org"                                                              },
        {"https://fairway.example.org:8443",    "fairway.example.org",
         "https://fairway.example.org:8443"                                                         },
        {"http://127.0.0.1:3001",               "localhost",           "http://localhost:3001"      },
        {"http://localhost:80",                 "localhost",           "http://localhost"           },
        {"http://10.0.0.1:3001",                NULL,                  NULL                         },
        {"https://[2001:db8::1]",               NULL,                  NULL                         },
        {"nonsense",                            NULL,                  NULL                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        WebauthnParty found;
        bool is_one = webauthn_party(arena, str_from(cases[i].url), &found);
        assert_int_equal(is_one, cases[i].id != NULL);
        if (is_one) {
            assert_true(str_is(found.id, cases[i].id) && str_is(found.origin, cases[i].origin));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_4226),
        cmocka_unit_test(test_rfc_6238),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_base32),
        cmocka_unit_test(test_recovery_codes),
        cmocka_unit_test(test_cbor),
        cmocka_unit_test(test_webauthn_vectors),
        cmocka_unit_test(test_registration_forms),
        cmocka_unit_test(test_registration_flags),
        cmocka_unit_test(test_assertion_forms),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_party),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
