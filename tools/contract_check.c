/* SPDX-License-Identifier: Apache-2.0
 * tools/contract_check.c - what must be true of the merged contract. */
#include "contract_tool.h"
#include "data/json_schema.h"

/* Every x- key there is; a misspelt one would be ignored silently. docs/contract.md explains them.
 */
static const char *const known_keys[] = {
    "x-changed",   "x-cli",      "x-computed",     "x-errors",  "x-filter",     "x-idempotent",
    "x-immutable", "x-max-body", "x-module",       "x-mount",   "x-permission", "x-personal",
    "x-public",    "x-rate",     "x-record",       "x-records", "x-references", "x-run",
    "x-says",      "x-secret",   "x-strict-query", "x-sunset",  "x-versions",
};
static const char *const record_keys[] = {"table",        "soft_delete", "unique", "list",
                                          "default_sort", "where",       "search"};

static bool is_one_of(Str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(key, names[i])) {
            return true;
        }
    }
    return false;
}

/* ---- every node: references, x- keys */

static void check_record(Tool *t, const Json *schema, const Json *record)
{
    const Json *properties = json_get_c(schema, "properties");
    static const char *const name_lists[] = {"list", "search"};
    for (uint32_t i = 0; record->type == JSON_OBJECT && i < record->n; i++) {
        if (!is_one_of(record->members[i].key, record_keys, ARRAY_LEN(record_keys))) {
            tool_error(t, record->members[i].value, "x-record has no key \"%.*s\"",
                       STR_ARG(record->members[i].key));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(name_lists); i++) {
        const Json *names = json_get_c(record, name_lists[i]);
        for (uint32_t j = 0; json_is(names, JSON_ARRAY) && j < names->n; j++) {
            if (!json_get(properties, json_str(names->items[j]))) {
                tool_error(t, names, "x-record.%s: there is no property \"%.*s\"", name_lists[i],
                           STR_ARG(json_str(names->items[j])));
            }
        }
    }
}

static void check_key(Tool *t, const Json *owner, const JsonMember *m)
{
    if (str_is(m->key, "$ref") && m->value->type == JSON_STRING && !tool_resolve(t, owner)) {
        tool_error(t, m->value, "the reference \"%.*s\" leads nowhere", STR_ARG(m->value->text));
    }
    if (str_starts(m->key, STR("x-")) && !is_one_of(m->key, known_keys, ARRAY_LEN(known_keys))) {
        tool_error(t, m->value, "there is no key \"%.*s\"", STR_ARG(m->key));
    }
    if (str_is(m->key, "x-record")) {
        check_record(t, owner, m->value);
    }
    if (str_is(m->key, "x-references")) {
        const Json *to =
            json_get(json_path(t->doc, "components", "schemas", NULL), json_str(m->value));
        if (!json_get_c(to, "x-record")) {
            tool_error(t, m->value, "x-references: \"%.*s\" is no record",
                       STR_ARG(json_str(m->value)));
        }
    }
}

/* Members of these are names chosen by the author, or data: no keys of the vocabulary. */
static bool holds_names(Str key)
{
    static const char *const keys[] = {"properties", "patternProperties", "$defs",  "schemas",
                                       "paths",      "headers",           "content"};
    return is_one_of(key, keys, ARRAY_LEN(keys));
}

static bool holds_data(Str key)
{
    static const char *const keys[] = {"example", "examples", "default", "enum",
                                       "const",   "x-cli",    "x-record"};
    return is_one_of(key, keys, ARRAY_LEN(keys));
}

static void walk(Tool *t, const Json *v, bool names)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->type == JSON_ARRAY) {
            walk(t, v->items[i], false);
            continue;
        }
        if (v->type != JSON_OBJECT) {
            return;
        }
        const JsonMember *m = &v->members[i];
        if (names) {
            walk(t, m->value, false);
            continue;
        }
        check_key(t, v, m);
        if (!holds_data(m->key)) {
            walk(t, m->value, holds_names(m->key) && m->value->type == JSON_OBJECT);
        }
    }
}

/* ---- schemas and examples */

