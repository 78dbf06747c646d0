/* SPDX-License-Identifier: Apache-2.0
 * GET /api/services/{id}/dependencies and …/impact. */
#include "contract_handlers.h"
#include "modules/services/services_priv.h"
#include "platform/contract/contract.h"
#include "services_q_sql.h"

#include <stdlib.h>

static Json *text_or_null(Arena *arena, Str s)
{
    return s.len ? json_string(arena, s) : json_null(arena);
}

static Json *node_json(Arena *arena, const GraphNode *node)
{
    Json *out = json_object(arena);
    json_set_c(arena, out, "id", text_or_null(arena, node->id));
    json_set_str(arena, out, "ref", node->ref);
    json_set_str(arena, out, "name", node->name);
    json_set_str(arena, out, "kind", node->kind);
    json_set_c(arena, out, "type", text_or_null(arena, node->type));
    json_set_c(arena, out, "owner", text_or_null(arena, node->owner));
    json_set_c(arena, out, "health", text_or_null(arena, node->health));
    json_set_c(arena, out, "distance", json_int(arena, node->distance));
    return out;
}

static Json *satisfied_json(Arena *arena, const GraphEdge *edge)
{
    if (!edge->is_record || str_is(edge->status, "unknown")) {
        return json_null(arena);
    }
    return json_bool_new(arena, str_is(edge->status, "satisfied"));
}

static Json *edge_json(Arena *arena, const Graph *graph, const GraphEdge *edge)
{
    Json *out = json_object(arena);
    json_set_str(arena, out, "from", graph->nodes.at[edge->from].ref);
    json_set_str(arena, out, "to", graph->nodes.at[edge->to].ref);
    json_set_str(arena, out, "type", edge->type);
    json_set_str(arena, out, "origin", edge->is_record ? STR("record") : STR("entity"));
    json_set_c(arena, out, "version_constraint", text_or_null(arena, edge->constraint));
    json_set_c(arena, out, "satisfied", satisfied_json(arena, edge));
    return out;
}

static Json *cycles_json(Arena *arena, const Graph *graph)
{
    GraphGroups groups;
    Json *out = json_array(arena);
    graph_cycles(graph, arena, &groups);
    for (size_t i = 0; i < groups.n; i++) {
        Json *group = json_array(arena);
        for (size_t k = 0; k < groups.at[i].n; k++) {
            json_push(arena, group, json_string(arena, graph->nodes.at[groups.at[i].at[k]].ref));
        }
        json_push(arena, out, group);
    }
    return out;
}

