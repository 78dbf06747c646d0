/* SPDX-License-Identifier: Apache-2.0
 * Rights in the whole product, on both databases: every operation against the roles, what lists
 * show, what is hidden, who may grant what, and how soon a change counts. */
#include "base/time.h"

#include "app/access_test_bench.h"
#include "modules/access/access.h"
#include "modules/access/access_roles.h"

#define ID_OF_NO_ROLE "0192a3b4-c5d6-7e8f-9012-000000000000"

static AccessBench *world(void **state)
{
    AccessBench *b = access_world(state);
    bind_role(b, "user", "main", ROLE_MAINTAINER, "organization", "acme", "allow");
    bind_role(b, "user", "dev", ROLE_DEVELOPER, "team", "red", "allow");
    bind_role(b, "user", "audit", ROLE_AUDITOR, "platform", NULL, "allow");
    return b;
}

/* ---- every operation */

static bool is_reached(const AccessBuiltIns *all, AccessPattern p)
{
    for (size_t i = 0; i < all->n; i++) {
        if (!str_is(all->roles[i].role.name, "admin") &&
            access_role_covers(&all->roles[i].role, p)) {
            return true;
        }
    }
    return access_role_covers(&all->everyone, p);
}

/* A permission that only admin reaches is so on purpose; and what is said to be so, is. */
static void test_no_permission_is_forgotten(void **state)
{
    AccessBench *b = need_access_bench(state);
    AccessBuiltIns all = {0};
    Error err = {0};
    size_t n;
    assert_int_equal(access_built_ins(b->arena, &all, &err), RC_OK);
    const Operation *ops = contract_operations(b->app->platform.contract, &n);
    for (size_t i = 0; i < n; i++) {
        AccessPattern p = {ops[i].on, ops[i].action};
        bool is_reserved = access_role_covers(&all.admin_only, p);
        if (!ops[i].public_ && is_reached(&all, p) == is_reserved) {
            fail_msg(
                "%.*s:%.*s of %.*s: put it into a role of roles.yaml or into admin_only, not %s",
                STR_ARG(p.resource), STR_ARG(p.action), STR_ARG(ops[i].id),
                is_reserved ? "both" : "neither");
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        for (size_t k = 0; k < all.roles[i].role.n_patterns; k++) {
            AccessPattern p = all.roles[i].role.patterns[k];
            if (!access_pattern_is_known(b->app->platform.contract, p)) {
                fail_msg("%.*s of the role %.*s fits no operation", STR_ARG(p.resource),
                         STR_ARG(all.roles[i].role.name));
            }
        }
    }
}

/* The decision on an operation whose path speaks of something that lies in the platform, or is not
 * there. */
static Rc decide(AccessBench *b, const char *user, const Operation *op)
{
    Ctx *cx = ctx_as(b, user);
    Call call = {.op = op};
    for (size_t i = 0; i < op->n_params; i++) {
        if (op->params[i].in == PARAM_IN_PATH) {
            call.path[call.n_path++] = (HttpPair){op->params[i].name, id_of(b, "none")};
        }
    }
    Rc rc = access_authorize(cx, &call);
    if (rc == RC_DENIED) {
        Str permission = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(op->on), STR_ARG(op->action));
        assert_true(str_find(str_from(cx->error.message), permission) != SIZE_MAX);
    }
    ctx_free(cx);
    return rc;
}

static void test_every_operation(void **state)
{
    AccessBench *b = world(state);
    static const struct {
        const char *user, *role;
    } personas[] = {
        {"pview", "viewer"    },
        {"pdev",  "developer" },
        {"pmain", "maintainer"},
        {"audit", "auditor"   },
        {"root",  "admin"     }
    };
    AccessBuiltIns all = {0};
    Error err = {0};
    size_t n, asked = 0;
    bind_role(b, "user", "pview", ROLE_VIEWER, "platform", NULL, "allow");
    bind_role(b, "user", "pdev", ROLE_DEVELOPER, "platform", NULL, "allow");
    bind_role(b, "user", "pmain", ROLE_MAINTAINER, "platform", NULL, "allow");
    Str id = bind_role(b, "user", "late", ROLE_ADMIN, "platform", NULL, "allow");
    run_access_sql(b, str_cstr(b->arena, str_fmt(b->arena,
                                                 "UPDATE role_bindings SET expires_at = 1 "
                                                 "WHERE id = '%.*s'",
                                                 STR_ARG(id))));
    assert_int_equal(access_built_ins(b->arena, &all, &err), RC_OK);
    const Operation *ops = contract_operations(b->app->platform.contract, &n);
    for (size_t i = 0; i < n; i++) {
        AccessPattern p = {ops[i].on, ops[i].action};
        if (ops[i].public_) {
            continue;
        }
        bool for_all = access_role_covers(&all.everyone, p);
        if (str_is(p.resource, "ApiKey")) { /* one's own: nobody's is not there */
            Rc rc = decide(b, "nobody", &ops[i]);
            assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
            continue;
        }
        /* who has no right, or had one, learns nothing but the permission's name */
        assert_int_equal(decide(b, "nobody", &ops[i]), for_all ? RC_OK : RC_DENIED);
        assert_int_equal(decide(b, "late", &ops[i]), for_all ? RC_OK : RC_DENIED);
        for (size_t k = 0; k < ARRAY_LEN(personas); k++) {
            bool holds = for_all;
            for (size_t r = 0; r < all.n; r++) {
                holds = holds || (str_is(all.roles[r].role.name, personas[k].role) &&
                                  access_role_covers(&all.roles[r].role, p));
            }
            Rc rc = decide(b, personas[k].user, &ops[i]);
            bool refused = rc == RC_DENIED;
            bool hidden =
                rc == RC_NOT_FOUND; /* there is no such thing: never for who may not read */
            if (rc != RC_OK && !refused && !hidden) {
                fail_msg("%.*s as %s: %s", STR_ARG(ops[i].id), personas[k].role, rc_name(rc));
            }
            if (!hidden && refused == holds) {
                fail_msg("%.*s as %s: %s", STR_ARG(ops[i].id), personas[k].role, rc_name(rc));
            }
            asked++;
        }
    }
    assert_true(asked > 300);
    assert_int_equal(call_as(b, "", "GET /api/teams", NULL, NULL), 401);
}

