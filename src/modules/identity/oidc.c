/* SPDX-License-Identifier: Apache-2.0
 * OpenID Connect with the authorization code flow and PKCE.
 *
 * The metadata and the keys of a provider are kept in memory for an hour. A token with a key that
 * is not among them has the keys asked for anew, at most once a minute, so that a provider may
 * change them and nobody can make us ask all the time. */
#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"

#include "modules/identity/jws.h"
#include "modules/identity/providers.h"

#include <stdlib.h>

#define KEEP_US US_PER_HOUR
#define REFETCH_EVERY_US US_PER_MINUTE
enum { GROUP_MAX = 255, CODE_MAX = 4096 };

typedef struct Kept {
    char *text;      /* NULL: nothing */
    int64_t read_us; /* monotonic */
} Kept;
typedef struct Memory {
    Kept metadata, keys;
    int64_t refetched_us; /* for a key that was not there; monotonic */
} Memory;

static Mutex lock = MUTEX_INIT; /* guards what follows */
static Memory memories[PROVIDERS_MAX] GUARDED_BY(lock);

typedef struct Metadata {
    Str issuer, authorize, token, userinfo, keys;
    bool announces_iss, wants_secret_in_body;
} Metadata;

/* ---- memory */

void oidc_forget(void)
{
    mutex_lock(&lock);
    for (size_t i = 0; i < PROVIDERS_MAX; i++) {
        free(memories[i].metadata.text);
        free(memories[i].keys.text);
        memories[i] = (Memory){0};
    }
    mutex_unlock(&lock);
}

static Str recall(Arena *arena, const Kept *kept) REQUIRES(lock);
static Str recall(Arena *arena, const Kept *kept)
{
    bool is_fresh = kept->text && time_monotonic_us() - kept->read_us < KEEP_US;
    return is_fresh ? str_dup(arena, str_from(kept->text)) : STR_EMPTY;
}

static void keep(Kept *kept, Str text) REQUIRES(lock);
static void keep(Kept *kept, Str text)
{
    char *copy = malloc(text.len + 1);
    ASSERT(copy);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    free(kept->text);
    *kept = (Kept){copy, time_monotonic_us()};
}

/* ---- metadata */

static bool lists(const Json *array, const char *word)
{
    for (uint32_t i = 0; json_is(array, JSON_ARRAY) && i < array->n; i++) {
        if (str_is(json_str(array->items[i]), word)) {
            return true;
        }
    }
    return false;
}

static bool is_our_issuer(const Provider *p, Str issuer)
{
    Str bare = issuer;
    if (p->slash_is_free && str_ends(bare, STR("/"))) {
        bare.len--;
    }
    return str_eq(bare, p->issuer);
}

static Rc read_metadata(ProviderCall *pc, const Json *v, Metadata *ret)
{
    Settings *settings = pc->cx->platform->settings;
    const Json *methods = json_get_c(v, "token_endpoint_auth_methods_supported");
    Metadata m = {
        .issuer = json_str_at(v, "issuer"),
        .authorize = json_str_at(v, "authorization_endpoint"),
        .token = json_str_at(v, "token_endpoint"),
        .userinfo = json_str_at(v, "userinfo_endpoint"),
        .keys = json_str_at(v, "jwks_uri"),
        .announces_iss =
            json_bool(json_get_c(v, "authorization_response_iss_parameter_supported"), false),
        .wants_secret_in_body =
            lists(methods, "client_secret_post") && !lists(methods, "client_secret_basic"),
    };
    if (!is_our_issuer(pc->provider, m.issuer)) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "metadata of another issuer");
    }
    const Str wanted[] = {m.authorize, m.token, m.keys};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!provider_url_is_usable(settings, wanted[i])) {
            return provider_fail(pc, PROVIDER_UNTRUSTED, "metadata without usable addresses");
        }
    }
    *ret = m;
    return RC_OK;
}

static Rc metadata_of(ProviderCall *pc, Metadata *ret)
{
    Arena *arena = pc->cx->arena;
    Memory *memory = &memories[pc->provider->index];
    Json *v;
    mutex_lock(&lock);
    Str text = recall(arena, &memory->metadata);
    mutex_unlock(&lock);
    if (text.len > 0) {
        v = provider_json(arena, text);
        return read_metadata(pc, v, ret);
    }
    ProviderRequest request = {.method = HTTP_GET, .url = pc->provider->metadata_url};
    TRY(provider_fetch_json(pc, &request, &v));
    TRY(read_metadata(pc, v, ret));
    mutex_lock(&lock);
    keep(&memory->metadata, json_to_str(arena, v));
    mutex_unlock(&lock);
    return RC_OK;
}

/* ---- keys */

static Rc fetch_keys(ProviderCall *pc, Str url, const Json **ret)
{
    Memory *memory = &memories[pc->provider->index];
    ProviderRequest request = {.method = HTTP_GET, .url = url};
    Json *v;
    TRY(provider_fetch_json(pc, &request, &v));
    Str text = json_to_str(pc->cx->arena, v);
    *ret = jwks_parse(pc->cx->arena, text);
    if (!*ret) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "a key set that is none");
    }
    mutex_lock(&lock);
    keep(&memory->keys, text);
    mutex_unlock(&lock);
    return RC_OK;
}

