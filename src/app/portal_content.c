/* SPDX-License-Identifier: Apache-2.0
 * app/portal_content.c - a page in plain HTML: for whoever has no scripts, and until they run. */
#include "base/buf.h"

#include "app/portal_page.h"

#define LIST "/api/catalog/entities/by-query?"
#define LIST_FIELDS                                                                                \
    "limit=100&fields=kind,metadata.namespace,metadata.name,metadata.title,metadata.description,"  \
    "spec.owner,spec.type,spec.lifecycle"
enum { TARGET_MAX = 16 * KIB };

static Str query_value(const Portal *p, const char *name)
{
    size_t n;
    const HttpPair *pairs = http_query_pairs(p->r, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_is(pairs[i].name, name)) {
            return pairs[i].value;
        }
    }
    return STR_EMPTY;
}

/* ---- the catalog */

static Str list_target(const Portal *p)
{
    const Str cursor = query_value(p, "cursor");
    const Str kind = query_value(p, "kind");
    const Str term = query_value(p, "q");
    Buf out = buf_init(p->cx->arena, TARGET_MAX);
    buf_lit(&out, LIST LIST_FIELDS);
    if (cursor.len > 0) { /* it says all the rest */
        buf_lit(&out, "&cursor=");
        buf_url(&out, cursor);
        return buf_str(&out);
    }
    buf_lit(&out, "&orderField=metadata.name,asc");
    if (kind.len > 0) {
        buf_lit(&out, "&filter=kind%3D");
        buf_url(&out, kind);
    }
    if (term.len > 0) {
        buf_lit(&out, "&fullTextFilterFields=metadata.name,metadata.title&fullTextFilterTerm=");
        buf_url(&out, term);
    }
    return buf_str(&out);
}

/* What was asked for the scripts does here too. */
static Str list_answer(Portal *p)
{
    int status;
    for (size_t i = 0; i < p->n_answers && http_query(p->r).len == 0; i++) {
        if (str_starts(p->answers[i].target, STR(LIST))) {
            return p->answers[i].body;
        }
    }
    return portal_get(p, list_target(p), &status);
}

static void put_cell(Buf *out, Str text)
{
    buf_lit(out, "<td>");
    buf_html(out, text);
    buf_lit(out, "</td>");
}

static void put_row(Buf *out, Arena *arena, const Json *entity)
{
    const Json *meta = json_get_c(entity, "metadata");
    const Json *spec = json_get_c(entity, "spec");
    Str name = json_str_at(meta, "name");
    buf_lit(out, "<tr><td><a href=\"");
    html_entity_path(out, str_lower(arena, json_str_at(entity, "kind")),
                     html_or(json_str_at(meta, "namespace"), STR("default")), name);
    buf_lit(out, "\">");
    buf_html(out, html_or(json_str_at(meta, "title"), name));
    buf_lit(out, "</a></td><td>");
    if (json_str_at(spec, "owner").len > 0) {
        html_ref(out, arena, json_str_at(spec, "owner"), STR("group"));
    }
    buf_lit(out, "</td>");
    put_cell(out, json_str_at(entity, "kind"));
    put_cell(out, json_str_at(spec, "type"));
    put_cell(out, json_str_at(spec, "lifecycle"));
    put_cell(out, json_str_at(meta, "description"));
    buf_lit(out, "</tr>");
}

static void put_search(Buf *out, const Portal *p)
{
    buf_lit(out, "<form role=\"search\" action=\"/catalog\"><label>Name contains "
                 "<input type=\"search\" name=\"q\" value=\"");
    buf_html(out, query_value(p, "q"));
    buf_lit(out, "\"></label> <button>Search</button></form>");
}

static void put_list(Buf *out, const Portal *p, const Json *page)
{
    int64_t total = 0;
    const Json *items = json_get_c(page, "items");
    Str next = json_str_at(json_get_c(page, "pageInfo"), "nextCursor");
    if (json_to_i64(json_get_c(page, "totalItems"), &total)) {
        buf_fmt(out, "<p>%lld entit%s</p>", (long long)total, total == 1 ? "y" : "ies");
    }
    buf_lit(out, "<table class=\"fw-table\"><thead><tr><th scope=\"col\">Name</th><th "
                 "scope=\"col\">Owner</th><th scope=\"col\">Kind</th><th scope=\"col\">Type</th>"
                 "<th scope=\"col\">Lifecycle</th><th scope=\"col\">Description</th></tr></thead>"
                 "<tbody>");
    for (uint32_t i = 0; json_is(items, JSON_ARRAY) && i < items->n; i++) {
        put_row(out, p->cx->arena, items->items[i]);
    }
    buf_lit(out, "</tbody></table>");
    if (next.len > 0) {
        buf_lit(out, "<p><a rel=\"next\" href=\"/catalog?cursor=");
        buf_url(out, next);
        buf_lit(out, "\">Next page</a></p>");
    }
}

static void put_catalog(Buf *out, Portal *p)
{
    const Json *page = portal_read(p, list_answer(p));
    html_heading(out, STR("Catalog"));
    if (!page) {
        html_sentence(out, STR("This part of the catalog cannot be shown. "
                               "<a href=\"/catalog\">Back to its beginning</a>"));
        return;
    }
    put_search(out, p);
    put_list(out, p, page);
}

/* ---- the frame */

static void put_navigation(Buf *out, const Portal *p)
{
    static const PortalVar sections[] = {
        {STR_INIT("Home"),           STR_INIT("/")       },
        {STR_INIT("Catalog"),        STR_INIT("/catalog")},
        {STR_INIT("Search"),         STR_INIT("/search") },
        {STR_INIT("Administration"), STR_INIT("/admin")  },
    };
    PortalMatch match;
    buf_lit(out, "<nav class=\"fw-side\" aria-label=\"Sections\"><ul>");
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        Str path = sections[i].value;
        if (portal_match(p->cx->arena, portal_pages, portal_n_pages, path, &match)) {
            buf_fmt(out, "<li><a href=\"%.*s\"%s>%.*s</a></li>", STR_ARG(path),
                    match.page == p->match.page ? " aria-current=\"page\"" : "",
                    STR_ARG(sections[i].name));
        }
    }
    buf_lit(out, "</ul></nav>");
}

static void put_main(Buf *out, Portal *p)
{
    Str view = p->match.page ? str_from(p->match.page->view) : STR_EMPTY;
    if (p->status == rc_status(RC_RATE)) {
        html_heading(out, STR("Too many requests"));
        html_sentence(out, STR("Try again in a minute."));
    } else if (!p->match.page) {
        portal_put_nothing(out, p);
    } else if (p->is_out) {
        html_heading(out, p->title.len ? p->title : STR("Fairway"));
        html_sentence(out, STR("<a href=\"/sign-in\">Sign in</a> to see this page."));
    } else if (str_is(view, "catalog")) {
        put_catalog(out, p);
    } else if (str_is(view, "entity")) {
        portal_put_entity(out, p);
    } else if (p->title.len > 0) {
        html_heading(out, p->title);
    }
}

void portal_write_content(Buf *out, Portal *p)
{
    buf_lit(out, "<div class=\"fw-shell\"><header class=\"fw-top\"><a href=\"/\">Fairway</a>"
                 "</header>");
    put_navigation(out, p);
    buf_lit(out, "<main class=\"fw-main\" id=\"main\" tabindex=\"-1\">");
    put_main(out, p);
    buf_lit(out, "</main></div>");
}
