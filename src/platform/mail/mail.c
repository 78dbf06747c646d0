/* SPDX-License-Identifier: Apache-2.0
 * Sending by libcurl, one connection a letter; and the job that sends what was queued.
 *
 * What the server answers is not repeated in messages: many name the address in it. */
#include "platform/mail/mail.h"

#include "base/time.h"

#include "platform/jobs/jobs.h"
#include "platform/mail/mail_priv.h"
#include "platform/platform_jobs.h"
#include "platform/secrets/secrets.h"
#include "platform/settings/settings.h"

#include <curl/curl.h>

#define JOB_CONTEXT STR("jobs.mail")
enum { REFUSED_FROM = 500, REFUSED_TO = 600 };

const int64_t mail_backoff[] = {2 * US_PER_SECOND,  20 * US_PER_SECOND,
                                2 * US_PER_MINUTE,  10 * US_PER_MINUTE,
                                30 * US_PER_MINUTE, US_PER_HOUR,
                                3 * US_PER_HOUR,    6 * US_PER_HOUR,
                                12 * US_PER_HOUR,   0};

/* ---- settings */

bool mail_is_configured(const Platform *platform)
{
    return settings_str(platform->settings, "mail.url").len > 0;
}

static Rc read_server(const Platform *platform, Arena *arena, MailServer *ret, Error *err)
{
    Settings *s = platform->settings;
    MailSettings settings = {
        .url = settings_str(s, "mail.url"),
        .from = settings_str(s, "mail.from"),
        .starttls = settings_str(s, "mail.starttls"),
        .username = settings_str(s, "mail.username"),
        .password = settings_str(s, "mail.password"),
        .ca_file = settings_str(s, "mail.ca_file"),
        .timeout_us = settings_duration_us(s, "mail.timeout"),
    };
    return mail_server_read(arena, &settings, ret, err);
}

Rc mail_check(const Platform *platform, Error *err)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    MailServer server;
    return mail_is_configured(platform) ? read_server(platform, arena, &server, err) : RC_OK;
}

/* ---- one letter */

typedef struct Letter {
    const MailServer *server;
    const Mail *mail;
    CURL *curl;
    curl_mime *mime;
    struct curl_slist *headers, *to;
} Letter;

static void letter_done(Letter *l)
{
    curl_slist_free_all(l->headers);
    curl_slist_free_all(l->to);
    curl_mime_free(l->mime);
    curl_easy_cleanup(l->curl);
}

static void add(Arena *arena, struct curl_slist **list, Str line)
{
    struct curl_slist *longer = curl_slist_append(*list, str_cstr(arena, line));
    ASSERT(longer);
    *list = longer;
}

static void put_headers(Letter *l, Arena *arena)
{
    Uuid id = uuid_v4();
    Str from = l->server->from_address;
    Str host = str_from_index(from, str_find_char(from, '@') + 1);
    add(arena, &l->headers, mail_date_header(arena, time_now_us()));
    add(arena, &l->headers, mail_address_header(arena, "From", l->server->from_name, from));
    add(arena, &l->headers, mail_address_header(arena, "To", STR_EMPTY, l->mail->to));
    add(arena, &l->headers, mail_header(arena, "Subject", l->mail->subject));
    add(arena, &l->headers,
        str_fmt(arena, "Message-ID: <%s@%.*s>", uuid_str(&id).ptr, STR_ARG(host)));
    add(arena, &l->headers, STR("Auto-Submitted: auto-generated")); /* RFC 3834: no holiday notes */
    add(arena, &l->to, str_fmt(arena, "<%.*s>", STR_ARG(l->mail->to)));
}

static void put_part(curl_mime *mime, Str text, const char *type)
{
    curl_mimepart *part = curl_mime_addpart(mime);
    ASSERT(part && curl_mime_data(part, text.ptr, text.len) == CURLE_OK &&
           curl_mime_type(part, type) == CURLE_OK &&
           curl_mime_encoder(part, "quoted-printable") == CURLE_OK);
}

/* The top's type goes by a header field: libcurl adds the boundary, and would say "mixed" itself.
 */
static void put_body(Letter *l, Arena *arena)
{
    l->mime = curl_mime_init(l->curl);
    ASSERT(l->mime);
    add(arena, &l->headers, STR("Content-Type: multipart/alternative"));
    put_part(l->mime, mail_text_part(arena, l->mail->text), "text/plain; charset=utf-8");
    put_part(l->mime, mail_html_part(arena, l->mail->subject, l->mail->text),
             "text/html; charset=utf-8");
}

static void must(CURLcode result)
{
    ASSERT(result == CURLE_OK); /* options that libcurl was built with */
}

