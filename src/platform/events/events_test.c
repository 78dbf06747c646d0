/* SPDX-License-Identifier: Apache-2.0
 * The outbox: order, filters, durable subscriptions, retention; on both databases. */
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

#include "events_place_sql.h"
#include "events_q_sql.h"
#include "platform/events/events_priv.h"
#include "platform/platform_jobs.h"
#include "test_pg.h"
#include "test_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka has a macro fail(): our function is declared before it, and called (fail)(...) here */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

static DbKind kind; /* of the group of tests that runs */

static const char *url_or_skip(void)
{
    const char *url = test_database_url(kind);
    if (!url) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
    return url;
}

static void must(Rc rc, const Ctx *cx)
{
    if (rc != RC_OK) {
        fail_msg("%s (%s)", cx->error.message, cx->error.detail);
    }
}

/* In one transaction. */
static void emit(Platform *p, const char *type, int n)
{
    Ctx *cx = ctx_new_system(p, "test");
    must(ctx_begin(cx), cx);
    Json *data = json_object(cx->arena);
    json_set_c(cx->arena, data, "n", json_int(cx->arena, n));
    must(events_emit(cx, type, "/test", str_fmt(cx->arena, "thing/%d", n), data), cx);
    must(ctx_commit(cx), cx);
    ctx_free(cx);
}

static int64_t number_of(const Event *event)
{
    static const char start[] = "{\"n\":";
    char data[64];
    snprintf(data, sizeof(data), "%.*s", STR_ARG(event->data));
    return strncmp(data, start, sizeof(start) - 1) == 0
               ? strtoll(data + sizeof(start) - 1, NULL, 10)
               : -1;
}

/* ---- recording subscriber */

enum { MAX_SEEN = 20000 };

static struct {
    Mutex lock;
    int64_t numbers[MAX_SEEN];
    int64_t positions[MAX_SEEN];
    size_t n;
    unsigned fail_one_in; /* 0: never */
    unsigned running;     /* handlers at once, over all platforms */
    bool overlapped;
} seen = {.lock = MUTEX_INIT};

static void seen_reset(unsigned fail_one_in)
{
    mutex_lock(&seen.lock);
    seen.n = 0;
    seen.fail_one_in = fail_one_in;
    seen.overlapped = false;
    mutex_unlock(&seen.lock);
}

static unsigned random_below(unsigned n)
{
    uint32_t v;
    random_bytes(&v, sizeof(v));
    return v % n;
}

static Rc record_event(Ctx *cx, const Event *event)
{
    int64_t position = 0;
    int64_t n = number_of(event);
    mutex_lock(&seen.lock);
    bool is_first = seen.running++ == 0;
    seen.overlapped = seen.overlapped || !is_first;
    bool fails = seen.fail_one_in && random_below(seen.fail_one_in) == 0;
    if (!fails && seen.n < MAX_SEEN && event_position_parse(event->position, &position)) {
        seen.numbers[seen.n] = n;
        seen.positions[seen.n++] = position;
    }
    seen.running--;
    mutex_unlock(&seen.lock);
    return fails ? (fail)(cx, RC_UPSTREAM, "not now") : RC_OK;
}

static const Subscription recorder[] = {
    {"test.recorder", "test.* more.special", record_event}
};
static const Module recording_module = {
    .name = "test", .title = "Test", .subscriptions = recorder, .n_subscriptions = 1};

static size_t distinct_seen(size_t total)
{
    bool *got = calloc(total, sizeof(bool));
    size_t n = 0;
    mutex_lock(&seen.lock);
    for (size_t i = 0; i < seen.n; i++) {
        int64_t v = seen.numbers[i];
        if (v >= 0 && (size_t)v < total && !got[v]) {
            got[v] = true;
            n++;
        }
    }
    mutex_unlock(&seen.lock);
    free(got);
    return n;
}

