/* SPDX-License-Identifier: Apache-2.0
 * modules/audit/audit.h - the audit trail over HTTP: search, export, verify. The trail itself is
 * platform/audit. */
#ifndef MODULES_AUDIT_AUDIT_H
#define MODULES_AUDIT_AUDIT_H

#include "platform/module.h"

extern const Module audit_module;

#endif
