/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract.c - the merged document becomes operations, once, at start.
 *
 * The build has checked the document (tools/contract_check.c); what is checked here again is what
 * memory safety or a handler depends on. */
#include "platform/contract/contract.h"

#include "platform/contract/contract_priv.h"

enum { DEFAULT_MAX_BODY = 1024 * 1024, MAX_REF_HOPS = 16, MAX_METHOD_NAME = 8 };

typedef struct Loader {
    Contract *contract;
    const OperationHandler *handlers;
    size_t n_handlers;
    OperationFn record_fn;
    Error *err;
} Loader;

static const Json *resolve(const Contract *contract, const Json *v)
{
    for (int hops = 0; v && hops < MAX_REF_HOPS; hops++) {
        const Json *ref = json_get_c(v, "$ref");
        if (!json_is(ref, JSON_STRING)) {
            return v;
        }
        v = str_starts(ref->text, STR("#/"))
                ? json_pointer(contract->doc, str_from_index(ref->text, 1))
                : NULL;
    }
    return NULL;
}

static bool flag(const Json *v, const char *key, bool otherwise)
{
    return json_bool(json_get_c(v, key), otherwise);
}

/* ---- parameters */

/* The name of the one type that is not null: of `type: x` or `type: [x, "null"]`. */
static Str type_of(const Json *schema)
{
    const Json *type = json_get_c(schema, "type");
    if (json_is(type, JSON_STRING)) {
        return type->text;
    }
    for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++) {
        if (!str_is(json_str(type->items[i]), "null")) {
            return json_str(type->items[i]);
        }
    }
    return STR("string");
}

static bool is_plain(const Json *schema)
{
    static const char *const keys[] = {"type",    "description", "title",     "example",
                                       "default", "examples",    "deprecated"};
    for (uint32_t i = 0; i < schema->n; i++) {
        bool known = str_starts(schema->members[i].key, STR("x-"));
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            known = known || str_is(schema->members[i].key, keys[k]);
        }
        if (!known) {
            return false;
        }
    }
    return str_is(json_str_at(schema, "type"), "string");
}

static Rc load_param(const Loader *l, const Json *json, const Operation *op, OperationParam *ret)
{
    const Json *p = resolve(l->contract, json);
    const Json *schema = resolve(l->contract, json_get_c(p, "schema"));
    Str in = json_str_at(p, "in");
    if (!schema || schema->type != JSON_OBJECT) {
        return error_set(l->err, RC_INVALID, "%.*s: a parameter has no schema", STR_ARG(op->id));
    }
    ret->name = json_str_at(p, "name");
    ret->in = str_is(in, "path")     ? PARAM_IN_PATH
              : str_is(in, "header") ? PARAM_IN_HEADER
                                     : PARAM_IN_QUERY;
    ret->required = flag(p, "required", false);
    ret->filter = flag(p, "x-filter", false);
    ret->allow_empty = flag(p, "allowEmptyValue", false);
    ret->description = json_str_at(p, "description");
    ret->schema = schema;
    ret->type = type_of(schema);
    ret->repeated = str_is(ret->type, "array");
    if (ret->repeated) {
        const Json *items = resolve(l->contract, json_get_c(schema, "items"));
        ret->csv = !flag(p, "explode", true);
        ret->type = type_of(items);
    }
    ret->plain = is_plain(schema);
    return RC_OK;
}

static int path_order(const Operation *op, const OperationParam *p)
{
    enum { NOT_IN_PATH = 1000 };
    Str rest = op->path;
    Str part;
    if (p->in != PARAM_IN_PATH) {
        return NOT_IN_PATH;
    }
    for (int i = 0; str_split(&rest, '/', &part); i++) {
        if (part.len == p->name.len + 2 && part.ptr[0] == '{' &&
            str_eq(str_sub(part, 1, part.len - 1), p->name)) {
            return i;
        }
    }
    return -1;
}

