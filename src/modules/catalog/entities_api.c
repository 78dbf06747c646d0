/* SPDX-License-Identifier: Apache-2.0
 * Backstage's entity API: what a request says, into a query; messages as Backstage words them. */
#include "catalog_query_sql.h"
#include "contract_handlers.h"
#include "modules/catalog/catalog.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/facets.h"
#include "modules/catalog/query_entity.h"
#include "platform/settings/settings.h"

#include <string.h>

/* ---- parts of requests */

static Rc read_filter(Ctx *cx, const Call *call, const Json **ret)
{
    size_t n;
    const Str *filters = call_query_all(cx, call, "filter", &n);
    TRY(filter_parse(cx->arena, filters, n, ret, &cx->error));
    return predicate_validate(cx->arena, *ret, &cx->error);
}

static Rc read_fields(Ctx *cx, const Call *call, FieldList *ret)
{
    size_t n;
    const Str *lists = call_query_all(cx, call, "fields", &n);
    return fields_parse(cx->arena, lists, n, ret, &cx->error);
}

static const Str *strings_of(Arena *arena, const Json *list, size_t *ret_n)
{
    *ret_n = json_is(list, JSON_ARRAY) ? list->n : 0;
    Str *out = ARENA_ARRAY(arena, Str, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++) {
        out[i] = list->items[i]->text;
    }
    return out;
}

/* `query` of a body. */
static Rc read_predicate(Ctx *cx, const Json *query, const char *prefix, const Json **ret)
{
    const Json *issues;
    *ret = NULL;
    if (!query) {
        return RC_OK;
    }
    *ret = shape_check(cx->arena, SHAPE_PREDICATE, query, &issues);
    if (!*ret) {
        return fail(cx, RC_MALFORMED, "%s%.*s", prefix, STR_ARG(shape_message(cx->arena, issues)));
    }
    return RC_OK;
}

static bool is_direction(Str s)
{
    return str_is(s, "asc") || str_is(s, "desc");
}

static Rc check_text(Ctx *cx, const EntityQuery *q)
{
    if (q->term.len > QUERY_TERM_MAX || q->n_text_fields > QUERY_TEXT_FIELDS_MAX) {
        return fail(cx, RC_LIMIT,
                    "The full-text filter is longer than %d bytes or has more than %d fields",
                    QUERY_TERM_MAX, QUERY_TEXT_FIELDS_MAX);
    }
    return RC_OK;
}

static Rc reply_built(Ctx *cx, Call *call, const Buf *out)
{
    if (!buf_ok(out)) {
        return fail(cx, RC_LIMIT, "The answer is too long; ask for a smaller page");
    }
    reply_json(call, 200, buf_str(out));
    return RC_OK;
}

/* ---- GET /entities */

/* "asc:metadata.name" */
static Rc read_orders(Ctx *cx, const Call *call, EntityQuery *q)
{
    size_t n;
    const Str *orders = call_query_all(cx, call, "order", &n);
    if (n > QUERY_ORDERS_MAX) {
        return fail(cx, RC_LIMIT, "Entities are sorted by at most %d fields", QUERY_ORDERS_MAX);
    }
    q->order = ARENA_ARRAY(cx->arena, EntityOrder, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t colon = str_find_char(orders[i], ':');
        Str direction = str_sub(orders[i], 0, MIN(colon, orders[i].len));
        Str field = colon == SIZE_MAX ? STR_EMPTY : str_from_index(orders[i], colon + 1);
        if (!is_direction(direction) || field.len == 0) {
            return fail(cx, RC_MALFORMED,
                        "Invalid order parameter \"%.*s\", expected \"<asc or desc>:<field name>\"",
                        STR_ARG(orders[i]));
        }
        q->order[q->n_order++] = (EntityOrder){field, direction};
    }
    return RC_OK;
}

static Rc read_paging(Ctx *cx, const Call *call, EntityList *list)
{
    list->has_limit = call_has_query(call, "limit");
    list->limit = call_query_i64(call, "limit", 0);
    list->offset = call_query_i64(call, "offset", 0);
    bool after = call_has_query(call, "after");
    list->is_paged = list->has_limit || call_has_query(call, "offset") || after;
    if (list->has_limit && list->limit <= 0) {
        return fail(cx, RC_MALFORMED, "Invalid limit, must be greater than zero");
    }
    return after ? list_after(cx->arena, call_query(call, "after"), list, &cx->error) : RC_OK;
}

