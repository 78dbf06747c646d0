/* SPDX-License-Identifier: Apache-2.0
 * Sealing anew what is sealed with an old key. A value says which key it needs, so there is nothing
 * to remember between runs: what is left is what does not begin with the id of the newest key. Each
 * value is written only if it is still the one that was read, so a change made meanwhile stays. */
#include "platform/secrets/secrets.h"

#include <stdio.h>

typedef struct Reseal {
    const SecretsReseal *options;
    Arena *arena; /* of a batch */
    Arena *own;
    Str current; /* "v1:<id of the newest key>:%" */
    SecretsResealed result;
    Error *err;
} Reseal;

typedef struct Value {
    Str id, sealed;
} Value;

/* Names come from the contract and from modules. */
static Str sql_of(Reseal *r, const SealedColumn *c, const char *start, const char *tail)
{
    return str_fmt(r->arena,
                   "%s \"%s\" WHERE \"%s\" IS NOT NULL AND \"%s\" <> '' AND \"%s\" NOT LIKE $1%s",
                   start, c->table, c->column, c->column, c->column, tail);
}

static Rc
read_batch(Reseal *r, Tx *tx, const SealedColumn *c, Str after, Value *values, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str start = str_fmt(r->arena, "SELECT id, \"%s\" FROM", c->column);
    Str sql = sql_of(r, c, str_cstr(r->arena, start), " AND id > $2 ORDER BY id LIMIT $3");
    TRY(tx_query_sql(tx, sql, PARAMS(P_STR(r->current), P_STR(after), P_I64(r->options->batch)),
                     &rows, r->err));
    size_t n = 0;
    while (n < r->options->batch && rows_next(rows)) {
        values[n++] = (Value){rows_dup(rows, 0, r->arena), rows_dup(rows, 1, r->arena)};
    }
    *ret_n = n;
    return rows_error(rows, r->err);
}

static void note_unopened(Reseal *r, const SealedColumn *c, Str id)
{
    if (r->result.unopened++ == 0) {
        snprintf(r->result.first, sizeof(r->result.first), "%s.%s of %.*s", c->table, c->column,
                 STR_ARG(id));
    }
}

static Rc reseal_value(Reseal *r, Tx *tx, const SealedColumn *c, const Value *v, int64_t *changed)
{
    Secrets *secrets = r->options->secrets;
    Error why = {0};
    Str plain, sealed;
    Str context = str_fmt(r->arena, "%s.%s.%.*s", c->table, c->context ? c->context : c->column,
                          STR_ARG(v->id));
    Str sql = str_fmt(r->arena, "UPDATE \"%s\" SET \"%s\" = $2 WHERE id = $1 AND \"%s\" = $3",
                      c->table, c->column, c->column);
    if (secrets_open(secrets, r->arena, v->sealed, context, &plain, &why) != RC_OK) {
        note_unopened(r, c, v->id);
        return RC_OK;
    }
    TRY(secrets_seal(secrets, r->arena, plain, context, &sealed, r->err));
    int64_t n = 0;
    TRY(tx_exec_sql(tx, sql, PARAMS(P_STR(v->id), P_STR(sealed), P_STR(v->sealed)), &n, r->err));
    *changed += n;
    return RC_OK;
}

/* *after moves on; *ret_more: there may be more. */
static Rc reseal_batch(Reseal *r, const SealedColumn *c, Str *after, bool *ret_more)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    const SecretsReseal *o = r->options;
    Value *values = ARENA_ARRAY(r->arena, Value, o->batch);
    int64_t changed = 0;
    size_t n;
    TRY(db_begin(o->db, &tx, r->err));
    TRY(read_batch(r, tx, c, *after, values, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(reseal_value(r, tx, c, &values[i], &changed));
    }
    Tx *ended = tx;
    tx = NULL;
    TRY(db_commit(ended, r->err));
    if (n > 0) {
        *after = values[n - 1].id;
    }
    *ret_more = n == o->batch;
    r->result.changed += changed;
    if (changed > 0 && o->progress) {
        o->progress(o->user, c, changed);
    }
    return RC_OK;
}

static Rc reseal_column(Reseal *r, const SealedColumn *c)
{
    char place[64]; /* the id of the last value */
    Str after = STR("");
    bool more = true;
    while (more) {
        TRY(reseal_batch(r, c, &after, &more));
        size_t len = MIN(after.len, sizeof(place));
        memmove(place, after.ptr, len);
        after = str_of(place, len);
        arena_reset(r->arena);
    }
    return RC_OK;
}

static Reseal begin(const SecretsReseal *options, Error *err)
{
    char id[SECRET_KEY_ID_SIZE + 1];
    Reseal r = {.options = options, .arena = arena_new(0), .own = arena_new(0), .err = err};
    r.current = str_fmt(r.own, "v1:%.*s:%%", STR_ARG(secrets_key_id(options->secrets, id)));
    return r;
}

static void end(Reseal *r)
{
    arena_free(r->arena);
    arena_free(r->own);
}

Rc secrets_reseal(const SecretsReseal *options, SecretsResealed *ret, Error *err)
{
    Reseal r = begin(options, err);
    Rc rc = RC_OK;
    ASSERT(options->batch > 0);
    for (size_t i = 0; i < options->n_columns && rc == RC_OK; i++) {
        rc = reseal_column(&r, &options->columns[i]);
    }
    *ret = r.result;
    end(&r);
    return rc;
}

static Rc count_column(Reseal *r, Tx *tx, const SealedColumn *c, int64_t *sum)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str sql = sql_of(r, c, "SELECT COUNT(*) FROM", "");
    TRY(tx_query_sql(tx, sql, PARAMS(P_STR(r->current)), &rows, r->err));
    *sum += rows_next(rows) ? rows_i64(rows, 0) : 0;
    return rows_error(rows, r->err);
}

Rc secrets_count_old(const SecretsReseal *options, int64_t *ret, Error *err)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    Reseal r = begin(options, err);
    int64_t sum = 0;
    Rc rc = db_read_primary(options->db, &tx, err);
    for (size_t i = 0; i < options->n_columns && rc == RC_OK; i++) {
        rc = count_column(&r, tx, &options->columns[i], &sum);
    }
    end(&r);
    if (rc == RC_OK) {
        *ret = sum;
    }
    return rc;
}
