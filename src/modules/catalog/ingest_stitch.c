/* SPDX-License-Identifier: Apache-2.0
 * The last step of a large read: what is shown of relations is made once per entity, of all that
 * was marked. On PostgreSQL by two threads: while one waits for its database connection the other
 * makes texts, and each connection has a processor of the server for itself. */
#include "base/thread.h"

#include "catalog_ingest_sql.h"
#include "modules/catalog/ingest.h"

typedef struct Stitcher {
    Ctx *cx;
    const Kinds *kinds;
    Thread thread;
    Rc rc;
} Stitcher;

static Rc stitch_all(Ctx *cx, const Kinds *kinds)
{
    bool more = true;
    while (more) {
        TRY(ctx_begin(cx));
        TRY(catalog_stitch(cx, kinds, &more));
        TRY(ctx_commit(cx));
    }
    return RC_OK;
}

static void *stitcher_main(void *user)
{
    Stitcher *s = user;
    s->rc = stitch_all(s->cx, s->kinds);
    ctx_end(s->cx);
    return NULL;
}

static Rc stitch_with_helper(Ingest *ingest)
{
    Ctx *cx = ingest->cx;
    Stitcher helper = {.cx = ctx_new_system(cx->platform, "catalog"), .kinds = ingest->kinds};
    helper.cx->deadline_us = cx->deadline_us;
    thread_start(&helper.thread, "fw-ingest", stitcher_main, &helper);
    Rc rc = stitch_all(cx, ingest->kinds);
    thread_join(&helper.thread);
    if (rc == RC_OK && helper.rc != RC_OK) {
        cx->error = helper.cx->error;
        rc = helper.rc;
    }
    ctx_free(helper.cx);
    return rc;
}

/* Whether anything is marked is asked outside a write transaction, which would hold up others. */
Rc ingest_stitch(Ingest *ingest)
{
    Ctx *cx = ingest->cx;
    int64_t any;
    TRY(ctx_read(cx));
    Rc rc = tx_one_i64(cx->tx, &catalog_ingest_is_unstitched, NO_PARAMS, &any, &cx->error);
    ctx_end(cx);
    if (rc != RC_OK || any == 0) {
        return rc;
    }
    return db_kind(cx->platform->db) == DB_POSTGRES ? stitch_with_helper(ingest)
                                                    : stitch_all(cx, ingest->kinds);
}
