/* SPDX-License-Identifier: Apache-2.0
 * modules/organizations/organizations.h - organizations and teams: two records, see README.md. */
#ifndef MODULES_ORGANIZATIONS_ORGANIZATIONS_H
#define MODULES_ORGANIZATIONS_ORGANIZATIONS_H

#include "platform/module.h"
#include "platform/records/records.h"

/* The organization that every new server has. */
#define ORGANIZATION_DEFAULT_ID "00000000-0000-7000-8000-000000000001"

/* The module's own part of a change of a TeamMembership, for the module whose hooks for the record
 * stand in its place (access). */
MUST_CHECK Rc organizations_membership_prepare(Ctx *cx, RecordChange *change);

extern const Module organizations_module;

#endif
