/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_prepare.c - a document rewritten so that libyaml reads it as YAML 1.2 means it.
 *
 * Every change keeps lines, and columns but for those of a block scalar at the top, so that places
 * stay true. Most documents need none and are not copied. */
#include "base/arena.h"
#include "base/error.h"
#include "base/utf8.h"

#include "data/yaml_priv.h"

#include <string.h>

/* libyaml looks through all tag directives for every tag and every further directive. */
enum { DIRECTIVES_MAX = 64 };

/* %YAML 1.x; *at is behind the name. */
static bool is_version(Str line, size_t at)
{
    size_t from = yaml_skip_blanks(line, at);
    size_t dot = from;

    while (dot < line.len && line.ptr[dot] >= '0' && line.ptr[dot] <= '9') {
        dot++;
    }
    size_t end = dot + 1;
    while (end < line.len && line.ptr[end] >= '0' && line.ptr[end] <= '9') {
        end++;
    }
    return from > at && str_eq(str_sub(line, from, dot), STR("1")) && dot < line.len &&
           line.ptr[dot] == '.' && end > dot + 1 && yaml_is_rest_empty(line, end);
}

/* Only tag directives are left for libyaml; the others become comments. */
static Rc prepare_directive(char *line, size_t len, bool *has_version, uint32_t at, Error *err)
{
    Str text = str_of(line, len);
    size_t end = 1;

    while (end < len && !yaml_is_blank(line[end]) && !yaml_is_break(line[end])) {
        end++;
    }
    Str name = str_sub(text, 1, end);
    if (str_is(name, "TAG")) {
        return RC_OK;
    }
    line[0] = '#';
    if (!str_is(name, "YAML")) {
        return RC_OK;
    }
    if (*has_version) {
        return error_set_at(err, RC_MALFORMED, at, 1, "a document has one %%YAML directive only");
    }
    *has_version = true;
    if (!is_version(text, end)) {
        return error_set_at(err, RC_MALFORMED, at, 1,
                            "the directive must be \"%%YAML 1.2\" with nothing behind it");
    }
    return RC_OK;
}

static Rc prepare_directives(Arena *arena, YamlPiece *piece, Error *err)
{
    char *copy = arena_dup(arena, piece->text.ptr, piece->text.len);
    Str text = str_of(copy, piece->text.len);
    bool has_cr = memchr(copy, '\r', text.len) != NULL;
    bool has_version = false;
    uint32_t line = piece->line;
    unsigned n = 0;

    for (size_t at = 0; at + 3 < piece->content; line++) {
        size_t next = yaml_line_after(text, at, has_cr);
        if (copy[at] != '%') {
            copy[at] = yaml_is_break(copy[at]) ? copy[at] : '#'; /* libyaml takes no tab here */
        } else if (++n > DIRECTIVES_MAX) {
            return error_set_at(err, RC_LIMIT, line, 1, "more than %d directives in a document",
                                DIRECTIVES_MAX);
        } else {
            TRY(prepare_directive(copy + at, next - at, &has_version, line, err));
        }
        at = next;
    }
    piece->text = text;
    return RC_OK;
}

/* The piece with every line behind the header of its block scalar one space further in. */
static Str indent_lines(Arena *arena, Str text, size_t from, bool has_cr)
{
    size_t n_lines = 0;

    for (size_t at = from; at < text.len; at = yaml_line_after(text, at, has_cr)) {
        n_lines++;
    }
    char *copy = arena_alloc(arena, text.len + n_lines);
    size_t used = from;
    memcpy(copy, text.ptr, from);
    for (size_t at = from; at < text.len;) {
        size_t next = yaml_line_after(text, at, has_cr);
        copy[used++] = ' ';
        memcpy(copy + used, text.ptr + at, next - at);
        used += next - at;
        at = next;
    }
    return str_of(copy, used);
}

/* At the top of a document the content of a block scalar need not be indented (section 8.1.1.1);
 * libyaml wants one space. */
static void prepare_block_scalar(Arena *arena, YamlPiece *piece)
{
    Str text = piece->text;
    size_t at = yaml_skip_blanks(text, piece->content);

    if (at == text.len || (text.ptr[at] != '|' && text.ptr[at] != '>')) {
        return;
    }
    bool has_cr = memchr(text.ptr, '\r', text.len) != NULL;
    size_t from = yaml_line_after(text, at, has_cr);
    for (at++; at < from && !yaml_is_blank(text.ptr[at]) && !yaml_is_break(text.ptr[at]); at++) {
        if (text.ptr[at] != '+' && text.ptr[at] != '-') {
            return; /* a given indentation, or an error that libyaml will name */
        }
    }
    size_t first = from;
    while (first < text.len && (text.ptr[first] == ' ' || yaml_is_break(text.ptr[first]))) {
        first++;
    }
    if (first < text.len && (first == 0 || yaml_is_break(text.ptr[first - 1]))) {
        piece->text = indent_lines(arena, text, from, has_cr);
    }
}

