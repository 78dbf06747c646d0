/* SPDX-License-Identifier: Apache-2.0
 * The setting auth.providers: an object whose keys are the ids of providers. A provider of ours
 * says its kind; what has none is read as Backstage writes it, with a section for each environment.
 */
#include "modules/identity/providers.h"

#include "base/buf.h"
#include "base/log.h"

#include "platform/settings/settings.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define GITHUB_URL "https://github.com"

static Arena *memory; /* of the list: made at the start, before requests are served */
static Provider *list;
static size_t n_list;

/* Ours; "organizations" stands only where the kind is github, and so on: the reader minds it. */
static const char *const known_keys[] = {
    "kind",     "title",         "issuer",        "metadata_url",
    "base_url", "api_url",       "client_id",     "client_secret",
    "scopes",   "groups_claim",  "organizations", "trusted_domains",
    "teams",    "teams_by_name", "sign_up",       "email_is_verified",
};

typedef struct Reader {
    Settings *settings;
    Arena *arena;
    Error *err;
    Str id;
    const Json *ours;      /* the entry */
    const Json *backstage; /* its section for the environment; NULL when the entry is ours */
} Reader;

const char *provider_kind_name(ProviderKind kind)
{
    static const char *const names[] = {[PROVIDER_OIDC] = "oidc", [PROVIDER_GITHUB] = "github"};
    return names[kind];
}

/* ---- addresses */

bool provider_url_is_usable(Settings *settings, Str text)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(KIB);
    Str allowed = settings_str(settings, "auth.allow");
    Url url;
    if (!url_parse(text, &url) || url.userinfo.len > 0 || url.fragment.ptr) {
        return false;
    }
    return str_is(url.scheme, "https") ||
           http_allow_listed(&allowed, str_lower(arena, url.host), url.port);
}

/* ---- values */

static Rc refuse(const Reader *r, const char *key, const char *what)
{
    Str origin = settings_origin(r->settings, "auth.providers");
    return error_set(r->err, RC_INVALID, "%.*s: auth.providers.%.*s.%s %s.", STR_ARG(origin),
                     STR_ARG(r->id), key, what);
}

static Rc text_at(const Reader *r, const char *key, const char *backstage_key, Str *ret)
{
    const Json *v = json_get_c(r->ours, key);
    if (!v && r->backstage && backstage_key) {
        v = json_get_c(r->backstage, backstage_key);
    }
    if (v && v->type != JSON_NULL && v->type != JSON_STRING) {
        return refuse(r, key, "must be a text");
    }
    *ret = json_str(v);
    return RC_OK;
}

static Rc flag_at(const Reader *r, const char *key, bool *ret)
{
    const Json *v = json_get_c(r->ours, key);
    if (v && v->type != JSON_NULL && v->type != JSON_BOOL) {
        return refuse(r, key, "must be true or false");
    }
    *ret = json_bool(v, false);
    return RC_OK;
}

static Rc texts_at(const Reader *r, const char *key, const Json **ret)
{
    const Json *v = json_get_c(r->ours, key), *texts = json_is(v, JSON_ARRAY) ? v : NULL;
    bool ok = !v || json_is(v, JSON_NULL) || texts;
    for (uint32_t i = 0; texts && i < texts->n; i++) {
        ok = ok && json_is(texts->items[i], JSON_STRING);
    }
    *ret = texts;
    return ok ? RC_OK : refuse(r, key, "must be a list of texts");
}

static Rc teams_at(const Reader *r, const Json **ret)
{
    const Json *v = json_get_c(r->ours, "teams"), *teams = json_is(v, JSON_OBJECT) ? v : NULL;
    bool ok = !v || json_is(v, JSON_NULL) || teams;
    for (uint32_t i = 0; teams && i < teams->n; i++) {
        ok = ok && json_is(teams->members[i].value, JSON_STRING);
    }
    *ret = teams;
    return ok ? RC_OK : refuse(r, "teams", "must be an object of group: team");
}

/* A list, or one text with spaces, as a text with spaces. */
static Str words(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, 4 * KIB);
    buf_put(&out, json_str(v));
    for (uint32_t i = 0; json_is(v, JSON_ARRAY) && i < v->n; i++) {
        buf_put(&out, i > 0 ? STR(" ") : STR_EMPTY);
        buf_put(&out, json_str(v->items[i]));
    }
    return str_trim(buf_str(&out));
}

