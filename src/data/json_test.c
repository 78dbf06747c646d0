/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/test.h"

#include "data/json.h"
#include "data/json_random.h"

#include <stdlib.h>
#include <string.h>

static Str pretty(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, MIB);
    json_write_pretty(&out, v);
    return buf_str(&out);
}

static Str canonical(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, MIB);
    json_write_canonical(&out, v);
    return buf_str(&out);
}

static Json *parsed(Arena *arena, Str text)
{
    Json *v = NULL;
    Error err = {0};

    if (json_parse(arena, text, NULL, &v, &err) != RC_OK) {
        fail_msg("%u:%u %s in %.*s", err.line, err.column, err.message, STR_ARG(text));
    }
    return v;
}

static Json *parsed_c(Arena *arena, const char *text)
{
    return parsed(arena, str_from(text));
}

static void assert_text(Str got, const char *want)
{
    assert_str(got, str_from(want));
}

/* ---- The reader ---- */

static void accepts_every_form_of_json(void **state)
{
    static const struct {
        const char *text, *compact;
    } rows[] = {
        {"null",                                      "null"                                  },
        {" \t\r\n true \n",                           "true"                                  },
        {"false",                                     "false"                                 },
        {"0",                                         "0"                                     },
        {"-0",                                        "-0"                                    },
        {"-0.0e-0",                                   "-0.0e-0"                               },
        {"1E+2",                                      "1E+2"                                  },
        {"123456789012345678901234567890.5e400",      "123456789012345678901234567890.5e400"  },
        {"\"\"",                                      "\"\""                                  },
        {"\"plain text longer than eight bytes\"",    "\"plain text longer than eight bytes\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",            "\"\\\"\\\\/\\b\\f\\n\\r\\t\""          },
        {"\"a\\u0041\\u00e9\\u20AC\\uD83D\\uDE00z\"", "\"aAé€😀z\""                      },
        {"\"é€😀 and then ascii \\n é\"",       "\"é€😀 and then ascii \\n é\""   },
        {"\"\x7F\"",                                  "\"\x7F\""                              },
        {"\"\\uFFFF\"",                               "\"\xEF\xBF\xBF\""                      },
        {"[]",                                        "[]"                                    },
        {"[ ]",                                       "[]"                                    },
        {"{}",                                        "{}"                                    },
        {"{ }",                                       "{}"                                    },
        {"[1,[2,[3,{\"a\":[]}]],4]",                  "[1,[2,[3,{\"a\":[]}]],4]"              },
        {"{\"b\":1 , \"a\" : 2,\"\":3}",              "{\"b\":1,\"a\":2,\"\":3}"              },
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_text(json_to_str(arena, parsed_c(arena, rows[i].text)), rows[i].compact);
    }
    arena_free(arena);
}

