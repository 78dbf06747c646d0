/* SPDX-License-Identifier: Apache-2.0
 * From the command line to a request: options, positional arguments, flags checked by their
 * schemas. */
#include "base/time.h"

#include "app/cli.h"
#include "data/yaml.h"
#include "platform/settings/settings.h"

#include <errno.h>
#include <stdlib.h>

enum { ISSUES_SHOWN = 4 };
static const size_t data_max = 64 * MIB;
#define CLI_TIMEOUT_US (60 * US_PER_SECOND)

const CliOption cli_options[] = {
    {"--output",  "-o", "FORMAT", "table json yaml name",
     "How to print the answer; `name` is one identifier a line."                                                     },
    {"--columns", NULL, "A,B.C",  NULL,                   "Columns of the table, as paths into each item."           },
    {"--all",     NULL, NULL,     NULL,                   "Follow the pages of a list to its end."                   },
    {"--follow",  "-f", NULL,     NULL,                   "Stay and print events as they happen."                    },
    {"--data",    "-d", "BODY",   NULL,
     "The body: JSON or YAML, @FILE, or - for standard input. Flags replace its members."                            },
    {"--server",  NULL, "URL",    NULL,                   "The server; else FAIRWAY_URL, else http://127.0.0.1:3001."},
    {"--token",   NULL, "TOKEN",  NULL,
     "Credentials; better in FAIRWAY_TOKEN, where other users do not see them."                                      },
    {"--timeout", NULL, "TIME",   NULL,                   "How long to wait, as 30s or 2m; a minute when not given." },
    {"--quiet",   "-q", NULL,     NULL,                   "Print nothing but the answer: no headings, no hints."     },
    {"--help",    "-h", NULL,     NULL,                   "Show what a command takes."                               },
};
const size_t cli_n_options = ARRAY_LEN(cli_options);

void cli_args_init(CliArgs *args, Arena *arena)
{
    Str url = str_from(getenv("FAIRWAY_URL"));
    *args = (CliArgs){.server = url.len ? url : STR("http://127.0.0.1:3001"),
                      .token = str_from(getenv("FAIRWAY_TOKEN")),
                      .timeout_us = CLI_TIMEOUT_US,
                      .query = {.arena = arena},
                      .headers = {.arena = arena},
                      .positional = {.arena = arena}};
}

/* ---- options of every command */

static Rc set_output(CliArgs *args, Str value, Error *err)
{
    static const char *const names[] = {"table", "json", "yaml", "name"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(value, names[i])) {
            args->output = (CliFormat)i;
            return RC_OK;
        }
    }
    return error_set(err, RC_INVALID, "--output is table, json, yaml or name, not '%.*s'",
                     STR_ARG(value));
}

static Rc set_option(CliArgs *args, Str flag, Str value, Error *err)
{
    if (str_is(flag, "--output")) {
        return set_output(args, value, err);
    }
    if (str_is(flag, "--timeout")) {
        if (!time_parse_duration(value, &args->timeout_us) || args->timeout_us <= 0) {
            return error_set(err, RC_INVALID,
                             "--timeout is a time such as 500ms, 30s or 2m, not '%.*s'",
                             STR_ARG(value));
        }
    } else if (str_is(flag, "--columns")) {
        args->columns = value;
    } else if (str_is(flag, "--data")) {
        args->data = value;
        args->has_data = true;
    } else if (str_is(flag, "--server")) {
        args->server = value;
    } else if (str_is(flag, "--token")) {
        args->token = value;
    } else if (str_is(flag, "--all")) {
        args->all = true;
    } else if (str_is(flag, "--follow")) {
        args->follow = true;
    } else if (str_is(flag, "--quiet")) {
        args->quiet = true;
    } else {
        args->help = true;
    }
    return RC_OK;
}

