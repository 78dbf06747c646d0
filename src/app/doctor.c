/* SPDX-License-Identifier: Apache-2.0
 * fairway doctor: what a server needs on this machine, a line per check, each with its mend.
 * Changes nothing. */
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"

#include "app/app.h"
#include "app/backup_files.h"
#include "migrations.h"
#include "net/process.h"
#include "platform/settings/settings.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

typedef enum Finding { FINDING_OK, FINDING_WARN, FINDING_FAIL } Finding;

typedef struct Doctor {
    Arena *arena;
    Settings *settings;
    unsigned counts[3];
} Doctor;

static void say(Doctor *d, Finding finding, const char *what, const char *fmt, ...)
    PRINTF_FORMAT(4, 5);
static void say(Doctor *d, Finding finding, const char *what, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    va_list ap;
    d->counts[finding]++;
    printf("%-5s %-12s ", words[finding], what);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

/* ---- the machine */

static void check_limits(Doctor *d)
{
    enum { FILES_WANTED = 4096 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < FILES_WANTED) {
        say(d, FINDING_WARN, "open files",
            "at most %llu; each connection needs one: raise LimitNOFILE",
            (unsigned long long)limit.rlim_max);
    } else {
        say(d, FINDING_OK, "open files", "at most %llu", (unsigned long long)limit.rlim_max);
    }
}

static void check_clock(Doctor *d)
{
    static const int64_t built_after_us = INT64_C(1767225600) * US_PER_SECOND; /* 2026-01-01 */
    struct timex clock = {0};
    if (time_now_us() < built_after_us) {
        say(d, FINDING_FAIL, "clock", "it stands before this program was built: set it");
    } else if (adjtimex(&clock) == TIME_ERROR || (clock.status & STA_UNSYNC)) {
        say(d, FINDING_WARN, "clock",
            "nothing keeps it in step: switch on time synchronisation (timedatectl set-ntp true)");
    } else {
        say(d, FINDING_OK, "clock", "kept in step");
    }
}

static bool runs(Doctor *d, const char *program, const char *option)
{
    const char *const argv[] = {program, option, NULL};
    const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    ProcessOptions options = {.argv = argv, .env = env, .timeout_us = 5 * US_PER_SECOND};
    ProcessResult result;
    Error ignored = {0};
    return process_run(&options, d->arena, &result, &ignored) == RC_OK && result.exit_code == 0;
}

static void check_program(Doctor *d, const char *name, const char *option, const char *why)
{
    if (runs(d, name, option)) {
        say(d, FINDING_OK, name, "is there");
    } else {
        say(d, FINDING_WARN, name, "is missing: %s", why);
    }
}

/* ---- settings */

static void check_settings(Doctor *d)
{
    size_t n;
    const Str *warnings = settings_warnings(d->settings, &n);
    for (size_t i = 0; i < n; i++) {
        say(d, FINDING_WARN, "settings", "%.*s", STR_ARG(warnings[i]));
    }
    if (n == 0) {
        say(d, FINDING_OK, "settings", "read");
    }
}

static void check_address(Doctor *d)
{
    const char *host = str_cstr(d->arena, settings_str(d->settings, "server.host"));
    int64_t port = settings_int(d->settings, "server.port");
    const char *service = str_cstr(d->arena, str_fmt(d->arena, "%lld", (long long)port));
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE},
                    *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        say(d, FINDING_FAIL, "address", "%s is not an address: correct --host", host);
        return;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    int bound = -1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0) {
        bound = bind(fd, found->ai_addr, found->ai_addrlen);
    }
    int cause = errno;
    if (bound == 0) {
        say(d, FINDING_OK, "address", "%s port %lld is free", host, (long long)port);
    } else if (cause == EADDRINUSE) {
        say(d, FINDING_WARN, "address",
            "%s port %lld is taken: a server runs already, or choose another --port", host,
            (long long)port);
    } else {
        say(d, FINDING_FAIL, "address", "%s port %lld cannot be listened on: %s", host,
            (long long)port, strerrordesc_np(cause));
    }
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(found);
}

static void check_sign_in(Doctor *d)
{
    Str host = settings_str(d->settings, "server.host");
    bool open = str_is(settings_str(d->settings, "auth.mode"), "open");
    if (open && !app_is_loopback(host)) {
        say(d, FINDING_FAIL, "sign-in", "--auth open is refused on %.*s: bind to 127.0.0.1",
            STR_ARG(host));
    } else if (open) {
        say(d, FINDING_WARN, "sign-in", "open: everyone on this machine is the administrator");
    } else {
        say(d, FINDING_OK, "sign-in", "credentials are required");
    }
}

/* ---- data */

static void check_space(Doctor *d, const char *folder)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0) {
        say(d, FINDING_FAIL, "disk", "%s: %s", folder, strerrordesc_np(errno));
        return;
    }
    uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
    Finding finding = free_mib < 100 ? FINDING_FAIL : free_mib < 1024 ? FINDING_WARN : FINDING_OK;
    say(d, finding, "disk", "%llu MiB free%s", (unsigned long long)free_mib,
        finding == FINDING_OK ? "" : ": make room, writes will be refused when it is full");
}

