/* SPDX-License-Identifier: Apache-2.0
 * URLs of pages of code hosts: which repository, ref and file they mean, and the pages beside them.
 * What becomes of a page is what Backstage's integrations make of it, since people's annotations
 * and links show it. */
#include "modules/catalog/reader_host.h"

enum { COMMIT_LEN = 40 };

/* ---- taking apart */

/* Cuts the first n parts off a path: "a/b/c" with 2 gives "a/b" and "c". */
static bool cut(Str *rest, size_t n, Str *ret_head)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t slash = str_find_char(str_from_index(*rest, at), '/');
        if (slash == SIZE_MAX) {
            return false;
        }
        at += slash + 1;
    }
    *ret_head = str_sub(*rest, 0, at - 1);
    *rest = str_from_index(*rest, at);
    return true;
}

/* "blob/main/x.yaml": the marker, then ref and path. False leaves both empty: the repository. */
static bool cut_ref(Str rest, const char *const *markers, size_t n, ScmPage *ret)
{
    Str marker;
    if (!cut(&rest, 1, &marker)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (str_is(marker, markers[i])) {
            if (!cut(&rest, 1, &ret->ref)) {
                ret->ref = rest; /* ".../tree/main" */
                return true;
            }
            ret->path = rest;
            return true;
        }
    }
    return false;
}

static Str without_git(Str name)
{
    return str_ends(name, STR(".git")) ? str_sub(name, 0, name.len - 4) : name;
}

/* The first `n` parts of the path are the repository; what follows is *ret_rest. */
static bool split_project(Str path, size_t n, ScmPage *ret, Str *ret_rest)
{
    Str project, rest = path;
    if (!cut(&rest, n, &project)) {
        project = path;
        rest = STR_EMPTY;
    }
    size_t slash = str_rfind_char(project, '/');
    if (slash == SIZE_MAX || slash == 0 || slash + 1 == project.len) {
        return false;
    }
    ret->owner = str_sub(project, 0, slash);
    ret->name = without_git(str_from_index(project, slash + 1));
    *ret_rest = rest;
    return true;
}

static bool split_gitlab(Str path, ScmPage *ret)
{
    static const char *const markers[] = {"blob", "tree", "raw", "edit"};
    size_t dash = str_find(path, STR("/-/"));
    Str project = str_sub(path, 0, MIN(dash, path.len)), rest;
    size_t parts = 1;
    for (size_t i = 0; i < project.len; i++) {
        parts += project.ptr[i] == '/' ? 1 : 0;
    }
    if (!split_project(project, parts, ret, &rest)) {
        return false;
    }
    if (dash != SIZE_MAX) {
        IGNORE(cut_ref(str_from_index(path, dash + 3), markers, ARRAY_LEN(markers), ret));
    }
    return true;
}

/* A member of a query, decoded; "" when absent. */
static Str query_member(Str query, const char *name, Arena *arena)
{
    Str part;
    while (str_split(&query, '&', &part)) {
        size_t equals = str_find_char(part, '=');
        if (equals != SIZE_MAX && str_is(str_sub(part, 0, equals), name)) {
            Buf out = buf_init(arena, part.len + 1);
            return buf_unurl(&out, str_from_index(part, equals + 1), true) ? buf_str(&out)
                                                                           : STR_EMPTY;
        }
    }
    return STR_EMPTY;
}

/* https://dev.azure.com/organisation/project/_git/repository?path=/x.yaml&version=GBmain */
static bool split_azure(const Url *url, Str path, Arena *arena, ScmPage *ret)
{
    size_t git = str_find(path, STR("/_git/"));
    if (git == SIZE_MAX) {
        return false;
    }
    Str name = str_from_index(path, git + STR("/_git/").len);
    size_t slash = str_find_char(name, '/'), before = str_rfind_char(str_sub(path, 0, git), '/');
    ret->name = str_sub(name, 0, MIN(slash, name.len));
    ret->owner = str_sub(path, before == SIZE_MAX ? 0 : before + 1, git);
    ret->path = query_member(url->query, "path", arena);
    if (str_starts(ret->path, STR("/"))) {
        ret->path = str_from_index(ret->path, 1);
    }
    ret->ref = query_member(url->query, "version", arena);
    if (str_starts(ret->ref,
                   STR("GB"))) { /* a branch; tags and commits have letters of their own */
        ret->ref = str_from_index(ret->ref, 2);
    }
    return ret->name.len > 0;
}

