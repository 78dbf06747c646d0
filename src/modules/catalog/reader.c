/* SPDX-License-Identifier: Apache-2.0
 * Reading the texts behind locations: the web, folders, Git repositories. What may be read is what
 * the operator named: hosts of `integrations`, hosts of `reading.allow`, files of the
 * configuration. */
#include "base/file.h"
#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/reader_host.h"
#include "net/git.h"
#include "net/http_client.h"
#include "platform/settings/settings.h"

#include <string.h>
#include <sys/stat.h>

enum { GLOB_MAX = 100000, REDIRECTS_MAX = 5, GIT_LOCKS = 16 };
#define LIMIT_DOCUMENT (32 * MIB)
#define FIND_TIMEOUT_US (20 * US_PER_SECOND) /* somebody waits */

/* Of the copies of repositories, by their folder: two sources may name the same one. */
static Mutex git_locks[GIT_LOCKS] = {
    MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT,
    MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT, MUTEX_INIT,
};

struct Reader {
    Ctx *cx;
    Arena *arena;
    const Json *allow; /* reading.allow */
    const Json *integrations;
    Str git_key, git_commit,
        git_dir;            /* the repository fetched last, so that its files come from one fetch */
    int64_t git_timeout_us; /* 0: the usual one */
};

Reader *reader_new(Ctx *cx, Arena *arena)
{
    Reader *reader = ARENA_NEW(arena, Reader);
    *reader = (Reader){
        .cx = cx,
        .arena = arena,
        .allow = settings_json(cx->platform->settings, "reading.allow"),
        .integrations = settings_json(cx->platform->settings, "integrations"),
    };
    return reader;
}

static Rc named(Error *err, const char *name, Rc rc)
{
    if (err) {
        error_detail(err, "%s", name);
    }
    return rc;
}

/* "Unable to read url, …" as Backstage says it. */
static Rc unable(Error *err, const char *type, Rc rc)
{
    if (!err) {
        return rc;
    }
    char why[sizeof err->message];
    memcpy(why, err->message, sizeof why);
    IGNORE(error_set(err, rc, "Unable to read %s, %s", type, why)); /* rc */
    return named(err, rc == RC_NOT_FOUND ? "NotFoundError" : "Error", rc);
}

/* ---- which hosts */

static bool host_fits(Str pattern, Str host, uint16_t port, bool is_default_port)
{
    size_t colon = str_rfind_char(pattern, ':');
    if (colon != SIZE_MAX) {
        uint64_t wanted;
        if (!str_to_u64(str_from_index(pattern, colon + 1), &wanted) || wanted != port) {
            return false;
        }
        pattern = str_sub(pattern, 0, colon);
    } else if (!is_default_port) {
        return false;
    }
    if (str_starts(pattern, STR("*."))) {
        return str_ends(host, str_from_index(pattern, 1));
    }
    return str_eq_nocase(pattern, host);
}

static bool path_fits(const Json *paths, Str path)
{
    if (!paths || paths->type != JSON_ARRAY) {
        return true;
    }
    for (size_t i = 0; i < paths->n; i++) {
        Str prefix = json_str(paths->items[i]);
        if (str_ends(prefix, STR("/")) ? str_starts(path, prefix) : str_eq(path, prefix)) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const Reader *reader, const Url *url)
{
    bool is_default_port = url->port == (str_is(url->scheme, "https") ? 443 : 80);
    for (size_t i = 0; reader->allow && reader->allow->type == JSON_ARRAY && i < reader->allow->n;
         i++) {
        const Json *row = reader->allow->items[i];
        if (host_fits(json_str_at(row, "host"), url->host, url->port, is_default_port) &&
            path_fits(json_get(row, STR("paths")), url->path)) {
            return true;
        }
    }
    return false;
}

/* The operator named this host, so an internal address is what he means. */
static bool allow_internal(void *user, Str host, uint16_t port)
{
    const Reader *reader = user;
    for (size_t i = 0; reader->allow && reader->allow->type == JSON_ARRAY && i < reader->allow->n;
         i++) {
        Str pattern = json_str_at(reader->allow->items[i], "host");
        if (host_fits(pattern, host, port, port == 80 || port == 443)) {
            return true;
        }
    }
    ScmHost scm;
    return scm_host(reader->integrations, host, port, &scm) && scm.is_configured;
}

/* ---- the web */

static const char *status_words(int status)
{
    static const struct {
        int status;
        const char *words;
    } known[] = {
        {400, "Bad Request"          },
        {401, "Unauthorized"         },
        {403, "Forbidden"            },
        {429, "Too Many Requests"    },
        {502, "Bad Gateway"          },
        {503, "Service Unavailable"  },
        {500, "Internal Server Error"},
        {504, "Gateway Timeout"      },
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status == status) {
            return known[i].words;
        }
    }
    return "";
}

