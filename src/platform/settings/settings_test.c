/* SPDX-License-Identifier: Apache-2.0
 * Settings: precedence, types, substitution, Backstage's files, refusals, reload, the reference
 * page. To write the page anew: FAIRWAY_WRITE_REFERENCE=1 build/dev/src/platform/settings_test */
/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "platform/settings/settings.h"
#include "platform/settings/settings_priv.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/test.h"
#include "base/time.h"
/* clang-format on */

#include <stdio.h>
#include <unistd.h>

enum { ARGS_MAX = 8, FILES_MAX = 3 };

static char folder[64];

static int setup_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/fairway-settings-XXXXXX", sizeof("/tmp/fairway-settings-XXXXXX"));
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL) == RC_OK ? 0 : -1;
}

static const char *write_file(Arena *arena, const char *name, const char *text)
{
    const char *path = str_cstr(arena, str_fmt(arena, "%s/%s", folder, name));
    assert_int_equal(file_write_atomic(path, str_from(text), 0600, NULL), RC_OK);
    return path;
}

/* One load: flags, up to three files (in order) and what comes of it. */
typedef struct Case {
    const char *name;
    const char *args[ARGS_MAX];
    const char *files[FILES_MAX];
    const char *env[6];    /* "NAME=value" */
    const char *fails;     /* part of the message, or NULL */
    const char *fails_not; /* must not stand in the message */
    /* Expected when it loads. */
    const char *text_of, *text;
    const char *number_of;
    int64_t number;
    const char *json_of, *json;
    const char *origin_of, *origin;
    const char *warns; /* part of some warning */
} Case;

