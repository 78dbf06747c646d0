/* SPDX-License-Identifier: Apache-2.0
 * modules/identity/identity.h - who is calling: people, sessions, tokens, API keys, service
 * accounts. README.md and docs/internals/identity.md say how. */
#ifndef MODULES_IDENTITY_IDENTITY_H
#define MODULES_IDENTITY_IDENTITY_H

#include "platform/contract/contract.h"
#include "platform/module.h"

extern const Module identity_module;

/* The module's own part of a change of a User, for the module whose hooks for the record stand in
 * its place (people). */
extern const RecordHooks identity_user_hooks;

/* The key of an address in sign_in_failures and password_resets: a hash. */
Str account_of(Arena *arena, Str email);

/* In cx's write transaction: a letter to the address somebody had until now, when it is another. */
MUST_CHECK Rc identity_notice_address(Ctx *cx, Str before, Str after, Str name);

/* In cx's write transaction: who may call has changed. Once it is committed, no process trusts its
 * memory any more. */
void identity_changed(Ctx *cx);

/* The Authenticate of ApiOptions: Authorization: Bearer (an access token of ours, or an API key),
 * else the session cookie, else the service account that the client's TLS certificate stands for.
 * Fills cx->actor. Fails: RC_UNAUTH, with one sentence that tells nothing
 * more; RC_DENIED (a key whose scopes do not reach so far, a page of another site); RC_BUSY on an
 * I/O thread (ask again on a worker). Operations that are public are not looked at: they fail
 * RC_UNAUTH. */
MUST_CHECK Rc identity_authenticate(Ctx *cx, const Call *call);

/* Makes sure there is somebody who can sign in: while there is nobody, an administrator who is
 * invited, and a link with which the password is set, once, within an hour. *ret_link is "" when
 * people exist. grant, in the same transaction, gives the new user its rights. No transaction may
 * be open. */
MUST_CHECK Rc identity_bootstrap(Ctx *cx, Rc (*grant)(Ctx *cx, Str user_id), Str *ret_link);

/* auth.require_second_factor "admins": who they are. Set before requests are served; ask runs in
 * cx's open scope. */
typedef Rc (*IsAdministrator)(Ctx *cx, Str user_id, bool *ret);
void identity_ask_administrators(IsAdministrator ask);

/* A link with which whoever has this address sets a new password. Fails RC_NOT_FOUND. No
 * transaction may be open. */
MUST_CHECK Rc identity_reset_link(Ctx *cx, Str email, Str *ret_link);

/* Removes the second factors of whoever has this address and ends their sessions. Fails
 * RC_NOT_FOUND. No transaction may be open. */
MUST_CHECK Rc identity_reset_second_factors(Ctx *cx, Str email);

/* Another process has changed who may call (TOPIC_IDENTITY): what is remembered is asked anew. Any
 * thread; never blocks. */
void identity_on_notice(void);

/* Of a caller who stays: may they still call, with the same session or key? mark is 0 at first and
 * theirs from then on: a key that has changed since is another one. */
typedef struct IdentityStay {
    const Actor *actor;
    int64_t *mark;
    bool is_out; /* out */
} IdentityStay;
/* Set-based, in cx's open read scope. */
MUST_CHECK Rc identity_check_stay(Ctx *cx, IdentityStay *stays, size_t n);
/* Another number whenever somebody may not call any more, here or (told by TOPIC_IDENTITY)
 * elsewhere. */
uint64_t identity_epoch(void);

/* The scopes of an API key (JSON array of patterns), in cx's open scope; RC_NOT_FOUND. */
MUST_CHECK Rc identity_key_scopes(Ctx *cx, Str key_id, Json **ret);

/* Does one of the patterns (JSON array of "<Resource|*>:<action|*>") reach the permission? */
bool identity_scopes_allow(const Json *scopes, Str action, Str on);

#endif
