/* SPDX-License-Identifier: Apache-2.0
 * net/process.c - a child process from vfork(2) to waitid(2).
 *
 * vfork and not posix_spawn, because limits must be in force before the program's first
 * instruction. Between vfork and exec the child shares our memory, so everything it needs is
 * prepared beforehand, it makes system calls only, and all signals are blocked until its handlers
 * are back to default. What fails there is reported through a pipe that exec closes.
 *
 * Standard input is a memory file: it cannot block, and a program that does not read it costs
 * nothing. The end of the child is seen through a pidfd, so waiting is one poll(2) over the two
 * outputs, the pidfd and the deadline. */
#include "net/process.h"

#include "base/buf.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_US (60 * US_PER_SECOND)
#define DEFAULT_OUTPUT_MAX MIB
#define TERM_GRACE_US (2 * US_PER_SECOND)

enum {
    STANDARD_FDS = 3,
    READ_SIZE = 16 * 1024,
    LIMITS_MAX = 4,
};

typedef struct Limit {
    int resource; /* RLIMIT_* */
    struct rlimit value;
} Limit;

/* All that the child needs, complete before vfork. */
typedef struct Plan {
    const char *path;
    char *const *argv, *const *env;
    const char *folder;
    int in, out, err, report; /* all >= STANDARD_FDS */
    Limit limits[LIMITS_MAX];
    size_t n_limits;
    pid_t parent;
} Plan;

typedef struct Run {
    const ProcessOptions *options;
    Arena *arena;
    const char *name; /* for messages */
    Plan plan;
    int out, err; /* our ends; -1 once at their end */
    int report;
    int pidfd;
    pid_t pid;
    Buf output; /* heap */
    char tail[2 * PROCESS_ERR_TAIL];
    size_t tail_len;
    int64_t start_us, deadline_us;
} Run;

typedef enum Step { STEP_GROUP, STEP_FOLDER, STEP_FILES, STEP_LIMITS, STEP_EXEC } Step;

/* What went wrong in the child before exec. */
typedef struct Report {
    Step step;
    int error;
} Report;

static const char *const steps[] = {
    [STEP_GROUP] = "its process group cannot be made",
    [STEP_FOLDER] = "its working folder cannot be entered",
    [STEP_FILES] = "its files cannot be set up",
    [STEP_LIMITS] = "its limits cannot be set",
    [STEP_EXEC] = "it cannot be executed",
};

/* ---- in the child: system calls only */

static NORETURN void child_fail(const Plan *plan, Step step)
{
    const Report report = {step, errno};

    IGNORE(write(plan->report, &report, sizeof report) <
           0); /* the exit code below tells the same, less well */
    _exit(127);
}

/* Handlers are ours and must not run in the child; ignored signals would stay ignored across exec.
 */
static void child_reset_signals(void)
{
    struct sigaction def = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int s = 1; s < NSIG; s++) {
        IGNORE(sigaction(s, &def, NULL) != 0); /* SIGKILL and SIGSTOP refuse */
    }
    sigemptyset(&none);
    IGNORE(sigprocmask(SIG_SETMASK, &none, NULL) != 0); /* cannot fail with valid arguments */
}

static NORETURN __attribute__((noinline)) void child_main(const Plan *plan)
{
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != plan->parent) {
        child_fail(plan, STEP_GROUP);
    }
    if (plan->folder != NULL && chdir(plan->folder) != 0) {
        child_fail(plan, STEP_FOLDER);
    }
    if (dup2(plan->in, STDIN_FILENO) < 0 || dup2(plan->out, STDOUT_FILENO) < 0 ||
        dup2(plan->err, STDERR_FILENO) < 0 ||
        close_range(STANDARD_FDS, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        child_fail(plan, STEP_FILES);
    }
    for (size_t i = 0; i < plan->n_limits; i++) {
        if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &plan->limits[i].value) != 0) {
            child_fail(plan, STEP_LIMITS);
        }
    }
    child_reset_signals();
    execve(plan->path, plan->argv, plan->env);
    child_fail(plan, STEP_EXEC);
}

