/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server_head.h"

enum { LENGTH_DIGITS_MAX = 18 }; /* fits int64_t */

/* RFC 9110 section 5.6.2. */
static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        return true;
    }
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char((unsigned char)s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static bool has_control(Str s, bool allow_tab)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < ' ' && !(allow_tab && c == '\t')) || c == 0x7f) {
            return true;
        }
    }
    return false;
}

/* The authority of an absolute-form target ("http://host:1/x" gives "host:1"); empty otherwise.
 * *ret_rest is what follows it. */
static Str target_authority(Str target, Str *ret_rest)
{
    static const Str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        Str scheme = schemes[i];
        if (target.len > scheme.len && str_eq_nocase(str_sub(target, 0, scheme.len), scheme)) {
            Str rest = str_from_index(target, scheme.len);
            size_t end = 0;
            while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') {
                end++;
            }
            *ret_rest = str_from_index(rest, end);
            return str_sub(rest, 0, end);
        }
    }
    *ret_rest = target;
    return STR_EMPTY;
}

static Rc judge_line(const HttpHead *head, Error *err)
{
    Str rest;

    if (head->method.len > HTTP_HEAD_METHOD_MAX || !is_token(head->method)) {
        return error_set(err, RC_MALFORMED,
                         "The request method is not a token; send GET, POST, ...");
    }
    if (has_control(head->target, false) || str_find_char(head->target, ' ') != SIZE_MAX) {
        return error_set(err, RC_MALFORMED,
                         "The request target holds a space or a control byte; percent-encode it");
    }
    if (str_starts(head->target, STR("/"))) {
        return RC_OK;
    }
    if (str_eq(head->target, STR("*")) && str_eq(head->method, STR("OPTIONS"))) {
        return RC_OK;
    }
    if (target_authority(head->target, &rest).len > 0) {
        return RC_OK;
    }
    return error_set(err, RC_MALFORMED, "The request target must begin with '/'");
}

static Rc judge_field(const HttpPair *field, Error *err)
{
    if (!is_token(field->name)) {
        return error_set(err, RC_MALFORMED,
                         "A header field name is empty or holds a byte outside the token alphabet");
    }
    if (has_control(field->value, true)) {
        return error_set(err, RC_MALFORMED, "The header field %.*s holds a control byte",
                         (int)MIN(field->name.len, (size_t)64), field->name.ptr);
    }
    return RC_OK;
}

/* The fields of which there may be one at most. */
typedef struct Singles {
    const HttpPair *host, *length, *coding, *expect;
} Singles;

static const HttpPair **single_slot(Singles *singles, Str name)
{
    static const struct {
        Str name;
        size_t offset;
    } slots[] = {
        {STR_INIT("Host"),              offsetof(Singles, host)  },
        {STR_INIT("Content-Length"),    offsetof(Singles, length)},
        {STR_INIT("Transfer-Encoding"), offsetof(Singles, coding)},
        {STR_INIT("Expect"),            offsetof(Singles, expect)},
    };

    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        if (str_eq_nocase(name, slots[i].name)) {
            return (const HttpPair **)(void *)((char *)singles + slots[i].offset);
        }
    }
    return NULL;
}

static Rc judge_fields(const HttpHead *head, Singles *singles, Error *err)
{
    if (head->n_fields > HTTP_HEAD_FIELDS_MAX) {
        return error_set(err, RC_HEADERS_TOO_LARGE,
                         "The request has %zu header fields; at most %d are accepted",
                         head->n_fields, HTTP_HEAD_FIELDS_MAX);
    }
    for (size_t i = 0; i < head->n_fields; i++) {
        const HttpPair *field = &head->fields[i];
        TRY(judge_field(field, err));
        const HttpPair **slot = single_slot(singles, field->name);
        if (!slot) {
            continue;
        }
        if (*slot) {
            return error_set(err, RC_MALFORMED,
                             "The header field %.*s is given twice; send it once",
                             STR_ARG(field->name));
        }
        *slot = field;
    }
    return RC_OK;
}

static Rc judge_host(const HttpHead *head, const HttpPair *host, Error *err)
{
    Str rest;
    Str authority = target_authority(head->target, &rest);

    if (!host) {
        if (head->is_http_1_0) {
            return RC_OK;
        }
        return error_set(err, RC_MALFORMED, "The header field Host is missing; HTTP/1.1 needs it");
    }
    Str value = str_trim(host->value);

    for (size_t i = 0; i < value.len; i++) {
        if (strchr(" \t/\\?#@,\"<>", value.ptr[i]) != NULL) {
            return error_set(err, RC_MALFORMED, "The header field Host is not a host and port");
        }
    }
    if (authority.len > 0 && !str_eq_nocase(authority, value)) {
        return error_set(err, RC_MALFORMED,
                         "The header field Host differs from the host in the request target");
    }
    return RC_OK;
}

static Rc
judge_framing(const HttpHead *head, const Singles *singles, HttpFraming *framing, Error *err)
{
    if (singles->coding) {
        if (singles->length) {
            return error_set(err, RC_MALFORMED,
                             "Content-Length and Transfer-Encoding exclude each other; send one");
        }
        if (head->is_http_1_0 || !str_eq_nocase(singles->coding->value, STR("chunked"))) {
            return error_set(err, RC_MALFORMED,
                             "The only Transfer-Encoding accepted is chunked, in HTTP/1.1");
        }
        framing->is_chunked = true;
    }
    if (singles->length) {
        Str digits = singles->length->value;
        bool is_number = digits.len > 0 && digits.len <= LENGTH_DIGITS_MAX;
        for (size_t i = 0; is_number && i < digits.len; i++) {
            is_number = digits.ptr[i] >= '0' && digits.ptr[i] <= '9';
        }
        if (!is_number || !str_to_u64(digits, &framing->length)) {
            return error_set(err, RC_MALFORMED, "Content-Length must be a decimal number of bytes");
        }
    }
    framing->expects_continue =
        singles->expect && !head->is_http_1_0 &&
        str_eq_nocase(str_trim(singles->expect->value), STR("100-continue"));
    return RC_OK;
}

Rc http_head_judge(const HttpHead *head, HttpFraming *ret, Error *err)
{
    Singles singles = {0};
    HttpFraming framing = {0};

    TRY(judge_line(head, err));
    TRY(judge_fields(head, &singles, err));
    TRY(judge_host(head, singles.host, err));
    TRY(judge_framing(head, &singles, &framing, err));
    *ret = framing;
    return RC_OK;
}

void http_head_split_target(Str target, Str *ret_path, Str *ret_query)
{
    Str rest;

    if (target_authority(target, &rest).len > 0 && !str_starts(rest, STR("/"))) {
        *ret_path = STR("/"); /* RFC 9112 section 3.2.2: an absolute form may leave out the path */
        *ret_query = rest.len > 0 ? str_from_index(rest, 1) : STR("");
        return;
    }
    size_t mark = str_find_char(rest, '?');

    *ret_path = str_sub(rest, 0, mark);
    *ret_query = mark == SIZE_MAX ? STR("") : str_from_index(rest, mark + 1);
}
