/* SPDX-License-Identifier: Apache-2.0
 * The walk: from the Location that stands for the source to every document that Locations name. A
 * document whose text is the known one costs a read and nothing else; a changed one is parsed; one
 * that cannot be read keeps what it brought. */
#include "modules/catalog/ingest.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"

#include "platform/settings/settings.h"

#include <malloc.h>

static Rc walk_location(Ingest *ingest, const Json *entity, Str location, unsigned depth);

/* ---- what is waiting: Locations are worked off after the document that holds them */

typedef struct Pending {
    Json *entity;
    Str location;
    unsigned depth;
} Pending;
typedef VEC(Pending) Queue;

typedef struct Walk {
    Ingest ingest; /* first: a Walk is known to the parts as its Ingest */
    Queue queue;
    size_t next;
    Map queued; /* refs of the Locations in it */
} Walk;

static void enqueue(Ingest *ingest, const Json *entity, Str location, unsigned depth)
{
    Walk *walk = (Walk *)(void *)ingest;
    Pending pending = {json_clone(ingest->arena, entity), str_dup(ingest->arena, location), depth};
    VEC_PUSH(&walk->queue, pending);
    map_put(&walk->queued, entity_ref_of_str(ingest->arena, entity), walk);
}

/* ---- documents */

static Str document_key(Arena *arena, Str parent_ref, Str location)
{
    Str parts[] = {parent_ref, location};
    return str_join(arena, parts, 2, STR(" "));
}

static Document *document_for(Ingest *ingest, Str parent_ref, Str location)
{
    Str key = document_key(ingest->arena, parent_ref, location);
    Document *document = map_get(&ingest->documents, key);
    if (!document) {
        document = ARENA_NEW(ingest->arena, Document);
        *document = (Document){
            .location = str_dup(ingest->arena, location),
            .parent_ref = str_dup(ingest->arena, parent_ref),
            .child_locations = {.arena = ingest->arena},
        };
        map_put(&ingest->documents, key, document);
    }
    return document;
}

/* Reads a document; true when it is fine. Texts that changed are kept in `texts` unless they are
 * too many. */
static bool read_document(Ingest *ingest, Document *document, Arena *texts, bool is_required)
{
    Error err = {0};
    ReadText read;
    bool known = document->n && document->hash.len;
    Str etag = known && str_ends(document->hash, ingest->rules_hash) ? document->etag : STR_EMPTY;
    document->seen = true;
    ingest->report->documents++;
    if (reader_read(ingest->reader, document->location, etag, texts, &read, &err) != RC_OK) {
        document->failed = true;
        if (is_required || document->n) {
            ingest_problem(ingest, document, STR_EMPTY, err.detail[0] ? err.detail : "Error",
                           str_from(err.message), 0, 0);
        }
        return !is_required && err.code == RC_NOT_FOUND;
    }
    if (read.unchanged) {
        document->new_hash = document->hash;
        document->new_etag = document->etag;
        return true;
    }
    /* Under other rules or kinds the same text may mean something else, so their mark is part of
     * it. */
    Str hash = sha256_hex(texts, read.text);
    document->new_hash =
        str_fmt(ingest->arena, "%.*s-%.*s", STR_ARG(hash), STR_ARG(ingest->rules_hash));
    document->new_etag = str_dup(ingest->arena, read.etag);
    document->changed = !str_eq(document->new_hash, document->hash);
    document->text = document->changed ? read.text : STR_EMPTY;
    return true;
}

/* The Locations that a document brought before and that stay (it is unchanged, or cannot be read,
 * or says something wrong of them) are walked from what is known of them. */
static void walk_known(Ingest *ingest, Document *document, unsigned depth)
{
    const Walk *walk = (const Walk *)(const void *)ingest;
    for (size_t i = 0; i < document->child_locations.n; i++) {
        Str ref = document->child_locations.at[i];
        const Json *entity = map_get(&ingest->located, ref);
        bool stays = document->failed || !document->changed || map_has(&ingest->emitted, ref);
        if (entity && stays && !map_has(&walk->queued, ref)) {
            enqueue(ingest, entity, document->location, depth);
        }
    }
}

/* The same for all documents of a Location whose targets are not known this time. */
static void walk_kept(Ingest *ingest, Str parent_ref, unsigned depth)
{
    map_put(&ingest->kept, parent_ref, ingest);
    for (MapEntry *entry = map_first(&ingest->documents); entry;
         entry = map_next(&ingest->documents, entry)) {
        Document *d = entry->value;
        if (str_eq(d->parent_ref, parent_ref)) {
            walk_known(ingest, d, depth + 1);
        }
    }
}

