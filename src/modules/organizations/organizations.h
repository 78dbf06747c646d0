/* SPDX-License-Identifier: Apache-2.0
 * modules/organizations/organizations.h - organizations and teams: two records, see README.md. */
#ifndef MODULES_ORGANIZATIONS_ORGANIZATIONS_H
#define MODULES_ORGANIZATIONS_ORGANIZATIONS_H

#include "platform/module.h"

/* The organization that every new server has. */
#define ORGANIZATION_DEFAULT_ID "00000000-0000-7000-8000-000000000001"

extern const Module organizations_module;

#endif
