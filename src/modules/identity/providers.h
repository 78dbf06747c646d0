/* SPDX-License-Identifier: Apache-2.0
 * identity/providers.h - sign-in providers: what the settings say of them, and one conversation
 * with one of them.
 *
 *   providers.c          the settings, in our own form and in Backstage's
 *   provider_call.c      guarded requests within one deadline; what is told when something fails
 *   oidc.c               OpenID Connect: discovery, keys, exchange of the code, ID token
 *   github_oauth.c       GitHub: OAuth, and who that is by its API
 *   provider_people.c    who it is here: linked, found by address, or new
 *   provider_teams.c     the teams that follow from the provider's groups
 *   sign_in_provider.c   the operations: begin, come back
 *   user_identities.c    the operations on one's own links */
#ifndef MODULES_IDENTITY_PROVIDERS_H
#define MODULES_IDENTITY_PROVIDERS_H

#include "modules/identity/identity_priv.h"
#include "net/http_client.h"

enum { PROVIDERS_MAX = 16, PROVIDER_GROUPS_MAX = 1000 };
#define PROVIDER_TIME_US (10 * US_PER_SECOND) /* all requests of one step together */
#define PROVIDER_BODY_MAX (256 * KIB)

typedef enum ProviderKind { PROVIDER_OIDC, PROVIDER_GITHUB } ProviderKind;

/* What the settings say. Immutable; lives until the process ends. */
typedef struct Provider {
    ProviderKind kind;
    size_t index; /* in the list of all */
    Str id, title;
    Str issuer;       /* OIDC: as the provider must say it; GitHub: its base URL */
    Str metadata_url; /* OIDC */
    Str api_url;      /* GitHub */
    Str client_id, client_secret, scopes;
    Str groups_claim;            /* OIDC */
    const Json *organizations;   /* GitHub: who is in none of them stays out; NULL: anybody */
    const Json *trusted_domains; /* NULL: none */
    const Json *teams;           /* group there -> team here; NULL: none */
    bool teams_by_name;
    bool sign_up;           /* people who are not here yet are made */
    bool email_is_verified; /* the provider itself assigns addresses and does not say so */
    bool slash_is_free;     /* only metadata_url was given: the issuer may end in a slash or not */
} Provider;

/* Reads auth.providers. Entries of Backstage that cannot be used are named in the log and left out;
 * mistakes in ours fail with RC_INVALID, naming the place. */
MUST_CHECK Rc
providers_load(Settings *settings, Arena *arena, Provider **ret, size_t *ret_n, Error *err);
MUST_CHECK Rc providers_start(Platform *platform, Error *err);
void providers_stop(void);
const Provider *providers_all(size_t *ret_n);
const Provider *provider_find(Str id); /* NULL when there is none */
const char *provider_kind_name(ProviderKind kind);
/* https, or http to a host that auth.allow names. */
bool provider_url_is_usable(Settings *settings, Str url);

/* ---- one step of a sign-in */

/* What may go wrong: the word the page gets, the status without a page, what people are told. */
#define PROVIDER_FAILURES(X)                                                                       \
    X(NONE, "", RC_OK, "")                                                                         \
    X(UNAVAILABLE, "unavailable", RC_BUSY,                                                         \
      "The sign-in provider does not answer; try again in a while.")                               \
    X(UNTRUSTED, "not-trusted", RC_UPSTREAM,                                                       \
      "The answer of the sign-in provider cannot be trusted; an administrator finds the reason "   \
      "in the audit trail.")                                                                       \
    X(EXPIRED, "expired", RC_UNAUTH,                                                               \
      "This sign-in was not begun in this browser, has been used, or is too old; begin again.")    \
    X(CANCELLED, "cancelled", RC_UNAUTH, "The sign-in was cancelled at the provider.")             \
    X(REFUSED, "refused", RC_UNAUTH, "The provider refused the sign-in; begin again.")             \
    X(UNKNOWN, "unknown", RC_DENIED,                                                               \
      "This account of the provider is linked to nobody here. Sign in another way and link it, "   \
      "or ask an administrator to invite you.")                                                    \
    X(NO_ADDRESS, "no-address", RC_DENIED,                                                         \
      "The provider gives no email address of yours that it has verified.")                        \
    X(NOT_MEMBER, "not-member", RC_DENIED,                                                         \
      "Your account of the provider is in no organization that may sign in here.")                 \
    X(DEACTIVATED, "deactivated", RC_DENIED, "Your account here is deactivated.")                  \
    X(TAKEN, "taken", RC_CONFLICT, "This account of the provider is linked to somebody else here.")

