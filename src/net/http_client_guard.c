/* SPDX-License-Identifier: Apache-2.0
 * net/http_client_guard.c - which addresses lie outside the public internet, and which of them a
 * list lets through.
 *
 * The lists follow the IANA special-purpose registries (RFC 6890 and its updates, 2024). For IPv6
 * the question is turned round: only 2000::/3 is global unicast, so everything else is internal by
 * default, and the table lists what is special inside it. Forms that carry an IPv4 address are
 * judged by that. */
#include "base/file.h"
#include "base/time.h"

#include "net/http_client_priv.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

typedef struct Range4 {
    uint32_t base; /* host byte order */
    unsigned bits;
} Range4;

#define IP4(a, b, c, d)                                                                            \
    (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))

static const Range4 internal4[] = {
    {IP4(0,   0,   0,   0), 8 }, /* this network; 0.0.0.0 connects to the machine itself */
    {IP4(10,  0,   0,   0), 8 }, /* private */
    {IP4(100, 64,  0,   0), 10}, /* carrier-grade NAT; cloud metadata of some providers */
    {IP4(127, 0,   0,   0), 8 }, /* loopback */
    {IP4(169, 254, 0,   0), 16}, /* link-local; cloud metadata */
    {IP4(172, 16,  0,   0), 12}, /* private */
    {IP4(192, 0,   0,   0), 24}, /* IETF protocol assignments */
    {IP4(192, 0,   2,   0), 24}, /* documentation */
    {IP4(192, 88,  99,  0), 24}, /* 6to4 relay, withdrawn */
    {IP4(192, 168, 0,   0), 16}, /* private */
    {IP4(198, 18,  0,   0), 15}, /* benchmarks */
    {IP4(198, 51,  100, 0), 24}, /* documentation */
    {IP4(203, 0,   113, 0), 24}, /* documentation */
    {IP4(224, 0,   0,   0), 4 }, /* multicast */
    {IP4(240, 0,   0,   0), 4 }, /* reserved, broadcast */
};

typedef struct Range6 {
    uint8_t base[16];
    unsigned bits;
} Range6;

static const Range6 internal6[] = {
    {{0x20, 0x01, 0x00},       23}, /* IETF protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02},             16}, /* 6to4: any IPv4 address inside */
    {{0x3f, 0xff, 0x00},       20}, /* documentation */
};

/* Their last four bytes are the IPv4 address really meant. */
static const Range6 carries4[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, /* IPv4-mapped */
    {{0x00, 0x64, 0xff, 0x9b},                   96}, /* NAT64, RFC 6052 */
};

static bool in_range6(const uint8_t address[16], const Range6 *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    uint8_t mask = (uint8_t)(0xff00U >> rest);

    return memcmp(address, range->base, whole) == 0 &&
           (rest == 0 || ((address[whole] ^ range->base[whole]) & mask) == 0);
}

static bool is_internal4(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_LEN(internal4); i++) {
        if (((address ^ internal4[i].base) >> (32 - internal4[i].bits)) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_internal6(const uint8_t a[16])
{
    for (size_t i = 0; i < ARRAY_LEN(carries4); i++) {
        if (in_range6(a, &carries4[i])) {
            return is_internal4(IP4(a[12], a[13], a[14], a[15]));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(internal6); i++) {
        if (in_range6(a, &internal6[i])) {
            return true;
        }
    }
    return (a[0] & 0xe0) != 0x20;
}

bool guard_is_internal(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        return is_internal4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        return is_internal6(in6.sin6_addr.s6_addr);
    }
    return true;
}

bool address_is_internal(Str address)
{
    char text[INET6_ADDRSTRLEN + 32]; /* room for a zone */
    struct in_addr in;
    struct in6_addr in6;
    Str plain = str_sub(address, 0, str_find_char(address, '%'));

    if (plain.len >= 2 && plain.ptr[0] == '[' && plain.ptr[plain.len - 1] == ']') {
        plain = str_sub(plain, 1, plain.len - 1);
    }
    if (plain.len == 0 || plain.len >= sizeof text) {
        return false;
    }
    memcpy(text, plain.ptr, plain.len);
    text[plain.len] = '\0';
    if (inet_pton(AF_INET6, text, &in6) == 1) {
        return is_internal6(in6.s6_addr);
    }
    /* inet_aton, because resolvers take 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1 as well. */
    return strspn(text, "0123456789abcdefABCDEFxX.") == plain.len && inet_aton(text, &in) == 1 &&
           is_internal4(ntohl(in.s_addr));
}

Rc guard_refuse(Error *err, Str host, uint16_t port, const char *address)
{
    IGNORE(error_set(
        err, RC_DENIED,
        "%.*s is an internal address, or a name that leads to one; to permit it, put %.*s:%u "
        "on the list of allowed hosts",
        STR_ARG(host), STR_ARG(host), port)); /* the code is returned below */
    error_detail(err, "address %s", address);
    return RC_DENIED;
}

static bool numeric_text(const struct addrinfo *ai, char out[INET6_ADDRSTRLEN])
{
    return getnameinfo(ai->ai_addr, ai->ai_addrlen, out, INET6_ADDRSTRLEN, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

Rc guard_resolve(Arena *arena,
                 Str host,
                 uint16_t port,
                 HttpAllow allow,
                 void *allow_user,
                 Str ret[GUARD_ADDRESSES_MAX],
                 size_t *ret_n,
                 Error *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    Str name = str_lower(arena, host);
    bool allowed = allow != NULL && allow(allow_user, name, port);
    char refused[INET6_ADDRSTRLEN] = "";
    struct addrinfo *list = NULL;
    size_t n = 0;
    int rc = getaddrinfo(str_cstr(arena, name), NULL, &hints, &list);

    if (rc != 0) {
        return error_set(err, RC_UPSTREAM, "the name %.*s cannot be resolved: %s", STR_ARG(name),
                         gai_strerror(rc));
    }
    for (const struct addrinfo *ai = list; ai != NULL && n < GUARD_ADDRESSES_MAX;
         ai = ai->ai_next) {
        char text[INET6_ADDRSTRLEN];

        if (!numeric_text(ai, text)) {
            continue;
        }
        if (allowed || !guard_is_internal(ai->ai_addr)) {
            ret[n++] = str_dup(arena, str_from(text));
        } else {
            memcpy(refused, text, sizeof refused);
        }
    }
    freeaddrinfo(list);
    if (n == 0) {
        return guard_refuse(err, name, port, refused);
    }
    *ret_n = n;
    return RC_OK;
}

bool http_allow_listed(void *list, Str host, uint16_t port)
{
    Str rest = *(const Str *)list, part;
    char with_port[300];
    int n = snprintf(with_port, sizeof(with_port), "%.*s:%u", STR_ARG(host), (unsigned)port);
    if (n < 0 || (size_t)n >= sizeof(with_port)) {
        return false;
    }
    while (rest.len && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len &&
            (glob_match(part, host) || glob_match(part, str_of(with_port, (size_t)n)))) {
            return true;
        }
    }
    return false;
}
