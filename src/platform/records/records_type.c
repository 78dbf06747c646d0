/* SPDX-License-Identifier: Apache-2.0
 * From a schema with x-record to a RecordSpec: fields, columns, sort, search. */
#include "platform/records/records_priv.h"

#include <ctype.h>

const RecordSpec *spec_of(const RecordType *type)
{
    return (const RecordSpec *)type;
}

const Column *spec_column(const RecordSpec *spec, Str name)
{
    for (size_t i = 0; i < spec->n_columns; i++) {
        if (i != COLUMN_REVISION && str_eq(spec->columns[i].name, name)) {
            return &spec->columns[i];
        }
    }
    return NULL;
}

bool spec_is_deleted(const RecordSpec *spec, const Json *record)
{
    return spec->type.soft_delete && json_is(json_get_c(record, "deleted_at"), JSON_STRING);
}

static Rc refuse(Error *err, const RecordSpec *spec, const char *what, Str name)
{
    return error_set(err, RC_INVALID, "The contract's record %.*s: %s \"%.*s\".",
                     STR_ARG(spec->type.name), what, STR_ARG(name));
}

static bool is_sql_name(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!islower(c) && c != '_' && (i == 0 || !isdigit(c))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 63;
}

static const Json *resolve(const Contract *contract, const Json *schema)
{
    enum { REF_DEPTH_MAX = 8 };
    for (int i = 0; i < REF_DEPTH_MAX && json_get_c(schema, "$ref"); i++) {
        Str ref = json_str_at(schema, "$ref");
        schema = str_starts(ref, STR("#"))
                     ? json_pointer(contract_json(contract), str_from_index(ref, 1))
                     : NULL;
    }
    return schema;
}

/* "string" of {type: string} and of {type: [string, "null"]}. */
static Str type_name(const Json *schema, bool *ret_takes_null)
{
    const Json *type = json_get_c(schema, "type");
    Str name = json_str(type);
    for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++) {
        if (str_is(json_str(type->items[i]), "null")) {
            *ret_takes_null = true;
        } else {
            name = json_str(type->items[i]);
        }
    }
    return name;
}

static FieldType field_type(Str type, Str format)
{
    if (str_is(type, "string")) {
        if (str_is(format, "date-time")) {
            return FIELD_TIME;
        }
        return str_is(format, "uuid") ? FIELD_UUID : FIELD_STRING;
    }
    if (str_is(type, "integer")) {
        return FIELD_INTEGER;
    }
    if (str_is(type, "number")) {
        return FIELD_NUMBER;
    }
    return str_is(type, "boolean") ? FIELD_BOOLEAN : FIELD_JSON;
}

static bool is_listed(const Json *array, Str name)
{
    for (uint32_t i = 0; json_is(array, JSON_ARRAY) && i < array->n; i++) {
        if (str_eq(json_str(array->items[i]), name)) {
            return true;
        }
    }
    return false;
}

static bool flag(const Json *schema, const char *key)
{
    return json_bool(json_get_c(schema, key), false);
}

static RecordField
field_of(const Contract *contract, Str name, const Json *property, const Json *write_schema)
{
    const Json *schema = resolve(contract, property);
    const Json *written = json_get(json_get_c(write_schema, "properties"), name);
    RecordField field = {.name = name, .schema = written ? resolve(contract, written) : schema};
    Str type = type_name(schema, &field.nullable);
    if (flag(property, "x-secret")) { /* the read form shows a mask; the write form has the type */
        type = type_name(field.schema, &field.nullable);
    }
    field.type = field_type(type, json_str_at(schema, "format"));
    field.read_only = flag(property, "readOnly") || flag(schema, "readOnly");
    field.immutable = flag(property, "x-immutable");
    field.secret = flag(property, "x-secret");
    field.personal = flag(property, "x-personal");
    field.references = json_str_at(property, "x-references");
    return field;
}

