/* SPDX-License-Identifier: Apache-2.0
 * ?name=x, ?name[op]=x, ?q=, ?sort=, ?fields= and the rest of a list's query string. Fields and
 * operators come from the table of fields; every value is bound. Values of one field and operator
 * are alternatives, except with `ne`, which excludes each of them. */
#include "platform/records/records_priv.h"

typedef enum FilterOp {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LTE,
    OP_GT,
    OP_GTE,
    OP_PREFIX,
    OP_CONTAINS,
    OP_EXISTS
} FilterOp;

typedef struct OpRow {
    const char *name;
    FilterOp op;
    const char *sql; /* of comparisons */
} OpRow;

static const OpRow ops[] = {
    {"",         OP_EQ,       "=" },
    {"ne",       OP_NE,       "<>"},
    {"lt",       OP_LT,       "<" },
    {"lte",      OP_LTE,      "<="},
    {"gt",       OP_GT,       ">" },
    {"gte",      OP_GTE,      ">="},
    {"prefix",   OP_PREFIX,   NULL},
    {"contains", OP_CONTAINS, NULL},
    {"exists",   OP_EXISTS,   NULL},
};

Rc fail_query(Ctx *cx, const char *parameter, const char *fmt, ...)
{
    char what[sizeof(cx->error.fields[0].message)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    fail(cx, RC_MALFORMED, "The query parameter %s %s.", parameter, what);
    error_field(&cx->error, str_fmt(cx->arena, "query:%s", parameter), "%s", what);
    return RC_MALFORMED;
}

void list_add_param(ListQuery *q, Param p)
{
    VEC_PUSH(&q->params, p);
    switch (p.type) { /* the type is said, so that PostgreSQL does not guess a narrower one from the
                         column */
    case PARAM_I64:
        buf_fmt(&q->where, "CAST($%zu AS BIGINT)", q->params.n);
        break;
    case PARAM_DOUBLE:
        buf_fmt(&q->where, "CAST($%zu AS DOUBLE PRECISION)", q->params.n);
        break;
    case PARAM_NULL:
    case PARAM_TEXT:
    case PARAM_BLOB:
        buf_fmt(&q->where, "CAST($%zu AS TEXT)", q->params.n);
        break;
    }
}

/* '%', '_' and the escape itself, so that a value only matches what it says. */
static Str like_pattern(ListQuery *q, Str value, bool at_start)
{
    Arena *arena = q->cx->arena;
    Str lower = str_lower_utf8(arena, value);
    Buf out = buf_init(arena, 4 * RECORD_VALUE_BYTES_MAX);
    buf_put(&out, at_start ? STR("") : STR("%"));
    for (size_t i = 0; i < lower.len; i++) {
        if (memchr("%_\\", lower.ptr[i], 3)) {
            buf_char(&out, '\\');
        }
        buf_char(&out, lower.ptr[i]);
    }
    buf_char(&out, '%');
    return buf_str(&out);
}

static void add_like(ListQuery *q, const Column *column, Str value, bool at_start)
{
    buf_lit(&q->where, "fw_lower(");
    sql_name(&q->where, column->name);
    buf_lit(&q->where, ") LIKE ");
    list_add_param(q, P_STR(like_pattern(q, value, at_start)));
    buf_lit(&q->where, " ESCAPE '\\'");
}

static bool value_is_text(Str value)
{
    return str_is_utf8(value, NULL) && memchr(value.ptr ? value.ptr : "", '\0', value.len) == NULL;
}

static Rc
add_value(ListQuery *q, const Column *column, const OpRow *op, const char *parameter, Str value)
{
    Param p;
    if (value.len > RECORD_VALUE_BYTES_MAX || !value_is_text(value)) {
        return fail_query(q->cx, parameter, "must be text of at most %d bytes",
                          RECORD_VALUE_BYTES_MAX);
    }
    if (op->op == OP_PREFIX || op->op == OP_CONTAINS) {
        if (column->type != FIELD_STRING && column->type != FIELD_UUID) {
            return fail_query(q->cx, parameter, "cannot be used: %s is for text", op->name);
        }
        add_like(q, column, value, op->op == OP_PREFIX);
        return RC_OK;
    }
    if (op->op == OP_EXISTS) {
        if (!str_is(value, "true") && !str_is(value, "false")) {
            return fail_query(q->cx, parameter, "must be true or false");
        }
        sql_name(&q->where, column->name);
        buf_put(&q->where, str_is(value, "true") ? STR(" IS NOT NULL") : STR(" IS NULL"));
        return RC_OK;
    }
    if (!column_param_text(q->cx->arena, column, value, &p)) {
        static const char *const forms[] = {
            [FIELD_STRING] = "text",
            [FIELD_INTEGER] = "a whole number",
            [FIELD_NUMBER] = "a number",
            [FIELD_BOOLEAN] = "true or false",
            [FIELD_TIME] = "a time such as 2026-01-31T09:30:00Z",
            [FIELD_UUID] = "a UUID",
            [FIELD_JSON] = "left out: it cannot be filtered by",
        };
        return fail_query(q->cx, parameter, "must be %s", forms[column->type]);
    }
    if (op->op == OP_NE && column->nullable) { /* what has no value is different from every value */
        buf_lit(&q->where, "(");
        sql_name(&q->where, column->name);
        buf_lit(&q->where, " IS NULL OR ");
    }
    if (op->op == OP_EQ || op->op == OP_NE) {
        sql_name(&q->where, column->name);
    } else {
        sql_sortable(&q->where, column, q->kind);
    }
    buf_fmt(&q->where, " %s ", op->sql);
    list_add_param(q, p);
    buf_put(&q->where, op->op == OP_NE && column->nullable ? STR(")") : STR(""));
    return RC_OK;
}

/* All values of one parameter name, which is its own group: "(a = $1 OR a = $2)". */
static Rc
add_filter(ListQuery *q, const Call *call, size_t at, const Column *column, const OpRow *op)
{
    Str name = call->query[at].name;
    const char *parameter = str_cstr(q->cx->arena, str_sub(name, 0, 64));
    size_t n = 0;
    buf_lit(&q->where, " AND (");
    for (size_t i = at; i < call->n_query; i++) {
        if (!str_eq(call->query[i].name, name)) {
            continue;
        }
        if (n == RECORD_VALUES_MAX) {
            return fail_query(q->cx, parameter, "may be given at most %d times", RECORD_VALUES_MAX);
        }
        buf_put(&q->where, n == 0 ? STR("") : op->op == OP_NE ? STR(" AND ") : STR(" OR "));
        TRY(add_value(q, column, op, parameter, call->query[i].value));
        buf_fmt(&q->canon, "\n%.*s=%.*s", STR_ARG(name), STR_ARG(call->query[i].value));
        n++;
    }
    buf_lit(&q->where, ")");
    return RC_OK;
}

static bool seen_before(const Call *call, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (str_eq(call->query[i].name, call->query[at].name)) {
            return true;
        }
    }
    return false;
}

