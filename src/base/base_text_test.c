/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/utf8.h"

#include <string.h>

static void str_compares(void **state)
{
    static const struct {
        Str a, b;
        int order; /* of a against b */
        bool eq, eq_nocase;
    } cases[] = {
        {STR_INIT(""),      STR_INIT(""),      0,  true,  true },
        {{NULL, 0},         STR_INIT(""),      0,  true,  true },
        {STR_INIT("a"),     STR_INIT("b"),     -1, false, false},
        {STR_INIT("ab"),    STR_INIT("a"),     1,  false, false},
        {STR_INIT("a\0b"),  STR_INIT("a\0c"),  -1, false, false},
        {STR_INIT("\xFF"),  STR_INIT("a"),     1,  false, false},
        {STR_INIT("Hello"), STR_INIT("hELLO"), -1, false, true },
        {STR_INIT("[@`{"),  STR_INIT("{`@["),  -1, false, false},
        {STR_INIT("\xC4"),  STR_INIT("\xE4"),  -1, false, false},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(str_cmp(cases[i].a, cases[i].b), cases[i].order);
        assert_int_equal(str_cmp(cases[i].b, cases[i].a), -cases[i].order);
        assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].eq);
        assert_int_equal(str_eq_secret(cases[i].a, cases[i].b), cases[i].eq);
        assert_int_equal(str_eq_nocase(cases[i].a, cases[i].b), cases[i].eq_nocase);
    }
    assert_true(str_is(STR("x"), "x"));
    assert_true(str_is(STR_EMPTY, NULL));
    assert_int_equal(str_from(NULL).len, 0);
    assert_int_equal(str_hash(STR("same")), str_hash(str_sub(STR("xsame"), 1, 9)));
    assert_int_not_equal(str_hash(STR("a")), str_hash(STR("a\0")));
    assert_int_equal(str_hash(STR_EMPTY), str_hash(STR("")));
}

static void str_searches(void **state)
{
    static const struct {
        Str s, needle;
        size_t at;
        bool starts, ends;
    } cases[] = {
        {STR_INIT("abcabc"), STR_INIT("bc"),   1,        false, true },
        {STR_INIT("abcabc"), STR_INIT("abc"),  0,        true,  true },
        {STR_INIT("abc"),    STR_INIT(""),     0,        true,  true },
        {STR_INIT("abc"),    STR_INIT("abcd"), SIZE_MAX, false, false},
        {{NULL, 0},          STR_INIT("a"),    SIZE_MAX, false, false},
        {{NULL, 0},          {NULL, 0},        0,        true,  true },
        {STR_INIT("a\0b"),   STR_INIT("\0b"),  1,        false, true },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(str_find(cases[i].s, cases[i].needle), cases[i].at);
        assert_int_equal(str_starts(cases[i].s, cases[i].needle), cases[i].starts);
        assert_int_equal(str_ends(cases[i].s, cases[i].needle), cases[i].ends);
    }
    assert_int_equal(str_find_char(STR("a/b/c"), '/'), 1);
    assert_int_equal(str_rfind_char(STR("a/b/c"), '/'), 3);
    assert_int_equal(str_find_char(STR_EMPTY, '/'), SIZE_MAX);
    assert_int_equal(str_rfind_char(STR("abc"), '/'), SIZE_MAX);
}

static void str_sub_clamps(void **state)
{
    Str s = STR("hello");
    (void)state;

    assert_str(str_sub(s, 1, 3), STR("el"));
    assert_str(str_sub(s, 3, 1), STR_EMPTY);
    assert_str(str_sub(s, 2, SIZE_MAX), STR("llo"));
    assert_str(str_sub(s, SIZE_MAX, SIZE_MAX), STR_EMPTY);
    assert_str(str_from_index(s, 5), STR_EMPTY);
    assert_null(str_sub(STR_EMPTY, 3, 9).ptr);
    assert_str(str_trim(STR(" \t\r\n a b \v\f")), STR("a b"));
    assert_str(str_trim(STR(" \n ")), STR_EMPTY);
}