static Rc
parse_documents(Ingest *ingest, Document **documents, size_t n, Arena *texts, unsigned depth)
{
    for (size_t i = 0; i < n; i++) {
        Document *d = documents[i];
        if (d->failed || !d->changed) {
            walk_known(ingest, d, depth + 1);
            continue;
        }
        if (!d->text.ptr) { /* let go between reading and parsing: read once more */
            arena_reset(texts);
            ReadText read;
            Error err = {0};
            if (reader_read(ingest->reader, d->location, STR_EMPTY, texts, &read, &err) != RC_OK) {
                d->failed = true;
                ingest_problem(ingest, d, STR_EMPTY, "Error", str_from(err.message), 0, 0);
                continue;
            }
            d->text = read.text;
        }
        ingest->report->changed_documents++;
        TRY(ingest_document(ingest, d, depth + 1, enqueue));
        walk_known(ingest, d, depth + 1);
        d->text = STR_EMPTY;
        if (ingest->job && job_is_cancelled(ingest->cx, ingest->job)) {
            return fail(ingest->cx, RC_BUSY, "the read was stopped");
        }
    }
    return RC_OK;
}

/* ---- Locations */

typedef VEC(Str) Targets;

static Rc
collect_targets(Ingest *ingest, const Json *entity, Str location, Targets *ret, Error *err)
{
    const Json *spec = json_get(entity, STR("spec"));
    const Json *many = json_get(spec, STR("targets"));
    Str one = json_str_at(spec, "target");
    size_t n = (one.len ? 1 : 0) + (many && many->type == JSON_ARRAY ? many->n : 0);
    for (size_t i = 0; i < n; i++) {
        Str target = one.len && i == 0 ? one : json_str(many->items[i - (one.len ? 1 : 0)]);
        Str resolved, *expanded;
        size_t n_expanded;
        TRY(reader_target(ingest->reader, entity, location, target, ingest->arena, &resolved, err));
        TRY(reader_expand(ingest->reader, resolved, ingest->arena, &expanded, &n_expanded, err));
        for (size_t k = 0; k < n_expanded; k++) {
            VEC_PUSH(ret, expanded[k]);
        }
    }
    if (ret->n + ingest->report->documents > INGEST_DOCUMENTS_MAX) {
        return error_set(err, RC_LIMIT, "the source names more than %d documents",
                         INGEST_DOCUMENTS_MAX);
    }
    return RC_OK;
}

/* A Location with an unreadable target is not taken over, nor is what its other targets bring; what
 * it brought before stays. Takes back what was collected for it. */
static void hold_back(Ingest *ingest, const Json *entity, Document **documents, size_t n)
{
    Str ref = entity_ref_of_str(ingest->arena, entity);
    for (size_t i = 0; i < n; i++) {
        documents[i]->failed = true;
    }
    for (size_t i = 0; i < ingest->upserts.n; i++) {
        if (str_eq(ingest->upserts.at[i].prepared.ref, ref)) {
            Document *holder = ingest->upsert_documents.at[i];
            if (holder) { /* looked at again next time, although its text will be the same */
                holder->new_hash = STR("");
                holder->new_etag = STR_EMPTY;
            }
            ingest->upserts.at[i] = ingest->upserts.at[--ingest->upserts.n];
            ingest->upsert_documents.at[i] =
                ingest->upsert_documents.at[ingest->upsert_documents.n - 1];
            ingest->upsert_documents.n--;
            break;
        }
    }
}

static Rc walk_location(Ingest *ingest, const Json *entity, Str location, unsigned depth)
{
    CLEANUP(arena_cleanup) Arena *texts = arena_new(64 * KIB);
    Targets targets = {.arena = ingest->arena};
    Error err = {0};
    Str ref = entity_ref_of_str(ingest->arena, entity);
    if (depth > INGEST_DEPTH_MAX) {
        ingest_problem(ingest, NULL, ref, "InputError",
                       STR("Locations are nested too deeply, or in a circle"), 0, 0);
        return RC_OK;
    }
    bool is_required = !str_is(json_str(json_path(entity, "spec", "presence", NULL)), "optional");
    bool all_fine = collect_targets(ingest, entity, location, &targets, &err) == RC_OK;
    if (!all_fine) {
        walk_kept(ingest, ref, depth);
        ingest->report->complete = false;
        ingest_problem(ingest, NULL, ref, err.detail[0] ? err.detail : "Error",
                       str_from(err.message), 0, 0);
    }
    Document **documents = ARENA_ARRAY(ingest->arena, Document *, targets.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < targets.n; i++) {
        Document *document = document_for(ingest, ref, targets.at[i]);
        if (document->seen) {
            continue; /* named twice */
        }
        documents[n++] = document;
        if (!read_document(ingest, document, texts, is_required)) {
            all_fine = false;
            ingest->report->complete = false;
        }
        if (arena_used(texts) > INGEST_HELD_BYTES) {
            for (size_t k = 0; k < n; k++) {
                documents[k]->text = STR_EMPTY;
            }
            arena_reset(texts);
        }
    }
    if (!all_fine) {
        hold_back(ingest, entity, documents, n);
    }
    return parse_documents(ingest, documents, n, texts, depth);
}

/* ---- the source */

