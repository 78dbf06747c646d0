/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "platform/api/api_priv.h"

enum { TRACE_ID_LEN = 32, REQUEST_ID_MAX = 64, REQUEST_ID_MIN = 8 };

/* ---- identity of the request */

static bool is_request_id(Str s)
{
    if (s.len < REQUEST_ID_MIN || s.len > REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool is_hex(Str s)
{
    bool zero = true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        zero = zero && c == '0';
    }
    return !zero;
}

/* W3C Trace Context: version-traceid-parentid-flags. Higher versions may append fields. */
static Str trace_of(Str parent)
{
    enum { LEN = 55, VERSION_LEN = 2, PARENT_AT = 36, FLAGS_AT = 53 };
    Str version = str_sub(parent, 0, VERSION_LEN);
    bool longer = parent.len > LEN && !str_is(version, "00") && parent.ptr[LEN] == '-';
    Str flags = str_sub(parent, FLAGS_AT, LEN);
    if ((parent.len != LEN && !longer) || str_is(version, "ff") || parent.ptr[2] != '-' ||
        parent.ptr[PARENT_AT - 1] != '-' || parent.ptr[FLAGS_AT - 1] != '-' ||
        !is_hex(str_sub(parent, PARENT_AT, FLAGS_AT - 1)) ||
        !(is_hex(version) || str_is(version, "00")) || !(is_hex(flags) || str_is(flags, "00"))) {
        return STR_EMPTY;
    }
    Str id = str_sub(parent, 3, 3 + TRACE_ID_LEN);
    return is_hex(id) ? id : STR_EMPTY;
}

/* The digits of a UUID: those of a UUIDv7 end in 62 random bits, as the standard wants. */
static Str trace_from(Arena *arena, const Uuid *id)
{
    char *out = arena_alloc(arena, TRACE_ID_LEN);
    size_t n = 0;
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (id->text[i] != '-') {
            out[n++] = id->text[i];
        }
    }
    return str_of(out, n);
}

void api_identify(Arena *arena, Str request_id, Str traceparent, Str *ret_id, Str *ret_trace)
{
    bool is_given = is_request_id(request_id);
    *ret_trace = traceparent.len ? trace_of(traceparent) : STR_EMPTY;
    *ret_id = request_id;
    if (is_given && ret_trace->len > 0) {
        return;
    }
    Uuid id = uuid_v7(); /* one for both: randomness costs a system call */
    if (!is_given) {
        *ret_id = str_dup(arena, uuid_str(&id));
    }
    if (ret_trace->len == 0) {
        *ret_trace = trace_from(arena, &id);
    }
}

/* ---- before the handler */

static Rc identify(const Api *api, Ctx *cx, const Call *call)
{
    if (!api->options.authenticate) {
        cx->actor = (Actor){.kind = ACTOR_ANONYMOUS, .name = STR("anonymous")};
        return RC_OK;
    }
    Rc rc = api->options.authenticate(cx, call);
    if (rc == RC_UNAUTH && call->op->public_) {
        error_clear(&cx->error);
        cx->actor = (Actor){.kind = ACTOR_ANONYMOUS, .name = STR("anonymous")};
        return RC_OK;
    }
    return rc;
}

static Rc authenticate(const Api *api, Ctx *cx, Call *call)
{
    TRY(api_count_address(api, cx, call));
    return api_count_caller(api, cx, call, identify(api, cx, call));
}

/* A page of another site must not make the browser of someone signed in (or of someone whose open
 * server listens on loopback) change anything. */
static Rc check_origin(const Api *api, Ctx *cx, const Call *call)
{
    bool changes = call->op->method != HTTP_GET && call->op->method != HTTP_HEAD;
    if (changes && str_is(call_header(call, "Sec-Fetch-Site"), "cross-site") &&
        !api_is_listed_origin(api, call_header(call, "Origin"))) {
        return fail(cx, RC_DENIED, "A page of another site may not do this.");
    }
    return RC_OK;
}

/* Without credentials the name in the request is all that tells a local caller from a page whose
 * own name has been pointed at this address (DNS rebinding). Addresses cannot be pointed elsewhere.
 */
static bool is_local_name(Str host)
{
    size_t colon = str_rfind_char(host, ':');
    if (str_starts(host, STR("["))) {
        return true;
    }
    host = str_sub(host, 0, MIN(colon, host.len));
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if ((c < '0' || c > '9') && c != '.') {
            return str_eq_nocase(host, STR("localhost")) || str_ends(host, STR(".localhost"));
        }
    }
    return true;
}

Rc api_check_host(const Api *api, Ctx *cx, const HttpRequest *r)
{
    if (api->options.authenticate || !r || is_local_name(http_header(r, "Host"))) {
        return RC_OK;
    }
    return fail(cx, RC_DENIED,
                "Without sign-in this server answers to localhost and addresses only.");
}

static Rc prepare(const Api *api, Ctx *cx, Call *call)
{
    TRY(api_check_host(api, cx, call->http));
    TRY(check_origin(api, cx, call));
    TRY(authenticate(api, cx, call));
    TRY(api_check_version(api, cx, call));
    TRY(api_check_params(cx, call));
    TRY(api_check_body(cx, call));
    if (api->options.authorize && !call->op->public_) {
        TRY(api->options.authorize(cx, call));
    }
    return RC_OK;
}

/* ---- the call */

static void log_failure(const Ctx *cx, const Call *call)
{
    enum { FIRST_SERVER_ERROR = 500 };
    if (rc_status(cx->error.code) >= FIRST_SERVER_ERROR) {
        log_error("http.failed", F_STR("operation", call->op->id),
                  F_STR("request_id", cx->request_id), F_CSTR("code", rc_slug(cx->error.code)),
                  F_CSTR("error", cx->error.message), F_CSTR("detail", cx->error.detail));
    }
}

bool api_is_for_worker(const Ctx *cx, const Call *call, Rc rc)
{
    return cx->on_io_thread && rc == RC_BUSY && !call->reply.sent;
}

Rc api_run(Api *api, Ctx *cx, Call *call, Str target)
{
    Rc rc = prepare(api, cx, call);
    if (rc == RC_OK) {
        rc = call->op->fn(cx, call);
    }
    ctx_end(cx);
    if (rc == RC_OK && call->write.run) {
        return RC_OK;
    }
    return api_finish(api, cx, call, target, rc);
}

Rc api_finish(Api *api, Ctx *cx, Call *call, Str target, Rc rc)
{
    if (rc == RC_OK) {
        rc = api_finish_reply(cx, call);
    }
    if (rc == RC_OK) {
        rc = api_older_reply(cx, call);
    }
    if (rc == RC_OK || api_is_for_worker(cx, call, rc)) {
        return rc;
    }
    if (cx->error.code == RC_OK) {
        fail(cx, rc, "%s", rc_title(rc));
    }
    if (cx->error.code == RC_DENIED || call->is_refused) {
        api_denied_note(api->denied, cx, call->op);
    }
    log_failure(cx, call);
    if (!call->reply.sent) {
        api_reply_error(cx, call, target);
    }
    return cx->error.code;
}