/* application/x-www-form-urlencoded, as URLSearchParams writes it */
static void write_form(Buf *out, Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("*-._", c));
        if (plain) {
            buf_char(out, (char)c);
        } else if (c == ' ') {
            buf_char(out, '+');
        } else {
            buf_fmt(out, "%%%02X", c);
        }
    }
}

/* The same request with `after` set and without `offset`. */
static Str next_link(Ctx *cx, const Call *call, Str after)
{
    Buf out = buf_init(cx->arena, 256 * KIB);
    bool placed = false, first = true;
    buf_lit(&out, "</entities?");
    for (size_t i = 0; i <= call->n_query; i++) {
        bool at_end = i == call->n_query;
        HttpPair pair = at_end ? (HttpPair){STR("after"), after} : call->query[i];
        bool is_after = str_is(pair.name, "after");
        if ((is_after && placed) || str_is(pair.name, "offset")) {
            continue;
        }
        placed = placed || is_after;
        buf_put(&out, first ? STR_EMPTY : STR("&"));
        first = false;
        write_form(&out, pair.name);
        buf_char(&out, '=');
        write_form(&out, is_after ? after : pair.value);
    }
    buf_lit(&out, ">; rel=\"next\"");
    return buf_str(&out);
}

Rc catalog_entities_list(Ctx *cx, Call *call)
{
    EntityList list = {0};
    bool more;
    Str after;
    TRY(query_reach(cx, &list.query.reach));
    TRY(read_filter(cx, call, &list.query.filter));
    TRY(read_fields(cx, call, &list.fields));
    TRY(read_orders(cx, call, &list.query));
    TRY(read_paging(cx, call, &list));
    if (!list.is_paged) {
        return list_all(cx, call, &list);
    }
    Buf *out = reply_buf(cx, (size_t)list.limit * QUERY_ITEM_BYTES);
    TRY(list_page(cx, &list, out, &more, &after));
    if (more) {
        reply_header(call, "Link", next_link(cx, call, after));
    }
    return reply_built(cx, call, out);
}

/* ---- by-query */

/* "metadata.name,asc" */
static Rc read_order_fields(Ctx *cx, const Call *call, EntityQuery *q)
{
    size_t n;
    const Str *orders = call_query_all(cx, call, "orderField", &n);
    q->order = ARENA_ARRAY(cx->arena, EntityOrder, n + 1);
    for (size_t i = 0; i < n; i++) {
        Str rest = orders[i], field, direction = STR_EMPTY;
        bool has_field = str_split(&rest, ',', &field);
        bool said = has_field && str_split(&rest, ',', &direction);
        if (said && !is_direction(direction)) {
            return fail(cx, RC_MALFORMED, "Invalid order field order, must be asc or desc");
        }
        q->order[q->n_order++] = (EntityOrder){field, direction};
    }
    return RC_OK;
}

static Rc read_query(Ctx *cx, const Call *call, EntityQuery *q)
{
    if (call_has_query(call, "cursor")) {
        TRY(cursor_decode(cx->arena, call_query(call, "cursor"), q, &cx->error));
    } else {
        TRY(read_filter(cx, call, &q->filter));
        TRY(read_order_fields(cx, call, q));
        q->has_text = true;
        q->term = call_query(call, "fullTextFilterTerm");
        q->has_text_fields = call_has_query(call, "fullTextFilterFields");
        q->text_fields = call_query_all(cx, call, "fullTextFilterFields", &q->n_text_fields);
        q->without_total = str_is(call_query(call, "totalItems"), "exclude");
        q->offset = call_query_i64(call, "offset", 0);
    }
    q->limit = call_query_i64(call, "limit", QUERY_LIMIT_DEFAULT);
    return check_text(cx, q);
}

static Rc reply_page(Ctx *cx, Call *call, const EntityQuery *q, const FieldList *fields)
{
    TRY(query_short(cx, (size_t)MAX(q->limit, 0), fields));
    Buf *out = reply_buf(cx, (size_t)MAX(q->limit, 0) * QUERY_ITEM_BYTES);
    TRY(query_page(cx, q, fields, out));
    return reply_built(cx, call, out);
}

