/* SPDX-License-Identifier: Apache-2.0
 * The commands of the program itself. To add one: its function, its row here. */
#include "app/app.h"

/* Aligned columns would be wider than any screen. */
/* clang-format off */
static const CommandOption migrate_options[] = {
    {"--status", "Change nothing; tell how much there is to do. The exit code is 1 when there is something."},
    {NULL, NULL},
};
static const CommandOption backup_options[] = {
    {"--no-secret-key", "Leave the secret key out. Keep it elsewhere: without it sealed values are lost."},
    {NULL, NULL},
};
static const CommandOption restore_options[] = {
    {"--force", "Replace what the target holds. SQLite files and the key stay beside the new ones, as .before-TIME."},
    {NULL, NULL},
};
static const CommandOption audit_verify_options[] = {
    {"--checkpoints FILE", "Checkpoints kept elsewhere, instead of audit-checkpoints.jsonl in the data folder."},
    {NULL, NULL},
};
static const CommandOption rotate_options[] = {
    {"--batch N", "Values sealed anew in one transaction, 1 to 1000; 100 when not given."},
    {NULL, NULL},
};
static const CommandOption retire_options[] = {
    {"--now", "Do not wait for what servers may have begun with the old key: no server runs."},
    {NULL, NULL},
};
static const CommandOption validate_options[] = {
    {"-o, --output FORMAT", "table, one line a mistake; or json, for programs."},
    {"-q, --quiet", "Print the mistakes and nothing else."},
    {NULL, NULL},
};
static const CommandOption import_options[] = {
    {"--dry-run", "Change nothing; tell what would be done."},
    {"--server URL", "The server; else FAIRWAY_URL, else http://127.0.0.1:3001."},
    {"--token TOKEN", "Credentials; better in FAIRWAY_TOKEN, where other users do not see them."},
    {"-q, --quiet", "Print mistakes and nothing else."},
    {NULL, NULL},
};
static const CommandOption import_backstage_options[] = {
    {"--backstage-token TOKEN", "Credentials at Backstage; better in BACKSTAGE_TOKEN."},
    {"--dry-run", "Change nothing; tell what would be done."},
    {"--server URL", "The server; else FAIRWAY_URL, else http://127.0.0.1:3001."},
    {"--token TOKEN", "Credentials; better in FAIRWAY_TOKEN, where other users do not see them."},
    {"-q, --quiet", "Print mistakes and nothing else."},
    {NULL, NULL},
};

