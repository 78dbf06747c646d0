/* SPDX-License-Identifier: Apache-2.0
 * The record HealthCheck, where checks stand, and what the health of a service is: the worst of its
 * checks that are switched on.
 *
 * A check's state lies beside its definition, so that running it is no change of the record. The
 * row that takes it says who has it in hand and until when: that, not the job, is what keeps two
 * processes from running one check at once. */
#include "base/time.h"

#include "health_q_sql.h"
#include "modules/services/services_priv.h"
#include "net/http_client.h"
#include "platform/events/events.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

/* Longer than a run may take beyond its timeout: resolving names, writing the outcome. */
#define CLAIM_GRACE_US (30 * US_PER_SECOND)

typedef VEC(Str) Strs;

/* ---- what clients write */

static bool is_token_char(char c)
{
    bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_alnum || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_header_name(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 128;
}

/* RFC 9110 section 5.5, without the obsolete bytes. */
static bool is_header_value(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool belongs_to_client(Str name)
{
    static const char *const names[] = {"host",    "content-length", "transfer-encoding",
                                        "upgrade", "connection",     "expect"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static Rc check_headers(Ctx *cx, const RecordChange *change)
{
    const Json *headers = json_get_c(change->after, "headers");
    if (json_is(headers, JSON_STRING) && !json_get_c(change->before, "headers")) {
        return fail_field(cx, STR("/headers"), "must be an object: there is none yet to be kept");
    }
    if (!json_is(headers, JSON_OBJECT)) {
        return RC_OK; /* none, or the mask of those that stay */
    }
    for (uint32_t i = 0; i < headers->n; i++) {
        const JsonMember *m = &headers->members[i];
        if (!is_header_name(m->key) || belongs_to_client(m->key)) {
            return fail_field(cx, STR("/headers"), "cannot hold a header field of this name: %.*s",
                              STR_ARG(str_sub(m->key, 0, 64)));
        }
        if (!is_header_value(json_str(m->value))) {
            return fail_field(cx, STR("/headers"),
                              "the value of %.*s has control or other bytes "
                              "that a header field cannot have",
                              STR_ARG(m->key));
        }
    }
    return RC_OK;
}

Rc health_check_prepare(Ctx *cx, RecordChange *change)
{
    Url url;
    if (change->verb == VERB_DELETE) {
        return RC_OK;
    }
    if (!url_parse(json_str_at(change->after, "endpoint"), &url)) {
        return fail_field(cx, STR("/endpoint"), "must be an http or https URL");
    }
    if (url.userinfo.len > 0) {
        return fail_field(cx, STR("/endpoint"),
                          "must not hold credentials: put them into headers, which are sealed");
    }
    return check_headers(cx, change);
}

static int64_t seconds_at(const Json *record, const char *name)
{
    int64_t seconds = 0;
    IGNORE(json_to_i64(json_get_c(record, name), &seconds)); /* checked against the contract */
    return seconds * US_PER_SECOND;
}

static Rc health_refresh(Ctx *cx, const Str *service_ids, size_t n, int64_t now_us);

/* A check that is new, changed or switched on runs at once. */
Rc health_check_written(Ctx *cx, const RecordChange *change)
{
    const Json *check = change->after ? change->after : change->before;
    Str service_id = json_str_at(check, "service_id");
    int64_t now = time_now_us();
    if (change->after) {
        bool is_on = json_bool(json_get_c(check, "enabled"), false);
        TRY(tx_exec(cx->tx, &health_q_add_service, PARAMS(P_STR(service_id), P_I64(now)), NULL,
                    &cx->error));
        TRY(tx_exec(cx->tx, &health_q_put_state,
                    PARAMS(P_STR(change->id), P_STR(service_id),
                           P_I64(seconds_at(check, "interval_seconds")),
                           P_I64(seconds_at(check, "timeout_seconds")), is_on ? P_I64(now) : P_NULL,
                           P_I64(now)),
                    NULL, &cx->error));
        if (is_on) {
            TRY(health_enqueue(cx, now));
        }
    }
    return health_refresh(cx, &service_id, 1, now);
}

Json *health_result_json(Arena *arena, Rows *rows, int column)
{
    if (rows_is_null(rows, column)) {
        return json_null(arena);
    }
    Json *out = json_object(arena);
    json_set_str(arena, out, "at", time_rfc3339_dup(arena, rows_i64(rows, column)));
    json_set_c(arena, out, "ok", json_bool_new(arena, rows_i64(rows, column + 1) != 0));
    json_set_c(arena, out, "status_code",
               rows_is_null(rows, column + 2) ? json_null(arena)
                                              : json_int(arena, rows_i64(rows, column + 2)));
    json_set_c(arena, out, "duration_ms",
               json_double(arena, (double)rows_i64(rows, column + 3) / (double)US_PER_MS));
    json_set_c(arena, out, "error",
               rows_is_null(rows, column + 4) ? json_null(arena)
                                              : json_string(arena, rows_str(rows, column + 4)));
    return out;
}

Rc health_check_present(Ctx *cx, Json **records, size_t n)
{
    Map by_id = map_init(cx->arena);
    Str *ids = ARENA_ARRAY(cx->arena, Str, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = json_str_at(records[i], "id");
        map_put(&by_id, ids[i], records[i]);
        json_set_str(cx->arena, records[i], "status", STR("unknown"));
        json_set_c(cx->arena, records[i], "last_result", json_null(cx->arena));
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_states, PARAMS(P_STR(ids_json(cx->arena, ids, n))), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        Json *record = map_get(&by_id, rows_str(rows, 0));
        if (record) {
            json_set_str(cx->arena, record, "status", rows_str(rows, 1));
            json_set_c(cx->arena, record, "last_result", health_result_json(cx->arena, rows, 2));
        }
    }
    return rows_error(rows, &cx->error);
}

/* ---- taking what is due */

static Rc claim_ids(Ctx *cx, Str token, int64_t now_us, size_t max, Strs *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Strs){.arena = cx->arena};
    TRY(tx_query(cx->tx, &health_q_claim,
                 PARAMS(P_STR(token), P_I64(now_us), P_I64(CLAIM_GRACE_US), P_I64(max)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(ret, rows_dup(rows, 0, cx->arena));
    }
    return rows_error(rows, &cx->error);
}

static Rc read_headers(Ctx *cx, HealthProbe *probe)
{
    Str text;
    Json *headers;
    TRY(record_secret(cx, "HealthCheck", probe->check_id, "headers", &text));
    if (text.len == 0) {
        return RC_OK;
    }
    TRY(json_parse(cx->arena, text, NULL, &headers, &cx->error));
    for (uint32_t i = 0; json_is(headers, JSON_OBJECT) && i < headers->n; i++) {
        if (probe->n_headers < HEALTH_HEADERS_MAX) {
            probe->headers[probe->n_headers++] =
                (HttpPair){headers->members[i].key, json_str(headers->members[i].value)};
        }
    }
    return RC_OK;
}

static Rc
read_definitions(Ctx *cx, const Strs *ids, HealthProbe *probes, bool *has_headers, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_definitions, PARAMS(P_STR(ids_json(cx->arena, ids->at, ids->n))),
                 &rows, &cx->error));
    for (*ret_n = 0; *ret_n < ids->n && rows_next(rows); ++*ret_n) {
        probes[*ret_n] = (HealthProbe){
            .check_id = rows_dup(rows, 0, cx->arena),
            .service_id = rows_dup(rows, 1, cx->arena),
            .endpoint = rows_dup(rows, 2, cx->arena),
            .method = http_method_parse(rows_str(rows, 3)),
            .expected_status = rows_i64(rows, 4),
            .timeout_us = rows_i64(rows, 5) * US_PER_SECOND,
        };
        has_headers[*ret_n] = rows_i64(rows, 6) != 0;
    }
    return rows_error(rows, &cx->error);
}

Rc health_claim(Ctx *cx, Str token, int64_t now_us, size_t max, HealthProbe **ret, size_t *ret_n)
{
    Strs ids;
    TRY(claim_ids(cx, token, now_us, max, &ids));
    HealthProbe *probes = ARENA_ARRAY(cx->arena, HealthProbe, ids.n);
    bool *has_headers = ARENA_ARRAY(cx->arena, bool, ids.n);
    size_t n = 0;
    if (ids.n > 0) {
        TRY(read_definitions(cx, &ids, probes, has_headers, &n));
    }
    for (size_t i = 0; i < n; i++) {
        if (has_headers[i]) {
            TRY(read_headers(cx, &probes[i]));
        }
    }
    *ret = probes;
    *ret_n = n;
    return RC_OK;
}

/* ---- the health of services */

static const char *const statuses[] = {"unknown", "healthy", "degraded", "unhealthy"};

typedef struct ServiceState {
    Str id, ref, status;
    const char *now;
} ServiceState;

static Rc lock_services(Ctx *cx, Str ids, ServiceState *states, size_t max, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_services, PARAMS(P_STR(ids)), &rows, &cx->error));
    for (*ret_n = 0; *ret_n < max && rows_next(rows); ++*ret_n) {
        states[*ret_n] = (ServiceState){
            .id = rows_dup(rows, 0, cx->arena),
            .status = rows_dup(rows, 1, cx->arena),
            .ref = rows_dup(rows, 2, cx->arena),
            .now = statuses[0],
        };
    }
    return rows_error(rows, &cx->error);
}

static Rc find_worst(Ctx *cx, Str ids, ServiceState *states, size_t n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_worst, PARAMS(P_STR(ids)), &rows, &cx->error));
    while (rows_next(rows)) {
        for (size_t i = 0; i < n; i++) {
            if (str_eq(states[i].id, rows_str(rows, 0))) {
                states[i].now = statuses[rows_i64(rows, 1)];
            }
        }
    }
    return rows_error(rows, &cx->error);
}