static const JsonSchema *compile(Tool *t, const Json *at, Str pointer)
{
    const JsonSchema *schema = NULL;
    JsonSchemaOptions options = {.dialect = JSON_SCHEMA_2020_12, .assert_format = true};
    Error err = {0};
    if (json_schema_compile_at(t->arena, t->doc, pointer, &options, &schema, &err) != RC_OK) {
        tool_error(t, at, "the schema is not valid: %s", err.message);
        return NULL;
    }
    return schema;
}

static void check_example(Tool *t, const JsonSchema *schema, const Json *example)
{
    enum { MAX_ISSUES = 5 };
    JsonSchemaIssue *issues = NULL;
    size_t n = 0;
    if (!schema || json_schema_validate(schema, example, t->arena, MAX_ISSUES, &issues, &n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        tool_error(t, example, "the example does not fit its schema: %.*s %.*s",
                   STR_ARG(issues[i].instance_path), STR_ARG(issues[i].message));
    }
}

/* owner has `schema`, and maybe `example` or `examples` (OpenAPI's form, by name). */
static void check_schema_owner(Tool *t, const Json *owner, Str pointer)
{
    const Json *schema = json_get_c(owner, "schema");
    const Json *example = json_get_c(owner, "example");
    const Json *examples = json_get_c(owner, "examples");
    if (!schema) {
        return;
    }
    const JsonSchema *compiled = compile(t, schema, tool_pointer(t, pointer, STR("schema")));
    if (example) {
        check_example(t, compiled, example);
    }
    for (uint32_t i = 0; json_is(examples, JSON_OBJECT) && i < examples->n; i++) {
        const Json *value = json_get_c(tool_resolve(t, examples->members[i].value), "value");
        if (value) {
            check_example(t, compiled, value);
        }
    }
}

static void check_content(Tool *t, const Json *owner, Str pointer)
{
    const Json *content = json_get_c(owner, "content");
    Str base = tool_pointer(t, pointer, STR("content"));
    for (uint32_t i = 0; json_is(content, JSON_OBJECT) && i < content->n; i++) {
        const JsonMember *m = &content->members[i];
        check_schema_owner(t, m->value, tool_pointer(t, base, m->key));
    }
}

static void check_component_schemas(Tool *t)
{
    const Json *schemas = json_path(t->doc, "components", "schemas", NULL);
    for (uint32_t i = 0; schemas && i < schemas->n; i++) {
        const JsonMember *m = &schemas->members[i];
        const JsonSchema *schema =
            compile(t, m->value, tool_pointer(t, STR("/components/schemas"), m->key));
        const Json *examples = json_get_c(m->value, "examples");
        for (uint32_t j = 0; json_is(examples, JSON_ARRAY) && j < examples->n; j++) {
            check_example(t, schema, examples->items[j]);
        }
    }
}

static void check_component_content(Tool *t)
{
    static const char *const sections[] = {"responses", "parameters", "headers", "requestBodies"};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        const Json *all = json_path(t->doc, "components", sections[i], NULL);
        Str base = str_fmt(t->arena, "/components/%s", sections[i]);
        for (uint32_t j = 0; json_is(all, JSON_OBJECT) && j < all->n; j++) {
            Str pointer = tool_pointer(t, base, all->members[j].key);
            check_content(t, all->members[j].value, pointer);
            check_schema_owner(t, all->members[j].value, pointer);
        }
    }
}

/* ---- operations */

static bool is_id(Str id)
{
    bool word = false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9');
        if (!letter && (!word || (c != '.' && c != '-'))) {
            return false;
        }
        word = letter;
    }
    return word && str_find_char(id, '.') != SIZE_MAX;
}

/* The version and the older ones that are still answered. */
static bool is_version(const Tool *t, Str version)
{
    const Json *info = json_get_c(t->doc, "info");
    const Json *older = json_get_c(info, "x-versions");
    bool found = str_eq(json_str_at(info, "version"), version);
    for (uint32_t i = 0; json_is(older, JSON_ARRAY) && i < older->n; i++) {
        found = found || str_eq(json_str_at(older->items[i], "version"), version);
    }
    return version.len > 0 && found;
}

