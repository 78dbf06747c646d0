/* SPDX-License-Identifier: Apache-2.0
 * tools/contract.c - fairway-contract: the API contract, from the files in api/ to what the build
 * needs.
 *
 *   fairway-contract OUT_DIR FILE.yaml...              writes contract.json, openapi.json,
 * contract_handlers.h/.c fairway-contract --reference OUT.md FILE.yaml...   writes the reference
 * documentation
 *
 * The vocabulary is docs/contract.md. Any mistake ends the build with file, line and a sentence. */
#include "base/file.h"

#include "contract_tool.h"
#include "data/yaml.h"

#include <stdarg.h>

enum { FILE_SHIFT = 16, MAX_REPORTED = 30 };
static const size_t max_file_bytes = 4 * MIB;

static const char *const methods[] = {"get", "put", "post", "delete", "options", "head", "patch"};
static const char *const file_keys[] = {"x-module", "x-mount",    "x-errors",
                                        "tags",     "components", "paths"};
static const char *const common_keys[] = {"openapi", "info", "servers", "security", "externalDocs"};

/* ---- places and errors */

void tool_error(Tool *t, const Json *at, const char *fmt, ...)
{
    if (++t->n_errors > MAX_REPORTED) {
        return;
    }
    size_t file = at ? at->column >> FILE_SHIFT : 0;
    if (file > 0 && file <= t->files.n) {
        fprintf(stderr, "%s:%u: ", t->files.at[file - 1], at->line);
    } else {
        fputs("api: ", stderr);
    }
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void tool_stop_on_errors(const Tool *t)
{
    if (t->n_errors > MAX_REPORTED) {
        fprintf(stderr, "... and %d more\n", t->n_errors - MAX_REPORTED);
    }
    if (t->n_errors > 0) {
        exit(1);
    }
}

/* Aliases share nodes: one that has its place is not entered again. */
static void place_walk(Json *v, uint32_t line, uint32_t file_column, bool keep_lines)
{
    if (v->column >> FILE_SHIFT) {
        return;
    }
    if (!keep_lines) {
        v->line = line;
    }
    v->column = MIN(v->column, (1U << FILE_SHIFT) - 1) | file_column;
    for (uint32_t i = 0; i < v->n; i++) {
        Json *child = v->type == JSON_ARRAY ? v->items[i] : v->members[i].value;
        place_walk(child, line, file_column, keep_lines);
    }
}

void tool_place(Json *v, const Json *at)
{
    place_walk(v, at->line, at->column & ~((1U << FILE_SHIFT) - 1), false);
}

Json *tool_json_text(Tool *t, const Json *at, Str text)
{
    Json *v = NULL;
    Error err = {0};
    if (json_parse(t->arena, text, NULL, &v, &err) != RC_OK) {
        tool_error(t, at, "cannot build %.*s: %s", STR_ARG(text), err.message);
        tool_stop_on_errors(t);
    }
    tool_place(v, at);
    return v;
}

Json *tool_json(Tool *t, const Json *at, const char *fmt, ...)
{
    va_list ap;
    Buf text = buf_init(t->arena, MIB);
    va_start(ap, fmt);
    buf_vfmt(&text, fmt, ap);
    va_end(ap);
    return tool_json_text(t, at, buf_str(&text));
}

/* ---- small helpers */

bool tool_is_method(Str key)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_is(key, methods[i])) {
            return true;
        }
    }
    return false;
}

Json *tool_child(Tool *t, Json *object, const char *key)
{
    Json *child = json_get_c(object, key);
    if (!child) {
        child = json_object(t->arena);
        tool_place(child, object);
        json_set_c(t->arena, object, key, child);
    }
    return child;
}

const Json *tool_resolve(const Tool *t, const Json *v)
{
    enum { MAX_HOPS = 16 };
    for (int hops = 0; v && hops < MAX_HOPS; hops++) {
        const Json *ref = json_get_c(v, "$ref");
        if (!json_is(ref, JSON_STRING)) {
            return v;
        }
        if (!str_starts(ref->text, STR("#/"))) {
            return NULL;
        }
        v = json_pointer(t->doc, str_from_index(ref->text, 1));
    }
    return NULL;
}

Str tool_pointer(Tool *t, Str base, Str key)
{
    Str escaped = str_replace(t->arena, key, STR("~"), STR("~0"));
    escaped = str_replace(t->arena, escaped, STR("/"), STR("~1"));
    return str_fmt(t->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(escaped));
}

