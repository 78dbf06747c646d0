/* SPDX-License-Identifier: Apache-2.0
 * The dispatcher, called inside the process with a contract of its own. The wire is in
 * api_http_test.c. */
#include "base/buf.h"
#include "base/log.h"
#include "base/time.h"

#include "platform/api/api_priv.h"
#include "platform/api/api_test_contract.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first; it has a macro fail(): our function is called (fail)(...) here */
#include <cmocka.h>

typedef struct CallCase {
    HttpMethod method;
    const char *target, *header, *value, *body;
    int status;
    const char *has[3]; /* parts of the body */
} CallCase;

static TestApi fixture;

static int set_up(void **state)
{
    (void)state;
    log_configure(LOG_OFF, LOG_TEXT);
    test_api_new(&fixture, &(ApiOptions){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_api_free(&fixture);
    return 0;
}

static void run_cases(const CallCase *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const CallCase *c = &cases[i];
        Ctx cx = {
            .arena = arena_new(0), .platform = &fixture.platform, .request_id = STR("req-00001")};
        HttpPair header = {str_from(c->header), str_from(c->value)};
        Call call;
        api_call(fixture.api, &cx, c->method, str_from(c->target), &header, c->header ? 1 : 0,
                 str_from(c->body), &call);
        const char *body = str_cstr(cx.arena, call.reply.body);
        if (call.reply.status != c->status) {
            fail_msg("%s: status %d: %s", c->target, call.reply.status, body);
        }
        for (size_t k = 0; k < ARRAY_LEN(c->has) && c->has[k]; k++) {
            if (!strstr(body, c->has[k])) {
                fail_msg("%s: no %s in %s", c->target, c->has[k], body);
            }
        }
        arena_free(cx.arena);
    }
}
#define RUN(cases) run_cases((cases), ARRAY_LEN(cases))

static void test_parameters(void **state)
{
    (void)state;
    static const CallCase cases[] = {
        {HTTP_GET,
         "/api/things?limit=3&ok=true&name=a&name=b&tag=x,y", NULL,
         NULL,                                                                   NULL,
         200,                                                                               {"limit=3&ok=true&name=a&name=b&tag=x,y"}                },
        {HTTP_GET, "/api/things?name[gt]=a&name=",            NULL,      NULL,   NULL, 200, {"name[gt]=a"}                                           },
        {HTTP_GET,
         "/api/things?limit=abc",                             NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"\"code\":\"malformed-request\"",
          "\"errors\":[{\"pointer\":\"query:limit\",\"detail\":\"must be integer\"}]",
          "\"request_id\":\"req-00001\""}                                                                                               },
        {HTTP_GET, "/api/things?limit=1.5",                   NULL,      NULL,   NULL, 400, {"query:limit"}                                          },
        {HTTP_GET, "/api/things?limit=0",                     NULL,      NULL,   NULL, 400, {"must be >= 1"}                                         },
        {HTTP_GET, "/api/things?limit=",                      NULL,      NULL,   NULL, 400, {"must not be empty"}                                    },
        {HTTP_GET,
         "/api/things?limit=1&limit=2",                       NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"must be given only once"}                              },
        {HTTP_GET,
         "/api/things?limit=x&ok=maybe",                      NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"query:limit", "query:ok", "must be boolean"}           },
        {HTTP_GET,
         "/api/things?lmit=1",                                NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"query:lmit", "is not known here"}                      },
        {HTTP_GET, "/api/things?name[near]=1",                NULL,      NULL,   NULL, 400, {"query:name[near]"}                                     },
        {HTTP_GET,
         "/api/things?tag=x,z",                               NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"query:tag", "allowed values: x, y"}                    },
        {HTTP_GET, "/api/things?name=%00",                    NULL,      NULL,   NULL, 400, {"not UTF-8 text"}                                       },
        {HTTP_GET, "/api/things?name=%ff",                    NULL,      NULL,   NULL, 400, {"not UTF-8 text"}                                       },
        {HTTP_GET, "/api/things/%ff",                         NULL,      NULL,   NULL, 400, {"not UTF-8 text"}                                       },
        {HTTP_GET,
         "/api/things/1/parts",                               NULL,
         NULL,                                                                   NULL,
         400,                                                                               {"\"pointer\":\"query:kind\",\"detail\":\"is required\""}},
        {HTTP_GET, "/api/things/1/parts?kind=a",              "X-Count", "many", NULL, 400, {"header:X-Count"}                                       },
        {HTTP_GET, "/api/things/1/parts?kind=a",              "X-Count", "3",    NULL, 200, {"kind=a"}                                               },
        {HTTP_GET, "/api/nothing",                            NULL,      NULL,   NULL, 404, {"\"instance\":\"/api/nothing\""}                        },
        {HTTP_PUT, "/api/things",                             NULL,      NULL,   NULL, 405, {"method-not-allowed"}                                   },
    };
    RUN(cases);
}

