/* SPDX-License-Identifier: Apache-2.0
 * Our own table: what is said, where and in which order; bad schemas, hostile patterns, limits,
 * documents. The official suite is in json_schema_suite_test.c. */
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"

#include "data/json_schema.h"

static Json *parse(Arena *arena, Str text)
{
    Json *root = NULL;
    Error err = {0};
    if (json_parse(arena, text, NULL, &root, &err) != RC_OK) {
        print_error("not JSON: %s: %.*s\n", err.message, STR_ARG(text));
        fail();
    }
    return root;
}

static const JsonSchema *compile(Arena *arena, const char *text, JsonSchemaDialect dialect)
{
    const JsonSchema *schema = NULL;
    Error err = {0};
    JsonSchemaOptions options = {.dialect = dialect, .assert_format = true};
    if (json_schema_compile(arena, parse(arena, str_from(text)), &options, &schema, &err) !=
        RC_OK) {
        print_error("%s: %s\n", text, err.message);
        fail();
    }
    return schema;
}

/* ---- issues ---- */

#define D7 JSON_SCHEMA_DRAFT_07
#define D2020 JSON_SCHEMA_2020_12

/* issues: lines of "instance path|keyword|schema path|property|message"; NULL: valid. */
typedef struct IssueCase {
    const char *name;
    JsonSchemaDialect dialect;
    const char *schema, *instance, *issues;
} IssueCase;