static void wait_seen(size_t total, int64_t within_us)
{
    int64_t deadline = time_monotonic_us() + within_us;
    while (distinct_seen(total) < total && time_monotonic_us() < deadline) {
        thread_sleep_us(2 * US_PER_MS);
    }
    assert_int_equal(distinct_seen(total), total);
}

/* A position that is delivered again may follow its successors only as a repetition: first
 * deliveries come in order. */
static void assert_first_deliveries_in_order(void)
{
    int64_t newest = 0;
    for (size_t i = 0; i < seen.n; i++) {
        if (seen.positions[i] > newest) {
            newest = seen.positions[i];
            continue;
        }
        bool is_repetition = false;
        for (size_t j = 0; j < i && !is_repetition; j++) {
            is_repetition = seen.positions[j] == seen.positions[i];
        }
        assert_true(is_repetition);
    }
}

/* ---- positions and filters */

static void test_positions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"",                    true,  0                 },
        {"0000000000000012",    true,  12                },
        {"7",                   true,  7                 },
        {"999999999999999999",  true,  999999999999999999},
        {"-1",                  false, 0                 },
        {"1x",                  false, 0                 },
        {"1234567890123456789", false, 0                 },
        {" 1",                  false, 0                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        assert_int_equal(event_position_parse(str_from(cases[i].text), &v), cases[i].ok);
        assert_int_equal(v, cases[i].value);
    }
    char a[EVENT_POSITION_DIGITS + 4], b[EVENT_POSITION_DIGITS + 4];
    assert_true(str_cmp(event_position_write(99, a), event_position_write(100, b)) < 0);
    assert_str(event_position_write(1234, a), STR("0000000000001234"));
}

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *types, *subject, *type, *about;
        bool match;
    } cases[] = {
        {"",                     "",                "a.b",               "x",                     true },
        {"services.*",           "",                "services.updated",  "x",                     true },
        {"services.*",           "",                "teams.updated",     "x",                     false},
        {"services.*,teams.*",   "",                "teams.updated",     "x",                     true },
        {"services.* teams.*",   "",                "teams.updated",     "x",                     true },
        {" ,services.created, ", "",                "services.created",  "x",                     true },
        {"services.created",     "",                "services.createds", "x",                     false},
        {"*",                    "",                "anything.at.all",   "x",                     true },
        {"",                     "abc",             "t",                 "abc",                   true },
        {"",                     "abc",             "t",                 "abcd",                  false},
        {"",                     "[abc]",           "t",                 "[abc]",                 true },
        {"",                     "component:*/api", "t",                 "component:default/api", true },
        {"",                     "component:*",     "t",                 "component:default/api", false},
        {"",                     "component:**",    "t",                 "component:default/api", true },
        {"a.*",                  "s*",              "a.b",               "s1",                    true },
        {"a.*",                  "s*",              "b.b",               "s1",                    false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EventFilter filter;
        Event event = {.type = str_from(cases[i].type), .subject = str_from(cases[i].about)};
        assert_true(
            event_filter_parse(str_from(cases[i].types), str_from(cases[i].subject), &filter));
        if (event_filter_match(&filter, &event) != cases[i].match) {
            fail_msg("types '%s' subject '%s' with %s %s", cases[i].types, cases[i].subject,
                     cases[i].type, cases[i].about);
        }
    }
    EventFilter filter;
    char many[256] = {0};
    for (int i = 0; i < EVENT_GLOBS_MAX + 1; i++) {
        memcpy(many + strlen(many), "a,", 3);
    }
    assert_false(event_filter_parse(str_from(many), STR_EMPTY, &filter));
}

/* ---- writing and reading */

static void check_queries(Db *db, const Query *const *queries, size_t n)
{
    Error err = {0};
    for (size_t i = 0; i < n; i++) {
        if (db_check_query(db, queries[i], &err) != RC_OK) {
            fail_msg("%s: %s (%s)", queries[i]->name, err.message, err.detail);
        }
    }
}

