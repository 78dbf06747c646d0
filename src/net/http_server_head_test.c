/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "net/http_server_head.h"

enum { FIELDS_MAX = 8 };

typedef struct HeadCase {
    const char *method, *target;
    bool is_http_1_0;
    struct {
        const char *name, *value;
    } fields[FIELDS_MAX]; /* until a NULL name */
    Rc rc;
    HttpFraming framing;
} HeadCase;

static const HeadCase cases[] = {
  /* accepted */
    {"GET",                               "/",           false, {{"Host", "a"}},                                         RC_OK,        {0}                                    },
    {"GET",                               "/",           true,  {{0}},                                                   RC_OK,        {0}                                    },
    {"BREW",                              "/a?b=%20#c",  false, {{"host", "a:80"}, {"X", "a\tb \xc3\xa9"}},              RC_OK,        {0}                                    },
    {"OPTIONS",                           "*",           false, {{"Host", ""}},                                          RC_OK,        {0}                                    },
    {"GET",                               "http://A:1/", false, {{"Host", "a:1"}},                                       RC_OK,        {0}                                    },
    {"GET",                               "HTTPS://a?q", false, {{"Host", "a"}},                                         RC_OK,        {0}                                    },
    {"GET",                               "/",           false, {{"Host", "[::1]:8080"}},                                RC_OK,        {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "0"}},                RC_OK,        {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"content-length", "0042"}},             RC_OK,        {.length = 42}                         },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "999999999999999999"}},
     RC_OK,                                                                                                                            {.length = 999999999999999999}         },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Transfer-Encoding", "Chunked"}},
     RC_OK,                                                                                                                            {.is_chunked = true}                   },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "1"}, {"Expect", "100-Continue "}},
     RC_OK,                                                                                                                            {.length = 1, .expects_continue = true}},
    {"PUT",                               "/",           true,  {{"Content-Length", "1"}, {"Expect", "100-continue"}},   RC_OK,        {.length = 1}                          },
 /* request line */
    {"",                                  "/",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"G T",                               "/",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"G\x01",                             "/",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", "/",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "",            false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "a",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "*",           false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "/a b",        false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "/a\tb",       false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "/a\x7f",      false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "http://",     false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "ftp://a/",    false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
 /* host */
    {"GET",                               "/",           false, {{0}},                                                   RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"HOST", "a"}},                          RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a/b"}},                                       RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "u@a"}},                                       RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a, b"}},                                      RC_MALFORMED, {0}                                    },
    {"GET",                               "http://b/",   false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
    {"GET",                               "http://u@a/", false, {{"Host", "a"}},                                         RC_MALFORMED, {0}                                    },
 /* names and values */
    {"GET",                               "/",           false, {{"Host", "a"}, {"", "b"}},                              RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"X ", "b"}},                            RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {" X", "b"}},                            RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"X(", "b"}},                            RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"\xc3\xa9", "b"}},                      RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"X", "b\rc"}},                          RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"X", "\x1b[0m"}},                       RC_MALFORMED, {0}                                    },
    {"GET",                               "/",           false, {{"Host", "a"}, {"X", "\x7f"}},                          RC_MALFORMED, {0}                                    },
 /* framing */
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "1"}, {"Content-Length", "1"}},
     RC_MALFORMED,                                                                                                                     {0}                                    },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "1"}, {"content-length", "2"}},
     RC_MALFORMED,                                                                                                                     {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "1, 1"}},             RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", ""}},                 RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "+1"}},               RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "-1"}},               RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "0x1"}},              RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Content-Length", "1 "}},               RC_MALFORMED, {0}                                    },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "1000000000000000000"}},
     RC_MALFORMED,                                                                                                                     {0}                                    },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}},
     RC_MALFORMED,                                                                                                                     {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}}, RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Transfer-Encoding", "identity"}},      RC_MALFORMED, {0}                                    },
    {"PUT",                               "/",           false, {{"Host", "a"}, {"Transfer-Encoding", "chunked "}},      RC_MALFORMED, {0}                                    },
    {"PUT",
     "/",                                                false,
     {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
     RC_MALFORMED,                                                                                                                     {0}                                    },
    {"PUT",                               "/",           true,  {{"Host", "a"}, {"Transfer-Encoding", "chunked"}},       RC_MALFORMED, {0}                                    },
};

