/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"
#include "base/error.h"
#include "base/log.h"
#include "base/test.h"
#include "base/thread.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void every_code_has_a_status_and_unique_names(void **state)
{
    (void)state;

    for (Rc rc = RC_OK; rc < RC_COUNT; rc++) {
        assert_in_range(rc_status(rc), 200, 599);
        assert_true(strlen(rc_title(rc)) > 0);
        for (Rc other = RC_OK; other < rc; other++) {
            assert_string_not_equal(rc_slug(rc), rc_slug(other));
            assert_string_not_equal(rc_name(rc), rc_name(other));
        }
    }
    assert_int_equal(rc_status(RC_NOT_FOUND), 404);
    assert_string_equal(rc_name(RC_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(rc_slug(RC_NOT_FOUND), "not-found");
    assert_int_equal(rc_status((Rc)1000), 500);
}

static void only_a_full_disk_is_full(void **state)
{
    static const struct {
        int cause;
        Rc rc;
    } cases[] = {
        {ENOSPC, RC_FULL    },
        {EDQUOT, RC_FULL    },
        {EFBIG,  RC_FULL    },
        {EIO,    RC_INTERNAL},
        {EROFS,  RC_INTERNAL},
        {0,      RC_INTERNAL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(rc_of_write(cases[i].cause, RC_INTERNAL), cases[i].rc);
    }
    assert_int_equal(rc_status(RC_FULL), 507);
    assert_int_equal(rc_of_write(EACCES, RC_INVALID), RC_INVALID);
}

static void error_set_replaces_and_keeps_fields(void **state)
{
    Error err = {0};
    (void)state;

    error_field(&err, STR("/spec/owner"), "must be a %s", "string");
    assert_int_equal(error_set_at(&err, RC_MALFORMED, 3, 7, "bad %s", "token"), RC_MALFORMED);
    error_detail(&err, "near \"%c\"", '{');
    assert_string_equal(err.message, "bad token");
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 7);
    assert_string_equal(err.detail, "near \"{\"");

    assert_int_equal(error_set(&err, RC_INVALID, "two"), RC_INVALID);
    assert_int_equal(err.code, RC_INVALID);
    assert_string_equal(err.message, "two");
    assert_string_equal(err.detail, "");
    assert_int_equal(err.line, 0);
    assert_int_equal(err.n_fields, 1);
    assert_string_equal(err.fields[0].pointer, "/spec/owner");
    assert_string_equal(err.fields[0].message, "must be a string");
    error_clear(&err);
    assert_int_equal(err.n_fields, 0);
    assert_int_equal(err.code, RC_OK);
}

static void errors_may_be_built_from_themselves(void **state)
{
    Error err = {0};
    (void)state;

    IGNORE(error_set(&err, RC_INVALID, "name is empty")); /* it is the code given */
    error_prefix(&err, "file %s", "a.yaml");
    assert_string_equal(err.message, "file a.yaml: name is empty");
    assert_int_equal(err.code, RC_INVALID);
    IGNORE(error_set(&err, RC_LIMIT, "[%s]", err.message)); /* it is the code given */
    assert_string_equal(err.message, "[file a.yaml: name is empty]");
    error_detail(&err, "%s", err.message);
    assert_string_equal(err.detail, err.message);
}

static void error_accepts_null(void **state)
{
    (void)state;

    assert_int_equal(error_set(NULL, RC_BUSY, "x"), RC_BUSY);
    assert_int_equal(error_set_at(NULL, RC_BUSY, 1, 1, "x"), RC_BUSY);
    error_prefix(NULL, "x");
    error_detail(NULL, "x");
    error_field(NULL, STR("/x"), "x");
    error_clear(NULL);
}

static void long_errors_are_cut_between_characters(void **state)
{
    static const char *const letters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            Error err = {0};
            Str parts[4 * sizeof(err.message)];
            for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
                parts[k] = str_from(letters[i]);
            }
            Str text = str_join(a, parts, ARRAY_LEN(parts), STR_EMPTY);
            Str padded = str_fmt(a, "%.*s%.*s", (int)shift, "abcd", STR_ARG(text));
            IGNORE(error_set(&err, RC_INVALID, "%s", padded.ptr)); /* it is the code given */
            error_detail(&err, "%s", padded.ptr);
            error_field(&err, padded, "%s", padded.ptr);
            const char *cut[] = {err.message, err.detail, err.fields[0].pointer,
                                 err.fields[0].message};
            size_t sizes[] = {sizeof(err.message), sizeof(err.detail),
                              sizeof(err.fields[0].pointer), sizeof(err.fields[0].message)};
            for (size_t k = 0; k < ARRAY_LEN(cut); k++) {
                assert_true(str_is_utf8(str_from(cut[k]), NULL));
                assert_in_range(strlen(cut[k]), sizes[k] - 4, sizes[k] - 1);
                assert_true(str_starts(padded, str_from(cut[k])));
            }
            error_prefix(&err, "%.*s", (int)(120 + 12 * shift), text.ptr);
            assert_true(str_is_utf8(str_from(err.message), NULL));
            assert_in_range(strlen(err.message), sizeof(err.message) - 4, sizeof(err.message) - 1);
        }
    }
}

