/* SPDX-License-Identifier: Apache-2.0
 * platform/api/api_gateway.c - what stands between the network and the operations: pages of other
 * origins (CORS), proxies in front, fields of every answer.
 *
 * An origin is never reflected: a listed one is answered with its name, any other with nothing,
 * which makes the browser keep the answer from the page. X-Forwarded-For is read from the right,
 * over trusted proxies only; what stands left of the first address that is not one of them was
 * written by someone who may say anything. */
#include "base/vec.h"

#include "platform/api/api_priv.h"

#include <arpa/inet.h>

enum {
    ORIGINS_MAX = 100,
    PROXIES_MAX = 100,
    HOPS_MAX = 32,
    V4_MAPPED_BITS = 96,
    ADDRESS_BITS = 128
};

/* ---- options */

/* As browsers send it: scheme and authority in lower case, no path. */
static bool is_origin(Arena *arena, Str s)
{
    Str rest = str_starts(s, STR("https://"))  ? str_from_index(s, sizeof("https://") - 1)
               : str_starts(s, STR("http://")) ? str_from_index(s, sizeof("http://") - 1)
                                               : STR_EMPTY;
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("/?#@*\\\"", c)) {
            return false;
        }
    }
    return rest.len > 0 && str_eq(str_lower(arena, s), s);
}

static Rc read_origins(Api *api, Error *err)
{
    Str rest = str_dup(api->arena, api->options.cors_origins);
    Str part;
    api->origins = ARENA_ARRAY(api->arena, Str, ORIGINS_MAX);
    while (rest.len > 0 && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len == 0) {
            continue;
        }
        if (!is_origin(api->arena, part)) {
            return error_set(
                err, RC_INVALID,
                "the setting server.cors.origins has \"%.*s\": an origin is scheme, host and "
                "port in lower case without a path, such as https://portal.example.com",
                STR_ARG(part));
        }
        if (api->n_origins == ORIGINS_MAX) {
            return error_set(err, RC_INVALID, "the setting server.cors.origins has more than %d",
                             ORIGINS_MAX);
        }
        api->origins[api->n_origins++] = part;
    }
    return RC_OK;
}

/* An address as 16 bytes; ret_is_v4 also for one that is written as IPv6. */
static bool read_address(Arena *arena, Str s, uint8_t ret[16], bool *ret_is_v4)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const char *text = str_cstr(arena, s);
    *ret_is_v4 = inet_pton(AF_INET, text, ret + sizeof(mapped)) == 1;
    if (*ret_is_v4) {
        memcpy(ret, mapped, sizeof(mapped));
        return true;
    }
    return inet_pton(AF_INET6, text, ret) == 1;
}

static bool read_network(Arena *arena, Str s, Network *ret)
{
    size_t slash = MIN(str_find_char(s, '/'), s.len);
    bool is_v4;
    uint64_t bits = 0;
    if (!read_address(arena, str_sub(s, 0, slash), ret->bytes, &is_v4)) {
        return false;
    }
    unsigned before = is_v4 ? V4_MAPPED_BITS : 0;
    if (slash == s.len) {
        ret->bits = ADDRESS_BITS;
        return true;
    }
    if (!str_to_u64(str_from_index(s, slash + 1), &bits) || bits > ADDRESS_BITS - before) {
        return false;
    }
    ret->bits = before + (unsigned)bits;
    return true;
}

static Rc read_proxies(Api *api, Error *err)
{
    Str rest = str_dup(api->arena, api->options.trusted_proxies);
    Str part;
    api->proxies = ARENA_ARRAY(api->arena, Network, PROXIES_MAX);
    while (rest.len > 0 && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len == 0) {
            continue;
        }
        if (api->n_proxies == PROXIES_MAX) {
            return error_set(err, RC_INVALID, "the setting server.trusted_proxies has more than %d",
                             PROXIES_MAX);
        }
        if (!read_network(api->arena, part, &api->proxies[api->n_proxies++])) {
            return error_set(
                err, RC_INVALID,
                "the setting server.trusted_proxies has \"%.*s\": give addresses or networks "
                "such as 10.0.0.0/8",
                STR_ARG(part));
        }
    }
    return RC_OK;
}

