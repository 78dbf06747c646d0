/* SPDX-License-Identifier: Apache-2.0
 * data/json_read.c - the strict RFC 8259 reader.
 *
 * The text is copied into the arena once and read in the copy: strings are views into it, and
 * escapes, never longer written out than in, are undone in place. A NUL behind the copy stands in
 * for most bounds checks. The members of open arrays and objects wait on one stack and are copied
 * to an array of their exact number when it closes. */
#include "base/arena.h"
#include "base/error.h"
#include "base/utf8.h"

#include "data/json_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const JsonLimits json_default_limits = {
    .max_bytes = 16 * MIB,
    .max_depth = 64,
    .max_nodes = 1000000,
    .allow_nul = false,
};

enum { STACK_FIXED = 64, KEY_SHOWN = 100 };

typedef struct Reader {
    const JsonLimits *limits;
    Error *err;
    Str text; /* as given */
    uint32_t first_line, first_column;
    char *start, *p, *end; /* the copy */
    char *line_start;
    ptrdiff_t column_base; /* column of line_start, less the UTF-8 continuation bytes since then */
    uint32_t line;
    size_t max_depth, n_nodes;
    JsonSlab slab;
    JsonKeySet keys;
    JsonMember *stack;
    size_t n_stack, cap_stack;
    JsonMember fixed[STACK_FIXED];
} Reader;

static Rc read_value(Reader *r, size_t depth, Json **ret);

/* ---- Places and failures ---- */

static uint32_t column_of(const Reader *r, const char *at)
{
    return (uint32_t)(at - r->line_start + r->column_base);
}

static Rc PRINTF_FORMAT(4, 5) fail_at(Reader *r, Rc code, const char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Rc rc = error_vset(r->err, code, fmt, ap);
    va_end(ap);
    if (r->err) {
        r->err->line = r->line;
        r->err->column = column_of(r, at);
    }
    return rc;
}

/* Says what stands at p, in place of what was expected. */
static Rc fail_expected(Reader *r, const char *expected)
{
    unsigned char c = (unsigned char)*r->p;

    if (r->p >= r->end) {
        return fail_at(r, RC_MALFORMED, r->p, "the JSON text ends where %s was expected", expected);
    }
    if (c > 0x20 && c < 0x7F) {
        return fail_at(r, RC_MALFORMED, r->p, "expected %s, found '%c'", expected, c);
    }
    return fail_at(r, RC_MALFORMED, r->p, "expected %s, found byte 0x%02X", expected, c);
}

/* Counts the place of an earlier byte; only for error messages. It runs over the text as given,
 * since strings in the copy may have been undone in place. */
static void place_of(const Reader *r, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = r->first_line;
    *column = r->first_column;
    for (size_t i = 0; i < offset; i++) {
        unsigned char c = (unsigned char)r->text.ptr[i];
        if (c == '\n' || (c == '\r' && r->text.ptr[i + 1] != '\n')) {
            *line += 1;
            *column = 1;
        } else if ((c & 0xC0) != 0x80 && c != '\r') {
            *column += 1;
        }
    }
}

/* ---- Strings ---- */

#define BYTES(b) (UINT64_C(0x0101010101010101) * (b))

/* The first byte from p on that is not plain: a quote, a backslash, a control character or not
 * ASCII. The NUL behind the text is a control character, so that the search always ends. */
static char *skip_plain(char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t quote = w ^ BYTES('"');
        uint64_t slash = w ^ BYTES('\\');
        uint64_t hit = ((quote - BYTES(1)) & ~quote) | ((slash - BYTES(1)) & ~slash) |
                       ((w - BYTES(0x20)) & ~w) | w;
        if (hit & BYTES(0x80)) {
            break;
        }
        p += 8;
    }
    while ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

