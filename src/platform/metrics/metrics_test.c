/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include "platform/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those above first */
#include <cmocka.h>

static Metrics *new_metrics(void)
{
    Metrics *metrics = NULL;
    Error err = {0};
    assert_int_equal(metrics_new(&metrics, &err), RC_OK);
    return metrics;
}

static void put_extra(void *user, Buf *out)
{
    buf_fmt(out, "extra %d\n", *(const int *)user);
}

static void test_text_format(void **state)
{
    (void)state;
    Metrics *metrics = new_metrics();
    int extra = 42;
    Metric *a = metrics_counter(metrics, "jobs_total", "job=\"a\"", "Jobs done.");
    Metric *h = metrics_histogram(metrics, "wait_seconds", "job=\"a\"", "Time waited.");
    Metric *b = metrics_counter(metrics, "jobs_total", "job=\"b\"", "Jobs done.");
    Metric *g = metrics_gauge(metrics, "depth", "", "Depth.");
    assert_ptr_equal(a, metrics_counter(metrics, "jobs_total", "job=\"a\"", "Jobs done."));
    metric_add(a, 2);
    metric_add(b, 1);
    metric_add(g, 5);
    metric_add(g, -7);
    metric_observe_us(h, 500); /* exactly on a bound: counts below it */
    metric_observe_us(h, 1400000);
    metric_observe_us(h, 99000000); /* beyond the last */
    metrics_on_scrape(metrics, put_extra, &extra);
    Buf out = buf_init(NULL, MIB);
    metrics_write(metrics, &out);
    buf_char(&out, '\0');
    assert_string_equal(out.ptr, "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n"
                                 "jobs_total{job=\"a\"} 2\njobs_total{job=\"b\"} 1\n"
                                 "# HELP wait_seconds Time waited.\n# TYPE wait_seconds histogram\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.0005\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.001\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.0025\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.005\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.01\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.025\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.05\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.1\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.25\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"0.5\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"1\"} 1\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"2.5\"} 2\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"5\"} 2\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"10\"} 2\n"
                                 "wait_seconds_bucket{job=\"a\",le=\"+Inf\"} 3\n"
                                 "wait_seconds_sum{job=\"a\"} 100.4005\n"
                                 "wait_seconds_count{job=\"a\"} 3\n"
                                 "# HELP depth Depth.\n# TYPE depth gauge\ndepth -2\nextra 42\n");
    buf_done(&out);
    metrics_free(metrics);
}

static void *count(void *arg)
{
    Metrics *metrics = arg;
    for (int i = 0; i < 1000; i++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "i=\"%d\"", i % 10);
        metric_add(metrics_counter(metrics, "n_total", labels, "N."), 1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    Metrics *metrics = new_metrics();
    Thread threads[4] = {0};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_start(&threads[i], "count", count, metrics);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
    }
    Buf out = buf_init(NULL, MIB);
    metrics_write(metrics, &out);
    assert_true(str_find(buf_str(&out), STR("n_total{i=\"7\"} 400\n")) != SIZE_MAX);
    buf_done(&out);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_format),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
