/* SPDX-License-Identifier: Apache-2.0
 * Help at every level, made of the contract and of the table of commands. */
#include "app/app.h"
#include "app/cli.h"
#include "platform/settings/settings.h"

#include <ctype.h>
#include <unistd.h>

enum {
    LEFT = 28,
    WIDTH_DEFAULT = 90,
    WIDTH_MOST = 110,
    WIDTH_LEAST = 50,
    EXAMPLES_TEXT_MAX = 4096
};

/* ---- text in two columns */

static size_t help_width(FILE *out)
{
    size_t screen = cli_screen_columns(fileno(out));
    return screen == 0 ? WIDTH_DEFAULT : MAX(MIN(screen, WIDTH_MOST), WIDTH_LEAST);
}

/* Words of text from column `indent` on; the cursor stands there. */
static void put_wrapped(FILE *out, Str text, size_t indent)
{
    size_t width = help_width(out), at = indent;
    Str word;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && !isspace((unsigned char)text.ptr[end])) {
            end++;
        }
        word = str_sub(text, i, end);
        if (word.len && at > indent && at + 1 + word.len > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        }
        if (word.len) {
            at += word.len + (at > indent ? 1 : 0);
            fprintf(out, "%s%.*s", at - word.len > indent ? " " : "", STR_ARG(word));
        }
        i = end + 1;
    }
    fputc('\n', out);
}

static void put_row(FILE *out, Str left, Str right)
{
    fprintf(out, "  %.*s", STR_ARG(left));
    if (left.len + 4 > LEFT) {
        fprintf(out, "\n%*s", LEFT, "");
    } else {
        fprintf(out, "%*s", (int)(LEFT - 2 - left.len), "");
    }
    put_wrapped(out, right, LEFT);
}

static void put_title(FILE *out, const char *title)
{
    bool colour = cli_may_colour(fileno(out));
    fprintf(out, "\n%s%s%s\n", colour ? "\x1b[1m" : "", title, colour ? "\x1b[0m" : "");
}

/* ---- pieces */

static Str first_word(Str words)
{
    return str_sub(words, 0, str_find_char(words, ' '));
}

Str cli_accepts(Arena *arena, const CliFlag *flag)
{
    const Json *values = json_get_c(flag->schema, "enum");
    values = values ? values : json_path(flag->schema, "items", "enum", NULL);
    Buf out = buf_init(arena, 64 * KIB);
    for (uint32_t i = 0; json_is(values, JSON_ARRAY) && i < values->n; i++) {
        const Json *v = values->items[i];
        buf_put(&out, i == 0 ? STR_EMPTY : i + 1 == values->n ? STR(" or ") : STR(", "));
        buf_put(&out, v->type == JSON_STRING ? v->text : json_to_str(arena, v));
    }
    if (out.len == 0 &&
        (str_is(flag->type, "object") || str_is(flag->type, "array") || flag->type.len == 0)) {
        buf_lit(&out, "JSON or YAML, or @FILE");
    } else if (out.len == 0) {
        Str format = json_str_at(flag->schema, "format");
        buf_put(&out, format.len                     ? format
                      : str_is(flag->type, "string") ? STR("text")
                                                     : flag->type);
    }
    return buf_str(&out);
}

Str cli_usage(Arena *arena, const CliOperation *operation)
{
    Buf out = buf_init(arena, 4 * KIB);
    buf_fmt(&out, "fairway %.*s", STR_ARG(operation->words));
    for (size_t i = 0; i < operation->n_positional; i++) {
        const CliFlag *flag = &operation->flags[i];
        buf_fmt(&out, flag->required ? " %.*s" : " [%.*s]", STR_ARG(flag->flag));
    }
    buf_lit(&out, " [OPTIONS]");
    return buf_str(&out);
}

static Str flag_left(Arena *arena, const CliFlag *flag)
{
    bool is_switch = str_is(flag->type, "boolean") && !flag->repeated;
    Str type = flag->positional || is_switch ? STR_EMPTY
               : flag->type.len              ? flag->type
                                             : STR("json");
    Str shown = str_is(type, "string") ? STR("text") : type;
    return str_fmt(arena, "%.*s%s%.*s", STR_ARG(flag->flag), shown.len ? " " : "", STR_ARG(shown));
}