static void refuses_what_is_not_json_and_says_where(void **state)
{
    static const struct {
        Str text;
        uint32_t line, column;
        const char *message; /* part of it */
    } rows[] = {
        {STR_INIT(""),                                        1, 1,  "ends where a JSON value"                },
        {STR_INIT("  "),                                      1, 3,  "ends where a JSON value"                },
        {STR_INIT("\xEF\xBB\xBF{}"),                          1, 1,  "byte order mark"                        },
        {STR_INIT("nul"),                                     1, 1,  "expected a JSON value, found 'n'"       },
        {STR_INIT("nulll"),                                   1, 5,  "expected the end of the text, found 'l'"},
        {STR_INIT("NaN"),                                     1, 1,  "expected a JSON value"                  },
        {STR_INIT("True"),                                    1, 1,  "expected a JSON value"                  },
        {STR_INIT("1 2"),                                     1, 3,  "expected the end"                       },
        {STR_INIT("{} x"),                                    1, 4,  "expected the end"                       },
        {STR_INIT("[1]\0"),                                   1, 4,  "found byte 0x00"                        },
        {STR_INIT("\0"),                                      1, 1,  "found byte 0x00"                        },
        {STR_INIT("01"),                                      1, 1,  "not a JSON number"                      },
        {STR_INIT("-"),                                       1, 1,  "not a JSON number"                      },
        {STR_INIT("-a"),                                      1, 1,  "not a JSON number"                      },
        {STR_INIT("1."),                                      1, 1,  "not a JSON number"                      },
        {STR_INIT("1.e3"),                                    1, 1,  "not a JSON number"                      },
        {STR_INIT("1e"),                                      1, 1,  "not a JSON number"                      },
        {STR_INIT("1e+"),                                     1, 1,  "not a JSON number"                      },
        {STR_INIT(".5"),                                      1, 1,  "expected a JSON value"                  },
        {STR_INIT("+1"),                                      1, 1,  "expected a JSON value"                  },
        {STR_INIT("0x1F"),                                    1, 2,  "expected the end"                       },
        {STR_INIT("'a'"),                                     1, 1,  "expected a JSON value"                  },
        {STR_INIT("\"a"),                                     1, 3,  "not closed"                             },
        {STR_INIT("\"a\\"),                                   1, 3,  "unknown escape"                         },
        {STR_INIT("\"a\nb\""),                                1, 3,  "control character 0x0A"                 },
        {STR_INIT("\"\x1F\""),                                1, 2,  "control character 0x1F"                 },
        {STR_INIT("\"\0\""),                                  1, 2,  "control character 0x00"                 },
        {STR_INIT("\"\\x41\""),                               1, 2,  "unknown escape"                         },
        {STR_INIT("\"\\u12\""),                               1, 2,  "four hexadecimal digits"                },
        {STR_INIT("\"\\u12G4\""),                             1, 2,  "four hexadecimal digits"                },
        {STR_INIT("\"\\u"),                                   1, 2,  "four hexadecimal digits"                },
        {STR_INIT("\"\\u0000\""),                             1, 2,  "\\u0000 is not allowed"                 },
        {STR_INIT("\"\\uD83D\""),                             1, 2,  "half of a surrogate pair"               },
        {STR_INIT("\"\\uD83D\\u0041\""),                      1, 2,  "half of a surrogate pair"               },
        {STR_INIT("\"\\uD83D\\uD83D\""),                      1, 2,  "half of a surrogate pair"               },
        {STR_INIT("\"\\uDE00\\uD83D\""),                      1, 2,  "half of a surrogate pair"               },
        {STR_INIT("\"\xFF\""),                                1, 2,  "0xFF is not valid UTF-8"                },
        {STR_INIT("\"\x80\""),                                1, 2,  "0x80 is not valid UTF-8"                },
        {STR_INIT("\"\xC0\x80\""),                            1, 2,  "0xC0 is not valid UTF-8"                },
        {STR_INIT("\"\xE0\x80\x80\""),                        1, 2,  "0xE0 is not valid UTF-8"                },
        {STR_INIT("\"\xF0\x80\x80\x80\""),                    1, 2,  "0xF0 is not valid UTF-8"                },
        {STR_INIT("\"\xED\xA0\x80\""),                        1, 2,  "0xED is not valid UTF-8"                },
        {STR_INIT("\"\xF4\x90\x80\x80\""),                    1, 2,  "0xF4 is not valid UTF-8"                },
        {STR_INIT("\"\xE2\x82\""),                            1, 2,  "0xE2 is not valid UTF-8"                },
        {STR_INIT("\"\xE2\x82"),                              1, 2,  "0xE2 is not valid UTF-8"                },
        {STR_INIT("\xC3\xA9"),                                1, 1,  "found byte 0xC3"                        },
        {STR_INIT("[1,]"),                                    1, 4,  "expected a JSON value, found ']'"       },
        {STR_INIT("[,1]"),                                    1, 2,  "expected a JSON value, found ','"       },
        {STR_INIT("[1 2]"),                                   1, 4,  "expected ',' or ']'"                    },
        {STR_INIT("[1"),                                      1, 3,  "ends where ',' or ']'"                  },
        {STR_INIT("["),                                       1, 2,  "ends where a JSON value"                },
        {STR_INIT("[1}"),                                     1, 3,  "found '}'"                              },
        {STR_INIT("{a:1}"),                                   1, 2,  "a key in double quotes"                 },
        {STR_INIT("{1:1}"),                                   1, 2,  "a key in double quotes"                 },
        {STR_INIT("{\"a\" 1}"),                               1, 6,  "expected ':'"                           },
        {STR_INIT("{\"a\":}"),                                1, 6,  "expected a JSON value"                  },
        {STR_INIT("{\"a\":1,}"),                              1, 8,  "a key in double quotes"                 },
        {STR_INIT("{\"a\":1"),                                1, 7,  "ends where ',' or '}'"                  },
        {STR_INIT("{\"a\":1]"),                               1, 7,  "expected ',' or '}'"                    },
        {STR_INIT("// c\n1"),                                 1, 1,  "found '/'"                              },
        {STR_INIT("[1, # c\n1]"),                             1, 5,  "found '#'"                              },
        {STR_INIT("[\n  1,\n  x\n]"),                         3, 3,  "found 'x'"                              },
        {STR_INIT("[\r\n1,\r\nx]"),                           3, 1,  "found 'x'"                              },
        {STR_INIT("[\r1,\rx]"),                               3, 1,  "found 'x'"                              },
        {STR_INIT("[\"\xC3\xA9\xE2\x82\xAC\", x]"),           1, 8,  "found 'x'"                              },
        {STR_INIT("{\"a\":1,\"b\":2,\"a\":3}"),               1, 14,
         "duplicate key \"a\": it stands at line 1, column 2 already"                                         },
        {STR_INIT("{\"\xC3\xA9\":[1,\n2],\n \"\\u00e9\":3}"), 3, 2,
         "it stands at line 1, column 2 already"                                                              },
        {STR_INIT("[{\"x\":{\"\":1,\n\"\":1}}]"),             2, 1,
         "duplicate key \"\": it stands at line 1, column 8"                                                  },
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Json *untouched = json_null(arena);
        Json *v = untouched;
        Error err = {0};
        /* A copy of the exact size lets the sanitizer see any read behind the text. */
        char *copy = malloc(rows[i].text.len + 1);
        assert_non_null(copy);
        memcpy(copy, rows[i].text.ptr, rows[i].text.len);
        Rc rc = json_parse(arena, str_of(copy, rows[i].text.len), NULL, &v, &err);
        free(copy);
        if (rc != RC_MALFORMED || err.line != rows[i].line || err.column != rows[i].column ||
            !strstr(err.message, rows[i].message)) {
            fail_msg("row %zu: %s %u:%u %s", i, rc_name(rc), err.line, err.column, err.message);
        }
        assert_ptr_equal(v, untouched);
        assert_int_equal(json_parse(arena, rows[i].text, NULL, &v, NULL), RC_MALFORMED);
    }
    arena_free(arena);
}