static Rc explain_status(Str target, const HttpAnswer *answer, Error *err)
{
    if (answer->status == 404 || answer->status == 410) {
        return named(err, "NotFoundError",
                     error_set(err, RC_NOT_FOUND,
                               "Unable to read url, no matching files found for %.*s",
                               STR_ARG(target)));
    }
    return named(err, "Error",
                 error_set(err, RC_UPSTREAM, "Unable to read url, could not read %.*s, %d %s",
                           STR_ARG(target), answer->status, status_words(answer->status)));
}

static Rc read_url(Reader *reader, Str target, Str etag, Arena *arena, ReadText *ret, Error *err)
{
    Url url;
    if (!url_parse(target, &url)) {
        return named(err, "InputError",
                     error_set(err, RC_INVALID, "Unable to read url, %.*s is not an http(s) URL",
                               STR_ARG(target)));
    }
    ScmHost scm;
    bool has_scm = scm_host(reader->integrations, url.host, url.port, &scm);
    if (!has_scm && !is_listed(reader, &url)) {
        return named(err, "Error",
                     error_set(err, RC_DENIED,
                               "Unable to read url, Reading from '%.*s' is not allowed. You may "
                               "need to configure an "
                               "integration for the target host, or add it to the configured list "
                               "of allowed hosts at "
                               "'backend.reading.allow'",
                               STR_ARG(target)));
    }
    HttpPair headers[3];
    HttpCall call = {
        .method = HTTP_GET,
        .url = has_scm ? scm_raw_url(&scm, target, arena) : target,
        .headers = headers,
        .max_body = LIMIT_DOCUMENT,
        .max_redirects = REDIRECTS_MAX,
        .allow = allow_internal,
        .allow_user = reader,
        .kind = "catalog",
    };
    if (etag.len) {
        headers[call.n_headers++] = (HttpPair){STR("If-None-Match"), etag};
    }
    if (has_scm) {
        call.n_headers += scm_headers(&scm, arena, headers + call.n_headers);
    }
    HttpAnswer answer;
    Rc rc = http_client_call(reader->cx->platform->http, &call, arena, &answer, err);
    if (rc != RC_OK) {
        return unable(err, "url", rc);
    }
    if (answer.status == 304 && etag.len) {
        *ret = (ReadText){.etag = etag, .unchanged = true};
        return RC_OK;
    }
    if (answer.status < 200 || answer.status > 299) {
        return explain_status(target, &answer, err);
    }
    *ret = (ReadText){.text = answer.body, .etag = answer.etag};
    return RC_OK;
}

/* ---- files */

/* Size, times and inode: equal means unread is unchanged. */
static Str file_mark(Arena *arena, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return STR_EMPTY;
    }
    return str_fmt(arena, "%lld-%lld.%09ld-%lld", (long long)st.st_size,
                   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ino);
}

static Rc read_path(Str target, Str etag, Arena *arena, ReadText *ret, Error *err)
{
    const char *path = str_cstr(arena, target);
    Str mark = file_mark(arena, path);
    if (mark.len && str_eq(mark, etag)) {
        *ret = (ReadText){.etag = etag, .unchanged = true};
        return RC_OK;
    }
    Rc rc = file_read(arena, path, LIMIT_DOCUMENT, &ret->text, err);
    if (rc == RC_NOT_FOUND) {
        return named(err, "NotFoundError",
                     error_set(err, RC_NOT_FOUND, "file %s does not exist", path));
    }
    if (rc != RC_OK) {
        return named(err, "Error", rc);
    }
    ret->etag = mark;
    ret->unchanged = false;
    return RC_OK;
}

