/* SPDX-License-Identifier: Apache-2.0
 * platform/ctx.h - what every domain function gets first: Ctx, and the process-wide Platform.
 *
 * A Ctx belongs to one thread and lives for one request, job or event delivery. Its field list is
 * frozen: a new field needs an ADR. Platform is built once by src/app before any thread starts and
 * is read-only afterwards (the services inside have their own locks). */
#ifndef PLATFORM_CTX_H
#define PLATFORM_CTX_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"
#include "base/str.h"

#include "store/store.h"

typedef struct Settings Settings;
typedef struct Contract Contract;
typedef struct Records Records;
typedef struct Events Events;
typedef struct Jobs Jobs;
typedef struct Metrics Metrics;
typedef struct Secrets Secrets;
typedef struct Audit Audit;
typedef struct Telemetry Telemetry;
typedef struct HttpClient HttpClient;
typedef struct HttpServer HttpServer;
typedef struct Module Module;

typedef struct Platform {
    Db *db;
    Settings *settings;
    Contract *contract;
    Records *records;
    Events *events;
    Jobs *jobs;
    Metrics *metrics;
    Secrets *secrets;
    Audit *audit;         /* NULL in tests that do not chain */
    Telemetry *telemetry; /* NULL when traces are off */
    HttpClient *http;
    HttpServer *server;           /* NULL in commands that do not serve */
    const Module *const *modules; /* enabled ones */
    size_t n_modules;
    const char *data_dir; /* absolute, no trailing slash */
    Str base_url;         /* "http://127.0.0.1:3001": how this server is reached */
    int64_t started_us;   /* wall clock */
    const char *instance; /* UUID of this process, for leases */
} Platform;

/* Of db_notify: what processes on one database tell each other of. */
enum { TOPIC_EVENTS = 1, TOPIC_JOBS = 2, TOPIC_IDENTITY = 4, TOPIC_ACCESS = 8 };

typedef enum ActorKind { ACTOR_ANONYMOUS, ACTOR_USER, ACTOR_SERVICE, ACTOR_SYSTEM } ActorKind;
const char *actor_kind_name(ActorKind kind); /* "anonymous", "user", "service", "system" */
typedef struct Actor {
    ActorKind kind;
    Str id;     /* UUID for users and services; "" otherwise. Stored in created_by and the like. */
    Str name;   /* for logs of the audit trail: "alice", "system:jobs" */
    Str key_id; /* the API key that was shown; "" otherwise */
    Str session_id;                    /* the session the call belongs to; "" otherwise */
    int64_t key_per_minute, key_burst; /* the key's own limits; 0: those of all keys */
} Actor;

typedef struct Ctx {
    Arena *arena;
    Platform *platform;
    Tx *tx; /* the open read scope or write transaction; NULL when none */
    Actor actor;
    int64_t deadline_us; /* monotonic clock, of what the Ctx opens too; INT64_MAX when none */
    Str request_id;      /* UUID; also set for jobs and events */
    Str trace_id;        /* 32 hex digits of the W3C trace context */
    Str address;         /* of the client; "" when none */
    bool on_io_thread;   /* inline operation: never block */
    Error error;
} Ctx;

/* Sets cx->error and returns the code. */
Rc fail(Ctx *cx, Rc code, const char *fmt, ...) PRINTF_FORMAT(3, 4);
/* As fail(RC_INVALID, "…") with one field: pointer as in FieldError. */
Rc fail_field(Ctx *cx, Str pointer, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/* Opens a read scope if nothing is open. The dispatcher ends it. On an I/O thread it fails with
 * RC_BUSY rather than wait, and always on PostgreSQL; the dispatcher then runs the operation anew
 * on a worker. */
MUST_CHECK Rc ctx_read(Ctx *cx);
/* The same from the primary, to read one's own writes; never on an I/O thread. Ends the read scope
 * that is open (whoever decided on permissions may have left one); ASSERTs that it is no write
 * transaction. */
MUST_CHECK Rc ctx_read_primary(Ctx *cx);
/* Opens a write transaction; ASSERTs that none is open (an open read scope is ended first). */
MUST_CHECK Rc ctx_begin(Ctx *cx);
/* Commits; cx->tx is NULL afterwards whatever the result. */
MUST_CHECK Rc ctx_commit(Ctx *cx);
/* Ends whatever is open, undoing uncommitted writes. Harmless when nothing is. */
void ctx_end(Ctx *cx);

/* A Ctx for background work: own arena, system actor named name ("jobs", "catalog"). */
Ctx *ctx_new_system(Platform *platform, const char *name);
void ctx_free(Ctx *cx);
/* Resets arena, error and transaction for the next round of a loop. */
void ctx_reset(Ctx *cx);

#endif
