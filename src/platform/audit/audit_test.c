/* SPDX-License-Identifier: Apache-2.0
 * The chain on both databases: order, writers at once, two chainers, checkpoints and their file,
 * and every way of tampering with the database. */
#include "base/file.h"
#include "base/log.h"

#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"
#include "platform/events/events.h"
#include "platform/secrets/secrets.h"
#include "test_pg.h"
#include "test_platform.h"

#include <stdio.h>
#include <stdlib.h>

/* cmocka has a macro fail(): our function is declared before it, and called (fail)(...) here */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static DbKind kind; /* of the group of tests that runs */
static char url[512], folder[64];
static TestPlatform *t;
static Platform *p;
static Ctx *cx;

static void must(Rc rc)
{
    if (rc != RC_OK) {
        fail_msg("%s (%s)", cx->error.message, cx->error.detail);
    }
}

static TestPlatform *open_platform(void)
{
    TestPlatform *platform = test_platform_new(url, NULL);
    assert_int_equal(secrets_new("/nonexistent", STR(KEY), &platform->platform.secrets, NULL),
                     RC_OK);
    platform->platform.data_dir = folder;
    return platform;
}

static void close_platform(TestPlatform *platform)
{
    Secrets *secrets = platform->platform.secrets;
    Audit *audit = platform->platform.audit;
    audit_stop(audit);
    test_platform_free(platform); /* frees metrics, which audit_free does not use */
    audit_free(audit);
    secrets_free(secrets);
}

