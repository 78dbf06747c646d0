/* SPDX-License-Identifier: Apache-2.0
 * base/file.h - whole files, folders, and paths kept inside a root. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Reads at most max_bytes; RC_LIMIT when it is larger, RC_NOT_FOUND when absent. Regular files
 * only. */
MUST_CHECK Rc file_read(Arena *arena, const char *path, size_t max_bytes, Str *ret, Error *err);
/* Writes beside, fsyncs, renames, fsyncs the folder: the old or the new file, never half of one.
 * RC_FULL when the disk takes no more. */
MUST_CHECK Rc file_write_atomic(const char *path, Str bytes, unsigned mode, Error *err);
/* mkdir -p; existing folders are fine. */
MUST_CHECK Rc file_make_dirs(const char *path, unsigned mode, Error *err);
/* rm -r, not following links; a missing path is fine. RC_INVALID for "/", "." and "..". */
MUST_CHECK Rc file_remove_tree(const char *path, Error *err);
bool file_exists(const char *path);

/* "/a/b" + "../c" -> "/a/c"; an absolute rel replaces base; purely textual, "." and ".." resolved,
 * no trailing slash. */
Str path_join(Arena *arena, Str base, Str rel);
Str path_dir(Str path);  /* "/a/b" -> "/a"; "b" -> "." */
Str path_base(Str path); /* "/a/b" -> "b" */
/* Resolves links on disk and tells whether path lies in root (or is it). False if either is absent.
 */
bool path_is_inside(const char *root, const char *path);

/* Paths matching a glob with *, ?, [..], {a,b} and ** (any depth), sorted, regular files only,
 * at most max (RC_LIMIT when there are more). A pattern without wildcards gives itself if it
 * exists. Hidden entries are matched only by a pattern segment that begins with a dot. Links to
 * files count as files; links to folders are followed only in the part before the first wildcard.
 */
MUST_CHECK Rc
file_glob(Arena *arena, Str pattern, size_t max, Str **ret_paths, size_t *ret_n, Error *err);
/* True if the text matches one glob pattern. '/' is matched only by "**", and a whole segment "**"
 * may also match no segment at all. Time is linear in the text. False for patterns over 4096 bytes.
 */
bool glob_match(Str pattern, Str text);

#endif
