/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_version.c - older versions of the API (docs/reference/versioning.md).
 *
 * Handlers know the newest version only. An answer for someone who asked for an older one goes back
 * over every change its operation has seen since, newest first; each is one function of the module.
 */
#include "base/time.h"

#include "platform/api/api_priv.h"

enum { NAMES_MAX = 1024 };

Rc api_deprecated_by(const Api *api, Str version, Str *ret, Error *err)
{
    int64_t us = 0;
    if (!time_parse_rfc3339(str_fmt(api->arena, "%.*sT00:00:00Z", STR_ARG(version)), &us)) {
        return error_set(err, RC_INVALID, "a version of the API must be a date, not %.*s",
                         STR_ARG(version));
    }
    *ret = str_fmt(api->arena, "@%lld", (long long)(us / US_PER_SECOND));
    return RC_OK;
}

Rc api_versions_init(Api *api, Error *err)
{
    const ContractVersion *given = contract_older_versions(api->platform->contract, &api->n_older);
    Str newer = api->version;
    api->older = ARENA_ARRAY(api->arena, ApiVersion, api->n_older);
    for (size_t i = 0; i < api->n_older; i++) {
        char date[TIME_RFC3339_SIZE];
        int64_t us = 0;
        ApiVersion *v = &api->older[i];
        v->version = given[i].version;
        TRY(api_deprecated_by(api, newer, &v->deprecation, err));
        if (str_cmp(v->version, newer) >= 0 || !time_parse_rfc3339(given[i].sunset, &us)) {
            return error_set(err, RC_INVALID,
                             "x-versions must be older, newest first, and have a sunset: %.*s",
                             STR_ARG(v->version));
        }
        v->sunset = str_dup(api->arena, time_http_date(us, date));
        newer = v->version;
    }
    return RC_OK;
}

const ApiVersion *api_older_version(const Api *api, Str version)
{
    for (size_t i = 0; version.len > 0 && i < api->n_older; i++) {
        if (str_eq(api->older[i].version, version)) {
            return &api->older[i];
        }
    }
    return NULL;
}

Rc api_check_version(const Api *api, Ctx *cx, Call *call)
{
    Str asked = call_header(call, "Fairway-Version");
    if (asked.len == 0 || str_eq(asked, api->version)) {
        return RC_OK;
    }
    const ApiVersion *older = api_older_version(api, asked);
    if (older) {
        call->version = older->version;
        return RC_OK;
    }
    Buf names = buf_init(cx->arena, NAMES_MAX);
    buf_put(&names, api->version);
    for (size_t i = 0; i < api->n_older; i++) {
        buf_fmt(&names, "%s%.*s", i + 1 == api->n_older ? " or " : ", ",
                STR_ARG(api->older[i].version));
    }
    fail(cx, RC_MALFORMED, "This server does not speak that version of the API; ask for %.*s.",
         STR_ARG(buf_str(&names)));
    error_field(&cx->error, STR("header:Fairway-Version"), "must be %.*s",
                STR_ARG(buf_str(&names)));
    return RC_MALFORMED;
}

Rc api_older_reply(Ctx *cx, Call *call)
{
    enum { FIRST_OTHER = 300 };
    if (call->version.len == 0 || call->reply.sent || call->reply.status >= FIRST_OTHER) {
        return RC_OK;
    }
    for (size_t i = 0; i < call->op->n_changes; i++) {
        const OperationChange *change = &call->op->changes[i];
        if (str_cmp(change->version, call->version) <= 0) {
            break;
        }
        TRY(change->before(cx, call));
    }
    return RC_OK;
}
