/* SPDX-License-Identifier: Apache-2.0
 * Batches of a large read: one is written by a thread of its own while the next is read and parsed.
 *
 * The walk and the writer share nothing that both change: a batch and its arena belong to the
 * writer until it is joined, and the walk does not look at the number of a document after it has
 * read it. What the outcome changes (report, problems) is written by the
 * walk. */
#include "base/thread.h"

#include "modules/catalog/ingest.h"

struct IngestFlush {
    Ingest *ingest;
    Ctx *cx;
    Thread thread;
    Arena *arena; /* of the batch */
    IngestBatch batch;
    ApplyResult result;
    Rc rc;
};

static Rc write_batch(IngestFlush *f)
{
    TRY(ctx_begin(f->cx));
    TRY(ingest_check_source(f->cx, f->ingest));
    TRY(ingest_apply(f->cx, f->ingest, &f->batch, NULL, 0, &f->result));
    return ctx_commit(f->cx);
}

static void *flush_main(void *user)
{
    IngestFlush *f = user;
    f->rc = write_batch(f);
    ctx_end(f->cx);
    return NULL;
}

static IngestFlush *flush_new(Ingest *ingest)
{
    IngestFlush *f = ARENA_NEW(ingest->arena, IngestFlush);
    f->ingest = ingest;
    f->cx = ctx_new_system(ingest->cx->platform, "catalog");
    f->cx->actor = ingest->cx->actor;
    f->cx->deadline_us = ingest->cx->deadline_us;
    f->arena = arena_new(256 * KIB);
    return f;
}

Rc ingest_flushed(Ingest *ingest)
{
    IngestFlush *f = ingest->flush;
    if (!f || !f->thread.started) {
        return RC_OK;
    }
    thread_join(&f->thread);
    if (f->rc == RC_OK) {
        ingest_count(ingest, &f->batch, &f->result);
    } else {
        ingest->cx->error = f->cx->error;
    }
    arena_reset(f->arena);
    Actor actor = f->cx->actor;
    int64_t deadline = f->cx->deadline_us;
    ctx_reset(f->cx);
    f->cx->actor = actor;
    f->cx->deadline_us = deadline;
    return f->rc;
}

Rc ingest_flush(Ingest *ingest)
{
    ingest->flush = ingest->flush ? ingest->flush : flush_new(ingest);
    TRY(ingest_flushed(ingest));
    IngestFlush *f = ingest->flush;
    Arena *empty = f->arena;
    f->arena = ingest->batch_arena;
    f->batch = ingest_batch(ingest);
    ingest->batch_arena = empty;
    ingest->upserts.arena = ingest->upsert_documents.arena = empty;
    ingest->upserts.at = NULL;
    ingest->upserts.n = ingest->upserts.cap = 0;
    ingest->upsert_documents.at = NULL;
    ingest->upsert_documents.n = ingest->upsert_documents.cap = 0;
    thread_start(&f->thread, "fw-ingest", flush_main, f);
    return RC_OK;
}

void ingest_flush_end(Ingest *ingest)
{
    IngestFlush *f = ingest->flush;
    if (f) {
        thread_join(&f->thread); /* after a failure of the walk: its batch does no harm */
        ctx_free(f->cx);
        arena_free(f->arena);
    }
}
