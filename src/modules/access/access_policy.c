/* SPDX-License-Identifier: Apache-2.0
 * What the subjects' bindings come to, kept in memory per version of the policy. The table
 * access_version counts every commit that touches it; another version, or a full arena, empties the
 * memory. What is kept may be newer than its version (it is read after the version was), never
 * older. The version itself is believed for a short lease: commits of this process end it at once,
 * those of others tell by TOPIC_ACCESS. */
#include "base/thread.h"
#include "base/time.h"
#include "base/vec.h"

#include "access_q_sql.h"
#include "modules/access/access_priv.h"
#include "modules/identity/identity.h"

#define KEPT_BYTES_MAX (32 * MIB)
enum { SUBJECT_KEY_MAX = 64 };

static Mutex lock = MUTEX_INIT;                 /* guards everything below */
static AccessCatalog *catalog GUARDED_BY(lock); /* replaced only by access_enforce */
static Arena *arena GUARDED_BY(lock);
static Map kept GUARDED_BY(lock); /* "user:<id>" → AccessGrants */
static int64_t kept_version GUARDED_BY(lock);
static const Db *owner GUARDED_BY(lock);     /* the database all this is about */
static int64_t known GUARDED_BY(lock);       /* its version, 0: must be read */
static int64_t known_until GUARDED_BY(lock); /* monotonic */
static uint64_t changes GUARDED_BY(lock);    /* commits of this process, news of others */

static void empty(int64_t version) REQUIRES(lock);
static void empty(int64_t version)
{
    if (!arena) {
        arena = arena_new(64 * KIB);
    }
    arena_reset(arena);
    kept = map_init(arena);
    kept_version = version;
}

/* Tests have several databases in one process. */
static void belong_to(const Db *db) REQUIRES(lock);
static void belong_to(const Db *db)
{
    if (owner != db || !arena) {
        owner = db;
        known = 0;
        empty(0);
    }
}

/* ---- who is asked about */

const AccessCatalog *access_catalog(const Platform *platform)
{
    mutex_lock(&lock);
    const AccessCatalog *found = catalog && catalog->platform == platform ? catalog : NULL;
    mutex_unlock(&lock);
    return found;
}

bool access_is_free(const Ctx *cx)
{
    return cx->actor.kind == ACTOR_SYSTEM || !access_catalog(cx->platform);
}

Rc access_enforce(Platform *platform, Error *err)
{
    AccessCatalog *made;
    TRY(access_catalog_new(platform, &made, err));
    mutex_lock(&lock);
    AccessCatalog *old = catalog;
    catalog = made;
    owner = NULL;
    mutex_unlock(&lock);
    if (old) { /* of a platform that is gone: tests build several */
        arena_free(old->arena);
    }
    records_set_visible(platform->records, access_visible);
    records_set_owned(platform->records, access_owned);
    return RC_OK;
}

size_t access_subjects(const Actor *actor, AccessSubject ret[ACCESS_SUBJECTS_MAX])
{
    size_t n = 0;
    if (actor->id.len == 0 || (actor->kind != ACTOR_USER && actor->kind != ACTOR_SERVICE)) {
        return 0;
    }
    ret[n++] = (AccessSubject){actor->kind == ACTOR_USER ? SUBJECT_USER : SUBJECT_SERVICE_ACCOUNT,
                               actor->id};
    if (actor->key_id.len > 0) {
        ret[n++] = (AccessSubject){SUBJECT_API_KEY, actor->key_id};
    }
    return n;
}

/* ---- from the database */

static Rc read_role(Ctx *cx, Str id, Str name, Str permissions, Map *roles)
{
    AccessRole *role = ARENA_NEW(cx->arena, AccessRole);
    Json *list;
    role->id = str_dup(cx->arena, id);
    role->name = str_dup(cx->arena, name);
    TRY(json_parse(cx->arena, permissions, NULL, &list, &cx->error));
    if (!access_patterns_of(cx->arena, list, role)) {
        return fail(cx, RC_INTERNAL, "The stored role %.*s cannot be read.", STR_ARG(role->name));
    }
    map_put(roles, role->id, role);
    return RC_OK;
}

