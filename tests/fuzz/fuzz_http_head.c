/* SPDX-License-Identifier: Apache-2.0
 * Raw request heads, cut into lines the way a lenient parser would, then judged. Whatever is
 * accepted must delimit its body in one way only, name one host, and hold nothing that another
 * program could read as a further line or field. */
#include "net/http_server_head.h"

#include <ctype.h>

enum { FIELDS_MAX = 2 * HTTP_HEAD_FIELDS_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Str cut_line(Str *rest)
{
    size_t end = str_find_char(*rest, '\n');
    Str line = str_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? STR("") : str_from_index(*rest, end + 1);
    return str_ends(line, STR("\r")) ? str_sub(line, 0, line.len - 1) : line;
}

static Str skip_blanks(Str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = str_from_index(s, 1);
    }
    return s;
}

static size_t cut_fields(Str rest, HttpPair *fields)
{
    size_t n = 0;

    while (rest.len > 0 && n < FIELDS_MAX) {
        Str line = cut_line(&rest);
        size_t colon = str_find_char(line, ':');
        if (line.len == 0) {
            break;
        }
        fields[n].name = str_sub(line, 0, colon);
        fields[n].value =
            colon == SIZE_MAX ? STR("") : skip_blanks(str_from_index(line, colon + 1));
        n++;
    }
    return n;
}

static size_t count(const HttpHead *head, const char *name, Str *ret_value)
{
    size_t n = 0;

    for (size_t i = 0; i < head->n_fields; i++) {
        if (str_eq_nocase(head->fields[i].name, str_from(name))) {
            *ret_value = head->fields[i].value;
            n++;
        }
    }
    return n;
}

static void check_bytes(const HttpHead *head)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        HttpPair field = head->fields[i];
        ASSERT(field.name.len > 0);
        for (size_t at = 0; at < field.name.len; at++) {
            ASSERT(isgraph((unsigned char)field.name.ptr[at]));
            ASSERT(strchr("()<>@,;:\\\"/[]?={}", field.name.ptr[at]) == NULL);
        }
        for (size_t at = 0; at < field.value.len; at++) {
            ASSERT(!iscntrl((unsigned char)field.value.ptr[at]) || field.value.ptr[at] == '\t');
        }
    }
    for (size_t at = 0; at < head->target.len; at++) {
        ASSERT((unsigned char)head->target.ptr[at] > ' ' && head->target.ptr[at] != 0x7f);
    }
}

static void check_framing(const HttpHead *head, const HttpFraming *framing)
{
    Str length = STR_EMPTY;
    Str coding = STR_EMPTY;
    Str host = STR_EMPTY;
    size_t n_length = count(head, "Content-Length", &length);
    size_t n_coding = count(head, "Transfer-Encoding", &coding);
    size_t n_host = count(head, "Host", &host);
    uint64_t value = 0;

    ASSERT(n_length + n_coding <= 1);
    ASSERT(framing->is_chunked == (n_coding == 1));
    ASSERT(n_coding == 0 || (!head->is_http_1_0 && str_eq_nocase(coding, STR("chunked"))));
    ASSERT(n_length == 0 || (str_to_u64(length, &value) && value == framing->length));
    ASSERT(n_length == 1 || framing->length == 0);
    ASSERT(framing->length <= INT64_MAX);
    ASSERT(n_host <= 1 && (n_host == 1 || head->is_http_1_0));
}

static void check_target(const HttpHead *head)
{
    const char *end = head->target.ptr + head->target.len;
    Str path;
    Str query;

    http_head_split_target(head->target, &path, &query);
    ASSERT(path.len > 0 && (path.ptr[0] == '/' || str_eq(path, STR("*"))));
    ASSERT(str_find_char(path, '?') == SIZE_MAX);
    ASSERT(path.len + query.len <= MAX(head->target.len, 1));
    ASSERT(query.len == 0 || query.ptr + query.len == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HttpPair fields[FIELDS_MAX];
    Str rest = str_of((const char *)data, size);
    Str line = cut_line(&rest);
    size_t first = str_find_char(line, ' ');
    size_t last = str_rfind_char(line, ' ');
    HttpHead head = {.method = str_sub(line, 0, first), .fields = fields};
    HttpFraming framing = {.length = UINT64_MAX};
    Error err = {0};

    if (first == SIZE_MAX) {
        return 0;
    }
    head.target = last > first ? str_sub(line, first + 1, last) : STR("");
    head.is_http_1_0 = str_eq(str_from_index(line, last + 1), STR("HTTP/1.0"));
    head.n_fields = cut_fields(rest, fields);
    Rc rc = http_head_judge(&head, &framing, &err);

    if (rc != RC_OK) {
        ASSERT(rc == err.code && err.message[0] != '\0');
        ASSERT(rc == RC_MALFORMED || rc == RC_HEADERS_TOO_LARGE);
        ASSERT(framing.length == UINT64_MAX); /* untouched */
        return 0;
    }
    ASSERT(head.n_fields <= HTTP_HEAD_FIELDS_MAX);
    check_bytes(&head);
    check_framing(&head, &framing);
    check_target(&head);
    return 0;
}