/* clang-format off */
static const Case cases[] = {
    {.name = "defaults", .text_of = "server.host", .text = "127.0.0.1",
     .number_of = "server.port", .number = 3001, .origin_of = "server.port", .origin = "default"},
    {.name = "own file", .files = {"server:\n  port: 4000\n"}, .number_of = "server.port",
     .number = 4000, .origin_of = "server.port", .origin = "c0.yaml:2"},
    {.name = "later file overrides, key by key",
     .files = {"server: { port: 4000, host: localhost }", "server: { port: 5000 }"},
     .number_of = "server.port", .number = 5000, .text_of = "server.host", .text = "localhost"},
    {.name = "null in a later file goes back to the default",
     .files = {"server: { port: 4000 }", "server: { port: null }"}, .number_of = "server.port",
     .number = 3001},
    {.name = "null above goes back too", .files = {"server: { port: 4000 }", "server: null"},
     .number_of = "server.port", .number = 3001},
    {.name = "environment over file", .files = {"server: { port: 4000 }"},
     .env = {"FAIRWAY_SERVER_PORT=4001"}, .number_of = "server.port", .number = 4001,
     .origin_of = "server.port", .origin = "environment FAIRWAY_SERVER_PORT"},
    {.name = "alias of the environment", .env = {"PORT=4002"}, .number_of = "server.port",
     .number = 4002, .origin_of = "server.port", .origin = "environment PORT"},
    {.name = "own name before alias", .env = {"PORT=4002", "FAIRWAY_SERVER_PORT=4003"},
     .number_of = "server.port", .number = 4003},
    {.name = "empty variable is unset", .env = {"FAIRWAY_SERVER_PORT="},
     .number_of = "server.port", .number = 3001},
    {.name = "flag over environment", .args = {"--port", "4004"},
     .env = {"FAIRWAY_SERVER_PORT=4003"}, .number_of = "server.port", .number = 4004,
     .origin_of = "server.port", .origin = "--port"},
    {.name = "flag with equals sign", .args = {"--port=0"}, .number_of = "server.port",
     .number = 0},
    {.name = "unknown flag", .args = {"--prot", "1"},
     .fails = "no option --prot; did you mean --port?" },
    {.name = "flag without value", .args = {"--port"},
     .fails = "--port needs a value: a whole number" },
    {.name = "number out of range", .files = {"server:\n  port: 70000"},
     .fails = "c0.yaml:2: server.port must be a whole number, from 0 to 65535; it is \"70000\"" },
    {.name = "fraction", .args = {"--port", "1.5"},
     .fails = "--port: server.port must be a whole" },
    {.name = "mapping where text belongs", .files = {"server: { host: { a: 1 } }"},
     .fails = "server.host must be text"},
    {.name = "choice", .args = {"--auth", "opne"},
     .fails = "auth.mode must be one of: open, required; it is \"opne\""},
    {.name = "secret is not repeated", .files = {"database: { url: { password: hunter2 } }"},
     .fails = "database.url must be text", .fails_not = "hunter2"},
    {.name = "list becomes text with commas", .files = {"services: [identity, catalog]"},
     .text_of = "services", .text = "identity,catalog"},
    {.name = "duration, words", .files = {"events: { retention: 5m }"},
     .number_of = "events.retention", .number = 5 * US_PER_MINUTE},
    {.name = "duration, ISO 8601", .files = {"events: { retention: PT2H }"},
     .number_of = "events.retention", .number = 2 * US_PER_HOUR},
    {.name = "duration, object",
     .files = {"catalog: { processingInterval: { minutes: 30, seconds: 5 } }"},
     .number_of = "catalog.processing_interval",
     .number = 30 * US_PER_MINUTE + 5 * US_PER_SECOND},
    {.name = "duration, false", .files = {"catalog: { processingInterval: false }"},
     .number_of = "catalog.processing_interval", .number = 0},
    {.name = "duration needs a unit", .files = {"events: { retention: 30 }"},
     .fails = "events.retention must be a duration such as 30s, 5m" },
    {.name = "duration, unknown unit", .files = {"events: { retention: { fortnights: 1 } }"},
     .fails = "must be a duration" },
    {.name = "duration, negative", .files = {"events: { retention: { days: -1 } }"},
     .fails = "must be a duration"},
    {.name = "duration, beyond measure", .files = {"events: { retention: { years: 1e300 } }"},
     .fails = "must be a duration"},
    {.name = "size", .files = {"database: { cache: 64MiB }"}, .number_of = "database.cache",
     .number = 64 * (int64_t)MIB},
    {.name = "size, bytes", .files = {"database: { cache: 2000000 }"},
     .number_of = "database.cache", .number = 2000000},
    {.name = "size overflows", .files = {"database: { cache: 9223372036854775807GiB }"},
     .fails = "database.cache must be a size such as" },
    {.name = "size under its bound", .files = {"database: { cache: 1KiB }"},
     .fails = "from 1MiB to 64GiB" },
    {.name = "boolean as text", .env = {"FAIRWAY_CATALOG_READONLY=yes"},
     .number_of = "catalog.readonly", .number = 1 },
    {.name = "boolean, wrong", .env = {"FAIRWAY_CATALOG_READONLY=perhaps"},
     .fails = "environment FAIRWAY_CATALOG_READONLY: catalog.readonly must be true or false" },
    {.name = "structure from the environment",
     .env = {"FAIRWAY_CATALOG_LOCATIONS=[{type: file, target: a.yaml}]"},
     .json_of = "catalog.locations", .json = "[{\"type\":\"file\",\"target\":\"a.yaml\"}]"},
    {.name = "structure, wrong", .env = {"FAIRWAY_CATALOG_LOCATIONS=a: [b"},
     .fails = "must be YAML or JSON" },

    /* Backstage's file */
    {.name = "app-config", .files = {"backend:\n  listen: { host: '::1', port: 7007 }\n"},
     .text_of = "server.host", .text = "::1", .number_of = "server.port", .number = 7007,
     .origin_of = "server.port", .origin = "c0.yaml:2"},
    {.name = "listen as text", .files = {"backend: { listen: '127.0.0.1:7007' }"},
     .text_of = "server.host", .text = "127.0.0.1", .number_of = "server.port", .number = 7007},
    {.name = "listen as :port", .files = {"backend: { listen: ':7007' }"},
     .text_of = "server.host", .text = "127.0.0.1", .number_of = "server.port", .number = 7007},
    {.name = "listen as number", .files = {"backend: { listen: 7007 }"},
     .number_of = "server.port", .number = 7007 },
    {.name = "listen, IPv6", .files = {"backend: { listen: '[::1]:7007' }"},
     .text_of = "server.host", .text = "::1", .number_of = "server.port", .number = 7007},
    {.name = "listen, IPv6 without brackets", .files = {"backend: { listen: '::1:7007' }"},
     .fails = "c0.yaml:1: write backend.listen as" },
    {.name = "port from a variable", .files = {"backend: { listen: { port: '${TEST_PORT}' } }"},
     .env = {"TEST_PORT=7008"}, .number_of = "server.port", .number = 7008},
    {.name = "own name wins over Backstage's within a file",
     .files = {"backend: { listen: { port: 1 } }\nserver: { port: 2 }"},
     .number_of = "server.port", .number = 2},
    {.name = "a later Backstage file wins over an earlier own one",
     .files = {"server: { port: 2 }", "backend: { listen: { port: 3 } }"},
     .number_of = "server.port", .number = 3},
    {.name = "lists are replaced",
     .files = {"catalog: { locations: [{type: file, target: a}, {type: file, target: b}] }", "catalog: { locations: [{type: url, target: c}] }"},
     .json_of = "catalog.locations", .json = "[{\"type\":\"url\",\"target\":\"c\"}]"},
    {.name = "mappings are merged",
     .files = {"integrations: { github: [{host: github.com}], gitlab: [] }", "integrations: { gitlab: [{host: x}] }"},
     .json_of = "integrations",
     .json = "{\"github\":[{\"host\":\"github.com\"}],\"gitlab\":[{\"host\":\"x\"}]}"},
    {.name = "reading.allow",
     .files = {"backend: { reading: { allow: [{host: 127.0.0.1:99}] } }"},
     .json_of = "reading.allow", .json = "[{\"host\":\"127.0.0.1:99\"}]"},
    {.name = "keys of Backstage that nothing reads",
     .files = {"app: { title: x }\nbackend: { auth: { keys: [] }, listen: 1 }\ntechdocs: {}\n"},
     .warns = "keys of Backstage that Fairway does not use: app, backend.auth, techdocs" },
    {.name = "unknown keys in Backstage's file", .files = {"app: {}\nfoo: 1\n"},
     .warns = "unknown keys: foo (line 2)" },
    {.name = "in Fairway's own file they are all unknown", .files = {"techdocs: { a: 1 }\n"},
     .warns = "unknown keys: techdocs (line 1)" },
    {.name = "a slip is told", .files = {"server:\n  prot: 1\n"},
     .warns = "unknown keys: server.prot (line 2, did you mean server.port?)" },

    /* Substitution */
    {.name = "variable inside text", .files = {"server: { base_url: 'http://${TEST_HOST}:80/' }"},
     .env = {"TEST_HOST=h"}, .text_of = "server.base_url", .text = "http://h:80/"},
    {.name = "default of a variable", .files = {"server: { base_url: '${TEST_NONE:-http://d}' }"},
     .text_of = "server.base_url", .text = "http://d"},
    {.name = "escaped", .files = {"server: { base_url: 'a$${TEST_HOST}b' }"},
     .text_of = "server.base_url", .text = "a${TEST_HOST}b"},
    {.name = "unfinished stays as it is", .files = {"server: { base_url: 'a${TEST_HOST' }"},
     .text_of = "server.base_url", .text = "a${TEST_HOST"},
    {.name = "unset variable: not given, and told", .files = {"server: { port: '${TEST_NONE}' }"},
     .number_of = "server.port", .number = 3001,
     .warns = "c0.yaml:1: the environment variable TEST_NONE is not set"},
    {.name = "no variable name", .files = {"server: { port: '${1 + 1}' }"},
     .fails = "c0.yaml:1: write ${NAME}" },
    {.name = "$env", .files = {"server: { port: { $env: TEST_PORT } }"}, .env = {"TEST_PORT=9"},
     .number_of = "server.port", .number = 9},
    {.name = "$file", .files = {"database: { url: { $file: url.txt } }"},
     .text_of = "database.url", .text = "sqlite:/x"},
    {.name = "$file, missing", .files = {"database: { url: { $file: nothing.txt } }"},
     .fails = "c0.yaml:1: " },
    {.name = "$include", .files = {"catalog: { $include: part.yaml#a.b }"},
     .json_of = "catalog.locations", .json = "[{\"type\":\"file\",\"target\":\"q\"}]"},
    {.name = "$include, no such key", .files = {"catalog: { $include: part.yaml#a.c }"},
     .fails = "the included file has no such key: \"a.c\""},
    {.name = "$include of itself", .files = {"catalog: { $include: loop.yaml }"},
     .fails = "include each other too deeply" },

    /* Files at fault */
    {.name = "syntax", .files = {"server:\n  port: [1\n"}, .fails = "c0.yaml:" },
    {.name = "not a mapping", .files = {"- 1\n"}, .fails = "is a mapping of keys to values"},
    {.name = "two documents", .files = {"server: {}\n---\nserver: {}\n"},
     .fails = "a second document begins"},
    {.name = "empty file", .files = {""}, .number_of = "server.port", .number = 3001},
};
/* clang-format on */