Rc access_load_roles(Ctx *cx, Map *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    *ret = map_init(cx->arena);
    TRY(tx_query(cx->tx, &access_q_roles, NO_PARAMS, &rows, &cx->error));
    while (rows_next(rows)) {
        TRY(read_role(cx, rows_str(rows, 0), rows_str(rows, 1), rows_str(rows, 2), ret));
    }
    return rows_error(rows, &cx->error);
}

static Rc read_binding(Ctx *cx, Rows *rows, Map *roles, AccessBinding *ret)
{
    if (!map_has(roles, rows_str(rows, 3))) { /* thousands of bindings share a few roles */
        TRY(read_role(cx, rows_str(rows, 3), rows_str(rows, 8), rows_str(rows, 9), roles));
    }
    *ret = (AccessBinding){
        .id = rows_dup(rows, 0, cx->arena),
        .role = map_get(roles, rows_str(rows, 3)),
        .subject_id = rows_dup(rows, 2, cx->arena),
        .scope_id = rows_dup(rows, 5, cx->arena),
        .is_deny = str_is(rows_str(rows, 6), "deny"),
        .expires_at = rows_i64(rows, 7),
    };
    return subject_kind_parse(rows_str(rows, 1), &ret->subject_kind) &&
                   scope_kind_parse(rows_str(rows, 4), &ret->scope_kind)
               ? RC_OK
               : fail(cx, RC_INTERNAL, "A stored role binding cannot be read.");
}

/* What a key may do, as far as its owner may: its scopes, everywhere. Bindings of its own can only
 * deny. */
static Rc key_reach(Ctx *cx, Str id, AccessBinding *ret)
{
    Json *scopes;
    AccessRole *role = ARENA_NEW(cx->arena, AccessRole);
    TRY(identity_key_scopes(cx, id, &scopes));
    role->name = STR("scopes of the key");
    if (!access_patterns_of(cx->arena, scopes, role)) {
        return fail(cx, RC_INTERNAL, "The stored scopes of an API key cannot be read.");
    }
    *ret = (AccessBinding){.role = role,
                           .subject_kind = SUBJECT_API_KEY,
                           .subject_id = id,
                           .scope_kind = SCOPE_PLATFORM};
    return RC_OK;
}

Rc access_load(Ctx *cx, AccessSubject subject, const AccessBinding **ret, size_t *ret_n)
{
    VEC(AccessBinding) all = {.arena = cx->arena};
    Map roles = map_init(cx->arena);
    TRY(ctx_read(cx));
    if (subject.kind == SUBJECT_API_KEY) {
        AccessBinding reach;
        Rc rc = key_reach(cx, subject.id, &reach);
        if (rc == RC_OK) {
            VEC_PUSH(&all, reach);
        } else if (rc != RC_NOT_FOUND) { /* one that is gone reaches nothing */
            return rc;
        }
        error_clear(&cx->error);
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &access_q_bindings_of,
                 PARAMS(P_CSTR(subject_kind_names[subject.kind]),
                        P_STR(str_lower(cx->arena, subject.id)), P_I64(ACCESS_BINDINGS_MAX + 1)),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        AccessBinding b;
        TRY(read_binding(cx, rows, &roles, &b));
        VEC_PUSH(&all, b);
    }
    TRY(rows_error(rows, &cx->error));
    if (all.n > ACCESS_BINDINGS_MAX) { /* some would be missing, denies perhaps */
        return fail(cx, RC_LIMIT, "There are more than %d role bindings for one subject.",
                    ACCESS_BINDINGS_MAX);
    }
    *ret = all.at;
    *ret_n = all.n;
    return RC_OK;
}