/* The end of the text ends a line; libyaml would take a block scalar there for one without. */
static void end_last_line(Arena *arena, YamlPiece *piece)
{
    if (piece->text.len > 0 && !yaml_is_break(piece->text.ptr[piece->text.len - 1])) {
        const Str parts[] = {piece->text, STR("\n")};
        piece->text = str_join(arena, parts, ARRAY_LEN(parts), STR(""));
    }
}

/* ---- Line breaks of YAML 1.1 ---- */

enum {
    TWO_BYTES_FIRST = 0x100, /* stand-ins of two bytes: letters ... */
    TWO_BYTES_LAST = 0x24F,
    THREE_BYTES_FIRST = 0xE000, /* ... and of three: the private use area */
    THREE_BYTES_LAST = 0xF8FF,
};

static const Str old_breaks[YAML_OLD_BREAKS] = {
    STR_INIT("\xC2\x85"),     /* next line */
    STR_INIT("\xE2\x80\xA8"), /* line separator */
    STR_INIT("\xE2\x80\xA9"), /* paragraph separator */
};

/* A set of characters up to the end of the private use area. */
typedef struct CharSet {
    uint64_t bits[(THREE_BYTES_LAST >> 6) + 1];
} CharSet;

static bool set_has(const CharSet *set, uint32_t cp)
{
    return set->bits[cp >> 6] >> (cp & 63) & 1;
}

static void set_add(CharSet *set, uint32_t cp)
{
    if (cp <= THREE_BYTES_LAST) {
        set->bits[cp >> 6] |= UINT64_C(1) << (cp & 63);
    }
}

static void set_add_text(CharSet *set, Str text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t cp = 0;
        at += utf8_decode(text.ptr + at, text.len - at, &cp);
        set_add(set, cp);
    }
}

/* Takes a character of that many bytes that is not in the set; empty when all are. */
static Str take_unused(Arena *arena, CharSet *used, size_t n_bytes)
{
    uint32_t first = n_bytes == 2 ? TWO_BYTES_FIRST : THREE_BYTES_FIRST;
    uint32_t last = n_bytes == 2 ? TWO_BYTES_LAST : THREE_BYTES_LAST;
    char bytes[4];

    for (uint32_t cp = first; cp <= last; cp++) {
        if (!set_has(used, cp)) {
            set_add(used, cp);
            return str_dup(arena, str_of(bytes, utf8_encode(cp, bytes)));
        }
    }
    return STR_EMPTY;
}

/* U+0085, U+2028 and U+2029 end a line in YAML 1.1 and for libyaml, but are text in YAML 1.2
 * (section 5.4): other characters of the same length stand in for them until the scalars are
 * copied. */
static Rc prepare_old_breaks(Arena *arena, YamlPiece *piece, Error *err)
{
    CharSet used;
    bool is_filled = false;

    for (size_t i = 0; i < YAML_OLD_BREAKS; i++) {
        if (str_find(piece->text, old_breaks[i]) == SIZE_MAX) {
            continue;
        }
        if (!is_filled) {
            used = (CharSet){0};
            set_add_text(&used, piece->text);
            is_filled = true;
        }
        piece->stand_ins[i] = take_unused(arena, &used, old_breaks[i].len);
        if (piece->stand_ins[i].len == 0) {
            return error_set_at(err, RC_LIMIT, piece->line, 1,
                                "the document uses too many different characters beside line "
                                "separators");
        }
        piece->text = str_replace(arena, piece->text, old_breaks[i], piece->stand_ins[i]);
    }
    return RC_OK;
}

Str yaml_piece_text(Arena *arena, const YamlPiece *piece, Str s)
{
    for (size_t i = 0; i < YAML_OLD_BREAKS; i++) {
        if (piece->stand_ins[i].len > 0) {
            s = str_replace(arena, s, piece->stand_ins[i], old_breaks[i]);
        }
    }
    return str_dup(arena, s);
}

static bool is_ascii(Str text)
{
    unsigned char all = 0;

    for (size_t i = 0; i < text.len; i++) {
        all |= (unsigned char)text.ptr[i]; /* no way out early: the compiler makes it vector code */
    }
    return all < 0x80;
}

Rc yaml_piece_prepare(Arena *arena, YamlPiece *piece, Error *err)
{
    piece->is_ascii = is_ascii(piece->text);
    if (piece->has_directives) {
        TRY(prepare_directives(arena, piece, err));
    }
    if (!piece->is_ascii) {
        TRY(prepare_old_breaks(arena, piece, err));
    }
    prepare_block_scalar(arena, piece);
    end_last_line(arena, piece);
    return RC_OK;
}