Rc cli_args_take_option(CliArgs *args, int argc, char **argv, int *at, bool *ret_taken, Error *err)
{
    Str arg = str_from(argv[*at]);
    size_t equals = str_starts(arg, STR("--")) ? str_find_char(arg, '=') : SIZE_MAX;
    Str flag = str_sub(arg, 0, equals);
    *ret_taken = false;
    for (size_t i = 0; i < cli_n_options; i++) {
        const CliOption *option = &cli_options[i];
        if (!str_is(flag, option->flag) && !(option->letter && str_is(flag, option->letter))) {
            continue;
        }
        Str value = STR_EMPTY;
        if (!option->value && equals != SIZE_MAX) {
            return error_set(err, RC_INVALID, "%s takes no value", option->flag);
        }
        if (option->value && equals != SIZE_MAX) {
            value = str_from_index(arg, equals + 1);
        } else if (option->value) {
            if (*at + 1 >= argc) {
                return error_set(err, RC_INVALID, "%s needs a value (%s)", option->flag,
                                 option->value);
            }
            value = str_from(argv[++*at]);
        }
        *at += 1;
        *ret_taken = true;
        return set_option(args, str_from(option->flag), value, err);
    }
    return RC_OK;
}

/* ---- values by type and schema */

static Rc refuse_value(const CliFlag *flag, Str value, const char *accepts, Error *err)
{
    return error_set(err, RC_INVALID, "%.*s is %s, not '%.*s'", STR_ARG(flag->flag), accepts,
                     STR_ARG(value));
}

/* One value (an item, when repeated) as JSON. */
static Rc parse_value(Cli *cli, const CliFlag *flag, Str value, Json **ret, Error *err)
{
    int64_t whole;
    double real = 0;
    if (flag->nullable && str_is(value, "null")) {
        *ret = json_null(cli->arena);
    } else if (str_is(flag->type, "integer") || str_is(flag->type, "number")) {
        bool is_whole = str_to_i64(value, &whole);
        if (!is_whole && (str_is(flag->type, "integer") || !str_to_double(value, &real))) {
            return refuse_value(flag, value,
                                str_is(flag->type, "integer") ? "a whole number" : "a number", err);
        }
        *ret = is_whole ? json_int(cli->arena, whole) : json_double(cli->arena, real);
    } else if (str_is(flag->type, "boolean")) {
        if (!str_is(value, "true") && !str_is(value, "false")) {
            return refuse_value(flag, value, "true or false", err);
        }
        *ret = json_bool_new(cli->arena, str_is(value, "true"));
    } else if (str_is(flag->type, "object") || str_is(flag->type, "array") || flag->type.len == 0) {
        Str text;
        TRY(cli_read_data(cli->arena, value, &text, err));
        Error why = {0};
        if (yaml_parse(cli->arena, text, NULL, ret, &why) != RC_OK) {
            return error_set(err, RC_INVALID, "%.*s is JSON or YAML: %s", STR_ARG(flag->flag),
                             why.message);
        }
    } else {
        *ret = json_string(cli->arena, value);
    }
    return RC_OK;
}

/* Schemas of the contract are of what is sent, so a mistake is found before anything is. */
static Rc check_value(Cli *cli, const CliFlag *flag, const Json *value, Error *err)
{
    JsonSchemaIssue *issues;
    size_t n;
    const JsonSchema *schema = contract_compile(cli->contract, flag->schema);
    if (json_schema_validate(schema, value, cli->arena, ISSUES_SHOWN, &issues, &n)) {
        return RC_OK;
    }
    const Json *values = json_get_c(flag->schema, "enum");
    values = values ? values : json_path(flag->schema, "items", "enum", NULL);
    Str accepted =
        values ? cli_accepts(cli->arena, flag) : contract_issue_message(cli->arena, &issues[0]);
    return error_set(err, RC_INVALID, "%.*s%.*s %s%.*s", STR_ARG(flag->flag),
                     STR_ARG(issues[0].instance_path), values ? "must be " : "", STR_ARG(accepted));
}

/* ---- where values go */

static Json *query_items(Cli *cli, const CliFlag *flag, Str value, Error *err)
{
    Json *items = json_array(cli->arena);
    Str part = STR_EMPTY;
    while (flag->csv ? str_split(&value, ',', &part) : value.ptr != NULL) {
        Json *item;
        part = flag->csv ? part : value;
        if (parse_value(cli, flag, part, &item, err) != RC_OK) {
            return NULL;
        }
        json_push(cli->arena, items, item);
        if (!flag->csv) {
            break;
        }
    }
    return items;
}

