/* SPDX-License-Identifier: Apache-2.0
 * Loading, precedence, reading and reloading of settings.
 *
 * Readers take no lock: they load a pointer to an immutable snapshot. A reload makes a new snapshot
 * and keeps the old ones, because callers hold Strs into them; a reload that changes nothing keeps
 * nothing. */
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include "settings_priv.h"

#include <ctype.h>
#include <stdatomic.h>

typedef struct Snapshot {
    struct Snapshot *older;
    Arena *arena; /* owns everything of this snapshot, itself included */
    SettingValue *values;
    Str *warnings;
    size_t n_warnings;
} Snapshot;

struct Settings {
    Mutex lock; /* one reload at a time */
    Arena *arena;
    char **argv; /* copies: a reload reads them again */
    int argc;
    const char **files;
    size_t n_files;
    _Atomic(Snapshot *) current;
};

typedef struct Loader {
    Arena *arena;
    Error *err;
    const Settings *settings;
    SettingsFile *files;
    const char **flags; /* by table index: value given on the command line, or NULL */
    SettingsStrs warnings;
} Loader;

Str settings_env_name(Arena *arena, const SettingDef *def)
{
    Buf out = buf_init(arena, SETTINGS_PATH_MAX);
    buf_lit(&out, "FAIRWAY_");
    for (const char *c = def->name; *c; c++) {
        buf_char(&out, *c == '.' ? '_' : (char)toupper((unsigned char)*c));
    }
    return buf_str(&out);
}

/* ---- command line */

static const SettingDef *def_of_flag(Str flag)
{
    for (size_t i = 0; i < settings_table_n; i++) {
        if (settings_table[i].flag && str_is(flag, settings_table[i].flag)) {
            return &settings_table[i];
        }
    }
    return NULL;
}

static Rc refuse_flag(Loader *l, Str flag)
{
    if (!str_starts(flag, STR("-"))) {
        return error_set(l->err, RC_INVALID, "'%.*s' is one argument too many.", STR_ARG(flag));
    }
    const char **known = ARENA_ARRAY(l->arena, const char *, settings_table_n);
    for (size_t i = 0; i < settings_table_n; i++) {
        known[i] = settings_table[i].flag;
    }
    const char *suggestion = settings_suggest(flag, known, settings_table_n);
    if (suggestion) {
        return error_set(l->err, RC_INVALID, "There is no option %.*s; did you mean %s?",
                         STR_ARG(flag), suggestion);
    }
    return error_set(l->err, RC_INVALID, "There is no option %.*s.", STR_ARG(flag));
}

static Rc read_flags(Loader *l)
{
    const Settings *s = l->settings;
    l->flags = ARENA_ARRAY(l->arena, const char *, settings_table_n);
    for (int i = 0; i < s->argc; i++) {
        Str arg = str_from(s->argv[i]);
        size_t equals = str_find_char(arg, '=');
        Str flag = str_sub(arg, 0, equals);
        const SettingDef *def = def_of_flag(flag);
        if (!def) {
            return refuse_flag(l, flag);
        }
        const char *value;
        if (equals != SIZE_MAX) {
            value = s->argv[i] + equals + 1;
        } else if (def->type == SETTING_BOOL) {
            value = "true";
        } else if (i + 1 < s->argc) {
            value = s->argv[++i];
        } else {
            return error_set(l->err, RC_INVALID, "%s needs a value: %s.", def->flag,
                             str_cstr(l->arena, settings_accepts(l->arena, def)));
        }
        l->flags[def - settings_table] = value;
    }
    return RC_OK;
}

/* ---- files */

static Rc read_files(Loader *l)
{
    const Settings *s = l->settings;
    l->files = ARENA_ARRAY(l->arena, SettingsFile, s->n_files);
    for (size_t i = 0; i < s->n_files; i++) {
        TRY(settings_file_read(l->arena, s->files[i], &l->files[i], &l->warnings, l->err));
    }
    settings_check_keys(l->arena, l->files, s->n_files, &l->warnings);
    return RC_OK;
}

