/* SPDX-License-Identifier: Apache-2.0
 * net/git.c - the cache folder, and the four things done with it: ask, fetch, list, show. */
#include "base/buf.h"
#include "base/file.h"

#include "net/git_priv.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

enum {
    PACKS_MAX = 50, /* one comes with each fetch; beyond this the copy is made anew */
    REF_LENGTH_MAX = 255,
    WORDS_MAX = 24,
};
#define LIST_OUTPUT_MAX (64 * MIB)
#define REMOTE_OUTPUT_MAX MIB
#define FETCHED "refs/fairway/fetched"

/* ---- running git */

static Rc run_git(const char *const *argv,
                  const GitWords *env,
                  const char *folder,
                  ProcessOptions more,
                  Arena *arena,
                  ProcessResult *ret,
                  Error *err)
{
    ProcessOptions o = more;

    o.argv = argv;
    o.env = env->at;
    o.folder = folder;
    return process_run(&o, arena, ret, err);
}

static Rc run_remote(const char *const *argv,
                     const GitOptions *o,
                     const GitRemote *r,
                     Arena *arena,
                     ProcessResult *ret,
                     Error *err)
{
    ProcessOptions more = {
        .timeout_us = o->timeout_us != 0 ? o->timeout_us : GIT_TIMEOUT_US,
        .max_output = REMOTE_OUTPUT_MAX,
        .max_file_bytes = o->max_bytes != 0 ? o->max_bytes : GIT_REPOSITORY_MAX,
    };
    Rc rc = run_git(argv, &r->env, o->cache_dir, more, arena, ret, err);

    if (rc != RC_OK) {
        error_prefix(err, "the repository at %.*s", STR_ARG(r->shown));
        return rc;
    }
    return ret->exit_code == 0 ? RC_OK : git_explain(r, ret, err);
}

static const char *repo_option(const char *cache_dir, const char *name, Arena *arena)
{
    return str_fmt(arena, "--git-dir=%s/%s", cache_dir, name).ptr;
}

/* ---- names */

static bool is_commit_id(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))) {
            return false;
        }
    }
    return s.len == 40 || s.len == 64;
}

/* The rules of git check-ref-format that matter here: no options, no patterns, no revision syntax.
 */
static bool is_ref(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f ||
            strchr("~^:?*[\\", s.ptr[i]) != NULL) {
            return false;
        }
    }
    return s.len > 0 && s.len <= REF_LENGTH_MAX && s.ptr[0] != '-' && s.ptr[0] != '/' &&
           s.ptr[s.len - 1] != '/' && s.ptr[s.len - 1] != '.' && !str_is(s, "@") &&
           str_find(s, STR("..")) == SIZE_MAX && str_find(s, STR("@{")) == SIZE_MAX &&
           str_find(s, STR("//")) == SIZE_MAX && !str_ends(s, STR(".lock"));
}

static Rc check_ref(Str ref, Error *err)
{
    if (ref.len > 0 && !is_ref(ref)) {
        return error_set(err, RC_INVALID,
                         "the ref must be the name of a branch or tag, or a full commit id");
    }
    return RC_OK;
}

/* ---- ask */

typedef struct Head {
    Str name;   /* full name to fetch: "HEAD", "refs/heads/main", a commit id */
    Str commit; /* what it means there now */
} Head;

/* The hash that ls-remote's output gives for exactly this name. */
static Str advertised(Str output, Str name)
{
    Str line;

    while (str_split(&output, '\n', &line)) {
        size_t tab = str_find_char(line, '\t');

        if (tab != SIZE_MAX && str_eq(str_from_index(line, tab + 1), name) &&
            is_commit_id(str_sub(line, 0, tab))) {
            return str_sub(line, 0, tab);
        }
    }
    return STR_EMPTY;
}

/* Branches go before tags, as they do in git's own tools; an annotated tag stands for its commit.
 */
static bool pick_head(Str ref, Str output, Arena *arena, Head *ret)
{
    const char *const prefixes[] = {"refs/heads/", "refs/tags/"};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        bool whole = ref.len == 0 || str_starts(ref, STR("refs/"));
        Str name = whole ? ref : str_fmt(arena, "%s%.*s", prefixes[i], STR_ARG(ref));

        name = ref.len == 0 ? STR("HEAD") : name;
        Str direct = advertised(output, name);
        Str peeled = advertised(output, str_fmt(arena, "%.*s^{}", STR_ARG(name)));
        if (direct.len > 0) {
            *ret = (Head){.name = name, .commit = peeled.len > 0 ? peeled : direct};
            return true;
        }
    }
    return false;
}

