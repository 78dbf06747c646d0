/* SPDX-License-Identifier: Apache-2.0
 * net/process_test.c - foreign programs: what they get, what comes back, and that nothing stays
 * behind. */
#include "base/file.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"

#include "net/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ENV "PATH=/usr/bin:/bin"

static int setup(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static Rc run_sh(Arena *arena, const char *script, ProcessOptions o, ProcessResult *ret, Error *err)
{
    const char *argv[] = {"sh", "-c", script, NULL};

    o.argv = argv;
    return process_run(&o, arena, ret, err);
}

static void test_ends(void **state)
{
    static const struct {
        const char *script;
        int exit_code, signal;
    } cases[] = {
        {"exit 0",        0,   0      },
        {"exit 7",        7,   0      },
        {"exit 255",      255, 0      },
        {"kill -9 $$",    -1,  SIGKILL},
        {"kill -SEGV $$", -1,  SIGSEGV},
        {"kill -PIPE $$", -1,  SIGPIPE}, /* ignored by us, not by the program */
    };

    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ProcessResult r;
        Error err = {0};

        assert_int_equal(run_sh(*state, cases[i].script, (ProcessOptions){0}, &r, &err), RC_OK);
        assert_int_equal(r.exit_code, cases[i].exit_code);
        assert_int_equal(r.signal, cases[i].signal);
        assert_int_equal(r.output.len, 0);
        assert_true(r.duration_us > 0);
    }
}

static void test_cannot_start(void **state)
{
    static const struct {
        const char *program, *folder;
        Rc rc;
    } cases[] = {
        {"no-such-program-here", NULL,               RC_NOT_FOUND},
        {"/nonexistent/program", NULL,               RC_NOT_FOUND},
        {"/etc/passwd",          NULL,               RC_INTERNAL }, /* not executable */
        {"true",                 "/nonexistent/dir", RC_INTERNAL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *argv[] = {cases[i].program, "secret-argument", NULL};
        ProcessResult r;
        Error err = {0};

        assert_int_equal(process_run(&(ProcessOptions){.argv = argv, .folder = cases[i].folder},
                                     *state, &r, &err),
                         cases[i].rc);
        assert_true(strlen(err.message) > 10);
        assert_null(strstr(err.message, "secret"));
    }
}

static void test_input_and_output(void **state)
{
    size_t n = 3 * MIB + 17;
    char *bytes = arena_alloc(*state, n);
    ProcessResult r;
    Error err = {0};

    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(i * 31 >> 3);
    }
    /* Far more than a pipe holds, both ways at once. */
    assert_int_equal(run_sh(*state, "cat; echo no >&2",
                            (ProcessOptions){.input = str_of(bytes, n), .max_output = n}, &r, &err),
                     RC_OK);
    assert_true(str_eq(r.output, str_of(bytes, n)));
    assert_true(str_is(r.err_tail, "no\n"));

    /* Input that nobody reads is no trouble; no input is an empty file. */
    assert_int_equal(
        run_sh(*state, "exit 3", (ProcessOptions){.input = str_of(bytes, n)}, &r, &err), RC_OK);
    assert_int_equal(r.exit_code, 3);
    assert_int_equal(run_sh(*state, "wc -c", (ProcessOptions){0}, &r, &err), RC_OK);
    assert_true(str_is(str_trim(r.output), "0"));
}

static void test_output_limit(void **state)
{
    ProcessResult r;
    Error err = {0};
    int64_t start = time_monotonic_us();

    assert_int_equal(
        run_sh(*state, "head -c 70000 /dev/zero", (ProcessOptions){.max_output = 70000}, &r, &err),
        RC_OK);
    assert_int_equal(r.output.len, 70000);
    assert_int_equal(
        run_sh(*state, "head -c 70001 /dev/zero", (ProcessOptions){.max_output = 70000}, &r, &err),
        RC_LIMIT);
    assert_int_equal(run_sh(*state, "echo start >&2; yes", (ProcessOptions){0}, &r, &err),
                     RC_LIMIT);
    assert_non_null(strstr(err.message, "sh wrote more than the 1048576 bytes"));
    assert_true(time_monotonic_us() - start < 20 * US_PER_SECOND);
}

