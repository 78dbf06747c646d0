/* SPDX-License-Identifier: Apache-2.0
 * Pages of the portal: which one an address is, the shell's markers, what strangers wrote. */
#include "base/buf.h"

#include "app/portal_page.h"

/* The tests' own `fail` is cmocka's; the platform's is not called here. */
#include "base/test.h"

static const char *const preload[] = {"/api/x/$kind/$name?a=$namespace", NULL};
static const PortalPage pages[] = {
    {"/",                               NULL,    "",        "Home"   },
    {"/catalog",                        NULL,    "catalog", "Catalog"},
    {"/catalog/$a/$b/$c",               preload, "entity",  NULL     },
    {"/catalog/$namespace/graph/$name", NULL,    "",        "Graph"  },
};

static const char *page_of(Arena *arena, const char *path)
{
    PortalMatch match;
    bool found = portal_match(arena, pages, ARRAY_LEN(pages), str_from(path), &match);
    return found ? match.page->path : NULL;
}

static void test_match(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    assert_string_equal(page_of(arena, "/"), "/");
    assert_string_equal(page_of(arena, "/catalog"), "/catalog");
    assert_string_equal(page_of(arena, "/catalog/"), "/catalog");
    assert_string_equal(page_of(arena, "/catalog/n/k/x"), "/catalog/$a/$b/$c");
    assert_string_equal(page_of(arena, "/catalog/n/graph/x"), "/catalog/$namespace/graph/$name");
    assert_null(page_of(arena, "/catalog/n/k"));
    assert_null(page_of(arena, "/catalog/n//x"));
    assert_null(page_of(arena, "/catalog/n/k/x/y"));
    assert_null(page_of(arena, "//catalog"));
    assert_null(page_of(arena, ""));
    assert_null(page_of(arena, "/catalogue"));
    arena_free(arena);
}

static void test_variables(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    static const PortalPage one[] = {
        {"/c/$namespace/$kind/$name", NULL, "", NULL}
    };
    PortalMatch match;
    assert_true(portal_match(arena, one, 1, STR("/c/de%2Ffault/%22k/a%3Fb%zz"), &match));
    assert_true(str_is(portal_var(&match, "namespace"), "de/fault"));
    assert_true(str_is(portal_var(&match, "name"), "a%3Fb%zz")); /* no percent-encoding: as it is */
    assert_true(str_is(portal_expand(arena, STR("/api/x/$kind/$namespace/$none?y=1"), &match),
                       "/api/x/%22k/de%2Ffault/?y=1"));
    assert_true(str_is(portal_expand(arena, STR("$"), &match), ""));
    arena_free(arena);
}

static void test_fill(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Buf out = buf_init(arena, KIB);
    PortalParts parts = {STR("N"), STR("{{boot}}"), STR("<p>{{nonce}}</p>"),
                         STR("{\"{{title}}\":1}")};
    portal_fill(&out, STR("{{nonce}} {{nonce}}{{{title}}{{other}}{{content}}|{{boot}}{{"), &parts);
    assert_true(str_is(buf_str(&out), "N N{{{boot}}{{other}}<p>{{nonce}}</p>|{\"{{title}}\":1}{{"));
    arena_free(arena);
}

static void test_json_in_a_script(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Buf out = buf_init(arena, KIB);
    portal_script_json(&out, STR("{\"a\":\"</script><!--<\"}"));
    assert_true(str_is(buf_str(&out), "{\"a\":\"\\u003c/script>\\u003c!--\\u003c\"}"));
    arena_free(arena);
}

static void test_html(void **state)
{
    (void)state;
    static const char *const unsafe[] = {"javascript:alert(1)",
                                         "JavaScript:alert(1)",
                                         " https://x",
                                         "https://a b",
                                         "//x",
                                         "/x",
                                         "",
                                         "data:text/html,x",
                                         "http://",
                                         "https:x",
                                         "ht\ntps://x",
                                         "https://x\\y"};
    Arena *arena = arena_new(0);
    Buf out = buf_init(arena, KIB);
    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++) {
        assert_false(html_is_safe_url(str_from(unsafe[i])));
    }
    assert_true(html_is_safe_url(STR("HTTPS://example.com/?a=b&c")));
    assert_true(html_is_safe_url(STR("mailto:a@example.com")));
    html_ref(&out, arena, STR("User:De\"f/<b>"), STR_EMPTY);
    assert_true(str_is(buf_str(&out),
                       "<a href=\"/catalog/de%22f/user/%3Cb%3E\">User:De&quot;f/&lt;b&gt;</a>"));
    buf_clear(&out);
    html_ref(&out, arena, STR("<team"), STR("group"));
    assert_true(str_is(buf_str(&out), "<a href=\"/catalog/default/group/%3Cteam\">&lt;team</a>"));
    buf_clear(&out);
    html_ref(&out, arena, STR("<no kind>"), STR_EMPTY);
    assert_true(str_is(buf_str(&out), "&lt;no kind&gt;"));
    arena_free(arena);
}

static void test_nonces_differ(void **state)
{
    (void)state;
    Arena *arena = arena_new(0);
    Str first = portal_nonce(arena);
    assert_int_equal(first.len, 22);
    assert_false(str_eq(first, portal_nonce(arena)));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match), cmocka_unit_test(test_variables),
        cmocka_unit_test(test_fill),  cmocka_unit_test(test_json_in_a_script),
        cmocka_unit_test(test_html),  cmocka_unit_test(test_nonces_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
