/* SPDX-License-Identifier: Apache-2.0
 * net/git.h - reading repositories with the git program, version 2.37 or later. Knows no domain.
 *
 * A cache folder holds a bare, shallow copy of one branch or tag of one repository ("repo.git") and
 * the ssh host keys seen ("known_hosts"). It may be deleted at any time. A copy that is damaged,
 * has grown too many packs or too large is fetched anew beside the old one, which stays readable
 * until then.
 *
 * git runs with an environment of its own: no user or system configuration, no prompts, no helpers,
 * no hooks, no redirects, only the one transport that the address names, credentials never on a
 * command line. Hosts pass the same guard as outbound HTTP calls (http_client.h): the name is
 * resolved and judged first and git and ssh are told to connect to exactly the addresses found
 * (http.curloptResolve, HostName), so that a name that changes its mind in between does not pass.
 * Resolving has no deadline of its own.
 *
 * Blocking. Any thread; calls for the same cache folder must not overlap (the caller serialises
 * them), except git_list and git_show with each other. */
#ifndef NET_GIT_H
#define NET_GIT_H

#include "net/http_client.h" /* HttpAllow */

typedef struct GitOptions {
    /* "https://host/path", "http://…", "ssh://[user@]host[:port]/path", "[user@]host:path", and
     * with allow_local "/path" and "file:///path". User name and password in an http URL are used
     * as username, token. */
    Str url;
    Str ref; /* branch, tag, "refs/…" or full commit id; empty: the default branch */
    const char *cache_dir;    /* absolute; made when absent */
    const char *ssh_key_file; /* private key; NULL: the agent's or the account's own */
    Str username, token; /* http(s): basic authentication; username may be empty with a token */
    int64_t timeout_us;  /* of each exchange with the repository; 0 = 2 min */
    uint64_t max_bytes;  /* of the copy on disk; 0 = 1 GiB */
    bool allow_local;
    HttpAllow allow; /* NULL: no internal address at all */
    void *allow_user;
} GitOptions;

/* All of them fail with: RC_INVALID (address, ref, paths of options), RC_DENIED (transport not
 * permitted, address guard), RC_NOT_FOUND (no such repository, branch or tag; git not installed),
 * RC_TIMEOUT, RC_LIMIT (max_bytes), RC_UPSTREAM (anything else on the way: credentials,
 * certificate, network). Messages name host and cause, never credentials; err->detail holds git's
 * own words. Strs returned live in the arena. */

/* The commit that ref means there now. One exchange, nothing is transferred: the cheap way to poll.
 */
MUST_CHECK Rc git_remote_head(const GitOptions *options, Arena *arena, Str *ret_commit, Error *err);
/* The branch that is meant when none is named: "main". RC_NOT_FOUND also for an empty repository.
 */
MUST_CHECK Rc git_default_branch(const GitOptions *options, Arena *arena, Str *ret, Error *err);
/* Brings that commit into the cache, unless it is there. */
MUST_CHECK Rc git_fetch(const GitOptions *options, Arena *arena, Str *ret_commit, Error *err);

/* Paths of the regular files of a fetched commit that match glob (glob_match; empty: all), in git's
 * order. Symbolic links and submodules are left out. Fails: RC_NOT_FOUND (commit not in the cache),
 * RC_LIMIT (more than max). */
MUST_CHECK Rc git_list(const char *cache_dir,
                       Str commit,
                       Str glob,
                       size_t max,
                       Arena *arena,
                       Str **ret_paths,
                       size_t *ret_n,
                       Error *err);

typedef struct GitFile {
    Str path;  /* in: from the root, without a leading slash */
    Rc rc;     /* out: RC_OK, RC_NOT_FOUND (absent, not a file), RC_LIMIT (larger than max_bytes) */
    Str bytes; /* out, in the arena */
} GitFile;

enum { GIT_SHOW_MAX = 20000 };         /* files of one git_show_many */
#define GIT_SHOW_TOTAL_MAX (256 * MIB) /* bytes of them together */

/* One program run for many files. Fails as a whole: RC_NOT_FOUND (commit not in the cache),
 * RC_LIMIT (together too many or too large). Paths with a line break are RC_NOT_FOUND. */
MUST_CHECK Rc git_show_many(const char *cache_dir,
                            Str commit,
                            GitFile *files,
                            size_t n,
                            size_t max_bytes,
                            Arena *arena,
                            Error *err);
/* One file; its rc is returned, with a message. */
MUST_CHECK Rc git_show(const char *cache_dir,
                       Str commit,
                       Str path,
                       size_t max_bytes,
                       Arena *arena,
                       Str *ret,
                       Error *err);

#endif