static Str nested(Arena *arena, size_t depth)
{
    char *text = arena_alloc(arena, depth * 2);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return str_of(text, depth * 2);
}

static void holds_to_its_limits(void **state)
{
    const JsonLimits limits = {.max_bytes = 100, .max_depth = 3, .max_nodes = 5};
    const JsonLimits deep = {.max_bytes = MIB, .max_depth = SIZE_MAX, .max_nodes = SIZE_MAX};
    Arena *arena = arena_new(0);
    Error err = {0};
    Json *v;

    (void)state;
    assert_int_equal(json_parse(arena, STR("[[[1]]]"), &limits, &v, &err), RC_OK);
    assert_int_equal(json_parse(arena, STR("[[[[]]]]"), &limits, &v, &err), RC_LIMIT);
    assert_int_equal(err.column, 4);
    assert_int_equal(json_parse(arena, STR("[1,2,3,4]"), &limits, &v, &err), RC_OK);
    assert_int_equal(json_parse(arena, STR("[1,2,3,4,5]"), &limits, &v, &err), RC_LIMIT);
    assert_int_equal(err.column, 10);
    char *spaces = arena_alloc(arena, 101);
    memset(spaces, ' ', 101);
    spaces[0] = '1';
    assert_int_equal(json_parse(arena, str_of(spaces, 100), &limits, &v, &err), RC_OK);
    assert_int_equal(json_parse(arena, str_of(spaces, 101), &limits, &v, &err), RC_LIMIT);
    assert_int_equal(json_parse(arena, nested(arena, 64), NULL, &v, &err), RC_OK);
    assert_int_equal(json_parse(arena, nested(arena, 65), NULL, &v, &err), RC_LIMIT);
    /* No caller can ask for more than the stack holds. */
    assert_int_equal(json_parse(arena, nested(arena, 1000), &deep, &v, &err), RC_OK);
    assert_int_equal(json_parse(arena, nested(arena, 500000), &deep, &v, &err), RC_LIMIT);
    arena_free(arena);
}

