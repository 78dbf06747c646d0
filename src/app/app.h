/* SPDX-License-Identifier: Apache-2.0
 * app/app.h - the pieces of the program: commands, the list of modules, and building a Platform. */
#ifndef APP_APP_H
#define APP_APP_H

#include "platform/api/api.h"
#include "platform/ctx.h"
#include "platform/module.h"
#include "platform/settings/settings.h"

/* Exit codes, documented in docs/reference/cli.md (cli_markdown.c). */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,      /* the operation was refused or failed */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_UNREACHABLE = 3, /* no server answered */
    EXIT_NOT_FOUND = 4,
    EXIT_DENIED = 5 /* credentials are missing or not enough */
};

/* An option of a command's own. */
typedef struct CommandOption {
    const char *flag; /* "--status", "--server URL" */
    const char *help;
} CommandOption;

/* Which flags of settings_table, and --config, a command tells of. It takes them all, so that the
 * command line of a server does for its backup as well. */
typedef enum CommandSettings { SETTINGS_NONE, SETTINGS_OF_DATA, SETTINGS_ALL } CommandSettings;

/* A command that is not derived from the contract (commands.c). */
typedef struct Command {
    const char *name;             /* "serve", "catalog validate" */
    const char *usage;            /* "fairway serve [OPTIONS]" */
    const char *summary;          /* one line */
    const char *help;             /* what it does, lines ended by \n; may be NULL */
    const char *examples;         /* command lines, ended by \n; may be NULL */
    const CommandOption *options; /* up to a row without a flag; may be NULL */
    CommandSettings settings;
    int (*run)(int argc, char **argv); /* argv[0] is the first argument after the name */
    bool hidden;
} Command;

/* Does the command's help tell of the setting's flag? */
bool app_command_tells(const Command *command, const SettingDef *def);

extern const Command app_commands[];
extern const size_t app_n_commands;
/* How many of the words at the front of argv name a command; 0: none does. */
int app_find_command(int argc, char **argv, size_t *ret);

int serve_command(int argc, char **argv);
int migrate_command(int argc, char **argv);
int backup_command(int argc, char **argv);
int restore_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
int audit_verify_command(int argc, char **argv);
int secrets_rotate_command(int argc, char **argv);
int secrets_retire_command(int argc, char **argv);
int catalog_validate_command(int argc, char **argv);
int catalog_import_command(int argc, char **argv);
int import_backstage_command(int argc, char **argv);
int completion_command(int argc, char **argv);
int complete_command(int argc, char **argv); /* what the shells' completion asks */
int users_reset_link_command(int argc, char **argv);
int users_reset_second_factors_command(int argc, char **argv);
int version_command(int argc, char **argv);
int help_command(int argc, char **argv);
/* cli.c: every command that is derived from the contract; argv[0] is the first argument. */
int cli_main(int argc, char **argv);

/* modules.c: every module of the product. */
extern const Module *const app_modules[];
extern const size_t app_n_modules;
/* The ones named in `services` (comma separated; "" = all) with what they require. Fails RC_INVALID
 * naming the unknown. */
MUST_CHECK Rc app_enabled_modules(Str services, const Module **ret, size_t *ret_n, Error *err);

/* platform_build.c: everything a server or a command needs, in order of dependency, without
 * starting threads of modules. */
typedef struct App {
    Platform platform;
    const Module **modules;
    Arena *arena;
} App;
/* settings is owned by the app afterwards. migrate: apply pending migrations (else pending ones are
 * an error). */
MUST_CHECK Rc app_build(Settings *settings, bool migrate, App **ret, Error *err);
void app_free(App *app);

/* database.c: absolute folder of the data; URL of the database; the database, its folder made when
 * it is missing, not migrated. */
const char *app_data_dir(Settings *settings, Arena *arena);
const char *app_database_url(Settings *settings, Arena *arena);
MUST_CHECK Rc app_open_database(Settings *settings, Arena *arena, Db **ret, Error *err);

/* From where the program was started; "." and ".." resolved by their text. */
const char *app_absolute_path(Arena *arena, const char *path);

/* Puts in front of an error, if rc is one, which setting it comes from and where that was given.
 * Gives rc. */
MUST_CHECK Rc app_blame_setting(Settings *settings, const char *name, Rc rc, Error *err);

/* serve.c: is it an address of this machine alone? */
bool app_is_loopback(Str host);

/* gateway.c: the options that protect the API, from the settings. options->limits is the caller's,
 * for limits_free; NULL when nothing is limited. */
MUST_CHECK Rc app_gateway(const Platform *platform, ApiOptions *options, Error *err);
/* Certificate and key, in the arena, when they are set. Fails RC_INVALID naming the setting: a file
 * that cannot be read, is not PEM, or the two do not belong together. */
MUST_CHECK Rc app_read_tls(Settings *settings,
                           Arena *arena,
                           HttpServerOptions *options,
                           Error *err);
/* Reads certificate and key anew; the server goes on with those it had when they will not do. */
MUST_CHECK Rc app_renew_tls(Settings *settings, HttpServer *server, Error *err);

/* cli_settings.c */
/* Takes a switch off the arguments; was it there? */
bool app_take_switch(int *argc, char **argv, const char *name);
/* Splits --config FILE… off the arguments and loads the settings; prints the error and gives NULL
 * when they are wrong. */
Settings *app_load_settings(int argc, char **argv);
/* The same, without setting up the log and telling the warnings there. */
Settings *app_read_settings(int argc, char **argv);
/* "error: …" with line, fields and the detail an operator needs, on standard error. */
void app_print_error(const char *doing, const Error *err);

/* portal.c: the portal, from the files embedded at build; its pages, made per request. */
StaticFile portal_serve(void *user, HttpRequest *r);
void portal_answer(void *user, Api *api, Ctx *cx, HttpRequest *r);

#endif