static Rc ask_head(const GitOptions *o, const GitRemote *r, Arena *arena, Head *ret, Error *err)
{
    Str ref = o->ref;
    bool whole = ref.len == 0 || str_starts(ref, STR("refs/"));
    Str first = ref.len == 0 ? STR("HEAD")
                : whole      ? ref
                             : str_fmt(arena, "refs/heads/%.*s", STR_ARG(ref));
    Str second = whole ? first : str_fmt(arena, "refs/tags/%.*s", STR_ARG(ref));
    const char *const argv[] = {
        "git",
        "ls-remote",
        "--quiet",
        "--",
        str_cstr(arena, r->address),
        str_cstr(arena, first),
        str_cstr(arena, second),
        str_fmt(arena, "%.*s^{}", STR_ARG(second)).ptr,
        NULL,
    };
    ProcessResult result;

    if (is_commit_id(ref)) {
        *ret = (Head){ref, ref};
        return RC_OK;
    }
    TRY(run_remote(argv, o, r, arena, &result, err));
    if (!pick_head(ref, result.output, arena, ret)) {
        return ref.len == 0 ? error_set(err, RC_NOT_FOUND, "the repository at %.*s is empty",
                                        STR_ARG(r->shown))
                            : error_set(err, RC_NOT_FOUND,
                                        "the repository at %.*s has no branch or tag %.*s",
                                        STR_ARG(r->shown), STR_ARG(ref));
    }
    return RC_OK;
}

static Rc open_remote(const GitOptions *o, Arena *arena, GitRemote *r, Error *err)
{
    TRY(check_ref(o->ref, err));
    TRY(git_remote_prepare(o, arena, r, err));
    return file_make_dirs(o->cache_dir, 0700, err);
}

Rc git_remote_head(const GitOptions *o, Arena *arena, Str *ret_commit, Error *err)
{
    GitRemote r;
    Head head;

    TRY(open_remote(o, arena, &r, err));
    TRY(ask_head(o, &r, arena, &head, err));
    *ret_commit = head.commit;
    return RC_OK;
}

Rc git_default_branch(const GitOptions *o, Arena *arena, Str *ret, Error *err)
{
    GitRemote r;
    ProcessResult result;
    Str rest, line, mark = STR("ref: refs/heads/");

    TRY(open_remote(o, arena, &r, err));
    const char *const argv[] = {
        "git", "ls-remote", "--quiet", "--symref", "--", str_cstr(arena, r.address), "HEAD", NULL,
    };
    TRY(run_remote(argv, o, &r, arena, &result, err));
    rest = result.output;
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, mark)) {
            *ret = str_dup(arena, str_sub(line, mark.len, str_find_char(line, '\t')));
            return RC_OK;
        }
    }
    return error_set(err, RC_NOT_FOUND, "the repository at %.*s has no default branch",
                     STR_ARG(r.shown));
}

/* ---- fetch */

static bool has_commit(const char *cache_dir, const char *name, Str commit, Arena *arena)
{
    GitWords env = git_local_env(cache_dir, arena);
    const char *const argv[] = {
        "git",
        repo_option(cache_dir, name, arena),
        "cat-file",
        "-e",
        str_fmt(arena, "%.*s^{commit}", STR_ARG(commit)).ptr,
        NULL,
    };
    ProcessResult result;

    return run_git(argv, &env, cache_dir, (ProcessOptions){.timeout_us = GIT_LOCAL_TIMEOUT_US},
                   arena, &result, NULL) == RC_OK &&
           result.exit_code == 0;
}