static void fields_beyond_the_most_are_left_out(void **state)
{
    Error err = {0};
    (void)state;

    for (int i = 0; i < 2 * ERROR_FIELDS_MAX; i++) {
        error_field(&err, STR_EMPTY, "%d", i);
    }
    assert_int_equal(err.n_fields, ERROR_FIELDS_MAX);
    assert_string_equal(err.fields[ERROR_FIELDS_MAX - 1].message, "7");
}

/* Standard error, led into a pipe for the length of a call. */
typedef struct Capture {
    int saved, read_end;
    char text[64 * 1024];
} Capture;

static void capture_begin(Capture *capture)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 128 * 1024) >= 128 * 1024);
    capture->read_end = ends[0];
    capture->saved = dup(STDERR_FILENO);
    assert_true(capture->saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
}

static Str capture_end(Capture *capture)
{
    size_t len = 0;
    ssize_t got;

    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    close(capture->saved);
    while ((got = read(capture->read_end, capture->text + len, sizeof(capture->text) - len)) > 0) {
        len += (size_t)got;
    }
    close(capture->read_end);
    return str_of(capture->text, len);
}

static void log_writes_one_escaped_line(void **state)
{
    static const struct {
        LogFormat format;
        const char *line; /* after the time */
    } cases[] = {
        {LOG_JSON, "\",\"level\":\"warn\",\"event\":\"test.event\",\"path\":\"/a "
                   "b\\n\\\"c\\\"\",\"plain\":\"x\","
                   "\"empty\":\"\",\"n\":-5,\"yes\":true,\"no\":false}\n"       },
        {LOG_TEXT,
         " WARN  test.event path=\"/a b\\n\\\"c\\\"\" plain=x empty=\"\" n=-5 yes=true no=false\n"},
    };
    static Capture capture;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        log_configure(LOG_INFO, cases[i].format);
        capture_begin(&capture);
        errno = 42;
        log_warn("test.event", F_STR("path", STR("/a b\n\"c\"")), F_CSTR("plain", "x"),
                 F_CSTR("empty", NULL), F_I64("n", -5), F_BOOL("yes", true), F_BOOL("no", false));
        int kept = errno;
        Str line = capture_end(&capture);
        assert_int_equal(kept, 42);
        size_t skip = cases[i].format == LOG_JSON ? strlen("{\"time\":\"") : 0;
        int64_t us;
        size_t z = str_find_char(line, 'Z');
        assert_int_not_equal(z, SIZE_MAX);
        assert_true(time_parse_rfc3339(str_sub(line, skip, z + 1), &us));
        assert_str(str_from_index(line, z + 1), str_from(cases[i].line));
    }
}

static void log_survives_a_closed_standard_error(void **state)
{
    int saved = dup(STDERR_FILENO);
    (void)state;

    assert_true(saved >= 0);
    log_configure(LOG_INFO, LOG_JSON);
    close(STDERR_FILENO);
    errno = 42;
    log_info("nobody.listens", F_I64("n", 1));
    int kept = errno;
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    assert_int_equal(kept, 42);
}

