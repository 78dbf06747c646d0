/* SPDX-License-Identifier: Apache-2.0
 * modules/audit/audit_priv.h - what the files of the module share.
 *
 *   audit.c         the module's row; reading pages and single entries; verifying
 *   audit_query.c   filters to SQL, entries to JSON and CSV
 *   audit_export.c  all that matches, through a file */
#ifndef MODULES_AUDIT_AUDIT_PRIV_H
#define MODULES_AUDIT_AUDIT_PRIV_H

#include "base/buf.h"

#include "platform/contract/contract.h"
#include "platform/ctx.h"

enum {
    AUDIT_PARAMS_MAX = 16,
    AUDIT_EXPORT_CHUNK = 32, /* entries in memory at once */
    AUDIT_SQL_MAX = 8192
};

typedef struct AuditQuery {
    Buf where; /* conditions, each after " AND " */
    Param params[AUDIT_PARAMS_MAX];
    size_t n;
} AuditQuery;

/* The filters of a call. Fails RC_INVALID. */
MUST_CHECK Rc audit_query_read(Ctx *cx, const Call *call, AuditQuery *ret);
/* Entries after a place (id; "" for the beginning) in the order asked for. */
MUST_CHECK Rc audit_query_run(
    Ctx *cx, const AuditQuery *query, Str after, bool newest_first, int64_t limit, Rows **ret);
/* The one with this id. */
MUST_CHECK Rc audit_query_one(Ctx *cx, Str id, Rows **ret);
Str audit_entry_id(Rows *rows);
void audit_write_json(Buf *out, Rows *rows, bool whole);
void audit_write_csv_head(Buf *out);
void audit_write_csv(Buf *out, Rows *rows);

#endif