static Rc load_params(const Loader *l, Operation *op)
{
    const Json *params = json_get_c(op->json, "parameters");
    size_t n = json_is(params, JSON_ARRAY) ? params->n : 0;
    size_t n_braces = 0;
    op->params = ARENA_ARRAY(l->contract->arena, OperationParam, n);
    for (size_t i = 0; i < n; i++) {
        OperationParam p = {0};
        TRY(load_param(l, params->items[i], op, &p));
        int order = path_order(op, &p);
        size_t to = op->n_params++;
        for (; to > 0 && path_order(op, &op->params[to - 1]) > order; to--) {
            op->params[to] = op->params[to - 1];
        }
        op->params[to] = p;
        n_braces += order >= 0 && p.in == PARAM_IN_PATH;
    }
    for (size_t i = 0; i < op->path.len; i++) {
        n_braces -= op->path.ptr[i] == '{';
    }
    if (n_braces != 0 || (op->n_params && path_order(op, &op->params[0]) < 0)) {
        return error_set(l->err, RC_INVALID, "%.*s: the parameters do not fit the path %.*s",
                         STR_ARG(op->id), STR_ARG(op->path));
    }
    return RC_OK;
}

/* ---- operations */

static const struct {
    const char *name;
    RecordVerb verb;
} record_verbs[] = {
    {"list",    VERB_LIST   },
    {"create",  VERB_CREATE },
    {"get",     VERB_GET    },
    {"replace", VERB_REPLACE},
    {"patch",   VERB_PATCH  },
    {"delete",  VERB_DELETE },
    {"restore", VERB_RESTORE},
    {"history", VERB_HISTORY},
};

static OperationFn find_handler(const Loader *l, Str id)
{
    for (size_t i = 0; i < l->n_handlers; i++) {
        if (str_is(id, l->handlers[i].id)) {
            return l->handlers[i].fn;
        }
    }
    return NULL;
}

static Rc load_changes(const Loader *l, Operation *op)
{
    const Json *changes = json_get_c(op->json, "x-changed");
    op->n_changes = json_is(changes, JSON_ARRAY) ? changes->n : 0;
    op->changes = ARENA_ARRAY(l->contract->arena, OperationChange, op->n_changes);
    for (uint32_t i = 0; i < op->n_changes; i++) {
        OperationChange *change = &op->changes[i];
        change->version = json_str_at(changes->items[i], "version");
        change->before = find_handler(
            l, str_fmt(l->contract->arena, "%.*s@%.*s", STR_ARG(op->id), STR_ARG(change->version)));
        if (!change->before) {
            return error_set(l->err, RC_INVALID,
                             "the operation %.*s has nothing that undoes its change of %.*s",
                             STR_ARG(op->id), STR_ARG(change->version));
        }
    }
    return RC_OK;
}

static Rc load_handler(const Loader *l, Operation *op)
{
    const Json *records = json_get_c(op->json, "x-records");
    Str verb = json_str_at(records, "verb");
    op->record_name = json_str_at(records, "schema");
    for (size_t i = 0; i < ARRAY_LEN(record_verbs); i++) {
        if (str_is(verb, record_verbs[i].name)) {
            op->verb = record_verbs[i].verb;
            op->fn = l->record_fn;
        }
    }
    if (!op->fn) {
        op->fn = find_handler(l, op->id);
    }
    if (!op->fn) {
        return error_set(l->err, RC_INVALID, "the operation %.*s has no handler", STR_ARG(op->id));
    }
    return RC_OK;
}

static bool is_json_type(Str media_type)
{
    return str_is(media_type, "application/json") || str_ends(media_type, STR("+json"));
}

static void load_body(const Loader *l, Operation *op)
{
    const Json *body = resolve(l->contract, json_get_c(op->json, "requestBody"));
    const Json *content = json_get_c(body, "content");
    int64_t bytes = body ? DEFAULT_MAX_BODY : 0;
    if (json_to_i64(json_get_c(op->json, "x-max-body"), &bytes) && bytes < 0) {
        bytes = 0;
    }
    op->max_body = (size_t)bytes;
    op->body_required = flag(body, "required", false);
    for (uint32_t i = 0; !op->body_schema && json_is(content, JSON_OBJECT) && i < content->n; i++) {
        if (is_json_type(content->members[i].key)) {
            op->body_schema = resolve(l->contract, json_get_c(content->members[i].value, "schema"));
        }
    }
}

static OperationRun run_of(const Json *json)
{
    Str run = json_str_at(json, "x-run");
    if (str_is(run, "inline")) {
        return RUN_INLINE;
    }
    return str_is(run, "stream") ? RUN_STREAM : RUN_WORKER;
}