/* ---- Git: "URL#ref:path" */

typedef struct GitTarget {
    Str url, ref, path;
} GitTarget;

static GitTarget split_git(Str target)
{
    size_t hash = str_find_char(target, '#');
    GitTarget t = {.url = str_sub(target, 0, hash), .path = STR("catalog-info.yaml")};
    if (hash == SIZE_MAX) {
        return t;
    }
    Str rest = str_from_index(target, hash + 1);
    size_t colon = str_find_char(rest, ':');
    t.ref = str_sub(rest, 0, colon);
    if (colon != SIZE_MAX && colon + 1 < rest.len) {
        t.path = str_from_index(rest, colon + 1);
    }
    return t;
}

static bool is_local_repository(Str url)
{
    return str_starts(url, STR("/")) || str_starts(url, STR("file:"));
}

/* The folder of the copy is made, and where the repository is reached is filled in. */
static Rc
repository_options(Reader *reader, const GitTarget *t, Arena *arena, GitOptions *ret, Error *err)
{
    ScmHost scm = {0};
    Url url;
    bool has_scm =
        url_parse(t->url, &url) && scm_host(reader->integrations, url.host, url.port, &scm);
    Str parts[] = {t->url, t->ref};
    Str key = str_join(arena, parts, 2, STR("#"));
    Str dir = str_fmt(arena, "%s/git/%.*s", reader->cx->platform->data_dir,
                      STR_ARG(sha1_hex(arena, key)));
    TRY(file_make_dirs(str_cstr(arena, dir), 0700, err));
    *ret = (GitOptions){
        .url = t->url,
        .ref = t->ref,
        .cache_dir = str_cstr(arena, dir),
        .username = has_scm && scm.token.len ? scm_git_user(&scm) : STR_EMPTY,
        .token = has_scm ? scm.token : STR_EMPTY,
        .timeout_us = reader->git_timeout_us,
        .allow_local = is_local_repository(t->url),
        .allow = allow_internal,
        .allow_user = reader,
    };
    return RC_OK;
}

static Rc open_repository(Reader *reader, const GitTarget *t, Arena *arena, Error *err)
{
    Str parts[] = {t->url, t->ref};
    Str key = str_join(arena, parts, 2, STR("#"));
    if (str_eq(reader->git_key, key)) {
        return RC_OK;
    }
    GitOptions options;
    Str commit;
    TRY(repository_options(reader, t, arena, &options, err));
    Mutex *lock = &git_locks[str_hash(key) % GIT_LOCKS];
    mutex_lock(lock);
    Rc rc = git_fetch(&options, arena, &commit, err);
    mutex_unlock(lock);
    if (rc != RC_OK) {
        return unable(err, "git", rc);
    }
    reader->git_key = str_dup(reader->arena, key);
    reader->git_commit = str_dup(reader->arena, commit);
    reader->git_dir = str_dup(reader->arena, str_from(options.cache_dir));
    return RC_OK;
}

static Rc read_git(Reader *reader, Str target, Str etag, Arena *arena, ReadText *ret, Error *err)
{
    GitTarget t = split_git(target);
    TRY(open_repository(reader, &t, arena, err));
    if (str_eq(reader->git_commit, etag)) {
        *ret = (ReadText){.etag = etag, .unchanged = true};
        return RC_OK;
    }
    Rc rc = git_show(str_cstr(arena, reader->git_dir), reader->git_commit, t.path, LIMIT_DOCUMENT,
                     arena, &ret->text, err);
    if (rc != RC_OK) {
        return named(err, rc == RC_NOT_FOUND ? "NotFoundError" : "Error", rc);
    }
    ret->etag = reader->git_commit;
    ret->unchanged = false;
    return RC_OK;
}

static bool has_wildcard(Str s)
{
    return str_find_char(s, '*') != SIZE_MAX || str_find_char(s, '{') != SIZE_MAX;
}

