/* SPDX-License-Identifier: Apache-2.0
 * What filters look in: a walk over an entity that names every scalar leaf by its dotted path.
 * Arrays of strings are named twice, as path = item and as path.item = true, so that several items
 * can be asked for at once. */
#include "base/map.h"

#include "modules/catalog/entity.h"

#include <string.h>

enum { KEY_MAX = 200, VALUE_MAX = 200 };

/* Not walked at all: made by the catalog, or kept in columns. */
static const Str never_walked[] = {
    STR_INIT("attachments"),   STR_INIT("relations"),          STR_INIT("status"),
    STR_INIT("metadata.name"), STR_INIT("metadata.namespace"), STR_INIT("metadata.uid"),
    STR_INIT("metadata.etag"),
};
/* Long or rarely asked for: answered from the body. A name ending in a dot covers everything below
 * it. */
static const Str body_only[] = {
    STR_INIT("apiversion"),
    STR_INIT("kind"),
    STR_INIT("metadata.description"),
    STR_INIT("metadata.links."),
    STR_INIT("metadata.annotations.backstage.io/managed-by-location"),
    STR_INIT("metadata.annotations.backstage.io/managed-by-origin-location"),
    STR_INIT("metadata.annotations.backstage.io/view-url"),
    STR_INIT("metadata.annotations.backstage.io/edit-url"),
    STR_INIT("metadata.annotations.backstage.io/source-location"),
    STR_INIT("spec.definition"),
    STR_INIT("spec.steps."),
    STR_INIT("spec.parameters."),
};

