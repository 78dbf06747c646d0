/* SPDX-License-Identifier: Apache-2.0
 * platform/records/records_priv.h - what the parts of the records engine share.
 *
 *   records.c          the registry, and the engine for modules (record_get and so on)
 *   records_type.c     from a schema of the contract to a RecordSpec
 *   records_sql.c      the statements of a RecordSpec, written once
 *   records_row.c      a row to JSON and back, sealing and masking of secrets
 *   records_check.c    what a new state must fulfil: fields, schema, references; clear conflicts
 *   records_write.c    create, replace, patch, delete, restore
 *   records_filter.c   ?field[op]=, ?q=, ?sort= to SQL
 *   records_cursor.c   places in a sorted list
 *   records_list.c     list and history
 *   records_serve.c    HTTP: preconditions, ETag, Location, Idempotency-Key
 *   idempotency.c      repeated requests */
#ifndef PLATFORM_RECORDS_PRIV_H
#define PLATFORM_RECORDS_PRIV_H

#include "base/buf.h"
#include "base/vec.h"

#include "platform/records/records.h"

enum {
    RECORD_COLUMNS_MAX = 128,
    RECORD_SORT_MAX = 4, /* keys of one ?sort= */
    RECORD_LIMIT_DEFAULT = 50,
    RECORD_LIMIT_MAX = 500,
    RECORD_CONDITIONS_MAX = 32,    /* filters of one request */
    RECORD_VALUES_MAX = 100,       /* values of one filter */
    RECORD_VALUE_BYTES_MAX = 1024, /* of one value in the query */
    RECORD_WORDS_MAX = 8,          /* of ?q= */
    RECORD_CURSOR_BYTES_MAX = 8192,
    RECORD_SQL_MAX = 256 * 1024
};

/* The first columns of every SELECT, in this order; the last two only with soft delete. */
typedef enum StandardColumn {
    COLUMN_ID,
    COLUMN_REVISION,
    COLUMN_CREATED_AT,
    COLUMN_CREATED_BY,
    COLUMN_UPDATED_AT,
    COLUMN_UPDATED_BY,
    COLUMN_DELETED_AT,
    COLUMN_DELETED_BY
} StandardColumn;

typedef struct Column {
    Str name;
    FieldType type;
    bool nullable;            /* the column may be NULL */
    bool null_is_shown;       /* NULL is a member null; else the member is left out */
    const RecordField *field; /* NULL for standard columns */
} Column;

typedef struct SortKey {
    const Column *column;
    bool descending;
} SortKey;

typedef struct Sort {
    SortKey keys[RECORD_SORT_MAX + 1]; /* the last one is the id */
    size_t n;
} Sort;

/* The same text for both databases unless they differ; indexed by DbKind. */
typedef struct SqlText {
    Str text[2];
} SqlText;

typedef struct RecordSpec {
    RecordType type; /* first: a RecordType * of the registry is a RecordSpec * */
    Contract *contract;
    Str words;        /* "service version" */
    Str write_schema; /* name of the schema a client's record fulfils: "ServiceVersionWrite" */
    Column *columns;  /* in the order of every SELECT */
    size_t n_columns, n_standard;
    const Column **search;
    size_t n_search;
    Sort default_sort;
    bool has_secrets, has_personal;
    SqlText select;    /* "SELECT … FROM … WHERE <condition>", to be continued with AND */
    SqlText count;     /* "SELECT COUNT(*) FROM … WHERE <condition>" */
    SqlText get, lock; /* by id, deleted ones included; lock also keeps others from changing it */
    SqlText exists;    /* a living row with this id */
    SqlText refer;     /* the same, and it cannot vanish until the transaction ends */
    SqlText insert, update, remove;
} RecordSpec;

struct Records {
    Arena *arena;
    RecordSpec **specs;
    size_t n;
    RecordsVisible visible; /* NULL: everything */
    RecordsNames names;     /* NULL: none */
    RecordsOwned owned;     /* NULL: everything */
};

/* A record as read: what is shown of it, and what is not. */
typedef struct Row {
    Json *json; /* wire form without computed members, secrets masked */
    int64_t revision;
    Str *sealed; /* by column: sealed text of secrets; NULL when the type has none */
} Row;

/* How a field error begins that names a record which is not there; " team" or the like follows. */
#define MISSING_TARGET "must be the id of an existing"

/* ---- records_type.c, records_sql.c */
MUST_CHECK Rc spec_build(Records *records,
                         Contract *contract,
                         Str name,
                         const Json *schema,
                         RecordSpec **ret,
                         Error *err);
void spec_write_sql(Arena *arena, RecordSpec *spec);
const RecordSpec *spec_of(const RecordType *type);
const Column *spec_column(const RecordSpec *spec,
                          Str name); /* NULL when there is none on the wire */
bool spec_is_deleted(const RecordSpec *spec, const Json *record);
/* "name" in quotes, as both databases take it. */
void sql_name(Buf *out, Str name);
/* A column as it is compared and sorted by: text by its bytes on both databases. */
void sql_sortable(Buf *out, const Column *column, DbKind kind);
Str sql_for(const SqlText *sql, Tx *tx);

