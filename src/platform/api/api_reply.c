/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/api/api_priv.h"

static Str reply_header_of(const Call *call, Str name)
{
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        if (str_eq_nocase(call->reply.headers[i].name, name)) {
            return call->reply.headers[i].value;
        }
    }
    return STR_EMPTY;
}

static Str without_weak(Str tag)
{
    return str_starts(tag, STR("W/")) ? str_from_index(tag, 2) : tag;
}

/* RFC 9110 section 13.1.2: weak comparison with each tag of the list. */
static bool none_match_holds(Str list, Str etag)
{
    Str part;
    if (str_is(list, "*")) {
        return true;
    }
    while (str_split(&list, ',', &part)) {
        if (str_eq(without_weak(str_trim(part)), without_weak(etag))) {
            return true;
        }
    }
    return false;
}

static void answer_conditional(Call *call)
{
    bool reads = call->op->method == HTTP_GET || call->op->method == HTTP_HEAD;
    if (!reads || call->reply.status != 200) {
        return;
    }
    Str etag = reply_header_of(call, STR("ETag"));
    Str none_match = etag.len ? call_header(call, "If-None-Match") : STR_EMPTY;
    if (none_match.len > 0 && none_match_holds(none_match, etag)) {
        reply_empty(call, 304);
    }
}

#if FAIRWAY_CHECKS
enum { MAX_CHECKED_DEPTH = 64, MAX_CHECKED_NODES = 1000000 };

static Rc check_body(Ctx *cx, const Call *call, const Json *schema)
{
    JsonLimits limits = {64 * MIB, MAX_CHECKED_DEPTH, MAX_CHECKED_NODES, true};
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    Json *body = NULL;
    Error err = {0};
    if (json_parse(cx->arena, call->reply.body, &limits, &body, &err) != RC_OK) {
        return fail(cx, RC_INTERNAL, "The answer of %.*s is not JSON: %s", STR_ARG(call->op->id),
                    err.message);
    }
    const JsonSchema *compiled = contract_compile(cx->platform->contract, schema);
    if (!json_schema_validate(compiled, body, cx->arena, 1, &issues, &n)) {
        return fail(cx, RC_INTERNAL, "The answer of %.*s does not fit the contract: %.*s %.*s",
                    STR_ARG(call->op->id), STR_ARG(issues[0].instance_path),
                    STR_ARG(issues[0].message));
    }
    return RC_OK;
}

/* A page with ?fields= holds parts of its records: its schema speaks of whole ones. */
static Rc check_reply(Ctx *cx, const Call *call)
{
    Str type = STR_EMPTY;
    const Json *schema = NULL;
    if (!contract_response(call->op, call->reply.status, &type, &schema)) {
        return fail(cx, RC_INTERNAL, "%.*s answered %d, which is not in the contract",
                    STR_ARG(call->op->id), call->reply.status);
    }
    bool is_json = str_is(type, "application/json") || str_ends(type, STR("+json"));
    bool encoded = reply_header_of(call, STR("Content-Encoding")).len > 0;
    if (is_json && schema && !encoded && !call_has_query(call, "fields")) {
        return check_body(cx, call, schema);
    }
    return RC_OK;
}
#endif

Rc api_finish_reply(Ctx *cx, Call *call)
{
    if (call->reply.sent) {
        return RC_OK;
    }
    if (call->reply.status == 0) {
        call->reply.status = call->reply.body.len ? 200 : 204;
    }
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        Str value = call->reply.headers[i].value;
        for (size_t k = 0; k < value.len; k++) {
            if ((unsigned char)value.ptr[k] < 0x20 || value.ptr[k] == 0x7f) {
                return fail(cx, RC_INTERNAL, "The header %.*s would have a control character.",
                            STR_ARG(call->reply.headers[i].name));
            }
        }
    }
#if FAIRWAY_CHECKS
    TRY(check_reply(cx, call));
#endif
    answer_conditional(call);
    return RC_OK;
}

static Str content_type(const Call *call)
{
    if (call->reply.content_type.len > 0 || call->reply.body.len == 0) {
        return call->reply.content_type;
    }
    return call->op->errors == ERRORS_BACKSTAGE ? STR("application/json; charset=utf-8")
                                                : STR("application/json");
}

size_t api_headers(const Api *api, const Call *call, Str request_id, HttpPair ret[API_HEADERS_MAX])
{
    const ApiOperation *extra = &api->operations[call->op->index];
    const ApiVersion *older = api_older_version(api, call->version);
    size_t n = 0;
    bool has_cache_control = false;
    for (size_t i = 0; i < call->reply.n_headers; i++) {
        ret[n++] = call->reply.headers[i];
        has_cache_control =
            has_cache_control || str_eq_nocase(call->reply.headers[i].name, STR("Cache-Control"));
    }
    ret[n++] = (HttpPair){STR("Content-Type"), content_type(call)};
    ret[n++] = (HttpPair){STR("X-Request-Id"), request_id};
    ret[n++] = (HttpPair){STR("Fairway-Version"), older ? older->version : api->version};
    ret[n++] = (HttpPair){STR("X-Content-Type-Options"), STR("nosniff")};
    ret[n++] = (HttpPair){STR("Content-Security-Policy"),
                          STR("default-src 'none'; frame-ancestors 'none'")};
    ret[n++] = (HttpPair){STR("Referrer-Policy"), STR("no-referrer")};
    if (!has_cache_control) {
        ret[n++] = (HttpPair){STR("Cache-Control"), STR("private, no-cache")};
    }
    if (!call->http) { /* else the request has them, whatever answers it */
        ret[n++] = (HttpPair){STR("RateLimit-Policy"), call->rate.policy};
        ret[n++] = (HttpPair){STR("RateLimit"), call->rate.state};
    }
    /* an operation that goes goes for all; else it is the version that was asked for */
    Str deprecation = older ? older->deprecation : STR_EMPTY;
    Str sunset = older ? older->sunset : STR_EMPTY;
    ret[n++] =
        (HttpPair){STR("Deprecation"), extra->deprecation.len ? extra->deprecation : deprecation};
    ret[n++] = (HttpPair){STR("Sunset"), extra->sunset.len ? extra->sunset : sunset};
    /* an empty value says nothing: the server leaves such a field out */
    return n;
}
