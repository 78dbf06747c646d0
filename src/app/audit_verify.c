/* SPDX-License-Identifier: Apache-2.0
 * fairway audit verify: is the audit trail as it was written? Reads the database itself, so it
 * needs no server and asks none. */
#include "base/file.h"
#include "base/time.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "platform/audit/audit.h"
#include "platform/settings/settings.h"

#include <stdio.h>
#include <unistd.h>

typedef struct Progress {
    int64_t next_us; /* when to tell again; monotonic */
    bool is_shown;
} Progress;

/* For people who wait; programs read the verdict. */
static bool show_progress(void *user, int64_t rows, int64_t of)
{
    Progress *p = user;
    int64_t now = time_monotonic_us();
    if (p->is_shown && now >= p->next_us) {
        fprintf(stderr, "\r%lld of %lld rows", (long long)rows, (long long)of);
        p->next_us = now + US_PER_SECOND / 2;
    }
    return true;
}

static void tell(const AuditVerdict *v, const char *file)
{
    if (v->is_intact) {
        printf("The audit trail is intact: %lld rows in %lld checkpoints, signed up to row %lld; "
               "%lld not chained yet.\n",
               (long long)v->rows, (long long)v->checkpoints, (long long)v->signed_seq,
               (long long)v->pending);
    } else {
        printf("The audit trail is NOT intact: %s.\n", v->why);
        printf("%lld rows before it are as they were written.\n", (long long)v->rows);
    }
    if (!v->has_file) {
        printf("There are no checkpoints outside the database to compare with (%s): rows that were "
               "removed at the end together with their checkpoints would not be noticed.\n",
               file);
    }
}

/* Nothing is made only to be looked at. */
static Rc check_place(Settings *settings, Arena *arena, Error *err)
{
    const char *path = backup_sqlite_path(app_database_url(settings, arena));
    const char *key =
        str_cstr(arena, str_fmt(arena, "%s/" BACKUP_KEY, app_data_dir(settings, arena)));
    if (path && !file_exists(path)) {
        return error_set(err, RC_NOT_FOUND, "there is no database %s; name its folder by --data",
                         path);
    }
    if (settings_str(settings, "secret.key").len == 0 && !file_exists(key)) {
        return error_set(err, RC_NOT_FOUND,
                         "there is no secret key %s, which the signatures are checked with; name "
                         "its folder by --data, or set FAIRWAY_SECRET_KEY",
                         key);
    }
    return RC_OK;
}

static Rc verify(Settings *settings, const char *file, int *ret_code, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    AuditVerdict verdict;
    App *app;
    Progress progress = {.is_shown = isatty(STDERR_FILENO) == 1};
    Rc rc = check_place(settings, arena, err);
    if (rc != RC_OK) {
        settings_free(settings);
        return rc;
    }
    TRY(app_build(settings, false, &app, err));
    const Platform *p = &app->platform;
    if (!file) {
        file = str_cstr(arena, str_fmt(arena, "%s/" AUDIT_CHECKPOINTS_FILE, p->data_dir));
    }
    AuditVerify options = {.db = p->db,
                           .secrets = p->secrets,
                           .file = file,
                           .progress = show_progress,
                           .user = &progress};
    rc = audit_verify(&options, &verdict, err);
    if (progress.next_us > 0) {
        fprintf(stderr, "\r\033[K");
    }
    if (rc == RC_OK) {
        tell(&verdict, file);
        *ret_code = verdict.is_intact ? EXIT_OK : EXIT_FAILED;
    }
    app_free(app);
    return rc;
}

int audit_verify_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const char *file = NULL;
    int n = 0, code = EXIT_OK;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--checkpoints") != 0) {
            argv[n++] = argv[i];
        } else if (++i < argc) {
            file = app_absolute_path(arena, argv[i]);
        } else {
            fprintf(stderr, "fairway: --checkpoints needs a file name\n");
            return EXIT_USAGE;
        }
    }
    if (file && !file_exists(file)) {
        fprintf(stderr, "fairway: there is no file %s\n", file);
        return EXIT_USAGE;
    }
    Settings *settings = app_load_settings(n, argv);
    if (!settings) {
        return EXIT_USAGE;
    }
    Error err = {0};
    if (verify(settings, file, &code, &err) != RC_OK) {
        app_print_error("the audit trail could not be checked", &err);
        return EXIT_UNREACHABLE;
    }
    return code;
}
