/* SPDX-License-Identifier: Apache-2.0
 * Who needs whom: breadth first from one entity, a step of distance at a time, over the relations
 * that entities declare and the dependency records.
 *
 * Both directions are walked from the start on their own: what is needed by something that the
 * service needs is no business of the service. */
#include "modules/services/services_priv.h"
#include "services_q_sql.h"

#include <stdlib.h>

typedef VEC(Str) Refs;

typedef struct Walk {
    Ctx *cx;
    const GraphRequest *request;
    Graph *graph;
    Map edges;   /* what is in graph->edges already */
    Map visited; /* refs in this direction */
    Refs next;   /* of the next step */
    bool upstream;
    unsigned distance; /* of what is being found */
} Walk;

static uint32_t node_of(Graph *graph, Str ref, unsigned distance)
{
    uintptr_t at = (uintptr_t)map_get(&graph->index, ref);
    if (at == 0) {
        GraphNode node = {.ref = ref, .distance = distance};
        VEC_PUSH(&graph->nodes, node);
        at = graph->nodes.n;
        map_put(&graph->index, ref, (void *)at);
    }
    GraphNode *found = &graph->nodes.at[at - 1];
    found->distance = MIN(found->distance, distance); /* nearer in the other direction */
    return (uint32_t)(at - 1);
}

/* Makes room for a node, or notes that there is none. */
static bool admit(Walk *w, Str ref)
{
    if (map_has(&w->graph->index, ref) || w->graph->nodes.n < w->request->max_nodes) {
        return true;
    }
    w->graph->truncated = true;
    return false;
}

static void add_edge(Walk *w, Str from, Str to, const GraphEdge *edge)
{
    Arena *arena = w->cx->arena;
    Str key = str_fmt(arena, "%.*s\n%.*s\n%.*s\n%d", STR_ARG(from), STR_ARG(to),
                      STR_ARG(edge->type), edge->is_record);
    if (map_has(&w->edges, key)) {
        return;
    }
    if (w->graph->edges.n == w->request->max_edges) {
        w->graph->truncated = true;
        return;
    }
    Str found = w->upstream ? to : from;
    if (!admit(w, found)) {
        return;
    }
    GraphEdge added = *edge;
    unsigned near = w->distance - 1; /* the end that the step began at is no farther */
    added.from = node_of(w->graph, from, w->upstream ? near : w->distance);
    added.to = node_of(w->graph, to, w->upstream ? w->distance : near);
    map_put(&w->edges, key, w);
    VEC_PUSH(&w->graph->edges, added);
    if (!map_has(&w->visited, found)) {
        map_put(&w->visited, found, w);
        VEC_PUSH(&w->next, found);
    }
}

static Rc follow(Walk *w, const Query *query, Str frontier, bool is_record)
{
    Ctx *cx = w->cx;
    size_t limit = w->request->max_edges + 1, n = 0;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(frontier), P_I64(limit)), &rows, &cx->error));
    for (; rows_next(rows); n++) {
        GraphEdge edge = {.type = rows_dup(rows, 2, cx->arena), .is_record = is_record};
        if (is_record) {
            edge.constraint = rows_dup(rows, 3, cx->arena);
            edge.status = rows_dup(rows, 4, cx->arena);
        }
        add_edge(w, rows_dup(rows, 0, cx->arena), rows_dup(rows, 1, cx->arena), &edge);
    }
    w->graph->truncated |= n == limit;
    return rows_error(rows, &cx->error);
}

static Rc walk(Walk *w)
{
    Refs frontier = {.arena = w->cx->arena};
    w->visited = map_init(w->cx->arena);
    map_put(&w->visited, w->request->ref, w);
    VEC_PUSH(&frontier, w->request->ref);
    for (w->distance = 1; w->distance <= w->request->depth && frontier.n > 0; w->distance++) {
        Str list = ids_json(w->cx->arena, frontier.at, frontier.n);
        w->next = (Refs){.arena = w->cx->arena};
        TRY(follow(w, w->upstream ? &services_q_needs_by_relation : &services_q_needed_by_relation,
                   list, false));
        TRY(follow(w, w->upstream ? &services_q_needs_by_record : &services_q_needed_by_record,
                   list, true));
        frontier = w->next;
    }
    return RC_OK;
}

/* "resource:default/queue": what a ref says of an entity that is not there. */
static void name_by_ref(GraphNode *node)
{
    size_t colon = str_find_char(node->ref, ':'), slash = str_find_char(node->ref, '/');
    node->kind = str_sub(node->ref, 0, colon);
    node->name = slash == SIZE_MAX ? node->ref : str_from_index(node->ref, slash + 1);
}

