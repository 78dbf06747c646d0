/* SPDX-License-Identifier: Apache-2.0
 * base/arena.h - memory freed by lifetime: everything of a request, a job or a parse at once.
 *
 * Allocation never returns NULL: the process aborts when memory is gone, so every size that comes
 * from outside is checked against a named limit before it gets here. Not thread-safe: an arena
 * belongs to one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

typedef struct Arena Arena;

/* first_bytes: size of the first block (0 = a default of 4 KiB); later blocks double up to 1 MiB.
 */
Arena *arena_new(size_t first_bytes);
void arena_free(Arena *arena);     /* NULL is fine */
void arena_cleanup(Arena **arena); /* for CLEANUP(arena_cleanup) */

/* 16-byte aligned, zeroed. size 0 gives a valid unique pointer. */
void *arena_alloc(Arena *arena, size_t size);
/* Zeroed array; aborts on overflow of n * size. */
void *arena_array(Arena *arena, size_t n, size_t size);
/* Grows the allocation (in place when it is the last one); old contents kept, the rest is zeroed.
 */
void *arena_grow(Arena *arena, void *old, size_t old_size, size_t new_size);
void *arena_dup(Arena *arena, const void *bytes, size_t size);

#define ARENA_NEW(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, n) ((Type *)arena_array((arena), (n), sizeof(Type)))

/* Frees all allocations but keeps the first block: for loops that reuse one arena. */
void arena_reset(Arena *arena);
/* Bytes handed out since creation or reset: what a limit or a test compares. */
size_t arena_used(const Arena *arena);

/* Calls fn(user) when the arena is reset or freed, last registered first. */
void arena_defer(Arena *arena, void (*fn)(void *user), void *user);

#endif
