/* SPDX-License-Identifier: Apache-2.0
 * From the contract to the shapes of commands: words, positional arguments, flags. */
#include "app/app.h"
#include "app/cli.h"
#include "contract_handlers.h"
#include "platform/records/records.h"

#include <ctype.h>

enum { REF_HOPS_MAX = 16, FLAGS_MAX = 256 };

const Json *cli_resolve(const Cli *cli, const Json *schema)
{
    for (int hops = 0; hops < REF_HOPS_MAX; hops++) {
        Str ref = json_str_at(schema, "$ref");
        if (!str_starts(ref, STR("#/"))) {
            return schema;
        }
        schema = json_pointer(contract_json(cli->contract), str_from_index(ref, 1));
    }
    return NULL;
}

Str cli_kebab(Arena *arena, Str name)
{
    Buf out = buf_init(arena, 2 * name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool starts_word = isupper(c) && i > 0 && islower((unsigned char)name.ptr[i - 1]);
        if (starts_word) {
            buf_char(&out, '-');
        }
        buf_char(&out, c == '_' || c == '.' ? '-' : (char)tolower(c));
    }
    return buf_str(&out);
}

const CliFlag *cli_flag_find(const CliOperation *operation, Str flag)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    Str wanted = cli_kebab(scratch, flag);
    for (size_t i = operation->n_positional; i < operation->n_flags; i++) {
        if (str_eq(operation->flags[i].flag, wanted)) {
            return &operation->flags[i];
        }
    }
    return NULL;
}

/* The first type that is not null; "" when any will do. */
static Str schema_type(const Json *schema, bool *ret_nullable)
{
    const Json *type = json_get_c(schema, "type");
    Str found = json_str(type);
    for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++) {
        Str name = json_str(type->items[i]);
        if (str_is(name, "null")) {
            *ret_nullable = true;
        } else if (found.len == 0) {
            found = name;
        }
    }
    return found;
}

static bool is_taken(const CliOperation *operation, Str flag)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        if (str_is(flag, cli_options[i].flag)) {
            return true;
        }
    }
    return cli_flag_find(operation, flag) != NULL;
}

static void add_flag(const Cli *cli, CliOperation *operation, CliFlag flag)
{
    static const char *const kinds[] = {"path", "query", "header", "body"};
    Str kebab = cli_kebab(cli->arena, flag.name);
    if (flag.positional) {
        Buf upper = buf_init(cli->arena, kebab.len);
        for (size_t i = 0; i < kebab.len; i++) {
            buf_char(&upper, (char)toupper((unsigned char)kebab.ptr[i]));
        }
        flag.flag = buf_str(&upper);
    } else {
        flag.flag = str_fmt(cli->arena, "--%.*s", STR_ARG(kebab));
        if (is_taken(operation, flag.flag)) {
            flag.flag = str_fmt(cli->arena, "--%s-%.*s", kinds[flag.to], STR_ARG(kebab));
        }
    }
    if (operation->n_flags < FLAGS_MAX) {
        operation->flags[operation->n_flags++] = flag;
    }
}

static bool is_positional(const Operation *op, Str name)
{
    const Json *names = json_path(op->json, "x-cli", "positional", NULL);
    for (uint32_t i = 0; json_is(names, JSON_ARRAY) && i < names->n; i++) {
        if (str_eq(json_str(names->items[i]), name)) {
            return true;
        }
    }
    return false;
}

static void
add_param(const Cli *cli, CliOperation *operation, const OperationParam *p, bool positional)
{
    static const CliFlagTo to[] = {[PARAM_IN_PATH] = CLI_TO_PATH,
                                   [PARAM_IN_QUERY] = CLI_TO_QUERY,
                                   [PARAM_IN_HEADER] = CLI_TO_HEADER};
    bool is_here = p->in == PARAM_IN_PATH || is_positional(operation->op, p->name);
    if (is_here == positional) {
        add_flag(cli, operation,
                 (CliFlag){.name = p->name,
                           .to = to[p->in],
                           .schema = p->schema,
                           .type = p->type,
                           .positional = positional,
                           .required = p->required || p->in == PARAM_IN_PATH,
                           .repeated = p->repeated,
                           .csv = p->csv,
                           .filter = p->filter,
                           .description = p->description});
    }
}

