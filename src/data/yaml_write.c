/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_write.c - block-style YAML that every parser reads back as the same values.
 *
 * A string is left plain only if neither YAML 1.2 nor the 1.1 rules that many parsers still follow
 * (yes, on, dates, base-60 numbers) see anything else in it; a text of several lines becomes a
 * literal block where that can hold it; all else is double-quoted with escapes. */
#include "base/buf.h"
#include "base/utf8.h"

#include "data/yaml.h"
#include "data/yaml_priv.h"

#include <inttypes.h>
#include <string.h>

enum {
    INDENT = 2,
    SIMPLE_KEY_MAX = 128, /* bytes; escaped it stays below the 1024 characters YAML allows */
};

static void write_node(Buf *out, const Json *v, size_t indent);

/* Characters that must be escaped, or that some parser takes for a line break. */
static bool is_special(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0xFEFF || (cp & 0xFFFE) == 0xFFFE;
}

static void write_escape(Buf *out, uint32_t cp)
{
    switch (cp) {
    case '\n':
        buf_lit(out, "\\n");
        break;
    case '\r':
        buf_lit(out, "\\r");
        break;
    case '\t':
        buf_lit(out, "\\t");
        break;
    default:
        buf_fmt(out, cp > 0xFFFF ? "\\U%08" PRIX32 : "\\u%04" PRIX32, cp);
        break;
    }
}

static void write_quoted(Buf *out, Str s)
{
    const char *end = s.ptr + s.len;

    buf_char(out, '"');
    for (const char *p = s.ptr; p < end;) {
        uint32_t cp = 0xFFFD;
        size_t n = utf8_decode(p, (size_t)(end - p), &cp);
        if (cp == '"' || cp == '\\') {
            buf_char(out, '\\');
        }
        if (is_special(cp)) {
            write_escape(out, cp);
        } else if (n == 0) {
            buf_lit(out, "\xEF\xBF\xBD");
        } else {
            buf_put(out, str_of(p, n));
        }
        p += n == 0 ? 1 : n;
    }
    buf_char(out, '"');
}

/* True if every character may stand unescaped, line feeds included when is_block. */
static bool is_printable(Str s, bool is_block)
{
    const char *end = s.ptr + s.len;

    for (const char *p = s.ptr; p < end;) {
        uint32_t cp;
        size_t n = utf8_decode(p, (size_t)(end - p), &cp);
        if (n == 0 || (is_special(cp) && !(is_block && (cp == '\n' || cp == '\t')))) {
            return false;
        }
        p += n;
    }
    return true;
}

/* Words and shapes to which YAML 1.1 gives another type, or this reader a meaning. */
static bool is_ambiguous(Str s)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "<<", "="};
    static const char number_like[] = "0123456789abcdefABCDEFxXoO_:.+-TtZz ";

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(s, str_from(words[i]))) {
            return true;
        }
    }
    if (yaml_scalar_resolve(NULL, s).form != YAML_FORM_STRING || str_starts(s, STR("..."))) {
        return true;
    }
    if (!memchr("0123456789+.", s.ptr[0], 12)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!memchr(number_like, s.ptr[i], sizeof(number_like) - 1)) {
            return false;
        }
    }
    return true;
}

static bool is_plain(Str s)
{
    if (s.len == 0 || strchr(" -?:,[]{}#&*!|>'\"%@`", s.ptr[0]) || s.ptr[s.len - 1] == ' ' ||
        s.ptr[s.len - 1] == ':' || !is_printable(s, false)) {
        return false;
    }
    return str_find(s, STR(": ")) == SIZE_MAX && str_find(s, STR(" #")) == SIZE_MAX &&
           !is_ambiguous(s);
}

/* A literal block finds its indentation by its first line, which so must begin with text. */
static bool is_literal(Str s)
{
    return s.len > 1 && str_find_char(s, '\n') != SIZE_MAX && !strchr(" \t\n", s.ptr[0]) &&
           is_printable(s, true);
}

static void write_indent(Buf *out, size_t indent)
{
    for (size_t i = 0; i < indent; i++) {
        buf_char(out, ' ');
    }
}

/* Leaves the last line open: every node is ended by its caller. */
static void write_literal(Buf *out, Str s, size_t indent)
{
    bool is_ended = s.ptr[s.len - 1] == '\n';
    Str rest = is_ended ? str_sub(s, 0, s.len - 1) : s;
    Str line;

    buf_char(out, '|');
    if (!is_ended) {
        buf_char(out, '-');
    } else if (s.ptr[s.len - 2] == '\n') {
        buf_char(out, '+');
    }
    while (str_split(&rest, '\n', &line)) {
        buf_char(out, '\n');
        if (line.len > 0) {
            write_indent(out, indent);
            buf_put(out, line);
        }
    }
}

static void write_scalar(Buf *out, const Json *v, size_t indent)
{
    switch (v->type) {
    case JSON_NULL:
        buf_lit(out, "null");
        break;
    case JSON_BOOL:
        buf_put(out, v->boolean ? STR("true") : STR("false"));
        break;
    case JSON_NUMBER:
        buf_put(out, v->text);
        break;
    case JSON_STRING:
        if (is_plain(v->text)) {
            buf_put(out, v->text);
        } else if (is_literal(v->text)) {
            write_literal(out, v->text, indent);
        } else {
            write_quoted(out, v->text);
        }
        break;
    case JSON_ARRAY:
        buf_lit(out, "[]");
        break;
    case JSON_OBJECT:
        buf_lit(out, "{}");
        break;
    }
}

static bool is_collection(const Json *v)
{
    return (v->type == JSON_ARRAY || v->type == JSON_OBJECT) && v->n > 0;
}

static void write_member(Buf *out, const JsonMember *member, size_t indent)
{
    bool is_long = member->key.len > SIMPLE_KEY_MAX;

    if (is_long) {
        buf_lit(out, "? ");
    }
    if (is_plain(member->key)) {
        buf_put(out, member->key);
    } else {
        write_quoted(out, member->key);
    }
    if (is_long) {
        buf_char(out, '\n');
        write_indent(out, indent);
    }
    buf_char(out, ':');
    if (is_collection(member->value)) {
        buf_char(out, '\n');
        write_indent(out, indent + INDENT);
    } else {
        buf_char(out, ' ');
    }
    write_node(out, member->value, indent + INDENT);
}

/* Writes from the current place of the line on; further lines begin at `indent`. */
static void write_node(Buf *out, const Json *v, size_t indent)
{
    if (!is_collection(v)) {
        write_scalar(out, v, MAX(indent, (size_t)INDENT));
        return;
    }
    for (uint32_t i = 0; i < v->n && buf_ok(out); i++) {
        if (i > 0) {
            buf_char(out, '\n');
            write_indent(out, indent);
        }
        if (v->type == JSON_ARRAY) {
            buf_lit(out, "- ");
            write_node(out, v->items[i], indent + INDENT);
        } else {
            write_member(out, &v->members[i], indent);
        }
    }
}

void yaml_write(Buf *out, const Json *v)
{
    write_node(out, v, 0);
    buf_char(out, '\n');
}
