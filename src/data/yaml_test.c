/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/test.h"

#include "data/json_random.h"
#include "data/yaml.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static Json *parsed(Arena *arena, Str text)
{
    Json *v = NULL;
    Error err = {0};

    if (yaml_parse(arena, text, NULL, &v, &err) != RC_OK) {
        print_error("%.*s\n", STR_ARG(text));
        fail_msg("%u:%u %s", err.line, err.column, err.message);
    }
    return v;
}

static Str written(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, 16 * MIB);

    yaml_write(&out, v);
    assert_true(buf_ok(&out));
    return buf_str(&out);
}

typedef struct Row {
    const char *yaml, *json;
} Row;

static void assert_rows(const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new(0);
        Str got = json_to_str(arena, parsed(arena, str_from(rows[i].yaml)));
        if (!str_is(got, rows[i].json)) {
            fail_msg("%s gives %.*s, not %s", rows[i].yaml, STR_ARG(got), rows[i].json);
        }
        arena_free(arena);
    }
}

/* ---- What it means ---- */

static void plain_scalars_follow_the_core_schema(void **state)
{
    static const Row rows[] = {
        {"~",                              "null"                          },
        {"null",                           "null"                          },
        {"Null",                           "null"                          },
        {"NULL",                           "null"                          },
        {"nULL",                           "\"nULL\""                      },
        {"true",                           "true"                          },
        {"True",                           "true"                          },
        {"TRUE",                           "true"                          },
        {"tRUE",                           "\"tRUE\""                      },
        {"false",                          "false"                         },
        {"False",                          "false"                         },
        {"FALSE",                          "false"                         },
        {"yes",                            "\"yes\""                       },
        {"no",                             "\"no\""                        },
        {"on",                             "\"on\""                        },
        {"off",                            "\"off\""                       },
        {"y",                              "\"y\""                         },
        {"12",                             "12"                            },
        {"-12",                            "-12"                           },
        {"+12",                            "12"                            },
        {"-0",                             "-0"                            },
        {"+0",                             "0"                             },
        {"017",                            "17"                            },
        {"-017",                           "-17"                           },
        {"00",                             "0"                             },
        {"0o17",                           "15"                            },
        {"0o18",                           "\"0o18\""                      },
        {"0x1F",                           "31"                            },
        {"0xff",                           "255"                           },
        {"0xfg",                           "\"0xfg\""                      },
        {"0x",                             "\"0x\""                        },
        {"-0x1F",                          "\"-0x1F\""                     },
        {"0xFFFFFFFFFFFFFFFF",             "18446744073709551615"          },
        {"0b11",                           "\"0b11\""                      },
        {"1_000",                          "\"1_000\""                     },
        {"12e03",                          "12e03"                         },
        {"1.0",                            "1.0"                           },
        {"450.00",                         "450.00"                        },
        {".5",                             "0.5"                           },
        {"-.5",                            "-0.5"                          },
        {"+.5e+3",                         "0.5e+3"                        },
        {"1.",                             "1.0"                           },
        {"1.e3",                           "1.0e3"                         },
        {"01.50",                          "1.50"                          },
        {"1e",                             "\"1e\""                        },
        {"1.2.3",                          "\"1.2.3\""                     },
        {".",                              "\".\""                         },
        {"-",                              "[null]"                        },
        {"+",                              "\"+\""                         },
        {"1-2",                            "\"1-2\""                       },
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"2001-12-14",                     "\"2001-12-14\""                },
        {"12:30:45",                       "\"12:30:45\""                  },
        {"'12'",                           "\"12\""                        },
        {"\"null\"",                       "\"null\""                      },
        {"|\n  true",                      "\"true\\n\""                   },
        {"${{ parameters.name }}",         "\"${{ parameters.name }}\""    },
        {"http://a.b/c#d",                 "\"http://a.b/c#d\""            },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void tags_of_the_core_schema_are_honoured(void **state)
{
    static const Row rows[] = {
        {"!!str 12",                                    "\"12\""                 },
        {"!!str",                                       "\"\""                   },
        {"! 12",                                        "\"12\""                 },
        {"!!int 0x1F",                                  "31"                     },
        {"!!int '12'",                                  "12"                     },
        {"!!float 1",                                   "1"                      },
        {"!!float .5",                                  "0.5"                    },
        {"!!bool 'true'",                               "true"                   },
        {"!!null ''",                                   "null"                   },
        {"!!map {a: !!seq [1]}",                        "{\"a\":[1]}"            },
        {"!<tag:yaml.org,2002:str> null",               "\"null\""               },
        {"!local 12",                                   "\"12\""                 },
        {"!Ref {a: 1}",                                 "{\"a\":1}"              },
        {"!!set {a, b}",                                "{\"a\":null,\"b\":null}"},
        {"%TAG !y! tag:yaml.org,2002:\n---\n!y!str 12", "\"12\""                 },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void mappings_keep_order_and_spelling_of_keys(void **state)
{
    static const Row rows[] = {
        {"b: 1\na: 2\n",                                                                             "{\"b\":1,\"a\":2}"                     },
        {"1: a\ntrue: b\n0x1F: c\n1.10: d\nnull: e\n",
         "{\"1\":\"a\",\"true\":\"b\",\"0x1F\":\"c\",\"1.10\":\"d\",\"null\":\"e\"}"                                                         },
        {"? a\n: 1\n? b\n",                                                                          "{\"a\":1,\"b\":null}"                  },
        {"a:\nb: ''\n",                                                                              "{\"a\":null,\"b\":\"\"}"               },
        {"a:\n- 1\n- b: 2\n  c: 3\n- - 4\n",                                                         "{\"a\":[1,{\"b\":2,\"c\":3},[4]]}"     },
        {"a: >-\n  x\n  y\n\n  z\nb: |+\n  t\n\n",                                                   "{\"a\":\"x y\\nz\",\"b\":\"t\\n\\n\"}" },
        {"[a, b: c, {d: e}]",                                                                        "[\"a\",{\"b\":\"c\"},{\"d\":\"e\"}]"   },
        {"{a, b: , c: d}",                                                                           "{\"a\":null,\"b\":null,\"c\":\"d\"}"   },
        {"text: |\n  last line has no end",                                                          "{\"text\":\"last line has no end\\n\"}"},
        {"\xEF\xBB\xBF# mark\na: 1\n",                                                               "{\"a\":1}"                             },
        {"- &a # c\n  !!map\n  &b k: \"x\n    y\"\n- *b\n",                                          "[{\"k\":\"x y\"},\"k\"]"               },
        {"a: !!str &x # c\n  |2 # c\n    y\n",                                                       "{\"a\":\"  y\\n\"}"                    },
        {"- !x [a, # c\n  é, # c # d\n  b]\n- é: {ä: 'ö\n    ü'}\n",
         "[[\"a\",\"é\",\"b\"],{\"é\":{\"ä\":\"ö ü\"}}]"                                                                                },
        {"- &a true\n- &b ~\n- {*a : 1, *b : 2}\n",                                                  "[true,null,{\"true\":1,\"\":2}]"       },
        {"- !x\n- ! ''\n",                                                                           "[null,\"\"]"                           },
        {"--- |1\n text\n",                                                                          "\"text\\n\""                           },
        {"a: |\n    \nb: |+\n    \n",                                                                "{\"a\":\"\",\"b\":\"\\n\"}"            },
        {"k: {\n  a: b\n}\nl: [\n# c\n  1\n]\n",                                                     "{\"k\":{\"a\":\"b\"},\"l\":[1]}"       },
        {"a: x\xE2\x80\xA8y\xC2\x85z\nb: \"\xC2\x85 \xE2\x80\xA9\"\nc\xE2\x80\xA8: |\n  \xC2\x85\n",
         "{\"a\":\"x\xE2\x80\xA8y\xC2\x85z\",\"b\":\"\xC2\x85 "
         "\xE2\x80\xA9\",\"c\xE2\x80\xA8\":\"\xC2\x85\\n\"}"                                                                                 },
        {"a: é\r\nb: ж\r\n",                                                                       "{\"a\":\"é\",\"b\":\"ж\"}"           },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void aliases_and_merge_keys_are_resolved(void **state)
{
    static const Row rows[] = {
        {"a: &x [1, 2]\nb: *x\nc: [*x , *x ]\n",                     "{\"a\":[1,2],\"b\":[1,2],\"c\":[[1,2],[1,2]]}"},
        {"- &x 1\n- &x 2\n- *x\n",                                   "[1,2,2]"                                      },
        {"&k key: &v value\nagain: *k\n*v : *v\n",
         "{\"key\":\"value\",\"again\":\"key\",\"value\":\"value\"}"                                                },
        {"&x [&x 1, *x ]",                                           "[1,1]"                                        },
        {"base: &b {p: 1, q: 2}\nuse: {<<: *b, q: 3, r: 4}\n",
         "{\"base\":{\"p\":1,\"q\":2},\"use\":{\"q\":3,\"r\":4,\"p\":1}}"                                           },
        {"- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}\n",
         "[{\"x\":1},{\"x\":2,\"y\":2},{\"z\":3,\"x\":1,\"y\":2}]"                                                  },
        {"{<<: {<<: {a: 1}, b: 2}, c: 3}",                           "{\"c\":3,\"b\":2,\"a\":1}"                    },
        {"{\"<<\": 1, '<<<': 2}",                                    "{\"<<\":1,\"<<<\":2}"                         },
        {"{<<: {}, a: 1}",                                           "{\"a\":1}"                                    },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void large_collections_are_read_whole(void **state)
{
    Arena *arena = arena_new(0);
    Buf text = buf_init(arena, MIB);
    Buf want = buf_init(arena, MIB);

    (void)state;
    buf_char(&want, '{');
    for (int i = 0; i < 1000; i++) {
        buf_fmt(&text, "k%d: [a%d]\n", i, i);
        buf_fmt(&want, "%s\"k%d\":[\"a%d\"]", i > 0 ? "," : "", i, i);
    }
    buf_char(&want, '}');
    assert_str(json_to_str(arena, parsed(arena, buf_str(&text))), buf_str(&want));
    arena_free(arena);
}

static void streams_hold_many_documents(void **state)
{
    static const struct {
        const char *text, *roots;
        uint32_t lines[4];
    } rows[] = {
        {"",                                                  "",                           {0}         },
        {"# nothing\n\n",                                     "",                           {0}         },
        {"...\n# nothing\n...\n",                             "",                           {0}         },
        {"a: 1",                                              "{\"a\":1};",                 {1}         },
        {"---\n",                                             "null;",                      {1}         },
        {"---\n---\n# c\n---\na\n",                           "null;null;\"a\";",           {1, 2, 5}   },
        {"# c\n\na: 1\n---\nb\n...\n\nc: 3\n",                "{\"a\":1};\"b\";{\"c\":3};", {3, 5, 8}   },
        {"--- a\n--- |\n b\n--- {c: 1}\n",                    "\"a\";\"b\\n\";{\"c\":1};",  {1, 2, 4}   },
        {"{\"a\":1}\n---\n[2]\n---\n\n {\"b\":\n3}\n...\n{}",
         "{\"a\":1};[2];{\"b\":3};{};",                                                     {1, 3, 6, 9}},
        {"%YAML 1.2\n---\na\n...\n%TAG ! !x\n# c\n---\nb\n",  "\"a\";\"b\";",               {3, 8}      },
        {"%YAML 1.3\n%FOO bar\n \t\n--- [a]",                 "[\"a\"];",                   {4}         },
        {"a\r---\rb\r",                                       "\"a\";\"b\";",               {1, 3}      },
        {"--- >\nfolded\nat the margin\n--- |-\n# kept\n",
         "\"folded at the margin\\n\";\"# kept\";",                                         {1, 4}      },
        {"'a\n--- b'",                                        NULL,                         {0}         },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Arena *arena = arena_new(0);
        Buf roots = buf_init(arena, MIB);
        YamlDocument *documents;
        size_t n;
        Error err = {0};
        Rc rc = yaml_parse_all(arena, str_from(rows[i].text), NULL, &documents, &n, &err);
        if (!rows[i].roots) {
            assert_int_equal(rc, RC_MALFORMED);
            arena_free(arena);
            continue;
        }
        if (rc != RC_OK) {
            fail_msg("row %zu: %u:%u %s", i, err.line, err.column, err.message);
        }
        for (size_t k = 0; k < n; k++) {
            json_write(&roots, documents[k].root);
            buf_char(&roots, ';');
            assert_int_equal(documents[k].line, rows[i].lines[k]);
        }
        assert_str(buf_str(&roots), str_from(rows[i].roots));
        arena_free(arena);
    }
}

static void every_node_knows_its_place(void **state)
{
    static const char *const texts[] = {
        "# é\n---\nkey: [1,\n  \"x\"]\nÄ: {b: c}\n",
        "---\n\n{\"key\": [1,\n  \"x\"],\n\"Ä\": {\"b\": \"c\"}}\n",
    };
    static const uint32_t want[][4][2] = {
        {{3, 6}, {4, 3}, {5, 4}, {5, 8} },
        {{3, 9}, {4, 3}, {5, 6}, {5, 12}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        Arena *arena = arena_new(0);
        const Json *v = parsed(arena, str_from(texts[i]));
        const Json *nodes[] = {json_get_c(v, "key"), json_pointer(v, STR("/key/1")),
                               json_get_c(v, "Ä"), json_pointer(v, STR("/Ä/b"))};
        for (size_t k = 0; k < ARRAY_LEN(nodes); k++) {
            assert_int_equal(nodes[k]->line, want[i][k][0]);
            assert_int_equal(nodes[k]->column, want[i][k][1]);
        }
        arena_free(arena);
    }
}

/* ---- What it refuses ---- */

static void mistakes_are_refused_with_their_place(void **state)
{
    static const struct {
        Str text;
        uint32_t line, column;
        const char *message; /* part of it */
    } rows[] = {
        {STR_INIT("a: b: c\n"),                      1, 5,  "put a value that contains \": \" in quotes"      },
        {STR_INIT("a: 1\n b: 2\n"),                  2, 3,  "mapping values are not allowed"                  },
        {STR_INIT("a:\n\tb: 1\n"),                   2, 1,  "indent with spaces, not tabs"                    },
        {STR_INIT("a: @b\n"),                        1, 4,  "put the value in quotes"                         },
        {STR_INIT("a: [1, 2\nb: 3\n"),               2, 2,  ""                                                },
        {STR_INIT("a: \"x\n"),                       2, 1,  "close the quote"                                 },
        {STR_INIT("---\na: 1\n---\nb: 'x\n"),        5, 1,  "close the quote"                                 },
        {STR_INIT("a: 1\nb: 2\na: 3\n"),             3, 1,
         "duplicate key \"a\": it stands at line 1, column 1 already"                                         },
        {STR_INIT("x:\n  é: 1\n  'é': 3\n"),       3, 3,  "it stands at line 2, column 3 already"           },
        {STR_INIT("{\"a\": 1,\n \"a\": 2}"),         2, 2,
         "duplicate key \"a\": it stands at line 1, column 2"                                                 },
        {STR_INIT("{<<: {a: 1}, <<: {b: 1}}"),       1, 14, "duplicate key \"<<\""                            },
        {STR_INIT("1: a\n'1': b\n"),                 2, 1,  "duplicate key \"1\""                             },
        {STR_INIT("[a]: b\n"),                       1, 1,  "a mapping key must be a scalar"                  },
        {STR_INIT("? {a: b}\n: c\n"),                1, 3,  "a mapping key must be a scalar"                  },
        {STR_INIT("- &a [1]\n- {*a : 2}\n"),         2, 4,  "a mapping key must be a scalar"                  },
        {STR_INIT("a: *b\n"),                        1, 4,  "alias *b has no anchor before it"                },
        {STR_INIT("- &a x\n--- *a\n"),               2, 5,  "alias *a has no anchor before it"                },
        {STR_INIT("&a [*a ]"),                       1, 5,  "alias *a stands inside the node it names"        },
        {STR_INIT("a: {<<: 1}\n"),                   1, 5,  "the merge key << takes a mapping"                },
        {STR_INIT("a: {<<: [{}, 1]}\n"),             1, 5,  "the merge key << takes a mapping"                },
        {STR_INIT("a: .inf\n"),                      1, 4,  ".inf is not a number JSON can hold"              },
        {STR_INIT("- -.Inf\n"),                      1, 3,  "-.Inf is not a number"                           },
        {STR_INIT("- .NaN\n"),                       1, 3,  ".NaN is not a number"                            },
        {STR_INIT("- 0x10000000000000000\n"),        1, 3,  "larger than 64 bits"                             },
        {STR_INIT("- !!int x\n"),                    1, 3,  "\"x\" does not fit its tag tag:yaml.org,2002:int"},
        {STR_INIT("- !!int 1.5\n"),                  1, 3,  "does not fit its tag"                            },
        {STR_INIT("- !!bool yes\n"),                 1, 3,  "does not fit its tag"                            },
        {STR_INIT("- !!map x\n"),                    1, 3,  "does not fit its tag"                            },
        {STR_INIT("- !!map [x]\n"),                  1, 3,  "a sequence does not fit its tag"                 },
        {STR_INIT("- !!str {x: y}\n"),               1, 3,  "a mapping does not fit its tag"                  },
        {STR_INIT("- !x!y z\n"),                     1, 3,  "declare it with a %TAG directive"                },
        {STR_INIT("a: \"\\0\"\n"),                   1, 4,  "must not contain the NUL character"              },
        {STR_INIT("\"\\0\": a\n"),                   1, 1,  "must not contain the NUL character"              },
        {STR_INIT("a: 1\nb: \0\n"),                  2, 4,  "byte 0x00 is not allowed here"                   },
        {STR_INIT("a: 1\r\nb: é\xFF\r\n"),          2, 5,  "byte 0xFF is not valid UTF-8"                    },
        {STR_INIT("a: \xED\xA0\x80"),                1, 4,  "byte 0xED is not valid UTF-8"                    },
        {STR_INIT("a: \xC0\x80"),                    1, 4,  "byte 0xC0 is not valid UTF-8"                    },
        {STR_INIT("a: \"\\ud800\"\n"),               1, 7,  "write the character itself"                      },
        {STR_INIT("a: x\x01\n"),                     1, 1,  "control characters are not allowed"              },
        {STR_INIT("a: 1\n... b\n"),                  2, 4,  "only a comment may follow"                       },
        {STR_INIT("%YAML 1.2\na: 1\n"),              2, 1,  "\"---\" line must follow the directives"         },
        {STR_INIT("%YAML 2.0\n---\na\n"),            1, 1,  "must be \"%YAML 1.2\""                           },
        {STR_INIT("%YAML 1.2\n%YAML 1.2\n---\na\n"), 2, 1,  "one %YAML directive only"                        },
        {STR_INIT("a: 1\n--- x\nb: 2\n"),            3, 2,  ""                                                },
 /* What libyaml would let pass. */
        {STR_INIT("a: \"b\"#c\n"),                   1, 7,  "a comment must be preceded by white space"       },
        {STR_INIT("é: [ö,#c\nb]\n"),               1, 7,  "a comment must be preceded by white space"       },
        {STR_INIT("a: [b]#c\n"),                     1, 7,  "a comment must be preceded by white space"       },
        {STR_INIT("a: |#c\n  b\n"),                  1, 5,  "a comment must be preceded by white space"       },
        {STR_INIT("a: \"é\nb\"\n"),                 2, 1,  "must be indented with more spaces"               },
        {STR_INIT("a:\n  - [b,\n  c]\n"),            3, 1,  "must be indented with more spaces"               },
        {STR_INIT("a: &x\n  b: 'c\n\n  d'\n"),       4, 1,  "must be indented with more spaces"               },
        {STR_INIT("- {\n\ta: b }\n"),                2, 1,  "must be indented with more spaces"               },
        {STR_INIT("[a, -]\n"),                       1, 5,  "put it in quotes"                                },
        {STR_INIT("a: |\n    \n  b\n"),              3, 1,  "more spaces than the text itself"                },
        {STR_INIT("a: &b:c d\n"),                    1, 6,  "the name of an anchor"                           },
        {STR_INIT("{?a: b}\n"),                      1, 2,  "a text that begins with \"?\" must be quoted"    },
        {STR_INIT("a # c\n%YAML 1.2\n---\nb\n"),     3, 1,  "did not find expected <document start>"          },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Arena *arena = arena_new(0);
        YamlDocument *documents;
        size_t n;
        Error err = {0};
        char *copy = malloc(rows[i].text.len + 1);
        assert_non_null(copy);
        memcpy(copy, rows[i].text.ptr, rows[i].text.len);
        Rc rc = yaml_parse_all(arena, str_of(copy, rows[i].text.len), NULL, &documents, &n, &err);
        free(copy);
        if (rc != RC_MALFORMED || err.line != rows[i].line || err.column != rows[i].column ||
            !strstr(err.message, rows[i].message)) {
            print_error("row %zu: %s\n", i, rows[i].text.ptr);
            fail_msg("%s %u:%u %s", rc_name(rc), err.line, err.column, err.message);
        }
        arena_free(arena);
    }
}

static void documents_before_an_error_are_kept(void **state)
{
    Arena *arena = arena_new(0);
    YamlDocument *documents;
    Error err = {0};
    Json *v = NULL;
    size_t n;

    (void)state;
    Rc rc = yaml_parse_all(arena, STR("a: 1\n---\n{\"b\":2}\n---\nc: [\n---\nd: 4\n"), NULL,
                           &documents, &n, &err);
    assert_int_equal(rc, RC_MALFORMED);
    assert_int_equal(n, 2);
    assert_str(json_to_str(arena, documents[1].root), STR("{\"b\":2}"));
    assert_int_equal(yaml_parse(arena, STR("a\n---\nb"), NULL, &v, &err), RC_MALFORMED);
    assert_int_equal(err.line, 3);
    assert_int_equal(yaml_parse(arena, STR("# nothing"), NULL, &v, &err), RC_MALFORMED);
    assert_non_null(strstr(err.message, "found 0"));
    assert_null(v);
    arena_free(arena);
}

static Str repeated(Arena *arena, const char *first, const char *piece, size_t n)
{
    Buf out = buf_init(arena, 64 * MIB);

    buf_put(&out, str_from(first));
    for (size_t i = 0; i < n; i++) {
        buf_put(&out, str_from(piece));
    }
    assert_true(buf_ok(&out));
    return buf_str(&out);
}

static void assert_limit(Str text, const YamlLimits *limits)
{
    Arena *arena = arena_new(0);
    YamlDocument *documents;
    size_t n;
    Error err = {0};

    Rc rc = yaml_parse_all(arena, text, limits, &documents, &n, &err);
    if (rc != RC_LIMIT) {
        fail_msg("%s: %s", rc_name(rc), err.message);
    }
    /* Refused early: nothing near the expanded size was built. */
    assert_true(arena_used(arena) < 300 * MIB);
    arena_free(arena);
}

/* libyaml alone would need time that is quadratic in the depth of flow collections. */
static void depth_is_cut_off_at_once(void **state)
{
    Arena *arena = arena_new(0);
    YamlLimits deep = yaml_default_limits;

    (void)state;
    deep.max_depth = SIZE_MAX;
    assert_limit(repeated(arena, "", "[", 1000000), NULL);
    assert_limit(repeated(arena, "a: ", "[\n ", 300000), NULL);
    assert_limit(repeated(arena, "", "{a: ", 1000000), NULL);
    assert_limit(repeated(arena, "", "- ", 1000000), NULL);
    assert_limit(repeated(arena, "", "[", 1000000), &deep);
    assert_limit(repeated(arena, "# not JSON\n- ", "[[", 33), NULL);
    const Json *v = parsed(arena, repeated(arena, "# not JSON\n", "- ", 64));
    assert_int_equal(v->n, 1);
    arena_free(arena);
}

static void alias_bombs_are_cut_off(void **state)
{
    static const char laughs[] =
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
        "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    static const char merges[] = "a: &a {<<: {x: 1, y: 2}}\nb: [*a,*a,*a]\n";
    Arena *arena = arena_new(0);
    Buf chain = buf_init(arena, MIB);
    YamlLimits few = yaml_default_limits;

    (void)state;
    assert_limit(str_from(laughs), NULL);
    few.max_nodes = 12;
    assert_limit(str_from(merges), &few);
    /* Aliases of aliases make no tree deeper than the text may be. */
    buf_lit(&chain, "- &a0 [x]\n");
    for (int i = 0; i < 100; i++) {
        buf_fmt(&chain, "- &a%d [*a%d ]\n", i + 1, i);
    }
    assert_limit(buf_str(&chain), NULL);
    arena_free(arena);
}

static void counts_are_limited(void **state)
{
    YamlLimits limits = {.max_bytes = 40, .max_depth = 2, .max_nodes = 4, .max_documents = 2};
    Arena *arena = arena_new(0);
    YamlDocument *documents;
    size_t n;

    (void)state;
    static const char *const fits[] = {"- a\n- b\n- c\n", "[1,2,3]", "a\n---\nb\n", "[[1]]"};
    static const char *const exceeds[] = {"- a\n- b\n- c\n- d\n",
                                          "[1,2,3,4]",
                                          "a\n---\nb\n---\nc\n",
                                          "[[[]]]",
                                          "[1]\n---\n[1,2]\n",
                                          "- - - a\n",
                                          "a: 1234567890123456789012345678901234567\n"};
    for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
        assert_int_equal(yaml_parse_all(arena, str_from(fits[i]), &limits, &documents, &n, NULL),
                         RC_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(exceeds); i++) {
        assert_limit(str_from(exceeds[i]), &limits);
    }
    /* No letter is left to stand in for U+0085. */
    Buf letters = buf_init(arena, MIB);
    buf_lit(&letters, "- \xC2\x85");
    for (uint32_t cp = 0x100; cp <= 0x24F; cp++) {
        buf_fmt(&letters, "%c%c", (char)(0xC0 | cp >> 6), (char)(0x80 | (cp & 0x3F)));
    }
    assert_limit(buf_str(&letters), NULL);
    Str directives = repeated(arena, "", "%TAG !a! b\n", 100);
    assert_limit(str_fmt(arena, "%.*s---\n", STR_ARG(directives)), NULL);
    arena_free(arena);
}

/* ---- The way past libyaml ---- */

static void assert_same_tree(const Json *a, const Json *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->line, b->line);
    assert_int_equal(a->column, b->column);
    assert_int_equal(a->n, b->n);
    if (a->type == JSON_NUMBER || a->type == JSON_STRING) {
        assert_str(a->text, b->text);
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->type == JSON_OBJECT) {
            assert_str(a->members[i].key, b->members[i].key);
            assert_same_tree(a->members[i].value, b->members[i].value);
        } else {
            assert_same_tree(a->items[i], b->items[i]);
        }
    }
}

/* A comment makes the document no JSON: the rest is then read by libyaml. */
static void json_documents_read_the_same_by_either_reader(void **state)
{
    static const char *const texts[] = {
        "{\"a\":1.0,\"b\":1e3,\"c\":-0,\"d\":1E+2,\"e\":0.10}",
        "{ \"a\" : \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\" , \"\":\"\" }",
        "[\"x: y # z\", \"'\", \"- a\", \"é€😀\", \"<<\", \"~\"]",
        "[\"null\", \"1\", \" \", \"\\u0085\", \"\xC2\x85\"]",
        "\n\n[\n\t1,\n\t{\"é\": [null, true, false]},\n [],\r\n {}\n]\n\n",
        "[ [ [ [ \"deep\" ] ] ] ]",
        "---\n {\"a\": {\"b\": {\"c\": []}}}\n",
        "--- [1,2,\n3]\n",
    };
    uint64_t random = 11;

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        Arena *arena = arena_new(0);
        Buf text = buf_init(arena, MIB);
        if (i < ARRAY_LEN(texts)) {
            buf_put(&text, str_from(texts[i]));
        } else {
            /* JSON allows some characters that libyaml wants escaped. */
            Json *v = json_array(arena);
            json_push(arena, v, random_tree(arena, &random, 4));
            Str json = json_to_str(arena, v);
            json = str_replace(arena, json, STR("\x7F"), STR("\\u007f"));
            json = str_replace(arena, json, STR("\xEF\xBF\xBE"), STR("\\ufffe"));
            json = str_replace(arena, json, STR("\xEF\xBB\xBF"), STR("\\ufeff"));
            buf_put(&text, json);
        }
        const Json *fast = parsed(arena, buf_str(&text));
        buf_lit(&text, "\n# not JSON\n");
        const Json *slow = parsed(arena, buf_str(&text));
        assert_same_tree(fast, slow);
        arena_free(arena);
    }
}

/* JSON that libyaml cannot read, or reads wrongly, and that files in use contain. */
static void json_documents_need_no_mercy_from_libyaml(void **state)
{
    static const Row rows[] = {
        {"[\"\\ud83d\\ude00\"]",                 "[\"😀\"]"                         },
        {"{\"a\"\n: 1}",                         "{\"a\":1}"                          },
        {"[\"a\xE2\x80\xA8z\", \"a\xC2\x85z\"]", "[\"a\xE2\x80\xA8z\",\"a\xC2\x85z\"]"},
        {"\t{\"a\":\t1}",                        "{\"a\":1}"                          },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

/* ---- Writing ---- */

static void written_text_is_for_people(void **state)
{
    static const struct {
        const char *json, *yaml;
    } rows[] = {
        {"{\"a\":1,\"b\":[1,{\"c\":2,\"d\":[]},[3,[4]],{}],\"e\":{\"f\":null}}",
         "a: 1\nb:\n  - 1\n  - c: 2\n    d: []\n  - - 3\n    - - 4\n  - {}\ne:\n  f: null\n"                                                       },
        {"\"plain text, with: colon\"",                                                 "\"plain text, with: colon\"\n"                            },
        {"[\"a b\",\"a:b\",\"a#b\",\"a #b\",\"a:\",\"é\",\"-a\",\" a\",\"\"]",
         "- a b\n- a:b\n- a#b\n- \"a #b\"\n- \"a:\"\n- é\n- \"-a\"\n- \" a\"\n- \"\"\n"                                                           },
        {"[\"true\",\"Null\",\"12\",\"1.5\",\"0x1F\",\"yes\",\"NO\",\"2020-01-02\",\"12:30\",\"<<"
         "\","
         "\"...\",\"1.2.3\",\"v1.2\",\"1st\"]",                                "- \"true\"\n- \"Null\"\n- \"12\"\n- \"1.5\"\n- \"0x1F\"\n- \"yes\"\n- \"NO\"\n"
         "- \"2020-01-02\"\n- \"12:30\"\n- \"<<\"\n- \"...\"\n- \"1.2.3\"\n- v1.2\n- 1st\n"},
        {"{\"a\":\"x\\ny\\n\",\"b\":[\"x\\n\\ny\"],\"c\":\"x\\n\\n\",\"d\":\" x\\n\"}",
         "a: |\n  x\n  y\nb:\n  - |-\n    x\n\n    y\nc: |+\n  x\n\nd: \" x\\n\"\n"                                                                },
        {"\"\\u0000\\u001b\\u007f\\u2028\\\"\\\\\\t\\u00a0\"",
         "\"\\u0000\\u001B\\u007F\\u2028\\\"\\\\\\t\xC2\xA0\"\n"                                                                                   },
        {"\"a\\nb\"",                                                                   "|-\n  a\n  b\n"                                           },
        {"{\"\":1,\"a: b\":2,\"k\\n\":3}",                                              "\"\": 1\n\"a: b\": 2\n\"k\\n\": 3\n"                      },
    };
    JsonLimits limits = json_default_limits;

    (void)state;
    limits.allow_nul = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Arena *arena = arena_new(0);
        Json *v;
        assert_int_equal(json_parse(arena, str_from(rows[i].json), &limits, &v, NULL), RC_OK);
        assert_str(written(arena, v), str_from(rows[i].yaml));
        arena_free(arena);
    }
}

static void written_text_reads_back_equal(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        Arena *arena = arena_new(0);
        const Json *v = random_tree(arena, &random, 6);
        Str text = written(arena, v);
        const Json *back = parsed(arena, text);
        if (!str_eq(json_to_str(arena, v), json_to_str(arena, back))) {
            print_error("%.*s\n", STR_ARG(text));
            fail_msg("reads back as %.*s", STR_ARG(json_to_str(arena, back)));
        }
        arena_free(arena);
    }
}

static void long_keys_read_back(void **state)
{
    static const char *const pieces[] = {"a", "\n", "é", "\x01"};
    static const size_t sizes[] = {100, 128, 129, 1000, 1024, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces) * ARRAY_LEN(sizes); i++) {
        Arena *arena = arena_new(0);
        Json *v = json_object(arena);
        Json *inner = json_object(arena);
        Str key = repeated(arena, "", pieces[i % 4], sizes[i / 4]);
        json_set(arena, inner, key, json_int(arena, 1));
        json_set(arena, v, key, inner);
        json_set_c(arena, v, "after", json_array(arena));
        assert_true(json_equal(v, parsed(arena, written(arena, v))));
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(tags_of_the_core_schema_are_honoured),
        cmocka_unit_test(mappings_keep_order_and_spelling_of_keys),
        cmocka_unit_test(aliases_and_merge_keys_are_resolved),
        cmocka_unit_test(large_collections_are_read_whole),
        cmocka_unit_test(streams_hold_many_documents),
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(mistakes_are_refused_with_their_place),
        cmocka_unit_test(documents_before_an_error_are_kept),
        cmocka_unit_test(depth_is_cut_off_at_once),
        cmocka_unit_test(alias_bombs_are_cut_off),
        cmocka_unit_test(counts_are_limited),
        cmocka_unit_test(json_documents_read_the_same_by_either_reader),
        cmocka_unit_test(json_documents_need_no_mercy_from_libyaml),
        cmocka_unit_test(written_text_is_for_people),
        cmocka_unit_test(written_text_reads_back_equal),
        cmocka_unit_test(long_keys_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