static void test_backstage_parameters(void **state)
{
    (void)state;
    static const CallCase cases[] = {
        {HTTP_GET,
         "/api/back/entities?limit=abc",                  NULL,
         NULL,                                                        NULL,
         400,                                                                    {"{\"error\":{\"name\":\"InputError\",\"message\":\"request/query/limit must be "
          "integer\"},"
          "\"request\":{\"method\":\"GET\",\"url\":\"/"
          "entities?limit=abc\"},\"response\":{\"statusCode\":400}}"}                                                                                        },
        {HTTP_GET,
         "/api/back/entities?limit=-1",                   NULL,
         NULL,                                                        NULL,
         400,                                                                    {"request/query/limit must be >= 0"}                                                     },
        {HTTP_GET,
         "/api/back/entities?limit=1&filter=",            NULL,
         NULL,                                                        NULL,
         400,                                                                    {"Empty value found for query parameter 'filter'"}                                       },
        {HTTP_GET,
         "/api/back/entities?limit=x&nope=1",             NULL,
         NULL,                                                        NULL,
         400,                                                                    {"Unknown query parameter 'nope'"}                                                       },
        {HTTP_GET,
         "/api/back/facets",                              NULL,
         NULL,                                                        NULL,
         400,                                                                    {"request/query must have required property 'facet'"}                                    },
        {HTTP_GET,
         "/api/back/facets?facet=kind&totalItems=some",   NULL,
         NULL,                                                        NULL,
         400,                                                                    {"request/query/totalItems must be equal to one of the allowed values: include, exclude"}},
        {HTTP_GET, "/api/back/facets?facet=kind&limit=1", NULL, NULL, NULL, 200, {"facet=kind"}                                                                           },
    };
    RUN(cases);
}

static void test_bodies(void **state)
{
    (void)state;
    static const CallCase cases[] = {
        {HTTP_POST,
         "/api/things",            "Content-Type",
         "application/json; charset=utf-8",              "{\"a\":1}",
         201,                                                                                                                                     {"{\"a\":1}"}                                                              },
        {HTTP_POST, "/api/things", NULL,           NULL, "{\"a\":1}",                                                                        201, {NULL}                                                                     },
        {HTTP_POST, "/api/things", NULL,           NULL, "",                                                                                 400, {"A body is required"}                                                     },
        {HTTP_POST,
         "/api/things",            NULL,
         NULL,                                           "{\"a\":",
         400,                                                                                                                                     {"The body is not valid JSON", "\"line\":1"}                               },
        {HTTP_POST, "/api/things", NULL,           NULL, "{\"a\":1,\"a\":2}",                                                                400, {"not valid JSON"}                                                         },
        {HTTP_POST,
         "/api/things",            NULL,
         NULL,                                           "{}",
         422,                                                                                                                                     {"\"code\":\"invalid\"", "{\"pointer\":\"/a\",\"detail\":\"is required\"}"}},
        {HTTP_POST,
         "/api/things",            NULL,
         NULL,                                           "{\"a\":\"x\",\"b\":1}",
         422,                                                                                                                                     {"{\"pointer\":\"/a\",\"detail\":\"must be integer\"}",
          "{\"pointer\":\"/b\",\"detail\":\"is not a known property\"}"}                                                                                                                                        },
        {HTTP_POST,
         "/api/things",            "Content-Type",
         "text/plain",                                   "{\"a\":1}",
         415,                                                                                                                                     {"unsupported-media-type"}                                                 },
        {HTTP_POST,
         "/api/things",            NULL,
         NULL,                                           "{\"a\":1                                                                       }",
         413,                                                                                                                                     {"larger than 64 bytes"}                                                   },
        {HTTP_POST,
         "/api/back/by-refs",      NULL,
         NULL,                                           "{nope",
         400,                                                                                                                                     {"Expected property name or '}' in JSON at position 1 (line 1 column 2)",
          "\"url\":\"/by-refs\""}                                                                                                                                                                               },
        {HTTP_POST,
         "/api/back/by-refs",      NULL,
         NULL,                                           "{\"entityRefs\":\"cart\"}",
         400,                                                                                                                                     {"request/body/entityRefs must be array"}                                  },
        {HTTP_POST,
         "/api/back/by-refs",      NULL,
         NULL,                                           "{\"location\":{}}",
         400,                                                                                                                                     {"request/body must have required property 'entityRefs'"}                  },
        {HTTP_POST,
         "/api/back/by-refs",      NULL,
         NULL,                                           "{\"entityRefs\":[],\"location\":{}}",
         400,                                                                                                                                     {"request/body/location must have required property 'target'"}             },
        {HTTP_POST,
         "/api/back/by-refs",      NULL,
         NULL,                                           "",
         400,                                                                                                                                     {"request/body must have required property 'entityRefs'"}                  },
    };
    RUN(cases);
}

