/* SPDX-License-Identifier: Apache-2.0
 * base/buf.h - a growing byte buffer with a maximum, for building text.
 *
 * Failure is sticky: once the maximum would be passed, nothing more is written and buf_ok() is
 * false, so a writer checks once at its end. Memory comes from the arena, or from the heap when
 * arena is NULL (then buf_done frees it). Escape by destination at write time: buf_json_str and
 * friends. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/arena.h"
#include "base/str.h"

#include <stdarg.h>

typedef struct Buf {
    char *ptr;
    size_t len, cap, max;
    Arena *arena; /* NULL: heap */
    bool failed;
} Buf;

Buf buf_init(Arena *arena, size_t max_bytes);
void buf_done(Buf *buf);  /* frees heap memory; harmless on arena buffers and zeroed ones */
void buf_clear(Buf *buf); /* len = 0, failed = false, memory kept */
bool buf_ok(const Buf *buf);
Str buf_str(const Buf *buf); /* valid until the next write */
/* Moves a heap buffer's bytes to the caller, who frees them with free(). */
char *buf_take(Buf *buf, size_t *ret_len);

void buf_reserve(Buf *buf, size_t more);
void buf_put(Buf *buf, Str s); /* here and below, s must not lie in buf itself */
void buf_char(Buf *buf, char c);
#define buf_lit(buf, literal) buf_put((buf), STR(literal))
void buf_i64(Buf *buf, int64_t v);
void buf_fmt(Buf *buf, const char *fmt, ...) PRINTF_FORMAT(2, 3);
void buf_vfmt(Buf *buf, const char *fmt, va_list ap) PRINTF_FORMAT(2, 0);

/* "…" with RFC 8259 escapes; invalid UTF-8 bytes become U+FFFD. */
void buf_json_str(Buf *buf, Str s);
/* & < > " ' escaped. */
void buf_html(Buf *buf, Str s);
/* Percent-encoding of everything outside RFC 3986 unreserved. */
void buf_url(Buf *buf, Str s);
void buf_hex(Buf *buf, Str bytes);
void buf_base64(Buf *buf, Str bytes);    /* RFC 4648 section 4, padded */
void buf_base64url(Buf *buf, Str bytes); /* RFC 4648 section 5, not padded */

/* Decoders. False on any malformed input; nothing is appended then. */
MUST_CHECK bool buf_unbase64(Buf *buf, Str text); /* accepts both alphabets, padding optional */
MUST_CHECK bool buf_unhex(Buf *buf, Str text);
/* plus_is_space for query strings (application/x-www-form-urlencoded). */
MUST_CHECK bool buf_unurl(Buf *buf, Str text, bool plus_is_space);

#endif
