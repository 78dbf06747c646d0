/* SPDX-License-Identifier: Apache-2.0
 * json_jansson.h - jansson as the second opinion on JSON.
 *
 * It stands in a file of its own because its names are those of data/json.h, and it is loaded at
 * run time because two functions of one name must not meet in one program's symbol table. */
#ifndef COMPAT_JSON_JANSSON_H
#define COMPAT_JSON_JANSSON_H

#include "base/buf.h"

typedef enum JanssonVerdict {
    JANSSON_ABSENT,
    JANSSON_REFUSES,
    JANSSON_OVERFLOW,
    JANSSON_ACCEPTS
} JanssonVerdict;

/* Strict: duplicates refused, any root. Appends what it read: see value_write in the test. */
JanssonVerdict jansson_read(Str text, Buf *out);

/* How either side writes a value: type letter and content, each with its length or end. */
void value_write_text(Buf *out, char kind, Str text);
void value_write_number(Buf *out, double v);

#endif
