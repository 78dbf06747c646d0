/* SPDX-License-Identifier: Apache-2.0
 * One request from its head to its answer, as the daemon calls us. The daemon calls
 * exchange_on_request first when the head is complete, then for each piece of the body, then once
 * more at the end; a connection that was suspended in one of these is called again there.
 *
 * An answer given in the first call makes the daemon close the connection afterwards (it cannot
 * know where the next request begins), so answers wait for the last call where that is cheap. */
#include "base/time.h"

#include "net/http_server_priv.h"

enum { BODY_RESERVE = 64 * 1024 }; /* a declared length is believed up to here */

static Conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static void call_refuse(HttpRequest *r, Rc code, const char *message)
{
    Error err = {0};

    IGNORE(error_set(&err, code, "%s", message) == RC_OK); /* it returns what it was given */
    response_refuse(r, &err);
}

/* ---- head */

void *exchange_on_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    Io *io = cls;
    Conn *conn = conn_of(mhd);
    HttpRequest *r = request_new(io, conn);

    /* The daemon cuts and decodes its copy in place after this call. */
    r->target = str_dup(r->arena, str_from(uri));
    r->target_at = uri;
    conn->active = r;
    conn->is_fresh = false;
    return r;
}

/* Copies the fields, and follows the bytes of the head as libmicrohttpd 0.9 leaves them: separators
 * become NULs in place, so the strings it hands out must join up without a gap. A gap is an
 * embedded NUL, a bare line feed or a folded line (which 0.9 glues to the field's name). */
typedef struct FieldReader {
    HttpRequest *r;
    HttpPair *fields;
    size_t n, max;
    const char *cursor;
    bool is_seamless;
} FieldReader;

static enum MHD_Result read_field(void *cls,
                                  enum MHD_ValueKind kind,
                                  const char *name,
                                  size_t name_len,
                                  const char *value,
                                  size_t value_len)
{
    FieldReader *reader = cls;

    IGNORE(kind != MHD_HEADER_KIND); /* asked for this kind only */
    if (reader->n == reader->max) {
        return MHD_NO;
    }
    reader->is_seamless = reader->is_seamless && name == reader->cursor && value > name + name_len;
    reader->cursor = value + value_len + 2; /* CR LF */
    reader->fields[reader->n].name = str_dup(reader->r->arena, str_of(name, name_len));
    reader->fields[reader->n].value =
        value_len > 0 ? str_dup(reader->r->arena, str_of(value, value_len)) : STR("");
    reader->n++;
    return MHD_YES;
}

bool exchange_judges_layout(void)
{
    return strncmp(MHD_get_version(), "0.", 2) == 0;
}

static Rc read_fields(HttpRequest *r, const char *method, const char *version, Error *err)
{
    struct MHD_Connection *mhd = r->conn->mhd;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t head_size = info ? info->header_size : 0;
    int n = MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, NULL, NULL);
    FieldReader reader = {.r = r, .cursor = version + strlen(version) + 2, .is_seamless = true};

    if (head_size > HTTP_HEAD_BYTES_MAX) {
        return error_set(err, RC_HEADERS_TOO_LARGE,
                         "The request head has %zu bytes; at most %zu are accepted", head_size,
                         HTTP_HEAD_BYTES_MAX);
    }
    reader.max = n > 0 ? (size_t)n : 0;
    reader.fields = ARENA_ARRAY(r->arena, HttpPair, reader.max);
    IGNORE(MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, read_field, &reader) != n);
    r->fields = reader.fields;
    r->n_fields = reader.n;
    if (exchange_judges_layout() &&
        (!reader.is_seamless || reader.cursor + 2 != method + head_size ||
         r->target_at != method + strlen(method) + 1 ||
         version != r->target_at + r->target.len + 1)) {
        return error_set(err, RC_MALFORMED,
                         "The request head holds a folded line, a bare line feed, a NUL or a "
                         "doubled space");
    }
    return RC_OK;
}

