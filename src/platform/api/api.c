/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api.c - the HTTP server's application: where a request goes, and calls inside the
 * process. */
#include "base/time.h"
#include "base/vec.h"

#include "platform/api/api_priv.h"
#include "platform/module.h"

#define REQUEST_TIME_US (60 * US_PER_SECOND)
enum { MAX_PROBLEM = 16 * 1024, MAX_QUERY_PAIRS = 256 };

/* ---- answers that are no operation's */

static void respond(Api *api, HttpRequest *r, Call *call, Str request_id)
{
    HttpPair headers[API_HEADERS_MAX];
    size_t n = api_headers(api, call, request_id, headers);
    HttpResponse response = {call->reply.status, headers, n, call->reply.body};
    http_respond(r, &response);
}

/* Problems outside of any operation: what a Call needs of one. */
static Operation no_operation(const Api *api)
{
    return (Operation){.index = api->n_operations, .errors = ERRORS_PROBLEM};
}

void api_respond_problem(Api *api, HttpRequest *r, const Error *err, Str allow, Str request_id)
{
    Operation none = no_operation(api);
    Call call = {.op = &none, .http = r};
    Buf out = buf_init(http_arena(r), MAX_PROBLEM);
    api_write_problem(&out, err, request_id, http_path(r));
    reply_text(&call, rc_status(err->code), "application/problem+json", buf_str(&out));
    if (allow.len > 0) {
        reply_header(&call, "Allow", allow);
    }
    if (err->code == RC_BUSY) {
        reply_header(&call, "Retry-After", STR("1"));
    }
    respond(api, r, &call, request_id);
}

static void respond_empty(Api *api, HttpRequest *r, int status, Str allow, Str request_id)
{
    Operation none = no_operation(api);
    Call call = {.op = &none, .http = r};
    reply_empty(&call, status);
    if (allow.len > 0) {
        reply_header(&call, "Allow", allow);
    }
    respond(api, r, &call, request_id);
}

