/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"
#include "base/test.h"
#include "base/time.h"

static void rfc3339_is_written_and_read_back(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0,                         "1970-01-01T00:00:00.000Z"   },
        {1,                         "1970-01-01T00:00:00.000001Z"},
        {-1,                        "1969-12-31T23:59:59.999999Z"},
        {1000,                      "1970-01-01T00:00:00.001Z"   },
        {1120,                      "1970-01-01T00:00:00.001120Z"},
        {1795217866123456,          "2026-11-20T23:37:46.123456Z"},
        {951782400 * US_PER_SECOND, "2000-02-29T00:00:00.000Z"   },
        {-62135596800000000,        "0001-01-01T00:00:00.000Z"   },
        {253402300799999999,        "9999-12-31T23:59:59.999999Z"},
    };
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    char out[TIME_RFC3339_SIZE];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t back = 5;
        assert_str(time_rfc3339(cases[i].us, out), str_from(cases[i].text));
        assert_str(time_rfc3339_dup(a, cases[i].us), str_from(cases[i].text));
        assert_true(time_parse_rfc3339(str_from(cases[i].text), &back));
        assert_true(back == cases[i].us);
    }
    assert_str(time_rfc3339(INT64_MAX, out), STR("9999-12-31T23:59:59.999999Z"));
    assert_str(time_rfc3339(INT64_MIN, out), STR("0001-01-01T00:00:00.000Z"));
}

static void rfc3339_takes_every_form_and_no_other(void **state)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL: refused */
    } cases[] = {
        {"2026-11-20T23:37:46Z",           "2026-11-20T23:37:46.000Z"   },
        {"2026-11-20t23:37:46z",           "2026-11-20T23:37:46.000Z"   },
        {"2026-11-20T23:37:46.5Z",         "2026-11-20T23:37:46.500Z"   },
        {"2026-11-20T23:37:46.123456789Z", "2026-11-20T23:37:46.123456Z"},
        {"2026-11-20T23:37:46+02:00",      "2026-11-20T21:37:46.000Z"   },
        {"2026-11-20T23:37:46-05:30",      "2026-11-21T05:07:46.000Z"   },
        {"2026-11-20T23:37:46-00:00",      "2026-11-20T23:37:46.000Z"   },
        {"2024-02-29T00:00:00Z",           "2024-02-29T00:00:00.000Z"   },
        {"1998-12-31T23:59:60Z",           "1999-01-01T00:00:00.000Z"   },
        {"1998-12-31T15:59:60.123-08:00",  "1999-01-01T00:00:00.123Z"   },
        {"1998-12-31T23:58:60Z",           NULL                         },
        {"1998-12-31T22:59:60Z",           NULL                         },
        {"2023-02-29T00:00:00Z",           NULL                         },
        {"1900-02-29T00:00:00Z",           NULL                         },
        {"2026-11-31T00:00:00Z",           NULL                         },
        {"2026-13-01T00:00:00Z",           NULL                         },
        {"2026-00-01T00:00:00Z",           NULL                         },
        {"2026-01-00T00:00:00Z",           NULL                         },
        {"2026-11-20T24:00:00Z",           NULL                         },
        {"2026-11-20T23:60:00Z",           NULL                         },
        {"2026-11-20T23:37:61Z",           NULL                         },
        {"2026-11-20T23:37:46",            NULL                         },
        {"2026-11-20 23:37:46Z",           NULL                         },
        {"2026-11-20T23:37:46.Z",          NULL                         },
        {"2026-11-20T23:37:46,5Z",         NULL                         },
        {"2026-11-20T23:37:46Z ",          NULL                         },
        {"2026-11-20T23:37:46+0200",       NULL                         },
        {"2026-11-20T23:37:46+24:00",      NULL                         },
        {"2026-11-20T23:37:46+02:60",      NULL                         },
        {"2026-11-20T23:37Z",              NULL                         },
        {"2026-1-20T23:37:46Z",            NULL                         },
        {"+2026-11-20T23:37:46Z",          NULL                         },
        {"0000-01-01T00:00:00Z",           NULL                         },
        {"0001-01-01T00:00:00+00:01",      NULL                         },
        {"9999-12-31T23:59:59-00:01",      NULL                         },
        {"2026-11-20",                     NULL                         },
        {"",                               NULL                         },
    };
    char out[TIME_RFC3339_SIZE];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t us = 5;
        bool is_good = time_parse_rfc3339(str_from(cases[i].text), &us);
        if (is_good != (cases[i].utc != NULL)) {
            fail_msg("%s", cases[i].text);
        }
        if (is_good) {
            assert_str(time_rfc3339(us, out), str_from(cases[i].utc));
        } else {
            assert_true(us == 5);
        }
    }
    int64_t us;
    assert_false(time_parse_rfc3339(STR("2026-11-20T23:37:46Z\0"), &us));
}

