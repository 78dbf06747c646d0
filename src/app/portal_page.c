/* SPDX-License-Identifier: Apache-2.0
 * app/portal_page.c - which page an address is, and the shell filled in. */
#include "app/portal_page.h"

#include "base/buf.h"
#include "base/id.h"

static Str decode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, s.len);
    return buf_unurl(&out, s, false) ? buf_str(&out) : s;
}

static bool match_page(Arena *arena, const PortalPage *page, Str path, PortalMatch *ret)
{
    Str pattern = str_from(page->path);
    Str want;
    Str have;
    *ret = (PortalMatch){.page = page};
    while (str_split(&pattern, '/', &want)) {
        if (!str_split(&path, '/', &have)) {
            return false;
        }
        if (!str_starts(want, STR("$"))) {
            if (!str_eq(want, have)) {
                return false;
            }
        } else if (have.len == 0 || ret->n_vars == PORTAL_VARS_MAX) {
            return false;
        } else {
            ret->vars[ret->n_vars++] = (PortalVar){str_from_index(want, 1), decode(arena, have)};
        }
    }
    return path.ptr == NULL; /* nothing is left */
}

bool portal_match(Arena *arena, const PortalPage *pages, size_t n_pages, Str path, PortalMatch *ret)
{
    PortalMatch match;
    *ret = (PortalMatch){0};
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    for (size_t i = 0; i < n_pages; i++) {
        if (match_page(arena, &pages[i], path, &match) &&
            (!ret->page || match.n_vars < ret->n_vars)) {
            *ret = match;
        }
    }
    return ret->page != NULL;
}

Str portal_var(const PortalMatch *match, const char *name)
{
    for (size_t i = 0; i < match->n_vars; i++) {
        if (str_is(match->vars[i].name, name)) {
            return match->vars[i].value;
        }
    }
    return STR_EMPTY;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

Str portal_expand(Arena *arena, Str pattern, const PortalMatch *match)
{
    enum { MAX = 16 * KIB };
    Buf out = buf_init(arena, MAX);
    while (pattern.len > 0) {
        size_t at = MIN(str_find_char(pattern, '$'), pattern.len);
        size_t end = at + 1;
        buf_put(&out, str_sub(pattern, 0, at));
        if (at == pattern.len) {
            break;
        }
        while (end < pattern.len && is_name(pattern.ptr[end])) {
            end++;
        }
        buf_url(&out, portal_var(match, str_cstr(arena, str_sub(pattern, at + 1, end))));
        pattern = str_from_index(pattern, end);
    }
    return buf_ok(&out) ? buf_str(&out) : STR_EMPTY;
}

void portal_fill(Buf *out, Str shell, const PortalParts *parts)
{
    const struct {
        Str marker, text;
    } all[] = {
        {STR("{{nonce}}"),   parts->nonce  },
        {STR("{{title}}"),   parts->title  },
        {STR("{{content}}"), parts->content},
        {STR("{{boot}}"),    parts->boot   },
    };
    for (;;) {
        size_t at = MIN(str_find(shell, STR("{{")), shell.len);
        size_t taken = 0;
        buf_put(out, str_sub(shell, 0, at));
        if (at == shell.len) {
            return;
        }
        shell = str_from_index(shell, at);
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            if (str_starts(shell, all[i].marker)) {
                buf_put(out, all[i].text);
                taken = all[i].marker.len;
            }
        }
        if (taken == 0) {
            taken = 1;
            buf_char(out, '{');
        }
        shell = str_from_index(shell, taken);
    }
}

Str portal_nonce(Arena *arena)
{
    unsigned char bytes[16];
    Buf out = buf_init(arena, 2 * sizeof(bytes));
    random_bytes(bytes, sizeof(bytes));
    buf_base64url(&out, str_of((const char *)bytes, sizeof(bytes)));
    return buf_str(&out);
}