/* Bytes of all files, or UINT64_MAX when the copy has more packs than it should. */
static uint64_t repo_size(const char *path, Arena *arena)
{
    char *roots[] = {arena_dup(arena, path, strlen(path) + 1), NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    uint64_t total = 0, packs = 0;

    ASSERT(walk != NULL);
    for (FTSENT *e = fts_read(walk); e != NULL; e = fts_read(walk)) {
        if (e->fts_info == FTS_F) {
            total += (uint64_t)e->fts_statp->st_size;
            packs += str_ends(str_of(e->fts_name, e->fts_namelen), STR(".pack")) ? 1 : 0;
        }
    }
    IGNORE(fts_close(walk) != 0); /* nothing was written */
    return packs > PACKS_MAX ? UINT64_MAX : total;
}

static Rc
check_size(const GitOptions *o, const GitRemote *r, const char *name, Arena *arena, Error *err)
{
    uint64_t max = o->max_bytes != 0 ? o->max_bytes : GIT_REPOSITORY_MAX;
    Str path = str_fmt(arena, "%s/%s", o->cache_dir, name);

    if (repo_size(path.ptr, arena) > max) {
        return error_set(err, RC_LIMIT,
                         "the repository at %.*s is larger than the %llu bytes permitted here",
                         STR_ARG(r->shown), (unsigned long long)max);
    }
    return RC_OK;
}

static Rc fetch_into(
    const GitOptions *o, const GitRemote *r, const char *name, Str ref, Arena *arena, Error *err)
{
    const char *const argv[] = {
        "git",
        repo_option(o->cache_dir, name, arena),
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--force",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--",
        str_cstr(arena, r->address),
        str_fmt(arena, "+%.*s:" FETCHED, STR_ARG(ref)).ptr,
        NULL,
    };
    ProcessResult result;

    TRY(run_remote(argv, o, r, arena, &result, err));
    return check_size(o, r, name, arena, err);
}

/* A fresh copy beside the present one, which it replaces only when complete. */
static Rc fetch_anew(const GitOptions *o, const GitRemote *r, Str ref, Arena *arena, Error *err)
{
    Str fresh = str_fmt(arena, "%s/fresh.git", o->cache_dir),
        present = str_fmt(arena, "%s/repo.git", o->cache_dir);
    const char *const argv[] = {"git", "init", "--quiet", "--bare", "--template=", fresh.ptr, NULL};
    ProcessResult result;

    TRY(file_remove_tree(fresh.ptr, err)); /* of an earlier attempt that was cut off */
    TRY(run_remote(argv, o, r, arena, &result, err));
    Rc rc = fetch_into(o, r, "fresh.git", ref, arena, err);
    if (rc != RC_OK) {
        IGNORE(file_remove_tree(fresh.ptr, NULL)); /* the next attempt removes it, too */
        return rc;
    }
    TRY(file_remove_tree(present.ptr, err));
    if (rename(fresh.ptr, present.ptr) != 0) {
        return error_set(err, RC_INTERNAL,
                         "the copy of the repository at %.*s cannot be put in place",
                         STR_ARG(r->shown));
    }
    return RC_OK;
}

static Rc
fetched_commit(const GitOptions *o, const GitRemote *r, Arena *arena, Str *ret, Error *err)
{
    static const char commit[] = FETCHED "^{commit}";
    const char *const argv[] = {
        "git",       repo_option(o->cache_dir, "repo.git", arena),
        "rev-parse", "--verify",
        "--quiet",   commit,
        NULL,
    };
    ProcessResult result;

    TRY(run_git(argv, &r->env, o->cache_dir, (ProcessOptions){.timeout_us = GIT_LOCAL_TIMEOUT_US},
                arena, &result, err));
    if (result.exit_code != 0 || !is_commit_id(str_trim(result.output))) {
        return error_set(err, RC_INVALID, "%.*s of the repository at %.*s is not a commit",
                         STR_ARG(o->ref), STR_ARG(r->shown));
    }
    *ret = str_dup(arena, str_trim(result.output));
    return RC_OK;
}

Rc git_fetch(const GitOptions *o, Arena *arena, Str *ret_commit, Error *err)
{
    GitRemote r;
    Head head;
    bool present = false;

    TRY(open_remote(o, arena, &r, err));
    TRY(ask_head(o, &r, arena, &head, err));
    present = file_exists(str_fmt(arena, "%s/repo.git/HEAD", o->cache_dir).ptr);
    if (present && has_commit(o->cache_dir, "repo.git", head.commit, arena)) {
        *ret_commit = head.commit;
        return RC_OK;
    }
    /* The repository has just answered; a fetch that fails now is most likely a damaged or
     * overgrown copy. */
    if (!present || fetch_into(o, &r, "repo.git", head.name, arena, NULL) != RC_OK) {
        TRY(fetch_anew(o, &r, head.name, arena, err));
    }
    return fetched_commit(o, &r, arena, ret_commit, err);
}

/* ---- list */

static Rc check_commit(const char *cache_dir, Str commit, Error *err)
{
    if (!is_commit_id(commit)) {
        return error_set(err, RC_INVALID, "a commit is named by its full id here");
    }
    if (cache_dir[0] != '/') {
        return error_set(err, RC_INVALID, "the path of the cache folder must be absolute");
    }
    return RC_OK;
}

static Rc not_in_cache(Str commit, const ProcessResult *result, Error *err)
{
    IGNORE(error_set(err, RC_NOT_FOUND, "commit %.*s is not in the cache; fetch it first",
                     STR_ARG(commit))); /* below */
    error_detail(err, "%.*s", STR_ARG(str_trim(result->err_tail)));
    return RC_NOT_FOUND;
}

/* "100644 blob <id>\t<path>"; modes 100644 and 100755 are files, 120000 links, 160000 submodules.
 */
static Str regular_path(Str entry)
{
    size_t tab = str_find_char(entry, '\t');

    return str_starts(entry, STR("100")) && tab != SIZE_MAX ? str_from_index(entry, tab + 1)
                                                            : STR_EMPTY;
}

Rc git_list(const char *cache_dir,
            Str commit,
            Str glob,
            size_t max,
            Arena *arena,
            Str **ret_paths,
            size_t *ret_n,
            Error *err)
{
    VEC(Str) paths = {.arena = arena};
    ProcessResult result;
    Str rest, entry;

    TRY(check_commit(cache_dir, commit, err));
    const char *const argv[] = {
        "git",
        repo_option(cache_dir, "repo.git", arena),
        "ls-tree",
        "-r",
        "-z",
        "--full-tree",
        str_cstr(arena, commit),
        NULL,
    };
    GitWords env = git_local_env(cache_dir, arena);
    TRY(run_git(argv, &env, NULL,
                (ProcessOptions){.timeout_us = GIT_LOCAL_TIMEOUT_US, .max_output = LIST_OUTPUT_MAX},
                arena, &result, err));
    if (result.exit_code != 0) {
        return not_in_cache(commit, &result, err);
    }
    rest = result.output;
    while (str_split(&rest, '\0', &entry)) {
        Str path = regular_path(entry);

        if (path.len == 0 || (glob.len > 0 && !glob_match(glob, path))) {
            continue;
        }
        if (paths.n == max) {
            return error_set(err, RC_LIMIT, "more than %zu files match %.*s", max, STR_ARG(glob));
        }
        VEC_PUSH(&paths, path);
    }
    *ret_paths = paths.at;
    *ret_n = paths.n;
    return RC_OK;
}

/* ---- show */

/* What cat-file reads line by line, and would take as a path relative to a work tree. */
static bool can_be_asked(Str path)
{
    return path.len > 0 && str_find_char(path, '\n') == SIZE_MAX &&
           str_find_char(path, '\0') == SIZE_MAX && !str_starts(path, STR("./")) &&
           !str_starts(path, STR("../"));
}

/* Asks for all files that still have RC_OK. */
static Rc cat_files(const char *cache_dir,
                    const char *mode,
                    Str commit,
                    const GitFile *files,
                    size_t n,
                    size_t max_output,
                    Arena *arena,
                    ProcessResult *ret,
                    Error *err)
{
    const char *const argv[] = {"git", repo_option(cache_dir, "repo.git", arena), "cat-file", mode,
                                NULL};
    GitWords env = git_local_env(cache_dir, arena);
    Buf input = buf_init(NULL, GIT_SHOW_TOTAL_MAX);
    Rc rc = RC_OK;

    for (size_t i = 0; i < n; i++) {
        if (files[i].rc == RC_OK) {
            buf_fmt(&input, "%.*s:", STR_ARG(commit));
            buf_put(&input, files[i].path);
            buf_char(&input, '\n');
        }
    }
    if (!buf_ok(&input)) {
        rc = error_set(err, RC_LIMIT,
                       "the paths of the files asked for are longer than permitted together");
    } else if (input.len == 0) {
        *ret = (ProcessResult){0};
    } else {
        ProcessOptions more = {
            .timeout_us = GIT_LOCAL_TIMEOUT_US, .max_output = max_output, .input = buf_str(&input)};

        rc = run_git(argv, &env, NULL, more, arena, ret, err);
        if (rc == RC_OK && ret->exit_code != 0) {
            rc = not_in_cache(commit, ret, err);
        }
    }
    buf_done(&input);
    return rc;
}

/* "<id> blob <size>"; anything else ("… missing", a tree) is no file. */
static bool blob_size(Str line, uint64_t *ret)
{
    size_t space = str_find_char(line, ' '), last = str_rfind_char(line, ' ');

    return space != SIZE_MAX && is_commit_id(str_sub(line, 0, space)) &&
           str_is(str_sub(line, space, last), " blob") &&
           str_to_u64(str_from_index(line, last + 1), ret);
}

/* Sets rc of each file; *ret_total: bytes that --batch will write for those with RC_OK. */
static Rc measure(const ProcessResult *checked,
                  GitFile *files,
                  size_t n,
                  size_t max_bytes,
                  size_t *ret_total,
                  Error *err)
{
    Str rest = checked->output, line;
    uint64_t total = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        if (files[i].rc != RC_OK) {
            continue;
        }
        if (!str_split(&rest, '\n', &line)) {
            return error_set(err, RC_INTERNAL, "git answered fewer files than it was asked for");
        }
        if (!blob_size(line, &size)) {
            files[i].rc = RC_NOT_FOUND;
        } else if (size > max_bytes) {
            files[i].rc = RC_LIMIT;
        } else {
            total += size + 128; /* the header line and a line break */
        }
        if (total > GIT_SHOW_TOTAL_MAX) {
            return error_set(err, RC_LIMIT, "the files asked for have more than %zu bytes together",
                             (size_t)GIT_SHOW_TOTAL_MAX);
        }
    }
    *ret_total = (size_t)total;
    return RC_OK;
}