static Rc expand_git(Reader *reader, Str target, Arena *arena, Str **ret, size_t *ret_n, Error *err)
{
    GitTarget t = split_git(target);
    TRY(open_repository(reader, &t, arena, err));
    Str *paths;
    TRY(git_list(str_cstr(arena, reader->git_dir), reader->git_commit, t.path, GLOB_MAX, arena,
                 &paths, ret_n, err));
    *ret = ARENA_ARRAY(arena, Str, *ret_n);
    for (size_t i = 0; i < *ret_n; i++) {
        (*ret)[i] =
            str_fmt(arena, "git:%.*s#%.*s:%.*s", STR_ARG(t.url), STR_ARG(t.ref), STR_ARG(paths[i]));
    }
    return RC_OK;
}

static Rc expand_files(Str target, Arena *arena, Str **ret, size_t *ret_n, Error *err)
{
    Str *paths;
    TRY(file_glob(arena, target, GLOB_MAX, &paths, ret_n, err));
    *ret = ARENA_ARRAY(arena, Str, *ret_n);
    for (size_t i = 0; i < *ret_n; i++) {
        (*ret)[i] = str_fmt(arena, "file:%.*s", STR_ARG(paths[i]));
    }
    return RC_OK;
}

/* ---- what may name what */

bool location_is_local(Str location)
{
    return str_starts(location, STR("file:")) ||
           (str_starts(location, STR("git:")) &&
            is_local_repository(str_from_index(location, STR("git:").len)));
}

Rc reader_resolve(const Reader *reader, Str base, Str target, Arena *arena, Str *ret, Error *err)
{
    Url url;
    ScmHost scm;
    Str page = str_from_index(base, str_find_char(base, ':') + 1);
    if (str_starts(base, STR("url:")) && target.len && url_parse(page, &url) &&
        scm_host(reader->integrations, url.host, url.port, &scm)) {
        *ret = str_fmt(arena, "url:%.*s", STR_ARG(scm_resolve(&scm, page, target, arena)));
        return RC_OK;
    }
    return location_resolve(arena, base, target, ret, err);
}

Rc reader_target(const Reader *reader,
                 const Json *entity,
                 Str location,
                 Str target,
                 Arena *arena,
                 Str *ret,
                 Error *err)
{
    Str type = json_str(json_path(entity, "spec", "type", NULL)), base = location;
    if (type.len && !str_starts(location, str_fmt(arena, "%.*s:", STR_ARG(type)))) {
        base = str_fmt(arena, "%.*s:%.*s", STR_ARG(type),
                       STR_ARG(str_from_index(location, str_find_char(location, ':') + 1)));
    }
    TRY(reader_resolve(reader, base, target, arena, ret, err));
    if (location_is_local(*ret) && !location_is_local(location)) {
        return named(err, "NotAllowedError",
                     error_set(err, RC_DENIED,
                               "%.*s lies on the machine of the catalog: only its configuration, "
                               "and files that lie there, may name it",
                               STR_ARG(*ret)));
    }
    return RC_OK;
}

Rc reader_expand(Reader *reader, Str location, Arena *arena, Str **ret, size_t *ret_n, Error *err)
{
    size_t colon = str_find_char(location, ':');
    Str type = str_sub(location, 0, colon), target = str_from_index(location, colon + 1);
    bool wild = has_wildcard(target);
    if (wild && str_is(type, "file")) {
        return expand_files(target, arena, ret, ret_n, err);
    }
    if (str_is(type, "git") && has_wildcard(split_git(target).path)) {
        return expand_git(reader, target, arena, ret, ret_n, err);
    }
    if (wild && str_is(type, "url")) {
        Str as_git = scm_git_target(reader->integrations, target, arena);
        if (as_git.len) {
            return expand_git(reader, as_git, arena, ret, ret_n, err);
        }
    }
    *ret = arena_dup(arena, &location, sizeof location);
    *ret_n = 1;
    return RC_OK;
}

