/* SPDX-License-Identifier: Apache-2.0
 * app/backup_files.h - what backup and restore share: the manifest, tar, the programs of
 * PostgreSQL.
 *
 * A backup is a .tar.gz with manifest.json, the database (fairway.db or fairway.pgdump) and,
 * unless left out, secret.key. The manifest names each file with its size and SHA-256. */
#ifndef APP_BACKUP_FILES_H
#define APP_BACKUP_FILES_H

#include "base/error.h"

#include "data/json.h"

#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_SQLITE "fairway.db"
#define BACKUP_POSTGRES "fairway.pgdump"
#define BACKUP_KEY "secret.key"
enum { BACKUP_FORMAT = 1, BACKUP_FILES_MAX = 2 };

/* A program with the arguments (NULL-terminated) in a folder; RC_UPSTREAM with the end of its
 * standard error when it fails. env: further "NAME=value", NULL-terminated, or NULL. */
MUST_CHECK Rc backup_run(
    Arena *arena, const char *const *argv, const char *const *env, const char *folder, Error *err);
/* The parts of a PostgreSQL URL as libpq's environment variables, so that no password stands in a
 * list of processes. NULL-terminated. */
MUST_CHECK Rc backup_pg_env(Arena *arena, const char *url, const char *const **ret, Error *err);
/* Adds { name, size, sha256 } of folder/name to files. */
MUST_CHECK Rc
backup_describe(Arena *arena, const char *folder, const char *name, Json *files, Error *err);
/* Does folder/name fit its entry of the manifest? RC_INVALID when it does not. */
MUST_CHECK Rc backup_verify(Arena *arena, const char *folder, const Json *entry, Error *err);
/* A new folder only we can enter, beside path. */
MUST_CHECK Rc backup_stage(Arena *arena, const char *beside, const char **ret, Error *err);
/* "sqlite:/a/b" -> "/a/b"; NULL for anything else. */
const char *backup_sqlite_path(const char *url);

#endif
