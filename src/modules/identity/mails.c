/* SPDX-License-Identifier: Apache-2.0
 * Letters of this module: invitations, links for a forgotten password, notices.
 *
 * A link is made when its letter is sent, not when it is asked for: it stands in no job, event or
 * log, and an attempt that fails leaves none that works. Whoever asks for a link to an address
 * learns nothing: the same is written whether somebody has the address, and a job looks for them.
 */
#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/audit/audit.h"
#include "platform/mail/mail.h"
#include "platform/secrets/secrets.h"

#include <string.h>

#define LINK_JOB "identity.mail-link"
#define RESET_JOB "identity.password-reset"
#define ADDRESS_CONTEXT STR("identity.password-reset")
#define INVITATION_US (3 * US_PER_DAY) /* people do not read every letter within the hour */
enum { RESETS_PER_HOUR = 3 };          /* for one address */

/* ---- a link by mail */

typedef struct Addressee {
    Str id, name, email, status;
} Addressee;

static Rc read_addressee(Ctx *cx, const Query *query, Str by, Addressee *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = (Addressee){0};
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(by)), &rows, &cx->error));
    if (rows_next(rows)) {
        ret->id = rows_dup(rows, 0, cx->arena);
        ret->name = rows_dup(rows, 1, cx->arena);
        ret->status = rows_dup(rows, 2, cx->arena);
        ret->email = rows_dup(rows, 4, cx->arena);
    }
    return rows_error(rows, &cx->error);
}

static Mail invitation(Ctx *cx, const Addressee *to, Str link)
{
    Str text = str_fmt(cx->arena,
                       "Hello %.*s,\n\nyou have been invited to Fairway, the developer platform "
                       "at\n%.*s\n\nThis link sets your password and signs you in. It works once, "
                       "within three days:\n\n%.*s\n\nIf you did not expect this, do nothing.\n",
                       STR_ARG(to->name), STR_ARG(cx->platform->base_url), STR_ARG(link));
    return (Mail){to->email, STR("Your invitation to Fairway"), text};
}

static Mail reset_letter(Ctx *cx, const Addressee *to, Str link)
{
    Str text = str_fmt(cx->arena,
                       "Hello %.*s,\n\nsomebody, hopefully you, asked for a new password at\n%.*s"
                       "\n\nThis link sets it. It works once, within an hour:\n\n%.*s\n\nIf it was "
                       "not you, do nothing: your password stays as it is.\n",
                       STR_ARG(to->name), STR_ARG(cx->platform->base_url), STR_ARG(link));
    return (Mail){to->email, STR("Set a new password for Fairway"), text};
}

/* The link counts from here on; if the letter then does not go out, the next attempt makes
 * another. */
static Rc send_link(Ctx *cx, const Addressee *to)
{
    bool is_new = str_is(to->status, "invited");
    Str token;
    TRY(ctx_begin(cx));
    TRY(one_time_new_for(cx, to->id, is_new ? "invite" : "reset",
                         is_new ? INVITATION_US : ONE_TIME_US, &token));
    TRY(ctx_commit(cx));
    Str link = one_time_link(cx, token);
    Mail mail = is_new ? invitation(cx, to, link) : reset_letter(cx, to, link);
    return mail_send(cx, &mail);
}

static bool may_be_written_to(const Addressee *to)
{
    return to->id.len > 0 && to->email.len > 0 && !str_is(to->status, "deactivated");
}

static Rc find_addressee(Ctx *cx, const Query *query, Str by, Addressee *ret)
{
    TRY(ctx_read_primary(cx));
    Rc rc = read_addressee(cx, query, by, ret);
    ctx_end(cx);
    return rc;
}

Rc identity_mail_link_run(Ctx *cx, Job *job)
{
    Addressee to;
    TRY(find_addressee(cx, &identity_q_user_by_id, json_str_at(job->payload, "user_id"), &to));
    if (!may_be_written_to(&to)) {
        job_log(cx, job, "not sent: the user is gone, deactivated or has no address by now");
        return RC_OK;
    }
    return send_link(cx, &to);
}