static int setup(void **state)
{
    (void)state;
    const char *found = test_database_url(kind);
    t = NULL;
    if (!found) {
        return 0;
    }
    snprintf(url, sizeof(url), "%s", found);
    snprintf(folder, sizeof(folder), "/tmp/fairway-audit-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    t = open_platform();
    p = &t->platform;
    cx = ctx_new_system(p, "test");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (t) {
        ctx_free(cx);
        close_platform(t);
        return file_remove_tree(folder, NULL) == RC_OK ? 0 : -1;
    }
    return 0;
}

static void need_database(void)
{
    if (!t) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
}

/* ---- steps */

static void write_row(int n)
{
    Json *after = json_object(cx->arena);
    json_set_c(cx->arena, after, "n", json_int(cx->arena, n));
    json_set_str(cx->arena, after, "text", STR("\xc3\xbc \"quoted\"\n"));
    must(
        audit_write(cx, "things.updated", "Thing", str_fmt(cx->arena, "thing-%d", n), NULL, after));
}

static void write_rows(int from, int n)
{
    must(ctx_begin(cx));
    for (int i = 0; i < n; i++) {
        write_row(from + i);
    }
    must(ctx_commit(cx));
}

static void chain_all(void)
{
    size_t n;
    do {
        must(audit_chain_batch(cx, &n));
    } while (n > 0);
}

static void sign(void)
{
    AuditHead head;
    AuditKey *keys, key;
    size_t n, sealed;
    int64_t number;
    must(ctx_begin(cx));
    must(audit_head_read(cx->tx, true, &head, &cx->error));
    must(audit_keys_read(cx->tx, p->secrets, cx->arena, &keys, &n, &sealed, &cx->error));
    if (n == 0) {
        must(audit_key_make(cx, &key));
    }
    must(checkpoint_make(cx, n ? &keys[0] : &key, &head));
    must(ctx_commit(cx));
    must(checkpoints_copy(cx, &number));
    ctx_end(cx);
    assert_int_equal(number, head.checkpoint);
}

/* Past the triggers, as somebody who owns the database. */
static void tamper(const char *sql)
{
    must(ctx_begin(cx));
    if (kind == DB_POSTGRES) {
        must(tx_exec_sql(cx->tx, STR("ALTER TABLE audit_logs DISABLE TRIGGER USER"), NO_PARAMS,
                         NULL, &cx->error));
        must(tx_exec_sql(cx->tx, STR("ALTER TABLE audit_checkpoints DISABLE TRIGGER USER"),
                         NO_PARAMS, NULL, &cx->error));
    } else {
        static const char *const triggers[] = {
            "audit_logs_never_removed", "audit_logs_never_changed",
            "audit_checkpoints_never_removed", "audit_checkpoints_never_changed"};
        for (size_t i = 0; i < ARRAY_LEN(triggers); i++) {
            must(tx_exec_sql(cx->tx, str_fmt(cx->arena, "DROP TRIGGER IF EXISTS %s", triggers[i]),
                             NO_PARAMS, NULL, &cx->error));
        }
    }
    Str rest = str_from(sql), part;
    while (str_split(&rest, ';', &part)) {
        must(tx_exec_sql(cx->tx, part, NO_PARAMS, NULL, &cx->error));
    }
    must(ctx_commit(cx));
}

static AuditVerdict verdict_with(const char *file)
{
    AuditVerdict verdict;
    AuditVerify options = {.db = p->db, .secrets = p->secrets, .file = file};
    must(audit_verify(&options, &verdict, &cx->error));
    return verdict;
}

static AuditVerdict verdict_of(void)
{
    return verdict_with(
        str_cstr(cx->arena, str_fmt(cx->arena, "%s/" AUDIT_CHECKPOINTS_FILE, folder)));
}

static void expect_intact(int64_t rows)
{
    AuditVerdict v = verdict_of();
    if (!v.is_intact || v.rows != rows) {
        fail_msg("%lld rows: %s", (long long)v.rows, v.why);
    }
}

static void expect_wrong(const AuditVerdict *v, int64_t seq, const char *why)
{
    if (v->is_intact || v->wrong_seq != seq || !strstr(v->why, why)) {
        fail_msg("expected row %lld, %s; found row %lld, %s", (long long)seq, why,
                 (long long)v->wrong_seq, v->why);
    }
}

/* ---- tests */

static void test_chain_and_checkpoints(void **state)
{
    (void)state;
    need_database();
    expect_intact(0);
    write_rows(0, 300); /* more than a batch, more than a page */
    assert_int_equal(verdict_of().pending, kind == DB_SQLITE ? 0 : 300);
    chain_all();
    sign();
    write_rows(300, 7);
    chain_all();
    sign();
    write_rows(307, 1);
    chain_all();
    AuditVerdict v = verdict_of();
    assert_true(v.is_intact && v.has_file);
    assert_int_equal(v.rows, 308);
    assert_int_equal(v.checkpoints, 2);
    assert_int_equal(v.signed_seq, 307);
    assert_int_equal(v.pending, 0);
}

/* Those that a version without the chain has left. */
static void test_older_rows_are_chained(void **state)
{
    (void)state;
    need_database();
    Query old = {.name = "old",
                 .sql = "INSERT INTO audit_logs (id, at, actor_kind, action, resource_type, "
                        "resource_id) VALUES ($1, $2, 'user', 'a', 'b', 'c')"};
    must(ctx_begin(cx));
    for (int i = 0; i < 2 * AUDIT_CHAIN_BATCH; i++) {
        Uuid id = uuid_v7();
        must(tx_exec(cx->tx, &old, PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us())), NULL,
                     &cx->error));
    }
    must(ctx_commit(cx));
    write_rows(0, 1);
    assert_true(verdict_of().pending >= 2 * AUDIT_CHAIN_BATCH);
    must(audit_chain_now(cx));
    expect_intact(2 * AUDIT_CHAIN_BATCH + 1);
}

/* What is undone leaves no gap. */
static void test_undone_rows(void **state)
{
    (void)state;
    need_database();
    write_rows(0, 2);
    must(ctx_begin(cx));
    write_row(2);
    ctx_end(cx);
    must(ctx_begin(cx));
    write_row(3);
    must(tx_savepoint(cx->tx, &cx->error));
    write_row(4);
    must(tx_savepoint_rollback(cx->tx, &cx->error));
    write_row(5);
    must(ctx_commit(cx));
    chain_all();
    expect_intact(4);
}

static void refuse(const char *sql)
{
    must(ctx_begin(cx));
    Rc rc = tx_exec_sql(cx->tx, str_from(sql), NO_PARAMS, NULL, &cx->error);
    ctx_end(cx);
    if (rc != RC_CONFLICT) {
        fail_msg("%s gave %s", sql, rc_name(rc));
    }
    error_clear(&cx->error);
}

