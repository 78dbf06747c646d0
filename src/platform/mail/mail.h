/* SPDX-License-Identifier: Apache-2.0
 * platform/mail/mail.h - letters to people, over SMTP.
 *
 * Where to is said by the settings mail.*; without mail.url there is no mail, and callers say so. A
 * letter is plain text; the HTML part is made of it. What goes into a header or an envelope is
 * checked here: no text can add a line. Letters are personal and may hold a link that lets somebody
 * in: nothing of them is logged, and a queued one is sealed in the payload of its job. */
#ifndef PLATFORM_MAIL_H
#define PLATFORM_MAIL_H

#include "platform/ctx.h"

enum { MAIL_ADDRESS_MAX = 254, MAIL_SUBJECT_MAX = 200, MAIL_TEXT_MAX = 64 * 1024 };

typedef struct Mail {
    Str to;      /* one address, "ada@example.org" */
    Str subject; /* UTF-8, one line */
    /* UTF-8, lines end with \n. In the HTML part an empty line begins a paragraph, and a line that
     * is an http or https URL becomes a link. */
    Str text;
} Mail;

bool mail_is_configured(const Platform *platform);
/* Are the settings mail.* usable? RC_INVALID, naming the one that is not. */
MUST_CHECK Rc mail_check(const Platform *platform, Error *err);
/* Could somebody with this address be written to at all? */
bool mail_address_is_valid(Str address);

/* Sends it now: for jobs. No transaction may be open. RC_BUSY, RC_UPSTREAM, RC_TIMEOUT: later it
 * may work. RC_DENIED: refused for good (5xx). RC_INVALID: it cannot be sent as it is.
 * RC_PRECONDITION_REQUIRED: there is no mail.url. No message names the address. */
MUST_CHECK Rc mail_send(Ctx *cx, const Mail *mail);

/* In cx's write transaction: a job sends it, and tries again for a day. Copied and sealed. Does
 * nothing when there is no mail.url. */
MUST_CHECK Rc mail_queue(Ctx *cx, const Mail *mail);

/* When a job that failed tries again; ends with 0. For jobs that send letters themselves. */
extern const int64_t mail_backoff[];
enum { MAIL_ATTEMPTS = 10 };

#endif
