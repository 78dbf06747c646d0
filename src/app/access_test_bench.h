/* SPDX-License-Identifier: Apache-2.0
 * app/access_test_bench.h - the whole product on one database, with rights enforced and a sign-in
 * that believes a header. */
#ifndef APP_ACCESS_TEST_BENCH_H
#define APP_ACCESS_TEST_BENCH_H

/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "app/app.h"
#include "base/test.h"
/* clang-format on */

#define ROLE_ADMIN "00000000-0000-7000-8000-0000000000a1"
#define ROLE_MAINTAINER "00000000-0000-7000-8000-0000000000a2"
#define ROLE_DEVELOPER "00000000-0000-7000-8000-0000000000a3"
#define ROLE_VIEWER "00000000-0000-7000-8000-0000000000a4"
#define ROLE_AUDITOR "00000000-0000-7000-8000-0000000000a5"

typedef struct AccessBench {
    App *app; /* NULL: no PostgreSQL here */
    Api *api;
    Arena *arena; /* of the test */
    char folder[64];
} AccessBench;

int access_bench_sqlite(void **state);
int access_bench_pg(void **state);
int access_bench_free(void **state);
AccessBench *need_access_bench(void **state);

/* Ids are made of the names: "alice" is always the same UUID. The names have at most six letters.
 */
Str id_of(AccessBench *b, const char *name);

/* Adds, past all checks: an organization, a team of it, a service of the team. Each is named as its
 * id is made. */
void add_organization(AccessBench *b, const char *name);
void add_team(AccessBench *b, const char *name, const char *organization);
void add_service(AccessBench *b, const char *name, const char *team);
/* Once is enough. */
void add_user(AccessBench *b, const char *name);
void add_member(AccessBench *b, const char *user, const char *team);
/* "alice viewer organization acme", by the system. Gives the binding's id. */
Str bind_role(AccessBench *b,
              const char *subject_kind,
              const char *subject,
              const char *role_id,
              const char *scope_kind,
              const char *scope,
              const char *effect);
void run_access_sql(AccessBench *b, const char *sql);

/* "PATCH /api/teams/{red}" as a user ("" is nobody; "alice/key" with an API key); {name} stands for
 * the id. The status; *ret_body (may be NULL) lives as long as the test. */
int call_as(AccessBench *b, const char *user, const char *call, const char *body, Str *ret_body);
/* Fails with the answer when the status is another, or the text is not in it. */
void expect(AccessBench *b,
            const char *user,
            const char *call,
            const char *body,
            int status,
            const char *text);
/* A Ctx of a user for calls into the module. */
Ctx *ctx_as(AccessBench *b, const char *user);

/* Two organizations: acme with the teams red and blue, other with black; a service of each team
 * (cart, stock, vault). root administers everything, view reads acme. Skips without a bench. */
AccessBench *access_world(void **state);

#endif
