/* SPDX-License-Identifier: Apache-2.0
 * Whether an entity may enter the catalog: the envelope's schema, the formats of its fields, the
 * schema of its kind; in that order, with the sentences that Backstage's users know. */
#include "data/json_schema.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"
#include "net/http_client.h"

#include <pthread.h>
#include <string.h>

#define ADR                                                                                        \
    "To learn more about catalog file format, visit: "                                             \
    "https://github.com/backstage/backstage/blob/master/docs/architecture-decisions/"              \
    "adr002-default-catalog-file-format.md"

enum { NAME_MAX_LEN = 63, DOMAIN_MAX_LEN = 253 };

/* ---- the envelope */

static const char envelope_text[] =
    "{\"type\":\"object\",\"required\":[\"apiVersion\",\"kind\",\"metadata\"],\"properties\":{"
    "\"apiVersion\":{\"type\":\"string\",\"minLength\":1},\"kind\":{\"type\":\"string\","
    "\"minLength\":1},"
    "\"metadata\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
    "\"name\":{\"type\":\"string\",\"minLength\":1},\"namespace\":{\"type\":\"string\","
    "\"minLength\":1}}}}}";

static const char entity_text[] =
    "{\"type\":\"object\",\"required\":[\"apiVersion\",\"kind\",\"metadata\"],\"properties\":{"
    "\"apiVersion\":{\"type\":\"string\",\"minLength\":1},\"kind\":{\"type\":\"string\","
    "\"minLength\":1},"
    "\"metadata\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
    "\"uid\":{\"type\":\"string\",\"minLength\":1},\"etag\":{\"type\":\"string\",\"minLength\":1},"
    "\"generation\":{\"type\":\"integer\",\"minimum\":1},"
    "\"name\":{\"type\":\"string\",\"minLength\":1},\"namespace\":{\"type\":\"string\","
    "\"minLength\":1},"
    "\"title\":{\"type\":\"string\",\"minLength\":1},\"description\":{\"type\":\"string\"},"
    "\"labels\":{\"type\":\"object\",\"patternProperties\":{\"^.+$\":{\"type\":\"string\"}}},"
    "\"annotations\":{\"type\":\"object\",\"patternProperties\":{\"^.+$\":{\"type\":\"string\"}}},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1}},"
    "\"links\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"url\"],"
    "\"properties\":{"
    "\"url\":{\"type\":\"string\",\"minLength\":1},\"title\":{\"type\":\"string\",\"minLength\":1},"
    "\"icon\":{\"type\":\"string\",\"minLength\":1},\"type\":{\"type\":\"string\",\"minLength\":1}}"
    "}}}},"
    "\"spec\":{\"type\":\"object\"}}}";

/* Compiled once, kept until the process ends. */
static const JsonSchema *envelope_schema, *entity_schema;
static pthread_once_t schemas_once = PTHREAD_ONCE_INIT;
static Arena *schemas_arena;

static void compile_schemas(void)
{
    schemas_arena = arena_new(16 * KIB);
    JsonSchemaOptions options = {.dialect = JSON_SCHEMA_DRAFT_07};
    Json *envelope, *entity;
    bool ok =
        json_parse(schemas_arena, STR(envelope_text), NULL, &envelope, NULL) == RC_OK &&
        json_parse(schemas_arena, STR(entity_text), NULL, &entity, NULL) == RC_OK &&
        json_schema_compile(schemas_arena, envelope, &options, &envelope_schema, NULL) == RC_OK &&
        json_schema_compile(schemas_arena, entity, &options, &entity_schema, NULL) == RC_OK;
    ASSERT(ok);
}

/* Line and column of the value at a pointer, or of the nearest one above it. */
static void locate(const Json *entity, Str pointer, EntityProblem *ret)
{
    for (;;) {
        const Json *at = json_pointer(entity, pointer);
        if (at && at->line) {
            ret->line = at->line;
            ret->column = at->column;
            return;
        }
        size_t slash = str_rfind_char(pointer, '/');
        if (slash == SIZE_MAX) {
            return;
        }
        pointer = str_sub(pointer, 0, slash);
    }
}

static Str list_text(Arena *arena, const Json *values)
{
    Buf out = buf_init(arena, 4 * KIB);
    for (size_t i = 0; i < values->n; i++) {
        if (i) {
            buf_char(&out, ',');
        }
        if (values->items[i]->type == JSON_STRING) {
            buf_put(&out, values->items[i]->text);
        } else {
            json_write(&out, values->items[i]);
        }
    }
    return buf_str(&out);
}