size_t tool_operations(Tool *t, OperationAt **ret)
{
    VEC(OperationAt) found = {.arena = t->arena};
    const Json *paths = json_get_c(t->doc, "paths");
    for (uint32_t i = 0; paths && i < paths->n; i++) {
        const JsonMember *path = &paths->members[i];
        Str base = tool_pointer(t, STR("/paths"), path->key);
        for (uint32_t j = 0; j < path->value->n; j++) {
            const JsonMember *m = &path->value->members[j];
            if (tool_is_method(m->key)) {
                OperationAt at = {path->key, m->key, m->value, tool_pointer(t, base, m->key)};
                VEC_PUSH(&found, at);
            }
        }
    }
    *ret = found.at;
    return found.n;
}

Str tool_words(Tool *t, Str name)
{
    Buf out = buf_init(t->arena, KIB);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (upper && i > 0) {
            buf_char(&out, ' ');
        }
        buf_char(&out, upper ? (char)(c + ('a' - 'A')) : c);
    }
    return buf_str(&out);
}

/* ---- merging */

static bool one_of(Str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(key, names[i])) {
            return true;
        }
    }
    return false;
}

static void merge_head(Tool *t, const Json *file, const char *path)
{
    bool common = str_is(path_base(str_from(path)), "common.yaml");
    for (uint32_t i = 0; i < file->n; i++) {
        const JsonMember *m = &file->members[i];
        if (one_of(m->key, file_keys, ARRAY_LEN(file_keys))) {
            continue;
        }
        if (common && one_of(m->key, common_keys, ARRAY_LEN(common_keys))) {
            json_set(t->arena, t->doc, m->key, m->value);
            continue;
        }
        tool_error(t, m->value, "\"%.*s\" is not a key of %s", STR_ARG(m->key),
                   common ? "the common file" : "a module's file");
    }
}

static void merge_tags(Tool *t, const Json *file, FileInfo *info)
{
    const Json *tags = json_get_c(file, "tags");
    Json *all = json_get_c(t->doc, "tags");
    for (uint32_t i = 0; json_is(tags, JSON_ARRAY) && i < tags->n; i++) {
        Str name = json_str_at(tags->items[i], "name");
        if (name.len == 0 || json_str_at(tags->items[i], "description").len == 0) {
            tool_error(t, tags->items[i], "a tag needs a name and a description");
        }
        for (uint32_t j = 0; j < all->n; j++) {
            if (str_eq(json_str_at(all->items[j], "name"), name)) {
                tool_error(t, tags->items[i], "tag \"%.*s\" is already there", STR_ARG(name));
            }
        }
        json_push(t->arena, all, tags->items[i]);
        if (i == 0) {
            info->tag = name;
        }
    }
}

static void merge_components(Tool *t, const Json *file)
{
    const Json *components = json_get_c(file, "components");
    Json *all = tool_child(t, t->doc, "components");
    for (uint32_t i = 0; json_is(components, JSON_OBJECT) && i < components->n; i++) {
        const JsonMember *section = &components->members[i];
        Json *to = json_get(all, section->key);
        if (!to) {
            to = json_object(t->arena);
            tool_place(to, section->value);
            json_set(t->arena, all, section->key, to);
        }
        for (uint32_t j = 0; section->value->type == JSON_OBJECT && j < section->value->n; j++) {
            const JsonMember *m = &section->value->members[j];
            const Json *first = json_get(to, m->key);
            if (first) {
                tool_error(t, m->value, "components/%.*s/%.*s is already there, line %u of %s",
                           STR_ARG(section->key), STR_ARG(m->key), first->line,
                           t->files.at[(first->column >> FILE_SHIFT) - 1]);
            }
            json_set(t->arena, to, m->key, m->value);
        }
    }
}

static void merge_path(Tool *t, Str path, const Json *item, const FileInfo *info)
{
    if (item->type != JSON_OBJECT) {
        tool_error(t, item, "the path %.*s must be an object", STR_ARG(path));
        return;
    }
    Json *paths = json_get_c(t->doc, "paths");
    const Json *params = json_get_c(item, "parameters");
    const Json *records = json_get_c(item, "x-records");
    if (records) {
        records_expand_path(t, path, records, info);
    }
    for (uint32_t i = 0; i < item->n; i++) {
        const JsonMember *m = &item->members[i];
        if (str_is(m->key, "x-records") || str_is(m->key, "parameters")) {
            continue;
        }
        if (!tool_is_method(m->key) || m->value->type != JSON_OBJECT) {
            tool_error(t, m->value, "\"%.*s\" is neither a method, parameters nor x-records",
                       STR_ARG(m->key));
            continue;
        }
        const char *key = str_cstr(t->arena, path);
        Json *to = tool_child(t, paths, key);
        if (json_get(to, m->key)) {
            tool_error(t, m->value, "%.*s %.*s is already there", STR_ARG(m->key), STR_ARG(path));
        }
        operation_finish(t, m->value, path, params, info);
        json_set(t->arena, to, m->key, m->value);
    }
}

