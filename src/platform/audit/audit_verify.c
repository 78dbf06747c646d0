/* SPDX-License-Identifier: Apache-2.0
 * Is the trail as it was written? One pass over the rows in their order, with the checkpoints of
 * the database and those of the file beside it walked along. What is read at once is bounded, so is
 * the memory.
 *
 * Servers may go on writing meanwhile. The end of the chain is read first, and the pass goes up to
 * there; what was added since is only held against the end of the chain as it is afterwards. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Checkpoints in the order of their numbers, from one of the two places. */
typedef struct Witness {
    const char *name; /* "the database", or the file */
    FILE *file;       /* NULL: the database */
    char *line;       /* getline's */
    size_t line_cap;
    bool is_loaded, is_end; /* next is there; there is none */
    Checkpoint next;
    int64_t last; /* number of the one before next; 0: none */
    AuditHash last_digest;
} Witness;

typedef struct Verify {
    const AuditVerify *options;
    AuditVerdict verdict;
    Arena *arena; /* of a page */
    Arena *own;
    Error *err;
    AuditKey *keys;
    size_t n_keys;
    AuditHead head;
    int64_t seq; /* the last row that fits, and its hash */
    AuditHash hash;
    char id[UUID_LEN + 8]; /* its id */
    size_t id_len;
    Witness database, file;
} Verify;

/* The first finding is the verdict. RC_CONFLICT ends the pass and stays inside this file. */
static Rc wrong(Verify *v, int64_t seq, const char *fmt, ...) PRINTF_FORMAT(3, 4);
static Rc wrong(Verify *v, int64_t seq, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->verdict.why, sizeof(v->verdict.why), fmt, ap);
    va_end(ap);
    v->verdict.is_intact = false;
    v->verdict.wrong_seq = seq;
    return RC_CONFLICT;
}

/* A failure to read is not a finding, whatever its code. */
static Rc unread(Verify *v, Rc rc)
{
    return rc == RC_CONFLICT ? error_set(v->err, RC_INTERNAL, "The database refuses to be read")
                             : rc;
}

/* ---- witnesses */

static Rc load_from_database(Verify *v, Witness *w)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    const char *why = "";
    TRY(unread(v, db_read_primary(v->options->db, &tx, v->err)));
    TRY(unread(
        v, tx_query(tx, &audit_q_checkpoints, PARAMS(P_I64(w->last), P_I64(1)), &rows, v->err)));
    if (!rows_next(rows)) {
        w->is_end = true;
        return unread(v, rows_error(rows, v->err));
    }
    int64_t number = rows_i64(rows, 0);
    if (!checkpoint_read(v->arena, rows_str(rows, 2), rows_str(rows, 3), v->keys, v->n_keys,
                         &w->next, &why)) {
        return wrong(v, 0, "checkpoint %lld of the database %s", (long long)number, why);
    }
    if (w->next.number != number || w->next.seq != rows_i64(rows, 1)) {
        return wrong(v, 0, "checkpoint %lld of the database does not say what was signed",
                     (long long)number);
    }
    w->is_loaded = true;
    return RC_OK;
}

static Rc load_from_file(Verify *v, Witness *w)
{
    const char *why = "";
    errno = 0;
    ssize_t n = getline(&w->line, &w->line_cap, w->file);
    if (n < 0) {
        w->is_end = true;
        return ferror(w->file) ? error_set(v->err, RC_INTERNAL, "%s cannot be read: %s", w->name,
                                           strerrordesc_np(errno))
                               : RC_OK;
    }
    if (w->line[n - 1] != '\n') { /* being written, or cut by a crash */
        w->is_end = true;
        return RC_OK;
    }
    Str line = str_of(w->line, (size_t)n - 1);
    if (line.len > AUDIT_LINE_MAX ||
        !checkpoint_of_line(v->arena, line, v->keys, v->n_keys, &w->next, &why)) {
        return wrong(v, 0, "the line after checkpoint %lld of %s %s", (long long)w->last, w->name,
                     line.len > AUDIT_LINE_MAX ? "is too long" : why);
    }
    w->is_loaded = true;
    return RC_OK;
}

/* Each names the one before. A file may begin later than the chain: its data folder is newer. */
static Rc check_link(Verify *v, const Witness *w)
{
    const Checkpoint *c = &w->next;
    bool is_first_of_file = w->file && w->last == 0;
    if (is_first_of_file || (c->number == w->last + 1 &&
                             audit_hash_is(&w->last_digest, audit_hash_str(&c->previous)))) {
        return RC_OK;
    }
    return wrong(v, 0, "checkpoint %lld does not follow checkpoint %lld in %s: one was removed",
                 (long long)c->number, (long long)w->last, w->name);
}

static Rc load(Verify *v, Witness *w)
{
    if (w->is_loaded || w->is_end) {
        return RC_OK;
    }
    TRY(w->file ? load_from_file(v, w) : load_from_database(v, w));
    return w->is_loaded ? check_link(v, w) : RC_OK;
}

static void take(Witness *w)
{
    w->last = w->next.number;
    w->last_digest = w->next.digest;
    w->is_loaded = false;
}

