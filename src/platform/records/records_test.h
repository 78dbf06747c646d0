/* SPDX-License-Identifier: Apache-2.0
 * platform/records/records_test.h - what the files of the records tests share: a platform with one
 * database, and calls into records_serve without a server. */
#ifndef PLATFORM_RECORDS_RECORDS_TEST_H
#define PLATFORM_RECORDS_RECORDS_TEST_H

/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "platform/records/records.h"
#include "platform/module.h"
#include "base/test.h"
/* clang-format on */

#define ID_OF_NOTHING "0192a3b4-c5d6-7e8f-9012-000000000000"

typedef struct BenchOptions {
    bool on_postgres;
    const char *contract;       /* path of a contract.json */
    const char *migrations[12]; /* of db/migrations, after those of the platform */
    Migration extra;
    const Module *const *modules;
    size_t n_modules;
} BenchOptions;

typedef struct Bench {
    Platform platform;
    Arena *arena;
} Bench;

typedef struct Answer {
    int status; /* of the reply, or what the error maps to */
    Str body;   /* the reply's; of an error "message | pointer: message …" */
    HttpPair headers[12];
    size_t n_headers;
} Answer;

/* The fixture of a test. On PostgreSQL the platform's db stays NULL when it is not installed. */
int bench_new(void **state, const BenchOptions *options);
int bench_free(void **state);
/* The bench, or skips the test by name. */
Bench *need_bench(void **state);

/* Of this process, with the databases in it; for the group's setup and teardown. */
int bench_make_folder(void **state);
int bench_remove_folder(void **state);
const char *bench_folder(void);

/* "GET /api/things?limit=2". header: "If-Match: \"1\"" or NULL. Any thread; everything lives in
 * arena. */
Answer bench_call(Bench *b, Arena *arena, const char *call, const char *header, const char *body);
Str answer_header(const Answer *a, const char *name);
/* The id of the record in an answer. */
Str answer_id(Arena *arena, const Answer *a);
int64_t bench_count(Bench *b, const char *sql);
Str bench_text(Bench *b, Arena *arena, const char *sql);

/* What the Gadget's hooks do next. */
typedef enum GadgetFault { GADGET_WORKS, GADGET_REFUSES, GADGET_BREAKS } GadgetFault;
extern GadgetFault gadget_fault;
extern int gadget_presented; /* calls of present */

/* records_test_steps.c, records_test_list.c */
void test_steps(void **state);
void test_walks(void **state);
void test_budget(void **state);
void test_hostile_queries(void **state);
void test_hostile_cursors(void **state);
void test_visible(void **state);

#endif