static Rc put_param(Cli *cli, CliArgs *args, const CliFlag *flag, Str value, Error *err)
{
    Json *parsed;
    if (flag->repeated) {
        parsed = query_items(cli, flag, value, err);
        if (!parsed) {
            return RC_INVALID;
        }
    } else {
        TRY(parse_value(cli, flag, value, &parsed, err));
    }
    TRY(check_value(cli, flag, parsed, err));
    bool is_etag = str_is(flag->name, "If-Match") || str_is(flag->name, "If-None-Match");
    if (is_etag && !str_is(value, "*") && str_find_char(value, '"') == SIZE_MAX) {
        value = str_fmt(cli->arena, "\"%.*s\"", STR_ARG(value)); /* a shell eats the quotes */
    }
    HttpPair pair = {flag->name, value};
    if (flag->to == CLI_TO_HEADER) {
        VEC_PUSH(&args->headers, pair);
    } else {
        VEC_PUSH(&args->query, pair);
    }
    return RC_OK;
}

static Rc put_property(Cli *cli, CliArgs *args, const CliFlag *flag, Str value, Error *err)
{
    Json *parsed;
    if (!args->body) {
        args->body = json_object(cli->arena);
    }
    if (flag->repeated && !str_starts(value, STR("["))) {
        Json *item;
        TRY(parse_value(cli, flag, value, &item, err));
        parsed = json_get(args->body, flag->name);
        if (!parsed) {
            parsed = json_array(cli->arena);
        }
        json_push(cli->arena, parsed, item);
    } else if (flag->repeated) {
        CliFlag whole = *flag;
        whole.type = STR("array");
        TRY(parse_value(cli, &whole, value, &parsed, err));
    } else {
        TRY(parse_value(cli, flag, value, &parsed, err));
    }
    json_set(cli->arena, args->body, flag->name, parsed);
    return check_value(cli, flag, parsed, err);
}

static Rc put_path(Cli *cli, CliArgs *args, const CliFlag *flag, Str value, Error *err)
{
    if (value.len == 0) {
        return error_set(err, RC_INVALID, "%.*s must not be empty", STR_ARG(flag->flag));
    }
    Buf escaped = buf_init(cli->arena, 3 * value.len);
    buf_url(&escaped, value);
    Str slot = str_fmt(cli->arena, "{%.*s}", STR_ARG(flag->name));
    args->path = str_replace(cli->arena, args->path, slot, buf_str(&escaped));
    return RC_OK;
}

static Rc put(Cli *cli, CliArgs *args, const CliFlag *flag, Str value, Error *err)
{
    switch (flag->to) {
    case CLI_TO_PATH:
        return put_path(cli, args, flag, value, err);
    case CLI_TO_BODY:
        return put_property(cli, args, flag, value, err);
    case CLI_TO_QUERY:
    case CLI_TO_HEADER:
        break;
    }
    return put_param(cli, args, flag, value, err);
}

/* ---- flags */

static Rc refuse_flag(Cli *cli, const CliArgs *args, Str flag, Error *err)
{
    const CliOperation *operation = args->operation;
    const char **known = ARENA_ARRAY(cli->arena, const char *, operation->n_flags + cli_n_options);
    for (size_t i = 0; i < cli_n_options; i++) {
        known[i] = cli_options[i].flag;
    }
    for (size_t i = operation->n_positional; i < operation->n_flags; i++) {
        known[cli_n_options + i] = str_cstr(cli->arena, operation->flags[i].flag);
    }
    const char *suggestion = settings_suggest(flag, known, operation->n_flags + cli_n_options);
    if (suggestion) {
        return error_set(err, RC_INVALID, "`%.*s` has no option %.*s; did you mean %s?",
                         STR_ARG(operation->words), STR_ARG(flag), suggestion);
    }
    return error_set(err, RC_INVALID, "`%.*s` has no option %.*s; `fairway help %.*s` lists them",
                     STR_ARG(operation->words), STR_ARG(flag), STR_ARG(operation->words));
}

/* "--name[prefix]" for a field that can be filtered by: its parameter is sent as it stands. */
static const CliFlag *filter_flag(const CliOperation *operation, Str flag, Str *ret_op)
{
    size_t open = str_find_char(flag, '[');
    if (open == SIZE_MAX || !str_ends(flag, STR("]"))) {
        return NULL;
    }
    const CliFlag *found = cli_flag_find(operation, str_sub(flag, 0, open));
    *ret_op = str_from_index(flag, open);
    return found && found->filter ? found : NULL;
}

