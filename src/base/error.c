/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than the longest part of an Error holds, so that cutting happens in one place, put_text. */
enum { ERROR_TEXT_MAX = 2048 };
_Static_assert(ERROR_TEXT_MAX > sizeof(((Error *)NULL)->message), "message would be cut twice");
_Static_assert(ERROR_TEXT_MAX > sizeof(((Error *)NULL)->detail), "detail would be cut twice");

typedef struct RcRow {
    const char *name;
    int status;
    const char *slug;
    const char *title;
} RcRow;

static const RcRow rc_rows[RC_COUNT] = {
#define X(name, status, slug, title) [RC_##name] = {#name, status, slug, title},
    RC_MAP(X)
#undef X
};

/* An Rc out of range would be a broken invariant, yet an error path must not die of it. */
static const RcRow *rc_row(Rc rc)
{
    return &rc_rows[(unsigned)rc < RC_COUNT ? rc : RC_INTERNAL];
}

int rc_status(Rc rc)
{
    return rc_row(rc)->status;
}

const char *rc_slug(Rc rc)
{
    return rc_row(rc)->slug;
}

const char *rc_title(Rc rc)
{
    return rc_row(rc)->title;
}

Rc rc_of_write(int errno_value, Rc otherwise)
{
    return errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG ? RC_FULL
                                                                                  : otherwise;
}

const char *rc_name(Rc rc)
{
    return rc_row(rc)->name;
}

void assert_failed(const char *file, int line, const char *claim)
{
    char text[512];
    int n =
        snprintf(text, sizeof(text), "fairway: %s:%d: broken invariant: %s\n", file, line, claim);

    if (n > 0) {
        /* Nothing can be done when standard error is gone: the process ends anyway. */
        IGNORE(write(STDERR_FILENO, text, MIN((size_t)n, sizeof(text) - 1)) < 0);
    }
    abort();
}

/* Copies text and terminates it; cut text ends before a UTF-8 sequence that does not fit. */
static void put_text(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size) {
        len = size - 1;
        size_t start = len;
        while (start > 0 && len - start < 3 && ((unsigned char)text[start] & 0xC0) == 0x80) {
            start--;
        }
        /* start is now at a first byte; the sequence reaches past the cut when it is not ASCII. */
        if (((unsigned char)text[start] & 0xC0) == 0xC0) {
            len = start;
        }
    }
    memmove(out, text, len);
    out[len] = '\0';
}

/* The arguments may point into the object being written, so the text is built aside. */
static void format_text(char *out, size_t size, const char *fmt, va_list ap) PRINTF_FORMAT(3, 0);
static void format_text(char *out, size_t size, const char *fmt, va_list ap)
{
    char text[ERROR_TEXT_MAX];
    int n = vsnprintf(text, sizeof(text), fmt, ap);

    put_text(out, size, text, n > 0 ? MIN((size_t)n, sizeof(text) - 1) : 0);
}

Rc error_vset(Error *err, Rc code, const char *fmt, va_list ap)
{
    if (err) {
        format_text(err->message, sizeof(err->message), fmt, ap);
        err->code = code;
        err->detail[0] = '\0';
        err->line = 0;
        err->column = 0;
    }
    return code;
}

Rc error_set(Error *err, Rc code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    IGNORE(error_vset(err, code, fmt, ap)); /* it is the code given */
    va_end(ap);
    return code;
}

Rc error_set_at(Error *err, Rc code, uint32_t line, uint32_t column, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    IGNORE(error_vset(err, code, fmt, ap)); /* it is the code given */
    va_end(ap);
    if (err) {
        err->line = line;
        err->column = column;
    }
    return code;
}

void error_prefix(Error *err, const char *fmt, ...)
{
    char prefix[sizeof(err->message)];
    char whole[2 * sizeof(err->message) + 2];
    va_list ap;

    if (!err) {
        return;
    }
    va_start(ap, fmt);
    format_text(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    int n = snprintf(whole, sizeof(whole), "%s: %s", prefix, err->message);
    put_text(err->message, sizeof(err->message), whole, n > 0 ? (size_t)n : 0);
}

void error_detail(Error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err) {
        return;
    }
    va_start(ap, fmt);
    format_text(err->detail, sizeof(err->detail), fmt, ap);
    va_end(ap);
}

void error_field(Error *err, Str pointer, const char *fmt, ...)
{
    va_list ap;

    if (!err || err->n_fields >= ERROR_FIELDS_MAX) {
        return;
    }
    FieldError *field = &err->fields[err->n_fields++];
    put_text(field->pointer, sizeof(field->pointer), pointer.ptr ? pointer.ptr : "", pointer.len);
    va_start(ap, fmt);
    format_text(field->message, sizeof(field->message), fmt, ap);
    va_end(ap);
}

void error_clear(Error *err)
{
    if (err) {
        *err = (Error){0};
    }
}
