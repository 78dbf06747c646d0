/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract_text.c - the published document as bytes, also compressed, made once.
 */
#include "base/hash.h"

#include "platform/contract/contract_priv.h"
#include "platform/contract/contract_publish.h"

#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, ETAG_LEN = 16 };
static const size_t max_published = 32 * MIB;

static Str compress_text(Arena *arena, Str text)
{
    z_stream z = {0};
    ASSERT(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    size_t max = deflateBound(&z, text.len);
    char *out = arena_alloc(arena, max);
    z.next_in = (Bytef *)(uintptr_t)text.ptr; /* the library only reads it */
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)max;
    ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t len = z.total_out;
    IGNORE(deflateEnd(&z) != Z_OK); /* everything is out already */
    return str_of(out, len);
}

static void make_text(Contract *contract)
{
    Arena *scratch = arena_new(0);
    Buf out = buf_init(contract->arena, max_published);
    json_write(&out, contract_publish(scratch, contract->doc));
    ASSERT(buf_ok(&out));
    Str plain = buf_str(&out);
    Str digest = sha256_hex(scratch, plain);
    contract->published = (ContractText){
        .plain = plain,
        .gzip = compress_text(contract->arena, plain),
        .etag = str_fmt(contract->arena, "\"%.*s\"", ETAG_LEN, digest.ptr),
    };
    arena_free(scratch);
}

const ContractText *contract_text(Contract *contract)
{
    mutex_lock(&contract->lock);
    if (contract->published.plain.len == 0) {
        make_text(contract);
    }
    mutex_unlock(&contract->lock);
    return &contract->published;
}