static bool split_path(const ScmHost *scm, const Url *url, Str path, Arena *arena, ScmPage *ret)
{
    static const char *const github[] = {"blob", "tree", "raw", "edit"};
    static const char *const bitbucket[] = {"src", "raw"};
    static const char *const gitea[] = {"branch", "tag", "commit"};
    Str rest, src;
    switch (scm->kind) {
    case SCM_GITLAB:
        return split_gitlab(path, ret);
    case SCM_AZURE:
        return split_azure(url, path, arena, ret);
    case SCM_GITHUB:
    case SCM_BITBUCKET:
    case SCM_GITEA:
        break;
    }
    if (!split_project(path, 2, ret, &rest)) {
        return false;
    }
    if (scm->kind == SCM_GITHUB) {
        IGNORE(cut_ref(rest, github, ARRAY_LEN(github), ret)); /* no file: the repository */
    } else if (scm->kind == SCM_BITBUCKET) {
        IGNORE(cut_ref(rest, bitbucket, ARRAY_LEN(bitbucket), ret));
    } else if (cut(&rest, 1, &src) && str_is(src, "src")) {
        IGNORE(cut_ref(rest, gitea, ARRAY_LEN(gitea), ret));
    }
    return true;
}

bool scm_page(const ScmHost *scm, Str page, Arena *arena, ScmPage *ret)
{
    Url url;
    ScmPage p = {0};
    if (!url_parse(page, &url) || url.path.len < 2) {
        return false;
    }
    Str path = str_from_index(url.path, 1);
    while (path.len && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    if (!split_path(scm, &url, path, arena, &p)) {
        return false;
    }
    Str organisation = str_sub(path, 0, MIN(str_find(path, STR("/_git/")), path.len));
    p.root = scm->kind == SCM_AZURE
                 ? str_fmt(arena, "%.*s://%.*s/%.*s/_git/%.*s", STR_ARG(url.scheme),
                           STR_ARG(scm->host), STR_ARG(organisation), STR_ARG(p.name))
                 : str_fmt(arena, "%.*s://%.*s/%.*s/%.*s", STR_ARG(url.scheme), STR_ARG(scm->host),
                           STR_ARG(p.owner), STR_ARG(p.name));
    *ret = p;
    return true;
}

/* ---- pages of a repository */

Str scm_clone_url(const ScmHost *scm, const ScmPage *page, Arena *arena)
{
    return scm->kind == SCM_AZURE ? page->root : str_fmt(arena, "%.*s.git", STR_ARG(page->root));
}

Str scm_file_url(const ScmHost *scm, const ScmPage *page, Str ref, Str path, Arena *arena)
{
    static const char *const markers[] = {
        [SCM_GITHUB] = "blob",      [SCM_GITLAB] = "-/blob", [SCM_BITBUCKET] = "src",
        [SCM_GITEA] = "src/branch", [SCM_AZURE] = "",
    };
    if (scm->kind == SCM_AZURE) {
        Buf query = buf_init(arena, path.len * 3 + ref.len * 3 + KIB);
        buf_lit(&query, "path=%2F");
        buf_url(&query, path);
        buf_lit(&query, "&version=GB");
        buf_url(&query, ref);
        return str_fmt(arena, "%.*s?%.*s", STR_ARG(page->root), STR_ARG(buf_str(&query)));
    }
    return str_fmt(arena, "%.*s/%s/%.*s/%.*s", STR_ARG(page->root), markers[scm->kind],
                   STR_ARG(ref), STR_ARG(path));
}

Str scm_git_target(const Json *integrations, Str page, Arena *arena)
{
    Url url;
    ScmHost scm;
    ScmPage p;
    if (!url_parse(page, &url) || !scm_host(integrations, url.host, url.port, &scm) ||
        !scm_page(&scm, page, arena, &p) || p.path.len == 0) {
        return STR_EMPTY;
    }
    return str_fmt(arena, "%.*s#%.*s:%.*s", STR_ARG(scm_clone_url(&scm, &p, arena)), STR_ARG(p.ref),
                   STR_ARG(p.path));
}

/* ---- pages beside a page */

/* //host/owner/repo/blob/ → //host/owner/repo/tree/: other pages stay as they are. */
static Str github_type(Str page, const char *type, Arena *arena)
{
    static const char *const types[] = {"blob", "tree", "edit"};
    size_t slashes = str_find(page, STR("//"));
    Str rest = str_from_index(page, slashes == SIZE_MAX ? page.len : slashes + 2), head, was;
    if (!cut(&rest, 3, &head) || !cut(&rest, 1, &was)) {
        return page;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_is(was, types[i])) {
            return str_fmt(arena, "%.*s%.*s/%s/%.*s", STR_ARG(str_sub(page, 0, slashes + 2)),
                           STR_ARG(head), type, STR_ARG(rest));
        }
    }
    return page;
}