static Rc change_service(Ctx *cx, const ServiceState *s, int64_t now_us)
{
    Json *data = json_object(cx->arena);
    TRY(tx_exec(cx->tx, &health_q_set_service, PARAMS(P_STR(s->id), P_CSTR(s->now), P_I64(now_us)),
                NULL, &cx->error));
    json_set_str(cx->arena, data, "service_id", s->id);
    json_set_str(cx->arena, data, "entity_ref", s->ref);
    json_set_str(cx->arena, data, "from", s->status);
    json_set_str(cx->arena, data, "to", str_from(s->now));
    return events_emit(cx, "services.health_changed", "/api/services", s->id, data);
}

/* Makes the health of these services what their checks say, and tells where it changed. */
static Rc health_refresh(Ctx *cx, const Str *service_ids, size_t n, int64_t now_us)
{
    Str ids = ids_json(cx->arena, service_ids, n);
    ServiceState *states = ARENA_ARRAY(cx->arena, ServiceState, n);
    size_t n_states;
    TRY(lock_services(cx, ids, states, n, &n_states));
    TRY(find_worst(cx, ids, states, n_states));
    for (size_t i = 0; i < n_states; i++) {
        if (!str_is(states[i].status, states[i].now)) {
            TRY(change_service(cx, &states[i], now_us));
        }
    }
    return RC_OK;
}

