/* SPDX-License-Identifier: Apache-2.0
 * identity/factors_priv.h - second factors, between the files that make them up. */
#ifndef MODULES_IDENTITY_FACTORS_PRIV_H
#define MODULES_IDENTITY_FACTORS_PRIV_H

#include "modules/identity/identity_priv.h"
#include "modules/identity/webauthn.h"

#define CHALLENGE_US (5 * US_PER_MINUTE)
#define RECENT_US (10 * US_PER_MINUTE) /* how long a sign-in is enough to change factors */

enum { CHALLENGE_ATTEMPTS = 5, RECOVERY_CODES = 10, PASSKEYS_MAX = 20 };

/* ---- factors.c: what somebody has, and who may change it */

typedef struct Factors {
    bool has_totp;
    int64_t passkeys, recovery_codes; /* recovery_codes: not used yet */
} Factors;
/* In cx's open scope. */
MUST_CHECK Rc factors_read(Ctx *cx, Str user_id, Factors *ret);
bool factors_any(const Factors *f); /* recovery codes alone are none */
/* By auth.require_second_factor. */
MUST_CHECK Rc factors_required(Ctx *cx, Str user_id, bool *ret);

/* RC_DENIED to anybody but a person in a session of theirs. */
MUST_CHECK Rc factors_need_session(Ctx *cx);
/* In cx's write transaction, after one's own factors were changed: ends the other sessions, lifts
 * the limits of this one, tells their owner by mail, writes the audit row. */
MUST_CHECK Rc factors_changed(Ctx *cx, const char *action, Json *what);
/* Before one is removed: RC_CONFLICT when it is the last and one is required. After it: recovery
 * codes go with the last. */
MUST_CHECK Rc factors_may_remove(Ctx *cx, const Factors *before);
MUST_CHECK Rc factors_removed(Ctx *cx);

/* ---- second_factor.c */

/* In cx's write transaction. Is it a code of the user? It is used up then, and *ret_by says which
 * kind it was. RC_UNAUTH: it is not, which has been counted: commit, then refuse. RC_RATE: too many
 * were wrong. */
MUST_CHECK Rc factor_code_use(Ctx *cx, Str user_id, Str code, const char **ret_by);

typedef struct Challenge {
    Str hash; /* key of sign_in_challenges */
    Str user_id, passkey_challenge;
} Challenge;
/* purpose: second_factor, passkey_sign_in, passkey_add. In cx's write transaction. */
MUST_CHECK Rc
challenge_new(Ctx *cx, const char *purpose, Str user_id, Challenge *c, Str *ret_token);
/* By c->hash, in cx's open scope. RC_NOT_FOUND: there is none, or it has ended. */
MUST_CHECK Rc challenge_read(Ctx *cx, const char *purpose, Challenge *c);
/* In cx's write transaction; RC_NOT_FOUND for all callers but one. */
MUST_CHECK Rc challenge_take(Ctx *cx, const Challenge *c);

/* ---- recovery_codes.c */

Str recovery_code_new(Arena *arena); /* 120 bits: "ABCD-EFGH-…" */
/* What is kept of it; "" when the text has not that form. Spaces, dashes and case do not count. */
Str recovery_code_hash(Arena *arena, Str text);
/* In cx's write transaction: new ones in place of the others, as an array. */
MUST_CHECK Rc recovery_codes_renew(Ctx *cx, Str user_id, Json **ret);
/* The same if there are none yet, else an empty array. before: what there was before the factor. */
MUST_CHECK Rc recovery_codes_first(Ctx *cx, Str user_id, const Factors *before, Json **ret);

/* ---- totp_api.c */

/* RC_NOT_FOUND: it is none, or was used. In cx's write transaction. */
MUST_CHECK Rc totp_use(Ctx *cx, Str user_id, Str code);

/* ---- passkeys.c */

/* Our name to browsers; RC_CONFLICT when the server's address lets them make no passkeys. */
MUST_CHECK Rc passkeys_party(Ctx *cx, WebauthnParty *ret);
/* Of a user (in cx's open scope), or of anybody when user_id is "". */
MUST_CHECK Rc passkeys_request(Ctx *cx, Str user_id, Str challenge, Json **ret);

typedef struct PasskeyProof {
    Str id, user_id, user_name; /* id: of the row */
    WebauthnUse use;
} PasskeyProof;
/* Is it signed by a passkey that we know? Reads the database; no scope may be open. RC_UNAUTH: no;
 * why stands in the debug log. */
MUST_CHECK Rc
passkey_check(Ctx *cx, const Json *passkey, Str challenge, bool alone, PasskeyProof *ret);
/* In cx's write transaction. RC_UNAUTH: its counter says that there is a copy of it, which has been
 * written down: commit, then refuse. */
MUST_CHECK Rc passkey_use(Ctx *cx, const PasskeyProof *proof);
/* The challenge that a passkey has signed, of those for whoever comes. RC_UNAUTH. No scope may be
 * open. */
MUST_CHECK Rc passkey_challenge(Ctx *cx, const Json *passkey, const char *purpose, Challenge *ret);

#endif
