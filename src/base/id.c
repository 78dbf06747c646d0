/* SPDX-License-Identifier: Apache-2.0
 * UUIDv7 by RFC 9562 section 6.2 method 3: the 12 bits after the millisecond hold its fraction,
 * and a mark that only ever rises makes ids of one process strictly ordered across threads, also
 * when the clock stands still or steps back. */
#include "base/id.h"

#include "base/time.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
    char *at = out;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ASSERT(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

/* For ids: a call of the system for each would cost more than all the rest of a small write. Bytes
 * are used once, and a process never goes on in two after fork. */
static void pooled_bytes(uint8_t *out, size_t n)
{
    enum { POOL_BYTES = 512 };
    static _Thread_local struct {
        uint8_t bytes[POOL_BYTES];
        size_t left;
    } pool;

    if (pool.left < n) {
        random_bytes(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
    }
    pool.left -= n;
    memcpy(out, pool.bytes + pool.left, n);
}

static Uuid uuid_text(uint8_t b[16], unsigned version)
{
    static const char digits[] = "0123456789abcdef";
    Uuid id;
    size_t at = 0;

    b[6] = (uint8_t)((b[6] & 0x0F) | version << 4);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            id.text[at++] = '-';
        }
        id.text[at++] = digits[b[i] >> 4];
        id.text[at++] = digits[b[i] & 15];
    }
    id.text[at] = '\0';
    return id;
}

/* 48 bits of milliseconds, 12 bits of their fraction; higher than any value given before. */
static uint64_t next_tick(void)
{
    static _Atomic uint64_t last;
    int64_t now_us = MAX(time_now_us(), 0);
    uint64_t now = (uint64_t)(now_us / 1000) << 12 | (uint64_t)(now_us % 1000) * 4096 / 1000;
    uint64_t seen = atomic_load_explicit(&last, memory_order_relaxed);
    uint64_t next;

    do {
        next = MAX(now, seen + 1);
    } while (!atomic_compare_exchange_weak(&last, &seen, next));
    return next;
}

Uuid uuid_v7(void)
{
    uint8_t b[16];
    uint64_t tick = next_tick();
    uint64_t ms = tick >> 12;

    for (size_t i = 0; i < 6; i++) {
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    b[6] = (uint8_t)(tick >> 8 & 0x0F);
    b[7] = (uint8_t)tick;
    pooled_bytes(b + 8, 8);
    return uuid_text(b, 7);
}

Uuid uuid_v4(void)
{
    uint8_t b[16];

    pooled_bytes(b, sizeof(b));
    return uuid_text(b, 4);
}

Str uuid_str(const Uuid *id)
{
    return str_of(id->text, UUID_LEN);
}

bool uuid_is_valid(Str s)
{
    if (s.len != UUID_LEN) {
        return false;
    }
    for (size_t i = 0; i < UUID_LEN; i++) {
        char c = s.ptr[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') {
                return false;
            }
        } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return true;
}
