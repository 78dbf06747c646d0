/* SPDX-License-Identifier: Apache-2.0 */
#include "app/access_test_bench.h"

#include "base/file.h"
#include "base/log.h"

#include "modules/access/access.h"
#include "modules/catalog/catalog.h"
#include "platform/records/records.h"
#include "test_pg.h"

#include <stdio.h>
#include <stdlib.h>

static void must(Rc rc, const Error *err)
{
    if (rc != RC_OK) {
        fail_msg("%s (%s)", err->message, err->detail);
    }
}

/* Believes "X-Test-User: alice" and "X-Test-User: alice/key". */
static Rc authenticate(Ctx *cx, const Call *call)
{
    Str user = call_header(call, "X-Test-User"), rest = user, part;
    if (user.len == 0) {
        return (fail)(cx, RC_UNAUTH, "Sign in first");
    }
    str_split(&rest, '/', &part);
    cx->actor = (Actor){.kind = ACTOR_USER, .id = part, .name = part, .key_id = rest};
    return RC_OK;
}

static int make(void **state, const char *database)
{
    AccessBench *b = calloc(1, sizeof(*b));
    Error err = {0};
    *state = b;
    log_configure(LOG_OFF, LOG_TEXT);
    b->arena = arena_new(0);
    snprintf(b->folder, sizeof(b->folder), "/tmp/fairway-access-XXXXXX");
    if (!mkdtemp(b->folder)) {
        return -1;
    }
    char *arguments[] = {(char[]){"--data"}, b->folder, (char[]){"--database"}, NULL};
    int n = 2;
    if (database) {
        char *url = arena_dup(b->arena, database, strlen(database) + 1);
        arguments[3] = url;
        n = 4;
    }
    SettingsSource source = {.argc = n, .argv = arguments};
    Settings *settings;
    must(settings_load(&source, &settings, &err), &err);
    must(app_build(settings, true, &b->app, &err), &err);
    must(access_enforce(&b->app->platform, &err), &err);
    ApiOptions options = {.authenticate = authenticate, .authorize = access_authorize};
    must(api_new(&b->app->platform, &options, &b->api, &err), &err);
    Ctx *cx = ctx_new_system(&b->app->platform, "test");
    must(access_module.start(cx), &cx->error);
    ctx_end(cx);
    must(catalog_module.start(cx), &cx->error); /* teams are entities */
    ctx_free(cx);
    return 0;
}

int access_bench_sqlite(void **state)
{
    return make(state, NULL);
}

int access_bench_pg(void **state)
{
    const char *url = test_pg_url();
    if (url) {
        return make(state, url);
    }
    *state = calloc(1, sizeof(AccessBench));
    return 0;
}

int access_bench_free(void **state)
{
    AccessBench *b = *state;
    if (b->app) {
        catalog_module.stop(&b->app->platform);
        api_free(b->api);
        app_free(b->app);
        arena_free(b->arena);
        IGNORE(file_remove_tree(b->folder, NULL)); /* of /tmp */
    }
    free(b);
    return 0;
}

AccessBench *need_access_bench(void **state)
{
    AccessBench *b = *state;
    if (!b->app) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
    return b;
}

Str id_of(AccessBench *b, const char *name)
{
    Str id = str_fmt(b->arena, "00000000-0000-7000-8000-");
    Buf hex = buf_init(b->arena, KIB);
    buf_put(&hex, id);
    for (size_t i = 0; i < 6; i++) {
        buf_fmt(&hex, "%02x", i < strlen(name) ? (unsigned)(unsigned char)name[i] : 0U);
    }
    return buf_str(&hex);
}

void run_access_sql(AccessBench *b, const char *sql)
{
    Ctx *cx = ctx_new_system(&b->app->platform, "test");
    must(ctx_begin(cx), &cx->error);
    must(tx_exec_sql(cx->tx, str_from(sql), NO_PARAMS, NULL, &cx->error), &cx->error);
    must(ctx_commit(cx), &cx->error);
    ctx_free(cx);
}

static void insert(AccessBench *b, Str sql)
{
    run_access_sql(b, str_cstr(b->arena, sql));
}

void add_organization(AccessBench *b, const char *name)
{
    insert(b,
           str_fmt(b->arena,
                   "INSERT INTO organizations (id, revision, created_at, updated_at, name, slug) "
                   "VALUES ('%.*s', 1, 0, 0, '%s', '%s')",
                   STR_ARG(id_of(b, name)), name, name));
}

void add_team(AccessBench *b, const char *name, const char *organization)
{
    insert(b,
           str_fmt(b->arena,
                   "INSERT INTO teams (id, revision, created_at, updated_at, org_id, name, slug, "
                   "entity_ref) VALUES ('%.*s', 1, 0, 0, '%.*s', '%s', '%s', 'group:default/%s')",
                   STR_ARG(id_of(b, name)), STR_ARG(id_of(b, organization)), name, name, name));
}

void add_service(AccessBench *b, const char *name, const char *team)
{
    static int64_t n = 1;
    insert(b, str_fmt(b->arena,
                      "INSERT INTO entities (n, id, ref, kind, namespace, name, owner_ref, body, "
                      "etag, input_hash, source_id, location, type, lifecycle, created_at, "
                      "updated_at) VALUES (%lld, '%.*s', 'component:default/%s', 'component', "
                      "'default', '%s', 'group:default/%s', "
                      "'{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":"
                      "\"Component\",\"metadata\":{\"name\":\"%s\"}', '', "
                      "'', '', 'api:', 'service', 'production', 0, 0)",
                      (long long)n++, STR_ARG(id_of(b, name)), name, name, team, name));
}

