/* SPDX-License-Identifier: Apache-2.0
 * Words. A letter or digit is one of ASCII, or any character beyond it that is no space or
 * punctuation; so that the index of words of a database needs no rules of its own, it is only given
 * words from here. */
#include "modules/search/search_words.h"

#include "base/buf.h"

typedef uint32_t Letter;

enum { NO_LETTER = 0xfffd };

/* The character at *at, which is moved behind it. A byte that is no UTF-8 is NO_LETTER. */
static Letter next_letter(Str s, size_t *at)
{
    unsigned char c = (unsigned char)s.ptr[*at];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
    Letter letter = n == 1 ? c : c & (0xffU >> (n + 1));
    if (n == 0 || *at + n > s.len) {
        ++*at;
        return NO_LETTER;
    }
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)s.ptr[*at + i];
        if ((next & 0xc0) != 0x80) {
            ++*at;
            return NO_LETTER;
        }
        letter = letter << 6 | (next & 0x3fU);
    }
    *at += n;
    return letter;
}

static void put_letter(Buf *out, Letter c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
    } else if (c < 0x800) {
        buf_char(out, (char)(0xc0 | c >> 6));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_char(out, (char)(0xe0 | c >> 12));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_char(out, (char)(0xf0 | c >> 18));
        buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

static bool is_upper(Letter c)
{
    if (c >= 0x100 && c < 0x180) { /* pairs; the smaller one is the capital */
        bool is_odd_pair = (c >= 0x139 && c <= 0x148) || c >= 0x179;
        return c == 0x178 || (c & 1) == (is_odd_pair ? 1U : 0U);
    }
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
           (c >= 0x386 && c <= 0x3ab && c != 0x390) || (c >= 0x400 && c <= 0x42f);
}

static bool is_accent(Letter c)
{
    return c >= 0x300 && c <= 0x36f;
}

static bool is_word(Letter c)
{
    if (c < 0x80) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f) &&
           !(c >= 0x3000 && c <= 0x303f) && !(c >= 0xff00 && c <= 0xff0f) && c != 0xfeff &&
           c != 0x1680 && c != NO_LETTER;
}

static const SearchFold *find_fold(Letter c)
{
    size_t from = 0, to = search_n_folds;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (search_folds[mid].from < c) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from < search_n_folds && search_folds[from].from == c ? &search_folds[from] : NULL;
}

static void put_folded(Buf *out, Letter c)
{
    if (c < 0x80) {
        buf_char(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
        return;
    }
    const SearchFold *fold = find_fold(c);
    if (!fold) {
        put_letter(out, c);
        return;
    }
    put_letter(out, fold->to);
    if (fold->more) {
        put_letter(out, fold->more);
    }
}

Str search_folded(Arena *arena, Str text)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_reserve(&out, text.len + 1);
    for (size_t at = 0; at < text.len;) {
        Letter c = next_letter(text, &at);
        if (!is_accent(c)) {
            put_folded(&out, c);
        }
    }
    return buf_str(&out);
}

Str search_prefix(Str word, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n && at < word.len; i++) {
        IGNORE(next_letter(word, &at)); /* only the place counts */
    }
    return str_sub(word, 0, at);
}

size_t search_letters(Str word)
{
    size_t n = 0;
    for (size_t at = 0; at < word.len; n++) {
        IGNORE(next_letter(word, &at));
    }
    return n;
}

/* Whole letters of at most SEARCH_WORD_MAX bytes. */
static Str shortened(Str word)
{
    size_t at = 0, end = 0;
    if (word.len <= SEARCH_WORD_MAX) {
        return word;
    }
    while (at <= SEARCH_WORD_MAX) {
        end = at;
        IGNORE(next_letter(word, &at));
    }
    return str_sub(word, 0, end);
}

static void push(SearchWords *ret, Str text, size_t from, size_t to, bool is_part)
{
    Str word = shortened(search_folded(ret->arena, str_sub(text, from, to)));
    if (word.len > 0) {
        VEC_PUSH(ret, ((SearchWord){word, from, to, is_part}));
    }
}

/* Where a part begins inside text[from, to): "paymentService" at S, "HTTPServer" at its S. */
static size_t next_part(Str text, size_t from, size_t to)
{
    size_t at = from;
    Letter last = next_letter(text, &at);
    while (at < to) {
        size_t here = at, behind;
        Letter c = next_letter(text, &at);
        behind = at;
        bool before_lower = behind < to && !is_upper(next_letter(text, &behind)) &&
                            !(text.ptr[at] >= '0' && text.ptr[at] <= '9');
        if (is_upper(c) && (!is_upper(last) || before_lower)) {
            return here;
        }
        last = c;
    }
    return to;
}

static void push_word(SearchWords *ret, Str text, size_t from, size_t to, bool with_parts)
{
    size_t at = from, part = with_parts ? next_part(text, from, to) : to;
    bool has_parts = part < to;
    while (has_parts) {
        push(ret, text, at, part, true);
        if (part == to) {
            break;
        }
        at = part;
        part = next_part(text, at, to);
    }
    push(ret, text, from, to, false);
}

void search_words(Arena *arena, Str text, bool with_parts, size_t max, SearchWords *ret)
{
    *ret = (SearchWords){.arena = arena};
    size_t from = SIZE_MAX;
    for (size_t at = 0; at < text.len && ret->n < max;) {
        size_t here = at;
        Letter c = next_letter(text, &at);
        bool in_word = is_word(c) || (is_accent(c) && from != SIZE_MAX);
        if (in_word && from == SIZE_MAX) {
            from = here;
        } else if (!in_word && from != SIZE_MAX) {
            push_word(ret, text, from, here, with_parts);
            from = SIZE_MAX;
        }
    }
    if (from != SIZE_MAX && ret->n < max) {
        push_word(ret, text, from, text.len, with_parts);
    }
    ret->n = MIN(ret->n, max);
}

Str search_joined(Arena *arena, Str text)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    for (size_t at = 0; at < text.len;) {
        Letter c = next_letter(text, &at);
        if (is_word(c) && !is_accent(c)) {
            put_folded(&out, c);
        }
    }
    return shortened(buf_str(&out));
}
