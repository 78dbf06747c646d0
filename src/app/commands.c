/* SPDX-License-Identifier: Apache-2.0
 * The commands of the program itself. To add one: its function, its row here. */
#include "app/app.h"

const Command app_commands[] = {
    {.name = "serve",
     .usage = "fairway serve [OPTIONS]",
     .summary = "Run the server",
     .help = "Ends at SIGTERM or SIGINT; SIGHUP reads the settings again.\n\n"
             "Examples:\n"
             "  fairway serve --auth open\n"
             "  fairway serve --data /var/lib/fairway --host 0.0.0.0 --config fairway.yaml\n"
             "  fairway serve --config app-config.yaml --config app-config.production.yaml\n", .run = serve_command,
     .takes_settings = true},
    {.name = "migrate",
     .usage = "fairway migrate [--status] [OPTIONS]",
     .summary = "Bring the database to this version's schema",
     .help = "A server does this itself when it starts. --status only tells how much there is to "
             "do; the\n"
             "exit code is 1 when there is something.\n\n"
             "Examples:\n"
             "  fairway migrate --data /var/lib/fairway\n"
             "  fairway migrate --status --database postgresql://fairway@db/fairway\n",                                 .run = migrate_command,
     .takes_settings = true},
    {.name = "completion",
     .usage = "fairway completion bash|zsh|fish",
     .summary = "Print completion for a shell",
     .help = "Examples:\n"
             "  source <(fairway completion bash)\n"
             "  fairway completion zsh > \"${fpath[1]}/_fairway\"\n"
             "  fairway completion fish > ~/.config/fish/completions/fairway.fish\n",                                              .run = completion_command                                                                     },
    {.name = "version",
     .usage = "fairway version",
     .summary = "Print the version of the program and of the API",
     .run = version_command                                                              },
    {.name = "help",
     .usage = "fairway help [COMMAND]",
     .summary = "Tell what a command does and takes",
     .help = "Examples:\n"
             "  fairway help teams create\n",                                          .run = help_command                                                  },
    {.name = "__complete",                          .usage = "",             .summary = "", .run = complete_command,  .hidden = true                                                                       },
};
const size_t app_n_commands = ARRAY_LEN(app_commands);

/* The number of words of name when argv begins with all of them, else 0. */
static int match_words(const char *name, int argc, char **argv)
{
    Str rest = str_from(name), word;
    int n = 0;
    while (str_split(&rest, ' ', &word)) {
        if (n == argc || !str_is(word, argv[n])) {
            return 0;
        }
        n++;
    }
    return n;
}

int app_find_command(int argc, char **argv, size_t *ret)
{
    for (size_t i = 0; i < app_n_commands; i++) {
        int n = match_words(app_commands[i].name, argc, argv);
        if (n > 0) {
            *ret = i;
            return n;
        }
    }
    return 0;
}
