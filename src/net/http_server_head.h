/* SPDX-License-Identifier: Apache-2.0
 * net/http_server_head.h - judges a parsed request head (RFC 9112, RFC 9110); private to the
 * server.
 *
 * Pure: no sockets, no allocation. The rules close the gaps of the parser below us, which accepts
 * what makes two programs disagree on where a request ends (request smuggling) or on which host is
 * meant. Values are judged as the parser sees them, white space at the end included. */
#ifndef NET_HTTP_SERVER_HEAD_H
#define NET_HTTP_SERVER_HEAD_H

#include "net/http_server.h"

enum { HTTP_HEAD_FIELDS_MAX = 100, HTTP_HEAD_METHOD_MAX = 32 };
#define HTTP_HEAD_BYTES_MAX (16 * KIB)

typedef struct HttpHead {
    Str method, target; /* as received */
    bool is_http_1_0;
    const HttpPair *fields; /* in order */
    size_t n_fields;
} HttpHead;

/* How the body is delimited. */
typedef struct HttpFraming {
    bool is_chunked;
    bool expects_continue; /* the client waits for 100 before it sends the body */
    uint64_t length;       /* 0 when chunked or absent */
} HttpFraming;

/* *ret is set only on RC_OK. Fails: RC_MALFORMED, RC_HEADERS_TOO_LARGE (too many fields). */
MUST_CHECK Rc http_head_judge(const HttpHead *head, HttpFraming *ret, Error *err);

/* Cuts a target into path and query; an absolute form ("http://host/x") loses scheme and host.
 * The target must have passed http_head_judge. */
void http_head_split_target(Str target, Str *ret_path, Str *ret_query);

#endif
