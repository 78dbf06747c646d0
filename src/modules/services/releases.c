/* SPDX-License-Identifier: Apache-2.0
 * Versions, deployments and dependencies: their rules, and whether the versions that are there fit
 * what others ask for. A constraint is checked when its dependency is written, and again whenever
 * a version or a deployment of the target is. */
#include "base/time.h"

#include "modules/services/semver.h"
#include "modules/services/services_priv.h"
#include "services_q_sql.h"

enum { DEPENDENTS_MAX = 10000 };

/* ---- constraints */

static Rc lock_target(Ctx *cx, Str service_id)
{
    int64_t one;
    return tx_one_i64(cx->tx, &services_q_lock_target, PARAMS(P_STR(service_id)), &one, &cx->error);
}

/* The version that counts; "" when there is none. */
static Rc current_version(Ctx *cx, Str service_id, Str *ret)
{
    return tx_one_str(cx->tx, &services_q_current_version, PARAMS(P_STR(service_id)), cx->arena,
                      ret, &cx->error);
}

static const char *judge(const SemverRange *range, Str version)
{
    Semver v;
    if (!range) {
        return "satisfied";
    }
    if (!semver_parse(version, &v)) {
        return "unknown"; /* there is none yet */
    }
    return semver_range_accepts(range, &v) ? "satisfied" : "violated";
}

static Rc check_dependent(Ctx *cx, Str version, Str id, Str constraint, Str status, Str checked)
{
    SemverRange *range;
    TRY(semver_range_parse(cx->arena, constraint, &range, &cx->error));
    Str now = str_from(judge(range, version));
    if (str_eq(now, status) && str_eq(version, checked)) {
        return RC_OK;
    }
    Json *patch = json_object(cx->arena);
    json_set_str(cx->arena, patch, "status", now);
    json_set_c(cx->arena, patch, "checked_version",
               version.len ? json_string(cx->arena, version) : json_null(cx->arena));
    return record_patch(cx, "ServiceDependency", id, patch, NULL);
}

/* Checks all constraints on a service anew. */
static Rc check_dependents(Ctx *cx, Str service_id)
{
    typedef struct Dependent {
        Str id, constraint, status, checked;
    } Dependent;
    VEC(Dependent) all = {.arena = cx->arena};
    Str version;
    TRY(lock_target(cx, service_id));
    TRY(current_version(cx, service_id, &version));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &services_q_dependents, PARAMS(P_STR(service_id), P_I64(DEPENDENTS_MAX)),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        Dependent d = {rows_dup(rows, 0, cx->arena), rows_dup(rows, 1, cx->arena),
                       rows_dup(rows, 2, cx->arena), rows_dup(rows, 3, cx->arena)};
        VEC_PUSH(&all, d);
    }
    TRY(rows_error(rows, &cx->error));
    for (size_t i = 0; i < all.n; i++) {
        const Dependent *d = &all.at[i];
        TRY(check_dependent(cx, version, d->id, d->constraint, d->status, d->checked));
    }
    return RC_OK;
}

Rc dependency_prepare(Ctx *cx, RecordChange *change)
{
    Json *after = change->after;
    SemverRange *range = NULL;
    Str version;
    if (change->verb == VERB_DELETE) {
        return RC_OK;
    }
    Str constraint = json_str_at(after, "version_constraint");
    if (constraint.len && semver_range_parse(cx->arena, constraint, &range, &cx->error) != RC_OK) {
        error_field(&cx->error, STR("/version_constraint"), "is no version range");
        return RC_INVALID;
    }
    Str target = json_str_at(after, "depends_on_service_id");
    if (str_eq(target, json_str_at(after, "service_id"))) {
        return fail_field(cx, STR("/depends_on_service_id"),
                          "must be another service than this one");
    }
    TRY(lock_target(cx, target));
    TRY(current_version(cx, target, &version));
    json_set_str(cx->arena, after, "status", str_from(judge(range, version)));
    json_remove(after, STR("checked_version"));
    if (range && version.len) {
        json_set_str(cx->arena, after, "checked_version", version);
    }
    return RC_OK;
}

/* ---- versions */

static Rc refuse_deployed(Ctx *cx, Str id)
{
    int64_t n;
    TRY(tx_one_i64(cx->tx, &services_q_deployments_of_version, PARAMS(P_STR(id)), &n, &cx->error));
    return n == 0
               ? RC_OK
               : fail(cx, RC_CONFLICT,
                      "The version has %lld deployment%s; delete what was deployed first, or keep "
                      "the version for its sake.",
                      (long long)n, n == 1 ? "" : "s");
}

Rc version_prepare(Ctx *cx, RecordChange *change)
{
    Semver version;
    if (change->verb == VERB_DELETE) {
        return refuse_deployed(cx, change->id);
    }
    if (!semver_parse(json_str_at(change->after, "version"), &version)) {
        return fail_field(cx, STR("/version"),
                          "is no semantic version (semver.org): write for instance 1.4.0 or "
                          "2.0.0-rc.1");
    }
    json_set_str(cx->arena, change->after, "precedence", semver_sort_key(cx->arena, &version));
    return RC_OK;
}

static Rc changed(Ctx *cx, const RecordChange *change)
{
    const Json *record = change->after ? change->after : change->before;
    return check_dependents(cx, json_str_at(record, "service_id"));
}

Rc version_written(Ctx *cx, const RecordChange *change)
{
    return changed(cx, change);
}

/* ---- deployments */

static Rc check_version_is_own(Ctx *cx, const Json *deployment)
{
    Str id = json_str_at(deployment, "version_id"), owner;
    if (id.len == 0) {
        return RC_OK;
    }
    TRY(tx_one_str(cx->tx, &services_q_service_of_version, PARAMS(P_STR(id)), cx->arena, &owner,
                   &cx->error));
    return str_eq(owner, json_str_at(deployment, "service_id"))
               ? RC_OK
               : fail_field(cx, STR("/version_id"), "is a version of another service");
}

Rc deployment_prepare(Ctx *cx, RecordChange *change)
{
    Json *after = change->after;
    if (change->verb == VERB_DELETE) {
        return RC_OK;
    }
    TRY(check_version_is_own(cx, after));
    if (str_is(json_str_at(after, "status"), "succeeded") && !json_get_c(after, "deployed_at")) {
        Json *before = json_get_c(change->before, "deployed_at");
        json_set_c(cx->arena, after, "deployed_at",
                   before ? before
                          : json_string(cx->arena, time_rfc3339_dup(cx->arena, time_now_us())));
    }
    return RC_OK;
}

Rc deployment_written(Ctx *cx, const RecordChange *change)
{
    return changed(cx, change);
}
