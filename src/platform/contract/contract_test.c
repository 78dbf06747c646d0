/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/contract/contract.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first */
#include <cmocka.h>

#define OP(id, more) "{\"operationId\":\"" id "\",\"x-public\":true" more "}"
#define PATH_PARAM(name)                                                                           \
    "{\"name\":\"" name "\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}"

static const char document[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"version\":\"2026-11-20\"},\"paths\":{"
    "\"/\":{\"get\":" OP(
        "root",
        "") "},"
            "\"/api/things\":{\"get\":" OP("things.list", ",\"x-records\":{\"schema\":\"Thing\",\"verb\":\"list\"}") ",\"post\":" OP(
                "things.create",
                ",\"x-max-body\":100,\"requestBody\":{\"required\":true,\"content\":{\"text/"
                "plain\":{},"
                "\"application/merge-patch+json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
                "Thing\"}}}}") "},"
                               "\"/api/things/graph\":{\"get\":" OP(
                                   "things.graph",
                                   "") "},"
                                       "\"/api/things/{id}\":{\"get\":" OP("things.get", ",\"parameters\":[" PATH_PARAM("id") "]") ",\"delete\":" OP(
                                           "things.delete",
                                           ",\"parameters\":[{\"$ref\":\"#/components/"
                                           "parameters/Id\"}]") "},"
                                                                "\"/api/things/{id}/parts/"
                                                                "{part}\":{\"get\":" OP(
                                                                    "things.part",
                                                                    ",\"parameters\":[{"
                                                                    "\"name\":\"X\",\"in\":"
                                                                    "\"header\",\"schema\":{"
                                                                    "\"type\":\"integer\"}}"
                                                                    "," PATH_PARAM("part") "," PATH_PARAM(
                                                                        "id") "]") "},"
                                                                                   "\"/api/"
                                                                                   "things/"
                                                                                   "graph/"
                                                                                   "edges\":{"
                                                                                   "\"get\""
                                                                                   ":" OP(
                                                                                       "things."
                                                                                       "edges",
                                                                                       ",\"x-"
                                                                                       "run\":"
                                                                                       "\"inlin"
                                                                                       "e\","
                                                                                       "\"x-"
                                                                                       "errors"
                                                                                       "\":"
                                                                                       "\"backs"
                                                                                       "tage\","
                                                                                       "\"x-"
                                                                                       "mount\""
                                                                                       ":\"/"
                                                                                       "api/"
                                                                                       "things"
                                                                                       "\","
                                                                                       "\"respo"
                                                                                       "nses\":"
                                                                                       "{\"200"
                                                                                       "\":"
                                                                                       "{\"cont"
                                                                                       "ent\":{"
                                                                                       "\"appli"
                                                                                       "cation/"
                                                                                       "json\":"
                                                                                       "{\"sche"
                                                                                       "ma\":{"
                                                                                       "\"$"
                                                                                       "ref\":"
                                                                                       "\"#/"
                                                                                       "compone"
                                                                                       "nts/"
                                                                                       "schemas"
                                                                                       "/Thing"
                                                                                       "\"}}}},"
                                                                                       "\"defau"
                                                                                       "lt\":{"
                                                                                       "\"$"
                                                                                       "ref\":"
                                                                                       "\"#/"
                                                                                       "compone"
                                                                                       "nts/"
                                                                                       "respons"
                                                                                       "es/"
                                                                                       "Bad\"}"
                                                                                       "}") "}}"
                                                                                            ","
                                                                                            "\""
                                                                                            "co"
                                                                                            "mp"
                                                                                            "on"
                                                                                            "en"
                                                                                            "ts"
                                                                                            "\""
                                                                                            ":{"
                                                                                            "\""
                                                                                            "pa"
                                                                                            "ra"
                                                                                            "me"
                                                                                            "te"
                                                                                            "rs"
                                                                                            "\""
                                                                                            ":{"
                                                                                            "\""
                                                                                            "Id"
                                                                                            "\""
                                                                                            ":" PATH_PARAM(
                                                                                                "i"
                                                                                                "d") "},"
                                                                                                     "\"responses\":{\"Bad\":{\"content\":{\"application/problem+json\":{\"schema\":{\"type\":\"object\"}}}}},"
                                                                                                     "\"schemas\":{\"Thing\":{\"x-record\":{\"table\":\"things\",\"list\":[\"a\"]},\"type\":\"object\","
                                                                                                     "\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"integer\"},\"x-run\":{\"$ref\":"
                                                                                                     "\"#/components/schemas/Thing\"}}}}}}";

static Rc handler(Ctx *cx, Call *call)
{
    (void)cx;
    (void)call;
    return RC_OK;
}

static Rc record_handler(Ctx *cx, Call *call)
{
    (void)cx;
    (void)call;
    return RC_OK;
}

static const OperationHandler handlers[] = {
    {"root",          handler},
    {"things.create", handler},
    {"things.graph",  handler},
    {"things.get",    handler},
    {"things.delete", handler},
    {"things.part",   handler},
    {"things.edges",  handler},
};

static Contract *load(void)
{
    Contract *contract = NULL;
    Error err = {0};
    Rc rc = contract_load(STR(document), handlers, ARRAY_LEN(handlers), record_handler, &contract,
                          &err);
    if (rc != RC_OK) {
        fail_msg("%s", err.message);
    }
    return contract;
}

typedef struct RouteCase {
    HttpMethod method;
    const char *path;
    Rc rc;
    const char *id, *values, *allow;
} RouteCase;

static const RouteCase routes[] = {
    {HTTP_GET,     "/",                                                      RC_OK,        "root",         "",                 NULL                        },
    {HTTP_GET,     "/api/things",                                            RC_OK,        "things.list",  "",                 NULL                        },
    {HTTP_HEAD,    "/api/things",                                            RC_OK,        "things.list",  "",                 NULL                        },
    {HTTP_GET,     "/api/things/graph",                                      RC_OK,        "things.graph", "",                 NULL                        },
    {HTTP_GET,     "/api/things/7",                                          RC_OK,        "things.get",   "id=7;",            NULL                        },
    {HTTP_GET,     "/api/things/a%2Fb%20c",                                  RC_OK,        "things.get",   "id=a/b c;",        NULL                        },
    {HTTP_GET,     "/api/things/a+b",                                        RC_OK,        "things.get",   "id=a+b;",          NULL                        },
    {HTTP_GET,     "/api/things/%zz",                                        RC_OK,        "things.get",   "id=%zz;",          NULL                        },
    {HTTP_DELETE,  "/api/things/graph",                                      RC_METHOD,    NULL,           NULL,               "GET, HEAD, OPTIONS"        },
    {HTTP_GET,     "/api/things/graph/edges",                                RC_OK,        "things.edges", "",                 NULL                        },
 /* the static branch has no such end: the parameter is tried */
    {HTTP_GET,     "/api/things/graph/parts/2",                              RC_OK,        "things.part",  "id=graph;part=2;", NULL                        },
    {HTTP_GET,     "/api/things/7/parts/2",                                  RC_OK,        "things.part",  "id=7;part=2;",     NULL                        },
    {HTTP_PUT,     "/api/things/7",                                          RC_METHOD,    NULL,           NULL,               "GET, HEAD, DELETE, OPTIONS"},
    {HTTP_OPTIONS, "/api/things",                                            RC_METHOD,    NULL,           NULL,               "GET, HEAD, POST, OPTIONS"  },
    {HTTP_OTHER,   "/api/things",                                            RC_METHOD,    NULL,           NULL,               "GET, HEAD, POST, OPTIONS"  },
    {HTTP_GET,     "/api/things/",                                           RC_NOT_FOUND, NULL,           NULL,               NULL                        },
    {HTTP_GET,     "/api/things//parts/2",                                   RC_NOT_FOUND, NULL,           NULL,               NULL                        },
    {HTTP_GET,     "/api",                                                   RC_NOT_FOUND, NULL,           NULL,               NULL                        },
    {HTTP_GET,     "",                                                       RC_NOT_FOUND, NULL,           NULL,               NULL                        },
    {HTTP_GET,     "api/things",                                             RC_NOT_FOUND, NULL,           NULL,               NULL                        },
    {HTTP_GET,     "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", RC_NOT_FOUND, NULL,           NULL,
     NULL                                                                                                                                                  },
};

static void test_routes(void **state)
{
    (void)state;
    Contract *contract = load();
    Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const RouteCase *c = &routes[i];
        const Operation *op = NULL;
        HttpPair path[CALL_PATH_MAX];
        size_t n = 0;
        Str allow = STR_EMPTY;
        Rc rc =
            contract_match(contract, c->method, str_from(c->path), arena, &op, path, &n, &allow);
        if (rc != c->rc) {
            fail_msg("%s: %s", c->path, rc_name(rc));
        }
        if (rc == RC_METHOD) {
            assert_string_equal(str_cstr(arena, allow), c->allow);
        }
        if (rc != RC_OK) {
            continue;
        }
        assert_string_equal(str_cstr(arena, op->id), c->id);
        Buf values = buf_init(arena, KIB);
        for (size_t k = 0; k < n; k++) {
            buf_fmt(&values, "%.*s=%.*s;", STR_ARG(path[k].name), STR_ARG(path[k].value));
        }
        assert_string_equal(str_cstr(arena, buf_str(&values)), c->values);
    }
    arena_free(arena);
    contract_free(contract);
}

