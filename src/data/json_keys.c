/* SPDX-License-Identifier: Apache-2.0
 * data/json_keys.c - the key index behind duplicate detection and comparison of large objects. */
#include "base/base.h"

#include "data/json_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_OBJECT = 16, /* up to here comparing pairs beats hashing */
    SLOTS_MIN = 64,
};

void json_key_set_done(JsonKeySet *set)
{
    free(set->slots);
    *set = (JsonKeySet){0};
}

static void slots_prepare(JsonKeySet *set, size_t n)
{
    size_t want = SLOTS_MIN;

    while (want < n * 2) {
        want *= 2;
    }
    if (want > set->cap) {
        free(set->slots);
        set->slots = malloc(want * sizeof(set->slots[0]));
        ASSERT(set->slots);
        set->cap = want;
    }
    set->n_slots = want;
    memset(set->slots, 0, want * sizeof(set->slots[0]));
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *slot_of(const JsonKeySet *set, const JsonMember *members, Str key)
{
    size_t mask = set->n_slots - 1;
    size_t at = (size_t)str_hash(key) & mask;

    while (set->slots[at] != 0 && !str_eq(members[set->slots[at] - 1].key, key)) {
        at = (at + 1) & mask;
    }
    return &set->slots[at];
}

void json_key_set_build(JsonKeySet *set, const JsonMember *members, size_t n)
{
    slots_prepare(set, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = slot_of(set, members, members[i].key);
        if (*slot == 0) {
            *slot = (uint32_t)i + 1;
        }
    }
}

size_t json_key_set_find(const JsonKeySet *set, const JsonMember *members, Str key)
{
    uint32_t index = *slot_of(set, members, key);

    return index ? index - 1 : SIZE_MAX;
}

/* One bit per key stands for its length and ends: most keys of a small object are told apart by
 * that bit alone. */
static bool duplicate_small(const JsonMember *members, size_t n, size_t *first, size_t *second)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < n; i++) {
        Str key = members[i].key;
        size_t mix = key.len;
        if (key.len > 0) {
            mix = mix * 7 + (unsigned char)key.ptr[0] + (unsigned char)key.ptr[key.len - 1] * 5U;
        }
        uint64_t bit = UINT64_C(1) << (mix & 63);
        for (size_t j = 0; (seen & bit) && j < i; j++) {
            if (str_eq(members[j].key, key)) {
                *first = j;
                *second = i;
                return true;
            }
        }
        seen |= bit;
    }
    return false;
}

bool json_key_set_duplicate(
    JsonKeySet *set, const JsonMember *members, size_t n, size_t *ret_first, size_t *ret_second)
{
    if (n <= SMALL_OBJECT) {
        return duplicate_small(members, n, ret_first, ret_second);
    }
    slots_prepare(set, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = slot_of(set, members, members[i].key);
        if (*slot != 0) {
            *ret_first = *slot - 1;
            *ret_second = i;
            return true;
        }
        *slot = (uint32_t)i + 1;
    }
    return false;
}

size_t json_key_set_unique(JsonKeySet *set, JsonMember *members, size_t n)
{
    size_t kept = 0;

    slots_prepare(set, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = slot_of(set, members, members[i].key);
        if (*slot == 0) {
            members[kept++] = members[i];
            *slot = (uint32_t)kept;
        }
    }
    return kept;
}
