/* SPDX-License-Identifier: Apache-2.0
 * data/json_write.c - the tree as text: compact, indented, canonical. */
#include "base/arena.h"
#include "base/buf.h"

#include "data/json_priv.h"

#include <stdlib.h>

enum { INDENT = 2 };

static void write_scalar(Buf *out, const Json *v)
{
    switch (v->type) {
    case JSON_BOOL:
        buf_put(out, v->boolean ? STR("true") : STR("false"));
        break;
    case JSON_NUMBER:
        buf_put(out, v->text);
        break;
    case JSON_STRING:
        buf_json_str(out, v->text);
        break;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_lit(out, "null");
        break;
    }
}

void json_write(Buf *out, const Json *v)
{
    if (json_is(v, JSON_ARRAY)) {
        buf_char(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i > 0) {
                buf_char(out, ',');
            }
            json_write(out, v->items[i]);
        }
        buf_char(out, ']');
    } else if (json_is(v, JSON_OBJECT)) {
        buf_char(out, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i > 0) {
                buf_char(out, ',');
            }
            buf_json_str(out, v->members[i].key);
            buf_char(out, ':');
            json_write(out, v->members[i].value);
        }
        buf_char(out, '}');
    } else {
        write_scalar(out, v);
    }
}

static void new_line(Buf *out, size_t level)
{
    buf_char(out, '\n');
    for (size_t i = 0; i < level * INDENT; i++) {
        buf_char(out, ' ');
    }
}

static void write_pretty(Buf *out, const Json *v, size_t level)
{
    bool is_array = v->type == JSON_ARRAY;

    if (!is_array && v->type != JSON_OBJECT) {
        write_scalar(out, v);
        return;
    }
    buf_char(out, is_array ? '[' : '{');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0) {
            buf_char(out, ',');
        }
        new_line(out, level + 1);
        if (is_array) {
            write_pretty(out, v->items[i], level + 1);
        } else {
            buf_json_str(out, v->members[i].key);
            buf_lit(out, ": ");
            write_pretty(out, v->members[i].value, level + 1);
        }
    }
    if (v->n > 0) {
        new_line(out, level);
    }
    buf_char(out, is_array ? ']' : '}');
}

void json_write_pretty(Buf *out, const Json *v)
{
    write_pretty(out, v, 0);
}

static int member_cmp(const void *a, const void *b)
{
    const JsonMember *const *ma = a;
    const JsonMember *const *mb = b;

    return str_cmp((*ma)->key, (*mb)->key);
}

static void write_canonical_object(Buf *out, const Json *v)
{
    const JsonMember **sorted = calloc((size_t)v->n + 1, sizeof(sorted[0]));

    ASSERT(sorted);
    for (uint32_t i = 0; i < v->n; i++) {
        sorted[i] = &v->members[i];
    }
    qsort(sorted, v->n, sizeof(sorted[0]), member_cmp);
    buf_char(out, '{');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i > 0) {
            buf_char(out, ',');
        }
        buf_json_str(out, sorted[i]->key);
        buf_char(out, ':');
        json_write_canonical(out, sorted[i]->value);
    }
    buf_char(out, '}');
    free(sorted);
}

void json_write_canonical(Buf *out, const Json *v)
{
    if (json_is(v, JSON_OBJECT)) {
        write_canonical_object(out, v);
    } else if (json_is(v, JSON_ARRAY)) {
        buf_char(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i > 0) {
                buf_char(out, ',');
            }
            json_write_canonical(out, v->items[i]);
        }
        buf_char(out, ']');
    } else if (json_is(v, JSON_NUMBER)) {
        JsonDecimal d = json_decimal(v->text);
        json_decimal_write(out, &d);
    } else {
        write_scalar(out, v);
    }
}

Str json_to_str(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, SIZE_MAX);

    json_write(&out, v);
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}
