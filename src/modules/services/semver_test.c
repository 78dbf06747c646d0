/* SPDX-License-Identifier: Apache-2.0
 * Versions by the examples of the specification (semver.org, section 2 to 11, and the strings that
 * its FAQ tests a regular expression with), ranges by the forms that node-semver documents. */
#include "base/buf.h"
#include "base/test.h"

#include "modules/services/semver.h"

#include <string.h>

static const char *const valid[] = {
    "0.0.4",
    "1.2.3",
    "10.20.30",
    "1.1.2-prerelease+meta",
    "1.1.2+meta",
    "1.1.2+meta-valid",
    "1.0.0-alpha",
    "1.0.0-beta",
    "1.0.0-alpha.beta",
    "1.0.0-alpha.beta.1",
    "1.0.0-alpha.1",
    "1.0.0-alpha0.valid",
    "1.0.0-alpha.0valid",
    "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay",
    "1.0.0-rc.1+build.1",
    "2.0.0-rc.1+build.123",
    "1.2.3-beta",
    "10.2.3-DEV-SNAPSHOT",
    "1.2.3-SNAPSHOT-123",
    "1.0.0",
    "2.0.0",
    "1.1.7",
    "2.0.0+build.1848",
    "2.0.1-alpha.1227",
    "1.0.0-alpha+beta",
    "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
    "1.2.3----R-S.12.9.1--.12+meta",
    "1.2.3----RC-SNAPSHOT.12.9.1--.12",
    "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
    "99999999999999999999999.999999999999999999.99999999999999999",
    "1.0.0-0A.is.legal",
};

static const char *const invalid[] = {
    "",
    "1",
    "1.2",
    "1.2.3-0123",
    "1.2.3-0123.0123",
    "1.1.2+.123",
    "+invalid",
    "-invalid",
    "-invalid+invalid",
    "-invalid.01",
    "alpha",
    "alpha.beta",
    "alpha.beta.1",
    "alpha.1",
    "alpha+beta",
    "alpha_beta",
    "alpha.",
    "alpha..",
    "beta",
    "1.0.0-alpha_beta",
    "-alpha.",
    "1.0.0-alpha..",
    "1.0.0-alpha..1",
    "1.0.0-alpha...1",
    "1.0.0-alpha....1",
    "01.1.1",
    "1.01.1",
    "1.1.01",
    "1.2.3.DEV",
    "1.2-SNAPSHOT",
    "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
    "1.2-RC-SNAPSHOT",
    "-1.0.3-gamma+b7718",
    "+justmeta",
    "9.8.7+meta+meta",
    "9.8.7-whatever+meta+meta",
    "99999999999999999999999.999999999999999999.99999999999999999----RC-SNAPSHOT.12.09.1----..12",
    "v1.2.3",
    " 1.2.3",
    "1.2.3 ",
    "1.2.3-",
    "1.2.3+",
};

