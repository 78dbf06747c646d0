/* SPDX-License-Identifier: Apache-2.0
 * The rules of access, by example and by property: worlds made by a seeded generator, in which what
 * must always hold is checked. A failure prints the seed. */
#include "base/test.h"

#include "modules/access/access_model.h"

static const AccessPlace whole = {0};

static AccessPattern pattern(const char *text)
{
    AccessPattern p;
    if (!access_pattern_parse(str_from(text), &p)) {
        fail_msg("%s is no pattern", text);
    }
    return p;
}

/* ---- by example */

static void test_patterns(void **state)
{
    (void)state;
    static const char *const good[] = {
        "Service:read", "*:*", "*:read", "Team:*", "ServiceVersion:mark-done", "V2:a1"};
    static const char *const bad[] = {
        "",        "Service",        ":",         "Service:",    ":read",      "Service:Read",
        "9a:read", "Service:read:x", "Ser*:read", "Service:re*", "Ser-a:read", "Service: read"};
    AccessPattern p;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(access_pattern_parse(str_from(good[i]), &p));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (access_pattern_parse(str_from(bad[i]), &p)) {
            fail_msg("\"%s\" is taken for a pattern", bad[i]);
        }
    }
    assert_true(access_pattern_covers(pattern("*:*"), pattern("Service:*")));
    assert_true(access_pattern_covers(pattern("Service:*"), pattern("Service:read")));
    assert_false(access_pattern_covers(pattern("Service:read"), pattern("Service:*")));
    assert_false(access_pattern_covers(pattern("*:read"), pattern("*:*")));
    assert_true(access_pattern_meets(pattern("*:read"), pattern("Service:*")));
    assert_false(access_pattern_meets(pattern("*:read"), pattern("Service:delete")));
}

