/* SPDX-License-Identifier: Apache-2.0
 * The catalog's own checks on files, without a server. What a Location names beside it is checked
 * too. Nothing is fetched: placeholders that name a URL stand as empty objects. */
#include "app/catalog_files.h"

#include "base/file.h"
#include "base/map.h"

#include "app/cli.h"
#include "data/yaml.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 200000 };
static const size_t file_max = 32 * MIB;

typedef struct Finding {
    Str file, ref, name, message, pointer;
    uint32_t line, column;
} Finding;

struct CatalogFiles {
    Arena *arena;
    Kinds *kinds;
    VEC(Str) files; /* absolute, as they are found; grows while it is walked */
    Map seen;       /* files; refs to the file that has them first */
    Map refs;
    VEC(Finding) findings;
    VEC(const Json *) entities; /* without a problem */
    size_t n_entities;          /* all */
    Str unread;                 /* a URL that a placeholder names; "" when none does */
};

/* ---- what to look at */

static void add_file(CatalogFiles *v, Str path)
{
    if (!map_has(&v->seen, path) && v->files.n < FILES_MAX) {
        map_put(&v->seen, path, v);
        VEC_PUSH(&v->files, path);
    }
}

Rc catalog_files_add(CatalogFiles *v, const char *argument, Error *err)
{
    struct stat st;
    char *folder = realpath(".", NULL);
    Str pattern = path_join(v->arena, str_from(folder ? folder : "/"), str_from(argument));
    free(folder);
    if (strcmp(argument, "-") == 0) {
        add_file(v, STR("-"));
        return RC_OK;
    }
    if (stat(argument, &st) == 0 && S_ISREG(st.st_mode)) {
        add_file(v, pattern);
        return RC_OK;
    }
    Str *paths = NULL;
    size_t n = 0;
    if (stat(argument, &st) == 0 && S_ISDIR(st.st_mode)) {
        Str named = str_fmt(v->arena, "%.*s/**/catalog-info.{yaml,yml,json}", STR_ARG(pattern));
        TRY(file_glob(v->arena, named, FILES_MAX, &paths, &n, err));
        pattern = str_fmt(v->arena, "%.*s/**/*.{yaml,yml}", STR_ARG(pattern));
    }
    if (n == 0) {
        TRY(file_glob(v->arena, pattern, FILES_MAX, &paths, &n, err));
    }
    for (size_t i = 0; i < n; i++) {
        add_file(v, paths[i]);
    }
    return n ? RC_OK : error_set(err, RC_NOT_FOUND, "there is no catalog file at %s", argument);
}

/* ---- what is wrong */

static void add_finding(CatalogFiles *v, Finding finding)
{
    finding.ref = str_dup(v->arena, finding.ref);
    finding.name = str_dup(v->arena, finding.name);
    finding.message = str_dup(v->arena, finding.message);
    finding.pointer = str_dup(v->arena, finding.pointer);
    VEC_PUSH(&v->findings, finding);
}

static Rc read_include(
    void *user, Str base, Str target, Arena *arena, Str *ret, Str *ret_location, Error *err)
{
    CatalogFiles *v = user;
    Str location;
    TRY(location_resolve(arena, base, target, &location, err));
    *ret_location = location;
    if (!str_starts(location, STR("file:"))) {
        v->unread = str_dup(v->arena, location);
        *ret = STR("{}");
        return RC_OK;
    }
    return file_read(arena, str_cstr(arena, str_from_index(location, 5)), file_max, ret, err);
}

static void check_target(CatalogFiles *v, Str file, const Json *target, Arena *scratch)
{
    Str text = json_str(target), location;
    Error err = {0};
    Str base = str_fmt(scratch, "file:%.*s", STR_ARG(file));
    if (text.len == 0 || str_find(text, STR("://")) != SIZE_MAX ||
        str_find_char(text, '*') != SIZE_MAX || str_is(file, "-") ||
        location_resolve(scratch, base, text, &location, &err) != RC_OK ||
        !str_starts(location, STR("file:"))) {
        return; /* only a server can tell */
    }
    Str path = str_dup(v->arena, str_from_index(location, 5));
    if (file_exists(str_cstr(scratch, path))) {
        add_file(v, path);
    } else {
        add_finding(v,
                    (Finding){.file = file,
                              .name = STR("NotFoundError"),
                              .message = str_fmt(scratch, "there is no file %.*s", STR_ARG(text)),
                              .line = target->line,
                              .column = target->column});
    }
}

