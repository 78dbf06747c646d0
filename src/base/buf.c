/* SPDX-License-Identifier: Apache-2.0
 * Memory is always one byte larger than cap, so that vsnprintf's terminator and buf_take's have
 * their place without counting against the maximum. */
#include "base/buf.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_SIZE = 128 };
#define BUF_MAX_MOST (SIZE_MAX / 8)

static const char hex_digits[] = "0123456789abcdef";

Buf buf_init(Arena *arena, size_t max_bytes)
{
    return (Buf){.arena = arena, .max = MIN(max_bytes, BUF_MAX_MOST)};
}

void buf_done(Buf *buf)
{
    if (!buf->arena) {
        free(buf->ptr);
    }
    *buf = (Buf){.arena = buf->arena, .max = buf->max};
}

void buf_clear(Buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool buf_ok(const Buf *buf)
{
    return !buf->failed;
}

Str buf_str(const Buf *buf)
{
    return str_of(buf->ptr, buf->len);
}

/* Makes room for `more` bytes; false, and failed, when the maximum forbids it. */
static bool grow(Buf *buf, size_t more)
{
    if (more > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + more;
    size_t size = MAX((buf->cap + 1) * 2, (size_t)BUF_FIRST_SIZE);
    size_t cap = MIN(MAX(size - 1, need), buf->max);

    if (buf->arena) {
        buf->ptr = arena_grow(buf->arena, buf->ptr, buf->ptr ? buf->cap + 1 : 0, cap + 1);
    } else {
        buf->ptr = realloc(buf->ptr, cap + 1);
        ASSERT(buf->ptr != NULL);
    }
    buf->cap = cap;
    return true;
}

/* The place for `more` > 0 bytes at the end, or NULL after a failure. Does not advance. */
static inline char *room(Buf *buf, size_t more)
{
    if (buf->failed || (more > buf->cap - buf->len && !grow(buf, more))) {
        return NULL;
    }
    return buf->ptr + buf->len;
}

void buf_reserve(Buf *buf, size_t more)
{
    if (!buf->failed && more > buf->cap - buf->len) {
        IGNORE(!grow(buf, more)); /* failure stays in the buffer */
    }
}

char *buf_take(Buf *buf, size_t *ret_len)
{
    ASSERT(buf->arena == NULL);
    char *bytes = buf->ptr;

    if (!bytes) {
        bytes = malloc(1);
        ASSERT(bytes != NULL);
    }
    bytes[buf->len] = '\0';
    if (ret_len) {
        *ret_len = buf->len;
    }
    *buf = (Buf){.max = buf->max};
    return bytes;
}

void buf_put(Buf *buf, Str s)
{
    if (s.len == 0) {
        return;
    }
    char *at = room(buf, s.len);

    if (at) {
        memcpy(at, s.ptr, s.len);
        buf->len += s.len;
    }
}

void buf_char(Buf *buf, char c)
{
    char *at = room(buf, 1);

    if (at) {
        *at = c;
        buf->len++;
    }
}

void buf_i64(Buf *buf, int64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0) {
        digits[--at] = '-';
    }
    buf_put(buf, str_of(digits + at, sizeof(digits) - at));
}

void buf_vfmt(Buf *buf, const char *fmt, va_list ap)
{
    char small[128];
    va_list again;

    if (buf->failed) {
        return;
    }
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof(small)) {
        buf_put(buf, str_of(small, (size_t)n));
    } else {
        char *at = room(buf, (size_t)n);
        if (at) {
            ASSERT(vsnprintf(at, (size_t)n + 1, fmt, again) == n);
            buf->len += (size_t)n;
        }
    }
    va_end(again);
}

void buf_fmt(Buf *buf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vfmt(buf, fmt, ap);
    va_end(ap);
}

/* True when a byte of the word is below 0x20, '"', '\\' or above 0x7F: the usual bit tricks, whose
 * rare false alarms only cost the slow path. */
