/* SPDX-License-Identifier: Apache-2.0
 * net/git_remote.c - where a repository is, how git is told, and what git's complaints mean.
 *
 * git itself understands addresses that run programs ("ext::sh -c …"), so only the five forms named
 * in git.h are let through, each recognised here, and GIT_ALLOW_PROTOCOL names just the one in use.
 */
#include "base/file.h"

#include "net/git_priv.h"
#include "net/http_client_priv.h"

/* ---- addresses */

static bool has_control_byte(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static Rc parse_http(const GitOptions *o, Arena *arena, GitRemote *r, Error *err)
{
    Url url;
    Buf line = buf_init(arena, 16 * KIB), plain = buf_init(arena, 8 * KIB);
    Str user = o->username, token = o->token;

    if (!url_parse(o->url, &url)) {
        return error_set(
            err, RC_INVALID,
            "the address of the repository is not a valid URL; write it like https://host/path");
    }
    r->transport = GIT_HTTP;
    r->protocol = str_eq_nocase(url.scheme, STR("https")) ? "https" : "http";
    r->host = str_lower(arena, url.host);
    r->port = url.port;
    r->address = url_normal(arena, &url);
    if (token.len == 0 && url.userinfo.len > 0) {
        size_t colon = str_find_char(url.userinfo, ':');
        Buf name = buf_init(arena, URL_MAX), password = buf_init(arena, URL_MAX);

        if (!buf_unurl(&name, str_sub(url.userinfo, 0, colon), false) ||
            (colon != SIZE_MAX &&
             !buf_unurl(&password, str_from_index(url.userinfo, colon + 1), false))) {
            return error_set(err, RC_INVALID,
                             "the user name or password in the address of %.*s is badly "
                             "percent-encoded",
                             STR_ARG(r->host));
        }
        /* "https://token@host/" is how some write a token without a name. */
        user = colon != SIZE_MAX ? buf_str(&name) : STR_EMPTY;
        token = colon != SIZE_MAX ? buf_str(&password) : buf_str(&name);
    }
    if (token.len == 0) {
        return RC_OK;
    }
    if (has_control_byte(user) || has_control_byte(token)) {
        return error_set(err, RC_INVALID, "the user name or token for %.*s has a control byte",
                         STR_ARG(r->host));
    }
    /* The hosting services take a token as password; the name matters to none of them but may not
     * be empty. */
    buf_put(&plain, user.len > 0 ? user : STR("x-access-token"));
    buf_char(&plain, ':');
    buf_put(&plain, token);
    buf_lit(&line, "Authorization: Basic ");
    buf_base64(&line, buf_str(&plain));
    if (!buf_ok(&plain) || !buf_ok(&line)) {
        return error_set(err, RC_LIMIT, "the token for %.*s is longer than 8 KiB",
                         STR_ARG(r->host));
    }
    r->authorization = buf_str(&line);
    return RC_OK;
}

/* [user@]host[:port]. The pieces end up on ssh's command line. */
static bool parse_ssh_host(Str s, GitRemote *r, Arena *arena)
{
    size_t at = str_rfind_char(s, '@');
    Str user = at != SIZE_MAX ? str_sub(s, 0, at) : STR_EMPTY;
    Str rest = at != SIZE_MAX ? str_from_index(s, at + 1) : s;
    Url url;

    for (size_t i = 0; i < user.len; i++) {
        char c = user.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '.' || (c == '-' && i > 0);

        if (!plain) {
            return false;
        }
    }
    /* Host and port are judged as those of URLs are; only the default port is another. */
    if ((at != SIZE_MAX && user.len == 0) || str_ends(rest, STR(":")) ||
        !url_parse(str_fmt(arena, "http://%.*s/", STR_ARG(rest)), &url) || url.path.len != 1) {
        return false;
    }
    size_t brackets = rest.ptr[0] == '[' ? 2 : 0;
    r->host = str_lower(arena, url.host);
    r->port = rest.len > url.host.len + brackets ? url.port : 22;
    return true;
}

static Rc parse_ssh(const GitOptions *o, Arena *arena, GitRemote *r, Error *err)
{
    bool is_url = str_starts(o->url, STR("ssh://"));
    Str rest = is_url ? str_from_index(o->url, 6) : o->url;
    size_t cut = is_url ? str_find_char(rest, '/') : str_find_char(rest, ':');
    Str path = str_from_index(rest, cut == SIZE_MAX ? rest.len : cut + 1);

    if (path.len == 0 || path.ptr[0] == '-' || !parse_ssh_host(str_sub(rest, 0, cut), r, arena)) {
        return error_set(err, RC_INVALID,
                         "the address of the repository is not a valid ssh address; write it like "
                         "ssh://git@host/path or git@host:path");
    }
    r->transport = GIT_SSH;
    r->protocol = "ssh";
    r->address = o->url;
    return RC_OK;
}

static Rc parse_local(const GitOptions *o, GitRemote *r, Error *err)
{
    if (!o->allow_local) {
        return error_set(
            err, RC_DENIED,
            "repositories on this machine's disk may not be read here; use an https or "
            "ssh address, or permit local paths");
    }
    r->transport = GIT_LOCAL;
    r->protocol = "file";
    r->address = o->url;
    return RC_OK;
}

Rc git_remote_parse(const GitOptions *o, Arena *arena, GitRemote *ret, Error *err)
{
    GitRemote r = {.shown = o->url, .env = {.arena = arena}};
    size_t scheme = str_find(o->url, STR("://")), colon = str_find_char(o->url, ':'),
           slash = str_find_char(o->url, '/');
    Str name = str_sub(o->url, 0, scheme == SIZE_MAX ? 0 : scheme);
    Rc rc = RC_OK;

    if (o->url.len == 0 || o->url.len > URL_MAX || o->url.ptr[0] == '-' ||
        has_control_byte(o->url)) {
        return error_set(err, RC_INVALID,
                         "the address of the repository is empty, too long, begins with a dash or "
                         "has a control byte");
    }
    if (str_eq_nocase(name, STR("http")) || str_eq_nocase(name, STR("https"))) {
        rc = parse_http(o, arena, &r, err);
    } else if (str_is(name, "ssh")) {
        rc = parse_ssh(o, arena, &r, err);
    } else if (o->url.ptr[0] == '/' || str_starts(o->url, STR("file:///"))) {
        rc = parse_local(o, &r, err);
    } else if (scheme == SIZE_MAX && colon != SIZE_MAX && colon < slash &&
               !str_starts(str_from_index(o->url, colon), STR("::"))) {
        rc = parse_ssh(o, arena, &r, err);
    } else if (colon != SIZE_MAX && colon < slash) {
        rc = error_set(err, RC_DENIED, "repositories may be read over https, http and ssh only");
    } else {
        rc =
            error_set(err, RC_INVALID,
                      "the address of the repository must be an https, http or ssh URL, host:path, "
                      "or an absolute path");
    }
    r.shown = r.host.len > 0 ? r.host : r.shown;
    *ret = r;
    return rc;
}

/* ---- environment */

/* These paths pass through a shell and through ssh's own option parser; quoting for both is not
 * attempted. */
static Rc check_path(const char *path, const char *what, Error *err)
{
    if (path[0] != '/' || strpbrk(path, "\"'\\%$`\n") != NULL) {
        return error_set(
            err, RC_INVALID,
            "the path of the %s must be absolute and have no quotes, backslash, percent "
            "or dollar sign",
            what);
    }
    return RC_OK;
}

Str git_ssh_command(const GitOptions *o, const GitRemote *r, Arena *arena)
{
    Buf out = buf_init(arena, 32 * KIB);

    buf_lit(&out, "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o "
                  "ConnectTimeout=30");
    buf_lit(&out, " -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o "
                  "CheckHostIP=no");
    buf_fmt(&out, " -o 'UserKnownHostsFile=\"%s/known_hosts\"'", o->cache_dir);
    /* Connect to the address that was judged; keep the key under the name. */
    buf_fmt(&out, " -o HostName=%.*s -o HostKeyAlias=%.*s", STR_ARG(r->ssh_address),
            STR_ARG(r->host));
    if (o->ssh_key_file != NULL) {
        buf_fmt(&out, " -o IdentitiesOnly=yes -i '%s'", o->ssh_key_file);
    }
    ASSERT(buf_ok(&out)); /* paths are shorter than PATH_MAX, hosts than 254 */
    return str_dup(arena, buf_str(&out));
}

static void env_add(GitWords *env, Str pair)
{
    VEC_PUSH(env, pair.ptr);
}

static void env_base(GitWords *env, const char *cache_dir, Arena *arena)
{
    static const char *const fixed[] = {
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "LC_ALL=C", /* git_explain reads the messages */
        "GIT_TERMINAL_PROMPT=0",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_OPTIONAL_LOCKS=0",
    };

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        VEC_PUSH(env, fixed[i]);
    }
    env_add(env, str_fmt(arena, "HOME=%s", cache_dir));
    /* ls-remote runs in the cache folder: no repository above it is its business. */
    env_add(env,
            str_fmt(arena, "GIT_CEILING_DIRECTORIES=%.*s", STR_ARG(path_dir(str_from(cache_dir)))));
}