/* " - missingProperty: owner": the parameters of a violation, as ajv names them. */
static Str issue_params(Arena *arena, const JsonSchemaIssue *issue)
{
    Str keyword = issue->keyword;
    if (str_is(keyword, "required")) {
        return str_fmt(arena, " - missingProperty: %.*s", STR_ARG(issue->property));
    }
    if (str_is(keyword, "additionalProperties")) {
        return str_fmt(arena, " - additionalProperty: %.*s", STR_ARG(issue->property));
    }
    if (!issue->params) {
        return STR_EMPTY;
    }
    if (str_is(keyword, "enum")) {
        return str_fmt(arena, " - allowedValues: %.*s", STR_ARG(list_text(arena, issue->params)));
    }
    if (str_is(keyword, "type")) {
        Str types = issue->params->type == JSON_ARRAY ? list_text(arena, issue->params)
                                                      : json_str(issue->params);
        return str_fmt(arena, " - type: %.*s", STR_ARG(types));
    }
    if (issue->params->type == JSON_NUMBER) {
        bool compares = str_is(keyword, "minimum") || str_is(keyword, "maximum");
        Str comparison =
            str_is(keyword, "minimum") ? STR("comparison: >=, ") : STR("comparison: <=, ");
        return str_fmt(arena, " - %.*slimit: %.*s", STR_ARG(compares ? comparison : STR_EMPTY),
                       STR_ARG(issue->params->text));
    }
    if (issue->params->type == JSON_STRING) {
        return str_fmt(arena, " - %.*s: %.*s", STR_ARG(keyword), STR_ARG(issue->params->text));
    }
    return STR_EMPTY;
}

/* "/spec must have required property 'owner' - missingProperty: owner" */
static Str issue_text(Arena *arena, const JsonSchemaIssue *issue)
{
    Str path = issue->instance_path.len ? issue->instance_path : STR("<root>");
    return str_fmt(arena, "%.*s %.*s%.*s", STR_ARG(path), STR_ARG(issue->message),
                   STR_ARG(issue_params(arena, issue)));
}

bool entity_validate_envelope(const Json *entity, Arena *arena, EntityProblem *ret)
{
    JsonSchemaIssue *issues;
    size_t n;
    pthread_once(&schemas_once, compile_schemas);
    if (json_schema_validate(envelope_schema, entity, arena, 1, &issues, &n)) {
        return true;
    }
    *ret = (EntityProblem){.name = STR("TypeError"),
                           .message = issue_text(arena, &issues[0]),
                           .pointer = issues[0].instance_path};
    locate(entity, ret->pointer, ret);
    return false;
}

/* ---- field formats */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_object_name(Str s)
{
    if (s.len == 0 || s.len > NAME_MAX_LEN || !is_alnum(s.ptr[0]) || !is_alnum(s.ptr[s.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

/* Runs of `extra` and lower-case letters and digits, joined by single dashes. */
static bool is_dashed(Str s, const char *extra)
{
    if (s.len == 0 || s.len > NAME_MAX_LEN) {
        return false;
    }
    bool after_dash = true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(extra, c));
        if (!plain && (c != '-' || after_dash)) {
            return false;
        }
        after_dash = !plain;
    }
    return !after_dash;
}

static bool is_dns_label(Str s)
{
    return is_dashed(s, "");
}

static bool is_tag(Str s)
{
    return is_dashed(s, ":+#");
}

static bool is_dns_subdomain(Str s)
{
    Str part;
    if (s.len == 0 || s.len > DOMAIN_MAX_LEN) {
        return false;
    }
    while (str_split(&s, '.', &part)) {
        if (!is_dns_label(part)) {
            return false;
        }
    }
    return true;
}

/* [prefix/]suffix with the rule of the suffix. */
static bool is_prefixed(Str s, bool (*is_suffix)(Str))
{
    size_t slash = str_find_char(s, '/');
    if (slash == SIZE_MAX) {
        return is_suffix(s);
    }
    return is_dns_subdomain(str_sub(s, 0, slash)) && is_suffix(str_from_index(s, slash + 1));
}

static bool is_version(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i])) {
            return false;
        }
    }
    return s.len >= 1 && s.len <= NAME_MAX_LEN;
}

static bool is_api_version(Str s)
{
    return is_prefixed(s, is_version);
}

static bool is_key(Str s)
{
    return is_prefixed(s, is_object_name);
}

static bool is_kind(Str s)
{
    return is_version(s) && !(s.ptr[0] >= '0' && s.ptr[0] <= '9');
}

