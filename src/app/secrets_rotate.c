/* SPDX-License-Identifier: Apache-2.0
 * fairway secrets rotate and retire: a new secret key, and what was sealed with the old one sealed
 * anew, while servers run. A server looks at the key file before it seals, and when it meets a
 * value it cannot open. */
#include "base/file.h"
#include "base/time.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "platform/audit/audit.h"
#include "platform/records/records.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETIRE_AFTER_US (2 * US_PER_MINUTE) /* longer than a request with the old key may take */

enum { BATCH_DEFAULT = 100, BATCH_MAX = 1000 };

typedef struct Rotation {
    App *app;
    Arena *arena;
    SecretsReseal options;
    char id[SECRET_KEY_ID_SIZE + 1]; /* of the newest key */
    int lock;                        /* a file; -1 */
} Rotation;

static void tell_progress(void *user, const SealedColumn *column, int64_t n)
{
    (void)user;
    printf("%s.%s: %lld sealed anew\n", column->table, column->column, (long long)n);
    IGNORE(fflush(stdout)); /* nobody may be reading */
}

/* Of the platform itself. */
static const SealedColumn platform_columns[] = {
    {.table = "audit_keys", .column = "private_key"},
};

static void find_columns(Rotation *r)
{
    SealedColumn *fields;
    size_t n, most;
    records_sealed_columns(r->app->platform.records, r->arena, &fields, &n);
    most = n + ARRAY_LEN(platform_columns);
    for (size_t i = 0; i < app_n_modules; i++) {
        most += app_modules[i]->n_sealed;
    }
    SealedColumn *all = ARENA_ARRAY(r->arena, SealedColumn, most);
    memcpy(all, fields, n * sizeof(fields[0]));
    for (size_t i = 0; i < ARRAY_LEN(platform_columns); i++) {
        all[n++] = platform_columns[i];
    }
    for (size_t i = 0; i < app_n_modules; i++) { /* also of those that are switched off */
        for (size_t s = 0; s < app_modules[i]->n_sealed; s++) {
            all[n++] = app_modules[i]->sealed[s];
        }
    }
    r->options.columns = all;
    r->options.n_columns = n;
}

/* One rotation at a time: two would each make a key, and one would be lost. */
static Rc lock_folder(Rotation *r, Settings *settings, Error *err)
{
    const char *folder = app_data_dir(settings, r->arena);
    const char *key = str_cstr(r->arena, str_fmt(r->arena, "%s/" SECRET_KEY_FILE, folder));
    const char *path = str_cstr(r->arena, str_fmt(r->arena, "%s/" SECRET_KEY_FILE ".lock", folder));
    if (settings_str(settings, "secret.key").len > 0) {
        return RC_OK;
    }
    if (!file_exists(key)) {
        return error_set(err, RC_NOT_FOUND, "there is no secret key %s; name its folder by --data",
                         key);
    }
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0) {
        return error_set(err, RC_DENIED, "%s cannot be made: %s", path, strerrordesc_np(errno));
    }
    if (flock(r->lock, LOCK_EX | LOCK_NB) != 0) {
        return error_set(err, RC_CONFLICT, "another rotation is under way in %s", folder);
    }
    return RC_OK;
}

/* Takes the settings. */
static Rc open_rotation(Rotation *r, Settings *settings, size_t batch, Error *err)
{
    const char *path = backup_sqlite_path(app_database_url(settings, r->arena));
    Rc rc = lock_folder(r, settings, err);
    if (rc == RC_OK && path && !file_exists(path)) {
        rc = error_set(err, RC_NOT_FOUND, "there is no database %s; name its folder by --data",
                       path);
    }
    if (rc != RC_OK) {
        settings_free(settings);
        return rc;
    }
    TRY(app_build(settings, false, &r->app, err));
    r->options = (SecretsReseal){.db = r->app->platform.db,
                                 .secrets = r->app->platform.secrets,
                                 .batch = batch,
                                 .progress = tell_progress};
    find_columns(r);
    return RC_OK;
}

static void close_rotation(Rotation *r)
{
    app_free(r->app);
    if (r->lock >= 0) {
        close(r->lock);
    }
}

/* The trail says that it happened, and which key it was. */
static Rc note(Rotation *r, const char *action, int64_t changed, Error *err)
{
    Ctx *cx = ctx_new_system(&r->app->platform, "command");
    Json *after = json_object(cx->arena);
    json_set_c(cx->arena, after, "resealed", json_int(cx->arena, changed));
    Rc rc = ctx_begin(cx);
    rc = rc ? rc : audit_write(cx, action, "SecretKey", str_from(r->id), NULL, after);
    rc = rc ? rc : ctx_commit(cx);
    rc = rc ? rc : audit_chain_now(cx);
    if (rc != RC_OK) {
        *err = cx->error;
    }
    ctx_free(cx);
    return rc;
}

/* ---- rotate */

static Rc make_key(Rotation *r, int64_t old, bool *ret_is_done, Error *err)
{
    Secrets *secrets = r->options.secrets;
    *ret_is_done = false;
    if (old > 0 && secrets_n_keys(secrets) > 1) {
        return RC_OK; /* the key is there: an earlier run did not come to its end */
    }
    if (secrets_n_keys(secrets) > 1) {
        *ret_is_done = true;
        return RC_OK;
    }
    if (!secrets_is_file(secrets)) {
        return error_set(err, RC_PRECONDITION,
                         "the key is given by secret.key: set the new one there and the old one in "
                         "secret.old_keys (FAIRWAY_SECRET_OLD_KEYS), for the servers too, and run "
                         "this again");
    }
    return secrets_file_add_key(secrets, err);
}

