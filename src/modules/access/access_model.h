/* SPDX-License-Identifier: Apache-2.0
 * modules/access/access_model.h - who may do what where, as pure functions over plain values.
 *
 * A permission is a resource and an action of the contract ("Service:read"). A role is a list of
 * patterns "<Resource|*>:<action|*>". A binding gives (or, with effect deny, takes) a role at a
 * scope until it expires. Scopes form a tree: platform, organization, team, service; an environment
 * lies in an organization, and what is deployed there lies in it as well as in its service. What a
 * subject may do at a scope is the union of the roles bound to it there or above; one deny there or
 * above outweighs every allow. Nothing here touches the database, the clock or a lock. */
#ifndef MODULES_ACCESS_ACCESS_MODEL_H
#define MODULES_ACCESS_ACCESS_MODEL_H

#include "base/map.h"

typedef enum ScopeKind {
    SCOPE_PLATFORM,
    SCOPE_ORGANIZATION,
    SCOPE_TEAM,
    SCOPE_SERVICE,
    SCOPE_ENVIRONMENT,
    SCOPE_KINDS
} ScopeKind;

typedef enum SubjectKind {
    SUBJECT_USER,
    SUBJECT_TEAM,
    SUBJECT_SERVICE_ACCOUNT,
    SUBJECT_API_KEY,
    SUBJECT_KINDS
} SubjectKind;

extern const char *const scope_kind_names[SCOPE_KINDS];
extern const char *const subject_kind_names[SUBJECT_KINDS];
MUST_CHECK bool scope_kind_parse(Str name, ScopeKind *ret);
MUST_CHECK bool subject_kind_parse(Str name, SubjectKind *ret);

/* Where something lies: the id of what it is in on every level, "" where there is none. Every place
 * lies in the platform. ids[SCOPE_PLATFORM] is not used. */
typedef struct AccessPlace {
    Str ids[SCOPE_KINDS];
} AccessPlace;

typedef struct AccessPattern {
    Str resource, action; /* "*" is any */
} AccessPattern;

typedef struct AccessRole {
    Str id, name;
    AccessPattern *patterns;
    size_t n_patterns;
} AccessRole;

typedef struct AccessBinding {
    Str id;
    const AccessRole *role;
    SubjectKind subject_kind;
    Str subject_id;
    ScopeKind scope_kind;
    Str scope_id; /* "" for the platform */
    bool is_deny;
    int64_t expires_at; /* microseconds; 0: never */
} AccessBinding;

/* "Service:read" → its halves, borrowed. False unless it is <Resource|*>:<action|*>. */
MUST_CHECK bool access_pattern_parse(Str text, AccessPattern *ret);
/* Does the pattern hold for every permission that other holds for? */
bool access_pattern_covers(AccessPattern pattern, AccessPattern other);
/* Is there a permission that both hold for? */
bool access_pattern_meets(AccessPattern a, AccessPattern b);
bool access_role_covers(const AccessRole *role, AccessPattern permission);

/* Is the binding in force now at the place? */
bool access_binding_applies(const AccessBinding *binding, const AccessPlace *place, int64_t now_us);

/* What decided: the binding and the pattern of its role; NULL when nothing speaks of it. */
typedef struct AccessWhy {
    const AccessBinding *binding;
    const AccessPattern *pattern;
} AccessWhy;

/* May the holder of the bindings do it there? ret_why may be NULL. */
bool access_decide(const AccessBinding *bindings,
                   size_t n,
                   AccessPattern permission,
                   const AccessPlace *place,
                   int64_t now_us,
                   AccessWhy *ret_why);

/* Does the holder have all that the role gives at the place, with nothing denied there, above or
 * (as far as can be told without the tree) below? ret_missing: the first pattern it lacks. */
bool access_holds_role(const AccessBinding *bindings,
                       size_t n,
                       const AccessRole *role,
                       ScopeKind scope_kind,
                       const AccessPlace *place,
                       int64_t now_us,
                       AccessPattern *ret_missing);

/* ---- the same, prepared for many questions */

enum { ACCESS_PERMISSIONS_MAX = 512, ACCESS_WORDS = ACCESS_PERMISSIONS_MAX / 64 };

typedef struct AccessBits {
    uint64_t words[ACCESS_WORDS];
} AccessBits;

bool access_bit(const AccessBits *bits, size_t i);

/* Which of the permissions each role and binding speaks of, by scope: a decision is a look-up per
 * level instead of a walk over the bindings. */
typedef struct AccessGrants {
    Map by_scope;        /* "t<id>" → AccessGrant */
    int64_t valid_until; /* when the first binding expires; INT64_MAX */
} AccessGrants;

typedef struct AccessGrant {
    ScopeKind kind;
    Str id;
    AccessBits allow, deny;
} AccessGrant;

/* Bindings that have expired are left out. Copies what it keeps into arena. n_permissions at most
 * ACCESS_PERMISSIONS_MAX. */
void access_grants_build(Arena *arena,
                         const AccessBinding *bindings,
                         size_t n,
                         const AccessPattern *permissions,
                         size_t n_permissions,
                         int64_t now_us,
                         AccessGrants *ret);
/* As access_decide, of permissions[permission]. */
bool access_grants_allow(const AccessGrants *grants, size_t permission, const AccessPlace *place);
/* Is it denied on the platform, and so everywhere? */
bool access_grants_deny(const AccessGrants *grants, size_t permission);
/* Is it allowed on the platform and denied nowhere? */
bool access_grants_all(const AccessGrants *grants, size_t permission);
/* Is it allowed at some scope at least? */
bool access_grants_anywhere(const AccessGrants *grants, size_t permission);

#endif