static bool may_refetch(const Provider *p)
{
    Memory *memory = &memories[p->index];
    int64_t now = time_monotonic_us();
    mutex_lock(&lock);
    bool may = memory->refetched_us == 0 || now - memory->refetched_us >= REFETCH_EVERY_US;
    if (may) {
        memory->refetched_us = now;
    }
    mutex_unlock(&lock);
    return may;
}

static Rc key_of(ProviderCall *pc, const Metadata *m, const Jws *jws, EVP_PKEY **ret)
{
    Arena *arena = pc->cx->arena;
    const Json *set = NULL;
    mutex_lock(&lock);
    Str text = recall(arena, &memories[pc->provider->index].keys);
    mutex_unlock(&lock);
    bool is_new = text.len == 0;
    if (is_new) {
        TRY(fetch_keys(pc, m->keys, &set));
    } else {
        set = jwks_parse(arena, text);
    }
    *ret = jwks_find(arena, set, jws->alg, jws->kid);
    if (!*ret && !is_new && may_refetch(pc->provider)) {
        TRY(fetch_keys(pc, m->keys, &set));
        *ret = jwks_find(arena, set, jws->alg, jws->kid);
    }
    return *ret ? RC_OK : provider_fail(pc, PROVIDER_UNTRUSTED, "a key that is not published");
}

/* ---- there */

Rc oidc_authorize(ProviderCall *pc, const ProviderRoundTrip *trip, Str *ret_url)
{
    Metadata m;
    Arena *arena = pc->cx->arena;
    TRY(metadata_of(pc, &m));
    const ProviderParam params[] = {
        {"response_type",  STR("code")            },
        {"client_id",      pc->provider->client_id},
        {"redirect_uri",   pc->redirect_uri       },
        {"scope",          pc->provider->scopes   },
        {"state",          trip->state            },
        {"nonce",          trip->nonce            },
        {"code_challenge", pkce_challenge(arena,    trip->verifier)},
        {"code_challenge_method",                STR("S256")                },
    };
    char joint = str_find_char(m.authorize, '?') == SIZE_MAX ? '?' : '&';
    *ret_url = str_fmt(arena, "%.*s%c%.*s", STR_ARG(m.authorize), joint,
                       STR_ARG(provider_form(arena, params, ARRAY_LEN(params))));
    return RC_OK;
}

/* ---- and back */

Rc oidc_check_issuer(ProviderCall *pc, bool has_iss, Str iss)
{
    Metadata m;
    TRY(metadata_of(pc, &m));
    if (has_iss ? !str_eq(iss, m.issuer) : m.announces_iss) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an answer of another issuer");
    }
    return RC_OK;
}

/* RFC 6749 section 2.3.1: both parts are encoded before they are joined. */
static Str basic(Arena *arena, const Provider *p)
{
    Buf pair = buf_init(arena, 8 * KIB), out = buf_init(arena, 16 * KIB);
    buf_url(&pair, p->client_id);
    buf_char(&pair, ':');
    buf_url(&pair, p->client_secret);
    buf_lit(&out, "Basic ");
    buf_base64(&out, buf_str(&pair));
    return buf_str(&out);
}

static Rc
exchange(ProviderCall *pc, const Metadata *m, const ProviderRoundTrip *trip, Str code, Json **ret)
{
    enum { GOOD = 200, BAD_REQUEST = 400, UNAUTHORIZED = 401 };
    const Provider *p = pc->provider;
    Arena *arena = pc->cx->arena;
    bool by_header = p->client_secret.len > 0 && !m->wants_secret_in_body;
    const ProviderParam params[] = {
        {"grant_type",    STR("authorization_code")               },
        {"code",          code                                    },
        {"redirect_uri",  pc->redirect_uri                        },
        {"code_verifier", trip->verifier                          },
        {"client_id",     by_header ? STR_EMPTY : p->client_id    },
        {"client_secret", by_header ? STR_EMPTY : p->client_secret},
    };
    ProviderRequest request = {.method = HTTP_POST,
                               .url = m->token,
                               .body = provider_form(arena, params, ARRAY_LEN(params)),
                               .authorization = by_header ? basic(arena, p) : STR_EMPTY};
    HttpAnswer answer;
    TRY(provider_fetch(pc, &request, &answer));
    *ret = provider_json(arena, answer.body);
    if (answer.status == BAD_REQUEST || answer.status == UNAUTHORIZED) {
        bool is_code = str_is(json_str_at(*ret, "error"), "invalid_grant");
        return provider_fail(pc, PROVIDER_REFUSED,
                             is_code ? "invalid_grant" : "the exchange of the code was refused");
    }
    if (answer.status != GOOD) {
        return provider_fail(pc, PROVIDER_UNAVAILABLE, "the provider has an error");
    }
    if (!json_is(*ret, JSON_OBJECT) ||
        !str_eq_nocase(json_str_at(*ret, "token_type"), STR("Bearer"))) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an answer without tokens");
    }
    return RC_OK;
}

