/* SPDX-License-Identifier: Apache-2.0
 * platform/settings/settings_priv.h - the parts of settings: files, values, names. */
#ifndef PLATFORM_SETTINGS_PRIV_H
#define PLATFORM_SETTINGS_PRIV_H

#include "base/buf.h"
#include "base/vec.h"

#include "platform/settings/settings.h"

enum {
    SETTINGS_FILE_BYTES_MAX = 4 * 1024 * 1024,
    SETTINGS_INCLUDE_DEPTH_MAX = 8,
    SETTINGS_WARNING_KEYS_MAX = 40, /* keys named in one warning */
    SETTINGS_PATH_MAX = 256         /* of a dotted name */
};

typedef VEC(Str) SettingsStrs;

/* One configuration file after substitution. */
typedef struct SettingsFile {
    Str path; /* as given */
    Str dir;
    Json *root; /* always an object */
    bool is_backstage;
} SettingsFile;

/* A setting as it stands. Only the member of its type is set. */
typedef struct SettingValue {
    Str text;
    int64_t number; /* INT, BOOL (0 or 1), DURATION (us), BYTES */
    const Json *json;
    Str origin;
    Str dir;
} SettingValue;

/* Reads, substitutes and normalises one file. A variable that is not set unsets its value and is
 * named in warnings. Fails: RC_INVALID naming file and place. */
MUST_CHECK Rc settings_file_read(
    Arena *arena, const char *path, SettingsFile *ret, SettingsStrs *warnings, Error *err);

/* The node at a dotted path; JSON null when a key on the way is null; NULL when it is not there. */
const Json *settings_lookup(const Json *root, const char *dotted);

/* v as the type of def. where names the origin in messages. Fails: RC_INVALID. */
MUST_CHECK Rc settings_value_parse(
    Arena *arena, const SettingDef *def, const Json *v, Str where, SettingValue *ret, Error *err);
/* A value given as text (flag, environment, default). */
MUST_CHECK Rc settings_value_parse_text(
    Arena *arena, const SettingDef *def, Str text, Str where, SettingValue *ret, Error *err);
bool settings_value_equal(const SettingDef *def, const SettingValue *a, const SettingValue *b);

/* Names the keys of files that no setting reads: one warning for Backstage's, one for unknown ones.
 */
void settings_check_keys(Arena *arena, const SettingsFile *files, size_t n, SettingsStrs *warnings);

/* FAIRWAY_SERVER_PORT of server.port. */
Str settings_env_name(Arena *arena, const SettingDef *def);
const char *settings_type_name(SettingType type);
/* "a whole number from 1 to 65535" */
Str settings_accepts(Arena *arena, const SettingDef *def);

#endif