/* Apostrophes in schema and instance stand for quotation marks. */
static const IssueCase issue_cases[] = {
    {"type",                                                  D2020, "{'type':'string'}",                                                     "1",                          "|type|#/type||must be string\n"                                                      },
    {"types",                                                 D2020, "{'type':['string','null']}",                                            "1",                          "|type|#/type||must be string,null\n"                                                 },
    {"integer",                                               D2020, "{'type':'integer'}",                                                    "1.5",                        "|type|#/type||must be integer\n"                                                     },
    {"zero fraction",                                         D2020, "{'type':'integer'}",                                                    "15.0e1",                     NULL                                                                                  },
    {"enum",                                                  D2020, "{'enum':['a',1]}",                                                      "2",
     "|enum|#/enum||must be equal to one of the allowed values\n"                                                                                                                                                                                                 },
    {"enum by value",                                         D2020, "{'enum':['a',{'x':[1,2]}]}",                                            "{'x':[1.0,2]}",              NULL                                                                                  },
    {"const",                                                 D2020, "{'const':null}",                                                        "0",                          "|const|#/const||must be equal to constant\n"                                         },
    {"lower bounds",                                          D2020, "{'minimum':0,'exclusiveMinimum':0.5}",                                  "-1",
     "|minimum|#/minimum||must be >= 0\n|exclusiveMinimum|#/exclusiveMinimum||must be > 0.5\n"                                                                                                                                                                    },
    {"upper bounds",                                          D2020, "{'maximum':5,'exclusiveMaximum':5}",                                    "5",
     "|exclusiveMaximum|#/exclusiveMaximum||must be < 5\n"                                                                                                                                                                                                        },
    {"maximum is exact",                                      D2020, "{'maximum':5}",                                                         "5.0000000000000000000001",
     "|maximum|#/maximum||must be <= 5\n"                                                                                                                                                                                                                         },
    {"multipleOf",                                            D2020, "{'multipleOf':0.01}",                                                   "0.075",
     "|multipleOf|#/multipleOf||must be multiple of 0.01\n"                                                                                                                                                                                                       },
    {"multipleOf is exact",                                   D2020, "{'multipleOf':0.0001}",                                                 "0.0075",                     NULL                                                                                  },
    {"multipleOf is large",                                   D2020, "{'multipleOf':7}",                                                      "7e300",                      NULL                                                                                  },
    {"minLength",                                             D2020, "{'minLength':1}",                                                       "''",
     "|minLength|#/minLength||must NOT have fewer than 1 characters\n"                                                                                                                                                                                            },
    {"length in characters",                                  D2020, "{'minLength':2,'maxLength':2}",                                         "'\xc3\xa4\xf0\x9f\x90\xb2'",
     NULL                                                                                                                                                                                                                                                         },
    {"maxLength",                                             D2020, "{'maxLength':2}",                                                       "'abc'",
     "|maxLength|#/maxLength||must NOT have more than 2 characters\n"                                                                                                                                                                                             },
    {"pattern",                                               D2020, "{'pattern':'^[a-z]+$'}",                                                "'a\\n'",
     "|pattern|#/pattern||must match pattern \"^[a-z]+$\"\n"                                                                                                                                                                                                      },
    {"format",                                                D2020, "{'format':'uuid'}",                                                     "'x'",                        "|format|#/format||must match format \"uuid\"\n"                                      },
    {"items",                                                 D2020, "{'items':{'type':'string'}}",                                           "['a',1,'b',2]",
     "/1|type|#/items/type||must be string\n/3|type|#/items/type||must be string\n"                                                                                                                                                                               },
    {"maxItems, uniqueItems",                                 D2020, "{'maxItems':1,'uniqueItems':true}",                                     "[1,2,1.0]",
     "|maxItems|#/maxItems||must NOT have more than 1 items\n"
     "|uniqueItems|#/uniqueItems||"
     "must NOT have duplicate items (items ## 0 and 2 are identical)\n"                                                                                                                                                                                           },
    {"minItems",                                              D2020, "{'minItems':1}",                                                        "[]",
     "|minItems|#/minItems||must NOT have fewer than 1 items\n"                                                                                                                                                                                                   },
    {"contains",                                              D2020, "{'contains':{'type':'null'}}",                                          "[1]",
     "|contains|#/contains||must contain at least 1 valid item(s)\n"                                                                                                                                                                                              },
    {"maxContains",                                           D2020, "{'contains':true,'maxContains':1}",                                     "[1,2]",
     "|contains|#/contains||must contain at least 1 and no more than 1 valid item(s)\n"                                                                                                                                                                           },
    {"items false",                                           D2020, "{'prefixItems':[true],'items':false}",                                  "[1,2]",
     "|items|#/items||must NOT have more than 1 items\n"                                                                                                                                                                                                          },
    {"additionalItems",                                       D7,    "{'items':[true],'additionalItems':false}",                              "[1,2]",
     "|additionalItems|#/additionalItems||must NOT have more than 1 items\n"                                                                                                                                                                                      },
    {"unevaluatedItems",                                      D2020, "{'prefixItems':[true],'unevaluatedItems':false}",                       "[1,2]",
     "|unevaluatedItems|#/unevaluatedItems||must NOT have more than 1 items\n"                                                                                                                                                                                    },
    {"required",                                              D2020, "{'required':['a','b','c','a']}",                                        "{'b':1,'x':1,'y':2}",
     "|required|#/required|a|must have required property 'a'\n"
     "|required|#/required|c|must have required property 'c'\n"
     "|required|#/required|a|must have required property 'a'\n"                                                                                                                                                                                                   },
    {"required twice, there once",                            D2020, "{'required':['a','a']}",                                                "{'a':1}",                    NULL                                                                                  },
    {"additionalProperties",                                  D2020, "{'properties':{'a':{}},'additionalProperties':false}",
     "{'x':1,'a':2}",                                                                                                                                                       "|additionalProperties|#/additionalProperties|x|must NOT have additional properties\n"},
    {"paths are escaped",                                     D2020, "{'additionalProperties':{'type':'string'}}",                            "{'a/~b':1}",
     "/a~1~0b|type|#/additionalProperties/type||must be string\n"                                                                                                                                                                                                 },
    {"unevaluatedProperties",                                 D2020,
     "{'allOf':[{'properties':{'a':true}}],'unevaluatedProperties':false}",                                                                   "{'a':1,'b':1}",
     "|unevaluatedProperties|#/unevaluatedProperties|b|must NOT have unevaluated properties\n"                                                                                                                                                                    },
    {"a failed allOf makes nothing unevaluated",              D2020,
     "{'allOf':[{'properties':{'a':{'type':'null'}}}],'unevaluatedProperties':false}",                                                        "{'a':1}",
     "/a|type|#/allOf/0/properties/a/type||must be null\n"                                                                                                                                                                                                        },
    {"minProperties",                                         D2020, "{'minProperties':1}",                                                   "{}",
     "|minProperties|#/minProperties||must NOT have fewer than 1 properties\n"                                                                                                                                                                                    },
    {"maxProperties",                                         D2020, "{'maxProperties':0}",                                                   "{'a':1}",
     "|maxProperties|#/maxProperties||must NOT have more than 0 properties\n"                                                                                                                                                                                     },
    {"propertyNames",                                         D2020, "{'propertyNames':{'maxLength':1}}",                                     "{'ab':1}",
     "|maxLength|#/propertyNames/maxLength||must NOT have more than 1 characters\n"
     "|propertyNames|#/propertyNames|ab|property name must be valid\n"                                                                                                                                                                                            },
    {"dependentRequired",                                     D2020, "{'dependentRequired':{'a':['b','c']}}",                                 "{'a':1,'b':1}",
     "|dependentRequired|#/dependentRequired|c|"
     "must have properties b, c when property a is present\n"                                                                                                                                                                                                     },
    {"dependencies",                                          D7,    "{'dependencies':{'a':['b']}}",                                          "{'a':1}",
     "|dependencies|#/dependencies|b|must have property b when property a is present\n"                                                                                                                                                                           },
    {"not",                                                   D2020, "{'not':{}}",                                                            "1",                          "|not|#/not||must NOT be valid\n"                                                     },
    {"false",                                                 D2020, "false",                                                                 "1",                          "|false schema|#/false schema||boolean schema is false\n"                             },
    {"anyOf tells why",                                       D2020, "{'anyOf':[{'type':'string'},{'properties':{'a':{'type':'null'}}}]}",
     "{'a':1}",                                                                                                                                                             "|type|#/anyOf/0/type||must be string\n|anyOf|#/anyOf||must match a schema in anyOf\n"
     "/a|type|#/anyOf/1/properties/a/type||must be null\n"                                                                                                                                                                                         },
    {"oneOf, two match",                                      D2020, "{'oneOf':[true,true]}",                                                 "1",
     "|oneOf|#/oneOf||must match exactly one schema in oneOf\n"                                                                                                                                                                                                   },
    {"if then",                                               D2020, "{'if':true,'then':{'type':'null'}}",                                    "1",
     "|type|#/then/type||must be null\n|if|#/if||must match \"then\" schema\n"                                                                                                                                                                                    },
    {"if else",                                               D2020, "{'if':false,'else':{'type':'null'}}",                                   "1",
     "|type|#/else/type||must be null\n|if|#/if||must match \"else\" schema\n"                                                                                                                                                                                    },
    {"then without if",                                       D2020, "{'then':false}",                                                        "1",                          NULL                                                                                  },
    {"$ref",                                                  D2020, "{'properties':{'a':{'$ref':'#/$defs/x'}},'$defs':{'x':{'minimum':3}}}",
     "{'a':1}",                                                                                                                                                             "/a|minimum|#/$defs/x/minimum||must be >= 3\n"                                        },
    {"order: an object's own, then its members as they come", D2020,
     "{'properties':{'b':{'required':['q'],'properties':{'z':{'type':'null'}}},"
     "'a':{'type':'null'}},'required':['c']}",                                                                                                "{'a':1,'b':{'z':1}}",
     "|required|#/required|c|must have required property 'c'\n"
     "/a|type|#/properties/a/type||must be null\n"
     "/b|required|#/properties/b/required|q|must have required property 'q'\n"
     "/b/z|type|#/properties/b/properties/z/type||must be null\n"                                                                                                                                                                                                 },
    {"draft-07: $ref hides its siblings",                     D7,
     "{'definitions':{'x':true},'$ref':'#/definitions/x','type':'null'}",                                                                     "1",                          NULL                                                                                  },
    {"$schema wins over the option",                          D2020,
     "{'$schema':'http://json-schema.org/draft-07/schema#','prefixItems':[false]}",                                                           "[1]",                        NULL                                                                                  },
    {"unknown keywords say nothing",                          D2020, "{'x-order':1,'minLenght':4}",                                           "''",                         NULL                                                                                  },
};

