/* SPDX-License-Identifier: Apache-2.0
 * Answers: built on whichever thread serves the request, queued on the I/O thread. */
#include "net/http_server_priv.h"

#include <unistd.h>

/* libmicrohttpd takes C strings and copies them. */
static void add_field(struct MHD_Response *response, HttpRequest *r, Str name, Str value)
{
    char scratch[512];
    size_t size = name.len + value.len + 2;
    char *text = size <= sizeof(scratch) ? scratch : arena_alloc(r->arena, size);

    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    if (value.len > 0) {
        memcpy(text + name.len + 1, value.ptr, value.len);
    }
    text[size - 1] = '\0';
    ASSERT(MHD_add_response_header(response, text, text + name.len + 1) == MHD_YES);
}

static void add_fields(struct MHD_Response *response, HttpRequest *r, const HttpResponse *spec)
{
    bool has_retry_after = false;

    for (size_t i = 0; i < spec->n_headers + r->n_added; i++) {
        const HttpPair *field =
            i < spec->n_headers ? &spec->headers[i] : &r->added[i - spec->n_headers];
        Str name = field->name;
        Str value = field->value;
        for (size_t at = 0; at < value.len; at++) {
            ASSERT(value.ptr[at] != '\r' && value.ptr[at] != '\n' && value.ptr[at] != '\0');
        }
        /* The length follows from the body; a field without a value says nothing. */
        if (value.len == 0 || str_eq_nocase(name, STR("Content-Length"))) {
            continue;
        }
        has_retry_after = has_retry_after || str_eq_nocase(name, STR("Retry-After"));
        add_field(response, r, name, value);
    }
    if (r->needs_retry_after && !has_retry_after) {
        add_field(response, r, STR("Retry-After"), STR("1"));
    }
    if (atomic_load_explicit(&r->io->server->is_stopping, memory_order_relaxed)) {
        add_field(response, r, STR("Connection"), STR("close"));
    }
}

static void
answer(HttpRequest *r, const HttpResponse *spec, struct MHD_Response *response, size_t bytes)
{
    ASSERT(!r->is_answered);
    ASSERT(spec->status >= 200 && spec->status <= 999);
    ASSERT(response != NULL);
    add_fields(response, r, spec);
    r->response = response;
    r->status = spec->status;
    r->response_bytes = r->method == HTTP_HEAD ? 0 : bytes;
    r->is_answered = true;
}

/* The library's signature lacks a const; it only reads. */
static void *unconst(const char *ptr)
{
    return (void *)(uintptr_t)ptr;
}

void http_respond(HttpRequest *r, const HttpResponse *response)
{
    Str body = response->body;

    answer(r, response,
           MHD_create_response_from_buffer(body.len, unconst(body.ptr), MHD_RESPMEM_PERSISTENT),
           body.len);
}

void http_respond_owned(HttpRequest *r, const HttpResponse *response, char *body)
{
    answer(r, response,
           MHD_create_response_from_buffer(response->body.len, body, MHD_RESPMEM_MUST_FREE),
           response->body.len);
}

void http_respond_file(
    HttpRequest *r, const HttpResponse *response, int fd, uint64_t offset, uint64_t size)
{
    ASSERT(fd >= 0);
    if (size == 0) {
        HttpResponse empty = *response;
        empty.body = STR_EMPTY;
        IGNORE(close(fd) != 0); /* opened for reading: nothing to lose */
        http_respond(r, &empty);
        return;
    }
    answer(r, response, MHD_create_response_from_fd_at_offset64(size, fd, offset), size);
}

void response_from_reader(HttpRequest *r,
                          const HttpResponse *head,
                          size_t block,
                          MHD_ContentReaderCallback read,
                          void *user)
{
    answer(r, head, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, read, user, NULL),
           0);
}

void response_refuse(HttpRequest *r, const Error *err)
{
    HttpServer *server = r->io->server;

    r->needs_retry_after = err->code == RC_BUSY;
    atomic_fetch_add_explicit(&r->io->refused, 1, memory_order_relaxed);
    server->app.refuse(server->app.user, r, err);
    ASSERT(r->is_answered);
}

enum MHD_Result response_queue(HttpRequest *r)
{
    ASSERT(r->is_answered && r->response);
    r->is_early = r->phase != PHASE_FULL;
    if (r->stream) {
        stream_begin(r->stream, r->conn);
    }
    enum MHD_Result result = MHD_queue_response(r->conn->mhd, (unsigned)r->status, r->response);

    MHD_destroy_response(r->response); /* our reference; the daemon holds its own */
    r->response = NULL;
    return result;
}
