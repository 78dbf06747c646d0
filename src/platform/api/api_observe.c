/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_observe.c - a line and two metrics per request; the state of the process. */
#include "base/log.h"
#include "base/time.h"

#include "platform/api/api_priv.h"
#include "platform/telemetry/telemetry.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const class_names[STATUS_CLASSES] = {"aborted", "1xx", "2xx",
                                                        "3xx",     "4xx", "5xx"};

static Str operation_id(const ApiRequest *state)
{
    return state && state->op ? state->op->id : STR("other");
}

/* Two threads may both make it: the registry gives both the same metric. */
static Metric *counter_of(Api *api, ApiOperation *op, Str id, int status_class)
{
    Metric *m = atomic_load_explicit(&op->by_class[status_class], memory_order_acquire);
    if (!m) {
        char labels[160];
        snprintf(labels, sizeof(labels), "operation=\"%.*s\",status=\"%s\"", STR_ARG(id),
                 class_names[status_class]);
        m = metrics_counter(api->platform->metrics, "fairway_http_requests_total", labels,
                            "Requests by operation and class of status.");
        atomic_store_explicit(&op->by_class[status_class], m, memory_order_release);
    }
    return m;
}

static Metric *duration_of(Api *api, ApiOperation *op, Str id)
{
    Metric *m = atomic_load_explicit(&op->duration, memory_order_acquire);
    if (!m) {
        char labels[128];
        snprintf(labels, sizeof(labels), "operation=\"%.*s\"", STR_ARG(id));
        m = metrics_histogram(api->platform->metrics, "fairway_http_request_duration_seconds",
                              labels, "Time from the first byte of the request to the answer.");
        atomic_store_explicit(&op->duration, m, memory_order_release);
    }
    return m;
}

/* Probes come every second and say nothing new. */
static LogLevel level_of(const ApiRequest *state, int status)
{
    enum { FIRST_CLIENT_ERROR = 400 };
    bool probe = state && state->op && state->op->public_ && status < FIRST_CLIENT_ERROR;
    return probe ? LOG_DEBUG : LOG_INFO;
}

/* What a client did wrong is no error of the server's span (OpenTelemetry's conventions). */
static const char *error_of(int status, bool aborted)
{
    enum { FIRST_SERVER_ERROR = 500 };
    Rc rc = RC_INTERNAL;
    for (Rc known = RC_OK; known < RC_COUNT; known++) {
        rc = rc_status(known) == status ? known : rc;
    }
    if (aborted) {
        return "aborted";
    }
    return status < FIRST_SERVER_ERROR ? NULL : rc_slug(rc);
}

static void trace_request(Telemetry *telemetry,
                          const ApiRequest *state,
                          const HttpRequest *r,
                          int status,
                          int64_t duration_us,
                          bool aborted)
{
    const SpanAttr attrs[] = {
        {.key = "http.request.method",       .text = str_from(http_method_name(http_method(r)))},
        {.key = "http.route",                .text = state->op->path                           },
        {.key = "url.path",                  .text = http_path(r)                              },
        {.key = "http.response.status_code", .number = status                                  },
        {.key = "fairway.request_id",        .text = state->request_id                         },
    };
    telemetry_span(telemetry, &(Span){.kind = SPAN_SERVER,
                                      .name = state->op->id,
                                      .trace_id = state->trace_id,
                                      .traceparent = http_header(r, "traceparent"),
                                      .duration_us = duration_us,
                                      .error = error_of(status, aborted),
                                      .attrs = attrs,
                                      .n_attrs = ARRAY_LEN(attrs)});
}