static void test_operations(void **state)
{
    (void)state;
    Contract *contract = load();
    size_t n;
    const Operation *all = contract_operations(contract, &n);
    assert_int_equal(n, 8);
    assert_ptr_equal(&all[3], contract_operation(contract, STR("things.graph")));
    assert_null(contract_operation(contract, STR("things")));

    const Operation *list = contract_operation(contract, STR("things.list"));
    assert_int_equal(list->verb, VERB_LIST);
    assert_ptr_equal(list->fn, record_handler);
    assert_true(str_is(list->record_name, "Thing"));
    assert_null(list->record);
    const RecordType *type = (const RecordType *)&n; /* only its address matters here */
    assert_true(contract_bind_record(contract, STR("Thing"), type));
    assert_false(contract_bind_record(contract, STR("Other"), type));
    assert_ptr_equal(list->record, type);

    const Operation *create = contract_operation(contract, STR("things.create"));
    assert_int_equal(create->max_body, 100);
    assert_true(create->body_required);
    assert_ptr_equal(create->body_schema, contract_schema_json(contract, STR("Thing")));
    assert_true(contract_takes(create, STR("application/json")));
    assert_true(contract_takes(create, STR("Text/Plain")));
    assert_false(contract_takes(create, STR("text/html")));

    const Operation *part = contract_operation(contract, STR("things.part"));
    assert_true(str_is(part->params[0].name, "id"));
    assert_true(str_is(part->params[1].name, "part"));
    assert_true(part->params[0].plain);
    assert_true(part->strict_query);
    assert_false(part->params[2].plain);

    const Operation *edges = contract_operation(contract, STR("things.edges"));
    assert_int_equal(edges->run, RUN_INLINE);
    assert_int_equal(edges->errors, ERRORS_BACKSTAGE);
    assert_false(edges->strict_query);
    contract_free(contract);
}