static void log_levels_filter(void **state)
{
    static Capture capture;
    LogLevel level = LOG_ERROR;
    (void)state;

    log_configure(LOG_WARN, LOG_TEXT);
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN));
    capture_begin(&capture);
    log_debug("e", F_I64("n", 1));
    log_info("e", F_I64("n", 2));
    log_error("e", F_I64("n", 3));
    Str text = capture_end(&capture);
    assert_true(str_ends(text, STR(" ERROR e n=3\n")));
    assert_int_equal(str_find_char(text, '\n'), text.len - 1);

    log_configure(LOG_OFF, LOG_TEXT);
    assert_false(log_enabled(LOG_ERROR));
    assert_false(log_enabled(LOG_OFF));
    assert_true(log_level_parse(STR("debug"), &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse(STR("off"), &level));
    assert_int_equal(level, LOG_OFF);
    assert_false(log_level_parse(STR("INFO"), &level));
    assert_false(log_level_parse(STR_EMPTY, &level));
    assert_int_equal(level, LOG_OFF);
}

static void log_lines_are_bounded(void **state)
{
    static Capture capture;
    static char huge[100000];
    LogField fields[100];
    (void)state;

    memset(huge, 1, sizeof(huge)); /* six bytes each once escaped */
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        fields[i] = F_STR("k", str_of(huge, sizeof(huge)));
    }
    log_configure(LOG_INFO, LOG_JSON);
    capture_begin(&capture);
    log_write(LOG_INFO, "one", fields, 1);
    log_write(LOG_INFO, "many", fields, ARRAY_LEN(fields));
    Str text = capture_end(&capture);
    size_t first = str_find_char(text, '\n');
    assert_in_range(first, 2048, 32 * 1024);
    assert_true(str_ends(text, STR("\"event\":\"many\",\"truncated\":true}\n")));
}

enum { LOG_THREADS = 4, LOG_LINES = 100 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LOG_LINES; i++) {
        log_info("line", F_CSTR("text", arg));
    }
    return NULL;
}

static void log_lines_of_threads_do_not_mix(void **state)
{
    static Capture capture;
    static char texts[LOG_THREADS][100];
    Thread threads[LOG_THREADS] = {0};
    (void)state;

    log_configure(LOG_INFO, LOG_TEXT);
    capture_begin(&capture);
    for (size_t i = 0; i < LOG_THREADS; i++) {
        memset(texts[i], 'a' + (int)i, sizeof(texts[i]) - 1);
        thread_start(&threads[i], "log", write_lines, texts[i]);
    }
    for (size_t i = 0; i < LOG_THREADS; i++) {
        thread_join(&threads[i]);
    }
    Str rest = capture_end(&capture);
    Str line;
    size_t n = 0;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        size_t at = str_find(line, STR("text="));
        assert_int_equal(line.len - at, 5 + 99);
        for (size_t i = at + 6; i < line.len; i++) {
            assert_int_equal(line.ptr[i], line.ptr[at + 5]);
        }
        n++;
    }
    assert_int_equal(n, LOG_THREADS * LOG_LINES);
}

typedef struct Shared {
    Mutex lock;
    Cond changed;
    int count; /* by lock */
} Shared;

static void *count_up(void *arg)
{
    Shared *shared = arg;

    for (int i = 0; i < 10000; i++) {
        mutex_lock(&shared->lock);
        shared->count++;
        mutex_unlock(&shared->lock);
    }
    mutex_lock(&shared->lock);
    cond_broadcast(&shared->changed);
    mutex_unlock(&shared->lock);
    return NULL;
}

static void mutex_excludes_and_cond_wakes(void **state)
{
    Shared shared = {.lock = MUTEX_INIT};
    Thread threads[3] = {0};
    (void)state;

    mutex_init(&shared.lock);
    cond_init(&shared.changed);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_start(&threads[i], "a name that is longer than it may be", count_up, &shared);
    }
    int64_t deadline = time_monotonic_us() + 30 * US_PER_SECOND;
    mutex_lock(&shared.lock);
    while (shared.count < 30000 && cond_wait_until(&shared.changed, &shared.lock, deadline)) {
    }
    int count = shared.count;
    mutex_unlock(&shared.lock);
    assert_int_equal(count, 30000);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(&threads[i]);
        thread_join(&threads[i]); /* the second has nothing to do */
    }
    cond_done(&shared.changed);
    mutex_done(&shared.lock);
}

