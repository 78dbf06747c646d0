/* SPDX-License-Identifier: Apache-2.0
 * app/portal_page.h - a page of the portal as the server makes it for one request.
 *
 * The shell (the file "/") has four markers: {{nonce}}, {{title}}, {{content}} and {{boot}}.
 *   portal_page.c     which page an address is, addresses of the API, the shell filled in
 *   portal_boot.c     what the scripts begin with: who is calling, and answers of the API
 *   portal_content.c  the page in plain HTML, for whoever has no scripts, and until they run
 *   portal_entity.c   that of an entity
 *   portal_html.c     writing HTML of texts and addresses that strangers wrote */
#ifndef APP_PORTAL_PAGE_H
#define APP_PORTAL_PAGE_H

#include "app/portal.h"
#include "data/json.h"
#include "platform/api/api.h"

enum {
    PORTAL_VARS_MAX = 8,
    PORTAL_ANSWERS_MAX = 4,
};
#define PORTAL_ANSWERS_BYTES_MAX (512 * KIB)
#define PORTAL_CONTENT_MAX (1 * MIB)

typedef struct PortalVar {
    Str name, value; /* value: decoded */
} PortalVar;

typedef struct PortalMatch {
    const PortalPage *page;
    PortalVar vars[PORTAL_VARS_MAX];
    size_t n_vars;
} PortalMatch;

/* The page of a path as received; the one with the fewest variables. False: there is none. */
bool portal_match(
    Arena *arena, const PortalPage *pages, size_t n_pages, Str path, PortalMatch *ret);
Str portal_var(const PortalMatch *match, const char *name); /* "" when it has none */
/* pattern with the variables put in, percent-encoded. */
Str portal_expand(Arena *arena, Str pattern, const PortalMatch *match);

typedef struct PortalParts {
    Str nonce, title, content, boot; /* title, content: HTML; boot: JSON */
} PortalParts;
/* What is put in is not looked through for markers. */
void portal_fill(Buf *out, Str shell, const PortalParts *parts);
Str portal_nonce(Arena *arena); /* 128 bits */

/* ---- portal_boot.c */
typedef struct PortalAnswer {
    Str target, body; /* body: JSON */
} PortalAnswer;

/* One page being made. */
typedef struct Portal {
    Api *api;
    Ctx *cx;
    HttpRequest *r;
    PortalMatch match; /* page NULL: nothing is at this address */
    bool is_open;      /* no sign-in */
    bool is_out;       /* sign-in is wanted, and nobody is signed in */
    int status;
    Str me; /* JSON; "" nobody */
    PortalAnswer answers[PORTAL_ANSWERS_MAX];
    size_t n_answers;
    Str title; /* plain */
} Portal;

/* Asks who is calling and for the page's preloads. */
void portal_ask(Portal *p);
/* The answer's body when it is JSON and its status 200; "" otherwise. */
Str portal_get(Portal *p, Str target, int *ret_status);
void portal_write_boot(Buf *out, const Portal *p);
/* JSON inside a script element: every '<' as \u003c. */
void portal_script_json(Buf *out, Str json);

/* ---- portal_content.c */
void portal_write_content(Buf *out, Portal *p); /* may set p->title and p->status */

/* ---- portal_entity.c */
void portal_put_entity(Buf *out, Portal *p);

/* ---- portal_html.c */
Json *portal_read(const Portal *p, Str body); /* NULL when it is no JSON */
void portal_put_nothing(Buf *out, Portal *p); /* a 404 */
void html_heading(Buf *out, Str text);
void html_sentence(Buf *out, Str html);
Str html_or(Str s, Str otherwise); /* otherwise when s is "" */
/* An entity's page: "/catalog/default/component/example". */
void html_entity_path(Buf *out, Str kind, Str namespace_, Str name);
/* <a> to a ref's page, or the text alone when it is none. fallback_kind "": a ref must name its
 * kind. */
void html_ref(Buf *out, Arena *arena, Str ref, Str fallback_kind);
/* http, https and mailto, without blanks and control characters. */
bool html_is_safe_url(Str url);

#endif
