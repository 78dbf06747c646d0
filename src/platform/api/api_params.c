/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_params.c - parameters, coerced and checked against their schemas.
 *
 * Backstage's order and wording (express-openapi-validator over ajv): query names and empty values
 * in the order of the request, then what is missing, then each value; only the first is told. The
 * problem form tells all of them. */
#include "platform/api/api_priv.h"

enum { MAX_VALUES = 200 };

typedef struct Check {
    Ctx *cx;
    const Call *call;
    bool backstage;
} Check;

static const char *const place_names[] = {"path", "query", "header"};
/* Backstage's words for them */
static const char *const backstage_places[] = {"params", "query", "headers"};
static const char *const filter_ops[] = {"ne",  "lt",     "lte",      "gt",
                                         "gte", "prefix", "contains", "exists"};

/* One violation. False when no more are wanted. */
static bool report(const Check *c, ParamIn in, Str name, Str sub, Str message)
{
    Error *err = &c->cx->error;
    if (c->backstage) {
        error_set(err, RC_MALFORMED, "request/%s/%.*s%.*s %.*s", backstage_places[in],
                  STR_ARG(name), STR_ARG(sub), STR_ARG(message));
        return false;
    }
    const char *place = in == PARAM_IN_PATH ? "path" : in == PARAM_IN_QUERY ? "query" : "header";
    if (err->code == RC_OK) {
        error_set(err, RC_MALFORMED, "The %s parameter %.*s %.*s.", place, STR_ARG(name),
                  STR_ARG(message));
    }
    Str pointer = str_fmt(c->cx->arena, "%s:%.*s", place_names[in], STR_ARG(name));
    error_field(err, pointer, "%.*s", STR_ARG(message));
    return true;
}

/* ---- names */

/* "name[op]" of a filter parameter. */
static bool is_filter(const OperationParam *p, Str name)
{
    if (!p->filter || name.len < p->name.len + 2 || !str_starts(name, p->name) ||
        name.ptr[p->name.len] != '[' || name.ptr[name.len - 1] != ']') {
        return false;
    }
    Str op = str_sub(name, p->name.len + 1, name.len - 1);
    for (size_t i = 0; i < ARRAY_LEN(filter_ops); i++) {
        if (str_is(op, filter_ops[i])) {
            return true;
        }
    }
    return false;
}

static const OperationParam *find_query_param(const Operation *op, Str name)
{
    for (size_t i = 0; i < op->n_params; i++) {
        const OperationParam *p = &op->params[i];
        if (p->in == PARAM_IN_QUERY && (str_eq(p->name, name) || is_filter(p, name))) {
            return p;
        }
    }
    return NULL;
}

static Rc check_names(const Check *c)
{
    const Call *call = c->call;
    for (size_t i = 0; i < call->n_query; i++) {
        Str name = call->query[i].name;
        const OperationParam *p = find_query_param(call->op, name);
        if (!p && call->op->strict_query) {
            if (c->backstage) {
                return fail(c->cx, RC_MALFORMED, "Unknown query parameter '%.*s'", STR_ARG(name));
            }
            report(c, PARAM_IN_QUERY, name, STR_EMPTY, STR("is not known here"));
        }
        if (p && call->query[i].value.len == 0 && !p->allow_empty && !p->filter) {
            if (c->backstage) {
                return fail(c->cx, RC_MALFORMED, "Empty value found for query parameter '%.*s'",
                            STR_ARG(name));
            }
            report(c, PARAM_IN_QUERY, name, STR_EMPTY, STR("must not be empty"));
        }
    }
    return c->cx->error.code;
}

/* What the store and the log cannot take. */
static bool is_text(Str s)
{
    return str_find_char(s, '\0') == SIZE_MAX && str_is_utf8(s, NULL);
}

static Rc check_text(const Check *c)
{
    const Call *call = c->call;
    for (size_t i = 0; i < call->n_path; i++) {
        if (!is_text(call->path[i].value)) {
            return fail(c->cx, RC_MALFORMED, "The path is not UTF-8 text.");
        }
    }
    for (size_t i = 0; i < call->n_query; i++) {
        if (!is_text(call->query[i].name) || !is_text(call->query[i].value)) {
            return fail(c->cx, RC_MALFORMED, "The query is not UTF-8 text.");
        }
    }
    return RC_OK;
}

/* ---- values */

/* As JSON by the declared type; a value that does not have it stays a string, for the schema to say
 * so. */
