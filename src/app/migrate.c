/* SPDX-License-Identifier: Apache-2.0
 * fairway migrate: brings the database to this version's schema, or tells how far it is from it. */
#include "base/file.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "migrations.h"
#include "platform/settings/settings.h"

#include <stdio.h>

static Rc status(Db *db, int *ret_code, Error *err)
{
    size_t pending;
    TRY(db_migrations_pending(db, fairway_migrations, fairway_n_migrations, &pending, err));
    printf("%zu of %zu migrations are applied; %zu to do.\n", fairway_n_migrations - pending,
           fairway_n_migrations, pending);
    *ret_code = pending ? EXIT_FAILED : EXIT_OK;
    return RC_OK;
}

/* A database that is not there yet is not made only to be looked at. */
static bool is_new(Settings *settings, Arena *arena)
{
    const char *path = backup_sqlite_path(app_database_url(settings, arena));
    return path && !file_exists(path);
}

static Rc migrate(Db *db, Error *err)
{
    size_t applied;
    TRY(db_migrate(db, fairway_migrations, fairway_n_migrations, &applied, err));
    printf("%zu migrations applied; the database is up to date.\n", applied);
    return RC_OK;
}

int migrate_command(int argc, char **argv)
{
    bool only_status = app_take_switch(&argc, argv, "--status");
    Settings *settings = app_load_settings(argc, argv);
    if (!settings) {
        return EXIT_USAGE;
    }
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Error err = {0};
    Db *db = NULL;
    int code = EXIT_OK;
    if (only_status && is_new(settings, arena)) {
        printf("0 of %zu migrations are applied; %zu to do.\n", fairway_n_migrations,
               fairway_n_migrations);
        settings_free(settings);
        return EXIT_FAILED;
    }
    Rc rc = app_open_database(settings, arena, &db, &err);
    if (rc == RC_OK) {
        rc = only_status ? status(db, &code, &err) : migrate(db, &err);
    }
    if (rc != RC_OK) {
        app_print_error("migrating", &err);
        code = EXIT_FAILED;
    }
    db_close(db);
    settings_free(settings);
    return code;
}