static void test_queries(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), NULL);
    check_queries(t->platform.db, events_q_queries, events_q_n_queries);
    if (kind == DB_POSTGRES) {
        check_queries(t->platform.db, events_place_queries, events_place_n_queries);
    }
    test_platform_free(t);
}

static void test_read(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), NULL);
    Platform *p = &t->platform;
    Error err = {0};
    assert_int_equal(events_start(p->events, &err), RC_OK);
    for (int i = 0; i < 5; i++) {
        emit(p, i % 2 ? "test.odd" : "test.even", i);
    }
    Ctx *cx = ctx_new_system(p, "test");
    Event *events = NULL;
    size_t n = 0;
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    while (n < 5 && time_monotonic_us() < deadline) {
        ctx_reset(cx);
        must(events_read(cx, STR_EMPTY, STR_EMPTY, 100, &events, &n), cx);
    }
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(number_of(&events[i]), i);
        assert_true(i == 0 || str_cmp(events[i - 1].position, events[i].position) < 0);
    }
    assert_str(events[0].actor, STR("system:test"));
    assert_str(events[3].subject, STR("thing/3"));
    Str after = events[2].position, head;
    must(events_read(cx, after, STR("test.odd"), 100, &events, &n), cx);
    assert_int_equal(n, 1);
    assert_int_equal(number_of(&events[0]), 3);
    must(events_read(cx, STR_EMPTY, STR_EMPTY, 2, &events, &n), cx);
    assert_int_equal(n, 2);
    must(events_head(cx, &head), cx);
    must(events_read(cx, head, STR_EMPTY, 2, &events, &n), cx);
    assert_int_equal(n, 0);
    assert_int_equal(events_read(cx, STR("nonsense"), STR_EMPTY, 2, &events, &n), RC_INVALID);
    ctx_free(cx);
    test_platform_free(t);
}

static void test_undone_leaves_nothing(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    Ctx *cx = ctx_new_system(p, "test");
    must(ctx_begin(cx), cx);
    must(events_emit(cx, "test.undone", "/test", STR("x"), NULL), cx);
    ctx_free(cx);
    emit(p, "test.done", 0);
    wait_seen(1, 5 * US_PER_SECOND);
    assert_int_equal(seen.n, 1);
    test_platform_free(t);
}

static void test_large_and_many(void **state)
{
    enum { N = 1201 };
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    Ctx *cx = ctx_new_system(p, "test");
    Event *events = ARENA_ARRAY(cx->arena, Event, N);
    for (int i = 0; i < N; i++) {
        events[i] = (Event){.type = STR("test.many"),
                            .source = STR("/test"),
                            .subject = STR("s"),
                            .data = str_fmt(cx->arena, "{\"n\":%d}", i)};
    }
    must(ctx_begin(cx), cx);
    must(events_emit_many(cx, events, N), cx);
    must(ctx_commit(cx), cx);
    wait_seen(N, 10 * US_PER_SECOND);
    assert_int_equal(seen.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(seen.numbers[i], i);
    }
    /* Too large: the event says so instead of failing the change. Line breaks go. */
    char *large = arena_alloc(cx->arena, EVENT_DATA_MAX + 3);
    memset(large, 'x', EVENT_DATA_MAX + 3);
    large[0] = large[EVENT_DATA_MAX + 2] = '"';
    Event odd[] = {
        {.type = STR("other.large"),
         .source = STR("/t"),
         .subject = STR("s"),
         .data = str_of(large, EVENT_DATA_MAX + 3)},
        {.type = STR("other.lines"),
         .source = STR("/t"),
         .subject = STR("s"),
         .data = STR("{\n\"a\":\r\n1}")},
        {.type = STR("other.none"),        .source = STR("/t"), .subject = STR("s")                 },
    };
    must(ctx_begin(cx), cx);
    must(events_emit_many(cx, odd, ARRAY_LEN(odd)), cx);
    must(ctx_commit(cx), cx);
    Event none[3] = {0}, *read = none;
    size_t n = 0;
    int64_t deadline = time_monotonic_us() + 5 * US_PER_SECOND;
    while (n < 3 && time_monotonic_us() < deadline) {
        ctx_end(cx);
        must(events_read(cx, STR_EMPTY, STR("other.*"), 10, &read, &n), cx);
    }
    assert_int_equal(n, 3);
    assert_true(str_starts(read[0].data, STR("{\"omitted\":")));
    assert_true(str_find_char(read[1].data, '\n') == SIZE_MAX &&
                str_find_char(read[1].data, '\r') == SIZE_MAX);
    assert_str(read[2].data, STR("null"));
    ctx_free(cx);
    test_platform_free(t);
}