/* ---- preparation */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        IGNORE(close(*fd) != 0); /* nothing was written through it that could be lost */
        *fd = -1;
    }
}

/* Above the standard ones, so that dup2 in the child cannot overwrite one it still needs. */
static bool lift_fd(int *fd)
{
    if (*fd >= 0 && *fd < STANDARD_FDS) {
        int high = fcntl(*fd, F_DUPFD_CLOEXEC, STANDARD_FDS);

        close_fd(fd);
        *fd = high;
    }
    return *fd >= 0;
}

static bool make_pipe(int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    *ret_read = ends[0];
    *ret_write = ends[1];
    bool lifted = lift_fd(ret_read);
    return lift_fd(ret_write) && lifted && fcntl(*ret_read, F_SETFL, O_NONBLOCK) == 0;
}

static bool make_input(Str input, int *ret)
{
    size_t done = 0;

    *ret = input.len == 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                          : memfd_create("stdin", MFD_CLOEXEC);
    while (*ret >= 0 && done < input.len) {
        ssize_t n = write(*ret, input.ptr + done, input.len - done);

        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return lift_fd(ret) && (input.len == 0 || lseek(*ret, 0, SEEK_SET) == 0);
}

static void add_limit(Plan *plan, int resource, uint64_t value)
{
    plan->limits[plan->n_limits++] = (Limit){
        resource, {value, value}
    };
}

static void plan_limits(const ProcessOptions *o, Plan *plan)
{
    add_limit(plan, RLIMIT_CORE, 0);
    if (o->max_cpu_seconds != 0) {
        add_limit(plan, RLIMIT_CPU, o->max_cpu_seconds);
    }
    if (o->max_memory_bytes != 0) {
        add_limit(plan, RLIMIT_AS, o->max_memory_bytes);
    }
    if (o->max_file_bytes != 0) {
        add_limit(plan, RLIMIT_FSIZE, o->max_file_bytes);
    }
}

/* The path to execute, or NULL. */
static const char *find_program(const ProcessOptions *o, Arena *arena)
{
    const char *name = o->argv[0];
    Str path = STR("/usr/local/bin:/usr/bin:/bin"), folder;

    if (strchr(name, '/') != NULL) {
        return name;
    }
    for (size_t i = 0; o->env != NULL && o->env[i] != NULL; i++) {
        if (strncmp(o->env[i], "PATH=", 5) == 0) {
            path = str_from(o->env[i] + 5);
        }
    }
    while (str_split(&path, ':', &folder)) {
        Str full = str_fmt(arena, "%.*s/%s", STR_ARG(folder), name);

        /* A relative folder in PATH would mean something else in another working folder. */
        if (str_starts(folder, STR("/")) && access(full.ptr, X_OK) == 0) {
            return full.ptr;
        }
    }
    return NULL;
}

/* exec wants pointers to non-const that it does not write through; copies spare the cast. */
static char *const *string_list(Arena *arena, const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL) {
        n++;
    }
    char **copy = ARENA_ARRAY(arena, char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = arena_dup(arena, list[i], strlen(list[i]) + 1);
    }
    return copy;
}

static Rc prepare(Run *run, Error *err)
{
    const ProcessOptions *o = run->options;
    Plan *plan = &run->plan;

    plan->path = find_program(o, run->arena);
    if (plan->path == NULL) {
        return error_set(err, RC_NOT_FOUND, "the program %s is not installed", run->name);
    }
    plan->argv = string_list(run->arena, o->argv);
    plan->env = string_list(run->arena, o->env);
    plan->folder = o->folder;
    plan->parent = getpid();
    plan_limits(o, plan);
    if (!make_input(o->input, &plan->in) || !make_pipe(&run->out, &plan->out) ||
        !make_pipe(&run->err, &plan->err) || !make_pipe(&run->report, &plan->report)) {
        IGNORE(error_set(err, RC_INTERNAL, "%s cannot be started: no pipes to speak to it",
                         run->name)); /* below */
        error_detail(err, "errno %d", errno);
        return RC_INTERNAL;
    }
    return RC_OK;
}