static Str gitlab_edit(Str page, Arena *arena)
{
    static const char *const types[] = {"/-/blob/", "/-/tree/"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t at = str_find(page, str_from(types[i]));
        if (at != SIZE_MAX) {
            return str_fmt(arena, "%.*s/-/edit/%.*s", STR_ARG(str_sub(page, 0, at)),
                           STR_ARG(str_from_index(page, at + 8)));
        }
    }
    return page;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
    return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Does the URL hold a commit's id as a word? */
static bool names_commit(Str url)
{
    size_t hex = 0;
    bool is_whole = true; /* the present word is of hexadecimal digits so far */
    for (size_t i = 0; i <= url.len; i++) {
        char c = i < url.len ? url.ptr[i] : ' ';
        if (!is_word(c)) {
            if (is_whole && hex >= COMMIT_LEN) {
                return true;
            }
            hex = 0;
            is_whole = true;
        } else {
            is_whole = is_whole && is_hex(c);
            hex++;
        }
    }
    return false;
}

Str scm_edit_url(const ScmHost *scm, Str page, Arena *arena)
{
    ScmPage p;
    if (names_commit(page)) {
        return STR_EMPTY;
    }
    bool is_file = scm_page(scm, page, arena, &p) && p.path.len;
    switch (scm->kind) {
    case SCM_GITHUB:
        return github_type(page, "edit", arena);
    case SCM_GITLAB:
        return gitlab_edit(page, arena);
    case SCM_GITEA:
        return is_file ? str_fmt(arena, "%.*s/_edit/%.*s/%.*s", STR_ARG(p.root), STR_ARG(p.ref),
                                 STR_ARG(p.path))
                       : STR_EMPTY;
    case SCM_BITBUCKET:
        return is_file ? str_fmt(arena, "%.*s%cmode=edit&at=%.*s", STR_ARG(page),
                                 str_find_char(page, '?') == SIZE_MAX ? '?' : '&', STR_ARG(p.ref))
                       : page;
    case SCM_AZURE:
        break;
    }
    return page;
}

/* Azure: the reference is taken against the member `path` of the query. */
static Str azure_resolve(Str base, Str reference, Arena *arena)
{
    size_t mark = str_find_char(base, '?');
    Str query = mark == SIZE_MAX ? STR_EMPTY : str_from_index(base, mark + 1), part;
    Str path = query_member(query, "path", arena);
    Str from =
        str_fmt(arena, "https://a%s%.*s", str_starts(path, STR("/")) ? "" : "/", STR_ARG(path));
    Str resolved = str_from_index(url_resolve(arena, from, reference), STR("https://a").len);
    Buf out = buf_init(arena, base.len + 3 * resolved.len + KIB);
    buf_put(&out, str_sub(base, 0, MIN(mark, base.len)));
    char separator = '?';
    bool is_put = false;
    while (str_split(&query, '&', &part)) {
        bool is_path = str_starts(part, STR("path="));
        buf_char(&out, separator);
        separator = '&';
        buf_put(&out, is_path ? STR("path=") : part);
        if (is_path) {
            buf_url(&out, resolved);
            is_put = true;
        }
    }
    if (!is_put) {
        buf_char(&out, separator);
        buf_lit(&out, "path=");
        buf_url(&out, resolved);
    }
    return buf_str(&out);
}

Str scm_resolve(const ScmHost *scm, Str base, Str reference, Arena *arena)
{
    ScmPage p;
    if (str_find(reference, STR("://")) != SIZE_MAX) {
        return reference;
    }
    if (scm->kind == SCM_AZURE && scm_page(scm, base, arena, &p)) {
        return azure_resolve(base, reference, arena);
    }
    size_t mark = str_find_char(base, '?');
    Str page = str_sub(base, 0, MIN(mark, base.len)), query = str_from_index(base, page.len);
    if (str_starts(reference, STR("/")) && scm_page(scm, page, arena, &p) &&
        str_ends(page, p.path)) {
        page = str_sub(page, 0, page.len - p.path.len);
        reference = str_from_index(reference, 1);
    }
    Str resolved = url_resolve(arena, page, reference);
    if (query.len && str_find_char(resolved, '?') == SIZE_MAX) {
        resolved = str_fmt(arena, "%.*s%.*s", STR_ARG(resolved), STR_ARG(query));
    }
    return scm->kind == SCM_GITHUB ? github_type(resolved, "tree", arena) : resolved;
}

Str scm_folder_url(const ScmHost *scm, Str page, Arena *arena)
{
    return scm_resolve(scm, page, STR("./"), arena);
}
