/* SPDX-License-Identifier: Apache-2.0
 * fairway restore: everything is unpacked and verified beside the target before the target is
 * touched; what was there is kept beside it (SQLite) or replaced in one transaction (PostgreSQL).
 */
#include "base/file.h"
#include "base/time.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "migrations.h"
#include "platform/settings/settings.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Restore {
    Arena *arena;
    Settings *settings;
    const char *file, *stage, *data_dir, *url;
    Json *manifest;
    const char *database; /* BACKUP_SQLITE or BACKUP_POSTGRES */
    bool has_key, force;
    Str kept; /* suffix of what was moved away; "" nothing was */
} Restore;

static const char *in_folder(const Restore *r, const char *folder, const char *name)
{
    return str_cstr(r->arena, str_fmt(r->arena, "%s/%s", folder, name));
}

/* ---- unpack and verify */

/* Only the member asked for: whatever else is in the file is not looked at. */
static Rc extract(const Restore *r, const char *name, Error *err)
{
    const char *const argv[] = {
        "tar", "--extract", "--gzip", "--file", r->file, "--no-same-owner", "--no-same-permissions",
        "-C",  r->stage,    name,     NULL};
    struct stat st;
    TRY(backup_run(r->arena, argv, NULL, NULL, err));
    if (lstat(in_folder(r, r->stage, name), &st) != 0 || !S_ISREG(st.st_mode)) {
        return error_set(err, RC_INVALID, "%s in the backup is not a file", name);
    }
    return RC_OK;
}

static Rc read_manifest(Restore *r, Error *err)
{
    Str text;
    int64_t format = 0;
    TRY(extract(r, BACKUP_MANIFEST, err));
    TRY(file_read(r->arena, in_folder(r, r->stage, BACKUP_MANIFEST), MIB, &text, err));
    TRY(json_parse(r->arena, text, NULL, &r->manifest, err));
    if (!json_to_i64(json_get_c(r->manifest, "format"), &format) || format != BACKUP_FORMAT) {
        return error_set(
            err, RC_INVALID,
            "the backup has a form that this version does not know; restore it with Fairway %.*s",
            STR_ARG(json_str_at(r->manifest, "version")));
    }
    bool is_sqlite = str_is(json_str_at(r->manifest, "database"), "sqlite");
    bool to_sqlite = backup_sqlite_path(r->url) != NULL;
    if (is_sqlite != to_sqlite) {
        return error_set(err, RC_INVALID,
                         "the backup is of %s, the target is %s: give the database it was made of",
                         is_sqlite ? "SQLite" : "PostgreSQL", to_sqlite ? "SQLite" : "PostgreSQL");
    }
    r->database = is_sqlite ? BACKUP_SQLITE : BACKUP_POSTGRES;
    return RC_OK;
}

static Rc unpack(Restore *r, Error *err)
{
    bool has_database = false;
    TRY(read_manifest(r, err));
    const Json *files = json_get_c(r->manifest, "files");
    for (uint32_t i = 0; json_is(files, JSON_ARRAY) && i < files->n; i++) {
        Str name = json_str_at(files->items[i], "name");
        bool is_database = str_is(name, r->database), is_key = str_is(name, BACKUP_KEY);
        if (!is_database && !is_key) {
            return error_set(err, RC_INVALID, "the manifest names '%.*s', which no backup has",
                             STR_ARG(name));
        }
        TRY(extract(r, str_cstr(r->arena, name), err));
        TRY(backup_verify(r->arena, r->stage, files->items[i], err));
        has_database = has_database || is_database;
        r->has_key = r->has_key || is_key;
    }
    return has_database ? RC_OK : error_set(err, RC_INVALID, "the backup has no database");
}

/* ---- into SQLite */

/* A server that has the database open would go on with the old file and lose what it writes. */
static Rc check_unused(const char *path, Error *err)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; ROLLBACK;", NULL,
                          NULL, NULL);
    }
    sqlite3_close(db);
    return rc == SQLITE_BUSY
               ? error_set(err, RC_CONFLICT, "a server has %s open: stop it first", path)
               : RC_OK;
}

static Rc move_away(Restore *r, const char *path, Error *err)
{
    if (!file_exists(path)) {
        return RC_OK;
    }
    const char *to = str_cstr(r->arena, str_fmt(r->arena, "%s%.*s", path, STR_ARG(r->kept)));
    return rename(path, to) == 0
               ? RC_OK
               : error_set(err, rc_of_write(errno, RC_INTERNAL), "%s cannot be moved: %s", path,
                           strerrordesc_np(errno));
}

static Rc move_in(const char *from, const char *to, Error *err)
{
    return rename(from, to) == 0
               ? RC_OK
               : error_set(err, rc_of_write(errno, RC_INTERNAL), "%s cannot be written: %s", to,
                           strerrordesc_np(errno));
}

static Rc fill_sqlite(Restore *r, Error *err)
{
    static const char *const companions[] = {"", "-wal", "-shm"};
    const char *path = backup_sqlite_path(r->url);
    if (file_exists(path)) {
        TRY(check_unused(path, err));
        r->kept = str_fmt(r->arena, ".before-%lld", (long long)(time_now_us() / US_PER_SECOND));
    }
    for (size_t i = 0; r->kept.len && i < ARRAY_LEN(companions); i++) {
        TRY(move_away(r, str_cstr(r->arena, str_fmt(r->arena, "%s%s", path, companions[i])), err));
    }
    return move_in(in_folder(r, r->stage, BACKUP_SQLITE), path, err);
}