Rc access_version(Ctx *cx, int64_t *ret)
{
    const Db *db = cx->platform->db;
    int64_t now = time_monotonic_us();
    mutex_lock(&lock);
    belong_to(db);
    int64_t version = now < known_until ? known : 0;
    uint64_t before = changes;
    mutex_unlock(&lock);
    if (version) {
        *ret = version;
        return RC_OK;
    }
    TRY(ctx_read(cx));
    TRY(tx_one_i64(cx->tx, &access_q_version, NO_PARAMS, ret, &cx->error));
    mutex_lock(&lock);
    if (changes == before && owner == db) { /* else it may be old already */
        known = *ret;
        known_until = now + ACCESS_VERSION_LEASE_US;
    }
    mutex_unlock(&lock);
    return RC_OK;
}

/* ---- in memory */

static Str subject_key(char buffer[SUBJECT_KEY_MAX], AccessSubject subject)
{
    int n = snprintf(buffer, SUBJECT_KEY_MAX, "%s:%.*s", subject_kind_names[subject.kind],
                     STR_ARG(subject.id));
    return str_of(buffer, (size_t)MIN(n, SUBJECT_KEY_MAX - 1));
}

static bool use_kept(const Db *db,
                     int64_t version,
                     Str key,
                     int64_t now,
                     void (*use)(void *, const AccessGrants *),
                     void *user)
{
    mutex_lock(&lock);
    bool is_mine = owner == db && arena && kept_version == version;
    const AccessGrants *grants = is_mine ? map_get(&kept, key) : NULL;
    bool is_usable = grants && grants->valid_until > now;
    if (is_usable) {
        use(user, grants);
    }
    mutex_unlock(&lock);
    return is_usable;
}

static void keep(Ctx *cx,
                 const AccessCatalog *c,
                 int64_t version,
                 Str key,
                 const AccessBinding *bindings,
                 size_t n)
{
    mutex_lock(&lock);
    belong_to(cx->platform->db);
    if (version > kept_version || arena_used(arena) > KEPT_BYTES_MAX) {
        empty(version);
    }
    if (version == kept_version) {
        AccessGrants *grants = ARENA_NEW(arena, AccessGrants);
        access_grants_build(arena, bindings, n, c->permissions, c->n, time_now_us(), grants);
        map_put(&kept, str_dup(arena, key), grants);
    }
    mutex_unlock(&lock);
}

Rc access_use_grants(Ctx *cx,
                     AccessSubject subject,
                     void (*use)(void *user, const AccessGrants *grants),
                     void *user)
{
    const AccessCatalog *c = access_catalog(cx->platform);
    char buffer[SUBJECT_KEY_MAX];
    Str key = subject_key(buffer, subject);
    bool is_writing = cx->tx && tx_is_write(cx->tx); /* then it sees what is not committed yet */
    int64_t now = time_now_us(), version = 0;
    const AccessBinding *bindings;
    size_t n;
    ASSERT(c);
    if (!is_writing) {
        TRY(access_version(cx, &version));
        if (use_kept(cx->platform->db, version, key, now, use, user)) {
            return RC_OK;
        }
        if (cx->on_io_thread) {
            return fail(cx, RC_BUSY, "The rights are not in memory yet.");
        }
    }
    TRY(access_load(cx, subject, &bindings, &n));
    if (!is_writing) {
        keep(cx, c, version, key, bindings, n);
    }
    AccessGrants grants;
    access_grants_build(cx->arena, bindings, n, c->permissions, c->n, now, &grants);
    use(user, &grants);
    return RC_OK;
}

/* ---- changes */

void access_news(void)
{
    mutex_lock(&lock);
    known = 0;
    changes++;
    mutex_unlock(&lock);
}

uint64_t access_epoch(void)
{
    mutex_lock(&lock);
    uint64_t epoch = changes;
    mutex_unlock(&lock);
    return epoch;
}

static void changed(void *platform)
{
    const Platform *p = platform;
    access_news();
    db_notify(p->db, TOPIC_ACCESS);
}

Rc access_touch(Ctx *cx)
{
    tx_on_commit(cx->tx, changed, cx->platform);
    return tx_exec(cx->tx, &access_q_touch, NO_PARAMS, NULL, &cx->error);
}
