/* SPDX-License-Identifier: Apache-2.0
 * net/git_test.c - repositories made by git itself, read from disk and over git's own HTTP backend.
 */
#include "base/file.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"

#include "net/git_priv.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKEND "/usr/lib/git-core/git-http-backend"

enum { REQUEST_MAX = 64 * 1024 };

/* ---- a server: one request per connection, answered by git http-backend */

typedef enum Mood { MOOD_SERVE, MOOD_REDIRECT, MOOD_SILENT, MOOD_FAIL } Mood;

typedef struct Server {
    int fd;
    uint16_t port;
    Thread thread;
    atomic_bool stopping;
    atomic_int mood;
    atomic_uint requests;
    const char *root;          /* GIT_PROJECT_ROOT */
    const char *authorization; /* required value, or NULL */
} Server;

static void send_all(int fd, Str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }
        bytes = str_from_index(bytes, (size_t)n);
    }
}

static Str header_of(Str head, const char *name)
{
    Str line;

    while (str_split(&head, '\n', &line)) {
        size_t colon = str_find_char(line, ':');

        if (colon != SIZE_MAX && str_eq_nocase(str_sub(line, 0, colon), str_from(name))) {
            return str_trim(str_from_index(line, colon + 1));
        }
    }
    return STR_EMPTY;
}

static Str read_request(int fd, Arena *arena, size_t *ret_head)
{
    char *bytes = arena_alloc(arena, REQUEST_MAX);
    size_t len = 0, want = REQUEST_MAX;

    while (len < want) {
        ssize_t n = recv(fd, bytes + len, REQUEST_MAX - len, 0);

        if (n <= 0) {
            return STR_EMPTY;
        }
        len += (size_t)n;
        size_t head = str_find(str_of(bytes, len), STR("\r\n\r\n"));
        if (head != SIZE_MAX) {
            uint64_t body = 0;

            IGNORE(str_to_u64(header_of(str_of(bytes, head), "Content-Length"),
                              &body)); /* absent: 0 */
            *ret_head = head + 4;
            want = head + 4 + (size_t)body;
        }
    }
    return str_of(bytes, len);
}

static void serve_git(const Server *s, int fd, Str request, size_t head, Arena *arena)
{
    Str text = str_sub(request, 0, head), rest = text, method, query, path;

    assert_true(str_split(&rest, ' ', &method));
    assert_true(str_split(&rest, ' ', &query));
    assert_true(str_split(&query, '?', &path));
    const char *env[] = {
        "PATH=/usr/bin:/bin",
        "GIT_HTTP_EXPORT_ALL=1",
        "GIT_CONFIG_NOSYSTEM=1",
        "REMOTE_ADDR=127.0.0.1",
        str_fmt(arena, "GIT_PROJECT_ROOT=%s", s->root).ptr,
        str_fmt(arena, "PATH_INFO=%.*s", STR_ARG(path)).ptr,
        str_fmt(arena, "QUERY_STRING=%.*s", STR_ARG(query)).ptr,
        str_fmt(arena, "REQUEST_METHOD=%.*s", STR_ARG(method)).ptr,
        str_fmt(arena, "CONTENT_TYPE=%.*s", STR_ARG(header_of(text, "Content-Type"))).ptr,
        str_fmt(arena, "CONTENT_LENGTH=%zu", request.len - head).ptr,
        str_fmt(arena, "HTTP_CONTENT_ENCODING=%.*s", STR_ARG(header_of(text, "Content-Encoding")))
            .ptr,
        str_fmt(arena, "GIT_PROTOCOL=%.*s", STR_ARG(header_of(text, "Git-Protocol"))).ptr,
        NULL,
    };
    const char *argv[] = {BACKEND, NULL};
    ProcessResult result;

    if (process_run(&(ProcessOptions){.argv = argv,
                                      .env = env,
                                      .input = str_from_index(request, head),
                                      .max_output = 64 * MIB},
                    arena, &result, NULL) != RC_OK) {
        return;
    }
    Str status =
        header_of(str_sub(result.output, 0, str_find(result.output, STR("\r\n\r\n"))), "Status");
    send_all(fd, str_fmt(arena, "HTTP/1.1 %.*s\r\nConnection: close\r\n",
                         STR_ARG(status.len > 0 ? status : STR("200 OK"))));
    send_all(fd, result.output);
}

