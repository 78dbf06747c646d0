/* SPDX-License-Identifier: Apache-2.0
 * platform/secrets/secrets.h - sealing of secret fields at rest: AES-256-GCM under a key that is
 * not in the database.
 *
 * The key comes from FAIRWAY_SECRET_KEY (base64, 32 bytes) or <data>/secret.key (made at first
 * start, mode 0600). There may be several: new values are sealed with the first, all open. The file
 * has a line each; it is looked at again when it has changed, so that a running process follows a
 * rotation (docs/operations/runbooks/key-rotation.md). Sealed text: "v1:<key id>:<base64url of
 * nonce, ciphertext, tag>"; context (table, column, row id) is authenticated. Any thread. */
#ifndef PLATFORM_SECRETS_H
#define PLATFORM_SECRETS_H

#include "base/error.h"

#include "platform/ctx.h"
#include "platform/module.h"

enum { SECRET_KEY_ID_SIZE = 8, SECRET_KEYS_MAX = 8 };
#define SECRET_KEY_FILE "secret.key"

MUST_CHECK Rc secrets_new(const char *data_dir, Str key_base64, Secrets **ret, Error *err);
void secrets_free(Secrets *secrets);
/* Further keys that only open, in base64, separated by commas. Before other threads use it. */
MUST_CHECK Rc secrets_add_old(Secrets *secrets, Str keys_base64, Error *err);
/* Declare the column of what is not an x-secret field in Module.sealed, or rotation loses it. */
MUST_CHECK Rc
secrets_seal(Secrets *secrets, Arena *arena, Str plain, Str context, Str *ret, Error *err);
MUST_CHECK Rc
secrets_open(Secrets *secrets, Arena *arena, Str sealed, Str context, Str *ret, Error *err);
/* What an answer, an event or an audit row shows instead. */
#define SECRET_MASK "********"

/* ---- rotation */

/* A column with sealed values, of a table whose key is the TEXT column id. Secret fields of records
 * are known by their contract; a module names its others (Module.sealed). */
struct SealedColumn {
    const char *table, *column;
    const char *context; /* the column its values were sealed for; NULL: itself */
};

/* The id of the key that seals, terminated; how many keys are known. */
Str secrets_key_id(Secrets *secrets, char out[SECRET_KEY_ID_SIZE + 1]);
size_t secrets_n_keys(Secrets *secrets);
bool secrets_is_file(const Secrets *secrets); /* the key is that of the data folder */
/* Makes a new key in front of those in the file. */
MUST_CHECK Rc secrets_file_add_key(Secrets *secrets, Error *err);
/* Leaves only the first in the file. */
MUST_CHECK Rc secrets_file_drop_old(Secrets *secrets, Error *err);

typedef struct SecretsReseal {
    Db *db;
    Secrets *secrets;
    const SealedColumn *columns;
    size_t n_columns;
    size_t batch; /* values in one transaction */
    /* After each transaction that changed something. May be NULL. */
    void (*progress)(void *user, const SealedColumn *column, int64_t n);
    void *user;
} SecretsReseal;
typedef struct SecretsResealed {
    int64_t changed;
    int64_t unopened; /* values that no key opens; they are left as they are */
    char first[160];  /* where the first of them is */
} SecretsResealed;
/* Seals with the first key what is sealed with another. What changes meanwhile keeps its new value;
 * stopped at any point, it goes on when it is called again. */
MUST_CHECK Rc secrets_reseal(const SecretsReseal *options, SecretsResealed *ret, Error *err);
/* How many values are sealed with other keys than the first. */
MUST_CHECK Rc secrets_count_old(const SecretsReseal *options, int64_t *ret, Error *err);

#endif
