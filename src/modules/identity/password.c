/* SPDX-License-Identifier: Apache-2.0
 * Passwords: argon2id by libsodium, with the parameters OWASP names as the least (19 MiB, two
 * passes; about 20 ms of a core), and what may be one.
 *
 * Hashing is the one thing here that costs a core for long, and whoever can send a request can ask
 * for it. So there are few places to hash in, half the cores, and few may wait for one: the rest is
 * told to come back, and the workers stay free for everybody else. */
#include "base/map.h"
#include "base/thread.h"

#include "modules/identity/identity_priv.h"

#include <sodium.h>
#include <unistd.h>

enum { PASSES = 2, PLACES_MAX = 8, WAITING_MAX = 16, CONTEXT_WORD_MIN = 4 };
static const size_t memory_bytes = 19 * MIB; /* m=19456 */

/* Nobody's: 19 MiB and two passes like the others, over a salt and a tag that belong to nothing. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$"
                             "Zmlyc3QgY29tZSBzYWx0eQ$"
                             "bm8gcGFzc3dvcmQgaGFzaGVzIHRvIHRoaXMsIG5vLiE";

extern const unsigned char common_passwords_data[]; /* embedded: common_passwords.txt */
extern const size_t common_passwords_len;

static Mutex lock = MUTEX_INIT; /* guards what follows */
static Cond place_left = {PTHREAD_COND_INITIALIZER};
static bool is_ready GUARDED_BY(lock);
static unsigned busy GUARDED_BY(lock), waiting GUARDED_BY(lock);
static Map common GUARDED_BY(lock);

/* ---- places */

static unsigned places(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (unsigned)MIN(MAX(cores / 2, 1), PLACES_MAX);
}

static void make_ready(void) REQUIRES(lock);
static void make_ready(void)
{
    if (!is_ready) {
        ASSERT(sodium_init() >= 0);
        cond_init(&place_left);
        is_ready = true;
    }
}

Rc password_enter(Ctx *cx)
{
    ASSERT(!cx->on_io_thread && !cx->tx);
    Rc rc = RC_OK;
    mutex_lock(&lock);
    make_ready();
    if (busy >= places() && waiting >= WAITING_MAX) {
        rc = RC_BUSY;
    }
    waiting++;
    while (rc == RC_OK && busy >= places()) {
        if (!cond_wait_until(&place_left, &lock, cx->deadline_us)) {
            rc = RC_BUSY;
        }
    }
    waiting--;
    busy += rc == RC_OK ? 1 : 0;
    mutex_unlock(&lock);
    return rc == RC_OK ? RC_OK
                       : fail(cx, RC_BUSY, "Many people are signing in right now; try again.");
}

void password_leave(void)
{
    mutex_lock(&lock);
    ASSERT(busy > 0);
    busy--;
    cond_signal(&place_left);
    mutex_unlock(&lock);
}

/* ---- hashing */

bool password_verify(Str hash, Str password)
{
    char text[crypto_pwhash_STRBYTES] = {0};
    bool is_nobody = hash.len == 0 || hash.len >= sizeof(text);
    Str against = is_nobody ? STR(nobody) : hash;
    memcpy(text, against.ptr, against.len);
    bool fits = crypto_pwhash_str_verify(text, password.ptr ? password.ptr : "", password.len) == 0;
    return fits && !is_nobody;
}

bool password_is_outdated(Str hash)
{
    char text[crypto_pwhash_STRBYTES] = {0};
    if (hash.len >= sizeof(text)) {
        return true;
    }
    memcpy(text, hash.ptr, hash.len);
    return crypto_pwhash_str_needs_rehash(text, PASSES, memory_bytes) != 0;
}

Rc password_hash(Ctx *cx, Str password, Str *ret)
{
    char text[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(text, password.ptr, password.len, PASSES, memory_bytes,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return fail(cx, RC_BUSY, "There is not enough memory to hash a password; try again.");
    }
    *ret = str_dup(cx->arena, str_from(text));
    return RC_OK;
}

/* ---- what may be one */

static size_t count_characters(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

/* "P@ssw0rd2024!" is "password" to those who guess: digits and signs at its end do not count, and
 * signs that stand for letters are letters. */
static Str plain_form(Arena *arena, Str lower)
{
    static const char from[] = "@4310$57!", to[] = "aaeiossti";
    while (lower.len > 0 && !(lower.ptr[lower.len - 1] >= 'a' && lower.ptr[lower.len - 1] <= 'z') &&
           (unsigned char)lower.ptr[lower.len - 1] < 0x80) {
        lower.len--;
    }
    char *out = arena_alloc(arena, lower.len + 1);
    for (size_t i = 0; i < lower.len; i++) {
        const char *at = lower.ptr[i] ? strchr(from, lower.ptr[i]) : NULL;
        out[i] = at ? to[at - from] : lower.ptr[i];
    }
    return str_of(out, lower.len);
}

static void read_common(void) REQUIRES(lock);
static void read_common(void)
{
    static char present;
    Str rest = str_of((const char *)common_passwords_data, common_passwords_len), line;
    if (common.arena) {
        return;
    }
    common = map_init(arena_new(64 * KIB)); /* for as long as the process runs */
    while (str_split(&rest, '\n', &line)) {
        if (line.len > 0 && line.ptr[0] != '#') {
            map_put(&common, line, &present);
        }
    }
}

static bool is_common(Str word)
{
    mutex_lock(&lock);
    read_common();
    bool found = map_has(&common, word);
    mutex_unlock(&lock);
    return found;
}

static bool is_repeated(Str s)
{
    for (size_t period = 1; period <= 4 && period < s.len; period++) {
        size_t i = period;
        while (i < s.len && s.ptr[i] == s.ptr[i - period]) {
            i++;
        }
        if (i == s.len) {
            return true;
        }
    }
    return false;
}

/* What is left without the word would be too short for a password of its own. */
static bool leans_on(Arena *arena, Str lower, Str word)
{
    word = str_lower_utf8(arena, word);
    return word.len >= CONTEXT_WORD_MIN && str_find(lower, word) != SIZE_MAX &&
           lower.len - word.len < PASSWORD_MIN;
}

/* context: "Ada Lovelace", "ada.lovelace@example.org" */
static bool is_made_of(Arena *arena, Str lower, Str context)
{
    size_t from = 0;
    for (size_t i = 0; i <= context.len; i++) {
        bool ends = i == context.len || (context.ptr[i] && strchr("@._-+ ", context.ptr[i]));
        if (ends && leans_on(arena, lower, str_sub(context, from, i))) {
            return true;
        }
        from = ends ? i + 1 : from;
    }
    return false;
}

const char *password_problem(Arena *arena, Str password, const Str *context, size_t n)
{
    static const char leaning[] =
        "must not be made of your name, your address or the product's name";
    size_t length = count_characters(password);
    if (length < PASSWORD_MIN || length > PASSWORD_MAX) {
        return "must have 8 to 256 characters";
    }
    Str lower = str_lower_utf8(arena, password);
    if (is_common(lower) || is_common(plain_form(arena, lower)) || is_repeated(lower)) {
        return "is among the passwords that are tried first; choose another";
    }
    for (size_t i = 0; i < n; i++) {
        if (is_made_of(arena, lower, context[i])) {
            return leaning;
        }
    }
    return leans_on(arena, lower, STR("fairway")) ? leaning : NULL;
}

Rc password_check(Ctx *cx, Str pointer, Str password, const Str *context, size_t n)
{
    const char *problem = password_problem(cx->arena, password, context, n);
    return problem ? fail_field(cx, pointer, "%s", problem) : RC_OK;
}
