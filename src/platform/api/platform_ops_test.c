/* SPDX-License-Identifier: Apache-2.0
 * The operations of the server itself, called directly. */
#include "base/buf.h"
#include "base/time.h"

#include "contract_handlers.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first */
#include <cmocka.h>

static const char *missing; /* what the module `late` lacks; NULL: nothing */

static bool late_is_ready(Platform *platform, Str *ret_why)
{
    (void)platform;
    *ret_why = str_from(missing);
    return !missing;
}

static const Module early = {.name = "early", .title = "Early bird"};
static const Module late = {.name = "late", .title = "The \"late\"", .ready = late_is_ready};
static const Module *const modules[] = {&early, &late};

static Contract *contract;
static Platform platform;
static Ctx cx;

static int set_up(void **state)
{
    static const char text[] = "{\"info\":{\"version\":\"2026-11-20\"},\"paths\":{}}";
    Error err = {0};
    (void)state;
    missing = NULL;
    platform = (Platform){
        .modules = modules, .n_modules = 2, .started_us = time_now_us() - 5 * US_PER_SECOND};
    if (contract_load(STR(text), NULL, 0, NULL, &contract, &err) != RC_OK ||
        metrics_new(&platform.metrics, &err) != RC_OK) {
        return 1;
    }
    platform.contract = contract;
    cx = (Ctx){.arena = arena_new(0), .platform = &platform};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(cx.arena);
    metrics_free(platform.metrics);
    contract_free(contract);
    return 0;
}

static const char *run(OperationFn fn, const HttpPair *header, Call *call)
{
    *call = (Call){.headers = header, .n_headers = header ? 1 : 0};
    assert_int_equal(fn(&cx, call), RC_OK);
    return str_cstr(cx.arena, call->reply.body);
}

static void test_index(void **state)
{
    (void)state;
    Call call;
    assert_string_equal(run(platform_index, NULL, &call),
                        "{\"name\":\"fairway\",\"version\":\"" FAIRWAY_VERSION
                        "\",\"api\":{\"version\":\"2026-11-20\",\"versions\":[\"2026-11-20\"]},"
                        "\"modules\":[{\"name\":\"early\",\"title\":\"Early bird\"},"
                        "{\"name\":\"late\",\"title\":\"The \\\"late\\\"\"}],"
                        "\"links\":{\"openapi\":\"/api/openapi.json\",\"health\":\"/api/health\","
                        "\"ready\":\"/api/ready\",\"metrics\":\"/metrics\"}}");
}

static void test_health(void **state)
{
    (void)state;
    Call call;
    assert_string_equal(run(platform_health, NULL, &call),
                        "{\"status\":\"ok\",\"version\":\"" FAIRWAY_VERSION
                        "\",\"uptime_seconds\":5}");
    assert_string_equal(run(platform_backstage_liveness, NULL, &call), "{\"status\":\"ok\"}");
    assert_true(str_is(call.reply.content_type, "application/json; charset=utf-8"));
}

static void test_readiness(void **state)
{
    (void)state;
    Call call;
    assert_string_equal(run(platform_ready, NULL, &call),
                        "{\"status\":\"ok\",\"checks\":[{\"name\":\"database\",\"ready\":true},"
                        "{\"name\":\"early\",\"ready\":true},{\"name\":\"late\",\"ready\":true}]}");
    assert_int_equal(call.reply.status, 200);
    run(platform_backstage_readiness, NULL, &call);
    assert_int_equal(call.reply.status, 200);

    missing = "Still reading.";
    const char *body = run(platform_ready, NULL, &call);
    assert_int_equal(call.reply.status, 503);
    assert_non_null(strstr(body, "\"status\":\"unavailable\""));
    assert_non_null(
        strstr(body, "{\"name\":\"late\",\"ready\":false,\"reason\":\"Still reading.\"}"));
    assert_string_equal(run(platform_backstage_readiness, NULL, &call),
                        "{\"status\":\"error\",\"message\":\"Still reading.\"}");
    assert_int_equal(call.reply.status, 503);
}

static void test_document(void **state)
{
    (void)state;
    const HttpPair gzip = {STR("Accept-Encoding"), STR("br, gzip")};
    Call call;
    const char *plain = run(platform_openapi, NULL, &call);
    assert_string_equal(plain, "{\"info\":{\"version\":\"2026-11-20\"},\"paths\":{}}");
    assert_int_equal(call.reply.n_headers, 2);
    run(platform_openapi, &gzip, &call);
    assert_memory_equal(call.reply.body.ptr, "\x1f\x8b", 2);
    assert_true(str_is(call.reply.headers[2].value, "gzip"));
}

static void test_metrics(void **state)
{
    (void)state;
    Call call;
    metric_add(metrics_counter(platform.metrics, "n_total", "", "N."), 3);
    assert_string_equal(run(platform_metrics, NULL, &call),
                        "# HELP n_total N.\n# TYPE n_total counter\nn_total 3\n");
    assert_true(str_is(call.reply.content_type, "text/plain; version=0.0.4; charset=utf-8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_health, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_readiness, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