#define ROLE(var, role_id, ...)                                                                    \
    AccessPattern var##_patterns[] = {__VA_ARGS__};                                                \
    const AccessRole var = {STR(role_id), STR(role_id), var##_patterns, ARRAY_LEN(var##_patterns)}

static void test_decisions(void **state)
{
    (void)state;
    ROLE(reader, "reader", pattern("*:read"));
    ROLE(writer, "writer", pattern("Service:*"));
    /* clang-format off */
    const AccessBinding bindings[] = {
        {.id = STR("1"), .role = &reader, .scope_kind = SCOPE_ORGANIZATION, .scope_id = STR("o")},
        {.id = STR("2"), .role = &writer, .scope_kind = SCOPE_TEAM, .scope_id = STR("t")},
        {.id = STR("3"),
         .role = &writer,
         .scope_kind = SCOPE_SERVICE,
         .scope_id = STR("s"),
         .is_deny = true,
         .expires_at = 100},
    };
    /* clang-format on */
    const AccessPlace service = {
        .ids = {
                [SCOPE_ORGANIZATION] = STR("o"), [SCOPE_TEAM] = STR("t"), [SCOPE_SERVICE] = STR("s")}
    };
    const AccessPlace other = {
        .ids = {
                [SCOPE_ORGANIZATION] = STR("o"), [SCOPE_TEAM] = STR("t"), [SCOPE_SERVICE] = STR("x")}
    };
    const AccessPlace organization = {.ids = {[SCOPE_ORGANIZATION] = STR("o")}};
    const struct {
        const char *permission;
        const AccessPlace *place;
        int64_t now;
        bool allow;
        const char *by;
    } cases[] = {
        {"Team:read",      &service,      1,   true,  "1" }, /* from above */
        {"Service:update", &other,        1,   true,  "2" },
        {"Service:update", &service,      1,   false, "3" }, /* deny wins */
        {"Service:read",   &service,      1,   false, "3" }, /* over the organization's allow, too */
        {"Service:update", &service,      100, true,  "2" }, /* until it ends */
        {"Service:update", &organization, 1,   false, NULL}, /* not upwards */
        {"Team:read",      &whole,        1,   false, NULL},
        {"Team:update",    &service,      1,   false, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AccessWhy why;
        bool allowed = access_decide(bindings, ARRAY_LEN(bindings), pattern(cases[i].permission),
                                     cases[i].place, cases[i].now, &why);
        if (allowed != cases[i].allow) {
            fail_msg("case %zu: %s", i, cases[i].permission);
        }
        assert_str(why.binding ? why.binding->id : STR_EMPTY, str_from(cases[i].by));
    }
}

static void test_holding(void **state)
{
    (void)state;
    ROLE(admin, "admin", pattern("*:*"));
    ROLE(reader, "reader", pattern("*:read"));
    ROLE(services, "services", pattern("Service:read"), pattern("Service:update"));
    const AccessPlace o = {.ids = {[SCOPE_ORGANIZATION] = STR("o")}};
    /* clang-format off */
    AccessBinding mine[] = {
        {.role = &admin, .scope_kind = SCOPE_ORGANIZATION, .scope_id = STR("o")},
        {.role = &reader, .scope_kind = SCOPE_TEAM, .scope_id = STR("t"), .is_deny = true},
    };
    /* clang-format on */
    AccessPattern missing;
    assert_true(access_holds_role(mine, 1, &services, SCOPE_ORGANIZATION, &o, 1, &missing));
    assert_false(access_holds_role(mine, 1, &services, SCOPE_PLATFORM, &whole, 1, &missing));
    assert_str(missing.action, STR("read"));
    /* what is denied to me in a team, I cannot give to others in the whole organization */
    assert_false(access_holds_role(mine, 2, &services, SCOPE_ORGANIZATION, &o, 1, &missing));
    assert_str(missing.action, STR("read"));
    mine[0].role = &reader;
    assert_false(access_holds_role(mine, 1, &services, SCOPE_ORGANIZATION, &o, 1, &missing));
    assert_str(missing.action, STR("update"));
    mine[0].expires_at = 1;
    assert_false(access_holds_role(mine, 1, &reader, SCOPE_ORGANIZATION, &o, 1, &missing));
}

/* ---- by property */

enum { WORLDS = 400, ROLES = 6, BINDINGS = 12, PERMISSIONS = 9, PLACES = 40, NOW = 50 };

typedef struct World {
    uint64_t random;
    AccessPattern patterns[ROLES][3];
    AccessRole roles[ROLES];
    AccessBinding bindings[BINDINGS + 1];
    AccessPattern permissions[PERMISSIONS];
    AccessPlace places[PLACES];
} World;

static const char *const resources[] = {"Service", "Team", "Job"};
static const char *const actions[] = {"read", "update", "delete"};
/* Two organizations with two teams of two services of two environments each. */
/* clang-format off */
static const char *const ids[SCOPE_KINDS][16] = {
    [SCOPE_ORGANIZATION] = {"o0", "o1"},
    [SCOPE_TEAM] = {"t0", "t1", "t2", "t3"},
    [SCOPE_SERVICE] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"},
    [SCOPE_ENVIRONMENT] = {"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "ea", "eb",
                           "ec", "ed", "ee", "ef"},
};
/* clang-format on */

static size_t pick(World *w, size_t n)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(w->random >> 33) % n;
}

static Str name_or_any(World *w, const char *const *names)
{
    size_t i = pick(w, 4);
    return i == 3 ? STR("*") : str_from(names[i]);
}

static void make_binding(World *w, AccessBinding *b)
{
    static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6",
                                          "7", "8", "9", "a", "b", "c"};
    ScopeKind kind = (ScopeKind)pick(w, SCOPE_KINDS);
    *b = (AccessBinding){
        .id = str_from(numbers[b - w->bindings]),
        .role = &w->roles[pick(w, ROLES)],
        .scope_kind = kind,
        .scope_id =
            kind == SCOPE_PLATFORM ? STR_EMPTY : str_from(ids[kind][pick(w, (size_t)1 << kind)]),
        .is_deny = pick(w, 4) == 0,
        .expires_at = pick(w, 3) == 0 ? (int64_t)(NOW - 2 + pick(w, 5)) : 0,
    };
}