static void test_responses(void **state)
{
    (void)state;
    Contract *contract = load();
    const Operation *edges = contract_operation(contract, STR("things.edges"));
    Str type;
    const Json *schema;
    assert_true(contract_response(edges, 200, &type, &schema));
    assert_ptr_equal(schema, contract_schema_json(contract, STR("Thing")));
    assert_true(contract_response(edges, 418, &type, &schema));
    assert_true(str_is(type, "application/problem+json"));
    assert_false(contract_response(contract_operation(contract, STR("root")), 200, &type, &schema));
    contract_free(contract);
}

static void test_published_text(void **state)
{
    (void)state;
    Contract *contract = load();
    const ContractText *text = contract_text(contract);
    assert_ptr_equal(text, contract_text(contract));
    assert_true(str_find(text->plain, STR("\"x-records\"")) != SIZE_MAX);
    assert_true(str_find(text->plain, STR("\"list\":[\"a\"]")) != SIZE_MAX);
    assert_true(str_find(text->plain, STR("\"table\"")) == SIZE_MAX);
    assert_true(str_find(text->plain, STR("\"x-mount\"")) == SIZE_MAX);
    /* a property may be called like an internal key */
    assert_true(str_find(text->plain, STR("\"x-run\":{\"$ref\"")) != SIZE_MAX);
    assert_true(text->gzip.len > 20 && text->gzip.len < text->plain.len);
    assert_int_equal(text->etag.len, 18);
    assert_true(str_is(contract_version(contract), "2026-11-20"));
    contract_free(contract);
}

