/* SPDX-License-Identifier: Apache-2.0
 * The reference page of all settings, written from the table that drives them. */
#include "settings_priv.h"

static Str section_of(const SettingDef *def)
{
    Str name = str_from(def->name);
    return str_sub(name, 0, str_find_char(name, '.'));
}

static void write_intro(Buf *out)
{
    buf_lit(out,
            "# Settings\n\n"
            "<!-- Generated from src/platform/settings/settings_table.c. Do not edit. -->\n\n"
            "A setting is taken from the first of: command line, environment, configuration "
            "files, default.\n"
            "Files are YAML or JSON and given with `--config FILE`, any number of times; later "
            "files override earlier\n"
            "ones key by key, and a `null` takes a value back to its default. In Fairway's own "
            "file a dotted name is\n"
            "nested (`server: { port: 3001 }`). Backstage's `app-config.yaml` is read as it "
            "stands: the line\n"
            "*app-config* of a setting names the key that has the same meaning there.\n\n"
            "Every setting can be given by its environment variable; an empty variable counts "
            "as unset. Inside files\n"
            "`${NAME}` and `${NAME:-default}` are replaced from the environment (`$${` is a "
            "literal `${`), and\n"
            "`{$env: NAME}`, `{$file: path}` and `{$include: path#key.below}` stand for a whole "
            "value. Durations are\n"
            "written `250ms`, `30s`, `5m`, `2h`, `7d`, in ISO 8601 (`PT5M`) or as `{minutes: "
            "5}`; sizes `512KiB`,\n"
            "`16MiB`, `1GiB`. Settings marked *live* change without a restart when the file "
            "changes.\n");
}

static void write_names(Buf *out, Arena *arena, const SettingDef *def)
{
    Str env = settings_env_name(arena, def);
    buf_fmt(out, "- environment: `%.*s`", STR_ARG(env));
    Str rest = str_from(def->env), alias;
    while (def->env && str_split(&rest, ' ', &alias)) {
        buf_fmt(out, ", `%.*s`", STR_ARG(alias));
    }
    buf_lit(out, "\n");
    if (def->flag) {
        buf_fmt(out, "- command line: `%s`\n", def->flag);
    }
    if (def->backstage) {
        buf_fmt(out, "- app-config: `%s`\n", def->backstage);
    }
}

static void write_setting(Buf *out, Arena *arena, const SettingDef *def)
{
    Str accepts = settings_accepts(arena, def);
    buf_fmt(out, "\n### `%s`\n\n%s\n\n", def->name, def->help);
    buf_fmt(out, "- accepts: %.*s\n", STR_ARG(accepts));
    if (def->otherwise && def->otherwise[0] != '\0') {
        buf_fmt(out, "- default: `%s`\n", def->otherwise);
    }
    write_names(out, arena, def);
    if (def->reload == RELOAD_LIVE) {
        buf_lit(out, "- live\n");
    }
    if (def->secret) {
        buf_lit(out, "- secret: never shown in logs or messages\n");
    }
}

void settings_write_reference(Buf *out)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    write_intro(out);
    Str section = STR_EMPTY;
    for (size_t i = 0; i < settings_table_n; i++) {
        Str next = section_of(&settings_table[i]);
        if (!str_eq(section, next)) {
            buf_fmt(out, "\n## %.*s\n", STR_ARG(next));
            section = next;
        }
        write_setting(out, arena, &settings_table[i]);
    }
}
