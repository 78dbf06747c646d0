/* SPDX-License-Identifier: Apache-2.0
 * The dependency graph on both databases: both directions, both origins, depth, limits, cycles. */
#include "modules/services/services_test_support.h"

#include <stdio.h>
#include <string.h>

/* cmocka has a macro fail(), which is declared as a function before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

static DbKind kind; /* of the group of tests that runs */

#define REF(name) "component:default/" name

static TestPlatform *platform_or_skip(void)
{
    TestPlatform *t = test_services_new(kind);
    if (!t) {
        print_message("skipped: PostgreSQL is not installed\n");
        skip();
    }
    return t;
}

/* web -> cart -> api:cart-db-api -> store -> queue; cart -record-> mail; admin -> cart */
static void add_shop(Platform *p)
{
    static const char *const components[] = {"web", "cart", "store", "mail", "admin"};
    for (size_t i = 0; i < ARRAY_LEN(components); i++) {
        add_entity(p, "component", components[i], "group:default/shop");
    }
    add_entity(p, "api", "stock", "group:default/store");
    add_relation(p, REF("web"), "dependsOn", REF("cart"));
    add_relation(p, REF("admin"), "dependsOn", REF("cart"));
    add_relation(p, REF("cart"), "consumesApi", "api:default/stock");
    add_relation(p, REF("store"), "providesApi", "api:default/stock");
    add_relation(p, REF("store"), "dependsOn",
                 "resource:default/queue"); /* there is no such entity */
    add_relation(p, REF("cart"), "ownedBy", "group:default/shop");
    run_sql(p, "INSERT INTO service_dependencies (id, revision, created_at, updated_at, "
               "service_id, depends_on_service_id, type, version_constraint, status) VALUES ('d1', "
               "1, 0, 0, 'id-cart', 'id-mail', 'runtime', '^1', 'violated')");
}

static void edge_text(Buf *out, const Graph *g, const GraphEdge *e)
{
    buf_fmt(out, "%.*s>%.*s:%.*s%s%.*s ", STR_ARG(g->nodes.at[e->from].name),
            STR_ARG(g->nodes.at[e->to].name), STR_ARG(e->type), e->is_record ? "!" : "",
            STR_ARG(e->status));
}

/* "web1 cart0 | web>cart:dependsOn " */
static Str describe(Ctx *cx, const Graph *g)
{
    Buf out = buf_init(cx->arena, MIB);
    for (size_t i = 0; i < g->nodes.n; i++) {
        buf_fmt(&out, "%.*s%u ", STR_ARG(g->nodes.at[i].name), g->nodes.at[i].distance);
    }
    buf_lit(&out, "| ");
    for (size_t i = 0; i < g->edges.n; i++) {
        edge_text(&out, g, &g->edges.at[i]);
    }
    return buf_str(&out);
}

typedef struct WalkCase {
    const char *start;
    bool upstream, downstream;
    unsigned depth;
    const char *expected;
} WalkCase;

static const WalkCase walks[] = {
    {REF("cart"),  true,  false, 1,
     "cart0 stock1 mail1 | cart>stock:consumesApi cart>mail:runtime!violated "                    },
    {REF("cart"),  true,  false, 9,
     "cart0 stock1 mail1 store2 queue3 | cart>stock:consumesApi cart>mail:runtime!violated "
     "stock>store:apiProvidedBy store>queue:dependsOn "                                           },
    {REF("cart"),  false, true,  9, "cart0 admin1 web1 | admin>cart:dependsOn web>cart:dependsOn "},
    {REF("cart"),  true,  true,  1,
     "cart0 stock1 mail1 admin1 web1 | cart>stock:consumesApi cart>mail:runtime!violated "
     "admin>cart:dependsOn web>cart:dependsOn "                                                   },
    {REF("store"), false, true,  9,
     "store0 stock1 cart2 admin3 web3 | stock>store:apiProvidedBy cart>stock:consumesApi "
     "admin>cart:dependsOn web>cart:dependsOn "                                                   },
    {REF("mail"),  false, true,  1, "mail0 cart1 | cart>mail:runtime!violated "                   },
    {REF("mail"),  true,  false, 9, "mail0 | "                                                    },
};

static void test_walks(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    add_shop(&t->platform);
    for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
        Ctx *cx = ctx_new_system(&t->platform, "test");
        GraphRequest request = {.ref = str_from(walks[i].start),
                                .upstream = walks[i].upstream,
                                .downstream = walks[i].downstream,
                                .depth = walks[i].depth,
                                .max_nodes = 100,
                                .max_edges = 100};
        Graph graph;
        must(ctx_read(cx), cx);
        must(graph_collect(cx, &request, &graph), cx);
        assert_str(describe(cx, &graph), str_from(walks[i].expected));
        assert_false(graph.truncated);
        ctx_free(cx);
    }
    test_platform_free(t);
}

static void test_nodes(void **state)
{
    (void)state;
    TestPlatform *t = platform_or_skip();
    Ctx *cx = ctx_new_system(&t->platform, "test");
    GraphRequest request = {
        .ref = STR(REF("store")), .upstream = true, .depth = 1, .max_nodes = 9, .max_edges = 9};
    Graph graph;
    add_shop(&t->platform);
    must(ctx_read(cx), cx);
    must(graph_collect(cx, &request, &graph), cx);
    assert_int_equal(graph.nodes.n, 2);
    assert_str(graph.nodes.at[0].id, STR("id-store"));
    assert_str(graph.nodes.at[0].owner, STR("group:default/shop"));
    assert_str(graph.nodes.at[0].health, STR("unknown"));
    /* what is not there has what its reference says */
    assert_str(graph.nodes.at[1].id, STR(""));
    assert_str(graph.nodes.at[1].kind, STR("resource"));
    assert_str(graph.nodes.at[1].name, STR("queue"));
    ctx_free(cx);
    test_platform_free(t);
}