/* ---- lists */

static void test_lists_show_what_may_be_read(void **state)
{
    AccessBench *b = world(state);
    expect(b, "root", "GET /api/teams?total=true", NULL, 200, "\"total\":3");
    expect(b, "view", "GET /api/teams?total=true", NULL, 200, "\"total\":2");
    expect(b, "dev", "GET /api/teams?total=true", NULL, 200, "\"total\":1");
    expect(b, "dev", "GET /api/teams?fields=name", NULL, 200, "[{\"name\":\"red\"}]");
    expect(b, "nobody", "GET /api/teams", NULL, 403, "Team:read");
    expect(b, "view", "GET /api/organizations?fields=slug", NULL, 200, "[{\"slug\":\"acme\"}]");
    expect(b, "dev", "GET /api/organizations?total=true", NULL, 200, "\"total\":0");
    expect(b, "root", "GET /api/services?total=true", NULL, 200, "\"total\":3");
    expect(b, "view", "GET /api/services?fields=name&sort=name", NULL, 200,
           "[{\"name\":\"cart\"},{\"name\":\"stock\"}]");
    expect(b, "dev", "GET /api/services?fields=name", NULL, 200, "[{\"name\":\"cart\"}]");
    expect(b, "view", "GET /api/role-bindings", NULL, 403, "RoleBinding:read");
    expect(b, "main", "GET /api/role-bindings?total=true", NULL, 200, "\"total\":3");
    expect(b, "main", "GET /api/roles?total=true", NULL, 200, "\"total\":5");
    /* what others filter by cannot be reached around */
    expect(b, "view", "GET /api/teams?name=black&total=true", NULL, 200, "\"total\":0");
    expect(b, "view", "GET /api/teams?q=black&total=true&include_deleted=true", NULL, 200,
           "\"total\":0");
}

static void test_cursors_skip_what_is_hidden(void **state)
{
    AccessBench *b = world(state);
    Str body;
    Json *page;
    /* acme's are blue and red; other's black sorts before them */
    assert_int_equal(call_as(b, "view", "GET /api/teams?limit=1&fields=name", NULL, &body), 200);
    assert_int_equal(json_parse(b->arena, body, NULL, &page, NULL), RC_OK);
    assert_str(json_to_str(b->arena, json_get_c(page, "items")), STR("[{\"name\":\"blue\"}]"));
    Str cursor = json_str_at(page, "next_cursor");
    assert_true(cursor.len > 0);
    const char *next =
        str_cstr(b->arena, str_fmt(b->arena, "GET /api/teams?limit=1&fields=name&cursor=%.*s",
                                   STR_ARG(cursor)));
    expect(b, "view", next, NULL, 200, "{\"items\":[{\"name\":\"red\"}],\"next_cursor\":null}");
}

static void test_a_deny_takes_rows_away(void **state)
{
    AccessBench *b = world(state);
    bind_role(b, "user", "view", ROLE_VIEWER, "team", "red", "deny");
    bind_role(b, "user", "audit", ROLE_AUDITOR, "organization", "acme", "deny");
    run_access_sql(b, "UPDATE entities SET owner_ref = NULL WHERE name = 'vault'");
    expect(b, "view", "GET /api/teams?fields=name", NULL, 200, "[{\"name\":\"blue\"}]");
    expect(b, "view", "GET /api/services?fields=name", NULL, 200, "[{\"name\":\"stock\"}]");
    expect(b, "view", "GET /api/teams/{red}", NULL, 404, "There is no team");
    expect(b, "audit", "GET /api/teams?fields=name", NULL, 200, "[{\"name\":\"black\"}]");
    /* of nobody, so of no organization that is denied */
    expect(b, "audit", "GET /api/services?fields=name", NULL, 200, "[{\"name\":\"vault\"}]");
    bind_role(b, "user", "audit", ROLE_AUDITOR, "platform", NULL, "deny");
    expect(b, "audit", "GET /api/teams", NULL, 403, "Team:read");
}