static void test_errors(void **state)
{
    (void)state;
    static const CallCase cases[] = {
        {HTTP_GET,
         "/api/fail/conflict",          NULL,
         NULL,                                                           NULL,
         409,                                                                              {"\"type\":\"urn:fairway:problem:conflict\"", "\"detail\":\"said conflict\""}     },
        {HTTP_GET,
         "/api/fail/field",             NULL,
         NULL,                                                           NULL,
         422,                                                                              {"{\"pointer\":\"/spec\",\"detail\":\"is odd\"}"}                                 },
        {HTTP_GET,  "/api/fail/silent", NULL,              NULL,         NULL,        500, {"\"detail\":\"Internal error\""}                                                 },
        {HTTP_GET,
         "/api/back/fail",              NULL,
         NULL,                                                           NULL,
         404,                                                                              {"\"name\":\"NotFoundError\",\"message\":\"said not-found\"", "\"url\":\"/fail\""}},
        {HTTP_GET,
         "/api/things",                 "Fairway-Version",
         "2020-01-01",                                                   NULL,
         400,                                                                              {"header:Fairway-Version", "2026-11-20"}                                          },
        {HTTP_GET,  "/api/things",      "Fairway-Version", "2026-11-20", NULL,        200, {NULL}                                                                            },
        {HTTP_POST,
         "/api/things",                 "Sec-Fetch-Site",
         "cross-site",                                                   "{\"a\":1}",
         403,                                                                              {"another site"}                                                                  },
        {HTTP_GET,  "/api/things",      "Sec-Fetch-Site",  "cross-site", NULL,        200, {NULL}                                                                            },
    };
    RUN(cases);
}

#if FAIRWAY_CHECKS
static void test_replies_are_checked(void **state)
{
    (void)state;
    static const CallCase cases[] = {
        {HTTP_GET,
         "/api/wrong/body",             NULL,
         NULL,                                      NULL,
         500,                                                  {"The answer of wrong.get does not fit the contract: /a must be integer"}},
        {HTTP_GET, "/api/wrong/text",   NULL, NULL, NULL, 500, {"is not JSON"}                                                          },
        {HTTP_GET, "/api/wrong/status", NULL, NULL, NULL, 500, {"wrong.get answered 418"}                                               },
        {HTTP_GET,
         "/api/wrong/header",           NULL,
         NULL,                                      NULL,
         500,                                                  {"The header X-A would have a control character"}                        },
    };
    RUN(cases);
}
#endif

static Str header_of(const Call *call, const char *name)
{
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        if (str_is(call->reply.headers[i].name, name)) {
            return call->reply.headers[i].value;
        }
    }
    return STR_EMPTY;
}

static void get(Ctx *cx, const char *target, const char *name, const char *value, Call *ret)
{
    HttpPair header = {str_from(name), str_from(value)};
    api_call(fixture.api, cx, HTTP_GET, str_from(target), &header, name ? 1 : 0, STR_EMPTY, ret);
}

