/* SPDX-License-Identifier: Apache-2.0
 * All entries that match pass through a file without a name in the data folder: memory stays small
 * whatever the client takes, and what goes wrong is told before the answer begins. */
#include "contract_handlers.h"
#include "modules/audit/audit_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENTRY_BYTES_MAX = 512 * 1024 * 1024 }; /* of a chunk; an entry is that of one change */
#define EXPORT_BYTES_MAX (INT64_C(4) * 1024 * 1024 * 1024)

typedef struct Export {
    Ctx *cx;
    AuditQuery query;
    bool is_csv;
    int fd;
    Buf out; /* heap: of a chunk */
    int64_t written;
    char last[UUID_LEN + 1]; /* id of the last entry; "" before the first */
} Export;

static Rc no_room(Ctx *cx)
{
    Rc rc = rc_of_write(errno, RC_INTERNAL);
    return fail(cx, rc, "An export passes through a file, and %s",
                rc == RC_FULL ? "the disk of the data folder is full: free some space on it"
                              : "none can be written in the data folder");
}

static int open_unnamed(Ctx *cx)
{
    int fd = open(cx->platform->data_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system without such files */
        Str path = str_fmt(cx->arena, "%s/export-XXXXXX", cx->platform->data_dir);
        char *name = arena_dup(cx->arena, path.ptr, path.len + 1);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) {
            IGNORE(unlink(name) != 0); /* then it is found and removed by people */
        }
    }
    return fd;
}

static Rc write_out(Export *e)
{
    Str rest = buf_str(&e->out);
    if (!buf_ok(&e->out)) {
        return fail(e->cx, RC_LIMIT, "Entries are too large to be exported");
    }
    while (rest.len > 0) {
        ssize_t n = write(e->fd, rest.ptr, rest.len);
        if (n < 0 && errno != EINTR) {
            return no_room(e->cx);
        }
        rest = str_from_index(rest, n > 0 ? (size_t)n : 0);
    }
    e->written += (int64_t)e->out.len;
    buf_clear(&e->out);
    return e->written <= EXPORT_BYTES_MAX
               ? RC_OK
               : fail(e->cx, RC_LIMIT,
                      "The export is too large; give a shorter time by from and to");
}

static Rc write_chunk(Export *e, size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    size_t n = 0;
    TRY(audit_query_run(e->cx, &e->query, str_from(e->last), false, AUDIT_EXPORT_CHUNK, &rows));
    while (rows_next(rows)) {
        Str id = audit_entry_id(rows);
        if (e->is_csv) {
            audit_write_csv(&e->out, rows);
        } else {
            audit_write_json(&e->out, rows, true);
            buf_char(&e->out, '\n');
        }
        size_t len = MIN(id.len, sizeof(e->last) - 1);
        memcpy(e->last, id.ptr, len);
        e->last[len] = '\0';
        n++;
    }
    TRY(rows_error(rows, &e->cx->error));
    *ret_n = n;
    return write_out(e);
}

static Rc write_all(Export *e)
{
    size_t n;
    e->fd = open_unnamed(e->cx);
    if (e->fd < 0) {
        return no_room(e->cx);
    }
    if (e->is_csv) {
        audit_write_csv_head(&e->out);
    }
    TRY(ctx_read(e->cx));
    do {
        TRY(write_chunk(e, &n));
    } while (n == AUDIT_EXPORT_CHUNK);
    return RC_OK;
}

static void reply_file(Export *e, Call *call)
{
    HttpPair headers[] = {
        {STR("Content-Type"),
         e->is_csv ? STR("text/csv; charset=utf-8; header=present") : STR("application/x-ndjson")                               },
        {STR("Content-Disposition"),    e->is_csv ? STR("attachment; filename=\"audit.csv\"")
                                               : STR("attachment; filename=\"audit.jsonl\"")},
        {STR("X-Request-Id"),           e->cx->request_id                                                                       },
        {STR("X-Content-Type-Options"), STR("nosniff")                                                                          },
        {STR("Cache-Control"),          STR("no-store")                                                                         },
    };
    HttpResponse head = {200, headers, ARRAY_LEN(headers), STR_EMPTY};
    call->reply.sent = true;
    call->reply.status = 200;
    http_respond_file(call->http, &head, e->fd, 0, (uint64_t)e->written);
    e->fd = -1;
}

Rc audit_logs_export(Ctx *cx, Call *call)
{
    Export e = {.cx = cx,
                .fd = -1,
                .is_csv = str_is(call_query(call, "format"), "csv"),
                .out = buf_init(NULL, ENTRY_BYTES_MAX)};
    if (!call->http) {
        return fail(cx, RC_NOT_ACCEPTABLE, "An export needs a connection.");
    }
    TRY(audit_query_read(cx, call, &e.query));
    Rc rc = write_all(&e);
    ctx_end(cx);
    if (rc == RC_OK) {
        reply_file(&e, call);
    }
    buf_done(&e.out);
    if (e.fd >= 0) {
        close(e.fd);
    }
    return rc;
}