static void check_key(Doctor *d, const char *folder)
{
    const char *path = str_cstr(d->arena, str_fmt(d->arena, "%s/" BACKUP_KEY, folder));
    struct stat st;
    if (settings_str(d->settings, "secret.key").len) {
        say(d, FINDING_OK, "secret key", "from the settings");
    } else if (stat(path, &st) != 0) {
        say(d, FINDING_OK, "secret key", "will be made at the first start");
    } else if (st.st_mode & 077) {
        say(d, FINDING_FAIL, "secret key", "others can read it: chmod 600 %s", path);
    } else {
        say(d, FINDING_OK, "secret key", "is there, and only for its owner");
    }
}

static void check_folder(Doctor *d)
{
    const char *folder = app_data_dir(d->settings, d->arena);
    struct stat st;
    if (stat(folder, &st) != 0) {
        const char *parent = str_cstr(d->arena, path_dir(str_from(folder)));
        bool possible = access(parent, W_OK) == 0;
        say(d, possible ? FINDING_OK : FINDING_WARN, "data", "%s will be made at the first start%s",
            folder, possible ? "" : ", if its folder lets you");
        return;
    }
    if (!S_ISDIR(st.st_mode) || access(folder, R_OK | W_OK | X_OK) != 0) {
        say(d, FINDING_FAIL, "data",
            "%s is not a folder you can write to: chown it, or choose another --data", folder);
        return;
    }
    if (st.st_mode & 077) {
        say(d, FINDING_WARN, "data", "others can look into %s: chmod 700 it", folder);
    } else {
        say(d, FINDING_OK, "data", "%s", folder);
    }
    check_space(d, folder);
    check_key(d, folder);
}

static void check_migrations(Doctor *d, Db *db)
{
    Error err = {0};
    size_t pending;
    if (db_migrations_pending(db, fairway_migrations, fairway_n_migrations, &pending, &err) !=
        RC_OK) {
        say(d, FINDING_FAIL, "schema", "%s", err.message);
    } else if (pending) {
        say(d, FINDING_WARN, "schema",
            "%zu of %zu migrations are to be applied: the next start does it, or fairway migrate",
            pending, fairway_n_migrations);
    } else {
        say(d, FINDING_OK, "schema", "is that of this version");
    }
}

/* Reads every page: minutes for a database of many gigabytes. */
static void check_pages(Doctor *d, Db *db)
{
    static const Query pages = {.name = "doctor.pages", .sql = "PRAGMA integrity_check(1)"};
    Error err = {0};
    Tx *tx = NULL;
    Str verdict = STR_EMPTY;
    Rc rc = db_read(db, false, &tx, &err);
    if (rc == RC_OK) {
        rc = tx_one_str(tx, &pages, NULL, 0, d->arena, &verdict, &err);
        db_end(tx);
    }
    if (rc != RC_OK || !str_is(verdict, "ok")) {
        Str line = str_replace(d->arena, verdict, STR("\n"), STR(" "));
        const char *why = rc == RC_OK ? str_cstr(d->arena, line) : err.message;
        say(d, FINDING_FAIL, "pages", "the database is damaged: %s. Restore a backup", why);
    } else {
        say(d, FINDING_OK, "pages", "whole");
    }
}

static void check_database(Doctor *d)
{
    const char *url = app_database_url(d->settings, d->arena), *path = backup_sqlite_path(url);
    Error err = {0};
    Db *db = NULL;
    DbOptions options = {.readers = 1};
    if (path && !file_exists(path)) {
        say(d, FINDING_OK, "database", "SQLite, will be made at the first start");
        return;
    }
    int64_t start_us = time_monotonic_us();
    if (db_open(url, &options, &db, &err) != RC_OK || db_ping(db, &err) != RC_OK) {
        say(d, FINDING_FAIL, "database", "%s%s%s", err.message, err.detail[0] ? ": " : "",
            err.detail);
        db_close(db);
        return;
    }
    say(d, FINDING_OK, "database", "%s, opened and answered in %lld ms",
        path ? "SQLite" : "PostgreSQL", (long long)((time_monotonic_us() - start_us) / US_PER_MS));
    check_migrations(d, db);
    if (path) {
        check_pages(d, db);
    }
    db_close(db);
    if (!path) {
        check_program(d, "pg_dump", "--version", "fairway backup needs it (postgresql-client)");
    }
}

int doctor_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Doctor d = {.arena = arena};
    log_configure(LOG_OFF, LOG_TEXT); /* what it finds is said once, below */
    d.settings = app_read_settings(argc, argv);
    if (!d.settings) {
        return EXIT_USAGE;
    }
    check_settings(&d);
    check_folder(&d);
    check_database(&d);
    check_address(&d);
    check_sign_in(&d);
    check_clock(&d);
    check_limits(&d);
    check_program(&d, "git", "--version",
                  "the catalog reads repositories with it (apt install git)");
    check_program(&d, "ssh", "-V", "repositories by ssh need it (apt install openssh-client)");
    settings_free(d.settings);
    printf("%u ok, %u to look at, %u wrong\n", d.counts[FINDING_OK], d.counts[FINDING_WARN],
           d.counts[FINDING_FAIL]);
    return d.counts[FINDING_FAIL] ? EXIT_FAILED : EXIT_OK;
}
