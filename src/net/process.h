/* SPDX-License-Identifier: Apache-2.0
 * net/process.h - runs a foreign program and waits for its end. Safe in a process with many
 * threads.
 *
 * No shell: the program gets exactly the arguments, environment and folder given here, bytes or
 * nothing on standard input, and no other open file of ours. It leads a process group of its own;
 * the group ends with it, and is ended (SIGTERM, two seconds later SIGKILL) when time is up or the
 * output too large. A grandchild that leaves the group with setsid(2) is not reached. The program
 * dies with the calling thread. */
#ifndef NET_PROCESS_H
#define NET_PROCESS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { PROCESS_ERR_TAIL = 4096 };

typedef struct ProcessOptions {
    /* NULL-terminated. argv[0]: a path when it has a slash, else looked up in PATH of `env`, or in
     * /usr/local/bin:/usr/bin:/bin when `env` has none. */
    const char *const *argv;
    const char *const *env; /* NULL-terminated "NAME=value"; NULL: an empty environment */
    const char *folder;     /* working folder; NULL: ours */
    Str input;              /* standard input; empty: /dev/null */
    size_t max_output;      /* bytes of standard output; 0 = 1 MiB; more is RC_LIMIT */
    int64_t timeout_us;     /* whole run; 0 = 60 s */
    uint64_t
        max_cpu_seconds; /* rlimits (setrlimit(2)); 0 = as we have it. Core dumps are always off. */
    uint64_t max_memory_bytes;
    uint64_t max_file_bytes;
} ProcessOptions;

typedef struct ProcessResult {
    int exit_code;        /* -1 when a signal ended it */
    int signal;           /* 0 when it ended by itself */
    Str output, err_tail; /* in the caller's arena; err_tail: the last PROCESS_ERR_TAIL bytes of
                             standard error */
    int64_t duration_us;
} ProcessResult;

/* RC_OK whenever the program ran to its own end, whatever it returned. Fails: RC_NOT_FOUND (no such
 * program), RC_TIMEOUT, RC_LIMIT (output), RC_INTERNAL (the system refused, a folder that is not
 * there). Messages name the program, never its arguments, environment or output; err->detail holds
 * the end of standard error. */
MUST_CHECK Rc process_run(const ProcessOptions *options,
                          Arena *arena,
                          ProcessResult *ret,
                          Error *err);

#endif
