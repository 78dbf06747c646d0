/* SPDX-License-Identifier: Apache-2.0
 * GET /api/search/query and the task that fills the index, with Backstage's parameters, answers and
 * errors. All of the term is words: Backstage has no operators in it. */
#include "base/thread.h"

#include "contract_handlers.h"
#include "modules/search/search_priv.h"

#include <math.h>
#include <string.h>

enum { PAGE_DEFAULT = 25, PAGE_MAX = 100, TERM_MAX = 100, NAMES_MAX = 4 };

/* ---- parameters: name[a][b]=value */

typedef struct Named {
    Str names[NAMES_MAX]; /* filters, kind, 0 */
    size_t n;
} Named;

static Named split_name(Str text)
{
    Named ret = {.names = {text}, .n = 1};
    size_t open = str_find_char(text, '[');
    if (open == SIZE_MAX) {
        return ret;
    }
    ret.names[0] = str_sub(text, 0, open);
    Str rest = str_from_index(text, open);
    while (rest.len > 1 && rest.ptr[0] == '[' && ret.n < NAMES_MAX) {
        size_t close = MIN(str_find_char(rest, ']'), rest.len);
        ret.names[ret.n++] = str_sub(rest, 1, close);
        rest = str_from_index(rest, MIN(close + 1, rest.len));
    }
    return ret;
}

static Json *issue(Arena *a, Str message, const char *field, int64_t at)
{
    Json *out = json_object(a), *path = json_array(a);
    json_set_c(a, out, "code", json_string_c(a, "custom"));
    json_set_str(a, out, "message", message);
    json_push(a, path, json_string_c(a, field));
    if (at >= 0) {
        json_push(a, path, json_int(a, at));
    }
    json_set_c(a, out, "path", path);
    return out;
}

/* As JavaScript counts: what is beyond U+FFFF is two. */
static size_t js_length(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        n += (c & 0xc0) != 0x80 ? (c >= 0xf0 ? 2 : 1) : 0;
    }
    return n;
}

static void read_types(Ctx *cx, const Call *call, SearchQuery *q, Json *issues)
{
    int64_t at = 0;
    for (size_t i = 0; i < call->n_query; i++) {
        Named name = split_name(call->query[i].name);
        if (!str_is(name.names[0], "types")) {
            continue;
        }
        const SearchSource *source = search_source(cx->platform, call->query[i].value);
        if (!source) {
            json_push(cx->arena, issues, issue(cx->arena, STR("Invalid input"), "types", at));
        } else if (q->n_sources < SEARCH_SOURCES_MAX) {
            q->sources[q->n_sources++] = source;
        }
        at++;
    }
    q->is_all_sources = at == 0;
    if (at == 0) {
        q->n_sources = search_sources(cx->platform, q->sources, SEARCH_SOURCES_MAX);
    }
}

/* The fields of documents as they are called here; "" for one that no document has. */
static const char *field_of(Str name)
{
    if (str_is(name, "componentType")) {
        return "type";
    }
    for (size_t i = 0; search_fields[i]; i++) {
        if (str_is(name, search_fields[i]) && !str_is(name, "tag")) {
            return search_fields[i];
        }
    }
    return NULL;
}

static Rc read_filters(Ctx *cx, const Call *call, SearchQuery *q)
{
    for (size_t i = 0; i < call->n_query; i++) {
        Named name = split_name(call->query[i].name);
        Str value = call->query[i].value;
        uint64_t index;
        if (!str_is(name.names[0], "filters")) {
            continue;
        }
        if (name.n < 2) {
            return fail(cx, RC_MALFORMED, "request/query/filters must be object");
        }
        const char *field = field_of(name.names[1]);
        bool is_text = str_is(name.names[1], "title") || str_is(name.names[1], "text");
        bool is_list = name.n == 3 && (name.names[2].len == 0 || str_to_u64(name.names[2], &index));
        if (is_text) {
            search_add_words(q, value, str_is(name.names[1], "title"));
        } else if (!field) {
            q->is_nothing = true;
        } else if (value.len > 0 && (name.n == 2 || is_list)) {
            IGNORE(!search_add_filter(q, field, value, false)); /* there are enough */
        }
    }
    return RC_OK;
}

