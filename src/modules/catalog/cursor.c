/* SPDX-License-Identifier: Apache-2.0
 * Cursors of by-query: Backstage's members, so that what it says about malformed ones can be said
 * too. Entities are numbered by `entities.n`, not by uid: the second value of a place. */
#include "modules/catalog/query.h"
#include "platform/api/v8_json.h"

#define CURSOR_BYTES_MAX (MIB)

/* ---- writing */

static Json *strings_json(Arena *arena, const Str *list, size_t n)
{
    Json *out = json_array(arena);
    for (size_t i = 0; i < n; i++) {
        json_push(arena, out, json_string(arena, list[i]));
    }
    return out;
}

Str cursor_encode(Arena *arena, const EntityQuery *q)
{
    Json *v = json_object(arena), *order = json_array(arena);
    for (size_t i = 0; i < q->n_order; i++) {
        Json *field = json_object(arena);
        json_set_str(arena, field, "field", q->order[i].field);
        if (q->order[i].direction.len) {
            json_set_str(arena, field, "order", q->order[i].direction);
        }
        json_push(arena, order, field);
    }
    json_set_c(arena, v, "orderFields", order);
    json_set_c(arena, v, "isPrevious", json_bool_new(arena, q->is_previous));
    if (q->filter) {
        json_set_c(arena, v, "query", json_clone(arena, q->filter));
    }
    if (q->has_text) {
        Json *text = json_object(arena);
        json_set_str(arena, text, "term", q->term);
        if (q->has_text_fields) {
            json_set_c(arena, text, "fields",
                       strings_json(arena, q->text_fields, q->n_text_fields));
        }
        json_set_c(arena, v, "fullTextFilter", text);
    }
    json_set_c(arena, v, "orderFieldValues", json_clone(arena, q->values));
    json_set_c(arena, v, "firstSortFieldValues", json_clone(arena, q->first));
    json_set_c(arena, v, "totalItems", json_int(arena, q->total));
    Buf out = buf_init(arena, 2 * CURSOR_BYTES_MAX);
    buf_base64(&out, json_to_str(arena, v));
    return buf_str(&out);
}

/* ---- reading */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

/* Length of the UTF-8 sequence at `at`, or of the part of one that cannot be continued (0 flags it
 * in *ret_good): each such part is one U+FFFD, as the Encoding standard has it. */
static size_t utf8_step(Str s, size_t at, bool *ret_good)
{
    unsigned char first = (unsigned char)s.ptr[at];
    unsigned low = 0x80, high = 0xbf;
    size_t need = first < 0x80 ? 0 : first < 0xc2 ? 9 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (need > 3 || first > 0xf4) {
        *ret_good = false;
        return 1;
    }
    low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
    high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
    for (size_t i = 1; i <= need; i++) {
        unsigned c = at + i < s.len ? (unsigned char)s.ptr[at + i] : 0;
        if (c < low || c > high) {
            *ret_good = false;
            return i;
        }
        low = 0x80;
        high = 0xbf;
    }
    *ret_good = true;
    return need + 1;
}

Str cursor_text(Arena *arena, Str base64)
{
    Buf bytes = buf_init(arena, CURSOR_BYTES_MAX), text = buf_init(arena, 3 * CURSOR_BYTES_MAX);
    unsigned bits = 0, n_bits = 0;
    for (size_t i = 0; i < base64.len && base64.ptr[i] != '='; i++) {
        int value = base64_value(base64.ptr[i]);
        if (value < 0) {
            continue;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            buf_char(&bytes, (char)(bits >> n_bits & 0xff));
        }
    }
    Str raw = buf_str(&bytes);
    for (size_t at = 0; at < raw.len;) {
        bool good;
        size_t n = utf8_step(raw, at, &good);
        buf_put(&text, good ? str_sub(raw, at, at + n) : STR("\xef\xbf\xbd"));
        at += n;
    }
    return buf_str(&text);
}

