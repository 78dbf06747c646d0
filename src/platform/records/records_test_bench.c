/* SPDX-License-Identifier: Apache-2.0
 * A platform with one database for tests, and calls into records_serve without a server. */
#include "base/buf.h"
#include "base/file.h"

#include "platform/events/events.h"
#include "platform/metrics/metrics.h"
#include "platform/records/records_test.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"
#include "test_pg.h"

#include <unistd.h>

static char folder[64];

/* As the build embeds it: with its PostgreSQL variant. */
static Rc read_migration(Bench *b, const char *name, Migration *ret, Error *err)
{
    Str sql, sql_pg;
    Str base = str_fmt(b->arena, "%s/db/migrations/%s", TEST_SOURCE_DIR, name);
    TRY(file_read(b->arena, str_cstr(b->arena, str_fmt(b->arena, "%.*s.sql", STR_ARG(base))), MIB,
                  &sql, err));
    TRY(file_read(b->arena, str_cstr(b->arena, str_fmt(b->arena, "%.*s.pg.sql", STR_ARG(base))),
                  MIB, &sql_pg, err));
    *ret = (Migration){name, str_cstr(b->arena, sql), str_cstr(b->arena, sql_pg)};
    return RC_OK;
}

static Rc build(Bench *b, const char *url, const BenchOptions *o, Error *err)
{
    Platform *p = &b->platform;
    SettingsSource none = {.argc = 0};
    Migration all[24];
    size_t n = 0, applied;
    Str text;
    *p = (Platform){.modules = o->modules, .n_modules = o->n_modules, .data_dir = folder};
    TRY(read_migration(b, "0001_platform", &all[n++], err));
    TRY(read_migration(b, "0002_events_jobs", &all[n++], err));
    TRY(read_migration(b, "0032_audit", &all[n++], err));
    for (size_t i = 0; i < ARRAY_LEN(o->migrations) && o->migrations[i]; i++) {
        TRY(read_migration(b, o->migrations[i], &all[n++], err));
    }
    all[n++] = o->extra;
    TRY(settings_load(&none, &p->settings, err));
    TRY(metrics_new(&p->metrics, err));
    TRY(db_open(url, &(DbOptions){.readers = 12}, &p->db, err));
    TRY(db_migrate(p->db, all, n, &applied, err));
    TRY(secrets_new(folder, STR_EMPTY, &p->secrets, err));
    TRY(file_read(b->arena, o->contract, 4 * MIB, &text, err));
    TRY(contract_load(text, NULL, 0, records_serve, &p->contract, err));
    TRY(records_new(p->contract, o->modules, o->n_modules, &p->records, err));
    return events_new(p, &p->events, err);
}

int bench_new(void **state, const BenchOptions *options)
{
    static int n;
    Arena *arena = arena_new(0);
    Bench *b = ARENA_NEW(arena, Bench);
    Error err = {0};
    const char *url = options->on_postgres
                          ? test_pg_url()
                          : str_cstr(arena, str_fmt(arena, "sqlite:%s/%d.db", folder, n++));
    b->arena = arena;
    *state = b;
    if (url && build(b, url, options, &err) != RC_OK) {
        print_error("%s (%s)\n", err.message, err.detail);
        return -1;
    }
    return 0;
}

int bench_free(void **state)
{
    Bench *b = *state;
    Platform *p = &b->platform;
    if (p->db) {
        events_free(p->events);
        records_free(p->records);
        contract_free(p->contract);
        secrets_free(p->secrets);
        db_close(p->db);
        metrics_free(p->metrics);
        settings_free(p->settings);
    }
    arena_free(b->arena);
    return 0;
}

Bench *need_bench(void **state)
{
    Bench *b = *state;
    if (!b->platform.db) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
    return b;
}

/* ---- calls */

static HttpPair pair_of_header(Arena *arena, const char *header)
{
    Str text = str_from(header);
    size_t colon = str_find_char(text, ':');
    return (HttpPair){str_dup(arena, str_sub(text, 0, colon)),
                      str_trim(str_from_index(text, colon + 1))};
}

static Str decode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, MIB);
    assert_true(buf_unurl(&out, s, true));
    return str_dup(arena, buf_str(&out));
}