static Rc check_names(Ctx *cx, const Call *call)
{
    static const char *const known[] = {"term", "types", "filters", "pageLimit", "pageCursor"};
    for (size_t i = 0; i < call->n_query; i++) {
        Named name = split_name(call->query[i].name);
        bool is_known = false;
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            is_known = is_known || str_is(name.names[0], known[k]);
        }
        if (!is_known) {
            return fail(cx, RC_MALFORMED, "Unknown query parameter '%.*s'", STR_ARG(name.names[0]));
        }
    }
    return RC_OK;
}

static Rc read_query(Ctx *cx, const Call *call, SearchQuery *q)
{
    Arena *a = cx->arena;
    Str term = call_query(call, "term");
    Json *issues = json_array(a);
    TRY(check_names(cx, call));
    q->limit = call_query_i64(call, "pageLimit", PAGE_DEFAULT);
    q->wants_total = true;
    if (js_length(term) > TERM_MAX) {
        json_push(a, issues,
                  issue(a,
                        str_fmt(a, "The term length \"%zu\" is greater than \"%d\"",
                                js_length(term), TERM_MAX),
                        "term", -1));
    }
    read_types(cx, call, q, issues);
    if (q->limit > PAGE_MAX) {
        json_push(a, issues,
                  issue(a,
                        str_fmt(a, "The page limit \"%lld\" is greater than \"%d\"",
                                (long long)q->limit, PAGE_MAX),
                        "pageLimit", -1));
    }
    if (issues->n > 0) {
        Buf text = buf_init(a, MIB);
        json_write_pretty(&text, issues);
        return fail(cx, RC_MALFORMED, "Invalid query string: %.*s",
                    STR_ARG(str_trim(buf_str(&text))));
    }
    search_parse(a, term, false, q);
    return read_filters(cx, call, q);
}

/* ---- pages: a cursor is the base64 of the page's number */

static double read_page(Ctx *cx, const Call *call)
{
    Buf text = buf_init(cx->arena, KIB);
    Str cursor = call_query(call, "pageCursor");
    double page = 0;
    if (cursor.len == 0) {
        return 0;
    }
    if (!buf_unbase64(&text, cursor)) {
        return (double)NAN;
    }
    Str number = str_trim(buf_str(&text));
    return number.len == 0 || str_to_double(number, &page) ? page : (double)NAN;
}

static void set_cursor(Arena *a, Json *out, const char *key, double page)
{
    Buf text = buf_init(a, KIB);
    buf_base64(&text, str_fmt(a, "%g", page));
    json_set_str(a, out, key, buf_str(&text));
}

/* ---- the answer */

typedef struct Field {
    const char *name;
    Str value;
    const char *filter;
} Field;
enum { FIELDS = 9 };

static void fields_of(const SearchRow *row, Field out[FIELDS])
{
    Str type = row->ctype.len ? row->ctype : STR("other");
    const Field fields[FIELDS] = {
        {"title",         row->title.len ? row->title : row->name, NULL       },
        {"text",          row->summary,                            NULL       },
        {"componentType", type,                                    "type"     },
        {"type",          type,                                    "type"     },
        {"namespace",     row->namespace_,                         "namespace"},
        {"kind",          row->kind,                               "kind"     },
        {"lifecycle",     row->lifecycle,                          "lifecycle"},
        {"owner",         row->owner,                              "owner"    },
        {"location",      row->href,                               "location" },
    };
    memcpy(out, fields, sizeof fields);
}

/* "<…>", another one for each process. */
static Str tag_name(void)
{
    static Mutex lock = MUTEX_INIT;
    static Uuid id GUARDED_BY(lock);
    static bool is_made GUARDED_BY(lock);
    mutex_lock(&lock);
    if (!is_made) {
        id = uuid_v7();
        is_made = true;
    }
    Str ret = uuid_str(&id);
    mutex_unlock(&lock);
    return ret;
}

static bool is_filtered(const SearchQuery *q, const Field *field)
{
    for (size_t i = 0; field->filter && i < q->filters.n; i++) {
        const SearchFilter *filter = &q->filters.at[i];
        for (size_t k = 0; str_is(str_from(filter->field), field->filter) && k < filter->values.n;
             k++) {
            if (str_eq_nocase(filter->values.at[k], field->value)) {
                return true;
            }
        }
    }
    return false;
}