/* Objects key by key, everything else replaced; a null takes the key away. */
static Json *merge(Arena *arena, Json *under, const Json *over)
{
    if (!json_is(under, JSON_OBJECT) || over->type != JSON_OBJECT) {
        return json_clone(arena, over);
    }
    for (uint32_t i = 0; i < over->n; i++) {
        Str key = over->members[i].key;
        json_set(arena, under, key, merge(arena, json_get(under, key), over->members[i].value));
    }
    return under;
}

typedef struct Found {
    Json *value;
    const SettingsFile *file;
    uint32_t line;
} Found;

static void find_in_files(Loader *l, const SettingDef *def, Found *ret)
{
    for (size_t i = 0; i < l->settings->n_files; i++) {
        const char *const paths[] = {def->backstage, def->name};
        for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
            const Json *v = paths[p] ? settings_lookup(l->files[i].root, paths[p]) : NULL;
            if (!v || (p == 1 && paths[0] && strcmp(paths[0], paths[1]) == 0)) {
                continue;
            }
            ret->value = v->type == JSON_NULL ? NULL : merge(l->arena, ret->value, v);
            ret->file = &l->files[i];
            ret->line = v->line;
        }
    }
}

/* ---- one value */

static Rc
load_from_environment(Loader *l, const SettingDef *def, SettingValue *ret, bool *ret_found)
{
    Str own = settings_env_name(l->arena, def);
    Str rest =
        str_fmt(l->arena, "%.*s%s%s", STR_ARG(own), def->env ? " " : "", def->env ? def->env : "");
    Str name;
    while (str_split(&rest, ' ', &name)) {
        const char *value = getenv(str_cstr(l->arena, name));
        if (value && *value) {
            *ret_found = true;
            Str where = str_fmt(l->arena, "environment %.*s", STR_ARG(name));
            return settings_value_parse_text(l->arena, def, str_from(value), where, ret, l->err);
        }
    }
    return RC_OK;
}

static Rc load_value(Loader *l, const SettingDef *def, SettingValue *ret)
{
    const char *flag = l->flags[def - settings_table];
    if (flag) {
        return settings_value_parse_text(l->arena, def, str_from(flag), str_from(def->flag), ret,
                                         l->err);
    }
    bool found = false;
    TRY(load_from_environment(l, def, ret, &found));
    if (found) {
        return RC_OK;
    }
    Found in_file = {0};
    find_in_files(l, def, &in_file);
    if (in_file.value) {
        Str where = str_fmt(l->arena, "file %.*s:%u", STR_ARG(in_file.file->path), in_file.line);
        TRY(settings_value_parse(l->arena, def, in_file.value, where, ret, l->err));
        ret->dir = in_file.file->dir;
        return RC_OK;
    }
    *ret = (SettingValue){.origin = STR("default")};
    return def->otherwise ? settings_value_parse_text(l->arena, def, str_from(def->otherwise),
                                                      STR("default"), ret, l->err)
                          : RC_OK;
}

static Rc load_snapshot(const Settings *s, Snapshot **ret, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(16 * KIB);
    Loader l = {.arena = arena, .err = err, .settings = s, .warnings = {.arena = arena}};
    TRY(read_flags(&l));
    TRY(read_files(&l));
    Snapshot *snapshot = ARENA_NEW(arena, Snapshot);
    snapshot->arena = arena;
    snapshot->values = ARENA_ARRAY(arena, SettingValue, settings_table_n);
    for (size_t i = 0; i < settings_table_n; i++) {
        TRY(load_value(&l, &settings_table[i], &snapshot->values[i]));
    }
    snapshot->warnings = l.warnings.at;
    snapshot->n_warnings = l.warnings.n;
    arena = NULL;
    *ret = snapshot;
    return RC_OK;
}

/* ---- life */

