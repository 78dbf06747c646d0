/* SPDX-License-Identifier: Apache-2.0
 * Taking a person out for good. The row of users stays under its id, with a pseudonym: what they
 * did points to it, and the chain of the audit trail, which has ids and no names of people, is not
 * touched. */
#include "base/log.h"

#include "contract_handlers.h"
#include "modules/access/access.h"
#include "modules/catalog/catalog.h"
#include "modules/identity/identity.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"
#include "platform/audit/audit.h"
#include "platform/events/events.h"
#include "platform/personal/personal.h"

#define PSEUDONYM STR("Erased user")

typedef struct Erase {
    Ctx *cx;
    Str id, ref, email;
    Strs teams; /* made here, whose entities may name the person */
} Erase;

static Rc check_entity(Ctx *cx, Str ref)
{
    Str location;
    Rc rc = tx_one_str(cx->tx, &people_q_location_of, PARAMS(P_STR(ref)), cx->arena, &location,
                       &cx->error);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        return RC_OK;
    }
    TRY(rc);
    return str_starts(location, STR("api:"))
               ? RC_OK
               : fail(cx, RC_CONFLICT,
                      "%.*s is managed by %.*s and would come back: remove it there first.",
                      STR_ARG(ref), STR_ARG(location));
}

static Rc check(Ctx *cx, const Call *call, const Json *user)
{
    if (!str_eq(str_lower(cx->arena, json_str_at(call->body, "confirm")),
                json_str_at(user, "id"))) {
        return fail_field(cx, STR("/confirm"), "must be the id of the user: nothing was erased");
    }
    if (json_str_at(user, "erased_at").len > 0) {
        return fail(cx, RC_CONFLICT, "The user is erased already.");
    }
    return check_entity(cx, json_str_at(user, "entity_ref"));
}

static Rc erase_tables(Erase *e)
{
    const Platform *p = e->cx->platform;
    for (size_t m = 0; m < p->n_modules; m++) {
        for (size_t i = 0; i < p->modules[m]->n_personal; i++) {
            const PersonalTable *t = &p->modules[m]->personal[i];
            Str sql = str_fmt(e->cx->arena, "DELETE FROM %s WHERE %s = $1%s%s", t->table, t->owner,
                              t->where ? " AND " : "", t->where ? t->where : "");
            if (!t->is_kept) {
                TRY(tx_exec_sql(e->cx->tx, sql, PARAMS(P_STR(e->id)), NULL, &e->cx->error));
            }
        }
    }
    return RC_OK;
}

/* The entity, what it was before, and where its name stands in groups and events. */
static Rc erase_entity(Erase *e)
{
    Ctx *cx = e->cx;
    Str other = str_fmt(cx->arena, "user:default/erased-%.*s", STR_ARG(e->id));
    if (e->ref.len == 0) {
        return RC_OK;
    }
    TRY(catalog_remove_own(cx, &e->ref, 1));
    TRY(people_write_teams(cx, &e->teams));
    TRY(tx_exec(cx->tx, &people_q_erase_history, PARAMS(P_STR(e->ref)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &people_q_erase_in_groups, PARAMS(P_STR(e->ref), P_STR(other)), NULL,
                &cx->error));
    return tx_exec(cx->tx, &people_q_erase_events, PARAMS(P_STR(e->ref), P_STR(other)), NULL,
                   &cx->error);
}

static Rc erase_traces(Erase *e)
{
    Ctx *cx = e->cx;
    Str account = account_of(cx->arena, e->email);
    if (e->email.len > 0) {
        TRY(tx_exec(cx->tx, &people_q_erase_former, PARAMS(P_STR(e->email)), NULL, &cx->error));
    }
    TRY(tx_exec(cx->tx, &people_q_erase_answers, PARAMS(P_STR(e->id)), NULL, &cx->error));
    TRY(tx_exec(cx->tx, &people_q_erase_failures, PARAMS(P_STR(account)), NULL, &cx->error));
    return tx_exec(cx->tx, &people_q_erase_resets, PARAMS(P_STR(account)), NULL, &cx->error);
}

static Rc run(Erase *e)
{
    Ctx *cx = e->cx;
    Strs self = {.arena = cx->arena};
    VEC_PUSH(&self, e->id);
    TRY(people_read_column(cx, &people_q_own_teams, PARAMS(P_STR(people_list(cx->arena, &self))),
                           &e->teams));
    TRY(tx_exec(
        cx->tx, &people_q_erase_user,
        PARAMS(P_STR(e->id), P_I64(time_now_us()), P_STR_OR_NULL(cx->actor.id), P_STR(PSEUDONYM)),
        NULL, &cx->error));
    TRY(access_check_administrator_left(cx, e->id)); /* its roles are still there to be seen */
    TRY(erase_tables(e));
    identity_changed(cx);
    TRY(erase_entity(e));
    TRY(erase_traces(e));
    TRY(people_assign_emails(cx));
    TRY(people_tell(cx, "users.updated", "/api/users", &self));
    TRY(people_tell(cx, "users.erased", "/api/users", &self));
    return audit_write(cx, "users.erased", "User", e->id, NULL, NULL);
}

Rc users_erase(Ctx *cx, Call *call)
{
    Json *user;
    TRY(ctx_begin(cx));
    TRY(catalog_lock(cx));
    TRY(record_get(cx, "User", call_path(call, "id"), &user));
    TRY(check(cx, call, user));
    Erase e = {.cx = cx,
               .id = json_str_at(user, "id"),
               .ref = json_str_at(user, "entity_ref"),
               .email = json_str_at(user, "email")};
    TRY(run(&e));
    TRY(record_get(cx, "User", e.id, &user));
    TRY(ctx_commit(cx));
    log_info("people.erased", F_STR("user", e.id));
    reply_json_tree(cx, call, 200, user);
    return RC_OK;
}
