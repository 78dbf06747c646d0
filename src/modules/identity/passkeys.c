/* SPDX-License-Identifier: Apache-2.0
 * One's passkeys: adding, listing, renaming, removing; and whether what a browser shows is signed
 * by one of them. */
#include "base/buf.h"
#include "base/id.h"
#include "base/log.h"

#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "modules/identity/factors_priv.h"
#include "platform/audit/audit.h"

enum { NAME_MAX_BYTES = 400, TRANSPORTS_MAX = 8 };

static Str base64url(Arena *arena, Str bytes)
{
    Buf out = buf_init(arena, 2 * bytes.len + 8);
    buf_base64url(&out, bytes);
    return buf_str(&out);
}

/* "" when it is none. */
static Str bytes_at(Arena *arena, const Json *object, const char *key)
{
    Str text = json_str_at(object, key);
    Buf out = buf_init(arena, text.len + 8);
    return text.len > 0 && buf_unbase64(&out, text) && buf_ok(&out) ? buf_str(&out) : STR_EMPTY;
}

/* ---- options for browsers */

Rc passkeys_party(Ctx *cx, WebauthnParty *ret)
{
    return webauthn_party(cx->arena, cx->platform->base_url, ret)
               ? RC_OK
               : fail(cx, RC_CONFLICT,
                      "Browsers make no passkeys for a server that is known by its address alone: "
                      "set server.base_url to a URL with a name.");
}

/* The credentials of a user, as browsers want to be told of them. */
static Rc read_credentials(Ctx *cx, Str user_id, Json **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *list = json_array(cx->arena);
    TRY(tx_query(cx->tx, &factors_q_passkey_credentials,
                 PARAMS(P_STR(user_id), P_I64(PASSKEYS_MAX)), &rows, &cx->error));
    while (rows_next(rows)) {
        Json *one = json_object(cx->arena), *transports = NULL;
        json_set_str(cx->arena, one, "type", STR("public-key"));
        json_set_str(cx->arena, one, "id", rows_str(rows, 0));
        TRY(json_parse(cx->arena, rows_str(rows, 1), NULL, &transports, &cx->error));
        json_set_c(cx->arena, one, "transports", transports);
        json_push(cx->arena, list, one);
    }
    *ret = list;
    return rows_error(rows, &cx->error);
}

Rc passkeys_request(Ctx *cx, Str user_id, Str challenge, Json **ret)
{
    WebauthnParty party;
    Json *options = json_object(cx->arena), *allowed = json_array(cx->arena);
    bool alone = user_id.len == 0; /* then it has to ask for PIN, finger or face */
    TRY(passkeys_party(cx, &party));
    if (!alone) {
        TRY(read_credentials(cx, user_id, &allowed));
    }
    json_set_str(cx->arena, options, "challenge", challenge);
    json_set_str(cx->arena, options, "rpId", party.id);
    json_set_c(cx->arena, options, "timeout", json_int(cx->arena, CHALLENGE_US / US_PER_MS));
    json_set_c(cx->arena, options, "allowCredentials", allowed);
    json_set_str(cx->arena, options, "userVerification",
                 alone ? STR("required") : STR("preferred"));
    *ret = options;
    return RC_OK;
}

static Json *algorithms(Arena *arena)
{
    Json *list = json_array(arena);
    for (size_t i = 0; i < ARRAY_LEN(webauthn_algorithms); i++) {
        Json *one = json_object(arena);
        json_set_str(arena, one, "type", STR("public-key"));
        json_set_c(arena, one, "alg", json_int(arena, webauthn_algorithms[i]));
        json_push(arena, list, one);
    }
    return list;
}