static bool is_below(Str path, Str prefix)
{
    return str_starts(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

/* Backstage answers an unknown route or plugin with 404 and nothing else. */
static bool is_backstage_path(const Api *api, Str path)
{
    for (size_t i = 0; i < api->n_mounts; i++) {
        if (is_below(path, api->mounts[i])) {
            return true;
        }
    }
    if (!str_starts(path, STR("/api/"))) {
        return false;
    }
    Str root = str_from_index(path, sizeof("/api/") - 1);
    root = str_sub(root, 0, MIN(str_find_char(root, '/'), root.len));
    for (size_t i = 0; i < api->n_roots; i++) {
        if (str_eq(root, api->roots[i])) {
            return false;
        }
    }
    return true;
}

static void refuse_method(Error *err, HttpMethod method, Str allow)
{
    error_set(err, RC_METHOD, "%s is not among the methods of this resource: %.*s.",
              method == HTTP_OTHER ? "That" : http_method_name(method), STR_ARG(allow));
}

/* Backstage takes a slash at the end of its paths. */
static Str routed_path(const Api *api, Str path)
{
    return path.len > 1 && path.ptr[path.len - 1] == '/' && is_backstage_path(api, path)
               ? str_sub(path, 0, path.len - 1)
               : path;
}

static HttpRun answer_unrouted(Api *api, HttpRequest *r, ApiRequest *state, Rc rc, Str allow)
{
    Str path = http_path(r);
    Error err = {0};
    bool is_api = is_below(path, STR("/api"));
    if (rc == RC_NOT_FOUND && !is_api && api->options.static_files) {
        StaticFile file = api->options.static_files(api->options.static_user, r);
        if (file == STATIC_ANSWERED) {
            return HTTP_RUN_ANSWERED;
        }
        if (file == STATIC_PAGE) {
            return HTTP_RUN_WORKER;
        }
        if (file == STATIC_WRONG_METHOD) {
            rc = RC_METHOD;
            allow = STR("GET, HEAD, OPTIONS");
        }
    }
    if (rc == RC_METHOD && http_method(r) == HTTP_OPTIONS) {
        api_gateway_preflight(api, r, allow);
        respond_empty(api, r, 204, allow, state->request_id);
    } else if (is_backstage_path(api, path)) {
        respond_empty(api, r, 404, STR_EMPTY, state->request_id);
    } else if (rc == RC_METHOD) {
        refuse_method(&err, http_method(r), allow);
        api_respond_problem(api, r, &err, allow, state->request_id);
    } else {
        error_set(&err, RC_NOT_FOUND, "There is nothing at this address.");
        api_respond_problem(api, r, &err, STR_EMPTY, state->request_id);
    }
    return HTTP_RUN_ANSWERED;
}

/* An operation of a module that this server was not started with. */
static HttpRun answer_off(Api *api, HttpRequest *r, ApiRequest *state)
{
    Error err = {0};
    Str module = state->op->module;
    state->op = NULL;
    if (is_backstage_path(api, http_path(r))) {
        respond_empty(api, r, 404, STR_EMPTY, state->request_id);
        return HTTP_RUN_ANSWERED;
    }
    error_set(&err, RC_NOT_FOUND, "This server runs without its module %.*s (setting: services).",
              STR_ARG(module));
    api_respond_problem(api, r, &err, STR_EMPTY, state->request_id);
    return HTTP_RUN_ANSWERED;
}

/* ---- the server's callbacks */

static HttpRun on_accept(void *user, HttpRequest *r, size_t *ret_max_body)
{
    Api *api = user;
    Arena *arena = http_arena(r);
    ApiRequest *state = ARENA_NEW(arena, ApiRequest);
    Str allow = STR_EMPTY;

    http_set_user(r, state);
    api_gateway_accept(api, r, state);
    api_identify(arena, http_header(r, "X-Request-Id"), http_header(r, "traceparent"),
                 &state->request_id, &state->trace_id);
    Rc rc = contract_match(api->platform->contract, http_method(r), routed_path(api, http_path(r)),
                           arena, &state->op, state->path, &state->n_path, &allow);
    if (rc != RC_OK) {
        return answer_unrouted(api, r, state, rc, allow);
    }
    if (api->operations[state->op->index].is_off) {
        return answer_off(api, r, state);
    }
    *ret_max_body = state->op->max_body;
    switch (state->op->run) {
    case RUN_INLINE:
        return HTTP_RUN_INLINE;
    case RUN_STREAM:
        return HTTP_RUN_STREAM;
    case RUN_WORKER:
    default:
        return HTTP_RUN_WORKER;
    }
}

/* A request that is served; in its arena, since its write may outlast the handler. */
typedef struct Served {
    DbTask write; /* first: tasks are cast back */
    Api *api;
    HttpRequest *r;
    Ctx cx;
    Call call;
} Served;

static void answer(Served *s, Rc rc)
{
    ApiRequest *state = http_user(s->r);
    const Actor *actor = &s->cx.actor;
    state->rc = rc;
    state->rate = s->call.rate;
    state->actor = actor->id.len ? actor->id : actor->name; /* names of people: not in logs */
    if (!s->call.reply.sent) {
        respond(s->api, s->r, &s->call, state->request_id);
    }
}

static Rc write_run(DbTask *task, Tx *tx)
{
    Served *s = (Served *)task;
    s->cx.tx = tx;
    tx_deadline(tx, s->cx.deadline_us);
    Rc rc = s->call.write.run(&s->cx, &s->call, s->call.write.user);
    s->cx.tx = NULL; /* the store ends it */
    return rc;
}

static void write_done(DbTask *task, Rc rc, const Error *err)
{
    Served *s = (Served *)task;
    if (err) {
        s->cx.error = *err;
    }
    if (s->call.write.ended) {
        s->call.write.ended(s->call.write.user);
    }
    answer(s, api_finish(s->api, &s->cx, &s->call, http_target(s->r), rc));
    http_answered(s->r);
}

static void begin_serve(Api *api, HttpRequest *r, Served *ret)
{
    const ApiRequest *state = http_user(r);
    const Operation *op = state->op;
    *ret = (Served){
        .write = {.run = write_run,                               .done = write_done},
        .api = api,
        .r = r,
        .cx = { .arena = http_arena(r),
                  .platform = api->platform,
                  .deadline_us =
                   time_monotonic_us() + api->request_time_us, /* an upload took its own time */
               .request_id = state->request_id,
                  .trace_id = state->trace_id,
                  .address = state->address,
                  .on_io_thread = op->run == RUN_INLINE && http_is_inline(r)},
        .call = {                                            .op = op,
                  .http = r,
                  .n_path = state->n_path,
                  .rate = state->rate,
                  .may_write_later = op->run == RUN_WORKER},
    };
    memcpy(ret->call.path, state->path, sizeof(ret->call.path));
    ret->call.query = http_query_pairs(r, &ret->call.n_query);
    if (op->run == RUN_STREAM) {
        ret->cx.deadline_us = INT64_MAX;
    } else {
        ret->call.raw_body = http_body(r);
    }
}

static void on_serve(void *user, HttpRequest *r)
{
    Api *api = user;
    const ApiRequest *asked = http_user(r);
    if (!asked->op) {
        api_serve_page(api, r);
        return;
    }
    Served *s = ARENA_NEW(http_arena(r), Served);
    begin_serve(api, r, s);
    Rc rc = api_run(api, &s->cx, &s->call, http_target(r));
    if (rc == RC_OK && s->call.write.run) {
        http_answer_later(r);
        db_run(api->platform->db, &s->write);
        return;
    }
    if (api_is_for_worker(&s->cx, &s->call, rc)) {
        ApiRequest *state = http_user(r);
        state->rate = s->call.rate;
        http_serve_on_worker(r);
        return;
    }
    answer(s, rc);
}

static void on_refuse(void *user, HttpRequest *r, const Error *err)
{
    Api *api = user;
    ApiRequest *state = http_user(r);
    if (!state) {
        state = ARENA_NEW(http_arena(r), ApiRequest);
        api_identify(http_arena(r), STR_EMPTY, STR_EMPTY, &state->request_id, &state->trace_id);
        http_set_user(r, state);
        api_gateway_accept(api, r, state);
    }
    if (!state->op || state->op->errors == ERRORS_PROBLEM) {
        api_respond_problem(api, r, err, STR_EMPTY, state->request_id);
        return;
    }
    Ctx cx = {.arena = http_arena(r), .request_id = state->request_id, .error = *err};
    Call call = {.op = state->op, .http = r};
    api_reply_error(&cx, &call, http_target(r));
    respond(api, r, &call, state->request_id);
}

static void on_done(void *user,
                    const HttpRequest *r,
                    int status,
                    size_t bytes_sent,
                    int64_t duration_us,
                    bool aborted)
{
    api_observe(user, http_user(r), r, status, bytes_sent, duration_us, aborted);
}

/* What a handler may wait for without a deadline of its own is the database. */
static void on_hurry(void *user)
{
    Api *api = user;
    if (api->platform->db) {
        db_hurry(api->platform->db);
    }
}

/* ---- building */

static bool add_once(Str *list, size_t *n, Str s)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(list[i], s)) {
            return false;
        }
    }
    list[(*n)++] = s;
    return true;
}