/* ---- start */

static Rc report_failure(const Run *run, const Report *report, Error *err)
{
    if (report->step == STEP_EXEC && report->error == ENOENT) {
        return error_set(err, RC_NOT_FOUND, "the program %s is not installed", run->name);
    }
    IGNORE(error_set(err, RC_INTERNAL, "%s cannot be started: %s", run->name,
                     steps[report->step])); /* returned below */
    error_detail(err, "errno %d", report->error);
    return RC_INTERNAL;
}

/* RC_OK once exec has succeeded: its closing of the report pipe is what ends the read. */
static Rc await_exec(Run *run, Error *err)
{
    struct pollfd fd = {.fd = run->report, .events = POLLIN};
    Report report;

    while (poll(&fd, 1, -1) < 0 && errno == EINTR) {
    }
    return read(run->report, &report, sizeof report) == sizeof report
               ? report_failure(run, &report, err)
               : RC_OK;
}

static Rc start(Run *run, Error *err)
{
    sigset_t all, before;

    sigfillset(&all);
    IGNORE(pthread_sigmask(SIG_SETMASK, &all, &before) != 0); /* cannot fail with valid arguments */
    /* Far cheaper than fork for a large process, and the child does nothing but calls that are safe
     * in it before exec, from a function of its own that never returns. */
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        child_main(&run->plan); /* NOLINT(clang-analyzer-unix.Vfork) */
    }
    run->pid = pid;
    IGNORE(pthread_sigmask(SIG_SETMASK, &before, NULL) != 0);
    close_fd(&run->plan.in);
    close_fd(&run->plan.out);
    close_fd(&run->plan.err);
    close_fd(&run->plan.report);
    if (run->pid < 0) {
        return error_set(err, RC_INTERNAL, "%s cannot be started: the system gives no process",
                         run->name);
    }
    run->pidfd = pidfd_open(run->pid, 0);
    TRY(await_exec(run, err));
    return run->pidfd >= 0
               ? RC_OK
               : error_set(err, RC_INTERNAL, "%s cannot be watched: the system gives no pidfd",
                           run->name);
}

/* ---- while it runs */

static void tail_add(Run *run, const char *bytes, size_t n)
{
    if (n > PROCESS_ERR_TAIL) {
        bytes += n - PROCESS_ERR_TAIL;
        n = PROCESS_ERR_TAIL;
    }
    if (run->tail_len + n > sizeof run->tail) {
        size_t keep = MIN(run->tail_len, (size_t)PROCESS_ERR_TAIL);

        memmove(run->tail, run->tail + run->tail_len - keep, keep);
        run->tail_len = keep;
    }
    memcpy(run->tail + run->tail_len, bytes, n);
    run->tail_len += n;
}

static Str tail_str(const Run *run)
{
    size_t keep = MIN(run->tail_len, (size_t)PROCESS_ERR_TAIL);

    return str_of(run->tail + run->tail_len - keep, keep);
}

/* Takes what is there now; closes the end once the program has closed its own. False: too much
 * output. */
static bool drain(Run *run, int *fd)
{
    char bytes[READ_SIZE];
    ssize_t n = 0;

    while (*fd >= 0 && (n = read(*fd, bytes, sizeof bytes)) > 0) {
        if (fd == &run->err) {
            tail_add(run, bytes, (size_t)n);
            continue;
        }
        buf_put(&run->output, str_of(bytes, (size_t)n));
        if (!buf_ok(&run->output)) {
            return false;
        }
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(fd);
    }
    return true;
}

/* Until the program has ended, or must be ended. A grandchild that holds the outputs open is not
 * waited for. */
