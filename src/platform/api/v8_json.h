/* SPDX-License-Identifier: Apache-2.0
 * platform/api/v8_json.h - for modules that answer as Backstage does: what JSON.parse of its
 * runtime says about a text. */
#ifndef PLATFORM_API_V8_JSON_H
#define PLATFORM_API_V8_JSON_H

#include "base/arena.h"
#include "base/str.h"

/* "Unexpected token 'x', "xyz" is not valid JSON"; "" when the text is JSON. text is UTF-8. */
Str v8_json_parse_error(Arena *arena, Str text);

#endif