static Rc read_dates(Api *api, const Operation *op, ApiOperation *ret, Error *err)
{
    char date[TIME_RFC3339_SIZE];
    int64_t us = 0;
    if (op->deprecated) { /* RFC 9745 wants a date: that of the version in which it is deprecated */
        TRY(api_deprecated_by(api, api->version, &ret->deprecation, err));
    }
    if (op->sunset.len > 0) {
        if (!time_parse_rfc3339(op->sunset, &us)) {
            return error_set(err, RC_INVALID, "%.*s: x-sunset must be an RFC 3339 time",
                             STR_ARG(op->id));
        }
        ret->sunset = str_dup(api->arena, time_http_date(us, date));
    }
    return RC_OK;
}

/* What a server started with --services lacks. The platform's own operations are always there. */
static bool is_off(const Platform *platform, const Operation *op)
{
    return platform->n_modules > 0 && !str_is(op->module, "platform") &&
           !platform_module(platform, op->module);
}

static Rc read_operations(Api *api, Error *err)
{
    size_t n;
    const Operation *ops = contract_operations(api->platform->contract, &n);
    api->n_operations = n;
    api->operations = ARENA_ARRAY(api->arena, ApiOperation, n + 1);
    api->mounts = ARENA_ARRAY(api->arena, Str, n);
    api->roots = ARENA_ARRAY(api->arena, Str, n);
    for (size_t i = 0; i < n; i++) {
        Str rest = ops[i].path;
        TRY(read_dates(api, &ops[i], &api->operations[i], err));
        api->operations[i].is_off = is_off(api->platform, &ops[i]);
        if (ops[i].mount.len > 0) {
            add_once(api->mounts, &api->n_mounts, ops[i].mount);
        }
        if (str_starts(rest, STR("/api/"))) {
            rest = str_from_index(rest, sizeof("/api/") - 1);
            rest = str_sub(rest, 0, MIN(str_find_char(rest, '/'), rest.len));
            add_once(api->roots, &api->n_roots, rest);
        }
    }
    return RC_OK;
}

