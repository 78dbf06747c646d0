/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/glob_priv.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TREE_DEPTH_MAX = 128,       /* one descriptor per level */
    GLOB_DEPTH_MAX = 32,        /* folders below the fixed part of a pattern */
    GLOB_ENTRIES_MAX = 1000000, /* folder entries looked at in one search */
};

typedef VEC(Str) StrVec;

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        IGNORE(close(*fd) != 0); /* read-only, or already synced and checked */
    }
}

static void close_dir(DIR **dir)
{
    if (*dir) {
        IGNORE(closedir(*dir) != 0); /* only ever read */
    }
}

/* From errno. verb: "be read". */
static Rc file_error(Error *err, const char *path, const char *verb)
{
    int code = errno;
    char text[128];
    Rc rc = code == ENOENT || code == ENOTDIR ? RC_NOT_FOUND : rc_of_write(code, RC_INTERNAL);

    if (rc == RC_NOT_FOUND) {
        return error_set(err, rc, "file %s does not exist", path);
    }
    return error_set(err, rc, "file %s cannot %s: %s", path, verb,
                     strerror_r(code, text, sizeof(text)));
}

static Rc error_too_large(Error *err, const char *path, size_t max_bytes)
{
    return error_set(err, RC_LIMIT, "file %s is larger than the limit of %zu bytes", path,
                     max_bytes);
}

/* Reads to the end, whatever size fstat told: the file may change, and /proc says 0. */
static Rc read_all(
    Arena *arena, int fd, const char *path, size_t size, size_t max_bytes, Str *ret, Error *err)
{
    size_t cap = size + 1; /* room to see the end, then for the terminator */
    char *bytes = arena_alloc(arena, cap);
    size_t len = 0;

    for (;;) {
        ssize_t got = read(fd, bytes + len, cap - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return file_error(err, path, "be read");
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
        if (len > max_bytes) {
            return error_too_large(err, path, max_bytes);
        }
        if (len == cap) {
            size_t more = MIN(MAX(cap * 2, 4096), max_bytes + 1);
            bytes = arena_grow(arena, bytes, cap, MAX(more, cap + 1));
            cap = MAX(more, cap + 1);
        }
    }
    bytes[len] = '\0';
    *ret = str_of(bytes, len);
    return RC_OK;
}

Rc file_read(Arena *arena, const char *path, size_t max_bytes, Str *ret, Error *err)
{
    struct stat st;
    /* O_NONBLOCK: opening a FIFO must not hang; it means nothing for a regular file. */
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    ASSERT(max_bytes < SIZE_MAX / 4);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return file_error(err, path, "be read");
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, RC_INVALID, "%s is not a regular file", path);
    }
    if ((uint64_t)st.st_size > max_bytes) {
        return error_too_large(err, path, max_bytes);
    }
    return read_all(arena, fd, path, (size_t)st.st_size, max_bytes, ret, err);
}

static bool write_all(int fd, Str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        bytes = str_from_index(bytes, (size_t)put);
    }
    return true;
}

static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    Str dir = path_dir(str_from(path));

    if (dir.len >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(folder, dir.ptr, dir.len);
    folder[dir.len] = '\0';
    CLEANUP(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

Rc file_write_atomic(const char *path, Str bytes, unsigned mode, Error *err)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.tmp-XXXXXX", path);

    if (n < 0 || (size_t)n >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return file_error(err, path, "be written");
    }
    CLEANUP(close_fd) int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, path, "be written");
    }
    if (fchmod(fd, (mode_t)mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0 ||
        rename(beside, path) != 0) {
        Rc rc = file_error(err, path, "be written");
        IGNORE(unlink(beside) != 0); /* the first failure is the one to report */
        return rc;
    }
    return sync_folder_of(path) ? RC_OK : file_error(err, path, "be written durably");
}

static bool make_dir(const char *path, unsigned mode)
{
    struct stat st;

    if (mkdir(path, (mode_t)mode) == 0) {
        return true;
    }
    if (errno != EEXIST || stat(path, &st) != 0) {
        return false;
    }
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode);
}

Rc file_make_dirs(const char *path, unsigned mode, Error *err)
{
    char partial[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(partial)) {
        return error_set(err, RC_INVALID, "folder path must have 1 to %d bytes", PATH_MAX - 1);
    }
    memcpy(partial, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        partial[i] = '\0';
        if (!make_dir(partial, mode)) {
            char text[128];
            return error_set(err, rc_of_write(errno, RC_INTERNAL),
                             "folder %s cannot be created: %s", partial,
                             strerror_r(errno, text, sizeof(text)));
        }
        partial[i] = path[i];
    }
    return RC_OK;
}

