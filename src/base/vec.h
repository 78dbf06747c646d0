/* SPDX-License-Identifier: Apache-2.0
 * base/vec.h - typed growing arrays in an arena.
 *
 *   typedef VEC(Str) StrVec;
 *   StrVec v = {.arena = a};
 *   VEC_PUSH(&v, s);   for (size_t i = 0; i < v.n; i++) use(v.at[i]); */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

#define VEC(Type)                                                                                  \
    struct {                                                                                       \
        Arena *arena;                                                                              \
        Type *at;                                                                                  \
        size_t n, cap;                                                                             \
    }

void *vec_grow_(Arena *arena, void *at, size_t n, size_t *cap, size_t item_size);
void *vec_reserve_(Arena *arena, void *at, size_t n, size_t *cap, size_t item_size, size_t wanted);

#define VEC_PUSH(vec, value)                                                                       \
    do {                                                                                           \
        if ((vec)->n == (vec)->cap) {                                                              \
            (vec)->at =                                                                            \
                vec_grow_((vec)->arena, (vec)->at, (vec)->n, &(vec)->cap, sizeof((vec)->at[0]));   \
        }                                                                                          \
        (vec)->at[(vec)->n++] = (value);                                                           \
    } while (0)

/* Room for `more` items: a large array that grows by doubling clears and copies twice its size. */
#define VEC_RESERVE(vec, more)                                                                     \
    ((vec)->at = vec_reserve_((vec)->arena, (vec)->at, (vec)->n, &(vec)->cap,                      \
                              sizeof((vec)->at[0]), (vec)->n + (more)))

#endif
