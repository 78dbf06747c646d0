/* SPDX-License-Identifier: Apache-2.0
 * A document as the words that it is found by. How names begin is stored, too, so that a word which
 * is being typed is one entry of the index, however many words begin like it. */
#include "base/map.h"

#include "modules/search/search_priv.h"

#include <stdio.h>
#include <string.h>

enum { NAME_WORDS = 40, SUMMARY_WORDS = 400, TEXT_WORDS = 2000, TEXT_BYTES = 128 * 1024 };

static Str token(Arena *arena, char place, Str word)
{
    char *out = arena_alloc(arena, word.len + 1);
    out[0] = place;
    memcpy(out + 1, word.ptr, word.len);
    return str_of(out, word.len + 1);
}

static void put(SearchTokens *t, char place, Str word)
{
    if (word.len > 0) {
        VEC_PUSH(&t->words, token(t->words.arena, place, word));
    }
}

static void put_starts(SearchTokens *t, char place, Str word, size_t from, size_t to)
{
    Str last = STR_EMPTY;
    for (size_t n = from; n <= to; n++) {
        Str start = search_prefix(word, n);
        if (start.len == last.len) {
            return;
        }
        put(t, place, start);
        last = start;
    }
}

static void put_spelt(SearchTokens *t, Str word)
{
    if (search_is_spelt(word)) {
        VEC_PUSH(&t->spelt, word);
    }
}

/* Words in a row first, so that phrases find them beside each other; then those that are made of
 * several. */
static void put_words(SearchTokens *t, char place, Str text, size_t max)
{
    SearchWords words;
    search_words(t->words.arena, text, true, max, &words);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < words.n; i++) {
            bool is_whole = !words.at[i].is_part && i > 0 && words.at[i - 1].is_part;
            if (is_whole == (round == 1)) {
                put(t, place, words.at[i].word);
                put_spelt(t, words.at[i].word);
            }
        }
    }
}

/* Of an address only what stands before the @ says something about whose it is. */
static void put_name(SearchTokens *t, Str name)
{
    SearchWords words;
    Arena *arena = t->words.arena;
    Str joined = search_joined(arena, name);
    Str said = str_sub(name, 0, MIN(str_find_char(name, '@'), name.len));
    if (joined.len == 0) {
        return;
    }
    put(t, IN_EXACT, joined);
    put_starts(t, IN_BEGIN, joined, 1, SEARCH_BEGIN_MAX);
    put_words(t, IN_NAME, said, NAME_WORDS);
    search_words(arena, said, true, NAME_WORDS, &words);
    for (size_t i = 1; i < words.n; i++) {
        put_starts(t, IN_START, words.at[i].word, SEARCH_START_MIN, SEARCH_START_MAX);
    }
    if (words.n > 1) {
        put(t, IN_NAME, joined);
        put_spelt(t, joined);
    }
}

Str search_mark(Arena *arena, const char *field, Str value)
{
    uint64_t h = 0xcbf29ce484222325ULL;
    Str folded = search_folded(arena, value), name = str_from(field);
    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3ULL;
    }
    h *= 0x100000001b3ULL;
    for (size_t i = 0; i < folded.len; i++) {
        h = (h ^ (unsigned char)folded.ptr[i]) * 0x100000001b3ULL;
    }
    return str_fmt(arena, "m%016llx", (unsigned long long)h);
}

static void put_mark(SearchTokens *t, const char *field, Str value)
{
    if (value.len > 0) {
        VEC_PUSH(&t->words, search_mark(t->words.arena, field, value));
    }
}

/* An owner is asked for as it is written, in full, and by its bare name. */
static void put_owner(SearchTokens *t, const SearchDocument *d)
{
    Str bare = str_from_index(d->owner, str_rfind_char(d->owner, '/') + 1); /* none: SIZE_MAX + 1 */
    bare = str_from_index(bare, str_rfind_char(bare, ':') + 1);
    put_words(t, IN_SIDE, bare, NAME_WORDS);
    put_mark(t, "owner", d->owner);
    if (!str_eq_nocase(d->owner, d->owner_ref)) {
        put_mark(t, "owner", d->owner_ref);
    }
    if (!str_eq(bare, d->owner)) {
        put_mark(t, "owner", bare);
    }
}

static void put_side(SearchTokens *t, Str type, const SearchDocument *d)
{
    const Str words[] = {d->kind, d->type, d->lifecycle,
                         str_is(d->namespace_, "default") ? STR_EMPTY : d->namespace_};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        put_words(t, IN_SIDE, words[i], NAME_WORDS);
    }
    for (size_t i = 0; i < d->n_tags; i++) {
        put_words(t, IN_SIDE, d->tags[i], NAME_WORDS);
        put(t, IN_SIDE, search_joined(t->words.arena, d->tags[i]));
        put_mark(t, "tag", d->tags[i]);
    }
    put_mark(t, "source", type);
    put_mark(t, "kind", d->kind);
    put_mark(t, "namespace", d->namespace_);
    put_mark(t, "type", d->type);
    put_mark(t, "lifecycle", d->lifecycle);
    put_mark(t, "location", d->href);
    put_owner(t, d);
}

/* Long and of little weight: each word once. */
static void put_text(SearchTokens *t, Str text)
{
    SearchWords words;
    Map seen = map_init(t->words.arena);
    search_words(t->words.arena, str_sub(text, 0, TEXT_BYTES), true, SIZE_MAX, &words);
    for (size_t i = 0; i < words.n && seen.n_live < TEXT_WORDS; i++) {
        if (!map_has(&seen, words.at[i].word)) {
            map_put(&seen, words.at[i].word, t);
            put(t, IN_TEXT, words.at[i].word);
        }
    }
}

/* The name, and the same without what is between its words. */
static void put_label(Buf *out, Str name)
{
    Str folded = search_folded(out->arena, name), joined = search_joined(out->arena, name);
    if (folded.len > 0) {
        buf_put(out, out->len ? STR("\n") : STR_EMPTY);
        buf_put(out, folded);
    }
    if (joined.len > 0 && !str_eq(folded, joined)) {
        buf_char(out, '\n');
        buf_put(out, joined);
    }
}

void search_tokens(Arena *arena, Str type, const SearchDocument *d, SearchTokens *ret)
{
    Buf label = buf_init(arena, SIZE_MAX / 4);
    *ret = (SearchTokens){.words = {.arena = arena}, .spelt = {.arena = arena}};
    VEC_RESERVE(&ret->words, 96);
    put_name(ret, d->name);
    put_label(&label, d->name);
    if (!str_eq(d->title, d->name)) {
        put_name(ret, d->title);
        put_label(&label, d->title);
    }
    for (size_t i = 0; i < d->n_aliases; i++) {
        put_name(ret, d->aliases[i]);
        put_label(&label, d->aliases[i]);
    }
    put(ret, IN_EXACT, search_joined(arena, d->key));
    put_side(ret, type, d);
    put_words(ret, IN_SUMMARY, d->summary, SUMMARY_WORDS);
    put_text(ret, d->text);
    ret->label = buf_str(&label);
}
