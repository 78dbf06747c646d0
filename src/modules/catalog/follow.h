/* SPDX-License-Identifier: Apache-2.0
 * catalog/follow.h - what other modules keep of entities.
 *
 * A module with an EntityFollower (Module.follower) is told, in the transaction that writes them,
 * of all entities of its kinds that a batch brings, changed or not, and of those that go. It works
 * on them set by set; a failure undoes the whole batch, so what is wrong with single entities is
 * said in `problem` and shown on them. */
#ifndef CATALOG_FOLLOW_H
#define CATALOG_FOLLOW_H

#include "modules/catalog/apply.h"

typedef struct FollowedEntity {
    Str ref, kind; /* lower case */
    Str location;  /* "url:https://…"; "api:<ref>" when it is written by API */
    /* It was removed, or is only kept though no source names it any more. */
    bool is_gone;
    const PreparedEntity *entity; /* NULL when it was removed */
    Str problem;                  /* out: a sentence in cx->arena; "" none */
} FollowedEntity;

struct EntityFollower {
    const char *kinds; /* "user group" */
    Rc (*follow)(Ctx *cx, FollowedEntity *entities, size_t n);
};

/* The text at a lower case key ("spec.profile.displayname"), as written; "" when there is none, or
 * it is too long to be indexed. */
Str followed_text(const FollowedEntity *f, const char *key);

/* Entities that are kept though their source names them no more. In cx's write transaction. */
MUST_CHECK Rc catalog_follow_orphans(Ctx *cx, const Str *refs, size_t n);
/* For what was not told at the time: reads some entities in cx's write transaction and calls follow
 * with them. query gives ref, location and body in the order of
 * ref; $1 is the ref after which it begins, $2
 * how many. *ret_last is the last ref. */
MUST_CHECK Rc catalog_refollow(Ctx *cx,
                               const Query *query,
                               Str after,
                               size_t max,
                               Rc (*follow)(Ctx *cx, FollowedEntity *entities, size_t n),
                               Str *ret_last,
                               size_t *ret_n);

#endif