/* ---- records_row.c */
Row row_read(Ctx *cx, const RecordSpec *spec, Rows *rows, Rc *ret_rc);
/* One row by a statement with parameters; RC_NOT_FOUND (without a message) when there is none. */
MUST_CHECK Rc
row_query(Ctx *cx, const RecordSpec *spec, Str sql, const Param *params, size_t n, Row *ret);
/* A JSON value as a parameter of the column's type. False when it is not of that type. */
MUST_CHECK bool column_param(Arena *arena, const Column *column, const Json *v, Param *ret);
/* A value given as text in a query or cursor. */
MUST_CHECK bool column_param_text(Arena *arena, const Column *column, Str text, Param *ret);
/* All columns of a record in their order; old: sealed secrets to keep (NULL for a new record). */
MUST_CHECK Rc row_params(Ctx *cx,
                         const RecordSpec *spec,
                         const Json *record,
                         int64_t revision,
                         const Row *old,
                         Param *ret);
/* The value of a kept secret, for checks only. */
MUST_CHECK Rc
row_unseal(Ctx *cx, const RecordSpec *spec, size_t column, Str id, const Row *row, Json **ret);
bool is_mask(const Json *v);
/* Values as they will be read back (times in UTC, UUIDs in lower case, 3.0 as 3), members in their
 * order, nulls only where they are shown. Values of a wrong type are left for check_schema to
 * refuse. */
Json *normalise(Arena *arena, const RecordSpec *spec, const Json *record);
/* Secrets of a record replaced by the mask, in place. */
void mask_secrets(Arena *arena, const RecordSpec *spec, Json *record);
/* What may be kept for good: a copy with masks, or the record itself. before: to tell what has
 * changed; NULL: it is not told. */
const Json *
without_personal(Arena *arena, const RecordSpec *spec, const Json *record, const Json *before);

/* ---- records_check.c */
/* Members of values must be fields that may be written: by clients (not read-only) or by code. */
MUST_CHECK Rc check_members(
    Ctx *cx, const RecordSpec *spec, const Json *values, bool by_client, const Json *before);
/* A field that the path gives cannot be given differently in the body. */
MUST_CHECK Rc check_fixed(Ctx *cx, const Json *values, const HttpPair *fixed, size_t n);
/* The record fulfils the write schema. old: as in row_params. */
MUST_CHECK Rc check_schema(Ctx *cx, const RecordSpec *spec, const Json *record, const Row *old);
/* x-references that are new in after lead to living records. */
MUST_CHECK Rc check_references(Ctx *cx,
                               const RecordSpec *spec,
                               const Json *before,
                               const Json *after);
/* Turns the database's conflict in cx->error into one that names the field. */
Rc explain_conflict(Ctx *cx, const RecordSpec *spec, Rc rc);
Rc fail_not_found(Ctx *cx, const RecordSpec *spec, Str id);

/* ---- records_write.c. Inside a write transaction. */
typedef struct WriteOptions {
    bool by_client;        /* read-only fields are refused */
    Str if_match;          /* value of If-Match; "" for none */
    const HttpPair *fixed; /* fields whose value the path gives */
    size_t n_fixed;
} WriteOptions;

MUST_CHECK Rc
write_create(Ctx *cx, const RecordSpec *spec, const Json *values, const WriteOptions *o, Row *ret);
/* verb: REPLACE, PATCH, DELETE (ret->json is NULL afterwards unless it can be restored), RESTORE.
 */
MUST_CHECK Rc write_change(Ctx *cx,
                           const RecordSpec *spec,
                           RecordVerb verb,
                           Str id,
                           const Json *values,
                           const WriteOptions *o,
                           Row *ret);
/* Does a record lie under the path's fixed values? */
bool row_fits_path(const RecordSpec *spec, const Row *row, const HttpPair *fixed, size_t n);
/* The path of the collection that the record lies in: "/api/services/<id>/versions". */
Str record_collection_path(Arena *arena, const RecordSpec *spec, const Json *record);

/* ---- records_filter.c, records_cursor.c, records_list.c */
typedef VEC(Param) ParamVec;

/* A list request under way: SQL after "WHERE <condition>", its parameters, what a cursor is bound
 * to. */
typedef struct ListQuery {
    Ctx *cx;
    const RecordSpec *spec;
    DbKind kind;
    Buf where;
    ParamVec params;
    Buf canon; /* everything that decides which records are listed in which order */
    Sort sort;
    size_t limit;
    size_t n_conditions;
    bool want_total;
    Str cursor;
    Str *field_names; /* projection */
    size_t n_fields;  /* 0: all */
} ListQuery;

/* Everything of the query string except the cursor, which is only noted. */
MUST_CHECK Rc list_parse(ListQuery *q, const Call *call, const HttpPair *fixed, size_t n_fixed);
void list_add_param(ListQuery *q, Param p); /* appends "$n" to where and binds it */
/* "" or the condition that only what follows the cursor's place is listed. */
MUST_CHECK Rc cursor_apply(ListQuery *q);
MUST_CHECK Rc cursor_make(ListQuery *q, const Row *last, Str *ret);
Rc fail_query(Ctx *cx, const char *parameter, const char *fmt, ...) PRINTF_FORMAT(3, 4);

MUST_CHECK Rc
list_serve(Ctx *cx, Call *call, const RecordSpec *spec, const HttpPair *fixed, size_t n_fixed);
MUST_CHECK Rc
history_serve(Ctx *cx, Call *call, const RecordSpec *spec, const HttpPair *fixed, size_t n_fixed);
/* The hook's computed members. */
MUST_CHECK Rc present(Ctx *cx, const RecordSpec *spec, Json **records, size_t n);
/* The row with this id if the actor may see it; RC_NOT_FOUND without a message. */
MUST_CHECK Rc read_visible(Ctx *cx, const RecordSpec *spec, Str id, Row *ret);
/* "/api/services/<id>/versions" of the request itself. */
Str call_target_path(Ctx *cx, const Call *call);

#endif
