/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/catalog/reader_host.h"

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

static Str encode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, s.len * 3 + 1);
    buf_url(&out, s);
    return buf_str(&out);
}

/* Azure has the file in the query, and the organisation before the project. */
static Str azure_items_url(const ScmPage *p, Arena *arena)
{
    size_t git = str_find(p->root, STR("/_git/"));
    Str version = p->ref.len ? str_fmt(arena, "&versionDescriptor.version=%.*s",
                                       STR_ARG(encode(arena, p->ref)))
                             : STR_EMPTY;
    return str_fmt(arena,
                   "%.*s/_apis/git/repositories/%.*s/items?api-version=6.0&path=%%2F%.*s%.*s",
                   STR_ARG(str_sub(p->root, 0, git)), STR_ARG(p->name),
                   STR_ARG(encode(arena, p->path)), STR_ARG(version));
}

static Str github_raw_url(const ScmHost *scm, const ScmPage *p, Str base, Arena *arena)
{
    bool is_public = str_is(scm->host, "github.com");
    if (scm->token.len == 0 && base.len == 0 && is_public) {
        return str_fmt(arena, "https://raw.githubusercontent.com/%.*s/%.*s/%.*s/%.*s",
                       STR_ARG(p->owner), STR_ARG(p->name), STR_ARG(p->ref), STR_ARG(p->path));
    }
    if (base.len == 0) {
        base = is_public ? STR("https://api.github.com")
                         : str_fmt(arena, "https://%.*s/api/v3", STR_ARG(scm->host));
    }
    return str_fmt(arena, "%.*s/repos/%.*s/%.*s/contents/%.*s?ref=%.*s", STR_ARG(base),
                   STR_ARG(p->owner), STR_ARG(p->name), STR_ARG(p->path), STR_ARG(p->ref));
}

Str scm_raw_url(const ScmHost *scm, Str page, Arena *arena)
{
    ScmPage p = {0};
    if (!scm_page(scm, page, arena, &p) || p.path.len == 0) {
        return page;
    }
    Str base = scm->api_base, scheme = str_sub(p.root, 0, str_find_char(p.root, ':'));
    while (base.len && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    Str project = str_fmt(arena, "%.*s/%.*s", STR_ARG(p.owner), STR_ARG(p.name));
    switch (scm->kind) {
    case SCM_GITHUB:
        return github_raw_url(scm, &p, base, arena);
    case SCM_GITLAB:
        if (base.len == 0) {
            base = str_fmt(arena, "%.*s://%.*s/api/v4", STR_ARG(scheme), STR_ARG(scm->host));
        }
        return str_fmt(arena, "%.*s/projects/%.*s/repository/files/%.*s/raw?ref=%.*s",
                       STR_ARG(base), STR_ARG(encode(arena, project)),
                       STR_ARG(encode(arena, p.path)), STR_ARG(p.ref));
    case SCM_BITBUCKET:
        base = base.len ? base : STR("https://api.bitbucket.org/2.0");
        return str_fmt(arena, "%.*s/repositories/%.*s/src/%.*s/%.*s", STR_ARG(base),
                       STR_ARG(project), STR_ARG(p.ref), STR_ARG(p.path));
    case SCM_GITEA:
        return str_fmt(arena, "%.*s://%.*s/api/v1/repos/%.*s/raw/%.*s?ref=%.*s", STR_ARG(scheme),
                       STR_ARG(scm->host), STR_ARG(project), STR_ARG(p.path), STR_ARG(p.ref));
    case SCM_AZURE:
        return azure_items_url(&p, arena);
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