static void config_add(GitWords *env, unsigned *n, const char *key, Str value, Arena *arena)
{
    env_add(env, str_fmt(arena, "GIT_CONFIG_KEY_%u=%s", *n, key));
    env_add(env, str_fmt(arena, "GIT_CONFIG_VALUE_%u=%.*s", *n, STR_ARG(value)));
    *n += 1;
}

static void env_config(GitRemote *r, Arena *arena)
{
    static const struct {
        const char *key, *value;
    } fixed[] = {
        {"http.followRedirects",  "false"    }, /* a redirect would not be judged by the guard */
        {"core.hooksPath",        "/dev/null"},
        {"gc.auto",               "0"        }, /* the cache is rebuilt, not tended */
        {"maintenance.auto",      "false"    },
        {"transfer.unpackLimit",  "1"        }, /* one pack per fetch: what max_bytes is enforced on */
        {"core.bigFileThreshold", "16m"      }, /* larger files are streamed, not held in memory */
        {"pack.threads",          "1"        },
    };
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        config_add(&r->env, &n, fixed[i].key, str_from(fixed[i].value), arena);
    }
    if (r->authorization.len > 0) {
        config_add(&r->env, &n, "http.extraHeader", r->authorization, arena);
    }
    if (r->resolve.len > 0) {
        config_add(&r->env, &n, "http.curloptResolve", r->resolve, arena);
    }
    env_add(&r->env, str_fmt(arena, "GIT_CONFIG_COUNT=%u", n));
}

