/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"
#include "base/buf.h"
#include "base/test.h"

#include <stdlib.h>
#include <string.h>

typedef struct WriteCase {
    void (*write)(Buf *buf, Str s);
    Str in;
    Str out;
} WriteCase;

static const WriteCase write_cases[] = {
    {buf_json_str,  STR_INIT(""),                             STR_INIT("\"\"")                                    },
    {buf_json_str,  STR_INIT("plain text, long enough"),      STR_INIT("\"plain text, long enough\"")             },
    {buf_json_str,  STR_INIT("a\"b\\c/d"),                    STR_INIT("\"a\\\"b\\\\c/d\"")                       },
    {buf_json_str,  STR_INIT("\b\f\n\r\t"),                   STR_INIT("\"\\b\\f\\n\\r\\t\"")                     },
    {buf_json_str,  STR_INIT("x\0y\x01\x1F\x7F"),             STR_INIT("\"x\\u0000y\\u0001\\u001f\x7F\"")         },
    {buf_json_str,  STR_INIT("caf\xC3\xA9 \xF0\x9F\x98\x80"),
     STR_INIT("\"caf\xC3\xA9 \xF0\x9F\x98\x80\"")                                                                 },
    {buf_json_str,  STR_INIT("1234567\"90"),                  STR_INIT("\"1234567\\\"90\"")                       },
    {buf_json_str,  STR_INIT("\xFFok\xE2\x82"),
     STR_INIT("\"\xEF\xBF\xBDok\xEF\xBF\xBD\xEF\xBF\xBD\"")                                                       },
    {buf_json_str,  STR_INIT("\xED\xA0\x80"),                 STR_INIT("\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")},
    {buf_html,      STR_INIT("<a href=\"x\">&'</a>"),
     STR_INIT("&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;")                                                 },
    {buf_html,      STR_INIT("plain"),                        STR_INIT("plain")                                   },
    {buf_html,      {NULL, 0},                                STR_INIT("")                                        },
    {buf_url,       STR_INIT("AZaz09-._~"),                   STR_INIT("AZaz09-._~")                              },
    {buf_url,       STR_INIT("a b/c?d=\xC3\xA9%\0"),          STR_INIT("a%20b%2Fc%3Fd%3D%C3%A9%25%00")            },
    {buf_hex,       STR_INIT("\0\x7F\xFF"),                   STR_INIT("007fff")                                  },
    {buf_hex,       {NULL, 0},                                STR_INIT("")                                        },
 /* RFC 4648, section 10. */
    {buf_base64,    STR_INIT(""),                             STR_INIT("")                                        },
    {buf_base64,    STR_INIT("f"),                            STR_INIT("Zg==")                                    },
    {buf_base64,    STR_INIT("fo"),                           STR_INIT("Zm8=")                                    },
    {buf_base64,    STR_INIT("foo"),                          STR_INIT("Zm9v")                                    },
    {buf_base64,    STR_INIT("foobar"),                       STR_INIT("Zm9vYmFy")                                },
    {buf_base64,    STR_INIT("\xFB\xFF\xFE"),                 STR_INIT("+//+")                                    },
    {buf_base64url, STR_INIT("\xFB\xFF\xFE"),                 STR_INIT("-__-")                                    },
    {buf_base64url, STR_INIT("f"),                            STR_INIT("Zg")                                      },
    {buf_base64url, STR_INIT("fo"),                           STR_INIT("Zm8")                                     },
};

static void writers_escape_for_their_destination(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(write_cases); i++) {
        Buf buf = buf_init(a, 1000);
        write_cases[i].write(&buf, write_cases[i].in);
        assert_true(buf_ok(&buf));
        assert_str(buf_str(&buf), write_cases[i].out);
        /* The maximum is exact: just enough is enough, one byte less is not. */
        size_t n = write_cases[i].out.len;
        Buf exact = buf_init(a, n);
        write_cases[i].write(&exact, write_cases[i].in);
        assert_true(buf_ok(&exact));
        if (n > 0) {
            Buf less = buf_init(NULL, n - 1);
            write_cases[i].write(&less, write_cases[i].in);
            assert_false(buf_ok(&less));
            assert_true(less.len <= n - 1);
            buf_done(&less);
        }
    }
}

