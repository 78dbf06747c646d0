/* SPDX-License-Identifier: Apache-2.0
 * Who is calling. What costs nothing comes first: the form of what was shown, a key's checksum, a
 * token's signature; then memory; then one indexed read. */
#include "base/log.h"

#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"
#include "platform/settings/settings.h"

typedef enum CredentialKind { BY_TOKEN, BY_KEY, BY_COOKIE, BY_CERTIFICATE } CredentialKind;
typedef struct Credential {
    CredentialKind kind;
    Str text;
    uint8_t hash[SHA256_SIZE];
} Credential;

static Rc refuse(Ctx *cx)
{
    return fail(cx, RC_UNAUTH,
                "The credentials are missing or not valid any more; sign in, or give an API key.");
}

/* ---- what was shown */

static Str bearer(Str header)
{
    size_t space = MIN(str_find_char(header, ' '), header.len);
    bool is_bearer = str_eq_nocase(str_sub(header, 0, space), STR("Bearer"));
    return is_bearer ? str_trim(str_from_index(header, space + 1)) : STR_EMPTY;
}

Str session_cookie(const Call *call)
{
    Str rest = call_header(call, "Cookie"), part;
    while (rest.ptr && str_split(&rest, ';', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR(SESSION_COOKIE "="))) {
            return str_from_index(part, sizeof(SESSION_COOKIE));
        }
    }
    return STR_EMPTY;
}

/* "URI:spiffe://example.org/ci=ci, CN=robot=robot": the account of the first name of the
 * certificate that is listed; "" none. */
static Str account_of_names(Str map, Str names)
{
    Str name, entry;
    while (names.len > 0 && str_split(&names, '\n', &name)) {
        Str rest = map;
        while (rest.len > 0 && str_split(&rest, ',', &entry)) {
            entry = str_trim(entry);
            size_t equals = str_rfind_char(entry, '=');
            if (equals != SIZE_MAX && str_eq(str_trim(str_sub(entry, 0, equals)), name)) {
                return str_trim(str_from_index(entry, equals + 1));
            }
        }
    }
    return STR_EMPTY;
}

/* What the connection shows counts when the request shows nothing. */
static bool read_certificate(const Ctx *cx, const Call *call, Credential *ret)
{
    Str names = call->http ? http_client_names(call->http) : STR_EMPTY;
    if (names.len == 0) {
        return false;
    }
    ret->kind = BY_CERTIFICATE;
    ret->text =
        account_of_names(settings_str(cx->platform->settings, "auth.client_certificates"), names);
    if (ret->text.len == 0) {
        return false;
    }
    sha256(str_fmt(cx->arena, "certificate of %.*s", STR_ARG(ret->text)), ret->hash);
    return true;
}

static bool read_credential(const Ctx *cx, const Call *call, Credential *ret)
{
    Str header = call_header(call, "Authorization");
    if (header.len > 0) {
        ret->text = bearer(header);
        ret->kind = str_starts(ret->text, STR("fwk_")) ? BY_KEY : BY_TOKEN;
    } else {
        ret->text = session_cookie(call);
        ret->kind = BY_COOKIE;
    }
    if (header.len == 0 && ret->text.len == 0) {
        return read_certificate(cx, call, ret);
    }
    if (ret->text.len == 0 || ret->text.len > JWT_MAX ||
        (ret->kind == BY_KEY && !api_key_is_wellformed(ret->text))) {
        return false;
    }
    sha256(ret->text, ret->hash);
    return true;
}

/* ---- pages of other sites (CSRF): a browser sends the cookie along, whoever asks */

static Str without_scheme(Str url)
{
    size_t at = str_find(url, STR("://"));
    return at == SIZE_MAX ? STR_EMPTY : str_from_index(url, at + 3);
}

static bool is_own_page(const Ctx *cx, const Call *call)
{
    Str site = call_header(call, "Sec-Fetch-Site"), origin = call_header(call, "Origin");
    if (site.len > 0) {
        return str_is(site, "same-origin") || str_is(site, "none");
    }
    Str host = without_scheme(origin);
    return host.len > 0 && (str_eq(origin, cx->platform->base_url) ||
                            str_eq_nocase(host, call_header(call, "Host")));
}

