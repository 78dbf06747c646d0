/* SPDX-License-Identifier: Apache-2.0
 * The thread that has the end of the chain signed, and on PostgreSQL gives committed rows their
 * place in the chain, in the order they were written.
 *
 * As with events (docs/adr/0005): on SQLite writers take turns, so a row is chained as it is
 * written (audit.c); this thread chains those that are older than the chain. On PostgreSQL a
 * sequence says when a row was written, and a transaction that wrote early may commit late. So a
 * row is chained only once it is committed, by whoever holds the lock of the one row of audit_head,
 * in a transaction of its own. Writers wait for nobody, a long transaction delays its own rows
 * only, and two rows about one thing keep their order because the second was written after the
 * first was committed.
 *
 * The thread is woken by commits of this process and looks every second for those of others. It
 * rests between rounds, so that under load one transaction chains many rows. */
#include "base/log.h"

#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"
#include "platform/settings/settings.h"

#include <openssl/crypto.h>

#define LOOK_EVERY_US US_PER_SECOND
#define REST_US (10 * US_PER_MS)
#define FAILURE_PAUSE_US US_PER_SECOND

enum { CHAIN_COLUMNS = 4 };

/* ---- chaining */

static Rc read_unchained(Ctx *cx, AuditHead *head, Param *params, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    TRY(tx_query(cx->tx, &audit_q_unchained, PARAMS(P_I64(AUDIT_CHAIN_BATCH)), &rows, &cx->error));
    size_t n = 0;
    while (n < AUDIT_CHAIN_BATCH && rows_next(rows)) {
        AuditHash hash;
        AuditRow values;
        arena_reset(scratch);
        audit_row_read(rows, head->seq + 1, &values);
        TRY(audit_row_hash(scratch, &values, &head->hash, &hash, &cx->error));
        Param *row = &params[n++ * CHAIN_COLUMNS];
        row[0] = P_STR(rows_dup(rows, AUDIT_ID, cx->arena));
        row[1] = P_I64(head->seq + 1);
        row[2] = P_STR(str_dup(cx->arena, audit_hash_str(&head->hash)));
        row[3] = P_STR(str_dup(cx->arena, audit_hash_str(&hash)));
        head->seq++;
        head->hash = hash;
    }
    *ret_n = n;
    return rows_error(rows, &cx->error);
}

static Rc chain_waiting(Ctx *cx, size_t *ret_n)
{
    AuditHead head;
    Str first, done;
    *ret_n = 0;
    TRY(tx_one_str(cx->tx, &audit_q_plan, NO_PARAMS, cx->arena, &done, &cx->error));
    Rc rc = tx_one_str(cx->tx, &audit_q_waiting, NO_PARAMS, cx->arena, &first, &cx->error);
    if (rc == RC_NOT_FOUND) {
        ctx_end(cx);
        return RC_OK;
    }
    TRY(rc);
    TRY(audit_head_read(cx->tx, true, &head, &cx->error));
    Param *params = ARENA_ARRAY(cx->arena, Param, AUDIT_CHAIN_BATCH * CHAIN_COLUMNS);
    size_t n;
    TRY(read_unchained(cx, &head, params, &n));
    TRY(tx_exec_many(cx->tx, &audit_q_chain, params, CHAIN_COLUMNS, n, &cx->error));
    TRY(audit_head_write(cx->tx, &head, &cx->error));
    TRY(ctx_commit(cx));
    *ret_n = n;
    return RC_OK;
}

/* On SQLite rows are chained as they are written, so that there is hardly ever one, and nobody
 * takes the writers' turn to look. */
