/* SPDX-License-Identifier: Apache-2.0
 * fairway serve: builds the platform, starts the modules, serves until SIGTERM or SIGINT; SIGHUP
 * reads the settings and the TLS certificate anew. */
#include "base/log.h"
#include "base/time.h"

#include "app/app.h"
#include "modules/access/access.h"
#include "modules/identity/identity.h"
#include "net/http_client.h"
#include "platform/audit/audit.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs.h"
#include "platform/settings/settings.h"
#include "platform/telemetry/telemetry.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

bool app_is_loopback(Str host)
{
    return str_is(host, "localhost") || str_is(host, "::1") || str_starts(host, STR("127."));
}

/* ---- who may read events */

static Rc guard_events(Ctx *cx, EventReader *readers, size_t n)
{
    IdentityStay *stays = ARENA_ARRAY(cx->arena, IdentityStay, n);
    Actor own = cx->actor;
    Rc rc = RC_OK;
    for (size_t i = 0; i < n; i++) {
        stays[i] = (IdentityStay){.actor = readers[i].actor, .mark = readers[i].mark};
    }
    TRY(identity_check_stay(cx, stays, n));
    for (size_t i = 0; i < n && (rc == RC_OK || rc == RC_DENIED); i++) {
        cx->actor = *readers[i].actor;
        rc = stays[i].is_out       ? RC_DENIED
             : readers[i].is_brief ? RC_OK
                                   : access_hidden_topics(cx, &readers[i].hidden);
        readers[i].is_out = rc == RC_DENIED;
    }
    cx->actor = own;
    if (rc == RC_DENIED) {
        error_clear(&cx->error);
        rc = RC_OK;
    }
    return rc;
}

/* Who may change users may let anybody in. */
static Rc is_administrator(Ctx *cx, Str user_id, bool *ret)
{
    Actor own = cx->actor;
    cx->actor = (Actor){.kind = ACTOR_USER, .id = user_id};
    Rc rc = access_check(cx, STR("update"), STR("User"), STR("platform"), STR_EMPTY);
    cx->actor = own;
    *ret = rc == RC_OK;
    if (rc == RC_DENIED) {
        error_clear(&cx->error);
        rc = RC_OK;
    }
    return rc;
}

static uint64_t guard_epoch(void)
{
    return identity_epoch() + access_epoch(); /* both only grow */
}

/* Who signs in is also asked for rights; an open server asks nobody for anything. */
static Rc authentication(Platform *p, ApiOptions *options, Error *err)
{
    Str host = settings_str(p->settings, "server.host");
    if (!str_is(settings_str(p->settings, "auth.mode"), "open")) {
        options->authenticate = identity_authenticate;
        options->authorize = access_authorize;
        events_set_guard(p->events, guard_events, guard_epoch);
        identity_ask_administrators(is_administrator);
        return access_enforce(p, err);
    }
    if (!app_is_loopback(host)) {
        return error_set(err, RC_DENIED,
                         "--auth open answers anyone, so it is refused on %.*s: bind to loopback "
                         "(--host 127.0.0.1)",
                         STR_ARG(host));
    }
    return RC_OK;
}

/* As many connections as the system lets us have. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        IGNORE(setrlimit(RLIMIT_NOFILE, &limit)); /* then with fewer connections */
    }
}

/* Large blocks go back to the system when they are freed: bulk reads need much memory for a short
 * time, and glibc would keep it. Its thresholds grow by themselves unless they are set. A block
 * that comes from the system anew for each reply costs a page fault for every 4 KiB of it.
 * Measured with 10,000 entities on SQLite, 16 connections (memory after the ingest and after the
 * load, CPU and faults per reply of 1 MB; replies of 100 entities fault in none of the three): 256
 * KiB, 256 KiB   37, 49 MiB   1,320 us   250 faults 1 MiB, 4 MiB       38, 71 MiB     720 us    57
 * faults 4 MiB, 4 MiB       40, 94 MiB     690 us    52 faults */
static void tune_allocator(void)
{
    enum { MMAP_FROM = 1024 * 1024, TRIM_FROM = 4 * MMAP_FROM, ARENAS = 4 };
    IGNORE(mallopt(M_MMAP_THRESHOLD, MMAP_FROM) == 0); /* then it keeps more */
    IGNORE(mallopt(M_TRIM_THRESHOLD, TRIM_FROM) == 0); /* likewise */
    IGNORE(mallopt(M_ARENA_MAX, ARENAS) == 0);         /* likewise */
}