Rc catalog_entities_query(Ctx *cx, Call *call)
{
    EntityQuery q = {0};
    FieldList fields;
    TRY(read_fields(cx, call, &fields));
    TRY(read_query(cx, call, &q));
    TRY(query_reach(cx, &q.reach));
    return reply_page(cx, call, &q, &fields);
}

/* Numbers of a body need not be whole: what is behind the point does not count. */
static int64_t number_of(const Json *v, int64_t otherwise)
{
    int64_t whole;
    double number;
    if (json_to_i64(v, &whole)) {
        return whole;
    }
    if (!json_to_double(v, &number)) {
        return otherwise;
    }
    return number > 1e15 ? (int64_t)1e15 : number < -1e15 ? -(int64_t)1e15 : (int64_t)number;
}

static void read_body_text(Ctx *cx, const Json *text, EntityQuery *q)
{
    const Json *fields = json_get_c(text, "fields");
    q->has_text = text != NULL;
    q->term = json_str_at(text, "term");
    q->has_text_fields = fields != NULL;
    q->text_fields = strings_of(cx->arena, fields, &q->n_text_fields);
}

static Rc read_body_query(Ctx *cx, const Json *body, EntityQuery *q)
{
    const Json *cursor = json_get_c(body, "cursor"), *order = json_get_c(body, "orderBy");
    if (cursor && cursor->text.len == 0) {
        return fail(cx, RC_MALFORMED, "Cursor cannot be empty");
    }
    if (cursor) {
        TRY(cursor_decode(cx->arena, cursor->text, q, &cx->error));
    } else {
        const Json *query = json_get_c(body, "query");
        TRY(read_predicate(cx, query, "Invalid query: ", &q->filter));
        TRY(predicate_validate(cx->arena, q->filter, &cx->error));
        q->order = ARENA_ARRAY(cx->arena, EntityOrder, order ? order->n + 1U : 1U);
        for (uint32_t i = 0; order && i < order->n; i++) {
            q->order[q->n_order++] = (EntityOrder){json_str_at(order->items[i], "field"),
                                                   json_str_at(order->items[i], "order")};
        }
        read_body_text(cx, json_get_c(body, "fullTextFilter"), q);
        q->without_total = str_is(json_str_at(body, "totalItems"), "exclude");
        q->offset = MAX(number_of(json_get_c(body, "offset"), 0), 0);
    }
    q->limit = number_of(json_get_c(body, "limit"), QUERY_LIMIT_DEFAULT);
    return check_text(cx, q);
}

Rc catalog_entities_search(Ctx *cx, Call *call)
{
    EntityQuery q = {0};
    FieldList fields;
    size_t n;
    TRY(read_body_query(cx, call->body, &q));
    TRY(query_reach(cx, &q.reach));
    const Str *lists = strings_of(cx->arena, json_get_c(call->body, "fields"), &n);
    TRY(fields_parse(cx->arena, lists, n, &fields, &cx->error));
    return reply_page(cx, call, &q, &fields);
}

/* ---- one entity */

static Str ref_of(Ctx *cx, const Call *call)
{
    EntityRef parts = {call_path(call, "kind"), call_path(call, "namespace"),
                       call_path(call, "name")};
    return entity_ref_str(cx->arena, parts);
}

static Rc no_entity(Ctx *cx, const Call *call)
{
    return fail(cx, RC_NOT_FOUND,
                "No entity named '%.*s' found, with kind '%.*s' in namespace '%.*s'",
                STR_ARG(call_path(call, "name")), STR_ARG(call_path(call, "kind")),
                STR_ARG(call_path(call, "namespace")));
}

Rc catalog_entities_get(Ctx *cx, Call *call)
{
    Str text = STR_EMPTY;
    Rc rc = reach_check_ref(cx, ref_of(cx, call));
    if (rc == RC_OK) {
        rc = text_by_ref(cx, ref_of(cx, call), &text);
    }
    if (rc == RC_NOT_FOUND) {
        return no_entity(cx, call);
    }
    TRY(rc);
    reply_json(call, 200, text);
    return RC_OK;
}

Rc catalog_entities_get_by_uid(Ctx *cx, Call *call)
{
    Str uid = call_path(call, "uid"), text;
    Rc rc = entity_by_uid(cx, str_lower(cx->arena, uid), &text);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "No entity with uid %.*s", STR_ARG(uid));
    }
    TRY(rc);
    reply_json(call, 200, text);
    return RC_OK;
}