static void serve_one(Server *s, int fd, Arena *arena)
{
    size_t head = 0;
    Str request = read_request(fd, arena, &head);
    Str given = header_of(str_sub(request, 0, head), "Authorization");
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (request.len == 0) {
        return;
    }
    atomic_fetch_add(&s->requests, 1);
    switch ((Mood)atomic_load(&s->mood)) {
    case MOOD_REDIRECT:
        send_all(fd, STR("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/x/info/refs\r\n"
                         "Content-Length: 0\r\nConnection: close\r\n\r\n"));
        return;
    case MOOD_FAIL:
        send_all(fd, STR("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        return;
    case MOOD_SILENT:
        while (!atomic_load(&s->stopping) && poll(&wait, 1, 20) == 0) {
        }
        return;
    case MOOD_SERVE:
        break;
    }
    if (s->authorization != NULL && !str_is(given, s->authorization)) {
        send_all(
            fd,
            STR("HTTP/1.1 401 Who?\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n"));
        return;
    }
    serve_git(s, fd, request, head, arena);
}

static void *server_main(void *arg)
{
    Server *s = arg;

    while (!atomic_load(&s->stopping)) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            Arena *arena = arena_new(0);

            serve_one(s, fd, arena);
            (void)close(fd);
            arena_free(arena);
        }
    }
    return NULL;
}

static void server_start(Server *s, const char *root, const char *authorization)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    *s = (Server){.root = root, .authorization = authorization};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    thread_start(&s->thread, "git-server", server_main, s);
}

static void server_stop(Server *s)
{
    atomic_store(&s->stopping, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    thread_join(&s->thread);
    assert_int_equal(close(s->fd), 0);
}

/* ---- what each test has */

typedef struct Fixture {
    Arena *arena;
    char folder[64];
    const char *repo, *cache;
    GitOptions options;
    Error err;
    Str commit;
} Fixture;

static bool allow_all(void *user, Str host, uint16_t port)
{
    (void)user;
    (void)host;
    (void)port;
    return true;
}

/* Runs a script in the repository; gives its trimmed output. */
static Str sh(Fixture *f, const char *script)
{
    static const char *const env[] = {
        "PATH=/usr/bin:/bin",          "HOME=/nonexistent",       "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=n",       "GIT_AUTHOR_EMAIL=e@x",
        "GIT_COMMITTER_NAME=n",        "GIT_COMMITTER_EMAIL=e@x", NULL,
    };
    const char *argv[] = {"sh", "-ec", script, NULL};
    ProcessResult r;

    assert_int_equal(process_run(&(ProcessOptions){.argv = argv, .env = env, .folder = f->repo},
                                 f->arena, &r, &f->err),
                     RC_OK);
    if (r.exit_code != 0) {
        fail_msg("%s: %.*s", script, STR_ARG(r.err_tail));
    }
    return str_trim(r.output);
}

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);

    f->arena = arena_new(0);
    (void)snprintf(f->folder, sizeof f->folder,
                   "/tmp/fairway git-XXXXXX"); /* a space, to test the quoting */
    assert_non_null(mkdtemp(f->folder));
    f->repo = str_fmt(f->arena, "%s/repos/one", f->folder).ptr;
    f->cache = str_fmt(f->arena, "%s/cache", f->folder).ptr;
    assert_int_equal(file_make_dirs(f->repo, 0700, &f->err), RC_OK);
    f->options = (GitOptions){.url = str_from(f->repo), .cache_dir = f->cache, .allow_local = true};
    IGNORE(sh(f, "git init -q -b main . && mkdir -p docs/deep && echo one >a.yaml && echo two "
                 ">docs/b.yaml"
                 " && echo three >docs/deep/c.yaml && printf '' >empty.txt && echo x >'sp ace "
                 "é.txt' && ln -s a.yaml link.yaml"
                 " && chmod +x a.yaml && git add . && git commit -qm first")
               .len == 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    assert_int_equal(file_remove_tree(f->folder, &f->err), RC_OK);
    arena_free(f->arena);
    free(f);
    return 0;
}