GitWords git_local_env(const char *cache_dir, Arena *arena)
{
    GitWords env = {.arena = arena};

    env_base(&env, cache_dir, arena);
    VEC_PUSH(&env, NULL);
    return env;
}

/* ---- guard */

static Rc guard(const GitOptions *o, Arena *arena, GitRemote *r, Error *err)
{
    Str found[GUARD_ADDRESSES_MAX];
    size_t n = 0;
    Buf pin = buf_init(arena, 4 * KIB);

    TRY(guard_resolve(arena, r->host, r->port, o->allow, o->allow_user, found, &n, err));
    r->ssh_address = found[0];
    if (str_find_char(r->host, ':') != SIZE_MAX) {
        return RC_OK; /* an IPv6 literal is its own address, and libcurl has no form to pin it */
    }
    buf_fmt(&pin, "%.*s:%u:", STR_ARG(r->host), r->port);
    for (size_t i = 0; i < n; i++) {
        bool ipv6 = str_find_char(found[i], ':') != SIZE_MAX;

        buf_fmt(&pin, "%s%s%.*s%s", i > 0 ? "," : "", ipv6 ? "[" : "", STR_ARG(found[i]),
                ipv6 ? "]" : "");
    }
    ASSERT(buf_ok(&pin));
    r->resolve = r->transport == GIT_HTTP ? buf_str(&pin) : STR_EMPTY;
    return RC_OK;
}

Rc git_remote_prepare(const GitOptions *o, Arena *arena, GitRemote *ret, Error *err)
{
    GitRemote r;

    TRY(check_path(o->cache_dir, "cache folder", err));
    if (o->ssh_key_file != NULL) {
        TRY(check_path(o->ssh_key_file, "ssh key", err));
    }
    TRY(git_remote_parse(o, arena, &r, err));
    if (r.transport != GIT_LOCAL) {
        TRY(guard(o, arena, &r, err));
    }
    env_base(&r.env, o->cache_dir, arena);
    env_add(&r.env, str_fmt(arena, "GIT_ALLOW_PROTOCOL=%s", r.protocol));
    if (r.transport == GIT_SSH) {
        env_add(&r.env, str_fmt(arena, "GIT_SSH_COMMAND=%s", git_ssh_command(o, &r, arena).ptr));
        env_add(&r.env, STR("GIT_SSH_VARIANT=ssh"));
    }
    env_config(&r, arena);
    VEC_PUSH(&r.env, NULL);
    *ret = r;
    return RC_OK;
}

