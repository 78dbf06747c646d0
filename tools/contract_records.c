/* SPDX-License-Identifier: Apache-2.0
 * tools/contract_records.c - what an `x-record` schema and an `x-records` path stand for.
 *
 * Of a schema X: X itself gets the standard properties; XWrite is what a client sends to create or
 * replace, XPatch a merge patch, XList a page. Of a path: the operations in `verbs` below. */
#include "contract_tool.h"

#define EXAMPLE_ID "0192a3b4-c5d6-7e8f-9012-3456789abcde"
#define EXAMPLE_TIME "2026-11-20T09:30:00.000Z"

#define REF(to) "{\"$ref\":\"#/components/" to "\"}"
#define CONTENT(schema) "\"content\":{\"application/json\":{\"schema\":" REF("schemas/" schema) "}}"
#define ETAG "\"ETag\":" REF("headers/ETag")
#define CONFLICT "\"409\":" REF("responses/Conflict")

/* Responses of success; @ is the schema's name. */
static const char page_of_records[] =
    "{\"200\":{\"description\":\"A page of records.\",\"headers\":{\"Link\":" REF(
        "headers/Link") "}," CONTENT("@List") "}}";
static const char page_of_changes[] =
    "{\"200\":{\"description\":\"A page of changes, newest first.\",\"headers\":{\"Link\":" REF(
        "headers/Link") "}," CONTENT("RecordHistory") "}}";
static const char created[] =
    "{\"201\":{\"description\":\"Created.\",\"headers\":{" ETAG
    ",\"Location\":" REF("headers/Location") "}," CONTENT("@") "}," CONFLICT "}";
static const char found[] = "{\"200\":{\"description\":\"The record.\",\"headers\":{" ETAG
                            "}," CONTENT("@") "},\"304\":" REF("responses/NotModified") "}";
static const char changed[] =
    "{\"200\":{\"description\":\"The record after the change.\",\"headers\":{" ETAG
    "}," CONTENT("@") "}," CONFLICT "}";
static const char deleted[] = "{\"204\":{\"description\":\"Deleted.\"}," CONFLICT "}";

typedef struct VerbRow {
    const char *verb, *method, *suffix, *action;
    const char *success;
    const char *summary; /* % is the record's words, with its article */
} VerbRow;

static const VerbRow verbs[] = {
    {"list",    "get",    "",              "read",   page_of_records, "List %"               },
    {"create",  "post",   "",              "create", created,         "Create %"             },
    {"get",     "get",    "/{id}",         "read",   found,           "Read %"               },
    {"replace", "put",    "/{id}",         "update", changed,         "Replace %"            },
    {"patch",   "patch",  "/{id}",         "update", changed,         "Change %"             },
    {"delete",  "delete", "/{id}",         "delete", deleted,         "Delete %"             },
    {"restore", "post",   "/{id}/restore", "update", changed,         "Restore %"            },
    {"history", "get",    "/{id}/history", "read",   page_of_changes, "List the changes of %"},
};

/* In the order of `verbs`. */
static const char *const descriptions[] = {
    "Filters hold together; an unknown one is refused. Pages follow by `next_cursor`, which is "
    "bound "
    "to the filters and the order.",
    "With `Idempotency-Key` a repeated request gets the first answer, for 24 hours; with another "
    "body it is refused.",
    "The `ETag` is the revision of the record.",
    "Replaces all that may be written: what the body leaves out gets its default or is cleared. "
    "With "
    "`If-Match` only if nobody was faster.",
    "Changes the members of the body only; null clears an optional one. With `If-Match` only if "
    "nobody was faster.",
    "With `If-Match` only if nobody was faster. Records with a restore operation can be restored.",
    "Undoes a deletion.",
    "Every change with who, when, and the record before and after. Secrets are masked.",
};

