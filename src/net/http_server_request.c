/* SPDX-License-Identifier: Apache-2.0
 * The request object: recycled with its arena per I/O thread, read by the application through
 * accessors, and the ring through which a worker reads a streamed body. */
#include "base/time.h"

#include "net/http_server_priv.h"

/* Enough for head, parameters and a small answer, so that most requests need no second block. */
#define REQUEST_ARENA_FIRST (4 * KIB)
enum { SPARE_MAX = 64 };

HttpRequest *request_new(Io *io, Conn *conn)
{
    HttpRequest *r = io->spare;
    Arena *arena;

    if (r) {
        io->spare = r->next;
        io->n_spare--;
        arena = r->arena;
    } else {
        r = malloc(sizeof(*r));
        ASSERT(r != NULL);
        arena = arena_new(REQUEST_ARENA_FIRST);
    }
    if (io->server->options.tls_client_ca_pem && !conn->is_client_read) {
        conn->is_client_read = true;
        conn->client_names = tls_client_names(conn->mhd);
    }
    *r = (HttpRequest){
        .io = io,
        .arena = arena,
        .conn = conn,
        .peer = str_dup(arena, str_from(conn->peer)),
        .client_names =
            conn->client_names ? str_dup(arena, str_from(conn->client_names)) : STR_EMPTY,
        .started_us = time_monotonic_us(),
        .swallow_left = HTTP_SWALLOW_MAX,
    };
    return r;
}

void request_free(HttpRequest *r)
{
    arena_free(r->arena);
    free(r);
}

void request_recycle(HttpRequest *r)
{
    Io *io = r->io;

    if (r->response) {
        MHD_destroy_response(r->response); /* was never queued */
        r->response = NULL;
    }
    buf_done(&r->body);
    pipe_free(r->pipe);
    r->pipe = NULL;
    if (io->n_spare == SPARE_MAX) {
        request_free(r);
        return;
    }
    arena_reset(r->arena);
    r->next = io->spare;
    io->spare = r;
    io->n_spare++;
}

/* ---- accessors */

static const struct {
    HttpMethod method;
    Str name;
} methods[] = {
    {HTTP_GET,     STR_INIT("GET")    },
    {HTTP_HEAD,    STR_INIT("HEAD")   },
    {HTTP_POST,    STR_INIT("POST")   },
    {HTTP_PUT,     STR_INIT("PUT")    },
    {HTTP_PATCH,   STR_INIT("PATCH")  },
    {HTTP_DELETE,  STR_INIT("DELETE") },
    {HTTP_OPTIONS, STR_INIT("OPTIONS")},
};

const char *http_method_name(HttpMethod method)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (methods[i].method == method) {
            return methods[i].name.ptr;
        }
    }
    return "OTHER";
}

HttpMethod http_method_parse(Str s)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_eq(methods[i].name, s)) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

Arena *http_arena(HttpRequest *r)
{
    return r->arena;
}

HttpMethod http_method(const HttpRequest *r)
{
    return r->method;
}

Str http_path(const HttpRequest *r)
{
    return r->path;
}

Str http_query(const HttpRequest *r)
{
    return r->query;
}

Str http_target(const HttpRequest *r)
{
    return r->target;
}

static const HttpPair *find_field(const HttpRequest *r, const char *name)
{
    Str wanted = str_from(name);

    for (size_t i = 0; i < r->n_fields; i++) {
        if (str_eq_nocase(r->fields[i].name, wanted)) {
            return &r->fields[i];
        }
    }
    return NULL;
}

Str http_header(const HttpRequest *r, const char *name)
{
    const HttpPair *field = find_field(r, name);

    return field ? field->value : STR("");
}

bool http_has_header(const HttpRequest *r, const char *name)
{
    return find_field(r, name) != NULL;
}

Str http_header_all(HttpRequest *r, const char *name)
{
    Str wanted = str_from(name);
    Str all = STR("");

    for (size_t i = 0; i < r->n_fields; i++) {
        if (str_eq_nocase(r->fields[i].name, wanted)) {
            Str value = r->fields[i].value;
            all =
                all.len == 0 ? value : str_fmt(r->arena, "%.*s,%.*s", STR_ARG(all), STR_ARG(value));
        }
    }
    return all;
}

void http_add_field(HttpRequest *r, Str name, Str value)
{
    ASSERT(!r->is_answered && r->n_added < HTTP_ADDED_FIELDS_MAX);
    if (!r->added) {
        r->added = ARENA_ARRAY(r->arena, HttpPair, HTTP_ADDED_FIELDS_MAX);
    }
    r->added[r->n_added++] = (HttpPair){name, value};
}

Str http_client_names(const HttpRequest *r)
{
    return r->client_names;
}

Str http_peer(const HttpRequest *r)
{
    return r->peer;
}

Str http_body(const HttpRequest *r)
{
    return buf_str(&r->body);
}

bool http_is_inline(const HttpRequest *r)
{
    return r->run == HTTP_RUN_INLINE;
}

void http_serve_on_worker(HttpRequest *r)
{
    ASSERT(r->run == HTTP_RUN_INLINE && !r->is_answered);
    r->run = HTTP_RUN_WORKER;
}

int64_t http_started_us(const HttpRequest *r)
{
    return r->started_us;
}

void http_set_user(HttpRequest *r, void *user)
{
    r->user = user;
}

void *http_user(const HttpRequest *r)
{
    return r->user;
}

