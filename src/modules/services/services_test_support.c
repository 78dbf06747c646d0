/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/services/services_test_support.h"

#include "base/file.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char database[512];

static const char *const migrations[] = {"0001_platform", "0002_events_jobs",  "0003_organizations",
                                         "0010_catalog",  "0011_entity_tails", "0020_services",
                                         "0030_identity", "0036_people"};

void must(Rc rc, const Ctx *cx)
{
    if (rc != RC_OK) {
        fprintf(stderr, "%s (%s)\n", cx->error.message, cx->error.detail);
        abort();
    }
}

static const char *read_sql(Arena *arena, const char *name, const char *suffix, Error *err)
{
    Str text;
    Str path = str_fmt(arena, "%s/db/migrations/%s%s", TEST_SOURCE_DIR, name, suffix);
    Rc rc = file_read(arena, str_cstr(arena, path), MIB, &text, err);
    return rc == RC_OK ? str_cstr(arena, text) : NULL;
}

static void migrate(Db *db)
{
    Migration all[ARRAY_LEN(migrations)];
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Error err = {0};
    size_t applied;
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
        all[i] = (Migration){migrations[i], read_sql(arena, migrations[i], ".sql", &err),
                             read_sql(arena, migrations[i], ".pg.sql", &err)};
    }
    if (db_migrate(db, all, ARRAY_LEN(all), &applied, &err) != RC_OK) {
        fprintf(stderr, "migrating: %s (%s)\n", err.message, err.detail);
        abort();
    }
}

TestPlatform *test_services_new(DbKind kind)
{
    const char *url = test_database_url(kind);
    if (!url) {
        return NULL;
    }
    snprintf(database, sizeof(database), "%s", url);
    TestPlatform *t = test_platform_new(database, NULL);
    migrate(t->platform.db);
    return t;
}

TestPlatform *test_services_again(void)
{
    return test_platform_new(database, NULL);
}

/* ---- statements */

PRINTF_FORMAT(2, 0) static Str format(Arena *arena, const char *fmt, va_list ap)
{
    Buf out = buf_init(arena, MIB);
    buf_vfmt(&out, fmt, ap);
    return buf_str(&out);
}

void run_sql(Platform *p, const char *fmt, ...)
{
    Ctx *cx = ctx_new_system(p, "test");
    va_list ap;
    va_start(ap, fmt);
    Str sql = format(cx->arena, fmt, ap);
    va_end(ap);
    must(ctx_begin(cx), cx);
    must(tx_exec_sql(cx->tx, sql, NO_PARAMS, NULL, &cx->error), cx);
    must(ctx_commit(cx), cx);
    ctx_free(cx);
}

PRINTF_FORMAT(2, 0) static const char *first_column(Platform *p, const char *fmt, va_list ap)
{
    static char text[1024];
    Ctx *cx = ctx_new_system(p, "test");
    Rows *rows;
    must(ctx_read(cx), cx);
    must(tx_query_sql(cx->tx, format(cx->arena, fmt, ap), NO_PARAMS, &rows, &cx->error), cx);
    text[0] = '\0';
    if (rows_next(rows)) {
        snprintf(text, sizeof(text), "%.*s", STR_ARG(rows_str(rows, 0)));
    }
    rows_end(rows);
    ctx_free(cx);
    return text;
}

int64_t number_of_sql(Platform *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int64_t n = strtoll(first_column(p, fmt, ap), NULL, 10);
    va_end(ap);
    return n;
}

const char *text_of_sql(Platform *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = first_column(p, fmt, ap);
    va_end(ap);
    return text;
}

/* ---- rows */

void add_entity(Platform *p, const char *kind, const char *name, const char *owner)
{
    static int64_t n = 1;
    run_sql(p,
            "INSERT INTO entities (n, id, ref, kind, namespace, name, owner_ref, body, etag, "
            "input_hash, source_id, location, created_at, updated_at) VALUES (%lld, 'id-%s', "
            "'%s:default/%s', '%s', 'default', '%s', '%s', '{\"metadata\":{\"name\":\"%s\"}', "
            "'', '', '', 'api:', 0, 0)",
            (long long)n++, name, kind, name, kind, name, owner, name);
}

void add_relation(Platform *p, const char *source, const char *type, const char *target)
{
    run_sql(p,
            "INSERT INTO entity_relations (origin, source_ref, type, target_ref) VALUES (1, '%s', "
            "'%s', '%s')",
            source, type, target);
}

void add_check(
    Platform *p, const char *service, const char *name, int64_t interval_s, int64_t due_us)
{
    run_sql(p,
            "INSERT INTO health_checks (id, revision, created_at, updated_at, service_id, name, "
            "endpoint, method, expected_status, interval_seconds, timeout_seconds, enabled) VALUES "
            "('%s', 1, 0, 0, '%s', '%s', 'http://example.com/', 'HEAD', 204, %lld, 10, 1)",
            name, service, name, (long long)interval_s);
    run_sql(p,
            "INSERT INTO service_health (service_id, status, changed_at) VALUES ('%s', 'unknown', "
            "0) ON CONFLICT DO NOTHING",
            service);
    run_sql(p,
            "INSERT INTO health_check_states (check_id, service_id, interval_us, timeout_us, "
            "next_run_at, status, failures, changed_at) VALUES ('%s', '%s', %lld, %lld, %lld, "
            "'unknown', 0, 0)",
            name, service, (long long)interval_s * US_PER_SECOND, 10LL * US_PER_SECOND,
            (long long)due_us);
}
