/* SPDX-License-Identifier: Apache-2.0
 * At the start: users and teams that are no entities yet become some, and entities that are nobody
 * yet become people. That is work after an upgrade, or when the module was switched off for a
 * while; else each look finds nothing. */
#include "modules/catalog/catalog.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"

enum { BATCH = 500 };

/* Several processes may start at once: what the other has done is found done. */
typedef Rc (*Step)(Ctx *cx, Str after, Str *ret_last, size_t *ret_n);

static Rc name_users(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    (void)after;
    *ret_n = 0;
    TRY(tx_query(cx->tx, &people_q_users_without_ref, PARAMS(P_I64(BATCH)), &rows, &cx->error));
    while (rows_next(rows)) {
        Str ref, id = rows_dup(rows, 0, cx->arena);
        TRY(people_user_ref(cx, rows_dup(rows, 1, cx->arena), rows_dup(rows, 2, cx->arena), &ref));
        TRY(tx_exec(cx->tx, &people_q_user_ref_set, PARAMS(P_STR(id), P_STR(ref)), NULL,
                    &cx->error));
        *ret_last = id;
        (*ret_n)++;
    }
    return rows_error(rows, &cx->error);
}

static Rc name_teams(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    (void)after;
    *ret_n = 0;
    TRY(tx_query(cx->tx, &people_q_teams_without_ref, PARAMS(P_I64(BATCH)), &rows, &cx->error));
    while (rows_next(rows)) {
        Str ref, id = rows_dup(rows, 0, cx->arena), slug = rows_dup(rows, 1, cx->arena);
        Rc rc = people_team_ref(cx, slug, rows_dup(rows, 2, cx->arena), &ref);
        if (rc == RC_CONFLICT) { /* taken meanwhile; as the migration names those */
            error_clear(&cx->error);
            ref = str_fmt(cx->arena, "group:default/%.*s-%.*s", STR_ARG(str_sub(slug, 0, 54)),
                          STR_ARG(str_from_index(id, 28)));
            rc = RC_OK;
        }
        TRY(rc);
        TRY(tx_exec(cx->tx, &people_q_team_ref_set, PARAMS(P_STR(id), P_STR(ref)), NULL,
                    &cx->error));
        *ret_last = id;
        (*ret_n)++;
    }
    return rows_error(rows, &cx->error);
}

static Rc write_some(Ctx *cx,
                     const Query *query,
                     Rc (*write)(Ctx *cx, const Strs *ids),
                     Str after,
                     Str *ret_last,
                     size_t *ret_n)
{
    Strs ids;
    TRY(people_read_column(cx, query, PARAMS(P_STR(after), P_I64(BATCH)), &ids));
    *ret_n = ids.n;
    *ret_last = ids.n ? ids.at[ids.n - 1] : STR_EMPTY;
    return write(cx, &ids);
}

static Rc write_users(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    return write_some(cx, &people_q_users_without_entity, people_write_users, after, ret_last,
                      ret_n);
}

static Rc write_teams(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    return write_some(cx, &people_q_teams_without_entity, people_write_teams, after, ret_last,
                      ret_n);
}

/* As if the catalog had just read them. */
static Rc follow_entities(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    return catalog_refollow(cx, &people_q_entities_unfollowed, after, BATCH, people_follow,
                            ret_last, ret_n);
}

static Rc let_vanish(Ctx *cx, Str after, Str *ret_last, size_t *ret_n)
{
    Strs refs;
    (void)after;
    TRY(people_read_column(cx, &people_q_users_vanished, PARAMS(P_I64(BATCH)), &refs));
    FollowedEntity *gone = ARENA_ARRAY(cx->arena, FollowedEntity, refs.n);
    for (size_t i = 0; i < refs.n; i++) {
        gone[i] = (FollowedEntity){.ref = refs.at[i], .kind = STR("user"), .is_gone = true};
    }
    *ret_n = 0; /* who is kept as the last administrator would come again and again */
    *ret_last = STR_EMPTY;
    return refs.n ? people_follow(cx, gone, refs.n) : RC_OK;
}

static Rc repeat(Ctx *cx, Step step)
{
    char after[KIB] = "";
    size_t n = BATCH;
    while (n == BATCH) {
        Str last = STR_EMPTY;
        TRY(ctx_begin(cx));
        TRY(catalog_lock(cx));
        TRY(step(cx, str_from(after), &last, &n));
        snprintf(after, sizeof after, "%.*s", STR_ARG(last));
        TRY(ctx_commit(cx));
        ctx_reset(cx);
    }
    return RC_OK;
}

Rc people_start(Ctx *cx)
{
    static const Step steps[] = {name_users,  name_teams,      write_teams,
                                 write_users, follow_entities, let_vanish};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        TRY(repeat(cx, steps[i]));
    }
    return RC_OK;
}