static bool is_standard(Str name)
{
    static const char *const names[] = {"id",         "created_at", "created_by", "updated_at",
                                        "updated_by", "deleted_at", "deleted_by"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

static Rc build_fields(Arena *arena, RecordSpec *spec, const Json *schema, Error *err)
{
    const Json *properties = json_get_c(schema, "properties");
    const Json *required = json_get_c(schema, "required");
    const Json *write_schema = contract_schema_json(spec->contract, spec->write_schema);
    if (!json_is(properties, JSON_OBJECT) || properties->n > RECORD_COLUMNS_MAX) {
        return refuse(err, spec, "it needs properties, at most 128; look at", spec->type.name);
    }
    spec->type.fields = ARENA_ARRAY(arena, RecordField, properties->n);
    for (uint32_t i = 0; i < properties->n; i++) {
        Str name = properties->members[i].key;
        const Json *property = properties->members[i].value;
        if (is_standard(name) || flag(property, "x-computed")) {
            continue;
        }
        if (!is_sql_name(name) || str_is(name, "revision")) {
            return refuse(err, spec, "a field is named with a-z, 0-9 and _, and not", name);
        }
        RecordField field = field_of(spec->contract, name, property, write_schema);
        field.required = is_listed(required, name);
        spec->has_secrets |= field.secret;
        spec->has_personal |= field.personal;
        spec->type.fields[spec->type.n_fields++] = field;
    }
    return RC_OK;
}

static Column standard_column(const char *name, FieldType type, bool nullable)
{
    return (Column){
        .name = str_from(name), .type = type, .nullable = nullable, .null_is_shown = nullable};
}

static void build_columns(Arena *arena, RecordSpec *spec)
{
    const Column standard[] = {
        [COLUMN_ID] = standard_column("id", FIELD_UUID, false),
        [COLUMN_REVISION] = standard_column("revision", FIELD_INTEGER, false),
        [COLUMN_CREATED_AT] = standard_column("created_at", FIELD_TIME, false),
        [COLUMN_CREATED_BY] = standard_column("created_by", FIELD_STRING, true),
        [COLUMN_UPDATED_AT] = standard_column("updated_at", FIELD_TIME, false),
        [COLUMN_UPDATED_BY] = standard_column("updated_by", FIELD_STRING, true),
        [COLUMN_DELETED_AT] = standard_column("deleted_at", FIELD_TIME, true),
        [COLUMN_DELETED_BY] = standard_column("deleted_by", FIELD_STRING, true),
    };
    spec->n_standard = spec->type.soft_delete ? ARRAY_LEN(standard) : COLUMN_DELETED_AT;
    spec->columns = ARENA_ARRAY(arena, Column, spec->n_standard + spec->type.n_fields);
    memcpy(spec->columns, standard, spec->n_standard * sizeof(Column));
    spec->n_columns = spec->n_standard;
    for (size_t i = 0; i < spec->type.n_fields; i++) {
        const RecordField *field = &spec->type.fields[i];
        spec->columns[spec->n_columns++] = (Column){.name = field->name,
                                                    .type = field->type,
                                                    .nullable = !field->required || field->nullable,
                                                    .null_is_shown = field->nullable,
                                                    .field = field};
    }
}

/* "name,-created_at" of x-record.default_sort; the contract's tool has no say in it, so it is
 * checked here. */
static Rc build_sort(RecordSpec *spec, Str text, Error *err)
{
    Str rest = text.len ? text : STR("-created_at"), part;
    Sort *sort = &spec->default_sort;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        bool descending = str_starts(part, STR("-"));
        const Column *column = spec_column(spec, str_from_index(part, descending ? 1 : 0));
        if (!column || column->type == FIELD_JSON || sort->n == RECORD_SORT_MAX) {
            return refuse(err, spec, "default_sort cannot be", text);
        }
        sort->keys[sort->n++] = (SortKey){column, descending};
    }
    bool descending = sort->keys[sort->n - 1].descending;
    sort->keys[sort->n++] = (SortKey){&spec->columns[COLUMN_ID], descending};
    return RC_OK;
}

static Rc build_search(Arena *arena, RecordSpec *spec, const Json *names, Error *err)
{
    uint32_t n = json_is(names, JSON_ARRAY) ? names->n : 0;
    spec->search = ARENA_ARRAY(arena, const Column *, n);
    for (uint32_t i = 0; i < n; i++) {
        const Column *column = spec_column(spec, json_str(names->items[i]));
        if (!column || column->type != FIELD_STRING || (column->field && column->field->secret)) {
            return refuse(err, spec, "search takes text fields, not", json_str(names->items[i]));
        }
        spec->search[spec->n_search++] = column;
    }
    return RC_OK;
}

/* Which operations serve it says what it is called and where it lies. */
static void find_operations(Arena *arena, RecordSpec *spec)
{
    size_t n;
    const Operation *operations = contract_operations(spec->contract, &n);
    for (size_t i = 0; i < n; i++) {
        const Operation *op = &operations[i];
        if (!str_eq(op->record_name, spec->type.name)) {
            continue;
        }
        bool is_collection = op->verb == VERB_LIST || op->verb == VERB_CREATE;
        if (spec->type.collection.len == 0) {
            spec->type.collection = str_sub(op->id, 0, str_rfind_char(op->id, '.'));
            spec->type.module = op->module;
            size_t item = str_find(op->path, STR("/{id}"));
            spec->type.path = is_collection ? op->path : str_sub(op->path, 0, item);
        }
    }
    Str rest = spec->type.path, part;
    while (str_split(&rest, '/', &part)) {
        Str name = str_sub(part, 1, part.len > 0 ? part.len - 1 : 0);
        if (str_starts(part, STR("{")) && spec_column(spec, name)) {
            spec->type.parent_param = name;
        }
    }
    if (spec->type.collection.len == 0) { /* only code writes it */
        spec->type.collection = str_replace(arena, spec->type.table, STR("_"), STR("-"));
    }
}

/* "ServiceVersion" -> "service version" */
static Str words_of(Arena *arena, Str name)
{
    Buf out = buf_init(arena, KIB);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (i > 0 && isupper(c)) {
            buf_char(&out, ' ');
        }
        buf_char(&out, (char)tolower(c));
    }
    return buf_str(&out);
}

Rc spec_build(Records *records,
              Contract *contract,
              Str name,
              const Json *schema,
              RecordSpec **ret,
              Error *err)
{
    Arena *arena = records->arena;
    const Json *record = json_get_c(schema, "x-record");
    RecordSpec *spec = ARENA_NEW(arena, RecordSpec);
    spec->contract = contract;
    spec->type.name = name;
    spec->words = words_of(arena, name);
    spec->write_schema = str_fmt(arena, "%.*sWrite", STR_ARG(name));
    spec->type.table = json_str_at(record, "table");
    spec->type.condition = json_str_at(record, "where");
    spec->type.soft_delete = flag(record, "soft_delete");
    spec->type.unique = json_str_at(record, "unique");
    if (!is_sql_name(spec->type.table)) {
        return refuse(err, spec, "a table is named with a-z, 0-9 and _, not", spec->type.table);
    }
    TRY(build_fields(arena, spec, schema, err));
    build_columns(arena, spec);
    TRY(build_sort(spec, json_str_at(record, "default_sort"), err));
    TRY(build_search(arena, spec, json_get_c(record, "search"), err));
    find_operations(arena, spec);
    spec_write_sql(arena, spec);
    *ret = spec;
    return RC_OK;
}
