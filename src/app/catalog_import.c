/* SPDX-License-Identifier: Apache-2.0
 * fairway catalog import, fairway import backstage: registers URLs with a server, and writes the
 * entities of files to it. */
#include "base/map.h"

#include "app/app.h"
#include "app/catalog_files.h"
#include "app/cli.h"
#include "modules/catalog/entity.h"

#include <stdlib.h>

enum { PAGE = 500 };

typedef struct Import {
    Arena *arena;
    CliArgs args; /* server, token, timeout, quiet */
    bool dry_run;
    size_t n_registered, n_known, n_failed, n_found;
} Import;

/* Options of both commands; what is left stays in argv, its number is the result. -1: told. */
static int
take_options(Import *import, int argc, char **argv, const char *extra, const char **ret_extra)
{
    Error err = {0};
    int left = 0;
    cli_args_init(&import->args, import->arena);
    for (int at = 0; at < argc;) {
        bool taken = false;
        if (strcmp(argv[at], "--dry-run") == 0) {
            import->dry_run = true;
            at++;
        } else if (extra && strcmp(argv[at], extra) == 0 && at + 1 < argc) {
            *ret_extra = argv[at + 1];
            at += 2;
        } else if (argv[at][0] != '-' || !argv[at][1]) {
            argv[left++] = argv[at++];
        } else if (cli_args_take_option(&import->args, argc, argv, &at, &taken, &err) != RC_OK ||
                   !taken) {
            fprintf(stderr, "fairway: %s %s\n", err.message[0] ? err.message : "there is no option",
                    err.message[0] ? "" : argv[at]);
            return -1;
        }
    }
    return left;
}

static int ask(Import *import, const CliCall *call, CliAnswer *ret)
{
    Error err = {0};
    Rc rc = cli_http(import->arena, call, ret, &err);
    if (rc != RC_OK) {
        fprintf(stderr, "fairway: %s\n", err.message);
    }
    return cli_http_exit_code(rc);
}

/* A call with a JSON body. EXIT_OK: there is an answer, whatever its status. */
static int send(Import *import, HttpMethod method, Str target, const Json *body, CliAnswer *ret)
{
    CliRequest request = {.method = method,
                          .target = target,
                          .headers = {{STR("Content-Type"), STR("application/json")}},
                          .n_headers = 1,
                          .body = json_to_str(import->arena, body)};
    CliCall call = {.url = import->args.server,
                    .token = import->args.token,
                    .timeout_us = import->args.timeout_us,
                    .request = &request};
    return ask(import, &call, ret);
}

static void tell(const Import *import, const char *what, Str about)
{
    if (!import->args.quiet) {
        printf("%s %.*s\n", what, STR_ARG(about));
    }
}

/* ---- registering */

static void tell_found(Import *import, const CliAnswer *answer)
{
    Json *body;
    Error ignored = {0};
    if (json_parse(import->arena, answer->body, NULL, &body, &ignored) != RC_OK) {
        return; /* the server said it is fine; there is nothing to list */
    }
    const Json *entities = json_get_c(body, "entities");
    for (uint32_t i = 0; json_is(entities, JSON_ARRAY) && i < entities->n; i++) {
        printf("  %.*s\n", STR_ARG(cli_identity(import->arena, entities->items[i])));
        import->n_found++;
    }
}

static int register_one(Import *import, Str type, Str target)
{
    Json *body = json_object(import->arena);
    Str location = str_fmt(import->arena, "%.*s:%.*s", STR_ARG(type), STR_ARG(target));
    json_set_str(import->arena, body, "type", type);
    json_set_str(import->arena, body, "target", target);
    CliAnswer answer;
    Str path =
        import->dry_run ? STR("/api/catalog/locations?dryRun=true") : STR("/api/catalog/locations");
    int code = send(import, HTTP_POST, path, body, &answer);
    if (code != EXIT_OK) {
        return code;
    }
    if (answer.status == 409) {
        import->n_known++;
        tell(import, "known already", location);
        return EXIT_OK;
    }
    if (answer.status >= 400) {
        import->n_failed++;
        fprintf(stderr, "%.*s\n  ", STR_ARG(location));
        return cli_report(import->arena, NULL, &answer);
    }
    import->n_registered++;
    tell(import, import->dry_run ? "would register" : "registered", location);
    if (import->dry_run && !import->args.quiet) {
        tell_found(import, &answer);
    }
    return EXIT_OK;
}

static bool is_url(const char *text)
{
    return str_starts(str_from(text), STR("http://")) ||
           str_starts(str_from(text), STR("https://"));
}

/* ---- files of this machine: their entities are written one by one */

