/* SPDX-License-Identifier: Apache-2.0
 * platform/mail/mail_priv.h - mail_message.c is pure: settings as read, header fields, the HTML
 * part. mail.c sends and queues. */
#ifndef PLATFORM_MAIL_PRIV_H
#define PLATFORM_MAIL_PRIV_H

#include "base/buf.h"

#include "platform/mail/mail.h"

typedef enum MailTls { MAIL_TLS_OFF, MAIL_TLS_STARTTLS, MAIL_TLS_IMPLICIT } MailTls;

typedef struct MailServer {
    Str url;  /* "smtp://mail.example.com:587" */
    Str host; /* without brackets */
    MailTls tls;
    Str from_name, from_address;
    Str username, password, ca_file;
    int64_t timeout_us;
} MailServer;

typedef struct MailSettings {
    Str url, from, starttls, username, password, ca_file;
    int64_t timeout_us;
} MailSettings;

/* RC_INVALID, naming the setting. Texts live in the arena. */
MUST_CHECK Rc mail_server_read(Arena *arena, const MailSettings *s, MailServer *ret, Error *err);

/* An unstructured header field (RFC 5322), encoded (RFC 2047) where it must be, folded at 76.
 * Control bytes of the value become spaces, so that it is one field whatever it holds. */
Str mail_header(Arena *arena, const char *name, Str value);
/* "From: Fairway <fairway@example.com>"; name may be "". */
Str mail_address_header(Arena *arena, const char *name, Str display, Str address);
/* "Date: Thu, 26 Nov 2026 01:11:25 +0000" */
Str mail_date_header(Arena *arena, int64_t at_us);
/* Lines ended by CRLF. */
Str mail_text_part(Arena *arena, Str text);
Str mail_html_part(Arena *arena, Str subject, Str text);

#endif