static const char *quoted(Arena *arena, const char *text)
{
    char *copy = arena_dup(arena, text, strlen(text) + 1);
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

static void check_issue_case(Arena *arena, const IssueCase *c)
{
    Buf got = buf_init(arena, MIB);
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    const Json *instance = parse(arena, str_from(quoted(arena, c->instance)));
    const JsonSchema *schema = compile(arena, quoted(arena, c->schema), c->dialect);
    bool valid = json_schema_validate(schema, instance, arena, 20, &issues, &n);
    for (size_t i = 0; i < n; i++) {
        buf_fmt(&got, "%.*s|%.*s|%.*s|%.*s|%.*s\n", STR_ARG(issues[i].instance_path),
                STR_ARG(issues[i].keyword), STR_ARG(issues[i].schema_path),
                STR_ARG(issues[i].property), STR_ARG(issues[i].message));
    }
    if (!str_is(buf_str(&got), c->issues ? c->issues : "") || valid != (c->issues == NULL)) {
        print_error("%s:\ngot:\n%.*swant:\n%s", c->name, STR_ARG(buf_str(&got)),
                    c->issues ? c->issues : "valid");
        fail();
    }
    for (size_t i = 0; i < n; i++) { /* the path leads to the value, unless it is a name */
        const Json *at = json_pointer(instance, issues[i].instance_path);
        assert_true(at == issues[i].instance || json_is(issues[i].instance, JSON_STRING));
    }
    assert_int_equal(json_schema_validate(schema, instance, arena, 0, NULL, NULL), valid);
}

static void issues_are_worded_and_ordered(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(issue_cases); i++) {
        Arena *arena = arena_new(0);
        check_issue_case(arena, &issue_cases[i]);
        arena_free(arena);
    }
}

static void issues_point_to_value_and_parameter(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const Json *instance = parse(arena, STR("{\"a\":\n {\"b\": 7}}"));
    const JsonSchema *schema =
        compile(arena, "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"maximum\":5}}}}}", D2020);
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    assert_false(json_schema_validate(schema, instance, arena, 9, &issues, &n));
    assert_int_equal(n, 1);
    assert_ptr_equal(issues[0].instance, json_path(instance, "a", "b", NULL));
    assert_int_equal(issues[0].instance->line, 2);
    assert_str(issues[0].params->text, STR("5"));
    arena_free(arena);
}

