/* SPDX-License-Identifier: Apache-2.0
 * platform/records/idempotency.h - Idempotency-Key: a repeated POST gets the first answer, for 24
 * hours.
 *
 * The key is claimed in the same transaction as the effect, so both are there or neither; a request
 * that fails leaves no key. In one process a second request with a key that is being worked on is
 * refused at once (409); another process waits for the first in the database and then replays. Keys
 * are the caller's own: per actor and request target.
 *
 *   TRY(idempotency_begin(cx, call, &idem));      before the transaction
 *   TRY(idempotency_claim(cx, call, &idem, &replayed));
 *   if (replayed) return RC_OK;                   call->reply holds the first answer
 *   … the effect, then the reply …
 *   TRY(idempotency_keep(cx, call, &idem));       before the commit
 *   idempotency_done(&idem);                      after it, or after a rollback
 */
#ifndef PLATFORM_RECORDS_IDEMPOTENCY_H
#define PLATFORM_RECORDS_IDEMPOTENCY_H

#include "platform/contract/contract.h"
#include "platform/ctx.h"

typedef struct Idempotency {
    Str actor, target, key; /* key "": the request has none and everything here does nothing */
    Str fingerprint;
    bool is_running; /* holds its place among the running ones */
    struct Idempotency *next;
} Idempotency;

/* Reads the header. Fails: RC_MALFORMED (not a key), RC_CONFLICT (the same request is running; the
 * reply says when to repeat it). */
MUST_CHECK Rc idempotency_begin(Ctx *cx, Call *call, Idempotency *idem);
/* Inside the write transaction. Fails: RC_INVALID (the key was used with another body). */
MUST_CHECK Rc idempotency_claim(Ctx *cx, Call *call, Idempotency *idem, bool *ret_replayed);
/* Stores the reply of call, in the same transaction. */
MUST_CHECK Rc idempotency_keep(Ctx *cx, const Call *call, const Idempotency *idem);
/* After commit or rollback; harmless on a zeroed one. */
void idempotency_done(Idempotency *idem);

#endif