/* Level by level, the place of the leaf e, cut at a level. */
static AccessPlace place_at(size_t e, size_t levels)
{
    AccessPlace p = {0};
    for (size_t k = SCOPE_ORGANIZATION; k <= levels && k < SCOPE_KINDS; k++) {
        p.ids[k] = str_from(ids[k][e >> (SCOPE_ENVIRONMENT - k)]);
    }
    return p;
}

static void make_world(World *w, uint64_t seed)
{
    *w = (World){.random = seed};
    for (size_t i = 0; i < ROLES; i++) {
        size_t n = 1 + pick(w, 3);
        for (size_t k = 0; k < n; k++) {
            w->patterns[i][k] = (AccessPattern){name_or_any(w, resources), name_or_any(w, actions)};
        }
        w->roles[i] = (AccessRole){str_from(ids[SCOPE_SERVICE][i]), STR("r"), w->patterns[i], n};
    }
    for (size_t i = 0; i < BINDINGS; i++) {
        make_binding(w, &w->bindings[i]);
    }
    for (size_t i = 0; i < PERMISSIONS; i++) {
        w->permissions[i] = (AccessPattern){str_from(resources[i / 3]), str_from(actions[i % 3])};
    }
    for (size_t i = 0; i < PLACES; i++) {
        w->places[i] = place_at(pick(w, 16), pick(w, SCOPE_KINDS));
    }
}

static bool decide(const World *w, size_t n, size_t permission, const AccessPlace *place)
{
    return access_decide(w->bindings, n, w->permissions[permission], place, NOW, NULL);
}

typedef void (*Property)(World *w, size_t permission, const AccessPlace *place);

/* All permissions at all places of all worlds. */
static void for_all(Property property)
{
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        World w;
        make_world(&w, seed);
        for (size_t p = 0; p < PERMISSIONS; p++) {
            for (size_t i = 0; i < PLACES; i++) {
                property(&w, p, &w.places[i]);
            }
        }
    }
}

static void adding_an_allow_takes_nothing(World *w, size_t permission, const AccessPlace *place)
{
    bool before = decide(w, BINDINGS, permission, place);
    make_binding(w, &w->bindings[BINDINGS]);
    w->bindings[BINDINGS].is_deny = false;
    assert_true(!before || decide(w, BINDINGS + 1, permission, place));
}

static void adding_a_deny_gives_nothing(World *w, size_t permission, const AccessPlace *place)
{
    bool before = decide(w, BINDINGS, permission, place);
    make_binding(w, &w->bindings[BINDINGS]);
    w->bindings[BINDINGS].is_deny = true;
    assert_true(before || !decide(w, BINDINGS + 1, permission, place));
}

static void a_deny_in_force_outweighs_all(World *w, size_t permission, const AccessPlace *place)
{
    bool allowed = decide(w, BINDINGS, permission, place);
    for (size_t i = 0; i < BINDINGS; i++) {
        const AccessBinding *b = &w->bindings[i];
        bool speaks = access_binding_applies(b, place, NOW) &&
                      access_role_covers(b->role, w->permissions[permission]);
        assert_false(speaks && b->is_deny && allowed);
    }
}

/* What is allowed at a place without any deny is allowed everywhere below. */
static void allows_go_down(World *w, size_t permission, const AccessPlace *place)
{
    World allows = *w;
    size_t n = 0;
    for (size_t i = 0; i < BINDINGS; i++) {
        if (!w->bindings[i].is_deny) {
            allows.bindings[n++] = w->bindings[i];
        }
    }
    AccessPlace above = *place;
    for (size_t k = SCOPE_ENVIRONMENT; k > SCOPE_PLATFORM; k--) {
        above.ids[k] = STR_EMPTY;
        assert_true(!decide(&allows, n, permission, &above) ||
                    decide(&allows, n, permission, place));
    }
}