static void issues_end_at_max(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const JsonSchema *schema = compile(arena, "{\"items\":{\"type\":\"null\"}}", D2020);
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    Json *instance = json_array(arena);
    for (int i = 0; i < 5000; i++) {
        json_push(arena, instance, json_int(arena, i));
    }
    assert_false(json_schema_validate(schema, instance, arena, 3, &issues, &n));
    assert_int_equal(n, 3);
    assert_str(issues[2].instance_path, STR("/2"));
    assert_false(json_schema_validate(schema, instance, arena, 0, &issues, &n));
    assert_int_equal(n, 0);
    arena_free(arena);
}

/* ---- bad schemas ---- */

static const struct {
    JsonSchemaDialect dialect;
    const char *schema, *says; /* part of the message */
} bad_schemas[] = {
    {D2020, "1",                                                     "must be an object or a boolean"                     },
    {D2020, "{'type':'strnig'}",                                     "Schema at #: \"type\" must name types"              },
    {D2020, "{'type':[]}",                                           "\"type\" must name at least one type"               },
    {D2020, "{'properties':{'a':{'minLength':-1}}}",
     "Schema at #/properties/a: \"minLength\" must be a non-negative integer"                                             },
    {D2020, "{'maxItems':1.5}",                                      "\"maxItems\" must be a non-negative integer"        },
    {D2020, "{'minimum':'1'}",                                       "\"minimum\" must be a number"                       },
    {D2020, "{'multipleOf':0}",                                      "\"multipleOf\" must be a number above 0"            },
    {D2020, "{'required':'a'}",                                      "\"required\" must be an array of strings"           },
    {D2020, "{'required':[1]}",                                      "\"required\" must be an array of strings"           },
    {D2020, "{'enum':1}",                                            "\"enum\" must be an array"                          },
    {D2020, "{'allOf':[]}",                                          "\"allOf\" must have at least one schema"            },
    {D2020, "{'anyOf':{}}",                                          "\"anyOf\" must be an array of schemas"              },
    {D2020, "{'not':1}",                                             "Schema at #/not: must be an object or a boolean"    },
    {D2020, "{'items':[true]}",                                      "use \"prefixItems\""                                },
    {D2020, "{'properties':[]}",                                     "\"properties\" must be an object of schemas"        },
    {D2020, "{'$defs':{'x':3}}",                                     "Schema at #/$defs/x: must be an object or a boolean"},
    {D2020, "{'uniqueItems':1}",                                     "\"uniqueItems\" must be true or false"              },
    {D2020, "{'$ref':1}",                                            "\"$ref\" must be a string"                          },
    {D2020, "{'$ref':'#/nowhere'}",                                  "\"$ref\" \"#/nowhere\" leads nowhere"               },
    {D2020, "{'$ref':'#name'}",                                      "no anchor is named \"name\""                        },
    {D2020, "{'$ref':'http://example.com/x'}",                       "nothing is fetched"                                 },
    {D2020, "{'$ref':'#/enum/0','enum':[1]}",                        "Schema at #/enum/0: must be an object"              },
    {D2020, "{'$schema':'http://json-schema.org/draft-04/schema#'}", "unknown dialect"                                    },
    {D2020, "{'$schema':1}",                                         "\"$schema\" must be a string"                       },
    {D2020, "{'$id':1}",                                             "\"$id\" must be a string"                           },
    {D2020, "{'$id':'http://x/#a'}",                                 "must have no fragment"                              },
    {D2020, "{'$anchor':1}",                                         "\"$anchor\" must be a non-empty string"             },
    {D2020, "{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}",   "already taken"                                      },
    {D2020, "{'$defs':{'a':{'$id':'x'},'b':{'$id':'x'}}}",           "already taken"                                      },
    {D7,    "{'dependencies':{'a':1}}",                              "Schema at #/dependencies/a: must be an object"      },
    {D2020, "{'pattern':'('}",                                       "the regular expression \"(\" has an unclosed group" },
    {D2020, "{'patternProperties':{'a**':true}}",                    "nothing to repeat"                                  },
};

static void bad_schemas_are_refused_with_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_schemas); i++) {
        Arena *arena = arena_new(0);
        Error err = {0};
        const JsonSchema *schema = NULL;
        JsonSchemaOptions options = {.dialect = bad_schemas[i].dialect};
        const Json *root = parse(arena, str_from(quoted(arena, bad_schemas[i].schema)));
        Rc rc = json_schema_compile(arena, root, &options, &schema, &err);
        if (rc != RC_INVALID || strstr(err.message, bad_schemas[i].says) == NULL) {
            print_error("%s\ngot:  %s\nwant: %s\n", bad_schemas[i].schema, err.message,
                        bad_schemas[i].says);
            fail();
        }
        assert_null(schema);
        arena_free(arena);
    }
}

