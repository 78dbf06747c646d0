/* SPDX-License-Identifier: Apache-2.0
 * fairway users reset-link: lets somebody in who cannot sign in any more, by the database alone. */
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

static int print_link(App *app, Str email)
{
    Str link;
    Ctx *cx = ctx_new_system(&app->platform, "reset-link");
    Rc rc = identity_reset_link(cx, email, &link);
    if (rc == RC_OK) {
        printf("This link sets the password of %.*s, once, within an hour:\n  %.*s\n",
               STR_ARG(email), STR_ARG(link));
    } else {
        app_print_error("making the link", &cx->error);
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

int users_reset_link_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    if (argc < 1 || argv[0][0] == '-') {
        fprintf(stderr, "fairway users reset-link: name the user's EMAIL first\n");
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
    int code = print_link(app, str_from(argv[0]));
    app_free(app);
    return code;
}
