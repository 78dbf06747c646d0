/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_split.c - a stream of documents, one by one.
 *
 * Parsing them apart gives what libyaml alone does not: a document without "---" after "...",
 * directives that end with their document, and JSON documents read by the JSON reader. */
#include "base/arena.h"
#include "base/error.h"

#include "data/yaml_priv.h"

#include <string.h>

/* libyaml looks through all tag directives for every tag and every further directive. */
enum { DIRECTIVES_MAX = 64 };

#define BOM "\xEF\xBB\xBF"

YamlSplitter yaml_splitter(Str text)
{
    return (YamlSplitter){
        .text = text,
        .line = 1,
        .has_cr = text.len > 0 && memchr(text.ptr, '\r', text.len) != NULL,
    };
}

/* Offset behind the line that holds `at`. A lone CR ends a line too. */
static size_t line_after(Str text, size_t at, bool has_cr)
{
    if (!has_cr) {
        const char *lf = at < text.len ? memchr(text.ptr + at, '\n', text.len - at) : NULL;
        return lf ? (size_t)(lf - text.ptr) + 1 : text.len;
    }
    while (at < text.len && text.ptr[at] != '\n' && text.ptr[at] != '\r') {
        at++;
    }
    if (at + 1 < text.len && text.ptr[at] == '\r' && text.ptr[at + 1] == '\n') {
        at++;
    }
    return MIN(at + 1, text.len);
}

