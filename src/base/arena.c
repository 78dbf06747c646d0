/* SPDX-License-Identifier: Apache-2.0
 * A chain of blocks, newest first; allocation moves a mark in the newest. The arena lives in the
 * head of its first block, so a small arena is one malloc. Under AddressSanitizer the memory that
 * is not handed out is poisoned and a gap is left after every allocation. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size) ASAN_POISON_MEMORY_REGION((ptr), (size))
#define UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION((ptr), (size))
enum { GAP = 16 };
#else
#define POISON(ptr, size) ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
enum { GAP = 0 };
#endif

enum { ALIGN = 16, FIRST_BLOCK_DEFAULT = 4096, FIRST_BLOCK_LEAST = 256 };
#define BLOCK_MOST MIB
/* Far above every named limit; keeps the sums below from wrapping. */
#define ALLOC_MOST (SIZE_MAX / 4)

typedef struct Block {
    struct Block *prev;
    size_t cap, used;
    size_t reserved; /* keeps the data that follows 16-byte aligned */
} Block;

typedef struct Deferred {
    struct Deferred *prev;
    void (*fn)(void *user);
    void *user;
} Deferred;

struct Arena {
    Block *top;   /* newest; ends in first */
    Block *large; /* blocks of one big allocation each */
    Deferred *deferred;
    char *last; /* the newest allocation in top: it can grow in place */
    size_t handed_out;
    size_t next_cap;
    _Alignas(ALIGN) Block first; /* its data follows */
};

_Static_assert(sizeof(Block) % ALIGN == 0, "block data must be aligned");
_Static_assert(sizeof(Arena) % ALIGN == 0, "first block's data must be aligned");

static char *block_data(Block *block)
{
    return (char *)(block + 1);
}

static size_t align_up(size_t size)
{
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void *must_malloc(size_t size)
{
    void *ptr = malloc(size);

    ASSERT(ptr != NULL);
    return ptr;
}

static size_t second_cap(size_t first)
{
    return MIN(MAX(first, 2048) * 2, BLOCK_MOST);
}

Arena *arena_new(size_t first_bytes)
{
    ASSERT(first_bytes <= ALLOC_MOST);
    size_t cap = align_up(first_bytes ? MAX(first_bytes, FIRST_BLOCK_LEAST) : FIRST_BLOCK_DEFAULT);
    Arena *arena = must_malloc(sizeof(*arena) + cap);

    *arena = (Arena){.first = {.cap = cap}, .next_cap = second_cap(cap)};
    arena->top = &arena->first;
    POISON(block_data(arena->top), cap);
    return arena;
}

static void run_deferred(Arena *arena)
{
    while (arena->deferred) {
        Deferred *d = arena->deferred;
        arena->deferred = d->prev;
        d->fn(d->user);
    }
}

/* Frees the chain down to `end`, which stays. */
static void free_blocks(Block *block, const Block *end)
{
    while (block != end) {
        Block *prev = block->prev;
        UNPOISON(block_data(block), block->cap);
        free(block);
        block = prev;
    }
}

static void free_later_blocks(Arena *arena)
{
    free_blocks(arena->large, NULL);
    free_blocks(arena->top, &arena->first);
    arena->large = NULL;
    arena->top = &arena->first;
}

void arena_free(Arena *arena)
{
    if (!arena) {
        return;
    }
    run_deferred(arena);
    free_later_blocks(arena);
    UNPOISON(block_data(&arena->first), arena->first.cap);
    free(arena);
}

void arena_cleanup(Arena **arena)
{
    arena_free(*arena);
    *arena = NULL;
}

void arena_reset(Arena *arena)
{
    run_deferred(arena);
    free_later_blocks(arena);
    arena->first.used = 0;
    arena->next_cap = second_cap(arena->first.cap); /* one large round makes no later one dear */
    arena->last = NULL;
    arena->handed_out = 0;
    POISON(block_data(&arena->first), arena->first.cap);
}

static Block *block_new(size_t cap)
{
    Block *block = must_malloc(sizeof(*block) + cap);

    *block = (Block){.cap = cap};
    POISON(block_data(block), cap);
    return block;
}

/* room: aligned size with its gap. */
static char *alloc_slow(Arena *arena, size_t room)
{
    /* A large piece gets its own block, so that the rest of the top one stays in use. */
    if (room > arena->next_cap / 4) {
        Block *block = block_new(room);
        block->prev = arena->large;
        arena->large = block;
        return block_data(block);
    }
    Block *block = block_new(arena->next_cap);

    arena->next_cap = MIN(arena->next_cap * 2, BLOCK_MOST);
    block->prev = arena->top;
    block->used = room;
    arena->top = block;
    arena->last = block_data(block);
    return arena->last;
}

void *arena_alloc(Arena *arena, size_t size)
{
    ASSERT(size <= ALLOC_MOST);
    size_t rounded = align_up(size ? size : 1);
    size_t room = rounded + GAP;
    Block *top = arena->top;
    char *ptr;

    if (room <= top->cap - top->used) {
        ptr = block_data(top) + top->used;
        top->used += room;
        arena->last = ptr;
    } else {
        ptr = alloc_slow(arena, room);
    }
    arena->handed_out += rounded;
    UNPOISON(ptr, size);
    return memset(ptr, 0, size);
}

void *arena_array(Arena *arena, size_t n, size_t size)
{
    size_t total;

    ASSERT(!__builtin_mul_overflow(n, size, &total));
    return arena_alloc(arena, total);
}

void *arena_grow(Arena *arena, void *old, size_t old_size, size_t new_size)
{
    ASSERT(new_size <= ALLOC_MOST && old_size <= ALLOC_MOST);
    if (old && new_size <= old_size) {
        return old;
    }
    if (old && old == arena->last) {
        Block *top = arena->top;
        size_t from = (size_t)(arena->last - block_data(top));
        size_t used = MAX(from + align_up(new_size) + GAP, top->used);
        if (used <= top->cap) {
            arena->handed_out += used - top->used;
            top->used = used;
            UNPOISON(old, new_size);
            memset((char *)old + old_size, 0, new_size - old_size);
            return old;
        }
    }
    void *ptr = arena_alloc(arena, new_size);

    if (old && old_size) {
        memcpy(ptr, old, old_size);
    }
    return ptr;
}

void *arena_dup(Arena *arena, const void *bytes, size_t size)
{
    void *ptr = arena_alloc(arena, size);

    if (size) {
        memcpy(ptr, bytes, size);
    }
    return ptr;
}

size_t arena_used(const Arena *arena)
{
    return arena->handed_out;
}

void arena_defer(Arena *arena, void (*fn)(void *user), void *user)
{
    Deferred *d = ARENA_NEW(arena, Deferred);

    *d = (Deferred){.prev = arena->deferred, .fn = fn, .user = user};
    arena->deferred = d;
}
