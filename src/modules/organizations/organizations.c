/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/organizations/organizations.h"

#include "base/time.h"

#include "platform/personal/personal.h"

static const Query count_teams = {
    .name = "organizations.count_teams",
    .sql = "SELECT COUNT(*) FROM teams WHERE org_id = $1 AND deleted_at IS NULL",
};

/* Teams would be left without an organization. */
static Rc organization_prepare(Ctx *cx, RecordChange *change)
{
    int64_t n = 0;
    if (change->verb != VERB_DELETE) {
        return RC_OK;
    }
    TRY(tx_one_i64(cx->tx, &count_teams, PARAMS(P_STR(change->id)), &n, &cx->error));
    if (n > 0) {
        return fail(cx, RC_CONFLICT,
                    "The organization still has %lld team%s; delete or move what is left first.",
                    (long long)n, n == 1 ? "" : "s");
    }
    return RC_OK;
}

Rc organizations_membership_prepare(Ctx *cx, RecordChange *change)
{
    char now[TIME_RFC3339_SIZE];
    if (change->verb == VERB_CREATE) {
        json_set_str(cx->arena, change->after, "joined_at", time_rfc3339(time_now_us(), now));
    }
    return RC_OK;
}

static const RecordHooks hooks[] = {
    {.record = "TeamMembership", .prepare = organizations_membership_prepare},
    {.record = "Organization",   .prepare = organization_prepare            },
};

static const PersonalTable personal[] = {
    {.name = "team_memberships",
     .table = "team_memberships",
     .owner = "user_id",
     .columns = "id, team_id, role, joined_at"},
};

const Module organizations_module = {
    .name = "organizations",
    .title = "Organizations and teams",
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .personal = personal,
    .n_personal = ARRAY_LEN(personal),
};