static void block_signals(sigset_t *set)
{
    IGNORE(sigemptyset(set) | sigaddset(set, SIGTERM) | sigaddset(set, SIGINT) |
           sigaddset(set, SIGHUP));                /* cannot fail */
    IGNORE(pthread_sigmask(SIG_BLOCK, set, NULL)); /* cannot fail with these arguments */
    IGNORE(signal(SIGPIPE, SIG_IGN) == SIG_ERR);   /* cannot fail */
    /* A limit of the file size is a full disk for one write, and not the end of the program. */
    IGNORE(signal(SIGXFSZ, SIG_IGN) == SIG_ERR); /* cannot fail */
}

static void reload(Platform *p)
{
    Error err = {0};
    if (settings_reload(p->settings, &err) == RC_OK) {
        log_info("settings.reloaded", F_BOOL("ok", true));
    } else {
        log_error("settings.reload_failed", F_CSTR("error", err.message));
    }
    err = (Error){0};
    if (app_renew_tls(p->settings, p->server, &err) == RC_OK) {
        log_info("tls.renewed", F_BOOL("ok", true));
    } else {
        log_error("tls.renewal_failed", F_CSTR("error", err.message));
    }
}

static void wait_for_end(Platform *p, const sigset_t *set)
{
    for (;;) {
        int signal_number;
        if (sigwait(set, &signal_number) != 0) {
            continue;
        }
        if (signal_number != SIGHUP) {
            log_info("server.stopping", F_I64("signal", signal_number));
            return;
        }
        reload(p);
    }
}

static Rc start_modules(Platform *p, size_t *ret_started, Error *err)
{
    for (size_t i = 0; i < p->n_modules; i++) {
        if (p->modules[i]->start) {
            Ctx *cx = ctx_new_system(p, p->modules[i]->name);
            Rc rc = p->modules[i]->start(cx);
            ctx_end(cx);
            if (rc != RC_OK) {
                *err = cx->error;
                error_prefix(err, "module %s", p->modules[i]->name);
                ctx_free(cx);
                return rc;
            }
            ctx_free(cx);
        }
        *ret_started = i + 1;
    }
    return RC_OK;
}

static void stop_modules(Platform *p, size_t started)
{
    while (started-- > 0) {
        if (p->modules[started]->stop) {
            p->modules[started]->stop(p);
        }
    }
}

static Rc check_base_url(Str base, Error *err)
{
    Url url;
    bool is_usable = url_parse(base, &url) && url.host.len > 0 &&
                     (str_is(url.scheme, "http") || str_is(url.scheme, "https"));
    return base.len == 0 || is_usable
               ? RC_OK
               : error_set(err, RC_INVALID, "must be a URL such as https://fairway.example.com");
}

/* *ret_url: where it listens; people may know it by another (server.base_url). */
static Rc listen_on(App *app, Api *api, Str *ret_url, Error *err)
{
    Settings *settings = app->platform.settings;
    Str known_as = settings_str(settings, "server.base_url");
    HttpServerOptions options = {
        .host = settings_str(settings, "server.host"),
        .port = (uint16_t)settings_int(settings, "server.port"),
        .io_threads = (unsigned)settings_int(settings, "http.io_threads"),
        .workers = (unsigned)settings_int(settings, "http.workers"),
        .max_connections = (unsigned)settings_int(settings, "http.max_connections"),
        .idle_timeout_s =
            (int)(settings_duration_us(settings, "http.idle_timeout") / US_PER_SECOND),
    };
    TRY(app_blame_setting(settings, "server.base_url", check_base_url(known_as, err), err));
    TRY(app_read_tls(settings, app->arena, &options, err));
    Rc rc = http_server_start(&options, api_http_app(api), &app->platform.server, err);
    bool is_about_port = rc == RC_CONFLICT || rc == RC_DENIED;
    TRY(app_blame_setting(settings, is_about_port ? "server.port" : "server.host", rc, err));
    bool is_ipv6 = str_find_char(options.host, ':') != SIZE_MAX;
    *ret_url = str_fmt(app->arena, "http%s://%s%.*s%s:%u", options.tls_cert_pem ? "s" : "",
                       is_ipv6 ? "[" : "", STR_ARG(options.host), is_ipv6 ? "]" : "",
                       http_server_port(app->platform.server));
    while (str_ends(known_as, STR("/"))) {
        known_as.len--;
    }
    app->platform.base_url = known_as.len ? known_as : *ret_url;
    return RC_OK;
}