static Rc answer_link(Ctx *cx, Call *call, Str token, int64_t expires_us)
{
    Json *answer = json_object(cx->arena);
    json_set_c(cx->arena, answer, "sent", json_bool_new(cx->arena, false));
    json_set_str(cx->arena, answer, "detail",
                 STR("No mail was sent: hand the link over by a way you trust."));
    json_set_str(cx->arena, answer, "token", token);
    json_set_str(cx->arena, answer, "url", one_time_link(cx, token));
    json_set_str(cx->arena, answer, "expires_at", time_rfc3339_dup(cx->arena, expires_us));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

static Rc answer_queued(Ctx *cx, Call *call, const Uuid *job)
{
    Json *answer = json_object(cx->arena);
    json_set_c(cx->arena, answer, "sent", json_bool_new(cx->arena, true));
    json_set_str(cx->arena, answer, "detail", STR("A letter with the link is on its way."));
    json_set_str(cx->arena, answer, "job_id", uuid_str(job));
    reply_header(call, "Location", str_fmt(cx->arena, "/api/jobs/%s", job->text));
    reply_json_tree(cx, call, 202, answer);
    return RC_OK;
}

/* Without mail, or without an address, the administrator gets the link. */
Rc users_invitation(Ctx *cx, Call *call)
{
    Json *user, *payload = json_object(cx->arena);
    Uuid job;
    TRY(ctx_begin(cx));
    TRY(record_get(cx, "User", call_path(call, "id"), &user));
    Str id = json_str_at(user, "id"), status = json_str_at(user, "status"), token;
    if (str_is(status, "deactivated")) {
        return fail(cx, RC_CONFLICT, "The user is deactivated; activate them first.");
    }
    if (!mail_is_configured(cx->platform) || json_str_at(user, "email").len == 0) {
        bool is_new = str_is(status, "invited");
        TRY(one_time_new(cx, id, is_new ? "invite" : "reset", &token));
        TRY(ctx_commit(cx));
        return answer_link(cx, call, token, time_now_us() + ONE_TIME_US);
    }
    json_set_str(cx->arena, payload, "user_id", id);
    TRY(jobs_enqueue(cx,
                     &(JobSpec){.type = LINK_JOB,
                                .payload = payload,
                                .key = str_fmt(cx->arena, LINK_JOB ":%.*s", STR_ARG(id))},
                     &job));
    TRY(audit_write(cx, "auth.invitation_asked", "User", id, NULL, NULL));
    TRY(ctx_commit(cx));
    return answer_queued(cx, call, &job);
}

/* ---- a forgotten password */

Rc identity_password_reset_run(Ctx *cx, Job *job)
{
    Str email;
    Addressee to;
    TRY(secrets_open(cx->platform->secrets, cx->arena, json_str_at(job->payload, "address"),
                     ADDRESS_CONTEXT, &email, &cx->error));
    TRY(find_addressee(cx, &identity_q_addressee_by_email, email, &to));
    return may_be_written_to(&to) ? send_link(cx, &to) : RC_OK;
}

static Rc queue_reset(Ctx *cx, Str email)
{
    Json *payload = json_object(cx->arena);
    Str sealed;
    TRY(secrets_seal(cx->platform->secrets, cx->arena, email, ADDRESS_CONTEXT, &sealed,
                     &cx->error));
    json_set_str(cx->arena, payload, "address", sealed);
    return jobs_enqueue(cx, &(JobSpec){.type = RESET_JOB, .payload = payload}, NULL);
}

/* The statements are the same for every address, so the answer and its time are. Whoever asks too
 * often for one address gets the same answer, and no letter. */
Rc auth_password_reset(Ctx *cx, Call *call)
{
    Str email = str_lower_utf8(cx->arena, json_str_at(call->body, "email"));
    int64_t asked = 0, now = time_now_us();
    if (!mail_is_configured(cx->platform)) {
        return fail(cx, RC_CONFLICT,
                    "This server sends no mail: ask an administrator for a link that sets your "
                    "password.");
    }
    TRY(ctx_begin(cx));
    TRY(tx_one_i64(
        cx->tx, &identity_q_reset_asked,
        PARAMS(P_STR(account_of(cx->arena, email)), P_I64(now), P_I64(now - US_PER_HOUR)), &asked,
        &cx->error));
    if (asked <= RESETS_PER_HOUR) {
        TRY(queue_reset(cx, email));
    }
    TRY(ctx_commit(cx));
    reply_empty(call, 202);
    return RC_OK;
}

/* ---- notices */

Rc identity_notice_password(Ctx *cx, Str email, Str name)
{
    Str text = str_fmt(cx->arena,
                       "Hello %.*s,\n\nyour password at\n%.*s\n\nwas changed just now. If it was "
                       "not you, ask an administrator at once to end your sessions.\n",
                       STR_ARG(name), STR_ARG(cx->platform->base_url));
    Mail mail = {email, STR("Your Fairway password was changed"), text};
    return email.len > 0 ? mail_queue(cx, &mail) : RC_OK;
}

/* To the address as it was: whoever took the account over has the new one. */
Rc identity_notice_address(Ctx *cx, Str before, Str after, Str name)
{
    if (before.len == 0 || str_eq(before, after) || !mail_address_is_valid(before)) {
        return RC_OK;
    }
    Str text = str_fmt(cx->arena,
                       "Hello %.*s,\n\nthe address you sign in with at\n%.*s\n\nwas changed just "
                       "now; this letter goes to the one before. If you did not expect this, ask "
                       "an administrator.\n",
                       STR_ARG(name), STR_ARG(cx->platform->base_url));
    Mail mail = {before, STR("Your Fairway address was changed"), text};
    return mail_queue(cx, &mail);
}

/* By the action of the audit row; that of a recovery code is auth.second_factor_passed there, or
 * auth.confirmed. */
static const struct {
    const char *action, *sentence;
} security_notices[] = {
    {"auth.totp_added",           "an authenticator app was added"                                 },
    {"auth.totp_removed",         "the authenticator app was removed"                              },
    {"auth.passkey_added",        "a passkey was added"                                            },
    {"auth.passkey_removed",      "a passkey was removed"                                          },
    {"auth.recovery_codes_made",  "new recovery codes were made; those before do not work any more"},
    {"auth.recovery_code_used",   "a recovery code was used in place of your app or passkey"       },
    {"auth.second_factors_reset",
     "an administrator removed your second factors and ended your sessions"                        },
    {"auth.identity_linked",      "an account at a sign-in provider was linked"                    },
    {"auth.identity_unlinked",    "an account at a sign-in provider was unlinked"                  },
};

static const char *security_sentence(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(security_notices); i++) {
        if (strcmp(security_notices[i].action, action) == 0) {
            return security_notices[i].sentence;
        }
    }
    return NULL;
}