/* Two threads that take turns; each waits for the other's number. */
static void *take_turns(void *arg)
{
    Shared *shared = arg;

    for (int i = 1; i < 200; i += 2) {
        mutex_lock(&shared->lock);
        while (shared->count != i) {
            cond_wait(&shared->changed, &shared->lock);
        }
        shared->count++;
        cond_signal(&shared->changed);
        mutex_unlock(&shared->lock);
    }
    return NULL;
}

static void cond_signal_hands_over(void **state)
{
    Shared shared = {.lock = MUTEX_INIT};
    Thread thread = {0};
    (void)state;

    cond_init(&shared.changed);
    thread_start(&thread, "turns", take_turns, &shared);
    for (int i = 0; i < 200; i += 2) {
        mutex_lock(&shared.lock);
        while (shared.count != i) {
            cond_wait(&shared.changed, &shared.lock);
        }
        shared.count++;
        cond_signal(&shared.changed);
        mutex_unlock(&shared.lock);
    }
    thread_join(&thread);
    assert_int_equal(shared.count, 200);
    cond_done(&shared.changed);
}

static void cond_wait_until_times_out(void **state)
{
    static const int64_t waits[] = {INT64_MIN, -US_PER_HOUR, 0, 20 * US_PER_MS};
    Mutex lock = MUTEX_INIT;
    Cond cond;
    (void)state;

    cond_init(&cond);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        int64_t deadline = waits[i] == INT64_MIN ? INT64_MIN : time_monotonic_us() + waits[i];
        mutex_lock(&lock);
        bool woken;
        do { /* a condition may wake without cause */
            woken = cond_wait_until(&cond, &lock, deadline);
        } while (woken);
        mutex_unlock(&lock);
        assert_true(time_monotonic_us() >= deadline);
    }
    cond_done(&cond);
}

static void *look_at_signals(void *arg)
{
    return pthread_sigmask(SIG_SETMASK, NULL, arg) == 0 ? arg : NULL;
}

static void threads_block_signals_and_starters_do_not(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGUSR1, SIGALRM};
    sigset_t mask;
    sigset_t before;
    sigset_t after;
    Thread thread = {0};
    (void)state;

    sigemptyset(&mask);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    thread_start(&thread, "signals", look_at_signals, &mask);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    thread_join(&thread);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        assert_int_equal(sigismember(&mask, signals[i]), 1);
        assert_int_equal(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
}

static void thread_sleep_lasts(void **state)
{
    int64_t start = time_monotonic_us();
    (void)state;

    thread_sleep_us(3000);
    assert_true(time_monotonic_us() - start >= 3000);
    thread_sleep_us(0);
    thread_sleep_us(INT64_MIN);
}

static void a_broken_invariant_stops_the_process(void **state)
{
    int ends[2];
    char text[600];
    int status = 0;
    (void)state;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        assert_failed("x.c", 7, "sky is blue");
    }
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof(text));
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(n > 0);
    assert_str(str_of(text, (size_t)n), STR("fairway: x.c:7: broken invariant: sky is blue\n"));
}

int base_test_process(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status_and_unique_names),
        cmocka_unit_test(only_a_full_disk_is_full),
        cmocka_unit_test(error_set_replaces_and_keeps_fields),
        cmocka_unit_test(errors_may_be_built_from_themselves),
        cmocka_unit_test(error_accepts_null),
        cmocka_unit_test(long_errors_are_cut_between_characters),
        cmocka_unit_test(fields_beyond_the_most_are_left_out),
        cmocka_unit_test(log_writes_one_escaped_line),
        cmocka_unit_test(log_survives_a_closed_standard_error),
        cmocka_unit_test(log_levels_filter),
        cmocka_unit_test(log_lines_are_bounded),
        cmocka_unit_test(log_lines_of_threads_do_not_mix),
        cmocka_unit_test(mutex_excludes_and_cond_wakes),
        cmocka_unit_test(cond_signal_hands_over),
        cmocka_unit_test(cond_wait_until_times_out),
        cmocka_unit_test(threads_block_signals_and_starters_do_not),
        cmocka_unit_test(thread_sleep_lasts),
        cmocka_unit_test(a_broken_invariant_stops_the_process),
    };

    return cmocka_run_group_tests_name("base process", tests, NULL, NULL);
}