static void str_split_yields_every_part(void **state)
{
    static const struct {
        Str text;
        const char *parts; /* joined by '|' */
        size_t n;
    } cases[] = {
        {STR_INIT("a,,b"), "a||b", 3},
        {STR_INIT(""),     "",     1},
        {STR_INIT(","),    "|",    2},
        {STR_INIT("abc"),  "abc",  1},
        {STR_INIT("a,"),   "a|",   2},
        {{NULL, 0},        "",     0},
    };
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str rest = cases[i].text;
        Str parts[4];
        size_t n = 0;
        while (str_split(&rest, ',', &parts[n])) {
            n++;
            assert_in_range(n, 1, 3);
        }
        assert_int_equal(n, cases[i].n);
        assert_str(str_join(a, parts, n, STR("|")), str_from(cases[i].parts));
        assert_false(str_split(&rest, ',', &parts[0]));
    }
}

static void str_to_integer_is_strict(void **state)
{
    static const struct {
        const char *text;
        bool is_i64, is_u64;
        int64_t i64;
        uint64_t u64;
    } cases[] = {
        {"0",                       true,  true,  0,         0         },
        {"-0",                      true,  false, 0,         0         },
        {"42",                      true,  true,  42,        42        },
        {"-42",                     true,  false, -42,       0         },
        {"9223372036854775807",     true,  true,  INT64_MAX, INT64_MAX },
        {"9223372036854775808",     false, true,  0,         1ULL << 63},
        {"-9223372036854775808",    true,  false, INT64_MIN, 0         },
        {"-9223372036854775809",    false, false, 0,         0         },
        {"18446744073709551615",    false, true,  0,         UINT64_MAX},
        {"18446744073709551616",    false, false, 0,         0         },
        {"99999999999999999999999", false, false, 0,         0         },
        {"",                        false, false, 0,         0         },
        {"-",                       false, false, 0,         0         },
        {"--1",                     false, false, 0,         0         },
        {"+1",                      false, false, 0,         0         },
        {" 1",                      false, false, 0,         0         },
        {"1 ",                      false, false, 0,         0         },
        {"0x10",                    false, false, 0,         0         },
        {"1.0",                     false, false, 0,         0         },
        {"\xD9\xA1",                false, false, 0,         0         },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t i64 = 77;
        uint64_t u64 = 77;
        assert_int_equal(str_to_i64(str_from(cases[i].text), &i64), cases[i].is_i64);
        assert_true(i64 == (cases[i].is_i64 ? cases[i].i64 : 77));
        assert_int_equal(str_to_u64(str_from(cases[i].text), &u64), cases[i].is_u64);
        assert_true(u64 == (cases[i].is_u64 ? cases[i].u64 : 77));
    }
}

static void str_to_double_is_strict(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        double v;
    } cases[] = {
        {"0",        true,  0    },
        {"-1.5",     true,  -1.5 },
        {"1e3",      true,  1000 },
        {"1E-2",     true,  0.01 },
        {"12.25e+1", true,  122.5},
        {"1e-999",   true,  0    },
        {"1e999",    false, 0    },
        {"inf",      false, 0    },
        {"nan",      false, 0    },
        {"0x1p3",    false, 0    },
        {"1.",       false, 0    },
        {".5",       false, 0    },
        {"1e",       false, 0    },
        {"1e+",      false, 0    },
        {"1,5",      false, 0    },
        {"",         false, 0    },
        {"-",        false, 0    },
        {" 1",       false, 0    },
        {"1 ",       false, 0    },
    };
    char digits[600];
    double v;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        v = 77;
        assert_int_equal(str_to_double(str_from(cases[i].text), &v), cases[i].is_good);
        assert_true(v >= (cases[i].is_good ? cases[i].v : 77));
        assert_true(v <= (cases[i].is_good ? cases[i].v : 77));
    }
    assert_false(str_to_double(STR("1\0"), &v));
    memset(digits, '1', sizeof(digits));
    assert_true(str_to_double(str_of(digits, 300), &v));
    assert_false(str_to_double(str_of(digits, sizeof(digits)), &v));
}

