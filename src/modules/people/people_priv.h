/* SPDX-License-Identifier: Apache-2.0
 * people/people_priv.h - what the files of the module share.
 *
 *   people.c           the module's row; hooks of User, Team, TeamMembership
 *   people_entity.c    record to entity
 *   people_follow.c    entity to record: users and teams
 *   people_members.c   parents, memberships, ends of sessions: what follows from both
 *   people_adopt.c     at the start: what was there before
 *   people_export.c    everything held about a person
 *   people_erase.c     taking a person out for good */
#ifndef PEOPLE_PRIV_H
#define PEOPLE_PRIV_H

#include "base/map.h"
#include "base/time.h"
#include "base/vec.h"

#include "modules/catalog/follow.h"
#include "modules/people/people.h"
#include "platform/records/records.h"

typedef VEC(Str) Strs;
typedef VEC(Param) Params;

/* ["a","b"] for statements that take a list. */
Str people_list(Arena *arena, const Strs *items);
/* The first column of the rows, in cx->arena. */
MUST_CHECK Rc
people_read_column(Ctx *cx, const Query *query, const Param *params, size_t n, Strs *ret);

/* ---- people_entity.c: all in cx's write transaction */

/* Writes the entities of these users or teams as their records say; those that a source of the
 * catalog owns are left out. */
MUST_CHECK Rc people_write_users(Ctx *cx, const Strs *ids);
MUST_CHECK Rc people_write_teams(Ctx *cx, const Strs *ids);
/* A name that is free: user:default/ada, of the address or the name. */
MUST_CHECK Rc people_user_ref(Ctx *cx, Str email, Str name, Str *ret);
MUST_CHECK Rc people_team_ref(Ctx *cx, Str slug, Str org_id, Str *ret);
MUST_CHECK Rc people_check_ref_free(Ctx *cx, Str ref);

/* ---- people_follow.c */

/* The EntityFollower of users and groups. */
Rc people_follow(Ctx *cx, FollowedEntity *entities, size_t n);

/* ---- people_members.c */

/* Parents and memberships become what the entities say of these refs. *ret_changed: somebody is in
 * other teams than before. */
MUST_CHECK Rc people_settle_relations(Ctx *cx, const Strs *refs, bool *ret_changed);
/* They may not call any more: sessions, links and keys end. */
MUST_CHECK Rc people_end(Ctx *cx, const Strs *user_ids, const char *reason);
/* users.updated and the like, of many. No field of the record is told: it is personal. */
MUST_CHECK Rc people_tell(Ctx *cx, const char *type, const char *source, const Strs *ids);
/* An address is free: whoever waits for it gets it. */
MUST_CHECK Rc people_assign_emails(Ctx *cx);

/* ---- people_adopt.c */
Rc people_start(Ctx *cx);

#endif