Rc catalog_entities_ancestry(Ctx *cx, Call *call)
{
    Str ref = ref_of(cx, call);
    Buf out = buf_init(cx->arena, QUERY_REPLY_MAX);
    Rc rc = entity_ancestry(cx, ref, &out);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "No such entity %.*s", STR_ARG(ref));
    }
    TRY(rc);
    return reply_built(cx, call, &out);
}

Rc catalog_entities_by_refs(Ctx *cx, Call *call)
{
    const Json *issues, *filter, *query = json_get_c(call->body, "query");
    FieldList fields;
    size_t n, n_fields;
    const Json *body = call->body;
    if (query || !json_get_c(body, "entityRefs")) { /* else the contract has checked all of it */
        body = shape_check(cx->arena, SHAPE_REFS_REQUEST, body, &issues);
        if (!body) {
            return fail(cx, RC_MALFORMED,
                        "Malformed request body (did you remember to specify an application/json "
                        "content type?), %.*s",
                        STR_ARG(shape_message(cx->arena, issues)));
        }
    }
    TRY(read_filter(cx, call, &filter));
    query = json_get_c(body, "query");
    TRY(predicate_validate(cx->arena, query, &cx->error));
    if (query && filter) {
        Json *both = json_object(cx->arena), *list = json_array(cx->arena);
        json_push(cx->arena, list, json_clone(cx->arena, filter));
        json_push(cx->arena, list, json_clone(cx->arena, query));
        json_set_c(cx->arena, both, "$all", list);
        filter = both;
    } else if (query) {
        filter = query;
    }
    const Str *lists = strings_of(cx->arena, json_get_c(body, "fields"), &n_fields);
    TRY(fields_parse(cx->arena, lists, n_fields, &fields, &cx->error));
    const Str *refs = strings_of(cx->arena, json_get_c(body, "entityRefs"), &n);
    if (n > QUERY_REFS_MAX) {
        return fail(cx, RC_LIMIT, "More than %d entities are asked for at once", QUERY_REFS_MAX);
    }
    TRY(query_short(cx, n, &fields));
    Buf *out = reply_buf(cx, n * QUERY_ITEM_BYTES);
    TRY(entities_by_refs(cx, refs, n, filter, &fields, out));
    return reply_built(cx, call, out);
}

/* ---- facets */

/* Where facets look for a text unless the call says it. */
static const Str FACET_TEXTS[] = {STR_INIT("metadata.name"), STR_INIT("metadata.title"),
                                  STR_INIT("metadata.description")};

static Rc check_facet_text(Ctx *cx, EntityQuery *q)
{
    q->has_text = str_trim(q->term).len > 0;
    if (!q->has_text_fields) {
        q->has_text_fields = true;
        q->text_fields = FACET_TEXTS;
        q->n_text_fields = ARRAY_LEN(FACET_TEXTS);
    }
    return check_text(cx, q);
}

Rc catalog_facets_get(Ctx *cx, Call *call)
{
    EntityQuery q = {0};
    Str answer;
    size_t n;
    TRY(read_filter(cx, call, &q.filter));
    q.term = call_query(call, "fullTextFilterTerm");
    q.has_text_fields = call_has_query(call, "fullTextFilterFields");
    q.text_fields = call_query_all(cx, call, "fullTextFilterFields", &q.n_text_fields);
    TRY(check_facet_text(cx, &q));
    const Str *facets = call_query_all(cx, call, "facet", &n);
    TRY(facets_answer(cx, facets, n, &q, &answer));
    reply_json(call, 200, answer);
    return RC_OK;
}

Rc catalog_facets_query(Ctx *cx, Call *call)
{
    EntityQuery q = {0};
    Str answer;
    size_t n, kept = 0;
    const Str *given = strings_of(cx->arena, json_get_c(call->body, "facets"), &n);
    Str *facets = ARENA_ARRAY(cx->arena, Str, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (given[i].len) {
            facets[kept++] = given[i];
        }
    }
    if (kept == 0) {
        return fail(cx, RC_MALFORMED, "Missing or empty facets parameter");
    }
    TRY(read_predicate(cx, json_get_c(call->body, "query"), "Invalid query: ", &q.filter));
    TRY(predicate_validate(cx->arena, q.filter, &cx->error));
    read_body_text(cx, json_get_c(call->body, "fullTextFilter"), &q);
    TRY(check_facet_text(cx, &q));
    TRY(facets_answer(cx, facets, kept, &q, &answer));
    reply_json(call, 200, answer);
    return RC_OK;
}

