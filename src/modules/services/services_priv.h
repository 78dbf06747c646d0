/* SPDX-License-Identifier: Apache-2.0
 * services/services_priv.h - what the files of the module share.
 *
 *   services.c         the module's row
 *   service.c          the record Service, written through the catalog
 *   releases.c         versions, deployments, dependencies and the check of their constraints
 *   semver*.c          versions and ranges
 *   graph.c            who needs whom, from relations and records
 *   graph_api.c        dependencies, impact
 *   health.c           the record HealthCheck, and what a service's health is
 *   health_run.c       the job that runs checks
 *   health_api.c       status, uptime, history */
#ifndef SERVICES_PRIV_H
#define SERVICES_PRIV_H

#include "base/map.h"
#include "base/vec.h"

#include "net/http_server.h"
#include "platform/ctx.h"
#include "platform/jobs/jobs.h"
#include "platform/records/records.h"

/* ---- service.c */
Rc service_lock(Ctx *cx);
Rc service_prepare(Ctx *cx, RecordChange *change);
Rc service_store(Ctx *cx, RecordChange *change);
Rc service_present(Ctx *cx, Json **records, size_t n);
/* The entity reference of a service in cx's read scope; RC_NOT_FOUND with a message. */
MUST_CHECK Rc service_ref(Ctx *cx, Str id, Str *ret_id, Str *ret_ref);
/* ["a","b"] for statements that take a list. */
Str ids_json(Arena *arena, const Str *ids, size_t n);

/* ---- releases.c */
Rc version_prepare(Ctx *cx, RecordChange *change);
Rc version_written(Ctx *cx, const RecordChange *change);
Rc deployment_prepare(Ctx *cx, RecordChange *change);
Rc deployment_written(Ctx *cx, const RecordChange *change);
Rc dependency_prepare(Ctx *cx, RecordChange *change);

/* ---- graph.c */
enum {
    GRAPH_DEPTH_MAX = 10,
    GRAPH_NODES_MAX = 500,
    GRAPH_EDGES_MAX = 2000,
    IMPACT_NODES_MAX = 2000
};

typedef struct GraphNode {
    Str ref;
    unsigned distance;
    /* Of the entity; "" when there is none. */
    Str id, name, kind, type, owner, health;
} GraphNode;

/* from needs to. */
typedef struct GraphEdge {
    uint32_t from, to; /* indexes of nodes */
    Str type, constraint, status;
    bool is_record;
} GraphEdge;

typedef struct Graph {
    VEC(GraphNode) nodes; /* the first is where it began; of one direction by distance */
    VEC(GraphEdge) edges;
    Map index; /* ref -> position in nodes, plus one */
    bool truncated;
} Graph;

typedef struct GraphRequest {
    Str ref;
    bool upstream, downstream;
    unsigned depth;
    size_t max_nodes, max_edges;
} GraphRequest;

/* In cx's read scope; two statements per step of distance, one more for the nodes. */
MUST_CHECK Rc graph_collect(Ctx *cx, const GraphRequest *request, Graph *ret);
/* Groups of nodes that need each other; of each its nodes' indexes, in the order of nodes. */
typedef VEC(uint32_t) GraphGroup;
typedef VEC(GraphGroup) GraphGroups;
void graph_cycles(const Graph *graph, Arena *arena, GraphGroups *ret);

/* ---- health.c */
enum {
    HEALTH_UNHEALTHY_AFTER = 2, /* failures in a row */
    HEALTH_DAYS = 90,           /* of hourly sums */
    HEALTH_HEADERS_MAX = 16
};

/* One run of a check, ready to be sent. */
typedef struct HealthProbe {
    Str check_id, service_id, endpoint;
    HttpMethod method;
    int64_t expected_status, timeout_us;
    HttpPair headers[HEALTH_HEADERS_MAX];
    size_t n_headers;
} HealthProbe;

typedef struct HealthOutcome {
    Str check_id, service_id;
    int64_t at_us, duration_us;
    bool ok;
    int64_t status_code; /* 0: no answer */
    Str error;           /* "" when ok */
} HealthOutcome;

Rc health_check_prepare(Ctx *cx, RecordChange *change);
Rc health_check_written(Ctx *cx, const RecordChange *change);
Rc health_check_present(Ctx *cx, Json **records, size_t n);

/* Takes at most max checks that are due at now_us, so that nobody else runs them until they are
 * recorded or their time and a grace are over. token: of this taker. In cx's write transaction;
 * probes live in its arena. */
MUST_CHECK Rc
health_claim(Ctx *cx, Str token, int64_t now_us, size_t max, HealthProbe **ret, size_t *ret_n);
/* Writes what came of checks taken with token: results, sums, states, the health of their services
 * and its events. What was taken away meanwhile is left out. In cx's write transaction. */
MUST_CHECK Rc health_record(Ctx *cx, Str token, const HealthOutcome *outcomes, size_t n);
/* When the next check is due; INT64_MAX: none is switched on. */
MUST_CHECK Rc health_next_due(Ctx *cx, int64_t *ret_us);
/* Queues a run of the checks that are due then; in cx's write transaction. */
MUST_CHECK Rc health_enqueue(Ctx *cx, int64_t run_at_us);
/* Removes results and sums that are older than they are kept. Own transactions. */
MUST_CHECK Rc health_prune(Ctx *cx, int64_t now_us);
/* Results are kept this long. */
int64_t health_results_kept_us(Platform *platform);
/* {at, ok, status_code, duration_ms, error}: columns from `column` on; null when the first is. */
Json *health_result_json(Arena *arena, Rows *rows, int column);

/* ---- health_run.c */
extern const JobType health_job_types[2];
extern const JobSchedule health_schedules[2];
/* Sends one probe and judges the answer. Any thread; *ret lives in the arena. */
void health_probe_send(Platform *platform,
                       const HealthProbe *probe,
                       Arena *arena,
                       HealthOutcome *ret);

#endif