static int write_entity(Import *import, const Json *entity)
{
    EntityRef ref = entity_ref_of(entity);
    Str name = entity_ref_str(import->arena, ref);
    Buf target = buf_init(import->arena, 8 * KIB);
    if (import->dry_run) {
        tell(import, "would write", name);
        return EXIT_OK;
    }
    buf_lit(&target, "/api/catalog/entities/by-name/");
    buf_url(&target, ref.kind);
    buf_char(&target, '/');
    buf_url(&target, ref.namespace_);
    buf_char(&target, '/');
    buf_url(&target, ref.name);
    CliAnswer answer;
    int code = send(import, HTTP_PUT, buf_str(&target), entity, &answer);
    if (code == EXIT_OK && answer.status >= 400) {
        fprintf(stderr, "%.*s\n  ", STR_ARG(name));
        return cli_report(import->arena, NULL, &answer);
    }
    if (code == EXIT_OK) {
        tell(import, answer.status == 201 ? "created" : "updated", name);
    }
    return code;
}

static bool is_hopeless(int code)
{
    return code == EXIT_UNREACHABLE || code == EXIT_DENIED; /* the others would go the same way */
}

static int write_entities(Import *import, CatalogFiles *files)
{
    size_t n;
    int code = EXIT_OK;
    if (catalog_files_check(files)) {
        catalog_files_print(files, import->args.quiet, stderr);
        return EXIT_FAILED;
    }
    if (catalog_files_unread(files).len) {
        fprintf(stderr,
                "fairway: a placeholder names %.*s, which only a server reads: register the URL of "
                "its file\n",
                STR_ARG(catalog_files_unread(files)));
        return EXIT_FAILED;
    }
    const Json *const *entities = catalog_files_entities(files, &n);
    for (size_t i = 0; i < n && !is_hopeless(code); i++) {
        int one = write_entity(import, entities[i]);
        code = one != EXIT_OK ? one : code;
    }
    return code;
}

static int import_targets(Import *import, CatalogFiles *files, int n, char **targets)
{
    Error err = {0};
    int code = EXIT_OK;
    for (int i = 0; i < n && !is_hopeless(code); i++) {
        if (is_url(targets[i])) {
            int one = register_one(import, STR("url"), str_from(targets[i]));
            code = one != EXIT_OK ? one : code;
        } else if (catalog_files_add(files, targets[i], &err) != RC_OK) {
            app_print_error("catalog import", &err);
            return EXIT_NOT_FOUND;
        }
    }
    if (import->n_registered && !import->dry_run && !import->args.quiet) {
        fprintf(stderr, "The server reads what is registered on its own: `fairway sources list` "
                        "tells how that goes.\n");
    }
    if (catalog_files_count(files) && !is_hopeless(code)) {
        int written = write_entities(import, files);
        code = written != EXIT_OK ? written : code;
    }
    return code;
}

int catalog_import_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Import import = {.arena = arena};
    CatalogFiles *files;
    Error err = {0};
    int n = take_options(&import, argc, argv, NULL, NULL);
    if (n <= 0) {
        if (n == 0) {
            fprintf(stderr, "fairway: name the files or URLs to import\n");
        }
        return EXIT_USAGE;
    }
    if (catalog_files_new(arena, &files, &err) != RC_OK) {
        app_print_error("catalog import", &err);
        return EXIT_FAILED;
    }
    int code = import_targets(&import, files, n, argv);
    catalog_files_free(files);
    return code;
}

/* ---- from Backstage */

typedef struct Backstage {
    Import *import;
    Str url, token;
    Map origins;   /* "url:https://…" -> anything */
    Map unreached; /* origins that only Backstage can read -> number of entities (uintptr_t) */
    size_t n_entities;
} Backstage;

