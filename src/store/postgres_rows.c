/* SPDX-License-Identifier: Apache-2.0
 * store/postgres_rows.c - results of PostgreSQL, in libpq's memory, values as text.
 *
 * Conversions give what SQLite would: booleans are 0 and 1, a number in a text counts. */
#include "store/postgres_priv.h"

/* Type oids are fixed by PostgreSQL (pg_type.dat) but not in a client header. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700,
};

typedef struct PgRows {
    Rows base;
    PGresult *result; /* NULL: closed */
    int row, n_rows, n_columns;
    unsigned char **bytes; /* decoded bytea values of this row by column; made when first needed */
} PgRows;

Rows *pg_rows_new(PGresult *result)
{
    PgRows *rows = store_alloc(1, sizeof(*rows));
    rows->result = result;
    rows->row = -1;
    rows->n_rows = PQntuples(result);
    rows->n_columns = PQnfields(result);
    return &rows->base;
}

static void drop_bytes(PgRows *rows)
{
    for (int i = 0; rows->bytes && i < rows->n_columns; i++) {
        PQfreemem(rows->bytes[i]);
    }
    free(rows->bytes);
    rows->bytes = NULL;
}

bool pg_rows_next(Rows *base)
{
    PgRows *rows = (PgRows *)base;
    drop_bytes(rows);
    if (!rows->result || rows->row >= rows->n_rows) {
        return false;
    }
    return ++rows->row < rows->n_rows;
}

void pg_rows_close(Rows *base)
{
    PgRows *rows = (PgRows *)base;
    drop_bytes(rows);
    PQclear(rows->result);
    rows->result = NULL;
}

int pg_rows_columns(const Rows *base)
{
    return ((const PgRows *)base)->n_columns;
}

const char *pg_rows_column_name(const Rows *base, int column)
{
    const PgRows *rows = (const PgRows *)base;
    const char *name = rows->result ? PQfname(rows->result, column) : NULL;
    return name ? name : "";
}

static bool has_value(const PgRows *rows, int column)
{
    return rows->result && rows->row >= 0 && rows->row < rows->n_rows && column >= 0 &&
           column < rows->n_columns && !PQgetisnull(rows->result, rows->row, column);
}

ParamType pg_rows_type(Rows *base, int column)
{
    PgRows *rows = (PgRows *)base;
    if (!has_value(rows, column)) {
        return PARAM_NULL;
    }
    switch (PQftype(rows->result, column)) {
    case OID_BOOL:
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
        return PARAM_I64;
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return PARAM_DOUBLE;
    case OID_BYTEA:
        return PARAM_BLOB;
    default:
        return PARAM_TEXT;
    }
}

int64_t pg_rows_i64(Rows *base, int column)
{
    PgRows *rows = (PgRows *)base;
    if (!has_value(rows, column)) {
        return 0;
    }
    const char *text = PQgetvalue(rows->result, rows->row, column);
    if (PQftype(rows->result, column) == OID_BOOL) {
        return text[0] == 't';
    }
    return strtoll(text, NULL, 10);
}

double pg_rows_f64(Rows *base, int column)
{
    PgRows *rows = (PgRows *)base;
    return has_value(rows, column) ? strtod(PQgetvalue(rows->result, rows->row, column), NULL) : 0;
}

static Str decode_bytea(PgRows *rows, int column, const char *text)
{
    size_t len = 0;
    if (!rows->bytes) {
        rows->bytes = store_alloc((size_t)rows->n_columns, sizeof(rows->bytes[0]));
    }
    PQfreemem(rows->bytes[column]);
    rows->bytes[column] = PQunescapeBytea((const unsigned char *)text, &len);
    ASSERT(rows->bytes[column] != NULL);
    return len ? str_of((const char *)rows->bytes[column], len) : STR_EMPTY;
}

Str pg_rows_str(Rows *base, int column)
{
    PgRows *rows = (PgRows *)base;
    if (!has_value(rows, column)) {
        return STR_EMPTY;
    }
    const char *text = PQgetvalue(rows->result, rows->row, column);
    Oid type = PQftype(rows->result, column);
    if (type == OID_BYTEA) {
        return decode_bytea(rows, column, text);
    }
    if (type == OID_BOOL) {
        return text[0] == 't' ? STR("1") : STR("0");
    }
    int len = PQgetlength(rows->result, rows->row, column);
    return len > 0 ? str_of(text, (size_t)len) : STR_EMPTY;
}
