/* SPDX-License-Identifier: Apache-2.0
 * Finds the derived command that the words mean and runs it. */
#include "app/cli.h"

#include "app/app.h"
#include "platform/settings/settings.h"

enum { WORDS_MAX = 8 };

/* ---- finding */

static bool is_prefix(Str group, Str words)
{
    return str_starts(words, group) && (words.len == group.len || words.ptr[group.len] == ' ');
}

static bool is_group(const Cli *cli, Str words)
{
    for (size_t i = 0; i < cli->n_operations; i++) {
        if (is_prefix(words, cli->operations[i].words)) {
            return true;
        }
    }
    for (size_t i = 0; i < app_n_commands; i++) {
        Str name = str_from(app_commands[i].name);
        if (is_prefix(words, name) && name.len > words.len) {
            return true;
        }
    }
    return false;
}

static const CliOperation *find_operation(const Cli *cli, Str words)
{
    for (size_t i = 0; i < cli->n_operations; i++) {
        if (str_eq(cli->operations[i].words, words)) {
            return &cli->operations[i];
        }
    }
    return NULL;
}

/* Reads words from argv[*at] on: the longest that name an operation or a group. *at moves behind
 * them. *ret_words is what was understood. */
static const CliOperation *
read_words(const Cli *cli, int argc, char **argv, int *at, Str *ret_words)
{
    const CliOperation *found = NULL;
    Str words = STR_EMPTY;
    int after = *at;
    *ret_words = STR_EMPTY;
    for (int i = *at; i < argc && i < *at + WORDS_MAX && argv[i][0] != '-'; i++) {
        words = str_fmt(cli->arena, "%.*s%s%s", STR_ARG(words), words.len ? " " : "", argv[i]);
        const CliOperation *operation = find_operation(cli, words);
        if (!operation && !is_group(cli, words)) {
            break;
        }
        *ret_words = words;
        after = i + 1;
        found = operation;
    }
    *at = after;
    return found;
}

/* The next word of every command under a group, for "did you mean". */
static const char *suggest_word(const Cli *cli, Str group, Str word)
{
    size_t max = cli->n_operations + app_n_commands, n = 0;
    const char **known = ARENA_ARRAY(cli->arena, const char *, max);
    for (size_t i = 0; i < max; i++) {
        Str words = i < cli->n_operations ? cli->operations[i].words
                                          : str_from(app_commands[i - cli->n_operations].name);
        if (group.len && (!is_prefix(group, words) || words.len == group.len)) {
            continue;
        }
        Str rest = group.len ? str_from_index(words, group.len + 1) : words;
        known[n++] = str_cstr(cli->arena, str_sub(rest, 0, str_find_char(rest, ' ')));
    }
    return settings_suggest(word, known, n);
}

static int refuse_word(const Cli *cli, Str group, Str word)
{
    const char *suggestion = suggest_word(cli, group, word);
    fprintf(stderr, "fairway: there is no command '%.*s%s%.*s'", STR_ARG(group),
            group.len ? " " : "", STR_ARG(word));
    if (suggestion) {
        fprintf(stderr, "; did you mean '%.*s%s%s'?\n", STR_ARG(group), group.len ? " " : "",
                suggestion);
    } else {
        fprintf(stderr, "; `fairway help%s%.*s` lists what there is\n", group.len ? " " : "",
                STR_ARG(group));
    }
    return EXIT_USAGE;
}

/* ---- running */

static int refuse_args(const CliOperation *operation, const Error *err)
{
    fprintf(stderr, "fairway: %s\n", err->message);
    if (operation) {
        fprintf(stderr, "  `fairway help %.*s` tells more\n", STR_ARG(operation->words));
    }
    return EXIT_USAGE;
}

static int run_words(Cli *cli, CliArgs *args, int argc, char **argv, int at)
{
    Str words;
    Error err = {0};
    args->operation = read_words(cli, argc, argv, &at, &words);
    if (!args->operation) {
        bool asks_help =
            at < argc && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0);
        if (at < argc && argv[at][0] != '-') {
            return refuse_word(cli, words, str_from(argv[at]));
        }
        if (words.len) {
            cli_help_group(cli, words, asks_help || args->help ? stdout : stderr);
        } else {
            cli_help_top(cli, args->help ? stdout : stderr);
        }
        return asks_help || args->help ? EXIT_OK : EXIT_USAGE;
    }
    if (cli_args_parse(cli, args, argc - at, argv + at, &err) != RC_OK) {
        return refuse_args(args->operation, &err);
    }
    if (args->help) {
        cli_help_operation(cli, args->operation, stdout);
        return EXIT_OK;
    }
    return cli_run(cli, args);
}

static int run(Cli *cli, int argc, char **argv)
{
    CliArgs args;
    Error err = {0};
    int at = 0;
    cli_args_init(&args, cli->arena);
    while (at < argc && argv[at][0] == '-') {
        bool taken;
        if (cli_args_take_option(&args, argc, argv, &at, &taken, &err) != RC_OK) {
            return refuse_args(NULL, &err);
        }
        if (!taken) {
            fprintf(stderr, "fairway: there is no option %s; `fairway help` lists the commands\n",
                    argv[at]);
            return EXIT_USAGE;
        }
    }
    return run_words(cli, &args, argc, argv, at);
}

static Cli *open_cli(void)
{
    Cli *cli;
    Error err = {0};
    if (cli_new(&cli, &err) != RC_OK) {
        app_print_error("the contract in this program", &err);
        return NULL;
    }
    return cli;
}

int cli_main(int argc, char **argv)
{
    Cli *cli = open_cli();
    int code = cli ? run(cli, argc, argv) : EXIT_FAILED;
    cli_free(cli);
    return code;
}

/* ---- fairway help */

static int help(const Cli *cli, int argc, char **argv)
{
    int at = 0;
    Str words;
    if (argc == 1 && strcmp(argv[0], "--markdown") == 0) {
        cli_write_markdown(cli, stdout);
        return EXIT_OK;
    }
    if (argc == 0) {
        cli_help_top(cli, stdout);
        return EXIT_OK;
    }
    size_t command;
    if (app_find_command(argc, argv, &command) == argc) {
        cli_help_command(command, stdout);
        return EXIT_OK;
    }
    const CliOperation *operation = read_words(cli, argc, argv, &at, &words);
    if (at < argc) {
        return refuse_word(cli, words, str_from(argv[at]));
    }
    if (operation) {
        cli_help_operation(cli, operation, stdout);
    } else {
        cli_help_group(cli, words, stdout);
    }
    return EXIT_OK;
}

int help_command(int argc, char **argv)
{
    Cli *cli = open_cli();
    int code = cli ? help(cli, argc, argv) : EXIT_FAILED;
    cli_free(cli);
    return code;
}

int version_command(int argc, char **argv)
{
    (void)argv;
    if (argc > 0) {
        fprintf(stderr, "fairway: version takes no arguments\n");
        return EXIT_USAGE;
    }
    Cli *cli = open_cli();
    if (!cli) {
        return EXIT_FAILED;
    }
    printf("fairway %s (API %.*s)\n", FAIRWAY_VERSION, STR_ARG(contract_version(cli->contract)));
    cli_free(cli);
    return EXIT_OK;
}