static void http_dates_are_imf_fixdates(void **state)
{
    char out[TIME_RFC3339_SIZE];
    (void)state;

    assert_str(time_http_date(784111777 * US_PER_SECOND, out),
               STR("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_str(time_http_date(-1, out), STR("Wed, 31 Dec 1969 23:59:59 GMT"));
    assert_str(time_http_date(INT64_MAX, out), STR("Fri, 31 Dec 9999 23:59:59 GMT"));
}

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        {"250ms",                  250 * US_PER_MS     },
        {"30s",                    30 * US_PER_SECOND  },
        {"5m",                     5 * US_PER_MINUTE   },
        {"2h",                     2 * US_PER_HOUR     },
        {"7d",                     7 * US_PER_DAY      },
        {"0s",                     0                   },
        {"PT5M",                   5 * US_PER_MINUTE   },
        {"P1DT12H",                36 * US_PER_HOUR    },
        {"P1W",                    7 * US_PER_DAY      },
        {"P2D",                    2 * US_PER_DAY      },
        {"PT1H30M15S",             5415 * US_PER_SECOND},
        {"PT36H",                  36 * US_PER_HOUR    },
        {"",                       -1                  },
        {"5",                      -1                  },
        {"ms",                     -1                  },
        {"-5s",                    -1                  },
        {"5 s",                    -1                  },
        {"1h30m",                  -1                  },
        {"5M",                     -1                  },
        {"1.5s",                   -1                  },
        {"P",                      -1                  },
        {"PT",                     -1                  },
        {"P1DT",                   -1                  },
        {"P5M",                    -1                  },
        {"P1Y",                    -1                  },
        {"PT5D",                   -1                  },
        {"PT5M1H",                 -1                  },
        {"PT5M5M",                 -1                  },
        {"PTT5M",                  -1                  },
        {"PT5",                    -1                  },
        {"PT5M ",                  -1                  },
        {"pt5m",                   -1                  },
        {"P-1D",                   -1                  },
        {"9223372036854775807d",   -1                  },
        {"99999999999999999999s",  -1                  },
        {"P106751991DT999999999H", -1                  },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t us = -1;
        bool is_good = time_parse_duration(str_from(cases[i].text), &us);
        if (is_good != (cases[i].us >= 0) || us != cases[i].us) {
            fail_msg("%s gave %lld", cases[i].text, (long long)us);
        }
    }
}

