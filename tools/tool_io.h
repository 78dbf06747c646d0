/* SPDX-License-Identifier: Apache-2.0
 * tools/tool_io.h - what the build tools share: whole files in, files out, and a clear end.
 *
 * Build tools depend on nothing but the C library, so that they build before everything else. */
#ifndef TOOLS_TOOL_IO_H
#define TOOLS_TOOL_IO_H

#include <stddef.h>
#include <stdio.h>

/* "file: message" or "file:line: message" on standard error, then exit status 1. line 0 = none. */
__attribute__((noreturn, format(printf, 3, 4))) void
tool_fail(const char *file, int line, const char *fmt, ...);
/* The whole file, NUL-terminated, for the caller to free. Ends the program when it cannot be read.
 */
char *tool_read(const char *path, size_t *ret_len);
/* A file to write; tool_close ends the program if any byte did not reach it. */
FILE *tool_create(const char *path);
void tool_close(FILE *out, const char *path);
/* One C string literal of the bytes, split over source lines. line_bytes 0 = break after each '\n'.
 */
void tool_write_literal(FILE *out, const char *bytes, size_t len, size_t line_bytes);

#endif
