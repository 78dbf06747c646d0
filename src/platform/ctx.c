/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/ctx.h"

#include "platform/module.h"

/* What ctx_new_system makes: the Ctx first, then what it borrows. */
typedef struct SystemCtx {
    Ctx cx;
    Arena *arena; /* of each round */
    Arena *own;   /* of the names, until ctx_free */
    Str actor_name;
    Uuid request_id;
    char trace_id[32];
} SystemCtx;

const char *actor_kind_name(ActorKind kind)
{
    static const char *const names[] = {
        [ACTOR_ANONYMOUS] = "anonymous",
        [ACTOR_USER] = "user",
        [ACTOR_SERVICE] = "service",
        [ACTOR_SYSTEM] = "system",
    };
    return names[kind];
}

Rc fail(Ctx *cx, Rc code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Rc rc = error_vset(&cx->error, code, fmt, ap);
    va_end(ap);
    return rc;
}

Rc fail_field(Ctx *cx, Str pointer, const char *fmt, ...)
{
    FieldError field = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(field.message, sizeof(field.message), fmt, ap);
    va_end(ap);
    Rc rc = error_set(&cx->error, RC_INVALID, "%.*s %s", STR_ARG(pointer), field.message);
    error_field(&cx->error, pointer, "%s", field.message);
    return rc;
}

Rc ctx_read(Ctx *cx)
{
    if (cx->tx) {
        return RC_OK;
    }
    /* PostgreSQL is a network away: an I/O thread answers from memory or not at all. */
    if (cx->on_io_thread && db_kind(cx->platform->db) == DB_POSTGRES) {
        return fail(cx, RC_BUSY, "The database is not read on this thread");
    }
    TRY(db_read(cx->platform->db, cx->on_io_thread, &cx->tx, &cx->error));
    tx_deadline(cx->tx, cx->deadline_us);
    return RC_OK;
}

Rc ctx_read_primary(Ctx *cx)
{
    ASSERT(!cx->tx || !tx_is_write(cx->tx));
    ASSERT(!cx->on_io_thread);
    ctx_end(cx);
    TRY(db_read_primary(cx->platform->db, &cx->tx, &cx->error));
    tx_deadline(cx->tx, cx->deadline_us);
    return RC_OK;
}

Rc ctx_begin(Ctx *cx)
{
    ASSERT(!cx->tx || !tx_is_write(cx->tx));
    ASSERT(!cx->on_io_thread);
    ctx_end(cx);
    TRY(db_begin(cx->platform->db, &cx->tx, &cx->error));
    tx_deadline(cx->tx, cx->deadline_us);
    return RC_OK;
}

Rc ctx_commit(Ctx *cx)
{
    Tx *tx = cx->tx;
    ASSERT(tx && tx_is_write(tx));
    cx->tx = NULL;
    return db_commit(tx, &cx->error);
}

void ctx_end(Ctx *cx)
{
    db_end(cx->tx);
    cx->tx = NULL;
}

/* A new identity for the round: its log lines and audit rows belong together. */
static void start_round(SystemCtx *s, Platform *platform)
{
    s->request_id = uuid_v7();
    Uuid trace = uuid_v4();
    size_t n = 0;
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (trace.text[i] != '-') {
            s->trace_id[n++] = trace.text[i];
        }
    }
    s->cx = (Ctx){
        .arena = s->arena,
        .platform = platform,
        .actor = {.kind = ACTOR_SYSTEM, .name = s->actor_name},
        .deadline_us = INT64_MAX,
        .request_id = uuid_str(&s->request_id),
        .trace_id = str_of(s->trace_id, sizeof(s->trace_id)),
    };
}

Ctx *ctx_new_system(Platform *platform, const char *name)
{
    Arena *own = arena_new(0);
    SystemCtx *s = ARENA_NEW(own, SystemCtx);
    s->own = own;
    s->arena = arena_new(0);
    s->actor_name = str_fmt(own, "system:%s", name);
    start_round(s, platform);
    return &s->cx;
}

static SystemCtx *system_of(Ctx *cx)
{
    return (SystemCtx *)cx; /* its first member */
}

void ctx_reset(Ctx *cx)
{
    SystemCtx *s = system_of(cx);
    ctx_end(cx);
    arena_reset(s->arena);
    start_round(s, cx->platform);
}

void ctx_free(Ctx *cx)
{
    if (cx) {
        SystemCtx *s = system_of(cx);
        ctx_end(cx);
        arena_free(s->arena);
        arena_free(s->own);
    }
}

const Module *platform_module(const Platform *platform, Str name)
{
    for (size_t i = 0; i < platform->n_modules; i++) {
        if (str_is(name, platform->modules[i]->name)) {
            return platform->modules[i];
        }
    }
    return NULL;
}
