/* SPDX-License-Identifier: Apache-2.0
 * tools/contract_reference.c - the reference documentation, one Markdown page. */
#include "base/file.h"

#include "contract_tool.h"

static const size_t max_page = 8 * MIB;

/* One table cell: no line breaks, no bars. */
static void cell(Tool *t, Buf *out, Str text)
{
    text = str_replace(t->arena, str_trim(text), STR("\n"), STR(" "));
    buf_put(out, str_replace(t->arena, text, STR("|"), STR("\\|")));
}

static Str ref_name(const Json *schema)
{
    Str ref = json_str_at(schema, "$ref");
    return str_from_index(ref, str_rfind_char(ref, '/') == SIZE_MAX ? ref.len
                                                                    : str_rfind_char(ref, '/') + 1);
}

static void schema_type(Tool *t, Buf *out, const Json *schema)
{
    Str name = ref_name(schema);
    const Json *type = json_get_c(schema, "type");
    const Json *values = json_get_c(schema, "enum");
    if (name.len > 0) {
        Str anchor = str_lower(t->arena, name);
        buf_fmt(out, "[%.*s](#%.*s)", STR_ARG(name), STR_ARG(anchor));
    } else if (values && values->n <= 8) {
        for (uint32_t i = 0; i < values->n; i++) {
            Str value = values->items[i]->type == JSON_STRING
                            ? values->items[i]->text
                            : json_to_str(t->arena, values->items[i]);
            buf_fmt(out, "%s`%.*s`", i ? ", " : "", STR_ARG(value));
        }
    } else if (str_is(json_str(type), "array")) {
        buf_lit(out, "list of ");
        schema_type(t, out, json_get_c(schema, "items"));
    } else if (json_is(type, JSON_ARRAY)) {
        for (uint32_t i = 0; i < type->n; i++) {
            buf_fmt(out, "%s%.*s", i ? " or " : "", STR_ARG(json_str(type->items[i])));
        }
    } else {
        buf_put(out, json_is(type, JSON_STRING) ? type->text : STR("any"));
    }
    Str format = json_str_at(schema, "format");
    if (format.len > 0) {
        buf_fmt(out, " (%.*s)", STR_ARG(format));
    }
}

static void write_params(Tool *t, Buf *out, const Json *params)
{
    if (!params || params->n == 0) {
        return;
    }
    buf_lit(out, "\n| parameter | in | type | |\n| --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < params->n; i++) {
        const Json *p = tool_resolve(t, params->items[i]);
        bool required = json_bool(json_get_c(p, "required"), false);
        buf_fmt(out, "| `%.*s`%s | %.*s | ", STR_ARG(json_str_at(p, "name")),
                required ? " (required)" : "", STR_ARG(json_str_at(p, "in")));
        schema_type(t, out, json_get_c(p, "schema"));
        buf_lit(out, " | ");
        cell(t, out, json_str_at(p, "description"));
        buf_lit(out, " |\n");
    }
}

static void write_body(Tool *t, Buf *out, const Json *body)
{
    const Json *content = json_get_c(tool_resolve(t, body), "content");
    for (uint32_t i = 0; content && i < content->n; i++) {
        const JsonMember *m = &content->members[i];
        buf_fmt(out, "\nBody: `%.*s`, ", STR_ARG(m->key));
        schema_type(t, out, json_get_c(m->value, "schema"));
        buf_char(out, '\n');
        const Json *example = json_get_c(m->value, "example");
        if (example) {
            buf_lit(out, "\n```json\n");
            json_write_pretty(out, example);
            buf_lit(out, "\n```\n");
        }
    }
}

static void write_responses(Tool *t, Buf *out, const Json *responses)
{
    buf_lit(out, "\n| status | | body |\n| --- | --- | --- |\n");
    for (uint32_t i = 0; responses && i < responses->n; i++) {
        const Json *r = tool_resolve(t, responses->members[i].value);
        const Json *content = json_get_c(r, "content");
        buf_fmt(out, "| %.*s | ", STR_ARG(responses->members[i].key));
        cell(t, out, json_str_at(r, "description"));
        buf_lit(out, " | ");
        if (content && content->n > 0) {
            const Json *schema = json_get_c(content->members[0].value, "schema");
            if (schema) {
                schema_type(t, out, schema);
            } else {
                buf_put(out, content->members[0].key);
            }
        }
        buf_lit(out, " |\n");
    }
}

