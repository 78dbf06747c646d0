/* SPDX-License-Identifier: Apache-2.0
 * webhooks/webhooks.h - events sent to URLs of others: Standard Webhooks 1.0.
 *
 * The module has no functions for other modules: it listens to events. README.md says how. */
#ifndef MODULES_WEBHOOKS_H
#define MODULES_WEBHOOKS_H

#include "platform/module.h"

extern const Module webhooks_module;

#endif