static Rc fill_nodes(Ctx *cx, Graph *graph)
{
    Str *refs = ARENA_ARRAY(cx->arena, Str, graph->nodes.n);
    for (size_t i = 0; i < graph->nodes.n; i++) {
        refs[i] = graph->nodes.at[i].ref;
        name_by_ref(&graph->nodes.at[i]);
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str list = ids_json(cx->arena, refs, graph->nodes.n);
    TRY(tx_query(cx->tx, &services_q_nodes, PARAMS(P_STR(list)), &rows, &cx->error));
    while (rows_next(rows)) {
        uintptr_t at = (uintptr_t)map_get(&graph->index, rows_str(rows, 0));
        if (at > 0) {
            GraphNode *node = &graph->nodes.at[at - 1];
            node->id = rows_dup(rows, 1, cx->arena);
            node->name = rows_dup(rows, 2, cx->arena);
            node->kind = rows_dup(rows, 3, cx->arena);
            node->type = rows_dup(rows, 4, cx->arena);
            node->owner = rows_dup(rows, 5, cx->arena);
            node->health = rows_dup(rows, 6, cx->arena);
        }
    }
    return rows_error(rows, &cx->error);
}

Rc graph_collect(Ctx *cx, const GraphRequest *request, Graph *ret)
{
    *ret = (Graph){
        .nodes = {.arena = cx->arena},
        .edges = {.arena = cx->arena},
        .index = map_init(cx->arena),
    };
    Walk w = {.cx = cx, .request = request, .graph = ret, .edges = map_init(cx->arena)};
    node_of(ret, request->ref, 0);
    if (request->upstream) {
        w.upstream = true;
        TRY(walk(&w));
    }
    if (request->downstream) {
        w.upstream = false;
        TRY(walk(&w));
    }
    return fill_nodes(cx, ret);
}

/* ---- cycles: strongly connected components (Tarjan 1972), without recursion */

typedef struct Visit {
    uint32_t index, low; /* index 0: not yet */
    uint32_t next_edge;  /* of those that leave the node */
    bool on_stack, needs_itself;
} Visit;

typedef struct Tarjan {
    const Graph *graph;
    Arena *arena;
    uint32_t *first, *targets; /* edges by the node they leave: targets[first[v] .. first[v+1]) */
    Visit *visits;
    uint32_t *stack, *path; /* of components, of the walk */
    uint32_t n_stack, n_path, counter;
    GraphGroups *groups;
} Tarjan;

static void sort_edges(Tarjan *t)
{
    const Graph *g = t->graph;
    size_t n = g->nodes.n;
    t->first = ARENA_ARRAY(t->arena, uint32_t, n + 2);
    t->targets = ARENA_ARRAY(t->arena, uint32_t, g->edges.n + 1);
    for (size_t i = 0; i < g->edges.n; i++) {
        t->first[g->edges.at[i].from + 2]++;
        t->visits[g->edges.at[i].from].needs_itself |= g->edges.at[i].from == g->edges.at[i].to;
    }
    for (size_t v = 2; v < n + 2; v++) {
        t->first[v] += t->first[v - 1];
    }
    for (size_t i = 0; i < g->edges.n; i++) {
        t->targets[t->first[g->edges.at[i].from + 1]++] = g->edges.at[i].to;
    }
}

static void enter(Tarjan *t, uint32_t v)
{
    Visit *visit = &t->visits[v];
    visit->index = visit->low = ++t->counter;
    visit->next_edge = t->first[v];
    visit->on_stack = true;
    t->stack[t->n_stack++] = v;
    t->path[t->n_path++] = v;
}

static int compare_indexes(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* All nodes from v on in the stack need each other. */
static void close_group(Tarjan *t, uint32_t v)
{
    GraphGroup group = {.arena = t->arena};
    uint32_t member;
    do {
        member = t->stack[--t->n_stack];
        t->visits[member].on_stack = false;
        VEC_PUSH(&group, member);
    } while (member != v);
    if (group.n > 1 || t->visits[v].needs_itself) {
        qsort(group.at, group.n, sizeof(group.at[0]), compare_indexes);
        VEC_PUSH(t->groups, group);
    }
}

static void leave(Tarjan *t, uint32_t v)
{
    if (t->visits[v].low == t->visits[v].index) {
        close_group(t, v);
    }
    if (--t->n_path > 0) {
        Visit *parent = &t->visits[t->path[t->n_path - 1]];
        parent->low = MIN(parent->low, t->visits[v].low);
    }
}

static void step(Tarjan *t)
{
    uint32_t v = t->path[t->n_path - 1];
    Visit *visit = &t->visits[v];
    if (visit->next_edge == t->first[v + 1]) {
        leave(t, v);
        return;
    }
    uint32_t to = t->targets[visit->next_edge++];
    if (t->visits[to].index == 0) {
        enter(t, to);
    } else if (t->visits[to].on_stack) {
        visit->low = MIN(visit->low, t->visits[to].index);
    }
}

void graph_cycles(const Graph *graph, Arena *arena, GraphGroups *ret)
{
    size_t n = graph->nodes.n;
    Tarjan t = {.graph = graph,
                .arena = arena,
                .visits = ARENA_ARRAY(arena, Visit, n),
                .stack = ARENA_ARRAY(arena, uint32_t, n),
                .path = ARENA_ARRAY(arena, uint32_t, n),
                .groups = ret};
    *ret = (GraphGroups){.arena = arena};
    sort_edges(&t);
    for (uint32_t v = 0; v < n; v++) {
        if (t.visits[v].index == 0) {
            enter(&t, v);
            while (t.n_path > 0) {
                step(&t);
            }
        }
    }
}