static Rc check_page(Ctx *cx, const Call *call, const Credential *c)
{
    HttpMethod method = call->op->method;
    if (c->kind == BY_TOKEN || c->kind == BY_KEY || method == HTTP_GET || method == HTTP_HEAD) {
        return RC_OK;
    }
    if (c->kind == BY_CERTIFICATE) { /* browsers show theirs to whoever asks, too; programs say
                                        nothing of pages */
        bool is_program =
            call_header(call, "Sec-Fetch-Site").len == 0 && call_header(call, "Origin").len == 0;
        return is_program || is_own_page(cx, call)
                   ? RC_OK
                   : fail(cx, RC_DENIED, "A page of another site may not do this.");
    }
    if (!is_own_page(cx, call)) {
        return fail(cx, RC_DENIED, "A page of another site may not do this.");
    }
    if (!str_eq_secret(call_header(call, CSRF_HEADER), csrf_token(cx->arena, c->text))) {
        return fail(cx, RC_DENIED,
                    "With a session cookie the header " CSRF_HEADER
                    " is needed; its value is the csrf_token of GET /api/auth/me.");
    }
    return RC_OK;
}

/* ---- the database */

static Rc read_session(Ctx *cx, const Query *query, Str key, Decision *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(key)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = (Decision){
        .actor = {.kind = ACTOR_USER,
                  .id = rows_dup(rows, 1, cx->arena),
                  .name = rows_dup(rows, 2, cx->arena),
                  .session_id = rows_dup(rows, 0, cx->arena)},
        .is_limited = rows_i64(rows, 5) != 0,
        .expires_us = MIN(rows_i64(rows, 3), rows_i64(rows, 4)),
    };
    return RC_OK;
}

/* What a key has of its own; 0 without. */
static int64_t rate_of(const Json *rate, const char *member)
{
    int64_t n = 0;
    return json_to_i64(json_get_c(rate, member), &n) ? n : 0;
}