static Rc judge(const HeadCase *c, HttpFraming *framing, Error *err)
{
    HttpPair pairs[FIELDS_MAX];
    size_t n = 0;

    while (n < FIELDS_MAX && c->fields[n].name) {
        pairs[n].name = str_from(c->fields[n].name);
        pairs[n].value = str_from(c->fields[n].value);
        n++;
    }
    HttpHead head = {
        .method = str_from(c->method),
        .target = str_from(c->target),
        .is_http_1_0 = c->is_http_1_0,
        .fields = pairs,
        .n_fields = n,
    };

    return http_head_judge(&head, framing, err);
}

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        HttpFraming framing = {0};
        Error err = {0};
        Rc rc = judge(&cases[i], &framing, &err);

        if (rc != cases[i].rc) {
            fail_msg("case %zu: %s (%s)", i, rc_name(rc), err.message);
        }
        assert_int_equal(framing.length, cases[i].framing.length);
        assert_int_equal(framing.is_chunked, cases[i].framing.is_chunked);
        assert_int_equal(framing.expects_continue, cases[i].framing.expects_continue);
        assert_int_equal(rc == RC_OK, err.message[0] == '\0');
    }
}

static void test_nul_bytes(void **state)
{
    HttpPair pairs[] = {
        {STR("Host"),  STR("a")   },
        {STR("X-Nul"), STR("a\0b")},
    };
    HttpHead head = {.method = STR("GET"), .target = STR("/"), .fields = pairs, .n_fields = 2};
    HttpFraming framing;
    Error err;

    (void)state;
    assert_int_equal(http_head_judge(&head, &framing, &err), RC_MALFORMED);
    assert_non_null(strstr(err.message, "X-Nul"));
    pairs[1] = (HttpPair){STR("X\0"), STR("b")};
    assert_int_equal(http_head_judge(&head, &framing, &err), RC_MALFORMED);
    head.n_fields = 1;
    assert_int_equal(http_head_judge(&head, &framing, &err), RC_OK);
    head.target = STR("/\0");
    assert_int_equal(http_head_judge(&head, &framing, &err), RC_MALFORMED);
}

static void test_field_count(void **state)
{
    HttpPair pairs[HTTP_HEAD_FIELDS_MAX + 1];
    HttpHead head = {.method = STR("GET"), .target = STR("/"), .fields = pairs};
    HttpFraming framing;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        pairs[i] = (HttpPair){i == 0 ? STR("Host") : STR("X"), STR("a")};
    }
    head.n_fields = HTTP_HEAD_FIELDS_MAX;
    assert_int_equal(http_head_judge(&head, &framing, NULL), RC_OK);
    head.n_fields++;
    assert_int_equal(http_head_judge(&head, &framing, NULL), RC_HEADERS_TOO_LARGE);
}

static void test_split_target(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } splits[] = {
        {"/",             "/",      ""   },
        {"/a?",           "/a",     ""   },
        {"/a?b?c",        "/a",     "b?c"},
        {"/a%3Fb",        "/a%3Fb", ""   },
        {"*",             "*",      ""   },
        {"http://h/a?b",  "/a",     "b"  },
        {"http://h",      "/",      ""   },
        {"https://h:1?b", "/",      "b"  },
        {"//h/a",         "//h/a",  ""   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
        Str path;
        Str query;
        http_head_split_target(str_from(splits[i].target), &path, &query);
        assert_true(str_is(path, splits[i].path));
        assert_true(str_is(query, splits[i].query));
    }
}

static void test_methods(void **state)
{
    (void)state;
    for (HttpMethod m = HTTP_GET; m < HTTP_OTHER; m++) {
        assert_int_equal(http_method_parse(str_from(http_method_name(m))), m);
    }
    assert_int_equal(http_method_parse(STR("get")), HTTP_OTHER);
    assert_int_equal(http_method_parse(STR("")), HTTP_OTHER);
    assert_string_equal(http_method_name(HTTP_OTHER), "OTHER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),       cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_field_count), cmocka_unit_test(test_split_target),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