/* Row v->seq with v->hash has just been found to fit. */
static Rc hear(Verify *v, Witness *w)
{
    for (;;) {
        TRY(load(v, w));
        if (!w->is_loaded || w->next.seq > v->seq) {
            return RC_OK;
        }
        if (w->next.seq < v->seq) {
            return wrong(v, w->next.seq, "checkpoint %lld of %s goes back to row %lld",
                         (long long)w->next.number, w->name, (long long)w->next.seq);
        }
        if (!audit_hash_is(&v->hash, audit_hash_str(&w->next.hash))) {
            return wrong(v, v->seq,
                         "row %lld is not the one that checkpoint %lld in %s was signed over (%s): "
                         "rows up to it were rewritten",
                         (long long)v->seq, (long long)w->next.number, w->name, w->next.at);
        }
        if (!w->file) {
            v->verdict.checkpoints++;
            v->verdict.signed_seq = v->seq;
        }
        take(w);
    }
}

/* ---- rows */

static Rc check_row(Verify *v, Rows *rows)
{
    int64_t seq = rows_i64(rows, AUDIT_SEQ);
    long long n = seq, expected = v->seq + 1;
    Str prev = rows_str(rows, AUDIT_PREV_HASH), id = rows_str(rows, AUDIT_ID);
    AuditHash claimed = {{0}}, hash;
    AuditRow values;
    if (seq > v->seq + 1) {
        return wrong(v, v->seq + 1, "row %lld is missing: it was removed (the next is row %lld)",
                     expected, n);
    }
    if (seq < v->seq + 1) {
        return wrong(v, seq, "there is a second row %lld (id %.*s): it was inserted", n,
                     STR_ARG(id));
    }
    memcpy(claimed.text, prev.ptr ? prev.ptr : "", MIN(prev.len, AUDIT_HASH_LEN));
    audit_row_read(rows, seq, &values);
    TRY(audit_row_hash(v->arena, &values, &claimed, &hash, v->err));
    bool fits = prev.len == AUDIT_HASH_LEN && audit_hash_is(&hash, rows_str(rows, AUDIT_HASH));
    bool follows = audit_hash_is(&v->hash, prev);
    if (!fits && follows) {
        return wrong(v, seq, "row %lld (id %.*s) is not what was chained: it was edited", n,
                     STR_ARG(id));
    }
    if (!follows) {
        return wrong(v, seq, "row %lld (id %.*s) does not follow row %lld: rows here were %s", n,
                     STR_ARG(id), n - 1,
                     fits ? "replaced" : "reordered, inserted, or removed and renumbered");
    }
    v->seq = seq;
    v->hash = hash;
    v->id_len = MIN(id.len, sizeof(v->id));
    memcpy(v->id, id.ptr ? id.ptr : "", v->id_len);
    v->verdict.rows++;
    TRY(hear(v, &v->database));
    return v->file.file ? hear(v, &v->file) : RC_OK;
}

static Rc check_page(Verify *v, size_t *ret_n)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret_n = 0;
    TRY(unread(v, db_read_primary(v->options->db, &tx, v->err)));
    TRY(unread(v, tx_query(tx, &audit_q_page,
                           PARAMS(P_I64(v->seq), P_STR(str_of(v->id, v->id_len)),
                                  P_I64(v->head.seq), P_I64(AUDIT_PAGE)),
                           &rows, v->err)));
    while (rows_next(rows)) {
        TRY(check_row(v, rows));
        ++*ret_n;
    }
    return unread(v, rows_error(rows, v->err));
}

static Rc check_rows(Verify *v)
{
    const AuditVerify *o = v->options;
    size_t n;
    do {
        TRY(check_page(v, &n));
        arena_reset(v->arena);
        if (o->progress && !o->progress(o->user, v->verdict.rows, v->head.seq)) {
            return error_set(v->err, RC_BUSY, "The audit trail was not read to its end");
        }
    } while (n == AUDIT_PAGE);
    return RC_OK;
}

/* ---- the end */

/* now: the end of the chain, read after the witness was loaded. */
static Rc check_rest(Verify *v, Witness *w, const AuditHead *now)
{
    TRY(load(v, w));
    while (w->is_loaded && w->next.number <= now->checkpoint &&
           w->next.number > v->head.checkpoint) {
        take(w); /* signed while we were reading: its rows are the next pass's */
        TRY(load(v, w));
    }
    if (w->is_loaded) {
        return wrong(v, v->seq + 1,
                     "rows %lld to %lld are missing: checkpoint %lld in %s, signed %s, reaches up "
                     "to row %lld, and the chain ends with row %lld",
                     (long long)v->seq + 1, (long long)w->next.seq, (long long)w->next.number,
                     w->name, w->next.at, (long long)w->next.seq, (long long)v->seq);
    }
    return RC_OK;
}