static Str flag_right(Arena *arena, const CliFlag *flag)
{
    Buf out = buf_init(arena, 64 * KIB);
    buf_put(&out, str_trim(flag->description));
    if (json_get_c(flag->schema, "enum")) {
        buf_fmt(&out, "%sOne of %.*s.", out.len ? " " : "", STR_ARG(cli_accepts(arena, flag)));
    }
    const Json *otherwise = json_get_c(flag->schema, "default");
    if (otherwise) {
        buf_fmt(&out, " Default %.*s.", STR_ARG(cli_cell(arena, otherwise)));
    }
    if (flag->repeated && !flag->filter) {
        buf_put(&out, flag->csv ? STR(" Several with commas.") : STR(" May be repeated."));
    }
    if (flag->required && !flag->positional) {
        buf_lit(&out, " (required)");
    }
    return buf_str(&out);
}

static void put_flags(FILE *out, const CliOperation *operation, CliFlagTo to, const char *title)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    bool any = false;
    for (size_t i = operation->n_positional; i < operation->n_flags; i++) {
        const CliFlag *flag = &operation->flags[i];
        if (flag->to != to) {
            continue;
        }
        if (!any) {
            put_title(out, title);
        }
        any = true;
        put_row(out, flag_left(arena, flag), flag_right(arena, flag));
    }
}

static void put_options(FILE *out, const CliOperation *operation)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    put_title(out, "Options of every command");
    for (size_t i = 0; i < cli_n_options; i++) {
        const CliOption *o = &cli_options[i];
        bool fits = (strcmp(o->flag, "--follow") != 0 || operation->streams) &&
                    (strcmp(o->flag, "--all") != 0 || operation->pages) &&
                    (strcmp(o->flag, "--data") != 0 || operation->body_type.len);
        if (fits) {
            put_row(out,
                    str_fmt(arena, "%s%s%s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "",
                            o->flag, o->value ? " " : "", o->value ? o->value : ""),
                    str_from(o->help));
        }
    }
}

/* ---- examples */

