/* SPDX-License-Identifier: Apache-2.0 */
#include "test_pg.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SCHEMAS = 1000, URL_SIZE = 600 };

static char admin_url[URL_SIZE];
static bool asked, is_private;
static pid_t helper;
static FILE *to_helper, *from_helper;
static char *urls[MAX_SCHEMAS];
static unsigned n_schemas;

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "test_pg: %s failed\n", what);
        abort();
    }
}

static void schema_name(char name[64], unsigned i)
{
    snprintf(name, 64, "fw_test_%d_%u", (int)getpid(), i);
}

static void run_sql(const char *verb, unsigned schema, const char *options)
{
    char name[64];
    char sql[200];
    schema_name(name, schema);
    snprintf(sql, sizeof(sql), "%s %s %s", verb, name, options);
    PGconn *conn = PQconnectdb(admin_url);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "test_pg: %s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
}

static void at_end(void)
{
    for (unsigned i = 0; i < n_schemas; i++) {
        if (!is_private) {
            run_sql("DROP SCHEMA IF EXISTS", i, "CASCADE");
        }
        free(urls[i]);
    }
    if (!is_private) {
        return;
    }
    fclose(to_helper);
    waitpid(helper, NULL, 0);
    fclose(from_helper);
}

static bool start_helper(void)
{
    int in[2];
    int out[2];
    char line[URL_SIZE];
    char script[] = TEST_SOURCE_DIR "/tests/support/pg.py";
    char python[] = "/usr/bin/python3";
    char serve[] = "serve";
    char *args[] = {python, script, serve, NULL};
    posix_spawn_file_actions_t actions;

    /* Closed in every other child: the helper ends when our end of its input closes. */
    must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    must(posix_spawn(&helper, python, &actions, NULL, args, environ) == 0, "starting pg.py");
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_helper = fdopen(in[1], "w");
    from_helper = fdopen(out[0], "r");
    must(to_helper && from_helper, "fdopen");
    if (!fgets(line, sizeof(line), from_helper)) {
        int status = 0;
        waitpid(helper, &status, 0);
        must(WIFEXITED(status) && WEXITSTATUS(status) == 77, "pg.py");
        fclose(to_helper);
        fclose(from_helper);
        return false;
    }
    must(sscanf(line, "ready %599s", admin_url) == 1, "pg.py");
    is_private = true;
    return true;
}

static bool have_server(void)
{
    if (!asked) {
        const char *given = getenv("FAIRWAY_TEST_PG_URL");
        asked = true;
        if (given && given[0]) {
            snprintf(admin_url, sizeof(admin_url), "%s", given);
        } else if (!start_helper()) {
            return false;
        }
        atexit(at_end);
    }
    return admin_url[0] != '\0';
}

const char *test_pg_url(void)
{
    if (!have_server()) {
        return NULL;
    }
    must(n_schemas < MAX_SCHEMAS, "counting schemas");
    unsigned i = n_schemas++;
    char name[64];
    schema_name(name, i);
    run_sql("CREATE SCHEMA", i, "");
    urls[i] = malloc(URL_SIZE);
    must(urls[i] != NULL, "memory");
    int n = snprintf(urls[i], URL_SIZE, "%s%coptions=-csearch_path%%3D%s", admin_url,
                     strchr(admin_url, '?') ? '&' : '?', name);
    must(n > 0 && n < URL_SIZE, "the length of the URL");
    return urls[i];
}

bool test_pg_is_private(void)
{
    return have_server() && is_private;
}

static void tell_helper(const char *command)
{
    char line[64];
    must(is_private, "stopping a server that is not ours");
    fprintf(to_helper, "%s\n", command);
    fflush(to_helper);
    must(fgets(line, sizeof(line), from_helper) && strcmp(line, "done\n") == 0, command);
}

void test_pg_stop(bool crash)
{
    tell_helper(crash ? "crash" : "stop");
}

void test_pg_start(void)
{
    tell_helper("start");
}