static bool is_required(const Json *schema, Str name)
{
    const Json *required = json_get_c(schema, "required");
    for (uint32_t i = 0; json_is(required, JSON_ARRAY) && i < required->n; i++) {
        if (str_eq(json_str(required->items[i]), name)) {
            return true;
        }
    }
    return false;
}

static void
add_property(const Cli *cli, CliOperation *operation, const JsonMember *m, bool positional)
{
    const Json *schema = cli_resolve(cli, m->value);
    if (is_positional(operation->op, m->key) != positional ||
        json_bool(json_get_c(schema, "readOnly"), false)) {
        return;
    }
    CliFlag flag = {.name = m->key, .to = CLI_TO_BODY, .schema = schema, .positional = positional};
    flag.type = schema_type(schema, &flag.nullable);
    flag.required = is_required(operation->body_schema, m->key);
    flag.description = json_str_at(schema, "description");
    if (str_is(flag.type, "array")) {
        bool nullable = false;
        Str item = schema_type(cli_resolve(cli, json_get_c(schema, "items")), &nullable);
        flag.repeated = item.len > 0 && !str_is(item, "object") && !str_is(item, "array");
        flag.type = flag.repeated ? item : flag.type;
    }
    add_flag(cli, operation, flag);
}

static void add_flags(const Cli *cli, CliOperation *operation, bool positional)
{
    const Json *properties = json_get_c(operation->body_schema, "properties");
    for (size_t i = 0; i < operation->op->n_params; i++) {
        add_param(cli, operation, &operation->op->params[i], positional);
    }
    for (uint32_t i = 0; json_is(properties, JSON_OBJECT) && i < properties->n; i++) {
        add_property(cli, operation, &properties->members[i], positional);
    }
}

static void find_body(const Cli *cli, CliOperation *operation)
{
    const Json *body = cli_resolve(cli, json_get_c(operation->op->json, "requestBody"));
    const Json *content = json_get_c(body, "content");
    for (uint32_t i = 0; json_is(content, JSON_OBJECT) && i < content->n; i++) {
        const JsonMember *m = &content->members[i];
        bool is_json = str_is(m->key, "application/json") || str_ends(m->key, STR("+json"));
        if (i == 0 || (is_json && !operation->body_schema)) {
            operation->body_type = m->key;
            operation->body_schema =
                is_json ? cli_resolve(cli, json_get_c(m->value, "schema")) : NULL;
        }
    }
}

static void find_streams(const Cli *cli, CliOperation *operation)
{
    const Json *ok = cli_resolve(cli, json_path(operation->op->json, "responses", "200", NULL));
    const Json *content = json_get_c(ok, "content");
    operation->streams = json_get_c(content, "text/event-stream") != NULL;
    operation->only_streams = operation->streams && content->n == 1;
}

static void load_operation(const Cli *cli, const Operation *op, CliOperation *ret)
{
    ret->op = op;
    ret->words = str_replace(cli->arena, op->id, STR("."), STR(" "));
    ret->hidden = json_bool(json_path(op->json, "x-cli", "hidden", NULL), false);
    ret->flags = ARENA_ARRAY(cli->arena, CliFlag, FLAGS_MAX);
    find_body(cli, ret);
    find_streams(cli, ret);
    add_flags(cli, ret, true);
    ret->n_positional = ret->n_flags;
    add_flags(cli, ret, false);
    for (size_t i = 0; i < ret->n_flags; i++) {
        Str name = ret->flags[i].name;
        ret->pages =
            ret->pages || (ret->flags[i].to == CLI_TO_QUERY &&
                           (str_is(name, "cursor") || (ret->streams && str_is(name, "after"))));
    }
}

Rc cli_new(Cli **ret, Error *err)
{
    Arena *arena = arena_new(64 * KIB);
    Cli *cli = ARENA_NEW(arena, Cli);
    cli->arena = arena;
    Rc rc = contract_load(str_of((const char *)contract_data, contract_len), contract_handlers,
                          contract_n_handlers, records_serve, &cli->contract, err);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    const Operation *operations = contract_operations(cli->contract, &cli->n_operations);
    cli->operations = ARENA_ARRAY(arena, CliOperation, cli->n_operations);
    for (size_t i = 0; i < cli->n_operations; i++) {
        load_operation(cli, &operations[i], &cli->operations[i]);
    }
    *ret = cli;
    return RC_OK;
}

void cli_free(Cli *cli)
{
    if (cli) {
        contract_free(cli->contract);
        arena_free(cli->arena);
    }
}
