/* SPDX-License-Identifier: Apache-2.0
 * Configuration files: YAML or JSON with Backstage's substitutions.
 *
 * ${NAME} and ${NAME:-default} inside any string, $${ for a literal ${; {$env: NAME}, {$file: path}
 * and {$include: path#a.b} as whole values, paths relative to the file they stand in. As in
 * Backstage, a string that needs a variable which is not set counts as not given. */
#include "base/file.h"

#include "data/yaml.h"
#include "settings_priv.h"

#include <ctype.h>

typedef struct Reader {
    Arena *arena;
    SettingsStrs *warnings;
    Error *err;
    Str path, dir; /* of the file being read */
    unsigned depth;
} Reader;

static Rc read_tree(Reader *r, Str path, Json **ret);
static Rc substitute(Reader *r, Json *v, Json **ret);

static Rc fail_at(Reader *r, const Json *v, const char *what, Str name)
{
    return error_set_at(r->err, RC_INVALID, v->line, v->column, "%.*s:%u: %s \"%.*s\".",
                        STR_ARG(r->path), v->line, what, STR_ARG(str_sub(name, 0, 120)));
}

static const char *variable(Reader *r, const Json *at, Str name)
{
    const char *value = getenv(str_cstr(r->arena, name));
    if (!value) {
        VEC_PUSH(r->warnings,
                 str_fmt(r->arena,
                         "%.*s:%u: the environment variable %.*s is not set: the value "
                         "counts as not given",
                         STR_ARG(r->path), at->line, STR_ARG(name)));
    }
    return value;
}

static bool is_variable_name(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!isalpha(c) && c != '_' && (i == 0 || !isdigit(c))) {
            return false;
        }
    }
    return s.len > 0;
}

static Json *at_place_of(Json *made, const Json *origin)
{
    made->line = origin->line;
    made->column = origin->column;
    return made;
}

/* inner: what stands between "${" and "}". False: the variable has no value. */
static Rc expand_one(Reader *r, const Json *at, Str inner, Buf *out, bool *ret_is_set)
{
    size_t cut = str_find(inner, STR(":-"));
    Str name = str_trim(str_sub(inner, 0, cut));
    if (!is_variable_name(name)) {
        return fail_at(r, at, "write ${NAME} or ${NAME:-default}; this is no variable name:", name);
    }
    if (cut != SIZE_MAX) {
        const char *value = getenv(str_cstr(r->arena, name));
        buf_put(out, value && *value ? str_from(value) : str_from_index(inner, cut + 2));
        return RC_OK;
    }
    const char *value = variable(r, at, name);
    if (value) {
        buf_put(out, str_from(value));
    } else {
        *ret_is_set = false;
    }
    return RC_OK;
}

static Rc expand_string(Reader *r, Json *v, Json **ret)
{
    if (str_find(v->text, STR("${")) == SIZE_MAX) {
        *ret = v;
        return RC_OK;
    }
    Buf out = buf_init(r->arena, SETTINGS_FILE_BYTES_MAX);
    Str rest = v->text;
    bool is_set = true;
    while (rest.len > 0) {
        size_t at = str_find(rest, STR("${"));
        size_t end = at == SIZE_MAX ? SIZE_MAX : str_find_char(str_from_index(rest, at), '}');
        if (end == SIZE_MAX) {
            buf_put(&out, rest);
            break;
        }
        if (at > 0 && rest.ptr[at - 1] == '$') {
            buf_put(&out, str_sub(rest, 0, at - 1));
            buf_put(&out, str_sub(rest, at, at + end + 1));
        } else {
            buf_put(&out, str_sub(rest, 0, at));
            TRY(expand_one(r, v, str_sub(rest, at + 2, at + end), &out, &is_set));
        }
        rest = str_from_index(rest, at + end + 1);
    }
    if (!buf_ok(&out)) {
        return fail_at(r, v, "substitution makes the value too long:", str_sub(v->text, 0, 40));
    }
    *ret = at_place_of(is_set ? json_string(r->arena, buf_str(&out)) : json_null(r->arena), v);
    return RC_OK;
}

