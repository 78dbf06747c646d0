/* SPDX-License-Identifier: Apache-2.0
 * GET /api/services/{id}/health and POST …/health-checks/{id}/run. */
#include "base/time.h"

#include "contract_handlers.h"
#include "health_q_sql.h"
#include "modules/services/services_priv.h"
#include "platform/contract/contract.h"

enum { CHECKS_SHOWN_MAX = 500, STEPS_MAX = 500, STEPS_WANTED = 150 };

static Json *share_json(Arena *arena, int64_t ok, int64_t runs)
{
    return runs > 0 ? json_double(arena, (double)ok / (double)runs) : json_null(arena);
}

static Json *time_or_null(Arena *arena, Rows *rows, int column)
{
    return rows_is_null(rows, column)
               ? json_null(arena)
               : json_string(arena, time_rfc3339_dup(arena, rows_i64(rows, column)));
}

/* ---- the pieces of the answer */

static Rc put_status(Ctx *cx, Str id, Json *answer)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    json_set_str(cx->arena, answer, "service_id", id);
    json_set_str(cx->arena, answer, "status", STR("unknown"));
    json_set_c(cx->arena, answer, "changed_at", json_null(cx->arena));
    TRY(tx_query(cx->tx, &health_q_of_service, PARAMS(P_STR(id)), &rows, &cx->error));
    if (rows_next(rows)) {
        json_set_str(cx->arena, answer, "status", rows_str(rows, 0));
        json_set_c(cx->arena, answer, "changed_at", time_or_null(cx->arena, rows, 1));
    }
    return rows_error(rows, &cx->error);
}

static int64_t hour_of(int64_t us)
{
    return us - us % US_PER_HOUR;
}

static Rc put_uptime(Ctx *cx, Str id, int64_t now, Json *answer)
{
    static const char *const names[] = {"day", "week", "month"};
    static const int64_t spans[] = {US_PER_DAY, 7 * US_PER_DAY, 30 * US_PER_DAY};
    Json *uptime = json_object(cx->arena);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_uptime,
                 PARAMS(P_STR(id), P_I64(hour_of(now - spans[0])), P_I64(hour_of(now - spans[1])),
                        P_I64(hour_of(now - spans[2]))),
                 &rows, &cx->error));
    if (rows_next(rows)) {
        for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
            int64_t runs = rows_i64(rows, 2 * i), ok = rows_i64(rows, 2 * i + 1);
            json_set_c(cx->arena, uptime, names[i], share_json(cx->arena, ok, runs));
        }
    }
    json_set_c(cx->arena, answer, "uptime", uptime);
    return rows_error(rows, &cx->error);
}

static Rc put_checks(Ctx *cx, Str id, Json *answer)
{
    static const char *const texts[] = {"id", "name", "method", "endpoint"};
    Json *checks = json_array(cx->arena);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_checks, PARAMS(P_STR(id), P_I64(CHECKS_SHOWN_MAX)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        Json *check = json_object(cx->arena);
        for (int i = 0; i < (int)ARRAY_LEN(texts); i++) {
            json_set_str(cx->arena, check, texts[i], rows_str(rows, i));
        }
        json_set_c(cx->arena, check, "enabled", json_bool_new(cx->arena, rows_i64(rows, 4) != 0));
        json_set_str(cx->arena, check, "status", rows_str(rows, 5));
        json_set_c(cx->arena, check, "failures", json_int(cx->arena, rows_i64(rows, 6)));
        json_set_c(cx->arena, check, "changed_at", time_or_null(cx->arena, rows, 7));
        json_set_c(cx->arena, check, "next_run_at", time_or_null(cx->arena, rows, 8));
        json_set_c(cx->arena, check, "last_result", health_result_json(cx->arena, rows, 9));
        json_push(cx->arena, checks, check);
    }
    json_set_c(cx->arena, answer, "checks", checks);
    return rows_error(rows, &cx->error);
}

/* ---- history */

typedef struct Series {
    int64_t from, to, step; /* microseconds; whole steps since 1970 */
    bool by_hour;           /* from the hourly sums */
} Series;

static Rc refuse(Ctx *cx, const char *parameter, const char *what)
{
    error_field(&cx->error, str_fmt(cx->arena, "query:%s", parameter), "%s", what);
    return fail(cx, RC_MALFORMED, "The query parameter %s %s.", parameter, what);
}

/* The shortest of the usual steps with which the window has few enough. */
static int64_t usual_step(int64_t window_us, int64_t least_us)
{
    static const int64_t steps[] = {
        10 * US_PER_SECOND, 30 * US_PER_SECOND, US_PER_MINUTE,    5 * US_PER_MINUTE,
        10 * US_PER_MINUTE, 30 * US_PER_MINUTE, US_PER_HOUR,      2 * US_PER_HOUR,
        6 * US_PER_HOUR,    12 * US_PER_HOUR,   24 * US_PER_HOUR,
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i] >= least_us && window_us / steps[i] <= STEPS_WANTED) {
            return steps[i];
        }
    }
    return steps[ARRAY_LEN(steps) - 1];
}

