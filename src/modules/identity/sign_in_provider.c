/* SPDX-License-Identifier: Apache-2.0
 * Signing in by a provider: the browser is sent there with a state, and comes back with it and a
 * code. The state works once, within ten minutes, in the browser that began, for the provider it
 * was made for. Its sign-in is whole: what the provider asks for stands in for our password and
 * second factor.
 *
 * What goes wrong is told to a browser on the page and to others as a problem; the reason stands in
 * the audit trail only. */
#include "base/buf.h"
#include "base/log.h"

#include "contract_handlers.h"
#include "identity_q_sql.h"
#include "modules/identity/providers.h"
#include "platform/audit/audit.h"
#include "platform/secrets/secrets.h"

#define BROWSER_COOKIE "__Host-fairway-sign-in"
#define BROWSER_PREFIX "fwb_"
enum { STATE_S = 600, FOUND = 302, SECRET_LEN = 43, RETURN_MAX = 2000 };

static const struct {
    Rc (*authorize)(ProviderCall *pc, const ProviderRoundTrip *trip, Str *ret_url);
    Rc (*person)(ProviderCall *pc, const ProviderRoundTrip *trip, Str code, ProviderPerson *ret);
} kinds[] = {
    [PROVIDER_OIDC] = {oidc_authorize,   oidc_person  },
    [PROVIDER_GITHUB] = {github_authorize, github_person},
};

/* ---- what both ends need */

/* "//host" and "/\host" are other hosts to a browser, which also drops tabs and line ends. */
bool is_local_path(Str path)
{
    if (path.len == 0 || path.len > RETURN_MAX || path.ptr[0] != '/' ||
        (path.len > 1 && path.ptr[1] == '/')) {
        return false;
    }
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '\\') {
            return false;
        }
    }
    return true;
}

static Str browser_cookie(const Call *call)
{
    Str rest = call_header(call, "Cookie"), part;
    while (rest.ptr && str_split(&rest, ';', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR(BROWSER_COOKIE "="))) {
            Str value = str_from_index(part, sizeof(BROWSER_COOKIE));
            bool is_ours = str_starts(value, STR(BROWSER_PREFIX)) &&
                           value.len == sizeof(BROWSER_PREFIX) - 1 + SECRET_LEN;
            return is_ours ? value : STR_EMPTY;
        }
    }
    return STR_EMPTY;
}

static Str cookie_field(Arena *arena, Str value)
{
    return str_fmt(arena,
                   BROWSER_COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d",
                   STR_ARG(value), STATE_S);
}

static void go(Call *call, Str url)
{
    reply_empty(call, FOUND);
    reply_header(call, "Location", url);
    reply_header(call, "Cache-Control", STR("no-store"));
}

static Str on_page(Ctx *cx, Str path)
{
    return str_fmt(cx->arena, "%.*s%.*s", STR_ARG(cx->platform->base_url), STR_ARG(path));
}

static Rc find_provider(Ctx *cx, const Call *call, const Provider **ret)
{
    *ret = provider_find(call_path(call, "id"));
    return *ret ? RC_OK : fail(cx, RC_NOT_FOUND, "There is no such sign-in provider.");
}

/* ---- when it fails */

static Rc write_failure(ProviderCall *pc)
{
    Ctx *cx = pc->cx;
    Json *what = json_object(cx->arena);
    json_set_str(cx->arena, what, "reason", str_from(provider_failure_word(pc->failure)));
    json_set_str(cx->arena, what, "why", str_from(pc->why));
    cx->actor = (Actor){0};
    TRY(ctx_begin(cx));
    TRY(audit_write(cx, "auth.provider_sign_in_failed", "SignInProvider", pc->provider->id, NULL,
                    what));
    return ctx_commit(cx);
}

/* rc as it is when the fault is ours. */
static Rc finish_failed(ProviderCall *pc, Call *call, Rc rc)
{
    Ctx *cx = pc->cx;
    bool is_browser = str_find(call_header(call, "Accept"), STR("text/html")) != SIZE_MAX;
    Error told = cx->error;
    ctx_end(cx);
    if (pc->failure == PROVIDER_NONE) {
        return rc;
    }
    error_clear(&cx->error);
    TRY(write_failure(pc));
    log_info("identity.provider_sign_in_failed", F_STR("provider", pc->provider->id),
             F_CSTR("reason", provider_failure_word(pc->failure)), F_CSTR("why", pc->why),
             F_STR("request_id", cx->request_id));
    if (!is_browser) {
        cx->error = told;
        return rc;
    }
    go(call,
       on_page(cx, str_fmt(cx->arena, "/#sign-in-failed=%s", provider_failure_word(pc->failure))));
    return RC_OK;
}

/* ---- there */

static Str random_text(Ctx *cx)
{
    return token_new(cx->arena, "");
}

static Str verifier_context(Ctx *cx, Str id)
{
    return str_fmt(cx->arena, "sign_in_states.verifier.%.*s", STR_ARG(id));
}

