/* SPDX-License-Identifier: Apache-2.0
 * Where the data is: folder and database, from the settings. Shared by the server and by the
 * commands that look after it. */
#include "base/file.h"
#include "base/log.h"

#include "app/app.h"
#include "platform/settings/settings.h"

#include <stdlib.h>
#include <unistd.h>

const char *app_absolute_path(Arena *arena, const char *path)
{
    char *here = getcwd(NULL, 0);
    Str base = str_dup(arena, here ? str_from(here) : STR("/"));
    free(here);
    return str_cstr(arena, path_join(arena, base, str_from(path)));
}

const char *app_data_dir(Settings *settings, Arena *arena)
{
    return app_absolute_path(arena, str_cstr(arena, settings_str(settings, "data.dir")));
}

const char *app_database_url(Settings *settings, Arena *arena)
{
    Str url = settings_str(settings, "database.url");
    if (url.len == 0) {
        url = str_fmt(arena, "sqlite:%s/fairway.db", app_data_dir(settings, arena));
    }
    return str_cstr(arena, url);
}

static void say_away(const char *where)
{
    log_warn("database.away", F_CSTR("server", where),
             F_CSTR("what", "the PostgreSQL server cannot be reached; waiting for it"));
}

Rc app_open_database(Settings *settings, Arena *arena, Db **ret, Error *err)
{
    Str replica = settings_str(settings, "database.replica_url");
    DbOptions options = {
        .replica_url = replica.len ? str_cstr(arena, replica) : NULL,
        .readers = (unsigned)settings_int(settings, "database.connections"),
        .cache_bytes = (size_t)settings_bytes(settings, "database.cache"),
        .on_away = say_away,
    };
    Rc rc = file_make_dirs(app_data_dir(settings, arena), 0700, err);
    TRY(app_blame_setting(settings, "data.dir", rc, err));
    bool is_own = settings_str(settings, "database.url").len == 0;
    rc = db_open(app_database_url(settings, arena), &options, ret, err);
    return app_blame_setting(settings, is_own ? "data.dir" : "database.url", rc, err);
}
