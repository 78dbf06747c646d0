/* SPDX-License-Identifier: Apache-2.0
 * The records engine on both databases: scenarios, lists, concurrency, faults. */
#include "platform/records/records_test.h"

#include "base/buf.h"
#include "base/thread.h"

#include "platform/records/idempotency.h"
#include "platform/secrets/secrets.h"

#define STANDARD                                                                                   \
    "id TEXT PRIMARY KEY, revision BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT, " \
    "updated_at BIGINT NOT NULL, updated_by TEXT"

static const Migration test_tables = {
    .name = "9999_records_test",
    .sql =
        "CREATE TABLE makers (" STANDARD ", name TEXT NOT NULL UNIQUE);"
        "CREATE TABLE things (" STANDARD
        ", deleted_at BIGINT, deleted_by TEXT, name TEXT NOT NULL, "
        "slug TEXT NOT NULL, note TEXT, size BIGINT, weight DOUBLE PRECISION, active BIGINT, color "
        "TEXT, "
        "due_at BIGINT, tags TEXT, settings TEXT, token TEXT, keys TEXT, origin TEXT, status TEXT, "
        "maker_id TEXT REFERENCES makers (id));"
        "CREATE UNIQUE INDEX things_slug_key ON things (slug) WHERE deleted_at IS NULL;"
        "CREATE TABLE parts (" STANDARD ", thing_id TEXT NOT NULL REFERENCES things (id), "
        "name TEXT NOT NULL, UNIQUE (thing_id, name));"
        "CREATE TABLE gadgets (" STANDARD ", name TEXT NOT NULL UNIQUE, upper TEXT, "
        "kind TEXT NOT NULL);",
};

/* ---- a module with hooks; (fail) is the function, fail() the macro of cmocka */

GadgetFault gadget_fault = GADGET_WORKS;
int gadget_presented;

static Rc gadget_prepare(Ctx *cx, RecordChange *change)
{
    if (gadget_fault == GADGET_REFUSES) {
        return fail_field(cx, STR("/name"), "is refused by the hook");
    }
    if (change->after) {
        Buf upper = buf_init(cx->arena, KIB);
        Str name = json_str_at(change->after, "name");
        for (size_t i = 0; i < name.len; i++) {
            buf_char(&upper, (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 32
                                                                             : name.ptr[i]));
        }
        json_set_str(cx->arena, change->after, "upper", buf_str(&upper));
    }
    return RC_OK;
}

/* Its rows have a column that the record does not know. */
static Rc gadget_store(Ctx *cx, RecordChange *change)
{
    static const Query insert = {
        .name = "test.gadget_insert",
        .sql = "INSERT INTO gadgets (id, revision, created_at, updated_at, name, upper, kind) "
               "VALUES ($1, 1, 1, 1, $2, $3, 'gadget')"};
    static const Query update = {
        .name = "test.gadget_update",
        .sql = "UPDATE gadgets SET revision = revision + 1, name = $2, upper = $3 "
               "WHERE id = $1"};
    static const Query remove_row = {.name = "test.gadget_delete",
                                     .sql = "DELETE FROM gadgets WHERE id = $1"};
    if (!change->after) {
        return tx_exec(cx->tx, &remove_row, PARAMS(P_STR(change->id)), NULL, &cx->error);
    }
    Rc rc = tx_exec(cx->tx, change->before ? &update : &insert,
                    PARAMS(P_STR(change->id), P_STR(json_str_at(change->after, "name")),
                           P_STR(json_str_at(change->after, "upper"))),
                    NULL, &cx->error);
    return rc == RC_CONFLICT ? (fail)(cx, RC_CONFLICT, "The store hook has its own words.") : rc;
}

static Rc gadget_written(Ctx *cx, const RecordChange *change)
{
    (void)change;
    return gadget_fault == GADGET_BREAKS ? (fail)(cx, RC_INTERNAL, "The written hook broke.")
                                         : RC_OK;
}

static Rc thing_present(Ctx *cx, Json **records, size_t n)
{
    gadget_presented++;
    for (size_t i = 0; i < n; i++) {
        json_set_c(cx->arena, records[i], "parts_count", json_int(cx->arena, 7));
    }
    return RC_OK;
}

static const RecordHooks hooks[] = {
    {.record = "Gadget",
     .prepare = gadget_prepare,
     .written = gadget_written,
     .store = gadget_store},
    {.record = "Thing", .present = thing_present  },
};
static const Module test_module = {
    .name = "test", .title = "Test", .hooks = hooks, .n_hooks = ARRAY_LEN(hooks)};
