/* SPDX-License-Identifier: Apache-2.0
 * What requests say: filters, predicates, their messages, cursors, fields, LIKE. No database. */
/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "modules/catalog/history.h"
#include "modules/catalog/query.h"
#include "base/test.h"
/* clang-format on */

static Arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static Json *parse(const char *text)
{
    Json *v = NULL;
    Error err = {0};
    if (json_parse(arena, str_from(text), NULL, &v, &err) != RC_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return v;
}

static void check(Str got, const char *want, const char *what)
{
    if (!str_is(got, want)) {
        fail_msg("%s\n got  %.*s\n want %s", what, STR_ARG(got), want);
    }
}

/* ---- filter= */

typedef struct FilterCase {
    const char *filters[3];
    const char *want; /* JSON, or the message */
} FilterCase;

static void test_filters(void **state)
{
    (void)state;
    static const FilterCase cases[] = {
        {{"kind=component"},            "{\"kind\":\"component\"}"                             },
        {{"kind"},                      "{\"kind\":{\"$exists\":true}}"                        },
        {{"kind="},                     "{\"kind\":\"\"}"                                      },
        {{" kind = a b , spec.type=x"}, "{\"$all\":[{\"kind\":\"a b\"},{\"spec.type\":\"x\"}]}"},
        {{"kind=user,kind=group"},      "{\"kind\":{\"$in\":[\"user\",\"group\"]}}"            },
        {{"kind,kind=group"},           "{\"kind\":\"group\"}"                                 },
        {{"a=b=c"},                     "{\"a\":\"b=c\"}"                                      },
        {{"kind=a", "kind=b"},          "{\"$any\":[{\"kind\":\"a\"},{\"kind\":\"b\"}]}"       },
        {{","},                         ""                                                     },
        {{",", "a"},                    "{\"a\":{\"$exists\":true}}"                           },
        {{"=x"},
         "Invalid filter, '=x' is not a valid statement (expected a string on the form a=b or a= "
         "or a)"                                                                               },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str filters[3];
        size_t n = 0;
        for (; n < 3 && cases[i].filters[n]; n++) {
            filters[n] = str_from(cases[i].filters[n]);
        }
        const Json *predicate = NULL;
        Error err = {0};
        Rc rc = filter_parse(arena, filters, n, &predicate, &err);
        Str got = rc != RC_OK ? str_from(err.message)
                              : (predicate ? json_to_str(arena, predicate) : STR(""));
        check(got, cases[i].want, cases[i].filters[0]);
    }
}

static void test_too_many_conditions(void **state)
{
    (void)state;
    Buf text = buf_init(arena, MIB);
    for (int i = 0; i < PREDICATE_LEAVES_MAX + 10; i++) {
        buf_fmt(&text, "k%d,", i);
    }
    Str filter = buf_str(&text);
    const Json *predicate;
    assert_int_equal(filter_parse(arena, &filter, 1, &predicate, NULL), RC_LIMIT);
}

/* ---- predicates: what is refused, in Backstage's words (taken from the real ones) */

typedef struct ShapeCase {
    const char *query, *want; /* want: what is left of it, or the message */
} ShapeCase;

#define OTHERS                                                                                     \
    "Expected string, received object, or Expected number, received object, or Expected boolean, " \
    "received object, or Required at \"$all\"; Unrecognized key(s) in object: 'kind', or "         \
    "Required at \"$any\"; Unrecognized key(s) in object: 'kind', or Required at \"$not\"; "       \
    "Unrecognized key(s) in object: 'kind'"

static const ShapeCase shape_cases[] = {
    {"{}",                                      "{}"                                                     },
    {"5",                                       "5"                                                      },
    {"{\"\":1}",                                "{\"\":1}"                                               },
    {"{\"a\":{\"$exists\":true,\"$nope\":2}}",  "{\"a\":{\"$exists\":true}}"                             },
    {"{\"$nope\":1}",                           "Validation error: Invalid at \"$nope\""                 },
    {"{\"$exists\":true}",                      "Validation error: Invalid at \"$exists\""               },
    {"{\"kind\":\"x\",\"$nope\":1}",            "Validation error: Invalid at \"$nope\""                 },
    {"{\"$all\":[{\"$nope\":1}]}",              "Validation error: Invalid at \"$all[0].$nope\""         },
    {"{\"$any\":[{\"$all\":[{\"$nope\":2}]}]}",
     "Validation error: Invalid at \"$any[0].$all[0].$nope\""                                            },
    {"{\"$not\":{\"$nope\":1}}",                "Validation error: Invalid at \"$not.$nope\""            },
    {"{\"kind\":{\"$contains\":{\"$x\":1}}}",   "Validation error: Invalid at \"kind.$contains.$x\""     },
    {"{\"$all\":[],\"$any\":[]}",               "Validation error: Unrecognized key(s) in object: '$any'"},
    {"{\"$all\":[],\"kind\":\"a\"}",            "Validation error: Unrecognized key(s) in object: 'kind'"},
    {"{\"$all\":1}",                            "Validation error: Invalid at \"$all\""                  },
    {"{\"a\\nb\":1}",                           "Validation error: Invalid at \"a\nb\""                  },
    {"null",                                    "Validation error: Expected object, received null, or Expected string, received "
             "null, or Expected number, received null, or Expected boolean, received null"   },
    {"{\"kind\":null}",
     "Validation error: Expected string, received null at \"kind\", or Expected number, received "
     "null at \"kind\", or Expected boolean, received null at \"kind\", or Expected object, "
     "received null at \"kind\", or Invalid at \"kind\"; Expected never, received null at "
     "\"kind\", or " OTHERS                                                                              },
    {"{\"kind\":{\"$in\":\"x\"}}",
     "Validation error: Expected string, received object at \"kind\", or Expected number, "
     "received object at \"kind\", or Expected boolean, received object at \"kind\", or Required "
     "at \"kind.$exists\", or Expected array, received string at \"kind.$in\", or Required at "
     "\"kind.$contains\", or Required at \"kind.$hasPrefix\", or Invalid at \"kind\"; Expected "
     "never, received object at \"kind\", or " OTHERS                                                    },
};

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shape_cases); i++) {
        const Json *issues, *out;
        out = shape_check(arena, SHAPE_PREDICATE, parse(shape_cases[i].query), &issues);
        check(out ? json_to_str(arena, out) : shape_message(arena, issues), shape_cases[i].want,
              shape_cases[i].query);
    }
    const Json *issues;
    assert_null(shape_check(arena, SHAPE_REFS_REQUEST, parse("{}"), &issues));
    check(shape_message(arena, issues), "Validation error: Required at \"entityRefs\"", "{}");
    assert_null(shape_check(arena, SHAPE_REFS_REQUEST,
                            parse("{\"entityRefs\":[],\"query\":{\"$all\":[{\"$nope\":1}]}}"),
                            &issues));
    check(shape_message(arena, issues), "Validation error: Invalid at \"query.$all[0].$nope\"",
          "query");
}