static Str marked(Arena *a, const SearchQuery *q, const Field *field)
{
    SearchSpans spans;
    Buf out = buf_init(a, 16 * MIB);
    Str tag = tag_name();
    size_t at = 0;
    search_spans(a, q, field->value, &spans);
    if (spans.n == 0 && field->value.len > 0 && is_filtered(q, field)) {
        VEC_PUSH(&spans, ((SearchSpan){0, field->value.len}));
    }
    for (size_t i = 0; i < spans.n; i++) {
        buf_put(&out, str_sub(field->value, at, spans.at[i].from));
        buf_fmt(&out, "<%.*s>", STR_ARG(tag));
        buf_put(&out, str_sub(field->value, spans.at[i].from, spans.at[i].to));
        buf_fmt(&out, "</%.*s>", STR_ARG(tag));
        at = spans.at[i].to;
    }
    if (spans.n > 0) {
        buf_put(&out, str_from_index(field->value, at));
    }
    return buf_str(&out);
}

static Json *result_json(Arena *a, const SearchQuery *q, const SearchRow *row, int64_t rank)
{
    Json *out = json_object(a), *document = json_object(a);
    Json *highlight = json_object(a), *marks = json_object(a);
    Field fields[FIELDS];
    fields_of(row, fields);
    for (size_t i = 0; i < FIELDS; i++) {
        Str text = marked(a, q, &fields[i]);
        json_set_str(a, document, fields[i].name, fields[i].value);
        if (text.len > 0) {
            json_set_str(a, marks, fields[i].name, text);
        }
    }
    json_set_str(a, out, "type", row->type);
    json_set_c(a, out, "document", document);
    json_set_c(a, out, "rank", json_int(a, rank));
    json_set_str(a, highlight, "preTag", str_fmt(a, "<%.*s>", STR_ARG(tag_name())));
    json_set_str(a, highlight, "postTag", str_fmt(a, "</%.*s>", STR_ARG(tag_name())));
    json_set_c(a, highlight, "fields", marks);
    json_set_c(a, out, "highlight", highlight);
    return out;
}

Rc search_backstage_query(Ctx *cx, Call *call)
{
    Arena *a = cx->arena;
    SearchQuery q = {0};
    SearchFound found;
    SearchRow *rows;
    Json *out = json_object(a), *results = json_array(a);
    TRY(read_query(cx, call, &q));
    double page = read_page(cx, call), offset = page * (double)q.limit;
    bool is_page = offset >= 0 && offset <= SEARCH_DEPTH_MAX && q.limit > 0;
    q.offset = is_page ? (int64_t)offset : 0;
    q.limit = MAX(q.limit, 0);
    TRY(search_find(cx, &q, &found));
    size_t from = MIN((size_t)q.offset, found.hits.n);
    size_t n = is_page ? MIN((size_t)q.limit, found.hits.n - from) : 0;
    TRY(search_rows(cx, &found, from, n, &rows));
    for (size_t i = 0; i < n; i++) {
        if (rows[i].key.len > 0) {
            json_push(a, results, result_json(a, &q, &rows[i], q.offset + (int64_t)i + 1));
        }
    }
    json_set_c(a, out, "results", results);
    json_set_c(a, out, "numberOfResults", json_int(a, found.total));
    if ((double)found.total > offset + (double)q.limit) { /* false for a page that is no number */
        set_cursor(a, out, "nextPageCursor", page + 1);
    }
    if (page > 0) {
        set_cursor(a, out, "previousPageCursor", page - 1);
    }
    reply_json_tree(cx, call, 200, out);
    return RC_OK;
}

/* ---- the task */

/* "search_index_software_catalog" of software-catalog. */
static bool is_task_of(Arena *a, Str task, const SearchSource *source)
{
    Str name = str_replace(a, str_from(source->type), STR("-"), STR("_"));
    return str_eq(task, str_fmt(a, "search_index_%.*s", STR_ARG(name)));
}

Rc search_backstage_trigger(Ctx *cx, Call *call)
{
    const SearchSource *sources[SEARCH_SOURCES_MAX];
    size_t n = search_sources(cx->platform, sources, SEARCH_SOURCES_MAX);
    Str task = call_path(call, "task");
    bool is_known = false;
    for (size_t i = 0; i < n; i++) {
        is_known = is_known || is_task_of(cx->arena, task, sources[i]);
    }
    if (!is_known) {
        return fail(cx, RC_NOT_FOUND, "Task with id %.*s does not exist", STR_ARG(task));
    }
    TRY(ctx_begin(cx));
    TRY(search_queue_rebuild(cx, NULL));
    TRY(ctx_commit(cx));
    reply_empty(call, 200);
    return RC_OK;
}
