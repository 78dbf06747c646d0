/* SPDX-License-Identifier: Apache-2.0
 * platform/audit/audit.h - who did what to which thing, before and after; append-only rows in
 * audit_logs. */
#ifndef PLATFORM_AUDIT_H
#define PLATFORM_AUDIT_H

#include "data/json.h"
#include "platform/ctx.h"

/* Inside cx's write transaction. action: "services.updated". before/after may be NULL and must be
 * masked already. */
MUST_CHECK Rc audit_write(Ctx *cx,
                          const char *action,
                          const char *resource_type,
                          Str resource_id,
                          const Json *before,
                          const Json *after);

#endif
