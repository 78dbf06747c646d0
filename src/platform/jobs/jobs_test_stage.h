/* SPDX-License-Identifier: Apache-2.0
 * platform/jobs/jobs_test_stage.h - what the tests of jobs share: a platform on either database,
 * jobs of every manner, and what they saw. */
#ifndef PLATFORM_JOBS_TEST_STAGE_H
#define PLATFORM_JOBS_TEST_STAGE_H

#include "base/thread.h"

#include "platform/jobs/jobs_priv.h"
#include "test_platform.h"

extern DbKind kind; /* of the test that runs */
extern const char *url_now;
extern TestPlatform *t;
extern Platform *p;
extern Ctx *cx;
extern const Module test_module, scheduled_module;

enum { MAX_RUNS = 4096 };

typedef struct SeenRun {
    Uuid id;
    int64_t n; /* of the payload */
    unsigned attempt;
    int64_t started_us; /* monotonic */
} SeenRun;

typedef struct Seen {
    Mutex lock;
    SeenRun runs[MAX_RUNS];
    size_t n;
    unsigned running, most_running;
    bool doubled; /* one job ran twice at a time */
    Uuid now[64];
    bool may_end;
} Seen;
extern Seen seen;

void must(Rc rc);
size_t seen_count(void);
int on_sqlite(void **state);
int on_postgres(void **state);
void let_end(void);
int tear_down(void **state);
void need_database(void);
void start(Platform *platform);
void sql(const char *text);
int64_t one_i64(const char *text);
Uuid enqueue(const JobSpec *spec);
Str state_of(const Uuid *id);
void wait_state(const Uuid *id, const char *state);
void wait_runs(size_t n);
const Json *numbered(int64_t n);
void wait_event(const char *type);

#endif
