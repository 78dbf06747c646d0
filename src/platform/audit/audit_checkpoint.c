/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints: "row <seq> ended the chain with <hash> at <time>", signed, each naming the digest of
 * the one before. The database has them, and the file in the data folder has them too, a line each:
 *
 *   {"checkpoint":{"at":…,"hash":…,"number":…,"previous":…,"public_key":…,"seq":…,"type":…},
 *    "signature":"…"}
 *
 * What is signed is the text of the inner object as it stands there. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPE "fairway-audit-checkpoint"
#define LINE_START "{\"checkpoint\":"
#define LINE_MIDDLE ",\"signature\":\""
#define LINE_END "\"}"

/* ---- making */

Rc checkpoint_make(Ctx *cx, const AuditKey *key, AuditHead *head)
{
    char at[TIME_RFC3339_SIZE];
    uint8_t bytes[AUDIT_SIGNATURE_SIZE];
    int64_t now = time_now_us();
    Str time = time_rfc3339(now, at);
    Str body = str_fmt(cx->arena,
                       "{\"at\":\"%.*s\",\"hash\":\"%s\",\"number\":%lld,\"previous\":\"%s\","
                       "\"public_key\":\"%s\",\"seq\":%lld,\"type\":\"" TYPE "\"}",
                       STR_ARG(time), head->hash.text, (long long)head->checkpoint + 1,
                       head->checkpoint_digest.text, key->public_key, (long long)head->seq);
    if (!audit_sign(key, body, bytes)) {
        return fail(cx, RC_INTERNAL, "A checkpoint of the audit trail cannot be signed");
    }
    Buf signature = buf_init(cx->arena, 2 * AUDIT_SIGNATURE_SIZE);
    buf_base64url(&signature, str_of((const char *)bytes, sizeof(bytes)));
    head->checkpoint++;
    head->checkpoint_seq = head->seq;
    head->checkpoint_at = now;
    head->checkpoint_digest = audit_hash_of(body);
    TRY(tx_exec(
        cx->tx, &audit_q_checkpoint_add,
        PARAMS(P_I64(head->checkpoint), P_I64(head->seq), P_STR(body), P_STR(buf_str(&signature))),
        NULL, &cx->error));
    return audit_head_write(cx->tx, head, &cx->error);
}

/* ---- reading */

static const AuditKey *key_named(const AuditKey *keys, size_t n, Str public_key)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(public_key, keys[i].public_key)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool read_hash(const Json *body, const char *name, AuditHash *ret)
{
    Str text = json_str_at(body, name);
    if (text.len != AUDIT_HASH_LEN) {
        return false;
    }
    *ret = (AuditHash){{0}};
    memcpy(ret->text, text.ptr, AUDIT_HASH_LEN);
    return true;
}

bool checkpoint_read(Arena *arena,
                     Str body,
                     Str signature,
                     const AuditKey *keys,
                     size_t n_keys,
                     Checkpoint *ret,
                     const char **ret_why)
{
    Json *json;
    Checkpoint c = {0};
    if (body.len > AUDIT_LINE_MAX || json_parse(arena, body, NULL, &json, NULL) != RC_OK ||
        !str_is(json_str_at(json, "type"), TYPE)) {
        *ret_why = "cannot be read";
        return false;
    }
    const AuditKey *key = key_named(keys, n_keys, json_str_at(json, "public_key"));
    if (!key) {
        *ret_why = "is signed with a key that is not this installation's";
        return false;
    }
    if (!audit_signature_fits(key, body, signature)) {
        *ret_why = "has a signature that does not fit: it was edited";
        return false;
    }
    Str at = json_str_at(json, "at");
    memcpy(c.at, at.ptr ? at.ptr : "", MIN(at.len, sizeof(c.at) - 1));
    c.digest = audit_hash_of(body);
    *ret_why = "cannot be read";
    if (!json_to_i64(json_get_c(json, "number"), &c.number) ||
        !json_to_i64(json_get_c(json, "seq"), &c.seq) || !read_hash(json, "hash", &c.hash) ||
        !read_hash(json, "previous", &c.previous)) {
        return false;
    }
    *ret = c;
    return true;
}

static bool split_line(Str line, Str *ret_body, Str *ret_signature)
{
    Str middle = STR(LINE_MIDDLE);
    if (!str_starts(line, STR(LINE_START)) || !str_ends(line, STR(LINE_END))) {
        return false;
    }
    Str inner = str_sub(line, sizeof(LINE_START) - 1, line.len - (sizeof(LINE_END) - 1));
    size_t at = str_find(inner, middle);
    if (at == SIZE_MAX) {
        return false;
    }
    *ret_body = str_sub(inner, 0, at);
    *ret_signature = str_from_index(inner, at + middle.len);
    return true;
}

bool checkpoint_of_line(Arena *arena,
                        Str line,
                        const AuditKey *keys,
                        size_t n_keys,
                        Checkpoint *ret,
                        const char **ret_why)
{
    Str body, signature;
    if (!split_line(line, &body, &signature)) {
        *ret_why = "cannot be read";
        return false;
    }
    return checkpoint_read(arena, body, signature, keys, n_keys, ret, ret_why);
}

