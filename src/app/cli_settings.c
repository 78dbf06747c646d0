/* SPDX-License-Identifier: Apache-2.0
 * What commands that open the platform share: their settings and how they say that something
 * failed. */
#include "base/log.h"

#include "app/app.h"
#include "platform/settings/settings.h"

#include <stdio.h>
#include <unistd.h>

enum { CONFIG_FILES_MAX = 16 };

void app_print_error(const char *doing, const Error *err)
{
    fprintf(stderr, "fairway: %s: %s\n", doing, err->message);
    for (unsigned i = 0; i < err->n_fields; i++) {
        fprintf(stderr, "  %s: %s\n", err->fields[i].pointer, err->fields[i].message);
    }
    if (err->detail[0]) {
        fprintf(stderr, "  (%s)\n", err->detail);
    }
}

Rc app_blame_setting(Settings *settings, const char *name, Rc rc, Error *err)
{
    Str origin = settings_origin(settings, name);
    if (rc == RC_OK) {
        return rc;
    }
    for (size_t i = 0; str_is(origin, "default") && i < settings_table_n; i++) {
        if (strcmp(settings_table[i].name, name) == 0 && settings_table[i].flag) {
            origin = str_from(settings_table[i].flag); /* where it can be given */
        }
    }
    error_prefix(err, "%s (%.*s)", name, STR_ARG(origin));
    return rc;
}

bool app_take_switch(int *argc, char **argv, const char *name)
{
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0) {
            argv[n++] = argv[i];
        }
    }
    bool found = n < *argc;
    *argc = n;
    return found;
}

/* Takes "--config FILE" and "--config=FILE" out of the arguments. False when a FILE is missing. */
static bool
take_config_files(int argc, char **argv, SettingsSource *source, const char **files, char **rest)
{
    source->files = files;
    source->argv = rest;
    for (int i = 0; i < argc; i++) {
        Str arg = str_from(argv[i]);
        const char *file = NULL;
        if (str_is(arg, "--config")) {
            if (i + 1 == argc) {
                fprintf(stderr, "fairway: --config needs a file name\n");
                return false;
            }
            file = argv[++i];
        } else if (str_starts(arg, STR("--config="))) {
            file = argv[i] + 9;
        } else {
            rest[source->argc++] = argv[i];
            continue;
        }
        if (source->n_files == CONFIG_FILES_MAX) {
            fprintf(stderr, "fairway: at most %d --config files\n", CONFIG_FILES_MAX);
            return false;
        }
        files[source->n_files++] = file;
    }
    return true;
}

static void configure_log(Settings *settings)
{
    LogLevel level = LOG_INFO;
    if (!log_level_parse(settings_str(settings, "log.level"), &level)) {
        level = LOG_INFO; /* the settings table admits only known names */
    }
    Str format = settings_str(settings, "log.format");
    bool is_text = str_is(format, "text") || (str_is(format, "auto") && isatty(STDERR_FILENO));
    log_configure(level, is_text ? LOG_TEXT : LOG_JSON);
}

Settings *app_read_settings(int argc, char **argv)
{
    const char *files[CONFIG_FILES_MAX];
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    char **rest = ARENA_ARRAY(arena, char *, (size_t)argc + 1);
    SettingsSource source = {0};
    Settings *settings;
    Error err = {0};
    if (!take_config_files(argc, argv, &source, files, rest)) {
        return NULL;
    }
    if (settings_load(&source, &settings, &err) != RC_OK) {
        app_print_error("settings", &err);
        return NULL;
    }
    return settings;
}

Settings *app_load_settings(int argc, char **argv)
{
    Settings *settings = app_read_settings(argc, argv);
    if (!settings) {
        return NULL;
    }
    configure_log(settings);
    size_t n;
    const Str *warnings = settings_warnings(settings, &n);
    for (size_t i = 0; i < n; i++) {
        log_warn("settings.warning", F_STR("message", warnings[i]));
    }
    return settings;
}