static void *compile_often(void *arg)
{
    Contract *contract = arg;
    const Json *properties = json_get_c(contract_schema_json(contract, STR("Thing")), "properties");
    for (int i = 0; i < 200; i++) {
        const JsonSchema *a = contract_compile(contract, json_get_c(properties, "a"));
        const JsonSchema *thing = contract_schema(contract, STR("Thing"));
        ASSERT(a && thing && a != thing &&
               a == contract_compile(contract, json_get_c(properties, "a")));
    }
    return NULL;
}

static void test_schemas_compile_once(void **state)
{
    (void)state;
    Contract *contract = load();
    Thread threads[4] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_start(&threads[i], "compile", compile_often, contract);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
    }
    Arena *arena = arena_new(0);
    Json *good = NULL;
    assert_int_equal(json_parse(arena, STR("{\"a\":1,\"x-run\":{\"a\":2}}"), NULL, &good, NULL),
                     RC_OK);
    const JsonSchema *schema = contract_schema(contract, STR("Thing"));
    assert_true(json_schema_validate(schema, good, arena, 1, NULL, NULL));
    assert_false(json_schema_validate(schema, json_object(arena), arena, 1, NULL, NULL));
    assert_null(contract_schema(contract, STR("Nothing")));
    arena_free(arena);
    contract_free(contract);
}

static const struct {
    const char *text, *message;
} broken[] = {
    {"{",                                                     "contract: "                                                             },
    {                                                                                                                           "{}",                                         "has no paths"                                                                         },
    {                                                                                                  "{\"paths\":{\"api\":{}}}",                                                       "\"api\" is not a path"                                                                                 },
    {                                                            "{\"paths\":{\"/a\":{\"get\":" OP("nobody.home",                                                       "") "}}}",                                                                      "nobody.home has no handler"},
    {                                                                                                                                                        "{\"paths\":{\"/a\":{\"get\":{\"operationId\":\"root\"}}}}",                "root needs x-permission"},
    { "{\"paths\":{\"/a\":{\"get\":" OP("root",                                                       "") "},\"/b\":{\"get\":" OP("root",                                                                                                                  "") "}}}",
     "\"root\" is missing or not unique"},
    {                                                                                                                                                                                "{\"paths\":{\"/{a}\":{\"get\":" OP(
         "root",                         ",\"parameters\":[" PATH_PARAM(
             "a") "]") "},\"/{b}\":{\"get\":" OP("things.get",
     ",\"parameters\":[" PATH_PARAM("b") "]") "}}}",
     "things.get has the same route"},
    {                                                                                                                                                                                   "{\"paths\":{\"/{a}\":{\"get\":" OP("root",                                  "") "}}}",                                                                                                           "do not fit the path"},
    {                                                                                    "{\"paths\":{\"/a\":{\"get\":" OP("root",                                   ",\"parameters\":[" PATH_PARAM("a") "]") "}}}",
     "do not fit the path"},
    {                                                                                                                                                                                               "{\"paths\":{\"/a\":{\"get\":" OP("root",                                         ",\"parameters\":[{\"$ref\":\"#/nowhere\"}]") "}}}",
     "has no schema"},
    {                                                                                                                                                                                                                              "{\"paths\":{\"/a\":{\"get\":" OP(
         "root", ",\"x-changed\":[{\"version\":\"2026-11-20\",\"what\":\"x\"}]") "}}}",
     "root has nothing that undoes its change of 2026-11-20"},
};

