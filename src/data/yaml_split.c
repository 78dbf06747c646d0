/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_split.c - a stream of documents, one by one.
 *
 * Parsing them apart gives what libyaml alone does not: a document without "---" after "...",
 * directives that end with their document, and JSON documents read by the JSON reader. */
#include "base/arena.h"
#include "base/error.h"

#include "data/yaml_priv.h"

#include <string.h>

#define BOM "\xEF\xBB\xBF"

YamlSplitter yaml_splitter(Str text)
{
    return (YamlSplitter){
        .text = text,
        .line = 1,
        .has_cr = text.len > 0 && memchr(text.ptr, '\r', text.len) != NULL,
    };
}

size_t yaml_line_after(Str text, size_t at, bool has_cr)
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
    s->at = yaml_line_after(s->text, s->at, s->has_cr);
    s->line++;
}

static bool is_marker(Str text, size_t at, const char *marker)
{
    return text.len - at >= 3 && memcmp(text.ptr + at, marker, 3) == 0 &&
           (text.len - at == 3 || yaml_is_blank(text.ptr[at + 3]) ||
            yaml_is_break(text.ptr[at + 3]));
}

size_t yaml_skip_blanks(Str text, size_t at)
{
    while (at < text.len && yaml_is_blank(text.ptr[at])) {
        at++;
    }
    return at;
}

/* True if nothing but a comment, set off by white space, stands from `at` to the end of the line.
 */
bool yaml_is_rest_empty(Str text, size_t at)
{
    size_t end = yaml_skip_blanks(text, at);

    return end == text.len || yaml_is_break(text.ptr[end]) || (text.ptr[end] == '#' && end > at);
}

/* True for a line, beginning at `at`, of white space or a comment only. */
static bool is_line_empty(Str text, size_t at)
{
    return yaml_is_rest_empty(text, at) || text.ptr[at] == '#';
}

/* At a "..." line: passes it. */
static Rc take_end_marker(YamlSplitter *s, Error *err)
{
    if (!yaml_is_rest_empty(s->text, s->at + 3)) {
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
