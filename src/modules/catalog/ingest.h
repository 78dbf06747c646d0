/* SPDX-License-Identifier: Apache-2.0
 * catalog/ingest.h - one walk over what a source says: Locations, the documents they name, the
 * entities in them. Shared by ingest.c (the walk against what is known), ingest_document.c (a text
 * into entities), ingest_write.c (the transactions). */
#ifndef CATALOG_INGEST_H
#define CATALOG_INGEST_H

#include "base/map.h"

#include "modules/catalog/catalog_priv.h"

enum {
    INGEST_DEPTH_MAX = 32, /* Locations below Locations */
    INGEST_DOCUMENTS_MAX = 200000,
    INGEST_PROBLEMS_MAX = 1000, /* kept per source; more are counted */
    INGEST_BATCH = 5000,        /* entities written in one transaction */
};
#define INGEST_HELD_BYTES                                                                          \
    (64 * MIB) /* of texts of one Location kept between reading and parsing                        \
                */

/* What Backstage says first when a placeholder cannot be filled in. */
#define PLACEHOLDER_FAILED                                                                         \
    "Processor PlaceholderProcessor threw an error while preprocessing; caused by Error"

/* The same of a document that is a list or a scalar; which is told by javascript_type. */
#define NOT_AN_OBJECT "Expected object at root, got %s"
const char *javascript_type(const Json *v);

/* A row of catalog_documents, and what this walk found out about it. */
typedef struct Document {
    int64_t n; /* 0: new */
    Str location, parent_ref, hash, etag;
    Str new_hash, new_etag;
    bool seen;                /* named in this walk */
    bool changed;             /* its text differs: parsed in this walk */
    bool failed;              /* could not be read: what is known stays */
    Str text;                 /* held between reading and parsing; "" when let go */
    VEC(Str) child_locations; /* of unchanged ones: refs of the Location entities it brought */
} Document;

typedef struct Problem {
    Str location, entity_ref, name, message;
    Document *document;
    uint32_t line, column;
} Problem;

typedef struct IngestFlush IngestFlush; /* ingest_flush.c */

typedef struct Ingest {
    Ctx *cx;
    Job *job;
    const Source *source;
    const Kinds *kinds;
    Arena *arena;       /* of the walk */
    Arena *batch_arena; /* of entities not yet written; reset after each batch */
    Reader *reader;
    const Json *rules, *own_rules;
    Str rules_hash;
    Map documents; /* "parent location" -> Document */
    Map located;   /* ref -> Json: bodies of Location entities known in this source */
    VEC(Problem) problems;
    VEC(ApplyEntity) upserts; /* in batch_arena; document index in parallel */
    VEC(Document *) upsert_documents;
    Map emitted;        /* ref -> Document that brings (or wanted to bring) it in this walk */
    IngestFlush *flush; /* of the first batches; NULL while all fits into one */
    Map kept; /* Locations whose targets are not known this time: what they brought stays */
    IngestReport *report;
} Ingest;

/* Parses, substitutes, annotates, validates the text of a document; entities go to ingest->upserts,
 * Locations found are given to `found`, refused ones become problems. */
typedef void (*LocationFound)(Ingest *ingest, const Json *entity, Str location, unsigned depth);
MUST_CHECK Rc ingest_document(Ingest *ingest,
                              Document *document,
                              unsigned depth,
                              LocationFound found);
void ingest_problem(Ingest *ingest,
                    Document *document,
                    Str entity_ref,
                    const char *name,
                    Str message,
                    uint32_t line,
                    uint32_t column);
/* managed-by-location and the like, for a copy of the entity that may be changed. */
void ingest_annotate(const Reader *reader, Json *entity, Str location, Str origin, Arena *arena);

/* A status item as Backstage has it: {"type":"backstage.io/catalog-processing",…}. */
void ingest_status_item(Buf *out, const Problem *p);
/* What could not be read shows on the Location that names it. In the last transaction, when the
 * problems are written; *ret_changed: some entity shows something else than before. */
MUST_CHECK Rc ingest_show_on_locations(Ingest *ingest, bool *ret_changed);

/* Loads what is known of the source. */
MUST_CHECK Rc ingest_load(Ingest *ingest);
/* Entities collected so far, with the documents that bring them. */
typedef struct IngestBatch {
    ApplyEntity *upserts;
    Document **documents; /* NULL: of no document */
    size_t n;
} IngestBatch;
IngestBatch ingest_batch(const Ingest *ingest);
/* Inside cx's write transaction: numbers the documents, applies the batch and the removals. */
MUST_CHECK Rc ingest_apply(Ctx *cx,
                           Ingest *ingest,
                           const IngestBatch *batch,
                           const Str *removed,
                           size_t n_removed,
                           ApplyResult *ret);
/* Adds the outcome to the report; conflicts become problems. */
void ingest_count(Ingest *ingest, const IngestBatch *batch, const ApplyResult *result);
/* Fails RC_GONE when the source was removed or pointed elsewhere while it was read. */
MUST_CHECK Rc ingest_check_source(Ctx *cx, const Ingest *ingest);

/* Hands what was collected to a thread that writes it, once it is done with the batch before. Fails
 * as that one did. */
MUST_CHECK Rc ingest_flush(Ingest *ingest);
/* Waits for the batch under way; RC_OK when there is none. */
MUST_CHECK Rc ingest_flushed(Ingest *ingest);
/* Ends the thread and frees what it had, whatever came of it. */
void ingest_flush_end(Ingest *ingest);
/* Makes good what an interrupted read, of this source or another, left to do. */
MUST_CHECK Rc ingest_stitch(Ingest *ingest);
/* The last transactions: the rest of the entities, what is gone, documents, problems, the state of
 * the source. */
MUST_CHECK Rc ingest_finish(Ingest *ingest);

#endif