static Str scopes_of(const Reader *r, const char *otherwise)
{
    Str ours = words(r->arena, json_get_c(r->ours, "scopes"));
    Str more = words(r->arena, json_get_c(r->backstage, "additionalScopes"));
    if (ours.len > 0) {
        return ours;
    }
    return more.len == 0 ? str_from(otherwise)
                         : str_fmt(r->arena, "%s %.*s", otherwise, STR_ARG(more));
}

static Str without_slash(Str url)
{
    while (str_ends(url, STR("/"))) {
        url.len--;
    }
    return url;
}

static Rc check_url(const Reader *r, const char *key, Str url)
{
    return provider_url_is_usable(r->settings, url)
               ? RC_OK
               : refuse(r, key, "must be a URL with https (http only to hosts of auth.allow)");
}

/* ---- a provider */

static Rc read_oidc(const Reader *r, Provider *p)
{
    TRY(text_at(r, "issuer", NULL, &p->issuer));
    TRY(text_at(r, "metadata_url", "metadataUrl", &p->metadata_url));
    TRY(text_at(r, "groups_claim", NULL, &p->groups_claim));
    if (p->issuer.len == 0) {
        if (!str_ends(p->metadata_url, STR(WELL_KNOWN))) {
            return refuse(r, "issuer", "is missing");
        }
        p->issuer = str_sub(p->metadata_url, 0, p->metadata_url.len - sizeof(WELL_KNOWN) + 1);
        p->slash_is_free = true;
    }
    if (p->metadata_url.len == 0) {
        p->metadata_url = str_fmt(r->arena, "%.*s" WELL_KNOWN, STR_ARG(without_slash(p->issuer)));
    }
    p->groups_claim = p->groups_claim.len ? p->groups_claim : STR("groups");
    p->scopes = scopes_of(r, "openid profile email");
    TRY(check_url(r, "issuer", p->issuer));
    return check_url(r, "metadata_url", p->metadata_url);
}

static Rc read_github(const Reader *r, Provider *p)
{
    TRY(text_at(r, "base_url", "enterpriseInstanceUrl", &p->issuer));
    TRY(text_at(r, "api_url", NULL, &p->api_url));
    TRY(texts_at(r, "organizations", &p->organizations));
    p->issuer = p->issuer.len ? without_slash(p->issuer) : STR(GITHUB_URL);
    if (p->api_url.len == 0) {
        p->api_url = str_is(p->issuer, GITHUB_URL)
                         ? STR("https://api.github.com")
                         : str_fmt(r->arena, "%.*s/api/v3", STR_ARG(p->issuer));
    }
    p->api_url = without_slash(p->api_url);
    p->scopes = scopes_of(r, "read:user user:email read:org");
    TRY(check_url(r, "base_url", p->issuer));
    return check_url(r, "api_url", p->api_url);
}

/* Backstage says in its resolvers who may come in. */
static void read_resolvers(const Reader *r, Provider *p)
{
    const Json *list_of = json_path(r->backstage, "signIn", "resolvers", NULL);
    for (uint32_t i = 0; json_is(list_of, JSON_ARRAY) && i < list_of->n; i++) {
        const Json *resolver = list_of->items[i];
        const Json *domains = json_get_c(resolver, "allowedDomains");
        if (!p->trusted_domains && json_is(domains, JSON_ARRAY)) {
            p->trusted_domains = domains;
        }
        p->sign_up |=
            json_bool(json_get_c(resolver, "dangerouslyAllowSignInWithoutUserInCatalog"), false);
    }
}

static Rc read_common(const Reader *r, Provider *p)
{
    TRY(text_at(r, "title", NULL, &p->title));
    TRY(text_at(r, "client_id", "clientId", &p->client_id));
    TRY(text_at(r, "client_secret", "clientSecret", &p->client_secret));
    TRY(texts_at(r, "trusted_domains", &p->trusted_domains));
    TRY(teams_at(r, &p->teams));
    TRY(flag_at(r, "teams_by_name", &p->teams_by_name));
    TRY(flag_at(r, "sign_up", &p->sign_up));
    TRY(flag_at(r, "email_is_verified", &p->email_is_verified));
    if (p->client_id.len == 0) {
        return refuse(r, "client_id", "is missing");
    }
    if (p->kind == PROVIDER_GITHUB && p->client_secret.len == 0) {
        return refuse(r, "client_secret", "is missing");
    }
    if (p->title.len == 0) {
        p->title = p->kind == PROVIDER_GITHUB ? STR("GitHub") : p->id;
    }
    return RC_OK;
}