static Rc
keep_state(ProviderCall *pc, const ProviderRoundTrip *trip, Str browser, Str return_to, Str user_id)
{
    Ctx *cx = pc->cx;
    Str id = token_hash(cx->arena, trip->state), sealed;
    TRY(secrets_seal(cx->platform->secrets, cx->arena, trip->verifier, verifier_context(cx, id),
                     &sealed, &cx->error));
    TRY(ctx_begin(cx));
    TRY(tx_exec(cx->tx, &identity_q_state_add,
                PARAMS(P_STR(id), P_STR(pc->provider->id), P_STR(token_hash(cx->arena, browser)),
                       P_STR(trip->nonce), P_STR(sealed), P_STR(return_to), P_STR_OR_NULL(user_id),
                       P_I64(time_now_us() + STATE_S * US_PER_SECOND)),
                NULL, &cx->error));
    return ctx_commit(cx);
}

/* user_id: who wants to link; "" to sign in. A cookie that is there serves other tabs, too. */
static Rc begin(ProviderCall *pc, Call *call, Str return_to, Str user_id, Str *ret_url)
{
    Ctx *cx = pc->cx;
    ProviderRoundTrip trip = {random_text(cx), random_text(cx), random_text(cx)};
    Str browser = browser_cookie(call);
    if (browser.len == 0) {
        browser = token_new(cx->arena, BROWSER_PREFIX);
    }
    TRY(kinds[pc->provider->kind].authorize(pc, &trip, ret_url));
    TRY(keep_state(pc, &trip, browser, return_to, user_id));
    reply_header(call, "Set-Cookie", cookie_field(cx->arena, browser));
    return RC_OK;
}

Rc auth_providers_start(Ctx *cx, Call *call)
{
    const Provider *provider;
    Str url;
    TRY(find_provider(cx, call, &provider));
    Str return_to = call_has_query(call, "return_to") ? call_query(call, "return_to") : STR("/");
    if (!is_local_path(return_to)) {
        return fail(cx, RC_MALFORMED, "return_to must be a path of this server, such as /catalog.");
    }
    ProviderCall pc = provider_call(cx, provider);
    Rc rc = begin(&pc, call, return_to, STR_EMPTY, &url);
    if (rc != RC_OK) {
        return finish_failed(&pc, call, rc);
    }
    go(call, url);
    return RC_OK;
}

static Rc check_recent(Ctx *cx)
{
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = factors_need_recent(cx);
    ctx_end(cx);
    return rc;
}

