/* SPDX-License-Identifier: Apache-2.0
 * A row to JSON and back. Members come in the order of the contract; a NULL is a member null where
 * the schema takes null and is left out elsewhere. */
#include "base/time.h"

#include "platform/records/records_priv.h"
#include "platform/secrets/secrets.h"

/* ---- row to JSON */

static Json *value_of(Ctx *cx, const Column *column, Rows *rows, int i, Rc *rc)
{
    Arena *arena = cx->arena;
    Json *v = NULL;
    if (column->field && column->field->secret) {
        return json_string(arena, STR(SECRET_MASK));
    }
    switch (column->type) {
    case FIELD_STRING:
    case FIELD_UUID:
        return json_string(arena, rows_str(rows, i));
    case FIELD_INTEGER:
        return json_int(arena, rows_i64(rows, i));
    case FIELD_NUMBER:
        return json_double(arena, rows_f64(rows, i));
    case FIELD_BOOLEAN:
        return json_bool_new(arena, rows_i64(rows, i) != 0);
    case FIELD_TIME:
        return json_string(arena, time_rfc3339_dup(arena, rows_i64(rows, i)));
    case FIELD_JSON: {
        Error damage = {0};
        if (json_parse(arena, rows_str(rows, i), NULL, &v, &damage) != RC_OK) {
            *rc = error_set(&cx->error, RC_INTERNAL, "A stored record cannot be read");
            error_detail(&cx->error, "column %.*s: %s", STR_ARG(column->name), damage.message);
        }
        break;
    }
    }
    return v;
}

static void read_column(Ctx *cx, const RecordSpec *spec, Rows *rows, size_t i, Row *row, Rc *rc)
{
    const Column *column = &spec->columns[i];
    if (rows_is_null(rows, (int)i)) {
        if (column->null_is_shown) {
            json_set(cx->arena, row->json, column->name, json_null(cx->arena));
        }
        return;
    }
    if (row->sealed && column->field && column->field->secret) {
        row->sealed[i] = rows_dup(rows, (int)i, cx->arena);
    }
    Json *v = value_of(cx, column, rows, (int)i, rc);
    if (*rc == RC_OK) {
        json_set(cx->arena, row->json, column->name, v);
    }
}

/* *ret_rc changes only on failure. */
Row row_read(Ctx *cx, const RecordSpec *spec, Rows *rows, Rc *ret_rc)
{
    Row row = {.json = json_object(cx->arena), .revision = rows_i64(rows, COLUMN_REVISION)};
    if (spec->has_secrets) {
        row.sealed = ARENA_ARRAY(cx->arena, Str, spec->n_columns);
    }
    read_column(cx, spec, rows, COLUMN_ID, &row, ret_rc);
    for (size_t i = spec->n_standard; i < spec->n_columns && *ret_rc == RC_OK; i++) {
        read_column(cx, spec, rows, i, &row, ret_rc);
    }
    for (size_t i = COLUMN_CREATED_AT; i < spec->n_standard && *ret_rc == RC_OK; i++) {
        read_column(cx, spec, rows, i, &row, ret_rc);
    }
    return row;
}

Rc row_query(Ctx *cx, const RecordSpec *spec, Str sql, const Param *params, size_t n, Row *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query_sql(cx->tx, sql, params, n, &rows, &cx->error));
    Rc rc = RC_OK;
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    Row row = row_read(cx, spec, rows, &rc);
    if (rc == RC_OK) {
        *ret = row;
    }
    return rc;
}

/* ---- JSON to parameters */

bool column_param(Arena *arena, const Column *column, const Json *v, Param *ret)
{
    int64_t i64;
    double f64;
    if (!v || v->type == JSON_NULL) {
        *ret = P_NULL;
        return true;
    }
    switch (column->type) {
    case FIELD_STRING:
        *ret = P_STR(json_str(v));
        return v->type == JSON_STRING;
    case FIELD_UUID:
        *ret = P_STR(str_lower(arena, json_str(v)));
        return v->type == JSON_STRING;
    case FIELD_INTEGER:
        if (!json_to_i64(v, &i64)) {
            return false;
        }
        *ret = P_I64(i64);
        return true;
    case FIELD_NUMBER:
        if (!json_to_double(v, &f64)) {
            return false;
        }
        *ret = P_F64(f64);
        return true;
    case FIELD_BOOLEAN:
        *ret = P_BOOL(json_bool(v, false));
        return v->type == JSON_BOOL;
    case FIELD_TIME:
        if (v->type != JSON_STRING || !time_parse_rfc3339(v->text, &i64)) {
            return false;
        }
        *ret = P_I64(i64);
        return true;
    case FIELD_JSON:
        *ret = P_STR(json_to_str(arena, v));
        return true;
    }
    return false;
}

bool column_param_text(Arena *arena, const Column *column, Str text, Param *ret)
{
    int64_t i64;
    double f64;
    switch (column->type) {
    case FIELD_INTEGER:
        if (!str_to_i64(text, &i64)) {
            return false;
        }
        *ret = P_I64(i64);
        return true;
    case FIELD_NUMBER:
        if (!str_to_double(text, &f64)) {
            return false;
        }
        *ret = P_F64(f64);
        return true;
    case FIELD_BOOLEAN:
        *ret = P_BOOL(str_is(text, "true"));
        return str_is(text, "true") || str_is(text, "false");
    case FIELD_TIME:
        if (!time_parse_rfc3339(text, &i64)) {
            return false;
        }
        *ret = P_I64(i64);
        return true;
    case FIELD_UUID:
        *ret = P_STR(str_lower(arena, text));
        return true;
    case FIELD_STRING:
        *ret = P_STR(text);
        return true;
    case FIELD_JSON:
        break;
    }
    return false;
}