static void test_triggers_refuse(void **state)
{
    (void)state;
    need_database();
    write_rows(0, 3);
    refuse("UPDATE audit_logs SET actor_name = 'mallory'"); /* before the chain, too */
    refuse("UPDATE audit_logs SET seq = 1, actor_name = 'mallory' WHERE resource_id = 'thing-0'");
    refuse("DELETE FROM audit_logs");
    chain_all();
    sign();
    refuse("UPDATE audit_logs SET seq = NULL");
    refuse("UPDATE audit_logs SET hash = 'x' WHERE seq = 2");
    refuse("DELETE FROM audit_logs WHERE seq = 3");
    refuse("DELETE FROM audit_checkpoints");
    refuse("UPDATE audit_checkpoints SET seq = 1");
    if (kind == DB_POSTGRES) {
        refuse("TRUNCATE audit_logs");
        refuse("TRUNCATE audit_checkpoints");
    }
    expect_intact(3);
}

typedef struct Tampering {
    const char *name, *sql;
    int64_t seq;
    const char *why;
} Tampering;

#define MIRROR                                                                                     \
    "INSERT INTO audit_logs (id, at, actor_kind, action, resource_type, resource_id, seq, "        \
    "prev_hash, hash) SELECT '00000000-0000-7000-8000-000000000000', at, actor_kind, action, "     \
    "resource_type, 'forged', "

/* Of 60 rows in three checkpoints of twenty. */
static const Tampering tamperings[] = {
    {"edit",                                 "UPDATE audit_logs SET actor_name = 'mallory' WHERE seq = 13",    13, "edited"     },
    {"edit after_state",                     "UPDATE audit_logs SET after_state = '{\"n\":1}' WHERE seq = 60", 60,
     "edited"                                                                                                                   },
    {"a value removed",                      "UPDATE audit_logs SET after_state = NULL WHERE seq = 1",         1,  "edited"     },
    {"session",                              "UPDATE audit_logs SET session_id = 's' WHERE seq = 20",          20, "edited"     },
    {"hash",                                 "UPDATE audit_logs SET hash = prev_hash WHERE seq = 20",          20, "edited"     },
    {"removal",                              "DELETE FROM audit_logs WHERE seq = 41",                          41, "removed"    },
    {"removal of the first",                 "DELETE FROM audit_logs WHERE seq = 1",                           1,  "removed"    },
    {"removal, renumbered",
     "DELETE FROM audit_logs WHERE seq = 41; UPDATE audit_logs SET seq = -seq + 1 WHERE seq > 41; "
     "UPDATE audit_logs SET seq = -seq WHERE seq < 0",                                                         41, "renumbered" },
    {"reorder",
     "UPDATE audit_logs SET seq = -1 WHERE seq = 30; UPDATE audit_logs SET seq = 30 WHERE seq = "
     "31; UPDATE audit_logs SET seq = 31 WHERE seq = -1",                                                      30, "reordered"  },
    {"insertion in the middle",
     "UPDATE audit_logs SET seq = -seq - 1 WHERE seq > 9; UPDATE audit_logs SET seq = -seq WHERE "
     "seq < 0; " MIRROR "10, hash, hash FROM audit_logs WHERE seq = 9",
     10,                                                                                                           "edited"     },
    {"insertion at the end",                 MIRROR "61, hash, hash FROM audit_logs WHERE seq = 60",           61,
     "inserted"                                                                                                                 },
    {"insertion before the first",           MIRROR "0, hash, hash FROM audit_logs WHERE seq = 60",            0,
     "inserted"                                                                                                                 },
    {"a forged row waiting",
     "INSERT INTO audit_logs (id, at, actor_kind, action, resource_type, resource_id) VALUES "
     "('00000000-0000-7000-8000-000000000000', 5, 'user', 'a', 'b', 'c')",                                     0,  "not chained"},
    {"truncation",                           "DELETE FROM audit_logs WHERE seq > 50",                          51, "missing"    },
    {"truncation, with the head",
     "DELETE FROM audit_logs WHERE seq > 50; UPDATE audit_head SET seq = 50, hash = (SELECT hash "
     "FROM audit_logs WHERE seq = 50)",                                                                        51, "missing"    },
    {"truncation, with head and checkpoint",
     "DELETE FROM audit_logs WHERE seq > 40; DELETE FROM audit_checkpoints WHERE number = 3; "
     "UPDATE "
     "audit_head SET seq = 40, hash = (SELECT hash FROM audit_logs WHERE seq = 40), checkpoint = "
     "2, checkpoint_seq = 40",                                                                                 41, "missing"    },
    {"all of it",
     "DELETE FROM audit_logs; DELETE FROM audit_checkpoints; UPDATE audit_head SET seq = 0, "
     "checkpoint = 0, checkpoint_seq = 0, hash = "
     "'0000000000000000000000000000000000000000000000000000000000000000'",                                     1,  "missing"    },
    {"a checkpoint removed",                 "DELETE FROM audit_checkpoints WHERE number = 2",                 0,  "removed"    },
    {"the last checkpoint removed",
     "DELETE FROM audit_checkpoints WHERE number = 3; UPDATE audit_head SET checkpoint = 2",                   0,
     "is not in the database"                                                                                                   },
    {"a checkpoint edited",
     "UPDATE audit_checkpoints SET body = REPLACE(body, '\"seq\":40', '\"seq\":39') WHERE number "
     "= 2",                                                                                                    0,  "edited"     },
};