static Json *coerce(Arena *arena, Str type, Str text)
{
    Json *v = ARENA_NEW(arena, Json);
    int64_t i64;
    v->type = JSON_STRING;
    v->text = text;
    if (str_is(type, "integer") && str_to_i64(text, &i64)) {
        return json_int(arena, i64);
    }
    if (str_is(type, "number")) {
        Json *number = NULL;
        if (json_parse(arena, text, NULL, &number, NULL) == RC_OK && json_is(number, JSON_NUMBER)) {
            return number;
        }
    }
    if (str_is(type, "boolean") && (str_is(text, "true") || str_is(text, "false"))) {
        return json_bool_new(arena, str_is(text, "true"));
    }
    return v;
}

/* The values of a query parameter: their number, and the parameter as JSON. */
static size_t read_query(const Check *c, const OperationParam *p, Json **ret)
{
    Arena *arena = c->cx->arena;
    Json *items = p->repeated ? json_array(arena) : NULL;
    size_t n = 0;
    for (size_t i = 0; i < c->call->n_query; i++) {
        if (!str_eq(c->call->query[i].name, p->name)) {
            continue;
        }
        Str rest = c->call->query[i].value;
        Str item = rest;
        n++;
        if (!p->repeated) {
            *ret = coerce(arena, p->type, item);
        } else if (!p->csv) {
            json_push(arena, items, coerce(arena, p->type, item));
        }
        while (items && p->csv && items->n < MAX_VALUES && str_split(&rest, ',', &item)) {
            json_push(arena, items, coerce(arena, p->type, item));
        }
    }
    if (p->repeated) {
        *ret = items;
    }
    return n;
}

static size_t read_param(const Check *c, const OperationParam *p, Json **ret)
{
    Str value = STR_EMPTY;
    if (p->in == PARAM_IN_QUERY) {
        return c->call->n_query ? read_query(c, p, ret) : 0;
    }
    if (p->in == PARAM_IN_HEADER) {
        const char *name = str_cstr(c->cx->arena, p->name);
        value = call_header(c->call, name);
        if (value.len == 0 && !call_has_header(c->call, name)) {
            return 0; /* an empty one is a value: an empty If-Match must not make a change
                         unconditional */
        }
    } else {
        for (size_t i = 0; i < c->call->n_path; i++) {
            if (str_eq(c->call->path[i].name, p->name)) {
                value = c->call->path[i].value;
            }
        }
    }
    *ret = coerce(c->cx->arena, p->type, value);
    return 1;
}

static bool check_value(const Check *c, const OperationParam *p, size_t n, const Json *value)
{
    if (n > 1 && !p->repeated) {
        Str message = c->backstage ? str_fmt(c->cx->arena, "must be %.*s", STR_ARG(p->type))
                                   : STR("must be given only once");
        return report(c, p->in, p->name, STR_EMPTY, message);
    }
    if (p->plain) {
        return true;
    }
    JsonSchemaIssue *issues = NULL;
    size_t n_issues = 0;
    const JsonSchema *schema = contract_compile(c->cx->platform->contract, p->schema);
    if (json_schema_validate(schema, value, c->cx->arena, 1, &issues, &n_issues)) {
        return true;
    }
    Str message = contract_issue_message(c->cx->arena, &issues[0]);
    return report(c, p->in, p->name, issues[0].instance_path, message);
}

static bool report_missing(const Check *c, const OperationParam *p)
{
    if (c->backstage) {
        error_set(&c->cx->error, RC_MALFORMED, "request/%s must have required property '%.*s'",
                  backstage_places[p->in], STR_ARG(p->name));
        return false;
    }
    return report(c, p->in, p->name, STR_EMPTY, STR("is required"));
}

static void check_values(const Check *c)
{
    const Operation *op = c->call->op;
    /* what is missing comes first, as ajv has it */
    for (size_t i = 0; i < op->n_params; i++) {
        const OperationParam *p = &op->params[i];
        Json *value = NULL;
        if (p->required && p->in != PARAM_IN_PATH && read_param(c, p, &value) == 0 &&
            !report_missing(c, p)) {
            return;
        }
    }
    for (size_t i = 0; i < op->n_params; i++) {
        const OperationParam *p = &op->params[i];
        Json *value = NULL;
        if (p->plain && p->in != PARAM_IN_QUERY) {
            continue;
        }
        size_t n = read_param(c, p, &value);
        if (n > 0 && !check_value(c, p, n, value)) {
            return;
        }
    }
}

Rc api_check_params(Ctx *cx, const Call *call)
{
    Check c = {cx, call, call->op->errors == ERRORS_BACKSTAGE};
    TRY(check_text(&c));
    TRY(check_names(&c));
    check_values(&c);
    return cx->error.code;
}
