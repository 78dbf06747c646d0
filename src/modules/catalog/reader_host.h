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

/* The integration of a host: from app-config's `integrations`, else the well-known public ones. */
bool scm_host(const Json *integrations, Str host, uint16_t port, ScmHost *ret);
/* Where the bytes of a file's page are: the raw file without a token, the API with one. Other URLs
 * stay as they are. */
Str scm_raw_url(const ScmHost *scm, Str page, Arena *arena);
/* Credentials and media type; at most two headers. Returns how many. */
size_t scm_headers(const ScmHost *scm, Arena *arena, HttpPair *out);
/* User name that goes with a token over Git. */
Str scm_git_user(const ScmHost *scm);
/* "git:"-style target (URL#ref:path) of a page's URL with wildcards; "" when the host is not a
 * known one. */
Str scm_git_target(const Json *integrations, Str page, Arena *arena);
/* Edit page and folder of a file's page; "" when unknown. */
Str scm_edit_url(const ScmHost *scm, Str page, Arena *arena);
Str scm_folder_url(const ScmHost *scm, Str page, Arena *arena);

#endif
