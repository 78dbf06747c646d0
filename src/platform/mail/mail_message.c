/* SPDX-License-Identifier: Apache-2.0
 * What a letter consists of. Everything that becomes a line of a header or of the dialogue with the
 * server passes through here. */
#include "base/time.h"

#include "platform/mail/mail_priv.h"

#include <curl/curl.h>
#include <string.h>

/* ---- addresses */

/* What needs no quoting in a header and in an envelope; other letters than ASCII need a server that
 * knows SMTPUTF8. */
static bool is_address_char(unsigned char c)
{
    return c >= 0x80 || (c > ' ' && c < 0x7f && strchr("()<>[]:;,\\\"", c) == NULL);
}

bool mail_address_is_valid(Str address)
{
    size_t at = str_find_char(address, '@');
    if (address.len == 0 || address.len > MAIL_ADDRESS_MAX || !str_is_utf8(address, NULL) ||
        at == SIZE_MAX || at == 0 || at + 1 == address.len ||
        str_find_char(str_from_index(address, at + 1), '@') != SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < address.len; i++) {
        if (!is_address_char((unsigned char)address.ptr[i])) {
            return false;
        }
    }
    return address.ptr[0] != '-' && address.ptr[at + 1] != '.' && address.ptr[at + 1] != '-';
}

/* ---- settings */

static Rc read_from(Arena *arena, Str from, MailServer *ret, Error *err)
{
    size_t open = str_find_char(from, '<');
    Str address = from;
    if (open != SIZE_MAX && str_ends(from, STR(">"))) {
        address = str_sub(from, open + 1, from.len - 1);
        ret->from_name = str_dup(arena, str_trim(str_sub(from, 0, open)));
    }
    ret->from_address = str_dup(arena, str_trim(address));
    return mail_address_is_valid(ret->from_address)
               ? RC_OK
               : error_set(err, RC_INVALID,
                           "mail.from must be an address such as fairway@example.com, or Fairway "
                           "<fairway@example.com>");
}

static bool is_loopback(Str host)
{
    return str_is(host, "localhost") || str_is(host, "::1") || str_starts(host, STR("127."));
}

static Rc read_url(Arena *arena, Str text, MailServer *ret, bool *ret_implicit, Error *err)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    ASSERT(url);
    bool is_good = curl_url_set(url, CURLUPART_URL, str_cstr(arena, text),
                                CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                   curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
                   (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0);
    if (is_good) {
        Str name = str_from(host);
        bool is_bracketed = str_starts(name, STR("[")) && str_ends(name, STR("]"));
        ret->host = str_dup(arena, is_bracketed ? str_sub(name, 1, name.len - 1) : name);
        ret->url = str_dup(arena, text);
        *ret_implicit = strcmp(scheme, "smtps") == 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(url);
    return is_good ? RC_OK
                   : error_set(err, RC_INVALID,
                               "mail.url must be like smtp://mail.example.com:587 or "
                               "smtps://mail.example.com; the user goes into mail.username");
}

Rc mail_server_read(Arena *arena, const MailSettings *s, MailServer *ret, Error *err)
{
    bool is_implicit = false;
    *ret = (MailServer){.username = s->username,
                        .password = s->password,
                        .ca_file = s->ca_file,
                        .timeout_us = s->timeout_us};
    TRY(read_url(arena, s->url, ret, &is_implicit, err));
    TRY(read_from(arena, s->from, ret, err));
    bool is_off =
        str_is(s->starttls, "off") || (str_is(s->starttls, "auto") && is_loopback(ret->host));
    ret->tls = is_implicit ? MAIL_TLS_IMPLICIT : is_off ? MAIL_TLS_OFF : MAIL_TLS_STARTTLS;
    return RC_OK;
}

/* ---- header fields */

static bool needs_encoding(Str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c >= 0x7f || c < ' ') {
            return true;
        }
    }
    return str_find(value, STR("=?")) != SIZE_MAX;
}

/* The longest piece of at most max bytes that ends at a character. */
static Str take_piece(Str *rest, size_t max)
{
    size_t n = MIN(rest->len, max);
    while (n > 1 && n < rest->len && ((unsigned char)rest->ptr[n] & 0xC0) == 0x80) {
        n--;
    }
    Str piece = str_sub(*rest, 0, n);
    *rest = str_from_index(*rest, n);
    return piece;
}

