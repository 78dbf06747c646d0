/* SPDX-License-Identifier: Apache-2.0
 * The catalog for somebody who may read a part of it: what an owner's team is bound to decides, in
 * every way of reading, on both databases. */
#include "app/access_test_bench.h"
#include "modules/access/access.h"

enum { TEAMS = 260 /* more than are bound as a list */, EACH = 3, PAGE = 7 };

/* And a component of nobody's. */
static AccessBench *world(void **state)
{
    AccessBench *b = access_world(state);
    add_service(b, "orphan", "nobody");
    bind_role(b, "user", "dev", ROLE_DEVELOPER, "team", "red", "allow");
    bind_role(b, "user", "one", ROLE_VIEWER, "service", "vault", "allow");
    bind_role(b, "user", "most", ROLE_VIEWER, "platform", NULL, "allow");
    bind_role(b, "user", "most", ROLE_VIEWER, "organization", "other", "deny");
    return b;
}

/* The names of components in an answer, in its order: "cart stock ". */
static Str names_in(AccessBench *b, Str body)
{
    Json *answer;
    Error err = {0};
    Buf out = buf_init(b->arena, MIB);
    assert_int_equal(json_parse(b->arena, body, NULL, &answer, &err), RC_OK);
    const Json *items = json_is(answer, JSON_ARRAY) ? answer : json_get_c(answer, "items");
    for (uint32_t i = 0; i < items->n; i++) {
        const Json *metadata = json_get_c(items->items[i], "metadata");
        buf_put(&out, metadata ? json_str_at(metadata, "name") : STR("null"));
        buf_lit(&out, " ");
    }
    return buf_str(&out);
}

static void expect_names(
    AccessBench *b, const char *user, const char *call, const char *body, const char *names)
{
    Str answer;
    int status = call_as(b, user, call, body, &answer);
    if (status != 200 || !str_is(names_in(b, answer), names)) {
        fail_msg("%s %s: %d, not %s: %.*s", user, call, status, names, STR_ARG(answer));
    }
}

static void test_lists_show_a_part(void **state)
{
    AccessBench *b = world(state);
    static const struct {
        const char *user, *names;
    } cases[] = {
        {"root", "cart stock vault orphan "},
        {"view", "cart stock "             },
        {"dev",  "cart "                   },
        {"one",  "vault "                  },
        {"most", "cart stock orphan "      },
    };
    static const char *const calls[] = {
        "GET /api/catalog/entities?filter=kind=component",
        "GET /api/catalog/entities/by-query?filter=kind=component",
        "GET /api/catalog/entities/by-query?limit=10",
        "GET /api/catalog/entities/by-query?limit=10&totalItems=exclude",
        "GET /api/catalog/entities",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t k = 0; k < ARRAY_LEN(calls); k++) {
            expect_names(b, cases[i].user, calls[k], NULL, cases[i].names);
        }
    }
    expect_names(b, "view", "GET /api/catalog/entities?limit=1&order=desc:metadata.name", NULL,
                 "stock ");
    expect_names(b, "view", "GET /api/catalog/entities/by-query?orderField=metadata.name,desc",
                 NULL, "stock cart ");
    expect_names(
        b, "view",
        "GET "
        "/api/catalog/entities/by-query?fullTextFilterTerm=a&fullTextFilterFields=metadata.name",
        NULL, "cart ");
    expect_names(
        b, "root",
        "GET "
        "/api/catalog/entities/by-query?fullTextFilterTerm=a&fullTextFilterFields=metadata.name",
        NULL, "cart vault orphan ");
    expect(b, "view", "GET /api/catalog/entities/by-query?limit=1", NULL, 200, "\"totalItems\":2");
    expect(b, "nobody", "GET /api/catalog/entities", NULL, 403, "Entity:read");
}

static void test_single_ones_are_hidden(void **state)
{
    AccessBench *b = world(state);
    static const char *const calls[] = {
        "GET /api/catalog/entities/by-name/component/default/%s",
        "GET /api/catalog/entities/by-name/component/default/%s/ancestry",
        "GET /api/catalog/entities/by-name/component/default/%s/history",
        "GET /api/catalog/entities/by-uid/{%s}",
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        for (int hidden = 0; hidden < 2; hidden++) {
            Str before = str_from(calls[i]), name = hidden ? STR("vault") : STR("cart");
            Str call = str_replace(b->arena, before, STR("%s"), name);
            Str answer;
            int status = call_as(b, "view", str_cstr(b->arena, call), NULL, &answer);
            if (status != (hidden ? 404 : 200)) {
                fail_msg("%.*s: %d %.*s", STR_ARG(call), status, STR_ARG(answer));
            }
            assert_int_equal(call_as(b, "root", str_cstr(b->arena, call), NULL, NULL), 200);
        }
    }
    const char *refs = "{\"entityRefs\":[\"component:default/vault\",\"component:default/cart\"]}";
    expect_names(b, "view", "POST /api/catalog/entities/by-refs", refs, "null cart ");
    expect_names(b, "root", "POST /api/catalog/entities/by-refs", refs, "vault cart ");
    expect(b, "view", "GET /api/catalog/entity-facets?facet=kind", NULL, 200, "\"count\":2");
    expect(b, "root", "GET /api/catalog/entity-facets?facet=kind", NULL, 200, "\"count\":4");
    expect(b, "view", "GET /api/catalog/entity-facets?facet=metadata.namespace", NULL, 200,
           "\"count\":2");
    expect(b, "view", "DELETE /api/catalog/entities/by-uid/{cart}", NULL, 403, "Entity:delete");
}

