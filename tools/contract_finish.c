/* SPDX-License-Identifier: Apache-2.0
 * tools/contract_finish.c - what every operation gets from its file and from what it is. */
#include "contract_tool.h"

static void set_default(Tool *t, Json *op, const char *key, Json *value)
{
    if (!json_get_c(op, key)) {
        tool_place(value, op);
        json_set_c(t->arena, op, key, value);
    }
}

static Json *one_string(Tool *t, Str s)
{
    Json *array = json_array(t->arena);
    json_push(t->arena, array, json_string(t->arena, s));
    return array;
}

void operation_finish(Tool *t, Json *op, Str path, const Json *path_params, const FileInfo *file)
{
    Json *params = json_array(t->arena);
    const Json *own = json_get_c(op, "parameters");

    for (uint32_t i = 0; json_is(path_params, JSON_ARRAY) && i < path_params->n; i++) {
        json_push(t->arena, params, path_params->items[i]);
    }
    for (uint32_t i = 0; json_is(own, JSON_ARRAY) && i < own->n; i++) {
        json_push(t->arena, params, own->items[i]);
    }
    tool_place(params, op);
    json_set_c(t->arena, op, "parameters", params);
    set_default(t, op, "tags", one_string(t, file->tag));
    /* a summary that says it all is the description too, for tools that show only that */
    Str summary = json_str_at(op, "summary");
    set_default(t, op, "description",
                json_string(t->arena, str_fmt(t->arena, "%.*s.", STR_ARG(summary))));
    set_default(t, op, "x-run", json_string_c(t->arena, "worker"));
    set_default(t, op, "x-strict-query", json_bool_new(t->arena, !file->backstage));
    set_default(t, op, "x-module", json_string(t->arena, file->module));
    if (file->backstage) {
        set_default(t, op, "x-errors", json_string_c(t->arena, "backstage"));
    }
    if (file->mount.len > 0 && str_starts(path, file->mount)) {
        set_default(t, op, "x-mount", json_string(t->arena, file->mount));
    }
    if (json_bool(json_get_c(op, "x-public"), false)) {
        set_default(t, op, "security", json_array(t->arena));
    }
}

/* ---- standard responses */

typedef struct Facts {
    bool limited, credentials, path_params, body, if_match, idempotent, writes;
} Facts;

static Facts facts_of(const Tool *t, const OperationAt *at)
{
    Facts f = {
        .credentials = !json_bool(json_get_c(at->op, "x-public"), false),
        .limited = !str_is(json_str_at(at->op, "x-rate"), "none"),
        .path_params = str_find_char(at->path, '{') != SIZE_MAX,
        .body = json_get_c(at->op, "requestBody") != NULL,
        .idempotent = json_get_c(at->op, "x-idempotent") != NULL,
        .writes = !str_is(at->method, "get") && !str_is(at->method, "head"),
    };
    const Json *params = json_get_c(at->op, "parameters");
    for (uint32_t i = 0; params && i < params->n; i++) {
        const Json *param = tool_resolve(t, params->items[i]);
        f.if_match = f.if_match || str_is(json_str_at(param, "name"), "If-Match");
    }
    return f;
}

static void add(Tool *t, Json *responses, bool when, const char *status, const char *name)
{
    if (when && !json_get_c(responses, status)) {
        json_set_c(t->arena, responses, status,
                   tool_json(t, responses, "{\"$ref\":\"#/components/responses/%s\"}", name));
    }
}

/* Readers expect them by status. Few enough for insertion. */
static void sort_responses(Json *r)
{
    for (uint32_t i = 1; i < r->n; i++) {
        JsonMember moved = r->members[i];
        uint32_t to = i;
        for (; to > 0 && str_cmp(r->members[to - 1].key, moved.key) > 0; to--) {
            r->members[to] = r->members[to - 1];
        }
        r->members[to] = moved;
    }
}

static void add_standard(Tool *t, const OperationAt *at, Json *r)
{
    Facts f = facts_of(t, at);

    if (json_get_c(at->op, "x-errors")) {
        add(t, r, true, "400", "BackstageError");
        add(t, r, f.credentials, "401", "BackstageError");
        add(t, r, f.credentials, "403", "BackstageError");
        add(t, r, f.path_params, "404", "BackstageError");
        add(t, r, f.if_match, "412", "BackstageError");
        add(t, r, f.body, "413", "BackstageError");
        add(t, r, f.body, "415", "BackstageError");
        add(t, r, f.limited, "429", "BackstageError");
        add(t, r, true, "500", "BackstageError");
        add(t, r, f.writes, "507", "BackstageError");
        return;
    }
    add(t, r, true, "400", "BadRequest");
    add(t, r, f.credentials, "401", "Unauthorized");
    add(t, r, f.credentials, "403", "Forbidden");
    add(t, r, f.path_params, "404", "NotFound");
    add(t, r, f.idempotent, "409", "Conflict");
    add(t, r, f.if_match, "412", "PreconditionFailed");
    add(t, r, f.body, "413", "TooLarge");
    add(t, r, f.body, "415", "UnsupportedMediaType");
    add(t, r, f.body, "422", "Invalid");
    add(t, r, f.limited, "429", "TooManyRequests");
    add(t, r, true, "500", "InternalError");
    add(t, r, f.writes, "507", "InsufficientStorage");
}

void operations_add_responses(Tool *t)
{
    OperationAt *all;
    size_t n = tool_operations(t, &all);
    for (size_t i = 0; i < n; i++) {
        Json *responses = json_get_c(all[i].op, "responses");
        if (!json_is(responses, JSON_OBJECT)) {
            tool_error(t, all[i].op, "%.*s %.*s needs responses", STR_ARG(all[i].method),
                       STR_ARG(all[i].path));
            continue;
        }
        add_standard(t, &all[i], responses);
        sort_responses(responses);
    }
}
