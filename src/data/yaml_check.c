/* SPDX-License-Identifier: Apache-2.0
 * data/yaml_check.c - rules of YAML 1.2 that libyaml does not enforce.
 *
 * libyaml's events say where in the text a node stands; each rule here looks at the bytes there:
 * a comment needs white space before it (section 6.6), the lines of a flow collection or a quoted
 * scalar are indented more than what holds it (7.3, 7.4), a plain scalar is not "-" (7.3.3), the
 * empty lines before a block scalar's content are not longer than its indentation (8.1.1.1).
 * What libyaml would silently read as something else is refused too: a plain scalar that begins
 * with '?' in a flow collection, an anchor name with characters that libyaml does not know.
 * Two things stay allowed although the letter forbids them, as every parser in use accepts them: a
 * closing bracket may stand as far left as the collection's parent, and so may comment lines. */
#include "data/yaml_priv.h"

#include <stdlib.h>
#include <string.h>

enum { FLOW = -2, TOP = -1 };

static const char problem_comment[] = "a comment must be preceded by white space";
static const char problem_indent[] =
    "this line must be indented with more spaces than the key or item it belongs to";
static const char problem_dash[] = "\"-\" alone is not a value here: put it in quotes";
static const char problem_question[] = "a text that begins with \"?\" must be quoted here";
static const char problem_anchor[] =
    "the name of an anchor or alias may hold letters, digits, '-' and '_' only, and a space must "
    "follow it";
static const char problem_block[] =
    "an empty line before a block scalar's text has more spaces than the text itself";

YamlCheck yaml_check_init(const YamlPiece *piece, size_t max_depth)
{
    YamlCheck check = {.text = piece->text, .is_ascii = piece->is_ascii};

    check.indents = calloc(max_depth + 1, sizeof(check.indents[0]));
    ASSERT(check.indents);
    return check;
}

void yaml_check_done(YamlCheck *check)
{
    free(check->indents);
    *check = (YamlCheck){0};
}

static bool is_continuation(const YamlCheck *c, size_t offset)
{
    return ((unsigned char)c->text.ptr[offset] & 0xC0) == 0x80;
}

/* Marks count characters and come nearly in order: the offset is found from the last one. */
static size_t offset_of(YamlCheck *c, const yaml_mark_t *mark)
{
    if (c->is_ascii) {
        return MIN(mark->index, c->text.len);
    }
    while (c->at_index < mark->index && c->at_offset < c->text.len) {
        do {
            c->at_offset++;
        } while (c->at_offset < c->text.len && is_continuation(c, c->at_offset));
        c->at_index++;
    }
    while (c->at_index > mark->index) {
        do {
            c->at_offset--;
        } while (is_continuation(c, c->at_offset));
        c->at_index--;
    }
    return c->at_offset;
}

/* The byte at that offset, NUL at the end of the text. */
static char byte_at(const YamlCheck *c, size_t at)
{
    return at < c->text.len ? c->text.ptr[at] : '\0';
}

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

static bool is_end_of_line(char ch)
{
    return ch == '\n' || ch == '\r' || ch == '\0';
}

static size_t skip_line(const YamlCheck *c, size_t at)
{
    while (!is_end_of_line(byte_at(c, at))) {
        at++;
    }
    if (byte_at(c, at) == '\r' && byte_at(c, at + 1) == '\n') {
        at++;
    }
    return MIN(at + 1, c->text.len);
}

static size_t skip_blanks(const YamlCheck *c, size_t at)
{
    while (is_blank(byte_at(c, at))) {
        at++;
    }
    return at;
}

static size_t count_spaces(const YamlCheck *c, size_t at)
{
    size_t from = at;

    while (byte_at(c, at) == ' ') {
        at++;
    }
    return at - from;
}

/* The first offset of [from, to) with a '#' that begins no comment, or SIZE_MAX. */
static size_t find_glued_comment(const YamlCheck *c, size_t from, size_t to)
{
    for (size_t at = from; at < to; at++) {
        if (c->text.ptr[at] == '#') {
            char before = at > 0 ? c->text.ptr[at - 1] : '\n';
            if (!is_blank(before) && !is_end_of_line(before)) {
                return at;
            }
            at = skip_line(c, at) - 1;
        }
    }
    return SIZE_MAX;
}