static void put_env(const Case *c, Arena *arena, bool on)
{
    for (size_t i = 0; i < ARRAY_LEN(c->env) && c->env[i]; i++) {
        Str pair = str_from(c->env[i]);
        size_t equals = str_find_char(pair, '=');
        const char *name = str_cstr(arena, str_sub(pair, 0, equals));
        if (on) {
            setenv(name, c->env[i] + equals + 1, 1);
        } else {
            unsetenv(name);
        }
    }
}

static Rc load_case(const Case *c, Arena *arena, Settings **ret, Error *err)
{
    static const char *const names[FILES_MAX] = {"c0.yaml", "c1.yaml", "c2.yaml"};
    const char *files[FILES_MAX];
    char *args[ARGS_MAX];
    SettingsSource source = {.argv = args, .files = files};
    for (size_t i = 0; i < ARGS_MAX && c->args[i]; i++) {
        args[source.argc++] = arena_dup(arena, c->args[i], strlen(c->args[i]) + 1);
    }
    for (size_t i = 0; i < FILES_MAX && c->files[i]; i++) {
        files[source.n_files++] = write_file(arena, names[i], c->files[i]);
    }
    return settings_load(&source, ret, err);
}

static int64_t number_of(Settings *s, const char *name)
{
    for (size_t i = 0; i < settings_table_n; i++) {
        if (strcmp(settings_table[i].name, name) == 0) {
            switch (settings_table[i].type) {
            case SETTING_INT:
                return settings_int(s, name);
            case SETTING_BOOL:
                return settings_bool(s, name) ? 1 : 0;
            case SETTING_DURATION:
                return settings_duration_us(s, name);
            case SETTING_BYTES:
                return settings_bytes(s, name);
            case SETTING_STRING:
            case SETTING_JSON:
            case SETTING_LIST:
                break;
            }
        }
    }
    fail_msg("%s is no number", name);
    return 0;
}