bool entity_key_is_indexed(Str key)
{
    for (size_t i = 0; i < ARRAY_LEN(body_only); i++) {
        bool below = body_only[i].ptr[body_only[i].len - 1] == '.';
        if (below ? str_starts(key, body_only[i]) : str_eq(key, body_only[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(never_walked); i++) {
        if (str_eq(key, never_walked[i])) {
            return false;
        }
    }
    return true;
}

typedef struct Walk {
    Arena *arena;
    /* One leaf; returns false to end the walk. value.ptr NULL: JSON null. */
    bool (*leaf)(struct Walk *walk, Str raw_key, Str key, Str value);
    void *user;
    char raw[KEY_MAX + 2];
    size_t len;
    bool ended;
    bool without_items; /* leaves out path.item = true */
} Walk;

static Str number_text(Arena *arena, const Json *number)
{
    int64_t whole;
    double v;
    if (json_to_i64(number, &whole)) {
        return str_fmt(arena, "%lld", (long long)whole);
    }
    if (json_to_double(number, &v)) {
        return json_double(arena, v)->text;
    }
    return number->text;
}

static void emit(Walk *walk, Str value)
{
    Str raw = str_of(walk->raw, walk->len);
    if (!walk->leaf(walk, raw, str_lower_utf8(walk->arena, raw), value)) {
        walk->ended = true;
    }
}

/* Appends ".part" to the path; false when the key would be too long to keep. */
static bool push(Walk *walk, Str part)
{
    size_t dot = walk->len ? 1 : 0;
    if (walk->len + dot + part.len > KEY_MAX) {
        return false;
    }
    if (dot) {
        walk->raw[walk->len++] = '.';
    }
    if (part.len) {
        memcpy(walk->raw + walk->len, part.ptr, part.len);
        walk->len += part.len;
    }
    return true;
}

static void visit(Walk *walk, const Json *node);

static void visit_item(Walk *walk, const Json *item)
{
    visit(walk, item);
    size_t len = walk->len;
    if (!walk->ended && !walk->without_items && item->type == JSON_STRING &&
        push(walk, item->text)) {
        emit(walk, STR("true"));
    }
    walk->len = len;
}

static bool is_never_walked(const Walk *walk)
{
    Str path = str_of(walk->raw, walk->len);
    for (size_t i = 0; i < ARRAY_LEN(never_walked); i++) {
        if (str_eq(path, never_walked[i])) {
            return true;
        }
    }
    return false;
}

static void visit_members(Walk *walk, const Json *object)
{
    for (size_t i = 0; i < object->n && !walk->ended; i++) {
        size_t len = walk->len;
        if (push(walk, object->members[i].key) && !is_never_walked(walk)) {
            visit(walk, object->members[i].value);
        }
        walk->len = len;
    }
}

static void visit(Walk *walk, const Json *node)
{
    switch (node->type) {
    case JSON_OBJECT:
        visit_members(walk, node);
        break;
    case JSON_ARRAY:
        for (size_t i = 0; i < node->n && !walk->ended; i++) {
            visit_item(walk, node->items[i]);
        }
        break;
    case JSON_NULL:
        emit(walk, STR_EMPTY);
        break;
    case JSON_BOOL:
        emit(walk, node->boolean ? STR("true") : STR("false"));
        break;
    case JSON_NUMBER:
        emit(walk, number_text(walk->arena, node));
        break;
    case JSON_STRING:
        emit(walk, node->text.ptr ? node->text : STR(""));
        break;
    }
}

/* Length in UTF-16 units, as the limits count. */
static size_t utf16_length(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        n += (c & 0xc0) != 0x80 ? (c >= 0xf0 ? 2 : 1) : 0;
    }
    return n;
}

static EntityField make_field(Arena *arena, Str key, Str value)
{
    if (!value.ptr || utf16_length(value) > VALUE_MAX) {
        return (EntityField){.key = key, .value = STR(ENTITY_FIELD_NULL)};
    }
    return (EntityField){
        .key = key, .value = str_lower_utf8(arena, value), .original = str_dup(arena, value)};
}

typedef struct Known {
    Str raw_key;
    size_t last; /* index of the newest field of this key; SIZE_MAX none */
    size_t n;    /* how many there are */
} Known;

typedef struct Collect {
    EntityFields *fields;
    VEC(size_t) before; /* per field: the one before it with the same key, SIZE_MAX none */
    Map keys;           /* lower case key -> Known */
    Map pairs;          /* "key\0value" of keys with many values */
    Str twin;           /* the first key that differs from another only in case; "" none */
} Collect;

enum { CHAIN_MAX = 16 }; /* beyond this many values of one key doubles are found by hash */

static bool is_double(Walk *walk, Collect *collect, const Known *known, const EntityField *field)
{
    if (known->n > CHAIN_MAX) {
        Str parts[] = {field->key, field->value};
        return map_put(&collect->pairs, str_join(walk->arena, parts, 2, str_of("\0", 1)),
                       collect) != NULL;
    }
    for (size_t i = known->last; i != SIZE_MAX; i = collect->before.at[i]) {
        if (str_eq(collect->fields->at[i].value, field->value)) {
            return true;
        }
    }
    return false;
}

static bool collect_leaf(Walk *walk, Str raw_key, Str key, Str value)
{
    Collect *collect = walk->user;
    Known *known = map_get(&collect->keys, key);
    if (!known) {
        known = ARENA_NEW(walk->arena, Known);
        *known = (Known){.raw_key = str_dup(walk->arena, raw_key), .last = SIZE_MAX};
        map_put(&collect->keys, key, known);
    } else if (!str_eq(known->raw_key, raw_key)) {
        collect->twin = key;
        return false;
    }
    if (!entity_key_is_indexed(key)) {
        return true;
    }
    EntityField field = make_field(walk->arena, key, value);
    if (!is_double(walk, collect, known, &field)) {
        VEC_PUSH(&collect->before, known->last);
        known->last = collect->fields->n;
        known->n++;
        VEC_PUSH(collect->fields, field);
    }
    return true;
}

Rc entity_fields(const Json *entity, Arena *arena, EntityFields *ret, Error *err)
{
    *ret = (EntityFields){.arena = arena};
    Collect collect = {.fields = ret,
                       .before = {.arena = arena},
                       .keys = map_init(arena),
                       .pairs = map_init(arena)};
    Walk walk = {.arena = arena, .leaf = collect_leaf, .user = &collect, .without_items = true};
    visit(&walk, entity);
    if (collect.twin.len) {
        return error_set(err, RC_INVALID,
                         "Entity has duplicate keys that vary only in casing, '%.*s'",
                         STR_ARG(collect.twin));
    }
    return RC_OK;
}

typedef struct Match {
    Str key;
    const Str *value;
    bool found;
} Match;

static bool match_leaf(Walk *walk, Str raw_key, Str key, Str value)
{
    (void)raw_key;
    Match *match = walk->user;
    if (!str_eq(key, match->key)) {
        return true;
    }
    if (!match->value) {
        match->found = true;
    } else if (value.ptr && utf16_length(value) <= VALUE_MAX) {
        match->found = str_eq(str_lower_utf8(walk->arena, value), *match->value);
    }
    return !match->found;
}

/* The keys that the walk leaves out because columns or relations hold them. */
static bool match_special(const Json *entity, Match *match, Arena *arena)
{
    const Json *metadata = json_get(entity, STR("metadata"));
    Str found;
    if (str_is(match->key, "metadata.name")) {
        found = json_str_at(metadata, "name");
    } else if (str_is(match->key, "metadata.namespace")) {
        found = entity_ref_of(entity).namespace_;
    } else if (str_is(match->key, "metadata.uid")) {
        found = json_str_at(metadata, "uid");
    } else if (str_starts(match->key, STR("relations."))) {
        const Json *relations = json_get(entity, STR("relations"));
        for (size_t i = 0;
             relations && relations->type == JSON_ARRAY && i < relations->n && !match->found; i++) {
            Str type = str_lower(arena, json_str_at(relations->items[i], "type"));
            Str target = str_lower_utf8(arena, json_str_at(relations->items[i], "targetRef"));
            match->found = str_eq(type, str_from_index(match->key, 10)) &&
                           (!match->value || str_eq(target, *match->value));
        }
        return true;
    } else {
        return false;
    }
    match->found = !match->value || str_eq(str_lower_utf8(arena, found), *match->value);
    return true;
}

bool entity_matches(const Json *entity, Str key, const Str *value)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Match match = {.key = key, .value = value};
    if (!match_special(entity, &match, arena)) {
        Walk walk = {.arena = arena, .leaf = match_leaf, .user = &match};
        visit(&walk, entity);
    }
    return match.found;
}

typedef struct Values {
    Str key;
    EntityFields *fields;
} Values;

static bool value_leaf(Walk *walk, Str raw_key, Str key, Str value)
{
    (void)raw_key;
    Values *values = walk->user;
    if (str_eq(key, values->key)) {
        VEC_PUSH(values->fields, make_field(walk->arena, key, value));
    }
    return true;
}

static void relation_values(const Json *entity, Values *values, Arena *arena)
{
    const Json *relations = json_get(entity, STR("relations"));
    for (size_t i = 0; json_is(relations, JSON_ARRAY) && i < relations->n; i++) {
        Str type = str_lower(arena, json_str_at(relations->items[i], "type"));
        if (str_eq(type, str_from_index(values->key, sizeof("relations.") - 1))) {
            Str target = json_str_at(relations->items[i], "targetRef");
            VEC_PUSH(values->fields, make_field(arena, values->key, target));
        }
    }
}

void entity_values(const Json *entity, Str key, Arena *arena, EntityFields *ret)
{
    *ret = (EntityFields){.arena = arena};
    Values values = {key, ret};
    const Json *metadata = json_get(entity, STR("metadata"));
    if (str_is(key, "metadata.name") || str_is(key, "metadata.uid")) {
        Str value = json_str(json_get(metadata, str_from_index(key, sizeof("metadata.") - 1)));
        VEC_PUSH(ret, make_field(arena, key, value));
    } else if (str_is(key, "metadata.namespace")) {
        VEC_PUSH(ret, make_field(arena, key, entity_ref_of(entity).namespace_));
    } else if (str_starts(key, STR("relations."))) {
        relation_values(entity, &values, arena);
    } else {
        Walk walk = {.arena = arena, .leaf = value_leaf, .user = &values};
        visit(&walk, entity);
    }
}
