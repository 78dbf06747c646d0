/* SPDX-License-Identifier: Apache-2.0
 * Which keys of the files nothing reads. Backstage's are named apart from unknown ones: the first
 * are expected when an app-config.yaml is brought along, the second are usually slips. */
#include "settings_priv.h"

/* Root keys of Backstage's app-config.yaml: its core and the plugins of its own repositories. */
static const char *const backstage_roots[] = {
    "app",        "auth",          "azureDevOps",  "backend",    "catalog",    "costInsights",
    "customPath", "devTools",      "discovery",    "enabled",    "events",     "gateway",
    "homepage",   "integrations",  "jenkins",      "kafka",      "kubernetes", "lighthouse",
    "mcpActions", "notifications", "organization", "permission", "proxy",      "rollbar",
    "scaffolder", "search",        "sentry",       "signals",    "sonarqube",  "stackoverflow",
    "techRadar",  "techdocs",      "userSettings", "vault",
};

typedef struct KeyCheck {
    Arena *arena;
    const SettingsFile *file;
    SettingsStrs unused, unknown;
} KeyCheck;

typedef enum KeyFit { KEY_UNKNOWN, KEY_LEADS_ON, KEY_KNOWN } KeyFit;

static KeyFit fit_path(const SettingDef *def, const char *known, Str path)
{
    Str name = str_from(known);
    if (str_eq(name, path)) {
        return KEY_KNOWN;
    }
    bool below = path.len > name.len && path.ptr[name.len] == '.' && str_starts(path, name);
    if (name.len > 0 && below &&
        (def->type == SETTING_JSON || def->type == SETTING_LIST || def->type == SETTING_DURATION)) {
        return KEY_KNOWN;
    }
    bool above = name.len > path.len && name.ptr[path.len] == '.' && str_starts(name, path);
    return above ? KEY_LEADS_ON : KEY_UNKNOWN;
}

static KeyFit fit(Str path)
{
    KeyFit best = KEY_UNKNOWN;
    for (size_t i = 0; i < settings_table_n && best != KEY_KNOWN; i++) {
        const SettingDef *def = &settings_table[i];
        best = MAX(best, fit_path(def, def->name, path));
        best = MAX(best, fit_path(def, def->backstage ? def->backstage : "", path));
    }
    return best;
}

static bool is_backstage_path(Str path)
{
    Str root = str_sub(path, 0, str_find_char(path, '.'));
    for (size_t i = 0; i < ARRAY_LEN(backstage_roots); i++) {
        if (str_is(root, backstage_roots[i])) {
            return true;
        }
    }
    return false;
}

/* Damerau-Levenshtein without the transposition memory: enough for a slip of one or two letters. */
static size_t edit_distance(Str a, Str b)
{
    enum { NAME_MAX_LEN = 40 };
    size_t row[NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t up = row[j];
            size_t replaced = diagonal + (a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1);
            row[j] = MIN(replaced, MIN(row[j - 1], up) + 1);
            diagonal = up;
        }
    }
    return row[b.len];
}

const char *settings_suggest(Str name, const char *const *known, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; i < n; i++) {
        size_t distance = known[i] ? edit_distance(name, str_from(known[i])) : SIZE_MAX;
        if (distance < best_distance && distance * 2 < name.len) {
            best = known[i];
            best_distance = distance;
        }
    }
    return best;
}

/* Known parts of dotted names: "server", "port", "catalog", … */
static const char *suggest_name(KeyCheck *check, Str path)
{
    const char **names = ARENA_ARRAY(check->arena, const char *, settings_table_n * 2);
    for (size_t i = 0; i < settings_table_n; i++) {
        const char *name = settings_table[i].name;
        names[2 * i] = name;
        names[2 * i + 1] =
            str_cstr(check->arena, str_sub(str_from(name), 0, str_find_char(str_from(name), '.')));
    }
    return settings_suggest(path, names, settings_table_n * 2);
}

static void note(KeyCheck *check, Str path, const Json *value)
{
    if (check->file->is_backstage && is_backstage_path(path)) {
        VEC_PUSH(&check->unused, path);
        return;
    }
    const char *suggestion = suggest_name(check, path);
    VEC_PUSH(&check->unknown,
             suggestion ? str_fmt(check->arena, "%.*s (line %u, did you mean %s?)", STR_ARG(path),
                                  value->line, suggestion)
                        : str_fmt(check->arena, "%.*s (line %u)", STR_ARG(path), value->line));
}

static void check_object(KeyCheck *check, Str prefix, const Json *object)
{
    for (uint32_t i = 0; i < object->n; i++) {
        Str key = object->members[i].key;
        const Json *value = object->members[i].value;
        Str path = prefix.len == 0
                       ? key
                       : str_fmt(check->arena, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(key));
        KeyFit how = path.len > SETTINGS_PATH_MAX ? KEY_UNKNOWN : fit(path);
        if (how == KEY_LEADS_ON && value->type == JSON_OBJECT) {
            check_object(check, path, value);
        } else if (how != KEY_KNOWN && value->type != JSON_NULL) {
            note(check, path, value);
        }
    }
}

static void
warn(KeyCheck *check, const char *what, const SettingsStrs *keys, SettingsStrs *warnings)
{
    if (keys->n == 0) {
        return;
    }
    size_t shown = MIN(keys->n, (size_t)SETTINGS_WARNING_KEYS_MAX);
    Str list = str_join(check->arena, keys->at, shown, STR(", "));
    Str more =
        shown < keys->n ? str_fmt(check->arena, " and %zu more", keys->n - shown) : STR_EMPTY;
    VEC_PUSH(warnings, str_fmt(check->arena, "%.*s: %s: %.*s%.*s", STR_ARG(check->file->path), what,
                               STR_ARG(list), STR_ARG(more)));
}

void settings_check_keys(Arena *arena, const SettingsFile *files, size_t n, SettingsStrs *warnings)
{
    for (size_t i = 0; i < n; i++) {
        KeyCheck check = {.arena = arena, .file = &files[i]};
        check.unused.arena = check.unknown.arena = arena;
        check_object(&check, STR_EMPTY, files[i].root);
        warn(&check, "keys of Backstage that Fairway does not use", &check.unused, warnings);
        warn(&check, "unknown keys", &check.unknown, warnings);
    }
}
