/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/catalog/kinds.h"

#include "base/map.h"
#include "base/vec.h"

#include "data/yaml.h"

/* catalog/kinds/builtin.yaml, embedded at build. */
extern const unsigned char kinds_builtin_data[];
extern const size_t kinds_builtin_len;

enum { KINDS_MAX = 1000, RELATIONS_MAX = 64, PATH_MAX_PARTS = 16 };

struct Kinds {
    Arena *arena;
    Kind *list;
    size_t n;
    Map by_name; /* lower case -> Kind */
    Map pairs;   /* either name -> RelationPair */
};

/* The pairs that Backstage knows, forward name first: the direction in which rows are kept. */
static const RelationPair known_pairs[] = {
    {STR_INIT("ownedBy"),     STR_INIT("ownerOf")      },
    {STR_INIT("partOf"),      STR_INIT("hasPart")      },
    {STR_INIT("providesApi"), STR_INIT("apiProvidedBy")},
    {STR_INIT("consumesApi"), STR_INIT("apiConsumedBy")},
    {STR_INIT("dependsOn"),   STR_INIT("dependencyOf") },
    {STR_INIT("childOf"),     STR_INIT("parentOf")     },
    {STR_INIT("memberOf"),    STR_INIT("hasMember")    },
};

static void add_pair(Kinds *kinds, RelationPair pair)
{
    RelationPair *copy = ARENA_NEW(kinds->arena, RelationPair);
    *copy =
        (RelationPair){str_dup(kinds->arena, pair.forward), str_dup(kinds->arena, pair.reverse)};
    map_put(&kinds->pairs, copy->forward, copy);
    map_put(&kinds->pairs, copy->reverse, copy);
}

static Rc split_path(Arena *arena, Str text, KindRelation *ret, Error *err)
{
    typedef VEC(Str) Parts;
    Parts parts = {.arena = arena};
    Str part;
    while (str_split(&text, '.', &part)) {
        if (part.len == 0 || parts.n == PATH_MAX_PARTS) {
            return error_set(err, RC_INVALID,
                             "a relation's field must be a dotted path such as spec.owner");
        }
        VEC_PUSH(&parts, str_dup(arena, part));
    }
    ret->path = parts.at;
    ret->n_path = parts.n;
    return RC_OK;
}

static Rc read_relation(Kinds *kinds, const Json *row, KindRelation *ret, Error *err)
{
    Str type = json_str_at(row, "type"), inverse = json_str_at(row, "inverse");
    if (type.len == 0 || inverse.len == 0 || json_str_at(row, "field").len == 0) {
        return error_set_at(err, RC_INVALID, row->line, row->column,
                            "a relation needs field, type and inverse");
    }
    TRY(split_path(kinds->arena, json_str_at(row, "field"), ret, err));
    const RelationPair *pair = map_get(&kinds->pairs, type);
    if (!pair && !map_has(&kinds->pairs, inverse)) {
        add_pair(kinds, (RelationPair){type, inverse});
        pair = map_get(&kinds->pairs, type);
    }
    bool fits = pair && ((str_eq(pair->forward, type) && str_eq(pair->reverse, inverse)) ||
                         (str_eq(pair->forward, inverse) && str_eq(pair->reverse, type)));
    if (!fits) {
        return error_set(err, RC_INVALID,
                         "relation types '%.*s' and '%.*s' are already paired with others",
                         STR_ARG(type), STR_ARG(inverse));
    }
    ret->pair = *pair;
    ret->is_inverse = !str_eq(pair->forward, type);
    ret->default_kind = str_dup(kinds->arena, json_str_at(row, "default_kind"));
    return RC_OK;
}

static Rc read_relations(Kinds *kinds, const Json *rows, Kind *kind, Error *err)
{
    if (!rows || rows->type == JSON_NULL) {
        return RC_OK;
    }
    if (rows->type != JSON_ARRAY || rows->n > RELATIONS_MAX) {
        return error_set(err, RC_INVALID, "relations must be a list of at most %d", RELATIONS_MAX);
    }
    kind->relations = ARENA_ARRAY(kinds->arena, KindRelation, rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        TRY(read_relation(kinds, rows->items[i], &kind->relations[i], err));
    }
    kind->n_relations = rows->n;
    return RC_OK;
}

static Rc read_api_versions(Kinds *kinds, const Json *rows, Kind *kind, Error *err)
{
    if (!json_is(rows, JSON_ARRAY) || rows->n == 0) {
        return error_set(err, RC_INVALID,
                         "api_versions must be a list with at least one apiVersion");
    }
    kind->api_versions = ARENA_ARRAY(kinds->arena, Str, rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        kind->api_versions[i] = str_dup(kinds->arena, json_str(rows->items[i]));
    }
    kind->n_api_versions = rows->n;
    return RC_OK;
}