static void test_error_tail(void **state)
{
    ProcessResult r;
    Error err = {0};

    assert_int_equal(run_sh(*state,
                            "i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done",
                            (ProcessOptions){0}, &r, &err),
                     RC_OK);
    assert_int_equal(r.err_tail.len, PROCESS_ERR_TAIL);
    assert_true(str_ends(r.err_tail, STR("\nline 2998\nline 2999\n")));
}

static void test_surroundings(void **state)
{
    const char *env[] = {PATH_ENV, "WORD=a b;$x", NULL};
    ProcessResult r;
    Error err = {0};

    assert_int_equal(setenv("FAIRWAY_TEST_SECRET", "s3cret", 1), 0);
    assert_int_equal(process_run(
                         &(ProcessOptions){
                             .argv = (const char *[]){"env", NULL},
                                 .env = env
    },
                         *state, &r, &err),
                     RC_OK);
    assert_true(str_is(r.output, PATH_ENV "\nWORD=a b;$x\n"));
    assert_int_equal(process_run(
                         &(ProcessOptions){
                             .argv = (const char *[]){"env", NULL}
    },
                         *state, &r, &err),
                     RC_OK);
    assert_int_equal(r.output.len, 0);
    assert_int_equal(run_sh(*state, "pwd", (ProcessOptions){.folder = "/usr/lib"}, &r, &err),
                     RC_OK);
    assert_true(str_is(r.output, "/usr/lib\n"));
    /* Arguments are not a shell's. */
    assert_int_equal(process_run(
                         &(ProcessOptions){
                             .argv = (const char *[]){"printf", "%s|", "$HOME; `id`", "", NULL}
    },
                         *state, &r, &err),
                     RC_OK);
    assert_true(str_is(r.output, "$HOME; `id`||"));
}

static void test_limits(void **state)
{
    ProcessResult r;
    Error err = {0};
    ProcessOptions o = {.max_cpu_seconds = 9,
                        .max_memory_bytes = 512 * MIB,
                        .max_file_bytes = 8192,
                        .folder = "/tmp"};

    assert_int_equal(run_sh(*state, "ulimit -t; ulimit -v; ulimit -c; ulimit -f", o, &r, &err),
                     RC_OK);
    assert_true(str_is(r.output, "9\n524288\n0\n16\n")); /* -f counts blocks of 512 bytes */
    o.max_cpu_seconds = 1;
    assert_int_equal(run_sh(*state, "while :; do :; done", o, &r, &err), RC_OK);
    assert_true(r.signal == SIGXCPU || r.signal == SIGKILL);
}

/* Gone, or a zombie that init has yet to reap; polled, as the kernel takes its time. */
static bool is_gone(pid_t pid)
{
    int64_t until = time_monotonic_us() + 5 * US_PER_SECOND;
    char path[64], line[256], state = '?';

    while (time_monotonic_us() < until) {
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *f = fopen(path, "re");
        if (f == NULL) {
            return true;
        }
        bool read =
            fgets(line, sizeof line, f) != NULL && sscanf(strrchr(line, ')'), ") %c", &state) == 1;
        assert_int_equal(fclose(f), 0);
        if (!read || state == 'Z' || state == 'X') {
            return true;
        }
        thread_sleep_us(5 * US_PER_MS);
    }
    return false;
}

static pid_t pid_of(Str text)
{
    int64_t pid = 0;

    assert_true(str_to_i64(str_trim(text), &pid));
    return (pid_t)pid;
}

static void test_deadline_ends_grandchildren(void **state)
{
    static const char *const scripts[] = {
        "sleep 1000 & echo $! >pid; wait",
        "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! >pid; wait", /* needs
                                                                                           SIGKILL
                                                                                         */
    };
    char folder[] = "/tmp/fairway-process-XXXXXX";
    Error err = {0};

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        ProcessResult r;
        Str text;
        int64_t start = time_monotonic_us();

        assert_int_equal(run_sh(*state, scripts[i],
                                (ProcessOptions){.timeout_us = 300 * US_PER_MS, .folder = folder},
                                &r, &err),
                         RC_TIMEOUT);
        assert_string_equal(err.message, "sh did not finish within 0.3 s and was ended");
        assert_true(time_monotonic_us() - start < 10 * US_PER_SECOND);
        assert_int_equal(file_read(*state, str_fmt(*state, "%s/pid", folder).ptr, 100, &text, &err),
                         RC_OK);
        assert_true(is_gone(pid_of(text)));
    }
    assert_int_equal(file_remove_tree(folder, &err), RC_OK);
}