static void test_tampering(void **state)
{
    (void)state;
    need_database();
    for (size_t i = 0; i < ARRAY_LEN(tamperings); i++) {
        const Tampering *tampering = &tamperings[i];
        print_message("%s\n", tampering->name);
        for (int part = 0; part < 3; part++) {
            write_rows(part * 20, 20);
            chain_all();
            sign();
        }
        expect_intact(60);
        tamper(tampering->sql);
        AuditVerdict v = verdict_of();
        expect_wrong(&v, tampering->seq, tampering->why);
        ctx_reset(cx);
        if (i + 1 < ARRAY_LEN(tamperings)) { /* anew */
            assert_int_equal(teardown(state), 0);
            assert_int_equal(setup(state), 0);
        }
    }
}

/* Whoever computes the chain anew after an edit is found by the next checkpoint. */
static void rechain_from(int64_t seq)
{
    AuditHash prev = audit_no_hash;
    Str hash;
    Query find = {.name = "hash", .sql = "SELECT hash FROM audit_logs WHERE seq = $1"};
    Query change = {.name = "rechain",
                    .sql = "UPDATE audit_logs SET prev_hash = $2, hash = $3 WHERE seq = $1"};
    must(ctx_begin(cx));
    must(tx_one_str(cx->tx, &find, PARAMS(P_I64(seq - 1)), cx->arena, &hash, &cx->error));
    memcpy(prev.text, hash.ptr, AUDIT_HASH_LEN);
    for (bool more = true; more; seq++) {
        Rows *rows;
        AuditHash next = audit_no_hash;
        must(tx_query(cx->tx, &audit_q_page,
                      PARAMS(P_I64(seq - 1), P_STR(STR("g")), P_I64(seq), P_I64(1)), &rows,
                      &cx->error));
        more = rows_next(rows);
        if (more) {
            AuditRow row;
            audit_row_read(rows, seq, &row);
            must(audit_row_hash(cx->arena, &row, &prev, &next, &cx->error));
        }
        rows_end(rows);
        if (more) {
            must(tx_exec(
                cx->tx, &change,
                PARAMS(P_I64(seq), P_STR(audit_hash_str(&prev)), P_STR(audit_hash_str(&next))),
                NULL, &cx->error));
            prev = next;
        }
    }
    Query head = {.name = "head", .sql = "UPDATE audit_head SET hash = $1"};
    must(tx_exec(cx->tx, &head, PARAMS(P_STR(audit_hash_str(&prev))), NULL, &cx->error));
    must(ctx_commit(cx));
}

static void test_rewritten_chain(void **state)
{
    (void)state;
    need_database();
    for (int part = 0; part < 3; part++) {
        write_rows(part * 20, 20);
        chain_all();
        sign();
    }
    write_rows(60, 5);
    chain_all();
    tamper("UPDATE audit_logs SET actor_name = 'mallory' WHERE seq = 33");
    rechain_from(33);
    AuditVerdict v = verdict_of();
    expect_wrong(&v, 40, "rewritten");
    tamper("DELETE FROM audit_checkpoints; UPDATE audit_head SET checkpoint = 0");
    v = verdict_of(); /* the file alone knows */
    expect_wrong(&v, 40, "rewritten");
    v = verdict_with(NULL); /* and without it nobody does */
    assert_true(v.is_intact && !v.has_file);
}

/* A key of the attacker's own signs nothing here. */
static void test_foreign_key(void **state)
{
    (void)state;
    need_database();
    write_rows(0, 5);
    chain_all();
    sign();
    AuditVerdict v;
    Secrets *own = p->secrets, *other;
    assert_int_equal(secrets_new("/nonexistent",
                                 STR("//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="), &other, NULL),
                     RC_OK);
    p->secrets = other;
    AuditVerify options = {.db = p->db, .secrets = other};
    assert_int_equal(audit_verify(&options, &v, &cx->error), RC_INVALID);
    assert_non_null(strstr(cx->error.message, "cannot be opened"));
    tamper("DELETE FROM audit_keys");
    write_rows(5, 5);
    chain_all();
    sign(); /* with a key that the other secret key seals */
    v = verdict_of();
    expect_wrong(&v, 0, "not this installation's");
    p->secrets = own;
    secrets_free(other);
}