static Json *normal_value(Arena *arena, const Column *column, Json *v)
{
    int64_t i64;
    if (column->type == FIELD_UUID && v->type == JSON_STRING) {
        return json_string(arena, str_lower(arena, v->text));
    }
    if (column->type == FIELD_TIME && v->type == JSON_STRING && time_parse_rfc3339(v->text, &i64)) {
        return json_string(arena, time_rfc3339_dup(arena, i64));
    }
    if (column->type == FIELD_INTEGER && json_to_i64(v, &i64)) {
        return json_int(arena, i64);
    }
    return v;
}

static void normal_column(Arena *arena, const Column *column, const Json *record, Json *out)
{
    Json *v = json_get(record, column->name);
    if (v && v->type != JSON_NULL) {
        json_set(arena, out, column->name, normal_value(arena, column, v));
    } else if (column->null_is_shown) {
        json_set(arena, out, column->name, json_null(arena));
    }
}

Json *normalise(Arena *arena, const RecordSpec *spec, const Json *record)
{
    Json *out = json_object(arena);
    normal_column(arena, &spec->columns[COLUMN_ID], record, out);
    for (size_t i = spec->n_standard; i < spec->n_columns; i++) {
        normal_column(arena, &spec->columns[i], record, out);
    }
    for (size_t i = COLUMN_CREATED_AT; i < spec->n_standard; i++) {
        normal_column(arena, &spec->columns[i], record, out);
    }
    return out;
}

/* ---- secrets */

bool is_mask(const Json *v)
{
    return json_is(v, JSON_STRING) && str_is(v->text, SECRET_MASK);
}

void mask_secrets(Arena *arena, const RecordSpec *spec, Json *record)
{
    for (size_t i = 0; spec->has_secrets && i < spec->type.n_fields; i++) {
        const RecordField *field = &spec->type.fields[i];
        const Json *v = json_get(record, field->name);
        if (field->secret && v && v->type != JSON_NULL) {
            json_set(arena, record, field->name, json_string(arena, STR(SECRET_MASK)));
        }
    }
}

const Json *
without_personal(Arena *arena, const RecordSpec *spec, const Json *record, const Json *before)
{
    if (!spec->has_personal || !record) {
        return record;
    }
    Json *copy = json_clone(arena, record);
    for (size_t i = 0; i < spec->type.n_fields; i++) {
        const RecordField *field = &spec->type.fields[i];
        const Json *v = json_get(copy, field->name);
        if (field->personal && v && v->type != JSON_NULL) {
            const Json *old = json_get(before, field->name);
            bool is_other = before && !(old && json_equal(old, v));
            json_set(arena, copy, field->name,
                     json_string_c(arena, is_other ? PERSONAL_CHANGED : PERSONAL_MASK));
        }
    }
    return copy;
}

/* A sealed value opens only where it was put. */
static Str seal_context(Arena *arena, const RecordSpec *spec, const Column *column, Str id)
{
    return str_fmt(arena, "%.*s.%.*s.%.*s", STR_ARG(spec->type.table), STR_ARG(column->name),
                   STR_ARG(id));
}

static Rc
seal(Ctx *cx, const RecordSpec *spec, size_t i, const Json *record, const Row *old, Param *ret)
{
    const Column *column = &spec->columns[i];
    const Json *v = json_get(record, column->name);
    if (!v || v->type == JSON_NULL) {
        *ret = P_NULL;
        return RC_OK;
    }
    if (is_mask(v) && old && old->sealed && old->sealed[i].len > 0) {
        *ret = P_STR(old->sealed[i]);
        return RC_OK;
    }
    Str plain = column->type == FIELD_STRING ? json_str(v) : json_to_str(cx->arena, v);
    Str context = seal_context(cx->arena, spec, column, json_str_at(record, "id"));
    Str sealed;
    TRY(secrets_seal(cx->platform->secrets, cx->arena, plain, context, &sealed, &cx->error));
    *ret = P_STR(sealed);
    return RC_OK;
}

Rc row_unseal(Ctx *cx, const RecordSpec *spec, size_t i, Str id, const Row *row, Json **ret)
{
    const Column *column = &spec->columns[i];
    Str plain;
    TRY(secrets_open(cx->platform->secrets, cx->arena, row->sealed[i],
                     seal_context(cx->arena, spec, column, id), &plain, &cx->error));
    if (column->type == FIELD_STRING) {
        *ret = json_string(cx->arena, plain);
        return RC_OK;
    }
    return json_parse(cx->arena, plain, NULL, ret, &cx->error);
}

Rc row_params(Ctx *cx,
              const RecordSpec *spec,
              const Json *record,
              int64_t revision,
              const Row *old,
              Param *ret)
{
    for (size_t i = 0; i < spec->n_columns; i++) {
        const Column *column = &spec->columns[i];
        if (i == COLUMN_REVISION) {
            ret[i] = P_I64(revision);
        } else if (column->field && column->field->secret) {
            TRY(seal(cx, spec, i, record, old, &ret[i]));
        } else if (!column_param(cx->arena, column, json_get(record, column->name), &ret[i])) {
            Str pointer = str_fmt(cx->arena, "/%.*s", STR_ARG(column->name));
            return fail_field(cx, pointer, "does not fit the type of the field");
        }
    }
    return RC_OK;
}
