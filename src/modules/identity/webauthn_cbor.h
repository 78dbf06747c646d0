/* SPDX-License-Identifier: Apache-2.0
 * identity/webauthn_cbor.h - CBOR (RFC 8949) as authenticators write it, read item by item over
 * libcbor's streaming decoder. Nothing is allocated: what an item says of its size is only a
 * number. Items of indefinite length and tags are refused, as CTAP2's canonical form does. */
#ifndef MODULES_IDENTITY_WEBAUTHN_CBOR_H
#define MODULES_IDENTITY_WEBAUTHN_CBOR_H

#include "base/str.h"

typedef enum CborKind {
    CBOR_REFUSED,
    CBOR_INTEGER,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_SIMPLE
} CborKind;

typedef struct CborItem {
    CborKind kind;
    int64_t integer; /* CBOR_INTEGER */
    uint64_t n;      /* items of an array, pairs of a map */
    Str bytes;       /* CBOR_BYTES, CBOR_TEXT: in the input */
} CborItem;

/* Takes the next item, of a map or an array only its head, off *rest. */
bool cbor_take(Str *rest, CborItem *ret);
bool cbor_take_kind(Str *rest, CborKind kind, CborItem *ret);
/* Takes a whole value; false when it is nested too deeply. */
bool cbor_skip(Str *rest);

#endif