Rc settings_load(const SettingsSource *source, Settings **ret, Error *err)
{
    Arena *arena = arena_new(0);
    Settings *s = ARENA_NEW(arena, Settings);
    mutex_init(&s->lock);
    s->arena = arena;
    s->argc = source->argc;
    s->argv = ARENA_ARRAY(arena, char *, (size_t)source->argc + 1);
    for (int i = 0; i < source->argc; i++) {
        s->argv[i] = arena_dup(arena, source->argv[i], strlen(source->argv[i]) + 1);
    }
    s->n_files = source->n_files;
    s->files = ARENA_ARRAY(arena, const char *, source->n_files);
    for (size_t i = 0; i < source->n_files; i++) {
        s->files[i] = str_cstr(arena, str_from(source->files[i]));
    }
    Snapshot *first;
    Rc rc = load_snapshot(s, &first, err);
    if (rc != RC_OK) {
        settings_free(s);
        return rc;
    }
    atomic_store(&s->current, first);
    *ret = s;
    return RC_OK;
}

void settings_free(Settings *s)
{
    if (!s) {
        return;
    }
    Snapshot *at = atomic_load(&s->current);
    while (at) {
        Snapshot *older = at->older;
        arena_free(at->arena);
        at = older;
    }
    mutex_done(&s->lock);
    arena_free(s->arena);
}

/* Live settings take the new value, the others keep the old one and are named in the log. */
static bool adopt(const Snapshot *old, Snapshot *fresh)
{
    bool changed = false;
    for (size_t i = 0; i < settings_table_n; i++) {
        const SettingDef *def = &settings_table[i];
        if (settings_value_equal(def, &old->values[i], &fresh->values[i])) {
            continue;
        }
        if (def->reload == RELOAD_LIVE) {
            changed = true;
            log_info("settings.changed", F_CSTR("setting", def->name),
                     F_STR("origin", fresh->values[i].origin));
        } else {
            fresh->values[i] = old->values[i];
            log_warn("settings.restart_needed", F_CSTR("setting", def->name));
        }
    }
    return changed;
}

Rc settings_reload(Settings *s, Error *err)
{
    Snapshot *fresh = NULL;
    mutex_lock(&s->lock);
    Rc rc = load_snapshot(s, &fresh, err);
    if (rc == RC_OK) {
        Snapshot *old = atomic_load(&s->current);
        if (adopt(old, fresh)) {
            fresh->older = old;
            atomic_store(&s->current, fresh);
        } else {
            arena_free(fresh->arena);
        }
    }
    mutex_unlock(&s->lock);
    return rc;
}

/* ---- reading */

static const SettingValue *value_of(Settings *s, const char *name, const SettingDef **ret_def)
{
    size_t i = 0;
    while (i < settings_table_n && strcmp(settings_table[i].name, name) != 0) {
        i++;
    }
    ASSERT(i < settings_table_n);
    *ret_def = &settings_table[i];
    return &atomic_load(&s->current)->values[i];
}

static const SettingValue *typed_value(Settings *s, const char *name, SettingType type)
{
    const SettingDef *def;
    const SettingValue *value = value_of(s, name, &def);
    ASSERT(def->type == type);
    return value;
}

Str settings_str(Settings *s, const char *name)
{
    return typed_value(s, name, SETTING_STRING)->text;
}

int64_t settings_int(Settings *s, const char *name)
{
    return typed_value(s, name, SETTING_INT)->number;
}

bool settings_bool(Settings *s, const char *name)
{
    return typed_value(s, name, SETTING_BOOL)->number != 0;
}

int64_t settings_duration_us(Settings *s, const char *name)
{
    return typed_value(s, name, SETTING_DURATION)->number;
}

int64_t settings_bytes(Settings *s, const char *name)
{
    return typed_value(s, name, SETTING_BYTES)->number;
}

const Json *settings_json(Settings *s, const char *name)
{
    const SettingDef *def;
    const SettingValue *value = value_of(s, name, &def);
    ASSERT(def->type == SETTING_JSON || def->type == SETTING_LIST);
    return value->json;
}

Str settings_origin(Settings *s, const char *name)
{
    const SettingDef *def;
    return value_of(s, name, &def)->origin;
}

const Str *settings_warnings(Settings *s, size_t *ret_n)
{
    const Snapshot *now = atomic_load(&s->current);
    *ret_n = now->n_warnings;
    return now->warnings;
}

Str settings_dir(Settings *s, const char *name)
{
    const SettingDef *def;
    return value_of(s, name, &def)->dir;
}
