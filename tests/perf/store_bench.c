/* SPDX-License-Identifier: Apache-2.0
 * tests/perf/store_bench.c - store_bench [seconds] [URL ...]: what the store does by itself.
 *
 * Durable single-row write transactions at 1, 8 and 64 threads with their latency, reads by primary
 * key at 1 and 2 threads, and a bulk insert. Without a URL: SQLite in a new folder beside the
 * program, and a private PostgreSQL (fsync on) when one is installed. */
#include "base/file.h"
#include "base/thread.h"
#include "base/time.h"

#include "store/store.h"
#include "test_pg.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
    ROWS = 20000, /* that are read */
    BODY = 3000,  /* bytes of each */
    MAX_THREADS = 64,
    MAX_SAMPLES = 200000, /* latencies kept per thread */
};

typedef struct Work {
    Thread thread;
    Db *db;
    int id;
    int64_t until_us;
    uint64_t n;
    uint32_t *samples;
    size_t n_samples;
    Rc rc;
    Error err;
} Work;

static void check(Rc rc, const Error *err)
{
    if (rc != RC_OK) {
        fprintf(stderr, "%s: %s (%s)\n", rc_name(rc), err->message, err->detail);
        exit(1);
    }
}

static void sample(Work *w, int64_t since_us)
{
    if (w->n_samples < MAX_SAMPLES) {
        w->samples[w->n_samples++] = (uint32_t)(time_monotonic_us() - since_us);
    }
    w->n++;
}

static Rc write_one(Work *w)
{
    static const Query insert = {"insert", "INSERT INTO events(id, body) VALUES ($1, $2)", NULL};
    enum { EVENT = 200 };
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    char id[40];
    char text[EVENT];
    memset(text, 'e', sizeof(text));
    snprintf(id, sizeof(id), "%02d-%010llu-%lld", w->id, (unsigned long long)w->n,
             (long long)w->until_us);
    TRY(db_begin(w->db, &tx, &w->err));
    TRY(tx_exec(tx, &insert, PARAMS(P_CSTR(id), P_STR(str_of(text, sizeof(text)))), NULL, &w->err));
    Tx *done = tx;
    tx = NULL;
    return db_commit(done, &w->err);
}

static Rc read_one(Work *w)
{
    static const Query get = {"get", "SELECT body FROM entities WHERE id = $1", NULL};
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    char id[40];
    uint64_t i = (w->n * 7919 + (uint64_t)w->id * 104729) % ROWS;
    snprintf(id, sizeof(id), "entity-%06llu", (unsigned long long)i);
    TRY(db_read(w->db, false, &tx, &w->err));
    TRY(tx_query(tx, &get, PARAMS(P_CSTR(id)), &rows, &w->err));
    if (!rows_next(rows) || rows_str(rows, 0).len != BODY) {
        return error_set(&w->err, RC_NOT_FOUND, "no %s", id);
    }
    return RC_OK;
}

static Rc scope_only(Work *w)
{
    Tx *tx;
    TRY(db_read(w->db, true, &tx, &w->err));
    db_end(tx);
    return RC_OK;
}

typedef struct Bench {
    const char *name;
    Rc (*one)(Work *w);
} Bench;

static const Bench *current;

