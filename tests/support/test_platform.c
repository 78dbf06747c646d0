/* SPDX-License-Identifier: Apache-2.0 */
#include "test_platform.h"

#include "base/file.h"

#include "platform/events/events.h"
#include "platform/jobs/jobs.h"
#include "platform/metrics/metrics.h"
#include "platform/module.h"
#include "platform/settings/settings.h"
#include "test_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static char url_text[128];
static unsigned n_files;

static void must(Rc rc, const Error *err, const char *what)
{
    if (rc != RC_OK) {
        fprintf(stderr, "test_platform: %s: %s (%s)\n", what, err->message, err->detail);
        abort();
    }
}

const char *test_database_url(DbKind kind)
{
    if (kind == DB_POSTGRES) {
        return test_pg_url();
    }
    if (folder[0] == '\0') {
        snprintf(folder, sizeof(folder), "/tmp/fairway-test-XXXXXX");
        if (!mkdtemp(folder)) {
            abort();
        }
    }
    snprintf(url_text, sizeof(url_text), "sqlite:%s/%u.db", folder, n_files++);
    return url_text;
}

void test_database_end(void)
{
    Error err = {0};
    if (folder[0] != '\0') {
        must(file_remove_tree(folder, &err), &err, "removing the databases");
        folder[0] = '\0';
    }
}

static Str read_sql(Arena *arena, const char *name, const char *suffix)
{
    Error err = {0};
    Str text = STR_EMPTY;
    Str path = str_fmt(arena, "%s/db/migrations/%s%s", TEST_SOURCE_DIR, name, suffix);
    Rc rc = file_read(arena, str_cstr(arena, path), MIB, &text, &err);
    if (rc != RC_NOT_FOUND) {
        must(rc, &err, name);
    }
    return text;
}

static void migrate(Db *db)
{
    static const char *const names[] = {"0001_platform", "0002_events_jobs", "0032_audit"};
    Migration migrations[ARRAY_LEN(names)];
    Arena *arena = arena_new(0);
    Error err = {0};
    size_t applied;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Str pg = read_sql(arena, names[i], ".pg.sql");
        migrations[i] = (Migration){names[i], str_cstr(arena, read_sql(arena, names[i], ".sql")),
                                    pg.len ? str_cstr(arena, pg) : NULL};
    }
    must(db_migrate(db, migrations, ARRAY_LEN(names), &applied, &err), &err, "migrating");
    arena_free(arena);
}

TestPlatform *test_platform_new(const char *url, const Module *module)
{
    TestPlatform *t = calloc(1, sizeof(*t));
    Platform *p = &t->platform;
    SettingsSource source = {0};
    Error err = {0};
    if (!t) {
        abort();
    }
    snprintf(t->instance, sizeof(t->instance), "%s", uuid_v7().text);
    p->instance = t->instance;
    p->modules = t->modules;
    t->modules[0] = module;
    p->n_modules = module ? 1 : 0;
    must(settings_load(&source, &p->settings, &err), &err, "settings");
    must(metrics_new(&p->metrics, &err), &err, "metrics");
    must(db_open(url, &(DbOptions){0}, &p->db, &err), &err, "opening the database");
    migrate(p->db);
    must(events_new(p, &p->events, &err), &err, "events");
    must(jobs_new(p, &p->jobs, &err), &err, "jobs");
    return t;
}

void test_platform_free(TestPlatform *t)
{
    if (!t) {
        return;
    }
    Platform *p = &t->platform;
    jobs_stop(p->jobs);
    events_stop(p->events);
    jobs_free(p->jobs);
    events_free(p->events);
    db_close(p->db);
    metrics_free(p->metrics);
    settings_free(p->settings);
    free(t);
}