static Rc read_provider(const Reader *r, ProviderKind kind, Provider *ret)
{
    Provider p = {.kind = kind, .id = r->id};
    TRY(read_common(r, &p));
    TRY(kind == PROVIDER_OIDC ? read_oidc(r, &p) : read_github(r, &p));
    read_resolvers(r, &p);
    *ret = p;
    return RC_OK;
}

static bool kind_of(Str name, ProviderKind *ret)
{
    *ret = str_is(name, "github") ? PROVIDER_GITHUB : PROVIDER_OIDC;
    return str_is(name, "github") || str_is(name, "oidc");
}

static bool is_id(Str id)
{
    bool ok = id.len > 0 && id.len <= 40;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0));
    }
    return ok;
}

static Rc read_own(Reader *r, Provider *ret)
{
    ProviderKind kind;
    if (!is_id(r->id)) {
        return refuse(r, "kind",
                      "belongs to an id that is not of lower-case letters, digits, dashes");
    }
    if (!kind_of(json_str_at(r->ours, "kind"), &kind)) {
        return refuse(r, "kind", "must be oidc or github");
    }
    for (uint32_t i = 0; i < r->ours->n; i++) {
        const char *key = str_cstr(r->arena, r->ours->members[i].key);
        size_t k = 0;
        while (k < ARRAY_LEN(known_keys) && strcmp(key, known_keys[k]) != 0) {
            k++;
        }
        if (k == ARRAY_LEN(known_keys)) {
            return refuse(r, key, "is no key of a provider");
        }
    }
    return read_provider(r, kind, ret);
}

/* A file that is brought along may name providers we do not have, and secrets nobody has set. */
static bool read_backstage(Reader *r, Provider *ret)
{
    ProviderKind kind;
    const char *why = "Fairway has no such provider";
    Str environment = settings_str(r->settings, "auth.environment");
    if (is_id(r->id) && kind_of(r->id, &kind)) {
        r->backstage = json_get(r->ours, environment);
        why = "there is no section for auth.environment";
        if (json_is(r->backstage, JSON_OBJECT)) {
            if (read_provider(r, kind, ret) == RC_OK) {
                return true;
            }
            why = r->err->message;
        }
    }
    log_warn("identity.provider_left_out", F_STR("provider", r->id), F_CSTR("why", why));
    error_clear(r->err);
    return false;
}

Rc providers_load(Settings *settings, Arena *arena, Provider **ret, size_t *ret_n, Error *err)
{
    const Json *all = settings_json(settings, "auth.providers");
    Provider *made = ARENA_ARRAY(arena, Provider, PROVIDERS_MAX);
    size_t n = 0;
    for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
        Reader r = {.settings = settings,
                    .arena = arena,
                    .err = err,
                    .id = all->members[i].key,
                    .ours = all->members[i].value};
        if (!json_is(r.ours, JSON_OBJECT)) {
            continue; /* null: taken away by a later file */
        }
        if (n == PROVIDERS_MAX) {
            return refuse(&r, "kind", "is one provider too many");
        }
        if (json_get_c(r.ours, "kind")) {
            TRY(read_own(&r, &made[n]));
        } else if (!read_backstage(&r, &made[n])) {
            continue;
        }
        made[n].index = n;
        n++;
    }
    *ret = made;
    *ret_n = n;
    return RC_OK;
}

/* ---- the list */

Rc providers_start(Platform *platform, Error *err)
{
    memory = arena_new(0);
    Rc rc = providers_load(platform->settings, memory, &list, &n_list, err);
    if (rc != RC_OK) {
        providers_stop();
    }
    return rc;
}

void providers_stop(void)
{
    oidc_forget();
    list = NULL;
    n_list = 0;
    arena_free(memory);
    memory = NULL;
}

const Provider *providers_all(size_t *ret_n)
{
    *ret_n = n_list;
    return list;
}

const Provider *provider_find(Str id)
{
    for (size_t i = 0; i < n_list; i++) {
        if (str_eq(list[i].id, id)) {
            return &list[i];
        }
    }
    return NULL;
}