static void *work_main(void *arg)
{
    Work *w = arg;
    int64_t now = time_monotonic_us();
    while (now < w->until_us && w->rc == RC_OK) {
        w->rc = current->one(w);
        sample(w, now);
        now = time_monotonic_us();
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(Db *db, const Bench *bench, int threads, double seconds)
{
    static Work works[MAX_THREADS];
    static uint32_t all[MAX_THREADS * (size_t)MAX_SAMPLES];
    size_t n_all = 0;
    uint64_t n = 0;
    DbStats before = db_stats(db);
    int64_t start = time_monotonic_us();
    struct timespec cpu0;
    struct timespec cpu1;

    current = bench;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu0);
    for (int i = 0; i < threads; i++) {
        uint32_t *samples =
            works[i].samples ? works[i].samples : malloc(MAX_SAMPLES * sizeof(uint32_t));
        ASSERT(samples != NULL);
        works[i] = (Work){
            .db = db, .id = i, .until_us = start + (int64_t)(seconds * 1e6), .samples = samples};
        thread_start(&works[i].thread, "bench", work_main, &works[i]);
    }
    for (int i = 0; i < threads; i++) {
        thread_join(&works[i].thread);
        check(works[i].rc, &works[i].err);
        memcpy(all + n_all, works[i].samples, works[i].n_samples * sizeof(uint32_t));
        n_all += works[i].n_samples;
        n += works[i].n;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu1);
    double took = (double)(time_monotonic_us() - start) / 1e6;
    double cpu =
        (double)(cpu1.tv_sec - cpu0.tv_sec) * 1e6 + (double)(cpu1.tv_nsec - cpu0.tv_nsec) / 1e3;
    DbStats after = db_stats(db);
    qsort(all, n_all, sizeof(all[0]), by_value);
    printf("%-10s %-6s %3d threads %9.0f/s   p50 %6u us  p99 %6u us  max %6u us  cpu %6.2f us each",
           db_kind(db) == DB_SQLITE ? "sqlite" : "postgres", bench->name, threads, (double)n / took,
           all[n_all / 2], all[n_all * 99 / 100], all[n_all - 1], cpu / (double)n);
    if (after.groups > before.groups) {
        printf("  %.1f per group", (double)n / (double)(after.groups - before.groups));
    }
    printf("\n");
    fflush(stdout);
}

static void fill(Db *db)
{
    enum { BATCH = 1000 };
    static const Query insert = {"fill", "INSERT INTO entities(id, body) VALUES ($1, $2)", NULL};
    static char body[BODY];
    static char ids[BATCH][32];
    static Param params[BATCH * 2];
    Error err;
    Tx *tx;

    memset(body, 'b', sizeof(body));
    check(db_begin(db, &tx, &err), &err);
    check(tx_exec_sql(tx, STR("CREATE TABLE entities(id TEXT PRIMARY KEY, body TEXT NOT NULL)"),
                      NO_PARAMS, NULL, &err),
          &err);
    check(tx_exec_sql(tx, STR("CREATE TABLE events(id TEXT PRIMARY KEY, body TEXT NOT NULL)"),
                      NO_PARAMS, NULL, &err),
          &err);
    check(db_commit(tx, &err), &err);
    int64_t start = time_monotonic_us();
    for (int at = 0; at < ROWS; at += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            snprintf(ids[i], sizeof(ids[i]), "entity-%06d", at + i);
            params[i * 2] = P_CSTR(ids[i]);
            params[i * 2 + 1] = P_STR(str_of(body, sizeof(body)));
        }
        check(db_begin(db, &tx, &err), &err);
        check(tx_exec_many(tx, &insert, params, 2, BATCH, &err), &err);
        check(db_commit(tx, &err), &err);
    }
    double took = (double)(time_monotonic_us() - start) / 1e6;
    printf("%-10s bulk   %d rows of %d bytes: %.0f rows/s\n",
           db_kind(db) == DB_SQLITE ? "sqlite" : "postgres", ROWS, BODY, ROWS / took);
}

static void bench(const char *url, double seconds)
{
    static const Bench writes = {"write", write_one};
    static const Bench reads = {"read", read_one};
    static const Bench scopes = {"scope", scope_only};
    DbOptions options = {.readers = MAX_THREADS};
    Db *db;
    Error err;
    check(db_open(url, &options, &db, &err), &err);
    fill(db);
    run(db, &writes, 1, seconds);
    run(db, &writes, 8, seconds);
    run(db, &writes, 64, seconds);
    run(db, &scopes, 1, seconds);
    run(db, &reads, 1, seconds);
    run(db, &reads, 2, seconds);
    run(db, &reads, 16, seconds);
    db_close(db);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    Error err;
    if (argc > 2) {
        for (int i = 2; i < argc; i++) {
            bench(argv[i], seconds);
        }
        return 0;
    }
    char dir[] = "store-bench-XXXXXX"; /* here rather than in /tmp, which may be memory */
    char url[sizeof(dir) + 32];
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    snprintf(url, sizeof(url), "sqlite:%s/bench.db", dir);
    bench(url, seconds);
    check(file_remove_tree(dir, &err), &err);
    const char *pg = test_pg_url();
    if (pg) {
        bench(pg, seconds);
    } else {
        printf("PostgreSQL is not installed: skipped\n");
    }
    return 0;
}