/* "an organization", "a team" */
static Str with_article(Tool *t, Str words)
{
    bool vowel = words.len > 0 && str_find_char(STR("aeio"), words.ptr[0]) != SIZE_MAX;
    return str_fmt(t->arena, "%s %.*s", vowel ? "an" : "a", STR_ARG(words));
}

/* ---- schemas */

static bool flag(const Json *v, const char *key)
{
    return json_bool(json_get_c(v, key), false);
}

static bool in_array(const Json *array, Str s)
{
    for (uint32_t i = 0; json_is(array, JSON_ARRAY) && i < array->n; i++) {
        if (str_eq(json_str(array->items[i]), s)) {
            return true;
        }
    }
    return false;
}

/* What a masked secret may look like in an answer: nothing of the rules for its value holds. */
static Json *masked(Tool *t, const Json *property)
{
    Json *v = tool_json(t, property, "{\"type\":\"string\",\"x-secret\":true,\"readOnly\":false}");
    json_remove(v, STR("readOnly"));
    const Json *description = json_get_c(property, "description");
    if (description) {
        json_set_c(t->arena, v, "description", json_clone(t->arena, description));
    }
    return v;
}

/* The same schema that also takes null (a merge patch removes a member with it). */
static Json *or_null(Tool *t, const Json *property)
{
    const Json *type = json_get_c(property, "type");
    if (json_is(type, JSON_STRING) && !str_is(type->text, "null") &&
        !json_get_c(property, "const")) {
        Json *v = json_clone(t->arena, property);
        json_remove(v, STR("default"));
        Json *types = tool_json(t, property, "[\"%.*s\",\"null\"]", STR_ARG(type->text));
        json_set_c(t->arena, v, "type", types);
        Json *values = json_get_c(v, "enum");
        if (values) {
            json_push(t->arena, values, json_null(t->arena));
        }
        return v;
    }
    if (in_array(type, STR("null"))) {
        return json_clone(t->arena, property);
    }
    Json *v = tool_json(t, property, "{\"anyOf\":[{\"type\":\"null\"}]}");
    json_push(t->arena, json_get_c(v, "anyOf"), json_clone(t->arena, property));
    return v;
}

static bool is_writable(const Json *property)
{
    return !flag(property, "readOnly") && !flag(property, "x-computed");
}

static Json *write_schema(Tool *t, const Json *schema, Str words)
{
    const Json *properties = json_get_c(schema, "properties");
    const Json *required = json_get_c(schema, "required");
    Json *v = tool_json(t, schema,
                        "{\"type\":\"object\",\"description\":\"What a client sends to create or "
                        "replace %.*s.\",\"required\":[],\"additionalProperties\":false,"
                        "\"properties\":{}}",
                        STR_ARG(words));
    for (uint32_t i = 0; i < properties->n; i++) {
        const JsonMember *m = &properties->members[i];
        if (is_writable(m->value)) {
            json_set(t->arena, json_get_c(v, "properties"), m->key, m->value);
            if (in_array(required, m->key)) {
                json_push(t->arena, json_get_c(v, "required"), json_string(t->arena, m->key));
            }
        }
    }
    const Json *examples = json_get_c(schema, "examples");
    if (examples) {
        json_set_c(t->arena, v, "examples", json_clone(t->arena, examples));
    }
    return v;
}

static Json *patch_schema(Tool *t, const Json *schema, Str words)
{
    const Json *properties = json_get_c(schema, "properties");
    const Json *required = json_get_c(schema, "required");
    const Json *examples = json_get_c(schema, "examples");
    const Json *sample = json_is(examples, JSON_ARRAY) && examples->n ? examples->items[0] : NULL;
    Json *v = tool_json(t, schema,
                        "{\"type\":\"object\",\"description\":\"A merge patch (RFC 7396) of %.*s: "
                        "members to change; null clears an optional one.\","
                        "\"additionalProperties\":false,\"properties\":{}}",
                        STR_ARG(words));
    Json *example = NULL;
    for (uint32_t i = 0; i < properties->n; i++) {
        const JsonMember *m = &properties->members[i];
        if (!is_writable(m->value) || flag(m->value, "x-immutable")) {
            continue;
        }
        Json *property = in_array(required, m->key) ? m->value : or_null(t, m->value);
        json_set(t->arena, json_get_c(v, "properties"), m->key, property);
        Json *value = json_get(sample, m->key);
        if (!example && value) {
            example = tool_json(t, schema, "[{}]");
            json_set(t->arena, example->items[0], m->key, json_clone(t->arena, value));
        }
    }
    if (example) {
        json_set_c(t->arena, v, "examples", example);
    }
    return v;
}