/* Between the nodes of a flow collection stand white space, comments and indicators only. */
static size_t find_gap_fault(const YamlCheck *c, size_t from, size_t to, const char **problem)
{
    for (size_t at = from; at < to; at++) {
        char next = byte_at(c, at + 1);
        if (c->text.ptr[at] == '?' && !is_blank(next) && !is_end_of_line(next)) {
            *problem = problem_question;
            return at;
        }
        if (c->text.ptr[at] == '#') {
            *problem = problem_comment;
            return find_glued_comment(c, at, to);
        }
    }
    return SIZE_MAX;
}

/* Indentation of the block collection that holds the next node; TOP when none does. */
static int64_t parent_indent(const YamlCheck *c)
{
    return c->depth > 0 ? c->indents[c->depth - 1] : TOP;
}

/* The first line of [from, to) after its first that is not indented more than the parent. */
static size_t find_outdented(const YamlCheck *c, size_t from, size_t to, bool is_flow)
{
    int64_t indent = parent_indent(c);

    for (size_t at = skip_line(c, from); indent > TOP && at < to; at = skip_line(c, at)) {
        size_t spaces = count_spaces(c, at);
        char first = byte_at(c, skip_blanks(c, at + spaces));
        bool is_free =
            is_end_of_line(first) || (is_flow && (first == '#' || first == ']' || first == '}'));
        if (!is_free && (int64_t)spaces <= indent) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* Past anchors and tags, and the white space and comments between them. */
static size_t skip_properties(const YamlCheck *c, size_t at)
{
    for (;;) {
        char ch = byte_at(c, at);
        if (ch == '&' || ch == '!') {
            while (!is_blank(byte_at(c, at)) && !is_end_of_line(byte_at(c, at))) {
                at++;
            }
        } else if (ch == '#') {
            at = skip_line(c, at);
        } else if (is_blank(ch) || ch == '\n' || ch == '\r') {
            at++;
        } else {
            return at;
        }
    }
}

static const char *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return (const char *)event->data.alias.anchor;
    case YAML_SCALAR_EVENT:
        return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return (const char *)event->data.mapping_start.anchor;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    return NULL;
}

/* libyaml ends a name at the first character it does not know: a blank or a bracket must be that.
 */
static size_t find_anchor_fault(const YamlCheck *c, const char *name, size_t start)
{
    size_t at = start;

    while (at < c->text.len && c->text.ptr[at] != '&' && c->text.ptr[at] != '*') {
        at++; /* a tag may come first */
    }
    at += strlen(name) + 1;
    char next = byte_at(c, at);
    return is_blank(next) || is_end_of_line(next) || strchr(",[]{}", next) ? SIZE_MAX : at;
}

/* Where the content of a block collection with an anchor or a tag is indented to: it begins on
 * the first line behind them that does not hold properties only. */
static int64_t indent_after_properties(const YamlCheck *c, size_t at)
{
    for (at = skip_line(c, at); at < c->text.len; at = skip_line(c, at)) {
        size_t spaces = count_spaces(c, at);
        size_t p = skip_blanks(c, at + spaces);
        while (byte_at(c, p) == '&' || byte_at(c, p) == '!') {
            while (!is_blank(byte_at(c, p)) && !is_end_of_line(byte_at(c, p))) {
                p++;
            }
            p = skip_blanks(c, p);
        }
        if (byte_at(c, p) != '#' && !is_end_of_line(byte_at(c, p))) {
            return (int64_t)spaces;
        }
    }
    return TOP;
}

/* The offset of a fault in the header or the leading empty lines of a block scalar. */
static size_t find_block_fault(const YamlCheck *c, size_t start, const char **problem)
{
    size_t at = skip_properties(c, start) + 1;
    size_t longest = 0;

    *problem = problem_comment;
    for (; byte_at(c, at) == '+' || byte_at(c, at) == '-'; at++) {
    }
    if (byte_at(c, at) >= '0' && byte_at(c, at) <= '9') {
        return find_glued_comment(c, at, skip_line(c, at));
    }
    size_t next = skip_line(c, at);
    size_t fault = find_glued_comment(c, at, next);
    if (fault != SIZE_MAX) {
        return fault;
    }
    *problem = problem_block;
    for (at = next; at < c->text.len; at = skip_line(c, at)) {
        size_t spaces = count_spaces(c, at);
        if (!is_end_of_line(byte_at(c, at + spaces))) {
            bool is_content = (int64_t)spaces > parent_indent(c);
            return is_content && spaces < longest ? at : SIZE_MAX;
        }
        longest = MAX(longest, spaces);
    }
    return SIZE_MAX;
}

static size_t check_scalar(
    YamlCheck *c, const yaml_event_t *event, size_t start, size_t end, const char **problem)
{
    size_t fault = SIZE_MAX;

    switch (event->data.scalar.style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        *problem = problem_indent;
        if (c->flow_depth == 0 && event->start_mark.line != event->end_mark.line) {
            fault = find_outdented(c, start, end, false);
        }
        if (fault == SIZE_MAX && byte_at(c, end) == '#') {
            *problem = problem_comment;
            fault = end;
        }
        return fault;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return find_block_fault(c, start, problem);
    case YAML_PLAIN_SCALAR_STYLE:
    case YAML_ANY_SCALAR_STYLE:
        *problem = problem_dash;
        return c->flow_depth > 0 && event->data.scalar.length == 1 &&
                       event->data.scalar.value[0] == '-'
                   ? start
                   : SIZE_MAX;
    }
    return SIZE_MAX;
}

static void open_collection(YamlCheck *c, const yaml_event_t *event, size_t start)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    bool is_flow = is_map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                          : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    bool has_properties = is_map
                              ? event->data.mapping_start.anchor || event->data.mapping_start.tag
                              : event->data.sequence_start.anchor || event->data.sequence_start.tag;
    int64_t indent = (int64_t)event->start_mark.column;

    if (is_flow) {
        c->flow_start = c->flow_depth == 0 ? start : c->flow_start;
        c->flow_depth++;
        indent = FLOW;
    } else if (has_properties) {
        indent = indent_after_properties(c, start);
    }
    c->indents[c->depth++] = indent;
}