static inline bool word_needs_care(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    uint64_t quote = w ^ (ones * '"');
    uint64_t backslash = w ^ (ones * '\\');

    return ((w | (w - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs) != 0;
}

/* Index of the first byte at or after i that cannot be copied into a JSON string as it is. */
static size_t json_plain_end(Str s, size_t i)
{
    while (i < s.len) {
        uint64_t w;
        if (s.len - i >= sizeof(w)) {
            memcpy(&w, s.ptr + i, sizeof(w));
            if (!word_needs_care(w)) {
                i += sizeof(w);
                continue;
            }
        }
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x80) {
            size_t len = utf8_decode(s.ptr + i, s.len - i, NULL);
            if (len == 0) {
                return i;
            }
            i += len;
        } else if (c < 0x20 || c == '"' || c == '\\') {
            return i;
        } else {
            i++;
        }
    }
    return i;
}

static void json_escape(Buf *buf, unsigned char c)
{
    static const char shorts[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                     ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};

    if (c >= 0x80) {
        buf_lit(buf, "\xEF\xBF\xBD"); /* U+FFFD for a byte that is not UTF-8 */
    } else if (shorts[c]) {
        buf_put(buf, str_of((char[]){'\\', shorts[c]}, 2));
    } else {
        buf_put(buf,
                str_of((char[]){'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]}, 6));
    }
}

void buf_json_str(Buf *buf, Str s)
{
    size_t i = 0;

    if (s.len < buf->max) {
        buf_reserve(buf, s.len + 2); /* the least it can take */
    }
    buf_char(buf, '"');
    while (i < s.len && buf_ok(buf)) {
        size_t end = json_plain_end(s, i);
        buf_put(buf, str_sub(s, i, end));
        if (end < s.len) {
            json_escape(buf, (unsigned char)s.ptr[end++]);
        }
        i = end;
    }
    buf_char(buf, '"');
}

static Str html_entity(char c)
{
    switch (c) {
    case '&':
        return STR("&amp;");
    case '<':
        return STR("&lt;");
    case '>':
        return STR("&gt;");
    case '"':
        return STR("&quot;");
    case '\'':
        return STR("&#39;");
    default:
        return STR_EMPTY;
    }
}

void buf_html(Buf *buf, Str s)
{
    size_t start = 0;

    for (size_t i = 0; i < s.len; i++) {
        Str entity = html_entity(s.ptr[i]);
        if (entity.len) {
            buf_put(buf, str_sub(s, start, i));
            buf_put(buf, entity);
            start = i + 1;
        }
    }
    buf_put(buf, str_from_index(s, start));
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_url(Buf *buf, Str s)
{
    static const char upper_digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        if (is_unreserved(s.ptr[i])) {
            buf_char(buf, s.ptr[i]);
        } else {
            unsigned char c = (unsigned char)s.ptr[i];
            buf_put(buf, str_of((char[]){'%', upper_digits[c >> 4], upper_digits[c & 15]}, 3));
        }
    }
}

void buf_hex(Buf *buf, Str bytes)
{
    for (size_t i = 0; i < bytes.len && buf_ok(buf); i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        buf_put(buf, str_of((char[]){hex_digits[c >> 4], hex_digits[c & 15]}, 2));
    }
}

static void put_base64(Buf *buf, Str bytes, const char alphabet[65], bool padded)
{
    for (size_t i = 0; i < bytes.len && buf_ok(buf); i += 3) {
        size_t n = MIN(bytes.len - i, (size_t)3);
        uint32_t group = 0;
        char four[4] = {'=', '=', '=', '='};

        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (k < n ? (unsigned char)bytes.ptr[i + k] : 0U);
        }
        for (size_t k = 0; k <= n; k++) {
            four[k] = alphabet[group >> (18 - 6 * k) & 63];
        }
        buf_put(buf, str_of(four, padded ? 4 : n + 1));
    }
}

void buf_base64(Buf *buf, Str bytes)
{
    put_base64(buf, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
               true);
}

void buf_base64url(Buf *buf, Str bytes)
{
    put_base64(buf, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
               false);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

static bool decode_base64(Buf *buf, Str text)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;

    for (size_t i = 0; i < text.len; i++) {
        int v = base64_value(text.ptr[i]);
        if (v < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)v) & 0xFFFF;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            buf_char(buf, (char)(bits >> n_bits & 0xFF));
        }
    }
    /* Left-over bits must be zero, so that bytes have exactly one encoding (RFC 4648, 3.5). */
    return n_bits < 6 && (bits & ((1U << n_bits) - 1)) == 0;
}

/* Takes back what a decoder wrote before it met the fault. */
static bool finish_decoding(Buf *buf, size_t len_before, bool is_good)
{
    if (is_good && buf_ok(buf)) {
        return true;
    }
    buf->len = len_before;
    return false;
}

bool buf_unbase64(Buf *buf, Str text)
{
    size_t len_before = buf->len;

    if (text.len > 0 && text.len % 4 == 0 && text.ptr[text.len - 1] == '=') {
        text.len -= text.ptr[text.len - 2] == '=' ? 2 : 1;
    }
    return finish_decoding(buf, len_before, decode_base64(buf, text));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends the byte that two hexadecimal digits name. */
static bool decode_hex_pair(Buf *buf, const char *pair)
{
    int high = hex_value(pair[0]);
    int low = hex_value(pair[1]);

    if (high < 0 || low < 0) {
        return false;
    }
    buf_char(buf, (char)(high << 4 | low));
    return true;
}

bool buf_unhex(Buf *buf, Str text)
{
    size_t len_before = buf->len;
    bool is_good = text.len % 2 == 0;

    for (size_t i = 0; is_good && i < text.len; i += 2) {
        is_good = decode_hex_pair(buf, text.ptr + i);
    }
    return finish_decoding(buf, len_before, is_good);
}

bool buf_unurl(Buf *buf, Str text, bool plus_is_space)
{
    size_t len_before = buf->len;
    bool is_good = true;

    for (size_t i = 0; is_good && i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            is_good = text.len - i >= 3 && decode_hex_pair(buf, text.ptr + i + 1);
            i += 2;
        } else {
            buf_char(buf, plus_is_space && c == '+' ? ' ' : c);
        }
    }
    return finish_decoding(buf, len_before, is_good);
}
