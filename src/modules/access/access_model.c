/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/access/access_model.h"

#include <string.h>

const char *const scope_kind_names[SCOPE_KINDS] = {"platform", "organization", "team", "service",
                                                   "environment"};
const char *const subject_kind_names[SUBJECT_KINDS] = {"user", "team", "service_account",
                                                       "api_key"};

bool scope_kind_parse(Str name, ScopeKind *ret)
{
    for (size_t i = 0; i < SCOPE_KINDS; i++) {
        if (str_is(name, scope_kind_names[i])) {
            *ret = (ScopeKind)i;
            return true;
        }
    }
    return false;
}

bool subject_kind_parse(Str name, SubjectKind *ret)
{
    for (size_t i = 0; i < SUBJECT_KINDS; i++) {
        if (str_is(name, subject_kind_names[i])) {
            *ret = (SubjectKind)i;
            return true;
        }
    }
    return false;
}

/* ---- patterns */

static bool is_word(Str s, bool is_resource)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_upper = c >= 'A' && c <= 'Z';
        bool is_lower = c >= 'a' && c <= 'z';
        bool is_inner = i > 0 && ((c >= '0' && c <= '9') || (!is_resource && c == '-'));
        if (!is_lower && !is_inner && !(is_resource && is_upper)) {
            return false;
        }
    }
    return s.len > 0;
}

bool access_pattern_parse(Str text, AccessPattern *ret)
{
    size_t colon = str_find_char(text, ':');
    if (colon == SIZE_MAX) {
        return false;
    }
    AccessPattern p = {str_sub(text, 0, colon), str_from_index(text, colon + 1)};
    bool fits = (str_is(p.resource, "*") || is_word(p.resource, true)) &&
                (str_is(p.action, "*") || is_word(p.action, false));
    if (fits) {
        *ret = p;
    }
    return fits;
}

bool access_pattern_covers(AccessPattern pattern, AccessPattern other)
{
    return (str_is(pattern.resource, "*") || str_eq(pattern.resource, other.resource)) &&
           (str_is(pattern.action, "*") || str_eq(pattern.action, other.action));
}

static bool words_meet(Str a, Str b)
{
    return str_is(a, "*") || str_is(b, "*") || str_eq(a, b);
}

bool access_pattern_meets(AccessPattern a, AccessPattern b)
{
    return words_meet(a.resource, b.resource) && words_meet(a.action, b.action);
}

static const AccessPattern *covering_pattern(const AccessRole *role, AccessPattern permission)
{
    for (size_t i = 0; i < role->n_patterns; i++) {
        if (access_pattern_covers(role->patterns[i], permission)) {
            return &role->patterns[i];
        }
    }
    return NULL;
}

bool access_role_covers(const AccessRole *role, AccessPattern permission)
{
    return covering_pattern(role, permission) != NULL;
}

static bool role_meets(const AccessRole *role, AccessPattern pattern)
{
    for (size_t i = 0; i < role->n_patterns; i++) {
        if (access_pattern_meets(role->patterns[i], pattern)) {
            return true;
        }
    }
    return false;
}

/* ---- decisions */

static bool is_in_force(const AccessBinding *binding, int64_t now_us)
{
    return binding->expires_at == 0 || binding->expires_at > now_us;
}

static bool covers_place(const AccessBinding *binding, const AccessPlace *place)
{
    return binding->scope_kind == SCOPE_PLATFORM ||
           (binding->scope_id.len > 0 &&
            str_eq(binding->scope_id, place->ids[binding->scope_kind]));
}

bool access_binding_applies(const AccessBinding *binding, const AccessPlace *place, int64_t now_us)
{
    return is_in_force(binding, now_us) && covers_place(binding, place);
}

bool access_decide(const AccessBinding *bindings,
                   size_t n,
                   AccessPattern permission,
                   const AccessPlace *place,
                   int64_t now_us,
                   AccessWhy *ret_why)
{
    AccessWhy why = {0};
    for (size_t i = 0; i < n; i++) {
        const AccessBinding *b = &bindings[i];
        bool is_news = !why.binding || b->is_deny;
        if (!is_news || !access_binding_applies(b, place, now_us)) {
            continue;
        }
        const AccessPattern *pattern = covering_pattern(b->role, permission);
        if (pattern) {
            why = (AccessWhy){b, pattern};
        }
        if (pattern && b->is_deny) {
            break;
        }
    }
    if (ret_why) {
        *ret_why = why;
    }
    return why.binding && !why.binding->is_deny;
}

/* A deny of a deeper scope may lie below the place; the tree is not at hand to tell. Teams and
 * services reach into an environment. */
static bool may_deny_within(const AccessBinding *b, ScopeKind scope_kind, const AccessPlace *place)
{
    bool is_environment = scope_kind == SCOPE_ENVIRONMENT && place->ids[SCOPE_ENVIRONMENT].len > 0;
    bool may_be_below = b->scope_kind > (is_environment ? SCOPE_ORGANIZATION : scope_kind) &&
                        !(is_environment && b->scope_kind == SCOPE_ENVIRONMENT);
    return b->is_deny && (covers_place(b, place) || may_be_below);
}

static bool holds_pattern(const AccessBinding *bindings,
                          size_t n,
                          AccessPattern pattern,
                          ScopeKind scope_kind,
                          const AccessPlace *place,
                          int64_t now_us)
{
    bool is_held = false;
    for (size_t i = 0; i < n; i++) {
        const AccessBinding *b = &bindings[i];
        if (!is_in_force(b, now_us)) {
            continue;
        }
        if (may_deny_within(b, scope_kind, place) && role_meets(b->role, pattern)) {
            return false;
        }
        is_held = is_held ||
                  (!b->is_deny && covers_place(b, place) && access_role_covers(b->role, pattern));
    }
    return is_held;
}