static void bad_schema_error_has_line_and_column(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Error err = {0};
    const JsonSchema *schema = NULL;
    const Json *root = parse(arena, STR("{\"properties\": {\n  \"a\": {\"type\": \"nul\"}}}"));
    assert_int_equal(json_schema_compile(arena, root, NULL, &schema, &err), RC_INVALID);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 17);
    arena_free(arena);
}

/* ---- patterns ---- */

/* A row without a text that matches or misses is a pattern that must be refused. */
static const struct {
    const char *pattern, *matches, *misses;
} patterns[] = {
    {"^a.c$",
     "a\xc2\x85"
     "c",                                                                            "a\xe2\x80\xa8"
     "c"                                                                              },
    {"^\\s$",                                    "\xef\xbb\xbf",                     "\xc2\x85"},
    {"^[\\s]$",                                  "\xc2\xa0",                         "x"       },
    {"^[^\\S]$",                                 "\xe3\x80\x80",                     "x"       },
    {"^[\\Sa ]$",                                " ",                                "\t"      },
    {"^\\cJ$",                                   "\n",                               "J"       },
    {"^\\/\\-\\_$",                              "/-_",                              "x"       },
    {"^[\\w.-]+$",                               "a-b.c",                            "a b"     },
    {"^[a-\\d]$",                                "-",                                "b"       },
    {"^\\u{1F432}\\uD83D\\uDC32$",               "\xf0\x9f\x90\xb2\xf0\x9f\x90\xb2", "x"       },
    {"^\\x41\\u0042$",                           "AB",                               "x41"     },
    {"^\\p{Lu}\\P{Lu}$",                         "\xc3\x84\xc3\xa4",                 "aa"      },
    {"^[\\p{Script=Greek}]$",                    "\xce\xb1",                         "a"       },
    {"^\\p{General_Category=Uppercase_Letter}$", "A",                                "a"       },
    {"^(?<y>\\d{2})-\\k<y>\\1$",                 "12-1212",                          "12-1312" },
    {"^(a)?\\1b$",                               "b",                                "ab"      },
    {"^(?:(?<=a)b|(?<!a)c)$",                    "c",                                "b"       },
    {"^{$",                                      "{",                                "x"       },
    {"^a{,2}$",                                  "a{,2}",                            "aa"      },
    {"^a{1,2}?$",                                "aa",                               "aaa"     },
    {"[]",                                       NULL,                               ""        },
    {"^[^]$",                                    "\n",                               ""        },
    {"^[[:alpha:]]$",                            "a]",                               "b"       },
    {"^\\0$",                                    NULL,                               "0"       },
    {"^[\\b]$",                                  "\b",                               "b"       },
    {"(*FAIL)?",                                 NULL,                               NULL      },
    {"(?i)a",                                    NULL,                               NULL      },
    {"(?R)",                                     NULL,                               NULL      },
    {"(?>a)",                                    NULL,                               NULL      },
    {"(?P<n>a)",                                 NULL,                               NULL      },
    {"a++",                                      NULL,                               NULL      },
    {"\\Ka",                                     NULL,                               NULL      },
    {"\\Qa",                                     NULL,                               NULL      },
    {"a\\Z",                                     NULL,                               NULL      },
    {"\\1",                                      NULL,                               NULL      },
    {"\\k<a>",                                   NULL,                               NULL      },
    {"(?<a>x)(?<a>y)",                           NULL,                               NULL      },
    {"[z-a]",                                    NULL,                               NULL      },
    {"[a",                                       NULL,                               NULL      },
    {"a)",                                       NULL,                               NULL      },
    {"\\uD800",                                  NULL,                               NULL      },
    {"\\u{110000}",                              NULL,                               NULL      },
    {"\\p{NoSuchThing}",                         NULL,                               NULL      },
    {"a\\",                                      NULL,                               NULL      },
    {"a{2,1}",                                   NULL,                               NULL      },
};

static bool matches(Arena *arena, const Json *root, const char *text)
{
    const JsonSchema *schema = NULL;
    assert_int_equal(json_schema_compile(arena, root, NULL, &schema, NULL), RC_OK);
    return json_schema_validate(schema, json_string_c(arena, text), arena, 0, NULL, NULL);
}

static void patterns_have_ecma_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        Arena *arena = arena_new(0);
        Json *root = json_object(arena);
        Error err = {0};
        const JsonSchema *schema = NULL;
        bool refused = patterns[i].matches == NULL && patterns[i].misses == NULL;
        json_set_str(arena, root, "pattern", str_from(patterns[i].pattern));
        Rc rc = json_schema_compile(arena, root, NULL, &schema, &err);
        if (refused != (rc != RC_OK) ||
            (patterns[i].matches != NULL && !matches(arena, root, patterns[i].matches)) ||
            (patterns[i].misses != NULL && matches(arena, root, patterns[i].misses))) {
            print_error("%s: %s\n", patterns[i].pattern, err.message);
            fail();
        }
        arena_free(arena);
    }
}

/* ---- limits ---- */

