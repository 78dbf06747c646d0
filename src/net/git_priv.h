/* SPDX-License-Identifier: Apache-2.0
 * net/git_priv.h - between git.c (commands, cache) and git_remote.c (addresses, credentials,
 * environment). */
#ifndef NET_GIT_PRIV_H
#define NET_GIT_PRIV_H

#include "base/time.h"
#include "base/vec.h"

#include "net/git.h"
#include "net/process.h"

#define GIT_TIMEOUT_US (2 * US_PER_MINUTE)
#define GIT_LOCAL_TIMEOUT_US US_PER_MINUTE
#define GIT_REPOSITORY_MAX ((uint64_t)GIB)

typedef enum GitTransport { GIT_LOCAL, GIT_HTTP, GIT_SSH } GitTransport;

typedef VEC(const char *) GitWords;

typedef struct GitRemote {
    GitTransport transport;
    const char *protocol; /* the one name in GIT_ALLOW_PROTOCOL */
    Str address;          /* as git is to get it; no credentials */
    Str shown;            /* for messages: the host, or the path */
    Str host;
    uint16_t port;
    Str authorization; /* header line, or empty */
    Str resolve;       /* http.curloptResolve, or empty */
    Str ssh_address;   /* HostName for ssh */
    GitWords env;      /* complete, NULL-terminated */
} GitRemote;

/* Takes the address apart, without touching the network. */
MUST_CHECK Rc git_remote_parse(const GitOptions *options, Arena *arena, GitRemote *ret, Error *err);
/* Parses, passes the guard, and completes env. */
MUST_CHECK Rc git_remote_prepare(const GitOptions *options,
                                 Arena *arena,
                                 GitRemote *ret,
                                 Error *err);
/* GIT_SSH_COMMAND, after the guard has set ssh_address. */
Str git_ssh_command(const GitOptions *options, const GitRemote *remote, Arena *arena);
/* Environment of commands that only read the cache. */
GitWords git_local_env(const char *cache_dir, Arena *arena);
/* What git's standard error means, in one sentence; sets err. */
Rc git_explain(const GitRemote *remote, const ProcessResult *result, Error *err);

#endif
