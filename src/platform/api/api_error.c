/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/api/api_priv.h"

enum { MAX_ERROR_BODY = 64 * 1024 };

void api_write_problem(Buf *out, const Error *err, Str request_id, Str instance)
{
    buf_fmt(out, "{\"type\":\"urn:fairway:problem:%s\",\"title\":", rc_slug(err->code));
    buf_json_str(out, str_from(rc_title(err->code)));
    buf_fmt(out, ",\"status\":%d,\"detail\":", rc_status(err->code));
    buf_json_str(out, str_from(err->message[0] ? err->message : rc_title(err->code)));
    buf_fmt(out, ",\"code\":\"%s\"", rc_slug(err->code));
    if (instance.len > 0) {
        buf_lit(out, ",\"instance\":");
        buf_json_str(out, instance);
    }
    if (request_id.len > 0) {
        buf_lit(out, ",\"request_id\":");
        buf_json_str(out, request_id);
    }
    if (err->line > 0) {
        buf_fmt(out, ",\"line\":%u,\"column\":%u", err->line, err->column);
    }
    for (unsigned i = 0; i < err->n_fields; i++) {
        buf_put(out, i == 0 ? STR(",\"errors\":[{\"pointer\":") : STR(",{\"pointer\":"));
        buf_json_str(out, str_from(err->fields[i].pointer));
        buf_lit(out, ",\"detail\":");
        buf_json_str(out, str_from(err->fields[i].message));
        buf_char(out, '}');
    }
    buf_put(out, err->n_fields ? STR("]}") : STR("}"));
}

static const char *backstage_name(Rc rc)
{
    switch ((int)rc) {
    case RC_MALFORMED:
    case RC_INVALID:
        return "InputError";
    case RC_UNAUTH:
        return "AuthenticationError";
    case RC_DENIED:
        return "NotAllowedError";
    case RC_NOT_FOUND:
        return "NotFoundError";
    case RC_CONFLICT:
        return "ConflictError";
    case RC_NOT_IMPLEMENTED:
        return "NotImplementedError";
    case RC_BUSY:
        return "ServiceUnavailableError";
    case RC_LIMIT:
        return "PayloadTooLargeError";
    case RC_MEDIA_TYPE:
        return "UnsupportedMediaTypeError";
    default:
        return "Error";
    }
}

int api_backstage_status(Rc rc)
{
    return rc == RC_INVALID ? rc_status(RC_MALFORMED) : rc_status(rc);
}

void api_write_backstage(Buf *out, const Error *err, HttpMethod method, Str url)
{
    buf_fmt(out, "{\"error\":{\"name\":\"%s\",\"message\":", backstage_name(err->code));
    buf_json_str(out, str_from(err->message[0] ? err->message : rc_title(err->code)));
    buf_fmt(out, "},\"request\":{\"method\":\"%s\",\"url\":", http_method_name(method));
    buf_json_str(out, url);
    buf_fmt(out, "},\"response\":{\"statusCode\":%d}}", api_backstage_status(err->code));
}

void api_reply_error(Ctx *cx, Call *call, Str target)
{
    const Operation *op = call->op;
    Buf out = buf_init(cx->arena, MAX_ERROR_BODY);

    call->reply.n_headers = 0;
    if (op->errors == ERRORS_BACKSTAGE) {
        HttpMethod method = call->http ? http_method(call->http) : op->method;
        api_write_backstage(&out, &cx->error, method, str_from_index(target, op->mount.len));
        reply_json(call, api_backstage_status(cx->error.code), buf_str(&out));
    } else {
        Str path = str_sub(target, 0, MIN(str_find_char(target, '?'), target.len));
        api_write_problem(&out, &cx->error, cx->request_id, path);
        reply_text(call, rc_status(cx->error.code), "application/problem+json", buf_str(&out));
    }
    if (cx->error.code == RC_UNAUTH) {
        reply_header(call, "WWW-Authenticate", STR("Bearer"));
    }
    if (cx->error.code == RC_BUSY || cx->error.code == RC_RATE || call->retry_after_s > 0) {
        int64_t after = MAX(call->retry_after_s, call->rate.retry_after_s);
        reply_header(call, "Retry-After", str_fmt(cx->arena, "%lld", (long long)MAX(after, 1)));
    }
}
