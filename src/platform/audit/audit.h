/* SPDX-License-Identifier: Apache-2.0
 * platform/audit/audit.h - who did what to which thing, before and after: rows of audit_logs that
 * are never changed or removed, and a chain over them that shows when somebody did so all the same.
 *
 * A row is written in the transaction of the change it tells of. On SQLite, where writers take
 * turns, it gets seq, prev_hash and hash there and then. On PostgreSQL it is written without a
 * place, and soon after the commit (milliseconds) whoever holds the lock of audit_head gives it
 * one; writers never wait for each other. Now and then the end of the chain is signed: a
 * checkpoint, kept in the database and in <data>/audit-checkpoints.jsonl.
 * docs/adr/0010-audit-trail.md says what that proves and what it does not. */
#ifndef PLATFORM_AUDIT_H
#define PLATFORM_AUDIT_H

#include "data/json.h"
#include "platform/ctx.h"

#define AUDIT_CHECKPOINTS_FILE "audit-checkpoints.jsonl"

/* Inside cx's write transaction. action: "services.updated". before/after may be NULL and must be
 * masked already. */
MUST_CHECK Rc audit_write(Ctx *cx,
                          const char *action,
                          const char *resource_type,
                          Str resource_id,
                          const Json *before,
                          const Json *after);

/* Reads no database. *ret goes into platform->audit. */
MUST_CHECK Rc audit_new(Platform *platform, Audit **ret, Error *err);
/* Starts the thread that chains and signs. A signing key that cannot be opened is an error in the
 * log: rows are chained then, and not signed. */
MUST_CHECK Rc audit_start(Audit *audit, Error *err);
void audit_stop(Audit *audit); /* chains what is committed, then ends; harmless when not started */
void audit_free(Audit *audit);
void audit_wake(void *audit);
/* For commands that run without that thread: chains what is committed. No open transaction. */
MUST_CHECK Rc audit_chain_now(Ctx *cx);

/* ---- verifying */
typedef struct AuditVerify {
    Db *db;
    Secrets *secrets;
    const char *file; /* checkpoints outside the database; NULL or absent: none to compare with */
    /* Now and then; false ends the work with RC_BUSY. May be NULL. */
    bool (*progress)(void *user, int64_t rows, int64_t of);
    void *user;
} AuditVerify;

typedef struct AuditVerdict {
    bool is_intact;
    bool has_file;       /* checkpoints outside the database were found */
    int64_t rows;        /* checked */
    int64_t checkpoints; /* checked, of the database */
    int64_t signed_seq;  /* the newest checkpoint reaches up to this row */
    int64_t pending;     /* rows not chained yet */
    int64_t wrong_seq;   /* the first row that is wrong; 0: none or one that has no place */
    char why[512];       /* one sentence; "" when intact */
} AuditVerdict;

/* Reads the whole chain, page by page, from the primary. RC_OK also when it finds something wrong;
 * other codes: it could not be checked. Any thread; may run beside servers. */
MUST_CHECK Rc audit_verify(const AuditVerify *options, AuditVerdict *ret, Error *err);

#endif