#define PROVIDER_FAILURE_ENUM(name, word, rc, text) PROVIDER_##name,
typedef enum ProviderFailure { PROVIDER_FAILURES(PROVIDER_FAILURE_ENUM) } ProviderFailure;

typedef struct ProviderCall {
    Ctx *cx;
    const Provider *provider;
    Str redirect_uri;
    int64_t deadline_us; /* monotonic */
    ProviderFailure failure;
    const char *why; /* a static text for log and audit trail; clients do not see it */
} ProviderCall;

ProviderCall provider_call(Ctx *cx, const Provider *provider);
/* Sets failure, why and the error of cx; gives its code. */
Rc provider_fail(ProviderCall *pc, ProviderFailure failure, const char *why);
const char *provider_failure_word(ProviderFailure failure);

typedef struct ProviderRequest {
    HttpMethod method;
    Str url, body;
    Str authorization; /* "" for none */
} ProviderRequest;

/* A guarded request within the deadline, no redirect followed. RC_OK for any answer. No transaction
 * may be open. Fails by provider_fail: UNAVAILABLE, UNTRUSTED (internal address, too large). */
MUST_CHECK Rc provider_fetch(ProviderCall *pc, const ProviderRequest *request, HttpAnswer *ret);
/* A JSON object or array answered with this status; others are UNTRUSTED, 5xx and 429 are
 * UNAVAILABLE. */
MUST_CHECK Rc provider_fetch_json(ProviderCall *pc, const ProviderRequest *request, Json **ret);
/* JSON of a provider, bounded; NULL when it is none. */
Json *provider_json(Arena *arena, Str text);

/* What is on its way to the provider and back: state, nonce, verifier are random texts. */
typedef struct ProviderRoundTrip {
    Str state, nonce, verifier;
} ProviderRoundTrip;

/* Who it is at the provider. */
typedef struct ProviderPerson {
    Str issuer, subject; /* the identity; an address never is */
    Str name, email, avatar_url, label;
    bool email_is_verified;
    Str *groups;
    size_t n_groups;
    bool has_groups; /* the list is whole: who is not in it is in none */
} ProviderPerson;

/* RFC 7636: BASE64URL(SHA256(verifier)). */
Str pkce_challenge(Arena *arena, Str verifier);
/* ?name=value&…, every value encoded. */
typedef struct ProviderParam {
    const char *name;
    Str value;
} ProviderParam;
Str provider_form(Arena *arena, const ProviderParam *params, size_t n);

/* The URL to send the browser to. */
MUST_CHECK Rc oidc_authorize(ProviderCall *pc, const ProviderRoundTrip *trip, Str *ret_url);
/* RFC 9207, before anything else of the answer counts. */
MUST_CHECK Rc oidc_check_issuer(ProviderCall *pc, bool has_iss, Str iss);
MUST_CHECK Rc oidc_person(ProviderCall *pc,
                          const ProviderRoundTrip *trip,
                          Str code,
                          ProviderPerson *ret);
void oidc_forget(void); /* what is in memory; for stop and tests */
MUST_CHECK Rc github_authorize(ProviderCall *pc, const ProviderRoundTrip *trip, Str *ret_url);
MUST_CHECK Rc github_person(ProviderCall *pc,
                            const ProviderRoundTrip *trip,
                            Str code,
                            ProviderPerson *ret);

/* ---- who it is here. In cx's write transaction. */

/* The user that a verified address of a provider may stand for: RC_NOT_FOUND when there is none.
 * *ret_status is invited, active or deactivated. */
MUST_CHECK Rc
identity_user_of_email(Ctx *cx, Str email, Str *ret_id, Str *ret_name, Str *ret_status);
/* Finds, links or makes the user. */
MUST_CHECK Rc provider_user(ProviderCall *pc,
                            const ProviderPerson *person,
                            Str *ret_id,
                            Str *ret_name);
/* Links the person to somebody who has signed in. */
MUST_CHECK Rc provider_link(ProviderCall *pc, const ProviderPerson *person, Str user_id);
/* Is the domain of the address one of the patterns ("example.com", "*")? */
bool provider_trusts(const Json *domains, Str email);

/* Makes memberships of the user that come from this provider those that its groups say. Those made
 * by hand, or by another provider, stay. */
MUST_CHECK Rc provider_sync_teams(ProviderCall *pc, const ProviderPerson *person, Str user_id);

/* A path of this server and nothing else. */
bool is_local_path(Str path);

#endif