/* What was cached for one is not shown to another, and changes count with the next request. */
static void test_changes_count_at_once(void **state)
{
    AccessBench *b = world(state);
    const char *call = "GET /api/catalog/entities/by-query?filter=kind=component";
    expect_names(b, "view", call, NULL, "cart stock ");
    expect_names(b, "root", call, NULL, "cart stock vault orphan ");
    Str id = bind_role(b, "user", "view", ROLE_VIEWER, "organization", "other", "allow");
    expect_names(b, "view", call, NULL, "cart stock vault ");
    expect(b, "root",
           str_cstr(b->arena, str_fmt(b->arena, "DELETE /api/role-bindings/%.*s", STR_ARG(id))),
           NULL, 204, NULL);
    expect_names(b, "view", call, NULL, "cart stock ");
    expect(b, "root", "PATCH /api/teams/{blue}", "{\"org_id\":\"{other}\"}", 200, NULL);
    expect_names(b, "view", call, NULL, "cart ");
}

/* ---- many owners: looked at row by row */

static void add_many(AccessBench *b)
{
    for (int i = 0; i < TEAMS; i++) {
        char team[16], name[16];
        snprintf(team, sizeof(team), "t%d", i);
        add_team(b, team, i % 2 ? "acme" : "other");
        for (int k = 0; k < EACH; k++) {
            snprintf(name, sizeof(name), "c%d%c", i, 'a' + k);
            add_service(b, name, team);
        }
        if (i % 5) {
            bind_role(b, "user", "many", ROLE_VIEWER, "team", team, "allow");
        }
    }
}

static size_t count_pages(AccessBench *b, const char *user, const char *first, size_t *ret_wrong)
{
    size_t n = 0;
    Str next = str_from(first);
    *ret_wrong = 0;
    while (next.len > 0) {
        Str body;
        Json *page;
        Error err = {0};
        assert_int_equal(call_as(b, user, str_cstr(b->arena, next), NULL, &body), 200);
        assert_int_equal(json_parse(b->arena, body, NULL, &page, &err), RC_OK);
        const Json *items = json_get_c(page, "items");
        for (uint32_t i = 0; i < items->n; i++) {
            Str name = json_str_at(json_get_c(items->items[i], "metadata"), "name");
            int64_t team = -1;
            IGNORE(str_to_i64(str_sub(name, 1, name.len - 1), &team)); /* stays -1 */
            *ret_wrong += team < 0 || team % 5 == 0;
        }
        n += items->n;
        Str cursor = json_str_at(json_get_c(page, "pageInfo"), "nextCursor");
        next = cursor.len
                   ? str_fmt(b->arena, "GET /api/catalog/entities/by-query?limit=%d&cursor=%.*s",
                             PAGE, STR_ARG(cursor))
                   : STR_EMPTY;
    }
    return n;
}

static void test_many_owners(void **state)
{
    AccessBench *b = world(state);
    size_t wrong, most = (size_t)(TEAMS - (TEAMS + 4) / 5) * EACH;
    add_many(b);
    static const char *const calls[] = {
        "GET /api/catalog/entities/by-query?limit=7",
        "GET /api/catalog/entities/by-query?limit=7&totalItems=exclude",
        "GET /api/catalog/entities/by-query?limit=7&orderField=metadata.name,asc",
        "GET "
        "/api/catalog/entities/by-query?limit=7&orderField=metadata.name,desc&totalItems=exclude",
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(calls); i++) { /* the second time the start is known */
        assert_int_equal(count_pages(b, "many", calls[i % ARRAY_LEN(calls)], &wrong), most);
        assert_int_equal(wrong, 0);
    }
    expect_names(b, "many",
                 "GET /api/catalog/entities/by-query?limit=2&offset=1&totalItems=exclude", NULL,
                 "c1b c1c ");
    Str total = str_fmt(b->arena, "\"totalItems\":%zu", most);
    expect(b, "many", calls[0], NULL, 200, str_cstr(b->arena, total));
    expect_names(b, "many", "GET /api/catalog/entities?limit=3&order=asc:metadata.name", NULL,
                 "c101a c101b c101c ");
    expect_names(b, "many", "GET /api/catalog/entities?limit=2&offset=2&order=asc:metadata.name",
                 NULL, "c101c c102a ");
    Str count = str_fmt(b->arena, "\"count\":%zu", most);
    expect(b, "many", "GET /api/catalog/entity-facets?facet=kind", NULL, 200,
           str_cstr(b->arena, count));
    /* what no index holds is read entity by entity */
    expect(b, "many", "GET /api/catalog/entity-facets?facet=apiVersion&filter=kind=component", NULL,
           200, "apiVersion");
    expect(b, "many", "GET /api/catalog/entities/by-query?limit=2&filter=metadata.etag.x", NULL,
           200, "\"totalItems\":0");
    Str all;
    assert_int_equal(call_as(b, "many", "GET /api/catalog/entities", NULL, &all), 200);
    Str names = names_in(b, all);
    assert_true(str_find(names, STR("c0a ")) == SIZE_MAX);
    assert_true(str_find(names, STR("c1a ")) != SIZE_MAX);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, access_bench_sqlite, access_bench_free),                 \
        cmocka_unit_test_setup_teardown(test, access_bench_pg, access_bench_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_lists_show_a_part),
        BOTH(test_single_ones_are_hidden),
        BOTH(test_changes_count_at_once),
        BOTH(test_many_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
