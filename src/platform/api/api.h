/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api.h - from an HTTP request to a handler and back: the one dispatcher.
 *
 * Order: match → request id, W3C trace context → authenticate → limits → version → parameters and
 * body against the contract → permission → handler → reply (ETag, conditional GET, Fairway-Version,
 * X-Request-Id, security headers) → log and metrics. A problem at any step is one Error, written
 * once as application/problem+json (RFC 9457) or, for Backstage-compatible operations, as
 * Backstage's error object. In builds with FAIRWAY_CHECKS replies are validated against the
 * contract too; a mismatch is a 500 that names the place. */
#ifndef PLATFORM_API_H
#define PLATFORM_API_H

#include "net/http_server.h"
#include "platform/contract/contract.h"
#include "platform/ctx.h"
#include "platform/limits/limits.h"

/* Who is calling? Fills cx->actor or fails RC_UNAUTH. Set by the identity module; with --auth open
 * every caller is the anonymous administrator. */
typedef Rc (*Authenticate)(Ctx *cx, const Call *call);
/* May cx->actor do op->action on op->on here? RC_OK or RC_DENIED; or RC_NOT_FOUND with
 * call->is_refused. */
typedef Rc (*Authorize)(Ctx *cx, Call *call);

/* What became of a request for a static file; all but STATIC_ANSWERED are left to the caller. */
/* STATIC_PAGE: ApiOptions.page answers it on a worker. */
typedef enum StaticFile {
    STATIC_NONE,
    STATIC_ANSWERED,
    STATIC_WRONG_METHOD,
    STATIC_PAGE
} StaticFile;

typedef struct Api Api;

typedef struct ApiOptions {
    Authenticate authenticate; /* NULL: open */
    Authorize authorize;       /* NULL: everything is allowed */
    /* Static files of the portal: answers GET and HEAD of paths that are no operation (GET / …).
     * NULL: 404. On the I/O thread. */
    StaticFile (*static_files)(void *user, HttpRequest *r);
    void *static_user;
    /* Answers what static_files left as STATIC_PAGE, with what api_ask gives; on a worker. */
    void (*page)(void *static_user, Api *api, Ctx *cx, HttpRequest *r);
    int64_t request_time_us; /* deadline of a handler, from when it begins; 0 = 60 s */
    Limits *limits;          /* how often one may call; NULL: as often as one likes. Borrowed. */
    /* Origins whose pages may read answers and send credentials ("https://a.example.com"), and
     * addresses or networks of proxies whose X-Forwarded-For is believed; separated by commas. */
    Str cors_origins, trusted_proxies;
    bool is_https; /* people reach it by https alone: tell their browsers */
} ApiOptions;

/* Fails: RC_INVALID when the contract or an option is wrong; options are named as settings. */
MUST_CHECK Rc api_new(Platform *platform, const ApiOptions *options, Api **ret, Error *err);
void api_free(Api *api);
/* The callbacks for http_server_start; lives as long as api. */
const HttpApp *api_http_app(Api *api);

/* Runs an operation inside the process, with the same checks (tests, the command line's local
 * mode). path is the full target "/api/services?limit=2". The reply is in call->reply, errors
 * already in their wire form. */
void api_call(Api *api,
              Ctx *cx,
              HttpMethod method,
              Str target,
              const HttpPair *headers,
              size_t n_headers,
              Str body,
              Call *ret);

/* Runs a reading operation (GET) for a request that ApiOptions.page answers, as if its client had
 * asked: with its cookie or token, the same permissions, validation and form of errors. However
 * many are asked, the request counts once against the caller's limits. */
void api_ask(Api *api, Ctx *cx, HttpRequest *r, Str target, Call *ret);

/* application/problem+json of an error (also used by the CLI). */
void api_write_problem(Buf *out, const Error *err, Str request_id, Str instance);

#endif
