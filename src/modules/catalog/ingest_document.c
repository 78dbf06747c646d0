/* SPDX-License-Identifier: Apache-2.0
 * From the text of a document to entities ready to be written. What is wrong with one entity never
 * touches the others. */
#include "base/hash.h"

#include "data/yaml.h"
#include "modules/catalog/ingest.h"

enum { ENTITIES_PER_DOCUMENT_MAX = 100000 };

void ingest_problem(Ingest *ingest,
                    Document *document,
                    Str entity_ref,
                    const char *name,
                    Str message,
                    uint32_t line,
                    uint32_t column)
{
    ingest->report->problems++;
    if (entity_ref.len && document && !map_has(&ingest->emitted, entity_ref)) {
        map_put(&ingest->emitted, str_dup(ingest->arena, entity_ref),
                document); /* its last good state stays */
    }
    if (ingest->report->first_problem.len == 0) {
        ingest->report->first_problem =
            str_fmt(ingest->cx->arena, "%s: %.*s", name, STR_ARG(message));
    }
    if (ingest->problems.n >= INGEST_PROBLEMS_MAX) {
        return;
    }
    Problem problem = {
        .location = document ? document->location : STR(""),
        .entity_ref = str_dup(ingest->arena, entity_ref),
        .name = str_dup(ingest->arena, str_from(name)),
        .message = str_dup(ingest->arena, message),
        .document = document,
        .line = line,
        .column = column,
    };
    VEC_PUSH(&ingest->problems, problem);
}

const char *javascript_type(const Json *v)
{
    switch (v->type) {
    case JSON_STRING:
        return "string";
    case JSON_NUMBER:
        return "number";
    case JSON_BOOL:
        return "boolean";
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
    default:
        return "object";
    }
}

void ingest_annotate(const Reader *reader, Json *entity, Str location, Str origin, Arena *arena)
{
    Json *metadata = json_get(entity, STR("metadata"));
    Json *annotations = json_object(arena);
    json_set_str(arena, annotations, "backstage.io/managed-by-location", location);
    json_set_str(arena, annotations, "backstage.io/managed-by-origin-location", origin);
    SourceLinks links = reader_links(reader, location, arena);
    if (links.view.len) {
        json_set_str(arena, annotations, "backstage.io/view-url", links.view);
    }
    if (links.edit.len) {
        json_set_str(arena, annotations, "backstage.io/edit-url", links.edit);
    }
    if (links.source.len) {
        json_set_str(arena, annotations, "backstage.io/source-location",
                     str_fmt(arena, "url:%.*s", STR_ARG(links.source)));
    }
    const Json *own = json_get(metadata, STR("annotations"));
    for (size_t i = 0; own && own->type == JSON_OBJECT && i < own->n; i++) {
        Str key = own->members[i].key;
        bool ours = str_is(key, "backstage.io/managed-by-location") ||
                    str_is(key, "backstage.io/managed-by-origin-location");
        if (!ours) { /* links that the file states itself win */
            json_set(arena, annotations, key, own->members[i].value);
        }
    }
    if (metadata && (!own || own->type == JSON_OBJECT)) {
        json_set(arena, metadata, STR("annotations"), annotations);
        if (!json_get(metadata, STR("namespace"))) {
            json_set_str(arena, metadata, "namespace", STR("default"));
        }
    }
}

/* What placeholders read becomes part of what the document's hash stands for: such documents are
 * read every time. */
typedef struct Include {
    Ingest *ingest;
    Document *document;
} Include;

static Rc read_include(
    void *user, Str base, Str target, Arena *arena, Str *ret, Str *ret_location, Error *err)
{
    Include *include = user;
    Str location;
    ReadText text;
    include->document->new_etag = STR_EMPTY;
    include->document->new_hash =
        STR(""); /* a placeholder's text may change while the document does not */
    TRY(reader_resolve(include->ingest->reader, base, target, arena, &location, err));
    *ret_location = location;
    Rc rc = reader_read(include->ingest->reader, location, STR_EMPTY, arena, &text, err);
    if (rc == RC_OK) {
        *ret = text.text;
    }
    return rc;
}

static void refuse(Ingest *ingest,
                   Document *document,
                   const Json *entity,
                   Str ref,
                   const char *name,
                   const Error *err)
{
    ingest_problem(ingest, document, ref, name, str_from(err->message),
                   err->line ? err->line : entity->line,
                   err->column ? err->column : entity->column);
}