static bool is_label_value(Str s)
{
    return s.len == 0 || is_object_name(s);
}

static bool is_any(Str s)
{
    (void)s;
    return true;
}

static bool is_filled(Str s)
{
    return str_trim(s).len > 0;
}

static bool is_url(Str s)
{
    size_t colon = str_find_char(s, ':');
    if (colon == 0 || colon == SIZE_MAX || colon + 1 == s.len) {
        return false;
    }
    for (size_t i = 0; i < colon; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !(is_alnum(c) || c == '+' || c == '-' || c == '.'))) {
            return false;
        }
    }
    bool web = str_eq_nocase(str_sub(s, 0, colon), STR("http")) ||
               str_eq_nocase(str_sub(s, 0, colon), STR("https"));
    Url url;
    return !web || url_parse(s, &url);
}

static const char words_name[] = "a string that is sequences of [a-zA-Z0-9] separated by any of "
                                 "[-_.], at most 63 characters in total";
static const char words_key[] = "a valid prefix and/or suffix";
static const char words_label[] =
    "a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total";
static const char words_kind[] =
    "a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total";

typedef struct Check {
    Arena *arena;
    const Json *entity;
    EntityProblem *ret;
    Str message; /* the first failure; "" while fine */
} Check;

static bool refuse(Check *check, Str pointer, Str message)
{
    check->message = message;
    check->ret->pointer = pointer;
    locate(check->entity, pointer, check->ret);
    return false;
}

/* field: as Backstage names it; expected: in words, NULL when it says none. */
static bool check_str(
    Check *check, Str field, Str pointer, Str value, bool (*is_fine)(Str), const char *expected)
{
    if (is_fine(value)) {
        return true;
    }
    Str found = expected ? str_fmt(check->arena, " expected %s but found \"%.*s\".", expected,
                                   STR_ARG(value))
                         : STR_EMPTY;
    return refuse(
        check, pointer,
        str_fmt(check->arena, "\"%.*s\" is not valid;%.*s " ADR, STR_ARG(field), STR_ARG(found)));
}

static bool check_pairs(
    Check *check, const char *what, const Json *pairs, bool (*is_fine)(Str), const char *expected)
{
    for (size_t i = 0; pairs && pairs->type == JSON_OBJECT && i < pairs->n; i++) {
        Str key = pairs->members[i].key;
        if (is_key(key) && is_fine(json_str(pairs->members[i].value))) {
            continue; /* texts for messages are made only when there is one */
        }
        Str field = str_fmt(check->arena, "%s.%.*s", what, STR_ARG(key));
        Str escaped = str_replace(check->arena, str_replace(check->arena, key, STR("~"), STR("~0")),
                                  STR("/"), STR("~1"));
        Str pointer = str_fmt(check->arena, "/metadata/%s/%.*s", what, STR_ARG(escaped));
        if (!check_str(check, field, pointer, key, is_key, words_key) ||
            !check_str(check, field, pointer, json_str(pairs->members[i].value), is_fine,
                       expected)) {
            return false;
        }
    }
    return true;
}

static bool check_tags(Check *check, const Json *tags)
{
    for (size_t i = 0; tags && tags->type == JSON_ARRAY && i < tags->n; i++) {
        if (!is_tag(json_str(tags->items[i])) &&
            !check_str(check, str_fmt(check->arena, "tags.%zu", i),
                       str_fmt(check->arena, "/metadata/tags/%zu", i), json_str(tags->items[i]),
                       is_tag, NULL)) {
            return false;
        }
    }
    return true;
}

static bool check_links(Check *check, const Json *links)
{
    for (size_t i = 0; links && links->type == JSON_ARRAY && i < links->n; i++) {
        const Json *link = links->items[i];
        Str pointer = str_fmt(check->arena, "/metadata/links/%zu", i);
        if (!check_str(check, str_fmt(check->arena, "links.%zu.url", i), pointer,
                       json_str_at(link, "url"), is_url, "a string that is a valid url") ||
            (json_get(link, STR("title")) &&
             !check_str(check, str_fmt(check->arena, "links.%zu.title", i), pointer,
                        json_str_at(link, "title"), is_filled, "a non empty string")) ||
            (json_get(link, STR("icon")) &&
             !check_str(check, str_fmt(check->arena, "links.%zu.icon", i), pointer,
                        json_str_at(link, "icon"), is_object_name, words_name))) {
            return false;
        }
    }
    return true;
}