static void takes_nul_only_when_allowed(void **state)
{
    JsonLimits limits = json_default_limits;
    Arena *arena = arena_new(0);
    Json *v;

    (void)state;
    limits.allow_nul = true;
    assert_int_equal(json_parse(arena, STR("\"a\\u0000b\""), &limits, &v, NULL), RC_OK);
    assert_true(str_eq(json_str(v), STR("a\0b")));
    assert_text(json_to_str(arena, v), "\"a\\u0000b\"");
    assert_int_equal(json_parse(arena, STR("\"a\0b\""), &limits, &v, NULL), RC_MALFORMED);
    arena_free(arena);
}

static void every_node_knows_its_place(void **state)
{
    Arena *arena = arena_new(0);
    const Json *v = parsed_c(arena, "\n {\"é\": [1,\r\n  \"x\"],\n\t\"b\": {}}");

    (void)state;
    const Json *places[] = {v, json_get_c(v, "é"), json_pointer(v, STR("/é/0")),
                            json_pointer(v, STR("/é/1")), json_get_c(v, "b")};
    const uint32_t want[][2] = {
        {2, 2},
        {2, 8},
        {2, 9},
        {3, 3},
        {4, 7}
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        assert_int_equal(places[i]->line, want[i][0]);
        assert_int_equal(places[i]->column, want[i][1]);
    }
    assert_int_equal(json_int(arena, 1)->line, 0);
    arena_free(arena);
}

/* Large enough that comparing all pairs would not end within the test's time. */
static void finds_duplicates_in_objects_of_any_size(void **state)
{
    static const size_t sizes[] = {2, 15, 16, 17, 18, 63, 64, 65, 1000, 300000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        Arena *arena = arena_new(0);
        Buf text = buf_init(arena, 64 * MIB);
        Error err = {0};
        Json *v;
        buf_char(&text, '{');
        for (size_t k = 0; k < sizes[i]; k++) {
            buf_fmt(&text, "%s\"key%zu\":%zu", k ? "," : "", k, k);
        }
        size_t unique = text.len;
        buf_char(&text, '}');
        assert_int_equal(json_parse(arena, buf_str(&text), NULL, &v, &err), RC_OK);
        assert_int_equal(v->n, sizes[i]);
        text.len = unique;
        buf_fmt(&text, ",\n\"key%zu\":0}", sizes[i] - 2);
        assert_int_equal(json_parse(arena, buf_str(&text), NULL, &v, &err), RC_MALFORMED);
        assert_int_equal(err.line, 2);
        assert_non_null(strstr(err.message, "duplicate key"));
        arena_free(arena);
    }
}

/* ---- Access ---- */