static void test_conditional_get(void **state)
{
    (void)state;
    static const struct {
        const char *none_match;
        int status;
    } cases[] = {
        {"\"7\"",        304},
        {"W/\"7\"",      304},
        {"\"1\", \"7\"", 304},
        {"*",            304},
        {"\"8\"",        200},
        {"7",            200}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Ctx cx = {.arena = arena_new(0), .platform = &fixture.platform};
        Call call;
        get(&cx, "/api/things/x", "If-None-Match", cases[i].none_match, &call);
        assert_int_equal(call.reply.status, cases[i].status);
        assert_int_equal(call.reply.body.len == 0, cases[i].status == 304);
        assert_true(str_is(header_of(&call, "ETag"), "\"7\""));
        arena_free(cx.arena);
    }
}

static void test_headers(void **state)
{
    (void)state;
    Ctx cx = {.arena = arena_new(0), .platform = &fixture.platform, .request_id = STR("abc")};
    Call call;
    get(&cx, "/api/old", NULL, NULL, &call);
    assert_int_equal(call.reply.status, 204);
    assert_true(str_is(header_of(&call, "Deprecation"), "@1795132800"));
    assert_true(str_is(header_of(&call, "Sunset"), "Fri, 01 Jan 2027 00:00:00 GMT"));
    assert_true(str_is(header_of(&call, "X-Request-Id"), "abc"));
    assert_true(str_is(header_of(&call, "Fairway-Version"), "2026-11-20"));
    assert_true(str_is(header_of(&call, "X-Content-Type-Options"), "nosniff"));
    assert_true(str_find(header_of(&call, "Content-Security-Policy"),
                         STR("frame-ancestors 'none'")) != SIZE_MAX);
    get(&cx, "/api/things", NULL, NULL, &call);
    assert_true(str_is(call.reply.content_type, "application/json"));
    assert_int_equal(header_of(&call, "Deprecation").len, 0);
    get(&cx, "/api/back/facets?facet=x", NULL, NULL, &call);
    assert_true(str_is(call.reply.content_type, "application/json; charset=utf-8"));
    get(&cx, "/api/fail/busy", NULL, NULL, &call);
    assert_true(str_is(header_of(&call, "Retry-After"), "1"));
    assert_true(str_is(call.reply.content_type, "application/problem+json"));
    arena_free(cx.arena);
}

static Rc only_alice(Ctx *cx, const Call *call)
{
    if (!str_is(call_header(call, "Authorization"), "Bearer alice")) {
        return (fail)(cx, RC_UNAUTH, "Who are you?");
    }
    cx->actor = (Actor){.kind = ACTOR_USER, .id = STR("1"), .name = STR("alice")};
    return RC_OK;
}

static Rc may_read(Ctx *cx, Call *call)
{
    if (!str_is(call->op->action, "read")) {
        return (fail)(cx, RC_DENIED, "%.*s may not %.*s.", STR_ARG(cx->actor.name),
                      STR_ARG(call->op->action));
    }
    return RC_OK;
}

static void test_credentials(void **state)
{
    (void)state;
    test_api_free(&fixture);
    test_api_new(&fixture, &(ApiOptions){.authenticate = only_alice, .authorize = may_read});
    static const CallCase cases[] = {
        {HTTP_GET,  "/api/things?limit=x", NULL,            NULL,           NULL,        401, {"Who are you?"}        },
        {HTTP_GET,  "/api/things",         "Authorization", "Bearer alice", NULL,        200, {NULL}                  },
        {HTTP_POST,
         "/api/things",                    "Authorization",
         "Bearer alice",                                                    "{\"a\":1}",
         403,                                                                                 {"alice may not create"}},
        {HTTP_GET,  "/api/old",            NULL,            NULL,           NULL,        204, {NULL}                  }, /* public */
        {HTTP_GET,  "/api/back/entities",  NULL,            NULL,           NULL,        401, {"AuthenticationError"} },
    };
    RUN(cases);
    Ctx cx = {.arena = arena_new(0), .platform = &fixture.platform};
    Call call;
    get(&cx, "/api/things", NULL, NULL, &call);
    assert_true(str_is(header_of(&call, "WWW-Authenticate"), "Bearer"));
    arena_free(cx.arena);
}

