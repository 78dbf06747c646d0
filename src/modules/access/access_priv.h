/* SPDX-License-Identifier: Apache-2.0
 * modules/access/access_priv.h - what the parts of the module share.
 *
 *   access_model.c      decisions over plain values
 *   access_roles.c      the built-in roles; the permissions of the contract
 *   access_policy.c     bindings from the database; what is kept in memory, and until when
 *   access_place.c      where a record, or what is about to be one, lies in the tree of scopes
 *   access_decide.c     authorize, check
 *   access_own.c        everybody's own API keys
 *   access_topics.c     which events an actor may read
 *   access_owned.c      whose entities of the catalog an actor may read
 *   access_visible.c    the rows that an actor may read, as SQL
 *   access_hooks.c      what must hold when roles, bindings and teams change
 *   access_explain.c    POST /authz/explain */
#ifndef MODULES_ACCESS_ACCESS_PRIV_H
#define MODULES_ACCESS_ACCESS_PRIV_H

#include "modules/access/access.h"
#include "modules/access/access_roles.h"
#include "platform/records/records.h"

enum {
    ACCESS_BINDINGS_MAX = 50000, /* of one subject, its teams' included */
    ACCESS_SUBJECTS_MAX = 2,     /* of one actor: who they are, and the key they use */
};
#define ACCESS_NONE SIZE_MAX
/* A change that another process on the same database makes is seen after this at the latest; in
 * practice it tells at once. */
#define ACCESS_VERSION_LEASE_US (250 * INT64_C(1000))

/* ---- access_roles.c, with access_roles.h */
/* Writes the built-in roles where the table has others. */
MUST_CHECK Rc access_sync_roles(Ctx *cx);
typedef enum PlaceKind {
    PLACE_PLATFORM, /* in the platform and nothing below */
    PLACE_SHARED,   /* the same, and readable by whoever may read it somewhere */
    PLACE_ORGANIZATION,
    PLACE_TEAM,
    PLACE_SERVICE,
    PLACE_ENVIRONMENT,     /* in its organization */
    PLACE_OWN,             /* in the platform, and its owner's */
    PLACE_IN_ORGANIZATION, /* by org_id */
    PLACE_IN_TEAM,         /* by team_id */
    PLACE_IN_SERVICE,      /* by service_id */
    PLACE_OF_BINDING
} PlaceKind;

/* The contract's permissions in a row, and what each operation takes. Immutable. */
typedef struct AccessCatalog {
    Arena *arena;
    const Platform *platform;
    AccessPattern *permissions;
    size_t n;
    AccessBits everyone;
    struct AccessOperation {
        size_t permission, read; /* of the contract's operation; reading what it is on */
        const RecordType *type;  /* what it is on; NULL when that is no record */
        PlaceKind kind;
        bool in_environment; /* what it is on names one */
        bool reads_owned;    /* entities: its statements show what may be read */
    } * operations;
} AccessCatalog;

MUST_CHECK Rc access_catalog_new(const Platform *platform, AccessCatalog **ret, Error *err);
size_t access_permission(const AccessCatalog *catalog, Str resource, Str action); /* ACCESS_NONE */

/* ---- access_policy.c */
typedef struct AccessSubject {
    SubjectKind kind;
    Str id;
} AccessSubject;

/* The catalog that access_enforce made for this platform; NULL where everything is allowed. */
const AccessCatalog *access_catalog(const Platform *platform);
/* Does nobody ask for this actor's rights: the system, or an open server? */
bool access_is_free(const Ctx *cx);
size_t access_subjects(const Actor *actor, AccessSubject ret[ACCESS_SUBJECTS_MAX]);
/* As the database says now; in the transaction of cx if it has one. */
MUST_CHECK Rc access_load(Ctx *cx, AccessSubject subject, const AccessBinding **ret, size_t *ret_n);
MUST_CHECK Rc access_load_roles(Ctx *cx, Map *ret); /* id → AccessRole */
/* From memory when its version is the newest, else from the database. use runs under a lock. */
MUST_CHECK Rc access_use_grants(Ctx *cx,
                                AccessSubject subject,
                                void (*use)(void *user, const AccessGrants *grants),
                                void *user);
