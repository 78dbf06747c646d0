/* SPDX-License-Identifier: Apache-2.0
 * net/url.c - RFC 3986: taking addresses apart, resolving references, and the one normal form.
 *
 * What is checked and what is sent must be the same address. Two parsers that disagree about where
 * the host ends are how guards are passed, so libcurl never sees the text the caller gave: it gets
 * url_normal of the pieces found here, whose host is a plain name or an IP literal. */
#include "base/time.h"

#include "net/http_client_priv.h"

#include <arpa/inet.h>

/* Pieces of any reference; absent ones have ptr NULL (RFC 3986 appendix B). */
typedef struct Parts {
    Str scheme, authority, path, query, fragment;
} Parts;

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of a leading "scheme:" without the colon, 0 when there is none. */
static size_t scheme_length(Str s)
{
    size_t n = 0;

    if (s.len == 0 || !is_alpha(s.ptr[0])) {
        return 0;
    }
    while (n < s.len && (is_alpha(s.ptr[n]) || is_digit(s.ptr[n]) || s.ptr[n] == '+' ||
                         s.ptr[n] == '-' || s.ptr[n] == '.')) {
        n++;
    }
    return n < s.len && s.ptr[n] == ':' ? n : 0;
}

/* Cuts *s before the first `mark` and returns what followed it, or a NULL Str. */
static Str cut_after(Str *s, char mark)
{
    size_t at = str_find_char(*s, mark);
    Str tail = STR_EMPTY;

    if (at != SIZE_MAX) {
        tail = str_of(s->ptr + at + 1, s->len - at - 1);
        s->len = at;
    }
    return tail;
}

static Parts parts_of(Str s)
{
    Parts p = {.path = s};
    size_t n = scheme_length(s);

    if (n > 0) {
        p.scheme = str_of(s.ptr, n);
        p.path = str_of(s.ptr + n + 1, s.len - n - 1);
    }
    p.fragment = cut_after(&p.path, '#');
    p.query = cut_after(&p.path, '?');
    if (str_starts(p.path, STR("//"))) {
        Str rest = str_of(p.path.ptr + 2, p.path.len - 2);
        size_t slash = str_find_char(rest, '/');

        slash = slash == SIZE_MAX ? rest.len : slash;
        p.authority = str_of(rest.ptr, slash);
        p.path = str_of(rest.ptr + slash, rest.len - slash);
    }
    return p;
}

static bool port_parse(Str s, uint16_t default_port, uint16_t *ret)
{
    uint64_t port = 0;

    if (s.len == 0) {
        *ret = default_port;
        return true;
    }
    if (s.len > 5 || !is_digit(s.ptr[0]) || !str_to_u64(s, &port) || port == 0 ||
        port > UINT16_MAX) {
        return false;
    }
    *ret = (uint16_t)port;
    return true;
}

/* Names as DNS and container networks have them. Percent-encoded and international hosts are
 * refused: their punycode form is the one that can be compared with an allow-list. */
static bool host_is_name(Str host)
{
    if (host.len == 0 || host.len > 253) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    return host.ptr[0] != '-';
}

static bool host_is_ipv6(Str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr parsed;

    if (host.len == 0 || host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &parsed) == 1;
}

static bool authority_parse(Str authority, uint16_t default_port, Url *url)
{
    size_t at = str_rfind_char(authority, '@');
    Str rest = authority, port;

    if (at != SIZE_MAX) {
        url->userinfo = str_of(authority.ptr, at);
        rest = str_from_index(authority, at + 1);
        if (str_find_char(url->userinfo, '@') != SIZE_MAX) {
            return false;
        }
    }
    if (rest.len > 0 && rest.ptr[0] == '[') {
        size_t end = str_find_char(rest, ']');

        if (end == SIZE_MAX) {
            return false;
        }
        url->host = str_sub(rest, 1, end);
        port = str_from_index(rest, end + 1);
        if (!host_is_ipv6(url->host) || (port.len > 0 && port.ptr[0] != ':')) {
            return false;
        }
        port = str_from_index(port, 1);
    } else {
        size_t colon = str_find_char(rest, ':');

        url->host = str_sub(rest, 0, colon);
        port = colon == SIZE_MAX ? STR_EMPTY : str_from_index(rest, colon + 1);
        if (!host_is_name(url->host)) {
            return false;
        }
    }
    return port_parse(port, default_port, &url->port);
}

/* White space and control bytes have no place in an address, and a backslash before the path is how
 * some parsers are made to see another host. */
static bool bytes_are_plain(Str s, Str authority)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f) {
            return false;
        }
    }
    return str_find_char(authority, '\\') == SIZE_MAX;
}

bool url_parse(Str url, Url *ret)
{
    Parts p = parts_of(url);
    Url u = {0};
    bool secure = str_eq_nocase(p.scheme, STR("https"));

    if (url.len > URL_MAX || (!secure && !str_eq_nocase(p.scheme, STR("http"))) ||
        p.authority.ptr == NULL || !bytes_are_plain(url, p.authority) ||
        !authority_parse(p.authority, secure ? 443 : 80, &u)) {
        return false;
    }
    u.scheme = p.scheme;
    u.path = p.path;
    u.query = p.query;
    u.fragment = p.fragment;
    *ret = u;
    return true;
}