static Json *creation_options(Ctx *cx, const WebauthnParty *party, Str challenge, Json *exclude)
{
    Arena *a = cx->arena;
    Json *options = json_object(a), *rp = json_object(a), *user = json_object(a),
         *selection = json_object(a);
    json_set_str(a, rp, "id", party->id);
    json_set_str(a, rp, "name", STR("Fairway"));
    json_set_str(a, user, "id", base64url(a, cx->actor.id));
    json_set_str(a, user, "name", cx->actor.name);
    json_set_str(a, user, "displayName", cx->actor.name);
    json_set_str(a, selection, "residentKey", STR("preferred"));
    json_set_str(a, selection, "userVerification", STR("preferred"));
    json_set_c(a, options, "rp", rp);
    json_set_c(a, options, "user", user);
    json_set_str(a, options, "challenge", challenge);
    json_set_c(a, options, "pubKeyCredParams", algorithms(a));
    json_set_c(a, options, "timeout", json_int(a, CHALLENGE_US / US_PER_MS));
    json_set_c(a, options, "excludeCredentials", exclude);
    json_set_c(a, options, "authenticatorSelection", selection);
    json_set_str(a, options, "attestation", STR("none"));
    return options;
}

static Rc may_add(Ctx *cx, Factors *ret)
{
    TRY(factors_need_recent(cx));
    TRY(factors_read(cx, cx->actor.id, ret));
    return ret->passkeys < PASSKEYS_MAX
               ? RC_OK
               : fail(cx, RC_CONFLICT, "You have %d passkeys already; remove one first.",
                      PASSKEYS_MAX);
}

Rc auth_passkeys_options(Ctx *cx, Call *call)
{
    WebauthnParty party;
    Factors f;
    Challenge c;
    Json *exclude;
    TRY(factors_need_session(cx));
    TRY(passkeys_party(cx, &party));
    TRY(ctx_begin(cx));
    TRY(may_add(cx, &f));
    TRY(challenge_new(cx, "passkey_add", cx->actor.id, &c, NULL));
    TRY(read_credentials(cx, cx->actor.id, &exclude));
    TRY(ctx_commit(cx));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, creation_options(cx, &party, c.passkey_challenge, exclude));
    return RC_OK;
}

/* ---- adding */

Rc passkey_challenge(Ctx *cx, const Json *passkey, const char *purpose, Challenge *ret)
{
    Str client_data = bytes_at(cx->arena, json_get_c(passkey, "response"), "clientDataJSON");
    Str challenge = webauthn_challenge_of(cx->arena, client_data);
    *ret = (Challenge){.hash = token_hash(cx->arena, challenge)};
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = challenge_read(cx, purpose, ret);
    ctx_end(cx);
    if (rc == RC_NOT_FOUND) {
        error_clear(&cx->error);
        log_debug("identity.passkey_refused", F_CSTR("why", "no such challenge"),
                  F_STR("request_id", cx->request_id));
        return RC_UNAUTH;
    }
    return rc;
}

static bool is_transport(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '-' && (s.ptr[i] < 'a' || s.ptr[i] > 'z')) {
            return false;
        }
    }
    return s.len > 0;
}

static Str transports_of(Arena *arena, const Json *list)
{
    Json *kept = json_array(arena);
    for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n && kept->n < TRANSPORTS_MAX;
         i++) {
        if (is_transport(json_str(list->items[i]))) {
            json_push(arena, kept, list->items[i]);
        }
    }
    return json_to_str(arena, kept);
}

static Str uuid_of(Arena *arena, const uint8_t b[16])
{
    return str_fmt(arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                   b[13], b[14], b[15]);
}

static Json *passkey_json(Ctx *cx, Str id, Str name, bool is_synced, int64_t created, int64_t used)
{
    Json *one = json_object(cx->arena);
    json_set_str(cx->arena, one, "id", id);
    json_set_str(cx->arena, one, "name", name);
    json_set_c(cx->arena, one, "is_synced", json_bool_new(cx->arena, is_synced));
    json_set_str(cx->arena, one, "created_at", time_rfc3339_dup(cx->arena, created));
    if (used) {
        json_set_str(cx->arena, one, "last_used_at", time_rfc3339_dup(cx->arena, used));
    }
    return one;
}