static void test_modules_that_are_off(void **state)
{
    (void)state;
    static const Module other = {.name = "other"};
    static const Module things = {.name = "things"};
    static const Module *const enabled[][2] = {
        {&other, &things},
        {&other, NULL   }
    };
    for (size_t i = 0; i < ARRAY_LEN(enabled); i++) {
        Error err = {0};
        Api *api = NULL;
        Platform platform = fixture.platform;
        platform.modules = enabled[i];
        platform.n_modules = 2 - i;
        assert_int_equal(api_new(&platform, &(ApiOptions){0}, &api, &err), RC_OK);
        Ctx cx = {.arena = arena_new(0), .platform = &platform};
        Call call;
        api_call(api, &cx, HTTP_GET, STR("/api/things"), NULL, 0, STR_EMPTY, &call);
        assert_int_equal(call.reply.status, i == 0 ? 200 : 404);
        arena_free(cx.arena);
        api_free(api);
    }
}

static void test_identity(void **state)
{
    (void)state;
    static const char trace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
    static const struct {
        const char *parent;
        bool taken;
    } parents[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",                        true },
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",                        true },
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings", true },
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",                   false},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",                   false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",                        false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",                        false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",                        false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01",                        false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",                        false},
        {"00",                                                                             false},
        {"",                                                                               false},
    };
    Arena *arena = arena_new(0);
    Str id;
    Str got;
    for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
        api_identify(arena, STR("my-request-1"), str_from(parents[i].parent), &id, &got);
        assert_true(str_is(id, "my-request-1"));
        assert_int_equal(got.len, 32);
        assert_int_equal(str_is(got, trace), parents[i].taken);
    }
    static const char *const bad_ids[] = {
        "", "short", "has a space", "injected\r\nheader",
        "01234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++) {
        api_identify(arena, str_from(bad_ids[i]), STR_EMPTY, &id, &got);
        assert_true(uuid_is_valid(id));
    }
    arena_free(arena);
}

static void test_problem_text(void **state)
{
    (void)state;
    Error err = {0};
    error_set_at(&err, RC_MALFORMED, 3, 7, "a \"quote\"");
    error_field(&err, STR("/x"), "m");
    error_field(&err, STR("/y"), "n");
    Buf out = buf_init(NULL, KIB * 4);
    api_write_problem(&out, &err, STR("r"), STR("/i"));
    buf_char(&out, '\0');
    assert_string_equal(out.ptr,
                        "{\"type\":\"urn:fairway:problem:malformed-request\",\"title\":\"The "
                        "request is malformed\","
                        "\"status\":400,\"detail\":\"a "
                        "\\\"quote\\\"\",\"code\":\"malformed-request\",\"instance\":\"/i\","
                        "\"request_id\":\"r\",\"line\":3,\"column\":7,\"errors\":[{\"pointer\":\"/"
                        "x\",\"detail\":\"m\"},"
                        "{\"pointer\":\"/y\",\"detail\":\"n\"}]}");
    buf_done(&out);
}

static void test_no_heap_growth_on_reads(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    Arena *arena = arena_new(16 * KIB);
    size_t most = 0;
    int64_t start = time_monotonic_us();
    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(arena);
        Ctx cx = {.arena = arena, .platform = &fixture.platform, .request_id = STR("req-00001")};
        Call call;
        get(&cx, "/api/back/by-name/component/default/cart", NULL, NULL, &call);
        assert_int_equal(call.reply.status, 200);
        most = MAX(most, arena_used(arena));
    }
    int64_t each_ns = (time_monotonic_us() - start) * 1000 / ROUNDS;
    print_message("# one plain read inside the process: %d ns, %zu bytes\n", (int)each_ns, most);
    assert_true(most < 2 * KIB);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backstage_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
#if FAIRWAY_CHECKS
        cmocka_unit_test_setup_teardown(test_replies_are_checked, set_up, tear_down),
#endif
        cmocka_unit_test_setup_teardown(test_conditional_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_credentials, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modules_that_are_off, set_up, tear_down),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_problem_text),
        cmocka_unit_test_setup_teardown(test_no_heap_growth_on_reads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
