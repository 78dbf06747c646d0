/* SPDX-License-Identifier: Apache-2.0 */
#include "app/backup_files.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/time.h"

#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENV_MAX = 64 };

Rc backup_run(
    Arena *arena, const char *const *argv, const char *const *env, const char *folder, Error *err)
{
    const char *all[ENV_MAX + 2] = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    size_t n = 1;
    ProcessResult result;
    for (; env && env[n - 1] && n < ENV_MAX; n++) {
        all[n] = env[n - 1];
    }
    ProcessOptions options = {.argv = argv, .env = all, .folder = folder, .timeout_us = US_PER_DAY};
    TRY(process_run(&options, arena, &result, err));
    if (result.exit_code != 0) {
        Str told = str_trim(result.err_tail);
        /* The programs' own words under LC_ALL=C, which an empty environment means. */
        bool is_full = str_find(told, STR("No space left on device")) != SIZE_MAX ||
                       str_find(told, STR("Disk quota exceeded")) != SIZE_MAX;
        return error_set(err, is_full ? RC_FULL : RC_UPSTREAM, "%s failed (%d): %.*s", argv[0],
                         result.exit_code, STR_ARG(told));
    }
    return RC_OK;
}

Rc backup_pg_env(Arena *arena, const char *url, const char *const **ret, Error *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    if (!options) {
        error_set(err, RC_INVALID, "the database URL cannot be read");
        error_detail(err, "%s", why ? why : "");
        PQfreemem(why);
        return RC_INVALID;
    }
    const char **env = ARENA_ARRAY(arena, const char *, ENV_MAX + 1);
    size_t n = 0;
    for (PQconninfoOption *o = options; o->keyword && n < ENV_MAX; o++) {
        if (o->val && o->envvar) {
            env[n++] = str_cstr(arena, str_fmt(arena, "%s=%s", o->envvar, o->val));
        }
    }
    PQconninfoFree(options);
    *ret = env;
    return RC_OK;
}

/* The file is mapped and not read: a database may be larger than memory. */
static Rc digest(Arena *arena, const char *path, int64_t *ret_size, Str *ret_sha256, Error *err)
{
    struct stat st;
    void *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        error_set(err, RC_NOT_FOUND, "%s cannot be read: %s", path, strerrordesc_np(errno));
        if (fd >= 0) {
            close(fd);
        }
        return RC_NOT_FOUND;
    }
    size_t size = (size_t)st.st_size;
    if (size > 0) {
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (bytes == MAP_FAILED) {
        return error_set(err, RC_INTERNAL, "%s cannot be read: %s", path, strerrordesc_np(errno));
    }
    *ret_size = st.st_size;
    *ret_sha256 = sha256_hex(arena, str_of(bytes, size));
    if (bytes) {
        munmap(bytes, size);
    }
    return RC_OK;
}

Rc backup_describe(Arena *arena, const char *folder, const char *name, Json *files, Error *err)
{
    int64_t size = 0;
    Str sha256 = STR_EMPTY;
    TRY(digest(arena, str_cstr(arena, str_fmt(arena, "%s/%s", folder, name)), &size, &sha256, err));
    Json *entry = json_object(arena);
    json_set_str(arena, entry, "name", str_from(name));
    json_set_c(arena, entry, "size", json_int(arena, size));
    json_set_str(arena, entry, "sha256", sha256);
    json_push(arena, files, entry);
    return RC_OK;
}

Rc backup_verify(Arena *arena, const char *folder, const Json *entry, Error *err)
{
    int64_t size = 0, expected = -1;
    Str sha256 = STR_EMPTY, name = json_str_at(entry, "name");
    Str path = str_fmt(arena, "%s/%.*s", folder, STR_ARG(name));
    TRY(digest(arena, str_cstr(arena, path), &size, &sha256, err));
    bool fits = json_to_i64(json_get_c(entry, "size"), &expected) && size == expected &&
                str_eq(sha256, json_str_at(entry, "sha256"));
    return fits
               ? RC_OK
               : error_set(err, RC_INVALID,
                           "%.*s in the backup is damaged: its SHA-256 is not that of the manifest",
                           STR_ARG(name));
}

Rc backup_stage(Arena *arena, const char *beside, const char **ret, Error *err)
{
    char *path = arena_dup(arena, str_fmt(arena, "%s.XXXXXX", beside).ptr, strlen(beside) + 8);
    if (!mkdtemp(path)) {
        return error_set(err, rc_of_write(errno, RC_INTERNAL),
                         "no folder can be made beside %s: %s", beside, strerrordesc_np(errno));
    }
    *ret = path;
    return RC_OK;
}

const char *backup_sqlite_path(const char *url)
{
    return strncmp(url, "sqlite:", 7) == 0 ? url + 7 : NULL;
}