static void test_file_disagrees(void **state)
{
    (void)state;
    need_database();
    int64_t number = 0;
    write_rows(0, 5);
    chain_all();
    sign();
    sign();
    const char *path =
        str_cstr(cx->arena, str_fmt(cx->arena, "%s/" AUDIT_CHECKPOINTS_FILE, folder));
    Str text, again;
    assert_int_equal(file_read(cx->arena, path, MIB, &text, NULL), RC_OK);
    /* a crash in the middle of a line: it is written anew */
    assert_int_equal(file_write_atomic(path, str_sub(text, 0, text.len - 20), 0600, NULL), RC_OK);
    must(checkpoints_copy(cx, &number));
    ctx_end(cx);
    assert_int_equal(file_read(cx->arena, path, MIB, &again, NULL), RC_OK);
    assert_str(again, text);
    expect_intact(5);
    /* an older copy of the database: the file is left as it is */
    tamper("DELETE FROM audit_checkpoints WHERE number = 2");
    assert_int_equal(checkpoints_copy(cx, &number), RC_CONFLICT);
    ctx_end(cx);
    assert_int_equal(file_read(cx->arena, path, MIB, &again, NULL), RC_OK);
    assert_str(again, text);
    error_clear(&cx->error);
}

/* ---- threads: writers, and two processes that chain */

enum { WRITERS = 8, ROWS_EACH = 100 };

static void *write_many(void *user)
{
    Platform *platform = user;
    Ctx *own = ctx_new_system(platform, "writer");
    for (int i = 0; i < ROWS_EACH; i++) {
        Rc rc = ctx_begin(own);
        rc = rc ? rc : audit_write(own, "things.made", "Thing", STR("x"), NULL, NULL);
        rc = rc ? rc : ctx_commit(own);
        if (rc != RC_OK) {
            fprintf(stderr, "%s (%s)\n", own->error.message, own->error.detail);
            abort();
        }
        ctx_reset(own);
    }
    ctx_free(own);
    return NULL;
}

static int64_t count(const char *sql)
{
    int64_t n;
    Query query = {.name = "count", .sql = sql};
    must(ctx_read_primary(cx));
    must(tx_one_i64(cx->tx, &query, NO_PARAMS, &n, &cx->error));
    ctx_end(cx);
    return n;
}

static void test_writers_and_two_chainers(void **state)
{
    (void)state;
    need_database();
    Thread threads[WRITERS];
    TestPlatform *second = open_platform();
    must(audit_new(p, &p->audit, &cx->error));
    must(audit_new(&second->platform, &second->platform.audit, &cx->error));
    must(audit_start(p->audit, &cx->error));
    must(audit_start(second->platform.audit, &cx->error));
    for (size_t i = 0; i < WRITERS; i++) {
        thread_start(&threads[i], "writer", write_many, i % 2 ? p : &second->platform);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
    }
    int64_t deadline = time_monotonic_us() + 30 * US_PER_SECOND;
    while (count("SELECT COUNT(*) FROM audit_logs WHERE seq IS NULL") > 0) {
        assert_true(time_monotonic_us() < deadline);
        thread_sleep_us(US_PER_MS);
    }
    close_platform(second);
    audit_stop(p->audit);
    expect_intact((int64_t)WRITERS * ROWS_EACH);
    assert_int_equal(verdict_of().signed_seq > 0, true);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_keys"), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int run_group(DbKind of, const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chain_and_checkpoints),
        TEST(test_triggers_refuse),
        TEST(test_tampering),
        TEST(test_older_rows_are_chained),
        TEST(test_undone_rows),
        TEST(test_rewritten_chain),
        TEST(test_foreign_key),
        TEST(test_file_disagrees),
        TEST(test_writers_and_two_chainers),
    };
    kind = of;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    log_configure(LOG_ERROR, LOG_TEXT);
    int failures = run_group(DB_SQLITE, "sqlite") + run_group(DB_POSTGRES, "postgresql");
    test_database_end();
    return failures;
}