static Rc find_waiting(Ctx *cx, bool *ret_found)
{
    Str first;
    *ret_found = true;
    if (db_kind(cx->platform->db) == DB_POSTGRES) {
        return RC_OK; /* the look belongs to the transaction, which has the plan for it */
    }
    TRY(ctx_read_primary(cx));
    Rc rc = tx_one_str(cx->tx, &audit_q_waiting, NO_PARAMS, cx->arena, &first, &cx->error);
    ctx_end(cx);
    *ret_found = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

Rc audit_chain_batch(Ctx *cx, size_t *ret_n)
{
    bool found;
    *ret_n = 0;
    TRY(find_waiting(cx, &found));
    if (!found) {
        return RC_OK;
    }
    TRY(ctx_begin(cx));
    Rc rc = chain_waiting(cx, ret_n);
    ctx_end(cx);
    return rc;
}

Rc audit_chain_now(Ctx *cx)
{
    size_t n;
    do {
        TRY(audit_chain_batch(cx, &n));
    } while (n == AUDIT_CHAIN_BATCH);
    return RC_OK;
}

/* ---- checkpoints */

/* The newest key, made when there is none. A key that was sealed with another secret key is not
 * replaced: the checkpoints it signed would prove nothing any more. */
static Rc find_key(Audit *audit, Ctx *cx)
{
    AuditHead head;
    AuditKey *keys;
    size_t n, sealed;
    TRY(ctx_begin(cx));
    TRY(audit_head_read(cx->tx, true, &head, &cx->error)); /* one process makes the key */
    TRY(audit_keys_read(cx->tx, cx->platform->secrets, cx->arena, &keys, &n, &sealed, &cx->error));
    if (n > 0) {
        audit->key = keys[0];
        audit_keys_wipe(keys, n);
    } else if (sealed > 0) {
        return fail(cx, RC_INTERNAL,
                    "the signing key of the audit trail was sealed with another secret key");
    } else {
        TRY(audit_key_make(cx, &audit->key));
    }
    TRY(ctx_commit(cx));
    audit->has_key = true;
    return RC_OK;
}

static bool is_due(const Audit *audit, const AuditHead *head)
{
    Settings *settings = audit->platform->settings;
    int64_t rows = head->seq - head->checkpoint_seq;
    return rows >= settings_int(settings, "audit.checkpoint_rows") ||
           (rows > 0 && time_now_us() - head->checkpoint_at >=
                            settings_duration_us(settings, "audit.checkpoint_every"));
}

static Rc sign_if_due(Audit *audit, Ctx *cx, AuditHead *head)
{
    TRY(ctx_read_primary(cx));
    TRY(audit_head_read(cx->tx, false, head, &cx->error));
    ctx_end(cx);
    if (!is_due(audit, head)) {
        return RC_OK;
    }
    if (!audit->has_key) {
        TRY(find_key(audit, cx));
    }
    TRY(ctx_begin(cx));
    TRY(audit_head_read(cx->tx, true, head, &cx->error));
    if (!is_due(audit, head)) { /* another process was quicker */
        ctx_end(cx);
        return RC_OK;
    }
    TRY(checkpoint_make(cx, &audit->key, head));
    TRY(ctx_commit(cx));
    metric_add(audit->checkpoints, 1);
    return RC_OK;
}

/* Also those that other processes have signed: each data folder is a witness of all. */
static Rc copy_if_new(Audit *audit, Ctx *cx, const AuditHead *head)
{
    if (head->checkpoint == audit->copied || audit->disagrees) {
        return RC_OK;
    }
    Rc rc = checkpoints_copy(cx, &audit->copied);
    ctx_end(cx);
    if (rc == RC_CONFLICT) { /* once, and not at every look */
        audit->disagrees = true;
        log_error("audit.checkpoints_disagree", F_CSTR("error", cx->error.message));
        metric_add(audit->failures, 1);
        return RC_OK;
    }
    return rc;
}

/* ---- the loop */

static Rc sign_and_copy(Audit *audit, Ctx *cx)
{
    AuditHead head;
    Rc rc = sign_if_due(audit, cx, &head);
    rc = rc ? rc : copy_if_new(audit, cx, &head);
    ctx_end(cx);
    return rc;
}

/* What keeps us from signing does not keep us from chaining. */
static Rc work(Audit *audit, Ctx *cx)
{
    Error why = {0};
    Rc signing = RC_OK;
    size_t n;
    do {
        TRY(audit_chain_batch(cx, &n));
        metric_add(audit->chained, (int64_t)n);
        if (signing == RC_OK) {
            signing = sign_and_copy(audit, cx);
            why = cx->error;
        }
        ctx_reset(cx);
    } while (n == AUDIT_CHAIN_BATCH);
    cx->error = why;
    return signing;
}

/* Says so once per outage. */
static void note_outcome(Audit *audit, const Ctx *cx, Rc rc)
{
    if (rc != RC_OK) {
        metric_add(audit->failures, 1);
    }
    if (rc != RC_OK && !audit->is_failing) {
        log_error("audit.failed", F_CSTR("error", cx->error.message),
                  F_CSTR("detail", cx->error.detail));
    } else if (rc == RC_OK && audit->is_failing) {
        log_info("audit.works_again", F_BOOL("ok", true));
    }
    audit->is_failing = rc != RC_OK;
}

/* Until woken (not before earliest_us) or until_us. False: it is time to end. */
static bool audit_wait(Audit *audit, int64_t earliest_us, int64_t until_us)
{
    mutex_lock(&audit->lock);
    while (!audit->stopping && time_monotonic_us() < earliest_us) {
        cond_wait_until(&audit->wake, &audit->lock, earliest_us);
    }
    while (!audit->stopping && !audit->woken &&
           cond_wait_until(&audit->wake, &audit->lock, until_us)) {
    }
    audit->woken = false;
    bool go_on = !audit->stopping;
    mutex_unlock(&audit->lock);
    return go_on;
}

void *audit_main(void *user)
{
    Audit *audit = user;
    Ctx *cx = ctx_new_system(audit->platform, "audit");
    int64_t earliest_us = 0, until_us = 0;
    bool go_on;
    do { /* a last time when stopping: nothing should wait for the next start */
        go_on = audit_wait(audit, earliest_us, until_us);
        if (!go_on && audit->is_failing) {
            break; /* a database that is away is not waited for */
        }
        Rc rc = work(audit, cx);
        ctx_end(cx);
        note_outcome(audit, cx, rc);
        ctx_reset(cx);
        error_clear(&cx->error);
        earliest_us = time_monotonic_us() + (rc == RC_OK ? REST_US : FAILURE_PAUSE_US);
        until_us = time_monotonic_us() + LOOK_EVERY_US;
    } while (go_on);
    ctx_free(cx);
    return NULL;
}