static OperationRate rate_of(const Json *json)
{
    Str rate = json_str_at(json, "x-rate");
    if (str_is(rate, "auth")) {
        return RATE_AUTH;
    }
    return str_is(rate, "none") ? RATE_NONE : RATE_USUAL;
}

static HttpMethod method_of(Str key)
{
    char upper[MAX_METHOD_NAME];
    if (key.len >= sizeof(upper)) {
        return HTTP_OTHER;
    }
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : '?';
    }
    return http_method_parse(str_of(upper, key.len));
}

static Rc load_operation(const Loader *l, Str path, HttpMethod method, const Json *json)
{
    Contract *c = l->contract;
    Operation *op = &c->operations[c->n_operations];
    const Json *permission = json_get_c(json, "x-permission");

    op->contract = c;
    op->json = json;
    op->index = c->n_operations++;
    op->id = json_str_at(json, "operationId");
    op->module = json_str_at(json, "x-module");
    op->method = method;
    op->path = path;
    op->mount = json_str_at(json, "x-mount");
    op->summary = json_str_at(json, "summary");
    op->description = json_str_at(json, "description");
    op->tag = json_str(json_pointer(json, STR("/tags/0")));
    op->run = run_of(json);
    op->rate = rate_of(json);
    op->errors =
        str_is(json_str_at(json, "x-errors"), "backstage") ? ERRORS_BACKSTAGE : ERRORS_PROBLEM;
    op->strict_query = flag(json, "x-strict-query", op->errors == ERRORS_PROBLEM);
    op->public_ = flag(json, "x-public", false);
    op->idempotent_key = json_get_c(json, "x-idempotent") != NULL;
    op->deprecated = flag(json, "deprecated", false);
    op->sunset = json_str_at(json, "x-sunset");
    op->action = json_str_at(permission, "action");
    op->on = json_str_at(permission, "on");
    if (!op->public_ && op->action.len == 0) {
        return error_set(l->err, RC_INVALID, "%.*s needs x-permission or x-public",
                         STR_ARG(op->id));
    }
    load_body(l, op);
    TRY(load_params(l, op));
    TRY(load_handler(l, op));
    TRY(load_changes(l, op));
    if (op->id.len == 0 || map_put(&c->by_id, op->id, op)) {
        return error_set(l->err, RC_INVALID, "the operationId \"%.*s\" is missing or not unique",
                         STR_ARG(op->id));
    }
    if (!route_add(c->arena, c->root, op)) {
        return error_set(l->err, RC_INVALID, "%.*s has the same route as another operation",
                         STR_ARG(op->id));
    }
    return RC_OK;
}

static Rc load_paths(const Loader *l)
{
    Contract *c = l->contract;
    const Json *paths = json_get_c(c->doc, "paths");
    size_t n = 0;

    if (!json_is(paths, JSON_OBJECT)) {
        return error_set(l->err, RC_INVALID, "the contract has no paths");
    }
    for (uint32_t i = 0; i < paths->n; i++) {
        n += paths->members[i].value->n;
    }
    c->operations = ARENA_ARRAY(c->arena, Operation, n);
    for (uint32_t i = 0; i < paths->n; i++) {
        Str path = paths->members[i].key;
        const Json *item = paths->members[i].value;
        if (!str_starts(path, STR("/")) || item->type != JSON_OBJECT) {
            return error_set(l->err, RC_INVALID, "\"%.*s\" is not a path", STR_ARG(path));
        }
        for (uint32_t j = 0; j < item->n; j++) {
            HttpMethod method = method_of(item->members[j].key);
            if (method != HTTP_OTHER) {
                TRY(load_operation(l, path, method, item->members[j].value));
            }
        }
    }
    return RC_OK;
}

static void load_versions(Contract *c)
{
    const Json *versions = json_path(c->doc, "info", "x-versions", NULL);
    size_t n = json_is(versions, JSON_ARRAY) ? versions->n : 0;
    c->older = ARENA_ARRAY(c->arena, ContractVersion, n);
    for (; c->n_older < n; c->n_older++) {
        const Json *v = versions->items[c->n_older];
        c->older[c->n_older] =
            (ContractVersion){json_str_at(v, "version"), json_str_at(v, "sunset")};
    }
}

