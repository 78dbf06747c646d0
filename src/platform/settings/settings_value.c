/* SPDX-License-Identifier: Apache-2.0
 * From a written value to a checked one: each type in one function, each refusal in one sentence
 * that says what is accepted. The value of a secret setting is never repeated in a message. */
#include "base/time.h"

#include "data/yaml.h"
#include "settings_priv.h"

#include <inttypes.h>

const char *settings_type_name(SettingType type)
{
    static const char *const names[] = {
        [SETTING_STRING] = "text",  [SETTING_INT] = "whole number",
        [SETTING_BOOL] = "boolean", [SETTING_DURATION] = "duration",
        [SETTING_BYTES] = "size",   [SETTING_JSON] = "structure",
        [SETTING_LIST] = "list",
    };
    return names[type];
}

static Str duration_text(Arena *arena, int64_t us)
{
    static const struct {
        int64_t us;
        const char *unit;
    } units[] = {
        {US_PER_DAY,    "d"},
        {US_PER_HOUR,   "h"},
        {US_PER_MINUTE, "m"},
        {US_PER_SECOND, "s"}
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (us != 0 && us % units[i].us == 0) {
            return str_fmt(arena, "%" PRId64 "%s", us / units[i].us, units[i].unit);
        }
    }
    return str_fmt(arena, "%" PRId64 "ms", us / US_PER_MS);
}

static Str bound_text(Arena *arena, const SettingDef *def, int64_t v)
{
    if (def->type == SETTING_DURATION) {
        return duration_text(arena, v);
    }
    if (def->type == SETTING_BYTES && v % (int64_t)GIB == 0 && v != 0) {
        return str_fmt(arena, "%" PRId64 "GiB", v / (int64_t)GIB);
    }
    if (def->type == SETTING_BYTES && v % (int64_t)MIB == 0 && v != 0) {
        return str_fmt(arena, "%" PRId64 "MiB", v / (int64_t)MIB);
    }
    return str_fmt(arena, "%" PRId64, v);
}

Str settings_accepts(Arena *arena, const SettingDef *def)
{
    static const char *const forms[] = {
        [SETTING_STRING] = "text",
        [SETTING_INT] = "a whole number",
        [SETTING_BOOL] = "true or false",
        [SETTING_DURATION] = "a duration such as 30s, 5m, 2h, PT5M or {minutes: 5}",
        [SETTING_BYTES] = "a size such as 512KiB, 16MiB or 1GiB",
        [SETTING_JSON] = "a structure",
        [SETTING_LIST] = "a list",
    };
    if (def->choices) {
        return str_fmt(
            arena, "one of: %s",
            str_cstr(arena, str_replace(arena, str_from(def->choices), STR(" "), STR(", "))));
    }
    if (def->min == 0 && def->max == 0) {
        return str_from(forms[def->type]);
    }
    Str low = bound_text(arena, def, def->min), high = bound_text(arena, def, def->max);
    return str_fmt(arena, "%s, from %.*s to %.*s", forms[def->type], STR_ARG(low), STR_ARG(high));
}

static Rc refuse(Arena *arena, const SettingDef *def, const Json *v, Str where, Error *err)
{
    Str accepts = settings_accepts(arena, def);
    if (def->secret || !v || v->type == JSON_OBJECT || v->type == JSON_ARRAY) {
        return error_set_at(err, RC_INVALID, v ? v->line : 0, v ? v->column : 0,
                            "%.*s: %s must be %.*s.", STR_ARG(where), def->name, STR_ARG(accepts));
    }
    Str text = v->type == JSON_STRING || v->type == JSON_NUMBER ? v->text : json_to_str(arena, v);
    return error_set_at(err, RC_INVALID, v->line, v->column,
                        "%.*s: %s must be %.*s; it is \"%.*s\".", STR_ARG(where), def->name,
                        STR_ARG(accepts), STR_ARG(str_sub(text, 0, 60)));
}

static bool word_in(Str word, const char *words)
{
    Str rest = str_from(words), part;
    while (str_split(&rest, ' ', &part)) {
        if (str_eq(part, word)) {
            return true;
        }
    }
    return false;
}

static bool parse_string(Arena *arena, const SettingDef *def, const Json *v, Str *ret)
{
    if (v->type == JSON_STRING || v->type == JSON_NUMBER) {
        *ret = str_dup(arena, v->text);
    } else if (v->type == JSON_ARRAY) {
        Str *parts = ARENA_ARRAY(arena, Str, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            if (!json_is(v->items[i], JSON_STRING)) {
                return false;
            }
            parts[i] = v->items[i]->text;
        }
        *ret = str_join(arena, parts, v->n, STR(","));
    } else {
        return false;
    }
    return !def->choices || word_in(*ret, def->choices);
}

static bool parse_bool(const Json *v, int64_t *ret)
{
    if (v->type == JSON_BOOL) {
        *ret = v->boolean ? 1 : 0;
        return true;
    }
    if (v->type != JSON_STRING) {
        return false;
    }
    if (word_in(v->text, "true yes on 1") || word_in(v->text, "false no off 0")) {
        *ret = word_in(v->text, "true yes on 1") ? 1 : 0;
        return true;
    }
    return false;
}

