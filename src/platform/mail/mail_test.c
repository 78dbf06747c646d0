/* SPDX-License-Identifier: Apache-2.0
 * Header fields, addresses and settings: pure text. Sending is tested against a real server in
 * tests/api/test_mail.py. */
#include "platform/mail/mail_priv.h"

#include <string.h>

/* The tests' own `fail` is cmocka's; the platform's is not called here. */
#include "base/test.h"

static Arena *arena;

static void check(Str got, const char *wanted)
{
    assert_string_equal(str_cstr(arena, got), wanted);
}

/* No field is ever more than one: each CRLF is followed by a space. */
static void check_one_field(Str field)
{
    for (size_t i = 0; i < field.len; i++) {
        char c = field.ptr[i];
        if (c == '\r') {
            assert_true(i + 2 < field.len && field.ptr[i + 1] == '\n' && field.ptr[i + 2] == ' ');
        }
        if (c == '\n') {
            assert_true(i > 0 && field.ptr[i - 1] == '\r');
        }
        assert_true((unsigned char)c < 0x7f); /* RFC 5322: ASCII */
    }
}

static void test_headers(void **state)
{
    (void)state;
    check(mail_header(arena, "Subject", STR("Set your password")), "Subject: Set your password");
    check(mail_header(arena, "Subject", STR("Grüße")), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=");
    check(mail_header(arena, "Subject", STR("=?x")), "Subject: =?UTF-8?B?PT94?=");
    check(mail_date_header(arena, INT64_C(1795655485000000)),
          "Date: Thu, 26 Nov 2026 01:11:25 +0000");
    check(mail_address_header(arena, "From", STR("Fair \"way\""), STR("f@x.org")),
          "From: \"Fair \\\"way\\\"\"\r\n <f@x.org>");
    check(mail_address_header(arena, "To", STR_EMPTY, STR("f@x.org")), "To: <f@x.org>");
}

/* ASVS 1.3.11: mail headers take no injection. */
static void test_no_line_is_added(void **state)
{
    (void)state;
    static const char *const values[] = {"a\r\nBcc: everybody@x.org",
                                         "a\nBcc: b@x.org",
                                         "a\rBcc: b@x.org",
                                         "\r\n\r\nbody",
                                         "a\x01\x7f",
                                         "é\r\nBcc: b@x.org"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        check_one_field(mail_header(arena, "Subject", str_from(values[i])));
        check_one_field(
            mail_address_header(arena, "From", str_from(values[i]), STR("fairway@x.org")));
    }
}

static void test_long_ones_are_folded(void **state)
{
    (void)state;
    char words[181], letters[181];
    for (size_t i = 0; i < sizeof(words) - 1; i++) {
        words[i] = i % 10 == 9 ? ' ' : 'w';
        letters[i] = i % 2 == 0 ? (char)0xC3 : (char)0xA4;
    }
    words[180] = letters[180] = '\0';
    Str values[] = {str_from(words), str_from(letters)};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        Str field = mail_header(arena, "Subject", values[i]), line;
        check_one_field(field);
        while (str_split(&field, '\n', &line)) {
            assert_true(line.len <= 78);
        }
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"ada@example.org", "a+b@x", "Ä@example.org", "a.b'c@x-y.z"};
    static const char *const bad[] = {
        "",       "ada",       "@x",    "a@",   "a@b@c", "a b@x", "a@x\r\nRCPT TO:<b@x>",
        "<a@x>",  "a@x>,<b@x", "a,b@x", "-a@x", "a@-x",  "a@.x",  "\"a\"@x",
        "a@x\x01"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(mail_address_is_valid(str_from(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(mail_address_is_valid(str_from(bad[i])));
    }
}

static void test_parts(void **state)
{
    (void)state;
    check(mail_text_part(arena, STR("a\nb\r\n\nc")), "a\r\nb\r\n\r\nc\r\n");
    Str html = mail_html_part(arena, STR("<s>"), STR("Hello <b>,\n\nhttps://x/?a=\"1&b\nend"));
    assert_true(str_find(html, STR("<title>&lt;s&gt;</title>")) != SIZE_MAX);
    assert_true(str_find(html, STR("<p>Hello &lt;b&gt;,</p>")) != SIZE_MAX);
    assert_true(str_find(html, STR("<p><a href=\"https://x/?a=&quot;1&amp;b\">")) != SIZE_MAX);
    assert_true(str_find(html, STR("</a><br>\r\nend</p>")) != SIZE_MAX);
}

static Rc read_settings(const char *url, const char *from, const char *starttls, MailServer *ret)
{
    MailSettings s = {.url = str_from(url), .from = str_from(from), .starttls = str_from(starttls)};
    Error err = {0};
    return mail_server_read(arena, &s, ret, &err);
}

static void test_settings(void **state)
{
    (void)state;
    MailServer s;
    const char *from = "Fairway <fairway@example.com>";
    assert_int_equal(read_settings("smtp://mail.example.com:587", from, "auto", &s), RC_OK);
    assert_int_equal(s.tls, MAIL_TLS_STARTTLS);
    check(s.from_name, "Fairway");
    check(s.from_address, "fairway@example.com");
    assert_int_equal(read_settings("smtp://127.0.0.1:2525", from, "auto", &s), RC_OK);
    assert_int_equal(s.tls, MAIL_TLS_OFF);
    assert_int_equal(read_settings("smtp://[::1]:2525", from, "required", &s), RC_OK);
    assert_int_equal(s.tls, MAIL_TLS_STARTTLS);
    assert_int_equal(read_settings("smtps://mail.example.com", "a@b", "off", &s), RC_OK);
    assert_int_equal(s.tls, MAIL_TLS_IMPLICIT);
    assert_int_equal(read_settings("http://mail.example.com", from, "auto", &s), RC_INVALID);
    assert_int_equal(read_settings("smtp://u:p@mail.example.com", from, "auto", &s), RC_INVALID);
    assert_int_equal(read_settings("smtp://mail.example.com", "", "auto", &s), RC_INVALID);
    assert_int_equal(read_settings("smtp://mail.example.com", "x <a\r\nb@c>", "auto", &s),
                     RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_no_line_is_added),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_long_ones_are_folded),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_settings),
    };
    arena = arena_new(0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