Rc contract_load(Str text,
                 const OperationHandler *handlers,
                 size_t n_handlers,
                 OperationFn record_fn,
                 Contract **ret,
                 Error *err)
{
    Arena *arena = arena_new(256 * KIB);
    Contract *c = ARENA_NEW(arena, Contract);
    Loader l = {c, handlers, n_handlers, record_fn, err};

    c->arena = arena;
    c->by_id = map_init(arena);
    c->root = route_new(arena);
    mutex_init(&c->lock);
    schemas_init(c);
    Rc rc = json_parse(arena, text, NULL, &c->doc, err);
    if (rc == RC_OK) {
        load_versions(c);
        rc = load_paths(&l);
    }
    if (rc != RC_OK) {
        error_prefix(err, "contract");
        contract_free(c);
        return RC_INVALID;
    }
    *ret = c;
    return RC_OK;
}

void contract_free(Contract *contract)
{
    if (contract) {
        mutex_done(&contract->lock);
        arena_free(contract->arena);
    }
}

bool contract_bind_record(Contract *contract, Str record_name, const RecordType *type)
{
    bool bound = false;
    for (size_t i = 0; i < contract->n_operations; i++) {
        Operation *op = &contract->operations[i];
        if (op->verb != VERB_NONE && str_eq(op->record_name, record_name)) {
            op->record = type;
            bound = true;
        }
    }
    return bound;
}

/* ---- reading */

Str contract_version(const Contract *contract)
{
    return json_str(json_path(contract->doc, "info", "version", NULL));
}

const ContractVersion *contract_older_versions(const Contract *contract, size_t *ret_n)
{
    *ret_n = contract->n_older;
    return contract->older;
}

const Json *contract_json(const Contract *contract)
{
    return contract->doc;
}

const Operation *contract_operations(const Contract *contract, size_t *ret_n)
{
    *ret_n = contract->n_operations;
    return contract->operations;
}

const Operation *contract_operation(const Contract *contract, Str id)
{
    return map_get(&contract->by_id, id);
}

bool contract_response(const Operation *op,
                       int status,
                       Str *ret_content_type,
                       const Json **ret_schema)
{
    char key[16];
    snprintf(key, sizeof(key), "%d", status);
    const Json *responses = json_get_c(op->json, "responses");
    const Json *response = json_get_c(responses, key);
    if (!response) {
        response = json_get_c(responses, "default");
    }
    response = resolve(op->contract, response);
    if (!response) {
        return false;
    }
    const Json *content = json_get_c(response, "content");
    *ret_content_type = STR_EMPTY;
    *ret_schema = NULL;
    if (json_is(content, JSON_OBJECT) && content->n > 0) {
        *ret_content_type = content->members[0].key;
        *ret_schema = resolve(op->contract, json_get_c(content->members[0].value, "schema"));
    }
    return true;
}

bool contract_takes(const Operation *op, Str media_type)
{
    const Json *body = resolve(op->contract, json_get_c(op->json, "requestBody"));
    const Json *content = json_get_c(body, "content");
    for (uint32_t i = 0; json_is(content, JSON_OBJECT) && i < content->n; i++) {
        Str key = content->members[i].key;
        if (str_eq_nocase(key, media_type) || str_is(key, "*/*") ||
            (is_json_type(key) && str_is(media_type, "application/json"))) {
            return true;
        }
    }
    return false;
}

Str contract_issue_message(Arena *arena, const JsonSchemaIssue *issue)
{
    Str says = json_str_at(issue->schema, "x-says");
    if (says.len > 0 && str_is(issue->keyword, "pattern")) {
        return says;
    }
    if (!str_is(issue->keyword, "enum") || !json_is(issue->params, JSON_ARRAY)) {
        return issue->message;
    }
    Buf out = buf_init(arena, 4 * KIB);
    buf_put(&out, issue->message);
    for (uint32_t i = 0; i < issue->params->n; i++) {
        const Json *v = issue->params->items[i];
        buf_put(&out, i == 0 ? STR(": ") : STR(", "));
        buf_put(&out, v->type == JSON_STRING ? v->text : json_to_str(arena, v));
    }
    return buf_str(&out);
}
