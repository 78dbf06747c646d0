/* SPDX-License-Identifier: Apache-2.0
 * catalog/history.h - what the files of the history of entities share. */
#ifndef CATALOG_HISTORY_H
#define CATALOG_HISTORY_H

#include "data/json.h"

enum { HISTORY_CHANGES_MAX = 10000 };

/* Changes that make `new` of `old`, and as text. False when there are more than are shown. */
bool history_diff(
    Arena *arena, const Json *old, const Json *new, Json **ret_changes, Str *ret_text);

#endif
