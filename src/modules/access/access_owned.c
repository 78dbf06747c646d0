/* SPDX-License-Identifier: Apache-2.0
 * Whose entities of the catalog somebody may read. An entity lies where the team that owns it does,
 * as a service does; what no team owns lies in the platform. What the bindings of a subject come to
 * is worked out once per version of the policy (teams are part of it) and kept: lists of owners and
 * of single entities, ready to be bound, and as sets. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "access_q_sql.h"
#include "modules/access/access_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { KEPT_MAX = 1000, LARGE = 200, LIST_BYTES_MAX = 16 * 1024 * 1024, SETS = 4 };

typedef struct Kept {
    OwnedReach reach;
    bool is_everything;
    _Atomic int refs;
    Arena *arena;
    int64_t until; /* when the first binding ends */
} Kept;

static Mutex lock = MUTEX_INIT; /* guards what follows */
static Arena *arena GUARDED_BY(lock);
static Map kept GUARDED_BY(lock); /* "user:<id>" → Kept, with a reference */
static int64_t kept_version GUARDED_BY(lock);
static const Platform *owner GUARDED_BY(lock);

static void release(void *user)
{
    Kept *k = user;
    if (atomic_fetch_sub(&k->refs, 1) == 1) {
        arena_free(k->arena);
    }
}

/* ---- working it out */

static Rc find_owners(Ctx *cx, const ScopeIds *scopes, Kept *k, Str *ret_list, const Map **ret_set)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Buf out = buf_init(k->arena, LIST_BYTES_MAX);
    Map *set = ARENA_NEW(k->arena, Map);
    Str orgs = scopes->ids[SCOPE_ORGANIZATION], teams = scopes->ids[SCOPE_TEAM];
    *set = map_init(k->arena);
    if (orgs.len == 0 && teams.len == 0) {
        return RC_OK;
    }
    TRY(tx_query(cx->tx, &access_q_owners_in,
                 PARAMS(P_STR(orgs.len ? orgs : STR("[]")), P_STR(teams.len ? teams : STR("[]"))),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        Str ref = rows_dup(rows, 0, k->arena);
        buf_put(&out, set->n_live ? STR(",") : STR("["));
        buf_json_str(&out, ref);
        map_put(set, ref, set);
    }
    TRY(rows_error(rows, &cx->error));
    if (set->n_live > 0) {
        buf_lit(&out, "]");
        *ret_set = set;
        *ret_list = buf_str(&out);
    }
    return buf_ok(&out) ? RC_OK : fail(cx, RC_LIMIT, "There are too many teams in your bindings.");
}

static Rc find_ids(Ctx *cx, const ScopeIds *scopes, Kept *k, Str *ret_list, const Map **ret_set)
{
    Json *list;
    Map *set = ARENA_NEW(k->arena, Map);
    if (scopes->ids[SCOPE_SERVICE].len == 0) {
        return RC_OK;
    }
    *ret_list = str_dup(k->arena, scopes->ids[SCOPE_SERVICE]);
    TRY(json_parse(k->arena, *ret_list, NULL, &list, &cx->error));
    *set = map_init(k->arena);
    for (uint32_t i = 0; i < list->n; i++) {
        map_put(set, json_str(list->items[i]), set);
    }
    *ret_set = set;
    return RC_OK;
}

static Str mark_of(Arena *to, const OwnedPart *p)
{
    uint8_t digest[SHA256_SIZE];
    Str parts[] = {p->is_all ? STR("all") : STR("some"), p->owners, p->ids, p->no_owners,
                   p->no_ids};
    sha256(str_join(to, parts, ARRAY_LEN(parts), STR("|")), digest);
    return str_dup(to, str_of((const char *)digest, SHA256_SIZE / 2));
}

static Rc work_out(Ctx *cx, AccessSubject subject, size_t permission, Kept *k)
{
    ScopeIds allow, deny;
    OwnedPart *p = ARENA_NEW(k->arena, OwnedPart);
    TRY(access_scopes_of(cx, subject, permission, &allow, &deny, &k->until));
    TRY(ctx_read(cx));
    p->is_all = allow.is_whole && !deny.is_whole;
    if (!allow.is_whole && !deny.is_whole) {
        TRY(find_owners(cx, &allow, k, &p->owners, &p->sets[0]));
        TRY(find_ids(cx, &allow, k, &p->ids, &p->sets[1]));
    }
    if (!deny.is_whole) {
        TRY(find_owners(cx, &deny, k, &p->no_owners, &p->sets[2]));
        TRY(find_ids(cx, &deny, k, &p->no_ids, &p->sets[3]));
    }
    k->is_everything = p->is_all && !p->sets[2] && !p->sets[3];
    k->reach = (OwnedReach){.mark = mark_of(k->arena, p), .parts = p, .n_parts = 1};
    for (size_t i = 0; i < SETS; i++) {
        k->reach.is_large = k->reach.is_large || (p->sets[i] && p->sets[i]->n_live > LARGE);
    }
    return RC_OK;
}