static void str_copies_are_terminated(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    char long_text[1000];
    (void)state;

    memset(long_text, 'x', sizeof(long_text));
    Str copy = str_dup(a, STR("abc"));
    assert_int_equal(copy.ptr[3], 0);
    assert_string_equal(str_cstr(a, str_sub(STR("hello"), 1, 4)), "ell");
    assert_string_equal(str_cstr(a, STR_EMPTY), "");
    Str text = str_fmt(a, "%d-%s", 5, "x");
    assert_str(text, STR("5-x"));
    assert_int_equal(text.ptr[3], 0);
    text = str_fmt(a, "<%.*s>", (int)sizeof(long_text), long_text);
    assert_int_equal(text.len, sizeof(long_text) + 2);
    assert_int_equal(text.ptr[text.len - 1], '>');
    assert_int_equal(text.ptr[text.len], 0);
    /* The lengths at which the small buffer is just enough and just not. */
    for (int n = 254; n <= 257; n++) {
        text = str_fmt(a, "%.*s", n, long_text);
        assert_int_equal(text.len, n);
        assert_true(str_eq(text, str_of(long_text, (size_t)n)));
    }
}

static void str_changes_case(void **state)
{
    static const struct {
        const char *text, *ascii, *utf8;
    } cases[] = {
        {"HeLLo 1",           "hello 1",           "hello 1"                 },
        {"",                  "",                  ""                        },
        {"\xC3\x84\xC3\x96",  "\xC3\x84\xC3\x96",  "\xC3\xA4\xC3\xB6"        }, /* Latin */
        {"\xCE\xA3\xCE\xA9",  "\xCE\xA3\xCE\xA9",  "\xCF\x83\xCF\x89"        }, /* Greek */
        {"\xD0\x96",          "\xD0\x96",          "\xD0\xB6"                }, /* Cyrillic */
        {"\xC8\xBA"
         "A",        "\xC8\xBA"
         "a",                "\xE2\xB1\xA5"
         "a"                              }, /* grows */
        {"\xC8\xBA\xC8\xBA",  "\xC8\xBA\xC8\xBA",  "\xE2\xB1\xA5\xE2\xB1\xA5"},
        {"\xFF"
         "A\xC3",    "\xFF"
         "a\xC3",        "\xFF"
         "a\xC3"                  }, /* not UTF-8 */
        {"\xED\xA0\x80Z",     "\xED\xA0\x80z",     "\xED\xA0\x80z"           }, /* a surrogate */
        {"\xF0\x9F\x98\x80Q", "\xF0\x9F\x98\x80q", "\xF0\x9F\x98\x80q"       },
    };
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(str_lower(a, str_from(cases[i].text)), str_from(cases[i].ascii));
        assert_str(str_lower_utf8(a, str_from(cases[i].text)), str_from(cases[i].utf8));
    }
}

static void str_joins_and_replaces(void **state)
{
    static const struct {
        const char *s, *what, *with, *result;
    } cases[] = {
        {"aXbXc", "X",  "--", "a--b--c"},
        {"aXbXc", "X",  "",   "abc"    },
        {"aaa",   "aa", "b",  "ba"     },
        {"abc",   "",   "x",  "abc"    },
        {"abc",   "z",  "x",  "abc"    },
        {"",      "a",  "b",  ""       },
        {"XX",    "X",  "XX", "XXXX"   },
    };
    Str parts[] = {STR("a"), STR_EMPTY, STR("c")};
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(
            str_replace(a, str_from(cases[i].s), str_from(cases[i].what), str_from(cases[i].with)),
            str_from(cases[i].result));
    }
    assert_str(str_join(a, parts, 3, STR(", ")), STR("a, , c"));
    assert_str(str_join(a, parts, 3, STR_EMPTY), STR("ac"));
    assert_str(str_join(a, NULL, 0, STR(",")), STR_EMPTY);
}

