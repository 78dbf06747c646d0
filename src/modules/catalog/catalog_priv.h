/* SPDX-License-Identifier: Apache-2.0
 * catalog/catalog_priv.h - what the files of the catalog share. */
#ifndef CATALOG_PRIV_H
#define CATALOG_PRIV_H

#include "modules/catalog/apply.h"
#include "modules/catalog/kinds.h"
#include "platform/ctx.h"
#include "platform/jobs/jobs.h"
#include "platform/module.h"
#include "platform/records/records.h"

/* The present kinds; valid until the process ends. */
const Kinds *catalog_kinds(Platform *platform);
/* A short text that differs whenever kinds do. */
Str catalog_kinds_mark(Platform *platform);
/* Reads people's kinds anew (after a change of catalog_kinds was committed). */
MUST_CHECK Rc catalog_kinds_reload(Ctx *cx);

/* A root that the catalog reads: a row of catalog_sources. */
typedef struct Source {
    Str id, origin, type, target, entity_ref;
    Str rules; /* JSON text, "" for none of its own */
    Str state, error;
    int64_t read_at, next_read_at;
} Source;

/* Rows of catalog_sources; in cx->tx. RC_NOT_FOUND when absent. */
MUST_CHECK Rc source_find(Ctx *cx, Str id, Source *ret);
MUST_CHECK Rc source_find_by_target(Ctx *cx, Str origin, Str type, Str target, Source *ret);
/* Adds one, in cx's write transaction, and queues its first read. */
MUST_CHECK Rc source_add(Ctx *cx, Str origin, Str type, Str target, Str rules, Source *ret);
/* Queues a read of it now, in cx's write transaction. */
MUST_CHECK Rc source_refresh(Ctx *cx, Str source_id);
/* Queues a read of every source, in cx's write transaction. */
MUST_CHECK Rc sources_refresh_all(Ctx *cx);
/* Removes everything that only this source brought, in cx's write transaction; the source itself
 * stays. */
MUST_CHECK Rc source_empty(Ctx *cx, Str source_id);
/* Removes a source and everything that only it brought, in cx's write transaction. */
MUST_CHECK Rc source_remove(Ctx *cx, const Source *source);
/* Makes the sources of the configuration what `catalog.locations` says. Own transaction. */
MUST_CHECK Rc sources_configure(Ctx *cx);
/* The Location entity that stands for a source, without annotations. */
Json *source_entity(Arena *arena, Str type, Str target, Str entity_ref);
/* "generated-<sha1 of type:target>" */
Str source_entity_name(Arena *arena, Str type, Str target);

extern const JobType source_job_types[2];
extern const JobSchedule source_schedules[1];

extern const RecordHooks catalog_kind_hooks[1];

/* catalog_search.c */
extern const SearchSource catalog_search_source;

/* ---- reading (reader.c): locations are "url:…", "file:/…", "git:URL#ref:path" */

typedef struct Reader Reader;
/* Settings (reading.allow, integrations) as they are now. Lives in the arena. */
Reader *reader_new(Ctx *cx, Arena *arena);
/* The location that a target means in a file at base (a location, too); on code hosts "/x" begins
 * at the root of the repository. */
MUST_CHECK Rc
reader_resolve(const Reader *reader, Str base, Str target, Arena *arena, Str *ret, Error *err);
/* The locations that a target with wildcards stands for, sorted; one that has none stands for
 * itself. */
MUST_CHECK Rc
reader_expand(Reader *reader, Str location, Arena *arena, Str **ret, size_t *ret_n, Error *err);
/* Files of this name, or of names that fit this pattern, anywhere in the repository that a location
 * lies in: at most max of them, as locations of the same type. None when nothing that can be read
 * there is a repository. Fails as reading does. */
MUST_CHECK Rc reader_find(Reader *reader,
                          Str location,
                          Str name,
                          size_t max,
                          Arena *arena,
                          Str **ret,
                          size_t *ret_n,
                          Error *err);
/* Is it a file or a repository of this machine? Only the configuration, and what lies on this
 * machine itself, may name such. */
bool location_is_local(Str location);
/* One target of a Location entity that a document at `location` holds. RC_DENIED when the document
 * may not name it. */
MUST_CHECK Rc reader_target(const Reader *reader,
                            const Json *entity,
                            Str location,
                            Str target,
                            Arena *arena,
                            Str *ret,
                            Error *err);
/* The bytes at a location. etag: of the text known already ("" none); *ret_unchanged when it still
 * holds. Fails with messages as Backstage words them: RC_NOT_FOUND, RC_DENIED (not allowed to read
 * there), others as net/ does; err->detail holds the error's name ("NotFoundError",
 * "NotAllowedError", "Error"). */
typedef struct ReadText {
    Str text, etag;
    bool unchanged;
} ReadText;
MUST_CHECK Rc
reader_read(Reader *reader, Str location, Str etag, Arena *arena, ReadText *ret, Error *err);
/* A web page for people, "" when there is none: view, edit and the folder of the source. */
typedef struct SourceLinks {
    Str view, edit, source;
} SourceLinks;
SourceLinks reader_links(const Reader *reader, Str location, Arena *arena);

/* ---- rules (rules.c) */

/* May an entity of this kind come from there? own: the rules of the source (JSON, "" none). */
bool rules_allow(const Json *rules, const Json *own, Str origin, Str location, const Json *entity);

/* ---- ingest (ingest.c) */

typedef struct IngestReport {
    ApplyResult applied;
    size_t documents, changed_documents, problems;
    bool complete; /* everything could be read */
    Str first_problem;
} IngestReport;
/* Reads a source and makes the catalog say what it says. Opens its own transactions; cx has none
 * open. */
MUST_CHECK Rc ingest_source(Ctx *cx, Job *job, const Source *source, IngestReport *ret);

/* What registering a location would bring: the generated Location first, then what is found,
 * annotated; nothing is written. cx has no transaction open. Fails as the recorded Backstage does
 * (the first unreadable target, the first refused entity). */
MUST_CHECK Rc ingest_preview(Ctx *cx, Str type, Str target, Json **ret_entities, Error *err);

/* Would this entity be taken from a document at `location`? Its placeholders are read; it is
 * changed. False fills *ret. */
MUST_CHECK bool ingest_check(Ctx *cx, Json *entity, Str location, EntityProblem *ret);

#endif