static Rc distribute(Str output, GitFile *files, size_t n, Error *err)
{
    Str line;
    uint64_t size = 0;

    for (size_t i = 0; i < n; i++) {
        if (files[i].rc != RC_OK) {
            continue;
        }
        if (!str_split(&output, '\n', &line) || !blob_size(line, &size) || output.len <= size) {
            return error_set(err, RC_INTERNAL, "git answered something else than it announced");
        }
        files[i].bytes = str_sub(output, 0, (size_t)size);
        output = str_from_index(output, (size_t)size + 1);
    }
    return RC_OK;
}

Rc git_show_many(const char *cache_dir,
                 Str commit,
                 GitFile *files,
                 size_t n,
                 size_t max_bytes,
                 Arena *arena,
                 Error *err)
{
    ProcessResult result;
    size_t total = 0;

    TRY(check_commit(cache_dir, commit, err));
    if (n > GIT_SHOW_MAX) {
        return error_set(err, RC_LIMIT, "at most %d files can be read at once", GIT_SHOW_MAX);
    }
    if (!has_commit(cache_dir, "repo.git", commit, arena)) {
        return not_in_cache(commit, &(ProcessResult){0}, err);
    }
    for (size_t i = 0; i < n; i++) {
        files[i].bytes = STR_EMPTY;
        files[i].rc = can_be_asked(files[i].path) ? RC_OK : RC_NOT_FOUND;
    }
    TRY(cat_files(cache_dir, "--batch-check", commit, files, n, GIT_SHOW_TOTAL_MAX, arena, &result,
                  err));
    TRY(measure(&result, files, n, max_bytes, &total, err));
    TRY(cat_files(cache_dir, "--batch", commit, files, n, total + 1, arena, &result, err));
    return distribute(result.output, files, n, err);
}

Rc git_show(const char *cache_dir,
            Str commit,
            Str path,
            size_t max_bytes,
            Arena *arena,
            Str *ret,
            Error *err)
{
    GitFile file = {.path = path};

    TRY(git_show_many(cache_dir, commit, &file, 1, max_bytes, arena, err));
    if (file.rc == RC_NOT_FOUND) {
        return error_set(err, RC_NOT_FOUND, "the commit has no file %.*s", STR_ARG(path));
    }
    if (file.rc == RC_LIMIT) {
        return error_set(err, RC_LIMIT, "%.*s is larger than the %zu bytes permitted here",
                         STR_ARG(path), max_bytes);
    }
    *ret = file.bytes;
    return RC_OK;
}
