/* SPDX-License-Identifier: Apache-2.0
 * platform/records/records.h - the generic registry: what is declared with x-record in the contract
 * is listed, read, created, replaced, patched, deleted, restored and followed through its history
 * here.
 *
 * A record's table has the columns id (UUIDv7 text primary key), revision (integer, from 1),
 * created_at, updated_at (microseconds), created_by, updated_by (text, NULL for none), with
 * soft_delete also deleted_at, deleted_by, and one column per schema property of the same name
 * (objects and arrays as JSON text). On the wire times are RFC 3339 and ETag is "<revision>". Every
 * write, in one transaction: the row, an audit row with before and after (secrets masked), an event
 * <collection>.created/updated/deleted/restored, and the hooks. A field with x-personal says
 * something of a person: events, history and audit rows, which cannot be taken back, have
 * PERSONAL_MASK instead of its value, or PERSONAL_CHANGED. */
#ifndef PLATFORM_RECORDS_H
#define PLATFORM_RECORDS_H

#include "base/map.h"

#include "platform/contract/contract.h"
#include "platform/ctx.h"
#include "platform/module.h"

#define PERSONAL_MASK "[personal]"
#define PERSONAL_CHANGED "[personal, changed]"

typedef struct RecordHooks RecordHooks;

typedef enum FieldType {
    FIELD_STRING,
    FIELD_INTEGER,
    FIELD_NUMBER,
    FIELD_BOOLEAN,
    FIELD_TIME,
    FIELD_UUID,
    FIELD_JSON
} FieldType;

typedef struct RecordField {
    Str name; /* property and column */
    FieldType type;
    bool required, read_only, immutable, secret, nullable;
    bool personal;  /* x-personal: no event, history or audit row has its value */
    Str references; /* x-references: record name whose id this holds ("Organization"); "" none */
    const Json *schema;
} RecordField;

struct RecordType {
    Str name;       /* "Organization" */
    Str collection; /* "organizations": operation prefix and event prefix */
    Str table;
    Str module;
    Str path;         /* "/api/organizations" */
    Str parent_param; /* path parameter that is also a field ("service_id" in
                         /services/{service_id}/versions); "" */
    Str condition; /* x-record.where: a constant SQL condition on the table, from the contract; ""
                    */
    bool soft_delete;
    Str unique; /* x-record.unique: comma-separated fields, for a clear conflict message */
    RecordField *fields;
    size_t n_fields;
    const RecordHooks *hooks; /* NULL when none */
};

/* What a hook sees and may change. before is NULL on create, after NULL on delete. after is the
 * full new record in its wire form, without computed members: a member without a value is absent,
 * or null where its schema takes null. Hooks may set members of it. A secret is SECRET_MASK, except
 * in the after of prepare and store when this change gives it a new value: then it is that value.
 */
typedef struct RecordChange {
    const RecordType *type;
    RecordVerb verb; /* CREATE, REPLACE, PATCH, DELETE, RESTORE */
    Str id;
    const Json *before;
    Json *after;
} RecordChange;

struct RecordHooks {
    const char *record; /* "ServiceDependency" */
    /* Inside the transaction, before the row is read and locked for a write: takes the lock that
     * the engine behind `store` takes first, so that all its writers take locks in one order. */
    Rc (*lock)(Ctx *cx);
    /* Inside the transaction, before the row is written: check, fill in. fail_field() for a 422. */
    Rc (*prepare)(Ctx *cx, RecordChange *change);
    /* Inside the transaction, after the row is written: further rows, jobs, events. */
    Rc (*written)(Ctx *cx, const RecordChange *change);
    /* Replaces the writing of the row itself (a record whose rows another engine keeps). Must leave
     * the row as change->after says and keep revision. NULL: the engine writes. */
    Rc (*store)(Ctx *cx, RecordChange *change);
    /* Adds computed, read-only members to records about to be answered; one call per answer,
     * set-based. */
    Rc (*present)(Ctx *cx, Json **records, size_t n);
};