/* Every byte at every place around the eight-byte steps of the fast path. */
static void json_strings_escape_at_every_alignment(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t at = 0; at < 24; at++) {
        for (int c = 0; c < 256; c++) {
            char text[24];
            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            Buf buf = buf_init(a, 100);
            buf_json_str(&buf, str_of(text, sizeof(text)));
            bool is_plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            bool is_copied = buf.len == 26 && buf.ptr[at + 1] == (char)c;
            if (is_plain != is_copied) {
                fail_msg("byte %d at %zu", c, at);
            }
        }
        arena_reset(a);
    }
}

static void failure_is_sticky_until_cleared(void **state)
{
    CLEANUP(buf_done) Buf buf = buf_init(NULL, 10);
    (void)state;

    buf_put(&buf, STR("12345678"));
    buf_put(&buf, STR("9AB"));
    assert_false(buf_ok(&buf));
    buf_char(&buf, 'x');
    buf_i64(&buf, 1);
    buf_fmt(&buf, "%d", 1);
    buf_put(&buf, STR_EMPTY);
    assert_str(buf_str(&buf), STR("12345678"));
    buf_clear(&buf);
    assert_true(buf_ok(&buf));
    buf_put(&buf, STR("0123456789"));
    assert_true(buf_ok(&buf));
    assert_str(buf_str(&buf), STR("0123456789"));
    buf_reserve(&buf, 1);
    assert_false(buf_ok(&buf));

    Buf zeroed = {0};
    assert_true(buf_ok(&zeroed));
    buf_reserve(&zeroed, 0);
    buf_put(&zeroed, STR_EMPTY);
    assert_true(buf_ok(&zeroed));
    buf_reserve(&zeroed, SIZE_MAX);
    assert_false(buf_ok(&zeroed));
    buf_done(&zeroed);
}

static void heap_and_arena_buffers_grow_alike(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    Buf bufs[] = {buf_init(a, MIB), buf_init(NULL, MIB)};
    (void)state;

    for (size_t b = 0; b < ARRAY_LEN(bufs); b++) {
        for (int i = 0; i < 20000; i++) {
            buf_fmt(&bufs[b], "%05d;", i);
            if (i % 1000 == 0) {
                arena_alloc(a, 1); /* keeps the arena's buffer from growing in place */
            }
        }
        assert_true(buf_ok(&bufs[b]));
        assert_int_equal(bufs[b].len, 120000);
        for (int i = 0; i < 20000; i++) {
            assert_str(str_sub(buf_str(&bufs[b]), (size_t)i * 6, (size_t)i * 6 + 6),
                       str_fmt(a, "%05d;", i));
        }
    }
    size_t len;
    char *bytes = buf_take(&bufs[1], &len);
    assert_int_equal(len, 120000);
    assert_int_equal(bytes[len], 0);
    assert_int_equal(bufs[1].len, 0);
    free(bytes);
    buf_done(&bufs[1]);
    bytes = buf_take(&bufs[1], NULL);
    assert_string_equal(bytes, "");
    free(bytes);
    buf_done(&bufs[0]);
}

static void buf_writes_numbers_and_formats(void **state)
{
    static const int64_t numbers[] = {0, 7, -1, 10, 1234567890, INT64_MAX, INT64_MIN};
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    char text[300];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        Buf buf = buf_init(a, 100);
        buf_i64(&buf, numbers[i]);
        assert_str(buf_str(&buf), str_fmt(a, "%lld", (long long)numbers[i]));
    }
    memset(text, 'y', sizeof(text));
    /* Around the size of buf_vfmt's small buffer, with a maximum that fits exactly. */
    for (int n = 125; n < 132; n++) {
        Buf buf = buf_init(a, (size_t)n);
        buf_fmt(&buf, "%.*s", n, text);
        assert_true(buf_ok(&buf));
        assert_str(buf_str(&buf), str_of(text, (size_t)n));
        Buf less = buf_init(a, (size_t)n - 1);
        buf_fmt(&less, "%.*s", n, text);
        assert_false(buf_ok(&less));
        assert_int_equal(less.len, 0);
    }
}

static bool unurl_query(Buf *buf, Str text)
{
    return buf_unurl(buf, text, true);
}

static bool unurl_path(Buf *buf, Str text)
{
    return buf_unurl(buf, text, false);
}

