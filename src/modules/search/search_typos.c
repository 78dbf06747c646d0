/* SPDX-License-Identifier: Apache-2.0
 * Typing errors. Words that people may mean are found by what is left of them when letters are
 * taken away: of two words one swap, replacement, insertion or deletion apart, the same is left
 * when one letter is taken from either. Only the first seven letters count for this, which bounds
 * what a word costs (29 keys); the distance has the last word. */
#include "modules/search/search_words.h"

#include <stdlib.h>

enum { KEY_LETTERS = 7, FROM_1 = 4, FROM_2 = 8, SPELT_MIN = 3, DIGITS_MAX = 3 };

static size_t letters_of(Str word, uint32_t *out, size_t max)
{
    size_t n = 0;
    for (size_t at = 0; at < word.len && n < max; n++) {
        unsigned char c = (unsigned char)word.ptr[at++];
        out[n] = c;
        while (c >= 0x80 && at < word.len && ((unsigned char)word.ptr[at] & 0xc0) == 0x80) {
            out[n] = out[n] << 8 | (unsigned char)word.ptr[at++];
        }
    }
    return n;
}

unsigned search_distance(Str a, Str b, unsigned most)
{
    uint32_t x[SEARCH_WORD_MAX], y[SEARCH_WORD_MAX];
    unsigned rows[3][SEARCH_WORD_MAX + 1];
    size_t n = letters_of(a, x, SEARCH_WORD_MAX), m = letters_of(b, y, SEARCH_WORD_MAX);
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    if ((n > m ? n - m : m - n) > most) {
        return most + 1;
    }
    for (size_t j = 0; j <= m; j++) {
        above[j] = (unsigned)j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= n; i++) {
        unsigned least = row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned changed = above[j - 1] + (x[i - 1] != y[j - 1]);
            unsigned best = MIN(changed, MIN(above[j], row[j - 1]) + 1);
            bool swapped = i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1];
            row[j] = swapped ? MIN(best, before[j - 2] + 1) : best;
            least = MIN(least, row[j]);
        }
        if (least > most) {
            return most + 1;
        }
        unsigned *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return MIN(above[m], most + 1);
}

unsigned search_tolerance(Str word)
{
    size_t n = search_letters(word);
    return n >= FROM_2 ? 2 : n >= FROM_1 ? 1 : 0;
}

bool search_is_spelt(Str word)
{
    size_t digits = 0;
    for (size_t i = 0; i < word.len; i++) {
        digits += word.ptr[i] >= '0' && word.ptr[i] <= '9';
    }
    return digits <= DIGITS_MAX && search_letters(word) >= digits + SPELT_MIN;
}

/* FNV-1a over the letters but those at skip1 and skip2. */
static int64_t key_without(const uint32_t *letters, size_t n, size_t skip1, size_t skip2)
{
    uint64_t h = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < n; i++) {
        if (i != skip1 && i != skip2) {
            h = (h ^ letters[i]) * 0x100000001b3ULL;
        }
    }
    return (int64_t)(h >> 1);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void search_typo_keys(Arena *arena, Str word, unsigned distance, SearchKeys *ret)
{
    uint32_t letters[KEY_LETTERS];
    size_t n = letters_of(word, letters, KEY_LETTERS), kept = 0;
    *ret = (SearchKeys){.arena = arena};
    VEC_PUSH(ret, key_without(letters, n, n, n));
    for (size_t i = 0; distance > 0 && i < n; i++) {
        VEC_PUSH(ret, key_without(letters, n, i, n));
        for (size_t k = i + 1; distance > 1 && k < n; k++) {
            VEC_PUSH(ret, key_without(letters, n, i, k));
        }
    }
    qsort(ret->at, ret->n, sizeof ret->at[0], by_value);
    for (size_t i = 0; i < ret->n; i++) {
        if (kept == 0 || ret->at[kept - 1] != ret->at[i]) {
            ret->at[kept++] = ret->at[i];
        }
    }
    ret->n = kept;
}