static void write_operation(Tool *t, Buf *out, const OperationAt *at)
{
    const Json *permission = json_get_c(at->op, "x-permission");
    Str description = json_str_at(at->op, "description");
    Buf method = buf_init(t->arena, 16);
    for (size_t i = 0; i < at->method.len; i++) {
        buf_char(&method, (char)(at->method.ptr[i] - ('a' - 'A')));
    }
    buf_fmt(out, "\n### %.*s\n\n`%.*s %.*s`: %.*s.", STR_ARG(json_str_at(at->op, "operationId")),
            STR_ARG(buf_str(&method)), STR_ARG(at->path), STR_ARG(json_str_at(at->op, "summary")));
    if (permission) {
        buf_fmt(out, " Needs `%.*s` on `%.*s`.", STR_ARG(json_str_at(permission, "action")),
                STR_ARG(json_str_at(permission, "on")));
    } else {
        buf_lit(out, " Public.");
    }
    if (json_bool(json_get_c(at->op, "deprecated"), false)) {
        buf_lit(out, " **Deprecated.**");
    }
    buf_char(out, '\n');
    if (description.len > 0 && !str_starts(description, json_str_at(at->op, "summary"))) {
        buf_fmt(out, "\n%.*s\n", STR_ARG(str_trim(description)));
    }
    write_params(t, out, json_get_c(at->op, "parameters"));
    write_body(t, out, json_get_c(at->op, "requestBody"));
    write_responses(t, out, json_get_c(at->op, "responses"));
}

static void write_schema(Tool *t, Buf *out, const JsonMember *m)
{
    const Json *properties = json_get_c(m->value, "properties");
    const Json *required = json_get_c(m->value, "required");
    Str description = json_str_at(m->value, "description");

    buf_fmt(out, "\n### %.*s\n", STR_ARG(m->key));
    if (description.len > 0) {
        buf_fmt(out, "\n%.*s\n", STR_ARG(str_trim(description)));
    }
    if (!json_is(properties, JSON_OBJECT) || properties->n == 0) {
        buf_lit(out, "\nType: ");
        schema_type(t, out, m->value);
        buf_char(out, '\n');
        return;
    }
    buf_lit(out, "\n| member | type | |\n| --- | --- | --- |\n");
    for (uint32_t i = 0; i < properties->n; i++) {
        const JsonMember *p = &properties->members[i];
        bool needed = false;
        for (uint32_t j = 0; json_is(required, JSON_ARRAY) && j < required->n; j++) {
            needed = needed || str_eq(json_str(required->items[j]), p->key);
        }
        buf_fmt(out, "| `%.*s`%s | ", STR_ARG(p->key), needed ? " (required)" : "");
        schema_type(t, out, p->value);
        buf_lit(out, " | ");
        cell(t, out, json_str_at(p->value, "description"));
        buf_lit(out, " |\n");
    }
}

void contract_reference(Tool *t, const char *path)
{
    Buf out = buf_init(t->arena, max_page);
    OperationAt *all;
    size_t n = tool_operations(t, &all);
    const Json *tags = json_get_c(t->doc, "tags");
    const Json *schemas = json_path(t->doc, "components", "schemas", NULL);

    buf_lit(&out,
            "# API reference\n\n<!-- Generated from api/*.yaml by fairway-contract; do not "
            "edit. -->\n\nWhat holds for all operations (errors, lists, conditional requests, "
            "versions) is in [The API contract](../contract.md).\n");
    for (uint32_t i = 0; i < tags->n; i++) {
        Str tag = json_str_at(tags->items[i], "name");
        buf_fmt(&out, "\n## %.*s\n\n%.*s\n", STR_ARG(tag),
                STR_ARG(str_trim(json_str_at(tags->items[i], "description"))));
        for (size_t k = 0; k < n; k++) {
            if (str_eq(json_str(json_pointer(all[k].op, STR("/tags/0"))), tag)) {
                write_operation(t, &out, &all[k]);
            }
        }
    }
    buf_lit(&out, "\n## Schemas\n");
    for (uint32_t i = 0; schemas && i < schemas->n; i++) {
        write_schema(t, &out, &schemas->members[i]);
    }
    Error err = {0};
    if (!buf_ok(&out) || file_write_atomic(path, buf_str(&out), 0644, &err) != RC_OK) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        exit(1);
    }
}
