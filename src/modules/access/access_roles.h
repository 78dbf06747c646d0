/* SPDX-License-Identifier: Apache-2.0
 * modules/access/access_roles.h - the roles that come with the server (roles.yaml), and which
 * permissions there are. Also for the test that compares the two. */
#ifndef MODULES_ACCESS_ACCESS_ROLES_H
#define MODULES_ACCESS_ACCESS_ROLES_H

#include "data/json.h"
#include "modules/access/access_model.h"
#include "platform/contract/contract.h"

typedef struct AccessBuiltIn {
    AccessRole role;
    Str description;
    Str permissions; /* JSON, as stored */
} AccessBuiltIn;

typedef struct AccessBuiltIns {
    AccessBuiltIn *roles;
    size_t n;
    AccessRole everyone, admin_only;
} AccessBuiltIns;

MUST_CHECK Rc access_built_ins(Arena *arena, AccessBuiltIns *ret, Error *err);
/* An array of patterns ("Service:read"). False: one is none. */
MUST_CHECK bool access_patterns_of(Arena *arena, const Json *list, AccessRole *role);
/* Does some operation of the contract take a permission that fits? */
bool access_pattern_is_known(const Contract *contract, AccessPattern pattern);

#endif