static Rc read_series(Ctx *cx, const Call *call, int64_t now, Series *ret)
{
    int64_t window = US_PER_DAY, step;
    int64_t kept = health_results_kept_us(cx->platform);
    if (call_has_query(call, "window") &&
        (!time_parse_duration(call_query(call, "window"), &window) ||
         window > HEALTH_DAYS * US_PER_DAY)) {
        return refuse(cx, "window", "must be a time of at most 90 days, for instance 24h");
    }
    bool is_long = window > kept;
    int64_t least = is_long ? US_PER_HOUR : US_PER_SECOND;
    if (!call_has_query(call, "step")) {
        step = usual_step(window, least);
    } else if (!time_parse_duration(call_query(call, "step"), &step)) {
        return refuse(cx, "step", "must be a time, for instance 5m");
    }
    if (step < least || (is_long && step % US_PER_HOUR != 0)) {
        return refuse(cx, "step", "must be whole hours in a window this long");
    }
    if (step > window || window / step > STEPS_MAX) {
        return refuse(cx, "step", "must divide the window into 1 to 500 steps");
    }
    int64_t to = now - now % step + step;
    int64_t n = (window + step - 1) / step;
    *ret = (Series){.from = to - n * step, .to = to, .step = step, .by_hour = is_long};
    return RC_OK;
}

static Json *point_json(Arena *arena, const Series *series, Rows *rows)
{
    Json *point = json_object(arena);
    int64_t runs = rows_i64(rows, 1);
    double sum_ms = (double)rows_i64(rows, 3) / (double)US_PER_MS;
    json_set_str(arena, point, "at",
                 time_rfc3339_dup(arena, series->from + rows_i64(rows, 0) * series->step));
    json_set_c(arena, point, "runs", json_int(arena, runs));
    json_set_c(arena, point, "uptime", share_json(arena, rows_i64(rows, 2), runs));
    json_set_c(arena, point, "average_ms", json_double(arena, sum_ms / (double)runs));
    json_set_c(arena, point, "max_ms",
               json_double(arena, (double)rows_i64(rows, 4) / (double)US_PER_MS));
    return point;
}

static Rc put_history(Ctx *cx, Str id, const Series *series, Json *answer)
{
    Json *history = json_object(cx->arena), *points = json_array(cx->arena);
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, series->by_hour ? &health_q_history_hours : &health_q_history,
                 PARAMS(P_STR(id), P_I64(series->from), P_I64(series->to), P_I64(series->step),
                        P_I64(STEPS_MAX + 1)),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        json_push(cx->arena, points, point_json(cx->arena, series, rows));
    }
    json_set_str(cx->arena, history, "from", time_rfc3339_dup(cx->arena, series->from));
    json_set_str(cx->arena, history, "to", time_rfc3339_dup(cx->arena, series->to));
    json_set_c(cx->arena, history, "step_seconds",
               json_int(cx->arena, series->step / US_PER_SECOND));
    json_set_c(cx->arena, history, "points", points);
    json_set_c(cx->arena, answer, "history", history);
    return rows_error(rows, &cx->error);
}

/* ---- operations */

Rc services_health(Ctx *cx, Call *call)
{
    Json *answer = json_object(cx->arena);
    int64_t now = time_now_us();
    Series series = {0};
    Str id, ref;
    TRY(read_series(cx, call, now, &series));
    TRY(ctx_read(cx));
    TRY(service_ref(cx, call_path(call, "id"), &id, &ref));
    TRY(put_status(cx, id, answer));
    TRY(put_uptime(cx, id, now, answer));
    TRY(put_checks(cx, id, answer));
    TRY(put_history(cx, id, &series, answer));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

Rc services_health_checks_run(Ctx *cx, Call *call)
{
    Str id = str_lower(cx->arena, call_path(call, "id"));
    Str service = str_lower(cx->arena, call_path(call, "service_id"));
    int64_t n, changed, now = time_now_us();
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(cx->tx, &health_q_check_exists, PARAMS(P_STR(id), P_STR(service)), &n,
                   &cx->error));
    if (n == 0) {
        return fail(cx, RC_NOT_FOUND, "There is no health check with the id \"%.*s\".",
                    STR_ARG(id));
    }
    TRY(tx_exec(cx->tx, &health_q_run_now, PARAMS(P_STR(id), P_I64(now)), &changed, &cx->error));
    if (changed == 0) {
        return fail(cx, RC_CONFLICT, "The health check is switched off; set enabled to true.");
    }
    TRY(health_enqueue(cx, now));
    TRY(ctx_commit(cx));
    reply_empty(call, 202);
    return RC_OK;
}
