/* SPDX-License-Identifier: Apache-2.0
 * Recovery codes: ten of 120 random bits, each good once, for who has lost the device. They are
 * long enough that a plain SHA-256 of them may be kept. */
#include "base/buf.h"
#include "base/id.h"

#include "contract_handlers.h"
#include "factors_q_sql.h"
#include "modules/identity/factors_priv.h"
#include "modules/identity/totp.h"

enum { CODE_BYTES = 15, CODE_LENGTH = 24, GROUP = 4 };

Str recovery_code_new(Arena *arena)
{
    uint8_t bytes[CODE_BYTES];
    Buf out = buf_init(arena, 64);
    random_bytes(bytes, sizeof(bytes));
    Str plain = base32(arena, str_of((const char *)bytes, sizeof(bytes)));
    for (size_t i = 0; i < plain.len; i += GROUP) {
        if (i > 0) {
            buf_char(&out, '-');
        }
        buf_put(&out, str_sub(plain, i, i + GROUP));
    }
    return buf_str(&out);
}

Str recovery_code_hash(Arena *arena, Str text)
{
    char plain[CODE_LENGTH];
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        c = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
        if (c == ' ' || c == '-') {
            continue;
        }
        bool is_digit = (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
        if (!is_digit || n == CODE_LENGTH) {
            return STR_EMPTY;
        }
        plain[n++] = c;
    }
    return n == CODE_LENGTH ? sha256_hex(arena, str_of(plain, n)) : STR_EMPTY;
}

Rc recovery_codes_renew(Ctx *cx, Str user_id, Json **ret)
{
    int64_t now = time_now_us();
    Json *codes = json_array(cx->arena);
    TRY(tx_exec(cx->tx, &factors_q_recovery_codes_remove, PARAMS(P_STR(user_id)), NULL,
                &cx->error));
    for (int i = 0; i < RECOVERY_CODES; i++) {
        Str code = recovery_code_new(cx->arena);
        TRY(tx_exec(cx->tx, &factors_q_recovery_code_add,
                    PARAMS(P_STR(recovery_code_hash(cx->arena, code)), P_STR(user_id), P_I64(now)),
                    NULL, &cx->error));
        json_push(cx->arena, codes, json_string(cx->arena, code));
    }
    *ret = codes;
    return RC_OK;
}

Rc recovery_codes_first(Ctx *cx, Str user_id, const Factors *before, Json **ret)
{
    *ret = json_array(cx->arena);
    return factors_any(before) && before->recovery_codes > 0
               ? RC_OK
               : recovery_codes_renew(cx, user_id, ret);
}

Rc auth_recovery_codes_create(Ctx *cx, Call *call)
{
    Factors f;
    Json *codes, *answer = json_object(cx->arena);
    TRY(factors_need_session(cx));
    TRY(ctx_begin(cx));
    TRY(factors_need_recent(cx));
    TRY(factors_read(cx, cx->actor.id, &f));
    if (!factors_any(&f)) {
        return fail(cx, RC_CONFLICT,
                    "Recovery codes stand in for a second factor; set one up first.");
    }
    TRY(recovery_codes_renew(cx, cx->actor.id, &codes));
    TRY(factors_changed(cx, "auth.recovery_codes_made", NULL));
    TRY(ctx_commit(cx));
    json_set_c(cx->arena, answer, "recovery_codes", codes);
    reply_header(call, "Cache-Control", STR("no-store"));
    reply_json_tree(cx, call, 200, answer);
    return RC_OK;
}
