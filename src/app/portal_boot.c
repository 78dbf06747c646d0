/* SPDX-License-Identifier: Apache-2.0
 * app/portal_boot.c - what the portal's scripts begin with, so that they need not ask first. */
#include "base/buf.h"

#include "app/portal_page.h"
#include "platform/settings/settings.h"

Str portal_get(Portal *p, Str target, int *ret_status)
{
    Call call;
    api_ask(p->api, p->cx, p->r, target, &call);
    *ret_status = call.reply.status;
    bool is_json = str_find(call.reply.content_type, STR("json")) != SIZE_MAX;
    return call.reply.status == 200 && is_json ? call.reply.body : STR_EMPTY;
}

static void ask_preload(Portal *p, Str pattern, size_t *left)
{
    bool is_for_any_query = str_ends(pattern, STR("*"));
    if (is_for_any_query) {
        pattern.len--;
    } else if (http_query(p->r).len > 0) {
        return;
    }
    int status;
    Str target = portal_expand(p->cx->arena, pattern, &p->match);
    Str body = target.len ? portal_get(p, target, &status) : STR_EMPTY;
    if (body.len > 0 && body.len <= *left) {
        *left -= body.len;
        p->answers[p->n_answers++] = (PortalAnswer){target, body};
    }
}

void portal_ask(Portal *p)
{
    const Platform *platform = p->cx->platform;
    size_t left = PORTAL_ANSWERS_BYTES_MAX;
    int status;
    p->is_open = str_is(settings_str(platform->settings, "auth.mode"), "open");
    p->me = portal_get(p, STR("/api/auth/me"), &status);
    p->is_out = p->me.len == 0 && !p->is_open;
    if (status == rc_status(RC_RATE)) {
        p->status = status;
        p->is_out = true;
    }
    if (p->is_out || !p->match.page || !p->match.page->preload) {
        return;
    }
    for (const char *const *at = p->match.page->preload; *at; at++) {
        if (p->n_answers < PORTAL_ANSWERS_MAX) {
            ask_preload(p, str_from(*at), &left);
        }
    }
}

/* '<' stands in strings only. */
void portal_script_json(Buf *out, Str json)
{
    for (;;) {
        size_t at = MIN(str_find_char(json, '<'), json.len);
        buf_put(out, str_sub(json, 0, at));
        if (at == json.len) {
            return;
        }
        buf_lit(out, "\\u003c");
        json = str_from_index(json, at + 1);
    }
}

static void put_string(Buf *out, Arena *arena, Str s)
{
    Buf text = buf_init(arena, MIB);
    buf_json_str(&text, s);
    portal_script_json(out, buf_str(&text));
}

void portal_write_boot(Buf *out, const Portal *p)
{
    buf_lit(out, "{\"me\":");
    portal_script_json(out, p->me.len ? p->me : STR("null"));
    buf_put(out, p->is_open ? STR(",\"auth\":\"open\"") : STR(",\"auth\":\"required\""));
#if FAIRWAY_CHECKS
    buf_lit(out, ",\"development\":true");
#else
    buf_lit(out, ",\"development\":false");
#endif
    buf_lit(out, ",\"version\":");
    put_string(out, p->cx->arena, STR(FAIRWAY_VERSION));
    buf_lit(out, ",\"answers\":{");
    for (size_t i = 0; i < p->n_answers; i++) {
        buf_put(out, i ? STR(",") : STR_EMPTY);
        put_string(out, p->cx->arena, p->answers[i].target);
        buf_char(out, ':');
        portal_script_json(out, p->answers[i].body);
    }
    buf_lit(out, "}}");
}
