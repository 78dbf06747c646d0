/* SPDX-License-Identifier: Apache-2.0
 * Answers as JSON, YAML, identifiers or tables, page by page: memory is that of one page. */
#include "app/cli.h"
#include "data/yaml.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const size_t text_max = 1024 * MIB;

size_t cli_screen_columns(int fd)
{
    struct winsize size = {0};
    uint64_t columns;
    if (!isatty(fd)) {
        return 0;
    }
    if (str_to_u64(str_from(getenv("COLUMNS")), &columns) && columns > 0 && columns < 10000) {
        return (size_t)columns;
    }
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

bool cli_may_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

CliPrinter *cli_printer_new(Cli *cli, const CliArgs *args, FILE *out)
{
    CliPrinter *printer = ARENA_NEW(cli->arena, CliPrinter);
    *printer = (CliPrinter){.cli = cli,
                            .args = args,
                            .out = out,
                            .columns = {.arena = cli->arena},
                            .colour = cli_may_colour(fileno(out)),
                            .screen = cli_screen_columns(fileno(out))};
    printer->tty = printer->screen > 0;
    return printer;
}

const Json *cli_items(const Json *answer)
{
    if (json_is(answer, JSON_ARRAY)) {
        return answer;
    }
    const Json *items = json_get_c(answer, "items");
    return json_is(items, JSON_ARRAY) ? items : NULL;
}

const Json *cli_at(const Json *item, Str path)
{
    if (str_starts(path, STR("/"))) {
        return json_pointer(item, path);
    }
    const Json *whole = json_get(item, path); /* names with dots exist */
    if (whole) {
        return whole;
    }
    size_t dot = str_find_char(path, '.');
    if (dot == SIZE_MAX) {
        return NULL;
    }
    const Json *inner = json_get(item, str_sub(path, 0, dot));
    return inner ? cli_at(inner, str_from_index(path, dot + 1)) : NULL;
}

Str cli_identity(Arena *arena, const Json *item)
{
    static const char *const keys[] = {"id",   "entityRef", "ref", "name",
                                       "slug", "sequence",  "type"};
    if (json_is(item, JSON_STRING)) {
        return item->text;
    }
    const Json *name = json_path(item, "metadata", "name", NULL);
    if (name && json_get_c(item, "kind")) {
        Str namespace_ = json_str(json_path(item, "metadata", "namespace", NULL));
        Str ref =
            str_fmt(arena, "%.*s:%.*s/%.*s", STR_ARG(json_str_at(item, "kind")),
                    STR_ARG(namespace_.len ? namespace_ : STR("default")), STR_ARG(json_str(name)));
        return str_lower(arena, ref);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const Json *value = json_get_c(item, keys[i]);
        if (value && value->type != JSON_OBJECT && value->type != JSON_ARRAY &&
            value->type != JSON_NULL) {
            return cli_cell(arena, value);
        }
    }
    const Json *data = json_get_c(item, "data"); /* Backstage wraps some */
    return data ? cli_identity(arena, data) : json_to_str(arena, item);
}

static void print_buf(CliPrinter *p, const Buf *text)
{
    if (buf_ok(text) && text->len > 0) {
        fwrite(text->ptr, 1, text->len, p->out); /* ferror is looked at once, at the end */
    }
}

static void print_json(CliPrinter *p, const Json *value)
{
    Buf text = buf_init(NULL, text_max);
    json_write_pretty(&text, value);
    if (!str_ends(buf_str(&text), STR("\n"))) {
        buf_char(&text, '\n');
    }
    print_buf(p, &text);
    buf_done(&text);
}

static void print_yaml(CliPrinter *p, const Json *value)
{
    Buf text = buf_init(NULL, text_max);
    yaml_write(&text, value);
    if (!str_ends(buf_str(&text), STR("\n"))) {
        buf_char(&text, '\n');
    }
    print_buf(p, &text);
    buf_done(&text);
}

static void print_names(CliPrinter *p, const Json *items)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (uint32_t i = 0; i < items->n; i++) {
        Str line = cli_cell(arena, json_string(arena, cli_identity(arena, items->items[i])));
        fprintf(p->out, "%.*s\n", STR_ARG(line));
    }
}

void cli_print_answer(CliPrinter *p, const Json *answer)
{
    const Json *items = cli_items(answer);
    switch (p->args->output) {
    case CLI_JSON:
        print_json(p, answer);
        return;
    case CLI_YAML:
        print_yaml(p, answer);
        return;
    case CLI_TABLE:
        if (items) {
            cli_print_table(p, items);
        } else if (json_is(answer, JSON_OBJECT)) {
            cli_print_fields(p, answer);
        } else {
            print_yaml(p, answer);
        }
        return;
    case CLI_NAME:
        break;
    }
    if (items) {
        print_names(p, items);
    } else {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        Json *one = json_array(arena);
        json_push(arena, one, json_clone(arena, answer));
        print_names(p, one);
    }
}

/* ---- page after page: JSON and YAML are { items: […] } as the server's own pages are */

static void print_json_items(CliPrinter *p, const Json *items)
{
    Buf text = buf_init(NULL, text_max);
    for (uint32_t i = 0; i < items->n; i++) {
        buf_put(&text, p->n_items + i > 0 ? STR(",\n") : STR("\n"));
        json_write(&text, items->items[i]);
    }
    print_buf(p, &text);
    buf_done(&text);
}

static void print_lines(CliPrinter *p, const Json *items)
{
    for (uint32_t i = 0; i < items->n; i++) {
        Buf text = buf_init(NULL, text_max);
        if (p->args->output == CLI_JSON) {
            json_write(&text, items->items[i]);
        } else {
            buf_lit(&text, "---\n");
            yaml_write(&text, items->items[i]);
        }
        if (!str_ends(buf_str(&text), STR("\n"))) {
            buf_char(&text, '\n');
        }
        print_buf(p, &text);
        buf_done(&text);
    }
}

void cli_print_items(CliPrinter *p, const Json *items)
{
    bool lines = p->args->follow || p->args->operation->only_streams;
    if (p->args->output == CLI_TABLE) {
        cli_print_table(p, items);
    } else if (p->args->output == CLI_NAME) {
        print_names(p, items);
    } else if (lines) {
        print_lines(p, items); /* one document each: there is no end to wait for */
    } else if (p->args->output == CLI_JSON) {
        fputs(p->in_list ? "" : "{\"items\": [", p->out);
        print_json_items(p, items);
    } else {
        fputs(p->in_list ? "" : items->n ? "items:\n" : "items: []\n", p->out);
        if (items->n) {
            print_yaml(p, items);
        }
    }
    p->in_list = true;
    p->n_items += items->n;
}

void cli_print_end(CliPrinter *p)
{
    if (p->in_list && p->args->output == CLI_JSON) {
        fputs(p->n_items ? "\n]}\n" : "]}\n", p->out);
    }
}