static Rc fetch(Fixture *f)
{
    error_clear(&f->err);
    f->commit = STR_EMPTY;
    return git_fetch(&f->options, f->arena, &f->commit, &f->err);
}

static Rc head(Fixture *f)
{
    error_clear(&f->err);
    f->commit = STR_EMPTY;
    return git_remote_head(&f->options, f->arena, &f->commit, &f->err);
}

static void expect_rc(const Fixture *f, Rc got, Rc wanted, const char *part)
{
    if (got != wanted || strstr(f->err.message, part) == NULL) {
        fail_msg("%s instead of %s: \"%s\" (\"%s\") should have \"%s\"", rc_name(got),
                 rc_name(wanted), f->err.message, f->err.detail, part);
    }
}

static void expect_ok(const Fixture *f, Rc rc)
{
    expect_rc(f, rc, RC_OK, "");
}

static Str show(Fixture *f, const char *path)
{
    Str text = STR_EMPTY;

    expect_ok(f, git_show(f->cache, f->commit, str_from(path), MIB, f->arena, &text, &f->err));
    return text;
}

/* ---- from disk */

static void test_fetch_and_follow(void **state)
{
    Fixture *f = *state;
    Str first = sh(f, "git rev-parse HEAD");
    const char *copy = str_fmt(f->arena, "%s/repo.git", f->cache).ptr;
    struct stat before, after;

    expect_ok(f, head(f));
    assert_str(f->commit, first);
    expect_ok(f, fetch(f));
    assert_str(f->commit, first);
    assert_str(show(f, "a.yaml"), STR("one\n"));
    assert_int_equal(stat(copy, &before), 0);
    /* A new commit, and one that rewrites history. */
    Str second = sh(f, "echo new >a.yaml && git commit -qam second && git rev-parse HEAD");
    expect_ok(f, fetch(f));
    assert_str(f->commit, second);
    assert_str(show(f, "a.yaml"), STR("new\n"));
    Str third = sh(f, "git reset -q --hard HEAD~1 && echo other >a.yaml && git commit -qam third "
                      "&& git rev-parse HEAD");
    expect_ok(f, fetch(f));
    assert_str(f->commit, third);
    assert_str(show(f, "a.yaml"), STR("other\n"));
    assert_int_equal(stat(copy, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* updated, not made anew */
    /* History is not brought along. */
    f->commit = first;
    assert_true(sh(f, "git rev-list --count HEAD").ptr[0] == '2');
    assert_str(
        sh(f, str_fmt(f->arena, "git --git-dir='%s/repo.git' rev-list --count refs/fairway/fetched",
                      f->cache)
                  .ptr),
        STR("1"));
}

static void test_unchanged_is_not_fetched(void **state)
{
    Fixture *f = *state;
    struct stat before, after;
    const char *packs = str_fmt(f->arena, "%s/repo.git/objects/pack", f->cache).ptr;

    expect_ok(f, fetch(f));
    assert_int_equal(stat(packs, &before), 0);
    expect_ok(f, fetch(f));
    assert_int_equal(stat(packs, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void test_refs(void **state)
{
    Fixture *f = *state;
    Str first =
        sh(f, "git tag -a v1 -m v1 && git tag light && git branch feature/x && git rev-parse HEAD");
    Str second =
        sh(f, "echo 2 >a.yaml && git commit -qam second && git branch both && git rev-parse HEAD");
    const struct {
        const char *ref;
        Str commit;
    } cases[] = {
        {"",                second},
        {"main",            second},
        {"v1",              first },
        {"light",           first },
        {"feature/x",       first },
        {"both",            second},
        {"refs/tags/v1",    first },
        {"refs/heads/main", second},
        {first.ptr,         first },
    };

    IGNORE(sh(f, "git tag both HEAD~1").len == 1); /* a branch goes before a tag of the same name */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->options.ref = i + 1 < ARRAY_LEN(cases) ? str_from(cases[i].ref) : first;
        expect_ok(f, head(f));
        assert_str(f->commit, cases[i].commit);
        expect_ok(f, fetch(f));
        assert_str(f->commit, cases[i].commit);
        assert_str(show(f, "a.yaml"), str_eq(cases[i].commit, first) ? STR("one\n") : STR("2\n"));
    }
    f->options.ref = STR("nowhere");
    expect_rc(f, head(f), RC_NOT_FOUND, "no branch or tag nowhere");
    expect_rc(f, fetch(f), RC_NOT_FOUND, "no branch or tag nowhere");
    f->options.ref = STR("1234567890123456789012345678901234567890");
    expect_rc(f, fetch(f), RC_NOT_FOUND, "that commit");
    IGNORE(sh(f, "git tag tree 'HEAD^{tree}'").len == 1);
    f->options.ref = STR("tree");
    expect_rc(f, fetch(f), RC_INVALID, "not a commit");
}

static void test_bad_refs(void **state)
{
    static const char *const refs[] = {"-x",     "--upload-pack=touch",
                                       "a..b",   "a:b",
                                       "a b",    "v1^{}",
                                       "@{u}",   "*",
                                       "a\\b",   "/a",
                                       "a/",     "a//b",
                                       "x.lock", "a~1",
                                       "a\nb",   "@",
                                       "."};
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        f->options.ref = str_from(refs[i]);
        expect_rc(f, head(f), RC_INVALID, "the ref must be");
    }
}

static void test_list(void **state)
{
    Fixture *f = *state;
    const struct {
        const char *glob, *paths; /* joined by | */
    } cases[] = {
        {"",          "a.yaml|docs/b.yaml|docs/deep/c.yaml|empty.txt|sp ace é.txt"},
        {"*.yaml",    "a.yaml"                                                     },
        {"**/*.yaml", "a.yaml|docs/b.yaml|docs/deep/c.yaml"                        },
        {"docs/*",    "docs/b.yaml"                                                },
        {"none*",     ""                                                           },
    };
    Str *paths = NULL;
    size_t n = 0;

    expect_ok(f, fetch(f));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect_ok(f, git_list(f->cache, f->commit, str_from(cases[i].glob), 5, f->arena, &paths, &n,
                              &f->err));
        assert_str(str_join(f->arena, paths, n, STR("|")), str_from(cases[i].paths));
    }
    expect_rc(f, git_list(f->cache, f->commit, STR_EMPTY, 4, f->arena, &paths, &n, &f->err),
              RC_LIMIT, "more than 4");
    expect_rc(f, git_list(f->cache, STR("HEAD"), STR_EMPTY, 4, f->arena, &paths, &n, &f->err),
              RC_INVALID, "full id");
    expect_rc(f,
              git_list(f->cache, STR("1234567890123456789012345678901234567890"), STR_EMPTY, 4,
                       f->arena, &paths, &n, &f->err),
              RC_NOT_FOUND, "not in the cache");
}

static void test_show_many(void **state)
{
    Fixture *f = *state;
    GitFile files[] = {
        {.path = STR("docs/b.yaml")},    {.path = STR("missing")},
        {.path = STR("docs")},           {.path = STR("")},
        {.path = STR("empty.txt")},      {.path = STR("big")},
        {.path = STR("binary")},         {.path = STR("./a.yaml")},
        {.path = STR("a.yaml\nHEAD:a")}, {.path = STR("../a")},
        {.path = STR("sp ace é.txt")},   {.path = STR("/a.yaml")},
    };
    const Rc expected[] = {RC_OK, RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND, RC_OK, RC_LIMIT,
                           RC_OK, RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND, RC_OK, RC_NOT_FOUND};
    Str text;

    IGNORE(sh(f, "head -c 200000 /dev/zero >big && printf 'a\\0b\\n\\nc' >binary && git add . && "
                 "git commit -qm more")
               .len == 1);
    expect_ok(f, fetch(f));
    expect_ok(
        f, git_show_many(f->cache, f->commit, files, ARRAY_LEN(files), 100000, f->arena, &f->err));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        assert_int_equal(files[i].rc, expected[i]);
    }
    assert_str(files[0].bytes, STR("two\n"));
    assert_str(files[4].bytes, STR(""));
    assert_str(files[6].bytes, STR("a\0b\n\nc"));
    assert_str(files[10].bytes, STR("x\n"));
    expect_rc(f, git_show(f->cache, f->commit, STR("big"), 199999, f->arena, &text, &f->err),
              RC_LIMIT, "199999 bytes");
    expect_ok(f, git_show(f->cache, f->commit, STR("big"), 200000, f->arena, &text, &f->err));
    assert_int_equal(text.len, 200000);
    expect_rc(f, git_show(f->cache, f->commit, STR("nope"), MIB, f->arena, &text, &f->err),
              RC_NOT_FOUND, "no file nope");
    expect_rc(f,
              git_show(f->cache, STR("1234567890123456789012345678901234567890"), STR("a.yaml"),
                       MIB, f->arena, &text, &f->err),
              RC_NOT_FOUND, "not in the cache");
}

static void test_unusable_repositories(void **state)
{
    Fixture *f = *state;

    f->options.url = str_fmt(f->arena, "%s/repos/none", f->folder);
    expect_rc(f, fetch(f), RC_NOT_FOUND, "there is no such repository");
    f->options.url = STR("file:///nonexistent/repo");
    expect_rc(f, fetch(f), RC_NOT_FOUND, "there is no such repository");
    f->options.url = str_fmt(f->arena, "file://%s", f->repo);
    expect_ok(f, fetch(f));
    f->options.allow_local = false;
    expect_rc(f, fetch(f), RC_DENIED, "on this machine's disk");
    f->options.url = str_from(f->repo);
    expect_rc(f, head(f), RC_DENIED, "on this machine's disk");
    f->options.allow_local = true;
    f->options.cache_dir = str_fmt(f->arena, "%s/cache-2", f->folder).ptr;
    IGNORE(sh(f, "rm -rf .git && git init -q .").len == 1);
    expect_rc(f, fetch(f), RC_NOT_FOUND, "is empty");
}

static void test_damaged_cache_is_made_anew(void **state)
{
    static const char *const damage[] = {
        "rm -rf '%s/repo.git/objects'",
        "touch '%s/repo.git/shallow.lock'",
        "echo rubbish >'%s/repo.git/shallow'",
        "echo rubbish >'%s/repo.git/config'",
        "mkdir '%s/fresh.git'",
        "rm '%s/repo.git/HEAD'",
    };
    Fixture *f = *state;

    expect_ok(f, fetch(f));
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        Str script = str_replace(f->arena, str_from(damage[i]), STR("%s"), str_from(f->cache));
        Str wanted = sh(
            f, str_fmt(f->arena, "echo %zu >a.yaml; git commit -qam again; git rev-parse HEAD", i)
                   .ptr);

        IGNORE(sh(f, script.ptr).len == 1);
        expect_ok(f, fetch(f));
        assert_str(f->commit, wanted);
        assert_str(show(f, "a.yaml"), str_fmt(f->arena, "%zu\n", i));
        assert_str(show(f, "docs/b.yaml"), STR("two\n"));
    }
}