/* True when the entity is a Location of files, which stand for it. */
static bool check_targets(CatalogFiles *v, Str file, const Json *entity, Arena *scratch)
{
    const Json *spec = json_get_c(entity, "spec"), *targets = json_get_c(spec, "targets");
    Str type = json_str_at(spec, "type");
    if (!str_eq_nocase(json_str_at(entity, "kind"), STR("Location")) || str_is(type, "url")) {
        return false;
    }
    if (json_get_c(spec, "target")) {
        check_target(v, file, json_get_c(spec, "target"), scratch);
    }
    for (uint32_t i = 0; json_is(targets, JSON_ARRAY) && i < targets->n; i++) {
        check_target(v, file, targets->items[i], scratch);
    }
    return true;
}

static void check_unique(CatalogFiles *v, Str file, const Json *entity, Str ref)
{
    Str *other = map_get(&v->refs, ref);
    if (!other) {
        Str *mine = ARENA_NEW(v->arena, Str);
        *mine = file;
        map_put(&v->refs, str_dup(v->arena, ref), mine);
        return;
    }
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    Str message = str_fmt(scratch, "%.*s stands in %.*s too: one of them will be ignored",
                          STR_ARG(ref), STR_ARG(*other));
    add_finding(v, (Finding){.file = file,
                             .ref = ref,
                             .name = STR("ConflictError"),
                             .message = message,
                             .line = entity->line,
                             .column = entity->column});
}

static void add_problem(CatalogFiles *v, Str file, Str ref, const EntityProblem *problem)
{
    add_finding(v, (Finding){.file = file,
                             .ref = ref,
                             .name = problem->name.len ? problem->name : STR("InputError"),
                             .message = problem->message,
                             .pointer = problem->pointer,
                             .line = problem->line,
                             .column = problem->column});
}

static void add_error(CatalogFiles *v, Str file, Str ref, const Json *at, const Error *err)
{
    add_finding(v, (Finding){.file = file,
                             .ref = ref,
                             .name = STR("InputError"),
                             .message = str_from(err->message),
                             .line = err->line ? err->line
                                     : at      ? at->line
                                               : 0,
                             .column = err->line ? err->column
                                       : at      ? at->column
                                                 : 0});
}

static void check_entity(CatalogFiles *v, Str file, Json *entity, Arena *scratch)
{
    EntityProblem problem = {0};
    EntityRelations relations = {.arena = scratch};
    Error err = {0};
    const Json *at = entity;
    size_t before = v->findings.n;
    if (entity->type == JSON_NULL) {
        return; /* an empty document between two marks */
    }
    v->n_entities++;
    if (!entity_validate_envelope(entity, scratch, &problem)) {
        add_problem(v, file, STR_EMPTY, &problem);
        return;
    }
    Str ref = entity_ref_of_str(scratch, entity);
    Str base =
        str_is(file, "-") ? STR("file:/dev/stdin") : str_fmt(scratch, "file:%.*s", STR_ARG(file));
    if (entity_substitute(&entity, base, read_include, v, scratch, &err) != RC_OK) {
        add_error(v, file, ref, at, &err);
    } else if (!entity_validate(v->kinds, entity, scratch, &problem)) {
        add_problem(v, file, ref, &problem);
    } else if (entity_relations(v->kinds, entity, scratch, &relations, &err) != RC_OK) {
        add_error(v, file, ref, at, &err);
    }
    check_unique(v, file, at, ref);
    bool followed = check_targets(v, file, entity, scratch);
    if (v->findings.n == before && !followed) {
        VEC_PUSH(&v->entities, json_clone(v->arena, entity));
    }
}

static void check_file(CatalogFiles *v, Str file)
{
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(0);
    YamlDocument *docs = NULL;
    size_t n = 0;
    Str text;
    Error err = {0};
    Rc rc = str_is(file, "-") ? cli_read_data(scratch, file, &text, &err)
                              : file_read(scratch, str_cstr(scratch, file), file_max, &text, &err);
    if (rc == RC_OK) {
        rc = yaml_parse_all(scratch, text, NULL, &docs, &n, &err);
    }
    for (size_t i = 0; i < n; i++) {
        check_entity(v, file, docs[i].root, scratch);
    }
    if (rc != RC_OK) {
        add_error(v, file, STR_EMPTY, NULL, &err);
    }
}