static int get(Backstage *b, Str target, Json **ret, int *ret_status)
{
    CliRequest request = {.method = HTTP_GET, .target = target};
    CliCall call = {.url = b->url,
                    .token = b->token,
                    .timeout_us = b->import->args.timeout_us,
                    .request = &request};
    CliAnswer answer;
    Error err = {0};
    int code = ask(b->import, &call, &answer);
    if (code != EXIT_OK) {
        return code;
    }
    *ret_status = answer.status;
    if (answer.status >= 400) {
        return EXIT_OK;
    }
    JsonLimits limits = {
        .max_bytes = SIZE_MAX, .max_depth = 200, .max_nodes = SIZE_MAX, .allow_nul = true};
    if (json_parse(b->import->arena, answer.body, &limits, ret, &err) != RC_OK) {
        fprintf(stderr, "fairway: %.*s does not answer as Backstage's catalog does: %s\n",
                STR_ARG(b->url), err.message);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static int refuse_status(const Backstage *b, int status)
{
    fprintf(stderr, "fairway: Backstage at %.*s answered %d%s\n", STR_ARG(b->url), status,
            status == 401 || status == 403
                ? "; give a token with --backstage-token or BACKSTAGE_TOKEN"
                : "");
    return cli_exit_code(status);
}

static int read_locations(Backstage *b)
{
    Json *list = NULL;
    int status = 0;
    int code = get(b, STR("/api/catalog/locations"), &list, &status);
    if (code != EXIT_OK || status >= 400) {
        return code != EXIT_OK ? code : refuse_status(b, status);
    }
    for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
        const Json *data = json_get_c(list->items[i], "data");
        Str origin = str_fmt(b->import->arena, "%.*s:%.*s", STR_ARG(json_str_at(data, "type")),
                             STR_ARG(json_str_at(data, "target")));
        map_put(&b->origins, origin, b);
    }
    return EXIT_OK;
}

static void note_entities(Backstage *b, const Json *items)
{
    for (uint32_t i = 0; json_is(items, JSON_ARRAY) && i < items->n; i++) {
        const Json *annotations = json_path(items->items[i], "metadata", "annotations", NULL);
        Str origin = json_str_at(annotations, "backstage.io/managed-by-origin-location");
        b->n_entities++;
        if (str_starts(origin, STR("url:"))) {
            map_put(&b->origins, origin, b);
        } else if (origin.len && !str_starts(origin, STR("bootstrap:"))) {
            uintptr_t n = (uintptr_t)map_get(&b->unreached, origin);
            map_put(&b->unreached, origin, (void *)(n + 1));
        }
    }
}

static int read_entities(Backstage *b)
{
    Str cursor = STR_EMPTY;
    do {
        Json *page = NULL;
        int status = 0;
        Buf target = buf_init(b->import->arena, 64 * KIB);
        buf_fmt(&target, "/api/catalog/entities/by-query?limit=%d&fields=metadata.annotations",
                PAGE);
        if (cursor.len) {
            buf_lit(&target, "&cursor=");
            buf_url(&target, cursor);
        }
        int code = get(b, buf_str(&target), &page, &status);
        if (code != EXIT_OK || status >= 400) {
            return code != EXIT_OK ? code : refuse_status(b, status);
        }
        note_entities(b, json_get_c(page, "items"));
        cursor = json_str(json_path(page, "pageInfo", "nextCursor", NULL));
    } while (cursor.len);
    return EXIT_OK;
}

static int register_all(Backstage *b)
{
    int code = EXIT_OK;
    for (const MapEntry *e = map_first(&b->origins); e; e = map_next(&b->origins, e)) {
        size_t colon = str_find_char(e->key, ':');
        Str type = str_sub(e->key, 0, colon), target = str_from_index(e->key, colon + 1);
        if (!str_is(type, "url")) {
            map_put(&b->unreached, e->key, map_get(&b->unreached, e->key));
            continue;
        }
        int one = register_one(b->import, type, target);
        code = one != EXIT_OK ? one : code;
        if (one == EXIT_UNREACHABLE || one == EXIT_DENIED) {
            return one;
        }
    }
    return code;
}

static void tell_result(const Backstage *b)
{
    const Import *import = b->import;
    printf("Backstage has %zu entities. %zu locations %s, %zu known already, %zu refused.\n",
           b->n_entities, import->n_registered,
           import->dry_run ? "would be registered" : "registered", import->n_known,
           import->n_failed);
    if (b->unreached.n_live) {
        printf("Only Backstage can read these; give their files to `fairway catalog import`, or "
               "name them in\n"
               "catalog.locations of the server's configuration:\n");
    }
    for (const MapEntry *e = map_first(&b->unreached); e; e = map_next(&b->unreached, e)) {
        printf("  %.*s (%zu entities)\n", STR_ARG(e->key), (size_t)(uintptr_t)e->value);
    }
}

int import_backstage_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * KIB);
    Import import = {.arena = arena};
    const char *token = getenv("BACKSTAGE_TOKEN");
    int n = take_options(&import, argc, argv, "--backstage-token", &token);
    if (n != 1) {
        if (n >= 0) {
            fprintf(stderr, "fairway: name the URL of Backstage's backend, for instance "
                            "https://backstage.example.com\n");
        }
        return EXIT_USAGE;
    }
    Backstage b = {.import = &import,
                   .url = str_from(argv[0]),
                   .token = str_from(token),
                   .origins = map_init(arena),
                   .unreached = map_init(arena)};
    int code = read_locations(&b);
    code = code == EXIT_OK ? read_entities(&b) : code;
    if (code != EXIT_OK) {
        return code;
    }
    code = register_all(&b);
    if (!import.args.quiet) {
        tell_result(&b);
    }
    return code;
}
