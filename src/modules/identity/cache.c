/* SPDX-License-Identifier: Apache-2.0
 * Who a credential is of, as the database said a moment ago: checking a signature costs 100 us and
 * asking the database a statement, and a program shows the same token all day.
 *
 * An entry counts for a minute at most and only in the generation it was read in. A change of who
 * may call begins a new generation after its commit, here and, told by a notice, in the other
 * processes; while notices cannot come, entries count for two seconds.
 *
 * One thread writes down which sessions and keys were used. */
#include "base/id.h"
#include "base/log.h"
#include "base/thread.h"

#include "identity_q_sql.h"
#include "modules/identity/identity_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SETS = 512, WAYS = 4, TEXT_MAX = 2000, USES_MAX = 256 };
#define TRUST_US US_PER_MINUTE
#define TRUST_UNTOLD_US (2 * US_PER_SECOND)
#define USE_EVERY_US US_PER_MINUTE

typedef struct Entry {
    uint8_t credential[SHA256_SIZE];
    uint64_t generation; /* 0: empty */
    int64_t until_us;    /* monotonic */
    int64_t expires_us;  /* wall clock */
    int64_t used_us;     /* monotonic: when its use was last noted */
    ActorKind kind;
    bool has_scopes, is_limited;
    int64_t per_minute, burst; /* of a key, when it has its own */
    uint16_t lens[5];          /* of id, name, key, session, scopes, one after the other in text */
    char text[TEXT_MAX];
} Entry;

typedef struct Use {
    bool is_key;
    int64_t at_us;
    char id[UUID_LEN + 1];
} Use;

static _Atomic uint64_t generation = 1;
static Mutex lock = MUTEX_INIT; /* guards what follows */
static Entry *entries GUARDED_BY(lock);
static Platform *owner GUARDED_BY(lock);
static Use uses[USES_MAX] GUARDED_BY(lock);
static size_t n_uses GUARDED_BY(lock);
static bool is_stopping GUARDED_BY(lock);
static Cond has_uses = {PTHREAD_COND_INITIALIZER};
static Thread writer;

/* ---- entries */

static Entry *set_of(const uint8_t credential[SHA256_SIZE]) REQUIRES(lock);
static Entry *set_of(const uint8_t credential[SHA256_SIZE])
{
    size_t set = ((size_t)credential[0] << 8 | credential[1]) % SETS;
    return entries ? &entries[set * WAYS] : NULL;
}

static Entry *find(const uint8_t credential[SHA256_SIZE]) REQUIRES(lock);
static Entry *find(const uint8_t credential[SHA256_SIZE])
{
    Entry *set = set_of(credential);
    for (size_t i = 0; set && i < WAYS; i++) {
        if (set[i].generation && memcmp(set[i].credential, credential, SHA256_SIZE) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

void decisions_forget(void)
{
    atomic_fetch_add(&generation, 1);
}

uint64_t decisions_generation(void)
{
    return atomic_load(&generation);
}

static void read_entry(Arena *arena, const Entry *e, Decision *ret)
{
    Str parts[ARRAY_LEN(e->lens)];
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        used += e->lens[i];
    }
    const char *at = str_dup(arena, str_of(e->text, used)).ptr;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i] = str_of(at, e->lens[i]);
        at += e->lens[i];
    }
    *ret = (Decision){
        .actor = {.kind = e->kind,
                  .id = parts[0],
                  .name = parts[1],
                  .key_id = parts[2],
                  .session_id = parts[3],
                  .key_per_minute = e->per_minute,
                  .key_burst = e->burst},
        .is_limited = e->is_limited,
        .expires_us = e->expires_us,
    };
    Json *scopes = NULL;
    Error err = {0};
    if (e->has_scopes && json_parse(arena, parts[4], NULL, &scopes, &err) != RC_OK) {
        scopes = json_array(arena); /* reaches nothing */
    }
    ret->scopes = scopes;
}

bool decisions_get(Arena *arena, const uint8_t credential[SHA256_SIZE], Decision *ret)
{
    bool found = false;
    int64_t now = time_monotonic_us();
    mutex_lock(&lock);
    const Entry *e = find(credential);
    if (e && e->generation == atomic_load(&generation) && now < e->until_us &&
        time_now_us() < e->expires_us) {
        read_entry(arena, e, ret);
        found = true;
    }
    mutex_unlock(&lock);
    return found;
}

static bool fill(Entry *e, const Decision *d)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str scopes = d->scopes ? json_to_str(arena, d->scopes) : STR_EMPTY;
    const Str parts[] = {d->actor.id, d->actor.name, d->actor.key_id, d->actor.session_id, scopes};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > sizeof(e->text) - n) {
            return false; /* it is asked for each time, then */
        }
        if (parts[i].len > 0) {
            memcpy(e->text + n, parts[i].ptr, parts[i].len);
        }
        e->lens[i] = (uint16_t)parts[i].len;
        n += parts[i].len;
    }
    e->kind = d->actor.kind;
    e->has_scopes = d->scopes != NULL;
    e->per_minute = d->actor.key_per_minute;
    e->burst = d->actor.key_burst;
    e->is_limited = d->is_limited;
    e->expires_us = d->expires_us;
    return true;
}

