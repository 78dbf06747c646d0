/* SPDX-License-Identifier: Apache-2.0
 * What follows when users, teams or their entities have changed: parents, memberships, the end of
 * sessions, events; each of a whole set at once. */
#include "modules/identity/identity.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"
#include "platform/events/events.h"

static Rc add_memberships(Ctx *cx, Str refs, size_t *ret_n)
{
    enum { COLUMNS = 4 };
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Params params = {.arena = cx->arena};
    int64_t now = time_now_us();
    TRY(tx_query(cx->tx, &people_q_memberships_new, PARAMS(P_STR(refs)), &rows, &cx->error));
    while (rows_next(rows)) {
        Uuid id = uuid_v7();
        VEC_PUSH(&params, P_STR(str_dup(cx->arena, uuid_str(&id))));
        VEC_PUSH(&params, P_I64(now));
        VEC_PUSH(&params, P_STR(rows_dup(rows, 0, cx->arena)));
        VEC_PUSH(&params, P_STR(rows_dup(rows, 1, cx->arena)));
    }
    TRY(rows_error(rows, &cx->error));
    *ret_n = params.n / COLUMNS;
    return params.n ? tx_exec_many(cx->tx, &people_q_membership_insert, params.at, COLUMNS, *ret_n,
                                   &cx->error)
                    : RC_OK;
}

Rc people_settle_relations(Ctx *cx, const Strs *refs, bool *ret_changed)
{
    int64_t gone = 0;
    size_t added = 0;
    Str list = people_list(cx->arena, refs);
    TRY(tx_exec(cx->tx, &people_q_parents, PARAMS(P_STR(list)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &people_q_memberships_gone, PARAMS(P_STR(list)), &gone, &cx->error));
    TRY(add_memberships(cx, list, &added));
    *ret_changed = gone > 0 || added > 0;
    return RC_OK;
}

Rc people_end(Ctx *cx, const Strs *user_ids, const char *reason)
{
    Str list = people_list(cx->arena, user_ids);
    int64_t now = time_now_us();
    TRY(tx_exec(cx->tx, &people_q_sessions_end, PARAMS(P_STR(list), P_I64(now), P_CSTR(reason)),
                NULL, &cx->error));
    TRY(tx_exec(cx->tx, &people_q_links_end, PARAMS(P_STR(list), P_I64(now)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &people_q_keys_end, PARAMS(P_STR(list), P_I64(now)), NULL, &cx->error));
    identity_changed(cx);
    return RC_OK;
}

Rc people_tell(Ctx *cx, const char *type, const char *source, const Strs *ids)
{
    Event *events = ARENA_ARRAY(cx->arena, Event, ids->n);
    for (size_t i = 0; i < ids->n; i++) {
        events[i] = (Event){
            .type = str_from(type),
            .source = str_from(source),
            .subject = ids->at[i],
            .data = str_fmt(cx->arena, "{\"record\":{\"id\":\"%.*s\"}}", STR_ARG(ids->at[i]))};
    }
    return ids->n ? events_emit_many(cx, events, ids->n) : RC_OK;
}

Rc people_assign_emails(Ctx *cx)
{
    return tx_exec(cx->tx, &people_q_emails_assign, NO_PARAMS, NULL, &cx->error);
}