Rc api_new(Platform *platform, const ApiOptions *options, Api **ret, Error *err)
{
    Arena *arena = arena_new(0);
    Api *api = ARENA_NEW(arena, Api);
    api->arena = arena;
    api->platform = platform;
    api->options = *options;
    api->version = contract_version(platform->contract);
    api->app = (HttpApp){api, on_accept, on_serve, on_refuse, on_done, on_hurry};
    api->request_time_us =
        options && options->request_time_us ? options->request_time_us : REQUEST_TIME_US;
    Rc rc = api_versions_init(api, err);
    if (rc == RC_OK) {
        rc = read_operations(api, err);
    }
    if (rc == RC_OK) {
        rc = api_gateway_init(api, err);
    }
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    api_rate_init(api);
    api->denied = api_denied_new(platform);
    metrics_on_scrape(platform->metrics, api_scrape, platform);
    *ret = api;
    return RC_OK;
}

void api_free(Api *api)
{
    if (api) {
        api_denied_free(api->denied);
        arena_free(api->arena);
    }
}

const HttpApp *api_http_app(Api *api)
{
    return &api->app;
}

/* ---- calls inside the process */

static Str decode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, s.len);
    return buf_unurl(&out, s, true) ? buf_str(&out) : s;
}

static const HttpPair *read_query(Arena *arena, Str query, size_t *ret_n)
{
    VEC(HttpPair) pairs = {.arena = arena};
    Str part;
    while (pairs.n < MAX_QUERY_PAIRS && str_split(&query, '&', &part)) {
        if (part.len > 0) {
            size_t at = MIN(str_find_char(part, '='), part.len);
            HttpPair pair = {decode(arena, str_sub(part, 0, at)),
                             decode(arena, str_from_index(part, at + 1))};
            VEC_PUSH(&pairs, pair);
        }
    }
    *ret_n = pairs.n;
    return pairs.at;
}

static void add_reply_headers(const Api *api, Ctx *cx, Call *call)
{
    HttpPair headers[API_HEADERS_MAX];
    size_t n = api_headers(api, call, cx->request_id, headers);
    for (size_t i = 0; i < n; i++) {
        bool is_type = str_is(headers[i].name, "Content-Type");
        if (is_type) {
            call->reply.content_type = headers[i].value;
        } else if (headers[i].value.len > 0 &&
                   call->reply.n_headers < ARRAY_LEN(call->reply.headers)) {
            reply_header(call, str_cstr(cx->arena, headers[i].name), headers[i].value);
        }
    }
}

void api_call(Api *api,
              Ctx *cx,
              HttpMethod method,
              Str target,
              const HttpPair *headers,
              size_t n_headers,
              Str body,
              Call *ret)
{
    api_call_counted(api, cx, method, target, headers, n_headers, body, (CallRate){0}, ret);
}

void api_call_counted(Api *api,
                      Ctx *cx,
                      HttpMethod method,
                      Str target,
                      const HttpPair *headers,
                      size_t n_headers,
                      Str body,
                      CallRate rate,
                      Call *ret)
{
    size_t question = MIN(str_find_char(target, '?'), target.len);
    Str path = str_sub(target, 0, question);
    Operation none = no_operation(api);
    Str allow = STR_EMPTY;

    *ret = (Call){.headers = headers, .n_headers = n_headers, .raw_body = body, .rate = rate};
    error_clear(&cx->error);
    Rc rc = contract_match(api->platform->contract, method, path, cx->arena, &ret->op, ret->path,
                           &ret->n_path, &allow);
    if (rc == RC_OK && api->operations[ret->op->index].is_off) {
        rc = RC_NOT_FOUND;
    }
    if (rc != RC_OK) {
        ret->op = &none; /* cppcheck-suppress autoVariables ; taken out again below */
        fail(cx, rc, "%s",
             rc == RC_METHOD ? "The resource has other methods."
                             : "There is nothing at this address.");
        api_reply_error(cx, ret, target);
    } else {
        ret->query = read_query(cx->arena, str_from_index(target, question + 1), &ret->n_query);
        IGNORE(api_run(api, cx, ret, target)); /* its errors are in the reply */
    }
    add_reply_headers(api, cx, ret);
    if (ret->op == &none) {
        ret->op = NULL;
    }
}
