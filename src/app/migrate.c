/* SPDX-License-Identifier: Apache-2.0
 * fairway migrate: brings the database to this version's schema and says how much it did. */
#include "app/app.h"

#include <stdio.h>

int migrate_command(int argc, char **argv)
{
    Settings *settings = app_load_settings(argc, argv);
    if (!settings) {
        return EXIT_USAGE;
    }
    Error err = {0};
    App *app;
    if (app_build(settings, true, &app, &err) != RC_OK) {
        app_print_error("migrating", &err);
        return EXIT_FAILED;
    }
    printf("The database is up to date.\n");
    app_free(app);
    return EXIT_OK;
}