/* Every level can be read in two ways: without a bound this would take for ever. */
static void test_shape_is_bounded(void **state)
{
    (void)state;
    Buf text = buf_init(arena, MIB);
    for (int i = 0; i < 28; i++) {
        buf_lit(&text, "{\"$not\":{\"$contains\":");
    }
    buf_lit(&text, "null");
    for (int i = 0; i < 28; i++) {
        buf_lit(&text, "}}");
    }
    const Json *issues;
    Json *v = parse(str_cstr(arena, buf_str(&text)));
    assert_null(shape_check(arena, SHAPE_PREDICATE, v, &issues));
}

static void test_unanswerable(void **state)
{
    (void)state;
    static const ShapeCase cases[] = {
        {"\"x\"",                                                                       "Invalid filter predicate: top-level primitive values are not supported. Wrap "
                  "the value in a field expression, e.g. { \"kind\": \"x\" }"},
        {"{\"$all\":[5]}",
         "Invalid filter predicate: top-level primitive values are not supported. Wrap the value "
         "in a field expression, e.g. { \"kind\": 5 }"                                        },
        {"{\"Spec.Owner\":{\"$contains\":{\"a\":1}}}",
         "Object form of $contains is not supported for field \"spec.owner\""                 },
        {"{\"relations\":{\"$contains\":{}}}",
         "The $contains operator for \"relations\" requires a \"type\" string property"       },
        {"{\"relations\":{\"$contains\":{\"type\":\"a\",\"Type\":\"b\"}}}",
         "Duplicate key \"Type\" in $contains for \"relations\""                              },
        {"{\"relations\":{\"$contains\":{\"kind\":\"a\"}}}",
         "Unsupported key \"kind\" in $contains for \"relations\". Only \"type\" and "
         "\"targetRef\" are supported"                                                        },
        {"{\"relations\":{\"$contains\":{\"type\":\"a\",\"targetRef\":{\"$in\":[]}}}}",
         "Empty \"$in\" array for $contains on \"relations\" is not allowed"                  },
        {"{\"relations\":{\"$contains\":{\"type\":\"a\",\"targetRef\":5}}}",
         "Unsupported value in $contains for \"relations\": expected a string or { \"$in\": "
         "[strings] }, but got 5"                                                             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Error err = {0};
        assert_int_equal(predicate_validate(arena, parse(cases[i].query), &err), RC_MALFORMED);
        check(str_from(err.message), cases[i].want, cases[i].query);
    }
}

/* ---- what a predicate means */

#define ENTITY                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"Component\",\"metadata\":{\"name\":\"Cart\",\"tags\":["     \
    "\"Go\",\"web\"],\"labels\":{\"tier\":\"1\"}},\"spec\":{\"n\":1.50,\"on\":true,\"none\":null," \
    "\"type\":\"Service\"},\"relations\":[{\"type\":\"ownedBy\",\"targetRef\":\"group:default/"    \
    "Team-A\"}]}"

typedef struct MatchCase {
    const char *query;
    bool want;
} MatchCase;

static void test_matches(void **state)
{
    (void)state;
    static const MatchCase cases[] = {
        {"{}",                                                               true },
        {"{\"KIND\":\"component\"}",                                         true },
        {"{\"kind\":\"API\"}",                                               false},
        {"{\"metadata.namespace\":\"DEFAULT\"}",                             true },
        {"{\"metadata.tags\":\"go\",\"spec.type\":\"SERVICE\"}",             true },
        {"{\"metadata.tags.go\":true}",                                      true },
        {"{\"metadata.tags.java\":{\"$exists\":true}}",                      false},
        {"{\"spec.n\":1.5}",                                                 true },
        {"{\"spec.on\":true}",                                               true },
        {"{\"spec.none\":{\"$exists\":true}}",                               true },
        {"{\"spec.none\":\"null\"}",                                         false},
        {"{\"spec.nothing\":{\"$exists\":false}}",                           true },
        {"{\"metadata.name\":{\"$hasPrefix\":\"CA\"}}",                      true },
        {"{\"metadata.name\":{\"$in\":[\"x\",\"cart\"]}}",                   true },
        {"{\"metadata.tags\":{\"$contains\":\"WEB\"}}",                      true },
        {"{\"relations.ownedby\":\"group:default/team-a\"}",                 true },
        {"{\"relations\":{\"$contains\":{\"type\":\"OwnedBy\"}}}",           true },
        {"{\"relations\":{\"$contains\":{\"type\":\"ownedBy\",\"targetRef\":{\"$in\":"
         "[\"a\"]}}}}",                                             false},
        {"{\"$all\":[]}",                                                    true },
        {"{\"$any\":[]}",                                                    false},
        {"{\"$not\":{\"kind\":\"component\"}}",                              false},
        {"{\"$any\":[{\"kind\":\"api\"},{\"$not\":{\"spec.type\":\"x\"}}]}", true },
    };
    const Json *entity = parse(ENTITY);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (predicate_matches(parse(cases[i].query), entity) != cases[i].want) {
            fail_msg("%s is %s", cases[i].query, cases[i].want ? "false" : "true");
        }
    }
}