static void cron_finds_the_next_match(void **state)
{
    static const struct {
        const char *cron, *after, *next; /* next NULL: none within five years */
    } cases[] = {
        {"* * * * *",          "2026-11-20T23:37:46Z",        "2026-11-20T23:38:00.000Z"},
        {"* * * * *",          "2026-11-20T23:37:00Z",        "2026-11-20T23:38:00.000Z"},
        {"* * * * *",          "2026-11-20T23:36:59.999999Z", "2026-11-20T23:37:00.000Z"},
        {"*/15 * * * *",       "2026-11-20T23:46:00Z",        "2026-11-21T00:00:00.000Z"},
        {"0 3 * * *",          "2026-12-31T03:00:00Z",        "2027-01-01T03:00:00.000Z"},
        {"30 2 1 * *",         "2026-11-20T00:00:00Z",        "2026-12-01T02:30:00.000Z"},
        {"0 0 * * MON",        "2026-11-20T00:00:00Z",        "2026-11-23T00:00:00.000Z"},
        {"0 0 * * 7",          "2026-11-20T00:00:00Z",        "2026-11-22T00:00:00.000Z"},
        {"0 0 * * 0",          "2026-11-20T00:00:00Z",        "2026-11-22T00:00:00.000Z"},
        {"0 0 * * 5-7",        "2026-11-21T00:00:00Z",        "2026-11-22T00:00:00.000Z"},
        {"0 12 * feb-mar *",   "2026-11-20T00:00:00Z",        "2027-02-01T12:00:00.000Z"},
        {"0 0 29 2 *",         "2026-11-20T00:00:00Z",        "2028-02-29T00:00:00.000Z"},
        {"0 0 30 2 *",         "2026-11-20T00:00:00Z",        NULL                      },
        {"0 0 13 * 5",         "2026-11-20T00:00:00Z",        "2026-11-27T00:00:00.000Z"}, /* either day */
        {"0 0 1-7 * *",        "2026-11-20T00:00:00Z",        "2026-12-01T00:00:00.000Z"},
        {"0 0 */2 * 1",        "2026-11-20T00:00:00Z",        "2026-11-23T00:00:00.000Z"}, /* both days */
        {"1,5-7,*/30 9 * * *", "2026-11-20T09:06:00Z",        "2026-11-20T09:07:00.000Z"},
        {"10-50/20 * * * *",   "2026-11-20T09:31:00Z",        "2026-11-20T09:50:00.000Z"},
        {"\t0  0 1\t1 *  ",    "2026-11-20T00:00:00Z",        "2027-01-01T00:00:00.000Z"},
        {"0 0 * * *",          "1969-12-30T12:00:00Z",        "1969-12-31T00:00:00.000Z"},
        {"0 0 * * *",          "9999-01-01T00:00:00Z",        NULL                      },
    };
    char out[TIME_RFC3339_SIZE];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Cron cron;
        int64_t after;
        assert_true(cron_parse(str_from(cases[i].cron), &cron));
        assert_true(time_parse_rfc3339(str_from(cases[i].after), &after));
        int64_t next = cron_next(&cron, after);
        if (cases[i].next) {
            assert_str(time_rfc3339(next, out), str_from(cases[i].next));
        } else {
            assert_true(next == INT64_MAX);
        }
    }
    Cron cron;
    assert_true(cron_parse(STR("* * * * *"), &cron));
    assert_true(cron_next(&cron, INT64_MAX) == INT64_MAX);
    assert_true(cron_next(&cron, INT64_MIN) == INT64_MAX);
}

static void cron_refuses_what_is_none(void **state)
{
    static const char *const cases[] = {
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "*/ * * * *",
        "*/-1 * * * *",
        "5/10 * * * *",
        "9-3 * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        ",1 * * * *",
        "1, * * * *",
        "** * * * *",
        "jan * * * *",
        "* * * january *",
        "* * * * mond",
        "@daily",
        "*\n* * * *",
        "1-2-3 * * * *",
        "99999999999999999999 * * * *",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Cron cron;
        if (cron_parse(str_from(cases[i]), &cron)) {
            fail_msg("%s", cases[i]);
        }
    }
}

static void clocks_go_forward(void **state)
{
    int64_t wall = time_now_us();
    int64_t mono = time_monotonic_us();
    (void)state;

    assert_true(wall > 1600000000 * US_PER_SECOND);
    for (int i = 0; i < 1000; i++) {
        int64_t next = time_monotonic_us();
        assert_true(next >= mono);
        mono = next;
    }
}

int base_test_time(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_written_and_read_back),
        cmocka_unit_test(rfc3339_takes_every_form_and_no_other),
        cmocka_unit_test(http_dates_are_imf_fixdates),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(cron_finds_the_next_match),
        cmocka_unit_test(cron_refuses_what_is_none),
        cmocka_unit_test(clocks_go_forward),
    };

    return cmocka_run_group_tests_name("base time", tests, NULL, NULL);
}