static Rc malformed(Arena *arena, Str text, const Error *why, Error *err)
{
    Str words = v8_json_parse_error(arena, text);
    if (words.len) {
        return error_set(err, RC_MALFORMED, "Malformed cursor: SyntaxError: %.*s", STR_ARG(words));
    }
    return error_set(err, RC_MALFORMED, "Malformed cursor: %s", why->message);
}

/* The form before there were predicates: {key, values} {not} {anyOf} {allOf}. */
static Json *from_old_filter(Arena *arena, const Json *filter)
{
    Json *out = json_object(arena), *value;
    const Json *values = json_get_c(filter, "values"), *inner = json_get_c(filter, "not");
    if (json_get_c(filter, "key")) {
        value = json_object(arena);
        if (values) {
            json_set_c(arena, value, "$in", json_clone(arena, values));
        } else {
            json_set_c(arena, value, "$exists", json_bool_new(arena, true));
        }
        json_set(arena, out, json_str_at(filter, "key"), value);
        return out;
    }
    if (inner) {
        json_set_c(arena, out, "$not", from_old_filter(arena, inner));
        return out;
    }
    const Json *any = json_get_c(filter, "anyOf"), *list = any ? any : json_get_c(filter, "allOf");
    value = json_array(arena);
    for (uint32_t i = 0; i < list->n; i++) {
        json_push(arena, value, from_old_filter(arena, list->items[i]));
    }
    json_set_c(arena, out, any ? "$any" : "$all", value);
    return out;
}

static void read_order(Arena *arena, const Json *list, EntityQuery *ret)
{
    ret->order = ARENA_ARRAY(arena, EntityOrder, list->n + 1U);
    for (uint32_t i = 0; i < list->n; i++) {
        ret->order[ret->n_order++] = (EntityOrder){json_str_at(list->items[i], "field"),
                                                   json_str_at(list->items[i], "order")};
    }
}

static void read_text(Arena *arena, const Json *text, EntityQuery *ret)
{
    const Json *fields = json_get_c(text, "fields");
    ret->has_text = text != NULL;
    ret->term = json_str_at(text, "term");
    ret->has_text_fields = fields != NULL;
    if (fields) {
        Str *list = ARENA_ARRAY(arena, Str, fields->n + 1U);
        for (uint32_t i = 0; i < fields->n; i++) {
            list[i] = fields->items[i]->text;
        }
        ret->text_fields = list;
        ret->n_text_fields = fields->n;
    }
}

Rc cursor_decode(Arena *arena, Str base64, EntityQuery *ret, Error *err)
{
    const Json *v, *issues;
    Json *parsed;
    Error why = {0};
    if (base64.len > CURSOR_BYTES_MAX) {
        return error_set(err, RC_LIMIT, "Malformed cursor: it is longer than any cursor");
    }
    Str text = cursor_text(arena, base64);
    if (json_parse(arena, text, NULL, &parsed, &why) != RC_OK) {
        return malformed(arena, text, &why, err);
    }
    v = shape_check(arena, SHAPE_CURSOR, parsed, &issues);
    if (!v) {
        Buf out = buf_init(arena, MIB);
        json_write_pretty(&out, issues);
        return error_set(err, RC_MALFORMED, "Malformed cursor: InputError: Malformed cursor: %.*s",
                         STR_ARG(buf_str(&out)));
    }
    *ret = (EntityQuery){
        .is_cursor = true,
        .is_previous = json_bool(json_get_c(v, "isPrevious"), false),
        .filter = json_get_c(v, "query"),
        .values = json_get_c(v, "orderFieldValues"),
        .first = json_get_c(v, "firstSortFieldValues"),
    };
    const Json *old = json_get_c(v, "filter"), *total = json_get_c(v, "totalItems");
    if (old && !ret->filter) {
        ret->filter = from_old_filter(arena, old);
    }
    ret->has_total = total && json_to_i64(total, &ret->total);
    read_order(arena, json_get_c(v, "orderFields"), ret);
    read_text(arena, json_get_c(v, "fullTextFilter"), ret);
    return predicate_validate(arena, ret->filter, err);
}