/* The version of the policy, as far as it is known. */
MUST_CHECK Rc access_version(Ctx *cx, int64_t *ret);
/* access_touch is the RecordHooks.lock of everything that decisions depend on: what is in memory
 * ends with the commit. */

/* ---- access_place.c */
PlaceKind access_place_kind(const RecordType *type);
/* Does the record lie in a service and, by the name in its field `environment`, in an environment
 * of the same organization? */
bool access_place_has_environment(const RecordType *type);
/* Puts a place into the environment of that name of its organization, if there is one. */
MUST_CHECK Rc access_place_into_environment(Ctx *cx, Str name, AccessPlace *place);
/* Whose an API key is; *ret_found false: there is none. */
MUST_CHECK Rc access_key_owner(Ctx *cx, Str id, AccessSubject *ret, bool *ret_found);
/* One indexed query at most. *ret_found false: there is no such thing (organizations are not looked
 * up). */
MUST_CHECK Rc
access_place_of_scope(Ctx *cx, ScopeKind kind, Str id, AccessPlace *ret, bool *ret_found);
MUST_CHECK Rc
access_place_of_record(Ctx *cx, const RecordType *type, Str id, AccessPlace *ret, bool *ret_found);
/* Where a record with these values would lie: a service that names its owner twice, in two places.
 * None: the values do not say. */
enum { ACCESS_PLACES_MAX = 2 };
MUST_CHECK Rc access_places_of_values(Ctx *cx,
                                      const RecordType *type,
                                      const Json *values,
                                      AccessPlace ret[ACCESS_PLACES_MAX],
                                      size_t *ret_n);

/* ---- access_visible.c: a RecordsVisible */
MUST_CHECK Rc access_visible(Ctx *cx, const RecordType *type, size_t first, RecordFilter *ret);

/* ---- access_decide.c, for access_own.c */
typedef struct Asker {
    Ctx *cx;
    const AccessCatalog *catalog;
    bool is_refused; /* out: for want of a permission, also where the answer hides that */
} Asker;
/* May the actor do it at the place; anywhere when place is NULL? */
MUST_CHECK Rc access_ask(Asker *a, size_t permission, const AccessPlace *place, bool *ret);
/* Is it denied to the actor on the whole platform? */
MUST_CHECK Rc access_ask_denied(Asker *a, size_t permission, bool *ret);
MUST_CHECK Rc access_deny(Asker *a, const Call *call, const char *where);
Rc access_not_there(Asker *a, const Call *call, const RecordType *type, const char *parameter);

/* ---- access_own.c: authorize for what is somebody's own (PLACE_OWN): API keys */
MUST_CHECK Rc access_authorize_own(Asker *a, const Call *call, const struct AccessOperation *op);

/* ---- access_owned.c: a RecordsOwned */
MUST_CHECK Rc access_owned(Ctx *cx, Str resource, const OwnedReach **ret);
/* Ids of the scopes at which the permission is allowed (denied), as JSON arrays; "" none. */
typedef struct ScopeIds {
    bool is_whole;
    Str ids[SCOPE_KINDS];
    size_t n;
} ScopeIds;
MUST_CHECK Rc access_scopes_of(Ctx *cx,
                               AccessSubject subject,
                               size_t permission,
                               ScopeIds *ret_allow,
                               ScopeIds *ret_deny,
                               int64_t *ret_until);

/* ---- access_hooks.c */
/* Nobody acts in the place of somebody who may do more: does the actor hold every role that is
 * bound to them? */
MUST_CHECK Rc access_check_holds_all_of(Ctx *cx, AccessSubject subject);
enum { ACCESS_HOOKS = 5 };
extern const RecordHooks access_hooks[ACCESS_HOOKS];

#endif
