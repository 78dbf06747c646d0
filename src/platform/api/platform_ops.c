/* SPDX-License-Identifier: Apache-2.0
 * platform/api/platform_ops.c - the operations of api/platform.yaml: the server about itself. */
#include "base/buf.h"
#include "base/thread.h"
#include "base/time.h"

#include "contract_handlers.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"

#define READY_VALID_US US_PER_SECOND
enum { MAX_READY = 64 * 1024, MAX_METRICS = 8 * 1024 * 1024 };

/* ---- index, health */

Rc platform_index(Ctx *cx, Call *call)
{
    const Platform *p = cx->platform;
    Buf out = buf_init(cx->arena, MAX_READY);
    buf_lit(&out,
            "{\"name\":\"fairway\",\"version\":\"" FAIRWAY_VERSION "\",\"api\":{\"version\":");
    buf_json_str(&out, contract_version(p->contract));
    buf_lit(&out, ",\"versions\":[");
    buf_json_str(&out, contract_version(p->contract));
    size_t n_older;
    const ContractVersion *older = contract_older_versions(p->contract, &n_older);
    for (size_t i = 0; i < n_older; i++) {
        buf_char(&out, ',');
        buf_json_str(&out, older[i].version);
    }
    buf_lit(&out, "]},\"modules\":[");
    for (size_t i = 0; i < p->n_modules; i++) {
        buf_put(&out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        buf_json_str(&out, str_from(p->modules[i]->name));
        buf_lit(&out, ",\"title\":");
        buf_json_str(&out, str_from(p->modules[i]->title));
        buf_char(&out, '}');
    }
    buf_lit(&out, "],\"links\":{\"openapi\":\"/api/openapi.json\",\"health\":\"/api/health\","
                  "\"ready\":\"/api/ready\",\"metrics\":\"/metrics\"}}");
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

/* Until 2026-11-20 it said the newest version only, as `api_version`. */
Rc platform_index_before_2026_11_25(Ctx *cx, Call *call)
{
    Json *index;
    TRY(json_parse(cx->arena, call->reply.body, NULL, &index, &cx->error));
    Str newest = json_str_at(json_get_c(index, "api"), "version");
    json_set(cx->arena, index, STR("api_version"), json_string(cx->arena, newest));
    IGNORE(!json_remove(index, STR("api"))); /* it is there */
    reply_json_tree(cx, call, 200, index);
    return RC_OK;
}

Rc platform_health(Ctx *cx, Call *call)
{
    int64_t up_us = time_now_us() - cx->platform->started_us;
    reply_json(call, 200,
               str_fmt(cx->arena,
                       "{\"status\":\"ok\",\"version\":\"" FAIRWAY_VERSION
                       "\",\"uptime_seconds\":%lld}",
                       (long long)(MAX(up_us, 0) / US_PER_SECOND)));
    return RC_OK;
}

Rc platform_backstage_liveness(Ctx *cx, Call *call)
{
    (void)cx;
    reply_text(call, 200, "application/json; charset=utf-8", STR("{\"status\":\"ok\"}"));
    return RC_OK;
}

/* ---- readiness */

/* The last answer of the process, for a second: probes of several balancers cost one round trip. */
static struct {
    Mutex lock;         /* guards the rest */
    bool asking;        /* someone asks right now; others take the last answer */
    const Platform *of; /* with its start: a process of tests has several */
    int64_t of_started_us;
    int64_t at_us;
    bool ready;
    char database[sizeof(((Error *)NULL)->message)]; /* why the database is not; "" when it is */
} last = {.lock = MUTEX_INIT};

static void ask_database(Ctx *cx, int64_t now)
{
    Error err = {0};
    Rc rc = cx->platform->db ? db_ping(cx->platform->db, &err) : RC_OK;
    mutex_lock(&last.lock);
    last.asking = false;
    last.of = cx->platform;
    last.of_started_us = cx->platform->started_us;
    last.at_us = now;
    last.ready = rc == RC_OK;
    snprintf(last.database, sizeof(last.database), "%s", rc == RC_OK ? "" : err.message);
    mutex_unlock(&last.lock);
}

static bool is_of(const Platform *platform) REQUIRES(last.lock)
{
    return last.of == platform && last.of_started_us == platform->started_us;
}

static bool database_ready(Ctx *cx, Str *ret_why)
{
    int64_t now = time_monotonic_us();
    mutex_lock(&last.lock);
    bool stale = !is_of(cx->platform) || now - last.at_us > READY_VALID_US;
    bool ask = stale && !last.asking;
    last.asking = last.asking || ask;
    mutex_unlock(&last.lock);
    if (ask) {
        ask_database(cx, now);
    }
    mutex_lock(&last.lock);
    bool ready = is_of(cx->platform) && last.ready;
    *ret_why = str_dup(cx->arena, str_from(last.database));
    mutex_unlock(&last.lock);
    return ready;
}

static void put_check(Buf *out, Str name, bool ready, Str why)
{
    buf_put(out, out->ptr[out->len - 1] == '[' ? STR("{\"name\":") : STR(",{\"name\":"));
    buf_json_str(out, name);
    buf_put(out, ready ? STR(",\"ready\":true") : STR(",\"ready\":false,\"reason\":"));
    if (!ready) {
        buf_json_str(out, why.len ? why : STR("It has not said why."));
    }
    buf_char(out, '}');
}

/* ret_checks: the list as JSON; ret_why: the first thing that is missing. */
static bool check_ready(Ctx *cx, Str *ret_checks, Str *ret_why)
{
    Platform *p = cx->platform;
    Buf out = buf_init(cx->arena, MAX_READY);
    Str why = STR_EMPTY;
    bool all = database_ready(cx, &why);
    *ret_why = why;
    buf_char(&out, '[');
    put_check(&out, STR("database"), all, why);
    for (size_t i = 0; i < p->n_modules; i++) {
        const Module *m = p->modules[i];
        why = STR_EMPTY;
        bool ready = !m->ready || m->ready(p, &why);
        put_check(&out, str_from(m->name), ready, why);
        if (!ready && all) {
            *ret_why = why;
        }
        all = all && ready;
    }
    buf_char(&out, ']');
    *ret_checks = buf_str(&out);
    return all;
}

Rc platform_ready(Ctx *cx, Call *call)
{
    Str checks;
    Str why;
    bool ready = check_ready(cx, &checks, &why);
    Str text = str_fmt(cx->arena, "{\"status\":\"%s\",\"checks\":%.*s}",
                       ready ? "ok" : "unavailable", STR_ARG(checks));
    reply_json(call, ready ? 200 : 503, text);
    return RC_OK;
}

Rc platform_backstage_readiness(Ctx *cx, Call *call)
{
    Str checks;
    Str why;
    bool ready = check_ready(cx, &checks, &why);
    Buf out = buf_init(cx->arena, MAX_READY);
    buf_put(&out, ready ? STR("{\"status\":\"ok\"}") : STR("{\"status\":\"error\",\"message\":"));
    if (!ready) {
        buf_json_str(&out, why.len ? why : STR("The server is starting."));
        buf_char(&out, '}');
    }
    reply_text(call, ready ? 200 : 503, "application/json; charset=utf-8", buf_str(&out));
    return RC_OK;
}

/* ---- the document */

Rc platform_openapi(Ctx *cx, Call *call)
{
    const ContractText *text = contract_text(cx->platform->contract);
    bool gzip = str_find(call_header(call, "Accept-Encoding"), STR("gzip")) != SIZE_MAX;
    reply_json(call, 200, gzip ? text->gzip : text->plain);
    reply_header(call, "ETag", text->etag);
    reply_header(call, "Vary", STR("Accept-Encoding"));
    if (gzip) {
        reply_header(call, "Content-Encoding", STR("gzip"));
    }
    return RC_OK;
}

/* ---- metrics */

Rc platform_metrics(Ctx *cx, Call *call)
{
    Buf out = buf_init(cx->arena, MAX_METRICS);
    metrics_write(cx->platform->metrics, &out);
    if (!buf_ok(&out)) {
        return fail(cx, RC_LIMIT, "The metrics are larger than %d bytes.", MAX_METRICS);
    }
    reply_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&out));
    return RC_OK;
}
