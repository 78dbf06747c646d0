/* SPDX-License-Identifier: Apache-2.0
 * Shapes of what clients send, checked as Backstage checks them (zod 3), because its clients see
 * the issues: an interpreter over a table of shapes. A union tries its options in order; a value
 * whose structure fits an option but for a name in it ("dirty") is told with that option's issues
 * alone. */
#include "modules/catalog/predicate.h"

#include <string.h>

/* Nested $not and $contains are read in two ways each: the steps, not the depth, bound the work. */
enum { CHECK_DEPTH_MAX = 200, CHECK_ISSUES_MAX = 200, CHECK_STEPS_MAX = 200000 };

typedef enum ShapeKind {
    S_STRING,
    S_NUMBER,
    S_BOOLEAN,
    S_NULL,
    S_NEVER,
    S_ANY,
    S_ORDER, /* "asc" or "desc" */
    S_ARRAY,
    S_OBJECT,
    S_RECORD, /* keys by a rule, all values of one shape */
    S_UNION
} ShapeKind;

typedef struct Shape Shape;
typedef struct ShapeField {
    const char *name;
    const Shape *shape;
    bool optional;
} ShapeField;
struct Shape {
    ShapeKind kind;
    const Shape *item;          /* S_ARRAY, S_RECORD */
    const ShapeField *fields;   /* S_OBJECT */
    const Shape *const *union_; /* S_UNION */
    size_t n;                   /* fields or options */
    bool strict;                /* S_OBJECT: unknown keys are an issue */
    bool dollar;                /* S_RECORD: keys begin with $; else they must not */
};

typedef enum Status { VALID, DIRTY, INVALID } Status;

