/* SPDX-License-Identifier: Apache-2.0
 * What a new state of a record must fulfil, and how its refusal is told. */
#include "platform/records/records_priv.h"

Rc fail_not_found(Ctx *cx, const RecordSpec *spec, Str id)
{
    return fail(cx, RC_NOT_FOUND, "There is no %.*s with the id \"%.*s\".", STR_ARG(spec->words),
                STR_ARG(str_sub(id, 0, 64)));
}

static Str pointer_to(Arena *arena, Str field)
{
    Str name =
        str_replace(arena, str_replace(arena, field, STR("~"), STR("~0")), STR("/"), STR("~1"));
    return str_fmt(arena, "/%.*s", STR_ARG(name));
}

/* ---- members */

static Rc check_member(
    Ctx *cx, const RecordSpec *spec, const JsonMember *m, bool by_client, const Json *before)
{
    const Column *column = spec_column(spec, m->key);
    const RecordField *field = column ? column->field : NULL;
    Str pointer = pointer_to(cx->arena, str_sub(m->key, 0, 64));
    if (!column &&
        !json_get(json_get_c(contract_schema_json(spec->contract, spec->type.name), "properties"),
                  m->key)) {
        return fail_field(cx, pointer, "is no field of a %.*s", STR_ARG(spec->words));
    }
    if (!field || (by_client && field->read_only)) {
        return fail_field(cx, pointer, "is set by the server and cannot be written");
    }
    const Json *old = json_get(before, m->key);
    bool is_empty = m->value->type == JSON_NULL;
    if (by_client && before && field->immutable && !(old ? json_equal(old, m->value) : is_empty)) {
        return fail_field(cx, pointer, "can be set only when the %.*s is created",
                          STR_ARG(spec->words));
    }
    return RC_OK;
}

Rc check_members(
    Ctx *cx, const RecordSpec *spec, const Json *values, bool by_client, const Json *before)
{
    if (!json_is(values, JSON_OBJECT)) {
        return fail(cx, RC_INVALID, "Send the %.*s as a JSON object.", STR_ARG(spec->words));
    }
    for (uint32_t i = 0; i < values->n; i++) {
        TRY(check_member(cx, spec, &values->members[i], by_client, before));
    }
    return RC_OK;
}

Rc check_fixed(Ctx *cx, const Json *values, const HttpPair *fixed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Json *v = json_get(values, fixed[i].name);
        if (v && !str_eq(json_str(v), fixed[i].value)) {
            return fail_field(cx, pointer_to(cx->arena, fixed[i].name),
                              "must be the one of the path, or left out");
        }
    }
    return RC_OK;
}

/* ---- schema */

static Rc refuse_issues(Ctx *cx, const RecordSpec *spec, const JsonSchemaIssue *issues, size_t n)
{
    error_clear(&cx->error);
    for (size_t i = 0; i < n; i++) {
        Str pointer = issues[i].instance_path;
        if (issues[i].property.len > 0) {
            Str member = pointer_to(cx->arena, issues[i].property);
            pointer = str_fmt(cx->arena, "%.*s%.*s", STR_ARG(pointer), STR_ARG(member));
        }
        error_field(&cx->error, pointer, "%.*s", STR_ARG(issues[i].message));
    }
    const FieldError *first = n > 0 ? &cx->error.fields[0] : NULL;
    return fail(cx, RC_INVALID, "The %.*s is not valid: %s %s.", STR_ARG(spec->words),
                first ? first->pointer : "", first ? first->message : "");
}

Rc check_schema(Ctx *cx, const RecordSpec *spec, const Json *record, const Row *old)
{
    const JsonSchema *schema = contract_schema(spec->contract, spec->write_schema);
    Json *written = json_object(cx->arena);
    if (!schema) {
        return RC_OK; /* a record without operations has no write schema: only code writes it */
    }
    for (size_t i = spec->n_standard; i < spec->n_columns; i++) {
        const RecordField *field = spec->columns[i].field;
        Json *v = json_get(record, field->name);
        if (field->read_only || !v) {
            continue;
        }
        if (field->secret && is_mask(v) && old && old->sealed && old->sealed[i].len > 0) {
            TRY(row_unseal(cx, spec, i, json_str_at(record, "id"), old, &v));
        }
        json_set(cx->arena, written, field->name, v);
    }
    JsonSchemaIssue *issues;
    size_t n;
    if (json_schema_validate(schema, written, cx->arena, ERROR_FIELDS_MAX, &issues, &n)) {
        return RC_OK;
    }
    return refuse_issues(cx, spec, issues, n);
}

