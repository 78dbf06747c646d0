/* SPDX-License-Identifier: Apache-2.0
 * base/error.h - one list of failure codes and one error object.
 *
 * Every function that can fail returns an Rc and takes an Error* (or a Ctx that holds one). The
 * code maps to an HTTP status and a stable slug here and nowhere else. `message` may be shown to
 * clients; `detail` is for the log only. Fixed size, so that failing never allocates. Messages say
 * what happened and what to do, in one sentence, with no function names. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/base.h"
#include "base/str.h"

#include <stdarg.h>

/*  code         HTTP  slug (problem type)       title */
#define RC_MAP(X)                                                                                  \
    X(OK, 200, "ok", "OK")                                                                         \
    X(MALFORMED, 400, "malformed-request", "The request is malformed")                             \
    X(UNAUTH, 401, "unauthenticated", "Sign in first")                                             \
    X(DENIED, 403, "permission-denied", "Permission denied")                                       \
    X(NOT_FOUND, 404, "not-found", "Not found")                                                    \
    X(METHOD, 405, "method-not-allowed", "Method not allowed")                                     \
    X(NOT_ACCEPTABLE, 406, "not-acceptable", "Not acceptable")                                     \
    X(TIMEOUT, 504, "timeout", "Timed out")                                                        \
    X(CONFLICT, 409, "conflict", "Conflict")                                                       \
    X(GONE, 410, "gone", "Gone")                                                                   \
    X(PRECONDITION, 412, "precondition-failed", "The resource has changed")                        \
    X(LIMIT, 413, "too-large", "Too large")                                                        \
    X(MEDIA_TYPE, 415, "unsupported-media-type", "Unsupported media type")                         \
    X(INVALID, 422, "invalid", "Validation failed")                                                \
    X(PRECONDITION_REQUIRED, 428, "precondition-required", "Precondition required")                \
    X(RATE, 429, "rate-limited", "Too many requests")                                              \
    X(HEADERS_TOO_LARGE, 431, "headers-too-large", "Request headers too large")                    \
    X(INTERNAL, 500, "internal", "Internal error")                                                 \
    X(NOT_IMPLEMENTED, 501, "not-implemented", "Not implemented")                                  \
    X(UPSTREAM, 502, "upstream-failed", "An upstream system failed")                               \
    X(BUSY, 503, "busy", "Temporarily unavailable")                                                \
    X(FULL, 507, "insufficient-storage", "The storage is full")

typedef enum Rc {
#define X(name, status, slug, title) RC_##name,
    RC_MAP(X)
#undef X
        RC_COUNT
} Rc;

int rc_status(Rc rc);
const char *rc_slug(Rc rc);
const char *rc_title(Rc rc);
const char *rc_name(Rc rc); /* "NOT_FOUND" */

enum { ERROR_FIELDS_MAX = 8 };

typedef struct FieldError {
    char pointer[96];  /* JSON Pointer into the body ("/spec/owner"), or "query:limit",
                          "header:If-Match", "path:id" */
    char message[160]; /* "must be a string" */
} FieldError;

typedef struct Error {
    Rc code;
    char message[1024];
    char detail[512];
    uint32_t line, column; /* 1-based place in a parsed text, 0 when it has none */
    FieldError fields[ERROR_FIELDS_MAX];
    unsigned n_fields;
} Error;

/* The only hidden return in the code base. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        Rc rc_ = (expr);                                                                           \
        if (rc_ != RC_OK) {                                                                        \
            return rc_;                                                                            \
        }                                                                                          \
    } while (0)

/* Sets code and message, replacing message, detail and place, and returns code. Field errors are
 * kept, so they may be added before or after; error_clear drops them. Text too long for its room is
 * cut at a character. err may be NULL, and the arguments may point into it. */
Rc error_set(Error *err, Rc code, const char *fmt, ...) PRINTF_FORMAT(3, 4);
Rc error_vset(Error *err, Rc code, const char *fmt, va_list ap) PRINTF_FORMAT(3, 0);
/* The code of a failed write: RC_FULL when errno_value says that the disk, a quota or a limit of
 * the file size takes no more, otherwise `otherwise`. */
Rc rc_of_write(int errno_value, Rc otherwise);
/* As error_set, with a place in the text at fault. */
Rc error_set_at(Error *err, Rc code, uint32_t line, uint32_t column, const char *fmt, ...)
    PRINTF_FORMAT(5, 6);
/* Puts "prefix: " before the message that is already there. */
void error_prefix(Error *err, const char *fmt, ...) PRINTF_FORMAT(2, 3);
void error_detail(Error *err, const char *fmt, ...) PRINTF_FORMAT(2, 3);
/* Adds a field error; beyond ERROR_FIELDS_MAX they are counted out silently. */
void error_field(Error *err, Str pointer, const char *fmt, ...) PRINTF_FORMAT(3, 4);
void error_clear(Error *err);

#endif
