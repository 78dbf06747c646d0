/* SPDX-License-Identifier: Apache-2.0
 * platform/audit/audit_priv.h - what the files of the audit trail share.
 *
 *   audit.c             writing rows; the life of the Audit object
 *   audit_row.c         a row, its canonical form and its hash
 *   audit_chain.c       the thread that chains and has checkpoints made
 *   audit_checkpoint.c  checkpoints: making, signing, reading, the file outside the database
 *   audit_key.c         the Ed25519 keys
 *   audit_verify.c      is all of it as it was written? */
#ifndef PLATFORM_AUDIT_PRIV_H
#define PLATFORM_AUDIT_PRIV_H

#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"

#include "platform/audit/audit.h"
#include "platform/metrics/metrics.h"

enum {
    AUDIT_HASH_LEN = 2 * SHA256_SIZE,    /* hex */
    AUDIT_CHAIN_BATCH = 64,              /* rows chained in one transaction */
    AUDIT_PAGE = 32,                     /* rows or checkpoints in memory at once when reading */
    AUDIT_CANON_MAX = 256 * 1024 * 1024, /* bytes of one row in canonical form */
    AUDIT_LINE_MAX = 4096,               /* bytes of a line of the checkpoints' file */
    AUDIT_KEY_SIZE = 32,                 /* of an Ed25519 key, either half */
    AUDIT_SIGNATURE_SIZE = 64,
    AUDIT_KEYS_MAX = 64,
};
#define AUDIT_PENDING_MAX_US                                                                       \
    US_PER_MINUTE /* longer means that nothing chains, or somebody forged */

/* Hex of a SHA-256, terminated. */
typedef struct AuditHash {
    char text[AUDIT_HASH_LEN + 1];
} AuditHash;
extern const AuditHash audit_no_hash; /* 64 zeros */
Str audit_hash_str(const AuditHash *hash);
bool audit_hash_is(const AuditHash *hash, Str text);
AuditHash audit_hash_of(Str bytes);

/* ---- audit_row.c. The columns of every query that reads whole rows, in this order. */
typedef enum AuditColumn {
    AUDIT_SEQ,
    AUDIT_ID,
    AUDIT_AT,
    AUDIT_ACTOR_KIND,
    AUDIT_ACTOR_ID,
    AUDIT_ACTOR_NAME,
    AUDIT_KEY_ID,
    AUDIT_SESSION_ID,
    AUDIT_ADDRESS,
    AUDIT_REQUEST_ID,
    AUDIT_ACTION,
    AUDIT_RESOURCE_TYPE,
    AUDIT_RESOURCE_ID,
    AUDIT_BEFORE_STATE,
    AUDIT_AFTER_STATE,
    AUDIT_PREV_HASH,
    AUDIT_HASH,
} AuditColumn;

/* What is hashed of a row. */
typedef struct AuditRow {
    int64_t seq, at;
    struct {
        Str text; /* of all columns but the two */
        bool is_null;
    } of[AUDIT_AFTER_STATE + 1];
} AuditRow;
/* The row the cursor stands on; borrows from it. seq replaces its own. */
void audit_row_read(Rows *rows, int64_t seq, AuditRow *ret);
/* SHA-256 of the row in canonical JSON (RFC 8785) and of prev (hex). Scratch memory from arena. */
MUST_CHECK Rc audit_row_hash(
    Arena *arena, const AuditRow *row, const AuditHash *prev, AuditHash *ret, Error *err);

/* ---- the end of the chain */
typedef struct AuditHead {
    int64_t seq;
    AuditHash hash;
    int64_t checkpoint, checkpoint_seq, checkpoint_at; /* 0: none */
    AuditHash checkpoint_digest;
} AuditHead;
/* lock: inside a write transaction, until its end. */
MUST_CHECK Rc audit_head_read(Tx *tx, bool lock, AuditHead *ret, Error *err);
MUST_CHECK Rc audit_head_write(Tx *tx, const AuditHead *head, Error *err);

/* ---- audit_key.c */
typedef struct AuditKey {
    char public_key[48]; /* base64url, terminated */
    uint8_t public_bytes[AUDIT_KEY_SIZE], private_bytes[AUDIT_KEY_SIZE];
} AuditKey;
/* All keys whose private half opens, newest first; *ret_n may be 0. *ret_sealed: how many there
 * are, those that do not open included. Wipe with audit_keys_wipe. */
MUST_CHECK Rc audit_keys_read(Tx *tx,
                              Secrets *secrets,
                              Arena *arena,
                              AuditKey **ret,
                              size_t *ret_n,
                              size_t *ret_sealed,
                              Error *err);
void audit_keys_wipe(AuditKey *keys, size_t n);
/* Makes the first key, in cx's write transaction. */
MUST_CHECK Rc audit_key_make(Ctx *cx, AuditKey *ret);
MUST_CHECK bool audit_sign(const AuditKey *key, Str text, uint8_t out[AUDIT_SIGNATURE_SIZE]);
MUST_CHECK bool audit_signature_fits(const AuditKey *key, Str text, Str signature);

/* ---- audit_checkpoint.c */
typedef struct Checkpoint {
    int64_t number, seq;
    char at[TIME_RFC3339_SIZE];
    AuditHash hash;     /* of row seq */
    AuditHash previous; /* digest of the checkpoint before; zeros for the first */
    AuditHash digest;   /* of this one */
} Checkpoint;
/* Reads what was signed and checks by whom. False: *ret_why (borrowed) says what is wrong. */
MUST_CHECK bool checkpoint_read(Arena *arena,
                                Str body,
                                Str signature,
                                const AuditKey *keys,
                                size_t n_keys,
                                Checkpoint *ret,
                                const char **ret_why);
/* A line of the file, which has body and signature. */
MUST_CHECK bool checkpoint_of_line(Arena *arena,
                                   Str line,
                                   const AuditKey *keys,
                                   size_t n_keys,
                                   Checkpoint *ret,
                                   const char **ret_why);
/* Signs the head, in cx's write transaction that has its lock; changes the head. */
MUST_CHECK Rc checkpoint_make(Ctx *cx, const AuditKey *key, AuditHead *head);
/* Brings the file up to the database's checkpoints. RC_CONFLICT: the file knows later ones, or
 * others; it is left as it is. */
MUST_CHECK Rc checkpoints_copy(Ctx *cx, int64_t *ret_number);

/* ---- audit_chain.c */
void *audit_main(void *audit);
/* One transaction; *ret_n rows were chained. */
MUST_CHECK Rc audit_chain_batch(Ctx *cx, size_t *ret_n);

struct Audit {
    Platform *platform;
    Mutex lock; /* guards woken and stopping */
    Cond wake;
    bool woken, stopping;
    Thread thread;
    bool is_started;

    /* the thread's own */
    AuditKey key;
    bool has_key, is_failing, disagrees;
    int64_t copied; /* number of the newest checkpoint in the file */
    Metric *chained, *checkpoints, *failures;
};

#endif