static Rc take_flag(Cli *cli, CliArgs *args, int argc, char **argv, int *at, Error *err)
{
    Str arg = str_from(argv[*at]), op = STR_EMPTY;
    size_t equals = str_find_char(arg, '=');
    Str name = str_sub(arg, 0, equals);
    const CliFlag *flag = filter_flag(args->operation, name, &op);
    flag = flag ? flag : cli_flag_find(args->operation, name);
    if (!flag) {
        return refuse_flag(cli, args, name, err);
    }
    Str value;
    if (equals != SIZE_MAX) {
        value = str_from_index(arg, equals + 1);
    } else if (str_is(flag->type, "boolean") && !flag->repeated) {
        value = STR("true");
    } else if (*at + 1 < argc) {
        value = str_from(argv[++*at]);
    } else {
        return error_set(err, RC_INVALID, "%.*s needs a value: %.*s", STR_ARG(flag->flag),
                         STR_ARG(cli_accepts(cli->arena, flag)));
    }
    *at += 1;
    if (op.len) {
        HttpPair pair = {str_fmt(cli->arena, "%.*s%.*s", STR_ARG(flag->name), STR_ARG(op)), value};
        VEC_PUSH(&args->query, pair);
        return RC_OK;
    }
    return put(cli, args, flag, value, err);
}

/* ---- the body as a whole */

static Rc read_all(Arena *arena, FILE *in, const char *name, Str *ret, Error *err)
{
    Buf out = buf_init(arena, data_max);
    char piece[8192];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, in)) > 0 && buf_ok(&out)) {
        buf_put(&out, str_of(piece, n));
    }
    if (ferror(in)) {
        return error_set(err, RC_INVALID, "%s cannot be read", name);
    }
    if (!buf_ok(&out)) {
        return error_set(err, RC_LIMIT, "%s is longer than %zu MiB", name, data_max / MIB);
    }
    *ret = buf_str(&out);
    return RC_OK;
}

Rc cli_read_data(Arena *arena, Str value, Str *ret, Error *err)
{
    if (str_is(value, "-")) {
        return read_all(arena, stdin, "standard input", ret, err);
    }
    if (!str_starts(value, STR("@"))) {
        *ret = value;
        return RC_OK;
    }
    const char *path = str_cstr(arena, str_from_index(value, 1));
    FILE *in = fopen(path, "re");
    if (!in) {
        return error_set(err, RC_INVALID, "%s cannot be read: %s", path, strerrordesc_np(errno));
    }
    Rc rc = read_all(arena, in, path, ret, err);
    IGNORE(fclose(in)); /* was only read */
    return rc;
}

static Rc take_data(Cli *cli, CliArgs *args, Error *err)
{
    Str text = STR_EMPTY;
    if (args->operation->body_type.len == 0) {
        return error_set(err, RC_INVALID, "`%.*s` takes no body", STR_ARG(args->operation->words));
    }
    TRY(cli_read_data(cli->arena, args->data, &text, err));
    if (!args->operation->body_schema) {
        args->raw_body = text;
        return RC_OK;
    }
    Json *body;
    Rc rc = yaml_parse(cli->arena, text, NULL, &body, err);
    if (rc != RC_OK) {
        error_prefix(err, "--data is not JSON or YAML");
        return rc;
    }
    if (args->body && body->type != JSON_OBJECT) {
        return error_set(err, RC_INVALID, "flags of the body need --data to be an object");
    }
    for (uint32_t i = 0; args->body && i < args->body->n; i++) {
        json_set(cli->arena, body, args->body->members[i].key, args->body->members[i].value);
    }
    args->body = body;
    return RC_OK;
}

/* ---- what is missing */

static bool is_given(const CliArgs *args, const CliFlag *flag)
{
    if (flag->to == CLI_TO_BODY) {
        return json_get(args->body, flag->name) || (args->body && args->body->type != JSON_OBJECT);
    }
    size_t n = flag->to == CLI_TO_HEADER ? args->headers.n : args->query.n;
    const HttpPair *pairs = flag->to == CLI_TO_HEADER ? args->headers.at : args->query.at;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(pairs[i].name, flag->name)) {
            return true;
        }
    }
    return false;
}