static const Module *const test_modules[] = {&test_module};

/* ---- the bench */

static int bench_of_test(void **state, bool on_postgres)
{
    BenchOptions options = {
        .on_postgres = on_postgres,
        .contract = RECORDS_TEST_CONTRACT,
        .extra = test_tables,
        .modules = test_modules,
        .n_modules = ARRAY_LEN(test_modules),
    };
    gadget_fault = GADGET_WORKS;
    gadget_presented = 0;
    return bench_new(state, &options);
}

static int bench_sqlite(void **state)
{
    return bench_of_test(state, false);
}

static int bench_postgres(void **state)
{
    return bench_of_test(state, true);
}

/* ---- tests that are no scenario */

static void test_statements_fit_the_tables(void **state)
{
    Bench *b = need_bench(state);
    Error err = {0};
    Rc rc = records_check(b->platform.records, b->platform.db, &err);
    if (rc != RC_OK) {
        print_error("%s (%s)\n", err.message, err.detail);
    }
    assert_int_equal(rc, RC_OK);
}

static void test_types(void **state)
{
    Bench *b = need_bench(state);
    const RecordType *part = records_type(b->platform.records, STR("Part"));
    assert_str(part->collection, STR("things.parts"));
    assert_str(part->path, STR("/api/things/{thing_id}/parts"));
    assert_str(part->parent_param, STR("thing_id"));
    assert_str(part->module, STR("test"));
    assert_null(records_type(b->platform.records, STR("Nothing")));
    const Operation *op = contract_operation(b->platform.contract, STR("things.parts.list"));
    assert_ptr_equal(op->record, part);
}

/* A change that fails at its last step leaves no row, no audit row, no event, no key. */
static void test_failure_leaves_nothing(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    gadget_fault = GADGET_BREAKS;
    Answer a =
        bench_call(b, arena, "POST /api/gadgets", "Idempotency-Key: k", "{\"name\":\"lamp\"}");
    assert_int_equal(a.status, 500);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM gadgets"), 0);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM audit_logs"), 0);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events"), 0);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM idempotency_keys"), 0);

    gadget_fault = GADGET_WORKS; /* the same key is free for the next try */
    a = bench_call(b, arena, "POST /api/gadgets", "Idempotency-Key: k", "{\"name\":\"lamp\"}");
    assert_int_equal(a.status, 201);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM gadgets"), 1);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM audit_logs"), 1);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events"), 1);
}

static void test_secrets_stay_sealed(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Answer a = bench_call(
        b, arena, "POST /api/things", NULL,
        "{\"name\":\"a\",\"slug\":\"a\",\"token\":\"hunter2\",\"keys\":{\"k\":\"hunter2\"}}");
    assert_int_equal(a.status, 201);
    const char *patch = str_cstr(
        arena, str_fmt(arena, "PATCH /api/things/%s", str_cstr(arena, answer_id(arena, &a))));
    assert_true(str_find(a.body, STR("hunter2")) == SIZE_MAX);
    Str sealed = bench_text(b, arena, "SELECT token FROM things");
    assert_true(str_starts(sealed, STR("v1:")));

    /* Another field: the sealed text stays; the mask sent back changes nothing; a new value is
     * sealed anew. */
    assert_int_equal(bench_call(b, arena, patch, NULL, "{\"name\":\"b\"}").status, 200);
    assert_str(bench_text(b, arena, "SELECT token FROM things"), sealed);
    assert_int_equal(bench_call(b, arena, patch, NULL, "{\"token\":\"" SECRET_MASK "\"}").status,
                     200);
    assert_str(bench_text(b, arena, "SELECT token FROM things"), sealed);
    assert_int_equal(bench_call(b, arena, patch, NULL, "{\"token\":\"hunter3\"}").status, 200);
    assert_false(str_eq(bench_text(b, arena, "SELECT token FROM things"), sealed));
    assert_int_equal(bench_call(b, arena, patch, NULL, "{\"token\":\"abc\"}").status, 422);
    assert_int_equal(bench_call(b, arena, patch, NULL, "{\"token\":null}").status, 200);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM things WHERE token IS NULL"), 1);

    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events WHERE data LIKE '%hunter%'"), 0);
    assert_int_equal(
        bench_count(b, "SELECT COUNT(*) FROM audit_logs WHERE after_state LIKE '%hunter%' OR "
                       "before_state LIKE '%hunter%'"),
        0);
}