static const OpRow *find_op(Str name)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (str_is(name, ops[i].name)) {
            return &ops[i];
        }
    }
    return NULL;
}

/* "name" or "name[op]" */
static Rc parse_filter(ListQuery *q, const Call *call, size_t at)
{
    Str name = call->query[at].name;
    const char *parameter = str_cstr(q->cx->arena, str_sub(name, 0, 64));
    size_t bracket = str_find_char(name, '[');
    bool has_op = bracket != SIZE_MAX && str_ends(name, STR("]"));
    const Column *column = spec_column(q->spec, str_sub(name, 0, bracket));
    const OpRow *op = has_op ? find_op(str_sub(name, bracket + 1, name.len - 1)) : &ops[0];
    if (!column || (bracket != SIZE_MAX && !has_op)) {
        return fail_query(q->cx, parameter, "is not known here");
    }
    if (!op || (has_op && op == &ops[0])) {
        return fail_query(
            q->cx, parameter,
            "has no such operator; use ne, lt, lte, gt, gte, prefix, contains or exists");
    }
    if ((column->field && column->field->secret) ||
        (column->type == FIELD_JSON && op->op != OP_EXISTS)) {
        return fail_query(q->cx, parameter, "cannot be used: the field cannot be filtered by");
    }
    if (seen_before(call, at)) {
        return RC_OK; /* its values went with the first one */
    }
    if (q->n_conditions++ == RECORD_CONDITIONS_MAX) {
        return fail_query(q->cx, parameter, "is one too many: at most %d filters",
                          RECORD_CONDITIONS_MAX);
    }
    return add_filter(q, call, at, column, op);
}

/* Every word must occur in one of the columns at least. */
static Rc parse_search(ListQuery *q, Str text)
{
    size_t n = 0;
    Str rest = text, word;
    if (q->spec->n_search == 0) {
        return fail_query(q->cx, "q", "cannot be used here: nothing is searched");
    }
    if (text.len > RECORD_VALUE_BYTES_MAX || !value_is_text(text)) {
        return fail_query(q->cx, "q", "must be text of at most %d bytes", RECORD_VALUE_BYTES_MAX);
    }
    buf_fmt(&q->canon, "\nq=%.*s", STR_ARG(text));
    while (str_split(&rest, ' ', &word)) {
        if (word.len == 0) {
            continue;
        }
        if (n++ == RECORD_WORDS_MAX) {
            return fail_query(q->cx, "q", "may have at most %d words", RECORD_WORDS_MAX);
        }
        for (size_t i = 0; i < q->spec->n_search; i++) {
            buf_put(&q->where, i == 0 ? STR(" AND (") : STR(" OR "));
            add_like(q, q->spec->search[i], word, false);
        }
        buf_lit(&q->where, ")");
    }
    return RC_OK;
}