static void test_like(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pattern;
        bool want;
    } cases[] = {
        {"storefront", "%ref%",  true },
        {"storefront", "%rex%",  false},
        {"",           "%",      true },
        {"a-b",        "%a_b%",  true },
        {"\xc3\xbcx",  "_x",     true },
        {"100%",       "%100%%", true },
        {"aaab",       "%aab",   true },
        {"abc",        "abc",    true },
        {"abcd",       "abc",    false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (text_is_like(str_from(cases[i].text), str_from(cases[i].pattern)) != cases[i].want) {
            fail_msg("%s LIKE %s", cases[i].text, cases[i].pattern);
        }
    }
}

/* ---- cursors */

static void test_cursor_round_trip(void **state)
{
    (void)state;
    EntityOrder order = {STR("metadata.name"), STR("desc")};
    Str fields[] = {STR("metadata.title")};
    EntityQuery q = {
        .filter = parse("{\"kind\":\"component\"}"),
        .order = &order,
        .n_order = 1,
        .has_text = true,
        .term = STR("caf\xc3\xa9"),
        .has_text_fields = true,
        .text_fields = fields,
        .n_text_fields = 1,
        .is_previous = true,
        .values = parse("[\"cart\",\"17\"]"),
        .first = parse("[\"a\",\"3\"]"),
        .total = 42,
    };
    EntityQuery back;
    Error err = {0};
    assert_int_equal(cursor_decode(arena, cursor_encode(arena, &q), &back, &err), RC_OK);
    assert_true(back.is_cursor && back.is_previous && back.has_total && back.has_text_fields);
    assert_int_equal(back.total, 42);
    assert_true(json_equal(back.filter, q.filter) && json_equal(back.values, q.values) &&
                json_equal(back.first, q.first));
    assert_str(back.order[0].field, order.field);
    assert_str(back.order[0].direction, order.direction);
    assert_str(back.term, q.term);
    assert_str(back.text_fields[0], fields[0]);
}

