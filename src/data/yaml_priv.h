/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_priv.h - the parts of the YAML reader and writer; private to src/data. */
#ifndef DATA_YAML_PRIV_H
#define DATA_YAML_PRIV_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include "data/json.h"

#include <yaml.h>

/* ---- yaml_split.c: a stream into documents ---- */

enum { YAML_OLD_BREAKS = 3 };

/* One document. Lines that begin with "---" or "..." separate documents in every context (YAML 1.2
 * section 9.1.2), so that they are found without parsing what stands between. */
typedef struct YamlPiece {
    Str text;       /* from its first directive, its "---" or its first content line on */
    uint32_t line;  /* of the first byte of text, 1-based */
    size_t content; /* offset in text behind the "---", or 0 */
    uint32_t content_line, content_column;
    bool has_marker; /* starts with "---", after directives if it has_directives */
    bool has_directives;
    bool is_ascii;                  /* known once prepared */
    Str stand_ins[YAML_OLD_BREAKS]; /* what prepare put for each such break; empty where for none */
} YamlPiece;

typedef struct YamlSplitter {
    Str text;
    size_t at;
    uint32_t line;
    bool has_cr;
    bool is_open; /* the next document follows a "---" without "..." before it */
} YamlSplitter;

YamlSplitter yaml_splitter(Str text);
/* *ret_found is false at the end of the stream. */
MUST_CHECK Rc yaml_split_next(YamlSplitter *s, YamlPiece *ret, bool *ret_found, Error *err);
/* Offset behind the line that holds `at`. A lone CR ends a line too; has_cr false promises that
 * the text has no CR. */
size_t yaml_line_after(Str text, size_t at, bool has_cr);
size_t yaml_skip_blanks(Str text, size_t at);
/* True if nothing but a comment, set off by white space, stands from `at` to the end of the line.
 */
bool yaml_is_rest_empty(Str text, size_t at);

static inline bool yaml_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool yaml_is_break(char c)
{
    return c == '\n' || c == '\r';
}

/* ---- yaml_prepare.c: what libyaml cannot read although it must ---- */

/* Directives libyaml does not know, a block scalar at the top that is not indented, a last line
 * without its end, the line breaks that only YAML 1.1 has. */
MUST_CHECK Rc yaml_piece_prepare(Arena *arena, YamlPiece *piece, Error *err);
/* A copy of a scalar of the prepared piece as it was before. */
Str yaml_piece_text(Arena *arena, const YamlPiece *piece, Str s);

/* ---- yaml_check.c: rules of YAML 1.2 that libyaml does not enforce ---- */

typedef struct YamlCheck {
    Str text;
    bool is_ascii; /* marks count characters: then they are also offsets */
    size_t at_index, at_offset;
    size_t last_end;   /* offset behind the previous event */
    size_t flow_start; /* of the outermost open flow collection */
    size_t depth, flow_depth;
    int64_t *indents; /* of the open collections; FLOW for flow ones */
} YamlCheck;

/* For a prepared piece; room for max_depth open collections. */
YamlCheck yaml_check_init(const YamlPiece *piece, size_t max_depth);
void yaml_check_done(YamlCheck *check);
/* Looks at the next event. On failure *ret_line and *ret_column (0-based, in the piece) say where.
 */
MUST_CHECK bool yaml_check_event(YamlCheck *check,
                                 const yaml_event_t *event,
                                 const char **ret_problem,
                                 size_t *ret_line,
                                 size_t *ret_column);

/* ---- yaml_scalar.c: the core schema (YAML 1.2 section 10.3.2) ---- */

typedef enum YamlForm {
    YAML_FORM_STRING,
    YAML_FORM_NULL,
    YAML_FORM_BOOL,
    YAML_FORM_NUMBER,
    YAML_FORM_NOT_FINITE, /* .inf and .nan */
    YAML_FORM_TOO_LARGE   /* 0x and 0o beyond 64 bits */
} YamlForm;

typedef struct YamlScalar {
    YamlForm form;
    bool boolean;
    bool is_integer; /* in form: no point, no exponent */
    Str number;      /* JSON syntax; s itself where it is that already, else in the arena */
} YamlScalar;

/* What a plain scalar means. arena may be NULL: then no number is given. */
YamlScalar yaml_scalar_resolve(Arena *arena, Str s);

#endif
