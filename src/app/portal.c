/* SPDX-License-Identifier: Apache-2.0
 * Serves the portal. Its files come from memory, on the I/O thread: nothing is read, nothing
 * blocks. Those below /assets/ carry a hash of their content in their name and may be kept for
 * ever. Its pages are made per request, on a worker, out of what the API answers to whoever asks;
 * an address that is no page gets one that says so, if a browser asks. */
#include "app/app.h"
#include "app/portal_page.h"

#include <zlib.h>

enum {
    HEADERS_MAX = 16,
    PAGE_MAX = 8 * MIB,
    GZIP_LEVEL = 1,
    GZIP_WINDOW = 15 + 16,
    GZIP_MEMORY = 8
};

static const PortalFile *find_file(Str path)
{
    for (size_t i = 0; i < portal_n_files; i++) {
        if (str_is(path, portal_files[i].path)) {
            return &portal_files[i];
        }
    }
    return NULL;
}

/* RFC 9110 12.5.3, for one coding: named and not refused by a weight of 0. */
static bool accepts_gzip(Str field)
{
    Str part;
    while (field.ptr && str_split(&field, ',', &part)) {
        size_t semicolon = str_find_char(part, ';');
        Str weight =
            semicolon == SIZE_MAX ? STR_EMPTY : str_trim(str_from_index(part, semicolon + 1));
        if (str_eq_nocase(str_trim(str_sub(part, 0, semicolon)), STR("gzip"))) {
            double q = 1;
            bool has_weight =
                str_starts(weight, STR("q=")) && str_to_double(str_from_index(weight, 2), &q);
            return !has_weight || q > 0;
        }
    }
    return false;
}

static bool has_etag(Str field, const char *etag)
{
    return str_is(str_trim(field), "*") || str_find(field, str_from(etag)) != SIZE_MAX;
}

/* nonce "": a file. */
static size_t put_security(Arena *arena, Str nonce, HttpPair *ret)
{
    size_t n = 0;
    Str own = nonce.len ? str_fmt(arena, "'self' 'nonce-%.*s'", STR_ARG(nonce)) : STR("'self'");
    ret[n++] = (HttpPair){
        STR("Content-Security-Policy"),
        str_fmt(arena,
                "default-src 'none'; script-src %.*s; style-src %.*s; worker-src 'self'; img-src "
                "'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri "
                "'none'; form-action 'self'; frame-ancestors 'none'",
                STR_ARG(own), STR_ARG(own))};
    ret[n++] = (HttpPair){STR("X-Content-Type-Options"), STR("nosniff")};
    ret[n++] = (HttpPair){STR("Referrer-Policy"), STR("no-referrer")};
    ret[n++] = (HttpPair){STR("Permissions-Policy"),
                          STR("camera=(), geolocation=(), microphone=(), payment=(), usb=()")};
    ret[n++] = (HttpPair){STR("Cross-Origin-Resource-Policy"), STR("same-origin")};
    ret[n++] = (HttpPair){STR("Cross-Origin-Opener-Policy"), STR("same-origin")};
    return n;
}

/* ---- files */

static void answer_file(HttpRequest *r, const PortalFile *file)
{
    bool packed = file->gzip_len > 0 && accepts_gzip(http_header(r, "Accept-Encoding"));
    bool kept = str_starts(http_path(r), STR("/assets/"));
    bool unchanged = has_etag(http_header(r, "If-None-Match"), file->etag);
    HttpPair headers[HEADERS_MAX];
    size_t n = put_security(http_arena(r), STR_EMPTY, headers);
    headers[n++] = (HttpPair){STR("Content-Type"), str_from(file->type)};
    headers[n++] = (HttpPair){STR("ETag"), str_from(file->etag)};
    headers[n++] = (HttpPair){STR("Cache-Control"),
                              kept ? STR("public, max-age=31536000, immutable") : STR("no-cache")};
    headers[n++] = (HttpPair){STR("Vary"), STR("Accept-Encoding")};
    headers[n++] =
        (HttpPair){STR("Content-Encoding"), packed && !unchanged ? STR("gzip") : STR_EMPTY};
    HttpResponse response = {.status = unchanged ? 304 : 200, .headers = headers, .n_headers = n};
    if (!unchanged) {
        response.body =
            packed ? str_of(file->gzip, file->gzip_len) : str_of(file->bytes, file->len);
    }
    http_respond(r, &response);
}

