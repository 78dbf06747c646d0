/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/identity/webauthn_cbor.h"

#include <cbor.h>

enum { DEPTH_MAX = 6 }; /* CTAP2 allows 4 */

/* ---- what libcbor calls: one of these for each item */

static void on_unsigned(CborItem *item, uint64_t v)
{
    if (v <= INT64_MAX) {
        item->kind = CBOR_INTEGER;
        item->integer = (int64_t)v;
    }
}

static void on_negative(CborItem *item, uint64_t v)
{
    if (v <= INT64_MAX) {
        item->kind = CBOR_INTEGER;
        item->integer = -1 - (int64_t)v;
    }
}

static void on_uint8(void *item, uint8_t v)
{
    on_unsigned(item, v);
}
static void on_uint16(void *item, uint16_t v)
{
    on_unsigned(item, v);
}
static void on_uint32(void *item, uint32_t v)
{
    on_unsigned(item, v);
}
static void on_uint64(void *item, uint64_t v)
{
    on_unsigned(item, v);
}
static void on_negint8(void *item, uint8_t v)
{
    on_negative(item, v);
}
static void on_negint16(void *item, uint16_t v)
{
    on_negative(item, v);
}
static void on_negint32(void *item, uint32_t v)
{
    on_negative(item, v);
}
static void on_negint64(void *item, uint64_t v)
{
    on_negative(item, v);
}

static void on_bytes(void *item, cbor_data at, size_t len)
{
    *(CborItem *)item = (CborItem){.kind = CBOR_BYTES, .bytes = str_of((const char *)at, len)};
}
static void on_text(void *item, cbor_data at, size_t len)
{
    *(CborItem *)item = (CborItem){.kind = CBOR_TEXT, .bytes = str_of((const char *)at, len)};
}
static void on_array(void *item, size_t n)
{
    *(CborItem *)item = (CborItem){.kind = CBOR_ARRAY, .n = n};
}
static void on_map(void *item, size_t n)
{
    *(CborItem *)item = (CborItem){.kind = CBOR_MAP, .n = n};
}

static void on_simple(void *item)
{
    ((CborItem *)item)->kind = CBOR_SIMPLE;
}
static void on_bool(void *item, bool v)
{
    (void)v;
    on_simple(item);
}
static void on_float(void *item, float v)
{
    (void)v;
    on_simple(item);
}
static void on_double(void *item, double v)
{
    (void)v;
    on_simple(item);
}

/* What stays CBOR_REFUSED. */
static void on_refused(void *item)
{
    (void)item;
}
static void on_tag(void *item, uint64_t v)
{
    (void)item;
    (void)v;
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .byte_string_start = on_refused,
    .string = on_text,
    .string_start = on_refused,
    .array_start = on_array,
    .indef_array_start = on_refused,
    .map_start = on_map,
    .indef_map_start = on_refused,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_simple,
    .null = on_simple,
    .boolean = on_bool,
    .indef_break = on_refused,
};

/* ---- */

bool cbor_take(Str *rest, CborItem *ret)
{
    CborItem item = {0};
    if (rest->len == 0) {
        return false;
    }
    struct cbor_decoder_result r =
        cbor_stream_decode((cbor_data)rest->ptr, rest->len, &callbacks, &item);
    if (r.status != CBOR_DECODER_FINISHED || r.read == 0 || r.read > rest->len ||
        item.kind == CBOR_REFUSED) {
        return false;
    }
    *rest = str_from_index(*rest, r.read);
    *ret = item;
    return true;
}

bool cbor_take_kind(Str *rest, CborKind kind, CborItem *ret)
{
    return cbor_take(rest, ret) && ret->kind == kind;
}

/* Each item takes a byte at least, so what an array claims to hold is no work. */
static bool skip(Str *rest, unsigned depth)
{
    CborItem item;
    if (depth > DEPTH_MAX || !cbor_take(rest, &item)) {
        return false;
    }
    uint64_t n = item.n;
    for (uint64_t i = 0; i < n; i++) {
        bool is_map = item.kind == CBOR_MAP;
        if ((is_map && !skip(rest, depth + 1)) || !skip(rest, depth + 1)) {
            return false;
        }
    }
    return true;
}

bool cbor_skip(Str *rest)
{
    return skip(rest, 0);
}