static Rc read_text(Reader *r, const Json *at, Str rel, Str *ret, Str *ret_path)
{
    Error cause = {0};
    *ret_path = path_join(r->arena, r->dir, rel);
    if (file_read(r->arena, str_cstr(r->arena, *ret_path), SETTINGS_FILE_BYTES_MAX, ret, &cause) !=
        RC_OK) {
        return error_set_at(r->err, RC_INVALID, at->line, at->column, "%.*s:%u: %s",
                            STR_ARG(r->path), at->line, cause.message);
    }
    return RC_OK;
}

static Rc include(Reader *r, const Json *at, Str target, Json **ret)
{
    size_t hash = str_find_char(target, '#');
    Str path = path_join(r->arena, r->dir, str_sub(target, 0, hash));
    if (r->depth >= SETTINGS_INCLUDE_DEPTH_MAX) {
        return fail_at(r, at, "files include each other too deeply; the last is", path);
    }
    Reader inner = *r;
    inner.depth++;
    Json *root;
    TRY(read_tree(&inner, path, &root));
    const Json *found = root;
    if (hash != SIZE_MAX) {
        Str pointer = str_from_index(target, hash + 1);
        found = settings_lookup(root, str_cstr(r->arena, pointer));
        if (!found) {
            return fail_at(r, at, "the included file has no such key:", pointer);
        }
    }
    *ret = at_place_of(json_clone(r->arena, found), at);
    return RC_OK;
}

/* {$env: …}, {$file: …}, {$include: …}: an object of exactly that one key. */
static Rc substitute_directive(Reader *r, Json *v, bool *ret_is_directive, Json **ret)
{
    Str key = v->n == 1 ? v->members[0].key : STR_EMPTY;
    bool is_env = str_is(key, "$env"), is_file = str_is(key, "$file");
    *ret_is_directive = is_env || is_file || str_is(key, "$include");
    if (!*ret_is_directive) {
        return RC_OK;
    }
    Json *argument;
    TRY(substitute(r, v->members[0].value, &argument));
    if (!json_is(argument, JSON_STRING)) {
        return fail_at(r, v, "give a text to", key);
    }
    if (is_env) {
        if (!is_variable_name(argument->text)) {
            return fail_at(r, v, "this is no variable name:", argument->text);
        }
        const char *value = variable(r, v, argument->text);
        *ret = at_place_of(value ? json_string_c(r->arena, value) : json_null(r->arena), v);
        return RC_OK;
    }
    if (is_file) {
        Str text, path;
        TRY(read_text(r, v, argument->text, &text, &path));
        *ret = at_place_of(json_string(r->arena, str_trim(text)), v);
        return RC_OK;
    }
    return include(r, v, argument->text, ret);
}

static Rc substitute(Reader *r, Json *v, Json **ret)
{
    bool is_directive = false;
    switch (v->type) {
    case JSON_STRING:
        return expand_string(r, v, ret);
    case JSON_ARRAY: {
        Json *copy = at_place_of(json_array(r->arena), v);
        for (uint32_t i = 0; i < v->n; i++) {
            Json *item = NULL;
            TRY(substitute(r, v->items[i], &item));
            ASSERT(item);
            if (item->type != JSON_NULL || v->items[i]->type == JSON_NULL) {
                json_push(r->arena, copy, item);
            }
        }
        *ret = copy;
        return RC_OK;
    }
    case JSON_OBJECT: {
        TRY(substitute_directive(r, v, &is_directive, ret));
        if (is_directive) {
            return RC_OK;
        }
        Json *copy = at_place_of(json_object(r->arena), v);
        for (uint32_t i = 0; i < v->n; i++) {
            Json *member;
            TRY(substitute(r, v->members[i].value, &member));
            json_set(r->arena, copy, v->members[i].key, member);
        }
        *ret = copy;
        return RC_OK;
    }
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER:
        break;
    }
    *ret = v;
    return RC_OK;
}

