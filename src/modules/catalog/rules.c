/* SPDX-License-Identifier: Apache-2.0
 * Which kinds may come from where: catalog.rules and the rules of single locations, as in
 * Backstage's configuration. */
#include "base/file.h"

#include "modules/catalog/catalog_priv.h"

/* What any location may bring when catalog.rules says nothing; rules of its own add to that. What
 * the operator wrote into the configuration himself, without rules, may bring any kind. */
static const char *const default_kinds[] = {"Component", "API", "Location"};

static bool names_kind(const Json *allow, const Json *entity)
{
    Str kind = json_str_at(entity, "kind");
    for (size_t i = 0; allow && allow->type == JSON_ARRAY && i < allow->n; i++) {
        const Json *item = allow->items[i];
        if (item->type == JSON_STRING && str_eq_nocase(item->text, kind)) {
            return true;
        }
        Str type = json_str_at(item, "spec.type");
        if (item->type == JSON_OBJECT && str_eq_nocase(json_str_at(item, "kind"), kind) &&
            (type.len == 0 ||
             str_eq_nocase(type, json_str(json_path(entity, "spec", "type", NULL))))) {
            return true;
        }
    }
    return false;
}

/* Patterns do not mind case, as those of Backstage's rules. */
static bool fits_pattern(Str pattern, Str target)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    return glob_match(str_lower(arena, pattern), str_lower(arena, target));
}

static bool fits_location(const Json *locations, Str location)
{
    if (!locations || locations->type != JSON_ARRAY) {
        return true; /* a rule without locations is for all of them */
    }
    size_t colon = str_find_char(location, ':');
    Str type = str_sub(location, 0, colon), target = str_from_index(location, colon + 1);
    for (size_t i = 0; i < locations->n; i++) {
        const Json *l = locations->items[i];
        Str exact = json_str_at(l, "exact"), pattern = json_str_at(l, "pattern"),
            only = json_str_at(l, "type");
        if ((only.len == 0 || str_eq(only, type)) && (exact.len == 0 || str_eq(exact, target)) &&
            (pattern.len == 0 || fits_pattern(pattern, target))) {
            return true;
        }
    }
    return false;
}

static bool any_rule_allows(const Json *rules, Str location, const Json *entity)
{
    for (size_t i = 0; rules && rules->type == JSON_ARRAY && i < rules->n; i++) {
        const Json *rule = rules->items[i];
        if (names_kind(json_get(rule, STR("allow")), entity) &&
            fits_location(json_get(rule, STR("locations")), location)) {
            return true;
        }
    }
    return false;
}

bool rules_allow(const Json *rules, const Json *own, Str origin, Str location, const Json *entity)
{
    if (any_rule_allows(own, location, entity) || any_rule_allows(rules, location, entity)) {
        return true;
    }
    if (rules && rules->type == JSON_ARRAY) {
        return false;
    }
    if (str_is(origin, "config") && !own) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(default_kinds); i++) {
        if (str_eq_nocase(json_str_at(entity, "kind"), str_from(default_kinds[i]))) {
            return true;
        }
    }
    return false;
}