/* ---- complaints */

/* First match wins. The texts are git's, libcurl's and ssh's under LC_ALL=C. */
static const struct {
    const char *part;
    Rc rc;
    const char *meaning;
} complaints[] = {
    {"No space left on device",                RC_FULL,      "the disk of its copy here is full; free some space" },
    {"Disk quota exceeded",                    RC_FULL,      "the disk quota of its copy here is used up"         },
    {"File too large",                         RC_LIMIT,     "it is larger than permitted here"                   },
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", RC_UPSTREAM,
     "its ssh host key is not the one seen before; if that is right, remove it from known_hosts in "
     "the cache folder"                                                                                           },
    {"Host key verification failed",           RC_UPSTREAM,  "its ssh host key is not trusted"                    },
    {"Permission denied (",                    RC_UPSTREAM,  "it does not accept our ssh key"                     },
    {"Authentication failed",                  RC_UPSTREAM,  "it does not accept the user name or token given"    },
    {"could not read Username",                RC_UPSTREAM,
     "it asks for a user name and token, and none is configured"                                                  },
    {"could not read Password",                RC_UPSTREAM,  "it asks for a password, and none is configured"     },
    {"returned error: 403",                    RC_UPSTREAM,  "the user name or token given may not read it"       },
    {"returned error: 30",                     RC_UPSTREAM,  "it redirects to another address; configure that one"},
    {"epository not found",                    RC_NOT_FOUND, "there is no such repository"                        },
    {"' not found",                            RC_NOT_FOUND, "there is no such repository"                        },
    {"returned error: 404",                    RC_NOT_FOUND, "there is no such repository"                        },
    {"returned error: 410",                    RC_NOT_FOUND, "there is no such repository"                        },
    {"dubious ownership",                      RC_UPSTREAM,  "it belongs to another user of this machine"         },
    {"does not appear to be a git repository", RC_NOT_FOUND, "there is no such repository"                        },
    {"find remote ref",                        RC_NOT_FOUND, "it has no such branch or tag"                       },
    {"not our ref",                            RC_NOT_FOUND, "it does not have, or does not give out, that commit"},
    {"Could not resolve host",                 RC_UPSTREAM,  "the name cannot be resolved"                        },
    {"Connection refused",                     RC_UPSTREAM,  "it does not accept connections"                     },
    {"Failed to connect",                      RC_UPSTREAM,  "it does not accept connections"                     },
    {"onnection timed out",                    RC_UPSTREAM,  "it does not answer"                                 },
    {"certificate",                            RC_UPSTREAM,  "its certificate is not trusted"                     },
    {"dumb http transport",                    RC_UPSTREAM,
     "it is served by git's old file-by-file protocol, which is not supported"                                    },
    {"transport '",                            RC_DENIED,    "it needs a transport that is not permitted"         },
};

/* The limit on file size ends index-pack by SIGXFSZ, without a word; for any other reason it would
 * have said something first. */
static bool pack_hit_limit(Str said)
{
    return str_starts(said, STR("fatal: fetch-pack: invalid index-pack output"));
}

Rc git_explain(const GitRemote *remote, const ProcessResult *result, Error *err)
{
    bool too_large = pack_hit_limit(result->err_tail);
    Rc rc = too_large ? RC_LIMIT : RC_UPSTREAM;
    const char *meaning = too_large ? "it is larger than permitted here" : "git reports an error";

    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        if (str_find(result->err_tail, str_from(complaints[i].part)) != SIZE_MAX) {
            rc = complaints[i].rc;
            meaning = complaints[i].meaning;
            break;
        }
    }
    IGNORE(error_set(err, rc, "the repository at %.*s cannot be read: %s", STR_ARG(remote->shown),
                     meaning)); /* below */
    error_detail(err, "%.*s", STR_ARG(str_trim(result->err_tail)));
    return rc;
}