/* Built from the contract and the enabled modules' hooks. */
MUST_CHECK Rc records_new(
    Contract *contract, const Module *const *modules, size_t n_modules, Records **ret, Error *err);
void records_free(Records *records);
const RecordType *records_type(const Records *records, Str name); /* NULL when unknown */

/* Prepares the statements of every type on db: for the test that keeps both dialects and the
 * migrations honest. */
MUST_CHECK Rc records_check(Records *records, Db *db, Error *err);

/* The columns of all x-secret fields, in the arena. */
void records_sealed_columns(const Records *records,
                            Arena *arena,
                            SealedColumn **ret,
                            size_t *ret_n);

/* Which rows of a type cx->actor may read: a condition on its columns whose placeholders begin at
 * $<first>; "" is every row. Names of the contract are text, values are bound. */
typedef struct RecordFilter {
    Str sql;
    const Param *params;
    size_t n;
} RecordFilter;
typedef Rc (*RecordsVisible)(Ctx *cx, const RecordType *type, size_t first, RecordFilter *ret);
/* Asked by the operations that read (list with its total and cursors, get, history), whose
 * statements it becomes a part of: what is not visible is not there. Modules' own calls below are
 * not filtered. NULL, as at first: everything is visible. Before requests are served. */
void records_set_visible(Records *records, RecordsVisible visible);
/* Gives entries of a history (actor_id, actor_name) the names that the audit trail does not keep:
 * those of people. NULL, as at first: they stay null. Before requests are served. */
typedef Rc (*RecordsNames)(Ctx *cx, Json *const *entries, size_t n);
void records_set_names(Records *records, RecordsNames names);
/* Things that are no records, and lie where the team that owns them does: entities of the catalog.
 * Whose of them may the actor read? All parts must let a thing through. Immutable; the request's.
 */
typedef struct OwnedPart {
    bool is_all;     /* everything but what follows as taken away */
    Str owners, ids; /* JSON arrays: refs of owners, ids of single things; "" none */
    Str no_owners, no_ids;
    const Map *sets[4]; /* the same, in their order; NULL none */
} OwnedPart;
typedef struct OwnedReach {
    Str mark; /* another one whenever it lets something else through */
    OwnedPart *parts;
    size_t n_parts;
    bool is_large; /* better asked about each row than bound */
} OwnedReach;
/* *ret NULL: everything. RC_BUSY on an I/O thread when it is not in memory. */
typedef Rc (*RecordsOwned)(Ctx *cx, Str resource, const OwnedReach **ret);
void records_set_owned(Records *records, RecordsOwned owned); /* before requests are served */
/* By what was set; everything without it, and for the system. */
MUST_CHECK Rc records_owned(Ctx *cx, Str resource, const OwnedReach **ret);
/* owner_ref "": nobody's. */
bool owned_lets(const OwnedReach *reach, Str owner_ref, Str id);

/* The answer of an operation to an id that is not there (or must not be seen). */
Rc record_not_found(Ctx *cx, const RecordType *type, Str id);

/* Serves every x-records operation (call->op->record, ->verb). */
Rc records_serve(Ctx *cx, Call *call);

/* For modules: the same engine without HTTP. Inside cx's write transaction (writes) or read scope.
 * Results in cx->arena, without computed members and with secrets masked; ret may be NULL for
 * writes. Code may write read-only fields. Fails as the operations do: RC_NOT_FOUND, RC_INVALID
 * with the field, RC_CONFLICT. */
MUST_CHECK Rc record_get(Ctx *cx, const char *record, Str id, Json **ret);
MUST_CHECK Rc record_create(Ctx *cx, const char *record, const Json *values, Json **ret);
MUST_CHECK Rc record_patch(Ctx *cx, const char *record, Str id, const Json *patch, Json **ret);
MUST_CHECK Rc record_delete(Ctx *cx, const char *record, Str id);
/* The value of an x-secret field (text; JSON text of other types), "" when it has none. For use,
 * not for showing: never log it or answer it. */
MUST_CHECK Rc record_secret(Ctx *cx, const char *record, Str id, const char *field, Str *ret);

#endif