static Rc attend(Run *run, Error *err)
{
    bool ended = false;

    while (!ended) {
        struct pollfd fds[] = {
            {.fd = run->out,   .events = POLLIN},
            {.fd = run->err,   .events = POLLIN},
            {.fd = run->pidfd, .events = POLLIN},
        };
        int64_t left_us = run->deadline_us - time_monotonic_us();

        if (left_us <= 0) {
            return error_set(err, RC_TIMEOUT, "%s did not finish within %.1f s and was ended",
                             run->name, (double)(run->deadline_us - run->start_us) / 1e6);
        }
        if (poll(fds, ARRAY_LEN(fds),
                 (int)MIN((left_us + US_PER_MS - 1) / US_PER_MS, INT64_C(60000))) < 0) {
            continue; /* EINTR */
        }
        ended = fds[2].revents !=
                0; /* looked at before draining, so that nothing written before is lost */
        if (!drain(run, &run->err) || !drain(run, &run->out)) {
            return error_set(err, RC_LIMIT,
                             "%s wrote more than the %zu bytes permitted and was ended", run->name,
                             run->output.max);
        }
    }
    return RC_OK;
}

/* Ends whatever is left of the group, then reaps the leader: until then its number cannot be given
 * away. */
static void end_group(Run *run, int *ret_status)
{
    struct pollfd fd = {.fd = run->pidfd, .events = POLLIN};
    siginfo_t info;

    if (run->pidfd >= 0 && poll(&fd, 1, 0) == 0 && kill(-run->pid, SIGTERM) == 0) {
        int64_t until_us = time_monotonic_us() + TERM_GRACE_US, left_us = TERM_GRACE_US;

        while (left_us > 0 && poll(&fd, 1, (int)(left_us / US_PER_MS) + 1) < 0) {
            left_us = until_us - time_monotonic_us();
        }
    }
    IGNORE(kill(-run->pid, SIGKILL) != 0); /* no such group: it failed before it made one */
    while (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    while (waitpid(run->pid, ret_status, 0) < 0 && errno == EINTR) {
    }
}

/* ---- outcome */

static void result_fill(Run *run, int status, ProcessResult *ret)
{
    size_t len = 0;
    char *bytes = run->output.len > 0 ? buf_take(&run->output, &len) : NULL;

    if (bytes != NULL) {
        arena_defer(run->arena, free, bytes); /* handed over, not copied: it may be large */
    }
    *ret = (ProcessResult){
        .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .output = str_of(bytes, len),
        .err_tail = str_dup(run->arena, tail_str(run)),
        .duration_us = time_monotonic_us() - run->start_us,
    };
}

static void run_done(Run *run)
{
    close_fd(&run->plan.in);
    close_fd(&run->plan.out);
    close_fd(&run->plan.err);
    close_fd(&run->plan.report);
    close_fd(&run->out);
    close_fd(&run->err);
    close_fd(&run->report);
    close_fd(&run->pidfd);
    buf_done(&run->output);
}

static Rc run_all(Run *run, ProcessResult *ret, Error *err)
{
    int status = 0;

    TRY(prepare(run, err));
    Rc rc = start(run, err);
    if (run->pid <= 0) {
        return rc;
    }
    if (rc == RC_OK) {
        rc = attend(run, err);
    }
    if (rc == RC_TIMEOUT || rc == RC_LIMIT) {
        error_detail(err, "%.*s", STR_ARG(tail_str(run)));
    }
    end_group(run, &status);
    if (rc == RC_OK) {
        result_fill(run, status, ret);
    }
    return rc;
}

Rc process_run(const ProcessOptions *options, Arena *arena, ProcessResult *ret, Error *err)
{
    const char *slash = strrchr(options->argv[0], '/');
    Run run = {
        .options = options,
        .arena = arena,
        .name = slash != NULL ? slash + 1 : options->argv[0],
        .plan = {.in = -1, .out = -1, .err = -1, .report = -1},
        .out = -1,
        .err = -1,
        .report = -1,
        .pidfd = -1,
        .pid = -1,
        .start_us = time_monotonic_us(),
    };

    run.deadline_us =
        run.start_us + (options->timeout_us != 0 ? options->timeout_us : DEFAULT_TIMEOUT_US);
    run.output =
        buf_init(NULL, options->max_output != 0 ? options->max_output : DEFAULT_OUTPUT_MAX);
    Rc rc = run_all(&run, ret, err);
    run_done(&run);
    return rc;
}