Json *source_entity(Arena *arena, Str type, Str target, Str entity_ref)
{
    Json *entity = json_object(arena), *metadata = json_object(arena), *spec = json_object(arena);
    json_set_str(arena, entity, "apiVersion", STR("backstage.io/v1alpha1"));
    json_set_str(arena, entity, "kind", STR("Location"));
    json_set_str(arena, metadata, "name",
                 str_from_index(entity_ref, str_find_char(entity_ref, '/') + 1));
    json_set_str(arena, metadata, "namespace", STR("default"));
    json_set(arena, entity, STR("metadata"), metadata);
    json_set_str(arena, spec, "type", type);
    json_set_str(arena, spec, "target", target);
    json_set(arena, entity, STR("spec"), spec);
    return entity;
}

Str source_entity_name(Arena *arena, Str type, Str target)
{
    Str location = str_fmt(arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    return str_fmt(arena, "generated-%.*s", STR_ARG(sha1_hex(arena, location)));
}

static Walk *walk_new(Ctx *cx, Job *job, const Source *source, IngestReport *report, Arena *arena)
{
    Walk *walk = ARENA_NEW(arena, Walk);
    Settings *settings = cx->platform->settings;
    walk->ingest = (Ingest){
        .cx = cx,
        .job = job,
        .source = source,
        .kinds = catalog_kinds(cx->platform),
        .arena = arena,
        .batch_arena = arena_new(256 * KIB),
        .reader = reader_new(cx, arena),
        .rules = settings_json(settings, "catalog.rules"),
        .documents = map_init(arena),
        .located = map_init(arena),
        .problems = {.arena = arena},
        .emitted = map_init(arena),
        .kept = map_init(arena),
        .report = report,
    };
    walk->queue.arena = arena;
    walk->queued = map_init(arena);
    walk->ingest.upserts.arena = walk->ingest.batch_arena;
    walk->ingest.upsert_documents.arena = walk->ingest.batch_arena;
    Json *own = NULL;
    if (source->rules.len && json_parse(arena, source->rules, NULL, &own, NULL) == RC_OK) {
        walk->ingest.own_rules = own;
    }
    Buf rules = buf_init(arena, MIB);
    json_write(&rules, walk->ingest.rules ? walk->ingest.rules : json_null(arena));
    buf_put(&rules, source->rules);
    buf_put(&rules, catalog_kinds_mark(cx->platform));
    walk->ingest.rules_hash = str_sub(sha256_hex(arena, buf_str(&rules)), 0, 8);
    return walk;
}

/* The generated Location comes first; then whatever it leads to, breadth first. */
static Rc run(Walk *walk)
{
    Ingest *ingest = &walk->ingest;
    const Source *source = ingest->source;
    Str location =
        str_fmt(ingest->arena, "%.*s:%.*s", STR_ARG(source->type), STR_ARG(source->target));
    Json *root = source_entity(ingest->arena, source->type, source->target, source->entity_ref);
    ingest_annotate(ingest->reader, root, location, location, ingest->arena);
    PreparedEntity prepared;
    TRY(entity_prepare(ingest->kinds, root, location, ingest->batch_arena, ingest->arena, &prepared,
                       &ingest->cx->error));
    ApplyEntity upsert = {
        .prepared = prepared, .source_id = source->id, .location = location, .parent_ref = STR("")};
    VEC_PUSH(&ingest->upserts, upsert);
    VEC_PUSH(&ingest->upsert_documents, NULL);
    map_put(&ingest->emitted, str_dup(ingest->arena, prepared.ref), ingest);
    enqueue(ingest, root, location, 0);
    while (walk->next < walk->queue.n) {
        Pending pending = walk->queue.at[walk->next++];
        TRY(walk_location(ingest, pending.entity, pending.location, pending.depth));
        if (ingest->upserts.n >= INGEST_BATCH) {
            TRY(ingest_flush(ingest));
        }
    }
    return ingest_finish(ingest);
}

static Rc ingest_all(Ctx *cx, Job *job, const Source *source, IngestReport *ret)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    int64_t start = time_monotonic_us();
    *ret = (IngestReport){.complete = true};
    Walk *walk = walk_new(cx, job, source, ret, arena);
    Rc rc = ingest_load(&walk->ingest);
    if (rc == RC_OK) {
        rc = ingest_stitch(&walk->ingest);
    }
    if (rc == RC_OK) {
        rc = run(walk);
    }
    ingest_flush_end(&walk->ingest);
    arena_free(walk->ingest.batch_arena);
    log_info("catalog.source.read", F_STR("target", source->target),
             F_I64("documents", ret->documents), F_I64("changed", ret->changed_documents),
             F_I64("created", ret->applied.created), F_I64("updated", ret->applied.updated),
             F_I64("removed", ret->applied.removed), F_I64("problems", ret->problems),
             F_I64("ms", (time_monotonic_us() - start) / US_PER_MS));
    return rc;
}

Rc ingest_source(Ctx *cx, Job *job, const Source *source, IngestReport *ret)
{
    Rc rc = ingest_all(cx, job, source, ret);
    if (ret->applied.created + ret->applied.updated >= INGEST_BATCH) {
        IGNORE(malloc_trim(0)); /* a bulk read leaves freed pages behind in every heap */
    }
    return rc;
}
