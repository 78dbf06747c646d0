/* SPDX-License-Identifier: Apache-2.0
 * The module's row. */
#include "modules/services/services.h"

#include "modules/services/services_priv.h"

/* Aligned columns would be wider than any screen. */
/* clang-format off */
static const RecordHooks hooks[] = {
    {.record = "Service",
     .lock = service_lock,
     .prepare = service_prepare,
     .store = service_store,
     .present = service_present},
    {.record = "ServiceVersion", .prepare = version_prepare, .written = version_written},
    {.record = "ServiceDeployment", .prepare = deployment_prepare, .written = deployment_written},
    {.record = "ServiceDependency", .prepare = dependency_prepare},
    {.record = "HealthCheck",
     .prepare = health_check_prepare,
     .written = health_check_written,
     .present = health_check_present},
};
/* clang-format on */

const Module services_module = {
    .name = "services",
    .title = "Services",
    .requires = "catalog organizations",
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .job_types = health_job_types,
    .n_job_types = ARRAY_LEN(health_job_types),
    .schedules = health_schedules,
    .n_schedules = ARRAY_LEN(health_schedules),
};