static bool is_dot_name(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Opens a folder by descriptor, without following a link. Sets errno on failure. */
static DIR *open_dir_at(int parent, const char *name, int flags)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && !dir) {
        IGNORE(close(fd) != 0); /* fdopendir's errno is the one to report */
    }
    return dir;
}

/* errno tells why when it returns false. */
static bool remove_at(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR) {
        return true;
    }
    if (errno != EISDIR) {
        return false;
    }
    if (depth > TREE_DEPTH_MAX) {
        errno = ELOOP;
        return false;
    }
    CLEANUP(close_dir) DIR *dir = open_dir_at(parent, name, O_NOFOLLOW);
    if (!dir) {
        return false;
    }
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e) {
            break;
        }
        if (!is_dot_name(e->d_name) && !remove_at(dirfd(dir), e->d_name, depth + 1)) {
            return false;
        }
    }
    return errno == 0 && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

Rc file_remove_tree(const char *path, Error *err)
{
    Str name = path_base(str_from(path));

    /* A path that lost its last part by mistake must not empty the working folder or the disk. */
    if (name.len == 0 || str_is(name, "/") || str_is(name, ".") || str_is(name, "..")) {
        return error_set(err, RC_INVALID, "folder path \"%s\" names nothing that may be removed",
                         path);
    }
    return remove_at(AT_FDCWD, path, 0) ? RC_OK : file_error(err, path, "be removed");
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* Appends the segments of path to out, resolving "." and "..". Returns the new length. */
static size_t add_segments(char *out, size_t len, size_t root_len, Str path)
{
    Str segment;

    while (str_split(&path, '/', &segment)) {
        if (segment.len == 0 || str_is(segment, ".")) {
            continue;
        }
        Str so_far = str_of(out + root_len, len - root_len);
        if (str_is(segment, "..")) {
            size_t slash = str_rfind_char(so_far, '/');
            Str last = slash == SIZE_MAX ? so_far : str_from_index(so_far, slash + 1);
            if (last.len > 0 && !str_is(last, "..")) {
                len = root_len + (slash == SIZE_MAX ? 0 : slash);
                continue;
            }
            if (root_len > 0) {
                continue; /* nothing is above "/" */
            }
        }
        if (len > root_len) {
            out[len++] = '/';
        }
        memcpy(out + len, segment.ptr, segment.len);
        len += segment.len;
    }
    return len;
}

Str path_join(Arena *arena, Str base, Str rel)
{
    bool rel_is_absolute = str_starts(rel, STR("/"));
    bool is_absolute = rel_is_absolute || str_starts(base, STR("/"));
    char *out = arena_alloc(arena, base.len + rel.len + 4);
    size_t len = 0;

    if (is_absolute) {
        out[len++] = '/';
    }
    size_t root_len = len;
    if (!rel_is_absolute) {
        len = add_segments(out, len, root_len, base);
    }
    len = add_segments(out, len, root_len, rel);
    if (len == 0) {
        out[len++] = '.';
    }
    out[len] = '\0';
    return str_of(out, len);
}

static Str without_end_slashes(Str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

Str path_dir(Str path)
{
    path = without_end_slashes(path);
    size_t slash = str_rfind_char(path, '/');

    if (slash == SIZE_MAX) {
        return STR(".");
    }
    return without_end_slashes(str_sub(path, 0, MAX(slash, 1)));
}

Str path_base(Str path)
{
    path = without_end_slashes(path);
    size_t slash = str_rfind_char(path, '/');

    return slash == SIZE_MAX || path.len == 1 ? path : str_from_index(path, slash + 1);
}

bool path_is_inside(const char *root, const char *path)
{
    char real_root[PATH_MAX];
    char real_path[PATH_MAX];

    if (!realpath(root, real_root) || !realpath(path, real_path)) {
        return false;
    }
    Str outer = str_from(real_root);
    Str inner = str_from(real_path);
    if (str_is(outer, "/") || str_eq(outer, inner)) {
        return true;
    }
    return str_starts(inner, outer) && inner.ptr[outer.len] == '/';
}

typedef struct Search {
    Arena *arena;
    const Glob *glob;
    StrVec found;
    size_t max, n_entries;
    Error *err;
} Search;

static Rc search_dir(Search *search, DIR *dir, Str path, const GlobStates *states, unsigned depth);

static bool is_regular_at(int dir, const char *name, unsigned char type)
{
    struct stat st;

    if (type == DT_REG) {
        return true;
    }
    return (type == DT_LNK || type == DT_UNKNOWN) && fstatat(dir, name, &st, 0) == 0 &&
           S_ISREG(st.st_mode);
}

static bool is_folder_at(int dir, const char *name, unsigned char type)
{
    struct stat st;

    return type == DT_DIR ||
           (type == DT_UNKNOWN && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode));
}

static Rc search_entry(Search *search,
                       DIR *dir,
                       Str path,
                       const GlobStates *states,
                       const struct dirent *e,
                       unsigned depth)
{
    Str name = str_from(e->d_name);
    GlobStates here = glob_feed(search->glob, *states, name, true, true);

    if (!glob_is_alive(&here)) {
        return RC_OK;
    }
    if (glob_accepts(search->glob, &here) && is_regular_at(dirfd(dir), e->d_name, e->d_type)) {
        if (search->found.n == search->max) {
            return error_set(search->err, RC_LIMIT,
                             "the pattern matches more than %zu files; make it narrower",
                             search->max);
        }
        VEC_PUSH(&search->found, str_fmt(search->arena, "%.*s%s", STR_ARG(path), e->d_name));
        return RC_OK;
    }
    here = glob_feed(search->glob, here, STR("/"), false, true);
    if (!glob_is_alive(&here) || !is_folder_at(dirfd(dir), e->d_name, e->d_type)) {
        return RC_OK;
    }
    CLEANUP(close_dir) DIR *below = open_dir_at(dirfd(dir), e->d_name, O_NOFOLLOW);
    /* A folder that is gone or closed to us holds no match for us. */
    return below ? search_dir(search, below,
                              str_fmt(search->arena, "%.*s%s/", STR_ARG(path), e->d_name), &here,
                              depth + 1)
                 : RC_OK;
}

/* path: what stands before the names of this folder in results, "" or ending in '/'. */
static Rc search_dir(Search *search, DIR *dir, Str path, const GlobStates *states, unsigned depth)
{
    const struct dirent *e;

    if (depth > GLOB_DEPTH_MAX) {
        return error_set(search->err, RC_LIMIT,
                         "folder %.*s is more than %d levels deep; make the pattern narrower",
                         STR_ARG(path), GLOB_DEPTH_MAX);
    }
    while ((e = readdir(dir)) != NULL) {
        if (is_dot_name(e->d_name)) {
            continue;
        }
        if (++search->n_entries > GLOB_ENTRIES_MAX) {
            return error_set(search->err, RC_LIMIT,
                             "the pattern searches more than %d entries; make it narrower",
                             GLOB_ENTRIES_MAX);
        }
        TRY(search_entry(search, dir, path, states, e, depth));
    }
    return RC_OK;
}

static int compare_paths(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* The part before the first wildcard. */
static Str plain_part(Str pattern)
{
    size_t n = 0;

    while (n < pattern.len && pattern.ptr[n] != '\0' && !strchr("*?[{", pattern.ptr[n])) {
        n++;
    }
    return str_sub(pattern, 0, n);
}

/* Opens the folder that is fixed by the pattern and searches below it. */
static Rc search_pattern(Search *search, Str plain)
{
    size_t slash = str_rfind_char(plain, '/');
    Str fixed = str_sub(plain, 0, slash == SIZE_MAX ? 0 : slash + 1);
    const char *start = fixed.len ? str_cstr(search->arena, fixed) : ".";
    GlobStates states = glob_feed(search->glob, glob_start(search->glob), fixed, true, true);
    CLEANUP(close_dir) DIR *dir = open_dir_at(AT_FDCWD, start, 0);

    if (!dir) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR;
        return is_absent ? RC_OK : file_error(search->err, start, "be searched");
    }
    return search_dir(search, dir, fixed, &states, 0);
}

Rc file_glob(Arena *arena, Str pattern, size_t max, Str **ret_paths, size_t *ret_n, Error *err)
{
    Glob glob;
    Search search = {
        .arena = arena, .glob = &glob, .found = {.arena = arena}, .max = max, .err = err};
    Str plain = plain_part(pattern);

    if (str_find_char(pattern, '\0') != SIZE_MAX || !glob_compile(&glob, pattern)) {
        return error_set(err, RC_INVALID, "the file pattern is too long or nested too deep");
    }
    if (plain.len < pattern.len) {
        TRY(search_pattern(&search, plain));
    } else if (max > 0 && is_regular_at(AT_FDCWD, str_cstr(arena, pattern), DT_UNKNOWN)) {
        VEC_PUSH(&search.found, str_dup(arena, pattern));
    }
    if (search.found.n > 1) {
        qsort(search.found.at, search.found.n, sizeof(Str), compare_paths);
    }
    *ret_paths = search.found.at;
    *ret_n = search.found.n;
    return RC_OK;
}