Rc api_gateway_init(Api *api, Error *err)
{
    TRY(read_origins(api, err));
    return read_proxies(api, err);
}

/* ---- the client behind proxies */

static bool is_inside(const Network *network, const uint8_t address[16])
{
    unsigned whole = network->bits / 8;
    unsigned left = network->bits % 8;
    if (memcmp(network->bytes, address, whole) != 0) {
        return false;
    }
    return left == 0 || (network->bytes[whole] ^ address[whole]) >> (8 - left) == 0;
}

static bool is_trusted(const Api *api, Arena *arena, Str address)
{
    uint8_t bytes[16];
    bool is_v4;
    if (!read_address(arena, address, bytes, &is_v4)) {
        return false;
    }
    for (size_t i = 0; i < api->n_proxies; i++) {
        if (is_inside(&api->proxies[i], bytes)) {
            return true;
        }
    }
    return false;
}

/* Some write the port too: 192.0.2.7:4711, [2001:db8::1]:4711. */
static Str without_port(Str hop)
{
    if (str_starts(hop, STR("["))) {
        return str_sub(hop, 1, MIN(str_find_char(hop, ']'), hop.len));
    }
    size_t colon = str_find_char(hop, ':');
    return colon != SIZE_MAX && colon == str_rfind_char(hop, ':') ? str_sub(hop, 0, colon) : hop;
}

static Str client_address(const Api *api, HttpRequest *r)
{
    Arena *arena = http_arena(r);
    Str address = http_peer(r);
    if (api->n_proxies == 0 || !is_trusted(api, arena, address)) {
        return address;
    }
    Str rest = http_header_all(r, "X-Forwarded-For");
    for (size_t hops = 0; rest.len > 0 && hops < HOPS_MAX; hops++) {
        size_t comma = str_rfind_char(rest, ',');
        Str hop = without_port(str_trim(str_from_index(rest, comma == SIZE_MAX ? 0 : comma + 1)));
        uint8_t bytes[16];
        bool is_v4;
        if (!read_address(arena, hop, bytes, &is_v4)) {
            break;
        }
        address = hop;
        if (comma == SIZE_MAX || !is_trusted(api, arena, hop)) {
            break;
        }
        rest = str_sub(rest, 0, comma);
    }
    return address;
}

/* ---- other origins */

bool api_is_listed_origin(const Api *api, Str origin)
{
    for (size_t i = 0; origin.len > 0 && i < api->n_origins; i++) {
        if (str_eq(api->origins[i], origin)) {
            return true;
        }
    }
    return false;
}

static void add_cors(const Api *api, HttpRequest *r)
{
    Str origin = http_header(r, "Origin");
    http_add_field(r, STR("Vary"), STR("Origin"));
    if (!api_is_listed_origin(api, origin)) {
        return;
    }
    http_add_field(r, STR("Access-Control-Allow-Origin"), origin);
    http_add_field(r, STR("Access-Control-Allow-Credentials"), STR("true"));
    http_add_field(r, STR("Access-Control-Expose-Headers"),
                   STR("Deprecation, ETag, Fairway-Version, Link, Location, RateLimit, "
                       "RateLimit-Policy, Retry-After, Sunset, X-Request-Id"));
}

void api_gateway_preflight(const Api *api, HttpRequest *r, Str allow)
{
    if (!api_is_listed_origin(api, http_header(r, "Origin")) ||
        !http_has_header(r, "Access-Control-Request-Method")) {
        return;
    }
    http_add_field(r, STR("Access-Control-Allow-Methods"), allow);
    http_add_field(r, STR("Access-Control-Allow-Headers"),
                   STR("Accept, Authorization, Content-Type, Fairway-Version, Idempotency-Key, "
                       "If-Match, If-None-Match, Last-Event-ID, X-Request-Id, traceparent, "
                       "tracestate"));
    http_add_field(r, STR("Access-Control-Max-Age"), STR("600"));
}

void api_gateway_accept(const Api *api, HttpRequest *r, ApiRequest *state)
{
    state->address = client_address(api, r);
    if (api->options.is_https) {
        http_add_field(r, STR("Strict-Transport-Security"),
                       STR("max-age=31536000; includeSubDomains"));
    }
    if (api->n_origins > 0) {
        add_cors(api, r);
    }
}
