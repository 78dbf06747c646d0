/* SPDX-License-Identifier: Apache-2.0
 * Events tell of everything on the platform. Who reads them is shown those of what they may read,
 * all of it: an event has no place in the tree of scopes. */
#include "base/buf.h"

#include "modules/access/access_priv.h"

enum { TOPICS_MAX = 16 * 1024 };

typedef struct AllOf {
    AccessBits bits; /* permissions held on all of the platform */
    size_t n;
} AllOf;

static void keep_all(void *user, const AccessGrants *grants)
{
    AllOf *all = user;
    for (size_t i = 0; i < all->n; i++) {
        if (!access_grants_all(grants, i)) {
            all->bits.words[i / 64] &= ~(UINT64_C(1) << (i % 64));
        }
    }
}

static Rc held_on_all(Ctx *cx, const AccessCatalog *catalog, AllOf *ret)
{
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&cx->actor, subjects);
    ret->n = catalog->n;
    for (size_t i = 0; i < ACCESS_WORDS; i++) {
        ret->bits.words[i] = n > 0 ? UINT64_MAX : 0;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(access_use_grants(cx, subjects[i], keep_all, ret));
    }
    return RC_OK;
}

/* Of an operation that reads: "services" of services.list; the catalog's events say it otherwise.
 */
static Str topic_of(const Operation *op)
{
    if (str_is(op->on, "Entity")) {
        return STR("catalog.entity");
    }
    size_t dot = str_rfind_char(op->id, '.');
    return op->record ? op->record->collection : str_sub(op->id, 0, MIN(dot, op->id.len));
}

static void add_topic(Buf *out, Str topic)
{
    Str spaced[] = {STR(" "), topic, STR(" ")};
    char text[128];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(spaced) && n + spaced[i].len <= sizeof(text); i++) {
        memcpy(text + n, spaced[i].ptr, spaced[i].len);
        n += spaced[i].len;
    }
    if (str_find(buf_str(out), str_of(text, n)) == SIZE_MAX) {
        buf_put(out, out->len ? STR_EMPTY : STR(" "));
        buf_put(out, str_from_index(str_of(text, n), 1));
    }
}

Rc access_hidden_topics(Ctx *cx, Str *ret)
{
    const AccessCatalog *catalog = access_catalog(cx->platform);
    Buf out = buf_init(cx->arena, TOPICS_MAX);
    AllOf all;
    size_t n, event;
    *ret = STR_EMPTY;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    TRY(held_on_all(cx, catalog, &all));
    event = access_permission(catalog, STR("Event"), STR("read"));
    if (event == ACCESS_NONE || !access_bit(&all.bits, event)) {
        return fail(cx, RC_DENIED, "This needs the permission Event:read on the platform.");
    }
    const Operation *ops = contract_operations(cx->platform->contract, &n);
    for (size_t i = 0; i < n; i++) {
        size_t permission = catalog->operations[i].permission;
        bool is_read = !ops[i].public_ && str_is(ops[i].action, "read");
        if (is_read && permission != ACCESS_NONE && !access_bit(&catalog->everyone, permission) &&
            !access_bit(&all.bits, permission)) {
            add_topic(&out, topic_of(&ops[i]));
        }
    }
    ASSERT(buf_ok(&out));
    *ret = buf_str(&out);
    return RC_OK;
}