/* ---- writing what came of it */

static Rc hold_checks(Ctx *cx, const HealthOutcome *outcomes, size_t n)
{
    Str *ids = ARENA_ARRAY(cx->arena, Str, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = outcomes[i].check_id;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_hold, PARAMS(P_STR(ids_json(cx->arena, ids, n))), &rows,
                 &cx->error));
    while (rows_next(rows)) {
    }
    return rows_error(rows, &cx->error);
}

static Rc record_one(Ctx *cx, Str token, const HealthOutcome *o, int64_t *ret_changed)
{
    Param ok = P_BOOL(o->ok), error = P_STR_OR_NULL(o->error);
    Param code = o->status_code ? P_I64(o->status_code) : P_NULL;
    TRY(tx_exec(cx->tx, &health_q_finish,
                PARAMS(P_STR(o->check_id), P_STR(token), ok, P_I64(o->at_us), code,
                       P_I64(o->duration_us), error, P_I64(HEALTH_UNHEALTHY_AFTER)),
                ret_changed, &cx->error));
    if (*ret_changed == 0) {
        return RC_OK;
    }
    TRY(tx_exec(cx->tx, &health_q_add_result,
                PARAMS(P_STR(o->check_id), P_I64(o->at_us), ok, code, P_I64(o->duration_us), error),
                NULL, &cx->error));
    return tx_exec(cx->tx, &health_q_add_rollup,
                   PARAMS(P_STR(o->check_id), P_I64(o->at_us - o->at_us % US_PER_HOUR), ok,
                          P_I64(o->duration_us), P_I64(o->duration_us)),
                   NULL, &cx->error);
}