static void test_grammar(void **state)
{
    (void)state;
    Semver v;
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        if (!semver_parse(str_from(valid[i]), &v)) {
            fail_msg("refused: %s", valid[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        if (semver_parse(str_from(invalid[i]), &v)) {
            fail_msg("taken: %s", invalid[i]);
        }
    }
    assert_false(semver_parse(str_of("1.0.0\0", 6), &v));
}

static void test_too_long(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Semver v;
    Str just = str_fmt(arena, "1.0.%0*d", SEMVER_TEXT_MAX - 4, 0);
    char *digits = arena_dup(arena, just.ptr, just.len);
    digits[4] = '1';
    assert_true(semver_parse(str_of(digits, just.len), &v));
    assert_false(semver_parse(str_fmt(arena, "%.*s0", STR_ARG(str_of(digits, just.len))), &v));
}

static void test_parts(void **state)
{
    (void)state;
    Semver v;
    assert_true(semver_parse(STR("1.20.3-rc.1+b.7-x"), &v));
    assert_true(str_is(v.number[SEMVER_MAJOR], "1"));
    assert_true(str_is(v.number[SEMVER_MINOR], "20"));
    assert_true(str_is(v.number[SEMVER_PATCH], "3"));
    assert_true(str_is(v.prerelease, "rc.1"));
    assert_true(str_is(v.build, "b.7-x"));
}

/* Each is above all before it. */
static const char *const ascending[] = {
    "0.0.0-0",
    "0.0.0",
    "0.0.1",
    "0.9.99",
    "0.10.0",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-A",
    "1.0.0-a",
    "1.0.0-a.1",
    "1.0.0-a-b",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.9.0",
    "1.10.0",
    "1.11.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
    "10.0.0",
    "99999999999999999999999.0.0",
    "100000000000000000000000.0.0",
};

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void test_precedence(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(ascending); i++) {
        for (size_t k = 0; k < ARRAY_LEN(ascending); k++) {
            Semver a, b;
            int expected = (i > k) - (i < k);
            assert_true(semver_parse(str_from(ascending[i]), &a));
            assert_true(semver_parse(str_from(ascending[k]), &b));
            int order = sign(semver_compare(&a, &b));
            int by_key = sign(str_cmp(semver_sort_key(arena, &a), semver_sort_key(arena, &b)));
            if (order != expected || by_key != expected) {
                fail_msg("%s and %s: %d, by key %d", ascending[i], ascending[k], order, by_key);
            }
        }
    }
}

static void test_build_is_ignored(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Semver a, b;
    assert_true(semver_parse(STR("1.0.0-rc.1+a"), &a) && semver_parse(STR("1.0.0-rc.1+b"), &b));
    assert_int_equal(semver_compare(&a, &b), 0);
    assert_true(str_eq(semver_sort_key(arena, &a), semver_sort_key(arena, &b)));
}

typedef struct RangeCase {
    const char *range;
    const char *in, *out; /* versions separated by spaces */
} RangeCase;

static const RangeCase ranges[] = {
    {"1.2.3",                 "1.2.3 1.2.3+b",             "1.2.4 1.2.3-rc.1 0.1.2"         },
    {"=1.2.3",                "1.2.3",                     "1.2.4"                          },
    {"v1.2.3",                "1.2.3",                     "1.2.2"                          },
    {">1.2.3",                "1.2.4 2.0.0",               "1.2.3 1.2.4-rc.1"               },
    {">=1.2.3",               "1.2.3 9.0.0",               "1.2.2"                          },
    {"<1.2.3",                "1.2.2 0.0.0",               "1.2.3 1.2.3-rc.1"               },
    {"<=1.2.3",               "1.2.3",                     "1.2.4"                          },
    {">= 1.2.3 < 2",          "1.2.3 1.9.9",               "2.0.0 1.2.2 2.0.0-rc.1"         },
    {">1",                    "2.0.0",                     "1.9.9 1.0.0"                    },
    {">1.2",                  "1.3.0",                     "1.2.9"                          },
    {"<1.2",                  "1.1.9",                     "1.2.0 1.2.0-rc.1"               },
    {"<=1.2",                 "1.2.9",                     "1.3.0"                          },
    {">=1.2",                 "1.2.0",                     "1.1.9"                          },
    {">*",                    "",                          "0.0.0 1.0.0"                    },
    {"<*",                    "",                          "0.0.0 1.0.0"                    },
    {">=*",                   "0.0.0",                     "1.0.0-a"                        },
    {"",                      "0.0.0 1.2.3",               "1.0.0-rc.1"                     },
    {"*",                     "0.0.0 9.9.9",               "9.9.9-a"                        },
    {"1.x",                   "1.0.0 1.99.0",              "2.0.0 0.9.0 2.0.0-a"            },
    {"1.2.X",                 "1.2.0 1.2.99",              "1.3.0 1.1.0"                    },
    {"1.*.*",                 "1.0.0",                     "2.0.0"                          },
    {"1",                     "1.0.0 1.2.3",               "2.0.0"                          },
    {"1.2",                   "1.2.0 1.2.3",               "1.3.0"                          },
    {"1.2.3 - 2.3.4",         "1.2.3 2.3.4 2.0.0",         "1.2.2 2.3.5"                    },
    {"1.2 - 2.3.4",           "1.2.0 2.3.4",               "1.1.9"                          },
    {"1.2.3 - 2.3",           "2.3.99",                    "2.4.0"                          },
    {"1.2.3 - 2",             "2.99.0",                    "3.0.0 3.0.0-a"                  },
    {"~1.2.3",                "1.2.3 1.2.9",               "1.3.0 1.2.2 1.3.0-a"            },
    {"~1.2",                  "1.2.0 1.2.9",               "1.3.0"                          },
    {"~1",                    "1.0.0 1.9.9",               "2.0.0"                          },
    {"~>1.2.3",               "1.2.3",                     "1.3.0"                          },
    {"~0.2.3",                "0.2.3 0.2.9",               "0.3.0"                          },
    {"~1.2.3-beta.2",         "1.2.3-beta.2 1.2.3-beta.4", "1.2.4-beta.2 1.2.3-beta.1 1.3.0"},
    {"^1.2.3",                "1.2.3 1.9.9",               "2.0.0 1.2.2 2.0.0-a"            },
    {"^0.2.3",                "0.2.3 0.2.9",               "0.3.0 0.2.2"                    },
    {"^0.0.3",                "0.0.3",                     "0.0.4 0.0.2"                    },
    {"^1.2.3-beta.2",         "1.2.3-beta.2 1.2.3 1.9.0",  "1.2.4-beta.2 1.2.3-beta.1"      },
    {"^0.0.3-beta",           "0.0.3-pr.2 0.0.3",          "0.0.4 0.0.3-alpha"              },
    {"^1.2.x",                "1.2.0 1.9.0",               "2.0.0"                          },
    {"^0.0.x",                "0.0.0 0.0.9",               "0.1.0"                          },
    {"^0.0",                  "0.0.9",                     "0.1.0"                          },
    {"^1.x",                  "1.0.0",                     "2.0.0"                          },
    {"^0.x",                  "0.0.0 0.9.0",               "1.0.0"                          },
    {"^9.9.9",                "9.10.0",                    "10.0.0"                         },
    {"^99999999999999999999", "99999999999999999999.1.0",  "100000000000000000000.0.0"      },
    {"1.2.7 || >=1.2.9 <2",   "1.2.7 1.2.9 1.4.6",         "1.2.8 2.0.0"                    },
    {"1.x||2.x",              "1.0.0 2.9.0",               "3.0.0"                          },
    {"^1 || ",                "1.0.0 7.0.0",               "7.0.0-a"                        },
    {">1.2.3-alpha.3",        "1.2.3-alpha.7 3.4.5",       "3.4.5-alpha.9 1.2.3-alpha.3"    },
    {">=1.0.0-rc.1 <1.1",     "1.0.0-rc.2 1.0.0 1.0.9",    "1.0.1-rc.2 1.1.0"               },
    {"  >1.0.0   <1.0.4  ",   "1.0.1",                     "1.0.4"                          },
    {"1.x.7",                 "1.0.0 1.3.0",               "2.0.0"                          },
};

static void check_versions(const RangeCase *c, const SemverRange *range, const char *list, bool in)
{
    Str rest = str_from(list), part;
    while (rest.len > 0 && str_split(&rest, ' ', &part)) {
        Semver v;
        assert_true(semver_parse(part, &v));
        if (semver_range_accepts(range, &v) != in) {
            fail_msg("\"%s\" %s %.*s", c->range, in ? "shuts out" : "lets in", STR_ARG(part));
        }
    }
}

static void test_ranges(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        SemverRange *range;
        Error err = {0};
        if (semver_range_parse(arena, str_from(ranges[i].range), &range, &err) != RC_OK) {
            fail_msg("\"%s\": %s", ranges[i].range, err.message);
        }
        check_versions(&ranges[i], range, ranges[i].in, true);
        check_versions(&ranges[i], range, ranges[i].out, false);
    }
}

