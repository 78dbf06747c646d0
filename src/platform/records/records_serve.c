/* SPDX-License-Identifier: Apache-2.0
 * The operations of x-records over HTTP. */
#include "platform/records/idempotency.h"
#include "platform/records/records_priv.h"

/* Path parameters other than the record's own id are fields of the record: they lie under that
 * parent. */
static size_t fixed_of_path(Ctx *cx, const Call *call, HttpPair ret[CALL_PATH_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < call->n_path; i++) {
        if (!str_is(call->path[i].name, "id")) {
            Str value = call->path[i].value;
            ret[n++] = (HttpPair){call->path[i].name,
                                  uuid_is_valid(value) ? str_lower(cx->arena, value) : value};
        }
    }
    return n;
}

static Rc answer_record(Ctx *cx, Call *call, const RecordSpec *spec, int status, const Row *row)
{
    Json *record = row->json;
    TRY(present(cx, spec, &record, 1));
    reply_json_tree(cx, call, status, record);
    reply_header(call, "ETag", str_fmt(cx->arena, "\"%lld\"", (long long)row->revision));
    return RC_OK;
}

static Rc serve_get(Ctx *cx, Call *call, const RecordSpec *spec, const WriteOptions *o)
{
    Str id = str_lower(cx->arena, call_path(call, "id"));
    bool include_deleted =
        spec->type.soft_delete && call_query_bool(call, "include_deleted", false);
    Row row;
    Rc rc = read_visible(cx, spec, id, &row);
    if (rc == RC_OK && (!row_fits_path(spec, &row, o->fixed, o->n_fixed) ||
                        (!include_deleted && spec_is_deleted(spec, row.json)))) {
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_NOT_FOUND) {
        return fail_not_found(cx, spec, id);
    }
    TRY(rc);
    return answer_record(cx, call, spec, 200, &row);
}

/* A parent in the path that is not there is a wrong path, not a wrong field. */
static Rc parent_not_found(Ctx *cx, Rc rc, const WriteOptions *o)
{
    for (size_t i = 0; rc == RC_INVALID && cx->error.n_fields == 1 && i < o->n_fixed; i++) {
        Str pointer = str_fmt(cx->arena, "/%.*s", STR_ARG(o->fixed[i].name));
        bool is_missing =
            strncmp(cx->error.fields[0].message, MISSING_TARGET, sizeof(MISSING_TARGET) - 1) == 0;
        if (is_missing && str_is(pointer, cx->error.fields[0].pointer)) {
            error_clear(&cx->error);
            return fail(cx, RC_NOT_FOUND,
                        "There is nothing under this path: its parent does not exist.");
        }
    }
    return rc;
}

/* A change under way; in the call's arena, since it may outlast the handler. */
typedef struct WriteCall {
    const RecordSpec *spec;
    WriteOptions options;
    Idempotency idem;
    HttpPair fixed[CALL_PATH_MAX];
} WriteCall;

static void write_ended(void *user)
{
    idempotency_done(&((WriteCall *)user)->idem);
}

static Rc create(Ctx *cx, Call *call, void *user)
{
    WriteCall *w = user;
    bool replayed;
    Row row;
    TRY(idempotency_claim(cx, call, &w->idem, &replayed));
    if (replayed) {
        return RC_OK;
    }
    TRY(parent_not_found(cx, write_create(cx, w->spec, call->body, &w->options, &row),
                         &w->options));
    Str path = call_target_path(cx, call), id = json_str_at(row.json, "id");
    TRY(answer_record(cx, call, w->spec, 201, &row));
    reply_header(call, "Location", str_fmt(cx->arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(id)));
    return idempotency_keep(cx, call, &w->idem);
}

static Rc change(Ctx *cx, Call *call, void *user)
{
    WriteCall *w = user;
    RecordVerb verb = call->op->verb;
    Row row;
    TRY(write_change(cx, w->spec, verb, call_path(call, "id"), call->body, &w->options, &row));
    if (verb == VERB_DELETE) {
        reply_empty(call, 204);
        return RC_OK;
    }
    return answer_record(cx, call, w->spec, 200, &row);
}

static Rc serve_write(Ctx *cx, Call *call, const RecordSpec *spec)
{
    RecordVerb verb = call->op->verb;
    bool creates = verb == VERB_CREATE;
    WriteCall *w = ARENA_NEW(cx->arena, WriteCall);
    w->spec = spec;
    w->options = (WriteOptions){
        .by_client = true, .fixed = w->fixed, .n_fixed = fixed_of_path(cx, call, w->fixed)};
    if (creates) {
        TRY(idempotency_begin(cx, call, &w->idem));
    } else if (verb != VERB_RESTORE) {
        w->options.if_match = call_header(call, "If-Match");
    }
    return call_write(
        cx, call, &(CallWrite){.run = creates ? create : change, .ended = write_ended, .user = w});
}

Rc records_serve(Ctx *cx, Call *call)
{
    const RecordSpec *spec = spec_of(call->op->record);
    HttpPair fixed[CALL_PATH_MAX];
    WriteOptions o = {.by_client = true, .fixed = fixed, .n_fixed = fixed_of_path(cx, call, fixed)};
    switch (call->op->verb) {
    case VERB_LIST:
        return list_serve(cx, call, spec, o.fixed, o.n_fixed);
    case VERB_HISTORY:
        return history_serve(cx, call, spec, o.fixed, o.n_fixed);
    case VERB_GET:
        return serve_get(cx, call, spec, &o);
    case VERB_CREATE:
    case VERB_REPLACE:
    case VERB_PATCH:
    case VERB_DELETE:
    case VERB_RESTORE:
        return serve_write(cx, call, spec);
    case VERB_NONE:
        break;
    }
    return fail(cx, RC_INTERNAL, "The operation is not one of records.");
}