/* "2026-11-26 09:30 UTC" */
static Str minute_of(Arena *arena, int64_t us)
{
    Str at = time_rfc3339_dup(arena, us), day = str_sub(at, 0, 10), minute = str_sub(at, 11, 16);
    return str_fmt(arena, "%.*s %.*s UTC", STR_ARG(day), STR_ARG(minute));
}

Rc identity_notice_security(Ctx *cx, Str user_id, const char *action, Str what)
{
    Addressee to;
    const char *sentence = security_sentence(action);
    ASSERT(sentence);
    if (!mail_is_configured(cx->platform)) {
        return RC_OK;
    }
    TRY(read_addressee(cx, &identity_q_user_by_id, user_id, &to));
    if (!may_be_written_to(&to) || !mail_address_is_valid(to.email)) {
        return RC_OK;
    }
    Str when = minute_of(cx->arena, time_now_us()),
        detail = what.len ? str_fmt(cx->arena, " (%.*s)", STR_ARG(what)) : STR_EMPTY;
    Str text =
        str_fmt(cx->arena,
                "Hello %.*s,\n\nhow you sign in was changed at\n%.*s\n\nOn %.*s, %s%.*s.\n\nIf "
                "you did not expect this, change your password and ask an administrator at "
                "once to end your sessions.\n",
                STR_ARG(to.name), STR_ARG(cx->platform->base_url), STR_ARG(when), sentence,
                STR_ARG(detail));
    Mail mail = {to.email, STR("A change in how you sign in to Fairway"), text};
    return mail_queue(cx, &mail);
}
