/* SPDX-License-Identifier: Apache-2.0
 * catalog/reader_host.h - the code hosts that people's URLs point to: how a page's URL becomes the
 * file's bytes. Pure. */
#ifndef CATALOG_READER_HOST_H
#define CATALOG_READER_HOST_H

#include "data/json.h"
#include "net/http_client.h"

typedef enum ScmKind { SCM_GITHUB, SCM_GITLAB, SCM_BITBUCKET, SCM_GITEA, SCM_AZURE } ScmKind;

typedef struct ScmHost {
    ScmKind kind;
    Str host;     /* "github.com", with the port when it is not the default */
    Str api_base; /* "" : the kind's own */
    Str token;
    Str username;       /* Bitbucket */
    bool is_configured; /* named in `integrations`, not only known */
} ScmHost;

/* A page of a code host taken apart. */
typedef struct ScmPage {
    Str root;        /* the repository's own page: "https://github.com/org/repo" */
    Str owner, name; /* "org" or "group/subgroup" (Azure: the project), "repo" */
    Str ref, path;   /* of the file; "" where the URL says none */
} ScmPage;

/* The integration of a host: from app-config's `integrations`, else the well-known public ones. */
bool scm_host(const Json *integrations, Str host, uint16_t port, ScmHost *ret);
/* Where the bytes of a file's page are: the raw file without a token, the API with one. Other URLs
 * stay as they are. */
Str scm_raw_url(const ScmHost *scm, Str page, Arena *arena);
/* Credentials and media type; at most two headers. Returns how many. */
size_t scm_headers(const ScmHost *scm, Arena *arena, HttpPair *out);
/* User name that goes with a token over Git. */
Str scm_git_user(const ScmHost *scm);

/* ---- pages (reader_host_page.c) */

/* False when the URL does not lie in a repository. */
MUST_CHECK bool scm_page(const ScmHost *scm, Str url, Arena *arena, ScmPage *ret);
/* The address to clone from. */
Str scm_clone_url(const ScmHost *scm, const ScmPage *page, Arena *arena);
/* The page of a file of the repository that `page` lies in. */
Str scm_file_url(const ScmHost *scm, const ScmPage *page, Str ref, Str path, Arena *arena);
/* "git:"-style target (URL#ref:path) of a page's URL with wildcards; "" when the host is not a
 * known one. */
Str scm_git_target(const Json *integrations, Str page, Arena *arena);
/* What a reference in the file at `base` leads to: "/x" begins at the root of the repository. */
Str scm_resolve(const ScmHost *scm, Str base, Str reference, Arena *arena);
/* Edit page of a file's page, as Backstage's integrations derive it; "" for a page of a commit,
 * which cannot be edited. */
Str scm_edit_url(const ScmHost *scm, Str page, Arena *arena);
/* Folder of a file's page, likewise. */
Str scm_folder_url(const ScmHost *scm, Str page, Arena *arena);

#endif
