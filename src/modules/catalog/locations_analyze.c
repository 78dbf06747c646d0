/* SPDX-License-Identifier: Apache-2.0
 * What is there before a location is registered: the entity files of a repository, else a guess at
 * the entity that one could be written for. */
#include "base/log.h"

#include "catalog_sources_sql.h"
#include "contract_handlers.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/reader_host.h"
#include "platform/contract/contract.h"
#include "platform/settings/settings.h"

enum { FILES_MAX = 100, ENTITIES_MAX = 10000, FILENAME_MAX_LEN = 255 };

/* Backstage has a prefix for these kinds of host only. */
static const char *slug_prefix(ScmKind kind)
{
    switch (kind) {
    case SCM_GITHUB:
        return "github.com";
    case SCM_GITLAB:
        return "gitlab.com";
    case SCM_AZURE:
        return "dev.azure.com";
    case SCM_BITBUCKET:
    case SCM_GITEA:
        break;
    }
    return NULL;
}

/* The last part of any address: "https://host/org/repo.git/" gives "repo". */
static Str last_part(Str target)
{
    target = str_sub(target, 0, MIN(str_find_char(target, '#'), target.len));
    while (target.len && target.ptr[target.len - 1] == '/') {
        target.len--;
    }
    size_t slash = str_rfind_char(target, '/'), colon = str_rfind_char(target, ':');
    size_t from = slash != SIZE_MAX ? slash + 1 : colon != SIZE_MAX ? colon + 1 : 0;
    Str name = str_from_index(target, from);
    return str_ends(name, STR(".git")) ? str_sub(name, 0, name.len - 4) : name;
}

static Json *guess(Ctx *cx, Str target)
{
    Url url;
    ScmHost scm;
    ScmPage page;
    const Json *integrations = settings_json(cx->platform->settings, "integrations");
    bool on_host = url_parse(target, &url) && scm_host(integrations, url.host, url.port, &scm) &&
                   scm_page(&scm, target, cx->arena, &page);
    Json *entity = json_object(cx->arena), *metadata = json_object(cx->arena),
         *spec = json_object(cx->arena);
    json_set_str(cx->arena, entity, "apiVersion", STR("backstage.io/v1alpha1"));
    json_set_str(cx->arena, entity, "kind", STR("Component"));
    json_set_str(cx->arena, metadata, "name", on_host ? page.name : last_part(target));
    if (on_host && slug_prefix(scm.kind)) {
        Json *annotations = json_object(cx->arena);
        json_set(cx->arena, annotations,
                 str_fmt(cx->arena, "%s/project-slug", slug_prefix(scm.kind)),
                 json_string(cx->arena, str_fmt(cx->arena, "%.*s/%.*s", STR_ARG(page.owner),
                                                STR_ARG(page.name))));
        json_set(cx->arena, metadata, STR("annotations"), annotations);
    }
    json_set(cx->arena, entity, STR("metadata"), metadata);
    json_set_str(cx->arena, spec, "type", STR("other"));
    json_set_str(cx->arena, spec, "lifecycle", STR("unknown"));
    json_set(cx->arena, entity, STR("spec"), spec);
    Json *suggestion = json_object(cx->arena);
    json_set(cx->arena, suggestion, STR("entity"), entity);
    json_set(cx->arena, suggestion, STR("fields"), json_array(cx->arena));
    return suggestion;
}

/* Is it a source itself, or does one name it? */
static Rc is_registered(Ctx *cx, Str type, Str target, bool *ret)
{
    Source source;
    Str location = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    TRY(ctx_read(cx));
    Rc rc = source_find_by_target(cx, STR("api"), type, target, &source);
    *ret = rc == RC_OK;
    if (rc != RC_NOT_FOUND) {
        ctx_end(cx);
        return rc;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &catalog_sources_sources_of_location, PARAMS(P_STR(location)), &rows,
                 &cx->error));
    *ret = rows_next(rows);
    rc = rows_error(rows, &cx->error);
    rows_end(rows);
    rows = NULL;
    ctx_end(cx);
    return rc;
}