static Rc parse_sort(ListQuery *q, Str text)
{
    Str rest = text, part;
    Sort sort = {.n = 0};
    while (str_split(&rest, ',', &part)) {
        bool descending = str_starts(part, STR("-"));
        const Column *column = spec_column(q->spec, str_from_index(part, descending ? 1 : 0));
        if (!column || column->type == FIELD_JSON || (column->field && column->field->secret)) {
            return fail_query(q->cx, "sort", "names no field to sort by: \"%.*s\"",
                              STR_ARG(str_sub(part, 0, 64)));
        }
        if (sort.n == RECORD_SORT_MAX) {
            return fail_query(q->cx, "sort", "may name at most %d fields", RECORD_SORT_MAX);
        }
        sort.keys[sort.n++] = (SortKey){column, descending};
    }
    if (sort.n == 0) { /* "?sort" without a value */
        return fail_query(q->cx, "sort", "names no field to sort by");
    }
    bool descending = sort.keys[sort.n - 1].descending;
    sort.keys[sort.n++] = (SortKey){&q->spec->columns[COLUMN_ID], descending};
    q->sort = sort;
    return RC_OK;
}

static Rc parse_fields(ListQuery *q, Str text)
{
    Str rest = text, part;
    const Json *properties =
        json_get_c(contract_schema_json(q->spec->contract, q->spec->type.name), "properties");
    q->field_names = ARENA_ARRAY(q->cx->arena, Str, RECORD_COLUMNS_MAX);
    if (text.len == 0) {
        return fail_query(q->cx, "fields", "names no field");
    }
    while (str_split(&rest, ',', &part)) {
        if (!json_get(properties, part) || q->n_fields == RECORD_COLUMNS_MAX) {
            return fail_query(q->cx, "fields", "names no field: \"%.*s\"",
                              STR_ARG(str_sub(part, 0, 64)));
        }
        q->field_names[q->n_fields++] = part;
    }
    return RC_OK;
}

static Rc parse_flag(ListQuery *q, const char *name, Str value, bool *ret)
{
    if (!str_is(value, "true") && !str_is(value, "false")) {
        return fail_query(q->cx, name, "must be true or false");
    }
    *ret = str_is(value, "true");
    return RC_OK;
}

static Rc parse_limit(ListQuery *q, Str value)
{
    int64_t n;
    if (!str_to_i64(value, &n) || n < 1 || n > RECORD_LIMIT_MAX) {
        return fail_query(q->cx, "limit", "must be a whole number from 1 to %d", RECORD_LIMIT_MAX);
    }
    q->limit = (size_t)n;
    return RC_OK;
}

static Rc parse_parameter(ListQuery *q, const Call *call, size_t at, bool *include_deleted)
{
    Str name = call->query[at].name, value = call->query[at].value;
    if (str_is(name, "limit")) {
        return parse_limit(q, value);
    }
    if (str_is(name, "cursor")) {
        q->cursor = value;
        return RC_OK;
    }
    if (str_is(name, "sort")) {
        return parse_sort(q, value);
    }
    if (str_is(name, "fields")) {
        return parse_fields(q, value);
    }
    if (str_is(name, "q")) {
        return parse_search(q, value);
    }
    if (str_is(name, "total")) {
        return parse_flag(q, "total", value, &q->want_total);
    }
    if (str_is(name, "include_deleted") && q->spec->type.soft_delete) {
        return parse_flag(q, "include_deleted", value, include_deleted);
    }
    return parse_filter(q, call, at);
}

static bool is_control(Str name)
{
    static const char *const names[] = {"limit", "cursor", "sort",           "fields",
                                        "q",     "total",  "include_deleted"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

Rc list_parse(ListQuery *q, const Call *call, const HttpPair *fixed, size_t n_fixed)
{
    bool include_deleted = false;
    q->limit = RECORD_LIMIT_DEFAULT;
    q->sort = q->spec->default_sort;
    for (size_t i = 0; i < n_fixed; i++) {
        const Column *column = spec_column(q->spec, fixed[i].name);
        if (!column) {
            continue;
        }
        buf_lit(&q->where, " AND ");
        sql_name(&q->where, column->name);
        buf_lit(&q->where, " = ");
        list_add_param(q, P_STR(fixed[i].value));
        buf_fmt(&q->canon, "\n/%.*s", STR_ARG(fixed[i].value));
    }
    for (size_t i = 0; i < call->n_query; i++) {
        if (is_control(call->query[i].name) && seen_before(call, i)) {
            return fail_query(q->cx, str_cstr(q->cx->arena, call->query[i].name), "is given twice");
        }
        TRY(parse_parameter(q, call, i, &include_deleted));
    }
    if (q->spec->type.soft_delete && !include_deleted) {
        buf_lit(&q->where, " AND \"deleted_at\" IS NULL");
    }
    buf_fmt(&q->canon, "\ndeleted=%d", include_deleted ? 1 : 0);
    for (size_t i = 0; i < q->sort.n; i++) {
        buf_fmt(&q->canon, "\nsort=%s%.*s", q->sort.keys[i].descending ? "-" : "",
                STR_ARG(q->sort.keys[i].column->name));
    }
    return buf_ok(&q->where) && buf_ok(&q->canon) ? RC_OK
                                                  : fail(q->cx, RC_LIMIT, "The query is too long.");
}
