/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_backup.c - a verified copy of a database in use.
 *
 * The source connection holds one read snapshot for the whole copy; without it SQLite would begin
 * anew whenever another connection commits. The copy gets its name only once it is whole, checked
 * and on disk. */
#include "base/buf.h"
#include "base/file.h"

#include "store/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static Rc copy_pages(SqliteConn *from, SqliteConn *to, Error *err)
{
    TRY(sqlite_run(from, "BEGIN; SELECT count(*) FROM sqlite_master", err));
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (!backup) {
        return sqlite_error(to, sqlite3_extended_errcode(to->db), "backup", err);
    }
    int code = sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    return code == SQLITE_DONE ? RC_OK : sqlite_error(to, code, "backup", err);
}

static Rc verify(SqliteConn *copy, Error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(copy->db, "PRAGMA integrity_check(1)", -1, &stmt, NULL);
    code = code == SQLITE_OK ? sqlite3_step(stmt) : code;
    Rc rc = RC_OK;
    if (code != SQLITE_ROW) {
        rc = sqlite_error(copy, code, "integrity_check", err);
    } else {
        const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
        if (!verdict || strcmp(verdict, "ok") != 0) {
            rc = error_set(err, RC_INTERNAL,
                           "The copy failed its integrity check, so the database is damaged");
            error_detail(err, "%s", verdict ? verdict : "");
        }
    }
    sqlite3_finalize(stmt);
    return rc;
}

static Rc sync_path(const char *path, int flags, Error *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool failed = fd < 0 || fsync(fd) != 0;
    int reason = errno;
    if (fd >= 0) {
        close(fd);
    }
    return failed ? error_set(err, rc_of_write(reason, RC_INTERNAL),
                              "%s cannot be flushed to disk: %s", path, strerror(reason))
                  : RC_OK;
}

static Rc write_copy(SqliteDb *db, const char *partial, Error *err)
{
    SqliteConn from = {0};
    SqliteConn to = {0};

    Rc rc = sqlite_conn_open(&from, db, true, 0, err);
    if (rc == RC_OK) {
        int code =
            sqlite3_open_v2(partial, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        rc = code == SQLITE_OK ? RC_OK : sqlite_error(&to, code, "backup", err);
    }
    if (rc == RC_OK) {
        /* The file is thrown away unless all of it arrives, so it needs no journal. */
        rc = sqlite_run(&to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
    }
    if (rc == RC_OK) {
        rc = copy_pages(&from, &to, err);
    }
    if (rc == RC_OK) {
        rc = verify(&to, err);
    }
    sqlite_conn_close(&to);
    sqlite_conn_close(&from);
    return rc;
}

/* The source is only read, so what is full is where the copy goes. */
static Rc no_room_for_copy(const char *path, Error *err)
{
    char reason[sizeof(err->detail)];
    snprintf(reason, sizeof(reason), "%s", err ? err->detail : "");
    error_set(err, RC_FULL,
              "The disk of %s is full: there is no backup; free some space on it or name another "
              "disk",
              path);
    error_detail(err, "%s", reason);
    return RC_FULL;
}

static Rc
backup_as(SqliteDb *db, const char *partial, const char *path, const char *dir, Error *err)
{
    TRY(write_copy(db, partial, err));
    TRY(sync_path(partial, O_RDONLY, err));
    if (rename(partial, path) != 0) {
        return error_set(err, rc_of_write(errno, RC_INVALID), "%s cannot be created: %s", path,
                         strerror(errno));
    }
    return sync_path(dir, O_RDONLY | O_DIRECTORY, err);
}

Rc sqlite_backup(Db *base, const char *to_path, Error *err)
{
    SqliteDb *db = (SqliteDb *)base;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str partial = str_fmt(arena, "%s.XXXXXX", to_path);
    char *name = arena_dup(arena, partial.ptr, partial.len + 1);
    const char *dir = str_cstr(arena, path_dir(str_from(to_path)));

    if (file_exists(to_path)) {
        return error_set(err, RC_CONFLICT, "%s exists: a backup never overwrites", to_path);
    }
    int fd = mkostemp(name, O_CLOEXEC); /* private to the user, as the database is */
    if (fd < 0) {
        return error_set(err, rc_of_write(errno, RC_INVALID), "%s cannot be written: %s", to_path,
                         strerror(errno));
    }
    close(fd);
    Rc rc = backup_as(db, name, to_path, dir, err);
    if (rc == RC_FULL) {
        rc = no_room_for_copy(to_path, err);
    }
    unlink(name); /* gone already when all went well */
    unlink(str_fmt(arena, "%s-wal", name).ptr);
    unlink(str_fmt(arena, "%s-shm", name).ptr);
    return rc;
}
