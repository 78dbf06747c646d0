/* SPDX-License-Identifier: Apache-2.0
 * data/yaml.c - from libyaml's events to Json trees.
 *
 * A stream is split into documents first (yaml_split.c). A document that begins with '{' or '[' is
 * given to the JSON reader, many times faster, and only if that refuses it to libyaml. Open
 * collections are frames on a stack; the members of all of them wait on another and are copied when
 * one closes. */
#include "data/yaml.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"

#include "data/json_priv.h"
#include "data/yaml_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const YamlLimits yaml_default_limits = {
    .max_bytes = 16 * MIB,
    .max_depth = 64,
    .max_nodes = 1000000,
    .max_documents = 100000,
};

enum { NAME_SHOWN = 100, ENTRIES_FIRST = 64 };

typedef struct Place {
    uint32_t line, column;
} Place;

/* A node that has a name. Its size and height are known once it is complete. */
typedef struct Anchor {
    Json *node;
    bool is_complete;
    size_t n_nodes, height;
} Anchor;

/* A member of an open collection; only mappings have keys. */
typedef struct Entry {
    Str key;
    Json *value;
    Place place; /* of the key */
    bool is_merge;
} Entry;

typedef struct Frame {
    Json *node;
    Anchor *anchor;
    size_t first_entry, nodes_before, height;
    bool has_key, has_merge;
    Entry pending; /* the key whose value comes next */
} Frame;

typedef enum Tag {
    TAG_NONE,
    TAG_STRING,
    TAG_INT,
    TAG_FLOAT,
    TAG_BOOL,
    TAG_NULL,
    TAG_MAP,
    TAG_SEQ,
    TAG_MERGE,
    TAG_OTHER /* "!" and all that are not the core schema's */
} Tag;

typedef struct Builder {
    YamlLimits limits;
    Error *err;
    JsonSlab slab;
    YamlPiece piece; /* being read */
    size_t n_nodes;  /* of the whole text, aliases counted at the size of what they stand for */
    Map anchors;
    Frame *frames;
    size_t n_frames;
    Entry *entries;
    size_t n_entries, cap_entries;
    JsonKeySet keys;
    Json *root;
} Builder;

typedef VEC(YamlDocument) DocumentVec;

/* ---- Failures ---- */

static Place place_of(const Builder *b, const yaml_mark_t *mark)
{
    return (Place){b->piece.line + (uint32_t)mark->line, (uint32_t)mark->column + 1};
}

static Rc PRINTF_FORMAT(4, 5)
    fail_at(Builder *b, Rc code, const yaml_mark_t *mark, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    Rc rc = error_vset(b->err, code, fmt, ap);
    va_end(ap);
    if (b->err) {
        Place place = place_of(b, mark);
        b->err->line = place.line;
        b->err->column = place.column;
    }
    return rc;
}

static Str shown(Str s)
{
    return str_sub(s, 0, NAME_SHOWN);
}

/* What to do about the mistakes people make most. */
static const char *advice_for(const char *problem, char at)
{
    static const struct {
        const char *problem;
        const char *advice;
    } rows[] = {
        {"mapping values are not allowed",         "put a value that contains \": \" in quotes"           },
        {"did not find expected key",              "check the indentation of this line and the one before"},
        {"could not find expected ':'",            "a key must be followed by a colon and a space"        },
        {"did not find expected '-' indicator",    "check the indentation of this line"                   },
        {"found a tab character",                  "indent with spaces"                                   },
        {"found unexpected end of stream",         "close the quote"                                      },
        {"found undefined tag handle",             "declare it with a %TAG directive"                     },
        {"found invalid Unicode character escape", "write the character itself"                           },
    };

    if (strstr(problem, "cannot start any token")) {
        return at == '\t' ? "indent with spaces, not tabs" : "put the value in quotes";
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strstr(problem, rows[i].problem)) {
            return rows[i].advice;
        }
    }
    return NULL;
}

static Rc fail_parser(Builder *b, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    yaml_mark_t mark = parser->problem_mark;

    if (parser->error == YAML_MEMORY_ERROR) {
        return error_set(b->err, RC_LIMIT, "not enough memory to read the YAML text");
    }
    if (parser->error == YAML_READER_ERROR) {
        mark = parser->mark; /* the reader knows bytes only; it is at most its buffer ahead */
        return fail_at(b, RC_MALFORMED, &mark, "%s (U+%04X) after this place", problem,
                       (unsigned)parser->problem_value);
    }
    const char *advice = advice_for(problem, *(const char *)parser->buffer.pointer);
    return fail_at(b, RC_MALFORMED, &mark, "%s%s%s%s%s", parser->context ? parser->context : "",
                   parser->context ? ": " : "", problem, advice ? "; " : "", advice ? advice : "");
}

