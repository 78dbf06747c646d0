/* SPDX-License-Identifier: Apache-2.0
 * The program: finds the command and runs it. */
#include "app/app.h"

#include <stdio.h>

const Command app_commands[] = {
    {"serve",
     "fairway serve [--data DIR] [--host H] [--port N] [--auth open] [--config FILE]…",
     "run the server",
     NULL,
     serve_command},
    {"migrate", "fairway migrate [--data DIR]", "bring the database to this version's schema", NULL, migrate_command},
};
const size_t app_n_commands = ARRAY_LEN(app_commands);

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < app_n_commands; i++) {
        if (str_is(str_from(argv[1]), app_commands[i].name)) {
            return app_commands[i].run(argc - 2, argv + 2);
        }
    }
    fprintf(stderr, "usage: fairway COMMAND [ARGUMENTS]\n");
    for (size_t i = 0; i < app_n_commands; i++) {
        fprintf(stderr, "  %-10s %s\n", app_commands[i].name, app_commands[i].summary);
    }
    return EXIT_USAGE;
}