static void utf8_is_judged_by_rfc_3629(void **state)
{
    static const struct {
        Str text;
        size_t bad_at; /* SIZE_MAX: well-formed */
    } cases[] = {
        {STR_INIT(""),                          SIZE_MAX},
        {STR_INIT("plain ascii of many bytes"), SIZE_MAX},
        {STR_INIT("a\0b"),                      SIZE_MAX},
        {STR_INIT("\xC2\x80\xDF\xBF"),          SIZE_MAX},
        {STR_INIT("\xE0\xA0\x80\xEF\xBF\xBF"),  SIZE_MAX},
        {STR_INIT("\xED\x9F\xBF\xEE\x80\x80"),  SIZE_MAX},
        {STR_INIT("\xF0\x90\x80\x80"),          SIZE_MAX},
        {STR_INIT("\xF4\x8F\xBF\xBF"),          SIZE_MAX},
        {STR_INIT("\x80"),                      0       },
        {STR_INIT("ab\xC0\x80"),                2       }, /* overlong NUL */
        {STR_INIT("\xC1\xBF"),                  0       },
        {STR_INIT("\xE0\x9F\xBF"),              0       },
        {STR_INIT("\xF0\x8F\xBF\xBF"),          0       },
        {STR_INIT("\xED\xA0\x80"),              0       }, /* surrogate */
        {STR_INIT("\xED\xBF\xBF"),              0       },
        {STR_INIT("\xF4\x90\x80\x80"),          0       }, /* over U+10FFFF */
        {STR_INIT("\xF8\x88\x80\x80\x80"),      0       },
        {STR_INIT("12345678\xE2\x82"),          8       }, /* cut */
        {STR_INIT("1234567\xFE"),               7       },
        {STR_INIT("\xE2\x82"
                  "a"),
         0                                              },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t at = SIZE_MAX;
        assert_int_equal(str_is_utf8(cases[i].text, &at), cases[i].bad_at == SIZE_MAX);
        assert_int_equal(at, cases[i].bad_at);
    }
    assert_false(str_is_utf8(STR("\xFF"), NULL));
}

static void utf8_round_trips_every_scalar_value(void **state)
{
    (void)state;

    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char bytes[4];
        uint32_t back = 0;
        bool is_scalar = (cp < 0xD800 || cp > 0xDFFF) && cp <= 0x10FFFF;
        size_t n = utf8_encode(cp, bytes);
        size_t got = utf8_decode(bytes, n, &back);
        if (got != (is_scalar ? n : 0) || (is_scalar && back != cp)) {
            fail_msg("code point %x", cp);
        }
        if (utf8_decode(bytes, n - 1, NULL) != 0) {
            fail_msg("cut code point %x", cp);
        }
    }
}

