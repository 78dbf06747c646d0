/* SPDX-License-Identifier: Apache-2.0
 * The statements of a record type, written once when the registry is built. Only names and
 * conditions of the contract become text; values are bound. */
#include "platform/records/records_priv.h"

Str sql_for(const SqlText *sql, Tx *tx)
{
    return sql->text[db_kind(tx_db(tx))];
}

void sql_name(Buf *out, Str name)
{
    buf_char(out, '"');
    buf_put(out, name); /* checked when the type was built: a-z 0-9 _ */
    buf_char(out, '"');
}

void sql_sortable(Buf *out, const Column *column, DbKind kind)
{
    sql_name(out, column->name);
    bool is_text = column->type == FIELD_STRING || column->type == FIELD_UUID;
    if (is_text && kind == DB_POSTGRES) {
        buf_lit(out, " COLLATE \"C\"");
    }
}

static void put_columns(Buf *out, const RecordSpec *spec)
{
    for (size_t i = 0; i < spec->n_columns; i++) {
        buf_put(out, i == 0 ? STR("") : STR(", "));
        sql_name(out, spec->columns[i].name);
    }
}

static void put_from(Buf *out, const RecordSpec *spec)
{
    buf_lit(out, " FROM ");
    sql_name(out, spec->type.table);
    buf_lit(out, " WHERE ");
    if (spec->type.condition.len > 0) {
        buf_fmt(out, "(%.*s)", STR_ARG(spec->type.condition));
    } else {
        buf_lit(out, "1 = 1");
    }
}

static SqlText same(Str text)
{
    return (SqlText){
        {text, text}
    };
}

static SqlText with_lock(Arena *arena, Str text, const char *lock)
{
    return (SqlText){
        {[DB_SQLITE] = text, [DB_POSTGRES] = str_fmt(arena, "%.*s %s", STR_ARG(text), lock)}
    };
}

static Str select_text(Arena *arena, const RecordSpec *spec, Str what, const char *more)
{
    Buf out = buf_init(arena, RECORD_SQL_MAX);
    buf_lit(&out, "SELECT ");
    if (what.len > 0) {
        buf_put(&out, what);
    } else {
        put_columns(&out, spec);
    }
    put_from(&out, spec);
    buf_put(&out, str_from(more));
    return buf_str(&out);
}

static Str insert_text(Arena *arena, const RecordSpec *spec)
{
    Buf out = buf_init(arena, RECORD_SQL_MAX);
    buf_lit(&out, "INSERT INTO ");
    sql_name(&out, spec->type.table);
    buf_lit(&out, " (");
    put_columns(&out, spec);
    buf_lit(&out, ") VALUES (");
    for (size_t i = 0; i < spec->n_columns; i++) {
        buf_fmt(&out, "%s$%zu", i == 0 ? "" : ", ", i + 1);
    }
    buf_lit(&out, ")");
    return buf_str(&out);
}

/* $1.. are all columns in their order, the last one is the revision that is replaced. */
static Str update_text(Arena *arena, const RecordSpec *spec)
{
    Buf out = buf_init(arena, RECORD_SQL_MAX);
    buf_lit(&out, "UPDATE ");
    sql_name(&out, spec->type.table);
    buf_lit(&out, " SET ");
    for (size_t i = COLUMN_ID + 1; i < spec->n_columns; i++) {
        buf_put(&out, i == COLUMN_ID + 1 ? STR("") : STR(", "));
        sql_name(&out, spec->columns[i].name);
        buf_fmt(&out, " = $%zu", i + 1);
    }
    buf_fmt(&out, " WHERE \"id\" = $1 AND \"revision\" = $%zu", spec->n_columns + 1);
    return buf_str(&out);
}

void spec_write_sql(Arena *arena, RecordSpec *spec)
{
    const char *living =
        spec->type.soft_delete ? " AND \"id\" = $1 AND \"deleted_at\" IS NULL" : " AND \"id\" = $1";
    Str by_id = select_text(arena, spec, STR_EMPTY, " AND \"id\" = $1");
    spec->select = same(select_text(arena, spec, STR_EMPTY, ""));
    spec->count = same(select_text(arena, spec, STR("COUNT(*)"), ""));
    spec->get = same(by_id);
    spec->lock = with_lock(arena, by_id, "FOR UPDATE");
    Str exists = select_text(arena, spec, STR("\"id\""), living);
    spec->exists = same(exists);
    spec->refer = with_lock(arena, exists, "FOR SHARE");
    spec->insert = same(insert_text(arena, spec));
    spec->update = same(update_text(arena, spec));
    Buf remove = buf_init(arena, KIB);
    buf_lit(&remove, "DELETE FROM ");
    sql_name(&remove, spec->type.table);
    buf_lit(&remove, " WHERE \"id\" = $1 AND \"revision\" = $2");
    spec->remove = same(buf_str(&remove));
}
