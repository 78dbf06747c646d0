/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/call.c - what a handler reads from its call and writes into its reply. */
#include "base/vec.h"

#include "platform/contract/contract.h"

static const size_t max_reply = 64 * MIB;

Str call_path(const Call *call, const char *name)
{
    for (size_t i = 0; i < call->n_path; i++) {
        if (str_is(call->path[i].name, name)) {
            return call->path[i].value;
        }
    }
    ASSERT(false && "the operation has this path parameter");
    return STR_EMPTY;
}

static const HttpPair *find_query(const Call *call, const char *name)
{
    for (size_t i = 0; i < call->n_query; i++) {
        if (str_is(call->query[i].name, name)) {
            return &call->query[i];
        }
    }
    return NULL;
}

bool call_has_query(const Call *call, const char *name)
{
    return find_query(call, name) != NULL;
}

Str call_query(const Call *call, const char *name)
{
    const HttpPair *pair = find_query(call, name);
    return pair ? pair->value : STR_EMPTY;
}

int64_t call_query_i64(const Call *call, const char *name, int64_t otherwise)
{
    const HttpPair *pair = find_query(call, name);
    int64_t v = otherwise;
    return pair && str_to_i64(pair->value, &v) ? v : otherwise;
}

bool call_query_bool(const Call *call, const char *name, bool otherwise)
{
    const HttpPair *pair = find_query(call, name);
    return pair ? str_is(pair->value, "true") : otherwise;
}

static bool is_csv(const Call *call, const char *name)
{
    for (size_t i = 0; i < call->op->n_params; i++) {
        if (call->op->params[i].csv && str_is(call->op->params[i].name, name)) {
            return true;
        }
    }
    return false;
}

const Str *call_query_all(Ctx *cx, const Call *call, const char *name, size_t *ret_n)
{
    VEC(Str) values = {.arena = cx->arena};
    bool csv = is_csv(call, name);
    for (size_t i = 0; i < call->n_query; i++) {
        if (!str_is(call->query[i].name, name)) {
            continue;
        }
        Str rest = call->query[i].value;
        Str item;
        while (csv && str_split(&rest, ',', &item)) {
            VEC_PUSH(&values, item);
        }
        if (!csv) {
            VEC_PUSH(&values, rest);
        }
    }
    *ret_n = values.n;
    return values.at;
}

Str call_header(const Call *call, const char *name)
{
    if (call->http) {
        return http_header(call->http, name);
    }
    for (size_t i = 0; i < call->n_headers; i++) {
        if (str_eq_nocase(call->headers[i].name, str_from(name))) {
            return str_trim(call->headers[i].value);
        }
    }
    return STR_EMPTY;
}

bool call_has_header(const Call *call, const char *name)
{
    if (call->http) {
        return http_has_header(call->http, name);
    }
    for (size_t i = 0; i < call->n_headers; i++) {
        if (str_eq_nocase(call->headers[i].name, str_from(name))) {
            return true;
        }
    }
    return false;
}

Rc call_write(Ctx *cx, Call *call, const CallWrite *write)
{
    if (call->may_write_later) {
        call->write = *write;
        return RC_OK;
    }
    Rc rc = ctx_begin(cx);
    if (rc == RC_OK) {
        rc = write->run(cx, call, write->user);
    }
    if (rc == RC_OK) {
        rc = ctx_commit(cx);
    }
    ctx_end(cx);
    if (write->ended) {
        write->ended(write->user);
    }
    return rc;
}

void reply_json(Call *call, int status, Str text)
{
    reply_text(call, status, "", text);
}

void reply_json_tree(Ctx *cx, Call *call, int status, const Json *v)
{
    Buf out = buf_init(cx->arena, max_reply);
    json_write(&out, v);
    ASSERT(buf_ok(&out));
    reply_text(call, status, "", buf_str(&out));
}

void reply_text(Call *call, int status, const char *content_type, Str text)
{
    call->reply.status = status;
    call->reply.content_type = str_from(content_type);
    call->reply.body = text;
}

void reply_empty(Call *call, int status)
{
    reply_text(call, status, "", STR_EMPTY);
}

void reply_header(Call *call, const char *name, Str value)
{
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        if (str_eq_nocase(call->reply.headers[i].name, str_from(name))) {
            call->reply.headers[i].value = value;
            return;
        }
    }
    ASSERT(call->reply.n_headers < ARRAY_LEN(call->reply.headers));
    call->reply.headers[call->reply.n_headers++] = (HttpPair){str_from(name), value};
}
