/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract.h - the API contract at run time.
 *
 * The files of api/ (OpenAPI 3.1 with the x- vocabulary of docs/contract.md) are merged and
 * expanded at build by tools/contract.c into one JSON document, which is embedded, published at
 * /api/openapi.json and loaded here once at start: routes, parameters, schemas, permissions,
 * records. Immutable after contract_load; all threads may read it. Schemas are compiled on first
 * use. */
#ifndef PLATFORM_CONTRACT_H
#define PLATFORM_CONTRACT_H

#include "data/json.h"
#include "data/json_schema.h"
#include "net/http_server.h"
#include "platform/ctx.h"

typedef struct Call Call;
typedef struct RecordType RecordType;

typedef Rc (*OperationFn)(Ctx *cx, Call *call);

typedef enum OperationRun { RUN_WORKER, RUN_INLINE, RUN_STREAM } OperationRun;
typedef enum ErrorForm { ERRORS_PROBLEM, ERRORS_BACKSTAGE } ErrorForm;
/* x-rate: how often it may be called counts per caller, by the stricter rule of operations that
 * sign in, or not at all. */
typedef enum OperationRate { RATE_USUAL, RATE_AUTH, RATE_NONE } OperationRate;
typedef enum ParamIn { PARAM_IN_PATH, PARAM_IN_QUERY, PARAM_IN_HEADER } ParamIn;
typedef enum RecordVerb {
    VERB_NONE,
    VERB_LIST,
    VERB_CREATE,
    VERB_GET,
    VERB_REPLACE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_RESTORE,
    VERB_HISTORY
} RecordVerb;

typedef struct OperationParam {
    Str name;
    ParamIn in;
    bool required, repeated; /* repeated: schema type array; each occurrence is an item */
    bool csv;         /* repeated with explode: false: one occurrence, items separated by commas */
    bool filter;      /* x-filter: also given as name[op]=x; the records engine reads those */
    bool allow_empty; /* allowEmptyValue */
    bool plain;       /* any string will do: nothing to validate */
    Str type;         /* of the value or of its items: string integer number boolean */
    const Json *schema; /* resolved */
    Str description;
} OperationParam;

/* What a version of the API changed of an operation (x-changed). */
typedef struct OperationChange {
    Str version;
    OperationFn before; /* turns call->reply of this version into that of the one before */
} OperationChange;

typedef struct Operation {
    const Contract *contract;
    Str id;     /* "services.health" */
    Str module; /* x-module of its file */
    HttpMethod method;
    Str path;  /* "/api/services/{id}/health" */
    Str mount; /* "/api/catalog" for Backstage forms: what their error url is relative to; else ""
                */
    Str summary, description, tag;
    OperationRun run;
    ErrorForm errors;
    OperationRate rate;
    bool strict_query;   /* unknown query parameters are refused */
    bool public_;        /* x-public: answers without credentials (health, openapi) */
    bool idempotent_key; /* honours Idempotency-Key */
    bool deprecated;
    Str sunset;      /* x-sunset: RFC 3339 date-time after which it may go; "" */
    Str action, on;  /* x-permission; e.g. "read" on "Service" */
    size_t max_body; /* bytes; 0: takes no body */
    bool body_required;
    const Json *body_schema; /* resolved; NULL when it takes none or not JSON */
    OperationParam *params;  /* those of the path first, in the order of the path */
    size_t n_params;
    Str record_name; /* x-records operations: the schema's name; else "" */
    RecordVerb verb;
    const RecordType
        *record;    /* set by contract_bind_record; NULL before and for other operations */
    OperationFn fn; /* never NULL after load */
    OperationChange *changes; /* newest first */
    size_t n_changes;
    const Json *json; /* the operation object of the document */
    size_t index;     /* 0.. in contract order; for metrics arrays */
} Operation;

/* text: the merged document; handlers: the generated table (gen/contract_handlers.h). record_fn
 * serves x-records. Fails with RC_INVALID naming the place in the contract. */
typedef struct OperationHandler {
    const char *id;
    OperationFn fn;
} OperationHandler;
MUST_CHECK Rc contract_load(Str text,
                            const OperationHandler *handlers,
                            size_t n_handlers,
                            OperationFn record_fn,
                            Contract **ret,
                            Error *err);
void contract_free(Contract *contract);

/* records_new gives each record's type to the operations that serve it, before requests are served.
 * False: no operation does. */
bool contract_bind_record(Contract *contract, Str record_name, const RecordType *type);

/* The document for clients: without the x- vocabulary that is internal. Made on first use;
 * thread-safe. */
typedef struct ContractText {
    Str plain, gzip, etag; /* etag: quoted, of the content */
} ContractText;
const ContractText *contract_text(Contract *contract);
Str contract_version(const Contract *contract); /* info.version: the API version, "2026-11-20" */
/* An older version that is still answered (info.x-versions), and until when, as RFC 3339. */
typedef struct ContractVersion {
    Str version, sunset;
} ContractVersion;
const ContractVersion *contract_older_versions(const Contract *contract,
                                               size_t *ret_n); /* newest first */