/* ---- telling */

/* As short as it can be from here. */
static Str shown_path(Arena *arena, Str file)
{
    char *folder = realpath(".", NULL);
    Str here = str_fmt(arena, "%s/", folder ? folder : "");
    free(folder);
    if (str_is(file, "-")) {
        return STR("standard input");
    }
    return str_starts(file, here) ? str_from_index(file, here.len) : file;
}

void catalog_files_print_json(const CatalogFiles *v, FILE *out)
{
    Json *root = json_object(v->arena), *problems = json_array(v->arena);
    json_set_c(v->arena, root, "files", json_int(v->arena, (int64_t)v->files.n));
    json_set_c(v->arena, root, "entities", json_int(v->arena, (int64_t)v->n_entities));
    for (size_t i = 0; i < v->findings.n; i++) {
        const Finding *f = &v->findings.at[i];
        Json *item = json_object(v->arena);
        json_set_str(v->arena, item, "file", shown_path(v->arena, f->file));
        json_set_c(v->arena, item, "line", json_int(v->arena, f->line));
        json_set_c(v->arena, item, "column", json_int(v->arena, f->column));
        json_set_str(v->arena, item, "entityRef", f->ref);
        json_set_str(v->arena, item, "pointer", f->pointer);
        json_set_str(v->arena, item, "name", f->name);
        json_set_str(v->arena, item, "message", f->message);
        json_push(v->arena, problems, item);
    }
    json_set_c(v->arena, root, "problems", problems);
    Buf text = buf_init(v->arena, 256 * MIB);
    json_write_pretty(&text, root);
    fprintf(out, "%.*s\n", STR_ARG(str_trim(buf_str(&text))));
}

void catalog_files_print(const CatalogFiles *v, bool quiet, FILE *out)
{
    for (size_t i = 0; i < v->findings.n; i++) {
        const Finding *f = &v->findings.at[i];
        Json *message = json_string(v->arena, f->message);
        fprintf(out, "%.*s:", STR_ARG(shown_path(v->arena, f->file)));
        if (f->line) {
            fprintf(out, "%u:%u:", f->line, f->column);
        }
        fprintf(out, " %.*s%s%.*s\n", STR_ARG(f->ref), f->ref.len ? ": " : "",
                STR_ARG(cli_cell(v->arena, message)));
    }
    if (!quiet) {
        fprintf(out, "%zu entit%s in %zu file%s, %zu problem%s\n", v->n_entities,
                v->n_entities == 1 ? "y" : "ies", v->files.n, v->files.n == 1 ? "" : "s",
                v->findings.n, v->findings.n == 1 ? "" : "s");
    }
}

/* ---- life */

Rc catalog_files_new(Arena *arena, CatalogFiles **ret, Error *err)
{
    CatalogFiles *files = ARENA_NEW(arena, CatalogFiles);
    *files = (CatalogFiles){.arena = arena,
                            .files = {.arena = arena},
                            .seen = map_init(arena),
                            .refs = map_init(arena),
                            .findings = {.arena = arena},
                            .entities = {.arena = arena}};
    TRY(kinds_new(NULL, 0, &files->kinds, err));
    *ret = files;
    return RC_OK;
}

void catalog_files_free(CatalogFiles *files)
{
    if (files) {
        kinds_free(files->kinds);
    }
}

size_t catalog_files_check(CatalogFiles *files)
{
    for (size_t i = 0; i < files->files.n; i++) { /* it grows meanwhile */
        check_file(files, files->files.at[i]);
    }
    return files->findings.n;
}

Str catalog_files_unread(const CatalogFiles *files)
{
    return files->unread;
}

size_t catalog_files_count(const CatalogFiles *files)
{
    return files->files.n;
}

const Json *const *catalog_files_entities(const CatalogFiles *files, size_t *ret_n)
{
    *ret_n = files->entities.n;
    return files->entities.at;
}