/* ---- single things */

static void test_what_is_hidden_is_not_there(void **state)
{
    AccessBench *b = world(state);
    static const char *const calls[] = {"GET /api/teams/%s", "GET /api/teams/%s/history",
                                        "PATCH /api/teams/%s", "DELETE /api/teams/%s",
                                        "POST /api/teams/%s/restore"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        Str hidden, absent;
        const char *body = calls[i][1] == 'A' ? "{\"name\":\"x\"}" : NULL;
        Str at = str_replace(b->arena, str_from(calls[i]), STR("%s"), STR("{black}"));
        assert_int_equal(call_as(b, "main", str_cstr(b->arena, at), body, &hidden), 404);
        at = str_replace(b->arena, str_from(calls[i]), STR("%s"), STR("{none}"));
        assert_int_equal(call_as(b, "main", str_cstr(b->arena, at), body, &absent), 404);
        hidden = str_replace(b->arena, hidden, id_of(b, "black"), id_of(b, "none"));
        assert_str(hidden, absent);
        expect(b, "nobody", str_cstr(b->arena, at), body, 403, "Team:");
    }
    expect(b, "view", "GET /api/services/{vault}", NULL, 404, "There is no service");
    expect(b, "view", "GET /api/services/{vault}/health", NULL, 404, "There is no service");
    expect(b, "view", "GET /api/services/{vault}/versions", NULL, 404, "parent");
    expect(b, "view", "GET /api/services/{none}/versions", NULL, 404, "parent");
    expect(b, "view", "GET /api/services/{cart}/versions", NULL, 200, "\"items\":[]");
    expect(b, "dev", "POST /api/services/{vault}/versions", "{\"version\":\"1.0.0\"}", 404,
           "parent");
    expect(b, "dev", "POST /api/services/{cart}/versions", "{\"version\":\"1.0.0\"}", 201, NULL);
    expect(b, "view", "POST /api/services/{cart}/versions", "{\"version\":\"2.0.0\"}", 403,
           "ServiceVersion:create");
    expect(b, "view", "GET /api/services/{cart}/versions?total=true", NULL, 200, "\"total\":1");
}

static void test_changes_where_they_are_allowed(void **state)
{
    AccessBench *b = world(state);
    expect(b, "view", "PATCH /api/teams/{red}", "{\"name\":\"x\"}", 403, "Team:update");
    expect(b, "dev", "PATCH /api/teams/{red}", "{\"name\":\"x\"}", 403, "Team:update");
    expect(b, "main", "PATCH /api/teams/{red}", "{\"name\":\"Red\"}", 200, "Red");
    expect(b, "main", "POST /api/teams", "{\"org_id\":\"{acme}\",\"name\":\"n\",\"slug\":\"n\"}",
           201, NULL);
    expect(b, "main", "POST /api/teams", "{\"org_id\":\"{other}\",\"name\":\"n\",\"slug\":\"n\"}",
           403, "Team:create");
    expect(b, "main", "POST /api/organizations", "{\"name\":\"n\",\"slug\":\"n\"}", 403,
           "Organization:create");
    expect(b, "main", "DELETE /api/teams/{red}", NULL, 204, NULL);
    expect(b, "main", "POST /api/teams/{red}/restore", NULL, 200, NULL);
}

/* Out of one's reach is no place to put things. */
static void test_moves_need_both_ends(void **state)
{
    AccessBench *b = world(state);
    expect(b, "main", "PATCH /api/teams/{red}", "{\"org_id\":\"{other}\"}", 403,
           "where it would move");
    expect(b, "root", "PATCH /api/teams/{blue}", "{\"org_id\":\"{other}\"}", 200, NULL);
    expect(b, "main", "GET /api/teams/{blue}", NULL, 404, NULL);
    expect(b, "dev", "PATCH /api/services/{cart}", "{\"owner_team_id\":\"{black}\"}", 403,
           "where it would move");
    expect(b, "dev", "PATCH /api/services/{cart}", "{\"owner\":\"group:default/black\"}", 403,
           "where it would move");
    expect(b, "dev", "PATCH /api/services/{cart}",
           "{\"owner_team_id\":\"{red}\",\"owner\":\"black\"}", 403, "where it would move");
    expect(b, "dev", "POST /api/services", "{\"name\":\"n\",\"owner\":\"black\"}", 403,
           "Service:create");
    expect(b, "dev", "POST /api/services", "{\"name\":\"n\",\"owner\":\"nobody\"}", 403,
           "Service:create");
}

/* ---- teams, keys */