Rc reader_read(Reader *reader, Str location, Str etag, Arena *arena, ReadText *ret, Error *err)
{
    size_t colon = str_find_char(location, ':');
    Str type = str_sub(location, 0, colon), target = str_from_index(location, colon + 1);
    *ret = (ReadText){0};
    if (str_is(type, "url")) {
        return read_url(reader, target, etag, arena, ret, err);
    }
    if (str_is(type, "file")) {
        return read_path(target, etag, arena, ret, err);
    }
    if (str_is(type, "git")) {
        return read_git(reader, target, etag, arena, ret, err);
    }
    return named(err, "InputError",
                 error_set(err, RC_INVALID, "No processor was able to handle reading of %.*s",
                           STR_ARG(location)));
}

/* ---- finding */

/* The repository's files that fit, as "git:" locations or as pages of their host. */
static Rc find_in_repository(Reader *reader,
                             const GitTarget *t,
                             const ScmHost *scm,
                             const ScmPage *page,
                             size_t max,
                             Arena *arena,
                             Str **ret,
                             size_t *ret_n,
                             Error *err)
{
    Str *paths;
    size_t n;
    TRY(open_repository(reader, t, arena, err));
    TRY(git_list(str_cstr(arena, reader->git_dir), reader->git_commit, t->path, GLOB_MAX, arena,
                 &paths, &n, err));
    n = MIN(n, max);
    *ret = ARENA_ARRAY(arena, Str, n + 1);
    for (size_t i = 0; i < n; i++) {
        (*ret)[i] = scm ? str_fmt(arena, "url:%.*s",
                                  STR_ARG(scm_file_url(scm, page, t->ref, paths[i], arena)))
                        : str_fmt(arena, "git:%.*s#%.*s:%.*s", STR_ARG(t->url), STR_ARG(t->ref),
                                  STR_ARG(paths[i]));
    }
    *ret_n = n;
    return RC_OK;
}

static Rc find_on_host(Reader *reader,
                       Str target,
                       Str pattern,
                       size_t max,
                       Arena *arena,
                       Str **ret,
                       size_t *ret_n,
                       Error *err)
{
    Url url;
    ScmHost scm;
    ScmPage page;
    if (!url_parse(target, &url) || !scm_host(reader->integrations, url.host, url.port, &scm) ||
        !scm_page(&scm, target, arena, &page)) {
        return RC_OK;
    }
    GitTarget t = {.url = scm_clone_url(&scm, &page, arena), .ref = page.ref, .path = pattern};
    if (t.ref.len == 0) {
        GitOptions options;
        TRY(repository_options(reader, &t, arena, &options, err));
        TRY(git_default_branch(&options, arena, &t.ref, err));
    }
    return find_in_repository(reader, &t, &scm, &page, max, arena, ret, ret_n, err);
}

Rc reader_find(Reader *reader,
               Str location,
               Str name,
               size_t max,
               Arena *arena,
               Str **ret,
               size_t *ret_n,
               Error *err)
{
    Str target = str_from_index(location, str_find_char(location, ':') + 1);
    Str pattern = str_fmt(arena, "**/%.*s", STR_ARG(name));
    reader->git_timeout_us = FIND_TIMEOUT_US;
    *ret = NULL;
    *ret_n = 0;
    if (str_starts(location, STR("url:"))) {
        return find_on_host(reader, target, pattern, max, arena, ret, ret_n, err);
    }
    if (str_starts(location, STR("git:"))) {
        GitTarget t = split_git(target);
        t.path = pattern;
        return find_in_repository(reader, &t, NULL, NULL, max, arena, ret, ret_n, err);
    }
    if (str_starts(location, STR("file:"))) {
        TRY(expand_files(path_join(arena, target, pattern), arena, ret, ret_n, err));
        *ret_n = MIN(*ret_n, max);
    }
    return RC_OK;
}

SourceLinks reader_links(const Reader *reader, Str location, Arena *arena)
{
    SourceLinks links = {0};
    if (!str_starts(location, STR("url:"))) {
        return links;
    }
    Str target = str_from_index(location, 4);
    Url url;
    ScmHost scm;
    links.view = target;
    if (url_parse(target, &url) && scm_host(reader->integrations, url.host, url.port, &scm)) {
        links.edit = scm_edit_url(&scm, target, arena);
        links.source = scm_folder_url(&scm, target, arena);
    }
    return links;
}
