/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include "base/time.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { THREAD_NAME_SIZE = 16 }; /* the kernel's, with the terminator */

void mutex_init(Mutex *mutex)
{
    ASSERT(pthread_mutex_init(&mutex->m, NULL) == 0);
}

void mutex_done(Mutex *mutex)
{
    ASSERT(pthread_mutex_destroy(&mutex->m) == 0);
}

/* The wrappers are what the analysis trusts; it cannot see into pthread's own. */
void mutex_lock(Mutex *mutex) TS_ATTR(no_thread_safety_analysis)
{
    ASSERT(pthread_mutex_lock(&mutex->m) == 0);
}

void mutex_unlock(Mutex *mutex) TS_ATTR(no_thread_safety_analysis)
{
    ASSERT(pthread_mutex_unlock(&mutex->m) == 0);
}

void cond_init(Cond *cond)
{
    pthread_condattr_t attr;

    ASSERT(pthread_condattr_init(&attr) == 0);
    ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&cond->c, &attr) == 0);
    ASSERT(pthread_condattr_destroy(&attr) == 0);
}

void cond_done(Cond *cond)
{
    ASSERT(pthread_cond_destroy(&cond->c) == 0);
}

void cond_wait(Cond *cond, Mutex *mutex)
{
    ASSERT(pthread_cond_wait(&cond->c, &mutex->m) == 0);
}

static struct timespec timespec_of(int64_t us)
{
    us = MAX(us, 0);
    return (struct timespec){.tv_sec = us / US_PER_SECOND, .tv_nsec = us % US_PER_SECOND * 1000};
}

bool cond_wait_until(Cond *cond, Mutex *mutex, int64_t deadline_us)
{
    struct timespec deadline = timespec_of(deadline_us);
    int rc = pthread_cond_timedwait(&cond->c, &mutex->m, &deadline);

    ASSERT(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void cond_signal(Cond *cond)
{
    ASSERT(pthread_cond_signal(&cond->c) == 0);
}

void cond_broadcast(Cond *cond)
{
    ASSERT(pthread_cond_broadcast(&cond->c) == 0);
}

void thread_start(Thread *thread, const char *name, void *(*fn)(void *), void *arg)
{
    char short_name[THREAD_NAME_SIZE];
    sigset_t all;
    sigset_t old;

    /* A new thread inherits the mask: set before, or a signal could land in between. */
    ASSERT(sigfillset(&all) == 0);
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    ASSERT(pthread_create(&thread->t, NULL, fn, arg) == 0);
    ASSERT(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    thread->started = true;
    IGNORE(snprintf(short_name, sizeof(short_name), "%s", name) < 0); /* cut to what fits */
    /* The name only helps a person who looks; a thread that has ended already has none. */
    IGNORE(pthread_setname_np(thread->t, short_name) != 0);
}

void thread_join(Thread *thread)
{
    if (!thread->started) {
        return;
    }
    ASSERT(pthread_join(thread->t, NULL) == 0);
    thread->started = false;
}

void thread_sleep_us(int64_t us)
{
    int64_t now = time_monotonic_us();
    struct timespec until = timespec_of(us > INT64_MAX - now ? INT64_MAX : now + us);

    if (us <= 0) {
        return;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}
