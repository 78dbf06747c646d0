/* SPDX-License-Identifier: Apache-2.0
 * platform/metrics/metrics.h - counters, gauges and histograms of the process, in Prometheus text
 * format.
 *
 * Metrics are declared at start-up, updated from any thread without locks, and written by GET
 * /metrics. */
#ifndef PLATFORM_METRICS_H
#define PLATFORM_METRICS_H

#include "base/buf.h"

#include "platform/ctx.h"

typedef struct Metric Metric;

MUST_CHECK Rc metrics_new(Metrics **ret, Error *err);
void metrics_free(Metrics *metrics);
/* labels: rendered label set without braces (job="x",state="y"), or "". The same name with other
 * labels is one family. */
Metric *metrics_counter(Metrics *metrics, const char *name, const char *labels, const char *help);
Metric *metrics_gauge(Metrics *metrics, const char *name, const char *labels, const char *help);
/* Buckets of seconds suited to request times: 0.5 ms .. 10 s. */
Metric *metrics_histogram(Metrics *metrics, const char *name, const char *labels, const char *help);
void metric_add(Metric *metric, int64_t by);
void metric_set(Metric *metric, int64_t value);
void metric_observe_us(Metric *metric, int64_t us);
/* Called at each scrape, to write values kept elsewhere (store, server). */
void metrics_on_scrape(Metrics *metrics, void (*fn)(void *user, Buf *out), void *user);
void metrics_write(Metrics *metrics, Buf *out);

#endif
