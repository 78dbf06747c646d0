/* SPDX-License-Identifier: Apache-2.0
 * Health checks with time in the test's hands: who may run what and when, what a result changes,
 * how long it is kept; on both databases. */
#include "base/thread.h"
#include "base/time.h"

#include "health_q_sql.h"
#include "modules/services/services_test_support.h"
#include "platform/events/events.h"
#include "services_q_sql.h"

#include <stdio.h>
#include <string.h>

/* cmocka has a macro fail(), which is declared as a function before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

#define T0 (INT64_C(1760000000) * US_PER_SECOND)

static DbKind kind; /* of the group of tests that runs */

static TestPlatform *platform_or_skip(void)
{
    TestPlatform *t = test_services_new(kind);
    if (!t) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
    return t;
}

/* How many were taken; the first one's id in *ret_id. */
static size_t claim(Platform *p, const char *token, int64_t now, size_t max, char ret_id[64])
{
    Ctx *cx = ctx_new_system(p, "test");
    HealthProbe *probes;
    size_t n;
    must(ctx_begin(cx), cx);
    must(health_claim(cx, str_from(token), now, max, &probes, &n), cx);
    if (n > 0 && ret_id) {
        snprintf(ret_id, 64, "%.*s", STR_ARG(probes[0].check_id));
        assert_int_equal(probes[0].method, HTTP_HEAD);
        assert_int_equal(probes[0].expected_status, 204);
        assert_int_equal(probes[0].timeout_us, 10 * US_PER_SECOND);
        assert_true(str_is(probes[0].endpoint, "http://example.com/"));
    }
    must(ctx_commit(cx), cx);
    ctx_free(cx);
    return n;
}

static void
record(Platform *p, const char *token, const char *service, const char *check, int64_t at, bool ok)
{
    Ctx *cx = ctx_new_system(p, "test");
    HealthOutcome outcome = {
        .check_id = str_from(check),
        .service_id = str_from(service),
        .at_us = at,
        .duration_us = 1000,
        .ok = ok,
        .status_code = ok ? 204 : 503,
        .error = ok ? STR_EMPTY : STR("answered 503 instead of 204"),
    };
    must(ctx_begin(cx), cx);
    must(health_record(cx, str_from(token), &outcome, 1), cx);
    must(ctx_commit(cx), cx);
    ctx_free(cx);
}

static const char *status_of(Platform *p, const char *check)
{
    return text_of_sql(p, "SELECT status FROM health_check_states WHERE check_id = '%s'", check);
}

static const char *service_status(Platform *p)
{
    return text_of_sql(p, "SELECT health FROM services WHERE id = 'id-cart'");
}

/* ---- taking */

static void test_one_taker(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    char id[64];
    add_entity(p, "component", "cart", "");
    add_check(p, "id-cart", "c1", 60, T0);
    assert_int_equal(claim(p, "a", T0 - 1, 10, NULL), 0); /* not due yet */
    assert_int_equal(claim(p, "a", T0, 10, id), 1);
    assert_string_equal(id, "c1");
    assert_int_equal(claim(p, "b", T0, 10, NULL), 0);
    /* due again, and still in a's hands */
    run_sql(p, "UPDATE health_check_states SET next_run_at = %lld", (long long)T0);
    assert_int_equal(claim(p, "b", T0 + 39 * US_PER_SECOND, 10, NULL), 0);
    /* timeout and grace are over: a is gone */
    int64_t later = T0 + 40 * US_PER_SECOND;
    assert_int_equal(claim(p, "b", later, 10, NULL), 1);
    record(p, "a", "id-cart", "c1", T0, false); /* and comes too late */
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_results"), 0);
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_rollups"), 0);
    assert_string_equal(status_of(p, "c1"), "unknown");
    record(p, "b", "id-cart", "c1", later, true);
    assert_string_equal(status_of(p, "c1"), "healthy");
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_results"), 1);
    test_platform_free(t);
}

static void test_at_most_max(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    char name[16], id[64];
    add_entity(p, "component", "cart", "");
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        add_check(p, "id-cart", name, 60, T0 - i);
    }
    assert_int_equal(claim(p, "a", T0, 1, id), 1);
    assert_string_equal(id, "c4"); /* the longest due */
    assert_int_equal(claim(p, "a", T0, 3, NULL), 3);
    assert_int_equal(claim(p, "a", T0, 3, NULL), 1);
    assert_int_equal(claim(p, "a", T0, 3, NULL), 0);
    test_platform_free(t);
}

static int64_t next_due(Platform *p)
{
    Ctx *cx = ctx_new_system(p, "test");
    int64_t due;
    must(ctx_read(cx), cx);
    must(health_next_due(cx, &due), cx);
    ctx_free(cx);
    return due;
}