static Entry *place_for(const uint8_t credential[SHA256_SIZE]) REQUIRES(lock);
static Entry *place_for(const uint8_t credential[SHA256_SIZE])
{
    Entry *found = find(credential);
    Entry *set = set_of(credential);
    for (size_t i = 0; !found && set && i < WAYS; i++) {
        found = set[i].generation ? NULL : &set[i];
    }
    if (found || !set) {
        return found;
    }
    found = &set[0];
    for (size_t i = 1; i < WAYS; i++) {
        found = set[i].until_us < found->until_us ? &set[i] : found;
    }
    return found;
}

void decisions_put(const uint8_t credential[SHA256_SIZE], uint64_t read_in, const Decision *d)
{
    mutex_lock(&lock);
    Entry *e = place_for(credential);
    if (e) {
        bool is_same = e->generation && memcmp(e->credential, credential, SHA256_SIZE) == 0;
        bool is_told = db_kind(owner->db) == DB_SQLITE || db_is_listening(owner->db);
        e->used_us = is_same ? e->used_us : 0;
        e->until_us = time_monotonic_us() + (is_told ? TRUST_US : TRUST_UNTOLD_US);
        memcpy(e->credential, credential, SHA256_SIZE);
        e->generation = fill(e, d) ? read_in : 0;
    }
    mutex_unlock(&lock);
}

/* ---- uses */

void decisions_used(const uint8_t credential[SHA256_SIZE], const Decision *d)
{
    int64_t now = time_monotonic_us();
    bool is_key = d->actor.key_id.len > 0;
    Str id = is_key ? d->actor.key_id : d->actor.session_id;
    mutex_lock(&lock);
    Entry *e = find(credential);
    if (e && id.len == UUID_LEN && n_uses < USES_MAX &&
        (e->used_us == 0 || now - e->used_us >= USE_EVERY_US)) {
        Use *use = &uses[n_uses++];
        *use = (Use){.is_key = is_key, .at_us = time_now_us()};
        memcpy(use->id, id.ptr, UUID_LEN);
        e->used_us = now;
        cond_signal(&has_uses);
    }
    mutex_unlock(&lock);
}

static Rc write_uses(Ctx *cx, const Use *list, size_t n)
{
    TRY(ctx_begin(cx));
    for (size_t i = 0; i < n; i++) {
        Str id = str_of(list[i].id, UUID_LEN);
        if (list[i].is_key) {
            TRY(tx_exec(cx->tx, &identity_q_api_key_used, PARAMS(P_STR(id), P_I64(list[i].at_us)),
                        NULL, &cx->error));
        } else {
            TRY(tx_exec(cx->tx, &identity_q_session_used,
                        PARAMS(P_STR(id), P_I64(list[i].at_us), P_I64(COOKIE_IDLE_US)), NULL,
                        &cx->error));
        }
    }
    return ctx_commit(cx);
}

/* Moves what waits into list; false when the process ends and nothing waits. */
static bool take_uses(Use *list, size_t *ret_n)
{
    mutex_lock(&lock);
    while (n_uses == 0 && !is_stopping) {
        cond_wait(&has_uses, &lock);
    }
    memcpy(list, uses, n_uses * sizeof(Use));
    *ret_n = n_uses;
    n_uses = 0;
    mutex_unlock(&lock);
    return *ret_n > 0;
}

static void *run_writer(void *arg)
{
    Ctx *cx = ctx_new_system(arg, "identity");
    Use *list = calloc(USES_MAX, sizeof(Use));
    size_t n;
    ASSERT(list);
    while (take_uses(list, &n)) {
        if (write_uses(cx, list, n) != RC_OK) {
            log_warn("identity.use_not_noted", F_CSTR("error", cx->error.message));
        }
        ctx_reset(cx);
    }
    free(list);
    ctx_free(cx);
    return NULL;
}

uint64_t identity_epoch(void)
{
    return decisions_generation();
}

/* ---- life */

void decisions_start(Platform *platform)
{
    cond_init(&has_uses);
    mutex_lock(&lock);
    entries = calloc((size_t)SETS * WAYS, sizeof(Entry));
    ASSERT(entries);
    owner = platform;
    is_stopping = false;
    mutex_unlock(&lock);
    thread_start(&writer, "identity", run_writer, platform);
}

void decisions_stop(void)
{
    mutex_lock(&lock);
    is_stopping = true;
    cond_signal(&has_uses);
    mutex_unlock(&lock);
    thread_join(&writer);
    mutex_lock(&lock);
    free(entries);
    entries = NULL;
    owner = NULL;
    mutex_unlock(&lock);
}

static void on_commit(void *user)
{
    const Platform *platform = user;
    decisions_forget();
    db_notify(platform->db, TOPIC_IDENTITY);
}

void identity_changed(Ctx *cx)
{
    tx_on_commit(cx->tx, on_commit, cx->platform);
}

void identity_on_notice(void)
{
    decisions_forget();
}