/* ---- Nodes ---- */

static Rc count_nodes(Builder *b, size_t n, const yaml_mark_t *mark)
{
    if (n > b->limits.max_nodes - b->n_nodes) {
        return fail_at(b, RC_LIMIT, mark,
                       "more than %zu values in one text, aliases counted at their full size",
                       b->limits.max_nodes);
    }
    b->n_nodes += n;
    return RC_OK;
}

static Json *node_new(Builder *b, JsonType type, const yaml_mark_t *mark)
{
    Json *node = json_slab_node(&b->slab, type);
    Place place = place_of(b, mark);

    node->line = place.line;
    node->column = place.column;
    return node;
}

static Str copy_text(Builder *b, Str text)
{
    return yaml_piece_text(b->slab.arena, &b->piece, text);
}

static void entry_push(Builder *b, Entry entry)
{
    if (b->n_entries == b->cap_entries) {
        b->cap_entries *= 2;
        b->entries = realloc(b->entries, b->cap_entries * sizeof(b->entries[0]));
        ASSERT(b->entries);
    }
    b->entries[b->n_entries++] = entry;
}

/* Hangs a complete node where it belongs. */
static void add_value(Builder *b, Json *value, size_t height)
{
    if (b->n_frames == 0) {
        b->root = value;
        return;
    }
    Frame *frame = &b->frames[b->n_frames - 1];
    frame->height = MAX(frame->height, height + 1);
    Entry entry = frame->pending;
    entry.value = value;
    entry_push(b, entry);
    frame->has_merge = frame->has_merge || entry.is_merge;
    frame->has_key = false;
    frame->pending = (Entry){0};
}

static bool is_key_next(const Builder *b)
{
    return b->n_frames > 0 && b->frames[b->n_frames - 1].node->type == JSON_OBJECT &&
           !b->frames[b->n_frames - 1].has_key;
}

static void set_key(Builder *b, Str key, bool is_merge, const yaml_mark_t *mark)
{
    Frame *frame = &b->frames[b->n_frames - 1];

    frame->has_key = true;
    frame->pending = (Entry){.key = key, .place = place_of(b, mark), .is_merge = is_merge};
}

/* name is libyaml's, or NULL when the node has none. */
static Anchor *anchor_put(Builder *b, const yaml_char_t *name, Json *node)
{
    if (!name) {
        return NULL;
    }
    Anchor *anchor = ARENA_NEW(b->slab.arena, Anchor);
    anchor->node = node;
    Str key = str_dup(b->slab.arena, str_from((const char *)name));
    IGNORE(map_put(&b->anchors, key, anchor)); /* a name may be given anew */
    return anchor;
}

static void anchor_complete(Anchor *anchor, size_t n_nodes, size_t height)
{
    if (anchor) {
        anchor->is_complete = true;
        anchor->n_nodes = n_nodes;
        anchor->height = height;
    }
}

/* ---- Scalars ---- */

static Tag tag_of(const yaml_char_t *tag)
{
    static const struct {
        const char *name;
        Tag tag;
    } rows[] = {
        {"str",   TAG_STRING},
        {"int",   TAG_INT   },
        {"float", TAG_FLOAT },
        {"bool",  TAG_BOOL  },
        {"null",  TAG_NULL  },
        {"map",   TAG_MAP   },
        {"seq",   TAG_SEQ   },
        {"merge", TAG_MERGE },
    };
    Str prefix = STR("tag:yaml.org,2002:");
    Str s = str_from((const char *)tag);

    if (!tag) {
        return TAG_NONE;
    }
    if (!str_starts(s, prefix)) {
        return TAG_OTHER;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_is(str_from_index(s, prefix.len), rows[i].name)) {
            return rows[i].tag;
        }
    }
    return TAG_OTHER;
}

