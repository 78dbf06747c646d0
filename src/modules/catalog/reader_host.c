/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/catalog/reader_host.h"

/* A file's page taken apart: <root>/<marker>/<ref>/<path>. */
typedef struct Page {
    Url url;
    Str project; /* "org/repo" */
    Str ref, path;
} Page;

static const struct {
    ScmKind kind;
    const char *key, *host;
} known_hosts[] = {
    {SCM_GITHUB,    "github",         "github.com"   },
    {SCM_GITLAB,    "gitlab",         "gitlab.com"   },
    {SCM_BITBUCKET, "bitbucketCloud", "bitbucket.org"},
    {SCM_AZURE,     "azure",          "dev.azure.com"},
    {SCM_GITEA,     "gitea",          NULL           },
};

static Str host_text(Str host, uint16_t port, char *out, size_t size)
{
    int n = port == 443 || port == 80 ? snprintf(out, size, "%.*s", STR_ARG(host))
                                      : snprintf(out, size, "%.*s:%u", STR_ARG(host), port);
    return str_of(out, n > 0 && (size_t)n < size ? (size_t)n : 0);
}

static bool find_configured(const Json *rows, Str host, ScmHost *ret)
{
    for (size_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->n; i++) {
        const Json *row = rows->items[i];
        Str named = json_str_at(row, "host");
        if (!str_eq_nocase(named, host)) {
            continue;
        }
        ret->host = named;
        ret->api_base = json_str_at(row, "apiBaseUrl");
        ret->token = json_str_at(row, "token");
        ret->username = json_str_at(row, "username");
        if (ret->token.len == 0) {
            ret->token = json_str_at(row, ret->kind == SCM_BITBUCKET ? "appPassword" : "password");
        }
        ret->is_configured = true;
        return true;
    }
    return false;
}

bool scm_host(const Json *integrations, Str host, uint16_t port, ScmHost *ret)
{
    char text[300];
    Str name = host_text(host, port, text, sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(known_hosts); i++) {
        *ret = (ScmHost){.kind = known_hosts[i].kind};
        if (find_configured(json_get_c(integrations, known_hosts[i].key), name, ret)) {
            return true;
        }
        if (known_hosts[i].host && str_eq_nocase(name, str_from(known_hosts[i].host))) {
            ret->host = str_from(known_hosts[i].host);
            return true;
        }
    }
    return false;
}

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

/* "blob/main/x.yaml": the marker, then the ref. */
static bool cut_ref(Str *rest, const char *const *markers, size_t n, Page *ret)
{
    Str marker;
    if (!cut(rest, 1, &marker)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (str_is(marker, markers[i])) {
            return cut(rest, 1, &ret->ref);
        }
    }
    return false;
}

static bool split_gitlab(Str rest, Page *ret)
{
    static const char *const markers[] = {"blob", "tree", "raw"};
    size_t dash = str_find(rest, STR("/-/"));
    if (dash == SIZE_MAX) {
        return false;
    }
    ret->project = str_sub(rest, 0, dash);
    rest = str_from_index(rest, dash + 3);
    bool ok = cut_ref(&rest, markers, ARRAY_LEN(markers), ret);
    ret->path = rest;
    return ok;
}

static bool split_page(const ScmHost *scm, Str page, Page *ret)
{
    static const char *const github[] = {"blob", "tree", "raw", "edit"};
    static const char *const bitbucket[] = {"src", "raw"};
    static const char *const gitea[] = {"branch", "tag", "commit"};
    if (!url_parse(page, &ret->url) || ret->url.path.len < 2) {
        return false;
    }
    Str rest = str_from_index(ret->url.path, 1), src;
    if (scm->kind == SCM_GITLAB) {
        return split_gitlab(rest, ret);
    }
    if (scm->kind == SCM_AZURE || !cut(&rest, 2, &ret->project)) {
        return false;
    }
    bool ok = scm->kind == SCM_GITHUB      ? cut_ref(&rest, github, ARRAY_LEN(github), ret)
              : scm->kind == SCM_BITBUCKET ? cut_ref(&rest, bitbucket, ARRAY_LEN(bitbucket), ret)
                                           : cut(&rest, 1, &src) && str_is(src, "src") &&
                                                 cut_ref(&rest, gitea, ARRAY_LEN(gitea), ret);
    ret->path = rest;
    return ok;
}

static Str encode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, s.len * 3 + 1);
    buf_url(&out, s);
    return buf_str(&out);
}