/* RFC 3986 section 5.2.4. The result is never longer than the input. */
static Str remove_dot_segments(Arena *arena, Str path)
{
    char *out = arena_alloc(arena, path.len + 1);
    size_t n = 0, i = 0;

    while (i < path.len) {
        Str in = str_from_index(path, i);

        if (str_starts(in, STR("../"))) {
            i += 3;
        } else if (str_starts(in, STR("./"))) {
            i += 2;
        } else if (str_starts(in, STR("/./"))) {
            i += 2;
        } else if (str_is(in, "/.")) {
            out[n++] = '/';
            break;
        } else if (str_starts(in, STR("/../")) || str_is(in, "/..")) {
            while (n > 0 && out[--n] != '/') {
            }
            if (in.len == 3) {
                out[n++] = '/';
                break;
            }
            i += 3;
        } else if (str_is(in, ".") || str_is(in, "..")) {
            break;
        } else {
            do {
                out[n++] = path.ptr[i++];
            } while (i < path.len && path.ptr[i] != '/');
        }
    }
    return str_of(out, n);
}

/* RFC 3986 section 5.2.3. */
static Str path_merge(Arena *arena, const Parts *base, Str path)
{
    size_t slash = str_rfind_char(base->path, '/');

    if (base->authority.ptr != NULL && base->path.len == 0) {
        return str_fmt(arena, "/%.*s", STR_ARG(path));
    }
    return str_fmt(arena, "%.*s%.*s", slash == SIZE_MAX ? 0 : (int)slash + 1,
                   base->path.ptr != NULL ? base->path.ptr : "", STR_ARG(path));
}

/* RFC 3986 section 5.3. */
static Str parts_text(Arena *arena, const Parts *p)
{
    Buf out = buf_init(arena, p->scheme.len + p->authority.len + p->path.len + p->query.len +
                                  p->fragment.len + 5);

    if (p->scheme.ptr != NULL) {
        buf_put(&out, p->scheme);
        buf_char(&out, ':');
    }
    if (p->authority.ptr != NULL) {
        buf_lit(&out, "//");
        buf_put(&out, p->authority);
    }
    buf_put(&out, p->path);
    if (p->query.ptr != NULL) {
        buf_char(&out, '?');
        buf_put(&out, p->query);
    }
    if (p->fragment.ptr != NULL) {
        buf_char(&out, '#');
        buf_put(&out, p->fragment);
    }
    return str_dup(arena, buf_str(&out));
}

Str url_resolve(Arena *arena, Str base, Str reference)
{
    Parts b = parts_of(base);
    Parts r = parts_of(reference);
    Parts t = {
        .scheme = b.scheme, .authority = b.authority, .query = r.query, .fragment = r.fragment};

    if (r.scheme.ptr != NULL) {
        t.scheme = r.scheme;
        t.authority = r.authority;
        t.path = remove_dot_segments(arena, r.path);
    } else if (r.authority.ptr != NULL) {
        t.authority = r.authority;
        t.path = remove_dot_segments(arena, r.path);
    } else if (r.path.len == 0) {
        t.path = b.path;
        t.query = r.query.ptr != NULL ? r.query : b.query;
    } else if (r.path.ptr[0] == '/') {
        t.path = remove_dot_segments(arena, r.path);
    } else {
        t.path = remove_dot_segments(arena, path_merge(arena, &b, r.path));
    }
    return parts_text(arena, &t);
}

static void put_encoded(Buf *out, Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL) {
            buf_fmt(out, "%%%02X", c);
        } else {
            buf_char(out, (char)c);
        }
    }
}

Str url_normal(Arena *arena, const Url *url)
{
    bool secure = str_eq_nocase(url->scheme, STR("https"));
    bool ipv6 = str_find_char(url->host, ':') != SIZE_MAX;
    Str path = remove_dot_segments(arena, url->path);
    Buf out = buf_init(arena, 4 * (size_t)URL_MAX);

    buf_put(&out, secure ? STR("https://") : STR("http://"));
    buf_put(&out, ipv6 ? STR("[") : STR_EMPTY);
    buf_put(&out, str_lower(arena, url->host));
    buf_put(&out, ipv6 ? STR("]") : STR_EMPTY);
    if (url->port != (secure ? 443 : 80)) {
        buf_fmt(&out, ":%u", url->port);
    }
    if (path.len == 0 || path.ptr[0] != '/') {
        buf_char(&out, '/');
    }
    put_encoded(&out, path);
    if (url->query.ptr != NULL) {
        buf_char(&out, '?');
        put_encoded(&out, url->query);
    }
    ASSERT(buf_ok(&out)); /* each byte takes at most three */
    return str_dup(arena, buf_str(&out));
}