static size_t close_collection(YamlCheck *c, size_t end, const char **problem)
{
    c->depth--;
    if (c->indents[c->depth] != FLOW || --c->flow_depth > 0) {
        return SIZE_MAX;
    }
    size_t fault = find_outdented(c, c->flow_start, end, true);
    *problem = problem_indent;
    if (fault == SIZE_MAX && byte_at(c, end) == '#') {
        *problem = problem_comment;
        fault = end;
    }
    return fault;
}

static void place_of(const YamlCheck *c, size_t offset, size_t *line, size_t *column)
{
    *line = 0;
    *column = 0;
    for (size_t at = 0; at < offset;) {
        size_t next = skip_line(c, at);
        if (next > offset || (next == offset && !is_end_of_line(c->text.ptr[next - 1]))) {
            for (; at < offset; at++) {
                *column += is_continuation(c, at) ? 0 : 1;
            }
            return;
        }
        *line += 1;
        at = next;
    }
}

bool yaml_check_event(YamlCheck *check,
                      const yaml_event_t *event,
                      const char **ret_problem,
                      size_t *ret_line,
                      size_t *ret_column)
{
    size_t start = offset_of(check, &event->start_mark);
    size_t end = offset_of(check, &event->end_mark);
    size_t fault = SIZE_MAX;
    const char *problem = NULL;
    const char *anchor = anchor_of(event);

    if (check->flow_depth > 0) {
        /* a pair without braces starts with its '?' */
        size_t to = byte_at(check, start) == '?' ? start + 1 : start;
        fault = find_gap_fault(check, check->last_end, to, &problem);
    }
    if (fault == SIZE_MAX && anchor) {
        problem = problem_anchor;
        fault = find_anchor_fault(check, anchor, start);
    }
    check->last_end = MAX(check->last_end, end);
    if (fault != SIZE_MAX) {
        /* the first fault counts */
    } else if (event->type == YAML_SCALAR_EVENT) {
        fault = check_scalar(check, event, start, end, &problem);
    } else if (event->type == YAML_SEQUENCE_START_EVENT ||
               event->type == YAML_MAPPING_START_EVENT) {
        open_collection(check, event, start);
    } else if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT) {
        fault = close_collection(check, end, &problem);
    }
    if (fault == SIZE_MAX) {
        return true;
    }
    *ret_problem = problem;
    place_of(check, fault, ret_line, ret_column);
    return false;
}