static void test_malformed_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "abc",       "1.2.3.4", "^",      "~",         ">",        ">=",      "1.2.3 -", "- 1.2.3",
        "|",         "1 | 2",   "^^1",    "==1",       "1.2.3 &",  "01.2.3",  "1.02",    "1..2",
        "1.2.",      ".1",      "1.2.3-", "1.2.3-a..", "v",        "latest",  "1.x.abc", "x.y",
        "1 - 2 - 3", "=> 1",    "!1",     "1,2",       "1.2.3-01", "1.2.x-a", "1\n2",
    };
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SemverRange *range;
        Error err = {0};
        if (semver_range_parse(arena, str_from(bad[i]), &range, &err) != RC_INVALID) {
            fail_msg("taken: \"%s\"", bad[i]);
        }
        assert_true(strlen(err.message) > 0);
    }
}

static void test_range_limits(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    CLEANUP(buf_done) Buf text = buf_init(NULL, 8 * KIB);
    SemverRange *range;
    Error err = {0};
    for (int i = 0; i < 40; i++) {
        buf_lit(&text, "1||");
    }
    assert_int_equal(semver_range_parse(arena, buf_str(&text), &range, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "alternatives"));
    buf_clear(&text);
    for (int i = 0; i < 100; i++) {
        buf_lit(&text, ">1 ");
    }
    assert_int_equal(semver_range_parse(arena, buf_str(&text), &range, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "comparators"));
    buf_clear(&text);
    for (int i = 0; i < SEMVER_RANGE_TEXT_MAX; i++) {
        buf_lit(&text, " 1");
    }
    assert_int_equal(semver_range_parse(arena, buf_str(&text), &range, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "characters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_build_is_ignored),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_malformed_ranges),
        cmocka_unit_test(test_range_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