/* ---- references */

static Rc check_reference(Ctx *cx, const RecordField *field, const Json *v)
{
    const RecordType *target = records_type(cx->platform->records, field->references);
    Str id = str_lower(cx->arena, json_str(v)), found;
    Rc rc = RC_NOT_FOUND;
    if (uuid_is_valid(id)) {
        CLEANUP(rows_cleanup) Rows *rows = NULL;
        const RecordSpec *spec = spec_of(target);
        Str sql = sql_for(tx_is_write(cx->tx) ? &spec->refer : &spec->exists, cx->tx);
        TRY(tx_query_sql(cx->tx, sql, PARAMS(P_STR(id)), &rows, &cx->error));
        rc = rows_next(rows) ? RC_OK : RC_NOT_FOUND;
        TRY(rows_error(rows, &cx->error));
    }
    found = spec_of(target)->words;
    return rc == RC_OK ? RC_OK
                       : fail_field(cx, pointer_to(cx->arena, field->name), MISSING_TARGET " %.*s",
                                    STR_ARG(found));
}

Rc check_references(Ctx *cx, const RecordSpec *spec, const Json *before, const Json *after)
{
    for (size_t i = 0; i < spec->type.n_fields; i++) {
        const RecordField *field = &spec->type.fields[i];
        const Json *v = field->references.len ? json_get(after, field->name) : NULL;
        const Json *old = json_get(before, field->name);
        if (v && v->type != JSON_NULL && !(old && json_equal(old, v))) {
            TRY(check_reference(cx, field, v));
        }
    }
    return RC_OK;
}

/* ---- conflicts */

/* A constraint's name holds its columns' names between underscores: "teams_org_id_slug". */
static bool constraint_names(Str constraint, Str field)
{
    size_t from = 0;
    while (from + field.len <= constraint.len) {
        size_t at = str_find(str_from_index(constraint, from), field);
        if (at == SIZE_MAX) {
            return false;
        }
        size_t begin = from + at, end = begin + field.len;
        if (begin > 0 && constraint.ptr[begin - 1] == '_' &&
            (end == constraint.len || constraint.ptr[end] == '_')) {
            return true;
        }
        from = begin + 1;
    }
    return false;
}

Rc explain_conflict(Ctx *cx, const RecordSpec *spec, Rc rc)
{
    if (rc != RC_CONFLICT || cx->error.n_fields > 0) {
        return rc;
    }
    char detail[sizeof(cx->error.detail)];
    memcpy(detail, cx->error.detail, sizeof(detail));
    Str constraint = str_from(detail), rest = spec->type.unique, field;
    if (str_find(constraint, STR("foreign key")) != SIZE_MAX ||
        str_ends(constraint, STR("_fkey"))) {
        fail(cx, RC_CONFLICT,
             "Something else still refers to this %.*s, or it refers to something that is gone.",
             STR_ARG(spec->words));
        error_detail(&cx->error, "%s", detail);
        return RC_CONFLICT;
    }
    Buf names = buf_init(cx->arena, KIB);
    while (spec->type.unique.len > 0 && str_split(&rest, ',', &field)) {
        field = str_trim(field);
        if (constraint_names(constraint, field)) {
            buf_fmt(&names, "%s%.*s", names.len ? " and " : "", STR_ARG(field));
            error_field(&cx->error, pointer_to(cx->arena, field), "is taken");
        }
    }
    if (names.len > 0) {
        fail(cx, RC_CONFLICT, "Another %.*s already has this %.*s.", STR_ARG(spec->words),
             STR_ARG(buf_str(&names)));
    } else {
        fail(cx, RC_CONFLICT, "There is already such a %.*s.", STR_ARG(spec->words));
    }
    error_detail(&cx->error, "%s", detail);
    return RC_CONFLICT;
}
