/* SPDX-License-Identifier: Apache-2.0
 * A row in canonical form. before_state and after_state are hashed as the texts they are stored as:
 * a chained row is the bytes of its columns, not what they mean. */
#include "audit_q_sql.h"
#include "platform/audit/audit_priv.h"

const AuditHash audit_no_hash = {
    "0000000000000000000000000000000000000000000000000000000000000000"};

/* Sorted by name, as RFC 8785 has it. */
static const struct {
    const char *name;
    AuditColumn column;
} members[] = {
    {"action",        AUDIT_ACTION       },
    {"actor_id",      AUDIT_ACTOR_ID     },
    {"actor_kind",    AUDIT_ACTOR_KIND   },
    {"actor_name",    AUDIT_ACTOR_NAME   },
    {"address",       AUDIT_ADDRESS      },
    {"after_state",   AUDIT_AFTER_STATE  },
    {"at",            AUDIT_AT           },
    {"before_state",  AUDIT_BEFORE_STATE },
    {"id",            AUDIT_ID           },
    {"key_id",        AUDIT_KEY_ID       },
    {"request_id",    AUDIT_REQUEST_ID   },
    {"resource_id",   AUDIT_RESOURCE_ID  },
    {"resource_type", AUDIT_RESOURCE_TYPE},
    {"seq",           AUDIT_SEQ          },
    {"session_id",    AUDIT_SESSION_ID   },
};

Str audit_hash_str(const AuditHash *hash)
{
    return str_of(hash->text, AUDIT_HASH_LEN);
}

bool audit_hash_is(const AuditHash *hash, Str text)
{
    return str_eq(audit_hash_str(hash), text);
}

AuditHash audit_hash_of(Str bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_SIZE];
    AuditHash hash = {{0}};
    sha256(bytes, digest);
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        hash.text[2 * i] = digits[digest[i] >> 4];
        hash.text[2 * i + 1] = digits[digest[i] & 15];
    }
    return hash;
}

void audit_row_read(Rows *rows, int64_t seq, AuditRow *ret)
{
    ret->seq = seq;
    ret->at = rows_i64(rows, AUDIT_AT);
    for (int i = AUDIT_ID; i <= AUDIT_AFTER_STATE; i++) {
        ret->of[i].is_null = rows_is_null(rows, i);
        ret->of[i].text = i == AUDIT_AT ? STR_EMPTY : rows_str(rows, i);
    }
}

static void put_value(Buf *out, const AuditRow *row, AuditColumn column)
{
    if (column == AUDIT_SEQ) {
        buf_i64(out, row->seq);
    } else if (column == AUDIT_AT) {
        buf_i64(out, row->at);
    } else if (row->of[column].is_null) {
        buf_lit(out, "null");
    } else {
        buf_json_str(out, row->of[column].text);
    }
}

Rc audit_row_hash(
    Arena *arena, const AuditRow *row, const AuditHash *prev, AuditHash *ret, Error *err)
{
    enum { NAMES = 512 }; /* of members, and numbers */
    Buf out = buf_init(arena, AUDIT_CANON_MAX);
    size_t size = NAMES + AUDIT_HASH_LEN;
    for (int i = AUDIT_ID; i <= AUDIT_AFTER_STATE; i++) {
        size += row->of[i].text.len + row->of[i].text.len / 4; /* quotes in JSON are escaped */
    }
    buf_reserve(&out, MIN(size, (size_t)AUDIT_CANON_MAX));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        buf_char(&out, i == 0 ? '{' : ',');
        buf_json_str(&out, str_from(members[i].name));
        buf_char(&out, ':');
        put_value(&out, row, members[i].column);
    }
    buf_char(&out, '}');
    buf_put(&out, audit_hash_str(prev));
    if (!buf_ok(&out)) {
        return error_set(err, RC_LIMIT, "A row of the audit trail has more than %d bytes",
                         AUDIT_CANON_MAX);
    }
    *ret = audit_hash_of(buf_str(&out));
    return RC_OK;
}

/* ---- the end of the chain */

static void hash_column(Rows *rows, int column, AuditHash *ret)
{
    Str text = rows_str(rows, column);
    *ret = (AuditHash){{0}};
    memcpy(ret->text, text.ptr ? text.ptr : "", MIN(text.len, AUDIT_HASH_LEN));
}

static Rc read_stored(Tx *tx, bool lock, AuditHead *ret, Error *err)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(tx, lock ? &audit_q_head_lock : &audit_q_head, NO_PARAMS, &rows, err));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, err));
        return error_set(err, RC_INTERNAL,
                         "The end of the audit chain (table audit_head) has been removed");
    }
    ret->seq = rows_i64(rows, 0);
    hash_column(rows, 1, &ret->hash);
    ret->checkpoint = rows_i64(rows, 2);
    ret->checkpoint_seq = rows_i64(rows, 3);
    ret->checkpoint_at = rows_i64(rows, 4);
    hash_column(rows, 5, &ret->checkpoint_digest);
    return RC_OK;
}

static Rc write_stored(Tx *tx, const AuditHead *head, Error *err)
{
    return tx_exec(tx, &audit_q_head_write,
                   PARAMS(P_I64(head->seq), P_STR(audit_hash_str(&head->hash)),
                          P_I64(head->checkpoint), P_I64(head->checkpoint_seq),
                          P_I64(head->checkpoint_at),
                          P_STR(audit_hash_str(&head->checkpoint_digest))),
                   NULL, err);
}

/* On SQLite every change extends the chain, and many share a commit: the head is read once for all
 * of them, and written once before the commit (tx_shared). */
typedef struct SharedHead {
    bool is_read, is_changed;
    AuditHead head;
} SharedHead;
_Static_assert(sizeof(SharedHead) <= DB_SHARED_SIZE, "it fits");

static Rc flush_head(Tx *tx, void *user, Error *err)
{
    SharedHead *shared = user;
    return shared->is_changed ? write_stored(tx, &shared->head, err) : RC_OK;
}

Rc audit_head_read(Tx *tx, bool lock, AuditHead *ret, Error *err)
{
    SharedHead *shared = tx_is_write(tx) ? tx_shared(tx, flush_head) : NULL;
    if (!shared) {
        return read_stored(tx, lock, ret, err);
    }
    if (!shared->is_read) {
        TRY(read_stored(tx, lock, &shared->head, err));
        shared->is_read = true;
    }
    *ret = shared->head;
    return RC_OK;
}

Rc audit_head_write(Tx *tx, const AuditHead *head, Error *err)
{
    SharedHead *shared = tx_shared(tx, flush_head);
    if (!shared) {
        return write_stored(tx, head, err);
    }
    *shared = (SharedHead){.is_read = true, .is_changed = true, .head = *head};
    return RC_OK;
}