/* Whether a scalar of that form may carry that tag. */
static bool tag_allows(Tag tag, const YamlScalar *scalar)
{
    switch (tag) {
    case TAG_INT:
        return scalar->form == YAML_FORM_NUMBER && scalar->is_integer;
    case TAG_FLOAT:
        return scalar->form == YAML_FORM_NUMBER;
    case TAG_BOOL:
        return scalar->form == YAML_FORM_BOOL;
    case TAG_NULL:
        return scalar->form == YAML_FORM_NULL;
    case TAG_MAP:
    case TAG_SEQ:
        return false;
    case TAG_NONE:
    case TAG_STRING:
    case TAG_MERGE:
    case TAG_OTHER:
        return true;
    }
    return false;
}

static Rc
scalar_fill(Builder *b, Json *node, Str text, const YamlScalar *scalar, const yaml_mark_t *mark)
{
    switch (scalar->form) {
    case YAML_FORM_NULL:
        node->type = JSON_NULL;
        return RC_OK;
    case YAML_FORM_BOOL:
        node->type = JSON_BOOL;
        node->boolean = scalar->boolean;
        return RC_OK;
    case YAML_FORM_NUMBER:
        node->type = JSON_NUMBER;
        node->text = scalar->number.ptr == text.ptr ? copy_text(b, text) : scalar->number;
        return RC_OK;
    case YAML_FORM_STRING:
        node->type = JSON_STRING;
        node->text = copy_text(b, text);
        return RC_OK;
    case YAML_FORM_NOT_FINITE:
        return fail_at(b, RC_MALFORMED, mark,
                       "%.*s is not a number JSON can hold: put it in quotes if it is a text",
                       STR_ARG(shown(text)));
    case YAML_FORM_TOO_LARGE:
        return fail_at(b, RC_MALFORMED, mark,
                       "%.*s is larger than 64 bits: put it in quotes if it is a text",
                       STR_ARG(shown(text)));
    }
    return RC_INTERNAL;
}

static Rc scalar_node(Builder *b, const yaml_event_t *event, Json **ret)
{
    Str text = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    Tag tag = tag_of(event->data.scalar.tag);
    YamlScalar scalar = {.form = YAML_FORM_STRING};
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (is_plain && text.len == 0 && tag == TAG_OTHER) {
        scalar.form = YAML_FORM_NULL; /* nothing is nothing, whatever its tag */
    } else if ((tag == TAG_NONE && is_plain) || (tag >= TAG_INT && tag <= TAG_NULL)) {
        scalar = yaml_scalar_resolve(b->slab.arena, text);
    }
    if (!tag_allows(tag, &scalar)) {
        return fail_at(b, RC_MALFORMED, &event->start_mark, "\"%.*s\" does not fit its tag %s",
                       STR_ARG(shown(text)), (const char *)event->data.scalar.tag);
    }
    *ret = node_new(b, JSON_STRING, &event->start_mark);
    return scalar_fill(b, *ret, text, &scalar, &event->start_mark);
}

/* Keys are strings, spelled as written. */
static Rc on_key(Builder *b, const yaml_event_t *event)
{
    Str key =
        copy_text(b, str_of((const char *)event->data.scalar.value, event->data.scalar.length));
    Tag tag = tag_of(event->data.scalar.tag);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (event->data.scalar.anchor) {
        Json *node = NULL;
        TRY(scalar_node(b, event, &node));
        anchor_complete(anchor_put(b, event->data.scalar.anchor, node), 1, 0);
    }
    set_key(b, key, tag == TAG_MERGE || (tag == TAG_NONE && is_plain && str_is(key, "<<")),
            &event->start_mark);
    return RC_OK;
}

static Rc on_scalar(Builder *b, const yaml_event_t *event)
{
    Json *node = NULL;

    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length)) {
        return fail_at(b, RC_MALFORMED, &event->start_mark,
                       "a text must not contain the NUL character");
    }
    if (is_key_next(b)) {
        return on_key(b, event);
    }
    TRY(count_nodes(b, 1, &event->start_mark));
    TRY(scalar_node(b, event, &node));
    anchor_complete(anchor_put(b, event->data.scalar.anchor, node), 1, 0);
    add_value(b, node, 0);
    return RC_OK;
}

/* ---- Aliases ---- */

