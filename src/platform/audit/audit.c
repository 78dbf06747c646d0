/* SPDX-License-Identifier: Apache-2.0
 * One row per sensitive operation, in the transaction of the operation itself; and the life of the
 * thread that chains them. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"

#include <openssl/crypto.h>

static const char *actor_kind_name(ActorKind kind)
{
    static const char *const names[] = {
        [ACTOR_ANONYMOUS] = "anonymous",
        [ACTOR_USER] = "user",
        [ACTOR_SERVICE] = "service",
        [ACTOR_SYSTEM] = "system",
    };
    return names[kind];
}

static Param json_or_null(Arena *arena, const Json *v)
{
    return v ? P_STR(json_to_str(arena, v)) : P_NULL;
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
    TRY(tx_exec(
        cx->tx, &audit_q_insert,
        PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us()), P_CSTR(actor_kind_name(actor->kind)),
               P_STR_OR_NULL(actor->id), P_STR_OR_NULL(actor->name), P_STR_OR_NULL(actor->key_id),
               P_STR_OR_NULL(actor->session_id), P_STR_OR_NULL(cx->address),
               P_STR_OR_NULL(cx->request_id), P_CSTR(action), P_CSTR(resource_type),
               P_STR(resource_id), json_or_null(cx->arena, before), json_or_null(cx->arena, after)),
        NULL, &cx->error));
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
