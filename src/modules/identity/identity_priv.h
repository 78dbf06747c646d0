/* SPDX-License-Identifier: Apache-2.0
 * identity/identity_priv.h - what the files of the module share. */
#ifndef MODULES_IDENTITY_PRIV_H
#define MODULES_IDENTITY_PRIV_H

#include "base/hash.h"
#include "base/time.h"

#include "modules/identity/identity.h"
#include "modules/identity/jwt.h"
#include "platform/jobs/jobs.h"
#include "platform/records/records.h"

#define ACCESS_TOKEN_US (15 * US_PER_MINUTE)
#define SESSION_US (30 * US_PER_DAY)     /* however much it is used */
#define REFRESH_IDLE_US (7 * US_PER_DAY) /* without a refresh */
#define COOKIE_IDLE_US (12 * US_PER_HOUR)
#define ONE_TIME_US US_PER_HOUR
#define SESSION_COOKIE "__Host-fairway"
#define CSRF_HEADER "X-CSRF-Token"

/* ---- password.c: argon2id, few at once, never on an I/O thread */

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 256, PASSWORD_CONTEXT_MAX = 4 };

/* Takes one of the few places to hash in; waits for one until the deadline of cx. RC_BUSY when
 * already many wait. Every RC_OK is followed by password_leave. No transaction may be open. */
MUST_CHECK Rc password_enter(Ctx *cx);
void password_leave(void);
/* In such a place. hash "" stands for an account without one: as slow, and false. */
bool password_verify(Str hash, Str password);
bool password_is_outdated(Str hash); /* made with less than today's parameters */
MUST_CHECK Rc password_hash(Ctx *cx, Str password, Str *ret);
/* RC_INVALID with the field `pointer`. context: the account's address, name and the like. */
MUST_CHECK Rc password_check(Ctx *cx, Str pointer, Str password, const Str *context, size_t n);
/* NULL when it is good; else what is wrong with it. */
const char *password_problem(Arena *arena, Str password, const Str *context, size_t n);

/* ---- keys.c: the keys that sign access tokens */

Str identity_issuer(const Platform *platform);
/* Makes a key when there is none that signs. No write transaction may be open. */
MUST_CHECK Rc keys_ensure(Ctx *cx);
void keys_forget(void); /* what is in memory; for stop and tests */
/* The key with this id, NULL when there is none; EVP_PKEY_free. May read the database: RC_BUSY on
 * an I/O thread. */
MUST_CHECK Rc keys_find(Ctx *cx, Str kid, EVP_PKEY **ret);
MUST_CHECK Rc keys_access_token(Ctx *cx, Str user_id, Str session_id, Str *ret);
Rc keys_rotate_run(Ctx *cx, Job *job); /* the job */

/* ---- cache.c: who a credential is of, for a short while */

typedef struct Decision {
    Actor actor;        /* texts in the caller's arena */
    const Json *scopes; /* of an API key; NULL otherwise */
    bool is_limited;    /* may only set up a second factor */
    int64_t expires_us; /* wall clock */
} Decision;

void decisions_start(Platform *platform);
void decisions_stop(void);
/* Everything remembered is void from now on. */
void decisions_forget(void);
uint64_t decisions_generation(void); /* before the database is read */
bool decisions_get(Arena *arena, const uint8_t credential[SHA256_SIZE], Decision *ret);
void decisions_put(const uint8_t credential[SHA256_SIZE], uint64_t generation, const Decision *d);
/* The session or key was used just now: written down soon, at most once a minute for each. */
void decisions_used(const uint8_t credential[SHA256_SIZE], const Decision *d);

/* ---- tokens.c: random tokens with a prefix, and API keys */

Str token_new(Arena *arena, const char *prefix); /* 256 bits */
Str token_hash(Arena *arena, Str token);         /* what is stored: SHA-256 in hex */
Str api_key_new(Arena *arena);
bool api_key_is_wellformed(Str key); /* with its checksum */
/* Six base62 digits of a CRC-32. */
Str api_key_checksum(Arena *arena, Str random);
Str csrf_token(Arena *arena, Str cookie);

/* ---- sign_in.c: how often somebody may be wrong. account: of account_of. In cx's write
 * transaction. */

/* Counts an attempt. RC_RATE while the account is locked. Attempts of an account at the same time
 * come one after the other: the row is held until the end of the transaction. */
MUST_CHECK Rc failures_add(Ctx *cx, Str account, int64_t *ret_failures);
/* It was wrong, and there were so many: from the fifth on, the account has to wait. */
MUST_CHECK Rc failures_lock(Ctx *cx, Str account, int64_t failures);
/* Is it the caller's own password? RC_INVALID with the field `pointer`, RC_RATE. No write
 * transaction may be open. */
MUST_CHECK Rc sign_in_check_own(Ctx *cx, Str pointer, Str password);

/* ---- second_factor.c, factors.c */

/* In cx's write transaction, after the password (or what stands for it) was right: asks for the
 * second factor, or begins the session of who has none. */
MUST_CHECK Rc sign_in_go_on(Ctx *cx, Call *call, Str user_id, Str user_name);
/* In cx's write transaction: sign-ins that wait for a second factor end. */
MUST_CHECK Rc challenges_forget(Ctx *cx, Str user_id);
/* In cx's open scope: RC_DENIED unless the session's owner has shown who they are lately. */
MUST_CHECK Rc factors_need_recent(Ctx *cx);
/* In cx's open scope: may the session only set up the second factor that is required? */
MUST_CHECK Rc factors_session_is_limited(Ctx *cx, bool *ret);

/* ---- sessions.c */

/* The value of the session cookie; "" when there is none. */
Str session_cookie(const Call *call);
/* In cx's write transaction: a new session of the user, whose tokens (or cookie) are put into the
 * answer. Sets cx->actor. Asks nobody for a second factor: see sign_in_go_on. */
MUST_CHECK Rc session_start(Ctx *cx, Call *call, Str user_id, Str user_name);
/* A new cookie for the session, put into the answer; the caller stores its hash. */
Str session_cookie_renew(Ctx *cx, Call *call, Json *answer);
/* In cx's write transaction: sessions, one-time links and keys of somebody who may not call any
 * more. */
MUST_CHECK Rc sessions_end_user(Ctx *cx, Str user_id, const char *reason);
Rc identity_prune_run(Ctx *cx, Job *job);

/* ---- one_time.c */

/* In cx's write transaction. purpose: bootstrap, invite, reset. */
MUST_CHECK Rc one_time_new(Ctx *cx, Str user_id, const char *purpose, Str *ret_token);
MUST_CHECK Rc
one_time_new_for(Ctx *cx, Str user_id, const char *purpose, int64_t lifetime_us, Str *ret_token);
Str one_time_link(Ctx *cx, Str token);

/* ---- mails.c */

Rc identity_mail_link_run(Ctx *cx, Job *job);
Rc identity_password_reset_run(Ctx *cx, Job *job);
/* In cx's write transaction: somebody is told that their password was changed. */
MUST_CHECK Rc identity_notice_password(Ctx *cx, Str email, Str name);
/* In cx's write transaction: somebody is told that a way in of theirs has changed. action: one of
 * the table in mails.c. what: of which provider, "" for none. Nobody without an address, and nobody
 * who is deactivated, is told. */
MUST_CHECK Rc identity_notice_security(Ctx *cx, Str user_id, const char *action, Str what);

/* ---- api_keys.c */

Rc api_key_prepare(Ctx *cx, RecordChange *change);

/* Text that a database takes, of at most max bytes. */
Str identity_plain_text(Str text, size_t max);

#endif