static void decoders_refuse_what_is_malformed(void **state)
{
    static const struct {
        bool (*decode)(Buf *buf, Str text);
        Str in;
        bool is_good;
        Str out;
    } cases[] = {
        {buf_unbase64, STR_INIT(""),          true,  STR_INIT("")            },
        {buf_unbase64, STR_INIT("Zg=="),      true,  STR_INIT("f")           },
        {buf_unbase64, STR_INIT("Zg"),        true,  STR_INIT("f")           },
        {buf_unbase64, STR_INIT("Zm8="),      true,  STR_INIT("fo")          },
        {buf_unbase64, STR_INIT("Zm9vYmFy"),  true,  STR_INIT("foobar")      },
        {buf_unbase64, STR_INIT("+//+"),      true,  STR_INIT("\xFB\xFF\xFE")},
        {buf_unbase64, STR_INIT("-__-"),      true,  STR_INIT("\xFB\xFF\xFE")},
        {buf_unbase64, STR_INIT("Z"),         false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("A"),         false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zm9vA"),     false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zg="),       false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zg==="),     false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("===="),      false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("=Zg="),      false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zm9v===="),  false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zh=="),      false, {NULL, 0}               }, /* left-over bits */
        {buf_unbase64, STR_INIT("Zm 8="),     false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zm8=\n"),    false, {NULL, 0}               },
        {buf_unbase64, STR_INIT("Zm\x80v"),   false, {NULL, 0}               },
        {buf_unhex,    STR_INIT("00fFaB"),    true,  STR_INIT("\0\xFF\xAB")  },
        {buf_unhex,    STR_INIT(""),          true,  STR_INIT("")            },
        {buf_unhex,    STR_INIT("0"),         false, {NULL, 0}               },
        {buf_unhex,    STR_INIT("0g"),        false, {NULL, 0}               },
        {buf_unhex,    STR_INIT("00 1"),      false, {NULL, 0}               },
        {unurl_query,  STR_INIT("a+b%2Bc"),   true,  STR_INIT("a b+c")       },
        {unurl_path,   STR_INIT("a+b%2bc"),   true,  STR_INIT("a+b+c")       },
        {unurl_path,   STR_INIT("%C3%A9%00"), true,  STR_INIT("\xC3\xA9\0")  },
        {unurl_path,   STR_INIT("%"),         false, {NULL, 0}               },
        {unurl_path,   STR_INIT("ab%2"),      false, {NULL, 0}               },
        {unurl_path,   STR_INIT("ab%zz"),     false, {NULL, 0}               },
        {unurl_path,   STR_INIT("%%41"),      false, {NULL, 0}               },
    };
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Buf buf = buf_init(a, 100);
        buf_lit(&buf, ">");
        assert_int_equal(cases[i].decode(&buf, cases[i].in), cases[i].is_good);
        assert_true(buf_ok(&buf));
        assert_str(str_from_index(buf_str(&buf), 1), cases[i].out);
        if (cases[i].out.len > 0) {
            Buf less = buf_init(a, cases[i].out.len - 1);
            assert_false(cases[i].decode(&less, cases[i].in));
            assert_false(buf_ok(&less));
            assert_int_equal(less.len, 0);
        }
    }
}

static void every_byte_survives_each_round_trip(void **state)
{
    static const struct {
        void (*write)(Buf *buf, Str s);
        bool (*decode)(Buf *buf, Str text);
    } pairs[] = {
        {buf_hex,       buf_unhex   },
        {buf_base64,    buf_unbase64},
        {buf_base64url, buf_unbase64},
        {buf_url,       unurl_query },
    };
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    char bytes[256];
    (void)state;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t p = 0; p < ARRAY_LEN(pairs); p++) {
        for (size_t n = sizeof(bytes) - 3; n <= sizeof(bytes); n++) {
            Buf text = buf_init(a, KIB);
            Buf back = buf_init(a, KIB);
            pairs[p].write(&text, str_of(bytes, n));
            assert_true(pairs[p].decode(&back, buf_str(&text)));
            assert_true(str_eq(buf_str(&back), str_of(bytes, n)));
        }
    }
}

int base_test_buf(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_escape_for_their_destination),
        cmocka_unit_test(json_strings_escape_at_every_alignment),
        cmocka_unit_test(failure_is_sticky_until_cleared),
        cmocka_unit_test(heap_and_arena_buffers_grow_alike),
        cmocka_unit_test(buf_writes_numbers_and_formats),
        cmocka_unit_test(decoders_refuse_what_is_malformed),
        cmocka_unit_test(every_byte_survives_each_round_trip),
    };

    return cmocka_run_group_tests_name("base buf", tests, NULL, NULL);
}