bool access_holds_role(const AccessBinding *bindings,
                       size_t n,
                       const AccessRole *role,
                       ScopeKind scope_kind,
                       const AccessPlace *place,
                       int64_t now_us,
                       AccessPattern *ret_missing)
{
    for (size_t i = 0; i < role->n_patterns; i++) {
        if (!holds_pattern(bindings, n, role->patterns[i], scope_kind, place, now_us)) {
            *ret_missing = role->patterns[i];
            return false;
        }
    }
    return true;
}

/* ---- prepared */

enum { SCOPE_KEY_MAX = 128 };

/* A letter and the id; ids too long for it are in no binding. */
static Str scope_key(char buffer[SCOPE_KEY_MAX], ScopeKind kind, Str id)
{
    static const char letters[SCOPE_KINDS] = {'p', 'o', 't', 's', 'e'};
    size_t len = MIN(id.len, (size_t)SCOPE_KEY_MAX - 1);
    buffer[0] = letters[kind];
    if (len > 0) {
        memcpy(buffer + 1, id.ptr, len);
    }
    return str_of(buffer, len + 1);
}

bool access_bit(const AccessBits *bits, size_t i)
{
    return (bits->words[i / 64] >> (i % 64)) & 1;
}

static void add_role(AccessBits *bits,
                     const AccessRole *role,
                     const AccessPattern *permissions,
                     size_t n_permissions)
{
    for (size_t i = 0; i < n_permissions; i++) {
        if (access_role_covers(role, permissions[i])) {
            bits->words[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
}

static void merge_bits(AccessBits *into, const AccessBits *from)
{
    for (size_t i = 0; i < ACCESS_WORDS; i++) {
        into->words[i] |= from->words[i];
    }
}

static AccessGrant *grant_at(AccessGrants *grants, ScopeKind kind, Str id)
{
    char buffer[SCOPE_KEY_MAX];
    Str key = scope_key(buffer, kind, kind == SCOPE_PLATFORM ? STR_EMPTY : id);
    AccessGrant *grant = map_get(&grants->by_scope, key);
    if (!grant) {
        Arena *arena = grants->by_scope.arena;
        grant = ARENA_NEW(arena, AccessGrant);
        key = str_dup(arena, key);
        grant->kind = kind;
        grant->id = str_from_index(key, 1);
        map_put(&grants->by_scope, key, grant);
    }
    return grant;
}

void access_grants_build(Arena *arena,
                         const AccessBinding *bindings,
                         size_t n,
                         const AccessPattern *permissions,
                         size_t n_permissions,
                         int64_t now_us,
                         AccessGrants *ret)
{
    ASSERT(n_permissions <= ACCESS_PERMISSIONS_MAX);
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    Map bits_of_role = map_init(scratch); /* thousands of bindings share a few roles */
    *ret = (AccessGrants){.by_scope = map_init(arena), .valid_until = INT64_MAX};
    for (size_t i = 0; i < n; i++) {
        const AccessBinding *b = &bindings[i];
        if (!is_in_force(b, now_us)) {
            continue;
        }
        if (b->expires_at != 0) {
            ret->valid_until = MIN(ret->valid_until, b->expires_at);
        }
        AccessBits *bits = map_get(&bits_of_role, b->role->id);
        if (!bits) {
            bits = ARENA_NEW(scratch, AccessBits);
            add_role(bits, b->role, permissions, n_permissions);
            map_put(&bits_of_role, b->role->id, bits);
        }
        AccessGrant *grant = grant_at(ret, b->scope_kind, b->scope_id);
        merge_bits(b->is_deny ? &grant->deny : &grant->allow, bits);
    }
}

bool access_grants_allow(const AccessGrants *grants, size_t permission, const AccessPlace *place)
{
    bool is_allowed = false;
    for (size_t k = 0; k < SCOPE_KINDS; k++) {
        char buffer[SCOPE_KEY_MAX];
        if (k != SCOPE_PLATFORM && place->ids[k].len == 0) {
            continue;
        }
        Str id = k == SCOPE_PLATFORM ? STR_EMPTY : place->ids[k];
        const AccessGrant *grant = map_get(&grants->by_scope, scope_key(buffer, (ScopeKind)k, id));
        if (grant && access_bit(&grant->deny, permission)) {
            return false;
        }
        is_allowed = is_allowed || (grant && access_bit(&grant->allow, permission));
    }
    return is_allowed;
}

bool access_grants_deny(const AccessGrants *grants, size_t permission)
{
    char buffer[SCOPE_KEY_MAX];
    const AccessGrant *whole =
        map_get(&grants->by_scope, scope_key(buffer, SCOPE_PLATFORM, STR_EMPTY));
    return whole && access_bit(&whole->deny, permission);
}

bool access_grants_all(const AccessGrants *grants, size_t permission)
{
    bool is_allowed = false;
    for (const MapEntry *e = map_first(&grants->by_scope); e; e = map_next(&grants->by_scope, e)) {
        const AccessGrant *grant = e->value;
        if (access_bit(&grant->deny, permission)) {
            return false;
        }
        is_allowed =
            is_allowed || (grant->kind == SCOPE_PLATFORM && access_bit(&grant->allow, permission));
    }
    return is_allowed;
}

bool access_grants_anywhere(const AccessGrants *grants, size_t permission)
{
    if (access_grants_deny(grants, permission)) {
        return false;
    }
    for (const MapEntry *e = map_first(&grants->by_scope); e; e = map_next(&grants->by_scope, e)) {
        const AccessGrant *grant = e->value;
        if (access_bit(&grant->allow, permission) && !access_bit(&grant->deny, permission)) {
            return true;
        }
    }
    return false;
}