static void access_accepts_absent_and_mistyped_nodes(void **state)
{
    Arena *arena = arena_new(0);
    const Json *v = parsed_c(arena, "{\"a\":{\"b\":{\"c\":7}},\"s\":\"x\",\"t\":true}");
    int64_t i64;
    double d;

    (void)state;
    assert_true(json_to_i64(json_path(v, "a", "b", "c", NULL), &i64));
    assert_int_equal(i64, 7);
    assert_ptr_equal(json_path(v, NULL), v);
    assert_null(json_path(v, "a", "x", "c", NULL));
    assert_null(json_path(v, "s", "b", NULL));
    assert_null(json_get_c(NULL, "a"));
    assert_null(json_get(v, STR("A")));
    assert_text(json_str_at(v, "s"), "x");
    assert_text(json_str_at(v, "a"), "");
    assert_text(json_str(NULL), "");
    assert_true(json_bool(json_get_c(v, "t"), false));
    assert_true(json_bool(NULL, true));
    assert_false(json_bool(json_get_c(v, "s"), false));
    assert_false(json_is(NULL, JSON_NULL));
    assert_false(json_to_i64(NULL, &i64));
    assert_false(json_to_double(json_get_c(v, "s"), &d));
    assert_string_equal(json_type_name(JSON_BOOL), "boolean");
    assert_string_equal(json_type_name(JSON_OBJECT), "object");
    arena_free(arena);
}

/* RFC 6901 section 5, and what must lead nowhere. */
static void pointers_follow_rfc_6901(void **state)
{
    static const struct {
        const char *pointer, *found; /* NULL: nothing */
    } rows[] = {
        {"/foo",                      "[\"bar\",\"baz\"]"},
        {"/foo/0",                    "\"bar\""          },
        {"/",                         "0"                },
        {"/a~1b",                     "1"                },
        {"/c%d",                      "2"                },
        {"/e^f",                      "3"                },
        {"/i\\j",                     "5"                },
        {"/ ",                        "7"                },
        {"/m~0n",                     "8"                },
        {"/~01",                      "9"                },
        {"foo",                       NULL               },
        {"/foo/2",                    NULL               },
        {"/foo/-",                    NULL               },
        {"/foo/00",                   NULL               },
        {"/foo/+1",                   NULL               },
        {"/foo/",                     NULL               },
        {"/foo/0/x",                  NULL               },
        {"/foo/99999999999999999999", NULL               },
        {"/a~b",                      NULL               },
        {"/a~",                       NULL               },
        {"/m~",                       NULL               },
        {"/fo",                       NULL               },
        {"/fooo",                     NULL               },
    };
    Arena *arena = arena_new(0);
    const Json *v =
        parsed_c(arena, "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                        "\"i\\\\j\":5,\" \":7,\"m~n\":8,\"~1\":9}");

    (void)state;
    assert_ptr_equal(json_pointer(v, STR("")), v);
    assert_null(json_pointer(NULL, STR("/a")));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Json *found = json_pointer(v, str_from(rows[i].pointer));
        if (!rows[i].found) {
            assert_null(found);
        } else {
            assert_non_null(found);
            assert_text(json_to_str(arena, found), rows[i].found);
        }
    }
    arena_free(arena);
}

/* ---- Numbers ---- */

static void numbers_convert_exactly_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool is_integer, fits;
        int64_t i64;
    } rows[] = {
        {"0",                              true,  true,  0                           },
        {"-0",                             true,  true,  0                           },
        {"0.000",                          true,  true,  0                           },
        {"0e999999999999999999999",        true,  true,  0                           },
        {"3",                              true,  true,  3                           },
        {"3.0",                            true,  true,  3                           },
        {"3e0",                            true,  true,  3                           },
        {"-30e-1",                         true,  true,  -3                          },
        {"0.3e1",                          true,  true,  3                           },
        {"1.50e2",                         true,  true,  150                         },
        {"12345e-3",                       false, false, 0                           },
        {"3.5",                            false, false, 0                           },
        {"1e-1",                           false, false, 0                           },
        {"9223372036854775807",            true,  true,  INT64_MAX                   },
        {"-9223372036854775808",           true,  true,  INT64_MIN                   },
        {"-9223372036854775808.0",         true,  true,  INT64_MIN                   },
        {"922337203685477580.7e1",         true,  true,  INT64_MAX                   },
        {"9223372036854775808",            true,  false, 0                           },
        {"9223372036854775808.0",          true,  false, 0                           },
        {"-9223372036854775809.0",         true,  false, 0                           },
        {"9999999999999999999.0",          true,  false, 0                           },
        {"1e18",                           true,  true,  INT64_C(1000000000000000000)},
        {"1e19",                           true,  false, 0                           },
        {"1e999999999999999999999",        true,  false, 0                           },
        {"1e-999999999999999999999",       false, false, 0                           },
        {"123456789012345678901234567890", true,  false, 0                           },
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Json *v = parsed_c(arena, rows[i].text);
        int64_t got = 42;
        if (json_is_integer(v) != rows[i].is_integer || json_to_i64(v, &got) != rows[i].fits ||
            got != (rows[i].fits ? rows[i].i64 : 42)) {
            fail_msg("%s gives %lld", rows[i].text, (long long)got);
        }
    }
    double d = 0;
    assert_true(json_to_double(parsed_c(arena, "-1.5e3"), &d) && d == -1500);
    assert_false(json_to_double(parsed_c(arena, "1e999"), &d));
    assert_false(json_is_integer(json_string_c(arena, "1")));
    arena_free(arena);
}