static Rc read_end(Verify *v, AuditHead *ret_head, int64_t *ret_first, int64_t *ret_last)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    TRY(unread(v, db_read_primary(v->options->db, &tx, v->err)));
    TRY(unread(v, tx_one_i64(tx, &audit_q_first_seq, NO_PARAMS, ret_first, v->err)));
    TRY(unread(v, tx_one_i64(tx, &audit_q_last_seq, NO_PARAMS, ret_last, v->err)));
    return unread(v, audit_head_read(tx, false, ret_head, v->err));
}

/* What was signed since it was loaded is heard too. */
static Rc hear_again(Verify *v, Witness *w)
{
    w->is_end = false;
    if (w->file) {
        clearerr(w->file);
    }
    return hear(v, w);
}

static Rc check_witnesses(Verify *v, const AuditHead *now)
{
    TRY(check_rest(v, &v->database, now));
    if (!v->file.file) {
        return RC_OK;
    }
    TRY(check_rest(v, &v->file, now));
    if (v->file.last > MAX(v->database.last, now->checkpoint)) {
        return wrong(v, 0, "checkpoint %lld in %s is not in the database: it was removed there",
                     (long long)v->file.last, v->file.name);
    }
    return RC_OK;
}

static Rc check_end(Verify *v)
{
    AuditHead now;
    int64_t first, last;
    if (v->file.file) { /* before the database, which has a checkpoint first */
        TRY(hear_again(v, &v->file));
    }
    TRY(hear_again(v, &v->database));
    TRY(read_end(v, &now, &first, &last));
    TRY(check_witnesses(v, &now));
    if (v->seq < v->head.seq) {
        return wrong(v, v->seq + 1, "rows %lld to %lld are missing at the end: they were removed",
                     (long long)v->seq + 1, (long long)v->head.seq);
    }
    if (!audit_hash_is(&v->hash, audit_hash_str(&v->head.hash))) {
        return wrong(v, v->seq, "row %lld is not the one that the chain ended with",
                     (long long)v->seq);
    }
    if (first < 1) {
        return wrong(v, first, "row %lld stands before the first: it was inserted",
                     (long long)first);
    }
    if (last > now.seq) {
        return wrong(v, now.seq + 1, "row %lld stands after the end of the chain: it was inserted",
                     (long long)now.seq + 1);
    }
    return RC_OK;
}

static Rc check_pending(Verify *v)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(unread(v, db_read_primary(v->options->db, &tx, v->err)));
    TRY(unread(v, tx_query(tx, &audit_q_pending, NO_PARAMS, &rows, v->err)));
    if (!rows_next(rows)) {
        return unread(v, rows_error(rows, v->err));
    }
    v->verdict.pending = rows_i64(rows, 0);
    int64_t age_us = time_now_us() - rows_i64(rows, 1);
    if (v->verdict.pending > 0 && age_us > AUDIT_PENDING_MAX_US) {
        return wrong(v, 0,
                     "%lld rows are not chained, one for %lld s (at most %lld; the oldest id is "
                     "%.*s): start a server, which chains them, or find out who inserted them",
                     (long long)v->verdict.pending, (long long)(age_us / US_PER_SECOND),
                     (long long)(AUDIT_PENDING_MAX_US / US_PER_SECOND), STR_ARG(rows_str(rows, 2)));
    }
    return RC_OK;
}

/* ---- all of it */

static Rc read_keys(Verify *v)
{
    CLEANUP(tx_cleanup) Tx *tx = NULL;
    size_t sealed;
    TRY(unread(v, db_read_primary(v->options->db, &tx, v->err)));
    TRY(unread(v, audit_keys_read(tx, v->options->secrets, v->own, &v->keys, &v->n_keys, &sealed,
                                  v->err)));
    if (v->n_keys < sealed) {
        return error_set(v->err, RC_INVALID,
                         "A signing key of the audit trail cannot be opened with this secret key; "
                         "give the one that the servers have");
    }
    TRY(unread(v, audit_head_read(tx, false, &v->head, v->err)));
    return RC_OK;
}

static Rc run(Verify *v)
{
    TRY(read_keys(v));
    TRY(check_rows(v));
    TRY(check_end(v));
    return check_pending(v);
}

Rc audit_verify(const AuditVerify *options, AuditVerdict *ret, Error *err)
{
    Error scratch = {0};
    Verify v = {
        .options = options,
        .verdict = {.is_intact = true            },
        .arena = arena_new(0),
        .own = arena_new(0),
        .err = err ? err : &scratch,
        .hash = audit_no_hash,
        .database = { .name = "the database", .last_digest = audit_no_hash},
        .file = { .name = options->file, .last_digest = audit_no_hash},
    };
    v.file.file = options->file ? fopen(options->file, "re") : NULL;
    v.verdict.has_file = v.file.file != NULL;
    Rc rc = run(&v);
    if (v.file.file) {
        IGNORE(fclose(v.file.file)); /* it was only read */
    }
    free(v.file.line);
    audit_keys_wipe(v.keys, v.n_keys);
    arena_free(v.arena);
    arena_free(v.own);
    if (rc == RC_OK || rc == RC_CONFLICT) {
        *ret = v.verdict;
        return RC_OK;
    }
    return rc;
}
