/* SPDX-License-Identifier: Apache-2.0
 * platform/settings/settings.h - one table of settings; command line > environment > file >
 * default.
 *
 * Names are dotted ("server.port"); the environment variable is FAIRWAY_ and the name in upper case
 * with underscores (FAIRWAY_SERVER_PORT), plus the aliases of a row; an empty variable counts as
 * unset. To add a setting: a row in settings_table.c, then regenerate the reference page. Files are
 * YAML or JSON: Fairway's own (fairway.yaml) or Backstage's app-config.yaml; both may be given,
 * later --config files override earlier ones key by key (arrays replaced), as Backstage does;
 * ${ENV}, ${ENV:-default} and $env / $file / $include are substituted. A file is Backstage's when
 * it has a root key that only Backstage knows (backend, integrations, app). Keys Backstage has and
 * Fairway does not use are named in one warning; keys nobody knows in another. The reference page
 * docs/reference/settings.md is generated. */
#ifndef PLATFORM_SETTINGS_H
#define PLATFORM_SETTINGS_H

#include "data/json.h"
#include "platform/ctx.h"

typedef enum SettingType {
    SETTING_STRING,
    SETTING_INT,
    SETTING_BOOL,
    SETTING_DURATION,
    SETTING_BYTES,
    SETTING_JSON, /* a structure; read by settings_json, as is SETTING_LIST */
    SETTING_LIST
} SettingType;
typedef enum SettingReload { RELOAD_START, RELOAD_LIVE } SettingReload;

typedef struct SettingDef {
    const char *name;
    SettingType type;
    const char *otherwise; /* default, as text */
    int64_t min, max;      /* of INT, DURATION (us), BYTES; both 0 = no bound */
    SettingReload reload;
    const char *flag;      /* "--port" or NULL */
    const char *env;       /* further environment names, separated by spaces; or NULL */
    const char *backstage; /* path in app-config ("backend.listen.port") or NULL */
    bool secret;           /* masked wherever shown */
    const char *choices;   /* the accepted words of a STRING, separated by spaces; NULL: any text */
    const char *help;
} SettingDef;

extern const SettingDef settings_table[];
extern const size_t settings_table_n;

typedef struct SettingsSource {
    int argc; /* flags left for settings: "--port", "3001", … */
    char **argv;
    const char *const *files; /* --config, in order; a missing file is an error */
    size_t n_files;
} SettingsSource;

/* Fails: RC_INVALID naming the setting, where it came from, and what is accepted. */
MUST_CHECK Rc settings_load(const SettingsSource *source, Settings **ret, Error *err);
/* Reads the files again (SIGHUP, mtime): live settings change, others are named in the log. */
MUST_CHECK Rc settings_reload(Settings *settings, Error *err);
void settings_free(Settings *settings);

/* ASSERT that the name exists with that type. Thread-safe; Strs are valid until the process ends.
 */
Str settings_str(Settings *s, const char *name);
int64_t settings_int(Settings *s, const char *name);
bool settings_bool(Settings *s, const char *name);
int64_t settings_duration_us(Settings *s, const char *name);
int64_t settings_bytes(Settings *s, const char *name);
const Json *
settings_json(Settings *s,
              const char *name); /* merged from own and Backstage's path; NULL when unset */
/* Where the value came from: "default", "file fairway.yaml:12", "environment FAIRWAY_X", "--port".
 */
Str settings_origin(Settings *s, const char *name);
/* Warnings found while loading (unknown or unused keys), for the log. */
const Str *settings_warnings(Settings *s, size_t *ret_n);
/* The reference page of all settings, in Markdown: docs/reference/settings.md. */
void settings_write_reference(Buf *out);
/* Folder of the last file that set the name, for relative paths; "" when not from a file. */
Str settings_dir(Settings *s, const char *name);
/* The known name closest to a mistyped one, or NULL. Also the command line's "did you mean".
 * Entries of known may be NULL. */
const char *settings_suggest(Str name, const char *const *known, size_t n);

#endif