/* Not by a GET: a page of another site could send the browser there, to come back as its owner. */
Rc auth_identities_link(Ctx *cx, Call *call)
{
    Json *answer = json_object(cx->arena);
    const Provider *provider = provider_find(json_str_at(call->body, "provider"));
    Str return_to = json_str_at(call->body, "return_to"), user_id = cx->actor.id, url;
    if (cx->actor.kind != ACTOR_USER || cx->actor.session_id.len == 0) {
        return fail(cx, RC_DENIED, "Sign in to link an account; an API key may not.");
    }
    TRY(check_recent(cx));
    if (!provider) {
        return fail_field(cx, STR("/provider"), "is no sign-in provider");
    }
    return_to = return_to.len ? return_to : STR("/");
    if (!is_local_path(return_to)) {
        return fail_field(cx, STR("/return_to"), "must be a path of this server, such as /catalog");
    }
    ProviderCall pc = provider_call(cx, provider);
    TRY(begin(&pc, call, return_to, user_id, &url));
    json_set_str(cx->arena, answer, "url", url);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- and back */

typedef struct Return {
    ProviderRoundTrip trip;
    Str return_to, user_id;
} Return;

static Rc read_state(ProviderCall *pc, Str id, Str browser, Return *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Ctx *cx = pc->cx;
    TRY(tx_query(cx->tx, &identity_q_state_take,
                 PARAMS(P_STR(id), P_STR(pc->provider->id), P_STR(token_hash(cx->arena, browser)),
                        P_I64(time_now_us())),
                 &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    Str sealed = rows_dup(rows, 1, cx->arena);
    ret->trip.nonce = rows_dup(rows, 0, cx->arena);
    ret->return_to = rows_dup(rows, 2, cx->arena);
    ret->user_id = rows_dup(rows, 3, cx->arena);
    return secrets_open(cx->platform->secrets, cx->arena, sealed, verifier_context(cx, id),
                        &ret->trip.verifier, &cx->error);
}

/* It is gone for good before anything else is looked at: of callers with the same state one goes
 * on. */
static Rc take_state(ProviderCall *pc, const Call *call, Return *ret)
{
    Ctx *cx = pc->cx;
    Str state = call_query(call, "state"), browser = browser_cookie(call);
    if (state.len == 0 || browser.len == 0) {
        return provider_fail(pc, PROVIDER_EXPIRED, "no state, or no cookie");
    }
    TRY(ctx_begin(cx));
    Rc rc = read_state(pc, token_hash(cx->arena, state), browser, ret);
    if (rc == RC_NOT_FOUND) {
        ctx_end(cx);
        return provider_fail(pc, PROVIDER_EXPIRED, "no such state for this browser and provider");
    }
    TRY(rc);
    ret->trip.state = state;
    return ctx_commit(cx);
}

static Rc check_answer(ProviderCall *pc, const Call *call, Str *ret_code)
{
    Str error = call_query(call, "error");
    if (pc->provider->kind == PROVIDER_OIDC) {
        TRY(oidc_check_issuer(pc, call_has_query(call, "iss"), call_query(call, "iss")));
    }
    if (error.len > 0) {
        bool is_cancelled = str_is(error, "access_denied");
        return provider_fail(pc, is_cancelled ? PROVIDER_CANCELLED : PROVIDER_REFUSED,
                             is_cancelled ? "access_denied" : "the provider answered an error");
    }
    *ret_code = call_query(call, "code");
    return ret_code->len > 0 ? RC_OK : provider_fail(pc, PROVIDER_REFUSED, "no code");
}

static Rc write_sign_in(ProviderCall *pc, const ProviderPerson *person, Str user_id)
{
    Ctx *cx = pc->cx;
    Json *what = json_object(cx->arena);
    json_set_str(cx->arena, what, "provider", pc->provider->id);
    json_set_str(cx->arena, what, "issuer", person->issuer);
    json_set_str(cx->arena, what, "subject", person->subject);
    return audit_write(cx, "auth.provider_sign_in", "User", user_id, NULL, what);
}

/* What follows from the provider's word is done by the system in its name. */
static Rc sign_in(ProviderCall *pc, Call *call, const ProviderPerson *person)
{
    Ctx *cx = pc->cx;
    Str user_id, name;
    Json *by_cookie = json_object(cx->arena);
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    cx->actor = (Actor){.kind = ACTOR_SYSTEM,
                        .name = str_fmt(cx->arena, "provider:%.*s", STR_ARG(pc->provider->id))};
    TRY(provider_user(pc, person, &user_id, &name));
    TRY(provider_sync_teams(pc, person, user_id));
    json_set_c(cx->arena, by_cookie, "cookie", json_bool_new(cx->arena, true));
    call->body = by_cookie;
    TRY(session_start(cx, call, user_id, name));
    TRY(write_sign_in(pc, person, user_id));
    return ctx_commit(cx);
}

/* Whoever began has not signed out since, and nobody has ended their sessions. */
static Rc check_session(ProviderCall *pc, const Call *call, Str user_id)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Ctx *cx = pc->cx;
    Str hash = token_hash(cx->arena, session_cookie(call));
    TRY(tx_query(cx->tx, &identity_q_session_by_cookie, PARAMS(P_STR(hash)), &rows, &cx->error));
    bool is_there = rows_next(rows) && str_eq(rows_str(rows, 1), user_id) &&
                    MIN(rows_i64(rows, 3), rows_i64(rows, 4)) > time_now_us();
    if (is_there) {
        cx->actor = (Actor){.kind = ACTOR_USER,
                            .id = user_id,
                            .name = rows_dup(rows, 2, cx->arena),
                            .session_id = rows_dup(rows, 0, cx->arena)};
    }
    TRY(rows_error(rows, &cx->error));
    return is_there ? RC_OK : provider_fail(pc, PROVIDER_EXPIRED, "no session to link to");
}

static Rc link_account(ProviderCall *pc, Call *call, const ProviderPerson *person, Str user_id)
{
    Ctx *cx = pc->cx;
    TRY(ctx_begin(cx));
    TRY(check_session(pc, call, user_id));
    TRY(provider_link(pc, person, user_id));
    return ctx_commit(cx);
}

static Rc come_back(ProviderCall *pc, Call *call, Return *back)
{
    ProviderPerson person;
    Str code;
    TRY(take_state(pc, call, back));
    TRY(check_answer(pc, call, &code));
    TRY(kinds[pc->provider->kind].person(pc, &back->trip, code, &person));
    return back->user_id.len > 0 ? link_account(pc, call, &person, back->user_id)
                                 : sign_in(pc, call, &person);
}

Rc auth_providers_callback(Ctx *cx, Call *call)
{
    const Provider *provider;
    Return back = {0};
    TRY(find_provider(cx, call, &provider));
    ProviderCall pc = provider_call(cx, provider);
    Rc rc = come_back(&pc, call, &back);
    if (rc != RC_OK) {
        return finish_failed(&pc, call, rc);
    }
    go(call, on_page(cx, back.return_to));
    return RC_OK;
}

Rc auth_providers_list(Ctx *cx, Call *call)
{
    Json *page = json_object(cx->arena), *items = json_array(cx->arena);
    size_t n;
    const Provider *all = providers_all(&n);
    for (size_t i = 0; i < n; i++) {
        Json *item = json_object(cx->arena);
        json_set_str(cx->arena, item, "id", all[i].id);
        json_set_str(cx->arena, item, "title", all[i].title);
        json_set_str(cx->arena, item, "kind", str_from(provider_kind_name(all[i].kind)));
        json_push(cx->arena, items, item);
    }
    json_set_c(cx->arena, page, "items", items);
    reply_json_tree(cx, call, 200, page);
    return RC_OK;
}
