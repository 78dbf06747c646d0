/* SPDX-License-Identifier: Apache-2.0
 * GitHub and GitHub Enterprise: OAuth, which says nothing of who it is; that is asked of the API.
 * The account's number is the identity, its login may change hands. Errors of the exchange come
 * with status 200. The token is used for these questions and kept nowhere. */
#include "base/buf.h"
#include "base/log.h"

#include "modules/identity/providers.h"

enum { PAGE_SIZE = 100, PAGES_MAX = 10 };

Rc github_authorize(ProviderCall *pc, const ProviderRoundTrip *trip, Str *ret_url)
{
    Arena *arena = pc->cx->arena;
    const ProviderParam params[] = {
        {"client_id",      pc->provider->client_id},
        {"redirect_uri",   pc->redirect_uri       },
        {"scope",          pc->provider->scopes   },
        {"state",          trip->state            },
        {"code_challenge", pkce_challenge(arena,    trip->verifier)},
        {"code_challenge_method",                STR("S256")                },
    };
    *ret_url = str_fmt(arena, "%.*s/login/oauth/authorize?%.*s", STR_ARG(pc->provider->issuer),
                       STR_ARG(provider_form(arena, params, ARRAY_LEN(params))));
    return RC_OK;
}

static const char *why_refused(Str error)
{
    static const char *const known[] = {"bad_verification_code", "incorrect_client_credentials",
                                        "redirect_uri_mismatch", "unverified_user_email"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_is(error, known[i])) {
            return known[i];
        }
    }
    return "the exchange of the code was refused";
}

static Rc exchange(ProviderCall *pc, const ProviderRoundTrip *trip, Str code, Str *ret_token)
{
    const Provider *p = pc->provider;
    Arena *arena = pc->cx->arena;
    const ProviderParam params[] = {
        {"client_id",     p->client_id    },
        {"client_secret", p->client_secret},
        {"code",          code            },
        {"redirect_uri",  pc->redirect_uri},
        {"code_verifier", trip->verifier  },
    };
    ProviderRequest request = {
        .method = HTTP_POST,
        .url = str_fmt(arena, "%.*s/login/oauth/access_token", STR_ARG(p->issuer)),
        .body = provider_form(arena, params, ARRAY_LEN(params)),
    };
    Json *answer;
    TRY(provider_fetch_json(pc, &request, &answer));
    Str error = json_str_at(answer, "error");
    if (error.len > 0) {
        return provider_fail(pc, PROVIDER_REFUSED, why_refused(error));
    }
    *ret_token = json_str_at(answer, "access_token");
    bool is_bearer = str_eq_nocase(json_str_at(answer, "token_type"), STR("bearer"));
    return is_bearer && ret_token->len > 0
               ? RC_OK
               : provider_fail(pc, PROVIDER_UNTRUSTED, "an answer without tokens");
}

static Rc ask(ProviderCall *pc, Str token, Str path, JsonType type, Json **ret)
{
    Arena *arena = pc->cx->arena;
    ProviderRequest request = {
        .method = HTTP_GET,
        .url = str_fmt(arena, "%.*s%.*s", STR_ARG(pc->provider->api_url), STR_ARG(path)),
        .authorization = str_fmt(arena, "Bearer %.*s", STR_ARG(token)),
    };
    TRY(provider_fetch_json(pc, &request, ret));
    return json_is(*ret, type) ? RC_OK
                               : provider_fail(pc, PROVIDER_UNTRUSTED, "an answer of another form");
}

/* A list page by page, into one array. *ret_is_whole is false when there are more than we read. */
static Rc ask_all(ProviderCall *pc, Str token, const char *path, Json **ret, bool *ret_is_whole)
{
    Arena *arena = pc->cx->arena;
    Json *all = json_array(arena), *page;
    *ret_is_whole = false;
    for (int i = 1; i <= PAGES_MAX && !*ret_is_whole; i++) {
        Str at = str_fmt(arena, "%s?per_page=%d&page=%d", path, PAGE_SIZE, i);
        TRY(ask(pc, token, at, JSON_ARRAY, &page));
        for (uint32_t k = 0; k < page->n; k++) {
            json_push(arena, all, page->items[k]);
        }
        *ret_is_whole = page->n < PAGE_SIZE;
    }
    *ret = all;
    return RC_OK;
}

/* The primary address, if GitHub has verified it. */
static Rc read_email(ProviderCall *pc, Str token, ProviderPerson *person)
{
    Json *emails;
    TRY(ask(pc, token, STR("/user/emails?per_page=100"), JSON_ARRAY, &emails));
    for (uint32_t i = 0; i < emails->n; i++) {
        const Json *e = emails->items[i];
        if (json_bool(json_get_c(e, "primary"), false) &&
            json_bool(json_get_c(e, "verified"), false)) {
            person->email = json_str_at(e, "email");
            person->email_is_verified = person->email.len > 0;
        }
    }
    return RC_OK;
}

static bool names_org(const Json *organizations, Str login)
{
    for (uint32_t i = 0; json_is(organizations, JSON_ARRAY) && i < organizations->n; i++) {
        if (login.len > 0 && str_eq_nocase(json_str(organizations->items[i]), login)) {
            return true;
        }
    }
    return false;
}

static Rc check_member(ProviderCall *pc, Str token)
{
    Json *list;
    bool is_whole;
    if (!pc->provider->organizations) {
        return RC_OK;
    }
    TRY(ask_all(pc, token, "/user/orgs", &list, &is_whole));
    for (uint32_t i = 0; i < list->n; i++) {
        if (names_org(pc->provider->organizations, json_str_at(list->items[i], "login"))) {
            return RC_OK;
        }
    }
    return provider_fail(pc, PROVIDER_NOT_MEMBER, "in no organization that may sign in");
}

static Rc read_teams(ProviderCall *pc, Str token, ProviderPerson *person)
{
    Arena *arena = pc->cx->arena;
    Json *list;
    person->has_groups = true;
    if (!pc->provider->teams && !pc->provider->teams_by_name) {
        return RC_OK;
    }
    TRY(ask_all(pc, token, "/user/teams", &list, &person->has_groups));
    person->groups = ARENA_ARRAY(arena, Str, list->n);
    for (uint32_t i = 0; i < list->n; i++) {
        Str org = json_str(json_path(list->items[i], "organization", "login", NULL));
        Str slug = json_str_at(list->items[i], "slug");
        if (org.len > 0 && slug.len > 0) {
            person->groups[person->n_groups++] =
                str_fmt(arena, "%.*s/%.*s", STR_ARG(org), STR_ARG(slug));
        }
    }
    return RC_OK;
}

Rc github_person(ProviderCall *pc, const ProviderRoundTrip *trip, Str code, ProviderPerson *ret)
{
    Str token;
    Json *user;
    int64_t number;
    TRY(exchange(pc, trip, code, &token));
    TRY(ask(pc, token, STR("/user"), JSON_OBJECT, &user));
    if (!json_to_i64(json_get_c(user, "id"), &number) || number <= 0) {
        return provider_fail(pc, PROVIDER_UNTRUSTED, "an account without a number");
    }
    ProviderPerson person = {
        .issuer = pc->provider->issuer,
        .subject = str_fmt(pc->cx->arena, "%lld", (long long)number),
        .name = json_str_at(user, "name"),
        .label = json_str_at(user, "login"),
        .avatar_url = json_str_at(user, "avatar_url"),
    };
    TRY(check_member(pc, token));
    TRY(read_email(pc, token, &person));
    TRY(read_teams(pc, token, &person));
    *ret = person;
    return RC_OK;
}