Str scm_raw_url(const ScmHost *scm, Str page, Arena *arena)
{
    Page p = {0};
    if (!split_page(scm, page, &p)) {
        return page;
    }
    Str base = scm->api_base;
    while (base.len && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    switch (scm->kind) {
    case SCM_GITHUB:
        if (scm->token.len == 0 && base.len == 0 && str_is(scm->host, "github.com")) {
            return str_fmt(arena, "https://raw.githubusercontent.com/%.*s/%.*s/%.*s",
                           STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
        }
        if (base.len == 0) {
            base = str_is(scm->host, "github.com")
                       ? STR("https://api.github.com")
                       : str_fmt(arena, "https://%.*s/api/v3", STR_ARG(scm->host));
        }
        return str_fmt(arena, "%.*s/repos/%.*s/contents/%.*s?ref=%.*s", STR_ARG(base),
                       STR_ARG(p.project), STR_ARG(p.path), STR_ARG(p.ref));
    case SCM_GITLAB:
        if (base.len == 0) {
            base = str_fmt(arena, "%.*s://%.*s/api/v4", STR_ARG(p.url.scheme), STR_ARG(scm->host));
        }
        return str_fmt(arena, "%.*s/projects/%.*s/repository/files/%.*s/raw?ref=%.*s",
                       STR_ARG(base), STR_ARG(encode(arena, p.project)),
                       STR_ARG(encode(arena, p.path)), STR_ARG(p.ref));
    case SCM_BITBUCKET:
        base = base.len ? base : STR("https://api.bitbucket.org/2.0");
        return str_fmt(arena, "%.*s/repositories/%.*s/src/%.*s/%.*s", STR_ARG(base),
                       STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
    case SCM_GITEA:
        return str_fmt(arena, "%.*s://%.*s/api/v1/repos/%.*s/raw/%.*s?ref=%.*s",
                       STR_ARG(p.url.scheme), STR_ARG(scm->host), STR_ARG(p.project),
                       STR_ARG(p.path), STR_ARG(p.ref));
    case SCM_AZURE:
        break;
    }
    return page;
}

size_t scm_headers(const ScmHost *scm, Arena *arena, HttpPair *out)
{
    size_t n = 0;
    if (scm->kind == SCM_GITHUB) {
        out[n++] = (HttpPair){STR("Accept"), STR("application/vnd.github.raw")};
    }
    if (scm->token.len == 0) {
        return n;
    }
    Buf basic = buf_init(arena, 8 * KIB);
    switch (scm->kind) {
    case SCM_GITLAB:
        out[n++] = (HttpPair){STR("PRIVATE-TOKEN"), scm->token};
        break;
    case SCM_BITBUCKET:
        if (scm->username.len) {
            buf_lit(&basic, "Basic ");
            buf_base64(&basic,
                       str_fmt(arena, "%.*s:%.*s", STR_ARG(scm->username), STR_ARG(scm->token)));
            out[n++] = (HttpPair){STR("Authorization"), buf_str(&basic)};
            break;
        }
        out[n++] =
            (HttpPair){STR("Authorization"), str_fmt(arena, "Bearer %.*s", STR_ARG(scm->token))};
        break;
    case SCM_GITEA:
        out[n++] =
            (HttpPair){STR("Authorization"), str_fmt(arena, "token %.*s", STR_ARG(scm->token))};
        break;
    case SCM_GITHUB:
    case SCM_AZURE:
        out[n++] =
            (HttpPair){STR("Authorization"), str_fmt(arena, "Bearer %.*s", STR_ARG(scm->token))};
        break;
    }
    return n;
}

Str scm_git_user(const ScmHost *scm)
{
    switch (scm->kind) {
    case SCM_GITLAB:
        return STR("oauth2");
    case SCM_BITBUCKET:
        return scm->username.len ? scm->username : STR("x-token-auth");
    case SCM_GITHUB:
    case SCM_GITEA:
    case SCM_AZURE:
        break;
    }
    return STR("x-access-token");
}

Str scm_git_target(const Json *integrations, Str page, Arena *arena)
{
    Url url;
    ScmHost scm;
    Page p = {0};
    if (!url_parse(page, &url) || !scm_host(integrations, url.host, url.port, &scm) ||
        !split_page(&scm, page, &p)) {
        return STR_EMPTY;
    }
    return str_fmt(arena, "%.*s://%.*s/%.*s.git#%.*s:%.*s", STR_ARG(url.scheme), STR_ARG(scm.host),
                   STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
}

Str scm_edit_url(const ScmHost *scm, Str page, Arena *arena)
{
    Page p = {0};
    if (!split_page(scm, page, &p)) {
        return STR_EMPTY;
    }
    switch (scm->kind) {
    case SCM_GITHUB:
        return str_fmt(arena, "%.*s://%.*s/%.*s/edit/%.*s/%.*s", STR_ARG(p.url.scheme),
                       STR_ARG(scm->host), STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
    case SCM_GITLAB:
        return str_fmt(arena, "%.*s://%.*s/%.*s/-/edit/%.*s/%.*s", STR_ARG(p.url.scheme),
                       STR_ARG(scm->host), STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
    case SCM_GITEA:
        return str_fmt(arena, "%.*s://%.*s/%.*s/_edit/%.*s/%.*s", STR_ARG(p.url.scheme),
                       STR_ARG(scm->host), STR_ARG(p.project), STR_ARG(p.ref), STR_ARG(p.path));
    case SCM_BITBUCKET:
        return str_fmt(arena, "%.*s?mode=edit&spa=0&at=%.*s", STR_ARG(page), STR_ARG(p.ref));
    case SCM_AZURE:
        break;
    }
    return STR_EMPTY;
}

Str scm_folder_url(const ScmHost *scm, Str page, Arena *arena)
{
    Page p = {0};
    if (!split_page(scm, page, &p)) {
        return STR_EMPTY;
    }
    size_t slash = str_rfind_char(p.path, '/');
    Str folder = slash == SIZE_MAX ? STR_EMPTY : str_sub(p.path, 0, slash + 1);
    const char *marker = scm->kind == SCM_GITLAB      ? "-/tree"
                         : scm->kind == SCM_BITBUCKET ? "src"
                         : scm->kind == SCM_GITEA     ? "src/branch"
                                                      : "tree";
    return str_fmt(arena, "%.*s://%.*s/%.*s/%s/%.*s/%.*s", STR_ARG(p.url.scheme),
                   STR_ARG(scm->host), STR_ARG(p.project), marker, STR_ARG(p.ref), STR_ARG(folder));
}