/* What is bound in one organization says nothing of another. */
static void organizations_do_not_leak(World *w, size_t permission, const AccessPlace *place)
{
    size_t n = 0;
    for (size_t i = 0; i < BINDINGS; i++) {
        const AccessBinding *b = &w->bindings[i];
        size_t of_first = (size_t)1 << b->scope_kind >> 1; /* the first half of each level's ids */
        bool in_first = false;
        for (size_t k = 0; b->scope_kind != SCOPE_PLATFORM && k < of_first; k++) {
            in_first = in_first || str_is(b->scope_id, ids[b->scope_kind][k]);
        }
        if (in_first) {
            w->bindings[n++] = *b;
        }
    }
    bool is_elsewhere = !str_is(place->ids[SCOPE_ORGANIZATION], "o0");
    assert_true(!is_elsewhere || !decide(w, n, permission, place));
}

static void what_is_expired_is_not_there(World *w, size_t permission, const AccessPlace *place)
{
    World living = *w;
    size_t n = 0;
    for (size_t i = 0; i < BINDINGS; i++) {
        if (w->bindings[i].expires_at == 0 || w->bindings[i].expires_at > NOW) {
            living.bindings[n++] = w->bindings[i];
        }
    }
    assert_int_equal(decide(w, BINDINGS, permission, place), decide(&living, n, permission, place));
}

/* Who holds a role may do all of it. */
static void holding_is_having(World *w, size_t permission, const AccessPlace *place)
{
    AccessPattern missing;
    ScopeKind kind = SCOPE_PLATFORM;
    for (size_t k = SCOPE_ORGANIZATION; k < SCOPE_KINDS; k++) {
        kind = place->ids[k].len > 0 ? (ScopeKind)k : kind;
    }
    for (size_t i = 0; i < ROLES; i++) {
        if (access_role_covers(&w->roles[i], w->permissions[permission]) &&
            access_holds_role(w->bindings, BINDINGS, &w->roles[i], kind, place, NOW, &missing)) {
            assert_true(decide(w, BINDINGS, permission, place));
        }
    }
}

static void test_properties(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        Property property;
    } all[] = {
        {"adding an allow takes nothing", adding_an_allow_takes_nothing},
        {"adding a deny gives nothing",   adding_a_deny_gives_nothing  },
        {"a deny outweighs all",          a_deny_in_force_outweighs_all},
        {"allows go down",                allows_go_down               },
        {"organizations do not leak",     organizations_do_not_leak    },
        {"expired is not there",          what_is_expired_is_not_there },
        {"holding is having",             holding_is_having            },
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        print_message("%s\n", all[i].name);
        for_all(all[i].property);
    }
}

/* The worlds are worth something: both answers are common. */
static void test_worlds_are_mixed(void **state)
{
    (void)state;
    size_t allowed = 0, asked = 0;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        World w;
        make_world(&w, seed);
        for (size_t i = 0; i < PLACES; i++) {
            allowed += decide(&w, BINDINGS, i % PERMISSIONS, &w.places[i]) ? 1 : 0;
            asked++;
        }
    }
    assert_true(allowed * 10 > asked && allowed * 10 < asked * 9);
}

/* The prepared form answers as the plain one does. */
static void test_prepared_is_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        World w;
        AccessGrants grants;
        make_world(&w, seed);
        access_grants_build(arena, w.bindings, BINDINGS, w.permissions, PERMISSIONS, NOW, &grants);
        for (size_t p = 0; p < PERMISSIONS; p++) {
            bool anywhere = access_grants_anywhere(&grants, p);
            for (size_t i = 0; i < PLACES; i++) {
                bool plain = decide(&w, BINDINGS, p, &w.places[i]);
                if (access_grants_allow(&grants, p, &w.places[i]) != plain) {
                    fail_msg("seed %llu", (unsigned long long)seed);
                }
                assert_true(anywhere || !plain);
            }
        }
        for (size_t i = 0; i < BINDINGS; i++) {
            int64_t ends = w.bindings[i].expires_at;
            bool is_over = ends <= NOW; /* or has no end: 0 */
            assert_true(is_over || grants.valid_until <= ends);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),         cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_holding),          cmocka_unit_test(test_properties),
        cmocka_unit_test(test_worlds_are_mixed), cmocka_unit_test(test_prepared_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