static void put_options(Letter *l, Arena *arena)
{
    const MailServer *s = l->server;
    CURL *c = l->curl;
    long timeout_ms = (long)(s->timeout_us / US_PER_MS);
    must(curl_easy_setopt(c, CURLOPT_URL, str_cstr(arena, s->url)));
    must(curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps"));
    must(curl_easy_setopt(c, CURLOPT_PROXY, ""));
    must(curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L));
    must(curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms));
    must(curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms));
    must(curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    must(curl_easy_setopt(c, CURLOPT_USE_SSL,
                          (long)(s->tls == MAIL_TLS_OFF ? CURLUSESSL_NONE : CURLUSESSL_ALL)));
    if (s->ca_file.len > 0) {
        must(curl_easy_setopt(c, CURLOPT_CAINFO, str_cstr(arena, s->ca_file)));
    }
    if (s->username.len > 0) {
        must(curl_easy_setopt(c, CURLOPT_USERNAME, str_cstr(arena, s->username)));
        must(curl_easy_setopt(c, CURLOPT_PASSWORD, str_cstr(arena, s->password)));
    }
    Str from = str_fmt(arena, "<%.*s>", STR_ARG(s->from_address));
    must(curl_easy_setopt(c, CURLOPT_MAIL_FROM, str_cstr(arena, from)));
    must(curl_easy_setopt(c, CURLOPT_MAIL_RCPT, l->to));
    must(curl_easy_setopt(c, CURLOPT_HTTPHEADER, l->headers));
    must(curl_easy_setopt(c, CURLOPT_MIMEPOST, l->mime));
}

static Rc explain(Ctx *cx, const Letter *l, CURLcode code)
{
    long status = 0;
    IGNORE(curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status)); /* 0 then */
    const MailServer *s = l->server;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return fail(cx, RC_TIMEOUT, "The mail server %.*s did not take the letter in time.",
                    STR_ARG(s->host));
    }
    if (code == CURLE_LOGIN_DENIED) {
        return fail(cx, RC_UPSTREAM,
                    "The mail server %.*s does not take mail.username and mail.password.",
                    STR_ARG(s->host));
    }
    if (code == CURLE_USE_SSL_FAILED) {
        return fail(cx, RC_UPSTREAM,
                    "The mail server %.*s offers no TLS (STARTTLS), and mail.starttls asks for it.",
                    STR_ARG(s->host));
    }
    bool has_answered = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
                        code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UPLOAD_FAILED;
    if (has_answered && status >= REFUSED_FROM && status < REFUSED_TO) {
        return fail(cx, RC_DENIED, "The mail server %.*s refused the letter for good (%ld).",
                    STR_ARG(s->host), status);
    }
    return fail(cx, RC_UPSTREAM, "The mail server %.*s did not take the letter: %s (%ld).",
                STR_ARG(s->host), curl_easy_strerror(code), status);
}

static Rc check(Ctx *cx, const Mail *mail)
{
    if (!mail_address_is_valid(mail->to)) {
        return fail(cx, RC_INVALID, "No mail can be sent to this address.");
    }
    return mail->subject.len <= MAIL_SUBJECT_MAX && mail->text.len <= MAIL_TEXT_MAX &&
                   str_is_utf8(mail->text, NULL) && str_is_utf8(mail->subject, NULL)
               ? RC_OK
               : fail(cx, RC_INVALID, "The letter is too long, or is no UTF-8.");
}

Rc mail_send(Ctx *cx, const Mail *mail)
{
    MailServer server;
    ASSERT(!cx->tx);
    if (!mail_is_configured(cx->platform)) {
        return fail(cx, RC_PRECONDITION_REQUIRED,
                    "The server sends no mail: set mail.url and mail.from.");
    }
    TRY(check(cx, mail));
    TRY(read_server(cx->platform, cx->arena, &server, &cx->error));
    Letter l = {.server = &server, .mail = mail, .curl = curl_easy_init()};
    ASSERT(l.curl);
    put_headers(&l, cx->arena);
    put_body(&l, cx->arena);
    put_options(&l, cx->arena);
    CURLcode code = curl_easy_perform(l.curl);
    Rc rc = code == CURLE_OK ? RC_OK : explain(cx, &l, code);
    letter_done(&l);
    return rc;
}

/* ---- queued letters */

Rc mail_queue(Ctx *cx, const Mail *mail)
{
    Json *letter = json_object(cx->arena), *payload = json_object(cx->arena);
    Str sealed;
    if (!mail_is_configured(cx->platform)) {
        return RC_OK;
    }
    json_set_str(cx->arena, letter, "to", mail->to);
    json_set_str(cx->arena, letter, "subject", mail->subject);
    json_set_str(cx->arena, letter, "text", mail->text);
    TRY(secrets_seal(cx->platform->secrets, cx->arena, json_to_str(cx->arena, letter), JOB_CONTEXT,
                     &sealed, &cx->error));
    json_set_str(cx->arena, payload, "sealed", sealed);
    return jobs_enqueue(cx, &(JobSpec){.type = "mail.send", .payload = payload}, NULL);
}

Rc mail_send_run(Ctx *cx, Job *job)
{
    Json *letter;
    Str plain;
    TRY(secrets_open(cx->platform->secrets, cx->arena, json_str_at(job->payload, "sealed"),
                     JOB_CONTEXT, &plain, &cx->error));
    TRY(json_parse(cx->arena, plain, NULL, &letter, &cx->error));
    const Mail mail = {json_str_at(letter, "to"), json_str_at(letter, "subject"),
                       json_str_at(letter, "text")};
    return mail_send(cx, &mail);
}
