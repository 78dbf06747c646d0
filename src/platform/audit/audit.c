/* SPDX-License-Identifier: Apache-2.0
 * One row per sensitive operation, in the transaction of the operation itself; and the life of the
 * thread that chains them. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"

#include <openssl/crypto.h>

static void set(AuditRow *row, AuditColumn column, Str text)
{
    row->of[column].text = text;
}

/* An empty one is none. */
static void set_or_null(AuditRow *row, AuditColumn column, Str text)
{
    row->of[column].text = text;
    row->of[column].is_null = text.len == 0;
}

static void set_state(Arena *arena, AuditRow *row, AuditColumn column, const Json *v)
{
    set_or_null(row, column, v ? json_to_str(arena, v) : STR_EMPTY);
}

static Param param_of(const AuditRow *row, AuditColumn column)
{
    return row->of[column].is_null ? P_NULL : P_STR(row->of[column].text);
}

/* SQLite has one writer at a time and the turn is ours, so nobody waits for this who would not. */
static Rc chain(Ctx *cx, AuditRow *row, AuditHash *ret_prev, AuditHash *ret_hash)
{
    AuditHead head;
    TRY(audit_head_read(cx->tx, true, &head, &cx->error));
    *ret_prev = head.hash;
    row->seq = head.seq + 1;
    TRY(audit_row_hash(cx->arena, row, &head.hash, ret_hash, &cx->error));
    head.seq = row->seq;
    head.hash = *ret_hash;
    return audit_head_write(cx->tx, &head, &cx->error);
}

static Rc insert(Ctx *cx, AuditRow *row)
{
    enum { FIRST = AUDIT_ACTOR_KIND, N = AUDIT_AFTER_STATE - FIRST + 1 };
    Param params[2 + N + 3];
    AuditHash prev, hash;
    bool is_chained = db_kind(cx->platform->db) == DB_SQLITE;
    if (is_chained) {
        TRY(chain(cx, row, &prev, &hash));
    }
    params[0] = P_STR(row->of[AUDIT_ID].text);
    params[1] = P_I64(row->at);
    for (int i = 0; i < N; i++) {
        params[2 + i] = param_of(row, (AuditColumn)(FIRST + i));
    }
    params[2 + N] = is_chained ? P_I64(row->seq) : P_NULL;
    params[3 + N] = is_chained ? P_STR(audit_hash_str(&prev)) : P_NULL;
    params[4 + N] = is_chained ? P_STR(audit_hash_str(&hash)) : P_NULL;
    return tx_exec_later(cx->tx, &audit_q_insert, params, ARRAY_LEN(params), &cx->error);
}

Rc audit_write(Ctx *cx,
               const char *action,
               const char *resource_type,
               Str resource_id,
               const Json *before,
               const Json *after)
{
    ASSERT(cx->tx && tx_is_write(cx->tx));
    const Actor *actor = &cx->actor;
    Uuid id = uuid_v7();
    AuditRow row = {.at = time_now_us()};
    set(&row, AUDIT_ID, uuid_str(&id));
    set(&row, AUDIT_ACTOR_KIND, str_from(actor_kind_name(actor->kind)));
    set_or_null(&row, AUDIT_ACTOR_ID, actor->id);
    /* A person's name must be erasable, a row is not: whoever reads it asks whose the id is. */
    set_or_null(&row, AUDIT_ACTOR_NAME, actor->kind == ACTOR_USER ? STR_EMPTY : actor->name);
    set_or_null(&row, AUDIT_KEY_ID, actor->key_id);
    set_or_null(&row, AUDIT_SESSION_ID, actor->session_id);
    set_or_null(&row, AUDIT_ADDRESS, cx->address);
    set_or_null(&row, AUDIT_REQUEST_ID, cx->request_id);
    set(&row, AUDIT_ACTION, str_from(action));
    set(&row, AUDIT_RESOURCE_TYPE, str_from(resource_type));
    set(&row, AUDIT_RESOURCE_ID, resource_id);
    set_state(cx->arena, &row, AUDIT_BEFORE_STATE, before);
    set_state(cx->arena, &row, AUDIT_AFTER_STATE, after);
    TRY(insert(cx, &row));
    if (cx->platform->audit) {
        tx_on_commit(cx->tx, audit_wake, cx->platform->audit);
    }
    return RC_OK;
}

/* ---- life */

void audit_wake(void *user)
{
    Audit *audit = user;
    mutex_lock(&audit->lock);
    if (!audit->woken) {
        audit->woken = true;
        cond_signal(&audit->wake);
    }
    mutex_unlock(&audit->lock);
}

Rc audit_new(Platform *platform, Audit **ret, Error *err)
{
    (void)err; /* as the other services of the platform */
    Audit *audit = calloc(1, sizeof(*audit));
    ASSERT(audit);
    audit->platform = platform;
    mutex_init(&audit->lock);
    cond_init(&audit->wake);
    audit->chained = metrics_counter(platform->metrics, "fairway_audit_chained_total", "",
                                     "Rows of the audit trail that this process has chained.");
    audit->checkpoints = metrics_counter(platform->metrics, "fairway_audit_checkpoints_total", "",
                                         "Checkpoints of the audit trail it has signed.");
    audit->failures = metrics_counter(platform->metrics, "fairway_audit_failures_total", "",
                                      "Attempts to chain or to sign that failed.");
    *ret = audit;
    return RC_OK;
}

Rc audit_start(Audit *audit, Error *err)
{
    (void)err; /* what is wrong now may be right at the next look: the thread tells of it */
    audit->is_started = true;
    audit->woken = true;
    thread_start(&audit->thread, "audit", audit_main, audit);
    return RC_OK;
}

void audit_stop(Audit *audit)
{
    if (!audit || !audit->is_started) {
        return;
    }
    mutex_lock(&audit->lock);
    audit->stopping = true;
    cond_signal(&audit->wake);
    mutex_unlock(&audit->lock);
    thread_join(&audit->thread);
    audit->is_started = false;
}

void audit_free(Audit *audit)
{
    if (!audit) {
        return;
    }
    audit_stop(audit);
    OPENSSL_cleanse(&audit->key, sizeof(audit->key));
    cond_done(&audit->wake);
    mutex_done(&audit->lock);
    free(audit);
}