static void test_secret_for_modules(void **state)
{
    Bench *b = need_bench(state);
    Ctx *cx = ctx_new_system(&b->platform, "test");
    Answer a =
        bench_call(b, cx->arena, "POST /api/things", NULL,
                   "{\"name\":\"a\",\"slug\":\"a\",\"token\":\"hunter2\",\"keys\":{\"k\":1}}");
    Str id = answer_id(cx->arena, &a), plain;
    assert_int_equal(record_secret(cx, "Thing", id, "token", &plain), RC_OK);
    assert_str(plain, STR("hunter2"));
    assert_int_equal(record_secret(cx, "Thing", id, "keys", &plain), RC_OK);
    assert_str(plain, STR("{\"k\":1}"));
    assert_int_equal(record_secret(cx, "Thing", STR(ID_OF_NOTHING), "keys", &plain), RC_NOT_FOUND);
    a = bench_call(b, cx->arena, "POST /api/things", NULL, "{\"name\":\"b\",\"slug\":\"b\"}");
    assert_int_equal(record_secret(cx, "Thing", answer_id(cx->arena, &a), "token", &plain), RC_OK);
    assert_str(plain, STR(""));
    ctx_free(cx);
}

static void test_for_modules(void **state)
{
    Bench *b = need_bench(state);
    Ctx *cx = ctx_new_system(&b->platform, "test");
    Json *values, *record;
    assert_int_equal(json_parse(cx->arena,
                                STR("{\"name\":\"m\",\"slug\":\"m\",\"status\":\"new\"}"), NULL,
                                &values, NULL),
                     RC_OK);
    assert_int_equal(ctx_begin(cx), RC_OK);
    assert_int_equal(record_create(cx, "Thing", values, &record),
                     RC_OK); /* code may write read-only fields */
    Str id = json_str_at(record, "id");
    Json *patch = json_object(cx->arena);
    json_set_str(cx->arena, patch, "status", STR("old"));
    assert_int_equal(record_patch(cx, "Thing", id, patch, &record), RC_OK);
    assert_str(json_str_at(record, "status"), STR("old"));
    assert_int_equal(record_get(cx, "Thing", id, &record), RC_OK);
    assert_str(json_str_at(record, "status"), STR("old"));
    json_set_str(cx->arena, patch, "nonsense", STR("x"));
    assert_int_equal(record_patch(cx, "Thing", id, patch, NULL), RC_INVALID);
    assert_int_equal(record_delete(cx, "Thing", id), RC_OK);
    assert_int_equal(record_get(cx, "Thing", id, &record), RC_NOT_FOUND);
    assert_int_equal(record_get(cx, "Thing", STR("'; DROP TABLE things; --"), &record),
                     RC_NOT_FOUND);
    assert_int_equal(ctx_commit(cx), RC_OK);
    ctx_free(cx);
}

/* ---- at the same time */

enum { THREADS = 8 };

typedef struct Racer {
    Bench *b;
    const char *call, *header, *body;
    int status;
    Str body_answered;
    Arena *arena;
    Thread thread;
} Racer;

static void *race(void *arg)
{
    Racer *r = arg;
    Answer a = bench_call(r->b, r->arena, r->call, r->header, r->body);
    r->status = a.status;
    r->body_answered = a.body;
    return NULL;
}

static void
run_racers(Racer racers[THREADS], Bench *b, const char *call, const char *header, const char *body)
{
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] =
            (Racer){.b = b, .call = call, .header = header, .body = body, .arena = arena_new(0)};
        thread_start(&racers[i].thread, "racer", race, &racers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(&racers[i].thread);
    }
}

static size_t count_status(const Racer racers[THREADS], int status)
{
    size_t n = 0;
    for (size_t i = 0; i < THREADS; i++) {
        n += racers[i].status == status ? 1 : 0;
    }
    return n;
}

static void free_racers(Racer racers[THREADS])
{
    for (size_t i = 0; i < THREADS; i++) {
        arena_free(racers[i].arena);
    }
}

/* Of many who change the same revision, one does; the others are told. */
static void test_if_match_in_parallel(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Racer racers[THREADS];
    Answer a = bench_call(b, arena, "POST /api/things", NULL,
                          "{\"name\":\"a\",\"slug\":\"a\",\"size\":0}");
    Str id = answer_id(arena, &a);
    const char *call = str_cstr(arena, str_fmt(arena, "PATCH /api/things/%.*s", STR_ARG(id)));
    run_racers(racers, b, call, "If-Match: \"1\"", "{\"size\":1}");
    assert_int_equal(count_status(racers, 200), 1);
    assert_int_equal(count_status(racers, 412), THREADS - 1);
    assert_int_equal(bench_count(b, "SELECT revision FROM things"), 2);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events"), 2);
    free_racers(racers);
}