static void test_a_team_is_its_members(void **state)
{
    AccessBench *b = world(state);
    bind_role(b, "team", "blue", ROLE_VIEWER, "organization", "other", "allow");
    expect(b, "new", "GET /api/teams", NULL, 403, NULL);
    add_member(b, "new", "blue");
    expect(b, "new", "GET /api/teams?fields=name", NULL, 200, "[{\"name\":\"black\"}]");
    expect(b, "main", "DELETE /api/teams/{blue}", NULL, 204, NULL);
    expect(b, "new", "GET /api/teams", NULL, 403, NULL);
}

static void add_key(AccessBench *b, const char *name, const char *scopes)
{
    run_access_sql(b, str_fmt(b->arena,
                              "INSERT INTO api_keys (id, revision, created_at, updated_at, name, "
                              "prefix, scopes, expires_at) VALUES ('%.*s', 1, 0, 0, '%s', 'fwk', "
                              "'%s', 9000000000000000)",
                              STR_ARG(id_of(b, name)), name, scopes)
                          .ptr);
}

static void test_a_key_has_less_than_its_owner(void **state)
{
    AccessBench *b = world(state);
    expect(b, "main/gone", "GET /api/teams", NULL, 403, "Team:read"); /* no such key */
    add_key(b, "k", "[\"Team:read\",\"RoleBinding:*\"]");
    expect(b, "main/k", "GET /api/teams?total=true", NULL, 200, "\"total\":2");
    expect(b, "main/k", "PATCH /api/teams/{red}", "{\"name\":\"x\"}", 403, "Team:update");
    add_key(b, "l", "[\"*:*\"]");
    bind_role(b, "api_key", "l", ROLE_ADMIN, "team", "red", "deny");
    expect(b, "main/l", "GET /api/teams?fields=name", NULL, 200, "[{\"name\":\"blue\"}]");
    expect(b, "main/l", "PATCH /api/teams/{blue}", "{\"name\":\"x\"}", 200, NULL);
    expect(b, "main/l", "GET /api/teams/{red}", NULL, 404, NULL);
    expect(b, "view/l", "PATCH /api/teams/{blue}", "{\"name\":\"y\"}", 403, "Team:update");
}

/* ---- granting */

static const char *binding(AccessBench *b, const char *user, const char *role, const char *scope)
{
    add_user(b, user);
    return str_cstr(b->arena, str_fmt(b->arena,
                                      "{\"subject_kind\":\"user\",\"subject_id\":\"{%s}\","
                                      "\"role_id\":\"%s\",%s}",
                                      user, role, scope));
}
#define AT_ACME "\"scope_kind\":\"organization\",\"scope_id\":\"{acme}\""
#define AT_OTHER "\"scope_kind\":\"organization\",\"scope_id\":\"{other}\""
#define AT_RED "\"scope_kind\":\"team\",\"scope_id\":\"{red}\""
#define AT_PLATFORM "\"scope_kind\":\"platform\""

static void test_nobody_grants_what_they_lack(void **state)
{
    AccessBench *b = world(state);
    const char *post = "POST /api/role-bindings";
    expect(b, "main", post, binding(b, "new", ROLE_VIEWER, AT_ACME), 201, NULL);
    expect(b, "main", post, binding(b, "new", ROLE_DEVELOPER, AT_RED), 201, NULL);
    expect(b, "main", post, binding(b, "new", ROLE_ADMIN, AT_ACME), 403, "*:*");
    expect(b, "main", post, binding(b, "main", ROLE_ADMIN, AT_RED), 403, "*:*");
    expect(b, "main", post, binding(b, "new", ROLE_VIEWER, AT_OTHER), 403, "RoleBinding:create");
    expect(b, "main", post, binding(b, "new", ROLE_VIEWER, AT_PLATFORM), 403, "RoleBinding:create");
    expect(b, "dev", post, binding(b, "new", ROLE_VIEWER, AT_RED), 403, "RoleBinding:create");
    /* nor through a team */
    bind_role(b, "team", "red", ROLE_ADMIN, "organization", "acme", "allow");
    expect(b, "main", "POST /api/team-memberships",
           "{\"team_id\":\"{red}\",\"user_id\":\"{main}\"}", 403, "*:*");
    expect(b, "main", "POST /api/team-memberships",
           "{\"team_id\":\"{blue}\",\"user_id\":\"{new}\",\"role\":\"lead\"}", 201, "joined_at");
    /* nor by taking away what holds them back */
    Str held = bind_role(b, "user", "main", ROLE_VIEWER, "team", "red", "deny");
    Str call = str_fmt(b->arena, "DELETE /api/role-bindings/%.*s", STR_ARG(held));
    assert_int_equal(call_as(b, "main", str_cstr(b->arena, call), NULL, NULL), 403);
    expect(b, "main", post, binding(b, "new", ROLE_DEVELOPER, AT_ACME), 403,
           "in all of that scope");
    assert_int_equal(call_as(b, "root", str_cstr(b->arena, call), NULL, NULL), 204);
    /* nor by a role that others have */
    expect(b, "main", "POST /api/roles", "{\"name\":\"r\",\"permissions\":[\"*:*\"]}", 403,
           "Role:create");
}