#define UNION(name, ...)                                                                           \
    static const Shape *const name##_options[] = {__VA_ARGS__};                                    \
    static const Shape name = {                                                                    \
        .kind = S_UNION, .union_ = name##_options, .n = ARRAY_LEN(name##_options)}
#define OBJECT(name, is_strict, ...)                                                               \
    static const ShapeField name##_fields[] = {__VA_ARGS__};                                       \
    static const Shape name = {.kind = S_OBJECT,                                                   \
                               .fields = name##_fields,                                            \
                               .n = ARRAY_LEN(name##_fields),                                      \
                               .strict = is_strict}

static const Shape string = {.kind = S_STRING};
static const Shape number = {.kind = S_NUMBER};
static const Shape boolean = {.kind = S_BOOLEAN};
static const Shape null = {.kind = S_NULL};
static const Shape never = {.kind = S_NEVER};
static const Shape anything = {.kind = S_ANY};
static const Shape order = {.kind = S_ORDER};
static const Shape strings = {.kind = S_ARRAY, .item = &string};

/* predicates: {key: value, …}, $all, $any, $not */
UNION(primitive, &string, &number, &boolean);
static const Shape primitives = {.kind = S_ARRAY, .item = &primitive};
static const Shape predicate;
static const Shape predicates = {.kind = S_ARRAY, .item = &predicate};
OBJECT(value_exists, false, {"$exists", &boolean, false});
OBJECT(value_in, false, {"$in", &primitives, false});
OBJECT(value_contains, false, {"$contains", &predicate, false});
OBJECT(value_prefix, false, {"$hasPrefix", &string, false});
UNION(value, &primitive, &value_exists, &value_in, &value_contains, &value_prefix);
static const Shape fields_record = {.kind = S_RECORD, .item = &value};
static const Shape dollar_record = {.kind = S_RECORD, .item = &never, .dollar = true};
UNION(expression, &fields_record, &dollar_record);
OBJECT(all, true, {"$all", &predicates, false});
OBJECT(any, true, {"$any", &predicates, false});
OBJECT(not_, true, {"$not", &predicate, false});
static const Shape *const predicate_options[] = {&expression, &primitive, &all, &any, &not_};
static const Shape predicate = {
    .kind = S_UNION, .union_ = predicate_options, .n = ARRAY_LEN(predicate_options)};

/* the body of by-refs */
OBJECT(refs_request,
       false,
       {"entityRefs", &strings, false},
       {"fields", &strings, true},
       {"query", &predicate, true});

/* the body of registering a location, and of validate-entity */
OBJECT(location_input,
       true,
       {"type", &string, false},
       {"target", &string, false},
       {"presence", &string, true});
OBJECT(validate_request, false, {"entity", &anything, true}, {"location", &string, false});

/* what leads to the next page of locations */
OBJECT(location_cursor,
       false,
       {"limit", &number, false},
       {"afterId", &string, true},
       {"query", &predicate, true});

/* cursors; `filter` is the form of Backstage before it had predicates */
static const Shape filter;
static const Shape filters = {.kind = S_ARRAY, .item = &filter};
OBJECT(filter_key, false, {"key", &string, false}, {"values", &strings, true});
OBJECT(filter_not, false, {"not", &filter, false});
OBJECT(filter_any, false, {"anyOf", &filters, false});
OBJECT(filter_all, false, {"allOf", &filters, false});
UNION(filter_two, &filter_key, &filter_not);
UNION(filter_three, &filter_two, &filter_any);
static const Shape *const filter_options[] = {&filter_three, &filter_all};
static const Shape filter = {
    .kind = S_UNION, .union_ = filter_options, .n = ARRAY_LEN(filter_options)};
/* Backstage's own first page may leave `order` out, and then refuses its own cursor: taken here. */
OBJECT(order_field, false, {"field", &string, false}, {"order", &order, true});
static const Shape order_fields = {.kind = S_ARRAY, .item = &order_field};
OBJECT(full_text, false, {"term", &string, false}, {"fields", &strings, true});
UNION(string_or_null, &string, &null);
static const Shape strings_or_null = {.kind = S_ARRAY, .item = &string_or_null};
OBJECT(cursor,
       false,
       {"orderFields", &order_fields, false},
       {"fullTextFilter", &full_text, true},
       {"orderFieldValues", &strings_or_null, false},
       {"filter", &filter, true},
       {"isPrevious", &boolean, false},
       {"query", &predicate, true},
       {"firstSortFieldValues", &strings_or_null, true},
       {"totalItems", &number, true});

/* ---- issues */

typedef struct Path {
    const struct Path *up;
    const char *name; /* NULL: key or index */
    Str key;
    size_t index;
    bool is_index;
} Path;

typedef struct Check {
    Arena *arena;
    Json *issues;
    unsigned depth;
    size_t *steps;
} Check;

static Json *path_json(Arena *arena, const Path *path)
{
    Json *reversed = json_array(arena), *list = json_array(arena);
    for (; path; path = path->up) {
        json_push(arena, reversed,
                  path->is_index ? json_int(arena, (int64_t)path->index)
                                 : json_string(arena, path->key));
    }
    for (uint32_t i = reversed->n; i > 0; i--) {
        json_push(arena, list, reversed->items[i - 1]);
    }
    return list;
}

static void set_str(Arena *arena, Json *object, const char *key, const char *text)
{
    json_set_str(arena, object, key, str_from(text));
}

static void add_issue(Check *c, Json *issue)
{
    if (c->issues->n < CHECK_ISSUES_MAX) {
        json_push(c->arena, c->issues, issue);
    }
}

static const char *type_of(const Json *v)
{
    return v ? json_type_name(v->type) : "undefined";
}

static Status wrong_type(Check *c, const Path *path, const char *expected, const Json *v)
{
    bool is_enum = expected[0] == '\'';
    Json *issue = json_object(c->arena);
    Str message =
        v ? str_fmt(c->arena, "Expected %s, received %s", expected, type_of(v)) : STR("Required");
    if (!is_enum) {
        set_str(c->arena, issue, "code", "invalid_type");
    }
    set_str(c->arena, issue, "expected", expected);
    set_str(c->arena, issue, "received", type_of(v));
    if (is_enum) {
        set_str(c->arena, issue, "code", "invalid_type");
    }
    json_set_c(c->arena, issue, "path", path_json(c->arena, path));
    json_set_str(c->arena, issue, "message", message);
    add_issue(c, issue);
    return INVALID;
}

static Status wrong_order(Check *c, const Path *path, const Json *v)
{
    Json *issue = json_object(c->arena), *options = json_array(c->arena);
    json_push(c->arena, options, json_string_c(c->arena, "asc"));
    json_push(c->arena, options, json_string_c(c->arena, "desc"));
    json_set_str(c->arena, issue, "received", v->text);
    set_str(c->arena, issue, "code", "invalid_enum_value");
    json_set_c(c->arena, issue, "options", options);
    json_set_c(c->arena, issue, "path", path_json(c->arena, path));
    json_set_str(c->arena, issue, "message",
                 str_fmt(c->arena, "Invalid enum value. Expected 'asc' | 'desc', received '%.*s'",
                         STR_ARG(v->text)));
    add_issue(c, issue);
    return INVALID;
}

static void wrong_key(Check *c, const Path *path)
{
    Json *issue = json_object(c->arena);
    set_str(c->arena, issue, "validation", "regex");
    set_str(c->arena, issue, "code", "invalid_string");
    set_str(c->arena, issue, "message", "Invalid");
    json_set_c(c->arena, issue, "path", path_json(c->arena, path));
    add_issue(c, issue);
}

/* ---- checking */

static Status check(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret);

static Status check_array(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret)
{
    if (!v || !json_is(v, JSON_ARRAY)) {
        return wrong_type(c, path, "array", v);
    }
    Status worst = VALID;
    *ret = json_array(c->arena);
    for (uint32_t i = 0; i < v->n; i++) {
        Path at = {.up = path, .index = i, .is_index = true};
        Json *item = NULL;
        Status status = check(c, shape->item, v->items[i], &at, &item);
        worst = MAX(worst, status);
        if (item) {
            json_push(c->arena, *ret, item);
        }
    }
    return worst;
}

static bool has_field(const Shape *shape, Str name)
{
    for (size_t i = 0; i < shape->n; i++) {
        if (str_is(name, shape->fields[i].name)) {
            return true;
        }
    }
    return false;
}

static Status unknown_keys(Check *c, const Shape *shape, const Json *v, const Path *path)
{
    Json *keys = json_array(c->arena);
    Buf message = buf_init(c->arena, MIB);
    buf_lit(&message, "Unrecognized key(s) in object: ");
    for (uint32_t i = 0; i < v->n; i++) {
        if (!has_field(shape, v->members[i].key)) {
            buf_fmt(&message, "%s'%.*s'", keys->n ? ", " : "", STR_ARG(v->members[i].key));
            json_push(c->arena, keys, json_string(c->arena, v->members[i].key));
        }
    }
    if (keys->n == 0) {
        return VALID;
    }
    Json *issue = json_object(c->arena);
    set_str(c->arena, issue, "code", "unrecognized_keys");
    json_set_c(c->arena, issue, "keys", keys);
    json_set_c(c->arena, issue, "path", path_json(c->arena, path));
    json_set_str(c->arena, issue, "message", buf_str(&message));
    add_issue(c, issue);
    return DIRTY;
}

static Status
check_object(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret)
{
    if (!v || !json_is(v, JSON_OBJECT)) {
        return wrong_type(c, path, "object", v);
    }
    Status worst = VALID;
    *ret = json_object(c->arena);
    for (size_t i = 0; i < shape->n; i++) {
        const ShapeField *field = &shape->fields[i];
        const Json *member = json_get(v, str_from(field->name));
        if (!member && field->optional) {
            continue;
        }
        Path at = {.up = path, .key = str_from(field->name)};
        Json *out = NULL;
        Status status = check(c, field->shape, member, &at, &out);
        worst = MAX(worst, status);
        if (out) {
            json_set_c(c->arena, *ret, field->name, out);
        }
    }
    Status unknown = shape->strict ? unknown_keys(c, shape, v, path) : VALID;
    return MAX(worst, unknown);
}

static bool key_fits(const Shape *shape, Str key)
{
    bool dollar = key.len && key.ptr[0] == '$';
    return shape->dollar ? dollar
                         : !dollar && str_find_char(key, '\n') == SIZE_MAX &&
                               str_find_char(key, '\r') == SIZE_MAX;
}

static Status
check_record(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret)
{
    if (!v || !json_is(v, JSON_OBJECT)) {
        return wrong_type(c, path, "object", v);
    }
    Status worst = VALID;
    *ret = json_object(c->arena);
    for (uint32_t i = 0; i < v->n; i++) {
        Path at = {.up = path, .key = v->members[i].key};
        Json *out = NULL;
        if (!key_fits(shape, v->members[i].key)) {
            wrong_key(c, &at);
            worst = MAX(worst, DIRTY);
        }
        Status status = check(c, shape->item, v->members[i].value, &at, &out);
        worst = MAX(worst, status);
        if (out) {
            json_set(c->arena, *ret, v->members[i].key, out);
        }
    }
    return worst;
}

static void wrong_union(Check *c, const Path *path, Json *errors)
{
    Json *issue = json_object(c->arena);
    set_str(c->arena, issue, "code", "invalid_union");
    json_set_c(c->arena, issue, "unionErrors", errors);
    json_set_c(c->arena, issue, "path", path_json(c->arena, path));
    set_str(c->arena, issue, "message", "Invalid input");
    add_issue(c, issue);
}

static Status check_union(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret)
{
    Json *errors = json_array(c->arena), *dirty = NULL;
    for (size_t i = 0; i < shape->n; i++) {
        Check inner = {c->arena, json_array(c->arena), c->depth, c->steps};
        Json *out = NULL;
        Status status = check(&inner, shape->union_[i], v, path, &out);
        if (status == VALID) {
            *ret = out;
            return VALID;
        }
        if (status == DIRTY && !dirty) {
            dirty = inner.issues;
        }
        Json *error = json_object(c->arena);
        json_set_c(c->arena, error, "issues", inner.issues);
        set_str(c->arena, error, "name", "ZodError");
        json_push(c->arena, errors, error);
    }
    for (uint32_t i = 0; dirty && i < dirty->n; i++) {
        add_issue(c, dirty->items[i]);
    }
    if (!dirty) {
        wrong_union(c, path, errors);
    }
    return dirty ? DIRTY : INVALID;
}

static Status check_scalar(Check *c, const Shape *shape, const Json *v, const Path *path)
{
    static const struct {
        ShapeKind kind;
        JsonType type;
        const char *name;
    } types[] = {
        {S_STRING,  JSON_STRING, "string"        },
        {S_NUMBER,  JSON_NUMBER, "number"        },
        {S_BOOLEAN, JSON_BOOL,   "boolean"       },
        {S_NULL,    JSON_NULL,   "null"          },
        {S_ORDER,   JSON_STRING, "'asc' | 'desc'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].kind == shape->kind && !json_is(v, types[i].type)) {
            return wrong_type(c, path, types[i].name, v);
        }
    }
    if (shape->kind == S_ORDER && !str_is(v->text, "asc") && !str_is(v->text, "desc")) {
        return wrong_order(c, path, v);
    }
    return shape->kind == S_NEVER ? wrong_type(c, path, "never", v) : VALID;
}

static Status check(Check *c, const Shape *shape, const Json *v, const Path *path, Json **ret)
{
    if (c->depth > CHECK_DEPTH_MAX || ++*c->steps > CHECK_STEPS_MAX) {
        return wrong_type(c, path, "simpler query", v);
    }
    c->depth++;
    Status status;
    switch (shape->kind) {
    case S_ARRAY:
        status = check_array(c, shape, v, path, ret);
        break;
    case S_OBJECT:
        status = check_object(c, shape, v, path, ret);
        break;
    case S_RECORD:
        status = check_record(c, shape, v, path, ret);
        break;
    case S_UNION:
        status = check_union(c, shape, v, path, ret);
        break;
    case S_STRING:
    case S_NUMBER:
    case S_BOOLEAN:
    case S_NULL:
    case S_NEVER:
    case S_ANY:
    case S_ORDER:
    default:
        status = check_scalar(c, shape, v, path);
        *ret = status == VALID ? json_clone(c->arena, v) : NULL;
        break;
    }
    c->depth--;
    return status;
}

const Json *shape_check(Arena *arena, ShapeName name, const Json *v, const Json **ret_issues)
{
    static const Shape *const shapes[] = {
        [SHAPE_PREDICATE] = &predicate,
        [SHAPE_REFS_REQUEST] = &refs_request,
        [SHAPE_CURSOR] = &cursor,
        [SHAPE_LOCATION_INPUT] = &location_input,
        [SHAPE_VALIDATE_REQUEST] = &validate_request,
        [SHAPE_LOCATION_CURSOR] = &location_cursor,
    };
    size_t steps = 0;
    Check c = {arena, json_array(arena), 0, &steps};
    Json *out = NULL;
    Status status = check(&c, shapes[name], v, NULL, &out);
    *ret_issues = c.issues;
    return status == VALID ? out : NULL;
}

/* ---- issues as a sentence */

static void write_path(Buf *out, const Json *path)
{
    for (uint32_t i = 0; i < path->n; i++) {
        const Json *part = path->items[i];
        if (part->type == JSON_NUMBER) {
            buf_fmt(out, "[%.*s]", STR_ARG(part->text));
        } else if (path->n == 1) {
            buf_put(out, part->text.len ? part->text : STR("\"\""));
        } else {
            buf_put(out, i ? STR(".") : STR_EMPTY);
            buf_put(out, part->text);
        }
    }
}

static void write_issues(Arena *arena, Buf *out, const Json *issues);

/* Each option's issues once. */
static void write_union(Arena *arena, Buf *out, const Json *errors)
{
    VEC(Str) seen = {.arena = arena};
    for (uint32_t i = 0; i < errors->n; i++) {
        Buf part = buf_init(arena, MIB);
        write_issues(arena, &part, json_get_c(errors->items[i], "issues"));
        bool known = false;
        for (size_t k = 0; k < seen.n; k++) {
            known = known || str_eq(seen.at[k], buf_str(&part));
        }
        if (!known) {
            buf_put(out, seen.n ? STR(", or ") : STR_EMPTY);
            buf_put(out, buf_str(&part));
            VEC_PUSH(&seen, buf_str(&part));
        }
    }
}

static void write_issue(Arena *arena, Buf *out, const Json *issue)
{
    const Json *errors = json_get_c(issue, "unionErrors"), *path = json_get_c(issue, "path");
    if (errors) {
        write_union(arena, out, errors);
        return;
    }
    buf_put(out, json_str_at(issue, "message"));
    if (path->n == 1 && path->items[0]->type == JSON_NUMBER) {
        buf_fmt(out, " at index %.*s", STR_ARG(path->items[0]->text));
    } else if (path->n) {
        buf_lit(out, " at \"");
        write_path(out, path);
        buf_char(out, '"');
    }
}

static void write_issues(Arena *arena, Buf *out, const Json *issues)
{
    for (uint32_t i = 0; i < issues->n; i++) {
        buf_put(out, i ? STR("; ") : STR_EMPTY);
        write_issue(arena, out, issues->items[i]);
    }
}

Str shape_message(Arena *arena, const Json *issues)
{
    Buf out = buf_init(arena, MIB);
    buf_lit(&out, "Validation error: ");
    write_issues(arena, &out, issues);
    return buf_str(&out);
}

Str shape_list(Arena *arena, const Json *issues)
{
    Buf out = buf_init(arena, MIB);
    json_write_pretty(&out, issues);
    return buf_str(&out);
}
