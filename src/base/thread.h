/* SPDX-License-Identifier: Apache-2.0
 * base/thread.h - mutex, condition, threads, with clang's thread-safety annotations.
 *
 * Every lock names in a comment what it guards; a thread holds one lock at a time unless
 * ARCHITECTURE.md gives the order. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/base.h"

#include <pthread.h>

#if defined(__clang__)
#define TS_ATTR(x) __attribute__((x))
#else
#define TS_ATTR(x)
#endif
/* For file-scope variables under a file-scope lock; clang 14 cannot name a sibling field in C, so a
 * struct's own lock is named in a comment beside the field. */
#define GUARDED_BY(lock) TS_ATTR(guarded_by(lock))
#define REQUIRES(lock) TS_ATTR(requires_capability(lock))

typedef struct TS_ATTR(capability("mutex")) Mutex {
    pthread_mutex_t m;
} Mutex;

typedef struct Cond {
    pthread_cond_t c; /* on CLOCK_MONOTONIC */
} Cond;

#define MUTEX_INIT                                                                                 \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER                                                                  \
    }

void mutex_init(Mutex *mutex);
void mutex_done(Mutex *mutex);
void mutex_lock(Mutex *mutex) TS_ATTR(acquire_capability(*mutex));
void mutex_unlock(Mutex *mutex) TS_ATTR(release_capability(*mutex));

void cond_init(Cond *cond);
void cond_done(Cond *cond);
void cond_wait(Cond *cond, Mutex *mutex) REQUIRES(*mutex);
/* False on timeout. deadline_us is on time_monotonic_us's clock. */
bool cond_wait_until(Cond *cond, Mutex *mutex, int64_t deadline_us) REQUIRES(*mutex);
void cond_signal(Cond *cond);
void cond_broadcast(Cond *cond);

typedef struct Thread {
    pthread_t t;
    bool started;
} Thread;
/* name: at most 15 characters, shown by ps and gdb. Signals are blocked in the new thread.
 * Aborts if the system gives no thread. */
void thread_start(Thread *thread, const char *name, void *(*fn)(void *), void *arg);
void thread_join(Thread *thread); /* no-op when not started */
void thread_sleep_us(int64_t us);

#endif