/* ---- order under concurrency */

typedef struct Writer {
    Platform *platform;
    Thread thread;
    int from, n;
} Writer;

/* Transactions of different length, some undone, with several events each. */
static void *write_some(void *user)
{
    Writer *w = user;
    Ctx *cx = ctx_new_system(w->platform, "test");
    for (int i = 0; i < w->n;) {
        bool is_undone = random_below(5) == 0;
        int wanted = 1 + (int)random_below(3);
        int count = MIN(wanted, w->n - i);
        must(ctx_begin(cx), cx);
        for (int k = 0; k < count; k++) {
            Json *data = json_object(cx->arena);
            json_set_c(cx->arena, data, "n", json_int(cx->arena, is_undone ? -2 : w->from + i + k));
            must(events_emit(cx, "test.written", "/test", STR("s"), data), cx);
            if (random_below(4) == 0) {
                thread_sleep_us(random_below(kind == DB_POSTGRES ? 8000 : 500));
            }
        }
        if (is_undone) {
            ctx_end(cx);
        } else {
            must(ctx_commit(cx), cx);
            i += count;
        }
        ctx_reset(cx);
    }
    ctx_free(cx);
    return NULL;
}

static void run_writers(Platform **platforms, size_t n_platforms, size_t n_writers, int each)
{
    Writer writers[8];
    for (size_t i = 0; i < n_writers; i++) {
        writers[i] =
            (Writer){.platform = platforms[i % n_platforms], .from = (int)i * each, .n = each};
        thread_start(&writers[i].thread, "writer", write_some, &writers[i]);
    }
    for (size_t i = 0; i < n_writers; i++) {
        thread_join(&writers[i].thread);
    }
}

/* Nothing is lost, doubled or out of order while transactions commit in another order than they
 * write. */
static void test_concurrent_writers(void **state)
{
    enum { WRITERS = 6, EACH = 60 };
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    run_writers(&p, 1, WRITERS, EACH);
    wait_seen(WRITERS * EACH, 10 * US_PER_SECOND);
    for (size_t i = 1; i < seen.n; i++) {
        if (seen.positions[i - 1] >= seen.positions[i]) {
            fail_msg("%lld at %lld after %lld at %lld", (long long)seen.numbers[i],
                     (long long)seen.positions[i], (long long)seen.numbers[i - 1],
                     (long long)seen.positions[i - 1]);
        }
    }
    assert_int_equal(seen.n, WRITERS * EACH);
    /* What one writer wrote later comes later. */
    for (int w = 0; w < WRITERS; w++) {
        int64_t last = -1;
        for (size_t i = 0; i < seen.n; i++) {
            if (seen.numbers[i] / EACH == w) {
                assert_true(seen.numbers[i] > last);
                last = seen.numbers[i];
            }
        }
    }
    test_platform_free(t);
}

/* PostgreSQL: a transaction that wrote first and commits last neither holds up nor is skipped. */
static void test_late_commit(void **state)
{
    (void)state;
    if (kind != DB_POSTGRES) {
        skip(); /* writers take turns there */
    }
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    Ctx *slow = ctx_new_system(p, "test");
    must(ctx_begin(slow), slow);
    Json *data = json_object(slow->arena);
    json_set_c(slow->arena, data, "n", json_int(slow->arena, 9));
    must(events_emit(slow, "test.slow", "/test", STR("s"), data), slow);
    Writer fast = {.platform = p, .from = 0, .n = 9};
    thread_start(&fast.thread, "writer", write_some, &fast);
    thread_join(&fast.thread);
    wait_seen(9, 5 * US_PER_SECOND); /* not held up */
    must(ctx_commit(slow), slow);
    wait_seen(10, 5 * US_PER_SECOND); /* not skipped */
    assert_int_equal(seen.numbers[seen.n - 1], 9);
    ctx_free(slow);
    test_platform_free(t);
}