/* ---- what is kept */

static void empty(const Platform *platform, int64_t version) REQUIRES(lock);
static void empty(const Platform *platform, int64_t version)
{
    if (!arena) {
        arena = arena_new(0);
        kept = map_init(arena);
    }
    for (const MapEntry *e = map_first(&kept); e; e = map_next(&kept, e)) {
        release(e->value);
    }
    arena_reset(arena);
    kept = map_init(arena);
    kept_version = version;
    owner = platform;
}

static Kept *take(const Platform *platform, int64_t version, Str key)
{
    mutex_lock(&lock);
    Kept *k = arena && owner == platform && kept_version == version ? map_get(&kept, key) : NULL;
    if (k && k->until > time_now_us()) {
        atomic_fetch_add(&k->refs, 1);
    } else {
        k = NULL;
    }
    mutex_unlock(&lock);
    return k;
}

static void keep(const Platform *platform, int64_t version, Str key, Kept *k)
{
    mutex_lock(&lock);
    if (!arena || owner != platform || version > kept_version || kept.n_live >= KEPT_MAX) {
        empty(platform, version);
    }
    if (version == kept_version) {
        Kept *old = map_get(&kept, key);
        if (old) {
            release(old);
        }
        atomic_fetch_add(&k->refs, 1);
        map_put(&kept, str_dup(arena, key), k);
    }
    mutex_unlock(&lock);
}

/* The reference is the request's. */
static Rc reach_of(Ctx *cx, AccessSubject subject, size_t permission, Kept **ret)
{
    Str key = str_fmt(cx->arena, "%s:%.*s", subject_kind_names[subject.kind], STR_ARG(subject.id));
    int64_t version;
    TRY(access_version(cx, &version));
    Kept *k = take(cx->platform, version, key);
    if (!k && cx->on_io_thread) {
        return fail(cx, RC_BUSY, "The rights are not in memory yet.");
    }
    if (!k) {
        Arena *own = arena_new(0);
        k = ARENA_NEW(own, Kept);
        k->arena = own;
        atomic_store(&k->refs, 1);
        Rc rc = work_out(cx, subject, permission, k);
        if (rc != RC_OK) {
            arena_free(own);
            return rc;
        }
        keep(cx->platform, version, key, k);
    }
    arena_defer(cx->arena, release, k);
    *ret = k;
    return RC_OK;
}

/* Both must let it through: who asks, and the key. */
static const OwnedReach *both(Arena *to, const OwnedReach *a, const OwnedReach *b)
{
    OwnedReach *reach = ARENA_NEW(to, OwnedReach);
    Str marks[] = {a->mark, b->mark};
    reach->mark = str_join(to, marks, ARRAY_LEN(marks), STR_EMPTY);
    reach->parts = ARENA_ARRAY(to, OwnedPart, 2);
    reach->parts[0] = a->parts[0];
    reach->parts[1] = b->parts[0];
    reach->n_parts = 2;
    reach->is_large = a->is_large || b->is_large;
    return reach;
}

Rc access_owned(Ctx *cx, Str resource, const OwnedReach **ret)
{
    static const OwnedPart none = {0};
    static const OwnedReach nothing = {
        .mark = STR_INIT("nothing"), .parts = (OwnedPart *)(uintptr_t)&none, .n_parts = 1};
    const AccessCatalog *catalog = access_catalog(cx->platform);
    AccessSubject subjects[ACCESS_SUBJECTS_MAX];
    size_t n = access_subjects(&cx->actor, subjects);
    *ret = NULL;
    if (access_is_free(cx)) {
        return RC_OK;
    }
    size_t permission = access_permission(catalog, resource, STR("read"));
    if (permission == ACCESS_NONE || n == 0) {
        *ret = &nothing;
        return RC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        Kept *k = NULL;
        TRY(reach_of(cx, subjects[i], permission, &k));
        ASSERT(k != NULL);
        if (!k->is_everything) {
            *ret = *ret ? both(cx->arena, *ret, &k->reach) : &k->reach;
        }
    }
    return RC_OK;
}