static bool warns(Settings *s, const char *what)
{
    size_t n;
    const Str *warnings = settings_warnings(s, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_find(warnings[i], str_from(what)) != SIZE_MAX) {
            return true;
        }
        print_message("warning: %.*s\n", STR_ARG(warnings[i]));
    }
    return false;
}

static void check_loaded(const Case *c, Settings *s, Arena *arena)
{
    size_t n_warnings;
    if (c->text_of) {
        assert_str(settings_str(s, c->text_of), str_from(c->text));
    }
    if (c->number_of) {
        assert_int_equal(number_of(s, c->number_of), c->number);
    }
    if (c->json_of) {
        assert_str(json_to_str(arena, settings_json(s, c->json_of)), str_from(c->json));
    }
    if (c->origin_of) {
        assert_true(str_ends(settings_origin(s, c->origin_of), str_from(c->origin)));
    }
    if (c->warns) {
        assert_true(warns(s, c->warns));
    } else {
        settings_warnings(s, &n_warnings);
        assert_int_equal(n_warnings, 0);
    }
}

static void test_cases(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    write_file(arena, "url.txt", "sqlite:/x\n");
    write_file(arena, "part.yaml",
               "a: { b: { locations: [{type: file, target: '${TEST_Q:-q}'}] } }");
    write_file(arena, "loop.yaml", "a: { $include: loop.yaml }");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const Case *c = &cases[i];
        Settings *s = NULL;
        Error err = {0};
        print_message("# %s\n", c->name);
        put_env(c, arena, true);
        Rc rc = load_case(c, arena, &s, &err);
        if (c->fails) {
            assert_int_equal(rc, RC_INVALID);
            if (!strstr(err.message, c->fails)) {
                print_error("message: %s\n", err.message);
            }
            assert_non_null(strstr(err.message, c->fails));
            assert_true(!c->fails_not || !strstr(err.message, c->fails_not));
        } else {
            if (rc != RC_OK) {
                print_error("message: %s\n", err.message);
            }
            assert_int_equal(rc, RC_OK);
            check_loaded(c, s, arena);
        }
        put_env(c, arena, false);
        settings_free(s);
    }
}

