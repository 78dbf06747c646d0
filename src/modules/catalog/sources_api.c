/* SPDX-License-Identifier: Apache-2.0
 * Fairway's own view of sources: what is wrong with them, reading them now, push events of code
 * hosts. */
#include "base/hash.h"
#include "base/time.h"
#include "base/vec.h"

#include "catalog_location_sql.h"
#include "contract_handlers.h"
#include "modules/catalog/catalog_priv.h"
#include "platform/contract/contract.h"
#include "platform/settings/settings.h"

static Json *text_or_null(Arena *arena, Rows *rows, int column)
{
    return rows_is_null(rows, column) ? json_null(arena)
                                      : json_string(arena, rows_str(rows, column));
}

static Json *number_or_null(Arena *arena, Rows *rows, int column)
{
    return rows_is_null(rows, column) ? json_null(arena) : json_int(arena, rows_i64(rows, column));
}

Rc sources_problems(Ctx *cx, Call *call)
{
    Source source;
    TRY(ctx_read(cx));
    TRY(source_find(cx, call_path(call, "id"), &source));
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Json *items = json_array(cx->arena), *answer = json_object(cx->arena);
    TRY(tx_query(cx->tx, &catalog_location_problems, PARAMS(P_STR(source.id)), &rows, &cx->error));
    while (rows_next(rows)) {
        Json *item = json_object(cx->arena);
        json_set_str(cx->arena, item, "location", rows_str(rows, 0));
        json_set(cx->arena, item, STR("entity_ref"), text_or_null(cx->arena, rows, 1));
        json_set(cx->arena, item, STR("line"), number_or_null(cx->arena, rows, 2));
        json_set(cx->arena, item, STR("column"), number_or_null(cx->arena, rows, 3));
        json_set_str(cx->arena, item, "name", rows_str(rows, 4));
        json_set_str(cx->arena, item, "message", rows_str(rows, 5));
        json_set_str(cx->arena, item, "found_at", time_rfc3339_dup(cx->arena, rows_i64(rows, 6)));
        json_push(cx->arena, items, item);
    }
    TRY(rows_error(rows, &cx->error));
    json_set(cx->arena, answer, STR("items"), items);
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}

Rc sources_refresh(Ctx *cx, Call *call)
{
    Source source;
    TRY(ctx_begin(cx));
    TRY(source_find(cx, call_path(call, "id"), &source));
    TRY(source_refresh(cx, source.id));
    TRY(ctx_commit(cx));
    reply_empty(call, 202);
    return RC_OK;
}

/* ---- push events */

static Str hmac_hex(Arena *arena, Str secret, Str body)
{
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(secret, body, mac);
    Buf out = buf_init(arena, KIB);
    buf_hex(&out, str_of((const char *)mac, sizeof mac));
    return buf_str(&out);
}

static bool is_signed(Ctx *cx, const Call *call, Str provider, Str secret)
{
    if (str_is(provider, "gitlab")) {
        return str_eq_secret(call_header(call, "X-Gitlab-Token"), secret);
    }
    Str signature = call_header(call, str_is(provider, "bitbucket") ? "X-Hub-Signature"
                                                                    : "X-Hub-Signature-256");
    Str expected = hmac_hex(cx->arena, secret, call->raw_body);
    return str_starts(signature, STR("sha256=")) &&
           str_eq_secret(str_from_index(signature, 7), expected);
}

/* The web addresses by which a repository is known, wherever the provider puts them. */
static size_t repository_urls(const Json *body, Str *out, size_t max)
{
    const Json *candidates[] = {
        json_path(body, "repository", "html_url", NULL),
        json_path(body, "repository", "clone_url", NULL),
        json_path(body, "project", "web_url", NULL),
        json_path(body, "project", "git_http_url", NULL),
        json_path(body, "repository", "links", "html", "href", NULL),
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(candidates) && n < max; i++) {
        if (json_str(candidates[i]).len) {
            out[n++] = json_str(candidates[i]);
        }
    }
    return n;
}

/* Refreshes the sources whose target is the repository or lies in it. */
static Rc refresh_repository(Ctx *cx, Str url, int64_t *count)
{
    VEC(Str) ids = {.arena = cx->arena};
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    static const char ends[] = {'/', '#', '.'}; /* a page of it, a git target, its .git */
    for (size_t i = 0; i < sizeof ends; i++) {
        Str prefix = str_fmt(cx->arena, "%.*s%c", STR_ARG(url), ends[i]);
        TRY(tx_query(cx->tx, &catalog_location_by_repository,
                     PARAMS(P_STR(url), P_I64(prefix.len), P_STR(prefix)), &rows, &cx->error));
        while (rows_next(rows)) {
            VEC_PUSH(&ids, rows_dup(rows, 0, cx->arena));
        }
        TRY(rows_error(rows, &cx->error));
        rows_end(rows);
        rows = NULL;
    }
    for (size_t i = 0; i < ids.n; i++) {
        TRY(source_refresh(cx, ids.at[i]));
    }
    *count += (int64_t)ids.n;
    return RC_OK;
}

Rc catalog_webhooks_receive(Ctx *cx, Call *call)
{
    Str provider = call_path(call, "provider"), urls[5];
    Str secret = settings_str(cx->platform->settings, "catalog.webhook_secret");
    if (secret.len == 0) {
        return fail(cx, RC_DENIED, "push events are refused until catalog.webhook_secret is set");
    }
    if (!is_signed(cx, call, provider, secret)) {
        return fail(cx, RC_DENIED,
                    "the signature of the push event does not fit catalog.webhook_secret");
    }
    int64_t count = 0;
    size_t n = repository_urls(call->body, urls, ARRAY_LEN(urls));
    TRY(ctx_begin(cx));
    for (size_t i = 0; i < n; i++) {
        TRY(refresh_repository(cx, urls[i], &count));
    }
    TRY(ctx_commit(cx));
    Json *answer = json_object(cx->arena);
    json_set(cx->arena, answer, STR("sources"), json_int(cx->arena, count));
    reply_json_tree(cx, call, 202, answer);
    return RC_OK;
}