static void next_line(YamlSplitter *s)
{
    s->at = line_after(s->text, s->at, s->has_cr);
    s->line++;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_marker(Str text, size_t at, const char *marker)
{
    return text.len - at >= 3 && memcmp(text.ptr + at, marker, 3) == 0 &&
           (text.len - at == 3 || is_blank(text.ptr[at + 3]) || is_break(text.ptr[at + 3]));
}

static size_t skip_blanks(Str text, size_t at)
{
    while (at < text.len && is_blank(text.ptr[at])) {
        at++;
    }
    return at;
}

/* True if nothing but a comment, set off by white space, stands from `at` to the end of the line.
 */
static bool is_rest_empty(Str text, size_t at)
{
    size_t end = skip_blanks(text, at);

    return end == text.len || is_break(text.ptr[end]) || (text.ptr[end] == '#' && end > at);
}

/* True for a line, beginning at `at`, of white space or a comment only. */
static bool is_line_empty(Str text, size_t at)
{
    return is_rest_empty(text, at) || text.ptr[at] == '#';
}

/* At a "..." line: passes it. */
static Rc take_end_marker(YamlSplitter *s, Error *err)
{
    if (!is_rest_empty(s->text, s->at + 3)) {
        return error_set_at(err, RC_MALFORMED, s->line, 4,
                            "only a comment may follow \"...\" on its line");
    }
    s->is_open = false;
    next_line(s);
    return RC_OK;
}

/* Passes what may stand before a document; *ret_found says whether one begins at s->at then. */
static Rc skip_prefix(YamlSplitter *s, YamlPiece *piece, bool *ret_found, Error *err)
{
    *ret_found = false;
    while (s->at < s->text.len && !*ret_found) {
        if (str_starts(str_from_index(s->text, s->at), STR(BOM)) && !piece->has_directives) {
            s->at += 3;
        }
        if (s->at < s->text.len && s->text.ptr[s->at] == '%') {
            if (!piece->has_directives) {
                piece->has_directives = true;
                piece->text.ptr = s->text.ptr + s->at;
                piece->line = s->line;
            }
            next_line(s);
        } else if (is_line_empty(s->text, s->at)) {
            next_line(s);
        } else if (is_marker(s->text, s->at, "...") && !piece->has_directives) {
            TRY(take_end_marker(s, err));
        } else {
            *ret_found = true;
        }
    }
    if (piece->has_directives && (!*ret_found || !is_marker(s->text, s->at, "---"))) {
        return error_set_at(err, RC_MALFORMED, s->line, 1,
                            "a \"---\" line must follow the directives");
    }
    return RC_OK;
}

Rc yaml_split_next(YamlSplitter *s, YamlPiece *ret, bool *ret_found, Error *err)
{
    YamlPiece piece = {.text = STR_EMPTY};

    if (s->is_open) {
        *ret_found = s->at < s->text.len;
    } else {
        TRY(skip_prefix(s, &piece, ret_found, err));
    }
    if (!*ret_found) {
        return RC_OK;
    }
    if (!piece.has_directives) {
        piece.text.ptr = s->text.ptr + s->at;
        piece.line = s->line;
    }
    piece.has_marker = is_marker(s->text, s->at, "---");
    piece.content = (size_t)(s->text.ptr + s->at - piece.text.ptr) + (piece.has_marker ? 3 : 0);
    piece.content_line = s->line;
    piece.content_column = piece.has_marker ? 4 : 1;
    do {
        next_line(s);
    } while (s->at < s->text.len && !is_marker(s->text, s->at, "---") &&
             !is_marker(s->text, s->at, "..."));
    piece.text.len = (size_t)(s->text.ptr + s->at - piece.text.ptr);
    s->is_open = true;
    if (s->at < s->text.len && s->text.ptr[s->at] == '.') {
        TRY(take_end_marker(s, err));
    }
    *ret = piece;
    return RC_OK;
}

/* ---- Rewriting for libyaml ---- */

/* %YAML 1.x; *at is behind the name. */
static bool is_version(Str line, size_t at)
{
    size_t from = skip_blanks(line, at);
    size_t dot = from;

    while (dot < line.len && line.ptr[dot] >= '0' && line.ptr[dot] <= '9') {
        dot++;
    }
    size_t end = dot + 1;
    while (end < line.len && line.ptr[end] >= '0' && line.ptr[end] <= '9') {
        end++;
    }
    return from > at && str_eq(str_sub(line, from, dot), STR("1")) && dot < line.len &&
           line.ptr[dot] == '.' && end > dot + 1 && is_rest_empty(line, end);
}

/* Only tag directives are left for libyaml; the others become comments. */
static Rc prepare_directive(char *line, size_t len, bool *has_version, uint32_t at, Error *err)
{
    Str text = str_of(line, len);
    size_t end = 1;

    while (end < len && !is_blank(line[end]) && !is_break(line[end])) {
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
        size_t next = line_after(text, at, has_cr);
        if (copy[at] != '%') {
            copy[at] = is_break(copy[at]) ? copy[at] : '#'; /* libyaml takes no tab here */
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

    for (size_t at = from; at < text.len; at = line_after(text, at, has_cr)) {
        n_lines++;
    }
    char *copy = arena_alloc(arena, text.len + n_lines);
    size_t used = from;
    memcpy(copy, text.ptr, from);
    for (size_t at = from; at < text.len;) {
        size_t next = line_after(text, at, has_cr);
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
    size_t at = skip_blanks(text, piece->content);

    if (at == text.len || (text.ptr[at] != '|' && text.ptr[at] != '>')) {
        return;
    }
    bool has_cr = memchr(text.ptr, '\r', text.len) != NULL;
    size_t from = line_after(text, at, has_cr);
    for (at++; at < from && !is_blank(text.ptr[at]) && !is_break(text.ptr[at]); at++) {
        if (text.ptr[at] != '+' && text.ptr[at] != '-') {
            return; /* a given indentation, or an error that libyaml will name */
        }
    }
    size_t first = from;
    while (first < text.len && (text.ptr[first] == ' ' || is_break(text.ptr[first]))) {
        first++;
    }
    if (first < text.len && (first == 0 || is_break(text.ptr[first - 1]))) {
        piece->text = indent_lines(arena, text, from, has_cr);
    }
}

/* The end of the text ends a line; libyaml would take a block scalar there for one without. */
static void end_last_line(Arena *arena, YamlPiece *piece)
{
    if (piece->text.len > 0 && !is_break(piece->text.ptr[piece->text.len - 1])) {
        const Str parts[] = {piece->text, STR("\n")};
        piece->text = str_join(arena, parts, ARRAY_LEN(parts), STR(""));
    }
}

Rc yaml_piece_prepare(Arena *arena, YamlPiece *piece, Error *err)
{
    if (piece->has_directives) {
        TRY(prepare_directives(arena, piece, err));
    }
    prepare_block_scalar(arena, piece);
    end_last_line(arena, piece);
    return RC_OK;
}