static void test_unique_in_parallel(void **state)
{
    Bench *b = need_bench(state);
    Racer racers[THREADS];
    run_racers(racers, b, "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"same\"}");
    assert_int_equal(count_status(racers, 201), 1);
    assert_int_equal(count_status(racers, 409), THREADS - 1);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM things"), 1);
    free_racers(racers);
}

/* One effect; every answer is the first one, or says that it is still running. */
static void test_idempotency_in_parallel(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Racer racers[THREADS];
    run_racers(racers, b, "POST /api/things", "Idempotency-Key: \"same\"",
               "{\"name\":\"a\",\"slug\":\"a\"}");
    assert_true(count_status(racers, 201) >= 1);
    assert_int_equal(count_status(racers, 201) + count_status(racers, 409), THREADS);
    Answer again = bench_call(b, arena, "POST /api/things", "Idempotency-Key: same",
                              "{\"slug\":\"a\",\"name\":\"a\"}");
    assert_int_equal(again.status, 201); /* the same body with its members in another order */
    assert_str(answer_header(&again, "Idempotent-Replayed"), STR("true"));
    assert_str(answer_header(&again, "ETag"), STR("\"1\""));
    assert_true(str_starts(answer_header(&again, "Location"), STR("/api/things/")));
    for (size_t i = 0; i < THREADS; i++) {
        if (racers[i].status == 201) {
            assert_str(racers[i].body_answered, again.body);
        }
    }
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM things"), 1);
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM events"), 1);
    free_racers(racers);
}

static void test_idempotency_keys(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const char *thing = "{\"name\":\"a\",\"slug\":\"a\"}";
    assert_int_equal(bench_call(b, arena, "POST /api/things", "Idempotency-Key: 1", thing).status,
                     201);
    Answer other = bench_call(b, arena, "POST /api/things", "Idempotency-Key: 1",
                              "{\"name\":\"b\",\"slug\":\"b\"}");
    assert_int_equal(other.status, 422);
    assert_true(str_find(other.body, STR("another body")) != SIZE_MAX);
    /* A key belongs to one path. */
    assert_int_equal(
        bench_call(b, arena, "POST /api/makers", "Idempotency-Key: 1", "{\"name\":\"m\"}").status,
        201);
    /* A refusal is not kept. */
    assert_int_equal(bench_call(b, arena, "POST /api/things", "Idempotency-Key: 2", thing).status,
                     409);
    assert_int_equal(bench_call(b, arena, "POST /api/things", "Idempotency-Key: 2",
                                "{\"name\":\"c\",\"slug\":\"c\"}")
                         .status,
                     201);
    assert_int_equal(
        bench_call(b, arena, "POST /api/things", "Idempotency-Key: a\tb", thing).status, 400);
    /* After a day it is a new request. */
    Error err = {0};
    Tx *tx;
    assert_int_equal(db_begin(b->platform.db, &tx, &err), RC_OK);
    assert_int_equal(
        tx_exec_sql(tx, STR("UPDATE idempotency_keys SET created_at = 1"), NO_PARAMS, NULL, &err),
        RC_OK);
    assert_int_equal(db_commit(tx, &err), RC_OK);
    assert_int_equal(bench_call(b, arena, "POST /api/things", "Idempotency-Key: 1", thing).status,
                     409); /* the slug */
}

/* Another process knows nothing of what runs here; it meets the key in the database. */
typedef struct OtherProcess {
    Bench *b;
    Idempotency idem;
    bool replayed;
    Rc rc;
    Str body;
    Arena *arena;
    Thread thread;
} OtherProcess;

static void *claim_again(void *arg)
{
    OtherProcess *o = arg;
    Ctx cx = {.arena = o->arena, .platform = &o->b->platform};
    Call call = {.op = NULL};
    o->rc = ctx_begin(&cx);
    if (o->rc == RC_OK) {
        o->rc = idempotency_claim(&cx, &call, &o->idem, &o->replayed);
    }
    o->body = call.reply.body;
    ctx_end(&cx);
    return NULL;
}

