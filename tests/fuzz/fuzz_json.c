/* SPDX-License-Identifier: Apache-2.0
 * Any bytes to the JSON reader. What it accepts must survive each writer and be read back as the
 * same value; what it refuses must be refused with a place inside the text. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The tree is within its limits and its strings are text. */
static size_t check_tree(const Json *v, size_t depth)
{
    size_t n = 1;

    ASSERT(depth <= json_default_limits.max_depth);
    ASSERT(v->line > 0 && v->column > 0);
    if (v->type == JSON_STRING || v->type == JSON_NUMBER) {
        ASSERT(str_is_utf8(v->text, NULL));
    }
    for (uint32_t i = 0; v->type == JSON_ARRAY && i < v->n; i++) {
        n += check_tree(v->items[i], depth + 1);
    }
    for (uint32_t i = 0; v->type == JSON_OBJECT && i < v->n; i++) {
        ASSERT(str_is_utf8(v->members[i].key, NULL));
        ASSERT(json_get(v, v->members[i].key) == v->members[i].value);
        n += check_tree(v->members[i].value, depth + 1);
    }
    return n;
}

static void check_writer(Arena *arena, const Json *v, void (*writer)(Buf *out, const Json *v))
{
    Buf first = buf_init(arena, SIZE_MAX / 4);
    Buf second = buf_init(arena, SIZE_MAX / 4);
    JsonLimits limits = json_default_limits;
    Json *back = NULL;

    limits.max_bytes = SIZE_MAX;
    writer(&first, v);
    ASSERT(json_parse(arena, buf_str(&first), &limits, &back, NULL) == RC_OK);
    ASSERT(json_equal(v, back));
    writer(&second, back);
    ASSERT(str_eq(buf_str(&first), buf_str(&second)));
}

static void check_place(const Error *err, size_t size)
{
    ASSERT(err->line >= 1 && err->line <= size + 1);
    ASSERT(err->column >= 1 && err->column <= size + 1);
    ASSERT(err->message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Error err = {0};
    Json *v = NULL;

    Rc rc = json_parse(arena, str_of((const char *)data, size), NULL, &v, &err);
    if (rc == RC_OK) {
        ASSERT(check_tree(v, 0) <= json_default_limits.max_nodes);
        check_writer(arena, v, json_write);
        check_writer(arena, v, json_write_pretty);
        check_writer(arena, v, json_write_canonical);
        ASSERT(json_equal(v, json_clone(arena, v)));
    } else {
        ASSERT(rc == RC_MALFORMED || rc == RC_LIMIT);
        check_place(&err, size);
    }
    arena_free(arena);
    return 0;
}