static void digests_match_the_published_vectors(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    uint8_t mac[SHA256_SIZE];
    (void)state;

    assert_str(sha1_hex(a, STR("abc")), STR("a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_str(sha1_hex(a, STR_EMPTY), STR("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    assert_str(sha256_hex(a, STR("abc")),
               STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_str(sha256_hex(a, STR_EMPTY),
               STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    /* RFC 4231, test case 2. */
    static const uint8_t expected[SHA256_SIZE] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                                  0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
                                                  0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
                                                  0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac);
    assert_memory_equal(mac, expected, sizeof(mac));
    hmac_sha256(STR_EMPTY, STR_EMPTY, mac);
    assert_memory_equal(mac, "\xb6\x13\x67\x9a", 4);
}

static void uuids_have_their_form(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f",  true },
        {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F",  true },
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398",   false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398ff", false},
        {"017f22e2x79b0-7cc3-98c4-dc0c0c07398f",  false},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",  false},
        {"-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",  false},
        {"",                                      false},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(uuid_is_valid(str_from(cases[i].text)), cases[i].is_valid);
    }
    Uuid v4 = uuid_v4();
    Uuid v7 = uuid_v7();
    assert_true(uuid_is_valid(uuid_str(&v4)));
    assert_true(uuid_is_valid(uuid_str(&v7)));
    assert_int_equal(v4.text[14], '4');
    assert_int_equal(v7.text[14], '7');
    assert_non_null(strchr("89ab", v4.text[19]));
    assert_non_null(strchr("89ab", v7.text[19]));
    assert_int_equal(strlen(v7.text), UUID_LEN);
}

static void uuid_v7_carries_the_time(void **state)
{
    int64_t before = time_now_us() / 1000;
    Uuid id = uuid_v7();
    (void)state;

    char digits[13] = {0};
    memcpy(digits, id.text, 8);
    memcpy(digits + 8, id.text + 9, 4);
    long long ms = strtoll(digits, NULL, 16);
    assert_in_range(ms, before, time_now_us() / 1000 + 1);
}

enum { UUID_THREADS = 4, UUIDS_EACH = 5000 };

static void *make_uuids(void *arg)
{
    Uuid *ids = arg;

    for (size_t i = 0; i < UUIDS_EACH; i++) {
        ids[i] = uuid_v7();
    }
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_LEN);
}

static void uuid_v7_rises_in_every_thread_and_never_repeats(void **state)
{
    static Uuid ids[UUID_THREADS * UUIDS_EACH];
    Thread threads[UUID_THREADS] = {0};
    (void)state;

    for (size_t t = 0; t < UUID_THREADS; t++) {
        thread_start(&threads[t], "uuid", make_uuids, ids + t * UUIDS_EACH);
    }
    for (size_t t = 0; t < UUID_THREADS; t++) {
        thread_join(&threads[t]);
    }
    for (size_t i = 1; i < ARRAY_LEN(ids); i++) {
        if (i % UUIDS_EACH != 0 && memcmp(ids[i - 1].text, ids[i].text, UUID_LEN) >= 0) {
            fail_msg("%s is not before %s", ids[i - 1].text, ids[i].text);
        }
    }
    qsort(ids, ARRAY_LEN(ids), sizeof(ids[0]), compare_uuids);
    for (size_t i = 1; i < ARRAY_LEN(ids); i++) {
        /* The time and counter alone must differ: the first 15 digits and their hyphens. */
        if (memcmp(ids[i - 1].text, ids[i].text, 18) == 0) {
            fail_msg("%s and %s share a tick", ids[i - 1].text, ids[i].text);
        }
    }
}

static void random_bytes_fill_the_whole_room(void **state)
{
    uint8_t seen[1000] = {0};
    (void)state;

    /* 40 rounds leave a byte at zero with probability 256^-40. */
    for (int round = 0; round < 40; round++) {
        uint8_t bytes[sizeof(seen)];
        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(seen); i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof(seen); i++) {
        assert_int_not_equal(seen[i], 0);
    }
    random_bytes(NULL, 0);
}

int base_test_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_compares),
        cmocka_unit_test(str_searches),
        cmocka_unit_test(str_sub_clamps),
        cmocka_unit_test(str_split_yields_every_part),
        cmocka_unit_test(str_to_integer_is_strict),
        cmocka_unit_test(str_to_double_is_strict),
        cmocka_unit_test(str_copies_are_terminated),
        cmocka_unit_test(str_changes_case),
        cmocka_unit_test(str_joins_and_replaces),
        cmocka_unit_test(utf8_is_judged_by_rfc_3629),
        cmocka_unit_test(utf8_round_trips_every_scalar_value),
        cmocka_unit_test(digests_match_the_published_vectors),
        cmocka_unit_test(uuids_have_their_form),
        cmocka_unit_test(uuid_v7_carries_the_time),
        cmocka_unit_test(uuid_v7_rises_in_every_thread_and_never_repeats),
        cmocka_unit_test(random_bytes_fill_the_whole_room),
    };

    return cmocka_run_group_tests_name("base text", tests, NULL, NULL);
}
