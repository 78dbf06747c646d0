/* SPDX-License-Identifier: Apache-2.0
 * Cursors of by-query: what is read is UTF-8, and what is accepted comes back the same. */
#include "modules/catalog/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Str raw = str_dup(arena, str_of((const char *)data, size));
    Buf encoded = buf_init(arena, 4 * MIB);
    Error err = {0};
    EntityQuery q, again;
    ASSERT(str_is_utf8(cursor_text(arena, raw), NULL));
    buf_base64(&encoded, raw);
    if (buf_ok(&encoded) && cursor_decode(arena, buf_str(&encoded), &q, &err) == RC_OK && q.first) {
        ASSERT(cursor_decode(arena, cursor_encode(arena, &q), &again, &err) == RC_OK);
        ASSERT(again.is_previous == q.is_previous && again.n_order == q.n_order &&
               again.has_text == q.has_text && json_equal(again.values, q.values) &&
               json_equal(again.first, q.first));
        ASSERT(!q.filter == !again.filter && (!q.filter || json_equal(q.filter, again.filter)));
    }
    arena_free(arena);
    return 0;
}