Rc health_record(Ctx *cx, Str token, const HealthOutcome *outcomes, size_t n)
{
    Map seen = map_init(cx->arena);
    Strs services = {.arena = cx->arena};
    int64_t newest = 0;
    TRY(hold_checks(cx, outcomes, n));
    for (size_t i = 0; i < n; i++) {
        int64_t changed;
        TRY(record_one(cx, token, &outcomes[i], &changed));
        if (changed && !map_has(&seen, outcomes[i].service_id)) {
            map_put(&seen, outcomes[i].service_id, &seen);
            VEC_PUSH(&services, outcomes[i].service_id);
        }
        newest = MAX(newest, outcomes[i].at_us);
    }
    return services.n > 0 ? health_refresh(cx, services.at, services.n, newest) : RC_OK;
}

/* ---- when, and for how long */

Rc health_next_due(Ctx *cx, int64_t *ret_us)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_next_due, NO_PARAMS, &rows, &cx->error));
    *ret_us = rows_next(rows) && !rows_is_null(rows, 0) ? rows_i64(rows, 0) : INT64_MAX;
    return rows_error(rows, &cx->error);
}

/* One waiting job per second will do for all checks. */
Rc health_enqueue(Ctx *cx, int64_t run_at_us)
{
    JobSpec spec = {
        .type = "health.run",
        .key = str_fmt(cx->arena, "health.run@%lld", (long long)(run_at_us / US_PER_SECOND)),
        .run_at_us = run_at_us,
    };
    return jobs_enqueue(cx, &spec, NULL);
}

int64_t health_results_kept_us(Platform *platform)
{
    return settings_duration_us(platform->settings, "health.results_retention");
}

static Rc prune_some(Ctx *cx, int64_t now_us, Str *after, bool *ret_more)
{
    enum { CHECKS_AT_ONCE = 100 };
    Strs ids = {.arena = cx->arena};
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &health_q_prune_next, PARAMS(P_STR(*after), P_I64(CHECKS_AT_ONCE)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&ids, rows_dup(rows, 0, cx->arena));
    }
    TRY(rows_error(rows, &cx->error));
    *ret_more = ids.n == CHECKS_AT_ONCE;
    if (ids.n == 0) {
        return RC_OK;
    }
    *after = ids.at[ids.n - 1];
    Str list = ids_json(cx->arena, ids.at, ids.n);
    int64_t results_from = now_us - health_results_kept_us(cx->platform);
    int64_t rollups_from = now_us - HEALTH_DAYS * US_PER_DAY;
    TRY(tx_exec(cx->tx, &health_q_prune_results, PARAMS(P_STR(list), P_I64(results_from)), NULL,
                &cx->error));
    return tx_exec(cx->tx, &health_q_prune_rollups,
                   PARAMS(P_STR(list), P_I64(rollups_from - US_PER_HOUR)), NULL, &cx->error);
}

Rc health_prune(Ctx *cx, int64_t now_us)
{
    Str after = STR("");
    for (bool more = true; more;) {
        TRY(ctx_begin(cx));
        TRY(prune_some(cx, now_us, &after, &more));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}