const Json *contract_json(const Contract *contract);
const Operation *contract_operations(const Contract *contract, size_t *ret_n);
const Operation *contract_operation(const Contract *contract, Str id); /* NULL when unknown */
/* components/schemas/<name>, compiled on first use; NULL when unknown. Thread-safe. */
const JsonSchema *contract_schema(Contract *contract, Str name);
const Json *contract_schema_json(const Contract *contract, Str name);
/* A schema object inside the document, compiled on first use. Thread-safe. */
const JsonSchema *contract_compile(Contract *contract, const Json *schema);
/* What to tell people: "must be equal to one of the allowed values: a, b", the `x-says` of a
 * pattern that does not fit, else the keyword's message. Without the path; in the arena or
 * borrowed. */
Str contract_issue_message(Arena *arena, const JsonSchemaIssue *issue);
/* The response schema (resolved) of an operation for a status, or NULL. ret_content_type is "" when
 * the answer has no body, and both are unset when the status is not in the contract: then false. */
bool contract_response(const Operation *op,
                       int status,
                       Str *ret_content_type,
                       const Json **ret_schema);
/* Does the operation take a body of this media type ("application/json", without parameters)? */
bool contract_takes(const Operation *op, Str media_type);

enum { CALL_PATH_MAX = 8 };

/* Matches method and raw path. Path values are percent-decoded into the arena. RC_NOT_FOUND: no
 * such path; RC_METHOD: the path exists with other methods (allow is filled with them, comma
 * separated). */
MUST_CHECK Rc contract_match(const Contract *contract,
                             HttpMethod method,
                             Str path,
                             Arena *arena,
                             const Operation **ret,
                             HttpPair ret_path[CALL_PATH_MAX],
                             size_t *ret_n_path,
                             Str *ret_allow);

/* How the call counts against its caller's limits; set by the dispatcher, once per request. */
typedef struct CallRate {
    bool counted;
    Str policy, state;     /* the fields RateLimit-Policy and RateLimit; "" when nothing limits */
    int64_t retry_after_s; /* of a refused one */
} CallRate;

/* The write transaction that ends a call. */
typedef struct CallWrite {
    /* In cx's write transaction, which is committed when it gives RC_OK and undone otherwise. It
     * sets the reply, which is sent only when the change is on the disk. Waits for nothing but the
     * database. */
    Rc (*run)(Ctx *cx, Call *call, void *user);
    void (*ended)(void *user); /* its outcome is known; before the reply is sent. May be NULL */
    void *user;                /* in cx->arena */
} CallWrite;

/* ---- one call: the request as the operation sees it, and the reply it builds. */
struct Call {
    const Operation *op;
    HttpRequest *http; /* for streams and headers; NULL when called inside the process */
    HttpPair path[CALL_PATH_MAX];
    size_t n_path;
    const HttpPair *query; /* decoded, in order */
    size_t n_query;
    const HttpPair *headers; /* of a call inside the process (http is NULL) */
    size_t n_headers;
    Json *body; /* parsed and validated; NULL when none */
    Str raw_body;
    CallRate rate;
    bool is_refused;       /* for want of a permission, also where the answer hides that (a 404) */
    Str version;           /* the older version of the API that was asked for; "": the newest */
    int64_t retry_after_s; /* of a failure that passes; 0: what its code says */
    bool may_write_later;  /* set by the dispatcher: it runs `write` after the handler */
    CallWrite write;
    struct {
        int status;       /* 0: 200, or 204 without a body */
        Str content_type; /* "": application/json */
        Str body;         /* in cx->arena */
        HttpPair headers[12];
        size_t n_headers;
        bool sent; /* the handler answered by http_respond_* itself (streams, files) */
    } reply;
};

Str call_path(const Call *call, const char *name); /* ASSERTs that the operation has it */
bool call_has_query(const Call *call, const char *name);
Str call_query(const Call *call, const char *name); /* first value; "" when absent */
int64_t
call_query_i64(const Call *call, const char *name, int64_t otherwise); /* validated before */
bool call_query_bool(const Call *call, const char *name, bool otherwise);
/* The last thing a handler does: what it returns, the handler returns. Where other clients write
 * too, the transaction runs on another thread, with cx, once the handler has returned: nothing of
 * what it works on may be on the handler's stack. */
MUST_CHECK Rc call_write(Ctx *cx, Call *call, const CallWrite *write);
/* All values of a repeated parameter, in order. */
const Str *call_query_all(Ctx *cx, const Call *call, const char *name, size_t *ret_n);
Str call_header(const Call *call, const char *name); /* "" when absent */
bool call_has_header(const Call *call, const char *name);

void reply_json(Call *call, int status, Str text); /* text in cx->arena or static */
void reply_json_tree(Ctx *cx, Call *call, int status, const Json *v);
void reply_text(Call *call, int status, const char *content_type, Str text);
void reply_empty(Call *call, int status);
void reply_header(Call *call, const char *name, Str value);

#endif