static void set_standard(Tool *t, Json *properties, const char *name, const Json *value)
{
    if (json_get_c(properties, name)) {
        tool_error(t, json_get_c(properties, name),
                   "\"%s\" is a standard property of every record; leave it out", name);
    }
    Json *v = json_clone(t->arena, value);
    json_set_c(t->arena, properties, name, v);
}

/* id first, then the record's own, then who and when. */
static void add_standard(Tool *t, Json *schema, bool soft_delete)
{
    static const char *const moments[] = {"created_at", "updated_at", "deleted_at"};
    static const char *const actors[] = {"created_by", "updated_by", "deleted_by"};
    static const char *const verbs_[] = {"Created", "Last changed", "Deleted"};
    Json *own = json_get_c(schema, "properties");
    Json *all = json_object(t->arena);
    tool_place(all, own);
    Json *id = tool_json(t, schema,
                         "{\"type\":\"string\",\"format\":\"uuid\",\"readOnly\":true,"
                         "\"description\":\"Identifier (UUIDv7).\"}");
    set_standard(t, own, "id", id);
    json_set_c(t->arena, all, "id", json_get_c(own, "id"));
    for (uint32_t i = 0; i < own->n; i++) {
        Json *property = own->members[i].value;
        json_set(t->arena, all, own->members[i].key,
                 flag(property, "x-secret") ? masked(t, property) : property);
    }
    for (size_t i = 0; i < (soft_delete ? 3U : 2U); i++) {
        Json *at = tool_json(t, schema,
                             "{\"type\":%s,\"format\":\"date-time\",\"readOnly\":true,"
                             "\"description\":\"%s at this time.\"}",
                             i == 2 ? "[\"string\",\"null\"]" : "\"string\"", verbs_[i]);
        Json *by =
            tool_json(t, schema,
                      "{\"type\":[\"string\",\"null\"],\"readOnly\":true,"
                      "\"description\":\"%s by this user or service; null when by the system "
                      "or anonymously.\"}",
                      verbs_[i]);
        set_standard(t, all, moments[i], at);
        set_standard(t, all, actors[i], by);
    }
    json_set_c(t->arena, schema, "properties", all);
}

static void read_form(Tool *t, Json *schema)
{
    Json *required = tool_json(t, schema, "[\"id\",\"created_at\",\"updated_at\"]");
    const Json *own = json_get_c(schema, "required");
    for (uint32_t i = 0; json_is(own, JSON_ARRAY) && i < own->n; i++) {
        json_push(t->arena, required, own->items[i]);
    }
    json_set_c(t->arena, schema, "required", required);
    const Json *examples = json_get_c(schema, "examples");
    if (!json_is(examples, JSON_ARRAY) || examples->n == 0) {
        return;
    }
    Json *shown = tool_json(t, schema, "[{\"id\":\"%s\"}]", EXAMPLE_ID);
    const Json *sent = examples->items[0];
    for (uint32_t i = 0; sent->type == JSON_OBJECT && i < sent->n; i++) {
        const Json *property = json_get(json_get_c(schema, "properties"), sent->members[i].key);
        Json *value = flag(property, "x-secret") ? json_string_c(t->arena, "********")
                                                 : json_clone(t->arena, sent->members[i].value);
        json_set(t->arena, shown->items[0], sent->members[i].key, value);
    }
    json_set_str(t->arena, shown->items[0], "created_at", STR(EXAMPLE_TIME));
    json_set_str(t->arena, shown->items[0], "updated_at", STR(EXAMPLE_TIME));
    json_set_c(t->arena, schema, "examples", shown);
}

