/* SPDX-License-Identifier: Apache-2.0
 * Buffers for long answers, kept from one request to the next: fresh memory of that size comes page
 * by page from the system, which costs more than filling it. */
#include "base/thread.h"

#include "modules/catalog/query.h"

#include <stdlib.h>

enum { KEPT_MAX = 32 };
#define KEPT_BYTES_MAX (512 * KIB) /* larger ones are given back */

typedef struct Reply {
    struct Reply *next;
    Buf buf;
} Reply;

static Mutex lock = MUTEX_INIT; /* guards the list */
static Reply *kept GUARDED_BY(lock);
static size_t n_kept GUARDED_BY(lock);

static void give_back(void *user)
{
    Reply *reply = user;
    bool keep = false;
    if (reply->buf.cap <= KEPT_BYTES_MAX) {
        buf_clear(&reply->buf);
        mutex_lock(&lock);
        keep = n_kept < KEPT_MAX;
        if (keep) {
            reply->next = kept;
            kept = reply;
            n_kept++;
        }
        mutex_unlock(&lock);
    }
    if (!keep) {
        buf_done(&reply->buf);
        free(reply);
    }
}

Buf *reply_buf(Ctx *cx, size_t expected)
{
    mutex_lock(&lock);
    Reply *reply = kept;
    if (reply) {
        kept = reply->next;
        n_kept--;
    }
    mutex_unlock(&lock);
    if (!reply) {
        reply = calloc(1, sizeof *reply);
        ASSERT(reply != NULL);
        reply->buf = buf_init(NULL, 2 * QUERY_REPLY_MAX);
    }
    arena_defer(cx->arena, give_back, reply); /* when the answer has been sent */
    buf_reserve(&reply->buf, MIN(expected, KEPT_BYTES_MAX));
    return &reply->buf;
}