static Rc alias_key(Builder *b, const Json *node, const yaml_mark_t *mark)
{
    if (node->type == JSON_ARRAY || node->type == JSON_OBJECT) {
        return fail_at(b, RC_MALFORMED, mark, "a mapping key must be a scalar");
    }
    Str key = STR("");
    if (node->type == JSON_BOOL) {
        key = node->boolean ? STR("true") : STR("false");
    } else if (node->type != JSON_NULL) {
        key = node->text;
    }
    set_key(b, key, false, mark);
    return RC_OK;
}

static Rc on_alias(Builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const Anchor *anchor = map_get(&b->anchors, str_from(name));

    if (!anchor) {
        return fail_at(b, RC_MALFORMED, &event->start_mark, "alias *%.*s has no anchor before it",
                       STR_ARG(shown(str_from(name))));
    }
    if (!anchor->is_complete) {
        return fail_at(b, RC_MALFORMED, &event->start_mark,
                       "alias *%.*s stands inside the node it names",
                       STR_ARG(shown(str_from(name))));
    }
    if (is_key_next(b)) {
        return alias_key(b, anchor->node, &event->start_mark);
    }
    if (b->n_frames + anchor->height > b->limits.max_depth) {
        return fail_at(b, RC_LIMIT, &event->start_mark,
                       "nested more than %zu levels deep by aliases", b->limits.max_depth);
    }
    TRY(count_nodes(b, anchor->n_nodes, &event->start_mark));
    add_value(b, anchor->node, anchor->height);
    return RC_OK;
}

/* ---- Collections ---- */

static Rc on_open(Builder *b, const yaml_event_t *event, JsonType type)
{
    bool is_map = type == JSON_OBJECT;
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    Tag kind = tag_of(tag);

    if (is_key_next(b)) {
        return fail_at(b, RC_MALFORMED, &event->start_mark, "a mapping key must be a scalar");
    }
    if (b->n_frames >= b->limits.max_depth) {
        return fail_at(b, RC_LIMIT, &event->start_mark, "nested more than %zu levels deep",
                       b->limits.max_depth);
    }
    if (kind != TAG_NONE && kind != TAG_OTHER && kind != (is_map ? TAG_MAP : TAG_SEQ)) {
        return fail_at(b, RC_MALFORMED, &event->start_mark, "a %s does not fit its tag %s",
                       is_map ? "mapping" : "sequence", (const char *)tag);
    }
    size_t nodes_before = b->n_nodes;
    TRY(count_nodes(b, 1, &event->start_mark));
    Json *node = node_new(b, type, &event->start_mark);
    b->frames[b->n_frames++] = (Frame){
        .node = node,
        .anchor = anchor_put(b, anchor, node),
        .first_entry = b->n_entries,
        .nodes_before = nodes_before,
    };
    return RC_OK;
}

static Rc check_duplicates(Builder *b, const Json *node, const Entry *entries)
{
    size_t first, second;

    if (!json_key_set_duplicate(&b->keys, node->members, node->n, &first, &second)) {
        return RC_OK;
    }
    return error_set_at(
        b->err, RC_MALFORMED, entries[second].place.line, entries[second].place.column,
        "duplicate key \"%.*s\": it stands at line %" PRIu32 ", column %" PRIu32 " already",
        STR_ARG(shown(entries[second].key)), entries[first].place.line,
        entries[first].place.column);
}

/* Counts and, with `to`, lists the members one merge value brings. */
static size_t merge_from(const Json *value, JsonMember *to)
{
    if (value->type == JSON_OBJECT) {
        if (to && value->n > 0) {
            memcpy(to, value->members, value->n * sizeof(*to));
        }
        return value->n;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < value->n; i++) {
        n += merge_from(value->items[i], to ? to + n : NULL);
    }
    return n;
}

static Rc check_merge_value(Builder *b, const Entry *entry)
{
    const Json *value = entry->value;
    bool fits = value->type == JSON_OBJECT || value->type == JSON_ARRAY;

    for (uint32_t i = 0; value->type == JSON_ARRAY && i < value->n; i++) {
        fits = fits && value->items[i]->type == JSON_OBJECT;
    }
    if (fits) {
        return RC_OK;
    }
    return error_set_at(b->err, RC_MALFORMED, entry->place.line, entry->place.column,
                        "the merge key << takes a mapping or a list of mappings");
}

/* Applies "<<" (yaml.org/type/merge): own members first, then those merged in that are new, an
 * earlier mapping of a list before a later one. */
