/* SPDX-License-Identifier: Apache-2.0
 * base/id.h - identifiers and random bytes.
 *
 * Rows have UUIDv7 (RFC 9562 section 5.7): time-ordered, monotonic within the process. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/base.h"
#include "base/str.h"

enum { UUID_LEN = 36 };

typedef struct Uuid {
    char text[UUID_LEN + 1]; /* lower case, terminated */
} Uuid;

Uuid uuid_v7(void);
Uuid uuid_v4(void);
Str uuid_str(const Uuid *id); /* borrows id */
bool uuid_is_valid(Str s);    /* 8-4-4-4-12 hex digits, any version, either case */

void random_bytes(void *out, size_t n); /* cryptographic; aborts if the system gives none */

#endif
