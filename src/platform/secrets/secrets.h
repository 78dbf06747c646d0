/* SPDX-License-Identifier: Apache-2.0
 * platform/secrets/secrets.h - sealing of secret fields at rest: AES-256-GCM under a key that is
 * not in the database.
 *
 * The key comes from FAIRWAY_SECRET_KEY (base64, 32 bytes) or <data>/secret.key (made at first
 * start, mode 0600). Sealed text: "v1:<key id>:<base64url of nonce, ciphertext, tag>"; context
 * (table, column, row id) is authenticated. */
#ifndef PLATFORM_SECRETS_H
#define PLATFORM_SECRETS_H

#include "base/error.h"

#include "platform/ctx.h"

MUST_CHECK Rc secrets_new(const char *data_dir, Str key_base64, Secrets **ret, Error *err);
void secrets_free(Secrets *secrets);
MUST_CHECK Rc
secrets_seal(Secrets *secrets, Arena *arena, Str plain, Str context, Str *ret, Error *err);
MUST_CHECK Rc
secrets_open(Secrets *secrets, Arena *arena, Str sealed, Str context, Str *ret, Error *err);
/* What an answer, an event or an audit row shows instead. */
#define SECRET_MASK "********"

#endif
