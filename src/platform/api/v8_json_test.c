/* SPDX-License-Identifier: Apache-2.0
 * The expected messages are those of Node.js 22; where `node` 20 or later is installed a further
 * test asks it.
 */
#include "base/buf.h"

#include "platform/api/api_priv.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first */
#include <cmocka.h>

static const struct {
    const char *text, *message;
} cases[] = {
    {"{nope",                                            "Expected property name or '}' in JSON at position 1 (line 1 column 2)"          },
    {"{",                                                "Expected property name or '}' in JSON at position 1 (line 1 column 2)"          },
    {"[",                                                "Unexpected end of JSON input"                                                   },
    {"",                                                 "Unexpected end of JSON input"                                                   },
    {"  ",                                               "Unexpected end of JSON input"                                                   },
    {"{\"a\"",                                           "Expected ':' after property name in JSON at position 4 (line 1 column 5)"       },
    {"{\"a\":",                                          "Unexpected end of JSON input"                                                   },
    {"{\"a\":1",
     "Expected ',' or '}' after property value in JSON at position 6 (line 1 column 7)"                                                   },
    {"{\"a\":1,\n}",
     "Expected double-quoted property name in JSON at position 8 (line 2 column 1)"                                                       },
    {"[1,]",                                             "Unexpected token ']', \"[1,]\" is not valid JSON"                               },
    {"[1 2]",                                            "Expected ',' or ']' after array element in JSON at position 3 (line 1 column 4)"},
    {"{} x",                                             "Unexpected non-whitespace character after JSON at position 3 (line 1 column 4)" },
    {"[tru]",                                            "Unexpected token ']', \"[tru]\" is not valid JSON"                              },
    {"[-]",                                              "No number after minus sign in JSON at position 2 (line 1 column 3)"             },
    {"[01]",                                             "Unexpected number in JSON at position 2 (line 1 column 3)"                      },
    {"[1.]",                                             "Unterminated fractional number in JSON at position 3 (line 1 column 4)"         },
    {"[1e+]",                                            "Exponent part is missing a number in JSON at position 4 (line 1 column 5)"      },
    {"[\"\\x\"]",                                        "Bad escaped character in JSON at position 3 (line 1 column 4)"                  },
    {"[\"\\u12g4\"]",                                    "Bad Unicode escape in JSON at position 6 (line 1 column 7)"                     },
    {"[\"a\nb\"]",
     "Bad control character in string literal in JSON at position 3 (line 1 column 4)"                                                    },
    {"[\"\xF0\x9F\x98\x80",                              "Unterminated string in JSON at position 4 (line 1 column 5)"                    },
    {"[\"\\",                                            "Unexpected end of JSON input"                                                   },
    {"[1,2,3,4,5,6,7,8,9,10,11,x,12,13,14]",
     "Unexpected token 'x', ...\"8,9,10,11,x,12,13,14\"... is not valid JSON"                                                             },
    {"[1,2,3,4,5,6,7,8,9,10,11,x]",                      "Unexpected token 'x', ...\"8,9,10,11,x]\" is not valid JSON"                    },
    {"[x,2,3,4,5,6,7,8,9,10,11]",                        "Unexpected token 'x', \"[x,2,3,4,5,\"... is not valid JSON"                     },
 /* strict mode: only objects and arrays */
    {"nope",                                             "Unexpected token 'n', \"nope\" is not valid JSON"                               },
    {" \"abc\"",                                         "Unexpected token '\"', \" \"abc\"\" is not valid JSON"                          },
    {"null",                                             "Unexpected token 'n', \"null\" is not valid JSON"                               },
    {"a=1&b=2&c=3&d=4&e=5&f=6",                          "Unexpected token 'a', \"a=1&b=2&c=\"... is not valid JSON"                      },
 /* nothing wrong */
    {"{\"a\":[true,false,null,-0.5e+1,\"\\u00e9\\n\"]}", ""                                                                               },
    {"[]",                                               ""                                                                               },
};

static void test_messages(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str message = v8_json_error(arena, str_from(cases[i].text));
        if (!str_is(message, cases[i].message)) {
            fail_msg("%s: %.*s", cases[i].text, STR_ARG(message));
        }
    }
    arena_free(arena);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    Arena *arena = arena_new(0);
    char *text = arena_alloc(arena, DEPTH);
    memset(text, '[', DEPTH);
    assert_int_equal(v8_json_error(arena, str_of(text, DEPTH)).len, 0);
    arena_free(arena);
}

/* Random damage to a text, judged by the real thing: the part of its message that all its versions
 * share. */
static void test_like_node(void **state)
{
    (void)state;
    enum { N = 3000, MAX_TEXT = 64 };
    static const char alphabet[] = "{}[]\",:\\/ \n0123456789.eE+-truefalsnxu";
    if (system("node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' >/dev/null "
               "2>&1")) {
        print_message("# skipped: there is no node of version 20 or later; older ones word it "
                      "differently\n");
        skip();
    }
    Arena *arena = arena_new(0);
    Buf script = buf_init(arena, 4 * MIB);
    unsigned seed = 12345;
    buf_lit(&script, "let bad=0;const t=(s,m)=>{let w='';try{JSON.parse(s)}catch(e){w=e.message}"
                     "const c=x=>x.replace(/ \\(line \\d+ column \\d+\\)$/,'');"
                     "if(c(w)!==c(m)&&bad++<5)console.log(JSON.stringify(s),w,'|',m)};\n");
    for (int i = 0; i < N; i++) {
        char text[MAX_TEXT] = "[{\"a\":[1.5e+3,true,null],\"b\\u00e9\":\"x\"},-2,false]";
        size_t len = strlen(text);
        for (int k = 0; k < 1 + i % 3; k++) {
            seed = seed * 1103515245 + 12345;
            size_t at =
                1 + (seed >> 8) % (len - 1); /* the first byte stays: strict mode is not Node's */
            text[at] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        Str s = str_of(text, i % 5 == 0 ? 1 + (seed >> 8) % len : len);
        buf_lit(&script, "t(");
        buf_json_str(&script, s);
        buf_char(&script, ',');
        buf_json_str(&script, v8_json_error(arena, s));
        buf_lit(&script, ");\n");
    }
    buf_lit(&script, "process.exit(bad?1:0)\n");
    assert_true(buf_ok(&script));
    FILE *node = popen("node", "w");
    assert_non_null(node);
    assert_int_equal(fwrite(script.ptr, 1, script.len, node), script.len);
    assert_int_equal(pclose(node), 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_like_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