void add_user(AccessBench *b, const char *name)
{
    insert(b, str_fmt(b->arena,
                      "INSERT INTO users (id, revision, created_at, updated_at, name, email, "
                      "status, entity_ref) SELECT '%.*s', 1, 0, 0, '%s', '%s@x.org', 'active', "
                      "'user:default/%s' WHERE NOT EXISTS (SELECT 1 FROM users WHERE name = '%s')",
                      STR_ARG(id_of(b, name)), name, name, name, name));
}

void add_member(AccessBench *b, const char *user, const char *team)
{
    Ctx *cx = ctx_new_system(&b->app->platform, "test");
    Json *values = json_object(cx->arena);
    add_user(b, user);
    json_set_str(cx->arena, values, "team_id", id_of(b, team));
    json_set_str(cx->arena, values, "user_id", id_of(b, user));
    must(ctx_begin(cx), &cx->error);
    must(record_create(cx, "TeamMembership", values, NULL), &cx->error);
    must(ctx_commit(cx), &cx->error);
    ctx_free(cx);
}

Str bind_role(AccessBench *b,
              const char *subject_kind,
              const char *subject,
              const char *role_id,
              const char *scope_kind,
              const char *scope,
              const char *effect)
{
    Ctx *cx = ctx_new_system(&b->app->platform, "test");
    Json *values = json_object(cx->arena), *record;
    if (strcmp(subject_kind, "user") == 0) {
        add_user(b, subject);
    }
    json_set_str(cx->arena, values, "subject_kind", str_from(subject_kind));
    json_set_str(cx->arena, values, "subject_id", id_of(b, subject));
    json_set_str(cx->arena, values, "role_id", str_from(role_id));
    json_set_str(cx->arena, values, "scope_kind", str_from(scope_kind));
    if (scope) {
        json_set_str(cx->arena, values, "scope_id", id_of(b, scope));
    }
    json_set_str(cx->arena, values, "effect", str_from(effect));
    must(ctx_begin(cx), &cx->error);
    must(record_create(cx, "RoleBinding", values, &record), &cx->error);
    Str id = str_dup(b->arena, json_str_at(record, "id"));
    must(ctx_commit(cx), &cx->error);
    ctx_free(cx);
    return id;
}

/* "{red}" → the id that is made of red. */
static Str fill(AccessBench *b, const char *text)
{
    Buf out = buf_init(b->arena, MIB);
    for (const char *p = text; p && *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        size_t len = end ? (size_t)(end - p) : 0;
        if (len > 1 && len <= 7 && p[1] >= 'a' && p[1] <= 'z') {
            buf_put(&out, id_of(b, str_cstr(b->arena, str_of(p + 1, len - 1))));
            p = end;
        } else {
            buf_char(&out, *p);
        }
    }
    return buf_str(&out);
}

static Str user_header(AccessBench *b, const char *user)
{
    Str rest = str_from(user), name, key;
    str_split(&rest, '/', &name);
    key = rest;
    Str id = id_of(b, str_cstr(b->arena, name));
    return key.len == 0 ? id
                        : str_fmt(b->arena, "%.*s/%.*s", STR_ARG(id),
                                  STR_ARG(id_of(b, str_cstr(b->arena, key))));
}

Ctx *ctx_as(AccessBench *b, const char *user)
{
    Ctx *cx = ctx_new_system(&b->app->platform, "test");
    Str id = user_header(b, user), rest = id, part;
    str_split(&rest, '/', &part);
    cx->actor = (Actor){.kind = ACTOR_USER, .id = part, .name = part, .key_id = rest};
    return cx;
}

int call_as(AccessBench *b, const char *user, const char *text, const char *body, Str *ret_body)
{
    Str rest = fill(b, text), method;
    HttpPair header = {STR("X-Test-User"), STR_EMPTY};
    Ctx cx = {.arena = b->arena,
              .platform = &b->app->platform,
              .deadline_us = INT64_MAX,
              .request_id = STR("req-00001")};
    Call call;
    str_split(&rest, ' ', &method);
    if (user[0]) {
        header.value = user_header(b, user);
    }
    api_call(b->api, &cx, http_method_parse(method), rest, &header, user[0] ? 1 : 0,
             body ? fill(b, body) : STR_EMPTY, &call);
    if (ret_body) {
        *ret_body = call.reply.body;
    }
    return call.reply.status;
}

void expect(AccessBench *b,
            const char *user,
            const char *call,
            const char *body,
            int status,
            const char *text)
{
    Str answer;
    int got = call_as(b, user, call, body, &answer);
    if (got != status || (text && str_find(answer, str_from(text)) == SIZE_MAX)) {
        fail_msg("%s %s: %d (wanted %d, %s): %.*s", user, call, got, status, text ? text : "",
                 STR_ARG(answer));
    }
}

AccessBench *access_world(void **state)
{
    AccessBench *b = need_access_bench(state);
    add_organization(b, "acme");
    add_organization(b, "other");
    add_team(b, "red", "acme");
    add_team(b, "blue", "acme");
    add_team(b, "black", "other");
    add_service(b, "cart", "red");
    add_service(b, "stock", "blue");
    add_service(b, "vault", "black");
    bind_role(b, "user", "root", ROLE_ADMIN, "platform", NULL, "allow");
    bind_role(b, "user", "view", ROLE_VIEWER, "organization", "acme", "allow");
    return b;
}