static void test_idempotency_between_processes(void **state)
{
    Bench *b = need_bench(state);
    Ctx *cx = ctx_new_system(&b->platform, "test");
    Call call = {.op = NULL};
    bool replayed;
    Idempotency idem = {
        .target = STR("POST /api/things"), .key = STR("k"), .fingerprint = STR("f")};
    OtherProcess other = {.b = b, .idem = idem, .arena = arena_new(0)};
    assert_int_equal(ctx_begin(cx), RC_OK);
    assert_int_equal(idempotency_claim(cx, &call, &idem, &replayed), RC_OK);
    assert_false(replayed);
    thread_start(&other.thread, "other", claim_again, &other);
    reply_json(&call, 201, STR("{\"first\":true}"));
    assert_int_equal(idempotency_keep(cx, &call, &idem), RC_OK);
    assert_int_equal(ctx_commit(cx), RC_OK);
    thread_join(&other.thread);
    assert_int_equal(other.rc, RC_OK);
    assert_true(other.replayed);
    assert_str(other.body, STR("{\"first\":true}"));
    arena_free(other.arena);
    ctx_free(cx);
}

/* ---- declarations at fault */

#define DOCUMENT(record, properties)                                                               \
    "{\"openapi\":\"3.1.0\",\"info\":{\"version\":\"2026-11-20\"},\"paths\":{},\"components\":"    \
    "{\"schemas\":{\"Bad\":{\"x-record\":{" record                                                 \
    "},\"type\":\"object\",\"properties\":{" properties "}}}}}"

static void test_declarations_at_fault(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *document, *says;
    } cases[] = {
        {DOCUMENT("\"table\":\"a; DROP\"", ""), "a table is named with"},
        {DOCUMENT("\"table\":\"bads\"", "\"a b\":{}"), "a field is named with"},
        {DOCUMENT("\"table\":\"bads\"", "\"revision\":{\"type\":\"integer\"}"), "not \"revision\""},
        {DOCUMENT("\"table\":\"bads\",\"default_sort\":\"nothing\"", ""), "default_sort cannot be \"nothing\""},
        {DOCUMENT("\"table\":\"bads\",\"default_sort\":\"list\"", "\"list\":{\"type\":\"array\"}"), "default_sort"},
        {DOCUMENT("\"table\":\"bads\",\"search\":[\"n\"]", "\"n\":{\"type\":\"integer\"}"), "search takes text fields"},
        {DOCUMENT("\"table\":\"bads\",\"search\":[\"s\"]", "\"s\":{\"type\":\"string\",\"x-secret\":true}"), "search"},
        {DOCUMENT("\"table\":\"bads\"", "\"r\":{\"type\":\"string\",\"x-references\":\"Nothing\"}"), "refers to \"Nothing\""},
        {DOCUMENT("\"table\":\"bads\"", ""), "has hooks for"}, /* the module's: Gadget is not there */
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Contract *contract;
        Records *records = NULL;
        Error err = {0};
        Str text = str_from(cases[i].document);
        assert_int_equal(contract_load(text, NULL, 0, records_serve, &contract, &err), RC_OK);
        assert_int_equal(records_new(contract, test_modules, 1, &records, &err), RC_INVALID);
        if (!strstr(err.message, cases[i].says)) {
            fail_msg("%s: %s", cases[i].says, err.message);
        }
        contract_free(contract);
    }
}

#define ON_BOTH(fn)                                                                                \
    {#fn "/sqlite", fn, bench_sqlite, bench_free, NULL},                                           \
    {                                                                                              \
#fn "/postgres", fn, bench_postgres, bench_free, NULL                                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_statements_fit_the_tables),
        ON_BOTH(test_types),
        ON_BOTH(test_steps),
        ON_BOTH(test_walks),
        ON_BOTH(test_budget),
        ON_BOTH(test_hostile_queries),
        ON_BOTH(test_hostile_cursors),
        ON_BOTH(test_visible),
        ON_BOTH(test_failure_leaves_nothing),
        ON_BOTH(test_secrets_stay_sealed),
        ON_BOTH(test_secret_for_modules),
        ON_BOTH(test_for_modules),
        ON_BOTH(test_if_match_in_parallel),
        ON_BOTH(test_unique_in_parallel),
        ON_BOTH(test_idempotency_in_parallel),
        ON_BOTH(test_idempotency_keys),
        ON_BOTH(test_idempotency_between_processes),
        cmocka_unit_test(test_declarations_at_fault),
    };
    return cmocka_run_group_tests(tests, bench_make_folder, bench_remove_folder);
}