static Rc check_complete(Cli *cli, const CliArgs *args, Error *err)
{
    const CliOperation *operation = args->operation;
    bool needs_body = operation->op->body_required || args->body;
    for (size_t i = 0; i < operation->n_flags; i++) {
        const CliFlag *flag = &operation->flags[i];
        bool matters =
            flag->required && flag->to != CLI_TO_PATH && (flag->to != CLI_TO_BODY || needs_body);
        if (matters && !is_given(args, flag)) {
            return error_set(
                err, RC_INVALID, "%.*s is missing: %.*s", STR_ARG(flag->flag),
                STR_ARG(flag->description.len ? flag->description : cli_accepts(cli->arena, flag)));
        }
    }
    if (operation->op->body_required && !args->body && args->raw_body.len == 0) {
        return error_set(err, RC_INVALID,
                         "`%.*s` needs a body: --data, or the flags of its members",
                         STR_ARG(operation->words));
    }
    if (args->follow && !operation->streams) {
        return error_set(err, RC_INVALID, "`%.*s` is no stream to --follow",
                         STR_ARG(operation->words));
    }
    return RC_OK;
}

static Rc put_positional(Cli *cli, CliArgs *args, Error *err)
{
    const CliOperation *operation = args->operation;
    size_t n = args->positional.n;
    for (size_t i = 0; i < n && i < operation->n_positional; i++) {
        TRY(put(cli, args, &operation->flags[i], args->positional.at[i], err));
    }
    if (n > operation->n_positional) {
        return error_set(err, RC_INVALID, "'%.*s' is one argument too many; usage: %.*s",
                         STR_ARG(args->positional.at[operation->n_positional]),
                         STR_ARG(cli_usage(cli->arena, operation)));
    }
    for (size_t i = n; i < operation->n_positional; i++) {
        if (operation->flags[i].required) {
            return error_set(err, RC_INVALID, "%.*s is missing; usage: %.*s",
                             STR_ARG(operation->flags[i].flag),
                             STR_ARG(cli_usage(cli->arena, operation)));
        }
    }
    return RC_OK;
}

Rc cli_args_parse(Cli *cli, CliArgs *args, int argc, char **argv, Error *err)
{
    bool flags_end = false;
    args->path = args->operation->op->path;
    for (int at = 0; at < argc;) {
        Str arg = str_from(argv[at]);
        bool taken = false;
        if (flags_end || !str_starts(arg, STR("-")) || arg.len == 1) {
            VEC_PUSH(&args->positional, arg);
            at++;
        } else if (str_is(arg, "--")) {
            flags_end = true;
            at++;
        } else {
            TRY(cli_args_take_option(args, argc, argv, &at, &taken, err));
            if (!taken) {
                TRY(take_flag(cli, args, argc, argv, &at, err));
            }
        }
    }
    if (args->help) {
        return RC_OK;
    }
    TRY(put_positional(cli, args, err));
    if (args->has_data) {
        TRY(take_data(cli, args, err));
    }
    return check_complete(cli, args, err);
}

/* ---- the request */

static void put_query(Buf *out, HttpPair pair, bool *ret_first)
{
    buf_char(out, *ret_first ? '?' : '&');
    buf_url(out, pair.name);
    buf_char(out, '=');
    buf_url(out, pair.value);
    *ret_first = false;
}

Rc cli_args_request(
    Cli *cli, const CliArgs *args, Str cursor_name, Str cursor, CliRequest *ret, Error *err)
{
    Buf target = buf_init(cli->arena, 64 * KIB);
    bool first = true;
    buf_put(&target, args->path);
    for (size_t i = 0; i < args->query.n; i++) {
        if (cursor_name.len == 0 || !str_eq(args->query.at[i].name, cursor_name)) {
            put_query(&target, args->query.at[i], &first);
        }
    }
    if (cursor_name.len) {
        put_query(&target, (HttpPair){cursor_name, cursor}, &first);
    }
    if (!buf_ok(&target) || args->headers.n + 4 > ARRAY_LEN(ret->headers)) {
        return error_set(err, RC_LIMIT, "the flags are too long for a request");
    }
    *ret = (CliRequest){.method = args->operation->op->method, .target = buf_str(&target)};
    for (size_t i = 0; i < args->headers.n; i++) {
        ret->headers[ret->n_headers++] = args->headers.at[i];
    }
    if (args->body || args->raw_body.len) {
        ret->body = args->body ? json_to_str(cli->arena, args->body) : args->raw_body;
        ret->headers[ret->n_headers++] =
            (HttpPair){STR("Content-Type"), args->operation->body_type};
    }
    return RC_OK;
}
