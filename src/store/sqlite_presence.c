/* SPDX-License-Identifier: Apache-2.0
 * store/sqlite_presence.c - which processes live (db_appear, db_is_gone).
 *
 * Beside the database lies an empty file, <database>-processes. A process holds a lock on one byte
 * of it, whose place follows from its name; the kernel lets go of it when the process ends, however
 * it ends. Nothing is written, and nothing is left to be cleaned up. */
#include "base/hash.h"

#include "store/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct flock byte_of(Str name)
{
    uint8_t digest[SHA256_SIZE];
    uint64_t at = 0;

    sha256(name, digest);
    for (size_t i = 0; i < sizeof(at); i++) {
        at = at << 8 | digest[i];
    }
    return (struct flock){.l_type = F_WRLCK, .l_start = (off_t)(at >> 2), .l_len = 1};
}

Rc sqlite_appear(Db *base, Str name, Error *err)
{
    SqliteDb *db = (SqliteDb *)base;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str path = str_fmt(arena, "%s-processes", db->path);
    struct flock place = byte_of(name);

    ASSERT(db->presence_fd < 0);
    int fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &place) != 0) {
        Rc rc = error_set(err, rc_of_write(errno, RC_INTERNAL), "%s cannot be locked: %s", path.ptr,
                          strerrordesc_np(errno));
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    db->presence_fd = fd;
    db->presence_at = place.l_start;
    return RC_OK;
}

bool sqlite_is_gone(const Db *base, Str name)
{
    const SqliteDb *db = (const SqliteDb *)base;
    struct flock place = byte_of(name);

    /* A lock of one's own is no obstacle, so asking for it would tell nothing. */
    return db->presence_fd >= 0 && place.l_start != db->presence_at &&
           fcntl(db->presence_fd, F_OFD_GETLK, &place) == 0 && place.l_type == F_UNLCK;
}
