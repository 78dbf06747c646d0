/* SPDX-License-Identifier: Apache-2.0
 * net/url_test.c - RFC 3986 and the ranges of internal addresses. */
#include "base/test.h"

#include "net/http_client_priv.h"

static int setup(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_parse(void **state)
{
    static const struct {
        const char *url, *host, *path, *query, *fragment, *userinfo;
        unsigned port;
    } cases[] = {
        {"http://example.com",                   "example.com",     "",          NULL,    NULL,     NULL,     80  },
        {"HTTPS://Example.com:8443/a/b?x=1&y#z", "Example.com",     "/a/b",      "x=1&y", "z",      NULL,     8443},
        {"https://u:p%40@h/",                    "h",               "/",         NULL,    NULL,     "u:p%40", 443 },
        {"http://h:/?",                          "h",               "/",         "",      NULL,     NULL,     80  },
        {"http://[::1]:81/",                     "::1",             "/",         NULL,    NULL,     NULL,     81  },
        {"http://[::ffff:10.0.0.1]",             "::ffff:10.0.0.1", "",          NULL,    NULL,     NULL,     80  },
        {"http://h?a/b@c",                       "h",               "",          "a/b@c", NULL,     NULL,     80  },
        {"http://h#@evil/",                      "h",               "",          NULL,    "@evil/", NULL,     80  },
        {"http://my_service-1/",                 "my_service-1",    "/",         NULL,    NULL,     NULL,     80  },
        {"http://0x7f.1/",                       "0x7f.1",          "/",         NULL,    NULL,     NULL,     80  },
        {"http://h/\xc3\xa9",                    "h",               "/\xc3\xa9", NULL,    NULL,     NULL,     80  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Url u;

        if (!url_parse(str_from(cases[i].url), &u)) {
            fail_msg("refused: %s", cases[i].url);
        }
        assert_true(str_is(u.host, cases[i].host));
        assert_true(str_is(u.path, cases[i].path));
        assert_int_equal(u.port, cases[i].port);
        assert_int_equal(u.query.ptr != NULL, cases[i].query != NULL);
        assert_true(str_eq(u.query, str_from(cases[i].query)));
        assert_int_equal(u.fragment.ptr != NULL, cases[i].fragment != NULL);
        assert_true(str_eq(u.fragment, str_from(cases[i].fragment)));
        assert_true(str_eq(u.userinfo, str_from(cases[i].userinfo)));
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const cases[] = {
        "",
        "http",
        "http:",
        "http:/h",
        "http://",
        "http:///path",
        "//h/path",
        "/path",
        "ftp://h/",
        "file:///etc/passwd",
        "gopher://h/",
        "javascript:alert(1)",
        "http://h:0/",
        "http://h:65536/",
        "http://h:-1/",
        "http://h:+1/",
        "http://h:8 0/",
        "http://h:80:80/",
        "http://a b/",
        "http://h/a b",
        "http://h/a\nb",
        "http://h\t/",
        "http://a@b@c/",
        "http://good.example\\@evil.example/",
        "http://good.example\\.evil.example/",
        "http://h%00.example/",
        "http://%31%32%37.0.0.1/",
        "http://m\xc3\xbcnchen.example/",
        "http://[::1/",
        "http://[::1]x/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://-oProxyCommand=x/",
    };
    char longest[URL_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Url u;

        if (url_parse(str_from(cases[i]), &u)) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://h/", 9);
    assert_true(url_parse(str_of(longest, URL_MAX), &(Url){0}));
    assert_false(url_parse(str_of(longest, URL_MAX + 1), &(Url){0}));
    assert_false(url_parse(str_of("http://h/\0x", 11), &(Url){0}));
}

/* RFC 3986 sections 5.4.1 and 5.4.2. */
static void test_resolve(void **state)
{
    static const struct {
        const char *reference, *result;
    } cases[] = {
        {"g:h",           "g:h"                  },
        {"g",             "http://a/b/c/g"       },
        {"./g",           "http://a/b/c/g"       },
        {"g/",            "http://a/b/c/g/"      },
        {"/g",            "http://a/g"           },
        {"//g",           "http://g"             },
        {"?y",            "http://a/b/c/d;p?y"   },
        {"g?y",           "http://a/b/c/g?y"     },
        {"#s",            "http://a/b/c/d;p?q#s" },
        {"g#s",           "http://a/b/c/g#s"     },
        {"g?y#s",         "http://a/b/c/g?y#s"   },
        {";x",            "http://a/b/c/;x"      },
        {"g;x",           "http://a/b/c/g;x"     },
        {"g;x?y#s",       "http://a/b/c/g;x?y#s" },
        {"",              "http://a/b/c/d;p?q"   },
        {".",             "http://a/b/c/"        },
        {"./",            "http://a/b/c/"        },
        {"..",            "http://a/b/"          },
        {"../",           "http://a/b/"          },
        {"../g",          "http://a/b/g"         },
        {"../..",         "http://a/"            },
        {"../../",        "http://a/"            },
        {"../../g",       "http://a/g"           },
        {"../../../g",    "http://a/g"           },
        {"../../../../g", "http://a/g"           },
        {"/./g",          "http://a/g"           },
        {"/../g",         "http://a/g"           },
        {"g.",            "http://a/b/c/g."      },
        {".g",            "http://a/b/c/.g"      },
        {"g..",           "http://a/b/c/g.."     },
        {"..g",           "http://a/b/c/..g"     },
        {"./../g",        "http://a/b/g"         },
        {"./g/.",         "http://a/b/c/g/"      },
        {"g/./h",         "http://a/b/c/g/h"     },
        {"g/../h",        "http://a/b/c/h"       },
        {"g;x=1/./y",     "http://a/b/c/g;x=1/y" },
        {"g;x=1/../y",    "http://a/b/c/y"       },
        {"g?y/./x",       "http://a/b/c/g?y/./x" },
        {"g#s/../x",      "http://a/b/c/g#s/../x"},
        {"http:g",        "http:g"               },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str got = url_resolve(*state, STR("http://a/b/c/d;p?q"), str_from(cases[i].reference));

        assert_string_equal(str_cstr(*state, got), cases[i].result);
    }
    assert_true(str_is(url_resolve(*state, STR("http://h"), STR("x/y")), "http://h/x/y"));
}

static void test_normal(void **state)
{
    static const struct {
        const char *url, *result;
    } cases[] = {
        {"HTTP://Name.Example:80",            "http://name.example/"                          },
        {"https://u:secret@h:443/a?b#frag",   "https://h/a?b"                                 },
        {"https://h:80/",                     "https://h:80/"                                 },
        {"http://[2001:DB8::1]:8080/x",       "http://[2001:db8::1]:8080/x"                   },
        {"http://h/a/../../b/./c",            "http://h/b/c"                                  },
        {"http://h/%2e%2e/\xc3\xa9\"<>{}|^`", "http://h/%2e%2e/%C3%A9%22%3C%3E%7B%7D%7C%5E%60"},
        {"http://h?",                         "http://h/?"                                    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Url u;

        assert_true(url_parse(str_from(cases[i].url), &u));
        Str normal = url_normal(*state, &u);
        assert_string_equal(str_cstr(*state, normal), cases[i].result);
        assert_true(url_parse(normal, &u));
        assert_true(str_eq(url_normal(*state, &u), normal));
    }
}

static void test_internal_addresses(void **state)
{
    /* Both ends of every range, and the neighbours that are global. */
    static const char *const internal[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.171",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "[::1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "10.1",
    };
    static const char *const global[] = {
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2003::1",
        "3fff:1000::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "134744072",
        /* no addresses at all */
        "",
        "localhost",
        "example.com",
        "::1::",
        "1.2.3.4.5",
        "300.1.1.1",
        "127.0.0.1 x",
        "[::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(internal); i++) {
        if (!address_is_internal(str_from(internal[i]))) {
            fail_msg("not seen as internal: %s", internal[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(global); i++) {
        if (address_is_internal(str_from(global[i]))) {
            fail_msg("seen as internal: %s", global[i]);
        }
    }
}

static void test_other_families_are_internal(void **state)
{
    struct sockaddr local = {.sa_family = AF_UNIX};

    (void)state;
    assert_true(guard_is_internal(&local));
}

static bool allow_all(void *user, Str host, uint16_t port)
{
    (void)host;
    (void)port;
    *(int *)user += 1;
    return true;
}

static void test_resolve_names(void **state)
{
    Str addresses[GUARD_ADDRESSES_MAX];
    size_t n = 0;
    int asked = 0;
    Error err = {0};

    assert_int_equal(guard_resolve(*state, STR("LOCALHOST"), 80, NULL, NULL, addresses, &n, &err),
                     RC_DENIED);
    assert_non_null(strstr(err.message, "localhost:80"));
    assert_int_equal(guard_resolve(*state, STR("0x7f.1"), 80, NULL, NULL, addresses, &n, &err),
                     RC_DENIED);
    assert_int_equal(
        guard_resolve(*state, STR("127.0.0.1"), 80, allow_all, &asked, addresses, &n, &err), RC_OK);
    assert_int_equal(n, 1);
    assert_true(str_is(addresses[0], "127.0.0.1"));
    assert_int_equal(asked, 1);
    assert_int_equal(guard_resolve(*state, STR("8.8.8.8"), 80, NULL, NULL, addresses, &n, &err),
                     RC_OK);
    assert_int_equal(
        guard_resolve(*state, STR("no.such.name.invalid"), 80, NULL, NULL, addresses, &n, &err),
        RC_UPSTREAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_normal, setup, teardown),
        cmocka_unit_test(test_internal_addresses),
        cmocka_unit_test(test_other_families_are_internal),
        cmocka_unit_test_setup_teardown(test_resolve_names, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