static Rc apply_merge(Builder *b, Json *node, const Entry *entries)
{
    size_t n_all = 0, n = 0;

    for (uint32_t i = 0; i < node->n; i++) {
        if (entries[i].is_merge) {
            TRY(check_merge_value(b, &entries[i]));
            n_all += merge_from(entries[i].value, NULL);
        } else {
            n_all++;
        }
    }
    JsonMember *all = ARENA_ARRAY(b->slab.arena, JsonMember, n_all);
    for (uint32_t i = 0; i < node->n; i++) {
        if (!entries[i].is_merge) {
            all[n++] = node->members[i];
        }
    }
    for (uint32_t i = 0; i < node->n; i++) {
        if (entries[i].is_merge) {
            n += merge_from(entries[i].value, all + n);
        }
    }
    node->members = all;
    node->n = node->cap = (uint32_t)json_key_set_unique(&b->keys, all, n);
    return RC_OK;
}

static Rc on_close(Builder *b)
{
    Frame *frame = &b->frames[b->n_frames - 1];
    const Entry *entries = b->entries + frame->first_entry;
    Json *node = frame->node;
    size_t n = b->n_entries - frame->first_entry;

    node->n = node->cap = (uint32_t)n;
    if (node->type == JSON_ARRAY) {
        node->items = ARENA_ARRAY(b->slab.arena, Json *, n);
        for (size_t i = 0; i < n; i++) {
            node->items[i] = entries[i].value;
        }
    } else {
        node->members = ARENA_ARRAY(b->slab.arena, JsonMember, n);
        for (size_t i = 0; i < n; i++) {
            node->members[i] = (JsonMember){entries[i].key, entries[i].value};
        }
        TRY(check_duplicates(b, node, entries));
        if (frame->has_merge) {
            TRY(apply_merge(b, node, entries));
        }
    }
    anchor_complete(frame->anchor, b->n_nodes - frame->nodes_before, frame->height);
    b->n_entries = frame->first_entry;
    b->n_frames--;
    add_value(b, node, frame->height);
    return RC_OK;
}

/* ---- Documents ---- */

static Rc push_document(Builder *b, DocumentVec *documents)
{
    if (documents->n >= b->limits.max_documents) {
        return error_set_at(b->err, RC_LIMIT, b->piece.line, 1,
                            "more than %zu documents in one text", b->limits.max_documents);
    }
    bool is_null = b->root->type == JSON_NULL; /* an empty one has its mark where it ends */
    YamlDocument document = {b->root, is_null ? b->piece.content_line : b->root->line};
    VEC_PUSH(documents, document);
    return RC_OK;
}

static Rc on_event(Builder *b, const yaml_event_t *event, DocumentVec *documents)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, JSON_ARRAY);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, JSON_OBJECT);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    case YAML_DOCUMENT_START_EVENT:
        b->anchors = map_init(b->slab.arena);
        b->root = NULL;
        return RC_OK;
    case YAML_DOCUMENT_END_EVENT:
        return push_document(b, documents);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        break;
    }
    return RC_OK;
}

static Rc
check_and_build(Builder *b, YamlCheck *check, const yaml_event_t *event, DocumentVec *documents)
{
    const char *problem;
    yaml_mark_t mark = {0};

    if (!yaml_check_event(check, event, &problem, &mark.line, &mark.column)) {
        return fail_at(b, RC_MALFORMED, &mark, "%s", problem);
    }
    return on_event(b, event, documents);
}

static Rc read_events(Builder *b, yaml_parser_t *parser, DocumentVec *documents)
{
    YamlCheck check = yaml_check_init(&b->piece, b->limits.max_depth);
    yaml_event_type_t type = YAML_NO_EVENT;
    Rc rc = RC_OK;

    b->n_frames = 0;
    b->n_entries = 0;
    while (rc == RC_OK && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            rc = fail_parser(b, parser);
            break;
        }
        type = event.type;
        rc = check_and_build(b, &check, &event, documents);
        yaml_event_delete(&event);
    }
    yaml_check_done(&check);
    return rc;
}