static Str decode(HttpRequest *r, Str text)
{
    if (str_find_char(text, '%') == SIZE_MAX && str_find_char(text, '+') == SIZE_MAX) {
        return text;
    }
    Buf out = buf_init(r->arena, text.len);

    return buf_unurl(&out, text, true) ? buf_str(&out) : text;
}

const HttpPair *http_query_pairs(HttpRequest *r, size_t *ret_n)
{
    Str rest = r->query;
    Str part;
    size_t n = 0;

    if (!r->query_pairs) {
        size_t most = 1;
        for (size_t i = 0; i < r->query.len; i++) {
            most += r->query.ptr[i] == '&';
        }
        HttpPair *pairs = ARENA_ARRAY(r->arena, HttpPair, most);
        while (str_split(&rest, '&', &part)) {
            size_t at = str_find_char(part, '=');
            if (part.len == 0) {
                continue;
            }
            pairs[n].name = decode(r, str_sub(part, 0, at));
            pairs[n].value = at == SIZE_MAX ? STR("") : decode(r, str_from_index(part, at + 1));
            n++;
        }
        r->query_pairs = pairs;
        r->n_query_pairs = n;
    }
    *ret_n = r->n_query_pairs;
    return r->query_pairs;
}

/* ---- streamed body */

BodyPipe *pipe_new(void)
{
    BodyPipe *pipe = malloc(sizeof(*pipe)); /* not zeroed: the ring would be touched for nothing */

    ASSERT(pipe != NULL);
    mutex_init(&pipe->lock);
    cond_init(&pipe->ready);
    pipe->at = 0;
    pipe->len = 0;
    pipe->failure = RC_OK;
    pipe->is_complete = false;
    pipe->is_wanted = false;
    pipe->has_suspended = false;
    return pipe;
}

void pipe_free(BodyPipe *pipe)
{
    if (!pipe) {
        return;
    }
    cond_done(&pipe->ready);
    mutex_done(&pipe->lock);
    free(pipe);
}

size_t pipe_put(BodyPipe *pipe, const char *data, size_t n)
{
    mutex_lock(&pipe->lock);
    size_t taken = MIN(n, HTTP_BODY_RING - pipe->len);
    size_t to = (pipe->at + pipe->len) % HTTP_BODY_RING;
    size_t first = MIN(taken, HTTP_BODY_RING - to);
    memcpy(pipe->ring + to, data, first);
    memcpy(pipe->ring, data + first, taken - first);
    pipe->len += taken;
    if (taken < n) {
        pipe->has_suspended = true;
    }
    cond_signal(&pipe->ready);
    mutex_unlock(&pipe->lock);
    return taken;
}

void pipe_complete(BodyPipe *pipe)
{
    mutex_lock(&pipe->lock);
    pipe->is_complete = true;
    cond_signal(&pipe->ready);
    mutex_unlock(&pipe->lock);
}

void pipe_fail(BodyPipe *pipe, Rc why)
{
    mutex_lock(&pipe->lock);
    if (pipe->failure == RC_OK) {
        pipe->failure = why;
    }
    cond_signal(&pipe->ready);
    mutex_unlock(&pipe->lock);
}

static Rc pipe_error(const HttpRequest *r, Rc why, Error *err)
{
    if (why == RC_TIMEOUT) {
        return error_set(err, why, "The request body comes in too slowly");
    }
    if (why == RC_LIMIT) {
        return error_set(err, why, "The request body is larger than the %zu bytes allowed here",
                         r->max_body);
    }
    return error_set(err, why, "The client has left before the end of the request body");
}

/* Copies out of the ring; lock held. Returns the count. */
static size_t pipe_get(BodyPipe *pipe, char *out, size_t max) REQUIRES(pipe->lock)
{
    size_t n = MIN(max, pipe->len);
    size_t first = MIN(n, HTTP_BODY_RING - pipe->at);

    memcpy(out, pipe->ring + pipe->at, first);
    memcpy(out + first, pipe->ring, n - first);
    pipe->at = (pipe->at + n) % HTTP_BODY_RING;
    pipe->len -= n;
    return n;
}

Rc http_body_read(HttpRequest *r, void *out, size_t max, size_t *ret_n, Error *err)
{
    BodyPipe *pipe = r->pipe;
    bool has_room;
    Rc failure;

    if (!pipe) { /* no body was announced */
        *ret_n = 0;
        return RC_OK;
    }
    mutex_lock(&pipe->lock);
    if (!pipe->is_wanted) {
        pipe->is_wanted = true;
        mutex_unlock(&pipe->lock);
        wake_send(r->io, &r->wake, WAKE_WANT);
        mutex_lock(&pipe->lock);
    }
    while (pipe->len == 0 && !pipe->is_complete && pipe->failure == RC_OK) {
        cond_wait(&pipe->ready, &pipe->lock);
    }
    failure = pipe->len == 0 && pipe->is_complete ? RC_OK : pipe->failure;
    size_t n = failure == RC_OK ? pipe_get(pipe, out, max) : 0;
    has_room = pipe->has_suspended && pipe->len <= HTTP_BODY_RING / 2;
    if (has_room) {
        pipe->has_suspended = false;
    }
    mutex_unlock(&pipe->lock);
    if (failure != RC_OK) {
        return pipe_error(r, failure, err);
    }
    if (has_room) {
        wake_send(r->io, &r->wake, WAKE_SPACE);
    }
    *ret_n = n;
    return RC_OK;
}
