/* SPDX-License-Identifier: Apache-2.0
 * The graph of relations, breadth first: one statement per level and direction. */
#include "base/map.h"
#include "base/vec.h"

#include "catalog_query_sql.h"
#include "modules/catalog/catalog.h"

typedef VEC(Str) Strs;
typedef VEC(CatalogEdge) Edges;

typedef struct Graph {
    Ctx *cx;
    Str types; /* as JSON */
    Map seen;  /* refs */
    Map edges; /* "source\0type\0target" */
    Edges out;
    size_t max_edges;
    bool truncated;
} Graph;

static Str list_json(Arena *arena, const Str *list, size_t n)
{
    Buf out = buf_init(arena, 16 * MIB);
    buf_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put(&out, i ? STR(",") : STR_EMPTY);
        buf_json_str(&out, list[i]);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

static void add_edge(Graph *g, Rows *rows, bool upstream, Strs *next)
{
    Arena *arena = g->cx->arena;
    CatalogEdge edge = {rows_dup(rows, 0, arena), rows_dup(rows, 1, arena),
                        rows_dup(rows, 2, arena)};
    Str parts[] = {edge.source_ref, edge.type, edge.target_ref};
    Str key = str_join(arena, parts, ARRAY_LEN(parts), str_of("\0", 1));
    if (!map_has(&g->edges, key)) {
        if (g->out.n == g->max_edges) {
            g->truncated = true;
            return;
        }
        map_put(&g->edges, key, g);
        VEC_PUSH(&g->out, edge);
    }
    Str other = upstream ? edge.target_ref : edge.source_ref;
    if (!map_has(&g->seen, other)) {
        map_put(&g->seen, other, g);
        VEC_PUSH(next, other);
    }
}

/* What the refs need (upstream) or who needs them. */
static Rc expand(Graph *g, Str refs, bool upstream, Strs *next)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    const Query *query = upstream ? &catalog_query_graph_out : &catalog_query_graph_in;
    /* edges known already may come again: they take up room in the limit too */
    int64_t limit = (int64_t)(g->max_edges + g->edges.n_live + 1);
    TRY(tx_query(g->cx->tx, query, PARAMS(P_STR(refs), P_STR(g->types), P_I64(limit)), &rows,
                 &g->cx->error));
    while (rows_next(rows) && !g->truncated) {
        add_edge(g, rows, upstream, next);
    }
    return rows_error(rows, &g->cx->error);
}

/* One direction from ref, level by level: what lies upstream of a dependant is not ref's concern.
 */
static Rc walk(Graph *g, Str ref, bool upstream, unsigned depth)
{
    Strs level = {.arena = g->cx->arena};
    g->seen = map_init(g->cx->arena);
    map_put(&g->seen, ref, g);
    VEC_PUSH(&level, ref);
    for (unsigned i = 0; i < depth && level.n > 0 && !g->truncated; i++) {
        Strs next = {.arena = g->cx->arena};
        TRY(expand(g, list_json(g->cx->arena, level.at, level.n), upstream, &next));
        level = next;
    }
    return RC_OK;
}

Rc catalog_graph(Ctx *cx,
                 Str ref,
                 const Str *types,
                 size_t n_types,
                 bool upstream,
                 bool downstream,
                 unsigned depth,
                 size_t max_edges,
                 CatalogEdge **ret,
                 size_t *ret_n,
                 bool *ret_truncated)
{
    Graph g = {
        .cx = cx,
        .types = list_json(cx->arena, types, n_types),
        .edges = map_init(cx->arena),
        .out = {.arena = cx->arena},
        .max_edges = max_edges,
    };
    Str from = str_lower_utf8(cx->arena, ref);
    TRY(ctx_read(cx));
    if (upstream) {
        TRY(walk(&g, from, true, depth));
    }
    if (downstream) {
        TRY(walk(&g, from, false, depth));
    }
    *ret = g.out.at;
    *ret_n = g.out.n;
    *ret_truncated = g.truncated;
    return RC_OK;
}
