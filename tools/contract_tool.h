/* SPDX-License-Identifier: Apache-2.0
 * tools/contract_tool.h - what the parts of fairway-contract share.
 *
 *   contract.c            the command line, reading and merging the files of api/, the order of the
 * steps contract_records.c    schemas and operations of x-record and x-records contract_finish.c
 * what every operation gets: module, tag, security, standard responses contract_check.c      what
 * must be true of the result, examples included contract_emit.c       contract.json, openapi.json,
 * contract_handlers.h and .c contract_reference.c  docs/reference/api.md
 *
 * Every node of the tree knows its place: the line, and in the upper half of `column` the file (its
 * number from 1). Generated nodes carry the place of what they were made from. */
#ifndef TOOLS_CONTRACT_TOOL_H
#define TOOLS_CONTRACT_TOOL_H

#include "base/map.h"
#include "base/vec.h"

#include "data/json.h"

typedef VEC(const char *) PathVec;

typedef struct Tool {
    Arena *arena;
    PathVec files;
    Json *doc;    /* the merged document */
    Map handlers; /* operationId -> operation, of those that need a handler */
    int n_errors; /* reported so far */
} Tool;

/* What a file says at its top, for the operations in it. */
typedef struct FileInfo {
    Str module, mount;
    bool backstage;
    Str tag; /* the first one, for operations that name none */
} FileInfo;

/* One method of one path. */
typedef struct OperationAt {
    Str path, method;
    Json *op;
    Str pointer; /* "/paths/~1api~1x/get" */
} OperationAt;

/* "api/x.yaml:12: message" on standard error. The build fails at the end of the step. */
void tool_error(Tool *t, const Json *at, const char *fmt, ...) PRINTF_FORMAT(3, 4);
/* Ends the program if anything was reported. */
void tool_stop_on_errors(const Tool *t);
/* Parses JSON text made by the format; all its nodes get the place of `at`. */
Json *tool_json(Tool *t, const Json *at, const char *fmt, ...) PRINTF_FORMAT(3, 4);
Json *tool_json_text(Tool *t, const Json *at, Str text);
/* Gives nodes without a place the one of `at`, all the way down. */
void tool_place(Json *v, const Json *at);
/* The object at a key, made when absent. */
Json *tool_child(Tool *t, Json *object, const char *key);
/* Follows local "$ref"s; NULL when one leads nowhere. */
const Json *tool_resolve(const Tool *t, const Json *v);
/* All operations in the order of the document. */
size_t tool_operations(Tool *t, OperationAt **ret);
bool tool_is_method(Str key);
/* "/paths/~1api~1x" + "get" */
Str tool_pointer(Tool *t, Str base, Str key);
/* "ServiceVersion" -> "service version" */
Str tool_words(Tool *t, Str name);

/* Adds the standard properties and the schemas XWrite, XPatch, XList of every x-record. */
void records_expand_schemas(Tool *t);
/* Adds the operations of `x-records` in a path item to doc.paths; path is the full one. */
void records_expand_path(Tool *t, Str path, const Json *spec, const FileInfo *file);

/* method and path are already in the document. */
void operation_finish(Tool *t, Json *op, Str path, const Json *path_params, const FileInfo *file);
void operations_add_responses(Tool *t);

void contract_check(Tool *t);
void contract_emit(Tool *t, const char *dir);
void contract_reference(Tool *t, const char *path);

#endif
