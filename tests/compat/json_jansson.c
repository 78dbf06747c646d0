/* SPDX-License-Identifier: Apache-2.0 */
#include "json_jansson.h"

#include <dlfcn.h>
#include <jansson.h>
#include <string.h>

typedef struct Jansson {
    json_t *(*loadb)(const char *bytes, size_t len, size_t flags, json_error_t *err);
    void (*delete)(json_t *v);
    size_t (*array_size)(const json_t *v);
    json_t *(*array_get)(const json_t *v, size_t at);
    void *(*iter)(json_t *v);
    void *(*iter_next)(json_t *v, void *at);
    const char *(*iter_key)(void *at);
    json_t *(*iter_value)(void *at);
    const char *(*string_value)(const json_t *v);
    size_t (*string_length)(const json_t *v);
    double (*real_value)(const json_t *v);
} Jansson;

/* ISO C has no conversion from an object to a function pointer; POSIX promises that the bytes do.
 */
static bool bind(void *library, const char *name, void *ret_fn)
{
    void *symbol = dlsym(library, name);

    memcpy(ret_fn, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static const Jansson *jansson(void)
{
    static Jansson j;
    static bool is_bound;
    void *lib = is_bound ? NULL : dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);

    if (lib) {
        is_bound = bind(lib, "json_loadb", &j.loadb) && bind(lib, "json_delete", &j.delete) &&
                   bind(lib, "json_array_size", &j.array_size) &&
                   bind(lib, "json_array_get", &j.array_get) &&
                   bind(lib, "json_object_iter", &j.iter) &&
                   bind(lib, "json_object_iter_next", &j.iter_next) &&
                   bind(lib, "json_object_iter_key", &j.iter_key) &&
                   bind(lib, "json_object_iter_value", &j.iter_value) &&
                   bind(lib, "json_string_value", &j.string_value) &&
                   bind(lib, "json_string_length", &j.string_length) &&
                   bind(lib, "json_real_value", &j.real_value);
    }
    return is_bound ? &j : NULL;
}

static void write_value(const Jansson *j, json_t *v, Buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        buf_char(out, '{');
        for (void *at = j->iter(v); at; at = j->iter_next(v, at)) {
            value_write_text(out, 'k', str_from(j->iter_key(at)));
            write_value(j, j->iter_value(at), out);
        }
        buf_char(out, '}');
        break;
    case JSON_ARRAY:
        buf_char(out, '[');
        for (size_t i = 0; i < j->array_size(v); i++) {
            write_value(j, j->array_get(v, i), out);
        }
        buf_char(out, ']');
        break;
    case JSON_STRING:
        value_write_text(out, 's', str_of(j->string_value(v), j->string_length(v)));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        value_write_number(out, j->real_value(v));
        break;
    case JSON_TRUE:
        buf_char(out, 't');
        break;
    case JSON_FALSE:
        buf_char(out, 'f');
        break;
    case JSON_NULL:
        buf_char(out, 'n');
        break;
    }
}

JanssonVerdict jansson_read(Str text, Buf *out)
{
    const Jansson *j = jansson();
    json_error_t err;

    if (!j) {
        return JANSSON_ABSENT;
    }
    json_t *v = j->loadb(text.ptr ? text.ptr : "", text.len,
                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &err);
    if (!v) {
        return json_error_code(&err) == json_error_numeric_overflow ? JANSSON_OVERFLOW
                                                                    : JANSSON_REFUSES;
    }
    write_value(j, v, out);
    if (v->refcount != (size_t)-1) { /* null, true and false are static */
        j->delete (v);
    }
    return JANSSON_ACCEPTS;
}