/* ---- into PostgreSQL */

static Rc fill_postgres(Restore *r, Error *err)
{
    const char *const *env;
    TRY(backup_pg_env(r->arena, r->url, &env, err));
    Str name = STR_EMPTY;
    for (size_t i = 0; env[i]; i++) {
        Str pair = str_from(env[i]);
        name = str_starts(pair, STR("PGDATABASE=")) ? str_from_index(pair, 11) : name;
    }
    const char *const argv[] = {"pg_restore",
                                "--clean",
                                "--if-exists",
                                "--no-owner",
                                "--no-privileges",
                                "--single-transaction",
                                "--exit-on-error",
                                "--dbname",
                                str_cstr(r->arena, name),
                                in_folder(r, r->stage, BACKUP_POSTGRES),
                                NULL};
    return backup_run(r->arena, argv, env, NULL, err);
}

static Rc is_empty_postgres(Restore *r, bool *ret, Error *err)
{
    static const Query count = {
        "restore_tables",
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()",
        NULL};
    Db *db = NULL;
    Tx *tx = NULL;
    int64_t n = 0;
    DbOptions options = {.readers = 1};
    Rc rc = db_open(r->url, &options, &db, err);
    if (rc == RC_OK) {
        rc = db_read(db, false, &tx, err);
    }
    if (rc == RC_OK) {
        rc = tx_one_i64(tx, &count, NO_PARAMS, &n, err);
    }
    db_end(tx);
    db_close(db);
    *ret = n == 0;
    return rc;
}

/* ---- the whole */

static Rc check_target(Restore *r, Error *err)
{
    const char *path = backup_sqlite_path(r->url);
    bool empty = true;
    if (path) {
        empty = !file_exists(path);
    } else {
        TRY(is_empty_postgres(r, &empty, err));
    }
    if (!empty && !r->force) {
        return error_set(err, RC_CONFLICT, "the target holds data; --force replaces it%s",
                         path ? " and keeps the old files beside the new ones" : "");
    }
    return RC_OK;
}

static Rc put_key(Restore *r, Error *err)
{
    const char *path = in_folder(r, r->data_dir, BACKUP_KEY);
    if (!r->has_key) {
        return RC_OK;
    }
    if (r->kept.len == 0) {
        r->kept = str_fmt(r->arena, ".before-%lld", (long long)(time_now_us() / US_PER_SECOND));
    }
    TRY(move_away(r, path, err));
    return move_in(in_folder(r, r->stage, BACKUP_KEY), path, err);
}

static Rc tell(Restore *r, Error *err)
{
    Db *db = NULL;
    size_t pending = 0;
    TRY(app_open_database(r->settings, r->arena, &db, err));
    Rc rc = db_migrations_pending(db, fairway_migrations, fairway_n_migrations, &pending, err);
    db_close(db);
    TRY(rc);
    printf("Restored the backup of %.*s, made by Fairway %.*s.\n",
           STR_ARG(json_str_at(r->manifest, "created_at")),
           STR_ARG(json_str_at(r->manifest, "version")));
    if (pending) {
        printf("%zu migrations will be applied at the next start.\n", pending);
    }
    if (!r->has_key) {
        printf("The backup has no secret key: put %s/" BACKUP_KEY " in place yourself.\n",
               r->data_dir);
    }
    return RC_OK;
}

static Rc restore(Restore *r, Error *err)
{
    r->data_dir = app_data_dir(r->settings, r->arena);
    r->url = app_database_url(r->settings, r->arena);
    if (!file_exists(r->file)) {
        return error_set(err, RC_NOT_FOUND, "there is no file %s", r->file);
    }
    TRY(check_target(r, err));
    TRY(file_make_dirs(r->data_dir, 0700, err));
    TRY(backup_stage(r->arena, in_folder(r, r->data_dir, "restore"), &r->stage, err));
    TRY(unpack(r, err));
    TRY(backup_sqlite_path(r->url) ? fill_sqlite(r, err) : fill_postgres(r, err));
    TRY(put_key(r, err));
    return tell(r, err);
}

int restore_command(int argc, char **argv)
{
    bool force = app_take_switch(&argc, argv, "--force");
    if (argc == 0 || argv[0][0] == '-') {
        fprintf(stderr, "fairway: name the backup: fairway restore FILE.tar.gz [OPTIONS]\n");
        return EXIT_USAGE;
    }
    umask(077);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Restore r = {.arena = arena, .force = force, .settings = app_load_settings(argc - 1, argv + 1)};
    Error err = {0};
    if (!r.settings) {
        return EXIT_USAGE;
    }
    r.file = app_absolute_path(arena, argv[0]);
    Rc rc = restore(&r, &err);
    if (r.stage) {
        Error ignored = {0};
        IGNORE(file_remove_tree(r.stage, &ignored)); /* the result is what counts */
    }
    settings_free(r.settings);
    if (rc != RC_OK) {
        app_print_error("restore", &err);
        return rc == RC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    return EXIT_OK;
}