static Rc add(Ctx *cx, const Call *call, const WebauthnCredential *made, Json **ret)
{
    Uuid uuid = uuid_v7();
    int64_t now = time_now_us();
    Str id = str_dup(cx->arena, uuid_str(&uuid)), name = json_str_at(call->body, "name");
    Json *transports = json_pointer(call->body, STR("/passkey/response/transports"));
    name = name.len ? name : STR("Passkey");
    Rc rc = tx_exec(
        cx->tx, &factors_q_passkey_add,
        PARAMS(P_STR(id), P_STR(cx->actor.id), P_STR(name), P_STR(base64url(cx->arena, made->id)),
               P_STR(base64url(cx->arena, made->public_key)), P_I64(made->sign_count),
               P_STR(uuid_of(cx->arena, made->aaguid)), P_STR(transports_of(cx->arena, transports)),
               P_BOOL(made->is_synced), P_I64(now)),
        NULL, &cx->error);
    if (rc == RC_CONFLICT) {
        return fail(cx, RC_CONFLICT, "This passkey is known already.");
    }
    *ret = passkey_json(cx, id, name, made->is_synced, now, 0);
    return rc;
}

static Rc check_new(Ctx *cx, const Json *passkey, Challenge *c, WebauthnCredential *ret)
{
    WebauthnParty party;
    const Json *response = json_get_c(passkey, "response");
    const char *why = "challenge";
    TRY(passkeys_party(cx, &party));
    Rc rc = passkey_challenge(cx, passkey, "passkey_add", c);
    if (rc == RC_OK && str_eq(c->user_id, cx->actor.id)) {
        why = webauthn_register(cx->arena, &party, c->passkey_challenge,
                                bytes_at(cx->arena, response, "clientDataJSON"),
                                bytes_at(cx->arena, response, "attestationObject"), ret);
    }
    if (rc != RC_OK && rc != RC_UNAUTH) {
        return rc;
    }
    return why ? fail_field(cx, STR("/passkey"), "was not accepted (%s); begin anew", why) : RC_OK;
}

Rc auth_passkeys_add(Ctx *cx, Call *call)
{
    Challenge c;
    WebauthnCredential made;
    Factors before;
    Json *answer = json_object(cx->arena), *passkey = NULL, *codes;
    TRY(factors_need_session(cx));
    TRY(check_new(cx, json_get_c(call->body, "passkey"), &c, &made));
    TRY(ctx_begin(cx));
    TRY(may_add(cx, &before));
    Rc rc = challenge_take(cx, &c);
    if (rc == RC_NOT_FOUND) {
        return fail_field(cx, STR("/passkey"), "was not accepted (challenge); begin anew");
    }
    TRY(rc);
    TRY(add(cx, call, &made, &passkey));
    TRY(recovery_codes_first(cx, cx->actor.id, &before, &codes));
    TRY(factors_changed(cx, "auth.passkey_added", passkey));
    TRY(ctx_commit(cx));
    json_set_c(cx->arena, answer, "passkey", passkey);
    json_set_c(cx->arena, answer, "recovery_codes", codes);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

/* ---- those that there are */

static Json *row_json(Ctx *cx, Rows *rows)
{
    return passkey_json(cx, rows_str(rows, 0), rows_str(rows, 1), rows_i64(rows, 2) != 0,
                        rows_i64(rows, 3), rows_is_null(rows, 4) ? 0 : rows_i64(rows, 4));
}

Rc auth_passkeys_list(Ctx *cx, Call *call)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *page = json_object(cx->arena), *items = json_array(cx->arena);
    TRY(factors_need_session(cx));
    TRY(ctx_read(cx));
    TRY(tx_query(cx->tx, &factors_q_passkeys_list, PARAMS(P_STR(cx->actor.id), P_I64(PASSKEYS_MAX)),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        json_push(cx->arena, items, row_json(cx, rows));
    }
    TRY(rows_error(rows, &cx->error));
    json_set_c(cx->arena, page, "items", items);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, page);
    return RC_OK;
}

/* One's own, in cx's open scope. */
static Rc read_own(Ctx *cx, Str id, Json **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &factors_q_passkey_read, PARAMS(P_STR(cx->actor.id), P_STR(id)), &rows,
                 &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return fail(cx, RC_NOT_FOUND, "You have no such passkey.");
    }
    *ret = row_json(cx, rows);
    return RC_OK;
}

