/* SPDX-License-Identifier: Apache-2.0
 * data/json.h against jansson: over a table and generated mutations both must accept the same
 * texts and read the same values. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"

#include "data/json.h"
#include "data/json_random.h"
#include "json_jansson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MUTATIONS = 150000, MUTATED_MAX = 400 };

void value_write_text(Buf *out, char kind, Str text)
{
    buf_fmt(out, "%c%zu:", kind, text.len);
    buf_put(out, text);
}

void value_write_number(Buf *out, double v)
{
    buf_fmt(out, "d%.17g;", v);
}

static void value_write(const Json *v, Buf *out)
{
    double d = 0;

    switch (v->type) {
    case JSON_OBJECT:
        buf_char(out, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            value_write_text(out, 'k', v->members[i].key);
            value_write(v->members[i].value, out);
        }
        buf_char(out, '}');
        break;
    case JSON_ARRAY:
        buf_char(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            value_write(v->items[i], out);
        }
        buf_char(out, ']');
        break;
    case JSON_STRING:
        value_write_text(out, 's', v->text);
        break;
    case JSON_NUMBER:
        assert_true(json_to_double(v, &d));
        value_write_number(out, d);
        break;
    case JSON_BOOL:
        buf_char(out, v->boolean ? 't' : 'f');
        break;
    case JSON_NULL:
        buf_char(out, 'n');
        break;
    }
}

static void print_text(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        print_error(c >= 0x20 && c < 0x7F ? "%c" : "\\x%02X", c);
    }
    print_error("\n");
}

/* False when jansson is not installed. */
static bool compare(Str text)
{
    const JsonLimits limits = {.max_bytes = MIB, .max_depth = 1000, .max_nodes = MIB};
    Arena *arena = arena_new(0);
    Buf theirs = buf_init(arena, 16 * MIB);
    Buf ours = buf_init(arena, 16 * MIB);
    Json *v = NULL;

    JanssonVerdict verdict = jansson_read(text, &theirs);
    Rc rc = json_parse(arena, text, &limits, &v, NULL);
    bool is_same = verdict == JANSSON_ABSENT || verdict == JANSSON_OVERFLOW;
    bool has_nul = text.len > 0 && memchr(text.ptr, '\0', text.len);
    if (verdict == JANSSON_REFUSES || has_nul) { /* jansson lets a number end with NUL */
        is_same = rc == RC_MALFORMED;
    } else if (verdict == JANSSON_ACCEPTS && rc == RC_OK) {
        value_write(v, &ours);
        is_same = str_eq(buf_str(&ours), buf_str(&theirs));
    }
    if (!is_same) {
        print_text(text);
        fail_msg("jansson %s, we say %s", verdict == JANSSON_ACCEPTS ? "accepts" : "refuses",
                 rc_name(rc));
    }
    arena_free(arena);
    return verdict != JANSSON_ABSENT;
}

static const Str seeds[] = {
    STR_INIT("{\"a\":[1,-2.5e+10,0.1,true,false,null],\"b\":{\"c\":\"d\"},\"e\":\"\"}"),
    STR_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"]"),
    STR_INIT(" [ 0 , -0 , 1E5 , 1e-5 , 12345678901234567890123 ] "),
    STR_INIT("\"é€😀 text beyond eight bytes\""),
    STR_INIT("{\"a\":1,\"b\":2,\"c\":3,\"a\":4}"),
    STR_INIT("{\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,"
             "\"l1\":1,\"l2\":2,\"l3\":3,\"l4\":4,\"l5\":5,\"l6\":6,\"l7\":7,\"l8\":8,\"l9\":9}"),
    STR_INIT(""),
    STR_INIT("nul"),
    STR_INIT("01"),
    STR_INIT("1."),
    STR_INIT("-"),
    STR_INIT("1e400"),
    STR_INIT("1e-400"),
    STR_INIT("\xEF\xBB\xBF[]"),
    STR_INIT("[1]\0"),
    STR_INIT("\"\0\""),
    STR_INIT("\"\\u0000\""),
    STR_INIT("\"\\uD800\""),
    STR_INIT("\"\\uDC00\\uD800\""),
    STR_INIT("\"\xC0\xAF\""),
    STR_INIT("\"\xED\xA0\x80\""),
    STR_INIT("\"\xF4\x90\x80\x80\""),
    STR_INIT("\"\xEF\xBF\xBF\x7F\""),
    STR_INIT("[1,]"),
    STR_INIT("{,}"),
    STR_INIT("[1] 2"),
};

static void both_readers_agree_on_known_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        if (!compare(seeds[i])) {
            skip();
        }
    }
}

/* One change that keeps most of the text: the faults a reader must notice lie near valid texts. */
static size_t mutate(char *text, size_t n, uint64_t *random)
{
    static const char bytes[] = "{}[]\",:\\/ "
                                "\t\n\r0123456789+-."
                                "eEutrfalsn\x00\x01\x1F\x7F\x80\xBF\xC0\xC3\xA9\xE2\x82\xAC\xED\xA0"
                                "\xF0\x9F\x98\x80\xF4\xFF";
    size_t at = n > 0 ? random_next(random) % n : 0;
    char byte = bytes[random_next(random) % (sizeof(bytes) - 1)];

    switch (random_next(random) % 4) {
    case 0:
        if (n > 0) {
            text[at] = byte;
        }
        return n;
    case 1:
        if (n == 0) {
            return n;
        }
        memmove(text + at, text + at + 1, n - at - 1);
        return n - 1;
    case 2:
        memmove(text + at + 1, text + at, n - at);
        text[at] = byte;
        return n + 1;
    default: {
        size_t from = n > 0 ? random_next(random) % n : 0;
        size_t len = MIN(n - from, (size_t)(random_next(random) % 8));
        char piece[8];
        memcpy(piece, text + from, len);
        memmove(text + at + len, text + at, n - at);
        memcpy(text + at, piece, len);
        return n + len;
    }
    }
}

static void both_readers_agree_on_mutations(void **state)
{
    uint64_t random = 5;

    (void)state;
    for (int i = 0; i < MUTATIONS; i++) {
        char text[MUTATED_MAX];
        Str seed = seeds[(size_t)i % ARRAY_LEN(seeds)];
        size_t n = seed.len;
        memcpy(text, seed.ptr, n);
        for (uint32_t k = random_next(&random) % 4 + 1; k > 0; k--) {
            n = mutate(text, n, &random);
        }
        if (!compare(str_of(text, n))) {
            skip();
        }
    }
}

static void both_readers_agree_on_written_trees(void **state)
{
    uint64_t random = 9;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        Arena *arena = arena_new(0);
        bool is_there = compare(json_to_str(arena, random_tree(arena, &random, 5)));
        arena_free(arena);
        if (!is_there) {
            skip();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_readers_agree_on_known_cases),
        cmocka_unit_test(both_readers_agree_on_mutations),
        cmocka_unit_test(both_readers_agree_on_written_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