static void expand_schema(Tool *t, Json *schemas, Str name, Json *schema)
{
    const Json *settings = json_get_c(schema, "x-record");
    Str words = tool_words(t, name);
    static const char *const suffixes[] = {"Write", "Patch", "List"};
    Json *made[ARRAY_LEN(suffixes)];

    if (!json_is(settings, JSON_OBJECT) || json_str_at(settings, "table").len == 0) {
        tool_error(t, schema, "x-record names its table: { table: … }");
        return;
    }
    if (!str_is(json_str_at(schema, "type"), "object") ||
        !json_is(json_get_c(schema, "properties"), JSON_OBJECT)) {
        tool_error(t, schema, "a record is an object with properties");
        return;
    }
    made[0] = write_schema(t, schema, with_article(t, words));
    made[1] = patch_schema(t, schema, with_article(t, words));
    made[2] =
        tool_json(t, schema,
                  "{\"type\":\"object\",\"description\":\"A page of the list.\",\"required\":"
                  "[\"items\",\"next_cursor\"],\"additionalProperties\":false,\"properties\":{"
                  "\"items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
                  "%.*s\"}},\"next_cursor\":{\"$ref\":\"#/components/schemas/NextCursor\"},"
                  "\"total\":{\"$ref\":\"#/components/schemas/Total\"}}}",
                  STR_ARG(name));
    add_standard(t, schema, flag(settings, "soft_delete"));
    read_form(t, schema);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        Str key = str_fmt(t->arena, "%.*s%s", STR_ARG(name), suffixes[i]);
        if (json_get(schemas, key)) {
            tool_error(t, json_get(schemas, key), "components/schemas/%.*s is made by the build",
                       STR_ARG(key));
        }
        json_set(t->arena, schemas, key, made[i]);
    }
}

void records_expand_schemas(Tool *t)
{
    Json *schemas = tool_child(t, json_get_c(t->doc, "components"), "schemas");
    uint32_t n = schemas->n; /* those added here are no records */
    for (uint32_t i = 0; i < n; i++) {
        Json *schema = schemas->members[i].value;
        if (json_get_c(schema, "x-record")) {
            expand_schema(t, schemas, schemas->members[i].key, schema);
        }
    }
}

/* ---- operations */

typedef struct Expansion {
    Str path, schema_name, collection, words, plural;
    const Json *schema, *spec;
    const FileInfo *file;
} Expansion;

/* "/api/services/{id}/versions" -> "services.versions" */
static Str collection_of(Tool *t, Str path)
{
    Buf out = buf_init(t->arena, KIB);
    Str rest = str_from_index(path, sizeof("/api/") - 1);
    Str part;
    while (str_split(&rest, '/', &part)) {
        if (!str_starts(part, STR("{"))) {
            buf_fmt(&out, "%s%.*s", out.len ? "." : "", STR_ARG(part));
        }
    }
    return buf_str(&out);
}

/* The type that a filter's value has, or "" when the property cannot be filtered by. */
static Str filter_type(const Tool *t, const Json *property)
{
    const Json *resolved = tool_resolve(t, property);
    const Json *type = json_get_c(resolved, "type");
    Str name = json_str(type);
    for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++) {
        if (!str_is(json_str(type->items[i]), "null")) {
            name = json_str(type->items[i]);
        }
    }
    bool scalar = str_is(name, "string") || str_is(name, "integer") || str_is(name, "number") ||
                  str_is(name, "boolean");
    if (!scalar || flag(property, "x-secret") || flag(property, "x-computed")) {
        return STR_EMPTY;
    }
    return name;
}