static void test_bad_cursors(void **state)
{
    (void)state;
    static const ShapeCase cases[] = {
        {"notacursor", "Malformed cursor: SyntaxError: Unexpected token '\xef\xbf\xbd', "
                       "\"\xef\xbf\xbd\xef\xbf\xbdZr\xef\xbf\xbd\xef\xbf\xbd\" is not valid JSON"},
        {"eyJh",       "Malformed cursor: SyntaxError: Unterminated string in JSON at position 3 (line "
                 "1 column 4)"                                                                         },
        {"NQ==",       "Malformed cursor: InputError: Malformed cursor: [\n  {\n    \"code\": "
                 "\"invalid_type\",\n    \"expected\": \"object\",\n    \"received\": "
                 "\"number\",\n    \"path\": [],\n    \"message\": \"Expected object, received "
                 "number\"\n  }\n]"                                                                    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EntityQuery q;
        Error err = {0};
        assert_int_equal(cursor_decode(arena, str_from(cases[i].query), &q, &err), RC_MALFORMED);
        check(str_from(err.message), cases[i].want, cases[i].query);
    }
}

/* ---- fields= */

static void test_fields(void **state)
{
    (void)state;
    static const ShapeCase cases[] = {
        {"kind,metadata.name",               "{\"kind\":\"Component\",\"metadata\":{\"name\":\"n\"}}"},
        {"metadata.name,kind,kind",          "{\"metadata\":{\"name\":\"n\"},\"kind\":\"Component\"}"},
        {"metadata.annotations.a.io/b",      "{\"metadata\":{\"annotations\":{\"a.io/b\":\"x\"}}}"   },
        {"spec.list.1",                      "{\"spec\":{\"list\":[null,\"b\"]}}"                    },
        {"spec.nothing,relations,spec.list", "{\"spec\":{\"list\":[\"a\",\"b\"]}}"                   },
        {"spec,spec.list",                   "{\"spec\":{\"list\":[\"a\",\"b\"],\"null\":null}}"     },
        {"spec.null",                        "{\"spec\":{\"null\":null}}"                            },
        {",",                                "{}"                                                    },
    };
    const Json *entity = parse("{\"kind\":\"Component\",\"metadata\":{\"name\":\"n\","
                               "\"annotations\":{\"a.io/b\":\"x\"}},\"spec\":{\"list\":[\"a\","
                               "\"b\"],\"null\":null}}");
    Str before = json_to_str(arena, entity);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FieldList fields;
        Str list = str_from(cases[i].query);
        assert_int_equal(fields_parse(arena, &list, 1, &fields, NULL), RC_OK);
        check(json_to_str(arena, fields_pick(arena, &fields, entity)), cases[i].want,
              cases[i].query);
    }
    assert_str(json_to_str(arena, entity), before); /* the entity itself is not touched */
    FieldList fields;
    Error err = {0};
    Str list = STR("kind,metadata.tags[0]");
    assert_int_equal(fields_parse(arena, &list, 1, &fields, &err), RC_MALFORMED);
    check(str_from(err.message),
          "Invalid field \"metadata.tags[0]\", array type fields are not supported", "fields");
}

/* ---- diff */

static void test_diff(void **state)
{
    (void)state;
    Json *changes;
    Str text;
    const Json *old = parse("{\"metadata\":{\"etag\":\"1\"},\"a\":[1,2,3],\"b\":{\"x/y\":1},"
                            "\"c\":1.0}"),
               *new = parse("{\"metadata\":{\"etag\":\"2\"},\"a\":[1,5],\"b\":{},\"c\":1,\"d\":0}");
    assert_true(history_diff(arena, old, new, &changes, &text));
    check(text, "~ /a/1: 2 -> 5\n- /a/2: 3\n- /b/x~1y: 1\n+ /d: 0\n", "diff");
    check(json_to_str(arena, changes->items[0]),
          "{\"op\":\"replace\",\"path\":\"/a/1\",\"from\":2,\"value\":5}", "diff");
    assert_true(history_diff(arena, old, old, &changes, &text));
    assert_int_equal(changes->n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),      cmocka_unit_test(test_too_many_conditions),
        cmocka_unit_test(test_shapes),       cmocka_unit_test(test_shape_is_bounded),
        cmocka_unit_test(test_unanswerable), cmocka_unit_test(test_matches),
        cmocka_unit_test(test_like),         cmocka_unit_test(test_cursor_round_trip),
        cmocka_unit_test(test_bad_cursors),  cmocka_unit_test(test_fields),
        cmocka_unit_test(test_diff),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
