/* SPDX-License-Identifier: Apache-2.0
 * platform/api/v8_json.c - the words of Backstage's runtime for a body that is not JSON.
 *
 * Clients of Backstage see the message of V8's JSON.parse. This is a scanner that stops where V8
 * stops and says what it says (Node.js 22; the test compares with a real one where there is one).
 * Positions count UTF-16 code units. */
#include "platform/api/v8_json.h"

#include "platform/api/api_priv.h"

enum { MAX_DEPTH = 512, CONTEXT = 10, MASK_MAX = 1024 * 1024 };

typedef enum Fault {
    FAULT_NONE,
    FAULT_GIVE_UP, /* deeper than we follow */
    FAULT_TOKEN,   /* "Unexpected token" or the end */
    FAULT_AT       /* `words` in JSON at position */
} Fault;

typedef struct Scan {
    Str text;
    size_t at;
    Fault fault;
    const char *words;
} Scan;

static bool fault(Scan *s, Fault kind, const char *words)
{
    s->fault = kind;
    s->words = words;
    return false;
}

static bool at_end(const Scan *s)
{
    return s->at >= s->text.len;
}

static int peek(const Scan *s)
{
    return at_end(s) ? -1 : (unsigned char)s->text.ptr[s->at];
}

static int skip_space(Scan *s)
{
    while (!at_end(s) && strchr(" \t\r\n", s->text.ptr[s->at]) && s->text.ptr[s->at]) {
        s->at++;
    }
    return peek(s);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool scan_escape(Scan *s)
{
    s->at++;
    int c = peek(s);
    if (c < 0) {
        return fault(s, FAULT_TOKEN, NULL);
    }
    if (c != 'u') {
        if (!strchr("\"\\/bfnrt", c)) {
            return fault(s, FAULT_AT, "Bad escaped character in JSON");
        }
        s->at++;
        return true;
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++) {
        c = peek(s);
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!hex) {
            return fault(s, FAULT_AT, "Bad Unicode escape in JSON");
        }
    }
    return true;
}

static bool scan_string(Scan *s)
{
    s->at++;
    for (;;) {
        int c = peek(s);
        if (c < 0) {
            return fault(s, FAULT_AT, "Unterminated string in JSON");
        }
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20) {
            return fault(s, FAULT_AT, "Bad control character in string literal in JSON");
        }
        if (c != '\\') {
            s->at++;
        } else if (!scan_escape(s)) {
            return false;
        }
    }
}

static bool scan_digits(Scan *s, const char *words)
{
    if (!is_digit(peek(s))) {
        return fault(s, FAULT_AT, words);
    }
    while (is_digit(peek(s))) {
        s->at++;
    }
    return true;
}

static bool scan_number(Scan *s)
{
    if (peek(s) == '-') {
        s->at++;
        if (!is_digit(peek(s))) {
            return fault(s, FAULT_AT, "No number after minus sign in JSON");
        }
    }
    if (peek(s) == '0') {
        s->at++;
        if (is_digit(peek(s))) {
            return fault(s, FAULT_AT, "Unexpected number in JSON");
        }
    } else if (!scan_digits(s, "No number after minus sign in JSON")) {
        return false;
    }
    if (peek(s) == '.') {
        s->at++;
        if (!scan_digits(s, "Unterminated fractional number in JSON")) {
            return false;
        }
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') {
            s->at++;
        }
        return scan_digits(s, "Exponent part is missing a number in JSON");
    }
    return true;
}

static bool scan_word(Scan *s, const char *word)
{
    for (; *word; word++, s->at++) {
        if (peek(s) != *word) {
            return fault(s, FAULT_TOKEN, NULL);
        }
    }
    return true;
}

static bool scan_value(Scan *s, int depth);

static bool scan_array(Scan *s, int depth)
{
    s->at++;
    if (skip_space(s) == ']') {
        s->at++;
        return true;
    }
    for (;;) {
        if (!scan_value(s, depth)) {
            return false;
        }
        int c = skip_space(s);
        if (c != ',' && c != ']') {
            return fault(s, FAULT_AT, "Expected ',' or ']' after array element in JSON");
        }
        s->at++;
        if (c == ']') {
            return true;
        }
    }
}

static bool scan_object(Scan *s, int depth)
{
    bool first = true;
    s->at++;
    if (skip_space(s) == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        if (skip_space(s) != '"') {
            return fault(s, FAULT_AT,
                         first ? "Expected property name or '}' in JSON"
                               : "Expected double-quoted property name in JSON");
        }
        if (!scan_string(s)) {
            return false;
        }
        if (skip_space(s) != ':') {
            /* V8 has no words of its own for the second property and on */
            return fault(s, first ? FAULT_AT : FAULT_TOKEN,
                         "Expected ':' after property name in JSON");
        }
        first = false;
        s->at++;
        if (!scan_value(s, depth)) {
            return false;
        }
        int c = skip_space(s);
        if (c != ',' && c != '}') {
            return fault(s, FAULT_AT, "Expected ',' or '}' after property value in JSON");
        }
        s->at++;
        if (c == '}') {
            return true;
        }
    }
}