/* ---- the file */

static Rc file_failed(Ctx *cx, const char *path)
{
    return fail(cx, rc_of_write(errno, RC_INTERNAL), "%s cannot be written: %s", path,
                strerrordesc_np(errno));
}

/* The number and digest of the last whole line; 0 in an empty file. A line that a crash has cut is
 * cut off. */
static Rc read_end(Ctx *cx, int fd, const char *path, int64_t *ret_number, AuditHash *ret_digest)
{
    char tail[2 * AUDIT_LINE_MAX];
    struct stat st;
    Str body, signature;
    Json *json;
    if (fstat(fd, &st) != 0) {
        return file_failed(cx, path);
    }
    off_t from = st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0;
    ssize_t got = pread(fd, tail, sizeof(tail), from);
    if (got < 0) {
        return file_failed(cx, path);
    }
    Str text = str_of(tail, (size_t)got);
    size_t end = str_rfind_char(text, '\n');
    text = str_sub(text, 0, end == SIZE_MAX ? 0 : end);
    off_t whole = from + (off_t)(end == SIZE_MAX ? 0 : end + 1);
    if (whole < st.st_size && ftruncate(fd, whole) != 0) {
        return file_failed(cx, path);
    }
    *ret_number = 0;
    *ret_digest = audit_no_hash;
    if (text.len == 0) {
        return RC_OK;
    }
    size_t start = str_rfind_char(text, '\n');
    Str line = start == SIZE_MAX ? text : str_from_index(text, start + 1);
    if (!split_line(line, &body, &signature) ||
        json_parse(cx->arena, body, NULL, &json, NULL) != RC_OK ||
        !json_to_i64(json_get_c(json, "number"), ret_number)) {
        return fail(cx, RC_CONFLICT, "the last line of %s is not a checkpoint", path);
    }
    *ret_digest = audit_hash_of(body);
    return RC_OK;
}

/* The database must know what the file ends with. */
static Rc check_end(Ctx *cx, const char *path, int64_t number, const AuditHash *digest)
{
    Str body;
    if (number == 0) {
        return RC_OK;
    }
    Rc rc = tx_one_str(cx->tx, &audit_q_checkpoint_body, PARAMS(P_I64(number)), cx->arena, &body,
                       &cx->error);
    AuditHash found = rc == RC_OK ? audit_hash_of(body) : audit_no_hash;
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !audit_hash_is(&found, audit_hash_str(digest)))) {
        return fail(
            cx, RC_CONFLICT,
            "%s ends with checkpoint %lld, which the database does not have: rows were "
            "removed, or the database is an older copy; see docs/operations/runbooks/audit.md",
            path, (long long)number);
    }
    return rc;
}

static Rc append(Ctx *cx, int fd, const char *path, Str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR) {
            return file_failed(cx, path);
        }
        text = str_from_index(text, n > 0 ? (size_t)n : 0);
    }
    return fdatasync(fd) == 0 ? RC_OK : file_failed(cx, path);
}

/* *number moves on with what was appended; *ret_more: there may be more. */
static Rc append_page(Ctx *cx, int fd, const char *path, int64_t *number, bool *ret_more)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Buf lines = buf_init(cx->arena, AUDIT_PAGE * AUDIT_LINE_MAX);
    int64_t last = *number, n = 0;
    TRY(tx_query(cx->tx, &audit_q_checkpoints, PARAMS(P_I64(last), P_I64(AUDIT_PAGE)), &rows,
                 &cx->error));
    while (rows_next(rows)) {
        last = rows_i64(rows, 0);
        buf_lit(&lines, LINE_START);
        buf_put(&lines, rows_str(rows, 2));
        buf_lit(&lines, LINE_MIDDLE);
        buf_put(&lines, rows_str(rows, 3));
        buf_lit(&lines, LINE_END "\n");
        n++;
    }
    TRY(rows_error(rows, &cx->error));
    if (!buf_ok(&lines)) {
        return fail(cx, RC_CONFLICT, "a checkpoint in the database is too long to be one");
    }
    if (n > 0) {
        TRY(append(cx, fd, path, buf_str(&lines)));
    }
    *number = last;
    *ret_more = n == AUDIT_PAGE;
    return RC_OK;
}

static Rc copy_to(Ctx *cx, int fd, const char *path, int64_t *ret_number)
{
    AuditHash digest;
    int64_t number;
    bool more = true;
    if (flock(fd, LOCK_EX) != 0) { /* two processes may share a data folder */
        return file_failed(cx, path);
    }
    TRY(read_end(cx, fd, path, &number, &digest));
    TRY(ctx_read_primary(cx));
    TRY(check_end(cx, path, number, &digest));
    while (more) {
        TRY(append_page(cx, fd, path, &number, &more));
    }
    *ret_number = number;
    return RC_OK;
}

Rc checkpoints_copy(Ctx *cx, int64_t *ret_number)
{
    const char *path = str_cstr(
        cx->arena, str_fmt(cx->arena, "%s/" AUDIT_CHECKPOINTS_FILE, cx->platform->data_dir));
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return file_failed(cx, path);
    }
    Rc rc = copy_to(cx, fd, path, ret_number);
    close(fd);
    return rc;
}
