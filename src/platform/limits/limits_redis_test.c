/* SPDX-License-Identifier: Apache-2.0
 * Without a Redis: URLs, and what is decided while it is away. With one:
 * tests/api/test_limits_redis.py. */
/* clang-format off */
#include "platform/limits/limits.h"
#include "platform/limits/limits_redis.h"
#include "base/log.h"
#include "base/test.h"
/* clang-format on */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_US (INT64_C(20000) * US_PER_DAY)

static void test_urls(void **state)
{
    static const struct {
        const char *url;
        Rc rc;
    } cases[] = {
        {"redis://127.0.0.1",                     RC_OK     },
        {"redis://127.0.0.1:6380/2",              RC_OK     },
        {"redis://:secret@redis.example.com/",    RC_OK     },
        {"redis://fairway:s%40cret@[::1]:6379/0", RC_OK     },
        {"rediss://127.0.0.1",                    RC_INVALID},
        {"http://127.0.0.1",                      RC_INVALID},
        {"redis://127.0.0.1/x",                   RC_INVALID},
        {"redis://127.0.0.1/-1",                  RC_INVALID},
        {"redis://127.0.0.1/70000",               RC_INVALID},
        {"redis://127.0.0.1/0?ssl=1",             RC_INVALID},
        {"redis://a:%zz@127.0.0.1",               RC_INVALID},
        {"127.0.0.1:6379",                        RC_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        LimitsRedis *redis = NULL;
        Error err = {0};
        Rc rc = limits_redis_new(str_from(cases[i].url), US_PER_SECOND, &redis, &err);
        if (rc != cases[i].rc) {
            fail_msg("%s: %s %s", cases[i].url, rc_name(rc), err.message);
        }
        assert_null(strstr(err.message, "s%40cret"));
        limits_redis_free(redis);
    }
}

/* A port that nobody listens on: bound by this socket, which does not. */
static int closed_port(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void test_away(void **state)
{
    enum { BURST = 10, ALONE_AUTH = 2 };
    LimitsOptions options = {.redis_timeout_us = US_PER_SECOND};
    Arena *arena = arena_new(0);
    Limits *limits = NULL;
    LimitResult r;
    uint16_t port;
    int fd = closed_port(&port);
    (void)state;
    log_configure(LOG_OFF, LOG_TEXT);
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        options.policies[kind] = (LimitPolicy){.per_minute = 1, .burst = BURST};
    }
    options.redis_url = str_fmt(arena, "redis://127.0.0.1:%u", port);
    assert_int_equal(limits_new(&options, &limits, NULL), RC_OK);
    /* it has to be asked, and not on an I/O thread */
    assert_int_equal(limits_take(limits, LIMIT_USER, STR("a"), START_US, false, &r), RC_BUSY);
    for (LimitKind kind = 0; kind < LIMIT_KINDS; kind++) {
        int64_t most = kind == LIMIT_AUTH ? ALONE_AUTH : BURST;
        for (int64_t i = 0; i < most; i++) {
            assert_int_equal(limits_take(limits, kind, STR("a"), START_US, true, &r), RC_OK);
            assert_true(r.allowed);
        }
        assert_int_equal(limits_take(limits, kind, STR("a"), START_US, true, &r), RC_OK);
        assert_false(r.allowed);
    }
    limits_free(limits);
    close(fd);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
