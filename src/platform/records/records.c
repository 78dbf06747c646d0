/* SPDX-License-Identifier: Apache-2.0
 * The registry of record types, and the engine without HTTP. */
#include "platform/module.h"
#include "platform/records/records_priv.h"
#include "platform/secrets/secrets.h"

const RecordType *records_type(const Records *records, Str name)
{
    for (size_t i = 0; i < records->n; i++) {
        if (str_eq(records->specs[i]->type.name, name)) {
            return &records->specs[i]->type;
        }
    }
    return NULL;
}

static Rc build_all(Records *records, Contract *contract, Error *err)
{
    const Json *schemas = json_path(contract_json(contract), "components", "schemas", NULL);
    uint32_t n = json_is(schemas, JSON_OBJECT) ? schemas->n : 0;
    records->specs = ARENA_ARRAY(records->arena, RecordSpec *, n);
    for (uint32_t i = 0; i < n; i++) {
        const JsonMember *m = &schemas->members[i];
        if (json_get_c(m->value, "x-record")) {
            TRY(spec_build(records, contract, m->key, m->value, &records->specs[records->n], err));
            records->n++;
        }
    }
    return RC_OK;
}

static Rc check_all_references(const Records *records, Error *err)
{
    for (size_t i = 0; i < records->n; i++) {
        const RecordType *type = &records->specs[i]->type;
        for (size_t f = 0; f < type->n_fields; f++) {
            Str target = type->fields[f].references;
            if (target.len > 0 && !records_type(records, target)) {
                return error_set(
                    err, RC_INVALID,
                    "The contract's record %.*s: %.*s refers to \"%.*s\", which is no record.",
                    STR_ARG(type->name), STR_ARG(type->fields[f].name), STR_ARG(target));
            }
        }
    }
    return RC_OK;
}

static Rc attach_hooks(Records *records, const Module *module, Error *err)
{
    for (size_t i = 0; i < module->n_hooks; i++) {
        const RecordType *type = records_type(records, str_from(module->hooks[i].record));
        if (!type) {
            return error_set(err, RC_INVALID,
                             "Module %s has hooks for \"%s\", which is no record of the contract.",
                             module->name, module->hooks[i].record);
        }
        for (size_t s = 0; s < records->n; s++) {
            if (&records->specs[s]->type == type) {
                records->specs[s]->type.hooks = &module->hooks[i];
            }
        }
    }
    return RC_OK;
}

static Rc build(Records *records,
                Contract *contract,
                const Module *const *modules,
                size_t n_modules,
                Error *err)
{
    TRY(build_all(records, contract, err));
    TRY(check_all_references(records, err));
    for (size_t i = 0; i < n_modules; i++) {
        TRY(attach_hooks(records, modules[i], err));
    }
    for (size_t i = 0; i < records->n; i++) {
        const RecordType *type = &records->specs[i]->type;
        IGNORE(contract_bind_record(contract, type->name,
                                    type)); /* one that only code writes has no operation */
    }
    return RC_OK;
}

Rc records_new(
    Contract *contract, const Module *const *modules, size_t n_modules, Records **ret, Error *err)
{
    Arena *arena = arena_new(16 * KIB);
    Records *records = ARENA_NEW(arena, Records);
    records->arena = arena;
    Rc rc = build(records, contract, modules, n_modules, err);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    *ret = records;
    return RC_OK;
}

void records_free(Records *records)
{
    if (records) {
        arena_free(records->arena);
    }
}

void records_set_owned(Records *records, RecordsOwned owned)
{
    records->owned = owned;
}

Rc records_owned(Ctx *cx, Str resource, const OwnedReach **ret)
{
    RecordsOwned owned = cx->platform->records ? cx->platform->records->owned : NULL;
    *ret = NULL;
    return owned ? owned(cx, resource, ret) : RC_OK;
}

bool owned_lets(const OwnedReach *reach, Str owner_ref, Str id)
{
    for (size_t i = 0; i < reach->n_parts; i++) {
        const OwnedPart *p = &reach->parts[i];
        const Str values[] = {owner_ref, id, owner_ref, id};
        bool has[ARRAY_LEN(values)];
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            has[k] = p->sets[k] && values[k].len > 0 && map_has(p->sets[k], values[k]);
        }
        if (!(p->is_all || has[0] || has[1]) || has[2] || has[3]) {
            return false;
        }
    }
    return true;
}

void records_set_visible(Records *records, RecordsVisible visible)
{
    records->visible = visible;
}

void records_set_names(Records *records, RecordsNames names)
{
    records->names = names;
}