static void doubles_print_shortest_and_read_back(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0.1,                    "0.1"                    },
        {0.1 + 0.2,              "0.30000000000000004"    },
        {1.0,                    "1"                      },
        {-0.0,                   "-0"                     },
        {1e100,                  "1e+100"                 },
        {1.0 / 3,                "0.3333333333333333"     },
        {5e-324,                 "4.94065645841247e-324"  },
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    Arena *arena = arena_new(0);
    uint64_t random = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_text(json_double(arena, rows[i].v)->text, rows[i].text);
    }
    const double infinity = 1e308 * 10;
    assert_true(json_is(json_double(arena, infinity), JSON_NULL));
    assert_true(json_is(json_double(arena, -infinity), JSON_NULL));
    assert_true(json_is(json_double(arena, infinity - infinity), JSON_NULL));
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)random_next(&random) << 32 | random_next(&random);
        double v, back = 0;
        memcpy(&v, &bits, sizeof(v));
        const Json *node = json_double(arena, v);
        if (!json_is(node, JSON_NULL)) {
            assert_true(json_to_double(parsed(arena, node->text), &back));
            assert_memory_equal(&v, &back, sizeof(v));
        }
    }
    arena_free(arena);
}

/* ---- Equality and canonical text ---- */

static void equality_is_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1",                              "1.0",                               true },
        {"100",                            "1e2",                               true },
        {"0.001",                          "1E-3",                              true },
        {"-0",                             "0",                                 true },
        {"1",                              "-1",                                false},
        {"1",                              "2",                                 false},
        {"10",                             "1",                                 false},
        {"0.1",                            "0.1000000000000000000001",          false},
        {"123456789012345678901234567890", "123456789012345678901234567891",    false},
        {"123456789012345678901234567890", "1234567890123456789012345678.90e2", true },
        {"1",                              "\"1\"",                             false},
        {"true",                           "true",                              true },
        {"true",                           "false",                             false},
        {"null",                           "null",                              true },
        {"null",                           "false",                             false},
        {"\"a\"",                          "\"\\u0061\"",                       true },
        {"[1,2]",                          "[2,1]",                             false},
        {"[1]",                            "[1,1]",                             false},
        {"[]",                             "{}",                                false},
        {"{\"a\":1,\"b\":2}",              "{\"b\":2.0,\"a\":1}",               true },
        {"{\"a\":1,\"b\":2}",              "{\"b\":2,\"c\":1}",                 false},
        {"{\"a\":1}",                      "{\"a\":1,\"b\":2}",                 false},
        {"{\"a\":{\"x\":[1]}}",            "{\"a\":{\"x\":[1.5]}}",             false},
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Json *a = parsed_c(arena, rows[i].a);
        const Json *b = parsed_c(arena, rows[i].b);
        if (json_equal(a, b) != rows[i].equal || json_equal(b, a) != rows[i].equal ||
            str_eq(canonical(arena, a), canonical(arena, b)) != rows[i].equal) {
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
    }
    assert_false(json_equal(NULL, json_null(arena)));
    arena_free(arena);
}

