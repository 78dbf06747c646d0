/* SPDX-License-Identifier: Apache-2.0
 * The module's row; a page, one entry, the job that verifies. */
#include "modules/audit/audit.h"

#include "base/log.h"

#include "contract_handlers.h"
#include "modules/audit/audit_priv.h"
#include "platform/audit/audit.h"
#include "platform/jobs/jobs.h"
#include "platform/records/records.h"

#define VERIFY_JOB "audit.verify"
#define VERIFY_TIME_US (INT64_C(6) * 3600 * 1000000)

enum { PAGE_DEFAULT = 50, PAGE_BYTES_MAX = 16 * 1024 * 1024, CURSOR_MAX = 64 };

/* The cursor is the id of the last entry, which is a place in any list. */
static Rc read_cursor(Ctx *cx, const Call *call, Str *ret)
{
    Str cursor = call_query(call, "cursor");
    Buf id = buf_init(cx->arena, CURSOR_MAX);
    if (cursor.len > 0 &&
        (cursor.len > CURSOR_MAX || !buf_unbase64(&id, cursor) || !uuid_is_valid(buf_str(&id)))) {
        fail(cx, RC_MALFORMED, "The query parameter cursor is not a cursor of this list.");
        error_field(&cx->error, STR("query:cursor"), "is not a cursor of this list");
        return RC_MALFORMED;
    }
    *ret = buf_str(&id);
    return RC_OK;
}

static void add_link(Ctx *cx, Call *call, Str cursor)
{
    Buf link = buf_init(cx->arena, 64 * KIB);
    buf_lit(&link, "</api/audit-logs?");
    for (size_t i = 0; i < call->n_query; i++) {
        if (!str_is(call->query[i].name, "cursor")) {
            buf_url(&link, call->query[i].name);
            buf_char(&link, '=');
            buf_url(&link, call->query[i].value);
            buf_char(&link, '&');
        }
    }
    buf_lit(&link, "cursor=");
    buf_url(&link, cursor);
    buf_lit(&link, ">; rel=\"next\"");
    if (buf_ok(&link)) {
        reply_header(call, "Link", buf_str(&link));
    }
}

static Rc write_page(Ctx *cx, Rows *rows, int64_t limit, Buf *out, Str *ret_next)
{
    Str last = STR_EMPTY;
    int64_t n = 0;
    buf_lit(out, "{\"items\":[");
    while (n < limit && rows_next(rows)) {
        buf_put(out, n > 0 ? STR(",") : STR(""));
        audit_write_json(out, rows, false);
        if (++n == limit) {
            last = str_dup(cx->arena, audit_entry_id(rows));
        }
    }
    bool more = n == limit && rows_next(rows);
    Buf next = buf_init(cx->arena, 2 * CURSOR_MAX);
    buf_base64url(&next, last);
    *ret_next = more ? buf_str(&next) : STR_EMPTY;
    return rows_error(rows, &cx->error);
}

Rc audit_logs_list(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    AuditQuery query;
    Str after, next;
    int64_t limit = call_query_i64(call, "limit", PAGE_DEFAULT);
    Buf out = buf_init(cx->arena, PAGE_BYTES_MAX);
    TRY(audit_query_read(cx, call, &query));
    TRY(read_cursor(cx, call, &after));
    TRY(ctx_read(cx));
    TRY(audit_query_run(cx, &query, after, true, limit + 1, &rows));
    TRY(write_page(cx, rows, limit, &out, &next));
    buf_lit(&out, "],\"next_cursor\":");
    if (next.len > 0) {
        buf_json_str(&out, next);
        add_link(cx, call, next);
    } else {
        buf_lit(&out, "null");
    }
    buf_char(&out, '}');
    if (!buf_ok(&out)) {
        return fail(cx, RC_LIMIT, "The page is too large; ask for fewer items with limit.");
    }
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

Rc audit_logs_get(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str id = str_lower(cx->arena, call_path(call, "id"));
    TRY(ctx_read(cx));
    TRY(audit_query_one(cx, id, &rows));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return fail(cx, RC_NOT_FOUND, "There is no entry of the audit trail with the id \"%.*s\".",
                    STR_ARG(str_sub(id, 0, CURSOR_MAX)));
    }
    Buf out = buf_init(cx->arena, PAGE_BYTES_MAX);
    audit_write_json(&out, rows, true);
    if (!buf_ok(&out)) {
        return fail(cx, RC_LIMIT, "The entry is too large to be shown; export it.");
    }
    reply_json(call, 200, buf_str(&out));
    return RC_OK;
}

/* ---- verifying */

Rc audit_logs_verify(Ctx *cx, Call *call)
{
    Json *job;
    Uuid id;
    TRY(ctx_begin(cx));
    TRY(jobs_enqueue(cx, &(JobSpec){.type = VERIFY_JOB, .key = STR(VERIFY_JOB)}, &id));
    TRY(record_get(cx, "Job", uuid_str(&id), &job));
    TRY(ctx_commit(cx));
    reply_header(call, "Location", str_fmt(cx->arena, "/api/jobs/%s", id.text));
    reply_json_tree(cx, call, 202, job);
    return RC_OK;
}

typedef struct VerifyRun {
    Ctx *cx;
    Job *job;
} VerifyRun;

static bool tell_progress(void *user, int64_t rows, int64_t of)
{
    VerifyRun *run = user;
    int percent = of > 0 ? (int)(rows * 100 / of) : 100;
    job_progress(run->cx, run->job, percent, "%lld of %lld rows", (long long)rows, (long long)of);
    return !job_is_cancelled(run->cx, run->job);
}

static Rc verify_run(Ctx *cx, Job *job)
{
    VerifyRun run = {cx, job};
    AuditVerdict verdict;
    AuditVerify options = {
        .db = cx->platform->db,
        .secrets = cx->platform->secrets,
        .file = str_cstr(cx->arena,
                         str_fmt(cx->arena, "%s/" AUDIT_CHECKPOINTS_FILE, cx->platform->data_dir)),
        .progress = tell_progress,
        .user = &run,
    };
    TRY(audit_verify(&options, &verdict, &cx->error));
    if (!verdict.is_intact) {
        log_error("audit.not_intact", F_I64("row", verdict.wrong_seq), F_CSTR("why", verdict.why));
        return fail(cx, RC_INVALID, "The audit trail is not intact: %s.", verdict.why);
    }
    job_log(cx, job, "intact: %lld rows in %lld checkpoints, signed up to row %lld%s",
            (long long)verdict.rows, (long long)verdict.checkpoints, (long long)verdict.signed_seq,
            verdict.has_file ? "" : "; no checkpoints outside the database");
    return RC_OK;
}

static const JobType job_types[] = {
    {.name = VERIFY_JOB, .run = verify_run, .concurrency = 1, .timeout_us = VERIFY_TIME_US},
};

const Module audit_module = {
    .name = "audit",
    .title = "Audit trail",
    .job_types = job_types,
    .n_job_types = ARRAY_LEN(job_types),
};