static Rc read_key(Ctx *cx, Str hash, Decision *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *scopes = NULL, *rate = NULL;
    TRY(tx_query(cx->tx, &identity_q_api_key_by_hash, PARAMS(P_STR(hash)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    bool is_user = !rows_is_null(rows, 4), is_service = !rows_is_null(rows, 6);
    if (!is_user && !is_service) {
        return RC_NOT_FOUND;
    }
    TRY(json_parse(cx->arena, rows_str(rows, 1), NULL, &scopes, &cx->error));
    if (!rows_is_null(rows, 8)) {
        TRY(json_parse(cx->arena, rows_str(rows, 8), NULL, &rate, &cx->error));
    }
    int64_t expires = rows_i64(rows, 2);
    *ret = (Decision){
        .actor = {.kind = is_user ? ACTOR_USER : ACTOR_SERVICE,
                  .id = rows_dup(rows, is_user ? 4 : 6, cx->arena),
                  .name = rows_dup(rows, is_user ? 5 : 7, cx->arena),
                  .key_id = rows_dup(rows, 0, cx->arena),
                  .key_per_minute = rate_of(rate, "per_minute"),
                  .key_burst = rate_of(rate, "burst")},
        .scopes = scopes,
        .expires_us = rows_is_null(rows, 3) ? expires : MIN(expires, rows_i64(rows, 3)),
    };
    return RC_OK;
}

static Rc read_account(Ctx *cx, Str name, Decision *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &identity_q_service_account_by_name, PARAMS(P_STR(name)), &rows,
                 &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    *ret = (Decision){
        .actor = {.kind = ACTOR_SERVICE,
                  .id = rows_dup(rows, 0, cx->arena),
                  .name = rows_dup(rows, 1, cx->arena)},
        .expires_us = INT64_MAX
    };
    return RC_OK;
}

static Rc read_decision(Ctx *cx, const Credential *c, const JwtClaims *claims, Decision *ret)
{
    if (c->kind == BY_TOKEN) {
        TRY(read_session(cx, &identity_q_session_by_id, claims->session, ret));
        ret->expires_us = MIN(ret->expires_us, (claims->expires_s + JWT_LEEWAY_S) * US_PER_SECOND);
        return str_eq(ret->actor.id, claims->subject) ? RC_OK : RC_NOT_FOUND;
    }
    if (c->kind == BY_CERTIFICATE) {
        return read_account(cx, c->text, ret);
    }
    Str hash = token_hash(cx->arena, c->text);
    return c->kind == BY_KEY ? read_key(cx, hash, ret)
                             : read_session(cx, &identity_q_session_by_cookie, hash, ret);
}

/* ---- */

static Rc check_token(Ctx *cx, Str token, JwtClaims *ret)
{
    EVP_PKEY *key = NULL;
    Str kid = jwt_kid(cx->arena, token);
    if (kid.len == 0) {
        return refuse(cx);
    }
    TRY(keys_find(cx, kid, &key));
    if (!key) {
        return refuse(cx);
    }
    const char *why = jwt_verify(cx->arena, key, token, identity_issuer(cx->platform),
                                 time_now_us() / US_PER_SECOND, ret);
    EVP_PKEY_free(key);
    if (why) {
        log_debug("identity.token_refused", F_CSTR("why", why),
                  F_STR("request_id", cx->request_id));
    }
    return why ? refuse(cx) : RC_OK;
}

/* The read scope is ended again: a handler may want another kind. */
static Rc ask_database(Ctx *cx, const Credential *c, const JwtClaims *claims, Decision *ret)
{
    TRY(cx->on_io_thread ? ctx_read(cx) : ctx_read_primary(cx));
    Rc rc = read_decision(cx, c, claims, ret);
    ctx_end(cx);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && ret->expires_us <= time_now_us())) {
        return refuse(cx);
    }
    return rc;
}

static Rc decide(Ctx *cx, const Credential *c, Decision *ret)
{
    JwtClaims claims = {0};
    if (decisions_get(cx->arena, c->hash, ret)) {
        return RC_OK;
    }
    uint64_t generation = decisions_generation();
    if (c->kind == BY_TOKEN) {
        TRY(check_token(cx, c->text, &claims));
    }
    TRY(ask_database(cx, c, &claims, ret));
    decisions_put(c->hash, generation, ret);
    return RC_OK;
}

static bool part_allows(Str pattern, Str value)
{
    return str_is(pattern, "*") || str_eq(pattern, value);
}

bool identity_scopes_allow(const Json *scopes, Str action, Str on)
{
    if (str_is(on, "Self") && str_is(action, "read")) {
        return true; /* any key may ask whose it is */
    }
    for (uint32_t i = 0; json_is(scopes, JSON_ARRAY) && i < scopes->n; i++) {
        Str scope = json_str(scopes->items[i]);
        size_t colon = str_find_char(scope, ':');
        if (colon != SIZE_MAX && part_allows(str_sub(scope, 0, colon), on) &&
            part_allows(str_from_index(scope, colon + 1), action)) {
            return true;
        }
    }
    return false;
}

Rc identity_authenticate(Ctx *cx, const Call *call)
{
    Credential credential = {0};
    Decision decision;
    if (call->op->public_ || !read_credential(cx, call, &credential)) {
        return refuse(cx);
    }
    TRY(decide(cx, &credential, &decision));
    cx->actor = decision.actor;
    TRY(check_page(cx, call, &credential));
    decisions_used(credential.hash, &decision);
    if (decision.is_limited && !str_is(call->op->on, "Self")) {
        return fail(cx, RC_DENIED,
                    "A second factor is required here: set one up first (POST /api/auth/totp, or a "
                    "passkey).");
    }
    if (decision.scopes &&
        !identity_scopes_allow(decision.scopes, call->op->action, call->op->on)) {
        return fail(cx, RC_DENIED, "The scopes of the API key do not reach %.*s:%.*s.",
                    STR_ARG(call->op->on), STR_ARG(call->op->action));
    }
    return RC_OK;
}