static bool is_shell_safe(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!isalnum((unsigned char)s.ptr[i]) && !strchr("_./:@%+=,-", s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static void put_shell(Arena *arena, Buf *out, Str s)
{
    if (is_shell_safe(s)) {
        buf_put(out, s);
    } else {
        buf_fmt(out, "'%.*s'", STR_ARG(str_replace(arena, s, STR("'"), STR("'\\''"))));
    }
}

static Str text_of(Arena *arena, const Json *v)
{
    return v->type == JSON_STRING ? v->text : json_to_str(arena, v);
}

static const Json *param_example(const CliOperation *operation, const CliFlag *flag)
{
    const Json *params = json_get_c(operation->op->json, "parameters");
    for (uint32_t i = 0; json_is(params, JSON_ARRAY) && i < params->n; i++) {
        if (str_eq(json_str_at(params->items[i], "name"), flag->name)) {
            const Json *example = json_get_c(params->items[i], "example");
            return example ? example : json_get_c(flag->schema, "example");
        }
    }
    return NULL;
}

static void
put_positional(Arena *arena, Buf *out, const CliOperation *operation, const CliFlag *flag)
{
    const Json *example = param_example(operation, flag);
    buf_char(out, ' ');
    if (example) {
        put_shell(arena, out, text_of(arena, example));
    } else if (str_is(json_str_at(flag->schema, "format"), "uuid")) {
        buf_lit(out, "0192a3b4-c5d6-7e8f-9012-3456789abcde");
    } else {
        buf_put(out, flag->flag);
    }
}

static const Json *body_example(const Cli *cli, const CliOperation *operation)
{
    const Json *body = cli_resolve(cli, json_get_c(operation->op->json, "requestBody"));
    const Json *media = json_get(json_get_c(body, "content"), operation->body_type);
    const Json *example = json_get_c(media, "example");
    const Json *examples = json_get_c(media, "examples");
    if (!example && json_is(examples, JSON_OBJECT) && examples->n) {
        example = json_get_c(cli_resolve(cli, examples->members[0].value), "value");
    }
    return example;
}

static const CliFlag *body_flag(const CliOperation *operation, Str name)
{
    for (size_t i = operation->n_positional; i < operation->n_flags; i++) {
        if (operation->flags[i].to == CLI_TO_BODY && str_eq(operation->flags[i].name, name)) {
            return &operation->flags[i];
        }
    }
    return NULL;
}

static void put_body(Arena *arena, Buf *out, const CliOperation *operation, const Json *example)
{
    bool as_flags = example->type == JSON_OBJECT;
    for (uint32_t i = 0; as_flags && i < example->n; i++) {
        as_flags = body_flag(operation, example->members[i].key) &&
                   example->members[i].value->type != JSON_ARRAY;
    }
    if (!as_flags) {
        buf_lit(out, " --data ");
        put_shell(arena, out, text_of(arena, example));
        return;
    }
    for (uint32_t i = 0; i < example->n; i++) {
        buf_fmt(out, " %.*s ", STR_ARG(body_flag(operation, example->members[i].key)->flag));
        put_shell(arena, out, text_of(arena, example->members[i].value));
    }
}

void cli_examples(const Cli *cli, const CliOperation *operation, CliStrs *ret)
{
    Arena *arena = ret->arena;
    Buf base = buf_init(arena, EXAMPLES_TEXT_MAX);
    buf_fmt(&base, "fairway %.*s", STR_ARG(operation->words));
    for (size_t i = 0; i < operation->n_positional; i++) {
        put_positional(arena, &base, operation, &operation->flags[i]);
    }
    const Json *example = operation->body_type.len ? body_example(cli, operation) : NULL;
    size_t start = base.len;
    if (example) {
        put_body(arena, &base, operation, example);
    } else if (operation->body_type.len && operation->op->body_required) {
        buf_lit(&base, " --data @body.yaml");
    }
    if (buf_ok(&base)) {
        VEC_PUSH(ret, buf_str(&base));
    }
    Str words = str_sub(buf_str(&base), 0, start);
    if (operation->op->verb == VERB_LIST) {
        VEC_PUSH(ret, str_fmt(arena, "%.*s --all -o name", STR_ARG(words)));
    }
    if (operation->streams) {
        VEC_PUSH(ret, str_fmt(arena, "%.*s --follow -o json", STR_ARG(words)));
    }
}

/* ---- one command */

void cli_help_operation(const Cli *cli, const CliOperation *operation, FILE *out)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const Operation *op = operation->op;
    fprintf(out, "%.*s\n\nUsage: %.*s\n", STR_ARG(op->summary),
            STR_ARG(cli_usage(arena, operation)));
    if (op->description.len) {
        fputc('\n', out);
        put_wrapped(out, op->description, 0);
    }
    for (size_t i = 0; i < operation->n_positional; i++) {
        if (i == 0) {
            put_title(out, "Arguments");
        }
        put_row(out, operation->flags[i].flag, flag_right(arena, &operation->flags[i]));
    }
    put_flags(out, operation, CLI_TO_BODY, "Members of the body");
    put_flags(out, operation, CLI_TO_QUERY, "Query");
    put_flags(out, operation, CLI_TO_HEADER, "Conditions");
    put_options(out, operation);
    CliStrs examples = {.arena = arena};
    cli_examples(cli, operation, &examples);
    put_title(out, "Examples");
    for (size_t i = 0; i < examples.n; i++) {
        fprintf(out, "  %.*s\n", STR_ARG(examples.at[i]));
    }
    fprintf(out, "\n%s %.*s\n", http_method_name(op->method), STR_ARG(op->path));
}

/* "--base-url" -> "URL" */
static Str value_word(Arena *arena, Str flag)
{
    Str word = str_dup(arena, str_from_index(flag, str_rfind_char(flag, '-') + 1));
    Buf out = buf_init(arena, word.len);
    for (size_t i = 0; i < word.len; i++) {
        buf_char(&out, (char)toupper((unsigned char)word.ptr[i]));
    }
    return buf_str(&out);
}

static void put_setting(FILE *out, Arena *arena, const SettingDef *def)
{
    Str help = str_from(def->help), left = str_from(def->flag);
    if (def->otherwise && *def->otherwise) {
        help = str_fmt(arena, "%s Default `%s`.", def->help, def->otherwise);
    }
    if (def->type != SETTING_BOOL) {
        Str value = str_replace(arena, str_from(def->choices), STR(" "), STR("|"));
        value = value.len ? value : value_word(arena, str_from(def->flag));
        left = str_fmt(arena, "%s %.*s", def->flag, STR_ARG(value));
    }
    put_row(out, left, help);
}

/* A command's own options, then the settings that have a flag and concern it. */
static void put_command_options(const Command *c, FILE *out)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    if (c->options || c->settings != SETTINGS_NONE) {
        put_title(out, "Options");
    }
    for (const CommandOption *o = c->options; o && o->flag; o++) {
        put_row(out, str_from(o->flag), str_from(o->help));
    }
    if (c->settings == SETTINGS_NONE) {
        return;
    }
    put_row(out, STR("--config FILE"),
            STR("Settings from a file (fairway.yaml or Backstage's app-config.yaml); may be "
                "repeated."));
    for (size_t i = 0; i < settings_table_n; i++) {
        if (app_command_tells(c, &settings_table[i])) {
            put_setting(out, arena, &settings_table[i]);
        }
    }
    fprintf(out, "\nEvery setting can also stand in a file or in the environment: "
                 "docs/reference/settings.md\n");
}

