/* SPDX-License-Identifier: Apache-2.0
 * RFC 3986: resolution of references (section 5.2) and the syntax of URIs and IRIs (RFC 3987). */
#include "data/json_schema_priv.h"

#include <arpa/inet.h>

typedef struct Uri {
    Str scheme, authority, path, query, fragment;
    bool has_scheme, has_authority, has_query, has_fragment;
} Uri;

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of "scheme" when s begins with "scheme:", else 0. */
static size_t scheme_length(Str s)
{
    if (s.len == 0 || !is_alpha(s.ptr[0])) {
        return 0;
    }
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == ':') {
            return i;
        }
        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return 0;
        }
    }
    return 0;
}

static Uri uri_split(Str s)
{
    Uri u = {0};
    size_t n = scheme_length(s);
    if (n > 0) {
        u.has_scheme = true;
        u.scheme = str_sub(s, 0, n);
        s = str_from_index(s, n + 1);
    }
    size_t at = str_find_char(s, '#');
    if (at != SIZE_MAX) {
        u.has_fragment = true;
        u.fragment = str_from_index(s, at + 1);
        s = str_sub(s, 0, at);
    }
    at = str_find_char(s, '?');
    if (at != SIZE_MAX) {
        u.has_query = true;
        u.query = str_from_index(s, at + 1);
        s = str_sub(s, 0, at);
    }
    if (str_starts(s, STR("//"))) {
        u.has_authority = true;
        s = str_from_index(s, 2);
        at = str_find_char(s, '/');
        u.authority = str_sub(s, 0, at);
        s = at == SIZE_MAX ? STR_EMPTY : str_from_index(s, at);
    }
    u.path = s;
    return u;
}

/* Section 5.2.4, segment by segment: "." goes, ".." takes the segment before it along. */
static Str dots_removed(Arena *arena, Str path)
{
    Buf out = buf_init(arena, path.len + 1);
    Str rest = path;
    while (rest.len > 0) {
        size_t skip = rest.ptr[0] == '/' ? 1 : 0;
        size_t end = str_find_char(str_from_index(rest, skip), '/');
        end = end == SIZE_MAX ? rest.len : end + skip;
        Str segment = str_sub(rest, skip, end);
        bool last = end == rest.len;
        if (str_is(segment, ".") || str_is(segment, "..")) {
            if (segment.len == 2) {
                size_t slash = str_rfind_char(buf_str(&out), '/');
                out.len = slash == SIZE_MAX ? 0 : slash;
            }
            if (last && skip == 1) {
                buf_char(&out, '/');
            }
            end += !last && skip == 0 ? 1 : 0; /* "./a" is "a", not "/a" */
        } else {
            buf_put(&out, str_sub(rest, 0, end));
        }
        rest = str_from_index(rest, end);
    }
    return buf_str(&out);
}

static Str merged_path(Arena *arena, const Uri *base, Str path)
{
    if (base->has_authority && base->path.len == 0) {
        return str_fmt(arena, "/%.*s", STR_ARG(path));
    }
    size_t slash = str_rfind_char(base->path, '/');
    if (slash == SIZE_MAX) {
        return path;
    }
    return str_fmt(arena, "%.*s%.*s", (int)slash + 1, base->path.ptr, STR_ARG(path));
}

static Str uri_join(Arena *arena, const Uri *u)
{
    Buf out = buf_init(arena, SIZE_MAX / 2);
    if (u->has_scheme) {
        buf_put(&out, u->scheme);
        buf_char(&out, ':');
    }
    if (u->has_authority) {
        buf_lit(&out, "//");
        buf_put(&out, u->authority);
    }
    buf_put(&out, u->path);
    if (u->has_query) {
        buf_char(&out, '?');
        buf_put(&out, u->query);
    }
    if (u->has_fragment) {
        buf_char(&out, '#');
        buf_put(&out, u->fragment);
    }
    return buf_str(&out);
}

