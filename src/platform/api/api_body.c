/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/api/api_priv.h"

enum { MAX_BODY_DEPTH = 64, MAX_BODY_NODES = 1000000 };

static Str media_type(Str content_type)
{
    return str_trim(
        str_sub(content_type, 0, MIN(str_find_char(content_type, ';'), content_type.len)));
}

static bool is_json(Str type)
{
    return type.len == 0 || str_eq_nocase(type, STR("application/json")) ||
           str_ends(type, STR("+json"));
}

/* A mark of the byte order in front is not JSON, and harmless (RFC 8259, section 8.1). */
static Str without_mark(Str text)
{
    Str mark = STR("\xEF\xBB\xBF");
    return str_starts(text, mark) ? str_from_index(text, mark.len) : text;
}

static Rc parse(Ctx *cx, Call *call)
{
    call->raw_body = without_mark(call->raw_body);
    JsonLimits limits = {call->op->max_body, MAX_BODY_DEPTH, MAX_BODY_NODES, false};
    Rc rc = json_parse(cx->arena, call->raw_body, &limits, &call->body, &cx->error);
    if (rc == RC_OK) {
        return RC_OK;
    }
    if (call->op->errors == ERRORS_BACKSTAGE) {
        Str message = v8_json_error(cx->arena, call->raw_body);
        return message.len ? fail(cx, RC_MALFORMED, "%.*s", STR_ARG(message)) : rc;
    }
    error_prefix(&cx->error, "The body is not valid JSON");
    return rc;
}

/* Where a form shows the message: at the missing or unknown property itself. */
static void add_field(Ctx *cx, const JsonSchemaIssue *issue)
{
    Str pointer = issue->instance_path;
    Str message = contract_issue_message(cx->arena, issue);
    if (issue->property.len > 0) {
        pointer = str_fmt(cx->arena, "%.*s/%.*s", STR_ARG(pointer), STR_ARG(issue->property));
    }
    if (str_is(issue->keyword, "required")) {
        message = STR("is required");
    } else if (str_is(issue->keyword, "additionalProperties")) {
        message = STR("is not a known property");
    }
    error_field(&cx->error, pointer, "%.*s", STR_ARG(message));
}

static Rc validate(Ctx *cx, Call *call)
{
    const JsonSchema *schema = contract_compile(cx->platform->contract, call->op->body_schema);
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    if (json_schema_validate(schema, call->body, cx->arena, ERROR_FIELDS_MAX, &issues, &n)) {
        return RC_OK;
    }
    if (call->op->errors == ERRORS_BACKSTAGE) {
        return fail(cx, RC_MALFORMED, "request/body%.*s %.*s", STR_ARG(issues[0].instance_path),
                    STR_ARG(contract_issue_message(cx->arena, &issues[0])));
    }
    error_set(&cx->error, RC_INVALID, "The body does not fit: see the fields.");
    for (size_t i = 0; i < n; i++) {
        add_field(cx, &issues[i]);
    }
    if (cx->error.n_fields == 1) {
        FieldError field = cx->error.fields[0];
        error_set(&cx->error, RC_INVALID, "%s %s.", field.pointer[0] ? field.pointer : "The body",
                  field.message);
    }
    return RC_INVALID;
}

Rc api_check_body(Ctx *cx, Call *call)
{
    const Operation *op = call->op;
    bool backstage = op->errors == ERRORS_BACKSTAGE;

    if (op->max_body == 0 || op->run == RUN_STREAM) {
        return RC_OK;
    }
    if (call->raw_body.len > op->max_body) {
        return fail(cx, RC_LIMIT, "The body is larger than %zu bytes.", op->max_body);
    }
    Str type = media_type(call_header(call, "Content-Type"));
    if (call->raw_body.len == 0) {
        if (backstage && op->body_schema) {
            call->body = json_object(cx->arena); /* as body-parser leaves it */
            return op->body_required ? validate(cx, call) : RC_OK;
        }
        if (op->body_required) {
            return fail(cx, RC_MALFORMED, "A body is required.");
        }
        return RC_OK;
    }
    if (type.len > 0 && !contract_takes(op, type)) {
        return fail(cx, RC_MEDIA_TYPE, "The operation does not take a body of type %.*s.",
                    STR_ARG(str_sub(type, 0, MIN(type.len, (size_t)100))));
    }
    Str coding = str_trim(call_header(call, "Content-Encoding"));
    if (coding.len > 0 && !str_eq_nocase(coding, STR("identity"))) {
        return fail(cx, RC_MEDIA_TYPE,
                    "A body with Content-Encoding %.*s is not taken; send it as it is.",
                    STR_ARG(str_sub(coding, 0, MIN(coding.len, (size_t)100))));
    }
    if (!op->body_schema || !is_json(type)) {
        return RC_OK;
    }
    TRY(parse(cx, call));
    return validate(cx, call);
}