const Command app_commands[] = {
    {.name = "serve",
     .usage = "fairway serve [OPTIONS]",
     .summary = "Run the server",
     .help = "Ends at SIGTERM or SIGINT; SIGHUP reads the settings again.\n",
     .examples = "  fairway serve --auth open\n"
                 "  fairway serve --data /var/lib/fairway --host 0.0.0.0 --config fairway.yaml\n"
                 "  fairway serve --config app-config.yaml --config app-config.production.yaml\n",
     .settings = SETTINGS_ALL,
     .run = serve_command},
    {.name = "migrate",
     .usage = "fairway migrate [--status] [OPTIONS]",
     .summary = "Bring the database to this version's schema",
     .help = "A server does this itself when it starts.\n",
     .examples = "  fairway migrate --data /var/lib/fairway\n"
                 "  fairway migrate --status --database postgresql://fairway@db/fairway\n",
     .options = migrate_options,
     .settings = SETTINGS_OF_DATA,
     .run = migrate_command},
    {.name = "backup",
     .usage = "fairway backup FILE.tar.gz [--no-secret-key] [OPTIONS]",
     .summary = "Write a verified copy of everything, while the server runs",
     .help = "The file holds the database, the secret key and a manifest with their SHA-256. It is as secret\n"
             "as the key in it. PostgreSQL is copied by pg_dump.\n",
     .examples = "  fairway backup fairway-$(date +%F).tar.gz --data /var/lib/fairway\n",
     .options = backup_options,
     .settings = SETTINGS_OF_DATA,
     .run = backup_command},
    {.name = "restore",
     .usage = "fairway restore FILE.tar.gz [--force] [OPTIONS]",
     .summary = "Put a backup in place",
     .help = "Everything is verified before anything is touched. A target that holds data is refused unless\n"
             "--force is given; stop the server first. PostgreSQL is filled by pg_restore.\n",
     .examples = "  fairway restore fairway-2026-11-20.tar.gz --data /var/lib/fairway\n",
     .options = restore_options,
     .settings = SETTINGS_OF_DATA,
     .run = restore_command},
    {.name = "doctor",
     .usage = "fairway doctor [OPTIONS]",
     .summary = "Check what a server needs on this machine",
     .help = "A line per check: ok, warn or fail, with what to do. Changes nothing. The exit code is 1 when\n"
             "something fails.\n",
     .examples = "  fairway doctor --data /var/lib/fairway --config fairway.yaml\n",
     .settings = SETTINGS_ALL,
     .run = doctor_command},
    {.name = "audit verify",
     .usage = "fairway audit verify [--checkpoints FILE] [OPTIONS]",
     .summary = "Check that nobody has changed the audit trail",
     .help = "Finds rows that were edited, removed, inserted, reordered or cut off, and says which is the first.\n"
             "Reads the database itself, also while servers run. The exit code is 0 when the trail is intact, 1\n"
             "when it is not, 3 when it could not be checked.\n",
     .examples = "  fairway audit verify --data /var/lib/fairway\n"
                 "  fairway audit verify --database postgresql://fairway@db/fairway --checkpoints /mnt/worm/audit-checkpoints.jsonl\n",
     .options = audit_verify_options,
     .settings = SETTINGS_OF_DATA,
     .run = audit_verify_command},
    {.name = "secrets rotate",
     .usage = "fairway secrets rotate [--batch N] [OPTIONS]",
     .summary = "Seal every secret with a new key, while servers run",
     .help = "Makes a new key in secret.key, in front of the old one, and seals what the database holds anew. Interrupted,\n"
             "it goes on where it was when it is run again. Keys given by FAIRWAY_SECRET_KEY are not made here: set the new\n"
             "one there and the old one in FAIRWAY_SECRET_OLD_KEYS first.\n",
     .examples = "  fairway secrets rotate --data /var/lib/fairway\n",
     .options = rotate_options,
     .settings = SETTINGS_OF_DATA,
     .run = secrets_rotate_command},
    {.name = "secrets retire",
     .usage = "fairway secrets retire [--now] [OPTIONS]",
     .summary = "Remove old keys that nothing is sealed with any more",
     .help = "Refused while a value in the database needs one of them.\n",
     .examples = "  fairway secrets retire --data /var/lib/fairway\n",
     .options = retire_options,
     .settings = SETTINGS_OF_DATA,
     .run = secrets_retire_command},
    {.name = "users reset-link",
     .usage = "fairway users reset-link EMAIL [OPTIONS]",
     .summary = "Print a link that sets a user's password, without a server",
     .help = "For an administrator who is locked out. Works on the database directly, while the server runs or not, so\n"
             "whoever may run it may let anybody in. A deactivated user becomes active. The link works once, within\n"
             "an hour; it begins with server.base_url.\n",
     .examples = "  fairway users reset-link admin@example.com --data /var/lib/fairway\n",
     .settings = SETTINGS_OF_DATA,
     .run = users_reset_link_command},
    {.name = "users reset-second-factors",
     .usage = "fairway users reset-second-factors EMAIL [OPTIONS]",
     .summary = "Remove a user's second factors, without a server",
     .help = "For an administrator who has lost the device and the recovery codes. Works on the database directly, as\n"
             "`users reset-link` does. Their sessions end, within a minute on a server that runs; the password stays.\n",
     .examples = "  fairway users reset-second-factors admin@example.com --data /var/lib/fairway\n",
     .settings = SETTINGS_OF_DATA,
     .run = users_reset_second_factors_command},
    {.name = "catalog validate",
     .usage = "fairway catalog validate PATH… [-o table|json] [-q]",
     .summary = "Check catalog files without a server",
     .help = "PATH is a file, a folder (its catalog-info.yaml files at any depth) or a glob; `-` is standard\n"
             "input. Each mistake is told with file, line and column, in Backstage's words. The exit code is\n"
             "1 when there is one.\n",
     .examples = "  fairway catalog validate catalog-info.yaml\n"
                 "  fairway catalog validate 'services/**/catalog-info.yaml'\n",
     .options = validate_options,
     .run = catalog_validate_command},
    {.name = "catalog import",
     .usage = "fairway catalog import PATH|URL… [--dry-run] [--server URL] [--token TOKEN] [-q]",
     .summary = "Bring files or URLs into a server's catalog",
     .help = "A URL is registered: the server reads it, again and again. A PATH (a file, a folder, a glob, - for\n"
             "standard input) is checked here and its entities are written to the server once; entities that\n"
             "a source manages are refused there.\n",
     .examples = "  fairway catalog import https://github.com/acme/shop/blob/main/catalog-info.yaml\n"
                 "  fairway catalog import ./catalog-info.yaml --dry-run\n",
     .options = import_options,
     .run = catalog_import_command},
    {.name = "import backstage",
     .usage = "fairway import backstage URL [--backstage-token TOKEN] [--dry-run] [--server URL] [--token TOKEN] [-q]",
     .summary = "Register with a server what a running Backstage has registered",
     .help = "URL is Backstage's backend, for instance https://backstage.example.com. Read are its locations and\n"
             "the origins of its entities; what only Backstage itself can read is named at the end.\n",
     .examples = "  fairway import backstage https://backstage.example.com --dry-run\n",
     .options = import_backstage_options,
     .run = import_backstage_command},
    {.name = "completion",
     .usage = "fairway completion bash|zsh|fish",
     .summary = "Print completion for a shell",
     .examples = "  source <(fairway completion bash)\n"
                 "  fairway completion zsh > \"${fpath[1]}/_fairway\"\n"
                 "  fairway completion fish > ~/.config/fish/completions/fairway.fish\n",
     .run = completion_command},
    {.name = "version",
     .usage = "fairway version",
     .summary = "Print the version of the program and of the API",
     .run = version_command},
    {.name = "help",
     .usage = "fairway help [COMMAND]",
     .summary = "Tell what a command does and takes",
     .examples = "  fairway help teams create\n",
     .run = help_command},
    {.name = "__complete", .usage = "", .summary = "", .run = complete_command, .hidden = true},
};
/* clang-format on */
const size_t app_n_commands = ARRAY_LEN(app_commands);

bool app_command_tells(const Command *command, const SettingDef *def)
{
    if (!def->flag || command->settings == SETTINGS_NONE) {
        return false;
    }
    return command->settings == SETTINGS_ALL || strcmp(def->name, "data.dir") == 0 ||
           strcmp(def->name, "database.url") == 0;
}

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
