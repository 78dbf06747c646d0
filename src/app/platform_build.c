/* SPDX-License-Identifier: Apache-2.0
 * Builds the Platform: database, secrets, contract, records, events, jobs. What serve, migrate,
 * backup and doctor share. */
#include "base/time.h"

#include "app/app.h"
#include "contract_handlers.h"
#include "migrations.h"
#include "net/http_client.h"
#include "platform/audit/audit.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs.h"
#include "platform/metrics/metrics.h"
#include "platform/records/records.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

static Rc open_database(App *app, bool migrate, Error *err)
{
    Platform *p = &app->platform;
    TRY(app_open_database(p->settings, app->arena, &p->db, err));
    if (migrate) {
        size_t applied;
        return db_migrate(p->db, fairway_migrations, fairway_n_migrations, &applied, err);
    }
    size_t pending;
    TRY(db_migrations_pending(p->db, fairway_migrations, fairway_n_migrations, &pending, err));
    if (pending) {
        return error_set(
            err, RC_PRECONDITION_REQUIRED,
            "the database lacks %zu migrations; run `fairway migrate` or start the server once",
            pending);
    }
    return RC_OK;
}

static Rc build(App *app, bool migrate, Error *err)
{
    Platform *p = &app->platform;
    p->data_dir = app_data_dir(p->settings, app->arena);
    p->started_us = time_now_us();
    Uuid instance = uuid_v7();
    p->instance = str_cstr(app->arena, uuid_str(&instance));
    size_t n_modules;
    app->modules = ARENA_ARRAY(app->arena, const Module *, app_n_modules);
    Str services = settings_str(p->settings, "services");
    if (services.len > 0 && !str_is(settings_str(p->settings, "auth.mode"), "open")) {
        services =
            str_fmt(app->arena, "%.*s,identity", STR_ARG(services)); /* who asks whom else? */
    }
    Rc rc = app_enabled_modules(services, app->modules, &n_modules, err);
    TRY(app_blame_setting(p->settings, "services", rc, err));
    p->modules = app->modules;
    p->n_modules = n_modules;
    TRY(metrics_new(&p->metrics, err));
    TRY(open_database(app, migrate, err));
    TRY(db_appear(p->db, str_from(p->instance), err));
    rc = secrets_new(p->data_dir, settings_str(p->settings, "secret.key"), &p->secrets, err);
    TRY(app_blame_setting(p->settings, "secret.key", rc, err));
    rc = secrets_add_old(p->secrets, settings_str(p->settings, "secret.old_keys"), err);
    TRY(app_blame_setting(p->settings, "secret.old_keys", rc, err));
    HttpClientOptions http = {.user_agent = "Fairway/" FAIRWAY_VERSION};
    TRY(http_client_new(&http, &p->http, err));
    TRY(contract_load(str_of((const char *)contract_data, contract_len), contract_handlers,
                      contract_n_handlers, records_serve, &p->contract, err));
    TRY(records_new(p->contract, p->modules, p->n_modules, &p->records, err));
    TRY(audit_new(p, &p->audit, err));
    TRY(events_new(p, &p->events, err));
    return jobs_new(p, &p->jobs, err);
}

Rc app_build(Settings *settings, bool migrate, App **ret, Error *err)
{
    Arena *arena = arena_new(0);
    App *app = ARENA_NEW(arena, App);
    app->arena = arena;
    app->platform.settings = settings;
    Rc rc = build(app, migrate, err);
    if (rc != RC_OK) {
        app_free(app);
        return rc;
    }
    *ret = app;
    return RC_OK;
}

void app_free(App *app)
{
    if (!app) {
        return;
    }
    Platform *p = &app->platform;
    jobs_free(p->jobs);
    events_free(p->events);
    audit_free(p->audit);
    records_free(p->records);
    contract_free(p->contract);
    http_client_free(p->http);
    secrets_free(p->secrets);
    db_close(p->db);
    metrics_free(p->metrics);
    settings_free(p->settings);
    arena_free(app->arena);
}
