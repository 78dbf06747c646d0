/* SPDX-License-Identifier: Apache-2.0
 * The operations of api/jobs.yaml that the records engine does not serve. */
#include "contract_handlers.h"
#include "jobs_q_sql.h"
#include "platform/audit/audit.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs_priv.h"
#include "platform/records/records.h"

#include <string.h>

enum { LOG_LIMIT_DEFAULT = 500 };

/* The id as stored, after checking that there is such a job. */
static Rc find_job(Ctx *cx, const Call *call, Str *ret_id, Str *ret_state)
{
    Str id = str_lower(cx->arena, call_path(call, "id"));
    Rc rc = uuid_is_valid(id) ? tx_one_str(cx->tx, &jobs_q_state, PARAMS(P_STR(id)), cx->arena,
                                           ret_state, &cx->error)
                              : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "There is no job with the id \"%.*s\".",
                    STR_ARG(str_sub(id, 0, 64)));
    }
    *ret_id = id;
    return rc;
}

Rc jobs_log(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str id, state;
    TRY(ctx_read(cx));
    TRY(find_job(cx, call, &id, &state));
    TRY(tx_query(cx->tx, &jobs_q_log_read,
                 PARAMS(P_STR(id), P_I64(call_query_i64(call, "after", 0)),
                        P_I64(call_query_i64(call, "limit", LOG_LIMIT_DEFAULT))),
                 &rows, &cx->error));
    Buf out = buf_init(cx->arena, 16 * MIB);
    buf_lit(&out, "{\"items\":[");
    for (size_t i = 0; rows_next(rows); i++) {
        char at[TIME_RFC3339_SIZE];
        Str time = time_rfc3339(rows_i64(rows, 1), at);
        buf_fmt(&out,
                "%s{\"line\":%lld,\"at\":\"%.*s\",\"attempt\":%lld,\"message\":", i ? "," : "",
                (long long)rows_i64(rows, 0), STR_ARG(time), (long long)rows_i64(rows, 2));
        buf_json_str(&out, rows_str(rows, 3));
        buf_char(&out, '}');
    }
    TRY(rows_error(rows, &cx->error));
    buf_lit(&out, "]}");
    ASSERT(buf_ok(&out));
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

/* The row after a change, with its audit row; commits. */
static Rc answer_changed(Ctx *cx, Call *call, const char *action, Str id)
{
    Json *job;
    TRY(record_get(cx, "Job", id, &job));
    TRY(audit_write(cx, action, "Job", id, NULL, job));
    TRY(ctx_commit(cx));
    jobs_wake_all(cx->platform->jobs); /* a running job learns of it at once */
    reply_json_tree(cx, call, 200, job);
    return RC_OK;
}

Rc jobs_cancel(Ctx *cx, Call *call)
{
    Str id, state;
    int64_t waiting, running = 0, now = time_now_us();
    int64_t keep_until = now + jobs_keep_us(cx->platform->jobs, NULL, false);
    Param actor = P_STR_OR_NULL(cx->actor.id);
    TRY(ctx_begin(cx));
    TRY(find_job(cx, call, &id, &state));
    TRY(tx_exec(cx->tx, &jobs_q_cancel_waiting,
                PARAMS(P_STR(id), P_I64(now), P_I64(keep_until), actor), &waiting, &cx->error));
    if (waiting == 0) {
        TRY(tx_exec(cx->tx, &jobs_q_cancel_running, PARAMS(P_STR(id), P_I64(now), actor), &running,
                    &cx->error));
    }
    if (waiting + running == 0) {
        return fail(cx, RC_CONFLICT, "The job is %.*s: there is nothing to cancel.",
                    STR_ARG(state));
    }
    if (waiting == 1) {
        TRY(events_emit(cx, "jobs.cancelled", "/api/jobs", id, json_object(cx->arena)));
    }
    return answer_changed(cx, call, "jobs.cancelled", id);
}

Rc jobs_retry(Ctx *cx, Call *call)
{
    Str id, state;
    int64_t changed;
    TRY(ctx_begin(cx));
    TRY(find_job(cx, call, &id, &state));
    Rc rc = tx_exec(cx->tx, &jobs_q_retry,
                    PARAMS(P_STR(id), P_I64(time_now_us()), P_STR_OR_NULL(cx->actor.id)), &changed,
                    &cx->error);
    if (rc == RC_CONFLICT) {
        return fail(cx, RC_CONFLICT,
                    "A newer job with the same key waits already; it does the same work.");
    }
    TRY(rc);
    if (changed == 0) {
        return fail(cx, RC_CONFLICT,
                    "The job is %.*s: only a dead, failed or cancelled one can be run again.",
                    STR_ARG(state));
    }
    return answer_changed(cx, call, "jobs.retried", id);
}