static void parse_query(Arena *arena, Str text, Call *call)
{
    enum { PAIRS_MAX = 256 };
    HttpPair *pairs = ARENA_ARRAY(arena, HttpPair, PAIRS_MAX);
    Str part;
    while (text.len > 0 && call->n_query < PAIRS_MAX && str_split(&text, '&', &part)) {
        size_t equals = str_find_char(part, '=');
        Str value = equals == SIZE_MAX ? STR_EMPTY : str_from_index(part, equals + 1);
        pairs[call->n_query++] =
            (HttpPair){decode(arena, str_sub(part, 0, equals)), decode(arena, value)};
    }
    call->query = pairs;
}

static Str error_text(Arena *arena, const Error *err)
{
    Buf out = buf_init(arena, 8 * KIB);
    buf_fmt(&out, "%s", err->message);
    for (unsigned i = 0; i < err->n_fields; i++) {
        buf_fmt(&out, " | %s: %s", err->fields[i].pointer, err->fields[i].message);
    }
    return buf_str(&out);
}

static Rc run(Ctx *cx, Call *call, Str target, HttpMethod method, const char *body)
{
    Str allow;
    size_t mark = str_find_char(target, '?');
    TRY(contract_match(cx->platform->contract, method, str_sub(target, 0, mark), cx->arena,
                       &call->op, call->path, &call->n_path, &allow));
    parse_query(cx->arena, mark == SIZE_MAX ? STR_EMPTY : str_from_index(target, mark + 1), call);
    if (body) {
        TRY(json_parse(cx->arena, str_from(body), NULL, &call->body, &cx->error));
    }
    return records_serve(cx, call);
}

Answer bench_call(Bench *b, Arena *arena, const char *text, const char *header, const char *body)
{
    HttpPair pair;
    Call call = {.raw_body = str_from(body)};
    Ctx cx = {
        .arena = arena,
        .platform = &b->platform,
        .actor = {ACTOR_USER, STR("0192a3b4-c5d6-7e8f-9012-3456789abcde"), STR("alice")},
        .deadline_us = INT64_MAX,
        .request_id = STR("request"),
        .address = STR("127.0.0.1")
    };
    Str rest = str_from(text), method;
    str_split(&rest, ' ', &method);
    if (header) {
        pair = pair_of_header(arena, header);
        call.headers = &pair;
        call.n_headers = 1;
    }
    Rc rc = run(&cx, &call, rest, http_method_parse(method), body);
    ctx_end(&cx);
    Answer a = {.status = rc == RC_OK ? call.reply.status : rc_status(rc)};
    if (rc != RC_OK) {
        a.body = error_text(arena, &cx.error);
        return a;
    }
    a.status = a.status ? a.status : 200;
    a.body = call.reply.body;
    a.n_headers = call.reply.n_headers;
    memcpy(a.headers, call.reply.headers, sizeof(a.headers));
    return a;
}

Str answer_header(const Answer *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (str_is(a->headers[i].name, name)) {
            return a->headers[i].value;
        }
    }
    return STR_EMPTY;
}

Str answer_id(Arena *arena, const Answer *a)
{
    Json *record;
    assert_int_equal(json_parse(arena, a->body, NULL, &record, NULL), RC_OK);
    return json_str_at(record, "id");
}

Str bench_text(Bench *b, Arena *arena, const char *sql)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Error err = {0};
    assert_int_equal(db_read(b->platform.db, false, &tx, &err), RC_OK);
    assert_int_equal(tx_query_sql(tx, str_from(sql), NO_PARAMS, &rows, &err), RC_OK);
    assert_true(rows_next(rows));
    return rows_dup(rows, 0, arena);
}

int64_t bench_count(Bench *b, const char *sql)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    int64_t n;
    assert_true(str_to_i64(bench_text(b, arena, sql), &n));
    return n;
}

const char *bench_folder(void)
{
    return folder;
}

int bench_make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/fairway-records-XXXXXX", sizeof("/tmp/fairway-records-XXXXXX"));
    return mkdtemp(folder) ? 0 : -1;
}

int bench_remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL) == RC_OK ? 0 : -1;
}