static void add_filter(Tool *t, Json *params, const JsonMember *property, Str type)
{
    const Json *resolved = tool_resolve(t, property->value);
    Json *param = tool_json(
        t, property->value,
        "{\"name\":\"%.*s\",\"in\":\"query\",\"x-filter\":true,\"description\":\"Only those whose "
        "%.*s is this; repeat for several. Also %.*s[op]= with op ne, lt, lte, gt, gte, prefix, "
        "contains or exists.\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"%.*s\"}}}",
        STR_ARG(property->key), STR_ARG(property->key), STR_ARG(property->key), STR_ARG(type));
    Json *items = json_get_c(json_get_c(param, "schema"), "items");
    const Json *values = json_get_c(resolved, "enum");
    if (values) {
        json_set_c(t->arena, items, "enum", json_clone(t->arena, values));
    }
    const Json *format = json_get_c(resolved, "format");
    if (format && str_is(format->text, "date-time")) {
        json_set_c(t->arena, items, "format", json_clone(t->arena, format));
    }
    json_push(t->arena, params, param);
}

enum { SORT_MAX = 4 }; /* the engine's RECORD_SORT_MAX */

static Json *
csv_param(Tool *t, const Json *at, const char *name, const char *description, int max_items)
{
    return tool_json(t, at,
                     "{\"name\":\"%s\",\"in\":\"query\",\"description\":\"%s\",\"explode\":false,"
                     "\"schema\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":%d,\"items\":{"
                     "\"type\":\"string\",\"enum\":[]}}}",
                     name, description, max_items);
}

static void add_list_params(Tool *t, const Expansion *e, Json *params)
{
    static const char *const shared[] = {"Limit", "Cursor", "Total"};
    const Json *settings = json_get_c(e->schema, "x-record");
    const Json *properties = json_get_c(e->schema, "properties");
    Json *sort =
        csv_param(t, e->spec, "sort", "Fields to sort by; a minus sign reverses one.", SORT_MAX);
    Json *fields = csv_param(t, e->spec, "fields", "Answer only these members.", 50);
    Json *sorts = json_path(sort, "schema", "items", "enum", NULL);
    Json *names = json_path(fields, "schema", "items", "enum", NULL);

    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        json_push(t->arena, params,
                  tool_json(t, e->spec, "{\"$ref\":\"#/components/parameters/%s\"}", shared[i]));
    }
    if (json_get_c(settings, "search")) {
        json_push(t->arena, params,
                  tool_json(t, e->spec, "{\"$ref\":\"#/components/parameters/Search\"}"));
    }
    if (flag(settings, "soft_delete")) {
        json_push(t->arena, params,
                  tool_json(t, e->spec, "{\"$ref\":\"#/components/parameters/IncludeDeleted\"}"));
    }
    json_push(t->arena, params, sort);
    json_push(t->arena, params, fields);
    for (uint32_t i = 0; i < properties->n; i++) {
        const JsonMember *m = &properties->members[i];
        Str type = filter_type(t, m->value);
        Str in_path = str_fmt(t->arena, "{%.*s}", STR_ARG(m->key));
        json_push(t->arena, names, json_string(t->arena, m->key));
        if (type.len == 0) {
            continue;
        }
        json_push(t->arena, sorts, json_string(t->arena, m->key));
        json_push(t->arena, sorts,
                  json_string(t->arena, str_fmt(t->arena, "-%.*s", STR_ARG(m->key))));
        if (str_find(e->path, in_path) == SIZE_MAX) {
            add_filter(t, params, m, type);
        }
    }
    tool_place(sort, e->spec);
}