/* ---- subscriptions */

static void test_filtered_subscription(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    emit(p, "other.thing", 5);
    emit(p, "more.special", 0);
    emit(p, "more.ordinary", 6);
    emit(p, "test.x", 1);
    wait_seen(2, 5 * US_PER_SECOND);
    assert_int_equal(seen.n, 2);
    test_platform_free(t);
}

/* What happens while nobody reads is delivered to the next who does; what came before the first
 * registration is not. */
static void test_resumes(void **state)
{
    (void)state;
    const char *url = url_or_skip();
    Error err = {0};
    seen_reset(0);
    TestPlatform *before = test_platform_new(url, NULL);
    emit(&before->platform, "test.before", 7);
    if (kind == DB_POSTGRES) { /* placed, as any serving process would have done */
        assert_int_equal(events_start(before->platform.events, &err), RC_OK);
        Ctx *cx = ctx_new_system(&before->platform, "test");
        Str head = STR_EMPTY;
        while (!str_is(head, "0000000000000001")) {
            ctx_reset(cx);
            must(events_head(cx, &head), cx);
        }
        ctx_free(cx);
    }
    test_platform_free(before);
    TestPlatform *first = test_platform_new(url, &recording_module);
    assert_int_equal(events_start(first->platform.events, &err), RC_OK);
    emit(&first->platform, "test.a", 0);
    wait_seen(1, 5 * US_PER_SECOND);
    events_stop(first->platform.events);
    emit(&first->platform, "test.b", 1);
    test_platform_free(first);
    TestPlatform *second = test_platform_new(url, &recording_module);
    assert_int_equal(events_start(second->platform.events, &err), RC_OK);
    wait_seen(2, 5 * US_PER_SECOND);
    assert_int_equal(seen.n, 2); /* a clean stop repeats nothing */
    test_platform_free(second);
}

/* Another process's lease keeps us out until it runs out. */
static void test_lease(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    static const Query take = {
        "test.take", "UPDATE event_subscriptions SET lease_owner = 'other', lease_until = $1",
        NULL};
    seen_reset(0);
    Ctx *cx = ctx_new_system(p, "test");
    must(ctx_begin(cx), cx);
    must(tx_exec(cx->tx, &take, PARAMS(P_I64(time_now_us() + 1500 * US_PER_MS)), NULL, &cx->error),
         cx);
    must(ctx_commit(cx), cx);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    int64_t started = time_monotonic_us();
    emit(p, "test.a", 0);
    wait_seen(1, 20 * US_PER_SECOND);
    assert_true(time_monotonic_us() - started > US_PER_SECOND);
    ctx_free(cx);
    test_platform_free(t);
}

/* Several processes, handlers that fail, processes that come and go: at least once, in order. */
static void test_random_failures(void **state)
{
    enum { WRITERS = 4, EACH = 50, PROCESSES = 2 };
    (void)state;
    const char *url = url_or_skip();
    Error err = {0};
    TestPlatform *t[PROCESSES];
    Platform *p[PROCESSES];
    seen_reset(120);
    for (size_t i = 0; i < PROCESSES; i++) {
        t[i] = test_platform_new(url, &recording_module);
        p[i] = &t[i]->platform;
        assert_int_equal(events_start(p[i]->events, &err), RC_OK);
    }
    run_writers(p, PROCESSES, WRITERS, EACH);
    events_stop(p[0]->events); /* the other one takes over */
    wait_seen(WRITERS * EACH, 60 * US_PER_SECOND);
    assert_first_deliveries_in_order();
    assert_false(seen.overlapped);
    for (size_t i = 0; i < PROCESSES; i++) {
        test_platform_free(t[i]);
    }
}