Rc services_dependencies(Ctx *cx, Call *call)
{
    Str direction = call_query(call, "direction"), id;
    GraphRequest request = {
        .upstream = !str_is(direction, "downstream"),
        .downstream = !str_is(direction, "upstream"),
        .depth = (unsigned)call_query_i64(call, "depth", 3),
        .max_nodes = GRAPH_NODES_MAX,
        .max_edges = GRAPH_EDGES_MAX,
    };
    Graph graph;
    TRY(ctx_read(cx));
    TRY(service_ref(cx, call_path(call, "id"), &id, &request.ref));
    TRY(graph_collect(cx, &request, &graph));
    Json *answer = json_object(cx->arena), *nodes = json_array(cx->arena);
    Json *edges = json_array(cx->arena);
    for (size_t i = 0; i < graph.nodes.n; i++) {
        json_push(cx->arena, nodes, node_json(cx->arena, &graph.nodes.at[i]));
    }
    for (size_t i = 0; i < graph.edges.n; i++) {
        json_push(cx->arena, edges, edge_json(cx->arena, &graph, &graph.edges.at[i]));
    }
    json_set_c(cx->arena, answer, "nodes", nodes);
    json_set_c(cx->arena, answer, "edges", edges);
    json_set_c(cx->arena, answer, "truncated", json_bool_new(cx->arena, graph.truncated));
    json_set_c(cx->arena, answer, "cycles", cycles_json(cx->arena, &graph));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- impact */

typedef struct Count {
    Str key;
    int64_t n;
} Count;

/* How many nodes have each value, most first; the first node is the service itself. */
static size_t count_by(Arena *arena, const Graph *graph, bool by_owner, Count **ret)
{
    Map seen = map_init(arena);
    Count *counts = ARENA_ARRAY(arena, Count, graph->nodes.n);
    size_t n = 0;
    for (size_t i = 1; i < graph->nodes.n; i++) {
        Str key = by_owner ? graph->nodes.at[i].owner : graph->nodes.at[i].kind;
        key = key.len ? key : STR(""); /* a key with an address */
        Count *count = map_get(&seen, key);
        if (!count) {
            count = &counts[n++];
            count->key = key;
            map_put(&seen, key, count);
        }
        count->n++;
    }
    *ret = counts;
    return n;
}

static int more_first(const void *a, const void *b)
{
    const Count *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : str_cmp(x->key, y->key);
}

/* Team ids by the group that a team is. */
static Rc find_teams(Ctx *cx, const Count *owners, size_t n, Map *ret)
{
    Str *refs = ARENA_ARRAY(cx->arena, Str, n);
    *ret = map_init(cx->arena);
    for (size_t i = 0; i < n; i++) {
        refs[i] = owners[i].key;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &services_q_teams_by_ref, PARAMS(P_STR(ids_json(cx->arena, refs, n))),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        map_put(ret, rows_dup(rows, 0, cx->arena), json_string(cx->arena, rows_str(rows, 1)));
    }
    return rows_error(rows, &cx->error);
}

static Rc owners_json(Ctx *cx, const Graph *graph, Json **ret)
{
    Count *owners;
    Map teams;
    size_t n = count_by(cx->arena, graph, true, &owners);
    qsort(owners, n, sizeof(owners[0]), more_first);
    TRY(find_teams(cx, owners, n, &teams));
    *ret = json_array(cx->arena);
    for (size_t i = 0; i < n; i++) {
        Json *row = json_object(cx->arena);
        Json *team = map_get(&teams, owners[i].key);
        json_set_c(cx->arena, row, "owner", text_or_null(cx->arena, owners[i].key));
        json_set_c(cx->arena, row, "team_id", team ? team : json_null(cx->arena));
        json_set_c(cx->arena, row, "count", json_int(cx->arena, owners[i].n));
        json_push(cx->arena, *ret, row);
    }
    return RC_OK;
}

static Json *kinds_json(Arena *arena, const Graph *graph)
{
    Count *kinds;
    size_t n = count_by(arena, graph, false, &kinds);
    Json *out = json_array(arena);
    qsort(kinds, n, sizeof(kinds[0]), more_first);
    for (size_t i = 0; i < n; i++) {
        Json *row = json_object(arena);
        json_set_str(arena, row, "kind", kinds[i].key);
        json_set_c(arena, row, "count", json_int(arena, kinds[i].n));
        json_push(arena, out, row);
    }
    return out;
}

/* Needed by nobody: among what was found, since all that needs a node is found with it. */
static Json *entry_points_json(Arena *arena, const Graph *graph)
{
    bool *is_needed = ARENA_ARRAY(arena, bool, graph->nodes.n);
    Json *out = json_array(arena);
    for (size_t i = 0; i < graph->edges.n; i++) {
        is_needed[graph->edges.at[i].to] = true;
    }
    for (size_t i = 1; i < graph->nodes.n; i++) {
        if (!is_needed[i]) {
            json_push(arena, out, node_json(arena, &graph->nodes.at[i]));
        }
    }
    return out;
}

Rc services_impact(Ctx *cx, Call *call)
{
    GraphRequest request = {.downstream = true,
                            .depth = IMPACT_NODES_MAX, /* as far as it goes */
                            .max_nodes = IMPACT_NODES_MAX + 1,
                            .max_edges = (size_t)8 * IMPACT_NODES_MAX};
    Graph graph;
    Json *owners, *nodes = json_array(cx->arena), *answer = json_object(cx->arena);
    Str id;
    TRY(ctx_read(cx));
    TRY(service_ref(cx, call_path(call, "id"), &id, &request.ref));
    TRY(graph_collect(cx, &request, &graph));
    TRY(owners_json(cx, &graph, &owners));
    for (size_t i = 1; i < graph.nodes.n; i++) {
        json_push(cx->arena, nodes, node_json(cx->arena, &graph.nodes.at[i]));
    }
    json_set_c(cx->arena, answer, "total", json_int(cx->arena, (int64_t)graph.nodes.n - 1));
    json_set_c(cx->arena, answer, "truncated", json_bool_new(cx->arena, graph.truncated));
    json_set_c(cx->arena, answer, "owners", owners);
    json_set_c(cx->arena, answer, "kinds", kinds_json(cx->arena, &graph));
    json_set_c(cx->arena, answer, "entry_points", entry_points_json(cx->arena, &graph));
    json_set_c(cx->arena, answer, "nodes", nodes);
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}