static Rc read_as_yaml(Builder *b, DocumentVec *documents)
{
    yaml_parser_t parser;
    Str text = b->piece.text;

    if (!yaml_parser_initialize(&parser)) {
        return error_set(b->err, RC_LIMIT, "not enough memory to read the YAML text");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    Rc rc = read_events(b, &parser, documents);
    yaml_parser_delete(&parser);
    return rc;
}

/* True if the document is JSON and was read as such. JSON is YAML (YAML 1.2 section 1.3), and the
 * two readers give the same tree wherever both accept a text. */
static bool read_as_json(Builder *b)
{
    Str content = str_from_index(b->piece.text, b->piece.content);
    size_t n_nodes, first = 0;

    while (first < content.len && strchr(" \t\r\n", content.ptr[first])) {
        first++;
    }
    if (first == content.len || (content.ptr[first] != '{' && content.ptr[first] != '[')) {
        return false;
    }
    JsonLimits limits = {
        .max_bytes = content.len,
        .max_depth = b->limits.max_depth,
        .max_nodes = b->limits.max_nodes - b->n_nodes,
    };
    if (json_read(b->slab.arena, content, &limits, b->piece.content_line, b->piece.content_column,
                  &b->root, &n_nodes, NULL) != RC_OK) {
        return false;
    }
    b->n_nodes += n_nodes;
    return true;
}

static Rc read_piece(Builder *b, DocumentVec *documents)
{
    if (read_as_json(b)) {
        return push_document(b, documents);
    }
    TRY(yaml_piece_prepare(b->slab.arena, &b->piece, b->err));
    return read_as_yaml(b, documents);
}

static Rc read_pieces(Builder *b, Str text, DocumentVec *documents)
{
    YamlSplitter splitter = yaml_splitter(text);
    bool is_found = true;
    Rc rc = RC_OK;

    while (rc == RC_OK && is_found) {
        rc = yaml_split_next(&splitter, &b->piece, &is_found, b->err);
        if (rc == RC_OK && is_found) {
            rc = read_piece(b, documents);
        }
    }
    return rc;
}

/* What libyaml would pass over or name without a place. */
static Rc check_bytes(Str text, size_t max_bytes, Error *err)
{
    size_t at = text.len;

    if (text.len > max_bytes) {
        return error_set(err, RC_LIMIT, "the YAML text has %zu bytes, at most %zu are allowed",
                         text.len, max_bytes);
    }
    const char *nul = text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    if (str_is_utf8(text, &at) && !nul) {
        return RC_OK;
    }
    at = nul ? MIN(at, (size_t)(nul - text.ptr)) : at;
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        bool is_break = text.ptr[i] == '\n' || (text.ptr[i] == '\r' && text.ptr[i + 1] != '\n');
        line += is_break ? 1 : 0;
        column = is_break ? 1 : column + (((unsigned char)text.ptr[i] & 0xC0) != 0x80 ? 1 : 0);
    }
    return error_set_at(err, RC_MALFORMED, line, column, "byte 0x%02X is not %s here",
                        (unsigned)(unsigned char)text.ptr[at],
                        text.ptr[at] ? "valid UTF-8" : "allowed");
}

Rc yaml_parse_all(
    Arena *arena, Str text, const YamlLimits *limits, YamlDocument **ret, size_t *ret_n, Error *err)
{
    Builder b = {.limits = limits ? *limits : yaml_default_limits, .err = err, .slab.arena = arena};
    DocumentVec documents = {.arena = arena};

    b.limits.max_depth = MIN(b.limits.max_depth, (size_t)JSON_DEPTH_CAP);
    Rc rc = check_bytes(text, b.limits.max_bytes, err);
    if (rc == RC_OK) {
        b.frames = calloc(b.limits.max_depth + 1, sizeof(b.frames[0]));
        b.entries = malloc(ENTRIES_FIRST * sizeof(b.entries[0]));
        b.cap_entries = ENTRIES_FIRST;
        ASSERT(b.frames && b.entries);
        rc = read_pieces(&b, text, &documents);
        free(b.frames);
    }
    free(b.entries);
    json_key_set_done(&b.keys);
    *ret = documents.at;
    *ret_n = documents.n;
    return rc;
}

Rc yaml_parse(Arena *arena, Str text, const YamlLimits *limits, Json **ret, Error *err)
{
    YamlDocument *documents;
    size_t n;

    TRY(yaml_parse_all(arena, text, limits, &documents, &n, err));
    if (n != 1) {
        return error_set_at(err, RC_MALFORMED, n > 1 ? documents[1].line : 1, 1,
                            "expected one YAML document, found %zu", n);
    }
    *ret = documents[0].root;
    return RC_OK;
}
