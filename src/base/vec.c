/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

enum { VEC_FIRST_CAP = 8 };

void *vec_grow_(Arena *arena, void *at, size_t n, size_t *cap, size_t item_size)
{
    size_t more;
    size_t bytes;

    ASSERT(arena != NULL && n == *cap);
    ASSERT(!__builtin_mul_overflow(n, (size_t)2, &more));
    more = MAX(more, (size_t)VEC_FIRST_CAP);
    ASSERT(!__builtin_mul_overflow(more, item_size, &bytes));
    *cap = more;
    return arena_grow(arena, at, n * item_size, bytes);
}

void *vec_reserve_(Arena *arena, void *at, size_t n, size_t *cap, size_t item_size, size_t wanted)
{
    size_t bytes;

    ASSERT(arena != NULL && wanted >= n);
    if (wanted <= *cap) {
        return at;
    }
    ASSERT(!__builtin_mul_overflow(wanted, item_size, &bytes));
    size_t old = *cap * item_size;
    *cap = wanted;
    return arena_grow(arena, at, old, bytes);
}