static Rc read_head(HttpRequest *r, const char *method, const char *version, Error *err)
{
    Str name = str_from(method);

    r->method = http_method_parse(name);
    r->path = r->target; /* for a refusal before the target has been judged */
    TRY(read_fields(r, method, version, err));
    HttpHead head = {
        .method = name,
        .target = r->target,
        .is_http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0,
        .fields = r->fields,
        .n_fields = r->n_fields,
    };

    TRY(http_head_judge(&head, &r->framing, err));
    http_head_split_target(r->target, &r->path, &r->query);
    for (size_t i = 0; i < r->n_fields; i++) {
        r->fields[i].value = str_trim(r->fields[i].value);
    }
    return RC_OK;
}

/* ---- to and from the workers */

static bool lend(HttpRequest *r)
{
    r->is_at_worker = true;
    r->io->n_lent++;
    if (work_push(r->io->server, r)) {
        return true;
    }
    r->is_at_worker = false;
    r->io->n_lent--;
    call_refuse(r, RC_BUSY, "The server has too many requests waiting; try again in a moment");
    return false;
}

static bool has_body(const HttpRequest *r)
{
    return r->framing.is_chunked || r->framing.length > 0;
}

/* Answered with the body still to come: a small one is read and dropped, which keeps the connection
 * and lets a client read the answer that reads only after writing. */
static enum MHD_Result answer_early(HttpRequest *r)
{
    bool is_small = !r->framing.is_chunked && r->framing.length <= HTTP_SWALLOW_MAX;

    if (!has_body(r) || (is_small && !r->framing.expects_continue)) {
        return MHD_YES;
    }
    return response_queue(r);
}

static void end_exchange(HttpRequest *r, bool is_aborted)
{
    const HttpApp *app = &r->io->server->app;
    size_t bytes = is_aborted ? 0 : r->response_bytes;

    if (r->stream) {
        bytes = (size_t)r->stream->bytes_sent;
        stream_finish(r->stream);
    }
    if (app->done && r->status != 0) {
        app->done(app->user, r, r->status, bytes, time_monotonic_us() - r->started_us, is_aborted);
    }
    request_recycle(r);
}

void exchange_on_wake(HttpRequest *r, unsigned flags)
{
    if (flags & WAKE_SERVED) {
        r->is_at_worker = false;
        r->io->n_lent--;
        if (!r->conn) {
            end_exchange(r, true);
            return;
        }
    }
    if (r->is_suspended) {
        conn_resume(r);
    }
}

static void refuse_length(const HttpRequest *r, Error *err)
{
    if (r->max_body == 0) {
        IGNORE(error_set(err, RC_LIMIT, "This takes no request body; leave it out") == RC_OK);
        return;
    }
    IGNORE(error_set(err, RC_LIMIT,
                     "The request body has %llu bytes; at most %zu are accepted here",
                     (unsigned long long)r->framing.length, r->max_body) == RC_OK);
}

/* ---- the daemon's calls */

static enum MHD_Result begin(HttpRequest *r, const char *method, const char *version)
{
    HttpServer *server = r->io->server;
    Error err = {0};

    r->phase = PHASE_BODY;
    conn_watch_body(r->conn, r->started_us);
    atomic_fetch_add_explicit(&r->io->requests, 1, memory_order_relaxed);
    if (read_head(r, method, version, &err) != RC_OK) {
        response_refuse(r, &err);
        return response_queue(r); /* at once: where this request ends is not certain */
    }
    r->run = server->app.accept(server->app.user, r, &r->max_body);
    ASSERT((r->run == HTTP_RUN_ANSWERED) == r->is_answered);
    if (r->run != HTTP_RUN_ANSWERED && r->framing.length > r->max_body) {
        refuse_length(r, &err);
        response_refuse(r, &err);
    }
    if (r->is_answered) {
        return answer_early(r);
    }
    if (!has_body(r)) {
        return MHD_YES;
    }
    if (r->run != HTTP_RUN_STREAM) {
        r->body = buf_init(NULL, r->max_body);
        return MHD_YES;
    }
    r->pipe = pipe_new();
    r->swallow_left = MAX(r->max_body, HTTP_SWALLOW_MAX);
    if (!lend(r)) {
        return answer_early(r);
    }
    /* No 100 Continue and no body before the worker asks for it: it may refuse first. */
    r->phase = PHASE_PARKED;
    conn_suspend(r);
    return MHD_YES;
}