/* ---- pages */

static bool is_asset(Str path)
{
    return str_starts(path, STR("/assets/"));
}

StaticFile portal_serve(void *user, HttpRequest *r)
{
    (void)user;
    Str path = http_path(r);
    bool reads = http_method(r) == HTTP_GET || http_method(r) == HTTP_HEAD;
    PortalMatch match;
    /* the shell is no page as it stands */
    const PortalFile *file = portal_n_pages > 0 && str_is(path, "/") ? NULL : find_file(path);
    if (file) {
        if (!reads) {
            return STATIC_WRONG_METHOD;
        }
        answer_file(r, file);
        return STATIC_ANSWERED;
    }
    if (portal_match(http_arena(r), portal_pages, portal_n_pages, path, &match)) {
        return reads ? STATIC_PAGE : STATIC_WRONG_METHOD;
    }
    bool is_browser = str_find(http_header_all(r, "Accept"), STR("text/html")) != SIZE_MAX;
    return portal_n_pages > 0 && reads && is_browser && !is_asset(path) ? STATIC_PAGE : STATIC_NONE;
}

/* "" when it does not get smaller. */
static Str pack(Arena *arena, Str text)
{
    z_stream z = {0};
    ASSERT(deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) ==
           Z_OK);
    char *out = arena_alloc(arena, text.len);
    z.next_in = (Bytef *)(uintptr_t)text.ptr; /* the library only reads it */
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)text.len;
    bool is_whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t len = z.total_out;
    IGNORE(deflateEnd(&z) != Z_OK); /* everything is out, or thrown away */
    return is_whole ? str_of(out, len) : STR_EMPTY;
}

static void respond_page(Portal *p, Str nonce, Str text)
{
    Arena *arena = p->cx->arena;
    HttpPair headers[HEADERS_MAX];
    size_t n = put_security(arena, nonce, headers);
    Str packed = accepts_gzip(http_header(p->r, "Accept-Encoding")) ? pack(arena, text) : STR_EMPTY;
    headers[n++] = (HttpPair){STR("Content-Type"), STR("text/html; charset=utf-8")};
    headers[n++] = (HttpPair){STR("Cache-Control"), STR("private, no-cache")};
    headers[n++] = (HttpPair){STR("Vary"), STR("Accept, Accept-Encoding, Authorization, Cookie")};
    headers[n++] = (HttpPair){STR("Content-Encoding"), packed.len ? STR("gzip") : STR_EMPTY};
    headers[n++] = (HttpPair){STR("X-Request-Id"), p->cx->request_id};
    http_respond(p->r, &(HttpResponse){p->status, headers, n, packed.len ? packed : text});
}

void portal_answer(void *user, Api *api, Ctx *cx, HttpRequest *r)
{
    (void)user;
    const PortalFile *shell = find_file(STR("/"));
    Portal p = {.api = api, .cx = cx, .r = r, .status = 200};
    Buf content = buf_init(cx->arena, PORTAL_CONTENT_MAX);
    Buf boot = buf_init(cx->arena, 4 * MIB);
    Buf title = buf_init(cx->arena, 4 * KIB);
    Buf page = buf_init(cx->arena, PAGE_MAX);

    if (portal_match(cx->arena, portal_pages, portal_n_pages, http_path(r), &p.match)) {
        p.title = str_from(p.match.page->title);
    }
    portal_ask(&p);
    portal_write_content(&content, &p);
    portal_write_boot(&boot, &p);
    buf_html(&title, p.title);
    buf_put(&title, p.title.len ? STR(" · Fairway") : STR("Fairway"));
    PortalParts parts = {
        .nonce = portal_nonce(cx->arena),
        .title = buf_ok(&title) ? buf_str(&title) : STR("Fairway"),
        .content = buf_ok(&content) ? buf_str(&content) : STR_EMPTY, /* the scripts show it all */
        .boot = buf_ok(&boot) ? buf_str(&boot) : STR("{}"),
    };
    ASSERT(shell);
    portal_fill(&page, str_of(shell->bytes, shell->len), &parts);
    ASSERT(buf_ok(&page));
    respond_page(&p, parts.nonce, buf_str(&page));
}