static void test_size_limit(void **state)
{
    Fixture *f = *state;
    Str first;

    f->options.max_bytes = 300000;
    expect_ok(f, fetch(f));
    first = f->commit;
    IGNORE(sh(f, "head -c 1000000 /dev/urandom >big && git add big && git commit -qm big").len ==
           1);
    /* Stopped while it arrives, and not only measured afterwards. */
    expect_rc(f, fetch(f), RC_LIMIT, "cannot be read: it is larger than permitted here");
    /* The last good state is still there. */
    f->commit = first;
    assert_str(show(f, "a.yaml"), STR("one\n"));
    assert_false(file_exists(str_fmt(f->arena, "%s/fresh.git", f->cache).ptr));
    f->options.max_bytes = 3000000;
    expect_ok(f, fetch(f));
}

static void test_many_packs_are_made_anew(void **state)
{
    Fixture *f = *state;

    expect_ok(f, fetch(f));
    IGNORE(sh(f, str_fmt(f->arena,
                         "for i in $(seq 51); do touch '%s/repo.git/objects/pack/p'$i.pack; done",
                         f->cache)
                     .ptr)
               .len == 1);
    Str wanted = sh(f, "echo n >a.yaml; git commit -qam again; git rev-parse HEAD");
    expect_ok(f, fetch(f));
    assert_str(f->commit, wanted);
    assert_str(
        sh(f,
           str_fmt(f->arena, "ls '%s/repo.git/objects/pack' | grep -c '[.]pack$'", f->cache).ptr),
        STR("1"));
}