static enum MHD_Result swallow(HttpRequest *r, size_t *size)
{
    if (*size > r->swallow_left) {
        return MHD_NO; /* cuts the connection */
    }
    r->swallow_left -= *size;
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result take_body(HttpRequest *r, const char *data, size_t *size)
{
    size_t n = *size;

    r->conn->window_bytes += n;
    if (r->drops_body || (!r->is_at_worker && r->is_answered)) {
        return swallow(r, size);
    }
    if (n > r->max_body - r->body_seen) { /* chunked: a declared length was compared before */
        if (r->pipe) {
            pipe_fail(r->pipe, RC_LIMIT);
        } else {
            buf_done(&r->body);
            call_refuse(r, RC_LIMIT, "The request body is larger than accepted here");
        }
        r->drops_body = true;
        r->swallow_left = HTTP_SWALLOW_MAX;
        return swallow(r, size);
    }
    if (!r->pipe) {
        if (r->body_seen == 0) {
            buf_reserve(&r->body, MAX(n, (size_t)MIN(r->framing.length, BODY_RESERVE)));
        }
        buf_put(&r->body, str_of(data, n));
        r->body_seen += n;
        *size = 0;
        return MHD_YES;
    }
    size_t taken = pipe_put(r->pipe, data, n);

    r->body_seen += taken;
    *size = n - taken;
    if (taken < n) {
        conn_suspend(r);
    }
    return MHD_YES;
}

static enum MHD_Result finish(HttpRequest *r)
{
    const HttpApp *app = &r->io->server->app;

    r->phase = PHASE_FULL;
    if (r->is_at_worker) {
        if (r->pipe) {
            pipe_complete(r->pipe);
        }
        conn_suspend(r);
        return MHD_YES;
    }
    if (r->is_answered) {
        return response_queue(r);
    }
    if (r->run == HTTP_RUN_INLINE) {
        app->serve(app->user, r);
        ASSERT(r->is_answered || r->run == HTTP_RUN_WORKER);
        if (r->is_answered) {
            return response_queue(r);
        }
    }
    if (!lend(r)) {
        return response_queue(r);
    }
    conn_suspend(r);
    return MHD_YES;
}

enum MHD_Result exchange_on_request(void *cls,
                                    struct MHD_Connection *mhd,
                                    const char *url,
                                    const char *method,
                                    const char *version,
                                    const char *data,
                                    size_t *size,
                                    void **slot)
{
    HttpRequest *r = *slot;

    (void)cls;
    (void)mhd;
    (void)url; /* decoded by the library; ours is r->target */
    if (r->phase == PHASE_HEAD) {
        return begin(r, method, version);
    }
    if (r->phase == PHASE_PARKED) {
        r->phase = PHASE_BODY;
        return r->is_at_worker ? MHD_YES : answer_early(r);
    }
    return *size > 0 ? take_body(r, data, size) : finish(r);
}

void exchange_on_completed(void *cls,
                           struct MHD_Connection *mhd,
                           void **slot,
                           enum MHD_RequestTerminationCode why)
{
    HttpRequest *r = *slot;

    (void)cls;
    if (!r) {
        return;
    }
    *slot = NULL;
    r->conn->active = NULL;
    if (r->is_early && why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        linger_begin(r->io, r->conn->fd);
    }
    r->conn->idle_since_us = time_monotonic_us();
    r->conn->head_since_us = 0;
    if (r->is_at_worker) { /* it ends when the worker is done with it */
        if (r->pipe) {
            pipe_fail(r->pipe, RC_MALFORMED);
        }
        r->conn = NULL;
        r->is_suspended = false;
        return;
    }
    if (r->status == 0) { /* the library refused it by itself, or it never became complete */
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
        r->status = info ? (int)info->http_status : 0;
    }
    end_exchange(r, why != MHD_REQUEST_TERMINATED_COMPLETED_OK);
}
