/* SPDX-License-Identifier: Apache-2.0
 * The module's row and the hooks of its records. */
#include "modules/identity/identity.h"

#include "base/map.h"

#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "modules/identity/providers.h"
#include "platform/mail/mail.h"
#include "platform/personal/personal.h"
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
    Str email = json_str_at(change->after, "email");
    if (email.len > 0) {
        json_set_str(cx->arena, change->after, "email", str_lower_utf8(cx->arena, email));
    } else if (json_str_at(change->after, "source").len == 0 &&
               json_str_at(change->after, "erased_at").len == 0) {
        return fail_field(cx, STR("/email"), "is required");
    }
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
        TRY(identity_notice_address(cx, json_str_at(change->before, "email"),
                                    json_str_at(change->after, "email"),
                                    json_str_at(change->before, "name")));
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

/* The audit trail has people's ids only; a history shows who they are now. */
static Rc fill_names(Ctx *cx, Json *const *entries, size_t n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Map names = map_init(cx->arena);
    Json *ids = json_array(cx->arena);
    for (size_t i = 0; i < n; i++) {
        Str id = json_str_at(entries[i], "actor_id");
        if (id.len > 0 && json_str_at(entries[i], "actor_name").len == 0) {
            json_push(cx->arena, ids, json_string(cx->arena, id));
        }
    }
    if (ids->n == 0) {
        return RC_OK;
    }
    TRY(tx_query(cx->tx, &identity_q_names, PARAMS(P_STR(json_to_str(cx->arena, ids))), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        map_put(&names, rows_dup(rows, 0, cx->arena), json_string(cx->arena, rows_str(rows, 1)));
    }
    for (size_t i = 0; i < n; i++) {
        Json *name = map_get(&names, json_str_at(entries[i], "actor_id"));
        if (name) {
            json_set_c(cx->arena, entries[i], "actor_name", name);
        }
    }
    return rows_error(rows, &cx->error);
}

static Rc start(Ctx *cx)
{
    records_set_names(cx->platform->records, fill_names);
    TRY(mail_check(cx->platform, &cx->error));
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

const RecordHooks identity_user_hooks = {
    .record = "User", .prepare = user_prepare, .written = user_written};

static const RecordHooks hooks[] = {
    {.record = "User", .prepare = user_prepare, .written = user_written},
    {.record = "ServiceAccount",                .written = service_account_written             },
    {.record = "ApiKey",                .prepare = api_key_prepare        },
};
static const JobType job_types[] = {
    {.name = "identity.rotate-keys", .run = keys_rotate_run, .concurrency = 1},
    {                            .name = "identity.prune",     .run = identity_prune_run,       .concurrency = 1                },
    { .name = "identity.mail-link",
     .run = identity_mail_link_run,
     .max_attempts = MAIL_ATTEMPTS,
     .backoff_table = mail_backoff},
    {                                     .name = "identity.password-reset",
     .run = identity_password_reset_run,
     .max_attempts = MAIL_ATTEMPTS,
     .backoff_table = mail_backoff},
};
static const JobSchedule schedules[] = {
    {.name = "identity.rotate-keys", .type = "identity.rotate-keys", .every_us = US_PER_HOUR},
    {.name = "identity.prune",       .type = "identity.prune",       .every_us = US_PER_HOUR},
};

static const SealedColumn sealed[] = {
    {.table = "signing_keys",   .column = "private_key"},
    {.table = "user_totp",      .column = "secret"     },
    {.table = "sign_in_states", .column = "verifier"   },
};

/* Aligned columns would be wider than any screen. */
/* clang-format off */
static const PersonalTable personal[] = {
    {.name = "sessions", .table = "user_sessions", .owner = "user_id",
     .columns = "id, kind, address, user_agent, created_at, last_used_at, expires_at, revoked_at, "
                "revoked_reason"},
    {.name = "password", .table = "user_passwords", .owner = "user_id", .columns = "changed_at"},
    {.name = "one_time_links", .table = "one_time_tokens", .owner = "user_id",
     .columns = "purpose, created_at, expires_at, used_at"},
    {.name = "api_keys", .table = "api_keys", .owner = "user_id",
     .columns = "id, name, prefix, scopes, created_at, expires_at, last_used_at"},
    {.name = "identities", .table = "user_identities", .owner = "user_id",
     .columns = "issuer, subject, provider, label, created_at, last_used_at"},
    {.name = "authenticator_app", .table = "user_totp", .owner = "id", .columns = "created_at"},
    {.name = "passkeys", .table = "passkeys", .owner = "user_id",
     .columns = "name, created_at, last_used_at"},
    {.name = "recovery_codes", .table = "recovery_codes", .owner = "user_id", .columns = "used_at"},
    {.name = "sign_in_challenges", .table = "sign_in_challenges", .owner = "user_id"},
    {.name = "sign_in_states", .table = "sign_in_states", .owner = "user_id"},
};
/* clang-format on */

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
    .personal = personal,
    .n_personal = ARRAY_LEN(personal),
    .start = start,
    .stop = stop,
};