static int hex4(const char *p)
{
    int v = 0;

    for (size_t i = 0; i < 4; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9') {
            v = v * 16 + (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            v = v * 16 + (c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            v = v * 16 + (c - 'A' + 10);
        } else {
            return -1; /* the closing NUL also ends here */
        }
    }
    return v;
}

/* p is at the backslash of \u. Moves *p behind the escape (or the pair) and *w behind its bytes. */
static Rc read_unicode(Reader *r, char **p, char **w)
{
    int high = hex4(*p + 2);
    uint32_t cp = (uint32_t)high;
    size_t used = 6;

    if (high < 0) {
        return fail_at(r, RC_MALFORMED, *p, "\\u must be followed by four hexadecimal digits");
    }
    if (high >= 0xDC00 && high <= 0xDFFF) {
        return fail_at(r, RC_MALFORMED, *p, "\\u%04X is half of a surrogate pair", high);
    }
    if (high >= 0xD800 && high <= 0xDBFF) {
        int low = (*p)[6] == '\\' && (*p)[7] == 'u' ? hex4(*p + 8) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            return fail_at(r, RC_MALFORMED, *p, "\\u%04X is half of a surrogate pair", high);
        }
        cp = 0x10000 + (((uint32_t)high - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        used = 12;
    }
    if (cp == 0 && !r->limits->allow_nul) {
        return fail_at(r, RC_MALFORMED, *p, "\\u0000 is not allowed in a string");
    }
    *w += utf8_encode(cp, *w);
    *p += used;
    return RC_OK;
}

static Rc read_escape(Reader *r, char **p, char **w)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = (*p)[1];
    const char *at = c ? strchr(from, c) : NULL;

    if (c == 'u') {
        return read_unicode(r, p, w);
    }
    if (!at) {
        return fail_at(r, RC_MALFORMED, *p,
                       "unknown escape in a string: after a backslash stands one of "
                       "\" \\ / b f n r t u");
    }
    *(*w)++ = to[at - from];
    *p += 2;
    return RC_OK;
}

/* The part of a string from its first byte that is not plain on. */
static Rc read_string_rest(Reader *r, char *start, char *p, Str *ret)
{
    char *w = p;

    for (;;) {
        unsigned char c = (unsigned char)*p;
        if (c == '"') {
            r->p = p + 1;
            *ret = str_of(start, (size_t)(w - start));
            return RC_OK;
        }
        if (c == '\\') {
            TRY(read_escape(r, &p, &w));
        } else if (c >= 0x80) {
            size_t n = utf8_decode(p, (size_t)(r->end - p), NULL);
            if (n == 0) {
                return fail_at(r, RC_MALFORMED, p, "byte 0x%02X is not valid UTF-8 here", c);
            }
            memmove(w, p, n);
            p += n;
            w += n;
            r->column_base -= (ptrdiff_t)n - 1; /* columns count characters */
        } else if (c < 0x20) {
            if (p >= r->end) {
                return fail_at(r, RC_MALFORMED, p, "a string is not closed with '\"'");
            }
            return fail_at(r, RC_MALFORMED, p,
                           "control character 0x%02X in a string: write it as an escape", c);
        } else {
            char *next = skip_plain(p, r->end);
            if (w != p) {
                memmove(w, p, (size_t)(next - p));
            }
            w += next - p;
            p = next;
        }
    }
}

/* r->p is at the opening quote. */
static Rc read_string(Reader *r, Str *ret)
{
    char *start = r->p + 1;
    char *p = skip_plain(start, r->end);

    if (*p == '"') {
        *ret = str_of(start, (size_t)(p - start));
        r->p = p + 1;
        return RC_OK;
    }
    return read_string_rest(r, start, p, ret);
}

/* ---- Values ---- */

static void skip_space(Reader *r)
{
    char *p = r->p;

    for (;; p++) {
        if (*p == ' ' || *p == '\t') {
            continue;
        }
        if (*p == '\r' && p[1] == '\n') {
            p++;
        }
        if (*p != '\n' && *p != '\r') {
            break;
        }
        r->line++;
        r->line_start = p + 1;
        r->column_base = 1;
    }
    r->p = p;
}

static void stack_push(Reader *r, JsonMember member)
{
    if (r->n_stack == r->cap_stack) {
        size_t cap = r->cap_stack * 2;
        bool is_fixed = r->stack == r->fixed;
        JsonMember *grown = realloc(is_fixed ? NULL : r->stack, cap * sizeof(*grown));
        ASSERT(grown);
        if (is_fixed) {
            memcpy(grown, r->fixed, sizeof(r->fixed));
        }
        r->stack = grown;
        r->cap_stack = cap;
    }
    r->stack[r->n_stack++] = member;
}

static Rc check_duplicates(Reader *r, const Json *object)
{
    size_t first, second;

    if (!json_key_set_duplicate(&r->keys, object->members, object->n, &first, &second)) {
        return RC_OK;
    }
    /* Keys are views into the copy: their places follow from their offsets. */
    Str key = object->members[second].key;
    uint32_t line, column, line_first, column_first;
    place_of(r, (size_t)(object->members[first].key.ptr - r->start) - 1, &line_first,
             &column_first);
    place_of(r, (size_t)(key.ptr - r->start) - 1, &line, &column);
    return error_set_at(r->err, RC_MALFORMED, line, column,
                        "duplicate key \"%.*s\": it stands at line %" PRIu32 ", column %" PRIu32
                        " already",
                        STR_ARG(str_sub(key, 0, KEY_SHOWN)), line_first, column_first);
}

static Rc read_array(Reader *r, size_t depth, Json *node)
{
    size_t base = r->n_stack;

    r->p++;
    skip_space(r);
    if (*r->p == ']') {
        r->p++;
        return RC_OK;
    }
    for (;;) {
        JsonMember item = {.value = NULL};
        TRY(read_value(r, depth + 1, &item.value));
        stack_push(r, item);
        skip_space(r);
        if (*r->p == ']') {
            break;
        }
        if (*r->p != ',') {
            return fail_expected(r, "',' or ']' after an array item");
        }
        r->p++;
        skip_space(r);
    }
    r->p++;
    size_t n = r->n_stack - base;
    node->items = ARENA_ARRAY(r->slab.arena, Json *, n);
    for (size_t i = 0; i < n; i++) {
        node->items[i] = r->stack[base + i].value;
    }
    node->n = node->cap = (uint32_t)n;
    r->n_stack = base;
    return RC_OK;
}

static Rc read_member(Reader *r, size_t depth)
{
    JsonMember member;

    if (*r->p != '"') {
        return fail_expected(r, "a key in double quotes");
    }
    TRY(read_string(r, &member.key));
    skip_space(r);
    if (*r->p != ':') {
        return fail_expected(r, "':' after an object key");
    }
    r->p++;
    skip_space(r);
    TRY(read_value(r, depth + 1, &member.value));
    stack_push(r, member);
    skip_space(r);
    return RC_OK;
}

static Rc read_object(Reader *r, size_t depth, Json *node)
{
    size_t base = r->n_stack;

    r->p++;
    skip_space(r);
    if (*r->p == '}') {
        r->p++;
        return RC_OK;
    }
    for (;;) {
        TRY(read_member(r, depth));
        if (*r->p == '}') {
            break;
        }
        if (*r->p != ',') {
            return fail_expected(r, "',' or '}' after an object member");
        }
        r->p++;
        skip_space(r);
    }
    r->p++;
    size_t n = r->n_stack - base;
    node->members = arena_dup(r->slab.arena, r->stack + base, n * sizeof(JsonMember));
    node->n = node->cap = (uint32_t)n;
    r->n_stack = base;
    return check_duplicates(r, node);
}

static Rc read_number(Reader *r, Json *node)
{
    size_t n = json_number_length(str_of(r->p, (size_t)(r->end - r->p)));
    char next = n ? r->p[n] : '\0';

    if (n == 0 || (next >= '0' && next <= '9') || next == '.' || next == 'e' || next == 'E') {
        return fail_at(r, RC_MALFORMED, r->p,
                       "not a JSON number: digits without leading zeros, then optionally a "
                       "fraction and an exponent");
    }
    node->text = str_of(r->p, n);
    r->p += n;
    return RC_OK;
}

static Rc read_word(Reader *r, Str word)
{
    if ((size_t)(r->end - r->p) < word.len || memcmp(r->p, word.ptr, word.len) != 0) {
        return fail_expected(r, "a JSON value");
    }
    r->p += word.len;
    return RC_OK;
}

static Rc read_value(Reader *r, size_t depth, Json **ret)
{
    static const JsonType types[256] = {
        ['{'] = JSON_OBJECT, ['['] = JSON_ARRAY,  ['"'] = JSON_STRING, ['-'] = JSON_NUMBER,
        ['0'] = JSON_NUMBER, ['1'] = JSON_NUMBER, ['2'] = JSON_NUMBER, ['3'] = JSON_NUMBER,
        ['4'] = JSON_NUMBER, ['5'] = JSON_NUMBER, ['6'] = JSON_NUMBER, ['7'] = JSON_NUMBER,
        ['8'] = JSON_NUMBER, ['9'] = JSON_NUMBER, ['t'] = JSON_BOOL,   ['f'] = JSON_BOOL,
    };
    char c = *r->p;
    JsonType type = types[(unsigned char)c];

    if (type == JSON_NULL && c != 'n') {
        return fail_expected(r, "a JSON value");
    }
    if (++r->n_nodes > r->limits->max_nodes) {
        return fail_at(r, RC_LIMIT, r->p, "more than %zu values in one text", r->limits->max_nodes);
    }
    if ((type == JSON_ARRAY || type == JSON_OBJECT) && depth >= r->max_depth) {
        return fail_at(r, RC_LIMIT, r->p, "nested more than %zu levels deep", r->max_depth);
    }
    Json *node = json_slab_node(&r->slab, type);
    node->line = r->line;
    node->column = column_of(r, r->p);
    *ret = node;
    switch (type) {
    case JSON_OBJECT:
        return read_object(r, depth, node);
    case JSON_ARRAY:
        return read_array(r, depth, node);
    case JSON_STRING:
        return read_string(r, &node->text);
    case JSON_NUMBER:
        return read_number(r, node);
    case JSON_BOOL:
        node->boolean = c == 't';
        return read_word(r, c == 't' ? STR("true") : STR("false"));
    case JSON_NULL:
        return read_word(r, STR("null"));
    }
    return RC_INTERNAL;
}

static Rc read_text(Reader *r, Json **ret)
{
    Json *root = NULL;

    if (r->text.len >= 3 && memcmp(r->text.ptr, "\xEF\xBB\xBF", 3) == 0) {
        return fail_at(r, RC_MALFORMED, r->p, "a JSON text must not begin with a byte order mark");
    }
    skip_space(r);
    TRY(read_value(r, 0, &root));
    skip_space(r);
    if (r->p < r->end) {
        return fail_expected(r, "the end of the text");
    }
    *ret = root;
    return RC_OK;
}

Rc json_read(Arena *arena,
             Str text,
             const JsonLimits *limits,
             uint32_t line,
             uint32_t column,
             Json **ret,
             size_t *ret_nodes,
             Error *err)
{
    if (text.len > limits->max_bytes) {
        return error_set(err, RC_LIMIT, "the JSON text has %zu bytes, at most %zu are allowed",
                         text.len, limits->max_bytes);
    }
    char *copy = arena_alloc(arena, text.len + 1);
    memcpy(copy, text.len ? text.ptr : "", text.len);
    Reader r = {.limits = limits,
                .err = err,
                .text = text,
                .first_line = line,
                .first_column = column,
                .start = copy,
                .p = copy,
                .end = copy + text.len,
                .line_start = copy,
                .column_base = (ptrdiff_t)column,
                .line = line,
                .max_depth = MIN(limits->max_depth, (size_t)JSON_DEPTH_CAP),
                .slab.arena = arena,
                .cap_stack = STACK_FIXED};
    r.stack = r.fixed;
    Rc rc = read_text(&r, ret);
    if (rc == RC_OK && ret_nodes) {
        *ret_nodes = r.n_nodes;
    }
    if (r.stack != r.fixed) {
        free(r.stack);
    }
    json_key_set_done(&r.keys);
    return rc;
}

Rc json_parse(Arena *arena, Str text, const JsonLimits *limits, Json **ret, Error *err)
{
    return json_read(arena, text, limits ? limits : &json_default_limits, 1, 1, ret, NULL, err);
}
