/* SPDX-License-Identifier: Apache-2.0
 * platform/metrics/metrics.c - counters in memory, families in the order of their first metric.
 *
 * Updating is one relaxed atomic addition (three for a histogram). A scrape reads while others
 * write: a histogram's buckets may be one observation ahead of its sum, which Prometheus allows. */
#include "platform/metrics/metrics.h"

#include "base/thread.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdatomic.h>

static const int64_t bounds_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
enum { N_BUCKETS = ARRAY_LEN(bounds_us) + 1, MAX_SCRAPERS = 16 };

typedef enum MetricKind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } MetricKind;

typedef struct Histogram {
    _Atomic int64_t buckets[N_BUCKETS]; /* not cumulative; the last is +Inf */
    _Atomic int64_t sum_us;
} Histogram;

struct Metric {
    Metric *next; /* of the same family */
    Str labels;
    MetricKind kind;
    _Atomic int64_t value;
    Histogram *histogram;
};

typedef struct Family {
    struct Family *next;
    Str name, help;
    MetricKind kind;
    Metric *first, *last;
} Family;

typedef struct Scraper {
    void (*fn)(void *user, Buf *out);
    void *user;
} Scraper;

struct Metrics {
    Arena *arena;
    Mutex lock; /* guards everything here; the values of a metric need none */
    Family *first, *last;
    Scraper scrapers[MAX_SCRAPERS];
    size_t n_scrapers;
};

Rc metrics_new(Metrics **ret, Error *err)
{
    (void)err; /* nothing here can fail */
    Arena *arena = arena_new(0);
    Metrics *metrics = ARENA_NEW(arena, Metrics);
    metrics->arena = arena;
    mutex_init(&metrics->lock);
    *ret = metrics;
    return RC_OK;
}

void metrics_free(Metrics *metrics)
{
    if (metrics) {
        mutex_done(&metrics->lock);
        arena_free(metrics->arena);
    }
}

static Family *family_of(Metrics *metrics, const char *name, const char *help, MetricKind kind)
    REQUIRES(metrics->lock)
{
    for (Family *f = metrics->first; f; f = f->next) {
        if (str_is(f->name, name)) {
            ASSERT(f->kind == kind);
            return f;
        }
    }
    Family *f = ARENA_NEW(metrics->arena, Family);
    f->name = str_dup(metrics->arena, str_from(name));
    f->help = str_dup(metrics->arena, str_from(help));
    f->kind = kind;
    if (metrics->last) {
        metrics->last->next = f;
    } else {
        metrics->first = f;
    }
    metrics->last = f;
    return f;
}

static Metric *
metric_of(Metrics *metrics, const char *name, const char *labels, const char *help, MetricKind kind)
{
    mutex_lock(&metrics->lock);
    Family *f = family_of(metrics, name, help, kind);
    Metric *m = f->first;
    while (m && !str_is(m->labels, labels)) {
        m = m->next;
    }
    if (!m) {
        m = ARENA_NEW(metrics->arena, Metric);
        m->kind = kind;
        m->labels = str_dup(metrics->arena, str_from(labels));
        if (kind == METRIC_HISTOGRAM) {
            m->histogram = ARENA_NEW(metrics->arena, Histogram);
        }
        if (f->last) {
            f->last->next = m;
        } else {
            f->first = m;
        }
        f->last = m;
    }
    mutex_unlock(&metrics->lock);
    return m;
}

Metric *metrics_counter(Metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metric_of(metrics, name, labels, help, METRIC_COUNTER);
}

Metric *metrics_gauge(Metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metric_of(metrics, name, labels, help, METRIC_GAUGE);
}

Metric *metrics_histogram(Metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metric_of(metrics, name, labels, help, METRIC_HISTOGRAM);
}

void metric_add(Metric *metric, int64_t by)
{
    ASSERT(metric->kind != METRIC_HISTOGRAM && (metric->kind == METRIC_GAUGE || by >= 0));
    atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void metric_set(Metric *metric, int64_t value)
{
    ASSERT(metric->kind == METRIC_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe_us(Metric *metric, int64_t us)
{
    ASSERT(metric->kind == METRIC_HISTOGRAM);
    size_t i = 0;
    while (i < ARRAY_LEN(bounds_us) && us > bounds_us[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&metric->histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->histogram->sum_us, MAX(us, 0), memory_order_relaxed);
}

void metrics_on_scrape(Metrics *metrics, void (*fn)(void *user, Buf *out), void *user)
{
    mutex_lock(&metrics->lock);
    ASSERT(metrics->n_scrapers < MAX_SCRAPERS);
    metrics->scrapers[metrics->n_scrapers++] = (Scraper){fn, user};
    mutex_unlock(&metrics->lock);
}

/* 1500000 -> "1.5" */
static void put_seconds(Buf *out, int64_t us)
{
    buf_i64(out, us / US_PER_SECOND);
    int64_t rest = us % US_PER_SECOND;
    if (rest > 0) {
        int digits = 6;
        while (rest % 10 == 0) {
            rest /= 10;
            digits--;
        }
        buf_fmt(out, ".%0*" PRId64, digits, rest);
    }
}

static void put_name(Buf *out, Str family, const char *suffix, Str labels, Str more)
{
    buf_fmt(out, "%.*s%s", STR_ARG(family), suffix);
    if (labels.len + more.len > 0) {
        buf_fmt(out, "{%.*s%s%.*s}", STR_ARG(labels), labels.len && more.len ? "," : "",
                STR_ARG(more));
    }
    buf_char(out, ' ');
}

static void write_histogram(const Family *f, const Metric *m, Buf *out)
{
    int64_t count = 0;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        char text[48];
        Buf le = {.ptr = text, .cap = sizeof(text) - 1, .max = sizeof(text) - 1};
        count += atomic_load_explicit(&m->histogram->buckets[i], memory_order_relaxed);
        buf_lit(&le, "le=\"");
        if (i < ARRAY_LEN(bounds_us)) {
            put_seconds(&le, bounds_us[i]);
        } else {
            buf_lit(&le, "+Inf");
        }
        buf_char(&le, '"');
        put_name(out, f->name, "_bucket", m->labels, buf_str(&le));
        buf_i64(out, count);
        buf_char(out, '\n');
    }
    put_name(out, f->name, "_sum", m->labels, STR_EMPTY);
    put_seconds(out, atomic_load_explicit(&m->histogram->sum_us, memory_order_relaxed));
    buf_char(out, '\n');
    put_name(out, f->name, "_count", m->labels, STR_EMPTY);
    buf_i64(out, count);
    buf_char(out, '\n');
}

void metrics_write(Metrics *metrics, Buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    mutex_lock(&metrics->lock);
    for (const Family *f = metrics->first; f; f = f->next) {
        buf_fmt(out, "# HELP %.*s %.*s\n# TYPE %.*s %s\n", STR_ARG(f->name), STR_ARG(f->help),
                STR_ARG(f->name), kinds[f->kind]);
        for (const Metric *m = f->first; m; m = m->next) {
            if (m->kind == METRIC_HISTOGRAM) {
                write_histogram(f, m, out);
                continue;
            }
            put_name(out, f->name, "", m->labels, STR_EMPTY);
            buf_i64(out, atomic_load_explicit(&m->value, memory_order_relaxed));
            buf_char(out, '\n');
        }
    }
    size_t n = metrics->n_scrapers;
    mutex_unlock(&metrics->lock);
    for (size_t i = 0; i < n; i++) {
        metrics->scrapers[i].fn(metrics->scrapers[i].user, out);
    }
}
