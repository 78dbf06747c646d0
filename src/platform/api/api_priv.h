/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_priv.h - inside of the dispatcher.
 *
 *   api.c            the server's callbacks, routes that are no operation
 *   api_run.c        one call from request id to reply
 *   api_page.c       pages made per request, out of answers of operations
 *   api_params.c     path, query and header parameters against the contract
 *   api_body.c       the body against the contract
 *   api_error.c      errors in their two wire forms
 *   api_reply.c      conditional requests, headers, the reply against the contract
 *   api_version.c    older versions of the API
 *   api_rate.c       counting against the caller's limits
 *   api_denied.c     refusals into the audit trail
 *   api_gateway.c    other origins, proxies in front, fields of every answer
 *   api_observe.c    access log, metrics
 *   v8_json.c        what Backstage's runtime says about malformed JSON */
#ifndef PLATFORM_API_PRIV_H
#define PLATFORM_API_PRIV_H

#include "platform/api/api.h"
#include "platform/metrics/metrics.h"

#include <stdatomic.h>

enum { API_HEADERS_MAX = 26, STATUS_CLASSES = 6 };

/* What is known of an operation beside the contract. */
typedef struct ApiOperation {
    bool is_off;                                /* of a module that is not enabled here */
    Str deprecation, sunset;                    /* header values; "" when not deprecated */
    _Atomic(Metric *) duration;                 /* made when first needed */
    _Atomic(Metric *) by_class[STATUS_CLASSES]; /* 2xx at [2]; [0] is for aborted ones */
} ApiOperation;

/* An older version that is still answered. */
typedef struct ApiVersion {
    Str version;
    Str deprecation, sunset; /* header values; sunset "" when it has none */
} ApiVersion;

/* Addresses that begin with the same bits; IPv4 as IPv6 writes it. */
typedef struct Network {
    uint8_t bytes[16];
    unsigned bits;
} Network;

typedef struct ApiDenied ApiDenied;

struct Api {
    Arena *arena;
    ApiDenied *denied;
    Platform *platform;
    ApiOptions options;
    HttpApp app;
    int64_t request_time_us;
    Str version;       /* the newest */
    ApiVersion *older; /* newest first */
    size_t n_older;
    ApiOperation *operations; /* by Operation.index; one more for requests that meet none */
    size_t n_operations;
    Str *mounts; /* "/api/catalog" */
    size_t n_mounts;
    Str *roots; /* first segments of all paths below /api: "catalog" */
    size_t n_roots;
    Str *origins; /* that may read answers */
    size_t n_origins;
    Network *proxies; /* that are believed */
    size_t n_proxies;
    Metric *refused[LIMIT_KINDS]; /* when there are limits */
};

/* From accept to done, in the request's arena. */
typedef struct ApiRequest {
    const Operation *op; /* NULL when there is none */
    HttpPair path[CALL_PATH_MAX];
    size_t n_path;
    Str request_id, trace_id;
    Str address; /* of the client: the peer, or whom a trusted proxy names */
    Str actor;
    CallRate rate;
    Rc rc;
} ApiRequest;

/* ---- api_run.c */
/* Sets request and trace id from the headers or anew. Ids live in the arena. */
void api_identify(Arena *arena, Str request_id, Str traceparent, Str *ret_id, Str *ret_trace);
/* Everything between routing and sending: the reply is in call->reply, errors included, unless
 * call->write is still to be run. target: path and query as received. */
Rc api_run(Api *api, Ctx *cx, Call *call, Str target);
/* What follows the handler, or the write transaction it left to the dispatcher (call->write); rc is
 * what that came to. */
Rc api_finish(Api *api, Ctx *cx, Call *call, Str target, Rc rc);
/* What api_run gave on an I/O thread is no answer: the operation is to run anew on a worker. */
bool api_is_for_worker(const Ctx *cx, const Call *call, Rc rc);

/* Without sign-in: RC_DENIED unless the request names this machine or an address. */
MUST_CHECK Rc api_check_host(const Api *api, Ctx *cx, const HttpRequest *r);