static Rc read_kind(Kinds *kinds, const Json *row, bool is_builtin, Error *err)
{
    Arena *arena = kinds->arena;
    Kind *kind = &kinds->list[kinds->n];
    *kind = (Kind){
        .name = str_dup(arena, json_str_at(row, "name")),
        .title = str_dup(arena, json_str_at(row, "title")),
        .description = str_dup(arena, json_str_at(row, "description")),
        .processor = str_dup(arena, json_str_at(row, "processor")),
        .is_builtin = is_builtin,
    };
    if (kind->name.len == 0) {
        return error_set(err, RC_INVALID, "a kind needs a name");
    }
    if (kind->processor.len == 0) {
        kind->processor =
            is_builtin ? STR("BuiltinKindsEntityProcessor") : STR("CatalogKindProcessor");
    }
    Str key = str_lower(arena, kind->name);
    if (map_has(&kinds->by_name, key)) {
        return error_set(err, RC_CONFLICT, "the kind %.*s exists already", STR_ARG(kind->name));
    }
    TRY(read_api_versions(kinds, json_get(row, STR("api_versions")), kind, err));
    TRY(read_relations(kinds, json_get(row, STR("relations")), kind, err));
    Json *schema = json_get(row, STR("schema"));
    kind->schema_json = schema ? json_clone(arena, schema) : json_object(arena);
    JsonSchemaOptions options = {.dialect = JSON_SCHEMA_DRAFT_07};
    TRY(json_schema_compile(arena, kind->schema_json, &options, &kind->schema, err));
    Json *properties = json_get(row, STR("properties"));
    kind->properties =
        properties && properties->type == JSON_OBJECT ? json_clone(arena, properties) : NULL;
    map_put(&kinds->by_name, key, kind);
    kinds->n++;
    return RC_OK;
}

static Rc fill(Kinds *kinds, const Json *const *definitions, size_t n, Error *err)
{
    YamlDocument *docs;
    size_t n_docs;
    Str text = str_of((const char *)kinds_builtin_data, kinds_builtin_len);
    TRY(yaml_parse_all(kinds->arena, text, NULL, &docs, &n_docs, err));
    const Json *builtin = docs[0].root;
    if (n > KINDS_MAX) {
        return error_set(err, RC_LIMIT, "there are more than %d kinds", KINDS_MAX);
    }
    kinds->list = ARENA_ARRAY(kinds->arena, Kind, builtin->n + n);
    for (size_t i = 0; i < builtin->n; i++) {
        TRY(read_kind(kinds, builtin->items[i], true, err));
    }
    for (size_t i = 0; i < n; i++) {
        Rc rc = read_kind(kinds, definitions[i], false, err);
        if (rc != RC_OK) {
            error_prefix(err, "kind %.*s", STR_ARG(json_str_at(definitions[i], "name")));
            return rc;
        }
    }
    return RC_OK;
}

Rc kinds_new(const Json *const *definitions, size_t n, Kinds **ret, Error *err)
{
    Arena *arena = arena_new(32 * KIB);
    Kinds *kinds = ARENA_NEW(arena, Kinds);
    *kinds = (Kinds){.arena = arena, .by_name = map_init(arena), .pairs = map_init(arena)};
    for (size_t i = 0; i < ARRAY_LEN(known_pairs); i++) {
        add_pair(kinds, known_pairs[i]);
    }
    Rc rc = fill(kinds, definitions, n, err);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    *ret = kinds;
    return RC_OK;
}

void kinds_free(Kinds *kinds)
{
    if (kinds) {
        arena_free(kinds->arena);
    }
}

const Kind *kinds_find(const Kinds *kinds, Str name)
{
    char lower[64];
    if (name.len >= sizeof lower) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return map_get(&kinds->by_name, str_of(lower, name.len));
}

const Kind *kinds_list(const Kinds *kinds, size_t *ret_n)
{
    *ret_n = kinds->n;
    return kinds->list;
}

bool kinds_relation(
    const Kinds *kinds, Str type, Str *ret_forward, Str *ret_reverse, bool *ret_is_forward)
{
    const RelationPair *pair = map_get(&kinds->pairs, type);
    if (!pair) {
        return false;
    }
    *ret_forward = pair->forward;
    *ret_reverse = pair->reverse;
    *ret_is_forward = str_eq(pair->forward, type);
    return true;
}
