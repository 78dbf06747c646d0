/* SPDX-License-Identifier: Apache-2.0
 * modules/access/access.h - may they? Roles, their bindings, decisions; see README.md. */
#ifndef MODULES_ACCESS_ACCESS_H
#define MODULES_ACCESS_ACCESS_H

#include "base/map.h"

#include "platform/contract/contract.h"
#include "platform/module.h"

extern const Module access_module;

/* The Authorize of ApiOptions. RC_OK; RC_DENIED, naming the permission that is needed; RC_NOT_FOUND
 * where the actor may not know that the thing is there (call->is_refused then tells the two apart);
 * RC_BUSY on an I/O thread when the answer is not in memory. */
MUST_CHECK Rc access_authorize(Ctx *cx, Call *call);
/* For modules' own checks: may the actor do action on the resource at this scope? RC_OK or
 * RC_DENIED. scope_kind is "platform" (scope_id ""), "organization", "team",
 * "service" or "environment". The
 * system may do everything, and so may everybody where access_enforce was not called. */
MUST_CHECK Rc access_check(Ctx *cx, Str action, Str resource, Str scope_kind, Str scope_id);

/* What of the events cx->actor may read: RC_DENIED without Event:read on the platform, else the
 * topics (events.h) of resources they may not read on all of it, each with a space before and
 * behind. */
MUST_CHECK Rc access_hidden_topics(Ctx *cx, Str *ret);
/* Another number whenever rights have changed, here or (told by TOPIC_ACCESS) elsewhere. */
uint64_t access_epoch(void);

/* From now on roles count: records show only what the actor may read, and nobody grants what they
 * do not hold. Once per Platform, before requests are served; without it (--auth open) everything
 * is allowed. Fails: RC_LIMIT (the contract has too many permissions), RC_INVALID (roles.yaml). */
MUST_CHECK Rc access_enforce(Platform *platform, Error *err);
/* Binds the role admin on the platform, in cx's write transaction, as the system does it for the
 * first user. */
MUST_CHECK Rc access_make_administrator(Ctx *cx, Str user_id);
/* In cx's write transaction, after this user may not sign in any more: RC_CONFLICT when they were
 * the last who could administer. */
MUST_CHECK Rc access_check_administrator_left(Ctx *cx, Str user_id);
/* Who may administer without an end and may sign in: a set of user ids in cx->arena. */
MUST_CHECK Rc access_administrators(Ctx *cx, Map *ret);
/* In cx's write transaction: what decisions depend on changes. Writers take turns from here on. */
MUST_CHECK Rc access_touch(Ctx *cx);
/* The module's own part of changes of teams and who is in them, for the module whose hooks stand in
 * its place (people). */
extern const RecordHooks access_team_hooks, access_membership_hooks;
/* Another process has changed roles, bindings or teams (TOPIC_ACCESS). Any thread, never blocks for
 * long. */
void access_news(void);

#endif