static void add_path_params(Tool *t, const Expansion *e, Str path, Json *params)
{
    Str rest = path;
    Str part;
    while (str_split(&rest, '/', &part)) {
        if (str_starts(part, STR("{"))) {
            Str name = str_sub(part, 1, part.len - 1);
            bool own = str_is(name, "id");
            json_push(t->arena, params,
                      tool_json(t, e->spec,
                                "{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,"
                                "\"description\":\"%s\",\"schema\":{\"type\":\"string\"}}",
                                STR_ARG(name),
                                own ? "Identifier of the record." : "Identifier of the parent."));
        }
    }
}

static void add_params(Tool *t, const Expansion *e, const VerbRow *row, Str path, Json *op)
{
    Json *params = json_get_c(op, "parameters");
    const char *refs[3] = {NULL, NULL, NULL};

    add_path_params(t, e, path, params);
    if (strcmp(row->verb, "list") == 0) {
        add_list_params(t, e, params);
    } else if (strcmp(row->verb, "history") == 0) {
        refs[0] = "Limit";
        refs[1] = "Cursor";
    } else if (strcmp(row->verb, "get") == 0) {
        refs[0] = "IfNoneMatch";
        refs[1] = flag(json_get_c(e->schema, "x-record"), "soft_delete") ? "IncludeDeleted" : NULL;
    } else if (strcmp(row->verb, "create") == 0) {
        refs[0] = "IdempotencyKey";
    } else if (strcmp(row->verb, "restore") != 0) {
        refs[0] = "IfMatch";
    }
    for (size_t i = 0; i < ARRAY_LEN(refs) && refs[i]; i++) {
        json_push(t->arena, params,
                  tool_json(t, e->spec, "{\"$ref\":\"#/components/parameters/%s\"}", refs[i]));
    }
}

static void add_body(Tool *t, const Expansion *e, const VerbRow *row, Json *op)
{
    bool patch = strcmp(row->verb, "patch") == 0;
    if (!patch && strcmp(row->verb, "create") != 0 && strcmp(row->verb, "replace") != 0) {
        return;
    }
    const char *suffix = patch ? "Patch" : "Write";
    Json *body =
        tool_json(t, e->spec,
                  "{\"required\":true,\"content\":{\"%s\":{\"schema\":{\"$ref\":\"#/components/"
                  "schemas/%.*s%s\"}}}}",
                  patch ? "application/merge-patch+json" : "application/json",
                  STR_ARG(e->schema_name), suffix);
    Json *media = json_get_c(body, "content")->members[0].value;
    Str key = str_fmt(t->arena, "%.*s%s", STR_ARG(e->schema_name), suffix);
    const Json *schema = json_get(json_path(t->doc, "components", "schemas", NULL), key);
    const Json *examples = json_get_c(schema, "examples");
    if (json_is(examples, JSON_ARRAY) && examples->n > 0) {
        json_set_c(t->arena, media, "example", json_clone(t->arena, examples->items[0]));
    }
    json_set_c(t->arena, op, "requestBody", body);
}

static Str summary_of(Tool *t, const Expansion *e, const VerbRow *row)
{
    return str_replace(t->arena, str_from(row->summary), STR("%"),
                       row == &verbs[0] ? e->plural : with_article(t, e->words));
}