/* A name guards nothing: no recent sign-in is needed. */
Rc auth_passkeys_rename(Ctx *cx, Call *call)
{
    Json *before, *after;
    Str id = str_lower(cx->arena, call_path(call, "id"));
    TRY(factors_need_session(cx));
    TRY(ctx_begin(cx));
    TRY(read_own(cx, id, &before));
    TRY(tx_exec(cx->tx, &factors_q_passkey_rename,
                PARAMS(P_STR(cx->actor.id), P_STR(id), P_STR(json_str_at(call->body, "name"))),
                NULL, &cx->error));
    TRY(read_own(cx, id, &after));
    TRY(audit_write(cx, "auth.passkey_renamed", "User", cx->actor.id, before, after));
    TRY(ctx_commit(cx));
    reply_json_tree(cx, call, 200, after);
    return RC_OK;
}

Rc auth_passkeys_remove(Ctx *cx, Call *call)
{
    Factors before;
    Json *passkey;
    Str id = str_lower(cx->arena, call_path(call, "id"));
    TRY(factors_need_session(cx));
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(factors_read(cx, cx->actor.id, &before));
    TRY(read_own(cx, id, &passkey));
    TRY(factors_may_remove(cx, &before));
    TRY(tx_exec(cx->tx, &factors_q_passkey_remove, PARAMS(P_STR(cx->actor.id), P_STR(id)), NULL,
                &cx->error));
    TRY(factors_removed(cx));
    TRY(factors_changed(cx, "auth.passkey_removed", passkey));
    TRY(ctx_commit(cx));
    reply_empty(call, 204);
    return RC_OK;
}

/* ---- signing in with one */

typedef struct Known {
    Str public_key; /* bytes */
    PasskeyProof proof;
} Known;

/* RC_NOT_FOUND: nobody has it who may sign in. */
static Rc read_known(Ctx *cx, Str credential_id, Known *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &factors_q_passkey_by_credential, PARAMS(P_STR(credential_id)), &rows,
                 &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return RC_NOT_FOUND;
    }
    Buf key = buf_init(cx->arena, 4 * KIB);
    if (!buf_unbase64(&key, rows_str(rows, 1)) || !buf_ok(&key)) {
        return fail(cx, RC_INTERNAL, "The public key of a passkey is damaged.");
    }
    ret->public_key = buf_str(&key);
    ret->proof = (PasskeyProof){.id = rows_dup(rows, 0, cx->arena),
                                .user_id = rows_dup(rows, 2, cx->arena),
                                .user_name = rows_dup(rows, 3, cx->arena)};
    return RC_OK;
}

static const char *
check_known(Ctx *cx, const Json *response, Str challenge, bool alone, Known *known)
{
    WebauthnParty party;
    const WebauthnAssertion shown = {
        .client_data = bytes_at(cx->arena, response, "clientDataJSON"),
        .auth_data = bytes_at(cx->arena, response, "authenticatorData"),
        .signature = bytes_at(cx->arena, response, "signature"),
    };
    Str handle = bytes_at(cx->arena, response, "userHandle");
    if (!webauthn_party(cx->arena, cx->platform->base_url, &party)) {
        return "no party";
    }
    if ((alone || handle.len > 0) && !str_eq(handle, known->proof.user_id)) {
        return "user handle";
    }
    const char *why =
        webauthn_assert(cx->arena, &party, challenge, known->public_key, &shown, &known->proof.use);
    return why || !alone || known->proof.use.is_verified ? why : "the user was not verified";
}