/* A ring of `ring` nodes, a tail of `tail` nodes that lead into it. */
static void add_ring(Platform *p, int ring, int tail)
{
    char a[64], b[64];
    for (int i = 0; i < ring + tail; i++) {
        int next = i + 1 == ring ? 0 : i >= ring ? i - 1 : i + 1;
        snprintf(a, sizeof(a), REF("n%03d"), i);
        snprintf(b, sizeof(b), REF("n%03d"), next);
        add_relation(p, a, "dependsOn", b);
    }
}

static void test_limits(void **state)
{
    (void)state;
    enum { RING = 30, TAIL = 5 };
    TestPlatform *t = platform_or_skip();
    Platform *p = &t->platform;
    add_ring(p, RING, TAIL);
    static const struct {
        size_t max_nodes, max_edges, nodes, edges;
        unsigned depth;
        bool truncated;
    } cases[] = {
        {100, 100, 30, 30, 100, false},
        {100, 100, 4,  3,  3,   false},
        {10,  100, 10, 9,  100, true },
        {100, 7,   8,  7,  100, true },
        {30,  30,  30, 30, 100, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Ctx *cx = ctx_new_system(p, "test");
        GraphRequest request = {.ref = STR(REF("n000")),
                                .upstream = true,
                                .depth = cases[i].depth,
                                .max_nodes = cases[i].max_nodes,
                                .max_edges = cases[i].max_edges};
        Graph graph;
        must(ctx_read(cx), cx);
        must(graph_collect(cx, &request, &graph), cx);
        assert_int_equal(graph.nodes.n, cases[i].nodes);
        assert_int_equal(graph.edges.n, cases[i].edges);
        assert_int_equal(graph.truncated, cases[i].truncated);
        ctx_free(cx);
    }
    test_platform_free(t);
}

/* ---- cycles, without a database */

typedef struct CycleCase {
    const char *edges;    /* "ab bc ca": a needs b, … */
    const char *expected; /* "abc de" */
} CycleCase;

static const CycleCase cycles[] = {
    {"",                           ""         },
    {"ab bc cd",                   ""         },
    {"ab ba",                      "ab"       },
    {"aa",                         "a"        },
    {"ab bc ca",                   "abc"      },
    {"ab bc ca cd de",             "abc"      },
    {"ab bc ca cd de ed",          "de abc"   },
    {"ab ac bd cd da",             "abcd"     },
    {"ab bc cb cd dc ae",          "bcd"      },
    {"ab bc cd de ef fc fa gh hg", "abcdef gh"},
    {"ab bb",                      "b"        },
};

static Graph letters(Arena *arena, const char *edges)
{
    Graph graph = {.nodes = {.arena = arena}, .edges = {.arena = arena}};
    for (int i = 0; i < 8; i++) {
        VEC_PUSH(&graph.nodes, (GraphNode){.distance = 0});
    }
    for (const char *at = edges; *at; at += at[2] ? 3 : 2) {
        GraphEdge edge = {.from = (uint32_t)(at[0] - 'a'), .to = (uint32_t)(at[1] - 'a')};
        VEC_PUSH(&graph.edges, edge);
    }
    return graph;
}

static void test_cycles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cycles); i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        Graph graph = letters(arena, cycles[i].edges);
        GraphGroups groups;
        Buf out = buf_init(arena, KIB);
        graph_cycles(&graph, arena, &groups);
        for (size_t g = 0; g < groups.n; g++) {
            buf_put(&out, g ? STR(" ") : STR(""));
            for (size_t k = 0; k < groups.at[g].n; k++) {
                buf_char(&out, (char)('a' + groups.at[g].at[k]));
            }
        }
        assert_str(buf_str(&out), str_from(cycles[i].expected));
    }
}

/* A ring as large as a graph may be: the walk must not need the stack. */
static void test_long_cycle(void **state)
{
    (void)state;
    enum { N = 200000 };
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Graph graph = {.nodes = {.arena = arena}, .edges = {.arena = arena}};
    GraphGroups groups;
    for (uint32_t i = 0; i < N; i++) {
        VEC_PUSH(&graph.nodes, (GraphNode){.distance = i});
        GraphEdge edge = {.from = i, .to = (i + 1) % N};
        VEC_PUSH(&graph.edges, edge);
    }
    graph_cycles(&graph, arena, &groups);
    assert_int_equal(groups.n, 1);
    assert_int_equal(groups.at[0].n, N);
}

int main(void)
{
    const struct CMUnitTest pure[] = {cmocka_unit_test(test_cycles),
                                      cmocka_unit_test(test_long_cycle)};
    const struct CMUnitTest stored[] = {cmocka_unit_test(test_walks), cmocka_unit_test(test_nodes),
                                        cmocka_unit_test(test_limits)};
    int failed = cmocka_run_group_tests(pure, NULL, NULL);
    for (kind = DB_SQLITE; kind <= DB_POSTGRES; kind++) {
        print_message("# on %s\n", kind == DB_SQLITE ? "SQLite" : "PostgreSQL");
        failed += cmocka_run_group_tests(stored, NULL, NULL);
    }
    test_database_end();
    return failed;
}