static Rc verify(ProviderCall *pc,
                 const Metadata *m,
                 const ProviderRoundTrip *trip,
                 const Json *tokens,
                 const Json **ret_claims)
{
    Arena *arena = pc->cx->arena;
    EVP_PKEY *key = NULL;
    Jws jws;
    IdTokenExpected expected = {.issuer = m->issuer,
                                .client_id = pc->provider->client_id,
                                .nonce = trip->nonce,
                                .access_token = json_str_at(tokens, "access_token"),
                                .now_s = time_now_us() / US_PER_SECOND};
    const char *why = jws_parse(arena, json_str_at(tokens, "id_token"), &jws);
    if (why) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, why);
    }
    TRY(key_of(pc, m, &jws, &key));
    bool is_signed = jws_verify(&jws, key);
    EVP_PKEY_free(key);
    why = is_signed ? id_token_check(arena, &jws, &expected) : "signature";
    if (why) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, why);
    }
    *ret_claims = jws.payload;
    return RC_OK;
}

/* OpenID Connect Core 5.3.2: claims of another subject would be somebody else's. */
static Rc
fetch_userinfo(ProviderCall *pc, const Metadata *m, const Json *tokens, Str subject, Json **ret)
{
    Str token = json_str_at(tokens, "access_token");
    ProviderRequest request = {.method = HTTP_GET,
                               .url = m->userinfo,
                               .authorization =
                                   str_fmt(pc->cx->arena, "Bearer %.*s", STR_ARG(token))};
    TRY(provider_fetch_json(pc, &request, ret));
    return str_eq(json_str_at(*ret, "sub"), subject)
               ? RC_OK
               : provider_fail(pc, PROVIDER_UNTRUSTED, "userinfo of another subject");
}

static const Json *claim(const Json *claims, const Json *more, const char *name)
{
    const Json *v = json_get_c(claims, name);
    return v ? v : json_get_c(more, name);
}

/* Who has no such claim is in no group, or else nobody would ever be taken out of the last one. A
 * list that is too long to be sent (_claim_names) or to be read is not known. */
static void read_groups(ProviderCall *pc, const Json *claims, const Json *v, ProviderPerson *person)
{
    bool is_elsewhere = json_get(json_get_c(claims, "_claim_names"), pc->provider->groups_claim);
    bool is_too_long = json_is(v, JSON_ARRAY) && v->n > PROVIDER_GROUPS_MAX;
    person->has_groups = !is_elsewhere && !is_too_long;
    person->groups = ARENA_ARRAY(pc->cx->arena, Str, PROVIDER_GROUPS_MAX);
    if (json_is(v, JSON_STRING)) {
        person->groups[person->n_groups++] = v->text;
    }
    for (uint32_t i = 0; json_is(v, JSON_ARRAY) && i < v->n; i++) {
        Str group = json_str(v->items[i]);
        if (group.len > 0 && group.len <= GROUP_MAX && person->n_groups < PROVIDER_GROUPS_MAX) {
            person->groups[person->n_groups++] = group;
        }
    }
}

static bool is_true(const Json *v)
{
    return json_bool(v, false) || str_is(json_str(v), "true"); /* some write it as a text */
}

Rc oidc_person(ProviderCall *pc, const ProviderRoundTrip *trip, Str code, ProviderPerson *ret)
{
    const Provider *p = pc->provider;
    const char *groups_claim = str_cstr(pc->cx->arena, p->groups_claim);
    const Json *claims = NULL;
    Json *tokens, *more = NULL;
    Metadata m;
    TRY(metadata_of(pc, &m));
    TRY(exchange(pc, &m, trip, code, &tokens));
    TRY(verify(pc, &m, trip, tokens, &claims));
    Str subject = json_str_at(claims, "sub");
    bool lacks = !json_get_c(claims, "email") || !json_get_c(claims, groups_claim);
    if (lacks && m.userinfo.len > 0 && json_str_at(tokens, "access_token").len > 0) {
        TRY(fetch_userinfo(pc, &m, tokens, subject, &more));
    }
    /* Whether it is verified counts only where it stands. */
    const Json *where = json_get_c(claims, "email") ? claims : more;
    Str email = json_str_at(where, "email");
    Str login = json_str(claim(claims, more, "preferred_username"));
    ProviderPerson person = {
        .issuer = m.issuer,
        .subject = subject,
        .name = json_str(claim(claims, more, "name")),
        .email = email,
        .avatar_url = json_str(claim(claims, more, "picture")),
        .label = email.len ? email : login,
        .email_is_verified = p->email_is_verified || is_true(json_get_c(where, "email_verified")),
    };
    read_groups(pc, claims, claim(claims, more, groups_claim), &person);
    *ret = person;
    return RC_OK;
}
