/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract_publish.h - the document that clients see. Shared with the build tool.
 */
#ifndef PLATFORM_CONTRACT_PUBLISH_H
#define PLATFORM_CONTRACT_PUBLISH_H

#include "data/json.h"

/* A copy of the merged contract without the keys that only concern this implementation (where an
 * operation runs, tables of records). What helps clients stays: x-permission, x-records,
 * x-record.list, x-cli, x-filter. */
Json *contract_publish(Arena *arena, const Json *document);

#endif
