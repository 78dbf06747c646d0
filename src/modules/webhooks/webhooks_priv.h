/* SPDX-License-Identifier: Apache-2.0
 * webhooks/webhooks_priv.h - what the files of the module share.
 *
 *   webhooks.c           the module's row, hooks of the record, operations
 *   webhooks_dispatch.c  the subscription: from an event to deliveries and their jobs
 *   webhooks_deliver.c   the job: one attempt of one delivery
 *   webhooks_sign.c      secrets and signatures */
#ifndef WEBHOOKS_PRIV_H
#define WEBHOOKS_PRIV_H

#include "platform/events/events.h"
#include "platform/jobs/jobs.h"
#include "platform/module.h"

#define WEBHOOK_JOB "webhook.deliver"
#define WEBHOOK_TEST_EVENT "webhooks.test"

enum { WEBHOOK_ATTEMPTS_MAX = 10 };

/* ---- webhooks_sign.c */

/* "whsec_" and 32 random bytes in base64. */
Str webhook_new_secret(Arena *arena);
/* 24 to 64 bytes of base64 after "whsec_"? */
bool webhook_secret_is_valid(Arena *arena, Str secret);
/* "v1,<base64>" for each secret that is not empty, separated by spaces (Standard Webhooks 1.0,
 * "Signature scheme"). The secrets are valid ones. */
Str webhook_signature(
    Arena *arena, const Str *secrets, size_t n_secrets, Str id, int64_t timestamp_s, Str body);

/* ---- webhooks_dispatch.c */

Rc webhooks_on_event(Ctx *cx, const Event *event); /* the subscription's handler */
/* In cx's write transaction: a delivery of the event to one webhook, and the job that sends it.
 * *ret_id: of the delivery; "" when that event was delivered to that webhook before. */
MUST_CHECK Rc webhook_queue(Ctx *cx, Str webhook_id, const Event *event, Str *ret_id);
/* The job alone, for a delivery that is there. again: also when it has arrived, and at once. */
MUST_CHECK Rc webhook_queue_job(Ctx *cx, Str delivery_id, bool again);

/* ---- webhooks_deliver.c */

Rc webhook_deliver_run(Ctx *cx, Job *job);
Rc webhooks_prune_run(Ctx *cx, Job *job);
/* How long until attempt + 1; retry_after as the receiver sent it, or "". Without jitter. */
int64_t webhook_retry_wait(unsigned attempt, Str retry_after);

#endif