static void add_entity(Ingest *ingest,
                       Document *document,
                       const Json *entity,
                       Arena *scratch,
                       unsigned depth,
                       LocationFound found)
{
    Error err = {0};
    PreparedEntity prepared;
    Rc rc = entity_prepare(ingest->kinds, entity, document->location, ingest->batch_arena, scratch,
                           &prepared, &err);
    if (rc != RC_OK) {
        refuse(ingest, document, entity, entity_ref_of_str(scratch, entity), "InputError", &err);
        return;
    }
    Str ref = str_dup(ingest->arena, prepared.ref);
    map_put(&ingest->emitted, ref, document);
    ApplyEntity upsert = {
        .prepared = prepared,
        .source_id = ingest->source->id,
        .location = document->location,
        .parent_ref = document->parent_ref,
    };
    VEC_PUSH(&ingest->upserts, upsert);
    VEC_PUSH(&ingest->upsert_documents, document);
    if (str_is(prepared.kind, "location")) {
        found(ingest, entity, document->location, depth);
    }
}

/* It cannot be said which entities the document means: what it brought before stays, and it is read
 * again next time. */
static void refuse_document(Ingest *ingest,
                            Document *document,
                            const char *name,
                            Str message,
                            uint32_t line,
                            uint32_t column)
{
    ingest_problem(ingest, document, STR_EMPTY, name, message, line, column);
    document->failed = true;
    document->new_hash = STR("");
    document->new_etag = STR_EMPTY;
}

static void take_entity(Ingest *ingest,
                        Document *document,
                        Json *entity,
                        Arena *scratch,
                        unsigned depth,
                        LocationFound found)
{
    EntityProblem problem;
    Error err = {0};
    if (entity->type == JSON_NULL) {
        return; /* an empty document between two marks */
    }
    if (entity->type != JSON_OBJECT) {
        refuse_document(ingest, document, "Error",
                        str_fmt(scratch, NOT_AN_OBJECT, javascript_type(entity)), entity->line,
                        entity->column);
        return;
    }
    if (!entity_validate_envelope(entity, scratch, &problem)) {
        refuse_document(ingest, document, str_cstr(scratch, problem.name), problem.message,
                        problem.line, problem.column);
        return;
    }
    Str ref = entity_ref_of_str(scratch, entity);
    if (!rules_allow(ingest->rules, ingest->own_rules, ingest->source->origin, document->location,
                     entity)) {
        Str message =
            str_fmt(scratch, "Entity %.*s at %.*s is not of an allowed kind for that location",
                    STR_ARG(ref), STR_ARG(document->location));
        ingest_problem(ingest, document, ref, "NotAllowedError", message, entity->line,
                       entity->column);
        return;
    }
    Include include = {.ingest = ingest, .document = document};
    if (entity_substitute(&entity, document->location, read_include, &include, scratch, &err) !=
        RC_OK) {
        error_prefix(&err, PLACEHOLDER_FAILED);
        refuse(ingest, document, entity, ref, "InputError", &err);
        return;
    }
    Str origin = str_fmt(scratch, "%.*s:%.*s", STR_ARG(ingest->source->type),
                         STR_ARG(ingest->source->target));
    ingest_annotate(ingest->reader, entity, document->location, origin, scratch);
    if (!entity_validate(ingest->kinds, entity, scratch, &problem)) {
        Str name = problem.name;
        ingest_problem(ingest, document, ref, str_cstr(scratch, name), problem.message,
                       problem.line, problem.column);
        return;
    }
    kind_calculate(kinds_find(ingest->kinds, json_str_at(entity, "kind")), entity, scratch);
    add_entity(ingest, document, entity, scratch, depth, found);
}

Rc ingest_document(Ingest *ingest, Document *document, unsigned depth, LocationFound found)
{
    CLEANUP(arena_cleanup) Arena *parsed = arena_new(256 * KIB);
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    YamlDocument *docs = NULL;
    size_t n = 0;
    Error err = {0};
    YamlLimits limits = yaml_default_limits;
    limits.max_documents = ENTITIES_PER_DOCUMENT_MAX;
    limits.max_bytes = 32 * MIB;
    Rc rc = yaml_parse_all(parsed, document->text, &limits, &docs, &n, &err);
    if (rc != RC_OK) {
        Str message = str_fmt(scratch, "YAML error at %.*s, line %u, column %u: %s",
                              STR_ARG(document->location), err.line, err.column, err.message);
        refuse_document(ingest, document, "Error", message, err.line, err.column);
    }
    for (size_t i = 0; i < n; i++) {
        take_entity(ingest, document, docs[i].root, scratch, depth, found);
        arena_reset(scratch);
        if (ingest->upserts.n >= INGEST_BATCH) {
            TRY(ingest_flush(ingest));
        }
    }
    return RC_OK;
}