void cli_help_command(size_t command, FILE *out)
{
    const Command *c = &app_commands[command];
    fprintf(out, "%s\n\nUsage: %s\n", c->summary, c->usage);
    if (c->help) {
        fprintf(out, "\n%s", c->help);
    }
    put_command_options(c, out);
    if (c->examples) {
        put_title(out, "Examples");
        fputs(c->examples, out);
    }
}

/* ---- groups */

static bool in_group(Str words, Str group)
{
    return str_starts(words, group) && (words.len == group.len || words.ptr[group.len] == ' ');
}

void cli_help_group(const Cli *cli, Str words, FILE *out)
{
    fprintf(out, "Usage: fairway %.*s COMMAND [ARGUMENTS]\n", STR_ARG(words));
    put_title(out, "Commands");
    for (size_t i = 0; i < app_n_commands; i++) {
        Str name = str_from(app_commands[i].name);
        if (in_group(name, words) && name.len > words.len) {
            put_row(out, str_from_index(name, words.len + 1), str_from(app_commands[i].summary));
        }
    }
    for (size_t i = 0; i < cli->n_operations; i++) {
        const CliOperation *operation = &cli->operations[i];
        if (!operation->hidden && in_group(operation->words, words)) {
            put_row(out, str_from_index(operation->words, MIN(words.len + 1, operation->words.len)),
                    operation->op->summary);
        }
    }
    fprintf(out, "\n`fairway help %.*s COMMAND` tells what one takes.\n", STR_ARG(words));
}

static Str tag_description(const Cli *cli, Str tag)
{
    const Json *tags = json_get_c(contract_json(cli->contract), "tags");
    for (uint32_t i = 0; json_is(tags, JSON_ARRAY) && i < tags->n; i++) {
        if (str_eq(json_str_at(tags->items[i], "name"), tag)) {
            return json_str_at(tags->items[i], "description");
        }
    }
    return STR_EMPTY;
}

static Str group_of(const CliOperation *operation)
{
    return first_word(operation->words);
}

/* What a group is about: its tag says, unless it shares the tag with other groups and has one
 * command only; then that command says it better. */
static Str group_description(const Cli *cli, size_t at)
{
    const CliOperation *first = &cli->operations[at];
    size_t of_group = 0;
    bool is_shared = false;
    for (size_t i = 0; i < cli->n_operations; i++) {
        const CliOperation *other = &cli->operations[i];
        bool is_same = str_eq(group_of(other), group_of(first));
        of_group += !other->hidden && is_same ? 1 : 0;
        is_shared = is_shared || (!is_same && str_eq(other->op->tag, first->op->tag));
    }
    return is_shared && of_group == 1 ? first->op->summary : tag_description(cli, first->op->tag);
}

static bool is_first_of_group(const Cli *cli, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (!cli->operations[i].hidden &&
            str_eq(group_of(&cli->operations[i]), group_of(&cli->operations[at]))) {
            return false;
        }
    }
    return !cli->operations[at].hidden;
}

void cli_help_top(const Cli *cli, FILE *out)
{
    fprintf(out, "Fairway, an internal developer platform in one program.\n\n"
                 "Usage: fairway COMMAND [ARGUMENTS]\n");
    put_title(out, "Run");
    for (size_t i = 0; i < app_n_commands; i++) {
        if (!app_commands[i].hidden) {
            put_row(out, str_from(app_commands[i].name), str_from(app_commands[i].summary));
        }
    }
    put_title(out, "Talk to a server (FAIRWAY_URL, FAIRWAY_TOKEN)");
    for (size_t i = 0; i < cli->n_operations; i++) {
        if (is_first_of_group(cli, i)) {
            put_row(out, group_of(&cli->operations[i]), group_description(cli, i));
        }
    }
    fprintf(out,
            "\nTry:\n"
            "  fairway serve --auth open        a server for yourself at http://127.0.0.1:3001\n"
            "  fairway teams list               what is in it\n"
            "  fairway help teams create        what a command takes\n");
}