static FileInfo merge_top(Tool *t, const char *path, const Json *file)
{
    FileInfo info = {.module = json_str_at(file, "x-module"),
                     .mount = json_str_at(file, "x-mount")};
    Str errors = json_str_at(file, "x-errors");

    if (file->type != JSON_OBJECT) {
        tool_error(t, file, "the file must be an object");
        return info;
    }
    info.backstage = str_is(errors, "backstage");
    if (errors.len > 0 && !info.backstage && !str_is(errors, "problem")) {
        tool_error(t, json_get_c(file, "x-errors"), "x-errors is \"problem\" or \"backstage\"");
    }
    merge_head(t, file, path);
    merge_tags(t, file, &info);
    merge_components(t, file);
    if (json_get_c(file, "paths") && info.module.len == 0) {
        tool_error(t, file, "a file with paths names its module with x-module");
    }
    return info;
}

static void merge_paths(Tool *t, const Json *file, const FileInfo *info)
{
    const Json *paths = json_get_c(file, "paths");
    for (uint32_t i = 0; json_is(paths, JSON_OBJECT) && i < paths->n; i++) {
        const JsonMember *m = &paths->members[i];
        Str full = str_fmt(t->arena, "/api%.*s", STR_ARG(m->key));
        if (str_starts(m->key, STR("//"))) {
            full = str_from_index(m->key, 1);
        } else if (str_is(m->key, "/")) {
            full = STR("/api");
        } else if (!str_starts(m->key, STR("/"))) {
            tool_error(t, m->value, "the path %.*s must begin with /", STR_ARG(m->key));
        }
        if (!str_starts(full, info->mount)) {
            tool_error(t, m->value, "the path %.*s lies outside of x-mount %.*s", STR_ARG(full),
                       STR_ARG(info->mount));
        }
        merge_path(t, full, m->value, info);
    }
}

static Json *read_yaml(Tool *t, const char *path, uint32_t number)
{
    Str text;
    Error err = {0};
    Json *v = NULL;
    if (file_read(t->arena, path, max_file_bytes, &text, &err) != RC_OK ||
        yaml_parse(t->arena, text, NULL, &v, &err) != RC_OK) {
        fprintf(stderr, "%s:%u:%u: %s\n", path, err.line, err.column, err.message);
        exit(1);
    }
    place_walk(v, 0, number << FILE_SHIFT, true);
    return v;
}

/* Components of all files first: the operations of a record are made from its schema. */
static void read_all(Tool *t, char **paths, int n)
{
    Json **files = ARENA_ARRAY(t->arena, Json *, (size_t)n);
    FileInfo *infos = ARENA_ARRAY(t->arena, FileInfo, (size_t)n);
    static const char *const objects[] = {"info", "paths", "components"};
    static const char *const arrays[] = {"servers", "security", "tags"};

    t->files.arena = t->arena;
    t->doc = json_object(t->arena);
    t->doc->column = 1U << FILE_SHIFT;
    json_set_str(t->arena, t->doc, "openapi", STR("3.1.0"));
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        json_set_c(t->arena, t->doc, objects[i], json_object(t->arena));
        json_set_c(t->arena, t->doc, arrays[i], json_array(t->arena));
    }
    for (int i = 0; i < n; i++) {
        VEC_PUSH(&t->files, paths[i]);
        files[i] = read_yaml(t, paths[i], (uint32_t)i + 1);
        infos[i] = merge_top(t, paths[i], files[i]);
    }
    tool_stop_on_errors(t);
    records_expand_schemas(t);
    for (int i = 0; i < n; i++) {
        merge_paths(t, files[i], &infos[i]);
    }
}

int main(int argc, char **argv)
{
    bool reference = argc > 1 && strcmp(argv[1], "--reference") == 0;
    int first = reference ? 3 : 2;
    if (argc <= first) {
        fputs("usage: fairway-contract OUT_DIR FILE.yaml...\n"
              "       fairway-contract --reference OUT.md FILE.yaml...\n",
              stderr);
        return 2;
    }
    Tool t = {.arena = arena_new(MIB)};
    t.handlers = map_init(t.arena);
    read_all(&t, argv + first, argc - first);
    operations_add_responses(&t);
    tool_stop_on_errors(&t);
    contract_check(&t);
    tool_stop_on_errors(&t);
    if (reference) {
        contract_reference(&t, argv[2]);
    } else {
        contract_emit(&t, argv[1]);
    }
    arena_free(t.arena);
    return 0;
}
