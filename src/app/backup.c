/* SPDX-License-Identifier: Apache-2.0
 * fairway backup: a copy of everything while the server runs, checked before it gets its name. */
#include "base/file.h"
#include "base/time.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "migrations.h"
#include "platform/settings/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Backup {
    Arena *arena;
    Settings *settings;
    Db *db;
    const char *stage; /* folder the files are gathered in; NULL until it is there */
    const char *file;  /* what is asked for, absolute */
    bool with_key;
    Json *files; /* entries of the manifest */
    const char *names[BACKUP_FILES_MAX + 1];
} Backup;

static const char *staged(const Backup *b, const char *name)
{
    return str_cstr(b->arena, str_fmt(b->arena, "%s/%s", b->stage, name));
}

static Rc copy_database(Backup *b, Error *err)
{
    if (db_kind(b->db) == DB_SQLITE) {
        b->names[0] = BACKUP_SQLITE;
        return db_backup(b->db, staged(b, BACKUP_SQLITE), err);
    }
    const char *const argv[] = {
        "pg_dump", "--format=custom",          "--no-owner", "--no-privileges",
        "--file",  staged(b, BACKUP_POSTGRES), NULL};
    const char *const *env;
    b->names[0] = BACKUP_POSTGRES;
    TRY(backup_pg_env(b->arena, app_database_url(b->settings, b->arena), &env, err));
    return backup_run(b->arena, argv, env, NULL, err);
}

static Rc copy_key(Backup *b, Error *err)
{
    Str path = str_fmt(b->arena, "%s/" BACKUP_KEY, app_data_dir(b->settings, b->arena));
    Str key;
    if (!b->with_key || !file_exists(str_cstr(b->arena, path))) {
        return RC_OK;
    }
    TRY(file_read(b->arena, str_cstr(b->arena, path), KIB, &key, err));
    b->names[1] = BACKUP_KEY;
    return file_write_atomic(staged(b, BACKUP_KEY), key, 0600, err);
}

static Rc write_manifest(Backup *b, Error *err)
{
    Json *manifest = json_object(b->arena);
    size_t pending;
    b->files = json_array(b->arena);
    for (size_t i = 0; i < BACKUP_FILES_MAX && b->names[i]; i++) {
        TRY(backup_describe(b->arena, b->stage, b->names[i], b->files, err));
    }
    TRY(db_migrations_pending(b->db, fairway_migrations, fairway_n_migrations, &pending, err));
    json_set_c(b->arena, manifest, "format", json_int(b->arena, BACKUP_FORMAT));
    json_set_str(b->arena, manifest, "version", STR(FAIRWAY_VERSION));
    json_set_str(b->arena, manifest, "created_at", time_rfc3339_dup(b->arena, time_now_us()));
    json_set_str(b->arena, manifest, "database",
                 db_kind(b->db) == DB_SQLITE ? STR("sqlite") : STR("postgresql"));
    json_set_c(b->arena, manifest, "migrations",
               json_int(b->arena, (int64_t)(fairway_n_migrations - pending)));
    json_set_c(b->arena, manifest, "files", b->files);
    Buf text = buf_init(b->arena, MIB);
    json_write_pretty(&text, manifest);
    return file_write_atomic(staged(b, BACKUP_MANIFEST), buf_str(&text), 0600, err);
}

/* The manifest stands first, so that restore reads little to know what it has. */
static Rc pack(Backup *b, const char *to, Error *err)
{
    const char *const create[] = {"tar",           "--create",  "--gzip",    "--format=pax",
                                  "--file",        to,          "-C",        b->stage,
                                  BACKUP_MANIFEST, b->names[0], b->names[1], NULL};
    const char *const compare[] = {"tar", "--compare", "--gzip", "--file",
                                   to,    "-C",        b->stage, NULL};
    TRY(backup_run(b->arena, create, NULL, NULL, err));
    return backup_run(b->arena, compare, NULL, NULL, err);
}

static Rc make_durable(const char *from, const char *to, Error *err)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    /* link and not rename: a file that has appeared meanwhile stays */
    if (!ok || link(from, to) != 0) {
        return error_set(err, errno == EEXIST ? RC_CONFLICT : rc_of_write(errno, RC_INTERNAL),
                         "%s cannot be written: %s", to, strerrordesc_np(errno));
    }
    return RC_OK;
}

static Rc backup(Backup *b, Error *err)
{
    if (file_exists(b->file)) {
        return error_set(err, RC_CONFLICT, "%s is there already; choose another name", b->file);
    }
    TRY(app_open_database(b->settings, b->arena, &b->db, err));
    TRY(backup_stage(b->arena, b->file, &b->stage, err));
    TRY(copy_database(b, err));
    TRY(copy_key(b, err));
    TRY(write_manifest(b, err));
    const char *packed = staged(b, "packed");
    TRY(pack(b, packed, err));
    return make_durable(packed, b->file, err);
}

static void tell(const Backup *b)
{
    struct stat st;
    printf("%s: %lld bytes, verified\n", b->file,
           stat(b->file, &st) == 0 ? (long long)st.st_size : 0);
    for (uint32_t i = 0; b->files && i < b->files->n; i++) {
        Str name = json_str_at(b->files->items[i], "name"),
            sha256 = json_str_at(b->files->items[i], "sha256");
        printf("  %-16.*s sha256 %.*s\n", STR_ARG(name), STR_ARG(sha256));
    }
    if (!b->names[1]) {
        printf("The secret key is not in it; keep it elsewhere: sealed values cannot be read "
               "without it.\n");
    }
}

int backup_command(int argc, char **argv)
{
    bool without_key = app_take_switch(&argc, argv, "--no-secret-key");
    if (argc == 0 || argv[0][0] == '-') {
        fprintf(stderr, "fairway: name the file to write: fairway backup FILE.tar.gz [OPTIONS]\n");
        return EXIT_USAGE;
    }
    umask(077); /* all that is written here is as secret as the key */
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Backup b = {.arena = arena,
                .with_key = !without_key,
                .settings = app_load_settings(argc - 1, argv + 1)};
    Error err = {0};
    if (!b.settings) {
        return EXIT_USAGE;
    }
    b.file = app_absolute_path(arena, argv[0]);
    Rc rc = backup(&b, &err);
    if (b.stage) {
        Error ignored = {0};
        IGNORE(file_remove_tree(b.stage, &ignored)); /* the result is what counts */
    }
    db_close(b.db);
    settings_free(b.settings);
    if (rc != RC_OK) {
        app_print_error("backup", &err);
        return EXIT_FAILED;
    }
    tell(&b);
    return EXIT_OK;
}
