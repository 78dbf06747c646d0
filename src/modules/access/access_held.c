/* SPDX-License-Identifier: Apache-2.0
 * What one may do: for who shows only what can be used. */
#include "contract_handlers.h"
#include "modules/access/access_priv.h"

typedef struct Held {
    AccessBits everywhere, somewhere;
    size_t n;
} Held;

/* A subject's grants add to those of the others; what one of them is denied nobody has everywhere.
 */
static void add(void *user, const AccessGrants *grants)
{
    Held *held = user;
    for (size_t i = 0; i < held->n; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        held->everywhere.words[i / 64] |= access_grants_all(grants, i) ? bit : 0;
        held->somewhere.words[i / 64] |= access_grants_anywhere(grants, i) ? bit : 0;
    }
}

static Rc held_by(Ctx *cx, const AccessCatalog *catalog, Held *ret)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&cx->actor, subjects);
    *ret = (Held){.n = catalog->n};
    for (size_t i = 0; i < n; i++) {
        Held one = {.n = catalog->n};
        TRY(access_use_grants(cx, subjects[i], add, &one));
        for (size_t w = 0; w < ACCESS_WORDS; w++) { /* a key reaches no further than who made it */
            ret->everywhere.words[w] =
                i ? ret->everywhere.words[w] & one.everywhere.words[w] : one.everywhere.words[w];
            ret->somewhere.words[w] =
                i ? ret->somewhere.words[w] & one.somewhere.words[w] : one.somewhere.words[w];
        }
    }
    return RC_OK;
}

Rc auth_permissions(Ctx *cx, Call *call)
{
    const AccessCatalog *catalog = access_catalog(cx->platform);
    Json *out = json_object(cx->arena), *everywhere = json_array(cx->arena),
         *somewhere = json_array(cx->arena);
    bool is_free = access_is_free(cx), is_all = true;
    Held held = {0};
    if (!is_free) {
        TRY(held_by(cx, catalog, &held));
    }
    for (size_t i = 0; !is_free && i < catalog->n; i++) {
        const AccessPattern *p = &catalog->permissions[i];
        bool own = access_bit(&catalog->everyone, i);
        bool all = own || access_bit(&held.everywhere, i);
        is_all = is_all && all;
        if (all || access_bit(&held.somewhere, i)) {
            Str name = str_fmt(cx->arena, "%.*s:%.*s", STR_ARG(p->resource), STR_ARG(p->action));
            json_push(cx->arena, all ? everywhere : somewhere, json_string(cx->arena, name));
        }
    }
    json_set_c(cx->arena, out, "all", json_bool_new(cx->arena, is_free || is_all));
    json_set_c(cx->arena, out, "everywhere", everywhere);
    json_set_c(cx->arena, out, "somewhere", somewhere);
    reply_json_tree(cx, call, 200, out);
    return RC_OK;
}