static Rc rotate(Rotation *r, Error *err)
{
    SecretsResealed done;
    int64_t old;
    bool is_done;
    secrets_key_id(r->options.secrets, r->id);
    TRY(secrets_count_old(&r->options, &old, err));
    TRY(make_key(r, old, &is_done, err));
    secrets_key_id(r->options.secrets, r->id);
    if (is_done) {
        printf("Everything is sealed with key %s already; `fairway secrets retire` removes the "
               "old one.\n",
               r->id);
        return RC_OK;
    }
    printf("The key is %s.\n", r->id);
    IGNORE(fflush(stdout)); /* nobody may be reading */
    TRY(secrets_reseal(&r->options, &done, err));
    TRY(note(r, "secrets.rotated", done.changed, err));
    if (done.unopened > 0) {
        return error_set(
            err, RC_INVALID,
            "%lld values cannot be opened with any key and were left as they are, the "
            "first is %s; give the key they need in secret.old_keys, or set them again",
            (long long)done.unopened, done.first);
    }
    printf("%lld values are sealed anew. Two minutes from now `fairway secrets retire` may remove "
           "the old key; back up secret.key before.\n",
           (long long)done.changed);
    return RC_OK;
}

static bool take_batch(int *argc, char **argv, size_t *ret)
{
    int n = 0;
    int64_t batch = BATCH_DEFAULT;
    bool ok = true;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--batch") != 0) {
            argv[n++] = argv[i];
        } else {
            i++;
            ok = i < *argc && str_to_i64(str_from(argv[i]), &batch) && batch >= 1 &&
                 batch <= BATCH_MAX;
        }
    }
    *argc = n;
    *ret = (size_t)batch;
    if (!ok) {
        fprintf(stderr, "fairway: --batch needs a number from 1 to %d\n", BATCH_MAX);
    }
    return ok;
}

static int run(int argc, char **argv, size_t batch, Rc (*work)(Rotation *r, Error *err))
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Rotation r = {.arena = arena, .lock = -1};
    Error err = {0};
    Settings *settings = app_load_settings(argc, argv);
    if (!settings) {
        return EXIT_USAGE;
    }
    Rc rc = open_rotation(&r, settings, batch, &err);
    rc = rc ? rc : work(&r, &err);
    close_rotation(&r);
    if (rc != RC_OK) {
        app_print_error("secrets", &err);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

int secrets_rotate_command(int argc, char **argv)
{
    size_t batch;
    if (!take_batch(&argc, argv, &batch)) {
        return EXIT_USAGE;
    }
    return run(argc, argv, batch, rotate);
}

/* ---- retire */

static Rc check_unused(Rotation *r, Error *err)
{
    int64_t old;
    TRY(secrets_count_old(&r->options, &old, err));
    if (old > 0) {
        return error_set(
            err, RC_CONFLICT,
            "%lld values are still sealed with an old key; run: fairway secrets rotate",
            (long long)old);
    }
    return RC_OK;
}

static Rc check_age(Rotation *r, Error *err)
{
    struct stat st;
    const char *path =
        str_cstr(r->arena, str_fmt(r->arena, "%s/" SECRET_KEY_FILE, r->app->platform.data_dir));
    if (secrets_is_file(r->options.secrets) && stat(path, &st) == 0) {
        int64_t age_us = time_now_us() - (int64_t)st.st_mtim.tv_sec * US_PER_SECOND;
        if (age_us < RETIRE_AFTER_US) {
            return error_set(err, RC_CONFLICT,
                             "the new key is %lld s old: requests that began with the old one may "
                             "still be running; wait until it is %lld s old, or say --now when no "
                             "server runs",
                             (long long)(age_us / US_PER_SECOND),
                             (long long)(RETIRE_AFTER_US / US_PER_SECOND));
        }
    }
    return RC_OK;
}

static Rc retire_now(Rotation *r, Error *err)
{
    Secrets *secrets = r->options.secrets;
    secrets_key_id(secrets, r->id);
    TRY(check_unused(r, err));
    if (!secrets_is_file(secrets)) {
        printf("Nothing needs the keys in secret.old_keys any more: remove them there.\n");
        return RC_OK;
    }
    if (secrets_n_keys(secrets) == 1) {
        printf("There is one key, %s; nothing to remove.\n", r->id);
        return RC_OK;
    }
    TRY(secrets_file_drop_old(secrets, err));
    TRY(note(r, "secrets.retired", 0, err));
    printf("The only key is %s. Backups made before need the key that is in them.\n", r->id);
    return RC_OK;
}

static Rc retire(Rotation *r, Error *err)
{
    if (secrets_n_keys(r->options.secrets) > 1) {
        TRY(check_unused(r, err));
        TRY(check_age(r, err));
    }
    return retire_now(r, err);
}

int secrets_retire_command(int argc, char **argv)
{
    bool now = app_take_switch(&argc, argv, "--now");
    return run(argc, argv, BATCH_DEFAULT, now ? retire_now : retire);
}