/* Each change has a function that turns an answer into what it was before. */
static void check_changes(Tool *t, const OperationAt *at, Str id, Str symbol)
{
    const Json *changes = json_get_c(at->op, "x-changed");
    Str newer = STR("9999-12-31");
    for (uint32_t i = 0; json_is(changes, JSON_ARRAY) && i < changes->n; i++) {
        Str version = json_str_at(changes->items[i], "version");
        if (!is_version(t, version) || str_cmp(version, newer) >= 0 ||
            json_str_at(changes->items[i], "what").len == 0) {
            tool_error(
                t, changes,
                "x-changed is a list, newest first, of { version, what } with versions of info");
            return;
        }
        newer = version;
        Str name = str_fmt(t->arena, "%.*s_before_%.*s", STR_ARG(symbol),
                           STR_ARG(str_replace(t->arena, version, STR("-"), STR("_"))));
        map_put(&t->handlers, name,
                tool_json(t, at->op, "{\"operationId\":\"%.*s@%.*s\",\"x-module\":\"%.*s\"}",
                          STR_ARG(id), STR_ARG(version), STR_ARG(json_str_at(at->op, "x-module"))));
    }
}

static void check_identity(Tool *t, const OperationAt *at, Map *symbols)
{
    const Json *op = at->op;
    Str id = json_str_at(op, "operationId");
    if (!is_id(id)) {
        tool_error(t, op,
                   "operationId \"%.*s\" must be <resource>.<verb> in lower case, with "
                   "dots and dashes",
                   STR_ARG(id));
        return;
    }
    Str symbol = str_replace(t->arena, id, STR("."), STR("_"));
    symbol = str_replace(t->arena, symbol, STR("-"), STR("_"));
    if (map_put(symbols, symbol, at->op)) {
        tool_error(t, op, "operationId \"%.*s\" is already there", STR_ARG(id));
    }
    if (!json_get_c(op, "x-records")) {
        map_put(&t->handlers, symbol, at->op);
    }
    check_changes(t, at, id, symbol);
}

static void check_words(Tool *t, const OperationAt *at)
{
    const Json *op = at->op;
    Str run = json_str_at(op, "x-run");
    const Json *permission = json_get_c(op, "x-permission");
    bool is_public = json_bool(json_get_c(op, "x-public"), false);
    const Json *max_body = json_get_c(op, "x-max-body");
    int64_t bytes;

    if (json_str_at(op, "summary").len == 0) {
        tool_error(t, op, "%.*s %.*s needs a summary", STR_ARG(at->method), STR_ARG(at->path));
    }
    if (!is_public &&
        (json_str_at(permission, "action").len == 0 || json_str_at(permission, "on").len == 0)) {
        tool_error(t, op, "%.*s %.*s needs x-permission: { action, on }, or x-public: true",
                   STR_ARG(at->method), STR_ARG(at->path));
    }
    if (!str_is(run, "inline") && !str_is(run, "worker") && !str_is(run, "stream")) {
        tool_error(t, op, "x-run is inline, worker or stream");
    }
    Str rate = json_str_at(op, "x-rate");
    if (json_get_c(op, "x-rate") && !str_is(rate, "auth") && !str_is(rate, "none")) {
        tool_error(t, op, "x-rate is auth or none");
    }
    if (max_body && (!json_to_i64(max_body, &bytes) || bytes < 0)) {
        tool_error(t, max_body, "x-max-body is a number of bytes");
    }
    if (json_get_c(op, "x-idempotent") && !str_is(json_str_at(op, "x-idempotent"), "key")) {
        tool_error(t, op, "x-idempotent is \"key\"");
    }
}

static bool has_param(Tool *t, const Json *params, Str name)
{
    for (uint32_t i = 0; params && i < params->n; i++) {
        const Json *p = tool_resolve(t, params->items[i]);
        if (str_eq(json_str_at(p, "name"), name) && str_is(json_str_at(p, "in"), "path")) {
            return true;
        }
    }
    return false;
}