/* ---- addresses */

static void test_addresses(void **state)
{
    static const struct {
        const char *url, *host;
        GitTransport transport;
        unsigned port;
    } good[] = {
        {"https://Git.Example/a/b.git", "git.example", GIT_HTTP,  443 },
        {"http://h:8080/x",             "h",           GIT_HTTP,  8080},
        {"https://u:p@h/x",             "h",           GIT_HTTP,  443 },
        {"ssh://git@h/x.git",           "h",           GIT_SSH,   22  },
        {"ssh://h:2222/x",              "h",           GIT_SSH,   2222},
        {"ssh://80:80/x",               "80",          GIT_SSH,   80  },
        {"ssh://h:80/x",                "h",           GIT_SSH,   80  },
        {"ssh://git@[2001:db8::1]:7/x", "2001:db8::1", GIT_SSH,   7   },
        {"ssh://git@[2001:db8::1]/x",   "2001:db8::1", GIT_SSH,   22  },
        {"git@h:org/x.git",             "h",           GIT_SSH,   22  },
        {"h:x",                         "h",           GIT_SSH,   22  },
        {"/a/b:c",                      "",            GIT_LOCAL, 0   },
        {"file:///a/b",                 "",            GIT_LOCAL, 0   },
    };
    static const struct {
        const char *url;
        Rc rc;
    } bad[] = {
        {"",                           RC_INVALID},
        {"-x",                         RC_INVALID},
        {"--upload-pack=touch /tmp/x", RC_INVALID},
        {"ext::sh -c 'touch /tmp/x'",  RC_DENIED },
        {"ext::sh",                    RC_DENIED },
        {"fd::3",                      RC_DENIED },
        {"git://h/x",                  RC_DENIED },
        {"ftp://h/x",                  RC_DENIED },
        {"git+ssh://h/x",              RC_DENIED },
        {"SSH://h/x",                  RC_DENIED },
        {"file://host/x",              RC_DENIED },
        {"relative/path",              RC_INVALID},
        {"../x",                       RC_INVALID},
        {"a/b:c",                      RC_INVALID},
        {"ssh://-oProxyCommand=x/y",   RC_INVALID},
        {"ssh://-x@h/y",               RC_INVALID},
        {"-x@h:y",                     RC_INVALID},
        {"a@-oProxyCommand=x:y",       RC_INVALID},
        {"h:-y",                       RC_INVALID},
        {"h:",                         RC_INVALID},
        {"@h:x",                       RC_INVALID},
        {"ssh://h",                    RC_INVALID},
        {"ssh://h:/x",                 RC_INVALID},
        {"ssh://u:secret@h/x",         RC_INVALID},
        {"ssh://h:99999/x",            RC_INVALID},
        {"a b@h:x",                    RC_INVALID},
        {"h$(x):y",                    RC_INVALID},
        {"h;x:y",                      RC_INVALID},
        {"h?x:y",                      RC_INVALID},
        {"https://a@b@c/x",            RC_INVALID},
        {"https://h/x\ny",             RC_INVALID},
        {"/a\nb",                      RC_INVALID},
    };
    Fixture *f = *state;
    GitRemote r;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        f->options.url = str_from(good[i].url);
        expect_ok(f, git_remote_parse(&f->options, f->arena, &r, &f->err));
        assert_int_equal(r.transport, good[i].transport);
        assert_str(r.host, str_from(good[i].host));
        assert_int_equal(r.port, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        f->options.url = str_from(bad[i].url);
        error_clear(&f->err);
        Rc rc = git_remote_parse(&f->options, f->arena, &r, &f->err);
        if (rc != bad[i].rc || strstr(f->err.message, "secret") != NULL) {
            fail_msg("%s gave %s: %s", bad[i].url, rc_name(rc), f->err.message);
        }
    }
}