/* Adds an item for each entity that the file at `location` would bring. */
static Rc add_file(Ctx *cx, Str location, Json *existing, Error *err)
{
    size_t colon = str_find_char(location, ':');
    Str type = str_sub(location, 0, colon), target = str_from_index(location, colon + 1);
    Json *entities;
    bool registered;
    TRY(ingest_preview(cx, type, target, &entities, err));
    Rc rc = is_registered(cx, type, target, &registered);
    if (rc != RC_OK) {
        *err = cx->error;
        return rc;
    }
    for (uint32_t i = 0; i < entities->n && existing->n < ENTITIES_MAX; i++) {
        Json *item = json_object(cx->arena), *where = json_object(cx->arena);
        json_set_str(cx->arena, where, "type", type);
        json_set_str(cx->arena, where, "target", target);
        json_set(cx->arena, item, STR("location"), where);
        json_set(cx->arena, item, STR("isRegistered"), json_bool_new(cx->arena, registered));
        json_set(cx->arena, item, STR("entity"), entities->items[i]);
        json_push(cx->arena, existing, item);
    }
    return RC_OK;
}

/* What is found goes to `existing`. A file that is no entity (the skeleton of a template, say) is
 * passed over, unless no other one is there. */
static Rc find_existing(Ctx *cx, Str location, Str filename, Json *existing)
{
    Str *found;
    size_t n;
    Error err = {0}, first = {0};
    Reader *reader = reader_new(cx, cx->arena);
    if (reader_find(reader, location, filename, FILES_MAX, cx->arena, &found, &n, &err) != RC_OK) {
        /* As for a host that cannot be searched: there is still the guess. */
        log_info("catalog.analyze.unreadable", F_STR("location", location),
                 F_CSTR("error", err.message));
        return RC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        error_clear(&err);
        if (add_file(cx, found[i], existing, &err) != RC_OK && first.code == RC_OK) {
            first = err;
        }
    }
    if (existing->n == 0 && first.code != RC_OK) {
        return fail(cx, RC_MALFORMED, "%s%s%s", first.detail, first.detail[0] ? ": " : "",
                    first.message);
    }
    return RC_OK;
}

static bool is_address(Str type, Str target)
{
    Url url;
    bool is_ssh = str_starts(target, STR("ssh://")) || str_starts(target, STR("git@"));
    return url_parse(target, &url) || is_ssh || !str_is(type, "url");
}

Rc catalog_analyze_create(Ctx *cx, Call *call)
{
    const Json *given = json_get(call->body, STR("location"));
    Str type = json_str_at(given, "type"), target = json_str_at(given, "target");
    Str filename = json_str_at(call->body, "catalogFilename");
    if (filename.len == 0) {
        filename =
            json_str_at(settings_json(cx->platform->settings, "catalog.import"), "entityFilename");
    }
    filename = filename.len ? filename : STR("catalog-info.yaml");
    Str location = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    if (!is_address(type, target)) {
        return fail(cx, RC_MALFORMED, "The given location.target is not a URL");
    }
    if (location_is_local(location)) {
        return fail(cx, RC_MALFORMED,
                    "Files and repositories of this machine are for the "
                    "configuration to name: give a URL");
    }
    if (filename.len > FILENAME_MAX_LEN) {
        return fail(cx, RC_MALFORMED, "catalogFilename must have at most %d bytes",
                    FILENAME_MAX_LEN);
    }
    Json *existing = json_array(cx->arena), *generate = json_array(cx->arena),
         *answer = json_object(cx->arena);
    TRY(find_existing(cx, location, filename, existing));
    if (existing->n == 0) {
        json_push(cx->arena, generate, guess(cx, target));
    }
    json_set(cx->arena, answer, STR("existingEntityFiles"), existing);
    json_set(cx->arena, answer, STR("generateEntities"), generate);
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}