static Rc read_tree(Reader *r, Str path, Json **ret)
{
    Error cause = {0};
    Str text;
    const char *name = str_cstr(r->arena, path);
    Rc rc = file_read(r->arena, name, SETTINGS_FILE_BYTES_MAX, &text, &cause);
    if (rc != RC_OK) {
        return error_set(r->err, RC_INVALID, "The configuration file %s cannot be read: %s", name,
                         cause.message);
    }
    YamlDocument *documents;
    size_t n;
    rc = yaml_parse_all(r->arena, text, NULL, &documents, &n, &cause);
    if (rc == RC_OK && n > 1) {
        rc = error_set_at(&cause, RC_MALFORMED, documents[1].line, 1,
                          "a second document begins; a configuration file holds one");
    }
    if (rc != RC_OK) {
        return error_set_at(r->err, RC_INVALID, cause.line, cause.column, "%s:%u: %s", name,
                            cause.line, cause.message);
    }
    Json *root = n == 1 ? documents[0].root : json_null(r->arena);
    r->path = path;
    r->dir = path_dir(path);
    return substitute(r, root, ret);
}

/* "127.0.0.1:7007", ":7007", "[::1]:7007", 7007 -> {host, port} */
static Rc normalise_listen(Reader *r, Json *root)
{
    Json *backend = json_get_c(root, "backend");
    Json *listen = json_get_c(backend, "listen");
    if (!json_is(listen, JSON_STRING) && !json_is(listen, JSON_NUMBER)) {
        return RC_OK;
    }
    size_t colon = str_rfind_char(listen->text, ':');
    Str port = colon == SIZE_MAX ? listen->text : str_from_index(listen->text, colon + 1);
    Str host = colon == SIZE_MAX ? STR_EMPTY : str_sub(listen->text, 0, colon);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = str_sub(host, 1, host.len - 1);
    } else if (str_find_char(host, ':') != SIZE_MAX) {
        return fail_at(r, listen, "write backend.listen as \"host:port\", an IPv6 address in []:",
                       listen->text);
    }
    Json *pair = at_place_of(json_object(r->arena), listen);
    json_set_c(r->arena, pair, "port", at_place_of(json_string(r->arena, port), listen));
    if (host.len > 0) {
        json_set_c(r->arena, pair, "host", at_place_of(json_string(r->arena, host), listen));
    }
    json_set_c(r->arena, backend, "listen", pair);
    return RC_OK;
}

Rc settings_file_read(
    Arena *arena, const char *path, SettingsFile *ret, SettingsStrs *warnings, Error *err)
{
    static const char *const backstage_only[] = {"backend", "integrations", "app"};
    Reader r = {.arena = arena, .warnings = warnings, .err = err};
    Json *root = NULL;
    TRY(read_tree(&r, str_from(path), &root));
    ASSERT(root);
    if (root->type == JSON_NULL) {
        root = json_object(arena);
    }
    if (root->type != JSON_OBJECT) {
        return error_set_at(err, RC_INVALID, root->line, root->column,
                            "%s:%u: a configuration file is a mapping of keys to values.", path,
                            root->line);
    }
    TRY(normalise_listen(&r, root));
    *ret = (SettingsFile){.path = str_from(path), .dir = path_dir(str_from(path)), .root = root};
    for (size_t i = 0; i < ARRAY_LEN(backstage_only); i++) {
        ret->is_backstage |= json_get_c(root, backstage_only[i]) != NULL;
    }
    return RC_OK;
}

const Json *settings_lookup(const Json *root, const char *dotted)
{
    Str rest = str_from(dotted), key;
    const Json *at = root;
    while (at && at->type == JSON_OBJECT && str_split(&rest, '.', &key)) {
        at = json_get(at, key);
    }
    /* Stopped early by something that is no object: only a null says "unset". */
    bool is_whole = rest.ptr == NULL;
    return at && (is_whole || at->type == JSON_NULL) ? at : NULL;
}