/* says: part of the first issue's message. Frees the arena. */
static void
check_stopped(Arena *arena, const char *schema_text, const Json *instance, const char *says)
{
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    const JsonSchema *schema = compile(arena, schema_text, D2020);
    int64_t begin = time_monotonic_us();
    assert_false(json_schema_validate(schema, instance, arena, 10, &issues, &n));
    assert_true(time_monotonic_us() - begin < 60 * US_PER_SECOND);
    assert_int_equal(n, 1);
    assert_non_null(strstr(str_cstr(arena, issues[0].message), says));
    arena_free(arena);
}

static void endless_reference_is_stopped(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    check_stopped(arena, "{\"$ref\":\"#\"}", json_null(arena), "refers to itself");
}

/* "not" must not turn giving up into success. */
static void endless_reference_under_not_is_stopped(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    check_stopped(arena, "{\"not\":{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}}",
                  json_null(arena), "refers to itself");
}

static void doubling_references_are_stopped(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Buf text = buf_init(arena, MIB);
    buf_lit(&text, "{\"$ref\":\"#/$defs/0\",\"$defs\":{\"50\":true");
    for (int i = 0; i < 50; i++) {
        buf_fmt(&text, ",\"%d\":{\"allOf\":[{\"$ref\":\"#/$defs/%d\"},{\"$ref\":\"#/$defs/%d\"}]}",
                i, i + 1, i + 1);
    }
    buf_lit(&text, "}}");
    check_stopped(arena, str_cstr(arena, buf_str(&text)), json_null(arena), "too costly");
}