/* ---- api.c */
/* As api_call; rate: how the request has counted so far. */
void api_call_counted(Api *api,
                      Ctx *cx,
                      HttpMethod method,
                      Str target,
                      const HttpPair *headers,
                      size_t n_headers,
                      Str body,
                      CallRate rate,
                      Call *ret);
/* Problem outside of any operation, as the answer. */
void api_respond_problem(Api *api, HttpRequest *r, const Error *err, Str allow, Str request_id);

/* ---- api_page.c */
void api_serve_page(Api *api, HttpRequest *r);

/* ---- api_params.c, api_body.c: fail with RC_MALFORMED, RC_INVALID, RC_MEDIA_TYPE */
MUST_CHECK Rc api_check_params(Ctx *cx, const Call *call);
MUST_CHECK Rc api_check_body(Ctx *cx, Call *call);

/* ---- api_error.c */
/* Puts cx->error into call->reply in the operation's form. */
void api_reply_error(Ctx *cx, Call *call, Str target);
void api_write_backstage(Buf *out, const Error *err, HttpMethod method, Str url);
int api_backstage_status(Rc rc);

/* ---- api_reply.c */
/* After a handler that succeeded: default status, 304, and with FAIRWAY_CHECKS the contract. */
MUST_CHECK Rc api_finish_reply(Ctx *cx, Call *call);
/* All headers of the reply, standard ones included, at most API_HEADERS_MAX. */
size_t api_headers(const Api *api, const Call *call, Str request_id, HttpPair ret[API_HEADERS_MAX]);

/* ---- api_version.c */
MUST_CHECK Rc api_versions_init(Api *api, Error *err);
/* RFC 9745's value of the day a version is from. Fails RC_INVALID when it is no date. */
MUST_CHECK Rc api_deprecated_by(const Api *api, Str version, Str *ret, Error *err);
/* Sets call->version from the request. Fails RC_MALFORMED naming the versions there are. */
MUST_CHECK Rc api_check_version(const Api *api, Ctx *cx, Call *call);
/* Turns a finished reply into that of the version that was asked for. */
MUST_CHECK Rc api_older_reply(Ctx *cx, Call *call);
/* NULL: the newest. */
const ApiVersion *api_older_version(const Api *api, Str version);

/* ---- api_rate.c: a request counts once, also when it runs anew on a worker */
void api_rate_init(Api *api);
/* Before anyone is asked who they are: operations that are public, or that sign in, by address. */
MUST_CHECK Rc api_count_address(const Api *api, Ctx *cx, Call *call);
/* After it; who: what Authenticate gave. Gives who, or RC_RATE. */
MUST_CHECK Rc api_count_caller(const Api *api, Ctx *cx, Call *call, Rc who);

/* ---- api_denied.c */
ApiDenied *api_denied_new(Platform *platform);
void api_denied_free(ApiDenied *list); /* writes what it has */
/* cx->actor was refused the operation for want of a permission. Any thread, never blocks. */
void api_denied_note(ApiDenied *list, const Ctx *cx, const Operation *op);

/* ---- api_gateway.c */
MUST_CHECK Rc api_gateway_init(Api *api, Error *err);
/* Sets state->address, and what every answer to the request carries. */
void api_gateway_accept(const Api *api, HttpRequest *r, ApiRequest *state);
bool api_is_listed_origin(const Api *api, Str origin);
/* What a browser asks before a page of another origin may send a request. allow: the methods. */
void api_gateway_preflight(const Api *api, HttpRequest *r, Str allow);

/* ---- api_observe.c */
void api_observe(Api *api,
                 const ApiRequest *state,
                 const HttpRequest *r,
                 int status,
                 size_t bytes,
                 int64_t duration_us,
                 bool aborted);
void api_scrape(void *platform, Buf *out);

/* ---- v8_json.c */
/* The message of JSON.parse (as body-parser in strict mode passes it on) for a text that is no JSON
 * object or array; "" when it is one. */
Str v8_json_error(Arena *arena, Str text);

#endif
