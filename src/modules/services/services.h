/* SPDX-License-Identifier: Apache-2.0
 * services/services.h - services as records: the second view of the catalog's components, with
 * their versions, deployments, dependencies and health checks. */
#ifndef SERVICES_SERVICES_H
#define SERVICES_SERVICES_H

#include "platform/module.h"

extern const Module services_module;

#endif