Str jschema_uri_resolve(Arena *arena, Str base_text, Str ref_text)
{
    Uri base = uri_split(base_text);
    Uri ref = uri_split(ref_text);
    Uri out = ref;
    if (!ref.has_scheme) {
        out.has_scheme = base.has_scheme;
        out.scheme = base.scheme;
        if (!ref.has_authority) {
            out.has_authority = base.has_authority;
            out.authority = base.authority;
            if (ref.path.len == 0) {
                out.path = base.path;
                if (!ref.has_query) {
                    out.has_query = base.has_query;
                    out.query = base.query;
                }
                return uri_join(arena, &out);
            }
            if (ref.path.ptr[0] != '/') {
                out.path = merged_path(arena, &base, ref.path);
            }
        }
    }
    out.path = dots_removed(arena, out.path);
    return uri_join(arena, &out);
}

Str jschema_uri_cut_fragment(Str uri, Str *ret_fragment)
{
    size_t at = str_find_char(uri, '#');
    *ret_fragment = at == SIZE_MAX ? STR_EMPTY : str_from_index(uri, at + 1);
    return at == SIZE_MAX ? uri : str_sub(uri, 0, at);
}

/* Unreserved, sub-delims, percent-encoded, and what `more` lists. */
static bool chars_ok(Str s, const char *more, bool allow_unicode)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x80) {
            if (!allow_unicode) {
                return false;
            }
        } else if (c == '%') {
            if (i + 2 >= s.len || !is_hex(s.ptr[i + 1]) || !is_hex(s.ptr[i + 2])) {
                return false;
            }
            i += 2;
        } else if (!is_alpha((char)c) && !is_digit((char)c) &&
                   (c == 0 || (!strchr("-._~!$&'()*+,;=", c) && !strchr(more, c)))) {
            return false;
        }
    }
    return true;
}

static bool ip_literal_ok(Str s)
{
    if (s.len > 2 && (s.ptr[0] == 'v' || s.ptr[0] == 'V')) { /* IPvFuture: v1.address */
        size_t dot = str_find_char(s, '.');
        if (dot == SIZE_MAX || dot < 2 || dot + 1 == s.len) {
            return false;
        }
        for (size_t i = 1; i < dot; i++) {
            if (!is_hex(s.ptr[i])) {
                return false;
            }
        }
        Str address = str_from_index(s, dot + 1);
        return str_find_char(address, '%') == SIZE_MAX && chars_ok(address, ":", false);
    }
    return jschema_format_find(STR("ipv6"))(s);
}

static bool authority_ok(Str s, bool allow_unicode)
{
    size_t at = str_find_char(s, '@');
    if (at != SIZE_MAX) {
        if (!chars_ok(str_sub(s, 0, at), ":", allow_unicode)) {
            return false;
        }
        s = str_from_index(s, at + 1);
    }
    Str port;
    if (s.len > 0 && s.ptr[0] == '[') {
        size_t end = str_find_char(s, ']');
        if (end == SIZE_MAX || !ip_literal_ok(str_sub(s, 1, end))) {
            return false;
        }
        port = str_from_index(s, end + 1);
    } else {
        size_t colon = str_find_char(s, ':');
        if (!chars_ok(str_sub(s, 0, colon), "", allow_unicode)) {
            return false;
        }
        port = colon == SIZE_MAX ? STR_EMPTY : str_from_index(s, colon);
    }
    for (size_t i = 0; i < port.len; i++) {
        if (i == 0 ? port.ptr[0] != ':' : !is_digit(port.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool jschema_uri_ok(Str s, bool allow_relative, bool allow_unicode)
{
    if (allow_unicode && !str_is_utf8(s, NULL)) {
        return false;
    }
    Uri u = uri_split(s);
    if (!u.has_scheme) {
        Str first = str_sub(u.path, 0, str_find_char(u.path, '/'));
        if (!allow_relative || (!u.has_authority && str_find_char(first, ':') != SIZE_MAX)) {
            return false;
        }
    }
    return (!u.has_authority || authority_ok(u.authority, allow_unicode)) &&
           chars_ok(u.path, ":@/", allow_unicode) && chars_ok(u.query, ":@/?", allow_unicode) &&
           chars_ok(u.fragment, ":@/?", allow_unicode);
}
