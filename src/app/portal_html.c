/* SPDX-License-Identifier: Apache-2.0
 * app/portal_html.c - HTML of texts and addresses that strangers wrote. */
#include "base/buf.h"

#include "app/portal_page.h"
#include "modules/catalog/entity.h"

void html_entity_path(Buf *out, Str kind, Str namespace_, Str name)
{
    const Str parts[] = {namespace_, kind, name};
    buf_lit(out, "/catalog");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_char(out, '/');
        buf_url(out, parts[i]);
    }
}

void html_ref(Buf *out, Arena *arena, Str ref, Str fallback_kind)
{
    EntityRef parsed;
    Error err = {0};
    if (entity_ref_parse(ref, fallback_kind, STR("default"), &parsed, &err) != RC_OK) {
        buf_html(out, ref);
        return;
    }
    buf_lit(out, "<a href=\"");
    html_entity_path(out, str_lower(arena, parsed.kind), str_lower(arena, parsed.namespace_),
                     str_lower(arena, parsed.name));
    buf_lit(out, "\">");
    buf_html(out, ref);
    buf_lit(out, "</a>");
}

bool html_is_safe_url(Str url)
{
    static const Str schemes[] = {STR_INIT("https://"), STR_INIT("http://"), STR_INIT("mailto:")};
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '\\') {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (url.len > schemes[i].len &&
            str_eq_nocase(str_sub(url, 0, schemes[i].len), schemes[i])) {
            return true;
        }
    }
    return false;
}

Json *portal_read(const Portal *p, Str body)
{
    Json *tree = NULL;
    Error err = {0};
    return body.len > 0 && json_parse(p->cx->arena, body, NULL, &tree, &err) == RC_OK ? tree : NULL;
}

void html_heading(Buf *out, Str text)
{
    buf_lit(out, "<h1>");
    buf_html(out, text);
    buf_lit(out, "</h1>");
}

void html_sentence(Buf *out, Str html)
{
    buf_lit(out, "<p>");
    buf_put(out, html);
    buf_lit(out, "</p>");
}

Str html_or(Str s, Str otherwise)
{
    return s.len ? s : otherwise;
}

void portal_put_nothing(Buf *out, Portal *p)
{
    p->status = rc_status(RC_NOT_FOUND);
    p->title = STR("Nothing at this address");
    html_heading(out, p->title);
    html_sentence(out, STR("<a href=\"/catalog\">To the catalog</a>"));
}