/* ---- writing: not Backstage's, but in its place */

static Rc check_writable(Ctx *cx)
{
    if (settings_bool(cx->platform->settings, "catalog.readonly")) {
        return fail(cx, RC_DENIED, "This operation not allowed in readonly mode");
    }
    return RC_OK;
}

typedef struct Known {
    Str uid;
    int64_t revision;
    bool exists;
} Known;

static Rc find_known(Ctx *cx, Str ref, Known *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Known){0};
    TRY(tx_query(cx->tx, &catalog_query_revision_by_ref, PARAMS(P_STR(ref)), &rows, &cx->error));
    if (rows_next(rows)) {
        *ret = (Known){rows_dup(rows, 0, cx->arena), rows_i64(rows, 1), true};
    }
    return rows_error(rows, &cx->error);
}

/* The revision in If-Match; 0 when any will do. */
static Rc read_if_match(Ctx *cx, const Call *call, int64_t *ret)
{
    Str tag = call_header(call, "If-Match");
    *ret = 0;
    if (tag.len == 0 || str_is(tag, "*")) {
        return RC_OK;
    }
    bool quoted = tag.len > 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"';
    if (!quoted || !str_to_i64(str_sub(tag, 1, tag.len - 1), ret) || *ret <= 0) {
        return fail(cx, RC_PRECONDITION, "If-Match is not an ETag of this entity");
    }
    return RC_OK;
}

static Rc check_same(Ctx *cx, Str path_ref, const Json *entity)
{
    EntityProblem problem;
    if (!entity_validate_envelope(entity, cx->arena, &problem)) {
        return fail(cx, RC_INVALID, "%.*s", STR_ARG(problem.message));
    }
    Str ref = entity_ref_of_str(cx->arena, entity);
    if (!str_eq(ref, path_ref)) {
        return fail(cx, RC_MALFORMED, "The body is the entity %.*s, the path names %.*s",
                    STR_ARG(ref), STR_ARG(path_ref));
    }
    return RC_OK;
}

Rc catalog_entities_replace(Ctx *cx, Call *call)
{
    Str ref = ref_of(cx, call), text;
    int64_t if_revision;
    Known before, after;
    Uuid id;
    TRY(check_writable(cx));
    TRY(check_same(cx, ref, call->body));
    TRY(read_if_match(cx, call, &if_revision));
    TRY(ctx_begin(cx));
    TRY(find_known(cx, ref, &before));
    TRY(catalog_write(cx, call->body, if_revision, &id));
    TRY(find_known(cx, ref, &after));
    TRY(text_by_ref(cx, ref, &text));
    TRY(ctx_commit(cx));
    reply_header(call, "ETag", str_fmt(cx->arena, "\"%lld\"", (long long)after.revision));
    reply_json(call, before.exists ? 200 : 201, text);
    return RC_OK;
}

Rc catalog_entities_delete(Ctx *cx, Call *call)
{
    int64_t if_revision;
    Known known;
    TRY(check_writable(cx));
    TRY(read_if_match(cx, call, &if_revision));
    TRY(ctx_begin(cx));
    TRY(find_known(cx, ref_of(cx, call), &known));
    if (!known.exists) {
        return no_entity(cx, call);
    }
    if (if_revision && if_revision != known.revision) {
        return fail(cx, RC_PRECONDITION, "The entity has changed meanwhile: read it again");
    }
    TRY(catalog_delete(cx, known.uid));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

Rc catalog_entities_delete_by_uid(Ctx *cx, Call *call)
{
    TRY(ctx_begin(cx));
    Rc rc = catalog_delete(cx, call_path(call, "uid"));
    if (rc == RC_NOT_FOUND) { /* gone is gone */
        error_clear(&cx->error);
        ctx_end(cx);
    } else {
        TRY(rc);
        TRY(ctx_commit(cx));
    }
    reply_empty(call, 204);
    return RC_OK;
}