/* Another process on the same database has news. */
static void on_notice(void *user, unsigned topics)
{
    Platform *p = user;
    if (topics & TOPIC_EVENTS) {
        events_wake(p->events);
    }
    if (topics & TOPIC_JOBS) {
        jobs_wake(p->jobs);
    }
    if (topics & TOPIC_ACCESS) {
        access_news();
    }
    if (topics & TOPIC_IDENTITY) {
        identity_on_notice();
    }
    if (topics & (TOPIC_ACCESS | TOPIC_IDENTITY)) {
        events_wake(p->events); /* streams that may not go on end at once */
    }
}

/* Somebody must be able to sign in. The link goes to standard output and no log: it is a secret. */
static Rc bootstrap(Platform *p, bool is_open, Error *err)
{
    Str link = STR_EMPTY;
    if (is_open) {
        return RC_OK;
    }
    Ctx *cx = ctx_new_system(p, "bootstrap");
    Rc rc = identity_bootstrap(cx, access_make_administrator, &link);
    if (rc != RC_OK) {
        *err = cx->error;
    } else if (link.len > 0) {
        printf("Nobody can sign in yet. This link sets the administrator's password, once, within "
               "an hour:\n  %.*s\n",
               STR_ARG(link));
    }
    ctx_free(cx);
    return rc;
}

/* Between building and freeing: everything that has threads. */
static Rc run(App *app, const sigset_t *signals, Error *err)
{
    Platform *p = &app->platform;
    ApiOptions options = {.static_files = portal_serve,
                          .page = portal_answer,
                          .request_time_us =
                              settings_duration_us(p->settings, "http.request_timeout")};
    Api *api = NULL;
    size_t started = 0;
    Str url = STR_EMPTY;
    TRY(authentication(p, &options, err));
    TRY(app_gateway(p, &options, err));
    Rc rc = telemetry_start(p, err);
    if (rc != RC_OK) {
        limits_free(options.limits);
        return rc;
    }
    rc = db_listen(p->db, on_notice, p, err);
    if (rc == RC_OK) {
        rc = api_new(p, &options, &api, err);
    }
    if (rc == RC_OK) {
        rc = listen_on(app, api, &url, err);
    }
    if (rc == RC_OK) {
        rc = start_modules(p, &started, err);
    }
    if (rc == RC_OK) {
        rc = audit_start(p->audit, err);
    }
    if (rc == RC_OK) {
        rc = events_start(p->events, err);
    }
    if (rc == RC_OK) {
        rc = jobs_start(p->jobs, err);
    }
    if (rc == RC_OK) {
        rc = bootstrap(p, options.authenticate == NULL, err);
    }
    if (rc == RC_OK) {
        log_info("server.ready", F_STR("url", url), F_CSTR("version", FAIRWAY_VERSION),
                 F_I64("start_ms", (time_now_us() - p->started_us) / US_PER_MS));
        printf("Fairway is ready at %.*s\n", STR_ARG(url));
        IGNORE(fflush(stdout)); /* nobody may be reading */
        wait_for_end(p, signals);
    }
    if (p->server) {
        http_server_stop(p->server, settings_duration_us(p->settings, "server.shutdown_grace"));
    }
    jobs_stop(p->jobs);
    /* What is left is delivered anew by the next process; nothing is worth waiting for. */
    db_hurry(p->db);
    audit_stop(p->audit);
    events_stop(p->events);
    stop_modules(p, started);
    http_server_free(p->server);
    db_listen_stop(p->db);
    telemetry_stop(p);
    api_free(api);
    limits_free(options.limits);
    return rc;
}

int serve_command(int argc, char **argv)
{
    sigset_t signals;
    tune_allocator();
    block_signals(&signals);
    raise_open_files();
    Settings *settings = app_load_settings(argc, argv);
    if (!settings) {
        return EXIT_USAGE;
    }
    Error err = {0};
    App *app;
    Rc rc = app_build(settings, true, &app, &err);
    if (rc == RC_OK) {
        rc = run(app, &signals, &err);
        app_free(app);
    }
    if (rc != RC_OK) {
        app_print_error("starting", &err);
        return rc == RC_INVALID || rc == RC_DENIED ? EXIT_USAGE : EXIT_FAILED;
    }
    return EXIT_OK;
}