/* A server that crashes and comes back: nothing is lost, and the readers go on by themselves. */
static void test_database_away(void **state)
{
    (void)state;
    const char *url = url_or_skip();
    if (!test_pg_is_private()) {
        skip(); /* not ours to stop */
    }
    TestPlatform *t = test_platform_new(url, &recording_module);
    Platform *p = &t->platform;
    Error err = {0};
    seen_reset(0);
    assert_int_equal(events_start(p->events, &err), RC_OK);
    emit(p, "test.before", 0);
    wait_seen(1, 5 * US_PER_SECOND);
    test_pg_stop(true);
    assert_int_not_equal(db_ping(p->db, &err), RC_OK);
    test_pg_start();
    int64_t deadline = time_monotonic_us() + 20 * US_PER_SECOND;
    while (db_ping(p->db, &err) != RC_OK && time_monotonic_us() < deadline) {
        thread_sleep_us(20 * US_PER_MS);
    }
    emit(p, "test.after", 1);
    wait_seen(2, 30 * US_PER_SECOND);
    test_platform_free(t);
}

/* ---- retention */

static void test_prune(void **state)
{
    (void)state;
    TestPlatform *t = test_platform_new(url_or_skip(), NULL);
    Platform *p = &t->platform;
    Error err = {0};
    static const Query age = {"test.age", "UPDATE events SET at = 1 WHERE position <= 3", NULL};
    assert_int_equal(events_start(p->events, &err), RC_OK);
    for (int i = 0; i < 5; i++) {
        emit(p, "test.x", i);
    }
    Ctx *cx = ctx_new_system(p, "test");
    Event *events;
    size_t n = 0;
    bool is_done = true;
    while (n < 5) {
        ctx_reset(cx);
        must(events_read(cx, STR_EMPTY, STR_EMPTY, 10, &events, &n), cx);
    }
    must(ctx_begin(cx), cx);
    must(tx_exec(cx->tx, &age, NO_PARAMS, NULL, &cx->error), cx);
    must(ctx_commit(cx), cx);
    must(events_prune_before(cx, time_now_us() - US_PER_HOUR, &is_done), cx);
    assert_false(is_done);
    must(events_prune_before(cx, time_now_us() - US_PER_HOUR, &is_done), cx);
    assert_true(is_done);
    must(events_read(cx, STR_EMPTY, STR_EMPTY, 10, &events, &n), cx);
    assert_int_equal(n, 2);
    int64_t pruned;
    must(events_pruned_position(cx->tx, &pruned, &cx->error), cx);
    assert_int_equal(pruned, 3);
    ctx_free(cx);
    test_platform_free(t);
}

static int on_sqlite(void **state)
{
    (void)state;
    kind = DB_SQLITE;
    return 0;
}

static int on_postgres(void **state)
{
    (void)state;
    kind = DB_POSTGRES;
    return 0;
}

#define ON_BOTH(test)                                                                              \
    {#test " on SQLite", test, on_sqlite, NULL, NULL},                                             \
    {                                                                                              \
#test " on PostgreSQL", test, on_postgres, NULL, NULL                                      \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_filters),
        ON_BOTH(test_queries),
        ON_BOTH(test_read),
        ON_BOTH(test_undone_leaves_nothing),
        ON_BOTH(test_large_and_many),
        ON_BOTH(test_concurrent_writers),
        ON_BOTH(test_late_commit),
        ON_BOTH(test_filtered_subscription),
        ON_BOTH(test_resumes),
        ON_BOTH(test_lease),
        ON_BOTH(test_random_failures),
        ON_BOTH(test_prune),
        {"test_database_away on PostgreSQL", test_database_away, on_postgres, NULL, NULL},
    };
    log_configure(LOG_OFF, LOG_TEXT);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    test_database_end();
    return rc;
}