static void test_interval(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    add_entity(p, "component", "cart", "");
    assert_true(next_due(p) == INT64_MAX);
    add_check(p, "id-cart", "c1", 60, T0);
    assert_true(next_due(p) == T0);
    /* a late run does not move the beat */
    assert_int_equal(claim(p, "a", T0 + 10 * US_PER_SECOND, 10, NULL), 1);
    assert_true(next_due(p) == T0 + US_PER_MINUTE);
    record(p, "a", "id-cart", "c1", T0 + 10 * US_PER_SECOND, true);
    assert_int_equal(claim(p, "a", T0 + 59 * US_PER_SECOND, 10, NULL), 0);
    assert_int_equal(claim(p, "a", T0 + US_PER_MINUTE, 10, NULL), 1);
    record(p, "a", "id-cart", "c1", T0 + US_PER_MINUTE, true);
    /* after a long time away one run is made, not all that were missed */
    int64_t back = T0 + US_PER_HOUR + 7;
    assert_int_equal(claim(p, "a", back, 10, NULL), 1);
    record(p, "a", "id-cart", "c1", back, true);
    assert_int_equal(claim(p, "a", back, 10, NULL), 0);
    assert_true(next_due(p) == back + US_PER_MINUTE);
    test_platform_free(t);
}

/* ---- racing takers */

enum { RACERS = 4, RACE_CHECKS = 60 };

typedef struct Racer {
    TestPlatform *t;
    char token[32];
    size_t taken;
} Racer;

static void *race(void *user)
{
    Racer *r = user;
    size_t n;
    do {
        n = claim(&r->t->platform, r->token, T0, 3, NULL);
        r->taken += n;
    } while (n > 0);
    return NULL;
}

static void test_race(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Racer racers[RACERS] = {0};
    Thread threads[RACERS] = {0};
    char name[16];
    size_t taken = 0;
    add_entity(&t->platform, "component", "cart", "");
    for (int i = 0; i < RACE_CHECKS; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        add_check(&t->platform, "id-cart", name, 60, T0);
    }
    for (int i = 0; i < RACERS; i++) {
        /* SQLite belongs to one process here, PostgreSQL to several */
        racers[i].t = kind == DB_POSTGRES && i % 2 ? test_services_again() : t;
        snprintf(racers[i].token, sizeof(racers[i].token), "racer%d", i);
        thread_start(&threads[i], "racer", race, &racers[i]);
    }
    for (int i = 0; i < RACERS; i++) {
        thread_join(&threads[i]);
        taken += racers[i].taken;
        assert_int_equal(number_of_sql(&t->platform,
                                       "SELECT COUNT(*) FROM health_check_states WHERE "
                                       "claimed_by = '%s'",
                                       racers[i].token),
                         (int64_t)racers[i].taken);
    }
    assert_int_equal(taken, RACE_CHECKS);
    for (int i = 0; i < RACERS; i++) {
        if (racers[i].t != t) {
            test_platform_free(racers[i].t);
        }
    }
    test_platform_free(t);
}

/* ---- results */

typedef struct Step {
    bool ok;
    const char *status;
} Step;

static int64_t changes_of_health(Platform *p)
{
    return number_of_sql(p,
                         "SELECT COUNT(*) FROM events WHERE type = 'services.health_changed' AND "
                         "subject = 'id-cart'");
}

static void test_thresholds(void **state)
{
    (void)state;
    static const Step steps[] = {
        {true,  "healthy"  },
        {true,  "healthy"  },
        {false, "degraded" },
        {true,  "healthy"  },
        {false, "degraded" },
        {false, "unhealthy"},
        {false, "unhealthy"},
        {true,  "healthy"  },
    };
    enum { CHANGES = 6 };
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    add_entity(p, "component", "cart", "");
    assert_string_equal(service_status(p), "unknown");
    add_check(p, "id-cart", "c1", 60, T0);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t now = T0 + (int64_t)i * US_PER_MINUTE;
        assert_int_equal(claim(p, "a", now, 10, NULL), 1);
        record(p, "a", "id-cart", "c1", now, steps[i].ok);
        assert_string_equal(status_of(p, "c1"), steps[i].status);
        assert_string_equal(service_status(p), steps[i].status);
    }
    assert_int_equal(changes_of_health(p), CHANGES);
    const char *last = text_of_sql(
        p,
        "SELECT data FROM events WHERE type = 'services.health_changed' ORDER BY id DESC LIMIT 1");
    assert_string_equal(last,
                        "{\"service_id\":\"id-cart\",\"entity_ref\":\"component:default/cart\","
                        "\"from\":\"unhealthy\",\"to\":\"healthy\"}");
    assert_true(number_of_sql(p, "SELECT changed_at FROM service_health") ==
                T0 + 7 * US_PER_MINUTE);
    assert_int_equal(number_of_sql(p, "SELECT failures FROM health_check_states"), 0);
    assert_string_equal(text_of_sql(p, "SELECT error FROM health_results WHERE ok = 0 LIMIT 1"),
                        "answered 503 instead of 204");
    test_platform_free(t);
}