static void test_missing_file(void **state)
{
    (void)state;
    const char *const files[] = {"/nonexistent/fairway.yaml"};
    Settings *s = NULL;
    Error err = {0};
    SettingsSource source = {.files = files, .n_files = 1};
    assert_int_equal(settings_load(&source, &s, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "/nonexistent/fairway.yaml"));
}

static void test_dir_of_a_setting(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Settings *s = NULL;
    Case c = {.files = {"catalog: { locations: [] }"}};
    assert_int_equal(load_case(&c, arena, &s, NULL), RC_OK);
    assert_str(settings_dir(s, "catalog.locations"), str_from(folder));
    assert_str(settings_dir(s, "server.port"), STR(""));
    settings_free(s);
}

static void test_reload(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Settings *s = NULL;
    Error err = {0};
    Case c = {.files = {"log: { level: info }\nserver: { port: 4000 }"}};
    log_configure(LOG_OFF, LOG_TEXT);
    assert_int_equal(load_case(&c, arena, &s, &err), RC_OK);
    Str before = settings_str(s, "log.level");

    write_file(arena, "c0.yaml", "log: { level: debug }\nserver: { port: 5000 }");
    assert_int_equal(settings_reload(s, &err), RC_OK);
    assert_str(settings_str(s, "log.level"), STR("debug"));
    assert_int_equal(settings_int(s, "server.port"), 4000); /* needs a restart */
    assert_str(before, STR("info"));                        /* still readable */

    write_file(arena, "c0.yaml", "log: { level: loud }");
    assert_int_equal(settings_reload(s, &err), RC_INVALID);
    assert_str(settings_str(s, "log.level"), STR("debug"));
    settings_free(s);
}

/* Every row can be written about and its default fits its own bounds; names, flags and variables
 * are unique. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table_n; i++) {
        const SettingDef *a = &settings_table[i];
        assert_true(a->help && a->help[0] && a->min <= a->max);
        for (size_t j = 0; j < i; j++) {
            const SettingDef *b = &settings_table[j];
            assert_string_not_equal(a->name, b->name);
            assert_true(!a->flag || !b->flag || strcmp(a->flag, b->flag) != 0);
        }
    }
}

static void test_reference_page(void **state)
{
    (void)state;
    const char *path = TEST_SOURCE_DIR "/docs/reference/settings.md";
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    CLEANUP(buf_done) Buf page = buf_init(NULL, MIB);
    settings_write_reference(&page);
    assert_true(buf_ok(&page));
    if (getenv("FAIRWAY_WRITE_REFERENCE")) {
        assert_int_equal(file_write_atomic(path, buf_str(&page), 0644, NULL), RC_OK);
    }
    Str committed;
    assert_int_equal(file_read(arena, path, MIB, &committed, NULL), RC_OK);
    assert_true(str_eq(committed, buf_str(&page)));
}

int main(void)
{
    unsetenv("PORT");
    unsetenv("DATABASE_URL");
    unsetenv("LOG_LEVEL");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_dir_of_a_setting),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_reference_page),
    };
    return cmocka_run_group_tests(tests, setup_folder, remove_folder);
}
