/* SPDX-License-Identifier: Apache-2.0
 * search/search_words.h - how texts become words, the same for documents and questions and on every
 * database. Pure. */
#ifndef SEARCH_WORDS_H
#define SEARCH_WORDS_H

#include "base/str.h"
#include "base/vec.h"

enum {
    SEARCH_WORD_MAX = 40,  /* bytes; the rest of a longer word does not count */
    SEARCH_START_MIN = 2,  /* letters by which a word is found while it is typed */
    SEARCH_START_MAX = 10, /* of longer ones the list of known words has the rest */
    SEARCH_BEGIN_MAX = 24, /* the same for all of a name */
};

typedef struct SearchFold {
    uint16_t from, to, more; /* more: a second letter, or 0 */
} SearchFold;
extern const SearchFold search_folds[]; /* in the order of `from` */
extern const size_t search_n_folds;

typedef struct SearchWord {
    Str word;        /* folded */
    size_t from, to; /* its bytes in the text */
    bool is_part;    /* of the word of mixed case that follows its parts: payment, service, then
                        paymentservice */
} SearchWord;
typedef VEC(SearchWord) SearchWords;

/* Letters and digits in a row, folded: lower case, no accents. With parts: paymentService is also
 * payment and service, HTTPServer also http and server. At most max words. */
void search_words(Arena *arena, Str text, bool with_parts, size_t max, SearchWords *ret);
/* All words as one: "Payment-Service" is paymentservice. */
Str search_joined(Arena *arena, Str text);
/* Lower case and without accents; what is no letter or digit stays. */
Str search_folded(Arena *arena, Str text);
/* The first n letters; the whole word when it has no more. */
Str search_prefix(Str word, size_t n);
size_t search_letters(Str word);

/* ---- typing errors (search_typos.c) */

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b; more than most
 * is most + 1. Words of at most SEARCH_WORD_MAX bytes. */
unsigned search_distance(Str a, Str b, unsigned most);
/* How many errors a word of so many letters may have: 0, 1 from four on, 2 from eight on. */
unsigned search_tolerance(Str word);
/* Two words within distance 2 share a key: what is left of the first letters of a word when some
 * are taken away. Sorted, each once. */
typedef VEC(int64_t) SearchKeys;
void search_typo_keys(Arena *arena, Str word, unsigned distance, SearchKeys *ret);
/* Is it worth being found with errors in it? Numbers are not. */
bool search_is_spelt(Str word);

/* ---- synonyms (search_synonyms.c) */

typedef VEC(Str) SearchStrs;
/* Groups of words that mean the same: the built-in ones, and those of the setting
 * search.synonyms. */
typedef struct SearchSynonyms SearchSynonyms;
SearchSynonyms *search_synonyms_new(Arena *arena, Str more);
/* The others of the groups that a word is in. */
void search_synonyms_of(const SearchSynonyms *s, Str word, SearchStrs *ret);

#endif
