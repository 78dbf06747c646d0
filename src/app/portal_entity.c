/* SPDX-License-Identifier: Apache-2.0
 * app/portal_entity.c - the page of an entity, and of what is not there, in plain HTML. */
#include "base/buf.h"

#include "app/portal_page.h"

enum { CLIENT_ERRORS = 400, SERVER_ERRORS = 500 };

static void put_fact(Buf *out, Arena *arena, const char *term, Str text, const char *ref_kind)
{
    if (text.len == 0) {
        return;
    }
    buf_fmt(out, "<dt>%s</dt><dd>", term);
    if (ref_kind) {
        html_ref(out, arena, text, str_from(ref_kind));
    } else {
        buf_html(out, text);
    }
    buf_lit(out, "</dd>");
}

static void put_facts(Buf *out, Arena *arena, const Json *entity)
{
    const Json *spec = json_get_c(entity, "spec");
    const Json *tags = json_path(entity, "metadata", "tags", NULL);
    buf_lit(out, "<dl class=\"fw-facts\">");
    put_fact(out, arena, "Kind", json_str_at(entity, "kind"), NULL);
    put_fact(out, arena, "Owner", json_str_at(spec, "owner"), "group");
    put_fact(out, arena, "System", json_str_at(spec, "system"), "system");
    put_fact(out, arena, "Type", json_str_at(spec, "type"), NULL);
    put_fact(out, arena, "Lifecycle", json_str_at(spec, "lifecycle"), NULL);
    if (json_is(tags, JSON_ARRAY) && tags->n > 0) {
        buf_lit(out, "<dt>Tags</dt><dd>");
        for (uint32_t i = 0; i < tags->n; i++) {
            buf_put(out, i ? STR(", ") : STR_EMPTY);
            buf_html(out, json_str(tags->items[i]));
        }
        buf_lit(out, "</dd>");
    }
    buf_lit(out, "</dl>");
}

static void put_links(Buf *out, const Json *links)
{
    if (!json_is(links, JSON_ARRAY) || links->n == 0) {
        return;
    }
    buf_lit(out, "<h2>Links</h2><ul>");
    for (uint32_t i = 0; i < links->n; i++) {
        Str url = json_str_at(links->items[i], "url");
        Str title = html_or(json_str_at(links->items[i], "title"), url);
        bool is_safe = html_is_safe_url(url);
        buf_lit(out, "<li>");
        if (is_safe) {
            buf_lit(out, "<a rel=\"noopener noreferrer\" href=\"");
            buf_html(out, url);
            buf_lit(out, "\">");
        }
        buf_html(out, title);
        buf_put(out, is_safe ? STR("</a></li>") : STR("</li>"));
    }
    buf_lit(out, "</ul>");
}

static void put_relations(Buf *out, Arena *arena, const Json *relations)
{
    if (!json_is(relations, JSON_ARRAY) || relations->n == 0) {
        return;
    }
    buf_lit(out, "<h2>Relations</h2><ul>");
    for (uint32_t i = 0; i < relations->n; i++) {
        buf_lit(out, "<li>");
        buf_html(out, json_str_at(relations->items[i], "type"));
        buf_char(out, ' ');
        html_ref(out, arena, json_str_at(relations->items[i], "targetRef"), STR_EMPTY);
        buf_lit(out, "</li>");
    }
    buf_lit(out, "</ul>");
}

static void put_problems(Buf *out, const Json *problems)
{
    if (!json_is(problems, JSON_ARRAY) || problems->n == 0) {
        return;
    }
    buf_lit(out, "<h2>Problems</h2><ul>");
    for (uint32_t i = 0; i < problems->n; i++) {
        buf_lit(out, "<li>");
        buf_html(out, json_str_at(problems->items[i], "message"));
        buf_lit(out, "</li>");
    }
    buf_lit(out, "</ul>");
}

static Str entity_answer(Portal *p, int *ret_status)
{
    static const Str pattern = STR_INIT("/api/catalog/entities/by-name/$kind/$namespace/$name");
    Str target = portal_expand(p->cx->arena, pattern, &p->match);
    *ret_status = 200;
    for (size_t i = 0; i < p->n_answers; i++) {
        if (str_eq(p->answers[i].target, target)) {
            return p->answers[i].body;
        }
    }
    return portal_get(p, target, ret_status);
}

void portal_put_entity(Buf *out, Portal *p)
{
    int status;
    Arena *arena = p->cx->arena;
    const Json *entity = portal_read(p, entity_answer(p, &status));
    const Json *meta = json_get_c(entity, "metadata");
    if (status == rc_status(RC_DENIED)) {
        p->status = status;
        html_heading(out, STR("You may not see this"));
        html_sentence(out, STR("Ask an administrator for a role that may read the catalog."));
        return;
    }
    if (status >= CLIENT_ERRORS && status < SERVER_ERRORS) {
        portal_put_nothing(out, p);
        return;
    }
    if (!entity) {
        html_heading(out, portal_var(&p->match, "name"));
        html_sentence(out, STR("This entity cannot be shown."));
        return;
    }
    p->title = html_or(json_str_at(meta, "title"), json_str_at(meta, "name"));
    buf_lit(out, "<nav class=\"fw-crumbs\" aria-label=\"Breadcrumbs\"><a "
                 "href=\"/catalog\">Catalog</a> / <a href=\"/catalog?kind=");
    buf_url(out, str_lower(arena, json_str_at(entity, "kind")));
    buf_lit(out, "\">");
    buf_html(out, json_str_at(entity, "kind"));
    buf_lit(out, "</a> / ");
    buf_html(out, json_str_at(meta, "name"));
    buf_lit(out, "</nav>");
    html_heading(out, p->title);
    if (json_str_at(meta, "description").len > 0) {
        buf_lit(out, "<p>");
        buf_html(out, json_str_at(meta, "description"));
        buf_lit(out, "</p>");
    }
    put_facts(out, arena, entity);
    put_links(out, json_get_c(meta, "links"));
    put_relations(out, arena, json_get_c(entity, "relations"));
    put_problems(out, json_path(entity, "status", "items", NULL));
}
