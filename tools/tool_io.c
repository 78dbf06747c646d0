/* SPDX-License-Identifier: Apache-2.0 */
#include "tool_io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void tool_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s:", file);
    if (line > 0) {
        fprintf(stderr, "%d:", line);
    }
    fputc(' ', stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

char *tool_read(const char *path, size_t *ret_len)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        tool_fail(path, 0, "cannot be read: %s", strerror(errno));
    }
    size_t len = 0;
    size_t cap = 64 * 1024;
    char *bytes = malloc(cap);
    while (bytes) {
        len += fread(bytes + len, 1, cap - len - 1, in);
        if (len < cap - 1) {
            break;
        }
        cap *= 2;
        char *more = realloc(bytes, cap);
        if (!more) {
            free(bytes);
        }
        bytes = more;
    }
    if (!bytes || ferror(in)) {
        tool_fail(path, 0, "cannot be read: %s", strerror(errno));
    }
    fclose(in);
    bytes[len] = '\0';
    *ret_len = len;
    return bytes;
}

FILE *tool_create(const char *path)
{
    FILE *out = fopen(path, "wb");
    if (!out) {
        tool_fail(path, 0, "cannot be written: %s", strerror(errno));
    }
    return out;
}

void tool_close(FILE *out, const char *path)
{
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        tool_fail(path, 0, "cannot be written: %s", strerror(errno));
    }
}

/* At most 4 characters. Octal escapes always have three digits, so a digit that follows is safe. */
static size_t escape(char *out, unsigned char c)
{
    static const char octal[] = "01234567";
    switch (c) {
    case '\n':
        memcpy(out, "\\n", 2);
        return 2;
    case '"':
    case '\\':
    case '?': /* no trigraphs */
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    default:
        break;
    }
    if (c >= 0x20 && c < 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    out[1] = octal[c >> 6];
    out[2] = octal[(c >> 3) & 7];
    out[3] = octal[c & 7];
    return 4;
}

void tool_write_literal(FILE *out, const char *bytes, size_t len, size_t line_bytes)
{
    char line[4096];
    size_t used = 0;
    size_t on_line = 0;

    fputs("\n    \"", out);
    for (size_t i = 0; i < len; i++) {
        used += escape(line + used, (unsigned char)bytes[i]);
        on_line++;
        bool ends = line_bytes ? on_line == line_bytes : bytes[i] == '\n';
        if (ends || used > sizeof(line) - 4) {
            fwrite(line, 1, used, out);
            used = 0;
        }
        if (ends) {
            on_line = 0;
            if (i + 1 < len) {
                fputs("\"\n    \"", out);
            }
        }
    }
    fwrite(line, 1, used, out);
    fputc('"', out);
}