static void test_bindings_make_sense(void **state)
{
    AccessBench *b = world(state);
    const char *post = "POST /api/role-bindings";
    expect(b, "root", post,
           binding(b, "new", ROLE_VIEWER, "\"scope_kind\":\"team\",\"scope_id\":\"{none}\""), 422,
           "/scope_id");
    expect(b, "root", post, binding(b, "new", ROLE_VIEWER, "\"scope_kind\":\"team\""), 422,
           "/scope_id");
    expect(b, "root", post, binding(b, "new", ROLE_VIEWER, AT_PLATFORM ",\"scope_id\":\"{acme}\""),
           422, "/scope_id");
    expect(b, "root", post,
           binding(b, "new", ROLE_VIEWER, AT_ACME ",\"expires_at\":\"2020-01-01T00:00:00Z\""), 422,
           "/expires_at");
    expect(b, "root", post, binding(b, "new", ID_OF_NO_ROLE, AT_ACME), 422, "/role_id");
    expect(b, "root", post, binding(b, "view", ROLE_VIEWER, AT_ACME), 409, NULL);
    expect(b, "root", "POST /api/roles", "{\"name\":\"r\",\"permissions\":[\"Sevice:read\"]}", 422,
           "/permissions/0");
    expect(b, "root", "PATCH /api/roles/" ROLE_VIEWER, "{\"permissions\":[\"*:*\"]}", 409,
           "comes with the server");
    expect(b, "root", "DELETE /api/roles/" ROLE_VIEWER, NULL, 409, "comes with the server");
}

static void test_the_last_administrator_stays(void **state)
{
    AccessBench *b = need_access_bench(state);
    Str first = bind_role(b, "user", "root", ROLE_ADMIN, "platform", NULL, "allow");
    Str at = str_fmt(b->arena, "DELETE /api/role-bindings/%.*s", STR_ARG(first));
    const char *remove = str_cstr(b->arena, at);
    const char *end = str_cstr(b->arena, str_replace(b->arena, at, STR("DELETE"), STR("PATCH")));
    expect(b, "root", remove, NULL, 409, "last administrator");
    expect(b, "root", end, "{\"expires_at\":\"2999-01-01T00:00:00Z\"}", 409, "last administrator");
    expect(b, "root", "POST /api/role-bindings",
           binding(b, "root", ROLE_VIEWER, AT_PLATFORM ",\"effect\":\"deny\""), 409,
           "last administrator");
    /* who holds it through a team counts, as long as they are in it */
    add_organization(b, "acme");
    add_team(b, "red", "acme");
    bind_role(b, "team", "red", ROLE_ADMIN, "platform", NULL, "allow");
    expect(b, "root", remove, NULL, 409, "last administrator");
    add_member(b, "second", "red");
    expect(b, "root", remove, NULL, 204, NULL);
    expect(b, "second", "DELETE /api/teams/{red}", NULL, 409, "last administrator");
    Str body;
    Json *page;
    assert_int_equal(call_as(b, "second", "GET /api/team-memberships", NULL, &body), 200);
    assert_int_equal(json_parse(b->arena, body, NULL, &page, NULL), RC_OK);
    Str id = json_str(json_pointer(page, STR("/items/0/id")));
    at = str_fmt(b->arena, "DELETE /api/team-memberships/%.*s", STR_ARG(id));
    expect(b, "second", str_cstr(b->arena, at), NULL, 409, "last administrator");
}

/* ---- in time */

static void test_changes_count_at_once(void **state)
{
    AccessBench *b = world(state);
    expect(b, "new", "GET /api/teams", NULL, 403, NULL);
    Str id = bind_role(b, "user", "new", ROLE_VIEWER, "organization", "acme", "allow");
    expect(b, "new", "GET /api/teams", NULL, 200, NULL);
    Str at = str_fmt(b->arena, "DELETE /api/role-bindings/%.*s", STR_ARG(id));
    expect(b, "root", str_cstr(b->arena, at), NULL, 204, NULL);
    expect(b, "new", "GET /api/teams", NULL, 403, NULL);
    /* another process writes, and tells */
    run_access_sql(b, "DELETE FROM role_bindings WHERE scope_kind = 'organization'");
    run_access_sql(b, "UPDATE access_version SET version = version + 1");
    access_news();
    expect(b, "view", "GET /api/teams", NULL, 403, NULL);
}