/* Backstage's HumanDuration: {minutes: 30}, several units added up. A month has 30 days, a year
 * 365. */
static bool parse_duration_object(const Json *v, int64_t *ret)
{
    static const struct {
        const char *key;
        int64_t us;
    } units[] = {
        {"years",        365 * US_PER_DAY},
        {"months",       30 * US_PER_DAY },
        {"weeks",        7 * US_PER_DAY  },
        {"days",         US_PER_DAY      },
        {"hours",        US_PER_HOUR     },
        {"minutes",      US_PER_MINUTE   },
        {"seconds",      US_PER_SECOND   },
        {"milliseconds", US_PER_MS       },
    };
    double sum = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        size_t u = 0;
        while (u < ARRAY_LEN(units) && !str_is(v->members[i].key, units[u].key)) {
            u++;
        }
        const Json *amount = v->members[i].value;
        double n;
        if (u == ARRAY_LEN(units) ||
            (!json_to_double(amount, &n) && !str_to_double(json_str(amount), &n)) || n < 0) {
            return false;
        }
        sum += n * (double)units[u].us;
    }
    if (v->n == 0 || !(sum < 9e18)) {
        return false;
    }
    *ret = (int64_t)sum;
    return true;
}

static bool parse_duration(const Json *v, int64_t *ret)
{
    if (v->type == JSON_OBJECT) {
        return parse_duration_object(v, ret);
    }
    if (v->type == JSON_BOOL && !v->boolean) {
        *ret = 0;
        return true;
    }
    Str text = v->type == JSON_STRING || v->type == JSON_NUMBER ? str_trim(v->text) : STR_EMPTY;
    if (str_is(text, "0") || str_is(text, "false")) {
        *ret = 0;
        return true;
    }
    return time_parse_duration(text, ret);
}

static bool parse_bytes(const Json *v, int64_t *ret)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } units[] = {
        {"KiB", (int64_t)KIB},
        {"MiB", (int64_t)MIB},
        {"GiB", (int64_t)GIB},
        {"kB",  1000        },
        {"MB",  1000000     },
        {"GB",  1000000000  },
        {"B",   1           },
    };
    if (v->type != JSON_STRING && v->type != JSON_NUMBER) {
        return false;
    }
    Str text = str_trim(v->text);
    int64_t factor = 1, n;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_ends(text, str_from(units[i].suffix))) {
            factor = units[i].factor;
            text = str_trim(str_sub(text, 0, text.len - strlen(units[i].suffix)));
            break;
        }
    }
    return str_to_i64(text, &n) && n >= 0 && !__builtin_mul_overflow(n, factor, ret);
}

static bool parse_number(const SettingDef *def, const Json *v, int64_t *ret)
{
    switch (def->type) {
    case SETTING_INT:
        return json_to_i64(v, ret) || str_to_i64(str_trim(json_str(v)), ret);
    case SETTING_BOOL:
        return parse_bool(v, ret);
    case SETTING_DURATION:
        return parse_duration(v, ret);
    case SETTING_BYTES:
        return parse_bytes(v, ret);
    case SETTING_STRING:
    case SETTING_JSON:
    case SETTING_LIST:
        break;
    }
    return false;
}

static bool is_structured(const SettingDef *def)
{
    return def->type == SETTING_JSON || def->type == SETTING_LIST;
}

Rc settings_value_parse(
    Arena *arena, const SettingDef *def, const Json *v, Str where, SettingValue *ret, Error *err)
{
    SettingValue value = {.origin = where};
    if (is_structured(def)) {
        if (v->type != JSON_ARRAY && (v->type != JSON_OBJECT || def->type == SETTING_LIST)) {
            return refuse(arena, def, v, where, err);
        }
        value.json = v;
    } else if (def->type == SETTING_STRING) {
        if (!parse_string(arena, def, v, &value.text)) {
            return refuse(arena, def, v, where, err);
        }
    } else {
        bool bounded = def->min != 0 || def->max != 0;
        if (!parse_number(def, v, &value.number) ||
            (bounded && (value.number < def->min || value.number > def->max))) {
            return refuse(arena, def, v, where, err);
        }
    }
    *ret = value;
    return RC_OK;
}

Rc settings_value_parse_text(
    Arena *arena, const SettingDef *def, Str text, Str where, SettingValue *ret, Error *err)
{
    Json *v = json_string(arena, text);
    if (is_structured(def)) {
        Error syntax = {0};
        if (yaml_parse(arena, text, NULL, &v, &syntax) != RC_OK) {
            return error_set(err, RC_INVALID, "%.*s: %s must be YAML or JSON: %s", STR_ARG(where),
                             def->name, syntax.message);
        }
    }
    return settings_value_parse(arena, def, v, where, ret, err);
}

bool settings_value_equal(const SettingDef *def, const SettingValue *a, const SettingValue *b)
{
    if (is_structured(def)) {
        return a->json == b->json || (a->json && b->json && json_equal(a->json, b->json));
    }
    return def->type == SETTING_STRING ? str_eq(a->text, b->text) : a->number == b->number;
}