static void test_broken_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        Contract *contract = NULL;
        Error err = {0};
        assert_int_equal(contract_load(str_from(broken[i].text), handlers, ARRAY_LEN(handlers),
                                       NULL, &contract, &err),
                         RC_INVALID);
        assert_null(contract);
        if (!strstr(err.message, broken[i].message)) {
            fail_msg("%s: %s", broken[i].text, err.message);
        }
    }
}

static void test_call_helpers(void **state)
{
    (void)state;
    Contract *contract = load();
    Ctx cx = {.arena = arena_new(0)};
    const HttpPair query[] = {
        {STR("n"), STR("7")   },
        {STR("b"), STR("true")},
        {STR("n"), STR("8")   }
    };
    const HttpPair headers[] = {
        {STR("If-Match"), STR(" \"3\" ")}
    };
    OperationParam csv = {.name = STR("c"), .csv = true};
    Operation op = {.params = &csv, .n_params = 1};
    Call call = {.op = &op, .query = query, .n_query = 3, .headers = headers, .n_headers = 1};
    call.path[0] = (HttpPair){STR("id"), STR("x")};
    call.n_path = 1;
    size_t n;

    assert_true(str_is(call_path(&call, "id"), "x"));
    assert_true(call_has_query(&call, "b"));
    assert_false(call_has_query(&call, "z"));
    assert_int_equal(call_query_i64(&call, "n", 1), 7);
    assert_int_equal(call_query_i64(&call, "z", 1), 1);
    assert_true(call_query_bool(&call, "b", false));
    assert_true(call_query_bool(&call, "z", true));
    assert_true(str_is(call_header(&call, "if-match"), "\"3\""));
    assert_int_equal(call_header(&call, "x").len, 0);
    const Str *all = call_query_all(&cx, &call, "n", &n);
    assert_int_equal(n, 2);
    assert_true(str_is(all[1], "8"));
    const HttpPair list[] = {
        {STR("c"), STR("a,b,")}
    };
    call.query = list;
    call.n_query = 1;
    all = call_query_all(&cx, &call, "c", &n);
    assert_int_equal(n, 3);
    assert_true(str_is(all[1], "b"));

    reply_header(&call, "ETag", STR("1"));
    reply_header(&call, "etag", STR("2"));
    assert_int_equal(call.reply.n_headers, 1);
    assert_true(str_is(call.reply.headers[0].value, "2"));
    reply_json_tree(&cx, &call, 201, json_bool_new(cx.arena, true));
    assert_true(str_is(call.reply.body, "true"));
    assert_int_equal(call.reply.status, 201);
    arena_free(cx.arena);
    contract_free(contract);
}

/* The route is on the hot path of every request: a micro-second is the budget, ten of them the
 * alarm. */
static void test_routing_is_cheap(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    Contract *contract = load();
    Arena *arena = arena_new(0);
    size_t used = arena_used(arena);
    int64_t start = time_monotonic_us();
    for (int i = 0; i < ROUNDS; i++) {
        const Operation *op = NULL;
        HttpPair path[CALL_PATH_MAX];
        size_t n = 0;
        Str allow;
        assert_int_equal(contract_match(contract, HTTP_GET, STR("/api/things/0192a3b4/parts/2"),
                                        arena, &op, path, &n, &allow),
                         RC_OK);
    }
    int64_t each_ns = (time_monotonic_us() - start) * 1000 / ROUNDS;
    print_message("# one route: %d ns\n", (int)each_ns);
    assert_true(each_ns < 50000); /* also under sanitizers on a busy machine */
    assert_int_equal(arena_used(arena), used);
    arena_free(arena);
    contract_free(contract);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_published_text),
        cmocka_unit_test(test_schemas_compile_once),
        cmocka_unit_test(test_broken_documents),
        cmocka_unit_test(test_call_helpers),
        cmocka_unit_test(test_routing_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
