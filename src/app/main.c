/* SPDX-License-Identifier: Apache-2.0
 * The program: finds the command and runs it. */
#include "base/log.h"

#include "app/app.h"

#include <locale.h>
#include <stdio.h>

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    size_t command;
    char *help[] = {argv[0], NULL};
    IGNORE(
        !setlocale(LC_CTYPE, "C.UTF-8")); /* widths of characters; without it they count as one */
    log_configure(LOG_WARN, LOG_TEXT);
    argc--;
    argv++;
    if (argc > 0 && (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0)) {
        return version_command(argc - 1, argv + 1);
    }
    if (argc == 0) {
        return help_command(0, help) == EXIT_OK ? EXIT_USAGE : EXIT_FAILED;
    }
    int words = app_find_command(argc, argv, &command);
    if (words == 0) {
        return cli_main(argc, argv);
    }
    if (!app_commands[command].hidden && asks_for_help(argc - words, argv + words)) {
        return help_command(words, argv);
    }
    return app_commands[command].run(argc - words, argv + words);
}