static bool scan_value(Scan *s, int depth)
{
    if (depth > MAX_DEPTH) {
        return fault(s, FAULT_GIVE_UP, NULL);
    }
    int c = skip_space(s);
    switch (c) {
    case '{':
        return scan_object(s, depth + 1);
    case '[':
        return scan_array(s, depth + 1);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return c == '-' || is_digit(c) ? scan_number(s) : fault(s, FAULT_TOKEN, NULL);
    }
}

/* ---- positions in UTF-16 code units */

static size_t sequence_len(Str text, size_t at)
{
    unsigned char c = (unsigned char)text.ptr[at];
    size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return MIN(len, text.len - at);
}

static size_t units(Str text, size_t bytes)
{
    size_t n = 0;
    for (size_t at = 0; at < bytes;) {
        size_t len = sequence_len(text, at);
        n += len == 4 ? 2 : 1;
        at += len;
    }
    return n;
}

static size_t byte_of(Str text, size_t unit)
{
    size_t at = 0;
    for (size_t n = 0; n < unit && at < text.len;) {
        size_t len = sequence_len(text, at);
        n += len == 4 ? 2 : 1;
        at += len;
    }
    return at;
}

/* ---- words */

static Str at_position(Arena *arena, const Scan *s, const char *words)
{
    size_t line = 1;
    size_t line_start = 0;
    for (size_t i = 0; i < s->at; i++) {
        char c = s->text.ptr[i];
        bool crlf = c == '\r' && i + 1 < s->at && s->text.ptr[i + 1] == '\n';
        if ((c == '\n' || c == '\r') && !crlf) {
            line++;
            line_start = i + 1;
        }
    }
    size_t position = units(s->text, s->at);
    return str_fmt(arena, "%s at position %zu (line %zu column %zu)", words, position, line,
                   position - units(s->text, line_start) + 1);
}

static Str unexpected_token(Arena *arena, const Scan *s)
{
    Str text = s->text;
    if (at_end(s)) {
        return STR("Unexpected end of JSON input");
    }
    int c = peek(s);
    if (c == '"' || c == '-' || is_digit(c)) {
        return at_position(arena, s,
                           c == '"' ? "Unexpected string in JSON" : "Unexpected number in JSON");
    }
    Str token = str_sub(text, s->at, s->at + sequence_len(text, s->at));
    size_t total = units(text, text.len);
    size_t position = units(text, s->at);
    size_t from = 0;
    size_t to = total;
    if (total > 2 * (size_t)CONTEXT) {
        from = position < CONTEXT ? 0 : position - CONTEXT;
        to = position < CONTEXT || position < total - CONTEXT ? position + CONTEXT : total;
    }
    Str shown = str_sub(text, byte_of(text, from), byte_of(text, to));
    return str_fmt(arena, "Unexpected token '%.*s', %s\"%.*s\"%s is not valid JSON", STR_ARG(token),
                   from > 0 ? "..." : "", STR_ARG(shown), to < total ? "..." : "");
}

Str v8_json_parse_error(Arena *arena, Str text)
{
    Scan s = {.text = text};
    if (scan_value(&s, 0) && skip_space(&s) >= 0) {
        return at_position(arena, &s, "Unexpected non-whitespace character after JSON");
    }
    switch (s.fault) {
    case FAULT_TOKEN:
        return unexpected_token(arena, &s);
    case FAULT_AT:
        /* the end is told apart only where V8 had no better word */
        return at_position(arena, &s, s.words);
    case FAULT_NONE:
    case FAULT_GIVE_UP:
    default:
        return STR_EMPTY;
    }
}

/* body-parser takes objects and arrays only. For anything else it lets JSON.parse fail on a text
 * whose rest is masked, and puts the original back into the message. */
static Str strict_error(Arena *arena, Str text, size_t first)
{
    Buf masked = buf_init(arena, MASK_MAX);
    Str rest = str_from_index(text, first);
    size_t n = units(rest, rest.len);
    buf_put(&masked, str_sub(text, 0, first));
    for (size_t i = 0; i < n; i++) {
        buf_char(&masked, '#');
    }
    Str message = buf_ok(&masked) ? v8_json_parse_error(arena, buf_str(&masked)) : STR_EMPTY;
    Buf out = buf_init(arena, 4 * KIB);
    for (size_t i = 0; i < message.len;) {
        size_t run = 0;
        while (i + run < message.len && message.ptr[i + run] == '#') {
            run++;
        }
        if (run > 0) {
            buf_put(&out, str_sub(rest, 0, byte_of(rest, run)));
            i += run;
        } else {
            buf_char(&out, message.ptr[i++]);
        }
    }
    return buf_ok(&out) ? buf_str(&out) : STR_EMPTY;
}

Str v8_json_error(Arena *arena, Str text)
{
    Scan s = {.text = text};
    int c = skip_space(&s);
    if (!str_is_utf8(text, NULL)) {
        return STR_EMPTY;
    }
    if (c < 0) {
        return STR("Unexpected end of JSON input");
    }
    return c == '{' || c == '[' ? v8_json_parse_error(arena, text)
                                : strict_error(arena, text, s.at);
}
