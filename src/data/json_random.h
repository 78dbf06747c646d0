/* SPDX-License-Identifier: Apache-2.0
 * data/json_random.h - generated trees for the round-trip tests of JSON and YAML; tests only. */
#ifndef DATA_JSON_RANDOM_H
#define DATA_JSON_RANDOM_H

#include "base/arena.h"

#include "data/json.h"

#include <inttypes.h>
#include <stdio.h>

/* xorshift64*: the same trees on every machine. */
static inline uint32_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(0x2545F4914F6CDD1D)) >> 32);
}

/* Strings made of the pieces that readers and writers get wrong. */
static inline Str random_string(Arena *arena, uint64_t *state)
{
    static const char *const pieces[] = {"a",
                                         "word",
                                         " ",
                                         "  ",
                                         "\n",
                                         "\n\n",
                                         "\t",
                                         "\r",
                                         ": ",
                                         ":",
                                         " #",
                                         "#",
                                         "- ",
                                         "-",
                                         "?",
                                         "'",
                                         "\"",
                                         "\\",
                                         "|",
                                         ">",
                                         "&",
                                         "*",
                                         "!",
                                         "%",
                                         "@",
                                         "`",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         "null",
                                         "~",
                                         "true",
                                         "no",
                                         "yes",
                                         "0x1F",
                                         "017",
                                         "1e3",
                                         ".inf",
                                         "2020",
                                         "-1",
                                         "---",
                                         "...",
                                         "<<",
                                         "=",
                                         "\xC2\x85",
                                         "\xE2\x80\xA8",
                                         "\x01",
                                         "\x7F",
                                         "é",
                                         "ж",
                                         "\U0001F600",
                                         "\xEF\xBB\xBF",
                                         "\xEF\xBF\xBE",
                                         "\xC2\xA0",
                                         "/",
                                         "\b",
                                         "12:30:45"};
    Str s = STR("");

    for (uint32_t n = random_next(state) % 6; n > 0; n--) {
        Str piece = str_from(pieces[random_next(state) % ARRAY_LEN(pieces)]);
        s = str_fmt(arena, "%.*s%.*s", STR_ARG(s), STR_ARG(piece));
    }
    return s;
}

static inline Json *random_number(Arena *arena, uint64_t *state)
{
    static const char *const numbers[] = {
        "0",   "-0",   "1.0", "1e3", "1E+3", "-1.5e-7", "123456789012345678901234567890",
        "0.1", "1e999"};

    if (random_next(state) % 2) {
        return json_int(arena, (int64_t)random_next(state) - INT32_MAX);
    }
    return json_number(arena, str_from(numbers[random_next(state) % ARRAY_LEN(numbers)]));
}

static inline Json *random_tree(Arena *arena, uint64_t *state, unsigned depth)
{
    Json *v;

    switch (random_next(state) % (depth > 0 ? 8 : 5)) {
    case 0:
        return json_null(arena);
    case 1:
        return json_bool_new(arena, random_next(state) % 2);
    case 2:
        return random_number(arena, state);
    case 3:
    case 4:
        return json_string(arena, random_string(arena, state));
    case 5:
        v = json_array(arena);
        for (uint32_t n = random_next(state) % 5; n > 0; n--) {
            json_push(arena, v, random_tree(arena, state, depth - 1));
        }
        return v;
    default:
        v = json_object(arena);
        for (uint32_t n = random_next(state) % 5; n > 0; n--) {
            json_set(arena, v, random_string(arena, state), random_tree(arena, state, depth - 1));
        }
        return v;
    }
}

#endif