static void expand_verb(Tool *t, const Expansion *e, const VerbRow *row)
{
    const Json *settings = json_get_c(e->schema, "x-record");
    if (strcmp(row->verb, "restore") == 0 && !flag(settings, "soft_delete")) {
        return;
    }
    Str path = str_fmt(t->arena, "%.*s%s", STR_ARG(e->path), row->suffix);
    Str summary = summary_of(t, e, row);
    Json *op = tool_json(t, e->spec,
                         "{\"operationId\":\"%.*s.%s\",\"summary\":\"%.*s\",\"x-permission\":{"
                         "\"action\":\"%s\",\"on\":\"%.*s\"},\"x-records\":{\"schema\":\"%.*s\","
                         "\"verb\":\"%s\"},\"parameters\":[]}",
                         STR_ARG(e->collection), row->verb, STR_ARG(summary), row->action,
                         STR_ARG(e->schema_name), STR_ARG(e->schema_name), row->verb);
    json_set_str(t->arena, op, "description", str_from(descriptions[row - verbs]));
    if (strcmp(row->verb, "create") == 0) {
        const Json *examples = json_get_c(e->schema, "examples");
        if (!json_is(examples, JSON_ARRAY) || examples->n == 0) {
            tool_error(t, e->schema,
                       "a record that clients create needs `examples`: one object as "
                       "a client sends it");
        }
        json_set_str(t->arena, op, "x-idempotent", STR("key"));
    }
    Json *tag = json_get_c(e->spec, "tag");
    if (tag) {
        Json *tags = json_array(t->arena);
        json_push(t->arena, tags, tag);
        json_set_c(t->arena, op, "tags", tags);
    }
    add_params(t, e, row, path, op);
    add_body(t, e, row, op);
    Str responses = str_replace(t->arena, str_from(row->success), STR("@"), e->schema_name);
    json_set_c(t->arena, op, "responses", tool_json_text(t, e->spec, responses));
    const Json *changes = json_get_c(json_get_c(e->spec, "operations"), row->verb);
    for (uint32_t i = 0; json_is(changes, JSON_OBJECT) && i < changes->n; i++) {
        json_set(t->arena, op, changes->members[i].key, changes->members[i].value);
    }
    tool_place(op, e->spec);
    operation_finish(t, op, path, NULL, e->file);
    Json *item = tool_child(t, json_get_c(t->doc, "paths"), str_cstr(t->arena, path));
    if (json_get_c(item, row->method)) {
        tool_error(t, e->spec, "%s %.*s is already there", row->method, STR_ARG(path));
    }
    json_set_c(t->arena, item, row->method, op);
}

static void check_spec(Tool *t, const Json *spec, const Json *only)
{
    static const char *const keys[] = {"schema", "only", "operations", "tag"};
    for (uint32_t i = 0; json_is(spec, JSON_OBJECT) && i < spec->n; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            known = known || str_is(spec->members[i].key, keys[k]);
        }
        if (!known) {
            tool_error(t, spec->members[i].value, "x-records has no key \"%.*s\"",
                       STR_ARG(spec->members[i].key));
        }
    }
    const Json *operations = json_get_c(spec, "operations");
    uint32_t n_only = json_is(only, JSON_ARRAY) ? only->n : 0;
    uint32_t n = n_only + (json_is(operations, JSON_OBJECT) ? operations->n : 0);
    for (uint32_t i = 0; i < n; i++) {
        Str verb = i < n_only ? json_str(only->items[i]) : operations->members[i - n_only].key;
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(verbs); k++) {
            known = known || str_is(verb, verbs[k].verb);
        }
        if (!known) {
            tool_error(t, spec, "x-records: \"%.*s\" is no operation of records", STR_ARG(verb));
        }
    }
}

void records_expand_path(Tool *t, Str path, const Json *spec, const FileInfo *file)
{
    const Json *only = json_get_c(spec, "only");
    Expansion e = {.path = path, .spec = spec, .file = file};
    e.schema_name = json_is(spec, JSON_STRING) ? spec->text : json_str_at(spec, "schema");
    e.schema = json_get(json_path(t->doc, "components", "schemas", NULL), e.schema_name);
    if (!e.schema || !json_get_c(e.schema, "x-record")) {
        tool_error(t, spec, "x-records: \"%.*s\" is no schema with x-record",
                   STR_ARG(e.schema_name));
        return;
    }
    check_spec(t, spec, only);
    e.collection = collection_of(t, path);
    e.words = tool_words(t, e.schema_name);
    e.plural = str_replace(t->arena, str_from_index(path, str_rfind_char(path, '/') + 1), STR("-"),
                           STR(" "));
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!only || in_array(only, str_from(verbs[i].verb))) {
            expand_verb(t, &e, &verbs[i]);
        }
    }
}
