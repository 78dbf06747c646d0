/* SPDX-License-Identifier: Apache-2.0
 * Serves the page from memory, on the I/O thread: nothing is read, nothing blocks.
 *
 * Files below /assets/ carry a hash of their content in their name and may be kept for ever; the
 * page itself is asked for anew each time and answered by its ETag. Addresses inside the catalog
 * and /security are the page's own: they all get it. */
#include "app/portal.h"

#include "app/app.h"

static const PortalFile *find_file(Str path)
{
    bool is_page =
        str_is(path, "/catalog") || str_starts(path, STR("/catalog/")) || str_is(path, "/security");
    for (size_t i = 0; i < portal_n_files; i++) {
        if (str_is(is_page ? STR("/") : path, portal_files[i].path)) {
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

StaticFile portal_serve(void *user, HttpRequest *r)
{
    (void)user;
    Str path = http_path(r);
    const PortalFile *file = find_file(path);
    if (!file) {
        return STATIC_NONE;
    }
    if (http_method(r) != HTTP_GET && http_method(r) != HTTP_HEAD) {
        return STATIC_WRONG_METHOD;
    }
    bool packed = file->gzip_len > 0 && accepts_gzip(http_header(r, "Accept-Encoding"));
    bool kept = str_starts(path, STR("/assets/"));
    bool unchanged = has_etag(http_header(r, "If-None-Match"), file->etag);
    const HttpPair headers[] = {
        {STR("Content-Type"),                 str_from(file->type)                                               },
        {STR("ETag"),                         str_from(file->etag)                                               },
        {STR("Cache-Control"),                kept ? STR("public, max-age=31536000, immutable") : STR("no-cache")},
        {STR("Vary"),                         STR("Accept-Encoding")                                             },
        {STR("Content-Encoding"),             packed && !unchanged ? STR("gzip") : STR_EMPTY                     },
        {STR("Content-Security-Policy"),
         STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src "
             "'self'; "
             "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
             "frame-ancestors 'none'")                                                                           },
        {STR("X-Content-Type-Options"),       STR("nosniff")                                                     },
        {STR("Referrer-Policy"),              STR("no-referrer")                                                 },
        {STR("Permissions-Policy"),
         STR("camera=(), geolocation=(), microphone=(), payment=(), usb=()")                                     },
        {STR("Cross-Origin-Resource-Policy"), STR("same-origin")                                                 },
        {STR("Cross-Origin-Opener-Policy"),   STR("same-origin")                                                 },
    };
    HttpResponse response = {
        .status = unchanged ? 304 : 200, .headers = headers, .n_headers = ARRAY_LEN(headers)};
    if (!unchanged) {
        response.body =
            packed ? str_of(file->gzip, file->gzip_len) : str_of(file->bytes, file->len);
    }
    http_respond(r, &response);
    return STATIC_ANSWERED;
}