static void test_worst_of_checks(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    add_entity(p, "component", "cart", "");
    add_check(p, "id-cart", "good", 60, T0);
    add_check(p, "id-cart", "bad", 60, T0);
    add_check(p, "id-cart", "idle", 60, T0 + US_PER_DAY);
    assert_int_equal(claim(p, "a", T0, 10, NULL), 2);
    record(p, "a", "id-cart", "good", T0, true);
    assert_string_equal(service_status(p), "healthy");
    record(p, "a", "id-cart", "bad", T0, false);
    assert_string_equal(service_status(p), "degraded");
    int64_t now = T0 + US_PER_MINUTE;
    assert_int_equal(claim(p, "a", now, 10, NULL), 2);
    record(p, "a", "id-cart", "bad", now, false);
    record(p, "a", "id-cart", "good", now, true);
    assert_string_equal(service_status(p), "unhealthy");
    /* what is switched off while it runs counts no more */
    now += US_PER_MINUTE;
    assert_int_equal(claim(p, "a", now, 10, NULL), 2);
    run_sql(p, "UPDATE health_check_states SET next_run_at = NULL WHERE check_id = 'bad'");
    record(p, "a", "id-cart", "bad", now, false);
    assert_string_equal(status_of(p, "bad"), "unknown");
    assert_string_equal(service_status(p), "healthy");
    assert_int_equal(changes_of_health(p), 4);
    test_platform_free(t);
}

static void test_sums_and_retention(void **state)
{
    (void)state;
    enum { DAYS = 100, KEPT_HOURS = 48 };
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    int64_t start = T0 - T0 % US_PER_HOUR, now = start + DAYS * US_PER_DAY;
    add_entity(p, "component", "cart", "");
    add_check(p, "id-cart", "c1", 1800, start);
    for (int64_t at = start; at < now;
         at += 12 * US_PER_HOUR) { /* two runs in one hour, then none */
        assert_int_equal(claim(p, "a", at, 10, NULL), 1);
        record(p, "a", "id-cart", "c1", at, true);
        assert_int_equal(claim(p, "a", at + US_PER_HOUR / 2, 10, NULL), 1);
        record(p, "a", "id-cart", "c1", at + US_PER_HOUR / 2, false);
    }
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_results"), DAYS * 4);
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_rollups"), DAYS * 2);
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_rollups WHERE runs = 2 AND ok = "
                                      "1 AND duration_us_sum = 2000 AND duration_us_max = 1000"),
                     DAYS * 2);
    Ctx *cx = ctx_new_system(p, "test");
    must(health_prune(cx, now), cx);
    ctx_free(cx);
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_results"), KEPT_HOURS / 12 * 2);
    assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM health_rollups"), HEALTH_DAYS * 2);
    test_platform_free(t);
}

/* ---- rows that belong to a service */

static void test_all_goes_with_the_service(void **state)
{
    (void)state;
    static const char *const tables[] = {
        "service_versions",    "service_deployments", "service_dependencies", "health_checks",
        "health_check_states", "health_results",      "health_rollups",       "service_health"};
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    add_entity(p, "component", "cart", "");
    add_entity(p, "component", "web", "");
    add_check(p, "id-cart", "c1", 60, T0);
    assert_int_equal(claim(p, "a", T0, 10, NULL), 1);
    record(p, "a", "id-cart", "c1", T0, true);
    run_sql(p, "INSERT INTO service_versions (id, revision, created_at, updated_at, service_id, "
               "version, precedence) VALUES ('v', 1, 0, 0, 'id-cart', '1.0.0', '')");
    run_sql(p, "INSERT INTO service_deployments (id, revision, created_at, updated_at, service_id, "
               "version_id, environment, status) VALUES ('d', 1, 0, 0, 'id-cart', 'v', 'x', "
               "'pending')");
    run_sql(p, "INSERT INTO service_dependencies (id, revision, created_at, updated_at, "
               "service_id, depends_on_service_id, type, status) VALUES ('y', 1, 0, 0, 'id-web', "
               "'id-cart', 'build', 'unknown')");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM %s", tables[i]), 1);
    }
    run_sql(p, "DELETE FROM entities WHERE id = 'id-cart'");
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        assert_int_equal(number_of_sql(p, "SELECT COUNT(*) FROM %s", tables[i]), 0);
    }
    test_platform_free(t);
}

static void test_statements(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Error err = {0};
    for (size_t i = 0; i < health_q_n_queries; i++) {
        if (db_check_query(t->platform.db, health_q_queries[i], &err) != RC_OK) {
            fail_msg("%s: %s (%s)", health_q_queries[i]->name, err.message, err.detail);
        }
    }
    for (size_t i = 0; i < services_q_n_queries; i++) {
        if (db_check_query(t->platform.db, services_q_queries[i], &err) != RC_OK) {
            fail_msg("%s: %s (%s)", services_q_queries[i]->name, err.message, err.detail);
        }
    }
    test_platform_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_taker),          cmocka_unit_test(test_at_most_max),
        cmocka_unit_test(test_interval),           cmocka_unit_test(test_race),
        cmocka_unit_test(test_thresholds),         cmocka_unit_test(test_worst_of_checks),
        cmocka_unit_test(test_sums_and_retention), cmocka_unit_test(test_all_goes_with_the_service),
        cmocka_unit_test(test_statements),
    };
    int failed = 0;
    for (kind = DB_SQLITE; kind <= DB_POSTGRES; kind++) {
        print_message("# on %s\n", kind == DB_SQLITE ? "SQLite" : "PostgreSQL");
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    test_database_end();
    return failed;
}