static void hostile_pattern_is_stopped(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Json *instance =
        json_string(arena, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"));
    check_stopped(arena, "{\"not\":{\"pattern\":\"^(a+)+$\"}}", instance, "too many steps");
}

static void deep_schema_is_refused(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Json *root = json_object(arena);
    const JsonSchema *schema = NULL;
    Error err = {0};
    for (int i = 0; i < 400; i++) {
        Json *outer = json_object(arena);
        json_set_c(arena, outer, "not", root);
        root = outer;
    }
    assert_int_equal(json_schema_compile(arena, root, NULL, &schema, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "nests deeper"));
    arena_free(arena);
}

/* Each is refused by its limit, not by running out of memory. */
static void greedy_schemas_are_refused(void **state)
{
    (void)state;
    enum { PATTERNS, LONG_PATTERN, WIDE_PATTERN, LONG_REF, LONG_ID, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        Arena *arena = arena_new(0);
        Buf text = buf_init(arena, 8 * MIB);
        const JsonSchema *schema = NULL;
        Error err = {0};
        buf_put(&text, kind == LONG_REF  ? STR("{\"$ref\":\"")
                       : kind == LONG_ID ? STR("{\"not\":{\"$id\":\"")
                                         : STR("{\"patternProperties\":{\""));
        for (int i = 0; i < 9000; i++) {
            if (kind == PATTERNS) {
                buf_fmt(&text, "(a%d){900}\":true,\"", i);
            } else if (kind == WIDE_PATTERN) {
                buf_put(&text, i < 4000 ? STR("\\\\S") : STR_EMPTY);
            } else {
                buf_char(&text, 'a');
            }
        }
        buf_put(&text, kind == LONG_REF  ? STR("\"}")
                       : kind == LONG_ID ? STR("\"}}")
                                         : STR("\":true}}"));
        const Json *root = parse(arena, buf_str(&text));
        assert_int_equal(json_schema_compile(arena, root, NULL, &schema, &err), RC_INVALID);
        arena_free(arena);
    }
}

static void long_reference_chain_compiles(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Buf text = buf_init(arena, 8 * MIB);
    buf_lit(&text, "{\"$defs\":{\"10000\":{\"type\":\"null\"}");
    for (int i = 0; i < 10000; i++) {
        buf_fmt(&text, ",\"%d\":{\"$ref\":\"#/$defs/%d\"}", i, i + 1);
    }
    buf_lit(&text, "},\"$ref\":\"#/$defs/9900\"}");
    const JsonSchema *schema = compile(arena, str_cstr(arena, buf_str(&text)), D2020);
    assert_true(json_schema_validate(schema, json_null(arena), arena, 0, NULL, NULL));
    assert_false(json_schema_validate(schema, json_int(arena, 1), arena, 0, NULL, NULL));
    arena_free(arena);
}

/* Marks beyond the inline words, given back branch by branch. */
static void unevaluated_works_on_wide_objects(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Json *instance = json_object(arena);
    for (int i = 0; i < 1000; i++) {
        json_set(arena, instance, str_fmt(arena, "k%d", i), json_int(arena, i));
    }
    const char *text = "{'anyOf':[{'patternProperties':{'[13579]$':true}},"
                       "{'patternProperties':{'[02468]$':true}}],'unevaluatedProperties':false}";
    const JsonSchema *schema = compile(arena, quoted(arena, text), D2020);
    assert_true(json_schema_validate(schema, instance, arena, 0, NULL, NULL));
    json_set_c(arena, instance, "last", json_int(arena, 1));
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    assert_false(json_schema_validate(schema, instance, arena, 5, &issues, &n));
    assert_int_equal(n, 1);
    assert_str(issues[0].property, STR("last"));
    arena_free(arena);
}

static void unique_items_finds_late_duplicates(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const JsonSchema *schema = compile(arena, "{\"uniqueItems\":true}", D2020);
    Json *instance = json_array(arena);
    for (int i = 0; i < 3000; i++) {
        Json *item = json_object(arena);
        json_set_c(arena, item, "a", json_int(arena, i));
        json_set_c(arena, item, "b", json_array(arena));
        json_push(arena, instance, item);
    }
    assert_true(json_schema_validate(schema, instance, arena, 0, NULL, NULL));
    json_push(arena, instance, parse(arena, STR("{\"b\":[],\"a\":70e-1}")));
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    assert_false(json_schema_validate(schema, instance, arena, 5, &issues, &n));
    assert_str(issues[0].message,
               STR("must NOT have duplicate items (items ## 7 and 3000 are identical)"));
    arena_free(arena);
}

/* ---- documents ---- */

static const char contract[] =
    "{'openapi':'3.1.0','components':{'schemas':{"
    "'Name':{'type':'string','maxLength':3},"
    "'Pet':{'type':'object','properties':{'name':{'$ref':'#/components/schemas/Name'},"
    "'kin':{'type':'array','items':{'$ref':'#/components/schemas/Pet'}}}}}}}";

static void compile_at_resolves_in_the_whole_document(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const Json *root = parse(arena, str_from(quoted(arena, contract)));
    const JsonSchema *schema = NULL;
    Error err = {0};
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    Str pet = STR("/components/schemas/Pet");
    assert_int_equal(json_schema_compile_at(arena, root, pet, NULL, &schema, &err), RC_OK);
    const Json *instance = parse(arena, STR("{\"kin\":[{\"name\":\"abcd\"}]}"));
    assert_false(json_schema_validate(schema, instance, arena, 5, &issues, &n));
    assert_int_equal(n, 1);
    assert_str(issues[0].instance_path, STR("/kin/0/name"));
    assert_str(issues[0].schema_path, STR("#/components/schemas/Name/maxLength"));
    Str nowhere = STR("/components/x");
    assert_int_equal(json_schema_compile_at(arena, root, nowhere, NULL, &schema, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "/components/x"));
    arena_free(arena);
}

static void registry_and_base_uri_resolve_references(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const JsonSchemaDocument documents[] = {
        {STR_INIT("https://schemas.example/common.json"),
         parse(arena, STR("{\"$defs\":{\"port\":{\"maximum\":65535}}}"))},
    };
    JsonSchemaOptions options = {.documents = documents,
                                 .n_documents = 1,
                                 .base_uri = STR("https://schemas.example/a/b.json")};
    const Json *root = parse(arena, STR("{\"$ref\":\"../common.json#/$defs/port\"}"));
    const JsonSchema *schema = NULL;
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    assert_int_equal(json_schema_compile(arena, root, &options, &schema, NULL), RC_OK);
    assert_true(json_schema_validate(schema, json_int(arena, 80), arena, 1, &issues, &n));
    assert_false(json_schema_validate(schema, json_int(arena, 65536), arena, 1, &issues, &n));
    assert_str(issues[0].schema_path,
               STR("https://schemas.example/common.json#/$defs/port/maximum"));
    arena_free(arena);
}

/* An anchor in a part of the document that only a reference makes known. */
static void dynamic_anchors_of_late_places_count(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    const char *text =
        "{'components':{'schemas':{"
        "'Page':{'$id':'page','properties':{'items':{'items':{'$dynamicRef':'#item'}}},"
        "'$defs':{'any':{'$dynamicAnchor':'item'}}},"
        "'Names':{'$ref':'#/components/schemas/NamePage'},"
        "'NamePage':{'$ref':'#/components/schemas/Page','$defs':{'one':{'$dynamicAnchor':'item',"
        "'type':'string'}}}}}}";
    const Json *root = parse(arena, str_from(quoted(arena, text)));
    const JsonSchema *schema = NULL;
    Error err = {0};
    Str names = STR("/components/schemas/Names");
    assert_int_equal(json_schema_compile_at(arena, root, names, NULL, &schema, &err), RC_OK);
    const Json *good = parse(arena, STR("{\"items\":[\"a\"]}"));
    const Json *bad = parse(arena, STR("{\"items\":[1]}"));
    assert_true(json_schema_validate(schema, good, arena, 0, NULL, NULL));
    assert_false(json_schema_validate(schema, bad, arena, 0, NULL, NULL));
    arena_free(arena);
}

static void metaschemas_judge_schemas(void **state)
{
    static const char *const uris[] = {"http://json-schema.org/draft-07/schema#",
                                       "https://json-schema.org/draft/2020-12/schema"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        Arena *arena = arena_new(0);
        const char *text = str_cstr(arena, str_fmt(arena, "{\"$ref\":\"%s\"}", uris[i]));
        const JsonSchema *schema = compile(arena, text, D2020);
        const Json *good = parse(arena, STR("{\"properties\":{\"a\":{\"minLength\":1}}}"));
        const Json *bad = parse(arena, STR("{\"properties\":{\"a\":{\"minLength\":-1}}}"));
        JsonSchemaIssue *issues = NULL;
        size_t n = 0;
        assert_true(json_schema_validate(schema, good, arena, 1, &issues, &n));
        assert_false(json_schema_validate(schema, bad, arena, 1, &issues, &n));
        assert_str(issues[0].instance_path, STR("/properties/a/minLength"));
        assert_str(issues[0].message, STR("must be >= 0"));
        arena_free(arena);
    }
}

static void success_allocates_nothing(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Arena *scratch = arena_new(0);
    const char *text = "{'type':'object','required':['name'],'properties':{'name':{'pattern':"
                       "'^[a-z]+$'},'n':{'multipleOf':0.1}},'unevaluatedProperties':false}";
    const JsonSchema *schema = compile(arena, quoted(arena, text), D2020);
    const Json *instance = parse(arena, STR("{\"name\":\"abc\",\"n\":1.7}"));
    size_t before = arena_used(scratch);
    assert_true(json_schema_validate(schema, instance, scratch, 5, NULL, NULL));
    assert_int_equal(arena_used(scratch), before);
    arena_free(scratch);
    arena_free(arena);
}

typedef struct Worker {
    Thread thread;
    const JsonSchema *schema;
    const Json *good, *bad;
    unsigned wrong;
} Worker;

static void *work(void *arg)
{
    Worker *worker = arg;
    Arena *scratch = arena_new(0);
    for (int i = 0; i < 200; i++) {
        JsonSchemaIssue *issues = NULL;
        size_t n = 0;
        bool good = json_schema_validate(worker->schema, worker->good, scratch, 5, &issues, &n);
        bool bad = json_schema_validate(worker->schema, worker->bad, scratch, 5, &issues, &n);
        worker->wrong += good && !bad && n == 1 ? 0 : 1;
        arena_reset(scratch);
    }
    arena_free(scratch);
    return NULL;
}

static void threads_share_a_schema(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Worker workers[4] = {0};
    const JsonSchema *schema =
        compile(arena, "{\"items\":{\"pattern\":\"^(a|b)+$\"},\"unevaluatedItems\":false}", D2020);
    const Json *good = parse(arena, STR("[\"aab\",\"b\"]"));
    const Json *bad = parse(arena, STR("[\"aab\",\"c\"]"));
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (Worker){.schema = schema, .good = good, .bad = bad};
        thread_start(&workers[i].thread, "schema", work, &workers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        thread_join(&workers[i].thread);
        assert_int_equal(workers[i].wrong, 0);
    }
    arena_free(arena);
}

static void formats_are_known_by_name(void **state)
{
    (void)state;
    assert_true(json_schema_format_ok(STR("no-such-format"), STR("x")));
    assert_true(json_schema_format_ok(STR("date"), STR("2024-02-29")));
    assert_false(json_schema_format_ok(STR("date"), STR("2023-02-29")));
    assert_false(json_schema_format_ok(STR("ipv4"), str_of("1.2.3.4\0", 8)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issues_are_worded_and_ordered),
        cmocka_unit_test(issues_point_to_value_and_parameter),
        cmocka_unit_test(issues_end_at_max),
        cmocka_unit_test(bad_schemas_are_refused_with_the_place),
        cmocka_unit_test(bad_schema_error_has_line_and_column),
        cmocka_unit_test(patterns_have_ecma_meaning),
        cmocka_unit_test(endless_reference_is_stopped),
        cmocka_unit_test(endless_reference_under_not_is_stopped),
        cmocka_unit_test(doubling_references_are_stopped),
        cmocka_unit_test(hostile_pattern_is_stopped),
        cmocka_unit_test(deep_schema_is_refused),
        cmocka_unit_test(greedy_schemas_are_refused),
        cmocka_unit_test(long_reference_chain_compiles),
        cmocka_unit_test(unevaluated_works_on_wide_objects),
        cmocka_unit_test(unique_items_finds_late_duplicates),
        cmocka_unit_test(compile_at_resolves_in_the_whole_document),
        cmocka_unit_test(registry_and_base_uri_resolve_references),
        cmocka_unit_test(dynamic_anchors_of_late_places_count),
        cmocka_unit_test(metaschemas_judge_schemas),
        cmocka_unit_test(success_allocates_nothing),
        cmocka_unit_test(threads_share_a_schema),
        cmocka_unit_test(formats_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