Rc record_not_found(Ctx *cx, const RecordType *type, Str id)
{
    return fail_not_found(cx, spec_of(type), id);
}

Rc records_check(Records *records, Db *db, Error *err)
{
    for (size_t i = 0; i < records->n; i++) {
        const RecordSpec *spec = records->specs[i];
        const SqlText *const texts[] = {&spec->select, &spec->count,  &spec->get,
                                        &spec->lock,   &spec->exists, &spec->refer,
                                        &spec->insert, &spec->update, &spec->remove};
        const RecordHooks *hooks = spec->type.hooks;
        bool is_stored_elsewhere = hooks && hooks->store; /* the table may be a view */
        size_t n = ARRAY_LEN(texts) - (is_stored_elsewhere ? 3 : 0);
        for (size_t t = 0; t < n; t++) {
            CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
            const char *sql = str_cstr(arena, texts[t]->text[db_kind(db)]);
            Query query = {.name = str_cstr(arena, spec->type.name), .sql = sql};
            TRY(db_check_query(db, &query, err));
        }
    }
    return RC_OK;
}

void records_sealed_columns(const Records *records, Arena *arena, SealedColumn **ret, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < records->n; i++) {
        n += records->specs[i]->type.n_fields;
    }
    SealedColumn *columns = ARENA_ARRAY(arena, SealedColumn, n);
    n = 0;
    for (size_t i = 0; i < records->n; i++) {
        const RecordType *type = &records->specs[i]->type;
        for (size_t f = 0; f < type->n_fields; f++) {
            if (type->fields[f].secret) {
                columns[n++] = (SealedColumn){.table = str_cstr(arena, type->table),
                                              .column = str_cstr(arena, type->fields[f].name)};
            }
        }
    }
    *ret = columns;
    *ret_n = n;
}

/* ---- for modules */

static const RecordSpec *spec_named(Ctx *cx, const char *record)
{
    const RecordType *type = records_type(cx->platform->records, str_from(record));
    ASSERT(type);
    return spec_of(type);
}

static Rc read_living(Ctx *cx, const RecordSpec *spec, Str id, Row *ret)
{
    Rc rc = RC_NOT_FOUND;
    id = str_lower(cx->arena, id);
    TRY(ctx_read(cx));
    if (uuid_is_valid(id)) {
        rc = row_query(cx, spec, sql_for(&spec->get, cx->tx), PARAMS(P_STR(id)), ret);
    }
    if (rc == RC_NOT_FOUND || (rc == RC_OK && spec_is_deleted(spec, ret->json))) {
        return fail_not_found(cx, spec, id);
    }
    return rc;
}

Rc record_get(Ctx *cx, const char *record, Str id, Json **ret)
{
    Row row;
    TRY(read_living(cx, spec_named(cx, record), id, &row));
    *ret = row.json;
    return RC_OK;
}

Rc record_secret(Ctx *cx, const char *record, Str id, const char *field, Str *ret)
{
    const RecordSpec *spec = spec_named(cx, record);
    const Column *column = spec_column(spec, str_from(field));
    ASSERT(column && column->field && column->field->secret);
    size_t i = (size_t)(column - spec->columns);
    Row row = {0};
    Json *value;
    TRY(read_living(cx, spec, id, &row));
    ASSERT(row.sealed);
    if (row.sealed[i].len == 0) {
        *ret = STR_EMPTY;
        return RC_OK;
    }
    TRY(row_unseal(cx, spec, i, json_str_at(row.json, "id"), &row, &value));
    *ret = column->type == FIELD_STRING ? json_str(value) : json_to_str(cx->arena, value);
    return RC_OK;
}

Rc record_create(Ctx *cx, const char *record, const Json *values, Json **ret)
{
    WriteOptions o = {.by_client = false};
    Row row;
    TRY(write_create(cx, spec_named(cx, record), values, &o, &row));
    if (ret) {
        *ret = row.json;
    }
    return RC_OK;
}

Rc record_patch(Ctx *cx, const char *record, Str id, const Json *patch, Json **ret)
{
    WriteOptions o = {.by_client = false};
    Row row;
    TRY(write_change(cx, spec_named(cx, record), VERB_PATCH, id, patch, &o, &row));
    if (ret) {
        *ret = row.json;
    }
    return RC_OK;
}

Rc record_delete(Ctx *cx, const char *record, Str id)
{
    WriteOptions o = {.by_client = false};
    Row row;
    return write_change(cx, spec_named(cx, record), VERB_DELETE, id, NULL, &o, &row);
}