Rc passkey_check(Ctx *cx, const Json *passkey, Str challenge, bool alone, PasskeyProof *ret)
{
    Known known = {0};
    const char *why = "unknown";
    Str id = base64url(cx->arena, bytes_at(cx->arena, passkey, "id"));
    ctx_end(cx);
    TRY(ctx_read_primary(cx));
    Rc rc = read_known(cx, id, &known);
    ctx_end(cx);
    if (rc == RC_OK) {
        why = check_known(cx, json_get_c(passkey, "response"), challenge, alone, &known);
    } else if (rc != RC_NOT_FOUND) {
        return rc;
    }
    if (why) {
        error_clear(&cx->error);
        log_debug("identity.passkey_refused", F_CSTR("why", why),
                  F_STR("request_id", cx->request_id));
        return RC_UNAUTH;
    }
    *ret = known.proof;
    return RC_OK;
}

Rc passkey_use(Ctx *cx, const PasskeyProof *proof)
{
    int64_t changed = 0;
    TRY(tx_exec(cx->tx, &factors_q_passkey_use,
                PARAMS(P_STR(proof->id), P_I64(proof->use.sign_count), P_BOOL(proof->use.is_synced),
                       P_I64(time_now_us())),
                &changed, &cx->error));
    if (changed == 1) {
        return RC_OK;
    }
    Json *what = json_object(cx->arena);
    json_set_str(cx->arena, what, "passkey_id", proof->id);
    json_set_c(cx->arena, what, "sign_count", json_int(cx->arena, proof->use.sign_count));
    TRY(audit_write(cx, "auth.passkey_copied", "User", proof->user_id, NULL, what));
    log_warn("identity.passkey_copied", F_STR("passkey", proof->id), F_STR("user", proof->user_id));
    return RC_UNAUTH;
}

static Rc refuse_sign_in(Ctx *cx)
{
    return fail(cx, RC_UNAUTH,
                "The passkey was not accepted: it is not known here, or this took too long.");
}

/* Written down like a wrong password, of a credential that nobody has too. */
static Rc note_refused(Ctx *cx, const Json *passkey)
{
    Str id = token_hash(cx->arena, json_str_at(passkey, "id"));
    TRY(ctx_begin(cx));
    TRY(audit_write(cx, "auth.sign_in_failed", "Passkey", id, NULL, NULL));
    TRY(ctx_commit(cx));
    return refuse_sign_in(cx);
}

Rc auth_passkey_sign_in_options(Ctx *cx, Call *call)
{
    Challenge c;
    Json *options;
    TRY(ctx_begin(cx));
    TRY(challenge_new(cx, "passkey_sign_in", STR_EMPTY, &c, NULL));
    TRY(passkeys_request(cx, STR_EMPTY, c.passkey_challenge, &options));
    TRY(ctx_commit(cx));
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, options);
    return RC_OK;
}

static Rc begin_session(Ctx *cx, Call *call, const Challenge *c, const PasskeyProof *proof)
{
    Json *what = json_object(cx->arena);
    Rc rc = challenge_take(cx, c);
    if (rc == RC_NOT_FOUND) {
        return refuse_sign_in(cx);
    }
    TRY(rc);
    rc = passkey_use(cx, proof);
    if (rc == RC_UNAUTH) {
        TRY(ctx_commit(cx));
        return refuse_sign_in(cx);
    }
    TRY(rc);
    cx->actor = (Actor){.kind = ACTOR_USER, .id = proof->user_id, .name = proof->user_name};
    json_set_str(cx->arena, what, "by", STR("passkey"));
    TRY(audit_write(cx, "auth.second_factor_passed", "User", proof->user_id, NULL, what));
    TRY(session_start(cx, call, proof->user_id, proof->user_name));
    return ctx_commit(cx);
}

Rc auth_passkey_sign_in_finish(Ctx *cx, Call *call)
{
    Challenge c;
    PasskeyProof proof;
    const Json *passkey = json_get_c(call->body, "passkey");
    Rc rc = passkey_challenge(cx, passkey, "passkey_sign_in", &c);
    if (rc == RC_OK) {
        rc = passkey_check(cx, passkey, c.passkey_challenge, true, &proof);
    }
    if (rc == RC_UNAUTH) {
        return note_refused(cx, passkey);
    }
    TRY(rc);
    TRY(keys_ensure(cx));
    TRY(ctx_begin(cx));
    return begin_session(cx, call, &c, &proof);
}
