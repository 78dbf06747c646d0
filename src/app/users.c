/* SPDX-License-Identifier: Apache-2.0
 * fairway users reset-link and reset-second-factors: let somebody in who cannot sign in any more,
 * by the database alone. */
#include "base/file.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "modules/identity/identity.h"
#include "platform/settings/settings.h"

#include <stdio.h>

/* As serve would answer under it. */
static Str base_url(Settings *settings, Arena *arena)
{
    Str url = settings_str(settings, "server.base_url"),
        host = settings_str(settings, "server.host");
    while (str_ends(url, STR("/"))) {
        url.len--;
    }
    return url.len ? url
                   : str_fmt(arena, "http://%.*s:%lld", STR_ARG(host),
                             (long long)settings_int(settings, "server.port"));
}

static Rc print_link(Ctx *cx, Str email)
{
    Str link;
    TRY(identity_reset_link(cx, email, &link));
    printf("This link sets the password of %.*s, once, within an hour:\n  %.*s\n", STR_ARG(email),
           STR_ARG(link));
    return RC_OK;
}

static Rc remove_second_factors(Ctx *cx, Str email)
{
    TRY(identity_reset_second_factors(cx, email));
    printf("%.*s signs in by password alone now; their sessions have ended.\n", STR_ARG(email));
    return RC_OK;
}

typedef struct UsersCommand {
    const char *name; /* "reset-link" */
    Rc (*run)(Ctx *cx, Str email);
} UsersCommand;

static int run(App *app, const UsersCommand *command, Str email)
{
    Ctx *cx = ctx_new_system(&app->platform, command->name);
    Rc rc = command->run(cx, email);
    if (rc != RC_OK) {
        app_print_error(command->name, &cx->error);
    }
    ctx_free(cx);
    return rc == RC_OK ? EXIT_OK : rc == RC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED;
}

/* A database that is not there is not made. */
static Rc check_database(Settings *settings, Arena *arena, Error *err)
{
    const char *path = backup_sqlite_path(app_database_url(settings, arena));
    return path && !file_exists(path)
               ? error_set(err, RC_NOT_FOUND, "there is no database at %s (--data, --database)",
                           path)
               : RC_OK;
}

static int of_user(const UsersCommand *command, int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    if (argc < 1 || argv[0][0] == '-') {
        fprintf(stderr, "fairway users %s: name the user's EMAIL first\n", command->name);
        return EXIT_USAGE;
    }
    Settings *settings = app_load_settings(argc - 1, argv + 1);
    if (!settings) {
        return EXIT_USAGE;
    }
    Error err = {0};
    App *app = NULL;
    Rc rc = check_database(settings, arena, &err);
    if (rc != RC_OK) {
        settings_free(settings);
    } else {
        rc = app_build(settings, false, &app, &err);
    }
    if (rc != RC_OK) {
        app_print_error("opening the database", &err);
        return EXIT_FAILED;
    }
    app->platform.base_url = base_url(settings, app->arena);
    int code = run(app, command, str_from(argv[0]));
    app_free(app);
    return code;
}

int users_reset_link_command(int argc, char **argv)
{
    static const UsersCommand command = {"reset-link", print_link};
    return of_user(&command, argc, argv);
}

int users_reset_second_factors_command(int argc, char **argv)
{
    static const UsersCommand command = {"reset-second-factors", remove_second_factors};
    return of_user(&command, argc, argv);
}
