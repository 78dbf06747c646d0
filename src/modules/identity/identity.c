/* SPDX-License-Identifier: Apache-2.0
 * The module's row and the hooks of its records. */
#include "modules/identity/identity.h"

#include "modules/identity/identity_priv.h"
#include "modules/identity/providers.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

/* ---- people */

static bool may_call(const Json *user)
{
    return user && str_is(json_str_at(user, "status"), "active") &&
           json_str_at(user, "deleted_at").len == 0;
}

/* A status that is left out stays as it was: PUT must not invite anew who is here. */
static Rc settle_status(Ctx *cx, RecordChange *change)
{
    Str before = json_str_at(change->before, "status"),
        after = json_str_at(change->after, "status");
    if (after.len == 0) {
        json_set_str(cx->arena, change->after, "status", before.len ? before : STR("invited"));
    } else if (before.len > 0 && !str_is(before, "invited") && str_is(after, "invited")) {
        return fail_field(cx, STR("/status"), "cannot become invited again; make a one-time link");
    }
    return RC_OK;
}

static Rc user_prepare(Ctx *cx, RecordChange *change)
{
    if (change->verb == VERB_DELETE || !change->after) {
        return RC_OK;
    }
    json_set_str(cx->arena, change->after, "email",
                 str_lower_utf8(cx->arena, json_str_at(change->after, "email")));
    return settle_status(cx, change);
}

/* Who may not call any more is out at once: sessions, keys, links. */
static Rc user_written(Ctx *cx, const RecordChange *change)
{
    if (may_call(change->before) && !may_call(change->after)) {
        return sessions_end_user(cx, change->id, "deactivated");
    }
    if (change->before) {
        identity_changed(cx); /* the name is remembered too */
    }
    return RC_OK;
}

/* ---- service accounts */

static Rc service_account_written(Ctx *cx, const RecordChange *change)
{
    if (change->before) {
        identity_changed(cx);
    }
    return RC_OK;
}

/* ---- the module */

static Rc start(Ctx *cx)
{
    decisions_start(cx->platform);
    bool is_open = str_is(settings_str(cx->platform->settings, "auth.mode"), "open");
    if (is_open) {
        return RC_OK;
    }
    TRY(providers_start(cx->platform, &cx->error));
    return keys_ensure(cx);
}

static void stop(Platform *platform)
{
    (void)platform;
    providers_stop();
    decisions_stop();
    keys_forget();
}

static const RecordHooks hooks[] = {
    {.record = "User", .prepare = user_prepare, .written = user_written},
    {.record = "ServiceAccount",                .written = service_account_written             },
    {.record = "ApiKey",                .prepare = api_key_prepare        },
};
static const JobType job_types[] = {
    {.name = "identity.rotate-keys", .run = keys_rotate_run,    .concurrency = 1},
    {.name = "identity.prune",       .run = identity_prune_run, .concurrency = 1},
};
static const JobSchedule schedules[] = {
    {.name = "identity.rotate-keys", .type = "identity.rotate-keys", .every_us = US_PER_HOUR},
    {.name = "identity.prune",       .type = "identity.prune",       .every_us = US_PER_HOUR},
};

static const SealedColumn sealed[] = {
    {.table = "signing_keys",   .column = "private_key"},
    {.table = "sign_in_states", .column = "verifier"   },
};

const Module identity_module = {
    .name = "identity",
    .title = "Identity",
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .job_types = job_types,
    .n_job_types = ARRAY_LEN(job_types),
    .schedules = schedules,
    .n_schedules = ARRAY_LEN(schedules),
    .sealed = sealed,
    .n_sealed = ARRAY_LEN(sealed),
    .start = start,
    .stop = stop,
};