static void test_a_change_of_a_role_counts_at_once(void **state)
{
    AccessBench *b = world(state);
    Str body;
    Json *role;
    assert_int_equal(call_as(b, "root", "POST /api/roles",
                             "{\"name\":\"r\",\"permissions\":[\"Team:read\"]}", &body),
                     201);
    assert_int_equal(json_parse(b->arena, body, NULL, &role, NULL), RC_OK);
    const char *id = str_cstr(b->arena, json_str_at(role, "id"));
    bind_role(b, "user", "new", id, "team", "red", "allow");
    expect(b, "new", "PATCH /api/teams/{red}", "{\"name\":\"x\"}", 403, NULL);
    const char *change = str_cstr(b->arena, str_fmt(b->arena, "PATCH /api/roles/%s", id));
    expect(b, "root", change, "{\"permissions\":[\"Team:*\"]}", 200, NULL);
    expect(b, "new", "PATCH /api/teams/{red}", "{\"name\":\"x\"}", 200, NULL);
    const char *remove = str_cstr(b->arena, str_fmt(b->arena, "DELETE /api/roles/%s", id));
    expect(b, "root", remove, NULL, 409, NULL); /* somebody has it */
}

/* ---- at scale */

enum { MANY = 10000, TRIES = 30 };

/* n rows numbered from 0, on both databases. */
#define NUMBERS(n)                                                                                 \
    "WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < " #n ") "

static void add_many(AccessBench *b)
{
    run_access_sql(b,
                   NUMBERS(5000) "INSERT INTO teams (id, revision, created_at, updated_at, org_id, "
                                 "name, slug) SELECT '00000000-0000-7000-9000-' || "
                                 "CAST(100000000000 + i AS TEXT), 1, 0, 0, "
                                 "CASE WHEN i % 2 = 0 THEN '00000000-0000-7000-8000-61636d650000' "
                                 "ELSE '00000000-0000-7000-8000-6f7468657200' END, 'n' || "
                                 "CAST(i AS TEXT), 'n' || CAST(i AS TEXT) FROM k");
    run_access_sql(
        b, NUMBERS(10000) "INSERT INTO role_bindings (id, revision, created_at, updated_at, "
                          "subject_kind, subject_id, role_id, scope_kind, scope_id, "
                          "effect) SELECT '00000000-0000-7000-a000-' || "
                          "CAST(100000000000 + i AS TEXT), 1, 0, 0, 'user', "
                          "CASE WHEN i % 100 = 0 THEN '00000000-0000-7000-8000-766965770000' "
                          "ELSE '00000000-0000-7000-b000-' || CAST(100000000000 + i AS TEXT) "
                          "END, '" ROLE_DEVELOPER "', 'team', '00000000-0000-7000-9000-' || "
                          "CAST(100000000000 + i AS TEXT), 'allow' FROM k");
    run_access_sql(b, "UPDATE access_version SET version = version + 1");
    access_news();
}

/* The best of some tries, so that what else the machine does counts little. */
static int64_t microseconds_of(AccessBench *b, const char *user, const char *call)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        int64_t begin = time_monotonic_us();
        assert_int_equal(call_as(b, user, call, NULL, NULL), 200);
        best = MIN(best, time_monotonic_us() - begin);
    }
    return best;
}

static void test_many_bindings_cost_little(void **state)
{
    AccessBench *b = world(state);
    add_many(b);
    static const char *const calls[] = {"GET /api/teams?limit=50",
                                        "GET /api/teams?limit=50&total=true",
                                        "GET /api/teams?limit=50&sort=-created_at"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        int64_t whole = microseconds_of(b, "root", calls[i]);
        int64_t part = microseconds_of(b, "view", calls[i]);
        int64_t one = microseconds_of(b, "main", calls[i]);
        print_message("%s: %lld us of all, %lld us by 101 bindings, %lld us by one\n", calls[i],
                      (long long)whole, (long long)part, (long long)one);
        assert_true(part < 4 * whole + 1000);
    }
}

/* A decision from memory is a few look-ups, whatever the number of bindings. */
static void test_decisions_are_cheap(void **state)
{
    AccessBench *b = world(state);
    add_many(b);
    Ctx *cx = ctx_as(b, "view");
    const Operation *op = contract_operation(b->app->platform.contract, STR("teams.get"));
    Call call = {.op = op, .path = {{STR("id"), id_of(b, "red")}}, .n_path = 1};
    assert_int_equal(access_authorize(cx, &call), RC_OK);
    int64_t begin = time_monotonic_us();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(access_authorize(cx, &call), RC_OK);
    }
    int64_t ns = (time_monotonic_us() - begin) * 1000 / MANY;
    print_message("a decision from memory: %lld ns\n", (long long)ns);
    assert_true(ns < 100000);
    ctx_free(cx);
}

/* ---- explain */