static void large_objects_compare_without_order(void **state)
{
    Arena *arena = arena_new(0);
    Json *a = json_object(arena);
    Json *b = json_object(arena);
    char key[16];

    (void)state;
    for (int i = 0; i < 500; i++) {
        IGNORE(snprintf(key, sizeof(key), "%d", i)); /* always fits */
        json_set_c(arena, a, key, json_int(arena, i));
        IGNORE(snprintf(key, sizeof(key), "%d", 499 - i));
        json_set_c(arena, b, key, json_int(arena, 499 - i));
    }
    assert_true(json_equal(a, b));
    assert_true(str_eq(canonical(arena, a), canonical(arena, b)));
    json_set_c(arena, b, "77", json_int(arena, 0));
    assert_false(json_equal(a, b));
    assert_true(json_remove(b, STR("77")));
    json_set_c(arena, b, "500", json_int(arena, 77));
    assert_false(json_equal(a, b));
    arena_free(arena);
}

static void canonical_text_is_sorted_and_plain(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"{\"b\":1,\"a\":{\"d\":[2,1],\"c\":null}}", "{\"a\":{\"c\":null,\"d\":[2,1]},\"b\":1}"},
        {"{\"aa\":1,\"a\":2,\"B\":3}",               "{\"B\":3,\"a\":2,\"aa\":1}"              },
        {"1.50",                                     "1.5"                                     },
        {"1e2",                                      "100"                                     },
        {"-1.25E1",                                  "-12.5"                                   },
        {"0.00001",                                  "0.00001"                                 },
        {"0.0000001",                                "1e-7"                                    },
        {"1.5e-10",                                  "1.5e-10"                                 },
        {"1e20",                                     "100000000000000000000"                   },
        {"12e20",                                    "1.2e21"                                  },
        {"1e21",                                     "1e21"                                    },
        {"2.5e9999999999999999999999",               "2.5e999999999999999"                     },
        {"2.5e-9999999999999999999999",              "2.5e-1000000000000001"                   },
        {"-0.0",                                     "0"                                       },
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_text(canonical(arena, parsed_c(arena, rows[i].text)), rows[i].canonical);
    }
    arena_free(arena);
}

/* ---- Building and writing ---- */

static void building_keeps_order_and_copies(void **state)
{
    Arena *arena = arena_new(0);
    Json *v = json_object(arena);
    char key[] = "b";

    (void)state;
    json_set_c(arena, v, key, json_int(arena, -5));
    key[0] = 'x';
    json_set_str(arena, v, "a", STR("text"));
    json_set(arena, v, STR("c"), json_array(arena));
    for (int i = 0; i < 9; i++) {
        json_push(arena, json_get_c(v, "c"), json_bool_new(arena, i % 2));
    }
    json_set_c(arena, v, "b", json_number(arena, STR("1.50")));
    json_set_c(arena, v, "d", json_null(arena));
    assert_true(json_remove(v, STR("a")));
    assert_false(json_remove(v, STR("a")));
    assert_text(
        json_to_str(arena, v),
        "{\"b\":1.50,\"c\":[false,true,false,true,false,true,false,true,false],\"d\":null}");
    Json *copy = json_clone(arena, v);
    json_push(arena, json_get_c(copy, "c"), json_string_c(arena, "more"));
    json_set_c(arena, copy, "e", json_int(arena, INT64_MIN));
    assert_int_equal(json_get_c(v, "c")->n, 9);
    assert_int_equal(v->n, 3);
    assert_text(json_to_str(arena, json_get_c(copy, "e")), "-9223372036854775808");
    arena_free(arena);
}

static void pretty_text_is_indented_by_two(void **state)
{
    Arena *arena = arena_new(0);
    const Json *v = parsed_c(arena, "{\"a\":[1,{\"b\":[]},[{}]],\"c\":\"\\n\"}");

    (void)state;
    assert_text(pretty(arena, v),
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    },\n    [\n      {}\n    ]\n"
                "  ],\n  \"c\": \"\\n\"\n}");
    arena_free(arena);
}

