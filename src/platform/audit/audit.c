/* SPDX-License-Identifier: Apache-2.0
 * One row per sensitive operation, in the transaction of the operation itself. */
#include "platform/audit/audit.h"

#include "base/time.h"

static const Query insert_row = {
    .name = "audit.insert",
    .sql = "INSERT INTO audit_logs (id, at, actor_kind, actor_id, actor_name, address, request_id, "
           "action, resource_type, resource_id, before_state, after_state) "
           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
};

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
    Uuid id = uuid_v7();
    return tx_exec(cx->tx, &insert_row,
                   PARAMS(P_STR(uuid_str(&id)), P_I64(time_now_us()),
                          P_CSTR(actor_kind_name(cx->actor.kind)), P_STR_OR_NULL(cx->actor.id),
                          P_STR_OR_NULL(cx->actor.name), P_STR_OR_NULL(cx->address),
                          P_STR_OR_NULL(cx->request_id), P_CSTR(action), P_CSTR(resource_type),
                          P_STR(resource_id), json_or_null(cx->arena, before),
                          json_or_null(cx->arena, after)),
                   NULL, &cx->error);
}