static void test_guard(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1:1/x", "https://localhost/x", "http://169.254.169.254/x",
        "http://0x7f.1/x",      "http://[::1]/x",      "ssh://git@127.0.0.1/x",
        "git@localhost:x",      "ssh://10.0.0.1/x",    "git@127.1:x",
    };
    Fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        f->options.url = str_from(urls[i]);
        expect_rc(f, head(f), RC_DENIED, "internal address");
        expect_rc(f, fetch(f), RC_DENIED, "internal address");
    }
}

static bool has_word(const GitWords *words, const char *part)
{
    for (size_t i = 0; words->at[i] != NULL; i++) {
        if (strstr(words->at[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

static void test_environment(void **state)
{
    Fixture *f = *state;
    GitRemote r;

    f->options.allow = allow_all;
    f->options.url = STR("http://127.0.0.1:81/x");
    f->options.token = STR("t");
    expect_ok(f, git_remote_prepare(&f->options, f->arena, &r, &f->err));
    assert_true(has_word(&r.env, "=127.0.0.1:81:127.0.0.1")); /* the address that was judged */
    assert_true(has_word(&r.env, "=http.curloptResolve"));
    assert_true(
        has_word(&r.env, "=Authorization: Basic eC1hY2Nlc3MtdG9rZW46dA==")); /* x-access-token:t */
    assert_true(has_word(&r.env, "GIT_ALLOW_PROTOCOL=http"));
    assert_true(has_word(&r.env, "GIT_TERMINAL_PROMPT=0"));
    assert_false(has_word(&r.env, "GIT_SSH_COMMAND"));

    f->options.url = STR("git@127.1:x");
    f->options.ssh_key_file = "/keys/a b/id";
    expect_ok(f, git_remote_prepare(&f->options, f->arena, &r, &f->err));
    assert_true(has_word(&r.env, "GIT_ALLOW_PROTOCOL=ssh"));
    assert_true(has_word(&r.env, " -o HostName=127.0.0.1 -o HostKeyAlias=127.1 "));
    assert_true(has_word(&r.env, "StrictHostKeyChecking=accept-new"));
    assert_true(has_word(
        &r.env, str_fmt(f->arena, "'UserKnownHostsFile=\"%s/known_hosts\"'", f->cache).ptr));
    assert_true(has_word(&r.env, " -i '/keys/a b/id'"));
    assert_false(has_word(&r.env, "Authorization"));

    f->options.ssh_key_file = "/keys/' ; touch /tmp/x";
    expect_rc(f, git_remote_prepare(&f->options, f->arena, &r, &f->err), RC_INVALID, "ssh key");
    f->options.ssh_key_file = NULL;
    f->options.cache_dir = "relative";
    expect_rc(f, head(f), RC_INVALID, "cache folder");
}

static void test_ssh_is_tried(void **state)
{
    Fixture *f = *state;

    if (access("/usr/bin/ssh", X_OK) != 0) {
        skip(); /* the ssh client is not installed */
    }
    f->options.allow = allow_all;
    f->options.url = STR("ssh://git@127.0.0.1:1/x");
    expect_rc(f, head(f), RC_UPSTREAM, "does not accept connections");
}

/* ---- over HTTP */

static void test_http(void **state)
{
    Fixture *f = *state;
    Server s;

    server_start(&s, str_fmt(f->arena, "%s/repos", f->folder).ptr, NULL);
    f->options.url = str_fmt(f->arena, "http://localhost:%u/one/.git", s.port);
    f->options.allow = allow_all;
    f->options.allow_local = false;
    Str first = sh(f, "git rev-parse HEAD");
    expect_ok(f, head(f));
    assert_str(f->commit, first);
    expect_ok(f, fetch(f));
    assert_str(f->commit, first);
    assert_str(show(f, "docs/deep/c.yaml"), STR("three\n"));
    Str second = sh(f, "echo new >a.yaml && git commit -qam second && git rev-parse HEAD");
    expect_ok(f, fetch(f));
    assert_str(f->commit, second);
    assert_str(show(f, "a.yaml"), STR("new\n"));

    f->options.url = str_fmt(f->arena, "http://127.0.0.1:%u/none.git", s.port);
    expect_rc(f, fetch(f), RC_NOT_FOUND, "there is no such repository");
    server_stop(&s);
    expect_rc(f, fetch(f), RC_UPSTREAM, "does not accept connections");
}

static void test_http_credentials(void **state)
{
    Fixture *f = *state;
    Server s;

    /* x-access-token:s3cr3t */
    server_start(&s, str_fmt(f->arena, "%s/repos", f->folder).ptr,
                 "Basic eC1hY2Nlc3MtdG9rZW46czNjcjN0");
    f->options.url = str_fmt(f->arena, "http://127.0.0.1:%u/one/.git", s.port);
    f->options.allow = allow_all;
    expect_rc(f, fetch(f), RC_UPSTREAM, "asks for a user name and token");
    f->options.token = STR("wr0ng");
    expect_rc(f, fetch(f), RC_UPSTREAM, "127.0.0.1");
    assert_null(strstr(f->err.message, "wr0ng"));
    assert_null(strstr(f->err.detail, "wr0ng"));
    f->options.token = STR("s3cr3t");
    expect_ok(f, fetch(f));
    f->options.token = STR_EMPTY;
    f->options.url =
        str_fmt(f->arena, "http://x-access-token:s3cr3t@127.0.0.1:%u/one/.git", s.port);
    expect_ok(f, head(f));
    f->options.url = str_fmt(f->arena, "http://s3cr3t@127.0.0.1:%u/one/.git", s.port);
    expect_ok(f, head(f));
    server_stop(&s);
}

static void test_http_moods(void **state)
{
    Fixture *f = *state;
    Server s;
    int64_t start = 0;

    server_start(&s, str_fmt(f->arena, "%s/repos", f->folder).ptr, NULL);
    f->options.url = str_fmt(f->arena, "http://user:hunter2@127.0.0.1:%u/one/.git", s.port);
    f->options.allow = allow_all;
    atomic_store(&s.mood, MOOD_REDIRECT);
    expect_rc(f, head(f), RC_UPSTREAM, "redirects to another address");
    assert_int_equal(atomic_load(&s.requests), 1);
    atomic_store(&s.mood, MOOD_FAIL);
    expect_rc(f, head(f), RC_UPSTREAM, "127.0.0.1");
    assert_null(strstr(f->err.message, "hunter2"));
    assert_null(strstr(f->err.detail, "hunter2"));
    atomic_store(&s.mood, MOOD_SILENT);
    f->options.timeout_us = 300 * US_PER_MS;
    start = time_monotonic_us();
    expect_rc(f, head(f), RC_TIMEOUT, "127.0.0.1");
    assert_true(time_monotonic_us() - start < 10 * US_PER_SECOND);
    server_stop(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetch_and_follow),
        TEST(test_unchanged_is_not_fetched),
        TEST(test_refs),
        TEST(test_bad_refs),
        TEST(test_list),
        TEST(test_show_many),
        TEST(test_unusable_repositories),
        TEST(test_damaged_cache_is_made_anew),
        TEST(test_size_limit),
        TEST(test_many_packs_are_made_anew),
        TEST(test_addresses),
        TEST(test_guard),
        TEST(test_environment),
        TEST(test_ssh_is_tried),
        TEST(test_http),
        TEST(test_http_credentials),
        TEST(test_http_moods),
    };

    if (access("/usr/bin/git", X_OK) != 0 || access(BACKEND, X_OK) != 0) {
        (void)puts("1..0 # SKIP git is not installed");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
