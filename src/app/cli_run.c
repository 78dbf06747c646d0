/* SPDX-License-Identifier: Apache-2.0
 * Sends a command's request, follows its pages, prints what came, says what was refused. */
#include "app/app.h"
#include "app/cli.h"

int cli_exit_code(int status)
{
    if (status < 400) {
        return EXIT_OK;
    }
    if (status == 401 || status == 403) {
        return EXIT_DENIED;
    }
    return status == 404 || status == 410 ? EXIT_NOT_FOUND : EXIT_FAILED;
}

/* ---- problems */

/* "/org_id" -> "--org-id", "query:limit" -> "--limit": what the person typed. */
static Str field_flag(Arena *arena, const CliOperation *operation, Str pointer)
{
    Str name = pointer;
    if (str_starts(pointer, STR("/"))) {
        name = str_from_index(pointer, 1);
    } else if (str_find_char(pointer, ':') != SIZE_MAX) {
        name = str_from_index(pointer, str_find_char(pointer, ':') + 1);
    }
    for (size_t i = 0; operation && i < operation->n_flags; i++) {
        if (str_eq(operation->flags[i].name, name)) {
            return operation->flags[i].flag;
        }
    }
    return pointer.len ? pointer : str_dup(arena, STR("body"));
}

static void print_line(FILE *out, Str text)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    Json *value = json_string(scratch, text);
    fprintf(out, "%.*s", STR_ARG(cli_cell(scratch, value)));
}

static void print_fields(Arena *arena, const CliOperation *operation, const Json *errors)
{
    for (uint32_t i = 0; json_is(errors, JSON_ARRAY) && i < errors->n; i++) {
        Str pointer = json_str_at(errors->items[i], "pointer");
        fprintf(stderr, "  ");
        print_line(stderr, field_flag(arena, operation, pointer));
        fprintf(stderr, ": ");
        print_line(stderr, json_str_at(errors->items[i], "detail"));
        fprintf(stderr, "\n");
    }
}

int cli_report(Arena *arena, const CliOperation *operation, const CliAnswer *answer)
{
    Json *body = NULL;
    Error ignored = {0};
    if (json_parse(arena, answer->body, NULL, &body, &ignored) != RC_OK) {
        body = NULL; /* not a problem of ours: say the status */
    }
    const Json *backstage = json_get_c(body, "error");
    Str title = json_str_at(body, "title"), detail = json_str_at(body, "detail");
    Str request_id = json_str_at(body, "request_id");
    if (backstage) {
        title = json_str_at(backstage, "name");
        detail = json_str_at(backstage, "message");
    }
    fprintf(stderr, "fairway: ");
    print_line(stderr, title.len ? title : STR("the server refused"));
    fprintf(stderr, " (%d)", answer->status);
    if (detail.len) {
        fprintf(stderr, ": ");
        print_line(stderr, detail);
    }
    fprintf(stderr, "\n");
    print_fields(arena, operation, json_get_c(body, "errors"));
    request_id = request_id.len ? request_id : answer->request_id;
    if (request_id.len) {
        fprintf(stderr, "  request ");
        print_line(stderr, request_id);
        fprintf(stderr, "\n");
    }
    if (answer->status == 401) {
        fprintf(stderr, "  give credentials with FAIRWAY_TOKEN or --token\n");
    }
    return cli_exit_code(answer->status);
}

/* ---- pages */

/* The cursor of the page after this one: records', Backstage's, or the stream of events'. */
static bool
next_page(const CliOperation *operation, const Json *answer, Str *ret_name, Str *ret_cursor)
{
    *ret_name = STR("cursor");
    *ret_cursor = json_str_at(answer, "next_cursor");
    if (ret_cursor->len == 0) {
        *ret_cursor = json_str(json_path(answer, "pageInfo", "nextCursor", NULL));
    }
    if (ret_cursor->len == 0 && json_bool(json_get_c(answer, "more"), false)) {
        *ret_name = STR("after");
        *ret_cursor = json_str_at(answer, "position");
    }
    return operation->pages && ret_cursor->len > 0;
}

static void hint_next(const CliArgs *args, Str name, Str cursor)
{
    if (!args->quiet && args->output == CLI_TABLE) {
        fprintf(stderr, "There are more: --all, or --%.*s %.*s\n", STR_ARG(name), STR_ARG(cursor));
    }
}

static void print_other(const CliArgs *args, const CliAnswer *answer)
{
    if (answer->body.len) {
        fwrite(answer->body.ptr, 1, answer->body.len, stdout);
        if (!str_ends(answer->body, STR("\n"))) {
            putchar('\n');
        }
    } else if (!args->quiet && args->output == CLI_TABLE) {
        printf("Done.\n");
    }
}

static bool is_json(const CliAnswer *answer)
{
    return answer->body.len > 0 && (str_is(answer->content_type, "application/json") ||
                                    str_ends(answer->content_type, STR("+json")));
}

static int
send(Cli *cli, Arena *arena, const CliArgs *args, const CliRequest *request, CliAnswer *ret)
{
    Error err = {0};
    CliCall call = {.url = args->server,
                    .token = args->token,
                    .timeout_us = args->timeout_us,
                    .request = request};
    Rc rc = cli_http(arena, &call, ret, &err);
    if (rc != RC_OK) {
        app_print_error(str_cstr(cli->arena, args->operation->words), &err);
        return cli_http_exit_code(rc);
    }
    return ret->status >= 400 ? cli_report(arena, args->operation, ret) : EXIT_OK;
}

/* One page; *cursor is that of the next one, in the memory of cli, or "". */
static int run_page(Cli *cli, const CliArgs *args, CliPrinter *printer, Str *name, Str *cursor)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    CliRequest request;
    CliAnswer answer;
    Json *body = NULL;
    Error err = {0};
    if (cli_args_request(cli, args, cursor->len ? *name : STR_EMPTY, *cursor, &request, &err) !=
        RC_OK) {
        app_print_error(str_cstr(cli->arena, args->operation->words), &err);
        return EXIT_USAGE;
    }
    *cursor = STR_EMPTY;
    int code = send(cli, arena, args, &request, &answer);
    if (code != EXIT_OK) {
        return code;
    }
    if (!is_json(&answer)) {
        print_other(args, &answer);
        return EXIT_OK;
    }
    JsonLimits limits = {
        .max_bytes = SIZE_MAX, .max_depth = 500, .max_nodes = SIZE_MAX, .allow_nul = true};
    if (json_parse(arena, answer.body, &limits, &body, &err) != RC_OK) {
        app_print_error("the answer is not JSON", &err);
        return EXIT_FAILED;
    }
    bool more = next_page(args->operation, body, name, cursor);
    if (args->all && cli_items(body)) {
        cli_print_items(printer, cli_items(body));
        *name = str_dup(cli->arena, *name);
        *cursor = str_dup(cli->arena, *cursor);
        return EXIT_OK;
    }
    cli_print_answer(printer, body);
    if (more) {
        hint_next(args, *name, *cursor);
    }
    *cursor = STR_EMPTY;
    return EXIT_OK;
}

int cli_run(Cli *cli, const CliArgs *args)
{
    Str name = STR("cursor"), cursor = STR_EMPTY;
    int code;
    if (args->follow || args->operation->only_streams) {
        return cli_follow(cli, args);
    }
    CliPrinter *printer = cli_printer_new(cli, args, stdout);
    do {
        code = run_page(cli, args, printer, &name, &cursor);
    } while (code == EXIT_OK && cursor.len);
    cli_print_end(printer);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "fairway: the answer could not be written\n");
        return EXIT_FAILED;
    }
    return code;
}