static bool check_roots(Check *check)
{
    static const char *const known[] = {"apiVersion", "kind",      "metadata",
                                        "spec",       "relations", "status"};
    for (size_t i = 0; i < check->entity->n; i++) {
        Str key = check->entity->members[i].key;
        bool found = false;
        for (size_t k = 0; k < ARRAY_LEN(known) && !found; k++) {
            found = str_is(key, known[k]);
        }
        if (!found) {
            return refuse(check, str_fmt(check->arena, "/%.*s", STR_ARG(key)),
                          str_fmt(check->arena, "Unknown field %.*s", STR_ARG(key)));
        }
    }
    return true;
}

static bool check_envelope(Check *check)
{
    JsonSchemaIssue *issues;
    size_t n;
    if (json_schema_validate(entity_schema, check->entity, check->arena, 1, &issues, &n)) {
        return true;
    }
    return refuse(check, issues[0].instance_path, issue_text(check->arena, &issues[0]));
}

static bool check_formats(Check *check)
{
    const Json *metadata = json_get(check->entity, STR("metadata"));
    const Json *namespace_ = json_get(metadata, STR("namespace"));
    return check_str(check, STR("apiVersion"), STR("/apiVersion"),
                     json_str_at(check->entity, "apiVersion"), is_api_version, words_key) &&
           check_str(check, STR("kind"), STR("/kind"), json_str_at(check->entity, "kind"), is_kind,
                     words_kind) &&
           check_str(check, STR("metadata.name"), STR("/metadata/name"),
                     json_str_at(metadata, "name"), is_object_name, words_name) &&
           (!namespace_ || check_str(check, STR("metadata.namespace"), STR("/metadata/namespace"),
                                     json_str(namespace_), is_dns_label, words_label)) &&
           check_pairs(check, "labels", json_get(metadata, STR("labels")), is_label_value,
                       words_name) &&
           check_pairs(check, "annotations", json_get(metadata, STR("annotations")), is_any,
                       "a string") &&
           check_tags(check, json_get(metadata, STR("tags"))) &&
           check_links(check, json_get(metadata, STR("links")));
}

/* ---- the kind */

static bool is_version_of(const Kind *kind, Str api_version)
{
    for (size_t i = 0; i < kind->n_api_versions; i++) {
        if (str_eq(kind->api_versions[i], api_version)) {
            return true;
        }
    }
    return false;
}

static bool
check_kind(const Kinds *kinds, const Json *entity, Str ref, Arena *arena, EntityProblem *ret)
{
    const Kind *kind = kinds_find(kinds, json_str_at(entity, "kind"));
    if (!kind || !str_eq(kind->name, json_str_at(entity, "kind")) ||
        !is_version_of(kind, json_str_at(entity, "apiVersion"))) {
        ret->name = STR("InputError");
        ret->message = str_fmt(arena,
                               "No processor recognized the entity %.*s as valid, possibly caused "
                               "by a foreign kind or "
                               "apiVersion",
                               STR_ARG(ref));
        locate(entity, kind ? STR("/apiVersion") : STR("/kind"), ret);
        return false;
    }
    JsonSchemaIssue *issues;
    size_t n;
    if (json_schema_validate(kind->schema, entity, arena, 1, &issues, &n)) {
        return true;
    }
    ret->name = STR("InputError");
    ret->cause_name = STR("TypeError");
    ret->cause_message = issue_text(arena, &issues[0]);
    ret->message = str_fmt(
        arena,
        "Processor %.*s threw an error while validating the entity %.*s; caused by TypeError: %.*s",
        STR_ARG(kind->processor), STR_ARG(ref), STR_ARG(ret->cause_message));
    ret->pointer = issues[0].instance_path;
    locate(entity, ret->pointer, ret);
    return false;
}

bool entity_validate(const Kinds *kinds, const Json *entity, Arena *arena, EntityProblem *ret)
{
    *ret = (EntityProblem){0};
    if (!entity_validate_envelope(entity, arena, ret)) {
        return false;
    }
    EntityRef parts = entity_ref_of(entity);
    Str ref = entity_ref_str(arena, parts);
    Check check = {.arena = arena, .entity = entity, .ret = ret};
    if (!check_envelope(&check) || !check_roots(&check) || !check_formats(&check)) {
        ret->name = STR("InputError");
        ret->cause_name = STR("Error");
        ret->cause_message = check.message;
        ret->message = str_fmt(arena, "Policy check failed for %.*s; caused by Error: %.*s",
                               STR_ARG(ref), STR_ARG(check.message));
        return false;
    }
    return check_kind(kinds, entity, ref, arena, ret);
}