static void test_whole_group_may_end_in_order(void **state)
{
    char folder[] = "/tmp/fairway-process-XXXXXX";
    ProcessResult r;
    Error err = {0};

    assert_non_null(mkdtemp(folder));
    assert_int_equal(
        run_sh(*state,
               "trap : TERM; (trap 'echo >got-term; exit' TERM; sleep 1000 & wait) & wait; wait",
               (ProcessOptions){.timeout_us = 300 * US_PER_MS, .folder = folder}, &r, &err),
        RC_TIMEOUT);
    assert_true(file_exists(str_fmt(*state, "%s/got-term", folder).ptr));
    assert_int_equal(file_remove_tree(folder, &err), RC_OK);
}

static void test_end_ends_grandchildren(void **state)
{
    ProcessResult r;
    Error err = {0};
    int64_t start = time_monotonic_us();

    /* It holds our pipes open, yet is not waited for. */
    assert_int_equal(run_sh(*state, "sleep 1000 & echo $!", (ProcessOptions){0}, &r, &err), RC_OK);
    assert_true(time_monotonic_us() - start < 20 * US_PER_SECOND);
    assert_true(is_gone(pid_of(r.output)));
}

static size_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    assert_int_equal(closedir(dir), 0);
    return n;
}

static void test_no_files_leak(void **state)
{
    int leaky =
        fcntl(STDERR_FILENO, F_DUPFD, 57); /* without FD_CLOEXEC, as careless libraries open them */
    size_t before = open_files();
    ProcessResult r;
    Error err = {0};

    assert_true(leaky >= 57);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_sh(*state, "for f in /proc/$$/fd/*; do echo ${f##*/}; done",
                                (ProcessOptions){.input = STR("x")}, &r, &err),
                         RC_OK);
        assert_true(str_starts(r.output, STR("0\n1\n2\n")));
        assert_int_equal(str_find(r.output, str_fmt(*state, "%d\n", leaky)), SIZE_MAX);
        assert_true(r.output.len <= 10); /* at most the one the shell opened to list them */
        assert_int_equal(
            run_sh(*state, "sleep 9", (ProcessOptions){.timeout_us = 20 * US_PER_MS}, &r, &err),
            RC_TIMEOUT);
        assert_int_equal(process_run(
                             &(ProcessOptions){
                                 .argv = (const char *[]){"/nonexistent", NULL}
        },
                             *state, &r, &err),
                         RC_NOT_FOUND);
    }
    assert_int_equal(open_files(), before);
    assert_int_equal(close(leaky), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child unreaped */
    assert_int_equal(errno, ECHILD);
}

static void test_closed_standard_files(void **state)
{
    int saved[3];
    ProcessResult r;
    Error err = {0};

    /* A daemon may run without standard files; the pipes then get their numbers. */
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        assert_true(saved[fd] >= 10);
    }
    for (int fd = 0; fd < 3; fd++) {
        (void)close(fd);
    }
    Rc rc = run_sh(*state, "cat; echo e >&2", (ProcessOptions){.input = STR("text")}, &r, &err);
    for (int fd = 0; fd < 3; fd++) {
        assert_int_equal(dup2(saved[fd], fd), fd);
        assert_int_equal(close(saved[fd]), 0);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(str_is(r.output, "text"));
    assert_true(str_is(r.err_tail, "e\n"));
}

static void *run_many(void *arg)
{
    bool *ok = arg;
    Arena *arena = arena_new(0);

    *ok = true;
    for (int i = 0; i < 10; i++) {
        Str text = str_fmt(arena, "%p %d", arg, i);
        ProcessResult r;
        Error err = {0};

        *ok = run_sh(arena, "cat; exit 5", (ProcessOptions){.input = text}, &r, &err) == RC_OK &&
              r.exit_code == 5 && str_eq(r.output, text) && *ok;
    }
    arena_free(arena);
    return NULL;
}

static void test_many_threads(void **state)
{
    Thread threads[8] = {0};
    bool ok[8];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_start(&threads[i], "run", run_many, &ok[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
        assert_true(ok[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cannot_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input_and_output, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_surroundings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_ends_grandchildren, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_group_may_end_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_ends_grandchildren, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_files_leak, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_standard_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_threads, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