static void test_explain(void **state)
{
    AccessBench *b = world(state);
    const char *post = "POST /api/authz/explain";
    expect(b, "view", post,
           "{\"action\":\"read\",\"on\":\"Service\",\"scope\":{\"kind\":\"service\",\"id\":\"{cart}"
           "\"}}",
           200, "\"decision\":\"allow\"");
    expect(b, "view", post,
           "{\"action\":\"read\",\"on\":\"Service\",\"scope\":{\"kind\":\"service\",\"id\":\"{cart}"
           "\"}}",
           200, "\"role\":\"viewer\",\"pattern\":\"Service:read\",\"effect\":\"allow\"");
    expect(
        b, "view", post,
        "{\"action\":\"update\",\"on\":\"Team\",\"scope\":{\"kind\":\"team\",\"id\":\"{red}\"}}",
        200,
        "\"rule\":null,\"needed\":{\"permission\":\"Team:update\",\"scopes\":[{\"kind\":\"team\"");
    expect(b, "nobody", post, "{\"action\":\"explain\",\"on\":\"Access\"}", 200,
           "Whoever has signed in");
    bind_role(b, "user", "view", ROLE_VIEWER, "team", "red", "deny");
    expect(b, "view", post,
           "{\"action\":\"read\",\"on\":\"Service\",\"scope\":{\"kind\":\"service\",\"id\":\"{cart}"
           "\"}}",
           200, "\"effect\":\"deny\"");
    /* of others, for who may read the bindings there */
    const char *other = "{\"subject\":{\"kind\":\"user\",\"id\":\"{dev}\"},\"action\":\"update\","
                        "\"on\":\"Service\","
                        "\"scope\":{\"kind\":\"team\",\"id\":\"{red}\"}}";
    expect(b, "view", post, other, 403, "RoleBinding:read");
    expect(b, "main", post, other, 200, "\"role\":\"developer\"");
    expect(b, "root", post, "{\"action\":\"fly\",\"on\":\"Service\"}", 422, "Service:fly");
    expect(b, "root", post,
           "{\"action\":\"read\",\"on\":\"Service\",\"scope\":{\"kind\":\"team\"}}", 422,
           "/scope/id");
    expect(
        b, "root", post,
        "{\"action\":\"read\",\"on\":\"Service\",\"scope\":{\"kind\":\"team\",\"id\":\"{none}\"}}",
        422, "/scope/id");
}

/* ---- environments */

static void add_environment(AccessBench *b, const char *name, const char *organization)
{
    run_access_sql(
        b, str_cstr(b->arena,
                    str_fmt(b->arena,
                            "INSERT INTO environments (id, revision, created_at, updated_at, "
                            "org_id, name, type) VALUES ('%.*s', 1, 0, 0, '%.*s', '%s', "
                            "'production')",
                            STR_ARG(id_of(b, name)), STR_ARG(id_of(b, organization)), name)));
}

/* acme has stage and live, other has a stage of its own. */
static AccessBench *world_with_environments(void **state)
{
    AccessBench *b = world(state);
    add_environment(b, "stage", "acme");
    add_environment(b, "live", "acme");
    add_environment(b, "live2", "other");
    run_access_sql(b, "UPDATE environments SET name = 'live' WHERE name = 'live2'");
    return b;
}

static void test_a_role_at_an_environment(void **state)
{
    AccessBench *b = world_with_environments(state);
    Str answer;
    bind_role(b, "user", "ops", ROLE_DEVELOPER, "environment", "stage", "allow");
    expect(b, "ops", "POST /api/services/{cart}/deployments", "{\"environment\":\"stage\"}", 201,
           NULL);
    expect(b, "ops", "POST /api/services/{cart}/deployments", "{\"environment\":\"live\"}", 404,
           NULL);
    expect(b, "ops", "POST /api/services/{cart}/deployments", "{\"environment\":\"other\"}", 404,
           NULL);
    /* of another organization */
    expect(b, "ops", "POST /api/services/{vault}/deployments", "{\"environment\":\"stage\"}", 404,
           NULL);
    expect(b, "root", "POST /api/services/{cart}/deployments", "{\"environment\":\"live\"}", 201,
           NULL);
    assert_int_equal(
        call_as(b, "ops", "GET /api/services/{cart}/deployments?total=true", NULL, &answer), 200);
    assert_true(str_find(answer, STR("\"total\":1")) != SIZE_MAX);
    assert_true(str_find(answer, STR("live")) == SIZE_MAX);
    expect(b, "ops", "GET /api/services/{vault}/deployments", NULL, 404, NULL);
    expect(b, "ops", "GET /api/environments?total=true", NULL, 200, "\"total\":1");
    expect(b, "ops", "GET /api/environments/{live}", NULL, 404, NULL);
    expect(b, "ops", "GET /api/services/{cart}", NULL, 404, NULL);
}