/* Encoded words of at most 75 characters, one a line: 45 bytes are 60 in base64. */
static void put_encoded(Buf *out, Str value)
{
    bool is_first = true;
    while (value.len > 0) {
        buf_put(out, is_first ? STR("=?UTF-8?B?") : STR("\r\n =?UTF-8?B?"));
        buf_base64(out, take_piece(&value, is_first ? 39 : 45));
        buf_lit(out, "?=");
        is_first = false;
    }
}

/* Folded at spaces. */
static void put_plain(Buf *out, size_t column, Str value)
{
    enum { FOLD_AT = 76 };
    Str word;
    bool is_first = true;
    while (str_split(&value, ' ', &word)) {
        if (!is_first && column + 1 + word.len > FOLD_AT && word.len > 0) {
            buf_lit(out, "\r\n");
            column = 0;
        }
        if (!is_first) {
            buf_char(out, ' ');
            column++;
        }
        buf_put(out, word);
        column += word.len;
        is_first = false;
    }
}

static Str without_controls(Arena *arena, Str value)
{
    char *copy = arena_dup(arena, value.ptr ? value.ptr : "", value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f) {
            copy[i] = ' ';
        }
    }
    return str_of(copy, value.len);
}

Str mail_header(Arena *arena, const char *name, Str value)
{
    Buf out = buf_init(arena, 8 * KIB);
    value = str_trim(without_controls(arena, value));
    buf_fmt(&out, "%s: ", name);
    if (needs_encoding(value)) {
        put_encoded(&out, value);
    } else {
        put_plain(&out, out.len, value);
    }
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}

static void put_quoted(Buf *out, Str value)
{
    buf_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            buf_char(out, '\\');
        }
        buf_char(out, value.ptr[i]);
    }
    buf_char(out, '"');
}

Str mail_address_header(Arena *arena, const char *name, Str display, Str address)
{
    Buf out = buf_init(arena, 8 * KIB);
    display = str_trim(without_controls(arena, display));
    buf_fmt(&out, "%s: ", name);
    if (display.len > 0 && needs_encoding(display)) {
        put_encoded(&out, display);
    } else if (display.len > 0) {
        put_quoted(&out, display);
    }
    ASSERT(mail_address_is_valid(address));
    buf_fmt(&out, "%s<%.*s>", display.len > 0 ? "\r\n " : "", STR_ARG(address));
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}

Str mail_date_header(Arena *arena, int64_t at_us)
{
    char text[TIME_RFC3339_SIZE];
    Str date = time_http_date(at_us, text);
    return str_fmt(arena, "Date: %.*s+0000", STR_ARG(str_sub(date, 0, date.len - 3)));
}

/* ---- parts */

Str mail_text_part(Arena *arena, Str text)
{
    Buf out = buf_init(arena, 4 * MAIL_TEXT_MAX);
    Str line;
    while (text.len > 0 && str_split(&text, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        buf_put(&out, line);
        buf_lit(&out, "\r\n");
    }
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}

static void put_html_line(Buf *out, Str line)
{
    if (str_starts(line, STR("https://")) || str_starts(line, STR("http://"))) {
        buf_lit(out, "<a href=\"");
        buf_html(out, line);
        buf_lit(out, "\">");
        buf_html(out, line);
        buf_lit(out, "</a>");
    } else {
        buf_html(out, line);
    }
}

Str mail_html_part(Arena *arena, Str subject, Str text)
{
    Buf out = buf_init(arena, 16 * MAIL_TEXT_MAX);
    Str line;
    bool is_open = false;
    buf_lit(&out, "<!DOCTYPE html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    buf_html(&out, subject);
    buf_lit(&out, "</title></head>\r\n<body style=\"font-family:sans-serif\">\r\n");
    while (text.len > 0 && str_split(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.len == 0) {
            buf_put(&out, is_open ? STR("</p>\r\n") : STR_EMPTY);
            is_open = false;
            continue;
        }
        buf_put(&out, is_open ? STR("<br>\r\n") : STR("<p>"));
        is_open = true;
        put_html_line(&out, line);
    }
    buf_put(&out, is_open ? STR("</p>\r\n") : STR_EMPTY);
    buf_lit(&out, "</body></html>\r\n");
    ASSERT(buf_ok(&out));
    return buf_str(&out);
}