static void check_params(Tool *t, const OperationAt *at)
{
    const Json *params = json_get_c(at->op, "parameters");
    Str base = tool_pointer(t, at->pointer, STR("parameters"));
    Map seen = map_init(t->arena);

    for (uint32_t i = 0; params && i < params->n; i++) {
        const Json *p = tool_resolve(t, params->items[i]);
        Str name = json_str_at(p, "name");
        Str in = json_str_at(p, "in");
        if (!p) {
            continue; /* reported with the references */
        }
        if (name.len == 0 || !json_get_c(p, "schema") || json_str_at(p, "description").len == 0) {
            tool_error(t, p, "a parameter needs name, in, description and schema");
        }
        if (map_put(&seen, str_fmt(t->arena, "%.*s:%.*s", STR_ARG(in), STR_ARG(name)), at->op)) {
            tool_error(t, p, "parameter \"%.*s\" is already there", STR_ARG(name));
        }
        Str braced = str_fmt(t->arena, "{%.*s}", STR_ARG(name));
        if (str_is(in, "path") && (str_find(at->path, braced) == SIZE_MAX ||
                                   !json_bool(json_get_c(p, "required"), false))) {
            tool_error(t, p, "path parameter \"%.*s\" must stand in %.*s and be required",
                       STR_ARG(name), STR_ARG(at->path));
        }
        if (p == params->items[i]) {
            check_schema_owner(t, p, str_fmt(t->arena, "%.*s/%u", STR_ARG(base), i));
        }
    }
    Str rest = at->path;
    Str part;
    while (str_split(&rest, '/', &part)) {
        if (str_starts(part, STR("{")) && !has_param(t, params, str_sub(part, 1, part.len - 1))) {
            tool_error(t, at->op, "the parameter %.*s of %.*s is not declared", STR_ARG(part),
                       STR_ARG(at->path));
        }
    }
}

static void check_bodies(Tool *t, const OperationAt *at)
{
    const Json *responses = json_get_c(at->op, "responses");
    Str base = tool_pointer(t, at->pointer, STR("responses"));
    bool success = false;

    check_content(t, json_get_c(at->op, "requestBody"),
                  tool_pointer(t, at->pointer, STR("requestBody")));
    for (uint32_t i = 0; responses && i < responses->n; i++) {
        const JsonMember *m = &responses->members[i];
        success = success || (m->key.len == 3 && m->key.ptr[0] < '4');
        check_content(t, m->value, tool_pointer(t, base, m->key));
    }
    if (!success) {
        tool_error(t, at->op, "%.*s %.*s needs the response of its success", STR_ARG(at->method),
                   STR_ARG(at->path));
    }
}

static void check_tags(Tool *t, const OperationAt *at)
{
    const Json *declared = json_get_c(t->doc, "tags");
    Str name = json_str(json_pointer(at->op, STR("/tags/0")));
    for (uint32_t i = 0; declared && i < declared->n; i++) {
        if (str_eq(json_str_at(declared->items[i], "name"), name)) {
            return;
        }
    }
    tool_error(t, at->op, "%.*s %.*s: the tag \"%.*s\" is not declared in any file's tags",
               STR_ARG(at->method), STR_ARG(at->path), STR_ARG(name));
}

/* A record has one home: two lists of it would give two collections. */
static void check_record_home(Tool *t, const OperationAt *at, Map *homes)
{
    Str verb = json_str(json_path(at->op, "x-records", "verb", NULL));
    Str schema = json_str(json_path(at->op, "x-records", "schema", NULL));
    if (verb.len > 0 &&
        map_put(homes, str_fmt(t->arena, "%.*s:%.*s", STR_ARG(schema), STR_ARG(verb)), at->op)) {
        tool_error(t, at->op, "the record %.*s already has operations at another path",
                   STR_ARG(schema));
    }
}

void contract_check(Tool *t)
{
    OperationAt *all;
    size_t n = tool_operations(t, &all);
    Map symbols = map_init(t->arena);
    Map homes = map_init(t->arena);

    walk(t, t->doc, false);
    tool_stop_on_errors(t);
    check_component_schemas(t);
    check_component_content(t);
    for (size_t i = 0; i < n; i++) {
        check_identity(t, &all[i], &symbols);
        check_words(t, &all[i]);
        check_params(t, &all[i]);
        check_bodies(t, &all[i]);
        check_tags(t, &all[i]);
        check_record_home(t, &all[i], &homes);
    }
}