static void test_a_deny_at_an_environment(void **state)
{
    AccessBench *b = world_with_environments(state);
    Str answer;
    bind_role(b, "user", "dev", ROLE_DEVELOPER, "environment", "live", "deny");
    const char *post = "POST /api/services/{cart}/deployments";
    int status = call_as(b, "dev", post, "{\"environment\":\"stage\"}", &answer);
    assert_int_equal(status, 201);
    Json *made;
    Error err = {0};
    assert_int_equal(json_parse(b->arena, answer, NULL, &made, &err), RC_OK);
    const char *patch =
        str_cstr(b->arena, str_fmt(b->arena, "PATCH /api/services/{cart}/deployments/%.*s",
                                   STR_ARG(json_str_at(made, "id"))));
    expect(b, "dev", patch, "{\"status\":\"running\"}", 200, NULL);
    expect(b, "dev", patch, "{\"environment\":\"live\"}", 403, "where it would move");
    expect(b, "dev", post, "{\"environment\":\"live\"}", 403, "ServiceDeployment:create");
    expect(b, "root", patch, "{\"environment\":\"live\"}", 200, NULL);
    expect(b, "dev", "GET /api/services/{cart}/deployments?total=true", NULL, 200, "\"total\":0");
    /* the other organization's has the same name */
    bind_role(b, "user", "dev2", ROLE_DEVELOPER, "team", "black", "allow");
    expect(b, "dev2", "POST /api/services/{vault}/deployments", "{\"environment\":\"live\"}", 201,
           NULL);
    /* nor is it got rid of */
    bind_role(b, "user", "main", ROLE_DEVELOPER, "environment", "live", "deny");
    expect(b, "main", "DELETE /api/environments/{live}", NULL, 403, "Nobody takes a deny away");
    expect(b, "main", "DELETE /api/environments/{stage}", NULL, 204, NULL);
}

static void test_environments_in_bindings_and_explanations(void **state)
{
    AccessBench *b = world_with_environments(state);
    const char *bind = "POST /api/role-bindings";
    add_user(b, "ops");
    const char *stage = "{\"subject_kind\":\"user\",\"subject_id\":\"{ops}\",\"role_id\":"
                        "\"" ROLE_DEVELOPER "\",\"scope_kind\":\"environment\",\"scope_id\":"
                        "\"{stage}\"}";
    expect(b, "dev", bind, stage, 403, NULL);
    expect(b, "main", bind, stage, 201, NULL);
    expect(b, "main", "GET /api/role-bindings?scope_kind=environment&total=true", NULL, 200,
           "\"total\":1");
    const char *missing = "{\"subject_kind\":\"user\",\"subject_id\":\"{ops}\",\"role_id\":"
                          "\"" ROLE_DEVELOPER "\",\"scope_kind\":\"environment\",\"scope_id\":"
                          "\"{none}\"}";
    expect(b, "root", bind, missing, 422, "/scope_id");
    const char *explain = "POST /api/authz/explain";
    expect(b, "ops", explain,
           "{\"action\":\"create\",\"on\":\"ServiceDeployment\",\"scope\":{\"kind\":\"service\","
           "\"id\":\"{cart}\"},\"environment_id\":\"{stage}\"}",
           200, "\"scope\":{\"kind\":\"environment\",\"id\":");
    expect(b, "ops", explain,
           "{\"action\":\"create\",\"on\":\"ServiceDeployment\",\"scope\":{\"kind\":\"service\","
           "\"id\":\"{cart}\"},\"environment_id\":\"{live}\"}",
           200, "\"decision\":\"deny\"");
    expect(b, "ops", explain,
           "{\"action\":\"create\",\"on\":\"ServiceDeployment\",\"scope\":{\"kind\":\"service\","
           "\"id\":\"{vault}\"},\"environment_id\":\"{stage}\"}",
           422, "/environment_id");
    expect(b, "main", "POST /api/environments",
           "{\"org_id\":\"{other}\",\"name\":\"qa\",\"type\":\"staging\"}", 403, NULL);
    expect(b, "main", "POST /api/environments",
           "{\"org_id\":\"{acme}\",\"name\":\"qa\",\"type\":\"staging\"}", 201, NULL);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, access_bench_sqlite, access_bench_free),                 \
        cmocka_unit_test_setup_teardown(test, access_bench_pg, access_bench_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_permission_is_forgotten, access_bench_sqlite,
                                        access_bench_free),
        cmocka_unit_test_setup_teardown(test_every_operation, access_bench_sqlite,
                                        access_bench_free),
        BOTH(test_lists_show_what_may_be_read),
        BOTH(test_cursors_skip_what_is_hidden),
        BOTH(test_a_deny_takes_rows_away),
        BOTH(test_what_is_hidden_is_not_there),
        BOTH(test_changes_where_they_are_allowed),
        BOTH(test_moves_need_both_ends),
        BOTH(test_a_team_is_its_members),
        BOTH(test_a_key_has_less_than_its_owner),
        BOTH(test_nobody_grants_what_they_lack),
        BOTH(test_bindings_make_sense),
        BOTH(test_the_last_administrator_stays),
        BOTH(test_changes_count_at_once),
        BOTH(test_a_change_of_a_role_counts_at_once),
        BOTH(test_many_bindings_cost_little),
        BOTH(test_decisions_are_cheap),
        BOTH(test_explain),
        BOTH(test_a_role_at_an_environment),
        BOTH(test_a_deny_at_an_environment),
        BOTH(test_environments_in_bindings_and_explanations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
