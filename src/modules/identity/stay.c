/* SPDX-License-Identifier: Apache-2.0
 * Callers who stay (open event streams): which of them may still call. One statement for all
 * sessions, one for all keys, one for service accounts that came by certificate. */
#include "base/buf.h"
#include "base/map.h"

#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"

typedef enum StayKind { STAY_SESSION, STAY_KEY, STAY_ACCOUNT, STAY_KINDS } StayKind;

static StayKind kind_of(const Actor *actor)
{
    return actor->key_id.len > 0       ? STAY_KEY
           : actor->session_id.len > 0 ? STAY_SESSION
                                       : STAY_ACCOUNT;
}

static Str id_of(const Actor *actor)
{
    const Str ids[STAY_KINDS] = {actor->session_id, actor->key_id, actor->id};
    return ids[kind_of(actor)];
}

/* id → its number */
static Rc find_living(Ctx *cx, const Query *query, Str list, Map *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(list), P_I64(time_now_us())), &rows, &cx->error));
    while (rows_next(rows)) {
        int64_t *number = ARENA_NEW(cx->arena, int64_t);
        *number = rows_i64(rows, 1);
        map_put(ret, rows_dup(rows, 0, cx->arena), number);
    }
    return rows_error(rows, &cx->error);
}

static Rc check_kind(Ctx *cx, IdentityStay *stays, size_t n, StayKind kind)
{
    static const Query *const queries[STAY_KINDS] = {&identity_q_sessions_living,
                                                     &identity_q_api_keys_living,
                                                     &identity_q_service_accounts_living};
    Buf list = buf_init(cx->arena, 16 * MIB);
    Map living = map_init(cx->arena);
    for (size_t i = 0; i < n; i++) {
        if (kind_of(stays[i].actor) == kind) {
            buf_put(&list, list.len ? STR(",") : STR("["));
            buf_json_str(&list, id_of(stays[i].actor));
        }
    }
    if (list.len == 0) {
        return RC_OK;
    }
    buf_lit(&list, "]");
    ASSERT(buf_ok(&list));
    TRY(find_living(cx, queries[kind], buf_str(&list), &living));
    for (size_t i = 0; i < n; i++) {
        if (kind_of(stays[i].actor) != kind) {
            continue;
        }
        const int64_t *number = map_get(&living, id_of(stays[i].actor));
        bool is_same = number && (*stays[i].mark == 0 || *stays[i].mark == *number);
        stays[i].is_out = !is_same;
        *stays[i].mark = number ? *number : 0;
    }
    return RC_OK;
}

Rc identity_check_stay(Ctx *cx, IdentityStay *stays, size_t n)
{
    for (StayKind kind = 0; kind < STAY_KINDS; kind++) {
        TRY(check_kind(cx, stays, n, kind));
    }
    return RC_OK;
}