/* RFC 7396 appendix A. */
static void merge_patch_follows_rfc_7396(void **state)
{
    static const struct {
        const char *target, *patch, *result;
    } rows[] = {
        {"{\"a\":\"b\"}",             "{\"a\":\"c\"}",                    "{\"a\":\"c\"}"            },
        {"{\"a\":\"b\"}",             "{\"b\":\"c\"}",                    "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}",             "{\"a\":null}",                     "{}"                       },
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}",                     "{\"b\":\"c\"}"            },
        {"{\"a\":[\"b\"]}",           "{\"a\":\"c\"}",                    "{\"a\":\"c\"}"            },
        {"{\"a\":\"c\"}",             "{\"a\":[\"b\"]}",                  "{\"a\":[\"b\"]}"          },
        {"{\"a\":{\"b\":\"c\"}}",     "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"    },
        {"{\"a\":[{\"b\":\"c\"}]}",   "{\"a\":[1]}",                      "{\"a\":[1]}"              },
        {"[\"a\",\"b\"]",             "[\"c\",\"d\"]",                    "[\"c\",\"d\"]"            },
        {"{\"a\":\"b\"}",             "[\"c\"]",                          "[\"c\"]"                  },
        {"{\"a\":\"foo\"}",           "null",                             "null"                     },
        {"{\"a\":\"foo\"}",           "\"bar\"",                          "\"bar\""                  },
        {"{\"e\":null}",              "{\"a\":1}",                        "{\"e\":null,\"a\":1}"     },
        {"[1,2]",                     "{\"a\":\"b\",\"c\":null}",         "{\"a\":\"b\"}"            },
        {"{}",                        "{\"a\":{\"bb\":{\"ccc\":null}}}",  "{\"a\":{\"bb\":{}}}"      },
    };
    Arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Json *target = parsed_c(arena, rows[i].target);
        const Json *patch = parsed_c(arena, rows[i].patch);
        assert_text(json_to_str(arena, json_merge_patch(arena, target, patch)), rows[i].result);
        assert_text(json_to_str(arena, target), rows[i].target);
    }
    assert_text(json_to_str(arena, json_merge_patch(arena, NULL, parsed_c(arena, "{\"a\":1}"))),
                "{\"a\":1}");
    arena_free(arena);
}

static void written_text_reads_back_equal(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        Arena *arena = arena_new(0);
        const Json *v = random_tree(arena, &random, 5);
        const Json *back = parsed(arena, json_to_str(arena, v));
        assert_true(json_equal(v, back));
        assert_true(str_eq(json_to_str(arena, v), json_to_str(arena, back)));
        assert_true(json_equal(v, parsed(arena, pretty(arena, v))));
        back = parsed(arena, canonical(arena, v));
        assert_true(json_equal(v, back));
        assert_true(str_eq(canonical(arena, v), canonical(arena, back)));
        assert_true(json_equal(v, json_clone(arena, v)));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_form_of_json),
        cmocka_unit_test(refuses_what_is_not_json_and_says_where),
        cmocka_unit_test(holds_to_its_limits),
        cmocka_unit_test(takes_nul_only_when_allowed),
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(finds_duplicates_in_objects_of_any_size),
        cmocka_unit_test(access_accepts_absent_and_mistyped_nodes),
        cmocka_unit_test(pointers_follow_rfc_6901),
        cmocka_unit_test(numbers_convert_exactly_or_not_at_all),
        cmocka_unit_test(doubles_print_shortest_and_read_back),
        cmocka_unit_test(equality_is_by_value),
        cmocka_unit_test(large_objects_compare_without_order),
        cmocka_unit_test(canonical_text_is_sorted_and_plain),
        cmocka_unit_test(building_keeps_order_and_copies),
        cmocka_unit_test(pretty_text_is_indented_by_two),
        cmocka_unit_test(merge_patch_follows_rfc_7396),
        cmocka_unit_test(written_text_reads_back_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