void api_observe(Api *api,
                 const ApiRequest *state,
                 const HttpRequest *r,
                 int status,
                 size_t bytes,
                 int64_t duration_us,
                 bool aborted)
{
    size_t index = state && state->op ? state->op->index : api->n_operations;
    ApiOperation *op = &api->operations[index];
    int status_class = aborted ? 0 : MIN(MAX(status / 100, 1), STATUS_CLASSES - 1);
    LogLevel level = level_of(state, status);

    metric_add(counter_of(api, op, operation_id(state), status_class), 1);
    metric_observe_us(duration_of(api, op, operation_id(state)), duration_us);
    if (api->platform->telemetry && state && state->op) {
        trace_request(api->platform->telemetry, state, r, status, duration_us, aborted);
    }
    if (!log_enabled(level)) {
        return;
    }
    const LogField fields[] = {
        F_CSTR("method", http_method_name(http_method(r))),
        F_STR("path", http_path(r)),
        F_I64("status", status),
        F_STR("operation", operation_id(state)),
        F_I64("duration_us", duration_us),
        F_I64("bytes", bytes),
        F_STR("request_id", state ? state->request_id : STR_EMPTY),
        F_STR("trace_id", state ? state->trace_id : STR_EMPTY),
        F_STR("actor", state ? state->actor : STR_EMPTY),
        F_STR("address", state ? state->address : http_peer(r)),
        F_BOOL("aborted", aborted),
    };
    log_write(level, "http.request", fields, ARRAY_LEN(fields));
}

/* ---- the process, at each scrape */

static void put(Buf *out, const char *name, const char *kind, const char *help, uint64_t value)
{
    buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, kind, name,
            value);
}

static void scrape_process(const Platform *platform, Buf *out)
{
    struct rusage usage = {0};
    IGNORE(getrusage(RUSAGE_SELF, &usage)); /* cannot fail with these arguments */
    int64_t cpu_us = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_SECOND +
                     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    buf_fmt(out,
            "# HELP process_cpu_seconds_total Processor time used.\n"
            "# TYPE process_cpu_seconds_total counter\n"
            "process_cpu_seconds_total %" PRId64 ".%06" PRId64 "\n",
            cpu_us / US_PER_SECOND, cpu_us % US_PER_SECOND);
    put(out, "process_start_time_seconds", "gauge", "Start of the process, Unix time.",
        (uint64_t)(platform->started_us / US_PER_SECOND));
    FILE *statm = fopen("/proc/self/statm", "r");
    char line[128];
    if (statm && fgets(line, sizeof(line), statm)) {
        char *resident; /* behind the size of the address space */
        IGNORE(strtoul(line, &resident, 10) == 0);
        unsigned long pages = strtoul(resident, NULL, 10);
        put(out, "process_resident_memory_bytes", "gauge", "Memory in use.",
            (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
    }
    if (statm) {
        fclose(statm);
    }
    DIR *fds = opendir("/proc/self/fd");
    uint64_t n = 0;
    while (fds && readdir(fds)) {
        n++;
    }
    if (fds) {
        closedir(fds);
        put(out, "process_open_fds", "gauge", "Open file descriptors.", n > 3 ? n - 3 : 0);
    }
}

static void scrape_http(const Platform *platform, Buf *out)
{
    if (!platform->server) {
        return;
    }
    HttpServerStats s = http_server_stats(platform->server);
    put(out, "fairway_http_connections", "gauge", "Open connections.", s.connections_open);
    put(out, "fairway_http_streams", "gauge", "Open event streams.", s.streams_open);
    put(out, "fairway_http_queue_length", "gauge", "Requests waiting for a worker.",
        s.queue_length);
    put(out, "fairway_http_workers_busy", "gauge",
        "Requests that workers serve, or have handed over to the database.", s.busy_workers);
    put(out, "fairway_http_refused_total", "counter", "Requests refused by the server itself.",
        s.refused);
}

static void scrape_db(const Platform *platform, Buf *out)
{
    if (!platform->db) {
        return;
    }
    DbStats s = db_stats(platform->db);
    put(out, "fairway_db_reads_total", "counter", "Read scopes.", s.reads);
    put(out, "fairway_db_writes_total", "counter", "Write transactions.", s.writes);
    put(out, "fairway_db_commits_total", "counter", "Commits.", s.commits);
    put(out, "fairway_db_groups_total", "counter", "Groups of commits written at once.", s.groups);
    put(out, "fairway_db_busy_total", "counter", "Times no connection was free.", s.busy);
    put(out, "fairway_db_errors_total", "counter", "Failed statements.", s.errors);
    put(out, "fairway_db_connections", "gauge", "Open connections.", s.connections);
    put(out, "fairway_db_connections_in_use", "gauge", "Connections in use.", s.in_use);
}

void api_scrape(void *platform, Buf *out)
{
    const Platform *p = platform;
    scrape_process(p, out);
    scrape_http(p, out);
    scrape_db(p, out);
}
